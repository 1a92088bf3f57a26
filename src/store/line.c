/*
 * line.c - the line of transactions to be committed, and the thread that takes what has
 * gathered as one group.
 *
 *	store_commit ─> line ══ driver->commit(group) ══> posts ─> done, on the loop
 *
 * While a group commits, the next gathers: the busier the store, the larger its groups
 * and the cheaper each transaction. A group has a bound so that the first does not wait
 * for ever. A store without a thread commits inside store_commit, one by one, and still
 * reports later.
 */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "store/local.h"

#define GROUP_MAX 2000 /* transactions */

/* ---- reports ----------------------------------------------------------------------- */

static void
report(void *arg)
{
	struct store_tx *tx = arg;
	struct store_result result = {
		.code = tx->code,
		.text = tx->text,
		.duplicate = tx->duplicate,
		.n_events = tx->n_events,
		.changed = tx->changed,
		.results = tx->results,
		.n_sql = tx->n_sql,
		.appended = tx->appended,
		.forgotten = tx->forgotten,
		.forgotten_us = tx->forgotten_us,
		.n_appends = tx->n_appends,
	};

	loop_release(tx->loop);
	tx->done(tx->arg, &result);
	store_discard(tx);
}

const int64_t store_time_bounds_us[STORE_BOUNDS + 1] = {
	250,   500,    1000,   2500,    5000,    10000, 25000,
	50000, 100000, 250000, 1000000, 5000000, 0};
const int64_t store_size_bounds[STORE_BOUNDS + 1] = {1,   2,   5,    10,   20,   50, 100,
                                                     200, 500, 1000, 1500, 2000, 0};

static size_t
place_of(const int64_t *bounds, int64_t value)
{
	size_t i = 0;

	while (bounds[i] != 0 && value > bounds[i])
		i++;
	return i;
}

static void
commit_group(struct store *store, struct store_tx *first)
{
	int64_t start_us = clock_steady_us();
	int64_t took_us;
	int64_t n = 0;
	int64_t failed = 0;
	struct store_tx *tx;

	store->driver->commit(store, first);
	for (tx = first; tx != NULL; tx = tx->next) {
		n++;
		failed += tx->code != 0;
	}
	took_us = clock_steady_us() - start_us;
	(void)pthread_mutex_lock(&store->lock);
	store->stats.groups++;
	store->stats.times[place_of(store_time_bounds_us, took_us)]++;
	store->stats.sizes[place_of(store_size_bounds, n)]++;
	store->stats.committed += n - failed;
	store->stats.failed += failed;
	if (n > store->stats.largest)
		store->stats.largest = n;
	store->stats.busy_us += took_us;
	(void)pthread_mutex_unlock(&store->lock);
	while (first != NULL) { /* a posted one may be gone at once */
		tx = first;
		first = tx->next;
		tx->post = (struct loop_post){.fn = report, .arg = tx};
		loop_post(tx->loop, &tx->post);
	}
}

/* ---- the thread -------------------------------------------------------------------- */

/* Under the lock: cut at most GROUP_MAX off the line. */
static struct store_tx *
take_group(struct store *store)
{
	struct store_tx *first = store->first;
	struct store_tx *last = first;
	int64_t n = 1;

	while (last->next != NULL && n < GROUP_MAX) {
		last = last->next;
		n++;
	}
	store->first = last->next;
	if (store->first == NULL)
		store->last = NULL;
	last->next = NULL;
	store->stats.waiting -= n;
	return first;
}

static void *
line_thread(void *arg)
{
	struct store *store = arg;

	(void)pthread_mutex_lock(&store->lock);
	while (store->first != NULL || !store->ending) {
		struct store_tx *group;

		if (store->first == NULL) {
			(void)pthread_cond_wait(&store->wake, &store->lock);
			continue;
		}
		group = take_group(store);
		(void)pthread_mutex_unlock(&store->lock);
		commit_group(store, group);
		(void)pthread_mutex_lock(&store->lock);
	}
	(void)pthread_mutex_unlock(&store->lock);
	return NULL;
}

int
line_start(struct store *store, struct heed_error *error)
{
	int r;

	if (!store->driver->has_thread)
		return 0;
	r = pthread_create(&store->thread, NULL, line_thread, store);
	if (r != 0)
		return error_set(error, HEED_E_LIMIT,
		                 "cannot start the store's thread: %s", strerror(r));
	store->has_thread = true;
	return 0;
}

void
line_stop(struct store *store)
{
	if (!store->has_thread)
		return;
	(void)pthread_mutex_lock(&store->lock);
	store->ending = true;
	(void)pthread_cond_signal(&store->wake);
	(void)pthread_mutex_unlock(&store->lock);
	(void)pthread_join(store->thread, NULL);
	store->has_thread = false;
}

void
store_commit(struct store *store, struct store_tx *tx, store_done_fn *done, void *arg)
{
	tx->done = done;
	tx->arg = arg;
	loop_hold(tx->loop);
	if (!store->has_thread) {
		commit_group(store, tx);
		return;
	}
	(void)pthread_mutex_lock(&store->lock);
	if (store->first == NULL) {
		store->first = tx;
		(void)pthread_cond_signal(&store->wake);
	} else {
		store->last->next = tx;
	}
	store->last = tx;
	store->stats.waiting++;
	(void)pthread_mutex_unlock(&store->lock);
}

void
store_stats(struct store *store, struct store_stats *ret_stats)
{
	(void)pthread_mutex_lock(&store->lock);
	*ret_stats = store->stats;
	(void)pthread_mutex_unlock(&store->lock);
}

/* ---- pruning ----------------------------------------------------------------------- */

struct prune {
	struct store *store;
	int64_t seen_before_us, expired_us;
	store_done_fn *done;
	void *arg;
	struct store_tx *tx; /* under way */
};

static int prune_batch(struct prune *prune);

static void
batch_done(void *arg, const struct store_result *result)
{
	static const struct store_result no_memory = {.code = HEED_E_NOMEM,
	                                              .text = "out of memory"};
	struct prune *prune = arg;

	if (result->code == 0 && prune->tx->pruned >= STORE_PRUNE_BATCH) {
		if (prune_batch(prune) == 0)
			return;
		result = &no_memory;
	}
	if (prune->done != NULL)
		prune->done(prune->arg, result);
	mem_free(prune);
}

static int
prune_batch(struct prune *prune)
{
	struct store_tx *tx = store_begin(prune->store);
	struct op *op = tx != NULL ? transaction_add(tx, OP_PRUNE) : NULL;

	if (op == NULL) {
		store_discard(tx);
		return HEED_E_NOMEM;
	}
	op->prune.seen_before_us = prune->seen_before_us;
	op->prune.expired_us = prune->expired_us;
	prune->tx = tx;
	store_commit(prune->store, tx, batch_done, prune);
	return 0;
}

int
store_prune(struct store *store, int64_t window_us, store_done_fn *done, void *arg)
{
	struct prune *prune = mem_new(sizeof(*prune));

	if (prune == NULL)
		return HEED_E_NOMEM;
	prune->store = store;
	prune->expired_us = loop_wall_us(store->loop);
	prune->seen_before_us = prune->expired_us - window_us;
	prune->done = done;
	prune->arg = arg;
	if (prune_batch(prune) == 0)
		return 0;
	mem_free(prune);
	return HEED_E_NOMEM;
}
