/*
 * schema_value.c - the keywords about a value by itself: types, constants, numbers,
 * strings.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/schema_local.h"

/* ---- types and constants ----------------------------------------------------------- */

static bool
is_type(struct heed_json type, struct heed_json value)
{
	if (str_is(json_text(type), "integer"))
		return value.kind == HEED_INT || value.kind == HEED_UINT ||
		       (value.kind == HEED_REAL && value.f64 == floor(value.f64));
	return str_is(json_text(type), json_kind_name(value));
}

bool
check_type(struct check *check, const struct rule *rule, struct heed_json value)
{
	struct heed_json type = *rule->value;
	struct heed_str text;

	if (type.kind == HEED_STRING && is_type(type, value))
		return true;
	for (uint32_t i = 0; type.kind == HEED_ARRAY && i < type.len; i++)
		if (is_type(type.items[i], value))
			return true;
	text = check_text(check, type);
	return check_fault(check, rule, "must be of type %.*s, not %s", STR_ARG(text),
	                   json_kind_name(value));
}

/* The text in `list` that is nearest to a text, or {NULL, 0}. */
static struct heed_str
nearest_text(struct heed_json list, struct heed_json value)
{
	struct heed_str near = {NULL, 0};
	size_t best = 0;

	for (uint32_t i = 0; value.kind == HEED_STRING && i < list.len; i++)
		if (list.items[i].kind == HEED_STRING &&
		    error_nearer(json_text(value), json_text(list.items[i]), &best))
			near = json_text(list.items[i]);
	return near;
}

bool
check_enum(struct check *check, const struct rule *rule, struct heed_json value)
{
	struct heed_str text, near;

	if (!check_spend(check, rule->value->len))
		return false;
	for (uint32_t i = 0; i < rule->value->len; i++)
		if (json_equal(rule->value->items[i], value))
			return true;
	if (check->report == NULL)
		return false;
	text = check_text(check, *rule->value);
	near = nearest_text(*rule->value, value);
	if (near.len > 0)
		return check_fault(check, rule,
		                   "must be one of %.*s; did you mean \"%.*s\"?",
		                   STR_ARG(text), STR_ARG(str_head_utf8(near, 60)));
	return check_fault(check, rule, "must be one of %.*s", STR_ARG(text));
}

bool
check_const(struct check *check, const struct rule *rule, struct heed_json value)
{
	struct heed_str text;

	if (json_equal(*rule->value, value))
		return true;
	text = check_text(check, *rule->value);
	return check_fault(check, rule, "must be %.*s", STR_ARG(text));
}

/* ---- numbers ----------------------------------------------------------------------- */

bool
check_bound(struct check *check, const struct rule *rule, struct heed_json value)
{
	const char *name = rule->keyword->name;
	bool open = name[0] == 'e';
	bool above =
		strcmp(name, "maximum") == 0 || strcmp(name, "exclusiveMaximum") == 0;
	int order = json_compare(value, *rule->value) * (above ? 1 : -1);
	struct heed_str text;

	if (order < 0 || (order == 0 && !open))
		return true;
	text = check_text(check, *rule->value);
	return check_fault(check, rule, "must be %s %.*s",
	                   open ? (above ? "below" : "above")
	                        : (above ? "at most" : "at least"),
	                   STR_ARG(text));
}

/* digits * 10^exponent, without the sign. */
struct decimal {
	uint64_t digits;
	int exponent;
};

static struct decimal
decimal_of_real(double value)
{
	struct decimal decimal = {0, 0};
	bool fraction = false;
	struct heed_buf buf;

	buf_init(&buf, 0);
	json_write_real(&buf, fabs(value));
	for (size_t i = 0; i < buf.len; i++) {
		char c = buf.data[i];

		if (c == 'e' || c == 'E') {
			int64_t exponent = 0;
			size_t sign = buf.data[i + 1] == '+';

			(void)str_to_i64(str_from(buf_str(&buf), i + 1 + sign),
			                 &exponent);
			decimal.exponent += (int)exponent;
			break;
		}
		if (c == '.') {
			fraction = true;
			continue;
		}
		decimal.digits = decimal.digits * 10 + (uint64_t)(c - '0');
		decimal.exponent -= fraction;
	}
	buf_done(&buf);
	return decimal;
}

static struct decimal
decimal_of(struct heed_json value)
{
	if (value.kind == HEED_UINT)
		return (struct decimal){value.u64, 0};
	if (value.kind == HEED_INT)
		return (struct decimal){
			value.i64 < 0 ? -(uint64_t)value.i64 : (uint64_t)value.i64, 0};
	return decimal_of_real(value.f64);
}

__extension__ typedef unsigned __int128 wide;

static bool
is_multiple(struct decimal value, struct decimal of)
{
	int shift = value.exponent - of.exponent;
	uint64_t divisor = of.digits;
	wide rest;

	/* The divisor takes the zeros that the value lacks; once it is larger than any
	 * value, only zero is left. */
	for (; shift < 0; shift++) {
		if (divisor > UINT64_MAX / 10)
			return value.digits == 0;
		divisor *= 10;
	}
	assert(divisor > 0);
	rest = value.digits % divisor;
	for (; shift > 0 && rest != 0; shift--)
		rest = rest * 10 % divisor;
	return rest == 0;
}

bool
check_multiple(struct check *check, const struct rule *rule, struct heed_json value)
{
	struct heed_str text;

	if (is_multiple(decimal_of(value), decimal_of(*rule->value)))
		return true;
	text = check_text(check, *rule->value);
	return check_fault(check, rule, "must be a multiple of %.*s", STR_ARG(text));
}

/* ---- counts and strings ------------------------------------------------------------ */

/* maxX or minX. */
static bool
check_count(struct check *check, const struct rule *rule, uint64_t n, const char *what)
{
	bool most = rule->keyword->name[1] == 'a';
	int order = json_compare(json_uint(n), *rule->value);
	struct heed_str text;

	if (most ? order <= 0 : order >= 0)
		return true;
	text = check_text(check, *rule->value);
	return check_fault(check, rule, "must have at %s %.*s %s, has %llu",
	                   most ? "most" : "least", STR_ARG(text), what,
	                   (unsigned long long)n);
}

bool
check_size(struct check *check, const struct rule *rule, struct heed_json value)
{
	return check_count(check, rule, value.len,
	                   value.kind == HEED_ARRAY ? "items" : "members");
}

bool
check_length(struct check *check, const struct rule *rule, struct heed_json value)
{
	uint64_t characters = 0;

	if (!check_spend(check, value.len / 16))
		return false;
	for (uint32_t i = 0; i < value.len; i++)
		characters += ((unsigned char)value.text[i] & 0xc0) != 0x80;
	return check_count(check, rule, characters, "characters");
}

bool
check_pattern(struct check *check, const struct rule *rule, struct heed_json value)
{
	return check_matches(check, rule->patterns[0], json_text(value)) ||
	       check_fault(check, rule, "must match %.*s",
	                   STR_ARG(str_head_utf8(json_text(*rule->value), 300)));
}

bool
check_format(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool asserted =
		(check->schema->flags & SCHEMA_FORMATS) != 0 ||
		(rule->owner->resource->vocabularies & VOCABULARY_FORMAT_ASSERTION) != 0;

	if (!asserted || rule->format == NULL || !check_spend(check, value.len / 4))
		return true;
	return format_fits(rule->format, json_text(value)) ||
	       check_fault(check, rule, "must be %s", format_about(rule->format));
}
