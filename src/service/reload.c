/*
 * reload.c - see reload.h. Every step that can fail comes before the first that cannot be
 * taken back.
 */
#include "service/reload.h"

#include "base/error.h"
#include "base/json.h"
#include "base/json_diff.h"
#include "base/log.h"
#include "service/admin.h"
#include "service/local.h"

/* ---- what changes ------------------------------------------------------------------ */

static int
add_change(void *arg, struct heed_str path, const struct heed_json *was,
           const struct heed_json *is)
{
	struct json_build *changes = arg;
	struct json_build build;
	struct heed_json change;

	json_object(&build, changes->arena);
	json_set_cstr(&build, "path", json_str(path));
	if (was != NULL)
		json_set_cstr(&build, "was", *was);
	if (is != NULL)
		json_set_cstr(&build, "is", *is);
	HEED_TRY(json_build_end(&build, &change));
	json_push(changes, change);
	return 0;
}

/* With ${...} as written: secrets are never shown. */
static int
find_changes(const struct app *was, const struct app *is, struct arena *arena,
             struct heed_json *ret_changes)
{
	struct heed_json before, after, copy;
	struct json_build changes;

	json_array(&changes, arena);
	HEED_TRY(app_show(was, arena, &before));
	HEED_TRY(app_show(is, arena, &after));
	HEED_TRY(json_diff(arena, before, after, add_change, &changes));
	HEED_TRY(json_build_end(&changes, &copy));
	return json_copy(arena, copy, ret_changes); /* the trees are the apps' */
}

static int
needs_restart(const char *what, struct heed_error *error)
{
	(void)error_set(error, HEED_E_CONFLICT, "%s cannot change while heed runs", what);
	error_hint(error, "stop it and start it again, or take the change back");
	return HEED_E_CONFLICT;
}

static int
check_fixed(const struct app *was, const struct app *is, struct heed_error *error)
{
	if (!str_eq(was->store, is->store))
		return needs_restart("store", error);
	if (!str_eq(was->name, is->name))
		return needs_restart("name", error);
	if (!str_eq(was->admin.socket, is->admin.socket))
		return needs_restart("admin.socket", error);
	if (!str_eq(was->api.listen, is->api.listen) ||
	    !str_eq(was->api.bearer, is->api.bearer))
		return needs_restart("api", error);
	if (was->log.form != is->log.form)
		return needs_restart("log.form", error);
	if (!str_eq(was->observe.metrics.listen, is->observe.metrics.listen))
		return needs_restart("observe.metrics.listen", error);
	return 0;
}

/* ---- applying ---------------------------------------------------------------------- */

static int
apply(struct service *service, struct app *app, struct sources_change *ret_sources,
      struct heed_error *error)
{
	struct app *old = service->app;
	int r;

	HEED_TRY(gateway_add(service->gateway, app->models.items, app->models.n, error));
	app->retired = service_retire;
	app->retired_arg = service;
	r = sources_set(&service->sources, app, ret_sources, error);
	if (r < 0) {
		gateway_renew(old->models.items, old->models.n);
		return r;
	}
	r = service_configure(service, app, error);
	if (r == HEED_E_NOMEM) {
		struct sources_change back;
		struct heed_error lost = {0};

		if (sources_set(&service->sources, old, &back, &lost) < 0)
			log_failure(LOG_ERROR, "sources are as in the new configuration",
			            &lost);
		gateway_renew(old->models.items, old->models.n);
		(void)service_configure(service, old, &lost);
		return r;
	}
	if (r < 0) /* it is in force; dead letters that block, or sums, are not known */
		log_failure(LOG_ERROR, "after the reload the store could not be read",
		            error);
	log_setup((enum log_level)app->log.level, log_form());
	service->app = app;
	generation_ref(&app->generation);
	generation_unref(&old->generation);
	return 0;
}

static int
report(struct heed_json changes, bool applied, const struct sources_change *sources,
       struct arena *arena, struct heed_json *ret_report)
{
	struct json_build build, counts;
	struct heed_json value;

	json_object(&build, arena);
	json_set_cstr(&build, "applied", json_bool(applied));
	json_set_cstr(&build, "changes", changes);
	if (applied) {
		json_object(&counts, arena);
		json_set_cstr(&counts, "kept", json_int((int64_t)sources->kept));
		json_set_cstr(&counts, "started", json_int((int64_t)sources->started));
		json_set_cstr(&counts, "stopped", json_int((int64_t)sources->stopped));
		HEED_TRY(json_build_end(&counts, &value));
		json_set_cstr(&build, "sources", value);
	}
	return json_build_end(&build, ret_report);
}

static int
report_problems(const struct app *app, struct arena *arena, struct heed_json *ret_report)
{
	struct json_build build, list;
	struct heed_json problems;
	struct heed_str text;
	struct heed_buf buf;

	buf_init(&buf, 0);
	app_write_problems(app, &buf);
	text = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	json_array(&list, arena);
	while (text.len > 0)
		json_push(&list, json_str(str_cut(&text, '\n')));
	HEED_TRY(json_build_end(&list, &problems));
	json_object(&build, arena);
	json_set_cstr(&build, "applied", json_bool(false));
	json_set_cstr(&build, "problems", problems);
	return json_build_end(&build, ret_report);
}

static int
take_up(struct service *service, struct app *app, enum reload_how how,
        struct arena *arena, struct heed_json *ret_report, struct heed_error *error)
{
	struct sources_change sources = {0};
	struct heed_json changes;

	if (find_changes(service->app, app, arena, &changes) < 0)
		return error_nomem(error);
	HEED_TRY(check_fixed(service->app, app, error));
	if (how == RELOAD_APPLY)
		HEED_TRY(apply(service, app, &sources, error));
	/* Without memory for the report it is applied all the same. */
	if (report(changes, how == RELOAD_APPLY, &sources, arena, ret_report) < 0)
		*ret_report = json_null();
	return 0;
}

int
reload(struct service *service, enum reload_how how, struct arena *arena,
       struct heed_json *ret_report, struct heed_error *error)
{
	struct app *app;
	int r;

	if (service->stopping)
		return error_set(error, HEED_E_CONFLICT, "heed is stopping");
	r = app_open(service->app->bind.kinds, service->app->path, &app, error);
	if (r < 0 && r != HEED_E_CONFIG)
		return r;
	if (r == 0)
		r = take_up(service, app, how, arena, ret_report, error);
	else if (report_problems(app, arena, ret_report) < 0)
		r = error_nomem(error);
	else
		r = 0;
	generation_unref(&app->generation);
	return r;
}

/* ---- how it is asked for ----------------------------------------------------------- */

static void
log_report(struct heed_json report)
{
	const struct heed_json *list = json_get(report, "problems");
	uint32_t i;

	for (i = 0; list != NULL && i < list->len; i++)
		log_event(LOG_ERROR, "not reloaded",
		          LOG_S("problem", json_text(list->items[i])));
	list = json_get(report, "changes");
	if (json_get_bool(report, "applied", false) && list != NULL)
		log_event(LOG_INFO, "reloaded", LOG_N("changes", list->len));
}

void
reload_signal(void *arg)
{
	struct heed_error error = {0};
	struct heed_json value;
	struct arena arena;

	arena_init(&arena, 0);
	if (reload(arg, RELOAD_APPLY, &arena, &value, &error) < 0)
		log_failure(LOG_ERROR, "not reloaded", &error);
	else
		log_report(value);
	arena_done(&arena);
}

int
admin_reload(struct call *call, struct heed_error *error)
{
	enum reload_how how =
		json_get_bool(call->body, "look", false) ? RELOAD_LOOK : RELOAD_APPLY;
	struct heed_json value;

	HEED_TRY(reload(call->service, how, &call->exchange->arena, &value, error));
	if (how == RELOAD_APPLY)
		log_report(value);
	call_answer(call, 200, value);
	return 0;
}
