/*
 * conf_syntax.c - what is wrong with a text that is no YAML, in words that help.
 *
 * libyaml says where its automaton stopped ("did not find expected key"); the table turns
 * that into what people did. Its own words stay where the table has none.
 */
#include <string.h>

#include "config/conf_local.h"

int
conf_fault(struct conf_reader *reader, int line, int column, const char *hint,
           const char *format, ...)
{
	struct conf_node at = {.file = reader->file, .line = line, .column = column};
	va_list args;
	int r;

	reader->flawed = true;
	va_start(args, format);
	r = conf_problem_args(reader->problems, &at, hint, format, args);
	va_end(args);
	return r;
}

struct words {
	const char *problem; /* libyaml's words, or how they start */
	const char *context; /* what it was doing, or NULL for anything */
	const char *text;
	const char *hint;
};

static const struct words dictionary[] = {
	{"found character that cannot start any token", NULL,
         "a text cannot start with this character", "put the text in quotes"},
	{"mapping values are not allowed in this context", NULL,
         "a \": \" is not expected here",
         "put a text with \": \" in it in quotes, or check the indentation"},
	{"did not find expected key", "while parsing a block mapping",
         "a key is expected here",
         "check the indentation, and the quotes before this place"},
	{"did not find expected ',' or '}'", NULL, "a \",\" or \"}\" is expected here",
         "a { is not closed, or a text with { } needs quotes"},
	{"did not find expected ',' or ']'", NULL, "a \",\" or \"]\" is expected here",
         "a [ is not closed, or a text with [ ] needs quotes"},
	{"did not find expected '-' indicator", NULL,
         "a list item (\"- ...\") is expected here", "check the indentation"},
	{"could not find expected ':'", NULL, "a \":\" is expected before this place",
         "every key needs a \": \"; a text of several lines needs | or quotes"},
	{"found unexpected end of stream", "while scanning a quoted scalar",
         "a quote is not closed", "the text ends before the closing quote"},
	{"found unknown escape character", NULL,
         "there is no such escape in double quotes",
         "write \\\\ for a backslash, or use single quotes"},
	{"did not find expected hexdecimal number", NULL,
         "hex digits are expected after \\x, \\u or \\U", NULL},
	{"found invalid Unicode character escape code", NULL,
         "this escape is no Unicode character",
         "write characters beyond U+FFFF as they are, or as \\U and eight digits"},
	{"block sequence entries are not allowed in this context", NULL,
         "a list item (\"- ...\") is not expected here",
         "start the list on a line of its own, and put a text that starts with \"- \" in "
         "quotes"},
	{"found a tab character", NULL, "a tab in the indentation",
         "YAML indents with spaces only"},
	{"exceeded maximum depth", NULL, "nested too deep", NULL},
	{"did not find expected <document start>", NULL,
         "a new document is not expected here", "check the indentation of this line"},
	{"did not find expected comment or line break", NULL,
         "only a comment may follow on this line",
         "after | or > the text starts on the next line"},
	{"did not find expected alphabetic or numeric character", NULL,
         "a name is expected after & or *",
         "put a text that starts with & or * in quotes"},
};

static const struct words *
look_up(const char *problem, const char *context)
{
	struct heed_str said = str_of(problem);
	size_t i;

	for (i = 0; i < sizeof(dictionary) / sizeof(dictionary[0]); i++) {
		const struct words *words = &dictionary[i];

		if (str_starts(said, words->problem) &&
		    (words->context == NULL ||
		     (context != NULL && strcmp(context, words->context) == 0)))
			return words;
	}
	return NULL;
}

/* Line `number`, 0-based, of the text. */
static struct heed_str
find_line(struct heed_str text, size_t number)
{
	struct heed_str line = str_cut(&text, '\n');

	for (; number > 0 && text.len > 0; number--)
		line = str_cut(&text, '\n');
	return number > 0 ? (struct heed_str){NULL, 0} : line;
}

/* The 1-based column of the first tab in a line's indentation, or 0. */
static int
find_tab(struct heed_str line)
{
	size_t i;

	for (i = 0; i < line.len && (line.data[i] == ' ' || line.data[i] == '\t'); i++)
		if (line.data[i] == '\t')
			return (int)i + 1;
	return 0;
}

/* Where the byte `offset` stands, 1-based, columns in characters. */
static void
locate(struct heed_str text, size_t offset, int *ret_line, int *ret_column)
{
	size_t i;

	*ret_line = 1;
	*ret_column = 1;
	for (i = 0; i < offset && i < text.len; i++) {
		if (text.data[i] == '\n') {
			(*ret_line)++;
			*ret_column = 1;
		} else if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
			(*ret_column)++;
		}
	}
}

/* The reader refuses characters that YAML does not allow. */
static int
character_fault(struct conf_reader *reader)
{
	int line;
	int column;

	locate(reader->text, reader->yaml.problem_offset, &line, &column);
	return conf_fault(reader, line, column,
	                  "in double quotes it can be written as \\x.. or \\u....",
	                  "the character U+%04X is not allowed in YAML",
	                  (unsigned)reader->yaml.problem_value);
}

int
conf_syntax_fault(struct conf_reader *reader)
{
	const yaml_parser_t *yaml = &reader->yaml;
	const struct words *words;
	int line = (int)yaml->problem_mark.line + 1;
	int column = (int)yaml->problem_mark.column + 1;
	int tab;

	if (yaml->error == YAML_MEMORY_ERROR || yaml->problem == NULL)
		return HEED_E_NOMEM;
	if (yaml->error == YAML_READER_ERROR)
		return character_fault(reader);
	tab = find_tab(find_line(reader->text, yaml->problem_mark.line));
	if (tab > 0)
		return conf_fault(reader, line, tab, "YAML indents with spaces only",
		                  "a tab in the indentation");
	words = look_up(yaml->problem, yaml->context);
	if (words == NULL)
		return conf_fault(reader, line, column, NULL, "%s", yaml->problem);
	/* An open quote is more useful than the end of the file. */
	if (strcmp(words->problem, "found unexpected end of stream") == 0) {
		line = (int)yaml->context_mark.line + 1;
		column = (int)yaml->context_mark.column + 1;
	}
	return conf_fault(reader, line, column, words->hint, "%s", words->text);
}

int
conf_check_utf8(struct conf_reader *reader)
{
	struct heed_str text = reader->text;
	size_t at = 0;
	int line;
	int column;

	if (str_utf8(text))
		return 0;
	while (at < text.len) {
		size_t len = 1;

		while (at + len < text.len &&
		       ((unsigned char)text.data[at + len] & 0xc0) == 0x80)
			len++;
		if (!str_utf8(str_head(str_from(text, at), len)))
			break;
		at += len;
	}
	locate(text, at, &line, &column);
	return conf_fault(reader, line, column, "save the file as UTF-8",
	                  "the byte 0x%02X is not valid UTF-8 here",
	                  (unsigned)(unsigned char)text.data[at < text.len ? at : 0]);
}
