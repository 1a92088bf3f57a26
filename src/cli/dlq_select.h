/*
 * dlq_select.h - which dead letters a command is for, how many they are, and what it may
 * cost to have them go on.
 *
 * They are named by words, runs (17) and groups (g1a2b3c4d), or by options.
 */
#ifndef HEED_CLI_DLQ_SELECT_H
#define HEED_CLI_DLQ_SELECT_H

#include "cli/cli.h"
#include "cli/progress.h"
#include "engine/redrive.h"

/* What all of these commands have. */
#define DLQ_SELECT_OPTIONS                                                               \
	{"--reaction", "NAME", "of this reaction only"},                                 \
		{"--class", "CLASS",                                                     \
	         "that failed so only: validation, effect, unknown ..."},                \
		{"--type", "TYPE", "of events of this type only"},                       \
		{"--since", "TIME",                                                      \
	         "of runs from this time on: 2h (before now), 2026-11-24"},              \
	{                                                                                \
		"--until", "TIME", "of runs before this time"                            \
	}

/* Fill the selection of *what, whose texts are the arguments' own. Words that name
 * neither a run nor a group are left to the caller: *ret_rest is the only one, or NULL.
 * With `needed`, nothing to select by is wrong usage (unless --all is given). Zero, or an
 * exit code that was explained. */
int dlq_select(const struct cli_args *args, struct arena *arena, bool needed,
               struct redrive *what, const char **ret_rest);

/* What would be done. */
struct dlq_plan {
	int64_t n;         /* runs */
	int64_t n_held;    /* of these: with an effect that is unknown */
	int64_t n_paid;    /* of these: with an answer that is used again */
	int64_t n_priced;  /* of these: with a guess of what they cost */
	int64_t cost_nano; /* that guess */
	int64_t last_run;
	struct heed_str name, class; /* of the first */
	bool mixed;                  /* not all are of that name and class */
};
/* Count them in the store. `arena` keeps the plan's texts. */
int dlq_plan(struct store *store, const struct redrive *what, struct arena *arena,
             struct dlq_plan *ret_plan, struct heed_error *error);
/* "12 runs of enrich (validation)" */
void dlq_plan_show(struct heed_buf *buf, const struct dlq_plan *plan);

#endif
