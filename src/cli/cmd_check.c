/*
 * cmd_check.c - heed check: is the configuration right?
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "engine/flow.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "the configuration (default: heed.yaml)"},
	{"--json", NULL, "problems as JSON"},
	{NULL, NULL, NULL},
};

/* "heed.yaml is valid: 1 model, 2 sources, 3 reactions, 1 saga" */
static void
tell_what_is_there(const struct app *app)
{
	static const char *const kinds[] = {"reaction", "entity", "saga"};
	static const char *const many[] = {"reactions", "entities", "sagas"};
	size_t k;

	printf("%s is valid: %zu model%s, %zu source%s", app->path, app->models.n,
	       app->models.n == 1 ? "" : "s", app->n_sources,
	       app->n_sources == 1 ? "" : "s");
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		size_t n = 0;
		size_t i;

		for (i = 0; i < app->n_definitions; i++)
			n += strcmp(app->definitions[i]->kind->name, kinds[k]) == 0;
		if (n > 0)
			printf(", %zu %s", n, n == 1 ? kinds[k] : many[k]);
	}
	printf("\n");
}

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
		tell_what_is_there(&app);
	app_done(&app);
	return r;
}

const struct command cmd_check = {
	.name = "check",
	.usage = "[--json] [FILE]",
	.words_max = 1,
	.help = "Check a configuration whole and report every problem with its place. "
		"Exit 78 "
		"when there are any.",
	.options = options,
	.run = run,
};
