/*
 * event_input.h - events as a user gives them: lines of JSON from a file or standard
 * input.
 *
 * A line is a CloudEvent, whose specversion, id and source may be left out; or, when a
 * type is given, the data of an event of that type. What is left out is filled in before
 * anything is sent.
 */
#ifndef HEED_CLI_EVENT_INPUT_H
#define HEED_CLI_EVENT_INPUT_H

#include <stdio.h>

#include "base/arena.h"
#include "engine/event.h"

struct event_input {
	const char *path; /* for messages; "-" is standard input */
	FILE *file;
	int64_t line;
	struct heed_buf text;
	/* What events get that do not say it themselves; empty: nothing, "/heed/send", a
	 * new UUIDv7. A type makes each line the data. */
	struct heed_str type, source, subject;
};

/* HEED_E_IO with words. */
int
event_input_open(struct event_input *input, const char *path, struct heed_error *error);
void event_input_close(struct event_input *input);
/* The next event, on `arena`: 1, or 0 at the end. Empty lines are passed over.
 * HEED_E_INVALID with "FILE:LINE" as its place; HEED_E_IO, HEED_E_LIMIT. */
int event_input_next(struct event_input *input, struct arena *arena,
                     struct event *ret_event, struct heed_error *error);

/* One event from its parts, as given on a command line; `data` empty for none. */
int
event_input_make(struct event_input *input, struct heed_str id, struct heed_str data,
                 struct arena *arena, struct event *ret_event, struct heed_error *error);

#endif
