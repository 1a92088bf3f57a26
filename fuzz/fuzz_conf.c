/*
 * fuzz_conf.c - any bytes as a configuration file.
 *
 * Whatever the text is: parsing ends, the tree is bounded, every problem is UTF-8 with a
 * place in the file, the tree survives the way through JSON and back, and binding reports
 * instead of failing.
 */
#include <assert.h>
#include <stddef.h>

#include "base/json.h"
#include "config/bind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
	struct heed_str text;
	bool flag;
	int64_t number;
	double real;
	int choice;
	struct expr *expr;
	struct template *template;
	struct shape *shape;
	struct schema *schema;
	struct heed_json value;
	struct option_texts texts;
	struct option_pairs headers;
	struct option_list map;
};

struct element {
	struct heed_str name;
	int64_t number;
};

static const char *const words[] = {"red", "green", NULL};
static const struct option element_rows[] = {
	{.name = "n", .kind = OPTION_SIZE, .offset = offsetof(struct element, number)},
	OPTION_ROWS_END,
};

#define AT(field) .offset = offsetof(struct target, field)

static const struct option rows[] = {
	{.name = "a", .kind = OPTION_TEXT, AT(text), .flags = OPTION_REQUIRED},
	{.name = "b", .kind = OPTION_BOOL, AT(flag)},
	{.name = "c", .kind = OPTION_INT, AT(number), .min = -5, .max = 1e6},
	{.name = "d", .kind = OPTION_REAL, AT(real)},
	{.name = "e", .kind = OPTION_ENUM, AT(choice), .names = words},
	{.name = "f", .kind = OPTION_DURATION, AT(number)},
	{.name = "g", .kind = OPTION_MONEY, AT(number)},
	{.name = "h", .kind = OPTION_VALUE, AT(value)},
	{.name = "o", .kind = OPTION_SCHEMA, AT(schema)},
	{.name = "i", .kind = OPTION_TEXTS, AT(texts)},
	{.name = "j", .kind = OPTION_HEADERS, AT(headers)},
	{.name = "k", .kind = OPTION_EXPR, AT(expr)},
	{.name = "l", .kind = OPTION_TEMPLATE, AT(template)},
	{.name = "m", .kind = OPTION_SHAPE, AT(shape)},
	{.name = "n",
         .kind = OPTION_MAP,
         AT(map),
         .rows = element_rows,
         .size = sizeof(struct element)},
	OPTION_ROWS_END,
};

static void
check_problems(const struct conf_problems *problems)
{
	size_t i;

	assert(problems->n <= CONF_PROBLEMS_MAX && !problems->nomem);
	for (i = 0; i < problems->n; i++) {
		assert(problems->items[i].line >= 1 && problems->items[i].column >= 1);
		assert(str_utf8(problems->items[i].text) &&
		       str_utf8(problems->items[i].hint));
	}
}

/* The tree as JSON, as a tree, as JSON: the same. */
static void
check_round_trip(struct arena *arena, const struct conf_node *root)
{
	struct conf_node *again;
	struct heed_json first;
	struct heed_json second;

	assert(conf_json(arena, root, 1, &first) == 0);
	if (conf_from_json(arena, "json", first, &again) != 0)
		return;
	assert(conf_json(arena, again, 1, &second) == 0);
	assert(json_equal(first, second));
}

static void
check_places(const struct conf_node *node, int depth)
{
	int line;
	int column;
	size_t i;

	assert(depth <= CONF_DEPTH_MAX + 1);
	assert(node->line >= 1 && node->column >= 1);
	(void)conf_place(node, 2, 3, &line, &column);
	assert(line >= 1 && column >= 1);
	for (i = 0; i < node->n && i < 16; i++)
		check_places(&node->items[i], depth + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const roots[] = {"event", NULL};
	struct conf_problems problems;
	struct conf_node *root = NULL;
	struct target target = {0};
	struct arena arena;
	struct bind bind;
	int r;

	arena_init(&arena, 0);
	conf_problems_init(&problems, &arena);
	r = conf_parse(&arena, "fuzz.yaml", (struct heed_str){(const char *)data, size},
	               &problems, &root);
	assert(r == 0 || problems.n > 0);
	assert(r != 0 || root != NULL);
	if (root != NULL) {
		check_places(root, 0);
		check_round_trip(&arena, root);
		(void)conf_expand(&arena, root, &problems);
		bind = (struct bind){.arena = &arena,
		                     .exprs = expr_set_new(),
		                     .root = root,
		                     .problems = &problems,
		                     .roots = roots};
		r = bind_record(&bind, root, rows, &target);
		assert(r == 0 || problems.n > 0);
		bind_free_owned(&bind);
		expr_set_free(bind.exprs);
	}
	check_problems(&problems);
	arena_done(&arena);
	return 0;
}
