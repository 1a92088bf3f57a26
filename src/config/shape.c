/*
 * shape.c - OPTION_SHAPE: JSON made from expressions, templates and plain values
 * (bind.h).
 *
 * A part without any expression is turned into its value once, when it is bound.
 */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "config/bind_local.h"

enum shape_kind { SHAPE_VALUE, SHAPE_EXPR, SHAPE_TEMPLATE, SHAPE_LIST, SHAPE_MAP };

struct shape {
	enum shape_kind kind;
	struct heed_json value;    /* VALUE */
	struct expr *expr;         /* EXPR */
	struct template *template; /* TEMPLATE */
	struct shape *items;       /* LIST, MAP: n of them */
	struct heed_str *names;    /* MAP */
	size_t n;
};

static int make(struct bind *bind, const struct conf_node *node, struct shape *shape);

static bool
has_expression(struct heed_str text)
{
	return str_search(text, HEED_STR("{{")) < text.len;
}

static int
make_expr(struct bind *bind, const struct conf_node *node, struct shape *shape)
{
	shape->kind = SHAPE_EXPR;
	return bind_expr(bind, node, &shape->expr);
}

static int
make_template(struct bind *bind, const struct conf_node *node, struct shape *shape)
{
	shape->kind = SHAPE_TEMPLATE;
	return bind_template(bind, node, &shape->template);
}

static int
make_value(struct bind *bind, const struct conf_node *node, struct shape *shape)
{
	shape->kind = SHAPE_VALUE;
	return conf_json(bind->arena, node, 0, &shape->value);
}

static bool
all_values(const struct shape *shape)
{
	size_t i;

	for (i = 0; i < shape->n; i++)
		if (shape->items[i].kind != SHAPE_VALUE)
			return false;
	return true;
}

static int
make_parts(struct bind *bind, const struct conf_node *node, struct shape *shape)
{
	int worst = 0;
	size_t i;

	shape->kind = node->kind == CONF_MAP ? SHAPE_MAP : SHAPE_LIST;
	shape->n = node->n;
	shape->items = ARENA_ARRAY(bind->arena, struct shape, node->n);
	shape->names = ARENA_ARRAY(bind->arena, struct heed_str, node->n);
	if (shape->items == NULL || shape->names == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		if (node->kind == CONF_MAP)
			shape->names[i] = node->keys[i].text;
		worst = bind_worse(worst, make(bind, &node->items[i], &shape->items[i]));
	}
	if (worst == 0 && all_values(shape))
		return make_value(bind, node, shape);
	return worst;
}

/* What stands inside a mapping or list. */
static int
make(struct bind *bind, const struct conf_node *node, struct shape *shape)
{
	if (node->kind == CONF_LIST || node->kind == CONF_MAP)
		return make_parts(bind, node, shape);
	if (!bind_is_text(node))
		return make_value(bind, node, shape);
	if (has_expression(node->text))
		return make_template(bind, node, shape);
	if (str_starts(node->text, "."))
		return make_expr(bind, node, shape);
	return make_value(bind, node, shape);
}

int
shape_new(struct bind *bind, const struct conf_node *node, struct shape **ret_shape)
{
	struct shape *shape = ARENA_NEW(bind->arena, struct shape);

	if (shape == NULL)
		return HEED_E_NOMEM;
	if (node->kind != CONF_SCALAR)
		HEED_TRY(make(bind, node, shape));
	else if (has_expression(node->text))
		HEED_TRY(make_template(bind, node, shape));
	else
		HEED_TRY(make_expr(bind, node, shape));
	*ret_shape = shape;
	return 0;
}

/* ---- evaluate ---------------------------------------------------------------------- */

static int
render(const struct shape *shape, struct heed_json input, struct arena *arena,
       struct heed_json *ret_value, struct heed_error *error)
{
	struct heed_str text;

	HEED_TRY(template_string(shape->template, input, arena, 0, &text, error));
	*ret_value = json_str(text);
	return 0;
}

static int
eval_parts(const struct shape *shape, struct heed_json input, struct arena *arena,
           struct heed_json *ret_value, struct heed_error *error)
{
	struct json_build build;
	struct heed_json value = {.kind = HEED_NULL};
	size_t i;
	int r;

	if (shape->kind == SHAPE_MAP)
		json_object(&build, arena);
	else
		json_array(&build, arena);
	for (i = 0; i < shape->n; i++) {
		r = shape_eval(&shape->items[i], input, arena, &value, error);
		if (r == HEED_E_NOTFOUND)
			continue;
		if (r < 0)
			return r;
		if (shape->kind == SHAPE_MAP)
			json_set(&build, shape->names[i], value);
		else
			json_push(&build, value);
	}
	return json_build_end(&build, ret_value) < 0 ? error_nomem(error) : 0;
}

int
shape_eval(const struct shape *shape, struct heed_json input, struct arena *arena,
           struct heed_json *ret_value, struct heed_error *error)
{
	switch (shape->kind) {
	case SHAPE_VALUE:
		*ret_value = shape->value;
		return 0;
	case SHAPE_EXPR:
		return expr_eval(shape->expr, input, arena, ret_value, error);
	case SHAPE_TEMPLATE:
		return render(shape, input, arena, ret_value, error);
	case SHAPE_LIST:
	case SHAPE_MAP:
		break;
	}
	return eval_parts(shape, input, arena, ret_value, error);
}

bool
shape_members(const struct shape *shape, struct arena *arena, struct heed_str **ret_names,
              size_t *ret_n)
{
	struct heed_str *names;
	uint32_t i;

	switch (shape->kind) {
	case SHAPE_MAP:
		*ret_names = shape->names;
		*ret_n = shape->n;
		return true;
	case SHAPE_EXPR:
		return expr_members(shape->expr, arena, ret_names, ret_n);
	case SHAPE_VALUE:
		names = shape->value.kind == HEED_OBJECT
		                ? ARENA_ARRAY(arena, struct heed_str,
		                              shape->value.len + 1)
		                : NULL;
		if (names == NULL)
			return false;
		for (i = 0; i < shape->value.len; i++)
			names[i] = shape->value.members[i].name;
		*ret_names = names;
		*ret_n = shape->value.len;
		return true;
	case SHAPE_TEMPLATE:
	case SHAPE_LIST:
		break;
	}
	return false;
}
