/*
 * bind_text.c - expressions, templates and schemas, with their errors where they stand.
 *
 * Their compilers know lines and columns within a text, or a JSON Pointer; here that
 * becomes a place in the file.
 */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/bind_local.h"

#define CULPRITS_MAX 10 /* expressions for libjq that are reported at once */

/* Where an expression stands, for errors that are only found when all are compiled. */
struct bind_origin {
	const struct expr *expr;
	struct conf_node node; /* a copy: the caller's may be short-lived */
	struct bind_origin *next;
};

struct bind_owned {
	void (*free_it)(void *thing);
	void *thing;
	struct bind_owned *next;
};

int
bind_own(struct bind *bind, void (*free_it)(void *thing), void *thing)
{
	struct bind_owned *owned = ARENA_NEW(bind->arena, struct bind_owned);

	if (owned == NULL) {
		free_it(thing);
		return HEED_E_NOMEM;
	}
	*owned = (struct bind_owned){free_it, thing, bind->owned};
	bind->owned = owned;
	return 0;
}

void
bind_free_owned(struct bind *bind)
{
	while (bind->owned != NULL) {
		struct bind_owned *owned = bind->owned;

		bind->owned = owned->next;
		owned->free_it(owned->thing);
	}
}

/* ---- places ------------------------------------------------------------------------ */

/* "line:column" at the start of `where`; false when it is none. */
static bool
read_where(const char *where, int *ret_line, int *ret_column)
{
	struct heed_str rest = str_of(where);
	struct heed_str first = str_cut(&rest, ':');
	int64_t line;
	int64_t column;

	if (str_to_i64(first, &line) < 0 || str_to_i64(rest, &column) < 0 || line < 1 ||
	    column < 1 || line > INT32_MAX || column > INT32_MAX)
		return false;
	*ret_line = (int)line;
	*ret_column = (int)column;
	return true;
}

/* Report what a compiler said about the text of `node`. */
static int
text_problem(struct bind *bind, const struct conf_node *node,
             const struct heed_error *error)
{
	struct conf_node at = *node;
	int line;
	int column;

	if (error->code == HEED_E_NOMEM)
		return HEED_E_NOMEM;
	if (!read_where(error->where, &line, &column))
		return conf_problem(bind->problems, node, error->hint, "%s", error->text);
	if (conf_place(node, line, column, &at.line, &at.column))
		return conf_problem(bind->problems, &at, error->hint, "%s", error->text);
	return conf_problem(bind->problems, node, error->hint,
	                    "%s (line %d, column %d of the text)", error->text, line,
	                    column);
}

/* Line and column, 1-based and in characters, of the byte `end` of `text`. */
static void
count_place(struct heed_str text, size_t end, int *ret_line, int *ret_column)
{
	size_t i;

	*ret_line = 1;
	*ret_column = 1;
	for (i = 0; i < end && i < text.len; i++) {
		if (text.data[i] == '\n') {
			(*ret_line)++;
			*ret_column = 1;
		} else if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
			(*ret_column)++;
		}
	}
}

/* The place of the first ".name" in the text of `node`. */
static struct conf_node
find_path(const struct conf_node *node, struct heed_str dotted)
{
	struct conf_node at = *node;
	size_t start = str_search(node->text, dotted);
	int line;
	int column;

	if (start < node->text.len) {
		count_place(node->text, start, &line, &column);
		(void)conf_place(node, line, column, &at.line, &at.column);
	}
	return at;
}

/* ---- expressions ------------------------------------------------------------------- */

static int
root_problem(struct bind *bind, const struct conf_node *node, struct heed_str name)
{
	struct heed_str dotted = arena_printf(bind->arena, ".%.*s", STR_ARG(name));
	struct conf_node at;
	const char **names;
	char hint[CONF_HINT_SIZE];
	size_t n;
	size_t i;

	for (n = 0; bind->roots[n] != NULL; n++)
		;
	names = ARENA_ARRAY(bind->arena, const char *, n + 1);
	if (names == NULL || dotted.data == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < n; i++) {
		names[i] = arena_printf(bind->arena, ".%s", bind->roots[i]).data;
		if (names[i] == NULL)
			return HEED_E_NOMEM;
	}
	at = find_path(node, dotted);
	return conf_problem(bind->problems, &at,
	                    conf_suggest(hint, dotted, names, "available"),
	                    "there is no %s here", dotted.data);
}

static bool
is_root(const char *const *roots, struct heed_str name)
{
	for (; *roots != NULL; roots++)
		if (str_is(name, *roots))
			return true;
	return false;
}

/* Remember where `expr` stands, and check what it reads. */
static int
note_expr(struct bind *bind, const struct conf_node *node, const struct expr *expr)
{
	struct bind_origin *origin = ARENA_NEW(bind->arena, struct bind_origin);
	const struct heed_str *names;
	int worst = 0;
	size_t n;
	size_t i;

	if (origin == NULL)
		return HEED_E_NOMEM;
	*origin = (struct bind_origin){expr, *node, bind->origins};
	bind->origins = origin;
	names = expr_roots(expr, &n);
	if (bind->roots == NULL || n == SIZE_MAX)
		return 0;
	for (i = 0; i < n; i++)
		if (!is_root(bind->roots, names[i]))
			worst = bind_worse(worst, root_problem(bind, node, names[i]));
	return worst;
}

int
bind_expr(struct bind *bind, const struct conf_node *node, struct expr **ret_expr)
{
	struct heed_error error = {0};
	struct expr *expr;

	if (node->kind != CONF_SCALAR)
		return conf_problem(bind->problems, node,
		                    "put an expression with { } or [ ] in quotes",
		                    "expected an expression such as .event.data.id");
	if (expr_new(bind->exprs, node->text, &expr, &error) < 0)
		return text_problem(bind, node, &error);
	HEED_TRY(note_expr(bind, node, expr));
	*ret_expr = expr;
	return 0;
}

int
bind_template(struct bind *bind, const struct conf_node *node,
              struct template **ret_template)
{
	struct heed_error error = {0};
	struct template *template;
	struct expr *const *exprs;
	int worst = 0;
	size_t n;
	size_t i;

	HEED_TRY(bind_want_text(bind, node, "template", "a text"));
	if (template_new(bind->exprs, node->text, &template, &error) < 0)
		return text_problem(bind, node, &error);
	n = template_exprs(template, &exprs);
	for (i = 0; i < n; i++)
		worst = bind_worse(worst, note_expr(bind, node, exprs[i]));
	if (worst == 0)
		*ret_template = template;
	return worst;
}

bool
bind_mentions(const struct bind *bind, const struct bind_origin *since, const char *text)
{
	const struct bind_origin *origin;

	for (origin = bind->origins; origin != since; origin = origin->next) {
		struct heed_str whole = expr_text(origin->expr);

		if (str_search(whole, str_of(text)) < whole.len)
			return true;
	}
	return false;
}

/* What is wrong with `culprit`, where it stands. */
static int
expr_problem(struct bind *bind, const struct expr *culprit, struct heed_error *error)
{
	const struct bind_origin *origin = bind->origins;

	while (origin != NULL && origin->expr != culprit)
		origin = origin->next;
	if (culprit == NULL || origin == NULL)
		return conf_problem(bind->problems, bind->root, error->hint, "%s",
		                    error->text);
	return text_problem(bind, &origin->node, error);
}

int
bind_check_exprs(struct bind *bind)
{
	int worst = 0;

	/* Each culprit costs some compilations of the others. */
	for (int i = 0; i < CULPRITS_MAX; i++) {
		struct heed_error error = {0};
		struct expr *culprit = NULL;
		int r = expr_set_check(bind->exprs, &culprit, &error);

		if (r == 0 || r == HEED_E_NOMEM)
			return bind_worse(worst, r);
		worst = bind_worse(worst, expr_problem(bind, culprit, &error));
		if (culprit == NULL)
			break;
	}
	return worst;
}

/* ---- schemas ----------------------------------------------------------------------- */

/* Is `token` of a JSON Pointer the name `key`? */
static bool
is_token(struct heed_str token, struct heed_str key)
{
	size_t at = 0;
	size_t i;

	for (i = 0; i < token.len; i++, at++) {
		char c = token.data[i];

		if (c == '~' && i + 1 < token.len) {
			i++;
			c = token.data[i] == '1' ? '/' : '~';
		}
		if (at >= key.len || key.data[at] != c)
			return false;
	}
	return at == key.len;
}

/* One step of a JSON Pointer: *at becomes the child, *ret_place its key or itself. */
static bool
step_into(const struct conf_node **at, struct heed_str token,
          const struct conf_node **ret_place)
{
	const struct conf_node *node = *at;
	int64_t index;
	size_t i;

	if (node->kind == CONF_LIST) {
		if (str_to_i64(token, &index) < 0 || index < 0 ||
		    (size_t)index >= node->n)
			return false;
		*at = *ret_place = &node->items[index];
		return true;
	}
	for (i = 0; node->kind == CONF_MAP && i < node->n; i++) {
		if (is_token(token, node->keys[i].text)) {
			*ret_place = &node->keys[i];
			*at = &node->items[i];
			return true;
		}
	}
	return false;
}

/* What stands at `pointer` below `node`, as far as it can be followed. */
static const struct conf_node *
find_pointer(const struct conf_node *node, const char *pointer)
{
	const struct conf_node *place = node;
	struct heed_str rest = str_of(pointer);

	if (str_starts(rest, "#"))
		rest = str_from(rest, 1);
	while (str_starts(rest, "/")) {
		rest = str_from(rest, 1);
		if (!step_into(&node, str_head(rest, str_find(rest, '/')), &place))
			break;
		rest = str_from(rest, str_find(rest, '/'));
	}
	return place;
}

static void
free_schema(void *schema)
{
	schema_free(schema);
}

int
bind_schema(struct bind *bind, const struct conf_node *node, struct schema **ret_schema)
{
	struct heed_error error = {0};
	struct heed_json document;
	struct schema *schema;
	int r;

	HEED_TRY(conf_json(bind->arena, node, 0, &document));
	r = schema_new(document, NULL, SCHEMA_STRICT | SCHEMA_FORMATS, &schema, &error);
	if (r == HEED_E_NOMEM)
		return r;
	if (r < 0)
		return conf_problem(bind->problems, find_pointer(node, error.where),
		                    error.hint, "schema: %s", error.text);
	HEED_TRY(bind_own(bind, free_schema, schema));
	*ret_schema = schema;
	return 0;
}
