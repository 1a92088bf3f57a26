/*
 * test_clock.c - what clock.h promises: RFC 3339 both ways, lengths of time, the
 * calendar.
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

static void
check_parse(const char *text, int64_t wall_us)
{
	int64_t got = -1;

	if (clock_parse(str_of(text), &got) != 0)
		fail_msg("%s is not accepted", text);
	if (got != wall_us)
		fail_msg("%s: %lld", text, (long long)got);
}

static void
parse(void **state)
{
	check_parse("1970-01-01T00:00:00Z", 0);
	check_parse("1970-01-01T00:00:00.000001Z", 1);
	check_parse("1970-01-01T00:00:00.0000019Z", 1);
	check_parse("1970-01-01t01:00:00.5z", 3600500000);
	check_parse("1970-01-01 01:00:00+01:00", 0);
	check_parse("1969-12-31T23:59:59Z", -1000000);
	check_parse("1969-12-31T14:30:00-09:30", 0);
	check_parse("2026-11-24T09:30:00.000Z", 1795512600000000);
	check_parse("2024-02-29T00:00:00Z", 1709164800000000);
	check_parse("0000-01-01T00:00:00Z", -62167219200000000);
	check_parse("9999-12-31T23:59:59.999999Z", 253402300799999999);
	/* RFC 3339's own example of a leap second. */
	check_parse("1990-12-31T23:59:60Z", 662687999999999);
	check_parse("1990-12-31T15:59:60-08:00", 662687999999999);
}

static void
parse_errors(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-11-24",
		"2026-11-24T09:30Z",
		"2026-11-24T09:30:00",
		"2026-11-24T09:30:00.Z",
		"2026-11-24T09:30:00,5Z",
		"2026-11-24T09:30:00ZZ",
		"2026-11-24T09:30:00Z ",
		" 2026-11-24T09:30:00Z",
		"2026-11-24_09:30:00Z",
		"2026-11-24T24:00:00Z",
		"2026-11-24T09:60:00Z",
		"2026-11-24T09:30:61Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-04-00T00:00:00Z",
		"-026-04-01T00:00:00Z",
		"+026-04-01T00:00:00Z",
		"2026-+4-01T00:00:00Z",
		"2026-04-01T00:00:00+1:00",
		"2026-04-01T00:00:00+0100",
		"2026-04-01T00:00:00+24:00",
		"2026-04-01T00:00:00+01:60",
		"12026-04-01T00:00:00Z",
	};
	int64_t wall_us = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (clock_parse(str_of(bad[i]), &wall_us) != HEED_E_INVALID)
			fail_msg("%s is accepted", bad[i]);
	assert_int_equal(wall_us, 7);
}

static void
check_text(int64_t wall_us, const char *expected)
{
	char place[CLOCK_TEXT_SIZE];
	struct heed_str text = clock_text(place, wall_us);

	assert_string_equal(place, expected);
	assert_int_equal(text.len, strlen(expected));
}

static void
text(void **state)
{
	struct heed_buf buf;

	check_text(0, "1970-01-01T00:00:00.000Z");
	check_text(999, "1970-01-01T00:00:00.000Z");
	check_text(1000, "1970-01-01T00:00:00.001Z");
	check_text(-1, "1969-12-31T23:59:59.999Z");
	check_text(-1000, "1969-12-31T23:59:59.999Z");
	check_text(-1001, "1969-12-31T23:59:59.998Z");
	check_text(-86400000000, "1969-12-31T00:00:00.000Z");
	check_text(1795512600000000, "2026-11-24T09:30:00.000Z");
	check_text(253402300799999999, "9999-12-31T23:59:59.999Z");
	buf_init(&buf, 0);
	clock_write(&buf, 1709164800123456);
	assert_true(str_is(buf_str(&buf), "2024-02-29T00:00:00.123Z"));
	buf_done(&buf);
}

/* The widest numbers still fit the place. */
static void
text_of_any_number(void **state)
{
	char place[CLOCK_TEXT_SIZE];

	assert_true(clock_text(place, INT64_MAX).len < CLOCK_TEXT_SIZE);
	assert_true(clock_text(place, INT64_MIN).len < CLOCK_TEXT_SIZE);
}

static void
there_and_back(void **state)
{
	int64_t wall_us;

	/* Every 37 days and a bit from year 1 to 9999. */
	for (wall_us = -62135596800000000; wall_us < 253402300000000000;
	     wall_us += 3203456789000) {
		char place[CLOCK_TEXT_SIZE];

		check_parse((clock_text(place, wall_us), place), wall_us);
	}
}

static void
calendar_is_that_of_libc(void **state)
{
	int64_t days;

	for (days = -800000; days < 3000000; days += 61) {
		time_t utc_s = (time_t)days * 86400;
		struct tm tm;
		int year, month, day;

		assert_non_null(gmtime_r(&utc_s, &tm));
		clock_civil(days, &year, &month, &day);
		assert_int_equal(year, tm.tm_year + 1900);
		assert_int_equal(month, tm.tm_mon + 1);
		assert_int_equal(day, tm.tm_mday);
		assert_int_equal(clock_days(year, month, day), days);
	}
}

static void
check_duration(int64_t ms, const char *expected)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	clock_write_duration(&buf, ms);
	assert_string_equal(buf.data, expected);
	buf_done(&buf);
}

static void
durations(void **state)
{
	check_duration(0, "0ms");
	check_duration(950, "950ms");
	check_duration(1000, "1.0s");
	check_duration(12345, "12.3s");
	check_duration(59999, "59.9s");
	check_duration(250000, "4m10s");
	check_duration(11100000, "3h5m");
	check_duration(187200000, "2d4h");
}

static void
clocks_run(void **state)
{
	int64_t steady_us = clock_steady_us();
	int64_t cpu_us = clock_cpu_us();

	assert_true(clock_wall_us() > 1600000000000000);
	assert_true(clock_steady_us() >= steady_us);
	assert_true(clock_steady_ms() >= steady_us / 1000);
	assert_true(clock_cpu_us() >= cpu_us && cpu_us > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse),
		cmocka_unit_test(parse_errors),
		cmocka_unit_test(text),
		cmocka_unit_test(text_of_any_number),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(calendar_is_that_of_libc),
		cmocka_unit_test(durations),
		cmocka_unit_test(clocks_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
