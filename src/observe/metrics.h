/*
 * metrics.h - a running heed in numbers: /metrics for Prometheus, /health and /ready.
 *
 * What happens is counted as it happens; what is (queues, budgets, models) is looked at
 * when a page is asked for.
 */
#ifndef HEED_OBSERVE_METRICS_H
#define HEED_OBSERVE_METRICS_H

#include "config/option.h"
#include "engine/engine.h"
#include "observe/traces.h"

struct metrics_options {
	struct heed_str listen; /* empty: no metrics */
	int64_t labels;         /* values of one label */
};

/* Rows of observe.metrics. */
extern const struct option metrics_options[];

struct metrics;

/* What it looks at. All of it outlives the metrics. */
struct metrics_world {
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	const struct traces *traces; /* NULL: none */
	struct heed_str name;        /* of the application */
	int64_t began_us;
	/* The models that are in force; changes with a reload. */
	const struct option_list *(*models)(void *arg);
	/* It was told to stop. */
	bool (*is_stopping)(void *arg);
	void *arg;
};

/* `options` is borrowed for the call. *ret_metrics is NULL when no address is configured.
 * HEED_E_NOMEM; HEED_E_IO with words when the address can't be had. */
int metrics_new(const struct metrics_options *options, const struct metrics_world *world,
                struct metrics **ret_metrics, struct heed_error *error);
void metrics_free(struct metrics *metrics); /* takes NULL */

/* The engine's callbacks. Take NULL. */
void metrics_arrived(struct metrics *metrics, const struct arrival *arrival);
void metrics_stepped(struct metrics *metrics, const struct run *run,
                     const struct step_view *step);
void metrics_ended(struct metrics *metrics, const struct run *run);

#endif
