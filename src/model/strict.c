/*
 * strict.c - the strict form of a JSON Schema, as providers' constrained decoding wants
 * it.
 *
 * Every keyword has one fate (table below): it shapes the form, it is dropped, it becomes
 * words in the description (structured_read checks it anyway), or it makes the strict
 * form impossible. The form may only be narrower than the user's schema where that is
 * harmless (objects closed, a missing `type` inferred), and never forbids what the user
 * asks for. Sources: OpenAI and Azure structured outputs; Anthropic output_config.format.
 */
#include "model/structured.h"

#include "model/strict_parts.h"

const struct strict_rules strict_openai = {
	.root_object = true, .properties_max = 5000, .depth_max = 10};
const struct strict_rules strict_azure = {
	.root_object = true, .properties_max = 100, .depth_max = 5};
const struct strict_rules strict_anthropic = {.optional = true,
                                              .keep_format = true,
                                              .root_object = true,
                                              .properties_max = 1000,
                                              .depth_max = 32};

struct strict {
	const struct strict_rules *rules;
	struct arena *arena;
	bool wrapped;
	int n_properties;
	int depth;
};

static bool
is_false(const struct heed_json *value)
{
	return value != NULL && value->kind == HEED_BOOL && !value->boolean;
}

static int convert(struct strict *strict, struct heed_json schema, bool root,
                   struct heed_json *ret_form);

/* May this assertion stay as it is? */
static bool
stays(const struct strict *strict, const struct heed_member *member)
{
	static const char *const formats[] = {"date-time", "time",     "date", "duration",
	                                      "email",     "hostname", "uri",  "ipv4",
	                                      "ipv6",      "uuid"};

	if (!strict->rules->keep_format)
		return false;
	if (str_is(member->name, "minItems"))
		return member->value.kind == HEED_INT && member->value.i64 <= 1;
	if (!str_is(member->name, "format"))
		return false;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (str_is(json_text(member->value), formats[i]))
			return true;
	return false;
}

/* The description with what the form can't say, and the assertions that may stay. */
static int
describe(const struct strict *strict, struct heed_json schema, struct json_build *build)
{
	struct heed_str text = json_get_text(schema, "description");
	struct heed_json rest;
	struct json_build words;

	json_object(&words, strict->arena);
	for (uint32_t i = 0; i < schema.len; i++) {
		const struct heed_member *member = &schema.members[i];

		if (strict_fate(member->name) != FATE_WORDS)
			continue;
		if (stays(strict, member))
			json_set(build, member->name, member->value);
		else
			json_set(&words, member->name, member->value);
	}
	HEED_TRY(json_build_end(&words, &rest));
	if (rest.len > 0) {
		struct heed_str json = json_text_of(strict->arena, rest);

		text = arena_printf(strict->arena, "%.*s%sMust satisfy %.*s",
		                    STR_ARG(text), text.len > 0 ? " " : "",
		                    STR_ARG(json));
		if (text.data == NULL)
			return HEED_E_NOMEM;
	}
	if (text.len > 0)
		json_set_cstr(build, "description", json_str(text));
	return 0;
}

/* ---- the kinds of schema ----------------------------------------------------------- */

static int
convert_ref(struct strict *strict, struct heed_json schema, struct heed_json *ret_form)
{
	struct heed_str target = json_get_text(schema, "$ref");
	struct json_build build;

	for (uint32_t i = 0; i < schema.len; i++) {
		struct heed_str name = schema.members[i].name;

		if (!str_is(name, "$ref") && !str_is(name, "description") &&
		    !str_is(name, "$defs") && strict_fate(name) != FATE_DROP)
			return HEED_E_UNSUPPORTED;
	}
	if (str_is(target, "#") ? strict->wrapped : !str_starts(target, "#/$defs/"))
		return HEED_E_UNSUPPORTED;
	if (target.len > 8 && str_find(str_from(target, 8), '/') != target.len - 8)
		return HEED_E_UNSUPPORTED;
	json_object(&build, strict->arena);
	json_set_cstr(&build, "$ref", json_str(target));
	return json_build_end(&build, ret_form);
}

/* Is every required name a property? */
static bool
required_known(const struct heed_json *required, const struct heed_json *properties)
{
	for (uint32_t i = 0; required != NULL && i < required->len; i++)
		if (properties == NULL ||
		    json_find(*properties, json_text(required->items[i])) == NULL)
			return false;
	return true;
}

static int
convert_property(struct strict *strict, struct heed_json schema, bool needed,
                 struct heed_json *ret_form)
{
	HEED_TRY(convert(strict, schema, false, ret_form));
	if (needed || strict->rules->optional)
		return 0;
	return strict_nullable(strict->arena, *ret_form, ret_form);
}

static int
convert_object(struct strict *strict, struct heed_json schema, struct json_build *build)
{
	const struct heed_json *properties = json_get(schema, "properties");
	const struct heed_json *required = json_get(schema, "required");
	const struct heed_json *more = json_get(schema, "additionalProperties");
	uint32_t n = properties != NULL && properties->kind == HEED_OBJECT
	                     ? properties->len
	                     : 0;
	struct heed_json form, forms, names;
	struct json_build forms_build, names_build;

	if (more != NULL ? !is_false(more) : properties == NULL)
		return HEED_E_UNSUPPORTED;
	strict->n_properties += (int)n;
	if (!required_known(required, properties) ||
	    strict->n_properties > strict->rules->properties_max)
		return HEED_E_UNSUPPORTED;
	json_object(&forms_build, strict->arena);
	json_array(&names_build, strict->arena);
	for (uint32_t i = 0; i < n; i++) {
		const struct heed_member *member = &properties->members[i];
		bool needed = strict_list_has(required, member->name);

		HEED_TRY(convert_property(strict, member->value, needed, &form));
		json_set(&forms_build, member->name, form);
		if (needed || !strict->rules->optional)
			json_push(&names_build, json_str(member->name));
	}
	HEED_TRY(json_build_end(&forms_build, &forms));
	HEED_TRY(json_build_end(&names_build, &names));
	json_set_cstr(build, "properties", forms);
	json_set_cstr(build, "required", names);
	json_set_cstr(build, "additionalProperties", json_bool(false));
	return 0;
}

/* The types of an enum's values, as `type`; only scalars can be spelt out. */
static int
type_of_values(struct strict *strict, const struct heed_json *values,
               struct heed_json *ret_type)
{
	static const char *const names[] = {"string", "integer", "number", "boolean",
	                                    "null"};
	bool seen[5] = {false};
	struct json_build build;
	int n = 0, last = 0;

	for (uint32_t i = 0; i < values->len; i++) {
		switch (values->items[i].kind) {
		case HEED_STRING:
			seen[0] = true;
			break;
		case HEED_INT:
		case HEED_UINT:
			seen[1] = true;
			break;
		case HEED_REAL:
			seen[2] = true;
			break;
		case HEED_BOOL:
			seen[3] = true;
			break;
		case HEED_NULL:
			seen[4] = true;
			break;
		default:
			return HEED_E_UNSUPPORTED;
		}
	}
	json_array(&build, strict->arena);
	for (int i = 0; i < 5; i++) {
		if (seen[i]) {
			json_push(&build, json_cstr(names[i]));
			last = i;
			n++;
		}
	}
	if (n == 0)
		return HEED_E_UNSUPPORTED;
	if (n == 1)
		return *ret_type = json_cstr(names[last]), 0;
	return json_build_end(&build, ret_type);
}

/* The schema's `type`, or what it must be. */
static int
infer_type(struct strict *strict, struct heed_json schema, const struct heed_json *values,
           struct heed_json *ret_type)
{
	const struct heed_json *type = json_get(schema, "type");

	if (type != NULL)
		return *ret_type = *type, 0;
	if (values != NULL)
		return type_of_values(strict, values, ret_type);
	if (json_get(schema, "properties") != NULL)
		return *ret_type = json_cstr("object"), 0;
	if (json_get(schema, "items") != NULL)
		return *ret_type = json_cstr("array"), 0;
	return HEED_E_UNSUPPORTED;
}

static int
convert_items(struct strict *strict, struct heed_json schema, struct json_build *build)
{
	const struct heed_json *items = json_get(schema, "items");
	struct heed_json form;

	if (items == NULL)
		return HEED_E_UNSUPPORTED;
	HEED_TRY(convert(strict, *items, false, &form));
	json_set_cstr(build, "items", form);
	return 0;
}

/* A constant or an enum, always with its type. */
static int
convert_values(struct strict *strict, struct heed_json schema, struct heed_json values,
               struct json_build *build)
{
	struct heed_json type;

	HEED_TRY(type_of_values(strict, &values, &type));
	HEED_TRY(infer_type(strict, schema, &values, &type));
	json_set_cstr(build, "type", type);
	json_set_cstr(build, "enum", values);
	return 0;
}

static int
convert_plain(struct strict *strict, struct heed_json schema, struct json_build *build)
{
	const struct heed_json *constant = json_get(schema, "const");
	const struct heed_json *values = json_get(schema, "enum");
	struct heed_json type, typed;
	struct json_build list;

	if (constant != NULL) {
		json_array(&list, strict->arena);
		json_push(&list, *constant);
		HEED_TRY(json_build_end(&list, &typed));
		values = &typed;
	}
	if (values != NULL)
		return convert_values(strict, schema, *values, build);
	HEED_TRY(infer_type(strict, schema, NULL, &type));
	json_set_cstr(build, "type", type);
	json_object(&list, strict->arena);
	json_set_cstr(&list, "type", type);
	HEED_TRY(json_build_end(&list, &typed));
	if (strict_type_has(typed, "object"))
		HEED_TRY(convert_object(strict, schema, build));
	if (strict_type_has(typed, "array"))
		HEED_TRY(convert_items(strict, schema, build));
	return 0;
}

/* Does nothing stand beside the choice that would have to hold, too? */
static bool
is_alone(struct heed_json schema)
{
	static const char *const fine[] = {"type", "anyOf", "oneOf", "$defs",
	                                   "description"};

	for (uint32_t i = 0; i < schema.len; i++) {
		struct heed_str name = schema.members[i].name;
		bool known = strict_fate(name) != FATE_SHAPE;

		for (size_t k = 0; !known && k < sizeof(fine) / sizeof(fine[0]); k++)
			known = str_is(name, fine[k]);
		if (!known)
			return false;
	}
	return true;
}

/* The branch with the choice's own `type` where it has none. */
static int
type_branch(struct arena *arena, const struct heed_json *type, struct heed_json branch,
            struct heed_json *ret_branch)
{
	struct json_build build;

	if (type == NULL || branch.kind != HEED_OBJECT ||
	    json_get(branch, "type") != NULL || json_get(branch, "$ref") != NULL)
		return *ret_branch = branch, 0;
	json_object(&build, arena);
	json_set_cstr(&build, "type", *type);
	for (uint32_t i = 0; i < branch.len; i++)
		json_set(&build, branch.members[i].name, branch.members[i].value);
	return json_build_end(&build, ret_branch);
}

static int
convert_choice(struct strict *strict, struct heed_json schema,
               const struct heed_json *branches, struct json_build *build)
{
	const struct heed_json *type = json_get(schema, "type");
	struct heed_json forms, form;
	struct json_build list;

	if (branches->kind != HEED_ARRAY || branches->len == 0 || !is_alone(schema))
		return HEED_E_UNSUPPORTED;
	json_array(&list, strict->arena);
	for (uint32_t i = 0; i < branches->len; i++) {
		HEED_TRY(type_branch(strict->arena, type, branches->items[i], &form));
		HEED_TRY(convert(strict, form, false, &form));
		json_push(&list, form);
	}
	HEED_TRY(json_build_end(&list, &forms));
	json_set_cstr(build, "anyOf", forms);
	return 0;
}

/* ---- the whole --------------------------------------------------------------------- */

static int
convert_defs(struct strict *strict, const struct heed_json *defs,
             struct json_build *build)
{
	struct heed_json form, forms;
	struct json_build all;

	if (defs->kind != HEED_OBJECT)
		return HEED_E_UNSUPPORTED;
	json_object(&all, strict->arena);
	for (uint32_t i = 0; i < defs->len; i++) {
		HEED_TRY(convert(strict, defs->members[i].value, false, &form));
		json_set(&all, defs->members[i].name, form);
	}
	HEED_TRY(json_build_end(&all, &forms));
	json_set_cstr(build, "$defs", forms);
	return 0;
}

/* What no form of this schema could keep. */
static int
refuse(struct heed_json schema, bool root)
{
	const struct heed_json *rest;

	if (schema.kind != HEED_OBJECT)
		return HEED_E_UNSUPPORTED;
	for (uint32_t i = 0; i < schema.len; i++)
		if (strict_fate(schema.members[i].name) == FATE_NEVER)
			return HEED_E_UNSUPPORTED;
	rest = json_get(schema, "unevaluatedProperties");
	if (rest != NULL && !is_false(rest))
		return HEED_E_UNSUPPORTED;
	if (!root &&
	    (json_get(schema, "$defs") != NULL || json_get(schema, "$id") != NULL))
		return HEED_E_UNSUPPORTED;
	return 0;
}

static int
convert_node(struct strict *strict, struct heed_json schema, struct heed_json *ret_form)
{
	const struct heed_json *any = json_get(schema, "anyOf");
	const struct heed_json *one = json_get(schema, "oneOf");
	struct json_build build;

	if (json_get(schema, "$ref") != NULL)
		return convert_ref(strict, schema, ret_form);
	json_object(&build, strict->arena);
	HEED_TRY(describe(strict, schema, &build));
	if (any != NULL && one != NULL)
		return HEED_E_UNSUPPORTED;
	if (any != NULL || one != NULL)
		HEED_TRY(convert_choice(strict, schema, any != NULL ? any : one, &build));
	else
		HEED_TRY(convert_plain(strict, schema, &build));
	return json_build_end(&build, ret_form);
}

static int
convert(struct strict *strict, struct heed_json schema, bool root,
        struct heed_json *ret_form)
{
	int r;

	HEED_TRY(refuse(schema, root));
	if (json_get(schema, "allOf") != NULL) {
		HEED_TRY(strict_merge_all_of(strict->arena, schema, &schema));
		HEED_TRY(refuse(schema, root));
		if (json_get(schema, "allOf") != NULL)
			return HEED_E_UNSUPPORTED;
	}
	/* Depth counts every nested schema but a choice's frame and the root itself. */
	if (strict->depth > strict->rules->depth_max)
		return HEED_E_UNSUPPORTED;
	strict->depth++;
	r = convert_node(strict, schema, ret_form);
	strict->depth--;
	return r;
}

static bool
is_object_schema(struct heed_json schema)
{
	const struct heed_json *type = json_get(schema, "type");

	if (json_get(schema, "anyOf") != NULL || json_get(schema, "oneOf") != NULL ||
	    json_get(schema, "$ref") != NULL)
		return false;
	if (type == NULL)
		return json_get(schema, "properties") != NULL ||
		       json_get(schema, "allOf") != NULL;
	return str_is(json_text(*type), "object");
}

/* {type: object, properties: {answer: form}, required: [answer], ...} with `defs` at the
 * root. */
static int
wrap(struct arena *arena, struct heed_json form, const struct heed_json *defs,
     struct heed_json *ret_schema)
{
	struct heed_json properties, required;
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "answer", form);
	HEED_TRY(json_build_end(&build, &properties));
	json_array(&build, arena);
	json_push(&build, json_cstr("answer"));
	HEED_TRY(json_build_end(&build, &required));
	json_object(&build, arena);
	json_set_cstr(&build, "type", json_cstr("object"));
	json_set_cstr(&build, "properties", properties);
	json_set_cstr(&build, "required", required);
	json_set_cstr(&build, "additionalProperties", json_bool(false));
	if (defs != NULL)
		json_set_cstr(&build, "$defs", *defs);
	return json_build_end(&build, ret_schema);
}

int
strict_form(const struct strict_rules *rules, struct heed_json schema,
            struct arena *arena, struct heed_json *ret_strict)
{
	struct strict strict = {.rules = rules, .arena = arena};
	const struct heed_json *defs = json_get(schema, "$defs");
	struct heed_json form, holder;
	struct json_build build;

	strict.wrapped = rules->root_object && !is_object_schema(schema);
	HEED_TRY(convert(&strict, schema, true, &form));
	if (defs != NULL) {
		json_object(&build, arena);
		HEED_TRY(convert_defs(&strict, defs, &build));
		HEED_TRY(json_build_end(&build, &holder));
		defs = json_get(holder, "$defs");
	}
	if (strict.wrapped)
		return wrap(arena, form, defs, ret_strict);
	if (defs != NULL)
		return strict_join(arena, form, holder, ret_strict);
	*ret_strict = form;
	return 0;
}

int
strict_wrap(const struct strict_rules *rules, struct heed_json schema,
            struct arena *arena, struct heed_json *ret_schema)
{
	if (!rules->root_object || is_object_schema(schema) ||
	    schema.kind != HEED_OBJECT || json_get(schema, "$defs") != NULL ||
	    json_get(schema, "$ref") != NULL) {
		*ret_schema = schema;
		return 0;
	}
	return wrap(arena, schema, NULL, ret_schema);
}
