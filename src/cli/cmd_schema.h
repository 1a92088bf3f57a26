/*
 * cmd_schema.h - shared by cmd_schema.c and schema_suite.c.
 */
#ifndef HEED_CLI_CMD_SCHEMA_H
#define HEED_CLI_CMD_SCHEMA_H

#include "base/arena.h"
#include "base/schema.h"
#include "cli/cli.h"

struct schema_task {
	const struct cli_args *args;
	struct arena arena;
	struct schema_library *library;
	unsigned flags;
	bool json;
	char **files; /* the words behind check or test */
	int n_files;
};

/* heed schema test: run the files' cases; returns the exit code. */
int schema_suite_run(struct schema_task *task);

#endif
