/*
 * emit.c - publish events. They are stored in the run's own commit, with ids that follow
 * from run and step, and can themselves be reacted to.
 */
#include "action/kinds.h"
#include "base/error.h"
#include "base/json.h"
#include "config/bind.h"

#define ATTRIBUTE_MAX 4096
#define EVENTS_MAX 1000 /* of one step */

struct emit {
	struct action action;
	struct heed_str type;
	struct template *subject;
	struct heed_str source;
	struct template *id;
	struct template *key;
	struct shape *extensions;
	struct shape *data;
	struct expr *each;
};

static const struct option options[] = {
	{.name = "type",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct emit, type),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "type of the event"},
	{.name = "subject",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct emit, subject),
         .help = "its subject"},
	{.name = "source",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct emit, source),
         .help = "its source; heed/NAME when left out"},
	{.name = "id",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct emit, id),
         .help = "its id; when left out one that follows from the run and the step. An "
                 "event of the same source and id is published once"},
	{.name = "key",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct emit, key),
         .help = "its extension attribute partitionkey, by which brokers keep order"},
	{.name = "extensions",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct emit, extensions),
         .help = "further attributes: names of a-z and 0-9; texts, whole numbers, true "
                 "or "
                 "false"},
	{.name = "data",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct emit, data),
         .help = "its data, for example \"{id: .event.data.id}\""},
	{.name = "each",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct emit, each),
         .help = "a list: an event for each element, which expressions see as .item; "
                 "1000 "
                 "at most"},
	OPTION_ROWS_END,
};

static const char *const roots[] = {"item", NULL};

static bool
is_name(struct heed_str name)
{
	size_t i;

	for (i = 0; i < name.len; i++)
		if (!((name.data[i] >= 'a' && name.data[i] <= 'z') ||
		      (name.data[i] >= '0' && name.data[i] <= '9')))
			return false;
	return name.len > 0;
}

/* The context attributes have options of their own, or are heed's. */
static bool
is_taken(struct heed_str name)
{
	static const char *const taken[] = {"id",   "source",         "specversion",
	                                    "type", "subject",        "time",
	                                    "data", "datacontenttype"};
	size_t i;

	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (str_is(name, taken[i]))
			return true;
	return false;
}

static int
check(struct action *action, struct heed_error *error)
{
	const struct emit *emit = (const struct emit *)action;
	struct heed_str *names;
	size_t n;
	size_t i;

	if (emit->extensions == NULL ||
	    !shape_members(emit->extensions, action->arena, &names, &n))
		return 0;
	for (i = 0; i < n; i++) {
		if (!is_name(names[i]))
			return error_set(error, HEED_E_CONFIG,
			                 "extensions: names are of a-z and 0-9: \"%.*s\"",
			                 STR_ARG(str_head_utf8(names[i], 40)));
		if (is_taken(names[i]))
			return error_set(error, HEED_E_CONFIG,
			                 "extensions: \"%.*s\" is no extension",
			                 STR_ARG(names[i]));
	}
	return 0;
}

static enum effect_class
effect(const struct action *action)
{
	(void)action;
	return EFFECT_INSTANT;
}

/* A text that is not empty becomes the member `name`. */
static int
set_text(struct json_build *build, const char *name, const struct template *template,
         struct heed_json input, struct heed_error *error)
{
	struct heed_str text;

	if (template == NULL)
		return 0;
	HEED_TRY(template_string(template, input, build->arena, ATTRIBUTE_MAX, &text,
	                         error));
	if (text.len > 0)
		json_set_cstr(build, name, json_str(text));
	return 0;
}

static int
set_extensions(struct json_build *build, const struct emit *emit, struct heed_json input,
               struct heed_error *error)
{
	struct heed_json extensions = {.kind = HEED_OBJECT};
	struct json_build map;
	uint32_t i;

	if (emit->extensions != NULL)
		HEED_TRY(shape_eval(emit->extensions, input, build->arena, &extensions,
		                    error));
	if (extensions.kind != HEED_OBJECT)
		return error_set(error, HEED_E_PERMANENT,
		                 "extensions must be an object, not %s",
		                 json_kind_name(extensions));
	json_object(&map, build->arena);
	for (i = 0; i < extensions.len; i++) {
		if (is_taken(extensions.members[i].name))
			return error_set(error, HEED_E_PERMANENT,
			                 "\"%.*s\" is no extension",
			                 STR_ARG(extensions.members[i].name));
		json_set(&map, extensions.members[i].name, extensions.members[i].value);
	}
	HEED_TRY(set_text(&map, "partitionkey", emit->key, input, error));
	if (json_build_end(&map, &extensions) < 0)
		return error_nomem(error);
	if (extensions.len > 0)
		json_set_cstr(build, "extensions", extensions);
	return 0;
}

/* The parts of one event. */
static int
make_event(const struct emit *emit, struct heed_json input, struct arena *arena,
           struct heed_json *ret_event, struct heed_error *error)
{
	struct json_build build;
	struct heed_json data;

	json_object(&build, arena);
	json_set_cstr(&build, "type", json_str(emit->type));
	if (emit->source.len > 0)
		json_set_cstr(&build, "source", json_str(emit->source));
	HEED_TRY(set_text(&build, "subject", emit->subject, input, error));
	HEED_TRY(set_text(&build, "id", emit->id, input, error));
	if (emit->extensions != NULL || emit->key != NULL)
		HEED_TRY(set_extensions(&build, emit, input, error));
	if (emit->data != NULL) {
		HEED_TRY(shape_eval(emit->data, input, arena, &data, error));
		json_set_cstr(&build, "data", data);
	}
	return json_build_end(&build, ret_event) < 0 ? error_nomem(error) : 0;
}

static int
make_events(const struct emit *emit, struct heed_json input, struct arena *arena,
            struct heed_json *ret_request, struct heed_error *error)
{
	struct heed_json items;
	struct json_build list;
	struct json_build build;
	uint32_t i;

	HEED_TRY(expr_eval(emit->each, input, arena, &items, error));
	if (items.kind != HEED_ARRAY || items.len > EVENTS_MAX)
		return error_set(error, HEED_E_PERMANENT,
		                 "each must give a list of %d at most, not %s of %u",
		                 EVENTS_MAX, json_kind_name(items), items.len);
	json_array(&list, arena);
	for (i = 0; i < items.len; i++) {
		struct heed_json seen;
		struct heed_json event;

		if (json_with(arena, input, "item", items.items[i], &seen) < 0)
			return error_nomem(error);
		HEED_TRY(make_event(emit, seen, arena, &event, error));
		json_push(&list, event);
	}
	if (json_build_end(&list, &items) < 0)
		return error_nomem(error);
	json_object(&build, arena);
	json_set_cstr(&build, "events", items);
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

static int
prepare(const struct action *action, struct heed_json input, struct arena *arena,
        struct heed_json *ret_request, struct heed_error *error)
{
	const struct emit *emit = (const struct emit *)action;

	return emit->each != NULL ? make_events(emit, input, arena, ret_request, error)
	                          : make_event(emit, input, arena, ret_request, error);
}

const struct action_kind action_emit = {
	.name = "emit",
	.help = "publish events; they are stored with the run and can be reacted to",
	.options = options,
	.size = sizeof(struct emit),
	.roots = roots,
	.roots_option = "each",
	.check = check,
	.effect = effect,
	.prepare = prepare,
};
