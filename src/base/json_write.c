/*
 * json_write.c - JSON values as text.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* How a byte is written: 0 as it is, 'u' as \u00XX, any other letter after a backslash.
 */
static const char escapes[256] = {
	['\b'] = 'b', ['\t'] = 't',  ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	['"'] = '"',  ['\\'] = '\\', [0] = 'u',    [1] = 'u',    [2] = 'u',
	[3] = 'u',    [4] = 'u',     [5] = 'u',    [6] = 'u',    [7] = 'u',
	[11] = 'u',   [14] = 'u',    [15] = 'u',   [16] = 'u',   [17] = 'u',
	[18] = 'u',   [19] = 'u',    [20] = 'u',   [21] = 'u',   [22] = 'u',
	[23] = 'u',   [24] = 'u',    [25] = 'u',   [26] = 'u',   [27] = 'u',
	[28] = 'u',   [29] = 'u',    [30] = 'u',   [31] = 'u',   [127] = 'u',
};

/* May any of the eight bytes have to be escaped? Control characters are below 0x20, the
 * others equal one of three; a byte of a longer sequence never does. */
static bool
is_special(const char *eight)
{
	const uint64_t ones = 0x0101010101010101u;
	const uint64_t highs = 0x80 * ones;
	uint64_t x, quote, slash, del;

	memcpy(&x, eight, sizeof(x));
	quote = x ^ ('"' * ones);
	slash = x ^ ('\\' * ones);
	del = x ^ (0x7f * ones);
	return (((x - 0x20 * ones) | (quote - ones) | (slash - ones) | (del - ones)) &
	        ~x & highs) != 0;
}

/* Where the first byte from `i` on is that has to be escaped. */
static size_t
find_special(struct heed_str text, size_t i)
{
	while (i + 8 <= text.len && !is_special(text.data + i))
		i += 8;
	while (i < text.len && escapes[(unsigned char)text.data[i]] == 0)
		i++;
	return i;
}

static void
write_escaped(struct heed_buf *buf, struct heed_str text)
{
	size_t start = 0;
	size_t i;

	for (i = find_special(text, 0); i < text.len; i = find_special(text, start)) {
		unsigned char c = (unsigned char)text.data[i];

		buf_add(buf, (struct heed_str){text.data + start, i - start});
		start = i + 1;
		buf_addc(buf, '\\');
		if (escapes[c] == 'u')
			buf_addf(buf, "u%04x", c);
		else
			buf_addc(buf, escapes[c]);
	}
	buf_add(buf, str_from(text, start));
}

/* Replace what is not UTF-8, byte by byte. */
static void
write_mended(struct heed_buf *buf, struct heed_str text)
{
	while (text.len > 0) {
		size_t len = 1;

		while (len <= 4 && len <= text.len && !str_utf8(str_head(text, len)))
			len++;
		if (len <= 4 && len <= text.len) {
			write_escaped(buf, str_head(text, len));
		} else {
			len = 1;
			buf_adds(buf, "\xef\xbf\xbd");
		}
		text = str_from(text, len);
	}
}

void
json_write_string(struct heed_buf *buf, struct heed_str text)
{
	buf_addc(buf, '"');
	if (str_utf8(text))
		write_escaped(buf, text);
	else
		write_mended(buf, text);
	buf_addc(buf, '"');
}

void
json_write_real(struct heed_buf *buf, double value)
{
	char text[40];
	int digits;

	for (digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_adds(buf, text);
}

static void
new_line(struct heed_buf *buf, enum json_style style, int level)
{
	if (style != JSON_PRETTY)
		return;
	buf_addc(buf, '\n');
	while (level-- > 0)
		buf_adds(buf, "  ");
}

static void write_value(struct heed_buf *buf, struct heed_json value,
                        enum json_style style, int level);

static void
write_member(struct heed_buf *buf, const struct heed_member *member,
             enum json_style style, int level)
{
	new_line(buf, style, level);
	json_write_string(buf, member->name);
	buf_adds(buf, style == JSON_PRETTY ? ": " : ":");
	write_value(buf, member->value, style, level);
}

/* The member whose name comes next after `last` in byte order. Quadratic, for small
 * objects and without memory. */
static const struct heed_member *
next_member(struct heed_json object, const struct heed_member *last)
{
	const struct heed_member *best = NULL;
	uint32_t i;

	for (i = 0; i < object.len; i++) {
		const struct heed_member *member = &object.members[i];

		if (last != NULL && str_cmp(member->name, last->name) <= 0)
			continue;
		if (best == NULL || str_cmp(member->name, best->name) < 0)
			best = member;
	}
	return best;
}

static void
write_object(struct heed_buf *buf, struct heed_json value, enum json_style style,
             int level)
{
	const struct heed_member *member = NULL;
	uint32_t i;

	buf_addc(buf, '{');
	for (i = 0; i < value.len; i++) {
		if (i > 0)
			buf_addc(buf, ',');
		member = style == JSON_CANONICAL ? next_member(value, member)
		                                 : &value.members[i];
		write_member(buf, member, style, level + 1);
	}
	if (value.len > 0)
		new_line(buf, style, level);
	buf_addc(buf, '}');
}

static void
write_array(struct heed_buf *buf, struct heed_json value, enum json_style style,
            int level)
{
	uint32_t i;

	buf_addc(buf, '[');
	for (i = 0; i < value.len; i++) {
		if (i > 0)
			buf_addc(buf, ',');
		new_line(buf, style, level + 1);
		write_value(buf, value.items[i], style, level + 1);
	}
	if (value.len > 0)
		new_line(buf, style, level);
	buf_addc(buf, ']');
}

static void
write_value(struct heed_buf *buf, struct heed_json value, enum json_style style,
            int level)
{
	switch (value.kind) {
	case HEED_NULL:
		buf_adds(buf, "null");
		break;
	case HEED_BOOL:
		buf_adds(buf, value.boolean ? "true" : "false");
		break;
	case HEED_INT:
		buf_add_int(buf, value.i64);
		break;
	case HEED_UINT:
		buf_add_uint(buf, value.u64);
		break;
	case HEED_REAL:
		json_write_real(buf, value.f64);
		break;
	case HEED_STRING:
		json_write_string(buf, json_text(value));
		break;
	case HEED_ARRAY:
		write_array(buf, value, style, level);
		break;
	default:
		write_object(buf, value, style, level);
		break;
	}
}

void
json_write(struct heed_buf *buf, struct heed_json value, enum json_style style)
{
	write_value(buf, value, style, 0);
}

struct heed_str
json_text_of(struct arena *arena, struct heed_json value)
{
	struct heed_str text = {NULL, 0};
	struct heed_buf buf;

	buf_init(&buf, 0);
	json_write(&buf, value, JSON_COMPACT);
	if (buf_error(&buf) == 0)
		text = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return text;
}
