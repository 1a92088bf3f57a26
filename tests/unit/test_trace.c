/*
 * test_trace.c - W3C trace context as it is read and begun.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "engine/trace.h"

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void
read_context(void **state)
{
	struct trace_context context;

	(void)state;
	assert_true(trace_read(HEED_STR(GOOD), &context));
	assert_string_equal(context.trace, "0af7651916cd43dd8448eb211c80319c");
	assert_string_equal(context.parent, "b7ad6b7169203331");
	assert_true(context.sampled);
	assert_true(trace_read(
		HEED_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"),
		&context));
	assert_false(context.sampled); /* bits, not equality */
}

static void
refuse(void **state)
{
	static const char *const bad[] = {
		"",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	};
	struct trace_context context;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(trace_read(str_of(bad[i]), &context));
}

static void
begin(void **state)
{
	struct trace_context one, two;
	char intake[TRACE_SPAN_SIZE];
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_true(trace_read(trace_begin(&arena, HEED_STR("/a"), HEED_STR("1")), &one));
	assert_true(trace_read(trace_begin(&arena, HEED_STR("/a"), HEED_STR("1")), &two));
	assert_memory_equal(&one, &two, sizeof(one)); /* the same event, the same trace */
	trace_intake(intake, HEED_STR("/a"), HEED_STR("1"));
	assert_string_equal(one.parent, intake);
	assert_true(one.sampled);
	assert_true(trace_read(trace_begin(&arena, HEED_STR("/a1"), HEED_STR("")), &two));
	assert_string_not_equal(one.trace, two.trace);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_context),
		cmocka_unit_test(refuse),
		cmocka_unit_test(begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
