/*
 * lines.c - see lines.h.
 */
#include "source/lines.h"

#include "base/str.h"

static void
advance(struct lines *lines, size_t len)
{
	lines->rest = str_from(lines->rest, len);
}

static struct heed_str
without_return(struct heed_str line)
{
	return str_ends(line, "\r") ? str_head(line, line.len - 1) : line;
}

/* Drop the tail of a line that was too long; false when its end is not here yet. */
static bool
skip(struct lines *lines)
{
	size_t end = str_find(lines->rest, '\n');

	if (end == lines->rest.len) {
		advance(lines, end);
		return false;
	}
	advance(lines, end + 1);
	lines->skipping = false;
	return true;
}

/* A line whose end is not here: is it too long already? */
static enum lines_found
unfinished(struct lines *lines, struct heed_str *ret_text)
{
	if (without_return(lines->rest).len > lines->line_max) {
		*ret_text = str_head(lines->rest, lines->line_max);
		advance(lines, lines->rest.len);
		lines->line++;
		lines->skipping = true;
		return LINES_TOO_LONG;
	}
	if (!lines->at_end || lines->rest.len == 0)
		return LINES_NONE;
	*ret_text = lines_take_rest(lines);
	return str_trim(*ret_text).len > 0 ? LINES_ONE : LINES_NONE;
}

enum lines_found
lines_next(struct lines *lines, struct heed_str *ret_text)
{
	if (lines->skipping && !skip(lines))
		return LINES_NONE;
	for (;;) {
		size_t end = str_find(lines->rest, '\n');
		struct heed_str text;

		if (end == lines->rest.len)
			return unfinished(lines, ret_text);
		text = without_return(str_head(lines->rest, end));
		advance(lines, end + 1);
		lines->line++;
		if (text.len > lines->line_max) {
			*ret_text = str_head(text, lines->line_max);
			return LINES_TOO_LONG;
		}
		if (str_trim(text).len == 0)
			continue;
		*ret_text = text;
		return LINES_ONE;
	}
}

struct heed_str
lines_take_rest(struct lines *lines)
{
	struct heed_str text = without_return(lines->rest);

	advance(lines, lines->rest.len);
	lines->line++;
	return text;
}
