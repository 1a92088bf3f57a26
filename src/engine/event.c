/*
 * event.c - see event.h.
 *
 * Attributes that are null count as absent and are left out of the normalised form, so
 * that
 * `.event.subject` is null for both. `data` may be null. Nothing here is slower than the
 * text is long: events come from strangers.
 */
#include "engine/event.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"

#define EVENT_MEMBERS_MAX 256 /* attributes of one event */

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

/* The bytes of the UTF-8 sequence that starts with `first`, in text that is valid. */
static size_t
sequence_len(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Control characters and noncharacters, of which CloudEvents strings hold none. */
static bool
is_forbidden(const unsigned char *at, size_t len)
{
	uint32_t point = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
	size_t i;

	for (i = 1; i < len; i++)
		point = point << 6 | (at[i] & 0x3f);
	return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
	       (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
}

static bool
is_clean(struct heed_str text)
{
	size_t i = 0;

	while (i < text.len) {
		const unsigned char *at = (const unsigned char *)text.data + i;
		size_t len = sequence_len(*at);

		if (len > text.len - i || is_forbidden(at, len))
			return false;
		i += len;
	}
	return true;
}

static int
wrong(struct heed_error *error, const char *name, const char *what)
{
	return error_set(error, HEED_E_INVALID, "CloudEvents attribute \"%s\" %s", name,
	                 what);
}

/* A text attribute; null counts as absent. */
static int
take_text(struct heed_json root, const char *name, bool required,
          struct heed_str *ret_text, struct heed_error *error)
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

/* The characters of RFC 9110's token that come first in media types. */
static bool
is_token(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c <= 0x20 || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c) != NULL)
			return false;
	}
	return text.len > 0;
}

static bool
is_media_type(struct heed_str text)
{
	struct heed_str type = str_head(text, str_find(text, ';'));
	struct heed_str main_type = str_cut(&type, '/');

	return is_token(main_type) && is_token(str_trim(type));
}

/* Characters that no URI-reference holds unescaped (RFC 3986; others than ASCII are let
 * through, as in an IRI). */
static bool
is_reference(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.data[i] == ' ' || strchr("\"<>\\^`{|}", text.data[i]) != NULL)
			return false;
	return true;
}

static bool
is_absolute(struct heed_str text)
{
	size_t colon = str_find(text, ':');
	size_t i;

	for (i = 0; i < colon; i++) {
		char c = text.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (i == 0 || strchr("0123456789+-.", c) == NULL))
			return false;
	}
	return colon > 0 && colon + 1 < text.len;
}

static const char *const own[] = {
	"id",   "source",          "specversion", "type", "subject",
	"time", "datacontenttype", "dataschema",  "data", "data_base64"};

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
		return error_set(
			error, HEED_E_INVALID,
			"CloudEvents attribute names are of a-z and 0-9: \"%.*s\"",
			STR_ARG(str_head(member->name, 64)));
	if (value->kind == HEED_NULL || value->kind == HEED_BOOL)
		return 0;
	if (value->kind == HEED_STRING && is_clean(json_text(*value)))
		return 0;
	if (value->kind == HEED_INT && value->i64 >= INT32_MIN && value->i64 <= INT32_MAX)
		return 0;
	return error_set(
		error, HEED_E_INVALID,
		"CloudEvents attribute \"%.*s\" must be a string, a boolean or a 32-bit "
		"integer",
		STR_ARG(str_head(member->name, 64)));
}

static bool
is_given(const struct heed_json *value)
{
	return value != NULL && value->kind != HEED_NULL;
}

static int
check_base64(const struct heed_json *value, struct heed_error *error)
{
	struct heed_buf buf;
	int r = HEED_E_INVALID;

	buf_init(&buf, 0);
	if (value->kind == HEED_STRING)
		r = base64_decode(&buf, json_text(*value));
	buf_done(&buf);
	if (r == HEED_E_INVALID)
		return wrong(error, "data_base64", "must be a string of base64");
	return r < 0 ? error_set(error, r, "%s", heed_code_text(r)) : 0;
}

static int
check_data(struct heed_json root, struct heed_error *error)
{
	const struct heed_json *base64 = json_get(root, "data_base64");

	if (!is_given(base64))
		return 0;
	if (json_get(root, "data") != NULL)
		return error_set(error, HEED_E_INVALID,
		                 "a CloudEvent has data or data_base64, not both");
	return check_base64(base64, error);
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
		return wrong(error, "datacontenttype",
		             "must be a media type such as "
		             "application/json");
	HEED_TRY(take_text(root, "dataschema", false, &text, error));
	if (text.len > 0 && !(is_absolute(text) && is_reference(text)))
		return wrong(error, "dataschema", "must be an absolute URI");
	HEED_TRY(take_text(root, "source", true, &text, error));
	if (!is_reference(text))
		return wrong(error, "source",
		             "must be a URI reference (escape spaces as %20)");
	HEED_TRY(check_data(root, error));
	for (i = 0; i < root.len; i++)
		if (!is_own(root.members[i].name))
			HEED_TRY(check_extension(&root.members[i], error));
	return 0;
}

/* Is the member to be left out of the normalised form? */
static bool
is_absent(const struct heed_member *member)
{
	return member->value.kind == HEED_NULL && !str_is(member->name, "data");
}

/* `root` without absent attributes and with `time` when it had none. */
static int
normalise(struct arena *arena, struct heed_json *root, bool has_time, int64_t now_us)
{
	struct heed_member *members =
		ARENA_ARRAY(arena, struct heed_member, root->len + 1);
	char place[CLOCK_TEXT_SIZE];
	uint32_t n = 0;
	uint32_t i;

	if (members == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < root->len; i++)
		if (!is_absent(&root->members[i]))
			members[n++] = root->members[i];
	if (!has_time) {
		struct heed_str text = arena_str(arena, clock_text(place, now_us));

		if (text.data == NULL)
			return HEED_E_NOMEM;
		members[n++] = (struct heed_member){HEED_STR("time"), json_str(text)};
	}
	root->members = members;
	root->len = n;
	return 0;
}

/* 00-32 hex-16 hex-2 hex, where neither id is all zero. */
static void
set_absent(struct json_build *build, struct heed_json object, const char *name,
           struct heed_str value)
{
	if (value.len > 0 && json_get(object, name) == NULL)
		json_set_cstr(build, name, json_str(value));
}

int
event_complete(struct arena *arena, struct heed_json given,
               const struct event_parts *defaults, int64_t now_us,
               struct event *ret_event, struct heed_error *error)
{
	struct heed_str id = defaults->id;
	struct json_build build;
	struct heed_json whole;
	char place[ID_UUID_SIZE];
	uint32_t i;

	if (given.kind != HEED_OBJECT)
		return event_from_json(arena, given, now_us, ret_event, error);
	if (id.len == 0)
		id = arena_str(arena, id_uuid7(place, now_us));
	json_object(&build, arena);
	set_absent(&build, given, "specversion", HEED_STR("1.0"));
	set_absent(&build, given, "id", id);
	set_absent(&build, given, "source", defaults->source);
	set_absent(&build, given, "subject", defaults->subject);
	for (i = 0; i < given.len; i++)
		json_set(&build, given.members[i].name, given.members[i].value);
	if (id.data == NULL || json_build_end(&build, &whole) < 0)
		return error_nomem(error);
	return event_from_json(arena, whole, now_us, ret_event, error);
}

int
event_list_from_json(struct arena *arena, struct heed_json value,
                     const struct event_parts *defaults, int64_t now_us,
                     struct event **ret_events, size_t *ret_n, struct heed_error *error)
{
	bool is_list = value.kind == HEED_ARRAY;
	const struct heed_json *items = is_list ? value.items : &value;
	size_t n = is_list ? value.len : 1;
	struct event *events = ARENA_ARRAY(arena, struct event, n > 0 ? n : 1);
	size_t i;
	int r;

	if (events == NULL)
		return error_nomem(error);
	for (i = 0; i < n; i++) {
		r = defaults != NULL
		            ? event_complete(arena, items[i], defaults, now_us,
		                             &events[i], error)
		            : event_from_json(arena, items[i], now_us, &events[i], error);
		if (r < 0) {
			error_prefix(error, "event %zu", i + 1);
			return r;
		}
	}
	*ret_events = events;
	*ret_n = n;
	return 0;
}

bool
event_type_matches(struct heed_str pattern, struct heed_str type)
{
	if (str_ends(pattern, "*"))
		return str_eq(str_head(type, pattern.len - 1),
		              str_head(pattern, pattern.len - 1));
	return str_eq(pattern, type);
}

bool
event_is_trace(struct heed_str text)
{
	size_t i;

	if (text.len != 55 || text.data[2] != '-' || text.data[35] != '-' ||
	    text.data[52] != '-')
		return false;
	for (i = 0; i < text.len; i++)
		if (i != 2 && i != 35 && i != 52 &&
		    (hex_value(text.data[i]) < 0 ||
		     (text.data[i] >= 'A' && text.data[i] <= 'F')))
			return false;
	return !str_is(str_head(text, 2), "ff") &&
	       !str_is(str_head(str_from(text, 3), 32),
	               "00000000000000000000000000000000") &&
	       !str_is(str_head(str_from(text, 36), 16), "0000000000000000");
}

int
event_from_json(struct arena *arena, struct heed_json root, int64_t now_us,
                struct event *ret_event, struct heed_error *error)
{
	struct event event = {.time_us = now_us};
	struct heed_str time;

	if (root.kind != HEED_OBJECT)
		return error_set(error, HEED_E_INVALID,
		                 "a CloudEvent is a JSON object, not %s",
		                 json_kind_name(root));
	if (root.len > EVENT_MEMBERS_MAX)
		return error_set(error, HEED_E_INVALID,
		                 "a CloudEvent has at most %d attributes, not %u",
		                 EVENT_MEMBERS_MAX, root.len);
	HEED_TRY(take_text(root, "id", true, &event.id, error));
	HEED_TRY(take_text(root, "source", true, &event.source, error));
	HEED_TRY(take_text(root, "type", true, &event.type, error));
	HEED_TRY(take_text(root, "subject", false, &event.subject, error));
	HEED_TRY(take_text(root, "time", false, &time, error));
	HEED_TRY(take_text(root, "traceparent", false, &event.trace, error));
	if (time.len > 0 && clock_parse(time, &event.time_us) < 0)
		return wrong(error, "time",
		             "must be an RFC 3339 time such as "
		             "2026-11-24T09:30:00Z");
	HEED_TRY(check_rest(root, error));
	if (!event_is_trace(event.trace))
		event.trace = (struct heed_str){"", 0};
	if (normalise(arena, &root, time.len > 0, now_us) < 0)
		return error_nomem(error);
	event.root = root;
	event.json = json_text_of(arena, root);
	if (event.json.data == NULL)
		return error_nomem(error);
	*ret_event = event;
	return 0;
}

int
event_copy(struct arena *arena, const struct event *event, struct event *ret_copy)
{
	struct event copy = *event;

	copy.id = arena_str(arena, event->id);
	copy.source = arena_str(arena, event->source);
	copy.type = arena_str(arena, event->type);
	copy.subject = arena_str(arena, event->subject);
	copy.json = arena_str(arena, event->json);
	copy.trace = arena_str(arena, event->trace);
	if (copy.id.data == NULL || copy.source.data == NULL || copy.type.data == NULL ||
	    copy.subject.data == NULL || copy.json.data == NULL ||
	    copy.trace.data == NULL || json_copy(arena, event->root, &copy.root) < 0)
		return HEED_E_NOMEM;
	*ret_copy = copy;
	return 0;
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
	              json_str(parts->id.len > 0
	                               ? parts->id
	                               : arena_str(arena, id_uuid7(uuid, now_us))));
	json_set_text(&build, "source", parts->source);
	json_set_text(&build, "type", parts->type);
	json_set_text(&build, "subject", parts->subject);
	json_set_cstr(&build, "time",
	              json_str(arena_str(arena, clock_text(place, time_us))));
	json_set_text(&build, "traceparent", parts->trace);
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
