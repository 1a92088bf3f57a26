/*
 * dlq.h - the commands below `heed dlq`.
 */
#ifndef HEED_CLI_DLQ_H
#define HEED_CLI_DLQ_H

#include "cli/cli.h"

extern const struct command dlq_cancel, dlq_drop, dlq_groups, dlq_jobs, dlq_ls, dlq_patch,
	dlq_redrive, dlq_show;

#endif
