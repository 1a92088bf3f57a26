/*
 * cli.h - what the commands share: the table, exit codes, output.
 *
 * A command is one file: its descriptor with a sentence of help and its options, and its
 * function. Exit codes: 0 done, 1 failed or found something wrong, 2 wrong usage, 75 try
 * again (busy), 78 the configuration is not valid (as sysexits.h).
 */
#ifndef HEED_CLI_CLI_H
#define HEED_CLI_CLI_H

#include "base/str.h"
#include "config/app.h"
#include "heed.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_BUSY = 75, CLI_CONFIG = 78 };

struct cli_option {
	const char
		*name; /* "--json"; an option with `value` takes the next word or =... */
	const char *value; /* "FILE", or NULL for a switch */
	const char *help;
};

struct command {
	const char *name;
	const char *usage;                /* "[OPTIONS] [FILE]" */
	const char *help;                 /* one sentence */
	const struct cli_option *options; /* NULL-terminated by name */
	int (*run)(int argc, char **argv);
};

/* All commands, NULL-terminated. */
extern const struct command *const commands[];

/* The words of a command line, sorted out. */
struct cli_args {
	const struct command *command;
	const char *values[16]; /* by place in command->options; "" for a switch that is
	                           set */
	char **words;           /* what is no option */
	int n_words;
};

/* Zero, or an exit code: wrong usage (said on standard error, with the nearest option),
 * or help was asked for and given (*ret_exit 0 through CLI_OK and command set to NULL).
 */
int cli_parse(const struct command *command, int argc, char **argv,
              struct cli_args *ret_args);
const char *cli_value(const struct cli_args *args, const char *name);
bool cli_has(const struct cli_args *args, const char *name);
/* "heed NAME: text (where)\n  hint" on standard error; returns the exit code for
 * error->code. */
int cli_fail(const struct cli_args *args, const struct heed_error *error);
/* Load the configuration named by --config, or heed.yaml here; on failure its problems
 * are printed (as JSON with --json) and an exit code is returned. app_done in any case.
 */
int cli_load(const struct cli_args *args, struct app *app);
/* Write a buffer to standard output; CLI_OK or CLI_FAILED. */
int cli_print(struct heed_buf *buf);

extern const struct command cmd_check, cmd_docs, cmd_echo, cmd_explain, cmd_run, cmd_runs,
	cmd_version;

#endif
