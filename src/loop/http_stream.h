/*
 * http_stream.h - what http_server.c and http_stream.c share; http_server.h is for
 * others.
 *
 * A stream belongs to the loop's thread and to libmicrohttpd's, which reads from it:
 *
 *	http_stream_write ─> waiting ─> read_more (libmicrohttpd) ─> the other side
 *	                        empty: the connection is suspended until the next write
 *
 * It is freed on the loop, in the post that tells of its end.
 */
#ifndef HEED_LOOP_HTTP_STREAM_H
#define HEED_LOOP_HTTP_STREAM_H

#include <microhttpd.h>
#include <sys/queue.h>

#include "loop/http_server.h"

LIST_HEAD(http_streams, http_stream); /* the loop's */

/* ---- of http_server.c, for http_stream.c ------------------------------------------- */

struct http_streams *http_server_streams(struct http_exchange *exchange);
struct loop *http_server_loop(struct http_exchange *exchange);
struct MHD_Connection *http_server_connection(struct http_exchange *exchange);
/* Make `response` the answer of the exchange, which is gone afterwards; `stream` (may be
 * NULL) is told when the connection is over. */
void http_server_reply(struct http_exchange *exchange, int status,
                       struct MHD_Response *response, struct http_stream *stream);
void http_server_headers(struct MHD_Response *response, const char *type,
                         const struct http_header *headers, size_t n_headers);

/* ---- of http_stream.c, for http_server.c ------------------------------------------- */

/* The connection is over. libmicrohttpd's thread. */
void http_stream_over(struct http_stream *stream);
/* The server closes: they come to their end. */
void http_streams_end(struct http_streams *streams);
/* All connections are gone: tell the streams' owners. */
void http_streams_forget(struct http_streams *streams);

#endif
