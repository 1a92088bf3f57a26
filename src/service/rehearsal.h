/*
 * rehearsal.h - a configuration at work without the world: a store in memory, answers from
 * a script, effects noted instead of carried out, and a clock that jumps from timer to
 * timer. `heed test` and `heed whatif` are made of it.
 *
 *	rehearsal_new -> rehearsal_send ... -> rehearsal_settle -> rehearsal_outcome -> free
 *
 * Everything else is the real thing: routing, prompts, reading, repairs, retries, order,
 * budgets, follow-up events.
 */
#ifndef HEED_SERVICE_REHEARSAL_H
#define HEED_SERVICE_REHEARSAL_H

#include "config/app.h"
#include "engine/action.h"
#include "engine/event.h"
#include "model/model.h"

struct rehearsal;

/* Who plays the world. */
struct rehearsal_script {
	/* Answer a question: fill *reply (zeroed) on `arena` and return true; false
	 * leaves it to the provider when `call` is set or the model is rules, and is
	 * otherwise an answer that says so. May be NULL. */
	bool (*answer)(void *arg, const struct model *model,
	               const struct model_question *question, struct arena *arena,
	               struct model_reply *reply);
	/* What an effect gives: zero with *ret_result (preset to null), or the failure's
	 * code with words. May be NULL: all succeed with null. */
	int (*perform)(void *arg, const char *kind, struct heed_json request,
	               struct arena *arena, struct heed_json *ret_result,
	               struct heed_error *error);
	void *arg;
	bool call;            /* really ask providers; time is then real, too */
	bool alone;           /* emitted events start no further runs */
	struct heed_str only; /* the definitions of this name; empty: all */
	struct heed_str flow; /* and of this kind; empty: any */
	struct heed_str
		model; /* asked in place of every other; empty: those configured */
	/* Streams as they were: read from this store, up to the version that an event's
	 * run found then; nothing is appended. NULL: those of the rehearsal itself. */
	struct store *past;
	int64_t (*past_version)(void *arg, const struct event *event,
	                        struct heed_str name);
	int64_t wall_us; /* where the clock starts; 0: at 2026-01-01T00:00:00Z */
};

/* `app` is loaded and borrowed; several may use it one after the other. HEED_E_NOMEM ...
 */
int rehearsal_new(struct app *app, const struct rehearsal_script *script,
                  struct rehearsal **ret_rehearsal, struct heed_error *error);
/* Takes NULL. */
void rehearsal_free(struct rehearsal *rehearsal);
/* Hand in an event in JSON format; a missing id, source or specversion is filled in.
 * HEED_E_INVALID names the attribute. */
int rehearsal_send(struct rehearsal *rehearsal, struct heed_json event,
                   struct heed_error *error);
/* Go on until nothing is left to do, or `limit_ms` of its time are over (runs that wait
 * longer stay as they are). */
void rehearsal_settle(struct rehearsal *rehearsal, int64_t limit_ms);
/* What came of it, on `arena`:
 *	{answer: of the first run that has one,
 *	 runs: [{id, flow, name, state, class, text, event, answer}],
 *	 events: [the events that runs emitted],
 *	 calls: [{run, step, model, system, prompt, reply, said: {text, input, output},
 *	          class, tokens, cost}],
 *	 effects: [{kind, request, result | error}],
 *	 cost: US dollars} */
int rehearsal_outcome(struct rehearsal *rehearsal, struct arena *arena,
                      struct heed_json *ret_outcome, struct heed_error *error);

#endif
