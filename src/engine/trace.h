/*
 * trace.h - W3C trace context: which trace an event belongs to, and the spans of it that
 * heed makes.
 *
 * All ids follow from what they are ids of, so that the context sent out with an effect,
 * the event that it causes and the span exported later agree without any state, also
 * across crashes:
 *
 *	intake of an event      of its source and id
 *	run                     of its event, flow and name
 *	attempt of a step       of these, the step's name and the attempt
 *
 * An event's `trace` is the context it came with; one that came without begins a trace of
 * its own, whose parent is its intake. Source: W3C Trace Context, version 00.
 */
#ifndef HEED_ENGINE_TRACE_H
#define HEED_ENGINE_TRACE_H

#include "base/arena.h"
#include "engine/event.h"
#include "heed.h"

struct run;

#define TRACE_ID_SIZE 33
#define TRACE_SPAN_SIZE 17

struct trace_context {
	char trace[TRACE_ID_SIZE]; /* hex */
	char parent[TRACE_SPAN_SIZE];
	bool sampled; /* the sender's wish */
};

/* False when `traceparent` is none (see event_is_trace). */
bool trace_read(struct heed_str traceparent, struct trace_context *ret_context);
/* The span of an event's intake. */
void
trace_intake(char place[TRACE_SPAN_SIZE], struct heed_str source, struct heed_str id);
/* The traceparent of an event that brought none. {NULL, 0} without memory. */
struct heed_str
trace_begin(struct arena *arena, struct heed_str source, struct heed_str id);
/* The span of a run, and of an attempt (from 1) of its step. */
void trace_run(char place[TRACE_SPAN_SIZE], const struct run *run);
void trace_step(char place[TRACE_SPAN_SIZE], const struct run *run, struct heed_str step,
                int attempt);
/* The traceparent to send out with an attempt of a step; empty without memory. */
struct heed_str trace_out(struct run *run, struct heed_str step, int attempt);

#endif
