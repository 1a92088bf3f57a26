/*
 * ledger.h - the accounts of the budgets: what was spent, what is reserved, who waits.
 *
 * Spent and reserved together never pass a limit, because a call is reserved with the
 * most it can cost, in the same turn that was asked whether it fits, and settled with
 * what it did cost:
 *
 *	ledger_ask --fits--> ledger_reserve ... ledger_settle
 *	     |
 *	     '--full: others' reservations stand in the way: soon
 *	        spent: not before the period's end (or a higher limit)
 *	        never: more than the limit itself
 *
 * A call belongs to the period in which it was reserved. It is the caller who makes the
 * reservation durable and hands in the history at start; all on the loop's thread. Money
 * is nano US dollars.
 */
#ifndef HEED_ENGINE_LEDGER_H
#define HEED_ENGINE_LEDGER_H

#include <sys/queue.h>

#include "engine/budget.h"
#include "loop/loop.h"

struct ledger;
struct account;

enum ledger_notice {
	LEDGER_WARNING, /* warn_at is passed */
	LEDGER_CLOSED,  /* a call was refused until the next period */
};

struct ledger_view {
	const struct budget *budget;
	int64_t start_us, end_us; /* of the period */
	int64_t spent_nano, reserved_nano;
	size_t waiting;
};

/* Each once in a period and budget, from ledger_settle, ledger_ask or ledger_ready. */
typedef void
ledger_notice_fn(void *arg, enum ledger_notice notice, const struct ledger_view *view);

/* HEED_E_NOMEM. `notice` may be NULL. */
int ledger_new(struct loop *loop, ledger_notice_fn *notice, void *arg,
               struct ledger **ret_ledger);
/* Nobody may wait. Takes NULL. */
void ledger_free(struct ledger *ledger);

/* From now on these budgets count (borrowed until the next call or ledger_free). One that
 * was there before, for the same calls and periods, keeps its account and those who wait,
 * who are let go when the limit now allows them; who waits for one that is gone is let go
 * too. The others are new: they count what ledger_history hands in, until ledger_ready.
 * HEED_E_NOMEM: nothing changed. */
int ledger_set(struct ledger *ledger, const struct budget *budgets, size_t n);
/* When the first period of a new account began: the history is needed from there on.
 * INT64_MAX: of none. */
int64_t ledger_since_us(const struct ledger *ledger);
/* For new accounts: a call that began at at_us has cost, or holds back, so much. */
void ledger_history(struct ledger *ledger, const struct budget_call *call, int64_t at_us,
                    int64_t spent_nano, int64_t reserved_nano);
void ledger_ready(struct ledger *ledger);

/* The time that counts: the wall clock, but never backwards. */
int64_t ledger_now_us(struct ledger *ledger);

enum ledger_answer { LEDGER_FITS, LEDGER_FULL, LEDGER_SPENT, LEDGER_NEVER };
struct ledger_refusal {
	struct account *account;
	const struct budget *budget;
	int64_t opens_us; /* end of its period */
};
/* May a call that costs `nano` at most be made now? What is free may always. Otherwise
 * *ret_refusal is the budget with the gravest objection. */
enum ledger_answer ledger_ask(struct ledger *ledger, const struct budget_call *call,
                              int64_t nano, struct ledger_refusal *ret_refusal);
/* Only when it fits. It counts as of at_us: ledger_now_us. */
void ledger_reserve(struct ledger *ledger, const struct budget_call *call, int64_t at_us,
                    int64_t nano);
/* What was reserved as of at_us has cost so much. */
void ledger_settle(struct ledger *ledger, const struct budget_call *call, int64_t at_us,
                   int64_t reserved_nano, int64_t cost_nano);

/* Someone who waits until `nano` may fit, or until that is out of the question for this
 * period where it was not. Embedded in its owner. */
struct ledger_wait {
	TAILQ_ENTRY(ledger_wait) link;
	struct account *account; /* NULL: does not wait */
	bool going;              /* wake is next */
	int64_t nano;
	bool soon;     /* it would fit if the others' calls were free */
	loop_fn *wake; /* on a later turn, once; then ask and, perhaps, wait again */
	void *arg;
};
void ledger_wait(struct account *account, struct ledger_wait *wait);
/* Also when it does not wait. */
void ledger_leave(struct ledger_wait *wait);

size_t ledger_n(const struct ledger *ledger);
/* Of the i-th budget, as ledger_set got them. */
void ledger_view(struct ledger *ledger, size_t i, struct ledger_view *ret_view);

#endif
