/*
 * file_events.c - see file_events.h.
 */
#include "source/file_events.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "source/cloudevents_http.h"

static int
map_line(const struct file_events *events, struct arena *arena,
         const struct file_line *line, struct event **ret_events, size_t *ret_n,
         struct heed_error *error)
{
	const struct mapping_defaults defaults = {
		.source = events->uri,
		.now_us = events->now_us,
	};
	struct json_build build;
	struct heed_json input;

	json_object(&build, arena);
	json_set_cstr(&build, "body", line->body);
	json_set_cstr(&build, "file", json_str(line->file));
	json_set_cstr(&build, "line", json_int(line->line));
	if (json_build_end(&build, &input) < 0)
		return error_nomem(error);
	return mapping_apply(events->mapping, arena, input, &defaults, ret_events, ret_n,
	                     error);
}

static int
read_line(const struct file_events *events, struct arena *arena,
          const struct file_line *line, struct event **ret_events, size_t *ret_n,
          struct heed_error *error)
{
	if (cloudevents_looks_like(line->body))
		return cloudevents_from_json(arena, line->body, events->now_us,
		                             ret_events, ret_n, error);
	if (events->mapping->type == NULL)
		return cloudevents_fail_plain(error);
	return map_line(events, arena, line, ret_events, ret_n, error);
}

/* The line's beginning as text, or in base64 when it is none. */
static int
set_sample(struct json_build *build, struct arena *arena, const struct file_line *line)
{
	struct heed_str text = line->sample;
	struct heed_buf buf;

	if (str_utf8(text)) {
		json_set_cstr(build, "text", json_str(text));
		return 0;
	}
	buf_init(&buf, 0);
	buf_add_base64(&buf, text.data, text.len);
	text = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	json_set_cstr(build, "text_base64", json_str(text));
	return text.len == 0 ? HEED_E_NOMEM : 0;
}

static int
make_rejected(const struct file_events *events, struct arena *arena,
              const struct file_line *line, struct event *ret_event)
{
	struct event_parts parts = {
		.source = events->uri,
		.type = HEED_STR(FILE_REJECTED_TYPE),
		.has_data = true,
	};
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "file", json_str(line->file));
	json_set_cstr(&build, "line", json_int(line->line));
	json_set_cstr(&build, "error", json_str(line->wrong));
	HEED_TRY(set_sample(&build, arena, line));
	if (json_build_end(&build, &parts.data) < 0)
		return HEED_E_NOMEM;
	return event_from_parts(arena, &parts, events->now_us, ret_event, NULL);
}

int
file_line_reject(struct file_line *line, struct arena *arena, struct heed_str why)
{
	struct heed_str text = json_text_of(arena, line->body);

	line->sample = str_head_utf8(text, FILE_SAMPLE_MAX);
	line->wrong = arena_str(arena, why);
	return text.data == NULL || line->wrong.data == NULL ? HEED_E_NOMEM : 0;
}

static int
append(struct file_events *events, const struct event *items, size_t n)
{
	HEED_TRY(mem_grow((void **)&events->items, &events->cap, events->n + n,
	                  sizeof(*items)));
	if (n > 0)
		memcpy(events->items + events->n, items, n * sizeof(*items));
	events->n += n;
	return 0;
}

int
file_events_add(struct file_events *events, struct arena *arena, struct file_line *line)
{
	struct heed_error error = {0};
	struct event rejected;
	struct event *items = NULL;
	size_t n = 0;
	int r = 0;

	if (line->wrong.len == 0)
		r = read_line(events, arena, line, &items, &n, &error);
	if (r == HEED_E_NOMEM)
		return r;
	if (r < 0)
		HEED_TRY(file_line_reject(line, arena, str_of(error.text)));
	if (line->wrong.len == 0)
		return append(events, items, n);
	HEED_TRY(make_rejected(events, arena, line, &rejected));
	if (events->n_rejected++ == 0)
		events->first_rejected = line;
	return append(events, &rejected, 1);
}
