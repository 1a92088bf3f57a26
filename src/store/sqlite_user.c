/*
 * sqlite_user.c - a user's statement inside heed's transaction.
 *
 * It shares the connection, so it is fenced in: it may not write heed's tables, end or
 * open transactions, attach files, set pragmas or run long. SQLite asks the authorizer
 * when it compiles a statement, with all triggers and views that it brings. The
 * authorizer is always installed and lenient outside of users' statements, because to
 * install one makes SQLite compile every prepared statement again.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/local.h"

#define PROGRESS_STEPS 10000 /* of SQLite's machine, between looks at the clock */

static bool
is_heeds(const char *name)
{
	return name != NULL && schema_has_table(name);
}

static int
authorize(void *arg, int action, const char *first, const char *second,
          const char *schema, const char *trigger)
{
	const struct store *store = arg;

	(void)schema;
	(void)trigger;
	if (!store->in_user_sql)
		return SQLITE_OK;
	switch (action) {
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
	case SQLITE_PRAGMA:
		return SQLITE_DENY;
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		return is_heeds(first) ? SQLITE_DENY : SQLITE_OK;
	default: /* create, drop and alter name their table first or second */
		return is_heeds(first) || is_heeds(second) ? SQLITE_DENY : SQLITE_OK;
	}
}

static int
is_too_long(void *arg)
{
	const struct store *store = arg;

	return store->in_user_sql && clock_steady_ms() >= store->user_sql_end_ms;
}

void
user_guard(struct store *store)
{
	(void)sqlite3_set_authorizer(store->db, authorize, store);
	sqlite3_progress_handler(store->db, PROGRESS_STEPS, is_too_long, store);
}

static int
refuse(struct store_tx *tx, const char *text, const char *name)
{
	(void)snprintf(tx->text, sizeof(tx->text), text, name != NULL ? name : "?");
	return HEED_E_PERMANENT;
}

/* What SQLite said: the statement's fault, or everybody's. */
static int
judge(struct store *store, struct store_tx *tx, int code)
{
	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return SQLITE_OK;
	if (sqlite_is_fatal(code))
		return code;
	if ((code & 0xff) == SQLITE_AUTH)
		return refuse(tx,
		              "%s: it may not touch heed's tables, transactions, pragmas "
		              "or files",
		              sqlite3_errmsg(store->db));
	if ((code & 0xff) == SQLITE_INTERRUPT)
		return refuse(tx, "the statement took too long%s", "");
	return refuse(tx, "%s", sqlite3_errmsg(store->db));
}

static int
bind_json(struct store_tx *tx, sqlite3_stmt *st, int at, struct heed_json value)
{
	switch (value.kind) {
	case HEED_NULL:
		return sqlite3_bind_null(st, at);
	case HEED_BOOL:
		return sqlite3_bind_int(st, at, value.boolean);
	case HEED_INT:
		return sqlite3_bind_int64(st, at, value.i64);
	case HEED_UINT: /* SQLite's whole numbers end at INT64_MAX */
		return SQLITE_RANGE;
	case HEED_REAL:
		return sqlite3_bind_double(st, at, value.f64);
	case HEED_STRING:
		return row_bind_text(st, at, json_text(value));
	default:
		return row_bind_text(st, at, json_text_of(&tx->arena, value));
	}
}

static int
bind_all(struct store *store, struct store_tx *tx, sqlite3_stmt *st,
         struct heed_json values)
{
	int n = sqlite3_bind_parameter_count(st);
	int i;
	int r;

	for (i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(st, i);
		const struct heed_json *value =
			name != NULL ? json_get(values, name + 1) : NULL;

		if (value == NULL)
			return refuse(tx, "no value for %s", name);
		r = bind_json(tx, st, i, *value);
		if (r == SQLITE_RANGE)
			return refuse(tx,
			              "the number for %s is above 9223372036854775807",
			              name);
		if (r != SQLITE_OK)
			return judge(store, tx, r);
	}
	return SQLITE_OK;
}

/* One statement, nothing behind it but space and comments. */
static int
prepare(struct store *store, struct store_tx *tx, struct heed_str text,
        sqlite3_stmt **ret_st)
{
	sqlite3_stmt *second = NULL;
	const char *tail = NULL;
	int r;

	if (text.len > INT32_MAX / 2)
		return refuse(tx, "the statement is too long%s", "");
	r = sqlite3_prepare_v2(store->db, text.data != NULL ? text.data : "",
	                       (int)text.len, ret_st, &tail);
	if (r != SQLITE_OK)
		return judge(store, tx, r);
	if (*ret_st == NULL)
		return refuse(tx, "there is no statement%s", "");
	r = sqlite3_prepare_v2(store->db, tail, (int)(text.data + text.len - tail),
	                       &second, NULL);
	(void)sqlite3_finalize(second);
	if (r != SQLITE_OK || second != NULL)
		return refuse(tx, "there is more than one statement%s", "");
	return SQLITE_OK;
}

static int
run(struct store *store, struct store_tx *tx, const struct op *op, sqlite3_stmt **st)
{
	int r = prepare(store, tx, op->sql.statement, st);

	if (r == SQLITE_OK)
		r = bind_all(store, tx, *st, op->sql.values);
	if (r != SQLITE_OK)
		return r;
	do
		r = sqlite3_step(*st);
	while (r == SQLITE_ROW);
	return judge(store, tx, r);
}

int
user_run(struct store *store, struct store_tx *tx, const struct op *op,
         int64_t *ret_changed)
{
	int64_t before = sqlite3_total_changes64(store->db);
	sqlite3_stmt *st = NULL;
	int r;

	store->in_user_sql = true;
	store->user_sql_end_ms = clock_steady_ms() + STORE_SQL_MS_MAX;
	r = run(store, tx, op, &st);
	(void)sqlite3_finalize(st);
	store->in_user_sql = false;
	if (r == SQLITE_OK)
		*ret_changed = sqlite3_total_changes64(store->db) - before;
	return r;
}
