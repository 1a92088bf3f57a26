/*
 * flow.h - what a pattern is made of: flows, their definitions, and the calls they make.
 *
 * A flow is a C function that reads straight down and has no effects of its own. It is
 *called again from its top whenever something that it waited for has arrived: a call
 *whose result the run's journal holds returns that result; the first one that it does not
 *hold becomes a command for the engine, and returns HEED_WAIT, which the flow returns
 *too.
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
#include "base/schema.h"
#include "base/template.h"
#include "config/option.h"
#include "engine/action.h"
#include "engine/event.h"
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

struct flow_kind {
	const char *name; /* "reaction" */
	int (*step)(struct run *run);
	/* Does this definition want an event of its types? Pure. */
	int (*wants)(const struct definition *definition, const struct event *event,
	             struct arena *scratch, bool *ret_wanted, struct heed_error *error);
	void (*free)(struct definition *definition);
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
	void *config; /* the kind's own */
	struct generation *generation;

	/* The engine's. */
	size_t refs; /* while there are any it holds its generation */
	struct map_node known;
	bool stored; /* is its text in the store? */
};

/* ---- what a flow may call
 * --------------------------------------------------------------- */

const struct definition *flow_definition(const struct run *run);
const struct event *flow_event(const struct run *run);
/* Memory that lives until the run leaves memory. */
struct arena *flow_arena(struct run *run);

/* Ask a model; the answer fits the schema. Failures: HEED_E_REFUSED, HEED_E_INVALID (also
 * after the repair), HEED_E_PERMANENT ..., each with the run's verdict filled in. */
int flow_ask(struct run *run, struct heed_str step, const struct ask *ask,
             struct heed_json input, struct heed_json *ret_answer);
/* Carry out an effect; *ret_result is what the action gave. */
int flow_act(struct run *run, const struct act *act, struct heed_json input,
             struct heed_json *ret_result);
/* Fail the run: it becomes a dead letter with this class and text. Returns `code`. */
int
flow_fail(struct run *run, int code, const char *class, const struct heed_error *error);

#endif
