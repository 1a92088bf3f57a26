/*
 * entity_check.c - what a decision must keep to besides its schema: no events when it is
 * rejected, events that can be applied, and a state after them in which all that is
 * required holds.
 *
 * The same for whoever decided: a model's breach is told to it once, a rule's and a
 * second one of the model's reject the command.
 */
#include "base/error.h"
#include "base/json.h"
#include "pattern/entity_local.h"

static const struct heed_json nothing = {.kind = HEED_ARRAY};

static struct heed_json
list_of(struct heed_json decision, const char *name)
{
	const struct heed_json *list = json_get(decision, name);

	return list != NULL ? *list : nothing;
}

static int breach(struct deciding *deciding, struct heed_str *ret_complaint,
                  const char *format, ...) __attribute__((format(printf, 3, 4)));

static int
breach(struct deciding *deciding, struct heed_str *ret_complaint, const char *format, ...)
{
	struct heed_buf buf;
	va_list args;

	buf_init(&buf, 4096);
	va_start(args, format);
	buf_addv(&buf, format, args);
	va_end(args);
	*ret_complaint = arena_str(flow_arena(deciding->run), buf_str(&buf));
	buf_done(&buf);
	return ret_complaint->data == NULL ? HEED_E_NOMEM : HEED_E_INVALID;
}

static int
make_parts(struct deciding *deciding, struct heed_json events)
{
	uint32_t i;

	deciding->n_parts = 0;
	deciding->parts = ARENA_ARRAY(flow_arena(deciding->run), struct event_parts,
	                              events.len + 1);
	if (deciding->parts == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < events.len; i++) {
		const struct heed_json *data = json_get(events.items[i], "data");

		deciding->parts[deciding->n_parts++] = (struct event_parts){
			.type = json_get_text(events.items[i], "type"),
			.subject = deciding->id,
			.has_data = data != NULL,
			.data = data != NULL ? *data : json_null(),
		};
	}
	return 0;
}

/* The state after the events. */
static int
fold_parts(struct deciding *deciding, struct heed_str *ret_complaint)
{
	const struct append append = {
		.before = deciding->before,
		.fold = &deciding->entity->fold,
		.events = deciding->parts,
		.n = deciding->n_parts,
		.time_us = deciding->time_us,
	};
	struct arena *arena = flow_arena(deciding->run);
	struct heed_error error = {0};
	struct event event;
	size_t i;
	int r = 0;

	deciding->after = deciding->before->state;
	for (i = 0; i < append.n && r == 0; i++) {
		r = flow_event_to_append(deciding->run, deciding->append_step, &append, i,
		                         &event, &error);
		if (r == 0 && event.json.len > EVENT_SIZE_MAX)
			return breach(deciding, ret_complaint,
			              "/events/%zu is larger than %d bytes", i,
			              EVENT_SIZE_MAX);
		if (r == 0)
			r = fold_event(append.fold, deciding->after, event.root, arena,
			               &deciding->after, &error);
		if (r < 0 && r != HEED_E_NOMEM)
			return breach(deciding, ret_complaint,
			              "/events/%zu cannot be applied: %s", i, error.text);
	}
	return r;
}

static int
make_view(struct deciding *deciding, struct heed_json events, struct heed_json *ret_view)
{
	struct json_build build;

	json_object(&build, flow_arena(deciding->run));
	json_set_cstr(&build, "state", deciding->after);
	json_set_cstr(&build, "before", deciding->before->state);
	json_set_cstr(&build, "events", events);
	json_set_cstr(&build, "command", deciding->command);
	json_set_cstr(&build, "event", flow_event(deciding->run)->root);
	return json_build_end(&build, ret_view);
}

static int
check_invariants(struct deciding *deciding, struct heed_json events,
                 struct heed_str *ret_complaint)
{
	const struct option_list *require = &deciding->entity->decide.require;
	const struct entity_invariant *items = require->items;
	struct heed_json view;
	size_t i;

	HEED_TRY(make_view(deciding, events, &view));
	for (i = 0; i < require->n; i++) {
		struct heed_error error = {0};
		bool holds = false;
		int r = expr_test(items[i].that, view, flow_arena(deciding->run), &holds,
		                  &error);

		if (r == HEED_E_NOMEM)
			return r;
		if (r == 0 && holds)
			continue;
		return breach(
			deciding, ret_complaint,
			"the state that would result breaks what is required%s%.*s: "
			"%.*s%s%s",
			items[i].reason.len > 0 ? " - " : "", STR_ARG(items[i].reason),
			STR_ARG(expr_text(items[i].that)), r < 0 ? ": " : "",
			r < 0 ? error.text : "");
	}
	return 0;
}

int
entity_check(struct deciding *deciding, struct heed_json decision,
             struct heed_str *ret_complaint)
{
	struct heed_json events = list_of(decision, "events");

	deciding->after = deciding->before->state;
	deciding->n_parts = 0;
	if (!json_get_bool(decision, "accepted", false)) {
		if (events.len > 0 || list_of(decision, "side_effects").len > 0)
			return breach(
				deciding, ret_complaint,
				"a command that is not accepted makes no events and "
				"no side effects");
		return 0;
	}
	HEED_TRY(make_parts(deciding, events));
	HEED_TRY(fold_parts(deciding, ret_complaint));
	return check_invariants(deciding, events, ret_complaint);
}
