/*
 * sql_text.c - see sql_text.h.
 *
 * One scanner for the dialects: '...' and E'...\'...', "...", `...`, $tag$...$tag$,
 * comments (nested, as PostgreSQL has them), and :: as a cast.
 */
#include "action/sql_text.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"

struct reader {
	struct arena *arena;
	struct heed_str text;
	size_t at;
	size_t copied; /* the text up to here is in `out` */
	struct heed_buf out;
	struct heed_str names[SQL_NAMES_MAX];
	size_t n_names;
	struct heed_str first; /* word */
	bool ended;            /* a semicolon was there */
	bool some;             /* there is a statement */
	struct heed_error *error;
};

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c & 0x80) != 0;
}

static bool
is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* The byte `ahead` of the place, or NUL. */
static char
peek(const struct reader *reader, size_t ahead)
{
	size_t at = reader->at + ahead;

	return at < reader->text.len ? reader->text.data[at] : '\0';
}

static int
unclosed(struct reader *reader, size_t start, const char *what)
{
	return error_set(reader->error, HEED_E_CONFIG, "the %s at %.*s is not closed",
	                 what, STR_ARG(str_head_utf8(str_from(reader->text, start), 20)));
}

/* Behind the quote that closes the one at the place; a doubled one does not. */
static int
skip_quoted(struct reader *reader, bool escapes)
{
	size_t start = reader->at;
	char quote = peek(reader, 0);

	for (reader->at++; reader->at < reader->text.len; reader->at++) {
		if (escapes && peek(reader, 0) == '\\') {
			reader->at++;
		} else if (peek(reader, 0) == quote) {
			reader->at++;
			if (peek(reader, 0) != quote)
				return 0;
		}
	}
	return unclosed(reader, start, "quote");
}

static int
skip_comment(struct reader *reader)
{
	size_t start = reader->at;
	int depth = 0;

	while (reader->at < reader->text.len) {
		if (peek(reader, 0) == '/' && peek(reader, 1) == '*') {
			depth++;
			reader->at += 2;
		} else if (peek(reader, 0) == '*' && peek(reader, 1) == '/') {
			reader->at += 2;
			if (--depth == 0)
				return 0;
		} else {
			reader->at++;
		}
	}
	return unclosed(reader, start, "comment");
}

static void
skip_line(struct reader *reader)
{
	reader->at += str_find(str_from(reader->text, reader->at), '\n');
}

/* $1, or $tag$ ... $tag$, or a dollar alone. */
static int
read_dollar(struct reader *reader)
{
	size_t start = reader->at;
	struct heed_str rest;
	struct heed_str tag;
	size_t len = 1;
	size_t end;

	if (peek(reader, 1) >= '0' && peek(reader, 1) <= '9') {
		(void)error_set(reader->error, HEED_E_CONFIG,
		                "write :name for a value, not $1");
		return HEED_E_CONFIG;
	}
	while (is_word(peek(reader, len)))
		len++;
	if (peek(reader, len) != '$') {
		reader->at++;
		return 0;
	}
	tag = str_head(str_from(reader->text, start), len + 1);
	rest = str_from(reader->text, start + tag.len);
	end = str_search(rest, tag);
	if (end == rest.len)
		return unclosed(reader, start, "quote");
	reader->at = start + 2 * tag.len + end;
	return 0;
}

/* The number of a name, from 1; 0 when there are too many. */
static size_t
number_of(struct reader *reader, struct heed_str name)
{
	size_t i;

	for (i = 0; i < reader->n_names; i++)
		if (str_eq(reader->names[i], name))
			return i + 1;
	if (reader->n_names == SQL_NAMES_MAX)
		return 0;
	reader->names[reader->n_names++] = name;
	return reader->n_names;
}

/* A colon: a cast, a name, or something of the dialect. */
static int
read_colon(struct reader *reader)
{
	struct heed_str name;
	size_t number;
	size_t len = 1;

	if (peek(reader, 1) == ':' || !is_letter(peek(reader, 1))) {
		reader->at += peek(reader, 1) == ':' ? 2 : 1;
		return 0;
	}
	while (is_word(peek(reader, len)))
		len++;
	name = str_head(str_from(reader->text, reader->at + 1), len - 1);
	number = number_of(reader, name);
	if (number == 0)
		return error_set(reader->error, HEED_E_CONFIG,
		                 "the statement has more than %d values", SQL_NAMES_MAX);
	buf_add(&reader->out, str_head(str_from(reader->text, reader->copied),
	                               reader->at - reader->copied));
	buf_addf(&reader->out, "$%zu", number);
	reader->at += len;
	reader->copied = reader->at;
	return 0;
}

static int
read_word(struct reader *reader)
{
	size_t start = reader->at;
	struct heed_str word;

	while (is_word(peek(reader, 0)))
		reader->at++;
	word = str_head(str_from(reader->text, start), reader->at - start);
	if (reader->first.len == 0)
		reader->first = word;
	if (peek(reader, 0) == '\'' && str_is_nocase(word, "e"))
		return skip_quoted(reader, true);
	return 0;
}

/* Space and comments, which are no part of a statement. */
static bool
read_space(struct reader *reader, int *ret_r)
{
	char c = peek(reader, 0);

	*ret_r = 0;
	if (c == '-' && peek(reader, 1) == '-')
		skip_line(reader);
	else if (c == '/' && peek(reader, 1) == '*')
		*ret_r = skip_comment(reader);
	else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f')
		reader->at++;
	else
		return false;
	return true;
}

static int
read_token(struct reader *reader)
{
	char c = peek(reader, 0);

	if (c == '\0')
		return error_set(reader->error, HEED_E_CONFIG,
		                 "the statement holds a NUL byte");
	if (c == ';') {
		reader->ended = reader->some;
		reader->at++;
		return 0;
	}
	if (reader->ended) {
		(void)error_set(reader->error, HEED_E_CONFIG,
		                "there is more than one statement");
		error_hint(reader->error, "make each an action of its own");
		return HEED_E_CONFIG;
	}
	reader->some = true;
	if (c == '\'' || c == '"' || c == '`')
		return skip_quoted(reader, false);
	if (c == '$')
		return read_dollar(reader);
	if (c == ':')
		return read_colon(reader);
	if (is_word(c))
		return read_word(reader);
	reader->at++;
	return 0;
}

static int
check_first(const struct reader *reader)
{
	static const char *const words[] = {"begin",     "start",   "commit",
	                                    "end",       "abort",   "rollback",
	                                    "savepoint", "release", "prepare"};
	size_t i;

	if (!reader->some)
		return error_set(reader->error, HEED_E_CONFIG, "there is no statement");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!str_is_nocase(reader->first, words[i]))
			continue;
		(void)error_set(reader->error, HEED_E_CONFIG,
		                "\"%.*s\" is no statement for here: each action is a "
		                "transaction of its own",
		                STR_ARG(reader->first));
		return HEED_E_CONFIG;
	}
	return 0;
}

static int
read_all(struct reader *reader)
{
	int r = 0;

	while (reader->at < reader->text.len && r == 0)
		if (!read_space(reader, &r))
			r = read_token(reader);
	return r < 0 ? r : check_first(reader);
}

static int
finish(struct reader *reader, struct sql_text *ret_sql)
{
	struct heed_str *names =
		ARENA_ARRAY(reader->arena, struct heed_str, reader->n_names + 1);
	struct heed_str positional;

	buf_add(&reader->out, str_from(reader->text, reader->copied));
	if (buf_error(&reader->out) != 0 || names == NULL)
		return error_nomem(reader->error);
	positional = arena_str(reader->arena, buf_str(&reader->out));
	if (positional.data == NULL)
		return error_nomem(reader->error);
	if (reader->n_names > 0)
		memcpy(names, reader->names, reader->n_names * sizeof(*names));
	*ret_sql = (struct sql_text){names, reader->n_names, positional};
	return 0;
}

int
sql_text_read(struct arena *arena, struct heed_str text, struct sql_text *ret_sql,
              struct heed_error *error)
{
	struct reader *reader = ARENA_NEW(arena, struct reader);
	int r;

	if (reader == NULL)
		return error_nomem(error);
	reader->arena = arena;
	reader->text = text;
	reader->error = error;
	buf_init(&reader->out, 0);
	r = read_all(reader);
	if (r == 0)
		r = finish(reader, ret_sql);
	buf_done(&reader->out);
	return r;
}
