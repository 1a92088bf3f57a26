/*
 * test_event.c - what event.h promises: CloudEvents 1.0 checked as its conformance suite
 * does (format/json/valid-events and invalid-events), and one normalised text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/event.h"

#define NOW_US 1700000000000000 /* 2023-11-14T22:13:20Z */

static int
read_event(struct arena *arena, const char *text, struct event *event,
           struct heed_error *error)
{
	struct heed_json root;

	assert_int_equal(json_parse(arena, str_of(text), &root, NULL), 0);
	return event_from_json(arena, root, NOW_US, event, error);
}

static void
check_valid(const char *text, const char *expected)
{
	struct heed_error error = {0};
	struct event event;
	struct arena arena;

	arena_init(&arena, 0);
	if (read_event(&arena, text, &event, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	assert_string_equal(arena_cstr(&arena, event.json), expected);
	arena_done(&arena);
}

/* `words` is what the message must name. */
static void
check_invalid(const char *text, const char *words)
{
	struct heed_error error = {0};
	struct event event;
	struct arena arena;

	arena_init(&arena, 0);
	if (read_event(&arena, text, &event, &error) != HEED_E_INVALID)
		fail_msg("accepted: %s", text);
	if (strstr(error.text, words) == NULL)
		fail_msg("%s: \"%s\" does not name %s", text, error.text, words);
	arena_done(&arena);
}

#define MINIMAL "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\""
#define ARRIVED ",\"time\":\"2023-11-14T22:13:20.000Z\"}"

static void
test_valid(void **state)
{
	(void)state;
	check_valid("{" MINIMAL "}", "{" MINIMAL ARRIVED);
	check_valid("{ " MINIMAL
	            ", \"subject\": null, \"time\": null, \"data_base64\": null,"
	            " \"datacontenttype\": null, \"dataschema\": null }",
	            "{" MINIMAL ARRIVED);
	check_valid("{" MINIMAL ",\"data\":null}", "{" MINIMAL ",\"data\":null" ARRIVED);
	check_valid("{" MINIMAL ",\"time\":\"2018-04-05T17:31:00Z\"}",
	            "{" MINIMAL ",\"time\":\"2018-04-05T17:31:00Z\"}");
	check_valid("{" MINIMAL ",\"time\":\"2018-04-05T17:31:00.123456789Z\"}",
	            "{" MINIMAL ",\"time\":\"2018-04-05T17:31:00.123456789Z\"}");
	check_valid("{" MINIMAL ",\"time\":\"2018-04-05T17:31:00-08:30\"}",
	            "{" MINIMAL ",\"time\":\"2018-04-05T17:31:00-08:30\"}");
	check_valid("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"#fragment\","
	            "\"type\":\"t\"}",
	            "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"#fragment\","
	            "\"type\":\"t\"" ARRIVED);
	check_valid("{" MINIMAL
	            ",\"datacontenttype\":\"text/plain; charset=utf-8\",\"data\":\"x\"}",
	            "{" MINIMAL ",\"datacontenttype\":\"text/plain; "
	            "charset=utf-8\",\"data\":\"x\"" ARRIVED);
	check_valid("{" MINIMAL
	            ",\"extint\":-7,\"extbool\":true,\"ext2\":\"\xe2\x82\xac\"}",
	            "{" MINIMAL
	            ",\"extint\":-7,\"extbool\":true,\"ext2\":\"\xe2\x82\xac\"" ARRIVED);
	check_valid("{" MINIMAL ",\"dataschema\":\"urn:x:1\",\"data_base64\":\"AAE=\"}",
	            "{" MINIMAL
	            ",\"dataschema\":\"urn:x:1\",\"data_base64\":\"AAE=\"" ARRIVED);
	check_valid("{" MINIMAL ",\"data\":9223372036854775807}",
	            "{" MINIMAL ",\"data\":9223372036854775807" ARRIVED);
}

static void
test_missing(void **state)
{
	(void)state;
	check_invalid("{\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}", "specversion");
	check_invalid("{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\"}",
	              "\"id\"");
	check_invalid("{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}",
	              "\"source\"");
	check_invalid("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\"}",
	              "\"type\"");
	check_invalid(
		"{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"t\"}",
		"\"id\"");
	check_invalid(
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"\",\"type\":\"t\"}",
		"\"source\"");
	check_invalid(
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"\"}",
		"\"type\"");
	check_invalid(
		"{\"specversion\":\"\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}",
		"specversion");
	check_invalid(
		"{\"specversion\":\"0.9\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}",
		"specversion");
	check_invalid(
		"{\"specversion\":\"1.0\",\"id\":7,\"source\":\"/s\",\"type\":\"t\"}",
		"\"id\"");
	check_invalid(
		"{\"specversion\":\"1.0\",\"id\":{},\"source\":\"/s\",\"type\":\"t\"}",
		"\"id\"");
	check_invalid("[]", "object");
	check_invalid("7", "object");
}

static void
test_time(void **state)
{
	static const char *const bad[] = {"lunchtime",
	                                  "2018-04-05T17:31Z",
	                                  "2018-04-05T17:31:00X",
	                                  "2018-04-05T17:31:00+25:00",
	                                  "2018-04-05T17:31:00+xx:00",
	                                  "2018-04-05T17:31:00+05",
	                                  "2018-04-05T17:31:00",
	                                  "",
	                                  "2018-02-30T00:00:00Z",
	                                  "2018-04-05 ",
	                                  "99999-04-05T00:00:00Z"};
	struct heed_error error;
	struct event event;
	struct arena arena;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "{" MINIMAL ",\"time\":\"%s\"}",
		               bad[i]);
		check_invalid(text, "\"time\"");
	}
	arena_init(&arena, 0);
	assert_int_equal(read_event(&arena,
	                            "{" MINIMAL
	                            ",\"time\":\"2023-11-14T23:13:20.5+01:00\"}",
	                            &event, &error),
	                 0);
	assert_int_equal(event.time_us, NOW_US + 500000);
	arena_done(&arena);
}

static void
test_attributes(void **state)
{
	(void)state;
	check_invalid("{" MINIMAL ",\"datacontenttype\":\"\"}", "datacontenttype");
	check_invalid("{" MINIMAL ",\"datacontenttype\":\"xyz\"}", "datacontenttype");
	check_invalid("{" MINIMAL ",\"datacontenttype\":\"a/b c\"}", "datacontenttype");
	check_invalid("{" MINIMAL ",\"dataschema\":\"\"}", "dataschema");
	check_invalid("{" MINIMAL ",\"dataschema\":\"relative/x\"}", "dataschema");
	check_invalid("{" MINIMAL ",\"subject\":\"\"}", "subject");
	check_invalid("{" MINIMAL ",\"subject\":\"a\\u0007\"}", "subject");
	check_invalid("{" MINIMAL ",\"subject\":\"a\\u0085\"}", "subject");
	check_invalid("{" MINIMAL ",\"subject\":\"a\\uffff\"}", "subject");
	check_invalid("{" MINIMAL ",\"subject\":\"a\\ud83f\\udffe\"}", "subject");
	check_invalid("{" MINIMAL ",\"MyExtension\":\"x\"}", "MyExtension");
	check_invalid("{" MINIMAL ",\"my.extension\":\"x\"}", "my.extension");
	check_invalid("{" MINIMAL ",\"ext\":1.5}", "\"ext\"");
	check_invalid("{" MINIMAL ",\"ext\":2147483648}", "\"ext\"");
	check_invalid("{" MINIMAL ",\"ext\":{\"a\":1}}", "\"ext\"");
	check_invalid("{" MINIMAL ",\"ext\":[]}", "\"ext\"");
	check_invalid("{" MINIMAL ",\"data\":1,\"data_base64\":\"AA==\"}", "data_base64");
	check_invalid("{" MINIMAL ",\"data_base64\":\"%%%\"}", "data_base64");
	check_invalid("{" MINIMAL ",\"data_base64\":7}", "data_base64");
	check_invalid("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"a "
	              "b\",\"type\":\"t\"}",
	              "\"source\"");
}

static void
test_many_attributes(void **state)
{
	struct heed_buf text;
	int i;

	(void)state;
	buf_init(&text, 0);
	buf_adds(&text, "{" MINIMAL);
	for (i = 0; i < 5000; i++)
		buf_addf(&text, ",\"x%d\":1", i);
	buf_adds(&text, "}");
	check_invalid(text.data, "attributes");
	buf_done(&text);
}

static void
test_trace(void **state)
{
	static const char good[] =
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	struct heed_error error;
	struct event event;
	struct arena arena;
	char text[256];

	(void)state;
	arena_init(&arena, 0);
	(void)snprintf(text, sizeof(text), "{" MINIMAL ",\"traceparent\":\"%s\"}", good);
	assert_int_equal(read_event(&arena, text, &event, &error), 0);
	assert_true(str_is(event.trace, good));
	assert_int_equal(read_event(&arena, "{" MINIMAL ",\"traceparent\":\"zz\"}",
	                            &event, &error),
	                 0);
	assert_int_equal(event.trace.len, 0);
	arena_done(&arena);
}

static void
test_parts(void **state)
{
	struct heed_error error = {0};
	struct event_parts parts = {.source = HEED_STR("heed/shop"),
	                            .type = HEED_STR("t"),
	                            .subject = HEED_STR("7"),
	                            .time_us = NOW_US,
	                            .has_data = true,
	                            .data = json_null()};
	struct event event;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	parts.id = HEED_STR("i");
	assert_int_equal(event_from_parts(&arena, &parts, NOW_US + 1, &event, &error), 0);
	assert_string_equal(
		arena_cstr(&arena, event.json),
		"{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"heed/shop\","
		"\"type\":\"t\",\"subject\":\"7\","
		"\"time\":\"2023-11-14T22:13:20.000Z\","
		"\"datacontenttype\":\"application/json\",\"data\":null}");
	parts.id = (struct heed_str){NULL, 0};
	assert_int_equal(event_from_parts(&arena, &parts, NOW_US, &event, &error), 0);
	assert_int_equal(event.id.len, 36);
	parts.type = (struct heed_str){NULL, 0};
	assert_int_equal(event_from_parts(&arena, &parts, NOW_US, &event, &error),
	                 HEED_E_INVALID);
	assert_non_null(strstr(error.text, "\"type\""));
	arena_done(&arena);
}

static void
test_no_memory(void **state)
{
	struct heed_error error;
	struct heed_json root;
	struct event event;
	struct arena arena;
	int r = HEED_E_NOMEM;
	long n;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena,
	                            HEED_STR("{" MINIMAL ",\"data_base64\":\"AAAA\"}"),
	                            &root, NULL),
	                 0);
	for (n = 0; r == HEED_E_NOMEM && n < 100; n++) {
		struct arena scratch;

		arena_init(&scratch, 0);
		mem_fail_after(n, 1);
		r = event_from_json(&scratch, root, NOW_US, &event, &error);
		mem_fail_after(-1, 0);
		arena_done(&scratch);
	}
	assert_int_equal(r, 0);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_many_attributes),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
