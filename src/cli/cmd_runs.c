/*
 * cmd_runs.c - heed runs: what came of the events. Reads the store, also beside a running
 * heed.
 */
#include <stdio.h>

#include "base/error.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/record.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--state", "NAMES",
         "ready, active, waiting, held, done, dead, dropped (comma list)"},
	{"--reaction", "NAME", "of this reaction only"},
	{"--type", "TYPE", "of events of this type only"},
	CLI_PERIOD_OPTIONS,
	{"--json", NULL, "one JSON object a line"},
	{NULL, NULL, NULL},
};

static int
print_json(const struct store_run *run, const struct store_event *event)
{
	struct arena arena;
	int r;

	arena_init(&arena, 4096);
	r = record_print(record_run(&arena, run, event));
	arena_done(&arena);
	return r;
}

static int
print_row(void *arg, const struct store_run *run, const struct store_event *event)
{
	const struct cli_args *args = arg;
	const char *state = store_run_state_name(run->state);
	struct heed_buf buf;

	if (cli_has(args, "--json"))
		return print_json(run, event);
	buf_init(&buf, 0);
	buf_addf(&buf, "%6lld  %s%-8s%s ", (long long)run->id,
	         out_style(out_state_style(str_of(state))), state, out_style(OUT_END));
	out_cell(&buf, run->name, 20);
	buf_addc(&buf, ' ');
	out_cell(&buf, event->type, 22);
	buf_addc(&buf, ' ');
	out_cell(&buf, event->id, 12);
	buf_addf(&buf, " %6lld tok  ", (long long)(run->tokens_in + run->tokens_out));
	out_money(&buf, run->cost_nano);
	if (run->text.len > 0) {
		buf_adds(&buf, "  ");
		(void)out_text(&buf, run->text, 100);
	}
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

/* Before anything is printed. */
static int
check_states(struct heed_str names, struct heed_error *error)
{
	while (names.len > 0) {
		struct heed_str name = str_trim(str_cut(&names, ','));

		if (store_run_state_find(name) >= 0)
			continue;
		(void)error_set(error, CLI_E_USAGE, "there is no state \"%.*s\"",
		                STR_ARG(name));
		error_hint(error, "ready, active, waiting, held, done, dead or dropped");
		return CLI_E_USAGE;
	}
	return 0;
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct store_filter filter = {
		.states = cli_value(args, "--state"),
		.name = str_of(cli_value(args, "--reaction")),
		.type = str_of(cli_value(args, "--type")),
		.newest = true,
	};

	HEED_TRY(cli_filter(args, &filter, error));
	HEED_TRY(check_states(str_of(filter.states), error));
	if (!cli_has(args, "--json"))
		printf("   run  state    reaction             event type             "
		       "event id         tokens  cost\n");
	return store_read_runs(store, &filter, print_row, (void *)args, error);
}

static int
run(int argc, char **argv)
{
	return cli_look(&cmd_runs, argc, argv, look);
}

const struct command cmd_runs = {
	.name = "runs",
	.usage = "[OPTIONS]",
	.help = "List runs, the newest first: state, event, tokens, cost, why it failed.",
	.options = options,
	.run = run,
};
