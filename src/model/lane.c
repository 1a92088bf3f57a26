/*
 * lane.c - the line in front of a model.
 *
 * First come, first served, one place at a time. Who waits here while the breaker is
 * open, or while the provider has asked for a long pause, moves on to a usable fallback.
 * Callbacks to callers are made from the lane's timer only.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/gateway.h"

#define PATIENCE_MS 10000 /* a longer pause sends questions to the fallback */

static int64_t
now_ms(const struct lane *lane)
{
	return loop_steady_ms(lane->gateway->loop);
}

/* ---- the line ---------------------------------------------------------------------- */

static void
push(struct lane *lane, struct ticket *ticket)
{
	ticket->state = TICKET_WAITING;
	ticket->next = NULL;
	ticket->prev = lane->line.last;
	if (lane->line.last != NULL)
		lane->line.last->next = ticket;
	else
		lane->line.first = ticket;
	lane->line.last = ticket;
	lane->line.n++;
}

void
lane_leave(struct ticket *ticket)
{
	struct lane *lane = ticket->model->lane;

	assert(ticket->state == TICKET_WAITING);
	if (ticket->prev != NULL)
		ticket->prev->next = ticket->next;
	else
		lane->line.first = ticket->next;
	if (ticket->next != NULL)
		ticket->next->prev = ticket->prev;
	else
		lane->line.last = ticket->prev;
	ticket->prev = ticket->next = NULL;
	lane->line.n--;
}

/* ---- who may go -------------------------------------------------------------------- */

/* 0, milliseconds, or below zero: until something ends. */
static int64_t
wait_of(struct lane *lane, int64_t tokens)
{
	int64_t breaker_ms = breaker_wait(&lane->breaker, now_ms(lane));
	int64_t limiter_ms = limiter_wait(&lane->limiter, tokens, now_ms(lane));

	if (breaker_ms < 0 || limiter_ms < 0)
		return -1;
	return breaker_ms > limiter_ms ? breaker_ms : limiter_ms;
}

static bool
is_usable(const struct lane *lane)
{
	return breaker_wait(&lane->breaker, now_ms(lane)) == 0 &&
	       limiter_paused_ms(&lane->limiter, now_ms(lane)) <= PATIENCE_MS;
}

/* The first usable model from `first` on, or NULL. */
static const struct model *
pick(const struct model *first)
{
	for (const struct model *model = first; model != NULL; model = model->next)
		if (is_usable(model->lane))
			return model;
	return NULL;
}

static void
grant(struct ticket *ticket)
{
	struct lane *lane = ticket->model->lane;

	limiter_take(&lane->limiter, ticket->tokens);
	ticket->probe = breaker_take(&lane->breaker);
	ticket->state = TICKET_ADMITTED;
}

static int
enter(struct ticket *ticket, const struct model *model)
{
	struct lane *lane = model->lane;

	ticket->model = model;
	if (lane->line.n == 0 && wait_of(lane, ticket->tokens) == 0) {
		grant(ticket);
		return 0;
	}
	if (lane->limiter.limits.queue > 0 &&
	    (int64_t)lane->line.n >= lane->limiter.limits.queue)
		return HEED_E_BUSY;
	push(lane, ticket);
	lane_stir(lane);
	return HEED_WAIT;
}

int
lane_enter(struct ticket *ticket)
{
	const struct model *model = pick(ticket->first);

	if (model != NULL && model != ticket->first)
		ticket->first->lane->stats.rerouted++;
	return enter(ticket, model != NULL ? model : ticket->first);
}

/* ---- the turn ---------------------------------------------------------------------- */

/* While this lane is unusable, move its first in line to a lane that is not. */
static bool
move_on(struct lane *lane, struct ticket *ticket)
{
	const struct model *model = pick(ticket->first);

	if (is_usable(lane) || model == NULL || model->lane == lane)
		return false;
	if (model->lane->limiter.limits.queue > 0 &&
	    (int64_t)model->lane->line.n >= model->lane->limiter.limits.queue)
		return false;
	lane_leave(ticket);
	lane->stats.rerouted++;
	ticket->model = model;
	push(model->lane, ticket);
	lane_stir(model->lane);
	return true;
}

/* When it is worth looking again: this lane's wait, or when a fallback may be tried. */
static void
arm(struct lane *lane, const struct ticket *ticket, int64_t wait)
{
	for (const struct model *model = ticket->first; model != NULL;
	     model = model->next) {
		int64_t other = breaker_wait(&model->lane->breaker, now_ms(lane));

		if (model->lane != lane && other > 0 && (wait <= 0 || other < wait))
			wait = other;
	}
	if (wait > 0)
		loop_timer_set(lane->gateway->loop, &lane->timer, wait);
}

static void
turn(void *arg)
{
	struct lane *lane = arg;
	struct ticket *ticket;

	lane->refs++;
	while ((ticket = lane->line.first) != NULL) {
		int64_t wait = wait_of(lane, ticket->tokens);

		if (wait != 0 && move_on(lane, ticket))
			continue;
		if (wait != 0) {
			arm(lane, ticket, wait);
			break;
		}
		lane_leave(ticket);
		grant(ticket);
		ticket->wake(ticket->arg);
	}
	lane_unref(lane);
}

void
lane_stir(struct lane *lane)
{
	if (lane->line.n > 0)
		loop_timer_set(lane->gateway->loop, &lane->timer, 0);
}

/* ---- life -------------------------------------------------------------------------- */

static char *
make_key(const struct model *model)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addf(&buf, "%.*s\n%d\n%.*s\n%.*s\n%.*s", STR_ARG(model->name),
	         model->provider, STR_ARG(model->endpoint), STR_ARG(model->model),
	         STR_ARG(model->deployment));
	return buf_take(&buf);
}

static struct lane *
find(struct gateway *gateway, const char *key)
{
	struct lane *lane = gateway->lanes;

	while (lane != NULL && strcmp(lane->key, key) != 0)
		lane = lane->next;
	return lane;
}

void
lane_set(struct lane *lane, const struct model *model)
{
	limiter_set(&lane->limiter, &model->limits);
	breaker_init(&lane->breaker, &model->breaker);
	lane_stir(lane);
}

struct lane *
lane_ref(struct gateway *gateway, const struct model *model)
{
	char *key = make_key(model);
	struct lane *lane = key != NULL ? find(gateway, key) : NULL;

	if (key == NULL)
		return NULL;
	if (lane != NULL) {
		mem_free(key);
		lane_set(lane, model);
		lane->refs++;
		return lane;
	}
	lane = mem_new(sizeof(*lane));
	if (lane == NULL || loop_timers_reserve(gateway->loop, 1) != 0) {
		mem_free(lane);
		mem_free(key);
		return NULL;
	}
	lane->gateway = gateway;
	lane->key = key;
	lane->refs = 1;
	limiter_init(&lane->limiter, &model->limits, loop_steady_ms(gateway->loop));
	breaker_init(&lane->breaker, &model->breaker);
	loop_timer_init(&lane->timer, turn, lane);
	lane->next = gateway->lanes;
	gateway->lanes = lane;
	return lane;
}

void
lane_unref(struct lane *lane)
{
	struct lane **at;

	if (--lane->refs > 0)
		return;
	assert(lane->line.n == 0);
	for (at = &lane->gateway->lanes; *at != lane; at = &(*at)->next)
		;
	*at = lane->next;
	loop_timer_clear(lane->gateway->loop, &lane->timer);
	mem_free(lane->key);
	mem_free(lane);
}

void
gateway_stats(const struct model *model, struct gateway_stats *ret_stats)
{
	const struct lane *lane = model->lane;
	struct gateway_stats stats = lane->stats;

	stats.in_flight = (size_t)lane->limiter.in_flight;
	stats.queued = lane->line.n;
	stats.breaker = lane->breaker.state;
	stats.paused_ms = limiter_paused_ms(&lane->limiter, now_ms(lane));
	*ret_stats = stats;
}
