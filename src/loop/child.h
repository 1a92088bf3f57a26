/*
 * child.h - a program of its own: started without a shell, fed, listened to, bounded.
 *
 * It runs in a session of its own, so that it and all that it starts can be stopped
 * together. It gets the descriptors 0, 1 and 2 and no other. All on the loop's thread.
 */
#ifndef HEED_LOOP_CHILD_H
#define HEED_LOOP_CHILD_H

#include "base/str.h"
#include "heed.h"
#include "loop/loop.h"

struct child;

struct child_options {
	char **arguments;      /* NULL-terminated; the first is the program, looked up in
	                          PATH of `environment` when it has no slash */
	char **environment;    /* "NAME=value", NULL-terminated: all that it gets */
	const char *folder;    /* to run in; NULL for ours */
	struct heed_str input; /* for its standard input */
	size_t output_max;     /* bytes of standard output */
	size_t errors_max;     /* the last bytes of standard error that are kept */
	int64_t timeout_ms;
};

struct child_end {
	/* Zero: it ended by itself, see status and signal. HEED_E_TIMEOUT; HEED_E_LIMIT:
	 * it wrote more than output_max, and was stopped for it. */
	int code;
	int status; /* its exit code */
	int signal; /* that ended it; 0: none */
	struct heed_str output;
	struct heed_str errors;
};

/* `end` and its texts are borrowed until the callback returns. */
typedef void child_done_fn(void *arg, const struct child_end *end);

/* Start it; what `options` points to is copied, or no longer needed when this returns.
 * HEED_E_NOTFOUND (no such program or folder), HEED_E_PERMANENT (it may not be run),
 * HEED_E_TRANSIENT (no room for another process), HEED_E_NOMEM. */
int
child_start(struct loop *loop, const struct child_options *options, child_done_fn *done,
            void *arg, struct child **ret_child, struct heed_error *error);
/* Kill it and all that it started; `done` will not be called. */
void child_cancel(struct child *child);

#endif
