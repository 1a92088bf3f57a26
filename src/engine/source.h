/*
 * source.h - what brings events in.
 *
 * A kind is one file in src/source: a table with its option rows and four functions. The
 * engine allocates an instance of `size` bytes, fills it from the options, and starts it;
 * the instance begins with a struct source. Events go in by source_deliver and are
 * acknowledged upstream only when its callback says that they are committed.
 *
 * All on the loop's thread.
 */
#ifndef HEED_ENGINE_SOURCE_H
#define HEED_ENGINE_SOURCE_H

#include "base/expr.h"
#include "config/option.h"
#include "engine/event.h"
#include "heed.h"
#include "loop/http_server.h"
#include "loop/loop.h"

struct engine;
struct source;

struct source_kind {
	const char *name;
	const char *help;
	const struct option *options; /* offsets from the instance's start */
	/* Which roots (`.body`) its expressions may read, NULL-terminated; NULL for any.
	 */
	const char *const *roots;
	size_t size;
	/* Checks beyond the rows, without side effects (heed check). May be NULL. */
	int (*check)(struct source *source, struct heed_error *error);
	/* Begin. `position` is what the last committed delivery gave, empty at first. */
	int (*start)(struct source *source, struct heed_str position,
	             struct heed_error *error);
	/* Take no more from upstream for now (a bound is near), and go on. */
	void (*pause)(struct source *source);
	void (*resume)(struct source *source);
	/* End: nothing is delivered afterwards. Free what start made, not the instance.
	 */
	void (*stop)(struct source *source);
};

/* What a source has brought. */
struct source_stats {
	int64_t accepted, duplicates; /* events */
	int64_t refused;              /* deliveries */
	int64_t last_us;              /* when the last event was stored; 0: none */
	int64_t lag_us;               /* how old it was by then, by its own time */
};

struct source {
	const struct source_kind *kind;
	struct heed_str name;
	struct generation *generation; /* whose memory it is; may be NULL */
	struct engine *engine;
	struct loop *loop;
	struct heed_str folder; /* of the configuration: relative paths start there */
	bool once;              /* end after what is there or due now */
	bool ends;              /* set by start: it comes to an end by itself */
	bool ended;             /* source_ended was called */
	bool paused;            /* kept by the engine around pause and resume */
	uint64_t reported;      /* hash of what is wrong with it; 0: nothing */
	struct source_stats stats;
	/* of HTTP, by status / 100; any thread */
	_Atomic int64_t answers[HTTP_ANSWERS];
};

/* What became of a delivery. */
struct delivery {
	int code;          /* zero: all committed; HEED_E_BUSY, HEED_E_STORE: none was */
	size_t n_accepted; /* new ones */
	size_t n_duplicate;
	int64_t retry_after_ms; /* with HEED_E_BUSY */
	const char *text;       /* words for a failure, or NULL */
};

typedef void source_done_fn(void *arg, const struct delivery *delivery);

/* Hand in events (also none, to move the position only) with the position that upstream
 * has behind them (empty: none). They are copied. The callback comes on a later turn, in
 * order of delivery. Not accepted: HEED_E_NOMEM; HEED_E_BUSY at once when a bound is
 * reached (then *ret_retry_after_ms); HEED_E_LIMIT when `n` is above that bound. */
int source_deliver(struct source *source, const struct event *events, size_t n,
                   struct heed_str position, source_done_fn *done, void *arg,
                   int64_t *ret_retry_after_ms);
/* Is a run unfinished that was started by an event of this CloudEvents `uri`? */
bool source_is_busy(const struct source *source, struct heed_str uri);
/* The source came to its end (a file without `follow`, or with `once` set); when all that
 * end have, `heed run --once` ends. */
void source_ended(struct source *source);
/* Something is wrong and goes on, or (NULL) nothing is any more: logged when it changes.
 */
void source_report(struct source *source, const struct heed_error *error);

/* All kinds of this build, NULL-terminated (src/source/kinds.c). */
extern const struct source_kind *const source_kinds[];

#endif
