/*
 * test_entity.c - what entities are made of: folding in bounded memory, states kept in
 * memory up to a bound, loading in pieces, and the schema of a decision.
 */
#include "store_kit.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/streams.h"
#include "pattern/entity_local.h"

static struct expr_set *exprs;
static struct stream_fold counting;
static struct fold_row counting_rows[2];

static struct expr *
expression(const char *text)
{
	struct heed_error error = {0};
	struct expr *expr;

	if (expr_new(exprs, str_of(text), &expr, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return expr;
}

static struct heed_json
parse(struct arena *arena, const char *text)
{
	struct heed_error error = {0};
	struct heed_json value;

	if (json_parse(arena, str_of(text), &value, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return value;
}

static int
make_fold(void **state)
{
	static struct heed_member member = {{"n", 1}, {.kind = HEED_INT}};

	exprs = expr_set_new();
	counting_rows[0] =
		(struct fold_row){HEED_STR("added"),
	                          expression(".state + {n: (.state.n + .event.data.n)}")};
	counting_rows[1] = (struct fold_row){HEED_STR("lost"), expression("empty")};
	counting = (struct stream_fold){
		.hash = HEED_STR("h1"),
		.initial = {.kind = HEED_OBJECT, .len = 1, .members = &member},
		.rows = counting_rows,
		.n = 2,
		.snapshot_every = 100,
	};
	return make_folder(state);
}

static int
free_fold(void **state)
{
	expr_set_free(exprs);
	return remove_folder(state);
}

/* ---- folding ----------------------------------------------------------------------- */

static struct store_event
row(int64_t version, const char *body)
{
	return (struct store_event){
		.version = version,
		.time_us = NOW + version,
		.body = str_of(body),
	};
}

#define ADD_ONE "{\"type\":\"added\",\"data\":{\"n\":1}}"

static void
assert_replay_fails(struct replay *replay, struct store_event event, int code,
                    const char *words)
{
	struct heed_error error = {0};

	assert_int_equal(replay_event(replay, &event, &error), code);
	if (strstr(error.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

static void
folds_say_what_is_wrong(void **state)
{
	struct replay replay;
	struct store_event event = row(1, ADD_ONE);

	(void)state;
	replay_init(&replay, &counting, HEED_STR("order/7"), FOLD_NEWEST);
	assert_int_equal(replay_event(&replay, &event, NULL), 0);
	assert_replay_fails(&replay, row(3, ADD_ONE), HEED_E_CORRUPT,
	                    "order/7 has no version 2: it is damaged");
	assert_replay_fails(&replay, row(1, ADD_ONE), HEED_E_CORRUPT, "no version 2");
	assert_replay_fails(&replay, row(2, "{\"type\":\"gone\"}"), HEED_E_UNSUPPORTED,
	                    "order/7, version 2: apply: has no expression for gone");
	assert_replay_fails(&replay, row(2, "{\"type\":\"lost\"}"), HEED_E_PERMANENT,
	                    "order/7, version 2: apply: lost: it gives no state");
	assert_replay_fails(&replay,
	                    row(2, "{\"type\":\"added\",\"data\":{\"n\":\"x\"}}"),
	                    HEED_E_PERMANENT, "order/7, version 2: apply: added");
	assert_replay_fails(&replay, row(2, "{"), HEED_E_INVALID, "order/7, version 2");
	assert_int_equal(replay.version, 1);
	replay_done(&replay);
}

static void
folding_stops_where_told(void **state)
{
	struct replay replay;
	int64_t version;

	(void)state;
	replay_init(&replay, &counting, HEED_STR("s"),
	            (struct fold_until){.version = INT64_MAX, .time_us = NOW + 5});
	for (version = 1; version <= 9; version++) {
		struct store_event event = row(version, ADD_ONE);

		if (!replay.over)
			assert_int_equal(replay_event(&replay, &event, NULL), 0);
	}
	assert_int_equal(replay.version, 5);
	assert_int_equal(json_get_int(replay.state, "n", 0), 5);
	replay_done(&replay);
}

/* 100,000 events take the memory of a few. */
static void
folding_takes_bounded_memory(void **state)
{
	struct replay replay;
	size_t most = 0;
	int64_t version;

	(void)state;
	replay_init(&replay, &counting, HEED_STR("s"), FOLD_NEWEST);
	for (version = 1; version <= 100000; version++) {
		struct store_event event = row(version, ADD_ONE);

		assert_int_equal(replay_event(&replay, &event, NULL), 0);
		if (replay.arenas[0].used + replay.arenas[1].used > most)
			most = replay.arenas[0].used + replay.arenas[1].used;
	}
	assert_int_equal(json_get_int(replay.state, "n", 0), 100000);
	assert_in_range(most, 1, 2 * 1024 * 1024);
	replay_done(&replay);
}

/* ---- states ------------------------------------------------------------------------ */

struct got {
	bool done;
	int code;
	int64_t version, n;
	char text[256];
};

static void
take(void *arg, int code, struct stream_state *loaded, const struct heed_error *error)
{
	struct got *got = arg;

	got->done = true;
	got->code = code;
	if (code == 0) {
		got->version = loaded->version;
		got->n = json_get_int(loaded->state, "n", -1);
	} else {
		(void)snprintf(got->text, sizeof(got->text), "%.200s", error->text);
	}
	stream_state_unref(loaded);
}

static struct got
load(struct loop *loop, struct streams *streams, const char *stream, int64_t version)
{
	struct fold_until until = FOLD_NEWEST;
	struct stream_load *under_way;
	struct got got = {.done = false};

	until.version = version;
	assert_int_equal(streams_load(streams, str_of(stream), &counting, until, take,
	                              &got, &under_way),
	                 0);
	await(loop, &got.done);
	return got;
}

static void
append_many(struct loop *loop, struct store *store, const char *stream, int n)
{
	static char ids[2000][16];
	static struct store_event events[2000];
	struct store_tx *tx = store_begin(store);
	int i;

	for (i = 0; i < n; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%d", i);
		events[i] = make_event(store, ids[i]);
		events[i].body = HEED_STR(ADD_ONE);
	}
	assert_int_equal(store_put_append(tx, str_of(stream), 0, events, (size_t)n), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
}

static void
streams_are_loaded_in_pieces(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("pieces").where);
	struct streams *streams;
	struct stream_state *kept;
	struct got got;

	(void)state;
	append_many(loop, store, "s/1", 1000);
	assert_int_equal(streams_new(loop, store, 1 << 20, &streams), 0);
	got = load(loop, streams, "s/1", INT64_MAX);
	assert_int_equal(got.code, 0);
	assert_int_equal(got.version, 1000);
	assert_int_equal(got.n, 1000);
	got = load(loop, streams, "s/1", 700);
	assert_int_equal(got.n, 700);
	got = load(loop, streams, "s/none", INT64_MAX);
	assert_int_equal(got.version, 0);
	assert_int_equal(got.n, 0);
	/* the newest is kept, an earlier one is not in its way */
	kept = streams_find(streams, HEED_STR("s/1"), &counting);
	assert_non_null(kept);
	assert_int_equal(kept->version, 1000);
	stream_state_unref(kept);
	streams_free(streams);
	store_close(store);
	loop_free(loop);
}

static void
snapshots_save_folding(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("snapshots").where);
	struct store_snapshot snapshot = {.stream = HEED_STR("s/1"),
	                                  .fold = HEED_STR("h1"),
	                                  .version = 990,
	                                  .state = HEED_STR("{\"n\":1000990}")};
	struct store_tx *tx;
	struct streams *streams;
	struct streams_stats stats;

	(void)state;
	append_many(loop, store, "s/1", 1000);
	tx = store_begin(store);
	assert_int_equal(store_put_snapshot(tx, &snapshot), 0);
	assert_int_equal(commit(loop, store, tx).code, 0);
	assert_int_equal(streams_new(loop, store, 1 << 20, &streams), 0);
	/* a number that only the snapshot can have told */
	assert_int_equal(load(loop, streams, "s/1", INT64_MAX).n, 1001000);
	streams_stats(streams, &stats);
	assert_int_equal(stats.folded, 10);
	assert_int_equal(load(loop, streams, "s/1", 989).n, 989);
	counting.hash = HEED_STR("h2");
	assert_int_equal(load(loop, streams, "s/1", INT64_MAX).n, 1000);
	counting.hash = HEED_STR("h1");
	streams_free(streams);
	store_close(store);
	loop_free(loop);
}

static void
a_load_can_be_given_up(void **state)
{
	struct loop *loop = new_loop();
	struct store *store = open_at(loop, fresh("cancel").where);
	struct streams *streams;
	struct stream_load *under_way;
	struct got got = {.done = false};

	(void)state;
	append_many(loop, store, "s/1", 1000);
	assert_int_equal(streams_new(loop, store, 1 << 20, &streams), 0);
	assert_int_equal(streams_load(streams, HEED_STR("s/1"), &counting, FOLD_NEWEST,
	                              take, &got, &under_way),
	                 0);
	streams_cancel(under_way);
	assert_int_equal(load(loop, streams, "s/1", INT64_MAX).n, 1000);
	assert_false(got.done);
	/* also when the store is closed meanwhile */
	assert_int_equal(streams_load(streams, HEED_STR("s/1"), &counting, FOLD_NEWEST,
	                              take, &got, &under_way),
	                 0);
	streams_cancel(under_way);
	streams_free(streams);
	store_close(store);
	loop_free(loop);
	assert_false(got.done);
}

static struct stream_state *
keep_state(struct streams *streams, const char *stream, int64_t version)
{
	struct stream_state *made =
		stream_state_new(str_of(stream), &counting, version, 0, counting.initial);

	assert_non_null(made);
	streams_keep(streams, made);
	return made;
}

static bool
is_kept(struct streams *streams, const char *stream)
{
	struct stream_state *found = streams_find(streams, str_of(stream), &counting);

	stream_state_unref(found);
	return found != NULL;
}

static void
what_is_kept_has_a_bound(void **state)
{
	struct streams *streams;
	struct streams_stats stats;
	struct stream_state *old, *new;
	char name[16];
	int i;

	(void)state;
	assert_int_equal(streams_new(NULL, NULL, 20000, &streams), 0);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "s/%d", i);
		stream_state_unref(keep_state(streams, name, 1));
		assert_true(i == 0 || is_kept(streams, "s/0")); /* it is used */
	}
	streams_stats(streams, &stats);
	assert_in_range(stats.bytes, 10000, 20000);
	assert_in_range(stats.kept, 5, 100);
	assert_false(is_kept(streams, "s/1"));
	assert_true(is_kept(streams, "s/999"));

	new = keep_state(streams, "x", 5);
	old = keep_state(streams, "x", 4); /* comes too late */
	stream_state_unref(old);
	old = streams_find(streams, HEED_STR("x"), &counting);
	assert_int_equal(old->version, 5);
	stream_state_unref(old);
	counting.hash = HEED_STR("h2");
	assert_false(is_kept(streams, "x")); /* another fold's */
	counting.hash = HEED_STR("h1");
	streams_forget(streams, HEED_STR("x"));
	assert_false(is_kept(streams, "x"));
	assert_int_equal(new->version, 5); /* whoever holds it may go on */
	stream_state_unref(new);
	streams_free(streams);
}

/* ---- the schema of a decision ------------------------------------------------------ */

static void
assert_decision(const struct schema *schema, const char *text, bool fits)
{
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = schema_validate(schema, parse(&arena, text), NULL);
	arena_done(&arena);
	if ((r == 0) != fits)
		fail_msg("%s: %d", text, r);
}

/* References inside of a declared schema still mean what they meant. */
static void
declared_schemas_are_one(void **state)
{
	static const char *const money =
		"{\"type\":\"object\",\"required\":[\"sum\"],\"properties\":{"
		"\"sum\":{\"$ref\":\"#/$defs/"
		"sum\"},\"parts\":{\"items\":{\"$ref\":\"#\"}}},"
		"\"$defs\":{\"sum\":{\"type\":\"integer\",\"minimum\":1}}}";
	struct entity_type types[2] = {{.name = HEED_STR("paid")},
	                               {.name = HEED_STR("noted")}};
	struct entity_effect effect = {.name = HEED_STR("refund")};
	struct decide decide = {.events = {types, 2}, .effects = {&effect, 1}};
	struct heed_error error = {0};
	struct heed_json document;
	struct schema *schema;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(
		schema_new(parse(&arena, money), NULL, 0, &types[0].schema, &error), 0);
	effect.input = types[0].schema;
	assert_int_equal(entity_schema(&decide, &arena, &document), 0);
	if (schema_new(document, NULL, SCHEMA_STRICT, &schema, &error) != 0)
		fail_msg("%s %s", error.text, error.where);
#define DECISION(events, effects)                                                        \
	"{\"reason\":\"\",\"accepted\":true,\"events\":[" events                         \
	"],\"side_effects\":[" effects "]}"
	assert_decision(schema, DECISION("", ""), true);
	assert_decision(schema, DECISION("{\"type\":\"noted\",\"data\":{\"x\":1}}", ""),
	                true);
	assert_decision(schema,
	                DECISION("{\"type\":\"paid\",\"data\":{\"sum\":1,"
	                         "\"parts\":[{\"sum\":2}]}}",
	                         "{\"name\":\"refund\",\"input\":{\"sum\":3}}"),
	                true);
	assert_decision(schema, DECISION("{\"type\":\"paid\",\"data\":{\"sum\":0}}", ""),
	                false);
	assert_decision(schema,
	                DECISION("{\"type\":\"paid\",\"data\":{\"sum\":1,"
	                         "\"parts\":[{\"sum\":\"2\"}]}}",
	                         ""),
	                false);
	assert_decision(schema, DECISION("", "{\"name\":\"refund\",\"input\":{}}"),
	                false);
	assert_decision(schema, DECISION("", "{\"name\":\"pay\",\"input\":{\"sum\":3}}"),
	                false);
	assert_decision(schema, DECISION("{\"type\":\"lost\",\"data\":{}}", ""), false);
	assert_decision(schema, DECISION("{\"type\":\"noted\"}", ""), false);
	assert_decision(schema, "{\"reason\":\"\",\"accepted\":true,\"events\":[]}",
	                false);
	schema_free(schema);
	schema_free(types[0].schema);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folds_say_what_is_wrong),
		cmocka_unit_test(folding_stops_where_told),
		cmocka_unit_test(folding_takes_bounded_memory),
		cmocka_unit_test(streams_are_loaded_in_pieces),
		cmocka_unit_test(snapshots_save_folding),
		cmocka_unit_test(a_load_can_be_given_up),
		cmocka_unit_test(what_is_kept_has_a_bound),
		cmocka_unit_test(declared_schemas_are_one),
	};

	return cmocka_run_group_tests(tests, make_fold, free_fold);
}
