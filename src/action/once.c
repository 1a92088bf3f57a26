/*
 * once.c - a statement as one transaction, and as one that happens once.
 *
 *	begin ─> claim the key ─> statement ─> keep its result ─> commit
 *	             │ it is there already
 *	             └─> give the result that is kept ─> rollback
 *
 * The key's row and what the statement does are committed together or not at all, so an
 * attempt that was cut off anywhere can be repeated. Two attempts at once: the second
 * waits at the claim until the first has committed or rolled back.
 */
#include "action/database.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

#define PRUNE_EVERY 1000 /* statements of a session */

struct once {
	struct db_place *place;
	const struct db_driver *driver;
	const struct db_bounds *bounds;
	struct arena *arena;
	struct heed_error *error;
};

/* heed's own statement, with at most two values. */
static int
own(struct once *once, const char *text, const struct heed_member *values, uint32_t n,
    struct db_statement *ret_statement)
{
	*ret_statement = (struct db_statement){
		.text = str_of(text),
		.values = {.kind = HEED_OBJECT, .len = n, .members = values},
		.own = true,
		.rows_max = 1,
		.bytes_max = SIZE_MAX,
		.arena = once->arena,
	};
	return once->driver->execute(once->place->session, ret_statement, once->bounds,
	                             once->error);
}

static int
command(struct once *once, const char *text)
{
	struct db_statement ignored;

	return own(once, text, NULL, 0, &ignored);
}

static void
close_session(struct db_place *place)
{
	if (place->session != NULL)
		place->connection->driver->close(place->session);
	place->session = NULL;
	place->has_effects = false;
}

static int
begin(struct once *once, bool read_only)
{
	struct db_place *place = once->place;

	if (place->session == NULL)
		HEED_TRY(once->driver->open(place->connection, once->bounds,
		                            &place->session, once->error));
	return command(once,
	               read_only ? once->driver->begin_read_only : once->driver->begin);
}

/* A session that was idle may have lost its server in the meantime. */
static int
begin_again(struct once *once, bool read_only)
{
	bool idle = once->place->session != NULL;
	int r = begin(once, read_only);

	if (r == 0 || !idle || !once->driver->is_broken(once->place->session) ||
	    db_is_over(once->bounds))
		return r;
	close_session(once->place);
	return begin(once, read_only);
}

/* Have the table of effects. Outside of the statement's transaction, so that sessions
 * that do it at the same time wait for each other only here. */
static int
want_effects(struct once *once)
{
	struct db_statement found;
	struct db_place *place = once->place;
	int r;

	if (place->has_effects)
		return 0;
	if (place->session == NULL)
		HEED_TRY(once->driver->open(place->connection, once->bounds,
		                            &place->session, once->error));
	HEED_TRY(own(once, once->driver->has_effects, NULL, 0, &found));
	if (found.rows.len == 0) {
		r = command(once, once->driver->make_effects);
		if (r < 0 && r != HEED_E_EXISTS) {
			error_prefix(
				once->error,
				"cannot make the table heed_effects, which keeps an "
				"effect from happening twice (make it for heed, or say "
				"once: false)");
			return r;
		}
	}
	place->has_effects = true;
	return 0;
}

/* Forget some of the keys that are old, now and then; a failure can wait. */
static void
prune(struct once *once)
{
	int64_t before = clock_wall_us() - 1000 * once->place->connection->keep_ms;
	struct heed_member values[] = {{HEED_STR("before"), json_int(before)}};
	struct db_statement ignored;
	struct heed_error error;
	struct once quiet = *once;

	quiet.error = &error;
	if (once->place->uses++ % PRUNE_EVERY == 0)
		(void)own(&quiet, once->driver->prune_effects, values, 1, &ignored);
}

/* 1: the key is new; 0: the effect has happened, *ret_result is what it gave. */
static int
claim(struct once *once, struct heed_str key, struct heed_json *ret_result)
{
	struct heed_member values[] = {{HEED_STR("key"), json_str(key)},
	                               {HEED_STR("at"), json_int(clock_wall_us())}};
	struct db_statement statement;
	const struct heed_json *kept;

	HEED_TRY(own(once,
	             "insert into heed_effects(key, at, result) values(:key, :at, '')"
	             " on conflict do nothing",
	             values, 2, &statement));
	if (statement.changed == 1)
		return 1;
	HEED_TRY(own(once, "select result from heed_effects where key = :key", values, 1,
	             &statement));
	kept = statement.rows.len == 1 ? json_get(statement.rows.items[0], "result")
	                               : NULL;
	if (kept == NULL ||
	    json_parse(once->arena, json_text(*kept), ret_result, NULL) < 0)
		return error_set(once->error, HEED_E_TRANSIENT,
		                 "the effect's key is in heed_effects without a result");
	return 0;
}

static int
keep(struct once *once, struct heed_str key, struct heed_json result)
{
	struct heed_member values[] = {
		{HEED_STR("key"), json_str(key)},
		{HEED_STR("result"), json_str(json_text_of(once->arena, result))}};
	struct db_statement ignored;

	return own(once, "update heed_effects set result = :result where key = :key",
	           values, 2, &ignored);
}

/* The user's statement, within the transaction. */
static int
perform(struct once *once, const struct db_request *request, struct heed_json *ret_result)
{
	struct db_statement statement = {
		.text = request->statement,
		.values = request->values,
		.read_only = request->read_only,
		.rows_max = request->rows_max,
		.bytes_max = DB_RESULT_MAX,
		.arena = once->arena,
	};
	struct json_build build;

	HEED_TRY(once->driver->execute(once->place->session, &statement, once->bounds,
	                               once->error));
	json_object(&build, once->arena);
	if (statement.rows.kind == HEED_ARRAY)
		json_set_cstr(&build, "rows", statement.rows);
	json_set_cstr(&build, "changed", json_int(statement.changed));
	return json_build_end(&build, ret_result) < 0 ? error_nomem(once->error) : 0;
}

/* All of it but the begin and the end: 1 to commit, 0 to roll back, or a failure. */
static int
within(struct once *once, const struct db_request *request, struct heed_json *ret_result)
{
	int r;

	if (request->key.len > 0) {
		r = claim(once, request->key, ret_result);
		if (r <= 0)
			return r;
	}
	HEED_TRY(perform(once, request, ret_result));
	if (request->key.len > 0)
		HEED_TRY(keep(once, request->key, *ret_result));
	return 1;
}

/* The failure's words stay those of the cause. */
static void
roll_back(struct once *once)
{
	struct once quiet = *once;
	struct heed_error ignored;

	quiet.error = &ignored;
	if (!once->driver->is_broken(once->place->session) &&
	    command(&quiet, "rollback") < 0)
		close_session(once->place);
}

/* begin, within, commit or roll back. */
static int
transact(struct once *once, const struct db_request *request,
         struct heed_json *ret_result, bool *ret_begun)
{
	int r;

	HEED_TRY(begin_again(once, request->read_only));
	r = within(once, request, ret_result);
	if (r <= 0) {
		roll_back(once);
		return r;
	}
	r = command(once, "commit");
	/* Without an answer it is not known what became of it. */
	*ret_begun = r < 0 && once->driver->is_broken(once->place->session);
	if (r < 0)
		roll_back(once);
	return r;
}

int
once_run(struct db_place *place, const struct db_request *request,
         const struct db_bounds *bounds, struct arena *arena,
         struct heed_json *ret_result, bool *ret_begun, struct heed_error *error)
{
	struct once once = {place, place->connection->driver, bounds, arena, error};
	int r = 0;

	*ret_begun = false;
	if (request->key.len > 0)
		r = want_effects(&once);
	if (r == 0)
		r = transact(&once, request, ret_result, ret_begun);
	if (r == 0 && request->key.len > 0)
		prune(&once);
	if (place->session != NULL && once.driver->is_broken(place->session))
		close_session(place);
	return r;
}
