/*
 * clock.c - see clock.h. The civil calendar is Howard Hinnant's "chrono-Compatible
 * Low-Level Date Algorithms".
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t
read_clock(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_wall_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
clock_steady_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t
clock_steady_ms(void)
{
	return clock_steady_us() / 1000;
}

int64_t
clock_cpu_us(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t
clock_days(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
clock_civil(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*ret_day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*ret_month = (int)(m < 10 ? m + 3 : m - 9);
	*ret_year = (int)(y + era * 400 + (*ret_month <= 2));
}

static void
put_digits(char *to, int n, int value)
{
	while (n-- > 0) {
		to[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

struct heed_str
clock_text(char place[CLOCK_TEXT_SIZE], int64_t wall_us)
{
	static const char tail[] = "-00-00T00:00:00.000Z";
	int64_t ms = wall_us / 1000 - (wall_us % 1000 < 0);
	int64_t days = ms / 86400000 - (ms % 86400000 < 0);
	int64_t rest = ms - days * 86400000;
	int year, month, day;
	size_t len = 4;
	char *to;

	clock_civil(days, &year, &month, &day);
	/* By hand, for every event has a time. */
	if (year >= 0 && year <= 9999)
		put_digits(place, 4, year);
	else
		len = (size_t)snprintf(place, CLOCK_TEXT_SIZE - sizeof(tail), "%d", year);
	to = memcpy(place + len, tail, sizeof(tail));
	put_digits(to + 1, 2, month);
	put_digits(to + 4, 2, day);
	put_digits(to + 7, 2, (int)(rest / 3600000));
	put_digits(to + 10, 2, (int)(rest / 60000 % 60));
	put_digits(to + 13, 2, (int)(rest / 1000 % 60));
	put_digits(to + 16, 3, (int)(rest % 1000));
	return (struct heed_str){place, len + sizeof(tail) - 1};
}

void
clock_write(struct heed_buf *buf, int64_t wall_us)
{
	char place[CLOCK_TEXT_SIZE];

	buf_add(buf, clock_text(place, wall_us));
}

/* Exactly `n` digits at the front of `*rest`, within low..high. */
static int
take_number(struct heed_str *rest, size_t n, int low, int high, int *ret_value)
{
	int64_t value;

	if (rest->len < n || rest->data[0] == '-' ||
	    str_to_i64(str_head(*rest, n), &value) < 0 || value < low || value > high)
		return HEED_E_INVALID;
	*rest = str_from(*rest, n);
	*ret_value = (int)value;
	return 0;
}

static int
take_char(struct heed_str *rest, const char *any)
{
	for (; *any != '\0'; any++) {
		if (rest->len > 0 && rest->data[0] == *any) {
			*rest = str_from(*rest, 1);
			return 0;
		}
	}
	return HEED_E_INVALID;
}

static int
take_fraction(struct heed_str *rest, int64_t *ret_us)
{
	int64_t scale = 100000;

	*ret_us = 0;
	if (take_char(rest, ".") < 0)
		return 0;
	if (rest->len == 0 || rest->data[0] < '0' || rest->data[0] > '9')
		return HEED_E_INVALID;
	while (rest->len > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
		*ret_us += (rest->data[0] - '0') * scale;
		scale /= 10;
		*rest = str_from(*rest, 1);
	}
	return 0;
}

static int
take_offset(struct heed_str *rest, int64_t *ret_s)
{
	int hours, minutes;
	bool west;

	*ret_s = 0;
	if (take_char(rest, "Zz") == 0)
		return 0;
	west = rest->len > 0 && rest->data[0] == '-';
	HEED_TRY(take_char(rest, "+-"));
	HEED_TRY(take_number(rest, 2, 0, 23, &hours));
	HEED_TRY(take_char(rest, ":"));
	HEED_TRY(take_number(rest, 2, 0, 59, &minutes));
	*ret_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return 0;
}

static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

int
clock_parse(struct heed_str text, int64_t *ret_wall_us)
{
	int year, month, day, hour, minute, second;
	int64_t fraction_us, offset_s;

	HEED_TRY(take_number(&text, 4, 0, 9999, &year));
	HEED_TRY(take_char(&text, "-"));
	HEED_TRY(take_number(&text, 2, 1, 12, &month));
	HEED_TRY(take_char(&text, "-"));
	HEED_TRY(take_number(&text, 2, 1, month_days(year, month), &day));
	HEED_TRY(take_char(&text, "Tt "));
	HEED_TRY(take_number(&text, 2, 0, 23, &hour));
	HEED_TRY(take_char(&text, ":"));
	HEED_TRY(take_number(&text, 2, 0, 59, &minute));
	HEED_TRY(take_char(&text, ":"));
	HEED_TRY(take_number(&text, 2, 0, 60, &second));
	HEED_TRY(take_fraction(&text, &fraction_us));
	HEED_TRY(take_offset(&text, &offset_s));
	if (text.len > 0)
		return HEED_E_INVALID;
	if (second == 60) {
		second = 59;
		fraction_us = 999999;
	}
	*ret_wall_us = ((clock_days(year, month, day) * 86400 + hour * 3600 +
	                 minute * 60 + second - offset_s) *
	                1000000) +
	               fraction_us;
	return 0;
}

void
clock_write_duration(struct heed_buf *buf, int64_t ms)
{
	if (ms < 1000)
		buf_addf(buf, "%lldms", (long long)ms);
	else if (ms < 60000)
		buf_addf(buf, "%lld.%llds", (long long)ms / 1000,
		         (long long)ms % 1000 / 100);
	else if (ms < 3600000)
		buf_addf(buf, "%lldm%llds", (long long)ms / 60000,
		         (long long)ms / 1000 % 60);
	else if (ms < 86400000)
		buf_addf(buf, "%lldh%lldm", (long long)ms / 3600000,
		         (long long)ms / 60000 % 60);
	else
		buf_addf(buf, "%lldd%lldh", (long long)ms / 86400000,
		         (long long)ms / 3600000 % 24);
}
