/*
 * store.c - transactions as data, the line of those to be committed, and the thread that
 * takes all of the line at once. What SQLite does with a group is sqlite_write.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "store/local.h"

static const char *const run_state_names[] = {
	"new", "ready", "active", "waiting", "held", "done", "dead", "dropped",
};
static const char *const entry_kind_names[] = {"ask", "act", "emit", "probe", "mark"};
static const char *const entry_state_names[] = {"intended", "done", "failed", "unknown"};

const char *
store_run_state_name(enum run_state state)
{
	return (size_t)state <= RUN_DROPPED ? run_state_names[state] : "?";
}

int
store_run_state_find(struct heed_str name)
{
	int i;

	for (i = 0; i <= RUN_DROPPED; i++)
		if (str_is(name, run_state_names[i]))
			return i;
	return -1;
}

const char *
store_entry_kind_name(enum entry_kind kind)
{
	return (size_t)kind <= ENTRY_MARK ? entry_kind_names[kind] : "?";
}

const char *
store_entry_state_name(enum entry_state state)
{
	return (size_t)state <= ENTRY_UNKNOWN ? entry_state_names[state] : "?";
}

/* ---- transactions ----------------------------------------------------------------------- */

struct store_tx *
store_begin(struct store *store)
{
	struct store_tx *tx = mem_new(sizeof(*tx));

	if (tx == NULL)
		return NULL;
	tx->store = store;
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

static struct op *
add_op(struct store_tx *tx, enum op_kind kind)
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

int
store_put_event(struct store_tx *tx, const struct store_event *event)
{
	struct op *op = add_op(tx, OP_EVENT);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->event = *event;
	tx->n_events++;
	return 0;
}

int
store_put_run(struct store_tx *tx, const struct store_run *run)
{
	struct op *op = add_op(tx, OP_RUN);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->run = *run;
	return 0;
}

int
store_put_entry(struct store_tx *tx, const struct store_entry *entry)
{
	struct op *op = add_op(tx, OP_ENTRY);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->entry = *entry;
	return 0;
}

int
store_put_cursor(struct store_tx *tx, struct heed_str source, struct heed_str position)
{
	struct op *op = add_op(tx, OP_CURSOR);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->cursor.source = arena_str(&tx->arena, source);
	op->cursor.position = arena_str(&tx->arena, position);
	return op->cursor.source.data == NULL || op->cursor.position.data == NULL ? HEED_E_NOMEM
										   : 0;
}

int
store_put_definition(struct store_tx *tx, struct heed_str hash, struct heed_str flow,
		     struct heed_str name, struct heed_str text)
{
	struct op *op = add_op(tx, OP_DEFINITION);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->definition.hash = hash;
	op->definition.flow = flow;
	op->definition.name = name;
	op->definition.text = text;
	return 0;
}

int
store_put_sql(struct store_tx *tx, struct heed_str statement, struct heed_json values)
{
	struct op *op = add_op(tx, OP_SQL);

	if (op == NULL)
		return HEED_E_NOMEM;
	op->sql.statement = statement;
	op->sql.values = values;
	tx->has_sql = true;
	return 0;
}

/* ---- the line and the thread ------------------------------------------------------------ */

static void
report(void *arg)
{
	struct store_tx *tx = arg;
	struct store_result result = {.code = tx->code, .text = tx->text,
				      .duplicate = tx->duplicate, .n_events = tx->n_events};

	loop_release(tx->store->loop);
	tx->done(tx->arg, &result);
	store_discard(tx);
}

static void
report_all(struct store_tx *first)
{
	while (first != NULL) {
		struct store_tx *next = first->next;

		first->post = (struct loop_post){.fn = report, .arg = first};
		loop_post(first->store->loop, &first->post);
		first = next;
	}
}

static void *
store_thread(void *arg)
{
	struct store *store = arg;

	(void)pthread_mutex_lock(&store->lock);
	for (;;) {
		struct store_tx *first = store->first;

		if (first == NULL && store->ending)
			break;
		if (first == NULL) {
			(void)pthread_cond_wait(&store->wake, &store->lock);
			continue;
		}
		store->first = store->last = NULL;
		(void)pthread_mutex_unlock(&store->lock);
		sqlite_commit_group(store, first);
		report_all(first);
		(void)pthread_mutex_lock(&store->lock);
	}
	(void)pthread_mutex_unlock(&store->lock);
	return NULL;
}

void
store_commit(struct store *store, struct store_tx *tx, store_done_fn *done, void *arg)
{
	tx->done = done;
	tx->arg = arg;
	loop_hold(store->loop);
	if (!store->has_thread) { /* memory: in order and at once, reported on a later turn */
		sqlite_commit_group(store, tx);
		report_all(tx);
		return;
	}
	(void)pthread_mutex_lock(&store->lock);
	if (store->first == NULL)
		store->first = tx;
	else
		store->last->next = tx;
	store->last = tx;
	(void)pthread_cond_signal(&store->wake);
	(void)pthread_mutex_unlock(&store->lock);
}

int64_t
store_next_event(struct store *store)
{
	return store->next_event++;
}

int64_t
store_next_run(struct store *store)
{
	return store->next_run++;
}

/* ---- open and close --------------------------------------------------------------------- */

static int
store_make(struct loop *loop, struct heed_str where, struct store **ret_store,
	   struct heed_error *error)
{
	struct store *store;

	if (!str_starts(where, "sqlite:") && !str_is(where, "memory:")) {
		(void)error_set(error, HEED_E_CONFIG, "there is no store \"%.*s\"", STR_ARG(where));
		error_hint(error, "write sqlite:PATH, or memory: for trials");
		return HEED_E_CONFIG;
	}
	store = mem_new(sizeof(*store));
	if (store == NULL)
		return error_nomem(error);
	store->loop = loop;
	store->lock_fd = -1;
	(void)pthread_mutex_init(&store->lock, NULL);
	(void)pthread_cond_init(&store->wake, NULL);
	if (str_starts(where, "sqlite:")) {
		store->path = mem_copy(where.data + 7, where.len - 7);
		if (store->path == NULL) {
			store_close(store);
			return error_nomem(error);
		}
	}
	*ret_store = store;
	return 0;
}

int
store_open(struct loop *loop, struct heed_str where, struct store **ret_store,
	   struct heed_error *error)
{
	struct store *store;
	int r;

	HEED_TRY(store_make(loop, where, &store, error));
	r = sqlite_open(store, error);
	if (r == 0 && store->path != NULL) {
		store->has_thread =
			pthread_create(&store->thread, NULL, store_thread, store) == 0;
		if (!store->has_thread)
			r = error_set(error, HEED_E_LIMIT, "cannot start the store's thread");
	}
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

int
store_open_readonly(struct heed_str where, struct store **ret_store, struct heed_error *error)
{
	struct store *store;
	int r;

	HEED_TRY(store_make(NULL, where, &store, error));
	r = sqlite_open(store, error);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	if (store->has_thread) {
		(void)pthread_mutex_lock(&store->lock);
		store->ending = true;
		(void)pthread_cond_signal(&store->wake);
		(void)pthread_mutex_unlock(&store->lock);
		(void)pthread_join(store->thread, NULL);
	}
	sqlite_close(store);
	(void)pthread_cond_destroy(&store->wake);
	(void)pthread_mutex_destroy(&store->lock);
	mem_free(store->path);
	mem_free(store);
}
