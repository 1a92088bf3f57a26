/*
 * trace.c - see trace.h.
 */
#include "engine/trace.h"

#include <string.h>

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

/* FNV-1a over the parts, and MurmurHash3's final mix: ids have to be spread, not hidden,
 * and there is one for every attempt of every step. */
static uint64_t
hash(uint64_t seed, const struct heed_str *parts, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u ^ seed;
	size_t i, at;

	for (i = 0; i < n; i++) {
		for (at = 0; at < parts[i].len; at++)
			h = (h ^ (unsigned char)parts[i].data[at]) * 0x100000001b3u;
		h = (h ^ 0xff) * 0x100000001b3u; /* a border that no UTF-8 holds */
	}
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	h ^= h >> 33;
	return h != 0 ? h : 1; /* an id must not be all zero */
}

static void
write_hex(char place[TRACE_SPAN_SIZE], uint64_t id)
{
	static const char digits[] = "0123456789abcdef";
	int i;

	for (i = 0; i < TRACE_SPAN_SIZE - 1; i++)
		place[i] = digits[id >> (60 - 4 * i) & 15];
	place[TRACE_SPAN_SIZE - 1] = '\0';
}

void
trace_intake(char place[TRACE_SPAN_SIZE], struct heed_str source, struct heed_str id)
{
	const struct heed_str parts[] = {HEED_STR("intake"), source, id};

	write_hex(place, hash(0, parts, 3));
}

struct heed_str
trace_begin(struct arena *arena, struct heed_str source, struct heed_str id)
{
	const struct heed_str parts[] = {HEED_STR("trace"), source, id};
	char high[TRACE_SPAN_SIZE];
	char low[TRACE_SPAN_SIZE];
	char span[TRACE_SPAN_SIZE];

	write_hex(high, hash(1, parts, 3));
	write_hex(low, hash(2, parts, 3));
	trace_intake(span, source, id);
	return arena_printf(arena, "00-%s%s-%s-01", high, low, span);
}

void
trace_run(char place[TRACE_SPAN_SIZE], const struct run *run)
{
	trace_step(place, run, (struct heed_str){NULL, 0}, 0);
}

void
trace_step(char place[TRACE_SPAN_SIZE], const struct run *run, struct heed_str step,
           int attempt)
{
	const struct event *event = &run->event->event;
	const struct heed_str parts[] = {
		event->source,         event->id, str_of(run->definition->kind->name),
		run->definition->name, step,
	};

	write_hex(place, hash((uint64_t)attempt, parts, 5));
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
