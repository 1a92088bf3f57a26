/*
 * signature.c - see signature.h.
 */
#include "engine/signature.h"

#include <ctype.h>
#include <stdio.h>

#include "base/id.h"

#define TEXT_MAX 400
#define HEX_MIN 8 /* letters of an id */

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || (c & 0x80) != 0;
}

/* Is the word a number or an id? It has digits, and hardly anything but hex digits, or is
 * put together: "order_17", "c-10334". */
static bool
varies(struct heed_str word)
{
	size_t digits = 0;
	size_t hex = 0;
	bool composed = false;
	size_t i;

	for (i = 0; i < word.len; i++) {
		digits += isdigit((unsigned char)word.data[i]) != 0;
		hex += isxdigit((unsigned char)word.data[i]) != 0;
		composed = composed || word.data[i] == '-' || word.data[i] == '_';
	}
	return digits > 0 && (composed || hex == word.len || digits * 2 >= word.len ||
	                      (word.len >= HEX_MIN && hex * 4 >= word.len * 3));
}

/* Length of a text in quotes at the beginning, or 0 when they do not close. */
static size_t
quoted(struct heed_str text)
{
	char quote = text.data[0];
	size_t i;

	if (quote != '"' && quote != '\'' && quote != '`')
		return 0;
	for (i = 1; i < text.len; i++)
		if (text.data[i] == quote)
			return i + 1;
	return 0;
}

void
signature_text(struct heed_buf *buf, struct heed_str text)
{
	text = str_head_utf8(text, TEXT_MAX);
	while (text.len > 0) {
		size_t n = quoted(text);

		if (n > 0) {
			buf_addf(buf, "%c...%c", text.data[0], text.data[0]);
		} else if (!is_word(text.data[0])) {
			n = 1;
			buf_addc(buf, text.data[0]);
		} else {
			while (n < text.len && is_word(text.data[n]))
				n++;
			if (varies(str_head(text, n)))
				buf_addc(buf, '#');
			else
				buf_add(buf, str_head(text, n));
		}
		text = str_from(text, n);
	}
}

struct heed_str
signature_of(char place[SIGNATURE_SIZE], const struct store_run *run)
{
	struct heed_buf text;
	struct heed_str parts[4] = {run->flow, run->name, run->class};
	struct id_hash hash;

	buf_init(&text, 4 * TEXT_MAX);
	signature_text(&text, run->text);
	parts[3] = buf_str(&text);
	hash = id_hash_parts(parts, 4);
	buf_done(&text);
	(void)snprintf(place, SIGNATURE_SIZE, "g%02x%02x%02x%02x", hash.bytes[0],
	               hash.bytes[1], hash.bytes[2], hash.bytes[3]);
	return (struct heed_str){place, SIGNATURE_SIZE - 1};
}
