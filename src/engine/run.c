/*
 * run.c - the life of a run: states, passes of its flow, commits. See the diagram in
 * core.h.
 *
 * A pass calls the flow once. What it adds to the journal, the events that it emits and
 * its verdict are committed in one transaction; then the commands are performed. A paid
 * reply is committed before the flow sees it; other facts are committed with the pass
 * that follows.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/core.h"

#define COMMIT_AGAIN_MS 1000

struct event_ref *
event_ref_new(const struct event *event)
{
	struct event_ref *ref = mem_new(sizeof(*ref));
	struct heed_error error;
	struct heed_json root;

	if (ref == NULL)
		return NULL;
	ref->refs = 1;
	arena_init(&ref->arena, event->json.len * 3 + 512);
	if (json_copy(&ref->arena, event->root, &root) < 0 ||
	    event_from_json(&ref->arena, root, event->time_us, &ref->event, &error) < 0) {
		event_unref(ref);
		return NULL;
	}
	ref->event.seq = event->seq;
	ref->event.depth = event->depth;
	ref->event.parent_run = event->parent_run;
	ref->event.trace = arena_str(&ref->arena, event->trace);
	return ref;
}

void
event_unref(struct event_ref *event)
{
	if (event == NULL || --event->refs > 0)
		return;
	arena_done(&event->arena);
	mem_free(event);
}

static void
timer_fired(void *arg)
{
	struct run *run = arg;

	run->due_us = 0;
	run_set_state(run, RUN_READY);
}

struct run *
run_new(struct engine *engine, struct definition *definition, struct event_ref *event)
{
	struct run *run = mem_new(sizeof(*run));

	if (run == NULL)
		return NULL;
	run->queue = queue_of(engine, definition);
	if (run->queue == NULL) {
		mem_free(run);
		return NULL;
	}
	run->engine = engine;
	run->definition = definition;
	definition->refs++;
	run->event = event;
	event->refs++;
	run->state = RUN_NEW;
	run->created_us = loop_wall_us(engine->loop);
	run->started_ms = loop_steady_ms(engine->loop);
	run->dirty = true;
	arena_init(&run->arena, 2048);
	TAILQ_INIT(&run->entries);
	loop_timer_init(&run->timer, timer_fired, run);
	TAILQ_INSERT_TAIL(&engine->all, run, all);
	engine->unfinished++;
	return run;
}

void
definition_unref(struct definition *definition)
{
	if (definition != NULL && --definition->refs == 0 &&
	    definition->kind->free != NULL)
		definition->kind->free(definition);
}

void
run_free(struct run *run)
{
	struct engine *engine = run->engine;
	struct entry *entry;
	size_t i;

	TAILQ_FOREACH(entry, &run->entries, link)
	{
		ask_cancel(entry);
		effect_cancel(entry);
	}
	loop_timer_clear(engine->loop, &run->timer);
	for (i = 0; i < run->emitted.n; i++)
		event_unref(run->emitted.items[i]);
	mem_free(run->emitted.items);
	TAILQ_REMOVE(&engine->all, run, all);
	engine->unfinished--;
	event_unref(run->event);
	definition_unref(run->definition);
	arena_done(&run->arena);
	mem_free(run);
}

/* Take it out of the place that its state means. */
static void
leave_state(struct run *run)
{
	switch (run->state) {
	case RUN_READY:
		if (run->lane != NULL && run->lane->first != run)
			TAILQ_REMOVE(&run->lane->waiting, run, link);
		else
			TAILQ_REMOVE(&run->queue->ready, run, link);
		break;
	case RUN_ACTIVE:
		run->queue->active--;
		run->engine->active--;
		dispatch_soon(run->engine);
		break;
	case RUN_WAITING:
		TAILQ_REMOVE(&run->engine->waiting, run, link);
		loop_timer_clear(run->engine->loop, &run->timer);
		break;
	default:
		break;
	}
}

void
run_set_state(struct run *run, enum run_state state)
{
	struct engine *engine = run->engine;

	leave_state(run);
	run->state = state;
	switch (state) {
	case RUN_READY:
		TAILQ_INSERT_TAIL(&run->queue->ready, run, link);
		dispatch_soon(engine);
		break;
	case RUN_ACTIVE:
		run->queue->active++;
		engine->active++;
		break;
	case RUN_WAITING: {
		int64_t left_us = run->due_us - loop_wall_us(engine->loop);

		TAILQ_INSERT_TAIL(&engine->waiting, run, link);
		loop_timer_set(engine->loop, &run->timer,
		               left_us > 0 ? left_us / 1000 + 1 : 0);
		run->dirty = true;
		break;
	}
	default:
		run->dirty = true;
		break;
	}
}

void
run_verdict(struct run *run, const char *class, const char *text)
{
	run->class = arena_str(&run->arena, str_of(class));
	run->text = arena_str(&run->arena, str_of(text));
	run->dirty = true;
}

int
flow_fail(struct run *run, int code, const char *class, const struct heed_error *error)
{
	if (run->class.len == 0)
		run_verdict(run, class,
		            error != NULL ? error->text : heed_code_text(code));
	return code;
}

/* Ask for leave for new questions; true when any entry waits for something. */
static bool
admit_entries(struct run *run)
{
	struct entry *entry;
	bool busy = false;

	TAILQ_FOREACH(entry, &run->entries, link)
	{
		if (entry->state != ENTRY_INTENDED)
			continue;
		busy = true;
		if (entry->kind == ENTRY_ASK && entry->todo && !entry->stored &&
		    entry->ticket == NULL && ask_admit(entry) == HEED_WAIT)
			entry->dirty = false;
	}
	return busy;
}

static bool
needs_commit(const struct run *run)
{
	const struct entry *entry;

	if (run->dirty || run->emitted.n > 0)
		return true;
	TAILQ_FOREACH(entry, &run->entries, link)
	if (entry->dirty)
		return true;
	return false;
}

void
run_advance(struct run *run)
{
	int r;

	run->advance = false;
	run->due_us = 0;
	r = run->definition->kind->step(run);
	if (r == 0) {
		run_set_state(run, RUN_DONE);
	} else if (r < 0) {
		bool held = r == HEED_E_UNKNOWN;

		if (run->class.len == 0)
			run_verdict(run, heed_code_name(r), heed_code_text(r));
		run_set_state(run, held ? RUN_HELD : RUN_DEAD);
	} else if (!admit_entries(run)) {
		run_set_state(run, RUN_WAITING);
	}
	if (needs_commit(run))
		run_commit(run);
}

void
run_fact(struct run *run, struct entry *entry)
{
	entry->dirty = true;
	entry->todo = false;
	entry->ended_us = loop_wall_us(run->engine->loop);
	if (entry->kind == ENTRY_ASK && entry->state == ENTRY_DONE) {
		run->advance = true;
		run_commit(run);
	} else if (run->committing) {
		run->advance = true;
		run->again = true;
	} else {
		run_advance(run);
	}
}

/* ---- committing
 * ------------------------------------------------------------------------- */

struct run_write {
	struct run *run;
	struct run_list children;
};

static void
children_done(struct run_list *children, int code)
{
	struct run *child;

	while ((child = TAILQ_FIRST(children)) != NULL) {
		TAILQ_REMOVE(children, child, link);
		child->stored = code == 0;
		if (code != 0)
			run_free(child);
		else if (child->state == RUN_NEW)
			dispatch_add(child);
		else
			run_committed(child, 0, NULL);
	}
}

static void
write_done(void *arg, const struct store_result *result)
{
	struct run_write *write = arg;
	struct run *run = write->run;
	size_t i;

	run->engine->commits--;
	children_done(&write->children, result->code);
	if (result->code == 0) {
		for (i = 0; i < run->emitted.n; i++)
			event_unref(run->emitted.items[i]);
		run->emitted.n = 0;
	}
	mem_free(write);
	run_committed(run, result->code, result->text);
}

static int
write_emitted(struct run *run, struct store_tx *tx, struct run_list *children)
{
	size_t i;

	for (i = 0; i < run->emitted.n; i++)
		HEED_TRY(inbox_route(run->engine, tx, run->emitted.items[i], children));
	return 0;
}

static void
commit_later(void *arg)
{
	struct run *run = arg;

	loop_timer_init(&run->timer, timer_fired, run);
	run->committing = false;
	run_commit(run);
}

/* The store could not take it: nothing was performed; write the same again later. */
static void
try_again(struct run *run)
{
	journal_unwrite(run);
	run->committing = true;
	loop_timer_clear(run->engine->loop, &run->timer);
	loop_timer_init(&run->timer, commit_later, run);
	loop_timer_set(run->engine->loop, &run->timer, COMMIT_AGAIN_MS);
}

void
run_commit(struct run *run)
{
	struct engine *engine = run->engine;
	struct run_write *write;
	struct store_tx *tx = NULL;

	if (run->committing) {
		run->again = true;
		return;
	}
	run->committing = true;
	write = mem_new(sizeof(*write));
	if (write == NULL) {
		try_again(run);
		return;
	}
	write->run = run;
	TAILQ_INIT(&write->children);
	tx = store_begin(engine->options.store);
	if (tx == NULL || journal_write(run, tx) < 0 ||
	    write_emitted(run, tx, &write->children) < 0) {
		store_discard(tx);
		children_done(&write->children, HEED_E_NOMEM);
		mem_free(write);
		try_again(run);
		return;
	}
	engine->commits++;
	store_commit(engine->options.store, tx, write_done, write);
}

static void
perform(struct run *run)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &run->entries, link)
	{
		if (!entry->todo || !entry->stored || entry->state != ENTRY_INTENDED)
			continue;
		entry->todo = false;
		if (entry->kind == ENTRY_ASK)
			ask_perform(entry);
		else
			effect_perform(entry);
	}
}

/* It is over and on disk: tell, and give up its place. */
static void
leave(struct run *run)
{
	struct engine *engine = run->engine;

	if (engine->options.watch != NULL)
		engine->options.watch(engine->options.arg, run);
	dispatch_left(run);
	run_free(run);
	inbox_pressure(engine);
}

/* Statements on the store's own database were part of the transaction: they are done, or
 * they are what made it fail. */
static bool
settle_transactional(struct run *run, int code, const char *text)
{
	struct entry *entry;
	bool any = false;

	TAILQ_FOREACH(entry, &run->entries, link)
	{
		if (entry->kind != ENTRY_ACT || entry->state != ENTRY_INTENDED ||
		    entry->action->kind->effect(entry->action) != EFFECT_TRANSACTIONAL)
			continue;
		any = true;
		entry->todo = false;
		entry->state = code == 0 ? ENTRY_DONE : ENTRY_FAILED;
		entry->value = json_null();
		entry->ended_us = loop_wall_us(run->engine->loop);
		if (code != 0) {
			entry->code = HEED_E_PERMANENT;
			entry->class = HEED_STR("permanent");
			entry->detail = arena_str(&run->arena, str_of(text));
		}
	}
	return any;
}

void
run_committed(struct run *run, int code, const char *text)
{
	bool again = run->again;
	bool transactional;

	run->committing = false;
	run->again = false;
	transactional = (code == 0 || code == HEED_E_PERMANENT) &&
	                settle_transactional(run, code, text);
	if (code != 0 && !transactional) {
		run->again = again;
		try_again(run);
		return;
	}
	if (code != 0)
		journal_unwrite(run);
	else
		run->stored = true;
	if (code == 0 && run->state >= RUN_HELD && !again) {
		leave(run);
		return;
	}
	perform(run);
	if (run->advance || transactional)
		run_advance(run);
	else if (again)
		run_commit(run);
}
