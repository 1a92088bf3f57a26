/*
 * option_docs.c - reference documentation of option rows: a Markdown table with one line
 * an option, or a text for a terminal with options indented below what holds them.
 *
 * Options of options are named by their path: limits.in_flight, models.NAME.price.input,
 * budgets[].limit.
 */
#include <string.h>

#include "config/bind_local.h"

#define DEPTH_MAX 6
#define PATH_MAX_SIZE 512

struct docs {
	struct heed_buf *buf;
	bool markdown;
	int depth;
	struct heed_buf path; /* of the record that is being written, with its last dot */
};

/* Append what ends a table's cell or starts a tag as what it means in Markdown. */
static void
add_cell(struct heed_buf *buf, struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (text.data[i] == '|')
			buf_adds(buf, "\\|");
		else if (text.data[i] == '<')
			buf_adds(buf, "&lt;");
		else if (text.data[i] == '\n')
			buf_addc(buf, ' ');
		else
			buf_addc(buf, text.data[i]);
	}
}

/* "|" needs its backslash also inside code, "<" does not. */
static void
add_code(struct docs *docs, struct heed_str text)
{
	size_t i;

	if (docs->markdown)
		buf_addc(docs->buf, '`');
	for (i = 0; i < text.len; i++) {
		if (docs->markdown && text.data[i] == '|')
			buf_addc(docs->buf, '\\');
		buf_addc(docs->buf, text.data[i] == '\n' ? ' ' : text.data[i]);
	}
	if (docs->markdown)
		buf_addc(docs->buf, '`');
}

static void
add_bounds(struct docs *docs, const struct option *row)
{
	if (!option_has_bounds(row))
		return;
	if (option_has_max(row)) {
		buf_adds(docs->buf, ", ");
		option_number_write(docs->buf, row->kind, row->min);
		buf_adds(docs->buf, " to ");
		option_number_write(docs->buf, row->kind, row->max);
		return;
	}
	buf_adds(docs->buf, ", at least ");
	option_number_write(docs->buf, row->kind, row->min);
}

static void
add_kind(struct docs *docs, const struct option *row)
{
	size_t i;

	if (row->kind == OPTION_ENUM) {
		for (i = 0; row->names[i] != NULL; i++) {
			buf_adds(docs->buf, i > 0 ? ", " : "one of ");
			add_code(docs, str_of(row->names[i]));
		}
		return;
	}
	if (row->kind == OPTION_CUSTOM && row->names != NULL) {
		for (i = 0; row->names[i] != NULL; i++) {
			buf_adds(docs->buf, i > 0 ? " or " : "");
			buf_adds(docs->buf,
			         strcmp(row->names[i], "object") == 0   ? "mapping"
			         : strcmp(row->names[i], "array") == 0  ? "list"
			         : strcmp(row->names[i], "string") == 0 ? "text"
			                                                : row->names[i]);
		}
		return;
	}
	buf_adds(docs->buf, bind_kinds[row->kind].name);
	if ((row->flags & OPTION_REFERENCE) && row->names != NULL) {
		buf_adds(docs->buf, ", a name under ");
		add_code(docs, str_of(row->names[0]));
	}
	add_bounds(docs, row);
}

/* "required", the default, or nothing. */
static void
add_default(struct docs *docs, const struct option *row, const char *lead)
{
	if (row->flags & OPTION_REQUIRED) {
		buf_addf(docs->buf, "%srequired", lead);
	} else if (row->fallback != NULL) {
		buf_addf(docs->buf, "%s%s", lead, docs->markdown ? "" : "default ");
		add_code(docs, row->fallback[0] != '\0' ? str_of(row->fallback)
		                                        : HEED_STR("\"\""));
	}
}

static void
add_markdown(struct docs *docs, const struct option *row)
{
	buf_adds(docs->buf, "| `");
	buf_add(docs->buf, buf_str(&docs->path));
	buf_addf(docs->buf, "%s` | ", row->name);
	add_kind(docs, row);
	buf_adds(docs->buf, " | ");
	add_default(docs, row, "");
	buf_adds(docs->buf, " | ");
	add_cell(docs->buf, str_of(row->help));
	buf_adds(docs->buf, " |\n");
}

/* Append words, wrapped before column 80. */
static void
add_wrapped(struct docs *docs, struct heed_str text, int indent)
{
	size_t column = 0;

	while (text.len > 0) {
		struct heed_str word = str_cut(&text, ' ');

		if (column == 0 || column + 1 + word.len > 80) {
			buf_addf(docs->buf, "%s%*s", column > 0 ? "\n" : "", indent, "");
			column = (size_t)indent;
		} else {
			buf_addc(docs->buf, ' ');
			column++;
		}
		buf_add(docs->buf, word);
		column += word.len;
	}
	buf_addc(docs->buf, '\n');
}

static void
add_text(struct docs *docs, const struct option *row)
{
	int indent = docs->depth * 4;

	buf_addf(docs->buf, "%*s%s  (", indent, "", row->name);
	add_kind(docs, row);
	add_default(docs, row, "; ");
	buf_adds(docs->buf, ")\n");
	if (row->help != NULL)
		add_wrapped(docs, str_of(row->help), indent + 4);
}

/* What stands between an option's name and its own options; NULL when it has none. */
static const char *
find_link(const struct option *row)
{
	if (row->rows == NULL)
		return NULL;
	if (row->kind == OPTION_LIST)
		return "[].";
	if (row->kind == OPTION_MAP ||
	    (row->kind == OPTION_CUSTOM && (row->flags & OPTION_NAMED)))
		return ".NAME.";
	return ".";
}

static void
add_rows(struct docs *docs, const struct option *rows)
{
	for (; rows->kind != OPTION_END; rows++) {
		const char *link = find_link(rows);
		size_t len = docs->path.len;

		if (docs->markdown)
			add_markdown(docs, rows);
		else
			add_text(docs, rows);
		if (link == NULL || docs->depth >= DEPTH_MAX)
			continue;
		buf_addf(&docs->path, "%s%s", rows->name, link);
		docs->depth++;
		add_rows(docs, rows->rows);
		docs->depth--;
		buf_cut(&docs->path, len);
	}
}

void
option_docs_write(struct heed_buf *buf, const struct option *rows, int markdown)
{
	struct docs docs = {.buf = buf, .markdown = markdown != 0};

	buf_init(&docs.path, PATH_MAX_SIZE);
	if (docs.markdown)
		buf_adds(buf,
		         "| option | kind | default | meaning |\n|---|---|---|---|\n");
	add_rows(&docs, rows);
	buf_done(&docs.path);
}
