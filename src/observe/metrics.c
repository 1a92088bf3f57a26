/*
 * metrics.c - see metrics.h.
 */
#include "observe/metrics.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/gauge.h"
#include "engine/ledger.h"
#include "loop/http_server.h"
#include "observe/metric.h"

#define COUNT_AGAIN_MS 10000 /* between two counts of dead letters in the store */

const struct option metrics_options[] = {
	{.name = "listen",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct metrics_options, listen),
         .help = "address of /metrics, /health and /ready, such as 127.0.0.1:9464"},
	{.name = "labels",
         .kind = OPTION_INT,
         .offset = offsetof(struct metrics_options, labels),
         .fallback = "100",
         .min = 1,
         .max = 10000,
         .help = "values that one label may have; further ones are counted as other"},
	OPTION_ROWS_END,
};

struct metrics {
	struct metrics_world world;
	struct metric_set *set;
	struct http_server *server;
	struct store_counts counts;
	int64_t counted_ms; /* 0: never */
};

/* ---- what happens ------------------------------------------------------------------ */

void
metrics_arrived(struct metrics *metrics, const struct arrival *arrival)
{
	struct heed_str labels[] = {arrival->event->type, HEED_STR("accepted")};

	if (metrics == NULL)
		return;
	if (arrival->duplicate)
		labels[1] = HEED_STR("duplicate");
	else if (arrival->n_runs == 0)
		labels[1] = HEED_STR("ignored");
	metric_add(metrics->set, METRIC_EVENTS, 1, labels);
}

/* "answer", or why there is none. */
static struct heed_str
outcome_of(const struct step_view *step)
{
	return step->class.len > 0 ? step->class : HEED_STR("answer");
}

static void
add_tokens(struct metrics *metrics, struct heed_str name, const struct step_view *step)
{
	const struct model_usage *usage = step->usage;
	const struct {
		const char *kind;
		int64_t n;
	} kinds[] = {
		{"input", usage->input},
		{"cached_input", usage->cached_input},
		{"cache_write", usage->cache_write},
		{"output", usage->output},
		{"reasoning", usage->reasoning},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct heed_str labels[] = {step->asked, name, str_of(kinds[i].kind)};

		if (kinds[i].n > 0)
			metric_add(metrics->set, METRIC_TOKENS, kinds[i].n, labels);
	}
}

static void
add_call(struct metrics *metrics, struct heed_str name, const struct step_view *step)
{
	struct heed_str labels[] = {step->asked, name, outcome_of(step)};
	bool is_call = !str_is(labels[2], "cached") && !str_is(labels[2], "shared");

	if (step->asked.len == 0)
		return;
	metric_add(metrics->set, METRIC_CALLS, 1, labels);
	if (is_call)
		metric_observe(metrics->set, METRIC_CALL_SECONDS,
		               step->ended_us - step->began_us, labels);
	add_tokens(metrics, name, step);
	metric_add(metrics->set, METRIC_COST, step->cost_nano, labels);
	if (step->uncertain_nano > 0)
		metric_add(metrics->set, METRIC_UNCERTAIN, step->uncertain_nano, labels);
}

static void
add_effect(struct metrics *metrics, struct heed_str name, const struct step_view *step)
{
	struct heed_str labels[] = {step->action, name, HEED_STR("done")};

	if (step->state != ENTRY_DONE)
		labels[2] = step->state == ENTRY_UNKNOWN ? HEED_STR("unknown")
		                                         : HEED_STR("failed");
	metric_add(metrics->set, METRIC_EFFECTS, 1, labels);
	metric_observe(metrics->set, METRIC_EFFECT_SECONDS,
	               step->ended_us - step->began_us, labels);
}

void
metrics_stepped(struct metrics *metrics, const struct run *run,
                const struct step_view *step)
{
	struct heed_str name;

	if (metrics == NULL)
		return;
	name = flow_definition(run)->name;
	if (step->kind == ENTRY_ASK)
		add_call(metrics, name, step);
	else if (step->kind == ENTRY_ACT && step->action.len > 0)
		add_effect(metrics, name, step);
}

void
metrics_ended(struct metrics *metrics, const struct run *run)
{
	struct heed_str labels[3];
	struct run_view view;

	if (metrics == NULL)
		return;
	run_view(run, &view);
	labels[0] = view.name;
	labels[1] = str_of(view.state);
	labels[2] = view.class;
	metric_add(metrics->set, METRIC_RUNS_ENDED, 1, labels);
	metric_observe(metrics->set, METRIC_RUN_SECONDS, view.elapsed_ms * 1000, labels);
}

/* ---- what is ----------------------------------------------------------------------- */

static int64_t
memory_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long long all = 0, resident = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lld %lld", &all, &resident) != 2)
		resident = 0;
	(void)fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

static void
look_at_process(struct metrics *metrics)
{
	struct heed_str labels[] = {HEED_STR(HEED_VERSION), metrics->world.name};
	int64_t bytes = memory_bytes();

	metric_put(metrics->set, METRIC_INFO, 1, labels);
	metric_put(metrics->set, METRIC_START, metrics->world.began_us, NULL);
	metric_put(metrics->set, METRIC_CPU, clock_cpu_us(), NULL);
	if (bytes > 0)
		metric_put(metrics->set, METRIC_MEMORY, bytes, NULL);
}

static void
look_at_source(void *arg, const struct source *source)
{
	static const char *const codes[HTTP_ANSWERS] = {NULL,  NULL,  "2xx",
	                                                "3xx", "4xx", "5xx"};
	struct metric_set *set = ((struct metrics *)arg)->set;
	const struct source_stats *stats = &source->stats;
	struct heed_str labels[] = {source->name, HEED_STR("accepted")};

	metric_put(set, METRIC_SOURCE_EVENTS, stats->accepted, labels);
	labels[1] = HEED_STR("duplicate");
	metric_put(set, METRIC_SOURCE_EVENTS, stats->duplicates, labels);
	metric_put(set, METRIC_SOURCE_REFUSED, stats->refused, labels);
	metric_put(set, METRIC_SOURCE_PAUSED, source->paused, labels);
	if (stats->last_us > 0) {
		metric_put(set, METRIC_SOURCE_LAST, stats->last_us, labels);
		metric_put(set, METRIC_SOURCE_LAG, stats->lag_us, labels);
	}
	for (size_t i = 2; i < HTTP_ANSWERS; i++) {
		labels[1] = str_of(codes[i]);
		if (source->answers[i] > 0)
			metric_put(set, METRIC_HTTP_ANSWERS, source->answers[i], labels);
	}
}

static void
look_at_queue(void *arg, const struct queue_gauges *queue)
{
	struct metrics *metrics = arg;
	const struct {
		const char *state;
		int64_t n;
	} states[] = {
		{"ready", queue->ready},
		{"active", queue->active},
		{"waiting", queue->waiting},
	};
	int64_t age_us = queue->oldest_us > 0
	                         ? loop_wall_us(metrics->world.loop) - queue->oldest_us
	                         : 0;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct heed_str labels[] = {queue->name, str_of(states[i].state)};

		metric_put(metrics->set, METRIC_RUNS, states[i].n, labels);
	}
	metric_put(metrics->set, METRIC_QUEUE_AGE, age_us > 0 ? age_us : 0, &queue->name);
}

static void
look_at_engine(struct metrics *metrics)
{
	struct engine_gauges gauges;

	engine_gauges(metrics->world.engine, &gauges);
	metric_put(metrics->set, METRIC_QUEUE_DEPTH, gauges.unfinished, NULL);
	metric_put(metrics->set, METRIC_QUEUE_LIMIT, gauges.depth_max, NULL);
	engine_queue_gauges(metrics->world.engine, look_at_queue, metrics);
	engine_each_source(metrics->world.engine, look_at_source, metrics);
}

static void
look_at_models(struct metrics *metrics)
{
	const struct option_list *list = metrics->world.models(metrics->world.arg);
	const struct model *models = list->items;

	for (size_t i = 0; i < list->n; i++) {
		const struct heed_str *name = &models[i].name;
		struct gateway_stats stats;

		gateway_stats(&models[i], &stats);
		metric_put(metrics->set, METRIC_MODEL_IN_FLIGHT, (int64_t)stats.in_flight,
		           name);
		metric_put(metrics->set, METRIC_MODEL_QUEUED, (int64_t)stats.queued,
		           name);
		metric_put(metrics->set, METRIC_MODEL_OPEN,
		           stats.breaker != BREAKER_CLOSED, name);
		metric_put(metrics->set, METRIC_MODEL_PAUSED, stats.paused_ms * 1000,
		           name);
		metric_put(metrics->set, METRIC_MODEL_REROUTED, (int64_t)stats.rerouted,
		           name);
	}
}

static void
look_at_budgets(struct metrics *metrics)
{
	struct ledger *ledger = engine_ledger(metrics->world.engine);

	for (size_t i = 0; i < ledger_n(ledger); i++) {
		struct ledger_view view;
		const struct heed_str *label;

		ledger_view(ledger, i, &view);
		label = &view.budget->label;
		metric_put(metrics->set, METRIC_BUDGET_LIMIT, view.budget->limit_nano,
		           label);
		metric_put(metrics->set, METRIC_BUDGET_SPENT, view.spent_nano, label);
		metric_put(metrics->set, METRIC_BUDGET_RESERVED, view.reserved_nano,
		           label);
		metric_put(metrics->set, METRIC_BUDGET_WAITING, (int64_t)view.waiting,
		           label);
	}
}

static void
look_at_dead_letters(struct metrics *metrics)
{
	static const enum run_state states[] = {RUN_DEAD, RUN_HELD};
	int64_t now = loop_steady_ms(metrics->world.loop);

	if (metrics->counted_ms == 0 || now - metrics->counted_ms >= COUNT_AGAIN_MS) {
		/* What can't be read is as it was. */
		(void)store_read_counts(metrics->world.store, &metrics->counts, NULL);
		metrics->counted_ms = now > 0 ? now : 1;
	}
	for (size_t i = 0; i < 2; i++) {
		struct heed_str label = str_of(store_run_state_name(states[i]));

		metric_put(metrics->set, METRIC_DEAD_LETTERS,
		           metrics->counts.runs[states[i]], &label);
	}
}

static void
look_at_store(struct metrics *metrics)
{
	struct store_stats stats;

	store_stats(metrics->world.store, &stats);
	metric_put_histogram(metrics->set, METRIC_COMMIT_SECONDS, stats.times,
	                     stats.busy_us, NULL);
	metric_put_histogram(metrics->set, METRIC_COMMIT_SIZE, stats.sizes,
	                     stats.committed + stats.failed, NULL);
	metric_put(metrics->set, METRIC_COMMIT_FAILED, stats.failed, NULL);
	metric_put(metrics->set, METRIC_COMMIT_WAITING, stats.waiting, NULL);
}

static void
look_at_traces(struct metrics *metrics)
{
	struct heed_str sent = HEED_STR("sent"), dropped = HEED_STR("dropped");
	struct otlp_stats stats;

	if (metrics->world.traces == NULL)
		return;
	traces_stats(metrics->world.traces, &stats);
	metric_put(metrics->set, METRIC_SPANS, stats.sent, &sent);
	metric_put(metrics->set, METRIC_SPANS, stats.dropped, &dropped);
	metric_put(metrics->set, METRIC_SPANS_PENDING, stats.pending, NULL);
}

/* ---- pages ------------------------------------------------------------------------- */

static void
answer_metrics(struct metrics *metrics, struct http_exchange *exchange)
{
	struct heed_buf buf;

	metric_renew(metrics->set);
	look_at_process(metrics);
	look_at_engine(metrics);
	look_at_dead_letters(metrics);
	look_at_models(metrics);
	look_at_budgets(metrics);
	look_at_store(metrics);
	look_at_traces(metrics);
	buf_init(&buf, 0);
	metric_write(metrics->set, &buf);
	if (buf_error(&buf) == 0)
		http_answer(exchange, 200, METRIC_TYPE, buf_str(&buf), NULL, 0);
	else
		http_problem(exchange, 503, "Unavailable", "out of memory");
	buf_done(&buf);
}

static void
answer_ready(struct metrics *metrics, struct http_exchange *exchange)
{
	struct engine_gauges gauges;

	engine_gauges(metrics->world.engine, &gauges);
	if (gauges.draining || metrics->world.is_stopping(metrics->world.arg))
		http_problem(exchange, 503, "Not ready", "heed is stopping");
	else if (gauges.store_failing)
		http_problem(exchange, 503, "Not ready", "the store cannot be written");
	else
		http_answer(exchange, 200, "application/json",
		            HEED_STR("{\"ready\":true}\n"), NULL, 0);
}

static enum http_verdict
receive(void *arg, struct http_exchange *exchange)
{
	const struct http_header allow = {HEED_STR("Allow"), HEED_STR("GET, HEAD")};

	(void)arg;
	if (str_is(exchange->method, "GET") || str_is(exchange->method, "HEAD"))
		return HTTP_FORWARD;
	http_answer_problem(exchange, 405, "Method not allowed",
	                    HEED_STR("GET /metrics, /health or /ready"), &allow, 1);
	return HTTP_ANSWERED;
}

/* That this is answered shows that the loop turns. */
static void
forward(void *arg, struct http_exchange *exchange)
{
	struct metrics *metrics = arg;

	if (str_is(exchange->path, "/metrics"))
		answer_metrics(metrics, exchange);
	else if (str_is(exchange->path, "/health"))
		http_answer(exchange, 200, "application/json",
		            HEED_STR("{\"healthy\":true}\n"), NULL, 0);
	else if (str_is(exchange->path, "/ready"))
		answer_ready(metrics, exchange);
	else
		http_problem(exchange, 404, "Not found",
		             "there are /metrics, /health and /ready");
}

int
metrics_new(const struct metrics_options *options, const struct metrics_world *world,
            struct metrics **ret_metrics, struct heed_error *error)
{
	struct metrics *metrics;
	struct http_server_options server = {
		.receive = receive,
		.forward = forward,
		.connections_max = 64,
	};
	char listen[256];
	int r;

	*ret_metrics = NULL;
	if (options->listen.len == 0)
		return 0;
	metrics = mem_new(sizeof(*metrics));
	if (metrics == NULL)
		return error_nomem(error);
	metrics->world = *world;
	metrics->set = metric_set_new((size_t)options->labels);
	(void)snprintf(listen, sizeof(listen), "%.*s", STR_ARG(options->listen));
	server.listen = listen;
	server.arg = metrics;
	r = metrics->set == NULL
	            ? error_nomem(error)
	            : http_server_new(world->loop, &server, &metrics->server, error);
	if (r < 0) {
		error_prefix(error, "observe.metrics");
		metrics_free(metrics);
		return r;
	}
	log_event(LOG_INFO, "metrics", LOG_N("port", http_server_port(metrics->server)));
	*ret_metrics = metrics;
	return 0;
}

void
metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	http_server_free(metrics->server);
	metric_set_free(metrics->set);
	mem_free(metrics);
}
