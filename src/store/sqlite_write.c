/*
 * sqlite_write.c - a group of transactions as one of SQLite's.
 *
 * A transaction with a user's statement runs in a savepoint, so that its failure is its own.
 * When the group fails as a whole (disk full, I/O), every transaction of it gets that
 * failure: nothing was written, nothing was acknowledged.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/local.h"

static int
bind_text(sqlite3_stmt *statement, int at, struct heed_str text)
{
	return sqlite3_bind_text64(statement, at, text.data != NULL ? text.data : "", text.len,
				   SQLITE_STATIC, SQLITE_UTF8);
}

static int
run_statement(struct store *store, enum statement which)
{
	sqlite3_stmt *statement = store->statements[which];
	int r = sqlite3_step(statement);

	(void)sqlite3_reset(statement);
	return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

static int
put_event(struct store *store, const struct store_event *event, bool *ret_duplicate)
{
	struct heed_str parts[2] = {event->source, event->id};
	struct id_hash hash = id_hash_parts(parts, 2);
	sqlite3_stmt *st = store->statements[ST_DEDUP];
	int r;

	(void)sqlite3_bind_blob(st, 1, hash.bytes, sizeof(hash.bytes), SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, event->received_us);
	r = run_statement(store, ST_DEDUP);
	if (r != SQLITE_OK)
		return r;
	*ret_duplicate = sqlite3_changes(store->db) == 0;
	if (*ret_duplicate)
		return SQLITE_OK;
	st = store->statements[ST_EVENT];
	(void)sqlite3_bind_int64(st, 1, event->seq);
	(void)bind_text(st, 2, event->source);
	(void)bind_text(st, 3, event->id);
	(void)bind_text(st, 4, event->type);
	(void)bind_text(st, 5, event->subject);
	(void)sqlite3_bind_int64(st, 6, event->time_us);
	(void)sqlite3_bind_int64(st, 7, event->received_us);
	(void)sqlite3_bind_int64(st, 8, event->depth);
	(void)sqlite3_bind_int64(st, 9, event->parent_run);
	(void)bind_text(st, 10, event->trace);
	(void)bind_text(st, 11, event->body);
	return run_statement(store, ST_EVENT);
}

static int
put_run(struct store *store, const struct store_run *run)
{
	sqlite3_stmt *st = store->statements[ST_RUN];

	(void)sqlite3_bind_int64(st, 1, run->id);
	(void)sqlite3_bind_int64(st, 2, run->event_seq);
	(void)bind_text(st, 3, run->flow);
	(void)bind_text(st, 4, run->name);
	(void)bind_text(st, 5, run->definition);
	(void)bind_text(st, 6, run->key);
	(void)sqlite3_bind_int64(st, 7, run->state);
	(void)sqlite3_bind_int64(st, 8, run->due_us);
	(void)sqlite3_bind_int64(st, 9, run->created_us);
	(void)sqlite3_bind_int64(st, 10, run->updated_us);
	(void)sqlite3_bind_int64(st, 11, run->redrives);
	(void)sqlite3_bind_int64(st, 12, run->tokens_in);
	(void)sqlite3_bind_int64(st, 13, run->tokens_out);
	(void)sqlite3_bind_int64(st, 14, run->cost_nano);
	(void)sqlite3_bind_int64(st, 15, run->calls);
	(void)bind_text(st, 16, run->class);
	(void)bind_text(st, 17, run->text);
	(void)bind_text(st, 18, run->step);
	return run_statement(store, ST_RUN);
}

static int
put_entry(struct store *store, const struct store_entry *entry)
{
	sqlite3_stmt *st = store->statements[ST_ENTRY];

	(void)sqlite3_bind_int64(st, 1, entry->run_id);
	(void)sqlite3_bind_int64(st, 2, entry->n);
	(void)sqlite3_bind_int64(st, 3, entry->kind);
	(void)sqlite3_bind_int64(st, 4, entry->state);
	(void)bind_text(st, 5, entry->step);
	(void)sqlite3_bind_int64(st, 6, entry->attempt);
	(void)sqlite3_bind_int64(st, 7, entry->at_us);
	(void)sqlite3_bind_int64(st, 8, entry->ended_us);
	(void)bind_text(st, 9, entry->model);
	(void)sqlite3_bind_int64(st, 10, entry->input);
	(void)sqlite3_bind_int64(st, 11, entry->cached_input);
	(void)sqlite3_bind_int64(st, 12, entry->cache_write);
	(void)sqlite3_bind_int64(st, 13, entry->output);
	(void)sqlite3_bind_int64(st, 14, entry->reasoning);
	(void)sqlite3_bind_int64(st, 15, entry->cost_nano);
	(void)bind_text(st, 16, entry->class);
	(void)bind_text(st, 17, entry->request);
	(void)bind_text(st, 18, entry->reply);
	(void)bind_text(st, 19, entry->detail);
	return run_statement(store, ST_ENTRY);
}

static int
put_cursor(struct store *store, const struct op *op)
{
	sqlite3_stmt *st = store->statements[ST_CURSOR];

	(void)bind_text(st, 1, op->cursor.source);
	(void)bind_text(st, 2, op->cursor.position);
	(void)sqlite3_bind_int64(st, 3, clock_wall_us());
	return run_statement(store, ST_CURSOR);
}

static int
put_definition(struct store *store, const struct op *op)
{
	sqlite3_stmt *st = store->statements[ST_DEFINITION];

	(void)bind_text(st, 1, op->definition.hash);
	(void)bind_text(st, 2, op->definition.flow);
	(void)bind_text(st, 3, op->definition.name);
	(void)bind_text(st, 4, op->definition.text);
	(void)sqlite3_bind_int64(st, 5, clock_wall_us());
	return run_statement(store, ST_DEFINITION);
}

/* ---- a user's statement ----------------------------------------------------------------- */

static int
bind_json(struct store_tx *tx, sqlite3_stmt *st, int at, struct heed_json value)
{
	switch (value.kind) {
	case HEED_NULL:
		return sqlite3_bind_null(st, at);
	case HEED_BOOL:
		return sqlite3_bind_int(st, at, value.boolean);
	case HEED_INT:
		return sqlite3_bind_int64(st, at, value.i64);
	case HEED_UINT:
	case HEED_REAL:
		return sqlite3_bind_double(st, at, json_number(value));
	case HEED_STRING:
		return bind_text(st, at, json_text(value));
	default:
		return bind_text(st, at, json_text_of(&tx->arena, value));
	}
}

/* Zero, or HEED_E_PERMANENT with tx->text. */
static int
run_user_sql(struct store *store, struct store_tx *tx, const struct op *op)
{
	sqlite3_stmt *st = NULL;
	const char *tail = "";
	int n;
	int i;
	int r = sqlite3_prepare_v2(store->db, op->sql.statement.data, (int)op->sql.statement.len,
				   &st, &tail);

	if (r == SQLITE_OK && st == NULL)
		r = SQLITE_MISUSE;
	n = r == SQLITE_OK ? sqlite3_bind_parameter_count(st) : 0;
	for (i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(st, i);
		const struct heed_json *value =
			name != NULL ? json_get(op->sql.values, name + 1) : NULL;

		if (value == NULL) {
			(void)snprintf(tx->text, sizeof(tx->text), "no value for %s",
				       name != NULL ? name : "?");
			(void)sqlite3_finalize(st);
			return HEED_E_PERMANENT;
		}
		(void)bind_json(tx, st, i, *value);
	}
	while (r == SQLITE_OK || r == SQLITE_ROW)
		r = sqlite3_step(st);
	if (r != SQLITE_DONE)
		(void)snprintf(tx->text, sizeof(tx->text), "%s", sqlite3_errmsg(store->db));
	(void)sqlite3_finalize(st);
	return r == SQLITE_DONE ? 0 : HEED_E_PERMANENT;
}

/* ---- groups ----------------------------------------------------------------------------- */

/* Write one row; SQLite's code, or HEED_E_PERMANENT for a user's statement. */
static int
write_op(struct store *store, struct store_tx *tx, const struct op *op, bool *skip,
	 size_t *event)
{
	int r;

	if (op->kind == OP_EVENT) {
		r = put_event(store, &op->event, skip);
		tx->duplicate[(*event)++] = *skip;
		return r;
	}
	if (op->kind == OP_CURSOR)
		return put_cursor(store, op);
	if (*skip)
		return SQLITE_OK;
	switch (op->kind) {
	case OP_RUN:
		return put_run(store, &op->run);
	case OP_ENTRY:
		return put_entry(store, &op->entry);
	case OP_DEFINITION:
		return put_definition(store, op);
	default:
		return run_user_sql(store, tx, op);
	}
}

static int
write_tx(struct store *store, struct store_tx *tx)
{
	const struct op *op;
	bool skip = false;
	size_t event = 0;
	int r = SQLITE_OK;

	tx->code = 0;
	tx->duplicate = ARENA_ARRAY(&tx->arena, bool, tx->n_events);
	if (tx->duplicate == NULL)
		return SQLITE_NOMEM;
	if (tx->has_sql)
		r = run_statement(store, ST_SAVE);
	for (op = tx->first; op != NULL && r == SQLITE_OK; op = op->next)
		r = write_op(store, tx, op, &skip, &event);
	if (!tx->has_sql)
		return r;
	if (r == HEED_E_PERMANENT) {
		tx->code = HEED_E_PERMANENT;
		r = run_statement(store, ST_UNSAVE);
	}
	return r != SQLITE_OK ? r : run_statement(store, ST_RELEASE);
}

static void
fail_group(struct store *store, struct store_tx *first)
{
	struct heed_error error;
	int code = sqlite_error(store->db, &error, "cannot write the store");

	for (; first != NULL; first = first->next) {
		first->code = code == HEED_E_LIMIT ? HEED_E_LIMIT : HEED_E_STORE;
		(void)snprintf(first->text, sizeof(first->text), "%.*s",
			       (int)sizeof(first->text) - 1, error.text);
	}
}

void
sqlite_commit_group(struct store *store, struct store_tx *first)
{
	struct store_tx *tx;
	int r = run_statement(store, ST_BEGIN);

	for (tx = first; tx != NULL && r == SQLITE_OK; tx = tx->next)
		r = write_tx(store, tx);
	if (r == SQLITE_OK)
		r = run_statement(store, ST_COMMIT);
	if (r == SQLITE_OK)
		return;
	fail_group(store, first);
	if (!sqlite3_get_autocommit(store->db))
		(void)run_statement(store, ST_ROLLBACK);
}
