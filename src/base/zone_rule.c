/*
 * zone_rule.c - see zone_rule.h. The grammar is POSIX's (base definitions, 8.3) with RFC
 * 8536's times of -167 to 167 hours.
 */
#include "base/zone_rule.h"

#include "base/clock.h"
#include "base/str.h"

#define DAY_S 86400

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
take_char(struct heed_str *rest, char c)
{
	if (rest->len == 0 || rest->data[0] != c)
		return false;
	*rest = str_from(*rest, 1);
	return true;
}

/* One to three digits within low..high. */
static int
take_number(struct heed_str *rest, int low, int high, int *ret_value)
{
	int value = 0;
	size_t n = 0;

	while (n < 3 && n < rest->len && is_digit(rest->data[n]))
		value = value * 10 + (rest->data[n++] - '0');
	if (n == 0 || value < low || value > high)
		return HEED_E_INVALID;
	*rest = str_from(*rest, n);
	*ret_value = value;
	return 0;
}

/* "CET" or "<+0330>". */
static int
take_name(struct heed_str *rest)
{
	size_t n = 0;

	if (take_char(rest, '<')) {
		n = str_find(*rest, '>');
		if (n == 0 || n == rest->len)
			return HEED_E_INVALID;
		*rest = str_from(*rest, n + 1);
		return 0;
	}
	while (n < rest->len && ((rest->data[n] >= 'a' && rest->data[n] <= 'z') ||
	                         (rest->data[n] >= 'A' && rest->data[n] <= 'Z')))
		n++;
	*rest = str_from(*rest, n);
	return n >= 3 ? 0 : HEED_E_INVALID;
}

/* [+-]hh[:mm[:ss]] */
static int
take_time(struct heed_str *rest, int hours_max, int32_t *ret_s)
{
	int hours, minutes = 0, seconds = 0;
	bool negative = take_char(rest, '-');

	if (!negative)
		(void)take_char(rest, '+'); /* means nothing */
	HEED_TRY(take_number(rest, 0, hours_max, &hours));
	if (take_char(rest, ':')) {
		HEED_TRY(take_number(rest, 0, 59, &minutes));
		if (take_char(rest, ':'))
			HEED_TRY(take_number(rest, 0, 59, &seconds));
	}
	*ret_s = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
	return 0;
}

static int
take_turn(struct heed_str *rest, struct zone_turn *ret_turn)
{
	struct zone_turn turn = {.kind = ZONE_TURN_DAY, .time_s = 2 * 3600};

	if (!take_char(rest, ','))
		return HEED_E_INVALID;
	if (take_char(rest, 'M')) {
		turn.kind = ZONE_TURN_WEEKDAY;
		HEED_TRY(take_number(rest, 1, 12, &turn.month));
		if (!take_char(rest, '.'))
			return HEED_E_INVALID;
		HEED_TRY(take_number(rest, 1, 5, &turn.week));
		if (!take_char(rest, '.'))
			return HEED_E_INVALID;
		HEED_TRY(take_number(rest, 0, 6, &turn.day));
	} else if (take_char(rest, 'J')) {
		turn.kind = ZONE_TURN_DAY_PLAIN;
		HEED_TRY(take_number(rest, 1, 365, &turn.day));
	} else {
		HEED_TRY(take_number(rest, 0, 365, &turn.day));
	}
	if (take_char(rest, '/'))
		HEED_TRY(take_time(rest, 167, &turn.time_s));
	*ret_turn = turn;
	return 0;
}

int
zone_rule_parse(struct heed_str text, struct zone_rule *ret_rule)
{
	struct zone_rule rule = {0};

	HEED_TRY(take_name(&text));
	HEED_TRY(take_time(&text, 24, &rule.standard_s));
	rule.standard_s =
		-rule.standard_s; /* POSIX counts west of Greenwich as positive */
	if (text.len > 0) {
		rule.changes = true;
		rule.summer_s = rule.standard_s + 3600;
		HEED_TRY(take_name(&text));
		if (text.len > 0 && text.data[0] != ',') {
			HEED_TRY(take_time(&text, 24, &rule.summer_s));
			rule.summer_s = -rule.summer_s;
		}
		HEED_TRY(take_turn(&text, &rule.start));
		HEED_TRY(take_turn(&text, &rule.end));
	}
	if (text.len > 0)
		return HEED_E_INVALID;
	*ret_rule = rule;
	return 0;
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* When the turn happens in `year`, in the time that holds before it. */
static int64_t
turn_local(const struct zone_turn *turn, int year)
{
	int64_t days;
	int64_t next_month;
	int weekday;

	if (turn->kind != ZONE_TURN_WEEKDAY) {
		int day = turn->kind == ZONE_TURN_DAY ? turn->day : turn->day - 1;

		if (turn->kind == ZONE_TURN_DAY_PLAIN && is_leap(year) && day >= 59)
			day++;
		return (clock_days(year, 1, 1) + day) * DAY_S + turn->time_s;
	}
	days = clock_days(year, turn->month, 1);
	next_month = turn->month < 12 ? clock_days(year, turn->month + 1, 1)
	                              : clock_days(year + 1, 1, 1);
	weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1 January 1970 was a Thursday */
	days += (turn->day - weekday + 7) % 7 + 7 * (turn->week - 1);
	if (days >= next_month)
		days -= 7;
	return days * DAY_S + turn->time_s;
}

static int
year_of(int64_t local_s)
{
	int64_t days = local_s / DAY_S - (local_s % DAY_S < 0);
	int year, month, day;

	clock_civil(days, &year, &month, &day);
	return year;
}

/* A turn's time may push it into the next year, so the years around count too. */
#define YEARS 4
#define TURNS (2 * YEARS)

struct turn_at {
	int64_t utc_s;
	bool to_summer;
};

static void
list_turns(const struct zone_rule *rule, int64_t utc_s, struct turn_at ret_turns[TURNS])
{
	int year = year_of(utc_s + rule->standard_s) - 2;
	size_t i;

	for (i = 0; i < TURNS; i += 2, year++) {
		ret_turns[i] = (struct turn_at){
			turn_local(&rule->start, year) - rule->standard_s, true};
		ret_turns[i + 1] = (struct turn_at){
			turn_local(&rule->end, year) - rule->summer_s, false};
	}
}

/* The last turn says it; of two at once, that to summer time: so is summer time all year
 * written, "EST5EDT,0/0,J365/25". */
int32_t
zone_rule_offset(const struct zone_rule *rule, int64_t utc_s)
{
	struct turn_at turns[TURNS];
	const struct turn_at *last = NULL;
	size_t i;

	if (!rule->changes)
		return rule->standard_s;
	list_turns(rule, utc_s, turns);
	for (i = 0; i < TURNS; i++) {
		const struct turn_at *turn = &turns[i];

		if (turn->utc_s > utc_s)
			continue;
		if (last == NULL || turn->utc_s > last->utc_s ||
		    (turn->utc_s == last->utc_s && turn->to_summer))
			last = turn;
	}
	return last != NULL && last->to_summer ? rule->summer_s : rule->standard_s;
}

bool
zone_rule_next(const struct zone_rule *rule, int64_t utc_s, int64_t *ret_utc_s)
{
	struct turn_at turns[TURNS];
	int64_t best = INT64_MAX;
	size_t i;

	if (!rule->changes)
		return false;
	list_turns(rule, utc_s, turns);
	for (i = 0; i < TURNS; i++)
		if (turns[i].utc_s > utc_s && turns[i].utc_s < best)
			best = turns[i].utc_s;
	if (best == INT64_MAX)
		return false;
	*ret_utc_s = best;
	return true;
}
