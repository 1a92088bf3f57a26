/*
 * conf_json.c - trees as JSON and back.
 *
 * Plain scalars are read by YAML 1.2's core schema
 * (https://yaml.org/spec/1.2.2/#103-core-schema), so `no`, `on` and 2024-10-21 are texts
 * and 0o17 is 15. JSON has no infinities: .inf and .nan are texts, too.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/conf.h"

static bool
is_one_of(struct heed_str text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (str_is(text, *words))
			return true;
	return false;
}

/* Digits of `base` that fill `text`; false when it is none or beyond 64 bits. */
static bool
read_digits(struct heed_str text, unsigned base, uint64_t *ret_value)
{
	uint64_t value = 0;
	size_t i;

	if (text.len == 0)
		return false;
	for (i = 0; i < text.len; i++) {
		int digit = hex_value(text.data[i]);

		if (digit < 0 || (unsigned)digit >= base ||
		    value > (UINT64_MAX - (unsigned)digit) / base)
			return false;
		value = value * base + (unsigned)digit;
	}
	*ret_value = value;
	return true;
}

static bool
read_whole(struct heed_str text, struct heed_json *ret_value)
{
	bool negative = str_starts(text, "-");
	uint64_t value;

	if (str_starts(text, "0x") || str_starts(text, "0o")) {
		if (!read_digits(str_from(text, 2), text.data[1] == 'x' ? 16 : 8, &value))
			return false;
		*ret_value = json_uint(value);
		return true;
	}
	if (negative || str_starts(text, "+"))
		text = str_from(text, 1);
	if (!read_digits(text, 10, &value))
		return false;
	if (!negative) {
		*ret_value = json_uint(value);
		return true;
	}
	if (value > (uint64_t)INT64_MAX + 1)
		return false;
	*ret_value = json_int((int64_t)(0 - value));
	return true;
}

static size_t
skip_digits(struct heed_str text, size_t at)
{
	while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9')
		at++;
	return at;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool
is_real(struct heed_str text)
{
	size_t start = str_starts(text, "-") || str_starts(text, "+") ? 1 : 0;
	size_t at = skip_digits(text, start);
	size_t digits = at - start;
	size_t from;

	if (at < text.len && text.data[at] == '.') {
		from = at + 1;
		at = skip_digits(text, from);
		digits += at - from;
	}
	if (digits == 0)
		return false;
	if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
		at++;
		if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
			at++;
		from = at;
		at = skip_digits(text, from);
		if (at == from)
			return false;
	}
	return at == text.len;
}

static int
read_plain(struct arena *arena, struct heed_str text, struct heed_json *ret_value)
{
	static const char *const yes[] = {"true", "True", "TRUE", NULL};
	static const char *const no[] = {"false", "False", "FALSE", NULL};

	if (is_one_of(text, yes) || is_one_of(text, no)) {
		*ret_value = json_bool(is_one_of(text, yes));
		return 0;
	}
	if (read_whole(text, ret_value))
		return 0;
	if (is_real(text)) {
		char *copy = arena_cstr(arena, text);
		double value;

		if (copy == NULL)
			return HEED_E_NOMEM;
		value = strtod(copy, NULL);
		if (isfinite(value)) {
			*ret_value = json_real(value);
			return 0;
		}
	}
	*ret_value = json_str(text);
	return 0;
}

static int
list_json(struct arena *arena, const struct conf_node *node, int raw,
          struct heed_json *ret_value)
{
	struct heed_json *items = ARENA_ARRAY(arena, struct heed_json, node->n);
	size_t i;

	if (items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++)
		HEED_TRY(conf_json(arena, &node->items[i], raw, &items[i]));
	*ret_value = (struct heed_json){
		.kind = HEED_ARRAY, .len = (uint32_t)node->n, .items = items};
	return 0;
}

/* Keys are unique already: no need for json_set, which looks for them. */
static int
map_json(struct arena *arena, const struct conf_node *node, int raw,
         struct heed_json *ret_value)
{
	struct heed_member *members = ARENA_ARRAY(arena, struct heed_member, node->n);
	size_t i;

	if (members == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		members[i].name = node->keys[i].text;
		HEED_TRY(conf_json(arena, &node->items[i], raw, &members[i].value));
	}
	*ret_value = (struct heed_json){
		.kind = HEED_OBJECT, .len = (uint32_t)node->n, .members = members};
	return 0;
}

int
conf_json(struct arena *arena, const struct conf_node *node, int raw,
          struct heed_json *ret_value)
{
	switch (node->kind) {
	case CONF_NULL:
		*ret_value = json_null();
		return 0;
	case CONF_SCALAR:
		if (!node->quoted && !node->expanded)
			return read_plain(arena, node->text, ret_value);
		*ret_value = json_str(raw ? node->raw : node->text);
		return 0;
	case CONF_LIST:
		return list_json(arena, node, raw, ret_value);
	case CONF_MAP:
		break;
	}
	return map_json(arena, node, raw, ret_value);
}

/* ---- and back ---------------------------------------------------------------------- */

static int fill(struct arena *arena, const char *file, struct heed_json value, int depth,
                struct conf_node *node);

static int
fill_list(struct arena *arena, struct heed_json value, int depth, struct conf_node *node)
{
	size_t i;

	node->kind = CONF_LIST;
	node->n = value.len;
	node->items = ARENA_ARRAY(arena, struct conf_node, node->n);
	if (node->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++)
		HEED_TRY(fill(arena, node->file, value.items[i], depth, &node->items[i]));
	return 0;
}

static int
fill_map(struct arena *arena, struct heed_json value, int depth, struct conf_node *node)
{
	size_t i;

	node->kind = CONF_MAP;
	node->n = value.len;
	node->items = ARENA_ARRAY(arena, struct conf_node, node->n);
	node->keys = ARENA_ARRAY(arena, struct conf_node, node->n);
	if (node->items == NULL || node->keys == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		HEED_TRY(fill(arena, node->file, json_str(value.members[i].name), depth,
		              &node->keys[i]));
		HEED_TRY(fill(arena, node->file, value.members[i].value, depth,
		              &node->items[i]));
	}
	return 0;
}

static int
fill(struct arena *arena, const char *file, struct heed_json value, int depth,
     struct conf_node *node)
{
	*node = (struct conf_node){.file = file, .line = 1, .column = 1};
	if (depth >= CONF_DEPTH_MAX)
		return HEED_E_LIMIT;
	switch (value.kind) {
	case HEED_NULL:
		node->kind = CONF_NULL;
		return 0;
	case HEED_ARRAY:
		return fill_list(arena, value, depth + 1, node);
	case HEED_OBJECT:
		return fill_map(arena, value, depth + 1, node);
	case HEED_STRING:
		node->text = arena_str(arena, json_text(value));
		break;
	default:
		node->text = json_text_of(arena, value);
		break;
	}
	node->kind = CONF_SCALAR;
	node->raw = node->text;
	node->quoted = value.kind == HEED_STRING;
	return node->text.data != NULL ? 0 : HEED_E_NOMEM;
}

int
conf_from_json(struct arena *arena, const char *file, struct heed_json value,
               struct conf_node **ret_root)
{
	struct conf_node *root = ARENA_NEW(arena, struct conf_node);

	if (root == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(fill(arena, file, value, 0, root));
	*ret_root = root;
	return 0;
}
