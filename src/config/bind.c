/*
 * bind.c - see bind.h. Records, lists and maps, and the table of kinds; single values are
 * in bind_scalar.c, texts with a grammar in bind_text.c, shapes in shape.c.
 *
 * Options are taken in the order of the file, so that problems come in that order; what
 * is missing is told last.
 */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "config/bind_local.h"

int
bind_worse(int a, int b)
{
	return a == HEED_E_NOMEM || b == 0 ? a : b;
}

static void *
field_of(const struct option *row, void *target)
{
	return (char *)target + row->offset;
}

/* ---- kinds of a text or a value ---------------------------------------------------- */

static int
bind_expr_row(struct bind *bind, const struct conf_node *node, const struct option *row,
              void *field)
{
	return bind_expr(bind, node, field);
}

static int
bind_template_row(struct bind *bind, const struct conf_node *node,
                  const struct option *row, void *field)
{
	HEED_TRY(bind_want_text(bind, node, row->name, "a text"));
	if ((row->flags & OPTION_NONEMPTY) && str_trim(node->text).len == 0)
		return conf_problem(bind->problems, node, NULL, "%s: must not be empty",
		                    row->name);
	return bind_template(bind, node, field);
}

static int
bind_value_row(struct bind *bind, const struct conf_node *node, const struct option *row,
               void *field)
{
	return conf_json(bind->arena, node, 0, field);
}

static int
bind_schema_row(struct bind *bind, const struct conf_node *node, const struct option *row,
                void *field)
{
	return bind_schema(bind, node, field);
}

static int
bind_shape_row(struct bind *bind, const struct conf_node *node, const struct option *row,
               void *field)
{
	return shape_new(bind, node, field);
}

static int
bind_custom_row(struct bind *bind, const struct conf_node *node, const struct option *row,
                void *field)
{
	return row->bind(bind, node, field);
}

static int
bind_texts_row(struct bind *bind, const struct conf_node *node, const struct option *row,
               void *field)
{
	const struct conf_node *items = node->kind == CONF_LIST ? node->items : node;
	size_t n = node->kind == CONF_LIST ? node->n : 1;
	struct option_texts *texts = field;
	struct heed_str *made;
	int worst = 0;
	size_t i;

	if (node->kind == CONF_MAP)
		return conf_problem(
			bind->problems, node, "for example: [one, two]",
			"%s: expected a text or a list of texts, not a mapping",
			row->name);
	if (n == 0 && (row->flags & (OPTION_NONEMPTY | OPTION_REQUIRED)))
		return conf_problem(bind->problems, node, NULL, "%s: must not be empty",
		                    row->name);
	made = ARENA_ARRAY(bind->arena, struct heed_str, n);
	if (made == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < n; i++)
		worst = bind_worse(worst,
		                   bind_scalar_text(bind, &items[i], row, &made[i]));
	if (worst == 0)
		*texts = (struct option_texts){made, n};
	return worst;
}

static int
bind_headers_row(struct bind *bind, const struct conf_node *node,
                 const struct option *row, void *field)
{
	struct option_pairs *pairs = field;
	struct option_pair *made;
	int worst = 0;
	size_t i;

	if (node->kind != CONF_MAP)
		return conf_problem(bind->problems, node, "write: name: value",
		                    "%s: expected a mapping of names to texts",
		                    row->name);
	made = ARENA_ARRAY(bind->arena, struct option_pair, node->n);
	if (made == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		struct option one = {.name = node->keys[i].text.data};

		made[i].name = node->keys[i].text;
		worst = bind_worse(worst, bind_template_row(bind, &node->items[i], &one,
		                                            &made[i].value));
	}
	if (worst == 0)
		*pairs = (struct option_pairs){made, node->n};
	return worst;
}

/* ---- records, lists, maps ---------------------------------------------------------- */

/* A record, or the value of its first option alone where that is allowed. */
static int
bind_part(struct bind *bind, const struct conf_node *node, const struct option *row,
          void *target)
{
	struct conf_node *map;

	if (!(row->flags & OPTION_SCALAR_SHORT) || node->kind == CONF_MAP ||
	    node->kind == CONF_NULL)
		return bind_record(bind, node, row->rows, target);
	map = ARENA_ARRAY(bind->arena, struct conf_node, 2);
	if (map == NULL)
		return HEED_E_NOMEM;
	map[1] = (struct conf_node){.kind = CONF_SCALAR,
	                            .file = node->file,
	                            .line = node->line,
	                            .column = node->column,
	                            .quoted = true};
	map[1].text = map[1].raw = str_of(row->rows[0].name);
	map[0] = (struct conf_node){.kind = CONF_MAP,
	                            .file = node->file,
	                            .line = node->line,
	                            .column = node->column,
	                            .n = 1};
	map[0].keys = &map[1];
	map[0].items = ARENA_NEW(bind->arena, struct conf_node);
	if (map[0].items == NULL)
		return HEED_E_NOMEM;
	map[0].items[0] = *node;
	return bind_record(bind, map, row->rows, target);
}

static int
bind_record_row(struct bind *bind, const struct conf_node *node, const struct option *row,
                void *field)
{
	return bind_part(bind, node, row, field);
}

/* The elements of a list or the values of a map. They stay also when some are wrong, so
 * that those who look at the whole find as many as the file has. */
static int
bind_elements(struct bind *bind, const struct conf_node *node, const struct option *row,
              struct option_list *list)
{
	char *items;
	int worst = 0;
	size_t i;

	if (node->n == 0 && (row->flags & OPTION_NONEMPTY))
		return conf_problem(bind->problems, node, NULL, "%s: must not be empty",
		                    row->name);
	items = arena_zero_array(bind->arena, node->n, row->size);
	if (items == NULL)
		return HEED_E_NOMEM;
	*list = (struct option_list){items, node->n};
	for (i = 0; i < node->n; i++) {
		void *element = items + i * row->size;

		worst = bind_worse(worst, bind_part(bind, &node->items[i], row, element));
		if (row->kind == OPTION_MAP)
			*(struct heed_str *)element = node->keys[i].text;
	}
	return worst;
}

static int
bind_list_row(struct bind *bind, const struct conf_node *node, const struct option *row,
              void *field)
{
	if (node->kind != CONF_LIST)
		return conf_problem(bind->problems, node, "start each entry with \"- \"",
		                    "%s: expected a list", row->name);
	return bind_elements(bind, node, row, field);
}

static int
bind_map_row(struct bind *bind, const struct conf_node *node, const struct option *row,
             void *field)
{
	if (node->kind != CONF_MAP)
		return conf_problem(bind->problems, node, "write: name: {...}",
		                    "%s: expected a mapping of names", row->name);
	return bind_elements(bind, node, row, field);
}

/* ---- the table --------------------------------------------------------------------- */

const struct bind_kind bind_kinds[] = {
	[OPTION_TEXT] = {"text", bind_scalar_text, true, false},
	[OPTION_SECRET] = {"secret text", bind_scalar_text, true, false},
	[OPTION_BOOL] = {"true or false", bind_scalar_bool, false, false},
	[OPTION_INT] = {"whole number", bind_scalar_int, false, false},
	[OPTION_REAL] = {"number", bind_scalar_real, false, false},
	[OPTION_DURATION] = {"duration", bind_scalar_duration, false, false},
	[OPTION_SIZE] = {"size", bind_scalar_size, false, false},
	[OPTION_MONEY] = {"US dollars", bind_scalar_money, false, false},
	[OPTION_ENUM] = {"choice", bind_scalar_enum, true, false},
	[OPTION_EXPR] = {"expression", bind_expr_row, true, false},
	[OPTION_TEMPLATE] = {"template", bind_template_row, true, false},
	[OPTION_VALUE] = {"any value", bind_value_row, false, true},
	[OPTION_SCHEMA] = {"JSON Schema", bind_schema_row, false, false},
	[OPTION_SHAPE] = {"expression, or values with expressions", bind_shape_row, false,
                          true},
	[OPTION_TEXTS] = {"text or list of texts", bind_texts_row, false, false},
	[OPTION_HEADERS] = {"mapping of names to templates", bind_headers_row, false,
                            false},
	[OPTION_RECORD] = {"mapping", bind_record_row, false, false},
	[OPTION_LIST] = {"list of mappings", bind_list_row, false, false},
	[OPTION_MAP] = {"mapping of names to mappings", bind_map_row, false, false},
	[OPTION_CUSTOM] = {"mapping", bind_custom_row, false, false},
};

int
bind_value(struct bind *bind, const struct conf_node *node, const struct option *row,
           void *target)
{
	return bind_kinds[row->kind].bind(bind, node, row, field_of(row, target));
}

/* ---- one record -------------------------------------------------------------------- */

const struct conf_node *
option_fallback(struct arena *arena, struct conf_problems *problems,
                const struct option *row)
{
	struct conf_node *node = NULL;

	if (row->fallback == NULL)
		return NULL;
	if (!bind_kinds[row->kind].text) {
		(void)conf_parse(arena, "(default)", str_of(row->fallback), problems,
		                 &node);
		return node;
	}
	node = ARENA_NEW(arena, struct conf_node);
	if (node != NULL)
		*node = (struct conf_node){.kind = CONF_SCALAR,
		                           .file = "(default)",
		                           .line = 1,
		                           .column = 1,
		                           .quoted = true,
		                           .text = str_of(row->fallback),
		                           .raw = str_of(row->fallback)};
	return node;
}

/* The default of an option that is not there. */
static int
bind_fallback(struct bind *bind, const struct option *row, void *target)
{
	const struct conf_node *node;

	if (row->fallback == NULL)
		return row->kind == OPTION_RECORD
		               ? bind_record(bind, NULL, row->rows, field_of(row, target))
		               : 0;
	node = option_fallback(bind->arena, bind->problems, row);
	return node == NULL ? HEED_E_NOMEM : bind_value(bind, node, row, target);
}

/* May `node` be bound as it is, or does it count as absent? */
static bool
is_there(const struct option *row, const struct conf_node *node)
{
	size_t i;

	if (node == NULL)
		return false;
	if (node->kind != CONF_NULL || bind_kinds[row->kind].null)
		return true;
	for (i = 0;
	     row->kind == OPTION_CUSTOM && row->names != NULL && row->names[i] != NULL;
	     i++)
		if (strcmp(row->names[i], "null") == 0)
			return true;
	return false;
}

static const struct option *
find_row(const struct option *rows, struct heed_str name)
{
	for (; rows->kind != OPTION_END; rows++)
		if (str_is(name, rows->name))
			return rows;
	return NULL;
}

/* The names of `rows`, NULL-terminated; NULL without memory. */
static const char **
list_names(struct arena *arena, const struct option *rows)
{
	const char **names;
	size_t n;

	for (n = 0; rows[n].kind != OPTION_END; n++)
		;
	names = ARENA_ARRAY(arena, const char *, n + 1);
	while (names != NULL && n-- > 0)
		names[n] = rows[n].name;
	return names;
}

static int
unknown_option(struct bind *bind, const struct conf_node *key, const struct option *rows)
{
	const char **names = list_names(bind->arena, rows);
	char hint[CONF_HINT_SIZE];

	if (names == NULL)
		return HEED_E_NOMEM;
	return conf_problem(
		bind->problems, key, conf_suggest(hint, key->text, names, "options here"),
		"there is no option \"%.*s\"", STR_ARG(str_head_utf8(key->text, 80)));
}

static int
check_is_map(struct bind *bind, const struct conf_node *node, const struct option *rows)
{
	const char **names;
	char hint[CONF_HINT_SIZE];

	if (node->kind == CONF_MAP || node->kind == CONF_NULL)
		return 0;
	names = list_names(bind->arena, rows);
	if (names == NULL)
		return HEED_E_NOMEM;
	return conf_problem(
		bind->problems, node,
		conf_suggest(hint, (struct heed_str){NULL, 0}, names, "options here"),
		"expected a mapping, not a %s",
		node->kind == CONF_LIST ? "list" : "single value");
}

static int
bind_missing(struct bind *bind, const struct conf_node *node, const struct option *row,
             void *target)
{
	if (node == NULL || !(row->flags & OPTION_REQUIRED))
		return bind_fallback(bind, row, target);
	return conf_problem(bind->problems, node, row->help, "%s is missing", row->name);
}

int
bind_record(struct bind *bind, const struct conf_node *node, const struct option *rows,
            void *target)
{
	const struct option *row;
	int worst = 0;
	size_t i;

	if (rows->flags & OPTION_WHOLE)
		return node != NULL ? bind_value(bind, node, rows, target) : 0;
	if (node != NULL)
		HEED_TRY(check_is_map(bind, node, rows));
	for (i = 0; node != NULL && i < node->n; i++) {
		row = find_row(rows, node->keys[i].text);
		if (row == NULL)
			worst = bind_worse(worst,
			                   unknown_option(bind, &node->keys[i], rows));
		else if (is_there(row, &node->items[i]))
			worst = bind_worse(
				worst, bind_value(bind, &node->items[i], row, target));
		if (worst == HEED_E_NOMEM)
			return worst;
	}
	for (row = rows; row->kind != OPTION_END && worst != HEED_E_NOMEM; row++)
		if (!is_there(row, conf_get(node, row->name)))
			worst = bind_worse(worst, bind_missing(bind, node, row, target));
	return worst;
}
