/*
 * error.c - see error.h.
 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct {
	int code;
	const char *name;
	const char *text;
} codes[] = {
#define X(name, number, text) {-(number), #name, text},
	HEED_ERRORS(X)
#undef X
};

const char *
heed_code_text(int code)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].text;
	return code == 0 ? "success" : "an unnamed failure";
}

const char *
heed_code_name(int code)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].name;
	return code == 0 ? "OK" : "UNNAMED";
}

/* vsnprintf that marks what it had to cut. */
static void
print(char *to, size_t size, const char *format, va_list args)
{
	int len = vsnprintf(to, size, format, args);

	if (len >= 0 && (size_t)len >= size)
		memcpy(to + size - 4, "...", 4);
}

int
error_set(struct heed_error *error, int code, const char *format, ...)
{
	va_list args;

	if (error == NULL)
		return code;
	error->code = code;
	error->where[0] = '\0';
	error->hint[0] = '\0';
	va_start(args, format);
	print(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

void
error_hint(struct heed_error *error, const char *format, ...)
{
	va_list args;

	if (error == NULL)
		return;
	va_start(args, format);
	print(error->hint, sizeof(error->hint), format, args);
	va_end(args);
}

void
error_where(struct heed_error *error, const char *format, ...)
{
	va_list args;

	if (error == NULL || error->where[0] != '\0')
		return;
	va_start(args, format);
	print(error->where, sizeof(error->where), format, args);
	va_end(args);
}

void
error_prefix(struct heed_error *error, const char *format, ...)
{
	struct heed_buf text;
	va_list args;

	if (error == NULL)
		return;
	buf_init(&text, 0);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	buf_adds(&text, ": ");
	buf_adds(&text, error->text);
	if (buf_error(&text) == 0) {
		struct heed_str head =
			str_head_utf8(buf_str(&text), sizeof(error->text) - 1);

		memcpy(error->text, head.data, head.len);
		error->text[head.len] = '\0';
	}
	buf_done(&text);
}

int
error_nomem(struct heed_error *error)
{
	return error_set(error, HEED_E_NOMEM, "out of memory");
}

#define NAME_MAX_LEN 63

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits that make `b` of `a`: a letter added, dropped, replaced, or swapped with its
 * neighbour. Names above NAME_MAX_LEN bytes count as far apart. */
static size_t
distance(struct heed_str a, struct heed_str b)
{
	size_t rows[3][NAME_MAX_LEN + 1]; /* of i - 2, i - 1 and i, in turn */
	size_t i;
	size_t j;

	if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN)
		return NAME_MAX_LEN + 1;
	for (j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (i = 1; i <= a.len; i++) {
		const size_t *before = rows[(i + 1) % 3];
		const size_t *last = rows[(i - 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (j = 1; j <= b.len; j++) {
			size_t best = last[j - 1] + (a.data[i - 1] != b.data[j - 1]);

			best = least(best, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
			    a.data[i - 2] == b.data[j - 1])
				best = least(best, before[j - 2] + 1);
			row[j] = best;
		}
	}
	return rows[a.len % 3][b.len];
}

/* `*best` is one more than the least distance so far. */
bool
error_nearer(struct heed_str name, struct heed_str other, size_t *best)
{
	size_t limit = *best > 0 ? *best - 1 : (name.len > 3 ? name.len / 3 : 1) + 1;
	size_t d = distance(name, other);

	/* Names of which nothing is the same are not near, however short. */
	if (d >= limit || (d > 0 && d >= name.len))
		return false;
	*best = d + 1;
	return true;
}

const char *
error_nearest(struct heed_str name, const char *const *names, size_t n)
{
	const char *near = NULL;
	size_t best = 0;

	for (size_t i = 0; i < n; i++)
		if (error_nearer(name, str_of(names[i]), &best))
			near = names[i];
	return near;
}
