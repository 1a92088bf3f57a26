/*
 * retention.h - how long events and runs are kept.
 *
 * Now and then, while heed runs: what is old is found aside, and deleted in small
 * transactions with pauses between them, so that others hardly notice. Never deleted are
 * what is unfinished or held, an event that has runs, and the streams of entities.
 */
#ifndef HEED_ENGINE_RETENTION_H
#define HEED_ENGINE_RETENTION_H

#include "config/option.h"
#include "heed.h"
#include "loop/loop.h"
#include "store/store.h"

struct engine;
struct retention;

/* Bound by retention_options; 0 is "keep". */
struct retention_rules {
	int64_t events_ms;
	int64_t runs_ms;
	int64_t dead_ms; /* then a dead letter is dropped */
	int64_t size; /* bytes of the store; above it the oldest go early; 0: no bound */
	int64_t duplicates_ms; /* for how long a duplicate is known as one */
	int64_t every_ms;
};
extern const struct option retention_options[];

/* HEED_E_NOMEM. It begins with retention_set. */
int retention_new(struct engine *engine, struct loop *loop, struct store *store,
                  struct retention **ret_retention);
/* Looks under way must be done, as those of the store. Takes NULL. */
void retention_free(struct retention *retention);
void retention_set(struct retention *retention, const struct retention_rules *rules);
/* Begin nothing more. */
void retention_stop(struct retention *retention);

#endif
