/*
 * redrive.c - dead letters and held runs go on, by a person's word.
 *
 * The run is loaded with its journal and a mark behind it: what failed before the mark no
 * longer counts, what was answered and paid for does.
 */
#include "base/error.h"
#include "engine/core.h"

static int
redrive_row(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct recovery *recovery = arg;
	int r;

	if (row->state != RUN_DEAD && row->state != RUN_HELD)
		return error_set(recovery->error, HEED_E_CONFLICT,
		                 "run %lld is %s: only dead and held runs are redriven",
		                 (long long)row->id, store_run_state_name(row->state));
	r = recover_run(recovery, row, event);
	return r < 0 ? r : 1;
}

int
engine_redrive(struct engine *engine, int64_t run_id, const char *how,
               struct heed_error *error)
{
	struct recovery recovery = {.engine = engine, .error = error};
	struct store_filter filter = {.run_id = run_id};
	struct queue *queue;
	struct entry *mark;
	struct run *run;
	int r;

	if (run_find(engine, run_id) != NULL)
		return error_set(error, HEED_E_CONFLICT, "run %lld is under way",
		                 (long long)run_id);
	r = store_read_runs(engine->options.store, &filter, redrive_row, &recovery,
	                    error);
	if (r < 0)
		return r;
	run = recovery.run;
	if (run == NULL)
		return error_set(error, HEED_E_NOTFOUND, "there is no run %lld",
		                 (long long)run_id);
	queue = queue_of(engine, run->definition);
	if (queue != NULL && queue->current != NULL &&
	    queue->current != run->definition) {
		definition_hold(engine, queue->current);
		definition_drop(engine, run->definition);
		run->definition = queue->current;
	}
	mark = journal_add(run, ENTRY_MARK, HEED_STR("redrive"));
	if (mark == NULL) {
		run_free(run);
		return error_nomem(error);
	}
	mark->state = ENTRY_DONE;
	mark->detail = arena_str(&run->arena, str_of(how));
	run->redrives++;
	run->dirty = true;
	dispatch_add(run);
	dispatch_unblock(engine, run->queue, run->key);
	return 0;
}
