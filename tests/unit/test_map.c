/*
 * test_map.c - the table whose nodes are embedded: nothing is lost while it grows, nor
 * when it cannot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"

#define N 1000

struct thing {
	struct map_node node;
	int64_t key;
};

static struct thing things[N];

static struct thing *
find(const struct map *map, int64_t key)
{
	struct map_node *node = map_find(map, map_hash_number(key));

	for (; node != NULL; node = map_more(node))
		if (MAP_OWNER(node, struct thing, node)->key == key)
			return MAP_OWNER(node, struct thing, node);
	return NULL;
}

static void
fill(struct map *map)
{
	int i;

	for (i = 0; i < N; i++) {
		things[i].key = i;
		map_add(map, &things[i].node, map_hash_number(i));
	}
}

static void
check_all(struct map *map)
{
	struct map_node *node;
	int i;

	for (i = 0; i < N; i++)
		assert_ptr_equal(find(map, i), &things[i]);
	assert_null(find(map, N));
	for (i = 0; i < N; i += 2)
		map_remove(map, &things[i].node);
	for (i = 0; i < N; i++)
		assert_ptr_equal(find(map, i), i % 2 == 0 ? NULL : &things[i]);
	assert_int_equal(map->n, N / 2);
	i = 0;
	for (node = map_first(map); node != NULL; node = map_next(map, node))
		i++;
	assert_int_equal(i, N / 2);
	while ((node = map_first(map)) != NULL)
		map_remove(map, node);
	assert_int_equal(map->n, 0);
	map_done(map);
}

static void
test_grows(void **state)
{
	struct map map = {0};

	fill(&map);
	assert_true(map.n_slots >= N);
	check_all(&map);
}

static void
test_without_memory(void **state)
{
	struct map map = {0};

	mem_fail_after(0, 1);
	fill(&map);
	mem_fail_after(-1, 0);
	assert_int_equal(map.n_slots, 0);
	check_all(&map);
}

static void
test_same_hash(void **state)
{
	struct thing a = {.key = 1}, b = {.key = 2};
	struct map map = {0};

	map_add(&map, &a.node, 7);
	map_add(&map, &b.node, 7);
	assert_ptr_equal(map_find(&map, 7), &b.node);
	assert_ptr_equal(map_more(&b.node), &a.node);
	assert_null(map_more(&a.node));
	map_remove(&map, &b.node);
	assert_ptr_equal(map_find(&map, 7), &a.node);
	map_done(&map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_same_hash),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
