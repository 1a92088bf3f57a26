/*
 * http_impl.h - what the HTTP client's files share among themselves.
 *
 * http_client.c keeps the calls and their states, http_easy.c turns a call into a libcurl
 * transfer and back, http_multi.c drives the transfers. http_common.c holds what the
 * server uses too.
 */
#ifndef HEED_LOOP_HTTP_IMPL_H
#define HEED_LOOP_HTTP_IMPL_H

#include <curl/curl.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/arena.h"
#include "base/str.h"
#include "loop/http_client.h"
#include "loop/loop.h"

/* ---- headers, on an arena (http_common.c) ------------------------------------------ */

struct http_header_list {
	struct http_header *items;
	size_t n;
	size_t cap;
};

/* Add a copy, the name in lower case. HEED_E_NOMEM. */
int http_header_add(struct http_header_list *list, struct arena *arena,
                    struct heed_str name, struct heed_str value);
/* Is it a token of RFC 9110: the only bytes allowed in methods and header names? */
bool http_is_token(struct heed_str text);
/* May it be a header's value: no line ends, no NUL? */
bool http_is_value(struct heed_str text);

/* ---- calls ------------------------------------------------------------------------- */

/* A call is in exactly the list that its state names; move() in http_client.c moves it.
 */
enum http_call_state {
	CALL_WAITING, /* in line for one of in_flight_max places */
	CALL_RUNNING, /* libcurl has it */
	CALL_ENDED,   /* its reply is complete; the callback is due in this turn */
	CALL_STATES
};

struct http_call {
	TAILQ_ENTRY(http_call) link;
	struct http_client *client;
	enum http_call_state state;
	struct http_multi *multi; /* while running */
	CURL *easy;               /* from its start until its callback has returned */
	struct arena arena;       /* the request's copy and the reply's headers */
	struct http_request request;
	const char *url;
	const char *method;
	struct curl_slist *lines;
	bool repeatable; /* sending it twice does no harm */
	unsigned sends;
	int64_t started_ms;
	int64_t timeout_ms;
	http_done_fn *done;
	void *arg;
	struct http_header_list headers;
	size_t header_bytes;
	struct heed_buf body;
	int failure; /* why a callback of ours stopped the transfer */
	struct http_reply reply;
};

/* ---- transfers (http_multi.c) ------------------------------------------------------ */

/* One of libcurl's multi handles. */
struct http_multi {
	TAILQ_ENTRY(http_multi) link;
	struct http_pool *pool;
	CURLM *curl;
	uv_timer_t timer;
	size_t n; /* transfers in it */
	int64_t empty_since_ms;
};

/* What is known of a file descriptor that libcurl uses. */
struct http_socket {
	struct http_multi *multi;
	uint32_t watched; /* events that epoll knows */
	uint32_t wanted;  /* events that libcurl asked for */
	bool own;         /* opened by us, so that we are told of its end */
};

TAILQ_HEAD(http_multi_list, http_multi);

struct http_pool {
	uv_loop_t *uv;
	uv_poll_t poll; /* of epoll */
	uv_timer_t trim;
	int epoll;
	size_t handles; /* of libuv, not yet closed */
	long host_connections;
	struct http_multi_list multis;
	struct http_socket *sockets; /* by file descriptor */
	size_t cap_sockets;
	CURLSH *share;
	/* A transfer ended; it is out of its multi. Called outside of libcurl's
	 * callbacks. */
	void (*ended)(struct http_call *call, CURLcode code);
	loop_fn *after; /* after each batch of events */
	void *arg;      /* of after */
};

/* The callbacks and host_connections are set by the caller. HEED_E_NOMEM, HEED_E_IO. */
int http_pool_init(struct http_pool *pool, struct loop *loop);
/* All calls must be out of it, all easy handles gone. Runs the loop until libuv let go.
 */
void http_pool_done(struct http_pool *pool);
/* Hand call->easy to the multi handle that suits. HEED_E_NOMEM. */
int http_pool_add(struct http_pool *pool, struct http_call *call);
void http_pool_remove(struct http_call *call);
/* For CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; `arg` is the pool. */
curl_socket_t
http_pool_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
int http_pool_close(void *arg, curl_socket_t fd);

/* ---- one transfer (http_easy.c) ---------------------------------------------------- */

struct http_easy_context {
	struct http_pool *pool;
	const char *user_agent;
	bool crowded; /* many transfers: save memory rather than system calls */
};

/* Check the request and copy it onto the call's arena. HEED_E_NOMEM, HEED_E_INVALID. */
int http_easy_copy(struct http_call *call, const struct http_request *request,
                   struct heed_error *error);
/* Set all options of call->easy, which is fresh or reset. HEED_E_NOMEM. */
int http_easy_setup(struct http_call *call, const struct http_easy_context *context);
/* Fill call->reply from what became of call->easy. */
void http_easy_finish(struct http_call *call, CURLcode code);

#endif
