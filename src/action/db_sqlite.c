/*
 * db_sqlite.c - sessions with SQLite files that are not heed's own.
 *
 * The file has to be there: a wrong path must not make an empty database. Others may use
 * it at the same time; a lock is waited for within the deadline. The user's statements
 * may not end the transaction, attach files, set pragmas or touch heed_effects.
 */
#include <sqlite3.h>
#include <string.h>
#include <time.h>

#include "action/database.h"
#include "base/error.h"
#include "base/mem.h"
#include "store/sqlite_value.h"

#define PROGRESS_STEPS 10000 /* of SQLite's machine, between looks at the clock */
#define BUSY_WAIT_MS 10
#define HEED_APPLICATION_ID 0x68656564

struct db_session {
	sqlite3 *db;
	const struct db_bounds *bounds; /* of the statement under way */
	bool user;                      /* it is the user's */
};

/* ---- callbacks --------------------------------------------------------------------- */

static int
is_over(void *arg)
{
	const struct db_session *session = arg;

	return session->bounds != NULL && db_is_over(session->bounds);
}

static int
wait_for_lock(void *arg, int times)
{
	struct timespec delay = {.tv_nsec = BUSY_WAIT_MS * 1000000L};

	(void)times;
	if (is_over(arg))
		return 0;
	(void)nanosleep(&delay, NULL);
	return 1;
}

static int
authorize(void *arg, int action, const char *first, const char *second,
          const char *schema, const char *trigger)
{
	const struct db_session *session = arg;

	(void)schema;
	(void)trigger;
	if (!session->user)
		return SQLITE_OK;
	switch (action) {
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
	case SQLITE_PRAGMA:
		return SQLITE_DENY;
	default:
		return (first != NULL && sqlite3_stricmp(first, "heed_effects") == 0) ||
		                       (second != NULL &&
		                        sqlite3_stricmp(second, "heed_effects") == 0)
		               ? SQLITE_DENY
		               : SQLITE_OK;
	}
}

/* ---- failures ---------------------------------------------------------------------- */

static int
class_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_SCHEMA:
		return HEED_E_TRANSIENT;
	case SQLITE_NOMEM:
		return HEED_E_NOMEM;
	case SQLITE_INTERRUPT:
		return HEED_E_TIMEOUT;
	default:
		return HEED_E_PERMANENT;
	}
}

static int
fail(sqlite3 *db, int code, struct heed_error *error)
{
	if ((code & 0xff) == SQLITE_INTERRUPT)
		return error_set(error, HEED_E_TIMEOUT, "the statement took too long");
	if ((code & 0xff) == SQLITE_AUTH)
		return error_set(error, HEED_E_PERMANENT,
		                 "%s: it may not touch transactions, pragmas, files or "
		                 "heed_effects",
		                 sqlite3_errmsg(db));
	return error_set(error, class_of(code), "SQLite: %s", sqlite3_errmsg(db));
}

/* ---- the driver -------------------------------------------------------------------- */

static int
check(const struct connection *connection, struct heed_error *error)
{
	if (connection->password.len == 0)
		return 0;
	(void)error_set(error, HEED_E_CONFIG, "SQLite files have no password");
	error_hint(error, "remove password:");
	return HEED_E_CONFIG;
}

static void
close_session(struct db_session *session)
{
	(void)sqlite3_close(session->db);
	mem_free(session);
}

/* Is it a store of heed's? */
static bool
is_store(sqlite3 *db)
{
	sqlite3_stmt *statement = NULL;
	bool yes = sqlite3_prepare_v2(db, "pragma application_id", -1, &statement,
	                              NULL) == SQLITE_OK &&
	           sqlite3_step(statement) == SQLITE_ROW &&
	           sqlite3_column_int(statement, 0) == HEED_APPLICATION_ID;

	(void)sqlite3_finalize(statement);
	return yes;
}

static int
set_up(struct db_session *session, const char *path, struct heed_error *error)
{
	int r = sqlite3_open_v2(path, &session->db,
	                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (session->db == NULL)
		return error_nomem(error);
	if (r != SQLITE_OK) {
		r = fail(session->db, r, error);
		error_prefix(error, "%s", path);
		return r;
	}
	(void)sqlite3_db_config(session->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_busy_handler(session->db, wait_for_lock, session);
	sqlite3_progress_handler(session->db, PROGRESS_STEPS, is_over, session);
	if (is_store(session->db))
		return error_set(error, HEED_E_PERMANENT,
		                 "%s is a store of heed's: it is not for others to write",
		                 path);
	r = sqlite3_exec(session->db, "pragma synchronous = full", NULL, NULL, NULL);
	if (r != SQLITE_OK)
		return fail(session->db, r, error);
	(void)sqlite3_set_authorizer(session->db, authorize, session);
	return 0;
}

static int
open_session(const struct connection *connection, const struct db_bounds *bounds,
             struct db_session **ret_session, struct heed_error *error)
{
	struct db_session *session = mem_new(sizeof(*session));
	int r;

	if (session == NULL)
		return error_nomem(error);
	session->bounds = bounds;
	r = set_up(session, connection->place, error);
	session->bounds = NULL;
	if (r < 0) {
		close_session(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

static int
run(struct db_session *session, struct db_statement *statement, sqlite3_stmt *st,
    struct heed_error *error)
{
	struct sqlite_value_bounds bounds = {statement->rows_max, statement->bytes_max};
	int r;

	if (statement->read_only && !sqlite3_stmt_readonly(st))
		return error_set(error, HEED_E_PERMANENT,
		                 "the statement writes, and read_only is set");
	r = sqlite_value_bind(st, statement->values, statement->arena, error);
	if (r == SQLITE_OK)
		r = sqlite_value_step(st, &bounds, statement->arena, &statement->rows,
		                      error);
	statement->changed = r == SQLITE_OK && !sqlite3_stmt_readonly(st)
	                             ? sqlite3_changes64(session->db)
	                             : 0;
	return r;
}

static int
execute(struct db_session *session, struct db_statement *statement,
        const struct db_bounds *bounds, struct heed_error *error)
{
	sqlite3_stmt *st = NULL;
	int r;

	session->bounds = bounds;
	session->user = !statement->own;
	r = sqlite_value_prepare(session->db, statement->text, &st, error);
	if (r == SQLITE_OK)
		r = run(session, statement, st, error);
	if (r > 0)
		r = fail(session->db, r, error);
	(void)sqlite3_finalize(st);
	session->user = false;
	session->bounds = NULL;
	return r;
}

/* A file has no connection to lose. */
static bool
is_broken(struct db_session *session)
{
	(void)session;
	return false;
}

const struct db_driver db_sqlite = {
	.scheme = "sqlite",
	.check = check,
	.open = open_session,
	.execute = execute,
	.is_broken = is_broken,
	.close = close_session,
	.begin = "begin immediate",
	.begin_read_only = "begin",
	.has_effects = "select 1 as one from sqlite_schema where name = 'heed_effects'",
	.make_effects =
		"create table if not exists heed_effects(key text primary key, at "
		"integer not null, result text not null) without rowid",
	.prune_effects =
		"delete from heed_effects where key in (select key from heed_effects "
		"where at < :before limit 2000)",
};
