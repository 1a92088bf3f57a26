/*
 * saga.h - sagas, for the files src/pattern/saga*.c and nobody else.
 *
 *	saga_options.c, saga_step_options.c  what can be configured
 *	saga_bind.c     from a configuration to a definition; what only the whole can tell
 *	saga.c          the flow: forward, then complete, compensate or fail
 *	saga_step.c     one execution of one step, whatever its kind
 *	saga_human.c    the step that asks a person
 *	saga_guide.c    which step is next, by a model
 *	saga_recover.c  a step failed: again, back, or the end
 *	saga_undo.c     the way back
 *	saga_form.c     questions to models, with the choices that they offer
 *	saga_tell.c     the events of a saga
 *
 * A saga is a run. Its journal holds what the guide answered, what the steps did and what
 * people said; the saga's data is worked out from that, never stored. An *execution* is
 * one time that a step is carried out: "charge_card", and when it is repeatable
 * "charge_card.2" and so on. Its name is the name of what it journals; "NAME.undo",
 * "NAME.recover.1" and the like are derived from it.
 *
 *	forward --> done ........................... saga.completed
 *	   |  failure, cancel, deadline, bound
 *	   |-- retry: the same step again
 *	   |-- compensate: undo in reverse ......... saga.compensated
 *	   |                  '-- an undo fails .... saga.stuck: held for a person
 *	   '-- fail ................................ saga.failed: a dead letter
 */
#ifndef HEED_PATTERN_SAGA_H
#define HEED_PATTERN_SAGA_H

#include <sys/queue.h>

#include "config/bind.h"
#include "engine/flow.h"

#define SAGA_STEPS_MAX 64

/* ---- as configured ----------------------------------------------------------------- */

enum saga_recovery { RECOVER_COMPENSATE, RECOVER_RETRY, RECOVER_FAIL };
extern const char *const saga_recovery_names[];

enum saga_undo_when { UNDO_COMPLETED, UNDO_ATTEMPTED };
enum saga_on_reject { REJECT_COMPENSATE, REJECT_CONTINUE, REJECT_FAIL };
enum saga_on_timeout { LATE_FAIL, LATE_APPROVE, LATE_REJECT };

struct saga_wait {
	struct option_texts types;
	struct template *subject;
	struct expr *match;
	int64_t timeout_ms;
};

struct saga_escalate {
	int64_t after_ms; /* 0: never */
	struct option_texts recipients;
};

struct saga_human {
	struct option_texts recipients;
	struct template *question;
	struct shape *show;
	struct schema *edit;
	int64_t timeout_ms;
	int on_timeout; /* enum saga_on_timeout */
	int on_reject;  /* enum saga_on_reject */
	struct saga_escalate escalate;
};

struct saga_start {
	struct heed_str saga;
	struct shape *data;
};

/* A branch is one step, or steps one after the other. */
struct saga_branch {
	const struct saga_step **steps;
	size_t n;
};

struct saga_parallel {
	struct option_texts *names; /* of each branch's steps */
	struct saga_branch *branches;
	size_t n; /* 0: it is not this kind of step */
	int64_t at_once;
};

/* Expressions that all have to hold. */
struct saga_require {
	struct expr **items;
	size_t n;
};

struct saga_step {
	struct heed_str name; /* first: it is an element of a map */
	struct heed_str about;
	struct schema *input;
	struct shape *with;
	struct option_texts after;
	struct saga_require require;
	bool repeatable;
	struct retry_policy retry;
	int64_t timeout_ms;
	struct expr *set;
	int undo_when; /* enum saga_undo_when */

	/* One of these. */
	struct act *act;
	struct ask *ask;
	struct saga_wait *wait;
	int64_t sleep_ms;
	struct saga_human *human;
	struct saga_start *start;
	struct saga_parallel parallel;

	struct act *undo;
	bool undo_reads_result;
	int at;              /* its place among the saga's steps */
	uint64_t after_mask; /* of places */
	bool in_branch;      /* part of a parallel step: not taken by itself */
};

struct saga_guide {
	struct heed_str model;
	struct template *system;
	struct template *prompt;
	int64_t max_tokens;
	double temperature;
	struct retry_policy retry;
	int64_t max_steps;
	int64_t max_cost_nano;
	int64_t deadline_ms;
	int64_t max_repeats;
};

struct saga_recover {
	int policy; /* enum saga_recovery */
	int64_t retries;
	struct heed_str model;
	bool may[RECOVER_FAIL + 1]; /* what the model may choose */
	struct template *system;
	struct template *prompt;
	int64_t max_tokens;
	double temperature;
	struct retry_policy retry;
};

/* A question with the choices that it offers, made on first use and kept. */
struct saga_form {
	struct ask ask; /* first: its check gets it */
	struct saga_form *next;
	uint64_t offers; /* places of steps; of a recovery: of enum saga_recovery */
	bool complete;
	const struct saga *saga;
};

struct saga {
	struct heed_str name;
	struct heed_str about;
	struct option_texts start_on;
	struct expr *when;
	struct expr *key;
	int on_failure;
	int64_t concurrency;
	struct shape *data;
	struct option_list steps; /* struct saga_step */
	struct option_texts order;
	const struct saga_step **in_order;
	size_t n_in_order;
	struct expr *complete_when;
	int64_t deadline_ms;
	int64_t max_cost_nano;
	struct saga_guide *guide; /* NULL: in order */
	struct saga_recover *recover;
	struct bind *bind; /* owns what forms need beyond the arena */
	struct saga_form *guide_forms;
	struct saga_form *recover_forms;
};

extern const struct option saga_step_options[];
extern const struct flow_kind saga_flow;

/* Bind where expressions may read `roots`. */
int saga_bind_record(struct bind *bind, const struct conf_node *node,
                     const struct option *rows, const char *const *roots, void *target);
int saga_bind_value(struct bind *bind, const struct conf_node *node,
                    const struct option *row, const char *const *roots, void *field);
/* `node` NULL: the defaults. */
int saga_bind_recover(struct bind *bind, const struct conf_node *node, void *field);

static inline struct saga_step *
saga_step_at(const struct saga *saga, size_t i)
{
	return (struct saga_step *)saga->steps.items + i;
}

/* The question which of these steps is next, or whether it is complete; and the question
 * which of these recoveries it is to be. NULL without memory. */
const struct ask *saga_guide_form(struct saga *saga, uint64_t offers, bool complete);
const struct ask *saga_recover_form(struct saga *saga, uint64_t choices);

/* By name, or NULL. */
struct saga_step *saga_find_step(const struct saga *saga, struct heed_str name);
/* The built-in prompts, for those who configure none. */
extern const char saga_guide_system[], saga_guide_prompt[];
extern const char saga_recover_system[], saga_recover_prompt[];

/* ---- as it runs -------------------------------------------------------------------- */

/* One execution of a step. Kept over passes; made again from the journal after a restart.
 */
struct saga_exec {
	TAILQ_ENTRY(saga_exec) link;
	const struct saga_step *step;
	struct heed_str name;
	struct heed_json input;
	struct heed_json view; /* what the step's expressions see */
	struct heed_json result;
	struct heed_json set; /* what it added to the data; null: nothing */
	bool has_input;       /* the guide gave it */
	bool ready;           /* input and view are made */
	bool acted;           /* its effect is there: it is to be undone */
	bool done;
	struct flow_failure failure; /* the last one; code 0: none */
	struct act act, undo;        /* the step's, under this execution's name */
	struct heed_str subject;     /* wait_for: of the event */
	struct heed_json payload;    /* start: the data */
	struct saga_lane *lanes;     /* parallel: one for each branch */
};
TAILQ_HEAD(saga_execs, saga_exec);

/* A branch under way. It sees the data as it was before, and what it added itself; so
 * what it does does not depend on which branch is faster. */
struct saga_lane {
	struct saga_exec *current;
	size_t at;
	struct heed_json data, added;
};

/* How it ends, when it is not by completing. */
enum saga_ending { SAGA_GOES_ON, SAGA_COMPENSATES, SAGA_FAILS };

struct saga_pass {
	struct run *run;
	struct saga *saga;
	struct arena *arena; /* the run's */
	struct heed_json data;
	struct saga_execs execs; /* in order of beginning */
	size_t n_execs;
	int times[SAGA_STEPS_MAX]; /* begun */
	uint64_t completed;        /* places of steps */
	size_t at;                 /* in the order, or turn of the guide */
	struct saga_exec *current;
	struct heed_json guide_input; /* of this turn; null: not made yet */
	bool cancelled;               /* by a person: also when all is done */
	enum saga_ending ending;
	struct flow_failure why; /* of the ending */
};

/* The saga ends so. Returns a failure for those above to pass on. */
int saga_turn(struct saga_pass *pass, enum saga_ending ending,
              const struct flow_failure *why);
/* The same with words of its own. */
int saga_turn_with(struct saga_pass *pass, enum saga_ending ending, const char *class,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Is it a failure that a step's recovery can do something about? */
bool saga_is_failure(const struct saga_pass *pass, int code);

/* What expressions see: .event, .data, and where they are not NULL .input, .result. */
int saga_view(struct saga_pass *pass, const struct heed_json *input,
              const struct heed_json *result, struct heed_json *ret_view);
/* `object` with the members of `more`. */
int saga_merge(struct arena *arena, struct heed_json object, struct heed_json more,
               struct heed_json *ret_merged);
/* BASE.suffix on the run's arena; {NULL, 0} without memory. */
struct heed_str
saga_name(struct saga_pass *pass, struct heed_str base, const char *suffix);

/* Do the step's `require` expressions hold? Fails as a flow does. */
int saga_required(struct saga_pass *pass, const struct saga_step *step, bool *ret_holds);
/* Begin an execution; `input` NULL: `with`, or the data. HEED_E_NOMEM. */
int saga_begin(struct saga_pass *pass, const struct saga_step *step,
               const struct heed_json *input, struct saga_exec **ret_exec);
/* Carry it out to its end, recovery included. A failure: see pass->ending; without one it
 * is the run's. */
int saga_execute(struct saga_pass *pass, struct saga_exec *exec);
/* Ask a person, as flow calls do; *ret_result is the decision. */
int saga_ask_human(struct saga_pass *pass, struct saga_exec *exec,
                   struct heed_json *ret_result);

/* The next step: pass->current is set, or *ret_complete. */
int saga_guide(struct saga_pass *pass, bool *ret_complete);
/* What was done so far, for prompts. */
int saga_history(struct saga_pass *pass, struct heed_json *ret_history);

/* A step (or the guide's question) `name` failed: zero, it is to be tried again; or the
 * saga turns. */
int saga_recover_from(struct saga_pass *pass, struct heed_str name,
                      const struct flow_failure *failure);
/* Undo what was done, in reverse, and end. */
int saga_compensate(struct saga_pass *pass);

/* Publish saga.WHAT as step `step`, with the data and, where they are not NULL, the
 * execution and the reason. */
int saga_tell(struct saga_pass *pass, struct heed_str step, const char *what,
              const struct saga_exec *exec, const struct flow_failure *why);
/* The same once in each life of the saga: again after a redrive. */
int
saga_tell_end(struct saga_pass *pass, const char *what, const struct flow_failure *why);

#endif
