/*
 * dlq_redrive.c - heed dlq redrive: dead letters and held runs go on.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/dlq.h"
#include "cli/dlq_perform.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	DLQ_SELECT_OPTIONS,
	{"--all", NULL, "all there are"},
	{"--as", "WORD", "of a held effect: done (it happened) or repeat (it did not)"},
	{"--patch", "JQ", "mend the events first, as heed dlq patch does"},
	{"--rate", "N/s", "at most so many in a second (or N/m, a minute)"},
	DLQ_PERFORM_OPTIONS,
	{"--json", NULL, "print JSON"},
	{NULL, NULL, NULL},
};

static int
read_as(const struct cli_args *args, struct redrive *what)
{
	const char *as = cli_value(args, "--as");

	if (as == NULL)
		what->verb = REDRIVE_RETRY;
	else if (strcmp(as, "done") == 0)
		what->verb = REDRIVE_DONE;
	else if (strcmp(as, "repeat") == 0)
		what->verb = REDRIVE_REPEAT;
	else
		return cli_misused(args, NULL, "--as takes done or repeat, not \"%s\"",
		                   as);
	return 0;
}

/* "50", "50/s", "30/m". */
static int
read_rate(const struct cli_args *args, struct redrive *what)
{
	const char *given = cli_value(args, "--rate");
	struct heed_str text = str_of(given);
	double divisor = 1;

	if (given == NULL)
		return 0;
	if (str_ends(text, "/m"))
		divisor = 60;
	if (str_ends(text, "/m") || str_ends(text, "/s"))
		text.len -= 2;
	if (str_to_double(text, &what->rate) < 0 || !(what->rate > 0) ||
	    what->rate > 100000)
		return cli_misused(
			args, NULL,
			"--rate takes a number such as 50/s or 30/m, not \"%s\"", given);
	what->rate /= divisor;
	return 0;
}

static int
run(int argc, char **argv)
{
	struct redrive what = {0};
	struct cli_args args;
	struct arena arena;
	const char *rest = NULL;
	int r = cli_parse(&dlq_redrive, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	arena_init(&arena, 0);
	what.patch = str_of(cli_value(&args, "--patch"));
	r = dlq_select(&args, &arena, true, &what, &rest);
	if (r == 0 && rest != NULL)
		r = cli_misused(&args, NULL,
		                "\"%s\" is neither a run's number nor a group", rest);
	if (r == 0)
		r = read_as(&args, &what);
	if (r == 0)
		r = read_rate(&args, &what);
	if (r == 0)
		r = dlq_perform(&args, &what);
	arena_done(&arena);
	return r;
}

const struct command dlq_redrive = {
	.name = "dlq redrive",
	.usage = "RUN... | GROUP | --reaction NAME ... [OPTIONS]",
	.words_max = CLI_ANY_WORDS,
	.help = "Have dead letters go on. Says beforehand how many and what it may cost; "
		"answers paid for are used again, the order per key is kept.",
	.options = options,
	.run = run,
};
