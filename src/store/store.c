/*
 * store.c - opening and closing a store, its kinds, its numbers, its names. Transactions
 * are built in transaction.c, queued in line.c and written by the kind's driver.
 */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "store/local.h"

static const struct store_driver *const drivers[] = {&sqlite_driver, &memory_driver};
#define DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

/* ---- names ------------------------------------------------------------------------- */

static const char *const run_state_names[] = {
	[RUN_NEW] = "new",         [RUN_READY] = "ready",     [RUN_ACTIVE] = "active",
	[RUN_WAITING] = "waiting", [RUN_HELD] = "held",       [RUN_DONE] = "done",
	[RUN_DEAD] = "dead",       [RUN_DROPPED] = "dropped",
};
static const char *const entry_kind_names[] = {
	[ENTRY_ASK] = "ask",     [ENTRY_ACT] = "act",       [ENTRY_EMIT] = "emit",
	[ENTRY_PROBE] = "probe", [ENTRY_MARK] = "mark",     [ENTRY_WAIT] = "wait",
	[ENTRY_START] = "start", [ENTRY_SIGNAL] = "signal", [ENTRY_NOTE] = "note",
	[ENTRY_READ] = "read",   [ENTRY_APPEND] = "append",
};
static const char *const entry_state_names[] = {
	[ENTRY_INTENDED] = "intended",
	[ENTRY_DONE] = "done",
	[ENTRY_FAILED] = "failed",
	[ENTRY_UNKNOWN] = "unknown",
};

static const char *const job_state_names[] = {
	[JOB_OPEN] = "open",
	[JOB_DONE] = "done",
	[JOB_CANCELLED] = "cancelled",
};

#define NAMES(table) (sizeof(table) / sizeof((table)[0]))
_Static_assert(NAMES(run_state_names) == RUN_STATES, "each state has its name");

const char *
store_run_state_name(enum run_state state)
{
	return (size_t)state < NAMES(run_state_names) ? run_state_names[state] : "?";
}

int
store_run_state_find(struct heed_str name)
{
	int i;

	for (i = 0; i < RUN_STATES; i++)
		if (str_is(name, run_state_names[i]))
			return i;
	return -1;
}

const char *
store_entry_kind_name(enum entry_kind kind)
{
	return (size_t)kind < NAMES(entry_kind_names) ? entry_kind_names[kind] : "?";
}

const char *
store_entry_state_name(enum entry_state state)
{
	return (size_t)state < NAMES(entry_state_names) ? entry_state_names[state] : "?";
}

const char *
store_job_state_name(enum job_state state)
{
	return (size_t)state < NAMES(job_state_names) ? job_state_names[state] : "?";
}

/* ---- numbers ----------------------------------------------------------------------- */

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

int64_t
store_next_job(struct store *store)
{
	return store->next_job++;
}

/* ---- open and close ---------------------------------------------------------------- */

/* Choose the driver and cut its prefix off *where. */
static const struct store_driver *
find_driver(struct heed_str *where)
{
	size_t i;

	for (i = 0; i < DRIVERS; i++) {
		if (!str_starts(*where, drivers[i]->prefix))
			continue;
		*where = str_from(*where, strlen(drivers[i]->prefix));
		if (drivers[i]->has_path ? where->len > 0 : where->len == 0)
			return drivers[i];
	}
	return NULL;
}

static int
choose_driver(struct heed_str *where, const struct store_driver **ret_driver,
              struct heed_error *error)
{
	struct heed_str given = *where;

	*ret_driver = find_driver(where);
	if (*ret_driver != NULL)
		return 0;
	(void)error_set(error, HEED_E_CONFIG, "there is no store \"%.*s\"",
	                STR_ARG(given));
	error_hint(error, "write sqlite:PATH, or memory: for trials");
	return HEED_E_CONFIG;
}

int
store_check(struct heed_str where, struct heed_error *error)
{
	const struct store_driver *driver;

	return choose_driver(&where, &driver, error);
}

static int
store_make(struct heed_str where, struct store **ret_store, struct heed_error *error)
{
	bool breaks = str_starts(where, fault_driver.prefix);
	struct heed_str path =
		breaks ? str_from(where, strlen(fault_driver.prefix)) : where;
	const struct store_driver *driver;
	struct store *store;

	HEED_TRY(choose_driver(&path, &driver, error));
	store = mem_new(sizeof(*store));
	if (store == NULL)
		return error_nomem(error);
	if (driver->has_path) {
		store->path = mem_copy(path.data, path.len);
		if (store->path == NULL) {
			mem_free(store);
			return error_nomem(error);
		}
	}
	store->driver = breaks ? &fault_driver : driver;
	store->fault.inner = driver;
	store->lock_fd = -1;
	(void)pthread_mutex_init(&store->lock, NULL);
	(void)pthread_cond_init(&store->wake, NULL);
	*ret_store = store;
	return 0;
}

int
store_open(struct loop *loop, struct heed_str where, struct store **ret_store,
           struct heed_error *error)
{
	struct store *store;
	int r;

	HEED_TRY(store_make(where, &store, error));
	store->loop = loop;
	r = store->driver->open(store, error);
	if (r == 0)
		r = line_start(store, error);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

int
store_open_readonly(struct heed_str where, struct store **ret_store,
                    struct heed_error *error)
{
	struct store *store;
	int r;

	HEED_TRY(store_make(where, &store, error));
	r = store->driver->open(store, error);
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
	while (store->look_first != NULL)
		loop_turn(store->loop);
	line_stop(store);
	store_close(store->aside);
	store->driver->close(store);
	(void)pthread_cond_destroy(&store->wake);
	(void)pthread_mutex_destroy(&store->lock);
	mem_free(store->path);
	mem_free(store);
}
