/*
 * db_postgres.c - sessions with PostgreSQL, through libpq's calls that do not block, so
 * that a server that hangs holds a work thread for no longer than the deadline.
 *
 * The server has the deadline too (statement_timeout), so that it does not go on with
 * what nobody waits for. A session whose answer did not come is closed: the server rolls
 * back what it had open.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include "action/database.h"
#include "action/pg_value.h"
#include "action/sql_text.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#define LOOK_MS 100   /* how often a wait looks whether it is still wanted */
#define ANSWER_MS 500 /* what the server may take to tell that time is up */
#define CELL_BYTES 32 /* what a value costs besides its text, about */

struct db_session {
	PGconn *conn;
	int64_t timeout_ms; /* the server's */
	bool broken;
};

/* ---- failures ---------------------------------------------------------------------- */

/* Conditions of the SQLSTATE standard and PostgreSQL's own (appendix A of its manual). */
static int
class_of(const char *state)
{
	static const char *const passing[] = {"08", "40", "53", "55", "57", "58", NULL};
	int i;

	if (strcmp(state, "57014") == 0)
		return HEED_E_TIMEOUT;
	if (strcmp(state, "23505") == 0 || strcmp(state, "42P07") == 0 ||
	    strcmp(state, "42710") == 0) /* two that make the same table at once */
		return HEED_E_EXISTS;
	for (i = 0; passing[i] != NULL; i++)
		if (strncmp(state, passing[i], 2) == 0)
			return HEED_E_TRANSIENT;
	return HEED_E_PERMANENT;
}

/* libpq's words, on one line. */
static int
fail_connection(struct db_session *session, struct heed_error *error, const char *doing)
{
	struct heed_str text = str_trim(str_of(PQerrorMessage(session->conn)));

	session->broken = true;
	return error_set(error, HEED_E_NETWORK, "PostgreSQL: %s: %.*s", doing,
	                 (int)str_find(text, '\n'), text.data != NULL ? text.data : "");
}

static int
time_up(struct db_session *session, struct heed_error *error)
{
	session->broken = true;
	return error_set(error, HEED_E_TIMEOUT,
	                 "PostgreSQL did not answer within the time-out");
}

static int
fail_result(const PGresult *result, const struct db_statement *statement,
            struct heed_error *error)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	int code = class_of(state != NULL ? state : "XX000");

	if (code == HEED_E_EXISTS && !statement->own)
		code = HEED_E_PERMANENT;
	/* A standby, where the primary is expected soon. */
	if (state != NULL && strcmp(state, "25006") == 0 && !statement->read_only)
		code = HEED_E_TRANSIENT;
	return error_set(error, code, "PostgreSQL: %s (%s)",
	                 text != NULL ? text : "it failed",
	                 state != NULL ? state : "no SQLSTATE");
}

/* ---- waiting ----------------------------------------------------------------------- */

/* Wait until the socket is ready; HEED_E_TIMEOUT when time is up or nobody wants it. */
static int
wait_for(struct db_session *session, short events, const struct db_bounds *bounds,
         struct heed_error *error)
{
	for (;;) {
		struct pollfd fd = {.fd = PQsocket(session->conn), .events = events};
		int64_t left = bounds->end_ms + ANSWER_MS - clock_steady_ms();

		if (left <= 0 || atomic_load(bounds->stop))
			return time_up(session, error);
		if (fd.fd < 0)
			return fail_connection(session, error, "connection lost");
		if (poll(&fd, 1, (int)(left < LOOK_MS ? left : LOOK_MS)) > 0)
			return 0;
	}
}

/* ---- opening ----------------------------------------------------------------------- */

static int
check(const struct connection *connection, struct heed_error *error)
{
	char *words = NULL;
	PQconninfoOption *options = PQconninfoParse(connection->place, &words);
	struct heed_str text = str_of(words);

	if (options == NULL) {
		/* What it quotes may hold a password. */
		text = str_trim(str_head(text, str_find(text, '"')));
		if (str_ends(text, ":"))
			text.len--;
		(void)error_set(error, HEED_E_CONFIG, "libpq cannot read the URL: %.*s",
		                STR_ARG(text));
		error_hint(error,
		           "for example postgresql://heed@db.example.com:5432/shop");
	}
	PQconninfoFree(options);
	PQfreemem(words);
	return options == NULL ? HEED_E_CONFIG : 0;
}

static void
ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static int
connect_to(struct db_session *session, const struct connection *connection,
           const struct db_bounds *bounds, struct heed_error *error)
{
	static const char *const names[] = {"dbname", "client_encoding",
	                                    "application_name", "password", NULL};
	const char *values[] = {connection->place, "UTF8", "heed", connection->secret,
	                        NULL};
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	session->conn = PQconnectStartParams(names, values, 1);
	if (session->conn == NULL)
		return error_nomem(error);
	if (PQstatus(session->conn) == CONNECTION_BAD)
		return fail_connection(session, error, "cannot connect");
	while (status != PGRES_POLLING_OK) {
		HEED_TRY(wait_for(session,
		                  status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
		                  bounds, error));
		status = PQconnectPoll(session->conn);
		if (status == PGRES_POLLING_FAILED)
			return fail_connection(session, error, "cannot connect");
	}
	(void)PQsetNoticeReceiver(session->conn, ignore_notice, NULL);
	if (PQsetnonblocking(session->conn, 1) != 0)
		return fail_connection(session, error, "cannot connect");
	return 0;
}

static void
close_session(struct db_session *session)
{
	PQfinish(session->conn);
	mem_free(session);
}

static int
open_session(const struct connection *connection, const struct db_bounds *bounds,
             struct db_session **ret_session, struct heed_error *error)
{
	struct db_session *session = mem_new(sizeof(*session));
	int r;

	if (session == NULL)
		return error_nomem(error);
	r = connect_to(session, connection, bounds, error);
	if (r < 0) {
		close_session(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

/* ---- results ----------------------------------------------------------------------- */

/* The rows as they come. */
struct rows {
	struct db_statement *statement;
	struct json_build build;
	struct heed_str *names;
	size_t bytes;
};

static int
take_names(struct rows *rows, const PGresult *result)
{
	struct arena *arena = rows->statement->arena;
	int n = PQnfields(result);
	int i;

	if (rows->names != NULL)
		return 0;
	rows->names = ARENA_ARRAY(arena, struct heed_str, (size_t)n + 1);
	for (i = 0; rows->names != NULL && i < n; i++) {
		rows->names[i] = arena_str(arena, str_of(PQfname(result, i)));
		if (rows->names[i].data == NULL)
			return HEED_E_NOMEM;
	}
	return rows->names == NULL ? HEED_E_NOMEM : 0;
}

static int
take_row(struct rows *rows, const PGresult *result, int at)
{
	struct arena *arena = rows->statement->arena;
	struct json_build build;
	struct heed_json row;
	int i;

	json_object(&build, arena);
	for (i = 0; i < PQnfields(result); i++) {
		struct heed_json value;

		HEED_TRY(pg_cell(arena, result, at, i, &value));
		json_set(&build, rows->names[i], value);
		rows->bytes += CELL_BYTES + (size_t)PQgetlength(result, at, i);
	}
	HEED_TRY(json_build_end(&build, &row));
	json_push(&rows->build, row);
	return 0;
}

static int
take_rows(struct rows *rows, const PGresult *result, struct heed_error *error)
{
	const struct db_statement *statement = rows->statement;
	int i;

	if (take_names(rows, result) < 0)
		return error_nomem(error);
	for (i = 0; i < PQntuples(result); i++) {
		if (rows->build.len >= statement->rows_max ||
		    rows->bytes > statement->bytes_max) {
			(void)error_set(error, HEED_E_PERMANENT,
			                "it gives more than %lld rows or %zu bytes",
			                (long long)statement->rows_max,
			                statement->bytes_max);
			error_hint(error, "ask for fewer rows, or columns");
			return HEED_E_PERMANENT;
		}
		if (take_row(rows, result, i) < 0)
			return error_nomem(error);
	}
	return 0;
}

/* How many rows an insert, update, delete or merge changed. */
static int64_t
changed_by(PGresult *result)
{
	int64_t n = 0;

	if (strncmp(PQcmdStatus(result), "SELECT", 6) != 0)
		(void)str_to_i64(str_of(PQcmdTuples(result)), &n);
	return n;
}

static int
take_result(struct db_session *session, struct rows *rows, PGresult *result,
            struct heed_error *error)
{
	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
		return take_rows(rows, result, error);
	case PGRES_TUPLES_OK:
		rows->statement->changed = changed_by(result);
		return take_rows(rows, result, error);
	case PGRES_COMMAND_OK:
		rows->statement->changed = changed_by(result);
		return 0;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		session->broken = true; /* it would wait for data */
		return error_set(error, HEED_E_PERMANENT, "copy is not possible here");
	default:
		if (PQstatus(session->conn) != CONNECTION_OK)
			return fail_connection(session, error, "connection lost");
		return fail_result(result, rows->statement, error);
	}
}

/* ---- executing --------------------------------------------------------------------- */

static int
flush(struct db_session *session, const struct db_bounds *bounds,
      struct heed_error *error)
{
	int left;

	while ((left = PQflush(session->conn)) == 1) {
		HEED_TRY(wait_for(session, POLLIN | POLLOUT, bounds, error));
		if (PQconsumeInput(session->conn) == 0)
			break;
	}
	return left == 0 ? 0 : fail_connection(session, error, "connection lost");
}

/* All results of what was sent; the first failure counts, and the rest is read away. */
static int
collect(struct db_session *session, struct rows *rows, const struct db_bounds *bounds,
        struct heed_error *error)
{
	struct heed_error ignored;
	PGresult *result;
	int first = 0;
	int r;

	for (;;) {
		while (PQisBusy(session->conn)) {
			HEED_TRY(wait_for(session, POLLIN, bounds,
			                  first < 0 ? &ignored : error));
			if (PQconsumeInput(session->conn) == 0)
				return fail_connection(session, error, "connection lost");
		}
		result = PQgetResult(session->conn);
		if (result == NULL)
			return first;
		r = first < 0 ? 0 : take_result(session, rows, result, error);
		if (r < 0 && PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			session->broken = true; /* rather than read the rest away */
		PQclear(result);
		first = r < 0 ? r : first;
		if (session->broken)
			return first;
	}
}

static int
send_statement(struct db_session *session, struct db_statement *statement,
               const struct sql_text *sql, const struct db_bounds *bounds,
               struct heed_error *error)
{
	struct rows rows = {.statement = statement};
	struct pg_parameters parameters;
	int r;

	HEED_TRY(pg_parameters(statement->arena, sql, statement->values, &parameters,
	                       error));
	if (PQsendQueryParams(session->conn, sql->positional.data, parameters.n,
	                      parameters.types, parameters.texts, NULL, NULL, 0) == 0)
		return fail_connection(session, error, "cannot send");
	(void)PQsetSingleRowMode(session->conn);
	json_array(&rows.build, statement->arena);
	statement->changed = 0;
	r = flush(session, bounds, error);
	if (r == 0)
		r = collect(session, &rows, bounds, error);
	statement->rows = json_null();
	if (r == 0 && rows.names != NULL &&
	    json_build_end(&rows.build, &statement->rows) < 0)
		return error_nomem(error);
	return r;
}

/* Let the server know what is left of the time, in whole seconds, so that it rarely
 * changes. */
static int
tell_timeout(struct db_session *session, const struct db_bounds *bounds,
             struct arena *arena, struct heed_error *error)
{
	int64_t left = (bounds->end_ms - clock_steady_ms() + 999) / 1000 * 1000;
	struct db_statement statement = {.own = true, .rows_max = 1, .arena = arena};
	struct sql_text sql = {.n_names = 0};

	if (left < 1000)
		left = 1000;
	if (left == session->timeout_ms)
		return 0;
	sql.positional =
		arena_printf(arena, "set statement_timeout = %lld", (long long)left);
	if (sql.positional.data == NULL)
		return error_nomem(error);
	HEED_TRY(send_statement(session, &statement, &sql, bounds, error));
	session->timeout_ms = left;
	return 0;
}

static int
execute(struct db_session *session, struct db_statement *statement,
        const struct db_bounds *bounds, struct heed_error *error)
{
	struct sql_text sql = {.n_names = 0, .positional = statement->text};

	if (statement->values.len > 0 || !statement->own)
		HEED_TRY(sql_text_read(statement->arena, statement->text, &sql, error));
	if (PQtransactionStatus(session->conn) == PQTRANS_IDLE)
		HEED_TRY(tell_timeout(session, bounds, statement->arena, error));
	return send_statement(session, statement, &sql, bounds, error);
}

static bool
is_broken(struct db_session *session)
{
	return session->broken || PQstatus(session->conn) != CONNECTION_OK;
}

const struct db_driver db_postgresql = {
	.scheme = "postgresql",
	.check = check,
	.open = open_session,
	.execute = execute,
	.is_broken = is_broken,
	.close = close_session,
	.begin = "begin isolation level read committed",
	.begin_read_only = "begin read only",
	.has_effects = "select 1 as one where to_regclass('heed_effects') is not null",
	.make_effects =
		"create table if not exists heed_effects(key text primary key, at "
		"bigint not null, result text not null)",
	.prune_effects =
		"delete from heed_effects where key in (select key from heed_effects "
		"where at < :before limit 2000)",
};
