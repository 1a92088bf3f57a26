/*
 * schema_local.h - shared by schema.c and schema_check.c.
 */
#ifndef HEED_BASE_SCHEMA_LOCAL_H
#define HEED_BASE_SCHEMA_LOCAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/schema.h"
#include "base/str.h"

struct schema_pattern {
	struct heed_str text;
	pcre2_code *code;
};

struct schema {
	struct heed_json document;
	unsigned flags;
	struct schema_pattern *patterns; /* of pattern and patternProperties */
	size_t n_patterns;
	size_t cap_patterns;
};

/* What "$ref" points at, or NULL. */
const struct heed_json *
schema_resolve(const struct schema *schema, struct heed_str reference);

#endif
