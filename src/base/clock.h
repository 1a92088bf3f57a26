/*
 * clock.h - time, as numbers and as text.
 *
 * Two kinds: wall time in microseconds since 1970-01-01T00:00:00Z (`_us`), and steady
 * time in milliseconds from an arbitrary start (`_ms`) for intervals. What the engine
 * does reads both from its loop (loop.h), which tests can drive; these are the raw
 * readings.
 */
#ifndef HEED_BASE_CLOCK_H
#define HEED_BASE_CLOCK_H

#include "base/str.h"
#include "heed.h"

int64_t clock_wall_us(void);
int64_t clock_steady_ms(void);
int64_t clock_steady_us(void);
/* Processor time of the whole process, in microseconds. */
int64_t clock_cpu_us(void);

/* Append RFC 3339 in UTC, with milliseconds: 2026-11-24T09:30:00.000Z. */
void clock_write(struct heed_buf *buf, int64_t wall_us);
/* The same into a fixed place, NUL-terminated. */
#define CLOCK_TEXT_SIZE 40
struct heed_str clock_text(char place[CLOCK_TEXT_SIZE], int64_t wall_us);
/* Read RFC 3339 (any offset, leap second 60 accepted as 59.999…). HEED_E_INVALID. */
int clock_parse(struct heed_str text, int64_t *ret_wall_us);
/* Append a length of time for people: 950ms, 12.3s, 4m10s, 3h5m, 2d4h. */
void clock_write_duration(struct heed_buf *buf, int64_t ms);

/* Days since 1970-01-01 of a civil date, and back (proleptic Gregorian). */
int64_t clock_days(int year, int month, int day);
void clock_civil(int64_t days, int *ret_year, int *ret_month, int *ret_day);

#endif
