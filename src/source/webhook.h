/*
 * webhook.h - who may send: signatures, bearer tokens, and the handshakes of senders that
 * ask first.
 *
 * Signatures are those of GitHub (X-Hub-Signature-256) and of Standard Webhooks 1.0
 * (symmetric, v1). Handshakes are CloudEvents' abuse protection (OPTIONS) and Azure Event
 * Grid's subscription validation. Pure, any thread; comparisons take constant time.
 */
#ifndef HEED_SOURCE_WEBHOOK_H
#define HEED_SOURCE_WEBHOOK_H

#include "base/arena.h"
#include "base/json.h"
#include "heed.h"
#include "loop/http_client.h" /* struct http_header */

/* Indexes into the option's names. */
enum webhook_type { WEBHOOK_GITHUB, WEBHOOK_STANDARD };

struct webhook_key {
	int type;
	struct heed_str secret;
	int64_t tolerance_ms; /* STANDARD: age of a message, and how far ahead it may be
	                       */
};

/* Is the secret one that the type can use? HEED_E_CONFIG. */
int webhook_check_key(const struct webhook_key *key, struct heed_error *error);
/* Zero when `body` is signed with the key; HEED_E_REFUSED with words when not;
 * HEED_E_NOMEM. */
int
webhook_verify(const struct webhook_key *key, const struct http_header *headers, size_t n,
               struct heed_str body, int64_t now_us, struct heed_error *error);
/* Is `shown` the secret? */
bool webhook_same(struct heed_str shown, struct heed_str secret);
/* The token of "Authorization: Bearer TOKEN", or empty. */
struct heed_str webhook_bearer(const struct http_header *headers, size_t n);

/* Is `origin` among the allowed ones ("*" allows all)? */
bool
webhook_origin_allowed(struct heed_str origin, const struct heed_str *allowed, size_t n);
/* The code that an Event Grid validation request asks to be sent back, or empty. */
struct heed_str webhook_validation_code(struct heed_json body);

#endif
