/*
 * flow_kit.h - what the tests of flows share: an engine on a virtual clock over a store
 * in a file, so that a restart is a new engine on the same file; an effect that the test
 * answers itself; events to send.
 */
#ifndef HEED_TESTS_FLOW_KIT_H
#define HEED_TESTS_FLOW_KIT_H

#include "store_kit.h"

#include "base/error.h"
#include "base/expr.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/core.h"

#define STEP(text) HEED_STR(text)

static struct {
	struct place place;
	char where[200];
	struct loop *loop;
	struct store *store;
	struct gateway *gateway;
	struct engine *engine;
	struct expr_set *exprs;
	struct definition *definitions;
	size_t n_definitions;
	struct arena arena;
	int n_ended;
	char last[200]; /* state, class and text of the last run that ended */
} kit;

STORE_KIT const struct model *
kit_model(void *arg, struct heed_str name)
{
	(void)arg;
	(void)name;
	return NULL;
}

STORE_KIT int
kit_revive(void *arg, struct heed_str flow, struct heed_str name, struct heed_str text,
           struct definition **ret_definition, struct heed_error *error)
{
	(void)arg;
	(void)text;
	return error_set(error, HEED_E_NOTFOUND, "no %.*s %.*s", STR_ARG(flow),
	                 STR_ARG(name));
}

STORE_KIT void
kit_watch(void *arg, const struct run *run)
{
	(void)arg;
	kit.n_ended++;
	(void)snprintf(kit.last, sizeof(kit.last), "%s %.*s: %.*s",
	               store_run_state_name(run->state), STR_ARG(run->class),
	               STR_ARG(run->text));
}

STORE_KIT void
kit_begin(void)
{
	struct heed_error error = {0};
	struct engine_options options = {
		.name = HEED_STR("test"),
		.limits = {.queue_depth = 10000,
	                   .causation_depth = 16,
	                   .in_flight = 1000,
	                   .drain_ms = 1000},
		.model = kit_model,
		.revive = kit_revive,
		.watch = kit_watch,
	};
	struct definition *all[8];
	size_t i;

	kit.store = open_at(kit.loop, kit.where);
	options.loop = kit.loop;
	options.store = kit.store;
	options.gateway = kit.gateway;
	assert_int_equal(engine_new(&options, &kit.engine), 0);
	for (i = 0; i < kit.n_definitions; i++) {
		kit.definitions[i].stored = false;
		all[i] = &kit.definitions[i];
	}
	assert_int_equal(engine_define(kit.engine, all, kit.n_definitions, &error), 0);
	if (engine_start(kit.engine, &error) != 0)
		fail_msg("%s", error.text);
}

/* `definitions` live as long as the test. */
STORE_KIT void
kit_start(const char *name, struct definition *definitions, size_t n)
{
	memset(&kit, 0, sizeof(kit));
	kit.place = fresh(name);
	(void)snprintf(kit.where, sizeof(kit.where), "fault:%s", kit.place.where);
	kit.loop = new_loop();
	kit.exprs = expr_set_new();
	arena_init(&kit.arena, 0);
	kit.definitions = definitions;
	kit.n_definitions = n;
	assert_int_equal(gateway_new(kit.loop, NULL, NULL, &kit.gateway), 0);
	kit_begin();
}

/* All that is due without the clock going on. */
STORE_KIT void
kit_turn(void)
{
	int i;

	for (i = 0; i < 50; i++)
		loop_turn(kit.loop);
}

STORE_KIT void
kit_pass_time(int64_t ms)
{
	loop_advance(kit.loop, ms);
	kit_turn();
}

STORE_KIT void
kit_end_engine(void)
{
	engine_free(kit.engine);
	store_close(kit.store);
}

/* The process ends without a word, and another begins `ms` later. */
STORE_KIT void
kit_restart(int64_t ms)
{
	kit_end_engine();
	loop_advance(kit.loop, ms);
	kit_begin();
	kit_turn();
}

STORE_KIT void
kit_stop(void)
{
	kit_turn();
	kit_end_engine();
	gateway_free(kit.gateway);
	expr_set_free(kit.exprs);
	arena_done(&kit.arena);
	loop_free(kit.loop);
}

STORE_KIT struct expr *
kit_expr(const char *text)
{
	struct heed_error error = {0};
	struct expr *expr = NULL;

	if (expr_new(kit.exprs, str_of(text), &expr, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return expr;
}

STORE_KIT struct heed_json
kit_json(const char *text)
{
	struct heed_error error = {0};
	struct heed_json value;

	if (json_parse(&kit.arena, str_of(text), &value, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return value;
}

STORE_KIT void
kit_delivered(void *arg, const struct delivery *delivery)
{
	(void)arg;
	(void)delivery;
}

/* An event of this type, about `subject` ("" for none); its data is JSON text. */
STORE_KIT void
kit_send(const char *type, const char *subject, const char *data)
{
	struct event_parts parts = {
		.source = HEED_STR("/test"),
		.type = str_of(type),
		.subject = str_of(subject),
		.data = kit_json(data),
		.has_data = true,
	};
	struct heed_error error = {0};
	struct event event;
	int64_t retry_ms;

	if (event_from_parts(&kit.arena, &parts, loop_wall_us(kit.loop), &event,
	                     &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(
		engine_send(kit.engine, &event, 1, kit_delivered, NULL, &retry_ms), 0);
	kit_turn();
}

STORE_KIT int
kit_take_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	*(int64_t *)arg = run->id;
	(void)event;
	return 0;
}

/* The newest run of a definition. */
STORE_KIT int64_t
kit_run_id(const char *name)
{
	struct store_filter filter = {.name = str_of(name)};
	int64_t id = 0;

	assert_int_equal(store_read_runs(kit.store, &filter, kit_take_run, &id, NULL), 0);
	assert_true(id > 0);
	return id;
}

STORE_KIT int
kit_wants_all(const struct definition *definition, const struct event *event,
              struct arena *scratch, bool *ret_wanted, struct heed_error *error)
{
	*ret_wanted = true;
	return 0;
}

/* ---- an effect that the test answers ----------------------------------------------- */

#define CALLS_MAX 64

static struct {
	struct action_call *open[CALLS_MAX]; /* in order of starting */
	int n_open;
	int n_started;
	char keys[CALLS_MAX][40]; /* of all that started */
} effects;

STORE_KIT enum effect_class
effect_class_of(const struct action *action)
{
	return EFFECT_KEYED;
}

STORE_KIT int
effect_prepare(const struct action *action, struct heed_json input, struct arena *arena,
               struct heed_json *ret_request, struct heed_error *error)
{
	*ret_request = json_cstr("please");
	return 0;
}

STORE_KIT int
effect_begin(struct action *action, struct action_call *call, struct heed_error *error)
{
	assert_true(effects.n_open < CALLS_MAX && effects.n_started < CALLS_MAX);
	effects.open[effects.n_open++] = call;
	(void)snprintf(effects.keys[effects.n_started++], sizeof(effects.keys[0]), "%.*s",
	               STR_ARG(call->key));
	return 0;
}

STORE_KIT void
effect_take_out(int at)
{
	for (effects.n_open--; at < effects.n_open; at++)
		effects.open[at] = effects.open[at + 1];
}

STORE_KIT void
effect_stop(struct action *action, struct action_call *call)
{
	int i;

	for (i = 0; i < effects.n_open; i++)
		if (effects.open[i] == call)
			effect_take_out(i);
}

static const struct action_kind kit_effect = {
	.name = "effect",
	.size = sizeof(struct action),
	.effect = effect_class_of,
	.prepare = effect_prepare,
	.perform = effect_begin,
	.cancel = effect_stop,
};

static struct action kit_action = {.kind = &kit_effect};

/* Answer the oldest open call: zero with `result`, or a failure. */
STORE_KIT void
kit_answer(int code, const char *result)
{
	struct heed_error error = {0};
	struct action_call *call;

	assert_true(effects.n_open > 0);
	call = effects.open[0];
	effect_take_out(0);
	(void)error_set(&error, code, "the test says no");
	action_done(call, code, kit_json(result), -1, &error);
	kit_turn();
}

#define KIT_ACT(name)                                                                    \
	{                                                                                \
		.step = {name, sizeof(name) - 1}, .action = &kit_action,                 \
		.retry = {.attempts = 1, .delay_ms = 1000, .delay_max_ms = 1000},        \
		.timeout_ms = 1000                                                       \
	}

#endif
