/*
 * schema.h - JSON Schema, draft 2020-12, without the network.
 *
 * The keywords of the core, applicator and validation vocabularies, but for $dynamicRef,
 * $dynamicAnchor, unevaluatedProperties and unevaluatedItems: those are errors of
 * schema_new. `format` is an annotation. `$ref`, `$anchor`, the root's `$id` and `$defs`
 * resolve inside the document; any other target is an error of schema_new. Source:
 * https://json-schema.org/draft/2020-12/json-schema-core and -validation.
 */
#ifndef HEED_BASE_SCHEMA_H
#define HEED_BASE_SCHEMA_H

#include "base/arena.h"
#include "heed.h"

enum schema_flags {
	SCHEMA_FORMATS = 1, /* reserved: `format` is an annotation */
	SCHEMA_STRICT =
		2, /* unknown keywords are errors of schema_new ("did you mean ...?") */
};

struct schema;

/* Compile `document` (borrowed: it must live as long as the result). HEED_E_CONFIG with
 * the JSON Pointer of the culprit in error->where. Free with schema_free. */
int schema_new(struct heed_json document, unsigned flags, struct schema **ret_schema,
               struct heed_error *error);
void schema_free(struct schema *schema); /* takes NULL */
/* The document it was made from. */
struct heed_json schema_document(const struct schema *schema);

/* One thing that is wrong with an instance. All text lives on the report's arena. */
struct schema_fault {
	struct heed_str at;      /* JSON Pointer into the instance */
	struct heed_str keyword; /* JSON Pointer into the schema */
	struct heed_str text;    /* for people and models: "must be one of ..." */
};

#define SCHEMA_FAULTS_MAX 16

struct schema_report {
	struct arena *arena; /* set by the caller */
	size_t n;            /* faults kept */
	struct schema_fault faults[SCHEMA_FAULTS_MAX];
};

/* Zero when `instance` is valid, HEED_E_INVALID when not (the report, which may be NULL,
 * then says why), HEED_E_LIMIT when it is too deep or matching a pattern takes too long.
 * Safe from any thread. */
int schema_validate(const struct schema *schema, struct heed_json instance,
                    struct schema_report *report);

#endif
