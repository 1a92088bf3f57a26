/*
 * redrive_spec.c - what a redrive is for, as JSON and as a selection of runs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/redrive.h"
#include "engine/signature.h"

#define RUNS_MAX 10000
#define RATE_MAX 100000

static const char *const verbs[] = {
	[REDRIVE_RETRY] = "retry", [REDRIVE_DONE] = "done", [REDRIVE_REPEAT] = "repeat",
	[REDRIVE_PATCH] = "patch", [REDRIVE_DROP] = "drop",
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* ---- JSON -------------------------------------------------------------------------- */

int
redrive_write(const struct redrive *what, struct arena *arena, struct heed_json *ret_spec)
{
	struct json_build build;
	struct json_build list;
	struct heed_json runs;
	size_t i;

	json_object(&build, arena);
	json_set_cstr(&build, "verb", json_cstr(verbs[what->verb]));
	if (what->n_runs > 0) {
		json_array(&list, arena);
		for (i = 0; i < what->n_runs; i++)
			json_push(&list, json_int(what->runs[i]));
		HEED_TRY(json_build_end(&list, &runs));
		json_set_cstr(&build, "runs", runs);
	}
	json_set_text(&build, "name", what->name);
	json_set_text(&build, "type", what->type);
	json_set_text(&build, "class", what->class);
	json_set_text(&build, "group", what->group);
	json_set_number(&build, "since_us", what->since_us);
	json_set_number(&build, "until_us", what->until_us);
	json_set_number(&build, "last_run", what->last_run);
	if (what->rate > 0)
		json_set_cstr(&build, "rate", json_real(what->rate));
	json_set_text(&build, "patch", what->patch);
	json_set_text(&build, "reason", what->reason);
	return json_build_end(&build, ret_spec);
}

static int
compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

void
redrive_sort(int64_t *runs, size_t n)
{
	qsort(runs, n, sizeof(*runs), compare);
}

static int
read_runs(const struct heed_json *list, struct arena *arena, struct redrive *what,
          struct heed_error *error)
{
	int64_t *runs;
	uint32_t i;

	if (list == NULL)
		return 0;
	if (list->kind != HEED_ARRAY || list->len == 0 || list->len > RUNS_MAX)
		return error_set(error, HEED_E_INVALID,
		                 "runs must be a list of 1 to %d numbers", RUNS_MAX);
	runs = ARENA_ARRAY(arena, int64_t, list->len);
	if (runs == NULL)
		return error_nomem(error);
	for (i = 0; i < list->len; i++) {
		if (list->items[i].kind != HEED_INT || list->items[i].i64 < 1)
			return error_set(error, HEED_E_INVALID,
			                 "a run has a number from 1");
		runs[i] = list->items[i].i64;
	}
	redrive_sort(runs, list->len);
	what->runs = runs;
	what->n_runs = list->len;
	return 0;
}

static int
read_verb(struct heed_json spec, struct redrive *what, struct heed_error *error)
{
	struct heed_str verb = json_get_text(spec, "verb");
	size_t i;

	for (i = 0; i < N_VERBS; i++)
		if (str_is(verb, verbs[i])) {
			what->verb = (int)i;
			return 0;
		}
	return error_set(error, HEED_E_INVALID,
	                 "verb must be retry, done, repeat, patch or drop, not \"%.*s\"",
	                 STR_ARG(verb));
}

int
redrive_read(struct heed_json spec, struct arena *arena, struct redrive *ret_what,
             struct heed_error *error)
{
	struct redrive what = {
		.name = json_get_text(spec, "name"),
		.type = json_get_text(spec, "type"),
		.class = json_get_text(spec, "class"),
		.group = json_get_text(spec, "group"),
		.since_us = json_get_int(spec, "since_us", 0),
		.until_us = json_get_int(spec, "until_us", 0),
		.last_run = json_get_int(spec, "last_run", 0),
		.rate = json_get_real(spec, "rate", 0),
		.patch = json_get_text(spec, "patch"),
		.reason = json_get_text(spec, "reason"),
	};

	HEED_TRY(read_verb(spec, &what, error));
	HEED_TRY(read_runs(json_get(spec, "runs"), arena, &what, error));
	if (!(what.rate >= 0 && what.rate <= RATE_MAX))
		return error_set(error, HEED_E_INVALID,
		                 "rate must be from 0 to %d runs "
		                 "a second",
		                 RATE_MAX);
	if ((what.verb == REDRIVE_PATCH) && what.patch.len == 0)
		return error_set(error, HEED_E_INVALID, "there is no patch");
	*ret_what = what;
	return 0;
}

int
redrive_compile(const struct redrive *what, struct expr_set **ret_exprs,
                struct expr **ret_patch, struct heed_error *error)
{
	struct expr_set *exprs;
	int r;

	if (what->patch.len == 0)
		return 0;
	exprs = expr_set_new();
	if (exprs == NULL)
		return error_nomem(error);
	r = expr_new(exprs, what->patch, ret_patch, error);
	if (r == 0)
		r = expr_set_check(exprs, NULL, error);
	if (r < 0) {
		error_prefix(error, "the patch");
		expr_set_free(exprs);
		return r;
	}
	*ret_exprs = exprs;
	return 0;
}

int
redrive_job(struct store *store, const struct redrive *what, int64_t total,
            int64_t now_us, struct arena *arena, struct store_job *ret_job)
{
	struct heed_json spec;

	HEED_TRY(redrive_write(what, arena, &spec));
	*ret_job = (struct store_job){
		.id = store_next_job(store),
		.state = JOB_OPEN,
		.kind = HEED_STR(REDRIVE_JOB),
		.spec = json_text_of(arena, spec),
		.total = total,
		.created_us = now_us,
		.updated_us = now_us,
	};
	return ret_job->spec.data == NULL ? HEED_E_NOMEM : 0;
}

/* ---- selection --------------------------------------------------------------------- */

/* Rows of the two states come in two readings, each in order; what is kept of them is
 * merged. Reading both at once would make the store sort all of them each time. */
struct row {
	struct store_run run;
	struct store_event event;
};

struct selection {
	const struct redrive *what;
	struct arena *arena;
	struct row *rows[2];
	size_t n[2], cap[2];
	size_t limit;
	store_run_fn *fn;
	void *arg;
};

static bool
fits(const struct redrive *what, const struct store_run *run)
{
	char place[SIGNATURE_SIZE];

	return what->group.len == 0 || str_eq(signature_of(place, run), what->group);
}

static int
keep(struct selection *selection, int at, const struct store_run *run,
     const struct store_event *event)
{
	struct arena *arena = selection->arena;
	struct row *row;

	HEED_TRY(mem_grow((void **)&selection->rows[at], &selection->cap[at],
	                  selection->n[at] + 1, sizeof(*row)));
	row = &selection->rows[at][selection->n[at]++];
	*row = (struct row){*run, *event};
	row->run.flow = arena_str(arena, run->flow);
	row->run.name = arena_str(arena, run->name);
	row->run.definition = arena_str(arena, run->definition);
	row->run.key = arena_str(arena, run->key);
	row->run.class = arena_str(arena, run->class);
	row->run.text = arena_str(arena, run->text);
	row->run.step = arena_str(arena, run->step);
	row->event.id = arena_str(arena, event->id);
	row->event.source = arena_str(arena, event->source);
	row->event.type = arena_str(arena, event->type);
	row->event.subject = arena_str(arena, event->subject);
	row->event.trace = arena_str(arena, event->trace);
	row->event.body = arena_str(arena, event->body);
	return row->event.body.data == NULL ? HEED_E_NOMEM : 0;
}

static int
keep_row(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct selection *selection = arg;
	int at = run->state == RUN_HELD;

	if (run->state != RUN_DEAD && run->state != RUN_HELD)
		return 0;
	if (selection->what->last_run > 0 && run->id > selection->what->last_run)
		return 1;
	if (!fits(selection->what, run))
		return 0;
	HEED_TRY(keep(selection, at, run, event));
	return selection->n[at] >= selection->limit ? 1 : 0;
}

static int
read_state(struct selection *selection, struct store *store, const char *state,
           int64_t after, struct heed_error *error)
{
	const struct redrive *what = selection->what;
	struct store_filter filter = {
		.states = state,
		.name = what->name,
		.type = what->type,
		.class = what->class,
		.since_us = what->since_us,
		.until_us = what->until_us,
		.after = after,
	};
	int r = store_read_runs(store, &filter, keep_row, selection, error);

	return r < 0 ? r : 0;
}

static int
read_named(struct selection *selection, struct store *store, int64_t after,
           struct heed_error *error)
{
	const struct redrive *what = selection->what;
	size_t i;
	int r = 0;

	for (i = 0; i < what->n_runs && r == 0; i++) {
		struct store_filter filter = {.run_id = what->runs[i]};

		if (what->runs[i] > after)
			r = store_read_runs(store, &filter, keep_row, selection, error);
	}
	return r < 0 ? r : 0;
}

/* Hand out what was kept, the lower number first. */
static int
merge(struct selection *selection)
{
	size_t at[2] = {0, 0};
	size_t given = 0;
	int r = 0;

	while (r == 0 && given++ < selection->limit) {
		bool more[2] = {at[0] < selection->n[0], at[1] < selection->n[1]};
		int next =
			!more[0] || (more[1] && selection->rows[1][at[1]].run.id <
		                                        selection->rows[0][at[0]].run.id);
		const struct row *row;

		if (!more[0] && !more[1])
			break;
		row = &selection->rows[next][at[next]++];
		r = selection->fn(selection->arg, &row->run, &row->event);
	}
	return r;
}

int
redrive_select(struct store *store, const struct redrive *what, int64_t after,
               size_t limit, struct arena *arena, store_run_fn *fn, void *arg,
               struct heed_error *error)
{
	struct selection selection = {
		.what = what, .arena = arena, .limit = limit, .fn = fn, .arg = arg};
	int r;

	if (what->n_runs > 0)
		r = read_named(&selection, store, after, error);
	else
		r = read_state(&selection, store, "dead", after, error);
	if (r == 0 && what->n_runs == 0)
		r = read_state(&selection, store, "held", after, error);
	if (r == 0)
		r = merge(&selection);
	mem_free(selection.rows[0]);
	mem_free(selection.rows[1]);
	return r;
}
