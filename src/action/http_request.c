/*
 * http_request.c - see http_request.h. Credentials are added when it is sent, so that no
 * record has them.
 */
#include "action/http_request.h"

#include "base/error.h"
#include "base/json.h"

#define URL_MAX 65536
#define VALUE_MAX 65536
#define TEXT_MAX (16 * 1024 * 1024)
#define OWN_HEADERS 4

/* ---- as it is recorded ------------------------------------------------------------- */

/* Append name=value&... */
static int
write_fields(struct heed_buf *buf, const struct option_pairs *pairs,
             struct heed_json input, struct arena *arena, struct heed_error *error)
{
	size_t i;

	for (i = 0; i < pairs->n; i++) {
		struct heed_str value;

		HEED_TRY(template_string(pairs->items[i].value, input, arena, TEXT_MAX,
		                         &value, error));
		if (i > 0)
			buf_addc(buf, '&');
		buf_add_urlencoded(buf, pairs->items[i].name);
		buf_addc(buf, '=');
		buf_add_urlencoded(buf, value);
	}
	return 0;
}

static int
finish_text(struct heed_buf *buf, struct arena *arena, struct heed_json *ret_text,
            struct heed_error *error)
{
	struct heed_str text = arena_str(arena, buf_str(buf));

	if (buf_error(buf) == HEED_E_LIMIT)
		return error_set(error, HEED_E_LIMIT, "the request is too large");
	if (buf_error(buf) != 0 || text.data == NULL)
		return error_nomem(error);
	*ret_text = json_str(text);
	return 0;
}

/* The URL with its query; a fragment is nothing to a server. */
static int
make_url(const struct http_action *http, struct heed_json input, struct arena *arena,
         struct heed_json *ret_url, struct heed_error *error)
{
	struct heed_str url;
	struct heed_buf buf;
	int r;

	HEED_TRY(template_url(http->url, input, arena, URL_MAX, &url, error));
	url = str_head(url, str_find(url, '#'));
	buf_init(&buf, URL_MAX);
	buf_add(&buf, url);
	if (http->query.n > 0)
		buf_addc(&buf, str_find(url, '?') == url.len ? '?' : '&');
	r = write_fields(&buf, &http->query, input, arena, error);
	if (r == 0)
		r = finish_text(&buf, arena, ret_url, error);
	buf_done(&buf);
	return r;
}

static int
make_form(const struct http_action *http, struct heed_json input, struct arena *arena,
          struct heed_json *ret_form, struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	buf_init(&buf, TEXT_MAX);
	r = write_fields(&buf, &http->form, input, arena, error);
	if (r == 0)
		r = finish_text(&buf, arena, ret_form, error);
	buf_done(&buf);
	return r;
}

static int
make_headers(const struct http_action *http, struct heed_json input, struct arena *arena,
             struct heed_json *ret_headers, struct heed_error *error)
{
	struct json_build map;
	size_t i;

	json_object(&map, arena);
	for (i = 0; i < http->headers.n; i++) {
		struct heed_str value;

		HEED_TRY(template_string(http->headers.items[i].value, input, arena,
		                         VALUE_MAX, &value, error));
		json_set(&map, http->headers.items[i].name, json_str(value));
	}
	return json_build_end(&map, ret_headers) < 0 ? error_nomem(error) : 0;
}

static int
set_body(const struct http_action *http, struct heed_json input,
         struct json_build *request, struct heed_error *error)
{
	struct arena *arena = request->arena;
	struct heed_json value = json_null();
	struct heed_str text;

	if (http->body != NULL) {
		HEED_TRY(shape_eval(http->body, input, arena, &value, error));
		json_set_cstr(request, "body", value);
	} else if (http->form.n > 0) {
		HEED_TRY(make_form(http, input, arena, &value, error));
		json_set_cstr(request, "form", value);
	} else if (http->text != NULL) {
		HEED_TRY(template_string(http->text, input, arena, TEXT_MAX, &text,
		                         error));
		json_set_cstr(request, "text", json_str(text));
	}
	return 0;
}

int
http_request_prepare(const struct action *action, struct heed_json input,
                     struct arena *arena, struct heed_json *ret_request,
                     struct heed_error *error)
{
	const struct http_action *http = (const struct http_action *)action;
	struct json_build build;
	struct heed_json value = json_null();

	json_object(&build, arena);
	json_set_cstr(&build, "method", json_str(http->method));
	HEED_TRY(make_url(http, input, arena, &value, error));
	json_set_cstr(&build, "url", value);
	if (http->headers.n > 0) {
		HEED_TRY(make_headers(http, input, arena, &value, error));
		json_set_cstr(&build, "headers", value);
	}
	HEED_TRY(set_body(http, input, &build, error));
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

/* ---- as it is sent ----------------------------------------------------------------- */

/* The headers as they grow; what was configured goes before heed's own. */
struct headers {
	struct http_header *items;
	size_t n;
	bool failed;
};

static void
add(struct headers *headers, const char *name, struct heed_str value)
{
	size_t i;

	headers->failed |= value.data == NULL;
	for (i = 0; i < headers->n; i++)
		if (str_is_nocase(headers->items[i].name, name))
			return;
	headers->items[headers->n++] = (struct http_header){str_of(name), value};
}

static struct heed_str
basic(const struct http_auth *auth, struct arena *arena)
{
	struct heed_str pair = arena_printf(arena, "%.*s:%.*s", STR_ARG(auth->user),
	                                    STR_ARG(auth->password));
	struct heed_str value;
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_adds(&buf, "Basic ");
	buf_add_base64(&buf, pair.data, pair.len);
	value = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return value;
}

static void
add_auth(struct headers *headers, const struct http_auth *auth, struct arena *arena)
{
	if (auth->bearer.len > 0)
		add(headers, "Authorization",
		    arena_printf(arena, "Bearer %.*s", STR_ARG(auth->bearer)));
	else if (auth->user.len > 0)
		add(headers, "Authorization", basic(auth, arena));
}

static void
add_body(struct headers *headers, const struct action_call *call,
         struct http_request *request)
{
	const struct heed_json *body = json_get(call->request, "body");
	const struct heed_json *form = json_get(call->request, "form");
	const struct heed_json *text = json_get(call->request, "text");
	struct heed_str type = HEED_STR("application/json");

	if (body == NULL && form == NULL && text == NULL)
		return;
	if (body != NULL) {
		request->body = json_text_of(call->arena, *body);
		headers->failed |= request->body.data == NULL;
	} else if (form != NULL) {
		request->body = json_text(*form);
		type = HEED_STR("application/x-www-form-urlencoded");
	} else {
		request->body = json_text(*text);
		type = HEED_STR("text/plain; charset=utf-8");
	}
	request->has_body = true;
	add(headers, "Content-Type", type);
}

int
http_request_make(const struct http_action *http, const struct action_call *call,
                  bool with_key, struct http_request *request, struct heed_error *error)
{
	const struct heed_json *given = json_get(call->request, "headers");
	uint32_t n = given != NULL ? given->len : 0;
	struct headers headers = {0};
	uint32_t i;

	headers.items = ARENA_ARRAY(call->arena, struct http_header, n + OWN_HEADERS);
	if (headers.items == NULL)
		return error_nomem(error);
	for (i = 0; i < n; i++)
		headers.items[headers.n++] = (struct http_header){
			given->members[i].name, json_text(given->members[i].value)};
	if (with_key)
		add(&headers, "Idempotency-Key",
		    arena_printf(call->arena, "\"%.*s\"", STR_ARG(call->key)));
	if (call->trace.len > 0)
		add(&headers, "traceparent", call->trace);
	add_auth(&headers, &http->auth, call->arena);
	add_body(&headers, call, request);
	if (headers.failed)
		return error_nomem(error);
	request->method = json_get_text(call->request, "method");
	request->url = json_get_text(call->request, "url");
	request->headers = headers.items;
	request->n_headers = headers.n;
	return 0;
}
