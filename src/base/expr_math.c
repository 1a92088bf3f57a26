/*
 * expr_math.c - jq's + - * / % and unary minus.
 *
 * What the operators do to values other than numbers is jq 1.6's: null is neutral in
 * sums, strings join, split and repeat, objects merge, arrays subtract. Whole numbers are
 * computed exactly while the result fits 64 bits and as doubles beyond that; a result
 * within 2^53 is the same either way.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/json.h"

/* Wide enough for any sum, and for telling when a product is not. */
__extension__ typedef __int128 wide;

struct heed_json
expr_real(double value)
{
	if (isnan(value))
		return json_null();
	if (isinf(value))
		value = value > 0 ? DBL_MAX : -DBL_MAX;
	return json_real(value);
}

static bool
is_whole(struct heed_json value)
{
	return value.kind == HEED_INT || value.kind == HEED_UINT;
}

static wide
widen(struct heed_json value)
{
	return value.kind == HEED_INT ? (wide)value.i64 : (wide)value.u64;
}

static bool
narrow(wide value, struct heed_json *ret_value)
{
	if (value < (wide)INT64_MIN || value > (wide)UINT64_MAX)
		return false;
	*ret_value = value < 0 ? json_int((int64_t)value) : json_uint((uint64_t)value);
	return true;
}

static int
unfit(struct eval *eval, struct heed_json a, struct heed_json b, const char *what)
{
	char brief_a[EXPR_BRIEF_SIZE], brief_b[EXPR_BRIEF_SIZE];

	return error_set(eval->error, HEED_E_PERMANENT,
	                 "%s (%s) and %s (%s) cannot be %s", json_kind_name(a),
	                 expr_brief(brief_a, a), json_kind_name(b),
	                 expr_brief(brief_b, b), what);
}

static int
too_long(struct eval *eval)
{
	return error_set(eval->error, HEED_E_LIMIT,
	                 "the string would have more than %u bytes", EXPR_STRING_MAX);
}

/* ---- + ----------------------------------------------------------------------------- */

static int
add_numbers(struct heed_json a, struct heed_json b, struct heed_json *ret_value)
{
	if (is_whole(a) && is_whole(b) && narrow(widen(a) + widen(b), ret_value))
		return 0;
	*ret_value = expr_real(json_number(a) + json_number(b));
	return 0;
}

static int
add_strings(struct eval *eval, struct heed_json a, struct heed_json b,
            struct heed_json *ret_value)
{
	size_t len = (size_t)a.len + b.len;
	char *text;

	if (len > EXPR_STRING_MAX)
		return too_long(eval);
	text = arena_alloc(eval->arena, len + 1);
	if (text == NULL)
		return error_nomem(eval->error);
	if (a.len > 0)
		memcpy(text, a.text, a.len);
	if (b.len > 0)
		memcpy(text + a.len, b.text, b.len);
	*ret_value = json_str((struct heed_str){text, len});
	return 0;
}

static int
add_arrays(struct eval *eval, struct heed_json a, struct heed_json b,
           struct heed_json *ret_value)
{
	size_t n = (size_t)a.len + b.len;
	struct heed_json *items = arena_alloc(eval->arena, (n + 1) * sizeof(*items));

	if (items == NULL)
		return error_nomem(eval->error);
	if (a.len > 0)
		memcpy(items, a.items, a.len * sizeof(*items));
	if (b.len > 0)
		memcpy(items + a.len, b.items, b.len * sizeof(*items));
	*ret_value = (struct heed_json){
		.kind = HEED_ARRAY, .len = (uint32_t)n, .items = items};
	return 0;
}

/* The members of both; those of `b` win. With `deep`, objects in both are merged
 * likewise. */
static int
merge(struct eval *eval, struct heed_json a, struct heed_json b, unsigned deep,
      struct heed_json *ret_value)
{
	struct json_build build;

	if (deep > JSON_DEPTH_MAX)
		return error_set(eval->error, HEED_E_LIMIT,
		                 "the objects are nested too deeply to be multiplied");
	json_object(&build, eval->arena);
	for (uint32_t i = 0; i < a.len; i++)
		json_set(&build, a.members[i].name, a.members[i].value);
	for (uint32_t i = 0; i < b.len; i++) {
		struct heed_json value = b.members[i].value;
		const struct heed_json *old = json_find(a, b.members[i].name);

		if (deep > 0 && value.kind == HEED_OBJECT && old != NULL &&
		    old->kind == HEED_OBJECT)
			HEED_TRY(merge(eval, *old, value, deep + 1, &value));
		json_set(&build, b.members[i].name, value);
	}
	return json_build_end(&build, ret_value) == 0 ? 0 : error_nomem(eval->error);
}

static int
add(struct eval *eval, struct heed_json a, struct heed_json b,
    struct heed_json *ret_value)
{
	if (a.kind == HEED_NULL || b.kind == HEED_NULL) {
		*ret_value = a.kind == HEED_NULL ? b : a;
		return 0;
	}
	if (json_is_number(a) && json_is_number(b))
		return add_numbers(a, b, ret_value);
	if (a.kind == HEED_STRING && b.kind == HEED_STRING)
		return add_strings(eval, a, b, ret_value);
	if (a.kind == HEED_ARRAY && b.kind == HEED_ARRAY)
		return add_arrays(eval, a, b, ret_value);
	if (a.kind == HEED_OBJECT && b.kind == HEED_OBJECT)
		return merge(eval, a, b, 0, ret_value);
	return unfit(eval, a, b, "added");
}

/* ---- - ----------------------------------------------------------------------------- */

static int
subtract_arrays(struct eval *eval, struct heed_json a, struct heed_json b,
                struct heed_json *ret_value)
{
	struct heed_json *items = arena_alloc(eval->arena, (a.len + 1u) * sizeof(*items));
	uint32_t n = 0;

	if (items == NULL)
		return error_nomem(eval->error);
	for (uint32_t i = 0; i < a.len; i++) {
		uint32_t k = 0;

		while (k < b.len && !json_equal(a.items[i], b.items[k]))
			k++;
		if (k == b.len)
			items[n++] = a.items[i];
	}
	*ret_value = (struct heed_json){.kind = HEED_ARRAY, .len = n, .items = items};
	return 0;
}

static int
subtract(struct eval *eval, struct heed_json a, struct heed_json b,
         struct heed_json *ret_value)
{
	if (a.kind == HEED_ARRAY && b.kind == HEED_ARRAY)
		return subtract_arrays(eval, a, b, ret_value);
	if (!json_is_number(a) || !json_is_number(b))
		return unfit(eval, a, b, "subtracted");
	if (is_whole(a) && is_whole(b) && narrow(widen(a) - widen(b), ret_value))
		return 0;
	*ret_value = expr_real(json_number(a) - json_number(b));
	return 0;
}

int
expr_negate(struct eval *eval, struct heed_json a, struct heed_json *ret_value)
{
	char brief[EXPR_BRIEF_SIZE];

	if (!json_is_number(a))
		return error_set(eval->error, HEED_E_PERMANENT,
		                 "%s (%s) cannot be negated", json_kind_name(a),
		                 expr_brief(brief, a));
	if (is_whole(a) && narrow(-widen(a), ret_value))
		return 0;
	*ret_value = expr_real(-json_number(a));
	return 0;
}

/* ---- * ----------------------------------------------------------------------------- */

/* As often as `times` says, but at least once above zero; null otherwise. */
static int
repeat(struct eval *eval, struct heed_json string, double times,
       struct heed_json *ret_value)
{
	size_t len = string.len, n;
	char *text;

	if (!(times > 0)) {
		*ret_value = json_null();
		return 0;
	}
	if (times * (double)len > EXPR_STRING_MAX)
		return too_long(eval);
	n = len == 0 || times < 1 ? 1 : (size_t)times;
	text = arena_alloc(eval->arena, n * len + 1);
	if (text == NULL)
		return error_nomem(eval->error);
	for (size_t i = 0; i < n && len > 0; i++)
		memcpy(text + i * len, string.text, len);
	*ret_value = json_str((struct heed_str){text, n * len});
	return 0;
}

static int
multiply(struct eval *eval, struct heed_json a, struct heed_json b,
         struct heed_json *ret_value)
{
	wide product;

	if (a.kind == HEED_STRING && json_is_number(b))
		return repeat(eval, a, json_number(b), ret_value);
	if (json_is_number(a) && b.kind == HEED_STRING)
		return repeat(eval, b, json_number(a), ret_value);
	if (a.kind == HEED_OBJECT && b.kind == HEED_OBJECT)
		return merge(eval, a, b, 1, ret_value);
	if (!json_is_number(a) || !json_is_number(b))
		return unfit(eval, a, b, "multiplied");
	if (is_whole(a) && is_whole(b) &&
	    !__builtin_mul_overflow(widen(a), widen(b), &product) &&
	    narrow(product, ret_value))
		return 0;
	*ret_value = expr_real(json_number(a) * json_number(b));
	return 0;
}

/* ---- / and % ----------------------------------------------------------------------- */

/* Where `sep` starts in `text`; without a separator, after the first character. */
static size_t
piece_len(struct heed_str text, struct heed_str sep)
{
	size_t len = 1;

	if (sep.len > 0)
		return str_search(text, sep);
	while (len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
		len++;
	return len;
}

static int
split(struct eval *eval, struct heed_json string, struct heed_json by,
      struct heed_json *ret_value)
{
	struct heed_str rest = json_text(string), sep = json_text(by);
	struct json_build build;

	json_array(&build, eval->arena);
	while (rest.len > 0) {
		size_t len = piece_len(rest, sep);
		bool last = sep.len > 0 && len + sep.len == rest.len;

		json_push(&build, json_str((struct heed_str){rest.data, len}));
		if (last)
			json_push(&build, json_str(HEED_STR("")));
		rest = str_from(rest, len + sep.len);
	}
	return json_build_end(&build, ret_value) == 0 ? 0 : error_nomem(eval->error);
}

static int
divide(struct eval *eval, struct heed_json a, struct heed_json b,
       struct heed_json *ret_value)
{
	if (a.kind == HEED_STRING && b.kind == HEED_STRING)
		return split(eval, a, b, ret_value);
	if (!json_is_number(a) || !json_is_number(b))
		return unfit(eval, a, b, "divided");
	if (json_number(b) == 0)
		return unfit(eval, a, b, "divided because the divisor is zero");
	if (is_whole(a) && is_whole(b) && widen(a) % widen(b) == 0 &&
	    narrow(widen(a) / widen(b), ret_value))
		return 0;
	*ret_value = expr_real(json_number(a) / json_number(b));
	return 0;
}

/* Without its fraction, and within 64 bits. */
static wide
truncated(struct heed_json value)
{
	double number = json_number(value);

	if (is_whole(value))
		return widen(value);
	if (number >= 9223372036854775807.0)
		return (wide)INT64_MAX;
	if (number <= -9223372036854775808.0)
		return (wide)INT64_MIN;
	return (wide)number;
}

static int
modulo(struct eval *eval, struct heed_json a, struct heed_json b,
       struct heed_json *ret_value)
{
	if (!json_is_number(a) || !json_is_number(b))
		return unfit(eval, a, b, "divided (remainder)");
	if (truncated(b) == 0)
		return unfit(eval, a, b,
		             "divided (remainder) because the divisor is zero");
	(void)narrow(truncated(a) % truncated(b), ret_value); /* smaller than either */
	return 0;
}

int
expr_math(struct eval *eval, enum node_op op, struct heed_json a, struct heed_json b,
          struct heed_json *ret_value)
{
	switch (op) {
	case N_ADD:
		return add(eval, a, b, ret_value);
	case N_SUB:
		return subtract(eval, a, b, ret_value);
	case N_MUL:
		return multiply(eval, a, b, ret_value);
	case N_DIV:
		return divide(eval, a, b, ret_value);
	default:
		return modulo(eval, a, b, ret_value);
	}
}
