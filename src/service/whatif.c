/*
 * whatif.c - see whatif.h.
 */
#include "service/whatif.h"

#include "base/error.h"
#include "base/json.h"
#include "model/structured.h"
#include "service/rehearsal.h"

#define SETTLE_MS (INT64_C(3600) * 1000)

struct work {
	const struct whatif_options *options;
	struct arena *arena;
	struct whatif *whatif;
	struct heed_error *error;
	struct whatif_pair *pair; /* whose journal is read */
	bool asked;               /* a model was */
};

/* ---- what was ---------------------------------------------------------------------- */

static int
read_entry(void *arg, const struct store_entry *entry)
{
	struct work *work = arg;
	struct model_reply reply = {0};
	struct structured_report report = {0};
	struct heed_json record;

	if (entry->kind == ENTRY_READ && entry->state == ENTRY_DONE &&
	    json_parse(work->arena, entry->reply, &record, NULL) == 0)
		work->pair->version = json_get_int(record, "version", -1);
	if (entry->kind != ENTRY_ASK)
		return 0;
	work->asked = true;
	work->pair->was.cost_nano += entry->cost_nano;
	if (entry->state != ENTRY_DONE ||
	    json_parse(work->arena, entry->reply, &record, NULL) < 0 ||
	    model_reply_read(record, &reply) < 0)
		return 0;
	/* The last answer is the one that counted; the others were repaired. */
	if (structured_read(NULL, reply.text, work->arena, &work->pair->was.answer,
	                    &report) < 0)
		work->pair->was.answer = json_str(arena_str(work->arena, reply.text));
	if (work->pair->was.answer.kind == HEED_STRING)
		(void)json_parse(work->arena, reply.text, &work->pair->was.answer, NULL);
	return 0;
}

static int
read_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct work *work = arg;
	struct arena *arena = work->arena;
	struct whatif_pair *pair = &work->whatif->pairs[work->whatif->n];

	if (run->state != RUN_DONE && run->state != RUN_DEAD)
		return 0;
	*pair = (struct whatif_pair){
		.run_id = run->id,
		.name = arena_str(arena, run->name),
		.event_type = arena_str(arena, event->type),
		.event_id = arena_str(arena, event->id),
		.event_source = arena_str(arena, event->source),
		.version = -1,
		.was = {.state = store_run_state_name(run->state), .answer = json_null()},
		.is = {.state = "none", .answer = json_null()},
	};
	work->pair = pair;
	work->asked = false;
	HEED_TRY(json_parse(arena, event->body, &pair->event, work->error));
	HEED_TRY(store_read_journal(work->options->recorded, run->id, read_entry, work,
	                            work->error));
	if (work->asked)
		work->whatif->n++;
	return (int64_t)work->whatif->n == work->options->limit; /* enough */
}

static int
read_recorded(struct work *work)
{
	const struct whatif_options *options = work->options;
	struct whatif *whatif = work->whatif;
	struct store_filter filter = {
		.name = options->name, .since_us = options->since_us, .newest = true};
	size_t i;
	int r;

	whatif->pairs =
		ARENA_ARRAY(work->arena, struct whatif_pair, (size_t)options->limit);
	if (whatif->pairs == NULL)
		return error_nomem(work->error);
	r = store_read_runs(options->recorded, &filter, read_run, work, work->error);
	if (r < 0)
		return r;
	for (i = 0; i < whatif->n / 2; i++) {
		struct whatif_pair swap = whatif->pairs[i];

		whatif->pairs[i] = whatif->pairs[whatif->n - 1 - i];
		whatif->pairs[whatif->n - 1 - i] = swap;
	}
	return 0;
}

/* ---- what is ----------------------------------------------------------------------- */

static bool
is_same_event(const struct whatif_pair *a, const struct whatif_pair *b)
{
	return str_eq(a->event_id, b->event_id) &&
	       str_eq(a->event_source, b->event_source);
}

/* Each event once, whatever number of reactions it had: their runs lie side by side. */
static int
send_events(struct work *work, struct rehearsal *rehearsal)
{
	struct whatif *whatif = work->whatif;
	size_t i, j;

	for (i = 0; i < whatif->n; i++) {
		for (j = i; j > 0 && i - j < 64; j--)
			if (is_same_event(&whatif->pairs[j - 1], &whatif->pairs[i]))
				break;
		if (j > 0 && i - j < 64)
			continue;
		HEED_TRY(rehearsal_send(rehearsal, whatif->pairs[i].event, work->error));
	}
	return 0;
}

static struct whatif_pair *
find_pair(struct whatif *whatif, size_t from, struct heed_json run)
{
	struct heed_json event = *json_get(run, "event");
	struct whatif_pair like = {.event_id = json_get_text(event, "id"),
	                           .event_source = json_get_text(event, "source")};
	size_t i;

	/* Runs come in about the order of the pairs. */
	for (i = 0; i < whatif->n; i++) {
		struct whatif_pair *pair = &whatif->pairs[(from + i) % whatif->n];

		if (str_eq(pair->name, json_get_text(run, "name")) &&
		    is_same_event(pair, &like))
			return pair;
	}
	return NULL;
}

static int64_t
cost_of(struct heed_json calls, int64_t run_id)
{
	double cost = 0;
	uint32_t i;

	for (i = 0; i < calls.len; i++)
		if (json_get_int(calls.items[i], "run", 0) == run_id)
			cost += json_get_real(calls.items[i], "cost", 0);
	return (int64_t)(cost * 1e9 + 0.5);
}

static void
take_outcome(struct work *work, struct heed_json outcome)
{
	struct heed_json runs = *json_get(outcome, "runs");
	struct heed_json calls = *json_get(outcome, "calls");
	size_t at = 0;
	uint32_t i;

	for (i = 0; i < runs.len; i++) {
		const struct heed_json *answer = json_get(runs.items[i], "answer");
		struct whatif_pair *pair = find_pair(work->whatif, at, runs.items[i]);

		if (pair == NULL)
			continue;
		at = (size_t)(pair - work->whatif->pairs);
		pair->is.state =
			store_run_state_name((enum run_state)store_run_state_find(
				json_get_text(runs.items[i], "state")));
		pair->is.answer = answer != NULL ? *answer : json_null();
		pair->is.cost_nano = cost_of(calls, json_get_int(runs.items[i], "id", 0));
	}
}

/* A command is decided again on the state that it met. */
static int64_t
past_version(void *arg, const struct event *event, struct heed_str name)
{
	const struct whatif *whatif = arg;
	struct whatif_pair like = {.event_id = event->id, .event_source = event->source};
	size_t i;

	for (i = 0; i < whatif->n; i++)
		if (str_eq(whatif->pairs[i].name, name) &&
		    is_same_event(&whatif->pairs[i], &like))
			return whatif->pairs[i].version;
	return -1;
}

static int
rehearse(struct work *work)
{
	const struct whatif_options *options = work->options;
	struct rehearsal_script script = {
		.call = true,
		.alone = true,
		.only = options->name,
		.model = options->model,
		.past = options->recorded,
		.past_version = past_version,
		.arg = work->whatif,
	};
	struct rehearsal *rehearsal = NULL;
	struct heed_json outcome;
	int r = rehearsal_new(options->app, &script, &rehearsal, work->error);

	if (r == 0)
		r = send_events(work, rehearsal);
	if (r == 0) {
		rehearsal_settle(rehearsal, SETTLE_MS);
		r = rehearsal_outcome(rehearsal, work->arena, &outcome, work->error);
	}
	if (r == 0)
		take_outcome(work, outcome);
	rehearsal_free(rehearsal);
	return r;
}

/* ---- the difference ---------------------------------------------------------------- */

/* What counts of an answer; what has no such part counts as null. */
static int
part(struct work *work, struct heed_json answer, struct heed_json *ret_part)
{
	*ret_part = answer;
	if (work->options->by == NULL || answer.kind == HEED_NULL)
		return 0;
	if (expr_eval(work->options->by, answer, work->arena, ret_part, work->error) < 0)
		*ret_part = json_null();
	return 0;
}

static int
compare(struct work *work)
{
	struct whatif *whatif = work->whatif;
	size_t i;

	for (i = 0; i < whatif->n; i++) {
		struct whatif_pair *pair = &whatif->pairs[i];
		struct heed_json was, is;

		HEED_TRY(part(work, pair->was.answer, &was));
		HEED_TRY(part(work, pair->is.answer, &is));
		pair->differs = !json_equal(was, is) ||
		                !str_eq(str_of(pair->was.state), str_of(pair->is.state));
		whatif->n_differ += pair->differs;
		whatif->was_nano += pair->was.cost_nano;
		whatif->is_nano += pair->is.cost_nano;
	}
	return 0;
}

int
whatif_run(const struct whatif_options *options, struct arena *arena,
           struct whatif *ret_whatif, struct heed_error *error)
{
	struct whatif whatif = {0};
	struct work work = {
		.options = options, .arena = arena, .whatif = &whatif, .error = error};

	HEED_TRY(read_recorded(&work));
	if (whatif.n > 0)
		HEED_TRY(rehearse(&work));
	HEED_TRY(compare(&work));
	*ret_whatif = whatif;
	return 0;
}
