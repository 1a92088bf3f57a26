/*
 * fuzz_zone.c - any bytes as a time zone file.
 *
 * What is accepted answers: offsets are bounded, changes come in order, and a local time
 * that was read off a clock leads back to an instant at which the clock showed it.
 */
#include <assert.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_around(const struct zone *zone, int64_t utc_s)
{
	int64_t local_s = zone_to_local(zone, utc_s);
	int64_t first_s = zone_to_utc(zone, local_s);
	int64_t change_s;

	assert(local_s - utc_s > -26 * 3600 && local_s - utc_s < 26 * 3600);
	assert(first_s <= utc_s && zone_to_local(zone, first_s) == local_s);
	if (zone_next_change(zone, utc_s, &change_s))
		assert(change_s > utc_s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str text = {(const char *)data, size};
	struct zone *zone;
	struct arena arena;
	int64_t utc_s;

	arena_init(&arena, 0);
	if (zone_parse(&arena, HEED_STR("X"), text, &zone, NULL) == 0)
		for (utc_s = -3000000000; utc_s < 9000000000; utc_s += 86399 * 131)
			try_around(zone, utc_s);
	arena_done(&arena);
	return 0;
}
