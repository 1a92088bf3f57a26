/*
 * app.c - see app.h.
 *
 * Binding goes in two steps: the rows, which bind every map on its own; then what only
 * the whole can tell (a model that is not there, a price that is not known).
 */
#include "config/app.h"

#include <stdio.h>
#include <string.h>

#include "action/connection.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/kinds.h"
#include "pattern/kinds.h"
#include "store/store.h"

#define SOURCE_KINDS_MAX 64
#define FILE_MAX (8 * 1024 * 1024)

/* A copy of the map without the key `name`; *ret_value is that key's value, or NULL. */
static int
without_key(struct arena *arena, const struct conf_node *map, const char *name,
            struct conf_node *ret_rest, const struct conf_node **ret_value)
{
	size_t i;

	*ret_rest = *map;
	*ret_value = NULL;
	ret_rest->n = 0;
	ret_rest->keys = ARENA_ARRAY(arena, struct conf_node, map->n);
	ret_rest->items = ARENA_ARRAY(arena, struct conf_node, map->n);
	if (ret_rest->keys == NULL || ret_rest->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < map->n; i++) {
		if (str_is(map->keys[i].text, name)) {
			*ret_value = &map->items[i];
			continue;
		}
		ret_rest->keys[ret_rest->n] = map->keys[i];
		ret_rest->items[ret_rest->n++] = map->items[i];
	}
	return 0;
}

static const struct source_kind *
find_source_kind(struct bind *bind, const struct conf_node *type)
{
	const char *names[SOURCE_KINDS_MAX + 1];
	const struct source_kind *kind;
	char hint[CONF_HINT_SIZE];
	size_t n;

	for (n = 0;
	     n < SOURCE_KINDS_MAX && (kind = source_kind_at(bind->kinds, n)) != NULL;
	     n++) {
		if (str_is(type->text, kind->name))
			return kind;
		names[n] = kind->name;
	}
	names[n] = NULL;
	(void)conf_problem(bind->problems, type,
	                   conf_suggest(hint, type->text, names, "the types are"),
	                   "there is no source type \"%.*s\"", STR_ARG(type->text));
	return NULL;
}

static struct app *
app_of(struct bind *bind)
{
	return (struct app *)((char *)bind - offsetof(struct app, bind));
}

static int
bind_source(struct bind *bind, const struct conf_node *key, const struct conf_node *node,
            struct app_source *ret_source)
{
	const struct source_kind *kind;
	const struct conf_node *type;
	const char *const *outer = bind->roots;
	struct conf_node rest;
	struct heed_error error;
	struct source *source;
	struct heed_json text;
	int r;

	if (node->kind != CONF_MAP)
		return conf_problem(bind->problems, node, "for example: {type: http}",
		                    "expected a mapping");
	HEED_TRY(without_key(bind->arena, node, "type", &rest, &type));
	if (type == NULL)
		return conf_problem(bind->problems, key,
		                    "add type: http, schedule or file",
		                    "source \"%.*s\" has no type", STR_ARG(key->text));
	kind = find_source_kind(bind, type);
	if (kind == NULL)
		return HEED_E_CONFIG;
	source = arena_zero(bind->arena, kind->size);
	if (source == NULL)
		return HEED_E_NOMEM;
	source->kind = kind;
	source->name = key->text;
	source->folder = app_of(bind)->folder;
	source->generation = bind->generation;
	bind->roots = kind->roots;
	r = bind_record(bind, &rest, kind->options, source);
	bind->roots = outer;
	HEED_TRY(r);
	if (kind->check != NULL && kind->check(source, &error) < 0)
		return conf_problem(bind->problems, key, error.hint,
		                    "source \"%.*s\": %s", STR_ARG(key->text),
		                    error.text);
	HEED_TRY(conf_json(bind->arena, node, 0, &text));
	*ret_source = (struct app_source){
		.source = source,
		.at = key,
		.text = json_text_of(bind->arena, text),
	};
	return ret_source->text.data == NULL ? HEED_E_NOMEM : 0;
}

static int
bind_sources(struct bind *bind, const struct conf_node *node, void *field)
{
	struct app *app = app_of(bind);
	int worst = 0;
	size_t i;

	if (node->kind != CONF_MAP)
		return conf_problem(bind->problems, node, "write: name: {type: ...}",
		                    "expected a mapping of names to sources");
	app->sources = ARENA_ARRAY(bind->arena, struct app_source, node->n);
	if (app->sources == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		int r = bind_source(bind, &node->keys[i], &node->items[i],
		                    &app->sources[app->n_sources]);

		if (r == 0)
			app->n_sources++;
		else
			worst = r;
	}
	return worst;
}

static void
write_sources_schema(struct heed_buf *buf)
{
	struct option_type types[SOURCE_KINDS_MAX];
	size_t n;

	for (n = 0; n < SOURCE_KINDS_MAX && source_kinds[n] != NULL; n++)
		types[n] =
			(struct option_type){source_kinds[n]->name, source_kinds[n]->help,
		                             source_kinds[n]->options};
	buf_adds(buf, "{\"type\":\"object\",\"additionalProperties\":");
	option_schema_kinds(buf, types, n);
	buf_addc(buf, '}');
}

int
app_define(struct app *app, struct definition *definition)
{
	HEED_TRY(mem_grow((void **)&app->definitions, &app->cap_definitions,
	                  app->n_definitions + 1, sizeof(*app->definitions)));
	app->definitions[app->n_definitions++] = definition;
	return 0;
}

/* The entries of a pattern's section become definitions. */
static int
bind_section(struct bind *bind, const struct conf_node *node,
             const struct pattern_kind *pattern)
{
	struct app *app = app_of(bind);
	int worst = 0;
	size_t i;

	if (node->kind != CONF_MAP)
		return conf_problem(bind->problems, node, "write: name: {...}",
		                    "expected a mapping of names to %s",
		                    pattern->section);
	for (i = 0; i < node->n; i++) {
		struct definition *definition;
		int r = pattern->bind(bind, &node->keys[i], &node->items[i], &definition);

		if (r == 0)
			r = app_define(app, definition);
		worst = r < 0 ? r : worst;
	}
	return worst;
}

static int
bind_entities(struct bind *bind, const struct conf_node *node, void *field)
{
	return bind_section(bind, node, &pattern_entity);
}

static int
bind_reactions(struct bind *bind, const struct conf_node *node, void *field)
{
	return bind_section(bind, node, &pattern_reaction);
}

static int
bind_sagas(struct bind *bind, const struct conf_node *node, void *field)
{
	return bind_section(bind, node, &pattern_saga);
}

static const char *const mapping_type[] = {"object", NULL};

static const struct option admin_options[] = {
	{.name = "socket",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct app_admin, socket),
         .help = "the socket file by which commands reach the running heed: a path "
                 "(relative to this file), or none; absent: the store's path with .sock"},
	OPTION_ROWS_END,
};

#define LINKS(field)                                                                     \
	(offsetof(struct app_api, links.field) - offsetof(struct app_api, links))

static const struct option links_options[] = {
	{.name = "url",
         .kind = OPTION_TEXT,
         .offset = LINKS(url),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "where those who are asked reach the api: https://heed.example.com"},
	{.name = "secret",
         .kind = OPTION_SECRET,
         .offset = LINKS(secret),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "what the links are signed with; a new one makes old links void"},
	OPTION_ROWS_END,
};

static const struct option api_options[] = {
	{.name = "listen",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct app_api, listen),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "address and port, or unix:/path; port 0 takes a free one"},
	{.name = "bearer",
         .kind = OPTION_SECRET,
         .offset = offsetof(struct app_api, bearer),
         .flags = OPTION_NONEMPTY,
         .help = "token that requests must show as \"Authorization: Bearer TOKEN\""},
	{.name = "wait",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct app_api, wait_ms),
         .fallback = "10s",
         .min = 0,
         .max = 600000,
         .help = "how long a command waits for its decision unless it says so itself "
                 "(Prefer: wait=SECONDS) before it is answered 202"},
	{.name = "links",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct app_api, links),
         .rows = links_options,
         .help = "links by which people decide for sagas, in saga.approval_requested; "
                 "whoever has one may decide"},
	OPTION_ROWS_END,
};

const struct option app_options[] = {
	{.name = "heed",
         .kind = OPTION_INT,
         .offset = offsetof(struct app, version),
         .flags = OPTION_REQUIRED,
         .min = 1,
         .max = 1,
         .help = "version of this file's format: 1"},
	{.name = "name",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct app, name),
         .fallback = "heed",
         .flags = OPTION_NONEMPTY,
         .help = "name of the application; emitted events have the source heed/NAME"},
	{.name = "store",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct app, store),
         .fallback = "sqlite:heed.db",
         .flags = OPTION_NONEMPTY,
         .help = "the durable place: sqlite:PATH (relative to this file), or memory: for "
                 "trials"},
	{.name = "log",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct app, log),
         .rows = log_options,
         .help = "what it writes to standard error as it works"},
	{.name = "observe",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct app, observe),
         .rows = observe_options,
         .help = "what it tells of itself: metrics, traces"},
	{.name = "admin",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct app, admin),
         .rows = admin_options,
         .help = "how commands reach the running heed"},
	{.name = "api",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct app, api),
         .rows = api_options,
         .help = "HTTP for other programs: entities' states and events, commands that "
                 "wait for their decision, the feed of all events"},
	{.name = "models",
         .kind = OPTION_MAP,
         .offset = offsetof(struct app, models),
         .rows = model_options,
         .size = sizeof(struct model),
         .help = "named deployments of model providers"},
	{.name = "connections",
         .kind = OPTION_MAP,
         .offset = offsetof(struct app, connections),
         .rows = connection_options,
         .size = sizeof(struct connection),
         .flags = OPTION_SCALAR_SHORT,
         .help = "databases that sql actions use"},
	{.name = "sources",
         .kind = OPTION_CUSTOM,
         .bind = bind_sources,
         .schema = write_sources_schema,
         .names = mapping_type,
         .help = "what brings events in, by name; `type` names the kind"},
	{.name = "reactions",
         .kind = OPTION_CUSTOM,
         .bind = bind_reactions,
         .names = mapping_type,
         .rows = reaction_options,
         .flags = OPTION_NAMED,
         .help = "on an event, ask a model, then act, by name"},
	{.name = "entities",
         .kind = OPTION_CUSTOM,
         .bind = bind_entities,
         .names = mapping_type,
         .rows = entity_options,
         .flags = OPTION_NAMED,
         .help = "event-sourced entities whose commands rules and a model decide, by "
                 "name"},
	{.name = "sagas",
         .kind = OPTION_CUSTOM,
         .bind = bind_sagas,
         .names = mapping_type,
         .rows = saga_options,
         .flags = OPTION_NAMED,
         .help = "long-running flows of declared steps with their undo, by name"},
	{.name = "limits",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct app, limits),
         .rows = engine_limit_options,
         .help = "bounds of the engine"},
	{.name = "retention",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct app, retention),
         .rows = retention_options,
         .help = "how long what is over is kept"},
	{.name = "redact",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct app, redact),
         .bind = bind_redact,
         .names = mapping_type,
         .rows = redact_options,
         .help = "what is kept back from all models"},
	{.name = "budgets",
         .kind = OPTION_LIST,
         .offset = offsetof(struct app, budgets),
         .rows = budget_options,
         .size = sizeof(struct budget),
         .help = "what may be spent, by event type, reaction, model or in all, in an "
                 "hour, day or month"},
	OPTION_ROWS_END,
};

static int
check_models(struct app *app)
{
	struct model *models = app->models.items;
	const struct conf_node *map = conf_get(app->root, "models");
	struct heed_error error;
	int worst = 0;
	size_t i;

	for (i = 0; i < app->models.n; i++) {
		struct model *model = &models[i];
		const struct conf_node *at = &map->keys[i];

		model->generation = &app->generation;
		if (model_check(model, &error) < 0)
			worst = conf_problem(&app->problems, at, error.hint,
			                     "model \"%.*s\": %s", STR_ARG(model->name),
			                     error.text);
	}
	return worst;
}

/* The file's text into `buf`, which the caller is done with in any case. */
static int
read_config(const char *path, struct heed_buf *buf, struct heed_error *error)
{
	int r;

	buf_init(buf, FILE_MAX);
	r = file_read(path, buf, error);
	if (r == HEED_E_NOTFOUND)
		error_hint(error, "write one, or say where yours is: --config FILE");
	return r;
}

static int
check_store(struct app *app)
{
	struct heed_error error;

	if (app->store.len == 0 || /* told already */
	    store_check(app->store, &error) == 0)
		return 0;
	return conf_problem(&app->problems, conf_get(app->root, "store"), error.hint,
	                    "store: %s", error.text);
}

static int
check_connections(struct app *app)
{
	struct connection *connections = app->connections.items;
	const struct conf_node *map = conf_get(app->root, "connections");
	struct heed_error error;
	int worst = 0;
	size_t i;

	for (i = 0; i < app->connections.n; i++) {
		if (connections[i].url.len > 0 && /* else told already */
		    connection_check(&connections[i], app->folder, app->store,
		                     &app->arena, &error) < 0)
			worst = conf_problem(&app->problems, &map->keys[i], error.hint,
			                     "connection \"%.*s\": %s",
			                     STR_ARG(connections[i].name), error.text);
	}
	return worst;
}

/* Whoever reaches it may read all entities and send commands. */
static void
warn_of_api(struct app *app)
{
	static const char *const own[] = {"127.", "localhost:", "[::1]:", "unix:"};
	size_t i;

	if (app->api.listen.len == 0 || app->api.bearer.len > 0)
		return;
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (str_starts(app->api.listen, own[i]))
			return;
	(void)conf_problem(&app->warnings, conf_get(app->root, "api"),
	                   "add bearer: ${API_TOKEN}, or listen on 127.0.0.1",
	                   "warning: the api is open to everyone who reaches %.*s",
	                   STR_ARG(app->api.listen));
}

static int
check_whole(struct app *app)
{
	int models = check_models(app);
	int store = check_store(app);
	int connections = check_connections(app);
	int budgets = app_check_budgets(app);
	int expressions = bind_check_exprs(&app->bind);

	app_warn_of_prices(app);
	warn_of_api(app);
	return models < 0        ? models
	       : store < 0       ? store
	       : connections < 0 ? connections
	       : budgets < 0     ? budgets
	                         : expressions;
}

/* Of the file; "/" for one that stands there. */
static struct heed_str
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return (struct heed_str){NULL, 0};
	return (struct heed_str){path, slash == path ? 1 : (size_t)(slash - path)};
}

/* Ready to bind; app_done in any case. */
static int
app_begin(struct app *app, const struct kinds *added, const char *path,
          struct heed_error *error)
{
	memset(app, 0, sizeof(*app));
	app->generation.refs = 1;
	arena_init(&app->arena, 16 * 1024);
	conf_problems_init(&app->problems, &app->arena);
	conf_problems_init(&app->warnings, &app->arena);
	app->path = arena_cstr(&app->arena, str_of(path));
	app->exprs = expr_set_new();
	if (app->exprs == NULL || app->path == NULL)
		return error_nomem(error);
	app->folder = folder_of(app->path);
	app->bind = (struct bind){.arena = &app->arena,
	                          .exprs = app->exprs,
	                          .problems = &app->problems,
	                          .generation = &app->generation,
	                          .kinds = added};
	return 0;
}

/* The file as a tree, its variables not replaced yet. */
static int
app_parse(struct app *app, const struct kinds *added, const char *path,
          struct heed_str text, struct heed_error *error)
{
	int r;

	HEED_TRY(app_begin(app, added, path, error));
	r = conf_parse(&app->arena, app->path, text, &app->problems, &app->root);
	app->bind.root = app->root;
	return app->root == NULL && r == 0 ? HEED_E_CONFIG : r;
}

int
app_load_added(struct app *app, const struct kinds *added, const char *path,
               struct heed_str text, struct heed_error *error)
{
	int r = app_parse(app, added, path, text, error);
	int whole;

	if (app->root == NULL)
		return r;
	if (conf_expand(&app->arena, app->root, &app->problems) < 0)
		r = HEED_E_CONFIG;
	if (bind_record(&app->bind, app->root, app_options, app) < 0)
		r = HEED_E_CONFIG;
	if (added != NULL && added->define != NULL && added->define(added, app) < 0)
		r = HEED_E_CONFIG;
	whole = check_whole(app);
	app_warn_secrets(app);
	return r < 0 ? r : app->problems.n > 0 ? HEED_E_CONFIG : whole;
}

int
app_load_text(struct app *app, const char *path, struct heed_str text,
              struct heed_error *error)
{
	return app_load_added(app, NULL, path, text, error);
}

static int
load_file(struct app *app, const struct kinds *added, const char *path,
          struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	memset(app, 0, sizeof(*app));
	r = read_config(path, &buf, error);
	if (r == 0)
		r = app_load_added(app, added, path, buf_str(&buf), error);
	buf_done(&buf);
	return r;
}

int
app_load(struct app *app, const char *path, struct heed_error *error)
{
	return load_file(app, NULL, path, error);
}

static bool
names_a_place(const struct option *row)
{
	static const char *const names[] = {"name", "store", "admin"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], row->name) == 0)
			return true;
	return false;
}

/* The defaults of all rows, then what the file says for those that name places. */
static int
bind_place(struct app *app)
{
	const struct option *row;
	struct conf_node *node;

	HEED_TRY(bind_record(&app->bind, NULL, app_options, app));
	for (row = app_options; row->kind != OPTION_END; row++) {
		node = (struct conf_node *)conf_get(app->root, row->name);
		if (!names_a_place(row) || node == NULL || node->kind == CONF_NULL)
			continue;
		HEED_TRY(conf_expand(&app->arena, node, &app->problems));
		HEED_TRY(bind_value(&app->bind, node, row, app));
	}
	return 0;
}

int
app_load_place(struct app *app, const char *path, struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	memset(app, 0, sizeof(*app));
	r = read_config(path, &buf, error);
	if (r == 0)
		r = app_parse(app, NULL, path, buf_str(&buf), error);
	buf_done(&buf);
	return r == 0 ? bind_place(app) : r;
}

void
app_done(struct app *app)
{
	struct connection *connections = app->connections.items;
	size_t i;

	for (i = 0; i < app->connections.n; i++)
		connection_close(&connections[i]);
	bind_free_owned(&app->bind);
	mem_free(app->definitions);
	expr_set_free(app->exprs);
	arena_done(&app->arena);
	memset(app, 0, sizeof(*app));
}

struct model *
app_model(const struct app *app, struct heed_str name)
{
	struct model *models = app->models.items;
	size_t i;

	for (i = 0; i < app->models.n; i++)
		if (str_eq(models[i].name, name))
			return &models[i];
	return NULL;
}

/* ---- generations of their own ------------------------------------------------------ */

static void
app_free(struct generation *generation)
{
	struct app *app =
		(struct app *)((char *)generation - offsetof(struct app, generation));

	if (app->retired != NULL)
		app->retired(app, app->retired_arg);
	app_done(app);
	mem_free(app);
}

int
app_open(const struct kinds *added, const char *path, struct app **ret_app,
         struct heed_error *error)
{
	struct app *app = mem_new(sizeof(*app));
	int r;

	if (app == NULL)
		return error_nomem(error);
	r = load_file(app, added, path, error);
	app->generation = (struct generation){.refs = 1, .free = app_free};
	if (r < 0 && r != HEED_E_CONFIG)
		generation_unref(&app->generation);
	else
		*ret_app = app;
	return r;
}

static int
bind_stored(struct app *app, const struct pattern_kind *pattern, struct heed_str name,
            struct heed_str text, struct definition **ret_definition,
            struct heed_error *error)
{
	struct conf_node key = {.kind = CONF_SCALAR,
	                        .file = "stored definition",
	                        .line = 1,
	                        .column = 1,
	                        .text = name,
	                        .raw = name};
	struct conf_node *root = NULL;
	struct heed_json stored;

	HEED_TRY(json_parse(&app->arena, text, &stored, error));
	HEED_TRY(conf_from_json(&app->arena, key.file, stored, &root));
	HEED_TRY(conf_expand(&app->arena, root, &app->problems));
	/* Without a root: what it refers to may be gone, which is found out when used. */
	return pattern->bind(&app->bind, &key, root, ret_definition);
}

int
app_revive(const struct kinds *added, struct heed_str flow, struct heed_str name,
           struct heed_str text, struct definition **ret_definition,
           struct heed_error *error)
{
	const struct pattern_kind *pattern = pattern_find(added, flow);
	struct app *app;
	int r;

	if (pattern == NULL)
		return error_set(error, HEED_E_NEWER,
		                 "this heed has no pattern \"%.*s\", which the run is of",
		                 STR_ARG(flow));
	app = mem_new(sizeof(*app));
	if (app == NULL)
		return error_nomem(error);
	r = app_begin(app, added, "stored definition", error);
	app->generation.free = app_free;
	if (r == 0)
		r = bind_stored(app, pattern, name, text, ret_definition, error);
	if (r < 0 && app->problems.n > 0)
		(void)error_set(error, r,
		                "the definition that the run started with: %.*s",
		                STR_ARG(app->problems.items[0].text));
	if (r < 0)
		generation_unref(&app->generation);
	return r;
}

/* ---- problems ---------------------------------------------------------------------- */

void
app_write_problems(const struct app *app, struct heed_buf *buf)
{
	size_t i;

	for (i = 0; i < app->problems.n; i++) {
		const struct conf_problem *problem = &app->problems.items[i];

		buf_addf(buf, "%s:%d:%d: %.*s",
		         problem->file != NULL ? problem->file : app->path, problem->line,
		         problem->column, STR_ARG(problem->text));
		if (problem->hint.len > 0)
			buf_addf(buf, " (%.*s)", STR_ARG(problem->hint));
		buf_addc(buf, '\n');
	}
}

static void
write_list(const struct app *app, const struct conf_problems *problems,
           struct heed_buf *buf)
{
	size_t i;

	for (i = 0; i < problems->n; i++) {
		const struct conf_problem *problem = &problems->items[i];

		buf_adds(buf, i > 0 ? ",{\"file\":" : "{\"file\":");
		json_write_string(
			buf, str_of(problem->file != NULL ? problem->file : app->path));
		buf_addf(buf, ",\"line\":%d,\"column\":%d,\"text\":", problem->line,
		         problem->column);
		json_write_string(buf, problem->text);
		buf_adds(buf, ",\"hint\":");
		json_write_string(buf, problem->hint);
		buf_addc(buf, '}');
	}
}

void
app_write_report(const struct app *app, struct heed_buf *buf)
{
	buf_addf(buf, "{\"ok\":%s,\"problems\":[",
	         app->problems.n == 0 ? "true" : "false");
	write_list(app, &app->problems, buf);
	buf_adds(buf, "],\"warnings\":[");
	write_list(app, &app->warnings, buf);
	buf_adds(buf, "]}");
}
