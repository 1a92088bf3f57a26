/*
 * test_template.c - what template.h promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"

/* Compile and render; *ret_error has the words of a failure. */
static int
render(const char *text, const char *input, struct heed_buf *buf,
       struct heed_error *error)
{
	struct expr_set *set = expr_set_new();
	struct template *template;
	struct heed_json value;
	struct arena arena;
	int r;

	assert_non_null(set);
	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena, str_of(input), &value, NULL), 0);
	r = template_new(set, str_of(text), &template, error);
	if (r == 0)
		r = expr_set_check(set, NULL, error);
	if (r == 0)
		r = template_render(template, value, &arena, buf, error);
	expr_set_free(set);
	arena_done(&arena);
	return r;
}

static void
check(const char *text, const char *input, const char *wanted)
{
	struct heed_error error;
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_adds(&buf, "");
	if (render(text, input, &buf, &error) != 0)
		fail_msg("%s: %s at %s", text, error.text, error.where);
	if (!str_is(buf_str(&buf), wanted))
		fail_msg("%s gives %.*s, not %s", text, STR_ARG(buf_str(&buf)), wanted);
	buf_done(&buf);
}

static void
check_refused(const char *text, int code, const char *words, const char *where)
{
	struct heed_error error;
	struct heed_buf buf;

	buf_init(&buf, 0);
	assert_int_equal(render(text, "3", &buf, &error), code);
	if (strncmp(error.text, words, strlen(words)) != 0 ||
	    strcmp(error.where, where) != 0)
		fail_msg("%s: %s at %s", text, error.text, error.where);
	buf_done(&buf);
}

static void
check_url(const char *text, const char *wanted)
{
	struct expr_set *set = expr_set_new();
	struct template *template;
	struct heed_error error;
	struct heed_json input;
	struct heed_str url;
	struct arena arena;

	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena,
	                            HEED_STR("{\"id\": \"../a?b=c&d#e f%\", \"n\": 7, "
	                                     "\"o\": {\"x\": 1}, "
	                                     "\"base\": \"https://a.test/x\"}"),
	                            &input, NULL),
	                 0);
	assert_int_equal(template_new(set, str_of(text), &template, &error), 0);
	assert_int_equal(template_url(template, input, &arena, 0, &url, &error), 0);
	assert_string_equal(url.data, wanted);
	assert_int_equal(template_url(template, input, &arena, 5, &url, &error),
	                 HEED_E_LIMIT);
	expr_set_free(set);
	arena_done(&arena);
}

static void
test_url(void **state)
{
	(void)state;
	check_url("https://a.test/{{ .id }}/{{ .n }}",
	          "https://a.test/..%2Fa%3Fb%3Dc%26d%23e%20f%25/7");
	check_url("{{ .base }}/{{ .id }}",
	          "https://a.test/x/..%2Fa%3Fb%3Dc%26d%23e%20f%25");
	check_url("http://a.test/?q={{ .o }}{{ .none }}",
	          "http://a.test/?q=%7B%22x%22%3A1%7Dnull");
}

static void
test_render(void **state)
{
	(void)state;
	check("", "1", "");
	check("plain } }} { text", "1", "plain } }} { text");
	check("{{ . }}", "\"<a \\\"b\\\">\"", "<a \"b\">");
	check("a {{.x}} b {{ .y }}{{.z}}",
	      "{\"x\":1.5,\"y\":[1,{\"a\":\"b\"}],\"z\":\"\"}",
	      "a 1.5 b [1,{\"a\":\"b\"}]");
	check("{{ .id }}", "{\"id\":18446744073709551615}", "18446744073709551615");
	check("<{{ .x }}|{{ .x? }}|{{ .[0]? }}>", "{}", "<null|null|>");
	check("{{ {a: \"}}\"} }}", "1", "{\"a\":\"}}\"}");
	check("{{{a:{b:1}}}}", "1", "{\"a\":{\"b\":1}}");
	check("{{ {a:{b:1}}}}!", "1", "{\"a\":{\"b\":1}}!");
	check("{{\"\\(.a | \"}}\") {{\"}}", "{\"a\":1}", "}} {{");
	check("{{{{ not {{{{{{ .a }}", "{\"a\":1}", "{{ not {{1");
	check("{{ .a # }} \n }}", "{\"a\":1}", "1");
	check("{{ .a | ascii_upcase }} {{ .b | length }}", "{\"a\":\"x\",\"b\":[1,2]}",
	      "X 2");
	check("{{ empty }}x{{ .[] }}", "[]", "x");
	check("\xc3\xa4{{ \"\xc3\xa4\" }}", "1", "\xc3\xa4\xc3\xa4");
}

static void
test_refused(void **state)
{
	(void)state;
	check_refused("a {{ .x", HEED_E_CONFIG, "the \"{{\" here is never closed", "1:3");
	check_refused("{{}}", HEED_E_CONFIG, "the expression is empty", "1:3");
	check_refused("{{", HEED_E_CONFIG, "the expression is empty", "1:3");
	check_refused("a\n  {{ (1 }}", HEED_E_CONFIG, "unexpected \"}\"", "2:9");
	check_refused("a\n\xc3\xa4 {{ now }}", HEED_E_CONFIG, "\"now\" can't be used",
	              "2:6");
	check_refused("a\n{{ . }} {{ [1,\n foo] }}", HEED_E_CONFIG,
	              "there is no function \"foo\"", "3:2");
	check_refused("{{ \"a }}", HEED_E_CONFIG, "the string that starts here", "1:4");
	check_refused("{{ .a }}", HEED_E_PERMANENT,
	              "Cannot index number with string \"a\"", "");
	check_refused("\xff", HEED_E_CONFIG, "the template is not UTF-8 text", "1:1");
}

static void
test_exprs(void **state)
{
	struct expr_set *set = expr_set_new();
	struct template *template;
	struct expr *const *exprs;

	(void)state;
	assert_int_equal(template_new(set, HEED_STR("{{ .a }} and {{.b|length}}"),
	                              &template, NULL),
	                 0);
	assert_int_equal(template_exprs(template, &exprs), 2);
	assert_true(str_is(expr_text(exprs[0]), ".a"));
	assert_true(str_is(expr_text(exprs[1]), ".b|length"));
	assert_true(str_is(template_text(template), "{{ .a }} and {{.b|length}}"));
	expr_set_free(set);
}

/* The text's maximum holds, and every allocation may fail. */
static void
test_limits(void **state)
{
	struct heed_error error;
	struct heed_buf buf;
	int r;

	(void)state;
	buf_init(&buf, 10);
	assert_int_equal(render("{{ \"12345\" * 3 }}", "1", &buf, &error), HEED_E_LIMIT);
	buf_done(&buf);
	for (long n = 0;; n++) {
		struct expr_set *set;
		struct template *template;
		struct arena arena;

		arena_init(&arena, 0);
		buf_init(&buf, 0);
		mem_fail_after(n, 1);
		set = expr_set_new();
		r = set == NULL ? HEED_E_NOMEM
		                : template_new(set, HEED_STR("a {{ . }} {{ [.] }} {{{{"),
		                               &template, &error);
		if (r == 0)
			r = template_render(template, json_int(1), &arena, &buf, &error);
		mem_fail_after(-1, 0);
		if (r == 0)
			assert_true(str_is(buf_str(&buf), "a 1 [1] {{"));
		expr_set_free(set);
		buf_done(&buf);
		arena_done(&arena);
		if (r == 0)
			break;
		assert_int_equal(r, HEED_E_NOMEM);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_render),  cmocka_unit_test(test_url),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_exprs),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
