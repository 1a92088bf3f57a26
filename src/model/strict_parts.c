/*
 * strict_parts.c - what the strict form does with keywords, null and allOf.
 *
 * Every keyword has one fate: it shapes the form, becomes words in the description, makes
 * the strict form impossible, or (all others: annotations, unknown ones) is dropped.
 */
#include "model/strict_parts.h"

static const char *const shaping[] = {
	"type",        "enum",  "const", "properties", "required", "additionalProperties",
	"items",       "anyOf", "oneOf", "allOf",      "$ref",     "$defs",
	"description", NULL,
};

static const char *const worded[] = {
	"format",
	"minLength",
	"maxLength",
	"pattern",
	"minimum",
	"maximum",
	"exclusiveMinimum",
	"exclusiveMaximum",
	"multipleOf",
	"minItems",
	"maxItems",
	"uniqueItems",
	"contains",
	"minContains",
	"maxContains",
	"minProperties",
	"maxProperties",
	"propertyNames",
	"dependentRequired",
	"if",
	"then",
	"else",
	"not",
	"default",
	"examples",
	NULL,
};

static const char *const impossible[] = {
	"dependentSchemas", "patternProperties", "unevaluatedItems", "prefixItems",
	"$anchor",          "$dynamicAnchor",    "$dynamicRef",      NULL,
};

static bool
is_among(const char *const *names, struct heed_str keyword)
{
	while (*names != NULL && !str_is(keyword, *names))
		names++;
	return *names != NULL;
}

enum fate
strict_fate(struct heed_str keyword)
{
	if (is_among(shaping, keyword))
		return FATE_SHAPE;
	if (is_among(worded, keyword))
		return FATE_WORDS;
	return is_among(impossible, keyword) ? FATE_NEVER : FATE_DROP;
}

bool
strict_list_has(const struct heed_json *list, struct heed_str name)
{
	if (list == NULL || list->kind != HEED_ARRAY)
		return false;
	for (uint32_t i = 0; i < list->len; i++)
		if (list->items[i].kind == HEED_STRING &&
		    str_eq(json_text(list->items[i]), name))
			return true;
	return false;
}

/* Is `type` of `form` this one, or a list with it? */
bool
strict_type_has(struct heed_json form, const char *name)
{
	const struct heed_json *type = json_get(form, "type");

	if (type == NULL)
		return false;
	if (type->kind == HEED_STRING)
		return str_is(json_text(*type), name);
	return strict_list_has(type, str_of(name));
}

/* The items of a list (or a value that is none) and one more. */
static int
append(struct arena *arena, struct heed_json list, struct heed_json more,
       struct heed_json *ret_list)
{
	struct json_build build;

	json_array(&build, arena);
	if (list.kind != HEED_ARRAY)
		json_push(&build, list);
	for (uint32_t i = 0; list.kind == HEED_ARRAY && i < list.len; i++)
		json_push(&build, list.items[i]);
	json_push(&build, more);
	return json_build_end(&build, ret_list);
}

/* {anyOf: [form, {type: null}]} */
static int
any_or_null(struct arena *arena, struct heed_json form, struct heed_json *ret_form)
{
	struct heed_json none, list;
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("null"));
	HEED_TRY(json_build_end(&build, &none));
	json_array(&build, arena);
	json_push(&build, form);
	json_push(&build, none);
	HEED_TRY(json_build_end(&build, &list));
	json_object(&build, arena);
	json_set_cstr(&build, "anyOf", list);
	return json_build_end(&build, ret_form);
}

int
strict_nullable(struct arena *arena, struct heed_json form, struct heed_json *ret_form)
{
	const struct heed_json *type = json_get(form, "type");
	const struct heed_json *values = json_get(form, "enum");
	struct heed_json list;
	struct json_build build;

	if (strict_type_has(form, "null"))
		return *ret_form = form, 0;
	if (type == NULL)
		return any_or_null(arena, form, ret_form);
	json_object(&build, arena);
	for (uint32_t i = 0; i < form.len; i++)
		json_set(&build, form.members[i].name, form.members[i].value);
	HEED_TRY(append(arena, *type, json_cstr("null"), &list));
	json_set_cstr(&build, "type", list);
	if (values != NULL) {
		HEED_TRY(append(arena, *values, json_null(), &list));
		json_set_cstr(&build, "enum", list);
	}
	return json_build_end(&build, ret_form);
}

/* ---- allOf ------------------------------------------------------------------------- */

int
strict_join(struct arena *arena, struct heed_json a, struct heed_json b,
            struct heed_json *ret_all)
{
	struct json_build build;

	json_object(&build, arena);
	for (uint32_t i = 0; i < a.len; i++)
		json_set(&build, a.members[i].name, a.members[i].value);
	for (uint32_t i = 0; i < b.len; i++) {
		if (json_find(a, b.members[i].name) != NULL)
			return HEED_E_UNSUPPORTED;
		json_set(&build, b.members[i].name, b.members[i].value);
	}
	return json_build_end(&build, ret_all);
}

static int
join_lists(struct arena *arena, struct heed_json a, struct heed_json b,
           struct heed_json *ret_all)
{
	struct json_build build;

	json_array(&build, arena);
	for (uint32_t i = 0; i < a.len; i++)
		json_push(&build, a.items[i]);
	for (uint32_t i = 0; i < b.len; i++)
		json_push(&build, b.items[i]);
	return json_build_end(&build, ret_all);
}

/* One keyword that both have. */
static int
merge_keyword(struct arena *arena, struct heed_str name, struct heed_json a,
              struct heed_json b, struct heed_json *ret_all)
{
	if (str_is(name, "properties") && a.kind == HEED_OBJECT && b.kind == HEED_OBJECT)
		return strict_join(arena, a, b, ret_all);
	if (str_is(name, "required") && a.kind == HEED_ARRAY && b.kind == HEED_ARRAY)
		return join_lists(arena, a, b, ret_all);
	if (!str_is(name, "description") && !json_equal(a, b))
		return HEED_E_UNSUPPORTED;
	*ret_all = a;
	return 0;
}

/* `into` and `part` in one: properties and required side by side, all else equal or
 * alone. */
static int
merge_part(struct arena *arena, struct heed_json into, struct heed_json part,
           struct heed_json *ret_all)
{
	struct json_build build;

	/* additionalProperties in a part would close only that part. */
	if (part.kind != HEED_OBJECT || json_get(part, "$ref") != NULL ||
	    json_get(part, "additionalProperties") != NULL)
		return HEED_E_UNSUPPORTED;
	json_object(&build, arena);
	for (uint32_t i = 0; i < into.len; i++)
		json_set(&build, into.members[i].name, into.members[i].value);
	for (uint32_t i = 0; i < part.len; i++) {
		const struct heed_member *member = &part.members[i];
		const struct heed_json *have = json_find(into, member->name);
		struct heed_json value = member->value;

		if (have != NULL)
			HEED_TRY(
				merge_keyword(arena, member->name, *have, value, &value));
		json_set(&build, member->name, value);
	}
	return json_build_end(&build, ret_all);
}

int
strict_merge_all_of(struct arena *arena, struct heed_json schema,
                    struct heed_json *ret_merged)
{
	const struct heed_json *parts = json_get(schema, "allOf");
	struct heed_json merged;
	struct json_build build;

	if (parts->kind != HEED_ARRAY || json_get(schema, "additionalProperties") != NULL)
		return HEED_E_UNSUPPORTED;
	json_object(&build, arena);
	for (uint32_t i = 0; i < schema.len; i++)
		if (!str_is(schema.members[i].name, "allOf"))
			json_set(&build, schema.members[i].name, schema.members[i].value);
	HEED_TRY(json_build_end(&build, &merged));
	for (uint32_t i = 0; i < parts->len; i++)
		HEED_TRY(merge_part(arena, merged, parts->items[i], &merged));
	*ret_merged = merged;
	return 0;
}
