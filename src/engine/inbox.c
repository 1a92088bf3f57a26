/*
 * inbox.c - where events come in: deliveries, which runs they start, back-pressure.
 *
 * A delivery becomes one batch: its events, the runs that they start, and the source's
 * position. Upstream is told only after the commit.
 */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/core.h"

#define RETRY_AFTER_MS 1000

int
inbox_key(const struct definition *definition, struct heed_json event,
          struct arena *arena, struct heed_str *ret_key, struct heed_error *error)
{
	struct heed_member member = {HEED_STR("event"), event};
	struct heed_json input = {.kind = HEED_OBJECT, .len = 1, .members = &member};
	struct heed_json key;
	int r;

	*ret_key = (struct heed_str){NULL, 0};
	if (definition->key == NULL)
		return 0;
	r = expr_eval(definition->key, input, arena, &key, error);
	if (r == HEED_E_NOTFOUND || (r == 0 && key.kind == HEED_NULL))
		return 0;
	if (r < 0)
		return r;
	*ret_key = key.kind == HEED_STRING ? arena_str(arena, json_text(key))
	                                   : json_text_of(arena, key);
	return ret_key->data == NULL ? HEED_E_NOMEM : 0;
}

/* A run that ended before it began: it is a dead letter from its first commit. */
static int
stillborn(struct run *run, const char *class, const char *text)
{
	run_verdict(run, class, text);
	return run_failed(run, RUN_DEAD);
}

/* What was stopped as a loop is told all the same: one deeper. */
static int64_t
depth_max(const struct engine *engine, const struct event *event)
{
	return engine->options.limits.causation_depth +
	       (str_is(event->type, DEAD_LETTER_TYPE) ? 1 : 0);
}

static int
take_key(struct run *run, struct heed_error *error)
{
	struct heed_str key;
	struct arena scratch;
	int r;

	arena_init(&scratch, 0);
	r = inbox_key(run->definition, run->event->event.root, &scratch, &key, error);
	if (r == 0)
		r = run_set_key(run, key);
	arena_done(&scratch);
	return r;
}

static int
start_run(struct engine *engine, struct definition *definition, struct event_ref *event,
          const struct heed_error *wrong, struct run_list *runs)
{
	struct run *run = run_new(engine, definition, event, 0);
	struct heed_error error;
	int r;

	if (run == NULL)
		return HEED_E_NOMEM;
	TAILQ_INSERT_TAIL(runs, run, batched);
	r = take_key(run, &error);
	if (r == HEED_E_NOMEM)
		return r;
	if (wrong != NULL)
		return stillborn(run, "condition", wrong->text);
	if (event->event.depth > depth_max(engine, &event->event)) {
		(void)error_set(&error, HEED_E_LIMIT,
		                "events caused by events, %d deep: is a reaction "
		                "triggering itself? "
		                "(limits.causation_depth is %lld)",
		                event->event.depth,
		                (long long)engine->options.limits.causation_depth);
		return stillborn(run, "loop", error.text);
	}
	return r < 0 ? stillborn(run, "key", error.text) : 0;
}

/* The event is for one definition, as it is now. */
static int
start_only(struct engine *engine, struct event_ref *event, struct run_list *runs)
{
	struct queue *queue =
		queue_find(engine, str_of(event->only_flow), event->only_name);

	if (queue == NULL || queue->current == NULL)
		return 0;
	HEED_TRY(event_show(event));
	return start_run(engine, queue->current, event, NULL, runs);
}

int
inbox_make_runs(struct engine *engine, struct event_ref *event, struct run_list *runs)
{
	const struct route_list *list = routes_find(engine->routes, event->event.type);
	struct arena scratch;
	int r = 0;
	size_t i;

	if (event->only_flow != NULL)
		return start_only(engine, event, runs);
	if (list->n > 0)
		HEED_TRY(event_show(event));
	arena_init(&scratch, 0);
	for (i = 0; i < list->n && r == 0; i++) {
		struct definition *definition = list->items[i];
		struct heed_error error = {0};
		bool wanted = false;

		if (!routes_take(definition, event->event.type))
			continue;
		r = definition->kind->wants(definition, &event->event, &scratch, &wanted,
		                            &error);
		if (r == HEED_E_NOMEM)
			break;
		if (r < 0 || wanted)
			r = start_run(engine, definition, event, r < 0 ? &error : NULL,
			              runs);
	}
	arena_done(&scratch);
	return r;
}

/* ---- deliveries -------------------------------------------------------------------- */

static int
add_all(struct batch *batch, const struct event *events, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct event_ref *event = event_ref_new(&events[i]);
		int r = event == NULL ? HEED_E_NOMEM : batch_add(batch, event, 0);

		event_unref(event);
		HEED_TRY(r);
	}
	return 0;
}

static int
deliver(struct engine *engine, struct source *source, const struct event *events,
        size_t n, struct heed_str position, source_done_fn *done, void *arg,
        int64_t *ret_retry_after_ms)
{
	int64_t depth = engine->options.limits.queue_depth;
	struct batch *batch;
	int r;

	if ((int64_t)n > depth)
		return HEED_E_LIMIT;
	if (engine->draining || engine->unfinished + (int64_t)n > depth) {
		*ret_retry_after_ms = RETRY_AFTER_MS;
		inbox_pressure(engine);
		return HEED_E_BUSY;
	}
	batch = batch_new(engine, NULL);
	if (batch == NULL)
		return HEED_E_NOMEM;
	batch->source = source;
	batch->done = done;
	batch->arg = arg;
	r = add_all(batch, events, n);
	if (r == 0)
		r = batch_write(batch);
	if (r == 0 && position.len > 0)
		r = store_put_cursor(batch->tx, source->name, position);
	if (r == 0)
		batch_commit(batch);
	else
		batch_discard(batch);
	return r;
}

int
source_deliver(struct source *source, const struct event *events, size_t n,
               struct heed_str position, source_done_fn *done, void *arg,
               int64_t *ret_retry_after_ms)
{
	int r = deliver(source->engine, source, events, n, position, done, arg,
	                ret_retry_after_ms);

	source->stats.refused += r == HEED_E_BUSY;
	return r;
}

int
engine_send(struct engine *engine, const struct event *events, size_t n,
            source_done_fn *done, void *arg, int64_t *ret_retry_after_ms)
{
	return deliver(engine, NULL, events, n, (struct heed_str){NULL, 0}, done, arg,
	               ret_retry_after_ms);
}

/* Pause the sources at 90 % of the bound, let them go on below 70 %. */
void
inbox_pressure(struct engine *engine)
{
	int64_t depth = engine->options.limits.queue_depth;
	bool pause =
		engine->draining ||
		engine->unfinished > (engine->paused ? depth * 7 / 10 : depth * 9 / 10);
	size_t i;

	if (pause == engine->paused)
		return;
	engine->paused = pause;
	for (i = 0; i < engine->n_sources; i++) {
		struct source *source = engine->sources[i];

		source->paused = pause;
		if (pause && source->kind->pause != NULL)
			source->kind->pause(source);
		else if (!pause && source->kind->resume != NULL)
			source->kind->resume(source);
	}
}

void
source_report(struct source *source, const struct heed_error *error)
{
	uint64_t what = error != NULL ? str_hash(str_of(error->text)) | 1 : 0;

	if (what == source->reported)
		return;
	source->reported = what;
	if (error == NULL)
		log_event(LOG_INFO, "source is well again",
		          LOG_S("source", source->name));
	else
		log_event(LOG_WARN, "source", LOG_S("source", source->name),
		          LOG_S("error", str_of(error->text)),
		          LOG_S("hint", str_of(error->hint)));
}
