/*
 * entity.c - pattern 3: event-sourced entities. Their options, what is folded, and the
 * pattern's descriptor.
 */
#include "pattern/entity.h"

#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "pattern/entity_local.h"
#include "pattern/kinds.h"

const char *const entity_command_roots[] = {"event", "command", "state", "version", NULL};
static const char *const event_roots[] = {"event", NULL};
static const char *const fold_roots[] = {"state", "event", NULL};

/* ---- names and schemas ------------------------------------------------------------- */

static int
bind_type(struct bind *bind, const struct conf_node *key, const struct conf_node *node,
          struct entity_type *type)
{
	if (key->kind != CONF_SCALAR || key->text.len == 0)
		return conf_problem(bind->problems, key, NULL, "expected a name");
	type->name = key->text;
	if (node == NULL || node->kind == CONF_NULL)
		return 0;
	return bind_schema(bind, node, &type->schema);
}

int
entity_bind_types(struct bind *bind, const struct conf_node *node, bool names_only,
                  struct entity_types *types)
{
	int worst = 0;
	size_t i;

	if (node->kind != CONF_MAP && !(names_only && node->kind == CONF_LIST))
		return conf_problem(bind->problems, node,
		                    names_only
		                            ? "for example: [place_order]"
		                            : "for example: order_placed: {type: object}",
		                    names_only ? "expected a list of names, or a mapping "
		                                 "of names to JSON Schemas"
		                               : "expected a mapping of names to JSON "
		                                 "Schemas");
	types->items = ARENA_ARRAY(bind->arena, struct entity_type, node->n);
	if (types->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		bool map = node->kind == CONF_MAP;
		int r = bind_type(bind, map ? &node->keys[i] : &node->items[i],
		                  map ? &node->items[i] : NULL, &types->items[i]);

		if (r == HEED_E_NOMEM)
			return r;
		worst = r < 0 ? r : worst;
	}
	types->n = node->n;
	if (node->n == 0)
		return conf_problem(bind->problems, node, NULL, "there is none here");
	return worst;
}

const struct entity_type *
entity_find_type(const struct entity_types *types, struct heed_str name)
{
	size_t i;

	for (i = 0; i < types->n; i++)
		if (str_eq(types->items[i].name, name))
			return &types->items[i];
	return NULL;
}

struct heed_str
entity_type_names(const struct entity_types *types, struct arena *arena)
{
	struct heed_str text;
	struct heed_buf buf;
	size_t i;

	buf_init(&buf, 0);
	for (i = 0; i < types->n; i++)
		buf_addf(&buf, "%s%.*s", i > 0 ? ", " : "",
		         STR_ARG(types->items[i].name));
	text = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return text;
}

/* ---- options ----------------------------------------------------------------------- */

static int
bind_commands(struct bind *bind, const struct conf_node *node, void *field)
{
	return entity_bind_types(bind, node, true, field);
}

/* An expression that sees the event alone. */
static int
bind_event_expr(struct bind *bind, const struct conf_node *node, void *field)
{
	const char *const *outer = bind->roots;
	int r;

	bind->roots = event_roots;
	r = bind_expr(bind, node, field);
	bind->roots = outer;
	return r;
}

static int
bind_rows(struct bind *bind, const struct conf_node *node, struct stream_fold *fold,
          struct fold_row *rows)
{
	const char *const *outer = bind->roots;
	int worst = 0;
	size_t i;

	bind->roots = fold_roots;
	for (i = 0; i < node->n && worst != HEED_E_NOMEM; i++) {
		int r = bind_expr(bind, &node->items[i], &rows[i].apply);

		rows[i].type = node->keys[i].text;
		worst = r < 0 ? r : worst;
	}
	bind->roots = outer;
	fold->rows = rows;
	fold->n = node->n;
	return worst;
}

static int
bind_apply(struct bind *bind, const struct conf_node *node, void *field)
{
	struct fold_row *rows;

	if (node->kind != CONF_MAP)
		return conf_problem(
			bind->problems, node,
			"for example: order_placed: '.state + {status: \"placed\"}'",
			"expected a mapping of event types to expressions");
	rows = ARENA_ARRAY(bind->arena, struct fold_row, node->n);
	return rows == NULL ? HEED_E_NOMEM : bind_rows(bind, node, field, rows);
}

static const char *const mapping_type[] = {"object", NULL};
static const char *const text_type[] = {"string", NULL};
static const char *const names_type[] = {"array", "object", NULL};

const struct option entity_options[] = {
	{.name = "id",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct entity, id),
         .bind = bind_event_expr,
         .names = text_type,
         .help = "which one a command is for: an expression over .event; .event.subject "
                 "when left out"},
	{.name = "commands",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct entity, commands),
         .bind = bind_commands,
         .names = names_type,
         .flags = OPTION_REQUIRED,
         .help = "event types that are commands to it; as a mapping, with a JSON Schema "
                 "that the data of each must fit"},
	{.name = "initial",
         .kind = OPTION_VALUE,
         .offset = offsetof(struct entity, fold.initial),
         .help = "the state before the first event"},
	{.name = "apply",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct entity, fold),
         .bind = bind_apply,
         .names = mapping_type,
         .flags = OPTION_REQUIRED,
         .help = "for each type of event the next state: an expression over .state and "
                 ".event"},
	{.name = "snapshot_every",
         .kind = OPTION_INT,
         .offset = offsetof(struct entity, fold.snapshot_every),
         .fallback = "100",
         .min = 1,
         .max = 1000000,
         .help = "events after which the state is written down, so that folding it need "
                 "not begin at the first"},
	{.name = "key",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct entity, key),
         .bind = bind_event_expr,
         .names = text_type,
         .help = "commands with the same key are decided one after the other: an "
                 "expression over .event; the id when left out"},
	{.name = "concurrency",
         .kind = OPTION_INT,
         .offset = offsetof(struct entity, concurrency),
         .fallback = "1000",
         .min = 1,
         .max = 100000,
         .help = "commands decided at once"},
	{.name = "on_failure",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct entity, on_failure),
         .names = flow_on_failure_names,
         .fallback = "pass",
         .help = FLOW_ON_FAILURE_HELP},
	{.name = "decide",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct entity, decide),
         .rows = entity_decide_options,
         .help = "how commands are decided"},
	OPTION_ROWS_END,
};

/* ---- what the rows cannot say ------------------------------------------------------ */

/* By the text of what is folded a kept state is known to be good. */
static int
hash_fold(struct bind *bind, const struct conf_node *node, struct stream_fold *fold)
{
	const struct conf_node *apply = conf_get(node, "apply");
	unsigned char digest[ID_DIGEST_SIZE];
	struct json_build build;
	struct heed_json value, whole;
	struct heed_buf buf;

	HEED_TRY(conf_json(bind->arena, apply, 0, &value));
	json_object(&build, bind->arena);
	json_set_cstr(&build, "initial", fold->initial);
	json_set_cstr(&build, "apply", value);
	HEED_TRY(json_build_end(&build, &whole));
	buf_init(&buf, 0);
	json_write(&buf, whole, JSON_CANONICAL);
	id_sha256(buf_str(&buf), digest);
	buf_reset(&buf);
	buf_add_hex(&buf, digest, 16);
	fold->hash = arena_str(bind->arena, buf_str(&buf));
	buf_done(&buf);
	return fold->hash.data == NULL ? HEED_E_NOMEM : 0;
}

static bool
is_applied(const struct entity *entity, struct heed_str type)
{
	size_t i;

	for (i = 0; i < entity->fold.n; i++)
		if (str_eq(entity->fold.rows[i].type, type))
			return true;
	return false;
}

static int
check_event(struct bind *bind, const struct conf_node *key, const struct entity *entity)
{
	if (!is_applied(entity, key->text))
		return conf_problem(bind->problems, key,
		                    "add it; with .state when it changes nothing",
		                    "apply: has no expression for the event \"%.*s\"",
		                    STR_ARG(key->text));
	if (entity_find_type(&entity->commands, key->text) != NULL)
		return conf_problem(bind->problems, key,
		                    "a command asks (place_order), an event tells "
		                    "(order_placed)",
		                    "\"%.*s\" is both a command and an event",
		                    STR_ARG(key->text));
	return 0;
}

/* Do commands, events and apply: go together? */
static int
check_names(struct bind *bind, const struct conf_node *key, const struct conf_node *node,
            const struct entity *entity)
{
	const struct conf_node *events = conf_get(conf_get(node, "decide"), "events");
	int worst = 0;
	size_t i;

	if (str_find(entity->name, '/') < entity->name.len)
		worst = conf_problem(bind->problems, key, NULL,
		                     "the name of an entity holds no \"/\"");
	for (i = 0; events != NULL && i < events->n; i++) {
		int r = check_event(bind, &events->keys[i], entity);

		worst = r < 0 ? r : worst;
	}
	return worst;
}

/* The default of `id`, as a node of the file. */
static int
default_id(struct bind *bind, const struct conf_node *key, struct entity *entity)
{
	struct conf_node node = *key;

	if (entity->id != NULL)
		return 0;
	node.text = node.raw = HEED_STR(".event.subject");
	return bind_event_expr(bind, &node, &entity->id);
}

static int
name_commands(struct bind *bind, struct entity *entity)
{
	size_t i;

	entity->command_names =
		ARENA_ARRAY(bind->arena, struct heed_str, entity->commands.n);
	for (i = 0; entity->command_names != NULL && i < entity->commands.n; i++)
		entity->command_names[i] = entity->commands.items[i].name;
	return entity->command_names == NULL ? HEED_E_NOMEM : 0;
}

static const struct flow_kind entity_flow;

static int
bind_entity(struct bind *bind, const struct conf_node *key, const struct conf_node *node,
            struct definition **ret_definition)
{
	struct definition *definition = ARENA_NEW(bind->arena, struct definition);
	struct entity *entity = ARENA_NEW(bind->arena, struct entity);
	const char *const *outer = bind->roots;
	int r;

	if (definition == NULL || entity == NULL)
		return HEED_E_NOMEM;
	entity->name = key->text;
	bind->roots = entity_command_roots;
	r = bind_record(bind, node, entity_options, entity);
	bind->roots = outer;
	HEED_TRY(r);
	HEED_TRY(default_id(bind, key, entity));
	HEED_TRY(check_names(bind, key, node, entity));
	HEED_TRY(hash_fold(bind, node, &entity->fold));
	HEED_TRY(name_commands(bind, entity));
	HEED_TRY(entity_finish_decide(bind, key, node, entity));
	definition->kind = &entity_flow;
	definition->key = entity->key != NULL ? entity->key : entity->id;
	definition->concurrency = entity->concurrency;
	definition->on_failure = entity->on_failure;
	definition->config = entity;
	definition->types = entity->command_names;
	definition->n_types = entity->commands.n;
	HEED_TRY(pattern_identify(bind, key, node, definition));
	*ret_definition = definition;
	return 0;
}

/* ---- as others see it -------------------------------------------------------------- */

const struct stream_fold *
entity_fold(const struct definition *definition)
{
	return &((const struct entity *)definition->config)->fold;
}

const struct heed_str *
entity_commands(const struct definition *definition, size_t *ret_n)
{
	const struct entity *entity = definition->config;

	*ret_n = entity->commands.n;
	return entity->command_names;
}

struct heed_str
entity_stream(struct arena *arena, struct heed_str name, struct heed_str id)
{
	return arena_printf(arena, "%.*s/%.*s", STR_ARG(name), STR_ARG(id));
}

static bool
has_control(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
			return true;
	return false;
}

int
entity_id(const struct definition *definition, struct heed_json event,
          struct arena *arena, struct heed_str *ret_id, struct heed_error *error)
{
	const struct entity *entity = definition->config;
	struct heed_member member = {HEED_STR("event"), event};
	struct heed_json input = {.kind = HEED_OBJECT, .len = 1, .members = &member};
	struct heed_json value;
	struct heed_str id;
	int r = expr_eval(entity->id, input, arena, &value, error);

	if (r == HEED_E_NOMEM)
		return r;
	if (r == HEED_E_NOTFOUND || (r == 0 && value.kind == HEED_NULL)) {
		(void)error_set(error, HEED_E_INVALID,
		                "the command does not say which %.*s it is for",
		                STR_ARG(entity->name));
		error_hint(error, "id: is %.*s", STR_ARG(expr_text(entity->id)));
		return HEED_E_INVALID;
	}
	if (r < 0)
		return error_set(error, HEED_E_INVALID, "id: %s", error->text);
	id = value.kind == HEED_STRING ? arena_str(arena, json_text(value))
	                               : json_text_of(arena, value);
	if (id.data == NULL)
		return HEED_E_NOMEM;
	if (id.len == 0 || id.len > ENTITY_ID_MAX || has_control(id))
		return error_set(error, HEED_E_INVALID,
		                 "the id of an entity has 1 to %d bytes and no control "
		                 "characters",
		                 ENTITY_ID_MAX);
	*ret_id = id;
	return 0;
}

/* Its types say it all. */
static int
wants(const struct definition *definition, const struct event *event,
      struct arena *scratch, bool *ret_wanted, struct heed_error *error)
{
	*ret_wanted = true;
	return 0;
}

static const struct flow_kind entity_flow = {
	.name = ENTITY_FLOW,
	.step = entity_step,
	.wants = wants,
};

const struct pattern_kind pattern_entity = {
	.section = "entities",
	.help = "event-sourced entities whose commands a model decides, by name",
	.rows = entity_options,
	.flow = &entity_flow,
	.bind = bind_entity,
};
