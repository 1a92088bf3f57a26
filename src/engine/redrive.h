/*
 * redrive.h - what a person has done with dead letters and held runs: let them go on, say
 * that an effect happened or did not, mend their events, drop them.
 *
 * A redrive is a job. It goes through the runs that it is for in the order of their
 * numbers; what it does with some of them, and how far it has come, is one transaction.
 * So it goes on after a crash where it was, and each run is met once.
 *
 *	job on disk ══> [ runs' rows, marks in their journals, the job's position ] ══> ...
 *	done, and when that is on disk, what is to go on is loaded
 *
 * A mark in the journal tells what was said. What failed before the mark no longer
 * counts; what was answered and paid for does, unless the question has become another.
 */
#ifndef HEED_ENGINE_REDRIVE_H
#define HEED_ENGINE_REDRIVE_H

#include "base/expr.h"
#include "engine/flow.h"
#include "heed.h"
#include "store/store.h"

enum redrive_verb {
	REDRIVE_RETRY, /* go on */
	REDRIVE_DONE, /* go on; the effect that is unknown happened, or a person saw to it
	               */
	REDRIVE_REPEAT, /* go on; it did not */
	REDRIVE_PATCH,  /* change the event, nothing more */
	REDRIVE_DROP,   /* nothing is to come of it */
};

struct redrive {
	int verb;
	/* Which: these runs, in ascending order; or all that fit what is not empty. */
	const int64_t *runs;
	size_t n_runs;
	struct heed_str name, type, class;
	struct heed_str group; /* signature.h */
	int64_t since_us, until_us;
	int64_t last_run;      /* none with a higher number; 0: no bound */
	double rate;           /* runs a second; 0: as fast as may be */
	struct heed_str patch; /* jq, event to event; empty: none */
	struct heed_str reason;
};

/* Names of marks in a journal. REDRIVE_MARK resets what failed before it (journal.c). */
#define REDRIVE_MARK "redrive"
#define REDRIVE_PATCH_MARK "redrive.patch"
#define REDRIVE_DROP_MARK "redrive.drop"
#define REDRIVE_JOB "redrive" /* kind of job */

/* Into the order that struct redrive wants. */
void redrive_sort(int64_t *runs, size_t n);
/* As JSON, for the job and the admin socket, and back: checked. HEED_E_INVALID with
 * words. On `arena`. */
int redrive_write(const struct redrive *what, struct arena *arena,
                  struct heed_json *ret_spec);
int redrive_read(struct heed_json spec, struct arena *arena, struct redrive *ret_what,
                 struct heed_error *error);
/* Its patch, when it has one. The caller frees the set. HEED_E_CONFIG with words. */
int redrive_compile(const struct redrive *what, struct expr_set **ret_exprs,
                    struct expr **ret_patch, struct heed_error *error);
/* A new job of it for the store. Texts are on `arena`. HEED_E_NOMEM. */
int redrive_job(struct store *store, const struct redrive *what, int64_t total,
                int64_t now_us, struct arena *arena, struct store_job *ret_job);

/* Call fn for each run that it is for, dead or held, from number `after` + 1 on, at most
 * `limit`, in ascending order. fn's result other than zero stops and is returned. Rows'
 * texts are on `arena`. */
int redrive_select(struct store *store, const struct redrive *what, int64_t after,
                   size_t limit, struct arena *arena, store_run_fn *fn, void *arg,
                   struct heed_error *error);

/* ---- one step of a job ------------------------------------------------------------- */

/* A run that the step goes on with, or that no longer counts as a dead letter. */
struct redriven {
	int64_t run;
	struct heed_str flow, name, key; /* the key it had */
	bool goes_on;
};

/* What the engine knows of a run that is to go on, and a store alone does not. */
struct redrive_judge {
	/* Set *ret_definition, which may stay NULL, and *ret_key (on `arena`) for a run
	 * with this event. HEED_E_BUSY: not now, the step ends before it. Any other
	 * failure: it is left out, and why. May be NULL: they stay as they are. */
	int (*judge)(void *arg, const struct store_run *run, const struct event *event,
	             struct arena *arena, struct definition **ret_definition,
	             struct heed_str *ret_key, struct heed_error *error);
	void *arg;
};

struct redrive_step {
	struct store *store;
	struct arena *arena; /* lives until the transaction is done */
	int64_t now_us;
	const struct redrive *what;
	struct expr *patch; /* compiled what->patch, or NULL */
	struct redrive_judge judge;
	struct store_job *job; /* moved on */
	struct redriven *items;
	size_t n, cap;
};

/* Put what is done with at most `max` further runs into `tx`, and the job as it is then.
 * HEED_E_NOMEM, or the store's failure. mem_free(step->items) in any case. */
int redrive_step(struct redrive_step *step, struct store_tx *tx, size_t max,
                 struct heed_error *error);

#endif
