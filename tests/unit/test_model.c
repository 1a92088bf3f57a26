/*
 * test_model.c - codecs and prices.
 *
 * Replies have the shapes that the providers' documents show and compatible servers send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/codec.h"
#include "model/price.h"

#define PROVIDER_OPENAI 0
#define PROVIDER_AZURE 1
#define PROVIDER_ANTHROPIC 2
#define PROVIDER_RULES 3

static struct arena arena;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct heed_json
json(const char *text)
{
	struct heed_error error = {0};
	struct heed_json value;

	if (json_parse(&arena, str_of(text), &value, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return value;
}

static void
assert_str(struct heed_str have, const char *want)
{
	assert_string_equal(arena_cstr(&arena, have), want);
}

static void
assert_json(struct heed_json have, const char *want)
{
	if (!json_equal(have, json(want)))
		fail_msg("%s is not %s", arena_cstr(&arena, json_text_of(&arena, have)),
		         want);
}

static struct model
make_model(int provider)
{
	return (struct model){
		.name = HEED_STR("quick"),
		.provider = provider,
		.endpoint = HEED_STR("https://ai.example.com/v1/"),
		.model = HEED_STR("gpt-4o-mini"),
		.deployment = HEED_STR("my gpt"),
		.api_key = HEED_STR("secret-key"),
		.max_tokens = 100,
		.temperature = -1,
	};
}

static struct model_question
make_question(const char *schema)
{
	return (struct model_question){
		.name = HEED_STR("the answer!"),
		.system = HEED_STR("Be brief."),
		.prompt = HEED_STR("What?"),
		.schema = schema != NULL ? json(schema) : json_null(),
		.temperature = -1,
	};
}

static struct heed_json
encode(const struct model *model, const struct model_question *question,
       struct model_request *ret_request)
{
	struct heed_error error = {0};

	*ret_request = (struct model_request){.n_headers = 0};
	assert_int_equal(model_kinds[model->provider]->encode(model, question, &arena,
	                                                      ret_request, &error),
	                 0);
	return json(arena_cstr(&arena, ret_request->body));
}

static struct heed_str
header(const struct model_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++)
		if (str_is(request->headers[i].name, name))
			return request->headers[i].value;
	return (struct heed_str){NULL, 0};
}

static struct model_reply
decode(int provider, int status, const char *body)
{
	static const struct http_header headers[] = {{{"x-request-id", 12}, {"req_1", 5}},
	                                             {{"retry-after", 11}, {"7", 1}}};
	struct model model = make_model(provider);
	struct model_response response = {.status = status,
	                                  .headers = headers,
	                                  .n_headers = 2,
	                                  .body = str_of(body)};
	struct model_reply reply = {0};

	model_kinds[provider]->decode(&model, &response, &arena, &reply);
	return reply;
}

/* ---- codecs ------------------------------------------------------------------------ */

#define SEGMENT                                                                          \
	"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"enum\":"     \
	"[\"x\",\"y\"]},\"b\":{\"type\":\"string\",\"maxLength\":5}}}"

static void
test_openai_request(void **state)
{
	struct model model = make_model(PROVIDER_OPENAI);
	struct model_question question = make_question(SEGMENT);
	struct model_request request;
	struct heed_json body = encode(&model, &question, &request);
	const struct heed_json *format =
		json_path(body, "response_format", "json_schema", NULL);

	(void)state;
	assert_str(request.url, "https://ai.example.com/v1/chat/completions");
	assert_str(header(&request, "Authorization"), "Bearer secret-key");
	assert_int_equal(json_get_int(body, "max_tokens", 0), 100);
	assert_null(json_get(body, "temperature"));
	assert_str(json_get_text(*format, "name"), "the_answer_");
	assert_true(json_get_bool(*format, "strict", false));
	assert_json(*json_get(*format, "schema"),
	            "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\","
	            "\"enum\":[\"x\","
	            "\"y\"]},\"b\":{\"type\":[\"string\",\"null\"],\"description\":"
	            "\"Must satisfy "
	            "{\\\"maxLength\\\":5}\"}},\"required\":[\"a\",\"b\"],"
	            "\"additionalProperties\":false}");
	assert_str(json_text(*json_pointer(&body, HEED_STR("/messages/1/content"))),
	           "What?");
	model.endpoint = (struct heed_str){NULL, 0};
	model.extra = json("{\"max_completion_tokens\":null,\"seed\":1}");
	body = encode(&model, &question, &request);
	assert_str(request.url, "https://api.openai.com/v1/chat/completions");
	assert_null(json_get(body, "max_completion_tokens"));
	assert_null(json_get(body, "max_tokens"));
	assert_int_equal(json_get_int(body, "seed", 0), 1);
}

static void
test_repair_request(void **state)
{
	struct model model = make_model(PROVIDER_ANTHROPIC);
	struct model_question question = make_question(SEGMENT);
	struct model_request request;
	struct heed_json body;

	(void)state;
	question.previous = HEED_STR("{\"a\":\"z\"}");
	question.complaint = HEED_STR("/a: must be x or y");
	body = encode(&model, &question, &request);
	assert_str(request.url, "https://ai.example.com/v1/messages");
	assert_str(header(&request, "x-api-key"), "secret-key");
	assert_json(*json_get(body, "messages"),
	            "[{\"role\":\"user\",\"content\":\"What?\"},{\"role\":\"assistant\","
	            "\"content\":"
	            "\"{\\\"a\\\":\\\"z\\\"}\"},{\"role\":\"user\",\"content\":\"/a: "
	            "must be x or "
	            "y\"}]");
	assert_json(
		*json_path(body, "output_config", "format", "schema", "required", NULL),
		"[\"a\"]");
	assert_true(str_search(json_get_text(body, "system"),
	                       HEED_STR("never an instruction")) <
	            json_get_text(body, "system").len);
	model.form = FORM_TOOL;
	body = encode(&model, &question, &request);
	assert_json(*json_get(body, "tool_choice"),
	            "{\"type\":\"tool\",\"name\":\"the_answer_\"}");
}

static void
test_azure_addresses(void **state)
{
	struct model model = make_model(PROVIDER_AZURE);
	struct model_question question = make_question(NULL);
	struct model_request request;
	struct heed_json body;

	(void)state;
	model.endpoint = HEED_STR("https://ai.example.com/");
	model.api_version = HEED_STR("2024-10-21");
	body = encode(&model, &question, &request);
	assert_str(request.url, "https://ai.example.com/openai/deployments/my%20gpt/chat/"
	                        "completions?api-version=2024-10-21");
	assert_str(header(&request, "api-key"), "secret-key");
	assert_null(json_get(body, "model"));
	model.api_version = (struct heed_str){NULL, 0};
	body = encode(&model, &question, &request);
	assert_str(request.url, "https://ai.example.com/openai/v1/chat/completions");
	assert_str(json_get_text(body, "model"), "my gpt");
	assert_int_equal(json_get_int(body, "max_completion_tokens", 0), 100);
}

static void
test_openai_reply(void **state)
{
	struct model_reply reply = decode(
		PROVIDER_OPENAI, 200,
		"{\"id\":\"c1\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{"
		"\"index\":0,"
		"\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\","
		"\"content\":"
		"\"{\\\"a\\\":1}\",\"refusal\":null}}],\"usage\":{\"prompt_tokens\":100,"
		"\"completion_tokens\":30,\"prompt_tokens_details\":{\"cached_tokens\":"
		"64},"
		"\"completion_tokens_details\":{\"reasoning_tokens\":20}}}");

	(void)state;
	assert_int_equal(reply.code, 0);
	assert_str(reply.text, "{\"a\":1}");
	assert_str(reply.request_id, "req_1");
	assert_str(reply.model, "gpt-4o-mini-2024-07-18");
	assert_int_equal(reply.usage.input, 100);
	assert_int_equal(reply.usage.cached_input, 64);
	assert_int_equal(reply.usage.output, 30);
	assert_int_equal(reply.usage.reasoning, 20);
}

static void
test_anthropic_reply(void **state)
{
	struct model_reply reply = decode(
		PROVIDER_ANTHROPIC, 200,
		"{\"type\":\"message\",\"model\":\"claude-haiku-4-5\",\"content\":[{"
		"\"type\":"
		"\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"yes\"}],"
		"\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,"
		"\"cache_creation_input_tokens\":20,\"cache_read_input_tokens\":70,"
		"\"output_tokens\":5}}");

	(void)state;
	assert_int_equal(reply.code, 0);
	assert_str(reply.text, "yes");
	assert_int_equal(reply.usage.input, 100);
	assert_int_equal(reply.usage.cached_input, 70);
	assert_int_equal(reply.usage.cache_write, 20);
	reply = decode(PROVIDER_ANTHROPIC, 200,
	               "{\"content\":[{\"type\":\"tool_use\",\"name\":\"x\",\"input\":{"
	               "\"a\":1}}],"
	               "\"stop_reason\":\"tool_use\"}");
	assert_str(reply.text, "{\"a\":1}");
	assert_true(reply.usage.estimated);
}

#define CHOICE(finish, message)                                                          \
	"{\"choices\":[{\"finish_reason\":\"" finish "\",\"message\":" message "}]}"
#define ERROR(code) "{\"error\":{\"message\":\"no\",\"code\":\"" code "\"}}"

/* Everything that is not a plain answer, told apart. */
static void
test_classes(void **state)
{
	static const struct {
		int provider;
		int status;
		const char *body;
		enum model_class class;
		int code;
		bool suspect;
	} cases[] = {
		{0, 200, CHOICE("stop", "{\"content\":null,\"refusal\":\"I can't\"}"),
	         MODEL_REFUSAL, HEED_E_REFUSED, false},
		{0, 200, CHOICE("length", "{\"content\":\"{\\\"a\"}"), MODEL_LENGTH,
	         HEED_E_LIMIT, false},
		{0, 200, CHOICE("content_filter", "{\"content\":\"\"}"),
	         MODEL_CONTENT_FILTER, HEED_E_REFUSED, false},
		{1, 400,
	         "{\"error\":{\"code\":\"content_filter\",\"message\":\"m\","
	         "\"innererror\":{\"code\":"
	         "\"ResponsibleAIPolicyViolation\"}}}",
	         MODEL_CONTENT_FILTER, HEED_E_REFUSED, false},
		{0, 429, ERROR("rate_limit_exceeded"), MODEL_RATE, HEED_E_RATE, false},
		{0, 429, ERROR("insufficient_quota"), MODEL_PERMANENT, HEED_E_PERMANENT,
	         true},
		{0, 400, ERROR("invalid_request"), MODEL_PERMANENT, HEED_E_PERMANENT,
	         false},
		{0, 401, ERROR("invalid_api_key"), MODEL_PERMANENT, HEED_E_PERMANENT,
	         true},
		{0, 500, "oops", MODEL_TRANSIENT, HEED_E_TRANSIENT, true},
		{0, 503, "{\"detail\":\"loading\"}", MODEL_TRANSIENT, HEED_E_TRANSIENT,
	         true},
		{0, 200, "", MODEL_TRANSIENT, HEED_E_TRANSIENT, true},
		{0, 200, "{\"choices\":[{\"mess", MODEL_TRANSIENT, HEED_E_TRANSIENT,
	         true},
		{0, 200, "[1,2]", MODEL_TRANSIENT, HEED_E_TRANSIENT, true},
		{0, 200, "{\"choices\":[1]}", MODEL_TRANSIENT, HEED_E_TRANSIENT, true},
		{2, 529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
	         MODEL_TRANSIENT, HEED_E_TRANSIENT, true},
		{2, 200, "{\"content\":[],\"stop_reason\":\"refusal\"}", MODEL_REFUSAL,
	         HEED_E_REFUSED, false},
		{2, 200, "{\"content\":[],\"stop_reason\":\"max_tokens\"}", MODEL_LENGTH,
	         HEED_E_LIMIT, false},
		{2, 200, "{\"content\":5}", MODEL_TRANSIENT, HEED_E_TRANSIENT, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model_reply reply =
			decode(cases[i].provider, cases[i].status, cases[i].body);

		if (reply.class != cases[i].class || reply.code != cases[i].code ||
		    reply.suspect != cases[i].suspect)
			fail_msg("case %zu: %s %d %d", i, model_class_name(reply.class),
			         reply.code, reply.suspect);
	}
}

static void
test_compatible_servers(void **state)
{
	struct model_reply reply;

	(void)state;
	reply = decode(0, 200,
	               "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\","
	               "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}}]}");
	assert_str(reply.text, "ab");
	assert_true(reply.usage.estimated);
	reply = decode(0, 200,
	               "{\"choices\":[{\"message\":{\"content\":\"\",\"tool_calls\":[{"
	               "\"function\":{\"arguments\":{\"a\":1}}}]}}]}");
	assert_str(reply.text, "{\"a\":1}");
	reply = decode(0, 400, "{\"error\":\"no such model\"}");
	assert_str(reply.message, "HTTP 400: no such model");
	reply = decode(0, 200,
	               "{\"choices\":[{\"message\":{\"content\":\"x\"}}],\"usage\":{"
	               "\"prompt_tokens\":5,\"completion_tokens\":-3,"
	               "\"prompt_tokens_details\":{\"cached_tokens\":9}}}");
	assert_int_equal(reply.usage.cached_input, 5);
	assert_int_equal(reply.usage.output, 0);
}

static void
test_records(void **state)
{
	struct model_reply reply = decode(0, 500, "no\xff"), back;
	struct heed_json record;

	(void)state;
	assert_int_equal(model_reply_write(&reply, &arena, &record), 0);
	assert_int_equal(model_reply_read(record, &back), 0);
	assert_int_equal(back.class, MODEL_TRANSIENT);
	assert_int_equal(back.status, 500);
	assert_true(back.suspect && back.sent);
	assert_str(json_get_text(record, "raw_base64"), "bm//");
	assert_int_equal(model_reply_read(json("[]"), &back), HEED_E_INVALID);
}

/* Whatever allocation fails: a clean failure, or the whole answer. */
static void
test_no_memory(void **state)
{
	static const char body[] = CHOICE("stop", "{\"content\":[{\"text\":\"{}\"}]}");
	struct model model = make_model(PROVIDER_OPENAI);
	struct model_question question = make_question(SEGMENT);
	struct model_response response = {.status = 200,
	                                  .body = {body, sizeof(body) - 1}};
	bool encoded = false, decoded = false;

	(void)state;
	for (long n = 0; n < 1000 && !(encoded && decoded); n++) {
		struct model_request request = {.n_headers = 0};
		struct model_reply reply = {0};
		struct heed_error error = {0};
		struct arena small;
		int r;

		arena_init(&small, 64);
		mem_fail_after(n, 1);
		r = model_openai.encode(&model, &question, &small, &request, &error);
		mem_fail_after(n, 1);
		model_openai.decode(&model, &response, &small, &reply);
		mem_fail_after(-1, 0);
		assert_true(r == 0 || r == HEED_E_NOMEM);
		assert_true(reply.code != 0 || str_is(reply.text, "{}"));
		encoded = r == 0;
		decoded = reply.code == 0;
		arena_done(&small);
	}
	assert_true(encoded && decoded);
}

/* ---- prices ------------------------------------------------------------------------ */

static void
test_prices(void **state)
{
	struct model model = make_model(PROVIDER_OPENAI);
	struct model_usage usage = {.input = 1000, .cached_input = 200, .output = 300};
	bool known;

	(void)state;
	/* 800 * 150 + 200 * 75 + 300 * 600 nano-dollars */
	assert_int_equal(
		model_cost(&model, HEED_STR("gpt-4o-mini-2024-07-18"), &usage, 0, &known),
		315000);
	assert_true(known);
	model.model = HEED_STR("somebody/own-model");
	assert_int_equal(model_cost(&model, HEED_STR("own"), &usage, 0, &known), 0);
	assert_false(known || model_price_known(&model));
	model.price = (struct model_price){true, 333, 1, 0, 1000000, 1000000, 0.5};
	usage = (struct model_usage){.input = 1501, .output = 1};
	assert_int_equal(model_cost(&model, HEED_STR("gpt-4o"), &usage, 0, &known), 1);
	usage = (struct model_usage){.input = 1502, .output = 1};
	assert_int_equal(model_cost(&model, HEED_STR("gpt-4o"), &usage, 0, &known), 2);
	model = make_model(PROVIDER_ANTHROPIC);
	model.model = HEED_STR("claude-haiku-4-5-20251001");
	usage = (struct model_usage){
		.input = 100, .cached_input = 70, .cache_write = 20, .output = 5};
	/* 10 * 1000 + 70 * 100 + 20 * 1250 + 5 * 5000 */
	assert_int_equal(model_cost(&model, HEED_STR(""), &usage, 0, NULL), 67000);
	model.model = HEED_STR("gpt-5.5");
	usage = (struct model_usage){.input = 272001};
	assert_int_equal(model_cost(&model, HEED_STR(""), &usage, 0, NULL),
	                 272001LL * 10000);
	usage = (struct model_usage){.input = INT64_MAX, .output = INT64_MAX};
	assert_true(model_cost(&model, HEED_STR(""), &usage, 0, NULL) > 0);
	model.provider = PROVIDER_RULES;
	assert_true(model_price_known(&model));
	assert_int_equal(model_tokens_estimate(4), 2);
}

static void
test_price_days(void **state)
{
	struct model model = make_model(PROVIDER_ANTHROPIC);
	struct model_usage usage = {.input = 1000000, .cached_input = 1000000};
	int64_t before, after;

	(void)state;
	model.model = HEED_STR("claude-sonnet-5-5");
	assert_int_equal(clock_parse(HEED_STR("2026-10-06T23:59:59Z"), &before), 0);
	assert_int_equal(clock_parse(HEED_STR("2026-10-07T00:00:00Z"), &after), 0);
	assert_int_equal(model_cost(&model, HEED_STR(""), &usage, before, NULL),
	                 200000000);
	assert_int_equal(model_cost(&model, HEED_STR(""), &usage, after, NULL),
	                 100000000);
	assert_int_equal(model_cost(&model, HEED_STR(""), &usage, 0, NULL), 100000000);
	/* Every row is found by its own name, and says where it is from. */
	for (size_t i = 0; i < price_list_n; i++) {
		const struct price_row *row = &price_list[i];
		const struct price_row *found =
			price_find(str_of(row->name), row->above + 1, 0);

		assert_non_null(found);
		assert_string_equal(found->name, row->name);
		assert_true(row->source->seen[0] == '2' && row->price.output > 0);
	}
	assert_null(price_find(HEED_STR("gpt-4o-miniature"), 1, 0));
	assert_non_null(price_find(HEED_STR("openai/gpt-4o-2024-08-06"), 1, 0));
}

/* What is reserved covers whatever a provider may count within the question's bounds. */
static void
test_cost_bound(void **state)
{
	struct model model = make_model(PROVIDER_OPENAI);
	struct model_question question = {.prompt = HEED_STR("0123456789"),
	                                  .schema = json_null(),
	                                  .max_tokens = 100,
	                                  .temperature = -1};
	struct model_usage usage = {.input = 10, .output = 100};
	int64_t most, n;

	(void)state;
	model.price = (struct model_price){true, 1000, 10, 5000, 2000, 9000, 0.5};
	most = model_cost_max(&model, &question, 0);
	for (n = 0; n < 1000; n++) {
		usage.reasoning = n % 101;
		usage.cache_write = n % 11;
		usage.cached_input = n % 7;
		assert_true(model_cost(&model, HEED_STR(""), &usage, 0, NULL) <= most);
	}
	usage = (struct model_usage){.input = 10, .output = 100, .reasoning = 40};
	assert_int_equal(model_cost(&model, HEED_STR(""), &usage, 0, NULL),
	                 (10 * 1000 + 60 * 2000 + 40 * 9000 + 500000) / 1000000);
	model.price.output = model.price.reasoning = 1000000000;
	most = model_cost_max(&model, &question, 0);
	model.extra = json("{\"n\":3}");
	assert_true(model_cost_max(&model, &question, 0) >= most + 2 * 100 * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_openai_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repair_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_azure_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_openai_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anthropic_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_classes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compatible_servers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_price_days, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cost_bound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
