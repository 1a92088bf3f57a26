/*
 * engine.c - the engine's own life: what reacts, which sources there are, drain.
 */
#include "engine/engine.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/core.h"

const struct option engine_limit_options[] = {
	{.name = "queue_depth",
         .kind = OPTION_INT,
         .offset = offsetof(struct engine_limits, queue_depth),
         .fallback = "50000",
         .min = 1,
         .max = 10000000,
         .help = "unfinished runs; near it sources are paused and HTTP senders get 429"},
	{.name = "causation_depth",
         .kind = OPTION_INT,
         .offset = offsetof(struct engine_limits, causation_depth),
         .fallback = "16",
         .min = 1,
         .max = 1000,
         .help = "how deep events may cause events before a run is stopped as a loop"},
	{.name = "in_flight",
         .kind = OPTION_INT,
         .offset = offsetof(struct engine_limits, in_flight),
         .fallback = "10000",
         .min = 1,
         .max = 100000,
         .help = "runs active at once over all reactions"},
	{.name = "drain",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct engine_limits, drain_ms),
         .fallback = "30s",
         .min = 1,
         .max = 3600000,
         .help = "how long calls under way may take after SIGTERM before they are cut "
                 "off"},
	{.name = "duplicates",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct engine_limits, duplicates_ms),
         .fallback = "7d",
         .min = 60000,
         .max = 315360000000,
         .help = "how long an event is known by its source and id: the same one within "
                 "this time is taken as a duplicate"},
	{.name = "state_cache",
         .kind = OPTION_SIZE,
         .offset = offsetof(struct engine_limits, state_cache),
         .fallback = "64MiB",
         .min = 0,
         .max = 1099511627776,
         .help = "memory for the states of entities that were used last"},
	OPTION_ROWS_END,
};

#define CARE_MS (3600 * 1000)

/* Now and then: what is known for too long is forgotten. */
static void
care(void *arg)
{
	struct engine *engine = arg;

	/* Without memory: the next time. */
	(void)store_prune(engine->options.store,
	                  engine->options.limits.duplicates_ms * 1000, NULL, NULL);
	loop_timer_set(engine->loop, &engine->care_timer, CARE_MS);
}

void
engine_begin_care(struct engine *engine)
{
	loop_timer_set(engine->loop, &engine->care_timer, CARE_MS / 60);
}

int
engine_new(const struct engine_options *options, struct engine **ret_engine)
{
	struct engine *engine = mem_new(sizeof(*engine));

	if (engine == NULL)
		return HEED_E_NOMEM;
	engine->options = *options;
	engine->loop = options->loop;
	engine->world = (struct action_world){
		.loop = options->loop,
		.http = options->http,
	};
	arena_init(&engine->memory, 0);
	TAILQ_INIT(&engine->all);
	TAILQ_INIT(&engine->waiting);
	TAILQ_INIT(&engine->notices);
	TAILQ_INIT(&engine->busy);
	TAILQ_INIT(&engine->all_queues);
	TAILQ_INIT(&engine->redriving);
	wait_init(engine);
	loop_timer_init(&engine->dispatch_timer, dispatch_turn, engine);
	loop_timer_init(&engine->care_timer, care, engine);
	if (routes_new(NULL, 0, &engine->routes) < 0 ||
	    streams_new(engine->loop, options->store, (size_t)options->limits.state_cache,
	                &engine->streams) < 0 ||
	    ledger_new(engine->loop, notice_of_budget, engine, &engine->ledger) < 0 ||
	    retention_new(engine, engine->loop, options->store, &engine->retention) < 0) {
		routes_free(engine->routes);
		streams_free(engine->streams);
		ledger_free(engine->ledger);
		mem_free(engine);
		return HEED_E_NOMEM;
	}
	*ret_engine = engine;
	return 0;
}

/* The queues of `definitions` take these, and no others have any. */
static void
set_current(struct engine *engine, struct definition *const *definitions, size_t n)
{
	struct queue *queue, *next;
	size_t i;

	for (i = 0; i < n; i++)
		definition_hold(engine, definitions[i]);
	TAILQ_FOREACH (queue, &engine->all_queues, all) {
		definition_drop(engine, queue->current);
		queue->current = NULL;
	}
	for (i = 0; i < n; i++) {
		queue = queue_of(engine, definitions[i]);
		queue->current = definitions[i];
		queue->concurrency = definitions[i]->concurrency;
	}
	TAILQ_FOREACH (queue, &engine->all_queues, all)
		queue_set_blocks(engine, queue,
		                 queue->current != NULL &&
		                         queue->current->on_failure == FLOW_BLOCK);
	for (queue = TAILQ_FIRST(&engine->all_queues); queue != NULL; queue = next) {
		next = TAILQ_NEXT(queue, all);
		if (queue->current == NULL && queue->runs == 0)
			queue_free(engine, queue);
	}
}

bool
engine_abandon(struct engine *engine)
{
	struct entry *entry;
	struct run *run;

	engine->draining = true;
	engine->closing = true;
	TAILQ_FOREACH (run, &engine->all, all)
		TAILQ_FOREACH (entry, &run->entries, link) {
			ask_cancel(entry);
			effect_cancel(entry);
		}
	return engine->commits > 0;
}

void
engine_free(struct engine *engine)
{
	struct run *run;

	if (engine == NULL)
		return;
	engine->closing = true;
	engine->started = false; /* nothing is dispatched from here on */
	while ((run = TAILQ_FIRST(&engine->all)) != NULL) {
		if (run->state == RUN_READY || run->state == RUN_ACTIVE ||
		    run->state == RUN_WAITING)
			run_set_state(run, RUN_DROPPED);
		run_free(run);
	}
	retention_free(engine->retention);
	redrive_free(engine);
	loop_timer_clear(engine->loop, &engine->dispatch_timer);
	loop_timer_clear(engine->loop, &engine->care_timer);
	loop_timer_clear(engine->loop, &engine->drain_timer);
	wait_done(engine);
	set_current(engine, NULL, 0);
	routes_free(engine->routes);
	notices_free(engine);
	ledger_free(engine->ledger);
	streams_free(engine->streams);
	map_done(&engine->queues);
	map_done(&engine->runs);
	map_done(&engine->definitions);
	arena_done(&engine->memory);
	mem_free(engine->sources);
	mem_free(engine);
}

/* What they need is there before anything changes. */
int
engine_define(struct engine *engine, struct definition *const *definitions, size_t n,
              struct heed_error *error)
{
	struct routes *routes;
	size_t i;

	for (i = 0; i < n; i++)
		if (queue_of(engine, definitions[i]) == NULL)
			return error_nomem(error);
	if (routes_new(definitions, n, &routes) < 0)
		return error_nomem(error);
	routes_free(engine->routes);
	engine->routes = routes;
	set_current(engine, definitions, n);
	return engine->started ? recover_blockers(engine, error) : 0;
}

int
engine_attach(struct engine *engine, struct source *source)
{
	HEED_TRY(mem_grow((void **)&engine->sources, &engine->cap_sources,
	                  engine->n_sources + 1, sizeof(source)));
	engine->sources[engine->n_sources++] = source;
	source->engine = engine;
	source->loop = engine->loop;
	source->paused = engine->paused;
	return 0;
}

void
engine_detach(struct engine *engine, struct source *source)
{
	size_t i = 0;

	while (i < engine->n_sources && engine->sources[i] != source)
		i++;
	if (i < engine->n_sources)
		engine->sources[i] = engine->sources[--engine->n_sources];
}

void
engine_set_limits(struct engine *engine, const struct engine_limits *limits)
{
	engine->options.limits = *limits;
	dispatch_soon(engine);
	inbox_pressure(engine);
}

void
engine_set_retention(struct engine *engine, const struct retention_rules *rules)
{
	retention_set(engine->retention, rules);
}

void
engine_set_world(struct engine *engine, struct connection *connections,
                 size_t n_connections, struct heed_str folder,
                 struct generation *generation)
{
	engine->world.connections = connections;
	engine->world.n_connections = n_connections;
	engine->world.folder = folder;
	engine->world.generation = generation;
}

void
source_ended(struct source *source)
{
	source->ended = true;
}

bool
engine_sources_ended(const struct engine *engine)
{
	size_t i;

	for (i = 0; i < engine->n_sources; i++)
		if (engine->sources[i]->ends && !engine->sources[i]->ended)
			return false;
	return true;
}

bool
source_is_busy(const struct source *source, struct heed_str uri)
{
	const struct run *run;

	TAILQ_FOREACH (run, &source->engine->all, all)
		if (run->state >= RUN_NEW && run->state <= RUN_WAITING &&
		    str_eq(run->event->event.source, uri))
			return true;
	return false;
}

/* ---- drain ------------------------------------------------------------------------- */

bool
engine_idle(const struct engine *engine)
{
	return engine->active == 0 && engine->commits == 0 && engine->troubled == 0 &&
	       TAILQ_EMPTY(&engine->busy) && TAILQ_EMPTY(&engine->redriving);
}

size_t
engine_timed(const struct engine *engine)
{
	const struct run *run;
	size_t n = 0;

	TAILQ_FOREACH (run, &engine->waiting, link)
		n += run->due_us > 0;
	return n;
}

size_t
engine_waiting(const struct engine *engine)
{
	const struct run *run;
	size_t n = 0;

	TAILQ_FOREACH (run, &engine->waiting, link)
		n += !wait_holds(run);
	return n;
}

#define DRAIN_LOOK_MS 20

static void
drain_look(void *arg)
{
	struct engine *engine = arg;
	bool over = loop_steady_ms(engine->loop) >= engine->drain_until_ms;

	if (engine->commits > 0 ||
	    ((engine->active > 0 || engine->troubled > 0) && !over)) {
		loop_timer_set(engine->loop, &engine->drain_timer, DRAIN_LOOK_MS);
		return;
	}
	engine->drained(engine->drained_arg);
}

void
engine_drain(struct engine *engine, loop_fn *done, void *arg)
{
	engine->draining = true;
	retention_stop(engine->retention);
	engine->drained = done;
	engine->drained_arg = arg;
	engine->drain_until_ms =
		loop_steady_ms(engine->loop) + engine->options.limits.drain_ms;
	inbox_pressure(engine);
	loop_timer_init(&engine->drain_timer, drain_look, engine);
	loop_timer_set(engine->loop, &engine->drain_timer, 0);
}

/* ---- looking ----------------------------------------------------------------------- */

struct streams *
engine_streams(struct engine *engine)
{
	return engine->streams;
}

const struct definition *
engine_definition(struct engine *engine, struct heed_str flow, struct heed_str name)
{
	struct queue *queue = queue_find(engine, flow, name);

	return queue != NULL ? queue->current : NULL;
}

void
run_view(const struct run *run, struct run_view *ret_view)
{
	const struct entry *entry;

	*ret_view = (struct run_view){
		.id = run->id,
		.state = store_run_state_name(run->state),
		.flow = run->definition->kind->name,
		.name = run->definition->name,
		.event = &run->event->event,
		.answer = json_null(),
		.class = run->class,
		.text = run->text,
		.elapsed_ms = loop_steady_ms(run->engine->loop) - run->started_ms,
	};
	TAILQ_FOREACH (entry, &run->entries, link) {
		ret_view->effects +=
			entry->kind == ENTRY_ACT || entry->kind == ENTRY_EMIT;
		if (entry->kind != ENTRY_ASK)
			continue;
		ret_view->calls += journal_is_call(entry);
		ret_view->input_tokens += entry->usage.input;
		ret_view->output_tokens += entry->usage.output;
		ret_view->cost_nano += entry->cost_nano;
		if (entry->state == ENTRY_DONE)
			ret_view->model = entry->model;
		if (entry->state == ENTRY_DONE && entry->reading == ANSWER_FITS)
			ret_view->answer = entry->answer;
	}
}

void
run_view_effects(const struct run *run, effect_view_fn *fn, void *arg)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		struct effect_view view = {
			.step = entry->step,
			.state = store_entry_state_name(entry->state),
			.request = entry->request,
			.detail = entry->detail,
		};

		if (entry->kind != ENTRY_ACT && entry->kind != ENTRY_EMIT)
			continue;
		if (entry->action != NULL)
			view.action = str_of(entry->action->kind->name);
		fn(arg, &view);
	}
}
