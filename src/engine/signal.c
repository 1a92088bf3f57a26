/*
 * signal.c - what people tell a run that is under way: the answer that a wait asks for,
 * or something that the run's kind understands at any time ("cancel").
 *
 * The word is an entry of the journal. It is written at once, and whoever sent it is
 * answered when it is on disk; the run goes on in its turn.
 */
#include "base/error.h"
#include "base/mem.h"
#include "engine/core.h"

/* A sender that waits. */
struct ack {
	struct ack *next;
	const struct entry *entry;
	engine_told_fn *done;
	void *arg;
};

void
signal_written(struct run *run, int code)
{
	struct ack **at = &run->acks;

	while (*at != NULL) {
		struct ack *ack = *at;

		if (code == 0 && (ack->entry->dirty || ack->entry->writing)) {
			at = &ack->next;
			continue;
		}
		*at = ack->next;
		if (!run->engine->closing)
			ack->done(ack->arg, code);
		mem_free(ack);
	}
}

int
signal_await(struct run *run, const struct entry *entry, engine_told_fn *done, void *arg)
{
	struct ack *ack;

	if (done == NULL)
		return 0;
	ack = mem_new(sizeof(*ack));
	if (ack == NULL)
		return HEED_E_NOMEM;
	*ack = (struct ack){run->acks, entry, done, arg};
	run->acks = ack;
	return 0;
}

struct heed_str
flow_link(struct run *run, struct heed_str signal, struct heed_str who, int64_t within_ms)
{
	const struct engine_options *options = &run->engine->options;
	int64_t now = loop_wall_us(run->engine->loop);

	if (options->link == NULL)
		return (struct heed_str){NULL, 0};
	return options->link(options->arg, &run->arena, run->id, signal, who,
	                     within_ms > 0 ? now + within_ms * 1000 : 0);
}

bool
flow_hear(const struct run *run, const char *signal, struct heed_json *ret_value)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (entry->kind != ENTRY_SIGNAL || !str_is(entry->step, signal))
			continue;
		*ret_value = entry->value;
		return true;
	}
	return false;
}

/* The wait that this word answers, or NULL. */
static struct entry *
find_wait(const struct run *run, struct heed_str name)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->kind == ENTRY_WAIT && entry->state == ENTRY_INTENDED &&
		    str_eq(entry->step, name) &&
		    json_get_bool(entry->value, "signal", false))
			return entry;
	return NULL;
}

static bool
understands(const struct run *run, struct heed_str name)
{
	const char *const *signals = run->definition->kind->signals;

	while (signals != NULL && *signals != NULL && !str_is(name, *signals))
		signals++;
	return signals != NULL && *signals != NULL;
}

size_t
engine_awaited(struct engine *engine, int64_t run_id, struct heed_str *names, size_t max)
{
	const struct run *run = run_find(engine, run_id);
	const struct entry *entry;
	size_t n = 0;

	if (run == NULL || run->state >= RUN_HELD)
		return 0;
	TAILQ_FOREACH (entry, &run->entries, link)
		if (n < max && entry->kind == ENTRY_WAIT &&
		    entry->state == ENTRY_INTENDED &&
		    json_get_bool(entry->value, "signal", false))
			names[n++] = entry->step;
	return n;
}

const struct definition *
engine_run_definition(struct engine *engine, int64_t run_id)
{
	const struct run *run = run_find(engine, run_id);

	return run != NULL ? run->definition : NULL;
}

static int
not_waiting(struct run *run, struct heed_str name, struct heed_error *error)
{
	struct heed_str names[8];
	size_t n = engine_awaited(run->engine, run->id, names, 8);
	struct heed_buf list;
	size_t i;

	(void)error_set(error, HEED_E_CONFLICT, "run %lld is not waiting for \"%.*s\"",
	                (long long)run->id, STR_ARG(name));
	buf_init(&list, 1024);
	for (i = 0; i < n; i++)
		buf_addf(&list, "%s%.*s", i > 0 ? ", " : "", STR_ARG(names[i]));
	if (n > 0)
		error_hint(error, "it waits for: %s", list.data);
	buf_done(&list);
	return HEED_E_CONFLICT;
}

/* A run that is not in memory has ended, is held, or never was. */
static int
say_state(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct heed_error *error = arg;

	(void)error_set(error, HEED_E_CONFLICT, "run %lld is %s", (long long)row->id,
	                store_run_state_name(row->state));
	if (row->state == RUN_HELD || row->state == RUN_DEAD)
		error_hint(error, "it was: %.*s", STR_ARG(row->text));
	return HEED_E_CONFLICT;
}

static int
not_here(struct engine *engine, int64_t run_id, struct heed_error *error)
{
	struct store_filter filter = {.run_id = run_id};
	int r = store_read_runs(engine->options.store, &filter, say_state, error, error);

	if (r != 0)
		return r;
	return error_set(error, HEED_E_NOTFOUND, "there is no run %lld",
	                 (long long)run_id);
}

static int
add_word(struct run *run, struct heed_str name, struct heed_json value,
         struct entry **ret_entry)
{
	struct heed_str step = arena_str(&run->arena, name);
	struct entry *entry =
		step.data != NULL ? journal_add(run, ENTRY_SIGNAL, step) : NULL;

	if (entry == NULL)
		return HEED_E_NOMEM;
	*ret_entry = entry;
	return wait_take(entry, value);
}

int
engine_signal(struct engine *engine, int64_t run_id, struct heed_str name,
              struct heed_json value, engine_told_fn *done, void *arg,
              struct heed_error *error)
{
	struct run *run = run_find(engine, run_id);
	struct entry *entry;
	int r;

	if (run == NULL)
		return not_here(engine, run_id, error);
	entry = find_wait(run, name);
	if (run->state >= RUN_HELD || (entry == NULL && !understands(run, name)))
		return not_waiting(run, name, error);
	r = entry != NULL ? wait_take(entry, value) : add_word(run, name, value, &entry);
	if (r == 0)
		r = signal_await(run, entry, done, arg);
	if (r < 0)
		return error_nomem(error);
	run_commit(run);
	return 0;
}
