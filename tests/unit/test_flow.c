/*
 * test_flow.c - what flows may call: waits that meet their events whenever these come and
 * whatever ends the process in between, signals, runs that start runs, branches, stops.
 */
#include "flow_kit.h"

static struct expr *match;
static struct option_texts paid_types;
static int64_t timeout_ms;
static struct heed_str about;
static char got[512]; /* what the flow got, as it went */

static void
note_got(const char *format, ...)
{
	size_t len = strlen(got);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(got + len, sizeof(got) - len, format, args);
	va_end(args);
}

static struct heed_str paid_names[] = {{"paid", 4}, {"refused", 7}};
static struct heed_str start_type = {"go", 2};
static struct heed_str child_type = {"child_go", 8};

static struct definition
make_definition(const struct flow_kind *kind, const char *name,
                const struct heed_str *type)
{
	return (struct definition){
		.kind = kind,
		.name = str_of(name),
		.hash = str_of(name),
		.text = HEED_STR("{}"),
		.types = type,
		.n_types = 1,
		.concurrency = 100,
	};
}

static struct heed_json
event_input(struct run *run)
{
	struct json_build build;
	struct heed_json input;

	json_object(&build, flow_arena(run));
	json_set_cstr(&build, "start", flow_event(run)->root);
	assert_int_equal(json_build_end(&build, &input), 0);
	return input;
}

/* ---- waiting for an event ---------------------------------------------------------- */

/* Sleep when the event says so, then wait to be paid, then say what was paid. */
static int
wait_step(struct run *run)
{
	const struct heed_json *data = json_get(flow_event(run)->root, "data");
	struct wait wait = {.types = paid_types,
	                    .subject = about,
	                    .match = match,
	                    .timeout_ms = timeout_ms};
	struct heed_json fact;

	HEED_TRY(flow_sleep(run, STEP("nap"), json_get_int(*data, "nap", 0)));
	HEED_TRY(flow_wait(run, STEP("pay"), &wait, event_input(run), &fact));
	note_got("[%lld]",
	         (long long)json_get_int(*json_get(fact, "data"), "amount", -1));
	return 0;
}

static const struct flow_kind wait_kind = {
	.name = "waits", .step = wait_step, .wants = kit_wants_all};
static struct definition wait_definition;

static void
start_waiting(const char *name)
{
	wait_definition = make_definition(&wait_kind, "waiter", &start_type);
	paid_types = (struct option_texts){paid_names, 2};
	about = (struct heed_str){NULL, 0};
	timeout_ms = 0;
	got[0] = '\0';
	match = NULL;
	kit_start(name, &wait_definition, 1);
	match = kit_expr(".event.data.order == .start.data.order");
}

static void
test_meets_the_event(void **state)
{
	start_waiting("meets");
	kit_send("go", "", "{\"order\":7}");
	kit_pass_time(10);
	kit_send("paid", "", "{\"order\":8,\"amount\":1}");
	kit_send("paid", "", "\"not an object\"");
	kit_send("other", "", "{\"order\":7,\"amount\":2}");
	assert_string_equal(got, "");
	kit_send("refused", "", "{\"order\":7,\"amount\":3}");
	kit_send("paid", "", "{\"order\":7,\"amount\":4}");
	assert_string_equal(got, "[3]");
	assert_int_equal(kit.n_ended, 1);
	kit_stop();
}

static void
test_meets_many(void **state)
{
	start_waiting("many");
	kit_send("go", "", "{\"order\":7}");
	kit_send("go", "", "{\"order\":7}");
	kit_pass_time(10);
	kit_send("paid", "", "{\"order\":7,\"amount\":5}");
	assert_string_equal(got, "[5][5]");
	kit_stop();
}

static void
test_subject(void **state)
{
	start_waiting("subject");
	match = NULL;
	about = HEED_STR("order-7");
	kit_send("go", "", "{\"order\":7}");
	kit_pass_time(10);
	kit_send("paid", "order-8", "{\"amount\":1}");
	kit_send("paid", "", "{\"amount\":2}");
	assert_string_equal(got, "");
	kit_send("paid", "order-7", "{\"amount\":3}");
	assert_string_equal(got, "[3]");
	kit_stop();
}

/* The event comes while the run sleeps, behind many others that are not for it. */
static void
test_event_before_the_wait(void **state)
{
	char data[64];
	int i;

	start_waiting("before");
	kit_send("paid", "", "{\"order\":7,\"amount\":1}"); /* before the start: not it */
	kit_send("go", "", "{\"order\":7,\"nap\":60000}");
	for (i = 0; i < 200; i++) {
		(void)snprintf(data, sizeof(data), "{\"order\":%d,\"amount\":2}",
		               100 + i);
		kit_send(i % 2 != 0 ? "paid" : "refused", "", data);
	}
	kit_send("refused", "", "{\"order\":7,\"amount\":3}");
	kit_send("paid", "", "{\"order\":7,\"amount\":4}");
	assert_string_equal(got, "");
	kit_pass_time(60001);
	kit_pass_time(10);
	assert_string_equal(got, "[3]");
	kit_stop();
}

static void
test_wait_over_a_restart(void **state)
{
	start_waiting("restart");
	kit_send("go", "", "{\"order\":7}");
	kit_pass_time(10);
	kit_send("paid", "", "{\"order\":6,\"amount\":1}");
	kit_restart(86400000);
	kit_send("paid", "", "{\"order\":7,\"amount\":2}");
	assert_string_equal(got, "[2]");
	assert_int_equal(kit.n_ended, 1);
	kit_restart(1);
	assert_string_equal(got, "[2]");
	kit_stop();
}

/* Power goes when the event is on disk and what it means for the run is not. */
static void
test_wait_over_a_cut(void **state)
{
	start_waiting("cut");
	timeout_ms = 60000;
	kit_send("go", "", "{\"order\":7}");
	kit_pass_time(10);
	store_fault(kit.store, STORE_FAULT_CUT, 2);
	kit_send("paid", "", "{\"order\":7,\"amount\":2}");
	assert_int_equal(kit.n_ended, 0);
	got[0] = '\0';
	kit_restart(120000); /* later than the bound: but it came in time */
	assert_string_equal(got, "[2]");
	assert_int_equal(kit.n_ended, 1);
	kit_stop();
}

static void
test_time_out(void **state)
{
	start_waiting("late");
	timeout_ms = 60000;
	kit_send("go", "", "{\"order\":7}");
	kit_pass_time(10);
	kit_pass_time(59000);
	assert_int_equal(kit.n_ended, 0);
	kit_restart(500);
	assert_int_equal(kit.n_ended, 0);
	kit_pass_time(501 + 10);
	assert_int_equal(kit.n_ended, 1);
	assert_string_equal(kit.last, "dead timeout: step pay: nothing came in time");
	kit_send("paid", "", "{\"order\":7,\"amount\":2}");
	assert_string_equal(got, "");
	kit_stop();
}

static void
test_sleep_over_restarts(void **state)
{
	start_waiting("sleep");
	paid_types.n = 0;
	timeout_ms = 1;
	kit_send("go", "", "{\"nap\":604800000}");
	kit_restart(3 * 86400000LL);
	kit_restart(3 * 86400000LL);
	assert_int_equal(kit.n_ended, 0);
	kit_pass_time(86400000 - 1000);
	assert_int_equal(kit.n_ended, 0);
	kit_pass_time(1001);
	kit_pass_time(10);
	assert_int_equal(kit.n_ended, 1);
	kit_stop();
}

/* An event that is known already ends no wait, nor one that could not be stored. */
static void
test_only_committed_events(void **state)
{
	start_waiting("committed");
	kit_send("go", "", "{\"order\":7}");
	kit_pass_time(10);
	store_fault(kit.store, STORE_FAULT_FAIL, 1);
	kit_send("paid", "", "{\"order\":7,\"amount\":1}");
	assert_string_equal(got, "");
	kit_send("paid", "", "{\"order\":7,\"amount\":2}");
	assert_string_equal(got, "[2]");
	kit_stop();
}

/* ---- signals ----------------------------------------------------------------------- */

static const char *const signals[] = {"cancel", NULL};

static int
signal_step(struct run *run)
{
	struct wait wait = {.signal = true, .timeout_ms = timeout_ms};
	struct heed_json value;
	int r;

	if (flow_hear(run, "cancel", &value))
		flow_stop(run, HEED_E_CANCELLED, "cancelled", "a person said so");
	r = flow_wait(run, STEP("approve"), &wait, json_null(), &value);
	if (r == 0)
		note_got("[%.*s]", STR_ARG(json_text(value)));
	return r;
}

static const struct flow_kind signal_kind = {
	.name = "hears", .step = signal_step, .wants = kit_wants_all, .signals = signals};

static void
told(void *arg, int code)
{
	*(int *)arg = code;
}

static int
say(int64_t run, const char *name, const char *value, int *ret_told,
    struct heed_error *error)
{
	*ret_told = 1;
	return engine_signal(kit.engine, run, str_of(name), json_cstr(value), told,
	                     ret_told, error);
}

static void
test_signals(void **state)
{
	struct definition definition =
		make_definition(&signal_kind, "listener", &start_type);
	struct heed_error error;
	int64_t run;
	int was_told;

	got[0] = '\0';
	timeout_ms = 0;
	kit_start("signals", &definition, 1);
	kit_send("go", "", "{}");
	run = kit_run_id("listener");
	assert_int_equal(say(run, "aprove", "yes", &was_told, &error), HEED_E_CONFLICT);
	assert_non_null(strstr(error.hint, "approve"));
	assert_int_equal(say(run + 9, "approve", "yes", &was_told, &error),
	                 HEED_E_NOTFOUND);
	kit_restart(1000);
	assert_int_equal(say(run, "approve", "yes", &was_told, &error), 0);
	assert_int_equal(was_told, 1); /* never inside the call */
	kit_turn();
	assert_int_equal(was_told, 0);
	assert_string_equal(got, "[yes]");
	assert_string_equal(kit.last, "done : ");
	assert_int_equal(say(run, "approve", "again", &was_told, &error),
	                 HEED_E_CONFLICT);
	kit_stop();
}

static void
test_cancel(void **state)
{
	struct definition definition =
		make_definition(&signal_kind, "listener", &start_type);
	struct heed_error error;
	int was_told;

	timeout_ms = 3600000;
	kit_start("cancel", &definition, 1);
	kit_send("go", "", "{}");
	store_fault(kit.store, STORE_FAULT_FULL, 1);
	assert_int_equal(say(kit_run_id("listener"), "cancel", "", &was_told, &error), 0);
	kit_turn();
	assert_int_equal(was_told, 1); /* not on disk yet */
	store_fault(kit.store, STORE_FAULT_NONE, 0);
	kit_pass_time(1001);
	kit_pass_time(1001);
	assert_int_equal(was_told, 0);
	assert_string_equal(kit.last, "dead cancelled: step approve: a person said so");
	kit_stop();
}

/* ---- runs that start runs ---------------------------------------------------------- */

static struct act child_act = KIT_ACT("work");

static int
child_step(struct run *run)
{
	struct heed_json value;

	if (flow_hear(run, "cancel", &value))
		flow_stop(run, HEED_E_CANCELLED, "cancelled", "told to");
	HEED_TRY(flow_act(run, &child_act, json_null(), &value));
	return flow_note(run, HEED_STR("result"), value);
}

static int
parent_step(struct run *run)
{
	struct heed_json result;

	HEED_TRY(flow_start(run, STEP("child"), "child", HEED_STR("worker"),
	                    json_cstr("some data"), &result));
	note_got("[%.*s]", STR_ARG(json_text(result)));
	return 0;
}

static const struct flow_kind child_kind = {
	.name = "child", .step = child_step, .wants = kit_wants_all, .signals = signals};
static const struct flow_kind parent_kind = {
	.name = "parent", .step = parent_step, .wants = kit_wants_all};
static struct definition family[2];

static void
start_family(const char *name)
{
	family[0] = make_definition(&parent_kind, "boss", &start_type);
	family[1] = make_definition(&child_kind, "worker", &child_type);
	got[0] = '\0';
	effects.n_open = effects.n_started = 0;
	kit_start(name, family, 2);
	kit_send("go", "", "{}");
	kit_turn();
}

static void
test_child(void **state)
{
	start_family("child");
	assert_int_equal(effects.n_open, 1);
	assert_int_equal(kit.n_ended, 0);
	kit_answer(0, "\"fine\"");
	assert_string_equal(got, "[fine]");
	assert_int_equal(kit.n_ended, 2);
	kit_stop();
}

static void
test_child_fails(void **state)
{
	start_family("child_fails");
	kit_answer(HEED_E_PERMANENT, "null");
	assert_string_equal(kit.last,
	                    "dead child: step child: its run is dead, effect: step work "
	                    "(effect): the test says no");
	kit_stop();
}

/* The child ends, and power goes before the parent is told. */
static void
test_child_over_a_cut(void **state)
{
	start_family("child_cut");
	kit_restart(10);
	assert_int_equal(effects.n_open, 1); /* again, with the same key */
	assert_string_equal(effects.keys[0], effects.keys[1]);
	store_fault(kit.store, STORE_FAULT_CUT, 2);
	kit_answer(0, "\"fine\"");
	got[0] = '\0';
	kit_restart(10);
	assert_string_equal(got, "[fine]");
	assert_string_equal(kit.last, "done : ");
	kit_stop();
}

/* ---- branches ---------------------------------------------------------------------- */

static struct act branch_acts[] = {KIT_ACT("a"), KIT_ACT("b"), KIT_ACT("c"),
                                   KIT_ACT("d")};
static struct act after_acts[] = {KIT_ACT("a2"), KIT_ACT("b2"), KIT_ACT("c2"),
                                  KIT_ACT("d2")};
static size_t bound;

static int
branch(struct run *run, void *arg, size_t i)
{
	struct heed_json value;

	HEED_TRY(flow_act(run, &branch_acts[i], json_null(), &value));
	return flow_act(run, &after_acts[i], json_null(), &value);
}

static int
branches_step(struct run *run)
{
	return flow_parallel(run, STEP("all"), 4, bound, branch, NULL);
}

static const struct flow_kind branches_kind = {
	.name = "branches", .step = branches_step, .wants = kit_wants_all};
static struct definition branches_definition;

static void
start_branches(const char *name, size_t at_once)
{
	branches_definition = make_definition(&branches_kind, "tree", &start_type);
	bound = at_once;
	effects.n_open = effects.n_started = 0;
	kit_start(name, &branches_definition, 1);
	kit_send("go", "", "{}");
	kit_turn();
}

static void
test_branches(void **state)
{
	int i;

	start_branches("branches", 3);
	assert_int_equal(effects.n_open, 3);
	for (i = 0; i < 8; i++) {
		assert_true(effects.n_open <= 3 && effects.n_open > 0);
		kit_answer(0, "1");
	}
	assert_int_equal(effects.n_started, 8);
	assert_string_equal(kit.last, "done : ");
	kit_stop();
}

/* One fails: those in flight are waited for, nothing begins, its failure is the end's. */
static void
test_a_branch_fails(void **state)
{
	start_branches("branch_fails", 3);
	kit_answer(0, "1"); /* a; a2 begins: b, c, a2 are open */
	assert_int_equal(effects.n_started, 4);
	kit_answer(HEED_E_PERMANENT, "null"); /* b */
	assert_int_equal(kit.n_ended, 0);
	kit_restart(5); /* c and a2 are repeated with their keys */
	assert_int_equal(effects.n_open, 2);
	kit_answer(0, "1");
	kit_answer(0, "1");
	assert_int_equal(effects.n_open, 0);
	assert_int_equal(effects.n_started, 6);
	assert_string_equal(kit.last, "dead effect: step b (effect): the test says no");
	kit_stop();
}

/* ---- failing, beginning anew, stopping --------------------------------------------- */

static struct act retried = KIT_ACT("try");

/* Begin anew twice when it fails. */
static int
anew_step(struct run *run)
{
	struct flow_failure failure;
	struct heed_json value;
	int r;

	for (;;) {
		r = flow_act(run, &retried, json_null(), &value);
		if (r >= 0)
			return r;
		if (flow_rounds(run, retried.step) == 2)
			return r;
		flow_catch(run, r, &failure);
		HEED_TRY(flow_retry(run, retried.step));
	}
}

static const struct flow_kind anew_kind = {
	.name = "anew", .step = anew_step, .wants = kit_wants_all};

/* A refusal is final for its key; what may have happened keeps it. */
static void
test_anew(void **state)
{
	struct definition definition =
		make_definition(&anew_kind, "stubborn", &start_type);

	effects.n_open = effects.n_started = 0;
	kit_start("anew", &definition, 1);
	kit_send("go", "", "{}");
	kit_answer(HEED_E_PERMANENT, "null");
	kit_answer(HEED_E_TIMEOUT, "null");
	assert_int_equal(effects.n_started, 3);
	assert_string_not_equal(effects.keys[0], effects.keys[1]);
	assert_string_equal(effects.keys[1], effects.keys[2]);
	kit_restart(5);
	assert_string_equal(effects.keys[2], effects.keys[3]);
	kit_answer(0, "1");
	assert_string_equal(kit.last, "done : ");
	kit_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meets_the_event),
		cmocka_unit_test(test_meets_many),
		cmocka_unit_test(test_subject),
		cmocka_unit_test(test_event_before_the_wait),
		cmocka_unit_test(test_wait_over_a_restart),
		cmocka_unit_test(test_wait_over_a_cut),
		cmocka_unit_test(test_time_out),
		cmocka_unit_test(test_sleep_over_restarts),
		cmocka_unit_test(test_only_committed_events),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_child),
		cmocka_unit_test(test_child_fails),
		cmocka_unit_test(test_child_over_a_cut),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_a_branch_fails),
		cmocka_unit_test(test_anew),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
