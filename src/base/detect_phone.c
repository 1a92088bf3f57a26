/*
 * detect_phone.c - phone numbers, which have no check: told by their form.
 *
 * A number is read as groups of digits with separators between. It is a phone number when
 * it is international (+ or 00 and a country), national with a leading zero, or
 * North American (three, three and four digits), and is no date.
 */
#include <string.h>

#include "base/detect_local.h"

#define GROUPS_MAX 12
#define DIGITS_MAX 17 /* "00" and 15 */

struct number {
	size_t len; /* bytes */
	size_t digits;
	size_t groups;
	size_t sizes[GROUPS_MAX];
	char separators[GROUPS_MAX]; /* in front of each group */
	char head[3];                /* first digits */
	char area;                   /* first digit of the second group */
	bool plus;
};

/* Length of what may stand between two groups at `i`: one sign, or one with a space. */
static size_t
separator_length(struct heed_str text, size_t i)
{
	size_t n = 0;
	char c;

	while (n < 3 && (c = detect_at(text, i + n)) != '\0' &&
	       strchr(" -./()", c) != NULL) {
		if (n > 0 && c != ' ' && c != '(' && detect_at(text, i + n - 1) != ')')
			return 0;
		n++;
	}
	return n > 0 && detect_digit(detect_at(text, i + n)) ? n : 0;
}

static void
add_digit(struct number *number, char c)
{
	if (number->digits < sizeof(number->head))
		number->head[number->digits] = c;
	if (number->groups == 2 && number->sizes[1] == 0)
		number->area = c;
	number->digits++;
	number->sizes[number->groups - 1]++;
}

/* Read the groups at `at`; false when it is no such number, or a longer one. */
static bool
read_number(struct heed_str text, size_t at, struct number *number)
{
	size_t i = at;

	memset(number, 0, sizeof(*number));
	number->plus = detect_at(text, i) == '+';
	i += number->plus;
	i += detect_at(text, i) == '(';
	number->groups = 1;
	while (detect_digit(detect_at(text, i))) {
		size_t n;

		if (number->digits == DIGITS_MAX)
			return false;
		add_digit(number, text.data[i++]);
		number->len = i - at;
		n = separator_length(text, i);
		if (n == 0 || number->groups == GROUPS_MAX)
			continue;
		number->separators[number->groups++] = text.data[i];
		i += n;
	}
	return number->digits >= 7 && !detect_word(detect_at(text, at + number->len));
}

/* 2024-02-29, 29.02.2024, 2/29/24, maybe with more behind. */
static bool
is_date(const struct number *number)
{
	const size_t *size = number->sizes;
	char sign = number->separators[1];

	if (number->groups < 3 || sign != number->separators[2] || sign == ' ' ||
	    number->plus)
		return false;
	return (size[0] == 4 && size[1] <= 2 && size[2] <= 2) ||
	       (size[0] <= 2 && size[1] <= 2 && (size[2] == 4 || size[2] == 2));
}

static bool
is_north_american(const struct number *number)
{
	const size_t *size = number->sizes;
	size_t first = number->groups == 4 && size[0] == 1 && number->head[0] == '1';
	char area = first ? number->area : number->head[0];

	return number->groups == first + 3 && size[first] == 3 && size[first + 1] == 3 &&
	       size[first + 2] == 4 && area >= '2';
}

/* A fraction's digits, or the rest of something longer. */
static bool
is_cut_out(struct heed_str text, size_t at)
{
	char before = detect_at(text, at - 1), further = detect_at(text, at - 2);

	return before == '+' ||
	       ((before == '.' || before == '-') && detect_word(further)) ||
	       (before == '/' && detect_digit(further));
}

static bool
is_phone(const struct number *number)
{
	if (number->plus)
		return number->head[0] != '0' && number->digits >= 8 &&
		       number->digits <= 15;
	if (number->head[0] == '0' && number->head[1] == '0')
		return number->head[2] != '0' && number->digits >= 10;
	if (number->head[0] == '0')
		return number->sizes[0] > 1 && number->digits >= 9 &&
		       number->digits <= 12;
	return is_north_american(number);
}

size_t
detect_phone(struct heed_str text, size_t at)
{
	struct number number;

	if (is_cut_out(text, at) || !read_number(text, at, &number) || is_date(&number) ||
	    !is_phone(&number))
		return 0;
	return number.len;
}
