/*
 * sqlite_append.c - appending to streams.
 *
 * The writer is the only one, so what it sees before a transaction holds until the end of
 * it: first every append of the transaction is checked, by reading alone, then each is
 * written. Versions and positions are counted on from the newest rows, inside the
 * transaction: a failed append uses none of them up. The newest position is looked for
 * once a group, and again when a transaction of the group was taken back.
 */
#include <stdio.h>

#include "store/local.h"

/* How many of its events the stream holds already. SQLite's code. */
static int
count_known(struct store *store, const struct op *op, size_t *ret_known)
{
	size_t known = 0;
	size_t i;

	for (i = 0; i < op->append.n; i++) {
		struct heed_str values[2] = {op->append.events[i].id, op->append.stream};
		int64_t version;
		int r = row_number(store, ST_STREAM_FIND, values, 2, 0, &version);

		if (r != SQLITE_OK)
			return r;
		known += version > 0;
	}
	*ret_known = known;
	return SQLITE_OK;
}

static int
refuse(struct store_tx *tx, const struct op *op, int64_t version, size_t known)
{
	struct heed_str stream = str_head_utf8(op->append.stream, 120);

	if (known > 0)
		(void)snprintf(tx->text, sizeof(tx->text),
		               "the stream %.*s holds %zu of these %zu events already",
		               STR_ARG(stream), known, op->append.n);
	else
		(void)snprintf(tx->text, sizeof(tx->text),
		               "the stream %.*s is at version %lld, not %lld",
		               STR_ARG(stream), (long long)version,
		               (long long)op->append.expected);
	return HEED_E_CONFLICT;
}

static int
check(struct store *store, struct store_tx *tx, const struct op *op,
      struct store_appended *appended)
{
	int64_t version;
	size_t known = 0;
	int r = row_number(store, ST_STREAM_END, &op->append.stream, 1, 0, &version);

	/* Where it is expected, its events are new: they were made for this version. */
	if (r == SQLITE_OK && version > 0 && version != op->append.expected)
		r = count_known(store, op, &known);
	if (r != SQLITE_OK)
		return r;
	*appended = (struct store_appended){.version = version,
	                                    .existed = known == op->append.n};
	if (appended->existed ||
	    (known == 0 && (op->append.expected == version || op->append.expected < 0)))
		return SQLITE_OK;
	return refuse(tx, op, version, known);
}

int
append_check(struct store *store, struct store_tx *tx)
{
	const struct op *op;
	size_t n = 0;
	int worst = SQLITE_OK;

	if (tx->appended == NULL)
		tx->appended =
			ARENA_ARRAY(&tx->arena, struct store_appended, tx->n_appends);
	if (tx->appended == NULL)
		return SQLITE_NOMEM;
	for (op = tx->first; op != NULL; op = op->next) {
		int r = SQLITE_OK;

		if (op->kind == OP_APPEND)
			r = check(store, tx, op, &tx->appended[n++]);
		if (r > 0)
			return r;
		worst = r < 0 ? r : worst;
	}
	return worst;
}

int
append_write(struct store *store, struct store_tx *tx, const struct op *op, size_t n)
{
	struct store_appended *appended = &tx->appended[n];
	int r = SQLITE_OK;
	size_t i;

	if (appended->existed)
		return SQLITE_OK;
	if (store->log_end < 0)
		r = row_number(store, ST_LOG_END, NULL, 0, 0, &store->log_end);
	for (i = 0; i < op->append.n && r == SQLITE_OK; i++) {
		struct store_event event = op->append.events[i];

		event.stream = op->append.stream;
		event.version = appended->version + 1 + (int64_t)i;
		event.position = ++store->log_end;
		r = row_append(store, &event);
	}
	appended->version += (int64_t)op->append.n;
	appended->position = store->log_end;
	return r;
}
