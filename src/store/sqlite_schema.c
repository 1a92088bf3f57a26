/*
 * sqlite_schema.c - heed's tables: how each version of them becomes the next, and whether
 * a file is heed's, whole, and not too new.
 *
 * `user_version` counts the migrations that a file has seen, `application_id` says that
 * it is heed's. A table of the user's own may live beside heed's. The row `open` of meta
 * is there while a writer has the file: found at opening, it tells that the last one did
 * not close.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "store/local.h"

#define APPLICATION_ID 0x68656564 /* "heed" */

/* Each brings a file from the version of its place (0-based) to the next. Never change
 * one that was released. 5 is RUN_DONE. */
static const char *const migrations[] = {
	"create table meta(name text primary key, value text not null) without rowid;"
	"create table events(seq integer primary key, source text not null,"
	" id text not null, type text not null, subject text not null,"
	" time_us integer not null, received_us integer not null,"
	" depth integer not null, parent_run integer not null, trace text not null,"
	" body text not null);"
	"create index events_type on events(type, seq);"
	"create index events_parent on events(parent_run) where parent_run > 0;"
	"create index events_id on events(id);"
	"create table dedup(hash blob primary key,"
	" at_us integer not null) without rowid;"
	"create index dedup_at on dedup(at_us);"
	"create table runs(id integer primary key, event_seq integer not null,"
	" flow text not null, name text not null, definition text not null,"
	" key text not null, state integer not null, due_us integer not null,"
	" created_us integer not null, updated_us integer not null,"
	" redrives integer not null, tokens_in integer not null,"
	" tokens_out integer not null, cost_nano integer not null,"
	" calls integer not null, class text not null, text text not null,"
	" step text not null);"
	"create index runs_event on runs(event_seq);"
	"create index runs_open on runs(state, id) where state <> 5;"
	"create table journal(run_id integer not null, n integer not null,"
	" kind integer not null, state integer not null, step text not null,"
	" attempt integer not null, at_us integer not null, ended_us integer not null,"
	" model text not null, input integer not null, cached_input integer not null,"
	" cache_write integer not null, output integer not null,"
	" reasoning integer not null, cost_nano integer not null, class text not null,"
	" request text not null, reply text not null, detail text not null,"
	" primary key(run_id, n)) without rowid;"
	"create table definitions(hash text primary key, flow text not null,"
	" name text not null, text text not null, at_us integer not null) without rowid;"
	"create table cursors(source text primary key, position text not null,"
	" at_us integer not null) without rowid;",

	"alter table journal add column reserved_nano integer not null default 0;"
	"create index journal_asks on journal(at_us) where kind = 0;"
	"create index events_received on events(received_us);"
	"create table cache(hash blob primary key, model text not null,"
	" reply text not null, at_us integer not null,"
	" expires_us integer not null) without rowid;"
	"create index cache_expires on cache(expires_us);",

	"alter table events add column stream text not null default '';"
	"alter table events add column version integer not null default 0;"
	"alter table events add column position integer not null default 0;"
	"create unique index events_stream on events(stream, version) where version > 0;"
	"create unique index events_position on events(position) where position > 0;"
	"create table snapshots(stream text primary key, fold text not null,"
	" version integer not null, state text not null,"
	" at_us integer not null) without rowid;",

	usage_table,
	usage_triggers,

	"create table jobs(id integer primary key, state integer not null,"
	" kind text not null, spec text not null, position integer not null,"
	" total integer not null, done integer not null, skipped integer not null,"
	" text text not null, created_us integer not null,"
	" updated_us integer not null);",

	/* Events that may be forgotten are found in the index alone. */
	"drop index events_received;"
	"create index events_received on events(received_us, position);",
};

static const char *const tables[] = {
	"meta",    "events", "dedup",     "runs",  "journal", "definitions",
	"cursors", "cache",  "snapshots", "usage", "jobs",
};

const int schema_latest = (int)(sizeof(migrations) / sizeof(migrations[0]));

bool
schema_has_table(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (sqlite3_stricmp(name, tables[i]) == 0)
			return true;
	return false;
}

int
schema_version(struct store *store, sqlite3 *db, int *ret_version,
               struct heed_error *error)
{
	const char *path = store->path != NULL ? store->path : MEMORY_NAME;
	int64_t version;
	int64_t application;
	int64_t others = 0;

	HEED_TRY(sqlite_number(db, "pragma user_version", &version, error));
	HEED_TRY(sqlite_number(db, "pragma application_id", &application, error));
	if (application != APPLICATION_ID)
		HEED_TRY(sqlite_number(db, "select count(*) from sqlite_schema", &others,
		                       error));
	if (application != APPLICATION_ID &&
	    (version != 0 || application != 0 || others != 0)) {
		(void)error_set(error, HEED_E_CORRUPT,
		                "%s is a database of another program", path);
		error_hint(error, "give heed a file of its own");
		return HEED_E_CORRUPT;
	}
	if (version > schema_latest) {
		(void)error_set(error, HEED_E_NEWER,
		                "the store %s is of version %d; this heed knows up to %d",
		                path, (int)version, schema_latest);
		error_hint(error, "use the newer heed that wrote it");
		return HEED_E_NEWER;
	}
	if (version < 0)
		return error_set(error, HEED_E_CORRUPT, "the store %s has the version %d",
		                 path, (int)version);
	*ret_version = (int)version;
	return 0;
}

int
schema_migrate(struct store *store, int version, struct heed_error *error)
{
	static const char doing[] = "cannot migrate the store";
	char mark[96];
	int r;

	for (; version < schema_latest; version++) {
		(void)snprintf(
			mark, sizeof(mark),
			"pragma application_id = %d; pragma user_version = %d; commit",
			APPLICATION_ID, version + 1);
		HEED_TRY(sqlite_run(store->db, "begin immediate", error, doing));
		r = sqlite_run(store->db, migrations[version], error, doing);
		if (r == 0)
			r = sqlite_run(store->db, mark, error, doing);
		if (r < 0) {
			(void)sqlite3_exec(store->db, "rollback", NULL, NULL, NULL);
			return r;
		}
	}
	return 0;
}

static int
check_whole(struct store *store, struct heed_error *error)
{
	sqlite3_stmt *statement = NULL;
	const char *answer;
	int r = 0;

	if (sqlite3_prepare_v2(store->db, "pragma quick_check(1)", -1, &statement,
	                       NULL) != SQLITE_OK ||
	    sqlite3_step(statement) != SQLITE_ROW) {
		r = sqlite_error(store->db, error, "cannot check the store");
	} else {
		answer = (const char *)sqlite3_column_text(statement, 0);
		if (answer == NULL || strcmp(answer, "ok") != 0) {
			r = error_set(error, HEED_E_CORRUPT,
			              "the store %s is damaged: %s", store->path,
			              answer != NULL ? answer : "?");
			error_hint(error,
			           "restore it from a backup, or move the file away to "
			           "start anew");
		}
	}
	(void)sqlite3_finalize(statement);
	return r;
}

int
schema_mark_open(struct store *store, struct heed_error *error)
{
	int64_t marked;

	HEED_TRY(sqlite_number(store->db, "select count(*) from meta where name = 'open'",
	                       &marked, error));
	if (marked != 0)
		return check_whole(store, error);
	return sqlite_run(store->db, "insert into meta values('open', '1')", error,
	                  "cannot write the store");
}

void
schema_mark_closed(struct store *store)
{
	/* A failure costs the next opening a check, no more. */
	(void)sqlite3_exec(store->db, "delete from meta where name = 'open'", NULL, NULL,
	                   NULL);
}
