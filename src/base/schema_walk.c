/*
 * schema_walk.c - from a document to nodes and rules.
 *
 * Every schema of the document is visited once. Values of keywords are checked, patterns
 * compiled, resources and anchors noted; references are left for schema_link.c, since
 * they may point to what comes later.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/schema_local.h"
#include "base/uri.h"

#define WALK_DEPTH_MAX 128

struct walk {
	struct schema *schema;
	struct node *node;
	struct heed_error *error;
};

int
schema_wrong(struct heed_error *error, struct heed_str at, const char *name,
             const char *format, ...)
{
	struct heed_buf text;
	va_list args;
	int r;

	buf_init(&text, 0);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	r = error_set(error, HEED_E_CONFIG, "%s%s%s%.*s", name[0] != '\0' ? "\"" : "",
	              name, name[0] != '\0' ? "\" " : "", STR_ARG(buf_str(&text)));
	error_where(error, "%.*s%s%s", STR_ARG(at), name[0] != '\0' ? "/" : "", name);
	buf_done(&text);
	return r;
}

static int
wrong(const struct walk *walk, const struct rule *rule, const char *what)
{
	return schema_wrong(walk->error, walk->node->at, rule->keyword->name, "%s", what);
}

struct heed_str
schema_place(struct schema *schema, struct heed_str at, struct heed_str token)
{
	struct heed_str place = {NULL, 0};
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_add(&buf, at);
	buf_addc(&buf, '/');
	for (size_t i = 0; i < token.len; i++) {
		if (token.data[i] == '~' || token.data[i] == '/')
			buf_adds(&buf, token.data[i] == '~' ? "~0" : "~1");
		else
			buf_addc(&buf, token.data[i]);
	}
	if (buf_error(&buf) == 0)
		place = arena_str(&schema->arena, buf_str(&buf));
	buf_done(&buf);
	return place;
}

/* ---- simple values ----------------------------------------------------------------- */

static bool
is_names(struct heed_json value)
{
	for (uint32_t i = 0; value.kind == HEED_ARRAY && i < value.len; i++) {
		if (value.items[i].kind != HEED_STRING)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (json_equal(value.items[i], value.items[k]))
				return false;
	}
	return value.kind == HEED_ARRAY;
}

static bool
is_map_of(struct heed_json value, bool (*fits)(struct heed_json value))
{
	for (uint32_t i = 0; value.kind == HEED_OBJECT && i < value.len; i++)
		if (!fits(value.members[i].value))
			return false;
	return value.kind == HEED_OBJECT;
}

static bool
is_bool(struct heed_json value)
{
	return value.kind == HEED_BOOL;
}

static bool
is_count(struct heed_json value)
{
	double number = json_number(value);

	return json_is_number(value) && number >= 0 && number == floor(number);
}

static int
check_types(const struct walk *walk, const struct rule *rule, struct heed_json value)
{
	static const char *const types[] = {"null",   "boolean", "integer", "number",
	                                    "string", "array",   "object"};
	const size_t n = sizeof(types) / sizeof(types[0]);
	const char *near;

	if (value.kind == HEED_ARRAY) {
		for (uint32_t i = 0; i < value.len; i++)
			HEED_TRY(value.items[i].kind == HEED_ARRAY
			                 ? wrong(walk, rule, "must hold names of types")
			                 : check_types(walk, rule, value.items[i]));
		return value.len > 0 && is_names(value)
		               ? 0
		               : wrong(walk, rule,
		                       "must name at least one type, and none twice");
	}
	for (size_t i = 0; i < n; i++)
		if (str_is(json_text(value), types[i]))
			return 0;
	near = error_nearest(json_text(value), types, n);
	(void)wrong(walk, rule,
	            "must be null, boolean, integer, number, string, array or object");
	if (near != NULL)
		error_hint(walk->error, "did you mean \"%s\"?", near);
	return HEED_E_CONFIG;
}

static bool
is_anchor(struct heed_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';

		if (!letter && (i == 0 || !later))
			return false;
	}
	return text.len > 0;
}

/* An unknown format says nothing, but a slip of the pen should not. */
static int
find_format(const struct walk *walk, struct rule *rule)
{
	struct heed_str name = json_text(*rule->value);
	const char *near;

	if (rule->value->kind != HEED_STRING)
		return wrong(walk, rule, "must be a string");
	rule->format = format_find(name);
	if (rule->format != NULL || !(walk->schema->flags & SCHEMA_STRICT))
		return 0;
	near = format_nearest(name);
	if (near == NULL)
		return 0;
	(void)schema_wrong(walk->error, walk->node->at, "format", "\"%.*s\" is not known",
	                   STR_ARG(str_head_utf8(name, 60)));
	error_hint(walk->error, "did you mean \"%s\"?", near);
	return HEED_E_CONFIG;
}

/* What of a simple value is not as it must be, or NULL. */
static const char *
simple_fault(enum value_kind kind, struct heed_json value)
{
	struct heed_str text = json_text(value);

	switch (kind) {
	case VALUE_TEXT:
		return value.kind == HEED_STRING ? NULL : "must be a string";
	case VALUE_TEXTS:
		return is_names(value) ? NULL
		                       : "must be a list of names, none of them twice";
	case VALUE_TEXTS_MAP:
		return is_map_of(value, is_names) ? NULL
		                                  : "must map names to lists of names";
	case VALUE_COUNT:
		return is_count(value) ? NULL
		                       : "must be a whole number that is not negative";
	case VALUE_NUMBER:
		return json_is_number(value) ? NULL : "must be a number";
	case VALUE_POSITIVE:
		return json_number(value) > 0 ? NULL : "must be a number above zero";
	case VALUE_BOOLEAN:
		return is_bool(value) ? NULL : "must be true or false";
	case VALUE_LIST:
		return value.kind == HEED_ARRAY ? NULL : "must be a list";
	case VALUE_VOCABULARIES:
		return is_map_of(value, is_bool) ? NULL
		                                 : "must map URIs to true or false";
	case VALUE_ANCHOR:
		return is_anchor(text) ? NULL
		                       : "must be a name of letters, digits, - . _";
	case VALUE_ID:
		return value.kind == HEED_STRING && str_find(text, '#') + 1 >= text.len &&
		                       uri_valid(text, URI_UNICODE)
		               ? NULL
		               : "must be a URI without a fragment";
	default:
		return NULL;
	}
}

/* ---- schemas below ----------------------------------------------------------------- */

static int
add_pattern(const struct walk *walk, const struct rule *rule, struct heed_str text,
            struct pattern **ret_pattern)
{
	struct schema *schema = walk->schema;
	struct heed_error inner = {0};
	int r;

	if (mem_grow((void **)&schema->patterns, &schema->cap_patterns,
	             schema->n_patterns + 1, sizeof(struct pattern *)) < 0)
		return error_nomem(walk->error);
	r = pattern_new(text, ret_pattern, &inner);
	if (r == HEED_E_INVALID) {
		(void)schema_wrong(walk->error, walk->node->at, rule->keyword->name, "%s",
		                   inner.text);
		error_hint(walk->error, "%s", inner.hint);
		return HEED_E_CONFIG;
	}
	if (r < 0)
		return error_nomem(walk->error);
	schema->patterns[schema->n_patterns++] = *ret_pattern;
	return 0;
}

static int
walk_below(const struct walk *walk, struct heed_str at, struct heed_str token,
           const struct heed_json *value, const struct node **ret_node)
{
	struct heed_str place =
		token.data != NULL ? schema_place(walk->schema, at, token) : at;

	if (place.data == NULL)
		return error_nomem(walk->error);
	return schema_walk(walk->schema, value, place, walk->node->resource,
	                   (struct heed_str){NULL, 0}, ret_node, walk->error);
}

static int
walk_list(const struct walk *walk, struct rule *rule, struct heed_str at)
{
	struct heed_json value = *rule->value;
	char token[16];

	if (value.kind != HEED_ARRAY || value.len == 0)
		return wrong(walk, rule, "must be a list of schemas that is not empty");
	rule->nodes = ARENA_ARRAY(&walk->schema->arena, const struct node *, value.len);
	if (rule->nodes == NULL)
		return error_nomem(walk->error);
	for (uint32_t i = 0; i < value.len; i++) {
		(void)snprintf(token, sizeof(token), "%u", i);
		HEED_TRY(walk_below(walk, at, str_of(token), &value.items[i],
		                    &rule->nodes[i]));
	}
	return 0;
}

static int
walk_map(const struct walk *walk, struct rule *rule, struct heed_str at)
{
	struct arena *arena = &walk->schema->arena;
	struct heed_json value = *rule->value;

	if (value.kind != HEED_OBJECT)
		return wrong(walk, rule, "must be a mapping of names to schemas");
	rule->nodes = ARENA_ARRAY(arena, const struct node *, value.len + 1);
	rule->patterns = ARENA_ARRAY(arena, struct pattern *, value.len + 1);
	if (rule->nodes == NULL || rule->patterns == NULL)
		return error_nomem(walk->error);
	for (uint32_t i = 0; i < value.len; i++) {
		const struct heed_member *member = &value.members[i];
		struct heed_str name =
			member->name.data != NULL ? member->name : HEED_STR("");

		if (rule->keyword->value == VALUE_PATTERN_MAP)
			HEED_TRY(add_pattern(walk, rule, name, &rule->patterns[i]));
		HEED_TRY(walk_below(walk, at, name, &member->value, &rule->nodes[i]));
	}
	return 0;
}

static int
add_reference(const struct walk *walk, struct rule *rule)
{
	struct schema *schema = walk->schema;

	if (rule->value->kind != HEED_STRING ||
	    !uri_valid(json_text(*rule->value), URI_UNICODE))
		return wrong(walk, rule, "must be a URI reference");
	rule->nodes = ARENA_NEW(&schema->arena, const struct node *);
	if (rule->nodes == NULL ||
	    mem_grow((void **)&schema->references, &schema->cap_references,
	             schema->n_references + 1, sizeof(struct rule *)) < 0)
		return error_nomem(walk->error);
	schema->references[schema->n_references++] = rule;
	return 0;
}

/* Check the value of a keyword and make ready what its rule needs. */
static int
walk_rule(const struct walk *walk, struct rule *rule)
{
	struct schema *schema = walk->schema;
	struct heed_json value = *rule->value;
	struct heed_str at;
	const char *fault;

	at = schema_place(schema, walk->node->at, str_of(rule->keyword->name));
	if (at.data == NULL)
		return error_nomem(walk->error);
	switch (rule->keyword->value) {
	case VALUE_SCHEMA:
		rule->nodes = ARENA_NEW(&schema->arena, const struct node *);
		if (rule->nodes == NULL)
			return error_nomem(walk->error);
		return walk_below(walk, at, (struct heed_str){NULL, 0}, rule->value,
		                  rule->nodes);
	case VALUE_SCHEMAS:
		return walk_list(walk, rule, at);
	case VALUE_SCHEMA_MAP:
	case VALUE_PATTERN_MAP:
		return walk_map(walk, rule, at);
	case VALUE_REFERENCE:
		return add_reference(walk, rule);
	case VALUE_TYPE:
		return check_types(walk, rule, value);
	case VALUE_FORMAT:
		return find_format(walk, rule);
	case VALUE_PATTERN:
		rule->patterns = ARENA_NEW(&schema->arena, struct pattern *);
		if (rule->patterns == NULL)
			return error_nomem(walk->error);
		return value.kind == HEED_STRING
		               ? add_pattern(walk, rule, json_text(value), rule->patterns)
		               : wrong(walk, rule, "must be a string");
	default:
		fault = simple_fault(rule->keyword->value, value);
		return fault == NULL ? 0 : wrong(walk, rule, fault);
	}
}

/* ---- one schema -------------------------------------------------------------------- */

static int
unknown_keyword(const struct walk *walk, struct heed_str name)
{
	const char *near = NULL;
	size_t best = 0;

	for (size_t i = 0; i < schema_n_keywords; i++)
		if (error_nearer(name, str_of(schema_keywords[i].name), &best))
			near = schema_keywords[i].name;
	if (str_is(name, "dependencies"))
		near = "dependentRequired";
	if (str_is(name, "additionalItems"))
		near = "items";
	(void)error_set(walk->error, HEED_E_CONFIG, "there is no keyword \"%.*s\"",
	                STR_ARG(str_head_utf8(name, 60)));
	error_where(walk->error, "%.*s/%.*s", STR_ARG(walk->node->at), STR_ARG(name));
	if (near != NULL)
		error_hint(walk->error, "did you mean \"%s\"?", near);
	return HEED_E_CONFIG;
}

static const struct keyword *
find_keyword(struct heed_str name)
{
	for (size_t i = 0; i < schema_n_keywords; i++)
		if (str_is(name, schema_keywords[i].name))
			return &schema_keywords[i];
	return NULL;
}

const struct rule *
schema_rule(const struct node *node, const char *keyword)
{
	for (uint32_t i = 0; i < node->n_rules; i++)
		if (strcmp(node->rules[i].keyword->name, keyword) == 0)
			return &node->rules[i];
	return NULL;
}

static int
check_unknown(const struct walk *walk)
{
	struct heed_json source = *walk->node->source;

	for (uint32_t i = 0; i < source.len; i++) {
		struct heed_str name = source.members[i].name;

		if (find_keyword(name) == NULL && !str_starts(name, "x-"))
			HEED_TRY(unknown_keyword(walk, name));
	}
	return 0;
}

/* Join the rules of one schema that look at each other. */
static void
link_rules(struct node *node)
{
	for (uint32_t i = 0; i < node->n_rules; i++) {
		struct rule *rule = &node->rules[i];

		for (size_t k = 0; k < 2 && rule->keyword->also[k] != NULL; k++)
			rule->also[k] = schema_rule(node, rule->keyword->also[k]);
	}
}

static int
walk_rules(const struct walk *walk)
{
	struct schema *schema = walk->schema;
	struct node *node = walk->node;
	size_t n = node->source->len < schema_n_keywords ? node->source->len
	                                                 : schema_n_keywords;

	node->rules = ARENA_ARRAY(&schema->arena, struct rule, n + 1);
	if (node->rules == NULL)
		return error_nomem(walk->error);
	if (schema->flags & SCHEMA_STRICT)
		HEED_TRY(check_unknown(walk));
	for (size_t k = 0; k < schema_n_keywords; k++) {
		const struct keyword *keyword = &schema_keywords[k];
		const struct heed_json *value = json_get(*node->source, keyword->name);
		struct rule *rule = &node->rules[node->n_rules];

		if (value == NULL ||
		    !(keyword->vocabulary & node->resource->vocabularies))
			continue;
		*rule = (struct rule){.keyword = keyword, .owner = node, .value = value};
		HEED_TRY(walk_rule(walk, rule));
		node->n_rules++;
		schema->marks |= keyword->vocabulary == VOCABULARY_UNEVALUATED;
	}
	link_rules(node);
	return 0;
}

static int
add_anchor(const struct walk *walk, const char *keyword)
{
	struct resource *resource = walk->node->resource;
	struct heed_str name = json_get_text(*walk->node->source, keyword);
	struct anchor *anchor;

	if (name.len == 0)
		return 0;
	for (anchor = resource->anchors; anchor != NULL; anchor = anchor->next)
		if (str_eq(anchor->name, name) && anchor->node != walk->node)
			return schema_wrong(walk->error, walk->node->at, keyword,
			                    "is \"%.*s\" in two places", STR_ARG(name));
	anchor = ARENA_NEW(&walk->schema->arena, struct anchor);
	if (anchor == NULL)
		return error_nomem(walk->error);
	*anchor = (struct anchor){.next = resource->anchors,
	                          .name = name,
	                          .node = walk->node,
	                          .dynamic = strcmp(keyword, "$dynamicAnchor") == 0};
	resource->anchors = anchor;
	return 0;
}

/* A schema that has a URI of its own, or is the root of a document, starts a resource. */
static int
enter_resource(const struct walk *walk, struct resource *outer, struct heed_str uri)
{
	struct schema *schema = walk->schema;
	struct node *node = walk->node;
	struct heed_str id = json_get_text(*node->source, "$id");
	struct heed_str dialect = json_get_text(*node->source, "$schema");
	struct resource *resource;

	node->resource = outer;
	if (outer != NULL && id.len == 0)
		return 0;
	uri = uri_resolve(&schema->arena, outer != NULL ? outer->uri : uri, id);
	if (outer != NULL && str_eq(uri, outer->uri)) /* "#" */
		return 0;
	resource = ARENA_NEW(&schema->arena, struct resource);
	if (uri.data == NULL || resource == NULL)
		return error_nomem(walk->error);
	if (uri.len > 0 && schema_find_resource(schema, uri) != NULL)
		return schema_wrong(walk->error, node->at, "$id",
		                    "is \"%.*s\" in two places", STR_ARG(uri));
	*resource = (struct resource){.next = schema->resources,
	                              .uri = uri,
	                              .root = node->source,
	                              .at = node->at,
	                              .vocabularies = outer != NULL ? outer->vocabularies
	                                                            : VOCABULARY_ALL};
	schema->resources = node->resource = resource;
	if (dialect.len == 0)
		return 0;
	return schema_dialect(schema, dialect, node->at, &resource->vocabularies,
	                      walk->error);
}

static struct node **
bucket_of(struct schema *schema, const struct heed_json *value)
{
	return &schema->hash[((uintptr_t)value / sizeof(*value)) % NODE_HASH_SIZE];
}

static struct node *
new_node(struct schema *schema, const struct heed_json *value, struct heed_str at)
{
	struct node *node = ARENA_NEW(&schema->arena, struct node);
	struct node **bucket = bucket_of(schema, value);

	if (node == NULL)
		return NULL;
	*node = (struct node){.next_same_hash = *bucket, .source = value, .at = at};
	*bucket = node;
	*schema->last = node;
	schema->last = &node->next;
	return node;
}

struct node *
schema_find_node(const struct schema *schema, const struct heed_json *value)
{
	struct node *node = *bucket_of((struct schema *)schema, value);

	while (node != NULL && node->source != value)
		node = node->next_same_hash;
	return node;
}

int
schema_walk(struct schema *schema, const struct heed_json *value, struct heed_str at,
            struct resource *resource, struct heed_str uri, const struct node **ret_node,
            struct heed_error *error)
{
	struct walk walk = {.schema = schema, .error = error};
	int r;

	if (value->kind != HEED_BOOL && value->kind != HEED_OBJECT)
		return schema_wrong(error, at, "",
		                    "a schema is an object, true or false, not %s",
		                    json_kind_name(*value));
	if (schema->depth >= WALK_DEPTH_MAX)
		return schema_wrong(error, at, "", "the schema is nested too deeply");
	walk.node = new_node(schema, value, at);
	if (walk.node == NULL)
		return error_nomem(error);
	*ret_node = walk.node;
	HEED_TRY(enter_resource(&walk, resource, uri));
	if (value->kind == HEED_BOOL) {
		walk.node->kind = value->boolean ? NODE_TRUE : NODE_FALSE;
		return 0;
	}
	HEED_TRY(add_anchor(&walk, "$anchor"));
	HEED_TRY(add_anchor(&walk, "$dynamicAnchor"));
	schema->depth++;
	r = walk_rules(&walk);
	schema->depth--;
	return r;
}
