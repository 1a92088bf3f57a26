/*
 * expr_index.c - .name, .[0], .[key] and .[2:4] as jq 1.6 gives them.
 *
 * Indexing null gives null, a missing member or item gives null, and every other mismatch
 * is an error in jq's words. Positions in strings count code points.
 */
#include <math.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/json.h"

static int
no_index(struct eval *eval, struct heed_json value, const char *by)
{
	return error_set(eval->error, HEED_E_PERMANENT, "Cannot index %s with %s",
	                 json_kind_name(value), by);
}

static int
by_name(struct eval *eval, struct heed_json value, struct heed_str name,
        struct heed_json *ret_value)
{
	const struct heed_json *found;

	if (value.kind == HEED_OBJECT) {
		found = json_find(value, name);
		*ret_value = found != NULL ? *found : json_null();
		return 0;
	}
	if (value.kind == HEED_NULL) {
		*ret_value = json_null();
		return 0;
	}
	return error_set(eval->error, HEED_E_PERMANENT,
	                 "Cannot index %s with string \"%.*s\"", json_kind_name(value),
	                 STR_ARG(name));
}

static int
by_number(struct eval *eval, struct heed_json value, int64_t index,
          struct heed_json *ret_value)
{
	if (value.kind != HEED_ARRAY && value.kind != HEED_NULL)
		return no_index(eval, value, "number");
	if (index < 0)
		index += value.len;
	if (value.kind == HEED_NULL || index < 0 || index >= (int64_t)value.len)
		*ret_value = json_null();
	else
		*ret_value = value.items[index];
	return 0;
}

int
expr_step(struct eval *eval, struct heed_json value, const struct step *step,
          struct heed_json *ret_value)
{
	if (step->name.data != NULL)
		return by_name(eval, value, step->name, ret_value);
	return by_number(eval, value, step->index, ret_value);
}

/* Where `part` occurs in the array `whole`, as an array of positions. */
static int
positions(struct eval *eval, struct heed_json whole, struct heed_json part,
          struct heed_json *ret_value)
{
	struct json_build build;

	json_array(&build, eval->arena);
	for (uint32_t i = 0; part.len > 0 && i + part.len <= whole.len; i++) {
		uint32_t k = 0;

		while (k < part.len && json_equal(whole.items[i + k], part.items[k]))
			k++;
		if (k == part.len)
			json_push(&build, json_int(i));
	}
	return json_build_end(&build, ret_value) == 0 ? 0 : error_nomem(eval->error);
}

int
expr_index(struct eval *eval, struct heed_json value, struct heed_json key,
           struct heed_json *ret_value)
{
	const struct heed_json *from, *to;

	if (key.kind == HEED_STRING)
		return by_name(eval, value, json_text(key), ret_value);
	if (key.kind == HEED_INT)
		return by_number(eval, value, key.i64, ret_value);
	if (json_is_number(key)) /* a fraction, or too large to be in any array */
		return by_number(eval, value, INT64_MAX, ret_value);
	if (key.kind == HEED_ARRAY && value.kind == HEED_ARRAY)
		return positions(eval, value, key, ret_value);
	if (key.kind != HEED_OBJECT)
		return no_index(eval, value, json_kind_name(key));
	from = json_get(key, "start");
	to = json_get(key, "end");
	/* A missing bound is no number: only .[2:] may leave one out. */
	return expr_slice(eval, value, from != NULL ? *from : json_bool(false),
	                  to != NULL ? *to : json_bool(false), ret_value);
}

static bool
is_bound(struct heed_json value)
{
	return value.kind == HEED_NULL || json_is_number(value);
}

/* Bytes of the first `n` code points. */
static size_t
code_points(struct heed_str text, size_t n)
{
	size_t at = 0;

	while (at < text.len && n > 0) {
		at++;
		while (at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80)
			at++;
		n--;
	}
	return at;
}

static size_t
count_code_points(struct heed_str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return n;
}

/* A bound as a position from the start, not yet a whole number. */
static double
bound(struct heed_json value, double fallback, double len)
{
	double at = value.kind == HEED_NULL ? fallback : json_number(value);

	if (at < 0)
		at += len;
	return at < 0 ? 0 : at > len ? len : at;
}

int
expr_slice(struct eval *eval, struct heed_json value, struct heed_json from,
           struct heed_json to, struct heed_json *ret_value)
{
	struct heed_str text = json_text(value);
	double len, start, end;

	if (value.kind == HEED_NULL) {
		*ret_value = json_null();
		return 0;
	}
	if (value.kind != HEED_ARRAY && value.kind != HEED_STRING)
		return no_index(eval, value, "object");
	if (!is_bound(from) || !is_bound(to))
		return error_set(eval->error, HEED_E_PERMANENT,
		                 "Start and end indices of an %s slice must be numbers",
		                 json_kind_name(value));
	len = value.kind == HEED_ARRAY ? value.len : (double)count_code_points(text);
	start = floor(bound(from, 0, len));
	end = fmax(ceil(bound(to, len, len)), start);
	if (value.kind == HEED_ARRAY) {
		*ret_value = (struct heed_json){.kind = HEED_ARRAY,
		                                .len = (uint32_t)(end - start),
		                                .items = value.items + (size_t)start};
		return 0;
	}
	text = str_from(text, code_points(text, (size_t)start));
	*ret_value = json_str(str_head(text, code_points(text, (size_t)(end - start))));
	return 0;
}
