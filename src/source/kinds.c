/*
 * kinds.c - the sources of this build: one word per file.
 */
#include "source/kinds.h"

const struct source_kind *const source_kinds[] = {
	&source_file,
	&source_http,
	&source_schedule,
	NULL,
};
