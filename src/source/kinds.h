/*
 * kinds.h - the source kinds by name, for kinds.c.
 */
#ifndef HEED_SOURCE_KINDS_H
#define HEED_SOURCE_KINDS_H

#include "engine/source.h"

extern const struct source_kind source_file;
extern const struct source_kind source_http;
extern const struct source_kind source_schedule;

#endif
