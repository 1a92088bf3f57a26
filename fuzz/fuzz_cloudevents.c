/*
 * fuzz_cloudevents.c - any bytes as an HTTP request with CloudEvents: "name: value"
 * lines, an empty line, the body. What is accepted is an event whose stored text reads
 * back as the same event.
 */
#include <assert.h>

#include "source/cloudevents_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS_MAX 32

static size_t
read_headers(struct heed_str *rest, struct http_header headers[HEADERS_MAX])
{
	size_t n = 0;

	while (rest->len > 0) {
		struct heed_str line = str_cut(rest, '\n');

		if (line.len == 0)
			break;
		if (n == HEADERS_MAX)
			continue;
		headers[n].name = str_cut(&line, ':');
		headers[n++].value = str_trim(line);
	}
	return n;
}

static void
check(struct arena *arena, const struct event *event)
{
	struct heed_json root;
	struct event again;

	assert(event->id.len > 0 && event->source.len > 0 && event->type.len > 0);
	assert(str_utf8(event->json));
	assert(json_parse(arena, event->json, &root, NULL) == 0);
	assert(event_from_json(arena, root, 1, &again, NULL) == 0);
	assert(str_eq(again.json, event->json) && again.time_us == event->time_us);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str rest = {(const char *)data, size};
	struct http_header headers[HEADERS_MAX];
	struct cloudevents_request request = {.headers = headers, .now_us = 1000};
	struct heed_error error = {0};
	struct event *events;
	struct arena arena;
	size_t i;
	size_t n;

	request.n_headers = read_headers(&rest, headers);
	request.body = rest;
	arena_init(&arena, 0);
	if (cloudevents_mode(&request) == CLOUDEVENTS_OTHER_FORMAT)
		n = 0;
	else if (cloudevents_read(&arena, &request, &events, &n, &error) < 0)
		assert(error.text[0] != '\0');
	for (i = 0; error.code == 0 && i < n; i++)
		check(&arena, &events[i]);
	arena_done(&arena);
	return 0;
}
