/*
 * map.h - a hash table whose nodes are embedded in what it finds.
 *
 * It knows hashes only: the owner compares keys among the nodes of one hash. Adding never
 * fails, because the table grows when there is memory and gets slower when there is not.
 *
 *	struct lane { struct map_node node; struct heed_str key; };
 *
 *	for (node = map_find(&lanes, hash); node != NULL; node = map_more(node))
 *		if (str_eq(MAP_OWNER(node, struct lane, node)->key, key)) ...
 */
#ifndef HEED_BASE_MAP_H
#define HEED_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

/* Zeroed is empty. */
struct map {
	struct map_node **slots; /* NULL: `few` serves */
	struct map_node *few;
	size_t n_slots; /* a power of two */
	size_t n;       /* nodes */
};

#define MAP_OWNER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

void map_add(struct map *map, struct map_node *node, uint64_t hash);
/* It must be in the map. */
void map_remove(struct map *map, struct map_node *node);
/* The first node of that hash, and the next one; NULL when there is none. */
struct map_node *map_find(const struct map *map, uint64_t hash);
struct map_node *map_more(const struct map_node *node);
/* All nodes in no order; NULL behind the last. Nothing may be added meanwhile, and `node`
 * is to be in the map still. */
struct map_node *map_first(const struct map *map);
struct map_node *map_next(const struct map *map, const struct map_node *node);
/* Free the table, not the nodes; it is empty and usable again. */
void map_done(struct map *map);
/* A number well mixed, as its hash. */
uint64_t map_hash_number(int64_t number);

#endif
