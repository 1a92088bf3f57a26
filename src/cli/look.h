/*
 * look.h - what the commands that only read the store share.
 */
#ifndef HEED_CLI_LOOK_H
#define HEED_CLI_LOOK_H

#include "cli/cli.h"
#include "store/store.h"

typedef int
cli_look_fn(const struct cli_args *args, struct store *store, struct heed_error *error);

/* Parse the command line, load the configuration, open its store for looking, call
 * `look`; returns the exit code. */
int cli_look(const struct command *command, int argc, char **argv, cli_look_fn *look);

/* What lists have in common. */
#define CLI_PERIOD_OPTIONS                                                               \
	{"--since", "TIME",                                                              \
	 "from this time on: 2h (before now), 2026-11-24, or RFC 3339"},                 \
		{"--until", "TIME", "before this time"},                                 \
	{                                                                                \
		"--limit", "N", "at most so many (default 50; 0: all)"                   \
	}
/* Fill since_us, until_us and limit of a filter from them. HEED_E_INVALID with words. */
int cli_filter(const struct cli_args *args, struct store_filter *filter,
               struct heed_error *error);

#endif
