/*
 * rehearsal.c - see rehearsal.h.
 */
#include "service/rehearsal.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "store/store.h"

#define START_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */
#define LOOK_MS 5

struct rehearsal {
	struct app *app;
	struct rehearsal_script script;
	struct model_stand_in models;
	struct loop *loop;
	struct http_client *http;
	struct gateway *gateway;
	bool models_added;
	struct store *store;
	struct engine *engine;
	struct arena arena;
	struct json_build effects; /* as they were asked for */
	struct json_build answers; /* [run, answer] of runs that ended */
	int64_t n_sent;
	int64_t until_ms; /* of a settle on the real clock */
	struct loop_timer look;
};

/* ---- what stands in for the world -------------------------------------------------- */

static bool
answer(void *arg, const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_reply *reply)
{
	struct rehearsal *rehearsal = arg;
	const struct rehearsal_script *script = &rehearsal->script;

	if (script->answer != NULL &&
	    script->answer(script->arg, model, question, arena, reply))
		return true;
	if (script->call || model_kinds[model->provider]->answer != NULL)
		return false;
	reply->class = MODEL_PERMANENT;
	reply->code = HEED_E_PERMANENT;
	reply->retry_after_ms = -1;
	reply->model = model->name;
	reply->message = arena_printf(
		arena, "model \"%.*s\" was asked, and there is no answer left for it",
		STR_ARG(model->name));
	return true;
}

static int
perform(void *arg, const struct action *action, const struct action_call *call,
        struct heed_json *ret_result, struct heed_error *error)
{
	struct rehearsal *rehearsal = arg;
	const struct rehearsal_script *script = &rehearsal->script;
	const char *kind = action->kind->name;
	struct heed_json request = json_null();
	struct heed_json effect;
	struct json_build build;
	int r = 0;

	*ret_result = json_null();
	HEED_TRY(json_copy(&rehearsal->arena, call->request, &request));
	if (script->perform != NULL)
		r = script->perform(script->arg, kind, request, &rehearsal->arena,
		                    ret_result, error);
	json_object(&build, &rehearsal->arena);
	json_set_cstr(&build, "kind", json_cstr(kind));
	json_set_cstr(&build, "request", request);
	if (r == 0)
		json_set_cstr(&build, "result", *ret_result);
	else
		json_set_cstr(
			&build, "error",
			json_str(arena_str(&rehearsal->arena, str_of(error->text))));
	HEED_TRY(json_build_end(&build, &effect));
	json_push(&rehearsal->effects, effect);
	return r;
}

static int64_t
past_version(void *arg, const struct event *event, struct heed_str name)
{
	const struct rehearsal *rehearsal = arg;

	return rehearsal->script.past_version(rehearsal->script.arg, event, name);
}

/* A run ended: its answer is in no row in the form that it was read in. */
static void
note_answer(void *arg, const struct run *run)
{
	struct rehearsal *rehearsal = arg;
	struct heed_json copy;
	struct heed_json pair;
	struct json_build build;
	struct run_view view;

	run_view(run, &view);
	if (json_copy(&rehearsal->arena, view.answer, &copy) < 0)
		return;
	json_array(&build, &rehearsal->arena);
	json_push(&build, json_int(view.id));
	json_push(&build, copy);
	if (json_build_end(&build, &pair) == 0)
		json_push(&rehearsal->answers, pair);
}

static const struct model *
find_model(void *arg, struct heed_str name)
{
	const struct rehearsal *rehearsal = arg;

	return app_model(rehearsal->app, rehearsal->script.model.len > 0
	                                         ? rehearsal->script.model
	                                         : name);
}

/* ---- life -------------------------------------------------------------------------- */

/* The definitions that are wanted. */
static int
define(struct rehearsal *rehearsal, struct heed_error *error)
{
	struct app *app = rehearsal->app;
	struct heed_str only = rehearsal->script.only;
	struct heed_str flow = rehearsal->script.flow;
	struct definition **wanted = ARENA_ARRAY(&rehearsal->arena, struct definition *,
	                                         app->n_definitions + 1);
	size_t n = 0;
	size_t i;

	if (wanted == NULL)
		return error_nomem(error);
	for (i = 0; i < app->n_definitions; i++)
		if ((only.len == 0 || str_eq(app->definitions[i]->name, only)) &&
		    (flow.len == 0 || str_is(flow, app->definitions[i]->kind->name)))
			wanted[n++] = app->definitions[i];
	return engine_define(rehearsal->engine, wanted, n, error);
}

static int
make(struct rehearsal *rehearsal, struct heed_error *error)
{
	struct app *app = rehearsal->app;
	struct gateway_options gateway = {.stand_in = &rehearsal->models};
	struct engine_options engine = {
		.name = app->name,
		.limits = app->limits,
		.stand_in = perform,
		.model = find_model,
		.watch = note_answer,
		.past = rehearsal->script.past,
		.past_version = past_version,
		.arg = rehearsal,
	};

	if (loop_new(rehearsal->script.call ? LOOP_REAL : LOOP_VIRTUAL,
	             &rehearsal->loop) < 0 ||
	    http_client_new(rehearsal->loop, NULL, &rehearsal->http) < 0 ||
	    gateway_new(rehearsal->loop, rehearsal->http, &gateway, &rehearsal->gateway) <
	            0)
		return error_nomem(error);
	if (!rehearsal->script.call)
		loop_set_wall(rehearsal->loop, rehearsal->script.wall_us > 0
		                                       ? rehearsal->script.wall_us
		                                       : START_US);
	HEED_TRY(
		gateway_add(rehearsal->gateway, app->models.items, app->models.n, error));
	rehearsal->models_added = true;
	HEED_TRY(store_open(rehearsal->loop, HEED_STR("memory:"), &rehearsal->store,
	                    error));
	if (rehearsal->script.alone)
		engine.limits.causation_depth = 0;
	engine.loop = rehearsal->loop;
	engine.store = rehearsal->store;
	engine.gateway = rehearsal->gateway;
	engine.http = rehearsal->http;
	if (engine_new(&engine, &rehearsal->engine) < 0)
		return error_nomem(error);
	HEED_TRY(define(rehearsal, error));
	return engine_start(rehearsal->engine, error);
}

int
rehearsal_new(struct app *app, const struct rehearsal_script *script,
              struct rehearsal **ret_rehearsal, struct heed_error *error)
{
	struct rehearsal *rehearsal = mem_new(sizeof(*rehearsal));
	int r;

	if (rehearsal == NULL)
		return error_nomem(error);
	rehearsal->app = app;
	rehearsal->script = *script;
	rehearsal->models = (struct model_stand_in){answer, rehearsal};
	arena_init(&rehearsal->arena, 0);
	json_array(&rehearsal->effects, &rehearsal->arena);
	json_array(&rehearsal->answers, &rehearsal->arena);
	r = make(rehearsal, error);
	if (r < 0) {
		rehearsal_free(rehearsal);
		return r;
	}
	*ret_rehearsal = rehearsal;
	return 0;
}

void
rehearsal_free(struct rehearsal *rehearsal)
{
	if (rehearsal == NULL)
		return;
	engine_free(rehearsal->engine);
	store_close(rehearsal->store);
	if (rehearsal->models_added)
		gateway_remove(rehearsal->gateway, rehearsal->app->models.items,
		               rehearsal->app->models.n);
	gateway_free(rehearsal->gateway);
	http_client_free(rehearsal->http);
	loop_free(rehearsal->loop);
	arena_done(&rehearsal->arena);
	mem_free(rehearsal);
}

/* ---- events ------------------------------------------------------------------------ */

static void
set_missing(struct json_build *build, struct heed_json event, const char *name,
            struct heed_json value)
{
	if (json_get(event, name) == NULL)
		json_set_cstr(build, name, value);
}

static void
sent(void *arg, const struct delivery *delivery)
{
	*(int *)arg = delivery->code;
}

int
rehearsal_send(struct rehearsal *rehearsal, struct heed_json event,
               struct heed_error *error)
{
	struct arena *arena = &rehearsal->arena;
	int64_t now = loop_wall_us(rehearsal->loop);
	struct json_build build;
	struct heed_json whole;
	struct event made;
	int64_t retry_after_ms;
	int code = 0;
	uint32_t i;

	if (event.kind != HEED_OBJECT)
		return error_set(error, HEED_E_INVALID, "an event is an object, not %s",
		                 json_kind_name(event));
	rehearsal->n_sent++;
	json_object(&build, arena);
	set_missing(&build, event, "specversion", json_cstr("1.0"));
	set_missing(&build, event, "id",
	            json_str(arena_printf(arena, "%lld", (long long)rehearsal->n_sent)));
	set_missing(&build, event, "source", json_cstr("/rehearsal"));
	for (i = 0; i < event.len; i++)
		json_set(&build, event.members[i].name, event.members[i].value);
	if (json_build_end(&build, &whole) < 0)
		return error_nomem(error);
	HEED_TRY(event_from_json(arena, whole, now, &made, error));
	HEED_TRY(engine_send(rehearsal->engine, &made, 1, sent, &code, &retry_after_ms));
	loop_turn(rehearsal->loop);
	return code;
}

static bool
is_settled(const struct rehearsal *rehearsal)
{
	return engine_idle(rehearsal->engine) && engine_timed(rehearsal->engine) == 0;
}

static void
look(void *arg)
{
	struct rehearsal *rehearsal = arg;

	if (is_settled(rehearsal) ||
	    loop_steady_ms(rehearsal->loop) >= rehearsal->until_ms)
		loop_stop(rehearsal->loop);
	else
		loop_timer_set(rehearsal->loop, &rehearsal->look, LOOK_MS);
}

void
rehearsal_settle(struct rehearsal *rehearsal, int64_t limit_ms)
{
	rehearsal->until_ms = loop_steady_ms(rehearsal->loop) + limit_ms;
	if (rehearsal->script.call) {
		loop_timer_init(&rehearsal->look, look, rehearsal);
		loop_timer_set(rehearsal->loop, &rehearsal->look, LOOK_MS);
		loop_run(rehearsal->loop);
		loop_timer_clear(rehearsal->loop, &rehearsal->look);
		return;
	}
	do
		loop_turn(rehearsal->loop);
	while (!is_settled(rehearsal) && loop_jump(rehearsal->loop, rehearsal->until_ms));
}

/* ---- the outcome ------------------------------------------------------------------- */

struct telling {
	struct rehearsal *rehearsal;
	struct arena *arena;
	struct heed_error *error;
	struct heed_json answers; /* pairs of run and answer */
	struct json_build runs, events, calls;
	struct heed_json answer;
	int64_t run_id;
	int64_t cost_nano;
};

static struct heed_json
text_json(struct telling *telling, struct heed_str text)
{
	return json_str(arena_str(telling->arena, text));
}

static struct heed_json
dollars(int64_t nano)
{
	return json_real((double)nano / 1e9);
}

/* What a recorded reply says: as JSON where it is JSON, and as it came, to be kept. */
static int
set_reply(struct telling *telling, const struct store_entry *entry,
          struct json_build *build)
{
	struct model_reply reply = {0};
	struct heed_json value = json_null();
	struct heed_json said;
	struct json_build raw;

	if (json_parse(telling->arena, entry->reply, &value, NULL) < 0 ||
	    model_reply_read(value, &reply) < 0 || reply.text.len == 0)
		return 0;
	if (json_parse(telling->arena, reply.text, &value, NULL) < 0)
		value = text_json(telling, reply.text);
	json_set_cstr(build, "reply", value);
	json_object(&raw, telling->arena);
	json_set_cstr(&raw, "text", text_json(telling, reply.text));
	json_set_cstr(&raw, "input", json_int(entry->input));
	json_set_cstr(&raw, "output", json_int(entry->output));
	HEED_TRY(json_build_end(&raw, &said));
	json_set_cstr(build, "said", said);
	return 0;
}

static int
tell_entry(void *arg, const struct store_entry *entry)
{
	struct telling *telling = arg;
	struct heed_json request = json_null();
	struct json_build build;
	struct heed_json call;

	if (entry->kind != ENTRY_ASK)
		return 0;
	telling->cost_nano += entry->cost_nano;
	(void)json_parse(telling->arena, entry->request, &request, NULL);
	json_object(&build, telling->arena);
	json_set_cstr(&build, "run", json_int(telling->run_id));
	json_set_cstr(&build, "step", text_json(telling, entry->step));
	json_set_cstr(&build, "model", text_json(telling, entry->asked));
	if (json_get(request, "system") != NULL)
		json_set_cstr(&build, "system", *json_get(request, "system"));
	json_set_cstr(&build, "prompt", json_str(json_get_text(request, "prompt")));
	HEED_TRY(set_reply(telling, entry, &build));
	if (entry->class.len > 0)
		json_set_cstr(&build, "class", text_json(telling, entry->class));
	json_set_cstr(&build, "tokens", json_int(entry->input + entry->output));
	json_set_cstr(&build, "cost", dollars(entry->cost_nano));
	HEED_TRY(json_build_end(&build, &call));
	json_push(&telling->calls, call);
	return 0;
}

static struct heed_json
answer_of(const struct telling *telling, int64_t run_id)
{
	uint32_t i;

	for (i = 0; i < telling->answers.len; i++)
		if (telling->answers.items[i].items[0].i64 == run_id)
			return telling->answers.items[i].items[1];
	return json_null();
}

static int
tell_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct telling *telling = arg;
	struct heed_json body = json_null();
	struct json_build build;
	struct heed_json told;
	struct heed_json answer = answer_of(telling, run->id);

	if (telling->answer.kind == HEED_NULL)
		telling->answer = answer;
	HEED_TRY(json_parse(telling->arena, event->body, &body, telling->error));
	json_object(&build, telling->arena);
	json_set_cstr(&build, "id", json_int(run->id));
	json_set_cstr(&build, "flow", text_json(telling, run->flow));
	json_set_cstr(&build, "name", text_json(telling, run->name));
	json_set_cstr(&build, "state", json_cstr(store_run_state_name(run->state)));
	if (run->class.len > 0)
		json_set_cstr(&build, "class", text_json(telling, run->class));
	if (run->text.len > 0)
		json_set_cstr(&build, "text", text_json(telling, run->text));
	json_set_cstr(&build, "event", body);
	if (answer.kind != HEED_NULL)
		json_set_cstr(&build, "answer", answer);
	HEED_TRY(json_build_end(&build, &told));
	json_push(&telling->runs, told);
	telling->run_id = run->id;
	return store_read_journal(telling->rehearsal->store, run->id, tell_entry, telling,
	                          telling->error);
}

static int
tell_event(void *arg, const struct store_event *event)
{
	struct telling *telling = arg;
	struct heed_json body;

	if (event->parent_run == 0)
		return 0;
	HEED_TRY(json_parse(telling->arena, event->body, &body, telling->error));
	json_push(&telling->events, body);
	return 0;
}

static void
set_list(struct json_build *build, const char *name, struct json_build *list)
{
	struct heed_json value;

	if (json_build_end(list, &value) < 0)
		build->error = HEED_E_NOMEM;
	else
		json_set_cstr(build, name, value);
}

int
rehearsal_outcome(struct rehearsal *rehearsal, struct arena *arena,
                  struct heed_json *ret_outcome, struct heed_error *error)
{
	struct telling telling = {.rehearsal = rehearsal,
	                          .arena = arena,
	                          .error = error,
	                          .answer = json_null()};
	struct json_build answers = rehearsal->answers;
	struct json_build effects = rehearsal->effects;
	struct store_filter all = {0};
	struct heed_json noted;
	struct heed_json copy;
	struct json_build build;

	json_array(&telling.runs, arena);
	json_array(&telling.events, arena);
	json_array(&telling.calls, arena);
	if (json_build_end(&answers, &noted) < 0 ||
	    json_copy(arena, noted, &telling.answers) < 0 ||
	    json_build_end(&effects, &noted) < 0 || json_copy(arena, noted, &copy) < 0)
		return error_nomem(error);
	HEED_TRY(store_read_runs(rehearsal->store, &all, tell_run, &telling, error));
	HEED_TRY(store_read_events(rehearsal->store, &all, tell_event, &telling, error));
	json_object(&build, arena);
	json_set_cstr(&build, "answer", telling.answer);
	set_list(&build, "runs", &telling.runs);
	set_list(&build, "events", &telling.events);
	set_list(&build, "calls", &telling.calls);
	json_set_cstr(&build, "effects", copy);
	json_set_cstr(&build, "cost", dollars(telling.cost_nano));
	return json_build_end(&build, ret_outcome) < 0 ? error_nomem(error) : 0;
}
