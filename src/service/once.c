/*
 * once.c - see once.h.
 */
#include "service/once.h"

#define LOOK_MS 20

static void
look(void *arg)
{
	struct once *once = arg;

	if (engine_sources_ended(once->engine) && engine_idle(once->engine) &&
	    engine_waiting(once->engine) == 0)
		once->done(once->arg);
	else
		loop_timer_set(once->loop, &once->timer, LOOK_MS);
}

void
once_begin(struct once *once, struct engine *engine, struct loop *loop, loop_fn *done,
           void *arg)
{
	*once = (struct once){.engine = engine, .loop = loop, .done = done, .arg = arg};
	loop_timer_init(&once->timer, look, once);
	loop_timer_set(loop, &once->timer, 0);
}

void
once_end(struct once *once)
{
	if (once->loop != NULL)
		loop_timer_clear(once->loop, &once->timer);
}
