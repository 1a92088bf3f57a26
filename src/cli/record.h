/*
 * record.h - records on standard output.
 */
#ifndef HEED_CLI_RECORD_H
#define HEED_CLI_RECORD_H

#include "observe/record.h"

/* One value as one line on standard output; CLI_OK or CLI_FAILED. */
int record_print(struct heed_json value);

#endif
