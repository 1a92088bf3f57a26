/*
 * test_store_kill.c - nothing acknowledged is missing after kill -9 of the writer, and
 * how many transactions a second it commits. Prints its seed.
 */
#include "store_kit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- kill -9 ----------------------------------------------------------------------- */

/* In a process of its own: commit as fast as it goes and write each acknowledged
 * number to the pipe, until killed. */
struct killed_tx {
	int64_t number;
	char id[24];
	int fd;
	struct store *store;
	int *in_flight;
};

static void
killed_done(void *arg, const struct store_result *result)
{
	struct killed_tx *tx = arg;

	if (result->code != 0 || write(tx->fd, &tx->number, sizeof(tx->number)) < 0)
		_exit(1);
	--*tx->in_flight;
	mem_free(tx);
}

static void
write_until_killed(const char *where, int fd, int64_t number)
{
	struct store *store = NULL;
	struct loop *loop = NULL;
	int in_flight = 0;

	if (loop_new(LOOP_REAL, &loop) != 0 ||
	    store_open(loop, str_of(where), &store, NULL) != 0)
		_exit(2);
	for (;;) {
		while (in_flight < 50) {
			struct killed_tx *mine = mem_new(sizeof(*mine));
			struct store_tx *tx = store_begin(store);
			struct store_event event;
			struct store_run run;

			if (mine == NULL || tx == NULL)
				_exit(3);
			mine->number = number++;
			mine->fd = fd;
			mine->in_flight = &in_flight;
			(void)snprintf(mine->id, sizeof(mine->id), "k%ld",
			               (long)mine->number);
			event = make_event(store, mine->id);
			run = make_run(store, event.seq, RUN_READY);
			if (store_put_event(tx, &event) != 0 ||
			    store_put_run(tx, &run) != 0)
				_exit(3);
			in_flight++;
			store_commit(store, tx, killed_done, mine);
		}
		loop_turn(loop);
	}
}

/* Kill a writer after it acknowledged `n`; *acknowledged gets a mark for each. */
static int64_t
kill_after(const char *where, int64_t from, int64_t n, bool *acknowledged, int64_t max)
{
	int64_t count = 0;
	int64_t number;
	int ends[2];
	int status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(ends[0]);
		write_until_killed(where, ends[1], from);
	}
	(void)close(ends[1]);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
		assert_true(number < max);
		acknowledged[number] = true;
		if (++count == n)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return count;
}

#define KILL_MAX 200000

static void
nothing_acknowledged_is_lost_by_kill(void **state)
{
	struct place place = fresh("kill");
	unsigned seed = (unsigned)clock_wall_us();
	bool *acknowledged = mem_new(KILL_MAX);
	int64_t from = 0;
	int round;

	print_message("# seed %u\n", seed);
	for (round = 0; round < 8; round++) {
		struct loop *loop;
		struct store *store;
		int64_t n = 1 + rand_r(&seed) % 700;
		int64_t i;

		(void)kill_after(place.where, from, n, acknowledged, KILL_MAX);
		loop = new_loop();
		store = open_at(loop, place.where);
		for (i = 0; i < KILL_MAX; i++) {
			char id[24];
			struct store_filter filter;

			if (!acknowledged[i])
				continue;
			(void)snprintf(id, sizeof(id), "k%ld", (long)i);
			filter = (struct store_filter){.event_id = str_of(id)};
			assert_int_equal(runs_of(store, &filter), 1);
			from = i + 1000;
		}
		store_close(store);
		loop_free(loop);
	}
	mem_free(acknowledged);
}

/* ---- speed ------------------------------------------------------------------------- */

#define RATE_N 20000

static void
rate_done(void *arg, const struct store_result *result)
{
	assert_int_equal(result->code, 0);
	--*(int *)arg;
}

/* Printed, not judged: machines differ. */
static void
rate(void **state)
{
	static char body[700];
	struct place place = fresh("rate");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct store_stats stats;
	char(*ids)[16] = mem_new(RATE_N * 16);
	int64_t start_us = clock_steady_us();
	int64_t start_cpu_us = clock_cpu_us();
	int left = RATE_N;
	int i;

	memset(body, 'b', sizeof(body));
	for (i = 0; i < RATE_N; i++) {
		struct store_tx *tx = store_begin(store);
		struct store_event event;
		struct store_run run;

		(void)snprintf(ids[i], 16, "%d", i);
		event = make_event(store, ids[i]);
		event.body = (struct heed_str){body, sizeof(body)};
		run = make_run(store, event.seq, RUN_READY);
		assert_int_equal(store_put_event(tx, &event), 0);
		assert_int_equal(store_put_run(tx, &run), 0);
		put_ask(tx, run.id, 1, "quick", NOW, 5);
		store_commit(store, tx, rate_done, &left);
		while (left - (RATE_N - i - 1) > 5000)
			turn(loop);
	}
	while (left > 0)
		turn(loop);
	store_stats(store, &stats);
	print_message("# %ld transactions/s; store thread %ld/s; processor %ld us each; "
	              "largest "
	              "group %ld\n",
	              (long)(RATE_N * INT64_C(1000000) / (clock_steady_us() - start_us)),
	              (long)(RATE_N * INT64_C(1000000) / stats.busy_us),
	              (long)((clock_cpu_us() - start_cpu_us) / RATE_N),
	              (long)stats.largest);
	mem_free(ids);
	store_close(store);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost_by_kill),
		cmocka_unit_test(rate),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
