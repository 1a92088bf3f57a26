/*
 * fuzz_webhook.c - who may send: any signature headers, tokens and origins. Nobody
 * without the secret gets in. Three lines (id, time, signature), then the body.
 */
#include <assert.h>

#include "source/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_US (1614265330 * (int64_t)1000000)

static void
verify(const struct webhook_key *key, const struct http_header *headers, size_t n,
       struct heed_str body)
{
	struct heed_error error = {0};

	assert(webhook_verify(key, headers, n, body, NOW_US, &error) == HEED_E_REFUSED);
	assert(error.text[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct webhook_key standard = {
		WEBHOOK_STANDARD, HEED_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
		300000};
	const struct webhook_key github = {WEBHOOK_GITHUB, HEED_STR("a secret"), 0};
	const struct heed_str allowed = HEED_STR("example.com");
	struct heed_str rest = {(const char *)data, size};
	struct http_header headers[5] = {{HEED_STR("webhook-id"), {NULL, 0}},
	                                 {HEED_STR("webhook-timestamp"), {NULL, 0}},
	                                 {HEED_STR("webhook-signature"), {NULL, 0}},
	                                 {HEED_STR("x-hub-signature-256"), {NULL, 0}},
	                                 {HEED_STR("authorization"), {NULL, 0}}};
	size_t i;

	for (i = 0; i < 3; i++)
		headers[i].value = str_cut(&rest, '\n');
	headers[3].value = headers[4].value = headers[2].value;
	verify(&standard, headers, 5, rest);
	verify(&github, headers, 5, rest);
	assert(webhook_bearer(headers, 5).len < size + 1);
	if (webhook_origin_allowed(headers[0].value, &allowed, 1))
		assert(headers[0].value.len == allowed.len);
	return 0;
}
