/*
 * test_cron.c - what cron.h promises: the fields, the words of its errors, the OR of
 * days, the changes of the clock; and a comparison with a walk over every minute by
 * libc's zones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/cron.h"
#include "base/str.h"
#include "base/zone.h"

static struct arena arena;

static int
set_up(void **state)
{
	arena_init(&arena, 0);
	return 0;
}

static int
tear_down(void **state)
{
	arena_done(&arena);
	return 0;
}

static int64_t
at(const char *text)
{
	int64_t wall_us;

	assert_int_equal(clock_parse(str_of(text), &wall_us), 0);
	return wall_us;
}

static struct zone *
load(const char *name)
{
	struct zone *zone = NULL;
	struct heed_error error = {0};

	if (zone_load(&arena, str_of(name), &zone, &error) != 0)
		fail_msg("%s: %s", name, error.text);
	return zone;
}

static struct cron
parse(const char *text)
{
	struct cron cron = {0};
	struct heed_error error = {0};

	if (cron_parse(str_of(text), &cron, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return cron;
}

/* The ticks after `after`, as many as there are in `expected`, separated by spaces. */
static void
check(const char *text, const char *zone_name, const char *after, const char *expected)
{
	struct zone *zone = zone_name != NULL ? load(zone_name) : NULL;
	struct cron cron = parse(text);
	struct heed_str rest = str_of(expected);
	int64_t wall_us = at(after);

	while (rest.len > 0) {
		struct heed_str one = str_cut(&rest, ' ');
		char got[CLOCK_TEXT_SIZE], want[CLOCK_TEXT_SIZE];
		int64_t want_us;

		assert_int_equal(clock_parse(one, &want_us), 0);
		assert_int_equal(cron_next(&cron, zone, wall_us, &wall_us), 0);
		(void)clock_text(got, wall_us);
		(void)clock_text(want, want_us);
		if (wall_us != want_us)
			fail_msg("%s in %s: %s, not %s", text, zone_name, got, want);
	}
}

static void
check_error(const char *text, const char *words)
{
	struct cron cron = {.seconds = 77};
	struct heed_error error = {0};

	assert_int_equal(cron_parse(str_of(text), &cron, &error), HEED_E_CONFIG);
	assert_int_equal(cron.seconds, 77); /* untouched */
	if (strstr(error.text, words) == NULL)
		fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, words);
}

static void
ticks(void **state)
{
	check("* * * * *", NULL, "2026-01-01T00:00:00Z",
	      "2026-01-01T00:01:00Z 2026-01-01T00:02:00Z");
	check("* * * * *", NULL, "2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00Z");
	check("0 3 * * *", NULL, "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z");
	check("0 3 * * *", NULL, "2026-01-01T02:59:59.5Z", "2026-01-01T03:00:00Z");
	check("*/20 9-10 * * *", NULL, "2026-01-01T08:00:00Z",
	      "2026-01-01T09:00:00Z 2026-01-01T09:20:00Z 2026-01-01T09:40:00Z "
	      "2026-01-01T10:00:00Z 2026-01-01T10:20:00Z 2026-01-01T10:40:00Z "
	      "2026-01-02T09:00:00Z");
	check("5/25 * * * *", NULL, "2026-01-01T00:00:00Z",
	      "2026-01-01T00:05:00Z 2026-01-01T00:30:00Z 2026-01-01T00:55:00Z "
	      "2026-01-01T01:05:00Z");
	check("0 0 31 * *", NULL, "2026-01-31T00:00:00Z",
	      "2026-03-31T00:00:00Z 2026-05-31T00:00:00Z");
	check("0 0 29 2 *", NULL, "2026-01-01T00:00:00Z",
	      "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z");
	check("0 0 29 2 *", NULL, "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z");
	check("59 23 31 12 *", NULL, "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z");
	check("0 9 * * mon-fri", NULL, "2026-11-20T09:00:00Z",
	      "2026-11-23T09:00:00Z 2026-11-24T09:00:00Z");
	check("0 9 * JAN,jul Sun", NULL, "2026-01-25T09:00:00Z", "2026-07-05T09:00:00Z");
	check("0 9 * * 7", NULL, "2026-11-20T00:00:00Z", "2026-11-22T09:00:00Z");
	check("0 9 * * fri-sun", NULL, "2026-11-19T10:00:00Z",
	      "2026-11-20T09:00:00Z 2026-11-21T09:00:00Z 2026-11-22T09:00:00Z "
	      "2026-11-27T09:00:00Z");
	check("  0\t9  * * 0 ", NULL, "2026-11-20T00:00:00Z", "2026-11-22T09:00:00Z");
	check("0 0 1 1 *", NULL, "1969-06-01T00:00:00Z", "1970-01-01T00:00:00Z");
}

static void
seconds_come_first_of_six(void **state)
{
	check("*/30 * * * * *", NULL, "2026-01-01T00:00:00Z",
	      "2026-01-01T00:00:30Z 2026-01-01T00:01:00Z");
	check("15,45 59 23 * * *", NULL, "2026-01-01T23:59:15Z",
	      "2026-01-01T23:59:45Z 2026-01-02T23:59:15Z");
	check("10 0 0 1 1 *", NULL, "2026-01-01T00:00:09.999999Z",
	      "2026-01-01T00:00:10Z");
}

static void
nicknames(void **state)
{
	check("@hourly", NULL, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z");
	check("@daily", NULL, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
	check("@Midnight", NULL, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
	check("@weekly", NULL, "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z");
	check("@monthly", NULL, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
	check("@yearly", NULL, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
	check(" @annually ", NULL, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
}

static void
either_day_is_enough(void **state)
{
	/* 13 November 2026 is a Friday, 1 December a Tuesday. */
	check("0 0 13 * fri", NULL, "2026-11-28T00:00:00Z",
	      "2026-12-04T00:00:00Z 2026-12-11T00:00:00Z 2026-12-13T00:00:00Z");
	/* With a star on one side, both count: Mondays with odd numbers. */
	check("0 0 */2 * mon", NULL, "2026-11-01T00:00:00Z",
	      "2026-11-09T00:00:00Z 2026-11-23T00:00:00Z 2026-12-07T00:00:00Z");
	check("0 0 30 2 mon", NULL, "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z");
	check("0 0 29 2 */7", NULL, "2026-01-01T00:00:00Z",
	      "2032-02-29T00:00:00Z 2060-02-29T00:00:00Z 2088-02-29T00:00:00Z "
	      "2128-02-29T00:00:00Z");
}

static void
errors(void **state)
{
	check_error("", "not a cron expression");
	check_error("   ", "not a cron expression");
	check_error("* * * *", "not a cron expression");
	check_error("* * * * * * *", "not a cron expression");
	check_error("60 * * * *", "minute \"60\" is not within 0-59");
	check_error("60 0 * * * *", "second \"60\"");
	check_error("* 24 * * *", "hour \"24\"");
	check_error("* * 0 * *", "day of the month \"0\" is not within 1-31");
	check_error("* * * 13 *", "month \"13\"");
	check_error("* * * * 8", "day of the week \"8\"");
	check_error("* * * * mondays", "\"mondays\"");
	check_error("* * * foo *", "month \"foo\"");
	check_error("* mon * * *", "hour \"mon\"");
	check_error("-5 * * * *", "minute \"-5\"");
	check_error("5- * * * *", "minute \"5-\"");
	check_error("1,,2 * * * *", "comma");
	check_error("1, * * * *", "comma");
	check_error("*/0 * * * *", "above 0");
	check_error("*/ * * * *", "above 0");
	check_error("*/-1 * * * *", "above 0");
	check_error("*/5/5 * * * *", "above 0");
	check_error("*/90 * * * *", "a step above");
	check_error("0 22-2 * * *", "ends before it begins");
	check_error("1234567890 * * * *", "not within");
	check_error("0 0 30 2 *", "never happens");
	check_error("0 0 30,31 feb *", "never happens");
	check_error("0 0 31 4,6,9,11 *", "never happens");
	check_error("@reboot", "there is no schedule");
	check_error("* * * * *\xff", "day of the week");
	assert_int_equal(cron_parse(HEED_STR("x"), &(struct cron){0}, NULL),
	                 HEED_E_CONFIG);
}

static void
nothing_after_the_end(void **state)
{
	struct cron cron = parse("0 0 1 1 *");
	int64_t wall_us = 7;

	assert_int_equal(cron_next(&cron, NULL, at("9999-06-01T00:00:00Z"), &wall_us),
	                 HEED_E_NOTFOUND);
	assert_int_equal(cron_next(&cron, NULL, INT64_MAX, &wall_us), HEED_E_NOTFOUND);
	assert_int_equal(wall_us, 7);
	assert_int_equal(cron_next(&cron, load("Europe/Berlin"), INT64_MIN, &wall_us), 0);
}

static void
berlin(void **state)
{
	const char *zone = "Europe/Berlin";

	/* 02:00-03:00 does not exist on 29 March 2026; the gap ends at 01:00Z. */
	check("30 2 * * *", zone, "2026-03-28T00:00:00+01:00",
	      "2026-03-28T02:30:00+01:00 2026-03-29T03:00:00+02:00 "
	      "2026-03-30T02:30:00+02:00");
	check("*/15 2 * * *", zone, "2026-03-28T12:00:00+01:00",
	      "2026-03-29T03:00:00+02:00 2026-03-30T02:00:00+02:00 "
	      "2026-03-30T02:15:00+02:00");
	check("0 2,3 * * *", zone, "2026-03-28T12:00:00+01:00",
	      "2026-03-29T03:00:00+02:00 2026-03-30T02:00:00+02:00");
	check("30 * * * *", zone, "2026-03-29T00:45:00+01:00",
	      "2026-03-29T01:30:00+01:00 2026-03-29T03:30:00+02:00");
	/* 02:00-03:00 occurs twice on 25 October 2026. */
	check("30 2 * * *", zone, "2026-10-24T12:00:00+02:00",
	      "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00");
	check("30 2 * * *", zone, "2026-10-25T02:29:00+01:00",
	      "2026-10-26T02:30:00+01:00");
	check("*/30 1-3 * * *", zone, "2026-10-25T01:00:00+02:00",
	      "2026-10-25T01:30:00+02:00 2026-10-25T02:00:00+02:00 "
	      "2026-10-25T02:30:00+02:00 "
	      "2026-10-25T03:00:00+01:00 2026-10-25T03:30:00+01:00");
	check("*/30 * * * *", zone, "2026-10-25T01:30:00+02:00",
	      "2026-10-25T02:00:00+02:00 2026-10-25T02:30:00+02:00 "
	      "2026-10-25T02:00:00+01:00 "
	      "2026-10-25T02:30:00+01:00 2026-10-25T03:00:00+01:00");
	/* Long after the table of the file, by its rule. */
	check("30 2 * * *", zone, "2099-03-28T12:00:00+01:00",
	      "2099-03-29T03:00:00+02:00 2099-03-30T02:30:00+02:00");
}

static void
new_york(void **state)
{
	const char *zone = "America/New_York";

	check("30 2 * * *", zone, "2026-03-07T12:00:00-05:00",
	      "2026-03-08T03:00:00-04:00 2026-03-09T02:30:00-04:00");
	check("30 1 * * *", zone, "2026-10-31T12:00:00-04:00",
	      "2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00");
	check("0 9 1 * *", zone, "2026-02-01T09:00:00-05:00",
	      "2026-03-01T09:00:00-05:00 2026-04-01T09:00:00-04:00");
	check("@hourly", zone, "2026-11-01T00:30:00-04:00",
	      "2026-11-01T01:00:00-04:00 2026-11-01T01:00:00-05:00 "
	      "2026-11-01T02:00:00-05:00");
}

static void
lord_howe_changes_by_half_an_hour(void **state)
{
	const char *zone = "Australia/Lord_Howe";

	/* 02:00-02:30 does not exist on 4 October 2026, 01:30-02:00 occurs twice on 5
	 * April. */
	check("15 2 * * *", zone, "2026-10-03T12:00:00+10:30",
	      "2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00");
	check("45 2 * * *", zone, "2026-10-03T12:00:00+10:30",
	      "2026-10-04T02:45:00+11:00");
	check("45 1 * * *", zone, "2026-04-04T12:00:00+11:00",
	      "2026-04-05T01:45:00+11:00 2026-04-06T01:45:00+10:30");
	check("*/30 * * * *", zone, "2026-04-05T01:00:00+11:00",
	      "2026-04-05T01:30:00+11:00 2026-04-05T01:30:00+10:30 "
	      "2026-04-05T02:00:00+10:30");
}

static void
a_day_that_was_left_out(void **state)
{
	/* Samoa went from 29 to 31 December 2011. */
	check("0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z",
	      "2011-12-31T00:00:00+14:00 2012-12-30T09:00:00+14:00");
	check("0 9 * * *", "Pacific/Apia", "2011-12-29T09:00:00-10:00",
	      "2011-12-31T00:00:00+14:00 2011-12-31T09:00:00+14:00");
}

/* ---- comparison with a walk -------------------------------------------------------- */

static bool
matches(const struct cron *cron, time_t local_s)
{
	struct tm tm;
	bool day, weekday;

	assert_non_null(gmtime_r(&local_s, &tm));
	day = cron->days >> tm.tm_mday & 1;
	weekday = cron->weekdays >> tm.tm_wday & 1;
	return (cron->minutes >> tm.tm_min & 1) && (cron->hours >> tm.tm_hour & 1) &&
	       (cron->months >> (tm.tm_mon + 1) & 1) &&
	       (cron->any_day || cron->any_weekday ? day && weekday : day || weekday);
}

static time_t
local_of(time_t utc_s)
{
	struct tm tm;

	assert_non_null(localtime_r(&utc_s, &tm));
	return utc_s + tm.tm_gmtoff;
}

/* Walk over the minutes. For some hours: whatever local times the clock reaches for the
 * first time at this instant, by running or by jumping. For all hours: what it shows. */
static time_t
walk(const struct cron *cron, time_t from_s, time_t after_s, time_t end_s)
{
	bool each = cron->hours == (1u << 24) - 1;
	time_t highest = local_of(from_s);
	time_t utc_s;

	for (utc_s = from_s + 60; utc_s < end_s; utc_s += 60) {
		time_t local_s = local_of(utc_s);
		bool tick = each && matches(cron, local_s);

		for (; !each && highest < local_s; highest += 60)
			tick |= matches(cron, highest + 60);
		if (tick && utc_s > after_s)
			return utc_s;
	}
	return end_s;
}

static const char *const zones[] = {"Europe/Berlin",       "America/New_York",
                                    "Australia/Lord_Howe", "America/Sao_Paulo",
                                    "Africa/Casablanca",   "Europe/Dublin",
                                    "Asia/Kathmandu",      "UTC"};

static void
random_expression(char *text, size_t size)
{
	static const char *const minutes[] = {"*", "0", "*/15", "30", "7-50/9", "59"};
	static const char *const hours[] = {"*", "2", "*/2", "1-3", "0,23", "0", "3/7"};
	static const char *const days[] = {"*", "*", "1", "*/2", "25-31", "8,15"};
	static const char *const months[] = {"*", "*", "mar-apr", "10,11", "*/3"};
	static const char *const weekdays[] = {"*", "*", "sun", "1-5", "*/2", "6,7"};

#define ANY(list) list[(size_t)rand() % (sizeof(list) / sizeof(list[0]))]
	(void)snprintf(text, size, "%s %s %s %s %s", ANY(minutes), ANY(hours), ANY(days),
	               ANY(months), ANY(weekdays));
}

static void
as_a_walk_over_every_minute(void **state)
{
	const char *given = getenv("HEED_SEED");
	unsigned seed =
		given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	int round;

	print_message("# HEED_SEED=%u\n", seed);
	srand(seed);
	for (round = 0; round < 160; round++) {
		const char *zone_name = ANY(zones);
		struct zone *zone = load(zone_name);
		/* Around the changes of the clock in March to April and October to
		 * November. */
		time_t start = (time_t)(at(rand() % 2 ? "2026-03-01T00:00:00Z"
		                                      : "2026-10-01T00:00:00Z") /
		                        1000000);
		time_t after_s = start + 86400 + rand() % (45 * 86400);
		char text[64];
		struct cron cron;
		int tick;

		random_expression(text, sizeof(text));
		cron = parse(text);
		(void)setenv("TZ", zone_name, 1);
		tzset();
		for (tick = 0; tick < 4; tick++) {
			time_t end_s = after_s + 20 * 86400;
			time_t want =
				walk(&cron, after_s / 60 * 60 - 86400, after_s, end_s);
			int64_t got;

			assert_int_equal(
				cron_next(&cron, zone, after_s * 1000000ll, &got), 0);
			if (want < end_s ? got != want * 1000000ll
			                 : got < end_s * 1000000ll)
				fail_msg("%s in %s after %lld: %lld, not %lld", text,
				         zone_name, (long long)after_s,
				         (long long)(got / 1000000), (long long)want);
			after_s = want;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks),
		cmocka_unit_test(seconds_come_first_of_six),
		cmocka_unit_test(nicknames),
		cmocka_unit_test(either_day_is_enough),
		cmocka_unit_test(errors),
		cmocka_unit_test(nothing_after_the_end),
		cmocka_unit_test(berlin),
		cmocka_unit_test(new_york),
		cmocka_unit_test(lord_howe_changes_by_half_an_hour),
		cmocka_unit_test(a_day_that_was_left_out),
		cmocka_unit_test(as_a_walk_over_every_minute),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
