/*
 * cmd_dlq.c - heed dlq: dead letters, runs that ended without success and wait for a
 * person.
 */
#include "cli/dlq.h"

/* clang-format off */
static const struct command *const subs[] = {
	&dlq_groups,
	&dlq_ls,
	&dlq_show,
	&dlq_patch,
	&dlq_redrive,
	&dlq_drop,
	&dlq_jobs,
	&dlq_cancel,
	NULL,
};
/* clang-format on */

const struct command cmd_dlq = {
	.name = "dlq",
	.usage = "COMMAND [...]",
	.help = "Work with dead letters: see them in groups, mend, redrive, drop.",
	.subs = subs,
};
