/*
 * dlq_perform.h - how redrive, patch and drop are carried out: say what is going to be
 * done, ask, have it done, follow it, report.
 */
#ifndef HEED_CLI_DLQ_PERFORM_H
#define HEED_CLI_DLQ_PERFORM_H

#include "cli/dlq_select.h"

#define DLQ_PERFORM_OPTIONS                                                              \
	{"--dry-run", NULL, "only say what would be done"},                              \
		{"--yes", NULL, "do not ask, also for many"},                            \
	{                                                                                \
		"--no-wait", NULL, "end at once: the running heed goes on with it"       \
	}

/* The exit code. */
int dlq_perform(const struct cli_args *args, struct redrive *what);

#endif
