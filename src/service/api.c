/*
 * api.c - see api.h: which ones there are, their states and events. Commands are in
 * api_command.c, the feed in api_feed.c.
 */
#include "service/api.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/api_local.h"
#include "service/decide.h"
#include "service/saga_call.h"

#define BODY_MAX ((size_t)1024 * 1024)
#define ANSWER_MAX                                                                       \
	((size_t)8 * 1024 *                                                              \
	 1024) /* of a list; what is left has a next page             \
	                           */
#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000

/* ---- small things ------------------------------------------------------------------ */

void
api_answer_text(struct call *call, int status, const struct heed_buf *text,
                const struct http_header *headers, size_t n_headers)
{
	if (buf_error(text) != 0) {
		http_problem(call->exchange, 500, "Too large", "the answer is too large");
		return;
	}
	http_answer(call->exchange, status, "application/json", buf_str(text), headers,
	            n_headers);
}

int
api_query_number(struct call *call, const char *name, int64_t min, int64_t fallback,
                 int64_t *ret_number, struct heed_error *error)
{
	struct heed_str text = http_query(call->exchange, name);

	*ret_number = fallback;
	if (text.len == 0 || (str_to_i64(text, ret_number) == 0 && *ret_number >= min))
		return 0;
	return error_set(error, HEED_E_INVALID, "%s: expected a number from %lld on",
	                 name, (long long)min);
}

void
api_write_event(struct heed_buf *buf, const struct store_event *event)
{
	/* The body is an object that is not empty. */
	buf_add(buf, str_head(event->body, event->body.len - 1));
	buf_addf(buf, ",\"position\":%lld}", (long long)event->position);
}

static int
suggest_entity(struct api *api, struct heed_str name, struct heed_error *error)
{
	const struct app *app = api->service->app;
	const char *names[64];
	const char *near;
	size_t n = 0;
	size_t i;

	for (i = 0; i < app->n_definitions && n < 64; i++)
		if (strcmp(app->definitions[i]->kind->name, ENTITY_FLOW) == 0)
			names[n++] = app->definitions[i]->name.data;
	name = str_head_utf8(name, 100);
	near = error_nearest(name, names, n);
	(void)error_set(error, HEED_E_NOTFOUND, "there is no entity \"%.*s\"",
	                STR_ARG(name));
	if (near != NULL)
		error_hint(error, "did you mean \"%s\"?", near);
	return HEED_E_NOTFOUND;
}

int
api_find_entity(struct api *api, struct heed_str name,
                const struct definition **ret_definition, struct heed_error *error)
{
	const struct definition *definition =
		engine_definition(api->service->engine, HEED_STR(ENTITY_FLOW), name);

	if (definition == NULL)
		return suggest_entity(api, name, error);
	*ret_definition = definition;
	return 0;
}

/* ---- calls that wait --------------------------------------------------------------- */

static void
pending_free(struct pending *pending)
{
	if (pending->call != NULL)
		LIST_REMOVE(pending, link);
	generation_unref(pending->generation);
	buf_done(&pending->out);
	arena_done(&pending->arena);
	mem_free(pending);
}

static struct pending *
pending_new(struct api *api, struct call *call, const struct definition *definition,
            struct heed_str id)
{
	struct pending *pending = mem_new(sizeof(*pending));

	if (pending == NULL)
		return NULL;
	arena_init(&pending->arena, 512);
	buf_init(&pending->out, ANSWER_MAX + EVENT_SIZE_MAX * 2);
	pending->api = api;
	pending->call = call;
	pending->entity = arena_str(&pending->arena, definition->name);
	pending->id = arena_str(&pending->arena, id);
	pending->generation = definition->generation;
	generation_ref(pending->generation);
	LIST_INSERT_HEAD(&api->pending, pending, link);
	if (pending->entity.data != NULL && pending->id.data != NULL)
		return pending;
	pending_free(pending);
	return NULL;
}

static void
give_up_pending(struct api *api)
{
	struct pending *pending;

	while ((pending = LIST_FIRST(&api->pending)) != NULL) {
		LIST_REMOVE(pending, link);
		pending->call = NULL;
		if (pending->load == NULL)
			continue;
		streams_cancel(pending->load);
		pending_free(pending);
	}
}

/* A read of the store has filled `out`. */
static void
looked(void *arg, int code, const struct heed_error *error)
{
	struct pending *pending = arg;

	if (pending->call != NULL && code < 0)
		call_problem(pending->call, error);
	else if (pending->call != NULL)
		api_answer_text(pending->call, 200, &pending->out, NULL, 0);
	pending_free(pending);
}

static int
look(struct pending *pending, store_look_fn *fn)
{
	int r = store_read(pending->api->service->store, fn, looked, pending);

	if (r < 0)
		pending_free(pending);
	return r;
}

/* ---- which ones -------------------------------------------------------------------- */

static int
write_one(void *arg, struct heed_str stream, int64_t version)
{
	struct pending *pending = arg;
	struct heed_str id = str_from(stream, pending->entity.len + 1);

	if (pending->limit-- == 0) { /* there are more */
		pending->from = 1;
		return 0;
	}
	buf_adds(&pending->out, pending->after.data == NULL ? "" : ",");
	buf_adds(&pending->out, "{\"id\":");
	json_write_string(&pending->out, id);
	buf_addf(&pending->out, ",\"version\":%lld}", (long long)version);
	pending->after = arena_str(&pending->arena, id);
	return 0;
}

static int
look_at_all(struct store *store, void *arg, struct heed_error *error)
{
	struct pending *pending = arg;
	struct heed_str prefix =
		arena_printf(&pending->arena, "%.*s/", STR_ARG(pending->entity));
	struct heed_str after = {NULL, 0};

	if (pending->after.len > 0)
		after = arena_printf(&pending->arena, "%.*s%.*s", STR_ARG(prefix),
		                     STR_ARG(pending->after));
	pending->after = (struct heed_str){NULL, 0};
	pending->from = 0;
	buf_adds(&pending->out, "{\"items\":[");
	HEED_TRY(store_read_streams(store, prefix, after, pending->limit + 1, write_one,
	                            pending, error));
	buf_adds(&pending->out, "]");
	if (pending->from == 1) {
		buf_adds(&pending->out, ",\"next\":");
		json_write_string(&pending->out, pending->after);
	}
	buf_adds(&pending->out, "}\n");
	return 0;
}

static int
list(struct api *api, struct call *call, const struct definition *definition,
     struct heed_error *error)
{
	struct pending *pending;
	int64_t limit;

	HEED_TRY(api_query_number(call, "limit", 1, LIMIT_DEFAULT, &limit, error));
	pending = pending_new(api, call, definition, HEED_STR(""));
	if (pending == NULL)
		return HEED_E_NOMEM;
	pending->limit = limit > LIMIT_MAX ? LIMIT_MAX : limit;
	pending->after = arena_str(&pending->arena, http_query(call->exchange, "after"));
	return look(pending, look_at_all);
}

/* ---- events of one ----------------------------------------------------------------- */

static int
write_event(void *arg, const struct store_event *event)
{
	struct pending *pending = arg;

	if (pending->limit-- == 0 || pending->out.len > ANSWER_MAX) {
		pending->from = event->version;
		return 1;
	}
	if (pending->from > 0)
		buf_addc(&pending->out, ',');
	pending->from = 1;
	api_write_event(&pending->out, event);
	return 0;
}

static int
look_at_events(struct store *store, void *arg, struct heed_error *error)
{
	struct pending *pending = arg;
	int64_t from = pending->from;
	struct heed_str stream =
		entity_stream(&pending->arena, pending->entity, pending->id);
	int r;

	if (stream.data == NULL)
		return error_nomem(error);
	pending->from = 0;
	buf_adds(&pending->out, "{\"items\":[");
	r = store_read_stream(store, stream, from, pending->limit + 1, write_event,
	                      pending, error);
	if (r < 0)
		return r;
	if (pending->from == 0 && from == 1)
		return error_set(error, HEED_E_NOTFOUND, "there is no %.*s \"%.*s\"",
		                 STR_ARG(pending->entity), STR_ARG(pending->id));
	buf_adds(&pending->out, "]");
	if (r == 1)
		buf_addf(&pending->out, ",\"next\":%lld", (long long)pending->from);
	buf_adds(&pending->out, "}\n");
	return 0;
}

static int
events(struct api *api, struct call *call, const struct definition *definition,
       struct heed_str id, struct heed_error *error)
{
	struct pending *pending;
	int64_t from, limit;

	HEED_TRY(api_query_number(call, "from", 1, 1, &from, error));
	HEED_TRY(api_query_number(call, "limit", 1, LIMIT_DEFAULT, &limit, error));
	pending = pending_new(api, call, definition, id);
	if (pending == NULL)
		return HEED_E_NOMEM;
	pending->from = from;
	pending->limit = limit > LIMIT_MAX ? LIMIT_MAX : limit;
	return look(pending, look_at_events);
}

/* ---- the state of one -------------------------------------------------------------- */

static void
answer_state(struct call *call, struct heed_str entity, struct heed_str id,
             const struct stream_state *state)
{
	char tag[32];
	struct http_header header = {HEED_STR("etag"), {tag, 0}};
	struct heed_buf out;

	header.value.len =
		(size_t)snprintf(tag, sizeof(tag), "\"%lld\"", (long long)state->version);
	if (str_eq(call_header(call, "if-none-match"), header.value)) {
		http_answer(call->exchange, 304, NULL, HEED_STR(""), &header, 1);
		return;
	}
	buf_init(&out, FOLD_STATE_MAX * 2);
	buf_adds(&out, "{\"entity\":");
	json_write_string(&out, entity);
	buf_adds(&out, ",\"id\":");
	json_write_string(&out, id);
	buf_addf(&out, ",\"version\":%lld,\"state\":", (long long)state->version);
	json_write(&out, state->state, JSON_COMPACT);
	buf_adds(&out, "}\n");
	api_answer_text(call, 200, &out, &header, 1);
	buf_done(&out);
}

static int
no_state(const struct pending *pending, int64_t version, struct heed_error *error)
{
	if (version == 0)
		return error_set(error, HEED_E_NOTFOUND, "there is no %.*s \"%.*s\"%s",
		                 STR_ARG(pending->entity), STR_ARG(pending->id),
		                 pending->from != INT64_MAX ? " at that time" : "");
	return error_set(error, HEED_E_NOTFOUND, "%.*s \"%.*s\" is at version %lld only",
	                 STR_ARG(pending->entity), STR_ARG(pending->id),
	                 (long long)version);
}

static void
loaded(void *arg, int code, struct stream_state *state, const struct heed_error *error)
{
	struct pending *pending = arg;
	struct heed_error missing = {0};

	/* `from` is the version that was asked for, or INT64_MAX, or 0 for a time. */
	if (code == 0 && (state->version == 0 || (pending->from > state->version &&
	                                          pending->from != INT64_MAX))) {
		code = no_state(pending, state->version, &missing);
		error = &missing;
	}
	if (code < 0)
		call_problem(pending->call, error);
	else
		answer_state(pending->call, pending->entity, pending->id, state);
	stream_state_unref(state);
	pending_free(pending);
}

/* ?at=VERSION or ?at=TIME. */
static int
read_until(struct call *call, struct fold_until *ret_until, struct heed_error *error)
{
	struct heed_str at = http_query(call->exchange, "at");
	struct fold_until until = FOLD_NEWEST;

	if (at.len > 0 && str_to_i64(at, &until.version) < 0 &&
	    clock_parse(at, &until.time_us) < 0)
		return error_set(error, HEED_E_INVALID,
		                 "at: expected a version, or a time such as "
		                 "2026-11-24T09:30:00Z");
	if (until.version < 1)
		return error_set(error, HEED_E_INVALID, "at: versions begin at 1");
	*ret_until = until;
	return 0;
}

static int
state(struct api *api, struct call *call, const struct definition *definition,
      struct heed_str id, struct heed_error *error)
{
	struct streams *streams = engine_streams(api->service->engine);
	struct heed_str stream =
		entity_stream(&call->exchange->arena, definition->name, id);
	struct stream_state *found = NULL;
	struct fold_until until;
	struct pending *pending;
	int r;

	HEED_TRY(read_until(call, &until, error));
	if (stream.data == NULL)
		return HEED_E_NOMEM;
	if (http_query(call->exchange, "at").len == 0)
		found = streams_find(streams, stream, entity_fold(definition));
	if (found != NULL && found->version > 0) {
		answer_state(call, definition->name, id, found);
		stream_state_unref(found);
		return 0;
	}
	stream_state_unref(found);
	pending = pending_new(api, call, definition, id);
	if (pending == NULL)
		return HEED_E_NOMEM;
	pending->from = until.time_us != INT64_MAX ? 0 : until.version;
	r = streams_load(streams, stream, entity_fold(definition), until, loaded, pending,
	                 &pending->load);
	if (r < 0)
		pending_free(pending);
	return r;
}

/* ---- routes ------------------------------------------------------------------------ */

static int
get_entity(struct call *call, struct heed_error *error)
{
	struct api *api = call->service->api;
	struct heed_str rest = call->rest;
	struct heed_str name = str_cut(&rest, '/');
	const struct definition *definition = NULL;

	HEED_TRY(api_find_entity(api, name, &definition, error));
	if (rest.len == 0)
		return list(api, call, definition, error);
	if (str_ends(rest, "/events"))
		return events(api, call, definition, str_head(rest, rest.len - 7), error);
	return state(api, call, definition, rest, error);
}

/* The last part is the command; an id may hold slashes. */
static int
post_command(struct call *call, struct heed_error *error)
{
	struct api *api = call->service->api;
	struct heed_str rest = call->rest;
	struct heed_str name = str_cut(&rest, '/');
	const struct definition *definition = NULL;
	size_t slash = rest.len;

	HEED_TRY(api_find_entity(api, name, &definition, error));
	while (slash > 0 && rest.data[slash - 1] != '/')
		slash--;
	if (slash < 2)
		return error_set(error, HEED_E_NOTFOUND,
		                 "a command is sent to /entities/%.*s/ID/COMMAND",
		                 STR_ARG(name));
	return api_command(api, call, definition, str_head(rest, slash - 1),
	                   str_from(rest, slash), error);
}

static int
get_feed(struct call *call, struct heed_error *error)
{
	return api_feed(call->service->api, call, error);
}

static const struct route routes[] = {
	{"GET", "/entities/", get_entity},
	{"POST", "/entities/", post_command},
	{"GET", "/feed", get_feed},
	{"POST", "/sagas/", saga_call},
	{"GET", "/decide/", decide_page, .open = true},
	{"POST", "/decide/", decide_press, .open = true},
};

/* ---- its life ---------------------------------------------------------------------- */

int
api_open(struct service *service, struct api **ret_api, struct heed_error *error)
{
	const struct app_api *settings = &service->app->api;
	struct api *api;
	struct router_options options = {
		.loop = service->loop,
		.service = service,
		.listen = settings->listen.data, /* NUL-terminated, as all of a file */
		.body_max = BODY_MAX,
		.routes = routes,
		.n_routes = sizeof(routes) / sizeof(routes[0]),
		.bearer = settings->bearer,
	};
	char line[320];
	int r;

	*ret_api = NULL;
	if (settings->listen.len == 0)
		return 0;
	api = mem_new(sizeof(*api));
	if (api == NULL)
		return error_nomem(error);
	api->service = service;
	LIST_INIT(&api->pending);
	LIST_INIT(&api->feeds);
	r = router_open(&options, &api->router, error);
	if (r < 0) {
		error_prefix(error, "api");
		mem_free(api);
		return r;
	}
	(void)snprintf(line, sizeof(line), "api: on port %d", router_port(api->router));
	log_write(LOG_INFO, line, NULL, 0);
	*ret_api = api;
	return 0;
}

void
api_close(struct api *api)
{
	if (api == NULL)
		return;
	give_up_pending(api);
	waiting_give_up(api);
	feeds_give_up(api);
	router_close(api->router);
	mem_free(api);
}

void
api_run_appended(struct api *api, const struct run *run)
{
	if (api == NULL)
		return;
	feeds_wake(api);
	api_run_ended(api, run);
}
