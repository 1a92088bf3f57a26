/*
 * http.c - events over HTTP: CloudEvents 1.0 in structured, binary and batched mode.
 *
 * Bodies are parsed and checked on the server's thread; the loop only hands the events in.
 * 202 is said after the commit and not before. Source: CloudEvents HTTP protocol binding.
 */
#include "source/kinds.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/mem.h"
#include "loop/http_server.h"

struct http_source {
	struct source source;
	struct heed_str listen;
	struct heed_str path;
	int64_t body_max;
	struct heed_str bearer;
	struct http_server *server;
};

static const struct option options[] = {
	{.name = "listen", .kind = OPTION_TEXT, .offset = offsetof(struct http_source, listen),
	 .fallback = "127.0.0.1:8080", .flags = OPTION_NONEMPTY,
	 .help = "address and port; port 0 takes a free one"},
	{.name = "path", .kind = OPTION_TEXT, .offset = offsetof(struct http_source, path),
	 .fallback = "/", .flags = OPTION_NONEMPTY, .help = "path that takes events"},
	{.name = "body_max", .kind = OPTION_SIZE, .offset = offsetof(struct http_source, body_max),
	 .fallback = "1MiB", .min = 1024, .max = 268435456,
	 .help = "largest body; a larger one is answered 413"},
	{.name = "bearer", .kind = OPTION_SECRET, .offset = offsetof(struct http_source, bearer),
	 .help = "token that senders must show as Authorization: Bearer TOKEN"},
	OPTION_ROWS_END,
};

/* What `receive` made of a request, for `forward`. */
struct request {
	struct http_exchange *exchange;
	struct event *events;
	size_t n;
};

/* ---- on the server's thread ----------------------------------------------------------------- */

static bool
may_send(const struct http_source *http, const struct http_exchange *exchange)
{
	struct heed_str shown = http_header_find(exchange->headers, exchange->n_headers,
						 "authorization");

	if (http->bearer.len == 0)
		return true;
	if (!str_starts_nocase(shown, "Bearer "))
		return false;
	shown = str_trim(str_from(shown, 7));
	return shown.len == http->bearer.len && id_equal(shown.data, http->bearer.data, shown.len);
}

static int
read_events(struct request *request, struct heed_json root, struct heed_error *error)
{
	struct arena *arena = &request->exchange->arena;
	bool batch = root.kind == HEED_ARRAY;
	uint32_t n = batch ? root.len : 1;
	uint32_t i;

	request->events = ARENA_ARRAY(arena, struct event, n);
	if (request->events == NULL)
		return error_nomem(error);
	for (i = 0; i < n; i++) {
		int r = event_from_json(arena, batch ? root.items[i] : root, clock_wall_us(),
					&request->events[i], error);

		if (r < 0 && batch)
			error_prefix(error, "event %u of the batch", i + 1);
		if (r < 0)
			return r;
	}
	request->n = n;
	return 0;
}

/* A binary mode attribute: percent-encoded UTF-8. */
static int
set_attribute(struct arena *arena, struct json_build *build, const struct http_header *header,
	      struct heed_error *error)
{
	struct heed_buf buf;
	struct heed_str value;
	int r;

	buf_init(&buf, 65536);
	r = url_decode(&buf, header->value, 0);
	value = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	if (r < 0 || !str_utf8(value))
		return error_set(error, HEED_E_INVALID, "the header %.*s is not percent-encoded UTF-8",
				 STR_ARG(header->name));
	json_set(build, str_from(header->name, 3), json_str(value));
	return 0;
}

static bool
is_json_type(struct heed_str type)
{
	type = str_trim(str_head(type, str_find(type, ';')));
	return type.len == 0 || str_ends(type, "/json") || str_ends(type, "+json");
}

static int
set_data(struct http_exchange *exchange, struct json_build *build, struct heed_str type,
	 struct heed_error *error)
{
	struct heed_json data;
	struct heed_buf buf;

	if (exchange->body.len == 0)
		return 0;
	if (is_json_type(type)) {
		HEED_TRY(json_parse(&exchange->arena, exchange->body, &data, error));
		json_set_cstr(build, "data", data);
	} else if (str_utf8(exchange->body)) {
		json_set_cstr(build, "data", json_str(exchange->body));
	} else {
		buf_init(&buf, exchange->body.len * 2 + 16);
		buf_add_base64(&buf, exchange->body.data, exchange->body.len);
		json_set_cstr(build, "data_base64",
			      json_str(arena_str(&exchange->arena, buf_str(&buf))));
		buf_done(&buf);
	}
	return 0;
}

static int
read_binary(struct request *request, struct heed_str type, struct heed_error *error)
{
	struct http_exchange *exchange = request->exchange;
	struct json_build build;
	struct heed_json root;
	size_t i;

	json_object(&build, &exchange->arena);
	for (i = 0; i < exchange->n_headers; i++)
		if (str_starts(exchange->headers[i].name, "ce-"))
			HEED_TRY(set_attribute(&exchange->arena, &build, &exchange->headers[i], error));
	if (type.len > 0)
		json_set_cstr(&build, "datacontenttype", json_str(type));
	HEED_TRY(set_data(exchange, &build, type, error));
	if (json_build_end(&build, &root) < 0)
		return error_nomem(error);
	return read_events(request, root, error);
}

/* The mode by content type; HEED_E_UNSUPPORTED when it is none of them. */
static int
read_request(struct request *request, struct heed_error *error)
{
	struct http_exchange *exchange = request->exchange;
	struct heed_str type = http_header_find(exchange->headers, exchange->n_headers,
						"content-type");
	bool batch = str_starts_nocase(type, "application/cloudevents-batch");
	struct heed_json root;

	if (!batch && !str_starts_nocase(type, "application/cloudevents")) {
		if (http_header_find(exchange->headers, exchange->n_headers, "ce-type").len > 0)
			return read_binary(request, type, error);
		return error_set(error, HEED_E_UNSUPPORTED,
				 "send application/cloudevents+json, -batch+json, or ce- headers");
	}
	HEED_TRY(json_parse(&exchange->arena, exchange->body, &root, error));
	if (batch != (root.kind == HEED_ARRAY))
		return error_set(error, HEED_E_INVALID, "the body must be a JSON %s, not %s",
				 batch ? "array" : "object", json_kind_name(root));
	return read_events(request, root, error);
}

static enum http_verdict
refuse(struct http_exchange *exchange, int status, const char *title, const char *text)
{
	http_problem(exchange, status, title, "%s", text);
	return HTTP_ANSWERED;
}

static enum http_verdict
receive(void *arg, struct http_exchange *exchange)
{
	struct http_source *http = arg;
	struct request *request = ARENA_NEW(&exchange->arena, struct request);
	struct heed_error error = {0};
	int r;

	if (request == NULL)
		return refuse(exchange, 503, "Unavailable", "out of memory");
	if (!str_eq(exchange->path, http->path))
		return refuse(exchange, 404, "Not found", "events are taken at another path");
	if (!str_is(exchange->method, "POST"))
		return refuse(exchange, 405, "Method not allowed", "POST a CloudEvent here");
	if (!may_send(http, exchange))
		return refuse(exchange, 401, "Unauthorized", "a bearer token is needed");
	request->exchange = exchange;
	exchange->context = request;
	r = read_request(request, &error);
	if (r == 0)
		return HTTP_FORWARD;
	if (error.where[0] != '\0')
		error_prefix(&error, "line:column %s", error.where);
	return refuse(exchange, r == HEED_E_UNSUPPORTED ? 415 : r == HEED_E_NOMEM ? 503 : 400,
		      r == HEED_E_UNSUPPORTED ? "Unsupported media type" : "Not an event", error.text);
}

/* ---- on the loop ------------------------------------------------------------------------------ */

static void
answer_busy(struct http_exchange *exchange, int64_t retry_after_ms)
{
	char seconds[24];
	struct http_header header = {HEED_STR("Retry-After"), {seconds, 0}};

	header.value.len = (size_t)snprintf(seconds, sizeof(seconds), "%lld",
					    (long long)(retry_after_ms + 999) / 1000);
	http_answer(exchange, 429, "application/problem+json",
		    HEED_STR("{\"title\":\"Too many events\",\"status\":429,\"detail\":\"the queue "
			     "is full; send it again later\"}\n"),
		    &header, 1);
}

static void
delivered(void *arg, const struct delivery *delivery)
{
	struct request *request = arg;
	char text[96];
	int len;

	if (delivery->code != 0) {
		http_problem(request->exchange, 503, "Not stored", "%s",
			     delivery->text != NULL ? delivery->text : "the store failed");
		return;
	}
	len = snprintf(text, sizeof(text), "{\"accepted\":%zu,\"duplicates\":%zu}\n",
		       delivery->n_accepted, delivery->n_duplicate);
	http_answer(request->exchange, 202, "application/json",
		    (struct heed_str){text, (size_t)len}, NULL, 0);
}

static void
forward(void *arg, struct http_exchange *exchange)
{
	struct http_source *http = arg;
	struct request *request = exchange->context;
	int64_t retry_after_ms = 1000;
	int r = source_deliver(&http->source, request->events, request->n,
			       (struct heed_str){NULL, 0}, delivered, request, &retry_after_ms);

	if (r == HEED_E_BUSY)
		answer_busy(exchange, retry_after_ms);
	else if (r < 0)
		http_problem(exchange, 503, "Not stored", "%s", heed_code_text(r));
}

static int
start(struct source *source, struct heed_str position, struct heed_error *error)
{
	struct http_source *http = (struct http_source *)source;
	char *listen = mem_copy(http->listen.data, http->listen.len);
	struct http_server_options settings = {
		.listen = listen,
		.body_max = (size_t)http->body_max,
		.receive = receive,
		.forward = forward,
		.arg = http,
	};
	int r = listen == NULL ? error_nomem(error)
			       : http_server_new(source->loop, &settings, &http->server, error);

	if (r == 0)
		fprintf(stderr, "source %.*s: http on port %d\n", STR_ARG(source->name),
			http_server_port(http->server));
	mem_free(listen);
	return r;
}

static void
stop(struct source *source)
{
	struct http_source *http = (struct http_source *)source;

	http_server_free(http->server);
	http->server = NULL;
}

const struct source_kind source_http = {
	.name = "http",
	.help = "CloudEvents over HTTP: structured, binary and batched",
	.options = options,
	.size = sizeof(struct http_source),
	.start = start,
	.stop = stop,
};
