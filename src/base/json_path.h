/*
 * json_path.h - places in a JSON value, written as jq's paths.
 *
 * Names (.a, ."a b", ["a"]), indexes ([0], [-1]), all items or members ([]), every level
 * (..), with | between, and ? wherever jq takes it. What isn't there is passed over, as
 * if each step had its ?. Nothing else of jq: a path is followed on parsed JSON, exactly.
 */
#ifndef HEED_BASE_JSON_PATH_H
#define HEED_BASE_JSON_PATH_H

#include "base/arena.h"
#include "heed.h"

struct json_paths; /* one path, which may lead to many places */

/* HEED_E_CONFIG with words and "line:column" in error->where; HEED_E_NOMEM. */
int json_paths_new(struct arena *arena, struct heed_str text,
                   struct json_paths **ret_paths, struct heed_error *error);
/* The last name that it goes through, or the empty text. */
struct heed_str json_paths_name(const struct json_paths *paths);

/* *ret_value is `value` with change(arg, what is there) in the places that the path leads
 * to; a copy where it differs. The change's error ends it. HEED_E_NOMEM. */
typedef int
json_change_fn(void *arg, struct heed_json value, struct heed_json *ret_value);
int json_paths_change(const struct json_paths *paths, struct arena *arena,
                      struct heed_json value, json_change_fn *change, void *arg,
                      struct heed_json *ret_value);

/* Call visit for each item or member of an array or object; `*ret_value` is `value`, or a
 * copy on `arena` when any of them was changed. `name` is NULL for items. */
typedef int
json_visit_fn(void *arg, uint32_t i, struct heed_str *name, struct heed_json *value);
int json_visit(struct arena *arena, struct heed_json value, json_visit_fn *visit,
               void *arg, struct heed_json *ret_value);

#endif
