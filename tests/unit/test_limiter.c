/*
 * test_limiter.c - limiter and breaker, by the numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "model/breaker.h"
#include "model/limiter.h"

static void
test_limiter(void **state)
{
	struct model_limits limits = {
		.in_flight = 20, .requests_per_minute = 60, .tokens_per_minute = 6000};
	struct limiter limiter;

	(void)state;
	limiter_init(&limiter, &limits, 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(limiter_wait(&limiter, 10, 0), 0);
		limiter_take(&limiter, 10);
	}
	assert_int_equal(limiter_wait(&limiter, 10, 0), 1000);
	assert_int_equal(limiter_wait(&limiter, 10, 400), 600);
	assert_int_equal(limiter_wait(&limiter, 10, 1000), 0);
	/* One larger than the bucket goes when that is full, and leaves a debt. */
	assert_int_equal(limiter_wait(&limiter, 5000, 20000), 0);
	limiter_take(&limiter, 5000);
	assert_int_equal(limiter_wait(&limiter, 0, 20000), 40000);
	limiter_give(&limiter, 5000, 1000);
	assert_int_equal(limiter_wait(&limiter, 0, 20000), 0);
	limiter_refused(&limiter, -1, 30000);
	limiter_refused(&limiter, -1, 30000);
	assert_int_equal(limiter_wait(&limiter, 0, 30000), 2000);
	limiter_refused(&limiter, 9000, 30000);
	assert_int_equal(limiter_wait(&limiter, 0, 30000), 9000);
	limiter.in_flight = 20;
	assert_int_equal(limiter_wait(&limiter, 0, 90000), LIMITER_RELEASE);
}

static void
test_breaker(void **state)
{
	struct model_breaker settings = {.failures = 2, .pause_ms = 100};
	struct breaker breaker;

	(void)state;
	breaker_init(&breaker, &settings);
	assert_false(breaker_report(&breaker, false, BREAKER_BAD, 0));
	assert_false(breaker_report(&breaker, false, BREAKER_GOOD, 0));
	assert_false(breaker_report(&breaker, false, BREAKER_BAD, 0));
	assert_true(breaker_report(&breaker, false, BREAKER_BAD, 0));
	assert_int_equal(breaker_wait(&breaker, 40), 60);
	assert_int_equal(breaker_wait(&breaker, 100), 0);
	assert_true(breaker_take(&breaker));
	assert_int_equal(breaker_wait(&breaker, 100), BREAKER_PROBE);
	assert_false(breaker_report(&breaker, false, BREAKER_GOOD, 100));
	assert_true(breaker_report(&breaker, true, BREAKER_BAD, 100));
	assert_int_equal(breaker_wait(&breaker, 100), 200);
	assert_true(breaker_take(&breaker));
	assert_true(breaker_report(&breaker, true, BREAKER_NEUTRAL, 400));
	assert_int_equal(breaker_wait(&breaker, 400), 0);
	assert_true(breaker_take(&breaker));
	assert_true(breaker_report(&breaker, true, BREAKER_GOOD, 400));
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limiter),
		cmocka_unit_test(test_breaker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
