/*
 * router.c - see router.h.
 *
 * The token, the route and the body are seen to on the server's thread; only what is to
 * be answered by a function reaches the loop.
 */
#include "service/router.h"

#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/mem.h"

#define BODY_MAX ((size_t)64 * 1024 * 1024) /* of an answer */

struct router {
	struct router_options options;
	char *bearer; /* the options' */
	struct http_server *server;
};

/* What `receive` found, for `forward`. */
struct routed {
	struct call call;
	const struct route *route;
};

/* ---- answers ----------------------------------------------------------------------- */

void
call_answer(struct call *call, int status, struct heed_json value)
{
	struct heed_buf body;

	buf_init(&body, BODY_MAX);
	json_write(&body, value, JSON_COMPACT);
	buf_addc(&body, '\n');
	http_answer(call->exchange, buf_error(&body) == 0 ? status : 500,
	            "application/json", buf_str(&body), NULL, 0);
	buf_done(&body);
}

static int
status_of(int code)
{
	switch (code) {
	case HEED_E_INVALID:
	case HEED_E_CONFIG:
		return 400;
	case HEED_E_NOTFOUND:
		return 404;
	case HEED_E_CONFLICT:
	case HEED_E_EXISTS:
		return 409;
	case HEED_E_BUSY:
		return 429;
	default:
		return 500;
	}
}

static const char *
title_of(int status)
{
	return status == 400   ? "Not valid"
	       : status == 404 ? "Not found"
	       : status == 409 ? "Conflict"
	       : status == 429 ? "Busy"
	                       : "Failed";
}

static void
answer_problem(struct http_exchange *exchange, int status, const struct heed_error *error)
{
	struct heed_buf body;

	buf_init(&body, 0);
	buf_addf(&body, "{\"title\":\"%s\",\"status\":%d,\"code\":%d,\"detail\":",
	         title_of(status), status, error->code);
	json_write_string(&body, str_of(error->text));
	buf_adds(&body, ",\"hint\":");
	json_write_string(&body, str_of(error->hint));
	buf_adds(&body, "}\n");
	http_answer(exchange, status, "application/problem+json", buf_str(&body), NULL,
	            0);
	buf_done(&body);
}

void
call_problem(struct call *call, const struct heed_error *error)
{
	answer_problem(call->exchange, status_of(error->code), error);
}

struct heed_str
call_header(const struct call *call, const char *name)
{
	return http_header_find(call->exchange->headers, call->exchange->n_headers, name);
}

/* ---- requests ---------------------------------------------------------------------- */

static bool
fits(const struct route *route, const struct http_exchange *exchange)
{
	size_t len = strlen(route->path);

	return str_starts(exchange->path, route->path) &&
	       (route->path[len - 1] == '/' || exchange->path.len == len);
}

/* Zero; HEED_E_NOTFOUND or, when only the method does not fit, HEED_E_UNSUPPORTED. */
static int
find_route(const struct router_options *options, const struct http_exchange *exchange,
           const struct route **ret_route)
{
	int r = HEED_E_NOTFOUND;
	size_t i;

	for (i = 0; i < options->n_routes; i++) {
		const struct route *route = &options->routes[i];

		if (!fits(route, exchange))
			continue;
		if (str_is(exchange->method, route->method)) {
			*ret_route = route;
			return 0;
		}
		r = HEED_E_UNSUPPORTED;
	}
	return r;
}

static bool
is_allowed(const struct router_options *options, const struct http_exchange *exchange)
{
	struct heed_str shown =
		http_header_find(exchange->headers, exchange->n_headers, "authorization");

	if (options->bearer.len == 0)
		return true;
	if (!str_starts_nocase(shown, "bearer "))
		return false;
	shown = str_trim(str_from(shown, 7));
	return shown.len == options->bearer.len &&
	       id_equal(shown.data, options->bearer.data, shown.len);
}

static void
refuse_sender(struct http_exchange *exchange)
{
	static const struct http_header header = {{"www-authenticate", 16},
	                                          {"Bearer", 6}};

	http_answer_problem(exchange, 401, "Not allowed",
	                    HEED_STR("show the token as \"Authorization: Bearer TOKEN\""),
	                    &header, 1);
}

static int
read_body(struct call *call, struct heed_error *error)
{
	struct http_exchange *exchange = call->exchange;
	int r;

	call->body = json_null();
	if (exchange->body.len == 0)
		return 0;
	r = json_parse(&exchange->arena, exchange->body, &call->body, error);
	if (r < 0)
		error_prefix(error, "the request's body");
	return r;
}

static enum http_verdict
refuse_path(struct http_exchange *exchange, int code)
{
	http_problem(exchange, code == HEED_E_NOTFOUND ? 404 : 405,
	             code == HEED_E_NOTFOUND ? "Not found" : "Method not allowed",
	             "there is no %.*s %.*s here", STR_ARG(exchange->method),
	             STR_ARG(str_head_utf8(exchange->path, 200)));
	return HTTP_ANSWERED;
}

static enum http_verdict
receive(void *arg, struct http_exchange *exchange)
{
	struct router *router = arg;
	struct routed *routed = ARENA_NEW(&exchange->arena, struct routed);
	struct heed_error error = {0};
	int r;

	if (routed == NULL) {
		http_problem(exchange, 503, "Unavailable", "out of memory");
		return HTTP_ANSWERED;
	}
	routed->call.service = router->options.service;
	routed->call.exchange = exchange;
	r = find_route(&router->options, exchange, &routed->route);
	if (!(r == 0 && routed->route->open) && !is_allowed(&router->options, exchange)) {
		refuse_sender(exchange);
		return HTTP_ANSWERED;
	}
	if (r < 0)
		return refuse_path(exchange, r);
	routed->call.rest = str_from(exchange->path, strlen(routed->route->path));
	if (read_body(&routed->call, &error) < 0) {
		answer_problem(exchange, status_of(error.code), &error);
		return HTTP_ANSWERED;
	}
	exchange->context = routed;
	return HTTP_FORWARD;
}

static void
forward(void *arg, struct http_exchange *exchange)
{
	struct routed *routed = exchange->context;
	struct heed_error error = {0};
	int r = routed->route->fn(&routed->call, &error);

	(void)arg;
	if (r == HEED_E_NOMEM)
		(void)error_nomem(&error);
	if (r < 0)
		call_problem(&routed->call, &error);
}

/* ---- its life ---------------------------------------------------------------------- */

int
router_open(const struct router_options *options, struct router **ret_router,
            struct heed_error *error)
{
	struct router *router = mem_new(sizeof(*router));
	struct http_server_options settings = {
		.listen = options->listen,
		.body_max = options->body_max,
		.connections_max = options->connections_max,
		.receive = receive,
		.forward = forward,
		.arg = router,
	};
	int r;

	if (router == NULL)
		return error_nomem(error);
	router->options = *options;
	router->bearer = mem_copy(options->bearer.data, options->bearer.len);
	router->options.bearer.data = router->bearer;
	r = router->bearer == NULL
	            ? error_nomem(error)
	            : http_server_new(options->loop, &settings, &router->server, error);
	if (r < 0) {
		router_close(router);
		return r;
	}
	*ret_router = router;
	return 0;
}

int
router_port(const struct router *router)
{
	return http_server_port(router->server);
}

void
router_close(struct router *router)
{
	if (router == NULL)
		return;
	http_server_free(router->server);
	mem_free(router->bearer);
	mem_free(router);
}
