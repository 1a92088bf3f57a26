/*
 * care.h - taking care of a store's file: copying it while it is used, and looking
 * whether it is right.
 */
#ifndef HEED_STORE_CARE_H
#define HEED_STORE_CARE_H

#include "store/store.h"

/* Called now and then; `total` may grow. */
typedef void store_progress_fn(void *arg, int64_t done, int64_t total);

/* Copy all that the store at `where` holds at this moment, also while a heed writes it,
 * into the file `to`, which is replaced when it is there. It is written beside it and
 * renamed when it is whole and on disk. *ret_bytes is its size. HEED_E_IO, HEED_E_LIMIT
 * (disk full), and as store_open_readonly. */
int store_backup(struct heed_str where, const char *to, store_progress_fn *progress,
                 void *arg, int64_t *ret_bytes, struct heed_error *error);

/* A check has ended; `problems` are some of what it found, none when all is right. */
struct store_verdict {
	const char *check; /* "every run has its event" */
	const struct heed_str *problems;
	size_t n;
	bool more; /* than these */
};
typedef void store_verdict_fn(void *arg, const struct store_verdict *verdict);

/* Look at every row of an open store, as it is at this moment. Problems are no failure:
 * *ret_problems counts the checks that found some. */
int
store_verify(struct store *store, store_verdict_fn *verdict, store_progress_fn *progress,
             void *arg, int *ret_problems, struct heed_error *error);

#endif
