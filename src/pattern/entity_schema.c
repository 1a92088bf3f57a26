/*
 * entity_schema.c - the JSON Schema of a decision, made of the events and side effects
 * that are declared: what a provider is sent in its strict form, and what every answer is
 * held against here.
 *
 *	{reason, accepted, events: [one of {type, data}],
 *	 side_effects: [one of {name, input}]}
 *
 * The reason comes first, because a model writes in order.
 */
#include "base/json.h"
#include "pattern/entity_local.h"

#define EVENTS_MAX 64 /* of one decision */

/* ---- references -------------------------------------------------------------------- */

static int move(struct arena *arena, struct heed_json value, struct heed_str prefix,
                struct heed_json *ret_value);

/* A schema's "#/$defs/x" is another place now. */
static int
move_member(struct arena *arena, const struct heed_member *member, struct heed_str prefix,
            struct heed_json *ret_value)
{
	struct heed_str target = json_text(member->value);

	if (!str_is(member->name, "$ref") || !str_starts(target, "#") ||
	    (target.len > 1 && target.data[1] != '/'))
		return move(arena, member->value, prefix, ret_value);
	target = arena_printf(arena, "#%.*s%.*s", STR_ARG(prefix),
	                      STR_ARG(str_from(target, 1)));
	*ret_value = json_str(target);
	return target.data == NULL ? HEED_E_NOMEM : 0;
}

static int
move(struct arena *arena, struct heed_json value, struct heed_str prefix,
     struct heed_json *ret_value)
{
	struct json_build build;
	struct heed_json inner;
	uint32_t i;

	*ret_value = value;
	if (value.kind == HEED_OBJECT)
		json_object(&build, arena);
	else if (value.kind == HEED_ARRAY)
		json_array(&build, arena);
	else
		return 0;
	for (i = 0; i < value.len; i++) {
		if (value.kind == HEED_ARRAY) {
			HEED_TRY(move(arena, value.items[i], prefix, &inner));
			json_push(&build, inner);
			continue;
		}
		HEED_TRY(move_member(arena, &value.members[i], prefix, &inner));
		json_set(&build, value.members[i].name, inner);
	}
	return json_build_end(&build, ret_value);
}

/* ---- making ------------------------------------------------------------------------ */

/* {type: object, additionalProperties: false, required: [a, b], properties: {a, b}} */
static int
make_object(struct arena *arena, const struct heed_member *properties, uint32_t n,
            struct heed_json *ret_schema)
{
	struct json_build build, required;
	struct heed_json names;
	struct heed_json list = {.kind = HEED_OBJECT, .len = n, .members = properties};
	uint32_t i;

	json_array(&required, arena);
	for (i = 0; i < n; i++)
		json_push(&required, json_str(properties[i].name));
	HEED_TRY(json_build_end(&required, &names));
	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("object"));
	json_set_cstr(&build, "additionalProperties", json_bool(false));
	json_set_cstr(&build, "required", names);
	json_set_cstr(&build, "properties", list);
	return json_build_end(&build, ret_schema);
}

/* {`tag`: this name, `rest`: this schema}, as the nth of the list at `list`. */
static int
make_variant(struct arena *arena, const char *list, size_t n, const char *tag,
             struct heed_str name, const char *rest, const struct schema *schema,
             struct heed_json *ret_schema)
{
	struct heed_member *properties = ARENA_ARRAY(arena, struct heed_member, 2);
	struct heed_str prefix = arena_printf(
		arena, "/properties/%s/items/anyOf/%zu/properties/%s", list, n, rest);
	struct json_build build;

	if (properties == NULL || prefix.data == NULL)
		return HEED_E_NOMEM;
	properties[0].name = str_of(tag);
	properties[1].name = str_of(rest);
	json_object(&build, arena);
	json_set_cstr(&build, "const", json_str(name));
	HEED_TRY(json_build_end(&build, &properties[0].value));
	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("object"));
	HEED_TRY(json_build_end(&build, &properties[1].value));
	if (schema != NULL)
		HEED_TRY(move(arena, schema_document(schema), prefix,
		              &properties[1].value));
	return make_object(arena, properties, 2, ret_schema);
}

static int
make_list(struct arena *arena, struct json_build *variants, struct heed_json *ret_schema)
{
	struct json_build build;
	struct heed_json any, items;

	HEED_TRY(json_build_end(variants, &any));
	json_object(&build, arena);
	json_set_cstr(&build, "anyOf", any);
	HEED_TRY(json_build_end(&build, &items));
	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("array"));
	json_set_cstr(&build, "maxItems", json_int(EVENTS_MAX));
	json_set_cstr(&build, "items", items);
	return json_build_end(&build, ret_schema);
}

static int
make_events(const struct decide *decide, struct arena *arena,
            struct heed_json *ret_schema)
{
	struct json_build variants;
	struct heed_json variant;
	size_t i;

	json_array(&variants, arena);
	for (i = 0; i < decide->events.n; i++) {
		const struct entity_type *type = &decide->events.items[i];

		HEED_TRY(make_variant(arena, "events", i, "type", type->name, "data",
		                      type->schema, &variant));
		json_push(&variants, variant);
	}
	return make_list(arena, &variants, ret_schema);
}

static int
make_effects(const struct decide *decide, struct arena *arena,
             struct heed_json *ret_schema)
{
	struct json_build variants;
	struct heed_json variant;
	size_t i;

	json_array(&variants, arena);
	for (i = 0; i < decide->effects.n; i++) {
		const struct entity_effect *effect = &decide->effects.items[i];

		HEED_TRY(make_variant(arena, "side_effects", i, "name", effect->name,
		                      "input", effect->input, &variant));
		json_push(&variants, variant);
	}
	return make_list(arena, &variants, ret_schema);
}

static int
make_type(struct arena *arena, const char *type, struct heed_json *ret_schema)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr(type));
	return json_build_end(&build, ret_schema);
}

int
entity_schema(const struct decide *decide, struct arena *arena,
              struct heed_json *ret_schema)
{
	struct heed_member *properties = ARENA_ARRAY(arena, struct heed_member, 4);
	uint32_t n = 3;

	if (properties == NULL)
		return HEED_E_NOMEM;
	properties[0].name = HEED_STR("reason");
	HEED_TRY(make_type(arena, "string", &properties[0].value));
	properties[1].name = HEED_STR("accepted");
	HEED_TRY(make_type(arena, "boolean", &properties[1].value));
	properties[2].name = HEED_STR("events");
	HEED_TRY(make_events(decide, arena, &properties[2].value));
	if (decide->effects.n > 0) {
		properties[n].name = HEED_STR("side_effects");
		HEED_TRY(make_effects(decide, arena, &properties[n++].value));
	}
	return make_object(arena, properties, n, ret_schema);
}
