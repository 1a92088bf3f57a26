/*
 * file_events.h - from the lines of a file source to events: CloudEvents as they are,
 * other lines through the mapping, and what can be neither as events that say so.
 *
 * A line that cannot be read is not lost: it becomes an event of FILE_REJECTED_TYPE, so
 * that it is stored, counted and can be reacted to. On the thread of the expressions.
 */
#ifndef HEED_SOURCE_FILE_EVENTS_H
#define HEED_SOURCE_FILE_EVENTS_H

#include "engine/event.h"
#include "heed.h"
#include "source/file_look.h"
#include "source/mapping.h"

#define FILE_REJECTED_TYPE "heed.source.rejected"

struct file_events {
	const struct mapping *mapping; /* its type is NULL: none */
	struct heed_str uri;           /* CloudEvents source of events made here */
	int64_t now_us;
	struct event *items; /* mem_free them */
	size_t n, cap;
	size_t n_rejected;
	struct file_line *first_rejected; /* with `wrong` set */
};

/* Say why a line that could be read is rejected all the same. HEED_E_NOMEM. */
int file_line_reject(struct file_line *line, struct arena *arena, struct heed_str why);
/* Append what `line` stands for. HEED_E_NOMEM; otherwise zero. */
int
file_events_add(struct file_events *events, struct arena *arena, struct file_line *line);

#endif
