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

#endif
