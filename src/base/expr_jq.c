/*
 * expr_jq.c - the expressions that need libjq.
 *
 * Compiling costs about 20 ms however small the program is, so the expressions of a set
 * become one program on first use, or one for every JQ_PROGRAM_EXPRS, because jq limits a
 * program's size. When jq refuses a program, halving it finds the culprit, and compiling
 * that with one token a line finds the place, which jq tells only as a line.
 */
#include <jv.h>
#include <jq.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/expr_write.h"
#include "base/json.h"
#include "base/mem.h"

#define PROGRAM_MAX (32 * 1024 * 1024)

/* ---- compile ----------------------------------------------------------------------- */

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
	jq_set_error_cb(jq, NULL, NULL);
	return jq;
}

/* Compile the expressions numbered [low, high), from `expr` on. HEED_E_CONFIG when jq
 * refuses one of them. */
static int
compile_range(const struct expr *expr, size_t low, size_t high, jq_state **ret_jq,
              struct heed_error *error)
{
	struct message message;
	struct heed_buf buf;
	jq_state *jq;
	int r;

	buf_init(&buf, PROGRAM_MAX);
	r = expr_write_choice(&buf, &expr, low, high);
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
		return error_set(error, HEED_E_CONFIG,
		                 "the expressions can't be compiled together: %s",
		                 message.text);
	*ret_jq = jq;
	return 0;
}

/* Compile one expression alone; HEED_E_CONFIG with jq's words and the place if it is
 * wrong. */
static int
compile_alone(const struct expr *expr, struct heed_error *error)
{
	struct message message;
	struct heed_buf buf;
	jq_state *jq;
	int r;

	buf_init(&buf, PROGRAM_MAX);
	buf_addc(&buf, '(');
	r = expr_write(&buf, expr, LINE_PER_TOKEN);
	buf_adds(&buf, "\n)");
	if (r != 0 || buf_error(&buf) != 0) {
		buf_done(&buf);
		return error_nomem(error);
	}
	jq = compile(buf.data, &message);
	buf_done(&buf);
	if (jq == NULL && message.text[0] == '\0')
		return error_nomem(error);
	if (jq == NULL)
		return expr_words(expr, expr_write_place(expr, message.line),
		                  str_of(message.text), error);
	jq_teardown(&jq);
	return 0;
}

/* The expression with this number. */
static struct expr *
numbered(const struct expr_set *set, size_t slot)
{
	struct expr *expr = set->first;

	while (expr != NULL && (expr->direct || expr->slot != slot))
		expr = expr->next;
	return expr;
}

/* Of [low, high), which jq refuses as a whole: halve it until one is left. */
static int
find_culprit(struct expr_set *set, size_t low, size_t high, struct expr **ret_culprit,
             struct heed_error *error)
{
	struct expr *culprit;
	int r;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		jq_state *jq = NULL;

		r = compile_range(numbered(set, low), low, mid, &jq, error);
		if (jq != NULL)
			jq_teardown(&jq);
		if (r != 0 && r != HEED_E_CONFIG)
			return r;
		if (r != 0)
			high = mid;
		else
			low = mid;
	}
	culprit = numbered(set, low);
	r = compile_alone(culprit, error);
	if (r == HEED_E_CONFIG && ret_culprit != NULL) {
		culprit->broken = true;
		*ret_culprit = culprit;
	}
	return r;
}

/* Compile program number `index` unless it has all its expressions. */
static int
compile_program(struct expr_set *set, size_t index, struct expr **ret_culprit,
                struct heed_error *error)
{
	size_t low = index * JQ_PROGRAM_EXPRS, high = low + JQ_PROGRAM_EXPRS;
	struct jq_program *program = &set->programs[index];
	jq_state *jq = NULL;
	int r, r_culprit;

	if (high > set->n_jq)
		high = set->n_jq;
	if (program->n == high - low)
		return 0;
	r = compile_range(numbered(set, low), low, high, &jq, error);
	if (r == HEED_E_CONFIG) {
		r_culprit = find_culprit(set, low, high, ret_culprit, error);
		return r_culprit != 0 ? r_culprit : r;
	}
	HEED_TRY(r);
	expr_worker_stop(set);
	if (program->jq != NULL)
		jq_teardown(&program->jq);
	program->jq = jq;
	program->n = high - low;
	return 0;
}

/* Room for all programs of the set. */
static int
grow(struct expr_set *set, struct heed_error *error)
{
	size_t n = (set->n_jq + JQ_PROGRAM_EXPRS - 1) / JQ_PROGRAM_EXPRS;
	void *programs = set->programs;

	if (n == set->n_programs)
		return 0;
	if (mem_grow(&programs, &set->cap_programs, n, sizeof(*set->programs)) != 0)
		return error_nomem(error);
	set->programs = programs;
	while (set->n_programs < n)
		set->programs[set->n_programs++] = (struct jq_program){NULL, 0};
	return 0;
}

int
expr_jq_compile(struct expr_set *set, struct expr **ret_culprit, struct heed_error *error)
{
	HEED_TRY(grow(set, error));
	for (size_t i = 0; i < set->n_programs; i++)
		HEED_TRY(compile_program(set, i, ret_culprit, error));
	return 0;
}

void
expr_jq_free(struct expr_set *set)
{
	expr_worker_stop(set);
	for (size_t i = 0; i < set->n_programs; i++) {
		if (set->programs[i].jq != NULL)
			jq_teardown(&set->programs[i].jq);
	}
	mem_free(set->programs);
	set->programs = NULL;
	set->n_programs = set->cap_programs = 0;
}

/* ---- evaluate ---------------------------------------------------------------------- */

/* What the worker said, as a result. */
static int
understand(enum worker_verdict verdict, struct heed_str text, struct arena *arena,
           struct heed_json *ret_value, struct heed_error *error)
{
	switch (verdict) {
	case WORKER_VALUE:
		return json_parse(arena, text, ret_value, error);
	case WORKER_NOTHING:
		return HEED_E_NOTFOUND;
	case WORKER_ERROR:
		return error_set(error, HEED_E_PERMANENT, "%.*s", STR_ARG(text));
	case WORKER_DEEP:
		return error_set(error, HEED_E_LIMIT,
		                 "the expression's result is nested too deeply (at most "
		                 "%d)",
		                 JSON_DEPTH_MAX);
	default:
		return error_set(error, HEED_E_LIMIT,
		                 "the expression's result is too large");
	}
}

int
expr_jq_eval(const struct expr *expr, struct heed_json input, struct arena *arena,
             struct heed_json *ret_value, struct heed_error *error)
{
	struct expr_set *set = expr->set;
	enum worker_verdict verdict;
	struct heed_buf text, reply;
	int r;

	if (expr->broken)
		return error_set(error, HEED_E_CONFIG, "the expression is wrong: %.*s",
		                 STR_ARG(str_head_utf8(expr->text, 200)));
	HEED_TRY(grow(set, error));
	HEED_TRY(compile_program(set, expr->slot / JQ_PROGRAM_EXPRS, NULL, error));
	buf_init(&text, EXPR_RESULT_MAX);
	buf_init(&reply, EXPR_RESULT_MAX);
	r = expr_input_write(&text, expr, input, error);
	if (r == 0)
		r = expr_worker_ask(set, expr->slot, buf_str(&text), &reply, &verdict,
		                    error);
	if (r == 0)
		r = understand(verdict, buf_str(&reply), arena, ret_value, error);
	buf_done(&reply);
	buf_done(&text);
	return r;
}
