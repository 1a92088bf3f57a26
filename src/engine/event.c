/*
 * event.c - see event.h.
 */
#include "engine/event.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"

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

/* CloudEvents strings hold no control characters. */
static bool
is_clean(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < text.len &&
					      (unsigned char)text.data[i + 1] < 0xa0))
			return false;
	}
	return true;
}

static int
wrong(struct heed_error *error, const char *name, const char *what)
{
	return error_set(error, HEED_E_INVALID, "CloudEvents attribute \"%s\" %s", name, what);
}

/* A text attribute; null counts as absent. */
static int
take_text(struct heed_json root, const char *name, bool required, struct heed_str *ret_text,
	  struct heed_error *error)
{
	const struct heed_json *value = json_get(root, name);

	*ret_text = (struct heed_str){"", 0};
	if (value == NULL || value->kind == HEED_NULL)
		return required ? wrong(error, name, "is missing") : 0;
	if (value->kind != HEED_STRING)
		return wrong(error, name, "must be a string");
	if (value->len == 0)
		return wrong(error, name, "must not be empty");
	if (!is_clean(json_text(*value)))
		return wrong(error, name, "must not hold control characters");
	*ret_text = json_text(*value);
	return 0;
}

static bool
is_media_type(struct heed_str text)
{
	struct heed_str type = str_head(text, str_find(text, '/'));
	struct heed_str rest = str_from(text, type.len + 1);

	return type.len > 0 && type.len < text.len && str_find(type, ' ') == type.len &&
	       rest.len > 0 && rest.data[0] != ';';
}

static const char *const own[] = {"id", "source", "specversion", "type", "subject", "time",
				  "datacontenttype", "dataschema", "data", "data_base64"};

static bool
is_own(struct heed_str name)
{
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (str_is(name, own[i]))
			return true;
	return false;
}

static int
check_extension(const struct heed_member *member, struct heed_error *error)
{
	const struct heed_json *value = &member->value;

	if (!is_name(member->name))
		return error_set(error, HEED_E_INVALID,
				 "CloudEvents attribute names are of a-z and 0-9: \"%.*s\"",
				 STR_ARG(str_head(member->name, 64)));
	if (value->kind == HEED_NULL || value->kind == HEED_BOOL)
		return 0;
	if (value->kind == HEED_STRING && is_clean(json_text(*value)))
		return 0;
	if (value->kind == HEED_INT && value->i64 >= INT32_MIN && value->i64 <= INT32_MAX)
		return 0;
	return error_set(error, HEED_E_INVALID,
			 "CloudEvents attribute \"%.*s\" must be a string, a boolean or a 32-bit "
			 "integer", STR_ARG(str_head(member->name, 64)));
}

/* The attributes that have rules of their own. */
static int
check_rest(struct heed_json root, struct heed_error *error)
{
	struct heed_str text;
	uint32_t i;

	HEED_TRY(take_text(root, "specversion", true, &text, error));
	if (!str_is(text, "1.0"))
		return wrong(error, "specversion", "must be \"1.0\"");
	HEED_TRY(take_text(root, "datacontenttype", false, &text, error));
	if (text.len > 0 && !is_media_type(text))
		return wrong(error, "datacontenttype", "must be a media type such as "
						       "application/json");
	HEED_TRY(take_text(root, "dataschema", false, &text, error));
	if (json_get(root, "data") != NULL && json_get(root, "data_base64") != NULL)
		return error_set(error, HEED_E_INVALID,
				 "a CloudEvent has data or data_base64, not both");
	for (i = 0; i < root.len; i++)
		if (!is_own(root.members[i].name))
			HEED_TRY(check_extension(&root.members[i], error));
	return 0;
}

/* `root` with `time` added. */
static int
add_time(struct arena *arena, struct heed_json *root, int64_t now_us)
{
	char place[CLOCK_TEXT_SIZE];
	struct heed_str text = arena_str(arena, clock_text(place, now_us));
	struct json_build build;
	uint32_t i;

	json_object(&build, arena);
	for (i = 0; i < root->len; i++)
		json_set(&build, root->members[i].name, root->members[i].value);
	json_set_cstr(&build, "time", json_str(text));
	return text.data == NULL ? HEED_E_NOMEM : json_build_end(&build, root);
}

int
event_from_json(struct arena *arena, struct heed_json root, int64_t now_us,
		struct event *ret_event, struct heed_error *error)
{
	struct event event = {.time_us = now_us};
	struct heed_str time;

	if (root.kind != HEED_OBJECT)
		return error_set(error, HEED_E_INVALID, "a CloudEvent is a JSON object, not %s",
				 json_kind_name(root));
	HEED_TRY(take_text(root, "id", true, &event.id, error));
	HEED_TRY(take_text(root, "source", true, &event.source, error));
	HEED_TRY(take_text(root, "type", true, &event.type, error));
	HEED_TRY(take_text(root, "subject", false, &event.subject, error));
	HEED_TRY(take_text(root, "time", false, &time, error));
	HEED_TRY(take_text(root, "traceparent", false, &event.trace, error));
	if (time.len > 0 && clock_parse(time, &event.time_us) < 0)
		return wrong(error, "time", "must be an RFC 3339 time such as "
					    "2026-11-24T09:30:00Z");
	HEED_TRY(check_rest(root, error));
	if (time.len == 0 && add_time(arena, &root, now_us) < 0)
		return error_nomem(error);
	event.root = root;
	event.json = json_text_of(arena, root);
	if (event.json.data == NULL)
		return error_nomem(error);
	*ret_event = event;
	return 0;
}

static void
set_text(struct json_build *build, const char *name, struct heed_str text)
{
	if (text.len > 0)
		json_set_cstr(build, name, json_str(text));
}

int
event_from_parts(struct arena *arena, const struct event_parts *parts, int64_t now_us,
		 struct event *ret_event, struct heed_error *error)
{
	char uuid[ID_UUID_SIZE];
	char place[CLOCK_TEXT_SIZE];
	int64_t time_us = parts->time_us != 0 ? parts->time_us : now_us;
	struct json_build build;
	struct heed_json root;
	size_t i;

	json_object(&build, arena);
	json_set_cstr(&build, "specversion", json_cstr("1.0"));
	json_set_cstr(&build, "id",
		      json_str(parts->id.len > 0 ? parts->id
						 : arena_str(arena, id_uuid7(uuid, now_us))));
	set_text(&build, "source", parts->source);
	set_text(&build, "type", parts->type);
	set_text(&build, "subject", parts->subject);
	json_set_cstr(&build, "time", json_str(arena_str(arena, clock_text(place, time_us))));
	set_text(&build, "traceparent", parts->trace);
	for (i = 0; i < parts->n_extensions; i++)
		json_set(&build, parts->extensions[i].name, parts->extensions[i].value);
	if (parts->has_data) {
		json_set_cstr(&build, "datacontenttype", json_cstr("application/json"));
		json_set_cstr(&build, "data", parts->data);
	}
	if (json_build_end(&build, &root) < 0)
		return error_nomem(error);
	return event_from_json(arena, root, now_us, ret_event, error);
}
