/*
 * expr_parse.c - tokens to the tree of a direct expression.
 *
 * Precedence climbing over jq 1.6's grammar, restricted to what gives at most one output:
 * no iteration, no bindings, no function but `not`. Meeting anything else is no error
 * here: the answer is then "not direct", and libjq says what it means or what is wrong
 * with it. For the same reason whatever jq rejects when compiling (1/0, {(1): 2}) is left
 * to it.
 *
 * Where jq 1.6 is stricter than its successors, the later rule holds: object values need
 * no parentheses ({a: .x + 1}), and .a.[0] is .a[0]. expr_jq.c rewrites these for libjq.
 *
 * On the way it notes which names of the input are read. The right side of a pipe reads
 * something else, so nothing is noted there.
 */
#include <string.h>

#include "base/error.h"
#include "base/expr_parser.h"
#include "base/json.h"
#include "base/mem.h"

static int parse_product(struct parser *parser, const struct node **ret_node);

int
parser_kind(const struct parser *parser)
{
	return parser->at < parser->end ? parser->at->kind : T_END;
}

bool
parser_accept(struct parser *parser, int wanted)
{
	if (parser_kind(parser) != wanted)
		return false;
	parser->at++;
	return true;
}

int
parser_expect(struct parser *parser, int wanted)
{
	return parser_accept(parser, wanted) ? 0 : NOT_DIRECT;
}

struct heed_str
parser_text(const struct parser *parser, const struct token *token)
{
	return (struct heed_str){parser->whole.data + token->at, token->len};
}

static uint16_t
depth_of(const struct node *node)
{
	return node != NULL ? node->depth : 0;
}

int
parser_deepen(struct node *node, const struct node *below)
{
	if (depth_of(below) >= node->depth)
		node->depth = (uint16_t)(depth_of(below) + 1);
	return node->depth > EXPR_DEPTH_MAX ? HEED_E_LIMIT : 0;
}

int
parser_node(struct parser *parser, enum node_op op, const struct node *a,
            const struct node *b, struct node **ret_node)
{
	struct node *node = ARENA_NEW(parser->arena, struct node);

	if (node == NULL)
		return HEED_E_NOMEM;
	node->op = (uint8_t)op;
	node->depth = 1;
	node->a = a;
	node->b = b;
	HEED_TRY(parser_deepen(node, a));
	HEED_TRY(parser_deepen(node, b));
	*ret_node = node;
	return 0;
}

int
parser_join(struct parser *parser, enum node_op op, const struct node *a,
            const struct node *b, const struct node **ret_node)
{
	struct node *node;

	HEED_TRY(parser_node(parser, op, a, b, &node));
	*ret_node = node;
	return 0;
}

int
parser_constant(struct parser *parser, struct heed_json value,
                const struct node **ret_node)
{
	struct node *node;

	HEED_TRY(parser_node(parser, N_CONST, NULL, NULL, &node));
	node->value = value;
	*ret_node = node;
	return 0;
}

int
list_add(struct list *list, const void *item, size_t size)
{
	HEED_TRY(mem_grow(&list->items, &list->cap, list->n + 1, size));
	memcpy((char *)list->items + list->n * size, item, size);
	list->n++;
	return 0;
}

const void *
list_take(struct list *list, struct arena *arena, size_t size)
{
	void *items = arena_alloc(arena, list->n > 0 ? list->n * size : 1);

	if (items != NULL && list->n > 0)
		memcpy(items, list->items, list->n * size);
	mem_free(list->items);
	*list = (struct list){NULL, 0, 0};
	return items;
}

int
parser_root(struct parser *parser, struct heed_str name)
{
	struct roots *roots = parser->roots;
	void *names = roots->names;

	if (parser->piped)
		return 0;
	if (name.data == NULL) {
		roots->unknown = true;
		return 0;
	}
	for (size_t i = 0; i < roots->n; i++) {
		if (str_cmp(roots->names[i], name) == 0)
			return 0;
	}
	HEED_TRY(mem_grow(&names, &roots->cap, roots->n + 1, sizeof(*roots->names)));
	roots->names = names;
	roots->names[roots->n++] = name;
	return 0;
}

/* ---- terms and operators ----------------------------------------------------------- */

static bool
accept_word(struct parser *parser, const char *word)
{
	if (parser_kind(parser) != T_IDENT ||
	    !str_is(parser_text(parser, parser->at), word))
		return false;
	parser->at++;
	return true;
}

/* Behind "if" or "elif". jq 1.6 wants an else, and nothing right behind the end. */
static int
parse_if(struct parser *parser, const struct node **ret_node)
{
	static const uint8_t further[] = {T_FIELD, '.', '[', '?'};
	const struct node *condition, *yes, *no;
	struct node *node;

	if (++parser->nested > EXPR_DEPTH_MAX)
		return HEED_E_LIMIT;
	HEED_TRY(parse_pipe(parser, &condition));
	if (!accept_word(parser, "then"))
		return NOT_DIRECT;
	HEED_TRY(parse_pipe(parser, &yes));
	if (accept_word(parser, "elif")) {
		HEED_TRY(parse_if(parser, &no));
	} else {
		if (!accept_word(parser, "else"))
			return NOT_DIRECT;
		HEED_TRY(parse_pipe(parser, &no));
		if (!accept_word(parser, "end") ||
		    memchr(further, parser_kind(parser), sizeof(further)) != NULL)
			return NOT_DIRECT;
	}
	parser->nested--;
	HEED_TRY(parser_node(parser, N_IF, condition, yes, &node));
	HEED_TRY(parser_deepen(node, no));
	node->to = no;
	*ret_node = node;
	return 0;
}

static int
parse_word(struct parser *parser, const struct node **ret_node)
{
	struct heed_str name = parser_text(parser, parser->at++);

	if (str_is(name, "null"))
		return parser_constant(parser, json_null(), ret_node);
	if (str_is(name, "true") || str_is(name, "false"))
		return parser_constant(parser, json_bool(name.len == 4), ret_node);
	if (str_is(name, "if"))
		return parse_if(parser, ret_node);
	if (!str_is(name, "not"))
		return NOT_DIRECT;
	HEED_TRY(parser_root(parser, (struct heed_str){NULL, 0}));
	return parser_join(parser, N_NOT, NULL, NULL, ret_node);
}

static int
parse_term(struct parser *parser, const struct node **ret_node)
{
	const struct node *base = NULL;

	switch (parser_kind(parser)) {
	case '.':
		parser->at++;
		if (parser_kind(parser) == T_QUOTE)
			parser->at--; /* parse_path reads ."name" whole */
		break;
	case T_FIELD:
		break;
	case T_NUMBER:
		HEED_TRY(parse_number(parser, &base));
		break;
	case T_QUOTE:
		HEED_TRY(parse_string(parser, &base));
		break;
	case T_IDENT:
		HEED_TRY(parse_word(parser, &base));
		break;
	case '(':
		parser->at++;
		HEED_TRY(parse_pipe(parser, &base));
		HEED_TRY(parser_expect(parser, ')'));
		break;
	case '[':
		HEED_TRY(parse_array(parser, &base));
		break;
	case '{':
		HEED_TRY(parse_object(parser, &base));
		break;
	default:
		return NOT_DIRECT;
	}
	return parse_path(parser, base, ret_node);
}

/* A minus takes the whole product behind it, as in jq: -2 * 3 is -(2 * 3). */
static int
parse_factor(struct parser *parser, const struct node **ret_node)
{
	const struct node *operand;
	struct heed_json value;
	struct eval eval = {parser->arena, NULL};

	if (!parser_accept(parser, '-'))
		return parse_term(parser, ret_node);
	if (++parser->nested > EXPR_DEPTH_MAX)
		return HEED_E_LIMIT;
	HEED_TRY(parse_product(parser, &operand));
	parser->nested--;
	if (operand->op == N_CONST && expr_negate(&eval, operand->value, &value) == 0)
		return parser_constant(parser, value, ret_node);
	return parser_join(parser, N_NEGATE, operand, NULL, ret_node);
}

static int
parse_product(struct parser *parser, const struct node **ret_node)
{
	const struct node *left, *right;

	HEED_TRY(parse_factor(parser, &left));
	for (;;) {
		enum node_op op = parser_kind(parser) == '*'   ? N_MUL
		                  : parser_kind(parser) == '/' ? N_DIV
		                                               : N_MOD;

		if (op == N_MOD && parser_kind(parser) != '%')
			break;
		parser->at++;
		HEED_TRY(parse_factor(parser, &right));
		if (op == N_DIV && left->op == N_CONST && right->op == N_CONST &&
		    json_is_number(right->value) && json_number(right->value) == 0)
			return NOT_DIRECT; /* an error of jq's compiler */
		HEED_TRY(parser_join(parser, op, left, right, &left));
	}
	*ret_node = left;
	return 0;
}

static int
parse_sum(struct parser *parser, const struct node **ret_node)
{
	const struct node *left, *right;

	HEED_TRY(parse_product(parser, &left));
	while (parser_kind(parser) == '+' || parser_kind(parser) == '-') {
		enum node_op op = parser_kind(parser) == '+' ? N_ADD : N_SUB;

		parser->at++;
		HEED_TRY(parse_product(parser, &right));
		HEED_TRY(parser_join(parser, op, left, right, &left));
	}
	*ret_node = left;
	return 0;
}

static int
parse_comparison(struct parser *parser, const struct node **ret_node)
{
	static const struct {
		uint8_t kind;
		uint8_t op;
	} operators[] = {{T_EQ, N_EQ}, {T_NE, N_NE}, {'<', N_LT},
	                 {T_LE, N_LE}, {'>', N_GT},  {T_GE, N_GE}};
	const struct node *left, *right;

	HEED_TRY(parse_sum(parser, &left));
	*ret_node = left;
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (parser_kind(parser) != operators[i].kind)
			continue;
		parser->at++;
		HEED_TRY(parse_sum(parser, &right));
		return parser_join(parser, operators[i].op, left, right, ret_node);
	}
	return 0;
}

static int
parse_and(struct parser *parser, const struct node **ret_node)
{
	const struct node *left, *right;

	HEED_TRY(parse_comparison(parser, &left));
	while (accept_word(parser, "and")) {
		HEED_TRY(parse_comparison(parser, &right));
		HEED_TRY(parser_join(parser, N_AND, left, right, &left));
	}
	*ret_node = left;
	return 0;
}

static int
parse_or(struct parser *parser, const struct node **ret_node)
{
	const struct node *left, *right;

	HEED_TRY(parse_and(parser, &left));
	while (accept_word(parser, "or")) {
		HEED_TRY(parse_and(parser, &right));
		HEED_TRY(parser_join(parser, N_OR, left, right, &left));
	}
	*ret_node = left;
	return 0;
}

int
parse_alt(struct parser *parser, const struct node **ret_node)
{
	const struct node *left, *right;

	HEED_TRY(parse_or(parser, &left));
	*ret_node = left;
	if (!parser_accept(parser, T_ALT))
		return 0;
	if (++parser->nested > EXPR_DEPTH_MAX)
		return HEED_E_LIMIT;
	HEED_TRY(parse_alt(parser, &right));
	parser->nested--;
	return parser_join(parser, N_ALT, left, right, ret_node);
}

int
parse_pipe(struct parser *parser, const struct node **ret_node)
{
	const struct node *left, *right;
	bool piped = parser->piped;

	HEED_TRY(parse_alt(parser, &left));
	*ret_node = left;
	if (!parser_accept(parser, '|'))
		return 0;
	if (++parser->nested > EXPR_DEPTH_MAX)
		return HEED_E_LIMIT;
	parser->piped = true;
	HEED_TRY(parse_pipe(parser, &right));
	parser->piped = piped;
	parser->nested--;
	return parser_join(parser, N_PIPE, left, right, ret_node);
}

int
expr_parse(struct arena *arena, const struct tokens *tokens, size_t begin, size_t end,
           struct heed_str whole, struct roots *roots, const struct node **ret_node,
           struct heed_error *error)
{
	struct parser parser = {
		.arena = arena,
		.at = tokens->at + begin,
		.end = tokens->at + end,
		.whole = whole,
		.roots = roots,
	};
	const struct node *node = NULL;
	int r;

	roots->n = 0;
	roots->unknown = false;
	r = parse_pipe(&parser, &node);
	if (r == HEED_E_NOMEM)
		return error_nomem(error);
	if (r == HEED_E_LIMIT)
		return expr_fail(error, whole, parser.at < parser.end ? parser.at->at : 0,
		                 "the expression is nested too deeply");
	*ret_node = r == 0 && parser.at == parser.end ? node : NULL;
	return 0;
}
