/*
 * gateway.c - the gateway's face: models come and go, tickets are admitted, call, and
 * end.
 *
 * The work is done by lanes (who may go when), flights (the calls) and the parts that
 * they stand on; see gateway.h for who holds what.
 */
#include "model/gateway.h"

#include <assert.h>

#include "base/error.h"
#include "base/mem.h"
#include "model/codec.h"

#define CACHE_BYTES ((size_t)64 * 1024 * 1024)

/* ---- models ------------------------------------------------------------------------ */

static struct model *
find_model(struct model *models, size_t n, struct heed_str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(models[i].name, name))
			return &models[i];
	return NULL;
}

static int
link_fallbacks(struct model *models, size_t n, struct heed_error *error)
{
	for (size_t i = 0; i < n; i++) {
		struct model *model = &models[i];

		model->next = NULL;
		if (model->fallback.len == 0)
			continue;
		model->next = find_model(models, n, model->fallback);
		if (model->next == NULL)
			return error_set(error, HEED_E_CONFIG,
			                 "model %.*s: there is no fallback %.*s",
			                 STR_ARG(model->name), STR_ARG(model->fallback));
	}
	for (size_t i = 0; i < n; i++) {
		const struct model *model = &models[i];

		for (size_t steps = 0; model != NULL; steps++, model = model->next)
			if (steps > n)
				return error_set(
					error, HEED_E_CONFIG,
					"model %.*s: its fallbacks form a circle",
					STR_ARG(models[i].name));
	}
	return 0;
}

int
gateway_add(struct gateway *gateway, struct model *models, size_t n,
            struct heed_error *error)
{
	HEED_TRY(link_fallbacks(models, n, error));
	for (size_t i = 0; i < n; i++) {
		models[i].lane = lane_ref(gateway, &models[i]);
		if (models[i].lane == NULL) {
			gateway_remove(gateway, models, i);
			return error_nomem(error);
		}
	}
	return 0;
}

void
gateway_renew(struct model *models, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lane_set(models[i].lane, &models[i]);
}

void
gateway_remove(struct gateway *gateway, struct model *models, size_t n)
{
	(void)gateway;
	for (size_t i = 0; i < n; i++) {
		if (models[i].lane != NULL)
			lane_unref(models[i].lane);
		models[i].lane = NULL;
	}
}

/* ---- identity of questions --------------------------------------------------------- */

int
flight_key(const struct model *model, const struct model_question *question,
           struct id_hash *ret_key)
{
	struct heed_buf schema, rest;
	int r;

	buf_init(&schema, 0);
	buf_init(&rest, 0);
	json_write(&schema, question->schema, JSON_COMPACT);
	json_write(&rest, model->extra, JSON_COMPACT);
	buf_addf(&rest, "%d %d %lld %lld %.17g %.17g", model->provider, model->form,
	         (long long)question->max_tokens, (long long)model->max_tokens,
	         question->temperature, model->temperature);
	r = buf_error(&schema) != 0 ? buf_error(&schema) : buf_error(&rest);
	if (r == 0) {
		const struct heed_str parts[] = {
			model->name,        model->endpoint,     model->model,
			model->deployment,  model->api_version,  model->system,
			question->name,     question->system,    question->prompt,
			question->previous, question->complaint, buf_str(&schema),
			buf_str(&rest),
		};

		*ret_key = id_hash_parts(parts, sizeof(parts) / sizeof(parts[0]));
	}
	buf_done(&schema);
	buf_done(&rest);
	return r;
}

/* ---- tickets ----------------------------------------------------------------------- */

const struct model *
ticket_model(const struct ticket *ticket)
{
	return ticket->model;
}

bool
ticket_free_of_charge(const struct ticket *ticket)
{
	return ticket->flight != NULL ||
	       model_kinds[ticket->model->provider]->answer != NULL;
}

static struct ticket *
ticket_new(struct gateway *gateway, const struct model *first)
{
	struct ticket *ticket = mem_new(sizeof(*ticket));

	if (ticket == NULL)
		return NULL;
	ticket->spare = flight_spare(gateway);
	if (ticket->spare == NULL) {
		mem_free(ticket);
		return NULL;
	}
	ticket->gateway = gateway;
	ticket->first = first;
	generation_ref(first->generation);
	ticket->model = first;
	ticket->all_next = gateway->tickets;
	if (gateway->tickets != NULL)
		gateway->tickets->all_prev = ticket;
	gateway->tickets = ticket;
	return ticket;
}

static void
ticket_free(struct ticket *ticket)
{
	struct generation *generation = ticket->first->generation;

	if (ticket->all_prev != NULL)
		ticket->all_prev->all_next = ticket->all_next;
	else
		ticket->gateway->tickets = ticket->all_next;
	if (ticket->all_next != NULL)
		ticket->all_next->all_prev = ticket->all_prev;
	flight_spare_free(ticket->spare);
	mem_free(ticket);
	generation_unref(generation);
}

/* Take a cached answer of any model of the chain. */
static int
try_cache(struct ticket *ticket, const struct model_question *question)
{
	for (const struct model *model = ticket->first; model != NULL;
	     model = model->next) {
		struct flight *flight;
		struct id_hash key;

		if (model->cache_ms == 0 || model_kinds[model->provider]->answer != NULL)
			continue;
		HEED_TRY(flight_key(model, question, &key));
		flight = flight_from_cache(ticket->gateway, model, &key);
		if (flight == NULL)
			continue;
		ticket->model = model;
		ticket->state = TICKET_ADMITTED;
		flight_join(flight, ticket);
		return 0;
	}
	return HEED_E_NOTFOUND;
}

/* Join an identical call that is under way. */
static bool
try_twin(struct ticket *ticket, const struct model *model,
         const struct model_question *question)
{
	struct flight *flight;
	struct id_hash key;

	if (!model->coalesce || model_kinds[model->provider]->answer != NULL ||
	    flight_key(model, question, &key) != 0)
		return false;
	flight = flight_find(ticket->gateway, &key);
	if (flight == NULL)
		return false;
	ticket->model = model;
	ticket->state = TICKET_ADMITTED;
	flight_join(flight, ticket);
	return true;
}

int
gateway_admit(struct gateway *gateway, const struct model *first,
              const struct model_question *question, loop_fn *wake, void *arg,
              struct ticket **ret_ticket, struct heed_error *error)
{
	struct ticket *ticket = ticket_new(gateway, first);
	int r;

	if (ticket == NULL)
		return error_nomem(error);
	ticket->wake = wake;
	ticket->arg = arg;
	ticket->tokens = model_question_tokens(first, question, NULL, NULL);
	r = try_cache(ticket, question);
	if (r == HEED_E_NOTFOUND)
		r = try_twin(ticket, first, question) ? 0 : lane_enter(ticket);
	if (r < 0) {
		ticket_free(ticket);
		if (r == HEED_E_BUSY)
			return error_set(error, r, "model %.*s: its line is full",
			                 STR_ARG(first->name));
		return error_nomem(error);
	}
	*ret_ticket = ticket;
	return r;
}

/* Give back what an admitted ticket without a flight holds. */
static void
give_place(struct ticket *ticket)
{
	struct lane *lane = ticket->model->lane;

	limiter_undo(&lane->limiter, ticket->tokens);
	breaker_report(&lane->breaker, ticket->probe, BREAKER_NEUTRAL,
	               loop_steady_ms(ticket->gateway->loop));
	lane_stir(lane);
}

/* Another may have called with the same question since this ticket was admitted. */
static void
join_late(struct ticket *ticket, const struct model_question *question)
{
	const struct model *model = ticket->model;
	struct flight *twin;

	if (model_kinds[model->provider]->answer != NULL ||
	    (!model->coalesce && model->cache_ms == 0))
		return;
	/* Without memory for the key it is simply a call of its own. */
	ticket->has_key = flight_key(model, question, &ticket->key) == 0;
	twin = ticket->has_key && model->coalesce
	               ? flight_find(ticket->gateway, &ticket->key)
	               : NULL;
	if (twin == NULL)
		return;
	give_place(ticket);
	flight_join(twin, ticket);
}

void
gateway_call(struct ticket *ticket, const struct model_question *question,
             model_done_fn *done, void *arg)
{
	assert(ticket->state == TICKET_ADMITTED);
	ticket->state = TICKET_CALLING;
	ticket->done = done;
	ticket->arg = arg;
	if (ticket->flight == NULL)
		join_late(ticket, question);
	if (ticket->flight == NULL)
		flight_start(ticket, question);
	else if (ticket->flight->finished)
		flight_ready(ticket->flight);
}

void
gateway_cancel(struct ticket *ticket)
{
	if (ticket == NULL)
		return;
	if (ticket->state == TICKET_WAITING)
		lane_leave(ticket);
	else if (ticket->flight != NULL)
		flight_quit(ticket);
	else if (ticket->state == TICKET_ADMITTED)
		give_place(ticket);
	ticket_free(ticket);
}

/* ---- the gateway ------------------------------------------------------------------- */

int
gateway_new(struct loop *loop, struct http_client *http,
            const struct gateway_options *options, struct gateway **ret_gateway)
{
	struct gateway *gateway = mem_new(sizeof(*gateway));
	size_t cache_max = options != NULL && options->cache_max > 0 ? options->cache_max
	                                                             : CACHE_BYTES;

	if (gateway == NULL)
		return HEED_E_NOMEM;
	gateway->loop = loop;
	gateway->http = http;
	gateway_stand_in(gateway, options != NULL ? options->stand_in : NULL);
	gateway->ready_end = &gateway->ready;
	loop_timer_init(&gateway->timer, flight_deliver_ready, gateway);
	gateway->cache = cache_new(cache_max);
	gateway->credentials = credentials_new(
		loop, http, options != NULL ? options->imds_endpoint : NULL);
	if (gateway->cache == NULL || gateway->credentials == NULL ||
	    loop_timers_reserve(loop, 1) != 0) {
		gateway_free(gateway);
		return HEED_E_NOMEM;
	}
	*ret_gateway = gateway;
	return 0;
}

void
gateway_stand_in(struct gateway *gateway, const struct model_stand_in *stand_in)
{
	gateway->stand_in = stand_in != NULL ? *stand_in : (struct model_stand_in){NULL};
}

void
gateway_free(struct gateway *gateway)
{
	if (gateway == NULL)
		return;
	while (gateway->tickets != NULL)
		gateway_cancel(gateway->tickets);
	loop_timer_clear(gateway->loop, &gateway->timer);
	credentials_free(gateway->credentials);
	while (gateway->lanes != NULL) {
		gateway->lanes->refs = 1;
		lane_unref(gateway->lanes);
	}
	cache_free(gateway->cache);
	mem_free(gateway);
}
