/*
 * http_listener.h - one address, several http sources: each takes a path of its own.
 *
 * The first source that names an address opens it, the last one that leaves closes it.
 * With port 0 each source gets a free port of its own. Joining and leaving are the
 * loop's, and wait for a request that is just being read.
 */
#ifndef HEED_SOURCE_HTTP_LISTENER_H
#define HEED_SOURCE_HTTP_LISTENER_H

#include "source/http_local.h"

/* Requests for http->path reach http_receive and http_forward from now on. HEED_E_CONFIG
 * when the path is another source's; whatever http_server_new returns. */
int http_listener_join(struct http_source *http, struct heed_error *error);
/* None reaches them any more; those that http_forward has not seen are answered 503. */
void http_listener_leave(struct http_source *http);
int http_listener_port(const struct http_source *http);

#endif
