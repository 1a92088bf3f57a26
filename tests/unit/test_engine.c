/*
 * test_engine.c - what the engine promises while all goes well and while models and
 * services fail: commits, order, concurrency, retries, back-pressure, duplicates.
 */
#include "engine_kit.h"

#define HEAD                                                                             \
	"heed: 1\n"                                                                      \
	"models:\n"                                                                      \
	"  m: {provider: openai, endpoint: \"http://model.test/v1\", model: m,\n"        \
	"      api_key: k, price: {input: 1, output: 2}}\n"

/* One that asks; MORE goes into it, THEN is its list. */
#define ASKS(MORE, THEN)                                                                 \
	"  ask:\n"                                                                       \
	"    on: asked\n" MORE "    ask:\n"                                              \
	"      model: m\n"                                                               \
	"      prompt: \"{{ .event.data.say }}\"\n"                                      \
	"      retry: {attempts: 3, delay: 2s}\n"                                        \
	"      answer: {type: object, required: [word],\n"                               \
	"               properties: {word: {type: string}}}\n" THEN

#define EMITS                                                                            \
	"    then:\n"                                                                    \
	"      - emit: {type: answered, data: .answer}\n"

static char path[96];
static char where[128];

static void
open_fresh(struct stage *stage, const char *config)
{
	(void)snprintf(path, sizeof(path), "%s/kit.db", folder);
	(void)snprintf(where, sizeof(where), "fault:sqlite:%s", path);
	remove_store(path);
	memset(&world, 0, sizeof(world));
	stage_open(stage, config, where);
}

static int64_t
commits(struct stage *stage)
{
	struct store_stats stats;

	store_stats(stage->store, &stats);
	return stats.committed;
}

/* ---- commits ----------------------------------------------------------------------- */

static int64_t
commits_of(const char *config)
{
	struct stage stage;
	int64_t n;

	open_fresh(&stage, config);
	assert_int_equal(stage_send(&stage, "{\"id\":\"1\",\"type\":\"asked\","
	                                    "\"data\":{\"say\":\"hello\"}}")
	                         .n_accepted,
	                 1);
	assert_true(stage_settle(&stage));
	n = commits(&stage);
	assert_rows(path, "select count(*) from runs where state <> 5", "0;");
	assert_rows(path, "select count(*) > 0 from runs", "1;");
	stage_close(&stage);
	return n;
}

static void
test_commits(void **state)
{
	/* The event, its run and what that emits are one. */
	assert_int_equal(commits_of("heed: 1\nreactions:\n"
	                            "  a: {on: asked, then: [{emit: {type: b}}]}\n"),
	                 1);
	/* With the whole chain behind it. */
	assert_int_equal(commits_of("heed: 1\nreactions:\n"
	                            "  a: {on: asked, then: [{emit: {type: b}}]}\n"
	                            "  b: {on: b, then: [{emit: {type: c}}]}\n"
	                            "  c: {on: c, then: [{emit: {type: d}}]}\n"),
	                 1);
	/* Event and question; the raw reply; the outcome. */
	assert_int_equal(commits_of(HEAD "reactions:\n" ASKS("", EMITS)), 3);
	/* One more for each effect that is performed. */
	assert_int_equal(
		commits_of(HEAD "reactions:\n" ASKS(
			"", "    then:\n"
			    "      - http: {url: \"http://api.test/keyed/1\"}\n"
			    "      - http: {url: \"http://api.test/keyed/2\"}\n")),
		5);
	/* A question caused by the answer to another goes with it. */
	assert_int_equal(commits_of(HEAD "reactions:\n" ASKS(
				 "", EMITS) "  next: {on: answered, ask: {model: m, "
	                                    "prompt: next}}\n"),
	                 5);
}

/* ---- order and concurrency --------------------------------------------------------- */

#define ORDERED                                                                          \
	HEAD "reactions:\n" ASKS("    key: .event.data.key\n"                            \
	                         "    concurrency: 3\n",                                 \
	                         "    then:\n"                                           \
	                         "      - http: {keyed: false,\n"                        \
	                         "               url: \"http://api.test/{{ "             \
	                         ".event.data.key }}{{ .event.id }}\"}\n")

static void
send_said(struct stage *stage, int n, const char *key, const char *say)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	               "{\"id\":\"%d\",\"type\":\"asked\","
	               "\"data\":{\"key\":\"%s\",\"say\":\"%s %d\"}}",
	               n, key, say, n);
	assert_int_equal(stage_send(stage, text).n_accepted, 1);
}

/* The effects of one key, in their order. */
static void
assert_order(const char *key, const char *wanted)
{
	static char all[sizeof(world.order)];
	char found[256] = "";
	char *at = all;
	char *word;

	memcpy(all, world.order, sizeof(all));
	while ((word = strtok_r(at, " ", &at)) != NULL)
		if (word[1] == key[0])
			(void)strcat(strcat(found, word + 2), " ");
	assert_string_equal(found, wanted);
}

static void
test_order_and_concurrency(void **state)
{
	struct stage stage;

	open_fresh(&stage, ORDERED);
	send_said(&stage, 1, "a", "flaky");
	send_said(&stage, 2, "a", "x");
	send_said(&stage, 3, "b", "x");
	send_said(&stage, 4, "a", "garbage");
	send_said(&stage, 5, "b", "flaky");
	send_said(&stage, 6, "a", "x");
	send_said(&stage, 7, "c", "x");
	send_said(&stage, 8, "d", "x");
	send_said(&stage, 9, "e", "x");
	assert_true(stage_settle(&stage));
	assert_order("a", "1 2 4 6 ");
	assert_order("b", "3 5 ");
	assert_int_equal(world.most, 3);
	stage_close(&stage);
}

static void
test_order_survives(void **state)
{
	struct stage stage;

	open_fresh(&stage, ORDERED);
	send_said(&stage, 1, "a", "flaky");
	for (int n = 2; n < 8; n++)
		send_said(&stage, n, "a", "x");
	stage_run(&stage, 40);
	for (int i = 0; i < 20; i++) {
		stage_close(&stage);
		stage_open(&stage, ORDERED, where);
		stage_run(&stage, 1000);
	}
	assert_true(stage_settle(&stage));
	/* Cut off unkeyed effects are held for a person; none is out of order. */
	assert_rows(path, "select count(*) from runs where state not in (4, 5)", "0;");
	assert_order("a", "1 2 3 4 5 6 7 ");
	stage_close(&stage);
}

/* ---- retries ----------------------------------------------------------------------- */

static void
one(struct stage *stage, const char *say)
{
	open_fresh(stage, HEAD "reactions:\n" ASKS("", EMITS));
	send_said(stage, 1, "", say);
}

static void
test_retry_delays(void **state)
{
	struct stage stage;

	one(&stage, "never");
	stage_run(&stage, 1400);
	assert_int_equal(world.asked, 1);
	stage_run(&stage, 700); /* 2 s, less up to a quarter */
	assert_int_equal(world.asked, 2);
	stage_run(&stage, 2900);
	assert_int_equal(world.asked, 2);
	stage_run(&stage, 1300); /* 4 s */
	assert_int_equal(world.asked, 3);
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state, class, step, calls from runs",
	            "6|transient|ask|3;");
	stage_close(&stage);
}

static void
test_retry_after(void **state)
{
	struct stage stage;

	one(&stage, "rate");
	stage_run(&stage, 6900);
	assert_int_equal(world.asked, 1);
	stage_run(&stage, 200);
	assert_true(stage_settle(&stage));
	assert_int_equal(world.asked, 2);
	assert_rows(path, "select state, calls from runs", "5|2;");
	stage_close(&stage);
}

static void
test_repair(void **state)
{
	struct stage stage;

	one(&stage, "garbage");
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state, calls from runs", "5|2;");
	assert_rows(path, "select count(*) from journal where kind = 0 and reply <> ''",
	            "2;");
	stage_close(&stage);

	one(&stage, "wrong");
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state, class, calls from runs", "6|validation|2;");
	stage_close(&stage);
}

/* A delay that began before the end of the process goes on behind it. */
static void
test_delay_survives(void **state)
{
	struct stage stage;

	one(&stage, "flaky");
	stage_run(&stage, 100);
	stage_close(&stage);
	stage_open(&stage, HEAD "reactions:\n" ASKS("", EMITS), where);
	stage_run(&stage, 1000);
	assert_int_equal(world.asked, 1);
	stage_run(&stage, 1100);
	assert_int_equal(world.asked, 2);
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state from runs", "5;");
	stage_close(&stage);
}

/* An action that does not keep to its time-out is stopped by the engine. */
static void
test_overdue(void **state)
{
	static const char hanging[] =
		"heed: 1\nreactions:\n"
		"  keyed: {on: asked, then: [{http: {url: http://api.test/keyed/hang/}, "
		"timeout: 2s, retry: {attempts: 2}}]}\n"
		"  unkeyed: {on: asked, then: [{http: {url: http://api.test/hang/, "
		"keyed: "
		"false}, timeout: 2s}]}\n";
	struct stage stage;

	open_fresh(&stage, hanging);
	send_said(&stage, 1, "", "x");
	stage_run(&stage, 2500);
	assert_rows(path, "select count(*) from journal where state = 0", "2;");
	stage_run(&stage, 5000);
	assert_rows(path, "select name, state, class from runs order by name",
	            "keyed|3|;unkeyed|4|unknown;");
	assert_true(stage_settle(&stage));
	assert_rows(path, "select name, state, class from runs order by name",
	            "keyed|6|effect;unkeyed|4|unknown;");
	assert_rows(path, "select count(*) from journal where kind = 1", "3;");
	stage_close(&stage);
}

/* ---- back-pressure ----------------------------------------------------------------- */

static int paused, resumed;

static void
pause_it(struct source *source)
{
	(void)source;
	paused++;
}

static void
resume_it(struct source *source)
{
	(void)source;
	resumed++;
}

static void
test_back_pressure(void **state)
{
	static const struct source_kind kind = {.pause = pause_it, .resume = resume_it};
	struct source source = {.kind = &kind, .name = HEED_STR("s")};
	struct stage stage;

	open_fresh(&stage,
	           HEAD "limits: {queue_depth: 10}\nreactions:\n" ASKS("", EMITS));
	paused = resumed = 0;
	assert_int_equal(engine_attach(stage.engine, &source), 0);
	for (int n = 1; n <= 10; n++) {
		assert_int_equal(paused, 0);
		send_said(&stage, n, "", "x");
	}
	assert_int_equal(paused, 1);
	assert_true(source.paused);
	assert_int_equal(stage_send(&stage, "{\"id\":\"11\",\"type\":\"asked\"}").code,
	                 HEED_E_BUSY);
	assert_true(stage_settle(&stage));
	assert_int_equal(resumed, 1);
	assert_false(source.paused);
	send_said(&stage, 12, "", "x");
	assert_true(stage_settle(&stage));
	assert_rows(path, "select count(*) from runs where state = 5", "11;");
	stage_close(&stage);
}

/* ---- duplicates -------------------------------------------------------------------- */

static void
test_duplicates(void **state)
{
	struct delivery again;
	struct stage stage;

	open_fresh(
		&stage,
		HEAD "reactions:\n" ASKS(
			"", EMITS) "  next: {on: answered, then: [{emit: {type: c}}]}\n");
	send_said(&stage, 1, "", "x");
	assert_true(stage_settle(&stage));
	again = stage_send(&stage, "{\"id\":\"1\",\"type\":\"asked\"}");
	assert_int_equal(again.code, 0);
	assert_int_equal(again.n_duplicate, 1);
	assert_int_equal(again.n_accepted, 0);
	assert_true(stage_settle(&stage));
	assert_rows(path, "select name, state from runs order by id", "ask|5;next|5;");

	/* Its window is over, that of the event it causes is not: that one is known, and
	 * starts nothing again. */
	assert_rows(path,
	            "delete from dedup where at_us = (select min(at_us) from dedup)", "");
	send_said(&stage, 1, "", "x");
	assert_true(stage_settle(&stage));
	assert_rows(path, "select name, state from runs order by id",
	            "ask|5;next|5;ask|5;");
	assert_rows(path, "select type from events order by seq",
	            "asked;answered;c;asked;");
	assert_int_equal(stage.ended, 3);
	stage_close(&stage);
}

/* The event was known, but not what its run would emit now: that is not to be either. */
static void
test_duplicate_with_another_outcome(void **state)
{
	struct stage stage;

	open_fresh(&stage, "heed: 1\nreactions:\n"
	                   "  a: {on: asked, then: [{emit: {type: b}}]}\n");
	send_said(&stage, 1, "", "x");
	stage_close(&stage);
	stage_open(&stage,
	           "heed: 1\nreactions:\n"
	           "  new: {on: asked, then: [{emit: {type: b}}]}\n"
	           "  b: {on: b, then: [{emit: {type: c}}]}\n",
	           where);
	assert_int_equal(
		stage_send(&stage, "{\"id\":\"1\",\"type\":\"asked\"}").n_duplicate, 1);
	assert_true(stage_settle(&stage));
	assert_rows(path, "select name from runs", "a;");
	assert_rows(path, "select type from events order by seq", "asked;b;");
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commits),
		cmocka_unit_test(test_order_and_concurrency),
		cmocka_unit_test(test_order_survives),
		cmocka_unit_test(test_retry_delays),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_delay_survives),
		cmocka_unit_test(test_overdue),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_duplicate_with_another_outcome),
	};

	return cmocka_run_group_tests_name("engine", tests, make_folder, remove_folder);
}
