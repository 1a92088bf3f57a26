/*
 * lines.h - lines out of bytes that come in pieces: each complete, of bounded length.
 *
 * Pure: any thread. Who feeds it keeps what it leaves in `rest` and begins with that the
 * next time.
 */
#ifndef HEED_SOURCE_LINES_H
#define HEED_SOURCE_LINES_H

#include "heed.h"

struct lines {
	struct heed_str rest; /* bytes not yet taken */
	size_t line_max;      /* bytes of a line without its end */
	int64_t line;         /* number of the line taken last; 0 before the first */
	bool skipping; /* the next bytes still belong to a line that was too long */
	bool at_end;   /* nothing follows `rest`: it ends the last line, too */
};

enum lines_found {
	LINES_NONE,     /* `rest` holds no further complete line */
	LINES_ONE,      /* a line, without its end ("\n" or "\r\n") */
	LINES_TOO_LONG, /* the first line_max bytes of one */
};

/* Take the next line that is not blank. The text is a view of `rest` as it was. */
enum lines_found lines_next(struct lines *lines, struct heed_str *ret_text);
/* Take `rest` as a line although its end has not been seen. */
struct heed_str lines_take_rest(struct lines *lines);

#endif
