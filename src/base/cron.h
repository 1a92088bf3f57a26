/*
 * cron.h - "every weekday at 9": cron expressions and their next tick.
 *
 * Five fields: minute, hour, day of month, month, day of week; or six, with seconds
 * first. Each is a list of `*`, numbers, ranges `a-b` and steps (a star, `a-b` or `a`,
 * which means from a on, and then `/n`); months and weekdays also by their English names
 * of three letters; Sunday is 0 or 7. Also
 * @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. When both days are
 * restricted, either of them is enough, as in crontab(5); one that starts with `*` does
 * not count as restricted.
 *
 * Where the clock is changed:
 *   - Schedules for some hours of the day ("30 2 * * *") tick once for each time of the
 * day: at its first occurrence when it occurs twice, and at the first instant after the
 * gap when it does not exist; several such times of one gap are one tick.
 *   - Schedules for every hour ("0 * * * *") follow real time: they tick at both
 * occurrences and not for times that do not exist.
 */
#ifndef HEED_BASE_CRON_H
#define HEED_BASE_CRON_H

#include "base/zone.h"
#include "heed.h"

/* Bit n is set when n matches. In the open so that it can be embedded. */
struct cron {
	uint64_t seconds;
	uint64_t minutes;
	uint64_t hours;
	uint64_t days;     /* 1-31 */
	uint64_t months;   /* 1-12 */
	uint64_t weekdays; /* 0-6, Sunday is 0 */
	bool any_day;      /* the field began with a star */
	bool any_weekday;
};

/* HEED_E_CONFIG with words, also for what can never match, such as 30 February. */
int cron_parse(struct heed_str text, struct cron *ret_cron, struct heed_error *error);
/* The first tick strictly after `after_us`, on a full second; `zone` may be NULL for UTC.
 * HEED_E_NOTFOUND when there is none before the year 9999. */
int cron_next(const struct cron *cron, const struct zone *zone, int64_t after_us,
              int64_t *ret_wall_us);

#endif
