/*
 * metric.h - what is counted: one table of metrics, and their values with labels.
 *
 * From the table come the code's names, HELP and TYPE of the Prometheus text, and the
 * reference page (heed docs metrics). Values are whole numbers in a unit of their own
 * (nano-dollars, microseconds); the table says how many are one of the metric's.
 *
 * A label whose values come from outside has at most so many, over all metrics: those
 * that came first. Any other is counted as "other", so that no stream of events can make
 * the page grow.
 */
#ifndef HEED_OBSERVE_METRIC_H
#define HEED_OBSERVE_METRIC_H

#include "base/str.h"
#include "heed.h"

#define METRIC_LABELS_MAX 3
#define METRIC_BOUNDS_MAX 15 /* of a histogram */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
	const char *name;
	enum metric_kind kind;
	double per;         /* so many counted are one of the metric */
	const char *labels; /* comma list */
	const char *help;
	const int64_t *bounds; /* HISTOGRAM: upper ones, counted, ascending, then 0 */
};

enum metric_id {
	METRIC_INFO,
	METRIC_START,
	METRIC_CPU,
	METRIC_MEMORY,
	METRIC_EVENTS,
	METRIC_SOURCE_EVENTS,
	METRIC_SOURCE_REFUSED,
	METRIC_SOURCE_LAST,
	METRIC_SOURCE_LAG,
	METRIC_SOURCE_PAUSED,
	METRIC_HTTP_ANSWERS,
	METRIC_RUNS,
	METRIC_QUEUE_AGE,
	METRIC_QUEUE_DEPTH,
	METRIC_QUEUE_LIMIT,
	METRIC_RUNS_ENDED,
	METRIC_RUN_SECONDS,
	METRIC_DEAD_LETTERS,
	METRIC_CALLS,
	METRIC_CALL_SECONDS,
	METRIC_TOKENS,
	METRIC_COST,
	METRIC_UNCERTAIN,
	METRIC_MODEL_IN_FLIGHT,
	METRIC_MODEL_QUEUED,
	METRIC_MODEL_OPEN,
	METRIC_MODEL_PAUSED,
	METRIC_MODEL_REROUTED,
	METRIC_BUDGET_LIMIT,
	METRIC_BUDGET_SPENT,
	METRIC_BUDGET_RESERVED,
	METRIC_BUDGET_WAITING,
	METRIC_EFFECTS,
	METRIC_EFFECT_SECONDS,
	METRIC_COMMIT_SECONDS,
	METRIC_COMMIT_SIZE,
	METRIC_COMMIT_FAILED,
	METRIC_COMMIT_WAITING,
	METRIC_SPANS,
	METRIC_SPANS_PENDING,
	METRICS_N
};
extern const struct metric metric_table[METRICS_N];

struct metric_set;

/* `label_max`: values of one label; 0 for 100. NULL without memory. */
struct metric_set *metric_set_new(size_t label_max);
void metric_set_free(struct metric_set *set); /* takes NULL */

/* `labels` are as many as the metric has. Without memory nothing is counted. */
void metric_add(struct metric_set *set, enum metric_id id, int64_t n,
                const struct heed_str *labels);
/* A gauge, or a counter that somebody else keeps: as it is now. What falls together
 * under "other" is summed up, so forget all by metric_renew first. */
void metric_put(struct metric_set *set, enum metric_id id, int64_t value,
                const struct heed_str *labels);
/* One value into a histogram. */
void metric_observe(struct metric_set *set, enum metric_id id, int64_t value,
                    const struct heed_str *labels);
/* A whole histogram that somebody else keeps: a count for each bound and one for above,
 * and the sum of the values. */
void
metric_put_histogram(struct metric_set *set, enum metric_id id, const int64_t *counts,
                     int64_t sum, const struct heed_str *labels);
/* Forget what was put: it is put again before writing, as far as it is there still. */
void metric_renew(struct metric_set *set);

#define METRIC_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* Append all that has a value as Prometheus's text, version 0.0.4. */
void metric_write(const struct metric_set *set, struct heed_buf *buf);
/* Append the reference, as Markdown or for a terminal. */
void metric_docs_write(struct heed_buf *buf, bool markdown);

#endif
