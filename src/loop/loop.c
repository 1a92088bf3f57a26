/*
 * loop.c - see loop.h.
 *
 * One uv_timer serves a binary heap of embedded timers; one uv_async serves all posts.
 * The clock is read once a turn (uv_update_time) so that everything in a turn sees the
 * same time.
 *
 * A virtual loop runs the same turns but replaces waiting: when nothing is posted, held
 * or under way, it sets its clock to the next timer's time.
 */
#include "loop/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"

#define WORKERS 32
#define SIGNALS 4

struct worker_pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct loop_work *first;
	struct loop_work *last;
	int n_waiting; /* works in line */
	pthread_t threads[WORKERS];
	int n_threads;
	int n_idle;
	bool ending;
};

struct loop_signal {
	uv_signal_t handle;
	loop_fn *fn;
	void *arg;
};

struct loop {
	uv_loop_t uv;
	uv_timer_t timer;
	uv_async_t async;
	enum loop_clock clock;
	atomic_bool stopping;
	int64_t virtual_ms; /* steady clock of a virtual loop */
	int64_t virtual_start_us;
	_Atomic(struct loop_post *) posted; /* newest first */
	atomic_long held;
	struct loop_timer **heap; /* slots 1..n; heap[0] unused */
	size_t n;
	size_t cap;
	struct worker_pool pool;
	struct loop_signal signals[SIGNALS];
	int n_signals;
};

/* ---- clock ------------------------------------------------------------------------- */

int64_t
loop_steady_ms(const struct loop *loop)
{
	return loop->clock == LOOP_VIRTUAL ? loop->virtual_ms
	                                   : (int64_t)uv_now(&loop->uv);
}

int64_t
loop_wall_us(const struct loop *loop)
{
	return loop->clock == LOOP_VIRTUAL
	               ? loop->virtual_start_us + loop->virtual_ms * 1000
	               : clock_wall_us();
}

void
loop_set_wall(struct loop *loop, int64_t wall_us)
{
	loop->virtual_start_us = wall_us - loop->virtual_ms * 1000;
}

void
loop_advance(struct loop *loop, int64_t ms)
{
	loop->virtual_ms += ms;
}

void
loop_hold(struct loop *loop)
{
	atomic_fetch_add(&loop->held, 1);
}

void
loop_release(struct loop *loop)
{
	atomic_fetch_sub(&loop->held, 1);
	(void)uv_async_send(&loop->async);
}

/* ---- timers ------------------------------------------------------------------------ */

static void
place(struct loop *loop, struct loop_timer *timer, size_t slot)
{
	loop->heap[slot] = timer;
	timer->slot = slot;
}

static void
sift_up(struct loop *loop, size_t slot)
{
	struct loop_timer *timer = loop->heap[slot];

	for (; slot > 1 && loop->heap[slot / 2]->at_ms > timer->at_ms; slot /= 2)
		place(loop, loop->heap[slot / 2], slot);
	place(loop, timer, slot);
}

static void
sift_down(struct loop *loop, size_t slot)
{
	struct loop_timer *timer = loop->heap[slot];

	for (;;) {
		size_t child = slot * 2;

		if (child > loop->n)
			break;
		if (child < loop->n &&
		    loop->heap[child + 1]->at_ms < loop->heap[child]->at_ms)
			child++;
		if (loop->heap[child]->at_ms >= timer->at_ms)
			break;
		place(loop, loop->heap[child], slot);
		slot = child;
	}
	place(loop, timer, slot);
}

void
loop_timer_init(struct loop_timer *timer, loop_fn *fn, void *arg)
{
	*timer = (struct loop_timer){.fn = fn, .arg = arg};
}

int
loop_timers_reserve(struct loop *loop, size_t n)
{
	return mem_grow((void **)&loop->heap, &loop->cap, n + 1, sizeof(*loop->heap));
}

static void fire_timers(uv_timer_t *handle);

/* Let libuv wake us for the first timer. */
static void
arm(struct loop *loop)
{
	int64_t delay;

	if (loop->n == 0 || loop->clock == LOOP_VIRTUAL) {
		(void)uv_timer_stop(&loop->timer);
		return;
	}
	delay = loop->heap[1]->at_ms - loop_steady_ms(loop);
	(void)uv_timer_start(&loop->timer, fire_timers, delay > 0 ? (uint64_t)delay : 0,
	                     0);
}

void
loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	size_t slot = timer->slot;

	if (slot == 0)
		return;
	timer->slot = 0;
	if (slot != loop->n) {
		place(loop, loop->heap[loop->n], slot);
		loop->n--;
		sift_up(loop, slot);
		sift_down(loop, loop->heap[slot]->slot);
	} else {
		loop->n--;
	}
	if (slot == 1)
		arm(loop);
}

void
loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
	loop_timer_clear(loop, timer);
	timer->at_ms = loop_steady_ms(loop) + (delay_ms > 0 ? delay_ms : 0);
	/* A timer that cannot be kept would be a promise broken in silence. */
	if (loop_timers_reserve(loop, loop->n + 1) < 0)
		abort();
	loop->n++;
	place(loop, timer, loop->n);
	sift_up(loop, loop->n);
	if (timer->slot == 1)
		arm(loop);
}

/* Fire what is due. What a callback arms for now fires in the next turn. */
static bool
fire_due(struct loop *loop)
{
	int64_t now = loop_steady_ms(loop);
	size_t left = loop->n;
	bool any = false;

	while (left-- > 0 && loop->n > 0 && loop->heap[1]->at_ms <= now) {
		struct loop_timer *timer = loop->heap[1];

		loop_timer_clear(loop, timer);
		timer->fn(timer->arg);
		any = true;
	}
	return any;
}

static void
fire_timers(uv_timer_t *handle)
{
	struct loop *loop = handle->data;

	(void)fire_due(loop);
	arm(loop);
}

/* ---- posts ------------------------------------------------------------------------- */

void
loop_post(struct loop *loop, struct loop_post *post)
{
	struct loop_post *head = atomic_load(&loop->posted);

	do
		post->next = head;
	while (!atomic_compare_exchange_weak(&loop->posted, &head, post));
	if (head == NULL)
		(void)uv_async_send(&loop->async);
}

static bool
run_posts(struct loop *loop)
{
	struct loop_post *newest = atomic_exchange(&loop->posted, NULL);
	struct loop_post *first = NULL;
	bool any = newest != NULL;

	while (newest != NULL) {
		struct loop_post *next = newest->next;

		newest->next = first;
		first = newest;
		newest = next;
	}
	while (first != NULL) {
		struct loop_post *next = first->next;

		first->fn(first->arg);
		first = next;
	}
	return any;
}

static void
take_posts(uv_async_t *handle)
{
	(void)run_posts(handle->data);
}

/* ---- work -------------------------------------------------------------------------- */

static void *
work_thread(void *arg)
{
	struct worker_pool *pool = arg;

	(void)pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct loop_work *work = pool->first;

		if (work == NULL && pool->ending)
			break;
		if (work == NULL) {
			pool->n_idle++;
			(void)pthread_cond_wait(&pool->wake, &pool->lock);
			pool->n_idle--;
			continue;
		}
		pool->first = work->next;
		pool->n_waiting--;
		(void)pthread_mutex_unlock(&pool->lock);
		work->run(work->arg);
		loop_post(work->loop, &work->post);
		(void)pthread_mutex_lock(&pool->lock);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void
work_done(void *arg)
{
	struct loop_work *work = arg;

	loop_release(work->loop);
	work->done(work->arg);
}

/* Under the lock: a further thread when none would take what is in line, so that works
 * that hang (a database that does not answer) keep no others waiting. */
static void
start_thread(struct worker_pool *pool)
{
	if (pool->n_waiting > pool->n_idle && pool->n_threads < WORKERS &&
	    pthread_create(&pool->threads[pool->n_threads], NULL, work_thread, pool) == 0)
		pool->n_threads++;
}

void
loop_work(struct loop *loop, struct loop_work *work)
{
	struct worker_pool *pool = &loop->pool;
	bool alone;

	loop_hold(loop);
	work->loop = loop;
	work->next = NULL;
	work->post.fn = work_done;
	work->post.arg = work;
	(void)pthread_mutex_lock(&pool->lock);
	pool->n_waiting++;
	start_thread(pool);
	alone = pool->n_threads == 0;
	if (alone)
		pool->n_waiting--;
	else if (pool->first == NULL)
		pool->first = work;
	else
		pool->last->next = work;
	if (!alone)
		pool->last = work;
	(void)pthread_cond_signal(&pool->wake);
	(void)pthread_mutex_unlock(&pool->lock);
	if (alone) { /* no thread to be had: slow is better than lost */
		work->run(work->arg);
		loop_post(loop, &work->post);
	}
}

/* ---- running ----------------------------------------------------------------------- */

void
loop_stop(struct loop *loop)
{
	loop->stopping = true;
	(void)uv_async_send(&loop->async);
}

/* One turn of a virtual loop; false when nothing happened. */
static bool
virtual_turn(struct loop *loop)
{
	bool any;

	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
	any = run_posts(loop);
	return fire_due(loop) || any;
}

bool
loop_jump(struct loop *loop, int64_t until_ms)
{
	if (loop->n == 0 || loop->heap[1]->at_ms >= until_ms)
		return false;
	if (loop->heap[1]->at_ms > loop->virtual_ms)
		loop->virtual_ms = loop->heap[1]->at_ms;
	return true;
}

static void
run_virtual(struct loop *loop)
{
	while (!loop->stopping) {
		if (virtual_turn(loop))
			continue;
		if (atomic_load(&loop->held) > 0 || atomic_load(&loop->posted) != NULL ||
		    !loop_jump(loop, INT64_MAX))
			(void)uv_run(&loop->uv, UV_RUN_ONCE);
	}
}

void
loop_run(struct loop *loop)
{
	loop->stopping = false;
	if (loop->clock == LOOP_VIRTUAL) {
		run_virtual(loop);
		return;
	}
	while (!loop->stopping)
		(void)uv_run(&loop->uv, UV_RUN_ONCE);
}

void
loop_turn(struct loop *loop)
{
	if (loop->clock == LOOP_VIRTUAL) {
		while (virtual_turn(loop))
			;
		return;
	}
	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
	(void)run_posts(loop);
}

static void
signalled(uv_signal_t *handle, int signum)
{
	struct loop_signal *entry = handle->data;

	(void)signum;
	entry->fn(entry->arg);
}

int
loop_signal(struct loop *loop, int signum, loop_fn *fn, void *arg)
{
	struct loop_signal *entry = &loop->signals[loop->n_signals];

	if (loop->n_signals == SIGNALS || uv_signal_init(&loop->uv, &entry->handle) != 0)
		return HEED_E_IO;
	loop->n_signals++;
	entry->fn = fn;
	entry->arg = arg;
	entry->handle.data = entry;
	return uv_signal_start(&entry->handle, signalled, signum) == 0 ? 0 : HEED_E_IO;
}

struct uv_loop_s *
loop_uv(struct loop *loop)
{
	return &loop->uv;
}

int
loop_new(enum loop_clock clock, struct loop **ret_loop)
{
	struct loop *loop = mem_new(sizeof(*loop));

	if (loop == NULL)
		return HEED_E_NOMEM;
	if (loop_timers_reserve(loop, 64) < 0) {
		mem_free(loop);
		return HEED_E_NOMEM;
	}
	if (uv_loop_init(&loop->uv) != 0) {
		mem_free(loop->heap);
		mem_free(loop);
		return HEED_E_IO;
	}
	loop->clock = clock;
	loop->virtual_start_us = clock_wall_us();
	(void)uv_timer_init(&loop->uv, &loop->timer);
	loop->timer.data = loop;
	(void)uv_async_init(&loop->uv, &loop->async, take_posts);
	loop->async.data = loop;
	(void)pthread_mutex_init(&loop->pool.lock, NULL);
	(void)pthread_cond_init(&loop->pool.wake, NULL);
	*ret_loop = loop;
	return 0;
}

static void
stop_threads(struct worker_pool *pool)
{
	int i;

	(void)pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	(void)pthread_cond_broadcast(&pool->wake);
	(void)pthread_mutex_unlock(&pool->lock);
	for (i = 0; i < pool->n_threads; i++)
		(void)pthread_join(pool->threads[i], NULL);
	(void)pthread_cond_destroy(&pool->wake);
	(void)pthread_mutex_destroy(&pool->lock);
}

void
loop_free(struct loop *loop)
{
	int i;

	if (loop == NULL)
		return;
	stop_threads(&loop->pool);
	(void)run_posts(loop);
	uv_close((uv_handle_t *)&loop->timer, NULL);
	uv_close((uv_handle_t *)&loop->async, NULL);
	for (i = 0; i < loop->n_signals; i++)
		uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop->uv);
	mem_free(loop->heap);
	mem_free(loop);
}
