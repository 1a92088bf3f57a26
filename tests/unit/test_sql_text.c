/*
 * test_sql_text.c - where the names of an SQL statement are, and where they are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "action/sql_text.h"
#include "base/str.h"

static const struct {
	const char *text;
	const char *positional; /* NULL: an error that holds `names` */
	const char *names;
} cases[] = {
	{"select 1", "select 1", ""},
	{"select :a, :b, :a", "select $1, $2, $1", "a b"},
	{"select :a::int, x::text from t where y=:b_2;  ",
         "select $1::int, x::text from t where y=$2;  ", "a b_2"},
	{"select ':a', \":b\", `:c`, :d", "select ':a', \":b\", `:c`, $1", "d"},
	{"select 'it''s :a', :b", "select 'it''s :a', $1", "b"},
	{"select 'back\\', :a", "select 'back\\', $1", "a"},
	{"select E'back\\':a', e'\\\\', :b", "select E'back\\':a', e'\\\\', $1", "b"},
	{"select $$ :a ; $$, $x$ $$ :b $x$, :c", "select $$ :a ; $$, $x$ $$ :b $x$, $1",
         "c"},
	{"select 1 -- :a; x\n, :b", "select 1 -- :a; x\n, $1", "b"},
	{"/* :a /* nested */ ; */ select :b /* end */; -- more",
         "/* :a /* nested */ ; */ select $1 /* end */; -- more", "b"},
	{"select a[1:2], b := 3, c : d", "select a[1:2], b := 3, c : d", ""},
	{"select :\xc3\xbc", "select $1", "\xc3\xbc"},
	{"select :a:b", "select $1$2", "a b"},
	{";; select :a", ";; select $1", "a"},
	{"select money$ from t", "select money$ from t", ""},
	{"", NULL, "there is no statement"},
	{" ; -- nothing", NULL, "there is no statement"},
	{"select 1; select 2", NULL, "more than one statement"},
	{"select 1;;", "select 1;;", ""},
	{"select 'open", NULL, "not closed"},
	{"select \"open", NULL, "not closed"},
	{"select $a$ open $b$", NULL, "not closed"},
	{"select /* open", NULL, "not closed"},
	{"select E'open\\'", NULL, "not closed"},
	{"select $1", NULL, "write :name"},
	{"Begin", NULL, "is no statement for here"},
	{"/**/ COMMIT;", NULL, "is no statement for here"},
	{"begins", "begins", ""},
};

static void
test_cases(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct heed_error error = {0};
		struct sql_text sql;
		struct heed_buf names;
		struct arena arena;
		size_t k;
		int r;

		arena_init(&arena, 0);
		buf_init(&names, 0);
		r = sql_text_read(&arena, str_of(cases[i].text), &sql, &error);
		if (cases[i].positional == NULL) {
			assert_int_equal(r, HEED_E_CONFIG);
			assert_non_null(strstr(error.text, cases[i].names));
		} else {
			assert_int_equal(r, 0);
			assert_string_equal(sql.positional.data, cases[i].positional);
			for (k = 0; k < sql.n_names; k++)
				buf_addf(&names, "%s%.*s", k > 0 ? " " : "",
				         STR_ARG(sql.names[k]));
			assert_string_equal(names.data != NULL ? names.data : "",
			                    cases[i].names);
		}
		buf_done(&names);
		arena_done(&arena);
	}
}

static void
test_bounds(void **state)
{
	struct heed_error error = {0};
	struct sql_text sql;
	struct heed_buf text;
	struct arena arena;
	int i;

	(void)state;
	arena_init(&arena, 0);
	buf_init(&text, 0);
	buf_adds(&text, "select 1");
	for (i = 0; i < SQL_NAMES_MAX; i++)
		buf_addf(&text, ", :n%d, :n0", i);
	assert_int_equal(sql_text_read(&arena, buf_str(&text), &sql, &error), 0);
	assert_int_equal(sql.n_names, SQL_NAMES_MAX);
	buf_adds(&text, ", :more");
	assert_int_equal(sql_text_read(&arena, buf_str(&text), &sql, &error),
	                 HEED_E_CONFIG);
	assert_int_equal(
		sql_text_read(&arena, (struct heed_str){"select \0", 8}, &sql, &error),
		HEED_E_CONFIG);
	buf_done(&text);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
