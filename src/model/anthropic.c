/*
 * anthropic.c - Anthropic's Messages API.
 *
 * Structured answers by output_config.format, or with `form: tool` by a forced strict
 * tool. Usage is normalised: their input_tokens leave out what was read from or written
 * to the cache. Source: platform.claude.com, Messages, 2026.
 */
#include "base/error.h"
#include "model/codec.h"

static const char *const options[] = {"endpoint",   "model",       "api_key", "form",
                                      "max_tokens", "temperature", NULL};

/* ---- out --------------------------------------------------------------------------- */

static int
set_tool(struct heed_json schema, bool strict, struct heed_str name, struct arena *arena,
         struct json_build *body)
{
	struct heed_json tool, tools, choice;
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "name", json_str(name));
	json_set_cstr(&build, "description", json_cstr("Give the answer."));
	json_set_cstr(&build, "input_schema", schema);
	if (strict)
		json_set_cstr(&build, "strict", json_bool(true));
	HEED_TRY(json_build_end(&build, &tool));
	json_array(&build, arena);
	json_push(&build, tool);
	HEED_TRY(json_build_end(&build, &tools));
	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("tool"));
	json_set_cstr(&build, "name", json_str(name));
	HEED_TRY(json_build_end(&build, &choice));
	json_set_cstr(body, "tools", tools);
	json_set_cstr(body, "tool_choice", choice);
	return 0;
}

static int
set_output(struct heed_json schema, struct arena *arena, struct json_build *body)
{
	struct heed_json format, config;
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("json_schema"));
	json_set_cstr(&build, "schema", schema);
	HEED_TRY(json_build_end(&build, &format));
	json_object(&build, arena);
	json_set_cstr(&build, "format", format);
	HEED_TRY(json_build_end(&build, &config));
	json_set_cstr(body, "output_config", config);
	return 0;
}

/* There is no half-strict form here: what can't be strict is asked for by the prompt. */
static int
set_format(const struct model *model, const struct model_question *question,
           struct arena *arena, struct json_build *body, struct heed_json *ret_shown)
{
	struct heed_json schema = question->schema;
	struct heed_str name = codec_name(arena, question->name);
	int r;

	*ret_shown = json_null();
	if (schema.kind == HEED_NULL)
		return 0;
	if (name.data == NULL)
		return HEED_E_NOMEM;
	if (model->form == FORM_AUTO || model->form == FORM_TOOL) {
		r = strict_form(&strict_anthropic, schema, arena, &schema);
		if (r == 0 && model->form == FORM_AUTO)
			return set_output(schema, arena, body);
		if (r == 0)
			return set_tool(schema, true, name, arena, body);
		if (r != HEED_E_UNSUPPORTED)
			return r;
	}
	*ret_shown = question->schema;
	if (model->form != FORM_TOOL)
		return 0;
	HEED_TRY(strict_wrap(&strict_anthropic, question->schema, arena, &schema));
	return set_tool(schema, false, name, arena, body);
}

static int
encode(const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_request *ret_request, struct heed_error *error)
{
	int64_t most =
		question->max_tokens > 0 ? question->max_tokens : model->max_tokens;
	double warmth =
		question->temperature >= 0 ? question->temperature : model->temperature;
	bool whole = str_ends(codec_endpoint(model), "/v1");
	struct heed_str url =
		codec_url(model, arena, whole ? "/messages" : "/v1/messages");
	struct heed_json messages, shown;
	struct heed_str text;
	struct json_build body, turns;

	(void)error; /* nothing can be wrong with a question but a lack of memory */
	json_object(&body, arena);
	json_set_cstr(&body, "model", json_str(model->model));
	json_set_cstr(&body, "max_tokens", json_int(most));
	HEED_TRY(set_format(model, question, arena, &body, &shown));
	text = prompt_system(model, question, shown, arena);
	if (text.data == NULL)
		return HEED_E_NOMEM;
	json_set_cstr(&body, "system", json_str(text));
	json_array(&turns, arena);
	prompt_turns(question, &turns, arena);
	HEED_TRY(json_build_end(&turns, &messages));
	json_set_cstr(&body, "messages", messages);
	if (warmth >= 0)
		json_set_cstr(&body, "temperature", json_real(warmth));
	HEED_TRY(codec_finish(model, &body, url, arena, ret_request));
	codec_header(ret_request, "anthropic-version", HEED_STR("2023-06-01"));
	if (model->api_key.len > 0)
		codec_header(ret_request, "x-api-key", model->api_key);
	return 0;
}

/* ---- back -------------------------------------------------------------------------- */

static void
read_usage(struct heed_json body, struct model_reply *reply)
{
	const struct heed_json *usage = json_get(body, "usage");
	const struct heed_json *details;
	struct model_usage *to = &reply->usage;

	if (usage == NULL || usage->kind != HEED_OBJECT ||
	    json_get(*usage, "input_tokens") == NULL) {
		to->estimated = true;
		return;
	}
	to->cached_input = codec_count(*usage, "cache_read_input_tokens");
	to->cache_write = codec_count(*usage, "cache_creation_input_tokens");
	to->input =
		codec_count(*usage, "input_tokens") + to->cached_input + to->cache_write;
	to->output = codec_count(*usage, "output_tokens");
	details = json_get(*usage, "output_tokens_details");
	if (details != NULL)
		to->reasoning = codec_count(*details, "reasoning_tokens");
	if (to->reasoning == 0 && details != NULL)
		to->reasoning = codec_count(*details, "thinking_tokens");
	if (to->reasoning > to->output)
		to->reasoning = to->output;
}

/* Text blocks joined; a tool's input goes before them. */
static int
content_text(const struct heed_json *content, struct arena *arena,
             struct heed_str *ret_text)
{
	struct heed_buf buf;
	int r;

	buf_init(&buf, 0);
	for (uint32_t i = 0; i < content->len; i++) {
		struct heed_json block = content->items[i];
		const struct heed_json *input = json_get(block, "input");

		if (str_is(json_get_text(block, "type"), "tool_use") && input != NULL) {
			buf_reset(&buf);
			json_write(&buf, *input, JSON_COMPACT);
			break;
		}
		if (str_is(json_get_text(block, "type"), "text"))
			buf_add(&buf, json_get_text(block, "text"));
	}
	*ret_text = arena_str(arena, buf_str(&buf));
	r = ret_text->data == NULL ? HEED_E_NOMEM : buf_error(&buf);
	buf_done(&buf);
	return r;
}

static void
read_stop(struct heed_json body, struct arena *arena, struct model_reply *reply)
{
	struct heed_str stop = json_get_text(body, "stop_reason");
	const struct heed_json *why =
		json_path(body, "stop_details", "explanation", NULL);
	struct heed_str words = why != NULL ? json_text(*why) : reply->text;

	if (str_is(stop, "refusal"))
		reply_set(reply, MODEL_REFUSAL, HEED_E_REFUSED, arena,
		          "the model refused%s%.*s", words.len > 0 ? ": " : "",
		          STR_ARG(str_head_utf8(words, 500)));
	else if (str_is(stop, "max_tokens") ||
	         str_is(stop, "model_context_window_exceeded"))
		reply_set(reply, MODEL_LENGTH, HEED_E_LIMIT, arena,
		          "the answer was cut off: %.*s", STR_ARG(stop));
	else
		reply->class = MODEL_ANSWER;
}

static void
decode(const struct model *model, const struct model_response *response,
       struct arena *arena, struct model_reply *reply)
{
	struct heed_json body = codec_parse(response, arena, reply);
	const struct heed_json *content = json_get(body, "content");

	(void)model;
	if (reply->request_id.len == 0)
		reply->request_id = json_get_text(body, "request_id");
	if (response->status < 200 || response->status > 299) {
		codec_fail(response, body, arena, reply);
		return;
	}
	read_usage(body, reply);
	reply->model = json_get_text(body, "model");
	if (content == NULL || content->kind != HEED_ARRAY) {
		struct model_usage usage = reply->usage;

		codec_fail(response, body, arena, reply);
		reply->usage = usage;
		return;
	}
	if (content_text(content, arena, &reply->text) != 0)
		reply_set(reply, MODEL_TRANSIENT, HEED_E_NOMEM, arena,
		          "the answer did not fit into memory");
	else
		read_stop(body, arena, reply);
}

static int
check(const struct model *model, struct heed_error *error)
{
	if (model->model.len == 0)
		return error_set(error, HEED_E_CONFIG,
		                 "provider anthropic needs a `model`");
	if (model->max_tokens <= 0)
		return error_set(error, HEED_E_CONFIG,
		                 "provider anthropic needs `max_tokens` above 0");
	if (model->form == FORM_JSON_OBJECT || model->form == FORM_SCHEMA)
		return error_set(
			error, HEED_E_CONFIG,
			"provider anthropic knows `form: auto`, `tool` and `prompt`");
	if (model->credential != CREDENTIAL_NONE && model->api_key.len > 0)
		return error_set(error, HEED_E_CONFIG,
		                 "give either `api_key` or `credential`, not both");
	return 0;
}

const struct model_kind model_anthropic = {
	.name = "anthropic",
	.help = "Anthropic's Messages API.",
	.options = options,
	.endpoint = "https://api.anthropic.com",
	.check = check,
	.encode = encode,
	.decode = decode,
};
