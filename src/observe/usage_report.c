/*
 * usage_report.c - see usage_report.h.
 */
#include "observe/usage_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

const char *const usage_by_names[] = {"type", "reaction", "model", "asked",
                                      "hour", "day",      "month", NULL};

struct group {
	struct map_node node;
	struct heed_str key; /* all keys, each with its length */
	size_t row;
};

struct making {
	const struct usage_query *query;
	struct usage_report *report;
	struct map groups;
	struct heed_buf key;
	struct heed_str keys[USAGE_BY_MAX];
	char places[USAGE_BY_MAX][CLOCK_TEXT_SIZE];
};

/* ---- keys -------------------------------------------------------------------------- */

/* The time as the zone's clock shows it, cut to what names the period. */
static struct heed_str
time_key(const struct zone *zone, int64_t at_us, enum usage_by by,
         char place[CLOCK_TEXT_SIZE])
{
	static const size_t lengths[] = {
		[USAGE_BY_HOUR] = 13, [USAGE_BY_DAY] = 10, [USAGE_BY_MONTH] = 7};
	int64_t local_us = zone_to_local(zone, at_us / 1000000) * 1000000;
	struct heed_str text = clock_text(place, local_us);

	text.len = lengths[by];
	if (by != USAGE_BY_HOUR)
		return text;
	place[10] = ' ';
	memcpy(place + 13, ":00", 4);
	text.len = 16;
	return text;
}

static struct heed_str
name_key(const struct store_usage *usage, struct arena *arena)
{
	if (str_is(usage->flow, "reaction"))
		return usage->name;
	return arena_printf(arena, "%.*s (%.*s)", STR_ARG(usage->name),
	                    STR_ARG(usage->flow));
}

static struct heed_str
key_of(struct making *making, const struct store_usage *usage, size_t i)
{
	enum usage_by by = making->query->by[i];

	switch (by) {
	case USAGE_BY_TYPE:
		return usage->type;
	case USAGE_BY_REACTION:
		return name_key(usage, &making->report->arena);
	case USAGE_BY_MODEL:
		return usage->model;
	case USAGE_BY_ASKED:
		return usage->asked;
	default:
		return time_key(making->query->zone, usage->at_us, by, making->places[i]);
	}
}

/* ---- groups ------------------------------------------------------------------------ */

static struct group *
find_group(const struct making *making, uint64_t hash)
{
	struct map_node *node = map_find(&making->groups, hash);

	for (; node != NULL; node = map_more(node))
		if (str_eq(MAP_OWNER(node, struct group, node)->key,
		           buf_str(&making->key)))
			return MAP_OWNER(node, struct group, node);
	return NULL;
}

static struct group *
make_group(struct making *making, uint64_t hash)
{
	struct usage_report *report = making->report;
	struct group *group = ARENA_NEW(&report->arena, struct group);
	struct usage_sum *row;
	size_t i;

	if (group == NULL || mem_grow((void **)&report->rows, &report->cap, report->n + 1,
	                              sizeof(*report->rows)) < 0)
		return NULL;
	row = &report->rows[report->n];
	*row = (struct usage_sum){.questions = 0};
	for (i = 0; i < making->query->n_by; i++) {
		row->keys[i] = arena_str(&report->arena, making->keys[i]);
		if (row->keys[i].data == NULL)
			return NULL;
	}
	group->key = arena_str(&report->arena, buf_str(&making->key));
	if (group->key.data == NULL)
		return NULL;
	group->row = report->n++;
	map_add(&making->groups, &group->node, hash);
	return group;
}

static void
add(struct usage_sum *sum, const struct store_usage *usage)
{
	sum->questions += usage->questions;
	sum->calls += usage->calls;
	sum->failed += usage->failed;
	sum->input += usage->input;
	sum->cached_input += usage->cached_input;
	sum->cache_write += usage->cache_write;
	sum->output += usage->output;
	sum->reasoning += usage->reasoning;
	sum->cost_nano += usage->cost_nano;
	sum->reserved_nano += usage->reserved_nano;
}

static int
add_usage(void *arg, const struct store_usage *usage)
{
	struct making *making = arg;
	struct group *group;
	uint64_t hash;
	size_t i;

	buf_reset(&making->key);
	for (i = 0; i < making->query->n_by; i++) {
		struct heed_str key = key_of(making, usage, i);

		buf_addf(&making->key, "%zu:", key.len);
		buf_add(&making->key, key);
		making->keys[i] = key;
	}
	if (buf_error(&making->key) != 0)
		return HEED_E_NOMEM;
	hash = str_hash(buf_str(&making->key));
	group = find_group(making, hash);
	if (group == NULL)
		group = make_group(making, hash);
	if (group == NULL)
		return HEED_E_NOMEM;
	add(&making->report->rows[group->row], usage);
	add(&making->report->all, usage);
	return 0;
}

/* ---- order ------------------------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
	const struct usage_sum *x = a, *y = b;
	int r = 0;

	for (size_t i = 0; i < USAGE_BY_MAX && r == 0; i++)
		r = str_cmp(x->keys[i], y->keys[i]);
	return r;
}

static int
by_cost(const void *a, const void *b)
{
	const struct usage_sum *x = a, *y = b;

	if (x->cost_nano != y->cost_nano)
		return x->cost_nano > y->cost_nano ? -1 : 1;
	return by_key(a, b);
}

int
usage_report_make(struct store *store, const struct usage_query *query,
                  struct usage_report *ret_report, struct heed_error *error)
{
	struct making making = {.query = query, .report = ret_report};
	bool by_time = query->n_by > 0 && query->by[0] >= USAGE_BY_HOUR;
	int r;

	memset(ret_report, 0, sizeof(*ret_report));
	arena_init(&ret_report->arena, 0);
	buf_init(&making.key, 0);
	r = store_read_usage(store, query->since_us, query->until_us, add_usage, &making,
	                     error);
	if (r == HEED_E_NOMEM)
		(void)error_nomem(error);
	map_done(&making.groups);
	buf_done(&making.key);
	if (ret_report->n > 0)
		qsort(ret_report->rows, ret_report->n, sizeof(*ret_report->rows),
		      by_time ? by_key : by_cost);
	return r;
}

void
usage_report_done(struct usage_report *report)
{
	mem_free(report->rows);
	arena_done(&report->arena);
	memset(report, 0, sizeof(*report));
}
