/*
 * app_budgets.c - what only the whole configuration can tell of prices and budgets: a
 * budget can't hold what has no price, and two budgets of the same calls and periods are
 * one.
 */
#include "config/app.h"

/* ---- which models are asked where ----------------------------------------------------
 */

/* Call fn for every model that is named below `node` as `model:`, wherever a pattern
 * keeps its questions. */
static void
each_model(const struct app *app, const struct conf_node *node,
           void (*fn)(void *arg, const struct model *model), void *arg)
{
	size_t i;

	for (i = 0; node != NULL && i < node->n; i++) {
		const struct conf_node *item = &node->items[i];
		const struct model *model = NULL;

		if (node->kind == CONF_MAP && item->kind == CONF_SCALAR &&
		    str_is(node->keys[i].text, "model"))
			model = app_model(app, item->text);
		if (model != NULL)
			fn(arg, model);
		else
			each_model(app, item, fn, arg);
	}
}

struct price_check {
	struct app *app;
	const struct budget *budget;
	const struct conf_node *at;
	int worst;
};

/* The model or one of its fallbacks may be asked under the budget. */
static void
check_price(void *arg, const struct model *model)
{
	struct price_check *check = arg;
	struct app *app = check->app;
	size_t steps;

	for (steps = 0; model != NULL && steps <= app->models.n; steps++) {
		if (!model_price_known(model) &&
		    (check->budget->model.len == 0 ||
		     str_eq(check->budget->model, model->name)))
			check->worst = conf_problem(
				&app->problems, check->at,
				"add price: {input: ..., output: ...} to the model, with "
				"0 for one that is free",
				"the budget \"%.*s\" can't hold model \"%.*s\", whose "
				"price is not known",
				STR_ARG(check->budget->label), STR_ARG(model->name));
		model = app_model(app, model->fallback);
	}
}

static void
each_in(const struct app *app, const char *section, struct heed_str name,
        struct price_check *check)
{
	const struct conf_node *map = conf_get(app->root, section);
	size_t i;

	for (i = 0; map != NULL && i < map->n; i++)
		if (str_eq(map->keys[i].text, name))
			each_model(app, &map->items[i], check_price, check);
}

/* The part of the file that asks under the budget. */
static int
check_budget_prices(struct app *app, const struct budget *budget,
                    const struct conf_node *at)
{
	struct price_check check = {.app = app, .budget = budget, .at = at};
	const struct conf_node *root = app->root;
	const struct model *other = app_model(app, budget->then.model);
	bool is_for_a_flow = budget->reaction.len > 0 || budget->entity.len > 0 ||
	                     budget->saga.len > 0;
	size_t i;

	each_in(app, "reactions", budget->reaction, &check);
	each_in(app, "entities", budget->entity, &check);
	each_in(app, "sagas", budget->saga, &check);
	for (i = 0; i < root->n && !is_for_a_flow; i++)
		if (!str_is(root->keys[i].text, "models") &&
		    !str_is(root->keys[i].text, "budgets"))
			each_model(app, &root->items[i], check_price, &check);
	if (other != NULL)
		check_price(&check, other);
	return check.worst;
}

/* ---- the checks -------------------------------------------------------------------- */

static bool
are_same(const struct budget *a, const struct budget *b)
{
	return str_eq(a->label, b->label) && str_eq(a->timezone, b->timezone);
}

/* A name that there is nothing of was reported where it stands. */
static bool
has_lost_name(const struct budget *budget, const struct conf_node *at)
{
	return (budget->reaction.len == 0 && conf_get(at, "reaction") != NULL) ||
	       (budget->entity.len == 0 && conf_get(at, "entity") != NULL) ||
	       (budget->saga.len == 0 && conf_get(at, "saga") != NULL) ||
	       (budget->model.len == 0 && conf_get(at, "model") != NULL);
}

static int
check_budget(struct app *app, size_t i, const struct conf_node *at)
{
	struct budget *budgets = app->budgets.items;
	struct budget *budget = &budgets[i];
	struct heed_error error;
	size_t other;

	if (has_lost_name(budget, at))
		return HEED_E_CONFIG;
	if (budget_check(budget, &app->arena, &error) < 0)
		return conf_problem(&app->problems, at, error.hint, "%s", error.text);
	for (other = 0; other < i; other++)
		if (are_same(&budgets[other], budget))
			return conf_problem(&app->problems, at, "take one of them out",
			                    "there is a budget \"%.*s\" already",
			                    STR_ARG(budget->label));
	return check_budget_prices(app, budget, at);
}

int
app_check_budgets(struct app *app)
{
	const struct conf_node *list = conf_get(app->root, "budgets");
	int worst = 0;
	size_t i;

	for (i = 0; i < app->budgets.n; i++) {
		int r = check_budget(app, i, &list->items[i]);

		worst = r < 0 ? r : worst;
	}
	return worst;
}

void
app_warn_of_prices(struct app *app)
{
	const struct conf_node *map = conf_get(app->root, "models");
	const struct model *models = app->models.items;
	size_t i;

	for (i = 0; i < app->models.n; i++)
		if (!model_price_known(&models[i]))
			(void)conf_problem(
				&app->warnings, &map->keys[i],
				"add price: {input: ..., output: ...}, with 0 for one "
				"that is free; heed cost prices lists what is known",
				"model \"%.*s\": the price of \"%.*s\" is not "
				"known: its calls count as $0",
				STR_ARG(models[i].name),
				STR_ARG(model_label(&models[i])));
}
