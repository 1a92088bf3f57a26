/*
 * schema.c - the life of schemas and of the library of documents that they may refer to.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/schema_local.h"
#include "base/uri.h"

struct schema_library *
schema_library_new(void)
{
	struct schema_library *library = mem_new(sizeof(*library));

	if (library != NULL)
		arena_init(&library->arena, 0);
	return library;
}

void
schema_library_free(struct schema_library *library)
{
	if (library == NULL)
		return;
	arena_done(&library->arena);
	mem_free(library);
}

/* A URI without a fragment, which for a whole document can only be empty. */
static struct heed_str
whole(struct heed_str uri)
{
	return str_ends(uri, "#") ? str_head(uri, uri.len - 1) : uri;
}

/* Where it was put first; only then what a document calls itself. */
const struct schema_document *
schema_library_find(const struct schema_library *library, struct heed_str uri)
{
	const struct schema_document *first = library != NULL ? library->first : NULL;
	const struct schema_document *document;

	uri = whole(uri);
	for (document = first; document != NULL; document = document->next)
		if (str_eq(document->uri, uri))
			return document;
	for (document = first; document != NULL; document = document->next)
		if (str_eq(document->id, uri))
			return document;
	return NULL;
}

int
schema_library_add(struct schema_library *library, struct heed_str uri,
                   struct heed_json document, struct heed_error *error)
{
	struct schema_document *added =
		ARENA_NEW(&library->arena, struct schema_document);

	if (added == NULL)
		return error_nomem(error);
	added->uri = arena_str(&library->arena, whole(uri));
	added->id = uri_resolve(&library->arena, uri, json_get_text(document, "$id"));
	added->value = document;
	if (added->uri.data == NULL || added->id.data == NULL)
		return error_nomem(error);
	for (const struct schema_document *other = library->first; other != NULL;
	     other = other->next)
		if (str_eq(other->uri, added->uri))
			return error_set(error, HEED_E_EXISTS,
			                 "there are two documents at %.*s",
			                 STR_ARG(added->uri));
	added->next = library->first;
	library->first = added;
	return 0;
}

int
schema_new(struct heed_json document, const struct schema_library *library,
           unsigned flags, struct schema **ret_schema, struct heed_error *error)
{
	struct schema *schema = mem_new(sizeof(*schema));
	int r;

	if (schema == NULL)
		return error_nomem(error);
	arena_init(&schema->arena, 0);
	schema->document = document;
	schema->library = library;
	schema->flags = flags;
	schema->last = &schema->first;
	r = schema_walk(schema, &schema->document, HEED_STR(""), NULL, HEED_STR(""),
	                (const struct node **)&schema->root, error);
	if (r == 0 && !(flags & SCHEMA_SYNTAX))
		r = schema_link(schema, error);
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
	if (schema == NULL)
		return;
	for (size_t i = 0; i < schema->n_patterns; i++)
		pattern_free(schema->patterns[i]);
	mem_free(schema->patterns);
	mem_free(schema->references);
	arena_done(&schema->arena);
	mem_free(schema);
}

struct heed_json
schema_document(const struct schema *schema)
{
	return schema->document;
}
