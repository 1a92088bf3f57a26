/*
 * fork.c - a new run of an old one's event that begins with a part of its journal: what
 * was finished is not done and not paid again, what follows is the new run's own.
 *
 * The effects of a forked run have keys of their own: it is not the old run tried again
 * but another one.
 */
#include "base/error.h"
#include "engine/core.h"

struct forking {
	struct recovery recovery; /* the old run */
	const struct engine_fork *fork;
	struct run *run; /* the new one */
};

bool
journal_is_forked(const struct run *run)
{
	const struct entry *first = TAILQ_FIRST(&run->entries);

	return first != NULL && first->kind == ENTRY_NOTE &&
	       str_is(first->step, FORK_NOTE);
}

static int
load_old(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct forking *forking = arg;
	int r;

	if (row->state != RUN_DONE && row->state != RUN_DEAD)
		return error_set(forking->recovery.error, HEED_E_CONFLICT,
		                 "run %lld is %s: only what has ended is forked",
		                 (long long)row->id, store_run_state_name(row->state));
	r = recover_run(&forking->recovery, row, event);
	return r < 0 ? r : 1;
}

/* A copy that costs nothing: it was paid where it was made. */
static int
copy_entry(struct run *run, const struct entry *old)
{
	struct arena *arena = &run->arena;
	struct entry *entry = journal_add(run, old->kind, arena_str(arena, old->step));

	if (entry == NULL || entry->step.data == NULL)
		return HEED_E_NOMEM;
	entry->state = old->state;
	entry->attempt = old->attempt;
	entry->at_us = old->at_us;
	entry->ended_us = old->ended_us;
	entry->model = arena_str(arena, old->model);
	entry->request = arena_str(arena, old->request);
	entry->reply = arena_str(arena, old->reply);
	entry->detail = arena_str(arena, old->detail);
	return json_copy(arena, old->value, &entry->value);
}

static int
add_note(struct run *run, struct heed_json note)
{
	struct heed_json copy;

	HEED_TRY(json_copy(&run->arena, note, &copy));
	return flow_note(run, HEED_STR(FORK_NOTE), copy);
}

/* The new run, with the journal that it begins with. */
static int
make_run(struct forking *forking)
{
	struct run *old = forking->recovery.run;
	struct definition *definition =
		old->queue->current != NULL ? old->queue->current : old->definition;
	const struct entry *entry;
	struct run *run = run_new(old->engine, definition, old->event, 0);

	if (run == NULL)
		return HEED_E_NOMEM;
	forking->run = run;
	HEED_TRY(run_set_key(run, old->key));
	HEED_TRY(add_note(run, forking->fork->note));
	TAILQ_FOREACH (entry, &old->entries, link)
		if (entry->state == ENTRY_DONE &&
		    forking->fork->keeps(forking->fork->arg, entry->kind, entry->step,
		                         entry->n))
			HEED_TRY(copy_entry(run, entry));
	return 0;
}

int
engine_fork(struct engine *engine, int64_t run_id, const struct engine_fork *fork,
            engine_told_fn *done, void *arg, int64_t *ret_run_id,
            struct heed_error *error)
{
	struct forking forking = {
		.recovery = {.engine = engine, .error = error},
		.fork = fork,
	};
	struct store_filter filter = {.run_id = run_id};
	int r;

	if (run_find(engine, run_id) != NULL)
		return error_set(error, HEED_E_CONFLICT, "run %lld is under way",
		                 (long long)run_id);
	r = store_read_runs(engine->options.store, &filter, load_old, &forking, error);
	if (r >= 0 && forking.recovery.run == NULL)
		r = error_set(error, HEED_E_NOTFOUND, "there is no run %lld",
		              (long long)run_id);
	if (r >= 0)
		r = make_run(&forking);
	if (r >= 0)
		r = signal_await(forking.run, TAILQ_FIRST(&forking.run->entries), done,
		                 arg);
	if (forking.recovery.run != NULL)
		run_free(forking.recovery.run);
	if (r < 0 && forking.run != NULL)
		run_free(forking.run);
	if (r == HEED_E_NOMEM)
		return error_nomem(error);
	HEED_TRY(r < 0 ? r : 0);
	*ret_run_id = forking.run->id;
	dispatch_add(forking.run);
	return 0;
}
