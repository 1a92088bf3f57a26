/*
 * progress.h - one line that says how far a long command is.
 *
 * On a terminal only (standard error), and only from the second second on: quick commands
 * and scripts see nothing of it.
 */
#ifndef HEED_CLI_PROGRESS_H
#define HEED_CLI_PROGRESS_H

#include "heed.h"

struct progress {
	const char *what; /* "redriving" */
	int64_t total;    /* 0: not known */
	int64_t began_ms;
	int64_t drawn_ms;
	bool on; /* a terminal */
	bool drawn;
};

void progress_begin(struct progress *progress, const char *what, int64_t total);
/* Cheap: draws ten times a second at most. */
void progress_set(struct progress *progress, int64_t done);
/* Take the line away. */
void progress_end(struct progress *progress);

#endif
