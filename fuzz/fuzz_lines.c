/*
 * fuzz_lines.c - any bytes as lines: what is found does not depend on how the bytes are
 * cut into pieces, and no line is longer than allowed.
 *
 * The first two bytes give the longest line and the length of a piece.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/str.h"
#include "source/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of a line that is too long, how much is seen depends on the pieces. */
static void
note(struct heed_buf *found, const struct lines *lines, enum lines_found what,
     struct heed_str text)
{
	assert(text.len <= lines->line_max);
	assert(str_find(text, '\n') == text.len);
	buf_addf(found, "%lld %d %.*s\n", (long long)lines->line, (int)what,
	         STR_ARG(what == LINES_ONE ? text : HEED_STR("")));
}

static void
take_all(struct lines *lines, struct heed_buf *found)
{
	struct heed_str text;
	enum lines_found what;

	while ((what = lines_next(lines, &text)) != LINES_NONE)
		note(found, lines, what, text);
}

static void
read_in_pieces(struct heed_str all, size_t line_max, size_t piece, struct heed_buf *found)
{
	struct lines lines = {.line_max = line_max, .rest = str_head(all, 0)};
	size_t seen = 0;

	while (!lines.at_end) {
		size_t used = (size_t)(lines.rest.data - all.data);

		seen = piece < all.len - seen ? seen + piece : all.len;
		lines.at_end = seen == all.len;
		lines.rest = str_from(str_head(all, seen), used);
		take_all(&lines, found);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str all = {(const char *)data + 2, size - 2};
	struct heed_buf whole;
	struct heed_buf pieces;

	if (size < 3)
		return 0;
	buf_init(&whole, 0);
	buf_init(&pieces, 0);
	read_in_pieces(all, data[0], all.len, &whole);
	read_in_pieces(all, data[0], (size_t)data[1] + 1, &pieces);
	assert(buf_error(&whole) == 0);
	assert(str_eq(buf_str(&whole), buf_str(&pieces)));
	buf_done(&whole);
	buf_done(&pieces);
	return 0;
}
