/*
 * fuzz_redact.c - any bytes as what is to be kept back.
 *
 * The first byte chooses detectors; the rest is a JSON input, or, when it is none, one
 * text in an object. What is put back is what was there, for every text and also when it
 * was cleaned twice; and a value that a path named does not stand in a cleaned text by
 * itself.
 */
#include <assert.h>
#include <string.h>

#include "base/detect.h"
#include "base/json.h"
#include "base/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(struct redaction *redaction, struct heed_str text)
{
	struct heed_str clean, again, back;

	if (redaction_text(redaction, text, &clean) != 0 ||
	    redaction_text(redaction, clean, &again) != 0)
		return;
	assert(redaction_restore(redaction, again, REDACT_PLAIN, &back) == 0);
	assert(str_eq(back, text));
	assert(redaction_restore(redaction, clean, REDACT_PLAIN, &back) == 0);
	assert(str_eq(back, text));
}

/* Values at .secret: a text that is one, long enough to be looked for, is replaced. */
static void
check_secret(struct redaction *redaction, struct heed_json value)
{
	const struct heed_json *secret = json_get(value, "secret");
	struct heed_str clean;

	if (secret == NULL || secret->kind != HEED_STRING || secret->len < 3 ||
	    redaction_text(redaction, json_text(*secret), &clean) != 0)
		return;
	assert(!str_eq(clean, json_text(*secret)) || secret->text[0] == '[');
}

static void
check_leaves(struct redaction *redaction, struct heed_json value)
{
	check_secret(redaction, value);
	if (value.kind == HEED_STRING)
		check_text(redaction, json_text(value));
	for (uint32_t i = 0; value.kind == HEED_ARRAY && i < value.len; i++)
		check_leaves(redaction, value.items[i]);
	for (uint32_t i = 0; value.kind == HEED_OBJECT && i < value.len; i++)
		check_leaves(redaction, value.members[i].value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct redact_rule rules[2] = {{.restore = true},
	                               {.label = HEED_STR("S"), .restore = true}};
	const struct redact_rules list = {rules, 2};
	const struct redact_rules *lists[] = {&list};
	struct heed_json input, clean;
	struct redaction *redaction;
	struct json_paths *paths;
	struct heed_str text;
	struct arena arena;

	if (size < 1)
		return 0;
	arena_init(&arena, 0);
	rules[0].kinds = data[0] & DETECT_ALL;
	text = (struct heed_str){(const char *)data + 1, size - 1};
	assert(json_paths_new(&arena, HEED_STR("..|.secret?"), &paths, NULL) == 0);
	rules[1].path = paths;
	if (json_parse(&arena, text, &input, NULL) != 0) {
		struct heed_member *member = arena_alloc(&arena, sizeof(*member));

		*member = (struct heed_member){HEED_STR("text"), json_str(text)};
		input = (struct heed_json){
			.kind = HEED_OBJECT, .len = 1, .members = member};
	}
	if (redaction_new(&arena, lists, 1, input, &redaction, &clean) == 0) {
		check_leaves(redaction, input);
		redaction_free(redaction);
	}
	arena_done(&arena);
	return 0;
}
