/*
 * event_ref.c - an event as its runs share it.
 *
 * The text is always there; the tree that expressions see is there while a run reads it,
 * so that events whose runs wait in a queue cost little more than their text.
 */
#include "base/mem.h"
#include "engine/core.h"
#include "engine/trace.h"

static int
copy_texts(struct event_ref *ref, const struct event *event)
{
	struct event *copy = &ref->event;
	const struct {
		struct heed_str from;
		struct heed_str *to;
	} texts[] = {
		{event->id, &copy->id},       {event->source, &copy->source},
		{event->type, &copy->type},   {event->subject, &copy->subject},
		{event->trace, &copy->trace}, {event->json, &copy->json},
	};
	size_t i;

	*copy = *event;
	copy->root = json_null();
	if (event->trace.len == 0) { /* it begins a trace */
		copy->trace = trace_begin(&ref->texts, event->source, event->id);
		if (copy->trace.data == NULL)
			return HEED_E_NOMEM;
	}
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].to == &copy->trace && event->trace.len == 0)
			continue;
		*texts[i].to = arena_str(&ref->texts, texts[i].from);
		if (texts[i].to->data == NULL)
			return HEED_E_NOMEM;
	}
	return 0;
}

struct event_ref *
event_ref_new(const struct event *event)
{
	struct event_ref *ref = mem_new(sizeof(*ref));

	if (ref == NULL)
		return NULL;
	ref->refs = 1;
	arena_init(&ref->texts, event->json.len + event->id.len + event->source.len +
	                                event->type.len + event->subject.len + 192);
	arena_init(&ref->tree, event->json.len * 2 + 256);
	if (copy_texts(ref, event) == 0 &&
	    (event->root.kind == HEED_NULL ||
	     json_copy(&ref->tree, event->root, &ref->event.root) == 0))
		return ref;
	event_unref(ref);
	return NULL;
}

void
event_unref(struct event_ref *event)
{
	if (event == NULL || --event->refs > 0)
		return;
	arena_done(&event->texts);
	arena_done(&event->tree);
	mem_free(event);
}

int
event_open(struct event_ref *event)
{
	if (event->event.root.kind == HEED_NULL) {
		int r = json_parse(&event->tree, event->event.json, &event->event.root,
		                   NULL);

		if (r < 0) {
			event_rest(event);
			return r;
		}
	}
	event->readers++;
	return 0;
}

int
event_show(struct event_ref *event)
{
	HEED_TRY(event_open(event));
	event->readers--;
	return 0;
}

void
event_close(struct event_ref *event)
{
	event->readers--;
	event_rest(event);
}

void
event_rest(struct event_ref *event)
{
	if (event->readers > 0)
		return;
	event->event.root = json_null();
	arena_done(&event->tree);
}
