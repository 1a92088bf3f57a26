/*
 * redact_text.c - one pass over a text in each direction.
 */
#include <string.h>

#include "base/detect_local.h"
#include "base/json.h"
#include "base/redact_local.h"

#define PLACEHOLDER_MAX 80 /* bytes */
#define ANYWHERE_MIN 4     /* shorter values are replaced as whole words only */

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void
redact_look_for(struct redaction *redaction, struct secret *secret)
{
	struct secret **start =
		&redaction->starts[(unsigned char)small(secret->text.data[0])];

	if (secret->looked_for)
		return;
	secret->looked_for = true;
	secret->next_same_start = *start;
	*start = secret;
}

/* "[" capitals, digits and _, then "_", digits and "]". */
size_t
redact_placeholder_length(struct heed_str text, size_t at)
{
	size_t i = at + 1, digits = 0;

	if (detect_at(text, at) != '[')
		return 0;
	for (; i - at < PLACEHOLDER_MAX; i++) {
		char c = detect_at(text, i);

		if (detect_digit(c))
			digits++;
		else if (c == '_' || (c >= 'A' && c <= 'Z'))
			digits = 0;
		else
			break;
	}
	if (detect_at(text, i) != ']' || digits == 0 || digits > 9 ||
	    i - digits < at + 3 || text.data[i - digits - 1] != '_')
		return 0;
	return i + 1 - at;
}

/* ---- out --------------------------------------------------------------------------- */

static bool
starts_with(struct heed_str text, size_t at, struct heed_str value)
{
	if (text.len - at < value.len)
		return false;
	for (size_t i = 0; i < value.len; i++)
		if (small(text.data[at + i]) != small(value.data[i]))
			return false;
	return true;
}

/* Does the value stand by itself there? Long ones need not, unless they are numbers. */
static bool
stands_alone(struct heed_str text, size_t at, struct heed_str value)
{
	bool number =
		detect_digit(value.data[0]) || detect_digit(value.data[value.len - 1]);

	if (value.len >= ANYWHERE_MIN && !number)
		return true;
	return !(at > 0 && detect_word(text.data[at - 1]) &&
	         detect_word(value.data[0])) &&
	       !(detect_word(detect_at(text, at + value.len)) &&
	         detect_word(value.data[value.len - 1]));
}

/* The longest value to be looked for that starts at `at`, or NULL; counts what it
 * compared. */
static const struct secret *
find_value(struct redaction *redaction, struct heed_str text, size_t at)
{
	const struct secret *secret =
		redaction->starts[(unsigned char)small(text.data[at])];
	const struct secret *best = NULL;

	for (; secret != NULL && redaction->work >= 0; secret = secret->next_same_start) {
		redaction->work--;
		if ((best == NULL || secret->text.len > best->text.len) &&
		    starts_with(text, at, secret->text) &&
		    stands_alone(text, at, secret->text))
			best = secret;
	}
	return best;
}

struct pass {
	struct redaction *redaction;
	struct heed_str text;
	struct heed_buf out;
	struct detected next; /* valid while `more` */
	bool more;
	size_t copied; /* the text up to here is in `out` */
};

static void
replace(struct pass *pass, size_t at, size_t len, struct heed_str by)
{
	buf_add(&pass->out,
	        str_head(str_from(pass->text, pass->copied), at - pass->copied));
	buf_add(&pass->out, by);
	pass->copied = at + len;
}

/* What was found at `at` was spelled differently: it keeps its own spelling. */
static int
replace_value(struct pass *pass, size_t at, const struct secret *like)
{
	struct redaction *redaction = pass->redaction;
	struct heed_str label = str_from(like->placeholder, 1);
	struct heed_str text = str_head(str_from(pass->text, at), like->text.len);
	struct secret *secret = (struct secret *)like;

	while (label.len > 0 && label.data[label.len - 1] != '_')
		label.len--;
	if (!str_eq(text, like->text))
		HEED_TRY(redact_keep(redaction, text, json_str(text),
		                     str_head(label, label.len - 1), like->restore,
		                     &secret));
	replace(pass, at, text.len, secret->placeholder);
	return 0;
}

static int
replace_detected(struct pass *pass)
{
	const struct detected *found = &pass->next;
	struct heed_str text = str_head(str_from(pass->text, found->at), found->len);
	bool restore = (pass->redaction->restorable & (1u << found->kind)) != 0;
	struct secret *secret;

	HEED_TRY(redact_keep(pass->redaction, text, json_str(text),
	                     str_of(detect_label(found->kind)), restore, &secret));
	replace(pass, found->at, found->len, secret->placeholder);
	return 0;
}

/* What starts at `at`, if anything, is replaced; pass->copied is behind it then. */
static int
look_at(struct pass *pass, size_t at)
{
	struct redaction *redaction = pass->redaction;
	const struct secret *value;

	if (pass->text.data[at] == '[') {
		value = redact_placeholder(redaction, pass->text, at);
		if (value != NULL) {
			replace(pass, at, value->placeholder.len, value->placeholder);
			return 0;
		}
	}
	if (pass->more && pass->next.at < at)
		pass->more = detect_next(pass->text, at, redaction->kinds, &pass->next);
	value = find_value(redaction, pass->text, at);
	if (redaction->work < 0)
		return HEED_E_LIMIT;
	if (pass->more && pass->next.at == at &&
	    (value == NULL || pass->next.len >= value->text.len))
		return replace_detected(pass);
	return value != NULL ? replace_value(pass, at, value) : 0;
}

int
redaction_text(struct redaction *redaction, struct heed_str text,
               struct heed_str *ret_text)
{
	struct pass pass = {.redaction = redaction, .text = text};
	int r = 0;

	buf_init(&pass.out, 0);
	pass.more = redaction->kinds != 0 &&
	            detect_next(text, 0, redaction->kinds, &pass.next);
	for (size_t i = 0; r == 0 && i<text.len; i = pass.copied> i ? pass.copied : i + 1)
		r = look_at(&pass, i);
	*ret_text = text;
	if (r == 0 && pass.copied > 0) {
		buf_add(&pass.out, str_from(text, pass.copied));
		*ret_text = buf_error(&pass.out) == 0
		                    ? arena_str(redaction->arena, buf_str(&pass.out))
		                    : (struct heed_str){NULL, 0};
		if (ret_text->data == NULL)
			r = HEED_E_NOMEM;
	}
	buf_done(&pass.out);
	return r;
}

/* ---- back -------------------------------------------------------------------------- */

/* Without its quotes, for a string in JSON. */
static void
add_escaped(struct heed_buf *out, struct heed_str text)
{
	struct heed_buf quoted;

	buf_init(&quoted, 0);
	json_write_string(&quoted, text);
	if (buf_error(&quoted) == 0)
		buf_add(out, str_head(str_from(buf_str(&quoted), 1), quoted.len - 2));
	else
		out->error = buf_error(&quoted);
	buf_done(&quoted);
}

int
redaction_restore(const struct redaction *redaction, struct heed_str text,
                  enum redact_text kind, struct heed_str *ret_text)
{
	struct heed_buf out;
	size_t copied = 0;

	buf_init(&out, 0);
	for (size_t i = str_find(text, '['); i < text.len; i++) {
		const struct secret *secret = redact_placeholder(redaction, text, i);
		size_t end, quotes;

		if (secret == NULL || !secret->restore || i < copied)
			continue;
		end = i + secret->placeholder.len;
		quotes = kind == REDACT_JSON && secret->value.kind != HEED_STRING &&
		         detect_at(text, i - 1) == '"' && detect_at(text, end) == '"' &&
		         i - 1 >= copied;
		buf_add(&out, str_head(str_from(text, copied), i - copied - quotes));
		if (kind == REDACT_JSON && secret->value.kind == HEED_STRING)
			add_escaped(&out, secret->text);
		else
			buf_add(&out, secret->text);
		copied = end + quotes;
	}
	buf_add(&out, str_from(text, copied));
	*ret_text = copied == 0 ? text : arena_str(redaction->arena, buf_str(&out));
	if (buf_error(&out) != 0)
		ret_text->data = NULL;
	buf_done(&out);
	return ret_text->data == NULL && text.len > 0 ? HEED_E_NOMEM : 0;
}
