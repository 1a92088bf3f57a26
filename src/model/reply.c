/*
 * reply.c - replies: the failures that all providers share, and replies as records.
 *
 * Error bodies come as {"error": {message, type, code}}, {"error": "text"}, {"detail":
 * ...},
 * {"message": ...}, HTML, or nothing. The status decides the class; a few codes correct
 * it: a spent quota is no reason to try again, a content filter is no bad request.
 * Sources: OpenAI, Azure and Anthropic error tables; the retry rules of their own
 * clients.
 */
#include <stdarg.h>
#include <stdio.h>

#include "model/codec.h"

#define MESSAGE_MAX 600
#define COUNT_MAX 1000000000000

static const char *const class_names[] = {
	[MODEL_ANSWER] = "answer",       [MODEL_REFUSAL] = "refusal",
	[MODEL_LENGTH] = "length",       [MODEL_CONTENT_FILTER] = "content_filter",
	[MODEL_RATE] = "rate",           [MODEL_TRANSIENT] = "transient",
	[MODEL_PERMANENT] = "permanent",
};

#define N_CLASSES (sizeof(class_names) / sizeof(class_names[0]))

const char *model_class_name(enum model_class class)
{
	return class_names[class];
}

int64_t
codec_count(struct heed_json object, const char *name)
{
	int64_t count = json_get_int(object, name, 0);

	return count < 0 || count > COUNT_MAX ? 0 : count;
}

void
reply_set(struct model_reply *reply, enum model_class class, int code,
          struct arena *arena, const char *format, ...)
{
	char text[MESSAGE_MAX + 64];
	va_list args;

	reply->class = class;
	reply->code = code;
	va_start(args, format);
	/* What does not fit is cut at a character's border. */
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reply->message = arena_str(arena, str_head_utf8(str_of(text), MESSAGE_MAX));
}

struct heed_json
codec_parse(const struct model_response *response, struct arena *arena,
            struct model_reply *reply)
{
	static const char *const ids[] = {"x-request-id", "request-id", "apim-request-id",
	                                  "x-ms-request-id"};
	struct heed_json body = json_null();

	reply->status = response->status;
	reply->sent = true;
	reply->retry_after_ms = http_retry_after_ms(
		response->headers, response->n_headers, response->now_us);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]) && reply->request_id.len == 0;
	     i++)
		reply->request_id =
			arena_str(arena, http_header_find(response->headers,
		                                          response->n_headers, ids[i]));
	reply->raw = arena_str(arena, response->body);
	/* Malformed is null here; every caller has to expect garbage anyway. */
	if (json_parse(arena, response->body, &body, NULL) == HEED_E_NOMEM)
		reply->code = HEED_E_NOMEM;
	return body;
}

/* The provider's words, wherever they are. */
static struct heed_str
find_message(struct heed_json body)
{
	static const char *const names[] = {"error", "detail", "message",
	                                    "error_description"};
	const struct heed_json *error = json_get(body, "error");

	if (error != NULL && error->kind == HEED_OBJECT &&
	    json_get_text(*error, "message").len > 0)
		return json_get_text(*error, "message");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_get_text(body, names[i]).len > 0)
			return json_get_text(body, names[i]);
	return (struct heed_str){NULL, 0};
}

static struct heed_str
find_code(struct heed_json body)
{
	const struct heed_json *error = json_get(body, "error");
	struct heed_str code;

	if (error == NULL || error->kind != HEED_OBJECT)
		return (struct heed_str){NULL, 0};
	code = json_get_text(*error, "code");
	return code.len > 0 ? code : json_get_text(*error, "type");
}

static bool
is_filtered(struct heed_json body, struct heed_str code)
{
	const struct heed_json *inner =
		json_path(body, "error", "innererror", "code", NULL);

	return str_is(code, "content_filter") ||
	       str_is(code, "content_policy_violation") ||
	       (inner != NULL &&
	        str_is(json_text(*inner), "ResponsibleAIPolicyViolation"));
}

static bool
is_spent(struct heed_str code)
{
	return str_is(code, "insufficient_quota") ||
	       str_is(code, "billing_hard_limit_reached") ||
	       str_is(code, "billing_error");
}

static enum model_class
class_of(const struct model_response *response, struct heed_json body,
         struct heed_str code)
{
	struct heed_str advice = http_header_find(response->headers, response->n_headers,
	                                          "x-should-retry");
	int status = response->status;

	if (status == 400 && is_filtered(body, code))
		return MODEL_CONTENT_FILTER;
	if (is_spent(code))
		return MODEL_PERMANENT;
	if (status == 429)
		return MODEL_RATE;
	if (str_is(advice, "true"))
		return MODEL_TRANSIENT;
	if (str_is(advice, "false"))
		return MODEL_PERMANENT;
	if (status == 408 || status == 409 || status >= 500 ||
	    (status >= 200 && status < 300))
		return MODEL_TRANSIENT;
	return MODEL_PERMANENT;
}

/* Does the status speak of the model or the way to it, rather than of this question? */
static bool
is_suspect(int status, enum model_class class)
{
	if (class == MODEL_RATE || class == MODEL_CONTENT_FILTER || status == 409)
		return false;
	return class == MODEL_TRANSIENT || status == 401 || status == 402 ||
	       status == 403 || status == 404 || status < 400 || status == 429;
}

void
codec_fail(const struct model_response *response, struct heed_json body,
           struct arena *arena, struct model_reply *reply)
{
	static const int codes[N_CLASSES] = {
		[MODEL_CONTENT_FILTER] = HEED_E_REFUSED,
		[MODEL_RATE] = HEED_E_RATE,
		[MODEL_TRANSIENT] = HEED_E_TRANSIENT,
		[MODEL_PERMANENT] = HEED_E_PERMANENT,
	};
	struct heed_str message = find_message(body);
	struct heed_str code = find_code(body);
	enum model_class class = class_of(response, body, code);

	if (reply->code == HEED_E_NOMEM) { /* nobody's fault on the other side */
		reply_set(reply, MODEL_TRANSIENT, HEED_E_NOMEM, arena,
		          "no memory for the reply");
		reply->usage.estimated = true;
		return;
	}
	if (message.len == 0 && body.kind == HEED_NULL && str_utf8(response->body))
		message = str_head_utf8(str_trim(response->body), 200);
	reply_set(reply, class, codes[class], arena, "HTTP %d%s%.*s", response->status,
	          message.len > 0 ? ": " : "", STR_ARG(str_head_utf8(message, 500)));
	reply->error = arena_str(arena, code);
	reply->suspect = is_suspect(response->status, class);
	/* Providers charge nothing for errors. A success that can't be read may be
	 * billed.
	 */
	reply->usage = (struct model_usage){.estimated = response->status >= 200 &&
	                                                 response->status < 300};
}

/* ---- records ----------------------------------------------------------------------- */

static void
set_flag(struct json_build *build, const char *name, bool flag)
{
	if (flag)
		json_set_cstr(build, name, json_bool(true));
}

static int
write_usage(const struct model_usage *usage, struct arena *arena,
            struct heed_json *ret_value)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_number(&build, "input", usage->input);
	json_set_number(&build, "cached_input", usage->cached_input);
	json_set_number(&build, "cache_write", usage->cache_write);
	json_set_number(&build, "output", usage->output);
	json_set_number(&build, "reasoning", usage->reasoning);
	set_flag(&build, "estimated", usage->estimated);
	return json_build_end(&build, ret_value);
}

int
model_reply_write(const struct model_reply *reply, struct arena *arena,
                  struct heed_json *ret_record)
{
	struct heed_json usage;
	struct json_build build;

	HEED_TRY(write_usage(&reply->usage, arena, &usage));
	json_object(&build, arena);
	json_set_cstr(&build, "class", json_cstr(class_names[reply->class]));
	json_set_number(&build, "code", reply->code);
	json_set_text(&build, "text", reply->text);
	json_set_cstr(&build, "usage", usage);
	json_set_number(&build, "cost_nano", reply->cost_nano);
	set_flag(&build, "price_known", reply->price_known);
	set_flag(&build, "shared", reply->shared);
	set_flag(&build, "cached", reply->cached);
	set_flag(&build, "sent", reply->sent);
	set_flag(&build, "suspect", reply->suspect);
	json_set_cstr(&build, "retry_after_ms", json_int(reply->retry_after_ms));
	json_set_number(&build, "status", reply->status);
	json_set_text(&build, "message", reply->message);
	json_set_text(&build, "error", reply->error);
	json_set_text(&build, "request_id", reply->request_id);
	json_set_text(&build, "model", reply->model);
	json_set_number(&build, "elapsed_ms", reply->elapsed_ms);
	if (reply->raw.len > 0 &&
	    (reply->class != MODEL_ANSWER || reply->text.len == 0)) {
		/* A broken body need not be UTF-8: then it is kept as base64. */
		struct heed_buf buf;

		if (str_utf8(reply->raw)) {
			json_set_text(&build, "raw", reply->raw);
			return json_build_end(&build, ret_record);
		}
		buf_init(&buf, 0);
		buf_add_base64(&buf, reply->raw.data, reply->raw.len);
		json_set_text(&build, "raw_base64", arena_str(arena, buf_str(&buf)));
		buf_done(&buf);
	}
	return json_build_end(&build, ret_record);
}

static enum model_class
class_by_name(struct heed_str name)
{
	for (size_t i = 0; i < N_CLASSES; i++)
		if (str_is(name, class_names[i]))
			return (enum model_class)i;
	return MODEL_PERMANENT;
}

int
model_reply_read(struct heed_json record, struct model_reply *ret_reply)
{
	const struct heed_json *usage = json_get(record, "usage");
	struct model_reply reply = {.code = (int)json_get_int(record, "code", 0)};

	if (record.kind != HEED_OBJECT || json_get(record, "class") == NULL)
		return HEED_E_INVALID;
	reply.class = class_by_name(json_get_text(record, "class"));
	reply.text = json_get_text(record, "text");
	if (usage != NULL) {
		reply.usage.input = codec_count(*usage, "input");
		reply.usage.cached_input = codec_count(*usage, "cached_input");
		reply.usage.cache_write = codec_count(*usage, "cache_write");
		reply.usage.output = codec_count(*usage, "output");
		reply.usage.reasoning = codec_count(*usage, "reasoning");
		reply.usage.estimated = json_get_bool(*usage, "estimated", false);
	}
	reply.cost_nano = json_get_int(record, "cost_nano", 0);
	reply.price_known = json_get_bool(record, "price_known", false);
	reply.shared = json_get_bool(record, "shared", false);
	reply.cached = json_get_bool(record, "cached", false);
	reply.sent = json_get_bool(record, "sent", false);
	reply.suspect = json_get_bool(record, "suspect", false);
	reply.retry_after_ms = json_get_int(record, "retry_after_ms", -1);
	reply.status = (int)json_get_int(record, "status", 0);
	reply.message = json_get_text(record, "message");
	reply.error = json_get_text(record, "error");
	reply.request_id = json_get_text(record, "request_id");
	reply.model = json_get_text(record, "model");
	reply.raw = json_get_text(record, "raw");
	reply.elapsed_ms = json_get_int(record, "elapsed_ms", 0);
	*ret_reply = reply;
	return 0;
}
