/*
 * test_structured.c - strict forms of schemas, and answers read from models' text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/schema.h"
#include "model/structured.h"

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

static void
assert_json(struct heed_json have, const char *want)
{
	if (!json_equal(have, json(want)))
		fail_msg("%s is not %s", arena_cstr(&arena, json_text_of(&arena, have)),
		         want);
}

#define SEGMENT                                                                          \
	"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"enum\":"     \
	"[\"x\",\"y\"]},\"b\":{\"type\":\"string\",\"maxLength\":5}}}"

/* ---- strict forms ------------------------------------------------------------------ */

static void
test_strict_forms(void **state)
{
	static const struct {
		const char *schema;
		const char *strict; /* NULL: not possible */
	} cases[] = {
		{"{\"type\":\"object\"}", NULL},
		{"{\"type\":\"object\",\"additionalProperties\":false}",
	         "{\"type\":\"object\",\"properties\":{},\"required\":[],"
	         "\"additionalProperties\":"
	         "false}"},
		{"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}",
	         NULL},
		{"{\"properties\":{\"a\":{}}}", NULL},
		{"{\"properties\":{\"a\":true}}", NULL},
		{"{\"enum\":[\"x\"]}",
	         "{\"type\":\"object\",\"properties\":{\"answer\":{\"type\":\"string\","
	         "\"enum\":["
	         "\"x\"]}},\"required\":[\"answer\"],\"additionalProperties\":false}"},
		{"{\"allOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]}"
	         ",{"
	         "\"properties\":{\"b\":{\"type\":\"number\",\"minimum\":0}},"
	         "\"required\":[\"b\"]}]}",
	         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\","
	         "\"enum\":[1]},"
	         "\"b\":{\"type\":\"number\",\"description\":\"Must satisfy "
	         "{\\\"minimum\\\":0}\"}},"
	         "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}"},
		{"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
	         "x\"}},\"$defs\":{"
	         "\"x\":{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}}}",
	         "{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/"
	         "$defs/x\"},{"
	         "\"type\":\"null\"}]}},\"required\":[\"a\"],\"additionalProperties\":"
	         "false,"
	         "\"$defs\":{\"x\":{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}}"
	         "}"},
		{"{\"properties\":{\"a\":{\"$ref\":\"https://x/y\"}}}", NULL},
		{"{\"properties\":{\"a\":{\"enum\":[\"p\",null]}}}",
	         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\","
	         "\"null\"],"
	         "\"enum\":[\"p\",null]}},\"required\":[\"a\"],\"additionalProperties\":"
	         "false}"},
		{"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}",
	         "{\"type\":\"object\",\"properties\":{\"answer\":{\"anyOf\":[{\"type\":"
	         "\"string\"},"
	         "{\"type\":\"integer\"}]}},\"required\":[\"answer\"],"
	         "\"additionalProperties\":"
	         "false}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct heed_json form;
		int r = strict_form(&strict_openai, json(cases[i].schema), &arena, &form);

		if (r != (cases[i].strict == NULL ? HEED_E_UNSUPPORTED : 0))
			fail_msg("%s: %s", cases[i].schema, heed_code_name(r));
		if (r == 0)
			assert_json(form, cases[i].strict);
	}
}

/* ---- reading answers --------------------------------------------------------------- */

static void
test_reading(void **state)
{
	static const struct {
		const char *text;
		const char *answer; /* NULL: not valid */
	} cases[] = {
		{"{\"a\":\"x\"}", "{\"a\":\"x\"}"},
		{"\xef\xbb\xbf {\"a\":\"x\"}\n", "{\"a\":\"x\"}"},
		{"```json\n{\"a\":\"x\"}\n```", "{\"a\":\"x\"}"},
		{"Sure! Here it is [1]:\n```\n{\"a\":\"y\"}\n```\nBye {}.",
	         "{\"a\":\"y\"}"},
		{"<think>{\"a\":\"y\"} or not</think>\n{\"a\":\"x\"}", "{\"a\":\"x\"}"},
		{"{\"a\":\"x\",\"b\":null}", "{\"a\":\"x\"}"},
		{"{\"answer\":{\"a\":\"x\",\"b\":null}}", "{\"a\":\"x\"}"},
		{"{\"a\":\"x\",\"b\":\"}{\\\"\"}", "{\"a\":\"x\",\"b\":\"}{\\\"\"}"},
		{"{\"a\":\"z\"}", NULL},
		{"{\"a\":\"x\"", NULL},
		{"{\"a\":null}", NULL},
		{"no", NULL},
		{"", NULL},
		{"{{{{{{[[[[", NULL},
	};
	struct heed_error error = {0};
	struct schema *schema;

	(void)state;
	assert_int_equal(schema_new(json(SEGMENT), NULL, 0, &schema, &error), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct structured_report report;
		struct heed_json answer;
		int r = structured_read(schema, str_of(cases[i].text), &arena, &answer,
		                        &report);

		if (r != (cases[i].answer != NULL ? 0 : HEED_E_INVALID))
			fail_msg("%s: %s", cases[i].text, heed_code_name(r));
		if (r == 0)
			assert_json(answer, cases[i].answer);
		else
			assert_true(report.complaint.len > 0);
	}
	schema_free(schema);
}

static void
test_reading_bare_words(void **state)
{
	struct structured_report report;
	struct heed_error error = {0};
	struct schema *schema;
	struct heed_json answer;

	(void)state;
	assert_int_equal(
		schema_new(json("{\"enum\":[\"yes\",\"no\"]}"), NULL, 0, &schema, &error),
		0);
	assert_int_equal(
		structured_read(schema, HEED_STR("yes\n"), &arena, &answer, &report), 0);
	assert_json(answer, "\"yes\"");
	assert_int_equal(structured_read(schema, HEED_STR("{\"answer\":\"no\"}"), &arena,
	                                 &answer, &report),
	                 0);
	assert_json(answer, "\"no\"");
	assert_int_equal(structured_read(NULL, HEED_STR("free"), &arena, &answer, NULL),
	                 0);
	assert_json(answer, "\"free\"");
	schema_free(schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_strict_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reading_bare_words, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
