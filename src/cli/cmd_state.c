/*
 * cmd_state.c - heed state: entities as their events made them, now or at an earlier
 * version or time. Reads the store, also beside a running heed; asks no model.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/record.h"
#include "pattern/entity.h"
#include "service/service.h"
#include "store/store.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--at", "WHEN",
         "as it was at this version or time (3, 2h, 2026-11-24, RFC 3339)"},
	{"--limit", "N", "without an id: at most so many (default 50)"},
	{"--after", "ID", "without an id: those behind this one"},
	{"--json", NULL, "JSON, one object a line"},
	{NULL, NULL, NULL},
};

/* ---- which entity ------------------------------------------------------------------ */

static const struct definition *
find_entity(const struct app *app, const char *name)
{
	size_t i;

	for (i = 0; i < app->n_definitions; i++)
		if (strcmp(app->definitions[i]->kind->name, ENTITY_FLOW) == 0 &&
		    str_is(app->definitions[i]->name, name))
			return app->definitions[i];
	return NULL;
}

static int
unknown_entity(const struct cli_args *args, const struct app *app)
{
	const char *names[64];
	const char *near = NULL;
	struct heed_buf hint;
	size_t n = 0;
	size_t i;
	int r;

	buf_init(&hint, 320);
	for (i = 0; i < app->n_definitions && n < 64; i++)
		if (strcmp(app->definitions[i]->kind->name, ENTITY_FLOW) == 0)
			names[n++] = app->definitions[i]->name.data;
	if (args->n_words > 0)
		near = error_nearest(str_of(args->words[0]), names, n);
	if (near != NULL)
		buf_addf(&hint, "did you mean \"%s\"?", near);
	else if (n == 0)
		buf_adds(&hint, "the configuration has no entities");
	for (i = 0; near == NULL && i < n; i++)
		buf_addf(&hint, "%s%s", i == 0 ? "there are: " : ", ", names[i]);
	if (args->n_words == 0)
		r = cli_misused(args, hint.data, "say which entity");
	else
		r = cli_misused(args, hint.data, "there is no entity \"%s\"",
		                args->words[0]);
	buf_done(&hint);
	return r;
}

/* ---- all of one kind --------------------------------------------------------------- */

struct listing {
	const struct cli_args *args;
	const struct definition *definition;
};

static int
print_one(void *arg, struct heed_str stream, int64_t version)
{
	const struct listing *listing = arg;
	struct heed_str id = str_from(stream, listing->definition->name.len + 1);
	struct heed_buf buf;

	buf_init(&buf, 0);
	if (cli_has(listing->args, "--json")) {
		buf_adds(&buf, "{\"entity\":");
		json_write_string(&buf, listing->definition->name);
		buf_adds(&buf, ",\"id\":");
		json_write_string(&buf, id);
		buf_addf(&buf, ",\"version\":%lld}", (long long)version);
	} else {
		out_cell(&buf, id, 40);
		buf_addf(&buf, " version %lld", (long long)version);
	}
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

static int
list_all(const struct cli_args *args, const struct definition *definition,
         struct store *store, struct heed_error *error)
{
	struct listing listing = {args, definition};
	struct heed_str after = {NULL, 0};
	struct heed_str prefix;
	struct arena arena;
	int64_t limit;
	int r = cli_number(args, "--limit", 1, INT32_MAX, 50, &limit);

	if (r != 0)
		return r;
	arena_init(&arena, 256);
	prefix = entity_stream(&arena, definition->name, HEED_STR(""));
	if (cli_value(args, "--after") != NULL)
		after = entity_stream(&arena, definition->name,
		                      str_of(cli_value(args, "--after")));
	r = store_read_streams(store, prefix, after, limit, print_one, &listing, error);
	arena_done(&arena);
	return r;
}

/* ---- one --------------------------------------------------------------------------- */

static int
read_at(const struct cli_args *args, struct fold_until *ret_until,
        struct heed_error *error)
{
	const char *at = cli_value(args, "--at");

	*ret_until = FOLD_NEWEST;
	if (at == NULL)
		return 0;
	if (str_to_i64(str_of(at), &ret_until->version) < 0)
		return out_read_time("--at", at, &ret_until->time_us, error);
	if (ret_until->version < 1)
		return error_set(error, HEED_E_INVALID, "--at: versions begin at 1");
	return 0;
}

static int
print_state(const struct cli_args *args, const struct definition *definition,
            const struct replay *replay)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	if (cli_has(args, "--json")) {
		buf_adds(&buf, "{\"entity\":");
		json_write_string(&buf, definition->name);
		buf_adds(&buf, ",\"id\":");
		json_write_string(&buf, str_of(args->words[1]));
		buf_addf(&buf,
		         ",\"version\":%lld,\"state\":", (long long)replay->version);
		json_write(&buf, replay->state, JSON_COMPACT);
		buf_addc(&buf, '}');
	} else {
		buf_addf(&buf, "%s", out_style(OUT_BOLD));
		(void)out_text(&buf, replay->stream, 0);
		buf_addf(&buf, "%s, version %lld\n", out_style(OUT_END),
		         (long long)replay->version);
		json_write(&buf, replay->state, JSON_PRETTY);
	}
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

static int
missing(const struct replay *replay, struct heed_error *error)
{
	if (replay->version > 0)
		return error_set(error, HEED_E_NOTFOUND, "%.*s is at version %lld only",
		                 STR_ARG(replay->stream), (long long)replay->version);
	(void)error_set(error, HEED_E_NOTFOUND, "there are no events of %.*s%s",
	                STR_ARG(replay->stream),
	                replay->until.time_us < INT64_MAX ? " up to that time" : "");
	return HEED_E_NOTFOUND;
}

static int
show_one(const struct cli_args *args, const struct definition *definition,
         struct store *store, struct heed_error *error)
{
	struct fold_until until;
	struct replay replay;
	struct heed_str stream;
	struct arena arena;
	int r;

	HEED_TRY(read_at(args, &until, error));
	arena_init(&arena, 256);
	stream = entity_stream(&arena, definition->name, str_of(args->words[1]));
	replay_init(&replay, entity_fold(definition), stream, until);
	r = replay_all(&replay, store, error);
	if (r == 0 && (replay.version == 0 ||
	               (until.version < INT64_MAX && replay.version < until.version)))
		r = missing(&replay, error);
	if (r == 0)
		r = print_state(args, definition, &replay);
	replay_done(&replay);
	arena_done(&arena);
	return r;
}

/* ---- the command ------------------------------------------------------------------- */

static int
look(const struct cli_args *args, struct app *app, const struct definition *definition)
{
	struct heed_error error = {0};
	struct store *store = NULL;
	struct heed_str place;
	int r = service_store_place(app, &place);

	if (r == 0)
		r = store_open_readonly(place, &store, &error);
	if (r == 0)
		r = args->n_words == 1 ? list_all(args, definition, store, &error)
		                       : show_one(args, definition, store, &error);
	store_close(store);
	return r < 0 ? cli_fail(args, &error) : r;
}

/* The entity is all that has to be right in the configuration: what else is wrong (a
 * secret that is not set) does not matter here. */
static int
run(int argc, char **argv)
{
	const struct definition *definition = NULL;
	struct heed_error error = {0};
	struct app app = {0};
	struct cli_args args;
	struct cli_args load;
	int r = cli_parse(&cmd_state, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	r = app_load(&app, cli_config(&args), &error);
	if (r == 0 || r == HEED_E_CONFIG)
		definition = args.n_words > 0 ? find_entity(&app, args.words[0]) : NULL;
	if (definition != NULL) {
		r = look(&args, &app, definition);
	} else if (r == 0) {
		r = unknown_entity(&args, &app);
	} else {
		app_done(&app);
		load = args;
		load.n_words = 0;
		r = cli_load(&load, &app);
	}
	app_done(&app);
	return r;
}

const struct command cmd_state = {
	.name = "state",
	.usage = "[OPTIONS] ENTITY [ID]",
	.words_max = 2,
	.help = "Show the state of an entity, now or earlier; without ID, which ones "
		"there "
		"are.",
	.options = options,
	.run = run,
};
