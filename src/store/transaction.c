/*
 * transaction.c - transactions as data: a list of rows on an arena, in order of putting.
 * Nothing is checked or written here; texts are borrowed until the report.
 */
#include <stdio.h>

#include "base/mem.h"
#include "store/local.h"

struct store_tx *
store_begin(struct store *store)
{
	struct store_tx *tx = mem_new(sizeof(*tx));

	if (tx == NULL)
		return NULL;
	tx->loop = store->loop;
	arena_init(&tx->arena, 2048);
	return tx;
}

void
store_discard(struct store_tx *tx)
{
	if (tx == NULL)
		return;
	arena_done(&tx->arena);
	mem_free(tx);
}

struct op *
transaction_add(struct store_tx *tx, enum op_kind kind)
{
	struct op *op = ARENA_NEW(&tx->arena, struct op);

	if (op == NULL)
		return NULL;
	op->kind = kind;
	if (tx->last != NULL)
		tx->last->next = op;
	else
		tx->first = op;
	tx->last = op;
	return op;
}

void
transaction_fail_all(struct store_tx *first, int code, const char *text)
{
	for (; first != NULL; first = first->next) {
		if (first->settled)
			continue;
		first->code = code;
		(void)snprintf(first->text, sizeof(first->text), "%.*s",
		               (int)sizeof(first->text) - 1, text);
	}
}

int
store_put_event(struct store_tx *tx, const struct store_event *event)
{
	struct op *op = transaction_add(tx, OP_EVENT);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->event = *event;
	tx->n_events++;
	return 0;
}

int
store_put_run(struct store_tx *tx, const struct store_run *run)
{
	struct op *op = transaction_add(tx, OP_RUN);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->run = *run;
	return 0;
}

int
store_put_entry(struct store_tx *tx, const struct store_entry *entry)
{
	struct op *op = transaction_add(tx, OP_ENTRY);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->entry = *entry;
	return 0;
}

int
store_put_cursor(struct store_tx *tx, struct heed_str source, struct heed_str position)
{
	struct heed_str own_source = arena_str(&tx->arena, source);
	struct heed_str own_position = arena_str(&tx->arena, position);
	struct op *op;

	if (own_source.data == NULL || own_position.data == NULL)
		return HEED_E_NOMEM;
	op = transaction_add(tx, OP_CURSOR);
	if (op == NULL)
		return HEED_E_NOMEM;
	op->cursor.source = own_source;
	op->cursor.position = own_position;
	return 0;
}

int
store_put_definition(struct store_tx *tx, struct heed_str hash, struct heed_str flow,
                     struct heed_str name, struct heed_str text)
{
	struct op *op = transaction_add(tx, OP_DEFINITION);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->definition.hash = hash;
	op->definition.flow = flow;
	op->definition.name = name;
	op->definition.text = text;
	return 0;
}

int
store_put_cache(struct store_tx *tx, const struct store_cached *cached)
{
	struct op *op = transaction_add(tx, OP_CACHE);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->cached = *cached;
	return 0;
}

int
store_put_sql(struct store_tx *tx, struct heed_str statement, struct heed_json values,
              int64_t run_id, int32_t n)
{
	struct op *op = transaction_add(tx, OP_SQL);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->sql.statement = statement;
	op->sql.values = values;
	op->sql.run_id = run_id;
	op->sql.n = n;
	tx->n_sql++;
	return 0;
}

int
store_put_append(struct store_tx *tx, struct heed_str stream, int64_t expected,
                 const struct store_event *events, size_t n)
{
	const struct op *other;
	struct op *op;

	for (other = tx->first; other != NULL; other = other->next)
		if (other->kind == OP_APPEND && str_eq(other->append.stream, stream))
			return HEED_E_EXISTS;
	op = transaction_add(tx, OP_APPEND);
	if (op == NULL)
		return HEED_E_NOMEM;
	op->append.stream = stream;
	op->append.expected = expected;
	op->append.events = events;
	op->append.n = n;
	tx->n_appends++;
	tx->n_events += n;
	return 0;
}

int
store_put_snapshot(struct store_tx *tx, const struct store_snapshot *snapshot)
{
	struct op *op = transaction_add(tx, OP_SNAPSHOT);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->snapshot = *snapshot;
	return 0;
}

int
store_put_job(struct store_tx *tx, const struct store_job *job)
{
	struct op *op = transaction_add(tx, OP_JOB);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->job = *job;
	return 0;
}

static int
put_forget(struct store_tx *tx, enum op_kind kind, const int64_t *ids, size_t n)
{
	struct op *op = transaction_add(tx, kind);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->forget.ids = ids;
	op->forget.n = n;
	return 0;
}

int
store_put_forget_runs(struct store_tx *tx, const int64_t *ids, size_t n)
{
	return put_forget(tx, OP_FORGET_RUNS, ids, n);
}

int
store_put_forget_events(struct store_tx *tx, const int64_t *ids, size_t n)
{
	return put_forget(tx, OP_FORGET_EVENTS, ids, n);
}
