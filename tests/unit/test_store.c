/*
 * test_store.c - the store's promises: what is acknowledged is there, what fails fails alone,
 * one delivery counts once, one process writes. The storms print their seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/store.h"

#define NOW INT64_C(1800000000000000)
#define DAY (INT64_C(86400) * 1000000)

static char folder[64];

/* ---- tools ------------------------------------------------------------------------------ */

struct place {
	char path[128];
	char where[160];
};

static struct place
fresh(const char *name)
{
	struct place place;
	char side[160];

	(void)snprintf(place.path, sizeof(place.path), "%s/%s.db", folder, name);
	(void)snprintf(place.where, sizeof(place.where), "sqlite:%s", place.path);
	(void)unlink(place.path);
	(void)snprintf(side, sizeof(side), "%s-wal", place.path);
	(void)unlink(side);
	(void)snprintf(side, sizeof(side), "%s-shm", place.path);
	(void)unlink(side);
	return place;
}

static struct loop *
new_loop(void)
{
	struct loop *loop;

	assert_int_equal(loop_new(LOOP_VIRTUAL, &loop), 0);
	loop_set_wall(loop, NOW);
	return loop;
}

static struct store *
open_at(struct loop *loop, const char *where)
{
	struct heed_error error = {0};
	struct store *store = NULL;

	if (store_open(loop, str_of(where), &store, &error) != 0)
		fail_msg("%s: %s", where, error.text);
	return store;
}

/* The outcome of one commit. */
struct outcome {
	bool done;
	int code;
	char text[256];
	bool duplicate[8];
	int64_t changed[8];
	size_t n_events;
	size_t n_sql;
};

static void
keep(void *arg, const struct store_result *result)
{
	struct outcome *outcome = arg;
	size_t i;

	assert_false(outcome->done);
	outcome->done = true;
	outcome->code = result->code;
	(void)snprintf(outcome->text, sizeof(outcome->text), "%s", result->text);
	outcome->n_events = result->n_events;
	outcome->n_sql = result->n_sql;
	for (i = 0; i < result->n_events && i < 8 && result->duplicate != NULL; i++)
		outcome->duplicate[i] = result->duplicate[i];
	for (i = 0; i < result->n_sql && i < 8 && result->changed != NULL; i++)
		outcome->changed[i] = result->changed[i];
}

static void
await(struct loop *loop, const bool *done)
{
	while (!*done) {
		struct timespec nap = {0, 100000};

		loop_turn(loop);
		if (!*done)
			(void)nanosleep(&nap, NULL); /* for the other thread */
	}
}

static struct outcome
commit(struct loop *loop, struct store *store, struct store_tx *tx)
{
	struct outcome outcome = {0};

	store_commit(store, tx, keep, &outcome);
	assert_false(outcome.done); /* never inside the call */
	await(loop, &outcome.done);
	return outcome;
}

static struct store_event
make_event(struct store *store, const char *id)
{
	return (struct store_event){
		.seq = store_next_event(store),
		.id = str_of(id),
		.source = HEED_STR("/test"),
		.type = HEED_STR("thing_happened"),
		.subject = HEED_STR("s"),
		.time_us = NOW,
		.received_us = NOW,
		.body = HEED_STR("{\"id\":1}"),
	};
}

static struct store_run
make_run(struct store *store, int64_t event_seq, enum run_state state)
{
	return (struct store_run){
		.id = store_next_run(store),
		.event_seq = event_seq,
		.flow = HEED_STR("reaction"),
		.name = HEED_STR("enrich"),
		.definition = HEED_STR("abc"),
		.state = state,
		.created_us = NOW,
		.updated_us = NOW,
	};
}

/* One event with one run in `state`; returns the run's id. */
static int64_t
put_pair(struct store *store, struct store_tx *tx, const char *id, enum run_state state)
{
	struct store_event event = make_event(store, id);
	struct store_run run = make_run(store, event.seq, state);

	assert_int_equal(store_put_event(tx, &event), 0);
	assert_int_equal(store_put_run(tx, &run), 0);
	return run.id;
}

static int
count_event(void *arg, const struct store_event *event)
{
	(void)event;
	++*(int64_t *)arg;
	return 0;
}

static int
count_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	assert_int_equal(run->event_seq, event->seq);
	++*(int64_t *)arg;
	return 0;
}

static int64_t
events_of(struct store *store, const struct store_filter *filter)
{
	int64_t n = 0;

	assert_int_equal(store_read_events(store, filter, count_event, &n, NULL), 0);
	return n;
}

static int64_t
runs_of(struct store *store, const struct store_filter *filter)
{
	int64_t n = 0;

	assert_int_equal(store_read_runs(store, filter, count_run, &n, NULL), 0);
	return n;
}

static int64_t
all_events(struct store *store)
{
	struct store_filter all = {0};

	return events_of(store, &all);
}

static void
run_sqlite(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
expect_open(struct loop *loop, const char *where, int code, const char *words)
{
	struct heed_error error = {0};
	struct store *store = NULL;

	assert_int_equal(store_open(loop, str_of(where), &store, &error), code);
	assert_null(store);
	if (strstr(error.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, words);
	assert_true(code == HEED_E_IO || error.hint[0] != '\0');
}

/* ---- rows ------------------------------------------------------------------------------- */

static int
same_entry(void *arg, const struct store_entry *row)
{
	const struct store_entry *want = arg;

	assert_int_equal(row->n, want->n);
	assert_int_equal(row->kind, want->kind);
	assert_int_equal(row->state, want->state);
	assert_int_equal(row->attempt, want->attempt);
	assert_int_equal(row->ended_us, want->ended_us);
	assert_int_equal(row->input, want->input);
	assert_int_equal(row->cached_input, want->cached_input);
	assert_int_equal(row->cache_write, want->cache_write);
	assert_int_equal(row->output, want->output);
	assert_int_equal(row->reasoning, want->reasoning);
	assert_int_equal(row->cost_nano, want->cost_nano);
	assert_int_equal(row->reserved_nano, want->reserved_nano);
	assert_true(str_eq(row->step, want->step) && str_eq(row->model, want->model));
	assert_true(str_eq(row->class, want->class) && str_eq(row->request, want->request));
	assert_true(str_eq(row->reply, want->reply) && str_eq(row->detail, want->detail));
	return 7;
}

static int
same_run(void *arg, const struct store_run *row, const struct store_event *event)
{
	const struct store_run *want = arg;

	assert_int_equal(row->id, want->id);
	assert_int_equal(row->state, want->state);
	assert_int_equal(row->due_us, want->due_us);
	assert_int_equal(row->calls, want->calls);
	assert_int_equal(row->redrives, want->redrives);
	assert_int_equal(row->tokens_in, want->tokens_in);
	assert_int_equal(row->tokens_out, want->tokens_out);
	assert_int_equal(row->cost_nano, want->cost_nano);
	assert_true(str_eq(row->key, want->key) && str_eq(row->class, want->class));
	assert_true(str_eq(row->text, want->text) && str_eq(row->step, want->step));
	assert_true(str_is(event->body, "{\"id\":1}"));
	return 7;
}

static void
rows_come_back(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	struct store_event event = make_event(store, "a");
	struct store_run run = make_run(store, event.seq, RUN_WAITING);
	struct store_entry entry = {
		.run_id = run.id, .n = 1, .kind = ENTRY_ASK, .state = ENTRY_INTENDED,
		.step = HEED_STR("ask"), .at_us = NOW, .reserved_nano = 99,
		.request = {"nul\0 inside", 11},
	};
	struct store_filter filter = {.run_id = run.id};
	struct heed_str text;
	struct arena arena;

	arena_init(&arena, 0);
	assert_int_equal(store_put_event(tx, &event), 0);
	assert_int_equal(store_put_run(tx, &run), 0);
	assert_int_equal(store_put_entry(tx, &entry), 0);
	assert_int_equal(store_put_definition(tx, HEED_STR("abc"), HEED_STR("reaction"),
					      HEED_STR("enrich"), HEED_STR("on: x")), 0);
	assert_int_equal(store_put_cursor(tx, HEED_STR("feed"), HEED_STR("41")), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);

	run.state = RUN_DEAD, run.due_us = 5, run.calls = 2, run.redrives = 1, run.tokens_in = 3;
	run.tokens_out = 4, run.cost_nano = 6, run.key = HEED_STR("k");
	run.class = HEED_STR("LIMIT"), run.text = HEED_STR("why"), run.step = HEED_STR("ask");
	entry.state = ENTRY_FAILED, entry.ended_us = NOW + 1, entry.attempt = 1, entry.input = 10;
	entry.cached_input = 2, entry.cache_write = 3, entry.output = 4, entry.reasoning = 5;
	entry.cost_nano = INT64_MAX, entry.reserved_nano = 0, entry.model = HEED_STR("quick");
	entry.class = HEED_STR("RATE"), entry.reply = HEED_STR("r"), entry.detail = HEED_STR("d");
	tx = store_begin(store);
	assert_int_equal(store_put_entry(tx, &entry), 0);
	assert_int_equal(store_put_run(tx, &run), 0);
	assert_int_equal(store_put_cursor(tx, HEED_STR("feed"), HEED_STR("42")), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);

	assert_int_equal(store_read_journal(store, run.id, same_entry, &entry, NULL), 7);
	assert_int_equal(store_read_runs(store, &filter, same_run, &run, NULL), 7);
	assert_int_equal(store_read_cursor(store, HEED_STR("feed"), &arena, &text, NULL), 0);
	assert_true(str_is(text, "42"));
	assert_int_equal(store_read_cursor(store, HEED_STR("none"), &arena, &text, NULL), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(store_read_definition(store, HEED_STR("abc"), &arena, &text, NULL), 0);
	assert_true(str_is(text, "on: x"));
	assert_int_equal(store_read_definition(store, HEED_STR("x"), &arena, &text, NULL),
			 HEED_E_NOTFOUND);
	arena_done(&arena);
	store_close(store);
	loop_free(loop);
}

static void
duplicate_takes_its_part_along(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_filter all = {0};
	struct store_tx *tx = store_begin(store);
	struct outcome outcome;
	struct heed_str text;
	struct arena arena;

	(void)put_pair(store, tx, "one", RUN_READY);
	assert_int_equal(commit(loop, store, tx).code, 0);

	tx = store_begin(store);
	(void)put_pair(store, tx, "two", RUN_READY);
	(void)put_pair(store, tx, "one", RUN_READY);   /* seen in an earlier transaction */
	(void)put_pair(store, tx, "three", RUN_READY);
	(void)put_pair(store, tx, "two", RUN_READY);   /* seen in this one */
	assert_int_equal(store_put_cursor(tx, HEED_STR("feed"), HEED_STR("9")), 0);
	assert_int_equal(store_put_definition(tx, HEED_STR("behind"), HEED_STR("f"), HEED_STR("n"),
					      HEED_STR("t")), 0);
	outcome = commit(loop, store, tx);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.n_events, 4);
	assert_false(outcome.duplicate[0] || outcome.duplicate[2]);
	assert_true(outcome.duplicate[1] && outcome.duplicate[3]);
	assert_int_equal(all_events(store), 3);
	assert_int_equal(runs_of(store, &all), 3);
	arena_init(&arena, 0);
	assert_int_equal(store_read_cursor(store, HEED_STR("feed"), &arena, &text, NULL), 0);
	assert_true(str_is(text, "9"));
	assert_int_equal(store_read_definition(store, HEED_STR("behind"), &arena, &text, NULL), 0);
	arena_done(&arena);
	store_close(store);
	loop_free(loop);
}

static void
same_id_of_another_source_is_another_event(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	struct store_event a = make_event(store, "bc");
	struct store_event b = make_event(store, "c");

	a.source = HEED_STR("a");
	b.source = HEED_STR("ab");
	assert_int_equal(store_put_event(tx, &a), 0);
	assert_int_equal(store_put_event(tx, &b), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(all_events(store), 2);
	store_close(store);
	loop_free(loop);
}

/* ---- queries ---------------------------------------------------------------------------- */

static void
filters_choose(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	struct heed_error error = {0};
	int64_t parent = put_pair(store, tx, "a", RUN_DONE);
	int64_t n = 0;
	struct store_event child = make_event(store, "b");
	struct store_run run;

	child.parent_run = parent;
	child.type = HEED_STR("other");
	child.received_us = NOW + DAY;
	assert_int_equal(store_put_event(tx, &child), 0);
	run = make_run(store, child.seq, RUN_DEAD);
	run.created_us = NOW + DAY;
	run.class = HEED_STR("REFUSED");
	assert_int_equal(store_put_run(tx, &run), 0);
	(void)put_pair(store, tx, "c", RUN_READY);
	assert_int_equal(commit(loop, store, tx).code, 0);

	assert_int_equal(events_of(store, &(struct store_filter){.parent_run = parent}), 1);
	assert_int_equal(events_of(store, &(struct store_filter){.event_id = HEED_STR("c")}), 1);
	assert_int_equal(events_of(store, &(struct store_filter){.type = HEED_STR("other")}), 1);
	assert_int_equal(events_of(store, &(struct store_filter){.event_seq = 2}), 1);
	assert_int_equal(events_of(store, &(struct store_filter){.since_us = NOW + 1}), 1);
	assert_int_equal(events_of(store, &(struct store_filter){.until_us = NOW + DAY}), 2);
	assert_int_equal(events_of(store, &(struct store_filter){.after = 1}), 2);
	assert_int_equal(events_of(store, &(struct store_filter){.after = 3, .newest = true}), 2);
	assert_int_equal(events_of(store, &(struct store_filter){.limit = 1}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.states = "dead, ready"}), 2);
	assert_int_equal(runs_of(store, &(struct store_filter){.states = "done,dead"}), 2);
	assert_int_equal(runs_of(store, &(struct store_filter){.class = HEED_STR("REFUSED")}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.parent_run = parent}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.event_seq = 1}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.name = HEED_STR("enrich")}), 3);
	assert_int_equal(runs_of(store, &(struct store_filter){.type = HEED_STR("other")}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.since_us = NOW + 1}), 1);
	assert_int_equal(store_read_runs(store, &(struct store_filter){.states = "odd"}, count_run,
					 &n, &error), HEED_E_INVALID);
	assert_non_null(strstr(error.text, "odd"));
	store_close(store);
	loop_free(loop);
}

struct costs {
	int n;
	struct store_cost rows[4];
	char groups[4][32];
};

static int
keep_cost(void *arg, const struct store_cost *cost)
{
	struct costs *costs = arg;

	assert_true(costs->n < 4);
	costs->rows[costs->n] = *cost;
	(void)snprintf(costs->groups[costs->n], 32, "%.*s", STR_ARG(cost->group));
	costs->n++;
	return 0;
}

static void
put_ask(struct store_tx *tx, int64_t run, int n, const char *model, int64_t at_us, int64_t cost)
{
	struct store_entry entry = {
		.run_id = run, .n = n, .kind = ENTRY_ASK, .state = ENTRY_DONE, .at_us = at_us,
		.model = str_of(model), .input = 100, .output = 10, .cost_nano = cost,
	};

	assert_int_equal(store_put_entry(tx, &entry), 0);
}

static void
costs_and_counts_add_up(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	int64_t a = put_pair(store, tx, "a", RUN_DONE);
	int64_t b = put_pair(store, tx, "b", RUN_DEAD);
	struct store_entry act = {.run_id = a, .n = 3, .kind = ENTRY_ACT, .cost_nano = 1000};
	struct store_counts counts;
	struct costs costs = {0};

	put_ask(tx, a, 1, "quick", NOW, 5);
	put_ask(tx, a, 2, "careful", NOW, 50);
	put_ask(tx, b, 1, "quick", NOW + DAY, 7);
	assert_int_equal(store_put_entry(tx, &act), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);

	assert_int_equal(store_read_costs(store, STORE_BY_MODEL, 0, 0, keep_cost, &costs, NULL), 0);
	assert_int_equal(costs.n, 2);
	assert_string_equal(costs.groups[0], "careful");
	assert_string_equal(costs.groups[1], "quick");
	assert_int_equal(costs.rows[1].cost_nano, 12);
	assert_int_equal(costs.rows[1].calls, 2);
	assert_int_equal(costs.rows[1].runs, 2);
	assert_int_equal(costs.rows[1].input, 200);
	costs.n = 0;
	assert_int_equal(store_read_costs(store, STORE_BY_DAY, 0, 0, keep_cost, &costs, NULL), 0);
	assert_int_equal(costs.n, 2);
	assert_string_equal(costs.groups[0], "2027-01-15");
	assert_int_equal(costs.rows[0].cost_nano, 55);
	costs.n = 0;
	assert_int_equal(store_read_costs(store, STORE_BY_TYPE, NOW + 1, 0, keep_cost, &costs,
					  NULL), 0);
	assert_int_equal(costs.n, 1);
	assert_int_equal(costs.rows[0].cost_nano, 7);
	costs.n = 0;
	assert_int_equal(store_read_costs(store, STORE_BY_NAME, 0, NOW + 1, keep_cost, &costs,
					  NULL), 0);
	assert_string_equal(costs.groups[0], "enrich");
	assert_int_equal(costs.rows[0].cost_nano, 55);

	assert_int_equal(store_read_counts(store, &counts, NULL), 0);
	assert_int_equal(counts.events, 2);
	assert_int_equal(counts.runs[RUN_DONE], 1);
	assert_int_equal(counts.runs[RUN_DEAD], 1);
	assert_int_equal(counts.runs[RUN_READY], 0);
	store_close(store);
	loop_free(loop);
}

struct aside {
	bool done;
	int code;
	int64_t n;
	char text[64];
};

static int
look_aside(struct store *reader, void *arg, struct heed_error *error)
{
	struct aside *aside = arg;
	struct store_filter all = {0};

	return store_read_events(reader, &all, count_event, &aside->n, error);
}

static int
look_in_vain(struct store *reader, void *arg, struct heed_error *error)
{
	(void)reader;
	(void)arg;
	(void)snprintf(error->text, sizeof(error->text), "in vain");
	return HEED_E_NOTFOUND;
}

static void
looked(void *arg, int code, const struct heed_error *error)
{
	struct aside *aside = arg;

	aside->done = true;
	aside->code = code;
	(void)snprintf(aside->text, sizeof(aside->text), "%.63s", error->text);
}

static void
reads_aside(void **state)
{
	struct place place = fresh("aside");
	const char *const wheres[] = {"memory:", place.where};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct loop *loop = new_loop();
		struct store *store = open_at(loop, wheres[i]);
		struct store_tx *tx = store_begin(store);
		struct aside found = {0};
		struct aside again = {0};
		struct aside vain = {0};

		(void)put_pair(store, tx, "a", RUN_READY);
		assert_int_equal(commit(loop, store, tx).code, 0);
		assert_int_equal(store_read(store, look_aside, looked, &found), 0);
		assert_int_equal(store_read(store, look_in_vain, looked, &vain), 0);
		assert_int_equal(store_read(store, look_aside, looked, &again), 0);
		assert_false(found.done);
		await(loop, &again.done);
		assert_true(found.done && vain.done);
		assert_int_equal(found.n + again.n, 2);
		assert_int_equal(vain.code, HEED_E_NOTFOUND);
		assert_string_equal(vain.text, "in vain");
		store_close(store);
		loop_free(loop);
	}
}

static void
cached_answers_expire(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	struct store_cached put = {.hash = {"\0\xff\x01", 3}, .model = HEED_STR("quick"),
				   .reply = HEED_STR("{}"), .at_us = NOW, .expires_us = NOW + 10};
	struct store_cached got;
	struct outcome outcome = {0};
	struct arena arena;

	arena_init(&arena, 0);
	assert_int_equal(store_put_cache(tx, &put), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(store_read_cache(store, put.hash, NOW, &arena, &got, NULL), 0);
	assert_true(str_is(got.reply, "{}") && str_is(got.model, "quick"));
	assert_int_equal(store_read_cache(store, put.hash, NOW + 10, &arena, &got, NULL),
			 HEED_E_NOTFOUND);
	loop_set_wall(loop, NOW + 10);
	assert_int_equal(store_prune(store, DAY, keep, &outcome), 0);
	await(loop, &outcome.done);
	assert_int_equal(store_read_cache(store, put.hash, NOW, &arena, &got, NULL),
			 HEED_E_NOTFOUND);
	arena_done(&arena);
	store_close(store);
	loop_free(loop);
}

static void
pruning_forgets_old_keys_only(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	struct outcome outcome = {0};
	struct store_stats stats;
	int64_t groups;
	char ids[2 * STORE_PRUNE_BATCH + 100][16];
	int n = 2 * STORE_PRUNE_BATCH + 100;
	int i;

	for (i = 0; i < n; i++) {
		struct store_event event;

		(void)snprintf(ids[i], sizeof(ids[i]), "e%d", i);
		event = make_event(store, ids[i]);
		event.received_us = NOW - 8 * DAY;
		assert_int_equal(store_put_event(tx, &event), 0);
	}
	(void)put_pair(store, tx, "young", RUN_READY);
	assert_int_equal(commit(loop, store, tx).code, 0);
	store_stats(store, &stats);
	groups = stats.groups;
	assert_int_equal(store_prune(store, 7 * DAY, keep, &outcome), 0);
	await(loop, &outcome.done);
	assert_int_equal(outcome.code, 0);
	store_stats(store, &stats);
	assert_int_equal(stats.groups - groups, 3); /* in bounded batches */

	tx = store_begin(store);
	(void)put_pair(store, tx, "young", RUN_READY);
	(void)put_pair(store, tx, "e0", RUN_READY);
	outcome = commit(loop, store, tx);
	assert_true(outcome.duplicate[0]);
	assert_false(outcome.duplicate[1]);
	assert_int_equal(all_events(store), n + 2);
	store_close(store);
	loop_free(loop);
}

/* ---- users' statements ------------------------------------------------------------------ */

static struct outcome
run_user(struct loop *loop, struct store *store, const char *id, const char *sql,
	 struct heed_json values)
{
	struct store_tx *tx = store_begin(store);

	(void)put_pair(store, tx, id, RUN_DONE);
	assert_int_equal(store_put_sql(tx, str_of(sql), values), 0);
	return commit(loop, store, tx);
}

static void
user_statement_is_part_of_it(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct heed_member members[] = {
		{HEED_STR("id"), json_int(INT64_MAX)},
		{HEED_STR("name"), json_cstr("O'Brien")},
		{HEED_STR("big"), json_uint(UINT64_MAX)},
	};
	struct heed_json values = {.kind = HEED_OBJECT, .len = 3, .members = members};
	struct outcome outcome;

	assert_int_equal(run_user(loop, store, "0",
				  "create table customers(id integer primary key, name text)",
				  values).code, 0);
	outcome = run_user(loop, store, "1", "insert into customers values(:id, :name); -- one",
			   values);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.n_sql, 1);
	assert_int_equal(outcome.changed[0], 1);
	outcome = run_user(loop, store, "2", "insert into customers values(@id, $name)", values);
	assert_int_equal(outcome.code, HEED_E_PERMANENT); /* the key is there already */
	assert_non_null(strstr(outcome.text, "UNIQUE"));
	assert_int_equal(all_events(store), 2); /* its event went with it */
	outcome = run_user(loop, store, "3", "update customers set name = :nobody", values);
	assert_int_equal(outcome.code, HEED_E_PERMANENT);
	assert_non_null(strstr(outcome.text, ":nobody"));
	outcome = run_user(loop, store, "4", "update customers set id = :big", values);
	assert_int_equal(outcome.code, HEED_E_PERMANENT);
	outcome = run_user(loop, store, "5", "update customers set name = 'x' where id = :id",
			   values);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.changed[0], 1);
	store_close(store);
	loop_free(loop);
}

static void
user_statement_is_fenced(void **state)
{
	static const char *const refused[] = {
		"delete from events",
		"insert into runs select * from runs",
		"update journal set cost_nano = 0",
		"DROP TABLE Dedup",
		"alter table runs rename to walks",
		"create trigger t after insert on events begin delete from mine; end",
		"create temp table events(x)",
		"create index i on events(body)",
		"commit",
		"rollback",
		"begin",
		"savepoint a",
		"release tx",
		"pragma synchronous = off",
		"attach ':memory:' as other",
		"vacuum",
		"insert into mine values(1); delete from mine",
		"nonsense",
		"",
		" -- nothing",
		"insert into mine values(\"no such column\")",
	};
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	size_t i;

	assert_int_equal(run_user(loop, store, "0", "create table mine(events integer)",
				  json_null()).code, 0);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct outcome outcome = run_user(loop, store, "a", refused[i], json_null());

		if (outcome.code != HEED_E_PERMANENT || outcome.text[0] == '\0')
			fail_msg("%s: %d %s", refused[i], outcome.code, outcome.text);
	}
	assert_int_equal(run_user(loop, store, "b", "update mine set events = 2", json_null()).code,
			 0);
	/* A trigger is compiled, and so refused, when it would fire. */
	assert_int_equal(run_user(loop, store, "c", "create trigger t after insert on mine begin"
						    " delete from events; end",
				  json_null()).code, 0);
	assert_int_equal(run_user(loop, store, "d", "insert into mine values(1)", json_null()).code,
			 HEED_E_PERMANENT);
	assert_int_equal(all_events(store), 3);
	store_close(store);
	loop_free(loop);
}

static void
endless_statement_is_stopped(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct outcome outcome;

	assert_int_equal(run_user(loop, store, "0", "create table mine(x)", json_null()).code, 0);
	outcome = run_user(loop, store, "1",
			   "insert into mine with recursive c(n) as (select 1 union all"
			   " select n + 1 from c) select max(n) from c",
			   json_null());
	assert_int_equal(outcome.code, HEED_E_PERMANENT);
	assert_non_null(strstr(outcome.text, "too long"));
	assert_int_equal(run_user(loop, store, "1", "insert into mine values(1)", json_null()).code,
			 0);
	store_close(store);
	loop_free(loop);
}

/* ---- groups ----------------------------------------------------------------------------- */

#define STORM 3000

struct storm_tx {
	struct storm *storm;
	char id[24];
	int kind; /* 0: fine; 1: duplicate; 2: bad row; 3: bad statement; 4: takes all along */
	int code;
	bool duplicate;
};

struct storm {
	int left;
	bool done;
	struct storm_tx tx[STORM];
};

static void
storm_done(void *arg, const struct store_result *result)
{
	struct storm_tx *tx = arg;

	tx->code = result->code;
	tx->duplicate = result->code == 0 && result->duplicate[0];
	tx->storm->done = --tx->storm->left == 0;
}

static void
storm_put(struct store *store, struct storm *storm, int i)
{
	struct storm_tx *mine = &storm->tx[i];
	struct store_tx *tx = store_begin(store);
	struct store_event event;

	mine->storm = storm;
	(void)snprintf(mine->id, sizeof(mine->id), "s%d", mine->kind == 1 ? 0 : i);
	event = make_event(store, mine->id);
	if (mine->kind == 2)
		event.seq = 1; /* taken */
	assert_int_equal(store_put_event(tx, &event), 0);
	if (mine->kind >= 3)
		assert_int_equal(store_put_sql(tx, mine->kind == 3 ? HEED_STR("update nothing set x = 1")
								   : HEED_STR("insert or rollback into mine values(1)"),
					       json_null()), 0);
	store_commit(store, tx, storm_done, mine);
}

static void
failures_stay_alone(void **state)
{
	struct place place = fresh("storm");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct storm *storm = mem_new(sizeof(*storm));
	unsigned seed = (unsigned)clock_wall_us();
	struct store_stats stats;
	int64_t written = 1;
	int i;

	print_message("# seed %u\n", seed);
	storm->left = STORM;
	assert_int_equal(run_user(loop, store, "0", "create table mine(x integer primary key)",
				  json_null()).code, 0);
	assert_int_equal(run_user(loop, store, "1", "insert into mine values(1)",
				  json_null()).code, 0);
	written++;
	for (i = 0; i < STORM; i++) {
		unsigned dice = (unsigned)rand_r(&seed) % 100;

		storm->tx[i].kind = i == 0 ? 0 : dice < 5 ? 1 : dice < 7 ? 2 : dice < 9 ? 3
				    : dice < 10 ? 4 : 0;
		storm_put(store, storm, i);
	}
	await(loop, &storm->done);
	for (i = 0; i < STORM; i++) {
		const struct storm_tx *tx = &storm->tx[i];
		int want = tx->kind < 2 ? 0 : tx->kind == 2 ? HEED_E_STORE : HEED_E_PERMANENT;

		assert_int_equal(tx->code, want);
		assert_int_equal(tx->duplicate, tx->kind == 1);
		written += tx->kind == 0;
	}
	assert_int_equal(all_events(store), written - 1 + 1);
	store_stats(store, &stats);
	assert_int_equal(stats.waiting, 0);
	assert_true(stats.largest > 1); /* they were grouped */
	print_message("# %d transactions in %d groups\n", STORM, (int)stats.groups);
	mem_free(storm);
	store_close(store);
	loop_free(loop);
}

static void
closing_writes_what_waits(void **state)
{
	struct place place = fresh("closing");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct storm *storm = mem_new(sizeof(*storm));
	int i;

	storm->left = 100;
	for (i = 0; i < 100; i++)
		storm_put(store, storm, i);
	store_close(store);
	await(loop, &storm->done);
	for (i = 0; i < 100; i++)
		assert_int_equal(storm->tx[i].code, 0);
	mem_free(storm);
	store = open_at(loop, place.where);
	assert_int_equal(all_events(store), 100);
	assert_int_equal(store_next_event(store), 101);
	store_close(store);
	loop_free(loop);
}

static void
no_memory_is_said(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	int refused = 0;
	int n;

	for (n = 0; n < 8; n++) {
		struct store_event event = make_event(store, "a");
		struct outcome outcome = {0};
		struct store_tx *tx;

		event.seq = n + 1;
		event.id = (struct heed_str){&"abcdefgh"[n], 1};
		mem_fail_after(n, 1);
		tx = store_begin(store);
		if (tx == NULL || store_put_event(tx, &event) < 0) {
			refused++;
			store_discard(tx);
			mem_fail_after(-1, 0);
			continue;
		}
		store_commit(store, tx, keep, &outcome);
		mem_fail_after(-1, 0);
		await(loop, &outcome.done);
		if (outcome.code != 0) {
			assert_int_equal(outcome.code, HEED_E_STORE);
			refused++;
		}
	}
	assert_true(refused > 0);
	assert_int_equal(all_events(store), 8 - refused);
	store_close(store);
	loop_free(loop);
}

/* ---- opening ---------------------------------------------------------------------------- */

static void
second_writer_is_told_who_holds_it(void **state)
{
	struct place place = fresh("lock");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct store_tx *tx = store_begin(store);
	struct store *looker = NULL;
	char words[64];

	(void)snprintf(words, sizeof(words), "process %ld is using", (long)getpid());
	expect_open(loop, place.where, HEED_E_LOCKED, words);
	(void)put_pair(store, tx, "a", RUN_READY);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(store_open_readonly(str_of(place.where), &looker, NULL), 0);
	assert_int_equal(all_events(looker), 1); /* looking is free */
	store_close(looker);
	store_close(store);
	store = open_at(loop, place.where);
	store_close(store);
	loop_free(loop);
}

static void
wrong_files_are_refused(void **state)
{
	struct place place = fresh("wrong");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct heed_error error = {0};
	FILE *file;

	expect_open(loop, "postgres", HEED_E_CONFIG, "there is no store");
	expect_open(loop, "sqlite:", HEED_E_CONFIG, "there is no store");
	expect_open(loop, "sqlite:/nowhere/at/all.db", HEED_E_IO, "/nowhere/at/all.db");
	store_close(store);
	assert_int_equal(store_open_readonly(HEED_STR("sqlite:/nowhere.db"), &store, &error),
			 HEED_E_NOTFOUND);

	run_sqlite(place.path, "pragma user_version = 1000");
	expect_open(loop, place.where, HEED_E_NEWER, "version 1000");
	assert_int_equal(store_open_readonly(str_of(place.where), &store, &error), HEED_E_NEWER);
	run_sqlite(place.path, "pragma user_version = 1; pragma application_id = 5");
	expect_open(loop, place.where, HEED_E_CORRUPT, "another program");

	place = fresh("text");
	file = fopen(place.path, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "%s", "This is no database, but long enough to have been one, "
					"with a head of one hundred bytes and some more.") > 0);
	assert_int_equal(fclose(file), 0);
	expect_open(loop, place.where, HEED_E_CORRUPT, "not a database");
	loop_free(loop);
}

static void
file_of_version_one_is_migrated(void **state)
{
	struct place place = fresh("old");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct store_tx *tx = store_begin(store);
	struct store_counts counts;

	(void)put_pair(store, tx, "a", RUN_DONE);
	assert_int_equal(commit(loop, store, tx).code, 0);
	store_close(store);
	run_sqlite(place.path, "drop table cache; drop index events_received;"
			       "drop index journal_asks;"
			       "alter table journal drop column reserved_nano;"
			       "pragma user_version = 1");
	assert_int_equal(store_open_readonly(str_of(place.where), &store, NULL),
			 HEED_E_UNSUPPORTED);
	store = open_at(loop, place.where);
	assert_int_equal(store_read_counts(store, &counts, NULL), 0);
	assert_int_equal(counts.runs[RUN_DONE], 1);
	tx = store_begin(store);
	put_ask(tx, 1, 1, "quick", NOW, 5);
	assert_int_equal(commit(loop, store, tx).code, 0);
	store_close(store);
	loop_free(loop);
}

static void
damage_is_found_after_a_crash(void **state)
{
	struct place place = fresh("damage");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct store_tx *tx = store_begin(store);
	char ids[500][16];
	char noise[4096];
	int fd;
	int i;

	for (i = 0; i < 500; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%d", i);
		(void)put_pair(store, tx, ids[i], RUN_DONE);
	}
	assert_int_equal(commit(loop, store, tx).code, 0);
	store_close(store);
	run_sqlite(place.path, "insert into meta values('open', '1')"); /* as a crash leaves it */
	memset(noise, 0x5a, sizeof(noise));
	fd = open(place.path, O_RDWR);
	assert_true(fd >= 0);
	for (i = 20; i < 30; i++)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), (off_t)i * 4096), 4096);
	assert_int_equal(close(fd), 0);
	expect_open(loop, place.where, HEED_E_CORRUPT, "damaged");
	expect_open(loop, place.where, HEED_E_CORRUPT, "damaged"); /* and still is */
	loop_free(loop);
}

/* ---- breaking --------------------------------------------------------------------------- */

static struct outcome
put_one(struct loop *loop, struct store *store, const char *id)
{
	struct store_tx *tx = store_begin(store);

	(void)put_pair(store, tx, id, RUN_READY);
	return commit(loop, store, tx);
}

static void
faults_strike_where_told(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "fault:memory:");

	store_fault(store, STORE_FAULT_FAIL, 2);
	assert_int_equal(put_one(loop, store, "a").code, 0);
	assert_int_equal(put_one(loop, store, "b").code, HEED_E_STORE);
	assert_int_equal(put_one(loop, store, "b").code, 0);
	store_fault(store, STORE_FAULT_FULL, 1);
	assert_int_equal(put_one(loop, store, "c").code, HEED_E_LIMIT);
	assert_int_equal(put_one(loop, store, "c").code, HEED_E_LIMIT);
	store_fault(store, STORE_FAULT_NONE, 0);
	assert_int_equal(put_one(loop, store, "c").code, 0);
	assert_int_equal(all_events(store), 3);
	store_close(store);
	loop_free(loop);
}

static void
power_cut_keeps_what_was_written(void **state)
{
	struct place place = fresh("cut");
	struct loop *loop = new_loop();
	char where[200];
	struct store *store;
	int behind;

	(void)snprintf(where, sizeof(where), "fault:%s", place.where);
	for (behind = 0; behind < 2; behind++) {
		store = open_at(loop, where);
		store_fault(store, behind ? STORE_FAULT_CUT_BEHIND : STORE_FAULT_CUT, 2);
		assert_int_equal(put_one(loop, store, behind ? "x" : "a").code, 0);
		assert_int_equal(put_one(loop, store, "b").code, HEED_E_STORE);
		assert_int_equal(put_one(loop, store, "c").code, HEED_E_STORE);
		store_close(store);
	}
	store = open_at(loop, place.where);
	assert_int_equal(all_events(store), 3); /* a, x, and b unacknowledged */
	assert_true(put_one(loop, store, "b").duplicate[0]);
	store_close(store);
	loop_free(loop);
}

/* A limit of the size of files fails writes half way, as a full disk does. */
static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
full_disk_is_survived(void **state)
{
	static char big[1 << 20];
	struct place place = fresh("full");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction old;
	struct store_event event;
	struct store_tx *tx;
	struct outcome outcome;

	memset(big, 'x', sizeof(big));
	assert_int_equal(sigaction(SIGXFSZ, &ignore, &old), 0);
	assert_int_equal(put_one(loop, store, "a").code, 0);
	limit_files(512 * 1024);
	tx = store_begin(store);
	event = make_event(store, "big");
	event.body = (struct heed_str){big, sizeof(big)};
	assert_int_equal(store_put_event(tx, &event), 0);
	outcome = commit(loop, store, tx);
	limit_files(RLIM_INFINITY);
	assert_int_equal(sigaction(SIGXFSZ, &old, NULL), 0);
	assert_true(outcome.code == HEED_E_STORE || outcome.code == HEED_E_LIMIT);
	assert_true(outcome.text[0] != '\0');
	assert_int_equal(put_one(loop, store, "b").code, 0);
	assert_int_equal(all_events(store), 2);
	store_close(store);
	loop_free(loop);
}

/* ---- kill -9 ---------------------------------------------------------------------------- */

/* In a process of its own: commit as fast as it goes and write each acknowledged number to
 * the pipe, until killed. */
struct killed_tx {
	int64_t number;
	char id[24];
	int fd;
	struct store *store;
	int *in_flight;
};

static void
killed_done(void *arg, const struct store_result *result)
{
	struct killed_tx *tx = arg;

	if (result->code != 0 || write(tx->fd, &tx->number, sizeof(tx->number)) < 0)
		_exit(1);
	--*tx->in_flight;
	mem_free(tx);
}

static void
write_until_killed(const char *where, int fd, int64_t number)
{
	struct store *store = NULL;
	struct loop *loop = NULL;
	int in_flight = 0;

	if (loop_new(LOOP_REAL, &loop) != 0 ||
	    store_open(loop, str_of(where), &store, NULL) != 0)
		_exit(2);
	for (;;) {
		while (in_flight < 50) {
			struct killed_tx *mine = mem_new(sizeof(*mine));
			struct store_tx *tx = store_begin(store);
			struct store_event event;
			struct store_run run;

			if (mine == NULL || tx == NULL)
				_exit(3);
			mine->number = number++;
			mine->fd = fd;
			mine->in_flight = &in_flight;
			(void)snprintf(mine->id, sizeof(mine->id), "k%ld", (long)mine->number);
			event = make_event(store, mine->id);
			run = make_run(store, event.seq, RUN_READY);
			if (store_put_event(tx, &event) != 0 || store_put_run(tx, &run) != 0)
				_exit(3);
			in_flight++;
			store_commit(store, tx, killed_done, mine);
		}
		loop_turn(loop);
	}
}

/* Kill a writer after it acknowledged `n`; *acknowledged gets a mark for each. */
static int64_t
kill_after(const char *where, int64_t from, int64_t n, bool *acknowledged, int64_t max)
{
	int64_t count = 0;
	int64_t number;
	int ends[2];
	int status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(ends[0]);
		write_until_killed(where, ends[1], from);
	}
	(void)close(ends[1]);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
		assert_true(number < max);
		acknowledged[number] = true;
		if (++count == n)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return count;
}

#define KILL_MAX 200000

static void
nothing_acknowledged_is_lost_by_kill(void **state)
{
	struct place place = fresh("kill");
	unsigned seed = (unsigned)clock_wall_us();
	bool *acknowledged = mem_new(KILL_MAX);
	int64_t from = 0;
	int round;

	print_message("# seed %u\n", seed);
	for (round = 0; round < 8; round++) {
		struct loop *loop;
		struct store *store;
		int64_t n = 1 + rand_r(&seed) % 700;
		int64_t i;

		(void)kill_after(place.where, from, n, acknowledged, KILL_MAX);
		loop = new_loop();
		store = open_at(loop, place.where);
		for (i = 0; i < KILL_MAX; i++) {
			char id[24];
			struct store_filter filter;

			if (!acknowledged[i])
				continue;
			(void)snprintf(id, sizeof(id), "k%ld", (long)i);
			filter = (struct store_filter){.event_id = str_of(id)};
			assert_int_equal(runs_of(store, &filter), 1);
			from = i + 1000;
		}
		store_close(store);
		loop_free(loop);
	}
	mem_free(acknowledged);
}

/* ---- speed ------------------------------------------------------------------------------ */

#define RATE_N 20000

static void
rate_done(void *arg, const struct store_result *result)
{
	assert_int_equal(result->code, 0);
	--*(int *)arg;
}

/* Printed, not judged: machines differ. */
static void
rate(void **state)
{
	static char body[700];
	struct place place = fresh("rate");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct store_stats stats;
	char (*ids)[16] = mem_new(RATE_N * 16);
	int64_t start_us = clock_steady_us();
	int64_t start_cpu_us = clock_cpu_us();
	int left = RATE_N;
	int i;

	memset(body, 'b', sizeof(body));
	for (i = 0; i < RATE_N; i++) {
		struct store_tx *tx = store_begin(store);
		struct store_event event;
		struct store_run run;

		(void)snprintf(ids[i], 16, "%d", i);
		event = make_event(store, ids[i]);
		event.body = (struct heed_str){body, sizeof(body)};
		run = make_run(store, event.seq, RUN_READY);
		assert_int_equal(store_put_event(tx, &event), 0);
		assert_int_equal(store_put_run(tx, &run), 0);
		put_ask(tx, run.id, 1, "quick", NOW, 5);
		store_commit(store, tx, rate_done, &left);
		if (i % 1000 == 999)
			while (left > RATE_N - i + 2000)
				loop_turn(loop);
	}
	while (left > 0)
		loop_turn(loop);
	store_stats(store, &stats);
	print_message("# %ld transactions/s; store thread %ld/s; processor %ld us each; largest "
		      "group %ld\n",
		      (long)(RATE_N * INT64_C(1000000) / (clock_steady_us() - start_us)),
		      (long)(RATE_N * INT64_C(1000000) / stats.busy_us),
		      (long)((clock_cpu_us() - start_cpu_us) / RATE_N), (long)stats.largest);
	mem_free(ids);
	store_close(store);
	loop_free(loop);
}

static int
make_folder(void **state)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/heed-store-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost_by_kill), /* before any thread */
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(duplicate_takes_its_part_along),
		cmocka_unit_test(same_id_of_another_source_is_another_event),
		cmocka_unit_test(filters_choose),
		cmocka_unit_test(costs_and_counts_add_up),
		cmocka_unit_test(reads_aside),
		cmocka_unit_test(cached_answers_expire),
		cmocka_unit_test(pruning_forgets_old_keys_only),
		cmocka_unit_test(user_statement_is_part_of_it),
		cmocka_unit_test(user_statement_is_fenced),
		cmocka_unit_test(endless_statement_is_stopped),
		cmocka_unit_test(failures_stay_alone),
		cmocka_unit_test(closing_writes_what_waits),
		cmocka_unit_test(no_memory_is_said),
		cmocka_unit_test(second_writer_is_told_who_holds_it),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(file_of_version_one_is_migrated),
		cmocka_unit_test(damage_is_found_after_a_crash),
		cmocka_unit_test(faults_strike_where_told),
		cmocka_unit_test(power_cut_keeps_what_was_written),
		cmocka_unit_test(full_disk_is_survived),
		cmocka_unit_test(rate),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
