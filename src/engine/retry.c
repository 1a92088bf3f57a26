/*
 * retry.c - when a failed attempt is made again.
 *
 * Exponential back-off with jitter: delay * 2^(n-1), at most delay_max, times a factor
 * between 0.75 and 1 that follows from the entry (so a replay gives the same). What the
 * other side asks for (Retry-After) wins when it is longer. Source of the shape:
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, with the jitter kept to
 * a quarter so that a stated delay stays recognisable.
 */
#include "engine/core.h"

#define RETRY_AFTER_MAX_MS (3600 * 1000)

const struct option retry_options[] = {
	{.name = "attempts",
         .kind = OPTION_INT,
         .offset = offsetof(struct retry_policy, attempts),
         .fallback = "4",
         .min = 1,
         .max = 100,
         .help = "attempts in all, the first included"},
	{.name = "delay",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct retry_policy, delay_ms),
         .fallback = "1s",
         .min = 1,
         .max = 86400000,
         .help = "before the second attempt; doubles with each further one"},
	{.name = "delay_max",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct retry_policy, delay_max_ms),
         .fallback = "5m",
         .min = 1,
         .max = 604800000,
         .help = "bound of the doubling"},
	OPTION_ROWS_END,
};

bool
retry_class(int code)
{
	switch (code) {
	case HEED_E_RATE:
	case HEED_E_TRANSIENT:
	case HEED_E_TIMEOUT:
	case HEED_E_NETWORK:
	case HEED_E_BUSY:
	case HEED_E_IO:
	case HEED_E_NOMEM:
	case HEED_E_CANCELLED:
		return true;
	default:
		return false;
	}
}

int64_t
retry_delay(const struct retry_policy *policy, int attempt, int64_t retry_after_ms,
            uint64_t seed)
{
	int64_t delay = policy->delay_ms;
	int i;

	for (i = 1; i < attempt && delay < policy->delay_max_ms; i++)
		delay *= 2;
	if (delay > policy->delay_max_ms)
		delay = policy->delay_max_ms;
	seed = seed * 0x9e3779b97f4a7c15u;
	delay -= (int64_t)((double)delay * 0.25 * (double)(seed >> 40) /
	                   (double)(1 << 24));
	if (retry_after_ms > RETRY_AFTER_MAX_MS)
		retry_after_ms = RETRY_AFTER_MAX_MS;
	return retry_after_ms > delay ? retry_after_ms : delay;
}

int
retry_decide(struct run *run, struct entry *failed, const struct retry_policy *policy,
             int tries)
{
	int64_t now = loop_wall_us(run->engine->loop);

	/* It was the attempt that had no memory; this pass has. */
	if (failed->code == HEED_E_NOMEM)
		failed->code = HEED_E_TRANSIENT;
	if (!retry_class(failed->code) || tries >= policy->attempts ||
	    run->stop.code != 0)
		return failed->code;
	if (failed->due_us == 0)
		failed->due_us =
			now +
			1000 * retry_delay(policy, tries, failed->retry_after_ms,
		                           (uint64_t)run->id * 31 + (uint64_t)failed->n);
	if (failed->due_us <= now)
		return 0;
	if (run->due_us == 0 || failed->due_us < run->due_us)
		run->due_us = failed->due_us;
	return HEED_WAIT;
}
