/*
 * test_cloudevents.c - CloudEvents in HTTP requests: the three modes of the HTTP protocol
 * binding, and plain JSON through a mapping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "source/cloudevents_http.h"
#include "source/form.h"
#include "source/mapping.h"

#define NOW_US 1700000000000000
#define ARRIVED "\"time\":\"2023-11-14T22:13:20.000Z\""

struct fixture {
	struct arena arena;
	struct http_header headers[16];
	size_t n;
	struct heed_error error;
	struct event *events;
	size_t n_events;
};

static struct fixture *
fresh(void)
{
	static struct fixture fixture;

	arena_done(&fixture.arena);
	memset(&fixture, 0, sizeof(fixture));
	arena_init(&fixture.arena, 0);
	return &fixture;
}

static void
add(struct fixture *fixture, const char *name, const char *value)
{
	fixture->headers[fixture->n++] =
		(struct http_header){str_of(name), str_of(value)};
}

static struct fixture *
binary(const char *type)
{
	struct fixture *fixture = fresh();

	add(fixture, "ce-specversion", "1.0");
	add(fixture, "ce-id", "1");
	add(fixture, "ce-source", "/s");
	add(fixture, "ce-type", "t");
	if (type != NULL)
		add(fixture, "content-type", type);
	return fixture;
}

static int
read_all(struct fixture *fixture, struct heed_str body)
{
	const struct cloudevents_request request = {fixture->headers, fixture->n, body,
	                                            NOW_US};

	return cloudevents_read(&fixture->arena, &request, &fixture->events,
	                        &fixture->n_events, &fixture->error);
}

static void
check_one(struct fixture *fixture, struct heed_str body, const char *expected)
{
	if (read_all(fixture, body) != 0)
		fail_msg("%s", fixture->error.text);
	assert_int_equal(fixture->n_events, 1);
	assert_string_equal(arena_cstr(&fixture->arena, fixture->events[0].json),
	                    expected);
}

static void
check_wrong(struct fixture *fixture, struct heed_str body, const char *words)
{
	assert_int_equal(read_all(fixture, body), HEED_E_INVALID);
	if (strstr(fixture->error.text, words) == NULL)
		fail_msg("\"%s\" does not name %s", fixture->error.text, words);
}

#define ATTRIBUTES                                                                       \
	"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\","

static void
test_mode(void **state)
{
	static const struct {
		const char *type;
		enum cloudevents_mode mode;
	} cases[] = {
		{"application/cloudevents+json", CLOUDEVENTS_STRUCTURED},
		{"Application/CloudEvents+JSON; charset=utf-8", CLOUDEVENTS_STRUCTURED},
		{"application/cloudevents-batch+json", CLOUDEVENTS_BATCHED},
		{"application/cloudevents+xml", CLOUDEVENTS_OTHER_FORMAT},
		{"application/cloudevents-batch+avro", CLOUDEVENTS_OTHER_FORMAT},
		{"application/json", CLOUDEVENTS_NONE},
		{"", CLOUDEVENTS_NONE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_header header = {HEED_STR("content-type"),
		                                   str_of(cases[i].type)};
		const struct cloudevents_request request = {&header, 1, {NULL, 0}, 0};

		assert_int_equal(cloudevents_mode(&request), cases[i].mode);
	}
	const struct http_header ce = {HEED_STR("ce-id"), HEED_STR("1")};
	const struct cloudevents_request request = {&ce, 1, {NULL, 0}, 0};

	assert_int_equal(cloudevents_mode(&request), CLOUDEVENTS_BINARY);
}

static void
test_binary(void **state)
{
	struct fixture *fixture;

	(void)state;
	check_one(binary("application/json"), HEED_STR("{\"a\": 1}"),
	          ATTRIBUTES
	          "\"datacontenttype\":\"application/json\",\"data\":{\"a\":1}," ARRIVED
	          "}");
	check_one(binary("application/vnd.x+json; charset=utf-8"), HEED_STR("\"{}\""),
	          ATTRIBUTES
	          "\"datacontenttype\":\"application/vnd.x+json; charset=utf-8\","
	          "\"data\":\"{}\"," ARRIVED "}");
	check_one(binary("text/plain"), HEED_STR("{}"),
	          ATTRIBUTES "\"datacontenttype\":\"text/plain\",\"data\":\"{}\"," ARRIVED
	                     "}");
	check_one(binary("text/plain"), HEED_STR("\xff"),
	          ATTRIBUTES
	          "\"datacontenttype\":\"text/plain\",\"data_base64\":\"/w==\"," ARRIVED
	          "}");
	check_one(binary(NULL), HEED_STR("{}"),
	          ATTRIBUTES "\"data_base64\":\"e30=\"," ARRIVED "}");
	check_one(binary("image/png"), HEED_STR(""),
	          ATTRIBUTES "\"datacontenttype\":\"image/png\"," ARRIVED "}");
	fixture = binary(NULL);
	add(fixture, "ce-subject", "Euro%20%E2%82%AC%20%f0%9f%98%80%41");
	add(fixture, "ce-time", "2018-04-05T17:31:00Z");
	add(fixture, "ce-ext", "\"a \\\"b\\\"\"");
	add(fixture, "accept", "*/*");
	check_one(fixture, HEED_STR(""),
	          ATTRIBUTES
	          "\"subject\":\"Euro \xe2\x82\xac \xf0\x9f\x98\x80"
	          "A\",\"time\":\"2018-04-05T17:31:00Z\",\"ext\":\"a \\\"b\\\"\"}");
}

static void
test_binary_wrong(void **state)
{
	struct fixture *fixture = binary(NULL);

	(void)state;
	add(fixture, "ce-subject", "%C0%A0");
	check_wrong(fixture, HEED_STR(""), "ce-subject");
	fixture = binary(NULL);
	add(fixture, "ce-subject", "50%");
	check_wrong(fixture, HEED_STR(""), "ce-subject");
	fixture = binary(NULL);
	add(fixture, "ce-datacontenttype", "text/plain");
	check_wrong(fixture, HEED_STR(""), "ce-datacontenttype");
	fixture = binary(NULL);
	add(fixture, "ce-id", "2");
	check_wrong(fixture, HEED_STR(""), "twice");
	fixture = binary(NULL);
	add(fixture, "ce-data", "x");
	check_wrong(fixture, HEED_STR(""), "ce-data");
	fixture = binary(NULL);
	add(fixture, "ce-time", "now");
	check_wrong(fixture, HEED_STR(""), "time");
	fixture = fresh();
	add(fixture, "ce-id", "2");
	check_wrong(fixture, HEED_STR(""), "source");
	fixture = binary("application/json");
	assert_int_equal(read_all(fixture, HEED_STR("{\"a\":")), HEED_E_INVALID);
	assert_true(fixture->error.where[0] != '\0');
}

static void
test_structured(void **state)
{
	struct fixture *fixture = fresh();
	char deep[2001];

	(void)state;
	add(fixture, "content-type", "application/cloudevents+json");
	add(fixture, "ce-id", "not this one");
	check_one(fixture, HEED_STR(ATTRIBUTES "\"data\":null}"),
	          ATTRIBUTES "\"data\":null," ARRIVED "}");
	check_wrong(fixture, HEED_STR(""), "empty");
	check_wrong(fixture, HEED_STR("[]"), "object");
	check_wrong(fixture, HEED_STR("null"), "object");
	check_wrong(fixture, HEED_STR("{}"), "missing");
	assert_int_equal(read_all(fixture, HEED_STR("{\"id\":\"\xff\"}")),
	                 HEED_E_INVALID);
	memset(deep, '[', 2000);
	assert_int_equal(read_all(fixture, (struct heed_str){deep, 2000}),
	                 HEED_E_INVALID);
}

static void
test_batched(void **state)
{
	struct fixture *fixture = fresh();

	(void)state;
	add(fixture, "content-type", "application/cloudevents-batch+json");
	assert_int_equal(read_all(fixture, HEED_STR("[]")), 0);
	assert_int_equal(fixture->n_events, 0);
	assert_int_equal(
		read_all(fixture, HEED_STR("[" ATTRIBUTES "\"data\":1}," ATTRIBUTES
	                                   "\"data\":2}]")),
		0);
	assert_int_equal(fixture->n_events, 2);
	check_wrong(fixture, HEED_STR("{}"), "array");
	check_wrong(fixture, HEED_STR("[" ATTRIBUTES "\"data\":1},7]"), "event 2");
}

/* ---- mapping ----------------------------------------------------------------------- */

struct maps {
	struct expr_set *set;
	struct mapping mapping;
};

static struct expr *
make(struct maps *maps, const char *text)
{
	struct expr *expr = NULL;

	if (expr_new(maps->set, str_of(text), &expr, NULL) != 0)
		fail_msg("%s", text);
	return expr;
}

static int
map(struct fixture *fixture, const struct maps *maps, const char *input)
{
	const struct mapping_defaults defaults = {.source = HEED_STR("sources/web"),
	                                          .id = HEED_STR("m1"),
	                                          .now_us = NOW_US};
	struct heed_json value;

	assert_int_equal(json_parse(&fixture->arena, str_of(input), &value, NULL), 0);
	return mapping_apply(&maps->mapping, &fixture->arena, value, &defaults,
	                     &fixture->events, &fixture->n_events, &fixture->error);
}

static void
test_mapping(void **state)
{
	struct fixture *fixture = fresh();
	struct maps maps = {.set = expr_set_new()};

	(void)state;
	maps.mapping.type = make(&maps, ".headers.kind");
	assert_int_equal(
		map(fixture, &maps, "{\"headers\":{\"kind\":\"k\"},\"body\":[1]}"), 0);
	assert_string_equal(
		arena_cstr(&fixture->arena, fixture->events[0].json),
		"{\"specversion\":\"1.0\",\"id\":\"m1\",\"source\":\"sources/web\","
		"\"type\":\"k\"," ARRIVED
		",\"datacontenttype\":\"application/json\",\"data\":[1]}");
	maps.mapping.id = make(&maps, ".body.id");
	maps.mapping.subject = make(&maps, ".body.sub");
	maps.mapping.time = make(&maps, ".body.at");
	maps.mapping.data = make(&maps, "{x: .body.id}");
	assert_int_equal(map(fixture, &maps,
	                     "{\"headers\":{\"kind\":\"k\"},\"body\":{\"id\":7,"
	                     "\"at\":1700000000.5}}"),
	                 0);
	assert_string_equal(
		arena_cstr(&fixture->arena, fixture->events[0].json),
		"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"sources/web\","
		"\"type\":\"k\",\"time\":\"2023-11-14T22:13:20.500Z\","
		"\"datacontenttype\":\"application/json\",\"data\":{\"x\":7}}");
	assert_int_equal(map(fixture, &maps, "{\"headers\":{},\"body\":{}}"),
	                 HEED_E_INVALID);
	assert_non_null(strstr(fixture->error.text, "mapping.type"));
	assert_int_equal(map(fixture, &maps,
	                     "{\"headers\":{\"kind\":\"k\"},\"body\":{\"id\":{}}}"),
	                 HEED_E_INVALID);
	assert_non_null(strstr(fixture->error.text, "mapping.id"));
	assert_int_equal(map(fixture, &maps,
	                     "{\"headers\":{\"kind\":\"k\"},\"body\":{\"at\":\"x\"}}"),
	                 HEED_E_INVALID);
	assert_non_null(strstr(fixture->error.text, "mapping.time"));
	assert_int_equal(map(fixture, &maps, "{\"headers\":7,\"body\":{}}"),
	                 HEED_E_INVALID);
	expr_set_free(maps.set);
}

static void
test_several_events(void **state)
{
	struct fixture *fixture = fresh();
	struct maps maps = {.set = expr_set_new()};

	(void)state;
	maps.mapping.each = make(&maps, ".body.list");
	maps.mapping.type = make(&maps, ".item.eventType");
	maps.mapping.subject = make(&maps, ".body.about");
	assert_int_equal(map(fixture, &maps,
	                     "{\"body\":{\"about\":\"x\",\"list\":[{\"eventType\":"
	                     "\"a\"},{\"eventType\":\"b\"}]}}"),
	                 0);
	assert_int_equal(fixture->n_events, 2);
	assert_true(str_is(fixture->events[1].id, "m1/2"));
	assert_true(str_is(fixture->events[1].type, "b"));
	assert_true(str_is(fixture->events[1].subject, "x"));
	assert_non_null(json_path(fixture->events[1].root, "data", "eventType", NULL));
	assert_int_equal(
		map(fixture, &maps, "{\"body\":{\"list\":[{\"eventType\":\"a\"},{}]}}"),
		HEED_E_INVALID);
	assert_non_null(strstr(fixture->error.text, "item 2"));
	assert_int_equal(map(fixture, &maps, "{\"body\":{\"list\":{}}}"), HEED_E_INVALID);
	assert_non_null(strstr(fixture->error.text, "mapping.each"));
	expr_set_free(maps.set);
}

static void
test_no_event(void **state)
{
	struct fixture *fixture = fresh();
	struct maps maps = {.set = expr_set_new()};

	(void)state;
	maps.mapping.type = make(&maps, "\"t\"");
	maps.mapping.when = make(&maps, ".body.wanted");
	assert_int_equal(map(fixture, &maps, "{\"body\":{}}"), 0);
	assert_int_equal(fixture->n_events, 0);
	assert_int_equal(map(fixture, &maps, "{\"body\":{\"wanted\":true}}"), 0);
	assert_int_equal(fixture->n_events, 1);
	maps.mapping.each = make(&maps, ".body.list");
	maps.mapping.when = make(&maps, ".item > 1");
	assert_int_equal(map(fixture, &maps, "{\"body\":{\"list\":[1,2,1,3]}}"), 0);
	assert_int_equal(fixture->n_events, 2);
	assert_true(str_is(fixture->events[0].id, "m1/2"));
	assert_true(str_is(fixture->events[1].id, "m1/4"));
	assert_int_equal(map(fixture, &maps, "{\"body\":{\"list\":[]}}"), 0);
	assert_int_equal(fixture->n_events, 0);
	assert_int_equal(map(fixture, &maps, "{\"body\":{}}"), 0);
	assert_int_equal(fixture->n_events, 0);
	expr_set_free(maps.set);
}

static void
test_form(void **state)
{
	struct fixture *fixture = fresh();
	struct heed_json form;
	char many[4096];

	(void)state;
	assert_int_equal(form_read(&fixture->arena,
	                           HEED_STR("a=1&b%20c=%E2%82%AC+x&&=7&a=2&secret=x&d"),
	                           "secret", &form, &fixture->error),
	                 0);
	assert_string_equal(
		arena_cstr(&fixture->arena, json_text_of(&fixture->arena, form)),
		"{\"a\":\"2\",\"b c\":\"\xe2\x82\xac x\",\"d\":\"\"}");
	assert_int_equal(form_read(&fixture->arena, HEED_STR("a=%C0%A0"), NULL, &form,
	                           &fixture->error),
	                 HEED_E_INVALID);
	assert_non_null(strstr(fixture->error.text, "%C0%A0"));
	assert_int_equal(form_read(&fixture->arena, HEED_STR("a=%4"), NULL, &form,
	                           &fixture->error),
	                 HEED_E_INVALID);
	memset(many, '&', sizeof(many));
	assert_int_equal(form_read(&fixture->arena, (struct heed_str){many, sizeof(many)},
	                           NULL, &form, &fixture->error),
	                 HEED_E_LIMIT);
}

static int
clean_up(void **state)
{
	(void)state;
	(void)fresh();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mode),           cmocka_unit_test(test_binary),
		cmocka_unit_test(test_binary_wrong),   cmocka_unit_test(test_structured),
		cmocka_unit_test(test_batched),        cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_several_events), cmocka_unit_test(test_no_event),
		cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests(tests, NULL, clean_up);
}
