/*
 * Redrives: which dead letters failed alike, what a job says, which runs it is for.
 */
#include "store_kit.h"

#include "base/json.h"
#include "engine/redrive.h"
#include "engine/signature.h"

/* ---- signatures -------------------------------------------------------------------- */

static void
expect_text(const char *text, const char *wanted)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	signature_text(&buf, str_of(text));
	buf_addc(&buf, '\0');
	assert_string_equal(buf.data, wanted);
	buf_done(&buf);
}

static void
what_varies_is_left_out(void **state)
{
	expect_text("", "");
	expect_text("it answered 503: try later", "it answered #: try later");
	expect_text("no customer \"Ada\"", "no customer \"...\"");
	expect_text("run 17 at 10.0.0.1:8080", "run # at #.#.#.#:#");
	expect_text("id 01a21069-ce3f-799f-be65-49efe71dab13 is gone", "id # is gone");
	expect_text("key c-10334 and order_17", "key # and #");
	/* What does not vary stays, also when it looks a little like it. */
	expect_text("dead beef, a facade", "dead beef, a facade");
	expect_text("utf8 and sha256sum", "utf8 and sha256sum");
	expect_text("it's open", "it's open");
	expect_text("\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac");
}

static void
groups_are_by_reaction_class_and_text(void **state)
{
	struct store_run run = {.flow = HEED_STR("reaction"),
	                        .name = HEED_STR("a"),
	                        .class = HEED_STR("effect"),
	                        .text = HEED_STR("it answered 500")};
	struct store_run other = run;
	char one[SIGNATURE_SIZE];
	char two[SIGNATURE_SIZE];

	other.text = HEED_STR("it answered 503");
	assert_true(str_eq(signature_of(one, &run), signature_of(two, &other)));
	assert_int_equal(strlen(one), SIGNATURE_SIZE - 1);
	other.class = HEED_STR("validation");
	assert_false(str_eq(signature_of(one, &run), signature_of(two, &other)));
	other = run;
	other.name = HEED_STR("b");
	assert_false(str_eq(signature_of(one, &run), signature_of(two, &other)));
}

/* ---- what a job says --------------------------------------------------------------- */

static int
read_text(struct arena *arena, const char *text, struct redrive *what,
          struct heed_error *error)
{
	struct heed_json spec;

	assert_int_equal(json_parse(arena, str_of(text), &spec, NULL), 0);
	return redrive_read(spec, arena, what, error);
}

static void
a_job_reads_back(void **state)
{
	static const char text[] =
		"{\"verb\":\"repeat\",\"runs\":[3,7,9],\"name\":\"n\",\"type\":\"t\","
		"\"class\":\"c\",\"group\":\"g\",\"since_us\":1,\"until_us\":2,"
		"\"last_run\":9,\"rate\":2.5,\"patch\":\".data\",\"reason\":\"r\"}";
	struct heed_error error;
	struct heed_json spec;
	struct redrive what;
	struct arena arena;

	arena_init(&arena, 0);
	assert_int_equal(read_text(&arena, text, &what, &error), 0);
	assert_int_equal(what.verb, REDRIVE_REPEAT);
	assert_int_equal(what.n_runs, 3);
	assert_int_equal(redrive_write(&what, &arena, &spec), 0);
	assert_true(str_is(json_text_of(&arena, spec), text));
	assert_int_equal(
		read_text(&arena, "{\"verb\":\"drop\",\"runs\":[9,1]}", &what, &error),
		0);
	assert_int_equal(what.runs[0], 1);
	arena_done(&arena);
}

static void
a_wrong_job_is_refused(void **state)
{
	static const char *const wrong[] = {
		"{}",
		"[]",
		"null",
		"{\"verb\":\"undo\"}",
		"{\"verb\":\"retry\",\"runs\":[]}",
		"{\"verb\":\"retry\",\"runs\":[0]}",
		"{\"verb\":\"retry\",\"runs\":[1.5]}",
		"{\"verb\":\"retry\",\"runs\":\"all\"}",
		"{\"verb\":\"retry\",\"rate\":-1}",
		"{\"verb\":\"retry\",\"rate\":1e9}",
		"{\"verb\":\"patch\"}",
	};
	struct heed_error error;
	struct redrive what;
	struct arena arena;
	size_t i;

	arena_init(&arena, 0);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(read_text(&arena, wrong[i], &what, &error),
		                 HEED_E_INVALID);
	arena_done(&arena);
}

/* ---- which runs it is for ---------------------------------------------------------- */

struct seen {
	int64_t runs[32];
	size_t n;
};

static int
see(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct seen *seen = arg;

	assert_true(event->body.len > 0);
	seen->runs[seen->n++] = run->id;
	return 0;
}

static void
expect_runs(struct store *store, const struct redrive *what, int64_t after, size_t limit,
            const char *wanted)
{
	struct seen seen = {.n = 0};
	struct heed_buf buf;
	struct arena arena;
	size_t i;

	arena_init(&arena, 0);
	assert_int_equal(
		redrive_select(store, what, after, limit, &arena, see, &seen, NULL), 0);
	buf_init(&buf, 0);
	for (i = 0; i < seen.n; i++)
		buf_addf(&buf, "%lld ", (long long)seen.runs[i]);
	buf_addc(&buf, '\0');
	assert_string_equal(buf.data, wanted);
	buf_done(&buf);
	arena_done(&arena);
}

static void
runs_come_in_the_order_of_their_numbers(void **state)
{
	static const enum run_state states[] = {RUN_DEAD, RUN_DONE,   RUN_HELD,
	                                        RUN_DEAD, RUN_HELD,   RUN_READY,
	                                        RUN_DEAD, RUN_DROPPED};
	static const int64_t named[] = {2, 3, 4, 7};
	struct place place = fresh("select");
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, place.where);
	struct store_tx *tx = store_begin(store);
	struct redrive all = {.verb = REDRIVE_RETRY};
	struct redrive some = {.verb = REDRIVE_RETRY, .runs = named, .n_runs = 4};
	char ids[8][8];
	size_t i;

	for (i = 0; i < 8; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%zu", i);
		(void)put_pair(store, tx, ids[i], states[i]);
	}
	assert_int_equal(commit(loop, store, tx).code, 0);
	expect_runs(store, &all, 0, 10, "1 3 4 5 7 ");
	expect_runs(store, &all, 0, 3, "1 3 4 ");
	expect_runs(store, &all, 4, 10, "5 7 ");
	all.last_run = 4;
	expect_runs(store, &all, 0, 10, "1 3 4 ");
	expect_runs(store, &some, 0, 10, "3 4 7 ");
	expect_runs(store, &some, 3, 1, "4 ");
	store_close(store);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_varies_is_left_out),
		cmocka_unit_test(groups_are_by_reaction_class_and_text),
		cmocka_unit_test(a_job_reads_back),
		cmocka_unit_test(a_wrong_job_is_refused),
		cmocka_unit_test(runs_come_in_the_order_of_their_numbers),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
