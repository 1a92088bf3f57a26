/*
 * uri.c - URI references: split (RFC 3986 appendix B), resolved (section 5.2), checked
 * (section 3).
 */
#include "base/uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/str.h"

/* ---- split ------------------------------------------------------------------------- */

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Length of a scheme at the start, without its colon; 0 for none. */
static size_t
scheme_length(struct heed_str text)
{
	size_t i = 0;

	if (text.len == 0 || !is_letter(text.data[0]))
		return 0;
	while (i < text.len &&
	       (is_letter(text.data[i]) || is_digit(text.data[i]) ||
	        strchr("+-.", text.data[i]) != NULL) &&
	       text.data[i] != '\0')
		i++;
	return i < text.len && text.data[i] == ':' ? i : 0;
}

/* Cut what follows the first `c` off `*text`. */
static struct heed_str
cut_behind(struct heed_str *text, char c)
{
	size_t at = str_find(*text, c);
	struct heed_str rest = {NULL, 0};

	if (at < text->len) {
		rest = (struct heed_str){text->data + at + 1, text->len - at - 1};
		text->len = at;
	}
	return rest;
}

void
uri_split(struct heed_str text, struct uri *ret_uri)
{
	size_t scheme = scheme_length(text);
	struct uri uri = {.scheme = {NULL, 0}};

	uri.fragment = cut_behind(&text, '#');
	uri.query = cut_behind(&text, '?');
	if (scheme > 0 && scheme < text.len) {
		uri.scheme = str_head(text, scheme);
		text = (struct heed_str){text.data + scheme + 1, text.len - scheme - 1};
	}
	if (str_starts(text, "//")) {
		text = (struct heed_str){text.data + 2, text.len - 2};
		uri.authority = str_head(text, str_find(text, '/'));
		text = str_from(text, uri.authority.len);
	}
	uri.path = text.data != NULL ? text : HEED_STR("");
	*ret_uri = uri;
}

/* ---- resolve ----------------------------------------------------------------------- */

/* Take the last segment off what was added behind `start`. */
static void
drop_segment(struct heed_buf *buf, size_t start)
{
	size_t len = buf->len;

	while (len > start && buf->data[len - 1] != '/')
		len--;
	buf_cut(buf, len > start ? len - 1 : start);
}

/* Section 5.2.4. */
static void
add_without_dots(struct heed_buf *buf, struct heed_str path)
{
	size_t start = buf->len;

	while (path.len > 0) {
		size_t slash = path.data[0] == '/';
		struct heed_str rest = str_from(path, slash);
		size_t len = str_find(rest, '/');
		struct heed_str segment = str_head(rest, len);
		bool last = len == rest.len;

		if (str_is(segment, ".") || str_is(segment, "..")) {
			if (segment.len == 2)
				drop_segment(buf, start);
			if (last && (slash || buf->len > start))
				buf_addc(buf, '/');
		} else {
			buf_add(buf, str_head(path, slash + len));
		}
		path = str_from(rest, len);
	}
}

/* The path of a reference that has neither scheme, authority nor a leading slash. */
static void
add_merged(struct heed_buf *buf, const struct uri *base, struct heed_str path)
{
	struct heed_buf merged;
	size_t len = base->path.len;

	while (len > 0 && base->path.data[len - 1] != '/')
		len--;
	buf_init(&merged, 0);
	if (len == 0 && base->authority.data != NULL)
		buf_addc(&merged, '/');
	buf_add(&merged, str_head(base->path, len));
	buf_add(&merged, path);
	add_without_dots(buf, buf_str(&merged));
	if (buf_error(&merged) != 0)
		buf->error = buf_error(&merged);
	buf_done(&merged);
}

static void
add_authority(struct heed_buf *buf, struct heed_str authority)
{
	if (authority.data == NULL)
		return;
	buf_adds(buf, "//");
	buf_add(buf, authority);
}

static void
add_target(struct heed_buf *buf, const struct uri *base, const struct uri *to)
{
	const struct uri *top = to->scheme.data != NULL ? to : base;
	struct heed_str query = to->query;

	if (top->scheme.data != NULL) {
		buf_add(buf, top->scheme);
		buf_addc(buf, ':');
	}
	if (to->scheme.data != NULL || to->authority.data != NULL) {
		add_authority(buf, to->authority);
		add_without_dots(buf, to->path);
	} else {
		add_authority(buf, base->authority);
		if (to->path.len == 0) {
			buf_add(buf, base->path);
			query = query.data != NULL ? query : base->query;
		} else if (to->path.data[0] == '/') {
			add_without_dots(buf, to->path);
		} else {
			add_merged(buf, base, to->path);
		}
	}
	if (query.data != NULL) {
		buf_addc(buf, '?');
		buf_add(buf, query);
	}
}

struct heed_str
uri_resolve(struct arena *arena, struct heed_str base, struct heed_str reference)
{
	struct heed_str result = {NULL, 0};
	struct uri from, to;
	struct heed_buf buf;

	uri_split(base, &from);
	uri_split(reference, &to);
	buf_init(&buf, 0);
	add_target(&buf, &from, &to);
	if (buf_error(&buf) == 0)
		result = arena_str(arena, buf.len > 0 ? buf_str(&buf) : HEED_STR(""));
	buf_done(&buf);
	return result;
}

/* ---- check ------------------------------------------------------------------------- */

/* Only unreserved characters, escapes and those in `also`. */
static bool
has_only(struct heed_str text, const char *also, unsigned rules)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if ((unsigned char)c >= 0x80) {
			if (!(rules & URI_UNICODE))
				return false;
		} else if (c == '%') {
			if (i + 2 >= text.len || hex_value(text.data[i + 1]) < 0 ||
			    hex_value(text.data[i + 2]) < 0)
				return false;
		} else if (!is_letter(c) && !is_digit(c) &&
		           (c == '\0' ||
		            (strchr("-._~", c) == NULL && strchr(also, c) == NULL))) {
			return false;
		}
	}
	return true;
}

#define SUB_DELIMS "!$&'()*+,;="

/* What stands between brackets: IPv6address or IPvFuture. */
static bool
is_literal(struct heed_str text)
{
	unsigned char address[16];
	char copy[64];

	if (text.len > 0 && (text.data[0] | 0x20) == 'v') {
		struct heed_str version = str_from(text, 1);
		struct heed_str rest = cut_behind(&version, '.');

		for (size_t i = 0; i < version.len; i++)
			if (hex_value(version.data[i]) < 0)
				return false;
		return version.len > 0 && rest.len > 0 &&
		       has_only(rest, SUB_DELIMS ":", 0) &&
		       memchr(rest.data, '%', rest.len) == NULL;
	}
	if (text.len == 0 || text.len >= sizeof(copy) ||
	    memchr(text.data, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return inet_pton(AF_INET6, copy, address) == 1;
}

static bool
is_authority(struct heed_str text, unsigned rules)
{
	size_t at = str_find(text, '@');
	struct heed_str host = text;
	size_t len;

	if (at < text.len) {
		if (!has_only(str_head(text, at), SUB_DELIMS ":", rules))
			return false;
		host = str_from(text, at + 1);
	}
	len = str_find(host, ':');
	if (str_starts(host, "[")) {
		len = str_find(host, ']');
		if (len == host.len || !is_literal(str_from(str_head(host, len), 1)))
			return false;
		len++;
	} else if (!has_only(str_head(host, len), SUB_DELIMS, rules)) {
		return false;
	}
	if (len < host.len && host.data[len] != ':')
		return false;
	for (size_t i = len + 1; i < host.len; i++)
		if (!is_digit(host.data[i]))
			return false;
	return true;
}

bool
uri_valid(struct heed_str text, unsigned rules)
{
	struct uri uri;
	struct heed_str first;

	uri_split(text, &uri);
	if ((rules & URI_ABSOLUTE) && uri.scheme.data == NULL)
		return false;
	/* The first segment of a relative path can't hold a colon: it would be a scheme.
	 */
	first = str_head(uri.path, str_find(uri.path, '/'));
	if (uri.scheme.data == NULL && uri.authority.data == NULL &&
	    str_find(first, ':') < first.len)
		return false;
	return (uri.authority.data == NULL || is_authority(uri.authority, rules)) &&
	       has_only(uri.path, SUB_DELIMS ":@/", rules) &&
	       has_only(uri.query, SUB_DELIMS ":@/?", rules) &&
	       has_only(uri.fragment, SUB_DELIMS ":@/?", rules);
}
