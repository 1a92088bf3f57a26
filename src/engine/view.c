/*
 * view.c - what those who watch may read of a run (engine.h).
 */
#include <string.h>

#include "engine/core.h"
#include "engine/trace.h"

void
run_view_trace(const struct run *run, struct run_trace *ret_trace)
{
	const struct event *event = &run->event->event;
	struct trace_context context = {0};

	(void)trace_read(event->trace, &context);
	*ret_trace = (struct run_trace){
		.sampled = context.sampled,
		.created_us = run->created_us,
	};
	(void)memcpy(ret_trace->trace, context.trace, sizeof(ret_trace->trace));
	(void)memcpy(ret_trace->parent, context.parent, sizeof(ret_trace->parent));
	/* An event from outside was taken in between. */
	if (event->parent_run == 0)
		trace_intake(ret_trace->parent, event->source, event->id);
	trace_run(ret_trace->span, run);
}

static struct step_view
view_step(const struct run *run, const struct entry *entry)
{
	struct step_view view = {
		.kind = entry->kind,
		.step = entry->step,
		.attempt = entry->attempt,
		.state = entry->state,
		.began_us = entry->at_us,
		.ended_us = entry->ended_us,
		.asked = entry->asked,
		.model = entry->model,
		.usage = &entry->usage,
		.cost_nano = entry->cost_nano,
		.uncertain_nano = entry->reserved_nano,
		.class = entry->class,
		.detail = entry->detail,
		.key = entry->key,
		.request = entry->request,
		.reply = entry->reply,
	};

	if (entry->action != NULL)
		view.action = str_of(entry->action->kind->name);
	trace_step(view.span, run, entry->step, entry->attempt);
	return view;
}

void
run_view_steps(const struct run *run, step_view_fn *fn, void *arg)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		struct step_view view = view_step(run, entry);

		fn(arg, &view);
	}
}

void
view_tell_step(const struct run *run, const struct entry *entry)
{
	const struct engine_options *options = &run->engine->options;
	struct step_view view;

	if (options->stepped == NULL)
		return;
	view = view_step(run, entry);
	options->stepped(options->arg, run, &view);
}
