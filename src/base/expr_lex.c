/*
 * expr_lex.c - jq text to tokens.
 *
 * The same rules as jq 1.6's own lexer, with strings cut into their texts and
 * interpolations, so that whoever reads the tokens never meets a bracket inside a string.
 * A text that passes is balanced: put in parentheses it is one expression and can't end
 * what surrounds it. Whether it means something is for expr_parse.c or libjq to say.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/mem.h"

struct lexer {
	struct tokens *tokens;
	struct heed_str text;
	size_t at;
	enum lex_stop stop;
	struct heed_error *error;
	size_t depth;
	struct {
		char open; /* ( [ { i, or " inside a string */
		size_t at;
	} nest[EXPR_NEST_MAX];
};

/* Names that read something other than the input, or that end the program. */
static const char *const impure[] = {
	"input",
	"inputs",
	"debug",
	"stderr",
	"input_filename",
	"env",
	"now",
	"input_line_number",
	"halt",
	"halt_error",
	"import",
	"include",
	"module",
	"modulemeta",
	"get_search_list",
	"__loc__",
	"get_prog_origin",
	"get_jq_origin",
};

int
expr_fail(struct heed_error *error, struct heed_str whole, size_t at, const char *format,
          ...)
{
	va_list args;
	size_t line = 1, column = 1;

	if (error == NULL)
		return HEED_E_CONFIG;
	va_start(args, format);
	char text[sizeof(error->text)];
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (size_t i = 0; i < at && i < whole.len; i++) {
		if (whole.data[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)whole.data[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	(void)error_set(error, HEED_E_CONFIG, "%s", text);
	error_where(error, "%zu:%zu", line, column);
	return HEED_E_CONFIG;
}

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
peek(const struct lexer *lexer, size_t ahead)
{
	size_t at = lexer->at + ahead;

	return at < lexer->text.len ? lexer->text.data[at] : '\0';
}

static char
innermost(const struct lexer *lexer)
{
	return lexer->depth > 0 ? lexer->nest[lexer->depth - 1].open : '\0';
}

/* Add a token of `len` bytes and step over it. */
static int
add(struct lexer *lexer, int kind, size_t len)
{
	struct tokens *tokens = lexer->tokens;
	void *items = tokens->at;
	char open = innermost(lexer);

	if (tokens->n + 2 > tokens->cap) {
		if (mem_grow(&items, &tokens->cap, tokens->n + 2, sizeof(*tokens->at)) !=
		    0)
			return error_nomem(lexer->error);
		tokens->at = items;
	}
	tokens->at[tokens->n++] = (struct token){
		.kind = (uint8_t)kind,
		.open = open == '"' && lexer->depth > 1
	                        ? lexer->nest[lexer->depth - 2].open
	                : open == '"' ? '\0'
	                              : open,
		.at = (uint32_t)lexer->at,
		.len = (uint32_t)len,
	};
	lexer->at += len;
	return 0;
}

static int
push(struct lexer *lexer, char open)
{
	if (lexer->depth == EXPR_NEST_MAX)
		return expr_fail(lexer->error, lexer->text, lexer->at,
		                 "the expression is nested too deeply (at most %d)",
		                 EXPR_NEST_MAX);
	lexer->nest[lexer->depth].open = open;
	lexer->nest[lexer->depth].at = lexer->at;
	lexer->depth++;
	return 0;
}

static int
open_bracket(struct lexer *lexer, int kind, char open, size_t len)
{
	size_t at = lexer->at;

	HEED_TRY(add(lexer, kind, len));
	HEED_TRY(push(lexer, open));
	lexer->nest[lexer->depth - 1].at = at;
	return 0;
}

static int
close_bracket(struct lexer *lexer, char c)
{
	char open = innermost(lexer);
	bool interp = open == 'i' && c == ')';
	bool fits = interp || (open == '(' && c == ')') || (open == '[' && c == ']') ||
	            (open == '{' && c == '}');

	if (!fits)
		return expr_fail(lexer->error, lexer->text, lexer->at,
		                 "unexpected \"%c\": there is no \"%c\" for it to close",
		                 c,
		                 c == ')'   ? '('
		                 : c == ']' ? '['
		                            : '{');
	lexer->depth--;
	return add(lexer, interp ? T_INTERP_END : c, 1);
}

/* Inside a string: a run of text, an interpolation, or its end. */
static int
lex_string(struct lexer *lexer)
{
	size_t len = 0;

	if (peek(lexer, 0) == '"') {
		lexer->depth--;
		return add(lexer, T_UNQUOTE, 1);
	}
	if (peek(lexer, 0) == '\\' && peek(lexer, 1) == '(')
		return open_bracket(lexer, T_INTERP, 'i', 2);
	while (lexer->at + len < lexer->text.len) {
		char c = peek(lexer, len);

		if (c == '"' || (c == '\\' && peek(lexer, len + 1) == '('))
			break;
		len += c == '\\' && lexer->at + len + 1 < lexer->text.len ? 2 : 1;
	}
	return add(lexer, T_TEXT, len);
}

static size_t
name_len(const struct lexer *lexer, size_t from)
{
	size_t len = from;

	while (is_name_start(peek(lexer, len)) || is_digit(peek(lexer, len)))
		len++;
	return len;
}

static int
lex_ident(struct lexer *lexer)
{
	size_t len = name_len(lexer, 0);

	while (peek(lexer, len) == ':' && peek(lexer, len + 1) == ':' &&
	       is_name_start(peek(lexer, len + 2)))
		len = name_len(lexer, len + 2);
	return add(lexer, T_IDENT, len);
}

static int
lex_number(struct lexer *lexer)
{
	size_t len = 0;

	while (is_digit(peek(lexer, len)))
		len++;
	if (peek(lexer, len) == '.')
		len++;
	while (is_digit(peek(lexer, len)))
		len++;
	if (peek(lexer, len) == 'e' || peek(lexer, len) == 'E') {
		size_t sign = peek(lexer, len + 1) == '+' || peek(lexer, len + 1) == '-';

		if (is_digit(peek(lexer, len + 1 + sign))) {
			len += 1 + sign;
			while (is_digit(peek(lexer, len)))
				len++;
		}
	}
	return add(lexer, T_NUMBER, len);
}

static int
lex_dot(struct lexer *lexer)
{
	if (is_name_start(peek(lexer, 1)))
		return add(lexer, T_FIELD, name_len(lexer, 1));
	if (is_digit(peek(lexer, 1)))
		return lex_number(lexer);
	if (peek(lexer, 1) == '.')
		return add(lexer, T_RECURSE, 2);
	return add(lexer, '.', 1);
}

static int
lex_operator(struct lexer *lexer)
{
	static const struct {
		char text[4];
		uint8_t kind;
	} operators[] = {
		{"?//", T_ALT_BIND}, {"//=", T_ASSIGN}, {"//", T_ALT},
		{"==", T_EQ},        {"!=", T_NE},      {"<=", T_LE},
		{">=", T_GE},        {"|=", T_ASSIGN},  {"+=", T_ASSIGN},
		{"-=", T_ASSIGN},    {"*=", T_ASSIGN},  {"/=", T_ASSIGN},
		{"%=", T_ASSIGN},
	};
	struct heed_str rest = str_from(lexer->text, lexer->at);
	char c = peek(lexer, 0);

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (str_starts(rest, operators[i].text))
			return add(lexer, operators[i].kind, strlen(operators[i].text));
	}
	if (c != '\0' && strchr("=;,:|+-*/%$<>?", c) != NULL)
		return add(lexer, c, 1);
	if (c > ' ' && c < 127)
		return expr_fail(lexer->error, lexer->text, lexer->at,
		                 "unexpected character \"%c\"", c);
	return expr_fail(lexer->error, lexer->text, lexer->at,
	                 "unexpected character (byte 0x%02x)", (unsigned char)c);
}

static void
skip_blank(struct lexer *lexer)
{
	for (;;) {
		char c = peek(lexer, 0);

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			lexer->at++;
		} else if (c == '#') {
			while (lexer->at < lexer->text.len && peek(lexer, 0) != '\n')
				lexer->at++;
		} else {
			return;
		}
	}
}

static int
lex_one(struct lexer *lexer)
{
	char c = peek(lexer, 0);

	if (is_name_start(c))
		return lex_ident(lexer);
	if (is_digit(c))
		return lex_number(lexer);
	if (c == '@' && is_name_start(peek(lexer, 1)))
		return add(lexer, T_FORMAT, name_len(lexer, 1));
	switch (c) {
	case '.':
		return lex_dot(lexer);
	case '"':
		return open_bracket(lexer, T_QUOTE, '"', 1);
	case '(':
	case '[':
	case '{':
		return open_bracket(lexer, c, c, 1);
	case ')':
	case ']':
	case '}':
		return close_bracket(lexer, c);
	default:
		return lex_operator(lexer);
	}
}

static bool
at_end(const struct lexer *lexer)
{
	if (lexer->at >= lexer->text.len)
		return true;
	return lexer->stop == LEX_BRACES && lexer->depth == 0 && peek(lexer, 0) == '}' &&
	       peek(lexer, 1) == '}';
}

static int
unclosed(const struct lexer *lexer)
{
	char open = innermost(lexer);
	size_t at = lexer->nest[lexer->depth - 1].at;

	if (open == '"')
		return expr_fail(lexer->error, lexer->text, at,
		                 "the string that starts here is never closed");
	return expr_fail(lexer->error, lexer->text, at, "\"%s\" is never closed",
	                 open == 'i'   ? "\\("
	                 : open == '(' ? "("
	                 : open == '[' ? "["
	                               : "{");
}

int
expr_lex(struct tokens *tokens, struct heed_str whole, size_t from, enum lex_stop stop,
         struct heed_error *error)
{
	struct lexer lexer = {.tokens = tokens,
	                      .text = whole,
	                      .at = from,
	                      .stop = stop,
	                      .error = error};

	tokens->n = 0;
	while (lexer.at < whole.len) {
		if (innermost(&lexer) == '"') {
			HEED_TRY(lex_string(&lexer));
			continue;
		}
		skip_blank(&lexer);
		if (at_end(&lexer))
			break;
		HEED_TRY(lex_one(&lexer));
	}
	if (lexer.depth > 0)
		return unclosed(&lexer);
	tokens->end = lexer.at;
	if (tokens->n == 0)
		return expr_fail(error, whole, from, "the expression is empty");
	HEED_TRY(add(&lexer, T_END, 0));
	tokens->n--;
	return 0;
}

bool
expr_lex_is_key(const struct tokens *tokens, size_t i)
{
	uint8_t before = i > 0 ? tokens->at[i - 1].kind : (uint8_t)T_END;
	uint8_t after = tokens->at[i + 1].kind;

	return tokens->at[i].open == '{' && (before == '{' || before == ',') &&
	       (after == ':' || after == ',' || after == '}');
}

/* jq itself finds these only when it evaluates. */
static int
check_format(const struct token *token, struct heed_str whole, struct heed_error *error)
{
	static const char *const formats[] = {"@text", "@json",   "@html",
	                                      "@uri",  "@csv",    "@tsv",
	                                      "@sh",   "@base64", "@base64d"};
	const size_t n = sizeof(formats) / sizeof(formats[0]);
	struct heed_str name = {whole.data + token->at, token->len};
	const char *near;

	for (size_t i = 0; i < n; i++)
		if (str_is(name, formats[i]))
			return 0;
	(void)expr_fail(error, whole, token->at, "there is no format %.*s",
	                STR_ARG(name));
	near = error_nearest(name, formats, n);
	if (near != NULL)
		error_hint(error, "did you mean %s?", near);
	return HEED_E_CONFIG;
}

int
expr_lex_names(const struct tokens *tokens, struct heed_str whole,
               struct heed_error *error)
{
	for (size_t i = 0; i < tokens->n; i++) {
		const struct token *token = &tokens->at[i];
		struct heed_str name = {whole.data + token->at, token->len};
		bool variable = i > 0 && tokens->at[i - 1].kind == '$';
		bool found = variable && str_is(name, "ENV");

		if (token->kind == T_FORMAT)
			HEED_TRY(check_format(token, whole, error));
		if (token->kind != T_IDENT || expr_lex_is_key(tokens, i))
			continue;
		for (size_t k = 0; k < sizeof(impure) / sizeof(impure[0]) && !found;
		     k++) {
			found = str_is(name, impure[k]) &&
			        (!variable || str_is(name, "__loc__"));
		}
		if (found)
			return expr_fail(
				error, whole, token->at,
				"\"%s%.*s\" can't be used: an expression sees only its "
				"input, no clock, no environment and no files",
				variable ? "$" : "", STR_ARG(name));
	}
	return 0;
}
