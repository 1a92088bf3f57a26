/*
 * test_json.c - what json.h promises: exact whole numbers, nearest doubles, jq's order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"

static void
round_trip(const char *in, const char *out)
{
	struct arena arena;
	struct heed_json value;
	struct heed_str text;

	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena, str_of(in), &value, NULL), 0);
	text = json_text_of(&arena, value);
	assert_string_equal(text.data, out);
	arena_done(&arena);
}

static void
test_numbers(void **state)
{
	(void)state;
	round_trip("[9223372036854775807,-9223372036854775808,18446744073709551615]",
	           "[9223372036854775807,-9223372036854775808,18446744073709551615]");
	round_trip("[18446744073709551616,0.1,1.0,-0.0,-0,1e-400,1E2]",
	           "[1.8446744073709552e+19,0.1,1,-0,-0,0,100]");
	round_trip("5", "5");
}

static void
test_text(void **state)
{
	(void)state;
	round_trip(" {\"a\" : [ true , null ] , \"b\" : "
	           "\"\\u00e9\\ud83d\\ude00\\u0000\\n\" } ",
	           "{\"a\":[true,null],\"b\":\"\xc3\xa9\xf0\x9f\x98\x80\\u0000\\n\"}");
	round_trip("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

/* Members "m0" to "m99999", each a second time with its number: who sends an event
 * decides how many there are, so that their time must not grow with the square of that.
 */
static void
many_members(void **state)
{
	enum { MANY = 100000 };
	struct arena arena;
	struct heed_json read;
	struct heed_json made;
	struct json_build build;
	struct heed_buf text;
	clock_t begin = clock();
	int i;

	(void)state;
	arena_init(&arena, 0);
	json_object(&build, &arena);
	buf_init(&text, 64 << 20);
	for (i = 0; i < 2 * MANY; i++) {
		int value = i < MANY ? -1 : i - MANY;

		buf_addf(&text, "%c\"m%d\":%d", i == 0 ? '{' : ',', i % MANY, value);
		json_set(&build, arena_printf(&arena, "m%d", i % MANY), json_int(value));
	}
	buf_addc(&text, '}');
	assert_int_equal(json_parse(&arena, buf_str(&text), &read, NULL), 0);
	assert_int_equal(json_build_end(&build, &made), 0);
	assert_int_equal(read.len, MANY);
	assert_int_equal(made.len, MANY);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(read.members[i].value.i64, i);
		assert_int_equal(made.members[i].value.i64, i);
	}
	assert_true((clock() - begin) / CLOCKS_PER_SEC < 10);
	buf_done(&text);
	arena_done(&arena);
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = {
		"",          " ",     "{",     "[1,2",        "[1,]",        "{\"a\":1,}",
		"{\"a\" 1}", "01",    "[01]",  "1.",          "-",           "1e",
		"nul",       "truex", "\"a",   "\"\\ud800\"", "\"\x80\"",    "[1 2]",
		"5 6",       "1],[2", "1,2",   "]",           "{\"a\":1} x", "[1e400]",
		"'a'",       "{a:1}", "[NaN]", "\"\t\"",
	};
	struct arena arena;
	struct heed_error error;
	struct heed_json value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		arena_init(&arena, 0);
		if (json_parse(&arena, str_of(bad[i]), &value, &error) != HEED_E_INVALID)
			fail_msg("accepted: %s", bad[i]);
		assert_true(error.text[0] != '\0');
		arena_done(&arena);
	}
}

static void
test_depth(void **state)
{
	char text[2 * 2000];
	struct arena arena;
	struct heed_json value;

	(void)state;
	arena_init(&arena, 0);
	memset(text, '[', 2000);
	memset(text + 2000, ']', 2000);
	assert_int_equal(json_parse(&arena, (struct heed_str){text, 4000}, &value, NULL),
	                 HEED_E_INVALID);
	assert_int_equal(
		json_parse(&arena, (struct heed_str){text + 1900, 200}, &value, NULL), 0);
	arena_done(&arena);
}

static void
test_compare(void **state)
{
	static const char ordered[] = "[null,false,true,-1,0.5,1,9007199254740992,"
				      "9007199254740993,1e300,\"\",\"a\","
				      "\"b\",[],[0],[0,1],[1],{},{\"a\":1},{\"a\":2},{"
				      "\"a\":1,\"b\":0},{\"b\":0}]";
	struct arena arena;
	struct heed_json all;
	uint32_t i;
	uint32_t j;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena, str_of(ordered), &all, NULL), 0);
	for (i = 0; i < all.len; i++) {
		for (j = 0; j < all.len; j++) {
			int order = json_compare(all.items[i], all.items[j]);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(json_equal(all.items[i], all.items[j]), i == j);
		}
	}
	arena_done(&arena);
}

static void
test_pointer(void **state)
{
	struct arena arena;
	struct heed_json value;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena, str_of("{\"a/b\":{\"~\":[10,20]},\"\":1}"),
	                            &value, NULL),
	                 0);
	assert_int_equal(json_pointer(&value, str_of("/a~1b/~0/1"))->i64, 20);
	assert_int_equal(json_pointer(&value, str_of("/"))->i64, 1);
	assert_ptr_equal(json_pointer(&value, str_of("")), &value);
	assert_null(json_pointer(&value, str_of("/a~1b/~0/2")));
	assert_null(json_pointer(&value, str_of("/a~1b/~0/01")));
	arena_done(&arena);
}

/* What is escaped in a long text is what is escaped alone, at every place of it. */
static void
escapes_at_every_place(void **state)
{
	char text[24], wanted[64];
	int c;
	size_t i;

	for (c = 0; c < 128; c++) {
		char one = (char)c;
		struct heed_buf alone, whole;

		buf_init(&alone, 0);
		json_write_string(&alone, (struct heed_str){&one, 1});
		for (i = 0; i < sizeof(text); i++) {
			memset(text, 'a', sizeof(text));
			text[i] = one;
			(void)snprintf(wanted, sizeof(wanted), "\"%.*s%.*s%.*s\"", (int)i,
			               "aaaaaaaaaaaaaaaaaaaaaaaa", (int)alone.len - 2,
			               alone.data + 1, (int)(sizeof(text) - 1 - i),
			               "aaaaaaaaaaaaaaaaaaaaaaaa");
			buf_init(&whole, 0);
			json_write_string(&whole, (struct heed_str){text, sizeof(text)});
			assert_string_equal(whole.data, wanted);
			buf_done(&whole);
		}
		buf_done(&alone);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),           cmocka_unit_test(test_text),
		cmocka_unit_test(test_malformed),         cmocka_unit_test(test_depth),
		cmocka_unit_test(test_compare),           cmocka_unit_test(test_pointer),
		cmocka_unit_test(escapes_at_every_place), cmocka_unit_test(many_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
