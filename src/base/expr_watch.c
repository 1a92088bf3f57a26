/*
 * expr_watch.c - stops jq programs that run too long.
 *
 * jq_next looks at jq's halted flag between any two instructions, so another thread may
 * set it. One thread for the process does, started by the first evaluation: it looks
 * every WATCH_STEP_MS while something is being evaluated and sleeps otherwise. A single
 * instruction that takes long (a hopeless regular expression) is beyond its reach.
 */
#include <jv.h>
#include <jq.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/expr_impl.h"

#define WATCH_STEP_MS 100

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct watch *first; /* what is being evaluated */
	bool running;        /* the thread exists */
	bool asleep;         /* and waits for a first evaluation */
} watcher = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* Halt what is late. With the lock held, so that the state can't go away meanwhile. */
static void
halt_late(int64_t now_ms)
{
	for (struct watch *watch = watcher.first; watch != NULL; watch = watch->next) {
		if (!watch->fired && now_ms >= watch->deadline_ms) {
			watch->fired = true;
			jq_halt(watch->jq, jv_invalid(), jv_invalid());
		}
	}
}

static void *
watch_main(void *unused)
{
	const struct timespec step = {.tv_nsec = WATCH_STEP_MS * 1000000L};

	(void)unused;
	for (;;) {
		(void)pthread_mutex_lock(&watcher.lock);
		while (watcher.first == NULL) {
			watcher.asleep = true;
			(void)pthread_cond_wait(&watcher.wake, &watcher.lock);
		}
		watcher.asleep = false;
		halt_late(clock_steady_ms());
		(void)pthread_mutex_unlock(&watcher.lock);
		(void)nanosleep(&step, NULL);
	}
	return NULL;
}

static int
start_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (pthread_attr_init(&attr) != 0)
		return HEED_E_NOMEM;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, watch_main, NULL);
	(void)pthread_attr_destroy(&attr);
	return r == 0 ? 0 : HEED_E_NOMEM;
}

int
expr_watch(struct watch *watch, struct jq_state *jq)
{
	int r = 0;

	watch->jq = jq;
	watch->deadline_ms = clock_steady_ms() + EXPR_TIME_MAX_MS;
	watch->fired = false;
	(void)pthread_mutex_lock(&watcher.lock);
	if (!watcher.running)
		r = start_thread();
	if (r == 0) {
		watcher.running = true;
		watch->next = watcher.first;
		watcher.first = watch;
		if (watcher.asleep)
			(void)pthread_cond_signal(&watcher.wake);
	}
	(void)pthread_mutex_unlock(&watcher.lock);
	return r;
}

bool
expr_unwatch(struct watch *watch)
{
	struct watch **link = &watcher.first;

	(void)pthread_mutex_lock(&watcher.lock);
	while (*link != NULL && *link != watch)
		link = &(*link)->next;
	if (*link != NULL)
		*link = watch->next;
	(void)pthread_mutex_unlock(&watcher.lock);
	return watch->fired;
}
