/*
 * expr_jv.c - values to libjq and back.
 *
 * Straight from one tree to the other, without text. Only the members that the expression
 * names are passed when they are known. libjq has doubles for numbers: a whole number
 * that would change on the way in stops the evaluation, with its path.
 */
#include <string.h>

#include "base/error.h"
#include "base/expr_jv.h"
#include "base/json.h"

/* Where a value is, linked from the leaf to the root. */
struct place {
	const struct place *outer;
	struct heed_str name; /* data is NULL for an item */
	uint32_t index;
	unsigned depth;
};

struct passing {
	const struct expr *expr;
	struct heed_error *error;
};

static bool
is_plain_name(struct heed_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		bool letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.len > 0;
}

static void
write_place(struct heed_buf *buf, const struct place *place)
{
	if (place->outer == NULL)
		return;
	write_place(buf, place->outer);
	if (place->name.data == NULL) {
		buf_addf(buf, "%s[%u]", buf->len == 0 ? "." : "", place->index);
	} else if (is_plain_name(place->name)) {
		buf_addc(buf, '.');
		buf_add(buf, place->name);
	} else {
		buf_adds(buf, buf->len == 0 ? ".[" : "[");
		json_write_string(buf, place->name);
		buf_addc(buf, ']');
	}
}

/* The number would change. */
static int
too_large(const struct passing *passing, struct heed_json value,
          const struct place *place)
{
	struct heed_buf buf;
	struct heed_str feed = passing->expr->feed;
	int r;

	buf_init(&buf, 0);
	if (!str_is(feed, "."))
		buf_add(&buf, feed);
	write_place(&buf, place);
	if (buf.len == 0)
		buf_adds(&buf, ".");
	if (value.kind == HEED_INT)
		r = error_set(
			passing->error, HEED_E_PERMANENT,
			"the number %lld at %s would be changed by jq: use a plain path "
			"for it",
			(long long)value.i64, buf_error(&buf) == 0 ? buf.data : "?");
	else
		r = error_set(
			passing->error, HEED_E_PERMANENT,
			"the number %llu at %s would be changed by jq: use a plain path "
			"for it",
			(unsigned long long)value.u64,
			buf_error(&buf) == 0 ? buf.data : "?");
	buf_done(&buf);
	return r;
}

/* Is the whole number the same as a double? */
static bool
fits_double(struct heed_json value)
{
	double number = json_number(value);

	if (value.kind == HEED_INT)
		return number < 9223372036854775808.0 && (int64_t)number == value.i64;
	return number < 18446744073709551616.0 && (uint64_t)number == value.u64;
}

static int pass(const struct passing *passing, struct heed_json value,
                const struct place *place, jv *ret_value);

static int
pass_array(const struct passing *passing, struct heed_json value,
           const struct place *place, jv *ret_value)
{
	jv array = jv_array_sized((int)(value.len > 0 ? value.len : 1));

	for (uint32_t i = 0; i < value.len; i++) {
		struct place inner = {place, {NULL, 0}, i, place->depth + 1};
		jv item;
		int r = pass(passing, value.items[i], &inner, &item);

		if (r != 0) {
			jv_free(array);
			return r;
		}
		array = jv_array_append(array, item);
	}
	*ret_value = array;
	return 0;
}

/* Members of the input that the expression can't read stay behind. */
static bool
is_read(const struct expr *expr, struct heed_str name, const struct place *place)
{
	if (place->outer != NULL || expr->node != NULL || expr->n_roots == SIZE_MAX)
		return true;
	for (size_t i = 0; i < expr->n_roots; i++) {
		if (str_cmp(expr->roots[i], name) == 0)
			return true;
	}
	return false;
}

static int
pass_object(const struct passing *passing, struct heed_json value,
            const struct place *place, jv *ret_value)
{
	jv object = jv_object();

	for (uint32_t i = 0; i < value.len; i++) {
		struct heed_str name = value.members[i].name;
		struct place inner = {place, name, 0, place->depth + 1};
		jv member;
		int r;

		if (!is_read(passing->expr, name, place))
			continue;
		if (name.data == NULL)
			inner.name.data = "";
		r = pass(passing, value.members[i].value, &inner, &member);
		if (r != 0) {
			jv_free(object);
			return r;
		}
		object = jv_object_set(
			object, jv_string_sized(inner.name.data, (int)name.len), member);
	}
	*ret_value = object;
	return 0;
}

static int
pass(const struct passing *passing, struct heed_json value, const struct place *place,
     jv *ret_value)
{
	struct heed_str text = json_text(value);

	switch (value.kind) {
	case HEED_NULL:
		*ret_value = jv_null();
		return 0;
	case HEED_BOOL:
		*ret_value = jv_bool(value.boolean);
		return 0;
	case HEED_INT:
	case HEED_UINT:
		if (!fits_double(value))
			return too_large(passing, value, place);
		*ret_value = jv_number(json_number(value));
		return 0;
	case HEED_REAL:
		*ret_value = jv_number(value.f64);
		return 0;
	case HEED_STRING:
		*ret_value =
			jv_string_sized(text.len > 0 ? text.data : "", (int)text.len);
		return 0;
	default:
		break;
	}
	if (place->depth > JSON_DEPTH_MAX)
		return error_set(passing->error, HEED_E_LIMIT,
		                 "the value is nested too deeply for jq (at most %d)",
		                 JSON_DEPTH_MAX);
	return value.kind == HEED_ARRAY ? pass_array(passing, value, place, ret_value)
	                                : pass_object(passing, value, place, ret_value);
}

int
jv_from_json(const struct expr *expr, struct heed_json input, jv *ret_value,
             struct heed_error *error)
{
	const struct passing passing = {expr, error};
	const struct place root = {0};

	return pass(&passing, input, &root, ret_value);
}

/* ---- back ---------------------------------------------------------------------- */

static int
take(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value);

static int
take_string(jv value, struct arena *arena, struct heed_str *ret_text)
{
	*ret_text = arena_str(
		arena, (struct heed_str){jv_string_value(value),
	                                 (size_t)jv_string_length_bytes(jv_copy(value))});
	return ret_text->data != NULL ? 0 : HEED_E_NOMEM;
}

static int
take_array(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value)
{
	int n = jv_array_length(jv_copy(value));
	struct heed_json *items = ARENA_ARRAY(arena, struct heed_json, (size_t)n + 1);

	if (items == NULL)
		return HEED_E_NOMEM;
	for (int i = 0; i < n; i++) {
		jv item = jv_array_get(jv_copy(value), i);
		int r = take(item, arena, depth + 1, &items[i]);

		jv_free(item);
		HEED_TRY(r);
	}
	*ret_value = (struct heed_json){
		.kind = HEED_ARRAY, .len = (uint32_t)n, .items = items};
	return 0;
}

static int
take_object(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value)
{
	int n = jv_object_length(jv_copy(value));
	struct heed_member *members =
		ARENA_ARRAY(arena, struct heed_member, (size_t)n + 1);
	uint32_t len = 0;

	if (members == NULL)
		return HEED_E_NOMEM;
	for (int i = jv_object_iter(value); jv_object_iter_valid(value, i);
	     i = jv_object_iter_next(value, i)) {
		jv name = jv_object_iter_key(value, i);
		jv member = jv_object_iter_value(value, i);
		int r = take_string(name, arena, &members[len].name);

		if (r == 0)
			r = take(member, arena, depth + 1, &members[len].value);
		jv_free(name);
		jv_free(member);
		HEED_TRY(r);
		len++;
	}
	*ret_value =
		(struct heed_json){.kind = HEED_OBJECT, .len = len, .members = members};
	return 0;
}

static int
take(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value)
{
	struct heed_str text;

	if (depth > JSON_DEPTH_MAX)
		return HEED_E_LIMIT;
	switch (jv_get_kind(value)) {
	case JV_KIND_TRUE:
	case JV_KIND_FALSE:
		*ret_value = json_bool(jv_get_kind(value) == JV_KIND_TRUE);
		return 0;
	case JV_KIND_NUMBER:
		*ret_value = expr_real(jv_number_value(value));
		return 0;
	case JV_KIND_STRING:
		HEED_TRY(take_string(value, arena, &text));
		*ret_value = json_str(text);
		return 0;
	case JV_KIND_ARRAY:
		return take_array(value, arena, depth, ret_value);
	case JV_KIND_OBJECT:
		return take_object(value, arena, depth, ret_value);
	default:
		*ret_value = json_null();
		return 0;
	}
}

int
jv_to_json(jv value, struct arena *arena, struct heed_json *ret_value,
           struct heed_error *error)
{
	int r = take(value, arena, 0, ret_value);

	if (r == HEED_E_LIMIT)
		return error_set(error, r,
		                 "the expression's result is nested too deeply "
		                 "(at most %d)",
		                 JSON_DEPTH_MAX);
	return r == 0 ? 0 : error_nomem(error);
}
