/*
 * batch.c - one transaction: rows, events, the runs that the events start, and what those
 * decide in their first pass.
 *
 * Intake and a run's own commit are the same: events are put one after the other, each
 * followed by the rows of its runs; what these emit in their first pass joins the end of
 * the list. So a reaction's first question is on disk with the event that it is about,
 * and a short chain of events is one commit. The number of passes is bounded; runs beyond
 * it, and those that may not begin yet, begin when they are dispatched.
 *
 *	run's rows, its append | event, its runs | ... ══ commit ══> batch_done
 *
 * An event that turns out to be known takes its runs away again, and with them the events
 * that they emitted: the store skips what was put with it, here the runs are dropped.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/core.h"

#define PASSES_MAX 64 /* in one transaction */
#define RETRY_AFTER_MS 1000

struct batch *
batch_new(struct engine *engine, struct run *run)
{
	struct batch *batch = mem_new(sizeof(*batch));

	if (batch == NULL)
		return NULL;
	batch->engine = engine;
	batch->run = run;
	batch->passes = PASSES_MAX;
	TAILQ_INIT(&batch->runs);
	batch->tx = store_begin(engine->options.store);
	if (batch->tx == NULL) {
		mem_free(batch);
		return NULL;
	}
	return batch;
}

static void
batch_free(struct batch *batch)
{
	size_t i;

	for (i = 0; i < batch->n_events; i++)
		event_unref(batch->events[i].event);
	mem_free(batch->events);
	mem_free(batch);
}

void
batch_discard(struct batch *batch)
{
	struct run *run;

	if (batch == NULL)
		return;
	store_discard(batch->tx);
	while ((run = TAILQ_FIRST(&batch->runs)) != NULL) {
		TAILQ_REMOVE(&batch->runs, run, batched);
		run_drop(run);
	}
	batch_free(batch);
}

int
batch_add(struct batch *batch, struct event_ref *event, size_t cause)
{
	HEED_TRY(mem_grow((void **)&batch->events, &batch->cap_events,
	                  batch->n_events + 1, sizeof(*batch->events)));
	event->refs++;
	batch->events[batch->n_events++] = (struct batch_event){
		.event = event,
		.cause = cause,
		.came_us = loop_wall_us(batch->engine->loop),
	};
	return 0;
}

/* ---- writing ----------------------------------------------------------------------- */

void
batch_event_row(struct engine *engine, struct event_ref *ref, struct store_event *ret_row)
{
	struct event *event = &ref->event;

	if (event->seq == 0)
		event->seq = store_next_event(engine->options.store);
	*ret_row = (struct store_event){
		.seq = event->seq,
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
}

static int
put_event(struct batch *batch, const struct batch_event *item)
{
	struct store_event row;

	if (item->appended)
		return item->append != NULL ? append_put(item->append, batch->tx) : 0;
	batch_event_row(batch->engine, item->event, &row);
	row.cause = item->cause;
	return store_put_event(batch->tx, &row);
}

static int
add_appended(struct batch *batch, const struct run *run)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		struct event_ref *const *events;
		size_t n = append_events(entry, &events);
		size_t i;

		for (i = 0; i < n; i++) {
			HEED_TRY(batch_add(batch, events[i], 0));
			batch->events[batch->n_events - 1].appended = true;
			if (i == 0)
				batch->events[batch->n_events - 1].append = entry;
		}
	}
	return 0;
}

static int
add_emitted(struct batch *batch, const struct run *run, size_t cause)
{
	size_t i;

	for (i = 0; i < run->emitted.n; i++)
		HEED_TRY(batch_add(batch, run->emitted.items[i], cause));
	return 0;
}

/* A run that the batch starts takes its place in the order, and begins when it may. */
static int
begin(struct batch *batch, struct run *run)
{
	if (run->state == RUN_NEW)
		dispatch_add(run);
	if (run->state == RUN_READY && batch->passes > 0 && dispatch_at_once(run)) {
		batch->passes--;
		run_set_state(run, RUN_ACTIVE);
		run_pass(run);
	}
	HEED_TRY(journal_write(run, batch->tx, false));
	return add_emitted(batch, run, run->cause);
}

static int
write_event(struct batch *batch, size_t cause)
{
	struct run_list mine = TAILQ_HEAD_INITIALIZER(mine);
	struct run *run;
	int r = put_event(batch, &batch->events[cause - 1]);

	if (r == 0)
		r = inbox_make_runs(batch->engine, batch->events[cause - 1].event, &mine);
	TAILQ_FOREACH (run, &mine, batched) {
		batch->events[cause - 1].n_runs++;
		run->cause = cause;
		run->committing = true;
		if (r == 0)
			r = begin(batch, run);
	}
	TAILQ_CONCAT(&batch->runs, &mine, batched);
	event_rest(batch->events[cause - 1].event);
	return r;
}

int
batch_write(struct batch *batch)
{
	size_t i;

	if (batch->run != NULL) {
		HEED_TRY(journal_write(batch->run, batch->tx, true));
		HEED_TRY(add_appended(batch, batch->run));
		HEED_TRY(add_emitted(batch, batch->run, 0));
	}
	for (i = 0; i < batch->n_events; i++) /* which adds to them */
		HEED_TRY(write_event(batch, i + 1));
	return 0;
}

/* ---- afterwards -------------------------------------------------------------------- */

/* Said once when the store begins to fail and once when it is well again; senders and
 * runs try again by themselves. */
static void
note_health(struct engine *engine, const struct store_result *result)
{
	bool failing = result->code != 0 && result->code != HEED_E_PERMANENT &&
	               result->code != HEED_E_CONFLICT;

	if (failing == engine->store_failing)
		return;
	engine->store_failing = failing;
	if (failing)
		log_event(LOG_ERROR, "the store cannot be written; trying again",
		          LOG_S("error", str_of(result->text)));
	else
		log_event(LOG_INFO, "the store can be written again",
		          LOG_S("name", engine->options.name));
}

/* What was known already is told once, not again for what it would have caused. */
static void
tell_arrival(const struct batch *batch, size_t i, const struct store_result *result)
{
	const struct engine_options *options = &batch->engine->options;
	const struct batch_event *item = &batch->events[i];
	struct arrival arrival = {.event = &item->event->event,
	                          .n_runs = item->n_runs,
	                          .came_us = item->came_us,
	                          .duplicate = result->code == 0 && result->duplicate[i]};

	if (options->arrived == NULL || result->code != 0)
		return;
	if (!arrival.duplicate || item->cause == 0)
		options->arrived(options->arg, &arrival);
}

/* The runs that the event started. */
static void
settle_runs(struct batch *batch, size_t cause, const struct store_result *result)
{
	struct run *run;

	while ((run = TAILQ_FIRST(&batch->runs)) != NULL && run->cause == cause) {
		TAILQ_REMOVE(&batch->runs, run, batched);
		if (result->code != 0 || result->duplicate[run->cause - 1])
			run_drop(run);
		else
			run_written(run, 0, NULL);
	}
}

/* It may have been taken away meanwhile. */
static bool
is_attached(const struct engine *engine, const struct source *source)
{
	size_t i;

	for (i = 0; i < engine->n_sources; i++)
		if (engine->sources[i] == source)
			return true;
	return false;
}

static void
note_delivery(const struct batch *batch, const struct delivery *delivery)
{
	struct source_stats *stats = &batch->source->stats;
	int64_t lag_us;
	size_t i;

	stats->accepted += (int64_t)delivery->n_accepted;
	stats->duplicates += (int64_t)delivery->n_duplicate;
	stats->refused += delivery->code != 0;
	for (i = 0; i < batch->n_events && delivery->n_accepted > 0; i++) {
		if (batch->events[i].cause > 0)
			continue;
		stats->last_us = loop_wall_us(batch->engine->loop);
		lag_us = stats->last_us - batch->events[i].event->event.time_us;
		stats->lag_us = lag_us > 0 ? lag_us : 0;
	}
}

static void
answer_source(const struct batch *batch, const struct store_result *result)
{
	struct delivery delivery = {.code = result->code,
	                            .text = result->text,
	                            .retry_after_ms = RETRY_AFTER_MS};
	size_t i;

	for (i = 0; i < batch->n_events && result->code == 0; i++) {
		if (batch->events[i].cause > 0)
			continue;
		if (result->duplicate[i])
			delivery.n_duplicate++;
		else
			delivery.n_accepted++;
	}
	if (is_attached(batch->engine, batch->source))
		note_delivery(batch, &delivery);
	batch->done(batch->arg, &delivery);
}

/* Those who wait are told of every event that is new and on disk. */
static void
show_events(const struct batch *batch, const struct store_result *result)
{
	size_t i;

	for (i = 0; i < batch->n_events && result->code == 0; i++)
		if (!result->duplicate[i])
			wait_event(batch->engine, batch->events[i].event);
}

static void
batch_done(void *arg, const struct store_result *result)
{
	struct batch *batch = arg;
	struct engine *engine = batch->engine;
	size_t i;

	engine->commits--;
	note_health(engine, result);
	if (batch->run != NULL) {
		journal_results(batch->run, result);
		append_settle(batch->run, result);
		run_written(batch->run, result->code, result->text);
	}
	for (i = 0; i < batch->n_events; i++) {
		tell_arrival(batch, i, result);
		settle_runs(batch, i + 1, result);
	}
	show_events(batch, result);
	if (batch->done != NULL)
		answer_source(batch, result);
	batch_free(batch);
	inbox_pressure(engine);
}

void
batch_commit(struct batch *batch)
{
	batch->engine->commits++;
	store_commit(batch->engine->options.store, batch->tx, batch_done, batch);
}
