/*
 * store.h - the one durable place.
 *
 * A transaction is data: a list of rows to write, built on the loop's thread. The store's
 * thread, the only writer, commits all that has gathered as one group (WAL,
 * synchronous=FULL: one fsync a group) and reports each transaction's outcome on the
 * loop.
 *
 *	store_begin ─> store_put_... ─> store_commit ══ group, fsync ══> done(arg, result)
 *
 * An event whose dedup key is known already is skipped together with all rows put after
 * it up to the next event or cursor; that is how one delivery is handled once. Texts are
 * borrowed until `done`. A transaction is written whole or not at all, and one that
 * cannot be written takes no other with it.
 *
 * Times are microseconds since 1970; money is nano US dollars.
 */
#ifndef HEED_STORE_STORE_H
#define HEED_STORE_STORE_H

#include "base/arena.h"
#include "base/id.h"
#include "base/str.h"
#include "heed.h"
#include "loop/loop.h"

struct store;
struct store_tx;

/* The life of a run; the names are in store_run_state_name. RUN_NEW is never written. The
 * numbers are in files: add at the end only. */
enum run_state {
	RUN_NEW,
	RUN_READY,
	RUN_ACTIVE,
	RUN_WAITING,
	RUN_HELD,
	RUN_DONE,
	RUN_DEAD,
	RUN_DROPPED,
};
#define RUN_STATES (RUN_DROPPED + 1)

const char *store_run_state_name(enum run_state state);
/* -1 when there is none of that name. */
int store_run_state_find(struct heed_str name);

/* The numbers are in files: add at the end only. */
enum entry_kind {
	ENTRY_ASK,
	ENTRY_ACT,
	ENTRY_EMIT,
	ENTRY_PROBE,
	ENTRY_MARK,   /* attempts before it no longer count; a redrive */
	ENTRY_WAIT,   /* for an event, a signal, or a time */
	ENTRY_START,  /* a run of another definition, and what came of it */
	ENTRY_SIGNAL, /* what a person said without being asked */
	ENTRY_NOTE,   /* what the flow wrote down */
	ENTRY_READ,   /* the version of a stream that was read */
	ENTRY_APPEND, /* events onto a stream */
};
enum entry_state { ENTRY_INTENDED, ENTRY_DONE, ENTRY_FAILED, ENTRY_UNKNOWN };
const char *store_entry_kind_name(enum entry_kind kind);
const char *store_entry_state_name(enum entry_state state);

struct store_event {
	int64_t seq;
	struct heed_str id, source, type, subject;
	int64_t time_us, received_us;
	int32_t depth;
	int64_t parent_run; /* 0: from outside */
	struct heed_str trace;
	struct heed_str body; /* the whole CloudEvent */
	size_t cause; /* put only: skipped when the nth event (from 1) of its transaction
	                 is; 0: on its own */
	/* Set by the store in events that were appended to a stream: */
	struct heed_str stream; /* "order/7"; empty: of none */
	int64_t version;        /* its place in the stream, from 1 without gaps */
	int64_t position;       /* and among those of all streams, from 1 without gaps */
};

struct store_run {
	int64_t id;
	int64_t event_seq;
	struct heed_str flow; /* "reaction" */
	struct heed_str name;
	struct heed_str definition; /* hash */
	struct heed_str key;
	enum run_state state;
	int64_t due_us, created_us, updated_us; /* the last is a final state's end */
	int32_t redrives;
	int64_t tokens_in, tokens_out, cost_nano;
	int32_t calls;
	struct heed_str class, text, step; /* of the verdict */
};

struct store_entry {
	int64_t run_id;
	int32_t n;
	enum entry_kind kind;
	enum entry_state state;
	struct heed_str step;
	int32_t attempt;
	int64_t at_us, ended_us;
	struct heed_str asked; /* the model's name in the configuration */
	struct heed_str model; /* what answered, as its provider calls it */
	int64_t input, cached_input, cache_write, output, reasoning;
	int64_t cost_nano;
	/* What it may cost at most while it is under way; once it has ended, what may
	 * have been billed besides cost_nano: it was cut off. */
	int64_t reserved_nano;
	struct heed_str class; /* of a failure; "cached", "shared": no call was made */
	struct heed_str request, reply, detail;
};

/* An answer kept for exactly the same question. */
struct store_cached {
	struct heed_str hash; /* bytes, of any length */
	struct heed_str model, reply;
	int64_t at_us, expires_us;
};

/* The state of a stream as some fold made it of its first `version` events. */
struct store_snapshot {
	struct heed_str stream;
	struct heed_str fold; /* hash of what made it */
	int64_t version;
	struct heed_str state; /* JSON */
	int64_t at_us;
};

/* Something that goes on for long and is taken up again after a restart (a redrive). */
enum job_state { JOB_OPEN, JOB_DONE, JOB_CANCELLED };
const char *store_job_state_name(enum job_state state);

struct store_job {
	int64_t id;
	enum job_state state;
	struct heed_str kind; /* "redrive" */
	struct heed_str spec; /* JSON, its owner's own */
	int64_t position;     /* how far it is, its owner's own */
	int64_t total, done, skipped;
	struct heed_str text; /* why the first was skipped */
	int64_t created_us, updated_us;
};

/* ---- open -------------------------------------------------------------------------- */

/* `where`: "sqlite:PATH", or "memory:", which has no thread: it commits inside
 * store_commit and reports on the next turn. "fault:" in front of either makes a store
 * without a thread that store_fault can break. Creates and migrates. HEED_E_LOCKED
 * (another process), HEED_E_NEWER, HEED_E_CORRUPT, HEED_E_IO, HEED_E_CONFIG (not a
 * known kind), with words. */
int store_open(struct loop *loop, struct heed_str where, struct store **ret_store,
               struct heed_error *error);
/* Is `where` a kind of store? HEED_E_CONFIG with words and a hint. Nothing is opened. */
int store_check(struct heed_str where, struct heed_error *error);
/* For looking, beside a process that writes. HEED_E_NOTFOUND when there is no file;
 * HEED_E_NEWER; HEED_E_UNSUPPORTED when it has yet to be migrated. */
int store_open_readonly(struct heed_str where, struct store **ret_store,
                        struct heed_error *error);
/* Waits for commits under way; their `done` still comes, on the loop, afterwards. Reads
 * aside are waited for, too, with turns of the loop. Takes NULL. */
void store_close(struct store *store);

/* Numbers for new events and runs; loop's thread. */
int64_t store_next_event(struct store *store);
int64_t store_next_run(struct store *store);
int64_t store_next_job(struct store *store);

/* ---- write ------------------------------------------------------------------------- */

struct store_tx *store_begin(struct store *store); /* NULL without memory */
void store_discard(struct store_tx *tx);           /* takes NULL */
/* HEED_E_NOMEM. Runs and entries replace the row of the same key. */
int store_put_event(struct store_tx *tx, const struct store_event *event);
int store_put_run(struct store_tx *tx, const struct store_run *run);
int store_put_entry(struct store_tx *tx, const struct store_entry *entry);
int
store_put_cursor(struct store_tx *tx, struct heed_str source, struct heed_str position);
int store_put_definition(struct store_tx *tx, struct heed_str hash, struct heed_str flow,
                         struct heed_str name, struct heed_str text);
/* A user's statement on the store's own database, part of this transaction. `values`
 * is an object: :name is bound to member `name`. It may not touch heed's own tables,
 * end the transaction, attach files or set pragmas, runs STORE_SQL_MS_MAX at most and
 * gives at most STORE_SQL_ROWS_MAX rows; any of that, and its own failure, fails this
 * transaction only, with HEED_E_PERMANENT. Its result becomes the reply of entry `n` of
 * the run, which was put before it; run_id 0: of none. */
int store_put_sql(struct store_tx *tx, struct heed_str statement, struct heed_json values,
                  int64_t run_id, int32_t n);
int store_put_cache(struct store_tx *tx, const struct store_cached *cached);
int store_put_job(struct store_tx *tx, const struct store_job *job);

#define STORE_SQL_MS_MAX 2000
#define STORE_SQL_ROWS_MAX 1000
#define STORE_SQL_BYTES_MAX (1024 * 1024)

/* Append `n` events (at least one) to a stream that stands at version `expected`, or at
 * any (STORE_ANY_VERSION). When it stands elsewhere they are looked for by their ids
 * (not by source and id): when the stream holds all of them already, nothing is written,
 * and rows put after them up to the next event, append or cursor are skipped, as for a
 * duplicate event. When it holds some of them or none, the whole transaction fails with
 * HEED_E_CONFLICT, and no other with it. They count among the transaction's events:
 * `duplicate` and `cause` know them. Events of streams are never pruned.
 * HEED_E_EXISTS: this transaction appends to the stream already. */
#define STORE_ANY_VERSION INT64_C(-1)
int store_put_append(struct store_tx *tx, struct heed_str stream, int64_t expected,
                     const struct store_event *events, size_t n);
/* Keep a state; it replaces the stream's earlier one, unless that is of the same fold
 * and newer. */
int store_put_snapshot(struct store_tx *tx, const struct store_snapshot *snapshot);

/* What became of an append. */
struct store_appended {
	int64_t version;  /* of the stream: after it, or what a conflict found */
	int64_t position; /* of the last event that was written; 0 when none was */
	bool existed;     /* the events were there already */
};

struct store_result {
	int code; /* zero; HEED_E_STORE, HEED_E_LIMIT (disk full): nothing was written,
	             try again; HEED_E_PERMANENT: the user's statement failed;
	             HEED_E_CONFLICT: a stream is not where it was expected */
	const char *text;
	const bool *duplicate; /* of each event, in order of putting */
	size_t n_events;
	const int64_t *changed; /* rows, by each user's statement, in order of putting */
	/* Likewise: {"rows": [...], "changed": N}, without rows when it gives none. */
	const struct heed_str *results;
	size_t n_sql;
	const struct store_appended *appended; /* each append, in order of putting */
	int64_t forgotten;                     /* runs and events */
	int64_t forgotten_us; /* how long it held up the store, without the commit */
	size_t n_appends;
};
typedef void store_done_fn(void *arg, const struct store_result *result);

/* Hand it over; `done` comes on a later turn, in order of commits. */
void
store_commit(struct store *store, struct store_tx *tx, store_done_fn *done, void *arg);

/* Forget dedup keys of events received more than `window_us` ago and cached answers
 * that have expired: in batches of STORE_PRUNE_BATCH, each its own transaction, so
 * that others get their turn. `done` (may be NULL) comes once, after the last.
 * HEED_E_NOMEM. */
int store_prune(struct store *store, int64_t window_us, store_done_fn *done, void *arg);
#define STORE_PRUNE_BATCH 2000

/* Have runs of these numbers forgotten, with their journals, or events. Those that are
 * not to go (by now) stay: runs that are unfinished; events that have runs, or belong to
 * streams; and the newest of each, for numbers go on from it. `ids` is borrowed. */
int store_put_forget_runs(struct store_tx *tx, const int64_t *ids, size_t n);
int store_put_forget_events(struct store_tx *tx, const int64_t *ids, size_t n);

/* Upper bounds of the histograms below, ascending, then 0. */
#define STORE_BOUNDS 12
extern const int64_t store_time_bounds_us[STORE_BOUNDS + 1];
extern const int64_t store_size_bounds[STORE_BOUNDS + 1];

/* Gauges. Any thread. */
struct store_stats {
	int64_t waiting;   /* transactions that no group has taken yet */
	int64_t groups;    /* commits */
	int64_t committed; /* transactions */
	int64_t failed;    /* transactions */
	int64_t largest;   /* transactions in the largest group */
	int64_t busy_us;   /* spent in committing */
	/* Commits by time and by transactions: of each bound, and those above all. */
	int64_t times[STORE_BOUNDS + 1], sizes[STORE_BOUNDS + 1];
};
void store_stats(struct store *store, struct store_stats *ret_stats);

/* ---- read -------------------------------------------------------------------------- */

/* Any thread that owns the store handle (the loop's, or a command's). Row texts are valid
 * during the callback only; a non-zero return stops and is returned. */
typedef int store_event_fn(void *arg, const struct store_event *event);
typedef int
store_run_fn(void *arg, const struct store_run *run, const struct store_event *event);
typedef int store_entry_fn(void *arg, const struct store_entry *entry);

struct store_filter {
	const char *states;   /* of runs, comma list of names; NULL: any */
	struct heed_str flow; /* of runs: "saga" */
	struct heed_str name; /* of the reaction */
	struct heed_str type; /* of the event */
	struct heed_str subject;
	struct heed_str source;
	struct heed_str class;
	int64_t run_id;     /* one run; 0: any */
	int64_t event_seq;  /* one event, or the runs of one event; 0: any */
	int64_t parent_run; /* events emitted by this run, or their runs; 0: any */
	struct heed_str event_id;
	struct heed_str stream;     /* of the event */
	int64_t since_us, until_us; /* events received, runs created; 0: any; until
	                               is excluded */
	int64_t after;              /* seq or id above this; with newest: below it */
	int64_t limit;              /* 0: no bound */
	bool newest;                /* newest first */
};
int store_read_events(struct store *store, const struct store_filter *filter,
                      store_event_fn *fn, void *arg, struct heed_error *error);
int store_read_runs(struct store *store, const struct store_filter *filter,
                    store_run_fn *fn, void *arg, struct heed_error *error);
int store_read_journal(struct store *store, int64_t run_id, store_entry_fn *fn, void *arg,
                       struct heed_error *error);
/* On `arena`; empty when there is none. */
int store_read_cursor(struct store *store, struct heed_str source, struct arena *arena,
                      struct heed_str *ret_position, struct heed_error *error);
/* HEED_E_NOTFOUND when there is none. */
int store_read_definition(struct store *store, struct heed_str hash, struct arena *arena,
                          struct heed_str *ret_text, struct heed_error *error);

/* HEED_E_NOTFOUND when there is none, or it has expired at `now_us`. */
int store_read_cache(struct store *store, struct heed_str hash, int64_t now_us,
                     struct arena *arena, struct store_cached *ret_cached,
                     struct heed_error *error);

/* The events of a stream from version `from` on, at most `limit` of them (0: no bound),
 * in order. What is missing in between is the caller's to find. */
int
store_read_stream(struct store *store, struct heed_str stream, int64_t from,
                  int64_t limit, store_event_fn *fn, void *arg, struct heed_error *error);
/* The events of all streams from position `from` up to and without `until`, in order;
 * `stream` chooses one, or with a * at its end those that begin so; empty: all. */
int
store_read_log(struct store *store, int64_t from, int64_t until, struct heed_str stream,
               store_event_fn *fn, void *arg, struct heed_error *error);
/* The position of the newest event of any stream; 0 when there is none. */
int
store_read_log_end(struct store *store, int64_t *ret_position, struct heed_error *error);
/* The snapshot of `fold`, on `arena`. HEED_E_NOTFOUND when there is none up to version
 * `at_most`. */
int store_read_snapshot(struct store *store, struct heed_str stream, struct heed_str fold,
                        int64_t at_most, struct arena *arena,
                        struct store_snapshot *ret_snapshot, struct heed_error *error);
/* Streams whose names begin with `prefix`, in order of names above `after`, with their
 * versions; at most `limit`. */
typedef int store_stream_fn(void *arg, struct heed_str stream, int64_t version);
int store_read_streams(struct store *store, struct heed_str prefix, struct heed_str after,
                       int64_t limit, store_stream_fn *fn, void *arg,
                       struct heed_error *error);

/* Jobs, the newest first: one (0: any), of one state (-1: any). */
typedef int store_job_fn(void *arg, const struct store_job *job);
int store_read_jobs(struct store *store, int64_t id, int state, store_job_fn *fn,
                    void *arg, struct heed_error *error);

struct store_counts {
	int64_t events;
	int64_t runs[RUN_STATES]; /* by state */
};
int store_read_counts(struct store *store, struct store_counts *ret_counts,
                      struct heed_error *error);

/* What calls of one kind used within a quarter of an hour (STORE_USAGE_US). It is kept up
 * with the journal, transaction by transaction, and outlives it. */
struct store_usage {
	int64_t at_us;        /* the quarter's begin; the calls began in it */
	struct heed_str type; /* of the event */
	struct heed_str flow, name;
	struct heed_str asked, model; /* as in store_entry */
	int64_t questions;            /* first attempts */
	int64_t calls, failed;
	int64_t input, cached_input, cache_write, output, reasoning;
	int64_t cost_nano, reserved_nano; /* as in store_entry */
};
#define STORE_USAGE_US INT64_C(900000000)
typedef int store_usage_fn(void *arg, const struct store_usage *usage);
/* Of asks that have ended, in order of time; since_us is rounded down to a quarter, 0 is
 * no bound. */
int store_read_usage(struct store *store, int64_t since_us, int64_t until_us,
                     store_usage_fn *fn, void *arg, struct heed_error *error);
/* Asks of unfinished runs that have not ended, one a call, with exact at_us: only what
 * names them and reserved_nano. */
int store_read_open_asks(struct store *store, store_usage_fn *fn, void *arg,
                         struct heed_error *error);

/* ---- what is old ------------------------------------------------------------------- */

/* Numbers found, and where the search came to: begin with all zero, call again with the
 * same. */
struct store_old {
	int64_t ids[1000];
	size_t n;
	int64_t after_us, after; /* the last one that was looked at */
	bool end;                /* nothing is left */
};
/* Up to `max` runs that ended before `before_us` and, when `dead` is set, are dead
 * letters, else done or dropped; without those that an unfinished run waits for. Looks at
 * a bounded number of rows. */
enum store_old_runs { STORE_OLD_FINISHED, STORE_OLD_DEAD };
int store_find_old_runs(struct store *store, enum store_old_runs which, int64_t before_us,
                        size_t max, struct store_old *old, struct heed_error *error);
/* Up to `max` events received before `before_us` that have no runs, are in no stream, and
 * that no unfinished run may still look for. */
int store_find_old_events(struct store *store, int64_t before_us, size_t max,
                          struct store_old *old, struct heed_error *error);
/* Bytes of the file that are in use; what was forgotten is room for new rows. */
int store_read_size(struct store *store, int64_t *ret_bytes, struct heed_error *error);

/* Look without holding up the loop: fn(reader, arg) on a work thread, where `reader`
 * is good for the functions above and only until fn returns; then done(arg, code) on
 * the loop, where code and error are fn's. In order of asking, one at a time.
 * HEED_E_NOMEM. */
typedef int store_look_fn(struct store *reader, void *arg, struct heed_error *error);
typedef void store_looked_fn(void *arg, int code, const struct heed_error *error);
int store_read(struct store *store, store_look_fn *fn, store_looked_fn *done, void *arg);

/* ---- breaking it, for tests -------------------------------------------------------- */

enum store_fault {
	STORE_FAULT_NONE,
	STORE_FAULT_FAIL,       /* that commit fails with HEED_E_STORE, not the next */
	STORE_FAULT_FULL,       /* it and later ones fail with HEED_E_LIMIT until NONE */
	STORE_FAULT_CUT,        /* power cut before it: lost, and later ones refused */
	STORE_FAULT_CUT_BEHIND, /* power cut after it: written, but reported as failed */
};
/* Only for a store opened with "fault:". `nth` counts from 1, the next commit. After a
 * cut, close the store and open the file again: it was not closed in peace. */
void store_fault(struct store *store, enum store_fault fault, int64_t nth);

#endif
