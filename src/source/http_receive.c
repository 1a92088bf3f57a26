/*
 * http_receive.c - the http source's side on the server's thread: who asks, and for what.
 *
 * Pure work on the exchange's own arena. What is no event is answered here; the loop
 * hears only of what it can take.
 */
#include "base/clock.h"
#include "base/error.h"
#include "source/cloudevents_http.h"
#include "source/form.h"
#include "source/http_answer.h"
#include "source/http_local.h"

/* ---- who asks, and for what -------------------------------------------------------- */

struct heed_str
http_exchange_header(const struct http_exchange *exchange, const char *name)
{
	return http_header_find(exchange->headers, exchange->n_headers, name);
}

/* The OPTIONS handshake of CloudEvents webhooks. */
static enum http_verdict
shake_hands(const struct http_source *http, struct http_exchange *exchange)
{
	struct heed_str origin = http_exchange_header(exchange, "webhook-request-origin");
	struct heed_str rate = http_exchange_header(exchange, "webhook-request-rate");
	int64_t asked;

	if (origin.len == 0) {
		const struct http_header allow = {HEED_STR("Allow"),
		                                  HEED_STR("POST, OPTIONS")};

		http_answer(exchange, 204, NULL, (struct heed_str){NULL, 0}, &allow, 1);
		return HTTP_ANSWERED;
	}
	if (!webhook_origin_allowed(origin, http->origins.items, http->origins.n))
		return answer_refuse(
			exchange, 403, "Forbidden",
			"this origin may not subscribe here (allowed_origins)");
	if (str_to_i64(rate, &asked) < 0 || asked <= 0)
		rate = HEED_STR("*");
	const struct http_header granted[] = {
		{HEED_STR("Allow"), HEED_STR("POST")},
		{HEED_STR("WebHook-Allowed-Origin"), origin},
		{HEED_STR("WebHook-Allowed-Rate"), rate},
	};
	http_answer(exchange, 200, NULL, (struct heed_str){NULL, 0}, granted, 3);
	return HTTP_ANSWERED;
}

static bool
knows_token(const struct http_source *http, struct http_exchange *exchange)
{
	struct heed_str shown = webhook_bearer(exchange->headers, exchange->n_headers);

	if (http->auth.bearer.len == 0)
		return true;
	if (shown.len == 0)
		shown = http_query(exchange, "access_token");
	return webhook_same(shown, http->auth.bearer);
}

/* Zero, or the exchange is answered. */
static int
check_sender(const struct http_source *http, struct http_exchange *exchange)
{
	struct heed_error error = {0};
	int r;

	if (!knows_token(http, exchange)) {
		const struct http_header ask = {HEED_STR("WWW-Authenticate"),
		                                HEED_STR("Bearer")};

		http_answer_problem(
			exchange, 401, "Unauthorized",
			HEED_STR("send the token as \"Authorization: Bearer TOKEN\""),
			&ask, 1);
		return HEED_E_REFUSED;
	}
	if (http->signature.secret.len == 0)
		return 0;
	r = webhook_verify(&http->signature, exchange->headers, exchange->n_headers,
	                   exchange->body, clock_wall_us(), &error);
	if (r == HEED_E_REFUSED)
		(void)answer_refuse(exchange, 401, "Unauthorized", error.text);
	else if (r < 0)
		(void)answer_error(exchange, &error);
	return r;
}

/* Event Grid's own handshake: send its code back, with 200. */
static enum http_verdict
validate_subscription(const struct http_source *http, struct http_exchange *exchange)
{
	struct heed_json body = json_null();
	struct heed_json answer;
	struct json_build build;
	struct heed_str code;
	struct heed_str text = {NULL, 0};

	if (!webhook_origin_allowed(HEED_STR("eventgrid.azure.net"), http->origins.items,
	                            http->origins.n))
		return answer_refuse(exchange, 403, "Forbidden",
		                     "eventgrid.azure.net is not in allowed_origins");
	(void)json_parse(&exchange->arena, exchange->body, &body,
	                 NULL); /* then there is no code */
	code = webhook_validation_code(body);
	if (code.len == 0)
		return answer_refuse(exchange, 400, "Bad request",
		                     "there is no validationCode");
	json_object(&build, &exchange->arena);
	json_set_cstr(&build, "validationResponse", json_str(code));
	if (json_build_end(&build, &answer) == 0)
		text = json_text_of(&exchange->arena, answer);
	if (text.data == NULL)
		return answer_refuse(exchange, 503, "Unavailable", "out of memory");
	http_answer(exchange, 200, "application/json", text, NULL, 0);
	return HTTP_ANSWERED;
}

/* ---- what was sent ----------------------------------------------------------------- */

/* The headers as an object; those that carry secrets stay out of the expressions' sight.
 */
static int
read_headers(struct http_exchange *exchange, struct heed_json *ret_headers,
             struct heed_error *error)
{
	struct json_build build;
	size_t i;

	json_object(&build, &exchange->arena);
	for (i = 0; i < exchange->n_headers; i++) {
		const struct http_header *at = &exchange->headers[i];

		if (str_utf8(at->name) && str_utf8(at->value) &&
		    !str_is(at->name, "authorization") && !str_is(at->name, "cookie"))
			json_set(&build, at->name, json_str(at->value));
	}
	return json_build_end(&build, ret_headers) < 0 ? error_nomem(error) : 0;
}

/* What the sender names the message by, so that its retries are the same event. */
static struct heed_str
message_id(const struct http_exchange *exchange)
{
	static const char *const names[] = {"webhook-id", "x-github-delivery",
	                                    "idempotency-key"};
	struct heed_str id = {NULL, 0};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) && id.len == 0; i++)
		id = http_exchange_header(exchange, names[i]);
	if (id.len > 2 && id.data[0] == '"' && id.data[id.len - 1] == '"')
		id = str_head(str_from(id, 1), id.len - 2);
	return str_utf8(id) ? id : (struct heed_str){NULL, 0};
}

static int
read_input(struct parsed *parsed, struct http_exchange *exchange, struct heed_json body,
           struct heed_error *error)
{
	struct json_build build;
	struct heed_json headers;
	struct heed_json query;
	int r;

	r = form_read(&exchange->arena, exchange->query, "access_token", &query, error);
	if (r < 0) {
		error_prefix(error, "the query");
		return r;
	}
	HEED_TRY(read_headers(exchange, &headers, error));
	json_object(&build, &exchange->arena);
	json_set_cstr(&build, "headers", headers);
	json_set_cstr(&build, "query", query);
	json_set_cstr(&build, "body", body);
	parsed->plain = true;
	parsed->id = message_id(exchange);
	return json_build_end(&build, &parsed->input) < 0 ? error_nomem(error) : 0;
}

static bool
is_form(struct heed_str content_type)
{
	struct heed_str type = str_head(content_type, str_find(content_type, ';'));

	return str_is_nocase(str_trim(type), "application/x-www-form-urlencoded");
}

static int
fail_type(const struct http_source *http, struct heed_error *error)
{
	return error_set(error, HEED_E_UNSUPPORTED,
	                 "send JSON: Content-Type: application/cloudevents+json, "
	                 "application/cloudevents-batch+json%s, or ce- headers",
	                 http->mapping.type != NULL ? ", application/json" : "");
}

/* A body that nothing in the headers calls a CloudEvent. */
static int
read_plain(const struct http_source *http, struct parsed *parsed,
           struct http_exchange *exchange, struct heed_error *error)
{
	struct heed_str type = http_exchange_header(exchange, "content-type");
	bool mapped = http->mapping.type != NULL;
	bool form = mapped && is_form(type);
	struct heed_json body;

	if (!form && !cloudevents_is_json(type) && (type.len > 0 || !mapped))
		return fail_type(http, error);
	if (exchange->body.len == 0)
		return error_set(error, HEED_E_INVALID, "the body is empty");
	if (form)
		HEED_TRY(form_read(&exchange->arena, exchange->body, NULL, &body, error));
	else
		HEED_TRY(json_parse(&exchange->arena, exchange->body, &body, error));
	if (mapped)
		return read_input(parsed, exchange, body, error);
	if (!cloudevents_looks_like(body))
		return cloudevents_fail_plain(error);
	return cloudevents_from_json(&exchange->arena, body, clock_wall_us(),
	                             &parsed->events, &parsed->n, error);
}

static int
read_body(const struct http_source *http, struct parsed *parsed,
          struct http_exchange *exchange, struct heed_error *error)
{
	const struct cloudevents_request request = {
		.headers = exchange->headers,
		.n_headers = exchange->n_headers,
		.body = exchange->body,
		.now_us = clock_wall_us(),
	};
	struct heed_str coding = http_exchange_header(exchange, "content-encoding");
	struct heed_str trace = http_exchange_header(exchange, "traceparent");
	size_t i;

	if (coding.len > 0 && !str_is_nocase(coding, "identity"))
		return error_set(error, HEED_E_UNSUPPORTED,
		                 "send the body without compression");
	switch (cloudevents_mode(&request)) {
	case CLOUDEVENTS_OTHER_FORMAT:
		return error_set(error, HEED_E_UNSUPPORTED,
		                 "only the JSON format is understood");
	case CLOUDEVENTS_NONE:
		HEED_TRY(read_plain(http, parsed, exchange, error));
		break;
	default:
		HEED_TRY(cloudevents_read(&exchange->arena, &request, &parsed->events,
		                          &parsed->n, error));
	}
	for (i = 0; i < parsed->n && event_is_trace(trace); i++)
		if (parsed->events[i].trace.len == 0)
			parsed->events[i].trace = trace;
	return 0;
}

enum http_verdict
http_receive(struct http_source *http, struct http_exchange *exchange)
{
	const struct http_header allow = {HEED_STR("Allow"), HEED_STR("POST, OPTIONS")};
	struct parsed *parsed = ARENA_NEW(&exchange->arena, struct parsed);
	struct heed_error error = {0};
	int r;

	exchange->answers = http->source.answers;
	if (parsed == NULL)
		return answer_refuse(exchange, 503, "Unavailable", "out of memory");
	exchange->context = parsed;
	if (str_is(exchange->method, "OPTIONS"))
		return shake_hands(http, exchange);
	if (!str_is(exchange->method, "POST")) {
		http_answer_problem(
			exchange, 405, "Method not allowed",
			HEED_STR("POST a CloudEvent here, for example: curl -H "
		                 "'Content-Type: "
		                 "application/cloudevents+json' -d "
		                 "'{\"specversion\":\"1.0\","
		                 "\"id\":\"1\",\"source\":\"/me\",\"type\":\"test\","
		                 "\"data\":{}}' URL"),
			&allow, 1);
		return HTTP_ANSWERED;
	}
	if (check_sender(http, exchange) < 0)
		return HTTP_ANSWERED;
	if (str_is(http_exchange_header(exchange, "aeg-event-type"),
	           "SubscriptionValidation"))
		return validate_subscription(http, exchange);
	r = read_body(http, parsed, exchange, &error);
	return r < 0 ? answer_error(exchange, &error) : HTTP_FORWARD;
}
