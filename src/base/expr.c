/*
 * expr.c - sets of expressions, and the way from text to an expression.
 *
 * A text is cut into tokens, checked for names that would make it impure, and parsed as a
 * direct expression. When it is none, as much as possible of its front still is evaluated
 * here: of `.event.data.items[] | select(.x)` the path before `[]`, of `A | B` the part
 * A. So libjq gets a small value instead of the whole input, and large integers elsewhere
 * in the input can't trouble it.
 */
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/json.h"
#include "base/mem.h"

struct expr_set *
expr_set_new(void)
{
	struct expr_set *set = mem_new(sizeof(*set));

	if (set == NULL)
		return NULL;
	arena_init(&set->arena, 0);
	set->last = &set->first;
	return set;
}

void
expr_set_free(struct expr_set *set)
{
	if (set == NULL)
		return;
	expr_jq_free(set);
	mem_free(set->tokens.at);
	mem_free(set->names.names);
	arena_done(&set->arena);
	mem_free(set);
}

struct arena *
expr_set_arena(struct expr_set *set)
{
	return &set->arena;
}

/* The first token outside of all brackets that is `kind`, or the end. */
static size_t
find_outside(const struct tokens *tokens, int kind)
{
	size_t i = 0;

	while (i < tokens->n &&
	       (tokens->at[i].kind != kind || tokens->at[i].open != '\0'))
		i++;
	return i;
}

/* Where `[]` first follows a path that opens the text and goes on to `end`; else `end`.
 */
static size_t
find_iteration(const struct tokens *tokens, size_t end)
{
	static const uint8_t path[] = {T_FIELD, '.',      '[',     ']',    ':',
	                               '?',     T_NUMBER, T_QUOTE, T_TEXT, T_UNQUOTE};
	size_t found = end;

	for (size_t i = 0; i < end; i++) {
		const struct token *token = &tokens->at[i];

		if (memchr(path, token->kind, sizeof(path)) == NULL)
			return end;
		if (found == end && i > 0 && token->kind == '[' &&
		    tokens->at[i + 1].kind == ']')
			found = i;
	}
	return found;
}

/* Text from token `begin` up to token `end`. */
static struct heed_str
span(const struct tokens *tokens, size_t begin, size_t end, struct heed_str whole)
{
	const struct token *first = &tokens->at[begin], *last = &tokens->at[end - 1];

	return (struct heed_str){whole.data + first->at,
	                         last->at + last->len - first->at};
}

/* Find the part of an expression for libjq that can be evaluated here. */
static int
parse_front(struct expr *expr, struct heed_error *error)
{
	struct expr_set *set = expr->set;
	const struct tokens *tokens = &set->tokens;
	size_t pipe = find_outside(tokens, '|');
	size_t end = find_iteration(tokens, pipe);
	const struct node *node;

	if (end == tokens->n)
		return 0;
	HEED_TRY(expr_parse(&set->arena, tokens, 0, end, expr->whole, &set->names, &node,
	                    error));
	if (node == NULL)
		return 0;
	expr->node = node;
	expr->feed = span(tokens, 0, end, expr->whole);
	expr->dot = end < pipe;
	expr->skip = expr->dot ? end : end + 1;
	return 0;
}

static int
keep_roots(struct expr *expr, struct heed_error *error)
{
	const struct roots *names = &expr->set->names;

	expr->n_roots = SIZE_MAX;
	if (names->unknown)
		return 0;
	expr->roots = ARENA_ARRAY(&expr->set->arena, struct heed_str, names->n + 1);
	if (expr->roots == NULL)
		return error_nomem(error);
	if (names->n > 0)
		memcpy(expr->roots, names->names, names->n * sizeof(*expr->roots));
	expr->n_roots = names->n;
	return 0;
}

static int
parse(struct expr *expr, struct heed_error *error)
{
	struct expr_set *set = expr->set;
	const struct tokens *tokens = &set->tokens;

	if (!set->no_direct) {
		HEED_TRY(expr_parse(&set->arena, tokens, 0, tokens->n, expr->whole,
		                    &set->names, &expr->node, error));
		expr->direct = expr->node != NULL;
		if (!expr->direct)
			HEED_TRY(parse_front(expr, error));
	}
	if (expr->node == NULL && expr_lex_roots(tokens, expr->whole, &set->names) != 0)
		return error_nomem(error);
	return keep_roots(expr, error);
}

int
expr_new_at(struct expr_set *set, struct heed_str whole, size_t from, enum lex_stop stop,
            struct expr **ret_expr, size_t *ret_end, struct heed_error *error)
{
	struct expr *expr = ARENA_NEW(&set->arena, struct expr);

	if (expr == NULL)
		return error_nomem(error);
	HEED_TRY(expr_lex(&set->tokens, whole, from, stop, error));
	HEED_TRY(expr_lex_names(&set->tokens, whole, error));
	expr->set = set;
	expr->whole = whole;
	expr->text = span(&set->tokens, 0, set->tokens.n, whole);
	HEED_TRY(parse(expr, error));
	expr->slot = expr->direct ? 0 : set->n_jq++;
	*set->last = expr;
	set->last = &expr->next;
	*ret_expr = expr;
	*ret_end = set->tokens.end;
	return 0;
}

int
expr_new(struct expr_set *set, struct heed_str text, struct expr **ret_expr,
         struct heed_error *error)
{
	struct heed_str whole;
	size_t end;

	if (text.len > EXPR_SIZE_MAX)
		return expr_fail(error, text, 0, "the expression is longer than %d bytes",
		                 EXPR_SIZE_MAX);
	if (!str_utf8(text) ||
	    (text.len > 0 && memchr(text.data, '\0', text.len) != NULL))
		return expr_fail(error, text, 0, "the expression is not UTF-8 text");
	whole = arena_str(&set->arena, text);
	if (whole.data == NULL)
		return error_nomem(error);
	return expr_new_at(set, whole, 0, LEX_ALL, ret_expr, &end, error);
}

int
expr_set_check(struct expr_set *set, struct expr **ret_expr, struct heed_error *error)
{
	return expr_jq_compile(set, ret_expr, error);
}

/* No output is no failure in most places: its words are cheap, and made only if wanted.
 */
static int
nothing(const struct expr *expr, struct heed_error *error)
{
	if (error == NULL)
		return HEED_E_NOTFOUND;
	return error_set(error, HEED_E_NOTFOUND, "the expression gives no output: %.*s",
	                 (int)str_head_utf8(expr->text, 200).len, expr->text.data);
}

int
expr_eval(const struct expr *expr, struct heed_json input, struct arena *arena,
          struct heed_json *ret_value, struct heed_error *error)
{
	struct eval eval = {arena, error};
	struct heed_json value = input;
	int r = 0;

	if (expr->node != NULL)
		r = expr_eval_node(&eval, expr->node, input, &value);
	if (r == 0 && !expr->direct)
		r = expr_jq_eval(expr, value, arena, &value, error);
	if (r == HEED_E_NOTFOUND)
		return nothing(expr, error);
	HEED_TRY(r);
	*ret_value = value;
	return 0;
}

int
expr_test(const struct expr *expr, struct heed_json input, struct arena *arena,
          bool *ret_truth, struct heed_error *error)
{
	struct heed_json value = json_null();
	int r = expr_eval(expr, input, arena, &value, error);

	if (r != 0 && r != HEED_E_NOTFOUND)
		return r;
	*ret_truth = json_truthy(value);
	return 0;
}

struct heed_str
expr_text(const struct expr *expr)
{
	return expr->text;
}

bool
expr_is_direct(const struct expr *expr)
{
	return expr->direct;
}

const struct heed_str *
expr_roots(const struct expr *expr, size_t *ret_n)
{
	*ret_n = expr->n_roots;
	return expr->roots;
}

bool
expr_members(const struct expr *expr, struct arena *arena, struct heed_str **ret_names,
             size_t *ret_n)
{
	const struct node *node = expr->direct ? expr->node : NULL;
	bool constant =
		node != NULL && node->op == N_CONST && node->value.kind == HEED_OBJECT;
	struct heed_str *names;
	uint32_t n;
	uint32_t i;

	if (!constant && (node == NULL || node->op != N_OBJECT || !node->distinct))
		return false;
	n = constant ? node->value.len : node->n;
	names = ARENA_ARRAY(arena, struct heed_str, n + 1);
	if (names == NULL)
		return false;
	for (i = 0; i < n; i++)
		names[i] = constant ? node->value.members[i].name
		                    : json_text(node->pairs[i].key->value);
	*ret_names = names;
	*ret_n = n;
	return true;
}
