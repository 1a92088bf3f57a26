/*
 * fuzz_redrive.c - what a redrive job says: JSON that is read is written so that it reads
 * back the same. Any text has a signature.
 */
#include <stdlib.h>

#include "base/json.h"
#include "engine/redrive.h"
#include "engine/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_and_write(struct arena *arena, struct heed_json spec)
{
	struct heed_json written, again;
	struct heed_error error;
	struct redrive what;

	if (redrive_read(spec, arena, &what, &error) < 0)
		return;
	if (redrive_write(&what, arena, &written) < 0 ||
	    redrive_read(written, arena, &what, &error) < 0 ||
	    redrive_write(&what, arena, &again) < 0 || !json_equal(written, again))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str text = {(const char *)data, size};
	struct store_run run = {.text = text};
	char place[SIGNATURE_SIZE];
	struct heed_json value;
	struct arena arena;

	arena_init(&arena, 0);
	(void)signature_of(place, &run);
	if (json_parse(&arena, text, &value, NULL) == 0)
		read_and_write(&arena, value);
	arena_done(&arena);
	return 0;
}
