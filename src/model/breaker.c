/*
 * breaker.c - the machine that breaker.h draws.
 */
#include "model/breaker.h"

#include <assert.h>

#define DOUBLINGS 16

const char *
breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {"closed", "open", "half_open"};

	return names[state];
}

static void
check(const struct breaker *breaker)
{
	assert(breaker->state != BREAKER_CLOSED || breaker->settings.failures == 0 ||
	       breaker->failures < breaker->settings.failures);
	assert(breaker->pause_ms >= breaker->settings.pause_ms);
	(void)breaker;
}

static void
open_until(struct breaker *breaker, int64_t until_ms)
{
	breaker->state = BREAKER_OPEN;
	breaker->until_ms = until_ms;
}

void
breaker_init(struct breaker *breaker, const struct model_breaker *settings)
{
	*breaker =
		(struct breaker){.settings = *settings, .pause_ms = settings->pause_ms};
	check(breaker);
}

int64_t
breaker_wait(const struct breaker *breaker, int64_t now_ms)
{
	if (breaker->state == BREAKER_CLOSED)
		return 0;
	if (breaker->state == BREAKER_HALF_OPEN)
		return BREAKER_PROBE;
	return breaker->until_ms > now_ms ? breaker->until_ms - now_ms : 0;
}

bool
breaker_take(struct breaker *breaker)
{
	check(breaker);
	if (breaker->state != BREAKER_OPEN)
		return false;
	breaker->state = BREAKER_HALF_OPEN;
	return true;
}

static bool
report_probe(struct breaker *breaker, enum breaker_result result, int64_t now_ms)
{
	assert(breaker->state == BREAKER_HALF_OPEN);
	if (result == BREAKER_GOOD) {
		breaker->state = BREAKER_CLOSED;
		breaker->failures = 0;
		breaker->pause_ms = breaker->settings.pause_ms;
	} else if (result == BREAKER_BAD) {
		if (breaker->pause_ms < breaker->settings.pause_ms * DOUBLINGS)
			breaker->pause_ms *= 2;
		open_until(breaker, now_ms + breaker->pause_ms);
	} else {
		open_until(breaker, now_ms); /* the next one is the probe */
	}
	return true;
}

bool
breaker_report(struct breaker *breaker, bool probe, enum breaker_result result,
               int64_t now_ms)
{
	bool changed = false;

	check(breaker);
	/* A reload makes a breaker anew; a probe of the old one then means nothing. */
	if (probe && breaker->state == BREAKER_HALF_OPEN)
		return report_probe(breaker, result, now_ms);
	if (breaker->state != BREAKER_CLOSED || result == BREAKER_NEUTRAL)
		return false;
	if (result == BREAKER_GOOD) {
		breaker->failures = 0;
	} else if (breaker->settings.failures > 0 &&
	           ++breaker->failures >= breaker->settings.failures) {
		open_until(breaker, now_ms + breaker->pause_ms);
		changed = true;
	}
	check(breaker);
	return changed;
}
