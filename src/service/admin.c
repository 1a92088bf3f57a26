/*
 * admin.c - see admin.h.
 */
#include "service/admin.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "service/local.h"

#define BODY_MAX ((size_t)64 * 1024 * 1024)

struct admin {
	struct service *service;
	struct http_server *server;
};

struct route {
	const char *method;
	const char *path; /* ends in "/": what follows is call->rest */
	admin_fn *fn;
};

/* clang-format off */
/* The longest that fits comes first. */
static const struct route routes[] = {
	{"GET", "/budgets", admin_budgets},
	{"POST", "/events", admin_send},
	{"DELETE", "/jobs/", admin_cancel_job},
	{"POST", "/jobs", admin_redrive},
	{"POST", "/reload", admin_reload},
	{"POST", "/sagas/", admin_saga},
	{"GET", "/status", admin_status},
	{"GET", "/tap", admin_tap},
};
/* clang-format on */

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

/* ---- answers ----------------------------------------------------------------------- */

void
admin_answer(struct admin_call *call, int status, struct heed_json value)
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

void
admin_problem(struct admin_call *call, const struct heed_error *error)
{
	int status = status_of(error->code);
	struct heed_buf body;

	buf_init(&body, 0);
	buf_addf(&body, "{\"title\":\"%s\",\"status\":%d,\"code\":%d,\"detail\":",
	         heed_code_name(error->code), status, error->code);
	json_write_string(&body, str_of(error->text));
	buf_adds(&body, ",\"hint\":");
	json_write_string(&body, str_of(error->hint));
	buf_adds(&body, "}\n");
	http_answer(call->exchange, status, "application/problem+json", buf_str(&body),
	            NULL, 0);
	buf_done(&body);
}

/* ---- requests ---------------------------------------------------------------------- */

static const struct route *
find_route(const struct http_exchange *exchange, struct heed_str *ret_rest)
{
	size_t i;

	for (i = 0; i < N_ROUTES; i++) {
		size_t len = strlen(routes[i].path);
		bool open = routes[i].path[len - 1] == '/';

		if (!str_is(exchange->method, routes[i].method) ||
		    !str_starts(exchange->path, routes[i].path) ||
		    (!open && exchange->path.len != len))
			continue;
		*ret_rest = str_from(exchange->path, len);
		return &routes[i];
	}
	return NULL;
}

static enum http_verdict
receive(void *arg, struct http_exchange *exchange)
{
	(void)arg;
	(void)exchange;
	return HTTP_FORWARD;
}

static int
perform(struct admin_call *call, struct heed_error *error)
{
	struct http_exchange *exchange = call->exchange;
	const struct route *route = find_route(exchange, &call->rest);

	if (route == NULL)
		return error_set(error, HEED_E_NOTFOUND, "there is no %.*s %.*s here",
		                 STR_ARG(exchange->method), STR_ARG(exchange->path));
	if (exchange->body.len > 0) {
		int r = json_parse(&exchange->arena, exchange->body, &call->body, error);

		if (r < 0) {
			error_prefix(error, "the request's body");
			return r;
		}
	}
	return route->fn(call, error);
}

static void
forward(void *arg, struct http_exchange *exchange)
{
	struct admin *admin = arg;
	struct admin_call *call = ARENA_NEW(&exchange->arena, struct admin_call);
	struct heed_error error = {0};

	if (call == NULL) {
		http_problem(exchange, 503, "Unavailable", "out of memory");
		return;
	}
	call->service = admin->service;
	call->exchange = exchange;
	call->body = json_null();
	if (perform(call, &error) < 0)
		admin_problem(call, &error);
}

int
admin_open(struct service *service, const char *path, struct admin **ret_admin,
           struct heed_error *error)
{
	struct admin *admin = mem_new(sizeof(*admin));
	struct heed_str listen = arena_printf(&service->app->arena, "unix:%s", path);
	struct http_server_options settings = {
		.listen = listen.data,
		.body_max = BODY_MAX,
		.connections_max = 64,
		.receive = receive,
		.forward = forward,
		.arg = admin,
	};
	int r;

	if (admin == NULL || listen.data == NULL) {
		mem_free(admin);
		return error_nomem(error);
	}
	admin->service = service;
	r = http_server_new(service->loop, &settings, &admin->server, error);
	if (r < 0) {
		mem_free(admin);
		return r;
	}
	*ret_admin = admin;
	return 0;
}

void
admin_close(struct admin *admin)
{
	if (admin == NULL)
		return;
	http_server_free(admin->server);
	mem_free(admin);
}

/* ---- GET /status ------------------------------------------------------------------- */

int
admin_status(struct admin_call *call, struct heed_error *error)
{
	struct service *service = call->service;
	struct arena *arena = &call->exchange->arena;
	char place[CLOCK_TEXT_SIZE];
	struct json_build build;
	struct heed_json value;

	json_object(&build, arena);
	json_set_cstr(&build, "version", json_cstr(HEED_VERSION));
	json_set_cstr(&build, "pid", json_int((int64_t)getpid()));
	json_set_cstr(&build, "name", json_str(service->app->name));
	json_set_cstr(&build, "started",
	              json_str(arena_str(arena, clock_text(place, service->began_us))));
	json_set_cstr(&build, "stopping", json_bool(service->stopping));
	if (json_build_end(&build, &value) < 0)
		return error_nomem(error);
	admin_answer(call, 200, value);
	return 0;
}
