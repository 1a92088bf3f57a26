/*
 * schema.h - JSON Schema, draft 2020-12, without the network.
 *
 * All keywords of all its vocabularies. A schema is read once by schema_new: unknown
 * references, wrong values and references that run in circles are errors there, with the
 * JSON Pointer of the culprit. Other documents that it refers to come from a library that
 * the caller filled; the meta-schema of 2020-12 is always there. `format` says what is
 * wrong only with SCHEMA_FORMATS; contentEncoding, contentMediaType and contentSchema
 * never do. Source: https://json-schema.org/draft/2020-12/json-schema-core and
 * -validation.
 *
 * Numbers are compared and divided exactly, as decimals. Patterns are ECMA-262's
 * (pattern.h). What one validation may cost is bounded by the size of the instance.
 */
#ifndef HEED_BASE_SCHEMA_H
#define HEED_BASE_SCHEMA_H

#include "base/arena.h"
#include "heed.h"

enum schema_flags {
	/* A string that is not of its `format` is a fault. Names of formats that are not
	 * known say nothing. */
	SCHEMA_FORMATS = 1,
	/* Unknown keywords are errors of schema_new ("did you mean ...?"). */
	SCHEMA_STRICT = 2,
};

struct schema;
struct schema_library;

/* Documents by URI, for $ref, $dynamicRef and $schema. NULL without memory. */
struct schema_library *schema_library_new(void);
void schema_library_free(struct schema_library *library); /* takes NULL */
/* `uri` is copied; `document` is borrowed and must outlive what is made with the library.
 * A document is also found by its own $id. HEED_E_EXISTS when the URI is taken. */
int schema_library_add(struct schema_library *library, struct heed_str uri,
                       struct heed_json document, struct heed_error *error);

/* Compile `document` (borrowed: it must live as long as the result). `library` may be
 * NULL. HEED_E_CONFIG with the JSON Pointer of the culprit in error->where. Free with
 * schema_free. */
int schema_new(struct heed_json document, const struct schema_library *library,
               unsigned flags, struct schema **ret_schema, struct heed_error *error);
void schema_free(struct schema *schema); /* takes NULL */
/* The document it was made from. */
struct heed_json schema_document(const struct schema *schema);

/* One thing that is wrong with an instance. All text lives on the report's arena. */
struct schema_fault {
	struct heed_str at; /* JSON Pointer into the instance */
	struct heed_str
		keyword;      /* JSON Pointer into the schema; behind URI# for others */
	struct heed_str text; /* for people and models: "must be one of ..." */
};

#define SCHEMA_FAULTS_MAX 16

struct schema_report {
	struct arena *arena; /* set by the caller */
	size_t n;            /* faults kept */
	struct schema_fault faults[SCHEMA_FAULTS_MAX];
};

/* Zero when `instance` is valid, HEED_E_INVALID when not (the report, which may be NULL,
 * then says why), HEED_E_LIMIT when it is too deep or takes too many steps, HEED_E_NOMEM.
 * The same instance always gets the same verdict. Safe from any thread. */
int schema_validate(const struct schema *schema, struct heed_json instance,
                    struct schema_report *report);

#endif
