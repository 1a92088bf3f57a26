/*
 * format_time.c - dates, times and durations as RFC 3339 writes them.
 */
#include <string.h>

#include "base/format_local.h"
#include "base/str.h"

/* The number of exactly `n` digits at the start, which are taken off; -1 for none. */
static int
take_digits(struct heed_str *text, size_t n)
{
	int value = 0;

	if (text->len < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char c = text->data[i];

		if (c < '0' || c > '9')
			return -1;
		value = value * 10 + (c - '0');
	}
	*text = str_from(*text, n);
	return value;
}

static bool
take_one(struct heed_str *text, const char *of)
{
	if (text->len == 0 || text->data[0] == '\0' || strchr(of, text->data[0]) == NULL)
		return false;
	*text = str_from(*text, 1);
	return true;
}

static int
days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static bool
take_date(struct heed_str *text)
{
	int year = take_digits(text, 4), month = -1, day = -1;

	if (take_one(text, "-"))
		month = take_digits(text, 2);
	if (take_one(text, "-"))
		day = take_digits(text, 2);
	return year >= 0 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days_of(year, month);
}

bool
format_date(struct heed_str text)
{
	return take_date(&text) && text.len == 0;
}

/* Z or +hh:mm: minutes east of UTC, or INT32_MIN. */
static int
take_offset(struct heed_str *text)
{
	bool west = text->len > 0 && text->data[0] == '-';
	int hour, minute = -1;

	if (take_one(text, "Zz"))
		return 0;
	if (!take_one(text, "+-"))
		return INT32_MIN;
	hour = take_digits(text, 2);
	if (take_one(text, ":"))
		minute = take_digits(text, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return INT32_MIN;
	return (hour * 60 + minute) * (west ? -1 : 1);
}

bool
format_time(struct heed_str text)
{
	int hour = take_digits(&text, 2), minute = -1, second = -1, offset;

	if (take_one(&text, ":"))
		minute = take_digits(&text, 2);
	if (take_one(&text, ":"))
		second = take_digits(&text, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > 60)
		return false;
	if (take_one(&text, ".")) {
		if (take_digits(&text, 1) < 0)
			return false;
		while (take_digits(&text, 1) >= 0)
			;
	}
	offset = take_offset(&text);
	if (offset == INT32_MIN || text.len > 0)
		return false;
	/* A leap second comes at the end of a day in UTC. */
	return second < 60 ||
	       (hour * 60 + minute - offset + 2 * 24 * 60) % (24 * 60) == 24 * 60 - 1;
}

bool
format_date_time(struct heed_str text)
{
	return take_date(&text) && take_one(&text, "Tt") && format_time(text);
}

/* Digits and a letter of `letters`: which one, or -1; text unchanged then. */
static int
take_part(struct heed_str *text, const char *letters)
{
	struct heed_str rest = *text;
	const char *letter;

	if (take_digits(&rest, 1) < 0)
		return -1;
	while (take_digits(&rest, 1) >= 0)
		;
	letter = rest.len > 0 && rest.data[0] != '\0' ? strchr(letters, rest.data[0])
	                                              : NULL;
	if (letter == NULL)
		return -1;
	*text = str_from(rest, 1);
	return (int)(letter - letters);
}

/* Parts in the order of `letters`, of which none between two may be left out. */
static bool
take_parts(struct heed_str *text, const char *letters)
{
	int last = take_part(text, letters), next;

	if (last < 0)
		return false;
	while ((next = take_part(text, letters)) >= 0) {
		if (next != last + 1)
			return false;
		last = next;
	}
	return true;
}

bool
format_duration(struct heed_str text)
{
	struct heed_str weeks;

	if (!take_one(&text, "P"))
		return false;
	weeks = text;
	if (take_part(&weeks, "W") == 0)
		return weeks.len == 0;
	if (text.len > 0 && text.data[0] != 'T' && !take_parts(&text, "YMD"))
		return false;
	if (text.len == 0)
		return weeks.len > 0;
	return take_one(&text, "T") && take_parts(&text, "HMS") && text.len == 0;
}
