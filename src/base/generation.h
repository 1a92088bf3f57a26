/*
 * generation.h - all that one reading of a configuration made, as a thing with a life.
 *
 * A reload makes a new one beside the old. Who uses a part of one (a run its definition,
 * a call its model, a source that goes on) holds a reference; the last to let go frees
 * it. Loop's thread only.
 */
#ifndef HEED_BASE_GENERATION_H
#define HEED_BASE_GENERATION_H

#include <stddef.h>

struct generation {
	size_t refs;
	void (*free)(struct generation *generation); /* NULL: its owner sees to it */
};

/* Both take NULL. */
static inline void
generation_ref(struct generation *generation)
{
	if (generation != NULL)
		generation->refs++;
}

static inline void
generation_unref(struct generation *generation)
{
	if (generation != NULL && --generation->refs == 0 && generation->free != NULL)
		generation->free(generation);
}

#endif
