/*
 * expr_jv.c - values to libjq and back, in the worker: straight from one tree to the
 * other, without text.
 */
#include "base/expr_jv.h"

#include "base/expr_impl.h"
#include "base/json.h"

static jv
from_object(struct heed_json value)
{
	jv object = jv_object();

	for (uint32_t i = 0; i < value.len; i++) {
		struct heed_str name = value.members[i].name;

		object = jv_object_set(
			object,
			jv_string_sized(name.len > 0 ? name.data : "", (int)name.len),
			jv_from_json(value.members[i].value));
	}
	return object;
}

jv
jv_from_json(struct heed_json value)
{
	jv array;

	switch (value.kind) {
	case HEED_NULL:
		return jv_null();
	case HEED_BOOL:
		return jv_bool(value.boolean);
	case HEED_STRING:
		return jv_string_sized(value.len > 0 ? value.text : "", (int)value.len);
	case HEED_OBJECT:
		return from_object(value);
	case HEED_ARRAY:
		array = jv_array_sized((int)(value.len > 0 ? value.len : 1));
		for (uint32_t i = 0; i < value.len; i++)
			array = jv_array_append(array, jv_from_json(value.items[i]));
		return array;
	default:
		return jv_number(json_number(value));
	}
}

/* ---- back -------------------------------------------------------------------------- */

static int
take(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value);

static int
take_string(jv value, struct arena *arena, struct heed_str *ret_text)
{
	*ret_text = arena_str(
		arena, (struct heed_str){jv_string_value(value),
	                                 (size_t)jv_string_length_bytes(jv_copy(value))});
	return ret_text->data != NULL ? 0 : HEED_E_NOMEM;
}

static int
take_array(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value)
{
	int n = jv_array_length(jv_copy(value));
	struct heed_json *items = ARENA_ARRAY(arena, struct heed_json, (size_t)n + 1);

	if (items == NULL)
		return HEED_E_NOMEM;
	for (int i = 0; i < n; i++) {
		jv item = jv_array_get(jv_copy(value), i);
		int r = take(item, arena, depth + 1, &items[i]);

		jv_free(item);
		HEED_TRY(r);
	}
	*ret_value = (struct heed_json){
		.kind = HEED_ARRAY, .len = (uint32_t)n, .items = items};
	return 0;
}

static int
take_object(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value)
{
	int n = jv_object_length(jv_copy(value));
	struct heed_member *members =
		ARENA_ARRAY(arena, struct heed_member, (size_t)n + 1);
	uint32_t len = 0;

	if (members == NULL)
		return HEED_E_NOMEM;
	for (int i = jv_object_iter(value); jv_object_iter_valid(value, i);
	     i = jv_object_iter_next(value, i)) {
		jv name = jv_object_iter_key(value, i);
		jv member = jv_object_iter_value(value, i);
		int r = take_string(name, arena, &members[len].name);

		if (r == 0)
			r = take(member, arena, depth + 1, &members[len].value);
		jv_free(name);
		jv_free(member);
		HEED_TRY(r);
		len++;
	}
	*ret_value =
		(struct heed_json){.kind = HEED_OBJECT, .len = len, .members = members};
	return 0;
}

static int
take(jv value, struct arena *arena, unsigned depth, struct heed_json *ret_value)
{
	struct heed_str text;

	if (depth > JSON_DEPTH_MAX)
		return HEED_E_LIMIT;
	switch (jv_get_kind(value)) {
	case JV_KIND_TRUE:
	case JV_KIND_FALSE:
		*ret_value = json_bool(jv_get_kind(value) == JV_KIND_TRUE);
		return 0;
	case JV_KIND_NUMBER:
		*ret_value = expr_real(jv_number_value(value));
		return 0;
	case JV_KIND_STRING:
		HEED_TRY(take_string(value, arena, &text));
		*ret_value = json_str(text);
		return 0;
	case JV_KIND_ARRAY:
		return take_array(value, arena, depth, ret_value);
	case JV_KIND_OBJECT:
		return take_object(value, arena, depth, ret_value);
	default:
		*ret_value = json_null();
		return 0;
	}
}

int
jv_to_json(jv value, struct arena *arena, struct heed_json *ret_value)
{
	return take(value, arena, 0, ret_value);
}
