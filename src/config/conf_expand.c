/*
 * conf_expand.c - ${NAME}, ${NAME:-default} and ${file:/path} in scalars.
 *
 * Replaced text is not looked at again: a variable's content cannot name another
 * variable. Everything is made from `raw`, so a scalar that stands behind several aliases
 * is no trouble.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/conf.h"

#define FILE_MAX (1024 * 1024)
#define NESTING_MAX 8

struct expander {
	struct arena *arena;
	struct conf_problems *problems;
	const struct conf_node *node; /* being expanded */
	struct heed_buf buf;
	int r; /* the worst so far */
};

static void expand_text(struct expander *expander, struct heed_str text, int nesting);

static void fail(struct expander *expander, const char *hint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
fail(struct expander *expander, const char *hint, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = conf_problem_args(expander->problems, expander->node, hint, format, args);
	va_end(args);
	if (expander->r != HEED_E_NOMEM)
		expander->r = r;
}

static bool
is_name(struct heed_str name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.data[i];
		bool letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.len > 0;
}

/* Length up to the "}" that closes the "${" before `text`; text.len when there is none.
 */
static size_t
find_close(struct heed_str text)
{
	size_t open = 1;
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (text.data[i] == '}' && --open == 0)
			return i;
		if (str_starts(str_from(text, i), "${")) {
			open++;
			i++;
		}
	}
	return text.len;
}

/* The file's content into the buffer, from where it was; -1 with errno. */
static int
read_all(int fd, struct heed_buf *buf)
{
	size_t start = buf->len;
	struct stat about;

	if (fstat(fd, &about) < 0)
		return -1;
	if (!S_ISREG(about.st_mode)) {
		errno = S_ISDIR(about.st_mode) ? EISDIR : EINVAL;
		return -1;
	}
	for (;;) {
		char *to = buf_reserve(buf, 4096);
		ssize_t got = to != NULL ? read(fd, to, 4096) : 0;

		if (got < 0)
			return -1;
		if (got == 0)
			return 0;
		buf_commit(buf, (size_t)got);
		if (buf->len - start > FILE_MAX) {
			errno = EFBIG;
			return -1;
		}
	}
}

/* A relative path starts where the configuration file stands. */
static const char *
find_path(struct expander *expander, struct heed_str path)
{
	const char *file = expander->node->file;
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (str_starts(path, "/") || slash == NULL)
		return arena_cstr(expander->arena, path);
	return arena_printf(expander->arena, "%.*s/%.*s", (int)(slash - file), file,
	                    STR_ARG(path))
	        .data;
}

static void
add_file(struct expander *expander, struct heed_str path)
{
	const char *name = find_path(expander, path);
	size_t start = expander->buf.len;
	struct heed_str content;
	int fd;

	if (name == NULL) {
		expander->r = HEED_E_NOMEM;
		return;
	}
	/* A pipe must not hold the start up. */
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || read_all(fd, &expander->buf) < 0) {
		fail(expander, errno == EINVAL ? "it must be a regular file" : NULL,
		     "cannot read the file %s: %s", name, strerror(errno));
		buf_cut(&expander->buf, start);
	}
	if (fd >= 0)
		(void)close(fd);
	content = str_from(buf_str(&expander->buf), start);
	if (str_ends(content, "\r\n"))
		buf_cut(&expander->buf, expander->buf.len - 2);
	else if (str_ends(content, "\n"))
		buf_cut(&expander->buf, expander->buf.len - 1);
	if (!str_utf8(str_from(buf_str(&expander->buf), start))) {
		fail(expander, NULL, "the file %s is not valid UTF-8", name);
		buf_cut(&expander->buf, start);
	}
}

static void
add_variable(struct expander *expander, struct heed_str name,
             const struct heed_str *fallback, int nesting)
{
	char *key = arena_cstr(expander->arena, name);
	const char *value;

	if (key == NULL) {
		expander->r = HEED_E_NOMEM;
		return;
	}
	value = getenv(key);
	if (fallback != NULL && (value == NULL || value[0] == '\0'))
		expand_text(expander, *fallback, nesting + 1);
	else if (value == NULL)
		fail(expander, "set it, or give a default: ${NAME:-default}",
		     "the environment variable %s is not set", key);
	else if (!str_utf8(str_of(value)))
		fail(expander, NULL, "the environment variable %s is not valid UTF-8",
		     key);
	else
		buf_adds(&expander->buf, value);
}

/* `inner` is what stands between ${ and }. */
static void
add_reference(struct expander *expander, struct heed_str inner, int nesting)
{
	size_t at = str_search(inner, HEED_STR(":-"));
	struct heed_str name = str_head(inner, at);
	struct heed_str fallback = str_from(inner, at + 2);

	if (str_starts(inner, "file:")) {
		add_file(expander, str_from(inner, 5));
		return;
	}
	if (!is_name(name)) {
		fail(expander, "write $${ for a literal ${",
		     "expected ${NAME}, ${NAME:-default} or ${file:/path}, not ${%.*s}",
		     STR_ARG(inner));
		return;
	}
	add_variable(expander, name, at < inner.len ? &fallback : NULL, nesting);
}

static void
expand_text(struct expander *expander, struct heed_str text, int nesting)
{
	if (nesting > NESTING_MAX) {
		fail(expander, NULL, "defaults are nested more than %d deep",
		     NESTING_MAX);
		return;
	}
	while (text.len > 0) {
		size_t at = str_find(text, '$');
		size_t close;

		buf_add(&expander->buf, str_head(text, at));
		text = str_from(text, at);
		if (str_starts(text, "$$")) {
			buf_addc(&expander->buf, '$');
			text = str_from(text, 2);
			continue;
		}
		if (!str_starts(text, "${")) {
			buf_add(&expander->buf, str_head(text, 1));
			text = str_from(text, 1);
			continue;
		}
		text = str_from(text, 2);
		close = find_close(text);
		if (close == text.len) {
			fail(expander, "write $${ for a literal ${",
			     "a ${ is not closed");
			return;
		}
		add_reference(expander, str_head(text, close), nesting);
		text = str_from(text, close + 1);
	}
}

static bool
has_reference(struct heed_str text)
{
	return str_search(text, HEED_STR("${")) < text.len ||
	       str_search(text, HEED_STR("$$")) < text.len;
}

static void
expand_scalar(struct expander *expander, struct conf_node *node)
{
	int r;

	if (node->visited)
		return;
	node->visited = true;
	if (!has_reference(node->raw))
		return;
	expander->node = node;
	buf_reset(&expander->buf);
	expand_text(expander, node->raw, 0);
	r = buf_error(&expander->buf);
	if (r == HEED_E_LIMIT)
		fail(expander, NULL, "the text is too large");
	else if (r < 0)
		expander->r = r;
	node->expanded = true;
	node->text = arena_str(expander->arena, buf_str(&expander->buf));
	if (node->text.data == NULL)
		expander->r = HEED_E_NOMEM;
}

static void
expand_node(struct expander *expander, struct conf_node *node)
{
	size_t i;

	if (node->kind == CONF_SCALAR)
		expand_scalar(expander, node);
	for (i = 0; i < node->n && expander->r != HEED_E_NOMEM; i++)
		expand_node(expander, &node->items[i]);
}

int
conf_expand(struct arena *arena, struct conf_node *node, struct conf_problems *problems)
{
	struct expander expander = {.arena = arena, .problems = problems};

	buf_init(&expander.buf, 4 * FILE_MAX);
	expand_node(&expander, node);
	buf_done(&expander.buf);
	return expander.r;
}

bool
conf_is_expanded(const struct conf_node *node)
{
	size_t i;

	for (i = 0; i < node->n; i++)
		if (conf_is_expanded(&node->items[i]))
			return true;
	return node->kind == CONF_SCALAR && node->expanded;
}

static int
copy_raw(struct arena *arena, const struct conf_node *node, struct conf_node *ret_copy)
{
	size_t i;

	*ret_copy = *node;
	if (node->expanded) {
		ret_copy->text = node->raw;
		ret_copy->quoted = true;
		ret_copy->expanded = false;
	}
	if (node->n == 0)
		return 0;
	ret_copy->items = ARENA_ARRAY(arena, struct conf_node, node->n);
	if (ret_copy->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++)
		HEED_TRY(copy_raw(arena, &node->items[i], &ret_copy->items[i]));
	return 0;
}

int
conf_raw(struct arena *arena, const struct conf_node *node, struct conf_node **ret_copy)
{
	struct conf_node *copy = ARENA_NEW(arena, struct conf_node);

	if (copy == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(copy_raw(arena, node, copy));
	*ret_copy = copy;
	return 0;
}
