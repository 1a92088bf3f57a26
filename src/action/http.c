/*
 * http.c - call an HTTP service. Keyed by default: every attempt carries the same
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), so a service that honours
 * it applies the effect once.
 */
#include "action/kinds.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "config/bind.h"

struct http_action {
	struct action action;
	struct heed_str method;
	struct template *url;
	struct option_pairs headers;
	struct shape *body;
	bool keyed;
};

static const struct option options[] = {
	{.name = "method",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct http_action, method),
         .fallback = "POST",
         .flags = OPTION_NONEMPTY,
         .help = "HTTP method"},
	{.name = "url",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct http_action, url),
         .flags = OPTION_REQUIRED,
         .help = "http or https URL"},
	{.name = "headers",
         .kind = OPTION_HEADERS,
         .offset = offsetof(struct http_action, headers),
         .help = "further headers"},
	{.name = "body",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct http_action, body),
         .help = "JSON body; none when left out"},
	{.name = "keyed",
         .kind = OPTION_BOOL,
         .offset = offsetof(struct http_action, keyed),
         .fallback = "true",
         .help = "the service honours Idempotency-Key, so an attempt may be repeated"},
	OPTION_ROWS_END,
};

static enum effect_class
effect(const struct action *action)
{
	return ((const struct http_action *)action)->keyed ? EFFECT_KEYED
	                                                   : EFFECT_UNKEYED;
}

static int
render(const struct template *template, struct heed_json input, struct arena *arena,
       struct heed_json *ret_text, struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	buf_init(&buf, 65536);
	r = template_render(template, input, arena, &buf, error);
	*ret_text = json_str(arena_str(arena, buf_str(&buf)));
	buf_done(&buf);
	return r;
}

static int
prepare(const struct action *action, struct heed_json input, struct arena *arena,
        struct heed_json *ret_request, struct heed_error *error)
{
	const struct http_action *http = (const struct http_action *)action;
	struct json_build build;
	struct json_build headers;
	struct heed_json value;
	size_t i;

	json_object(&build, arena);
	json_object(&headers, arena);
	json_set_cstr(&build, "method", json_str(http->method));
	HEED_TRY(render(http->url, input, arena, &value, error));
	json_set_cstr(&build, "url", value);
	for (i = 0; i < http->headers.n; i++) {
		HEED_TRY(render(http->headers.items[i].value, input, arena, &value,
		                error));
		json_set(&headers, http->headers.items[i].name, value);
	}
	if (json_build_end(&headers, &value) < 0)
		return error_nomem(error);
	json_set_cstr(&build, "headers", value);
	json_set_cstr(&build, "keyed", json_bool(http->keyed));
	if (http->body != NULL) {
		HEED_TRY(shape_eval(http->body, input, arena, &value, error));
		json_set_cstr(&build, "body", value);
	}
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

/* The result that later steps see: status, and the body as JSON where it is JSON. */
static struct heed_json
make_result(struct arena *arena, const struct http_reply *reply)
{
	struct heed_json body = json_null();
	struct heed_json result = json_null();
	struct json_build build;

	if (reply->body.len > 0 && json_parse(arena, reply->body, &body, NULL) < 0 &&
	    str_utf8(reply->body))
		body = json_str(reply->body);
	json_object(&build, arena);
	json_set_cstr(&build, "status", json_int(reply->status));
	json_set_cstr(&build, "body", body);
	(void)json_build_end(&build, &result);
	return result;
}

static int
class_of_status(int status)
{
	if (status >= 200 && status < 300)
		return 0;
	if (status == 429)
		return HEED_E_RATE;
	if (status == 408 || status == 409 || status == 425 || status >= 500)
		return HEED_E_TRANSIENT;
	return HEED_E_PERMANENT;
}

static void
replied(void *arg, const struct http_reply *reply)
{
	struct action_call *call = arg;
	struct heed_error error = {0};
	int code = reply->error != 0 ? reply->error : class_of_status(reply->status);
	bool keyed = json_get_bool(call->request, "keyed", true);

	call->context = NULL;
	if (reply->error != 0)
		(void)error_set(&error, code, "%s", reply->text);
	else if (code != 0)
		(void)error_set(&error, code, "it answered %d: %.*s", reply->status,
		                STR_ARG(str_head_utf8(reply->body, 300)));
	if (reply->error != 0 && reply->sent && !keyed)
		code = HEED_E_UNKNOWN;
	action_done(
		call, code, make_result(call->arena, reply),
		http_retry_after_ms(reply->headers, reply->n_headers, clock_wall_us()),
		&error);
}

static int
perform(struct action *action, struct action_call *call, struct heed_error *error)
{
	const struct http_action *http = (const struct http_action *)action;
	const struct heed_json *headers = json_get(call->request, "headers");
	const struct heed_json *body = json_get(call->request, "body");
	uint32_t n = headers != NULL ? headers->len : 0;
	struct http_header *list = ARENA_ARRAY(call->arena, struct http_header, n + 4);
	struct http_request request = {
		.method = json_get_text(call->request, "method"),
		.url = json_get_text(call->request, "url"),
		.timeout_ms = call->timeout_ms,
		.headers = list,
	};
	struct http_call *started;
	uint32_t i;

	if (list == NULL)
		return error_nomem(error);
	for (i = 0; i < n; i++)
		list[request.n_headers++] = (struct http_header){
			headers->members[i].name, json_text(headers->members[i].value)};
	if (http->keyed)
		list[request.n_headers++] = (struct http_header){
			HEED_STR("Idempotency-Key"),
			arena_printf(call->arena, "\"%.*s\"", STR_ARG(call->key))};
	if (call->trace.len > 0)
		list[request.n_headers++] =
			(struct http_header){HEED_STR("traceparent"), call->trace};
	if (body != NULL) {
		list[request.n_headers++] = (struct http_header){
			HEED_STR("Content-Type"), HEED_STR("application/json")};
		request.body = json_text_of(call->arena, *body);
		request.has_body = true;
	}
	HEED_TRY(http_start(call->world->http, &request, replied, call, &started, error));
	call->context = started;
	return 0;
}

static void
cancel(struct action *action, struct action_call *call)
{
	if (call->context != NULL)
		http_cancel(call->context);
}

const struct action_kind action_http = {
	.name = "http",
	.help = "call an HTTP service; 2xx is success, 408, 409, 425, 429 and 5xx are "
		"tried again",
	.options = options,
	.size = sizeof(struct http_action),
	.effect = effect,
	.prepare = prepare,
	.perform = perform,
	.cancel = cancel,
};
