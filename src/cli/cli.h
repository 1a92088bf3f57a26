/*
 * cli.h - what the commands share: the table, exit codes, output.
 *
 * A command is one file: its descriptor with a sentence of help and its options, and its
 * function. Exit codes: 0 done, 1 failed or found something wrong, 2 wrong usage, 75 try
 * again (busy), 78 the configuration is not valid (as sysexits.h).
 */
#ifndef HEED_CLI_CLI_H
#define HEED_CLI_CLI_H

#include <stdio.h>

#include "base/str.h"
#include "config/app.h"
#include "heed.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_BUSY = 75, CLI_CONFIG = 78 };

/* A failure of heed's own kind: the value of an option cannot be. Ends with CLI_USAGE. */
#define CLI_E_USAGE (-1000)
#define CLI_ANY_WORDS 1000000

struct cli_option {
	const char
		*name; /* "--json"; an option with `value` takes the next word or =... */
	const char *value; /* "FILE", or NULL for a switch */
	const char *help;
};

struct command {
	const char *name;
	const char *usage;                 /* "[OPTIONS] [FILE]" */
	const char *help;                  /* one sentence */
	const struct cli_option *options;  /* NULL-terminated by name; NULL for none */
	int (*run)(int argc, char **argv); /* NULL when it has only subcommands */
	int words_max;                     /* words that are no option; CLI_ANY_WORDS */
	/* "dlq ls": commands below this one, NULL-terminated; or NULL. With a `run` of
	 * its own as well it is that which looks for them. */
	const struct command *const *subs;
};

#define CLI_OPTIONS_MAX 16

/* All commands, NULL-terminated. */
extern const struct command *const commands[];

/* Run the command that argv[0] names among `list`. `above` is the name of the command
 * that they belong to ("dlq"), or NULL for heed's own. Wrong words are said on standard
 * error with the nearest right one. */
int cli_dispatch(const struct command *const *list, const struct command *above, int argc,
                 char **argv);
/* A line for each: its name and the beginning of its help. */
void cli_list(FILE *to, const struct command *const *list, int width);
/* `heed help WORD...`; without words the list of all commands. */
int cli_help(int argc, char **argv);

/* The words of a command line, sorted out. */
struct cli_args {
	const struct command *command;
	/* by place in command->options; "" for a switch that is set */
	const char *values[CLI_OPTIONS_MAX];
	char **words; /* what is no option */
	int n_words;
};

/* Zero, or CLI_USAGE: wrong usage, said on standard error with the nearest option. After
 * help was asked for and given it is zero and ret_args->command is NULL: end with
 * CLI_OK. Words after "--" are no options. */
int cli_parse(const struct command *command, int argc, char **argv,
              struct cli_args *ret_args);
const char *cli_value(const struct cli_args *args, const char *name);
bool cli_has(const struct cli_args *args, const char *name);
/* "heed NAME: text (where)\n  hint" on standard error; returns the exit code for
 * error->code. */
int cli_fail(const struct cli_args *args, const struct heed_error *error);
/* A wrong call: "heed NAME: text" with a hint; CLI_USAGE. */
int cli_misused(const struct cli_args *args, const char *hint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The value of a numeric option within bounds; `fallback` when it is not given. Zero, or
 * CLI_USAGE with words. */
int cli_number(const struct cli_args *args, const char *name, int64_t least, int64_t most,
               int64_t fallback, int64_t *ret_value);
/* The configuration's path: --config, else heed.yaml here. */
const char *cli_config(const struct cli_args *args);
/* Load the configuration named by --config or by the first word, else heed.yaml here; on
 * failure its problems are printed (as JSON with --json) and an exit code is returned.
 * app_done in any case. */
int cli_load(const struct cli_args *args, struct app *app);
/* The same of the configuration at `path`. */
int cli_load_file(const struct cli_args *args, const char *path, struct app *app);
/* Only what says where things are (see app_load_place): for commands that work on a store
 * or a running heed, whether or not the rest of the file is right and its secrets are
 * set. As cli_load. */
int cli_load_place(const struct cli_args *args, struct app *app);
/* Text from outside on standard error, line by line, made harmless to the terminal. */
void cli_tell_lines(struct heed_str text);
/* What cli_load found in a configuration that is right but may not be meant so, on
 * standard error. */
void cli_warn(const struct app *app);
/* {"ok", "problems", "warnings"} on standard output. */
void cli_print_problems_json(const struct app *app);
/* Write a buffer to standard output; CLI_OK or CLI_FAILED. */
int cli_print(struct heed_buf *buf);

/* clang-format off */
extern const struct command
	cmd_backup,
	cmd_budget,
	cmd_check,
	cmd_cost,
	cmd_dev,
	cmd_dlq,
	cmd_docs,
	cmd_echo,
	cmd_events,
	cmd_explain,
	cmd_reload,
	cmd_run,
	cmd_runs,
	cmd_sagas,
	cmd_schema,
	cmd_send,
	cmd_state,
	cmd_tap,
	cmd_test,
	cmd_verify,
	cmd_version,
	cmd_whatif;
/* clang-format on */

/* The option that most commands have. */
#define CLI_CONFIG_OPTION                                                                \
	{                                                                                \
		"--config", "FILE", "the configuration (default: heed.yaml)"             \
	}

#endif
