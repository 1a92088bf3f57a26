/*
 * admin.c - see admin.h.
 */
#include "service/admin.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "service/local.h"
#include "service/saga_call.h"

#define BODY_MAX ((size_t)64 * 1024 * 1024)

/* clang-format off */
/* The longest that fits comes first. */
static const struct route routes[] = {
	{"GET", "/budgets", admin_budgets},
	{"POST", "/events", admin_send},
	{"DELETE", "/jobs/", admin_cancel_job},
	{"POST", "/jobs", admin_redrive},
	{"POST", "/reload", admin_reload},
	{"POST", "/sagas/", saga_call},
	{"GET", "/status", admin_status},
	{"GET", "/tap", admin_tap},
};
/* clang-format on */

int
admin_open(struct service *service, const char *path, struct router **ret_router,
           struct heed_error *error)
{
	struct heed_str listen = arena_printf(&service->app->arena, "unix:%s", path);
	struct router_options options = {
		.loop = service->loop,
		.service = service,
		.listen = listen.data,
		.body_max = BODY_MAX,
		.connections_max = 64,
		.routes = routes,
		.n_routes = sizeof(routes) / sizeof(routes[0]),
	};

	return listen.data == NULL ? error_nomem(error)
	                           : router_open(&options, ret_router, error);
}

/* ---- GET /status ------------------------------------------------------------------- */

int
admin_status(struct call *call, struct heed_error *error)
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
	call_answer(call, 200, value);
	return 0;
}
