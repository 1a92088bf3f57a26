/*
 * fuzz_reply.c - any bytes as a provider's response, and as an answer.
 *
 * The first byte picks provider and status, the rest is the body. Decoders must fill a
 * consistent reply from everything; the answer's reader must end with a value that is
 * valid.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/schema.h"
#include "base/str.h"
#include "model/model.h"
#include "model/structured.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema_text[] =
	"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"enum\":["
	"\"x\",\"y\"]},"
	"\"b\":{\"type\":\"string\"},\"c\":{\"anyOf\":[{\"type\":\"array\",\"items\":{\"$"
	"ref\":"
	"\"#\"}},{\"type\":\"integer\"}]}},\"additionalProperties\":false}";

static const struct schema *
get_schema(void)
{
	static struct schema *schema;
	static struct arena arena;
	struct heed_json document;

	if (schema == NULL) {
		arena_init(&arena, 0);
		if (json_parse(&arena, str_of(schema_text), &document, NULL) != 0 ||
		    schema_new(document, NULL, 0, &schema, NULL) != 0)
			abort();
	}
	return schema;
}

static void
check_reply(const struct model_reply *reply, struct arena *arena)
{
	const struct model_usage *usage = &reply->usage;
	struct model_reply back;
	struct heed_json record;

	assert((reply->code == 0) == (reply->class == MODEL_ANSWER));
	assert(usage->input >= 0 && usage->output >= 0);
	assert(usage->cached_input >= 0 && usage->cache_write >= 0);
	assert(usage->cached_input + usage->cache_write <= usage->input);
	assert(usage->reasoning >= 0 && usage->reasoning <= usage->output);
	assert(str_utf8(reply->text) && str_utf8(reply->message));
	assert(model_reply_write(reply, arena, &record) == 0);
	assert(model_reply_read(record, &back) == 0);
	assert(back.class == reply->class && back.code == reply->code);
	assert(str_eq(back.text, reply->text));
}

static void
check_answer(struct heed_str text, struct arena *arena)
{
	struct structured_report report;
	struct heed_json answer;
	int r = structured_read(get_schema(), text, arena, &answer, &report);

	if (r == 0)
		assert(schema_validate(get_schema(), answer, NULL) == 0);
	else
		assert(r != HEED_E_INVALID || report.complaint.len > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 200, 400, 401, 429, 500, 503, 529};
	struct model model = {.name = HEED_STR("m"), .max_tokens = 10, .temperature = -1};
	struct model_reply reply = {0};
	struct heed_str body;
	struct arena arena;

	if (size == 0)
		return 0;
	body = (struct heed_str){(const char *)data + 1, size - 1};
	model.provider = data[0] % 3;
	arena_init(&arena, 0);
	struct model_response response = {.status = statuses[data[0] / 3 % 8],
	                                  .body = body};

	model_kinds[model.provider]->decode(&model, &response, &arena, &reply);
	check_reply(&reply, &arena);
	check_answer(body, &arena);
	if (reply.text.len > 0)
		check_answer(reply.text, &arena);
	arena_done(&arena);
	return 0;
}
