/*
 * event_input.c - see event_input.h.
 */
#include "cli/event_input.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define LINE_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define DEFAULT_SOURCE "/heed/send"

int
event_input_open(struct event_input *input, const char *path, struct heed_error *error)
{
	input->path = strcmp(path, "-") == 0 ? "standard input" : path;
	input->line = 0;
	buf_init(&input->text, LINE_MAX_BYTES);
	input->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (input->file != NULL)
		return 0;
	(void)error_set(error, HEED_E_IO, "cannot read %s: %s", path, strerror(errno));
	error_hint(error, "give a file of events, one JSON object a line, or - for "
	                  "standard input");
	return HEED_E_IO;
}

void
event_input_close(struct event_input *input)
{
	if (input->file != NULL && input->file != stdin)
		(void)fclose(input->file);
	input->file = NULL;
	buf_done(&input->text);
}

/* 1 with a line in input->text, 0 at the end. */
static int
read_line(struct event_input *input, struct heed_error *error)
{
	int c;

	buf_reset(&input->text);
	while ((c = getc_unlocked(input->file)) != EOF && c != '\n')
		buf_addc(&input->text, (char)c);
	if (ferror(input->file))
		return error_set(error, HEED_E_IO, "cannot read %s: %s", input->path,
		                 strerror(errno));
	if (c == EOF && input->text.len == 0)
		return 0;
	input->line++;
	if (buf_error(&input->text) == HEED_E_LIMIT)
		return error_set(error, HEED_E_LIMIT,
		                 "%s:%lld: the line is longer than %zu MiB", input->path,
		                 (long long)input->line, LINE_MAX_BYTES >> 20);
	return buf_error(&input->text) != 0 ? error_nomem(error) : 1;
}

static struct heed_str
source_of(const struct event_input *input)
{
	return input->source.len > 0 ? input->source : HEED_STR(DEFAULT_SOURCE);
}

/* A CloudEvent with what it leaves out. */
static int
complete(const struct event_input *input, struct arena *arena, struct heed_json given,
         struct event *ret_event, struct heed_error *error)
{
	struct event_parts defaults = {.source = source_of(input),
	                               .subject = input->subject};

	if (given.kind != HEED_OBJECT)
		return error_set(
			error, HEED_E_INVALID,
			"an event is a JSON object, not a %s (or give --type, and "
			"each line is an event's data)",
			json_kind_name(given));
	return event_complete(arena, given, &defaults, clock_wall_us(), ret_event, error);
}

static int
make(const struct event_input *input, struct heed_str id, struct heed_json data,
     bool has_data, struct arena *arena, struct event *ret_event,
     struct heed_error *error)
{
	struct event_parts parts = {
		.id = id,
		.source = source_of(input),
		.type = input->type,
		.subject = input->subject,
		.data = data,
		.has_data = has_data,
	};

	return event_from_parts(arena, &parts, clock_wall_us(), ret_event, error);
}

int
event_input_next(struct event_input *input, struct arena *arena, struct event *ret_event,
                 struct heed_error *error)
{
	struct heed_str line;
	struct heed_json value;
	int r;

	do {
		r = read_line(input, error);
		line = str_trim(buf_str(&input->text));
	} while (r == 1 && line.len == 0);
	if (r <= 0)
		return r;
	r = json_parse(arena, line, &value, error);
	if (r == 0)
		r = input->type.len > 0 ? make(input, (struct heed_str){NULL, 0}, value,
		                               true, arena, ret_event, error)
		                        : complete(input, arena, value, ret_event, error);
	if (r == 0)
		return 1;
	if (error != NULL)
		error->where[0] = '\0';
	error_where(error, "%s:%lld", input->path, (long long)input->line);
	return r;
}

int
event_input_make(struct event_input *input, struct heed_str id, struct heed_str data,
                 struct arena *arena, struct event *ret_event, struct heed_error *error)
{
	struct heed_json value = json_null();

	if (data.len > 0 && json_parse(arena, data, &value, error) < 0) {
		error_prefix(error, "--data");
		error_hint(error, "write JSON: --data '{\"id\": 1}', or a text: --data "
		                  "'\"hello\"'");
		return HEED_E_INVALID;
	}
	return make(input, id, value, data.len > 0, arena, ret_event, error);
}
