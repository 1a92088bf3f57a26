/*
 * cmd_reload.c - heed reload: have the running heed take up its changed configuration.
 */
#include "cli/changes.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--json", NULL, "what changed, as one JSON object"},
	{NULL, NULL, NULL},
};

static int
run(int argc, char **argv)
{
	struct cli_args args;
	int r = cli_parse(&cmd_reload, argc, argv, &args);

	return r != 0 || args.command == NULL ? r : changes_ask(&args, CHANGES_APPLY);
}

const struct command cmd_reload = {
	.name = "reload",
	.usage = "[--json] [FILE]",
	.words_max = 1,
	.help = "Have the running heed take up its changed configuration: checked whole, "
		"applied at once or not at all.",
	.options = options,
	.run = run,
};
