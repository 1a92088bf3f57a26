/*
 * test_expr.c - what expr.h promises: jq's results, exact whole numbers, nothing impure.
 *
 * Every case runs twice, once as a direct expression and once through libjq.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/expr_impl.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"

/* Evaluate to text: compact JSON, "ERROR words", or "NOTHING". */
static const char *
outcome(struct expr *expr, struct heed_json input, struct arena *arena)
{
	struct heed_error error;
	struct heed_json value;
	int r = expr_eval(expr, input, arena, &value, &error);

	if (r == HEED_E_NOTFOUND)
		return "NOTHING";
	if (r != 0)
		return arena_printf(arena, "%s %s", heed_code_name(r), error.text).data;
	return json_text_of(arena, value).data;
}

/* `text` on `input`, direct or by libjq, must be `wanted`; "DIRECT?" tells which it was.
 */
static void
check(const char *text, const char *input, const char *wanted, bool by_jq, bool direct)
{
	struct expr_set *set = expr_set_new();
	struct heed_error error;
	struct heed_json value;
	struct arena arena;
	struct expr *expr;
	const char *got;

	arena_init(&arena, 0);
	set->no_direct = by_jq;
	assert_int_equal(json_parse(&arena, str_of(input), &value, NULL), 0);
	if (expr_new(set, str_of(text), &expr, &error) != 0)
		fail_msg("%s: %s at %s", text, error.text, error.where);
	if (!by_jq && expr_is_direct(expr) != direct)
		fail_msg("%s: direct is %d", text, !direct);
	got = outcome(expr, value, &arena);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s on %s%s: got %s instead of %s", text, input,
		         by_jq ? " by libjq" : "", got, wanted);
	expr_set_free(set);
	arena_done(&arena);
}

struct example {
	const char *text;
	const char *input;
	const char *wanted;
};

/* The same by both. */
static const struct example both[] = {
	{".", "{\"a\":1}", "{\"a\":1}"},
	{".a.b[\"c\"].[0]", "{\"a\":{\"b\":{\"c\":[7]}}}", "7"},
	{".a[-1]", "{\"a\":[1,2]}", "2"},
	{".a[5]", "{\"a\":[1,2]}", "null"},
	{".[1.5]", "[1,2]", "null"},
	{".a.b", "{}", "null"},
	{".a", "3", "PERMANENT Cannot index number with string \"a\""},
	{".[0]", "{}", "PERMANENT Cannot index object with number"},
	{".[true]", "[]", "PERMANENT Cannot index array with boolean"},
	{".[null]", "null", "PERMANENT Cannot index null with null"},
	{".a?", "3", "NOTHING"},
	{".a.b?", "3", "PERMANENT Cannot index number with string \"a\""},
	{"(.a.b)?", "3", "NOTHING"},
	{"[1, .a?, 2]", "3", "[1,2]"},
	{"{x: .a?}", "3", "NOTHING"},
	{".a? // \"none\"", "3", "\"none\""},
	{".a // .b // 3", "{\"a\":false}", "3"},
	{".\"a b\".c", "{\"a b\":{\"c\":1}}", "1"},
	{".\"a\\(1+1)\"", "{\"a2\":5}", "5"},
	{".a[.b]", "{\"a\":[4,5],\"b\":1}", "5"},
	{".[1:3]", "\"a\xc3\xa4\xc3\xb6x\"", "\"\xc3\xa4\xc3\xb6\""},
	{".[:-1]", "[1,2,3]", "[1,2]"},
	{".[1.2:2.5]", "[0,1,2,3]", "[1,2]"},
	{".[5:]", "[1]", "[]"},
	{".[1:]", "null", "null"},
	{".[1:]", "3", "PERMANENT Cannot index number with object"},
	{".[{}]", "\"s\"",
         "PERMANENT Start and end indices of an string slice must be numbers"},
	{"{a, \"b\": 2, (.k): 3, \"c\\(1)\": .a + 1, if: 1}", "{\"a\":1,\"k\":\"z\"}",
         "{\"a\":1,\"b\":2,\"z\":3,\"c1\":2,\"if\":1}"},
	{"{a: 1 | . + 1, b: .x == 1}", "{\"x\":1}", "{\"a\":2,\"b\":true}"},
	{"{\"a\", \"b\\(1)\"}", "{\"a\":1,\"b1\":2}", "{\"a\":1,\"b1\":2}"},
	{"{a: 1, a: 2}", "null", "{\"a\":2}"},
	{"{(.): 1}", "[1,2,3,4,5,6,7,8,9]",
         "PERMANENT Cannot use array ([1,2,3,4,5,...) as object key"},
	{"\"\\(.a)-\\(.b) \\([1.5, \"x\", null])\\u00e9\\ud83d\\ude00\\n\"",
         "{\"a\":\"s\",\"b\":2}",
         "\"s-2 [1.5,\\\"x\\\",null]\xc3\xa9\xf0\x9f\x98\x80\\n\""},
	{"\"\\(.)\"", "[1e-5,1e-4,1e300,0.30000000000000004,5e-324,\"\\u007f\"]",
         "\"[1e-05,0.0001,1e+300,0.30000000000000004,5e-324,\\\"\\\\u007f\\\"]\""},
	{"-1 * 2 + 3", "null", "1"},
	{"2 * -3 + 10", "null", "4"},
	{"- .", "\"s\"", "PERMANENT string (\"s\") cannot be negated"},
	{"1 + null", "null", "1"},
	{". + 1", "\"aaaaaaaaaaaaaaaa\"",
         "PERMANENT string (\"aaaaaaaaaa...) and number (1) cannot be added"},
	{"1 - .", "null", "PERMANENT number (1) and null (null) cannot be subtracted"},
	{". / 0", "1",
         "PERMANENT number (1) and number (0) cannot be divided because the divisor is "
         "zero"},
	{". % 0.5", "5",
         "PERMANENT number (5) and number (0.5) cannot be divided (remainder) because "
         "the "
         "divisor is zero"},
	{"[5 % 3, -5 % 3, 5 % -3, 5.9 % 2.1]", "null", "[2,-2,2,1]"},
	{"[\"ab\" * 0.5, 3 * \"ab\", \"ab\" * 0, \"ab\" * -1]", "null",
         "[\"ab\",\"ababab\",null,null]"},
	{"[\"a,b,\" / \",\", \"\" / \",\", \"\xc3\xa4x\" / \"\"]", "null",
         "[[\"a\",\"b\",\"\"],[],[\"\xc3\xa4\",\"x\"]]"},
	{"[1,2,1,3] - [1]", "null", "[2,3]"},
	{"{\"a\":{\"b\":1}} * {\"a\":{\"c\":2}}", "null", "{\"a\":{\"b\":1,\"c\":2}}"},
	{"{\"a\":{\"b\":1}} + {\"a\":3,\"d\":4}", "null", "{\"a\":3,\"d\":4}"},
	{"[.a] + [.b]", "3", "PERMANENT Cannot index number with string \"b\""},
	{"(.a.x) and (.b.y)", "{\"a\":1,\"b\":1}",
         "PERMANENT Cannot index number with string \"x\""},
	{"1 == 1.0 and (\"a\" < \"b\") and ([] < {}) and (null < false)", "null", "true"},
	{"null or false | not", "null", "true"},
	{".a # the rest is a comment \" ( [", "{\"a\":1}", "1"},
	{"[.[0], (.[1] | . + 1)]", "[1,2]", "[1,3]"},
	{".a.b.[1].c", "{\"a\":{\"b\":[0,{\"c\":8}]}}", "8"},
	{"if .a > 1 then .b elif .a | not then \"no\" else {b} end", "{\"a\":1,\"b\":3}",
         "{\"b\":3}"},
	{"{x: (if . then 1 else 2 end + 3), if: 4}", "null", "{\"x\":5,\"if\":4}"},
	{"[if (1 | .a?) then 1 else 2 end]", "null", "[]"},
};

static void
test_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		check(both[i].text, both[i].input, both[i].wanted, false, true);
		check(both[i].text, both[i].input, both[i].wanted, true, false);
	}
}

/* Whole numbers that doubles don't hold; and an index with which libjq loses memory. */
static void
test_exact(void **state)
{
	static const struct example exact[] = {
		{".[[2]]", "[1,2,3,2]", "[1,3]"},
		{".[[9]]", "[1]", "[]"},
		{".id", "{\"id\":9007199254740993}", "9007199254740993"},
		{"[.id, \"\\(.id)\"]", "{\"id\":18446744073709551615}",
	         "[18446744073709551615,\"18446744073709551615\"]"},
		{"9007199254740993 + 1", "null", "9007199254740994"},
		{". + 1", "9223372036854775807", "9223372036854775808"},
		{". + 1", "18446744073709551615", "1.8446744073709552e+19"},
		{". * 3", "3074457345618258603", "9223372036854775809"},
		{". / 3", "9223372036854775809", "3074457345618258603"},
		{". % 10", "9223372036854775807", "7"},
		{". % -1", "-9223372036854775808", "0"},
		{"-9223372036854775808", "null", "-9223372036854775808"},
		{". == 9007199254740992", "9007199254740993", "false"},
		{". < 9007199254740993.0", "9007199254740993", "false"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		check(exact[i].text, exact[i].input, exact[i].wanted, false, true);
}

static void
test_by_jq(void **state)
{
	static const struct example cases[] = {
		{".a | map(. * 2)", "{\"a\":[1,2],\"id\":9007199254740993}", "[2,4]"},
		{".a[] | select(. > 1)", "{\"a\":[1,2,3],\"id\":9007199254740993}", "2"},
		{"[.a[].x] | add",
	         "{\"a\":[{\"x\":1},{\"x\":2}],\"id\":9007199254740993}", "3"},
		{"if .a > 1 then .b else {b} end | keys",
	         "{\"a\":1,\"b\":3,\"id\":9007199254740993}", "[\"b\"]"},
		{"length", "[1,2]", "2"},
		{"empty", "null", "NOTHING"},
		{".[]", "[]", "NOTHING"},
		{"1, 2", "null", "1"},
		{"error(\"no\")", "null", "PERMANENT no"},
		{"error({a: 1})", "null", "PERMANENT {\"a\":1} (not a string)"},
		{"def f: . + 1; f | f", "1", "3"},
		{". as {a: $x, b: [$y]} | $x + $y", "{\"a\":1,\"b\":[2]}", "3"},
		{"{a: 1 + length, b: {c: . | length - 1}}", "[1,2]",
	         "{\"a\":3,\"b\":{\"c\":1}}"},
		{"\"\\(.a | length) # \\\"(\" | length", "{\"a\":[1]}", "6"},
		{"@base64 \"x\\(.a)\"", "{\"a\":\"b\"}", "\"xYg==\""},
		{"@json", "{\"a\":1}", "\"{\\\"a\\\":1}\""},
		{"[.[] | tostring]", "[1,null]", "[\"1\",\"null\"]"},
		{"pow(2; 53) - 1", "null", "9007199254740991"},
		{"infinite", "null", "1.7976931348623157e+308"},
		{"nan", "null", "null"},
		{"length", "{\"event\":{\"data\":{\"id\":9007199254740993}}}", "1"},
		{"[limit(3; repeat(1))]", "null", "[1,1,1]"},
		{"try error(\"x\") catch .", "null", "\"x\""},
		{"reduce .[] as $x (0; . + $x)", "[1,2,3]", "6"},
		{"test(\"b+\")", "\"abb\"", "true"},
		{".a.b |= . + 1", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}"},
		{"1 / 2 | floor", "null", "0"},
		{"{now: 1, input: .env} | .now", "{}", "1"},
		{". as $input | $input.a", "{\"a\":4}", "4"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wanted = cases[i].wanted;

		if (strstr(cases[i].input, "\"event\"") != NULL)
			wanted = "PERMANENT the number 9007199254740993 at "
				 ".event.data.id would "
				 "be changed by jq: use a plain path for it";
		check(cases[i].text, cases[i].input, wanted, false,
		      strstr(cases[i].text, "{now") != NULL);
	}
	check(".e.data | length", "{\"e\":{\"data\":[1,{\"a b\":-9007199254740993}]}}",
	      "PERMANENT the number -9007199254740993 at .e.data[1][\"a b\"] would be "
	      "changed "
	      "by jq: use a plain path for it",
	      false, false);
}

/* Errors of expr_new and expr_set_check: the words start with `words`, at `where`. */
static void
check_refused(const char *text, const char *words, const char *where)
{
	struct expr_set *set = expr_set_new();
	struct expr *expr = NULL, *good, *culprit = NULL;
	struct heed_error error;
	int r;

	assert_int_equal(expr_new(set, HEED_STR("length"), &good, NULL), 0);
	r = expr_new(set, str_of(text), &expr, &error);
	if (r == 0) {
		r = expr_set_check(set, &culprit, &error);
		assert_ptr_equal(culprit, expr);
	}
	assert_int_equal(r, HEED_E_CONFIG);
	if (strncmp(error.text, words, strlen(words)) != 0 ||
	    strcmp(error.where, where) != 0)
		fail_msg("%s: %s at %s", text, error.text, error.where);
	expr_set_free(set);
}

static void
test_refused(void **state)
{
	(void)state;
	check_refused("", "the expression is empty", "1:1");
	check_refused(" # nothing", "the expression is empty", "1:1");
	check_refused(".a)", "unexpected \")\"", "1:3");
	check_refused("1) | (2", "unexpected \")\"", "1:2");
	check_refused(".a\n  [(1]", "unexpected \"]\"", "2:6");
	check_refused("{a: [1, 2}", "unexpected \"}\"", "1:10");
	check_refused("[1, (2", "\"(\" is never closed", "1:5");
	check_refused("\"\\(1", "\"\\(\" is never closed", "1:2");
	check_refused("\"abc", "the string that starts here", "1:1");
	check_refused("\"\\(1)", "the string that starts here", "1:1");
	check_refused(".a ^ 2", "unexpected character \"^\"", "1:4");
	check_refused("\"\xc3\xa4\" + now", "\"now\" can't be used", "1:7");
	check_refused("input", "\"input\" can't be used", "1:1");
	check_refused("[inputs]", "\"inputs\" can't", "1:2");
	check_refused("{a: debug}", "\"debug\" can't", "1:5");
	check_refused("$ENV.PATH", "\"$ENV\" can't", "1:2");
	check_refused("env.PATH", "\"env\" can't", "1:1");
	check_refused("$__loc__", "\"$__loc__\" can't", "1:2");
	check_refused("\"\\(now)\"", "\"now\" can't", "1:4");
	check_refused("import \"a\" as a; 1", "\"import\" can't", "1:1");
	check_refused("include \"a\"; 1", "\"include\" can't", "1:1");
	check_refused("\"a\" | modulemeta", "\"modulemeta\" can't", "1:7");
	check_refused("halt_error(1)", "\"halt_error\" can't", "1:1");
	check_refused("1 | stderr", "\"stderr\" can't", "1:5");
	check_refused("{(now): 1}", "\"now\" can't", "1:3");
	check_refused("[1,\n .a | foo(1)]", "there is no function \"foo\"", "2:7");
	check_refused("map(1; 2)", "there is no \"map\" with 2 arguments", "1:1");
	check_refused(".a | @jsn", "there is no format @jsn", "1:6");
	check_refused("label $a | break $b", "there is no label $b", "1:12");
	check_refused(".a |\n\n length +", "the expression ends", "3:10");
	check_refused("1 end else 2", "\"end\" can't stand here", "1:3");
	check_refused("if 1 then 2", "the expression ends", "1:12");
	check_refused("1 / 0", "Division by zero?", "1:1");
	check_refused("{(1): 2}", "Cannot use number (1) as object key", "1:2");
	check_refused("\"\\x\"", "Invalid escape", "1:1");
	check_refused("heed_expr | now", "\"now\" can't", "1:13");
	check_refused("$x", "$x is not defined", "1:1");
}

/* Among many: found by halving, also in the second program, one after the other. */
static void
test_culprit(void **state)
{
	struct expr_set *set = expr_set_new();
	struct expr *expr, *bad[2] = {NULL}, *culprit = NULL;
	struct heed_error error;
	struct arena arena;
	char text[64];

	(void)state;
	for (int i = 0; i < 600; i++) {
		bool wrong = i == 401 || i == 17;

		(void)snprintf(text, sizeof(text), wrong ? "\n lenght" : "length + %d",
		               i);
		assert_int_equal(expr_new(set, str_of(text), &expr, NULL), 0);
		if (wrong)
			bad[i == 401] = expr;
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(expr_set_check(set, &culprit, &error), HEED_E_CONFIG);
		assert_ptr_equal(culprit, bad[i]);
		assert_string_equal(error.text, "there is no function \"lenght\"");
		assert_string_equal(error.hint, "did you mean \"length\"?");
		assert_string_equal(error.where, "2:2");
	}
	assert_int_equal(expr_set_check(set, &culprit, &error), 0);
	arena_init(&arena, 0);
	assert_string_equal(outcome(expr, json_null(), &arena), "599");
	arena_done(&arena);
	expr_set_free(set);
}

static void
test_nesting(void **state)
{
	static char text[EXPR_SIZE_MAX + 10];
	struct heed_str all = {text, sizeof(text)};
	struct expr_set *set = expr_set_new();
	struct heed_error error;
	struct expr *expr;

	(void)state;
	memset(text, '[', sizeof(text));
	assert_int_equal(expr_new(set, all, &expr, &error), HEED_E_CONFIG);
	assert_int_equal(expr_new(set, str_head(all, 1000), &expr, &error),
	                 HEED_E_CONFIG);
	memset(text, '-', sizeof(text));
	assert_int_equal(expr_new(set, str_head(all, 9000), &expr, &error),
	                 HEED_E_CONFIG);
	for (size_t i = 0; i < 9000; i++)
		text[i] = i % 2 == 0 ? '1' : '+';
	assert_int_equal(expr_new(set, str_head(all, 8999), &expr, &error),
	                 HEED_E_CONFIG);
	assert_string_equal(error.text, "the expression is nested too deeply");
	for (size_t i = 1; i < 9000; i += 2)
		text[i] = '|';
	assert_int_equal(expr_new(set, str_head(all, 8999), &expr, &error),
	                 HEED_E_CONFIG);
	text[1] = '\0';
	assert_int_equal(expr_new(set, str_head(all, 3), &expr, &error), HEED_E_CONFIG);
	text[1] = '\xff';
	assert_int_equal(expr_new(set, str_head(all, 3), &expr, &error), HEED_E_CONFIG);
	expr_set_free(set);
}

static void
check_roots(const char *text, const char *wanted)
{
	struct expr_set *set = expr_set_new();
	const struct heed_str *names;
	char got[100] = "";
	struct expr *expr;
	size_t n;

	assert_int_equal(expr_new(set, str_of(text), &expr, NULL), 0);
	names = expr_roots(expr, &n);
	if (n == SIZE_MAX)
		strcpy(got, "?");
	for (size_t i = 0; n != SIZE_MAX && i < n; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s",
		               i > 0 ? " " : "", STR_ARG(names[i]));
	if (strcmp(got, wanted) != 0)
		fail_msg("%s reads %s, not %s", text, got, wanted);
	expr_set_free(set);
}

static void
test_roots(void **state)
{
	(void)state;
	check_roots(".event.data.id", "event");
	check_roots("{a: .event.id, b: .answer.x + 1, state, \"k\"}",
	            "event answer state k");
	check_roots(".event | .a == .b", "event");
	check_roots("{a: (.event | .x), b: .y}", "event y");
	check_roots("\"\\(.a.b) \\(.c)\"", "a c");
	check_roots(".[\"a b\"].c", "a b");
	check_roots("1 + 2", "");
	check_roots(". == 1", "?");
	check_roots(".[0]", "?");
	check_roots("not", "?");
	check_roots(".a[.k]", "k a");
	check_roots(".event.items | map(.x)", "event");
	check_roots(".event.items[] | .x", "event");
	check_roots("[.a[] | .b, length] + (.c | keys)", "a c");
	check_roots("if .a | f then .b | .x elif .c then .d else .e end", "a b c d e");
	check_roots("{a: (.b | length), c, \"d\": .e}", "b c e");
	check_roots("{\"d\": (.b | length), \"c\"}", "?");
	check_roots("length", "?");
	check_roots(".a[] as $x | .b", "?");
	check_roots(".a[] = 1", "?");
	check_roots("[.., .a]", "?");
	check_roots("[.a | length, .b] | (.c | length)", "a");
	check_roots("\"\\(.a | length) \\(.b)\" | length", "a b");
	check_roots("@json \"\\(.a | length)\"", "a");
	check_roots("@json", "?");
}

static void
test_endless(void **state)
{
	struct expr_set *set = expr_set_new();
	struct expr *endless, *normal;
	struct heed_error error;
	struct arena arena;
	int64_t begin = clock_steady_ms();
	struct heed_json value;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(expr_new(set, HEED_STR("def f: f; f"), &endless, NULL), 0);
	assert_int_equal(expr_new(set, HEED_STR("1 | tostring"), &normal, NULL), 0);
	assert_int_equal(expr_eval(endless, json_null(), &arena, &value, &error),
	                 HEED_E_LIMIT);
	assert_true(clock_steady_ms() - begin >= EXPR_TIME_MAX_MS);
	/* Processor time is counted; a busy machine takes longer. */
	assert_true(clock_steady_ms() - begin < 6 * EXPR_TIME_MAX_MS);
	assert_string_equal(outcome(normal, json_null(), &arena), "\"1\"");
	expr_set_free(set);
	arena_done(&arena);
}

/* What would take all memory, or end the process that it runs in, ends only itself. */
static void
test_bombs(void **state)
{
	static const char *const bombs[] = {
		"reduce range(40) as $i (\"x\"; . + .) | length",
		".x | .[1e9] = 1",
		"reduce range(60) as $i ([1]; [., .])",
		"reduce range(1e6) as $i (1; [.]) | 1",
		"def f: 1 + f; f",
	};
	struct expr_set *set = expr_set_new();
	struct expr *bomb, *normal;
	struct heed_error error;
	struct heed_json value;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(expr_new(set, HEED_STR("1 | tostring"), &normal, NULL), 0);
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		assert_int_equal(expr_new(set, str_of(bombs[i]), &bomb, NULL), 0);
		assert_int_equal(expr_eval(bomb, json_null(), &arena, &value, &error),
		                 HEED_E_LIMIT);
		assert_string_equal(outcome(normal, json_null(), &arena), "\"1\"");
	}
	expr_set_free(set);
	arena_done(&arena);
}

/* Definitions in ~/.jq change nothing. */
static void
test_home(void **state)
{
	char folder[] = "/tmp/heed-test-XXXXXX", path[64];
	char *old = getenv("HOME");
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/.jq", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs("def length: \"theirs\";\n", file);
	(void)fclose(file);
	old = old != NULL ? strdup(old) : NULL;
	(void)setenv("HOME", folder, 1);
	check("length", "[1]", "1", false, false);
	assert_string_equal(getenv("HOME"), folder);
	if (old != NULL)
		(void)setenv("HOME", old, 1);
	else
		(void)unsetenv("HOME");
	free(old);
	(void)unlink(path);
	(void)rmdir(folder);
}

/* Nobody pays for libjq who doesn't use it; who does, pays once. */
static void
test_start(void **state)
{
	struct expr_set *set = expr_set_new();
	struct heed_json input;
	struct arena arena;
	struct expr *expr[1000];
	char text[100];

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena, HEED_STR("{\"a\":{\"b\":5}}"), &input, NULL),
	                 0);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "{n: (.a.b + %d), s: \"x\\(.a.b)\"}.n",
		               i);
		assert_int_equal(expr_new(set, str_of(text), &expr[i], NULL), 0);
		assert_true(expr_is_direct(expr[i]));
	}
	assert_int_equal(expr_set_check(set, NULL, NULL), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(strtol(outcome(expr[i], input, &arena), NULL, 10),
		                 i + 5);
	assert_null(set->programs);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(text, sizeof(text), "[.a | keys | length, %d] | add", i);
		assert_int_equal(expr_new(set, str_of(text), &expr[i], NULL), 0);
	}
	for (int i = 299; i >= 0; i--)
		assert_int_equal(strtol(outcome(expr[i], input, &arena), NULL, 10),
		                 i + 1);
	assert_non_null(set->programs);
	expr_set_free(set);
	arena_done(&arena);
}

/* The direct path allocates on the arena only. */
static void
test_allocations(void **state)
{
	struct expr_set *set = expr_set_new();
	struct heed_json input, value;
	struct arena arena, scratch;
	struct expr *expr;
	long before;

	(void)state;
	arena_init(&arena, 0);
	arena_init(&scratch, 65536);
	assert_int_equal(
		json_parse(&arena, HEED_STR("{\"a\":{\"b\":5.5}}"), &input, NULL), 0);
	assert_int_equal(expr_new(set,
	                          HEED_STR("{x: .a.b, y: \"\\(.a) \\(.a.b)\"} + {z: 1}"),
	                          &expr, NULL),
	                 0);
	assert_int_equal(expr_eval(expr, input, &scratch, &value, NULL), 0);
	arena_reset(&scratch);
	before = mem_count();
	assert_int_equal(expr_eval(expr, input, &scratch, &value, NULL), 0);
	assert_int_equal(mem_count(), before);
	arena_done(&scratch);
	arena_done(&arena);
	expr_set_free(set);
}

/* Every allocation may fail. */
static void
test_no_memory(void **state)
{
	static const char *const texts[] = {
		"{a: [.x, 1], b: \"\\(.x)-\\(.)\", (.k): .x[1:], c} * {d: {e: (.x / "
		"\",\")}}",
		"[.x | length, {a: 1 + 2}]",
	};
	struct heed_json input;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(
		json_parse(&arena, HEED_STR("{\"x\":\"a,b\",\"k\":\"k\"}"), &input, NULL),
		0);
	for (long n = 0, done = 0; done < 2; n++) {
		struct expr_set *set;
		struct heed_json value;
		struct heed_error error;
		struct arena scratch;
		struct expr *expr;
		int r = HEED_E_NOMEM;

		arena_init(&scratch, 0);
		mem_fail_after(n, 1);
		set = expr_set_new();
		if (set != NULL)
			r = expr_new(set, str_of(texts[done]), &expr, &error);
		if (r == 0)
			r = expr_eval(expr, input, &scratch, &value, &error);
		mem_fail_after(-1, 0);
		expr_set_free(set);
		arena_done(&scratch);
		if (r == 0) {
			done++;
			n = -1;
		} else if (r != HEED_E_NOMEM) {
			fail_msg("%ld: %s", n, error.text);
		}
	}
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both),      cmocka_unit_test(test_exact),
		cmocka_unit_test(test_by_jq),     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_culprit),   cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_roots),     cmocka_unit_test(test_endless),
		cmocka_unit_test(test_bombs),     cmocka_unit_test(test_home),
		cmocka_unit_test(test_start),     cmocka_unit_test(test_allocations),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
