/*
 * bind_scalar.c - single values: text, truth, numbers, durations, sizes, money, choices.
 *
 * A number in quotes is a text, as in JSON, so that the schema for editors and this code
 * agree; only what came out of ${...} is read as if it stood there plainly. Messages show
 * a scalar as it was written, never what ${...} gave.
 */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "config/bind_local.h"

/* As JSON; text from ${...} as if it had been written plainly. */
static int
read_scalar(struct bind *bind, const struct conf_node *node, struct heed_json *ret_value)
{
	struct conf_node plain = *node;

	if (plain.expanded) {
		plain.expanded = false;
		plain.quoted = false;
	}
	return conf_json(bind->arena, &plain, 0, ret_value);
}

/* "expected WANTED, not ...", with a hint when quotes are the cause. */
static int
wrong(struct bind *bind, const struct conf_node *node, const struct option *row,
      const char *wanted, const char *hint)
{
	static const char *const others[] = {"nothing", "", "a list", "a mapping"};

	if (node->kind != CONF_SCALAR)
		return conf_problem(bind->problems, node, hint, "%s: expected %s, not %s",
		                    row->name, wanted, others[node->kind]);
	if (row->kind == OPTION_SECRET)
		return conf_problem(bind->problems, node, hint, "%s: expected %s",
		                    row->name, wanted);
	return conf_problem(bind->problems, node, hint, "%s: expected %s, not \"%.*s\"",
	                    row->name, wanted, STR_ARG(str_head_utf8(node->raw, 80)));
}

/* Would the text be of `kind` without its quotes? */
static bool
is_quoted_only(struct bind *bind, const struct conf_node *node,
               bool (*fits)(struct heed_json))
{
	struct conf_node plain = *node;
	struct heed_json value;

	if (node->kind != CONF_SCALAR || !node->quoted || node->expanded)
		return false;
	plain.quoted = false;
	return conf_json(bind->arena, &plain, 0, &value) == 0 && fits(value);
}

static bool
is_bool(struct heed_json value)
{
	return value.kind == HEED_BOOL;
}

/* ---- text -------------------------------------------------------------------------- */

bool
bind_is_text(const struct conf_node *node)
{
	struct heed_json value;
	struct arena scratch;
	bool is_text;

	if (node->kind != CONF_SCALAR)
		return false;
	if (node->quoted || node->expanded)
		return true;
	arena_init(&scratch, 0);
	is_text = conf_json(&scratch, node, 0, &value) == 0 && value.kind == HEED_STRING;
	arena_done(&scratch);
	return is_text;
}

int
bind_want_text(struct bind *bind, const struct conf_node *node, const char *name,
               const char *wanted)
{
	struct option row = {.name = name != NULL ? name : "text", .kind = OPTION_TEXT};
	char hint[128] = "";

	if (bind_is_text(node))
		return 0;
	if (node->kind == CONF_SCALAR)
		(void)snprintf(hint, sizeof(hint), "put it in quotes: \"%.*s\"",
		               STR_ARG(str_head_utf8(node->raw, 80)));
	return wrong(bind, node, &row, wanted, hint);
}

/* Is the text the name of an entry of the top-level map row->names[0], or one of the
 * words behind that? */
static int
check_reference(struct bind *bind, const struct conf_node *node, const struct option *row)
{
	const struct conf_node *map;
	const char **names;
	char hint[CONF_HINT_SIZE];
	size_t n;
	size_t words = 0;
	size_t i;

	if (bind->root == NULL || row->names == NULL)
		return 0;
	map = conf_get(bind->root, row->names[0]);
	n = map != NULL && map->kind == CONF_MAP ? map->n : 0;
	while (row->names[words + 1] != NULL)
		words++;
	names = ARENA_ARRAY(bind->arena, const char *, n + words + 1);
	if (names == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < n; i++)
		names[i] = map->keys[i].text.data;
	for (i = 0; i < words; i++)
		names[n + i] = row->names[i + 1];
	for (i = 0; i < n + words; i++)
		if (str_is(node->text, names[i]))
			return 0;
	(void)conf_suggest(hint, node->text, names, "there are");
	if (n == 0)
		(void)snprintf(hint, sizeof(hint), "add it under %s:", row->names[0]);
	return conf_problem(bind->problems, node, hint,
	                    "%s: there is no \"%.*s\" under %s", row->name,
	                    STR_ARG(str_head_utf8(node->raw, 80)), row->names[0]);
}

/* Note a secret that stands in the file. */
static int
note_secret(struct bind *bind, const struct conf_node *node, const struct option *row)
{
	struct bind_secret **end = &bind->secrets;
	struct bind_secret *secret;

	if (row->kind != OPTION_SECRET || node->expanded || node->text.len == 0)
		return 0;
	secret = ARENA_NEW(bind->arena, struct bind_secret);
	if (secret == NULL)
		return HEED_E_NOMEM;
	*secret = (struct bind_secret){NULL, row->name, node->line, node->column};
	while (*end != NULL)
		end = &(*end)->next;
	*end = secret;
	return 0;
}

int
bind_scalar_text(struct bind *bind, const struct conf_node *node,
                 const struct option *row, void *field)
{
	if (!bind_is_text(node)) {
		if (row->kind == OPTION_SECRET)
			return wrong(bind, node, row, "a text", "put it in quotes");
		return bind_want_text(bind, node, row->name, "a text");
	}
	if ((row->flags & OPTION_NONEMPTY) && str_trim(node->text).len == 0)
		return conf_problem(bind->problems, node, NULL, "%s: must not be empty",
		                    row->name);
	if (row->flags & OPTION_REFERENCE)
		HEED_TRY(check_reference(bind, node, row));
	HEED_TRY(note_secret(bind, node, row));
	*(struct heed_str *)field = node->text;
	return 0;
}

int
bind_scalar_enum(struct bind *bind, const struct conf_node *node,
                 const struct option *row, void *field)
{
	char hint[CONF_HINT_SIZE];
	int i;

	if (node->kind != CONF_SCALAR)
		return wrong(bind, node, row, "one word",
		             conf_suggest(hint, HEED_STR(""), row->names, "one of"));
	for (i = 0; row->names[i] != NULL; i++) {
		if (str_is(node->text, row->names[i])) {
			*(int *)field = i;
			return 0;
		}
	}
	return conf_problem(bind->problems, node,
	                    conf_suggest(hint, node->text, row->names, "one of"),
	                    "%s: there is no \"%.*s\"", row->name,
	                    STR_ARG(str_head_utf8(node->raw, 80)));
}

int
bind_scalar_bool(struct bind *bind, const struct conf_node *node,
                 const struct option *row, void *field)
{
	struct heed_json value = {.kind = HEED_NULL};

	if (node->kind == CONF_SCALAR)
		HEED_TRY(read_scalar(bind, node, &value));
	if (value.kind != HEED_BOOL)
		return wrong(bind, node, row, "true or false",
		             is_quoted_only(bind, node, is_bool) ? "remove the quotes"
		                                                 : NULL);
	*(bool *)field = value.boolean;
	return 0;
}

/* ---- numbers ----------------------------------------------------------------------- */

struct unit {
	const char *name;
	double size;
};

static const struct unit durations[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                        {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const struct unit sizes[] = {
	{"GiB", 1073741824}, {"MiB", 1048576}, {"KiB", 1024}, {"", 1}, {NULL, 0}};

void
option_number_write(struct heed_buf *buf, enum option_kind kind, double number)
{
	const struct unit *unit = kind == OPTION_DURATION ? durations : sizes;

	if ((kind == OPTION_DURATION || kind == OPTION_SIZE) && number != 0) {
		while (unit[1].name != NULL && fmod(number, unit->size) != 0)
			unit++;
		buf_addf(buf, "%.15g%s", number / unit->size, unit->name);
		return;
	}
	buf_addf(buf, "%.15g", number);
}

bool
option_has_bounds(const struct option *row)
{
	return row->min != 0 || row->max != 0;
}

bool
option_has_max(const struct option *row)
{
	return option_has_bounds(row) && row->max >= row->min;
}

static int
check_bounds(struct bind *bind, const struct conf_node *node, const struct option *row,
             double value)
{
	struct heed_buf text;
	int r;

	if (!option_has_bounds(row) ||
	    (value >= row->min && (value <= row->max || !option_has_max(row))))
		return 0;
	buf_init(&text, 256);
	if (!option_has_max(row))
		buf_adds(&text, "at least ");
	else if (row->min < row->max)
		buf_adds(&text, "between ");
	option_number_write(&text, row->kind, row->min);
	if (option_has_max(row) && row->min < row->max) {
		buf_adds(&text, " and ");
		option_number_write(&text, row->kind, row->max);
	}
	r = buf_error(&text) == 0
	            ? conf_problem(bind->problems, node, NULL, "%s: must be %s, not %.*s",
	                           row->name, text.data,
	                           STR_ARG(str_head_utf8(node->raw, 80)))
	            : HEED_E_NOMEM;
	buf_done(&text);
	return r;
}

int
bind_scalar_int(struct bind *bind, const struct conf_node *node, const struct option *row,
                void *field)
{
	struct heed_json value = {.kind = HEED_NULL};

	if (node->kind == CONF_SCALAR)
		HEED_TRY(read_scalar(bind, node, &value));
	if (value.kind == HEED_UINT)
		return wrong(bind, node, row, "a whole number below 2^63", NULL);
	if (value.kind != HEED_INT)
		return wrong(bind, node, row, "a whole number",
		             is_quoted_only(bind, node, json_is_number)
		                     ? "remove the quotes"
		                     : NULL);
	HEED_TRY(check_bounds(bind, node, row, (double)value.i64));
	*(int64_t *)field = value.i64;
	return 0;
}

static int
read_number(struct bind *bind, const struct conf_node *node, const struct option *row,
            const char *wanted, double *ret_number)
{
	struct heed_json value = {.kind = HEED_NULL};

	if (node->kind == CONF_SCALAR)
		HEED_TRY(read_scalar(bind, node, &value));
	if (!json_is_number(value))
		return wrong(bind, node, row, wanted,
		             is_quoted_only(bind, node, json_is_number)
		                     ? "remove the quotes"
		                     : NULL);
	HEED_TRY(check_bounds(bind, node, row, json_number(value)));
	*ret_number = json_number(value);
	return 0;
}

int
bind_scalar_real(struct bind *bind, const struct conf_node *node,
                 const struct option *row, void *field)
{
	return read_number(bind, node, row, "a number", field);
}

int
bind_scalar_money(struct bind *bind, const struct conf_node *node,
                  const struct option *row, void *field)
{
	double dollars = 0;

	HEED_TRY(read_number(bind, node, row, "US dollars such as 0.50", &dollars));
	if (dollars < 0 || dollars > 9e9)
		return wrong(bind, node, row, "US dollars from 0 to 9000000000", NULL);
	*(int64_t *)field = (int64_t)llround(dollars * 1e9);
	return 0;
}

int
bind_scalar_duration(struct bind *bind, const struct conf_node *node,
                     const struct option *row, void *field)
{
	int64_t ms;

	if (node->kind != CONF_SCALAR || str_to_duration(node->text, &ms) < 0)
		return wrong(bind, node, row, "a duration",
		             "for example 250ms, 30s, 5m, 24h, 7d or 1h30m");
	HEED_TRY(check_bounds(bind, node, row, (double)ms));
	*(int64_t *)field = ms;
	return 0;
}

int
bind_scalar_size(struct bind *bind, const struct conf_node *node,
                 const struct option *row, void *field)
{
	int64_t bytes;

	if (node->kind != CONF_SCALAR || str_to_size(node->text, &bytes) < 0)
		return wrong(bind, node, row, "a size",
		             "for example 100, 64KiB, 10MB or 1GiB");
	HEED_TRY(check_bounds(bind, node, row, (double)bytes));
	*(int64_t *)field = bytes;
	return 0;
}
