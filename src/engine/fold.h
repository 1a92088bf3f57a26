/*
 * fold.h - the state of a stream: its events, one after the other, put onto an initial
 * value by an expression for each type.
 *
 * Pure: the same events give the same state whenever and wherever they are folded, and no
 * model is asked. What is folded is known by a hash of its text, so a state that was kept
 * (in memory, in a snapshot) is good for as long as the text stays.
 */
#ifndef HEED_ENGINE_FOLD_H
#define HEED_ENGINE_FOLD_H

#include "base/arena.h"
#include "base/expr.h"
#include "heed.h"
#include "store/store.h"

struct fold_row {
	struct heed_str type;
	struct expr *apply; /* over {state, event}: the next state */
};

struct stream_fold {
	struct heed_str hash; /* of initial and rows as text */
	struct heed_json initial;
	const struct fold_row *rows;
	size_t n;
	int64_t snapshot_every; /* versions */
};

/* A state as text is at most so large. */
#define FOLD_STATE_MAX (4 * 1024 * 1024)

/* The state after `event` (a CloudEvent with its type); on `arena`, in `state` or in
 * `event`. HEED_E_UNSUPPORTED when there is no expression for its type, or what the
 * expression failed with; the words name the type. */
int
fold_event(const struct stream_fold *fold, struct heed_json state, struct heed_json event,
           struct arena *arena, struct heed_json *ret_state, struct heed_error *error);

/* Up to where: both bounds included. */
struct fold_until {
	int64_t version; /* INT64_MAX: the newest */
	int64_t time_us; /* of events; INT64_MAX: any */
};
#define FOLD_NEWEST                                                                      \
	(struct fold_until)                                                              \
	{                                                                                \
		INT64_MAX, INT64_MAX                                                     \
	}

/* A stream while it is folded, in memory that does not grow with its length. */
struct replay {
	const struct stream_fold *fold;
	struct heed_str stream; /* borrowed */
	struct fold_until until;
	int64_t version;  /* of `state` */
	int64_t snapshot; /* the version of the snapshot that it began with, or 0 */
	bool over;        /* the next event is beyond `until` */
	struct heed_json state;
	struct arena arenas[2]; /* the state is in the first one */
	size_t dense;           /* what it took when it was copied last */
};

void replay_init(struct replay *replay, const struct stream_fold *fold,
                 struct heed_str stream, struct fold_until until);
void replay_done(struct replay *replay);
/* Begin from a snapshot when the store has one that is good. */
int replay_snapshot(struct replay *replay, struct store *store, struct heed_error *error);
/* The next event. HEED_E_CORRUPT when it is not the next version, or what fold_event
 * says, with the stream and version in front. Zero also when it is beyond `until`. */
int replay_event(struct replay *replay, const struct store_event *event,
                 struct heed_error *error);
/* All of it, at once: for commands, and never on the loop. */
int replay_all(struct replay *replay, struct store *store, struct heed_error *error);

#endif
