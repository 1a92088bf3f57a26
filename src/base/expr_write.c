/*
 * expr_write.c - expressions as one program for libjq.
 *
 * The program's input is [number, value]; nested `if`s choose the expression by its
 * number. Each stands in parentheses and in a definition of its own, since jq limits the
 * size of one function and expressions must not see each other's names.
 *
 * An expression is written from its tokens, not copied: comments go, and what later
 * versions of jq allow is put in jq 1.6's words ({a: 1 + 2} as {a: (1 + 2)}, .a.[0] as
 * .a[0]).
 */
#include "base/expr_write.h"

/* An open bracket while writing. */
struct level {
	bool pattern; /* it destructures: {a: $x} */
	bool wrapped; /* a "(" of ours waits for its ")" */
};

struct writer {
	struct heed_buf *buf;
	const struct tokens *tokens;
	struct heed_str whole;
	enum expr_layout layout;
	size_t depth;
	struct level levels[EXPR_NEST_MAX + 1];
};

static bool
is_word(const struct writer *writer, size_t i, const char *word)
{
	const struct token *token = &writer->tokens->at[i];

	return token->kind == T_IDENT &&
	       str_is((struct heed_str){writer->whole.data + token->at, token->len},
	              word);
}

static bool
opens_pattern(const struct writer *writer, size_t i)
{
	uint8_t kind = writer->tokens->at[i].kind;

	if (kind != '[' && kind != '{')
		return false;
	if (writer->levels[writer->depth].pattern)
		return true;
	return i > 0 && (is_word(writer, i - 1, "as") ||
	                 writer->tokens->at[i - 1].kind == T_ALT_BIND);
}

/* The "." of ".a.[0]". */
static bool
superfluous(const struct writer *writer, size_t i)
{
	uint8_t before = i > 0 ? writer->tokens->at[i - 1].kind : (uint8_t)T_END;

	return writer->tokens->at[i].kind == '.' &&
	       writer->tokens->at[i + 1].kind == '[' &&
	       (before == T_FIELD || before == T_UNQUOTE || before == ')' ||
	        before == ']' || before == '}' || before == '?');
}

/* Does white space of ours go before token `i`? */
static bool
spaced(const struct writer *writer, size_t i)
{
	uint8_t kind = writer->tokens->at[i].kind;
	uint8_t before = i > 0 ? writer->tokens->at[i - 1].kind : (uint8_t)T_END;

	return kind != T_TEXT && kind != T_INTERP && kind != T_UNQUOTE && before != '$';
}

static void
before_token(struct writer *writer, size_t i)
{
	const struct token *token = &writer->tokens->at[i];
	struct level *level = &writer->levels[writer->depth];
	bool ends = token->kind == ',' || token->kind == '}';

	if (level->wrapped && ends) {
		buf_addc(writer->buf, ')');
		level->wrapped = false;
	}
	switch (token->kind) {
	case '(':
	case '[':
	case '{':
	case T_INTERP:
		writer->levels[writer->depth + 1] =
			(struct level){.pattern = opens_pattern(writer, i)};
		writer->depth++;
		break;
	case ')':
	case ']':
	case '}':
	case T_INTERP_END:
		writer->depth--;
		break;
	default:
		break;
	}
}

static void
write_token(struct writer *writer, size_t i)
{
	const struct token *token = &writer->tokens->at[i];
	struct level *level;

	if (spaced(writer, i))
		buf_addc(writer->buf, writer->layout == ONE_LINE ? ' ' : '\n');
	before_token(writer, i);
	if (superfluous(writer, i))
		return;
	buf_add(writer->buf,
	        (struct heed_str){writer->whole.data + token->at, token->len});
	level = &writer->levels[writer->depth];
	if (token->kind == ':' && token->open == '{' && !level->pattern &&
	    !level->wrapped) {
		buf_addc(writer->buf, '(');
		level->wrapped = true;
	}
}

int
expr_write(struct heed_buf *buf, const struct expr *expr, enum expr_layout layout)
{
	struct tokens *tokens = &expr->set->tokens;
	struct writer writer = {
		.buf = buf, .tokens = tokens, .whole = expr->whole, .layout = layout};
	size_t from = (size_t)(expr->text.data - expr->whole.data);
	struct heed_str whole = str_head(expr->whole, from + expr->text.len);

	HEED_TRY(expr_lex(tokens, whole, from, LEX_ALL, NULL));
	if (expr->dot)
		buf_addc(buf, '.');
	for (size_t i = expr->skip; i < tokens->n; i++)
		write_token(&writer, i);
	return buf_error(buf);
}

const struct expr *
expr_write_next(const struct expr *expr)
{
	while (expr != NULL && expr->direct)
		expr = expr->next;
	return expr;
}

int
expr_write_choice(struct heed_buf *buf, const struct expr **expr, size_t low, size_t high)
{
	size_t mid = low + (high - low) / 2;

	if (high - low == 1) {
		buf_adds(buf, "(.[1]|def heed_expr: (");
		if ((*expr)->broken)
			buf_adds(buf, "null");
		else
			HEED_TRY(expr_write(buf, *expr, ONE_LINE));
		buf_adds(buf, "\n); heed_expr)");
		*expr = expr_write_next((*expr)->next);
		return buf_error(buf);
	}
	buf_addf(buf, "if .[0] < %zu then ", mid);
	HEED_TRY(expr_write_choice(buf, expr, low, mid));
	buf_adds(buf, "\nelse ");
	HEED_TRY(expr_write_choice(buf, expr, mid, high));
	buf_adds(buf, "\nend");
	return buf_error(buf);
}

size_t
expr_write_place(const struct expr *expr, size_t line)
{
	struct tokens *tokens = &expr->set->tokens;
	struct writer writer = {.tokens = tokens, .whole = expr->whole};
	size_t at = 1;

	for (size_t i = expr->skip; i < tokens->n; i++) {
		const struct token *token = &tokens->at[i];

		at += spaced(&writer, i);
		if (at >= line)
			return token->at;
		for (uint32_t k = 0; k < token->len; k++)
			at += expr->whole.data[token->at + k] == '\n';
		if (at >= line)
			return token->at;
	}
	return (size_t)(expr->text.data - expr->whole.data) + expr->text.len;
}
