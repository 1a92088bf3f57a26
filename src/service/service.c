/*
 * service.c - see service.h.
 */
#include "service/service.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/admin.h"
#include "service/decide.h"
#include "service/api.h"
#include "service/live.h"
#include "service/local.h"
#include "service/reload.h"
#include "service/tap.h"

/* A relative path is relative to the configuration's folder. */
static int
beside_config(struct app *app, const char *prefix, struct heed_str path,
              struct heed_str *ret_path)
{
	const char *slash = strrchr(app->path, '/');
	int folder = slash != NULL && !str_starts(path, "/")
	                     ? (int)(slash - app->path) + 1
	                     : 0;

	*ret_path = arena_printf(&app->arena, "%s%.*s%.*s", prefix, folder, app->path,
	                         STR_ARG(path));
	return ret_path->data == NULL ? HEED_E_NOMEM : 0;
}

int
service_store_place(struct app *app, struct heed_str *ret_place)
{
	*ret_place = app->store;
	if (!str_starts(app->store, "sqlite:"))
		return 0;
	return beside_config(app, "sqlite:", str_from(app->store, 7), ret_place);
}

int
service_admin_place(struct app *app, struct heed_str *ret_path)
{
	struct heed_str path;

	if (str_is(app->admin.socket, "none")) {
		*ret_path = HEED_STR("");
		return 0;
	}
	if (app->admin.socket.len > 0)
		return beside_config(app, "", app->admin.socket, ret_path);
	HEED_TRY(service_store_place(app, &path));
	*ret_path = str_starts(path, "sqlite:")
	                    ? arena_printf(&app->arena, "%.*s.sock",
	                                   STR_ARG(str_from(path, 7)))
	                    : arena_printf(&app->arena, "%s.sock", app->path);
	return ret_path->data == NULL ? HEED_E_NOMEM : 0;
}

static const struct model *
find_model(void *arg, struct heed_str name)
{
	return app_model(((struct service *)arg)->app, name);
}

static const struct redact_rules *
find_redact(void *arg)
{
	return &((struct service *)arg)->app->redact;
}

static int
revive(void *arg, struct heed_str flow, struct heed_str name, struct heed_str text,
       struct definition **ret_definition, struct heed_error *error)
{
	const struct service *service = arg;

	return app_revive(service->app->bind.kinds, flow, name, text, ret_definition,
	                  error);
}

/* To those who follow; false when only the log is left to tell. */
static bool
show(struct service *service, struct heed_json record)
{
	if (tap_wants(service->tap))
		tap_add(service->tap, record);
	if (service->live == NULL)
		return false;
	service->live(service->live_arg, record);
	return true;
}

static bool
is_followed(const struct service *service)
{
	return service->live != NULL || tap_wants(service->tap);
}

static void
arrived(void *arg, const struct arrival *arrival)
{
	struct service *service = arg;
	struct arena arena;

	metrics_arrived(service->metrics, arrival);
	traces_arrived(service->traces, arrival, loop_wall_us(service->loop));
	if (!is_followed(service))
		return;
	arena_init(&arena, 0);
	(void)show(service, live_event(&arena, loop_wall_us(service->loop), arrival));
	arena_done(&arena);
}

/* One line an outcome. */
static void
log_run(const struct run *run)
{
	struct run_view view;
	struct heed_buf answer;

	run_view(run, &view);
	buf_init(&answer, 2048);
	json_write(&answer, view.answer, JSON_COMPACT);
	log_event(view.class.len > 0 ? LOG_WARN : LOG_INFO, "run", LOG_N("id", view.id),
	          LOG_S("state", str_of(view.state)), LOG_S("reaction", view.name),
	          LOG_S("type", view.event->type), LOG_S("event", view.event->id),
	          LOG_S("answer", buf_str(&answer)), LOG_S("model", view.model),
	          LOG_S("class", view.class), LOG_S("text", view.text),
	          LOG_N("tokens", view.input_tokens + view.output_tokens),
	          LOG_N("cost_nano_usd", view.cost_nano), LOG_N("ms", view.elapsed_ms));
	buf_done(&answer);
}

static void
stepped(void *arg, const struct run *run, const struct step_view *step)
{
	metrics_stepped(((struct service *)arg)->metrics, run, step);
}

static void
ended(void *arg, const struct run *run)
{
	struct service *service = arg;
	bool shown = false;
	struct arena arena;

	metrics_ended(service->metrics, run);
	traces_ended(service->traces, run, loop_wall_us(service->loop));
	if (is_followed(service)) {
		arena_init(&arena, 0);
		shown = show(service, live_run(&arena, loop_wall_us(service->loop), run));
		arena_done(&arena);
	}
	if (!shown)
		log_run(run);
	api_run_ended(service->api, run);
}

static void
appended(void *arg, const struct run *run)
{
	struct service *service = arg;

	api_run_appended(service->api, run);
}

static void
stop(void *arg)
{
	loop_stop(((struct service *)arg)->loop);
}

/* Nothing is under way any more: the last spans, then the end. */
static void
drained(void *arg)
{
	struct service *service = arg;

	if (service->traces != NULL)
		traces_flush(service->traces, stop, service);
	else
		stop(service);
}

void
service_stop(void *arg)
{
	struct service *service = arg;

	if (service->stopping) { /* a second signal: now */
		loop_stop(service->loop);
		return;
	}
	service->stopping = true;
	log_event(LOG_INFO, "stopping: what is under way is finished first",
	          LOG_S("name", service->app->name));
	engine_drain(service->engine, drained, service);
}

int
service_configure(struct service *service, struct app *app, struct heed_error *error)
{
	engine_set_limits(service->engine, &app->limits);
	engine_set_retention(service->engine, &app->retention);
	engine_set_world(service->engine, app->connections.items, app->connections.n,
	                 app->folder, &app->generation);
	HEED_TRY(engine_define(service->engine, app->definitions, app->n_definitions,
	                       error));
	return engine_set_budgets(service->engine, app->budgets.items, app->budgets.n,
	                          error);
}

void
service_retire(struct app *app, void *arg)
{
	struct service *service = arg;

	gateway_remove(service->gateway, app->models.items, app->models.n);
}

static int
make_engine(struct service *service, struct heed_error *error)
{
	struct app *app = service->app;
	struct engine_options settings = {
		.loop = service->loop,
		.store = service->store,
		.gateway = service->gateway,
		.http = service->http,
		.name = app->name,
		.limits = app->limits,
		.model = find_model,
		.redact = find_redact,
		.revive = revive,
		.link = decide_link,
		.arrived = arrived,
		.stepped = stepped,
		.watch = ended,
		.appended = appended,
		.arg = service,
	};

	if (engine_new(&settings, &service->engine) < 0)
		return error_nomem(error);
	HEED_TRY(service_configure(service, app, error));
	return engine_start(service->engine, error);
}

/* Where a socket was asked for, it must be there; the one beside the store is worth a
 * warning only: some file systems have none. */
static int
open_admin(struct service *service, struct heed_error *error)
{
	struct app *app = service->app;
	struct heed_str path;
	int r;

	HEED_TRY(service_admin_place(app, &path));
	if (path.len == 0)
		return 0;
	r = admin_open(service, path.data, &service->admin, error);
	if (r == 0 || app->admin.socket.len > 0)
		return r;
	log_failure(LOG_WARN, "no admin socket: commands can't reach this process",
	            error);
	return 0;
}

static int
open_traces(struct service *service, struct heed_error *error)
{
	struct traces_world world = {
		.loop = service->loop,
		.http = service->http,
		.name = service->app->name,
		.model = find_model,
		.arg = service,
	};

	return traces_new(&service->app->observe.traces, &world, &service->traces, error);
}

static const struct option_list *
list_models(void *arg)
{
	return &((struct service *)arg)->app->models;
}

static bool
is_stopping(void *arg)
{
	return ((struct service *)arg)->stopping;
}

static int
open_metrics(struct service *service, struct heed_error *error)
{
	struct metrics_world world = {
		.loop = service->loop,
		.store = service->store,
		.engine = service->engine,
		.traces = service->traces,
		.name = service->app->name,
		.began_us = service->began_us,
		.models = list_models,
		.is_stopping = is_stopping,
		.arg = service,
	};

	return metrics_new(&service->app->observe.metrics, &world, &service->metrics,
	                   error);
}

static int
watch_signals(struct service *service, struct heed_error *error)
{
	if (service->app->embedded)
		return 0;
	/* A bound on the size of files is a full disk, a reader of the log that is gone
	 * no reason to go as well. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (loop_signal(service->loop, SIGTERM, service_stop, service) < 0 ||
	    loop_signal(service->loop, SIGINT, service_stop, service) < 0 ||
	    loop_signal(service->loop, SIGHUP, reload_signal, service) < 0)
		return error_set(error, HEED_E_IO, "cannot watch signals");
	return 0;
}

static int
make(struct service *service, struct heed_error *error)
{
	struct app *app = service->app;
	struct sources_change change;
	struct heed_str place;

	if (loop_new(LOOP_REAL, &service->loop) < 0 ||
	    http_client_new(service->loop, NULL, &service->http) < 0 ||
	    gateway_new(service->loop, service->http, NULL, &service->gateway) < 0 ||
	    service_store_place(app, &place) < 0)
		return error_nomem(error);
	HEED_TRY(gateway_add(service->gateway, app->models.items, app->models.n, error));
	HEED_TRY(store_open(service->loop, place, &service->store, error));
	service->tap = tap_new(service->loop);
	if (service->tap == NULL)
		return error_nomem(error);
	HEED_TRY(open_traces(service, error));
	HEED_TRY(make_engine(service, error));
	HEED_TRY(open_metrics(service, error));
	HEED_TRY(open_admin(service, error));
	HEED_TRY(api_open(service, &service->api, error));
	HEED_TRY(watch_signals(service, error));
	sources_init(&service->sources, service->engine, service->store);
	HEED_TRY(sources_set(&service->sources, app, &change, error));
	if (app->once)
		once_begin(&service->once, service->engine, service->loop, service_stop,
		           service);
	return 0;
}

int
service_open(struct app *app, struct service **ret_service, struct heed_error *error)
{
	struct service *service = mem_new(sizeof(*service));
	int r;

	if (service == NULL)
		return error_nomem(error);
	service->app = service->first = app;
	generation_ref(&app->generation);
	service->began_us = clock_wall_us();
	r = make(service, error);
	if (r < 0) {
		service_close(service);
		return r;
	}
	*ret_service = service;
	return 0;
}

void
service_watch(struct service *service, service_live_fn *fn, void *arg)
{
	service->live = fn;
	service->live_arg = arg;
}

void
service_stand_in(struct service *service, const struct model_stand_in *stand_in)
{
	gateway_stand_in(service->gateway, stand_in);
}

struct loop *
service_loop(const struct service *service)
{
	return service->loop;
}

int
service_send(struct service *service, const struct event *events, size_t n,
             source_done_fn *done, void *arg, int64_t *ret_retry_after_ms)
{
	return engine_send(service->engine, events, n, done, arg, ret_retry_after_ms);
}

bool
service_is_idle(const struct service *service)
{
	return engine_idle(service->engine) && engine_waiting(service->engine) == 0;
}

void
service_run(struct service *service)
{
	log_event(LOG_INFO, "running", LOG_S("name", service->app->name),
	          LOG_S("store", service->app->store),
	          LOG_N("reactions", (int64_t)service->app->n_definitions));
	loop_run(service->loop);
}

/* It may have been stopped in the middle (a second signal): wait for the disk, at least.
 */
static void
abandon(struct service *service)
{
	struct loop_timer look;

	loop_timer_init(&look, drained, service);
	while (service->engine != NULL && engine_abandon(service->engine)) {
		loop_timer_set(service->loop, &look, 1);
		loop_run(service->loop);
	}
}

void
service_close(struct service *service)
{
	if (service == NULL)
		return;
	service->stopping = true; /* a signal may still come */
	once_end(&service->once);
	sources_stop(&service->sources);
	router_close(service->admin);
	api_close(service->api);
	metrics_free(service->metrics);
	service->metrics = NULL;
	abandon(service);
	engine_free(service->engine);
	traces_free(service->traces);
	tap_free(service->tap);
	store_close(service->store);
	if (service->gateway != NULL)
		service_retire(service->first, service);
	generation_unref(&service->app->generation);
	gateway_free(service->gateway);
	http_client_free(service->http);
	loop_free(service->loop);
	mem_free(service);
}
