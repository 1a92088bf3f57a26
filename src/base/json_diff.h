/*
 * json_diff.h - what differs between two JSON values, place by place.
 */
#ifndef HEED_BASE_JSON_DIFF_H
#define HEED_BASE_JSON_DIFF_H

#include "base/arena.h"
#include "heed.h"

/* `was` is NULL for what is new, `is` for what is gone. Non-zero stops and is returned.
 */
typedef int json_diff_fn(void *arg, struct heed_str path, const struct heed_json *was,
                         const struct heed_json *is);

/* Call fn for every difference: members are compared by name, items by place, and paths
 * are for people: "reactions.enrich.then[1].emit". They are on `arena`. HEED_E_NOMEM. */
int json_diff(struct arena *arena, struct heed_json was, struct heed_json is,
              json_diff_fn *fn, void *arg);

#endif
