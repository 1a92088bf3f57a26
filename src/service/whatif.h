/*
 * whatif.h - recorded events, decided again by another configuration: a rehearsal whose
 * answers stand beside those that the store holds.
 */
#ifndef HEED_SERVICE_WHATIF_H
#define HEED_SERVICE_WHATIF_H

#include "base/expr.h"
#include "config/app.h"
#include "store/store.h"

struct whatif_options {
	struct store *recorded;
	struct app *app;       /* what decides now */
	struct heed_str name;  /* of one reaction; empty: all that ask */
	struct heed_str model; /* asked in place of those configured; empty: those */
	int64_t since_us;      /* 0: any */
	int64_t limit;         /* of runs, the newest */
	struct expr *by;       /* what of an answer counts; NULL: all of it */
};

struct decision {
	const char *state;       /* of the run; "none": it would not react */
	struct heed_json answer; /* null: there is none */
	int64_t cost_nano;
};

struct whatif_pair {
	int64_t run_id; /* the recorded one */
	struct heed_str name;
	struct heed_str event_type, event_id, event_source;
	struct heed_json event;
	int64_t version; /* of its stream, as the run found it; below 0: it read none */
	struct decision was, is;
	bool differs;
};

struct whatif {
	struct whatif_pair *pairs; /* oldest first */
	size_t n, cap;
	size_t n_differ;
	int64_t was_nano, is_nano;
};

/* On `arena`. Effects are off; models are really asked, unless they are rules. */
int whatif_run(const struct whatif_options *options, struct arena *arena,
               struct whatif *ret_whatif, struct heed_error *error);

#endif
