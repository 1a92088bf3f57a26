/*
 * cloudevents_http.h - from an HTTP request to CloudEvents: the HTTP protocol
 * binding 1.0.2.
 *
 * Pure: no state, any thread.
 */
#ifndef HEED_SOURCE_CLOUDEVENTS_HTTP_H
#define HEED_SOURCE_CLOUDEVENTS_HTTP_H

#include "engine/event.h"
#include "loop/http_client.h" /* struct http_header */

#define CLOUDEVENTS_BATCH_MAX 10000 /* events in one request */

enum cloudevents_mode {
	CLOUDEVENTS_STRUCTURED,
	CLOUDEVENTS_BATCHED,
	CLOUDEVENTS_BINARY,
	CLOUDEVENTS_OTHER_FORMAT, /* a CloudEvent, but not as JSON: XML, Avro ... */
	CLOUDEVENTS_NONE,         /* nothing in the headers says that it is one */
};

struct cloudevents_request {
	const struct http_header *headers; /* names in lower case */
	size_t n_headers;
	struct heed_str body;
	int64_t now_us; /* time of events that have none */
};

enum cloudevents_mode cloudevents_mode(const struct cloudevents_request *request);
/* Is it application/json, text/json or anything/...+json? Parameters do not matter. */
bool cloudevents_is_json(struct heed_str content_type);
/* Read the events of a request in one of the first three modes, or of a JSON body without
 * any mode that holds an event or a list of them. HEED_E_INVALID names what is wrong,
 * with line:column of malformed JSON in error->where; HEED_E_LIMIT above
 * CLOUDEVENTS_BATCH_MAX. */
int cloudevents_read(struct arena *arena, const struct cloudevents_request *request,
                     struct event **ret_events, size_t *ret_n, struct heed_error *error);
/* The same from JSON that is parsed already: an event, or a list of events. */
int
cloudevents_from_json(struct arena *arena, struct heed_json root, int64_t now_us,
                      struct event **ret_events, size_t *ret_n, struct heed_error *error);
/* Does it look like an event in JSON format, or a list of those? */
bool cloudevents_looks_like(struct heed_json root);
/* Say that it does not, and that there is no mapping. HEED_E_INVALID. */
int cloudevents_fail_plain(struct heed_error *error);

#endif
