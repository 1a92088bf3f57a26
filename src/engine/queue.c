/*
 * queue.c - the runs of one name that wait for their turn, and the lanes that keep those
 * with the same key in order.
 *
 * A lane is there while it has runs or blockers: dead letters which, with
 * `on_failure: block`, later runs of their key wait for.
 */
#include "base/mem.h"
#include "engine/core.h"

/* ---- lanes ------------------------------------------------------------------------- */

static uint64_t
hash_of(struct heed_str flow, struct heed_str name)
{
	return str_hash(name) + 31 * str_hash(flow);
}

static struct lane_of_key *
lane_find(const struct queue *queue, struct heed_str key)
{
	struct map_node *node = map_find(&queue->lanes, str_hash(key));

	for (; node != NULL; node = map_more(node))
		if (str_eq(MAP_OWNER(node, struct lane_of_key, node)->key, key))
			return MAP_OWNER(node, struct lane_of_key, node);
	return NULL;
}

/* Made when it is not there. */
static struct lane_of_key *
lane_of(struct queue *queue, struct heed_str key)
{
	struct lane_of_key *lane = lane_find(queue, key);

	if (lane != NULL)
		return lane;
	lane = mem_new(sizeof(*lane));
	if (lane == NULL)
		return NULL;
	lane->key = (struct heed_str){mem_copy(key.data, key.len), key.len};
	if (lane->key.data == NULL) {
		mem_free(lane);
		return NULL;
	}
	TAILQ_INIT(&lane->waiting);
	map_add(&queue->lanes, &lane->node, str_hash(key));
	return lane;
}

static void
lane_free(struct queue *queue, struct lane_of_key *lane)
{
	map_remove(&queue->lanes, &lane->node);
	mem_free((char *)lane->key.data);
	mem_free(lane);
}

/* ---- queues ------------------------------------------------------------------------ */

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
	struct map_node *node;

	while ((node = map_first(&queue->lanes)) != NULL)
		lane_free(queue, MAP_OWNER(node, struct lane_of_key, node));
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

/* May it go first in its lane? One that is redriven need not wait for other dead letters
 * of its key, which may be redriven in any order. */
static bool
passes(const struct lane_of_key *lane, const struct run *run)
{
	return lane->blockers == 0 || run->redrives > 0;
}

bool
queue_join(struct run *run)
{
	struct run *before;

	if (run->key.len == 0)
		return true;
	/* Without memory for a lane the run goes unordered rather than lost. */
	run->lane = lane_of(run->queue, run->key);
	if (run->lane == NULL)
		return true;
	if (run->lane->first == NULL && passes(run->lane, run)) {
		run->lane->first = run;
		return true;
	}
	before = TAILQ_LAST(&run->lane->waiting, run_list);
	while (before != NULL && before->id > run->id)
		before = TAILQ_PREV(before, run_list, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&run->lane->waiting, before, run, link);
	else
		TAILQ_INSERT_HEAD(&run->lane->waiting, run, link);
	return false;
}

/* Let the next go first, or forget the lane when it holds nothing. */
static struct run *
advance_lane(struct queue *queue, struct lane_of_key *lane)
{
	struct run *next = TAILQ_FIRST(&lane->waiting);

	if (lane->first != NULL)
		return NULL;
	if (next != NULL && passes(lane, next)) {
		lane->first = next;
		TAILQ_REMOVE(&lane->waiting, next, link);
		return next;
	}
	if (next == NULL && lane->blockers == 0)
		lane_free(queue, lane);
	return NULL;
}

struct run *
queue_leave(struct run *run)
{
	struct lane_of_key *lane = run->lane;

	run->lane = NULL;
	if (lane == NULL)
		return NULL;
	if (lane->first == run)
		lane->first = NULL;
	return advance_lane(run->queue, lane);
}

/* ---- dead letters that block ------------------------------------------------------- */

void
queue_block(struct queue *queue, struct heed_str key)
{
	struct lane_of_key *lane = lane_of(queue, key);

	if (lane != NULL)
		lane->blockers++;
}

struct run *
queue_unblock(struct queue *queue, struct heed_str key)
{
	struct lane_of_key *lane = lane_find(queue, key);

	if (lane == NULL || lane->blockers == 0)
		return NULL;
	lane->blockers--;
	return advance_lane(queue, lane);
}

/* Every lane loses its blockers; what waits for them goes on. */
static void
release_lanes(struct engine *engine, struct queue *queue)
{
	struct map_node *node = map_first(&queue->lanes);

	while (node != NULL) {
		struct lane_of_key *lane = MAP_OWNER(node, struct lane_of_key, node);
		struct run *next;

		node = map_next(&queue->lanes, node);
		lane->blockers = 0;
		next = advance_lane(queue, lane);
		if (next != NULL)
			queue_push(next);
	}
	dispatch_soon(engine);
}

void
queue_set_blocks(struct engine *engine, struct queue *queue, bool blocks)
{
	if (queue->blocks && !blocks) {
		release_lanes(engine, queue);
		queue->knows_blockers = false;
	}
	queue->blocks = blocks;
}
