/*
 * main.c - heed: the list of its commands.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

/* clang-format off */
const struct command *const commands[] = {
	&cmd_check,
	&cmd_echo,
	&cmd_run,
	&cmd_dev,
	&cmd_send,
	&cmd_tap,
	&cmd_events,
	&cmd_runs,
	&cmd_explain,
	&cmd_state,
	&cmd_sagas,
	&cmd_cost,
	&cmd_budget,
	&cmd_reload,
	&cmd_dlq,
	&cmd_docs,
	&cmd_test,
	&cmd_whatif,
	&cmd_schema,
	&cmd_backup,
	&cmd_verify,
	&cmd_version,
	NULL,
};
/* clang-format on */

int
main(int argc, char **argv)
{
	mem_fail_as_told();
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		argv[1] = (char *)"version";
	return cli_dispatch(commands, NULL, argc - 1, argv + 1);
}
