/*
 * breaker.h - leaves a failing model alone for a while.
 *
 *	           failures in a row reach the bound
 *	CLOSED ------------------------------------------> OPEN <---------.
 *	   ^                                                 |            | the probe fails:
 *	   |                 the pause is over, and somebody |            | the pause doubles
 *	   |                                   wants to call v            | (16 times at most)
 *	   '--- the probe answers -------------------- HALF_OPEN ---------'
 *
 * CLOSED: calls pass; `failures` counts those in a row. OPEN: none passes before `until_ms`.
 * HALF_OPEN: exactly one call, the probe, is under way; results of older calls count for
 * nothing. A pure machine on a clock that the caller passes in.
 */
#ifndef HEED_MODEL_BREAKER_H
#define HEED_MODEL_BREAKER_H

#include "model/model.h"

enum breaker_result {
	BREAKER_GOOD,
	BREAKER_BAD,
	BREAKER_NEUTRAL, /* says nothing: cancelled, asked to slow down */
};

struct breaker {
	struct model_breaker settings;
	enum breaker_state state;
	int64_t failures;
	int64_t until_ms; /* steady; OPEN */
	int64_t pause_ms; /* of the next opening */
};

#define BREAKER_PROBE (-1) /* breaker_wait: until the probe ends */

void breaker_init(struct breaker *breaker, const struct model_breaker *settings);
/* May a call start? 0, the milliseconds to wait, or BREAKER_PROBE. */
int64_t breaker_wait(const struct breaker *breaker, int64_t now_ms);
/* A call starts (breaker_wait said 0). Is it the probe? Keep that for breaker_report. */
bool breaker_take(struct breaker *breaker);
/* It ended. Did the state change? */
bool breaker_report(struct breaker *breaker, bool probe, enum breaker_result result,
                    int64_t now_ms);

#endif
