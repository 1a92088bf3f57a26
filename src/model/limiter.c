/*
 * limiter.c - token buckets and pauses.
 */
#include "model/limiter.h"

#include <assert.h>

#define SCALE 60000           /* a unit, in bucket levels */
#define BURST_MS 10000        /* what a bucket holds */
#define PAUSE_MAX_MS 3600000  /* of a provider's Retry-After */
#define TOKENS_MAX 1000000000 /* of one call; keeps levels within 64 bits */

static void
bucket_set(struct limiter_bucket *bucket, int64_t rate)
{
	bool first = bucket->rate == 0;

	bucket->rate = rate;
	bucket->cap = rate * BURST_MS < SCALE ? SCALE : rate * BURST_MS;
	if (first || bucket->level > bucket->cap)
		bucket->level = bucket->cap;
}

static void
bucket_fill(struct limiter_bucket *bucket, int64_t ms)
{
	/* An hour fills any bucket that is not deep in debt; longer would only overflow.
	 */
	int64_t most = ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;

	bucket->level += bucket->rate * most;
	if (bucket->level > bucket->cap)
		bucket->level = bucket->cap;
}

/* A call larger than the bucket starts when that is full, and leaves a debt. */
static int64_t
bucket_wait(const struct limiter_bucket *bucket, int64_t units)
{
	int64_t need = units * SCALE;

	if (bucket->rate == 0)
		return 0;
	if (need > bucket->cap)
		need = bucket->cap;
	if (bucket->level >= need)
		return 0;
	return (need - bucket->level + bucket->rate - 1) / bucket->rate;
}

static int64_t
bound_tokens(int64_t tokens)
{
	return tokens < 0 ? 0 : tokens > TOKENS_MAX ? TOKENS_MAX : tokens;
}

void
limiter_init(struct limiter *limiter, const struct model_limits *limits, int64_t now_ms)
{
	*limiter = (struct limiter){.filled_ms = now_ms, .paused_until_ms = now_ms};
	limiter_set(limiter, limits);
}

void
limiter_set(struct limiter *limiter, const struct model_limits *limits)
{
	limiter->limits = *limits;
	bucket_set(&limiter->requests, limits->requests_per_minute);
	bucket_set(&limiter->tokens, limits->tokens_per_minute);
}

int64_t
limiter_wait(struct limiter *limiter, int64_t tokens, int64_t now_ms)
{
	int64_t paused = limiter_paused_ms(limiter, now_ms);
	int64_t requests_ms, tokens_ms;

	if (now_ms > limiter->filled_ms) {
		bucket_fill(&limiter->requests, now_ms - limiter->filled_ms);
		bucket_fill(&limiter->tokens, now_ms - limiter->filled_ms);
		limiter->filled_ms = now_ms;
	}
	if (limiter->limits.in_flight > 0 &&
	    limiter->in_flight >= limiter->limits.in_flight)
		return LIMITER_RELEASE;
	requests_ms = bucket_wait(&limiter->requests, 1);
	tokens_ms = bucket_wait(&limiter->tokens, bound_tokens(tokens));
	if (requests_ms < tokens_ms)
		requests_ms = tokens_ms;
	return requests_ms > paused ? requests_ms : paused;
}

void
limiter_take(struct limiter *limiter, int64_t tokens)
{
	limiter->in_flight++;
	if (limiter->requests.rate > 0)
		limiter->requests.level -= SCALE;
	if (limiter->tokens.rate > 0)
		limiter->tokens.level -= bound_tokens(tokens) * SCALE;
}

void
limiter_give(struct limiter *limiter, int64_t taken, int64_t real)
{
	assert(limiter->in_flight > 0);
	limiter->in_flight--;
	if (limiter->tokens.rate == 0)
		return;
	limiter->tokens.level += (bound_tokens(taken) - bound_tokens(real)) * SCALE;
	bucket_fill(&limiter->tokens, 0);
}

void
limiter_undo(struct limiter *limiter, int64_t taken)
{
	limiter_give(limiter, taken, 0);
	if (limiter->requests.rate == 0)
		return;
	limiter->requests.level += SCALE;
	bucket_fill(&limiter->requests, 0);
}

void
limiter_refused(struct limiter *limiter, int64_t retry_after_ms, int64_t now_ms)
{
	int64_t delay = retry_after_ms;

	if (delay < 0) {
		delay = 1000LL << limiter->refusals;
		if (limiter->refusals < 5)
			limiter->refusals++;
	}
	if (delay > PAUSE_MAX_MS)
		delay = PAUSE_MAX_MS;
	if (now_ms + delay > limiter->paused_until_ms)
		limiter->paused_until_ms = now_ms + delay;
}

void
limiter_accepted(struct limiter *limiter)
{
	limiter->refusals = 0;
}

int64_t
limiter_paused_ms(const struct limiter *limiter, int64_t now_ms)
{
	return limiter->paused_until_ms > now_ms ? limiter->paused_until_ms - now_ms : 0;
}
