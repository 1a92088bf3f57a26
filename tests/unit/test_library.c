/*
 * The library as a program sees it: flows, actions and sources in C, over restarts, from
 * several threads, and used wrongly.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "heed.h"

#define CONFIG                                                                           \
	"heed: 1\n"                                                                      \
	"name: library\n"                                                                \
	"store: sqlite:library.db\n"                                                     \
	"admin: {socket: none}\n"                                                        \
	"models: {clerk: {provider: rules, rules: '{n: (.event.data.n + 1)}'}}\n"

/* ---- the stage --------------------------------------------------------------------- */

struct stage {
	char folder[64];
	char path[96];
	struct heed *heed;
	int ends;       /* runs to end before it is stopped */
	char last[512]; /* class and text of the last one */
	char state[16];
	int64_t run;
	struct heed_outcome outcome;
	int outcomes;
};

static void
stage_init(struct stage *stage)
{
	memset(stage, 0, sizeof(*stage));
	(void)snprintf(stage->folder, sizeof(stage->folder), "/tmp/heed-library-XXXXXX");
	assert_non_null(mkdtemp(stage->folder));
	(void)snprintf(stage->path, sizeof(stage->path), "%.63s/heed.yaml",
	               stage->folder);
	heed_log(HEED_LOG_SILENT, HEED_LOG_TEXT);
}

static void
stage_done(struct stage *stage)
{
	char command[128];

	heed_close(stage->heed);
	(void)snprintf(command, sizeof(command), "rm -r %.63s", stage->folder);
	assert_int_equal(system(command), 0);
}

static void
watch(void *arg, struct heed_json record)
{
	struct stage *stage = arg;
	struct heed_str class = heed_text(&record, "/class");
	struct heed_str text = heed_text(&record, "/text");
	struct heed_str state = heed_text(&record, "/state");

	if (heed_get(&record, "/run") == NULL)
		return;
	stage->run = heed_get(&record, "/run")->i64;
	(void)snprintf(stage->state, sizeof(stage->state), "%.*s", (int)state.len,
	               state.data);
	(void)snprintf(stage->last, sizeof(stage->last), "%.*s: %.*s", (int)class.len,
	               class.data != NULL ? class.data : "", (int)text.len,
	               text.data != NULL ? text.data : "");
	if (--stage->ends == 0)
		heed_stop(stage->heed);
}

static void
stage_open(struct stage *stage, const char *config)
{
	heed_close(stage->heed);
	assert_int_equal(heed_open_text(stage->path, config, &stage->heed, NULL), 0);
	heed_watch(stage->heed, watch, stage);
}

/* Start it, and run until so many runs have ended. */
static void
stage_serve(struct stage *stage, int ends, const char *event)
{
	struct heed_error error = {0};

	stage->ends = ends;
	if (heed_start(stage->heed, &error) < 0)
		fail_msg("%s %s", error.text, error.where);
	if (event != NULL)
		assert_int_equal(heed_send(stage->heed, event, NULL, NULL, NULL), 0);
	assert_int_equal(heed_serve(stage->heed, NULL), 0);
}

static void
expect_in(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void
note_outcome(void *arg, const struct heed_outcome *outcome)
{
	struct stage *stage = arg;

	stage->outcome = *outcome;
	stage->outcomes++;
}

/* ---- what a program writes --------------------------------------------------------- */

static const struct heed_question add_one = {
	.name = "add_one",
	.model = "clerk",
	.prompt = "{{ .event.data.n }} + 1 = ?",
	.answer = "{type: object, required: [n], properties: {n: {type: integer}}}",
	.more = "{repair: false}",
};
static const struct heed_question not_listed = {
	.name = "not_listed", .model = "clerk", .prompt = "?"};
static const struct heed_effect tell = {
	.name = "tell",
	.action = "tell: {n: .input.n, asked: .steps.question.n}\nretry: {attempts: 2, "
		  "delay: 1ms}"};

#define ON(type)                                                                         \
	.on = (const char *const[])                                                      \
	{                                                                                \
		type, NULL                                                               \
	}
#define QUESTIONS(...)                                                                   \
	.questions = (const struct heed_question *const[])                               \
	{                                                                                \
		__VA_ARGS__, NULL                                                        \
	}
#define EFFECTS(...)                                                                     \
	.effects = (const struct heed_effect *const[])                                   \
	{                                                                                \
		__VA_ARGS__, NULL                                                        \
	}

static void *
end_call(void *call)
{
	struct heed_json options = heed_call_options(call);

	usleep(1000);
	heed_action_done(call, 0, options, NULL);
	return NULL;
}

struct teller {
	int performed, cancelled;
	int fails; /* attempts that do */
	/* The call is kept and not ended, and this one is to end at once. */
	struct heed *keeps_from;
	struct heed_call *call;
	char key[40];
};

static int
perform(void *arg, struct heed_call *call, struct heed_error *error)
{
	struct teller *teller = arg;
	pthread_t thread;

	(void)error;
	assert_string_equal(teller->performed > 0 ? teller->key : heed_call_key(call),
	                    heed_call_key(call));
	(void)snprintf(teller->key, sizeof(teller->key), "%s", heed_call_key(call));
	assert_int_equal(heed_call_timeout_ms(call), 30000);
	teller->performed++;
	if (teller->keeps_from != NULL) {
		teller->call = call;
		heed_stop(teller->keeps_from);
		heed_stop(teller->keeps_from);
	} else if (teller->fails-- > 0) {
		heed_action_done(call, HEED_E_TRANSIENT, heed_null(), "not now");
	} else {
		assert_int_equal(pthread_create(&thread, NULL, end_call, call), 0);
		assert_int_equal(pthread_detach(thread), 0);
	}
	return 0;
}

static void
cancel(void *arg, struct heed_call *call)
{
	struct teller *teller = arg;

	assert_ptr_equal(call, teller->call);
	teller->cancelled++;
}

static void
add(struct stage *stage, const struct heed_flow *flow, const struct heed_action *action)
{
	struct heed_error error = {0};

	if (heed_add_flow(stage->heed, flow, &error) < 0)
		fail_msg("%s", error.text);
	if (action != NULL && heed_add_action(stage->heed, action, &error) < 0)
		fail_msg("%s", error.text);
}

/* ---- flows ------------------------------------------------------------------------- */

static int
whole(struct heed_run *run)
{
	int *passes = heed_run_arg(run);
	struct heed_json answer, told, noted;

	++*passes;
	HEED_TRY(heed_ask(run, "question", &add_one, &answer));
	HEED_TRY(heed_note(run, "passes", heed_int(*passes), &noted));
	HEED_TRY(heed_act(run, "effect", &tell, answer, &told));
	HEED_TRY(heed_sleep(run, "pause", 5));
	assert_int_equal(heed_get(&told, "/n")->i64, heed_get(&answer, "/n")->i64);
	assert_int_equal(heed_get(&told, "/asked")->i64, heed_get(&told, "/n")->i64);
	assert_true(noted.i64 < *passes);
	HEED_TRY(heed_emit(run, "counted", told));
	return heed_emit_as(run, "again", "counted", "a subject", told);
}

static void *
send_from_thread(void *arg)
{
	struct stage *stage = arg;
	struct heed_error error = {0};

	assert_int_equal(heed_send(stage->heed,
	                           "[{\"type\": \"count\", \"id\": \"1\", \"data\": "
	                           "{\"n\": 41}}]",
	                           note_outcome, stage, NULL),
	                 0);
	assert_int_equal(
		heed_send(stage->heed, "{\"type\": \"\"}", note_outcome, stage, &error),
		HEED_E_INVALID);
	expect_in(error.text, "event 1: ");
	return NULL;
}

static void
test_flow(void **state)
{
	int passes = 0;
	struct teller teller = {.fails = 1};
	const struct heed_flow flow = {.name = "whole",
	                               .version = 1,
	                               ON("count"),
	                               .when = ".event.data.n > 1",
	                               QUESTIONS(&add_one),
	                               EFFECTS(&tell),
	                               .run = whole,
	                               .arg = &passes};
	const struct heed_action action = {
		.name = "tell", .effect = HEED_KEYED, .perform = perform, .arg = &teller};
	struct heed_document *document;
	struct heed_json value;
	struct stage stage;
	pthread_t thread;
	char *text;

	stage_init(&stage);
	stage_open(&stage, CONFIG);
	add(&stage, &flow, &action);
	assert_int_equal(heed_start(stage.heed, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_from_thread, &stage), 0);
	stage.ends = 1;
	assert_int_equal(heed_serve(stage.heed, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(stage.state, "done");
	assert_int_equal(teller.performed, 2);
	assert_int_equal(stage.outcomes, 1);
	assert_int_equal(stage.outcome.accepted, 1);

	assert_int_equal(heed_journal(stage.heed, stage.run, &text, NULL), 0);
	assert_int_equal(heed_parse(text, &document, &value, NULL), 0);
	assert_string_equal(heed_text(&value, "/run/name").data, "whole");
	assert_int_equal(heed_get(&value, "/journal")->len, 7);
	assert_int_equal(heed_get(&value, "/journal/3/request/n")->i64, 42);
	heed_document_free(document);
	heed_free(text);
	assert_int_equal(heed_events(stage.heed, &(struct heed_filter){.type = "counted"},
	                             &text, NULL),
	                 0);
	expect_in(text, "\"subject\":\"a subject\"");
	heed_free(text);
	assert_int_equal(heed_runs(stage.heed, &(struct heed_filter){.state = "done"},
	                           &text, NULL),
	                 0);
	expect_in(text, "\"flow\":\"flow\",\"name\":\"whole\"");
	heed_free(text);
	assert_int_equal(heed_journal(stage.heed, 99, &text, NULL), HEED_E_NOTFOUND);
	stage_done(&stage);
}

/* Two in one process, each with its own loop and store. */
static void *
run_whole(void *arg)
{
	struct stage *stage = arg;
	int passes = 0;
	struct teller teller = {0};
	const struct heed_flow flow = {.name = "whole",
	                               .version = 1,
	                               ON("count"),
	                               QUESTIONS(&add_one),
	                               EFFECTS(&tell),
	                               .run = whole,
	                               .arg = &passes};
	const struct heed_action action = {
		.name = "tell", .effect = HEED_KEYED, .perform = perform, .arg = &teller};

	stage_open(stage, CONFIG);
	add(stage, &flow, &action);
	stage_serve(stage, 1, "{\"type\": \"count\", \"data\": {\"n\": 1}}");
	assert_string_equal(stage->state, "done");
	heed_close(stage->heed);
	stage->heed = NULL;
	return NULL;
}

static void
test_two_at_once(void **state)
{
	struct stage stages[2];
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++)
		stage_init(&stages[i]);
	for (i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_whole, &stages[i]),
		                 0);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		stage_done(&stages[i]);
	}
}

/* ---- flows that break a rule ------------------------------------------------------- */

static int
comes_twice(struct heed_run *run)
{
	HEED_TRY(heed_note(run, "a", heed_null(), NULL));
	return heed_note(run, "a", heed_null(), NULL);
}

static int
does_not_wait(struct heed_run *run)
{
	(void)heed_sleep(run, "nap", 3600000);
	return 0;
}

static int
waits_for_nothing(struct heed_run *run)
{
	(void)run;
	return HEED_WAIT;
}

static int
asks_what_is_not_listed(struct heed_run *run)
{
	struct heed_json answer;

	return heed_ask(run, "a", &not_listed, &answer);
}

static int
acts_what_is_not_listed(struct heed_run *run)
{
	return heed_act(run, "a", &tell, heed_null(), NULL);
}

static int
returns_seven(struct heed_run *run)
{
	(void)run;
	return 7;
}

static int
has_no_step_name(struct heed_run *run)
{
	return heed_note(run, "", heed_null(), NULL);
}

static int
forgets(struct heed_run *run)
{
	static int passes;

	if (++passes == 1)
		return heed_sleep(run, "nap", 1);
	return 0;
}

static int
fails(struct heed_run *run)
{
	return heed_fail(run, "no customer %d", 7);
}

static void
test_broken_rules(void **state)
{
	static const struct {
		int (*run)(struct heed_run *run);
		const char *verdict;
	} cases[] = {
		{comes_twice, "flow: the flow comes to step \"a\" twice"},
		{does_not_wait, "flow: the flow ended while step \"nap\" was under way"},
		{waits_for_nothing, "flow: the flow returned HEED_WAIT, and waits for"},
		{asks_what_is_not_listed,
	         "flow: question \"not_listed\" is not among those of flow wrong: list "
	         "it in .questions"},
		{acts_what_is_not_listed, "flow: effect \"tell\" is not among those of"},
		{returns_seven, "flow: the flow returned 7"},
		{has_no_step_name, "flow: a step has no name"},
		{forgets, "flow: the flow ended without step \"nap\", which the run"},
		{fails, "failed: no customer 7"},
	};
	struct stage stage;
	size_t i;

	stage_init(&stage);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct heed_flow flow = {
			.name = "wrong", .version = 1, ON("count"), .run = cases[i].run};

		stage_open(&stage, CONFIG);
		add(&stage, &flow, NULL);
		stage_serve(&stage, 1, "{\"type\": \"count\"}");
		assert_string_equal(stage.state, "dead");
		expect_in(stage.last, cases[i].verdict);
	}
	stage_done(&stage);
}

/* What failed may be handled: the run is well. */
static int
handles(struct heed_run *run)
{
	int r = heed_act(run, "a", &tell, heed_null(), NULL);

	if (r != HEED_E_PERMANENT && r != HEED_E_TRANSIENT)
		return r != 0 ? r : heed_fail(run, "it was to fail");
	expect_in(heed_failure(run), "not now");
	return heed_emit(run, "handled", heed_string(HEED_STR("instead")));
}

static void
test_handled_failure(void **state)
{
	struct teller teller = {.fails = 2};
	const struct heed_flow flow = {.name = "handles",
	                               .version = 1,
	                               ON("count"),
	                               EFFECTS(&tell),
	                               .run = handles};
	const struct heed_action action = {.name = "tell",
	                                   .effect = HEED_UNKEYED,
	                                   .perform = perform,
	                                   .arg = &teller};
	struct stage stage;

	stage_init(&stage);
	stage_open(&stage, CONFIG);
	add(&stage, &flow, &action);
	stage_serve(&stage, 1, "{\"type\": \"count\"}");
	assert_string_equal(stage.state, "done");
	assert_string_equal(stage.last, ": ");
	assert_int_equal(teller.performed, 2);
	stage_done(&stage);
}

/* ---- what is checked before anything begins ---------------------------------------- */

static void
expect_problem(struct stage *stage, const struct heed_flow *flow, const char *text)
{
	struct heed_error error = {0};
	char *report = NULL;

	stage_open(stage, CONFIG);
	add(stage, flow, NULL);
	assert_int_equal(heed_check(stage->heed, &report, &error), HEED_E_CONFIG);
	expect_in(report, "\"ok\":false");
	expect_in(report, text);
	heed_free(report);
	assert_int_equal(heed_start(stage->heed, &error), HEED_E_CONFIG);
	assert_string_not_equal(error.where, "");
	assert_int_equal(heed_serve(stage->heed, &error), HEED_E_CONFLICT);
}

static void
test_problems(void **state)
{
	static const struct heed_question wrong_model = {
		.name = "q", .model = "clerc", .prompt = "?"};
	static const struct heed_question wrong_more = {
		.name = "q", .model = "clerk", .prompt = "?", .more = "{max_token: 1}"};
	static const struct heed_effect wrong_action = {.name = "e",
	                                                .action = "logg: {message: a}"};
	static const struct heed_effect no_yaml = {.name = "e", .action = "log: {"};
	struct heed_flow flow = {
		.name = "wrong", .version = 1, ON("count"), .run = fails};
	struct stage stage;

	stage_init(&stage);
	flow.questions = (const struct heed_question *const[]){&wrong_model, NULL};
	expect_problem(&stage, &flow, "did you mean \\\"clerk\\\"");
	flow.questions = (const struct heed_question *const[]){&wrong_more, NULL};
	expect_problem(&stage, &flow, "there is no option \\\"max_token\\\"");
	flow.questions = NULL;
	flow.effects = (const struct heed_effect *const[]){&wrong_action, NULL};
	expect_problem(&stage, &flow, "there is no action \\\"logg\\\"");
	flow.effects = (const struct heed_effect *const[]){&no_yaml, NULL};
	expect_problem(&stage, &flow, "flow wrong, effect e");
	flow.effects = NULL;
	flow.when = ".event.";
	expect_problem(&stage, &flow, "flow wrong");
	stage_done(&stage);
}

static void
test_wrong_order(void **state)
{
	const struct heed_flow flow = {
		.name = "fails", .version = 2, ON("count"), .run = fails};
	struct heed_action action = {
		.name = "tell", .effect = HEED_KEYED, .perform = perform};
	struct heed_source_kind source = {.name = "http"};
	struct heed_error error = {0};
	struct stage stage;
	char *text;

	stage_init(&stage);
	stage_open(&stage, CONFIG);
	assert_int_equal(heed_serve(stage.heed, &error), HEED_E_CONFLICT);
	assert_int_equal(heed_send(stage.heed, "{}", NULL, NULL, &error),
	                 HEED_E_CONFLICT);
	assert_int_equal(heed_runs(stage.heed, &(struct heed_filter){0}, &text, &error),
	                 HEED_E_CONFLICT);
	add(&stage, &flow, &action);
	assert_int_equal(heed_add_flow(stage.heed, &flow, &error), HEED_E_EXISTS);
	assert_int_equal(heed_add_action(stage.heed, &action, &error), HEED_E_EXISTS);
	action.name = "timeout";
	assert_int_equal(heed_add_action(stage.heed, &action, &error), HEED_E_EXISTS);
	action.name = "log";
	assert_int_equal(heed_add_action(stage.heed, &action, &error), HEED_E_EXISTS);
	action.name = "no name";
	assert_int_equal(heed_add_action(stage.heed, &action, &error), HEED_E_INVALID);
	assert_int_equal(heed_add_source(stage.heed, &source, &error), HEED_E_INVALID);
	assert_int_equal(heed_check(stage.heed, NULL, &error), 0);
	assert_int_equal(heed_start(stage.heed, &error), 0);
	assert_int_equal(heed_start(stage.heed, &error), HEED_E_CONFLICT);
	expect_in(error.text, "started before");
	assert_int_equal(heed_add_flow(stage.heed, &flow, &error), HEED_E_CONFLICT);
	heed_stop(stage.heed);
	assert_int_equal(heed_serve(stage.heed, &error), 0);
	assert_int_equal(heed_serve(stage.heed, &error), HEED_E_CONFLICT);
	assert_int_equal(heed_open("/nowhere/heed.yaml", &stage.heed, &error),
	                 HEED_E_NOTFOUND);
	stage_done(&stage);
}

/* ---- versions ---------------------------------------------------------------------- */

static int
version_1(struct heed_run *run)
{
	struct heed_json answer;

	HEED_TRY(heed_sleep(run, "nap", 300));
	HEED_TRY(heed_ask(run, "a", &add_one, &answer));
	return heed_emit(run, "by_version_1", answer);
}

static int
version_2(struct heed_run *run)
{
	return heed_emit(run, "by_version_2", heed_null());
}

static void
stop_after_commit(void *arg, const struct heed_outcome *outcome)
{
	assert_int_equal(outcome->code, 0);
	heed_stop(((struct stage *)arg)->heed);
}

/* A run of version 1, which sleeps. */
static void
begin_old_run(struct stage *stage, const struct heed_flow *one)
{
	stage_init(stage);
	stage_open(stage, CONFIG);
	add(stage, one, NULL);
	assert_int_equal(heed_start(stage->heed, NULL), 0);
	assert_int_equal(heed_send(stage->heed,
	                           "{\"type\": \"count\", \"data\": {\"n\": 1}}",
	                           stop_after_commit, stage, NULL),
	                 0);
	assert_int_equal(heed_serve(stage->heed, NULL), 0);
	assert_string_equal(stage->state, "");
}

static void
test_versions(void **state)
{
	struct heed_flow one = {.name = "aged",
	                        .version = 1,
	                        ON("count"),
	                        QUESTIONS(&add_one),
	                        .run = version_1};
	const struct heed_flow two = {
		.name = "aged", .version = 2, ON("count"), .run = version_2};
	struct stage stage;
	char *text;

	/* Only the new one: a clear end. */
	begin_old_run(&stage, &one);
	stage_open(&stage, CONFIG);
	add(&stage, &two, NULL);
	stage_serve(&stage, 1, NULL);
	assert_string_equal(stage.state, "dead");
	expect_in(stage.last, "version: the run began with version 1 of flow aged, which "
	                      "this program does not have (it has version 2)");
	stage_done(&stage);

	/* Both: the old run ends as it began, a new event meets the new one. */
	begin_old_run(&stage, &one);
	stage_open(&stage, CONFIG);
	add(&stage, &two, NULL);
	one.questions = NULL; /* a run has those that it began with */
	add(&stage, &one, NULL);
	stage_serve(&stage, 2, "{\"type\": \"count\", \"data\": {\"n\": 1}}");
	assert_string_equal(stage.state, "done");
	assert_int_equal(
		heed_events(stage.heed, &(struct heed_filter){.limit = 2}, &text, NULL),
		0);
	expect_in(text, "\"type\":\"by_version_1\"");
	heed_free(text);
	stage_done(&stage);

	/* The code was changed, its version was not. */
	one.questions = (const struct heed_question *const[]){&add_one, NULL};
	begin_old_run(&stage, &one);
	one.run = version_2;
	stage_open(&stage, CONFIG);
	add(&stage, &one, NULL);
	stage_serve(&stage, 1, NULL);
	assert_string_equal(stage.state, "dead");
	expect_in(stage.last, "flow: the flow ended without step \"nap\"");
	stage_done(&stage);
}

/* ---- actions that are cut off ------------------------------------------------------ */

static int
acts(struct heed_run *run)
{
	return heed_act(run, "a", &tell, heed_null(), NULL);
}

static void
test_cut_off(void **state)
{
	struct teller teller = {0};
	const struct heed_flow flow = {
		.name = "acts", .version = 1, ON("count"), EFFECTS(&tell), .run = acts};
	struct heed_action action = {.name = "tell",
	                             .effect = HEED_UNKEYED,
	                             .perform = perform,
	                             .cancel = cancel,
	                             .arg = &teller};
	struct stage stage;

	stage_init(&stage);
	stage_open(&stage, CONFIG);
	teller.keeps_from = stage.heed;
	add(&stage, &flow, &action);
	stage_serve(&stage, 1, "{\"type\": \"count\"}");
	assert_non_null(teller.call);
	heed_close(stage.heed);
	stage.heed = NULL;
	assert_int_equal(teller.cancelled, 1);
	heed_action_done(teller.call, 0, heed_null(), NULL); /* nobody hears it */

	/* It is not known whether it happened. */
	stage_open(&stage, CONFIG);
	add(&stage, &flow, &action);
	stage_serve(&stage, 1, NULL);
	assert_string_equal(stage.state, "held");
	assert_int_equal(teller.performed, 1);
	stage_done(&stage);
}

/* ---- sources ----------------------------------------------------------------------- */

struct feed {
	struct stage *stage;
	struct heed_source *source;
	char position[16];
	int starts, stops, pauses, resumes;
	int busy, committed;
};

static void
fed(void *arg, const struct heed_outcome *outcome)
{
	struct feed *feed = arg;

	feed->busy += outcome->code == HEED_E_BUSY;
	feed->committed += outcome->code == 0;
}

static int
feed_start(void *arg, struct heed_source *source, const char *position,
           struct heed_error *error)
{
	struct feed *feed = arg;
	struct heed_json options = heed_source_options(source);

	feed->starts++;
	feed->source = source;
	assert_string_equal(heed_source_name(source), "tap");
	assert_int_equal(heed_get(&options, "/n")->i64, 5);
	*heed_source_data(source) = feed;
	(void)snprintf(feed->position, sizeof(feed->position), "%s", position);
	if (strcmp(position, "no") == 0) {
		(void)snprintf(error->text, sizeof(error->text), "no such place");
		return HEED_E_NOTFOUND;
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			heed_deliver(source,
		                     "{\"type\": \"count\", \"source\": \"/tap\"}", "one",
		                     fed, feed, NULL),
			0);
	return 0;
}

static void
feed_pause(void *arg, struct heed_source *source)
{
	((struct feed *)arg)->pauses++;
	assert_ptr_equal(*heed_source_data(source), arg);
}

static void
feed_resume(void *arg, struct heed_source *source)
{
	struct feed *feed = arg;

	feed->resumes++;
	assert_int_equal(heed_deliver(source, NULL, "two", fed, feed, NULL), 0);
}

static void
feed_stop(void *arg, struct heed_source *source)
{
	(void)source;
	((struct feed *)arg)->stops++;
}

static int
naps(struct heed_run *run)
{
	return heed_sleep(run, "nap", 20);
}

static void
test_source(void **state)
{
	static const char config[] =
		CONFIG "limits: {queue_depth: 2}\nsources: {tap: {type: feed, n: 5}}\n";
	struct feed feed = {0};
	const struct heed_flow flow = {
		.name = "naps", .version = 1, ON("count"), .run = naps};
	const struct heed_source_kind kind = {.name = "feed",
	                                      .start = feed_start,
	                                      .pause = feed_pause,
	                                      .resume = feed_resume,
	                                      .stop = feed_stop,
	                                      .arg = &feed};
	struct heed_error error = {0};
	struct stage stage;

	stage_init(&stage);
	stage_open(&stage, config);
	add(&stage, &flow, NULL);
	assert_int_equal(heed_add_source(stage.heed, &kind, NULL), 0);
	stage_serve(&stage, 2, NULL);
	assert_string_equal(feed.position, "");
	assert_int_equal(feed.busy, 1);
	assert_int_equal(feed.pauses, 2); /* and once more to drain */
	assert_true(feed.resumes > 0);
	stage_open(&stage, config);
	assert_int_equal(feed.stops, 1);
	add(&stage, &flow, NULL);
	assert_int_equal(heed_add_source(stage.heed, &kind, NULL), 0);
	stage_serve(&stage, 2, NULL);
	assert_string_equal(feed.position, "two");
	assert_int_equal(feed.starts, 2);
	heed_close(stage.heed);
	stage.heed = NULL;
	assert_int_equal(feed.stops, 2);

	/* What was not stored before the end is told so. */
	feed.committed = 0;
	stage_open(&stage, config);
	assert_int_equal(heed_add_source(stage.heed, &kind, NULL), 0);
	assert_int_equal(heed_start(stage.heed, &error), 0);
	assert_int_equal(heed_send(stage.heed, "{\"type\": \"count\"}", note_outcome,
	                           &stage, NULL),
	                 0);
	heed_close(stage.heed);
	stage.heed = NULL;
	assert_int_equal(feed.committed, 0);
	assert_int_equal(stage.outcome.code, HEED_E_CANCELLED);
	stage_done(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_broken_rules),
		cmocka_unit_test(test_handled_failure),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_wrong_order),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_source),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
