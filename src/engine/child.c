/*
 * child.c - the step that starts another run and waits for its end.
 *
 * The child is started by an event that is for it alone, in the parent's own commit; the
 * event's id follows from run and step, so it is started once. What came of it is told
 * when its end is on disk (child_ended), or looked up when the parent comes back into
 * memory later than that.
 */
#include "base/error.h"
#include "engine/core.h"

#define START_TYPE HEED_STR("heed.start")

static struct entry *
find_start(const struct run *parent, struct heed_str event_id)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &parent->entries, link)
		if (entry->kind == ENTRY_START && entry->state == ENTRY_INTENDED &&
		    str_eq(json_get_text(entry->value, "event"), event_id))
			return entry;
	return NULL;
}

/* What came of the child is the entry's result, or its failure. A child that is held may
 * still go on: the parent waits. */
static int
take_end(struct entry *entry, enum run_state state, struct heed_str class,
         struct heed_str text, struct heed_json result)
{
	if (state != RUN_DONE && state != RUN_DEAD && state != RUN_DROPPED)
		return 0;
	if (state == RUN_DONE && class.len == 0)
		return wait_take(entry, result);
	entry->detail =
		arena_printf(&entry->run->arena, "its run is %s%s%.*s%s%.*s",
	                     store_run_state_name(state), class.len > 0 ? ", " : "",
	                     STR_ARG(class), text.len > 0 ? ": " : "", STR_ARG(text));
	if (entry->detail.data == NULL)
		return HEED_E_NOMEM;
	entry->state = ENTRY_FAILED;
	entry->class = HEED_STR("permanent");
	run_wake(entry->run, entry);
	return 0;
}

void
child_ended(const struct run *run)
{
	const struct event *event = &run->event->event;
	struct run *parent =
		event->parent_run != 0 ? run_find(run->engine, event->parent_run) : NULL;
	struct entry *entry = parent != NULL ? find_start(parent, event->id) : NULL;
	const struct heed_json *result = flow_noted(run, HEED_STR("result"));

	if (entry == NULL || parent->state >= RUN_HELD)
		return;
	/* Without memory the parent looks it up when it next comes by. */
	entry->loaded = take_end(entry, run->state, run->class, run->text,
	                         result != NULL ? *result : json_null()) < 0;
}

/* ---- looked up --------------------------------------------------------------------- */

struct look_up {
	struct entry *entry;
	struct heed_json result;
	bool found;
};

static int
read_note(void *arg, const struct store_entry *row)
{
	struct look_up *look = arg;

	if (row->kind != ENTRY_NOTE || !str_is(row->step, "result"))
		return 0;
	return json_parse(&look->entry->run->arena, row->reply, &look->result, NULL);
}

static int
read_child(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct look_up *look = arg;

	look->found = true;
	HEED_TRY(store_read_journal(look->entry->run->engine->options.store, row->id,
	                            read_note, look, NULL));
	return take_end(look->entry, row->state, row->class, row->text, look->result);
}

/* The parent was loaded: has its child ended meanwhile? */
static int
look_up(struct entry *entry)
{
	struct look_up look = {.entry = entry, .result = json_null()};
	struct store_filter filter = {
		.event_id = json_get_text(entry->value, "event"),
		.parent_run = entry->run->id,
		.limit = 1,
	};

	entry->loaded = false;
	if (store_read_runs(entry->run->engine->options.store, &filter, read_child, &look,
	                    NULL) < 0)
		return HEED_E_NOMEM;
	return look.found ? 0
	                  : take_end(entry, RUN_DROPPED, HEED_STR("child"),
	                             HEED_STR("it is not in the configuration any more"),
	                             json_null());
}

/* ---- the step ---------------------------------------------------------------------- */

static int
begin(struct run *run, struct heed_str step, const char *flow, struct heed_str name,
      struct heed_json data)
{
	struct queue *queue = queue_find(run->engine, str_of(flow), name);
	struct arena *arena = &run->arena;
	struct heed_error error;
	struct event_ref *event;
	struct json_build build;
	struct entry *entry;
	int rounds = flow_rounds(run, step);
	struct heed_str key = step;

	if (queue == NULL || queue->current == NULL) {
		(void)error_set(&error, HEED_E_NOTFOUND, "there is no %s \"%.*s\"", flow,
		                STR_ARG(name));
		return flow_fail(run, HEED_E_NOTFOUND, "child", &error);
	}
	if (rounds > 0)
		key = arena_printf(arena, "%.*s\n%d", STR_ARG(step), rounds);
	entry = journal_add(run, ENTRY_START, step);
	if (entry == NULL || key.data == NULL)
		return HEED_E_NOMEM;
	entry->attempt = rounds + 1;
	entry->key = journal_effect_key(run, key);
	json_object(&build, arena);
	json_set_cstr(&build, "flow", json_cstr(flow));
	json_set_cstr(&build, "event", json_str(entry->key));
	json_set_cstr(&build, "type", json_str(START_TYPE));
	json_set_cstr(&build, "subject", json_str(queue->name));
	json_set_cstr(&build, "data", data);
	HEED_TRY(json_build_end(&build, &entry->value));
	entry->request = json_text_of(arena, entry->value);
	if (entry->key.data == NULL || entry->request.data == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(effect_emit(run, entry));
	event = run->emitted.items[run->emitted.n - 1];
	event->only_flow = queue->flow;
	event->only_name = arena_str(&event->texts, queue->name);
	return event->only_name.data == NULL ? HEED_E_NOMEM : HEED_WAIT;
}

/* Ask the child to end early; it tells when it has. */
static void
cancel(const struct entry *entry)
{
	struct engine *engine = entry->run->engine;
	struct heed_str event_id = json_get_text(entry->value, "event");
	struct heed_json said;
	struct run *child;

	TAILQ_FOREACH (child, &engine->all, all) {
		if (child->event->event.parent_run != entry->run->id ||
		    !str_eq(child->event->event.id, event_id) ||
		    flow_hear(child, "cancel", &said))
			continue;
		(void)engine_signal(engine, child->id, HEED_STR("cancel"),
		                    json_cstr("the run that started it was stopped"),
		                    NULL, NULL, NULL);
	}
}

int
flow_start(struct run *run, struct heed_str step, const char *flow, struct heed_str name,
           struct heed_json data, struct heed_json *ret_result)
{
	struct entry *entry = journal_find(run, ENTRY_START, step);
	struct heed_error error;

	if (entry == NULL && run->stop.code != 0)
		return flow_stopped(run, step);
	if (entry == NULL)
		return begin(run, step, flow, name, data);
	if (entry->state == ENTRY_INTENDED && entry->loaded)
		HEED_TRY(look_up(entry));
	if (entry->state == ENTRY_INTENDED && run->stop.code != 0)
		cancel(entry);
	if (entry->state == ENTRY_INTENDED)
		return HEED_WAIT;
	*ret_result = entry->value;
	if (entry->state == ENTRY_DONE)
		return 0;
	(void)error_set(&error, HEED_E_PERMANENT, "step %.*s: %.*s", STR_ARG(step),
	                STR_ARG(entry->detail));
	return flow_fail(run, HEED_E_PERMANENT, "child", &error);
}
