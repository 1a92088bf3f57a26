/*
 * dead_letter.c - a run that ended without success tells: the event heed.dead_letter is
 * committed with its verdict, for reactions and notifications.
 *
 * A run of such an event makes none itself, and the event is no deeper than the one whose
 * run failed, so that what was stopped as a loop is told once and the telling ends.
 */
#include "base/error.h"
#include "engine/core.h"

static int
describe_event(struct arena *arena, const struct event *event,
               struct heed_json *ret_value)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "id", json_str(event->id));
	json_set_cstr(&build, "source", json_str(event->source));
	json_set_cstr(&build, "type", json_str(event->type));
	if (event->subject.len > 0)
		json_set_cstr(&build, "subject", json_str(event->subject));
	return json_build_end(&build, ret_value);
}

static int
describe(struct run *run, enum run_state state, struct heed_json *ret_data)
{
	struct heed_json event;
	struct json_build build;

	HEED_TRY(describe_event(&run->arena, &run->event->event, &event));
	json_object(&build, &run->arena);
	json_set_cstr(&build, "run", json_int(run->id));
	json_set_cstr(&build, "state", json_cstr(store_run_state_name(state)));
	json_set_cstr(&build, "flow", json_cstr(run->definition->kind->name));
	json_set_cstr(&build, "name", json_str(run->definition->name));
	json_set_cstr(&build, "class", json_str(run->class));
	json_set_cstr(&build, "text", json_str(run->text));
	if (run->at_step.len > 0)
		json_set_cstr(&build, "step", json_str(run->at_step));
	if (run->key.len > 0)
		json_set_cstr(&build, "key", json_str(run->key));
	json_set_cstr(&build, "event", event);
	return json_build_end(&build, ret_data);
}

int
dead_letter_emit(struct run *run, enum run_state state)
{
	const struct event *event = &run->event->event;
	struct event_parts parts = {
		.type = HEED_STR(DEAD_LETTER_TYPE),
		.subject = run->definition->name,
		.trace = event->trace,
		.has_data = true,
	};
	struct heed_error error;

	if (str_is(event->type, DEAD_LETTER_TYPE))
		return 0;
	HEED_TRY(describe(run, state, &parts.data));
	parts.id = journal_effect_key(
		run, arena_printf(&run->arena, "%s.%d", DEAD_LETTER_TYPE, run->redrives));
	return run_emit(run, &parts, event->depth, &error);
}
