/*
 * http_request.h - an http action's request: as it is recorded, and as it is sent.
 */
#ifndef HEED_ACTION_HTTP_REQUEST_H
#define HEED_ACTION_HTTP_REQUEST_H

#include "config/bind.h"
#include "engine/action.h"

struct http_auth {
	struct heed_str bearer;
	struct heed_str user;
	struct heed_str password;
};

struct http_action {
	struct action action;
	struct heed_str method;
	struct template *url;
	struct option_pairs query;
	struct option_pairs headers;
	struct http_auth auth;
	struct shape *body; /* or form, or text, or none of them */
	struct option_pairs form;
	struct template *text;
	bool keyed;
	int64_t reply_max;
	struct heed_str ca_file;
};

/* As action_kind.prepare: {method, url, headers, body | form | text}. */
int http_request_prepare(const struct action *action, struct heed_json input,
                         struct arena *arena, struct heed_json *ret_request,
                         struct heed_error *error);
/* Fill method, URL, headers and body of `request` from call->request; credentials and
 * what belongs to the call are added, and with `with_key` its Idempotency-Key.
 * HEED_E_NOMEM. */
int
http_request_make(const struct http_action *http, const struct action_call *call,
                  bool with_key, struct http_request *request, struct heed_error *error);

#endif
