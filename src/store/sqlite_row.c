/*
 * sqlite_row.c - each kind of row and its statement, prepared once.
 *
 * Runs and entries replace the row of the same key in place: an update touches only the
 * indexes whose columns it sets, where a replace would delete and insert in all of them.
 */
#include "base/clock.h"
#include "store/local.h"

static const char *const texts[ST_COUNT] = {
	[ST_BEGIN] = "begin immediate",
	[ST_COMMIT] = "commit",
	[ST_ROLLBACK] = "rollback",
	[ST_SAVE] = "savepoint tx",
	[ST_RELEASE] = "release tx",
	[ST_UNSAVE] = "rollback to tx",
	[ST_DEDUP] = "insert into dedup(hash, at_us) values(?, ?) on conflict do nothing",
	[ST_EVENT] = "insert into events(seq, source, id, type, subject, time_us,"
		     " received_us, depth, parent_run, trace, body)"
		     " values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_RUN] =
		"insert into runs(id, event_seq, flow, name, definition, key, state,"
		" due_us, created_us, updated_us, redrives, tokens_in, tokens_out,"
		" cost_nano, calls, class, text, step)"
		" values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		" on conflict(id) do update set flow = excluded.flow,"
		" name = excluded.name, definition = excluded.definition,"
		" key = excluded.key, state = excluded.state, due_us = excluded.due_us,"
		" created_us = excluded.created_us, updated_us = excluded.updated_us,"
		" redrives = excluded.redrives, tokens_in = excluded.tokens_in,"
		" tokens_out = excluded.tokens_out, cost_nano = excluded.cost_nano,"
		" calls = excluded.calls, class = excluded.class, text = excluded.text,"
		" step = excluded.step",
	[ST_ENTRY] =
		"insert into journal(run_id, n, kind, state, step, attempt, at_us,"
		" ended_us, model, input, cached_input, cache_write, output, reasoning,"
		" cost_nano, class, request, reply, detail, reserved_nano, asked)"
		" values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" ?)"
		" on conflict(run_id, n) do update set kind = excluded.kind,"
		" state = excluded.state, step = excluded.step,"
		" attempt = excluded.attempt, at_us = excluded.at_us,"
		" ended_us = excluded.ended_us, model = excluded.model,"
		" input = excluded.input, cached_input = excluded.cached_input,"
		" cache_write = excluded.cache_write, output = excluded.output,"
		" reasoning = excluded.reasoning, cost_nano = excluded.cost_nano,"
		" class = excluded.class, request = excluded.request,"
		" reply = excluded.reply, detail = excluded.detail,"
		" reserved_nano = excluded.reserved_nano, asked = excluded.asked",
	[ST_REPLY] = "update journal set reply = ? where run_id = ? and n = ?",
	[ST_CURSOR] = "insert or replace into cursors(source, position, at_us)"
		      " values(?, ?, ?)",
	[ST_DEFINITION] = "insert into definitions(hash, flow, name, text, at_us)"
			  " values(?, ?, ?, ?, ?) on conflict do nothing",
	[ST_CACHE] = "insert or replace into cache(hash, model, reply, at_us, expires_us)"
		     " values(?, ?, ?, ?, ?)",
	[ST_PRUNE_DEDUP] = "delete from dedup where hash in (select hash from dedup"
			   " where at_us < ? order by at_us limit ?)",
	[ST_FORGET_RUN] = "delete from runs where id = ?1 and state in (5, 6, 7)"
			  " and id < (select max(id) from runs)",
	[ST_FORGET_JOURNAL] = "delete from journal where run_id = ?1",
	[ST_FORGET_EVENT] = "delete from events where seq = ?1 and position = 0"
			    " and seq < (select max(seq) from events)"
			    " and not exists(select 1 from runs where event_seq = ?1)",
	[ST_PRUNE_CACHE] = "delete from cache where hash in (select hash from cache"
			   " where expires_us <= ? order by expires_us limit ?)",
	[ST_STREAM_END] = "select version from events where stream = ? and version > 0"
			  " order by version desc limit 1",
	[ST_STREAM_FIND] = "select version from events indexed by events_id"
			   " where id = ? and stream = ?",
	[ST_LOG_END] = "select position from events where position > 0"
		       " order by position desc limit 1",
	[ST_APPEND] = "insert into events(seq, source, id, type, subject, time_us,"
		      " received_us, depth, parent_run, trace, body, stream, version,"
		      " position) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_JOB] = "insert or replace into jobs(id, state, kind, spec, position, total,"
		   " done, skipped, text, created_us, updated_us)"
		   " values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_SNAPSHOT] = "insert into snapshots(stream, fold, version, state, at_us)"
			" values(?, ?, ?, ?, ?) on conflict(stream) do update set"
			" fold = excluded.fold, version = excluded.version,"
			" state = excluded.state, at_us = excluded.at_us"
			" where fold <> excluded.fold or version < excluded.version",
};

_Static_assert(RUN_DONE == 5 && RUN_DEAD == 6 && RUN_DROPPED == 7,
               "the numbers are in ST_FORGET_RUN");

int
row_prepare(struct store *store)
{
	int r = SQLITE_OK;
	int i;

	for (i = 0; i < ST_COUNT && r == SQLITE_OK; i++)
		r = sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
		                       &store->statements[i], NULL);
	return r;
}

int
row_statement(struct store *store, enum statement which)
{
	sqlite3_stmt *statement = store->statements[which];
	int r = sqlite3_step(statement);

	(void)sqlite3_reset(statement);
	return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

int
row_bind_text(sqlite3_stmt *statement, int at, struct heed_str text)
{
	return sqlite3_bind_text64(statement, at, text.data != NULL ? text.data : "",
	                           text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* A row's values in the order of its statement; what binding says is sticky. */
struct binder {
	sqlite3_stmt *statement;
	int at;
	int code;
};

static struct binder
bind_begin(struct store *store, enum statement which)
{
	return (struct binder){.statement = store->statements[which]};
}

static void
bind_text(struct binder *binder, struct heed_str text)
{
	int r = row_bind_text(binder->statement, ++binder->at, text);

	if (binder->code == SQLITE_OK)
		binder->code = r;
}

static void
bind_bytes(struct binder *binder, const void *data, size_t len)
{
	int r = sqlite3_bind_blob64(binder->statement, ++binder->at, len > 0 ? data : "",
	                            len, SQLITE_STATIC);

	if (binder->code == SQLITE_OK)
		binder->code = r;
}

static void
bind_number(struct binder *binder, int64_t number)
{
	int r = sqlite3_bind_int64(binder->statement, ++binder->at, number);

	if (binder->code == SQLITE_OK)
		binder->code = r;
}

static int
bind_end(struct binder *binder, struct store *store, enum statement which)
{
	return binder->code != SQLITE_OK ? binder->code : row_statement(store, which);
}

/* ---- rows -------------------------------------------------------------------------- */

static void
bind_event(struct binder *b, const struct store_event *event)
{
	bind_number(b, event->seq);
	bind_text(b, event->source);
	bind_text(b, event->id);
	bind_text(b, event->type);
	bind_text(b, event->subject);
	bind_number(b, event->time_us);
	bind_number(b, event->received_us);
	bind_number(b, event->depth);
	bind_number(b, event->parent_run);
	bind_text(b, event->trace);
	bind_text(b, event->body);
}

int
row_write_event(struct store *store, const struct store_event *event, bool *ret_duplicate)
{
	struct heed_str parts[2] = {event->source, event->id};
	struct id_hash hash = id_hash_parts(parts, 2);
	struct binder b = bind_begin(store, ST_DEDUP);
	int r;

	bind_bytes(&b, hash.bytes, sizeof(hash.bytes));
	bind_number(&b, event->received_us);
	r = bind_end(&b, store, ST_DEDUP);
	if (r != SQLITE_OK)
		return r;
	*ret_duplicate = sqlite3_changes(store->db) == 0;
	if (*ret_duplicate)
		return SQLITE_OK;
	b = bind_begin(store, ST_EVENT);
	bind_event(&b, event);
	return bind_end(&b, store, ST_EVENT);
}

int
row_append(struct store *store, const struct store_event *event)
{
	struct binder b = bind_begin(store, ST_APPEND);

	bind_event(&b, event);
	bind_text(&b, event->stream);
	bind_number(&b, event->version);
	bind_number(&b, event->position);
	return bind_end(&b, store, ST_APPEND);
}

static int
write_run(struct store *store, const struct store_run *run)
{
	struct binder b = bind_begin(store, ST_RUN);

	bind_number(&b, run->id);
	bind_number(&b, run->event_seq);
	bind_text(&b, run->flow);
	bind_text(&b, run->name);
	bind_text(&b, run->definition);
	bind_text(&b, run->key);
	bind_number(&b, run->state);
	bind_number(&b, run->due_us);
	bind_number(&b, run->created_us);
	bind_number(&b, run->updated_us);
	bind_number(&b, run->redrives);
	bind_number(&b, run->tokens_in);
	bind_number(&b, run->tokens_out);
	bind_number(&b, run->cost_nano);
	bind_number(&b, run->calls);
	bind_text(&b, run->class);
	bind_text(&b, run->text);
	bind_text(&b, run->step);
	return bind_end(&b, store, ST_RUN);
}

static int
write_entry(struct store *store, const struct store_entry *entry)
{
	struct binder b = bind_begin(store, ST_ENTRY);

	bind_number(&b, entry->run_id);
	bind_number(&b, entry->n);
	bind_number(&b, entry->kind);
	bind_number(&b, entry->state);
	bind_text(&b, entry->step);
	bind_number(&b, entry->attempt);
	bind_number(&b, entry->at_us);
	bind_number(&b, entry->ended_us);
	bind_text(&b, entry->model);
	bind_number(&b, entry->input);
	bind_number(&b, entry->cached_input);
	bind_number(&b, entry->cache_write);
	bind_number(&b, entry->output);
	bind_number(&b, entry->reasoning);
	bind_number(&b, entry->cost_nano);
	bind_text(&b, entry->class);
	bind_text(&b, entry->request);
	bind_text(&b, entry->reply);
	bind_text(&b, entry->detail);
	bind_number(&b, entry->reserved_nano);
	bind_text(&b, entry->asked);
	return bind_end(&b, store, ST_ENTRY);
}

int
row_write_reply(struct store *store, int64_t run_id, int32_t n, struct heed_str reply)
{
	struct binder b = bind_begin(store, ST_REPLY);

	bind_text(&b, reply);
	bind_number(&b, run_id);
	bind_number(&b, n);
	return bind_end(&b, store, ST_REPLY);
}

static int
write_cursor(struct store *store, const struct op *op)
{
	struct binder b = bind_begin(store, ST_CURSOR);

	bind_text(&b, op->cursor.source);
	bind_text(&b, op->cursor.position);
	bind_number(&b, clock_wall_us());
	return bind_end(&b, store, ST_CURSOR);
}

static int
write_definition(struct store *store, const struct op *op)
{
	struct binder b = bind_begin(store, ST_DEFINITION);

	bind_text(&b, op->definition.hash);
	bind_text(&b, op->definition.flow);
	bind_text(&b, op->definition.name);
	bind_text(&b, op->definition.text);
	bind_number(&b, clock_wall_us());
	return bind_end(&b, store, ST_DEFINITION);
}

static int
write_cache(struct store *store, const struct store_cached *cached)
{
	struct binder b = bind_begin(store, ST_CACHE);

	bind_bytes(&b, cached->hash.data, cached->hash.len);
	bind_text(&b, cached->model);
	bind_text(&b, cached->reply);
	bind_number(&b, cached->at_us);
	bind_number(&b, cached->expires_us);
	return bind_end(&b, store, ST_CACHE);
}

static int
write_snapshot(struct store *store, const struct store_snapshot *snapshot)
{
	struct binder b = bind_begin(store, ST_SNAPSHOT);

	bind_text(&b, snapshot->stream);
	bind_text(&b, snapshot->fold);
	bind_number(&b, snapshot->version);
	bind_text(&b, snapshot->state);
	bind_number(&b, snapshot->at_us);
	return bind_end(&b, store, ST_SNAPSHOT);
}

static int
write_job(struct store *store, const struct store_job *job)
{
	struct binder b = bind_begin(store, ST_JOB);

	bind_number(&b, job->id);
	bind_number(&b, job->state);
	bind_text(&b, job->kind);
	bind_text(&b, job->spec);
	bind_number(&b, job->position);
	bind_number(&b, job->total);
	bind_number(&b, job->done);
	bind_number(&b, job->skipped);
	bind_text(&b, job->text);
	bind_number(&b, job->created_us);
	bind_number(&b, job->updated_us);
	return bind_end(&b, store, ST_JOB);
}

int
row_write(struct store *store, const struct op *op)
{
	switch (op->kind) {
	case OP_RUN:
		return write_run(store, &op->run);
	case OP_ENTRY:
		return write_entry(store, &op->entry);
	case OP_CURSOR:
		return write_cursor(store, op);
	case OP_DEFINITION:
		return write_definition(store, op);
	case OP_CACHE:
		return write_cache(store, &op->cached);
	case OP_SNAPSHOT:
		return write_snapshot(store, &op->snapshot);
	case OP_JOB:
		return write_job(store, &op->job);
	case OP_EVENT:
	case OP_APPEND:
	case OP_SQL:
	case OP_FORGET_RUNS:
	case OP_FORGET_EVENTS:
	case OP_PRUNE:
		break;
	}
	return SQLITE_MISUSE;
}

int
row_prune(struct store *store, const struct op *op, int64_t *ret_pruned)
{
	struct binder b = bind_begin(store, ST_PRUNE_DEDUP);
	int64_t n;
	int r;

	bind_number(&b, op->prune.seen_before_us);
	bind_number(&b, STORE_PRUNE_BATCH);
	r = bind_end(&b, store, ST_PRUNE_DEDUP);
	if (r != SQLITE_OK)
		return r;
	n = sqlite3_changes64(store->db);
	b = bind_begin(store, ST_PRUNE_CACHE);
	bind_number(&b, op->prune.expired_us);
	bind_number(&b, STORE_PRUNE_BATCH);
	r = bind_end(&b, store, ST_PRUNE_CACHE);
	if (r != SQLITE_OK)
		return r;
	if (sqlite3_changes64(store->db) > n)
		n = sqlite3_changes64(store->db);
	*ret_pruned = n;
	return SQLITE_OK;
}

int
row_number(struct store *store, enum statement which, const struct heed_str *values,
           size_t n, int64_t fallback, int64_t *ret_number)
{
	struct binder b = bind_begin(store, which);
	size_t i;
	int r;

	for (i = 0; i < n; i++)
		bind_text(&b, values[i]);
	if (b.code != SQLITE_OK)
		return b.code;
	r = sqlite3_step(b.statement);
	*ret_number = r == SQLITE_ROW ? sqlite3_column_int64(b.statement, 0) : fallback;
	(void)sqlite3_reset(b.statement);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}
