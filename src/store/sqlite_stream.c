/*
 * sqlite_stream.c - streams as they are read: one forward from a version, all of them in
 * order of position, their snapshots and their names.
 *
 * The terms "version > 0" and "position > 0" are what the partial indexes ask for.
 */
#include "base/error.h"
#include "store/local.h"

int
store_read_stream(struct store *store, struct heed_str stream, int64_t from,
                  int64_t limit, store_event_fn *fn, void *arg, struct heed_error *error)
{
	struct query query = {.n = 1, .values = {stream}};

	buf_init(&query.sql, 0);
	buf_addf(&query.sql,
	         "select " EVENT_COLUMNS " from events e where e.stream = ?"
	         " and e.version > 0 and e.version >= %lld order by e.version",
	         (long long)from);
	if (limit > 0)
		buf_addf(&query.sql, " limit %lld", (long long)limit);
	return query_events(store, &query, fn, arg, error);
}

/* Behind every name that begins with what stands before it. */
#define LAST "|| char(1114111)"

int
store_read_log(struct store *store, int64_t from, int64_t until, struct heed_str stream,
               store_event_fn *fn, void *arg, struct heed_error *error)
{
	struct query query = {.n = 0};

	buf_init(&query.sql, 0);
	/* The sign keeps SQLite from walking through the whole of a stream. */
	buf_addf(&query.sql,
	         "select " EVENT_COLUMNS " from events e where e.position > 0"
	         " and e.position >= %lld and e.position < %lld",
	         (long long)from, (long long)until);
	if (str_ends(stream, "*")) {
		buf_adds(&query.sql, " and +e.stream >= ? and +e.stream < ? " LAST);
		query.values[query.n++] = str_head(stream, stream.len - 1);
		query.values[query.n++] = str_head(stream, stream.len - 1);
	} else if (stream.len > 0) {
		buf_adds(&query.sql, " and +e.stream = ?");
		query.values[query.n++] = stream;
	}
	buf_adds(&query.sql, " order by e.position");
	return query_events(store, &query, fn, arg, error);
}

static int
number_row(void *arg, sqlite3_stmt *row)
{
	*(int64_t *)arg = sqlite3_column_int64(row, 0);
	return 0;
}

int
store_read_log_end(struct store *store, int64_t *ret_position, struct heed_error *error)
{
	struct query query = {.n = 0};
	int64_t position = 0;

	buf_init(&query.sql, 0);
	buf_adds(&query.sql, "select position from events where position > 0"
	                     " order by position desc limit 1");
	HEED_TRY(query_run(store, &query, number_row, &position, error));
	*ret_position = position;
	return 0;
}

/* ---- snapshots --------------------------------------------------------------------- */

struct snapshot_call {
	struct arena *arena;
	struct store_snapshot snapshot;
	bool found;
};

static int
snapshot_row(void *arg, sqlite3_stmt *row)
{
	struct snapshot_call *call = arg;

	call->found = true;
	call->snapshot.version = sqlite3_column_int64(row, 0);
	call->snapshot.state = arena_str(call->arena, query_text(row, 1));
	call->snapshot.at_us = sqlite3_column_int64(row, 2);
	return call->snapshot.state.data == NULL ? HEED_E_NOMEM : 0;
}

int
store_read_snapshot(struct store *store, struct heed_str stream, struct heed_str fold,
                    int64_t at_most, struct arena *arena,
                    struct store_snapshot *ret_snapshot, struct heed_error *error)
{
	struct snapshot_call call = {
		.arena = arena,
		.snapshot = {.stream = stream, .fold = fold},
	};
	struct query query = {.n = 2, .values = {stream, fold}};

	buf_init(&query.sql, 0);
	buf_addf(&query.sql,
	         "select version, state, at_us from snapshots where stream = ?"
	         " and fold = ? and version <= %lld",
	         (long long)at_most);
	HEED_TRY(query_run(store, &query, snapshot_row, &call, error));
	if (!call.found)
		return error_set(error, HEED_E_NOTFOUND, "there is no snapshot of %.*s",
		                 STR_ARG(stream));
	*ret_snapshot = call.snapshot;
	return 0;
}

/* ---- names ------------------------------------------------------------------------- */

struct stream_call {
	store_stream_fn *fn;
	void *arg;
};

static int
stream_row(void *arg, sqlite3_stmt *row)
{
	struct stream_call *call = arg;

	return call->fn(call->arg, query_text(row, 0), sqlite3_column_int64(row, 1));
}

int
store_read_streams(struct store *store, struct heed_str prefix, struct heed_str after,
                   int64_t limit, store_stream_fn *fn, void *arg,
                   struct heed_error *error)
{
	struct stream_call call = {fn, arg};
	struct query query = {.n = 3, .values = {after, prefix, prefix}};

	buf_init(&query.sql, 0);
	/* From name to name, without a look at the versions in between. */
	buf_addf(&query.sql,
	         "with recursive names(name) as ("
	         " select min(stream) from events where version > 0 and stream > ?1"
	         " and stream >= ?2 and stream < ?3 " LAST
	         " union all select (select min(stream) from events where version > 0"
	         " and stream > name and stream < ?3 " LAST ")"
	         " from names where name is not null limit %lld)"
	         " select name, (select max(version) from events where stream = name"
	         " and version > 0) from names where name is not null",
	         (long long)limit);
	return query_run(store, &query, stream_row, &call, error);
}
