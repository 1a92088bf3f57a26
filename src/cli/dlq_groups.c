/*
 * dlq_groups.c - heed dlq groups: what fails, how often, since when, and one example.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/dlq.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/record.h"
#include "engine/signature.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--reaction", "NAME", "of this reaction only"},
	{"--json", NULL, "one JSON object a line"},
	{NULL, NULL, NULL},
};

struct group {
	struct map_node node;
	char name[SIGNATURE_SIZE];
	int64_t n, n_held;
	int64_t first_us, last_us;
	int64_t example; /* run, the latest */
	struct heed_str reaction, class, text;
};

struct grouping {
	struct arena arena;
	struct map map;
	struct group **groups;
	size_t n, cap;
	int64_t n_runs;
	struct progress progress;
};

static struct group *
find_group(const struct grouping *grouping, struct heed_str name)
{
	struct map_node *node = map_find(&grouping->map, str_hash(name));

	for (; node != NULL; node = map_more(node)) {
		struct group *group = MAP_OWNER(node, struct group, node);

		if (str_is(name, group->name))
			return group;
	}
	return NULL;
}

static struct group *
new_group(struct grouping *grouping, struct heed_str name, const struct store_run *run)
{
	struct group *group = ARENA_NEW(&grouping->arena, struct group);

	if (group == NULL || mem_grow((void **)&grouping->groups, &grouping->cap,
	                              grouping->n + 1, sizeof(group)) < 0)
		return NULL;
	memcpy(group->name, name.data, SIGNATURE_SIZE);
	group->reaction = arena_str(&grouping->arena, run->name);
	group->class = arena_str(&grouping->arena, run->class);
	group->first_us = run->updated_us;
	map_add(&grouping->map, &group->node, str_hash(name));
	grouping->groups[grouping->n++] = group;
	return group;
}

static int
add_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct grouping *grouping = arg;
	char place[SIGNATURE_SIZE];
	struct heed_str name = signature_of(place, run);
	struct group *group = find_group(grouping, name);

	(void)event;
	if (group == NULL)
		group = new_group(grouping, name, run);
	if (group == NULL)
		return HEED_E_NOMEM;
	group->n++;
	group->n_held += run->state == RUN_HELD;
	if (run->updated_us < group->first_us)
		group->first_us = run->updated_us;
	if (run->updated_us >= group->last_us) {
		group->last_us = run->updated_us;
		group->example = run->id;
		if (group->text.len == 0)
			group->text = arena_str(&grouping->arena, run->text);
	}
	progress_set(&grouping->progress, ++grouping->n_runs);
	return 0;
}

/* The largest first. */
static int
compare(const void *a, const void *b)
{
	const struct group *left = *(struct group *const *)a;
	const struct group *right = *(struct group *const *)b;

	if (left->n != right->n)
		return left->n < right->n ? 1 : -1;
	return (left->example < right->example) - (left->example > right->example);
}

static int
print_json(const struct group *group)
{
	char first[CLOCK_TEXT_SIZE];
	char last[CLOCK_TEXT_SIZE];
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addf(&buf, "{\"group\":\"%s\",\"name\":", group->name);
	json_write_string(&buf, group->reaction);
	buf_adds(&buf, ",\"class\":");
	json_write_string(&buf, group->class);
	buf_addf(&buf, ",\"count\":%lld,\"held\":%lld,\"first\":\"%s\",\"last\":\"%s\",",
	         (long long)group->n, (long long)group->n_held,
	         clock_text(first, group->first_us).data,
	         clock_text(last, group->last_us).data);
	buf_addf(&buf, "\"example\":%lld,\"text\":", (long long)group->example);
	json_write_string(&buf, group->text);
	buf_adds(&buf, "}\n");
	return cli_print(&buf);
}

static int
print_text(const struct group *group)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addf(&buf, "%s%s%s  %s", out_style(OUT_BOLD), group->name, out_style(OUT_END),
	         out_style(OUT_RED));
	out_counted(&buf, group->n, "run");
	buf_addf(&buf, "%s of ", out_style(OUT_END));
	(void)out_text(&buf, group->reaction, 60);
	if (group->n_held > 0) {
		buf_adds(&buf, ", ");
		out_count(&buf, group->n_held);
		buf_adds(&buf, " held");
	}
	buf_adds(&buf, ", the last ");
	out_age(&buf, group->last_us);
	buf_adds(&buf, ", the first ");
	out_age(&buf, group->first_us);
	buf_addf(&buf, "\n           %.*s: ", STR_ARG(group->class));
	(void)out_text(&buf, group->text, 300);
	buf_addf(&buf, "\n           %sexample: heed dlq show %lld%s\n",
	         out_style(OUT_DIM), (long long)group->example, out_style(OUT_END));
	return cli_print(&buf);
}

static int
print_all(const struct cli_args *args, const struct grouping *grouping)
{
	size_t i;
	int r = 0;

	if (grouping->n > 0)
		qsort(grouping->groups, grouping->n, sizeof(struct group *), compare);
	for (i = 0; i < grouping->n && r == 0; i++)
		r = cli_has(args, "--json") ? print_json(grouping->groups[i])
		                            : print_text(grouping->groups[i]);
	if (r == 0 && grouping->n == 0 && !cli_has(args, "--json"))
		printf("there are no dead letters and no held runs\n");
	return r;
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct store_filter dead = {.states = "dead",
	                            .name = str_of(cli_value(args, "--reaction"))};
	struct store_filter held = {.states = "held", .name = dead.name};
	struct grouping grouping = {.n = 0};
	int r;

	arena_init(&grouping.arena, 0);
	progress_begin(&grouping.progress, "reading", 0);
	r = store_read_runs(store, &dead, add_run, &grouping, error);
	if (r == 0)
		r = store_read_runs(store, &held, add_run, &grouping, error);
	progress_end(&grouping.progress);
	if (r == 0)
		r = print_all(args, &grouping);
	map_done(&grouping.map);
	mem_free(grouping.groups);
	arena_done(&grouping.arena);
	return r;
}

static int
run(int argc, char **argv)
{
	return cli_look(&dlq_groups, argc, argv, look);
}

const struct command dlq_groups = {
	.name = "dlq groups",
	.usage = "[--reaction NAME] [--json]",
	.help = "Group dead letters by what failed, the largest group first.",
	.options = options,
	.run = run,
};
