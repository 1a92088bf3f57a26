/*
 * saga_world.h - a hostile world for random sagas: a configuration that a seed makes, a
 * service that refuses, fails, hangs and loses answers, and a model that answers with
 * prose, unknown steps, wrong inputs or nothing.
 */
#ifndef HEED_TESTS_SAGA_WORLD_H
#define HEED_TESTS_SAGA_WORLD_H

#define KIT_OWN_WORLD
#include "engine_kit.h"

#define STEPS_MAX 7
#define ORDERS_MAX 6
#define LOG_MAX 4096

static uint64_t seed, state;

static uint32_t
draw(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

static bool
chance(uint32_t percent)
{
	return draw(100) < percent;
}

/* ---- the configuration ------------------------------------------------------------- */

enum kind { K_DO, K_SLEEP, K_WAIT, K_HUMAN, K_ASK, K_START };

static struct plan {
	bool guided;
	size_t n;
	int max_steps, max_repeats;
	int64_t max_cost;
	struct {
		enum kind kind;
		bool undo, attempted, repeatable, input;
		uint32_t after;
	} steps[STEPS_MAX];
	char text[16384];
} plan;

static void
say(const char *format, ...)
{
	size_t len = strlen(plan.text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(plan.text + len, sizeof(plan.text) - len, format, args);
	va_end(args);
	assert_true(strlen(plan.text) + 2 < sizeof(plan.text));
}

static void
say_effect(const char *what, size_t i)
{
	say("{http: {url: \"http://svc.test/%s/s%zu/{{ .event.id }}\", body: \"{x: "
	    "%s}\"}, timeout: 1s, retry: {attempts: %u, delay: 1s}}\n",
	    what, i, strcmp(what, "undo") == 0 ? ".input" : ".data", 1 + draw(3));
}

static void
say_kind(size_t i)
{
	static const char *const late[] = {"fail", "approve", "reject"};
	static const char *const no[] = {"compensate", "continue", "fail"};

	switch (plan.steps[i].kind) {
	case K_DO:
		say("        do: ");
		say_effect("do", i);
		break;
	case K_SLEEP:
		say("        sleep: %us\n", 1 + draw(3000));
		break;
	case K_WAIT:
		say("        wait_for: {type: poke, subject: \"{{ .event.id }}\", "
		    "timeout: %us}\n",
		    60 + draw(7200));
		break;
	case K_HUMAN:
		say("        ask_human: {recipients: [boss], timeout: %us, on_timeout: "
		    "%s, on_reject: %s%s}\n",
		    600 + draw(7200), late[draw(3)], no[draw(3)],
		    chance(30) ? ", escalate: {after: 5m, recipients: [owner]}" : "");
		break;
	case K_ASK:
		say("        ask: {model: m, prompt: hello, retry: {attempts: 2, delay: "
		    "1s}, answer: {type: object, required: [word], properties: {word: "
		    "{type: string}}}}\n");
		break;
	case K_START:
		say("        start: {saga: child, data: \"{child: true}\"}\n");
		break;
	}
}

static void
say_step(size_t i)
{
	size_t k;

	say("      s%zu:\n", i);
	say_kind(i);
	if (plan.steps[i].undo) {
		say("        undo: ");
		say_effect("undo", i);
		if (plan.steps[i].attempted)
			say("        undo_when: attempted\n");
	}
	if (plan.steps[i].repeatable)
		say("        repeatable: true\n");
	if (plan.steps[i].input)
		say("        input: {type: object, required: [k], properties: {k: {enum: "
		    "[1, 2]}}}\n");
	for (k = 0; k < i; k++)
		if ((plan.steps[i].after & 1u << k) != 0)
			say("        after: [s%zu]\n", k);
	if (chance(20))
		say("        require: .data.n < %u\n", 1 + draw(4));
	if (chance(50))
		say("        set: '{n: (.data.n + 1), r%zu: .result}'\n", i);
}

static void
choose_steps(void)
{
	size_t i;

	plan.n = 2 + draw(STEPS_MAX - 1);
	for (i = 0; i < plan.n; i++) {
		plan.steps[i].kind = chance(55) ? K_DO : (enum kind)(1 + draw(5));
		plan.steps[i].undo = chance(70);
		plan.steps[i].attempted = plan.steps[i].undo && chance(25);
		plan.steps[i].repeatable = plan.guided && chance(25);
		plan.steps[i].input = plan.guided && chance(40);
		if (i > 0 && chance(35))
			plan.steps[i].after = 1u << draw((uint32_t)i);
	}
}

/* Two steps of effects at the same time, as a step of their own at the end. */
static void
say_parallel(void)
{
	size_t i;

	if (plan.guided || !chance(40))
		return;
	for (i = plan.n; i < plan.n + 2; i++) {
		say("      s%zu:\n        do: ", i);
		say_effect("do", i);
		say("        undo: ");
		say_effect("undo", i);
	}
	say("      both: {parallel: [s%zu, s%zu]}\n", plan.n, plan.n + 1);
}

static void
make_plan(void)
{
	static const char *const policies[] = {"compensate", "retry", "fail"};
	size_t i;

	memset(&plan, 0, sizeof(plan));
	plan.guided = chance(50);
	plan.max_steps = 3 + (int)draw(8);
	plan.max_repeats = 1 + (int)draw(3);
	plan.max_cost = chance(30) ? 40000000 + draw(100000000) : 0;
	choose_steps();
	say("heed: 1\nname: random\nmodels:\n"
	    "  m: {provider: openai, endpoint: \"http://model.test/v1\", model: m,\n"
	    "      api_key: k, price: {input: 0, output: 1}, max_tokens: 1000,\n"
	    "      breaker: {failures: 0}}\nsagas:\n"
	    "  child:\n    data: '{n: 0}'\n    steps:\n"
	    "      c0:\n        do: ");
	say_effect("do", 90);
	say("        undo: ");
	say_effect("undo", 90);
	say("      c1:\n        do: ");
	say_effect("do", 91);
	say("  main:\n    start_on: order\n    data: '{n: 0}'\n");
	if (chance(30))
		say("    deadline: %us\n", 300 + draw(7200));
	if (plan.guided)
		say("    guide: {model: m, max_steps: %d, max_repeats: %d, retry: "
		    "{attempts: 2, delay: 1s}%s",
		    plan.max_steps, plan.max_repeats, plan.max_cost > 0 ? "" : "}\n");
	if (plan.guided && plan.max_cost > 0)
		say(", max_cost: %.9f}\n", (double)plan.max_cost / 1e9);
	if (chance(70))
		say("    recover: {policy: %s, retries: %u%s}\n", policies[draw(3)],
		    draw(3), chance(40) ? ", model: m, retry: {attempts: 2}" : "");
	say("    steps:\n");
	for (i = 0; i < plan.n; i++)
		say_step(i);
	say_parallel();
}

/* ---- the service ------------------------------------------------------------------- */

struct request_seen {
	char what[8];   /* do, undo */
	char step[8];   /* s3 */
	char event[48]; /* of the saga */
	char key[48];
	bool applied; /* by this request */
};

static struct {
	bool calm;
	struct request_seen log[LOG_MAX];
	size_t n;
} service;

struct http_call {
	struct loop_timer timer;
	http_done_fn *done;
	void *arg;
	struct http_reply reply;
	char body[64];
};

static void
call_fired(void *arg)
{
	struct http_call *call = arg;

	call->reply.body = str_of(call->body);
	call->done(call->arg, &call->reply);
	free(call);
}

static bool
was_applied(const char *key)
{
	size_t i;

	for (i = 0; i < service.n; i++)
		if (service.log[i].applied && strcmp(service.log[i].key, key) == 0)
			return true;
	return false;
}

static struct request_seen *
note_request(const struct http_request *request)
{
	struct request_seen *seen = &service.log[service.n];
	struct heed_str rest = str_from(request->url, strlen("http://svc.test/"));
	struct heed_str what = str_cut(&rest, '/');
	struct heed_str step = str_cut(&rest, '/');
	size_t i;

	assert_true(service.n++ < LOG_MAX);
	memset(seen, 0, sizeof(*seen));
	(void)snprintf(seen->what, sizeof(seen->what), "%.*s", STR_ARG(what));
	(void)snprintf(seen->step, sizeof(seen->step), "%.*s", STR_ARG(step));
	(void)snprintf(seen->event, sizeof(seen->event), "%.*s", STR_ARG(rest));
	for (i = 0; i < request->n_headers; i++)
		if (str_is_nocase(request->headers[i].name, "idempotency-key"))
			(void)snprintf(seen->key, sizeof(seen->key), "%.*s",
			               STR_ARG(request->headers[i].value));
	return seen;
}

int
http_start(struct http_client *client, const struct http_request *request,
           http_done_fn *done, void *arg, struct http_call **ret_call,
           struct heed_error *error)
{
	struct http_call *call = calloc(1, sizeof(*call));
	struct request_seen *seen = note_request(request);
	bool again = was_applied(seen->key);
	uint32_t luck = service.calm ? 0 : draw(100);
	int64_t delay = 1 + draw(200);

	assert_non_null(call);
	call->done = done;
	call->arg = arg;
	call->reply.sent = true;
	call->reply.status = 200;
	(void)snprintf(call->body, sizeof(call->body), "{\"id\":%zu}", service.n);
	if (luck < 62 || (again && luck < 72)) {
		seen->applied = !again;
	} else if (luck < 72) {
		call->reply.status = 422;
	} else if (luck < 80) {
		call->reply.status = 503;
	} else if (luck < 86) {
		call->reply.error = HEED_E_NETWORK;
		call->reply.sent = false;
	} else { /* hangs or is lost, and it was applied or not */
		seen->applied = !again && luck % 2 == 0;
		call->reply.error = luck < 94 ? HEED_E_TIMEOUT : HEED_E_NETWORK;
		delay = luck < 94 ? request->timeout_ms : delay;
	}
	loop_timer_init(&call->timer, call_fired, call);
	loop_timer_set(world.loop, &call->timer, delay);
	*ret_call = call;
	return 0;
}

void
http_cancel(struct http_call *call)
{
	loop_timer_clear(world.loop, &call->timer);
	free(call);
}

/* ---- the model --------------------------------------------------------------------- */

/* What was offered to each saga's turns: bits of steps. */
static struct {
	char event[48];
	char turn[24];
	uint32_t steps;
	bool complete;
} offers[LOG_MAX];
static size_t n_offers;

static void
note_offer(const struct model_question *question)
{
	const struct heed_json *event = json_path(question->input, "event", "id", NULL);
	const struct heed_json *steps = json_get(question->input, "steps");
	const struct heed_json *history = json_get(question->input, "history");
	uint32_t i;

	assert_true(n_offers < LOG_MAX);
	(void)snprintf(offers[n_offers].event, sizeof(offers[0].event), "%.*s",
	               STR_ARG(json_text(*event)));
	(void)snprintf(offers[n_offers].turn, sizeof(offers[0].turn), "saga.guide.%u",
	               history->len + 1);
	offers[n_offers].steps = 0;
	for (i = 0; i < steps->len; i++) {
		struct heed_str name = json_get_text(steps->items[i], "step");

		offers[n_offers].steps |= 1u << (name.data[1] - '0');
	}
	n_offers++;
}

static int
write_choice(char *text, size_t size, const struct model_question *question)
{
	const struct heed_json *steps = json_get(question->input, "steps");
	const struct heed_json *choices = json_get(question->input, "choices");
	struct heed_str name;

	if (choices != NULL) {
		name = json_text(choices->items[draw(choices->len)]);
		return snprintf(text, size, "{\"action\":\"%.*s\",\"reason\":\"so\"}",
		                STR_ARG(name));
	}
	if (steps == NULL)
		return snprintf(text, size, "{\"word\":\"x\"}");
	if (steps->len == 0 || (chance(8) && !service.calm))
		return snprintf(text, size, "{\"action\":\"%s\",\"reason\":\"so\"}",
		                chance(80) ? "complete" : "compensate");
	name = json_get_text(steps->items[draw(steps->len)], "step");
	return snprintf(text, size,
	                "{\"action\":\"execute\",\"step\":\"%.*s\",\"input\":{\"k\":%u},"
	                "\"reason\":\"so\"}",
	                STR_ARG(name), 1 + draw(2));
}

static bool
answer(void *arg, const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_reply *reply)
{
	static const char *const nonsense[] = {
		"I would rather not say, but step s0 looks fine to me.",
		"{\"action\":\"execute\",\"step\":\"launch_missiles\",\"reason\":\"\"}",
		"{\"action\":\"execute\",\"step\":\"s0\",\"input\":{\"k\":77},\"reason\":"
		"\"\"}",
		"{\"action\":\"execute\",\"reason\":\"no step\"}",
		"{\"action\":\"execute\",\"step\":\"s1\",\"reason\":\"no input\"}",
		"{\"action\":\"destroy\",\"reason\":\"why not\"}",
		"[]",
		"",
	};
	char text[256];
	uint32_t luck = service.calm ? 0 : draw(100);

	if (json_get(question->input, "steps") != NULL)
		note_offer(question);
	(void)snprintf(text, sizeof(text), "%s", nonsense[draw(8)]);
	if (luck < 75)
		(void)write_choice(text, sizeof(text), question);
	reply->code = luck < 92 ? 0 : luck < 97 ? HEED_E_TRANSIENT : HEED_E_REFUSED;
	reply->class = luck < 92   ? MODEL_ANSWER
	               : luck < 97 ? MODEL_TRANSIENT
	                           : MODEL_REFUSAL;
	reply->text = arena_str(arena, str_of(text));
	reply->raw = reply->text;
	if (reply->text.data == NULL) { /* memory is short */
		reply->code = HEED_E_TRANSIENT;
		reply->class = MODEL_TRANSIENT;
	}
	reply->retry_after_ms = -1;
	reply->usage.output = 1 + draw(1000);
	return true;
}

static const struct model_stand_in stand_in = {.answer = answer};
static const struct gateway_options gateway_options = {.stand_in = &stand_in};

#endif
