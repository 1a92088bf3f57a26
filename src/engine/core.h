/*
 * core.h - the engine's own structs, shared by the files of src/engine and nobody else.
 *
 * A run in memory is in one state, and each state is a place:
 *
 *	  NEW --> READY ----------> ACTIVE <-------> WAITING (timer armed)
 *	          in its queue's    counted in        not counted
 *	          ready list, or    queue->active         |
 *	          in a lane           |    |              |
 *	                            DONE  DEAD, HELD <----'
 *	                            written, then freed
 *
 * run_set_state (run.c) makes every move. DONE, DEAD and HELD leave memory once they are
 * committed; a redrive writes a dead or held one as READY and loads it again.
 *
 * What a run has to write goes in a batch: one transaction with the run's rows, the
 * events that it emits, the runs that those start, and what these decide in their first
 * pass.
 */
#ifndef HEED_ENGINE_CORE_H
#define HEED_ENGINE_CORE_H

#include <sys/queue.h>

#include "base/map.h"
#include "engine/engine.h"
#include "engine/gauge.h"
#include "engine/ledger.h"
#include "model/model.h"
#include "store/store.h"

/* An event shared by the runs that it started. */
struct event_ref {
	size_t refs;
	size_t readers; /* that may look at event.root */
	struct arena texts;
	struct arena tree; /* of event.root, which may be gone (null) without readers */
	struct event event;
	/* It starts a run of this name and no other; NULL: of any. On `texts`. */
	const char *only_flow;
	struct heed_str only_name;
};

/* One attempt of one step: a row of the journal. */
struct entry {
	TAILQ_ENTRY(entry) link;
	struct run *run;
	int n; /* place in the journal, from 1 */
	enum entry_kind kind;
	enum entry_state state;
	struct heed_str step;
	int attempt;  /* of its step, from 1 */
	bool stored;  /* has a row */
	bool dirty;   /* the row is not what is here */
	bool writing; /* what is here is in a transaction under way */
	bool todo;    /* to be performed once committed */
	bool loaded;  /* from the store, and not looked at since */
	int64_t at_us, ended_us;
	int64_t due_us;        /* a failed one: when the next may start; 0: not decided */
	struct heed_str asked; /* the model's name in the configuration; empty: none */
	struct heed_str model; /* what answers, as its provider calls it */
	struct model_usage usage;
	int64_t cost_nano;
	int64_t reserved_nano;         /* as in store_entry */
	int hops;                      /* models that the budgets named instead */
	struct ledger_refusal refusal; /* the first to open of what stood in the way */
	int64_t refused_nano;
	struct heed_str class; /* of a failure */
	struct heed_str request;
	struct heed_str reply;
	struct heed_str detail;
	int code; /* of a failure in this process; 0 after a restart */
	int64_t retry_after_ms;

	/* asks */
	const struct ask *ask;
	struct model_question question;
	struct ticket *ticket;
	struct heed_json answer;
	enum { ANSWER_UNREAD, ANSWER_FITS, ANSWER_WRONG } reading;
	struct heed_str complaint;

	/* streams */
	struct stream_load *load;    /* under way */
	struct stream_state *folded; /* what was read */
	struct append_write *append; /* until it is on disk */

	/* effects */
	const struct act *act;
	struct action *action;  /* of the act, or its probe */
	struct heed_json value; /* the request, then the result */
	struct heed_str key;    /* of the effect, the same on every attempt */
	struct action_call *call;
	struct loop_timer timeout;

	/* waits */
	struct waiting *waiting; /* NULL until the flow has said what for */
};

TAILQ_HEAD(entry_list, entry);
TAILQ_HEAD(run_list, run);

/* Runs with the same key: one at a time, in order of their numbers. */
struct lane_of_key {
	struct map_node node;
	struct heed_str key;
	struct run *first; /* the one that may go on */
	struct run_list waiting;
	int64_t blockers; /* dead letters that the waiting ones wait for */
};

/* All runs of one name, whatever definition they started with. */
struct queue {
	struct map_node node;
	TAILQ_ENTRY(queue) all;
	TAILQ_ENTRY(queue) busy; /* of the engine, while any are ready */
	const char *flow;        /* name of its kind */
	struct heed_str name;
	int64_t concurrency;
	int64_t active;
	int64_t runs; /* in memory */
	struct run_list ready;
	struct map lanes;
	bool blocks;                /* on_failure of `current` */
	bool knows_blockers;        /* those in the store are in the lanes */
	struct definition *current; /* for new events; NULL: only old runs */
	struct queue_gauges gauges; /* while they are counted */
};
TAILQ_HEAD(queue_list, queue);

struct run {
	TAILQ_ENTRY(run) link;    /* ready list, lane or waiting list */
	TAILQ_ENTRY(run) batched; /* the batch that starts it */
	TAILQ_ENTRY(run) all;
	struct map_node by_id;
	struct engine *engine;
	int64_t id;
	struct definition *definition;
	struct queue *queue;
	struct event_ref *event;
	bool reads_event; /* it holds event->tree open */
	enum run_state state;
	struct arena arena;
	struct heed_str key;
	struct lane_of_key *lane;
	bool blocks; /* it is one of its lane's blockers */
	struct entry_list entries;
	int n_entries;
	int64_t created_us, due_us, started_ms;
	int redrives;
	struct loop_timer timer; /* WAITING: until due_us */
	struct account *held_by; /* a budget that this pass found spent, */
	int64_t held_until_us;   /* and when it opens */
	struct ledger_wait wait; /* WAITING for it, instead of due_us */
	struct loop_timer again; /* what could not be done is tried again */
	int troubles;            /* passes without memory, in a row */
	struct heed_str class;   /* of the verdict */
	struct heed_str text;
	struct heed_str at_step;     /* that the flow came to */
	enum run_state stored_state; /* in its row; RUN_NEW: it has none */
	bool dirty;                  /* more than the state is not what is in its row */
	bool writing;                /* its row is in a transaction under way */
	bool committing;             /* a batch that holds it is under way */
	bool advance;                /* a pass is due */
	size_t cause;                /* in a batch: the event that started it, from 1 */
	struct event_list {
		struct event_ref **items;
		size_t n, cap;
	} emitted;  /* not yet committed */
	void *keep; /* the flow's own: see flow_keep */
	struct {
		int code; /* 0: it goes on */
		const char *class, *text;
	} stop;           /* see flow_stop; of this pass */
	struct ack *acks; /* signals whose senders wait for the commit */
};

struct notice;
TAILQ_HEAD(notice_list, notice);

/* One transaction under way, and what follows when it is written. */
struct batch {
	struct engine *engine;
	struct store_tx *tx;
	struct run *run; /* whose commit it is; NULL: events from outside */
	struct batch_event {
		struct event_ref *event;
		size_t cause; /* the event whose run emitted it, from 1; 0: none here */
		int64_t came_us;
		size_t n_runs;        /* that it starts */
		bool appended;        /* it is put with others, */
		struct entry *append; /* as the first of them, by this */
	} * events;
	size_t n_events, cap_events;
	struct run_list runs;  /* that the events start */
	int passes;            /* that may still be made in it */
	struct source *source; /* events from outside: who brought them, or NULL */
	source_done_fn *done;
	void *arg;
};

/* One type of event that an entry waits for. */
struct wait_link {
	TAILQ_ENTRY(wait_link) link; /* bucket of engine->waits */
	struct waiting *waiting;
	struct heed_str type;
};

TAILQ_HEAD(wait_list, wait_link);
TAILQ_HEAD(waiting_list, waiting);

#define WAIT_BUCKETS 1024

struct engine {
	struct engine_options options;
	struct loop *loop;
	struct map definitions; /* that are used */
	struct map queues;      /* by flow and name */
	struct queue_list all_queues;
	struct queue_list busy;
	struct routes *routes;
	struct streams *streams;
	struct run_list all;
	struct map runs; /* by id */
	struct run_list waiting;
	int64_t unfinished; /* runs in memory */
	int64_t active;
	int64_t commits;  /* under way */
	int64_t troubled; /* runs that have something to try again */
	bool started, draining, paused;
	bool closing;       /* nothing goes on, what is being written ends */
	bool store_failing; /* told */
	struct loop_timer dispatch_timer;
	struct loop_timer care_timer;
	struct loop_timer drain_timer;
	loop_fn *drained;
	void *drained_arg;
	int64_t drain_until_ms;
	struct arena memory; /* lives as long as the engine */
	struct ledger *ledger;
	struct notice_list notices; /* being sent */
	struct source **sources;
	size_t n_sources, cap_sources;
	struct action_world world;
	struct retention *retention;
	TAILQ_HEAD(, redriving) redriving; /* jobs that are not done */
	bool redrive_step;                 /* one of theirs is under way */
	struct wait_list waits[WAIT_BUCKETS];
	struct waiting_list searching; /* among events that came before the wait */
	struct loop_timer search_timer;
};

/* ---- engine.c */
/* From now on the store is kept tidy. */
void engine_begin_care(struct engine *engine);

/* ---- run.c */
/* `id` is that of a stored one; 0: a new number. NULL without memory. */
struct run *run_new(struct engine *engine, struct definition *definition,
                    struct event_ref *event, int64_t id);
void run_free(struct run *run);
/* In memory; NULL when it is not. */
struct run *run_find(struct engine *engine, int64_t id);
/* What orders it; copied, and not onto the arena, of which a run that waits in a queue
 * has none. HEED_E_NOMEM. */
int run_set_key(struct run *run, struct heed_str key);
void run_set_state(struct run *run, enum run_state state);
/* Call the flow once; what it decided is here, not yet written. */
void run_pass(struct run *run);
/* A pass as soon as it may be, then write what it decided. */
void run_advance(struct run *run);
/* Write what is dirty; run_written follows. */
void run_commit(struct run *run);
/* The batch that held this run's rows ended: zero, or why nothing was written. */
void run_written(struct run *run, int code, const char *text);
/* Something arrived for an entry: record it and go on. */
void run_fact(struct run *run, struct entry *entry);
/* The same from inside another run's pass or a loop over runs: the pass comes on a later
 * turn, and through its queue when it waits. */
void run_wake(struct run *run, struct entry *entry);
void run_verdict(struct run *run, const char *class, const char *text);
/* Emit an event, to be committed with the run; without an id it has the step's, without
 * a source the application's. HEED_E_NOMEM, HEED_E_INVALID. */
int run_emit(struct run *run, const struct event_parts *parts, int32_t depth,
             struct heed_error *error);
/* It failed and is not to go on by itself: say so, and be a blocker if so configured. */
int run_failed(struct run *run, enum run_state state);
/* It is not to be: an event that was known already, or was not taken. */
void run_drop(struct run *run);
/* Keep the first `n_entries` of its journal and the first `n_emitted` of its events. */
void run_cut(struct run *run, int n_entries, size_t n_emitted);

/* ---- view.c */
/* The entry's attempt ended: tell who watches. */
void view_tell_step(const struct run *run, const struct entry *entry);

/* ---- event_ref.c */
/* A copy; its root may be left to be read later (null). NULL without memory. */
struct event_ref *event_ref_new(const struct event *event);
void event_unref(struct event_ref *event);
/* A reader of event.root more, and one fewer. HEED_E_NOMEM. */
int event_open(struct event_ref *event);
void event_close(struct event_ref *event);
/* event.root is there until event_rest. HEED_E_NOMEM. */
int event_show(struct event_ref *event);
/* Give up event.root when nobody reads it. */
void event_rest(struct event_ref *event);

/* ---- definition.c */
void definition_hold(struct engine *engine, struct definition *definition);
/* Takes NULL. */
void definition_drop(struct engine *engine, struct definition *definition);
/* The one that a stored run started with, held: one in use, or revived from its text. */
int definition_of_run(struct engine *engine, const struct store_run *row,
                      struct definition **ret_definition, struct heed_error *error);

/* ---- routes.c */
struct routes;
struct route_list {
	struct definition **items;
	size_t n;
};
/* Of definitions that outlive it. HEED_E_NOMEM. */
int
routes_new(struct definition *const *definitions, size_t n, struct routes **ret_routes);
void routes_free(struct routes *routes); /* takes NULL */
/* Those that may take the type. */
const struct route_list *routes_find(const struct routes *routes, struct heed_str type);
/* Is it one of the definition's types, or does a pattern of it fit? */
bool routes_take(const struct definition *definition, struct heed_str type);

/* ---- batch.c */
struct batch *batch_new(struct engine *engine, struct run *run);
/* Its runs are dropped. Takes NULL. */
void batch_discard(struct batch *batch);
/* Add an event, and in batch_write what it starts. */
int batch_add(struct batch *batch, struct event_ref *event, size_t cause);
/* Put all rows into the transaction. HEED_E_NOMEM. */
int batch_write(struct batch *batch);
/* The event's row; it gets its number. */
void batch_event_row(struct engine *engine, struct event_ref *event,
                     struct store_event *ret_row);
/* Hand it over. */
void batch_commit(struct batch *batch);

/* ---- journal.c */
struct entry *journal_add(struct run *run, enum entry_kind kind, struct heed_str step);
/* Has it anything to write? */
bool journal_is_dirty(const struct run *run);
/* Was a model really called, or will it be? */
bool journal_is_call(const struct entry *entry);
/* A statement on the store's own database that is to be done by the commit. */
bool journal_is_transactional(const struct entry *entry);
/* Put what is dirty of the run and its entries into `tx`. Statements on the store's own
 * database only when it is the run's own batch, for they can fail it. */
int journal_write(struct run *run, struct store_tx *tx, bool own);
/* What statements on the store's own database gave, as the store wrote it. */
void journal_results(struct run *run, const struct store_result *result);
/* The transaction is written, or it failed and all of it has to be written again. */
void journal_written(struct run *run, bool written);
/* The key of an effect: the same on every attempt, unique over all stores. */
struct heed_str journal_effect_key(struct run *run, struct heed_str step);
/* Does this entry say that what the step tried before it no longer counts? */
bool journal_marks(const struct entry *entry, struct heed_str step);
/* The newest entry of a kind and step, or NULL; one that failed before a mark of the step
 * no longer counts. */
struct entry *
journal_find(const struct run *run, enum entry_kind kind, struct heed_str step);

/* ---- queue.c */
/* By the flow's name ("reaction") and the definition's; NULL when there is none. */
struct queue *
queue_find(struct engine *engine, struct heed_str flow, struct heed_str name);
/* Of a definition; made when it is not there. NULL without memory. */
struct queue *queue_of(struct engine *engine, const struct definition *definition);
/* It has no runs. */
void queue_free(struct engine *engine, struct queue *queue);
/* Have its dead letters block their lanes, or let all go that waits for one. */
void queue_set_blocks(struct engine *engine, struct queue *queue, bool blocks);
/* Into and out of the ready list. */
void queue_push(struct run *run);
void queue_take(struct run *run);
/* Join the lane of its key; false when another run of it goes first. */
bool queue_join(struct run *run);
/* It ended. The run of its lane that may go on now, or NULL. */
struct run *queue_leave(struct run *run);
/* There is a dead letter of that key; and it is no longer one: the run that may go on
 * now, or NULL. */
void queue_block(struct queue *queue, struct heed_str key);
struct run *queue_unblock(struct queue *queue, struct heed_str key);

/* ---- dead_letter.c */
#define DEAD_LETTER_TYPE "heed.dead_letter"
/* The event that says that the run becomes `state`. HEED_E_NOMEM. */
int dead_letter_emit(struct run *run, enum run_state state);

/* ---- dispatch.c */
void dispatch_add(struct run *run); /* NEW into its queue or lane: READY */
/* It was added just now: may it begin in the transaction that brings it? */
bool dispatch_at_once(const struct run *run);
void dispatch_left(struct run *run); /* it ended: the next of its lane may go on */
/* A dead letter of that key is one no more: what waited for it may go on. */
void dispatch_unblock(struct engine *engine, struct queue *queue, struct heed_str key);
void dispatch_soon(struct engine *engine);
void dispatch_turn(void *engine); /* timer callback */

/* ---- ask.c, effect.c, emit.c */
/* 0, HEED_WAIT, SPEND_HELD, or a failure recorded in the entry */
int ask_admit(struct entry *entry);
void ask_perform(struct entry *entry);
void ask_cancel(struct entry *entry);
/* The run has ended: what was asked and not answered is recorded as cut off. */
void ask_give_up(struct run *run);
void effect_perform(struct entry *entry);
/* In a rehearsal: entry->value becomes what the stand-in gives. */
int effect_play(struct entry *entry, const struct action_call *call,
                struct heed_error *error);
void effect_cancel(struct entry *entry);
/* After a restart: what an intended effect means now. */
void effect_recover(struct entry *entry);
/* The event of an entry's request, or the events, join what the pass emits. */
int effect_emit(struct run *run, struct entry *entry);

/* ---- wait.c */
void wait_init(struct engine *engine);
void wait_done(struct engine *engine);
/* An event is committed: tell those who wait for it. */
void wait_event(struct engine *engine, struct event_ref *event);
/* Does the run wait for something from outside: an event, a person, a run, a time? */
bool wait_holds(const struct run *run);
/* An entry loaded from the store. HEED_E_NOMEM. */
int wait_recover(struct entry *entry);
/* It waits no more, or its run goes: no event will find it. */
void wait_forget(struct entry *entry);
/* What was waited for is here; `value` is copied. HEED_E_NOMEM: it is not told. */
int wait_take(struct entry *entry, struct heed_json value);

/* ---- signal.c */
/* The run was written, or (`code`) will never be: answer those who wait for that. */
void signal_written(struct run *run, int code);
/* Call done(arg, ...) then; `done` may be NULL. HEED_E_NOMEM. */
int
signal_await(struct run *run, const struct entry *entry, engine_told_fn *done, void *arg);

/* ---- fork.c */
/* Does its journal begin with a part of another's? */
bool journal_is_forked(const struct run *run);

/* ---- child.c */
/* A run has ended and is written: its parent is told, if it started it. */
void child_ended(const struct run *run);

/* ---- flow.c */
/* Nothing new may begin in this pass: the failure for `step`. */
int flow_stopped(struct run *run, struct heed_str step);

/* ---- recover.c */
struct recovery {
	struct engine *engine;
	struct run *run;         /* the last one that was loaded */
	struct heed_str patched; /* its event, when that was mended */
	struct heed_error *error;
};
/* Bring a stored run back into memory; it is RUN_NEW. HEED_E_NOTFOUND when its definition
 * cannot be revived. */
int recover_run(struct recovery *recovery, const struct store_run *row,
                const struct store_event *event);
/* Fill the lanes of queues that began to block with the dead letters of the store. */
int recover_blockers(struct engine *engine, struct heed_error *error);

/* ---- spend.c */
#define SPEND_HELD 2  /* a budget is spent: run->held_by, due_us */
#define SPEND_OTHER 3 /* another model is to be tried */
/* May *model be asked now? 0, with what the budgets want asked instead; SPEND_HELD;
 * HEED_E_LIMIT with words: never. */
int
spend_choose(struct entry *entry, const struct model **model, struct heed_error *error);
/* The ticket is admitted: reserve for its model. Otherwise the ticket is given back:
 * SPEND_OTHER, SPEND_HELD, HEED_E_LIMIT. */
int
spend_reserve(struct entry *entry, const struct model **model, struct heed_error *error);
/* Take usage and cost over from the reply. */
void spend_settle(struct entry *entry, const struct model_reply *reply);
/* The ask was given up: what was called stays spent, the rest is free again. */
void spend_drop(struct entry *entry);
/* The ledger's: make an event of it. */
void
notice_of_budget(void *engine, enum ledger_notice notice, const struct ledger_view *view);
void notices_free(struct engine *engine);
/* The run goes to WAITING: wait for the budget that this pass found spent, if any. True
 * when there is nothing else to wait for. */
bool spend_wait(struct run *run);

/* ---- append.c */
/* The events that the entry has yet to append, if any; borrowed. */
size_t append_events(const struct entry *entry, struct event_ref *const **ret_events);
int append_put(struct entry *entry, struct store_tx *tx);
/* Let go of what the entry holds; what it would append is dropped. */
void append_release(struct entry *entry);
/* The run's own batch ended. */
void append_settle(struct run *run, const struct store_result *result);
/* It ended with HEED_E_CONFLICT: what the run decided from its append on is undone. False
 * when the run appends nothing. */
bool append_conflict(struct run *run, const char *text);

/* ---- retry.c */
bool retry_class(int code);
int64_t retry_delay(const struct retry_policy *policy, int attempt,
                    int64_t retry_after_ms, uint64_t seed);
/* Decide about a failed attempt: HEED_WAIT (run->due_us is set), 0 (try again now), or
 * the failure's code: it is final. */
int retry_decide(struct run *run, struct entry *failed, const struct retry_policy *policy,
                 int tries);

/* ---- redrive.c */
/* Take up what is open in the store. */
int redrive_start(struct engine *engine, struct heed_error *error);
void redrive_free(struct engine *engine);

/* ---- inbox.c */
/* The key that orders the event (its root) among those of the definition, on `arena`;
 * empty: none. The expression's failures. */
int inbox_key(const struct definition *definition, struct heed_json event,
              struct arena *arena, struct heed_str *ret_key, struct heed_error *error);
/* Make the runs that `event` starts, and add them to `runs`; an error in a reaction's
 * condition makes one, too. HEED_E_NOMEM. */
int
inbox_make_runs(struct engine *engine, struct event_ref *event, struct run_list *runs);
void inbox_pressure(struct engine *engine);

#endif
