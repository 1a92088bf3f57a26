/*
 * openai.c - OpenAI's chat completions, and every server that speaks them.
 *
 * Compatible servers leave out usage, finish_reason, refusal and request ids, send
 * content as parts, or answer by a tool call; all of that is read. What they must not do
 * is send half a body: that is a failure, because an answer may not be guessed. Source:
 * OpenAI chat completions, spec 2.3.0.
 */
#include "base/error.h"
#include "model/codec.h"

static const char *const options[] = {"endpoint",   "model",       "api_key",      "form",
                                      "max_tokens", "temperature", "tokens_field", NULL};

/* ---- out --------------------------------------------------------------------------- */

/* response_format, and the schema that the prompt has to show or null. */
static int
set_format(const struct model *model, const struct model_question *question,
           const struct strict_rules *rules, struct arena *arena, struct json_build *body,
           struct heed_json *ret_shown)
{
	struct heed_json schema = question->schema, format, inner;
	struct heed_str name = codec_name(arena, question->name);
	struct json_build build;
	int r = HEED_E_UNSUPPORTED;

	*ret_shown = json_null();
	if (schema.kind == HEED_NULL)
		return 0;
	if (model->form == FORM_PROMPT || model->form == FORM_JSON_OBJECT)
		*ret_shown = schema;
	if (model->form == FORM_PROMPT)
		return 0;
	json_object(&build, arena);
	if (model->form == FORM_JSON_OBJECT) {
		json_set_cstr(&build, "type", json_cstr("json_object"));
		HEED_TRY(json_build_end(&build, &format));
		json_set_cstr(body, "response_format", format);
		return 0;
	}
	if (model->form == FORM_AUTO)
		r = strict_form(rules, schema, arena, &schema);
	if (r == HEED_E_UNSUPPORTED) {
		HEED_TRY(strict_wrap(rules, question->schema, arena, &schema));
		*ret_shown = question->schema;
	} else if (r != 0) {
		return r;
	}
	if (name.data == NULL)
		return HEED_E_NOMEM;
	json_set_cstr(&build, "name", json_str(name));
	json_set_cstr(&build, "strict", json_bool(r == 0));
	json_set_cstr(&build, "schema", schema);
	HEED_TRY(json_build_end(&build, &inner));
	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("json_schema"));
	json_set_cstr(&build, "json_schema", inner);
	HEED_TRY(json_build_end(&build, &format));
	json_set_cstr(body, "response_format", format);
	return 0;
}

/* OpenAI's newer models refuse `max_tokens`; many compatible servers know nothing else.
 */
static const char *
tokens_name(const struct model *model)
{
	bool newer;

	if (model->tokens_field != TOKENS_AUTO)
		return model->tokens_field == TOKENS_PLAIN ? "max_tokens"
		                                           : "max_completion_tokens";
	newer = model_kinds[model->provider] == &model_azure
	                ? model->api_version.len == 0
	                : str_starts_nocase(codec_endpoint(model),
	                                    "https://api.openai.com");
	return newer ? "max_completion_tokens" : "max_tokens";
}

int
openai_body(const struct model *model, const struct model_question *question,
            const struct strict_rules *rules, struct heed_str name, struct arena *arena,
            struct json_build *body)
{
	int64_t most =
		question->max_tokens > 0 ? question->max_tokens : model->max_tokens;
	double warmth =
		question->temperature >= 0 ? question->temperature : model->temperature;
	struct heed_json messages, system, shown;
	struct heed_str text;
	struct json_build build, list;

	json_object(body, arena);
	if (name.len > 0)
		json_set_cstr(body, "model", json_str(name));
	HEED_TRY(set_format(model, question, rules, arena, body, &shown));
	text = prompt_system(model, question, shown, arena);
	if (text.data == NULL)
		return HEED_E_NOMEM;
	json_object(&build, arena);
	json_set_cstr(&build, "role", json_cstr("system"));
	json_set_cstr(&build, "content", json_str(text));
	HEED_TRY(json_build_end(&build, &system));
	json_array(&list, arena);
	json_push(&list, system);
	prompt_turns(question, &list, arena);
	HEED_TRY(json_build_end(&list, &messages));
	json_set_cstr(body, "messages", messages);
	if (most > 0)
		json_set_cstr(body, tokens_name(model), json_int(most));
	if (warmth >= 0)
		json_set_cstr(body, "temperature", json_real(warmth));
	return 0;
}

static int
encode(const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_request *ret_request, struct heed_error *error)
{
	struct heed_str url = codec_url(model, arena, "/chat/completions");
	struct json_build body;

	(void)error; /* nothing can be wrong with a question but a lack of memory */
	HEED_TRY(
		openai_body(model, question, &strict_openai, model->model, arena, &body));
	HEED_TRY(codec_finish(model, &body, url, arena, ret_request));
	if (model->api_key.len > 0) {
		struct heed_str value =
			arena_printf(arena, "Bearer %.*s", STR_ARG(model->api_key));

		if (value.data == NULL)
			return HEED_E_NOMEM;
		codec_header(ret_request, "Authorization", value);
	}
	return 0;
}

/* ---- back -------------------------------------------------------------------------- */

/* Content as text: a string, or a list of parts. */
static int
content_text(const struct heed_json *content, struct arena *arena,
             struct heed_str *ret_text)
{
	struct heed_buf buf;
	int r;

	if (content == NULL || content->kind != HEED_ARRAY) {
		*ret_text = content != NULL ? json_text(*content)
		                            : (struct heed_str){NULL, 0};
		return 0;
	}
	buf_init(&buf, 0);
	for (uint32_t i = 0; i < content->len; i++)
		buf_add(&buf, json_get_text(content->items[i], "text"));
	*ret_text = arena_str(arena, buf_str(&buf));
	r = ret_text->data == NULL ? HEED_E_NOMEM : buf_error(&buf);
	buf_done(&buf);
	return r;
}

/* The arguments of a tool call, for servers that answer a schema that way. */
static int
tool_text(struct heed_json message, struct arena *arena, struct heed_str *ret_text)
{
	const struct heed_json *calls = json_get(message, "tool_calls");
	const struct heed_json *arguments;

	if (calls == NULL || calls->kind != HEED_ARRAY || calls->len == 0)
		return 0;
	arguments = json_path(calls->items[0], "function", "arguments", NULL);
	if (arguments == NULL)
		return 0;
	if (arguments->kind == HEED_STRING)
		return *ret_text = json_text(*arguments), 0;
	*ret_text = json_text_of(arena, *arguments);
	return ret_text->data == NULL ? HEED_E_NOMEM : 0;
}

static int64_t
at_most(int64_t part, int64_t total)
{
	return part < total ? part : total;
}

static void
read_usage(struct heed_json body, struct model_reply *reply)
{
	const struct heed_json *usage = json_get(body, "usage");
	const struct heed_json *in, *out;
	struct model_usage *to = &reply->usage;

	if (usage == NULL || usage->kind != HEED_OBJECT ||
	    json_get(*usage, "prompt_tokens") == NULL) {
		to->estimated = true;
		return;
	}
	to->input = codec_count(*usage, "prompt_tokens");
	to->output = codec_count(*usage, "completion_tokens");
	in = json_get(*usage, "prompt_tokens_details");
	out = json_get(*usage, "completion_tokens_details");
	if (in != NULL) {
		to->cached_input = codec_count(*in, "cached_tokens");
		to->cache_write = codec_count(*in, "cache_write_tokens");
	} else {
		to->cached_input = codec_count(*usage, "prompt_cache_hit_tokens");
	}
	if (out != NULL)
		to->reasoning = codec_count(*out, "reasoning_tokens");
	to->cached_input = at_most(to->cached_input, to->input);
	to->cache_write = at_most(to->cache_write, to->input - to->cached_input);
	to->reasoning = at_most(to->reasoning, to->output);
}

static void
read_choice(struct heed_json choice, struct arena *arena, struct model_reply *reply)
{
	const struct heed_json *message = json_get(choice, "message");
	struct heed_str finish = json_get_text(choice, "finish_reason");
	struct heed_str refusal;
	int r;

	if (message == NULL || message->kind != HEED_OBJECT) {
		reply_set(reply, MODEL_TRANSIENT, HEED_E_TRANSIENT, arena,
		          "the reply's choice holds no message");
		reply->suspect = true;
		return;
	}
	r = content_text(json_get(*message, "content"), arena, &reply->text);
	if (r == 0 && reply->text.len == 0)
		r = tool_text(*message, arena, &reply->text);
	refusal = json_get_text(*message, "refusal");
	if (r != 0)
		reply_set(reply, MODEL_TRANSIENT, r, arena,
		          "the answer did not fit into memory");
	else if (refusal.len > 0)
		reply_set(reply, MODEL_REFUSAL, HEED_E_REFUSED, arena,
		          "the model refused: %.*s",
		          STR_ARG(str_head_utf8(refusal, 500)));
	else if (str_is(finish, "content_filter"))
		reply_set(reply, MODEL_CONTENT_FILTER, HEED_E_REFUSED, arena,
		          "the provider's content filter cut the answer off");
	else if (str_is(finish, "length"))
		reply_set(reply, MODEL_LENGTH, HEED_E_LIMIT, arena,
		          "the answer was cut off at the limit of tokens");
	else
		reply->class = MODEL_ANSWER;
}

void
openai_decode(const struct model *model, const struct model_response *response,
              struct arena *arena, struct model_reply *reply)
{
	struct heed_json body = codec_parse(response, arena, reply);
	const struct heed_json *choices = json_get(body, "choices");

	(void)model;
	if (response->status < 200 || response->status > 299) {
		codec_fail(response, body, arena, reply);
		return;
	}
	read_usage(body, reply);
	reply->model = json_get_text(body, "model");
	if (choices == NULL || choices->kind != HEED_ARRAY || choices->len == 0) {
		struct model_usage usage = reply->usage;

		codec_fail(response, body, arena, reply);
		reply->usage = usage;
		return;
	}
	read_choice(choices->items[0], arena, reply);
}

static int
check(const struct model *model, struct heed_error *error)
{
	if (model->model.len == 0)
		return error_set(error, HEED_E_CONFIG, "provider openai needs a `model`");
	if (model->form == FORM_TOOL)
		return error_set(error, HEED_E_CONFIG,
		                 "`form: tool` is for provider anthropic");
	if (model->credential != CREDENTIAL_NONE && model->api_key.len > 0)
		return error_set(error, HEED_E_CONFIG,
		                 "give either `api_key` or `credential`, not both");
	return 0;
}

const struct model_kind model_openai = {
	.name = "openai",
	.help = "OpenAI's chat completions, or any server that is compatible with them.",
	.options = options,
	.endpoint = "https://api.openai.com/v1",
	.check = check,
	.encode = encode,
	.decode = openai_decode,
};
