/*
 * cron.c - see cron.h. An expression is parsed into one set of bits a field; the next
 * tick is searched in local time, day by day, and then brought to UTC in one of two ways:
 * see next_once and next_each.
 */
#include "base/cron.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#define DAY_S 86400
#define ALL_HOURS ((1u << 24) - 1)
/* Local seconds of the years that are searched: 0000-03-01 to 9999-12-31. */
#define LOCAL_MIN (-719468ll * DAY_S)
#define LOCAL_MAX (2932896ll * DAY_S)

/* ---- parsing ----------------------------------------------------------------------- */

struct field {
	const char *name;
	int low;
	int high;
	const char *names; /* of three letters each, from `low` on; or NULL */
};

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field fields[FIELDS] = {
	[SECOND] = {"second", 0, 59, NULL},
	[MINUTE] = {"minute", 0, 59, NULL},
	[HOUR] = {"hour", 0, 23, NULL},
	[DAY] = {"day of the month", 1, 31, NULL},
	[MONTH] = {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	[WEEKDAY] = {"day of the week", 0, 7, "sunmontuewedthufrisat"},
};

static const struct {
	const char *name;
	const char *text;
} nicknames[] = {
	{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
};

static int
fail(struct heed_error *error, const struct field *field, struct heed_str item,
     const char *why)
{
	return error_set(error, HEED_E_CONFIG, "the %s \"%.*s\" %s", field->name,
	                 STR_ARG(str_head_utf8(item, 64)), why);
}

static int
fail_bounds(struct heed_error *error, const struct field *field, struct heed_str item)
{
	error_set(error, HEED_E_CONFIG, "the %s \"%.*s\" is not within %d-%d",
	          field->name, STR_ARG(str_head_utf8(item, 64)), field->low, field->high);
	if (field->names != NULL)
		error_hint(error,
		           "names are the first three letters in English, such as %.3s",
		           field->names + 3);
	return HEED_E_CONFIG;
}

/* A number or a name at the front of `*rest`. */
static int
take_value(struct heed_str *rest, const struct field *field, int *ret_value)
{
	size_t n = 0;
	int value = 0;
	const char *name;

	while (n < rest->len && n < 4 && rest->data[n] >= '0' && rest->data[n] <= '9')
		value = value * 10 + (rest->data[n++] - '0');
	if (n > 0 && n < 4) {
		*rest = str_from(*rest, n);
		*ret_value = value;
		return value >= field->low && value <= field->high ? 0 : HEED_E_INVALID;
	}
	if (field->names == NULL || rest->len < 3)
		return HEED_E_INVALID;
	for (name = field->names; *name != '\0'; name += 3) {
		if (strncasecmp(rest->data, name, 3) == 0) {
			*rest = str_from(*rest, 3);
			*ret_value = field->low + (int)(name - field->names) / 3;
			return 0;
		}
	}
	return HEED_E_INVALID;
}

static bool
take_char(struct heed_str *rest, char c)
{
	if (rest->len == 0 || rest->data[0] != c)
		return false;
	*rest = str_from(*rest, 1);
	return true;
}

struct range {
	int low;
	int high;
	int64_t step;
};

/* What stands before the step. */
static int
take_range(struct heed_str *rest, const struct field *field, struct heed_str item,
           struct range *range, struct heed_error *error)
{
	*range = (struct range){field->low, field->high, 1};
	if (field == &fields[WEEKDAY])
		range->high = 6;
	if (take_char(rest, '*'))
		return 0;
	if (take_value(rest, field, &range->low) < 0)
		return fail_bounds(error, field, item);
	if (!take_char(rest, '-')) {
		bool open = rest->len > 0 && rest->data[0] == '/';

		if (!open || range->high < range->low)
			range->high = range->low;
		return 0;
	}
	if (take_value(rest, field, &range->high) < 0)
		return fail_bounds(error, field, item);
	if (field == &fields[WEEKDAY] && range->high == 0 && range->low > 0)
		range->high = 7; /* fri-sun */
	if (range->low <= range->high)
		return 0;
	fail(error, field, item, "ends before it begins");
	error_hint(error, "write it as two ranges: %d-%d,%d-%d", range->low, field->high,
	           field->low, range->high);
	return HEED_E_CONFIG;
}

static int
parse_item(struct heed_str item, const struct field *field, uint64_t *bits,
           struct heed_error *error)
{
	struct heed_str rest = item;
	struct range range;
	int64_t value;

	if (item.len == 0)
		return error_set(error, HEED_E_CONFIG, "the %s has a comma too many",
		                 field->name);
	HEED_TRY(take_range(&rest, field, item, &range, error));
	if (take_char(&rest, '/')) {
		if (str_to_i64(rest, &range.step) < 0 || range.step < 1)
			return fail(error, field, item,
			            "needs a whole number above 0 after the slash");
		if (range.step > field->high)
			return fail(error, field, item,
			            "has a step above what the field counts");
		rest.len = 0;
	}
	if (rest.len > 0)
		return fail(error, field, item, "is not a number, a range or a step");
	for (value = range.low; value <= range.high; value += range.step)
		*bits |= (uint64_t)1 << value;
	return 0;
}

static int
parse_field(struct heed_str text, const struct field *field, uint64_t *ret_bits,
            struct heed_error *error)
{
	uint64_t bits = 0;
	bool more = true;

	while (more) {
		struct heed_str item = str_head(text, str_find(text, ','));

		more = item.len < text.len;
		text = str_from(text, item.len + 1);
		HEED_TRY(parse_item(item, field, &bits, error));
	}
	*ret_bits = bits;
	return 0;
}

static struct heed_str
take_word(struct heed_str *rest)
{
	struct heed_str word;
	size_t n = 0;

	*rest = str_trim(*rest);
	while (n < rest->len && strchr(" \t\r\n\v\f", rest->data[n]) == NULL)
		n++;
	word = str_head(*rest, n);
	*rest = str_trim(str_from(*rest, n));
	return word;
}

static int
split(struct heed_str text, struct heed_str words[FIELDS], struct heed_error *error)
{
	struct heed_str rest = text;
	size_t n = 0;

	while (n < FIELDS && str_trim(rest).len > 0)
		words[n++] = take_word(&rest);
	if (n >= FIELDS - 1 && rest.len == 0) {
		if (n == FIELDS)
			return 0;
		memmove(words + 1, words, (FIELDS - 1) * sizeof(*words));
		words[0] = HEED_STR("0");
		return 0;
	}
	error_set(error, HEED_E_CONFIG, "\"%.*s\" is not a cron expression",
	          STR_ARG(str_head_utf8(text, 128)));
	error_hint(error,
	           "it has five fields, minute, hour, day, month and day of the week, or "
	           "six with seconds first: \"0 9 * * mon-fri\"");
	return HEED_E_CONFIG;
}

static int
replace_nickname(struct heed_str *text, struct heed_error *error)
{
	size_t i;

	if (text->len == 0 || text->data[0] != '@')
		return 0;
	for (i = 0; i < sizeof(nicknames) / sizeof(nicknames[0]); i++) {
		if (str_is_nocase(*text, nicknames[i].name)) {
			*text = str_of(nicknames[i].text);
			return 0;
		}
	}
	error_set(error, HEED_E_CONFIG, "there is no schedule \"%.*s\"",
	          STR_ARG(str_head_utf8(*text, 64)));
	error_hint(error, "use @hourly, @daily, @weekly, @monthly or @yearly");
	return HEED_E_CONFIG;
}

/* Is there a month that has such a day? Weekdays always come. */
static bool
can_match(const struct cron *cron)
{
	static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int month;

	if (cron->any_day || !cron->any_weekday)
		return true;
	for (month = 1; month <= 12; month++) {
		uint64_t days = ((uint64_t)2 << month_days[month - 1]) - 1;

		if ((cron->months >> month & 1) != 0 && (cron->days & days) != 0)
			return true;
	}
	return false;
}

int
cron_parse(struct heed_str text, struct cron *ret_cron, struct heed_error *error)
{
	struct heed_str words[FIELDS];
	uint64_t bits[FIELDS];
	struct cron cron;
	size_t i;

	text = str_trim(text);
	HEED_TRY(replace_nickname(&text, error));
	HEED_TRY(split(text, words, error));
	for (i = 0; i < FIELDS; i++)
		HEED_TRY(parse_field(words[i], &fields[i], &bits[i], error));
	cron = (struct cron){
		.seconds = bits[SECOND],
		.minutes = bits[MINUTE],
		.hours = bits[HOUR],
		.days = bits[DAY],
		.months = bits[MONTH],
		.weekdays = (bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f,
		.any_day = words[DAY].data[0] == '*',
		.any_weekday = words[WEEKDAY].data[0] == '*',
	};
	if (!can_match(&cron)) {
		error_set(error, HEED_E_CONFIG, "\"%.*s\" never happens",
		          STR_ARG(str_head_utf8(text, 128)));
		error_hint(error, "no month that it names has such a day");
		return HEED_E_CONFIG;
	}
	*ret_cron = cron;
	return 0;
}

/* ---- the next tick ----------------------------------------------------------------- */

static bool
has(uint64_t bits, int64_t value)
{
	return (bits >> value & 1) != 0;
}

/* The lowest of `bits` from `from` on, or -1. */
static int
lowest(uint64_t bits, int64_t from)
{
	bits = from < 64 ? bits >> from << from : 0;
	return bits != 0 ? __builtin_ctzll(bits) : -1;
}

/* The first matching second of a day from `from_s` on, or -1. */
static int64_t
next_of_day(const struct cron *cron, int64_t from_s)
{
	int64_t hour = from_s / 3600;
	int64_t minute = from_s / 60 % 60;
	int second = lowest(cron->seconds, from_s % 60);

	if (second < 0 || !has(cron->minutes, minute) || !has(cron->hours, hour)) {
		/* Not within this minute: the first second of a later one. */
		if (second < 0)
			minute++;
		second = lowest(cron->seconds, 0);
		if (!has(cron->hours, hour) || lowest(cron->minutes, minute) < 0) {
			if (has(cron->hours, hour))
				hour++;
			minute = 0;
		}
		hour = lowest(cron->hours, hour);
		minute = lowest(cron->minutes, minute);
	}
	return hour < 0 ? -1 : hour * 3600 + minute * 60 + second;
}

static bool
day_matches(const struct cron *cron, int64_t days, int day)
{
	int64_t weekday = ((days + 4) % 7 + 7) % 7; /* 1 January 1970 was a Thursday */

	if (cron->any_day || cron->any_weekday)
		return has(cron->days, day) && has(cron->weekdays, weekday);
	return has(cron->days, day) || has(cron->weekdays, weekday);
}

/* The first matching local time at or after `local_s`. */
static int
next_local(const struct cron *cron, int64_t local_s, int64_t *ret_local_s)
{
	int64_t days = local_s / DAY_S - (local_s % DAY_S < 0);
	int64_t from_s = local_s - days * DAY_S;

	while (days * DAY_S < LOCAL_MAX) {
		int year, month, day;

		clock_civil(days, &year, &month, &day);
		if (!has(cron->months, month)) {
			days = month < 12 ? clock_days(year, month + 1, 1)
			                  : clock_days(year + 1, 1, 1);
		} else {
			int64_t found = day_matches(cron, days, day)
			                        ? next_of_day(cron, from_s)
			                        : -1;

			if (found >= 0) {
				*ret_local_s = days * DAY_S + found;
				return 0;
			}
			days++;
		}
		from_s = 0;
	}
	return HEED_E_NOTFOUND;
}

/* Once for each matching local time. zone_to_utc gives the first occurrence, or the end
 * of the gap, and never goes back when local time goes on; so the first result that lies
 * after is the next tick. */
static int
next_once(const struct cron *cron, const struct zone *zone, int64_t after_s,
          int64_t *ret_s)
{
	int64_t local_s = zone_to_local(zone, after_s);
	int64_t utc_s;

	do {
		HEED_TRY(next_local(cron, local_s + 1, &local_s));
		utc_s = zone_to_utc(zone, local_s);
	} while (utc_s <= after_s);
	*ret_s = utc_s;
	return 0;
}

/* At each instant whose local time matches: search the stretches of constant offset one
 * after the other. */
static int
next_each(const struct cron *cron, const struct zone *zone, int64_t after_s,
          int64_t *ret_s)
{
	int64_t from_s = after_s + 1;

	for (;;) {
		int32_t offset = zone_offset_at(zone, from_s);
		int64_t local_s, end_s;

		HEED_TRY(next_local(cron, from_s + offset, &local_s));
		if (!zone_next_change(zone, from_s, &end_s) || local_s - offset < end_s) {
			*ret_s = local_s - offset;
			return 0;
		}
		from_s = end_s;
	}
}

int
cron_next(const struct cron *cron, const struct zone *zone, int64_t after_us,
          int64_t *ret_wall_us)
{
	int64_t after_s = after_us / 1000000 - (after_us % 1000000 < 0);
	int64_t next_s;

	if (after_s < LOCAL_MIN)
		after_s = LOCAL_MIN;
	if (after_s >= LOCAL_MAX)
		return HEED_E_NOTFOUND;
	if (cron->hours == ALL_HOURS)
		HEED_TRY(next_each(cron, zone, after_s, &next_s));
	else
		HEED_TRY(next_once(cron, zone, after_s, &next_s));
	*ret_wall_us = next_s * 1000000;
	return 0;
}
