/*
 * credential_http.h - the requests and replies of the token services, as data.
 */
#ifndef HEED_MODEL_CREDENTIAL_HTTP_H
#define HEED_MODEL_CREDENTIAL_HTTP_H

#include "base/arena.h"
#include "loop/http_client.h"

struct token_request {
	struct heed_str url;
	struct http_header headers[2];
	size_t n_headers;
	struct heed_str body; /* a form; empty: GET */
	bool local;           /* no proxy, and a short patience when connecting */
	bool arc;             /* a 401 names a file with the secret to send */
};

/* Each makes the request on `arena`: 0, HEED_E_NOTFOUND (not configured here), HEED_E_IO
 * (a file can't be read), HEED_E_NOMEM. */
int token_request_secret(struct arena *arena, struct heed_str scope,
                         struct token_request *ret);
int token_request_workload(struct arena *arena, struct heed_str scope,
                           struct token_request *ret);
int token_request_managed(struct arena *arena, struct heed_str scope, const char *imds,
                          struct token_request *ret);
/* Azure Arc's second request: the secret is in the file that `challenge` names. */
int token_request_arc(struct arena *arena, struct heed_str challenge,
                      struct token_request *request);

struct token {
	struct heed_str text;
	int64_t life_ms;    /* from now */
	int64_t refresh_ms; /* from now */
};

/* A token from a reply's body (any of the services', and az's). `now_us` for absolute
 * times. HEED_E_INVALID. */
int token_read(struct arena *arena, struct heed_str body, int64_t now_us,
               struct token *ret_token);
/* The words of a failed reply, without anything secret. */
struct heed_str token_failure(struct arena *arena, struct heed_str body);

#endif
