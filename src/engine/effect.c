/*
 * effect.c - the step that acts: intents, attempts, and what a crash in between means.
 *
 *	none ................ prepare the request, commit it as the intent, perform it
 *	intended ............ wait (in flight)
 *	failed, may pass .... wait for the delay, then again with the same key
 *	failed, final ....... the run fails
 *	unknown ............. keyed: again, with the same key; unkeyed: ask the probe, or
 *	                      hold the run for a person
 *	done ................ its result
 *
 * After a restart an intended entry was cut off: it becomes unknown (effect_recover).
 */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/core.h"
#include "engine/trace.h"

/* What an action kind may take beyond the act's time-out before it is stopped. */
#define OVERDUE_MS 5000

static enum effect_class
effect_of(const struct act *act)
{
	return act->action->kind->effect(act->action);
}

/* The key of an attempt: the step's, and how often it was refused for good and then tried
 * anew, for a service may remember what it answered to a key. */
static struct heed_str
key_of(struct run *run, const struct act *act, int round)
{
	struct heed_str name = act->step;

	if (round > 0)
		name = arena_printf(&run->arena, "%.*s\n%d", STR_ARG(act->step), round);
	return name.data == NULL ? name : journal_effect_key(run, name);
}

/* `input` with one more member, which expressions of acts see. */
static int
with_member(struct run *run, const char *name, struct heed_json value,
            struct heed_json *input)
{
	return json_with(&run->arena, *input, name, value, input);
}

/* `input` with the effect's key. */
static int
with_key(struct run *run, const struct act *act, int round, struct heed_json *input)
{
	struct heed_str key = key_of(run, act, round);

	return key.data == NULL ? HEED_E_NOMEM
	                        : with_member(run, "effect_key", json_str(key), input);
}

/* The condition of the act; an error fails the run. */
static int
applies(struct run *run, const struct act *act, struct heed_json input, bool *ret_applies)
{
	struct heed_error error;
	int r;

	*ret_applies = true;
	if (act->condition == NULL)
		return 0;
	HEED_TRY(with_key(run, act, 0, &input));
	r = expr_test(act->condition, input, &run->arena, ret_applies, &error);
	if (r < 0) {
		error_prefix(&error, "the condition of step %.*s", STR_ARG(act->step));
		return flow_fail(run, r, "condition", &error);
	}
	return 0;
}

/* The request as it is recorded: what came from ${...} stays as it was written. */
static int
record(struct run *run, const struct action *action, struct heed_json input,
       struct heed_json request, struct heed_str *ret_text)
{
	if (action->secret) {
		request = json_cstr("not recorded: it is made from ${...}");
		if (action->record != NULL)
			(void)action->kind->prepare(action->record, input, &run->arena,
			                            &request, NULL);
	}
	*ret_text = json_text_of(&run->arena, request);
	return ret_text->data == NULL ? HEED_E_NOMEM : 0;
}

/* Add the intent to carry `action` out. The request is made anew each time: `prepare` is
 * pure, so it is the same, but for secrets that were changed in the meantime. */
static int
intend(struct run *run, const struct act *act, struct action *action, int round,
       struct heed_json input, struct entry **ret_entry)
{
	struct heed_error error;
	struct heed_json request;
	struct entry *entry;
	int r;

	HEED_TRY(with_key(run, act, round, &input));
	r = action->kind->prepare(action, input, &run->arena, &request, &error);
	if (r < 0) {
		error_prefix(&error, "step %.*s (%s)", STR_ARG(act->step),
		             action->kind->name);
		(void)flow_fail(run, r, "prepare", &error);
		return r;
	}
	entry = journal_add(run, ENTRY_ACT, act->step);
	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->act = act;
	entry->action = action;
	entry->key = json_get_text(input, "effect_key");
	entry->value = request;
	HEED_TRY(record(run, action, input, request, &entry->request));
	*ret_entry = entry;
	return 0;
}

/* What the journal says about a step. */
struct fold {
	struct entry *last;    /* of this step since the last mark */
	struct entry *unknown; /* the attempt of which it is not known whether it was */
	int failures;          /* attempts that failed since the last mark */
	int attempts;
	int round;      /* how often it began anew after a refusal */
	int probes;     /* since the unknown attempt or the mark behind it */
	bool said_done; /* a person said that it happened */
};

static int
attempt(struct run *run, const struct act *act, struct heed_json input,
        const struct fold *fold)
{
	enum effect_class class = effect_of(act);
	struct entry *entry;

	HEED_TRY(intend(run, act, act->action, fold->round, input, &entry));
	entry->attempt = fold->attempts + 1;
	entry->todo = class == EFFECT_KEYED || class == EFFECT_UNKEYED;
	if (class != EFFECT_INSTANT)
		return HEED_WAIT;
	entry->kind = ENTRY_EMIT;
	HEED_TRY(effect_emit(run, entry));
	entry->state = ENTRY_DONE;
	entry->ended_us = entry->at_us;
	entry->value = json_null();
	return 0;
}

/* ---- the fold ---------------------------------------------------------------------- */

/* Does the step wait to hear whether it happened? */
static bool
is_open(const struct fold *fold)
{
	return fold->unknown != NULL && !fold->said_done &&
	       (fold->last->kind != ENTRY_PROBE || fold->last->state != ENTRY_DONE);
}

/* What failed begins anew. What is unknown stays so unless a person says what happened;
 * otherwise the probe is asked again. */
static void
fold_mark(struct fold *fold, struct heed_str how)
{
	fold->failures = 0;
	fold->probes = 0;
	if (fold->last != NULL && fold->last->kind == ENTRY_ACT &&
	    fold->last->state == ENTRY_FAILED && str_is(fold->last->class, "permanent"))
		fold->round++;
	if (is_open(fold) && str_is(how, "done"))
		fold->said_done = true;
	else if (is_open(fold) && str_is(how, "repeat"))
		fold->last = fold->unknown = NULL;
	else if (is_open(fold))
		fold->last = fold->unknown;
	else if (fold->unknown == NULL && fold->last != NULL &&
	         fold->last->state != ENTRY_DONE)
		fold->last = NULL;
}

static void
fold_entries(struct run *run, const struct act *act, struct fold *fold)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (journal_marks(entry, act->step)) {
			fold_mark(fold, entry->detail);
			continue;
		}
		if (!str_eq(entry->step, act->step))
			continue;
		fold->last = entry;
		if (entry->kind == ENTRY_PROBE) {
			fold->probes++;
			continue;
		}
		fold->unknown = entry->state == ENTRY_UNKNOWN ? entry : NULL;
		fold->attempts++;
		fold->probes = 0;
		fold->failures += entry->state == ENTRY_FAILED;
	}
}

/* ---- unknown effects --------------------------------------------------------------- */

static int
hold(struct run *run, const struct act *act, const struct fold *fold)
{
	struct heed_str why = fold->last->detail;
	struct heed_error error;

	(void)error_set(&error, HEED_E_UNKNOWN,
	                "it is not known whether step %.*s (%s) happened%s%.*s",
	                STR_ARG(act->step), act->action->kind->name,
	                fold->last->kind == ENTRY_PROBE ? "; the probe failed: "
	                : why.len > 0                   ? ": "
	                                                : "",
	                STR_ARG(why));
	return flow_fail(run, HEED_E_UNKNOWN, "unknown", &error);
}

/* Ask the probe about an unknown effect, after a while: what was cut off may still be
 * under way on the other side. */
static int
probe(struct run *run, const struct act *act, struct heed_json input,
      const struct fold *fold)
{
	int64_t now = loop_wall_us(run->engine->loop);
	struct entry *unknown = fold->unknown;
	struct entry *entry;

	if (unknown->due_us <= 1)
		unknown->due_us = now + 1000 * act->retry.delay_ms;
	if (unknown->due_us > now) {
		if (run->due_us == 0 || unknown->due_us < run->due_us)
			run->due_us = unknown->due_us;
		return HEED_WAIT;
	}
	HEED_TRY(intend(run, act, act->probe, fold->round, input, &entry));
	entry->kind = ENTRY_PROBE;
	entry->todo = true;
	return HEED_WAIT;
}

/* What the probe found out: 1 it happened, 0 it did not, or an error. */
static int
probed(struct run *run, const struct act *act, struct heed_json input,
       const struct fold *fold)
{
	struct entry *entry = fold->last;
	struct heed_error error;
	bool done = false;
	int r;

	HEED_TRY(with_key(run, act, fold->round, &input));
	HEED_TRY(with_member(run, "result", entry->value, &input));
	r = expr_test(act->probe_done, input, &run->arena, &done, &error);
	if (r == 0 || r == HEED_E_NOMEM)
		return r < 0 ? r : done;
	error_prefix(&error, "done of step %.*s", STR_ARG(act->step));
	entry->state = ENTRY_FAILED;
	entry->class = HEED_STR("permanent");
	entry->detail = arena_str(&run->arena, str_of(error.text));
	entry->code = HEED_E_PERMANENT;
	entry->dirty = true;
	return flow_fail(run, HEED_E_UNKNOWN, "unknown", &error);
}

/* The last word was "unknown", or a probe's. */
static int
resolve_unknown(struct run *run, const struct act *act, struct heed_json input,
                const struct fold *fold, struct heed_json *ret_result)
{
	int r;

	if (effect_of(act) == EFFECT_KEYED)
		return attempt(run, act, input, fold);
	if (act->probe == NULL)
		return hold(run, act, fold);
	if (fold->last->kind != ENTRY_PROBE)
		return probe(run, act, input, fold);
	if (fold->last->state == ENTRY_FAILED) {
		r = retry_decide(run, fold->last, &act->retry, fold->probes);
		if (r < 0)
			return hold(run, act, fold);
		return r == 0 ? probe(run, act, input, fold) : r;
	}
	r = probed(run, act, input, fold);
	if (r == 0)
		return attempt(run, act, input, fold);
	*ret_result = fold->last->value;
	return r == 1 ? 0 : r;
}

/* The last attempt failed: again, later, or the run fails. */
static int
after_failure(struct run *run, const struct act *act, struct heed_json input,
              const struct fold *fold)
{
	int r = retry_decide(run, fold->last, &act->retry, fold->failures);
	struct heed_error error;

	if (r == 0)
		return attempt(run, act, input, fold);
	if (r > 0)
		return r;
	(void)error_set(&error, r, "step %.*s (%s): %.*s", STR_ARG(act->step),
	                act->action->kind->name, STR_ARG(fold->last->detail));
	return flow_fail(run, r, "effect", &error);
}

int
flow_act(struct run *run, const struct act *act, struct heed_json input,
         struct heed_json *ret_result)
{
	struct fold fold = {0};
	bool wanted;

	run->at_step = act->step;
	fold_entries(run, act, &fold);
	*ret_result = json_null();
	if (fold.said_done)
		return 0;
	if (fold.last == NULL) {
		if (run->stop.code != 0)
			return flow_stopped(run, act->step);
		HEED_TRY(applies(run, act, input, &wanted));
		return wanted ? attempt(run, act, input, &fold) : 0;
	}
	if (fold.last->state == ENTRY_INTENDED)
		return HEED_WAIT;
	if (fold.unknown != NULL)
		return resolve_unknown(run, act, input, &fold, ret_result);
	if (fold.last->state != ENTRY_DONE)
		return after_failure(run, act, input, &fold);
	*ret_result = fold.last->value;
	return 0;
}

/* ---- performing -------------------------------------------------------------------- */

static void
free_call(struct entry *entry)
{
	loop_timer_clear(entry->run->engine->loop, &entry->timeout);
	if (entry->call != NULL) {
		generation_unref(entry->call->generation);
		arena_done(entry->call->arena);
		mem_free(entry->call->arena);
		mem_free(entry->call);
	}
	entry->call = NULL;
}

static void
ended(void *arg, struct action_call *call, int code, struct heed_json result,
      int64_t retry_after_ms, const struct heed_error *error)
{
	struct entry *entry = arg;
	struct run *run = entry->run;

	(void)call;
	entry->code = code;
	entry->retry_after_ms = retry_after_ms;
	entry->state = code == 0                ? ENTRY_DONE
	               : code == HEED_E_UNKNOWN ? ENTRY_UNKNOWN
	                                        : ENTRY_FAILED;
	if (code == 0) {
		entry->value = json_null();
		(void)json_copy(&run->arena, result, &entry->value);
		entry->reply = json_text_of(&run->arena, entry->value);
	} else {
		entry->class = str_of(code == HEED_E_UNKNOWN ? "unknown"
		                      : retry_class(code)    ? "transient"
		                                             : "permanent");
		entry->detail = arena_str(&run->arena,
		                          str_of(error != NULL && error->text[0] != '\0'
		                                         ? error->text
		                                         : heed_code_text(code)));
	}
	free_call(entry);
	run_fact(run, entry);
}

void
action_done(struct action_call *call, int code, struct heed_json result,
            int64_t retry_after_ms, const struct heed_error *error)
{
	call->done(call->arg, call, code, result, retry_after_ms, error);
}

/* A failure that is known at once is reported on a later turn, as every other. */
static void
fail_start(void *arg)
{
	struct entry *entry = arg;
	struct heed_error error = {.code = entry->code};
	struct heed_str text = str_head(entry->detail, sizeof(error.text) - 1);

	memcpy(error.text, text.data != NULL ? text.data : "", text.len);
	ended(entry, entry->call, entry->code, json_null(), -1, &error);
}

/* The kind keeps to call->timeout_ms by itself; this is for one that does not. */
static void
overdue(void *arg)
{
	struct entry *entry = arg;
	bool unkeyed = entry->kind == ENTRY_ACT &&
	               entry->action->kind->effect(entry->action) == EFFECT_UNKEYED;
	struct heed_error error;

	(void)error_set(&error, HEED_E_TIMEOUT, "it did not end in time");
	if (entry->action->kind->cancel != NULL)
		entry->action->kind->cancel(entry->action, entry->call);
	ended(entry, entry->call, unkeyed ? HEED_E_UNKNOWN : HEED_E_TIMEOUT, json_null(),
	      -1, &error);
}

static struct action_call *
call_new(struct entry *entry)
{
	struct run *run = entry->run;
	struct action_call *call = mem_new(sizeof(*call));
	struct arena *arena = mem_new(sizeof(*arena));

	if (call == NULL || arena == NULL) {
		mem_free(call);
		mem_free(arena);
		return NULL;
	}
	arena_init(arena, 0);
	*call = (struct action_call){
		.action = entry->action,
		.world = &run->engine->world,
		.request = entry->value,
		.key = entry->key,
		.trace = trace_out(run, entry->step, entry->attempt),
		.timeout_ms = entry->act->timeout_ms,
		.arena = arena,
		.generation = run->engine->world.generation,
		.done = ended,
		.arg = entry,
	};
	generation_ref(call->generation);
	return call;
}

int
effect_play(struct entry *entry, const struct action_call *call, struct heed_error *error)
{
	const struct engine_options *options = &entry->run->engine->options;

	return options->stand_in(options->arg, entry->action, call, &entry->value, error);
}

/* What a stand-in gave is reported on a later turn, as every other result. */
static void
played(void *arg)
{
	struct entry *entry = arg;

	ended(entry, entry->call, 0, entry->value, -1, NULL);
}

/* Have the kind, or a stand-in, carry it out, and see to its end. */
static int
start(struct entry *entry, struct heed_error *error)
{
	struct engine *engine = entry->run->engine;

	if (engine->options.stand_in != NULL) {
		HEED_TRY(effect_play(entry, entry->call, error));
		loop_timer_init(&entry->timeout, played, entry);
		loop_timer_set(engine->loop, &entry->timeout, 0);
		return 0;
	}
	HEED_TRY(entry->action->kind->perform(entry->action, entry->call, error));
	loop_timer_init(&entry->timeout, overdue, entry);
	loop_timer_set(engine->loop, &entry->timeout,
	               entry->act->timeout_ms + OVERDUE_MS);
	return 0;
}

void
effect_perform(struct entry *entry)
{
	struct run *run = entry->run;
	struct heed_error error = {0};
	int r = HEED_E_NOMEM;

	entry->call = call_new(entry);
	if (entry->call != NULL)
		r = start(entry, &error);
	if (r == 0)
		return;
	entry->code = r;
	entry->detail = arena_str(&run->arena, str_of(error.text));
	loop_timer_init(&entry->timeout, fail_start, entry);
	loop_timer_set(run->engine->loop, &entry->timeout, 0);
}

void
effect_cancel(struct entry *entry)
{
	if (entry->call == NULL) {
		free_call(entry);
		return;
	}
	if (entry->action->kind->cancel != NULL && entry->timeout.fn == overdue)
		entry->action->kind->cancel(entry->action, entry->call);
	free_call(entry);
}

void
effect_recover(struct entry *entry)
{
	entry->state = entry->kind == ENTRY_ASK || entry->kind == ENTRY_PROBE
	                       ? ENTRY_FAILED
	                       : ENTRY_UNKNOWN;
	entry->class = HEED_STR("cut_off");
	entry->detail = HEED_STR("the process ended before the reply was on disk");
	entry->code = HEED_E_TRANSIENT;
	entry->dirty = true;
	entry->due_us = 1; /* at once */
	entry->ended_us = loop_wall_us(entry->run->engine->loop);
}
