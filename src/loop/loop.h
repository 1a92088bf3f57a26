/*
 * loop.h - the event loop: the one thread that holds all state.
 *
 * A thin face on libuv, so that the engine and its parts see timers, posted work and a
 * clock, and so that tests can move the clock: a *virtual* loop never sleeps but jumps to
 * the next timer when nothing else is left to do.
 *
 * Callbacks return soon and never run inside the call that armed them.
 */
#ifndef HEED_LOOP_LOOP_H
#define HEED_LOOP_LOOP_H

#include <stdint.h>

#include "heed.h"

struct loop;
struct uv_loop_s; /* libuv's, for the parts that wait on file descriptors */

enum loop_clock { LOOP_REAL, LOOP_VIRTUAL };

/* HEED_E_NOMEM or HEED_E_IO. */
int loop_new(enum loop_clock clock, struct loop **ret_loop);
/* All timers and works must be gone. Takes NULL. */
void loop_free(struct loop *loop);
/* Run until loop_stop. */
void loop_run(struct loop *loop);
/* Run what is ready now (and, on a virtual loop, what becomes ready without moving the
 * clock), then return. For tests. */
void loop_turn(struct loop *loop);
/* Make loop_run return after this turn. Any thread. */
void loop_stop(struct loop *loop);
struct uv_loop_s *loop_uv(struct loop *loop);

/* The time of this turn: wall clock and steady clock. On a virtual loop both move only by
 * timers (or loop_advance), from a start that loop_set_wall can set. */
int64_t loop_wall_us(const struct loop *loop);
int64_t loop_steady_ms(const struct loop *loop);
void loop_set_wall(struct loop *loop, int64_t wall_us);
void loop_advance(struct loop *loop, int64_t ms);
/* Virtual: set the clock to the next timer's time. False when there is none before
 * `until_ms` (steady). */
bool loop_jump(struct loop *loop, int64_t until_ms);
/* A virtual loop does not jump while something outside it is under way: work items and
 * commits hold it by themselves; a part with its own thread calls these around its work.
 */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

/* ---- timers: embedded in their owner, so arming never fails ------------------------ */

typedef void loop_fn(void *arg);

struct loop_timer {
	int64_t at_ms; /* steady; meaningful while armed */
	size_t slot;   /* 0 when not armed; place in the heap otherwise */
	loop_fn *fn;
	void *arg;
};

void loop_timer_init(struct loop_timer *timer, loop_fn *fn, void *arg);
/* Call fn(arg) once, `delay_ms` from now (0: next turn); arms anew when armed. The heap
 * grows ahead of need: loop_timers_reserve reports HEED_E_NOMEM where it can be handled.
 */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);
int loop_timers_reserve(struct loop *loop, size_t n);

/* ---- work from and to other threads ------------------------------------------------ */

/* Embedded in its owner; queued at most once at a time; never fails. */
struct loop_post {
	struct loop_post *next;
	loop_fn *fn;
	void *arg;
};

/* Call post->fn(post->arg) on the loop's thread, in order of posting. Any thread. Many
 * posts cost one wake-up. */
void loop_post(struct loop *loop, struct loop_post *post);

/* Run work->run(work->arg) on a work thread (shared; as many as are busy at once, up to
 * 32), then work->done(work->arg) on the loop. Embedded in its owner, which must stay until done is
 * called. */
struct loop_work {
	struct loop_post post;
	struct loop_work *next;
	struct loop *loop;
	loop_fn *run;
	loop_fn *done;
	void *arg;
};

void loop_work(struct loop *loop, struct loop_work *work);

/* Call fn(arg) when the process gets SIGTERM, SIGINT or SIGHUP. HEED_E_IO. */
int loop_signal(struct loop *loop, int signum, loop_fn *fn, void *arg);

#endif
