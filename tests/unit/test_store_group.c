/*
 * test_store_group.c - what fails fails alone: users' statements, groups, faults, full
 * disks. The storm prints its seed.
 */
#include "store_kit.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- users' statements ------------------------------------------------------------- */

static struct outcome
run_user(struct loop *loop, struct store *store, const char *id, const char *sql,
         struct heed_json values)
{
	struct store_tx *tx = store_begin(store);

	(void)put_pair(store, tx, id, RUN_DONE);
	assert_int_equal(store_put_sql(tx, str_of(sql), values, 0, 0), 0);
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

	assert_int_equal(
		run_user(loop, store, "0",
	                 "create table customers(id integer primary key, name text)",
	                 values)
			.code,
		0);
	outcome = run_user(loop, store, "1",
	                   "insert into customers values(:id, :name); -- one", values);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.n_sql, 1);
	assert_int_equal(outcome.changed[0], 1);
	outcome = run_user(loop, store, "2", "insert into customers values(@id, $name)",
	                   values);
	assert_int_equal(outcome.code, HEED_E_PERMANENT); /* the key is there already */
	assert_non_null(strstr(outcome.text, "UNIQUE"));
	assert_int_equal(all_events(store), 2); /* its event went with it */
	outcome =
		run_user(loop, store, "3", "update customers set name = :nobody", values);
	assert_int_equal(outcome.code, HEED_E_PERMANENT);
	assert_non_null(strstr(outcome.text, ":nobody"));
	outcome = run_user(loop, store, "4", "update customers set id = :big", values);
	assert_int_equal(outcome.code, HEED_E_PERMANENT);
	outcome = run_user(loop, store, "5",
	                   "update customers set name = 'x' where id = :id", values);
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
	                          json_null())
	                         .code,
	                 0);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct outcome outcome =
			run_user(loop, store, "a", refused[i], json_null());

		if (outcome.code != HEED_E_PERMANENT || outcome.text[0] == '\0')
			fail_msg("%s: %d %s", refused[i], outcome.code, outcome.text);
	}
	assert_int_equal(
		run_user(loop, store, "b", "update mine set events = 2", json_null())
			.code,
		0);
	/* A trigger is compiled, and so refused, when it would fire. */
	assert_int_equal(run_user(loop, store, "c",
	                          "create trigger t after insert on mine begin"
	                          " delete from events; end",
	                          json_null())
	                         .code,
	                 0);
	assert_int_equal(
		run_user(loop, store, "d", "insert into mine values(1)", json_null())
			.code,
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

	assert_int_equal(
		run_user(loop, store, "0", "create table mine(x)", json_null()).code, 0);
	outcome = run_user(loop, store, "1",
	                   "insert into mine with recursive c(n) as (select 1 union all"
	                   " select n + 1 from c) select max(n) from c",
	                   json_null());
	assert_int_equal(outcome.code, HEED_E_PERMANENT);
	assert_non_null(strstr(outcome.text, "too long"));
	assert_int_equal(
		run_user(loop, store, "1", "insert into mine values(1)", json_null())
			.code,
		0);
	store_close(store);
	loop_free(loop);
}

/* ---- groups ------------------------------------------------------------------------ */

#define STORM 3000

struct storm_tx {
	struct storm *storm;
	char id[24];
	int kind; /* 0: fine, 1: duplicate, 2: bad row, 3: bad statement, 4: rolls back */
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
		assert_int_equal(
			store_put_sql(tx,
		                      mine->kind == 3
		                              ? HEED_STR("update nothing set x = 1")
		                              : HEED_STR("insert or rollback into mine "
		                                         "values(1)"),
		                      json_null(), 0, 0),
			0);
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
	assert_int_equal(run_user(loop, store, "0",
	                          "create table mine(x integer primary key)", json_null())
	                         .code,
	                 0);
	assert_int_equal(
		run_user(loop, store, "1", "insert into mine values(1)", json_null())
			.code,
		0);
	written++;
	for (i = 0; i < STORM; i++) {
		unsigned dice = (unsigned)rand_r(&seed) % 100;

		storm->tx[i].kind = i == 0      ? 0
		                    : dice < 5  ? 1
		                    : dice < 7  ? 2
		                    : dice < 9  ? 3
		                    : dice < 10 ? 4
		                                : 0;
		storm_put(store, storm, i);
	}
	await(loop, &storm->done);
	for (i = 0; i < STORM; i++) {
		const struct storm_tx *tx = &storm->tx[i];
		int want = tx->kind < 2    ? 0
		           : tx->kind == 2 ? HEED_E_STORE
		                           : HEED_E_PERMANENT;

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

/* ---- breaking ---------------------------------------------------------------------- */

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_statement_is_part_of_it),
		cmocka_unit_test(user_statement_is_fenced),
		cmocka_unit_test(endless_statement_is_stopped),
		cmocka_unit_test(failures_stay_alone),
		cmocka_unit_test(closing_writes_what_waits),
		cmocka_unit_test(no_memory_is_said),
		cmocka_unit_test(faults_strike_where_told),
		cmocka_unit_test(power_cut_keeps_what_was_written),
		cmocka_unit_test(full_disk_is_survived),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
