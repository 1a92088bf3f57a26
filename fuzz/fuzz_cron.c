/*
 * fuzz_cron.c - any bytes as a cron expression.
 *
 * The first byte picks a zone, the next four the time to start from, the rest is the
 * text. What is accepted has a next tick: on a full second, strictly later, and the same
 * when asked from a moment before it.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/cron.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ZONES 4

static struct zone *const *
get_zones(void)
{
	static const char *const names[ZONES] = {"UTC", "Europe/Berlin",
	                                         "Australia/Lord_Howe", "Pacific/Apia"};
	static struct zone *zones[ZONES];
	static struct arena arena;
	size_t i;

	if (zones[0] != NULL)
		return zones;
	arena_init(&arena, 0);
	for (i = 0; i < ZONES; i++)
		if (zone_load(&arena, str_of(names[i]), &zones[i], NULL) < 0)
			abort();
	return zones;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_error error = {0};
	struct cron cron;
	struct zone *zone;
	int64_t after_us, next_us, again_us;
	int i;

	if (size < 5)
		return 0;
	zone = get_zones()[data[0] % ZONES];
	after_us = (int64_t)((uint32_t)data[1] << 24 | (uint32_t)data[2] << 16 |
	                     (uint32_t)data[3] << 8 | data[4]) *
	           1000000;
	if (cron_parse((struct heed_str){(const char *)data + 5, size - 5}, &cron,
	               &error) < 0) {
		assert(error.text[0] != '\0');
		return 0;
	}
	for (i = 0; i < 20; i++) {
		if (cron_next(&cron, zone, after_us, &next_us) < 0)
			abort();
		assert(next_us > after_us && next_us % 1000000 == 0);
		if (cron_next(&cron, zone, next_us - 1, &again_us) < 0)
			abort();
		assert(again_us == next_us);
		after_us = next_us;
	}
	return 0;
}
