/*
 * test_budget.c - what budgets cover and when, and that the ledger holds: random calls,
 * latencies, failures and changes of the limits on a clock that jumps, for many seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/money.h"
#include "base/str.h"
#include "engine/ledger.h"

static struct arena arena;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct budget
checked(struct budget budget)
{
	struct heed_error error = {0};

	if (budget.timezone.len == 0)
		budget.timezone = HEED_STR("UTC");
	if (budget_check(&budget, &arena, &error) != 0)
		fail_msg("%s", error.text);
	return budget;
}

static int64_t
at(const char *text)
{
	int64_t us;

	assert_int_equal(clock_parse(str_of(text), &us), 0);
	return us;
}

/* ---- what it is -------------------------------------------------------------------- */

static void
assert_period(int per, const char *zone, const char *when, const char *from,
              const char *to)
{
	struct budget budget = checked(
		(struct budget){.all = true, .per = per, .timezone = str_of(zone)});
	int64_t start, end;

	budget_period(&budget, at(when), &start, &end);
	assert_int_equal(start, at(from));
	assert_int_equal(end, at(to));
	budget_period(&budget, end - 1, &start, &end);
	assert_int_equal(start, at(from));
	budget_period(&budget, end, &start, &end);
	assert_int_equal(start, at(to));
}

static void
test_periods(void **state)
{
	(void)state;
	assert_period(BUDGET_HOUR, "UTC", "2026-11-24T09:59:59.999Z",
	              "2026-11-24T09:00:00Z", "2026-11-24T10:00:00Z");
	assert_period(BUDGET_HOUR, "Asia/Kolkata", "2026-11-24T09:00:00Z",
	              "2026-11-24T08:30:00Z", "2026-11-24T09:30:00Z");
	assert_period(BUDGET_DAY, "UTC", "2026-11-24T00:00:00Z", "2026-11-24T00:00:00Z",
	              "2026-11-25T00:00:00Z");
	/* 23 and 25 hours */
	assert_period(BUDGET_DAY, "Europe/Berlin", "2026-03-29T12:00:00Z",
	              "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
	assert_period(BUDGET_DAY, "Europe/Berlin", "2026-10-25T12:00:00Z",
	              "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
	assert_period(BUDGET_MONTH, "America/New_York", "2026-12-31T23:00:00Z",
	              "2026-12-01T05:00:00Z", "2027-01-01T05:00:00Z");
	assert_period(BUDGET_MONTH, "UTC", "2028-02-29T01:00:00Z", "2028-02-01T00:00:00Z",
	              "2028-03-01T00:00:00Z");
}

static void
test_what_is_covered(void **state)
{
	struct budget_call call = {.type = HEED_STR("order_placed"),
	                           .flow = HEED_STR("reaction"),
	                           .name = HEED_STR("enrich"),
	                           .model = HEED_STR("quick")};
	struct budget budget = {.event_type = HEED_STR("order_*")};
	struct heed_error error;

	(void)state;
	assert_true(budget_covers(&(struct budget){.all = true}, &call));
	assert_true(budget_covers(&budget, &call));
	budget.model = HEED_STR("careful");
	assert_false(budget_covers(&budget, &call));
	budget.model = HEED_STR("quick");
	assert_true(budget_covers(&budget, &call));
	budget.event_type = HEED_STR("order");
	assert_false(budget_covers(&budget, &call));
	budget = (struct budget){.reaction = HEED_STR("enrich")};
	assert_true(budget_covers(&budget, &call));
	call.flow = HEED_STR("saga"); /* of the same name */
	assert_false(budget_covers(&budget, &call));
	assert_true(budget_covers(&(struct budget){.saga = HEED_STR("enrich")}, &call));
	assert_false(
		budget_covers(&(struct budget){.entity = HEED_STR("enrich")}, &call));

	budget = (struct budget){.timezone = HEED_STR("UTC")};
	assert_int_equal(budget_check(&budget, &arena, &error), HEED_E_CONFIG);
	budget.all = true;
	budget.timezone = HEED_STR("Europe/Berlni");
	assert_int_equal(budget_check(&budget, &arena, &error), HEED_E_CONFIG);
	assert_non_null(strstr(error.hint, "Europe/Berlin"));
	budget = checked((struct budget){.reaction = HEED_STR("enrich"),
	                                 .model = HEED_STR("quick"),
	                                 .per = BUDGET_MONTH});
	assert_true(str_is(budget.label, "reaction enrich, model quick per month"));
}

static void
test_money_text(void **state)
{
	char place[MONEY_TEXT_SIZE];
	struct heed_buf buf;

	(void)state;
	assert_string_equal(money_text(place, 5000000000), "5.00");
	assert_string_equal(money_text(place, 315000), "0.000315");
	assert_string_equal(money_text(place, -1500000000), "-1.50");
	assert_string_equal(money_text(place, INT64_MIN), "-9223372036.854775808");
	buf_init(&buf, 0);
	money_write_micro(&buf, 1499);
	buf_addc(&buf, ' ');
	money_write_micro(&buf, -1500);
	buf_addc(&buf, ' ');
	money_write_micro(&buf, INT64_MAX);
	assert_true(str_is(buf_str(&buf), "0.000001 -0.000002 9223372036.854776"));
	buf_done(&buf);
}

/* ---- the ledger -------------------------------------------------------------------- */

#define BUDGETS 4
#define CALLS 60
#define DOLLAR MONEY_DOLLAR

static uint64_t seed;

static int64_t
chance(int64_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((seed >> 33) % (uint64_t)n);
}

struct world;

struct caller {
	struct world *world;
	struct budget_call call;
	int64_t nano, cost, at_us;
	struct loop_timer timer;
	struct ledger_wait wait;
	enum { IDLE, WAITING, CALLING, OVER } state;
};

struct world {
	struct loop *loop;
	struct ledger *ledger;
	struct budget budgets[BUDGETS];
	struct caller callers[CALLS];
	struct loop_timer change;
	size_t over, warned, closed;
};

/* What should be in an account, from what every caller knows. */
static void
assert_holds(struct world *world)
{
	for (size_t i = 0; i < ledger_n(world->ledger); i++) {
		struct ledger_view view;
		int64_t spent = 0, reserved = 0;

		ledger_view(world->ledger, i, &view);
		for (size_t n = 0; n < CALLS; n++) {
			const struct caller *caller = &world->callers[n];

			if (caller->state < CALLING || caller->at_us < view.start_us ||
			    !budget_covers(view.budget, &caller->call))
				continue;
			if (caller->state == CALLING)
				reserved += caller->nano;
			else
				spent += caller->cost;
		}
		assert_int_equal(view.spent_nano, spent);
		assert_int_equal(view.reserved_nano, reserved);
	}
}

static void
reply(void *arg)
{
	struct caller *caller = arg;
	struct world *world = caller->world;

	caller->state = OVER;
	world->over++;
	ledger_settle(world->ledger, &caller->call, caller->at_us, caller->nano,
	              caller->cost);
	assert_holds(world);
	if (world->over == CALLS)
		loop_stop(world->loop);
}

static void
call(void *arg)
{
	struct caller *caller = arg;
	struct world *world = caller->world;
	struct ledger_refusal refusal;
	struct ledger_view view;
	enum ledger_answer answer =
		ledger_ask(world->ledger, &caller->call, caller->nano, &refusal);

	if (answer == LEDGER_NEVER) { /* a limit that was lowered meanwhile */
		caller->nano = caller->cost = 0;
		answer = LEDGER_FITS;
	}
	if (answer != LEDGER_FITS) {
		caller->state = WAITING;
		ledger_wait(refusal.account, &caller->wait);
		return;
	}
	caller->at_us = ledger_now_us(world->ledger);
	ledger_reserve(world->ledger, &caller->call, caller->at_us, caller->nano);
	caller->state = CALLING;
	assert_holds(world);
	for (size_t i = 0; i < BUDGETS && caller->nano > 0; i++) {
		ledger_view(world->ledger, i, &view);
		if (budget_covers(view.budget, &caller->call))
			assert_true(view.spent_nano + view.reserved_nano <=
			            view.budget->limit_nano);
	}
	loop_timer_set(world->loop, &caller->timer, chance(120000));
}

static void
wake(void *arg)
{
	call(arg);
}

static void
step(void *arg)
{
	struct caller *caller = arg;

	if (caller->state == CALLING)
		reply(caller);
	else
		call(caller);
}

/* Another configuration: limits higher or lower. */
static void
change(void *arg)
{
	struct world *world = arg;
	struct budget budgets[BUDGETS];

	memcpy(budgets, world->budgets, sizeof(budgets));
	for (size_t i = 0; i < BUDGETS; i++)
		budgets[i].limit_nano = DOLLAR / 2 + chance(2 * DOLLAR);
	assert_int_equal(ledger_set(world->ledger, budgets, BUDGETS), 0);
	assert_int_equal(ledger_since_us(world->ledger), INT64_MAX);
	assert_holds(world);
	if (world->over < CALLS)
		loop_timer_set(world->loop, &world->change, 1 + chance(7200000));
}

static void
count_notice(void *arg, enum ledger_notice notice, const struct ledger_view *view)
{
	struct world *world = arg;

	assert_true(view->spent_nano > 0);
	if (notice == LEDGER_WARNING)
		world->warned++;
	else
		world->closed++;
}

static void
prepare(struct world *world)
{
	static const char *const types[] = {"order_placed", "order_paid", "signup"};
	static const char *const models[] = {"quick", "careful"};

	world->budgets[0] = checked((struct budget){.all = true,
	                                            .limit_nano = 3 * DOLLAR,
	                                            .per = BUDGET_DAY,
	                                            .warn_at = 0.8});
	world->budgets[1] = checked((struct budget){.event_type = HEED_STR("order_*"),
	                                            .limit_nano = DOLLAR,
	                                            .per = BUDGET_HOUR});
	world->budgets[2] =
		checked((struct budget){.reaction = HEED_STR("enrich"),
	                                .limit_nano = 2 * DOLLAR,
	                                .per = BUDGET_DAY,
	                                .timezone = HEED_STR("Asia/Kolkata")});
	world->budgets[3] = checked((struct budget){
		.model = HEED_STR("careful"), .limit_nano = DOLLAR, .per = BUDGET_HOUR});
	assert_int_equal(ledger_set(world->ledger, world->budgets, BUDGETS), 0);
	ledger_ready(world->ledger);
	for (size_t i = 0; i < CALLS; i++) {
		struct caller *caller = &world->callers[i];

		caller->world = world;
		caller->call = (struct budget_call){.type = str_of(types[chance(3)]),
		                                    .flow = HEED_STR("reaction"),
		                                    .name = HEED_STR("enrich"),
		                                    .model = str_of(models[chance(2)])};
		caller->nano = chance(DOLLAR / 2);
		/* Some fail and cost nothing. */
		caller->cost = chance(4) == 0 ? 0 : chance(caller->nano + 1);
		caller->wait = (struct ledger_wait){
			.nano = caller->nano, .wake = wake, .arg = caller};
		loop_timer_init(&caller->timer, step, caller);
		loop_timer_set(world->loop, &caller->timer, chance(3600000));
	}
}

static void
one_world(uint64_t with, bool changes)
{
	struct world *world = calloc(1, sizeof(*world));

	seed = with;
	print_message("seed %llu\n", (unsigned long long)seed);
	assert_non_null(world);
	assert_int_equal(loop_new(LOOP_VIRTUAL, &world->loop), 0);
	loop_set_wall(world->loop, at("2026-11-24T00:00:00Z") + chance(86400) * 1000000);
	assert_int_equal(ledger_new(world->loop, count_notice, world, &world->ledger), 0);
	prepare(world);
	loop_timer_init(&world->change, change, world);
	if (changes)
		loop_timer_set(world->loop, &world->change, chance(3600000));
	loop_run(world->loop); /* until all have their answer */
	loop_timer_clear(world->loop, &world->change);
	assert_int_equal(world->over, CALLS);
	ledger_free(world->ledger);
	loop_free(world->loop);
	free(world);
}

static void
test_nobody_overspends(void **state)
{
	const char *given = getenv("HEED_SEED");
	uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

	(void)state;
	for (uint64_t i = 0; i < (given != NULL ? 1 : 25); i++) {
		one_world(first + i, false);
		one_world(first + i, true);
	}
}

/* ---- history ----------------------------------------------------------------------- */

static void
test_history_counts_for_new_accounts(void **state)
{
	struct budget budgets[2] = {
		checked((struct budget){.all = true,
	                                .limit_nano = 100,
	                                .per = BUDGET_DAY,
	                                .warn_at = 0.5}),
		checked((struct budget){.model = HEED_STR("quick"),
	                                .limit_nano = 100,
	                                .per = BUDGET_HOUR}),
	};
	struct budget_call quick = {.model = HEED_STR("quick")};
	struct world world = {0};
	struct ledger_refusal refusal;
	struct ledger_view view;
	int64_t now = at("2026-11-24T10:30:00Z");

	(void)state;
	assert_int_equal(loop_new(LOOP_VIRTUAL, &world.loop), 0);
	loop_set_wall(world.loop, now);
	assert_int_equal(ledger_new(world.loop, count_notice, &world, &world.ledger), 0);
	assert_int_equal(ledger_set(world.ledger, budgets, 1), 0);
	assert_int_equal(ledger_since_us(world.ledger), at("2026-11-24T00:00:00Z"));
	ledger_history(world.ledger, &quick, at("2026-11-23T23:45:00Z"), 1000, 0);
	ledger_history(world.ledger, &quick, at("2026-11-24T09:45:00Z"), 60, 0);
	assert_int_equal(world.warned, 0);
	ledger_ready(world.ledger);
	assert_int_equal(world.warned, 1);
	/* A second budget comes: its history is not the first one's. */
	assert_int_equal(ledger_set(world.ledger, budgets, 2), 0);
	assert_int_equal(ledger_since_us(world.ledger), at("2026-11-24T10:00:00Z"));
	ledger_history(world.ledger, &quick, at("2026-11-24T10:15:00Z"), 5, 7);
	ledger_ready(world.ledger);
	ledger_view(world.ledger, 0, &view);
	assert_int_equal(view.spent_nano, 60);
	ledger_view(world.ledger, 1, &view);
	assert_int_equal(view.spent_nano, 5);
	assert_int_equal(view.reserved_nano, 7);
	ledger_settle(world.ledger, &quick, now, 7, 3);
	assert_int_equal(ledger_ask(world.ledger, &quick, 41, &refusal), LEDGER_SPENT);
	assert_int_equal(world.closed, 1);
	assert_int_equal(refusal.opens_us, at("2026-11-25T00:00:00Z"));
	assert_int_equal(ledger_ask(world.ledger, &quick, 101, &refusal), LEDGER_NEVER);
	assert_int_equal(ledger_ask(world.ledger, &quick, 0, &refusal), LEDGER_FITS);
	/* The clock is put back: what was spent stays so. */
	loop_set_wall(world.loop, now - INT64_C(86400000000));
	assert_int_equal(ledger_ask(world.ledger, &quick, 41, &refusal), LEDGER_SPENT);
	ledger_free(world.ledger);
	loop_free(world.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_periods),
		cmocka_unit_test(test_what_is_covered),
		cmocka_unit_test(test_money_text),
		cmocka_unit_test(test_nobody_overspends),
		cmocka_unit_test(test_history_counts_for_new_accounts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
