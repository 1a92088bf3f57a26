/*
 * test_store.c - the store's rows and queries, and which files it opens.
 */
#include "store_kit.h"

#include <fcntl.h>
#include <sqlite3.h>

/* ---- rows -------------------------------------------------------------------------- */

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
	assert_true(str_eq(row->asked, want->asked));
	assert_true(str_eq(row->class, want->class) &&
	            str_eq(row->request, want->request));
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
		.run_id = run.id,
		.n = 1,
		.kind = ENTRY_ASK,
		.state = ENTRY_INTENDED,
		.step = HEED_STR("ask"),
		.at_us = NOW,
		.reserved_nano = 99,
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
	                                      HEED_STR("enrich"), HEED_STR("on: x")),
	                 0);
	assert_int_equal(store_put_cursor(tx, HEED_STR("feed"), HEED_STR("41")), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);

	run.state = RUN_DEAD, run.due_us = 5, run.calls = 2, run.redrives = 1,
	run.tokens_in = 3;
	run.tokens_out = 4, run.cost_nano = 6, run.key = HEED_STR("k");
	run.class = HEED_STR("LIMIT"), run.text = HEED_STR("why"),
	run.step = HEED_STR("ask");
	entry.state = ENTRY_FAILED, entry.ended_us = NOW + 1, entry.attempt = 1,
	entry.input = 10;
	entry.cached_input = 2, entry.cache_write = 3, entry.output = 4,
	entry.reasoning = 5;
	entry.cost_nano = INT64_MAX, entry.reserved_nano = 0,
	entry.model = HEED_STR("gpt-4o"), entry.asked = HEED_STR("quick");
	entry.class = HEED_STR("RATE"), entry.reply = HEED_STR("r"),
	entry.detail = HEED_STR("d");
	tx = store_begin(store);
	assert_int_equal(store_put_entry(tx, &entry), 0);
	assert_int_equal(store_put_run(tx, &run), 0);
	assert_int_equal(store_put_cursor(tx, HEED_STR("feed"), HEED_STR("42")), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);

	assert_int_equal(store_read_journal(store, run.id, same_entry, &entry, NULL), 7);
	assert_int_equal(store_read_runs(store, &filter, same_run, &run, NULL), 7);
	assert_int_equal(store_read_cursor(store, HEED_STR("feed"), &arena, &text, NULL),
	                 0);
	assert_true(str_is(text, "42"));
	assert_int_equal(store_read_cursor(store, HEED_STR("none"), &arena, &text, NULL),
	                 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(
		store_read_definition(store, HEED_STR("abc"), &arena, &text, NULL), 0);
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
	(void)put_pair(store, tx, "one", RUN_READY); /* seen in an earlier transaction */
	(void)put_pair(store, tx, "three", RUN_READY);
	(void)put_pair(store, tx, "two", RUN_READY); /* seen in this one */
	assert_int_equal(store_put_cursor(tx, HEED_STR("feed"), HEED_STR("9")), 0);
	assert_int_equal(store_put_definition(tx, HEED_STR("behind"), HEED_STR("f"),
	                                      HEED_STR("n"), HEED_STR("t")),
	                 0);
	outcome = commit(loop, store, tx);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.n_events, 4);
	assert_false(outcome.duplicate[0] || outcome.duplicate[2]);
	assert_true(outcome.duplicate[1] && outcome.duplicate[3]);
	assert_int_equal(all_events(store), 3);
	assert_int_equal(runs_of(store, &all), 3);
	arena_init(&arena, 0);
	assert_int_equal(store_read_cursor(store, HEED_STR("feed"), &arena, &text, NULL),
	                 0);
	assert_true(str_is(text, "9"));
	assert_int_equal(
		store_read_definition(store, HEED_STR("behind"), &arena, &text, NULL), 0);
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

/* ---- queries ----------------------------------------------------------------------- */

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

	assert_int_equal(events_of(store, &(struct store_filter){.parent_run = parent}),
	                 1);
	assert_int_equal(
		events_of(store, &(struct store_filter){.event_id = HEED_STR("c")}), 1);
	assert_int_equal(
		events_of(store, &(struct store_filter){.type = HEED_STR("other")}), 1);
	assert_int_equal(events_of(store, &(struct store_filter){.event_seq = 2}), 1);
	assert_int_equal(events_of(store, &(struct store_filter){.since_us = NOW + 1}),
	                 1);
	assert_int_equal(events_of(store, &(struct store_filter){.until_us = NOW + DAY}),
	                 2);
	assert_int_equal(events_of(store, &(struct store_filter){.after = 1}), 2);
	assert_int_equal(
		events_of(store, &(struct store_filter){.after = 3, .newest = true}), 2);
	assert_int_equal(events_of(store, &(struct store_filter){.limit = 1}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.states = "dead, ready"}),
	                 2);
	assert_int_equal(runs_of(store, &(struct store_filter){.states = "done,dead"}),
	                 2);
	assert_int_equal(
		runs_of(store, &(struct store_filter){.class = HEED_STR("REFUSED")}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.parent_run = parent}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.event_seq = 1}), 1);
	assert_int_equal(
		runs_of(store, &(struct store_filter){.name = HEED_STR("enrich")}), 3);
	assert_int_equal(
		runs_of(store, &(struct store_filter){.type = HEED_STR("other")}), 1);
	assert_int_equal(runs_of(store, &(struct store_filter){.since_us = NOW + 1}), 1);
	assert_int_equal(store_read_runs(store, &(struct store_filter){.states = "odd"},
	                                 count_run, &n, &error),
	                 HEED_E_INVALID);
	assert_non_null(strstr(error.text, "odd"));
	store_close(store);
	loop_free(loop);
}

static void
counts_add_up(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	struct store_counts counts;

	(void)put_pair(store, tx, "a", RUN_DONE);
	(void)put_pair(store, tx, "b", RUN_DEAD);
	assert_int_equal(commit(loop, store, tx).code, 0);
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
	struct store_cached put = {.hash = {"\0\xff\x01", 3},
	                           .model = HEED_STR("quick"),
	                           .reply = HEED_STR("{}"),
	                           .at_us = NOW,
	                           .expires_us = NOW + 10};
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

/* ---- opening ----------------------------------------------------------------------- */

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
	assert_int_equal(
		store_open_readonly(HEED_STR("sqlite:/nowhere.db"), &store, &error),
		HEED_E_NOTFOUND);

	run_sqlite(place.path, "pragma user_version = 1000");
	expect_open(loop, place.where, HEED_E_NEWER, "version 1000");
	assert_int_equal(store_open_readonly(str_of(place.where), &store, &error),
	                 HEED_E_NEWER);
	run_sqlite(place.path, "pragma user_version = 1; pragma application_id = 5");
	expect_open(loop, place.where, HEED_E_CORRUPT, "another program");

	place = fresh("text");
	file = fopen(place.path, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "%s",
	                    "This is no database, but long enough to have been one, "
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
	run_sqlite(place.path, "drop table jobs;"
	                       "drop index events_stream; drop index events_position;"
	                       "drop index events_received;"
	                       "drop table snapshots;"
	                       "alter table events drop column stream;"
	                       "alter table events drop column version;"
	                       "alter table events drop column position;"
	                       "drop table cache;"
	                       "drop trigger usage_insert; drop trigger usage_update;"
	                       "drop table usage;"
	                       "alter table journal drop column asked;"
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
	char ids[2000][16];
	char noise[4096];
	off_t middle;
	int fd;
	int i;

	for (i = 0; i < 2000; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%d", i);
		(void)put_pair(store, tx, ids[i], RUN_DONE);
	}
	assert_int_equal(commit(loop, store, tx).code, 0);
	store_close(store);
	run_sqlite(place.path,
	           "insert into meta values('open', '1')"); /* as a crash leaves it */
	memset(noise, 0x5a, sizeof(noise));
	fd = open(place.path, O_RDWR);
	assert_true(fd >= 0);
	/* Pages in the middle hold rows; the first ones say what is where. */
	middle = lseek(fd, 0, SEEK_END) / 2 / 4096;
	assert_true(middle > 30);
	for (i = 0; i < 10; i++)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), (middle + i) * 4096),
		                 4096);
	assert_int_equal(close(fd), 0);
	expect_open(loop, place.where, HEED_E_CORRUPT, "damaged");
	expect_open(loop, place.where, HEED_E_CORRUPT, "damaged"); /* and still is */
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(duplicate_takes_its_part_along),
		cmocka_unit_test(same_id_of_another_source_is_another_event),
		cmocka_unit_test(filters_choose),
		cmocka_unit_test(counts_add_up),
		cmocka_unit_test(reads_aside),
		cmocka_unit_test(cached_answers_expire),
		cmocka_unit_test(pruning_forgets_old_keys_only),
		cmocka_unit_test(second_writer_is_told_who_holds_it),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(file_of_version_one_is_migrated),
		cmocka_unit_test(damage_is_found_after_a_crash),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
