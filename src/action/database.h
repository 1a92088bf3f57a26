/*
 * database.h - statements on databases that are not heed's own, run on work threads.
 *
 *	database_run ─> line ─> session (made anew or idle) ══ work thread ══> done, loop
 *
 * Each connection has a few sessions; a statement waits for one. A statement with an
 * effect key happens once: the key and the result are written into the table
 * `heed_effects` of that database in the same transaction, and a statement whose key is
 * there already is not run again but gives the result that is there (once.c). So an
 * attempt of which nothing was heard can be repeated.
 *
 * A driver is a file that opens sessions and executes one statement at a time, in a work
 * thread, blocking, within a deadline.
 */
#ifndef HEED_ACTION_DATABASE_H
#define HEED_ACTION_DATABASE_H

#include <stdatomic.h>

#include "action/connection.h"
#include "base/arena.h"
#include "heed.h"
#include "loop/loop.h"

#define DB_RESULT_MAX (1024 * 1024) /* bytes of a result as JSON text, about */

struct database;
struct db_job;

struct db_request {
	struct heed_str statement; /* with :name for values */
	struct heed_json values;   /* an object */
	struct heed_str key;       /* the effect's; empty: no record is kept */
	bool read_only;
	int64_t timeout_ms;
	int64_t rows_max;
};

struct db_reply {
	int code;   /* as action_done */
	bool begun; /* its commit was sent and not answered: it may have happened */
	/* {rows: [...], changed: N}, without rows when the statement gives none */
	struct heed_json result;
	struct heed_error error;
};

typedef void db_done_fn(void *arg, const struct db_reply *reply);

/* Start; everything is copied. `done` comes on a later turn; the reply is borrowed until
 * it returns. HEED_E_NOMEM. */
int database_run(struct connection *connection, struct loop *loop,
                 const struct db_request *request, db_done_fn *done, void *arg,
                 struct db_job **ret_job);
/* Stop waiting: `done` will not be called. The statement is stopped, too, as soon as the
 * driver can. */
void database_cancel(struct db_job *job);
/* Takes NULL. The memory goes when the last statement has ended. */
void database_close(struct database *database);

/* ---- for drivers and once.c, in work threads --------------------------------------- */

struct db_session; /* a driver's own */

/* One statement as a driver gets it. */
struct db_statement {
	struct heed_str text;
	struct heed_json values;
	bool own;       /* it is heed's, not the user's */
	bool read_only; /* one that writes is refused */
	int64_t rows_max;
	size_t bytes_max; /* of the rows, about */
	struct arena *arena;
	/* What came of it. */
	struct heed_json rows; /* HEED_NULL when the statement gives none */
	int64_t changed;
};

/* Until when, and whether it is still wanted. */
struct db_bounds {
	int64_t end_ms; /* steady */
	const atomic_bool *stop;
};
bool db_is_over(const struct db_bounds *bounds);

struct db_driver {
	const char *scheme; /* "sqlite" */
	/* Check `place` and `secret` of the connection without opening. HEED_E_CONFIG. */
	int (*check)(const struct connection *connection, struct heed_error *error);
	int (*open)(const struct connection *connection, const struct db_bounds *bounds,
	            struct db_session **ret_session, struct heed_error *error);
	/* Run one statement. Failures are classified as action_done wants them;
	 * HEED_E_EXISTS is a unique key that is there already. */
	int (*execute)(struct db_session *session, struct db_statement *statement,
	               const struct db_bounds *bounds, struct heed_error *error);
	/* Is it of no more use? */
	bool (*is_broken)(struct db_session *session);
	void (*close)(struct db_session *session);
	/* Statements in this driver's dialect. */
	const char *begin;
	const char *begin_read_only;
	const char *has_effects; /* gives a row when the table is there */
	const char *make_effects;
	const char *prune_effects; /* older than :before, in microseconds; some of them */
};
extern const struct db_driver db_sqlite;
#ifdef HEED_HAVE_POSTGRESQL
extern const struct db_driver db_postgresql;
#endif

/* A session as its pool keeps it. */
struct db_place {
	const struct connection *connection;
	struct db_session *session; /* NULL: not open */
	bool has_effects;           /* the table is known to be there */
	int64_t uses;
};

/* Run the request in one transaction of its own; the result is on `arena`.
 * *ret_begun as in struct db_reply. */
int once_run(struct db_place *place, const struct db_request *request,
             const struct db_bounds *bounds, struct arena *arena,
             struct heed_json *ret_result, bool *ret_begun, struct heed_error *error);

#endif
