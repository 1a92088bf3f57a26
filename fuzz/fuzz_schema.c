/*
 * fuzz_schema.c - any JSON as a schema, any JSON as an instance of it.
 *
 * The text is {"schema": ..., "data": ...}; anything else is taken as a schema and
 * checked against itself. A schema that is accepted gives a verdict that stays the same,
 * with a report or without, and a report that is not empty when the instance is wrong.
 * What the meta-schema refuses, schema_new refuses.
 */
#include <assert.h>

#include "base/json.h"
#include "base/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct arena *arena, struct heed_json document, struct heed_json instance,
      unsigned flags)
{
	struct schema_report report = {.arena = arena};
	struct heed_error error = {0};
	struct schema *schema;
	int loud, quiet;

	if (schema_new(document, NULL, flags, &schema, &error) < 0) {
		assert(error.text[0] != '\0');
		return;
	}
	loud = schema_validate(schema, instance, &report);
	quiet = schema_validate(schema, instance, NULL);
	assert(loud == 0 || loud == HEED_E_INVALID || loud == HEED_E_LIMIT);
	assert(loud != HEED_E_INVALID || report.n > 0);
	assert(loud == 0 ? report.n == 0 : true);
	/* A report costs steps of its own, so only the one with it may give up. */
	assert(loud == quiet || loud == HEED_E_LIMIT || quiet == HEED_E_LIMIT);
	for (size_t i = 0; i < report.n; i++)
		assert(report.faults[i].text.len > 0 && str_utf8(report.faults[i].text));
	schema_free(schema);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct heed_json *schema, *instance;
	struct heed_json value;
	struct arena arena;

	if (size == 0)
		return 0;
	arena_init(&arena, 0);
	if (json_parse(&arena, (struct heed_str){(const char *)data, size}, &value,
	               NULL) == 0) {
		schema = json_get(value, "schema");
		instance = json_get(value, "data");
		if (schema == NULL || instance == NULL)
			schema = instance = &value;
		check(&arena, *schema, *instance, SCHEMA_FORMATS);
		check(&arena, *schema, *instance, SCHEMA_STRICT);
	}
	arena_done(&arena);
	return 0;
}
