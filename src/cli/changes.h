/*
 * changes.h - what a reload changed or would change, asked of the running heed and shown:
 * for heed reload and heed echo --diff.
 */
#ifndef HEED_CLI_CHANGES_H
#define HEED_CLI_CHANGES_H

#include "cli/cli.h"

enum changes_how { CHANGES_APPLY, CHANGES_LOOK };

/* Ask the running heed of this configuration to read it again, and print what came of it;
 * with --json its whole answer. The exit code. */
int changes_ask(const struct cli_args *args, enum changes_how how);

#endif
