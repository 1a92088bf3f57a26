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
 * committed; engine_redrive loads a dead or held one again as READY.
 */
#ifndef HEED_ENGINE_CORE_H
#define HEED_ENGINE_CORE_H

#include <sys/queue.h>

#include "engine/engine.h"
#include "model/model.h"
#include "store/store.h"

/* An event shared by the runs that it started. */
struct event_ref {
	size_t refs;
	struct arena arena;
	struct event event;
};

/* One attempt of one step: a row of the journal. */
struct entry {
	TAILQ_ENTRY(entry) link;
	struct run *run;
	int n; /* place in the journal, from 1 */
	enum entry_kind kind;
	enum entry_state state;
	struct heed_str step;
	int attempt; /* of its step, from 1 */
	bool stored; /* has a row */
	bool dirty;  /* the row is not what is here */
	bool todo;   /* to be performed once committed */
	int64_t at_us, ended_us;
	int64_t due_us; /* a failed one: when the next may start; 0: not decided */
	struct heed_str model;
	struct model_usage usage;
	int64_t cost_nano;
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

	/* effects */
	const struct act *act;
	struct action *action;  /* of the act, or its probe */
	struct heed_json value; /* the request, then the result */
	struct action_call *call;
	struct loop_timer timeout;
};

TAILQ_HEAD(entry_list, entry);
TAILQ_HEAD(run_list, run);

/* Runs with the same key: one at a time. */
struct lane_of_key {
	struct lane_of_key *next;
	struct heed_str key; /* of the lane's first run; copied */
	struct run *first;   /* the one that may go on */
	struct run_list waiting;
};

#define QUEUE_BUCKETS 1024

/* All runs of one name, whatever definition they started with. */
struct queue {
	struct queue *next;
	const char *flow; /* name of its kind */
	struct heed_str name;
	int64_t concurrency;
	int64_t active;
	struct run_list ready;
	struct lane_of_key *lanes[QUEUE_BUCKETS];
	struct definition *current; /* for new events; NULL: only old runs */
};

struct run {
	TAILQ_ENTRY(run) link; /* ready list, lane or waiting list */
	TAILQ_ENTRY(run) all;
	struct engine *engine;
	int64_t id;
	struct definition *definition;
	struct queue *queue;
	struct event_ref *event;
	enum run_state state;
	struct arena arena;
	struct heed_str key;
	struct lane_of_key *lane;
	struct entry_list entries;
	int n_entries;
	int64_t created_us, due_us, started_ms;
	int redrives;
	struct loop_timer timer;
	struct heed_str class; /* of the verdict */
	struct heed_str text;
	struct heed_str at_step;
	bool stored;     /* has a row */
	bool dirty;      /* state, due or verdict changed */
	bool committing; /* a transaction of it is under way */
	bool again;      /* and another is due after it */
	bool advance;    /* the flow goes on after the commit */
	struct event_list {
		struct event_ref **items;
		size_t n, cap;
	} emitted; /* not yet committed */
};

struct engine {
	struct engine_options options;
	struct loop *loop;
	struct queue *queues;
	struct run_list all;
	struct run_list waiting;
	int64_t unfinished; /* runs in memory */
	int64_t active;
	int64_t commits; /* under way */
	bool started, draining, paused;
	struct loop_timer dispatch_timer;
	struct loop_timer drain_timer;
	loop_fn *drained;
	void *drained_arg;
	int64_t drain_until_ms;
	struct arena memory; /* lives as long as the engine */
	struct source **sources;
	size_t n_sources, cap_sources, n_ended;
	struct action_world world;
};

/* ---- run.c */
struct run *
run_new(struct engine *engine, struct definition *definition, struct event_ref *event);
void run_free(struct run *run);
void run_set_state(struct run *run, enum run_state state);
/* Call the flow, then see to what it asked for. */
void run_advance(struct run *run);
/* Write what changed; `done` parts follow in run_committed. */
void run_commit(struct run *run);
/* A transaction that held this run's rows ended. */
void run_committed(struct run *run, int code, const char *text);
/* Something arrived for an entry: record it and go on. */
void run_fact(struct run *run, struct entry *entry);
void run_verdict(struct run *run, const char *class, const char *text);
struct event_ref *event_ref_new(const struct event *event);
void event_unref(struct event_ref *event);
void definition_unref(struct definition *definition);

/* ---- journal.c */
struct entry *journal_add(struct run *run, enum entry_kind kind, struct heed_str step);
/* Put the run and its dirty entries into `tx`; marks them clean. */
int journal_write(struct run *run, struct store_tx *tx);
/* Everything has to be written again: the transaction failed. */
void journal_unwrite(struct run *run);
/* The key of an effect: the same on every attempt, unique over all stores. */
struct heed_str journal_effect_key(struct run *run, struct heed_str step);

/* ---- dispatch.c */
/* By the flow's name ("reaction") and the definition's; NULL when there is none. */
struct queue *
queue_find(struct engine *engine, struct heed_str flow, struct heed_str name);
/* Of a definition; made when it is not there. NULL without memory. */
struct queue *queue_of(struct engine *engine, const struct definition *definition);
void queue_free(struct queue *queue);
void dispatch_add(struct run *run);  /* NEW into its queue or lane: READY */
void dispatch_left(struct run *run); /* it ended: the next of its lane may go on */
void dispatch_soon(struct engine *engine);
void dispatch_turn(void *engine); /* timer callback */

/* ---- ask.c, effect.c */
int ask_admit(struct entry *entry); /* 0, HEED_WAIT, or a failure recorded in the entry */
void ask_perform(struct entry *entry);
void ask_cancel(struct entry *entry);
void effect_perform(struct entry *entry);
void effect_cancel(struct entry *entry);
/* After a restart: what an intended effect means now. */
void effect_recover(struct entry *entry);

/* ---- retry.c */
bool retry_class(int code);
int64_t retry_delay(const struct retry_policy *policy, int attempt,
                    int64_t retry_after_ms, uint64_t seed);
/* Decide about a failed attempt: HEED_WAIT (run->due_us is set), 0 (try again now), or
 * the failure's code: it is final. */
int retry_decide(struct run *run, struct entry *failed, const struct retry_policy *policy,
                 int tries);

/* ---- inbox.c */
/* Make the runs that `event` starts and put it with them into `tx`; they are added to
 * `runs`. */
int inbox_route(struct engine *engine, struct store_tx *tx, struct event_ref *event,
                struct run_list *runs);
void inbox_pressure(struct engine *engine);

#endif
