/*
 * schema.c - a JSON Schema made ready: every subschema is walked once, so that unknown
 * keywords, wrong values, bad patterns and dangling references are found here and never
 * while validating. schema_check.c validates.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/schema_local.h"

#define WALK_DEPTH_MAX 128

enum value_kind {
	ANY,
	SCHEMA,
	SCHEMAS,
	SCHEMA_MAP,
	TEXT,
	TEXTS,
	COUNT,
	NUMBER,
	BOOLEAN,
	TYPE,
	PATTERN,
	PATTERN_MAP,
	LIST,
	REFERENCE,
	TEXTS_MAP,
	UNSUPPORTED
};

static const struct keyword {
	const char *name;
	enum value_kind kind;
} keywords[] = {
	{"$schema", ANY},
	{"$id", TEXT},
	{"$anchor", TEXT},
	{"$comment", ANY},
	{"$defs", SCHEMA_MAP},
	{"definitions", SCHEMA_MAP},
	{"$ref", REFERENCE},
	{"$vocabulary", ANY},
	{"$dynamicRef", UNSUPPORTED},
	{"$dynamicAnchor", UNSUPPORTED},
	{"unevaluatedProperties", UNSUPPORTED},
	{"unevaluatedItems", UNSUPPORTED},
	{"type", TYPE},
	{"enum", LIST},
	{"const", ANY},
	{"multipleOf", NUMBER},
	{"maximum", NUMBER},
	{"exclusiveMaximum", NUMBER},
	{"minimum", NUMBER},
	{"exclusiveMinimum", NUMBER},
	{"maxLength", COUNT},
	{"minLength", COUNT},
	{"pattern", PATTERN},
	{"maxItems", COUNT},
	{"minItems", COUNT},
	{"uniqueItems", BOOLEAN},
	{"maxContains", COUNT},
	{"minContains", COUNT},
	{"maxProperties", COUNT},
	{"minProperties", COUNT},
	{"required", TEXTS},
	{"dependentRequired", TEXTS_MAP},
	{"allOf", SCHEMAS},
	{"anyOf", SCHEMAS},
	{"oneOf", SCHEMAS},
	{"not", SCHEMA},
	{"if", SCHEMA},
	{"then", SCHEMA},
	{"else", SCHEMA},
	{"dependentSchemas", SCHEMA_MAP},
	{"prefixItems", SCHEMAS},
	{"items", SCHEMA},
	{"contains", SCHEMA},
	{"properties", SCHEMA_MAP},
	{"patternProperties", PATTERN_MAP},
	{"additionalProperties", SCHEMA},
	{"propertyNames", SCHEMA},
	{"format", TEXT},
	{"contentEncoding", ANY},
	{"contentMediaType", ANY},
	{"contentSchema", ANY},
	{"title", ANY},
	{"description", ANY},
	{"default", ANY},
	{"deprecated", ANY},
	{"readOnly", ANY},
	{"writeOnly", ANY},
	{"examples", ANY},
};

#define N_KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

struct walk {
	struct schema *schema;
	unsigned flags;
	struct heed_error *error;
	struct heed_buf at; /* JSON Pointer of where we are */
	int depth;
};

static int
wrong(struct walk *walk, const char *name, const char *what)
{
	int r = error_set(walk->error, HEED_E_CONFIG, "\"%s\" %s", name, what);

	error_where(walk->error, "%s/%s", walk->at.data != NULL ? walk->at.data : "",
	            name);
	return r;
}

static int walk_schema(struct walk *walk, const struct heed_json *value);

/* Walk `value` one step further down. */
static int
walk_below(struct walk *walk, const char *name, struct heed_str member,
           const struct heed_json *value)
{
	size_t len = walk->at.len;
	int r;

	buf_addf(&walk->at, "/%s", name);
	if (member.data != NULL)
		buf_addf(&walk->at, "/%.*s", STR_ARG(member));
	r = walk_schema(walk, value);
	buf_cut(&walk->at, len);
	return r;
}

static int
walk_list(struct walk *walk, const char *name, const struct heed_json *value)
{
	char place[16];
	uint32_t i;

	if (value->kind != HEED_ARRAY || value->len == 0)
		return wrong(walk, name, "must be a list of schemas that is not empty");
	for (i = 0; i < value->len; i++) {
		(void)snprintf(place, sizeof(place), "%u", i);
		HEED_TRY(walk_below(walk, name, str_of(place), &value->items[i]));
	}
	return 0;
}

static int
add_pattern(struct walk *walk, const char *name, struct heed_str text)
{
	struct schema *schema = walk->schema;
	struct schema_pattern *pattern;
	PCRE2_UCHAR words[128];
	PCRE2_SIZE at;
	int code;

	if (mem_grow((void **)&schema->patterns, &schema->cap_patterns,
	             schema->n_patterns + 1, sizeof(*pattern)) < 0)
		return error_nomem(walk->error);
	pattern = &schema->patterns[schema->n_patterns];
	pattern->text = text;
	pattern->code = pcre2_compile((PCRE2_SPTR)text.data, text.len,
	                              PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &code,
	                              &at, NULL);
	if (pattern->code == NULL) {
		(void)pcre2_get_error_message(code, words, sizeof(words));
		(void)wrong(walk, name, "is not a regular expression");
		error_hint(walk->error, "at character %zu of %.*s: %s", (size_t)at + 1,
		           STR_ARG(str_head_utf8(text, 60)), (const char *)words);
		return HEED_E_CONFIG;
	}
	schema->n_patterns++;
	return 0;
}

static int
walk_map(struct walk *walk, const struct keyword *keyword, const struct heed_json *value)
{
	uint32_t i;

	if (value->kind != HEED_OBJECT)
		return wrong(walk, keyword->name,
		             "must be a mapping of names to schemas");
	for (i = 0; i < value->len; i++) {
		if (keyword->kind == PATTERN_MAP)
			HEED_TRY(
				add_pattern(walk, keyword->name, value->members[i].name));
		HEED_TRY(walk_below(walk, keyword->name, value->members[i].name,
		                    &value->members[i].value));
	}
	return 0;
}

static bool
is_texts(const struct heed_json *value)
{
	uint32_t i;

	for (i = 0; value->kind == HEED_ARRAY && i < value->len; i++)
		if (value->items[i].kind != HEED_STRING)
			return false;
	return value->kind == HEED_ARRAY;
}

static const char *const types[] = {"null",   "boolean", "integer", "number",
                                    "string", "array",   "object"};

static int
check_type(struct walk *walk, const struct heed_json *value)
{
	const char *near;
	size_t i;

	if (value->kind == HEED_ARRAY) {
		for (i = 0; i < value->len; i++)
			HEED_TRY(check_type(walk, &value->items[i]));
		return value->len > 0 ? 0
		                      : wrong(walk, "type", "must not be an empty list");
	}
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_is(json_text(*value), types[i]))
			return 0;
	near = error_nearest(json_text(*value), types, sizeof(types) / sizeof(types[0]));
	(void)wrong(walk, "type",
	            "must be null, boolean, integer, number, string, array or object");
	if (near != NULL)
		error_hint(walk->error, "did you mean \"%s\"?", near);
	return HEED_E_CONFIG;
}

static int
check_texts_map(struct walk *walk, const struct keyword *keyword,
                const struct heed_json *value)
{
	uint32_t i;

	for (i = 0; value->kind == HEED_OBJECT && i < value->len; i++)
		if (!is_texts(&value->members[i].value))
			return wrong(walk, keyword->name,
			             "must map names to lists of names");
	return value->kind == HEED_OBJECT
	               ? 0
	               : wrong(walk, keyword->name, "must be a mapping");
}

/* References are resolved when all of the document has been walked. */
static int
check_reference(struct walk *walk, const struct heed_json *value)
{
	struct heed_str text = json_text(*value);

	if (value->kind != HEED_STRING)
		return wrong(walk, "$ref", "must be a string");
	if (schema_resolve(walk->schema, text) == NULL) {
		(void)wrong(walk, "$ref", "points nowhere in this document");
		error_hint(walk->error,
		           "%.*s: use #/$defs/NAME or #ANCHOR; other documents are "
		           "never fetched",
		           STR_ARG(str_head_utf8(text, 100)));
		return HEED_E_CONFIG;
	}
	return 0;
}

static int
check_keyword(struct walk *walk, const struct keyword *keyword,
              const struct heed_json *value)
{
	const char *name = keyword->name;

	switch (keyword->kind) {
	case SCHEMA:
		return walk_below(walk, name, (struct heed_str){NULL, 0}, value);
	case SCHEMAS:
		return walk_list(walk, name, value);
	case SCHEMA_MAP:
	case PATTERN_MAP:
		return walk_map(walk, keyword, value);
	case TEXTS_MAP:
		return check_texts_map(walk, keyword, value);
	case TEXT:
		return value->kind == HEED_STRING ? 0
		                                  : wrong(walk, name, "must be a string");
	case TEXTS:
		return is_texts(value) ? 0 : wrong(walk, name, "must be a list of names");
	case LIST:
		return value->kind == HEED_ARRAY ? 0
		                                 : wrong(walk, name, "must be a list");
	case COUNT:
		return json_is_number(*value) && json_number(*value) >= 0 &&
		                       json_number(*value) ==
		                               (double)(uint64_t)json_number(*value)
		               ? 0
		               : wrong(walk, name,
		                       "must be a whole number that is not negative");
	case NUMBER:
		return json_is_number(*value) && (strcmp(name, "multipleOf") != 0 ||
		                                  json_number(*value) > 0)
		               ? 0
		               : wrong(walk, name,
		                       "must be a number (multipleOf: above zero)");
	case BOOLEAN:
		return value->kind == HEED_BOOL
		               ? 0
		               : wrong(walk, name, "must be true or false");
	case TYPE:
		return check_type(walk, value);
	case PATTERN:
		return value->kind == HEED_STRING
		               ? add_pattern(walk, name, json_text(*value))
		               : wrong(walk, name, "must be a string");
	case REFERENCE:
		return check_reference(walk, value);
	case UNSUPPORTED:
		return wrong(walk, name, "is not supported by this version");
	default:
		return 0;
	}
}

static int
unknown_keyword(struct walk *walk, struct heed_str name)
{
	const char *names[N_KEYWORDS];
	const char *near;
	size_t i;

	if (!(walk->flags & SCHEMA_STRICT) || str_starts(name, "x-"))
		return 0;
	for (i = 0; i < N_KEYWORDS; i++)
		names[i] = keywords[i].name;
	near = error_nearest(name, names, N_KEYWORDS);
	(void)error_set(walk->error, HEED_E_CONFIG, "there is no keyword \"%.*s\"",
	                STR_ARG(str_head_utf8(name, 60)));
	error_where(walk->error, "%s/%.*s", walk->at.data != NULL ? walk->at.data : "",
	            STR_ARG(name));
	if (near != NULL)
		error_hint(walk->error, "did you mean \"%s\"?", near);
	return HEED_E_CONFIG;
}

static int
walk_schema(struct walk *walk, const struct heed_json *value)
{
	uint32_t i;
	size_t k;

	if (value->kind == HEED_BOOL)
		return 0;
	if (value->kind != HEED_OBJECT) {
		int r = error_set(walk->error, HEED_E_CONFIG,
		                  "a schema is an object, true or false, not %s",
		                  json_kind_name(*value));

		error_where(walk->error, "%s",
		            walk->at.data != NULL ? walk->at.data : "");
		return r;
	}
	if (++walk->depth > WALK_DEPTH_MAX)
		return error_set(walk->error, HEED_E_CONFIG,
		                 "the schema is nested too deeply");
	for (i = 0; i < value->len; i++) {
		struct heed_str name = value->members[i].name;

		for (k = 0; k < N_KEYWORDS && !str_is(name, keywords[k].name); k++)
			;
		if (k == N_KEYWORDS)
			HEED_TRY(unknown_keyword(walk, name));
		else
			HEED_TRY(check_keyword(walk, &keywords[k],
			                       &value->members[i].value));
	}
	walk->depth--;
	return 0;
}

/* ---- references
 * --------------------------------------------------------------------------- */

/* The subschema with this $anchor, anywhere below `value`. */
static const struct heed_json *
find_anchor(const struct heed_json *value, struct heed_str anchor)
{
	const struct heed_json *found = NULL;
	uint32_t i;

	if (value->kind == HEED_OBJECT &&
	    str_eq(json_get_text(*value, "$anchor"), anchor))
		return value;
	for (i = 0; found == NULL && value->kind == HEED_OBJECT && i < value->len; i++)
		found = find_anchor(&value->members[i].value, anchor);
	for (i = 0; found == NULL && value->kind == HEED_ARRAY && i < value->len; i++)
		found = find_anchor(&value->items[i], anchor);
	return found;
}

const struct heed_json *
schema_resolve(const struct schema *schema, struct heed_str reference)
{
	struct heed_str id = json_get_text(schema->document, "$id");
	const struct heed_json *found = NULL;
	struct heed_buf pointer;

	if (id.len > 0 && reference.len >= id.len &&
	    str_eq(str_head(reference, id.len), id))
		reference = str_from(reference, id.len);
	if (reference.len == 0)
		return &schema->document;
	if (reference.data[0] != '#')
		return NULL;
	buf_init(&pointer, 0);
	if (url_decode(&pointer, str_from(reference, 1), 0) == 0) {
		struct heed_str text = buf_str(&pointer);

		found = text.len == 0 || text.data[0] == '/'
		                ? json_pointer(&schema->document, text)
		                : find_anchor(&schema->document, text);
	}
	buf_done(&pointer);
	return found;
}

/* ---- life
 * --------------------------------------------------------------------------------- */

int
schema_new(struct heed_json document, unsigned flags, struct schema **ret_schema,
           struct heed_error *error)
{
	struct schema *schema = mem_new(sizeof(*schema));
	struct walk walk = {.schema = schema, .flags = flags, .error = error};
	int r;

	if (schema == NULL)
		return error_nomem(error);
	schema->document = document;
	schema->flags = flags;
	buf_init(&walk.at, 0);
	r = walk_schema(&walk, &schema->document);
	buf_done(&walk.at);
	if (r < 0) {
		schema_free(schema);
		return r;
	}
	*ret_schema = schema;
	return 0;
}

void
schema_free(struct schema *schema)
{
	size_t i;

	if (schema == NULL)
		return;
	for (i = 0; i < schema->n_patterns; i++)
		pcre2_code_free(schema->patterns[i].code);
	mem_free(schema->patterns);
	mem_free(schema);
}

struct heed_json
schema_document(const struct schema *schema)
{
	return schema->document;
}
