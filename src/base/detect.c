/*
 * detect.c - one pass over the text; at each place where something may start, each kind
 * is tried.
 */
#include "base/detect.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/detect_local.h"

const char *
detect_label(enum detect_kind kind)
{
	static const char *const labels[] = {
#define DETECT_X(label, name) #label,
		DETECT_KINDS(DETECT_X)
#undef DETECT_X
	};

	return labels[kind];
}

const char *
detect_name(enum detect_kind kind)
{
	static const char *const names[] = {
#define DETECT_X(label, name) name,
		DETECT_KINDS(DETECT_X)
#undef DETECT_X
	};

	return names[kind];
}

char
detect_at(struct heed_str text, size_t i)
{
	return i < text.len ? text.data[i] : '\0';
}

bool
detect_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
detect_word(char c)
{
	return detect_digit(c) || is_letter(c) || (unsigned char)c >= 0x80;
}

/* ---- mail addresses ---------------------------------------------------------------- */

/* Of what RFC 5321 allows, what addresses have that people use; not what stands around
 * them in URLs, quotes and templates. */
static bool
is_local(char c)
{
	return detect_word(c) || (c != '\0' && strchr("._%+-'", c) != NULL);
}

/* Length of "@", or of "%40" as URLs have it, at `i`; or 0. */
static size_t
at_sign(struct heed_str text, size_t i)
{
	if (detect_at(text, i) == '@')
		return 1;
	return detect_at(text, i) == '%' && detect_at(text, i + 1) == '4' &&
	                       detect_at(text, i + 2) == '0'
	               ? 3
	               : 0;
}

/* Length of a domain at `at` with two labels or more, the last of letters; or 0. */
static size_t
domain_length(struct heed_str text, size_t at)
{
	size_t label = at, end = 0;

	for (size_t i = at; i - at <= 255; i++) {
		char c = detect_at(text, i);

		if (detect_word(c) || (c == '-' && i > label))
			continue;
		if (label > at && i - label >= 2 && !detect_digit(text.data[label]))
			end = i;
		if (c != '.' || i == label)
			break;
		label = i + 1;
	}
	while (end > at && text.data[end - 1] == '-')
		end--;
	return end > at ? end - at : 0;
}

/* A mail address whose local part is the run that starts at `at`. *ret_run is where that
 * run ends, so that it is looked at once. */
static size_t
email_length(struct heed_str text, size_t at, size_t *ret_run)
{
	size_t i = at, domain;

	while (i < text.len && is_local(text.data[i]) && at_sign(text, i) == 0)
		i++;
	*ret_run = i;
	if (i == at || at_sign(text, i) == 0)
		return 0;
	domain = domain_length(text, i + at_sign(text, i));
	return domain > 0 ? i + at_sign(text, i) + domain - at : 0;
}

/* ---- IBANs ------------------------------------------------------------------------- */

/* Length of a country's IBANs, or 0. */
static size_t
iban_country(char a, char b)
{
	static const char lengths[] =
		"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27"
		"DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22"
		"IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19"
		"MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31"
		"SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

	for (size_t i = 0; i + 3 < sizeof(lengths); i += 4)
		if (lengths[i] == a && lengths[i + 1] == b)
			return (size_t)(lengths[i + 2] - '0') * 10 +
			       (size_t)(lengths[i + 3] - '0');
	return 0;
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static unsigned
mod97(unsigned rest, char c)
{
	if (detect_digit(c))
		return (rest * 10 + (unsigned)(c - '0')) % 97;
	return (rest * 100 + (unsigned)(upper(c) - 'A') + 10) % 97;
}

static size_t
iban_length(struct heed_str text, size_t at)
{
	size_t wanted =
		iban_country(upper(detect_at(text, at)), upper(detect_at(text, at + 1)));
	size_t i = at, n = 0;
	unsigned rest = 0;
	char head[4];

	if (wanted == 0 || !detect_digit(detect_at(text, at + 2)) ||
	    !detect_digit(detect_at(text, at + 3)))
		return 0;
	while (n < wanted) {
		char c = detect_at(text, i);

		if ((c == ' ' || c == '-') && n > 0 && n % 4 == 0)
			c = detect_at(text, ++i);
		if (!detect_digit(c) && !is_letter(c))
			return 0;
		if (n < 4)
			head[n] = c;
		else
			rest = mod97(rest, c);
		n++;
		i++;
	}
	for (n = 0; n < 4; n++)
		rest = mod97(rest, head[n]);
	return rest == 1 && !detect_word(detect_at(text, i)) ? i - at : 0;
}

/* ---- cards ------------------------------------------------------------------------- */

#define CARD_MIN 13
#define CARD_MAX 19

static bool
luhn(const char *digits, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(digits[n - 1 - i] - '0');

		if (i % 2 == 1)
			digit = digit > 4 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	return sum % 10 == 0;
}

/* 13 to 19 digits, alone or in groups with single spaces or hyphens between; the longest
 * part that ends with a group and passes Luhn's check. */
static size_t
card_length(struct heed_str text, size_t at)
{
	char digits[CARD_MAX];
	size_t n = 0, found = 0;
	char first = detect_at(text, at);

	if (first < '2' || first > '6' ||
	    (detect_at(text, at - 1) == '.' && detect_digit(detect_at(text, at - 2))))
		return 0;
	for (size_t i = at; n < CARD_MAX && detect_digit(detect_at(text, i)); i++) {
		char next = detect_at(text, i + 1);

		digits[n++] = text.data[i];
		if (!detect_word(next) && n >= CARD_MIN && luhn(digits, n))
			found = i + 1 - at;
		if ((next == ' ' || next == '-') && detect_digit(detect_at(text, i + 2)))
			i++;
	}
	return found;
}

/* ---- network addresses ------------------------------------------------------------- */

static size_t
ipv4_length(struct heed_str text, size_t at)
{
	size_t i = at;

	if (detect_at(text, at - 1) == '.')
		return 0;
	for (int part = 0; part < 4; part++) {
		unsigned value = 0;
		size_t n = 0;

		if (part > 0 && detect_at(text, i++) != '.')
			return 0;
		for (; n < 4 && detect_digit(detect_at(text, i)); n++)
			value = value * 10 + (unsigned)(text.data[i++] - '0');
		if (n < 1 || n > 3 || value > 255)
			return 0;
	}
	if (detect_word(detect_at(text, i)) ||
	    (detect_at(text, i) == '.' && detect_digit(detect_at(text, i + 1))))
		return 0;
	return i - at;
}

#define IPV6_MAX 45

/* Length of the run of hex digits, colons and dots at `at`; 0 when it can be no address:
 * too long, cut out of a word, or without two colons and a digit ("a::b" is somebody's
 * name space). */
static size_t
ipv6_run(struct heed_str text, size_t at)
{
	size_t n = 0, colons = 0, numbers = 0;

	for (; n <= IPV6_MAX; n++) {
		char c = detect_at(text, at + n);

		if (hex_value(c) < 0 && c != ':' && c != '.')
			break;
		colons += c == ':';
		numbers += detect_digit(c);
	}
	return n <= IPV6_MAX && colons >= 2 && numbers > 0 &&
	                       !detect_word(detect_at(text, at + n))
	               ? n
	               : 0;
}

static size_t
ipv6_length(struct heed_str text, size_t at)
{
	struct heed_str run = str_head(str_from(text, at), ipv6_run(text, at));
	unsigned char address[16];
	char copy[IPV6_MAX + 1];

	if (run.len == 0 || detect_at(text, at - 1) == ':')
		return 0;
	/* What ends the sentence is not of it. */
	while (str_ends(run, ".") || (str_ends(run, ":") && !str_ends(run, "::")))
		run.len--;
	memcpy(copy, run.data, run.len);
	copy[run.len] = '\0';
	return inet_pton(AF_INET6, copy, address) == 1 ? run.len : 0;
}

static size_t
address_length(struct heed_str text, size_t at)
{
	size_t len = ipv6_length(text, at);

	return len > 0 ? len : ipv4_length(text, at);
}

/* ---- all of them ------------------------------------------------------------------- */

/* What is no mail address and starts at `at`, where a word may start. */
static size_t
other_length(enum detect_kind kind, struct heed_str text, size_t at)
{
	switch (kind) {
	case DETECT_IBAN:
		return iban_length(text, at);
	case DETECT_CARD:
		return card_length(text, at);
	case DETECT_ADDRESS:
		return address_length(text, at);
	case DETECT_PHONE:
		return detect_phone(text, at);
	default:
		return 0;
	}
}

bool
detect_next(struct heed_str text, size_t from, unsigned kinds, struct detected *ret_found)
{
	size_t run = from; /* where the local part in hand ends */

	for (size_t i = from; i < text.len; i++) {
		char c = text.data[i];
		bool start = !detect_word(detect_at(text, i - 1));
		size_t len = 0;

		if (i >= run && is_local(c) && c != '\'' &&
		    (kinds & (1u << DETECT_EMAIL)) != 0)
			len = email_length(text, i, &run);
		if (len > 0) {
			*ret_found = (struct detected){DETECT_EMAIL, i, len};
			return true;
		}
		if (!start || (!detect_word(c) && c != '+' && c != '(' && c != ':'))
			continue;
		for (int kind = DETECT_IBAN; kind < DETECT_N; kind++) {
			if ((kinds & (1u << kind)) == 0)
				continue;
			len = other_length((enum detect_kind)kind, text, i);
			if (len > 0) {
				*ret_found = (struct detected){kind, i, len};
				return true;
			}
		}
	}
	return false;
}
