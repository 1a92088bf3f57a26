/*
 * sqlite_write.c - a group of transactions as one of SQLite's.
 *
 * Fast path: begin, every row of every transaction, commit. A transaction with a user's
 * statement runs in a savepoint, so that its failure is its own. If some other one fails,
 * the group is written again with a savepoint for each. A statement can also throw away
 * the whole group (ON CONFLICT ROLLBACK, an interrupt): its transaction is then settled
 * as failed and the rest is written again without it.
 *
 * Appends to streams are looked at before anything of their transaction is written, so
 * that a conflict needs no savepoint.
 *
 * What is everybody's trouble (disk full, I/O, damage) fails the group: nothing was
 * written, nothing was acknowledged.
 */
#include <stdio.h>

#include "base/error.h"
#include "store/local.h"

bool
sqlite_is_fatal(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
		return true;
	default:
		return false;
	}
}

/* ---- one transaction --------------------------------------------------------------- */

/* Where its writing has come to. */
struct progress {
	bool skip; /* the part of a duplicate */
	size_t event;
	size_t sql;
	size_t append;
};

/* SQLite's code, or HEED_E_PERMANENT with tx->text. */
static int
write_op(struct store *store, struct store_tx *tx, const struct op *op,
         struct progress *progress)
{
	int r;

	if (op->kind == OP_EVENT) {
		size_t cause = op->event.cause;

		progress->skip = cause > 0 && tx->duplicate[cause - 1];
		r = progress->skip ? SQLITE_OK
		                   : row_write_event(store, &op->event, &progress->skip);
		tx->duplicate[progress->event++] = progress->skip;
		return r;
	}
	if (op->kind == OP_APPEND) {
		size_t n = progress->append++;
		size_t i;

		progress->skip = tx->appended[n].existed;
		for (i = 0; i < op->append.n; i++)
			tx->duplicate[progress->event++] = progress->skip;
		return append_write(store, tx, op, n);
	}
	if (op->kind == OP_CURSOR)
		progress->skip = false;
	if (op->kind == OP_SQL) {
		size_t n = progress->sql++;

		return progress->skip ? SQLITE_OK
		                      : user_run(store, tx, op, &tx->changed[n],
		                                 &tx->results[n]);
	}
	if (progress->skip)
		return SQLITE_OK;
	if (op->kind == OP_PRUNE)
		return row_prune(store, op, &tx->pruned);
	if (op->kind == OP_FORGET_RUNS || op->kind == OP_FORGET_EVENTS)
		return forget_write(store, tx, op);
	return row_write(store, op);
}

static int
write_ops(struct store *store, struct store_tx *tx)
{
	struct progress progress = {.skip = false};
	const struct op *op;
	int r = SQLITE_OK;

	if (tx->duplicate == NULL) {
		tx->duplicate = ARENA_ARRAY(&tx->arena, bool, tx->n_events + 1);
		tx->changed = ARENA_ARRAY(&tx->arena, int64_t, tx->n_sql + 1);
		tx->results = ARENA_ARRAY(&tx->arena, struct heed_str, tx->n_sql + 1);
	}
	if (tx->duplicate == NULL || tx->changed == NULL || tx->results == NULL)
		return SQLITE_NOMEM;
	for (op = tx->first; op != NULL && r == SQLITE_OK; op = op->next)
		r = write_op(store, tx, op, &progress);
	return r;
}

static void
note_failure(struct store *store, struct store_tx *tx, int r)
{
	struct heed_error error;

	if (r < 0) { /* it has its words */
		tx->code = r;
		return;
	}
	tx->code = HEED_E_STORE;
	(void)sqlite_error(store->db, &error, "cannot write the store");
	(void)snprintf(tx->text, sizeof(tx->text), "%.*s", (int)sizeof(tx->text) - 1,
	               error.text);
}

/* SQLITE_OK: it is written, or failed alone. HEED_E_PERMANENT: it took the group with
 * it and is settled. Another code of SQLite's: the group failed. */
static int
write_tx(struct store *store, struct store_tx *tx, bool isolate)
{
	int r = tx->n_appends > 0 ? append_check(store, tx) : SQLITE_OK;

	tx->code = 0;
	if (r == HEED_E_CONFLICT)
		return note_failure(store, tx, r), SQLITE_OK;
	isolate = isolate || tx->n_sql > 0;
	if (isolate && r == SQLITE_OK)
		r = row_statement(store, ST_SAVE);
	if (r == SQLITE_OK)
		r = write_ops(store, tx);
	if (r == SQLITE_OK)
		return isolate ? row_statement(store, ST_RELEASE) : SQLITE_OK;
	if (r > 0 && (!isolate || sqlite_is_fatal(r)))
		return r;
	note_failure(store, tx, r);
	store->log_end = -1;
	if (sqlite3_get_autocommit(store->db)) {
		tx->settled = true;
		return HEED_E_PERMANENT;
	}
	r = row_statement(store, ST_UNSAVE);
	return r != SQLITE_OK ? r : row_statement(store, ST_RELEASE);
}

/* ---- groups ------------------------------------------------------------------------ */

/* As write_tx; on a failure nothing is written and *error has words. */
static int
write_group(struct store *store, struct store_tx *first, bool isolate,
            struct heed_error *error)
{
	struct store_tx *tx;
	int r = row_statement(store, ST_BEGIN);

	store->log_end = -1;
	for (tx = first; tx != NULL && r == SQLITE_OK; tx = tx->next)
		if (!tx->settled)
			r = write_tx(store, tx, isolate);
	if (r == SQLITE_OK)
		r = row_statement(store, ST_COMMIT);
	if (r == SQLITE_OK)
		return r;
	if (r == SQLITE_NOMEM)
		(void)error_set(error, HEED_E_STORE,
		                "cannot write the store: out of memory");
	else
		(void)sqlite_error(store->db, error, "cannot write the store");
	if (!sqlite3_get_autocommit(store->db))
		(void)row_statement(store, ST_ROLLBACK);
	return r;
}

void
sqlite_commit(struct store *store, struct store_tx *first)
{
	struct heed_error error;
	bool isolate = false;

	for (;;) {
		int r = write_group(store, first, isolate, &error);

		if (r == SQLITE_OK)
			return;
		if (r == HEED_E_PERMANENT)
			continue; /* one fewer to write */
		if (isolate || sqlite_is_fatal(r))
			break;
		isolate = true;
	}
	transaction_fail_all(first,
	                     error.code == HEED_E_LIMIT ? HEED_E_LIMIT : HEED_E_STORE,
	                     error.text);
}
