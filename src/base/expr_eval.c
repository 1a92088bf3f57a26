/*
 * expr_eval.c - a direct expression's tree over one value.
 *
 * One small function for each kind of node, found by a table. A node gives one output, or
 * HEED_E_NOTFOUND for none, or HEED_E_PERMANENT for an error in jq's words. Where jq
 * evaluates the right operand first, so does this, because it decides which error is
 * seen. Everything is allocated on the arena; a plain path allocates nothing.
 *
 * The one intended difference: jq 1.6 also swallows errors that happen behind a `(...)?`,
 * a fault that its next version corrected; here `?` covers its own operand only.
 */
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/json.h"

typedef int eval_fn(struct eval *eval, const struct node *node, struct heed_json input,
                    struct heed_json *ret_value);

static int
eval_const(struct eval *eval, const struct node *node, struct heed_json input,
           struct heed_json *ret_value)
{
	*ret_value = node->value;
	return 0;
}

/* What a path starts from. */
static int
eval_base(struct eval *eval, const struct node *base, struct heed_json input,
          struct heed_json *ret_value)
{
	if (base != NULL)
		return expr_eval_node(eval, base, input, ret_value);
	*ret_value = input;
	return 0;
}

static int
eval_path(struct eval *eval, const struct node *node, struct heed_json input,
          struct heed_json *ret_value)
{
	struct heed_json value;

	HEED_TRY(eval_base(eval, node->a, input, &value));
	for (uint32_t i = 0; i < node->n; i++) {
		int r = expr_step(eval, value, &node->steps[i], &value);

		if (r == HEED_E_PERMANENT && node->steps[i].optional)
			return HEED_E_NOTFOUND;
		HEED_TRY(r);
	}
	*ret_value = value;
	return 0;
}

static int
eval_index(struct eval *eval, const struct node *node, struct heed_json input,
           struct heed_json *ret_value)
{
	struct heed_json base, key;
	int r;

	HEED_TRY(expr_eval_node(eval, node->b, input, &key));
	HEED_TRY(eval_base(eval, node->a, input, &base));
	r = expr_index(eval, base, key, ret_value);
	return r == HEED_E_PERMANENT && node->optional ? HEED_E_NOTFOUND : r;
}

static int
eval_slice(struct eval *eval, const struct node *node, struct heed_json input,
           struct heed_json *ret_value)
{
	struct heed_json base, from = json_null(), to = json_null();
	int r;

	if (node->b != NULL)
		HEED_TRY(expr_eval_node(eval, node->b, input, &from));
	if (node->to != NULL)
		HEED_TRY(expr_eval_node(eval, node->to, input, &to));
	HEED_TRY(eval_base(eval, node->a, input, &base));
	r = expr_slice(eval, base, from, to, ret_value);
	return r == HEED_E_PERMANENT && node->optional ? HEED_E_NOTFOUND : r;
}

static int
eval_pipe(struct eval *eval, const struct node *node, struct heed_json input,
          struct heed_json *ret_value)
{
	struct heed_json left;

	HEED_TRY(expr_eval_node(eval, node->a, input, &left));
	return expr_eval_node(eval, node->b, left, ret_value);
}

static int
eval_if(struct eval *eval, const struct node *node, struct heed_json input,
        struct heed_json *ret_value)
{
	struct heed_json condition;

	HEED_TRY(expr_eval_node(eval, node->a, input, &condition));
	return expr_eval_node(eval, json_truthy(condition) ? node->b : node->to, input,
	                      ret_value);
}

static int
eval_alt(struct eval *eval, const struct node *node, struct heed_json input,
         struct heed_json *ret_value)
{
	struct heed_json left;
	int r = expr_eval_node(eval, node->a, input, &left);

	if (r != 0 && r != HEED_E_NOTFOUND)
		return r;
	if (r == HEED_E_NOTFOUND || !json_truthy(left))
		return expr_eval_node(eval, node->b, input, ret_value);
	*ret_value = left;
	return 0;
}

static int
eval_logic(struct eval *eval, const struct node *node, struct heed_json input,
           struct heed_json *ret_value)
{
	struct heed_json value;

	HEED_TRY(expr_eval_node(eval, node->a, input, &value));
	if (json_truthy(value) == (node->op == N_AND))
		HEED_TRY(expr_eval_node(eval, node->b, input, &value));
	*ret_value = json_bool(json_truthy(value));
	return 0;
}

static int
eval_not(struct eval *eval, const struct node *node, struct heed_json input,
         struct heed_json *ret_value)
{
	*ret_value = json_bool(!json_truthy(input));
	return 0;
}

static int
eval_negate(struct eval *eval, const struct node *node, struct heed_json input,
            struct heed_json *ret_value)
{
	struct heed_json value;

	HEED_TRY(expr_eval_node(eval, node->a, input, &value));
	return expr_negate(eval, value, ret_value);
}

static bool
holds(enum node_op op, struct heed_json a, struct heed_json b)
{
	switch (op) {
	case N_EQ:
		return json_equal(a, b);
	case N_NE:
		return !json_equal(a, b);
	case N_LT:
		return json_compare(a, b) < 0;
	case N_LE:
		return json_compare(a, b) <= 0;
	case N_GT:
		return json_compare(a, b) > 0;
	default:
		return json_compare(a, b) >= 0;
	}
}

static int
eval_compare(struct eval *eval, const struct node *node, struct heed_json input,
             struct heed_json *ret_value)
{
	struct heed_json left, right;

	HEED_TRY(expr_eval_node(eval, node->b, input, &right));
	HEED_TRY(expr_eval_node(eval, node->a, input, &left));
	*ret_value = json_bool(holds(node->op, left, right));
	return 0;
}

static int
eval_math(struct eval *eval, const struct node *node, struct heed_json input,
          struct heed_json *ret_value)
{
	struct heed_json left, right;

	HEED_TRY(expr_eval_node(eval, node->b, input, &right));
	HEED_TRY(expr_eval_node(eval, node->a, input, &left));
	return expr_math(eval, node->op, left, right, ret_value);
}

static int
eval_try(struct eval *eval, const struct node *node, struct heed_json input,
         struct heed_json *ret_value)
{
	int r = expr_eval_node(eval, node->a, input, ret_value);

	return r == HEED_E_PERMANENT ? HEED_E_NOTFOUND : r;
}

static int
eval_array(struct eval *eval, const struct node *node, struct heed_json input,
           struct heed_json *ret_value)
{
	struct heed_json *items =
		arena_alloc(eval->arena, (node->n + 1) * sizeof(*items));
	uint32_t n = 0;

	if (items == NULL)
		return error_nomem(eval->error);
	for (uint32_t i = 0; i < node->n; i++) {
		int r = expr_eval_node(eval, node->items[i], input, &items[n]);

		if (r == 0)
			n++;
		else if (r != HEED_E_NOTFOUND)
			return r;
	}
	*ret_value = (struct heed_json){.kind = HEED_ARRAY, .len = n, .items = items};
	return 0;
}

/* Keys that are constant and differ need no look for a double. */
static int
eval_record(struct eval *eval, const struct node *node, struct heed_json input,
            struct heed_json *ret_value)
{
	struct heed_member *members =
		arena_alloc(eval->arena, (node->n + 1) * sizeof(*members));

	if (members == NULL)
		return error_nomem(eval->error);
	for (uint32_t i = 0; i < node->n; i++) {
		members[i].name = json_text(node->pairs[i].key->value);
		HEED_TRY(expr_eval_node(eval, node->pairs[i].value, input,
		                        &members[i].value));
	}
	*ret_value = (struct heed_json){
		.kind = HEED_OBJECT, .len = node->n, .members = members};
	return 0;
}

static int
eval_object(struct eval *eval, const struct node *node, struct heed_json input,
            struct heed_json *ret_value)
{
	struct json_build build;

	if (node->distinct)
		return eval_record(eval, node, input, ret_value);
	json_object(&build, eval->arena);
	for (uint32_t i = 0; i < node->n; i++) {
		struct heed_json key, value;
		char brief[EXPR_BRIEF_SIZE];

		HEED_TRY(expr_eval_node(eval, node->pairs[i].key, input, &key));
		HEED_TRY(expr_eval_node(eval, node->pairs[i].value, input, &value));
		if (key.kind != HEED_STRING)
			return error_set(eval->error, HEED_E_PERMANENT,
			                 "Cannot use %s (%s) as object key",
			                 json_kind_name(key), expr_brief(brief, key));
		json_set(&build, json_text(key), value);
	}
	return json_build_end(&build, ret_value) == 0 ? 0 : error_nomem(eval->error);
}

/* From the right, as jq adds the pieces up. */
static int
eval_string(struct eval *eval, const struct node *node, struct heed_json input,
            struct heed_json *ret_value)
{
	struct heed_str *pieces = arena_alloc(eval->arena, node->n * sizeof(*pieces));
	size_t len = 0;
	char *text;

	if (pieces == NULL)
		return error_nomem(eval->error);
	for (uint32_t i = node->n; i-- > 0;) {
		struct heed_json value;

		HEED_TRY(expr_eval_node(eval, node->items[i], input, &value));
		HEED_TRY(expr_tostring(eval, value, &pieces[i]));
		len += pieces[i].len;
	}
	if (len > EXPR_STRING_MAX)
		return error_set(eval->error, HEED_E_LIMIT,
		                 "the string would have %zu bytes, more than %u", len,
		                 EXPR_STRING_MAX);
	text = arena_alloc(eval->arena, len + 1);
	if (text == NULL)
		return error_nomem(eval->error);
	*ret_value = json_str((struct heed_str){text, len});
	for (uint32_t i = 0; i < node->n; i++) {
		if (pieces[i].len > 0)
			memcpy(text, pieces[i].data, pieces[i].len);
		text += pieces[i].len;
	}
	return 0;
}

static eval_fn *const evaluators[] = {
	[N_CONST] = eval_const,   [N_PATH] = eval_path,     [N_INDEX] = eval_index,
	[N_SLICE] = eval_slice,   [N_PIPE] = eval_pipe,     [N_ALT] = eval_alt,
	[N_AND] = eval_logic,     [N_OR] = eval_logic,      [N_NOT] = eval_not,
	[N_NEGATE] = eval_negate, [N_EQ] = eval_compare,    [N_NE] = eval_compare,
	[N_LT] = eval_compare,    [N_LE] = eval_compare,    [N_GT] = eval_compare,
	[N_GE] = eval_compare,    [N_ADD] = eval_math,      [N_SUB] = eval_math,
	[N_MUL] = eval_math,      [N_DIV] = eval_math,      [N_MOD] = eval_math,
	[N_TRY] = eval_try,       [N_IF] = eval_if,         [N_ARRAY] = eval_array,
	[N_OBJECT] = eval_object, [N_STRING] = eval_string,
};

int
expr_eval_node(struct eval *eval, const struct node *node, struct heed_json input,
               struct heed_json *ret_value)
{
	return evaluators[node->op](eval, node, input, ret_value);
}
