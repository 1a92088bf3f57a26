/*
 * cmd_explain.c - heed explain: from any event or run back to the event that caused it
 * and forward to all that came of that.
 */
#include "base/error.h"
#include "cli/chain_show.h"
#include "cli/look.h"
#include "cli/record.h"

#define RUNS_MAX 50 /* unless --full is given */

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--source", "SOURCE", "of the event, when several have the same id"},
	{"--full", NULL, "everything, whole: prompts, replies, requests, all runs"},
	{"--brief", NULL, "events, runs and answers only"},
	{"--json", NULL, "the tree as one JSON object, whole"},
	{NULL, NULL, NULL},
};

static int
print(const struct cli_args *args, const struct chain *chain, int64_t run)
{
	enum chain_detail detail = cli_has(args, "--full")    ? CHAIN_FULL
	                           : cli_has(args, "--brief") ? CHAIN_BRIEF
	                                                      : CHAIN_PARTS;
	struct heed_buf buf;

	if (cli_has(args, "--json"))
		return record_print(chain_record(chain));
	buf_init(&buf, 0);
	chain_show(&buf, chain, detail, run);
	return cli_print(&buf);
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	bool whole = cli_has(args, "--full") || cli_has(args, "--json");
	struct chain chain;
	struct arena arena;
	int64_t seq;
	int64_t run;
	int r;

	if (args->n_words != 1 || args->words[0][0] == '\0')
		return cli_misused(
			args,
			"heed explain 17, or heed explain EVENT-ID; heed runs and "
			"heed events list them",
			"name one run or one event");
	HEED_TRY(chain_find(store, str_of(args->words[0]),
	                    str_of(cli_value(args, "--source")), true, &seq, &run,
	                    error));
	arena_init(&arena, 0);
	r = chain_load(store, &arena, seq, whole ? 0 : RUNS_MAX, true, &chain, error);
	if (r == 0)
		r = print(args, &chain, run);
	arena_done(&arena);
	return r;
}

static int
run(int argc, char **argv)
{
	return cli_look(&cmd_explain, argc, argv, look);
}

const struct command cmd_explain = {
	.name = "explain",
	.usage = "[--full | --brief | --json] RUN | EVENT-ID",
	.words_max = CLI_ANY_WORDS,
	.help = "Show the whole chain that a run or an event belongs to: prompts, "
		"answers, "
		"checks, effects, tokens, cost, times.",
	.options = options,
	.run = run,
};
