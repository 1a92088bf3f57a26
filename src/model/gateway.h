/*
 * gateway.h - the gateway's insides, shared by gateway.c, lane.c and flight.c only.
 *
 * A *ticket* is one attempt of a caller. A *lane* is what all attempts at one model
 * share: its limiter, breaker and line. A *flight* is one call (or one answer that needs
 * none) and the tickets that wait for it.
 *
 *	WAITING --lane grants--> ADMITTED --gateway_call--> CALLING --done--> gone
 *	   |                       |  ^                        |
 *	   |                       |  '-- joined a flight (a twin's, or the cache's):
 *	   |                       |      holds no place
 *	   '-----------------------'----- gateway_cancel: gone
 *
 * WAITING: in lane->line, holds nothing. ADMITTED without flight: holds a place in the
 * lane's limiter (and perhaps is its breaker's probe). With flight: one of
 * flight->tickets. The flight holds the place once it has started, until it has its
 * reply.
 */
#ifndef HEED_MODEL_GATEWAY_H
#define HEED_MODEL_GATEWAY_H

#include "base/arena.h"
#include "base/id.h"
#include "model/breaker.h"
#include "model/cache.h"
#include "model/credential.h"
#include "model/limiter.h"
#include "model/model.h"

#define TWIN_BUCKETS 1024

struct line {
	struct ticket *first;
	struct ticket *last;
	size_t n;
};

struct lane {
	struct gateway *gateway;
	char *key;
	int refs; /* models that use it, and turns that are under way */
	struct limiter limiter;
	struct breaker breaker;
	struct line line;
	struct loop_timer timer;
	struct gateway_stats stats; /* the counters only */
	struct lane *next;
};

enum ticket_state { TICKET_WAITING, TICKET_ADMITTED, TICKET_CALLING };

struct ticket {
	struct gateway *gateway;
	enum ticket_state state;
	const struct model *first;
	const struct model *model; /* lane is model->lane */
	struct flight *flight;
	struct flight *spare; /* memory for its own, so that calling can't fail */
	int64_t tokens;       /* taken from the limiter, or to be */
	bool probe;
	struct id_hash key;
	bool has_key;
	loop_fn *wake;
	model_done_fn *done;
	void *arg;           /* of wake, then of done */
	struct ticket *prev; /* in the line, or among the flight's */
	struct ticket *next;
	struct ticket *all_prev; /* of the gateway */
	struct ticket *all_next;
};

struct flight {
	struct gateway *gateway;
	const struct model *model;
	struct arena arena;
	struct ticket *tickets; /* newest first */
	struct ticket *oldest;
	struct model_reply reply;
	struct model_request request;
	struct http_call *call;
	struct credential_wait token;
	bool waits_for_token;
	bool holds_place; /* in the limiter */
	bool finished;    /* reply is there */
	bool queued;      /* among gateway->ready */
	bool paid;        /* a ticket was given the reply with its cost */
	bool delivering;
	bool probe;
	int64_t tokens;
	int64_t input_tokens; /* estimates */
	int64_t output_tokens;
	int64_t start_ms;
	struct id_hash key;
	bool has_key;
	struct flight
		*twin; /* chain of its bucket; while it has a key and is not finished */
	struct flight *ready;
};

struct gateway {
	struct loop *loop;
	struct http_client *http;
	struct model_stand_in stand_in; /* answer is NULL when there is none */
	struct credentials *credentials;
	struct cache *cache;
	struct lane *lanes;
	struct ticket *tickets;
	struct flight
		*ready; /* finished without a call of their own; delivered by the timer */
	struct flight **ready_end;
	struct loop_timer timer;
	struct flight *twins[TWIN_BUCKETS];
};

/* ---- lane.c ------------------------------------------------------------------------ */

/* Find or make the lane of a model and hold it; an old one gets the model's settings and
 * a closed breaker. NULL without memory. */
struct lane *lane_ref(struct gateway *gateway, const struct model *model);
/* Take a model's settings. */
void lane_set(struct lane *lane, const struct model *model);
void lane_unref(struct lane *lane);
/* Admit the ticket at once (0) or put it in line (HEED_WAIT); HEED_E_BUSY when that is
 * full. */
int lane_enter(struct ticket *ticket);
/* Out of the line. */
void lane_leave(struct ticket *ticket);
/* A place became free, or the breaker changed: see who may go, on a later turn. */
void lane_stir(struct lane *lane);

/* ---- gateway.c --------------------------------------------------------------------- */

/* The identity of a question to a model, for cache and twins. HEED_E_NOMEM. */
int flight_key(const struct model *model, const struct model_question *question,
               struct id_hash *ret_key);

/* ---- flight.c ---------------------------------------------------------------------- */

/* A call under way with this key, or NULL. */
struct flight *flight_find(struct gateway *gateway, const struct id_hash *key);
void flight_join(struct flight *flight, struct ticket *ticket);
/* Take the ticket out; the last one ends the flight. */
void flight_quit(struct ticket *ticket);
/* A flight that only hands out a cached answer. NULL without a hit (or memory). */
struct flight *flight_from_cache(struct gateway *gateway, const struct model *model,
                                 const struct id_hash *key);
/* Memory for a flight; NULL without. flight_spare_free takes NULL. */
struct flight *flight_spare(struct gateway *gateway);
void flight_spare_free(struct flight *flight);
/* Make the ticket's spare its flight, which takes over its place, and start. */
void flight_start(struct ticket *ticket, const struct model_question *question);
/* Deliver on a later turn to those that have called. */
void flight_ready(struct flight *flight);
/* The gateway's timer. */
void flight_deliver_ready(void *gateway);

#endif
