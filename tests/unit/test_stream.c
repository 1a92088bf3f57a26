/*
 * test_stream.c - streams in the store: versions and positions without gaps, expected
 * versions, events known by their ids, and what a conflict leaves alone.
 */
#include "store_kit.h"

#include "base/mem.h"

struct appending {
	struct store_event events[8];
	size_t n;
	struct store_appended appended;
	struct outcome outcome;
};

static void
keep_append(void *arg, const struct store_result *result)
{
	struct appending *appending = arg;

	if (result->appended != NULL && result->n_appends > 0)
		appending->appended = result->appended[0];
	keep(&appending->outcome, result);
}

/* `ids`: a letter an event. */
static void
put(struct store *store, struct store_tx *tx, struct appending *appending,
    const char *stream, int64_t expected, const char *ids)
{
	static const char *const letters[] = {"a", "b", "c", "d", "e", "f"};

	appending->n = 0;
	for (; *ids != '\0'; ids++)
		appending->events[appending->n++] =
			make_event(store, letters[*ids - 'a']);
	assert_int_equal(store_put_append(tx, str_of(stream), expected, appending->events,
	                                  appending->n),
	                 0);
}

static struct appending
append(struct loop *loop, struct store *store, const char *stream, int64_t expected,
       const char *ids)
{
	struct store_tx *tx = store_begin(store);
	struct appending *appending = mem_new(sizeof(*appending));
	struct appending result;

	put(store, tx, appending, stream, expected, ids);
	store_commit(store, tx, keep_append, appending);
	await(loop, &appending->outcome.done);
	result = *appending;
	mem_free(appending);
	return result;
}

/* What a stream or the log holds, as text: "a1:1 b2:2", id, version, position. */
struct listing {
	char text[256];
};

static int
list_event(void *arg, const struct store_event *event)
{
	struct listing *listing = arg;
	size_t len = strlen(listing->text);

	(void)snprintf(listing->text + len, sizeof(listing->text) - len,
	               "%s%.*s%lld:%lld", len > 0 ? " " : "", STR_ARG(event->id),
	               (long long)event->version, (long long)event->position);
	return 0;
}

static void
assert_stream(struct store *store, const char *stream, int64_t from, int64_t limit,
              const char *want)
{
	struct listing listing = {""};

	assert_int_equal(store_read_stream(store, str_of(stream), from, limit, list_event,
	                                   &listing, NULL),
	                 0);
	assert_string_equal(listing.text, want);
}

static void
assert_log(struct store *store, int64_t from, int64_t until, const char *stream,
           const char *want)
{
	struct listing listing = {""};

	assert_int_equal(store_read_log(store, from, until, str_of(stream), list_event,
	                                &listing, NULL),
	                 0);
	assert_string_equal(listing.text, want);
}

static void
versions_and_positions(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("versions").where);
	struct store_filter filter = {.stream = HEED_STR("order/2")};
	struct appending got;
	int64_t end = -1;

	assert_int_equal(store_read_log_end(store, &end, NULL), 0);
	assert_int_equal(end, 0);
	got = append(loop, store, "order/1", 0, "ab");
	assert_int_equal(got.outcome.code, 0);
	assert_int_equal(got.appended.version, 2);
	assert_int_equal(got.appended.position, 2);
	assert_false(got.appended.existed);
	(void)put_one(loop, store, "of no stream");
	assert_int_equal(
		append(loop, store, "order/2", STORE_ANY_VERSION, "c").outcome.code, 0);
	assert_int_equal(append(loop, store, "order/1", 2, "d").outcome.code, 0);
	/* the same id in another stream is another event */
	assert_int_equal(append(loop, store, "order/2", 1, "a").outcome.code, 0);

	assert_stream(store, "order/1", 1, 0, "a1:1 b2:2 d3:4");
	assert_stream(store, "order/1", 2, 1, "b2:2");
	assert_stream(store, "order", 1, 0, "");
	assert_log(store, 1, 100, "", "a1:1 b2:2 c1:3 d3:4 a2:5");
	assert_log(store, 2, 5, "", "b2:2 c1:3 d3:4");
	assert_log(store, 1, 100, "order/2", "c1:3 a2:5");
	assert_log(store, 1, 100, "order/*", "a1:1 b2:2 c1:3 d3:4 a2:5");
	assert_log(store, 1, 100, "orde*", "a1:1 b2:2 c1:3 d3:4 a2:5");
	assert_log(store, 1, 100, "cart/*", "");
	assert_int_equal(store_read_log_end(store, &end, NULL), 0);
	assert_int_equal(end, 5);
	assert_int_equal(events_of(store, &filter), 2);
	assert_int_equal(all_events(store), 6);
	store_close(store);
	loop_free(loop);
}

static void
conflicts(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("conflicts").where);
	struct appending got;

	assert_int_equal(append(loop, store, "order/1", 0, "abc").outcome.code, 0);
	got = append(loop, store, "order/1", 2, "d");
	assert_int_equal(got.outcome.code, HEED_E_CONFLICT);
	assert_int_equal(got.appended.version, 3);
	assert_string_equal(got.outcome.text,
	                    "the stream order/1 is at version 3, not 2");
	assert_int_equal(append(loop, store, "order/1", 4, "d").outcome.code,
	                 HEED_E_CONFLICT);
	assert_int_equal(append(loop, store, "order/9", 1, "d").outcome.code,
	                 HEED_E_CONFLICT);
	/* all there: as if it had been done now; some: a conflict, whatever the version
	 */
	got = append(loop, store, "order/1", 0, "abc");
	assert_int_equal(got.outcome.code, 0);
	assert_true(got.appended.existed);
	assert_int_equal(got.appended.version, 3);
	assert_int_equal(
		append(loop, store, "order/1", STORE_ANY_VERSION, "b").outcome.code, 0);
	got = append(loop, store, "order/1", STORE_ANY_VERSION, "bd");
	assert_int_equal(got.outcome.code, HEED_E_CONFLICT);
	assert_string_equal(got.outcome.text,
	                    "the stream order/1 holds 1 of these 2 events already");
	assert_int_equal(append(loop, store, "order/1", 2, "cd").outcome.code,
	                 HEED_E_CONFLICT);
	assert_stream(store, "order/1", 1, 0, "a1:1 b2:2 c3:3");
	/* none of them used a position up */
	assert_int_equal(append(loop, store, "order/1", 3, "d").appended.position, 4);
	store_close(store);
	loop_free(loop);
}

/* Rows of a transaction with a conflict are not written; those of its neighbours are. */
static void
conflict_stays_alone(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("alone").where);
	struct outcome outcomes[3] = {0};
	struct appending appends[3] = {0};
	size_t i;

	for (i = 0; i < 3; i++) {
		static const char *const ids[] = {"a", "b", "c"};
		struct store_tx *tx = store_begin(store);

		(void)put_pair(store, tx, ids[i], RUN_READY);
		/* the second comes too late in the same group */
		put(store, tx, &appends[i], i < 2 ? "order/1" : "order/2", 0, ids[i]);
		store_commit(store, tx, keep, &outcomes[i]);
	}
	for (i = 0; i < 3; i++) {
		await(loop, &outcomes[i].done);
		assert_int_equal(outcomes[i].code, i == 1 ? HEED_E_CONFLICT : 0);
	}
	assert_log(store, 1, 100, "", "a1:1 c1:2");
	assert_int_equal(all_events(store), 4);
	store_close(store);
	loop_free(loop);
}

static void
several_streams_at_once(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("several").where);
	struct appending one = {.n = 0}, two = {.n = 0};
	struct store_tx *tx = store_begin(store);

	put(store, tx, &one, "account/1", 0, "ab");
	put(store, tx, &two, "account/2", 0, "c");
	assert_int_equal(store_put_append(tx, HEED_STR("account/1"), 2, two.events, 1),
	                 HEED_E_EXISTS);
	assert_int_equal(commit(loop, store, tx).code, 0);
	tx = store_begin(store);
	put(store, tx, &one, "account/1", 2, "d");
	put(store, tx, &two, "account/2", 0, "e");
	assert_int_equal(commit(loop, store, tx).code, HEED_E_CONFLICT);
	assert_log(store, 1, 100, "", "a1:1 b2:2 c1:3");
	store_close(store);
	loop_free(loop);
}

/* What was to follow an append that is known already is not written again. */
static void
known_events_bring_nothing(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("known").where);
	struct store_filter all = {.limit = 0};
	int i;

	for (i = 0; i < 2; i++) {
		struct appending appending = {.n = 0};
		struct store_tx *tx = store_begin(store);
		struct store_run run;

		put(store, tx, &appending, "order/1", 0, "a");
		run = make_run(store, appending.events[0].seq, RUN_READY);
		assert_int_equal(store_put_run(tx, &run), 0);
		assert_int_equal(commit(loop, store, tx).code, 0);
	}
	assert_int_equal(runs_of(store, &all), 1);
	store_close(store);
	loop_free(loop);
}

static void
snapshots(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("snapshots").where);
	struct store_snapshot kept = {.stream = HEED_STR("order/1"),
	                              .fold = HEED_STR("one"),
	                              .version = 5,
	                              .state = HEED_STR("{\"n\":5}")};
	struct store_snapshot older = kept;
	struct store_snapshot found;
	struct arena arena;
	struct store_tx *tx = store_begin(store);

	arena_init(&arena, 0);
	older.version = 3;
	assert_int_equal(store_put_snapshot(tx, &kept), 0);
	assert_int_equal(store_put_snapshot(tx, &older), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(store_read_snapshot(store, kept.stream, kept.fold, 5, &arena,
	                                     &found, NULL),
	                 0);
	assert_int_equal(found.version, 5);
	assert_true(str_is(found.state, "{\"n\":5}"));
	assert_int_equal(store_read_snapshot(store, kept.stream, kept.fold, 4, &arena,
	                                     &found, NULL),
	                 HEED_E_NOTFOUND);
	/* another fold takes its place, also when it is behind */
	older.fold = HEED_STR("two");
	tx = store_begin(store);
	assert_int_equal(store_put_snapshot(tx, &older), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(store_read_snapshot(store, kept.stream, kept.fold, 9, &arena,
	                                     &found, NULL),
	                 HEED_E_NOTFOUND);
	assert_int_equal(store_read_snapshot(store, kept.stream, older.fold, 9, &arena,
	                                     &found, NULL),
	                 0);
	assert_int_equal(found.version, 3);
	arena_done(&arena);
	store_close(store);
	loop_free(loop);
}

static int
list_stream(void *arg, struct heed_str stream, int64_t version)
{
	struct listing *listing = arg;
	size_t len = strlen(listing->text);

	(void)snprintf(listing->text + len, sizeof(listing->text) - len, "%s%.*s=%lld",
	               len > 0 ? " " : "", STR_ARG(stream), (long long)version);
	return 0;
}

static void
assert_streams(struct store *store, const char *prefix, const char *after, int64_t limit,
               const char *want)
{
	struct listing listing = {""};

	assert_int_equal(
		store_read_streams(
			store, str_of(prefix),
			(struct heed_str){after[0] != '\0' ? after : NULL, strlen(after)},
			limit, list_stream, &listing, NULL),
		0);
	assert_string_equal(listing.text, want);
}

static void
names(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("names").where);

	assert_streams(store, "", "", 10, "");
	(void)append(loop, store, "order/1", 0, "ab");
	(void)append(loop, store, "order/2", 0, "c");
	(void)append(loop, store, "order/\xf4\x8f\xbf\xbe", 0, "d");
	(void)append(loop, store, "cart/1", 0, "e");
	(void)append(loop, store, "orders/1", 0, "f");
	assert_streams(store, "order/", "", 10,
	               "order/1=2 order/2=1 order/\xf4\x8f\xbf\xbe=1");
	assert_streams(store, "order/", "order/1", 1, "order/2=1");
	assert_streams(store, "", "", 2, "cart/1=1 order/1=2");
	assert_streams(store, "x", "", 2, "");
	store_close(store);
	loop_free(loop);
}

/* Random appends by several writers who may be behind: whatever is refused or repeated,
 * versions and positions have no gaps. */
static void
random_appends(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("random").where);
	const char *text = getenv("HEED_SEED");
	unsigned seed =
		text != NULL ? (unsigned)strtoul(text, NULL, 10) : (unsigned)time(NULL);
	int64_t versions[4] = {0};
	int64_t position = 0;
	int accepted = 0, refused = 0;
	int i;

	print_message("# seed %u\n", seed);
	srandom(seed);
	for (i = 0; i < 400; i++) {
		size_t s = (size_t)random() % 4;
		int64_t expected =
			versions[s] - (random() % 3 == 0) + (random() % 7 == 0);
		size_t n = 1 + (size_t)random() % 3;
		struct store_event events[3];
		struct appending result = {.n = 0};
		struct store_tx *tx = store_begin(store);
		char stream[16], ids[3][32];
		size_t k;

		(void)snprintf(stream, sizeof(stream), "s/%zu", s);
		for (k = 0; k < n; k++) {
			(void)snprintf(ids[k], sizeof(ids[k]), "%d.%zu", i, k);
			events[k] = make_event(store, ids[k]);
		}
		if (expected < 0)
			expected = 0;
		assert_int_equal(
			store_put_append(tx, str_of(stream), expected, events, n), 0);
		store_commit(store, tx, keep_append, &result);
		await(loop, &result.outcome.done);
		assert_int_equal(result.outcome.code,
		                 expected == versions[s] ? 0 : HEED_E_CONFLICT);
		if (result.outcome.code != 0) {
			refused++;
			continue;
		}
		accepted++;
		versions[s] += (int64_t)n;
		position += (int64_t)n;
		assert_int_equal(result.appended.version, versions[s]);
		assert_int_equal(result.appended.position, position);
	}
	assert_true(accepted > 50 && refused > 50);
	store_close(store);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_and_positions),
		cmocka_unit_test(conflicts),
		cmocka_unit_test(conflict_stays_alone),
		cmocka_unit_test(several_streams_at_once),
		cmocka_unit_test(known_events_bring_nothing),
		cmocka_unit_test(snapshots),
		cmocka_unit_test(names),
		cmocka_unit_test(random_appends),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
