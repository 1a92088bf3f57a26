/*
 * main.c - heed: find the command and run it.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"

const struct command *const commands[] = {
	&cmd_check,   &cmd_echo, &cmd_run,     &cmd_runs,
	&cmd_explain, &cmd_docs, &cmd_version, NULL,
};

static int
print_usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: heed COMMAND [...]\n\n");
	for (i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->help);
	fprintf(to, "\nheed COMMAND --help says more.\n");
	return to == stdout ? CLI_OK : CLI_USAGE;
}

static int
unknown_command(const char *word)
{
	const char *names[64];
	const char *near;
	size_t n;

	for (n = 0; commands[n] != NULL; n++)
		names[n] = commands[n]->name;
	near = error_nearest(str_of(word), names, n);
	fprintf(stderr, "heed: there is no command \"%s\"", word);
	fprintf(stderr, near != NULL ? "; did you mean \"%s\"?\n" : "%s\n",
	        near != NULL ? near : "");
	fprintf(stderr, "  see: heed help\n");
	return CLI_USAGE;
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return print_usage(stderr);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)
		return print_usage(stdout);
	if (strcmp(argv[1], "--version") == 0)
		argv[1] = (char *)"version";
	for (i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, argv[1]) == 0)
			return commands[i]->run(argc - 1, argv + 1);
	return unknown_command(argv[1]);
}
