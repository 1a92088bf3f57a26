/*
 * json.c - JSON values: made, looked at, compared. Reading is json_read.cc, writing
 * json_write.c.
 */
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- make -------------------------------------------------------------------------- */

struct heed_json
json_null(void)
{
	return (struct heed_json){.kind = HEED_NULL};
}

struct heed_json
json_bool(bool value)
{
	return (struct heed_json){.kind = HEED_BOOL, .boolean = value};
}

struct heed_json
json_int(int64_t value)
{
	return (struct heed_json){.kind = HEED_INT, .i64 = value};
}

struct heed_json
json_uint(uint64_t value)
{
	if (value <= INT64_MAX)
		return json_int((int64_t)value);
	return (struct heed_json){.kind = HEED_UINT, .u64 = value};
}

struct heed_json
json_real(double value)
{
	if (!isfinite(value))
		return json_null();
	if (value == floor(value) && fabs(value) <= 9007199254740992.0 &&
	    !(value == 0 && signbit(value)))
		return json_int((int64_t)value);
	return (struct heed_json){.kind = HEED_REAL, .f64 = value};
}

struct heed_json
json_str(struct heed_str text)
{
	return (struct heed_json){.kind = HEED_STRING,
	                          .len = (uint32_t)text.len,
	                          .text = text.data != NULL ? text.data : ""};
}

struct heed_json
json_cstr(const char *text)
{
	return json_str(str_of(text));
}

static int
copy_items(struct arena *arena, struct heed_json value, struct heed_json *ret_copy)
{
	struct heed_json *items = arena_alloc(arena, value.len * sizeof(*items));
	uint32_t i;

	if (items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < value.len; i++)
		HEED_TRY(json_copy(arena, value.items[i], &items[i]));
	value.items = items;
	*ret_copy = value;
	return 0;
}

static int
copy_members(struct arena *arena, struct heed_json value, struct heed_json *ret_copy)
{
	struct heed_member *members = arena_alloc(arena, value.len * sizeof(*members));
	uint32_t i;

	if (members == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < value.len; i++) {
		members[i].name = arena_str(arena, value.members[i].name);
		if (members[i].name.data == NULL)
			return HEED_E_NOMEM;
		HEED_TRY(json_copy(arena, value.members[i].value, &members[i].value));
	}
	value.members = members;
	*ret_copy = value;
	return 0;
}

int
json_copy(struct arena *arena, struct heed_json value, struct heed_json *ret_copy)
{
	struct heed_str text;

	switch (value.kind) {
	case HEED_STRING:
		text = arena_str(arena, json_text(value));
		if (text.data == NULL)
			return HEED_E_NOMEM;
		*ret_copy = json_str(text);
		return 0;
	case HEED_ARRAY:
		return copy_items(arena, value, ret_copy);
	case HEED_OBJECT:
		return copy_members(arena, value, ret_copy);
	default:
		*ret_copy = value;
		return 0;
	}
}

static void
build_start(struct json_build *build, struct arena *arena, uint32_t kind)
{
	*build = (struct json_build){.arena = arena, .kind = kind};
}

void
json_object(struct json_build *build, struct arena *arena)
{
	build_start(build, arena, HEED_OBJECT);
}

void
json_array(struct json_build *build, struct arena *arena)
{
	build_start(build, arena, HEED_ARRAY);
}

/* Room for one more slot of `size` bytes; the old slots stay behind on the arena. */
static void *
build_slot(struct json_build *build, size_t size)
{
	void *slots;
	uint32_t cap;

	if (build->error != 0)
		return NULL;
	if (build->len < build->cap)
		return (char *)build->slots + size * build->len;
	cap = build->cap > 0 ? build->cap * 2 : 4;
	slots = cap > build->cap ? arena_alloc(build->arena, size * cap) : NULL;
	if (slots == NULL) {
		build->error = HEED_E_NOMEM;
		return NULL;
	}
	if (build->len > 0)
		memcpy(slots, build->slots, size * build->len);
	build->slots = slots;
	build->cap = cap;
	return (char *)slots + size * build->len;
}

void
json_set(struct json_build *build, struct heed_str name, struct heed_json value)
{
	struct heed_member *members = build->slots;
	struct heed_member *slot;
	uint32_t place;

	if (build->error != 0)
		return;
	place = json_names_place(&build->names, build->arena, members, build->len, name);
	if (place < build->len) {
		members[place].value = value;
		return;
	}
	slot = build_slot(build, sizeof(*slot));
	if (slot == NULL)
		return;
	*slot = (struct heed_member){name, value};
	build->len++;
}

void
json_set_cstr(struct json_build *build, const char *name, struct heed_json value)
{
	json_set(build, str_of(name), value);
}

void
json_set_text(struct json_build *build, const char *name, struct heed_str text)
{
	if (text.len > 0)
		json_set_cstr(build, name, json_str(text));
}

void
json_set_number(struct json_build *build, const char *name, int64_t number)
{
	if (number != 0)
		json_set_cstr(build, name, json_int(number));
}

void
json_push(struct json_build *build, struct heed_json value)
{
	struct heed_json *slot = build_slot(build, sizeof(*slot));

	if (slot == NULL)
		return;
	*slot = value;
	build->len++;
}

int
json_build_end(struct json_build *build, struct heed_json *ret_value)
{
	if (build->error != 0)
		return build->error;
	*ret_value = (struct heed_json){.kind = build->kind, .len = build->len};
	if (build->kind == HEED_OBJECT)
		ret_value->members = build->slots;
	else
		ret_value->items = build->slots;
	return 0;
}

int
json_with(struct arena *arena, struct heed_json object, const char *name,
          struct heed_json value, struct heed_json *ret_object)
{
	struct json_build build;
	uint32_t i;

	json_object(&build, arena);
	for (i = 0; i < object.len; i++)
		json_set(&build, object.members[i].name, object.members[i].value);
	json_set_cstr(&build, name, value);
	return json_build_end(&build, ret_object);
}

/* ---- look -------------------------------------------------------------------------- */

const struct heed_json *
json_find(struct heed_json object, struct heed_str name)
{
	uint32_t i;

	if (object.kind != HEED_OBJECT)
		return NULL;
	for (i = 0; i < object.len; i++)
		if (str_eq(object.members[i].name, name))
			return &object.members[i].value;
	return NULL;
}

const struct heed_json *
json_get(struct heed_json object, const char *name)
{
	return json_find(object, str_of(name));
}

const struct heed_json *
json_path(struct heed_json value, ...)
{
	const struct heed_json *at = NULL;
	const char *name;
	va_list names;

	va_start(names, value);
	while ((name = va_arg(names, const char *)) != NULL) {
		at = json_get(at != NULL ? *at : value, name);
		if (at == NULL)
			break;
	}
	va_end(names);
	return at;
}

/* Does the escaped pointer token stand for `name`? (~0 is ~, ~1 is /) */
static bool
token_is(struct heed_str token, struct heed_str name)
{
	size_t at = 0;
	size_t i;

	for (i = 0; i < token.len; i++, at++) {
		char c = token.data[i];

		if (c == '~' && i + 1 < token.len) {
			i++;
			c = token.data[i] == '1' ? '/' : '~';
		}
		if (at >= name.len || name.data[at] != c)
			return false;
	}
	return at == name.len;
}

static const struct heed_json *
pointer_step(const struct heed_json *value, struct heed_str token)
{
	int64_t index;
	uint32_t i;

	if (value->kind == HEED_ARRAY) {
		if (str_to_i64(token, &index) < 0 || index < 0 || index >= value->len ||
		    (token.len > 1 && token.data[0] == '0'))
			return NULL;
		return &value->items[index];
	}
	for (i = 0; value->kind == HEED_OBJECT && i < value->len; i++)
		if (token_is(token, value->members[i].name))
			return &value->members[i].value;
	return NULL;
}

const struct heed_json *
json_pointer(const struct heed_json *value, struct heed_str pointer)
{
	bool more = pointer.len > 0;

	if (more && pointer.data[0] != '/')
		return NULL;
	pointer = str_from(pointer, 1);
	while (more && value != NULL) {
		size_t slash = str_find(pointer, '/');

		more = slash < pointer.len;
		value = pointer_step(value, str_head(pointer, slash));
		pointer = str_from(pointer, slash + 1);
	}
	return value;
}

struct heed_str
json_text(struct heed_json value)
{
	if (value.kind != HEED_STRING)
		return (struct heed_str){NULL, 0};
	return (struct heed_str){value.text, value.len};
}

struct heed_str
json_get_text(struct heed_json object, const char *name)
{
	const struct heed_json *value = json_get(object, name);

	return value != NULL ? json_text(*value) : (struct heed_str){NULL, 0};
}

int64_t
json_get_int(struct heed_json object, const char *name, int64_t fallback)
{
	const struct heed_json *value = json_get(object, name);

	return value != NULL && value->kind == HEED_INT ? value->i64 : fallback;
}

double
json_get_real(struct heed_json object, const char *name, double fallback)
{
	const struct heed_json *value = json_get(object, name);

	return value != NULL && json_is_number(*value) ? json_number(*value) : fallback;
}

bool
json_get_bool(struct heed_json object, const char *name, bool fallback)
{
	const struct heed_json *value = json_get(object, name);

	return value != NULL && value->kind == HEED_BOOL ? value->boolean : fallback;
}

double
json_number(struct heed_json value)
{
	switch (value.kind) {
	case HEED_INT:
		return (double)value.i64;
	case HEED_UINT:
		return (double)value.u64;
	case HEED_REAL:
		return value.f64;
	default:
		return 0;
	}
}

bool
json_is_number(struct heed_json value)
{
	return value.kind == HEED_INT || value.kind == HEED_UINT ||
	       value.kind == HEED_REAL;
}

bool
json_truthy(struct heed_json value)
{
	return value.kind != HEED_NULL && (value.kind != HEED_BOOL || value.boolean);
}

const char *
json_kind_name(struct heed_json value)
{
	static const char *const names[] = {"null",   "boolean", "number", "number",
	                                    "number", "string",  "array",  "object"};

	return value.kind <= HEED_OBJECT ? names[value.kind] : "?";
}

/* ---- compare ----------------------------------------------------------------------- */

/* A whole number against a double, exactly. */
static int
compare_whole_real(struct heed_json whole, double real)
{
	double nearest = json_number(whole);
	int64_t back;

	if (nearest != real)
		return nearest < real ? -1 : 1;
	if (whole.kind == HEED_UINT) {
		if (real >= 18446744073709551616.0)
			return -1;
		return whole.u64 < (uint64_t)real ? -1 : whole.u64 > (uint64_t)real;
	}
	if (real >= 9223372036854775808.0)
		return -1;
	back = (int64_t)real;
	return whole.i64 < back ? -1 : whole.i64 > back;
}

static int
compare_numbers(struct heed_json a, struct heed_json b)
{
	if (a.kind == HEED_REAL && b.kind == HEED_REAL)
		return a.f64 < b.f64 ? -1 : a.f64 > b.f64;
	if (a.kind == HEED_REAL)
		return -compare_whole_real(b, a.f64);
	if (b.kind == HEED_REAL)
		return compare_whole_real(a, b.f64);
	if (a.kind != b.kind) /* HEED_UINT is above every HEED_INT */
		return a.kind == HEED_UINT ? 1 : -1;
	if (a.kind == HEED_UINT)
		return a.u64 < b.u64 ? -1 : a.u64 > b.u64;
	return a.i64 < b.i64 ? -1 : a.i64 > b.i64;
}

static bool
equal_objects(struct heed_json a, struct heed_json b)
{
	uint32_t i;

	for (i = 0; i < a.len; i++) {
		/* mostly in the same order */
		const struct heed_json *other =
			str_eq(a.members[i].name, b.members[i].name)
				? &b.members[i].value
				: json_find(b, a.members[i].name);

		if (other == NULL || !json_equal(a.members[i].value, *other))
			return false;
	}
	return true;
}

bool
json_equal(struct heed_json a, struct heed_json b)
{
	uint32_t i;

	if (json_is_number(a) && json_is_number(b))
		return compare_numbers(a, b) == 0;
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case HEED_BOOL:
		return a.boolean == b.boolean;
	case HEED_STRING:
		return str_eq(json_text(a), json_text(b));
	case HEED_ARRAY:
		for (i = 0; a.len == b.len && i < a.len; i++)
			if (!json_equal(a.items[i], b.items[i]))
				return false;
		return a.len == b.len;
	case HEED_OBJECT:
		return a.len == b.len && equal_objects(a, b);
	default:
		return true;
	}
}

static int
compare_names(const void *a, const void *b)
{
	const struct heed_member *const *left = a;
	const struct heed_member *const *right = b;

	return str_cmp((*left)->name, (*right)->name);
}

/* Members sorted by name in fresh memory, or NULL. */
static const struct heed_member **
sorted_members(struct arena *scratch, struct heed_json object)
{
	const struct heed_member **sorted =
		arena_alloc(scratch, object.len * sizeof(*sorted));
	uint32_t i;

	for (i = 0; sorted != NULL && i < object.len; i++)
		sorted[i] = &object.members[i];
	if (sorted != NULL && object.len > 1)
		qsort(sorted, object.len, sizeof(*sorted), compare_names);
	return sorted;
}

static int
compare_objects(struct heed_json a, struct heed_json b)
{
	struct arena scratch;
	const struct heed_member **left;
	const struct heed_member **right;
	int order = 0;
	uint32_t i;

	arena_init(&scratch, 0);
	left = sorted_members(&scratch, a);
	right = sorted_members(&scratch, b);
	for (i = 0; left != NULL && right != NULL && order == 0 && i < a.len && i < b.len;
	     i++)
		order = str_cmp(left[i]->name, right[i]->name);
	if (order == 0)
		order = a.len < b.len ? -1 : a.len > b.len;
	for (i = 0; left != NULL && right != NULL && order == 0 && i < a.len; i++)
		order = json_compare(left[i]->value, right[i]->value);
	arena_done(&scratch);
	return order;
}

static int
rank(struct heed_json value)
{
	static const int ranks[] = {0, 1, 3, 3, 3, 4, 5, 6};

	return value.kind == HEED_BOOL ? 1 + value.boolean : ranks[value.kind];
}

int
json_compare(struct heed_json a, struct heed_json b)
{
	int order = rank(a) - rank(b);
	uint32_t i;

	if (order != 0)
		return order;
	if (json_is_number(a))
		return compare_numbers(a, b);
	if (a.kind == HEED_STRING)
		return str_cmp(json_text(a), json_text(b));
	if (a.kind == HEED_OBJECT)
		return compare_objects(a, b);
	if (a.kind != HEED_ARRAY)
		return 0;
	for (i = 0; order == 0 && i < a.len && i < b.len; i++)
		order = json_compare(a.items[i], b.items[i]);
	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}
