/*
 * action.h - effects on the world, one kind a file in src/action.
 *
 * An action is prepared and performed. `prepare` is pure: from the run's input it makes
 * the request, a JSON value that is committed as the step's intent. `perform` carries a
 * committed request out and calls action_done once, on a later turn; it may run again
 * with the same key when the kind is keyed. An `instant` action has no perform: its
 * request is committed with the run (emit).
 */
#ifndef HEED_ENGINE_ACTION_H
#define HEED_ENGINE_ACTION_H

#include "base/arena.h"
#include "base/expr.h"
#include "config/option.h"
#include "heed.h"
#include "loop/http_client.h"
#include "loop/loop.h"

/* Promise 4: what may be done when it is not known whether an attempt happened. */
enum effect_class {
	EFFECT_KEYED,         /* again, with the same key */
	EFFECT_TRANSACTIONAL, /* it is part of the run's commit */
	EFFECT_UNKEYED,       /* nothing: ask the probe, or hold for a person */
	EFFECT_INSTANT,       /* the commit itself is the effect (emit) */
};

struct action;
struct action_call;
struct connection; /* action/connection.h */

struct action_kind {
	const char *name;
	const char *help;
	const struct option *options; /* offsets from the instance's start */
	size_t size;
	/* Names that its expressions see besides those of the flow when it has this
	 * option; may be NULL. */
	const char *const *roots;
	const char *roots_option;
	int (*check)(struct action *action, struct heed_error *error); /* may be NULL */
	enum effect_class (*effect)(const struct action *action);
	int (*prepare)(const struct action *action, struct heed_json input,
	               struct arena *arena, struct heed_json *ret_request,
	               struct heed_error *error);
	/* Start; never calls action_done from inside. A failure here is the attempt's
	 * failure. */
	int (*perform)(struct action *action, struct action_call *call,
	               struct heed_error *error);
	/* Stop what perform started; action_done must not be called afterwards. */
	void (*cancel)(struct action *action, struct action_call *call);
};

/* Begins every instance. */
struct action {
	const struct action_kind *kind;
	struct arena *arena; /* where it lives */
	bool secret;         /* something in it came from ${...} */
	/* Then the same with ${...} as written, of which `prepare` makes what is
	 * recorded; NULL: it cannot be made. */
	const struct action *record;
};

/* What the actions may use of the process; one for all, owned by the engine. */
struct action_world {
	struct loop *loop;
	struct http_client *http;
	struct connection *connections; /* of the `connections:` map */
	size_t n_connections;
	struct heed_str folder; /* of the configuration: relative paths start here */
	struct generation *generation; /* whose memory these are; may be NULL */
};

/* One attempt. Made and freed by the engine. */
struct action_call {
	const struct action *action;
	const struct action_world *world;
	struct heed_json request; /* as committed */
	struct heed_str key;   /* the effect's key: a UUID, the same on every attempt */
	struct heed_str trace; /* traceparent to pass on, or empty */
	int64_t timeout_ms;
	struct arena *arena;           /* lives until the call is freed */
	void *context;                 /* the kind's own */
	struct generation *generation; /* of the world it began in */
	void (*done)(void *arg, struct action_call *call, int code,
	             struct heed_json result, int64_t retry_after_ms,
	             const struct heed_error *error);
	void *arg;
};

/* It ended: code zero with a result that later steps see as `.result`, or
 * HEED_E_TRANSIENT, HEED_E_RATE (with a delay, -1 for none), HEED_E_TIMEOUT,
 * HEED_E_NETWORK, HEED_E_PERMANENT, HEED_E_UNKNOWN (it may have happened). `result` is
 * copied. */
void action_done(struct action_call *call, int code, struct heed_json result,
                 int64_t retry_after_ms, const struct heed_error *error);

/* All kinds of this build, NULL-terminated (src/action/kinds.c). */
extern const struct action_kind *const action_kinds[];

#endif
