/*
 * http_easy.c - one call as one libcurl transfer: the request's copy, the options, what
 * comes back, and what libcurl's results mean here.
 *
 * The request lives on the call's arena and libcurl borrows it from there. What the other
 * side sends is bounded: headers by number and size, the body by reply_max.
 *
 * libcurl sends a request again by itself when a kept connection turns out to be closed.
 * For a request that must not arrive twice this is refused (before_request), so that
 * "sent" is the truth.
 */
#include <stdio.h>
#include <string.h>

#include "loop/http_impl.h"

#include "base/clock.h"
#include "base/error.h"

#define TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 10000
#define REPLY_MAX ((size_t)16 << 20)
#define HEADERS_MAX 256
#define HEADER_BYTES_MAX ((size_t)64 << 10)
#define BUFFER_SMALL 4096L
#define BUFFER_LARGE 16384L
#define UPLOAD_SMALL 16384L
#define UPLOAD_LARGE 131072L

/* ---- the request ------------------------------------------------------------------- */

static int
check_url(struct heed_str url, struct heed_error *error)
{
	size_t scheme = str_starts_nocase(url, "https://")  ? 8
	                : str_starts_nocase(url, "http://") ? 7
	                                                    : 0;
	size_t i;

	if (scheme == 0)
		return error_set(
			error, HEED_E_INVALID,
			"the URL \"%.*s\" does not begin with http:// or https://",
			STR_ARG(str_head(url, 200)));
	if (url.len == scheme || strchr("/?#", url.data[scheme]) != NULL)
		return error_set(error, HEED_E_INVALID, "the URL \"%.*s\" names no host",
		                 STR_ARG(str_head(url, 200)));
	for (i = 0; i < url.len; i++)
		if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7f)
			return error_set(error, HEED_E_INVALID,
			                 "the URL holds a space or control character");
	return 0;
}

static int
check_headers(const struct http_request *request, struct heed_error *error)
{
	size_t i;

	for (i = 0; i < request->n_headers; i++) {
		const struct http_header *header = &request->headers[i];

		if (!http_is_token(header->name))
			return error_set(error, HEED_E_INVALID,
			                 "\"%.*s\" is not a header's name",
			                 STR_ARG(str_head(header->name, 100)));
		if (!http_is_value(header->value))
			return error_set(error, HEED_E_INVALID,
			                 "the value of header %.*s holds a line end",
			                 STR_ARG(str_head(header->name, 100)));
	}
	return 0;
}

/* libcurl frames the message; a second opinion in the headers would break it. */
static bool
is_framing(struct heed_str name)
{
	return str_is_nocase(name, "content-length") ||
	       str_is_nocase(name, "connection") ||
	       str_is_nocase(name, "transfer-encoding") || str_is_nocase(name, "expect");
}

static int
add_line(struct http_call *call, struct heed_str line)
{
	struct curl_slist *node = ARENA_NEW(&call->arena, struct curl_slist);

	if (node == NULL || line.data == NULL)
		return HEED_E_NOMEM;
	node->data = (char *)line.data;
	node->next = call->lines;
	call->lines = node;
	return 0;
}

static int
copy_headers(struct http_call *call, const struct http_request *request)
{
	bool typed = false;
	size_t i;

	for (i = request->n_headers; i > 0; i--) { /* each line goes in front */
		struct heed_str name = request->headers[i - 1].name;
		struct heed_str value = request->headers[i - 1].value;

		if (is_framing(name))
			continue;
		if (str_is_nocase(name, "content-type"))
			typed = true;
		if (str_is_nocase(name, "idempotency-key"))
			call->repeatable = !request->once;
		/* "name;" is libcurl's way to say: send it empty. */
		HEED_TRY(add_line(
			call, value.len > 0 ? arena_printf(&call->arena, "%.*s: %.*s",
		                                           STR_ARG(name), STR_ARG(value))
					    : arena_printf(&call->arena, "%.*s;",
		                                           STR_ARG(name))));
	}
	if (request->has_body && !typed) /* or libcurl would call it a form */
		HEED_TRY(add_line(call, HEED_STR("Content-Type:")));
	return request->has_body ? add_line(call, HEED_STR("Expect:")) : 0;
}

static int
copy_cstr(struct http_call *call, const char *text, const char **ret_copy)
{
	if (text == NULL) {
		*ret_copy = NULL;
		return 0;
	}
	*ret_copy = arena_cstr(&call->arena, str_of(text));
	return *ret_copy == NULL ? HEED_E_NOMEM : 0;
}

/* By the definition of HTTP (RFC 9110, 9.2.2), sending it twice does no harm. */
static bool
is_idempotent(struct heed_str method)
{
	static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_is(method, methods[i]))
			return true;
	return false;
}

static int
check_request(const struct http_request *request, struct heed_error *error)
{
	HEED_TRY(check_url(request->url, error));
	HEED_TRY(check_headers(request, error));
	if (request->method.len > 0 && !http_is_token(request->method))
		return error_set(error, HEED_E_INVALID, "\"%.*s\" is not a method",
		                 STR_ARG(str_head(request->method, 100)));
	return 0;
}

/* All that libcurl borrows. HEED_E_NOMEM. */
static int
copy_texts(struct http_call *call, const struct http_request *request)
{
	struct http_request *copy = &call->request;

	call->url = arena_cstr(&call->arena, request->url);
	call->method = arena_cstr(&call->arena, copy->method);
	if (call->url == NULL || call->method == NULL)
		return HEED_E_NOMEM;
	copy->method = str_of(call->method);
	copy->url = str_of(call->url);
	if (request->body.len > 0) {
		copy->body = arena_str(&call->arena, request->body);
		if (copy->body.data == NULL)
			return HEED_E_NOMEM;
	}
	HEED_TRY(copy_headers(call, request));
	HEED_TRY(copy_cstr(call, request->unix_socket, &copy->unix_socket));
	HEED_TRY(copy_cstr(call, request->ca_file, &copy->ca_file));
	return copy_cstr(call, request->proxy, &copy->proxy);
}

int
http_easy_copy(struct http_call *call, const struct http_request *request,
               struct heed_error *error)
{
	HEED_TRY(check_request(request, error));
	call->request = *request;
	if (request->method.len == 0)
		call->request.method =
			request->has_body ? HEED_STR("POST") : HEED_STR("GET");
	call->repeatable = !request->once && is_idempotent(call->request.method);
	if (copy_texts(call, request) < 0)
		return error_nomem(error);
	call->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_MS;
	buf_init(&call->body, request->reply_max > 0 ? request->reply_max : REPLY_MAX);
	return 0;
}

/* ---- callbacks of libcurl ---------------------------------------------------------- */

/* Room for the whole body at once when its length is known. */
static void
make_room(struct http_call *call)
{
	curl_off_t length;

	if (curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) ==
	            CURLE_OK &&
	    length > 0 && (uint64_t)length < call->body.max && length < (1 << 20))
		(void)buf_reserve(&call->body, (size_t)length);
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *call = arg;

	(void)size; /* always 1 */
	if (call->body.cap == 0)
		make_room(call);
	buf_add(&call->body, (struct heed_str){data, n});
	call->failure = buf_error(&call->body);
	return call->failure == 0 ? n : CURL_WRITEFUNC_ERROR;
}

static size_t
take_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *call = arg;
	struct heed_str rest = {data, n};
	struct heed_str name;

	(void)size;
	if (str_starts(rest, "HTTP/")) { /* the final reply replaces 100 and its kind */
		call->headers.n = 0;
		return n;
	}
	call->header_bytes += n;
	if (call->headers.n == HEADERS_MAX || call->header_bytes > HEADER_BYTES_MAX) {
		call->failure = HEED_E_LIMIT;
		return 0;
	}
	if (str_find(rest, ':') == rest.len)
		return n; /* the empty line */
	name = str_trim(str_cut(&rest, ':'));
	call->failure =
		http_header_add(&call->headers, &call->arena, name, str_trim(rest));
	return call->failure == 0 ? n : 0;
}

static int
before_request(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct http_call *call = arg;
	long sent = 0;

	(void)remote, (void)local, (void)remote_port, (void)local_port;
	if (call->sends++ == 0 || call->repeatable)
		return CURL_PREREQFUNC_OK;
	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (sent == 0)
		return CURL_PREREQFUNC_OK;
	call->failure = HEED_E_NETWORK;
	return CURL_PREREQFUNC_ABORT;
}

/* ---- options ----------------------------------------------------------------------- */

/* The first failure is kept; all but out-of-memory would be a bug of ours. */
#define SET(option, value)                                                               \
	do {                                                                             \
		if (rc == CURLE_OK)                                                      \
			rc = curl_easy_setopt(easy, option, value);                      \
	} while (0)

static CURLcode
set_method(struct http_call *call)
{
	const struct http_request *request = &call->request;
	CURL *easy = call->easy;
	CURLcode rc = CURLE_OK;

	if (request->has_body || str_is(request->method, "POST") ||
	    str_is(request->method, "PUT") || str_is(request->method, "PATCH")) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		SET(CURLOPT_POSTFIELDS, request->body.len > 0 ? request->body.data : "");
		if (!str_is(request->method, "POST"))
			SET(CURLOPT_CUSTOMREQUEST, call->method);
	} else if (str_is(request->method, "HEAD")) {
		SET(CURLOPT_NOBODY, 1L);
	} else if (!str_is(request->method, "GET")) {
		SET(CURLOPT_CUSTOMREQUEST, call->method);
	}
	return rc;
}

static CURLcode
set_connection(struct http_call *call, const struct http_easy_context *context)
{
	const struct http_request *request = &call->request;
	bool tls = str_starts_nocase(request->url, "https");
	int64_t left_ms = call->timeout_ms - (clock_steady_ms() - call->started_ms);
	int64_t connect_ms = request->connect_timeout_ms > 0 ? request->connect_timeout_ms
	                                                     : CONNECT_TIMEOUT_MS;
	CURL *easy = call->easy;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_SHARE, context->pool->share);
	SET(CURLOPT_TIMEOUT_MS, (long)(left_ms > 1 ? left_ms : 1));
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, http_pool_open);
	SET(CURLOPT_OPENSOCKETDATA, context->pool);
	SET(CURLOPT_CLOSESOCKETFUNCTION, http_pool_close);
	SET(CURLOPT_CLOSESOCKETDATA, context->pool);
	/* HTTP/2 only where TLS can say so: then waiting for a connection to share pays.
	 */
	SET(CURLOPT_HTTP_VERSION,
	    (long)(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	SET(CURLOPT_PIPEWAIT, tls ? 1L : 0L);
	SET(CURLOPT_BUFFERSIZE, context->crowded ? BUFFER_SMALL : BUFFER_LARGE);
	SET(CURLOPT_UPLOAD_BUFFERSIZE,
	    request->body.len > 4 * UPLOAD_LARGE ? UPLOAD_LARGE : UPLOAD_SMALL);
	if (request->unix_socket != NULL)
		SET(CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	if (request->ca_file != NULL)
		SET(CURLOPT_CAINFO, request->ca_file);
	if (request->proxy != NULL)
		SET(CURLOPT_PROXY, request->proxy);
	return rc;
}

int
http_easy_setup(struct http_call *call, const struct http_easy_context *context)
{
	CURL *easy = call->easy;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_URL, call->url);
	SET(CURLOPT_USERAGENT, context->user_agent);
	SET(CURLOPT_HTTPHEADER, call->lines);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, call);
	SET(CURLOPT_PREREQFUNCTION, before_request);
	SET(CURLOPT_PREREQDATA, call);
	if (!str_is(call->request.method, "HEAD")) /* refuse a length beyond it at once */
		SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->body.max);
	if (rc == CURLE_OK)
		rc = set_method(call);
	if (rc == CURLE_OK)
		rc = set_connection(call, context);
	return rc == CURLE_OK ? 0 : HEED_E_NOMEM;
}

/* ---- the result -------------------------------------------------------------------- */

static int
error_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return HEED_E_TIMEOUT;
	case CURLE_FILESIZE_EXCEEDED:
		return HEED_E_LIMIT;
	case CURLE_OUT_OF_MEMORY:
		return HEED_E_NOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return HEED_E_INVALID;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return HEED_E_PERMANENT;
	default:
		return HEED_E_NETWORK;
	}
}

static void
write_words(struct http_call *call, CURLcode code)
{
	struct http_reply *reply = &call->reply;

	if (call->failure == HEED_E_LIMIT || code == CURLE_FILESIZE_EXCEEDED)
		(void)snprintf(reply->text, sizeof(reply->text),
		               "the reply is larger than %zu bytes", call->body.max);
	else if (call->failure == HEED_E_NETWORK)
		(void)snprintf(reply->text, sizeof(reply->text),
		               "the connection was closed after the request was sent");
	else if (reply->error == HEED_E_TIMEOUT)
		(void)snprintf(reply->text, sizeof(reply->text), "no %s within %lld ms",
		               reply->sent ? "complete reply" : "connection",
		               (long long)reply->elapsed_ms);
	else
		(void)snprintf(reply->text, sizeof(reply->text), "%s",
		               curl_easy_strerror(code));
}

void
http_easy_finish(struct http_call *call, CURLcode code)
{
	struct http_reply *reply = &call->reply;
	long number = 0;

	reply->error = call->failure != 0 ? call->failure : error_of(code);
	reply->elapsed_ms = clock_steady_ms() - call->started_ms;
	if (curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &number) == CURLE_OK)
		reply->sent = number > 0;
	if (curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &number) == CURLE_OK)
		reply->status = (int)number;
	reply->headers = call->headers.items;
	reply->n_headers = call->headers.n;
	if (reply->error != 0)
		write_words(call, code);
	else
		reply->body = buf_str(&call->body);
}
