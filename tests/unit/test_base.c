/*
 * test_base.c - what arena.h, str.h, error.h and mem.h promise, also when the nth
 * allocation fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- arena ------------------------------------------------------------------------- */

static void
arena_gives_aligned_memory(void **state)
{
	struct arena arena;
	size_t i;

	arena_init(&arena, 100);
	for (i = 0; i < 1000; i++) {
		char *bytes = arena_alloc(&arena, i);

		assert_non_null(bytes);
		assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
		memset(bytes, 0xff, i);
	}
	for (i = 0; i < 100; i++) {
		const char *bytes = arena_zero(&arena, 300);
		size_t k;

		for (k = 0; k < 300; k++)
			assert_int_equal(bytes[k], 0);
	}
	arena_done(&arena);
}

static void
arena_copies_text(void **state)
{
	struct arena arena;
	struct heed_str text;

	arena_init(&arena, 0);
	text = arena_str(&arena, HEED_STR("a\0b"));
	assert_memory_equal(text.data, "a\0b", 4);
	assert_int_equal(text.len, 3);
	text = arena_str(&arena, (struct heed_str){0});
	assert_int_equal(text.len, 0);
	assert_string_equal(text.data, "");
	assert_string_equal(arena_cstr(&arena, HEED_STR("abc")), "abc");
	text = arena_printf(&arena, "%s-%d", "x", 42);
	assert_true(str_is(text, "x-42"));
	assert_string_equal(text.data, "x-42");
	arena_done(&arena);
}

static void
arena_starts_again(void **state)
{
	struct arena arena;
	size_t i, used;

	arena_init(&arena, 64);
	arena_reset(&arena); /* of nothing */
	for (i = 0; i < 1000; i++)
		assert_non_null(arena_alloc(&arena, 64));
	arena_reset(&arena);
	used = arena.used;
	for (i = 0; i < 100; i++)
		assert_non_null(arena_alloc(&arena, 64));
	assert_int_equal(arena.used, used); /* the newest block was kept */
	arena_done(&arena);
	assert_int_equal(arena.used, 0);
	assert_non_null(arena_alloc(&arena, 1));
	arena_done(&arena);
}

static void
arena_refuses_what_overflows(void **state)
{
	struct arena arena;

	arena_init(&arena, 0);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 20));
	assert_null(ARENA_ARRAY(&arena, int64_t, SIZE_MAX / 4));
	assert_null(arena_cstr(&arena, (struct heed_str){"", SIZE_MAX}));
	arena_done(&arena);
}

/* ---- text -------------------------------------------------------------------------- */

static void
views(void **state)
{
	struct heed_str text = HEED_STR("key=value=x");
	struct heed_str rest = text;

	assert_true(str_is(str_cut(&rest, '='), "key"));
	assert_true(str_is(rest, "value=x"));
	assert_true(str_is(str_cut(&rest, ';'), "value=x"));
	assert_int_equal(rest.len, 0);
	assert_int_equal(str_cut(&rest, ';').len, 0);
	assert_int_equal(str_find(text, '='), 3);
	assert_int_equal(str_find(text, '#'), text.len);
	assert_int_equal(str_search(text, HEED_STR("value")), 4);
	assert_int_equal(str_search(text, HEED_STR("valuf")), text.len);
	assert_int_equal(str_search(text, HEED_STR("")), 0);
	assert_true(str_starts(text, "key") && !str_starts(text, "Key"));
	assert_true(str_starts_nocase(text, "Key=") && str_ends(text, "=x"));
	assert_false(str_ends(HEED_STR("x"), "xx"));
	assert_true(str_is(str_trim(HEED_STR(" \t a b\r\n")), "a b"));
	assert_int_equal(str_trim(HEED_STR("   ")).len, 0);
	assert_int_equal(str_from(text, 100).len, 0);
	assert_int_equal(str_head(text, 100).len, text.len);
	assert_int_equal(str_of(NULL).len, 0);
	assert_true(str_eq(str_of(NULL), HEED_STR("")));
	assert_true(str_cmp(HEED_STR("a"), HEED_STR("ab")) < 0);
	assert_true(str_cmp(HEED_STR("\xff"), HEED_STR("a")) > 0);
	assert_true(str_cmp(HEED_STR("ab"), HEED_STR("ab")) == 0);
	assert_true(str_is_nocase(HEED_STR("GeT"), "get"));
	assert_true(str_hash(HEED_STR("a")) == str_hash(HEED_STR("a")));
	assert_true(str_hash(HEED_STR("a")) != str_hash(HEED_STR("b")));
}

static void
utf8(void **state)
{
	static const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc3",
	                                  "\xe0\x80\x80", "\xed\xa0\x80",     "\xe2\x82",
	                                  "\xf5",         "\xf4\x90\x80\x80", "a\xff"};
	struct heed_str text = HEED_STR("a\u00e9\u20ac\U0001f600");
	size_t i;

	assert_true(str_utf8(text));
	assert_true(str_utf8(HEED_STR("a\0b")));
	assert_true(str_utf8((struct heed_str){0}));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_utf8(str_of(bad[i])));
	for (i = 0; i <= text.len + 1; i++) {
		struct heed_str head = str_head_utf8(text, i);

		assert_true(head.len <= i &&
		            head.len + 4 > (i < text.len ? i : text.len));
		assert_true(str_utf8(head));
	}
}

static void
numbers(void **state)
{
	static const char *const bad[] = {
		"", "-", "+1", " 1", "1 ", "1.0", "0x10", "9223372036854775808", "1e3"};
	static const char *const bad_reals[] = {"",    " 1",  "1 ",    "inf",
	                                        "nan", "1,5", "1e999", "0x10"};
	int64_t value = 7;
	double real = 7;
	size_t i;

	assert_int_equal(str_to_i64(HEED_STR("-9223372036854775808"), &value), 0);
	assert_true(value == INT64_MIN);
	assert_int_equal(str_to_i64(HEED_STR("9223372036854775807"), &value), 0);
	assert_true(value == INT64_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(str_to_i64(str_of(bad[i]), &value), HEED_E_INVALID);
	assert_true(value == INT64_MAX); /* untouched */
	assert_int_equal(str_to_double(HEED_STR("-1.5e3"), &real), 0);
	assert_true(real == -1500);
	for (i = 0; i < sizeof(bad_reals) / sizeof(bad_reals[0]); i++)
		assert_int_equal(str_to_double(str_of(bad_reals[i]), &real),
		                 HEED_E_INVALID);
	assert_int_equal(str_to_double(HEED_STR("5\0x"), &real), HEED_E_INVALID);
	assert_true(real == -1500);
}

static void
quantities(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} durations[] = {{"0", 0},           {"250ms", 250}, {"30s", 30000},
	                 {"1h30m", 5400000}, {"1.5s", 1500}, {"7d", 604800000},
	                 {"5", -1},          {"", -1},       {"s", -1},
	                 {"-1s", -1},        {"1s ", -1},    {"1y", -1},
	                 {"1..5s", -1},      {"1e3s", -1},   {"999999999999d", -1}};
	static const struct {
		const char *text;
		int64_t bytes;
	} sizes[] = {{"100", 100},      {"64KiB", 65536}, {"10MB", 10000000},
	             {"1GiB", 1 << 30}, {"1.5KB", 1500},  {"1TB", -1},
	             {"1KB1", -1},      {"", -1},         {"KB", -1}};
	size_t i;

	for (i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		int64_t value = -1;

		(void)str_to_duration(str_of(durations[i].text), &value);
		if (value != durations[i].ms)
			fail_msg("%s: %lld", durations[i].text, (long long)value);
	}
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t value = -1;

		(void)str_to_size(str_of(sizes[i].text), &value);
		if (value != sizes[i].bytes)
			fail_msg("%s: %lld", sizes[i].text, (long long)value);
	}
	assert_int_equal(str_to_duration(HEED_STR("5\0s"), &(int64_t){0}),
	                 HEED_E_INVALID);
}

/* ---- buffers ----------------------------------------------------------------------- */

static void
buf_grows(void **state)
{
	struct heed_buf buf;
	char *taken;
	size_t i;

	buf_init(&buf, 0);
	for (i = 0; i < 10000; i++)
		buf_addf(&buf, "%zu,", i % 10);
	assert_int_equal(buf.len, 20000);
	assert_int_equal(strlen(buf.data), 20000);
	buf_cut(&buf, 3);
	buf_cut(&buf, 30); /* never longer */
	assert_true(str_is(buf_str(&buf), "0,1"));
	taken = buf_take(&buf);
	assert_string_equal(taken, "0,1");
	mem_free(taken);
	assert_int_equal(buf.len, 0);
	taken = buf_take(&buf);
	assert_string_equal(taken, "");
	mem_free(taken);
	buf_done(&buf);
}

static void
buf_keeps_its_maximum(void **state)
{
	struct heed_buf buf;

	buf_init(&buf, 10);
	buf_adds(&buf, "0123456789");
	assert_int_equal(buf_error(&buf), 0);
	buf_addc(&buf, 'x');
	assert_int_equal(buf_error(&buf), HEED_E_LIMIT);
	buf_cut(&buf, 2);
	buf_addc(&buf, 'x'); /* sticky */
	assert_true(str_is(buf_str(&buf), "01"));
	assert_null(buf_take(&buf));
	assert_int_equal(buf_error(&buf), 0);
	buf_adds(&buf, "12345");
	buf_add_hex(&buf, "abc", 3);
	assert_int_equal(buf_error(&buf), HEED_E_LIMIT);
	buf_reset(&buf);
	buf_adds(&buf, "ok");
	assert_string_equal(buf.data, "ok");
	buf_done(&buf);
}

static void
check_base64(struct heed_str plain, const char *coded)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_add_base64(&buf, plain.data, plain.len);
	assert_true(str_is(buf_str(&buf), coded));
	buf_reset(&buf);
	assert_int_equal(base64_decode(&buf, str_of(coded)), 0);
	assert_true(str_eq(buf_str(&buf), plain));
	buf_done(&buf);
}

static void
encodings(void **state)
{
	struct heed_buf buf;

	/* RFC 4648, 10 */
	check_base64(HEED_STR(""), "");
	check_base64(HEED_STR("f"), "Zg==");
	check_base64(HEED_STR("fo"), "Zm8=");
	check_base64(HEED_STR("foo"), "Zm9v");
	check_base64(HEED_STR("foob"), "Zm9vYg==");
	check_base64(HEED_STR("fooba"), "Zm9vYmE=");
	check_base64(HEED_STR("\xff\xfe\0\x01"), "//4AAQ==");
	buf_init(&buf, 0);
	assert_int_equal(base64_decode(&buf, HEED_STR("__4AAQ")), 0);
	assert_true(str_eq(buf_str(&buf), HEED_STR("\xff\xfe\0\x01")));
	buf_reset(&buf);
	assert_int_equal(base64_decode(&buf, HEED_STR("Zg=a")), HEED_E_INVALID);
	assert_int_equal(base64_decode(&buf, HEED_STR("Zm9vY")), HEED_E_INVALID);
	assert_int_equal(base64_decode(&buf, HEED_STR("Zm9\0")), HEED_E_INVALID);
	buf_reset(&buf);
	buf_add_hex(&buf, "\x00\xfa", 2);
	buf_addc(&buf, ' ');
	buf_add_urlencoded(&buf, HEED_STR("a b/\u00e9~"));
	assert_string_equal(buf.data, "00fa a%20b%2F%C3%A9~");
	buf_reset(&buf);
	assert_int_equal(url_decode(&buf, HEED_STR("a+b%2f"), 1), 0);
	assert_int_equal(url_decode(&buf, HEED_STR("a+b"), 0), 0);
	assert_string_equal(buf.data, "a b/a+b");
	assert_int_equal(url_decode(&buf, HEED_STR("%2"), 0), HEED_E_INVALID);
	assert_int_equal(url_decode(&buf, HEED_STR("%zz"), 0), HEED_E_INVALID);
	assert_int_equal(hex_value('F'), 15);
	assert_int_equal(hex_value('g'), -1);
	buf_done(&buf);
}

/* ---- errors ------------------------------------------------------------------------ */

static void
error_words(void **state)
{
	struct heed_error error = {0};
	char big[2000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	error_hint(&error, "old");
	assert_int_equal(error_set(&error, HEED_E_IO, "no %s", "luck"), HEED_E_IO);
	assert_int_equal(error.code, HEED_E_IO);
	assert_string_equal(error.text, "no luck");
	assert_string_equal(error.hint, "");
	error_where(&error, "inner:%d", 1);
	error_where(&error, "outer");
	assert_string_equal(error.where, "inner:1");
	error_prefix(&error, "reading %s", "x");
	assert_string_equal(error.text, "reading x: no luck");
	error_hint(&error, "%s", big);
	assert_int_equal(strlen(error.hint), sizeof(error.hint) - 1);
	assert_string_equal(error.hint + sizeof(error.hint) - 4, "...");
	(void)error_set(&error, HEED_E_IO, "%s", big);
	error_prefix(&error, "p");
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	assert_memory_equal(error.text, "p: xxx", 6);
	/* Nobody wants to know. */
	assert_int_equal(error_set(NULL, HEED_E_IO, "x"), HEED_E_IO);
	assert_int_equal(error_nomem(NULL), HEED_E_NOMEM);
	error_hint(NULL, "x");
	error_where(NULL, "x");
	error_prefix(NULL, "x");
}

static void
error_names(void **state)
{
	static const char *const names[] = {"timeout", "retry", "model", "on"};
	static const char *const flag[] = {"flag"};

	assert_string_equal(heed_code_text(HEED_E_NOMEM), "out of memory");
	assert_string_equal(heed_code_name(HEED_E_UNKNOWN), "UNKNOWN");
	assert_string_equal(heed_code_name(0), "OK");
	assert_non_null(heed_code_text(-12345));
	assert_non_null(heed_code_name(-12345));
	assert_string_equal(error_nearest(HEED_STR("timout"), names, 4), "timeout");
	assert_string_equal(error_nearest(HEED_STR("modell"), names, 4), "model");
	assert_string_equal(error_nearest(HEED_STR("flga"), flag, 1), "flag");
	assert_string_equal(error_nearest(HEED_STR("no"), names, 4), "on");
	assert_null(error_nearest(HEED_STR("gafl"), flag, 1));
	assert_null(error_nearest(HEED_STR("elephant"), names, 4));
	assert_null(error_nearest(HEED_STR(""), names, 0));
}

/* ---- memory ------------------------------------------------------------------------ */

static void
mem_grows_arrays(void **state)
{
	int *items = NULL;
	size_t cap = 0;

	assert_int_equal(mem_grow((void **)&items, &cap, 1, sizeof(*items)), 0);
	assert_true(cap >= 1);
	items[0] = 42;
	assert_int_equal(mem_grow((void **)&items, &cap, 1000, sizeof(*items)), 0);
	assert_true(cap >= 1000 && items[0] == 42);
	assert_int_equal(mem_grow((void **)&items, &cap, SIZE_MAX / 2, sizeof(*items)),
	                 HEED_E_NOMEM);
	assert_true(cap >= 1000 && items[0] == 42);
	mem_free(items);
	mem_free(NULL);
}

static void
mem_fails_once_or_for_good(void **state)
{
	long before = mem_count();

	mem_fail_after(1, 0);
	mem_free(mem_new(1));
	assert_null(mem_alloc(1));
	mem_free(mem_copy("x", 1));
	mem_fail_after(0, 1);
	assert_null(mem_new(1));
	assert_null(mem_alloc(1));
	assert_null(mem_copy("x", 1));
	assert_null(mem_resize(NULL, 1));
	mem_fail_after(-1, 0);
	mem_free(mem_new(1));
	assert_int_equal(mem_count() - before, 8);
}

/* Some work that allocates in every way; -1 when it ran out of memory. */
static int
work(void)
{
	struct arena arena;
	struct heed_buf buf;
	struct heed_error error = {0};
	int r = -1;
	int i;

	arena_init(&arena, 64);
	buf_init(&buf, 0);
	for (i = 0; i < 50; i++) {
		struct heed_str copy = arena_printf(&arena, "%d", i);

		if (copy.data == NULL || ARENA_ARRAY(&arena, int, 20) == NULL)
			goto out;
		buf_add(&buf, copy);
		buf_add_base64(&buf, copy.data, copy.len);
		buf_add_hex(&buf, copy.data, copy.len);
	}
	if (buf_error(&buf) != 0) {
		assert_int_equal(buf_error(&buf), HEED_E_NOMEM);
		goto out;
	}
	(void)error_set(&error, HEED_E_IO, "x");
	error_prefix(&error, "y"); /* without memory the text stays */
	assert_true(strcmp(error.text, "x") == 0 || strcmp(error.text, "y: x") == 0);
	r = 0;
out:
	buf_done(&buf);
	arena_done(&arena);
	return r;
}

/* However many allocations succeed, the rest fails cleanly: the sanitizers watch. */
static void
every_allocation_may_fail(void **state)
{
	long n = mem_count();
	long i;

	assert_int_equal(work(), 0);
	n = mem_count() - n;
	assert_true(n > 5);
	for (i = 0; i < n; i++) {
		mem_fail_after(i, 1);
		(void)work();
		mem_fail_after(i, 0);
		(void)work();
	}
	mem_fail_after(0, 1);
	assert_int_equal(work(), -1);
	mem_fail_after(-1, 0);
	assert_int_equal(work(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_aligned_memory),
		cmocka_unit_test(arena_copies_text),
		cmocka_unit_test(arena_starts_again),
		cmocka_unit_test(arena_refuses_what_overflows),
		cmocka_unit_test(views),
		cmocka_unit_test(utf8),
		cmocka_unit_test(numbers),
		cmocka_unit_test(quantities),
		cmocka_unit_test(buf_grows),
		cmocka_unit_test(buf_keeps_its_maximum),
		cmocka_unit_test(encodings),
		cmocka_unit_test(error_words),
		cmocka_unit_test(error_names),
		cmocka_unit_test(mem_grows_arrays),
		cmocka_unit_test(mem_fails_once_or_for_good),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
