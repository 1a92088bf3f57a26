/*
 * structured.h - structured answers: how they are asked for and how they are read.
 *
 * Out: the strict form of a JSON Schema that a provider accepts (strict.c). Back: the
 * object in the model's text, however it is wrapped, with what the strict form added
 * taken off again, and validated by the schema as the user wrote it. Nothing that a
 * provider promises is trusted.
 */
#ifndef HEED_MODEL_STRUCTURED_H
#define HEED_MODEL_STRUCTURED_H

#include "base/arena.h"
#include "base/schema.h"
#include "heed.h"

/* How the answer was found, and if it was not valid, what to tell the model. */
struct structured_report {
	bool lenient; /* fences, thoughts or text around it were cut off */
	bool adapted; /* nulls or the wrapper of the strict form were taken off */
	struct heed_str complaint; /* for the repair call; empty when valid */
	size_t n_faults;           /* 0 with a complaint: there was no JSON at all */
};

/* Read `text` as an answer to `schema`; NULL schema: free text, the answer is a string.
 * Zero and *ret_answer, or HEED_E_INVALID with report->complaint, HEED_E_LIMIT,
 * HEED_E_NOMEM. Everything lives on `arena`. */
int
structured_read(const struct schema *schema, struct heed_str text, struct arena *arena,
                struct heed_json *ret_answer, struct structured_report *report);

/* What a provider's strict form allows. */
struct strict_rules {
	bool optional;    /* may properties be absent from `required`? */
	bool keep_format; /* are well-known formats and minItems 0 or 1 allowed? */
	bool root_object; /* must the root be an object? otherwise it is wrapped: {answer:
	                     ...} */
	int properties_max; /* in the whole schema */
	int depth_max;      /* of nested objects and arrays */
};

extern const struct strict_rules strict_openai, strict_azure, strict_anthropic;

/* The strict form of `schema` on `arena`: optional properties become required and
 * nullable, objects are closed, unsupported assertions move into the description, oneOf
 * becomes anyOf, const an enum, simple allOf are merged. HEED_E_UNSUPPORTED when that
 * would change what the schema means (open objects and maps, unconstrained values,
 * conditionals on shape, remote references, too large): ask for it without strict then.
 * An object without `properties` is open; say `additionalProperties: false` to keep it
 * strict. HEED_E_NOMEM. */
int strict_form(const struct strict_rules *rules, struct heed_json schema,
                struct arena *arena, struct heed_json *ret_strict);
/* The schema for the not strict form: the same, wrapped in an object when `rules` wants
 * that. */
int strict_wrap(const struct strict_rules *rules, struct heed_json schema,
                struct arena *arena, struct heed_json *ret_schema);

#endif
