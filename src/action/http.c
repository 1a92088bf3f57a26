/*
 * http.c - call an HTTP service.
 *
 * Keyed unless told otherwise: every attempt carries the same Idempotency-Key
 * (draft-ietf-httpapi-idempotency-key-header), so a service that honours it applies the
 * effect once. Safe methods (RFC 9110, 9.2.1) change nothing and may always be repeated.
 * An unkeyed request of which it is not certain that nothing came of it is not repeated.
 *
 * Redirects are not followed: a request with effects goes where the configuration says.
 */
#include <string.h>

#include "action/body.h"
#include "action/http_request.h"
#include "action/kinds.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

/* ---- options ----------------------------------------------------------------------- */

static const struct option auth_options[] = {
	{.name = "bearer",
         .kind = OPTION_SECRET,
         .offset = offsetof(struct http_auth, bearer),
         .help = "a token: Authorization: Bearer ..."},
	{.name = "user",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct http_auth, user),
         .help = "with password: Authorization: Basic ..."},
	{.name = "password",
         .kind = OPTION_SECRET,
         .offset = offsetof(struct http_auth, password),
         .help = "of user"},
	OPTION_ROWS_END,
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
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "http or https URL; what expressions give is percent-encoded, but for "
                 "one "
                 "that begins it"},
	{.name = "query",
         .kind = OPTION_HEADERS,
         .offset = offsetof(struct http_action, query),
         .help = "query parameters, added to the URL"},
	{.name = "headers",
         .kind = OPTION_HEADERS,
         .offset = offsetof(struct http_action, headers),
         .help = "further headers"},
	{.name = "auth",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct http_action, auth),
         .rows = auth_options,
         .help = "credentials; they are in no record"},
	{.name = "body",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct http_action, body),
         .help = "JSON body; none when left out"},
	{.name = "form",
         .kind = OPTION_HEADERS,
         .offset = offsetof(struct http_action, form),
         .help = "instead of body: fields of application/x-www-form-urlencoded"},
	{.name = "text",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct http_action, text),
         .help = "instead of body: text as it is, text/plain unless a header says what"},
	{.name = "keyed",
         .kind = OPTION_BOOL,
         .offset = offsetof(struct http_action, keyed),
         .fallback = "true",
         .help = "the service honours Idempotency-Key, or repeating does no harm; false: "
                 "an attempt that was cut off is not repeated"},
	{.name = "reply_max",
         .kind = OPTION_SIZE,
         .offset = offsetof(struct http_action, reply_max),
         .fallback = "1MiB",
         .min = 1,
         .max = 67108864,
         .help = "bytes of the reply's body"},
	{.name = "ca_file",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct http_action, ca_file),
         .help = "certificates of authorities to trust instead of the system's, relative "
                 "to this file"},
	OPTION_ROWS_END,
};

/* Could it be a method's or a header's name? */
static bool
is_token(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] == 0x7f ||
		    strchr("()<>@,;:\\\"/[]?={}", text.data[i]) != NULL)
			return false;
	return text.len > 0;
}

static int
check_auth(const struct http_auth *auth, struct heed_error *error)
{
	if (auth->bearer.len > 0 && (auth->user.len > 0 || auth->password.len > 0))
		return error_set(error, HEED_E_CONFIG,
		                 "auth: give bearer, or user and password");
	if ((auth->user.len > 0) != (auth->password.len > 0))
		return error_set(error, HEED_E_CONFIG,
		                 "auth: user and password go together");
	if (str_find(auth->user, ':') < auth->user.len)
		return error_set(error, HEED_E_CONFIG,
		                 "auth: user must not hold a colon");
	return 0;
}

static int
check(struct action *action, struct heed_error *error)
{
	const struct http_action *http = (const struct http_action *)action;
	int bodies = (http->body != NULL) + (http->form.n > 0) + (http->text != NULL);
	size_t i;

	if (!is_token(http->method))
		return error_set(error, HEED_E_CONFIG, "\"%.*s\" is not a method",
		                 STR_ARG(str_head_utf8(http->method, 40)));
	if (bodies > 1)
		return error_set(error, HEED_E_CONFIG, "give one of body, form and text");
	for (i = 0; i < http->headers.n; i++)
		if (!is_token(http->headers.items[i].name))
			return error_set(
				error, HEED_E_CONFIG, "\"%.*s\" is not a header's name",
				STR_ARG(str_head_utf8(http->headers.items[i].name, 40)));
	return check_auth(&http->auth, error);
}

/* Methods that only look. */
static bool
is_safe(struct heed_str method)
{
	return str_is(method, "GET") || str_is(method, "HEAD") ||
	       str_is(method, "OPTIONS") || str_is(method, "TRACE");
}

static enum effect_class
effect(const struct action *action)
{
	const struct http_action *http = (const struct http_action *)action;

	return http->keyed || is_safe(http->method) ? EFFECT_KEYED : EFFECT_UNKEYED;
}

/* ---- replies ----------------------------------------------------------------------- */

static int
set_headers(struct json_build *result, const struct http_reply *reply)
{
	struct arena *arena = result->arena;
	struct heed_json value;
	struct json_build map;
	size_t i;

	json_object(&map, arena);
	for (i = 0; i < reply->n_headers; i++) {
		struct heed_str name = arena_str(arena, reply->headers[i].name);
		struct heed_str text = arena_str(arena, reply->headers[i].value);

		if (name.data == NULL || text.data == NULL)
			return HEED_E_NOMEM;
		if (!str_is(name, "set-cookie") && str_utf8(name) && str_utf8(text))
			json_set(&map, name, json_str(text));
	}
	HEED_TRY(json_build_end(&map, &value));
	json_set_cstr(result, "headers", value);
	return 0;
}

/* JSON where the reply says so, or where it looks so. */
static enum body_kind
kind_of(const struct http_reply *reply)
{
	struct heed_str type =
		http_header_find(reply->headers, reply->n_headers, "content-type");
	struct heed_str text = str_trim(reply->body);

	type = str_trim(str_cut(&type, ';'));
	return type.len == 0 || str_is_nocase(type, "application/json") ||
	                       str_ends(type, "+json") || str_starts(text, "{") ||
	                       str_starts(text, "[")
	               ? BODY_MAYBE_JSON
	               : BODY_TEXT;
}

/* What later steps see. */
static int
make_result(struct arena *arena, const struct http_reply *reply,
            struct heed_json *ret_result)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "status", json_int(reply->status));
	HEED_TRY(set_headers(&build, reply));
	HEED_TRY(body_set(&build, "body", reply->body, kind_of(reply)));
	return json_build_end(&build, ret_result);
}

/* What a status means for a request that may be repeated. */
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

/* For one that may not: some failures say that nothing was done, some leave it open. */
static int
class_of_unkeyed(int status)
{
	switch (status) {
	case 409:
		return HEED_E_PERMANENT;
	case 500:
	case 502:
	case 504:
		return HEED_E_UNKNOWN;
	default:
		return class_of_status(status);
	}
}

static int
judge(const struct action_call *call, const struct http_reply *reply,
      struct heed_error *error)
{
	bool unkeyed = effect(call->action) == EFFECT_UNKEYED;
	struct heed_str place;
	int code;

	if (reply->error != 0)
		return error_set(error,
		                 unkeyed && reply->sent ? HEED_E_UNKNOWN : reply->error,
		                 "%s", reply->text);
	code = unkeyed ? class_of_unkeyed(reply->status) : class_of_status(reply->status);
	place = http_header_find(reply->headers, reply->n_headers, "location");
	if (code != 0 && reply->status / 100 == 3 && place.len > 0)
		return error_set(error, code,
		                 "it answered %d, for %.*s: redirects are not followed",
		                 reply->status, STR_ARG(str_head_utf8(place, 300)));
	if (code != 0)
		return error_set(error, code, "it answered %d: %.*s", reply->status,
		                 STR_ARG(str_utf8(reply->body)
		                                 ? str_head_utf8(reply->body, 300)
		                                 : HEED_STR("(bytes)")));
	return 0;
}

static void
replied(void *arg, const struct http_reply *reply)
{
	struct action_call *call = arg;
	struct heed_json result = json_null();
	struct heed_error error = {0};
	int code = judge(call, reply, &error);

	call->context = NULL;
	if (code == 0 && make_result(call->arena, reply, &result) < 0)
		code = error_set(&error,
		                 effect(call->action) == EFFECT_UNKEYED ? HEED_E_UNKNOWN
		                                                        : HEED_E_NOMEM,
		                 "out of memory");
	action_done(
		call, code, result,
		http_retry_after_ms(reply->headers, reply->n_headers, clock_wall_us()),
		&error);
}

/* ---- performing -------------------------------------------------------------------- */

static int
perform(struct action *action, struct action_call *call, struct heed_error *error)
{
	const struct http_action *http = (const struct http_action *)action;
	struct http_request request = {
		.timeout_ms = call->timeout_ms,
		.reply_max = (size_t)http->reply_max,
		.once = effect(action) == EFFECT_UNKEYED,
	};
	struct http_call *started;
	int r;

	if (http->ca_file.len > 0) {
		request.ca_file =
			file_path(call->arena, call->world->folder, http->ca_file);
		if (request.ca_file == NULL)
			return error_nomem(error);
	}
	HEED_TRY(http_request_make(http, call, !is_safe(http->method) && http->keyed,
	                           &request, error));
	r = http_start(call->world->http, &request, replied, call, &started, error);
	if (r == HEED_E_INVALID && action->secret) /* it quotes the URL */
		return error_set(
			error, r,
			"with ${...} replaced, the URL or a header is not valid");
	if (r == 0)
		call->context = started;
	return r;
}

static void
cancel(struct action *action, struct action_call *call)
{
	(void)action;
	if (call->context != NULL)
		http_cancel(call->context);
}

const struct action_kind action_http = {
	.name = "http",
	.help = "call an HTTP service; 2xx is success, 408, 409, 425, 429 and 5xx are "
		"tried again",
	.options = options,
	.size = sizeof(struct http_action),
	.check = check,
	.effect = effect,
	.prepare = http_request_prepare,
	.perform = perform,
	.cancel = cancel,
};
