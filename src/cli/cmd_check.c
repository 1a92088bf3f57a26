/*
 * cmd_check.c - heed check: is the configuration right?
 */
#include <stdio.h>

#include "cli/cli.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "the configuration (default: heed.yaml)"},
	{"--json", NULL, "problems as JSON"},
	{NULL, NULL, NULL},
};

static int
run(int argc, char **argv)
{
	struct cli_args args;
	struct app app = {0};
	int r = cli_parse(&cmd_check, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	r = cli_load(&args, &app);
	if (r == 0 && cli_has(&args, "--json"))
		cli_print_problems_json(&app);
	else if (r == 0)
		cli_warn(&app);
	if (r == 0 && !cli_has(&args, "--json"))
		printf("%s is right: %zu model%s, %zu source%s, %zu reaction%s\n",
		       app.path, app.models.n, app.models.n == 1 ? "" : "s",
		       app.n_sources, app.n_sources == 1 ? "" : "s", app.n_definitions,
		       app.n_definitions == 1 ? "" : "s");
	app_done(&app);
	return r;
}

const struct command cmd_check = {
	.name = "check",
	.usage = "[--json] [FILE]",
	.help = "Check a configuration whole and report every problem with its place. "
		"Exit 78 "
		"when there are any.",
	.options = options,
	.run = run,
};
