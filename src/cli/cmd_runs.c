/*
 * cmd_runs.c - heed runs: what came of the events. Reads the store, also beside a running
 * heed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/look.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "the configuration (default: heed.yaml)"},
	{"--state", "NAMES", "ready, active, waiting, held, done, dead (comma list)"},
	{"--reaction", "NAME", "of this reaction only"},
	{"--type", "TYPE", "of events of this type only"},
	{"--limit", "N", "at most so many, the newest (default 50)"},
	{"--json", NULL, "one JSON object a line"},
	{NULL, NULL, NULL},
};

static int
print_json(const struct store_run *run, const struct store_event *event)
{
	char place[CLOCK_TEXT_SIZE];
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addf(&buf, "{\"run\":%lld,\"reaction\":", (long long)run->id);
	json_write_string(&buf, run->name);
	buf_addf(&buf, ",\"state\":\"%s\",\"type\":", store_run_state_name(run->state));
	json_write_string(&buf, event->type);
	buf_adds(&buf, ",\"event\":");
	json_write_string(&buf, event->id);
	buf_adds(&buf, ",\"source\":");
	json_write_string(&buf, event->source);
	buf_adds(&buf, ",\"class\":");
	json_write_string(&buf, run->class);
	buf_adds(&buf, ",\"text\":");
	json_write_string(&buf, run->text);
	buf_addf(&buf,
	         ",\"calls\":%d,\"input_tokens\":%lld,\"output_tokens\":%lld,\"cost_nano_"
	         "usd\":%lld,"
	         "\"created\":\"%s\"}\n",
	         run->calls, (long long)run->tokens_in, (long long)run->tokens_out,
	         (long long)run->cost_nano, clock_text(place, run->created_us).data);
	return cli_print(&buf);
}

static int
print_row(void *arg, const struct store_run *run, const struct store_event *event)
{
	const struct cli_args *args = arg;

	if (cli_has(args, "--json"))
		return print_json(run, event);
	printf("%6lld  %-8s %-20.*s %-22.*s %-12.*s %5lld tok  $%.6f  %.*s\n",
	       (long long)run->id, store_run_state_name(run->state), STR_ARG(run->name),
	       STR_ARG(event->type), STR_ARG(event->id),
	       (long long)(run->tokens_in + run->tokens_out),
	       (double)run->cost_nano / 1e9, STR_ARG(run->text));
	return 0;
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct store_filter filter = {
		.states = cli_value(args, "--state"),
		.name = str_of(cli_value(args, "--reaction")),
		.type = str_of(cli_value(args, "--type")),
		.limit = 50,
		.newest = true,
	};
	const char *limit = cli_value(args, "--limit");

	if (limit != NULL &&
	    (str_to_i64(str_of(limit), &filter.limit) < 0 || filter.limit < 1))
		return error_set(error, HEED_E_INVALID, "--limit takes a number from 1");
	if (!cli_has(args, "--json"))
		printf("   run  state    reaction             event type             "
		       "event id     "
		       "      cost\n");
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
