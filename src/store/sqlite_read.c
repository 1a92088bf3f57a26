/*
 * sqlite_read.c - events, runs and journals, from the loop's thread, a command, or aside.
 * Single values and counts are in sqlite_sum.c.
 */
#include "base/error.h"
#include "base/str.h"
#include "store/local.h"

#define RUN_COLUMNS                                                                      \
	"r.id, r.event_seq, r.flow, r.name, r.definition, r.key, r.state, r.due_us,"     \
	" r.created_us, r.updated_us, r.redrives, r.tokens_in, r.tokens_out,"            \
	" r.cost_nano, r.calls, r.class, r.text, r.step"
#define ENTRY_COLUMNS                                                                    \
	"run_id, n, kind, state, step, attempt, at_us, ended_us, model, input,"          \
	" cached_input, cache_write, output, reasoning, cost_nano, class, request,"      \
	" reply, detail, reserved_nano, asked"

struct heed_str
query_text(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return (struct heed_str){text != NULL ? text : "",
	                         (size_t)sqlite3_column_bytes(st, column)};
}

void
query_event(sqlite3_stmt *st, int at, struct store_event *event)
{
	*event = (struct store_event){
		.seq = sqlite3_column_int64(st, at),
		.source = query_text(st, at + 1),
		.id = query_text(st, at + 2),
		.type = query_text(st, at + 3),
		.subject = query_text(st, at + 4),
		.time_us = sqlite3_column_int64(st, at + 5),
		.received_us = sqlite3_column_int64(st, at + 6),
		.depth = sqlite3_column_int(st, at + 7),
		.parent_run = sqlite3_column_int64(st, at + 8),
		.trace = query_text(st, at + 9),
		.body = query_text(st, at + 10),
		.stream = query_text(st, at + 11),
		.version = sqlite3_column_int64(st, at + 12),
		.position = sqlite3_column_int64(st, at + 13),
	};
}

static void
run_at(sqlite3_stmt *st, struct store_run *run)
{
	*run = (struct store_run){
		.id = sqlite3_column_int64(st, 0),
		.event_seq = sqlite3_column_int64(st, 1),
		.flow = query_text(st, 2),
		.name = query_text(st, 3),
		.definition = query_text(st, 4),
		.key = query_text(st, 5),
		.state = (enum run_state)sqlite3_column_int(st, 6),
		.due_us = sqlite3_column_int64(st, 7),
		.created_us = sqlite3_column_int64(st, 8),
		.updated_us = sqlite3_column_int64(st, 9),
		.redrives = sqlite3_column_int(st, 10),
		.tokens_in = sqlite3_column_int64(st, 11),
		.tokens_out = sqlite3_column_int64(st, 12),
		.cost_nano = sqlite3_column_int64(st, 13),
		.calls = sqlite3_column_int(st, 14),
		.class = query_text(st, 15),
		.text = query_text(st, 16),
		.step = query_text(st, 17),
	};
}

static void
where_text(struct query *query, const char *column, struct heed_str value)
{
	if (value.len == 0)
		return;
	buf_addf(&query->sql, " and %s = ?", column);
	query->values[query->n++] = value;
}

void
query_number(struct query *query, const char *term, int64_t value)
{
	if (value != 0)
		buf_addf(&query->sql, " and %s %lld", term, (long long)value);
}

static int
where_states(struct query *query, const char *states, struct heed_error *error)
{
	struct heed_str rest = str_of(states);
	const char *comma = "";
	bool open = true;

	if (rest.len == 0)
		return 0;
	buf_adds(&query->sql, " and r.state in (");
	while (rest.len > 0) {
		struct heed_str name = str_trim(str_cut(&rest, ','));
		int state = store_run_state_find(name);

		if (state < 0) {
			(void)error_set(error, HEED_E_INVALID,
			                "there is no state \"%.*s\"", STR_ARG(name));
			error_hint(error,
			           "ready, active, waiting, held, done, dead or dropped");
			return HEED_E_INVALID;
		}
		open = open && state != RUN_DONE;
		buf_addf(&query->sql, "%s%d", comma, state);
		comma = ",";
	}
	buf_adds(&query->sql, ")");
	if (open) /* SQLite does not see by itself that the index holds them */
		buf_adds(&query->sql, " and r.state <> 5");
	return 0;
}

_Static_assert(RUN_DONE == 5, "the number is in the index runs_open");

/* Order and bounds; `column` is the number that orders. */
static void
finish(struct query *query, const char *column, const struct store_filter *filter)
{
	if (filter->after != 0)
		buf_addf(&query->sql, " and %s %s %lld", column,
		         filter->newest ? "<" : ">", (long long)filter->after);
	buf_addf(&query->sql, " order by %s %s", column, filter->newest ? "desc" : "asc");
	if (filter->limit > 0)
		buf_addf(&query->sql, " limit %lld", (long long)filter->limit);
}

int
query_run(struct store *store, struct query *query, query_fn *fn, void *arg,
          struct heed_error *error)
{
	sqlite3_stmt *st = NULL;
	int result = 0;
	int r;
	int i;

	if (buf_error(&query->sql) != 0) {
		buf_done(&query->sql);
		return error_nomem(error);
	}
	r = sqlite3_prepare_v2(store->reader, query->sql.data, (int)query->sql.len, &st,
	                       NULL);
	for (i = 0; r == SQLITE_OK && i < query->n; i++)
		r = row_bind_text(st, i + 1, query->values[i]); /* never NULL */
	while (r == SQLITE_OK && (r = sqlite3_step(st)) == SQLITE_ROW) {
		result = fn(arg, st);
		if (result != 0)
			break;
		r = SQLITE_OK;
	}
	if (result == 0 && r != SQLITE_DONE)
		result = sqlite_error(store->reader, error, "cannot read the store");
	(void)sqlite3_finalize(st);
	buf_done(&query->sql);
	return result;
}

/* ---- events ------------------------------------------------------------------------ */

struct event_call {
	store_event_fn *fn;
	void *arg;
};

static int
event_row(void *arg, sqlite3_stmt *st)
{
	struct event_call *call = arg;
	struct store_event event;

	query_event(st, 0, &event);
	return call->fn(call->arg, &event);
}

int
query_events(struct store *store, struct query *query, store_event_fn *fn, void *arg,
             struct heed_error *error)
{
	struct event_call call = {fn, arg};

	return query_run(store, query, event_row, &call, error);
}

int
store_read_events(struct store *store, const struct store_filter *filter,
                  store_event_fn *fn, void *arg, struct heed_error *error)
{
	struct query query = {.n = 0};

	buf_init(&query.sql, 0);
	buf_adds(&query.sql, "select " EVENT_COLUMNS " from events e where 1");
	where_text(&query, "e.id", filter->event_id);
	where_text(&query, "e.type", filter->type);
	where_text(&query, "e.subject", filter->subject);
	where_text(&query, "e.source", filter->source);
	query_number(&query, "e.seq =", filter->event_seq);
	query_number(&query, "e.parent_run =", filter->parent_run);
	query_number(&query, "e.received_us >=", filter->since_us);
	query_number(&query, "e.received_us <", filter->until_us);
	if (filter->stream.len > 0) {
		where_text(&query, "e.stream", filter->stream);
		buf_adds(&query.sql, " and e.version > 0"); /* as the index has it */
	}
	finish(&query, "e.seq", filter);
	return query_events(store, &query, fn, arg, error);
}

/* ---- runs -------------------------------------------------------------------------- */

struct run_call {
	store_run_fn *fn;
	void *arg;
};

static int
run_row(void *arg, sqlite3_stmt *st)
{
	struct run_call *call = arg;
	struct store_event event;
	struct store_run run;

	run_at(st, &run);
	query_event(st, 18, &event);
	return call->fn(call->arg, &run, &event);
}

int
store_read_runs(struct store *store, const struct store_filter *filter, store_run_fn *fn,
                void *arg, struct heed_error *error)
{
	struct run_call call = {fn, arg};
	struct query query = {.n = 0};
	int r;

	buf_init(&query.sql, 0);
	buf_adds(&query.sql, "select " RUN_COLUMNS ", " EVENT_COLUMNS
	                     " from runs r join events e on e.seq = r.event_seq where 1");
	r = where_states(&query, filter->states, error);
	if (r < 0) {
		buf_done(&query.sql);
		return r;
	}
	where_text(&query, "r.flow", filter->flow);
	where_text(&query, "r.name", filter->name);
	where_text(&query, "e.type", filter->type);
	where_text(&query, "e.source", filter->source);
	where_text(&query, "r.class", filter->class);
	where_text(&query, "e.id", filter->event_id);
	query_number(&query, "r.id =", filter->run_id);
	query_number(&query, "r.event_seq =", filter->event_seq);
	query_number(&query, "e.parent_run =", filter->parent_run);
	query_number(&query, "r.created_us >=", filter->since_us);
	query_number(&query, "r.created_us <", filter->until_us);
	finish(&query, "r.id", filter);
	return query_run(store, &query, run_row, &call, error);
}

/* ---- journals ---------------------------------------------------------------------- */

struct entry_call {
	store_entry_fn *fn;
	void *arg;
};

static int
entry_row(void *arg, sqlite3_stmt *st)
{
	struct entry_call *call = arg;
	struct store_entry entry = {
		.run_id = sqlite3_column_int64(st, 0),
		.n = sqlite3_column_int(st, 1),
		.kind = (enum entry_kind)sqlite3_column_int(st, 2),
		.state = (enum entry_state)sqlite3_column_int(st, 3),
		.step = query_text(st, 4),
		.attempt = sqlite3_column_int(st, 5),
		.at_us = sqlite3_column_int64(st, 6),
		.ended_us = sqlite3_column_int64(st, 7),
		.model = query_text(st, 8),
		.input = sqlite3_column_int64(st, 9),
		.cached_input = sqlite3_column_int64(st, 10),
		.cache_write = sqlite3_column_int64(st, 11),
		.output = sqlite3_column_int64(st, 12),
		.reasoning = sqlite3_column_int64(st, 13),
		.cost_nano = sqlite3_column_int64(st, 14),
		.class = query_text(st, 15),
		.request = query_text(st, 16),
		.reply = query_text(st, 17),
		.detail = query_text(st, 18),
		.reserved_nano = sqlite3_column_int64(st, 19),
		.asked = query_text(st, 20),
	};

	return call->fn(call->arg, &entry);
}

int
store_read_journal(struct store *store, int64_t run_id, store_entry_fn *fn, void *arg,
                   struct heed_error *error)
{
	struct entry_call call = {fn, arg};
	struct query query = {.n = 0};

	buf_init(&query.sql, 0);
	buf_addf(&query.sql,
	         "select " ENTRY_COLUMNS " from journal where run_id = %lld order by n",
	         (long long)run_id);
	return query_run(store, &query, entry_row, &call, error);
}
