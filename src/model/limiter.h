/*
 * limiter.h - how much one model is asked: calls at once, requests and tokens a minute,
 * and the pauses that the provider asks for. Pure arithmetic on a clock that the caller
 * passes in.
 */
#ifndef HEED_MODEL_LIMITER_H
#define HEED_MODEL_LIMITER_H

#include "model/model.h"

/* A bucket that fills with `rate` units a minute and holds ten seconds' worth, because
 * providers judge rates over windows of one to ten seconds. Scaled by 60,000 so that a
 * millisecond's inflow is a whole number. May go below zero. */
struct limiter_bucket {
	int64_t rate;
	int64_t level;
	int64_t cap;
};

struct limiter {
	struct model_limits limits;
	struct limiter_bucket requests;
	struct limiter_bucket tokens;
	int64_t in_flight;
	int64_t filled_ms;       /* when the buckets were filled up to */
	int64_t paused_until_ms; /* steady */
	int refusals;            /* 429s in a row without a delay of their own */
};

#define LIMITER_RELEASE (-1) /* limiter_wait: until a call ends */

void
limiter_init(struct limiter *limiter, const struct model_limits *limits, int64_t now_ms);
/* New bounds, same state. */
void limiter_set(struct limiter *limiter, const struct model_limits *limits);
/* May a call of so many tokens start? 0, the milliseconds to wait, or LIMITER_RELEASE. */
int64_t limiter_wait(struct limiter *limiter, int64_t tokens, int64_t now_ms);
void limiter_take(struct limiter *limiter, int64_t tokens);
/* The call ended: `taken` as given to limiter_take, `real` is what it used. */
void limiter_give(struct limiter *limiter, int64_t taken, int64_t real);
/* It never started. */
void limiter_undo(struct limiter *limiter, int64_t taken);
/* The provider said 429: no call for `retry_after_ms`, or when that is below zero for 1
 * s, 2 s
 * ... 32 s. */
void limiter_refused(struct limiter *limiter, int64_t retry_after_ms, int64_t now_ms);
/* It answered: the next refusal begins at 1 s again. */
void limiter_accepted(struct limiter *limiter);
int64_t limiter_paused_ms(const struct limiter *limiter, int64_t now_ms);

#endif
