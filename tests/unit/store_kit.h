/*
 * store_kit.h - what the store's tests share: a folder, a loop, commits that are awaited,
 * rows to put and to count.
 */
#ifndef HEED_TESTS_STORE_KIT_H
#define HEED_TESTS_STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

/* Not every test needs each of them. */
#define STORE_KIT __attribute__((unused)) static

#define NOW INT64_C(1800000000000000)
#define DAY (INT64_C(86400) * 1000000)

static char folder[64];

struct place {
	char path[128];
	char where[160];
};

STORE_KIT struct place
fresh(const char *name)
{
	struct place place;
	char side[160];

	(void)snprintf(place.path, sizeof(place.path), "%s/%s.db", folder, name);
	(void)snprintf(place.where, sizeof(place.where), "sqlite:%s", place.path);
	(void)unlink(place.path);
	(void)snprintf(side, sizeof(side), "%s-wal", place.path);
	(void)unlink(side);
	(void)snprintf(side, sizeof(side), "%s-shm", place.path);
	(void)unlink(side);
	return place;
}

STORE_KIT struct loop *
new_loop(void)
{
	struct loop *loop;

	assert_int_equal(loop_new(LOOP_VIRTUAL, &loop), 0);
	loop_set_wall(loop, NOW);
	return loop;
}

STORE_KIT struct store *
open_at(struct loop *loop, const char *where)
{
	struct heed_error error = {0};
	struct store *store = NULL;

	if (store_open(loop, str_of(where), &store, &error) != 0)
		fail_msg("%s: %s", where, error.text);
	return store;
}

/* The outcome of one commit. */
struct outcome {
	bool done;
	int code;
	char text[256];
	bool duplicate[8];
	int64_t changed[8];
	size_t n_events;
	size_t n_sql;
};

STORE_KIT void
keep(void *arg, const struct store_result *result)
{
	struct outcome *outcome = arg;
	size_t i;

	assert_false(outcome->done);
	outcome->done = true;
	outcome->code = result->code;
	(void)snprintf(outcome->text, sizeof(outcome->text), "%s", result->text);
	outcome->n_events = result->n_events;
	outcome->n_sql = result->n_sql;
	for (i = 0; i < result->n_events && i < 8 && result->duplicate != NULL; i++)
		outcome->duplicate[i] = result->duplicate[i];
	for (i = 0; i < result->n_sql && i < 8 && result->changed != NULL; i++)
		outcome->changed[i] = result->changed[i];
}

/* A turn, and a nap for the store's thread. */
STORE_KIT void
turn(struct loop *loop)
{
	struct timespec nap = {0, 200000};

	loop_turn(loop);
	(void)nanosleep(&nap, NULL);
}

STORE_KIT void
await(struct loop *loop, const bool *done)
{
	while (!*done)
		turn(loop);
}

STORE_KIT struct outcome
commit(struct loop *loop, struct store *store, struct store_tx *tx)
{
	struct outcome outcome = {0};

	store_commit(store, tx, keep, &outcome);
	assert_false(outcome.done); /* never inside the call */
	await(loop, &outcome.done);
	return outcome;
}

STORE_KIT struct store_event
make_event(struct store *store, const char *id)
{
	return (struct store_event){
		.seq = store_next_event(store),
		.id = str_of(id),
		.source = HEED_STR("/test"),
		.type = HEED_STR("thing_happened"),
		.subject = HEED_STR("s"),
		.time_us = NOW,
		.received_us = NOW,
		.body = HEED_STR("{\"id\":1}"),
	};
}

STORE_KIT struct store_run
make_run(struct store *store, int64_t event_seq, enum run_state state)
{
	return (struct store_run){
		.id = store_next_run(store),
		.event_seq = event_seq,
		.flow = HEED_STR("reaction"),
		.name = HEED_STR("enrich"),
		.definition = HEED_STR("abc"),
		.state = state,
		.created_us = NOW,
		.updated_us = NOW,
	};
}

/* One event with one run in `state`; returns the run's id. */
STORE_KIT int64_t
put_pair(struct store *store, struct store_tx *tx, const char *id, enum run_state state)
{
	struct store_event event = make_event(store, id);
	struct store_run run = make_run(store, event.seq, state);

	assert_int_equal(store_put_event(tx, &event), 0);
	assert_int_equal(store_put_run(tx, &run), 0);
	return run.id;
}

STORE_KIT int
count_event(void *arg, const struct store_event *event)
{
	(void)event;
	++*(int64_t *)arg;
	return 0;
}

STORE_KIT int
count_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	assert_int_equal(run->event_seq, event->seq);
	++*(int64_t *)arg;
	return 0;
}

STORE_KIT int64_t
events_of(struct store *store, const struct store_filter *filter)
{
	int64_t n = 0;

	assert_int_equal(store_read_events(store, filter, count_event, &n, NULL), 0);
	return n;
}

STORE_KIT int64_t
runs_of(struct store *store, const struct store_filter *filter)
{
	int64_t n = 0;

	assert_int_equal(store_read_runs(store, filter, count_run, &n, NULL), 0);
	return n;
}

STORE_KIT int64_t
all_events(struct store *store)
{
	struct store_filter all = {0};

	return events_of(store, &all);
}

STORE_KIT void
put_ask(struct store_tx *tx, int64_t run, int n, const char *model, int64_t at_us,
        int64_t cost)
{
	struct store_entry entry = {
		.run_id = run,
		.n = n,
		.kind = ENTRY_ASK,
		.state = ENTRY_DONE,
		.at_us = at_us,
		.attempt = 1,
		.asked = str_of(model),
		.model = str_of(model),
		.input = 100,
		.output = 10,
		.cost_nano = cost,
	};

	assert_int_equal(store_put_entry(tx, &entry), 0);
}

STORE_KIT struct outcome
put_one(struct loop *loop, struct store *store, const char *id)
{
	struct store_tx *tx = store_begin(store);

	(void)put_pair(store, tx, id, RUN_READY);
	return commit(loop, store, tx);
}

STORE_KIT int
make_folder(void **state)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/heed-store-XXXXXX");
	return mkdtemp(folder) == NULL;
}

STORE_KIT int
remove_folder(void **state)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

#endif
