/*
 * sqlite_sum.c - single values and counts: cursors, definitions, cached answers, jobs.
 * What calls cost is in sqlite_usage.c.
 */
#include "base/error.h"
#include "store/local.h"

/* ---- single values ----------------------------------------------------------------- */

struct text_call {
	struct arena *arena;
	struct heed_str text;
	bool found;
};

static int
text_row(void *arg, sqlite3_stmt *row)
{
	struct text_call *call = arg;

	call->found = true;
	call->text = arena_str(call->arena, query_text(row, 0));
	return call->text.data == NULL ? HEED_E_NOMEM : 0;
}

static int
read_text(struct store *store, const char *sql, struct heed_str key,
          struct text_call *call, struct heed_error *error)
{
	struct query query = {.n = 1, .values = {key}};

	buf_init(&query.sql, 0);
	buf_adds(&query.sql, sql);
	return query_run(store, &query, text_row, call, error);
}

int
store_read_cursor(struct store *store, struct heed_str source, struct arena *arena,
                  struct heed_str *ret_position, struct heed_error *error)
{
	struct text_call call = {.arena = arena};

	HEED_TRY(read_text(store, "select position from cursors where source = ?", source,
	                   &call, error));
	*ret_position = call.text;
	return 0;
}

int
store_read_definition(struct store *store, struct heed_str hash, struct arena *arena,
                      struct heed_str *ret_text, struct heed_error *error)
{
	struct text_call call = {.arena = arena};

	HEED_TRY(read_text(store, "select text from definitions where hash = ?", hash,
	                   &call, error));
	if (!call.found)
		return error_set(error, HEED_E_NOTFOUND,
		                 "the definition %.*s is not in the store",
		                 STR_ARG(hash));
	*ret_text = call.text;
	return 0;
}

struct cache_call {
	struct arena *arena;
	struct store_cached cached;
	bool found;
};

static int
cache_row(void *arg, sqlite3_stmt *row)
{
	struct cache_call *call = arg;

	call->found = true;
	call->cached.model = arena_str(call->arena, query_text(row, 0));
	call->cached.reply = arena_str(call->arena, query_text(row, 1));
	call->cached.at_us = sqlite3_column_int64(row, 2);
	call->cached.expires_us = sqlite3_column_int64(row, 3);
	return call->cached.model.data == NULL || call->cached.reply.data == NULL
	               ? HEED_E_NOMEM
	               : 0;
}

int
store_read_cache(struct store *store, struct heed_str hash, int64_t now_us,
                 struct arena *arena, struct store_cached *ret_cached,
                 struct heed_error *error)
{
	struct cache_call call = {.arena = arena, .cached = {.hash = hash}};
	struct query query = {.n = 1, .values = {hash}};

	buf_init(&query.sql, 0);
	buf_addf(&query.sql,
	         "select model, reply, at_us, expires_us from cache"
	         " where hash = cast(? as blob) and expires_us > %lld",
	         (long long)now_us);
	HEED_TRY(query_run(store, &query, cache_row, &call, error));
	if (!call.found)
		return error_set(error, HEED_E_NOTFOUND,
		                 "the answer is not in the store");
	*ret_cached = call.cached;
	return 0;
}

/* ---- jobs -------------------------------------------------------------------------- */

struct job_call {
	store_job_fn *fn;
	void *arg;
};

static int
job_row(void *arg, sqlite3_stmt *row)
{
	struct job_call *call = arg;
	struct store_job job = {
		.id = sqlite3_column_int64(row, 0),
		.state = (enum job_state)sqlite3_column_int(row, 1),
		.kind = query_text(row, 2),
		.spec = query_text(row, 3),
		.position = sqlite3_column_int64(row, 4),
		.total = sqlite3_column_int64(row, 5),
		.done = sqlite3_column_int64(row, 6),
		.skipped = sqlite3_column_int64(row, 7),
		.text = query_text(row, 8),
		.created_us = sqlite3_column_int64(row, 9),
		.updated_us = sqlite3_column_int64(row, 10),
	};

	return call->fn(call->arg, &job);
}

int
store_read_jobs(struct store *store, int64_t id, int state, store_job_fn *fn, void *arg,
                struct heed_error *error)
{
	struct job_call call = {fn, arg};
	struct query query = {.n = 0};

	buf_init(&query.sql, 0);
	buf_adds(&query.sql, "select id, state, kind, spec, position, total, done,"
	                     " skipped, text, created_us, updated_us from jobs where 1");
	query_number(&query, "id =", id);
	if (state >= 0)
		buf_addf(&query.sql, " and state = %d", state);
	buf_adds(&query.sql, " order by id desc");
	return query_run(store, &query, job_row, &call, error);
}

/* ---- counts ------------------------------------------------------------------------ */

static int
count_row(void *arg, sqlite3_stmt *row)
{
	struct store_counts *counts = arg;
	int state = sqlite3_column_int(row, 0);

	if (state < 0)
		counts->events = sqlite3_column_int64(row, 1);
	else if (state < RUN_STATES)
		counts->runs[state] = sqlite3_column_int64(row, 1);
	return 0;
}

/* Those done are the rest: all runs, and all others, can be counted in an index. */
int
store_read_counts(struct store *store, struct store_counts *ret_counts,
                  struct heed_error *error)
{
	struct store_counts counts = {.events = 0};
	struct query query = {.n = 0};

	buf_init(&query.sql, 0);
	buf_adds(&query.sql,
	         "select -1, count(*) from events union all"
	         " select 5, (select count(*) from runs)"
	         " - (select count(*) from runs where state <> 5) union all"
	         " select state, count(*) from runs where state <> 5 group by state");
	HEED_TRY(query_run(store, &query, count_row, &counts, error));
	*ret_counts = counts;
	return 0;
}
