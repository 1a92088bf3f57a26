/*
 * dispatch.c - which run goes on next: order per key, concurrency per reaction, and the
 * bound on runs at once.
 */
#include <string.h>

#include "base/mem.h"
#include "engine/core.h"

/* Runs started in one turn, so that one reaction's backlog does not hold up the loop. */
#define BURST 256

struct queue *
queue_find(struct engine *engine, struct heed_str flow, struct heed_str name)
{
	struct queue *queue = engine->queues;

	while (queue != NULL && !(str_is(flow, queue->flow) && str_eq(queue->name, name)))
		queue = queue->next;
	return queue;
}

struct queue *
queue_of(struct engine *engine, const struct definition *definition)
{
	struct heed_str name = definition->name;
	struct queue *queue = queue_find(engine, str_of(definition->kind->name), name);

	if (queue != NULL)
		return queue;
	queue = mem_new(sizeof(*queue));
	if (queue == NULL)
		return NULL;
	queue->name = (struct heed_str){mem_copy(name.data, name.len), name.len};
	if (queue->name.data == NULL) {
		mem_free(queue);
		return NULL;
	}
	queue->flow = definition->kind->name;
	TAILQ_INIT(&queue->ready);
	queue->concurrency = 1;
	queue->next = engine->queues;
	engine->queues = queue;
	return queue;
}

void
queue_free(struct queue *queue)
{
	size_t i;

	for (i = 0; i < QUEUE_BUCKETS; i++) {
		while (queue->lanes[i] != NULL) {
			struct lane_of_key *lane = queue->lanes[i];

			queue->lanes[i] = lane->next;
			mem_free((char *)lane->key.data);
			mem_free(lane);
		}
	}
	mem_free((char *)queue->name.data);
	mem_free(queue);
}

static struct lane_of_key *
lane_find(struct queue *queue, struct heed_str key)
{
	struct lane_of_key **head = &queue->lanes[str_hash(key) % QUEUE_BUCKETS];
	struct lane_of_key *lane;
	char *copy;

	for (lane = *head; lane != NULL; lane = lane->next)
		if (str_eq(lane->key, key))
			return lane;
	lane = mem_new(sizeof(*lane));
	copy = mem_copy(key.data, key.len);
	if (lane == NULL || copy == NULL) {
		mem_free(lane);
		mem_free(copy);
		return NULL;
	}
	lane->key = (struct heed_str){copy, key.len};
	TAILQ_INIT(&lane->waiting);
	lane->next = *head;
	*head = lane;
	return lane;
}

static void
lane_remove(struct queue *queue, struct lane_of_key *lane)
{
	struct lane_of_key **at = &queue->lanes[str_hash(lane->key) % QUEUE_BUCKETS];

	while (*at != lane)
		at = &(*at)->next;
	*at = lane->next;
	mem_free((char *)lane->key.data);
	mem_free(lane);
}

/* Join the lane of its key; false when another run of it goes first. */
static bool
join_lane(struct run *run)
{
	if (run->key.len == 0 || run->lane != NULL)
		return run->lane == NULL || run->lane->first == run;
	/* Without memory for a lane the run goes unordered rather than lost. */
	run->lane = lane_find(run->queue, run->key);
	if (run->lane == NULL)
		return true;
	if (run->lane->first == NULL)
		run->lane->first = run;
	return run->lane->first == run;
}

void
dispatch_add(struct run *run)
{
	if (join_lane(run)) {
		run_set_state(run, RUN_READY);
		return;
	}
	run->state = RUN_READY;
	TAILQ_INSERT_TAIL(&run->lane->waiting, run, link);
}

static bool
has_room(const struct queue *queue, const struct engine *engine)
{
	return queue->active < queue->concurrency &&
	       engine->active < engine->options.limits.in_flight && !engine->draining;
}

bool
dispatch_at_once(const struct run *run)
{
	return run->engine->started && TAILQ_FIRST(&run->queue->ready) == run &&
	       has_room(run->queue, run->engine);
}

void
dispatch_left(struct run *run)
{
	struct lane_of_key *lane = run->lane;
	struct run *next;

	run->lane = NULL;
	if (lane == NULL || lane->first != run)
		return;
	next = TAILQ_FIRST(&lane->waiting);
	lane->first = next;
	if (next == NULL) {
		lane_remove(run->queue, lane);
		return;
	}
	TAILQ_REMOVE(&lane->waiting, next, link);
	TAILQ_INSERT_TAIL(&run->queue->ready, next, link);
	dispatch_soon(run->engine);
}

void
dispatch_soon(struct engine *engine)
{
	if (engine->started && !engine->draining && engine->dispatch_timer.slot == 0)
		loop_timer_set(engine->loop, &engine->dispatch_timer, 0);
}

/* Start what may start. */
void
dispatch_turn(void *arg)
{
	struct engine *engine = arg;
	struct queue *queue;
	int left = BURST;

	for (queue = engine->queues; queue != NULL && left > 0; queue = queue->next) {
		while (left > 0 && !TAILQ_EMPTY(&queue->ready) &&
		       has_room(queue, engine)) {
			struct run *run = TAILQ_FIRST(&queue->ready);

			run_set_state(run, RUN_ACTIVE);
			run_advance(run);
			left--;
		}
	}
	if (left == 0)
		dispatch_soon(engine);
}
