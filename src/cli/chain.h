/*
 * chain.h - an event with everything that came of it, as the store has it: the runs that
 * it started, their journals, the events that these emitted, and so on down.
 */
#ifndef HEED_CLI_CHAIN_H
#define HEED_CLI_CHAIN_H

#include <sys/queue.h>

#include "base/arena.h"
#include "store/store.h"

STAILQ_HEAD(chain_entries, chain_entry);
STAILQ_HEAD(chain_runs, chain_run);
STAILQ_HEAD(chain_events, chain_event);

struct chain_entry {
	STAILQ_ENTRY(chain_entry) link;
	struct store_entry row;
};

struct chain_run {
	STAILQ_ENTRY(chain_run) link;
	struct store_run row;
	struct chain_entries entries;
	struct chain_events emitted;
};

struct chain_event {
	STAILQ_ENTRY(chain_event) link; /* among those of its run */
	STAILQ_ENTRY(chain_event) line; /* all, in the order of finding */
	struct store_event row;
	struct chain_runs runs;
};

struct chain {
	struct arena *arena;
	struct chain_event *root;
	struct chain_events all;
	size_t n_events, n_runs;
	bool cut;      /* there is more than was asked for */
	bool finished; /* every run has ended: done, dead, held or dropped */
	bool failed;   /* one is dead or held */
};

/* Where a chain begins that holds `word`: a run's number ("17", "run:17") or an event's
 * id
 * ("c-1", "event:17"), from `source` if that is not empty. *ret_seq is the event to load;
 * with `to_root` the one from outside that caused it all. *ret_run is the run that was
 * named, or 0. HEED_E_NOTFOUND, HEED_E_CONFLICT (several events have this id), with
 * words. */
int
chain_find(struct store *store, struct heed_str word, struct heed_str source,
           bool to_root, int64_t *ret_seq, int64_t *ret_run, struct heed_error *error);

/* Load it, at most `runs_max` runs (0: all), with the journals if `journals`. Everything
 * is on `arena`. HEED_E_NOTFOUND when there is no such event. */
int chain_load(struct store *store, struct arena *arena, int64_t seq, size_t runs_max,
               bool journals, struct chain *ret_chain, struct heed_error *error);

/* The event, its runs and their journals, and no deeper than the events they emitted. */
int chain_load_event(struct store *store, struct arena *arena, int64_t seq,
                     struct chain *ret_chain, struct heed_error *error);

#endif
