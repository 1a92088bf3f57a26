/*
 * http_server.h - HTTP in, by libmicrohttpd, with replies that may wait.
 *
 * libmicrohttpd runs on a thread of its own. A complete request is first shown to
 * `receive` there (pure work such as parsing, on the exchange's own arena), which either
 * answers or forwards; forwarded exchanges reach `forward` on the loop's thread, in order
 * of arrival, many to a wake-up. The exchange stays suspended until http_answer, which
 * any thread may call once.
 */
#ifndef HEED_LOOP_HTTP_SERVER_H
#define HEED_LOOP_HTTP_SERVER_H

#include "base/arena.h"
#include "base/str.h"
#include "heed.h"
#include "loop/http_client.h" /* struct http_header */
#include "loop/loop.h"

struct http_server;

#define HTTP_ANSWERS 6

struct http_exchange {
	struct arena arena; /* lives as long as the exchange */
	struct heed_str method;
	struct heed_str path;              /* percent-decoded, without the query */
	struct heed_str query;             /* raw, without the '?' */
	const struct http_header *headers; /* names in lower case */
	size_t n_headers;
	struct heed_str body;
	char peer[64]; /* address of the other side; "unix" for a socket file */
	void *context; /* the receiver's own */
	/* Where answers are counted, by status / 100; set by the receiver, or NULL. */
	_Atomic int64_t *answers;
};

enum http_verdict { HTTP_ANSWERED, HTTP_FORWARD };

struct http_server_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:0", ":8080", "unix:/path" (mode
	                       0600) */
	size_t body_max;    /* a larger body is answered 413; 0 for 1 MiB */
	/* What the body of a request may have instead, at most body_max; its path and
	 * headers are there. On the server's thread. May be NULL. */
	size_t (*body_max_of)(void *arg, const struct http_exchange *exchange);
	unsigned connections_max; /* 0 for 4,096 */
	unsigned idle_timeout_s;  /* 0 for 60; also bounds how long a request may trickle
	                             in */
	enum http_verdict (*receive)(void *arg, struct http_exchange *exchange);
	void (*forward)(void *arg, struct http_exchange *exchange);
	/* The other side went away before the answer: only a note, http_answer is still
	 * due. */
	void *arg;
};

/* Bind and start. HEED_E_IO with words such as "cannot listen on 127.0.0.1:8080: address
 * already in use" and a hint. */
int http_server_new(struct loop *loop, const struct http_server_options *options,
                    struct http_server **ret_server, struct heed_error *error);
/* The port that was bound; for port 0. */
int http_server_port(const struct http_server *server);
/* Answer further requests with 503 and Retry-After from now on (SIGTERM). */
void http_server_quiesce(struct http_server *server);
/* Close. Exchanges not yet answered are answered 503. Takes NULL. */
void http_server_free(struct http_server *server);

/* Answer and end the exchange (it is gone afterwards). Body and headers are copied;
 * `type` is the content type, NULL for none. */
void
http_answer(struct http_exchange *exchange, int status, const char *type,
            struct heed_str body, const struct http_header *headers, size_t n_headers);
/* application/problem+json (RFC 9457) with this title and detail. */
void http_answer_problem(struct http_exchange *exchange, int status, const char *title,
                         struct heed_str detail, const struct http_header *headers,
                         size_t n_headers);
/* The same without headers, formatted. */
void http_problem(struct http_exchange *exchange, int status, const char *title,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- replies that go on: server-sent events ---------------------------------------- */

struct http_stream;

struct http_stream_events {
	/* There is room again, after a write that was refused. */
	void (*drained)(void *arg);
	/* The other side left, or the server closes; the stream is gone afterwards. The
	 * server learns that a silent one left when it writes: write now and then. */
	void (*closed)(void *arg);
	void *arg;
};

/* Answer with a body that goes on until http_stream_end: the exchange is gone
 * afterwards. Loop's thread, as all of these. `room`: bytes that may wait to be sent.
 * HEED_E_NOMEM: answer the exchange in another way. */
int http_stream_open(struct http_exchange *exchange, int status, const char *type,
                     const struct http_header *headers, size_t n_headers, size_t room,
                     const struct http_stream_events *events,
                     struct http_stream **ret_stream);
/* HEED_E_BUSY when it does not fit into the room beside what waits: nothing was added,
 * `drained` comes. HEED_E_NOMEM. */
int http_stream_write(struct http_stream *stream, struct heed_str text);
/* Send what waits and end the reply; no event comes after this. */
void http_stream_end(struct http_stream *stream);

/* The value of a query parameter, percent-decoded on the exchange's arena, or {NULL, 0}.
 */
struct heed_str http_query(struct http_exchange *exchange, const char *name);

#endif
