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

static struct heed_json
make_list(struct arena *arena, struct heed_json a, struct heed_json b)
{
	struct heed_json list = json_null();
	struct json_build build;

	json_array(&build, arena);
	json_push(&build, a);
	json_push(&build, b);
	/* Without memory the null is noticed as a form without a type by the caller's
	 * end. */
	(void)json_build_end(&build, &list);
	return list;
}

/* `form` or null. */
int
strict_nullable(struct arena *arena, struct heed_json form, struct heed_json *ret_form)
{
	const struct heed_json *type = json_get(form, "type");
	const struct heed_json *values = json_get(form, "enum");
	struct heed_json null_type = json_null(), list;
	struct json_build build;

	if (strict_type_has(form, "null"))
		return *ret_form = form, 0;
	json_object(&build, arena);
	if (type == NULL) {
		json_set_cstr(&build, "type", json_cstr("null"));
		HEED_TRY(json_build_end(&build, &null_type));
		json_object(&build, arena);
		json_set_cstr(&build, "anyOf", make_list(arena, form, null_type));
		return json_build_end(&build, ret_form);
	}
	for (uint32_t i = 0; i < form.len; i++)
		json_set(&build, form.members[i].name, form.members[i].value);
	if (type->kind == HEED_STRING) {
		list = make_list(arena, *type, json_cstr("null"));
	} else {
		struct json_build types;

		json_array(&types, arena);
		for (uint32_t i = 0; i < type->len; i++)
			json_push(&types, type->items[i]);
		json_push(&types, json_cstr("null"));
		HEED_TRY(json_build_end(&types, &list));
	}
	json_set_cstr(&build, "type", list);
	if (values != NULL) {
		struct json_build all;

		json_array(&all, arena);
		for (uint32_t i = 0; i < values->len; i++)
			json_push(&all, values->items[i]);
		json_push(&all, json_null());
		HEED_TRY(json_build_end(&all, &list));
		json_set_cstr(&build, "enum", list);
	}
	return json_build_end(&build, ret_form);
}

/* ---- allOf ------------------------------------------------------------------------ */

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

/* `into` and `part` in one: properties and required side by side, all else equal or
 * alone. */
static int
merge_part(struct arena *arena, struct heed_json into, struct heed_json part,
           struct heed_json *ret_all)
{
	struct json_build build;

	if (part.kind != HEED_OBJECT || json_get(part, "$ref") != NULL)
		return HEED_E_UNSUPPORTED;
	json_object(&build, arena);
	for (uint32_t i = 0; i < into.len; i++)
		json_set(&build, into.members[i].name, into.members[i].value);
	for (uint32_t i = 0; i < part.len; i++) {
		const struct heed_member *member = &part.members[i];
		const struct heed_json *have = json_find(into, member->name);
		struct heed_json joined = member->value;

		if (have != NULL && str_is(member->name, "description"))
			continue;
		if (have != NULL && str_is(member->name, "properties")) {
			HEED_TRY(strict_join(arena, *have, member->value, &joined));
		} else if (have != NULL && str_is(member->name, "required")) {
			struct json_build list;

			json_array(&list, arena);
			for (uint32_t k = 0; k < have->len; k++)
				json_push(&list, have->items[k]);
			for (uint32_t k = 0; k < joined.len; k++)
				json_push(&list, joined.items[k]);
			HEED_TRY(json_build_end(&list, &joined));
		} else if (have != NULL && !json_equal(*have, joined)) {
			return HEED_E_UNSUPPORTED;
		} else if (str_is(member->name, "additionalProperties")) {
			return HEED_E_UNSUPPORTED; /* it would close only a part */
		}
		json_set(&build, member->name, joined);
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
