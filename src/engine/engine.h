/*
 * engine.h - the engine as its owner sees it: open a store, add what reacts and what brings
 * events, run, drain.
 *
 *	source_deliver --> inbox.c == commit: event, dedup, cursor, runs ==> acknowledge
 *	                      |
 *	dispatch.c: order per key, concurrency --> run.c: flow(event, journal) --> entries
 *	                      |
 *	      == commit: entries, emitted events, their runs ==> ask.c, effect.c perform
 *	                      |
 *	      reply, result, timer --> entry == commit ==> flow again ... done | dead letter
 *
 * All on the loop's thread.
 */
#ifndef HEED_ENGINE_ENGINE_H
#define HEED_ENGINE_ENGINE_H

#include "engine/budget.h"
#include "engine/flow.h"
#include "engine/retention.h"
#include "engine/ledger.h"
#include "engine/redrive.h"
#include "engine/source.h"
#include "heed.h"
#include "loop/loop.h"
#include "store/store.h"

struct engine;

struct engine_limits {
	int64_t queue_depth;     /* unfinished runs; above it sources are paused */
	int64_t causation_depth; /* events caused by events caused by ... */
	int64_t in_flight;       /* runs active at once over all reactions */
	int64_t drain_ms;        /* SIGTERM: how long calls under way may take */
	int64_t duplicates_ms;   /* how long an event is known by its source and id */
	int64_t state_cache;     /* bytes of streams' states in memory */
};
extern const struct option engine_limit_options[];

struct step_view;

struct arrival {
	const struct event *event;
	size_t n_runs;   /* that it started */
	bool duplicate;  /* it was known: nothing was done */
	int64_t came_us; /* when it was handed in */
};

struct engine_options {
	struct loop *loop;
	struct store *store; /* open for writing; the engine's owner closes it */
	struct gateway *gateway;
	struct http_client *http;
	struct heed_str
		name; /* of the application: source of emitted events "heed/NAME" */
	struct engine_limits limits;
	/* Rehearsals: what an attempt of an effect gives, in place of the world;
	 * statements on the store's own database are not carried out either. NULL: the
	 * world. */
	int (*stand_in)(void *arg, const struct action *action,
	                const struct action_call *call, struct heed_json *ret_result,
	                struct heed_error *error);
	/* Look a model up by name; NULL when there is none. */
	const struct model *(*model)(void *arg, struct heed_str name);
	/* What is kept back from all models. May be NULL, or give NULL. */
	const struct redact_rules *(*redact)(void *arg);
	/* Make a definition from its stored text, for runs of an earlier configuration:
	 * of a generation of its own, with one reference, the caller's. */
	int (*revive)(void *arg, struct heed_str flow, struct heed_str name,
	              struct heed_str text, struct definition **ret_definition,
	              struct heed_error *error);
	/* An address at which `who` may answer the signal that a run waits for, until
	 * then (0: for ever); empty when there is none. On `arena`. May be NULL. */
	struct heed_str (*link)(void *arg, struct arena *arena, int64_t run,
	                        struct heed_str signal, struct heed_str who,
	                        int64_t until_us);
	/* An event was committed, or was known already. May be NULL. */
	void (*arrived)(void *arg, const struct arrival *arrival);
	/* An attempt of a step ended: a model's, or an effect's. May be NULL. */
	void (*stepped)(void *arg, const struct run *run, const struct step_view *step);
	/* A run ended. May be NULL. */
	void (*watch)(void *arg, const struct run *run);
	/* Decide anew what was decided before: streams are read from this store, for each
	 * event up to the version that past_version says (below 0: the newest), and
	 * nothing is appended. May be NULL. */
	struct store *past;
	int64_t (*past_version)(void *arg, const struct event *event,
	                        struct heed_str name);
	/* A run's events were appended to a stream. May be NULL. */
	void (*appended)(void *arg, const struct run *run);
	void *arg;
};

int engine_new(const struct engine_options *options, struct engine **ret_engine);
/* Nothing may be being written: see engine_drain, engine_abandon. Takes NULL. */
void engine_free(struct engine *engine);
/* React by these from now on, and by no others: all at once, or, with HEED_E_NOMEM, as
 * before. Runs keep the definition that they started with. Another failure is the
 * store's: which dead letters later events of their key are to wait for is not known. */
int engine_define(struct engine *engine, struct definition *const *definitions, size_t n,
                  struct heed_error *error);
/* Keep these budgets from now on (borrowed until the next call); before engine_start,
 * too. What was spent is read from the store; runs that wait go on as far as a limit is
 * higher now. HEED_E_NOMEM: as before; what the store says. */
int engine_set_budgets(struct engine *engine, const struct budget *budgets, size_t n,
                       struct heed_error *error);
/* Where they stand: for looking at (ledger_view). */
struct ledger *engine_ledger(const struct engine *engine);
/* Make a source known; its owner starts and stops it. */
int engine_attach(struct engine *engine, struct source *source);
/* Forget one that was stopped. */
void engine_detach(struct engine *engine, struct source *source);
/* What else a reload changes: bounds, how long what is over is kept (without it: for
 * ever), and what actions may use. `generation` is whose
 * memory the connections and the folder's name are; calls under way hold it. */
void engine_set_limits(struct engine *engine, const struct engine_limits *limits);
void engine_set_retention(struct engine *engine, const struct retention_rules *rules);
void engine_set_world(struct engine *engine, struct connection *connections,
                      size_t n_connections, struct heed_str folder,
                      struct generation *generation);
/* Load unfinished runs and go on with them, then let sources deliver. */
int engine_start(struct engine *engine, struct heed_error *error);
/* Take no more events, start no more runs; `done(arg)` when nothing is under way or the
 * bound is over. What is unfinished goes on at the next start. */
void engine_drain(struct engine *engine, loop_fn *done, void *arg);
/* Do not wait for what is under way: its calls are forgotten and nothing goes on. True
 * while something is still being written, which ends by itself: until then the engine may
 * not be freed. */
bool engine_abandon(struct engine *engine);
/* Nothing is ready, active or waiting for a commit (timers may be armed), and no redrive
 * is under way. */
bool engine_idle(const struct engine *engine);
/* All sources that come to an end by themselves have done so. */
bool engine_sources_ended(const struct engine *engine);
/* Runs for which a timer is set, and runs that only wait to try something again, not for
 * something from outside or a time. */
size_t engine_timed(const struct engine *engine);
size_t engine_waiting(const struct engine *engine);

/* Hand in an event that no source brought (send, admin). As source_deliver. */
int engine_send(struct engine *engine, const struct event *events, size_t n,
                source_done_fn *done, void *arg, int64_t *ret_retry_after_ms);
/* Tell a run something: the answer to the wait of that name, or one of its kind's signals
 * ("cancel"). `value` is copied; `done` (may be NULL) comes on a later turn, when it is
 * on disk (zero) or never will be (HEED_E_CANCELLED); not any more from engine_free.
 * HEED_E_NOTFOUND, HEED_E_CONFLICT: it isn't waiting for that; with words. */
typedef void engine_told_fn(void *arg, int code);
int engine_signal(struct engine *engine, int64_t run_id, struct heed_str name,
                  struct heed_json value, engine_told_fn *done, void *arg,
                  struct heed_error *error);
/* Dead letters and held runs: let them go on, mend, or drop them (redrive.h), as a job
 * for at most `total` runs. done(arg, code, job) comes on a later turn: zero and the
 * job's number once the job is on disk, to be gone on with after a crash. HEED_E_CONFIG
 * when the patch is no jq. */
typedef void engine_job_fn(void *arg, int code, int64_t job);
int engine_redrive(struct engine *engine, const struct redrive *what, int64_t total,
                   engine_job_fn *done, void *arg, struct heed_error *error);
/* End a job before its end; what it did stays. done as above. HEED_E_NOTFOUND: there is
 * none that is open. */
int engine_cancel_job(struct engine *engine, int64_t job, engine_job_fn *done, void *arg,
                      struct heed_error *error);
/* The signals that a run in memory waits for: at most `max` names, borrowed until it goes
 * on; how many. */
size_t
engine_awaited(struct engine *engine, int64_t run_id, struct heed_str *names, size_t max);
/* What a run in memory goes by; NULL when it is not there. */
const struct definition *engine_run_definition(struct engine *engine, int64_t run_id);

/* Begin a new run of the event of one that has ended, by the present definition, with a
 * part of its journal: the entries that are done and that `keeps` says. Its first entry
 * is a note FORK_NOTE with the value `note`; its effects have keys of their own. `done`
 * as of engine_signal. HEED_E_NOTFOUND, HEED_E_CONFLICT, with words. */
struct engine_fork {
	bool (*keeps)(void *arg, enum entry_kind kind, struct heed_str step, int n);
	void *arg;
	struct heed_json note;
};
int engine_fork(struct engine *engine, int64_t run_id, const struct engine_fork *fork,
                engine_told_fn *done, void *arg, int64_t *ret_run_id,
                struct heed_error *error);

/* The states of streams. */
struct streams *engine_streams(struct engine *engine);
/* The definition that new events meet, by the names of its flow and its own; NULL when
 * there is none. Borrowed; hold its generation across turns. */
const struct definition *
engine_definition(struct engine *engine, struct heed_str flow, struct heed_str name);

/* ---- what a watcher may read of a run ---------------------------------------------- */

struct run_view {
	int64_t id;
	const char *state;
	const char *flow; /* "reaction" */
	struct heed_str name;
	const struct event *event;
	struct heed_json answer; /* HEED_NULL when there is none */
	struct heed_str model;   /* label of what answered */
	struct heed_str class;   /* of the verdict; empty when done */
	struct heed_str text;
	int64_t input_tokens, output_tokens, cost_nano, elapsed_ms;
	size_t calls, effects;
};
void run_view(const struct run *run, struct run_view *ret_view);

/* One attempt of an effect. Borrowed from the run. */
struct effect_view {
	struct heed_str step;
	struct heed_str action;  /* "http"; empty when an earlier process made it */
	const char *state;       /* "done", "failed", "unknown" */
	struct heed_str request; /* JSON */
	struct heed_str detail;  /* why it failed */
};
typedef void effect_view_fn(void *arg, const struct effect_view *effect);
/* Call fn for each, in order. */
void run_view_effects(const struct run *run, effect_view_fn *fn, void *arg);

/* Where a run stands in its trace (trace.h). */
struct run_trace {
	char trace[33];
	char parent[17]; /* the span that caused it */
	char span[17];
	bool sampled; /* the sender's wish */
	int64_t created_us;
};
void run_view_trace(const struct run *run, struct run_trace *ret_trace);

/* One attempt of a step, of any kind. Borrowed from the run. */
struct step_view {
	enum entry_kind kind;
	struct heed_str step;
	int attempt;
	enum entry_state state;
	int64_t began_us, ended_us;
	char span[17];
	struct heed_str asked; /* asks: the model's name in the configuration */
	struct heed_str model; /* what answered, as its provider calls it */
	const struct model_usage *usage;
	int64_t cost_nano;
	int64_t uncertain_nano; /* what may have been billed besides: no reply came */
	struct heed_str
		action;      /* effects: "http"; empty when an earlier process made it */
	struct heed_str key; /* of an effect */
	struct heed_str class, detail;  /* of a failure */
	struct heed_str request, reply; /* JSON, as recorded */
};
typedef void step_view_fn(void *arg, const struct step_view *step);
/* Call fn for each, in order. */
void run_view_steps(const struct run *run, step_view_fn *fn, void *arg);

#endif
