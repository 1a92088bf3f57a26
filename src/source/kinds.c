/*
 * kinds.c - the sources of this build: one word per file.
 */
#include "source/kinds.h"

#include "engine/kinds.h"

const struct source_kind *const source_kinds[] = {
	&source_file,
	&source_http,
	&source_schedule,
	NULL,
};

#define N_KINDS (sizeof(source_kinds) / sizeof(source_kinds[0]) - 1)

const struct source_kind *
source_kind_at(const struct kinds *added, size_t i)
{
	if (i < N_KINDS)
		return source_kinds[i];
	i -= N_KINDS;
	return added != NULL && i < added->n_sources ? added->sources[i] : NULL;
}
