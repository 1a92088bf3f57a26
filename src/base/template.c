/*
 * template.c - text with {{ expressions }} in it.
 *
 * Compiled to a list of parts, each a piece of text and the expression behind it. Where
 * an expression ends is found by reading its tokens, so braces in its strings and objects
 * don't end it.
 */
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"

/* Text, then an expression unless it is NULL. */
struct part {
	struct heed_str text;
	struct expr *expr;
};

struct template
{
	struct heed_str text;
	struct part *parts;
	size_t n_parts;
	struct expr **exprs;
	size_t n_exprs;
};

struct compiler {
	struct expr_set *set;
	struct heed_str text;
	struct part *parts;
	size_t n;
	size_t cap;
	size_t n_exprs;
};

static int
add_part(struct compiler *compiler, struct heed_str text, struct expr *expr)
{
	void *parts = compiler->parts;

	HEED_TRY(mem_grow(&parts, &compiler->cap, compiler->n + 1,
	                  sizeof(*compiler->parts)));
	compiler->parts = parts;
	compiler->parts[compiler->n++] = (struct part){text, expr};
	compiler->n_exprs += expr != NULL;
	return 0;
}

/* The text from `from`, then what begins with the braces at `*at`; `*at` moves behind it.
 */
static int
compile_braces(struct compiler *compiler, size_t from, size_t *at,
               struct heed_error *error)
{
	struct heed_str text = compiler->text;
	struct heed_str before = {text.data + from, *at - from};
	struct expr *expr;
	size_t end;

	if (str_starts(str_from(text, *at), "{{{{")) {
		before.len += 2;
		*at += 4;
		return add_part(compiler, before, NULL);
	}
	HEED_TRY(expr_new_at(compiler->set, text, *at + 2, LEX_BRACES, &expr, &end,
	                     error));
	if (!str_starts(str_from(text, end), "}}"))
		return expr_fail(error, text, *at,
		                 "the \"{{\" here is never closed by \"}}\"");
	*at = end + 2;
	return add_part(compiler, before, expr);
}

static int
compile(struct compiler *compiler, struct heed_error *error)
{
	struct heed_str text = compiler->text;
	size_t from = 0;

	while (from < text.len) {
		size_t at = from + str_search(str_from(text, from), HEED_STR("{{"));

		if (at == text.len)
			return add_part(compiler, str_from(text, from), NULL);
		HEED_TRY(compile_braces(compiler, from, &at, error));
		from = at;
	}
	return 0;
}

/* Move the compiler's work to the set's arena. */
static int
finish(const struct compiler *compiler, struct template **ret_template)
{
	struct arena *arena = expr_set_arena(compiler->set);
	struct template *template = ARENA_NEW(arena, struct template);

	if (template == NULL)
		return HEED_E_NOMEM;
	template->text = compiler->text;
	template->parts = ARENA_ARRAY(arena, struct part, compiler->n + 1);
	template->exprs = ARENA_ARRAY(arena, struct expr *, compiler->n_exprs + 1);
	if (template->parts == NULL || template->exprs == NULL)
		return HEED_E_NOMEM;
	for (size_t i = 0; i < compiler->n; i++) {
		template->parts[template->n_parts++] = compiler->parts[i];
		if (compiler->parts[i].expr != NULL)
			template->exprs[template->n_exprs++] = compiler->parts[i].expr;
	}
	*ret_template = template;
	return 0;
}

int
template_new(struct expr_set *set, struct heed_str text, struct template **ret_template,
             struct heed_error *error)
{
	struct compiler compiler = {.set = set};
	int r;

	if (text.len > TEMPLATE_SIZE_MAX)
		return expr_fail(error, text, 0, "the template is longer than %d bytes",
		                 TEMPLATE_SIZE_MAX);
	if (!str_utf8(text) ||
	    (text.len > 0 && memchr(text.data, '\0', text.len) != NULL))
		return expr_fail(error, text, 0, "the template is not UTF-8 text");
	compiler.text = arena_str(expr_set_arena(set), text);
	if (compiler.text.data == NULL)
		return error_nomem(error);
	r = compile(&compiler, error);
	if (r == 0)
		r = finish(&compiler, ret_template);
	mem_free(compiler.parts);
	return r == HEED_E_NOMEM ? error_nomem(error) : r;
}

/* How what an expression gives goes into the text. */
typedef void add_fn(struct heed_buf *buf, struct heed_str text);

static void
add_in_url(struct heed_buf *buf, struct heed_str text)
{
	if (buf->len == 0)
		buf_add(buf, text);
	else
		buf_add_urlencoded(buf, text);
}

static int
render(const struct template *template, struct heed_json input, struct arena *scratch,
       add_fn *add, struct heed_buf *buf, struct heed_error *error)
{
	for (size_t i = 0; i < template->n_parts; i++) {
		const struct part *part = &template->parts[i];
		struct heed_json value;
		int r;

		buf_add(buf, part->text);
		if (part->expr == NULL)
			continue;
		r = expr_eval(part->expr, input, scratch, &value, error);
		if (r == HEED_E_NOTFOUND)
			continue;
		HEED_TRY(r);
		if (value.kind == HEED_STRING)
			add(buf, json_text(value));
		else if (add == buf_add)
			json_write(buf, value, JSON_COMPACT);
		else
			add(buf, json_text_of(scratch, value));
	}
	if (buf_error(buf) != 0)
		return error_set(error, buf_error(buf), "the text of a template: %s",
		                 heed_code_text(buf_error(buf)));
	return 0;
}

int
template_render(const struct template *template, struct heed_json input,
                struct arena *scratch, struct heed_buf *buf, struct heed_error *error)
{
	return render(template, input, scratch, buf_add, buf, error);
}

static int
make_string(const struct template *template, struct heed_json input, struct arena *arena,
            size_t max, add_fn *add, struct heed_str *ret_text, struct heed_error *error)
{
	struct heed_str text;
	struct heed_buf buf;
	int r;

	buf_init(&buf, max);
	r = render(template, input, arena, add, &buf, error);
	text = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	if (r < 0)
		return r;
	if (text.data == NULL)
		return error_nomem(error);
	*ret_text = text;
	return 0;
}

int
template_string(const struct template *template, struct heed_json input,
                struct arena *arena, size_t max, struct heed_str *ret_text,
                struct heed_error *error)
{
	return make_string(template, input, arena, max, buf_add, ret_text, error);
}

int
template_url(const struct template *template, struct heed_json input, struct arena *arena,
             size_t max, struct heed_str *ret_text, struct heed_error *error)
{
	return make_string(template, input, arena, max, add_in_url, ret_text, error);
}

size_t
template_exprs(const struct template *template, struct expr *const **ret_exprs)
{
	*ret_exprs = template->exprs;
	return template->n_exprs;
}

struct heed_str
template_text(const struct template *template)
{
	return template->text;
}
