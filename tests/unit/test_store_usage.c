/*
 * test_store_usage.c - the sums of what calls used: always those of the journal.
 */
#include "store_kit.h"

#include <sqlite3.h>

#define QUARTER STORE_USAGE_US
#define RUNS 12
#define ENTRIES 4

struct sum {
	int64_t rows, questions, calls, failed, input, output, cost, reserved;
};

static int
add_usage(void *arg, const struct store_usage *usage)
{
	struct sum *sum = arg;

	sum->rows++;
	sum->questions += usage->questions;
	sum->calls += usage->calls;
	sum->failed += usage->failed;
	sum->input += usage->input;
	sum->output += usage->output;
	sum->cost += usage->cost_nano;
	sum->reserved += usage->reserved_nano;
	assert_int_equal(usage->at_us % QUARTER, 0);
	return 0;
}

static struct sum
usage_of(struct store *store, int64_t since_us, int64_t until_us)
{
	struct sum sum = {0};

	assert_int_equal(
		store_read_usage(store, since_us, until_us, add_usage, &sum, NULL), 0);
	return sum;
}

static void
periods_are_quarters(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	int64_t at = NOW - NOW % QUARTER;
	int64_t a = put_pair(store, tx, "a", RUN_DONE);
	struct store_entry act = {.run_id = a,
	                          .n = 9,
	                          .kind = ENTRY_ACT,
	                          .state = ENTRY_DONE,
	                          .cost_nano = 1};

	(void)state;
	put_ask(tx, a, 1, "quick", at, 5);
	put_ask(tx, a, 2, "careful", at + 1, 50);
	put_ask(tx, a, 3, "quick", at + QUARTER - 1, 500);
	put_ask(tx, a, 4, "quick", at + QUARTER, 5000);
	assert_int_equal(store_put_entry(tx, &act), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(usage_of(store, 0, 0).cost, 5555);
	assert_int_equal(usage_of(store, 0, 0).rows, 3);
	assert_int_equal(usage_of(store, at, at + QUARTER).cost, 555);
	assert_int_equal(usage_of(store, at + 1, at + QUARTER).cost, 555);
	assert_int_equal(usage_of(store, at + QUARTER, 0).cost, 5000);
	assert_int_equal(usage_of(store, 0, at).rows, 0);
	store_close(store);
	loop_free(loop);
}

/* ---- random journals --------------------------------------------------------------- */

static uint64_t seed;

static int64_t
chance(int64_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((seed >> 33) % (uint64_t)n);
}

static struct store_entry
random_entry(int64_t run, int n)
{
	static const char *const names[] = {"", "quick", "careful"};
	static const char *const classes[] = {"", "cached", "shared", "rate"};

	return (struct store_entry){
		.run_id = run,
		.n = n,
		.kind = ENTRY_ASK,
		.state = (enum entry_state)chance(3),
		.attempt = (int32_t)(1 + n % 2),
		.at_us = NOW + chance(4) * QUARTER / 2,
		.asked = str_of(names[chance(3)]),
		.model = str_of(names[chance(3)]),
		.class = str_of(classes[chance(4)]),
		.input = chance(1000),
		.output = chance(100),
		.cost_nano = chance(100000),
		.reserved_nano = chance(2) * chance(100000),
	};
}

/* What the sums have to be. */
static struct sum
sum_of(struct store_entry entries[RUNS][ENTRIES])
{
	struct sum sum = {0};

	for (int run = 0; run < RUNS; run++)
		for (int n = 0; n < ENTRIES; n++) {
			const struct store_entry *entry = &entries[run][n];

			if (entry->state == ENTRY_INTENDED || entry->asked.len == 0 ||
			    entry->n == 0)
				continue;
			sum.questions += entry->attempt == 1;
			sum.calls += !str_is(entry->class, "cached") &&
			             !str_is(entry->class, "shared");
			sum.failed += entry->state == ENTRY_FAILED;
			sum.input += entry->input;
			sum.output += entry->output;
			sum.cost += entry->cost_nano;
			sum.reserved += entry->reserved_nano;
		}
	return sum;
}

static void
equals_the_journal(void **state)
{
	struct store_entry entries[RUNS][ENTRIES] = {{{0}}};
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	int64_t ids[RUNS];
	char names[RUNS][16];

	(void)state;
	seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int run = 0; run < RUNS; run++) {
		(void)snprintf(names[run], sizeof(names[run]), "%d", run);
		ids[run] = put_pair(store, tx, names[run], RUN_ACTIVE);
	}
	assert_int_equal(commit(loop, store, tx).code, 0);
	for (int round = 0; round < 400; round++) {
		struct sum want, have;

		tx = store_begin(store);
		for (int i = 0; i < 5; i++) {
			int run = (int)chance(RUNS), n = (int)chance(ENTRIES);

			/* Sometimes the same once more: a commit that was repeated. */
			if (entries[run][n].n == 0 || chance(4) > 0)
				entries[run][n] = random_entry(ids[run], n + 1);
			assert_int_equal(store_put_entry(tx, &entries[run][n]), 0);
		}
		assert_int_equal(commit(loop, store, tx).code, 0);
		want = sum_of(entries);
		have = usage_of(store, 0, 0);
		want.rows = have.rows;
		assert_memory_equal(&want, &have, sizeof(want));
	}
	store_close(store);
	loop_free(loop);
}

/* ---- open asks --------------------------------------------------------------------- */

static int
add_open(void *arg, const struct store_usage *usage)
{
	struct sum *sum = arg;

	assert_true(str_is(usage->type, "thing_happened"));
	assert_true(str_is(usage->flow, "reaction") && str_is(usage->name, "enrich"));
	sum->rows++;
	sum->reserved += usage->reserved_nano;
	return 0;
}

static void
open_asks_are_found(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, "memory:");
	struct store_tx *tx = store_begin(store);
	struct sum sum = {0};
	struct store_entry entry = {.n = 1,
	                            .kind = ENTRY_ASK,
	                            .asked = HEED_STR("quick"),
	                            .at_us = NOW,
	                            .reserved_nano = 7};

	(void)state;
	entry.run_id = put_pair(store, tx, "a", RUN_ACTIVE);
	assert_int_equal(store_put_entry(tx, &entry), 0);
	entry.run_id = put_pair(store, tx, "b", RUN_WAITING);
	assert_int_equal(store_put_entry(tx, &entry), 0);
	entry.state = ENTRY_DONE;
	entry.n = 2;
	assert_int_equal(store_put_entry(tx, &entry), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(store_read_open_asks(store, add_open, &sum, NULL), 0);
	assert_int_equal(sum.rows, 2);
	assert_int_equal(sum.reserved, 14);
	store_close(store);
	loop_free(loop);
}

/* ---- a file of before -------------------------------------------------------------- */

static void
earlier_journals_are_summed_up(void **state)
{
	struct place place = fresh("before");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct store_tx *tx = store_begin(store);
	int64_t a = put_pair(store, tx, "a", RUN_DONE);
	sqlite3 *db;

	(void)state;
	put_ask(tx, a, 1, "gpt-4o", NOW, 5);
	put_ask(tx, a, 2, "gpt-4o", NOW + DAY, 50);
	assert_int_equal(commit(loop, store, tx).code, 0);
	store_close(store);
	assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
	                     "drop table jobs;"
	                     "drop trigger usage_insert; drop trigger usage_update;"
	                     "drop table usage; alter table journal drop column asked;"
	                     "create index journal_asks on journal(at_us) where kind = 0;"
	                     "pragma user_version = 3",
	                     NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	store = open_at(loop, place.where);
	assert_int_equal(usage_of(store, 0, 0).cost, 55);
	assert_int_equal(usage_of(store, 0, 0).rows, 2);
	tx = store_begin(store);
	put_ask(tx, a, 3, "gpt-4o", NOW, 500);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(usage_of(store, 0, 0).cost, 555);
	store_close(store);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(periods_are_quarters),
		cmocka_unit_test(equals_the_journal),
		cmocka_unit_test(open_asks_are_found),
		cmocka_unit_test(earlier_journals_are_summed_up),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
