/*
 * engine_kit.h - an engine on a virtual loop, with a world around it that outlives it.
 *
 * The HTTP client is replaced by one that answers from here (the linker takes these
 * functions before the library's), so that time is virtual and every run of a test is the
 * same. The world is what a crash does not touch: the model that was asked, the service
 * whose keyed effects happen once, the unkeyed effects that happen as often as they are
 * asked for.
 *
 * What a model answers follows from the prompt: {"word": "<the prompt>"}. A prompt that
 * begins with "garbage" is answered wrongly at first, "flaky" fails once, "rate" asks to
 * wait for 7 s once, "never" fails always, "wrong" never fits.
 */
#ifndef HEED_TESTS_ENGINE_KIT_H
#define HEED_TESTS_ENGINE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/app.h"
#include "engine/engine.h"
#include "engine/redrive.h"
#include "loop/http_client.h"
#include "model/model.h"
#include "store/store.h"

/* Not every test needs each of them. */
#define KIT __attribute__((unused)) static

#define NOW INT64_C(1800000000000000)
#define ANSWER_MS 10
#define NAMES_MAX 4096

/* ---- the world --------------------------------------------------------------------- */

/* How often something was asked for, by name. */
struct tally {
	size_t n;
	struct tally_item {
		char name[128];
		int count;
	} items[NAMES_MAX];
};

KIT int *
tally(struct tally *tally, const char *name)
{
	size_t i = 0;

	while (i < tally->n && strcmp(tally->items[i].name, name) != 0)
		i++;
	assert_true(i < NAMES_MAX);
	if (i == tally->n) {
		tally->items[i].count = 0;
		(void)snprintf(tally->items[i].name, sizeof(tally->items[i].name), "%s",
		               name);
		tally->n++;
	}
	return &tally->items[i].count;
}

static struct world {
	struct loop *loop; /* of the stage that is on */
	int asked;         /* model calls that came here */
	int most, now;     /* calls at once */
	struct tally prompts;
	struct tally keyed;        /* requests by Idempotency-Key: happened once */
	struct tally unkeyed;      /* by path: happened that often */
	char order[NAMES_MAX * 8]; /* paths of unkeyed effects in their order */
} world;

#ifndef KIT_OWN_WORLD /* a test may bring its own services */

struct http_call {
	struct loop_timer timer;
	http_done_fn *done;
	void *arg;
	int status;
	const char *retry_after;
	char body[512];
};

static void
call_fired(void *arg)
{
	struct http_call *call = arg;
	struct http_header header = {HEED_STR("retry-after"), str_of(call->retry_after)};
	struct http_reply reply = {.sent = true,
	                           .status = call->status,
	                           .body = str_of(call->body),
	                           .headers = &header,
	                           .n_headers = call->retry_after != NULL};

	world.now--;
	call->done(call->arg, &reply);
	free(call);
}

/* The first user message of a chat completion, found without heed's own means, which
 * tests make fail. */
static void
prompt_of(struct heed_str body, char *ret_prompt, size_t size, bool *ret_repair)
{
	static const char mark[] = "\"role\":\"user\",\"content\":\"";
	char text[8192];
	char *at;

	(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(body));
	*ret_repair = strstr(text, "\"role\":\"assistant\"") != NULL;
	at = strstr(text, mark);
	assert_non_null(at);
	(void)snprintf(ret_prompt, size, "%s", at + sizeof(mark) - 1);
	at = strchr(ret_prompt, '"');
	assert_non_null(at);
	*at = '\0';
}

static void
answer_model(struct http_call *call, struct heed_str body)
{
	char prompt[100];
	bool repair;
	int n;

	prompt_of(body, prompt, sizeof(prompt), &repair);
	n = ++*tally(&world.prompts, prompt);
	world.asked++;
	if (strncmp(prompt, "never", 5) == 0 ||
	    (strncmp(prompt, "flaky", 5) == 0 && n == 1))
		call->status = 500;
	if (strncmp(prompt, "rate", 4) == 0 && n == 1) {
		call->status = 429;
		call->retry_after = "7";
	}
	(void)snprintf(call->body, sizeof(call->body),
	               "{\"model\":\"m\",\"choices\":[{\"finish_reason\":\"stop\","
	               "\"message\":{\"content\":\"{\\\"word\\\":%s%s%s}\"}}],"
	               "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}",
	               strncmp(prompt, "wrong", 5) == 0 ||
	                               (strncmp(prompt, "garbage", 7) == 0 && !repair)
	                       ? "7,\\\"x\\\":\\\""
	                       : "\\\"",
	               prompt, "\\\"");
}

static void
answer_service(struct http_call *call, const char *path,
               const struct http_request *request)
{
	char key[64];

	(void)snprintf(call->body, sizeof(call->body), "{}");
	if (strncmp(path, "/probe/", 7) == 0) {
		char unkeyed[128];

		(void)snprintf(unkeyed, sizeof(unkeyed), "/unkeyed/%s", path + 7);
		(void)snprintf(call->body, sizeof(call->body), "{\"times\":%d}",
		               *tally(&world.unkeyed, unkeyed));
	} else if (strncmp(path, "/keyed/", 7) == 0) {
		struct heed_str given = {NULL, 0};

		for (size_t i = 0; i < request->n_headers; i++)
			if (str_is_nocase(request->headers[i].name, "idempotency-key"))
				given = request->headers[i].value;
		(void)snprintf(key, sizeof(key), "%.*s", STR_ARG(given));
		++*tally(&world.keyed, key);
	} else {
		++*tally(&world.unkeyed, path);
		assert_true(strlen(world.order) + strlen(path) + 2 < sizeof(world.order));
		(void)strcat(strcat(world.order, path), " ");
	}
}

int
http_start(struct http_client *client, const struct http_request *request,
           http_done_fn *done, void *arg, struct http_call **ret_call,
           struct heed_error *error)
{
	struct http_call *call = calloc(1, sizeof(*call));
	char url[160];

	(void)client;
	(void)error;
	assert_non_null(call);
	call->done = done;
	call->arg = arg;
	call->status = 200;
	(void)snprintf(url, sizeof(url), "%.*s", STR_ARG(request->url));
	if (strstr(url, "/v1/") != NULL)
		answer_model(call, request->body);
	else
		answer_service(call, strstr(url, ".test") + 5, request);
	if (++world.now > world.most)
		world.most = world.now;
	loop_timer_init(&call->timer, call_fired, call);
	if (strstr(url, "/hang/") ==
	    NULL) /* which never answers, whatever its time-out */
		loop_timer_set(world.loop, &call->timer, ANSWER_MS);
	*ret_call = call;
	return 0;
}

void
http_cancel(struct http_call *call)
{
	world.now--;
	loop_timer_clear(world.loop, &call->timer);
	free(call);
}

#endif

/* ---- the stage --------------------------------------------------------------------- */

static char folder[64];
static int64_t stage_wall_us = NOW;                /* when the next stage opens */
static const struct gateway_options *stage_models; /* NULL: as ever */

struct stage {
	struct loop *loop;
	struct app app;
	struct gateway *gateway;
	struct store *store;
	struct engine *engine;
	int ended; /* runs */
};

static const struct model *
stage_model(void *arg, struct heed_str name)
{
	return app_model(&((struct stage *)arg)->app, name);
}

static int
stage_revive(void *arg, struct heed_str flow, struct heed_str name, struct heed_str text,
             struct definition **ret_definition, struct heed_error *error)
{
	(void)arg;
	return app_revive(NULL, flow, name, text, ret_definition, error);
}

static void
stage_watch(void *arg, const struct run *run)
{
	(void)run;
	((struct stage *)arg)->ended++;
}

KIT int
stage_try(struct stage *stage, const char *config, const char *where,
          struct heed_error *error)
{
	struct engine_options options = {
		.name = HEED_STR("kit"),
		.model = stage_model,
		.revive = stage_revive,
		.watch = stage_watch,
		.arg = stage,
	};
	struct heed_buf problems;

	memset(stage, 0, sizeof(*stage));
	HEED_TRY(loop_new(LOOP_VIRTUAL, &stage->loop));
	loop_set_wall(stage->loop, stage_wall_us);
	world.loop = stage->loop;
	if (app_load_text(&stage->app, "kit.yaml", str_of(config), error) < 0) {
		buf_init(&problems, 0);
		app_write_problems(&stage->app, &problems);
		(void)error_set(error, HEED_E_CONFIG, "%.*s",
		                STR_ARG(buf_str(&problems)));
		buf_done(&problems);
		return HEED_E_CONFIG;
	}
	HEED_TRY(gateway_new(stage->loop, NULL, stage_models, &stage->gateway));
	HEED_TRY(gateway_add(stage->gateway, stage->app.models.items, stage->app.models.n,
	                     error));
	HEED_TRY(store_open(stage->loop, str_of(where), &stage->store, error));
	options.loop = stage->loop;
	options.store = stage->store;
	options.gateway = stage->gateway;
	options.limits = stage->app.limits;
	HEED_TRY(engine_new(&options, &stage->engine));
	HEED_TRY(engine_define(stage->engine, stage->app.definitions,
	                       stage->app.n_definitions, error));
	HEED_TRY(engine_set_budgets(stage->engine, stage->app.budgets.items,
	                            stage->app.budgets.n, error));
	return engine_start(stage->engine, error);
}

KIT void
stage_open(struct stage *stage, const char *config, const char *where)
{
	struct heed_error error = {0};

	if (stage_try(stage, config, where, &error) < 0)
		fail_msg("%s", error.text);
}

/* As abruptly as a crash for what is outside: calls under way are not heard any more. */
KIT void
stage_close(struct stage *stage)
{
	while (stage->engine != NULL && engine_abandon(stage->engine))
		loop_turn(stage->loop);
	engine_free(stage->engine);
	if (stage->gateway != NULL)
		gateway_remove(stage->gateway, stage->app.models.items,
		               stage->app.models.n);
	gateway_free(stage->gateway);
	store_close(stage->store);
	if (stage->loop != NULL)
		loop_turn(stage->loop);
	app_done(&stage->app);
	loop_free(stage->loop);
	memset(stage, 0, sizeof(*stage));
}

/* Move the clock in steps of 10 ms for `ms`. */
KIT void
stage_run(struct stage *stage, int64_t ms)
{
	for (loop_turn(stage->loop); ms > 0; ms -= 10) {
		loop_advance(stage->loop, 10);
		loop_turn(stage->loop);
	}
}

KIT bool
stage_is_settled(const struct stage *stage)
{
	return engine_idle(stage->engine) && engine_waiting(stage->engine) == 0;
}

/* Run until nothing is under way, for an hour of virtual time at most; false then. */
KIT bool
stage_settle(struct stage *stage)
{
	int steps = 0;

	for (loop_turn(stage->loop); !stage_is_settled(stage); steps++) {
		if (steps == 36000)
			return false;
		stage_run(stage, 100);
	}
	return true;
}

/* ---- events ------------------------------------------------------------------------ */

struct outcome {
	bool done;
	struct delivery delivery;
};

KIT void
keep_outcome(void *arg, const struct delivery *delivery)
{
	struct outcome *outcome = arg;

	assert_false(outcome->done);
	outcome->done = true;
	outcome->delivery = *delivery;
}

/* One event of the text {"id": ..., "type": ..., "data": ...}; what engine_send says. */
KIT int
stage_offer(struct stage *stage, const char *text, struct outcome *outcome)
{
	struct heed_error error;
	struct json_build build;
	struct heed_json given;
	struct heed_json root;
	struct arena arena;
	struct event event;
	int64_t retry_after_ms;
	int r;

	arena_init(&arena, 0);
	r = json_parse(&arena, str_of(text), &given, &error);
	json_object(&build, &arena);
	json_set_cstr(&build, "specversion", json_cstr("1.0"));
	json_set_cstr(&build, "source", json_cstr("/test"));
	for (uint32_t i = 0; r == 0 && i < given.len; i++)
		json_set(&build, given.members[i].name, given.members[i].value);
	if (r == 0)
		r = json_build_end(&build, &root);
	if (r == 0)
		r = event_from_json(&arena, root, loop_wall_us(stage->loop), &event,
		                    &error);
	if (r == 0)
		r = engine_send(stage->engine, &event, 1, keep_outcome, outcome,
		                &retry_after_ms);
	arena_done(&arena);
	return r;
}

KIT struct delivery
stage_send(struct stage *stage, const char *text)
{
	struct outcome outcome = {0};
	int r = stage_offer(stage, text, &outcome);

	if (r < 0) {
		outcome.delivery.code = r;
		return outcome.delivery;
	}
	loop_turn(stage->loop);
	assert_true(outcome.done);
	return outcome.delivery;
}

/* A person's word about a dead letter or a held run. */
KIT void
stage_redrive(struct stage *stage, int64_t run, enum redrive_verb verb)
{
	const struct redrive what = {.verb = verb, .runs = &run, .n_runs = 1};
	struct heed_error error = {0};

	if (engine_redrive(stage->engine, &what, 1, NULL, NULL, &error) < 0)
		fail_msg("%s", error.text);
}

/* ---- what is in the store ---------------------------------------------------------- */

/* A query's rows as text, "a|b;c|d;". On a file, or a memory store's own connection. */
KIT void
ask_file(const char *path, const char *sql, char *ret_text, size_t size)
{
	sqlite3_stmt *row;
	sqlite3 *db;
	size_t len = 0;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	ret_text[0] = '\0';
	while (sqlite3_step(row) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(row); i++) {
			const char *text = (const char *)sqlite3_column_text(row, i);
			int n = snprintf(ret_text + len, size - len, "%s%s",
			                 i > 0 ? "|" : "", text != NULL ? text : "-");

			assert_true(n >= 0 && (size_t)n + 2 < size - len);
			len += (size_t)n;
		}
		(void)snprintf(ret_text + len, size - len, ";");
		len++;
	}
	(void)sqlite3_finalize(row);
	(void)sqlite3_close(db);
}

KIT void
assert_rows(const char *path, const char *sql, const char *wanted)
{
	static char text[1 << 16];

	ask_file(path, sql, text, sizeof(text));
	assert_string_equal(text, wanted);
}

KIT void
remove_store(const char *path)
{
	char side[128];

	(void)unlink(path);
	(void)snprintf(side, sizeof(side), "%s-wal", path);
	(void)unlink(side);
	(void)snprintf(side, sizeof(side), "%s-shm", path);
	(void)unlink(side);
}

KIT int
make_folder(void **state)
{
	(void)state;
	log_setup(LOG_SILENT, LOG_TEXT);
	/* In memory where there is such a place: what power cuts do is the fault driver's
	 * part here, not the disk's. */
	(void)snprintf(folder, sizeof(folder), "%s/heed-engine-XXXXXX",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(folder) == NULL;
}

KIT int
remove_folder(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

#endif
