/*
 * expr_parser.h - what the files of the parser share. For expr_parse.c, expr_literal.c
 * and expr_path.c only.
 */
#ifndef HEED_BASE_EXPR_PARSER_H
#define HEED_BASE_EXPR_PARSER_H

#include "base/expr_impl.h"

/* What a parse function gives when the tokens are not direct; never leaves the parser. */
#define NOT_DIRECT 1

struct parser {
	struct arena *arena;
	const struct token *at;
	const struct token *end;
	struct heed_str whole;
	struct roots *roots;
	bool piped; /* `.` is not the expression's input here */
	unsigned nested;
};

/* A list that grows while parsing, then is copied to the arena. */
struct list {
	void *items;
	size_t n;
	size_t cap;
};

/* Zero or HEED_E_NOMEM. */
int list_add(struct list *list, const void *item, size_t size);
/* The items on the arena, NULL without memory; the list is empty afterwards either way.
 */
const void *list_take(struct list *list, struct arena *arena, size_t size);

/* The kind of the next token, T_END behind the last. */
int parser_kind(const struct parser *parser);
/* Step over the next token if it is `wanted`. */
bool parser_accept(struct parser *parser, int wanted);
/* The same, or NOT_DIRECT. */
int parser_expect(struct parser *parser, int wanted);
struct heed_str parser_text(const struct parser *parser, const struct token *token);
/* The expression reads this name of its input; {NULL, 0} for who knows what. Nothing is
 * noted behind a pipe. Zero or HEED_E_NOMEM. */
int parser_root(struct parser *parser, struct heed_str name);

/* Make nodes. HEED_E_NOMEM, HEED_E_LIMIT. */
int parser_node(struct parser *parser, enum node_op op, const struct node *a,
                const struct node *b, struct node **ret_node);
int parser_join(struct parser *parser, enum node_op op, const struct node *a,
                const struct node *b, const struct node **ret_node);
int parser_constant(struct parser *parser, struct heed_json value,
                    const struct node **ret_node);
/* Make `node` one deeper than `below`, which may be NULL, if it is not yet. */
int parser_deepen(struct node *node, const struct node *below);

/* The grammar, from the loosest to the tightest. Each starts at the next token. */
int parse_pipe(struct parser *parser, const struct node **ret_node);
int parse_alt(struct parser *parser, const struct node **ret_node); /* without pipes */
int
parse_path(struct parser *parser, const struct node *base, const struct node **ret_node);
int parse_number(struct parser *parser, const struct node **ret_node);
int parse_string(struct parser *parser, const struct node **ret_node);
int parse_array(struct parser *parser, const struct node **ret_node);
int parse_object(struct parser *parser, const struct node **ret_node);

#endif
