/*
 * test_saga_random.c - random sagas in a hostile world, and what has to hold all the
 *same.
 *
 * A seed makes a configuration (steps of all kinds, in order or guided, with bounds), a
 * service that refuses, fails, hangs and loses answers, a model that answers with prose,
 * unknown steps, wrong inputs or nothing, people who approve, reject and cancel, events
 * that come early, late and never, and ends of the process at any commit. When the world
 * has calmed down every saga comes to an end, and then the service's memory and the store
 * are compared with what is promised:
 *
 *	- no step was carried out that was not offered, and none was offered too early
 *	- each completed step with an undo was undone once, in reverse, or the saga
 *completed
 *	- nothing was done after compensation began
 *	- no effect was applied twice
 *	- bounds on steps, repeats and cost held
 *
 * HEED_SEED repeats one run, HEED_SAGA_ROUNDS sets how many.
 */
#define KIT_OWN_WORLD
#include "engine_kit.h"

#define STEPS_MAX 7
#define ORDERS_MAX 6
#define LOG_MAX 4096
#define MODEL_PRICE 1000 /* nano dollars an answer: one token of output */

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
	reply->retry_after_ms = -1;
	reply->usage.output = 1 + draw(1000);
	return true;
}

static const struct model_stand_in stand_in = {.answer = answer};
static const struct gateway_options gateway_options = {.stand_in = &stand_in};

/* ---- the world goes on ------------------------------------------------------------- */

static struct stage stage;
static char path[96], where[128];
static int n_orders;

static void
turn(void)
{
	int i;

	for (i = 0; i < 10; i++)
		loop_turn(stage.loop);
}

static void
pass_time(int64_t ms)
{
	loop_advance(stage.loop, ms);
	turn();
}

static void
open_stage(void)
{
	stage_open(&stage, plan.text, where);
	turn();
}

static void
kill_process(void)
{
	int i;

	/* With a cut on the way, or just so. */
	if (chance(60)) {
		store_fault(stage.store,
		            chance(50) ? STORE_FAULT_CUT : STORE_FAULT_CUT_BEHIND,
		            1 + draw(4));
		for (i = 0; i < 20; i++)
			pass_time(50);
	}
	stage_wall_us = loop_wall_us(stage.loop) + 1000 * (int64_t)draw(100000);
	stage_close(&stage);
	open_stage();
}

static void
send(const char *type, const char *id, int order)
{
	struct outcome outcome = {0};
	char text[200];

	(void)snprintf(text, sizeof(text),
	               "{\"id\":\"%s%d\",\"type\":\"%s\",\"subject\":\"order%d\","
	               "\"data\":{}}",
	               id, order, type, order);
	(void)stage_offer(&stage, text, &outcome);
	turn();
}

struct pending {
	int64_t runs[64];
	char steps[64][24];
	size_t n;
};

static int
find_pending_entry(void *arg, const struct store_entry *entry)
{
	struct pending *pending = arg;

	if (entry->kind != ENTRY_WAIT || entry->state != ENTRY_INTENDED ||
	    pending->n == 64 ||
	    str_search(entry->request, HEED_STR("signal")) == entry->request.len)
		return 0;
	pending->runs[pending->n] = entry->run_id;
	(void)snprintf(pending->steps[pending->n++], sizeof(pending->steps[0]), "%.*s",
	               STR_ARG(entry->step));
	return 0;
}

static int
find_pending(void *arg, const struct store_run *run, const struct store_event *event)
{
	return store_read_journal(stage.store, run->id, find_pending_entry, arg, NULL);
}

static void
told(void *arg, int code)
{
	(void)arg;
	(void)code;
}

static void
decide(bool approve)
{
	struct store_filter filter = {.states = "ready,active,waiting"};
	struct pending pending = {.n = 0};
	struct json_build build;
	struct heed_json value;
	struct arena arena;
	size_t i;

	(void)store_read_runs(stage.store, &filter, find_pending, &pending, NULL);
	arena_init(&arena, 0);
	json_object(&build, &arena);
	json_set_cstr(&build, "decision", json_cstr(approve ? "approve" : "reject"));
	json_set_cstr(&build, "by", json_cstr("boss"));
	assert_int_equal(json_build_end(&build, &value), 0);
	for (i = 0; i < pending.n; i++)
		(void)engine_signal(stage.engine, pending.runs[i],
		                    str_of(pending.steps[i]), value, told, NULL, NULL);
	arena_done(&arena);
	turn();
}

static int
redrive_one(void *arg, const struct store_run *run, const struct store_event *event)
{
	int64_t *ids = arg;

	ids[++ids[0]] = run->id;
	return ids[0] == 60;
}

/* Held sagas get another chance. */
static size_t
redrive_held(void)
{
	struct store_filter filter = {.states = "held"};
	int64_t ids[62] = {0};
	struct redrive what = {.verb = REDRIVE_RETRY, .runs = ids + 1};

	(void)store_read_runs(stage.store, &filter, redrive_one, ids, NULL);
	what.n_runs = (size_t)ids[0];
	if (ids[0] > 0)
		(void)engine_redrive(stage.engine, &what, ids[0], NULL, NULL, NULL);
	turn();
	return (size_t)ids[0];
}

static void
cancel_one(void)
{
	(void)engine_signal(stage.engine, 1 + draw(12), HEED_STR("cancel"), json_null(),
	                    told, NULL, NULL);
	turn();
}

static void
something_happens(void)
{
	uint32_t what = draw(100);

	if (what < 12 && n_orders < ORDERS_MAX)
		send("order", "order", n_orders++);
	else if (what < 24)
		send("poke", "poke", (int)draw(ORDERS_MAX));
	else if (what < 34)
		decide(chance(60));
	else if (what < 38)
		cancel_one();
	else if (what < 44)
		(void)redrive_held();
	else if (what < 52)
		kill_process();
	else
		pass_time(1 + draw(chance(20) ? 3600000 : 3000));
}

static int64_t
unfinished(void)
{
	struct store_counts counts;

	assert_int_equal(store_read_counts(stage.store, &counts, NULL), 0);
	return counts.runs[RUN_READY] + counts.runs[RUN_ACTIVE] +
	       counts.runs[RUN_WAITING];
}

/* All goes well from now on; everything comes to an end. */
static void
calm_down(void)
{
	int i;

	service.calm = true;
	for (i = 0; i < 4000; i++) {
		if (redrive_held() == 0 && unfinished() == 0)
			return;
		decide(true);
		pass_time(i < 300 ? 500 : 60000);
	}
	fail_msg("sagas that do not end; HEED_SEED=%llu", (unsigned long long)seed);
}

/* ---- what has to hold -------------------------------------------------------------- */

static char rows[1 << 18];

#define PROMISE(sql, what)                                                               \
	do {                                                                             \
		ask_file(path, sql, rows, sizeof(rows));                                 \
		if (rows[0] != '\0')                                                     \
			fail_msg("%s: %s; HEED_SEED=%llu\n%s", what, rows,               \
			         (unsigned long long)seed, plan.text);                   \
	} while (0)

/* Executions that were undone, as (run, place of the step, place of its undo). */
#define UNDONE                                                                           \
	"with e as (select run_id, step, min(n) place from journal group by 1, 2),"      \
	" u as (select a.run_id, a.step, a.place, b.place back from e a join e b"        \
	" on b.run_id = a.run_id and b.step = a.step || '.undo') "

static void
check_store(void)
{
	PROMISE(UNDONE "select * from u a join u b on a.run_id = b.run_id and a.place < "
	               "b.place and a.back < b.back",
	        "undone in the order it was done");
	PROMISE("select j.run_id, j.step, j.n from journal j join journal c on c.run_id "
	        "= "
	        "j.run_id and c.step = 'saga.compensating' where j.n > c.n and j.kind in "
	        "(0, 1, 3, 5, 6) and j.step not like '%.undo' and (j.kind <> 0 or j.step "
	        "not like '%.recover.%')",
	        "done after compensation began");
	PROMISE("select j.run_id, j.step from journal j where j.step like '%.undo' and "
	        "not exists (select 1 from journal c where c.run_id = j.run_id and "
	        "c.step "
	        "= 'saga.compensating')",
	        "undone without compensation");
	PROMISE("select run_id, step, count(*) from journal where kind = 1 and state = 1 "
	        "group by 1, 2 having count(*) > 1",
	        "done twice");
	PROMISE("select r.id from runs r where r.flow = 'saga' and (select count(*) from "
	        "events e where e.parent_run = r.id and e.type = 'saga.started') <> 1",
	        "not started once");
	PROMISE("select r.id, r.state, r.class from runs r where r.flow = 'saga' and not "
	        "exists (select 1 from events e where e.parent_run = r.id and e.type = "
	        "case when r.state = 5 and r.class = '' then 'saga.completed' when "
	        "r.state "
	        "= 5 then 'saga.compensated' else 'saga.failed' end)",
	        "an end that was not told");
	PROMISE("select r.id, j.step from runs r join journal j on j.run_id = r.id where "
	        "r.state = 5 and r.class = '' and j.step like '%.undo'",
	        "completed and undone");
}

/* A compensated saga has undone all that completed and has an undo. */
static void
check_all_undone(void)
{
	char sql[512];
	size_t i;

	for (i = 0; i < plan.n; i++) {
		if (!plan.steps[i].undo)
			continue;
		(void)snprintf(
			sql, sizeof(sql),
			"select r.id, j.step from runs r join journal j on j.run_id "
			"= r.id where r.name = 'main' and r.class = 'compensated' and "
			"j.step like 's%zu%%.completed' and not exists (select 1 from "
			"journal u where u.run_id = r.id and u.state = 1 and u.step = "
			"replace(j.step, '.completed', '.undo'))",
			i);
		PROMISE(sql, "completed and not undone");
	}
}

static void
check_guide(void)
{
	char sql[400];
	size_t i;
	size_t k;

	if (!plan.guided)
		return;
	(void)snprintf(sql, sizeof(sql),
	               "select run_id, count(*) from journal j join runs r on r.id = "
	               "j.run_id and r.name = 'main' where j.step glob "
	               "'s[0-9]*.completed' group "
	               "by 1 having count(*) > %d",
	               plan.max_steps);
	PROMISE(sql, "more steps than allowed");
	for (i = 0; i < plan.n; i++) {
		(void)snprintf(sql, sizeof(sql),
		               "select run_id, count(*) from journal where step like "
		               "'s%zu%%.completed' group by 1 having count(*) > %d",
		               i, plan.steps[i].repeatable ? plan.max_repeats : 1);
		PROMISE(sql, "repeated too often");
	}
	/* A step was offered only behind those that it comes after. */
	for (i = 0; i < plan.n; i++)
		for (k = 0; k < i; k++) {
			if ((plan.steps[i].after & 1u << k) == 0)
				continue;
			(void)snprintf(
				sql, sizeof(sql),
				"select a.run_id from journal a where a.step = "
				"'s%zu' and a.kind in (1, 5, 6) and not exists "
				"(select 1 from journal b where b.run_id = a.run_id "
				"and b.step = 's%zu.completed' and b.n < a.n)",
				i, k);
			PROMISE(sql, "taken too early");
		}
	if (plan.max_cost > 0) {
		(void)snprintf(
			sql, sizeof(sql),
			"select j.run_id, sum(j.cost_nano) from journal j join runs r on "
			"r.id = j.run_id and r.name = 'main' group by 1 having "
			"sum(j.cost_nano) > %lld",
			(long long)plan.max_cost);
		PROMISE(sql, "spent too much");
	}
}

/* Was this step ever offered to the saga of this event? */
static bool
was_offered(const char *event, int step)
{
	size_t i;

	for (i = 0; i < n_offers; i++)
		if (strcmp(offers[i].event, event) == 0 &&
		    (offers[i].steps & 1u << step) != 0)
			return true;
	return false;
}

static void
check_service(void)
{
	size_t i;
	size_t k;

	for (i = 0; i < service.n; i++) {
		const struct request_seen *seen = &service.log[i];
		int step = seen->step[1] - '0';

		if (plan.guided && strncmp(seen->event, "order", 5) == 0 &&
		    !was_offered(seen->event, step))
			fail_msg("%s was not offered; HEED_SEED=%llu", seen->step,
			         (unsigned long long)seed);
		for (k = 0; k < i; k++) {
			const struct request_seen *before = &service.log[k];
			bool same = strcmp(seen->event, before->event) == 0;

			if (same && strcmp(before->what, "undo") == 0 &&
			    strcmp(seen->what, "do") == 0)
				fail_msg("%s after an undo; HEED_SEED=%llu", seen->step,
				         (unsigned long long)seed);
			if (!plan.guided && same && seen->applied && before->applied &&
			    strcmp(before->what, seen->what) == 0 &&
			    strcmp(before->step, seen->step) == 0)
				fail_msg("%s %s applied twice; HEED_SEED=%llu",
				         seen->what, seen->step,
				         (unsigned long long)seed);
		}
	}
}

static void
one_round(void)
{
	int i;

	state = seed;
	service.calm = false;
	service.n = n_offers = 0;
	n_orders = 0;
	stage_wall_us = NOW;
	make_plan();
	(void)snprintf(path, sizeof(path), "%s/saga.db", folder);
	(void)snprintf(where, sizeof(where), "fault:sqlite:%s", path);
	remove_store(path);
	open_stage();
	for (i = 0; i < 150; i++)
		something_happens();
	calm_down();
	stage_close(&stage);
	check_store();
	check_all_undone();
	check_guide();
	check_service();
}

static void
test_random_sagas(void **test_state)
{
	const char *given = getenv("HEED_SEED");
	const char *wanted = getenv("HEED_SAGA_ROUNDS");
	int rounds = given != NULL ? 1 : wanted != NULL ? atoi(wanted) : 30;
	int i;

	(void)test_state;
	stage_models = &gateway_options;
	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) << 20;
	for (i = 0; i < rounds; i++, seed++) {
		if (wanted != NULL)
			printf("# HEED_SEED=%llu\n", (unsigned long long)seed);
		one_round();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sagas),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
