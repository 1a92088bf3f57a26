/*
 * sql.c - a statement on a database. Values are bound, never pasted into the text.
 *
 * On heed's own database it is part of the run's commit: it happens exactly when the
 * run's step does. On a connection it is a transaction of its own that, with `once`,
 * keeps the effect's key beside what it did, so that it happens once (once.c).
 */
#include "action/connection.h"
#include "action/database.h"
#include "action/kinds.h"
#include "action/sql_text.h"
#include "base/error.h"
#include "base/json.h"
#include "config/bind.h"

struct sql {
	struct action action;
	struct heed_str connection;
	struct heed_str statement;
	struct shape *values;
	bool once;
	bool read_only;
	int64_t rows_max;
};

/* The map, and the name of heed's own. */
static const char *const connections[] = {"connections", "store", NULL};

static const struct option options[] = {
	{.name = "connection",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct sql, connection),
         .fallback = "store",
         .flags = OPTION_REFERENCE,
         .names = connections,
         .help = "one of `connections`; \"store\" is heed's own database, where the "
                 "statement is part of the run's commit"},
	{.name = "statement",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct sql, statement),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "one SQL statement; :name stands for a bound value"},
	{.name = "values",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct sql, values),
         .help = "the values by name, for example \"{id: .event.data.id}\"; objects and "
                 "arrays are bound as JSON"},
	{.name = "once",
         .kind = OPTION_BOOL,
         .offset = offsetof(struct sql, once),
         .fallback = "true",
         .help = "keep the effect's key in the connection's table heed_effects, in the "
                 "same transaction, so that it never happens twice; false where heed may "
                 "not make that table: then the effect is unkeyed"},
	{.name = "read_only",
         .kind = OPTION_BOOL,
         .offset = offsetof(struct sql, read_only),
         .fallback = "false",
         .help = "it only reads a connection: no record is kept, and it may be repeated"},
	{.name = "rows_max",
         .kind = OPTION_INT,
         .offset = offsetof(struct sql, rows_max),
         .fallback = "1000",
         .min = 1,
         .max = 100000,
         .help = "rows that it may give (1 MiB in all); with more it fails, and nothing "
                 "is changed"},
	OPTION_ROWS_END,
};

static bool
is_store(const struct sql *sql)
{
	return str_is(sql->connection, "store");
}

static bool
has_name(const struct heed_str *names, size_t n, struct heed_str name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

/* The first of `names` that is not among `others` is a problem. */
static int
check_names(const struct heed_str *names, size_t n, const struct heed_str *others,
            size_t n_others, struct arena *arena, const char *problem,
            struct heed_error *error)
{
	const char **list = ARENA_ARRAY(arena, const char *, n_others + 1);
	const char *near;
	size_t i;

	for (i = 0; list != NULL && i < n_others; i++)
		list[i] = arena_cstr(arena, others[i]);
	for (i = 0; i < n; i++) {
		if (has_name(others, n_others, names[i]))
			continue;
		(void)error_set(error, HEED_E_CONFIG, problem, STR_ARG(names[i]));
		near = list != NULL ? error_nearest(names[i], list, n_others) : NULL;
		if (near != NULL)
			error_hint(error, "did you mean \"%s\"?", near);
		return HEED_E_CONFIG;
	}
	return 0;
}

static int
check(struct action *action, struct heed_error *error)
{
	const struct sql *sql = (const struct sql *)action;
	struct arena *arena = action->arena;
	struct heed_str *names = NULL;
	struct sql_text text;
	size_t n = 0;

	HEED_TRY(sql_text_read(arena, sql->statement, &text, error));
	if (sql->values != NULL && !shape_members(sql->values, arena, &names, &n))
		return 0; /* it shows when they are made */
	HEED_TRY(check_names(text.names, text.n_names, names, n, arena,
	                     "there is no value for :%.*s", error));
	return check_names(names, n, text.names, text.n_names, arena,
	                   "the statement has no :%.*s for its value", error);
}

static enum effect_class
effect(const struct action *action)
{
	const struct sql *sql = (const struct sql *)action;

	if (is_store(sql))
		return EFFECT_TRANSACTIONAL;
	return sql->once || sql->read_only ? EFFECT_KEYED : EFFECT_UNKEYED;
}

static int
prepare(const struct action *action, struct heed_json input, struct arena *arena,
        struct heed_json *ret_request, struct heed_error *error)
{
	const struct sql *sql = (const struct sql *)action;
	struct heed_json values = {.kind = HEED_OBJECT};
	struct json_build build;

	if (sql->values != NULL)
		HEED_TRY(shape_eval(sql->values, input, arena, &values, error));
	if (values.kind != HEED_OBJECT)
		return error_set(error, HEED_E_PERMANENT,
		                 "values must be an object, not %s",
		                 json_kind_name(values));
	json_object(&build, arena);
	if (!is_store(sql))
		json_set_cstr(&build, "connection", json_str(sql->connection));
	json_set_cstr(&build, "statement", json_str(sql->statement));
	json_set_cstr(&build, "values", values);
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

static void
replied(void *arg, const struct db_reply *reply)
{
	struct action_call *call = arg;
	int code = reply->code;

	call->context = NULL;
	if (code < 0 && reply->begun && effect(call->action) == EFFECT_UNKEYED)
		code = HEED_E_UNKNOWN;
	action_done(call, code, reply->result, -1, &reply->error);
}

static int
perform(struct action *action, struct action_call *call, struct heed_error *error)
{
	const struct sql *sql = (const struct sql *)action;
	const struct action_world *world = call->world;
	const struct heed_json *values = json_get(call->request, "values");
	struct connection *connection = connection_find(
		world->connections, world->n_connections, sql->connection);
	struct db_request request = {
		.statement = sql->statement,
		.values = values != NULL ? *values : json_null(),
		.read_only = sql->read_only,
		.timeout_ms = call->timeout_ms,
		.rows_max = sql->rows_max,
	};
	struct db_job *job;

	if (connection == NULL)
		return error_set(error, HEED_E_PERMANENT,
		                 "there is no \"%.*s\" under connections any more",
		                 STR_ARG(sql->connection));
	if (sql->once && !sql->read_only)
		request.key = call->key;
	if (database_run(connection, world->loop, &request, replied, call, &job) < 0)
		return error_nomem(error);
	call->context = job;
	return 0;
}

static void
cancel(struct action *action, struct action_call *call)
{
	(void)action;
	if (call->context != NULL)
		database_cancel(call->context);
}

const struct action_kind action_sql = {
	.name = "sql",
	.help = "a statement on heed's own database, in the run's own commit, or on a "
		"connection",
	.options = options,
	.size = sizeof(struct sql),
	.check = check,
	.effect = effect,
	.prepare = prepare,
	.perform = perform,
	.cancel = cancel,
};
