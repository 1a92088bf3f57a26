/*
 * http_client.h - HTTP calls out, by libcurl, tens of thousands at a time.
 *
 * libcurl's cost per request grows with the transfers on one multi handle, so calls are
 * spread over several multi handles of some hundred transfers each; connections to one
 * host are kept and shared inside a handle. HTTP/2 is used where the server offers it.
 *
 * All on the loop's thread. The callback is never called from inside http_start.
 */
#ifndef HEED_LOOP_HTTP_CLIENT_H
#define HEED_LOOP_HTTP_CLIENT_H

#include "base/str.h"
#include "heed.h"
#include "loop/loop.h"

struct http_client;
struct http_call;

struct http_header {
	struct heed_str name;
	struct heed_str value;
};

struct http_request {
	struct heed_str method; /* "POST"; empty is GET, or POST when there is a body */
	struct heed_str url;    /* http and https only */
	const struct http_header *headers;
	size_t n_headers;
	struct heed_str body;
	bool has_body;
	bool once;                  /* it must not arrive twice, whatever its method */
	int64_t timeout_ms;         /* of the whole call; 0 for 30 s */
	int64_t connect_timeout_ms; /* 0 for 10 s */
	size_t reply_max; /* bytes of body kept; 0 for 16 MiB; more is HEED_E_LIMIT */
	const char *unix_socket; /* path, or NULL */
	const char *ca_file;     /* NULL for the system's */
	const char *proxy;       /* NULL: from the environment; "" for none */
};

struct http_reply {
	/* Zero: a reply arrived, see status. HEED_E_TIMEOUT, HEED_E_NETWORK (no reply, or
	 * cut off; nothing is known of what the other side did unless `sent` is false),
	 * HEED_E_LIMIT, HEED_E_INVALID (bad URL), HEED_E_PERMANENT (TLS certificate). */
	int error;
	char text[160]; /* words for error */
	bool sent;      /* was any byte of the request sent? */
	int status;
	struct heed_str body;
	const struct http_header *headers; /* names in lower case */
	size_t n_headers;
	int64_t elapsed_ms;
};

/* `reply` and all it points to are borrowed until the callback returns. */
typedef void http_done_fn(void *arg, const struct http_reply *reply);

struct http_client_options {
	size_t in_flight_max;    /* further calls wait in line; 0 for 20,000 */
	size_t host_connections; /* per host and handle; 0 for no bound */
	const char *user_agent;  /* NULL for heed/VERSION */
};

int http_client_new(struct loop *loop, const struct http_client_options *options,
                    struct http_client **ret_client);
/* Cancels what is under way, without calling back. Takes NULL. */
void http_client_free(struct http_client *client);

/* Start a call; the request and what it points to are copied. HEED_E_NOMEM,
 * HEED_E_INVALID (then nothing started). The call is valid until its callback. */
int http_start(struct http_client *client, const struct http_request *request,
               http_done_fn *done, void *arg, struct http_call **ret_call,
               struct heed_error *error);
/* Stop it; the callback will not be called. */
void http_cancel(struct http_call *call);
/* Calls that are under way or in line. */
size_t http_client_active(const struct http_client *client);

/* Value of a header by its lower-case name, or {NULL, 0}. */
struct heed_str
http_header_find(const struct http_header *headers, size_t n, const char *name);
/* Retry-After (seconds, fraction, or HTTP date), retry-after-ms, x-ms-retry-after-ms: the
 * delay asked for in milliseconds, or -1. `now_us` is the wall clock. */
int64_t http_retry_after_ms(const struct http_header *headers, size_t n, int64_t now_us);

#endif
