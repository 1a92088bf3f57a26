/*
 * event.h - a CloudEvents 1.0 event in memory.
 *
 * Whatever way it came in, an event is normalised once into the JSON event format; that
 * text is what is stored and what expressions see as `.event` (attributes and `data`, or
 * `data_base64`). Source: CloudEvents 1.0.2, core and JSON format.
 */
#ifndef HEED_ENGINE_EVENT_H
#define HEED_ENGINE_EVENT_H

#include "base/arena.h"
#include "base/json.h"
#include "heed.h"

#define EVENT_SIZE_MAX                                                                   \
	(1024 * 1024) /* of the JSON text, unless a source says otherwise */

struct event {
	int64_t seq; /* 0 until it is stored */
	struct heed_str id;
	struct heed_str source;
	struct heed_str type;
	struct heed_str subject; /* may be empty */
	int64_t time_us;         /* of the `time` attribute, or of its arrival */
	struct heed_json root;   /* the whole event in JSON format */
	struct heed_str json;    /* root's compact text */
	int32_t depth;           /* causation depth: 0 from outside */
	int64_t parent_run;      /* the run that emitted it, or 0 */
	struct heed_str trace;   /* W3C traceparent, or empty */
};

/* Check `root` as a JSON-format CloudEvent and fill *ret_event; everything it points to
 * is on `arena` or in `root`. A missing `time` is set to `now_us`; a missing `id` is an
 * error. Extension attributes keep their names and must be scalars. HEED_E_INVALID names
 * the attribute. */
int event_from_json(struct arena *arena, struct heed_json root, int64_t now_us,
                    struct event *ret_event, struct heed_error *error);

/* A deep copy on `arena`. HEED_E_NOMEM. */
int event_copy(struct arena *arena, const struct event *event, struct event *ret_copy);

/* What to make an event from. Empty texts are left out; an empty id becomes a new UUIDv7.
 */
struct event_parts {
	struct heed_str id;
	struct heed_str source;
	struct heed_str type;
	struct heed_str subject;
	int64_t time_us; /* 0: now_us */
	struct heed_json data;
	bool has_data;
	struct heed_str trace;
	const struct heed_member *extensions; /* added as they are */
	size_t n_extensions;
};
int event_from_parts(struct arena *arena, const struct event_parts *parts, int64_t now_us,
                     struct event *ret_event, struct heed_error *error);

/* As event_from_json, where an absent specversion is "1.0" and an absent id, source or
 * subject what `defaults` say; no id: a new UUIDv7. */
int event_complete(struct arena *arena, struct heed_json given,
                   const struct event_parts *defaults, int64_t now_us,
                   struct event *ret_event, struct heed_error *error);
/* One event, or an array of them; with `defaults` (may be NULL) as event_complete. The
 * error says which. */
int
event_list_from_json(struct arena *arena, struct heed_json value,
                     const struct event_parts *defaults, int64_t now_us,
                     struct event **ret_events, size_t *ret_n, struct heed_error *error);

/* Is the type what the pattern says? A trailing * matches any rest. */
bool event_type_matches(struct heed_str pattern, struct heed_str type);

/* Is it a traceparent of W3C Trace Context? */
bool event_is_trace(struct heed_str text);

#endif
