/*
 * http_answer.c - see http_answer.h.
 */
#include "source/http_answer.h"

#include <stdio.h>

#include "base/str.h"

enum http_verdict
answer_refuse(struct http_exchange *exchange, int status, const char *title,
              const char *detail)
{
	http_problem(exchange, status, title, "%s", detail);
	return HTTP_ANSWERED;
}

enum http_verdict
answer_error(struct http_exchange *exchange, const struct heed_error *error)
{
	char detail[sizeof(error->text) + sizeof(error->where) + 8];

	(void)snprintf(detail, sizeof(detail),
	               error->where[0] != '\0' ? "%s (at %s)" : "%s%s", error->text,
	               error->where);
	switch (error->code) {
	case HEED_E_UNSUPPORTED:
		return answer_refuse(exchange, 415, "Unsupported media type", detail);
	case HEED_E_LIMIT:
		return answer_refuse(exchange, 413, "Content too large", detail);
	case HEED_E_NOMEM:
		return answer_refuse(exchange, 503, "Unavailable", detail);
	default:
		return answer_refuse(exchange, 400, "Not an event", detail);
	}
}

/* Not now: with Retry-After. */
static void
answer_later(struct http_exchange *exchange, int status, const char *title,
             struct heed_str detail, int64_t retry_after_ms)
{
	char seconds[24];
	struct http_header header = {HEED_STR("Retry-After"), {seconds, 0}};
	int64_t wait_s = retry_after_ms > 0 ? (retry_after_ms + 999) / 1000 : 1;

	header.value.len =
		(size_t)snprintf(seconds, sizeof(seconds), "%lld", (long long)wait_s);
	http_answer_problem(exchange, status, title, detail, &header, 1);
}

void
answer_busy(struct http_exchange *exchange, int64_t retry_after_ms)
{
	answer_later(exchange, 429, "Too many events",
	             HEED_STR("the queue is full, nothing was stored: send it again "
	                      "later"),
	             retry_after_ms);
}

void
answer_delivery(struct http_exchange *exchange, const struct delivery *delivery)
{
	const char *why = delivery->text;
	char text[400];
	int len;

	if (delivery->code == HEED_E_BUSY) {
		answer_busy(exchange, delivery->retry_after_ms);
		return;
	}
	if (delivery->code != 0) {
		len = snprintf(text, sizeof(text), "%s; send it again",
		               why != NULL ? why : heed_code_text(delivery->code));
		answer_later(
			exchange, 503, "Not stored",
			str_head((struct heed_str){text, (size_t)len}, sizeof(text) - 1),
			delivery->retry_after_ms);
		return;
	}
	len = snprintf(text, sizeof(text), "{\"accepted\":%zu,\"duplicates\":%zu}\n",
	               delivery->n_accepted, delivery->n_duplicate);
	http_answer(exchange, 202, "application/json",
	            (struct heed_str){text, (size_t)len}, NULL, 0);
}
