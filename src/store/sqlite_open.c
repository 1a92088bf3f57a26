/*
 * sqlite_open.c - the SQLite file: opening, locking, migrating, checking.
 *
 * One process writes: it holds flock on PATH-lock for as long as it lives, so a second one is
 * refused at once and with its number. A `clean` mark in meta tells whether the last writer
 * closed in peace; when not, the file is checked before it is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "store/local.h"

#define APPLICATION_ID 0x68656564 /* "heed" */

/* Each brings a file from the version of its place (0-based) to the next. */
static const char *const migrations[] = {
	"create table meta(name text primary key, value text not null) without rowid;"
	"create table events(seq integer primary key, source text not null, id text not null,"
	" type text not null, subject text not null, time_us integer not null,"
	" received_us integer not null, depth integer not null, parent_run integer not null,"
	" trace text not null, body text not null);"
	"create index events_type on events(type, seq);"
	"create index events_parent on events(parent_run) where parent_run > 0;"
	"create index events_id on events(id);"
	"create table dedup(hash blob primary key, at_us integer not null) without rowid;"
	"create index dedup_at on dedup(at_us);"
	"create table runs(id integer primary key, event_seq integer not null,"
	" flow text not null, name text not null, definition text not null, key text not null,"
	" state integer not null, due_us integer not null, created_us integer not null,"
	" updated_us integer not null, redrives integer not null, tokens_in integer not null,"
	" tokens_out integer not null, cost_nano integer not null, calls integer not null,"
	" class text not null, text text not null, step text not null);"
	"create index runs_event on runs(event_seq);"
	"create index runs_open on runs(state, id) where state <> 5;"
	"create table journal(run_id integer not null, n integer not null,"
	" kind integer not null, state integer not null, step text not null,"
	" attempt integer not null, at_us integer not null, ended_us integer not null,"
	" model text not null, input integer not null, cached_input integer not null,"
	" cache_write integer not null, output integer not null, reasoning integer not null,"
	" cost_nano integer not null, class text not null, request text not null,"
	" reply text not null, detail text not null, primary key(run_id, n)) without rowid;"
	"create table definitions(hash text primary key, flow text not null,"
	" name text not null, text text not null, at_us integer not null) without rowid;"
	"create table cursors(source text primary key, position text not null,"
	" at_us integer not null) without rowid;",
};

#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

int
sqlite_error(sqlite3 *db, struct heed_error *error, const char *doing)
{
	int code = sqlite3_errcode(db) & 0xff;
	int result = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? HEED_E_CORRUPT
		     : code == SQLITE_FULL			     ? HEED_E_LIMIT
		     : code == SQLITE_NOMEM			     ? HEED_E_NOMEM
								     : HEED_E_STORE;

	(void)error_set(error, result, "%s: %s", doing, sqlite3_errmsg(db));
	if (result == HEED_E_CORRUPT)
		error_hint(error, "restore it from a backup, or move the file away to start anew");
	else if (result == HEED_E_LIMIT)
		error_hint(error, "make room on the disk");
	return result;
}

static int
run_sql(sqlite3 *db, const char *sql, struct heed_error *error, const char *doing)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
								   : sqlite_error(db, error, doing);
}

static int
read_number(sqlite3 *db, const char *sql, int64_t *ret_number, struct heed_error *error)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (r == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		*ret_number = sqlite3_column_int64(statement, 0);
		(void)sqlite3_finalize(statement);
		return 0;
	}
	(void)sqlite3_finalize(statement);
	return sqlite_error(db, error, "cannot read the store");
}

/* ---- the lock --------------------------------------------------------------------------- */

static int
take_lock(struct store *store, struct heed_error *error)
{
	char path[4096];
	char holder[32] = "";
	ssize_t got;
	int len;

	if ((size_t)snprintf(path, sizeof(path), "%s-lock", store->path) >= sizeof(path))
		return error_set(error, HEED_E_IO, "the store's path is too long");
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0) {
		(void)error_set(error, HEED_E_IO, "cannot create %s: %s", path, strerror(errno));
		error_hint(error, "the folder must be there and writable");
		return HEED_E_IO;
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		got = pread(store->lock_fd, holder, sizeof(holder) - 1, 0);
		holder[got > 0 ? got : 0] = '\0';
		(void)error_set(error, HEED_E_LOCKED, "process %s is using the store %s",
				holder[0] != '\0' ? holder : "(unknown)", store->path);
		error_hint(error, "stop it first, or give this one another store");
		return HEED_E_LOCKED;
	}
	len = snprintf(holder, sizeof(holder), "%ld", (long)getpid());
	if (ftruncate(store->lock_fd, 0) < 0 ||
	    pwrite(store->lock_fd, holder, (size_t)len, 0) < 0)
		return error_set(error, HEED_E_IO, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

/* ---- version and health ----------------------------------------------------------------- */

static int
migrate(struct store *store, struct heed_error *error)
{
	int64_t version;
	int64_t application;
	char sql[96];

	HEED_TRY(read_number(store->db, "pragma user_version", &version, error));
	HEED_TRY(read_number(store->db, "pragma application_id", &application, error));
	if (version > 0 && application != APPLICATION_ID) {
		(void)error_set(error, HEED_E_CORRUPT, "%s is a database of another program",
				store->path);
		error_hint(error, "give heed a file of its own");
		return HEED_E_CORRUPT;
	}
	if (version > VERSION) {
		(void)error_set(error, HEED_E_NEWER,
				"the store is of version %d; this heed knows up to %d",
				(int)version, VERSION);
		error_hint(error, "use the newer heed that wrote it");
		return HEED_E_NEWER;
	}
	for (; version < VERSION; version++) {
		HEED_TRY(run_sql(store->db, "begin immediate", error, "cannot migrate the store"));
		(void)snprintf(sql, sizeof(sql),
			       "pragma application_id = %d; pragma user_version = %d; commit",
			       APPLICATION_ID, (int)version + 1);
		if (run_sql(store->db, migrations[version], error, "cannot migrate the store") < 0 ||
		    run_sql(store->db, sql, error, "cannot migrate the store") < 0) {
			(void)sqlite3_exec(store->db, "rollback", NULL, NULL, NULL);
			return error != NULL ? error->code : HEED_E_STORE;
		}
	}
	return 0;
}

/* After a writer that did not close: is the file whole? */
static int
check_health(struct store *store, struct heed_error *error)
{
	sqlite3_stmt *statement = NULL;
	int64_t unclean = 0;
	int r = 0;

	HEED_TRY(read_number(store->db, "select count(*) from meta where name = 'open'", &unclean,
			     error));
	if (unclean == 0)
		return run_sql(store->db, "insert into meta values('open', '1')", error,
			       "cannot write the store");
	if (sqlite3_prepare_v2(store->db, "pragma quick_check(1)", -1, &statement, NULL) !=
		    SQLITE_OK ||
	    sqlite3_step(statement) != SQLITE_ROW)
		r = sqlite_error(store->db, error, "cannot check the store");
	else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
		r = error_set(error, HEED_E_CORRUPT, "the store is damaged: %s",
			      (const char *)sqlite3_column_text(statement, 0));
	(void)sqlite3_finalize(statement);
	if (r == HEED_E_CORRUPT)
		error_hint(error, "restore it from a backup, or move the file away to start anew");
	return r;
}

static const char *const texts[ST_COUNT] = {
	[ST_BEGIN] = "begin immediate",
	[ST_COMMIT] = "commit",
	[ST_ROLLBACK] = "rollback",
	[ST_SAVE] = "savepoint tx",
	[ST_RELEASE] = "release tx",
	[ST_UNSAVE] = "rollback to tx",
	[ST_DEDUP] = "insert or ignore into dedup values(?, ?)",
	[ST_EVENT] = "insert into events values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_RUN] = "insert or replace into runs values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		   " ?, ?, ?, ?)",
	[ST_ENTRY] = "insert or replace into journal values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		     " ?, ?, ?, ?, ?, ?, ?)",
	[ST_CURSOR] = "insert or replace into cursors values(?, ?, ?)",
	[ST_DEFINITION] = "insert or ignore into definitions values(?, ?, ?, ?, ?)",
};

static int
prepare(struct store *store, struct heed_error *error)
{
	int i;

	for (i = 0; i < ST_COUNT; i++)
		if (sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &store->statements[i], NULL) != SQLITE_OK)
			return sqlite_error(store->db, error, "cannot prepare the store");
	return 0;
}

static int
open_file(struct store *store, sqlite3 **ret_db, int flags, struct heed_error *error)
{
	const char *path = store->path != NULL ? store->path : ":memory:";
	char doing[512];

	(void)snprintf(doing, sizeof(doing), "cannot open the store %s", path);
	if (sqlite3_open_v2(path, ret_db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return *ret_db != NULL ? sqlite_error(*ret_db, error, doing) : error_nomem(error);
	(void)sqlite3_busy_timeout(*ret_db, 5000);
	return 0;
}

static int
open_writer(struct store *store, struct heed_error *error)
{
	HEED_TRY(open_file(store, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error));
	HEED_TRY(run_sql(store->db,
			 "pragma journal_mode = wal; pragma synchronous = full;"
			 "pragma wal_autocheckpoint = 4000; pragma cache_size = -8000",
			 error, "cannot open the store"));
	HEED_TRY(migrate(store, error));
	HEED_TRY(check_health(store, error));
	HEED_TRY(read_number(store->db, "select coalesce(max(seq), 0) + 1 from events",
			     &store->next_event, error));
	HEED_TRY(read_number(store->db, "select coalesce(max(id), 0) + 1 from runs",
			     &store->next_run, error));
	return prepare(store, error);
}

int
sqlite_open(struct store *store, struct heed_error *error)
{
	if (store->loop == NULL) { /* for looking */
		if (store->path != NULL && access(store->path, R_OK) < 0) {
			(void)error_set(error, HEED_E_NOTFOUND, "there is no store %s: %s",
					store->path, strerror(errno));
			error_hint(error, "heed run makes it");
			return HEED_E_NOTFOUND;
		}
		return open_file(store, &store->reader, SQLITE_OPEN_READONLY, error);
	}
	if (store->path == NULL) {
		HEED_TRY(open_writer(store, error));
		store->reader = store->db;
		return 0;
	}
	HEED_TRY(take_lock(store, error));
	HEED_TRY(open_writer(store, error));
	return open_file(store, &store->reader, SQLITE_OPEN_READONLY, error);
}

void
sqlite_close(struct store *store)
{
	int i;

	for (i = 0; i < ST_COUNT; i++)
		(void)sqlite3_finalize(store->statements[i]);
	if (store->reader != store->db)
		(void)sqlite3_close(store->reader);
	if (store->db != NULL) {
		(void)sqlite3_exec(store->db, "delete from meta where name = 'open'", NULL, NULL,
				   NULL);
		(void)sqlite3_close(store->db);
	}
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
}
