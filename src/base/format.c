/*
 * format.c - the named formats of strings, a table of small checks.
 */
#include "base/format.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/error.h"
#include "base/format_local.h"
#include "base/pattern.h"
#include "base/str.h"
#include "base/uri.h"

struct format {
	const char *name;
	bool (*fits)(struct heed_str text);
	const char *about;
};

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* ---- hosts ------------------------------------------------------------------------- */

static bool
is_address(int family, struct heed_str text)
{
	unsigned char address[16];
	char copy[64];

	if (text.len == 0 || text.len >= sizeof(copy) ||
	    memchr(text.data, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

static bool
is_ipv4(struct heed_str text)
{
	return is_address(AF_INET, text);
}

static bool
is_ipv6(struct heed_str text)
{
	return is_address(AF_INET6, text);
}

/* Letters, digits and inner hyphens; above ASCII as well when `unicode` is set. */
static bool
is_label(struct heed_str text, bool unicode)
{
	if (text.len == 0 || text.len > 63 || text.data[0] == '-' ||
	    text.data[text.len - 1] == '-')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.data[i]) && text.data[i] != '-' &&
		    !(unicode && (unsigned char)text.data[i] >= 0x80))
			return false;
	/* "--" there is for encoded labels. */
	return text.len < 4 || text.data[2] != '-' || text.data[3] != '-' ||
	       str_starts_nocase(text, "xn--");
}

static bool
is_name(struct heed_str text, bool unicode)
{
	bool more = true;

	if (text.len > 253)
		return false;
	while (more) {
		size_t dot = str_find(text, '.');

		more = dot < text.len;
		if (!is_label(str_head(text, dot), unicode))
			return false;
		text = str_from(text, dot + 1);
	}
	return true;
}

static bool
is_hostname(struct heed_str text)
{
	return is_name(text, false);
}

static bool
is_idn_hostname(struct heed_str text)
{
	return is_name(text, true);
}

/* ---- mail -------------------------------------------------------------------------- */

static bool
is_quoted(struct heed_str text, bool unicode)
{
	for (size_t i = 1; i + 1 < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == '\\' && i + 2 < text.len)
			c = (unsigned char)text.data[++i];
		else if (c == '\\' || c == '"')
			return false;
		if (c < ' ' || c == 0x7f || (c >= 0x80 && !unicode))
			return false;
	}
	return text.len >= 2 && text.data[text.len - 1] == '"';
}

static bool
is_dotted_atoms(struct heed_str text, bool unicode)
{
	char last = '.';

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool atom = is_alnum(c) || ((unsigned char)c >= 0x80 && unicode) ||
		            (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);

		if (!atom && (c != '.' || last == '.'))
			return false;
		last = c;
	}
	return last != '.';
}

static bool
is_domain(struct heed_str text, bool unicode)
{
	struct heed_str inside;

	if (!str_starts(text, "["))
		return is_name(text, unicode);
	if (!str_ends(text, "]"))
		return false;
	inside = str_from(str_head(text, text.len - 1), 1);
	return str_starts_nocase(inside, "IPv6:") ? is_ipv6(str_from(inside, 5))
	                                          : is_ipv4(inside);
}

static bool
is_mailbox(struct heed_str text, bool unicode)
{
	size_t at = text.len;
	struct heed_str local;

	while (at > 0 && text.data[at - 1] != '@')
		at--;
	if (at < 2 || at - 1 > 64)
		return false;
	local = str_head(text, at - 1);
	return (str_starts(local, "\"") ? is_quoted(local, unicode)
	                                : is_dotted_atoms(local, unicode)) &&
	       is_domain(str_from(text, at), unicode);
}

static bool
is_email(struct heed_str text)
{
	return is_mailbox(text, false);
}

static bool
is_idn_email(struct heed_str text)
{
	return is_mailbox(text, true);
}

/* ---- references -------------------------------------------------------------------- */

static bool
is_uri(struct heed_str text)
{
	return uri_valid(text, URI_ABSOLUTE);
}

static bool
is_uri_reference(struct heed_str text)
{
	return uri_valid(text, 0);
}

static bool
is_iri(struct heed_str text)
{
	return uri_valid(text, URI_ABSOLUTE | URI_UNICODE);
}

static bool
is_iri_reference(struct heed_str text)
{
	return uri_valid(text, URI_UNICODE);
}

/* What stands between braces in a URI template (RFC 6570, section 2.2). */
static bool
is_template_expression(struct heed_str text)
{
	bool in_name = false;

	if (text.len > 0 && text.data[0] != '\0' &&
	    strchr("+#./;?&=,!@|", text.data[0]) != NULL)
		text = str_from(text, 1);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (is_alnum(c) || c == '_' || c == '%') {
			in_name = true;
		} else if (c == ':' || c == '*' || c == ',' || c == '.') {
			if (!in_name)
				return false;
			in_name = c == ':' || c == '*';
		} else {
			return false;
		}
	}
	return in_name;
}

static bool
is_uri_template(struct heed_str text)
{
	while (text.len > 0) {
		size_t open = str_find(text, '{');
		struct heed_str literal = str_head(text, open);
		size_t close;

		for (size_t i = 0; i < literal.len; i++)
			if ((unsigned char)literal.data[i] <= ' ' ||
			    strchr("\"'<>\\^`|}", literal.data[i]) != NULL)
				return false;
		if (open == text.len)
			return true;
		text = str_from(text, open + 1);
		close = str_find(text, '}');
		if (close == text.len || !is_template_expression(str_head(text, close)))
			return false;
		text = str_from(text, close + 1);
	}
	return true;
}

static bool
is_json_pointer(struct heed_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '~' &&
		    (i + 1 == text.len ||
		     (text.data[i + 1] != '0' && text.data[i + 1] != '1')))
			return false;
	return text.len == 0 || text.data[0] == '/';
}

/* Digits without a leading zero. */
static size_t
count_digits(struct heed_str text)
{
	size_t n = 0;

	while (n < text.len && text.data[n] >= '0' && text.data[n] <= '9')
		n++;
	return n > 1 && text.data[0] == '0' ? 0 : n;
}

static bool
is_relative_json_pointer(struct heed_str text)
{
	size_t digits = count_digits(text);

	if (digits == 0)
		return false;
	text = str_from(text, digits);
	return str_is(text, "#") || is_json_pointer(text);
}

/* ---- others ------------------------------------------------------------------------ */

static bool
is_uuid(struct heed_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen ? text.data[i] != '-' : hex_value(text.data[i]) < 0)
			return false;
	}
	return text.len == 36;
}

static bool
is_regex(struct heed_str text)
{
	struct pattern *pattern;

	if (pattern_new(text, &pattern, NULL) != 0)
		return false;
	pattern_free(pattern);
	return true;
}

static const struct format formats[] = {
	{"date-time", format_date_time,
         "a date and time with an offset such as 2024-02-29T12:30:00Z"},
	{"date", format_date, "a date such as 2024-02-29"},
	{"time", format_time, "a time with an offset such as 12:30:00Z"},
	{"duration", format_duration, "a duration such as P3DT12H"},
	{"email", is_email, "a mail address such as ann@example.com"},
	{"idn-email", is_idn_email, "a mail address such as ann@example.com"},
	{"hostname", is_hostname, "a host name such as www.example.com"},
	{"idn-hostname", is_idn_hostname, "a host name such as www.example.com"},
	{"ipv4", is_ipv4, "an IPv4 address such as 192.0.2.1"},
	{"ipv6", is_ipv6, "an IPv6 address such as 2001:db8::1"},
	{"uri", is_uri, "an absolute URI such as https://example.com/a"},
	{"uri-reference", is_uri_reference, "a URI reference such as /a?b#c"},
	{"iri", is_iri, "an absolute IRI such as https://example.com/a"},
	{"iri-reference", is_iri_reference, "an IRI reference such as /a?b#c"},
	{"uri-template", is_uri_template, "a URI template such as /items/{id}"},
	{"uuid", is_uuid, "a UUID such as 123e4567-e89b-12d3-a456-426614174000"},
	{"json-pointer", is_json_pointer, "a JSON Pointer such as /a/0"},
	{"relative-json-pointer", is_relative_json_pointer,
         "a relative JSON Pointer such as 1/a"},
	{"regex", is_regex, "a regular expression of ECMA-262"},
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct format *
format_find(struct heed_str name)
{
	for (size_t i = 0; i < N_FORMATS; i++)
		if (str_is(name, formats[i].name))
			return &formats[i];
	return NULL;
}

const char *
format_nearest(struct heed_str name)
{
	const char *names[N_FORMATS];

	for (size_t i = 0; i < N_FORMATS; i++)
		names[i] = formats[i].name;
	return error_nearest(name, names, N_FORMATS);
}

bool
format_fits(const struct format *format, struct heed_str text)
{
	return format->fits(text);
}

const char *
format_about(const struct format *format)
{
	return format->about;
}
