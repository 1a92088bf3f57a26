/*
 * dlq_patch.c - heed dlq patch: mend the events of dead letters for their redrive. What
 * came in stays as it is in heed events.
 */
#include "cli/dlq.h"
#include "cli/dlq_perform.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	DLQ_SELECT_OPTIONS,
	{"--all", NULL, "all there are"},
	DLQ_PERFORM_OPTIONS,
	{"--json", NULL, "print JSON"},
	{NULL, NULL, NULL},
};

static int
run(int argc, char **argv)
{
	struct redrive what = {.verb = REDRIVE_PATCH};
	struct cli_args args;
	struct arena arena;
	const char *patch = NULL;
	int r = cli_parse(&dlq_patch, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	arena_init(&arena, 0);
	r = dlq_select(&args, &arena, true, &what, &patch);
	if (r == 0 && patch == NULL)
		r = cli_misused(&args, "heed dlq patch 17 '.data.total |= tonumber'",
		                "there is no jq program");
	what.patch = str_of(patch);
	if (r == 0)
		r = dlq_perform(&args, &what);
	arena_done(&arena);
	return r;
}

const struct command dlq_patch = {
	.name = "dlq patch",
	.usage = "RUN... | GROUP | --reaction NAME ... JQ",
	.words_max = CLI_ANY_WORDS,
	.help = "Change the events of dead letters by a jq program that sees the event "
		"(.type, .data) and gives the new one; then redrive them.",
	.options = options,
	.run = run,
};
