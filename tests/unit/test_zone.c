/*
 * test_zone.c - what zone.h promises: names that stay in the folder, offsets as libc's,
 * local times that occur twice or never, the rule at the end of a file, damaged files.
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
#include "base/str.h"
#include "base/zone.h"
#include "base/zone_rule.h"

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

static struct zone *
load(const char *name)
{
	struct zone *zone = NULL;
	struct heed_error error = {0};

	if (zone_load(&arena, str_of(name), &zone, &error) != 0)
		fail_msg("%s: %s", name, error.text);
	assert_true(str_is(zone_name(zone), name));
	return zone;
}

static int64_t
at(const char *text)
{
	int64_t wall_us;

	assert_int_equal(clock_parse(str_of(text), &wall_us), 0);
	return wall_us / 1000000;
}

static void
check_unknown(const char *name, const char *hint)
{
	struct zone *zone = NULL;
	struct heed_error error = {0};

	assert_int_equal(zone_load(&arena, str_of(name), &zone, &error), HEED_E_NOTFOUND);
	assert_null(zone);
	if (hint != NULL && strstr(error.hint, hint) == NULL)
		fail_msg("%s: \"%s\" does not say \"%s\"", name, error.hint, hint);
}

static void
names(void **state)
{
	check_unknown("", NULL);
	check_unknown("/etc/passwd", NULL);
	check_unknown("../../../etc/passwd", NULL);
	check_unknown("Europe/../Europe/Berlin", NULL);
	check_unknown("Europe//Berlin", NULL);
	check_unknown("Europe/", NULL);
	check_unknown("Europe", NULL);
	check_unknown("Europe/Berlin/Mitte", NULL);
	check_unknown("tzdata.zi", NULL);
	check_unknown("Europe/Berlin\n", NULL);
	check_unknown("Europe/Berlim", "did you mean Europe/Berlin?");
	check_unknown("berlin", "did you mean Europe/Berlin?");
	check_unknown("europe/london", "did you mean Europe/London?");
	check_unknown("Nowhere/At_All_Whatsoever", "Europe/Berlin or UTC");
	assert_int_equal(zone_load(&arena, HEED_STR("x"), &(struct zone *){NULL}, NULL),
	                 HEED_E_NOTFOUND);
}

static void
utc(void **state)
{
	int64_t change_s;

	assert_int_equal(zone_offset_at(NULL, 0), 0);
	assert_int_equal(zone_offset_at(load("UTC"), 1800000000), 0);
	assert_int_equal(zone_to_utc(NULL, 12345), 12345);
	assert_int_equal(zone_to_utc(load("Etc/UTC"), -12345), -12345);
	assert_false(zone_next_change(NULL, 0, &change_s));
	assert_true(str_is(zone_name(NULL), "UTC"));
}

static void
local_times(void **state)
{
	struct zone *berlin = load("Europe/Berlin");
	int64_t change_s;

	assert_int_equal(zone_to_local(berlin, at("2026-07-01T10:00:00Z")),
	                 at("2026-07-01T12:00:00Z"));
	assert_int_equal(zone_to_utc(berlin, at("2026-07-01T12:00:00Z")),
	                 at("2026-07-01T10:00:00Z"));
	/* never */
	assert_int_equal(zone_to_utc(berlin, at("2026-03-29T02:00:00Z")),
	                 at("2026-03-29T01:00:00Z"));
	assert_int_equal(zone_to_utc(berlin, at("2026-03-29T02:59:59Z")),
	                 at("2026-03-29T01:00:00Z"));
	assert_int_equal(zone_to_utc(berlin, at("2026-03-29T03:00:01Z")),
	                 at("2026-03-29T01:00:01Z"));
	/* twice */
	assert_int_equal(zone_to_utc(berlin, at("2026-10-25T02:00:00Z")),
	                 at("2026-10-25T00:00:00Z"));
	assert_int_equal(zone_to_utc(berlin, at("2026-10-25T03:00:00Z")),
	                 at("2026-10-25T02:00:00Z"));
	assert_true(zone_next_change(berlin, at("2026-06-01T00:00:00Z"), &change_s));
	assert_int_equal(change_s, at("2026-10-25T01:00:00Z"));
	assert_true(zone_next_change(berlin, change_s, &change_s));
	assert_int_equal(change_s, at("2027-03-28T01:00:00Z"));
}

static void
check_rule(const char *text, const char *when, int32_t offset)
{
	struct zone_rule rule;

	if (zone_rule_parse(str_of(text), &rule) != 0)
		fail_msg("%s is not accepted", text);
	if (zone_rule_offset(&rule, at(when)) != offset)
		fail_msg("%s at %s: %d, not %d", text, when,
		         (int)zone_rule_offset(&rule, at(when)), (int)offset);
}

static void
rules(void **state)
{
	static const char *const bad[] = {"",
	                                  "CE",
	                                  "CET",
	                                  "CET-25",
	                                  "<CET-1",
	                                  "CET-1CEST",
	                                  "<>0",
	                                  "CET-1X",
	                                  "CET-1CEST,M3.5.0",
	                                  "CET-1:60",
	                                  "CET-1CEST,M3.6.0,M10.5.0",
	                                  "CET-1CEST,M13.1.0,M10.5.0",
	                                  "CET-1CEST,J0,J365",
	                                  "CET-1CEST,0,366",
	                                  "CET-1CEST,0/168,365",
	                                  "CET-1CEST,M3.5.0,M10.5.0/3x"};
	struct zone_rule rule = {.standard_s = 7};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zone_rule_parse(str_of(bad[i]), &rule), HEED_E_INVALID);
	assert_int_equal(rule.standard_s, 7);
	check_rule("<+0545>-5:45", "2026-07-01T00:00:00Z", 20700);
	check_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-01T00:00:00Z", 7200);
	check_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-12-31T23:59:59Z", 3600);
	/* Summer spans the new year. */
	check_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-12-31T23:59:59Z", 39600);
	check_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z", 36000);
	/* "Summer" is winter, and behind. */
	check_rule("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z", 0);
	check_rule("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00Z", 3600);
	/* Always summer. */
	check_rule("EST5EDT,0/0,J365/25", "2026-01-01T03:59:59Z", -14400);
	check_rule("EST5EDT,0/0,J365/25", "2026-12-31T23:59:59Z", -14400);
	/* J60 is 1 March in every year, 59 is 29 February in leap years. */
	check_rule("AAA-0BBB,J60/0,J300", "2028-02-29T12:00:00Z", 0);
	check_rule("AAA-0BBB,J60/0,J300", "2028-03-01T00:00:00Z", 3600);
	check_rule("AAA-0BBB,59/0,J300", "2028-02-29T00:00:00Z", 3600);
	check_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200);
	check_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600);
}

static void
offsets_are_those_of_libc(void **state)
{
	static const char *const zones[] = {
		"Europe/Berlin",     "America/New_York",  "Australia/Lord_Howe",
		"Africa/Casablanca", "Europe/Dublin",     "America/Nuuk",
		"Pacific/Apia",      "Asia/Kathmandu",    "America/St_Johns",
		"Asia/Gaza",         "Pacific/Kwajalein", "EST5EDT",
		"Etc/GMT+12",        "Asia/Tehran",       "America/Sao_Paulo",
		"Antarctica/Troll"};
	const char *given = getenv("HEED_SEED");
	unsigned seed =
		given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	size_t i;
	int round;

	print_message("# HEED_SEED=%u\n", seed);
	srand(seed);
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		struct zone *zone = load(zones[i]);

		(void)setenv("TZ", zones[i], 1);
		tzset();
		for (round = 0; round < 2000; round++) {
			/* 1850 to 2190 */
			time_t utc_s = -3786912000ll + (time_t)(rand() % 178848) * 60000 +
			               rand() % 60000;
			struct tm tm;

			assert_non_null(localtime_r(&utc_s, &tm));
			if (zone_offset_at(zone, utc_s) != tm.tm_gmtoff)
				fail_msg("%s at %lld: %d, not %ld", zones[i],
				         (long long)utc_s,
				         (int)zone_offset_at(zone, utc_s), tm.tm_gmtoff);
			/* There and back, unless it is the second occurrence. */
			assert_true(zone_to_utc(zone, utc_s + tm.tm_gmtoff) <= utc_s);
			assert_int_equal(
				zone_to_local(zone,
			                      zone_to_utc(zone, utc_s + tm.tm_gmtoff)),
				utc_s + tm.tm_gmtoff);
		}
	}
}

/* No prefix of a file is a zone, and no byte turned over makes us read out of bounds. */
static void
damaged_files(void **state)
{
	char data[8192];
	FILE *file = fopen(ZONE_FOLDER "/Europe/Berlin", "rbe");
	struct heed_error error;
	struct zone *zone;
	size_t len, i;

	assert_non_null(file);
	len = fread(data, 1, sizeof(data), file);
	assert_int_equal(fclose(file), 0);
	for (i = 0; i < len; i++) {
		char *copy =
			malloc(i + 1); /* exact, so that the sanitizer sees the end */

		assert_non_null(copy);
		memcpy(copy, data, i);
		assert_int_equal(zone_parse(&arena, HEED_STR("X"),
		                            (struct heed_str){copy, i}, &zone, &error),
		                 HEED_E_CORRUPT);
		assert_string_equal(error.text, "the time zone file of X is damaged");
		free(copy);
	}
	for (i = 0; i < len; i++) {
		data[i] = (char)~data[i];
		if (zone_parse(&arena, HEED_STR("X"), (struct heed_str){data, len}, &zone,
		               NULL) == 0)
			(void)zone_to_utc(zone, 1800000000);
		data[i] = (char)~data[i];
	}
	data[4] = '\0';
	assert_int_equal(zone_parse(&arena, HEED_STR("X"), (struct heed_str){data, len},
	                            &zone, &error),
	                 HEED_E_UNSUPPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(utc),
		cmocka_unit_test(local_times),
		cmocka_unit_test(rules),
		cmocka_unit_test(offsets_are_those_of_libc),
		cmocka_unit_test(damaged_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
