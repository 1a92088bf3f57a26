/*
 * http_client.c - see http_client.h: the calls, their states, and when each may start.
 *
 *	WAITING --a place is free--> RUNNING --libcurl is done--> ENDED --callback--> gone
 *	     '------------------------- http_cancel: gone --------------------------'
 *
 * WAITING: copied and in line. RUNNING: libcurl has it, in one of the pool's multi
 * handles. ENDED: its reply is complete; callbacks are made outside of libcurl, at the end
 * of a batch of events, where they may start and cancel calls as they like. Easy handles
 * are kept for the next call: making one costs more than using it.
 */
#include "loop/http_client.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "loop/http_impl.h"

#define IN_FLIGHT_DEFAULT 20000
#define SPARE_MAX 256
#define CROWDED 1000 /* from so many calls on, buffers are small */

TAILQ_HEAD(call_list, http_call);

struct http_client {
	struct loop *loop;
	struct http_pool pool;
	size_t in_flight_max;
	char user_agent[64];
	struct call_list lists[CALL_STATES];
	size_t n[CALL_STATES];
	CURL *spare[SPARE_MAX];
	size_t n_spare;
	struct loop_timer turn; /* moves the line on, and makes callbacks that are due */
};

static void
enlist(struct http_call *call, enum http_call_state state)
{
	call->state = state;
	TAILQ_INSERT_TAIL(&call->client->lists[state], call, link);
	call->client->n[state]++;
}

static void
delist(struct http_call *call)
{
	TAILQ_REMOVE(&call->client->lists[call->state], call, link);
	call->client->n[call->state]--;
}

static void
move(struct http_call *call, enum http_call_state state)
{
	delist(call);
	enlist(call, state);
}

/* Out of its list, and away. */
static void
call_free(struct http_call *call)
{
	struct http_client *client = call->client;

	delist(call);
	if (call->multi != NULL)
		http_pool_remove(call);
	if (call->easy != NULL && client->n_spare < SPARE_MAX) {
		curl_easy_reset(call->easy);
		client->spare[client->n_spare++] = call->easy;
	} else {
		curl_easy_cleanup(call->easy);
	}
	buf_done(&call->body);
	arena_done(&call->arena);
	mem_free(call);
}

/* ---- ending ------------------------------------------------------------------------ */

static void
ended(struct http_call *call, CURLcode code)
{
	http_easy_finish(call, code);
	move(call, CALL_ENDED);
}

static void
make_callbacks(struct http_client *client)
{
	struct http_call *call;

	while ((call = TAILQ_FIRST(&client->lists[CALL_ENDED])) != NULL) {
		http_done_fn *done = call->done;

		call->done = NULL; /* a cancel from inside has nothing left to stop */
		done(call->arg, &call->reply);
		call_free(call);
	}
}

/* ---- starting ---------------------------------------------------------------------- */

static int
launch(struct http_call *call)
{
	struct http_client *client = call->client;
	struct http_easy_context context = {
		.pool = &client->pool,
		.user_agent = client->user_agent,
		.crowded = client->n[CALL_RUNNING] + client->n[CALL_WAITING] > CROWDED,
	};

	call->easy =
		client->n_spare > 0 ? client->spare[--client->n_spare] : curl_easy_init();
	if (call->easy == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(http_easy_setup(call, &context));
	return http_pool_add(&client->pool, call);
}

static void
move_on(struct http_client *client)
{
	struct http_call *call;

	while ((call = TAILQ_FIRST(&client->lists[CALL_WAITING])) != NULL &&
	       client->n[CALL_RUNNING] < client->in_flight_max) {
		if (launch(call) == 0) {
			move(call, CALL_RUNNING);
			continue;
		}
		call->reply = (struct http_reply){.error = HEED_E_NOMEM,
		                                  .text = "out of memory"};
		move(call, CALL_ENDED);
	}
}

static void
turn(void *arg)
{
	struct http_client *client = arg;

	make_callbacks(client);
	move_on(client);
	make_callbacks(client); /* of what could not be launched */
}

int
http_start(struct http_client *client, const struct http_request *request,
           http_done_fn *done, void *arg, struct http_call **ret_call,
           struct heed_error *error)
{
	struct http_call *call = mem_new(sizeof(*call));
	int r;

	if (call == NULL)
		return error_nomem(error);
	arena_init(&call->arena, 2048 + request->body.len);
	call->client = client;
	call->done = done;
	call->arg = arg;
	call->started_ms = clock_steady_ms();
	r = http_easy_copy(call, request, error);
	if (r < 0) {
		arena_done(&call->arena);
		mem_free(call);
		return r;
	}
	enlist(call, CALL_WAITING);
	if (client->turn.slot == 0)
		loop_timer_set(client->loop, &client->turn, 0);
	*ret_call = call;
	return 0;
}

void
http_cancel(struct http_call *call)
{
	struct http_client *client = call->client;

	if (call->done == NULL) /* its callback is being made */
		return;
	call_free(call);
	if (client->n[CALL_WAITING] > 0 && client->turn.slot == 0)
		loop_timer_set(client->loop, &client->turn, 0);
}

size_t
http_client_active(const struct http_client *client)
{
	return client->n[CALL_RUNNING] + client->n[CALL_WAITING];
}

/* ---- life -------------------------------------------------------------------------- */

int
http_client_new(struct loop *loop, const struct http_client_options *options,
                struct http_client **ret_client)
{
	struct http_client *client = mem_new(sizeof(*client));
	int r;
	int i;

	if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		mem_free(client);
		return HEED_E_NOMEM;
	}
	client->loop = loop;
	client->in_flight_max = options != NULL && options->in_flight_max > 0
	                                ? options->in_flight_max
	                                : IN_FLIGHT_DEFAULT;
	(void)snprintf(client->user_agent, sizeof(client->user_agent), "%s",
	               options != NULL && options->user_agent != NULL
	                       ? options->user_agent
	                       : "heed/" HEED_VERSION);
	for (i = 0; i < CALL_STATES; i++)
		TAILQ_INIT(&client->lists[i]);
	loop_timer_init(&client->turn, turn, client);
	client->pool.host_connections =
		options != NULL ? (long)options->host_connections : 0;
	client->pool.ended = ended;
	client->pool.after = turn;
	client->pool.arg = client;
	r = http_pool_init(&client->pool, loop);
	if (r < 0) {
		mem_free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

void
http_client_free(struct http_client *client)
{
	int i;

	if (client == NULL)
		return;
	for (i = 0; i < CALL_STATES; i++)
		while (!TAILQ_EMPTY(&client->lists[i]))
			call_free(TAILQ_FIRST(&client->lists[i]));
	while (client->n_spare > 0)
		curl_easy_cleanup(client->spare[--client->n_spare]);
	loop_timer_clear(client->loop, &client->turn);
	http_pool_done(&client->pool);
	mem_free(client);
}
