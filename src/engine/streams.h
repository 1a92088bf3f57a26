/*
 * streams.h - the states of streams: those used of late in memory, others folded from the
 * store.
 *
 * A state is immutable and shared by counted references. The newest ones are kept until
 * their bytes reach a bound, the one used longest ago goes first. Loading reads a
 * snapshot and then event by event, in pieces on a work thread, and folds on the loop
 * between them, so a long stream holds nothing up.
 *
 * This process is the only one that appends, so what is kept is what the store has; where
 * it is not (a failed commit), streams_forget.
 */
#ifndef HEED_ENGINE_STREAMS_H
#define HEED_ENGINE_STREAMS_H

#include <sys/queue.h>

#include "base/map.h"
#include "engine/fold.h"

struct streams;
struct stream_load;

struct stream_state {
	struct heed_str stream;
	struct heed_str fold; /* hash */
	int64_t version;      /* 0: the stream has no events */
	int64_t snapshot;     /* version of the newest snapshot, or 0 */
	struct heed_json state;

	/* streams.c's */
	size_t refs;
	struct arena arena;
	struct map_node node;
	TAILQ_ENTRY(stream_state) used;
};

/* `size_max`: bytes of states to keep. */
int streams_new(struct loop *loop, struct store *store, size_t size_max,
                struct streams **ret_streams);
/* No load may be under way. Takes NULL. */
void streams_free(struct streams *streams);

/* A state of one's own making: everything is copied. One reference, the caller's. NULL
 * without memory. */
struct stream_state *
stream_state_new(struct heed_str stream, const struct stream_fold *fold, int64_t version,
                 int64_t snapshot, struct heed_json state);
struct stream_state *stream_state_ref(struct stream_state *state);
void stream_state_unref(struct stream_state *state); /* takes NULL */

/* The newest state, when it is in memory: a reference; else NULL. */
struct stream_state *streams_find(struct streams *streams, struct heed_str stream,
                                  const struct stream_fold *fold);
/* It is the newest now: keep it, with a reference of its own. */
void streams_keep(struct streams *streams, struct stream_state *state);
/* What is kept of it may be wrong. */
void streams_forget(struct streams *streams, struct heed_str stream);

/* `state` is the caller's reference; NULL with a code and words: what replay_event says,
 * or a failure of the store. */
typedef void stream_loaded_fn(void *arg, int code, struct stream_state *state,
                              const struct heed_error *error);
/* Fold a stream up to `until`; `done` comes on a later turn. `fold` must outlive the
 * load; it is kept in memory when `until` is the newest. HEED_E_NOMEM. */
int streams_load(struct streams *streams, struct heed_str stream,
                 const struct stream_fold *fold, struct fold_until until,
                 stream_loaded_fn *done, void *arg, struct stream_load **ret_load);
/* `done` will not be called. */
void streams_cancel(struct stream_load *load);

/* Gauges. */
struct streams_stats {
	size_t kept, bytes;
	int64_t found, loaded, folded; /* states, states, events */
};
void streams_stats(const struct streams *streams, struct streams_stats *ret_stats);

#endif
