/*
 * gauge.c - see gauge.h.
 */
#include "engine/gauge.h"

#include "engine/core.h"

void
engine_gauges(const struct engine *engine, struct engine_gauges *ret_gauges)
{
	*ret_gauges = (struct engine_gauges){
		.unfinished = engine->unfinished,
		.depth_max = engine->options.limits.queue_depth,
		.paused = engine->paused,
		.draining = engine->draining,
		.store_failing = engine->store_failing,
	};
}

static void
count_run(struct queue_gauges *gauges, const struct run *run)
{
	switch (run->state) {
	case RUN_READY:
		gauges->ready++;
		if (gauges->oldest_us == 0 || run->created_us < gauges->oldest_us)
			gauges->oldest_us = run->created_us;
		break;
	case RUN_ACTIVE:
		gauges->active++;
		break;
	case RUN_WAITING:
		gauges->waiting++;
		break;
	default:
		break;
	}
}

void
engine_queue_gauges(struct engine *engine, queue_gauges_fn *fn, void *arg)
{
	const struct run *run;
	struct queue *queue;

	TAILQ_FOREACH (queue, &engine->all_queues, all)
		queue->gauges =
			(struct queue_gauges){.flow = queue->flow, .name = queue->name};
	TAILQ_FOREACH (run, &engine->all, all)
		count_run(&run->queue->gauges, run);
	TAILQ_FOREACH (queue, &engine->all_queues, all)
		fn(arg, &queue->gauges);
}

void
engine_each_source(const struct engine *engine, engine_source_fn *fn, void *arg)
{
	size_t i;

	for (i = 0; i < engine->n_sources; i++)
		fn(arg, engine->sources[i]);
}
