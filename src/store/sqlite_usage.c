/*
 * sqlite_usage.c - what calls used, summed up as they end.
 *
 * The table `usage` has a row for each quarter of an hour (every zone's days begin with
 * one) and each combination of what reports and budgets ask for. Triggers keep it equal
 * to the sum of the journal's ended asks, whatever is written how often, and in the same
 * transaction; it stays when the journal is pruned. So a month's spend is read from some
 * thousand rows, at any number of runs.
 */
#include "store/local.h"

/* The ask in the journal's row `j`, when it has ended and a model was found for it; `s`
 * is the sign. An answer that was there already is no call. */
#define ADD(j, s)                                                                        \
	"insert into usage select " j ".at_us - " j ".at_us % 900000000, e.type,"        \
	" r.flow, r.name, " j ".asked, " j ".model, " s "(" j ".attempt = 1), " s "(" j  \
	".class not in ('cached', 'shared')), " s "(" j ".state = 2), " s j              \
	".input, " s j ".cached_input, " s j ".cache_write, " s j ".output, " s j        \
	".reasoning, " s j ".cost_nano, " s j ".reserved_nano"                           \
	" from runs r join events e on e.seq = r.event_seq"                              \
	" where " j ".state <> 0 and " j ".asked <> '' and r.id = " j ".run_id"          \
	" on conflict do update set questions = questions + excluded.questions,"         \
	" calls = calls + excluded.calls, failed = failed + excluded.failed,"            \
	" input = input + excluded.input,"                                               \
	" cached_input = cached_input + excluded.cached_input,"                          \
	" cache_write = cache_write + excluded.cache_write,"                             \
	" output = output + excluded.output,"                                            \
	" reasoning = reasoning + excluded.reasoning,"                                   \
	" cost_nano = cost_nano + excluded.cost_nano,"                                   \
	" reserved_nano = reserved_nano + excluded.reserved_nano;"

#define COUNTED(j)                                                                       \
	"(" j ".state, " j ".at_us, " j ".asked, " j ".model, " j ".class, " j ".input," \
	" " j ".cached_input, " j ".cache_write, " j ".output, " j ".reasoning, " j      \
	".cost_nano, " j ".reserved_nano)"

const char usage_table[] =
	"alter table journal add column asked text not null default '';"
	"drop index journal_asks;"
	"create table usage(at_us integer not null, type text not null,"
	" flow text not null, name text not null, asked text not null,"
	" model text not null, questions integer not null, calls integer not null,"
	" failed integer not null, input integer not null,"
	" cached_input integer not null, cache_write integer not null,"
	" output integer not null, reasoning integer not null,"
	" cost_nano integer not null, reserved_nano integer not null,"
	" primary key(at_us, type, flow, name, asked, model)) without rowid;"
	/* Of earlier rows only what answered is known. */
	"update journal set asked = model where kind = 0;"
	"insert into usage select j.at_us - j.at_us % 900000000 quarter, e.type, r.flow,"
	" r.name, j.asked, j.model, sum(j.attempt = 1), count(*), sum(j.state = 2),"
	" sum(j.input), sum(j.cached_input), sum(j.cache_write), sum(j.output),"
	" sum(j.reasoning), sum(j.cost_nano), sum(j.reserved_nano) from journal j"
	" join runs r on r.id = j.run_id join events e on e.seq = r.event_seq"
	" where j.kind = 0 and j.state <> 0 and j.asked <> ''"
	" group by quarter, e.type, r.flow, r.name, j.asked, j.model;";

/* clang-format off */
const char usage_triggers[] =
	"create trigger usage_insert after insert on journal when new.kind = 0"
	" begin " ADD("new", "+") " end;"
	"create trigger usage_update after update on journal when new.kind = 0"
	" and " COUNTED("old") " is not " COUNTED("new")
	" begin " ADD("old", "-") ADD("new", "+") " end;";
/* clang-format on */

_Static_assert(ENTRY_ASK == 0 && ENTRY_INTENDED == 0 && ENTRY_FAILED == 2,
               "the numbers are in these texts");

/* ---- reading ----------------------------------------------------------------------- */

struct usage_call {
	store_usage_fn *fn;
	void *arg;
};

static int
usage_row(void *arg, sqlite3_stmt *row)
{
	struct usage_call *call = arg;
	struct store_usage usage = {
		.at_us = sqlite3_column_int64(row, 0),
		.type = query_text(row, 1),
		.flow = query_text(row, 2),
		.name = query_text(row, 3),
		.asked = query_text(row, 4),
		.model = query_text(row, 5),
		.questions = sqlite3_column_int64(row, 6),
		.calls = sqlite3_column_int64(row, 7),
		.failed = sqlite3_column_int64(row, 8),
		.input = sqlite3_column_int64(row, 9),
		.cached_input = sqlite3_column_int64(row, 10),
		.cache_write = sqlite3_column_int64(row, 11),
		.output = sqlite3_column_int64(row, 12),
		.reasoning = sqlite3_column_int64(row, 13),
		.cost_nano = sqlite3_column_int64(row, 14),
		.reserved_nano = sqlite3_column_int64(row, 15),
	};

	return call->fn(call->arg, &usage);
}

int
store_read_usage(struct store *store, int64_t since_us, int64_t until_us,
                 store_usage_fn *fn, void *arg, struct heed_error *error)
{
	struct usage_call call = {fn, arg};
	struct query query = {.n = 0};

	buf_init(&query.sql, 0);
	buf_adds(&query.sql,
	         "select at_us, type, flow, name, asked, model, questions, calls, failed,"
	         " input, cached_input, cache_write, output, reasoning, cost_nano,"
	         " reserved_nano from usage where 1");
	query_number(&query, "at_us >=", since_us - since_us % STORE_USAGE_US);
	query_number(&query, "at_us <", until_us);
	buf_adds(&query.sql, " order by at_us");
	return query_run(store, &query, usage_row, &call, error);
}

int
store_read_open_asks(struct store *store, store_usage_fn *fn, void *arg,
                     struct heed_error *error)
{
	struct usage_call call = {fn, arg};
	struct query query = {.n = 0};

	buf_init(&query.sql, 0);
	buf_adds(
		&query.sql,
		"select j.at_us, e.type, r.flow, r.name, j.asked, j.model, 0, 0, 0, 0, 0,"
		" 0, 0, 0, 0, j.reserved_nano from runs r"
		" join events e on e.seq = r.event_seq join journal j on j.run_id = r.id"
		" where r.state in (1, 2, 3) and r.state <> 5 and j.kind = 0"
		" and j.state = 0");
	return query_run(store, &query, usage_row, &call, error);
}

_Static_assert(RUN_READY == 1 && RUN_ACTIVE == 2 && RUN_WAITING == 3 && RUN_DONE == 5,
               "the numbers are in store_read_open_asks");
