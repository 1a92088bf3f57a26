/*
 * Samples of schemas: each is accepted by the schema that it was made from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/schema.h"
#include "base/schema_sample.h"

static void
expect(const char *text, const char *wanted)
{
	struct schema_report report = {0};
	struct heed_error error = {0};
	struct heed_json document;
	struct heed_json value;
	struct schema *schema;
	struct arena arena;
	struct heed_str said;

	arena_init(&arena, 0);
	report.arena = &arena;
	assert_int_equal(json_parse(&arena, str_of(text), &document, &error), 0);
	assert_int_equal(schema_sample(document, &arena, &value), 0);
	said = json_text_of(&arena, value);
	if (!str_is(said, wanted))
		fail_msg("%s gives %.*s, not %s", text, STR_ARG(said), wanted);
	if (schema_new(document, NULL, 0, &schema, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	assert_int_equal(schema_validate(schema, value, &report), 0);
	schema_free(schema);
	arena_done(&arena);
}

static void
values_of_each_type(void **state)
{
	(void)state;
	expect("{}", "null");
	expect("true", "null");
	expect("{\"type\":\"boolean\"}", "false");
	expect("{\"type\":\"string\"}", "\"example\"");
	expect("{\"type\":\"string\",\"minLength\":9}", "\"xxxxxxxxx\"");
	expect("{\"type\":\"string\",\"maxLength\":2}", "\"ex\"");
	expect("{\"type\":\"string\",\"format\":\"date\"}", "\"2026-01-01\"");
	expect("{\"type\":\"integer\"}", "0");
	expect("{\"type\":\"integer\",\"minimum\":3}", "3");
	expect("{\"type\":\"integer\",\"exclusiveMinimum\":3,\"multipleOf\":5}", "5");
	expect("{\"type\":\"number\",\"maximum\":-1.5}", "-1.5");
	expect("{\"type\":\"number\",\"exclusiveMaximum\":0}", "-1");
	expect("{\"type\":[\"integer\",\"null\"]}", "0");
	expect("{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":2}",
	       "[false,false]");
	expect("{\"prefixItems\":[{\"const\":1}],\"items\":{\"const\":2},\"minItems\":2}",
	       "[1,2]");
}

static void
what_the_schema_names_comes_first(void **state)
{
	(void)state;
	expect("{\"const\":{\"a\":1}}", "{\"a\":1}");
	expect("{\"enum\":[\"low\",\"high\"]}", "\"low\"");
	expect("{\"type\":\"integer\",\"default\":7}", "7");
	expect("{\"type\":\"string\",\"examples\":[\"one\"]}", "\"one\"");
	expect("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "0");
}

static void
objects_have_what_is_required(void **state)
{
	(void)state;
	expect("{\"type\":\"object\",\"required\":[\"a\",\"c\"],\"properties\":{"
	       "\"a\":{\"enum\":[\"x\"]},\"b\":{},\"c\":{\"$ref\":\"#/$defs/c\"}},"
	       "\"$defs\":{\"c\":{\"type\":\"object\",\"required\":[\"d\"],"
	       "\"properties\":{\"d\":{\"type\":\"integer\"}}}}}",
	       "{\"a\":\"x\",\"c\":{\"d\":0}}");
	/* One that holds itself ends nevertheless; null is as good as anything there. */
	expect("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}}}", "{}");
}

static void
a_circle_ends(void **state)
{
	static const char text[] =
		"{\"type\":\"object\",\"required\":[\"a\",\"b\"],"
		"\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"}}}";
	struct heed_json document;
	struct heed_json value;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena, str_of(text), &document, NULL), 0);
	assert_int_equal(schema_sample(document, &arena, &value), 0);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_each_type),
		cmocka_unit_test(what_the_schema_names_comes_first),
		cmocka_unit_test(objects_have_what_is_required),
		cmocka_unit_test(a_circle_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
