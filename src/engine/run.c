/*
 * run.c - the life of a run: states, passes of its flow, commits. See the diagram in
 * core.h.
 *
 * A pass calls the flow once. What it adds to the journal, the events that it emits and
 * its verdict are committed in one transaction; then the commands are performed. A paid
 * reply is committed before the flow sees it; other facts are committed with the pass
 * that follows. While a batch with the run is under way there is no pass: what arrives
 * waits for run_written.
 */
#include "base/error.h"
#include "base/mem.h"
#include "engine/core.h"

#define AGAIN_MS 1000 /* what the store or memory did not let happen */
#define AGAIN_MAX_MS 60000
#define TROUBLES_MAX 16 /* passes without memory, in a row: about ten minutes */

static void again_fired(void *arg);

static void
timer_fired(void *arg)
{
	struct run *run = arg;

	if (run->state == RUN_ACTIVE) { /* beside what is in flight */
		run_advance(run);
		return;
	}
	run->due_us = 0;
	run_set_state(run, RUN_READY);
}

struct run *
run_new(struct engine *engine, struct definition *definition, struct event_ref *event,
        int64_t id)
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
	run->queue->runs++;
	run->definition = definition;
	definition_hold(engine, definition);
	run->event = event;
	event->refs++;
	run->state = RUN_NEW;
	run->created_us = loop_wall_us(engine->loop);
	run->started_ms = loop_steady_ms(engine->loop);
	run->dirty = true;
	arena_init(&run->arena, 2048);
	TAILQ_INIT(&run->entries);
	loop_timer_init(&run->timer, timer_fired, run);
	loop_timer_init(&run->again, again_fired, run);
	TAILQ_INSERT_TAIL(&engine->all, run, all);
	run->id = id > 0 ? id : store_next_run(engine->options.store);
	map_add(&engine->runs, &run->by_id, map_hash_number(run->id));
	engine->unfinished++;
	return run;
}

static void
drop_emitted(struct run *run, size_t from)
{
	while (run->emitted.n > from)
		event_unref(run->emitted.items[--run->emitted.n]);
}

static void
release(struct entry *entry)
{
	ask_cancel(entry);
	effect_cancel(entry);
	append_release(entry);
	wait_forget(entry);
}

void
run_free(struct run *run)
{
	struct engine *engine = run->engine;
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		release(entry);
	}
	signal_written(run, HEED_E_CANCELLED);
	loop_timer_clear(engine->loop, &run->timer);
	engine->troubled -= run->again.slot != 0;
	loop_timer_clear(engine->loop, &run->again);
	drop_emitted(run, 0);
	mem_free(run->emitted.items);
	TAILQ_REMOVE(&engine->all, run, all);
	map_remove(&engine->runs, &run->by_id);
	engine->unfinished--;
	run->queue->runs--;
	if (run->reads_event)
		event_close(run->event);
	event_unref(run->event);
	definition_drop(engine, run->definition);
	arena_done(&run->arena);
	mem_free((char *)run->key.data);
	mem_free(run);
}

int
run_set_key(struct run *run, struct heed_str key)
{
	char *copy;

	if (key.len == 0)
		return 0;
	copy = mem_copy(key.data, key.len);
	if (copy == NULL)
		return HEED_E_NOMEM;
	run->key = (struct heed_str){copy, key.len};
	return 0;
}

struct run *
run_find(struct engine *engine, int64_t id)
{
	struct map_node *node = map_find(&engine->runs, map_hash_number(id));

	for (; node != NULL; node = map_more(node))
		if (MAP_OWNER(node, struct run, by_id)->id == id)
			return MAP_OWNER(node, struct run, by_id);
	return NULL;
}

void
run_drop(struct run *run)
{
	run_set_state(run, RUN_DROPPED);
	if (run->blocks)
		dispatch_unblock(run->engine, run->queue, run->key);
	dispatch_left(run);
	run_free(run);
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
			queue_take(run);
		break;
	case RUN_ACTIVE:
		run->queue->active--;
		run->engine->active--;
		loop_timer_clear(run->engine->loop, &run->timer);
		dispatch_soon(run->engine);
		break;
	case RUN_WAITING:
		TAILQ_REMOVE(&run->engine->waiting, run, link);
		loop_timer_clear(run->engine->loop, &run->timer);
		ledger_leave(&run->wait);
		break;
	default:
		break;
	}
}

/* Another pass when it is due, if it is. */
static void
arm(struct run *run)
{
	int64_t left_us = run->due_us - loop_wall_us(run->engine->loop);

	if (run->due_us > 0)
		loop_timer_set(run->engine->loop, &run->timer,
		               left_us > 0 ? left_us / 1000 + 1 : 0);
}

void
run_set_state(struct run *run, enum run_state state)
{
	struct engine *engine = run->engine;

	leave_state(run);
	run->state = state;
	switch (state) {
	case RUN_READY:
		queue_push(run);
		dispatch_soon(engine);
		break;
	case RUN_ACTIVE:
		run->queue->active++;
		engine->active++;
		break;
	case RUN_WAITING:
		TAILQ_INSERT_TAIL(&engine->waiting, run, link);
		if (!spend_wait(run))
			arm(run);
		run->dirty = true;
		break;
	default:
		ask_give_up(run);
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

/* Ask for leave for new questions; true when any entry waits for something. */
static bool
admit_entries(struct run *run)
{
	struct entry *entry;
	bool busy = false;

	TAILQ_FOREACH (entry, &run->entries, link) {
		int r = 0;

		if ((entry->state != ENTRY_INTENDED && entry->load == NULL) ||
		    entry->kind == ENTRY_WAIT || entry->kind == ENTRY_START)
			continue;
		if (entry->kind == ENTRY_ASK && entry->todo && entry->ticket == NULL)
			r = ask_admit(entry);
		busy = busy || r != SPEND_HELD;
	}
	return busy;
}

/* ---- passes ------------------------------------------------------------------------ */

static void
set_again(struct run *run, int64_t delay_ms)
{
	run->engine->troubled += run->again.slot == 0;
	loop_timer_set(run->engine->loop, &run->again, delay_ms);
}

static void
try_again(struct run *run)
{
	int64_t delay = AGAIN_MS;
	int i;

	for (i = 1; i < run->troubles && delay < AGAIN_MAX_MS; i++)
		delay *= 2;
	set_again(run, delay < AGAIN_MAX_MS ? delay : AGAIN_MAX_MS);
}

void
run_cut(struct run *run, int n_entries, size_t n_emitted)
{
	struct entry *entry;

	while (run->n_entries > n_entries) {
		entry = TAILQ_LAST(&run->entries, entry_list);
		TAILQ_REMOVE(&run->entries, entry, link);
		release(entry);
		run->n_entries--;
	}
	drop_emitted(run, n_emitted);
	run->class = run->text = (struct heed_str){NULL, 0};
	run->keep = NULL; /* what it knows may be of entries that are gone */
}

/* The pass ran out of memory: it never was, and another comes later. */
static void
undo_pass(struct run *run, int n_entries, size_t n_emitted)
{
	run_cut(run, n_entries, n_emitted);
	run->troubles++;
	run->advance = true;
	try_again(run);
}

int
run_emit(struct run *run, const struct event_parts *parts, int32_t depth,
         struct heed_error *error)
{
	struct event_parts whole = *parts;
	struct event_ref *ref;
	struct event event;

	if (whole.source.len == 0)
		whole.source = arena_printf(&run->arena, "heed/%.*s",
		                            STR_ARG(run->engine->options.name));
	HEED_TRY(event_from_parts(&run->arena, &whole, loop_wall_us(run->engine->loop),
	                          &event, error));
	event.depth = depth;
	event.parent_run = run->id;
	if (routes_find(run->engine->routes, event.type)->n == 0)
		event.root = json_null(); /* nobody reads it */
	ref = event_ref_new(&event);
	if (ref == NULL || mem_grow((void **)&run->emitted.items, &run->emitted.cap,
	                            run->emitted.n + 1, sizeof(ref)) < 0) {
		event_unref(ref);
		return error_nomem(error);
	}
	run->emitted.items[run->emitted.n++] = ref;
	return 0;
}

int
run_failed(struct run *run, enum run_state state)
{
	HEED_TRY(dead_letter_emit(run, state));
	run_set_state(run, state);
	if (run->queue->blocks && run->key.len > 0) {
		queue_block(run->queue, run->key);
		run->blocks = true;
	}
	return 0;
}

static int
end(struct run *run, int code)
{
	if (run->class.len == 0)
		run_verdict(run, heed_code_name(code), heed_code_text(code));
	return run_failed(run, code == HEED_E_UNKNOWN ? RUN_HELD : RUN_DEAD);
}

static int
read_event(struct run *run)
{
	if (!run->reads_event)
		HEED_TRY(event_open(run->event));
	run->reads_event = true;
	return 0;
}

void
run_pass(struct run *run)
{
	int n_entries = run->n_entries;
	size_t n_emitted = run->emitted.n;
	int r;

	run->advance = false;
	run->due_us = 0;
	run->stop.code = 0;
	loop_timer_clear(run->engine->loop, &run->timer);
	run->held_by = NULL;
	run->class = run->text = (struct heed_str){NULL, 0};
	r = read_event(run);
	if (r == 0)
		r = run->definition->kind->step(run);
	if (r == HEED_E_NOMEM && run->troubles < TROUBLES_MAX) {
		undo_pass(run, n_entries, n_emitted);
	} else if (r == 0) {
		run_set_state(run, RUN_DONE);
	} else if (r < 0) {
		if (end(run, r) < 0)
			undo_pass(run, n_entries, n_emitted);
	} else {
		run->troubles = 0;
		if (admit_entries(run) || run->advance)
			arm(run);
		else
			run_set_state(run, RUN_WAITING);
	}
}

/* Is a reply here that the store does not hold? No pass before it does. */
static bool
has_raw_reply(const struct run *run)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->kind == ENTRY_ASK && entry->state == ENTRY_DONE &&
		    (entry->dirty || entry->writing))
			return true;
	return false;
}

/* Do what is due, unless a batch is under way: then run_written comes here. */
static void
go_on(struct run *run)
{
	if (run->committing || run->engine->closing)
		return;
	if (run->advance && !has_raw_reply(run))
		run_pass(run);
	if (journal_is_dirty(run))
		run_commit(run);
}

void
run_advance(struct run *run)
{
	run->advance = true;
	go_on(run);
}

static void
again_fired(void *arg)
{
	struct run *run = arg;

	run->engine->troubled--;
	go_on(run);
}

void
run_fact(struct run *run, struct entry *entry)
{
	entry->dirty = true;
	entry->todo = false;
	entry->ended_us = loop_wall_us(run->engine->loop);
	view_tell_step(run, entry);
	run_advance(run);
}

void
run_wake(struct run *run, struct entry *entry)
{
	if (entry != NULL) {
		entry->dirty = true;
		entry->ended_us = loop_wall_us(run->engine->loop);
	}
	if (run->state == RUN_WAITING) {
		run->due_us = 0;
		run_set_state(run, RUN_READY);
	} else if (run->state == RUN_ACTIVE) {
		run->advance = true;
		set_again(run, 0);
	}
}

/* ---- committing -------------------------------------------------------------------- */

void
run_commit(struct run *run)
{
	struct batch *batch;

	if (run->committing)
		return; /* what is dirty follows */
	batch = batch_new(run->engine, run);
	if (batch != NULL && batch_write(batch) == 0) {
		run->committing = true;
		batch_commit(batch);
		return;
	}
	batch_discard(batch);
	journal_written(run, false);
	try_again(run);
}

static void
perform(struct run *run)
{
	struct entry *entry;

	if (run->engine->closing)
		return;
	TAILQ_FOREACH (entry, &run->entries, link) {
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
	child_ended(run);
	dispatch_left(run);
	run_free(run);
	inbox_pressure(engine);
}

/* What the transaction's statement gave is the entry's reply. */
static void
take_result(struct run *run, struct entry *entry, int code)
{
	entry->value = json_null();
	if (code == 0)
		(void)json_parse(&run->arena, entry->reply, &entry->value, NULL);
}

static int
play_transactional(struct entry *entry, struct heed_error *error)
{
	struct action_call call = {.world = &entry->run->engine->world,
	                           .request = entry->value};

	return effect_play(entry, &call, error);
}

/* Statements on the store's own database were part of the transaction: they are done, or
 * they are what made it fail. */
static bool
settle_transactional(struct run *run, int code, const char *text)
{
	struct heed_error error = {0};
	struct entry *entry;
	bool any = false;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (!entry->writing || !journal_is_transactional(entry))
			continue;
		any = true;
		if (code == 0 && run->engine->options.stand_in != NULL)
			code = play_transactional(entry, &error);
		else
			take_result(run, entry, code);
		entry->state = code == 0 ? ENTRY_DONE : ENTRY_FAILED;
		entry->ended_us = loop_wall_us(run->engine->loop);
		if (code != 0) {
			entry->code = HEED_E_PERMANENT;
			entry->class = HEED_STR("permanent");
			entry->detail = arena_str(
				&run->arena,
				str_of(error.text[0] != '\0' ? error.text : text));
		}
		view_tell_step(run, entry);
	}
	return any;
}

/* Another was first: whatever the run has come to since its append, it goes on there. */
static bool
undo_append(struct run *run, int code, const char *text)
{
	if (code != HEED_E_CONFLICT || !append_conflict(run, text))
		return false;
	if (run->state != RUN_ACTIVE)
		run_set_state(run, RUN_ACTIVE);
	if (run->blocks)
		dispatch_unblock(run->engine, run->queue, run->key);
	run->blocks = false;
	return true;
}

void
run_written(struct run *run, int code, const char *text)
{
	bool again = undo_append(run, code, text);

	if (code == 0 || code == HEED_E_PERMANENT)
		again = settle_transactional(run, code, text);
	run->committing = false;
	journal_written(run, code == 0);
	signal_written(run, 0);
	if (code == 0)
		drop_emitted(run, 0);
	else if (!again) {
		try_again(run);
		return;
	}
	if (run->state >= RUN_HELD && !journal_is_dirty(run)) {
		leave(run);
		return;
	}
	perform(run);
	if (again)
		run->advance = true;
	go_on(run);
}
