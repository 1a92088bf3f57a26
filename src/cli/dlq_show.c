/*
 * dlq_show.c - heed dlq show: one dead letter or held run with all that is known of it,
 * and what can be done.
 */
#include <stdio.h>

#include "base/error.h"
#include "cli/chain_show.h"
#include "cli/dlq.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/record.h"
#include "engine/redrive.h"
#include "engine/signature.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--brief", NULL, "only the beginnings of prompts, replies and requests"},
	{"--json", NULL, "as one JSON object"},
	{NULL, NULL, NULL},
};

static void
show_advice(struct heed_buf *buf, const struct store_run *run)
{
	long long id = (long long)run->id;

	if (run->state != RUN_DEAD && run->state != RUN_HELD) {
		buf_addf(buf, "it is no dead letter (any more): it is %s\n",
		         store_run_state_name(run->state));
		return;
	}
	buf_adds(buf, "what can be done:\n");
	if (run->state == RUN_HELD && str_is(run->class, "unknown"))
		buf_addf(buf,
		         "  heed dlq redrive %lld --as done      find out first: the "
		         "effect "
		         "happened\n"
		         "  heed dlq redrive %lld --as repeat    or it did not: do it\n",
		         id, id);
	else
		buf_addf(buf,
		         "  heed dlq redrive %lld                try again; what was "
		         "answered "
		         "and paid for is used again\n",
		         id);
	buf_addf(buf,
	         "  heed dlq patch %lld '.data.x = 1'    mend its event first (jq)\n"
	         "  heed dlq drop %lld --reason TEXT     nothing is to come of it\n",
	         id, id);
}

static void
show_head(struct heed_buf *buf, const struct chain *chain, const struct chain_run *run)
{
	char place[SIGNATURE_SIZE];

	buf_addf(buf, "event   %.*s ", STR_ARG(chain->root->row.type));
	(void)out_text(buf, chain->root->row.id, 60);
	buf_adds(buf, " from ");
	(void)out_text(buf, chain->root->row.source, 60);
	if (chain->root->row.parent_run > 0)
		buf_addf(buf, ", emitted by run %lld",
		         (long long)chain->root->row.parent_run);
	buf_adds(buf, "\n        ");
	(void)out_text(buf, chain->root->row.body, 0);
	buf_addf(buf, "\ngroup   %s\n", signature_of(place, &run->row).data);
}

static int
show(const struct cli_args *args, const struct chain *chain, const struct chain_run *run)
{
	struct heed_buf buf;

	if (cli_has(args, "--json"))
		return record_print(
			record_with(chain->arena, chain_record_run(chain, run), "event",
		                    record_event(chain->arena, &chain->root->row, true)));
	buf_init(&buf, 0);
	show_head(&buf, chain, run);
	chain_show_run(&buf, run, cli_has(args, "--brief") ? CHAIN_PARTS : CHAIN_FULL);
	show_advice(&buf, &run->row);
	return cli_print(&buf);
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	const struct chain_run *run = NULL;
	struct chain chain;
	struct arena arena;
	int64_t seq;
	int64_t id;
	int r;

	if (args->n_words != 1)
		return cli_misused(args, "heed dlq show 17; heed dlq ls lists them",
		                   "name one run");
	HEED_TRY(chain_find(store, str_of(args->words[0]), (struct heed_str){NULL, 0},
	                    false, &seq, &id, error));
	if (id == 0)
		return cli_misused(args, "heed dlq ls lists them",
		                   "\"%s\" is no run's number", args->words[0]);
	arena_init(&arena, 0);
	r = chain_load_event(store, &arena, seq, &chain, error);
	if (r == 0)
		run = chain_find_run(&chain, id);
	if (run != NULL)
		r = show(args, &chain, run);
	arena_done(&arena);
	return r;
}

static int
run(int argc, char **argv)
{
	return cli_look(&dlq_show, argc, argv, look);
}

const struct command dlq_show = {
	.name = "dlq show",
	.usage = "[--brief | --json] RUN",
	.words_max = CLI_ANY_WORDS,
	.help = "Show one dead letter: its cause, every attempt, prompt and raw reply, "
		"and "
		"what can be done.",
	.options = options,
	.run = run,
};
