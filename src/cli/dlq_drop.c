/*
 * dlq_drop.c - heed dlq drop: nothing is to come of these dead letters, for this reason.
 */
#include "cli/dlq.h"
#include "cli/dlq_perform.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	DLQ_SELECT_OPTIONS,
	{"--all", NULL, "all there are"},
	{"--reason", "TEXT", "why; it is recorded with each run"},
	DLQ_PERFORM_OPTIONS,
	{"--json", NULL, "print JSON"},
	{NULL, NULL, NULL},
};

static int
run(int argc, char **argv)
{
	struct redrive what = {.verb = REDRIVE_DROP};
	struct cli_args args;
	struct arena arena;
	const char *rest = NULL;
	int r = cli_parse(&dlq_drop, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	arena_init(&arena, 0);
	what.reason = str_of(cli_value(&args, "--reason"));
	r = dlq_select(&args, &arena, true, &what, &rest);
	if (r == 0 && rest != NULL)
		r = cli_misused(&args, NULL,
		                "\"%s\" is neither a run's number nor a group", rest);
	if (r == 0 && what.reason.len == 0)
		r = cli_misused(&args, NULL, "say why: --reason TEXT");
	if (r == 0)
		r = dlq_perform(&args, &what);
	arena_done(&arena);
	return r;
}

const struct command dlq_drop = {
	.name = "dlq drop",
	.usage = "RUN... | GROUP | --reaction NAME ... --reason TEXT",
	.words_max = CLI_ANY_WORDS,
	.help = "Drop dead letters: nothing is to come of them, and the record says why.",
	.options = options,
	.run = run,
};
