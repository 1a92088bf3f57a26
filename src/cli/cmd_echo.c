/*
 * cmd_echo.c - heed echo: the configuration as it was understood, as JSON, or what it
 * would change.
 */
#include "base/json.h"
#include "cli/changes.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "the configuration (default: heed.yaml)"},
	{"--diff", NULL, "what it would change in the running heed"},
	{"--json", NULL, "compact, on one line"},
	{NULL, NULL, NULL},
};

static int
run(int argc, char **argv)
{
	struct cli_args args;
	struct app app = {0};
	struct heed_json value;
	struct heed_buf buf;
	int r = cli_parse(&cmd_echo, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	if (cli_has(&args, "--diff"))
		return changes_ask(&args, CHANGES_LOOK);
	r = cli_load(&args, &app);
	if (r == 0 && app_show(&app, &app.arena, &value) == 0) {
		buf_init(&buf, 0);
		json_write(&buf, value,
		           cli_has(&args, "--json") ? JSON_COMPACT : JSON_PRETTY);
		buf_addc(&buf, '\n');
		r = cli_print(&buf);
	}
	app_done(&app);
	return r;
}

const struct command cmd_echo = {
	.name = "echo",
	.usage = "[--diff] [--json] [FILE]",
	.words_max = 1,
	.help = "Print the configuration as it was understood: anchors and merges "
		"resolved, "
		"${...} left as written.",
	.options = options,
	.run = run,
};
