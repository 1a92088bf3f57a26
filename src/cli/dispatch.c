/*
 * dispatch.c - from words to commands: heed COMMAND, heed COMMAND SUBCOMMAND, heed help.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"

/* "dlq ls" is called "ls" below dlq. */
static const char *
last_word(const struct command *command)
{
	const char *space = strrchr(command->name, ' ');

	return space != NULL ? space + 1 : command->name;
}

static const struct command *
find(const struct command *const *list, const char *word)
{
	for (; *list != NULL; list++)
		if (strcmp(last_word(*list), word) == 0)
			return *list;
	return NULL;
}

void
cli_list(FILE *to, const struct command *const *list, int width)
{
	for (; *list != NULL; list++) {
		struct heed_str help = str_of((*list)->help);
		size_t end = str_search(help, HEED_STR(". "));
		size_t part = str_search(help, HEED_STR("; "));

		help = str_head(help, end < part ? end : part);
		if (str_ends(help, "."))
			help.len--;
		fprintf(to, "  %-*s %.*s\n", width, (*list)->name, STR_ARG(help));
	}
}

static int
list_commands(FILE *to)
{
	fprintf(to, "usage: heed COMMAND [...]\n\n");
	cli_list(to, commands, 9);
	fprintf(to, "\nheed help COMMAND says more.\n");
	return to == stdout ? CLI_OK : CLI_USAGE;
}

static int
unknown(const struct command *const *list, const struct command *above, const char *word)
{
	const char *names[64];
	const char *near;
	size_t n;

	for (n = 0; n < 64 && list[n] != NULL; n++)
		names[n] = last_word(list[n]);
	near = error_nearest(str_of(word), names, n);
	fprintf(stderr, "heed%s%s: there is no command \"%s\"", above != NULL ? " " : "",
	        above != NULL ? above->name : "", word);
	if (near != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fprintf(stderr, "\n  see: heed help%s%s\n", above != NULL ? " " : "",
	        above != NULL ? above->name : "");
	return CLI_USAGE;
}

static bool
asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	       strcmp(word, "help") == 0;
}

/* By cli_parse, which knows how. */
static int
print_help(const struct command *command)
{
	char *words[] = {(char *)command->name, (char *)"--help", NULL};
	struct cli_args args;

	return cli_parse(command, 2, words, &args);
}

int
cli_help(int argc, char **argv)
{
	const struct command *const *list = commands;
	const struct command *command = NULL;
	int i;

	for (i = 0; i < argc && list != NULL; i++) {
		const struct command *next = find(list, argv[i]);

		if (next == NULL)
			return unknown(list, command, argv[i]);
		command = next;
		list = command->subs;
	}
	return command != NULL ? print_help(command) : list_commands(stdout);
}

int
cli_dispatch(const struct command *const *list, const struct command *above, int argc,
             char **argv)
{
	const struct command *command;

	if (argc < 1 && above != NULL) {
		(void)print_help(above);
		return CLI_USAGE;
	}
	if (argc < 1)
		return list_commands(stderr);
	if (asks_for_help(argv[0]))
		return above != NULL ? print_help(above) : cli_help(argc - 1, argv + 1);
	command = find(list, argv[0]);
	if (command == NULL)
		return unknown(list, above, argv[0]);
	if (command->run == NULL)
		return cli_dispatch(command->subs, command, argc - 1, argv + 1);
	return command->run(argc, argv);
}
