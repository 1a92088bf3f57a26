/*
 * redrive_step.c - what a redrive does with a few runs, as rows of one transaction.
 *
 * Needs a store and nothing else, so that events are mended and runs dropped also while
 * no heed runs; what an engine knows comes through the judge.
 */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/redrive.h"

/* One run on its way through. */
struct passage {
	struct redrive_step *step;
	struct store_tx *tx;
	size_t max;
	struct heed_error *error;
	bool ended; /* the judge wants a pause */

	/* of the present run */
	const struct store_run *run;
	struct heed_str body; /* of its event, as it was patched last */
	int32_t last_n;       /* number of its last entry */
};

static int
look_at_entry(void *arg, const struct store_entry *entry)
{
	struct passage *passage = arg;

	passage->last_n = entry->n;
	if (entry->kind != ENTRY_MARK || !str_is(entry->step, REDRIVE_PATCH_MARK) ||
	    entry->reply.len == 0)
		return 0;
	passage->body = arena_str(passage->step->arena, entry->reply);
	return passage->body.data == NULL ? HEED_E_NOMEM : 0;
}

/* What the run was until now: its row no longer says it. */
static struct heed_str
describe_verdict(struct passage *passage)
{
	const struct store_run *run = passage->run;
	struct json_build build;
	struct heed_json value = json_null();

	json_object(&build, passage->step->arena);
	json_set_cstr(&build, "state", json_cstr(store_run_state_name(run->state)));
	json_set_cstr(&build, "class", json_str(run->class));
	json_set_cstr(&build, "text", json_str(run->text));
	json_set_cstr(&build, "step", json_str(run->step));
	(void)json_build_end(&build, &value);
	return json_text_of(passage->step->arena, value);
}

/* Put a mark behind the journal. */
static int
put_mark(struct passage *passage, struct heed_str step, struct heed_str detail,
         struct heed_str reply)
{
	struct store_entry mark = {
		.run_id = passage->run->id,
		.n = ++passage->last_n,
		.kind = ENTRY_MARK,
		.state = ENTRY_DONE,
		.step = step,
		.at_us = passage->step->now_us,
		.ended_us = passage->step->now_us,
		.request = describe_verdict(passage),
		.detail = detail,
		.reply = reply,
	};

	return mark.request.data == NULL ? HEED_E_NOMEM
	                                 : store_put_entry(passage->tx, &mark);
}

/* ---- the event --------------------------------------------------------------------- */

static int
read_event(struct passage *passage, struct heed_str body, struct event *ret_event,
           struct heed_error *error)
{
	struct heed_json root = json_null();

	HEED_TRY(json_parse(passage->step->arena, body, &root, error));
	return event_from_json(passage->step->arena, root, passage->step->now_us,
	                       ret_event, error);
}

/* The event after the patch: still an event, and still the same by source and id, for
 * these make the keys of effects. */
static int
patch_event(struct passage *passage, struct heed_error *error)
{
	struct redrive_step *step = passage->step;
	struct event before = {0};
	struct event after = {0};
	struct heed_json root = json_null();
	int r;

	HEED_TRY(read_event(passage, passage->body, &before, error));
	r = expr_eval(step->patch, before.root, step->arena, &root, error);
	if (r == HEED_E_NOTFOUND)
		r = error_set(error, HEED_E_INVALID, "it gives nothing");
	if (r == 0)
		r = event_from_json(step->arena, root, step->now_us, &after, error);
	if (r == 0 &&
	    (!str_eq(before.id, after.id) || !str_eq(before.source, after.source)))
		r = error_set(error, HEED_E_INVALID,
		              "it changes the event's id or source, by which its effects "
		              "are known");
	if (r < 0) {
		error_prefix(error, "the patch");
		return r;
	}
	passage->body = after.json;
	return 0;
}

/* ---- verbs ------------------------------------------------------------------------- */

/* An effect of which nobody knows whether it happened. */
static bool
is_unknown(const struct store_run *run)
{
	return run->state == RUN_HELD && str_is(run->class, "unknown");
}

static int
check_verb(const struct passage *passage, struct heed_error *error)
{
	int verb = passage->step->what->verb;
	bool unknown = is_unknown(passage->run);
	bool stuck =
		passage->run->state == RUN_HELD && str_is(passage->run->class, "stuck");

	if (verb == REDRIVE_RETRY && unknown)
		return error_set(error, HEED_E_CONFLICT,
		                 "it is not known whether its effect happened: find out, "
		                 "then say done or repeat");
	if (verb == REDRIVE_DONE && stuck)
		return 0;
	if ((verb == REDRIVE_DONE || verb == REDRIVE_REPEAT) && !unknown)
		return error_set(error, HEED_E_CONFLICT,
		                 "it has no effect of which it is unknown whether it "
		                 "happened");
	return 0;
}

static int
note(struct passage *passage, bool goes_on)
{
	struct redrive_step *step = passage->step;
	const struct store_run *run = passage->run;

	HEED_TRY(mem_grow((void **)&step->items, &step->cap, step->n + 1,
	                  sizeof(*step->items)));
	step->items[step->n++] =
		(struct redriven){run->id, run->flow, run->name, run->key, goes_on};
	return 0;
}

static int
go_on(struct passage *passage, struct definition *definition, struct heed_str key)
{
	static const char *const how[] = {"retry", "done", "repeat"};
	struct store_run row = *passage->run;

	row.state = RUN_READY;
	row.due_us = 0;
	row.updated_us = passage->step->now_us;
	row.redrives++;
	row.class = row.text = row.step = HEED_STR("");
	row.key = key;
	if (definition != NULL) {
		row.definition = definition->hash;
		HEED_TRY(store_put_definition(passage->tx, definition->hash, row.flow,
		                              definition->name, definition->text));
	}
	HEED_TRY(store_put_run(passage->tx, &row));
	HEED_TRY(put_mark(passage, HEED_STR(REDRIVE_MARK),
	                  str_of(how[passage->step->what->verb]), HEED_STR("")));
	return note(passage, true);
}

static int
drop(struct passage *passage)
{
	struct store_run row = *passage->run;

	row.state = RUN_DROPPED;
	row.updated_us = passage->step->now_us;
	HEED_TRY(store_put_run(passage->tx, &row));
	HEED_TRY(put_mark(passage, HEED_STR(REDRIVE_DROP_MARK),
	                  passage->step->what->reason, HEED_STR("")));
	return note(passage, false);
}

/* Everything about one run; a failure that is its own leaves it out, with nothing put. */
static int
handle(struct passage *passage, struct heed_error *error)
{
	struct redrive_step *step = passage->step;
	const struct redrive_judge *judge = &step->judge;
	struct definition *definition = NULL;
	struct heed_str key = passage->run->key;
	struct event event;

	HEED_TRY(check_verb(passage, error));
	HEED_TRY(store_read_journal(step->store, passage->run->id, look_at_entry, passage,
	                            error));
	if (step->what->verb == REDRIVE_DROP)
		return drop(passage);
	if (step->patch != NULL)
		HEED_TRY(patch_event(passage, error));
	if (step->what->verb != REDRIVE_PATCH && judge->judge != NULL) {
		HEED_TRY(read_event(passage, passage->body, &event, error));
		HEED_TRY(judge->judge(judge->arg, passage->run, &event, step->arena,
		                      &definition, &key, error));
	}
	if (step->patch != NULL)
		HEED_TRY(put_mark(passage, HEED_STR(REDRIVE_PATCH_MARK),
		                  step->what->patch, passage->body));
	return step->what->verb == REDRIVE_PATCH ? 0 : go_on(passage, definition, key);
}

/* ---- a step ------------------------------------------------------------------------ */

static int
skip(struct passage *passage, const struct heed_error *error)
{
	struct store_job *job = passage->step->job;

	job->skipped++;
	if (job->text.len > 0)
		return 0;
	job->text = arena_printf(passage->step->arena, "run %lld: %s",
	                         (long long)passage->run->id, error->text);
	return job->text.data == NULL ? HEED_E_NOMEM : 0;
}

static int
pass_through(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct passage *passage = arg;
	struct store_job *job = passage->step->job;
	struct heed_error error = {0};
	int r;

	passage->run = run;
	passage->body = event->body;
	passage->last_n = 0;
	r = handle(passage, &error);
	if (r == HEED_E_BUSY) {
		passage->ended = true;
		return 1;
	}
	if (r == HEED_E_NOMEM || r == HEED_E_STORE || r == HEED_E_CORRUPT) {
		if (passage->error != NULL)
			*passage->error = error;
		return r;
	}
	job->position = run->id;
	passage->max--;
	if (r < 0)
		return skip(passage, &error);
	job->done++;
	return 0;
}

int
redrive_step(struct redrive_step *step, struct store_tx *tx, size_t max,
             struct heed_error *error)
{
	struct passage passage = {.step = step, .tx = tx, .max = max, .error = error};
	int r = redrive_select(step->store, step->what, step->job->position, max,
	                       step->arena, pass_through, &passage, error);

	if (r < 0)
		return r;
	if (passage.max > 0 && !passage.ended)
		step->job->state = JOB_DONE;
	step->job->updated_us = step->now_us;
	return store_put_job(tx, step->job) < 0 ? error_nomem(error) : 0;
}
