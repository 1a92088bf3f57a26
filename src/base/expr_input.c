/*
 * expr_input.c - what an expression for libjq may read, as JSON text for its worker.
 *
 * Only the members that the expression names are passed when they are known. libjq has
 * doubles for numbers: a whole number that would change on the way in stops the
 * evaluation, with its path.
 */
#include "base/error.h"
#include "base/expr_impl.h"
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
	struct heed_buf *buf;
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
	struct heed_str feed = passing->expr->feed;
	struct heed_buf at, number;
	int r;

	buf_init(&at, 0);
	buf_init(&number, 0);
	if (!str_is(feed, "."))
		buf_add(&at, feed);
	write_place(&at, place);
	if (at.len == 0)
		buf_adds(&at, ".");
	json_write(&number, value, JSON_COMPACT);
	r = error_set(passing->error, HEED_E_PERMANENT,
	              "the number %.*s at %.*s would be changed by jq: use a plain path "
	              "for it",
	              STR_ARG(buf_str(&number)), STR_ARG(buf_str(&at)));
	buf_done(&number);
	buf_done(&at);
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

static int
pass(const struct passing *passing, struct heed_json value, const struct place *place);

static int
pass_array(const struct passing *passing, struct heed_json value,
           const struct place *place)
{
	buf_addc(passing->buf, '[');
	for (uint32_t i = 0; i < value.len; i++) {
		struct place inner = {place, {NULL, 0}, i, place->depth + 1};

		if (i > 0)
			buf_addc(passing->buf, ',');
		HEED_TRY(pass(passing, value.items[i], &inner));
	}
	buf_addc(passing->buf, ']');
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
            const struct place *place)
{
	bool first = true;

	buf_addc(passing->buf, '{');
	for (uint32_t i = 0; i < value.len; i++) {
		struct heed_str name = value.members[i].name;
		struct place inner = {place, name, 0, place->depth + 1};

		if (!is_read(passing->expr, name, place))
			continue;
		if (name.data == NULL)
			inner.name.data = "";
		if (!first)
			buf_addc(passing->buf, ',');
		first = false;
		json_write_string(passing->buf, name);
		buf_addc(passing->buf, ':');
		HEED_TRY(pass(passing, value.members[i].value, &inner));
	}
	buf_addc(passing->buf, '}');
	return 0;
}

static int
pass(const struct passing *passing, struct heed_json value, const struct place *place)
{
	bool whole = value.kind == HEED_INT || value.kind == HEED_UINT;
	bool inside = value.kind == HEED_ARRAY || value.kind == HEED_OBJECT;

	if (whole && !fits_double(value))
		return too_large(passing, value, place);
	if (!inside) {
		json_write(passing->buf, value, JSON_COMPACT);
		return 0;
	}
	if (place->depth >= JSON_DEPTH_MAX)
		return error_set(passing->error, HEED_E_LIMIT,
		                 "the value is nested too deeply for jq (at most %d)",
		                 JSON_DEPTH_MAX);
	return value.kind == HEED_ARRAY ? pass_array(passing, value, place)
	                                : pass_object(passing, value, place);
}

int
expr_input_write(struct heed_buf *buf, const struct expr *expr, struct heed_json input,
                 struct heed_error *error)
{
	const struct passing passing = {expr, buf, error};
	const struct place root = {0};

	HEED_TRY(pass(&passing, input, &root));
	if (buf_error(buf) == HEED_E_LIMIT)
		return error_set(error, HEED_E_LIMIT,
		                 "what the expression reads is too large for jq");
	return buf_error(buf) != 0 ? error_nomem(error) : 0;
}
