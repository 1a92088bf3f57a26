/*
 * effect.c - the step that acts: intents, attempts, and what a crash in between means.
 *
 *	none ................ prepare the request, commit it as the intent, perform it
 *	intended ............ wait (in flight)
 *	failed, may pass .... wait for the delay, then again with the same request and key
 *	failed, final ....... the run fails
 *	unknown ............. keyed: again, with the same key; unkeyed: ask the probe, or
 *hold done ................ its result
 *
 * After a restart an intended entry was cut off: it becomes unknown (effect_recover).
 */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/core.h"

/* What the journal says of a step. */
struct fold {
	struct entry *last;  /* of this step since the last mark */
	struct entry *known; /* the attempt whose request is used again */
	int failures;
	int attempts;
	int round;      /* how often it began anew after a refusal */
	bool said_done; /* a person said that it happened */
};

static enum effect_class
effect_of(const struct act *act)
{
	return act->action->kind->effect(act->action);
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
	r = expr_test(act->condition, input, &run->arena, ret_applies, &error);
	if (r < 0) {
		error_prefix(&error, "the condition of step %.*s", STR_ARG(act->step));
		return flow_fail(run, r, "condition", &error);
	}
	return 0;
}

int
effect_emit(struct run *run, struct entry *entry)
{
	struct heed_json request = entry->value;
	const struct heed_json *data = json_get(request, "data");
	struct heed_error error;
	struct event_parts parts = {
		.id = json_get_text(request, "id"),
		.source = json_get_text(request, "source"),
		.type = json_get_text(request, "type"),
		.subject = json_get_text(request, "subject"),
		.trace = run->event->event.trace,
		.has_data = data != NULL,
		.data = data != NULL ? *data : json_null(),
	};
	int r;

	if (parts.id.len == 0)
		parts.id = entry->key;
	r = run_emit(run, &parts, run->event->event.depth + 1, &error);
	if (r < 0) {
		error_prefix(&error, "step %.*s", STR_ARG(entry->step));
		return flow_fail(run, r, "emit", &error);
	}
	return 0;
}

/* The key of this attempt: the step's, and how often it was refused for good and then
 * tried anew, for a service may remember what it answered to a key. */
static struct heed_str
key_of(struct run *run, const struct act *act, int round)
{
	struct heed_str name = act->step;

	if (round > 0)
		name = arena_printf(&run->arena, "%.*s\n%d", STR_ARG(act->step), round);
	return name.data == NULL ? name : journal_effect_key(run, name);
}

/* A further attempt: with the request of the one before, or a new one. */
static int
attempt(struct run *run, const struct act *act, struct heed_json input,
        const struct fold *fold)
{
	const struct entry *before = fold->known;
	struct heed_error error;
	struct heed_json request;
	struct entry *entry;
	int r = 0;

	if (before != NULL)
		r = json_parse(&run->arena, before->request, &request, &error);
	else
		r = act->action->kind->prepare(act->action, input, &run->arena, &request,
		                               &error);
	if (r < 0) {
		error_prefix(&error, "step %.*s (%s)", STR_ARG(act->step),
		             act->action->kind->name);
		return flow_fail(run, r, "prepare", &error);
	}
	entry = journal_add(run,
	                    effect_of(act) == EFFECT_INSTANT ? ENTRY_EMIT : ENTRY_ACT,
	                    act->step);
	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->attempt = fold->attempts + 1;
	entry->act = act;
	entry->action = act->action;
	entry->value = request;
	entry->request =
		before != NULL ? before->request : json_text_of(&run->arena, request);
	entry->key = key_of(run, act, fold->round);
	if (entry->request.data == NULL || entry->key.data == NULL)
		return HEED_E_NOMEM;
	if (effect_of(act) == EFFECT_INSTANT) {
		HEED_TRY(effect_emit(run, entry));
		entry->state = ENTRY_DONE;
		entry->ended_us = entry->at_us;
		return 0;
	}
	entry->todo = effect_of(act) != EFFECT_TRANSACTIONAL;
	return HEED_WAIT;
}

/* Ask the probe about an unknown effect. */
static int
probe(struct run *run, const struct act *act, struct heed_json input)
{
	struct heed_error error;
	struct heed_json request;
	struct entry *entry;
	int r;

	r = act->probe->kind->prepare(act->probe, input, &run->arena, &request, &error);
	if (r < 0)
		return flow_fail(run, HEED_E_UNKNOWN, "unknown", &error);
	entry = journal_add(run, ENTRY_PROBE, act->step);
	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->act = act;
	entry->action = act->probe;
	entry->key = journal_effect_key(run, act->step);
	entry->value = request;
	entry->request = json_text_of(&run->arena, request);
	entry->todo = true;
	return HEED_WAIT;
}

static int
hold(struct run *run, const struct act *act)
{
	struct heed_error error;

	(void)error_set(&error, HEED_E_UNKNOWN,
	                "it is not known whether step %.*s (%s) happened: it was cut off",
	                STR_ARG(act->step), act->action->kind->name);
	return flow_fail(run, HEED_E_UNKNOWN, "unknown", &error);
}

/* What the probe found out: 1 it happened, 0 it did not, or an error. */
static int
probed(struct run *run, const struct act *act, struct heed_json input,
       const struct entry *entry)
{
	struct heed_error error;
	struct json_build build;
	bool done = false;
	uint32_t i;
	int r;

	json_object(&build, &run->arena);
	for (i = 0; i < input.len; i++)
		json_set(&build, input.members[i].name, input.members[i].value);
	json_set_cstr(&build, "result", entry->value);
	HEED_TRY(json_build_end(&build, &input));
	r = expr_test(act->probe_done, input, &run->arena, &done, &error);
	return r < 0 ? flow_fail(run, HEED_E_UNKNOWN, "unknown", &error) : done;
}

static void
fold_entries(struct run *run, const struct act *act, struct fold *fold)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &run->entries, link)
	{
		if (journal_marks(entry, act->step)) {
			fold->failures = 0;
			fold->said_done = str_is(entry->detail, "done") &&
			                  fold->last != NULL &&
			                  fold->last->state == ENTRY_UNKNOWN;
			if (fold->last != NULL && fold->last->state == ENTRY_FAILED &&
			    str_is(fold->last->class, "permanent")) {
				fold->known = NULL;
				fold->round++;
			}
			if (fold->last != NULL && fold->last->state != ENTRY_DONE &&
			    !fold->said_done)
				fold->last = NULL;
			continue;
		}
		if (!str_eq(entry->step, act->step))
			continue;
		fold->last = entry;
		if (entry->kind == ENTRY_PROBE)
			continue;
		fold->attempts++;
		fold->known = entry;
		fold->failures += entry->state == ENTRY_FAILED;
	}
}

/* The last word was "unknown", or a probe's. */
static int
resolve_unknown(struct run *run, const struct act *act, struct heed_json input,
                const struct fold *fold)
{
	if (fold->last->kind == ENTRY_PROBE) {
		int r = fold->last->state == ENTRY_DONE
		                ? probed(run, act, input, fold->last)
		                : hold(run, act);

		return r == 0 ? attempt(run, act, input, fold) : r == 1 ? 0 : r;
	}
	if (effect_of(act) == EFFECT_KEYED)
		return attempt(run, act, input, fold);
	return act->probe != NULL ? probe(run, act, input) : hold(run, act);
}

int
flow_act(struct run *run, const struct act *act, struct heed_json input,
         struct heed_json *ret_result)
{
	struct fold fold = {0};
	bool wanted;
	int r;

	run->at_step = act->step;
	fold_entries(run, act, &fold);
	*ret_result = json_null();
	if (fold.last == NULL) {
		if (run->stop.code != 0)
			return flow_stopped(run, act->step);
		HEED_TRY(applies(run, act, input, &wanted));
		return wanted ? attempt(run, act, input, &fold) : 0;
	}
	if (fold.said_done)
		return 0;
	if (fold.last->state == ENTRY_INTENDED)
		return HEED_WAIT;
	if (fold.last->state == ENTRY_UNKNOWN || fold.last->kind == ENTRY_PROBE)
		return resolve_unknown(run, act, input, &fold);
	if (fold.last->state == ENTRY_DONE) {
		*ret_result = fold.last->value;
		return 0;
	}
	r = retry_decide(run, fold.last, &act->retry, fold.failures);
	if (r == 0)
		return attempt(run, act, input, &fold);
	if (r < 0) {
		struct heed_error error;

		(void)error_set(&error, r, "step %.*s (%s): %.*s", STR_ARG(act->step),
		                act->action->kind->name, STR_ARG(fold.last->detail));
		return flow_fail(run, r, "effect", &error);
	}
	return r;
}

/* ---- performing
 * -------------------------------------------------------------------------- */

static void
free_call(struct entry *entry)
{
	loop_timer_clear(entry->run->engine->loop, &entry->timeout);
	if (entry->call != NULL) {
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
		entry->class = str_of(retry_class(code) ? "transient" : "permanent");
		entry->detail = arena_str(
			&run->arena,
			str_of(error != NULL ? error->text : heed_code_text(code)));
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

void
effect_perform(struct entry *entry)
{
	struct run *run = entry->run;
	struct heed_error error = {0};
	struct action_call *call = mem_new(sizeof(*call));
	int r = HEED_E_NOMEM;

	loop_timer_init(&entry->timeout, fail_start, entry);
	if (call != NULL)
		call->arena = mem_new(sizeof(*call->arena));
	if (call != NULL && call->arena == NULL) {
		mem_free(call);
		call = NULL;
	}
	if (call != NULL) {
		arena_init(call->arena, 0);
		entry->call = call;
		call->world = &run->engine->world;
		call->request = entry->value;
		call->key = entry->key;
		call->trace = run->event->event.trace;
		call->timeout_ms = entry->act->timeout_ms;
		call->done = ended;
		call->arg = entry;
		r = entry->action->kind->perform(entry->action, call, &error);
	}
	if (r < 0) {
		entry->code = r;
		entry->detail = arena_str(&run->arena, str_of(error.text));
		loop_timer_set(run->engine->loop, &entry->timeout, 0);
	}
}

void
effect_cancel(struct entry *entry)
{
	if (entry->call == NULL)
		return;
	if (entry->action->kind->cancel != NULL && entry->timeout.slot == 0)
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
