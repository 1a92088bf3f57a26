/*
 * recover.c - a start after an end of any kind: unfinished runs come back into memory and
 * go on.
 *
 * An entry that was intended and has no result was cut off; what that means depends on
 * what it was (effect_recover). Dead letters that later events of their key wait for are
 * looked up, too.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/core.h"

static struct event_ref *
load_event(const struct store_event *row)
{
	const struct event event = {
		.seq = row->seq,
		.id = row->id,
		.source = row->source,
		.type = row->type,
		.subject = row->subject,
		.time_us = row->time_us,
		.root = json_null(), /* read from the text when it is needed */
		.json = row->body,
		.depth = row->depth,
		.parent_run = row->parent_run,
		.trace = row->trace,
	};

	return event_ref_new(&event);
}

static int
load_entry(void *arg, const struct store_entry *row)
{
	struct recovery *recovery = arg;
	struct run *run = recovery->run;
	struct arena *arena = &run->arena;
	struct entry *entry = journal_add(run, row->kind, arena_str(arena, row->step));

	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->n = row->n;
	run->n_entries = row->n;
	entry->state = row->state;
	entry->attempt = row->attempt;
	entry->at_us = row->at_us;
	entry->ended_us = row->ended_us;
	entry->asked = arena_str(arena, row->asked);
	entry->model = arena_str(arena, row->model);
	entry->usage = (struct model_usage){.input = row->input,
	                                    .cached_input = row->cached_input,
	                                    .cache_write = row->cache_write,
	                                    .output = row->output,
	                                    .reasoning = row->reasoning};
	entry->cost_nano = row->cost_nano;
	entry->reserved_nano = row->reserved_nano;
	entry->class = arena_str(arena, row->class);
	entry->request = arena_str(arena, row->request);
	entry->reply = arena_str(arena, row->reply);
	entry->detail = arena_str(arena, row->detail);
	entry->stored = true;
	entry->loaded = true;
	entry->dirty = false;
	/* The row of a run that does something tells the time of before. */
	if (run->stored_state == RUN_WAITING)
		entry->due_us = run->due_us;
	if (entry->state == ENTRY_DONE && entry->kind != ENTRY_ASK &&
	    entry->reply.len > 0)
		(void)json_parse(arena, entry->reply, &entry->value, NULL);
	if (entry->state == ENTRY_FAILED)
		entry->code = str_is(entry->class, "permanent") ? HEED_E_PERMANENT
		                                                : HEED_E_TRANSIENT;
	if (entry->kind == ENTRY_MARK && str_is(entry->step, REDRIVE_PATCH_MARK))
		recovery->patched = entry->reply;
	if (entry->state != ENTRY_INTENDED)
		return 0;
	if (entry->kind == ENTRY_WAIT || entry->kind == ENTRY_START)
		return wait_recover(entry);
	effect_recover(entry);
	return 0;
}

/* The event as it was mended, in the place of the original. */
static int
take_patched(struct run *run, struct heed_str text, struct heed_error *error)
{
	const struct event *original = &run->event->event;
	struct event_ref *ref = NULL;
	struct heed_json root;
	struct arena scratch;
	struct event event;
	int r;

	arena_init(&scratch, 0);
	r = json_parse(&scratch, text, &root, error);
	if (r == 0)
		r = event_from_json(&scratch, root, original->time_us, &event, error);
	if (r == 0) {
		event.seq = original->seq;
		event.depth = original->depth;
		event.parent_run = original->parent_run;
		event.trace = original->trace;
		event.root = json_null(); /* read from the text when it is needed */
		ref = event_ref_new(&event);
	}
	arena_done(&scratch);
	if (ref == NULL)
		return r < 0 ? r : error_nomem(error);
	event_unref(run->event);
	run->event = ref;
	return 0;
}

int
recover_run(struct recovery *recovery, const struct store_run *row,
            const struct store_event *event)
{
	struct engine *engine = recovery->engine;
	struct definition *definition;
	struct event_ref *ref;
	struct run *run = NULL;

	if (definition_of_run(engine, row, &definition, recovery->error) < 0)
		return HEED_E_NOTFOUND;
	ref = load_event(event);
	if (ref != NULL)
		run = run_new(engine, definition, ref, row->id);
	event_unref(ref);
	definition_drop(engine, definition);
	if (run == NULL)
		return error_nomem(recovery->error);
	recovery->run = run;
	HEED_TRY(run_set_key(run, row->key));
	run->created_us = row->created_us;
	/* What it waited for in a budget may be there by now: it asks again. */
	run->due_us = str_is(row->class, "budget") ? 0 : row->due_us;
	run->redrives = row->redrives;
	run->stored_state = row->state;
	run->dirty = false;
	recovery->patched = (struct heed_str){NULL, 0};
	HEED_TRY(store_read_journal(engine->options.store, run->id, load_entry, recovery,
	                            recovery->error));
	if (recovery->patched.len > 0)
		return take_patched(run, recovery->patched, recovery->error);
	return 0;
}

static int
resume(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct recovery *recovery = arg;
	int r = recover_run(recovery, row, event);

	if (r == HEED_E_NOTFOUND) {
		log_event(LOG_ERROR, "run left as it is", LOG_N("run", row->id),
		          LOG_S("flow", row->flow), LOG_S("name", row->name),
		          LOG_S("error", str_of(recovery->error->text)));
		return 0;
	}
	if (r < 0)
		return r;
	dispatch_add(recovery->run);
	return 0;
}

static int
add_blocker(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct queue *queue = arg;

	(void)event;
	if (str_is(row->flow, queue->flow) && row->key.len > 0)
		queue_block(queue, row->key);
	return 0;
}

int
recover_blockers(struct engine *engine, struct heed_error *error)
{
	struct queue *queue;

	TAILQ_FOREACH (queue, &engine->all_queues, all) {
		struct store_filter filter = {.states = "dead,held", .name = queue->name};

		if (!queue->blocks || queue->knows_blockers)
			continue;
		HEED_TRY(store_read_runs(engine->options.store, &filter, add_blocker,
		                         queue, error));
		queue->knows_blockers = true;
	}
	return 0;
}

int
engine_start(struct engine *engine, struct heed_error *error)
{
	struct recovery recovery = {.engine = engine, .error = error};
	struct store_filter filter = {.states = "ready,active,waiting"};

	HEED_TRY(recover_blockers(engine, error));
	HEED_TRY(store_read_runs(engine->options.store, &filter, resume, &recovery,
	                         error));
	engine->started = true;
	engine_begin_care(engine);
	dispatch_soon(engine);
	return redrive_start(engine, error);
}
