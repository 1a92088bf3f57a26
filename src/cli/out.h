/*
 * out.h - how commands print for people: colours on a terminal only, text from outside
 * made harmless, money, counts and times in a readable form.
 *
 * Lines are built in a buffer and written by cli_print.
 */
#ifndef HEED_CLI_OUT_H
#define HEED_CLI_OUT_H

#include "base/str.h"
#include "heed.h"

enum out_style { OUT_END, OUT_BOLD, OUT_DIM, OUT_RED, OUT_GREEN, OUT_YELLOW, OUT_CYAN };

/* The escape sequence that starts a style (OUT_END: ends it), or "" when standard output
 * is no terminal, NO_COLOR is set, or TERM is dumb. */
const char *out_style(enum out_style style);
/* The colour of a run's or a step's state, by its name. */
enum out_style out_state_style(struct heed_str state);
/* Columns of the terminal; 0 when there is none: then nothing is cut. */
size_t out_width(void);

/* Append text from outside on one line: control characters become spaces or \xNN, so that
 * they do nothing to the terminal, and what is longer than `max` characters ends in an
 * ellipsis (0: no bound). Returns the characters written. */
size_t out_text(struct heed_buf *buf, struct heed_str text, size_t max);
/* The same, filled up with spaces to `width`. */
void out_cell(struct heed_buf *buf, struct heed_str text, size_t width);
/* The same on several lines, each after the first preceded by `indent`. */
void out_block(struct heed_buf *buf, struct heed_str text, const char *indent,
               size_t lines_max);
/* $0.0012; at least two digits that tell something; "free" for nothing. */
void out_money(struct heed_buf *buf, int64_t nano);
/* 12,345 */
void out_count(struct heed_buf *buf, int64_t n);
/* "1 run", "12,345 runs" */
void out_counted(struct heed_buf *buf, int64_t n, const char *noun);
/* How long ago: "3m10s ago", "just now". */
void out_age(struct heed_buf *buf, int64_t then_us);

/* A point in time as a user gives it: RFC 3339, a date, or a length of time before now
 * ("2h"). CLI_E_USAGE with words that name `option`. */
int out_read_time(const char *option, const char *text, int64_t *ret_us,
                  struct heed_error *error);

#endif
