/*
 * dispatch.c - which run goes on next: order per key, concurrency per reaction, and the
 * bound on runs at once.
 */
#include "engine/core.h"

/* Runs started in one turn, so that a backlog does not hold up the loop; and how many of
 * one queue before the next one has its turn. */
#define BURST 256
#define SHARE 16

void
dispatch_add(struct run *run)
{
	if (queue_join(run))
		run_set_state(run, RUN_READY);
	else
		run->state = RUN_READY;
}

static bool
has_room(const struct queue *queue, const struct engine *engine)
{
	return queue->active < queue->concurrency &&
	       engine->active < engine->options.limits.in_flight && engine->started &&
	       !engine->draining;
}

bool
dispatch_at_once(const struct run *run)
{
	return TAILQ_FIRST(&run->queue->ready) == run &&
	       has_room(run->queue, run->engine);
}

static void
go_next(struct engine *engine, struct run *next)
{
	if (next == NULL)
		return;
	queue_push(next);
	dispatch_soon(engine);
}

void
dispatch_left(struct run *run)
{
	go_next(run->engine, queue_leave(run));
}

void
dispatch_unblock(struct engine *engine, struct queue *queue, struct heed_str key)
{
	go_next(engine, queue_unblock(queue, key));
}

void
dispatch_soon(struct engine *engine)
{
	if (engine->started && !engine->draining && engine->dispatch_timer.slot == 0)
		loop_timer_set(engine->loop, &engine->dispatch_timer, 0);
}

/* Begin up to `most` runs of it; how many. */
static int
start_some(struct queue *queue, struct engine *engine, int most)
{
	int n = 0;

	while (n < most && !TAILQ_EMPTY(&queue->ready) && has_room(queue, engine)) {
		struct run *run = TAILQ_FIRST(&queue->ready);

		run_set_state(run, RUN_ACTIVE);
		run_advance(run);
		n++;
	}
	return n;
}

void
dispatch_turn(void *arg)
{
	struct engine *engine = arg;
	struct queue_list *busy = &engine->busy;
	int left = BURST;
	int before;

	do {
		struct queue *queue = TAILQ_FIRST(busy);

		before = left;
		while (queue != NULL && left > 0) {
			struct queue *next = TAILQ_NEXT(queue, busy);

			left -= start_some(queue, engine, left < SHARE ? left : SHARE);
			queue = next;
		}
	} while (left > 0 && left < before);
	if (left == 0)
		dispatch_soon(engine);
	if (!TAILQ_EMPTY(busy)) { /* another is first next time */
		struct queue *first = TAILQ_FIRST(busy);

		TAILQ_REMOVE(busy, first, busy);
		TAILQ_INSERT_TAIL(busy, first, busy);
	}
}
