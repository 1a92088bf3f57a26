/*
 * emit.c - the events that an action's request describes: one event's parts, or
 * {events: [...]} with those of several. Without an id of its own an event gets one that
 * follows from the effect's key, so that nothing is published twice.
 */
#include "base/error.h"
#include "engine/core.h"
#include "engine/trace.h"

/* `n`: its place among several, from 1; 0 when it is alone. */
static int
emit_one(struct run *run, const struct entry *entry, struct heed_json request, uint32_t n)
{
	const struct heed_json *data = json_get(request, "data");
	const struct heed_json *extensions = json_get(request, "extensions");
	struct heed_error error;
	struct event_parts parts = {
		.id = json_get_text(request, "id"),
		.source = json_get_text(request, "source"),
		.type = json_get_text(request, "type"),
		.subject = json_get_text(request, "subject"),
		.trace = trace_out(run, entry->step, entry->attempt),
		.has_data = data != NULL,
		.data = data != NULL ? *data : json_null(),
		.extensions = extensions != NULL ? extensions->members : NULL,
		.n_extensions = extensions != NULL ? extensions->len : 0,
	};
	int r;

	if (parts.id.len == 0)
		parts.id = n == 0 ? entry->key
		                  : arena_printf(&run->arena, "%.*s.%u",
		                                 STR_ARG(entry->key), n);
	r = run_emit(run, &parts, run->event->event.depth + 1, &error);
	if (r < 0) {
		error_prefix(&error, "step %.*s", STR_ARG(entry->step));
		return flow_fail(run, r, "emit", &error);
	}
	return 0;
}

int
effect_emit(struct run *run, struct entry *entry)
{
	const struct heed_json *list = json_get(entry->value, "events");
	uint32_t i;

	if (list == NULL)
		return emit_one(run, entry, entry->value, 0);
	for (i = 0; i < list->len; i++)
		HEED_TRY(emit_one(run, entry, list->items[i], i + 1));
	return 0;
}
