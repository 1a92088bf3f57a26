/*
 * test_conf.c - what conf.h promises: places, aliases with a bound, ${}, JSON, helpful
 * words.
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

#include "base/json.h"
#include "base/mem.h"
#include "config/conf.h"

struct fixture {
	struct arena arena;
	struct conf_problems problems;
	struct conf_node *root;
	struct heed_buf report;
};

static int
set_up(void **state)
{
	struct fixture *fixture = mem_new(sizeof(*fixture));

	arena_init(&fixture->arena, 0);
	conf_problems_init(&fixture->problems, &fixture->arena);
	buf_init(&fixture->report, 0);
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	buf_done(&fixture->report);
	arena_done(&fixture->arena);
	mem_free(fixture);
	return 0;
}

static int
parse(struct fixture *fixture, struct heed_str text)
{
	conf_problems_init(&fixture->problems, &fixture->arena);
	fixture->root = NULL;
	return conf_parse(&fixture->arena, "f.yaml", text, &fixture->problems,
	                  &fixture->root);
}

/* The problems as text. */
static const char *
report(struct fixture *fixture)
{
	buf_reset(&fixture->report);
	buf_adds(&fixture->report, "");
	conf_problems_write(&fixture->report, &fixture->problems);
	return fixture->report.data != NULL ? fixture->report.data : "";
}

static void
check_problem(struct fixture *fixture, const char *text, const char *expected)
{
	assert_int_equal(parse(fixture, str_of(text)), HEED_E_CONFIG);
	assert_string_equal(report(fixture), expected);
}

static void
check_json(struct fixture *fixture, const char *text, int raw, const char *expected)
{
	struct heed_json value;

	if (parse(fixture, str_of(text)) != 0)
		fail_msg("%s", report(fixture));
	(void)conf_expand(&fixture->arena, fixture->root, &fixture->problems);
	assert_int_equal(fixture->problems.n, 0);
	assert_int_equal(conf_json(&fixture->arena, fixture->root, raw, &value), 0);
	assert_string_equal(json_text_of(&fixture->arena, value).data, expected);
}

static void
test_positions(void **state)
{
	struct fixture *fixture = *state;
	const struct conf_node *map;

	assert_int_equal(
		parse(fixture, HEED_STR("# head\na: 1\nmap:\n  \xc3\xa9: [x, {y: z}]\n")),
		0);
	assert_int_equal(fixture->root->line, 2);
	map = conf_get(fixture->root, "map");
	assert_non_null(map);
	assert_int_equal(map->keys[0].line, 4);
	assert_int_equal(map->keys[0].column, 3);
	assert_int_equal(map->items[0].column, 6);
	assert_int_equal(map->items[0].items[1].items[0].column, 14);
	assert_string_equal(map->file, "f.yaml");
	assert_null(conf_get(fixture->root, "none"));
	assert_null(conf_get(conf_get(fixture->root, "a"), "none"));
	assert_null(conf_get(NULL, "none"));
}

static void
check_place(struct fixture *fixture, const char *text, int line, int column, int known,
            int file_line, int file_column)
{
	const struct conf_node *node;
	int at_line;
	int at_column;

	assert_int_equal(parse(fixture, str_of(text)), 0);
	node = conf_get(fixture->root, "a");
	assert_int_equal(conf_place(node, line, column, &at_line, &at_column), known);
	assert_int_equal(at_line, file_line);
	assert_int_equal(at_column, file_column);
}

static void
test_inner_places(void **state)
{
	struct fixture *fixture = *state;

	check_place(fixture, "a: .x + 1\n", 1, 4, 1, 1, 7);
	check_place(fixture, "b: 1\na: '.x + ''y'' + 1'\n", 1, 9, 1, 2, 15);
	check_place(fixture, "a: \"\\u00e9\xc3\xa9\\\"x\"\n", 1, 4, 1, 1, 14);
	check_place(fixture, "a: \"x\\ny z\"\n", 2, 3, 1, 1, 10);
	check_place(fixture, "a: |\n  one\n    two\n\n  three\n", 4, 2, 1, 5, 4);
	check_place(fixture, "a: |2-\n    one\n  two\n", 1, 3, 1, 2, 5);
	check_place(fixture, "a: |\r\n  one\r\n  two\r\n", 2, 1, 1, 3, 3);
	check_place(fixture, "a: >\n  one\n  two\n", 1, 5, 0, 1, 4);
	check_place(fixture, "a: one\n  two\n", 1, 5, 0, 1, 4);
	check_place(fixture,
	            "\xef\xbb\xbf"
	            "a: .x + 1\n",
	            1, 4, 1, 1, 7);
}

static void
test_core_schema(void **state)
{
	struct fixture *fixture = *state;

	check_json(fixture, "[null, ~, Null, '~', true, FALSE, no, on, yes, 'true']", 0,
	           "[null,null,null,\"~\",true,false,\"no\",\"on\",\"yes\",\"true\"]");
	check_json(fixture,
	           "[9223372036854775807, -9223372036854775808, 18446744073709551615, "
	           "+7, 007, "
	           "0x1F, 0o17, -0]",
	           0,
	           "[9223372036854775807,-9223372036854775808,18446744073709551615,7,7,"
	           "31,15,0]");
	check_json(
		fixture, "[1.5, .5, 1., 1e3, -2.5E-1, .inf, .nan, 1e999, 1_000, 1.2.3]",
		0,
		"[1.5,0.5,1,1000,-0.25,\".inf\",\".nan\",\"1e999\",\"1_000\",\"1.2.3\"]");
	check_json(fixture, "[2024-10-21, 22:00, '5', !!str 5, ! 5, \"a\\tb\"]", 0,
	           "[\"2024-10-21\",\"22:00\",\"5\",\"5\",\"5\",\"a\\tb\"]");
	check_json(fixture, "a:\nb: |\n  x\n  y\nc: >-\n  x\n  y\n", 0,
	           "{\"a\":null,\"b\":\"x\\ny\\n\",\"c\":\"x y\"}");
	check_json(fixture, "{\"a\": [1, {\"b\": \"\\/\\u00e9\"}], \"null\": null, 5: 6}",
	           0, "{\"a\":[1,{\"b\":\"/\xc3\xa9\"}],\"null\":null,\"5\":6}");
}

static void
test_from_json(void **state)
{
	struct fixture *fixture = *state;
	const char *text =
		"{\"a\":[1,-2.5,\"5\",null,true],\"b\":{\"\":\"x\xe2\x80\xa8y\"}}";
	struct conf_node *root;
	struct heed_json value;

	assert_int_equal(json_parse(&fixture->arena, str_of(text), &value, NULL), 0);
	assert_int_equal(conf_from_json(&fixture->arena, "j", value, &root), 0);
	assert_int_equal(conf_json(&fixture->arena, root, 1, &value), 0);
	assert_string_equal(json_text_of(&fixture->arena, value).data, text);
}

static void
test_aliases(void **state)
{
	struct fixture *fixture = *state;

	check_json(fixture, "a: &x {k: [1]}\nb: *x\nc: [*x, &y 5, *y]\n", 0,
	           "{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]},\"c\":[{\"k\":[1]},5,5]}");
	check_json(fixture,
	           "d: &d {a: 1, b: 2}\ne: &e {b: 3, c: 4}\nf: {b: 9, <<: [*d, *e]}\n", 0,
	           "{\"d\":{\"a\":1,\"b\":2},\"e\":{\"b\":3,\"c\":4},\"f\":{\"b\":9,"
	           "\"a\":1,\"c\":4}}");
	check_json(fixture, "d: &d {a: 1}\ne: {<<: *d, <<: {b: 2}, '<<': 3}\n", 0,
	           "{\"d\":{\"a\":1},\"e\":{\"<<\":3,\"a\":1,\"b\":2}}");
	check_problem(
		fixture, "defaults: &defaults 1\nb: *default\n",
		"f.yaml:2:4: there is no anchor &default before this alias (did you mean "
		"\"defaults\"?)\n");
	check_problem(fixture, "a: &a [1, *a]\n",
	              "f.yaml:1:11: the alias stands inside what it refers to\n");
	check_problem(
		fixture, "a: {<<: 5}\n",
		"f.yaml:1:9: only mappings can be merged (for example <<: *defaults)\n");
}

static void
test_bomb(void **state)
{
	struct fixture *fixture = *state;
	struct heed_buf text;
	int i;

	buf_init(&text, 0);
	buf_adds(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (i = 1; i < 40; i++)
		buf_addf(&text,
		         "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, "
		         "*a%d]\n",
		         i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
		         i - 1);
	assert_int_equal(parse(fixture, buf_str(&text)), HEED_E_CONFIG);
	assert_non_null(strstr(report(fixture), "more than a million values"));
	assert_null(fixture->root);
	buf_reset(&text);
	for (i = 0; i <= CONF_ANCHORS_MAX; i++)
		buf_addf(&text, "- &a%d x\n", i);
	assert_int_equal(parse(fixture, buf_str(&text)), HEED_E_CONFIG);
	assert_non_null(strstr(report(fixture), "more than 1000 anchors"));
	buf_done(&text);
}

static void
test_deep(void **state)
{
	struct fixture *fixture = *state;
	char text[5001];
	struct heed_str deep = {text, 5000};

	memset(text, '[', sizeof(text));
	assert_int_equal(parse(fixture, deep), HEED_E_CONFIG);
	assert_string_equal(report(fixture),
	                    "f.yaml:1:101: nested more than 100 levels deep\n");
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	assert_int_equal(parse(fixture, str_head(deep, 200)), 0);
}

static void
test_syntax(void **state)
{
	struct fixture *fixture = *state;

	check_problem(fixture, "", "f.yaml:1:1: there is nothing in it\n");
	check_problem(fixture, "# only\n\n", "f.yaml:1:1: there is nothing in it\n");
	check_problem(
		fixture, "a: 1\n---\nb: 2\n",
		"f.yaml:2:1: a second document starts here (remove the line with ---, or "
		"use two files)\n");
	check_problem(
		fixture, "a:\n\tb: 1\n",
		"f.yaml:2:1: a tab in the indentation (YAML indents with spaces only)\n");
	check_problem(fixture, "a: b: c\n",
	              "f.yaml:1:5: a \": \" is not expected here (put a text with \": \" "
	              "in it in "
	              "quotes, or check the indentation)\n");
	check_problem(
		fixture, "a: @b\n",
		"f.yaml:1:4: a text cannot start with this character (put the text in "
		"quotes)\n");
	check_problem(
		fixture, "a: 1\nb: \"c\nd: 2\n",
		"f.yaml:2:4: a quote is not closed (the text ends before the closing "
		"quote)\n");
	check_problem(
		fixture, "a: {{ .event }}\n",
		"f.yaml:1:5: a key must be a text (put a text with {{ }} in quotes)\n");
	check_problem(
		fixture, "a: 1\nb: 2\na: 3\n",
		"f.yaml:3:1: the key \"a\" is there twice (the first is at line 1)\n");
	check_problem(fixture, "a: !thing 3\n",
	              "f.yaml:1:4: tags such as !this are not supported (quote a text "
	              "that starts "
	              "with !)\n");
	check_problem(fixture, "a: [1, 2\nb: 3\n",
	              "f.yaml:2:2: a \",\" or \"]\" is expected here (a [ is not closed, "
	              "or a text "
	              "with [ ] needs quotes)\n");
	check_problem(fixture, "? [a]\n: 1\n",
	              "f.yaml:1:3: a key must be a text (put a text with "
	              "{{ }} in quotes)\n");
}

static void
test_bytes(void **state)
{
	struct fixture *fixture = *state;

	check_problem(
		fixture, "a: 1\nb: \xc3\xa9\xff\n",
		"f.yaml:2:5: the byte 0xFF is not valid UTF-8 here (save the file as "
		"UTF-8)\n");
	check_problem(
		fixture, "a: \xe2\x82",
		"f.yaml:1:4: the byte 0xE2 is not valid UTF-8 here (save the file as "
		"UTF-8)\n");
	check_problem(fixture, "a: 1\nb: \x01\n",
	              "f.yaml:2:4: the character U+0001 is not allowed in YAML (in "
	              "double quotes it "
	              "can be written as \\x.. or \\u....)\n");
	assert_int_equal(parse(fixture, HEED_STR("a: \0b\n")), HEED_E_CONFIG);
}

static void
test_expand(void **state)
{
	struct fixture *fixture = *state;
	const char *text =
		"a: ${HEED_T1}\nb: [\"x${HEED_T1}y$$z\", '${HEED_T2:-d${HEED_T1}}']\n"
		"c: ${HEED_T2:-}\nd: $x\ne: 5$\nf: $${X}\n${HEED_T1}: 1\n";

	assert_int_equal(setenv("HEED_T1", "8080", 1), 0);
	assert_int_equal(setenv("HEED_T2", "", 1), 0);
	check_json(
		fixture, text, 0,
		"{\"a\":\"8080\",\"b\":[\"x8080y$z\",\"d8080\"],\"c\":\"\",\"d\":\"$x\","
		"\"e\":\"5$\",\"f\":\"${X}\",\"${HEED_T1}\":1}");
	check_json(fixture, text, 1,
	           "{\"a\":\"${HEED_T1}\",\"b\":[\"x${HEED_T1}y$$z\",\"${HEED_T2:-d${"
	           "HEED_T1}}\"],"
	           "\"c\":\"${HEED_T2:-}\",\"d\":\"$x\",\"e\":\"5$\",\"f\":\"$${X}\","
	           "\"${HEED_T1}\":1}");
}

static void
check_expansion(struct fixture *fixture, const char *text, const char *expected)
{
	assert_int_equal(parse(fixture, str_of(text)), 0);
	assert_int_equal(conf_expand(&fixture->arena, fixture->root, &fixture->problems),
	                 HEED_E_CONFIG);
	assert_string_equal(report(fixture), expected);
}

static void
test_expand_problems(void **state)
{
	struct fixture *fixture = *state;

	(void)unsetenv("HEED_NONE");
	check_expansion(fixture, "a: &x ${HEED_NONE}\nb: *x\n",
	                "f.yaml:1:4: the environment variable HEED_NONE is not set (set "
	                "it, or give "
	                "a default: ${NAME:-default})\n");
	check_expansion(fixture, "a: '${HEED_NONE'\n",
	                "f.yaml:1:4: a ${ is not closed (write $${ for a literal ${)\n");
	check_expansion(fixture, "a: ${1}\n",
	                "f.yaml:1:4: expected ${NAME}, ${NAME:-default} or "
	                "${file:/path}, not ${1} "
	                "(write $${ for a literal ${)\n");
	check_expansion(
		fixture, "a: ${file:/nowhere/at/all}\n",
		"f.yaml:1:4: cannot read the file /nowhere/at/all: No such file or "
		"directory\n");
	check_expansion(fixture, "a: ${file:/dev/zero}\n",
	                "f.yaml:1:4: cannot read the file /dev/zero: Invalid argument "
	                "(it must be a "
	                "regular file)\n");
}

static void
test_expand_file(void **state)
{
	struct fixture *fixture = *state;
	char path[] = "/tmp/heed-test-XXXXXX";
	char text[64];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "secret\n\n", 8), 8);
	(void)close(fd);
	(void)snprintf(text, sizeof(text), "a: <${file:%s}>", path);
	check_json(fixture, text, 0, "{\"a\":\"<secret\\n>\"}");
	(void)unlink(path);
}

/* Without memory there is no tree and no crash, whichever allocation fails. */
static void
test_no_memory(void **state)
{
	const char *text =
		"a: &x {k: [1, ${HOME}, 'b']}\nb: {<<: *x, c: 1, c: 2}\nd: *y\n";
	long n;

	(void)state;
	for (n = 0; n < 200; n++) {
		struct arena arena;
		struct conf_problems problems;
		struct conf_node *root = NULL;
		struct heed_json value;
		int r;

		mem_fail_after(n, 1);
		arena_init(&arena, 64);
		conf_problems_init(&problems, &arena);
		r = conf_parse(&arena, "f", str_of(text), &problems, &root);
		if (root != NULL) {
			(void)conf_expand(&arena, root, &problems);
			(void)conf_json(&arena, root, 0, &value);
		}
		mem_fail_after(-1, 0);
		assert_true(r < 0);
		arena_done(&arena);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_positions), TEST(test_inner_places),    TEST(test_core_schema),
		TEST(test_from_json), TEST(test_aliases),         TEST(test_bomb),
		TEST(test_deep),      TEST(test_syntax),          TEST(test_bytes),
		TEST(test_expand),    TEST(test_expand_problems), TEST(test_expand_file),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
