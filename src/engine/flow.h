/*
 * flow.h - what a pattern is made of: flows, their definitions, and the calls they make.
 *
 * A flow is a C function that reads straight down and has no effects of its own. It is
 * called again from its top whenever something that it waited for has arrived: a call
 * whose result the run's journal holds returns that result; the first one that it does
 * not hold becomes a command for the engine, and returns HEED_WAIT, which the flow
 * returns, too.
 *
 *	static int
 *	enrich(struct run *run)
 *	{
 *		HEED_TRY(flow_ask(run, HEED_STR("ask"), &question, input, &answer));
 *		HEED_TRY(flow_act(run, HEED_STR("then.1"), &update, input, &result));
 *		return flow_emit(run, HEED_STR("then.2"), parts);
 *	}
 *
 * Step names are unique within a flow and must not change between calls of the same run.
 */
#ifndef HEED_ENGINE_FLOW_H
#define HEED_ENGINE_FLOW_H

#include "base/generation.h"
#include "base/map.h"
#include "base/redact.h"
#include "base/schema.h"
#include "base/template.h"
#include "config/option.h"
#include "engine/action.h"
#include "engine/event.h"
#include "engine/streams.h"
#include "heed.h"
#include "model/model.h"

struct run;
struct definition;

/* How often and when to try again. Bound by retry_options. */
struct retry_policy {
	int64_t attempts; /* in all, at least 1 */
	int64_t delay_ms; /* before the second attempt; doubles */
	int64_t delay_max_ms;
};
extern const struct option retry_options[];

/* A question as configured. Bound by ask_options; `model` is resolved by name at each
 * use, so that a definition holds no pointers into another configuration. */
struct ask {
	struct heed_str model;
	struct heed_str name; /* of the answer, for the provider */
	struct template *system;
	struct template *prompt;
	struct schema *answer; /* NULL: free text, the answer is a string */
	int64_t max_tokens;    /* 0: the model's */
	double temperature;    /* below 0: the model's */
	bool repair;           /* ask once more when the answer does not fit */
	struct retry_policy retry;
	struct redact_rules redact; /* beside the configuration's own */
	/* What no schema can say: zero, or HEED_E_INVALID with words on `arena` for the
	 * model. NULL: nothing. Pure. */
	int (*check)(const struct ask *ask, struct heed_json answer, struct arena *arena,
	             struct heed_str *ret_complaint);
};
extern const struct option ask_options[];

/* An effect as configured: one action with its conditions. */
struct act {
	struct heed_str step; /* name of the step */
	struct expr *condition;
	struct action *action;
	struct action *probe;    /* did it happen? NULL: a person must say */
	struct expr *probe_done; /* truth over the probe's {result, event ...} */
	struct retry_policy retry;
	int64_t timeout_ms;
};

/* What a flow waits for: an event of one of these types, or a signal. `types` and `match`
 * live as long as the definition. */
struct wait {
	struct option_texts types; /* of events; none: no event ends it */
	struct heed_str subject;   /* of the event; empty: any */
	struct expr *match;        /* over the input with .event; NULL: any */
	bool signal;               /* engine_signal with the step's name ends it, too */
	int64_t timeout_ms;        /* 0: for ever */
};

struct flow_kind {
	const char *name; /* "reaction" */
	int (*step)(struct run *run);
	/* Does this definition want an event of its types? Pure. */
	int (*wants)(const struct definition *definition, const struct event *event,
	             struct arena *scratch, bool *ret_wanted, struct heed_error *error);
	void (*free)(struct definition *definition);
	/* What engine_signal may tell a run at any time, NULL-terminated; NULL: nothing.
	 */
	const char *const *signals;
	/* May a redriven run whose journal names this step go on by this newer
	 * definition? NULL: always. */
	bool (*knows)(const struct definition *definition, struct heed_str step);
};

/* What runs of the same key do while one is a dead letter or held: its definition's
 * `on_failure:`, one of flow_on_failure_names. */
enum flow_on_failure { FLOW_PASS, FLOW_BLOCK };
extern const char *const flow_on_failure_names[];
#define FLOW_ON_FAILURE_HELP                                                             \
	"while a run of a key is a dead letter, later events of the key pass it, or "    \
	"wait "                                                                          \
	"(block) until it is redriven or dropped"

/* One reaction (entity, saga ...) as it was configured at one time; memory of its
 * generation. Runs keep the one that they started with; its text is kept in the store
 * under its hash. */
struct definition {
	const struct flow_kind *kind;
	struct heed_str name;
	struct heed_str hash; /* hex */
	struct heed_str text; /* JSON, ${...} as written */
	/* Event types; a trailing * matches any rest. None: every event is shown to
	 * `wants`. */
	const struct heed_str *types;
	size_t n_types;
	struct expr *key; /* order; NULL for none */
	int on_failure;   /* enum flow_on_failure, of later runs with the same key */
	int64_t concurrency;
	int64_t cost_max_nano; /* what the questions of a run may cost; 0: no bound */
	void *config;          /* the kind's own */
	struct generation *generation;

	/* The engine's. */
	size_t refs; /* while there are any it holds its generation */
	struct map_node known;
	bool stored; /* is its text in the store? */
};

/* ---- what a flow may call ---------------------------------------------------------- */

const struct definition *flow_definition(const struct run *run);
const struct event *flow_event(const struct run *run);
/* Memory that lives until the run leaves memory. */
struct arena *flow_arena(struct run *run);

/* Ask a model; the answer fits the schema. Failures: HEED_E_REFUSED, HEED_E_INVALID (also
 * after the repair), HEED_E_PERMANENT ..., each with the run's verdict filled in. */
int flow_ask(struct run *run, struct heed_str step, const struct ask *ask,
             struct heed_json input, struct heed_json *ret_answer);
/* What a step that asks came to, over all its attempts so far. Hashes are of the prompt
 * and the answer as recorded, in hex; empty without an answer that fits. */
struct asked {
	struct heed_str model;
	struct heed_str prompt_hash, answer_hash;
	int64_t input_tokens, output_tokens, cost_nano;
	struct heed_str complaint; /* what was wrong with the last answer that did not */
};
/* HEED_E_NOMEM. */
int flow_asked(struct run *run, struct heed_str step, struct asked *ret_asked);
/* Carry out an effect; *ret_result is what the action gave. */
int flow_act(struct run *run, const struct act *act, struct heed_json input,
             struct heed_json *ret_result);
/* Publish an event, in the run's own commit. Its id follows from run and step; source
 * and trace are filled in. */
int flow_emit(struct run *run, struct heed_str step, struct heed_str type,
              struct heed_str subject, struct heed_json data);

/* Wait for an event or a signal; *ret_fact is the whole event, or the signal's value. An
 * event counts from the one on that started the run. `input` is what `match` sees; it
 * lives as long as the run. HEED_E_TIMEOUT. */
int flow_wait(struct run *run, struct heed_str step, const struct wait *wait,
              struct heed_json input, struct heed_json *ret_fact);
/* Wait so long from the first call on, over restarts. */
int flow_sleep(struct run *run, struct heed_str step, int64_t ms);
/* Start a run of the current definition `name` of the flow kind `flow` with an event of
 * this data, and wait for its end; *ret_result is what it noted as "result". It fails
 * with the class "child" when the run did not end well. When the flow is stopped, the
 * other run gets the signal "cancel" and is waited for. */
int flow_start(struct run *run, struct heed_str step, const char *flow,
               struct heed_str name, struct heed_json data, struct heed_json *ret_result);
/* An address at which `who` may answer the signal of this name, within so long (0: for
 * ever); empty when there is none. */
struct heed_str flow_link(struct run *run, struct heed_str signal, struct heed_str who,
                          int64_t within_ms);
/* Did a person say this (engine_signal, one of the kind's signals)? */
bool flow_hear(const struct run *run, const char *signal, struct heed_json *ret_value);

/* Call branch(run, arg, i) for each i below n, at most `bound` of them open at once. When
 * one fails, the others begin nothing new; its failure is returned once no branch is in
 * flight. Branches use steps of their own. */
typedef int flow_branch_fn(struct run *run, void *arg, size_t i);
int flow_parallel(struct run *run, struct heed_str step, size_t n, size_t bound,
                  flow_branch_fn *branch, void *arg);

/* Write something down; the first value under a name stays. */
int flow_note(struct run *run, struct heed_str name, struct heed_json value);
/* A run that was forked off another begins with a note of this name. */
#define FORK_NOTE "fork"
/* What was written down, or NULL. */
const struct heed_json *flow_noted(const struct run *run, struct heed_str name);
/* What the step tried so far no longer counts: its next call begins anew, with the same
 * key unless it was refused for good. */
int flow_retry(struct run *run, struct heed_str step);
/* A step that the journal holds and that `knows` denies; empty when there is none. */
struct heed_str
flow_stray(const struct run *run, bool (*knows)(const void *arg, struct heed_str step),
           const void *arg);
/* How often it began anew by flow_retry, and that or by a redrive. */
int flow_retries(const struct run *run, struct heed_str step);
int flow_rounds(const struct run *run, struct heed_str step);
/* Where the journal first names a step, from 1; 0: it was not begun. */
int flow_place(const struct run *run, struct heed_str step);
/* Did a person say, after it was tried in vain, that it was done by hand (a redrive as
 * "done")? */
bool flow_waived(const struct run *run, struct heed_str step);
/* For the rest of this pass nothing new begins: calls return what the journal holds, or
 * HEED_WAIT for what is in flight, or fail with `class`; waits end. flow_go_on takes it
 * back. `class` and `text` are literals. */
void flow_stop(struct run *run, int code, const char *class, const char *text);
void flow_go_on(struct run *run);
/* Milliseconds since the run was created. Note what follows from it. */
int64_t flow_age_ms(const struct run *run);
/* Come back at this age at the latest. */
void flow_alarm(struct run *run, int64_t age_ms);
/* What the run's questions cost so far, in nano US dollars. */
int64_t flow_spent(const struct run *run);
int64_t flow_run_id(const struct run *run);
/* A place for what the flow worked out from its journal, so that the next pass need not;
 * NULL at first and after a restart. */
void **flow_keep(struct run *run);

/* A step's failure that does not end the run. */
struct flow_failure {
	int code;
	struct heed_str class;
	struct heed_str text;
};
/* Take the verdict that came with `code` off the run. */
void flow_catch(struct run *run, int code, struct flow_failure *ret_failure);
/* Fail the run: it becomes a dead letter with this class and text. Returns `code`. */
int
flow_fail(struct run *run, int code, const char *class, const struct heed_error *error);

/* ---- streams */

/* The state of a stream: the newest when the step is reached first, and the same one
 * whenever the flow comes here again. It lives as long as the run. A stream that cannot
 * be folded fails the run with class "state". */
int flow_load(struct run *run, struct heed_str step, struct heed_str stream,
              const struct stream_fold *fold, const struct stream_state **ret_state);

struct append {
	const struct stream_state *before; /* what it is appended to; by its version */
	const struct stream_fold *fold;
	const struct event_parts *events; /* type, subject, data, extensions of each */
	size_t n;                         /* at least one */
	int64_t time_us;                  /* of the events */
};
/* When the step was reached first; 0: it was not. */
int64_t flow_time_us(const struct run *run, struct heed_str step);
/* The nth event (from 0) of an append as it will be; pure. HEED_E_INVALID. */
int
flow_event_to_append(struct run *run, struct heed_str step, const struct append *append,
                     size_t n, struct event *ret_event, struct heed_error *error);
/* Append to a stream. Zero at once: what the flow decides behind it is committed with it.
 * If another appended first, none of that was, and the flow comes again and gets
 * HEED_E_CONFLICT here (the run has not failed by it). The events carry `stream`,
 * `version` and `causationid` (this run's event). */
int flow_append(struct run *run, struct heed_str step, const struct append *append);
bool flow_has_appended(const struct run *run, struct heed_str step);

#endif
