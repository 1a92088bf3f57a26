/*
 * dev_models.c - see dev_models.h.
 */
#include "cli/dev_models.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/schema_sample.h"
#include "cli/out.h"
#include "model/codec.h"

#define NO_KEY "no-key-in-heed-dev"
#define FILE_MAX (8 * 1024 * 1024)

/* ---- keys -------------------------------------------------------------------------- */

/* The NAME of "${NAME}" alone, or NULL. */
static const char *
variable_of(struct arena *arena, const struct conf_node *node)
{
	if (node == NULL || node->kind != CONF_SCALAR || !str_starts(node->raw, "${") ||
	    str_find(node->raw, '}') + 1 != node->raw.len ||
	    str_find(node->raw, ':') < node->raw.len)
		return NULL;
	return arena_cstr(arena, str_head(str_from(node->raw, 2), node->raw.len - 3));
}

static void
prepare_models(struct arena *arena, const struct conf_node *models)
{
	size_t i;

	for (i = 0; models != NULL && models->kind == CONF_MAP && i < models->n; i++) {
		const char *name =
			variable_of(arena, conf_get(&models->items[i], "api_key"));
		const char *value = name != NULL ? getenv(name) : NULL;

		if (name != NULL && (value == NULL || value[0] == '\0'))
			(void)setenv(name, NO_KEY, 1);
	}
}

void
dev_models_prepare(const char *path)
{
	struct conf_problems problems;
	struct conf_node *root = NULL;
	struct heed_buf text;
	struct arena arena;

	arena_init(&arena, 0);
	buf_init(&text, FILE_MAX);
	conf_problems_init(&problems, &arena);
	if (file_read(path, &text, NULL) == 0)
		(void)conf_parse(&arena, path, buf_str(&text), &problems, &root);
	if (root != NULL)
		prepare_models(&arena, conf_get(root, "models"));
	buf_done(&text);
	arena_done(&arena);
}

bool
dev_model_has_no_key(const struct model *model)
{
	if (model_kinds[model->provider]->answer != NULL)
		return false;
	return str_is(model->api_key, NO_KEY) ||
	       (model->api_key.len == 0 && model->credential == CREDENTIAL_NONE &&
	        model->endpoint.len == 0);
}

/* ---- answers ----------------------------------------------------------------------- */

static int
make_up(const struct model_question *question, struct arena *arena,
        struct heed_str *ret_text)
{
	struct heed_json value;

	if (question->schema.kind == HEED_NULL) {
		*ret_text = HEED_STR("(an answer in free text would stand here)");
		return 0;
	}
	HEED_TRY(schema_sample(question->schema, arena, &value));
	*ret_text = json_text_of(arena, value);
	return ret_text->data == NULL ? HEED_E_NOMEM : 0;
}

static bool
answer(void *arg, const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_reply *reply)
{
	struct heed_str label = model_label(model);

	(void)arg;
	if (!dev_model_has_no_key(model))
		return false;
	if (model->rules != NULL) {
		model_rules.answer(model, question, arena, reply);
		reply->model = arena_printf(arena, "rules, not %.*s", STR_ARG(label));
		return true;
	}
	reply->retry_after_ms = -1;
	reply->model = arena_printf(arena, "made up, not by %.*s", STR_ARG(label));
	if (make_up(question, arena, &reply->text) < 0) {
		reply->class = MODEL_TRANSIENT;
		reply->code = HEED_E_NOMEM;
		return true;
	}
	reply->class = MODEL_ANSWER;
	reply->raw = reply->text;
	return true;
}

const struct model_stand_in dev_models_stand_in = {.answer = answer};

void
dev_models_show(struct heed_buf *buf, const struct app *app)
{
	const struct model *models = app->models.items;
	size_t i;

	for (i = 0; i < app->models.n; i++) {
		const struct model *model = &models[i];
		const char *provider = model_kinds[model->provider]->name;
		struct heed_str label = model_label(model);

		buf_adds(buf, "  model ");
		out_cell(buf, model->name, 14);
		if (model_kinds[model->provider]->answer != NULL)
			buf_addf(buf,
			         " %srules%s, a jq program of the configuration: no "
			         "model is asked\n",
			         out_style(OUT_GREEN), out_style(OUT_END));
		else if (!dev_model_has_no_key(model))
			buf_addf(buf, " %s%.*s%s (%s) is asked, and paid for\n",
			         out_style(OUT_CYAN), STR_ARG(label), out_style(OUT_END),
			         provider);
		else
			buf_addf(buf, " %s%s%s %.*s (%s), whose key is not set\n",
			         out_style(OUT_YELLOW),
			         model->rules != NULL ? "rules answer in place of"
			                              : "answers are made up in place of",
			         out_style(OUT_END), STR_ARG(label), provider);
	}
}
