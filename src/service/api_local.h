/*
 * api_local.h - shared by api*.c and nobody else.
 */
#ifndef HEED_SERVICE_API_LOCAL_H
#define HEED_SERVICE_API_LOCAL_H

#include <sys/queue.h>

#include "base/arena.h"
#include "base/map.h"
#include "engine/streams.h"
#include "pattern/entity.h"
#include "service/api.h"
#include "service/local.h"
#include "service/router.h"

/* A call that waits for the store, for a load, or for a decision. It outlives the call:
 * what it asked for comes to its end also when nobody is there to be answered. */
struct pending {
	LIST_ENTRY(pending) link;
	struct api *api;
	struct call *call; /* NULL: given up */
	struct arena arena;
	struct generation *generation; /* held for what it uses of a definition */
	struct stream_load *load;
	struct heed_str entity, id;
	struct heed_buf out; /* the answer's body */
	int64_t from, limit;
	struct heed_str after;
};
LIST_HEAD(pending_list, pending);
LIST_HEAD(feed_list, feed);

struct api {
	struct service *service;
	struct router *router;
	struct pending_list pending;
	struct map waiting; /* by the event's id */
	struct feed_list feeds;
	size_t n_feeds;
};

/* The definition of entity `name`. HEED_E_NOTFOUND, with the nearest name. */
int api_find_entity(struct api *api, struct heed_str name,
                    const struct definition **ret_definition, struct heed_error *error);
/* Answer JSON text with headers. */
void api_answer_text(struct call *call, int status, const struct heed_buf *text,
                     const struct http_header *headers, size_t n_headers);
/* A query parameter as a number from `min` on; `fallback` when it is absent.
 * HEED_E_INVALID. */
int api_query_number(struct call *call, const char *name, int64_t min, int64_t fallback,
                     int64_t *ret_number, struct heed_error *error);
/* An event as it is given out: with its position. */
void api_write_event(struct heed_buf *buf, const struct store_event *event);

/* ---- api_command.c, api_feed.c */
int api_command(struct api *api, struct call *call, const struct definition *definition,
                struct heed_str id, struct heed_str command, struct heed_error *error);
void waiting_give_up(struct api *api);
int api_feed(struct api *api, struct call *call, struct heed_error *error);
void feeds_wake(struct api *api);
void feeds_give_up(struct api *api);

#endif
