/*
 * test_expr_random.c - random direct expressions on random inputs give what libjq gives.
 * HEED_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/expr_impl.h"
#include "base/id.h"
#include "base/json.h"

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

/* ---- random expressions ------------------------------------------------------------ */

static uint64_t random_state;

static unsigned
pick(unsigned n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((random_state >> 33) % n);
}

static const char *
one_of(const char *const *words, unsigned n)
{
	return words[pick(n)];
}

#define ONE_OF(...)                                                                      \
	one_of((const char *const[]){__VA_ARGS__},                                       \
	       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void
random_path(struct heed_buf *buf)
{
	buf_adds(buf,
	         ONE_OF(".", ".a", ".b", ".c", ".a.b", ".a[0]", ".b[-1]", ".a[1:]",
	                ".[\"c\"]", ".a.b.c", ".a?", ".b.a?", ".c[:2]?", ".[0]?",
	                ".a.[1]", ".b[\"\\(.a)\"]?", ".\"a\"", ".a[0.5]", ".c[1:-1]"));
}

static void random_expr(struct heed_buf *buf, unsigned depth);

static void
random_literal(struct heed_buf *buf)
{
	buf_adds(buf, ONE_OF("0", "1", "2", "3", "-1", "0.5", "1e3", "2.25", "null",
	                     "true", "false", "\"\"", "\"a\"", "\"b,c\"", "\",\"",
	                     "\"\\u00e9\\n\"", "[]", "{}", "[1,2]", "[\"a\",[null]]",
	                     "{\"a\":1}", "{a:{b:[1]}}"));
}

static void
random_object(struct heed_buf *buf, unsigned depth)
{
	unsigned n = pick(4);

	buf_addc(buf, '{');
	for (unsigned i = 0; i < n; i++) {
		buf_adds(buf, i > 0 ? ", " : "");
		switch (pick(5)) {
		case 0:
			buf_adds(buf, ONE_OF("a", "b", "\"c\""));
			continue;
		case 1:
			buf_adds(buf, "\"k\\(");
			random_expr(buf, depth);
			buf_adds(buf, ")\": ");
			break;
		case 2:
			buf_adds(buf, ONE_OF("(.a): ", "(.c): ", "(\"x\" + .b): "));
			break;
		default:
			buf_adds(buf, ONE_OF("a: ", "b: ", "and: ", "\"d e\": "));
		}
		random_expr(buf, depth);
	}
	buf_addc(buf, '}');
}

static void
random_list(struct heed_buf *buf, unsigned depth)
{
	unsigned n = pick(4);

	buf_addc(buf, '[');
	for (unsigned i = 0; i < n; i++) {
		buf_adds(buf, i > 0 ? ", (" : "(");
		random_expr(buf, depth);
		buf_adds(buf, ")");
	}
	buf_addc(buf, ']');
}

/* Division by a constant zero is an error of jq's compiler, so its left side is no
 * constant. */
static void
random_binary(struct heed_buf *buf, unsigned depth)
{
	const char *op = ONE_OF("+", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">",
	                        ">=", "and", "or", "//", "//", "|");

	buf_addc(buf, '(');
	if (*op == '/' && op[1] == '\0')
		random_path(buf);
	else
		random_expr(buf, depth);
	buf_addf(buf, ") %s (", op);
	random_expr(buf, depth);
	buf_addc(buf, ')');
}

static void
random_expr(struct heed_buf *buf, unsigned depth)
{
	switch (depth == 0 ? pick(4) : pick(14)) {
	case 0:
	case 1:
	case 4:
		random_path(buf);
		break;
	case 2:
	case 3:
		random_literal(buf);
		break;
	case 5:
		random_object(buf, depth - 1);
		break;
	case 6:
		random_list(buf, depth - 1);
		break;
	case 7:
		buf_adds(buf, "\"<\\(");
		random_expr(buf, depth - 1);
		buf_adds(buf, ") \\(");
		random_expr(buf, depth - 1);
		buf_adds(buf, ")>\"");
		break;
	case 8:
		buf_adds(buf, "(");
		random_expr(buf, depth - 1);
		buf_adds(buf,
		         ONE_OF(" | not)", ").a", ")[0]", ")[1:]", ").b?", ")[\"a\"]"));
		break;
	case 10:
		buf_adds(buf, "(if ");
		random_expr(buf, depth - 1);
		buf_adds(buf, " then ");
		random_expr(buf, depth - 1);
		if (pick(3) == 0) {
			buf_adds(buf, " elif ");
			random_path(buf);
			buf_adds(buf, " then ");
			random_literal(buf);
		}
		buf_adds(buf, " else ");
		random_expr(buf, depth - 1);
		buf_adds(buf, " end)");
		break;
	case 9: /* operators without parentheses, for precedence */
		random_path(buf);
		buf_addf(buf, " %s ",
		         ONE_OF("+", "-", "*", "==", "and", "or", "//", "<"));
		random_path(buf);
		buf_addf(buf, " %s ",
		         ONE_OF("+", "-", "*", "and", "or", "//", "|", "+ -"));
		random_literal(buf);
		break;
	default:
		random_binary(buf, depth - 1);
	}
}

static void
random_value(struct heed_buf *buf, unsigned depth)
{
	unsigned n = pick(4);

	switch (depth == 0 ? 2 : pick(3)) {
	case 0:
		buf_addc(buf, '{');
		for (unsigned i = 0; i < n; i++) {
			buf_addf(buf, "%s\"%c\":", i > 0 ? "," : "", "abc"[i]);
			random_value(buf, depth - 1);
		}
		buf_addc(buf, '}');
		break;
	case 1:
		buf_addc(buf, '[');
		for (unsigned i = 0; i < n; i++) {
			buf_adds(buf, i > 0 ? "," : "");
			random_value(buf, depth - 1);
		}
		buf_addc(buf, ']');
		break;
	default:
		buf_adds(buf, ONE_OF("null", "true", "false", "0", "1", "2", "-3", "0.1",
		                     "1e-7", "\"\"", "\"a\"", "\"x,y\"",
		                     "\"long text to cut\"", "[]"));
	}
}

/* Whole numbers have no negative zero, jq's have. */
static bool
has_negative_zero(const char *text)
{
	for (text = strstr(text, "-0"); text != NULL; text = strstr(text + 2, "-0")) {
		if (text[2] != '.' && (text[2] < '0' || text[2] > '9'))
			return true;
	}
	return false;
}

/* jq's messages cut texts at any byte, ours between characters. */
static bool
has_cut_character(const char *text)
{
	return strstr(text, "\xef\xbf\xbd") != NULL || !str_utf8(str_of(text));
}

#define N_RANDOM 600
#define N_INPUTS 6

static void
compare(struct expr *direct, struct expr *by_jq, struct arena *arena)
{
	for (int k = 0; k < N_INPUTS; k++) {
		struct heed_json input;
		struct heed_buf buf;
		const char *a, *b;

		buf_init(&buf, 0);
		random_value(&buf, 3);
		assert_int_equal(json_parse(arena, buf_str(&buf), &input, NULL), 0);
		a = outcome(direct, input, arena);
		b = outcome(by_jq, input, arena);
		if (strcmp(a, b) != 0 && !has_negative_zero(b) && !has_cut_character(b))
			fail_msg("%.*s\non %s\ngives %s\nand by libjq %s",
			         STR_ARG(expr_text(direct)), buf.data, a, b);
		buf_done(&buf);
	}
}

static void
test_random(void **state)
{
	struct expr_set *set = expr_set_new(), *jq_set = expr_set_new();
	static struct expr *direct[N_RANDOM], *by_jq[N_RANDOM];
	const char *seed = getenv("HEED_SEED");
	struct heed_error error;
	struct expr *culprit;
	struct arena arena;

	(void)state;
	id_random(&random_state, sizeof(random_state));
	if (seed != NULL)
		random_state = strtoull(seed, NULL, 10);
	printf("# HEED_SEED=%llu\n", (unsigned long long)random_state);
	arena_init(&arena, 0);
	jq_set->no_direct = true;
	for (int i = 0; i < N_RANDOM; i++) {
		struct heed_buf buf;

		buf_init(&buf, 0);
		random_expr(&buf, 3);
		if (expr_new(set, buf_str(&buf), &direct[i], &error) != 0 ||
		    !expr_is_direct(direct[i]))
			fail_msg("%s: not direct", buf.data);
		assert_int_equal(expr_new(jq_set, buf_str(&buf), &by_jq[i], NULL), 0);
		buf_done(&buf);
	}
	if (expr_set_check(jq_set, &culprit, &error) != 0)
		fail_msg("%.*s: %s", STR_ARG(expr_text(culprit)), error.text);
	for (int i = 0; i < N_RANDOM; i++) {
		compare(direct[i], by_jq[i], &arena);
		arena_reset(&arena);
	}
	assert_null(set->programs);
	expr_set_free(set);
	expr_set_free(jq_set);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
