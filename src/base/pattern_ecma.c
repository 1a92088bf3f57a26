/*
 * pattern_ecma.c - from ECMA-262's regular expressions to PCRE2's.
 *
 * One pass over the text. What means the same in both is copied; what means something
 * else, or is only PCRE2's, is rewritten or refused. As JavaScript does without its u
 * flag, needless escapes of punctuation and lone "{", "}" and "]" are let pass.
 */
#include <string.h>

#include "base/error.h"
#include "base/pattern_local.h"

#define SPACES                                                                           \
	"\\t\\n\\x0b\\f\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"        \
	"\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NO_SPACES                                                                        \
	"\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}" \
	"\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"   \
	"\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"
#define NO_LINE_END "[^\\n\\r\\x{2028}\\x{2029}]"

struct rewrite {
	struct heed_buf *out;
	struct heed_str text;
	size_t at;
	bool in_class;
	bool atom; /* a quantifier may follow */
	struct heed_error *error;
};

static int
refuse(struct rewrite *rewrite, size_t from, const char *what)
{
	size_t len = rewrite->at - from;
	int r = error_set(rewrite->error, HEED_E_INVALID, "%.*s %s",
	                  STR_ARG(str_head(str_from(rewrite->text, from), len)), what);

	error_hint(rewrite->error, "at byte %zu of %.*s", from + 1,
	           STR_ARG(str_head_utf8(rewrite->text, 100)));
	return r;
}

static bool
is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* The byte that comes next, or NUL. */
static char
peek(const struct rewrite *rewrite, size_t ahead)
{
	size_t at = rewrite->at + ahead;

	return at < rewrite->text.len ? rewrite->text.data[at] : '\0';
}

/* The number of `n` hex digits, or -1. */
static long
take_hex(struct rewrite *rewrite, size_t n)
{
	long value = 0;

	for (size_t i = 0; i < n; i++) {
		int digit = hex_value(peek(rewrite, i));

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	rewrite->at += n;
	return value;
}

static long
take_braced_hex(struct rewrite *rewrite)
{
	long value = 0;
	size_t n = 1;

	for (; hex_value(peek(rewrite, n)) >= 0 && value <= 0x10ffff; n++)
		value = value * 16 + hex_value(peek(rewrite, n));
	if (n == 1 || peek(rewrite, n) != '}' || value > 0x10ffff)
		return -1;
	rewrite->at += n + 1;
	return value;
}

/* Behind \u: four digits, a surrogate pair of two escapes, or digits in braces. */
static long
take_unicode(struct rewrite *rewrite)
{
	long high, low = -1;

	if (peek(rewrite, 0) == '{')
		return take_braced_hex(rewrite);
	high = take_hex(rewrite, 4);
	if (high < 0xd800 || high > 0xdbff || peek(rewrite, 0) != '\\' ||
	    peek(rewrite, 1) != 'u')
		return high;
	rewrite->at += 2;
	low = take_hex(rewrite, 4);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static int
add_code(struct rewrite *rewrite, size_t from, long code)
{
	if (code < 0)
		return refuse(rewrite, from, "is not an escape of a character");
	if (code >= 0xd800 && code <= 0xdfff)
		return refuse(rewrite, from, "is half of a surrogate pair");
	buf_addf(rewrite->out, "\\x{%lx}", code);
	return 0;
}

/* General categories that have a long name, and PCRE2's short one. */
static const char *const categories[][2] = {
	{"Letter", "L"},
	{"Cased_Letter", "L&"},
	{"LC", "L&"},
	{"Uppercase_Letter", "Lu"},
	{"Lowercase_Letter", "Ll"},
	{"Titlecase_Letter", "Lt"},
	{"Modifier_Letter", "Lm"},
	{"Other_Letter", "Lo"},
	{"Mark", "M"},
	{"Combining_Mark", "M"},
	{"Nonspacing_Mark", "Mn"},
	{"Spacing_Mark", "Mc"},
	{"Enclosing_Mark", "Me"},
	{"Number", "N"},
	{"Decimal_Number", "Nd"},
	{"digit", "Nd"},
	{"Letter_Number", "Nl"},
	{"Other_Number", "No"},
	{"Punctuation", "P"},
	{"punct", "P"},
	{"Connector_Punctuation", "Pc"},
	{"Dash_Punctuation", "Pd"},
	{"Open_Punctuation", "Ps"},
	{"Close_Punctuation", "Pe"},
	{"Initial_Punctuation", "Pi"},
	{"Final_Punctuation", "Pf"},
	{"Other_Punctuation", "Po"},
	{"Symbol", "S"},
	{"Math_Symbol", "Sm"},
	{"Currency_Symbol", "Sc"},
	{"Modifier_Symbol", "Sk"},
	{"Other_Symbol", "So"},
	{"Separator", "Z"},
	{"Space_Separator", "Zs"},
	{"Line_Separator", "Zl"},
	{"Paragraph_Separator", "Zp"},
	{"Other", "C"},
	{"Control", "Cc"},
	{"cntrl", "Cc"},
	{"Format", "Cf"},
	{"Surrogate", "Cs"},
	{"Private_Use", "Co"},
	{"Unassigned", "Cn"},
};

static void
add_category(struct heed_buf *out, struct heed_str name)
{
	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
		if (str_is(name, categories[i][0]))
			name = str_of(categories[i][1]);
	buf_add(out, name);
}

/* Behind \p or \P: {Name}, {Script=Name}, {gc=Name} and so on. */
static int
property(struct rewrite *rewrite, size_t from)
{
	struct heed_str rest = str_from(rewrite->text, rewrite->at);
	struct heed_str name = str_from(str_head(rest, str_find(rest, '}')), 1);
	struct heed_str key = str_head(name, str_find(name, '='));
	struct heed_str value = str_from(name, key.len + 1);

	if (peek(rewrite, 0) != '{' || name.len + 1 >= rest.len)
		return refuse(rewrite, from, "needs a property in braces");
	rewrite->at += name.len + 2;
	buf_addf(rewrite->out, "\\%c{", rewrite->text.data[from + 1]);
	if (key.len == name.len)
		add_category(rewrite->out, name);
	else if (str_is(key, "gc") || str_is(key, "General_Category"))
		add_category(rewrite->out, value);
	else if (str_is(key, "sc") || str_is(key, "Script"))
		buf_addf(rewrite->out, "sc:%.*s", STR_ARG(value));
	else if (str_is(key, "scx") || str_is(key, "Script_Extensions"))
		buf_addf(rewrite->out, "scx:%.*s", STR_ARG(value));
	else
		return refuse(rewrite, from, "is not a property of Unicode");
	buf_addc(rewrite->out, '}');
	return 0;
}

static int
space(struct rewrite *rewrite, char letter)
{
	const char *set = letter == 's' ? SPACES : NO_SPACES;

	if (rewrite->in_class)
		buf_adds(rewrite->out, set);
	else
		buf_addf(rewrite->out, "[%s]", set);
	return 0;
}

/* \1 and \k<name>. */
static int
back_reference(struct rewrite *rewrite, size_t from, char letter)
{
	struct heed_str rest = str_from(rewrite->text, rewrite->at - 1);
	size_t len = 1;

	if (rewrite->in_class)
		return refuse(rewrite, from, "can't refer to a group in a class");
	if (letter == 'k') {
		if (peek(rewrite, 0) != '<')
			return refuse(rewrite, from, "needs a name of a group");
		buf_adds(rewrite->out, "\\k");
		return 0;
	}
	while (len < rest.len && rest.data[len] >= '0' && rest.data[len] <= '9')
		len++;
	rewrite->at += len - 1;
	buf_addf(rewrite->out, "\\g{%.*s}", STR_ARG(str_head(rest, len)));
	return 0;
}

/* \cX: a letter stands for a control character. */
static int
control(struct rewrite *rewrite, size_t from)
{
	char letter = (char)(peek(rewrite, 0) | 0x20);

	if (letter < 'a' || letter > 'z')
		return refuse(rewrite, from, "needs a letter");
	rewrite->at++;
	return add_code(rewrite, from, letter - 'a' + 1);
}

/* Escapes that stand for one character. */
static int
code_escape(struct rewrite *rewrite, size_t from, char letter)
{
	switch (letter) {
	case 'v':
		return add_code(rewrite, from, 0x0b);
	case 'c':
		return control(rewrite, from);
	case 'x':
		return add_code(rewrite, from, take_hex(rewrite, 2));
	case 'u':
		return add_code(rewrite, from, take_unicode(rewrite));
	default:
		if (peek(rewrite, 0) >= '0' && peek(rewrite, 0) <= '9')
			return refuse(rewrite, from, "is an octal escape");
		return add_code(rewrite, from, 0);
	}
}

/* Does \`letter` mean the same in both? Escapes of punctuation do. */
static bool
is_shared_escape(const struct rewrite *rewrite, char letter)
{
	if (letter == 'B')
		return !rewrite->in_class;
	return is_one_of(letter, "bdDwWtnfr") ||
	       (letter >= ' ' && letter <= '~' && !is_letter_or_digit(letter));
}

/* At a backslash. */
static int
escape(struct rewrite *rewrite)
{
	size_t from = rewrite->at;
	char letter = peek(rewrite, 1);

	if (from + 1 >= rewrite->text.len)
		return refuse(rewrite, from, "a lone backslash ends it");
	rewrite->at += 2;
	rewrite->atom = letter != 'b' && letter != 'B';
	if (letter == 'k' || (letter >= '1' && letter <= '9'))
		return back_reference(rewrite, from, letter);
	if (letter == 's' || letter == 'S')
		return space(rewrite, letter);
	if (letter == 'p' || letter == 'P')
		return property(rewrite, from);
	if (is_one_of(letter, "vcxu0"))
		return code_escape(rewrite, from, letter);
	if (!is_shared_escape(rewrite, letter))
		return refuse(rewrite, from, "is not an escape of ECMA-262");
	buf_addf(rewrite->out, "\\%c", letter);
	return 0;
}

/* Length of {n}, {n,} or {n,m} at the place, or 0. */
static size_t
braces_length(const struct rewrite *rewrite)
{
	size_t n = 1, digits = 0;

	for (; peek(rewrite, n) >= '0' && peek(rewrite, n) <= '9'; n++)
		digits++;
	if (digits > 0 && peek(rewrite, n) == ',')
		for (n++; peek(rewrite, n) >= '0' && peek(rewrite, n) <= '9'; n++)
			;
	return digits > 0 && peek(rewrite, n) == '}' ? n + 1 : 0;
}

/* At * + ? or a {n,m} of `len` bytes. */
static int
quantifier(struct rewrite *rewrite, size_t len)
{
	size_t from = rewrite->at;

	rewrite->at += len;
	if (!rewrite->atom)
		return refuse(rewrite, from, "has nothing to repeat");
	rewrite->atom = false;
	if (peek(rewrite, 0) == '?')
		rewrite->at++;
	buf_add(rewrite->out,
	        str_head(str_from(rewrite->text, from), rewrite->at - from));
	return 0;
}

/* At an opening parenthesis. */
static int
group(struct rewrite *rewrite)
{
	static const char *const kinds[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<"};
	struct heed_str rest = str_from(rewrite->text, rewrite->at);
	size_t from = rewrite->at;

	rewrite->atom = false;
	if (peek(rewrite, 1) != '?') {
		rewrite->at++;
		buf_addc(rewrite->out, '(');
		return 0;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!str_starts(rest, kinds[i]))
			continue;
		rewrite->at += strlen(kinds[i]);
		buf_adds(rewrite->out, kinds[i]);
		if (strcmp(kinds[i], "(?<") != 0)
			return 0;
		rest = str_from(rewrite->text, rewrite->at);
		rest = str_head(rest, str_find(rest, '>') + 1);
		buf_add(rewrite->out, rest);
		rewrite->at += rest.len;
		return 0;
	}
	rewrite->at += 3;
	return refuse(rewrite, from, "opens no kind of group that ECMA-262 knows");
}

/* In a class: what PCRE2 would read as something else is escaped. */
static int
class_character(struct rewrite *rewrite, char c)
{
	if (c == '\\')
		return escape(rewrite);
	rewrite->at++;
	if (c == ']') {
		rewrite->in_class = false;
		rewrite->atom = true;
	}
	if (c == '[')
		buf_addc(rewrite->out, '\\');
	buf_addc(rewrite->out, c);
	return 0;
}

static int
character(struct rewrite *rewrite, char c)
{
	size_t braces;

	switch (c) {
	case '\\':
		return escape(rewrite);
	case '(':
		return group(rewrite);
	case '*':
	case '+':
	case '?':
		return quantifier(rewrite, 1);
	case '{':
		braces = braces_length(rewrite);
		if (braces > 0)
			return quantifier(rewrite, braces);
		break;
	case '[':
		rewrite->in_class = true;
		rewrite->at++;
		buf_addc(rewrite->out, '[');
		if (peek(rewrite, 0) == '^') {
			rewrite->at++;
			buf_addc(rewrite->out, '^');
		}
		return 0;
	case '.':
		buf_adds(rewrite->out, NO_LINE_END);
		break;
	default:
		break;
	}
	rewrite->at++;
	rewrite->atom = c != '|' && c != '^' && c != '$';
	if (is_one_of(c, "{}]"))
		buf_addc(rewrite->out, '\\');
	if (c != '.')
		buf_addc(rewrite->out, c);
	return 0;
}

int
pattern_rewrite(struct heed_buf *buf, struct heed_str text, struct heed_error *error)
{
	struct rewrite rewrite = {.out = buf, .text = text, .error = error};

	while (rewrite.at < text.len) {
		char c = text.data[rewrite.at];

		HEED_TRY(rewrite.in_class ? class_character(&rewrite, c)
		                          : character(&rewrite, c));
	}
	return buf_error(buf) != 0 ? error_nomem(error) : 0;
}
