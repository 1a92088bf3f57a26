/*
 * traces.c - see traces.h. Attributes follow OpenTelemetry's semantic conventions for
 * generative AI, messaging and CloudEvents; there is none for cost, so heed.cost_usd is
 * its own.
 */
#include "observe/traces.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/detect.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/redact.h"
#include "engine/trace.h"
#include "observe/span.h"

#define FLUSH_MS 3000
#define CAPTURE_MAX 16384 /* bytes of one prompt or reply */

static const char *const capture_names[] = {"off", "redacted", "full", NULL};

static const struct option capture_type_options[] = {
	{.name = "capture",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct traces_capture_type, capture),
         .names = capture_names,
         .fallback = "off",
         .help = "off, redacted or full"},
	OPTION_ROWS_END,
};

#define AT(member) .offset = offsetof(struct traces_options, member)

const struct option traces_options[] = {
	{.name = "endpoint",
         .kind = OPTION_TEXT,
         AT(otlp.endpoint),
         .help = "the collector's address (OTLP over HTTP), such as "
                 "http://127.0.0.1:4318"},
	{.name = "headers",
         .kind = OPTION_HEADERS,
         AT(otlp.headers),
         .help = "headers of each request, such as an API key"},
	{.name = "service",
         .kind = OPTION_TEXT,
         AT(otlp.service),
         .help = "service.name; without it the application's name"},
	{.name = "sample",
         .kind = OPTION_REAL,
         AT(sample),
         .fallback = "1",
         .min = 0,
         .max = 1,
         .help = "share of traces that are kept, decided by their id; a trace whose "
                 "sender "
                 "does not want it sampled is not"},
	{.name = "capture",
         .kind = OPTION_ENUM,
         AT(capture),
         .names = capture_names,
         .fallback = "off",
         .help = "prompts and replies in spans: off, redacted (personal data replaced), "
                 "or "
                 "full (as the provider saw them)"},
	{.name = "capture_types",
         .kind = OPTION_MAP,
         AT(capture_types),
         .rows = capture_type_options,
         .size = sizeof(struct traces_capture_type),
         .flags = OPTION_SCALAR_SHORT,
         .help = "the same by event type: {customer_created: redacted}"},
	{.name = "queue",
         .kind = OPTION_INT,
         AT(otlp.queue),
         .fallback = "8192",
         .min = 1,
         .max = 1000000,
         .help = "spans that may wait; more are dropped, counted and logged"},
	{.name = "batch",
         .kind = OPTION_INT,
         AT(otlp.batch),
         .fallback = "512",
         .min = 1,
         .max = 10000,
         .help = "spans that are sent at once"},
	{.name = "interval",
         .kind = OPTION_DURATION,
         AT(otlp.interval_ms),
         .fallback = "5s",
         .min = 1,
         .max = 3600000,
         .help = "how long a span may wait for others"},
	OPTION_ROWS_END,
};

struct traces {
	const struct traces_options *options;
	struct traces_world world;
	struct otlp *otlp;
	struct heed_buf buf; /* of the span that is being made */
};

/* By the trace's id, so that all who see it decide alike. */
static bool
is_kept(const struct traces *traces, const char *trace, bool sampled)
{
	uint64_t chance = strtoull(trace + 16, NULL, 16);

	return sampled && (traces->options->sample >= 1 ||
	                   (double)chance < traces->options->sample * 0x1p64);
}

static void
put(struct traces *traces)
{
	if (buf_error(&traces->buf) == 0)
		otlp_add(traces->otlp, buf_str(&traces->buf));
	buf_reset(&traces->buf);
}

static void
event_attributes(struct heed_buf *buf, const struct event *event)
{
	span_text(buf, "cloudevents.event_id", event->id);
	span_text(buf, "cloudevents.event_source", event->source);
	span_text(buf, "cloudevents.event_type", event->type);
	span_text(buf, "cloudevents.event_subject", event->subject);
}

/* ---- events ------------------------------------------------------------------------ */

void
traces_arrived(struct traces *traces, const struct arrival *arrival, int64_t now_us)
{
	const struct event *event = arrival->event;
	struct trace_context context;
	char id[TRACE_SPAN_SIZE];
	char name[128];
	struct span span = {.trace = context.trace,
	                    .id = id,
	                    .kind = SPAN_CONSUMER,
	                    .began_us = arrival->came_us,
	                    .ended_us = now_us};

	if (traces == NULL || arrival->duplicate || event->parent_run > 0 ||
	    !trace_read(event->trace, &context) ||
	    !is_kept(traces, context.trace, context.sampled))
		return;
	trace_intake(id, event->source, event->id);
	/* One that began its trace here has no parent. */
	span.parent = str_is(str_of(id), context.parent) ? "" : context.parent;
	(void)snprintf(name, sizeof(name), "receive %.*s",
	               STR_ARG(str_head_utf8(event->type, 100)));
	span.name = str_of(name);
	span_begin(&traces->buf, &span);
	event_attributes(&traces->buf, event);
	span_int(&traces->buf, "heed.runs", (int64_t)arrival->n_runs);
	span_end(&traces->buf, (struct heed_str){NULL, 0});
	put(traces);
}

/* ---- steps ------------------------------------------------------------------------- */

struct telling {
	struct traces *traces;
	const struct run_trace *trace;
	int capture;
};

static int
capture_of(const struct traces *traces, struct heed_str type)
{
	const struct traces_capture_type *types = traces->options->capture_types.items;
	size_t i;

	for (i = 0; i < traces->options->capture_types.n; i++)
		if (str_eq(types[i].type, type))
			return types[i].capture;
	return traces->options->capture;
}

/* As the conventions have messages: [{"role", "parts": [{"type": "text", "content"}]}].
 */
static void
message(struct telling *telling, const char *name, const char *role, struct heed_str text)
{
	static const struct redact_rule all = {.kinds = DETECT_ALL};
	static const struct redact_rules rules = {&all, 1};
	const struct redact_rules *list = &rules;
	struct redaction *redaction = NULL;
	struct heed_json none = json_null();
	struct heed_buf json;
	struct arena arena;

	if (text.len == 0)
		return;
	arena_init(&arena, 0);
	text = str_head_utf8(text, CAPTURE_MAX);
	if (telling->capture == CAPTURE_REDACTED &&
	    (redaction_new(&arena, &list, 1, none, &redaction, &none) < 0 ||
	     redaction_text(redaction, text, &text) < 0))
		text = HEED_STR("(there was no memory to redact it)");
	buf_init(&json, 0);
	buf_addf(&json,
	         "[{\"role\":\"%s\",\"parts\":[{\"type\":\"text\",\"content\":", role);
	json_write_string(&json, text);
	buf_adds(&json, "}]}]");
	span_text(&telling->traces->buf, name, buf_str(&json));
	buf_done(&json);
	redaction_free(redaction);
	arena_done(&arena);
}

static void
capture(struct telling *telling, const struct step_view *step)
{
	struct model_reply reply = {0};
	struct heed_json value;
	struct arena arena;

	if (telling->capture == CAPTURE_OFF)
		return;
	arena_init(&arena, 0);
	if (json_parse(&arena, step->request, &value, NULL) == 0) {
		message(telling, "gen_ai.system_instructions", "system",
		        json_get_text(value, "system"));
		message(telling, "gen_ai.input.messages", "user",
		        json_get_text(value, "prompt"));
	}
	if (step->reply.len > 0 && json_parse(&arena, step->reply, &value, NULL) == 0 &&
	    model_reply_read(value, &reply) == 0)
		message(telling, "gen_ai.output.messages", "assistant", reply.text);
	arena_done(&arena);
}

static const struct model *
asked_model(const struct traces *traces, const struct step_view *step)
{
	return traces->world.model(traces->world.arg, step->asked);
}

/* As the conventions call the providers. */
static struct heed_str
provider_name(const struct model *model)
{
	const char *name = model_provider_names[model->provider];

	if (str_is(str_of(name), "azure"))
		return HEED_STR("azure.ai.openai");
	return str_is(str_of(name), "rules") ? HEED_STR("heed.rules") : str_of(name);
}

static void
ask_attributes(struct telling *telling, const struct step_view *step)
{
	struct heed_buf *buf = &telling->traces->buf;
	const struct model_usage *usage = step->usage;
	const struct model *model = asked_model(telling->traces, step);

	span_text(buf, "gen_ai.operation.name", HEED_STR("chat"));
	span_text(buf, "heed.model", step->asked);
	if (model != NULL) {
		span_text(buf, "gen_ai.provider.name", provider_name(model));
		span_text(buf, "gen_ai.request.model", model_label(model));
	}
	span_text(buf, "gen_ai.response.model", step->model);
	span_int(buf, "gen_ai.usage.input_tokens", usage->input);
	span_int(buf, "gen_ai.usage.output_tokens", usage->output);
	span_int(buf, "gen_ai.usage.cache_read.input_tokens", usage->cached_input);
	span_int(buf, "gen_ai.usage.cache_creation.input_tokens", usage->cache_write);
	span_int(buf, "gen_ai.usage.reasoning.output_tokens", usage->reasoning);
	span_real(buf, "heed.cost_usd", (double)step->cost_nano / 1e9);
	capture(telling, step);
}

static enum span_kind
kind_of(const struct step_view *step)
{
	if (step->kind == ENTRY_EMIT)
		return SPAN_PRODUCER;
	return step->kind == ENTRY_ASK || str_is(step->action, "http") ? SPAN_CLIENT
	                                                               : SPAN_INTERNAL;
}

/* "chat gpt-4o-mini", "http then.1", "emit then.2" */
static void
name_of(const struct traces *traces, const struct step_view *step, char *place,
        size_t size)
{
	const struct model *model = asked_model(traces, step);
	struct heed_str what = step->action.len > 0
	                               ? step->action
	                               : str_of(store_entry_kind_name(step->kind));

	if (step->kind == ENTRY_ASK)
		(void)snprintf(place, size, "chat %.*s",
		               STR_ARG(model != NULL ? model_label(model) : step->model));
	else
		(void)snprintf(place, size, "%.*s %.*s", STR_ARG(what),
		               STR_ARG(str_head_utf8(step->step, 80)));
}

static void
tell_step(void *arg, const struct step_view *step)
{
	struct telling *telling = arg;
	struct heed_buf *buf = &telling->traces->buf;
	char name[160];
	struct span span = {
		.trace = telling->trace->trace,
		.id = step->span,
		.parent = telling->trace->span,
		.kind = kind_of(step),
		.began_us = step->began_us,
		.ended_us = step->ended_us,
	};
	bool failed = step->state == ENTRY_FAILED || step->state == ENTRY_UNKNOWN;

	if (step->kind == ENTRY_MARK)
		return;
	name_of(telling->traces, step, name, sizeof(name));
	span.name = str_of(name);
	span_begin(buf, &span);
	span_text(buf, "heed.step", step->step);
	span_int(buf, "heed.attempt", step->attempt);
	span_text(buf, "heed.effect_key", step->key);
	if (step->kind == ENTRY_ASK)
		ask_attributes(telling, step);
	if (failed)
		span_text(buf, "error.type", step->class);
	span_end(buf, !failed                ? (struct heed_str){NULL, 0}
	              : step->detail.len > 0 ? step->detail
	                                     : step->class);
	put(telling->traces);
}

/* ---- runs -------------------------------------------------------------------------- */

void
traces_ended(struct traces *traces, const struct run *run, int64_t now_us)
{
	struct telling telling = {.traces = traces};
	struct run_trace trace;
	struct run_view view;
	char name[160];
	struct span span = {.trace = trace.trace,
	                    .id = trace.span,
	                    .parent = trace.parent,
	                    .kind = SPAN_CONSUMER,
	                    .ended_us = now_us};

	if (traces == NULL)
		return;
	run_view_trace(run, &trace);
	if (trace.trace[0] == '\0' || !is_kept(traces, trace.trace, trace.sampled))
		return;
	run_view(run, &view);
	(void)snprintf(name, sizeof(name), "%s %.*s", view.flow,
	               STR_ARG(str_head_utf8(view.name, 100)));
	span.name = str_of(name);
	span.began_us = trace.created_us;
	span_begin(&traces->buf, &span);
	event_attributes(&traces->buf, view.event);
	span_int(&traces->buf, "heed.run", view.id);
	span_text(&traces->buf, "heed.flow", str_of(view.flow));
	span_text(&traces->buf, "heed.name", view.name);
	span_text(&traces->buf, "heed.state", str_of(view.state));
	span_int(&traces->buf, "heed.model_calls", (int64_t)view.calls);
	span_real(&traces->buf, "heed.cost_usd", (double)view.cost_nano / 1e9);
	span_text(&traces->buf, "error.type", view.class);
	span_end(&traces->buf,
	         view.class.len > 0 && view.text.len == 0 ? view.class : view.text);
	put(traces);
	telling.trace = &trace;
	telling.capture = capture_of(traces, view.event->type);
	run_view_steps(run, tell_step, &telling);
}

/* ---- life -------------------------------------------------------------------------- */

int
traces_new(struct traces_options *options, const struct traces_world *world,
           struct traces **ret_traces, struct heed_error *error)
{
	struct traces *traces;
	int r;

	*ret_traces = NULL;
	if (options->otlp.endpoint.len == 0)
		return 0;
	traces = mem_new(sizeof(*traces));
	if (traces == NULL)
		return HEED_E_NOMEM;
	if (options->otlp.service.len == 0)
		options->otlp.service = world->name;
	traces->options = options;
	traces->world = *world;
	buf_init(&traces->buf, 0);
	r = otlp_new(world->loop, world->http, &options->otlp, &traces->otlp, error);
	if (r < 0) {
		traces_free(traces);
		return r;
	}
	*ret_traces = traces;
	return 0;
}

void
traces_free(struct traces *traces)
{
	if (traces == NULL)
		return;
	otlp_free(traces->otlp);
	buf_done(&traces->buf);
	mem_free(traces);
}

void
traces_flush(struct traces *traces, loop_fn *done, void *arg)
{
	otlp_flush(traces->otlp, FLUSH_MS, done, arg);
}

void
traces_stats(const struct traces *traces, struct otlp_stats *ret_stats)
{
	otlp_stats(traces->otlp, ret_stats);
}
