/*
 * sql.c - a statement on heed's own database, as part of the run's commit: it happens
 * exactly when the run's step does. Values are bound, never pasted into the text.
 */
#include "action/kinds.h"
#include "base/error.h"
#include "base/json.h"
#include "config/bind.h"

const struct option connection_options[] = {
	{.name = "url",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct connection, url),
         .flags = OPTION_REQUIRED,
         .help = "the database; \"store\" for heed's own"},
	OPTION_ROWS_END,
};

struct sql {
	struct action action;
	struct heed_str connection;
	struct heed_str statement;
	struct shape *values;
};

static const struct option options[] = {
	{.name = "connection",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct sql, connection),
         .fallback = "store",
         .help = "\"store\": heed's own database"},
	{.name = "statement",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct sql, statement),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "one SQL statement; :name stands for a bound value"},
	{.name = "values",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct sql, values),
         .help = "the values by name, for example \"{id: .event.data.id}\""},
	OPTION_ROWS_END,
};

static int
check(struct action *action, struct heed_error *error)
{
	const struct sql *sql = (const struct sql *)action;

	if (str_is(sql->connection, "store"))
		return 0;
	(void)error_set(error, HEED_E_CONFIG,
	                "this version has no connection but \"store\"");
	error_hint(error, "leave connection out, or use an http action");
	return HEED_E_CONFIG;
}

static enum effect_class
effect(const struct action *action)
{
	return EFFECT_TRANSACTIONAL;
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
	json_set_cstr(&build, "statement", json_str(sql->statement));
	json_set_cstr(&build, "values", values);
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

const struct action_kind action_sql = {
	.name = "sql",
	.help = "a statement on heed's own database, in the run's own commit",
	.options = options,
	.size = sizeof(struct sql),
	.check = check,
	.effect = effect,
	.prepare = prepare,
};
