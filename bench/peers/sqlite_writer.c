/*
 * sqlite_writer.c - the bare limit of durable rows: SQLite alone (WAL, synchronous=FULL)
 * writes rows of heed's shape in transactions of GROUP rows' worth of events.
 *
 * "events": per event a row of events. "intake": and one of dedup. "runs": and one of runs.
 * A number: rows of events in so many streams, with the two indices that streams need.
 *
 *	usage: sqlite_writer FILE events|intake|runs|STREAMS EVENTS GROUP
 *
 * Prints JSON: events, seconds, cpu.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static sqlite3 *db;

static void
must(int r)
{
	if (r == SQLITE_OK || r == SQLITE_DONE)
		return;
	fprintf(stderr, "sqlite_writer: %s\n", sqlite3_errmsg(db));
	exit(1);
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static sqlite3_stmt *
prepare(const char *sql)
{
	sqlite3_stmt *statement;

	must(sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
	return statement;
}

static void
step(sqlite3_stmt *statement)
{
	must(sqlite3_step(statement));
	must(sqlite3_reset(statement));
}

static void
text(sqlite3_stmt *statement, int at, const char *value)
{
	must(sqlite3_bind_text(statement, at, value, -1, SQLITE_STATIC));
}

static void
number(sqlite3_stmt *statement, int at, int64_t value)
{
	must(sqlite3_bind_int64(statement, at, value));
}

static const char schema[] =
	"pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint "
	"= 4000;"
	"create table events(seq integer primary key, source text, id text, type text,"
	" subject text, time_us integer, received_us integer, depth integer,"
	" parent_run integer, trace text, body text, stream text not null default '',"
	" version integer not null default 0, position integer not null default 0);"
	"create unique index events_stream on events(stream, version) where version > 0;"
	"create unique index events_position on events(position) where position > 0;"
	"create index events_type on events(type, seq); create index events_id on "
	"events(id);"
	"create index events_received on events(received_us);"
	"create table dedup(hash blob primary key, at_us integer) without rowid;"
	"create index dedup_at on dedup(at_us);"
	"create table runs(id integer primary key, event_seq integer, flow text, name "
	"text,"
	" definition text, key text, state integer, due_us integer, created_us integer,"
	" updated_us integer, class text, text text, step text);"
	"create index runs_event on runs(event_seq);"
	"create index runs_open on runs(state, id) where state <> 5;";

static sqlite3_stmt *events, *dedup, *runs;
static bool with_dedup, with_run;
static int64_t streams; /* 0: none */

static void
write_event(int64_t n)
{
	uint64_t hash[2] = {(uint64_t)n * 0x9e3779b97f4a7c15u,
	                    (uint64_t)n * 0xbf58476d1ce4e5b9u};
	char id[32];
	char stream[32];
	char body[512];

	(void)snprintf(id, sizeof(id), "%lld", (long long)n);
	(void)snprintf(
		body, sizeof(body),
		"{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/crm\",\"type\":"
		"\"customer_created\",\"time\":\"2026-11-25T00:00:00Z\",\"data\":{\"id\":"
		"%s,"
		"\"email\":\"someone@example.com\",\"employees\":120,\"note\":\"bench\"}"
		"}",
		id, id);
	number(events, 1, n);
	text(events, 2, "/crm");
	text(events, 3, id);
	text(events, 4, "customer_created");
	text(events, 5, "");
	number(events, 6, 1764000000000000 + n);
	number(events, 7, 1764000000000000 + n);
	number(events, 8, 0);
	number(events, 9, 0);
	text(events, 10, "");
	text(events, 11, body);
	if (streams > 0) {
		(void)snprintf(stream, sizeof(stream), "s/%lld",
		               (long long)(n % streams));
		text(events, 12, stream);
		number(events, 13, n / streams + 1);
		number(events, 14, n);
	}
	step(events);
	if (!with_dedup)
		return;
	must(sqlite3_bind_blob(dedup, 1, hash, sizeof(hash), SQLITE_STATIC));
	number(dedup, 2, 1764000000000000 + n);
	step(dedup);
	if (!with_run)
		return;
	number(runs, 1, n);
	number(runs, 2, n);
	text(runs, 3, "reaction");
	text(runs, 4, "enrich");
	text(runs, 5, "0123456789abcdef0123456789abcdef");
	text(runs, 6, "");
	number(runs, 7, 1);
	number(runs, 8, 0);
	number(runs, 9, 1764000000000000 + n);
	number(runs, 10, 1764000000000000 + n);
	text(runs, 11, "");
	text(runs, 12, "");
	text(runs, 13, "");
	step(runs);
}

int
main(int argc, char **argv)
{
	int64_t n, total, group;
	struct rusage usage;
	double begun;

	if (argc != 5)
		return 2;
	with_run = strcmp(argv[2], "runs") == 0;
	with_dedup = with_run || strcmp(argv[2], "intake") == 0;
	total = atoll(argv[3]);
	group = atoll(argv[4]);
	must(sqlite3_open(argv[1], &db));
	must(sqlite3_exec(db, schema, NULL, NULL, NULL));
	streams = atoll(argv[2]);
	events = prepare(streams > 0
	                         ? "insert into events values(?, ?, ?, ?, ?, ?, ?, ?, ?,"
	                           " ?, ?, ?, ?, ?)"
	                         : "insert into events(seq, source, id, type, subject,"
	                           " time_us, received_us, depth, parent_run, trace,"
	                           " body) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	dedup = prepare("insert into dedup values(?, ?)");
	runs = prepare("insert into runs values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	begun = now_s();
	for (n = 0; n < total; n++) {
		if (n % group == 0)
			must(sqlite3_exec(db, n > 0 ? "commit; begin" : "begin", NULL,
			                  NULL, NULL));
		write_event(n + 1);
	}
	must(sqlite3_exec(db, "commit", NULL, NULL, NULL));
	(void)getrusage(RUSAGE_SELF, &usage);
	printf("{\"events\":%lld,\"seconds\":%.3f,\"cpu\":%.3f}\n", (long long)total,
	       now_s() - begun,
	       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	return 0;
}
