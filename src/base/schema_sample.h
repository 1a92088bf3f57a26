/*
 * schema_sample.h - a value that a schema is likely to accept: for trying things out when
 * nobody is there who gives real ones.
 */
#ifndef HEED_BASE_SCHEMA_SAMPLE_H
#define HEED_BASE_SCHEMA_SAMPLE_H

#include "base/arena.h"
#include "heed.h"

/* The simplest value for the JSON Schema `document`: const, default, the first example or
 * the first of an enum where there is one, else the least of its type; of alternatives
 * the first; of objects what is required. References within the document are followed. It
 * is a guess (patterns, conditions and the like are not looked at): validate it. On
 * `arena`, borrowing from the document. HEED_E_NOMEM. */
int schema_sample(struct heed_json document, struct arena *arena,
                  struct heed_json *ret_value);

#endif
