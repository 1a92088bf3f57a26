/*
 * str.c - text views: compare, cut, and read numbers. See str.h.
 */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct heed_str
str_of(const char *text)
{
	return (struct heed_str){text, text != NULL ? strlen(text) : 0};
}

bool
str_eq(struct heed_str a, struct heed_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool
str_is(struct heed_str a, const char *b)
{
	return str_eq(a, str_of(b));
}

static int
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

bool
str_is_nocase(struct heed_str a, const char *b)
{
	return a.len == strlen(b) && str_starts_nocase(a, b);
}

bool
str_starts(struct heed_str text, const char *prefix)
{
	return str_eq(str_head(text, strlen(prefix)), str_of(prefix));
}

bool
str_starts_nocase(struct heed_str text, const char *prefix)
{
	size_t i;

	for (i = 0; prefix[i] != '\0'; i++)
		if (i >= text.len || lower(text.data[i]) != lower(prefix[i]))
			return false;
	return true;
}

bool
str_ends(struct heed_str text, const char *suffix)
{
	size_t len = strlen(suffix);

	return text.len >= len && str_is(str_from(text, text.len - len), suffix);
}

int
str_cmp(struct heed_str a, struct heed_str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct heed_str
str_trim(struct heed_str text)
{
	while (text.len > 0 && is_space(text.data[0]))
		text = str_from(text, 1);
	while (text.len > 0 && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

struct heed_str
str_from(struct heed_str text, size_t from)
{
	if (from >= text.len)
		return (struct heed_str){text.data != NULL ? text.data + text.len : NULL,
		                         0};
	return (struct heed_str){text.data + from, text.len - from};
}

struct heed_str
str_head(struct heed_str text, size_t len)
{
	return (struct heed_str){text.data, text.len < len ? text.len : len};
}

size_t
str_find(struct heed_str text, char c)
{
	const char *at = text.len > 0 ? memchr(text.data, c, text.len) : NULL;

	return at != NULL ? (size_t)(at - text.data) : text.len;
}

size_t
str_search(struct heed_str text, struct heed_str needle)
{
	const char *at;

	if (needle.len == 0)
		return 0;
	at = text.len > 0 ? memmem(text.data, text.len, needle.data, needle.len) : NULL;
	return at != NULL ? (size_t)(at - text.data) : text.len;
}

struct heed_str
str_cut(struct heed_str *rest, char sep)
{
	size_t at = str_find(*rest, sep);
	struct heed_str head = str_head(*rest, at);

	*rest = str_from(*rest, at + 1);
	return head;
}

/* FNV-1a with a seed and a final mix; tables hold few thousand names, so simple is
 * enough. */
uint64_t
str_hash(struct heed_str text)
{
	static uint64_t seed;
	uint64_t hash;
	size_t i;

	if (seed == 0)
		seed = ((uint64_t)time(NULL) << 20 ^ (uint64_t)getpid()) *
		               0x9e3779b97f4a7c15u |
		       1;
	hash = seed;
	for (i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3u;
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93u;
	return hash ^ hash >> 32;
}

/* The well-formed sequences of more than one byte: Table 3-7 of the Unicode Standard. */
static const struct {
	unsigned char first, last; /* of the first byte */
	unsigned char len;
	unsigned char low, high; /* of the second byte; the others are 80..BF */
} utf8_forms[] = {
	{0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
	{0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f},
	{0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
	{0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/* Length of the well-formed sequence at the start of `p`, which is not ASCII, or 0. */
static size_t
utf8_sequence(const unsigned char *p, size_t left)
{
	size_t form = 0;
	size_t i;

	while (form < sizeof(utf8_forms) / sizeof(utf8_forms[0]) &&
	       (p[0] < utf8_forms[form].first || p[0] > utf8_forms[form].last))
		form++;
	if (form == sizeof(utf8_forms) / sizeof(utf8_forms[0]) ||
	    left < utf8_forms[form].len || p[1] < utf8_forms[form].low ||
	    p[1] > utf8_forms[form].high)
		return 0;
	for (i = 2; i < utf8_forms[form].len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return utf8_forms[form].len;
}

bool
str_utf8(struct heed_str text)
{
	const unsigned char *p = (const unsigned char *)text.data;
	size_t at = 0;

	while (at < text.len) {
		uint64_t eight;
		size_t len = 1;

		if (text.len - at >= sizeof(eight)) {
			memcpy(&eight, p + at, sizeof(eight));
			if ((eight & 0x8080808080808080u) == 0) {
				at += sizeof(eight);
				continue;
			}
		}
		if (p[at] >= 0x80)
			len = utf8_sequence(p + at, text.len - at);
		if (len == 0)
			return false;
		at += len;
	}
	return true;
}

struct heed_str
str_head_utf8(struct heed_str text, size_t len)
{
	if (text.len <= len)
		return text;
	while (len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
		len--;
	return str_head(text, len);
}

int
str_to_i64(struct heed_str text, int64_t *ret_value)
{
	bool negative = text.len > 0 && text.data[0] == '-';
	uint64_t bound = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	uint64_t value = 0;
	size_t i = negative ? 1 : 0;

	if (i >= text.len)
		return HEED_E_INVALID;
	for (; i < text.len; i++) {
		unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';

		if (digit > 9 || value > (bound - digit) / 10)
			return HEED_E_INVALID;
		value = value * 10 + digit;
	}
	*ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int
str_to_double(struct heed_str text, double *ret_value)
{
	char copy[64];
	char *end;
	double value;

	if (text.len == 0 || text.len >= sizeof(copy) || is_space(text.data[0]))
		return HEED_E_INVALID;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	errno = 0;
	value = strtod(copy, &end);
	if (end != copy + text.len || errno == ERANGE || !isfinite(value) ||
	    strpbrk(copy, "xX") != NULL)
		return HEED_E_INVALID;
	*ret_value = value;
	return 0;
}

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit durations[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

static const struct unit sizes[] = {
	{"", 1},
	{"B", 1},
	{"KB", 1000},
	{"KiB", 1024},
	{"MB", 1000000},
	{"MiB", 1024 * 1024},
	{"GB", 1000000000},
	{"GiB", 1024 * 1024 * 1024},
	{NULL, 0},
};

/* Take "12.5KiB" off the front of `*rest` and add its value to `*sum`. */
static int
take_quantity(struct heed_str *rest, const struct unit *units, double *sum)
{
	size_t digits = 0;
	size_t end;
	double number;
	struct heed_str name;

	while (digits < rest->len && strchr("0123456789.", rest->data[digits]) != NULL)
		digits++;
	for (end = digits; end < rest->len && lower(rest->data[end]) >= 'a' &&
	                   lower(rest->data[end]) <= 'z';
	     end++)
		;
	if (str_to_double(str_head(*rest, digits), &number) < 0)
		return HEED_E_INVALID;
	name = str_head(str_from(*rest, digits), end - digits);
	*rest = str_from(*rest, end);
	for (; units->name != NULL; units++) {
		if (str_is(name, units->name)) {
			*sum += number * (double)units->factor;
			return *sum < 9e15 ? 0 : HEED_E_INVALID;
		}
	}
	return HEED_E_INVALID;
}

int
str_to_duration(struct heed_str text, int64_t *ret_ms)
{
	double sum = 0;

	if (text.len == 0)
		return HEED_E_INVALID;
	if (str_is(text, "0"))
		text.len = 0;
	while (text.len > 0)
		HEED_TRY(take_quantity(&text, durations, &sum));
	*ret_ms = (int64_t)(sum + 0.5);
	return 0;
}

int
str_to_size(struct heed_str text, int64_t *ret_bytes)
{
	double sum = 0;

	HEED_TRY(take_quantity(&text, sizes, &sum));
	if (text.len > 0)
		return HEED_E_INVALID;
	*ret_bytes = (int64_t)(sum + 0.5);
	return 0;
}
