/*
 * expr_literal.c - numbers, strings, arrays and objects of direct expressions.
 *
 * What is constant becomes a constant, so that it costs nothing to evaluate. Escapes that
 * jq refuses or repairs are left to it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/expr_parser.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- literals ---------------------------------------------------------------------- */

int
parse_number(struct parser *parser, const struct node **ret_node)
{
	struct heed_str text = parser_text(parser, parser->at);
	uint64_t whole = 0;
	bool is_whole = true;
	char place[64];

	for (size_t i = 0; i < text.len && is_whole; i++) {
		unsigned digit = (unsigned)(text.data[i] - '0');

		is_whole = digit <= 9 &&
		           !__builtin_mul_overflow(whole, (uint64_t)10, &whole) &&
		           !__builtin_add_overflow(whole, (uint64_t)digit, &whole);
	}
	if (!is_whole && text.len >= sizeof(place))
		return NOT_DIRECT;
	parser->at++;
	if (is_whole)
		return parser_constant(parser, json_uint(whole), ret_node);
	memcpy(place, text.data, text.len);
	place[text.len] = '\0';
	return parser_constant(parser, expr_real(strtod(place, NULL)), ret_node);
}

/* Four hex digits at `at`, or -1. */
static int32_t
hex4(struct heed_str text, size_t at)
{
	int32_t code = 0;

	if (at + 4 > text.len)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		int digit = hex_value(text.data[i]);

		if (digit < 0)
			return -1;
		code = code * 16 + digit;
	}
	return code;
}

static size_t
put_utf8(char *at, int32_t code)
{
	if (code < 0x80) {
		at[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		at[0] = (char)(0xc0 | (code >> 6));
		at[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		at[0] = (char)(0xe0 | (code >> 12));
		at[1] = (char)(0x80 | ((code >> 6) & 0x3f));
		at[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	at[0] = (char)(0xf0 | (code >> 18));
	at[1] = (char)(0x80 | ((code >> 12) & 0x3f));
	at[2] = (char)(0x80 | ((code >> 6) & 0x3f));
	at[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* The \uXXXX or pair of them at `*at`. */
static int
unescape_unicode(struct heed_str text, size_t *at, int32_t *ret_code)
{
	int32_t code = hex4(text, *at + 2);

	*at += 6;
	if (code >= 0xd800 && code < 0xdc00) {
		bool pair = *at + 1 < text.len && text.data[*at] == '\\' &&
		            text.data[*at + 1] == 'u';
		int32_t low = pair ? hex4(text, *at + 2) : -1;

		if (low < 0xdc00 || low > 0xdfff)
			return NOT_DIRECT;
		*at += 6;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code < 0 || (code >= 0xdc00 && code < 0xe000)) {
		return NOT_DIRECT;
	}
	*ret_code = code;
	return 0;
}

/* A string's text without its escapes, which never grows. */
static int
unescape(struct parser *parser, struct heed_str text, struct heed_str *ret_text)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *out;
	size_t len = 0;

	if (memchr(text.data, '\\', text.len) == NULL) {
		*ret_text = text;
		return 0;
	}
	out = arena_alloc(parser->arena, text.len);
	if (out == NULL)
		return HEED_E_NOMEM;
	for (size_t i = 0; i < text.len;) {
		const char *found = NULL;
		int32_t code;

		if (text.data[i] != '\\') {
			out[len++] = text.data[i++];
			continue;
		}
		if (i + 1 < text.len && text.data[i + 1] != '\0')
			found = strchr(from, text.data[i + 1]);
		if (found != NULL) {
			out[len++] = to[found - from];
			i += 2;
			continue;
		}
		if (i + 1 >= text.len || text.data[i + 1] != 'u')
			return NOT_DIRECT;
		HEED_TRY(unescape_unicode(text, &i, &code));
		len += put_utf8(out + len, code);
	}
	*ret_text = (struct heed_str){out, len};
	return 0;
}

static int
string_pieces(struct parser *parser, struct list *list)
{
	while (!parser_accept(parser, T_UNQUOTE)) {
		const struct node *piece;

		if (parser_kind(parser) == T_TEXT) {
			struct heed_str text;

			HEED_TRY(
				unescape(parser, parser_text(parser, parser->at), &text));
			HEED_TRY(parser_constant(parser, json_str(text), &piece));
			parser->at++;
		} else {
			HEED_TRY(parser_expect(parser, T_INTERP));
			HEED_TRY(parse_pipe(parser, &piece));
			HEED_TRY(parser_expect(parser, T_INTERP_END));
		}
		HEED_TRY(list_add(list, &piece, sizeof(piece)));
	}
	return 0;
}

/* The items of a list as those of a new node. Frees the list in any case. */
static int
list_node(struct parser *parser, enum node_op op, struct list *list, int r,
          struct node **ret_node)
{
	size_t n = list->n;
	const struct node *const *items = list_take(list, parser->arena, sizeof(*items));
	struct node *node;

	HEED_TRY(r);
	if (items == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(parser_node(parser, op, NULL, NULL, &node));
	node->items = items;
	node->n = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		HEED_TRY(parser_deepen(node, items[i]));
	*ret_node = node;
	return 0;
}

int
parse_string(struct parser *parser, const struct node **ret_node)
{
	struct list list = {NULL, 0, 0};
	struct node *node;

	parser->at++;
	HEED_TRY(list_node(parser, N_STRING, &list, string_pieces(parser, &list), &node));
	*ret_node = node;
	if (node->n == 0)
		return parser_constant(parser, json_str(HEED_STR("")), ret_node);
	if (node->n == 1 && node->items[0]->op == N_CONST)
		*ret_node = node->items[0];
	return 0;
}

/* ---- construction ------------------------------------------------------------------ */

static bool
all_constant(const struct node *node)
{
	for (size_t i = 0; i < node->n; i++) {
		if (node->op == N_ARRAY && node->items[i]->op != N_CONST)
			return false;
		if (node->op == N_OBJECT && node->pairs[i].value->op != N_CONST)
			return false;
	}
	return node->op == N_ARRAY || node->distinct;
}

/* Replace an array or object of constants by the constant that it is. */
static int
fold(struct parser *parser, const struct node *node, const struct node **ret_node)
{
	struct json_build build;
	struct heed_json value;

	*ret_node = node;
	if (!all_constant(node))
		return 0;
	if (node->op == N_ARRAY)
		json_array(&build, parser->arena);
	else
		json_object(&build, parser->arena);
	for (size_t i = 0; i < node->n; i++) {
		if (node->op == N_ARRAY)
			json_push(&build, node->items[i]->value);
		else
			json_set(&build, json_text(node->pairs[i].key->value),
			         node->pairs[i].value->value);
	}
	HEED_TRY(json_build_end(&build, &value));
	return parser_constant(parser, value, ret_node);
}

/* `[a, b]`, or `[a | b]`. A comma beside a pipe gives several outputs: not direct. */
static int
array_items(struct parser *parser, struct list *list)
{
	const struct node *item;

	if (parser_accept(parser, ']'))
		return 0;
	HEED_TRY(parse_alt(parser, &item));
	if (parser_kind(parser) == '|') {
		bool piped = parser->piped;
		const struct node *right;

		parser->at++;
		parser->piped = true;
		HEED_TRY(parse_pipe(parser, &right));
		parser->piped = piped;
		HEED_TRY(parser_join(parser, N_PIPE, item, right, &item));
		HEED_TRY(list_add(list, &item, sizeof(item)));
		return parser_expect(parser, ']');
	}
	HEED_TRY(list_add(list, &item, sizeof(item)));
	while (parser_accept(parser, ',')) {
		HEED_TRY(parse_alt(parser, &item));
		HEED_TRY(list_add(list, &item, sizeof(item)));
	}
	return parser_expect(parser, ']');
}

int
parse_array(struct parser *parser, const struct node **ret_node)
{
	struct list list = {NULL, 0, 0};
	struct node *node;

	parser->at++;
	HEED_TRY(list_node(parser, N_ARRAY, &list, array_items(parser, &list), &node));
	return fold(parser, node, ret_node);
}

/* .name of the input */
static int
input_field(struct parser *parser, struct heed_str name, const struct node **ret_node)
{
	struct step *step = ARENA_NEW(parser->arena, struct step);
	struct node *node;

	if (step == NULL)
		return HEED_E_NOMEM;
	step->name = name;
	HEED_TRY(parser_node(parser, N_PATH, NULL, NULL, &node));
	node->steps = step;
	node->n = 1;
	*ret_node = node;
	return parser_root(parser, name);
}

/* {"name"} is {"name": .name}, also when the name is computed. */
static int
short_value(struct parser *parser, struct pair *pair)
{
	if (pair->key->op == N_CONST)
		return input_field(parser, json_text(pair->key->value), &pair->value);
	HEED_TRY(parser_root(parser, (struct heed_str){NULL, 0}));
	return parser_join(parser, N_INDEX, NULL, pair->key, &pair->value);
}

static int
object_pair(struct parser *parser, struct pair *ret_pair)
{
	bool may_be_short = true;

	if (parser_kind(parser) == T_IDENT) {
		struct heed_str name = parser_text(parser, parser->at++);

		if (str_search(name, HEED_STR("::")) < name.len)
			return NOT_DIRECT;
		HEED_TRY(parser_constant(parser, json_str(name), &ret_pair->key));
	} else if (parser_kind(parser) == T_QUOTE) {
		HEED_TRY(parse_string(parser, &ret_pair->key));
	} else {
		may_be_short = false;
		HEED_TRY(parser_expect(parser, '('));
		HEED_TRY(parse_pipe(parser, &ret_pair->key));
		HEED_TRY(parser_expect(parser, ')'));
	}
	if (ret_pair->key->op == N_CONST && ret_pair->key->value.kind != HEED_STRING)
		return NOT_DIRECT;
	if (parser_accept(parser, ':'))
		return parse_pipe(parser, &ret_pair->value);
	return may_be_short ? short_value(parser, ret_pair) : NOT_DIRECT;
}

static int
object_pairs(struct parser *parser, struct list *list)
{
	if (parser_accept(parser, '}'))
		return 0;
	do {
		struct pair pair = {NULL, NULL};

		HEED_TRY(object_pair(parser, &pair));
		HEED_TRY(list_add(list, &pair, sizeof(pair)));
	} while (parser_accept(parser, ','));
	return parser_expect(parser, '}');
}

static bool
keys_distinct(const struct pair *pairs, size_t n)
{
	if (n > 64)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (pairs[i].key->op != N_CONST)
			return false;
		for (size_t k = 0; k < i; k++) {
			if (str_cmp(json_text(pairs[i].key->value),
			            json_text(pairs[k].key->value)) == 0)
				return false;
		}
	}
	return true;
}

int
parse_object(struct parser *parser, const struct node **ret_node)
{
	struct list list = {NULL, 0, 0};
	const struct pair *pairs;
	struct node *node;
	size_t n;
	int r;

	parser->at++;
	r = object_pairs(parser, &list);
	n = list.n;
	pairs = list_take(&list, parser->arena, sizeof(*pairs));
	HEED_TRY(r);
	if (pairs == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(parser_node(parser, N_OBJECT, NULL, NULL, &node));
	node->pairs = pairs;
	node->n = (uint32_t)n;
	node->distinct = keys_distinct(pairs, n);
	for (size_t i = 0; i < n; i++) {
		HEED_TRY(parser_deepen(node, pairs[i].key));
		HEED_TRY(parser_deepen(node, pairs[i].value));
	}
	return fold(parser, node, ret_node);
}
