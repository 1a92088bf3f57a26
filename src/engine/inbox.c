/*
 * inbox.c - where events come in: deliveries, routing, back-pressure.
 *
 * A delivery becomes one transaction: its events, the runs that they start, and the
 * source's position. Upstream is told only after the commit; an event that turns out to
 * be known takes its runs away again.
 */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/core.h"

#define RETRY_AFTER_MS 1000

struct intake {
	struct engine *engine;
	struct run_list runs;
	struct event_ref **events;
	size_t n;
	source_done_fn *done;
	void *arg;
};

static void
drop_run(struct run *run)
{
	dispatch_left(run);
	run_free(run);
}

/* The key that orders the event; HEED_E_NOTFOUND gives no key. */
static int
set_key(struct run *run, struct heed_error *error)
{
	struct heed_member member = {HEED_STR("event"), run->event->event.root};
	struct heed_json input = {.kind = HEED_OBJECT, .len = 1, .members = &member};
	struct heed_json key;
	int r;

	if (run->definition->key == NULL)
		return 0;
	r = expr_eval(run->definition->key, input, &run->arena, &key, error);
	if (r == HEED_E_NOTFOUND || (r == 0 && key.kind == HEED_NULL))
		return 0;
	if (r < 0)
		return r;
	run->key = key.kind == HEED_STRING ? arena_str(&run->arena, json_text(key))
	                                   : json_text_of(&run->arena, key);
	return run->key.data == NULL ? HEED_E_NOMEM : 0;
}

/* A run that ended before it began: it is a dead letter from its first commit. */
static void
stillborn(struct run *run, const char *class, const char *text)
{
	run_verdict(run, class, text);
	run->state = RUN_DEAD;
}

static int
start_run(struct engine *engine, struct definition *definition, struct event_ref *event,
          const struct heed_error *wrong, struct run_list *runs)
{
	struct run *run = run_new(engine, definition, event);
	struct heed_error error;
	int r;

	if (run == NULL)
		return HEED_E_NOMEM;
	run->id = store_next_run(engine->options.store);
	TAILQ_INSERT_TAIL(runs, run, link);
	if (wrong != NULL) {
		stillborn(run, "condition", wrong->text);
		return 0;
	}
	if (event->event.depth > engine->options.limits.causation_depth) {
		(void)error_set(&error, HEED_E_LIMIT,
		                "events caused by events, %d deep: is a reaction "
		                "triggering itself? "
		                "(limits.causation_depth is %lld)",
		                event->event.depth,
		                (long long)engine->options.limits.causation_depth);
		stillborn(run, "loop", error.text);
		return 0;
	}
	r = set_key(run, &error);
	if (r == HEED_E_NOMEM)
		return r;
	if (r < 0)
		stillborn(run, "key", error.text);
	return 0;
}

static int
put_event(struct engine *engine, struct store_tx *tx, struct event_ref *ref)
{
	const struct event *event = &ref->event;
	struct store_event row = {
		.id = event->id,
		.source = event->source,
		.type = event->type,
		.subject = event->subject,
		.time_us = event->time_us,
		.received_us = loop_wall_us(engine->loop),
		.depth = event->depth,
		.parent_run = event->parent_run,
		.trace = event->trace,
		.body = event->json,
	};

	if (event->seq == 0)
		ref->event.seq = store_next_event(engine->options.store);
	row.seq = ref->event.seq;
	return store_put_event(tx, &row);
}

/* Every reaction that wants the event gets a run; an error in its condition is one, too.
 */
static int
make_runs(struct engine *engine, struct event_ref *event, struct run_list *runs)
{
	struct queue *queue;
	struct arena scratch;
	int r = 0;

	arena_init(&scratch, 0);
	for (queue = engine->queues; queue != NULL && r == 0; queue = queue->next) {
		struct definition *definition = queue->current;
		struct heed_error error = {0};
		bool wanted = false;
		int asked;

		if (definition == NULL)
			continue;
		asked = definition->kind->wants(definition, &event->event, &scratch,
		                                &wanted, &error);
		if (asked < 0)
			r = start_run(engine, definition, event, &error, runs);
		else if (wanted)
			r = start_run(engine, definition, event, NULL, runs);
	}
	arena_done(&scratch);
	return r;
}

int
inbox_route(struct engine *engine, struct store_tx *tx, struct event_ref *event,
            struct run_list *runs)
{
	struct run_list mine = TAILQ_HEAD_INITIALIZER(mine);
	struct run *run;
	int r;

	HEED_TRY(put_event(engine, tx, event));
	r = make_runs(engine, event, &mine);
	TAILQ_FOREACH(run, &mine, link)
	{
		if (r == 0)
			r = journal_write(run, tx);
	}
	TAILQ_CONCAT(runs, &mine, link);
	return r;
}

/* ---- deliveries
 * ------------------------------------------------------------------------- */

static void
free_intake(struct intake *intake)
{
	size_t i;

	for (i = 0; i < intake->n; i++)
		event_unref(intake->events[i]);
	mem_free(intake->events);
	mem_free(intake);
}

static bool
is_duplicate(const struct intake *intake, const struct store_result *result,
             const struct run *run)
{
	size_t i;

	for (i = 0; i < intake->n; i++)
		if (intake->events[i] == run->event)
			return result->duplicate[i];
	return false;
}

/* Committed: it joins its queue, unless it ended before it began. */
static void
admit(struct run *run)
{
	run->stored = true;
	if (run->state == RUN_DEAD)
		run_committed(run, 0, NULL);
	else
		dispatch_add(run);
}

static void
intake_done(void *arg, const struct store_result *result)
{
	struct intake *intake = arg;
	struct engine *engine = intake->engine;
	struct delivery delivery = {.code = result->code,
	                            .text = result->text,
	                            .retry_after_ms = RETRY_AFTER_MS};
	struct run *run;
	size_t i;

	engine->commits--;
	for (i = 0; i < result->n_events && result->code == 0; i++) {
		if (result->duplicate[i])
			delivery.n_duplicate++;
		else
			delivery.n_accepted++;
	}
	while ((run = TAILQ_FIRST(&intake->runs)) != NULL) {
		TAILQ_REMOVE(&intake->runs, run, link);
		if (result->code != 0 || is_duplicate(intake, result, run))
			drop_run(run);
		else
			admit(run);
	}
	intake->done(intake->arg, &delivery);
	free_intake(intake);
	inbox_pressure(engine);
}

static struct intake *
intake_new(struct engine *engine, const struct event *events, size_t n)
{
	struct intake *intake = mem_new(sizeof(*intake));

	if (intake == NULL)
		return NULL;
	TAILQ_INIT(&intake->runs);
	intake->engine = engine;
	intake->events = mem_new(n * sizeof(*intake->events));
	while (intake->events != NULL && intake->n < n) {
		intake->events[intake->n] = event_ref_new(&events[intake->n]);
		if (intake->events[intake->n] == NULL)
			break;
		intake->n++;
	}
	if (intake->n == n && intake->events != NULL)
		return intake;
	free_intake(intake);
	return NULL;
}

static int
commit_intake(struct intake *intake, struct heed_str source, struct heed_str position)
{
	struct engine *engine = intake->engine;
	struct store_tx *tx = store_begin(engine->options.store);
	struct run *run;
	int r = tx == NULL ? HEED_E_NOMEM : 0;
	size_t i;

	for (i = 0; i < intake->n && r == 0; i++)
		r = inbox_route(engine, tx, intake->events[i], &intake->runs);
	if (r == 0 && position.len > 0)
		r = store_put_cursor(tx, source, position);
	if (r == 0) {
		engine->commits++;
		store_commit(engine->options.store, tx, intake_done, intake);
		return 0;
	}
	store_discard(tx);
	while ((run = TAILQ_FIRST(&intake->runs)) != NULL) {
		TAILQ_REMOVE(&intake->runs, run, link);
		drop_run(run);
	}
	free_intake(intake);
	return r;
}

static int
deliver(struct engine *engine, struct heed_str source, const struct event *events,
        size_t n, struct heed_str position, source_done_fn *done, void *arg,
        int64_t *ret_retry_after_ms)
{
	int64_t depth = engine->options.limits.queue_depth;
	struct intake *intake;

	if ((int64_t)n > depth)
		return HEED_E_LIMIT;
	if (engine->draining || engine->unfinished + (int64_t)n > depth) {
		*ret_retry_after_ms = RETRY_AFTER_MS;
		inbox_pressure(engine);
		return HEED_E_BUSY;
	}
	intake = intake_new(engine, events, n);
	if (intake == NULL)
		return HEED_E_NOMEM;
	intake->done = done;
	intake->arg = arg;
	return commit_intake(intake, source, position);
}

int
source_deliver(struct source *source, const struct event *events, size_t n,
               struct heed_str position, source_done_fn *done, void *arg,
               int64_t *ret_retry_after_ms)
{
	return deliver(source->engine, source->name, events, n, position, done, arg,
	               ret_retry_after_ms);
}

int
engine_send(struct engine *engine, const struct event *events, size_t n,
            source_done_fn *done, void *arg, int64_t *ret_retry_after_ms)
{
	return deliver(engine, HEED_STR(""), events, n, (struct heed_str){NULL, 0}, done,
	               arg, ret_retry_after_ms);
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
	log_event(LOG_WARN, "source", LOG_S("source", source->name),
	          LOG_S("error", str_of(error->text)),
	          LOG_S("hint", str_of(error->hint)));
}
