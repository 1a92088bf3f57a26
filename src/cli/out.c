/*
 * out.c - see out.h.
 */
#include "cli/out.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/cli.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* ---- colour ------------------------------------------------------------------------ */

static bool
has_colour(void)
{
	static int known = -1;

	if (known < 0) {
		const char *no = getenv("NO_COLOR");
		const char *term = getenv("TERM");

		known = isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
		        term != NULL && strcmp(term, "dumb") != 0;
	}
	return known;
}

const char *
out_style(enum out_style style)
{
	static const char *const codes[] = {
		[OUT_END] = "\033[0m",    [OUT_BOLD] = "\033[1m",
		[OUT_DIM] = "\033[2m",    [OUT_RED] = "\033[31m",
		[OUT_GREEN] = "\033[32m", [OUT_YELLOW] = "\033[33m",
		[OUT_CYAN] = "\033[36m",
	};

	return has_colour() ? codes[style] : "";
}

enum out_style
out_state_style(struct heed_str state)
{
	if (str_is(state, "done"))
		return OUT_GREEN;
	if (str_is(state, "dead") || str_is(state, "failed"))
		return OUT_RED;
	return str_is(state, "dropped") ? OUT_DIM : OUT_YELLOW;
}

size_t
out_width(void)
{
	struct winsize size = {0};

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

/* ---- text -------------------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence that begins text; 1 for what is none. */
static size_t
sequence(struct heed_str text)
{
	unsigned char c = (unsigned char)text.data[0];
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return n <= text.len && str_utf8(str_head(text, n)) ? n : 1;
}

/* C0, DEL, C1, and what turns the direction of writing. */
static bool
is_control(struct heed_str one)
{
	unsigned char c = (unsigned char)one.data[0];

	if (one.len == 1)
		return c < 0x20 || c >= 0x7f;
	if (one.len == 2)
		return c == 0xc2 && (unsigned char)one.data[1] < 0xa0;
	return one.len == 3 && c == 0xe2 &&
	       (((unsigned char)one.data[1] == 0x80 &&
	         (unsigned char)one.data[2] >= 0xa8 &&
	         (unsigned char)one.data[2] <= 0xae) ||
	        ((unsigned char)one.data[1] == 0x81 &&
	         (unsigned char)one.data[2] >= 0xa6 &&
	         (unsigned char)one.data[2] <= 0xa9));
}

static size_t
add_one(struct heed_buf *buf, struct heed_str one)
{
	size_t i;

	if (!is_control(one)) {
		buf_add(buf, one);
		return 1;
	}
	if (one.data[0] == '\n' || one.data[0] == '\t' || one.data[0] == '\r') {
		buf_addc(buf, ' ');
		return 1;
	}
	for (i = 0; i < one.len; i++)
		buf_addf(buf, "\\x%02x", (unsigned char)one.data[i]);
	return 4 * one.len;
}

size_t
out_text(struct heed_buf *buf, struct heed_str text, size_t max)
{
	size_t last = buf->len; /* where the last character begins */
	size_t last_width = 0;  /* what was written before it */
	size_t width = 0;

	while (text.len > 0) {
		size_t n = sequence(text);
		size_t at = buf->len;
		size_t more = add_one(buf, str_head(text, n));

		if (max > 0 && width + more > max) {
			buf_cut(buf, width < max ? at : last);
			buf_adds(buf, ELLIPSIS);
			return (width < max ? width : last_width) + 1;
		}
		last = at;
		last_width = width;
		width += more;
		text = str_from(text, n);
	}
	return width;
}

void
out_cell(struct heed_buf *buf, struct heed_str text, size_t width)
{
	size_t written = out_text(buf, text, width);

	for (; written < width; written++)
		buf_addc(buf, ' ');
}

void
out_block(struct heed_buf *buf, struct heed_str text, const char *indent,
          size_t lines_max)
{
	size_t lines = 0;

	while (text.len > 0) {
		struct heed_str line = str_cut(&text, '\n');

		if (lines > 0) {
			buf_addc(buf, '\n');
			buf_adds(buf, indent);
		}
		if (lines_max > 0 && ++lines > lines_max) {
			buf_adds(buf, ELLIPSIS);
			return;
		}
		lines += lines_max == 0;
		(void)out_text(buf, line, 0);
	}
}

/* ---- numbers ----------------------------------------------------------------------- */

void
out_money(struct heed_buf *buf, int64_t nano)
{
	double dollars = (double)nano / 1e9;

	if (nano == 0)
		buf_adds(buf, "free");
	else if (dollars >= 1)
		buf_addf(buf, "$%.2f", dollars);
	else if (dollars >= 0.001)
		buf_addf(buf, "$%.4f", dollars);
	else
		buf_addf(buf, dollars >= 1e-5 ? "$%.6f" : "$%.9f", dollars);
}

void
out_count(struct heed_buf *buf, int64_t n)
{
	if (n >= 1000 || n <= -1000) {
		out_count(buf, n / 1000);
		buf_addf(buf, ",%03lld", (long long)(n < 0 ? -(n % 1000) : n % 1000));
	} else {
		buf_addf(buf, "%lld", (long long)n);
	}
}

void
out_counted(struct heed_buf *buf, int64_t n, const char *noun)
{
	out_count(buf, n);
	buf_addf(buf, " %s%s", noun, n == 1 ? "" : "s");
}

void
out_age(struct heed_buf *buf, int64_t then_us)
{
	int64_t ms = (clock_wall_us() - then_us) / 1000;

	if (ms < 1000) {
		buf_adds(buf, "just now");
		return;
	}
	clock_write_duration(buf, ms < 60000 ? ms : ms / 1000 * 1000);
	buf_adds(buf, " ago");
}

int
out_read_time(const char *option, const char *text, int64_t *ret_us,
              struct heed_error *error)
{
	struct heed_str given = str_of(text);
	struct heed_buf buf;
	int64_t ms;
	int r;

	if (clock_parse(given, ret_us) == 0)
		return 0;
	if (str_to_duration(given, &ms) == 0) {
		*ret_us = clock_wall_us() - ms * 1000;
		return 0;
	}
	buf_init(&buf, 256);
	buf_add(&buf, given);
	buf_adds(&buf, "T00:00:00Z");
	r = buf_error(&buf) == 0 && given.len == 10 ? clock_parse(buf_str(&buf), ret_us)
	                                            : HEED_E_INVALID;
	buf_done(&buf);
	if (r == 0)
		return 0;
	(void)error_set(error, CLI_E_USAGE, "%s does not take \"%s\"", option, text);
	error_hint(error,
	           "a length of time before now (90m, 2h, 7d), a date (2026-11-24), "
	           "or a time (2026-11-24T09:30:00Z)");
	return CLI_E_USAGE;
}
