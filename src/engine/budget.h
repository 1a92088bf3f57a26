/*
 * budget.h - a budget as it is configured: what it covers, how much, for how long, and
 * what happens to a call that it does not allow. The accounts are the ledger's.
 */
#ifndef HEED_ENGINE_BUDGET_H
#define HEED_ENGINE_BUDGET_H

#include "base/arena.h"
#include "base/zone.h"
#include "config/option.h"
#include "heed.h"

enum budget_per { BUDGET_HOUR, BUDGET_DAY, BUDGET_MONTH };

enum budget_then {
	BUDGET_HOLD,        /* wait until the next period, or a higher limit */
	BUDGET_DEAD_LETTER, /* the run ends */
	BUDGET_MODEL,       /* ask another model */
};

/* Bound by budget_options; budget_check sets zone and label. All that is set of
 * event_type
 * ... model has to fit. */
struct budget {
	struct heed_str event_type;             /* a trailing * matches any rest */
	struct heed_str reaction, entity, saga; /* a flow's name */
	struct heed_str model;
	bool all;
	int64_t limit_nano;
	int per; /* enum budget_per */
	struct heed_str timezone;
	struct {
		enum budget_then kind;
		struct heed_str model;
	} then;
	double warn_at; /* part of the limit; 0: never */
	struct zone *zone;
	struct heed_str label; /* "event_type customer_created per day" */
};

extern const struct option budget_options[];
extern const char *const budget_per_names[]; /* "hour" ... */
extern const char *const budget_then_names[];

/* What the rows can't say: that something is covered, and the time zone, which is loaded
 * onto `arena`, as is the label. HEED_E_CONFIG, HEED_E_NOMEM. */
int budget_check(struct budget *budget, struct arena *arena, struct heed_error *error);

/* What a call is for. `model` is its name in the configuration. */
struct budget_call {
	struct heed_str type; /* of the event */
	struct heed_str flow, name;
	struct heed_str model;
};
bool budget_covers(const struct budget *budget, const struct budget_call *call);

/* The period that `at_us` lies in: [*ret_start_us, *ret_end_us). Periods begin on the
 * clock of the budget's zone, so that a day may have 23 or 25 hours. */
void budget_period(const struct budget *budget, int64_t at_us, int64_t *ret_start_us,
                   int64_t *ret_end_us);

/* What a run says that waits for a budget, on `arena`; and the budget's label of such a
 * text, or nothing. */
struct heed_str
budget_wait_text(struct arena *arena, struct heed_str label, int64_t opens_us);
struct heed_str budget_wait_label(struct heed_str text);

#endif
