/*
 * http_answer.h - what the http source says: problems that name what is wrong and what to
 * do, and what became of a delivery.
 */
#ifndef HEED_SOURCE_HTTP_ANSWER_H
#define HEED_SOURCE_HTTP_ANSWER_H

#include "engine/source.h"
#include "loop/http_server.h"

/* A problem, for the end of `receive`. */
enum http_verdict answer_refuse(struct http_exchange *exchange, int status,
                                const char *title, const char *detail);
/* 400, 413, 415 or 503 by the error's code, with its words and place. */
enum http_verdict
answer_error(struct http_exchange *exchange, const struct heed_error *error);
/* 429 with Retry-After. */
void answer_busy(struct http_exchange *exchange, int64_t retry_after_ms);
/* 202 with counts, 429, or 503. */
void answer_delivery(struct http_exchange *exchange, const struct delivery *delivery);

#endif
