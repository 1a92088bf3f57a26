/*
 * metric_table.c - all metrics, in the order of the page.
 */
#include "observe/metric.h"
#include "store/store.h"

#define SECOND 1e6 /* times are counted in microseconds */
#define DOLLAR 1e9 /* money in nano-dollars */

#define MS INT64_C(1000)
#define S INT64_C(1000000)

static const int64_t call_bounds[] = {50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S,
                                      2 * S,   5 * S,    10 * S,   20 * S,   30 * S,
                                      60 * S,  120 * S,  0};
static const int64_t run_bounds[] = {10 * MS,   50 * MS,   250 * MS, 1 * S,    5 * S,
                                     15 * S,    60 * S,    300 * S,  1800 * S, 3600 * S,
                                     21600 * S, 86400 * S, 0};
static const int64_t effect_bounds[] = {5 * MS, 25 * MS, 100 * MS, 500 * MS, 1 * S,
                                        5 * S,  10 * S,  30 * S,   60 * S,   0};

#define COUNTER(name, per, labels, help)                                                 \
	{                                                                                \
		name, METRIC_COUNTER, per, labels, help, NULL                            \
	}
#define GAUGE(name, per, labels, help)                                                   \
	{                                                                                \
		name, METRIC_GAUGE, per, labels, help, NULL                              \
	}
#define HISTOGRAM(name, per, labels, bounds, help)                                       \
	{                                                                                \
		name, METRIC_HISTOGRAM, per, labels, help, bounds                        \
	}

/* clang-format off */
const struct metric metric_table[METRICS_N] = {
	[METRIC_INFO] = GAUGE("heed_info", 1, "version,name",
		"The version that runs and the application's name; always 1."),
	[METRIC_START] = GAUGE("process_start_time_seconds", SECOND, "",
		"When the process began, in seconds since 1970."),
	[METRIC_CPU] = COUNTER("process_cpu_seconds_total", SECOND, "",
		"Processor time of the process."),
	[METRIC_MEMORY] = GAUGE("process_resident_memory_bytes", 1, "",
		"Memory of the process that is in use."),

	[METRIC_EVENTS] = COUNTER("heed_events_total", 1, "type,outcome",
		"Events by type: accepted (they start runs), ignored (nothing reacts to them), "
		"duplicate (known already). Emitted ones are among them."),
	[METRIC_SOURCE_EVENTS] = COUNTER("heed_source_events_total", 1, "source,outcome",
		"Events by the source that brought them: accepted or duplicate."),
	[METRIC_SOURCE_REFUSED] = COUNTER("heed_source_refused_total", 1, "source",
		"Deliveries that were not taken: too much waits, or the store failed."),
	[METRIC_SOURCE_LAST] = GAUGE("heed_source_last_event_seconds", SECOND, "source",
		"When the source's last event was stored, in seconds since 1970."),
	[METRIC_SOURCE_LAG] = GAUGE("heed_source_lag_seconds", SECOND, "source",
		"How old the source's last event was when it was stored, by its own time."),
	[METRIC_SOURCE_PAUSED] = GAUGE("heed_source_paused", 1, "source",
		"Is the source held back because too much waits (limits.queue_depth)?"),
	[METRIC_HTTP_ANSWERS] = COUNTER("heed_http_answers_total", 1, "source,code",
		"Answers of http sources: 2xx, 4xx, 5xx."),

	[METRIC_RUNS] = GAUGE("heed_runs", 1, "reaction,state",
		"Unfinished runs: ready (their turn comes), active, waiting (for a retry, an "
		"event, a budget)."),
	[METRIC_QUEUE_AGE] = GAUGE("heed_queue_age_seconds", SECOND, "reaction",
		"How long the oldest run has been ready for its turn."),
	[METRIC_QUEUE_DEPTH] = GAUGE("heed_queue_depth", 1, "",
		"Unfinished runs in all; near the limit sources are held back."),
	[METRIC_QUEUE_LIMIT] = GAUGE("heed_queue_limit", 1, "",
		"limits.queue_depth."),
	[METRIC_RUNS_ENDED] = COUNTER("heed_runs_ended_total", 1, "reaction,state,class",
		"Runs that ended: done, dead (a dead letter, with the class of its cause) or held."),
	[METRIC_RUN_SECONDS] = HISTOGRAM("heed_run_duration_seconds", SECOND, "reaction",
		run_bounds, "From a run's event to its end, waiting included."),
	[METRIC_DEAD_LETTERS] = GAUGE("heed_dead_letters", 1, "state",
		"Dead letters (dead) and held runs (held) that wait for a person; looked up at "
		"most every ten seconds."),

	[METRIC_CALLS] = COUNTER("heed_model_calls_total", 1, "model,reaction,outcome",
		"Attempts at a model, by its name under models:. The outcome is answer, refusal, "
		"length, content_filter, rate, transient or permanent; cached and shared are "
		"answers without a call."),
	[METRIC_CALL_SECONDS] = HISTOGRAM("heed_model_call_duration_seconds", SECOND, "model",
		call_bounds, "From the request to the whole reply."),
	[METRIC_TOKENS] = COUNTER("heed_model_tokens_total", 1, "model,reaction,kind",
		"Tokens: input, and of it cached_input and cache_write; output, and of it "
		"reasoning."),
	[METRIC_COST] = COUNTER("heed_model_cost_dollars_total", DOLLAR, "model,reaction",
		"What calls have cost, in US dollars."),
	[METRIC_UNCERTAIN] = COUNTER("heed_model_uncertain_dollars_total", DOLLAR,
		"model,reaction",
		"What calls may have cost at most whose reply never came, in US dollars."),
	[METRIC_MODEL_IN_FLIGHT] = GAUGE("heed_model_in_flight", 1, "model",
		"Calls under way."),
	[METRIC_MODEL_QUEUED] = GAUGE("heed_model_queued", 1, "model",
		"Questions in line for the model's limits."),
	[METRIC_MODEL_OPEN] = GAUGE("heed_model_breaker_open", 1, "model",
		"Is the model left alone for a while because it failed?"),
	[METRIC_MODEL_PAUSED] = GAUGE("heed_model_paused_seconds", SECOND, "model",
		"How long the provider still wants no requests."),
	[METRIC_MODEL_REROUTED] = COUNTER("heed_model_rerouted_total", 1, "model",
		"Questions to this model that went to a fallback."),

	[METRIC_BUDGET_LIMIT] = GAUGE("heed_budget_limit_dollars", DOLLAR, "budget",
		"The limit of a budget, in US dollars a period."),
	[METRIC_BUDGET_SPENT] = GAUGE("heed_budget_spent_dollars", DOLLAR, "budget",
		"What was spent of it in this period."),
	[METRIC_BUDGET_RESERVED] = GAUGE("heed_budget_reserved_dollars", DOLLAR, "budget",
		"What is reserved of it for calls under way."),
	[METRIC_BUDGET_WAITING] = GAUGE("heed_budget_waiting_runs", 1, "budget",
		"Runs that wait until it opens."),

	[METRIC_EFFECTS] = COUNTER("heed_effects_total", 1, "action,reaction,outcome",
		"Attempts of effects, by the kind of action: done, failed, unknown."),
	[METRIC_EFFECT_SECONDS] = HISTOGRAM("heed_effect_duration_seconds", SECOND, "action",
		effect_bounds, "From an attempt's begin to its end."),

	[METRIC_COMMIT_SECONDS] = HISTOGRAM("heed_store_commit_seconds", SECOND, "",
		store_time_bounds_us, "A commit of a group of transactions to disk."),
	[METRIC_COMMIT_SIZE] = HISTOGRAM("heed_store_commit_transactions", 1, "",
		store_size_bounds, "Transactions in a commit."),
	[METRIC_COMMIT_FAILED] = COUNTER("heed_store_failed_transactions_total", 1, "",
		"Transactions that could not be written; they are tried again."),
	[METRIC_COMMIT_WAITING] = GAUGE("heed_store_waiting_transactions", 1, "",
		"Transactions that no commit has taken yet."),

	[METRIC_SPANS] = COUNTER("heed_trace_spans_total", 1, "outcome",
		"Spans for the collector of observe.traces: sent or dropped."),
	[METRIC_SPANS_PENDING] = GAUGE("heed_trace_spans_pending", 1, "",
		"Spans that are not sent yet."),
};
/* clang-format on */
