/*
 * http_client.c - see http_client.h.
 *
 * A shard is one multi handle with its own uv_timer; libcurl tells which sockets to watch
 * (CURLMOPT_SOCKETFUNCTION) and uv_poll watches them. A new call goes to the first shard
 * with room, so that connections are reused by few shards while there is little to do.
 * Easy handles are kept after use: their buffers are what costs memory.
 */
#include "loop/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"

#define SHARD_CALLS 128
#define IN_FLIGHT_DEFAULT 20000
#define HEADERS_MAX 128
#define HEADER_BYTES_MAX (64 * 1024)

struct shard {
	TAILQ_ENTRY(shard) link;
	struct http_client *client;
	CURLM *multi;
	uv_timer_t timer;
	size_t active;
};

struct http_call {
	TAILQ_ENTRY(http_call) link; /* in line, under way, or spare */
	struct http_client *client;
	struct shard *shard; /* NULL while in line */
	CURL *easy;
	struct arena arena;
	struct curl_slist *slist;
	struct heed_buf body;
	struct http_header headers[HEADERS_MAX];
	size_t n_headers;
	size_t header_bytes;
	size_t reply_max;
	bool too_large;
	http_done_fn *done;
	void *arg;
	char error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(call_list, http_call);

struct http_client {
	struct loop *loop;
	size_t in_flight_max;
	size_t active; /* in shards */
	size_t waiting;
	size_t host_connections;
	char user_agent[64];
	TAILQ_HEAD(, shard) shards;
	struct call_list line;
	struct call_list running;
	struct call_list spare;
	size_t n_spare;
	struct loop_timer next; /* moves the line on, outside of libcurl's callbacks */
	size_t closing;         /* uv handles not yet closed */
};

struct poller {
	uv_poll_t handle;
	struct shard *shard;
	curl_socket_t socket;
};

static void collect(struct shard *shard);

/* ---- libcurl's sockets and timers on libuv
 * ------------------------------------------------ */

static void
free_poller(uv_handle_t *handle)
{
	mem_free(handle->data);
}

static void
socket_ready(uv_poll_t *handle, int status, int events)
{
	struct poller *poller = handle->data;
	struct shard *shard = poller->shard;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;
	int running;

	flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
	flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
	(void)curl_multi_socket_action(shard->multi, poller->socket, flags, &running);
	collect(shard);
}

static int
watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
	struct shard *shard = arg;
	struct poller *poller = socket_arg;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (poller != NULL) {
			(void)uv_poll_stop(&poller->handle);
			uv_close((uv_handle_t *)&poller->handle, free_poller);
			(void)curl_multi_assign(shard->multi, socket, NULL);
		}
		return 0;
	}
	if (poller == NULL) {
		poller = mem_new(sizeof(*poller));
		if (poller == NULL)
			return -1;
		poller->shard = shard;
		poller->socket = socket;
		if (uv_poll_init_socket(loop_uv(shard->client->loop), &poller->handle,
		                        socket) != 0) {
			mem_free(poller);
			return -1;
		}
		poller->handle.data = poller;
		(void)curl_multi_assign(shard->multi, socket, poller);
	}
	events |= what & CURL_POLL_IN ? UV_READABLE : 0;
	events |= what & CURL_POLL_OUT ? UV_WRITABLE : 0;
	return uv_poll_start(&poller->handle, events, socket_ready) == 0 ? 0 : -1;
}

static void
time_out(uv_timer_t *timer)
{
	struct shard *shard = timer->data;
	int running;

	(void)curl_multi_socket_action(shard->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(shard);
}

static int
set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct shard *shard = arg;

	(void)multi;
	if (timeout_ms < 0)
		(void)uv_timer_stop(&shard->timer);
	else
		(void)uv_timer_start(&shard->timer, time_out, (uint64_t)timeout_ms, 0);
	return 0;
}

/* ---- a call's data
 * -------------------------------------------------------------------------- */

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *call = arg;

	(void)size;
	buf_add(&call->body, (struct heed_str){data, n});
	if (buf_error(&call->body) == 0)
		return n;
	call->too_large = buf_error(&call->body) == HEED_E_LIMIT;
	return 0;
}

static size_t
take_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *call = arg;
	struct heed_str line = {data, n};
	struct heed_str value;
	char *name;
	size_t i;

	(void)size;
	if (str_starts(line, "HTTP/")) { /* a new response (after 100 Continue) */
		call->n_headers = 0;
		return n;
	}
	value = line;
	line = str_cut(&value, ':');
	call->header_bytes += n;
	if (line.len == n || call->n_headers == HEADERS_MAX ||
	    call->header_bytes > HEADER_BYTES_MAX)
		return n;
	name = arena_cstr(&call->arena, line);
	value = arena_str(&call->arena, str_trim(value));
	if (name == NULL || value.data == NULL)
		return 0;
	for (i = 0; i < line.len; i++)
		name[i] =
			(char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	call->headers[call->n_headers++] = (struct http_header){{name, line.len}, value};
	return n;
}

static int
error_of(const struct http_call *call, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return HEED_E_TIMEOUT;
	case CURLE_WRITE_ERROR:
		return call->too_large ? HEED_E_LIMIT : HEED_E_NOMEM;
	case CURLE_OUT_OF_MEMORY:
		return HEED_E_NOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return HEED_E_INVALID;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return HEED_E_PERMANENT;
	default:
		return HEED_E_NETWORK;
	}
}

/* Back to the spare ones, or away. */
static void
put_away(struct http_call *call)
{
	struct http_client *client = call->client;

	curl_slist_free_all(call->slist);
	call->slist = NULL;
	arena_done(&call->arena);
	buf_done(&call->body);
	if (client->n_spare < 256) {
		curl_easy_reset(call->easy);
		TAILQ_INSERT_HEAD(&client->spare, call, link);
		client->n_spare++;
		return;
	}
	curl_easy_cleanup(call->easy);
	mem_free(call);
}

static void
leave_shard(struct http_call *call)
{
	struct http_client *client = call->client;

	(void)curl_multi_remove_handle(call->shard->multi, call->easy);
	call->shard->active--;
	call->shard = NULL;
	client->active--;
	TAILQ_REMOVE(&client->running, call, link);
	if (!TAILQ_EMPTY(&client->line) && client->next.slot == 0)
		loop_timer_set(client->loop, &client->next, 0);
}

static void
finish(struct http_call *call, CURLcode code)
{
	struct http_reply reply = {.error = error_of(call, code),
	                           .headers = call->headers,
	                           .n_headers = call->n_headers,
	                           .body = buf_str(&call->body)};
	curl_off_t total_us = 0;
	long status = 0;
	long request_bytes = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &total_us);
	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	reply.status = (int)status;
	reply.elapsed_ms = (int64_t)total_us / 1000;
	reply.sent = request_bytes > 0;
	if (code != CURLE_OK)
		(void)snprintf(reply.text, sizeof(reply.text), "%.159s",
		               call->too_large          ? "the reply is too large"
		               : call->error[0] != '\0' ? call->error
		                                        : curl_easy_strerror(code));
	leave_shard(call);
	call->done(call->arg, &reply);
	put_away(call);
}

static void
collect(struct shard *shard)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(shard->multi, &left)) != NULL) {
		struct http_call *call = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, code);
	}
}

/* ---- starting
 * ----------------------------------------------------------------------------- */

static struct shard *
shard_new(struct http_client *client)
{
	struct shard *shard = mem_new(sizeof(*shard));

	if (shard == NULL)
		return NULL;
	shard->client = client;
	shard->multi = curl_multi_init();
	if (shard->multi == NULL) {
		mem_free(shard);
		return NULL;
	}
	(void)uv_timer_init(loop_uv(client->loop), &shard->timer);
	shard->timer.data = shard;
	(void)curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	(void)curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
	(void)curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
	(void)curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, (long)SHARD_CALLS);
	if (client->host_connections > 0)
		(void)curl_multi_setopt(shard->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
		                        (long)client->host_connections);
	TAILQ_INSERT_TAIL(&client->shards, shard, link);
	return shard;
}

static struct shard *
find_shard(struct http_client *client)
{
	struct shard *shard;

	TAILQ_FOREACH(shard, &client->shards, link)
	if (shard->active < SHARD_CALLS)
		return shard;
	return shard_new(client);
}

/* From the line into a shard; failing, the callback comes with what libcurl said. */
static void
launch(struct http_call *call)
{
	struct http_client *client = call->client;

	call->shard = find_shard(client);
	if (call->shard == NULL ||
	    curl_multi_add_handle(call->shard->multi, call->easy) != CURLM_OK) {
		struct http_reply reply = {.error = HEED_E_NOMEM,
		                           .text = "out of memory"};

		call->shard = NULL;
		call->done(call->arg, &reply);
		put_away(call);
		return;
	}
	call->shard->active++;
	client->active++;
	TAILQ_INSERT_TAIL(&client->running, call, link);
}

static void
move_on(void *arg)
{
	struct http_client *client = arg;

	while (!TAILQ_EMPTY(&client->line) && client->active < client->in_flight_max) {
		struct http_call *call = TAILQ_FIRST(&client->line);

		TAILQ_REMOVE(&client->line, call, link);
		client->waiting--;
		launch(call);
	}
}

static struct http_call *
call_new(struct http_client *client)
{
	struct http_call *call = TAILQ_FIRST(&client->spare);
	CURL *easy;

	if (call != NULL) {
		TAILQ_REMOVE(&client->spare, call, link);
		client->n_spare--;
		easy = call->easy;
	} else {
		call = mem_alloc(sizeof(*call));
		easy = call != NULL ? curl_easy_init() : NULL;
		if (easy == NULL) {
			mem_free(call);
			return NULL;
		}
	}
	memset(call, 0, offsetof(struct http_call, headers));
	call->n_headers = call->header_bytes = 0;
	call->too_large = false;
	call->error[0] = '\0';
	call->client = client;
	call->easy = easy;
	arena_init(&call->arena, 1024);
	return call;
}

static int
add_header(struct http_call *call, struct heed_str name, struct heed_str value)
{
	struct heed_str line;
	struct curl_slist *grown;

	if (str_find(value, '\n') < value.len || str_find(value, '\r') < value.len ||
	    str_find(name, '\n') < name.len || str_find(name, ':') < name.len)
		return HEED_E_INVALID;
	line = value.len > 0 ? arena_printf(&call->arena, "%.*s: %.*s", STR_ARG(name),
	                                    STR_ARG(value))
	                     : arena_printf(&call->arena, "%.*s;", STR_ARG(name));
	grown = line.data != NULL ? curl_slist_append(call->slist, line.data) : NULL;
	if (grown == NULL)
		return HEED_E_NOMEM;
	call->slist = grown;
	return 0;
}

static int
set_headers(struct http_call *call, const struct http_request *request,
            struct heed_error *error)
{
	size_t i;

	for (i = 0; i < request->n_headers; i++) {
		int r = add_header(call, request->headers[i].name,
		                   request->headers[i].value);

		if (r < 0)
			return error_set(error, r, "the header %.*s cannot be sent",
			                 STR_ARG(request->headers[i].name));
	}
	call->slist = curl_slist_append(call->slist, "Expect:"); /* never wait for 100 */
	return 0;
}

static int
set_request(struct http_call *call, const struct http_request *request,
            struct heed_error *error)
{
	CURL *easy = call->easy;
	char *url = arena_cstr(&call->arena, request->url);
	char *method = arena_cstr(&call->arena, request->method);

	if (url == NULL || method == NULL)
		return error_nomem(error);
	if (!str_starts_nocase(request->url, "http://") &&
	    !str_starts_nocase(request->url, "https://"))
		return error_set(error, HEED_E_INVALID, "not an http or https URL: %.*s",
		                 STR_ARG(str_head(request->url, 200)));
	HEED_TRY(set_headers(call, request, error));
	(void)curl_easy_setopt(easy, CURLOPT_URL, url);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->slist);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (request->has_body) {
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		                       (curl_off_t)request->body.len);
		if (curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
		                     request->body.data != NULL ? request->body.data
		                                                : "") != CURLE_OK)
			return error_nomem(error);
	}
	if (request->method.len > 0)
		(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	if (str_is(request->method, "HEAD"))
		(void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	return 0;
}

static void
set_ways(struct http_call *call, const struct http_request *request)
{
	CURL *easy = call->easy;

	(void)curl_easy_setopt(
		easy, CURLOPT_TIMEOUT_MS,
		(long)(request->timeout_ms > 0 ? request->timeout_ms : 30000));
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	                       (long)(request->connect_timeout_ms > 0
	                                      ? request->connect_timeout_ms
	                                      : 10000));
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Only TLS can negotiate HTTP/2; elsewhere it would make calls wait for each
	 * other. */
	if (str_starts_nocase(request->url, "https:"))
		(void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
	(void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, call->client->user_agent);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	if (request->unix_socket != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH,
		                       request->unix_socket);
	if (request->ca_file != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
	if (request->proxy != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy);
}

int
http_start(struct http_client *client, const struct http_request *request,
           http_done_fn *done, void *arg, struct http_call **ret_call,
           struct heed_error *error)
{
	struct http_call *call = call_new(client);
	int r;

	if (call == NULL)
		return error_nomem(error);
	buf_init(&call->body,
	         request->reply_max > 0 ? request->reply_max : (size_t)16 << 20);
	call->done = done;
	call->arg = arg;
	r = set_request(call, request, error);
	if (r < 0) {
		put_away(call);
		return r;
	}
	set_ways(call, request);
	TAILQ_INSERT_TAIL(&client->line, call, link);
	client->waiting++;
	if (client->next.slot == 0)
		loop_timer_set(client->loop, &client->next, 0);
	*ret_call = call;
	return 0;
}

void
http_cancel(struct http_call *call)
{
	struct http_client *client = call->client;

	if (call->shard != NULL) {
		leave_shard(call);
	} else {
		TAILQ_REMOVE(&client->line, call, link);
		client->waiting--;
	}
	put_away(call);
}

size_t
http_client_active(const struct http_client *client)
{
	return client->active + client->waiting;
}

/* ---- life
 * --------------------------------------------------------------------------------- */

int
http_client_new(struct loop *loop, const struct http_client_options *options,
                struct http_client **ret_client)
{
	struct http_client *client = mem_new(sizeof(*client));

	if (client == NULL)
		return HEED_E_NOMEM;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		mem_free(client);
		return HEED_E_NOMEM;
	}
	client->loop = loop;
	client->in_flight_max = options != NULL && options->in_flight_max > 0
	                                ? options->in_flight_max
	                                : IN_FLIGHT_DEFAULT;
	client->host_connections = options != NULL ? options->host_connections : 0;
	(void)snprintf(client->user_agent, sizeof(client->user_agent), "%s",
	               options != NULL && options->user_agent != NULL
	                       ? options->user_agent
	                       : "heed/" HEED_VERSION);
	TAILQ_INIT(&client->shards);
	TAILQ_INIT(&client->line);
	TAILQ_INIT(&client->running);
	TAILQ_INIT(&client->spare);
	loop_timer_init(&client->next, move_on, client);
	*ret_client = client;
	return 0;
}

static void
timer_closed(uv_handle_t *handle)
{
	struct shard *shard = handle->data;

	shard->client->closing--;
	mem_free(shard);
}

void
http_client_free(struct http_client *client)
{
	struct http_call *call;
	struct shard *shard;

	if (client == NULL)
		return;
	while ((call = TAILQ_FIRST(&client->running)) != NULL ||
	       (call = TAILQ_FIRST(&client->line)) != NULL)
		http_cancel(call);
	while ((call = TAILQ_FIRST(&client->spare)) != NULL) {
		TAILQ_REMOVE(&client->spare, call, link);
		curl_easy_cleanup(call->easy);
		mem_free(call);
	}
	loop_timer_clear(client->loop, &client->next);
	while ((shard = TAILQ_FIRST(&client->shards)) != NULL) {
		TAILQ_REMOVE(&client->shards, shard, link);
		(void)curl_multi_cleanup(shard->multi);
		client->closing++;
		uv_close((uv_handle_t *)&shard->timer, timer_closed);
	}
	while (client->closing > 0)
		(void)uv_run(loop_uv(client->loop), UV_RUN_NOWAIT);
	mem_free(client);
}
