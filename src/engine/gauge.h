/*
 * gauge.h - how full the engine is: for metrics and `heed top`. Loop's thread.
 */
#ifndef HEED_ENGINE_GAUGE_H
#define HEED_ENGINE_GAUGE_H

#include "heed.h"

struct engine;
struct source;

struct engine_gauges {
	int64_t unfinished; /* runs in memory */
	int64_t depth_max;  /* limits.queue_depth */
	bool paused;        /* sources are held back */
	bool draining;
	bool store_failing; /* the last commit could not be written */
};
void engine_gauges(const struct engine *engine, struct engine_gauges *ret_gauges);

/* All runs of one name. */
struct queue_gauges {
	const char *flow; /* "reaction" */
	struct heed_str name;
	int64_t ready, active, waiting;
	int64_t oldest_us; /* when the oldest ready run came; 0: none is ready */
};
typedef void queue_gauges_fn(void *arg, const struct queue_gauges *gauges);
/* Call fn for each that has definitions or runs. Walks all runs in memory. */
void engine_queue_gauges(struct engine *engine, queue_gauges_fn *fn, void *arg);

typedef void engine_source_fn(void *arg, const struct source *source);
void engine_each_source(const struct engine *engine, engine_source_fn *fn, void *arg);

#endif
