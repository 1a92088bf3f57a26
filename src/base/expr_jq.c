/*
 * expr_jq.c - the expressions that need libjq.
 *
 * Compiling costs about 30 ms whatever the program's size, so all of a set become one
 * program, on first use. Its input is [number, value]; nested `if`s choose the expression
 * by number. Each stands in parentheses and in a definition of its own, since jq limits
 * the size of one function and expressions must not see each other's names.
 *
 * A program is written from tokens, not copied: comments go, and what later versions of
 * jq allow is put in jq 1.6's words ({a: 1 + 2} as {a: (1 + 2)}, .a.[0] as .a[0]). To
 * find the place of an error, which jq tells as a line, the culprit is written with one
 * token a line.
 */
#include <jv.h>
#include <jq.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/expr_jv.h"
#include "base/json.h"

#define PROGRAM_MAX (32 * 1024 * 1024)

enum layout { ONE_LINE, LINE_PER_TOKEN };

/* ---- write
 * ----------------------------------------------------------------------------- */

/* An open bracket while writing. */
struct level {
	bool pattern; /* it destructures: {a: $x} */
	bool wrapped; /* a "(" of ours waits for its ")" */
};

struct writer {
	struct heed_buf *buf;
	const struct tokens *tokens;
	struct heed_str whole;
	enum layout layout;
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

/* Append the part of `expr` that is for libjq. HEED_E_CONFIG can't be: it was read
 * before. */
static int
write_expr(struct heed_buf *buf, const struct expr *expr, enum layout layout)
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

static const struct expr *
next_for_jq(const struct expr *expr)
{
	while (expr != NULL && expr->direct)
		expr = expr->next;
	return expr;
}

/* The choice among the expressions [low, high), of which `*expr` is the first. */
static int
write_choice(struct heed_buf *buf, const struct expr **expr, size_t low, size_t high)
{
	size_t mid = low + (high - low) / 2;

	if (high - low == 1) {
		buf_adds(buf, "(.[1]|def heed_expr: (");
		HEED_TRY(write_expr(buf, *expr, ONE_LINE));
		buf_adds(buf, "\n); heed_expr)");
		*expr = next_for_jq((*expr)->next);
		return buf_error(buf);
	}
	buf_addf(buf, "if .[0] < %zu then ", mid);
	HEED_TRY(write_choice(buf, expr, low, mid));
	buf_adds(buf, "\nelse ");
	HEED_TRY(write_choice(buf, expr, mid, high));
	buf_adds(buf, "\nend");
	return buf_error(buf);
}

/* ---- compile
 * --------------------------------------------------------------------------- */

/* The first message of a compilation. */
struct message {
	size_t line;
	char text[400];
};

static void
keep_message(void *data, jv message)
{
	struct message *kept = data;
	struct heed_str text, place = HEED_STR(" at <top-level>, line ");
	size_t at;

	if (kept->text[0] != '\0' || jv_get_kind(message) != JV_KIND_STRING) {
		jv_free(message);
		return;
	}
	text = str_of(jv_string_value(message));
	if (str_starts(text, "jq: error: "))
		text = str_from(text, strlen("jq: error: "));
	at = str_search(text, place);
	kept->line = strtoul(str_from(text, at + place.len).data, NULL, 10);
	text = str_head(text, at);
	text = str_head(text,
	                str_search(text, HEED_STR(" (Unix shell quoting issues?)")));
	text = str_head_utf8(text, sizeof(kept->text) - 1);
	memcpy(kept->text, text.data, text.len);
	kept->text[text.len] = '\0';
	jv_free(message);
}

/* Drop what a program says while it runs; there are no such functions left. */
static void
drop_message(void *data, jv message)
{
	jv_free(message);
}

/* NULL when there is no memory, or with *ret_message when jq refuses the program. */
static jq_state *
compile(const char *program, struct message *ret_message)
{
	jq_state *jq = jq_init();
	char *home;
	int good;

	*ret_message = (struct message){0, ""};
	if (jq == NULL)
		return NULL;
	jq_set_error_cb(jq, keep_message, ret_message);
	home = expr_home_hide();
	good = jq_compile(jq, program);
	expr_home_show(home);
	if (!good) {
		if (ret_message->text[0] == '\0')
			memcpy(ret_message->text, "it can't be compiled", 21);
		jq_teardown(&jq);
		return NULL;
	}
	jq_set_error_cb(jq, drop_message, NULL);
	return jq;
}

/* The place in the source of the token on `line` of a program with one token a line. */
static size_t
place_of_line(const struct expr *expr, size_t line)
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

/* Compile one expression alone; HEED_E_CONFIG with jq's words when it is wrong. */
static int
try_alone(struct expr *expr, struct heed_error *error)
{
	struct heed_buf buf;
	struct message message;
	jq_state *jq;
	int r;

	buf_init(&buf, PROGRAM_MAX);
	buf_addc(&buf, '(');
	r = write_expr(&buf, expr, LINE_PER_TOKEN);
	buf_adds(&buf, "\n)");
	if (r == 0)
		r = buf_error(&buf);
	if (r != 0) {
		buf_done(&buf);
		return error_nomem(error);
	}
	jq = compile(buf.data, &message);
	buf_done(&buf);
	if (jq != NULL)
		jq_teardown(&jq);
	else if (message.text[0] == '\0')
		return error_nomem(error);
	else
		return expr_fail(error, expr->whole, place_of_line(expr, message.line),
		                 "%s", message.text);
	return 0;
}

/* Which expression is it that jq refuses? */
static int
find_culprit(struct expr_set *set, const struct message *message,
             struct expr **ret_culprit, struct heed_error *error)
{
	for (struct expr *expr = set->first; expr != NULL; expr = expr->next) {
		int r = expr->direct ? 0 : try_alone(expr, error);

		if (r == 0)
			continue;
		if (ret_culprit != NULL)
			*ret_culprit = expr;
		return r;
	}
	return error_set(error, HEED_E_CONFIG,
	                 "the expressions can't be compiled together: %s", message->text);
}

int
expr_jq_compile(struct expr_set *set, struct expr **ret_culprit, struct heed_error *error)
{
	const struct expr *first = next_for_jq(set->first);
	struct message message;
	struct heed_buf buf;
	jq_state *jq;
	int r;

	if (set->n_compiled == set->n_jq)
		return 0;
	buf_init(&buf, PROGRAM_MAX);
	r = write_choice(&buf, &first, 0, set->n_jq);
	if (r != 0) {
		buf_done(&buf);
		return error_set(error, r,
		                 "the expressions are too long to be compiled: %s",
		                 heed_code_text(r));
	}
	jq = compile(buf.data, &message);
	buf_done(&buf);
	if (jq == NULL && message.text[0] == '\0')
		return error_nomem(error);
	if (jq == NULL)
		return find_culprit(set, &message, ret_culprit, error);
	expr_jq_free(set);
	set->jq = jq;
	set->n_compiled = set->n_jq;
	return 0;
}

void
expr_jq_free(struct expr_set *set)
{
	if (set->jq != NULL)
		jq_teardown(&set->jq);
	set->n_compiled = 0;
}

/* ---- evaluate
 * -------------------------------------------------------------------------- */

/* jq's error as words: strings as they are, anything else as JSON. */
static int
program_failed(jv message, struct heed_error *error)
{
	bool is_text = jv_get_kind(message) == JV_KIND_STRING;
	jv text = is_text ? message : jv_dump_string(message, 0);
	int r = error_set(error, HEED_E_PERMANENT, "%s%s", jv_string_value(text),
	                  is_text ? "" : " (not a string)");

	jv_free(text);
	return r;
}

/* The first output of the program, watched. */
static int
run_program(struct expr_set *set, jv input, jv *ret_output, struct heed_error *error)
{
	struct watch watch;
	jv output;

	if (expr_watch(&watch, set->jq) != 0) {
		jv_free(input);
		return error_nomem(error);
	}
	jq_start(set->jq, input, 0);
	output = jq_next(set->jq);
	if (expr_unwatch(&watch) && !jv_is_valid(output)) {
		jv_free(output);
		return error_set(error, HEED_E_LIMIT,
		                 "the expression ran longer than %d ms",
		                 EXPR_TIME_MAX_MS);
	}
	if (jv_is_valid(output)) {
		*ret_output = output;
		return 0;
	}
	if (jv_invalid_has_msg(jv_copy(output)))
		return program_failed(jv_invalid_get_msg(output), error);
	jv_free(output);
	return HEED_E_NOTFOUND;
}

int
expr_jq_eval(const struct expr *expr, struct heed_json input, struct arena *arena,
             struct heed_json *ret_value, struct heed_error *error)
{
	struct expr *culprit;
	jv value, output;
	int r;

	HEED_TRY(expr_jq_compile(expr->set, &culprit, error));
	HEED_TRY(jv_from_json(expr, input, &value, error));
	value = jv_array_append(
		jv_array_append(jv_array(), jv_number((double)expr->slot)), value);
	HEED_TRY(run_program(expr->set, value, &output, error));
	r = jv_to_json(output, arena, ret_value, error);
	jv_free(output);
	return r;
}
