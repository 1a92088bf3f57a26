/*
 * conf_place.c - where a character of a scalar's text stands in the file.
 *
 * An expression's error is at line 2, column 7 of its text; people look for it in the
 * file. In a literal block lines map to lines, after the indentation. On one line, plain
 * or in quotes, the source is walked a character of the text at a time. Whatever YAML
 * folds or ${} replaced keeps the place of the node.
 */
#include <string.h>

#include "config/conf.h"

static size_t
count_spaces(struct heed_str line)
{
	size_t n = 0;

	while (n < line.len && line.data[n] == ' ')
		n++;
	return n;
}

/* The first line of `text` that is not blank; its spaces, or 0 when all are blank. */
static size_t
first_indent(struct heed_str text)
{
	while (text.len > 0) {
		struct heed_str line = str_cut(&text, '\n');

		if (str_trim(line).len > 0)
			return count_spaces(line);
	}
	return 0;
}

static bool
place_block(const struct conf_node *node, int line, int column, int *ret_line,
            int *ret_column)
{
	struct heed_str body = node->source;
	size_t in_file;
	size_t in_text;

	if (node->source.data[0] != '|')
		return false;
	(void)str_cut(&body, '\n'); /* the header: |, |-, |2 ... */
	in_file = first_indent(body);
	in_text = first_indent(node->text);
	*ret_line = node->line + line;
	*ret_column = column + (int)(in_file > in_text ? in_file - in_text : 0);
	return true;
}

/* What makes one character of the text. */
struct piece {
	size_t size; /* bytes of the source */
	int width;   /* characters of the source */
	bool breaks; /* the character is a line break */
};

static struct piece
take_piece(struct heed_str rest, char quote)
{
	unsigned char byte = (unsigned char)rest.data[0];
	char escape;

	if (quote == '\'' && str_starts(rest, "''"))
		return (struct piece){2, 2, false};
	if (quote != '"' || byte != '\\' || rest.len < 2)
		return (struct piece){byte < 0x80   ? 1
		                      : byte < 0xe0 ? 2
		                      : byte < 0xf0 ? 3
		                                    : 4,
		                      1, false};
	escape = rest.data[1];
	if (escape == 'x')
		return (struct piece){4, 4, false};
	if (escape == 'u')
		return (struct piece){6, 6, false};
	if (escape == 'U')
		return (struct piece){10, 10, false};
	return (struct piece){2, 2, escape == 'n'};
}

/* Source that lies on one line; an escape \n starts a new line of the text there. */
static bool
place_line(const struct conf_node *node, int line, int column, int *ret_line,
           int *ret_column)
{
	char quote = node->quoted ? node->source.data[0] : '\0';
	struct heed_str rest = str_from(node->source, quote != '\0' ? 1 : 0);
	int file_column = node->column + (quote != '\0' ? 1 : 0);
	int at_line = 1;
	int at_column = 1;

	while (rest.len > 0 && !(at_line == line && at_column == column)) {
		struct piece piece = take_piece(rest, quote);

		file_column += piece.width;
		at_line += piece.breaks ? 1 : 0;
		at_column = piece.breaks ? 1 : at_column + 1;
		rest = str_from(rest, piece.size);
	}
	if (at_line != line)
		return false;
	*ret_line = node->line;
	*ret_column = file_column;
	return true;
}

bool
conf_place(const struct conf_node *node, int line, int column, int *ret_line,
           int *ret_column)
{
	*ret_line = node->line;
	*ret_column = node->column;
	if (node->kind != CONF_SCALAR || node->source.len == 0 || node->expanded ||
	    line < 1 || column < 1)
		return false;
	if (node->block)
		return place_block(node, line, column, ret_line, ret_column);
	if (str_find(node->source, '\n') < node->source.len)
		return false;
	return place_line(node, line, column, ret_line, ret_column);
}
