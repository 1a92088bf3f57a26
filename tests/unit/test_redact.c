/*
 * test_redact.c - values are kept back from inputs and texts, and put back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/detect.h"
#include "base/json.h"
#include "base/redact.h"

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

static struct redact_rule
path_rule(const char *path, const char *label)
{
	struct redact_rule rule = {.label = str_of(label), .restore = true};
	struct heed_error error = {0};
	struct json_paths *paths;

	if (json_paths_new(&arena, str_of(path), &paths, &error) != 0)
		fail_msg("%s: %s", path, error.text);
	rule.path = paths;
	return rule;
}

static struct redaction *
start(const struct redact_rule *rules, size_t n, const char *input,
      struct heed_json *ret_input)
{
	const struct redact_rules list = {rules, n};
	const struct redact_rules *lists[] = {NULL, &list};
	struct redaction *redaction;

	assert_int_equal(
		redaction_new(&arena, lists, 2, json(input), &redaction, ret_input), 0);
	return redaction;
}

static void
assert_json(struct heed_json have, const char *want)
{
	if (!json_equal(have, json(want)))
		fail_msg("%.*s is not %s", STR_ARG(json_text_of(&arena, have)), want);
}

static void
assert_text(struct redaction *redaction, const char *text, const char *want)
{
	struct heed_str have;

	assert_int_equal(redaction_text(redaction, str_of(text), &have), 0);
	if (!str_is(have, want))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(have), want);
}

static void
assert_restored(const struct redaction *redaction, enum redact_text kind,
                const char *text, const char *want)
{
	struct heed_str have;

	assert_int_equal(redaction_restore(redaction, str_of(text), kind, &have), 0);
	if (!str_is(have, want))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(have), want);
}

/* ---- paths ------------------------------------------------------------------------- */

static void
test_paths(void **state)
{
	static const struct {
		const char *path, *input, *want;
	} cases[] = {
		{".a", "{\"a\":\"x\",\"b\":\"y\"}", "{\"a\":\"[L_1]\",\"b\":\"y\"}"},
		{".a.b", "{\"a\":{\"b\":\"x\"}}", "{\"a\":{\"b\":\"[L_1]\"}}"},
		{".[\"a b\"].\"c\\u0064\"", "{\"a b\":{\"cd\":\"x\"}}",
	         "{\"a b\":{\"cd\":\"[L_1]\"}}"},
		{".a[]", "{\"a\":[\"x\",\"y\",\"x\"]}",
	         "{\"a\":[\"[L_1]\",\"[L_2]\",\"[L_1]\"]}"},
		{".a[].n?", "{\"a\":[{\"n\":\"x\"},3,{\"m\":\"y\"}]}",
	         "{\"a\":[{\"n\":\"[L_1]\"},3,{\"m\":\"y\"}]}"},
		{".a[-1]", "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"x\",\"[L_1]\"]}"},
		{".a[1]", "{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"x\",\"[L_1]\"]}"},
		{"..|.n", "{\"n\":\"x\",\"a\":[{\"n\":\"y\"}]}",
	         "{\"n\":\"[L_2]\",\"a\":[{\"n\":\"[L_1]\"}]}"},
		{".[]", "{\"a\":1,\"b\":null,\"c\":true}",
	         "{\"a\":\"[L_1]\",\"b\":null,\"c\":\"[L_2]\"}"},
		{".a", "{\"a\":{\"b\":[1,\"x\",null,\"\"]}}",
	         "{\"a\":{\"b\":[\"[L_1]\",\"[L_2]\",null,\"\"]}}"},
		{".a.b.c", "{\"a\":[1]}", "{\"a\":[1]}"},
		{".a", "[1,2]", "[1,2]"},
		{".a", "{\"a\":9007199254740993}", "{\"a\":\"[L_1]\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redact_rule rule = path_rule(cases[i].path, "L");
		struct heed_json input;
		struct redaction *redaction = start(&rule, 1, cases[i].input, &input);

		assert_json(input, cases[i].want);
		redaction_free(redaction);
	}
}

static void
test_what_is_no_path(void **state)
{
	static const char *const wrong[] = {
		"",        "a",        ".a + .b",       ".a | length", ".a[",
		".a[x]",   ".a[1.5]",  ".[\"\\(.x)\"]", "$x",          ".a,",
		".a[1:2]", ".a // .b", ".a | b",        ".a..b",       "select(.)"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct heed_error error = {0};
		struct json_paths *paths;
		int r = json_paths_new(&arena, str_of(wrong[i]), &paths, &error);

		if (r == 0 && strcmp(wrong[i], ".a..b") != 0)
			fail_msg("%s is a path", wrong[i]);
		if (r != 0)
			assert_true(error.text[0] != '\0');
	}
}

/* ---- inputs and texts -------------------------------------------------------------- */

static void
test_values_are_found_everywhere(void **state)
{
	struct redact_rule rules[] = {path_rule(".name", "NAME"),
	                              path_rule(".pin", "PIN"), path_rule(".sex", "SEX")};
	struct heed_json input;
	struct redaction *redaction =
		start(rules, 3,
	              "{\"name\":\"Ann Lee\",\"pin\":4711,\"sex\":\"f\",\"text\":\"I am "
	              "ANN LEE, "
	              "not Joann Leeds; pin 4711, not 24711\",\"n\":4711,\"Ann "
	              "Lee\":1,\"f\":\"f\"}",
	              &input);

	(void)state;
	assert_json(input,
	            "{\"name\":\"[NAME_1]\",\"pin\":\"[PIN_1]\",\"sex\":\"[SEX_1]\","
	            "\"text\":\"I am [NAME_2], not Jo[NAME_3]ds; pin [PIN_1], not "
	            "24711\",\"n\":\"[PIN_1]\",\"[NAME_1]\":1,\"f\":\"f\"}");
	assert_text(redaction, "Dear Ann Lee ([NAME_1]), your pin is 4711.",
	            "Dear [NAME_1] ([NAME_1]), your pin is [PIN_1].");
	assert_text(redaction, "", "");
	redaction_free(redaction);
}

static void
test_detectors(void **state)
{
	struct redact_rule rule = {.kinds = DETECT_ALL, .restore = true};
	struct heed_json input;
	struct redaction *redaction =
		start(&rule, 1,
	              "{\"a\":\"ann@example.com or "
	              "bob@example.com\",\"b\":[\"ann@example.com\"],"
	              "\"card\":4111111111111111,\"ann@example.com\":0}",
	              &input);

	(void)state;
	assert_json(input, "{\"a\":\"[EMAIL_1] or [EMAIL_2]\",\"b\":[\"[EMAIL_1]\"],"
	                   "\"card\":\"[CARD_1]\",\"[EMAIL_1]\":0}");
	assert_text(redaction, "192.0.2.1 ann@example.com", "[ADDRESS_1] [EMAIL_1]");
	assert_restored(redaction, REDACT_PLAIN, "[EMAIL_2], [EMAIL_9], [CARD_1], [x",
	                "bob@example.com, [EMAIL_9], 4111111111111111, [x");
	redaction_free(redaction);
}

static void
test_restored_json_is_json(void **state)
{
	struct redact_rule rules[] = {path_rule(".q", "Q"), path_rule(".n", "N"),
	                              path_rule(".b", "B")};
	struct heed_json input;
	struct redaction *redaction = start(
		rules, 3, "{\"q\":\"say \\\"hi\\\"\\n\",\"n\":12345,\"b\":true}", &input);

	(void)state;
	assert_restored(
		redaction, REDACT_JSON,
		"{\"a\":\"x [Q_1]\",\"b\":\"[N_1]\",\"c\":\"no [N_1]\",\"d\":\"[B_1]\"}",
		"{\"a\":\"x say \\\"hi\\\"\\n\",\"b\":12345,\"c\":\"no "
		"12345\",\"d\":true}");
	assert_restored(redaction, REDACT_JSON, "\"[N_1]\"[Q_1]\"[N_1]\"",
	                "12345say \\\"hi\\\"\\n12345");
	redaction_free(redaction);
}

static void
test_only_what_may_be_restored(void **state)
{
	struct redact_rule rules[] = {{.kinds = 1u << DETECT_EMAIL},
	                              {.kinds = 1u << DETECT_PHONE, .restore = true}};
	struct heed_json input;
	struct redaction *redaction =
		start(rules, 2, "[\"ann@example.com, +49 30 901820\"]", &input);

	(void)state;
	assert_true(redaction_restores(redaction));
	assert_restored(redaction, REDACT_PLAIN, "[EMAIL_1] [PHONE_1]",
	                "[EMAIL_1] +49 30 901820");
	redaction_free(redaction);
	redaction = start(rules, 1, "[\"ann@example.com\"]", &input);
	assert_false(redaction_restores(redaction));
	redaction_free(redaction);
}

/* Who writes a placeholder into an event gets nobody's value. */
static void
test_placeholders_in_the_input(void **state)
{
	struct redact_rule rule = {.kinds = 1u << DETECT_EMAIL, .restore = true};
	struct heed_json input;
	struct redaction *redaction = start(
		&rule, 1,
		"{\"a\":\"[EMAIL_1] [X_7] ann@example.com\",\"[EMAIL_3]\":\"[EMAIL_x]\"}",
		&input);

	(void)state;
	assert_json(input,
	            "{\"a\":\"[EMAIL_1] [X_7] [EMAIL_8]\",\"[EMAIL_3]\":\"[EMAIL_x]\"}");
	assert_restored(redaction, REDACT_PLAIN, "[EMAIL_1] [EMAIL_8]",
	                "[EMAIL_1] ann@example.com");
	redaction_free(redaction);
}

static void
test_names_of_placeholders_as_values(void **state)
{
	struct redact_rule rules[] = {path_rule(".a", "NAME"), path_rule(".b", "NAME")};
	struct heed_json input;
	struct redaction *redaction =
		start(rules, 2, "{\"a\":\"NAME\",\"b\":\"_1]\",\"c\":\"NAME\"}", &input);

	(void)state;
	assert_json(input, "{\"a\":\"[NAME_1]\",\"b\":\"[NAME_2]\",\"c\":\"[NAME_1]\"}");
	assert_text(redaction, "[NAME_1] [NAME_2] NAME", "[NAME_1] [NAME_2] [NAME_1]");
	redaction_free(redaction);
}

static void
test_the_same_again(void **state)
{
	struct redact_rule rules[] = {path_rule("..|.name", "NAME"),
	                              {.kinds = DETECT_ALL, .restore = true}};
	const char *text = "{\"l\":[{\"name\":\"Bo\"},{\"name\":\"Ann\"}],\"t\":\"Ann: "
			   "a@b.example, 192.0.2.1\"}";
	struct heed_json first, second;

	(void)state;
	redaction_free(start(rules, 2, text, &first));
	redaction_free(start(rules, 2, text, &second));
	assert_true(json_equal(first, second));
}

static void
test_too_much_is_an_error(void **state)
{
	struct redact_rule rule = path_rule(".[]", "X");
	const struct redact_rules list = {&rule, 1};
	const struct redact_rules *lists[] = {&list};
	struct redaction *redaction;
	struct heed_json input;
	struct heed_buf buf;

	(void)state;
	buf_init(&buf, 0);
	buf_addc(&buf, '[');
	for (int i = 0; i <= REDACT_VALUES_MAX; i++)
		buf_addf(&buf, "%s\"aaaa%d\"", i > 0 ? "," : "", i);
	buf_addc(&buf, ']');
	assert_int_equal(
		redaction_new(&arena, lists, 1, json(buf.data), &redaction, &input),
		HEED_E_LIMIT);
	/* Many values to be looked for in a long text that nearly has them. */
	rule = path_rule(".k[]", "X");
	buf_reset(&buf);
	buf_adds(&buf, "{\"k\":[\"\"");
	for (int i = 0; i < 5000; i++)
		buf_addf(&buf, ",\"aaaa%d\"", i);
	buf_adds(&buf, "],\"t\":\"");
	for (int i = 0; i < 300000; i++)
		buf_addc(&buf, 'a');
	buf_adds(&buf, "\"}");
	assert_int_equal(
		redaction_new(&arena, lists, 1, json(buf.data), &redaction, &input),
		HEED_E_LIMIT);
	buf_done(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values_are_found_everywhere, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_detectors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restored_json_is_json, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_only_what_may_be_restored, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_placeholders_in_the_input, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_names_of_placeholders_as_values,
	                                        setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_same_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_much_is_an_error, setup,
	                                        teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
