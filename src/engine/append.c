/*
 * append.c - the steps that read and extend streams.
 *
 * flow_load is a read, so nothing is committed before it; what is recorded is the version
 * that was found. When the run comes back after a restart the same version is folded
 * again.
 *
 * flow_append is optimistic: the flow goes on as if it had succeeded, and everything that
 * it decides behind it is committed in the one transaction that appends. When another was
 * first, none of that was: the pass is cut back to the append, which has failed with
 * HEED_E_CONFLICT, and the flow comes again and is told.
 *
 *	flow ── append, acts, verdict ──> commit ── written: performed, kept
 *	  ^                                  |
 *	  '------- cut back, CONFLICT <------'
 */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/core.h"
#include "engine/trace.h"

struct append_write {
	struct heed_str stream;
	int64_t expected;
	struct event_ref **events;
	struct store_event *rows;
	size_t n;
	struct stream_state *after;
	struct store_snapshot snapshot; /* its state is empty when none is due */
	size_t n_emitted;               /* events that the run emitted before it */
};

/* ---- loading ----------------------------------------------------------------------- */

static int
note_version(struct entry *entry)
{
	entry->reply = arena_printf(&entry->run->arena, "{\"version\":%lld}",
	                            (long long)entry->folded->version);
	entry->ended_us = loop_wall_us(entry->run->engine->loop);
	entry->state = ENTRY_DONE;
	entry->dirty = true;
	return entry->reply.data == NULL ? HEED_E_NOMEM : 0;
}

static void
loaded(void *arg, int code, struct stream_state *state, const struct heed_error *error)
{
	struct entry *entry = arg;
	struct run *run = entry->run;

	entry->load = NULL;
	entry->folded = state;
	if (code == 0 && entry->state == ENTRY_INTENDED)
		code = note_version(entry);
	if (code != 0 && code != HEED_E_NOMEM) { /* for want of memory: once more */
		entry->state = ENTRY_FAILED;
		entry->code = code;
		entry->class = HEED_STR("state");
		entry->detail = arena_str(&run->arena, str_of(error->text));
		entry->dirty = true;
	}
	run_advance(run);
}

/* Fold it from the store, up to where it was when the step was reached first. */
static int
start_load(struct entry *entry, struct heed_str stream, const struct stream_fold *fold)
{
	struct fold_until until = FOLD_NEWEST;

	if (entry->state == ENTRY_DONE)
		until.version = json_get_int(entry->value, "version", INT64_MAX);
	HEED_TRY(streams_load(entry->run->engine->streams, stream, fold, until, loaded,
	                      entry, &entry->load));
	return HEED_WAIT;
}

/* As its run found it once; at once, for nobody else waits. */
static int
load_past(struct entry *entry, struct heed_str stream, const struct stream_fold *fold)
{
	const struct engine_options *options = &entry->run->engine->options;
	struct fold_until until = FOLD_NEWEST;
	struct heed_error error = {0};
	struct replay replay;
	int r;

	until.version = options->past_version(options->arg, flow_event(entry->run),
	                                      entry->run->definition->name);
	if (until.version < 0)
		until.version = INT64_MAX;
	replay_init(&replay, fold, stream, until);
	r = replay_all(&replay, options->past, &error);
	if (r == 0)
		entry->folded =
			stream_state_new(stream, fold, replay.version, 0, replay.state);
	replay_done(&replay);
	if (r < 0 && r != HEED_E_NOMEM)
		return flow_fail(entry->run, r, "state", &error);
	return entry->folded == NULL ? HEED_E_NOMEM : 0;
}

/* What needs no load. */
static int
find_state(struct entry *entry, struct heed_str stream, const struct stream_fold *fold)
{
	struct engine *engine = entry->run->engine;

	if (engine->options.past != NULL)
		HEED_TRY(load_past(entry, stream, fold));
	else
		entry->folded = streams_find(engine->streams, stream, fold);
	return entry->folded != NULL ? note_version(entry) : 0;
}

static int
fail_load(struct run *run, const struct entry *entry)
{
	struct heed_error error;

	(void)error_set(&error, entry->code, "%.*s", STR_ARG(entry->detail));
	return flow_fail(run, entry->code, "state", &error);
}

int
flow_load(struct run *run, struct heed_str step, struct heed_str stream,
          const struct stream_fold *fold, const struct stream_state **ret_state)
{
	struct entry *entry = journal_find(run, ENTRY_READ, step);

	if (entry != NULL && entry->state == ENTRY_FAILED)
		return fail_load(run, entry);
	if (entry == NULL) {
		entry = journal_add(run, ENTRY_READ, step);
		if (entry == NULL)
			return HEED_E_NOMEM;
		entry->dirty = false; /* until there is something to tell */
		entry->request = stream;
		entry->attempt = 1;
		HEED_TRY(find_state(entry, stream, fold));
	}
	if (entry->load != NULL)
		return HEED_WAIT;
	if (entry->folded == NULL)
		return start_load(entry, stream, fold);
	*ret_state = entry->folded;
	return 0;
}

/* ---- appending --------------------------------------------------------------------- */

int64_t
flow_time_us(const struct run *run, struct heed_str step)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (str_eq(entry->step, step))
			return entry->at_us;
	return 0;
}

int
flow_event_to_append(struct run *run, struct heed_str step, const struct append *append,
                     size_t n, struct event *ret_event, struct heed_error *error)
{
	struct event_parts parts = append->events[n];
	const struct event *cause = flow_event(run);
	struct heed_member *extensions =
		ARENA_ARRAY(&run->arena, struct heed_member, parts.n_extensions + 3);
	size_t i;

	if (extensions == NULL)
		return HEED_E_NOMEM;
	extensions[0] = (struct heed_member){HEED_STR("stream"),
	                                     json_str(append->before->stream)};
	extensions[1] = (struct heed_member){
		HEED_STR("version"), json_int(append->before->version + 1 + (int64_t)n)};
	extensions[2] =
		(struct heed_member){HEED_STR("causationid"), json_str(cause->id)};
	for (i = 0; i < parts.n_extensions; i++)
		extensions[3 + i] = parts.extensions[i];
	parts.extensions = extensions;
	parts.n_extensions += 3;
	parts.trace = trace_out(run, step, 1);
	parts.time_us = append->time_us;
	parts.id = arena_printf(&run->arena, "%.*s.%zu",
	                        STR_ARG(journal_effect_key(run, step)), n + 1);
	parts.source = arena_printf(&run->arena, "heed/%.*s",
	                            STR_ARG(run->engine->options.name));
	HEED_TRY(
		event_from_parts(&run->arena, &parts, append->time_us, ret_event, error));
	ret_event->depth = cause->depth + 1;
	ret_event->parent_run = run->id;
	return 0;
}

/* The next event, and the state after it. */
static int
add_event(struct entry *entry, const struct append *append, struct heed_json *state)
{
	struct append_write *write = entry->append;
	struct run *run = entry->run;
	struct heed_error error;
	struct event event;
	int r = flow_event_to_append(run, entry->step, append, write->n, &event, &error);

	if (r == 0)
		r = fold_event(append->fold, *state, event.root, &run->arena, state,
		               &error);
	if (r == HEED_E_NOMEM)
		return r;
	if (r < 0) {
		error_prefix(&error, "step %.*s, event %zu", STR_ARG(entry->step),
		             write->n + 1);
		return flow_fail(run, r, "append", &error);
	}
	write->events[write->n] = event_ref_new(&event);
	if (write->events[write->n] == NULL)
		return HEED_E_NOMEM;
	write->n++;
	return 0;
}

/* A snapshot is due, or the stream was folded far since the last one. */
static int
make_snapshot(struct entry *entry, const struct append *append)
{
	struct append_write *write = entry->append;
	struct stream_state *after = write->after;

	if (after->version - after->snapshot < append->fold->snapshot_every)
		return 0;
	write->snapshot = (struct store_snapshot){
		.stream = write->stream,
		.fold = append->fold->hash,
		.version = after->version,
		.state = json_text_of(&entry->run->arena, after->state),
		.at_us = entry->at_us,
	};
	if (write->snapshot.state.data == NULL)
		return HEED_E_NOMEM;
	if (write->snapshot.state.len > FOLD_STATE_MAX)
		write->snapshot.state.len = 0;
	else
		after->snapshot = after->version;
	return 0;
}

/* What is recorded of it in the journal: the events themselves are in the log. */
static int
write_request(struct entry *entry)
{
	const struct append_write *write = entry->append;
	struct json_build build, events;
	struct heed_json list, request;
	size_t i;

	json_array(&events, &entry->run->arena);
	for (i = 0; i < write->n; i++)
		json_push(&events, json_str(write->events[i]->event.type));
	HEED_TRY(json_build_end(&events, &list));
	json_object(&build, &entry->run->arena);
	json_set_cstr(&build, "stream", json_str(write->stream));
	json_set_cstr(&build, "expected", json_int(write->expected));
	json_set_cstr(&build, "events", list);
	HEED_TRY(json_build_end(&build, &request));
	entry->request = json_text_of(&entry->run->arena, request);
	return entry->request.data == NULL ? HEED_E_NOMEM : 0;
}

static int
make_write(struct entry *entry, const struct append *append)
{
	struct arena *arena = &entry->run->arena;
	struct append_write *write = ARENA_NEW(arena, struct append_write);
	struct heed_json state = append->before->state;

	if (write == NULL)
		return HEED_E_NOMEM;
	entry->append = write;
	write->stream = arena_str(arena, append->before->stream);
	write->expected = append->before->version;
	write->n_emitted = entry->run->emitted.n;
	write->rows = ARENA_ARRAY(arena, struct store_event, append->n);
	write->events = ARENA_ARRAY(arena, struct event_ref *, append->n);
	if (write->rows == NULL || write->events == NULL || write->stream.data == NULL)
		return HEED_E_NOMEM;
	while (write->n < append->n)
		HEED_TRY(add_event(entry, append, &state));
	write->after = stream_state_new(write->stream, append->fold,
	                                write->expected + (int64_t)append->n,
	                                append->before->snapshot, state);
	if (write->after == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(make_snapshot(entry, append));
	return write_request(entry);
}

/* A conflict stays one, also behind a redrive: the stream has moved on. */
static const struct entry *
find_append(const struct run *run, struct heed_str step)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->kind == ENTRY_APPEND && str_eq(entry->step, step))
			return entry;
	return NULL;
}

bool
flow_has_appended(const struct run *run, struct heed_str step)
{
	const struct entry *entry = find_append(run, step);

	return entry != NULL && entry->state == ENTRY_DONE;
}

/* Is there one already that is not on disk? */
static bool
has_append(const struct run *run)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->append != NULL)
			return true;
	return false;
}

int
flow_append(struct run *run, struct heed_str step, const struct append *append)
{
	const struct entry *before = find_append(run, step);
	struct entry *entry;

	if (before != NULL)
		return before->state == ENTRY_DONE ? 0 : HEED_E_CONFLICT;
	/* In a batch of its own, whose failure is nobody else's: one append each. */
	if (run->committing || has_append(run)) {
		run->advance = true;
		return HEED_WAIT;
	}
	entry = journal_add(run, ENTRY_APPEND, step);
	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->attempt = 1;
	entry->state = ENTRY_DONE;
	entry->ended_us = entry->at_us;
	return run->engine->options.past != NULL ? 0 : make_write(entry, append);
}

/* ---- the transaction --------------------------------------------------------------- */

size_t
append_events(const struct entry *entry, struct event_ref *const **ret_events)
{
	if (entry->append == NULL)
		return 0;
	*ret_events = entry->append->events;
	return entry->append->n;
}

int
append_put(struct entry *entry, struct store_tx *tx)
{
	struct append_write *write = entry->append;
	size_t i;

	for (i = 0; i < write->n; i++)
		batch_event_row(entry->run->engine, write->events[i], &write->rows[i]);
	HEED_TRY(store_put_append(tx, write->stream, write->expected, write->rows,
	                          write->n));
	return write->snapshot.state.len > 0 ? store_put_snapshot(tx, &write->snapshot)
	                                     : 0;
}

void
append_release(struct entry *entry)
{
	struct append_write *write = entry->append;
	size_t i;

	if (entry->load != NULL)
		streams_cancel(entry->load);
	stream_state_unref(entry->folded);
	entry->load = NULL;
	entry->folded = NULL;
	for (i = 0; write != NULL && i < write->n; i++)
		event_unref(write->events[i]);
	if (write != NULL)
		stream_state_unref(write->after);
	entry->append = NULL;
}

/* The append of the run's batch; a batch has one at most. */
static struct entry *
find_writing(const struct run *run)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->append != NULL && entry->writing)
			return entry;
	return NULL;
}

/* When it is on disk its state is the newest, unless others have appended since (it was
 * there already). */
void
append_settle(struct run *run, const struct store_result *result)
{
	const struct engine_options *options = &run->engine->options;
	struct entry *entry = find_writing(run);
	struct append_write *write;

	if (entry == NULL)
		return;
	write = entry->append;
	if (result->code == 0 && result->appended[0].version == write->after->version)
		streams_keep(run->engine->streams, write->after);
	else
		streams_forget(run->engine->streams, write->stream);
	if (result->code != 0)
		return;
	append_release(entry);
	if (options->appended != NULL)
		options->appended(options->arg, run);
}

bool
append_conflict(struct run *run, const char *text)
{
	struct entry *entry = find_writing(run);
	size_t n_emitted;

	if (entry == NULL)
		return false;
	n_emitted = entry->append->n_emitted;
	append_release(entry);
	run_cut(run, entry->n, n_emitted);
	entry->state = ENTRY_FAILED;
	entry->code = HEED_E_CONFLICT;
	entry->class = HEED_STR("conflict");
	entry->detail = arena_str(&run->arena, str_of(text));
	return true;
}
