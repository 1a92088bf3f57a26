/*
 * credential.c - keeps tokens fresh; walks the chain of credentials.
 *
 * A source's fetch is one small machine:
 *
 *	IDLE --credential_get--> step: request --reply--> token kept, waiters told --> IDLE
 *	                          ^  |  \-- HEED_E_NOTFOUND: the next step of the chain
 *	                          |  '--- may pass: again after 1, 2, 4 s (managed identity)
 *	                          '--- Arc's 401: again with the file's secret
 *
 * `busy` while not IDLE; at most one of call, work and timer is then armed.
 */
#include "model/credential.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/credential_http.h"

#define TRIES_MAX 3
#define MARGIN_MS 60000 /* a token is not used in its last minute */

enum step { STEP_SECRET, STEP_WORKLOAD, STEP_MANAGED, STEP_CLI, STEP_END };

struct source {
	struct credentials *credentials;
	enum model_credential kind;
	char *scope;
	char *token;
	int64_t dies_ms;
	int64_t refresh_ms;
	bool busy;
	bool chained; /* more than one step */
	enum step step;
	int tries;
	struct arena arena; /* of one fetch */
	struct token_request request;
	struct http_call *call;
	struct credential_cli *cli;
	struct loop_timer timer;
	struct credential_wait *waits;
	struct source *next;
};

struct credentials {
	struct loop *loop;
	struct http_client *http;
	const char *imds;
	struct source *sources;
};

static void run_step(struct source *source);

/* ---- the end of a fetch ------------------------------------------------------------ */

static void
finish(struct source *source, int code, const char *text)
{
	struct credential_wait *wait;
	struct heed_str token = str_of(source->token);

	source->busy = false;
	/* With an old token that still lives, a failed refresh is no failure yet. */
	if (code != 0 && source->token != NULL &&
	    loop_steady_ms(source->credentials->loop) < source->dies_ms) {
		source->refresh_ms =
			loop_steady_ms(source->credentials->loop) + MARGIN_MS / 2;
		code = 0;
	}
	while ((wait = source->waits) != NULL) {
		source->waits = wait->next;
		wait->fn(wait->arg, code, token, text);
	}
}

static void
fail(struct source *source, int code, struct heed_str why)
{
	static const char *const names[] = {"environment", "workload identity",
	                                    "managed identity", "az"};
	char text[480];

	if (source->step >= STEP_END)
		(void)snprintf(text, sizeof(text),
		               "no Entra credential is configured here");
	else
		(void)snprintf(text, sizeof(text), "Entra credential (%s): %.*s",
		               names[source->step], STR_ARG(why));
	finish(source, code, text);
}

static void
accept(struct source *source, struct heed_str body)
{
	struct loop *loop = source->credentials->loop;
	int64_t now_ms = loop_steady_ms(loop);
	struct token token;
	char *copy;

	if (token_read(&source->arena, body, loop_wall_us(loop), &token) != 0) {
		fail(source, HEED_E_TRANSIENT, HEED_STR("the reply holds no token"));
		return;
	}
	copy = mem_copy(token.text.data, token.text.len);
	if (copy == NULL) {
		fail(source, HEED_E_TRANSIENT, HEED_STR("out of memory"));
		return;
	}
	mem_free(source->token);
	source->token = copy;
	source->dies_ms = now_ms + token.life_ms - MARGIN_MS;
	source->refresh_ms = now_ms + token.refresh_ms;
	source->chained = false; /* the first that worked stays */
	finish(source, 0, "");
}

/* This step is not to be had here. */
static void
pass_over(struct source *source, struct heed_str why)
{
	if (!source->chained || source->step + 1 >= STEP_END) {
		if (source->chained)
			source->step = STEP_END;
		fail(source, HEED_E_PERMANENT, why);
		return;
	}
	source->step++;
	source->tries = 0;
	run_step(source);
}

/* ---- by HTTP ----------------------------------------------------------------------- */

static void send_request(struct source *source);

static void
on_timer(void *arg)
{
	struct source *source = arg;

	if (source->request.url.len > 0)
		send_request(source);
	else
		run_step(source);
}

static void
on_bad_status(struct source *source, const struct http_reply *reply)
{
	bool managed = source->step == STEP_MANAGED;
	bool passing = reply->status == 429 || reply->status >= 500 ||
	               (managed && (reply->status == 404 || reply->status == 410));
	struct heed_str why = token_failure(&source->arena, reply->body);

	if (reply->status == 401 && source->request.arc) {
		struct heed_str challenge = http_header_find(
			reply->headers, reply->n_headers, "www-authenticate");

		if (token_request_arc(&source->arena, challenge, &source->request) == 0)
			send_request(source);
		else
			fail(source, HEED_E_PERMANENT,
			     HEED_STR("Azure Arc's challenge is unusable"));
		return;
	}
	if (managed && passing && source->tries < TRIES_MAX) {
		loop_timer_set(source->credentials->loop, &source->timer,
		               1000LL << source->tries++);
		return;
	}
	if (managed && reply->status == 400)
		pass_over(source, why);
	else
		fail(source, passing ? HEED_E_TRANSIENT : HEED_E_PERMANENT, why);
}

static void
on_reply(void *arg, const struct http_reply *reply)
{
	struct source *source = arg;

	source->call = NULL;
	if (reply->error != 0) {
		/* Nobody answers at the metadata address: this is not a machine of
		 * Azure's. */
		if (source->step == STEP_MANAGED && source->chained)
			pass_over(source, str_of(reply->text));
		else
			fail(source, HEED_E_TRANSIENT, str_of(reply->text));
	} else if (reply->status == 200) {
		accept(source, reply->body);
	} else {
		on_bad_status(source, reply);
	}
}

static void
send_request(struct source *source)
{
	const struct token_request *request = &source->request;
	struct http_request http = {
		.url = request->url,
		.headers = request->headers,
		.n_headers = request->n_headers,
		.body = request->body,
		.has_body = request->body.len > 0,
		.timeout_ms = request->local && source->chained ? 3000 : 20000,
		.connect_timeout_ms = request->local ? 1000 : 0,
		.reply_max = 262144,
		.proxy = request->local ? "" : NULL};
	struct heed_error error = {0};
	int r = http_start(source->credentials->http, &http, on_reply, source,
	                   &source->call, &error);

	if (r != 0)
		fail(source, r == HEED_E_NOMEM ? HEED_E_TRANSIENT : HEED_E_PERMANENT,
		     str_of(error.text));
}

/* ---- by the az command ------------------------------------------------------------- */

static void
on_cli(void *arg)
{
	struct credential_cli *cli = arg;
	struct source *source = cli->owner;

	if (source != NULL) {
		source->cli = NULL;
		if (cli->code == 0)
			accept(source, buf_str(&cli->output));
		else if (cli->code == HEED_E_NOTFOUND)
			pass_over(source, HEED_STR("there is no az command"));
		else
			fail(source, HEED_E_PERMANENT,
			     token_failure(&source->arena, buf_str(&cli->output)));
	}
	buf_done(&cli->output);
	mem_free(cli->scope);
	mem_free(cli);
}

static void
start_cli(struct source *source)
{
	struct credential_cli *cli = mem_new(sizeof(*cli));

	if (cli != NULL)
		cli->scope = mem_copy(source->scope, strlen(source->scope));
	if (cli == NULL || cli->scope == NULL) {
		mem_free(cli);
		fail(source, HEED_E_TRANSIENT, HEED_STR("out of memory"));
		return;
	}
	cli->owner = source;
	cli->work.run = credential_cli_run;
	cli->work.done = on_cli;
	cli->work.arg = cli;
	source->cli = cli;
	loop_work(source->credentials->loop, &cli->work);
}

/* ---- steps ------------------------------------------------------------------------- */

static void
run_step(struct source *source)
{
	struct heed_str scope = str_of(source->scope);
	int r = 0;

	arena_reset(&source->arena);
	source->request = (struct token_request){.n_headers = 0};
	switch (source->step) {
	case STEP_SECRET:
		r = token_request_secret(&source->arena, scope, &source->request);
		break;
	case STEP_WORKLOAD:
		r = token_request_workload(&source->arena, scope, &source->request);
		break;
	case STEP_MANAGED:
		r = token_request_managed(&source->arena, scope,
		                          source->credentials->imds, &source->request);
		break;
	case STEP_CLI:
	case STEP_END:
		start_cli(source);
		return;
	}
	if (r == 0)
		send_request(source);
	else if (r == HEED_E_NOTFOUND)
		pass_over(source, HEED_STR("its environment variables are not set"));
	else
		fail(source, HEED_E_TRANSIENT, str_of(heed_code_text(r)));
}

static enum step
first_step(enum model_credential kind)
{
	switch (kind) {
	case CREDENTIAL_WORKLOAD_IDENTITY:
		return STEP_WORKLOAD;
	case CREDENTIAL_MANAGED_IDENTITY:
		return STEP_MANAGED;
	case CREDENTIAL_CLI:
		return STEP_CLI;
	default:
		return STEP_SECRET;
	}
}

/* Begin on the next turn, so that nothing calls back from inside credential_get. */
static void
fetch(struct source *source)
{
	if (source->busy)
		return;
	source->busy = true;
	source->tries = 0;
	if (source->token == NULL) {
		source->step = first_step(source->kind);
		source->chained = source->kind == CREDENTIAL_DEFAULT;
	}
	source->request = (struct token_request){.n_headers = 0};
	loop_timer_set(source->credentials->loop, &source->timer, 0);
}

/* ---- public ------------------------------------------------------------------------ */

struct credentials *
credentials_new(struct loop *loop, struct http_client *http, const char *imds_endpoint)
{
	struct credentials *credentials = mem_new(sizeof(*credentials));

	if (credentials != NULL)
		*credentials = (struct credentials){
			.loop = loop, .http = http, .imds = imds_endpoint};
	return credentials;
}

static void
source_free(struct source *source)
{
	loop_timer_clear(source->credentials->loop, &source->timer);
	if (source->call != NULL)
		http_cancel(source->call);
	if (source->cli != NULL)
		source->cli->owner = NULL;
	arena_done(&source->arena);
	mem_free(source->scope);
	mem_free(source->token);
	mem_free(source);
}

void
credentials_free(struct credentials *credentials)
{
	struct source *source;

	if (credentials == NULL)
		return;
	while ((source = credentials->sources) != NULL) {
		credentials->sources = source->next;
		source_free(source);
	}
	mem_free(credentials);
}

static struct source *
find(struct credentials *credentials, enum model_credential kind, struct heed_str scope)
{
	struct source *source = credentials->sources;

	while (source != NULL && (source->kind != kind || !str_is(scope, source->scope)))
		source = source->next;
	return source;
}

static struct source *
add(struct credentials *credentials, enum model_credential kind, struct heed_str scope)
{
	struct source *source = mem_new(sizeof(*source));

	if (source == NULL || loop_timers_reserve(credentials->loop, 1) != 0) {
		mem_free(source);
		return NULL;
	}
	source->scope = mem_copy(scope.data, scope.len);
	if (source->scope == NULL) {
		mem_free(source);
		return NULL;
	}
	source->credentials = credentials;
	source->kind = kind;
	arena_init(&source->arena, 0);
	loop_timer_init(&source->timer, on_timer, source);
	source->next = credentials->sources;
	credentials->sources = source;
	return source;
}

int
credential_get(struct credentials *credentials, enum model_credential kind,
               struct heed_str scope, struct credential_wait *wait,
               struct heed_str *ret_token)
{
	struct source *source = find(credentials, kind, scope);
	int64_t now_ms = loop_steady_ms(credentials->loop);

	if (source == NULL)
		source = add(credentials, kind, scope);
	if (source == NULL)
		return HEED_E_NOMEM;
	if (source->token == NULL || now_ms >= source->refresh_ms)
		fetch(source);
	if (source->token != NULL && now_ms < source->dies_ms) {
		*ret_token = str_of(source->token);
		return 0;
	}
	wait->next = source->waits;
	source->waits = wait;
	return HEED_WAIT;
}

void
credential_cancel(struct credentials *credentials, struct credential_wait *wait)
{
	for (struct source *source = credentials->sources; source != NULL;
	     source = source->next) {
		for (struct credential_wait **at = &source->waits; *at != NULL;
		     at = &(*at)->next) {
			if (*at == wait) {
				*at = wait->next;
				return;
			}
		}
	}
}

void
credential_reject(struct credentials *credentials, enum model_credential kind,
                  struct heed_str scope)
{
	struct source *source = find(credentials, kind, scope);

	/* One new token for a burst of refusals: while a fetch is under way nothing is
	 * lost. */
	if (source != NULL && !source->busy) {
		source->dies_ms = 0;
		source->refresh_ms = 0;
	}
}
