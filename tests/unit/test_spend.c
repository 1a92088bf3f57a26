/*
 * test_spend.c - budgets and the engine, on a virtual loop: runs wait and go on by
 * themselves, and whatever commit the power is cut at, no more is spent than allowed.
 */
#include "engine_kit.h"

#include "base/clock.h"
#include "engine/ledger.h"

/* A reply takes 10 tokens in and 5 out: 10 * 1,000 + 5 * 10,000 nano-dollars. At most it
 * could be about 1,800,000, for the bytes of the prompt and 50 tokens out. */
#define COST 60000
#define LIMIT 4000000

static const char config[] =
	"heed: 1\n"
	"models:\n"
	"  m: {provider: openai, endpoint: 'http://model.test/v1', model: m,\n"
	"      price: {input: 1, output: 10}, max_tokens: 50, coalesce: false,\n"
	"      breaker: {failures: 0}}\n"
	"  local: {provider: rules, rules: '{word: \"x\"}'}\n"
	"reactions:\n"
	"  ask:\n"
	"    on: ask\n"
	"    ask:\n"
	"      model: m\n"
	"      prompt: '{{ .event.data }}'\n"
	"      retry: {attempts: 3, delay: 10ms}\n"
	"      answer:\n"
	"        type: object\n"
	"        required: [word]\n"
	"        additionalProperties: false\n"
	"        properties: {word: {type: string}}\n"
	"budgets:\n"
	"  - {all: true, limit: 0.004, per: hour}\n";

static void
send_all(struct stage *stage, int n)
{
	static const char *const prompts[] = {"plain", "flaky", "garbage", "plain"};
	char text[128];

	for (int i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text),
		               "{\"id\":\"%d\",\"type\":\"ask\",\"data\":\"%s %d\"}", i,
		               prompts[i % 4], i);
		(void)stage_send(stage, text);
	}
}

/* Calls that the provider bills: it failed the first of each that is flaky. */
static int64_t
billed(void)
{
	int64_t n = 0;

	for (size_t i = 0; i < world.prompts.n; i++)
		n += world.prompts.items[i].count -
		     (strncmp(world.prompts.items[i].name, "flaky", 5) == 0);
	return n;
}

static struct ledger_view
view(struct stage *stage)
{
	struct ledger_view found;

	ledger_view(engine_ledger(stage->engine), 0, &found);
	return found;
}

static void
next_hour(struct stage *stage)
{
	int64_t left_us = view(stage).end_us - loop_wall_us(stage->loop);

	loop_advance(stage->loop, left_us / 1000 + 1);
	stage_run(stage, 5000);
}

static void
start_world(void)
{
	memset(&world, 0, sizeof(world));
	stage_wall_us = NOW - NOW % INT64_C(3600000000);
}

/* ---- waiting ----------------------------------------------------------------------- */

#define RUNS 100

static void
test_waits_and_goes_on_by_itself(void **state)
{
	struct stage stage;
	int64_t before;
	int hours = 0;

	(void)state;
	start_world();
	stage_open(&stage, config, "memory:");
	send_all(&stage, RUNS);
	stage_run(&stage, 10000);
	assert_true(billed() > 20 && stage.ended < RUNS);
	while (stage.ended < RUNS) {
		before = billed();
		assert_true(view(&stage).waiting > 0);
		assert_int_equal(view(&stage).reserved_nano, 0);
		assert_true(view(&stage).spent_nano <= LIMIT);
		stage_run(&stage, 100000); /* nobody goes before */
		assert_int_equal(billed(), before);
		next_hour(&stage);
		assert_true(billed() > before);
		assert_true((billed() - before) * COST <= LIMIT && ++hours < 10);
	}
	assert_int_equal(view(&stage).waiting, 0);
	stage_close(&stage);
}

static void
test_limits_change(void **state)
{
	struct stage stage;
	struct budget budget;
	struct heed_error error = {0};
	int64_t before;

	(void)state;
	start_world();
	stage_open(&stage, config, "memory:");
	send_all(&stage, RUNS);
	stage_run(&stage, 10000);
	assert_true(stage.ended < RUNS);
	budget = *(const struct budget *)stage.app.budgets.items;
	budget.limit_nano *= 10;
	assert_int_equal(engine_set_budgets(stage.engine, &budget, 1, &error), 0);
	stage_run(&stage, 10000);
	assert_int_equal(stage.ended, RUNS);
	assert_int_equal(view(&stage).spent_nano, billed() * COST);

	/* Back again: what is free stays usable. */
	budget.limit_nano = LIMIT;
	budget.then.kind = BUDGET_MODEL;
	budget.then.model = HEED_STR("local");
	assert_int_equal(engine_set_budgets(stage.engine, &budget, 1, &error), 0);
	before = billed();
	(void)stage_send(&stage, "{\"id\":\"more\",\"type\":\"ask\",\"data\":\"plain\"}");
	stage_run(&stage, 1000);
	assert_int_equal(stage.ended, RUNS + 1);
	assert_int_equal(billed(), before);
	stage_close(&stage);
}

/* ---- the power is cut -------------------------------------------------------------- */

#define STEP 3 /* of the commits; every one takes a while */

/* True when that commit was never reached. */
static bool
cut_once(enum store_fault fault, int64_t n, const char *path, const char *where)
{
	struct store_stats stats;
	struct stage stage;

	remove_store(path);
	start_world();
	stage_open(&stage, config, where);
	store_fault(stage.store, fault, n);
	send_all(&stage, 40);
	stage_run(&stage, 1500);
	store_stats(stage.store, &stats);
	stage_close(&stage);
	stage_open(&stage, config, where);
	send_all(&stage, 40);
	stage_run(&stage, 3000);
	stage_close(&stage);
	stage_open(&stage, config, where); /* what was found at a start is written, too */
	stage_run(&stage, 1000);
	/* What the provider bills is no more than what is counted, heard or not. */
	assert_true(billed() * COST <= view(&stage).spent_nano);
	assert_true(view(&stage).spent_nano <= LIMIT);
	assert_int_equal(view(&stage).reserved_nano, 0);
	assert_true(view(&stage).waiting > 0);
	stage_close(&stage);
	return stats.failed == 0;
}

static void
cut(enum store_fault fault)
{
	char path[96], where[128];
	int64_t n = 1;

	(void)snprintf(path, sizeof(path), "%s/spend.db", folder);
	(void)snprintf(where, sizeof(where), "fault:sqlite:%s", path);
	while (!cut_once(fault, n, path, where))
		n += STEP;
	assert_true(n > 60);
}

static void
test_cut_before_a_commit(void **state)
{
	(void)state;
	cut(STORE_FAULT_CUT);
}

static void
test_cut_behind_a_commit(void **state)
{
	(void)state;
	cut(STORE_FAULT_CUT_BEHIND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_and_goes_on_by_itself),
		cmocka_unit_test(test_limits_change),
		cmocka_unit_test(test_cut_before_a_commit),
		cmocka_unit_test(test_cut_behind_a_commit),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
