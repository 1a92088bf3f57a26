/*
 * trace.c - see trace.h.
 */
#include "engine/trace.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "engine/core.h"

/* "00-" trace "-" parent "-" flags */
#define TRACE_AT 3
#define PARENT_AT 36
#define FLAGS_AT 53

bool
trace_read(struct heed_str traceparent, struct trace_context *ret_context)
{
	if (!event_is_trace(traceparent))
		return false;
	*ret_context = (struct trace_context){0};
	memcpy(ret_context->trace, traceparent.data + TRACE_AT, TRACE_ID_SIZE - 1);
	memcpy(ret_context->parent, traceparent.data + PARENT_AT, TRACE_SPAN_SIZE - 1);
	ret_context->sampled = (hex_value(traceparent.data[FLAGS_AT + 1]) & 1) != 0;
	return true;
}

/* Hex of the first bytes of a hash; an id must not be all zero, which a hash is not. */
static void
hash_id(char *place, size_t size, const char *kind, struct heed_str a, struct heed_str b)
{
	const struct heed_str parts[] = {str_of(kind), a, b};
	struct id_hash hash = id_hash_parts(parts, 3);
	size_t i;

	for (i = 0; 2 * i + 2 < size; i++)
		(void)snprintf(place + 2 * i, 3, "%02x", hash.bytes[i]);
}

void
trace_intake(char place[TRACE_SPAN_SIZE], struct heed_str source, struct heed_str id)
{
	hash_id(place, TRACE_SPAN_SIZE, "intake", source, id);
}

struct heed_str
trace_begin(struct arena *arena, struct heed_str source, struct heed_str id)
{
	char trace[TRACE_ID_SIZE];
	char span[TRACE_SPAN_SIZE];

	hash_id(trace, sizeof(trace), "trace", source, id);
	trace_intake(span, source, id);
	return arena_printf(arena, "00-%s-%s-01", trace, span);
}

void
trace_run(char place[TRACE_SPAN_SIZE], struct run *run)
{
	hash_id(place, TRACE_SPAN_SIZE, "run", journal_effect_key(run, HEED_STR("")),
	        HEED_STR(""));
}

void
trace_step(char place[TRACE_SPAN_SIZE], struct run *run, struct heed_str step,
           int attempt)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", attempt);
	hash_id(place, TRACE_SPAN_SIZE, "step", journal_effect_key(run, step),
	        str_of(number));
}

struct heed_str
trace_out(struct run *run, struct heed_str step, int attempt)
{
	struct trace_context context;
	char span[TRACE_SPAN_SIZE];

	if (!trace_read(run->event->event.trace, &context))
		return (struct heed_str){NULL, 0};
	trace_step(span, run, step, attempt);
	return arena_printf(&run->arena, "00-%s-%s-%s", context.trace, span,
	                    context.sampled ? "01" : "00");
}
