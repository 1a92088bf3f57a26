/*
 * test_engine_life.c - what outlives a run: definitions and generations, dead letters
 * that go on again, lanes that wait for them, and what is known of events that came
 * before.
 */
#include "engine_kit.h"

#define HEAD                                                                             \
	"heed: 1\n"                                                                      \
	"models:\n"                                                                      \
	"  m: {provider: openai, endpoint: \"http://model.test/v1\", model: m,\n"        \
	"      api_key: k, price: {input: 1, output: 2}}\n"                              \
	"reactions:\n"

/* WORD is what the answer has to be of, EMITS the type that follows. */
#define ASKS(MORE, WORD, EMITS)                                                          \
	"  ask:\n"                                                                       \
	"    on: asked\n" MORE "    ask:\n"                                              \
	"      model: m\n"                                                               \
	"      prompt: \"{{ .event.data.say }}\"\n"                                      \
	"      answer: {type: object, properties: {word: {type: " WORD "}}}\n"           \
	"    then:\n"                                                                    \
	"      - emit: {type: " EMITS ", data: .event.data}\n"

static char path[96];
static char where[128];

static void
open_fresh(struct stage *stage, const char *config)
{
	(void)snprintf(path, sizeof(path), "%s/life.db", folder);
	(void)snprintf(where, sizeof(where), "fault:sqlite:%s", path);
	remove_store(path);
	memset(&world, 0, sizeof(world));
	stage_open(stage, config, where);
}

static struct delivery
say(struct stage *stage, const char *id, const char *key, const char *what)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	               "{\"id\":\"%s\",\"type\":\"asked\","
	               "\"data\":{\"key\":\"%s\",\"say\":\"%s\"}}",
	               id, key, what);
	return stage_send(stage, text);
}

/* ---- the duplicate window ---------------------------------------------------------- */

#define DAY_MS (INT64_C(86400) * 1000)

static void
days_pass(struct stage *stage, int days)
{
	loop_advance(stage->loop, days * DAY_MS);
	loop_turn(stage->loop);
}

static void
test_duplicate_window(void **state)
{
	struct stage stage;

	open_fresh(&stage, HEAD ASKS("", "string", "answered"));
	assert_int_equal(say(&stage, "1", "", "x").n_accepted, 1);
	assert_true(stage_settle(&stage));
	days_pass(&stage, 6);
	assert_int_equal(say(&stage, "1", "", "x").n_duplicate, 1);
	days_pass(&stage, 2);
	assert_int_equal(say(&stage, "1", "", "x").n_accepted, 1);
	assert_true(stage_settle(&stage));
	stage_close(&stage);
}

/* ---- dead letters go on ------------------------------------------------------------ */

/* Its answers were of the wrong kind; when that is mended, one of them is what was wanted
 * and no model is asked again. */
static void
test_redrive_uses_what_was_paid_for(void **state)
{
	struct stage stage;

	open_fresh(&stage, HEAD ASKS("", "string", "answered"));
	(void)say(&stage, "1", "", "wrong");
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state, class from runs", "6|validation;");
	assert_int_equal(world.asked, 2);
	stage_redrive(&stage, 1,
	              REDRIVE_RETRY); /* nothing was mended: it asks once more */
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state, class, redrives from runs", "6|validation|1;");
	stage_close(&stage);
	world.asked = 0;

	stage_open(&stage, HEAD ASKS("", "number", "mended"), where);
	stage_redrive(&stage, 1, REDRIVE_RETRY);
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state, class, redrives from runs", "5||2;");
	assert_rows(path, "select type from events order by seq",
	            "asked;heed.dead_letter;heed.dead_letter;mended;");
	assert_int_equal(world.asked, 0);
	stage_close(&stage);
}

/* ---- lanes that wait --------------------------------------------------------------- */

#define BLOCKS "    key: .event.data.key\n    on_failure: block\n"

static const char heard[] = "select json_extract(body, '$.data.say') from events"
			    " where type = 'answered' order by seq";

static void
test_a_redrive_lets_the_others_go(void **state)
{
	struct stage stage;

	open_fresh(&stage, HEAD ASKS(BLOCKS, "string", "answered"));
	(void)say(&stage, "1", "a", "wrong");
	(void)say(&stage, "2", "a", "two");
	(void)say(&stage, "3", "b", "three");
	assert_true(stage_settle(&stage));
	(void)say(&stage, "4", "a", "four");
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "three;");

	stage_redrive(&stage, 1, REDRIVE_RETRY); /* fails again, and blocks again */
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "three;");
	stage_close(&stage);
	stage_open(&stage, HEAD ASKS(BLOCKS, "string", "answered"), where);
	(void)say(&stage, "5", "a", "five");
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "three;");
	stage_close(&stage);

	/* Mended: the dead letter goes first, then the others in their order. */
	stage_open(&stage, HEAD ASKS(BLOCKS, "[string, number]", "answered"), where);
	stage_redrive(&stage, 1, REDRIVE_RETRY);
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "three;wrong;two;four;five;");
	stage_close(&stage);
}

static void
test_a_drop_lets_the_others_go(void **state)
{
	struct stage stage;

	open_fresh(&stage, HEAD ASKS(BLOCKS, "string", "answered"));
	(void)say(&stage, "1", "a", "wrong");
	(void)say(&stage, "2", "a", "two");
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "");
	stage_redrive(&stage, 1, REDRIVE_DROP);
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "two;");
	stage_close(&stage);
}

static void
test_a_change_to_pass_lets_them_go(void **state)
{
	struct heed_error error = {0};
	struct stage stage;

	open_fresh(&stage, HEAD ASKS(BLOCKS, "string", "answered"));
	(void)say(&stage, "1", "a", "wrong");
	(void)say(&stage, "2", "a", "two");
	(void)say(&stage, "3", "c", "wrong");
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "");
	stage.app.definitions[0]->on_failure = FLOW_PASS;
	assert_int_equal(engine_define(stage.engine, stage.app.definitions, 1, &error),
	                 0);
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "two;");

	/* And back: those that are dead already are waited for. */
	stage.app.definitions[0]->on_failure = FLOW_BLOCK;
	assert_int_equal(engine_define(stage.engine, stage.app.definitions, 1, &error),
	                 0);
	(void)say(&stage, "4", "a", "four");
	(void)say(&stage, "5", "d", "five");
	assert_true(stage_settle(&stage));
	assert_rows(path, heard, "two;five;");
	stage_close(&stage);
}

/* ---- definitions and generations --------------------------------------------------- */

static int retired;

static void
count_retired(struct app *app, void *gateway)
{
	gateway_remove(gateway, app->models.items, app->models.n);
	retired++;
}

/* A configuration of its own generation, as a reload makes it. */
static struct app *
another(struct stage *stage, const char *config)
{
	struct heed_error error = {0};
	char file[128];
	struct app *app;
	FILE *to;

	(void)snprintf(file, sizeof(file), "%s/another.yaml", folder);
	to = fopen(file, "w");
	assert_non_null(to);
	assert_true(fputs(config, to) >= 0);
	assert_int_equal(fclose(to), 0);
	if (app_open(NULL, file, &app, &error) < 0)
		fail_msg("%s", error.text);
	app->retired = count_retired;
	app->retired_arg = stage->gateway;
	assert_int_equal(
		gateway_add(stage->gateway, app->models.items, app->models.n, &error), 0);
	return app;
}

static void
test_generations_end_with_their_last_run(void **state)
{
	struct heed_error error = {0};
	struct stage stage;
	struct app *second, *third;

	retired = 0;
	open_fresh(&stage, HEAD ASKS("", "string", "first"));
	second = another(&stage, HEAD ASKS("", "string", "second"));
	third = another(&stage, HEAD ASKS("", "string", "third"));
	(void)say(&stage, "1", "", "x");
	assert_int_equal(engine_define(stage.engine, second->definitions,
	                               second->n_definitions, &error),
	                 0);
	generation_unref(&second->generation); /* held by its definition now */
	(void)say(&stage, "2", "", "flaky");
	stage_run(&stage, 100); /* it waits to ask again */
	assert_int_equal(engine_define(stage.engine, third->definitions,
	                               third->n_definitions, &error),
	                 0);
	(void)say(&stage, "3", "", "x");
	stage_run(&stage, 100);
	assert_rows(path,
	            "select type, count(*) from events where type <> 'asked' group by 1",
	            "first|1;third|1;");
	assert_int_equal(retired, 0);
	assert_int_equal(engine_define(stage.engine, NULL, 0, &error), 0);
	(void)say(&stage, "4", "", "x");
	assert_true(stage_settle(&stage));
	assert_int_equal(retired, 1); /* with the run of the second */
	generation_unref(&third->generation);
	assert_int_equal(retired, 2);
	assert_rows(path,
	            "select type, count(*) from events where type <> 'asked' group by 1",
	            "first|1;second|1;third|1;");
	stage_close(&stage);
}

/* What no configuration holds any more is revived from the store, once for all its runs,
 * also under another definition of the same name. */
static void
test_a_definition_is_revived(void **state)
{
	struct stage stage;

	open_fresh(&stage, HEAD ASKS("", "string", "first"));
	for (int i = 0; i < 5; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "%d", i);
		(void)say(&stage, id, "", "flaky");
	}
	stage_run(&stage, 100);
	stage_close(&stage);
	stage_open(&stage, HEAD ASKS("", "string", "second"), where);
	(void)say(&stage, "6", "", "x");
	assert_true(stage_settle(&stage));
	stage_close(&stage);
	assert_rows(path,
	            "select type, count(*) from events where type <> 'asked' group by 1",
	            "first|5;second|1;");

	/* A dead letter whose reaction is gone goes on with what it was. */
	stage_open(&stage, HEAD ASKS("", "string", "second"), where);
	(void)say(&stage, "7", "", "wrong");
	assert_true(stage_settle(&stage));
	stage_close(&stage);
	stage_open(&stage,
	           "heed: 1\nmodels:\n  m: {provider: rules, rules: '{word: \"x\"}'}\n",
	           where);
	stage_redrive(&stage, 7, REDRIVE_RETRY);
	assert_true(stage_settle(&stage));
	assert_rows(path, "select state from runs where id = 7", "5;");
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duplicate_window),
		cmocka_unit_test(test_redrive_uses_what_was_paid_for),
		cmocka_unit_test(test_a_redrive_lets_the_others_go),
		cmocka_unit_test(test_a_drop_lets_the_others_go),
		cmocka_unit_test(test_a_change_to_pass_lets_them_go),
		cmocka_unit_test(test_generations_end_with_their_last_run),
		cmocka_unit_test(test_a_definition_is_revived),
	};

	return cmocka_run_group_tests_name("engine_life", tests, make_folder,
	                                   remove_folder);
}
