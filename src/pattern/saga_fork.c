/*
 * saga_fork.c - a new saga with the finished steps of an old one.
 *
 * What was finished before the step where they part is kept: answers, results, decisions,
 * and that they were told. What was undone is not there any more, so the new saga has to
 * part before it.
 */
#include "pattern/saga.h"
#include "pattern/sagas.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"

/* What the old saga's journal tells. */
struct past {
	struct arena arena;
	struct heed_str name; /* of the saga */
	struct past_entry {
		struct past_entry *next;
		enum entry_kind kind;
		enum entry_state state;
		int n;
		int attempt;
		struct heed_str step;
		struct heed_str request; /* of what was told */
	} * first, *last;
};

static int
read_entry(void *arg, const struct store_entry *row)
{
	struct past *past = arg;
	struct past_entry *entry = ARENA_NEW(&past->arena, struct past_entry);

	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->kind = row->kind;
	entry->state = row->state;
	entry->n = row->n;
	entry->attempt = row->attempt;
	entry->step = arena_str(&past->arena, row->step);
	if (row->kind == ENTRY_EMIT)
		entry->request = arena_str(&past->arena, row->request);
	if (past->last != NULL)
		past->last->next = entry;
	else
		past->first = entry;
	past->last = entry;
	return 0;
}

static int
read_run(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct past *past = arg;

	(void)event;
	if (str_is(row->flow, saga_flow.name))
		past->name = arena_str(&past->arena, row->name);
	return 0;
}

static int
read_past(struct store *store, int64_t run_id, struct past *past,
          struct heed_error *error)
{
	struct store_filter filter = {.run_id = run_id};

	HEED_TRY(store_read_runs(store, &filter, read_run, past, error));
	if (past->name.len == 0)
		return error_set(error, HEED_E_NOTFOUND, "there is no saga %lld",
		                 (long long)run_id);
	return store_read_journal(store, run_id, read_entry, past, error);
}

/* ---- where they part --------------------------------------------------------------- */

/* "charge" and "charge.2" are executions of charge; "charge.undo" is not. */
static bool
is_execution(struct heed_str entry, struct heed_str step)
{
	struct heed_str name = str_cut(&entry, '.');
	int64_t times;

	return str_eq(name, step) && (entry.len == 0 || str_to_i64(entry, &times) == 0);
}

static bool
is_of_step(struct heed_str entry, const struct saga_step *step)
{
	size_t i;
	size_t k;

	if (is_execution(entry, step->name))
		return true;
	for (i = 0; i < step->parallel.n; i++)
		for (k = 0; k < step->parallel.branches[i].n; k++)
			if (is_execution(entry,
			                 step->parallel.branches[i].steps[k]->name))
				return true;
	return false;
}

/* "saga.guide.3", the question that chose a step. */
static bool
is_guide(const struct past_entry *entry)
{
	struct heed_str rest = str_from(entry->step, strlen("saga.guide."));
	int64_t turn;

	return entry->kind == ENTRY_ASK && str_starts(entry->step, "saga.guide.") &&
	       str_to_i64(rest, &turn) == 0;
}

/* The entry with which the step was begun the last time; 0 when it never was. */
static int
find_place(const struct past *past, const struct saga_step *step)
{
	const struct past_entry *entry;
	int guide = 0;
	int place = 0;
	struct heed_str begun = {NULL, 0};

	for (entry = past->first; entry != NULL; entry = entry->next) {
		if (is_guide(entry) && entry->attempt == 1)
			guide = entry->n;
		if (entry->kind == ENTRY_MARK || entry->kind == ENTRY_NOTE ||
		    !is_of_step(entry->step, step) || str_eq(entry->step, begun))
			continue;
		if (step->parallel.n == 0 || place == 0)
			place = guide > 0 ? guide : entry->n;
		begun = entry->step;
	}
	return place;
}

/* A finished step that was undone, or NULL. */
static const struct past_entry *
find_undone(const struct past *past, int place)
{
	const struct past_entry *entry;
	const struct past_entry *undo;

	for (entry = past->first; entry != NULL && entry->n < place; entry = entry->next)
		for (undo = entry->next; undo != NULL; undo = undo->next)
			if (undo->kind == ENTRY_ACT && undo->state == ENTRY_DONE &&
			    str_ends(undo->step, ".undo") &&
			    str_eq(str_head(undo->step, undo->step.len - 5), entry->step))
				return entry;
	return NULL;
}

/* The data where they part, and how many executions were finished by then. */
static int
find_data(struct past *past, int place, struct heed_json *ret_data,
          int64_t *ret_executions, struct heed_error *error)
{
	const struct past_entry *entry;
	const struct heed_json *data;
	struct heed_json request;

	*ret_executions = 0;
	for (entry = past->first; entry != NULL && entry->n < place;
	     entry = entry->next) {
		bool completed = str_ends(entry->step, ".completed");

		if (entry->kind != ENTRY_EMIT ||
		    (!completed && !str_is(entry->step, "saga.started")))
			continue;
		HEED_TRY(json_parse(&past->arena, entry->request, &request, error));
		data = json_path(request, "data", "data", NULL);
		*ret_data = data != NULL ? *data : json_null();
		*ret_executions += completed;
	}
	return 0;
}

/* ---- the new one ------------------------------------------------------------------- */

static int
patch_data(struct arena *arena, struct heed_str patch, struct heed_json *data,
           struct heed_error *error)
{
	struct expr_set *set = expr_set_new();
	struct heed_json patched = json_null();
	struct expr *expr;
	int r = set != NULL ? expr_new(set, patch, &expr, error) : error_nomem(error);

	if (r == 0)
		r = expr_eval(expr, *data, arena, &patched, error);
	if (r == 0)
		r = json_copy(arena, patched, data);
	if (r == 0 && data->kind != HEED_OBJECT)
		r = error_set(error, HEED_E_INVALID,
		              "it gives a value of kind %s, not an object",
		              json_kind_name(*data));
	expr_set_free(set);
	if (r < 0)
		error_prefix(error, "the patch");
	return r;
}

static int
make_note(struct past *past, int64_t run_id, struct heed_str from, struct heed_json data,
          int64_t executions, struct heed_json *ret_note)
{
	struct json_build build;

	json_object(&build, &past->arena);
	json_set_cstr(&build, "of", json_int(run_id));
	json_set_cstr(&build, "from", json_str(from));
	json_set_cstr(&build, "executions", json_int(executions));
	json_set_cstr(&build, "data", data);
	return json_build_end(&build, ret_note);
}

/* What belongs to the saga as such is the new one's own. */
static bool
keeps(void *arg, enum entry_kind kind, struct heed_str step, int n)
{
	const int *place = arg;

	if (n >= *place || kind == ENTRY_MARK || kind == ENTRY_SIGNAL ||
	    str_is(step, "saga.started") || str_is(step, FORK_NOTE))
		return false;
	return kind != ENTRY_NOTE || str_ends(step, ".late");
}

static int
find_from(struct engine *engine, const struct past *past, struct heed_str from,
          const struct saga_step **ret_step, struct heed_error *error)
{
	const struct definition *definition =
		engine_definition(engine, str_of(saga_flow.name), past->name);
	const char *names[SAGA_STEPS_MAX + 1] = {NULL};
	const struct saga *saga;
	const char *near;
	size_t i;

	if (definition == NULL)
		return error_set(error, HEED_E_NOTFOUND,
		                 "saga %.*s is not in the configuration any more",
		                 STR_ARG(past->name));
	saga = definition->config;
	*ret_step = saga_find_step(saga, from);
	if (*ret_step == NULL) {
		for (i = 0; i < saga->steps.n; i++)
			names[i] = saga_step_at(saga, i)->name.data;
		near = error_nearest(from, names, i);
		(void)error_set(error, HEED_E_NOTFOUND, "saga %.*s has no step \"%.*s\"",
		                STR_ARG(past->name), STR_ARG(from));
		if (near != NULL)
			error_hint(error, "did you mean \"%s\"?", near);
		return HEED_E_NOTFOUND;
	}
	if ((*ret_step)->in_branch)
		return error_set(error, HEED_E_INVALID,
		                 "%.*s is a branch; fork from its parallel step",
		                 STR_ARG(from));
	return 0;
}

static int
part(struct engine *engine, struct past *past, int64_t run_id, struct heed_str from,
     struct heed_str patch, int *ret_place, struct heed_json *ret_note,
     struct heed_error *error)
{
	const struct past_entry *undone;
	const struct saga_step *step = NULL;
	struct heed_json data = json_null();
	int64_t executions;

	HEED_TRY(find_from(engine, past, from, &step, error));
	*ret_place = find_place(past, step);
	if (*ret_place == 0)
		return error_set(error, HEED_E_CONFLICT, "saga %lld never came to %.*s",
		                 (long long)run_id, STR_ARG(from));
	undone = find_undone(past, *ret_place);
	if (undone != NULL) {
		(void)error_set(error, HEED_E_CONFLICT,
		                "%.*s, which comes before, was undone",
		                STR_ARG(undone->step));
		error_hint(error, "fork from it: --from %.*s", STR_ARG(undone->step));
		return HEED_E_CONFLICT;
	}
	HEED_TRY(find_data(past, *ret_place, &data, &executions, error));
	if (patch.len > 0)
		HEED_TRY(patch_data(&past->arena, patch, &data, error));
	return make_note(past, run_id, from, data, executions, ret_note);
}

int
saga_fork(struct engine *engine, struct store *store, int64_t run_id,
          struct heed_str from, struct heed_str patch, engine_told_fn *done, void *arg,
          int64_t *ret_run_id, struct heed_error *error)
{
	struct past past = {.first = NULL};
	struct engine_fork fork = {.keeps = keeps};
	int place = 0;
	int r;

	arena_init(&past.arena, 0);
	r = read_past(store, run_id, &past, error);
	if (r == 0)
		r = part(engine, &past, run_id, from, patch, &place, &fork.note, error);
	fork.arg = &place;
	if (r == 0)
		r = engine_fork(engine, run_id, &fork, done, arg, ret_run_id, error);
	arena_done(&past.arena);
	return r == HEED_E_NOMEM ? error_nomem(error) : r;
}
