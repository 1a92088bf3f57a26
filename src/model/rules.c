/*
 * rules.c - a model that is none: a jq program answers, free and at once.
 *
 * For development without a key, for tests, and for what needs no model. It sees what
 * other expressions see, and `.ask`: {name, prompt, schema}. Its replies say that rules
 * answered; they never pass for a model's.
 */
#include "base/error.h"
#include "model/codec.h"

static const char *const options[] = {"rules", NULL};

static int
make_input(const struct model_question *question, struct arena *arena,
           struct heed_json *ret_input)
{
	struct heed_json ask;
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "name", json_str(question->name));
	json_set_cstr(&build, "prompt", json_str(question->prompt));
	json_set_cstr(&build, "schema", question->schema);
	HEED_TRY(json_build_end(&build, &ask));
	json_object(&build, arena);
	for (uint32_t i = 0;
	     question->input.kind == HEED_OBJECT && i < question->input.len; i++)
		json_set(&build, question->input.members[i].name,
		         question->input.members[i].value);
	json_set_cstr(&build, "ask", ask);
	return json_build_end(&build, ret_input);
}

static void
answer(const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_reply *reply)
{
	struct heed_error error = {0};
	struct heed_json input, value;
	int r;

	reply->model = HEED_STR("rules");
	reply->retry_after_ms = -1;
	r = make_input(question, arena, &input);
	if (r == 0)
		r = expr_eval(model->rules, input, arena, &value, &error);
	if (r == HEED_E_NOTFOUND) {
		reply_set(reply, MODEL_REFUSAL, HEED_E_REFUSED, arena,
		          "the rules gave no answer");
		return;
	}
	if (r != 0) {
		reply_set(reply, r == HEED_E_NOMEM ? MODEL_TRANSIENT : MODEL_PERMANENT, r,
		          arena, "the rules failed: %s", error.text);
		return;
	}
	/* Free text is itself; everything else is its JSON. */
	reply->class = MODEL_ANSWER;
	if (value.kind == HEED_STRING && question->schema.kind == HEED_NULL)
		reply->text = arena_str(arena, json_text(value));
	else
		reply->text = json_text_of(arena, value);
	reply->raw = reply->text;
	if (reply->text.data == NULL)
		reply_set(reply, MODEL_TRANSIENT, HEED_E_NOMEM, arena, "out of memory");
}

static int
check(const struct model *model, struct heed_error *error)
{
	if (model->rules == NULL)
		return error_set(error, HEED_E_CONFIG, "provider rules needs `rules`");
	return 0;
}

const struct model_kind model_rules = {
	.name = "rules",
	.help = "No model: the jq program `rules` answers, free and at once.",
	.options = options,
	.check = check,
	.answer = answer,
};
