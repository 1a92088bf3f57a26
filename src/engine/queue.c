/*
 * queue.c - the runs of one name that wait for their turn, and the lanes that keep those
 * with the same key in order.
 */
#include "base/mem.h"
#include "engine/core.h"

static uint64_t
hash_of(struct heed_str flow, struct heed_str name)
{
	return str_hash(name) + 31 * str_hash(flow);
}

struct queue *
queue_find(struct engine *engine, struct heed_str flow, struct heed_str name)
{
	struct map_node *node = map_find(&engine->queues, hash_of(flow, name));

	for (; node != NULL; node = map_more(node)) {
		struct queue *queue = MAP_OWNER(node, struct queue, node);

		if (str_is(flow, queue->flow) && str_eq(queue->name, name))
			return queue;
	}
	return NULL;
}

struct queue *
queue_of(struct engine *engine, const struct definition *definition)
{
	struct heed_str name = definition->name;
	struct heed_str flow = str_of(definition->kind->name);
	struct queue *queue = queue_find(engine, flow, name);

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
	queue->concurrency = definition->concurrency;
	TAILQ_INIT(&queue->ready);
	map_add(&engine->queues, &queue->node, hash_of(flow, name));
	TAILQ_INSERT_TAIL(&engine->all_queues, queue, all);
	return queue;
}

void
queue_free(struct engine *engine, struct queue *queue)
{
	map_remove(&engine->queues, &queue->node);
	TAILQ_REMOVE(&engine->all_queues, queue, all);
	map_done(&queue->lanes);
	mem_free((char *)queue->name.data);
	mem_free(queue);
}

/* ---- the ready list ---------------------------------------------------------------- */

void
queue_push(struct run *run)
{
	struct queue *queue = run->queue;

	if (TAILQ_EMPTY(&queue->ready))
		TAILQ_INSERT_TAIL(&run->engine->busy, queue, busy);
	TAILQ_INSERT_TAIL(&queue->ready, run, link);
}

void
queue_take(struct run *run)
{
	struct queue *queue = run->queue;

	TAILQ_REMOVE(&queue->ready, run, link);
	if (TAILQ_EMPTY(&queue->ready))
		TAILQ_REMOVE(&run->engine->busy, queue, busy);
}

/* ---- lanes ------------------------------------------------------------------------- */

static struct lane_of_key *
lane_of(struct queue *queue, struct heed_str key)
{
	uint64_t hash = str_hash(key);
	struct map_node *node = map_find(&queue->lanes, hash);
	struct lane_of_key *lane;

	for (; node != NULL; node = map_more(node))
		if (str_eq(MAP_OWNER(node, struct lane_of_key, node)->key, key))
			return MAP_OWNER(node, struct lane_of_key, node);
	lane = mem_new(sizeof(*lane));
	if (lane == NULL)
		return NULL;
	lane->key = (struct heed_str){mem_copy(key.data, key.len), key.len};
	if (lane->key.data == NULL) {
		mem_free(lane);
		return NULL;
	}
	TAILQ_INIT(&lane->waiting);
	map_add(&queue->lanes, &lane->node, hash);
	return lane;
}

static void
lane_free(struct queue *queue, struct lane_of_key *lane)
{
	map_remove(&queue->lanes, &lane->node);
	mem_free((char *)lane->key.data);
	mem_free(lane);
}

bool
queue_join(struct run *run)
{
	if (run->key.len == 0)
		return true;
	/* Without memory for a lane the run goes unordered rather than lost. */
	run->lane = lane_of(run->queue, run->key);
	if (run->lane == NULL)
		return true;
	if (run->lane->first == NULL) {
		run->lane->first = run;
		return true;
	}
	TAILQ_INSERT_TAIL(&run->lane->waiting, run, link);
	return false;
}

struct run *
queue_leave(struct run *run)
{
	struct lane_of_key *lane = run->lane;
	struct run *next;

	run->lane = NULL;
	if (lane == NULL || lane->first != run)
		return NULL;
	next = TAILQ_FIRST(&lane->waiting);
	lane->first = next;
	if (next == NULL)
		lane_free(run->queue, lane);
	else
		TAILQ_REMOVE(&lane->waiting, next, link);
	return next;
}
