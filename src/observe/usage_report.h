/*
 * usage_report.h - what calls used, by whatever is asked for: the rows of `heed cost`.
 *
 * Made of the store's sums by quarter of an hour, so that a year of any number of runs is
 * read in moments. Periods begin and end at quarters of an hour.
 */
#ifndef HEED_OBSERVE_USAGE_REPORT_H
#define HEED_OBSERVE_USAGE_REPORT_H

#include "base/arena.h"
#include "base/zone.h"
#include "store/store.h"

enum usage_by {
	USAGE_BY_TYPE,     /* of the event */
	USAGE_BY_REACTION, /* the flow's name; "order (entity)" when it is no reaction */
	USAGE_BY_MODEL,    /* what answered, as its provider calls it */
	USAGE_BY_ASKED,    /* its name under models: */
	USAGE_BY_HOUR,     /* 2026-11-24 09:00 */
	USAGE_BY_DAY,      /* 2026-11-24 */
	USAGE_BY_MONTH,    /* 2026-11 */
};
#define USAGE_BY_MAX 7
extern const char *const usage_by_names[]; /* "type" ... NULL-terminated */

struct usage_query {
	int64_t since_us, until_us; /* 0: no bound */
	enum usage_by by[USAGE_BY_MAX];
	size_t n_by;             /* 0: one row for all */
	const struct zone *zone; /* of hours, days and months; NULL: UTC */
};

struct usage_sum {
	struct heed_str keys[USAGE_BY_MAX]; /* of each `by`, in its order */
	int64_t questions;                  /* decisions: first attempts */
	int64_t calls, failed;
	int64_t input, cached_input, cache_write, output, reasoning;
	int64_t cost_nano;
	int64_t reserved_nano; /* what may have been billed besides: calls cut off */
};

struct usage_report {
	struct arena arena;
	struct usage_sum
		*rows; /* by time when that comes first, else the dearest first */
	size_t n, cap;
	struct usage_sum all;
};

/* usage_report_done in any case. HEED_E_NOMEM, or the store's. */
int usage_report_make(struct store *store, const struct usage_query *query,
                      struct usage_report *ret_report, struct heed_error *error);
void usage_report_done(struct usage_report *report);

#endif
