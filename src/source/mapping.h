/*
 * mapping.h - events from JSON that is no CloudEvent: the option `mapping`.
 *
 * Each attribute is an expression over one object: {headers, query, body} for HTTP,
 * {body, file, line} for files; with `each`, {item} besides. On the thread of the
 * expressions only.
 */
#ifndef HEED_SOURCE_MAPPING_H
#define HEED_SOURCE_MAPPING_H

#include "base/expr.h"
#include "config/option.h"
#include "engine/event.h"

struct mapping {
	struct expr *type; /* NULL: there is no mapping */
	struct expr *each; /* the list whose items become events; NULL: one event */
	struct expr *when; /* NULL: always */
	struct expr *id;
	struct expr *source;
	struct expr *subject;
	struct expr *time;
	struct expr *data;
};
extern const struct option mapping_options[];

/* What is used where the mapping says nothing. */
struct mapping_defaults {
	struct heed_str source;
	struct heed_str id; /* empty: a new UUID */
	struct heed_str trace;
	int64_t now_us;
};

/* The events that `input` stands for: one, several (`each`) or none (`when`, an empty
 * list). HEED_E_INVALID names the attribute; HEED_E_LIMIT above MAPPING_ITEMS_MAX. */
#define MAPPING_ITEMS_MAX 1000
int mapping_apply(const struct mapping *mapping, struct arena *arena,
                  struct heed_json input, const struct mapping_defaults *defaults,
                  struct event **ret_events, size_t *ret_n, struct heed_error *error);

/* The CloudEvents source of what the source `name` makes itself: sources/NAME, escaped.
 * {NULL, 0} without memory. */
struct heed_str mapping_source(struct arena *arena, struct heed_str name);

#endif
