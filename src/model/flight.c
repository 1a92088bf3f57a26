/*
 * flight.c - one call and those who wait for its reply.
 *
 * A flight begins when an admitted ticket calls. It gets a token if the model has a
 * credential, makes its one HTTP call (or lets the rules answer), decodes the reply,
 * settles with limiter and breaker, and hands the reply out: the first ticket pays, the
 * others share it for nothing. Nothing here repeats a call.
 */
#include "model/gateway.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "model/codec.h"

/* ---- identity ---------------------------------------------------------------------- */

static struct flight **
twin_bucket(struct gateway *gateway, const struct id_hash *key)
{
	return &gateway->twins[((size_t)key->bytes[0] << 8 | key->bytes[1]) %
	                       TWIN_BUCKETS];
}

struct flight *
flight_find(struct gateway *gateway, const struct id_hash *key)
{
	struct flight *flight = *twin_bucket(gateway, key);

	while (flight != NULL && memcmp(&flight->key, key, sizeof(*key)) != 0)
		flight = flight->twin;
	return flight;
}

static void
twin_remove(struct flight *flight)
{
	struct flight **at;

	if (!flight->has_key)
		return;
	flight->has_key = false;
	for (at = twin_bucket(flight->gateway, &flight->key); *at != flight;
	     at = &(*at)->twin)
		;
	*at = flight->twin;
}

/* ---- life -------------------------------------------------------------------------- */

struct flight *
flight_spare(struct gateway *gateway)
{
	struct flight *flight = mem_new(sizeof(*flight));

	if (flight == NULL)
		return NULL;
	flight->gateway = gateway;
	arena_init(&flight->arena, 0);
	return flight;
}

void
flight_spare_free(struct flight *flight)
{
	mem_free(flight);
}

static void
unqueue(struct flight *flight)
{
	struct gateway *gateway = flight->gateway;
	struct flight **at = &gateway->ready;

	if (!flight->queued)
		return;
	while (*at != flight)
		at = &(*at)->ready;
	*at = flight->ready;
	if (*at == NULL)
		gateway->ready_end = at;
	flight->queued = false;
}

/* Give the place in the limiter back; `real` tokens were used. */
static void
give_place(struct flight *flight, int64_t real, enum breaker_result result)
{
	struct lane *lane = flight->model->lane;
	int64_t now = loop_steady_ms(flight->gateway->loop);

	if (!flight->holds_place)
		return;
	flight->holds_place = false;
	limiter_give(&lane->limiter, flight->tokens, real);
	breaker_report(&lane->breaker, flight->probe, result, now);
	lane_stir(lane);
}

/* The model of a flight stays until it ends, whoever asked. */
static void
set_model(struct flight *flight, const struct model *model)
{
	flight->model = model;
	generation_ref(model->generation);
}

static void
flight_free(struct flight *flight)
{
	struct generation *generation = flight->model->generation;

	assert(flight->tickets == NULL);
	if (flight->call != NULL)
		http_cancel(flight->call);
	if (flight->waits_for_token)
		credential_cancel(flight->gateway->credentials, &flight->token);
	/* Cut off: what it used is not known, so the estimate stands. */
	give_place(flight, flight->tokens, BREAKER_NEUTRAL);
	twin_remove(flight);
	unqueue(flight);
	arena_done(&flight->arena);
	mem_free(flight);
	generation_unref(generation);
}

void
flight_join(struct flight *flight, struct ticket *ticket)
{
	ticket->flight = flight;
	ticket->prev = NULL;
	ticket->next = flight->tickets;
	if (flight->tickets != NULL)
		flight->tickets->prev = ticket;
	else
		flight->oldest = ticket;
	flight->tickets = ticket;
}

static void
detach(struct ticket *ticket)
{
	struct flight *flight = ticket->flight;

	if (ticket->prev != NULL)
		ticket->prev->next = ticket->next;
	else
		flight->tickets = ticket->next;
	if (ticket->next != NULL)
		ticket->next->prev = ticket->prev;
	else
		flight->oldest = ticket->prev;
	ticket->prev = ticket->next = NULL;
	ticket->flight = NULL;
}

void
flight_quit(struct ticket *ticket)
{
	struct flight *flight = ticket->flight;

	detach(ticket);
	if (flight->tickets == NULL && !flight->delivering)
		flight_free(flight);
}

/* ---- handing out ------------------------------------------------------------------- */

static struct ticket *
next_caller(struct flight *flight)
{
	struct ticket *ticket = flight->oldest;

	/* The oldest pays. */
	while (ticket != NULL && ticket->state != TICKET_CALLING)
		ticket = ticket->prev;
	return ticket;
}

static void
deliver(struct flight *flight)
{
	struct ticket *ticket;

	assert(flight->finished && !flight->delivering);
	flight->delivering = true;
	while ((ticket = next_caller(flight)) != NULL) {
		struct model_reply reply = flight->reply;
		model_done_fn *done = ticket->done;
		void *arg = ticket->arg;

		if (flight->paid) {
			reply.shared = true;
			reply.cost_nano = 0;
			reply.usage = (struct model_usage){0};
			flight->model->lane->stats.shared += !reply.cached;
		}
		flight->paid = true;
		detach(ticket);
		gateway_cancel(ticket);
		done(arg, &reply);
	}
	flight->delivering = false;
	if (flight->tickets == NULL)
		flight_free(flight);
}

void
flight_ready(struct flight *flight)
{
	struct gateway *gateway = flight->gateway;

	if (flight->queued)
		return;
	flight->queued = true;
	flight->ready = NULL;
	*gateway->ready_end = flight;
	gateway->ready_end = &flight->ready;
	loop_timer_set(gateway->loop, &gateway->timer, 0);
}

void
flight_deliver_ready(void *arg)
{
	struct gateway *gateway = arg;
	struct flight *last = NULL, *flight;

	/* Only those that are there now: what they add waits for the next turn. */
	for (flight = gateway->ready; flight != NULL; flight = flight->ready)
		last = flight;
	while (gateway->ready != NULL) {
		bool is_last = gateway->ready == last;

		flight = gateway->ready;
		unqueue(flight);
		deliver(flight);
		if (is_last)
			break;
	}
	if (gateway->ready != NULL)
		loop_timer_set(gateway->loop, &gateway->timer, 0);
}

/* ---- settling ---------------------------------------------------------------------- */

/* What the provider did not say is filled in from above, so that budgets hold. */
static void
fill_usage(struct flight *flight)
{
	struct model_reply *reply = &flight->reply;
	struct model_usage *usage = &reply->usage;

	if (!usage->estimated || !reply->sent)
		return;
	usage->input = flight->input_tokens;
	usage->output = reply->text.len > 0 ? model_tokens_estimate(reply->text.len)
	                                    : flight->output_tokens;
}

static enum breaker_result
judge(const struct model_reply *reply)
{
	if (reply->suspect)
		return BREAKER_BAD;
	return reply->class == MODEL_RATE || reply->code == HEED_E_NOMEM ? BREAKER_NEUTRAL
	                                                                 : BREAKER_GOOD;
}

/* The reply is there: count, pay, remember. */
static void
settle(struct flight *flight)
{
	struct gateway *gateway = flight->gateway;
	const struct model *model = flight->model;
	struct lane *lane = model->lane;
	struct model_reply *reply = &flight->reply;
	int64_t now = loop_steady_ms(gateway->loop);

	reply->elapsed_ms = now - flight->start_ms;
	fill_usage(flight);
	reply->cost_nano = model_cost(model, reply->model, &reply->usage,
	                              loop_wall_us(gateway->loop), &reply->price_known);
	lane->stats.failures += reply->class >= MODEL_RATE;
	if (reply->class == MODEL_RATE)
		limiter_refused(&lane->limiter, reply->retry_after_ms, now);
	else if (reply->class < MODEL_RATE)
		limiter_accepted(&lane->limiter);
	if (reply->status == 401 && model->credential != CREDENTIAL_NONE)
		credential_reject(gateway->credentials,
		                  (enum model_credential)model->credential, model->scope);
	if (reply->class == MODEL_ANSWER && model->cache_ms > 0 && flight->has_key)
		cache_put(gateway->cache, &flight->key, reply, now + model->cache_ms);
	twin_remove(flight);
	give_place(flight, reply->usage.input + reply->usage.output, judge(reply));
	flight->finished = true;
}

/* It ends here, without a response; delivered on a later turn. */
static void
fail(struct flight *flight, enum model_class class, int code, struct heed_str text)
{
	flight->reply.retry_after_ms = -1;
	reply_set(&flight->reply, class, code, &flight->arena, "%.*s", STR_ARG(text));
	settle(flight);
	flight_ready(flight);
}

/* ---- the call ---------------------------------------------------------------------- */

/* No response came: what does that mean? */
static void
read_failure(const struct http_reply *http, struct arena *arena,
             struct model_reply *reply)
{
	enum model_class class = MODEL_TRANSIENT;
	int code = http->error;

	reply->sent = http->sent;
	reply->suspect = true;
	reply->retry_after_ms = -1;
	if (code == HEED_E_LIMIT || code == HEED_E_INVALID || code == HEED_E_PERMANENT) {
		class = MODEL_PERMANENT;
		code = HEED_E_PERMANENT;
	} else if (code != HEED_E_TIMEOUT && code != HEED_E_NETWORK) {
		code = HEED_E_TRANSIENT;
	}
	/* The provider may have answered, and may bill it. */
	reply->usage.estimated = http->sent;
	reply_set(reply, class, code, arena, "%s", http->text);
}

static void
on_http(void *arg, const struct http_reply *http)
{
	struct flight *flight = arg;

	flight->call = NULL;
	if (http->error != 0) {
		read_failure(http, &flight->arena, &flight->reply);
	} else {
		struct model_response response = {
			.status = http->status,
			.headers = http->headers,
			.n_headers = http->n_headers,
			.body = http->body,
			.now_us = loop_wall_us(flight->gateway->loop),
		};

		model_kinds[flight->model->provider]->decode(
			flight->model, &response, &flight->arena, &flight->reply);
	}
	settle(flight);
	deliver(flight);
}

/* With `token` unless it is empty. */
static void
send_call(struct flight *flight, struct heed_str token)
{
	struct heed_error error = {0};
	struct http_request request = {
		.method = HEED_STR("POST"),
		.url = flight->request.url,
		.headers = flight->request.headers,
		.body = flight->request.body,
		.has_body = true,
		.timeout_ms = flight->model->timeout_ms,
	};
	int r;

	if (token.len > 0)
		codec_header(&flight->request, "Authorization",
		             arena_printf(&flight->arena, "Bearer %.*s", STR_ARG(token)));
	request.n_headers = flight->request.n_headers;
	flight->start_ms = loop_steady_ms(flight->gateway->loop);
	r = http_start(flight->gateway->http, &request, on_http, flight, &flight->call,
	               &error);
	if (r == HEED_E_NOMEM)
		fail(flight, MODEL_TRANSIENT, r, HEED_STR("out of memory"));
	else if (r != 0)
		fail(flight, MODEL_PERMANENT, HEED_E_PERMANENT, str_of(error.text));
	else
		flight->model->lane->stats.calls++;
}

static void
on_token(void *arg, int code, struct heed_str token, const char *text)
{
	struct flight *flight = arg;

	flight->waits_for_token = false;
	flight->reply.suspect = code != 0;
	if (code == 0)
		send_call(flight, token);
	else
		fail(flight, code == HEED_E_TRANSIENT ? MODEL_TRANSIENT : MODEL_PERMANENT,
		     code, str_of(text));
}

static void
authorize(struct flight *flight)
{
	const struct model *model = flight->model;
	struct heed_str token = {NULL, 0};
	int r = 0;

	if (model->credential != CREDENTIAL_NONE) {
		flight->token = (struct credential_wait){.fn = on_token, .arg = flight};
		r = credential_get(flight->gateway->credentials,
		                   (enum model_credential)model->credential, model->scope,
		                   &flight->token, &token);
	}
	if (r == HEED_WAIT)
		flight->waits_for_token = true;
	else if (r != 0)
		fail(flight, MODEL_TRANSIENT, r, HEED_STR("out of memory"));
	else
		send_call(flight, token);
}

/* By a stand-in, or a kind that makes no call. */
static bool
answer_here(struct flight *flight, const struct model_question *question)
{
	const struct model_stand_in *stand_in = &flight->gateway->stand_in;
	const struct model_kind *kind = model_kinds[flight->model->provider];

	if (stand_in->answer != NULL &&
	    stand_in->answer(stand_in->arg, flight->model, question, &flight->arena,
	                     &flight->reply))
		return true;
	if (kind->answer == NULL)
		return false;
	kind->answer(flight->model, question, &flight->arena, &flight->reply);
	return true;
}

void
flight_start(struct ticket *ticket, const struct model_question *question)
{
	const struct model *model = ticket->model;
	const struct model_kind *kind = model_kinds[model->provider];
	struct flight *flight = ticket->spare;
	struct heed_error error = {0};
	int r;

	ticket->spare = NULL;
	set_model(flight, model);
	flight->start_ms = loop_steady_ms(ticket->gateway->loop);
	flight_join(flight, ticket);
	flight->holds_place = true;
	flight->probe = ticket->probe;
	flight->tokens = ticket->tokens;
	model_question_tokens(model, question, &flight->input_tokens,
	                      &flight->output_tokens);
	if (answer_here(flight, question)) {
		model->lane->stats.calls++;
		settle(flight);
		flight_ready(flight);
		return;
	}
	if (ticket->has_key) {
		struct flight **bucket = twin_bucket(ticket->gateway, &ticket->key);

		flight->key = ticket->key;
		flight->has_key = true;
		flight->twin = *bucket;
		*bucket = flight;
	}
	r = kind->encode(model, question, &flight->arena, &flight->request, &error);
	if (r == 0 && question->trace.len > 0)
		codec_header(&flight->request, "traceparent",
		             arena_str(&flight->arena, question->trace));
	if (r == 0)
		authorize(flight);
	else
		fail(flight, r == HEED_E_NOMEM ? MODEL_TRANSIENT : MODEL_PERMANENT, r,
		     str_of(error.text[0] != '\0' ? error.text : heed_code_text(r)));
}

struct flight *
flight_from_cache(struct gateway *gateway, const struct model *model,
                  const struct id_hash *key)
{
	struct flight *flight = flight_spare(gateway);

	if (flight == NULL)
		return NULL;
	set_model(flight, model);
	if (cache_get(gateway->cache, key, loop_steady_ms(gateway->loop), &flight->arena,
	              &flight->reply) != 0) {
		flight_free(flight);
		return NULL;
	}
	model->lane->stats.cached++;
	flight->finished = true;
	flight->paid = true;
	return flight;
}
