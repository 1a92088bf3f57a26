/*
 * expr_path.c - .name, [key], [from:to] and ? behind a term.
 *
 * Steps with a constant name or whole number gather in one node, since they are by far
 * the most frequent and can be walked in a loop; any other key gets a node of its own.
 */
#include "base/expr_parser.h"
#include "base/json.h"
#include "base/mem.h"

/* A path under construction: constant steps gather in `steps` until something else comes.
 */
struct path {
	const struct node *base; /* NULL: the input */
	struct list steps;
};

/* Make what was gathered the base of what follows. */
static int
path_flush(struct parser *parser, struct path *path)
{
	size_t n = path->steps.n;
	const struct step *steps;
	struct node *node;

	if (n == 0)
		return 0;
	steps = list_take(&path->steps, parser->arena, sizeof(*steps));
	if (steps == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(parser_node(parser, N_PATH, path->base, NULL, &node));
	node->steps = steps;
	node->n = (uint32_t)n;
	if (path->base == NULL)
		HEED_TRY(parser_root(parser, steps[0].name));
	path->base = node;
	return 0;
}

static int
path_step(struct parser *parser, struct path *path, struct heed_str name, int64_t index)
{
	struct step step = {.name = name, .index = index};

	step.optional = parser_accept(parser, '?');
	return list_add(&path->steps, &step, sizeof(step));
}

/* [key] with the key already parsed. */
static int
path_key(struct parser *parser, struct path *path, const struct node *key)
{
	struct node *node;

	if (key->op == N_CONST && key->value.kind == HEED_STRING)
		return path_step(parser, path, json_text(key->value), 0);
	if (key->op == N_CONST && key->value.kind == HEED_INT)
		return path_step(parser, path, (struct heed_str){NULL, 0},
		                 key->value.i64);
	HEED_TRY(path_flush(parser, path));
	if (path->base == NULL)
		HEED_TRY(parser_root(parser, (struct heed_str){NULL, 0}));
	HEED_TRY(parser_node(parser, N_INDEX, path->base, key, &node));
	node->optional = parser_accept(parser, '?');
	path->base = node;
	return 0;
}

static int
path_slice(struct parser *parser, struct path *path, const struct node *from)
{
	const struct node *to = NULL;
	struct node *node;

	if (parser_kind(parser) != ']')
		HEED_TRY(parse_pipe(parser, &to));
	else if (from == NULL)
		return NOT_DIRECT;
	HEED_TRY(parser_expect(parser, ']'));
	HEED_TRY(path_flush(parser, path));
	if (path->base == NULL)
		HEED_TRY(parser_root(parser, (struct heed_str){NULL, 0}));
	HEED_TRY(parser_node(parser, N_SLICE, path->base, from, &node));
	node->to = to;
	HEED_TRY(parser_deepen(node, to));
	node->optional = parser_accept(parser, '?');
	path->base = node;
	return 0;
}

static int
path_bracket(struct parser *parser, struct path *path)
{
	const struct node *key;

	parser->at++;
	if (parser_accept(parser, ':'))
		return path_slice(parser, path, NULL);
	HEED_TRY(parse_pipe(parser, &key));
	if (parser_accept(parser, ':'))
		return path_slice(parser, path, key);
	HEED_TRY(parser_expect(parser, ']'));
	return path_key(parser, path, key);
}

/* One of .name ."name" .[0] [0] ?, or set *ret_done. */
static int
path_suffix(struct parser *parser, struct path *path, bool *ret_done)
{
	const struct node *key;
	struct node *node;

	switch (parser_kind(parser)) {
	case T_FIELD:
		return path_step(parser, path,
		                 str_from(parser_text(parser, parser->at++), 1), 0);
	case '[':
		return path_bracket(parser, path);
	case '.':
		parser->at++;
		if (parser_kind(parser) == '[')
			return path_bracket(parser, path);
		if (parser_kind(parser) != T_QUOTE)
			return NOT_DIRECT;
		HEED_TRY(parse_string(parser, &key));
		return path_key(parser, path, key);
	case '?':
		HEED_TRY(path_flush(parser, path));
		if (path->base == NULL) /* `.?` can't fail */
			return NOT_DIRECT;
		parser->at++;
		HEED_TRY(parser_node(parser, N_TRY, path->base, NULL, &node));
		path->base = node;
		return 0;
	default:
		*ret_done = true;
		return 0;
	}
}

/* What may follow a term, to the end. */
int
parse_path(struct parser *parser, const struct node *base, const struct node **ret_node)
{
	struct path path = {base, {NULL, 0, 0}};
	bool done = false;
	int r = 0;

	while (r == 0 && !done)
		r = path_suffix(parser, &path, &done);
	if (r == 0)
		r = path_flush(parser, &path);
	mem_free(path.steps.items);
	HEED_TRY(r);
	if (path.base != NULL) {
		*ret_node = path.base;
		return 0;
	}
	HEED_TRY(parser_root(parser, (struct heed_str){NULL, 0}));
	return parser_join(parser, N_PATH, NULL, NULL, ret_node);
}
