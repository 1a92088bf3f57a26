/*
 * cmd_events.c - heed events: what came in and what was emitted. Reads the store, also
 * beside a running heed.
 */
#include <stdio.h>

#include "base/clock.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/record.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--type", "TYPE", "of this type only"},
	{"--source", "SOURCE", "from this source only"},
	{"--id", "ID", "with this id only"},
	{"--stream", "STREAM", "of this stream only, such as order/o-17"},
	CLI_PERIOD_OPTIONS,
	{"--json", NULL, "one JSON object a line, the whole event in \"body\""},
	{NULL, NULL, NULL},
};

static int
print_json(const struct store_event *event)
{
	struct arena arena;
	int r;

	arena_init(&arena, event->body.len * 2 + 1024);
	r = record_print(record_event(&arena, event, true));
	arena_done(&arena);
	return r;
}

static int
print_row(void *arg, const struct store_event *event)
{
	const struct cli_args *args = arg;
	char place[CLOCK_TEXT_SIZE];
	struct heed_buf buf;

	if (cli_has(args, "--json"))
		return print_json(event);
	buf_init(&buf, 0);
	buf_addf(&buf, "%s  ", clock_text(place, event->received_us).data);
	out_cell(&buf, event->type, 24);
	buf_addc(&buf, ' ');
	out_cell(&buf, event->id, 36);
	buf_addc(&buf, ' ');
	(void)out_text(&buf, event->source, 40);
	if (event->version > 0) {
		buf_adds(&buf, "  ");
		(void)out_text(&buf, event->stream, 40);
		buf_addf(&buf, " version %lld", (long long)event->version);
	}
	if (event->parent_run > 0)
		buf_addf(&buf, "  (emitted by run %lld)", (long long)event->parent_run);
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct store_filter filter = {
		.type = str_of(cli_value(args, "--type")),
		.source = str_of(cli_value(args, "--source")),
		.event_id = str_of(cli_value(args, "--id")),
		.stream = str_of(cli_value(args, "--stream")),
		.newest = true,
	};

	HEED_TRY(cli_filter(args, &filter, error));
	if (!cli_has(args, "--json"))
		printf("received                  type                     id           "
		       "                        source\n");
	return store_read_events(store, &filter, print_row, (void *)args, error);
}

static int
run(int argc, char **argv)
{
	return cli_look(&cmd_events, argc, argv, look);
}

const struct command cmd_events = {
	.name = "events",
	.usage = "[OPTIONS]",
	.help = "List events, the newest first: received and emitted ones.",
	.options = options,
	.run = run,
};
