/*
 * live.c - see live.h.
 */
#include "service/live.h"

#include "base/clock.h"
#include "base/json.h"

static void
begin(struct json_build *build, struct arena *arena, const char *what, int64_t now_us)
{
	char place[CLOCK_TEXT_SIZE];

	json_object(build, arena);
	json_set_cstr(build, "what", json_cstr(what));
	json_set_cstr(build, "time",
	              json_str(arena_str(arena, clock_text(place, now_us))));
}

static struct heed_json
end(struct json_build *build)
{
	struct heed_json value = json_null();

	(void)json_build_end(build, &value);
	return value;
}

struct heed_json
live_event(struct arena *arena, int64_t now_us, const struct arrival *arrival)
{
	struct heed_json event = json_null();
	struct json_build build;

	begin(&build, arena, "event", now_us);
	(void)json_parse(arena, arrival->event->json, &event, NULL);
	json_set_cstr(&build, "event", event);
	json_set_cstr(&build, "runs", json_int((int64_t)arrival->n_runs));
	if (arrival->duplicate)
		json_set_cstr(&build, "duplicate", json_bool(true));
	if (arrival->event->parent_run > 0)
		json_set_cstr(&build, "by_run", json_int(arrival->event->parent_run));
	return end(&build);
}

static void
add_effect(void *arg, const struct effect_view *effect)
{
	struct json_build *list = arg;
	struct json_build build;
	struct heed_json request = json_null();

	json_object(&build, list->arena);
	json_set_cstr(&build, "step", json_str(effect->step));
	json_set_text(&build, "action", effect->action);
	json_set_cstr(&build, "state", json_cstr(effect->state));
	(void)json_parse(list->arena, effect->request, &request, NULL);
	json_set_cstr(&build, "request", request);
	json_set_text(&build, "detail", effect->detail);
	json_push(list, end(&build));
}

struct heed_json
live_run(struct arena *arena, int64_t now_us, const struct run *run)
{
	struct json_build build;
	struct json_build effects;
	struct run_view view;

	run_view(run, &view);
	begin(&build, arena, "run", now_us);
	json_set_cstr(&build, "run", json_int(view.id));
	json_set_cstr(&build, "flow", json_cstr(view.flow));
	json_set_cstr(&build, "name", json_str(view.name));
	json_set_cstr(&build, "state", json_cstr(view.state));
	json_set_cstr(&build, "event", json_str(view.event->id));
	json_set_cstr(&build, "source", json_str(view.event->source));
	json_set_cstr(&build, "type", json_str(view.event->type));
	if (view.calls > 0)
		json_set_cstr(&build, "answer", view.answer);
	json_set_text(&build, "model", view.model);
	json_set_text(&build, "class", view.class);
	json_set_text(&build, "text", view.text);
	json_set_cstr(&build, "calls", json_int((int64_t)view.calls));
	json_set_cstr(&build, "input_tokens", json_int(view.input_tokens));
	json_set_cstr(&build, "output_tokens", json_int(view.output_tokens));
	json_set_cstr(&build, "cost_nano_usd", json_int(view.cost_nano));
	json_set_cstr(&build, "ms", json_int(view.elapsed_ms));
	json_array(&effects, arena);
	run_view_effects(run, add_effect, &effects);
	json_set_cstr(&build, "effects", end(&effects));
	return end(&build);
}
