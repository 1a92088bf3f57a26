/*
 * buf.c - the buffer of str.h, and the encodings that append to it.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define MAX_DEFAULT ((size_t)64 * 1024 * 1024)

void
buf_init(struct heed_buf *buf, size_t max)
{
	*buf = (struct heed_buf){.max = max > 0 ? max : MAX_DEFAULT};
}

void
buf_done(struct heed_buf *buf)
{
	mem_free(buf->data);
	buf_init(buf, buf->max);
}

void
buf_reset(struct heed_buf *buf)
{
	buf->len = 0;
	buf->error = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

char *
buf_reserve(struct heed_buf *buf, size_t extra)
{
	size_t need;
	size_t cap;
	char *grown;

	if (buf->error != 0)
		return NULL;
	if (extra > buf->max || buf->len > buf->max - extra) {
		buf->error = HEED_E_LIMIT;
		return NULL;
	}
	need = buf->len + extra + 1;
	if (need <= buf->cap)
		return buf->data + buf->len;
	cap = buf->cap > 0 ? buf->cap : 256;
	while (cap < need)
		cap *= 2;
	grown = mem_resize(buf->data, cap);
	if (grown == NULL) {
		buf->error = HEED_E_NOMEM;
		return NULL;
	}
	buf->data = grown;
	buf->cap = cap;
	return buf->data + buf->len;
}

void
buf_commit(struct heed_buf *buf, size_t len)
{
	if (buf->data == NULL)
		return;
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
buf_cut(struct heed_buf *buf, size_t len)
{
	if (buf->data == NULL || len >= buf->len)
		return;
	buf->len = len;
	buf->data[len] = '\0';
}

void
buf_add(struct heed_buf *buf, struct heed_str text)
{
	char *to = buf_reserve(buf, text.len);

	if (to == NULL)
		return;
	if (text.len > 0)
		memcpy(to, text.data, text.len);
	buf_commit(buf, text.len);
}

void
buf_adds(struct heed_buf *buf, const char *text)
{
	buf_add(buf, str_of(text));
}

void
buf_addc(struct heed_buf *buf, char c)
{
	if (buf->len + 1 >= buf->cap || buf->len >= buf->max || buf->error != 0) {
		char *to = buf_reserve(buf, 1);

		if (to == NULL)
			return;
		*to = c;
		buf_commit(buf, 1);
		return;
	}
	buf->data[buf->len++] = c; /* most often there is room */
	buf->data[buf->len] = '\0';
}

void
buf_addv(struct heed_buf *buf, const char *format, va_list args)
{
	va_list again;
	int len;
	char *to;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	to = len < 0 ? NULL : buf_reserve(buf, (size_t)len);
	if (to != NULL) {
		(void)vsnprintf(to, (size_t)len + 1, format, again);
		buf_commit(buf, (size_t)len);
	}
	va_end(again);
}

void
buf_add_uint(struct heed_buf *buf, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_add(buf, (struct heed_str){digits + at, sizeof(digits) - at});
}

void
buf_add_int(struct heed_buf *buf, int64_t number)
{
	if (number < 0)
		buf_addc(buf, '-');
	buf_add_uint(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void
buf_addf(struct heed_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_addv(buf, format, args);
	va_end(args);
}

int
buf_error(const struct heed_buf *buf)
{
	return buf->error;
}

struct heed_str
buf_str(const struct heed_buf *buf)
{
	return (struct heed_str){buf->data, buf->len};
}

char *
buf_take(struct heed_buf *buf)
{
	char *data = buf->error != 0 || buf_reserve(buf, 0) == NULL ? NULL : buf->data;

	if (data == NULL) {
		buf_done(buf);
		return NULL;
	}
	data[buf->len] = '\0';
	buf_init(buf, buf->max);
	return data;
}

void
buf_add_hex(struct heed_buf *buf, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	char *to = len > buf->max / 2 ? NULL : buf_reserve(buf, len * 2);
	size_t i;

	if (to == NULL) {
		buf->error = buf->error != 0 ? buf->error : HEED_E_LIMIT;
		return;
	}
	for (i = 0; i < len; i++) {
		to[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		to[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	buf_commit(buf, len * 2);
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
buf_add_base64(struct heed_buf *buf, const void *data, size_t len)
{
	const unsigned char *in = data;
	size_t at;

	for (at = 0; at < len; at += 3) {
		size_t left = len - at;
		unsigned bits = (unsigned)in[at] << 16 |
		                (left > 1 ? (unsigned)in[at + 1] << 8 : 0) |
		                (left > 2 ? in[at + 2] : 0);
		char out[4] = {base64_digits[bits >> 18], base64_digits[bits >> 12 & 63],
		               left > 1 ? base64_digits[bits >> 6 & 63] : '=',
		               left > 2 ? base64_digits[bits & 63] : '='};

		buf_add(buf, (struct heed_str){out, 4});
	}
}

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

void
buf_add_urlencoded(struct heed_buf *buf, struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (is_unreserved(text.data[i]))
			buf_addc(buf, text.data[i]);
		else
			buf_addf(buf, "%%%02X", (unsigned char)text.data[i]);
	}
}

static int
base64_value(char c)
{
	const char *at;

	if (c == '-')
		c = '+';
	if (c == '_')
		c = '/';
	at = c != '\0' ? strchr(base64_digits, c) : NULL;
	return at != NULL ? (int)(at - base64_digits) : -1;
}

int
base64_decode(struct heed_buf *buf, struct heed_str text)
{
	unsigned bits = 0;
	int have = 0;
	size_t i;

	while (text.len > 0 && text.data[text.len - 1] == '=')
		text.len--;
	if (text.len % 4 == 1)
		return HEED_E_INVALID;
	for (i = 0; i < text.len; i++) {
		int value = base64_value(text.data[i]);

		if (value < 0)
			return HEED_E_INVALID;
		bits = bits << 6 | (unsigned)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_addc(buf, (char)(bits >> have & 0xff));
		}
	}
	return buf_error(buf);
}

int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
url_decode(struct heed_buf *buf, struct heed_str text, int plus_is_space)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '%') {
			int high = i + 2 < text.len ? hex_value(text.data[i + 1]) : -1;
			int low = i + 2 < text.len ? hex_value(text.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return HEED_E_INVALID;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		buf_addc(buf, c);
	}
	return buf_error(buf);
}
