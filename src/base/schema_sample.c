/*
 * schema_sample.c - see schema_sample.h.
 */
#include "base/schema_sample.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

#define DEPTH_MAX 32     /* a schema may contain itself, */
#define VALUES_MAX 10000 /* also twice */
#define LENGTH_MAX 1000

struct sample {
	struct heed_json document;
	struct arena *arena;
	int values; /* made so far */
	int error;
};

static struct heed_json make(struct sample *sample, struct heed_json schema, int depth);

/* ---- by type ----------------------------------------------------------------------- */

static struct heed_json
make_string(struct sample *sample, struct heed_json schema)
{
	static const struct {
		const char *format, *text;
	} formats[] = {
		{"date-time", "2026-01-01T00:00:00Z"},
		{"date", "2026-01-01"},
		{"time", "00:00:00Z"},
		{"email", "someone@example.com"},
		{"uri", "https://example.com/"},
		{"uuid", "00000000-0000-4000-8000-000000000000"},
		{"hostname", "example.com"},
		{"ipv4", "192.0.2.1"},
		{"ipv6", "2001:db8::1"},
	};
	struct heed_str format = json_get_text(schema, "format");
	int64_t least = json_get_int(schema, "minLength", 0);
	int64_t most = json_get_int(schema, "maxLength", LENGTH_MAX);
	struct heed_str text = HEED_STR("example");
	char *padded;
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (str_is(format, formats[i].format))
			return json_cstr(formats[i].text);
	if (most < (int64_t)text.len)
		text = str_head(text, most > 0 ? (size_t)most : 0);
	if (least <= (int64_t)text.len || least > LENGTH_MAX)
		return json_str(text);
	padded = arena_alloc(sample->arena, (size_t)least);
	if (padded == NULL) {
		sample->error = HEED_E_NOMEM;
		return json_null();
	}
	memset(padded, 'x', (size_t)least);
	return json_str((struct heed_str){padded, (size_t)least});
}

static struct heed_json
make_number(struct heed_json schema, bool whole)
{
	double least = json_get_real(schema, "minimum", -HUGE_VAL);
	double above = json_get_real(schema, "exclusiveMinimum", -HUGE_VAL);
	double most = json_get_real(schema, "maximum", HUGE_VAL);
	double below = json_get_real(schema, "exclusiveMaximum", HUGE_VAL);
	double step = json_get_real(schema, "multipleOf", whole ? 1 : 0);
	double value = 0;

	if (value < least)
		value = least;
	if (value <= above)
		value = whole ? floor(above) + 1 : above + 1;
	if (value > most)
		value = most;
	if (value >= below)
		value = below - 1;
	if (step > 0)
		value = ceil(value / step) * step;
	return json_real(value);
}

static struct heed_json
make_object(struct sample *sample, struct heed_json schema, int depth)
{
	const struct heed_json *required = json_get(schema, "required");
	const struct heed_json *properties = json_get(schema, "properties");
	struct heed_json value = json_null();
	struct json_build build;
	uint32_t i;

	json_object(&build, sample->arena);
	for (i = 0; required != NULL && required->kind == HEED_ARRAY && i < required->len;
	     i++) {
		struct heed_str name = json_text(required->items[i]);
		const struct heed_json *property =
			properties != NULL ? json_find(*properties, name) : NULL;

		json_set(&build, name,
		         property != NULL ? make(sample, *property, depth) : json_null());
	}
	if (json_build_end(&build, &value) < 0)
		sample->error = HEED_E_NOMEM;
	return value;
}

static struct heed_json
make_array(struct sample *sample, struct heed_json schema, int depth)
{
	const struct heed_json *items = json_get(schema, "items");
	const struct heed_json *first = json_get(schema, "prefixItems");
	int64_t least = json_get_int(schema, "minItems", 0);
	struct heed_json value = json_null();
	struct json_build build;
	int64_t i;

	json_array(&build, sample->arena);
	for (i = 0; i < least && i < LENGTH_MAX; i++) {
		bool listed = first != NULL && first->kind == HEED_ARRAY &&
		              i < (int64_t)first->len;

		json_push(&build, listed          ? make(sample, first->items[i], depth)
		                  : items != NULL ? make(sample, *items, depth)
		                                  : json_null());
	}
	if (json_build_end(&build, &value) < 0)
		sample->error = HEED_E_NOMEM;
	return value;
}

static struct heed_str
type_of(struct heed_json schema)
{
	const struct heed_json *type = json_get(schema, "type");

	if (type != NULL && type->kind == HEED_ARRAY && type->len > 0)
		type = &type->items[0];
	if (type != NULL)
		return json_text(*type);
	if (json_get(schema, "properties") != NULL ||
	    json_get(schema, "required") != NULL)
		return HEED_STR("object");
	return json_get(schema, "items") != NULL ? HEED_STR("array") : HEED_STR("");
}

static struct heed_json
make_type(struct sample *sample, struct heed_json schema, int depth)
{
	struct heed_str type = type_of(schema);

	if (str_is(type, "object"))
		return make_object(sample, schema, depth);
	if (str_is(type, "array"))
		return make_array(sample, schema, depth);
	if (str_is(type, "string"))
		return make_string(sample, schema);
	if (str_is(type, "integer") || str_is(type, "number"))
		return make_number(schema, str_is(type, "integer"));
	return str_is(type, "boolean") ? json_bool(false) : json_null();
}

/* ---- what stands in front of types ------------------------------------------------- */

/* A value that the schema itself names. */
static const struct heed_json *
named_value(struct heed_json schema)
{
	static const char *const lists[] = {"examples", "enum"};
	const struct heed_json *found = json_get(schema, "const");
	size_t i;

	if (found == NULL)
		found = json_get(schema, "default");
	for (i = 0; i < 2 && found == NULL; i++) {
		const struct heed_json *list = json_get(schema, lists[i]);

		if (list != NULL && list->kind == HEED_ARRAY && list->len > 0)
			found = &list->items[0];
	}
	return found;
}

/* The schema that stands for this one: behind a reference, or the first alternative. */
static const struct heed_json *
other_schema(const struct sample *sample, struct heed_json schema)
{
	static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
	struct heed_str reference = json_get_text(schema, "$ref");
	size_t i;

	if (str_starts(reference, "#"))
		return json_pointer(&sample->document, str_from(reference, 1));
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct heed_json *list = json_get(schema, lists[i]);

		if (list != NULL && list->kind == HEED_ARRAY && list->len > 0)
			return &list->items[0];
	}
	return NULL;
}

static struct heed_json
make(struct sample *sample, struct heed_json schema, int depth)
{
	const struct heed_json *named = named_value(schema);
	const struct heed_json *other = other_schema(sample, schema);

	if (depth >= DEPTH_MAX || ++sample->values > VALUES_MAX || sample->error != 0)
		return json_null();
	if (named != NULL)
		return *named;
	if (other != NULL && type_of(schema).len == 0)
		return make(sample, *other, depth + 1);
	return make_type(sample, schema, depth + 1);
}

int
schema_sample(struct heed_json document, struct arena *arena, struct heed_json *ret_value)
{
	struct sample sample = {.document = document, .arena = arena};
	struct heed_json value = make(&sample, document, 0);

	if (sample.error == 0)
		*ret_value = value;
	return sample.error;
}
