/*
 * streams.c - heed's event log measured from inside: appends, replay, states, and beside
 * the replay the bare loop that reads and parses the same rows.
 *
 *	streams append FILE EVENTS STREAMS   a transaction an event, 800 under way
 *	streams replay FILE                  fold stream s/0 from its first event
 *	streams read FILE                    the same rows, read and parsed only
 *	streams snapshot FILE                fold, then keep a snapshot
 *	streams state FILE                   fold from the snapshot
 *
 * Prints JSON: events, seconds.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "engine/fold.h"
#include "loop/loop.h"
#include "store/store.h"

#define UNDER_WAY 800
#define STREAM HEED_STR("s/0")

static struct loop *loop;
static struct store *store;
static struct expr_set *exprs;
static struct fold_row row;
static struct stream_fold fold;

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
must(int r, const char *doing, const struct heed_error *error)
{
	if (r == 0)
		return;
	fprintf(stderr, "streams: %s: %s\n", doing, error != NULL ? error->text : "");
	exit(1);
}

static void
open_store(const char *path)
{
	struct heed_error error = {0};
	char where[512];

	(void)snprintf(where, sizeof(where), "sqlite:%s", path);
	must(loop_new(LOOP_REAL, &loop), "loop", NULL);
	must(store_open(loop, str_of(where), &store, &error), "open", &error);
}

static void
make_fold(void)
{
	static struct heed_member members[2];
	struct heed_error error = {0};

	members[0] = (struct heed_member){HEED_STR("n"), json_int(0)};
	members[1] = (struct heed_member){HEED_STR("total"), json_int(0)};
	exprs = expr_set_new();
	row.type = HEED_STR("counted");
	must(expr_new(exprs,
	              HEED_STR("{n: (.state.n + 1), total: (.state.total + "
	                       ".event.data.total)}"),
	              &row.apply, &error),
	     "fold", &error);
	fold = (struct stream_fold){
		.hash = HEED_STR("bench"),
		.initial = {.kind = HEED_OBJECT, .len = 2, .members = members},
		.rows = &row,
		.n = 1,
		.snapshot_every = 1000,
	};
}

static void
tell(int64_t events, double seconds)
{
	printf("{\"events\":%lld,\"seconds\":%.4f}\n", (long long)events, seconds);
}

/* ---- appending --------------------------------------------------------------------- */

static int64_t appended, written, wanted, n_streams;
static int64_t *versions;

static void append_next(void);

static void
append_done(void *arg, const struct store_result *result)
{
	(void)arg;
	if (result->code != 0) {
		fprintf(stderr, "streams: append: %s\n", result->text);
		exit(1);
	}
	written++;
	append_next();
	if (written == wanted)
		loop_stop(loop);
}

static void
append_next(void)
{
	/* Borrowed until they are written. */
	static char bodies[UNDER_WAY + 1][512];
	static char ids[UNDER_WAY + 1][64];
	static char streams[UNDER_WAY + 1][64];
	static struct store_event events[UNDER_WAY + 1];
	int64_t slot = appended % (UNDER_WAY + 1);
	char *text = bodies[slot];
	char *id = ids[slot];
	char *stream = streams[slot];
	int64_t at = appended % n_streams;
	struct store_event *event = &events[slot];
	struct store_tx *tx;

	if (appended == wanted)
		return;
	appended++;
	(void)snprintf(id, 64, "%lld", (long long)appended);
	(void)snprintf(stream, 64, "s/%lld", (long long)at);
	(void)snprintf(text, 512,
	               "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"heed/"
	               "bench\",\"type\":"
	               "\"counted\",\"subject\":\"%s\",\"time\":\"2026-11-25T00:00:00Z\","
	               "\"stream\":"
	               "\"%s\",\"version\":%lld,\"data\":{\"total\":7,\"note\":\"a note "
	               "of about "
	               "the length of an order's line\"}}",
	               id, stream, stream, (long long)versions[at] + 1);
	*event = (struct store_event){
		.seq = store_next_event(store),
		.id = str_of(id),
		.source = HEED_STR("heed/bench"),
		.type = HEED_STR("counted"),
		.subject = str_of(stream),
		.time_us = loop_wall_us(loop),
		.received_us = loop_wall_us(loop),
		.body = str_of(text),
	};
	tx = store_begin(store);
	if (tx == NULL ||
	    store_put_append(tx, str_of(stream), versions[at]++, event, 1) < 0)
		exit(1);
	store_commit(store, tx, append_done, NULL);
}

static void
append(int64_t events, int64_t streams)
{
	double begun = now_s();
	int i;

	wanted = events;
	n_streams = streams;
	versions = calloc((size_t)streams, sizeof(*versions));
	for (i = 0; i < UNDER_WAY && i < wanted; i++)
		append_next();
	loop_run(loop);
	tell(events, now_s() - begun);
}

/* ---- replay ------------------------------------------------------------------------ */

static void
replay_stream(bool from_snapshot, bool keep)
{
	struct heed_error error = {0};
	struct replay replay;
	double begun = now_s();
	double ended;

	replay_init(&replay, &fold, STREAM, FOLD_NEWEST);
	if (from_snapshot)
		must(replay_snapshot(&replay, store, &error), "snapshot", &error);
	must(replay_all(&replay, store, &error), "replay", &error);
	ended = now_s();
	if (json_get_int(replay.state, "n", -1) != replay.version) {
		fprintf(stderr, "streams: the state is wrong\n");
		exit(1);
	}
	if (keep) {
		struct store_snapshot snapshot = {
			.stream = STREAM,
			.fold = fold.hash,
			.version = replay.version,
			.state = json_text_of(&replay.arenas[0], replay.state),
			.at_us = loop_wall_us(loop),
		};
		struct store_tx *tx = store_begin(store);

		wanted = written + 1;
		must(store_put_snapshot(tx, &snapshot), "snapshot", NULL);
		appended = wanted;
		store_commit(store, tx, append_done, NULL);
		loop_run(loop);
	}
	tell(replay.version, ended - begun);
	replay_done(&replay);
}

/* What any replay has to do at least. */
static void
read_rows(const char *path)
{
	struct arena arena;
	sqlite3_stmt *statement;
	sqlite3 *db;
	double begun;
	int64_t n = 0;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
	                       "select body from events where stream = 's/0'"
	                       " and version > 0 order by version",
	                       -1, &statement, NULL) != SQLITE_OK) {
		fprintf(stderr, "streams: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	arena_init(&arena, 0);
	begun = now_s();
	while (sqlite3_step(statement) == SQLITE_ROW) {
		struct heed_str body = {(const char *)sqlite3_column_text(statement, 0),
		                        (size_t)sqlite3_column_bytes(statement, 0)};
		struct heed_json value;

		must(json_parse(&arena, body, &value, NULL), "parse", NULL);
		arena_reset(&arena);
		n++;
	}
	tell(n, now_s() - begun);
	arena_done(&arena);
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "read") == 0) {
		read_rows(argv[2]);
		return 0;
	}
	open_store(argv[2]);
	make_fold();
	if (strcmp(argv[1], "append") == 0 && argc == 5)
		append(atoll(argv[3]), atoll(argv[4]));
	else if (strcmp(argv[1], "replay") == 0)
		replay_stream(false, false);
	else if (strcmp(argv[1], "snapshot") == 0)
		replay_stream(false, true);
	else if (strcmp(argv[1], "state") == 0)
		replay_stream(true, false);
	else
		return 2;
	store_close(store);
	loop_free(loop);
	expr_set_free(exprs);
	return 0;
}
