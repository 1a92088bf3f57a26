/*
 * cloudevents_http.c - see cloudevents_http.h.
 *
 * Content-Type tells the mode: application/cloudevents-batch, application/cloudevents, or
 * ce- headers beside any other type (binary mode, where the body is the data). Binary
 * mode is turned into the JSON format and checked there, so that all ways in have the
 * same rules.
 */
#include "source/cloudevents_http.h"

#include "base/error.h"

static struct heed_str
header(const struct cloudevents_request *request, const char *name)
{
	return http_header_find(request->headers, request->n_headers, name);
}

bool
cloudevents_is_json(struct heed_str content_type)
{
	struct heed_str type =
		str_trim(str_head(content_type, str_find(content_type, ';')));
	struct heed_str tail = type.len > 5 ? str_from(type, type.len - 5) : type;

	return str_is_nocase(tail, "/json") || str_is_nocase(tail, "+json");
}

enum cloudevents_mode
cloudevents_mode(const struct cloudevents_request *request)
{
	struct heed_str type = header(request, "content-type");
	bool batch = str_starts_nocase(type, "application/cloudevents-batch");

	if (batch || str_starts_nocase(type, "application/cloudevents")) {
		if (!cloudevents_is_json(type))
			return CLOUDEVENTS_OTHER_FORMAT;
		return batch ? CLOUDEVENTS_BATCHED : CLOUDEVENTS_STRUCTURED;
	}
	if (header(request, "ce-specversion").len > 0 ||
	    header(request, "ce-id").len > 0 || header(request, "ce-type").len > 0)
		return CLOUDEVENTS_BINARY;
	return CLOUDEVENTS_NONE;
}

/* ---- JSON format ------------------------------------------------------------------- */

bool
cloudevents_looks_like(struct heed_json root)
{
	if (root.kind == HEED_ARRAY)
		return root.len > 0 && root.items[0].kind == HEED_OBJECT &&
		       json_get(root.items[0], "specversion") != NULL;
	return json_get(root, "specversion") != NULL;
}

int
cloudevents_fail_plain(struct heed_error *error)
{
	return error_set(
		error, HEED_E_INVALID,
		"this is no CloudEvent (there is no specversion), and the source "
		"has no mapping for other JSON");
}

int
cloudevents_from_json(struct arena *arena, struct heed_json root, int64_t now_us,
                      struct event **ret_events, size_t *ret_n, struct heed_error *error)
{
	bool batch = root.kind == HEED_ARRAY;
	uint32_t n = batch ? root.len : 1;
	struct event *events;
	uint32_t i;

	if (n > CLOUDEVENTS_BATCH_MAX)
		return error_set(error, HEED_E_LIMIT,
		                 "a batch holds at most %d events, not %u",
		                 CLOUDEVENTS_BATCH_MAX, n);
	events = ARENA_ARRAY(arena, struct event, (size_t)n + 1);
	if (events == NULL)
		return error_nomem(error);
	for (i = 0; i < n; i++) {
		int r = event_from_json(arena, batch ? root.items[i] : root, now_us,
		                        &events[i], error);

		if (r < 0 && batch)
			error_prefix(error, "event %u of the batch", i + 1);
		if (r < 0)
			return r;
	}
	*ret_events = events;
	*ret_n = n;
	return 0;
}

/* ---- binary mode ------------------------------------------------------------------- */

/* Without the quotes of a quoted string, and its escapes resolved. */
static void
unquote(struct heed_buf *buf, struct heed_str text)
{
	size_t i;

	if (text.len < 2 || text.data[0] != '"' || text.data[text.len - 1] != '"') {
		buf_add(buf, text);
		return;
	}
	for (i = 1; i + 1 < text.len; i++) {
		if (text.data[i] == '\\' && i + 2 < text.len)
			i++;
		buf_addc(buf, text.data[i]);
	}
}

/* A header's value: quotes off, then one round of percent-decoding, then UTF-8. */
static int
decode(struct arena *arena, const struct http_header *from, struct heed_json *ret_value,
       struct heed_error *error)
{
	struct heed_buf plain;
	struct heed_buf buf;
	struct heed_str value = {NULL, 0};
	int r;

	buf_init(&plain, 0);
	buf_init(&buf, 0);
	unquote(&plain, from->value);
	r = buf_error(&plain);
	if (r == 0)
		r = url_decode(&buf, buf_str(&plain), 0);
	if (r == 0)
		r = buf_error(&buf);
	if (r == 0 && !str_utf8(buf_str(&buf)))
		r = HEED_E_INVALID;
	if (r == 0) {
		value = arena_str(arena, buf_str(&buf));
		r = value.data == NULL ? HEED_E_NOMEM : 0;
	}
	buf_done(&plain);
	buf_done(&buf);
	if (r == HEED_E_NOMEM)
		return error_nomem(error);
	if (r < 0)
		return error_set(error, HEED_E_INVALID,
		                 "the header %.*s is not percent-encoded UTF-8",
		                 STR_ARG(str_head(from->name, 64)));
	*ret_value = json_str(value);
	return 0;
}

static int
set_attributes(struct arena *arena, const struct cloudevents_request *request,
               struct json_build *build, struct heed_error *error)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < request->n_headers; i++) {
		const struct http_header *at = &request->headers[i];
		struct heed_json value = {.kind = HEED_NULL};

		if (!str_starts(at->name, "ce-"))
			continue;
		if (str_is(at->name, "ce-datacontenttype") ||
		    str_is(at->name, "ce-data") || str_is(at->name, "ce-database64"))
			return error_set(
				error, HEED_E_INVALID,
				"the header %.*s must not be there: in binary mode the "
				"body is the data and Content-Type its type",
				STR_ARG(at->name));
		HEED_TRY(decode(arena, at, &value, error));
		json_set(build, str_from(at->name, 3), value);
		if (build->error == 0 && build->len == n)
			return error_set(error, HEED_E_INVALID,
			                 "the header %.*s is there twice",
			                 STR_ARG(str_head(at->name, 64)));
		n = build->len;
	}
	return 0;
}

/* Types whose bytes are text, and stay a string in JSON. */
static bool
is_text(struct heed_str type)
{
	struct heed_str plain = str_trim(str_head(type, str_find(type, ';')));
	struct heed_str tail = plain.len > 4 ? str_from(plain, plain.len - 4) : plain;

	return str_starts_nocase(plain, "text/") || str_is_nocase(tail, "/xml") ||
	       str_is_nocase(tail, "+xml") || str_is_nocase(tail, "yaml") ||
	       str_is_nocase(plain, "application/x-www-form-urlencoded");
}

static int
set_base64(struct arena *arena, struct heed_str body, struct json_build *build,
           struct heed_error *error)
{
	struct heed_buf buf;
	struct heed_str text;

	buf_init(&buf, body.len * 2 + 16);
	buf_add_base64(&buf, body.data, body.len);
	text = buf_error(&buf) == 0 ? arena_str(arena, buf_str(&buf))
	                            : (struct heed_str){NULL, 0};
	buf_done(&buf);
	if (text.data == NULL)
		return error_nomem(error);
	json_set_cstr(build, "data_base64", json_str(text));
	return 0;
}

static int
set_data(struct arena *arena, const struct cloudevents_request *request,
         struct json_build *build, struct heed_error *error)
{
	struct heed_str type = header(request, "content-type");
	struct heed_str text;
	struct heed_json data;

	if (type.len > 0)
		json_set_cstr(build, "datacontenttype", json_str(type));
	if (request->body.len == 0)
		return 0;
	if (cloudevents_is_json(type)) {
		HEED_TRY(json_parse(arena, request->body, &data, error));
		json_set_cstr(build, "data", data);
		return 0;
	}
	if (!is_text(type) || !str_utf8(request->body))
		return set_base64(arena, request->body, build, error);
	text = arena_str(arena, request->body);
	if (text.data == NULL)
		return error_nomem(error);
	json_set_cstr(build, "data", json_str(text));
	return 0;
}

static int
read_binary(struct arena *arena, const struct cloudevents_request *request,
            struct event **ret_events, size_t *ret_n, struct heed_error *error)
{
	struct json_build build;
	struct heed_json root;

	if (!str_utf8(header(request, "content-type")))
		return error_set(error, HEED_E_INVALID,
		                 "the Content-Type is not valid UTF-8");
	json_object(&build, arena);
	HEED_TRY(set_attributes(arena, request, &build, error));
	HEED_TRY(set_data(arena, request, &build, error));
	if (json_build_end(&build, &root) < 0)
		return error_nomem(error);
	return cloudevents_from_json(arena, root, request->now_us, ret_events, ret_n,
	                             error);
}

/* ---- any mode ---------------------------------------------------------------------- */

int
cloudevents_read(struct arena *arena, const struct cloudevents_request *request,
                 struct event **ret_events, size_t *ret_n, struct heed_error *error)
{
	enum cloudevents_mode mode = cloudevents_mode(request);
	struct heed_json root;

	if (mode == CLOUDEVENTS_BINARY)
		return read_binary(arena, request, ret_events, ret_n, error);
	if (request->body.len == 0)
		return error_set(error, HEED_E_INVALID, "the body is empty");
	HEED_TRY(json_parse(arena, request->body, &root, error));
	if (mode == CLOUDEVENTS_BATCHED && root.kind != HEED_ARRAY)
		return error_set(error, HEED_E_INVALID, "a batch is a JSON array, not %s",
		                 json_kind_name(root));
	if (mode == CLOUDEVENTS_STRUCTURED && root.kind != HEED_OBJECT)
		return error_set(error, HEED_E_INVALID,
		                 "a CloudEvent is a JSON object, not %s",
		                 json_kind_name(root));
	return cloudevents_from_json(arena, root, request->now_us, ret_events, ret_n,
	                             error);
}
