/*
 * test_schema.c - what tests/schema can't show: errors of schemas with their places,
 * faults in words, libraries, and that every check ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/schema.h"

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

static struct heed_json
json(const char *text)
{
	struct heed_error error = {0};
	struct heed_json value;

	if (json_parse(&arena, str_of(text), &value, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return value;
}

static struct schema *
make(const char *text, unsigned flags)
{
	struct heed_error error = {0};
	struct schema *schema = NULL;

	if (schema_new(json(text), NULL, flags, &schema, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return schema;
}

/* ---- schemas that are wrong -------------------------------------------------------- */

static void
test_errors_have_place_and_hint(void **state)
{
	static const struct {
		const char *schema, *where, *hint;
	} cases[] = {
		{"{\"properties\":{\"a\":{\"requird\":[]}}}", "/properties/a/requird",
	         "did you mean \"required\"?"},
		{"{\"items\":[{}]}", "/items", ""},
		{"{\"type\":\"strin\"}", "/type", "did you mean \"string\"?"},
		{"{\"type\":[\"string\",\"string\"]}", "/type", ""},
		{"{\"minLength\":-1}", "/minLength", ""},
		{"{\"minLength\":1.5}", "/minLength", ""},
		{"{\"multipleOf\":0}", "/multipleOf", ""},
		{"{\"allOf\":[]}", "/allOf", ""},
		{"{\"anyOf\":[true,3]}", "/anyOf/1", ""},
		{"{\"required\":[\"a\",\"a\"]}", "/required", ""},
		{"{\"format\":\"datetime\"}", "/format", "did you mean \"date-time\"?"},
		{"{\"dependencies\":{}}", "/dependencies",
	         "did you mean \"dependentRequired\"?"},
		{"{\"$defs\":{\"order\":{}},\"items\":{\"$ref\":\"#/$defs/ordr\"}}",
	         "/items/$ref", "did you mean #/$defs/order?"},
		{"{\"$defs\":{\"a\":{\"$anchor\":\"thing\"}},\"$ref\":\"#thign\"}",
	         "/$ref", "did you mean #thing?"},
		{"{\"$ref\":\"https://example.com/other\"}", "/$ref",
	         "use #/$defs/NAME or #ANCHOR; other documents are never fetched"},
		{"{\"$dynamicRef\":\"#nowhere\"}", "/$dynamicRef", ""},
		{"{\"$schema\":\"https://example.com/mine\"}", "/$schema", NULL},
		{"{\"$ref\":\"#/%zz\"}", "/$ref", ""},
		{"{\"$id\":\"a#b\"}", "/$id", ""},
		{"{\"$anchor\":\"1a\"}", "/$anchor", ""},
		{"{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}",
	         "/$defs/b/$anchor", ""},
		{"{\"$defs\":{\"a\":{\"$id\":\"x\"},\"b\":{\"$id\":\"x\"}}}",
	         "/$defs/b/$id", ""},
		{"{\"properties\":{\"a/b~c\":{\"pattern\":\"(\"}}}",
	         "/properties/a~1b~0c/pattern", NULL},
		{"{\"pattern\":\"\\\\Aa\"}", "/pattern", NULL},
		{"{\"pattern\":\"a++\"}", "/pattern", NULL},
		{"{\"pattern\":\"(?>a)\"}", "/pattern", NULL},
		{"{\"pattern\":\"\\\\ud800\"}", "/pattern", NULL},
		{"{\"pattern\":\"*a\"}", "/pattern", NULL},
		{"{\"patternProperties\":{\"[a\":{}}}", "/patternProperties", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct heed_error error = {0};
		struct schema *schema;
		int r = schema_new(json(cases[i].schema), NULL, SCHEMA_STRICT, &schema,
		                   &error);

		if (r != HEED_E_CONFIG)
			fail_msg("%s: %d", cases[i].schema, r);
		assert_string_equal(error.where, cases[i].where);
		assert_true(error.text[0] != '\0');
		if (cases[i].hint != NULL)
			assert_string_equal(error.hint, cases[i].hint);
	}
}

static void
test_circles_are_errors(void **state)
{
	static const char *const circles[] = {
		"{\"$ref\":\"#\"}",
		"{\"items\":{\"$anchor\":\"a\",\"anyOf\":[true,{\"$ref\":\"#a\"}]}}",
		"{\"not\":{\"if\":{\"$dynamicRef\":\"#x\"}},\"$dynamicAnchor\":\"x\"}",
		"{\"dependentSchemas\":{\"a\":{\"$ref\":\"#\"}}}",
		"{\"if\":true,\"else\":{\"allOf\":[{\"$ref\":\"#\"}]}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(circles) / sizeof(circles[0]); i++) {
		struct heed_error error = {0};
		struct schema *schema;

		assert_int_equal(schema_new(json(circles[i]), NULL, 0, &schema, &error),
		                 HEED_E_CONFIG);
		assert_non_null(strstr(error.text, "leads back to itself"));
	}
	schema_free(make("{\"items\":{\"$ref\":\"#\"},\"allOf\":[{\"properties\":{\"a\":"
	                 "{\"$ref\":\"#\"}}}]}",
	                 SCHEMA_STRICT));
}

static void
test_drafts_that_are_accepted(void **state)
{
	(void)state;
	schema_free(make("{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
	                 "\"definitions\":{\"a\":{}},\"$ref\":\"#/definitions/a\"}",
	                 SCHEMA_STRICT));
	schema_free(make("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
	                 "\"x-order\":1}",
	                 SCHEMA_STRICT));
}

/* ---- faults in words --------------------------------------------------------------- */

static void
assert_fault(const char *schema_text, const char *instance, const char *at,
             const char *keyword, const char *text)
{
	struct schema *schema = make(schema_text, SCHEMA_FORMATS);
	struct schema_report report = {.arena = &arena};
	const struct schema_fault *fault = &report.faults[0];

	assert_int_equal(schema_validate(schema, json(instance), &report),
	                 HEED_E_INVALID);
	assert_true(report.n > 0);
	fault = &report.faults[report.n - 1];
	if (!str_is(fault->at, at) || !str_is(fault->keyword, keyword) ||
	    !str_is(fault->text, text))
		fail_msg("%.*s, %.*s: %.*s", STR_ARG(fault->at), STR_ARG(fault->keyword),
		         STR_ARG(fault->text));
	schema_free(schema);
}

static void
test_faults(void **state)
{
	(void)state;
	assert_fault("{\"type\":[\"string\",\"null\"]}", "1", "", "/type",
	             "must be of type [\"string\",\"null\"], not number");
	assert_fault("{\"items\":{\"enum\":[\"high\",\"low\"]}}", "[\"hihg\"]", "/0",
	             "/items/enum",
	             "must be one of [\"high\",\"low\"]; did you mean \"high\"?");
	assert_fault("{\"properties\":{\"colour\":{}},\"additionalProperties\":false}",
	             "{\"color\":1}", "", "/additionalProperties",
	             "must not have \"color\"; did you mean \"colour\"?");
	assert_fault("{\"properties\":{\"a/b\":{\"maximum\":1e3}}}", "{\"a/b\":1001}",
	             "/a~1b", "/properties/a~1b/maximum", "must be at most 1000");
	assert_fault("{\"exclusiveMinimum\":9007199254740993}", "9007199254740993", "",
	             "/exclusiveMinimum", "must be above 9007199254740993");
	assert_fault("{\"multipleOf\":0.1}", "0.25", "", "/multipleOf",
	             "must be a multiple of 0.1");
	assert_fault("{\"minItems\":2}", "[1]", "", "/minItems",
	             "must have at least 2 items, has 1");
	assert_fault("{\"required\":[\"x\"]}", "{}", "", "/required", "is missing \"x\"");
	assert_fault("{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "",
	             "/dependentRequired", "is missing \"b\", which \"a\" needs");
	assert_fault("{\"$defs\":{\"d\":{\"format\":\"date\"}},\"$ref\":\"#/$defs/d\"}",
	             "\"soon\"", "", "/$defs/d/format",
	             "must be a date such as 2024-02-29");
	assert_fault("{\"properties\":{\"a\":{}},\"unevaluatedProperties\":false}",
	             "{\"b\":1}", "", "/unevaluatedProperties", "must not have \"b\"");
}

/* Of alternatives the one that was meant is explained: told by its "kind". */
static void
test_nearest_alternative(void **state)
{
	static const char *const schema = "{\"oneOf\":[{\"type\":\"string\"},"
					  "{\"properties\":{\"kind\":{\"const\":\"a\"},"
					  "\"x\":{\"type\":\"integer\"}}},"
					  "{\"properties\":{\"kind\":{\"const\":\"b\"},"
					  "\"y\":{\"type\":\"integer\"},"
					  "\"z\":{\"type\":\"integer\"}}}]}";

	(void)state;
	assert_fault(schema, "{\"kind\":\"b\",\"y\":\"1\",\"z\":\"2\"}", "/z",
	             "/oneOf/2/properties/z/type",
	             "must be of type \"integer\", not string");
	assert_fault(schema, "{\"kind\":\"a\",\"x\":\"1\"}", "/x",
	             "/oneOf/1/properties/x/type",
	             "must be of type \"integer\", not string");
	/* none was meant: the kinds that there are, not the first one alone */
	assert_fault(schema, "{\"kind\":\"c\"}", "/kind",
	             "/oneOf/2/properties/kind/const", "must be \"b\"");
}

/* ---- other documents --------------------------------------------------------------- */

static void
test_library(void **state)
{
	struct schema_library *library = schema_library_new();
	struct schema_report report = {.arena = &arena};
	struct heed_error error = {0};
	struct schema *schema;

	(void)state;
	assert_int_equal(
		schema_library_add(library, HEED_STR("https://example.com/a.json"),
	                           json("{\"$defs\":{\"n\":{\"$ref\":\"b.json\"}}}"),
	                           &error),
		0);
	assert_int_equal(
		schema_library_add(
			library, HEED_STR("file:b"),
			json("{\"$id\":\"https://example.com/b.json\",\"minimum\":5}"),
			&error),
		0);
	assert_int_equal(
		schema_library_add(library, HEED_STR("file:b#"), json_null(), &error),
		HEED_E_EXISTS);
	assert_int_equal(
		schema_new(json("{\"$ref\":\"https://example.com/a.json#/$defs/n\"}"),
	                   library, SCHEMA_STRICT, &schema, &error),
		0);
	assert_int_equal(schema_validate(schema, json("5"), &report), 0);
	assert_int_equal(schema_validate(schema, json("4"), &report), HEED_E_INVALID);
	assert_true(str_is(report.faults[0].keyword, "file:b#/minimum"));
	schema_free(schema);
	schema_library_free(library);
}

/* ---- bounds ------------------------------------------------------------------------ */

/* Each level tries the next one twice: 2^60 ways. */
static void
test_wide_trees_end(void **state)
{
	struct schema *schema;
	struct heed_buf buf;

	(void)state;
	buf_init(&buf, 0);
	buf_adds(&buf, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
	for (int i = 0; i < 60; i++)
		buf_addf(&buf,
		         "\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/"
		         "$defs/d%d\"}]},",
		         i, i + 1, i + 1);
	buf_adds(&buf, "\"d60\":false}}");
	schema = make(buf.data, 0);
	assert_int_equal(schema_validate(schema, json("1"), NULL), HEED_E_LIMIT);
	schema_free(schema);
	buf_done(&buf);
}

static void
test_patterns_end(void **state)
{
	static const char *const patterns[] = {
		"{\"pattern\":\"^(a+)+$\"}",
		"{\"pattern\":\"(a|aa)*a*a*a*[bc]\"}",
		"{\"pattern\":\"[^x]*[xy]\"}",
	};
	struct heed_buf buf;

	(void)state;
	buf_init(&buf, 0);
	buf_addc(&buf, '"');
	for (int i = 0; i < 100000; i++)
		buf_addc(&buf, 'a');
	buf_adds(&buf, "!\"");
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct schema *schema = make(patterns[i], 0);

		assert_int_equal(schema_validate(schema, json(buf.data), NULL),
		                 HEED_E_LIMIT);
		assert_int_equal(schema_validate(schema, json("\"aaab!x\""), NULL),
		                 i == 0 ? HEED_E_INVALID : 0);
		schema_free(schema);
	}
	buf_done(&buf);
}

static void
test_deep_values_end(void **state)
{
	struct schema *tree =
		make("{\"items\":{\"$ref\":\"#/$defs/a\"},\"$defs\":{\"a\":{\"allOf\":[{"
	             "\"allOf\":[{\"$ref\":\"#\"}]}]}}}",
	             0);
	struct heed_buf buf;
	int r;

	(void)state;
	buf_init(&buf, 0);
	for (int i = 0; i < 250; i++)
		buf_addc(&buf, '[');
	for (int i = 0; i < 250; i++)
		buf_addc(&buf, ']');
	r = schema_validate(tree, json(buf.data), NULL);
	assert_true(r == 0 || r == HEED_E_LIMIT);
	schema_free(tree);
	buf_done(&buf);
}

/* Let each allocation fail in turn: an error each time, never a wrong verdict. */
static void
test_without_memory(void **state)
{
	const struct heed_json document = json(
		"{\"$id\":\"https://e.com/a\",\"properties\":{\"a\":{\"pattern\":\"b\"},"
		"\"l\":{\"uniqueItems\":true}},\"allOf\":[{\"$ref\":\"#/$defs/x\"}],"
		"\"unevaluatedProperties\":false,\"$defs\":{\"x\":{\"oneOf\":[{"
		"\"required\":[\"c\"]},{\"required\":[\"d\"]}]}}}");
	const struct heed_json instance = json("{\"a\":\"x\",\"l\":[1,2],\"e\":1}");
	int made = 0;

	(void)state;
	for (long n = 0; made < 20 && n < 2000; n++) {
		struct heed_error error = {0};
		struct schema *schema;
		struct arena scratch;
		int r;

		arena_init(&scratch, 0);
		mem_fail_after(n, 0);
		r = schema_new(document, NULL, 0, &schema, &error);
		if (r == 0) {
			struct schema_report report = {.arena = &scratch};

			r = schema_validate(schema, instance, &report);
			assert_true(r == HEED_E_INVALID || r == HEED_E_NOMEM);
			schema_free(schema);
			made++;
		} else {
			assert_int_equal(r, HEED_E_NOMEM);
		}
		mem_fail_after(-1, 0);
		arena_done(&scratch);
	}
	assert_int_equal(made, 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_errors_have_place_and_hint, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_circles_are_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drafts_that_are_accepted, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nearest_alternative, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_library, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wide_trees_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_patterns_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep_values_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
