/*
 * zone.h - time zones by name, read from the system's time zone files (TZif, RFC 8536).
 *
 * libc has one zone for the whole process; schedules and recipients each have their own.
 * Times are whole seconds: UTC since 1970, and "local" seconds, which are what the clock
 * on the wall shows, counted as if it showed UTC. A zone is constant once loaded, so any
 * thread may read it.
 */
#ifndef HEED_BASE_ZONE_H
#define HEED_BASE_ZONE_H

#include "base/arena.h"
#include "heed.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_NAME_MAX 64 /* bytes */

struct zone;

/* Load "Europe/Berlin"; the zone lives on `arena`. "UTC" needs no file. HEED_E_NOTFOUND
 * for an unknown name (with "did you mean" as hint), HEED_E_CORRUPT for a damaged file.
 */
int zone_load(struct arena *arena, struct heed_str name, struct zone **ret_zone,
              struct heed_error *error);
/* The same from a file's bytes. HEED_E_CORRUPT; HEED_E_UNSUPPORTED for version 1 files
 * and those that count leap seconds. */
int zone_parse(struct arena *arena, struct heed_str name, struct heed_str data,
               struct zone **ret_zone, struct heed_error *error);
/* In the functions below, NULL is UTC. */
struct heed_str zone_name(const struct zone *zone);

/* Seconds that local time is ahead of UTC. */
int32_t zone_offset_at(const struct zone *zone, int64_t utc_s);
int64_t zone_to_local(const struct zone *zone, int64_t utc_s);
/* A local time that occurs twice gives its first occurrence; one that does not exist
 * gives the first instant after the gap (then zone_to_local of the result is another
 * time). */
int64_t zone_to_utc(const struct zone *zone, int64_t local_s);
/* The first instant after `utc_s` where the offset may change; false when there is none.
 */
bool zone_next_change(const struct zone *zone, int64_t utc_s, int64_t *ret_utc_s);

#endif
