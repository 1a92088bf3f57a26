/*
 * http_local.h - what the http source's parts share: http.c on the loop's thread,
 * http_receive.c on the server's, and http_listener.c between them.
 */
#ifndef HEED_SOURCE_HTTP_LOCAL_H
#define HEED_SOURCE_HTTP_LOCAL_H

#include <sys/queue.h>

#include "engine/source.h"
#include "loop/http_server.h"
#include "source/mapping.h"
#include "source/webhook.h"

struct http_listener;

/* Its options are constant while it listens, so both threads read them. */
struct http_source {
	struct source source;
	struct heed_str listen;
	struct heed_str path;
	int64_t body_max;
	int64_t connections;
	struct {
		struct heed_str bearer;
	} auth;
	struct webhook_key signature;
	struct mapping mapping;
	struct option_texts origins;

	struct http_listener *listener; /* NULL: not started */
	LIST_ENTRY(http_source) joined; /* the listener's */
	LIST_HEAD(, delivering) under_way;
};

/* A delivery under way. It may outlive the source, then it has no exchange any more. */
struct delivering {
	LIST_ENTRY(delivering) link;
	struct http_exchange *exchange;
};

/* What `receive` made of a request, for `forward`; on the exchange's arena. */
struct parsed {
	struct event *events;
	size_t n;
	bool plain; /* the mapping has yet to make events of `input` */
	struct heed_json input;
	struct heed_str id;
};

/* Check and parse on the server's thread; exchange->context becomes a struct parsed. */
enum http_verdict http_receive(struct http_source *http, struct http_exchange *exchange);
/* Hand in what was read, on the loop's thread. */
void http_forward(struct http_source *http, struct http_exchange *exchange);
/* A header's value, or {NULL, 0}. */
struct heed_str
http_exchange_header(const struct http_exchange *exchange, const char *name);

#endif
