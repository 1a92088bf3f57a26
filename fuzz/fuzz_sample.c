/*
 * fuzz_sample.c - samples of any schema: made within bounds, whatever it refers to.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/schema_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_json document, value, again;
	struct arena arena;

	arena_init(&arena, 0);
	if (json_parse(&arena, (struct heed_str){(const char *)data, size}, &document,
	               NULL) == 0) {
		if (schema_sample(document, &arena, &value) < 0 ||
		    schema_sample(document, &arena, &again) < 0 ||
		    !json_equal(value, again))
			abort();
	}
	arena_done(&arena);
	return 0;
}
