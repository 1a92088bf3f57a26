/*
 * expr_text.c - jq's tostring, and the excerpts in its messages.
 *
 * Compact JSON in jq's own spelling (1e-05, \u007f), except that whole numbers of 64 bits
 * keep all their digits. The text is made twice: once to count its bytes, once into its
 * place, so that nothing but the arena is used.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/json.h"

#define NUMBER_SIZE 40

/* Where text goes: bytes beyond `max` are counted, not kept, and enough when there are
 * more than `enough`. */
struct out {
	char *data;
	size_t max;
	size_t len;
	size_t enough;
};

static void
put(struct out *out, const char *data, size_t len)
{
	if (out->len < out->max) {
		size_t room = out->max - out->len;

		memcpy(out->data + out->len, data, len < room ? len : room);
	}
	out->len += len;
}

static void
put_str(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

/* The fewest digits that read back as `value` (positive), and where its point is: the
 * number is 0.DIGITS times ten to the power of the result. */
static int
shortest(double value, char digits[NUMBER_SIZE])
{
	char text[NUMBER_SIZE];
	size_t len = 0;

	/* Fifteen digits are always kept; denormal numbers have fewer. */
	for (int n = value < 2.3e-308 ? 1 : 15; n <= 17; n++) {
		(void)snprintf(text, sizeof(text), "%.*e", n - 1, value);
		if (strtod(text, NULL) == value)
			break;
	}
	for (const char *c = text; *c != 'e'; c++) {
		if (*c != '.')
			digits[len++] = *c;
	}
	while (len > 1 && digits[len - 1] == '0')
		len--;
	digits[len] = '\0';
	return (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
}

/* Digits with the point behind the first `point` of them, padded with zeros. */
static void
put_plain(struct out *out, const char *digits, int n, int point)
{
	if (point <= 0) {
		put_str(out, "0.");
		for (int i = point; i < 0; i++)
			put(out, "0", 1);
		put(out, digits, (size_t)n);
		return;
	}
	for (int i = 0; i < point || i < n; i++) {
		if (i == point)
			put(out, ".", 1);
		put(out, i < n ? digits + i : "0", 1);
	}
}

static void
put_real(struct out *out, double value)
{
	char digits[NUMBER_SIZE], power[16];
	int n, point;

	if (signbit(value))
		put(out, "-", 1);
	if (value == 0) {
		put(out, "0", 1);
		return;
	}
	point = shortest(fabs(value), digits);
	n = (int)strlen(digits);
	if (point > -4 && point <= n + 15) {
		put_plain(out, digits, n, point);
		return;
	}
	put(out, digits, 1);
	if (n > 1)
		put(out, ".", 1);
	put(out, digits + 1, (size_t)n - 1);
	(void)snprintf(power, sizeof(power), "e%c%02d", point > 0 ? '+' : '-',
	               abs(point - 1));
	put_str(out, power);
}

static void
put_whole(struct out *out, struct heed_json value)
{
	bool negative = value.kind == HEED_INT && value.i64 < 0;
	uint64_t rest = value.u64;
	char text[24];
	size_t at = sizeof(text);

	if (value.kind == HEED_INT)
		rest = negative ? 0 - (uint64_t)value.i64 : (uint64_t)value.i64;
	do {
		text[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (negative)
		text[--at] = '-';
	put(out, text + at, sizeof(text) - at);
}

static void
put_string(struct out *out, struct heed_str text)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	size_t kept = 0;

	put(out, "\"", 1);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		const char *found = c != '\0' ? strchr(from, c) : NULL;
		char escape[8];

		if (found == NULL && c >= 32 && c != 127)
			continue;
		put(out, text.data + kept, i - kept);
		kept = i + 1;
		if (found != NULL)
			(void)snprintf(escape, sizeof(escape), "\\%c", to[found - from]);
		else
			(void)snprintf(escape, sizeof(escape), "\\u%04x", c);
		put_str(out, escape);
	}
	if (kept < text.len)
		put(out, text.data + kept, text.len - kept);
	put(out, "\"", 1);
}

static void put_value(struct out *out, struct heed_json value, unsigned depth);

static void
put_items(struct out *out, struct heed_json value, unsigned depth)
{
	put(out, value.kind == HEED_ARRAY ? "[" : "{", 1);
	for (uint32_t i = 0; i < value.len && out->len <= out->enough; i++) {
		if (i > 0)
			put(out, ",", 1);
		if (value.kind == HEED_ARRAY) {
			put_value(out, value.items[i], depth + 1);
			continue;
		}
		put_string(out, value.members[i].name);
		put(out, ":", 1);
		put_value(out, value.members[i].value, depth + 1);
	}
	put(out, value.kind == HEED_ARRAY ? "]" : "}", 1);
}

static void
put_value(struct out *out, struct heed_json value, unsigned depth)
{
	switch (value.kind) {
	case HEED_NULL:
		put_str(out, "null");
		break;
	case HEED_BOOL:
		put_str(out, value.boolean ? "true" : "false");
		break;
	case HEED_INT:
	case HEED_UINT:
		put_whole(out, value);
		break;
	case HEED_REAL:
		put_real(out, value.f64);
		break;
	case HEED_STRING:
		put_string(out, json_text(value));
		break;
	default:
		if (depth > 4 * JSON_DEPTH_MAX) /* made by expressions, not read */
			put_str(out, "null");
		else
			put_items(out, value, depth);
	}
}

int
expr_tostring(struct eval *eval, struct heed_json value, struct heed_str *ret_text)
{
	struct out out = {.enough = EXPR_STRING_MAX};
	char number[NUMBER_SIZE];

	if (value.kind == HEED_STRING) {
		*ret_text = json_text(value);
		return 0;
	}
	if (json_is_number(value))
		out = (struct out){number, sizeof(number), 0, SIZE_MAX};
	put_value(&out, value, 0);
	if (out.len > EXPR_STRING_MAX)
		return error_set(eval->error, HEED_E_LIMIT,
		                 "the string would have more than %u bytes",
		                 EXPR_STRING_MAX);
	if (json_is_number(value)) {
		*ret_text = arena_str(eval->arena, (struct heed_str){number, out.len});
		return ret_text->data != NULL ? 0 : error_nomem(eval->error);
	}
	out.max = out.len;
	out.len = 0;
	out.data = arena_alloc(eval->arena, out.max);
	if (out.data == NULL)
		return error_nomem(eval->error);
	put_value(&out, value, 0);
	*ret_text = (struct heed_str){out.data, out.len};
	return 0;
}

const char *
expr_brief(char place[EXPR_BRIEF_SIZE], struct heed_json value)
{
	struct out out = {place, EXPR_BRIEF_SIZE - 1, 0, EXPR_BRIEF_SIZE};
	size_t len;

	put_value(&out, value, 0);
	len = out.len < out.max ? out.len : out.max;
	place[len] = '\0';
	if (out.len > out.max) {
		size_t cut = str_head_utf8((struct heed_str){place, len}, len - 3).len;

		memcpy(place + cut, "...", 4);
	}
	return place;
}
