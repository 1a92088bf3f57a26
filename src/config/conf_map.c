/*
 * conf_map.c - a map of its pairs: duplicate keys are problems, merge keys (<<) are
 * resolved.
 *
 * What a map says itself wins over what it merges; of several merged maps the first wins
 * (https://yaml.org/type/merge.html). Entries are sorted by key to find equal ones, so
 * that large maps stay cheap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/conf_local.h"

struct entry {
	const struct conf_node *key;
	const struct conf_node *value;
	bool merged;
	bool dropped; /* another entry with its key won */
};

struct entries {
	struct entry *items;
	size_t n;
	size_t cap;
};

static int
add(struct entries *entries, const struct conf_node *key, const struct conf_node *value,
    bool merged)
{
	void *items = entries->items;

	HEED_TRY(
		mem_grow(&items, &entries->cap, entries->n + 1, sizeof(*entries->items)));
	entries->items = items;
	entries->items[entries->n++] = (struct entry){key, value, merged, false};
	return 0;
}

static bool
is_merge_key(const struct conf_node *key)
{
	return !key->quoted && str_is(key->text, "<<");
}

static int
add_merged_map(struct conf_reader *reader, struct entries *entries,
               const struct conf_node *map)
{
	size_t i;

	if (map->kind != CONF_MAP) {
		(void)conf_fault(reader, map->line, map->column,
		                 "for example <<: *defaults",
		                 "only mappings can be merged");
		return 0;
	}
	for (i = 0; i < map->n; i++)
		HEED_TRY(add(entries, &map->keys[i], &map->items[i], true));
	return 0;
}

static int
add_merged(struct conf_reader *reader, struct entries *entries,
           const struct conf_node *value)
{
	size_t i;

	if (value->kind != CONF_LIST)
		return add_merged_map(reader, entries, value);
	for (i = 0; i < value->n; i++)
		HEED_TRY(add_merged_map(reader, entries, &value->items[i]));
	return 0;
}

static int
collect(struct conf_reader *reader, const struct conf_node *pairs, size_t n,
        struct entries *entries)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!is_merge_key(&pairs[2 * i]))
			HEED_TRY(add(entries, &pairs[2 * i], &pairs[2 * i + 1], false));
	for (i = 0; i < n; i++)
		if (is_merge_key(&pairs[2 * i]))
			HEED_TRY(add_merged(reader, entries, &pairs[2 * i + 1]));
	return 0;
}

/* By key, then in the order of the entries. */
static int
compare(const void *a, const void *b)
{
	const struct entry *left = *(const struct entry *const *)a;
	const struct entry *right = *(const struct entry *const *)b;
	int order = str_cmp(left->key->text, right->key->text);

	return order != 0 ? order : left < right ? -1 : left > right;
}

/* Of entries with equal keys only the first stays. */
static int
drop_doubles(struct conf_reader *reader, struct entries *entries)
{
	struct entry **sorted = mem_alloc((entries->n + 1) * sizeof(struct entry *));
	struct entry *kept = NULL;
	char hint[64];
	size_t i;

	if (sorted == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < entries->n; i++)
		sorted[i] = &entries->items[i];
	qsort(sorted, entries->n, sizeof(sorted[0]), compare);
	for (i = 0; i < entries->n; i++) {
		struct entry *entry = sorted[i];

		if (kept == NULL || !str_eq(kept->key->text, entry->key->text)) {
			kept = entry;
			continue;
		}
		entry->dropped = true;
		if (!entry->merged) {
			(void)snprintf(hint, sizeof(hint), "the first is at line %d",
			               kept->key->line);
			(void)conf_fault(reader, entry->key->line, entry->key->column,
			                 hint, "the key \"%.*s\" is there twice",
			                 STR_ARG(entry->key->text));
		}
	}
	mem_free(sorted);
	return 0;
}

static int
fill(struct conf_reader *reader, const struct entries *entries, struct conf_node *map)
{
	size_t i;

	map->keys = ARENA_ARRAY(reader->arena, struct conf_node, entries->n);
	map->items = ARENA_ARRAY(reader->arena, struct conf_node, entries->n);
	if (map->keys == NULL || map->items == NULL)
		return HEED_E_NOMEM;
	map->n = 0;
	for (i = 0; i < entries->n; i++) {
		if (entries->items[i].dropped)
			continue;
		map->keys[map->n] = *entries->items[i].key;
		map->items[map->n++] = *entries->items[i].value;
	}
	return 0;
}

int
conf_make_map(struct conf_reader *reader, const struct conf_node *pairs, size_t n,
              struct conf_node *map)
{
	struct entries entries = {NULL, 0, 0};
	int r;

	r = collect(reader, pairs, n, &entries);
	if (r == 0)
		r = drop_doubles(reader, &entries);
	if (r == 0)
		r = fill(reader, &entries, map);
	mem_free(entries.items);
	return r;
}
