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
#include "store/sqlite_value.h"

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
refuse(struct store_tx *tx, const char *text)
{
	(void)snprintf(tx->text, sizeof(tx->text), "%.*s", (int)sizeof(tx->text) - 1,
	               text);
	return HEED_E_PERMANENT;
}

/* What SQLite said: the statement's fault, or everybody's. */
static int
judge(struct store *store, struct store_tx *tx, int code, const struct heed_error *error)
{
	char text[sizeof(tx->text)];

	if (code == SQLITE_OK)
		return SQLITE_OK;
	if (code == HEED_E_PERMANENT)
		return refuse(tx, error->text);
	if (sqlite_is_fatal(code))
		return code;
	if ((code & 0xff) == SQLITE_INTERRUPT)
		return refuse(tx, "the statement took too long");
	if ((code & 0xff) != SQLITE_AUTH)
		return refuse(tx, sqlite3_errmsg(store->db));
	(void)snprintf(text, sizeof(text),
	               "%s: it may not touch heed's tables, transactions, pragmas or "
	               "files",
	               sqlite3_errmsg(store->db));
	return refuse(tx, text);
}

/* Its result as JSON text: {rows, changed}, without rows when it gives no columns. */
static int
make_result(struct store_tx *tx, struct heed_json rows, int64_t changed,
            struct heed_str *ret_result)
{
	struct heed_json result;
	struct json_build build;

	json_object(&build, &tx->arena);
	if (rows.kind == HEED_ARRAY)
		json_set_cstr(&build, "rows", rows);
	json_set_cstr(&build, "changed", json_int(changed));
	if (json_build_end(&build, &result) < 0)
		return SQLITE_NOMEM;
	*ret_result = json_text_of(&tx->arena, result);
	return ret_result->data == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

static int
run(struct store *store, struct store_tx *tx, const struct op *op,
    struct heed_json *ret_rows)
{
	static const struct sqlite_value_bounds bounds = {STORE_SQL_ROWS_MAX,
	                                                  STORE_SQL_BYTES_MAX};
	struct heed_error error = {0};
	sqlite3_stmt *st = NULL;
	int r = sqlite_value_prepare(store->db, op->sql.statement, &st, &error);

	if (r == SQLITE_OK)
		r = sqlite_value_bind(st, op->sql.values, &tx->arena, &error);
	if (r == SQLITE_OK)
		r = sqlite_value_step(st, &bounds, &tx->arena, ret_rows, &error);
	r = judge(store, tx, r, &error);
	(void)sqlite3_finalize(st);
	return r;
}

int
user_run(struct store *store, struct store_tx *tx, const struct op *op,
         int64_t *ret_changed, struct heed_str *ret_result)
{
	int64_t before = sqlite3_total_changes64(store->db);
	struct heed_json rows;
	int r;

	store->in_user_sql = true;
	store->user_sql_end_ms = clock_steady_ms() + STORE_SQL_MS_MAX;
	r = run(store, tx, op, &rows);
	store->in_user_sql = false;
	if (r != SQLITE_OK)
		return r;
	*ret_changed = sqlite3_total_changes64(store->db) - before;
	r = make_result(tx, rows, *ret_changed, ret_result);
	return r != SQLITE_OK || op->sql.run_id == 0
	               ? r
	               : row_write_reply(store, op->sql.run_id, op->sql.n, *ret_result);
}
