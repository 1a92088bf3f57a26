/*
 * dlq_ls.c - heed dlq ls: the dead letters and held runs, the newest first.
 */
#include <stdio.h>

#include "cli/dlq.h"
#include "cli/dlq_select.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/record.h"
#include "engine/signature.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	DLQ_SELECT_OPTIONS,
	{"--limit", "N", "at most so many (default 50; 0: all)"},
	{"--json", NULL, "one JSON object a line"},
	{NULL, NULL, NULL},
};

struct listing {
	const struct cli_args *args;
	struct redrive what;
	int64_t limit, n;
};

static int
print_json(const struct store_run *run, const struct store_event *event)
{
	char place[SIGNATURE_SIZE];
	struct arena arena;
	int r;

	arena_init(&arena, 4096);
	r = record_print(record_with(&arena, record_run(&arena, run, event), "group",
	                             json_str(signature_of(place, run))));
	arena_done(&arena);
	return r;
}

static int
print_row(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct listing *listing = arg;
	struct heed_str state = str_of(store_run_state_name(run->state));
	char place[SIGNATURE_SIZE];
	struct heed_buf buf;

	if (listing->what.group.len > 0 &&
	    !str_eq(signature_of(place, run), listing->what.group))
		return 0;
	if (listing->limit > 0 && listing->n++ >= listing->limit)
		return 1;
	if (cli_has(listing->args, "--json"))
		return print_json(run, event);
	buf_init(&buf, 0);
	buf_addf(&buf, "%6lld  %s%.*s%s  %s  ", (long long)run->id,
	         out_style(out_state_style(state)), STR_ARG(state), out_style(OUT_END),
	         signature_of(place, run).data);
	out_cell(&buf, run->name, 18);
	buf_addc(&buf, ' ');
	out_cell(&buf, event->type, 20);
	buf_addc(&buf, ' ');
	out_cell(&buf, event->id, 12);
	buf_addc(&buf, ' ');
	out_age(&buf, run->updated_us);
	buf_adds(&buf, "  ");
	(void)out_text(&buf, run->class, 20);
	buf_adds(&buf, ": ");
	(void)out_text(&buf, run->text, 100);
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

static int
print_job(void *arg, const struct store_job *job)
{
	(void)arg;
	printf("job %lld is under way: heed dlq jobs\n", (long long)job->id);
	return 1;
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct listing listing = {.args = args};
	struct store_filter filter = {.states = "dead,held", .newest = true};
	const char *rest;
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = dlq_select(args, &arena, false, &listing.what, &rest);
	if (r == 0 && (rest != NULL || listing.what.n_runs > 0))
		r = cli_misused(args, NULL, "\"%s\" is no group", args->words[0]);
	if (r == 0)
		r = cli_number(args, "--limit", 0, INT64_MAX, 50, &listing.limit);
	filter.name = listing.what.name;
	filter.class = listing.what.class;
	filter.type = listing.what.type;
	filter.since_us = listing.what.since_us;
	filter.until_us = listing.what.until_us;
	if (r == 0 && !cli_has(args, "--json"))
		printf("   run  state group      reaction           event type           "
		       "event id     failed\n");
	if (r == 0)
		r = store_read_runs(store, &filter, print_row, &listing, error);
	if (r >= 0 && !cli_has(args, "--json"))
		(void)store_read_jobs(store, 0, JOB_OPEN, print_job, NULL, NULL);
	arena_done(&arena);
	return r == 1 ? 0 : r;
}

static int
run(int argc, char **argv)
{
	return cli_look(&dlq_ls, argc, argv, look);
}

const struct command dlq_ls = {
	.name = "dlq ls",
	.usage = "[GROUP] [OPTIONS]",
	.words_max = CLI_ANY_WORDS,
	.help = "List dead letters and held runs, the newest first.",
	.options = options,
	.run = run,
};
