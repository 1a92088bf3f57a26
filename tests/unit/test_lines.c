/*
 * test_lines.c - lines out of bytes, and places in files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "source/file_place.h"
#include "source/lines.h"

static void
expect(struct lines *lines, enum lines_found found, const char *text, int64_t number)
{
	struct heed_str line = {"", 0};

	assert_int_equal(lines_next(lines, &line), found);
	if (!str_is(line, text))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(line), text);
	assert_int_equal(lines->line, number);
}

static void
test_complete_lines(void **state)
{
	struct lines lines = {.rest = HEED_STR("a\n\n \r\nbc\r\nd"), .line_max = 10};

	(void)state;
	expect(&lines, LINES_ONE, "a", 1);
	expect(&lines, LINES_ONE, "bc", 4);
	expect(&lines, LINES_NONE, "", 4);
	assert_true(str_is(lines.rest, "d"));
	lines.at_end = true;
	expect(&lines, LINES_ONE, "d", 5);
	expect(&lines, LINES_NONE, "", 5);
}

static void
test_too_long(void **state)
{
	struct lines lines = {.rest = HEED_STR("1234\r\n12345\n1\n12345"), .line_max = 4};

	(void)state;
	expect(&lines, LINES_ONE, "1234", 1);
	expect(&lines, LINES_TOO_LONG, "1234", 2);
	expect(&lines, LINES_ONE, "1", 3);
	/* Its end is not here yet: what follows still belongs to it. */
	expect(&lines, LINES_TOO_LONG, "1234", 4);
	assert_true(lines.skipping);
	lines.rest = HEED_STR("6789");
	expect(&lines, LINES_NONE, "", 4);
	lines.rest = HEED_STR("0\nnext\n");
	expect(&lines, LINES_ONE, "next", 5);
}

/* A return that may belong to the line's end does not make it too long. */
static void
test_cut_before_the_end(void **state)
{
	struct lines lines = {.rest = HEED_STR("1234\r"), .line_max = 4};

	(void)state;
	expect(&lines, LINES_NONE, "", 0);
	lines.rest = HEED_STR("1234\r\n");
	expect(&lines, LINES_ONE, "1234", 1);
}

static void
test_places(void **state)
{
	struct file_place items[] = {
		{.name = HEED_STR("a \"b\""),
	         .inode = INT64_MAX,
	         .offset = 7,
	         .line = 2,
	         .tail = HEED_STR("00ff")},
		{.name = HEED_STR("b"),
	         .inode = 1,
	         .tail = HEED_STR(""),
	         .skipping = true},
	};
	const struct file_places places = {items, 2};
	struct file_places again;
	struct heed_error error;
	struct arena arena;
	struct heed_str text;

	(void)state;
	arena_init(&arena, 0);
	text = file_places_write(&arena, &places);
	assert_int_equal(file_places_read(&arena, text, &again, &error), 0);
	assert_int_equal(again.n, 2);
	assert_true(str_is(again.items[0].name, "a \"b\""));
	assert_true(again.items[0].inode == INT64_MAX && again.items[0].offset == 7);
	assert_true(again.items[0].line == 2 && str_is(again.items[0].tail, "00ff"));
	assert_true(again.items[1].skipping && !again.items[0].skipping);
	assert_int_equal(file_places_read(&arena, HEED_STR(""), &again, &error), 0);
	assert_int_equal(again.n, 0);
	assert_int_equal(file_places_read(&arena, HEED_STR("[]"), &again, &error),
	                 HEED_E_CORRUPT);
	assert_int_equal(
		file_places_read(&arena, HEED_STR("{\"files\":[{}]}"), &again, &error),
		HEED_E_CORRUPT);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete_lines),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_cut_before_the_end),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
