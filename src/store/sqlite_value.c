/*
 * sqlite_value.c - see sqlite_value.h.
 */
#include "store/sqlite_value.h"

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

#define CELL_BYTES 32 /* what a value costs besides its text, about */

/* ---- to SQLite --------------------------------------------------------------------- */

int
sqlite_value_prepare(sqlite3 *db, struct heed_str text, sqlite3_stmt **ret_statement,
                     struct heed_error *error)
{
	sqlite3_stmt *first = NULL;
	sqlite3_stmt *second = NULL;
	const char *tail = NULL;
	int r;

	if (text.len > INT32_MAX / 2)
		return error_set(error, HEED_E_PERMANENT, "the statement is too long");
	r = sqlite3_prepare_v2(db, text.data != NULL ? text.data : "", (int)text.len,
	                       &first, &tail);
	if (r != SQLITE_OK)
		return r;
	if (first == NULL)
		return error_set(error, HEED_E_PERMANENT, "there is no statement");
	r = sqlite3_prepare_v2(db, tail, (int)(text.data + text.len - tail), &second,
	                       NULL);
	(void)sqlite3_finalize(second);
	if (r != SQLITE_OK || second != NULL) {
		(void)sqlite3_finalize(first);
		return error_set(error, HEED_E_PERMANENT,
		                 "there is more than one statement");
	}
	*ret_statement = first;
	return SQLITE_OK;
}

static int
bind_text(sqlite3_stmt *statement, int at, struct heed_str text)
{
	return sqlite3_bind_text64(statement, at, text.data != NULL ? text.data : "",
	                           text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static int
bind_value(sqlite3_stmt *statement, int at, struct heed_json value, struct arena *arena)
{
	struct heed_str text;

	switch (value.kind) {
	case HEED_NULL:
		return sqlite3_bind_null(statement, at);
	case HEED_BOOL:
		return sqlite3_bind_int(statement, at, value.boolean);
	case HEED_INT:
		return sqlite3_bind_int64(statement, at, value.i64);
	case HEED_UINT: /* SQLite's whole numbers end at INT64_MAX */
		return SQLITE_RANGE;
	case HEED_REAL:
		return sqlite3_bind_double(statement, at, value.f64);
	case HEED_STRING:
		return bind_text(statement, at, json_text(value));
	default:
		text = json_text_of(arena, value);
		return text.data == NULL ? SQLITE_NOMEM : bind_text(statement, at, text);
	}
}

int
sqlite_value_bind(sqlite3_stmt *statement, struct heed_json values, struct arena *arena,
                  struct heed_error *error)
{
	int n = sqlite3_bind_parameter_count(statement);
	int i;

	for (i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(statement, i);
		const struct heed_json *value =
			name != NULL ? json_get(values, name + 1) : NULL;
		int r;

		if (value == NULL)
			return error_set(error, HEED_E_PERMANENT, "no value for %s",
			                 name != NULL ? name : "?");
		r = bind_value(statement, i, *value, arena);
		if (r == SQLITE_RANGE)
			return error_set(error, HEED_E_PERMANENT,
			                 "the number for %s is above 9223372036854775807",
			                 name);
		if (r != SQLITE_OK)
			return r;
	}
	return SQLITE_OK;
}

/* ---- from SQLite ------------------------------------------------------------------- */

static int
read_blob(sqlite3_stmt *row, int column, struct arena *arena, struct heed_json *ret_value)
{
	struct heed_buf hex;
	struct heed_str text;

	buf_init(&hex, 0);
	buf_adds(&hex, "\\x");
	buf_add_hex(&hex, sqlite3_column_blob(row, column),
	            (size_t)sqlite3_column_bytes(row, column));
	text = arena_str(arena, buf_str(&hex));
	buf_done(&hex);
	*ret_value = json_str(text);
	return text.data == NULL ? HEED_E_NOMEM : 0;
}

static int
read_cell(sqlite3_stmt *row, int column, struct arena *arena, struct heed_json *ret_value)
{
	struct heed_str text;

	switch (sqlite3_column_type(row, column)) {
	case SQLITE_NULL:
		*ret_value = json_null();
		return 0;
	case SQLITE_INTEGER:
		*ret_value = json_int(sqlite3_column_int64(row, column));
		return 0;
	case SQLITE_FLOAT:
		*ret_value = json_real(sqlite3_column_double(row, column));
		return 0;
	case SQLITE_TEXT:
		text.data = (const char *)sqlite3_column_text(row, column);
		text.len = (size_t)sqlite3_column_bytes(row, column);
		if (text.data == NULL)
			return HEED_E_NOMEM;
		if (!str_utf8(text))
			break;
		text = arena_str(arena, text);
		*ret_value = json_str(text);
		return text.data == NULL ? HEED_E_NOMEM : 0;
	default:
		break;
	}
	return read_blob(row, column, arena, ret_value);
}

/* The names of the columns, copied. NULL without memory. */
static struct heed_str *
read_names(sqlite3_stmt *statement, int n, struct arena *arena)
{
	struct heed_str *names = ARENA_ARRAY(arena, struct heed_str, (size_t)n);
	int i;

	for (i = 0; names != NULL && i < n; i++) {
		names[i] = arena_str(arena, str_of(sqlite3_column_name(statement, i)));
		if (names[i].data == NULL)
			return NULL;
	}
	return names;
}

static int
read_row(sqlite3_stmt *row, int n, const struct heed_str *names, struct arena *arena,
         struct heed_json *ret_row, size_t *bytes)
{
	struct json_build build;
	int i;

	json_object(&build, arena);
	for (i = 0; i < n; i++) {
		struct heed_json value;

		HEED_TRY(read_cell(row, i, arena, &value));
		json_set(&build, names[i], value);
		*bytes += CELL_BYTES + (value.kind == HEED_STRING ? value.len : 0);
	}
	return json_build_end(&build, ret_row);
}

static int
too_much(struct heed_error *error, const struct sqlite_value_bounds *bounds)
{
	(void)error_set(error, HEED_E_PERMANENT,
	                "it gives more than %lld rows or %zu bytes",
	                (long long)bounds->rows, bounds->bytes);
	error_hint(error, "ask for fewer rows, or columns");
	return HEED_E_PERMANENT;
}

int
sqlite_value_step(sqlite3_stmt *statement, const struct sqlite_value_bounds *bounds,
                  struct arena *arena, struct heed_json *ret_rows,
                  struct heed_error *error)
{
	int n = sqlite3_column_count(statement);
	const struct heed_str *names = n > 0 ? read_names(statement, n, arena) : NULL;
	struct json_build build;
	struct heed_json row = json_null();
	size_t bytes = 0;
	int r;

	if (n > 0 && names == NULL)
		return SQLITE_NOMEM;
	json_array(&build, arena);
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		if (build.len >= bounds->rows)
			return too_much(error, bounds);
		if (read_row(statement, n, names, arena, &row, &bytes) < 0)
			return SQLITE_NOMEM;
		json_push(&build, row);
		if (bytes > bounds->bytes)
			return too_much(error, bounds);
	}
	if (r != SQLITE_DONE)
		return r;
	*ret_rows = json_null();
	if (n > 0 && json_build_end(&build, ret_rows) < 0)
		return SQLITE_NOMEM;
	return SQLITE_OK;
}
