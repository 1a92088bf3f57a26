/*
 * schema_link.c - references, joined to the nodes that they mean.
 *
 * A reference is resolved against the URI of the resource that it stands in. What is
 * before "#" chooses a resource: of the documents that were read, of the library, or the
 * meta-schema; what is behind it a node there, by JSON Pointer or by anchor. At the end
 * no schema may lead back to itself without going deeper into the instance.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/schema_local.h"
#include "base/uri.h"

#define CHAIN_MAX 1000 /* schemas that apply to the same instance, one by the other */

/* ---- the meta-schema and dialects -------------------------------------------------- */

int
schema_syntax(struct heed_json value, struct heed_error *error)
{
	struct schema *schema;
	int r = schema_new(value, NULL, SCHEMA_SYNTAX, &schema, error);

	if (r == 0)
		schema_free(schema);
	return r;
}

static unsigned
vocabulary_of(struct heed_str uri)
{
	static const struct {
		const char *name;
		unsigned vocabulary;
	} names[] = {
		{"core", VOCABULARY_CORE},
		{"applicator", VOCABULARY_APPLICATOR},
		{"unevaluated", VOCABULARY_UNEVALUATED},
		{"validation", VOCABULARY_VALIDATION},
		{"format-annotation", VOCABULARY_FORMAT},
		{"format-assertion", VOCABULARY_FORMAT_ASSERTION},
		{"meta-data", VOCABULARY_OTHER},
		{"content", VOCABULARY_OTHER},
	};
	const struct heed_str base =
		HEED_STR("https://json-schema.org/draft/2020-12/vocab/");

	if (!str_eq(str_head(uri, base.len), base))
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(str_from(uri, base.len), names[i].name))
			return names[i].vocabulary;
	return 0;
}

/* Drafts whose schemas mean the same here, or have keywords that are reported. */
static bool
is_official(struct heed_str uri)
{
	static const char *const known[] = {
		META_SCHEMA,
		"https://json-schema.org/draft/2019-09/schema",
		"http://json-schema.org/draft-07/schema",
		"http://json-schema.org/draft-06/schema",
		"http://json-schema.org/schema",
	};

	if (str_ends(uri, "#"))
		uri.len--;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_is(uri, known[i]))
			return true;
	return false;
}

int
schema_dialect(const struct schema *schema, struct heed_str uri, struct heed_str at,
               unsigned *ret_vocabularies, struct heed_error *error)
{
	const struct schema_document *meta = schema_library_find(schema->library, uri);
	const struct heed_json *list;
	unsigned vocabularies = VOCABULARY_CORE;

	*ret_vocabularies = VOCABULARY_ALL;
	if (meta == NULL) {
		if (is_official(uri) || (schema->flags & SCHEMA_SYNTAX))
			return 0;
		(void)schema_wrong(error, at, "$schema", "names \"%.*s\", not known here",
		                   STR_ARG(str_head_utf8(uri, 200)));
		error_hint(error, "leave it out, or use \"%s\"", META_SCHEMA);
		return HEED_E_CONFIG;
	}
	list = json_get(meta->value, "$vocabulary");
	if (list == NULL)
		return 0;
	for (uint32_t i = 0; i < list->len; i++) {
		struct heed_str name = list->members[i].name;

		if (vocabulary_of(name) == 0 && json_truthy(list->members[i].value))
			return schema_wrong(error, at, "$schema",
			                    "needs the vocabulary \"%.*s\", not known "
			                    "here",
			                    STR_ARG(str_head_utf8(name, 200)));
		vocabularies |= vocabulary_of(name);
	}
	*ret_vocabularies = vocabularies;
	return 0;
}

/* ---- finding ----------------------------------------------------------------------- */

struct resource *
schema_find_resource(const struct schema *schema, struct heed_str uri)
{
	struct resource *resource = schema->resources;
	const struct alias *alias = schema->aliases;

	while (resource != NULL && !str_eq(resource->uri, uri))
		resource = resource->next;
	while (resource == NULL && alias != NULL) {
		if (str_eq(alias->uri, uri))
			return alias->resource;
		alias = alias->next;
	}
	return resource;
}

static int
read_document(struct schema *schema, const struct schema_document *document,
              struct resource **ret_resource, struct heed_error *error)
{
	struct heed_str at =
		arena_printf(&schema->arena, "%.*s#", STR_ARG(document->uri));
	struct alias *alias = ARENA_NEW(&schema->arena, struct alias);
	const struct node *root;

	if (at.data == NULL || alias == NULL)
		return error_nomem(error);
	HEED_TRY(schema_walk(schema, &document->value, at, NULL, document->uri, &root,
	                     error));
	*alias = (struct alias){.next = schema->aliases,
	                        .uri = document->uri,
	                        .resource = root->resource};
	schema->aliases = alias;
	*ret_resource = root->resource;
	return 0;
}

/* The node that stands for the meta-schema. */
static int
meta_node(struct schema *schema, const struct node **ret_node, struct heed_error *error)
{
	static const struct heed_json nothing = {.kind = HEED_NULL};
	struct node *node = schema_find_node(schema, &nothing);

	if (node == NULL) {
		node = ARENA_NEW(&schema->arena, struct node);
		if (node == NULL)
			return error_nomem(error);
		*node = (struct node){.source = &nothing,
		                      .at = HEED_STR(META_SCHEMA "#"),
		                      .resource = schema->root->resource,
		                      .kind = NODE_META};
	}
	*ret_node = node;
	return 0;
}

static int
points_nowhere(const struct rule *rule, const char *why, struct heed_error *error)
{
	(void)schema_wrong(error, rule->owner->at, rule->keyword->name,
	                   "\"%.*s\" points nowhere: %s",
	                   STR_ARG(str_head_utf8(json_text(*rule->value), 200)), why);
	return HEED_E_CONFIG;
}

/* Say what else there is where the last name of a pointer was looked for. */
static void
hint_neighbour(struct heed_json root, struct heed_str pointer, struct heed_error *error)
{
	struct heed_str name = pointer, near = {NULL, 0};
	const struct heed_json *around;
	size_t best = 0;

	while (str_find(name, '/') < name.len)
		name = str_from(name, str_find(name, '/') + 1);
	if (name.len == pointer.len)
		return;
	pointer = str_head(pointer, pointer.len - name.len - 1);
	around = json_pointer(&root, pointer);
	for (uint32_t i = 0;
	     around != NULL && around->kind == HEED_OBJECT && i < around->len; i++)
		if (error_nearer(name, around->members[i].name, &best))
			near = around->members[i].name;
	if (near.len > 0)
		error_hint(error, "did you mean #%.*s/%.*s?", STR_ARG(pointer),
		           STR_ARG(near));
}

static int
find_pointer(struct schema *schema, const struct rule *rule, struct resource *resource,
             struct heed_str pointer, const struct node **ret_node,
             struct heed_error *error)
{
	const struct heed_json *value = json_pointer(resource->root, pointer);
	struct heed_str at;

	if (value == NULL) {
		(void)points_nowhere(rule, "there is no such place", error);
		hint_neighbour(*resource->root, pointer, error);
		return HEED_E_CONFIG;
	}
	*ret_node = schema_find_node(schema, value);
	if (*ret_node != NULL)
		return 0;
	/* A place that no keyword makes a schema: it is read as one now. */
	at = arena_printf(&schema->arena, "%.*s%.*s", STR_ARG(resource->at),
	                  STR_ARG(pointer));
	if (at.data == NULL)
		return error_nomem(error);
	return schema_walk(schema, value, at, resource, (struct heed_str){NULL, 0},
	                   ret_node, error);
}

static int
find_anchor(struct rule *rule, const struct resource *resource, struct heed_str name,
            const struct node **ret_node, struct heed_error *error)
{
	const struct anchor *anchor;
	struct heed_str near = {NULL, 0};
	size_t best = 0;

	for (anchor = resource->anchors; anchor != NULL; anchor = anchor->next) {
		if (str_eq(anchor->name, name)) {
			*ret_node = anchor->node;
			if (anchor->dynamic)
				rule->dynamic = anchor->name;
			return 0;
		}
		if (error_nearer(name, anchor->name, &best))
			near = anchor->name;
	}
	(void)points_nowhere(rule, "there is no such anchor", error);
	if (near.len > 0)
		error_hint(error, "did you mean #%.*s?", STR_ARG(near));
	else if (json_path(*resource->root, "$defs", NULL) != NULL)
		error_hint(error, "a definition is meant as #/$defs/NAME");
	return HEED_E_CONFIG;
}

static int
find_resource(struct schema *schema, const struct rule *rule, struct heed_str uri,
              struct resource **ret_resource, struct heed_error *error)
{
	const struct schema_document *document;

	*ret_resource = schema_find_resource(schema, uri);
	if (*ret_resource != NULL)
		return 0;
	document = schema_library_find(schema->library, uri);
	if (document != NULL)
		return read_document(schema, document, ret_resource, error);
	if (str_is(uri, META_SCHEMA))
		return 0;
	(void)points_nowhere(rule, "the document is not known", error);
	error_hint(error, "use #/$defs/NAME or #ANCHOR; other documents are never "
	                  "fetched");
	return HEED_E_CONFIG;
}

static int
resolve(struct schema *schema, struct rule *rule, struct heed_error *error)
{
	struct heed_str text = json_text(*rule->value), fragment;
	struct resource *resource = rule->owner->resource;
	struct heed_buf decoded;
	struct uri uri;
	int r = 0;

	uri_split(text, &uri);
	if (text.len > 0 && text.data[0] != '#') {
		struct heed_str target = uri_resolve(&schema->arena, resource->uri, text);

		if (target.data == NULL)
			return error_nomem(error);
		HEED_TRY(find_resource(schema, rule, target, &resource, error));
	}
	if (resource == NULL)
		return uri.fragment.len == 0
		               ? meta_node(schema, rule->nodes, error)
		               : points_nowhere(rule,
		                                "the meta-schema is known only as "
		                                "a whole",
		                                error);
	buf_init(&decoded, 0);
	r = url_decode(&decoded, uri.fragment, 0);
	fragment = buf_str(&decoded);
	if (buf_error(&decoded) != 0)
		r = error_nomem(error);
	else if (r < 0 || !str_utf8(fragment))
		r = points_nowhere(rule, "the escapes behind # are malformed", error);
	else if (fragment.len == 0 || fragment.data[0] == '/')
		r = find_pointer(schema, rule, resource, fragment, rule->nodes, error);
	else
		r = find_anchor(rule, resource, fragment, rule->nodes, error);
	buf_done(&decoded);
	return r;
}

/* ---- circles ----------------------------------------------------------------------- */

enum { UNSEEN, OPEN, CLOSED };

static int
look_for_circle(struct node *node, int depth, struct heed_error *error)
{
	if (node->mark == OPEN || depth > CHAIN_MAX) {
		(void)schema_wrong(error, node->at, "",
		                   "the schema leads back to itself without going deeper "
		                   "into the value");
		error_hint(error, "a reference to a schema around it belongs below "
		                  "properties or items");
		return HEED_E_CONFIG;
	}
	if (node->mark == CLOSED)
		return 0;
	node->mark = OPEN;
	for (uint32_t i = 0; i < node->n_rules; i++) {
		const struct rule *rule = &node->rules[i];
		uint32_t n = rule->keyword->value == VALUE_SCHEMA ||
		                             rule->keyword->value == VALUE_REFERENCE
		                     ? 1
		                     : rule->value->len;

		for (uint32_t k = 0; rule->keyword->here && k < n; k++)
			HEED_TRY(look_for_circle((struct node *)rule->nodes[k], depth + 1,
			                         error));
	}
	node->mark = CLOSED;
	return 0;
}

int
schema_link(struct schema *schema, struct heed_error *error)
{
	/* Reading a further document adds references. */
	for (size_t i = 0; i < schema->n_references; i++)
		HEED_TRY(resolve(schema, schema->references[i], error));
	for (struct node *node = schema->first; node != NULL; node = node->next)
		HEED_TRY(look_for_circle(node, 0, error));
	return 0;
}
