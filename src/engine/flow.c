/*
 * flow.c - what a flow may call besides asking, acting and waiting: notes, events,
 * branches, failures that are not the end, and a stop that lets what is in flight land.
 */
#include "base/error.h"
#include "engine/core.h"

const struct definition *
flow_definition(const struct run *run)
{
	return run->definition;
}

const struct event *
flow_event(const struct run *run)
{
	return &run->event->event;
}

struct arena *
flow_arena(struct run *run)
{
	return &run->arena;
}

int64_t
flow_run_id(const struct run *run)
{
	return run->id;
}

void **
flow_keep(struct run *run)
{
	return &run->keep;
}

int64_t
flow_spent(const struct run *run)
{
	const struct entry *entry;
	int64_t spent = 0;

	TAILQ_FOREACH (entry, &run->entries, link)
		spent += entry->cost_nano;
	return spent;
}

/* ---- time -------------------------------------------------------------------------- */

int64_t
flow_age_ms(const struct run *run)
{
	return (loop_wall_us(run->engine->loop) - run->created_us) / 1000;
}

void
flow_alarm(struct run *run, int64_t age_ms)
{
	int64_t due_us = run->created_us + age_ms * 1000;

	if (run->due_us == 0 || due_us < run->due_us)
		run->due_us = due_us;
}

/* ---- notes and events -------------------------------------------------------------- */

static struct entry *
find_note(const struct run *run, struct heed_str name)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->kind == ENTRY_NOTE && str_eq(entry->step, name))
			return entry;
	return NULL;
}

/* An entry that is its own result. */
static int
add_done(struct run *run, enum entry_kind kind, struct heed_str step,
         struct heed_json value, struct entry **ret_entry)
{
	struct entry *entry = journal_add(run, kind, step);

	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->attempt = 1;
	entry->state = ENTRY_DONE;
	entry->ended_us = entry->at_us;
	entry->value = value;
	*ret_entry = entry;
	return 0;
}

int
flow_note(struct run *run, struct heed_str name, struct heed_json value)
{
	struct entry *entry = find_note(run, name);

	if (entry != NULL)
		return 0;
	HEED_TRY(add_done(run, ENTRY_NOTE, name, value, &entry));
	entry->reply = json_text_of(&run->arena, value);
	return entry->reply.data == NULL ? HEED_E_NOMEM : 0;
}

const struct heed_json *
flow_noted(const struct run *run, struct heed_str name)
{
	const struct entry *entry = find_note(run, name);

	return entry != NULL ? &entry->value : NULL;
}

int
flow_emit(struct run *run, struct heed_str step, struct heed_str type,
          struct heed_str subject, struct heed_json data)
{
	struct entry *entry = journal_find(run, ENTRY_EMIT, step);
	struct json_build build;
	struct heed_json request;

	if (entry != NULL)
		return 0;
	json_object(&build, &run->arena);
	json_set_cstr(&build, "type", json_str(type));
	if (subject.len > 0)
		json_set_cstr(&build, "subject", json_str(subject));
	json_set_cstr(&build, "data", data);
	HEED_TRY(json_build_end(&build, &request));
	HEED_TRY(add_done(run, ENTRY_EMIT, step, request, &entry));
	entry->request = json_text_of(&run->arena, request);
	entry->key = journal_effect_key(run, step);
	if (entry->request.data == NULL || entry->key.data == NULL)
		return HEED_E_NOMEM;
	return effect_emit(run, entry);
}

/* ---- beginning anew ---------------------------------------------------------------- */

int
flow_retry(struct run *run, struct heed_str step)
{
	struct entry *entry;

	return add_done(run, ENTRY_MARK, step, json_null(), &entry);
}

int
flow_retries(const struct run *run, struct heed_str step)
{
	const struct entry *entry;
	int retries = 0;

	TAILQ_FOREACH (entry, &run->entries, link)
		retries += entry->kind == ENTRY_MARK && str_eq(entry->step, step);
	return retries;
}

int
flow_place(const struct run *run, struct heed_str step)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (str_eq(entry->step, step))
			return entry->n;
	return 0;
}

struct heed_str
flow_stray(const struct run *run, bool (*knows)(const void *arg, struct heed_str step),
           const void *arg)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->kind != ENTRY_MARK && entry->kind != ENTRY_SIGNAL &&
		    !knows(arg, entry->step))
			return entry->step;
	return (struct heed_str){NULL, 0};
}

bool
flow_waived(const struct run *run, struct heed_str step)
{
	const struct entry *last = NULL;
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (str_eq(entry->step, step))
			last = entry;
		else if (last != NULL && journal_marks(entry, step) &&
		         str_is(entry->detail, "done") &&
		         (last->state == ENTRY_FAILED || last->kind == ENTRY_NOTE))
			return true;
	}
	return false;
}

int
flow_rounds(const struct run *run, struct heed_str step)
{
	const struct entry *entry;
	int rounds = 0;

	TAILQ_FOREACH (entry, &run->entries, link)
		rounds += journal_marks(entry, step);
	return rounds;
}

/* ---- failing and stopping ---------------------------------------------------------- */

int
flow_fail(struct run *run, int code, const char *class, const struct heed_error *error)
{
	if (run->class.len == 0)
		run_verdict(run, class,
		            error != NULL ? error->text : heed_code_text(code));
	return code;
}

void
flow_catch(struct run *run, int code, struct flow_failure *ret_failure)
{
	ret_failure->code = code;
	ret_failure->class =
		run->class.len > 0 ? run->class : str_of(heed_code_name(code));
	ret_failure->text = run->text.len > 0 ? run->text : str_of(heed_code_text(code));
	run->class = run->text = (struct heed_str){NULL, 0};
}

void
flow_stop(struct run *run, int code, const char *class, const char *text)
{
	run->stop.code = code;
	run->stop.class = class;
	run->stop.text = text;
}

void
flow_go_on(struct run *run)
{
	run->stop.code = 0;
}

int
flow_stopped(struct run *run, struct heed_str step)
{
	struct heed_error error;

	(void)error_set(&error, run->stop.code, "step %.*s was not begun: %s",
	                STR_ARG(step), run->stop.text);
	return flow_fail(run, run->stop.code, run->stop.class, &error);
}

/* ---- branches ---------------------------------------------------------------------- */

static int
note_failure(struct run *run, struct heed_str name, const struct flow_failure *failure)
{
	struct json_build build;
	struct heed_json value;

	json_object(&build, &run->arena);
	json_set_cstr(&build, "code", json_int(failure->code));
	json_set_cstr(&build, "class", json_str(failure->class));
	json_set_cstr(&build, "text", json_str(failure->text));
	HEED_TRY(json_build_end(&build, &value));
	return flow_note(run, name, value);
}

static int
fail_as(struct run *run, const struct flow_failure *failure)
{
	run->class = failure->class;
	run->text = failure->text;
	run->dirty = true;
	return failure->code;
}

int
flow_parallel(struct run *run, struct heed_str step, size_t n, size_t bound,
              flow_branch_fn *branch, void *arg)
{
	static const char why[] = "another branch failed";
	struct heed_str note = arena_printf(&run->arena, "%.*s.failed.%d", STR_ARG(step),
	                                    flow_rounds(run, step) + 1);
	const struct heed_json *failed = flow_noted(run, note);
	int stopped = run->stop.code;
	struct flow_failure failure = {0};
	struct flow_failure held = {0};
	size_t open = 0;
	size_t i;

	if (note.data == NULL)
		return HEED_E_NOMEM;
	if (failed != NULL && stopped == 0)
		flow_stop(run, HEED_E_CANCELLED, "cancelled", why);
	for (i = 0; i < n && open < bound; i++) {
		int r = branch(run, arg, i);

		if (r == HEED_E_NOMEM)
			return r;
		open += r == HEED_WAIT;
		if (r == HEED_E_UNKNOWN) {
			flow_catch(run, r, &held);
		} else if (r < 0) {
			flow_catch(run, r, &failure);
			HEED_TRY(note_failure(run, note, &failure));
			failed = flow_noted(run, note);
		}
		if (r < 0 && run->stop.code == 0)
			flow_stop(run, HEED_E_CANCELLED, "cancelled", why);
	}
	run->stop.code = stopped;
	if (open > 0)
		return HEED_WAIT;
	if (held.code != 0)
		return fail_as(run, &held);
	if (failed == NULL)
		return 0;
	failure = (struct flow_failure){
		.code = (int)json_get_int(*failed, "code", HEED_E_PERMANENT),
		.class = json_get_text(*failed, "class"),
		.text = json_get_text(*failed, "text"),
	};
	return fail_as(run, &failure);
}
