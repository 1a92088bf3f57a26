/*
 * map.c - see map.h: chains, doubled when there are more nodes than slots.
 */
#include "base/map.h"

#include "base/mem.h"

#define SLOTS_MIN 16

static struct map_node **
slot_of(const struct map *map, uint64_t hash)
{
	if (map->slots == NULL)
		return (struct map_node **)&map->few;
	return &map->slots[hash & (map->n_slots - 1)];
}

static void
put(struct map *map, struct map_node *node)
{
	struct map_node **slot = slot_of(map, node->hash);

	node->next = *slot;
	*slot = node;
}

/* Move all nodes to `n_slots` new ones; without memory it stays as it is. */
static void
grow(struct map *map, size_t n_slots)
{
	struct map_node **slots = mem_new(n_slots * sizeof(struct map_node *));
	struct map old = *map;
	size_t i;

	if (slots == NULL)
		return;
	map->slots = slots;
	map->n_slots = n_slots;
	map->few = NULL;
	for (i = 0; i < (old.slots == NULL ? 1 : old.n_slots); i++) {
		struct map_node *node = old.slots == NULL ? old.few : old.slots[i];

		while (node != NULL) {
			struct map_node *next = node->next;

			put(map, node);
			node = next;
		}
	}
	mem_free(old.slots);
}

void
map_add(struct map *map, struct map_node *node, uint64_t hash)
{
	node->hash = hash;
	map->n++;
	if (map->n > map->n_slots)
		grow(map, map->n_slots == 0 ? SLOTS_MIN : map->n_slots * 2);
	put(map, node);
}

void
map_remove(struct map *map, struct map_node *node)
{
	struct map_node **at = slot_of(map, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	map->n--;
}

struct map_node *
map_find(const struct map *map, uint64_t hash)
{
	struct map_node *node = *slot_of(map, hash);

	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

struct map_node *
map_more(const struct map_node *node)
{
	uint64_t hash = node->hash;
	struct map_node *next = node->next;

	while (next != NULL && next->hash != hash)
		next = next->next;
	return next;
}

/* The first node in the slots from `i` on. */
static struct map_node *
first_from(const struct map *map, size_t i)
{
	while (i < map->n_slots && map->slots[i] == NULL)
		i++;
	return i < map->n_slots ? map->slots[i] : NULL;
}

struct map_node *
map_first(const struct map *map)
{
	return map->slots == NULL ? map->few : first_from(map, 0);
}

struct map_node *
map_next(const struct map *map, const struct map_node *node)
{
	if (node->next != NULL || map->slots == NULL)
		return node->next;
	return first_from(map, (node->hash & (map->n_slots - 1)) + 1);
}

void
map_done(struct map *map)
{
	mem_free(map->slots);
	*map = (struct map){0};
}

uint64_t
map_hash_number(int64_t number)
{
	uint64_t x = (uint64_t)number * 0x9e3779b97f4a7c15u;

	return x ^ x >> 32;
}
