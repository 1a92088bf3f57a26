/*
 * once.h - heed run --once: what is there is handled, then heed ends.
 */
#ifndef HEED_SERVICE_ONCE_H
#define HEED_SERVICE_ONCE_H

#include "engine/engine.h"
#include "loop/loop.h"

struct once {
	struct engine *engine;
	struct loop *loop;
	struct loop_timer timer;
	loop_fn *done;
	void *arg;
};

/* Call done(arg) once all sources that end have ended, and no run is under way or waits
 * to be tried again. The sources are started already. */
void once_begin(struct once *once, struct engine *engine, struct loop *loop,
                loop_fn *done, void *arg);
/* No call afterwards; also when it never began. */
void once_end(struct once *once);

#endif
