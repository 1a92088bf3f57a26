/*
 * look.c - reading without holding up the loop: one read after the other on a work
 * thread, with a reader of its own, so that a long report neither blocks the loop nor
 * takes more than one work thread. A store in memory has one connection only: its reads
 * run on a later turn.
 *
 * The line is the loop's; `aside` belongs to whichever work thread runs the first look,
 * and the loop's hand-over orders them.
 */
#include <string.h>

#include "base/mem.h"
#include "store/local.h"

struct look {
	struct look *next;
	struct store *store;
	store_look_fn *fn;
	store_looked_fn *done;
	void *arg;
	int code;
	struct heed_error error;
};

static void start_first(struct store *store);

static void
look_run(void *arg)
{
	struct look *look = arg;
	struct store *store = look->store;
	struct store *reader = store;
	char where[8 + 4096];

	if (store->path != NULL) {
		size_t len = strlen(store->path);

		if (store->aside == NULL && len < sizeof(where) - 8) {
			/* A view: it needs no end. */
			// NOLINTNEXTLINE(bugprone-not-null-terminated-result)
			memcpy(where, "sqlite:", 7);
			memcpy(where + 7, store->path, len);
			look->code =
				store_open_readonly((struct heed_str){where, len + 7},
			                            &store->aside, &look->error);
		}
		reader = store->aside;
	}
	if (reader != NULL)
		look->code = look->fn(reader, look->arg, &look->error);
}

/* The store may be closed inside the last call. */
static void
look_done(void *arg)
{
	struct look *look = arg;
	struct store *store = look->store;

	store->look_first = look->next;
	if (store->look_first == NULL)
		store->look_last = NULL;
	else
		start_first(store);
	look->done(look->arg, look->code, &look->error);
	mem_free(look);
}

static void
look_turn(void *arg)
{
	struct look *look = arg;

	loop_release(look->store->loop);
	look_run(look);
	look_done(look);
}

static void
start_first(struct store *store)
{
	struct look *look = store->look_first;

	if (store->path == NULL) {
		loop_hold(store->loop);
		store->look_post = (struct loop_post){.fn = look_turn, .arg = look};
		loop_post(store->loop, &store->look_post);
		return;
	}
	store->look_work =
		(struct loop_work){.run = look_run, .done = look_done, .arg = look};
	loop_work(store->loop, &store->look_work);
}

int
store_read(struct store *store, store_look_fn *fn, store_looked_fn *done, void *arg)
{
	struct look *look = mem_new(sizeof(*look));

	if (look == NULL)
		return HEED_E_NOMEM;
	look->store = store;
	look->fn = fn;
	look->done = done;
	look->arg = arg;
	if (store->look_first == NULL)
		store->look_first = look;
	else
		store->look_last->next = look;
	store->look_last = look;
	if (store->look_first == look)
		start_first(store);
	return 0;
}
