/*
 * sqlite_open.c - the SQLite driver: its connections, and the lock that keeps it the only
 * writer.
 *
 * One process writes: it holds flock on PATH-lock for as long as it lives, so a second
 * one is refused at once and told by whom. The kernel drops the lock with the process,
 * however that ends. WAL lets others read beside it; synchronous=FULL makes each commit
 * wait for the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "store/local.h"

#define BUSY_MS 5000
#define PATH_SIZE 4096

/* Keys are random, so each group dirties many pages: a large cache keeps them from being
 * read again, and rare checkpoints write each of them once. It takes a fraction of a
 * second to read the log back after a crash. */
static const char writer_pragmas[] =
	"pragma journal_mode = wal; pragma synchronous = full;"
	"pragma wal_autocheckpoint = 16000; pragma journal_size_limit = 134217728;"
	"pragma cache_size = -65536; pragma temp_store = memory";

int
sqlite_error(sqlite3 *db, struct heed_error *error, const char *doing)
{
	int code = sqlite3_errcode(db) & 0xff;
	int result = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? HEED_E_CORRUPT
	             : code == SQLITE_FULL                           ? HEED_E_LIMIT
	             : code == SQLITE_NOMEM                          ? HEED_E_NOMEM
	                                                             : HEED_E_STORE;

	(void)error_set(error, result, "%s: %s", doing, sqlite3_errmsg(db));
	if (result == HEED_E_CORRUPT)
		error_hint(
			error,
			"restore it from a backup, or move the file away to start anew");
	else if (result == HEED_E_LIMIT)
		error_hint(error, "make room on the disk");
	return result;
}

int
sqlite_run(sqlite3 *db, const char *sql, struct heed_error *error, const char *doing)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK
	               ? 0
	               : sqlite_error(db, error, doing);
}

int
sqlite_number(sqlite3 *db, const char *sql, int64_t *ret_number, struct heed_error *error)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (r == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		*ret_number = sqlite3_column_int64(statement, 0);
		(void)sqlite3_finalize(statement);
		return 0;
	}
	r = sqlite_error(db, error, "cannot read the store");
	(void)sqlite3_finalize(statement);
	return r;
}

/* ---- the lock ---------------------------------------------------------------------- */

static int
refuse_second(struct store *store, struct heed_error *error)
{
	char holder[32] = "";
	ssize_t got = pread(store->lock_fd, holder, sizeof(holder) - 1, 0);

	holder[got > 0 ? got : 0] = '\0';
	(void)error_set(error, HEED_E_LOCKED, "process %s is using the store %s",
	                holder[0] != '\0' ? holder : "(unknown)", store->path);
	error_hint(error, "stop it first, or give this one another store");
	return HEED_E_LOCKED;
}

static int
take_lock(struct store *store, struct heed_error *error)
{
	char path[PATH_SIZE];
	char self[32];
	int len;

	if ((size_t)snprintf(path, sizeof(path), "%s-lock", store->path) >= sizeof(path))
		return error_set(error, HEED_E_IO, "the store's path is too long");
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0) {
		(void)error_set(error, HEED_E_IO, "cannot create %s: %s", path,
		                strerror(errno));
		error_hint(error, "the folder must be there and writable");
		return HEED_E_IO;
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return refuse_second(store, error);
		return error_set(error, HEED_E_IO, "cannot lock %s: %s", path,
		                 strerror(errno));
	}
	/* The number is for people: a full disk must not keep the store from opening. */
	len = snprintf(self, sizeof(self), "%ld", (long)getpid());
	if (ftruncate(store->lock_fd, 0) == 0)
		(void)!pwrite(store->lock_fd, self, (size_t)len, 0);
	return 0;
}

/* ---- connections ------------------------------------------------------------------- */

static int
open_file(struct store *store, sqlite3 **ret_db, int flags, struct heed_error *error)
{
	const char *path = store->path != NULL ? store->path : MEMORY_NAME;
	char doing[512];

	(void)snprintf(doing, sizeof(doing), "cannot open the store %s", path);
	if (sqlite3_open_v2(path, ret_db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return *ret_db != NULL ? sqlite_error(*ret_db, error, doing)
		                       : error_nomem(error);
	(void)sqlite3_busy_timeout(*ret_db, BUSY_MS);
	(void)sqlite3_db_config(*ret_db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	return 0;
}

/* What is in it is for its user alone: SQLite gives its other files the same mode. */
static int
make_file(struct store *store, struct heed_error *error)
{
	int fd;

	if (store->path == NULL)
		return 0;
	fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		return close(fd);
	(void)error_set(error, HEED_E_IO, "cannot open the store %s: %s", store->path,
	                strerror(errno));
	error_hint(error, "it has to be a file that this user may write");
	return HEED_E_IO;
}

/* The counters go on from what is there. */
static int
open_writer(struct store *store, struct heed_error *error)
{
	int version;

	HEED_TRY(make_file(store, error));
	HEED_TRY(open_file(store, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	                   error));
	HEED_TRY(schema_version(store, store->db, &version, error));
	HEED_TRY(sqlite_run(store->db, writer_pragmas, error, "cannot open the store"));
	HEED_TRY(schema_migrate(store, version, error));
	HEED_TRY(schema_mark_open(store, error));
	HEED_TRY(sqlite_number(store->db, "select coalesce(max(seq), 0) + 1 from events",
	                       &store->next_event, error));
	HEED_TRY(sqlite_number(store->db, "select coalesce(max(id), 0) + 1 from runs",
	                       &store->next_run, error));
	HEED_TRY(sqlite_number(store->db, "select coalesce(max(id), 0) + 1 from jobs",
	                       &store->next_job, error));
	if (row_prepare(store) != SQLITE_OK)
		return sqlite_error(store->db, error, "cannot prepare the store");
	user_guard(store);
	store->opened = true;
	return 0;
}

static int
open_looker(struct store *store, struct heed_error *error)
{
	int version;

	if (access(store->path, R_OK) < 0) {
		(void)error_set(error, HEED_E_NOTFOUND, "there is no store %s: %s",
		                store->path, strerror(errno));
		error_hint(error, "heed run makes it");
		return HEED_E_NOTFOUND;
	}
	HEED_TRY(open_file(store, &store->reader, SQLITE_OPEN_READONLY, error));
	HEED_TRY(schema_version(store, store->reader, &version, error));
	if (version == schema_latest)
		return 0;
	(void)error_set(error, HEED_E_UNSUPPORTED,
	                "the store %s is of version %d; this heed reads version %d",
	                store->path, version, schema_latest);
	error_hint(error, "heed run brings it up to date");
	return HEED_E_UNSUPPORTED;
}

static int
open_both(struct store *store, struct heed_error *error)
{
	HEED_TRY(take_lock(store, error));
	HEED_TRY(open_writer(store, error));
	return open_file(store, &store->reader, SQLITE_OPEN_READONLY, error);
}

static int
sqlite_open(struct store *store, struct heed_error *error)
{
	int r = store->loop == NULL ? open_looker(store, error) : open_both(store, error);

	if (r < 0 && error != NULL && strstr(error->text, store->path) == NULL)
		error_prefix(error, "%s", store->path);
	return r;
}

static void
sqlite_close(struct store *store)
{
	int i;

	for (i = 0; i < ST_COUNT; i++)
		(void)sqlite3_finalize(store->statements[i]);
	if (store->reader != store->db)
		(void)sqlite3_close(store->reader);
	if (store->opened && !store->fault.cut)
		schema_mark_closed(store);
	/* After a cut, and what could not be opened, everything is left as it is. */
	if (store->db != NULL && (store->fault.cut || !store->opened))
		(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		                        NULL);
	(void)sqlite3_close(store->db);
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
}

static int
memory_open(struct store *store, struct heed_error *error)
{
	if (store->loop == NULL)
		return error_set(error, HEED_E_NOTFOUND,
		                 "a store in memory is its process's own");
	HEED_TRY(open_writer(store, error));
	store->reader = store->db;
	return 0;
}

const struct store_driver sqlite_driver = {
	.prefix = "sqlite:",
	.has_path = true,
	.has_thread = true,
	.open = sqlite_open,
	.close = sqlite_close,
	.commit = sqlite_commit,
};

const struct store_driver memory_driver = {
	.prefix = "memory:",
	.open = memory_open,
	.close = sqlite_close,
	.commit = sqlite_commit,
};
