/*
 * body.c - see body.h.
 */
#include "action/body.h"

#include "base/str.h"

static int
set_base64(struct json_build *result, const char *name, struct heed_str bytes)
{
	struct heed_str member = arena_printf(result->arena, "%s_base64", name);
	struct heed_str text;
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_add_base64(&buf, bytes.data, bytes.len);
	text = arena_str(result->arena, buf_str(&buf));
	buf_done(&buf);
	if (member.data == NULL || text.data == NULL)
		return HEED_E_NOMEM;
	json_set_cstr(result, name, json_null());
	json_set(result, member, json_str(text));
	return 0;
}

int
body_set(struct json_build *result, const char *name, struct heed_str text,
         enum body_kind kind)
{
	struct heed_json value = json_null();
	struct heed_str copy;
	int r = HEED_E_INVALID;

	if (text.len == 0) {
		json_set_cstr(result, name, value);
		return 0;
	}
	if (kind == BODY_MAYBE_JSON)
		r = json_parse(result->arena, text, &value, NULL);
	if (r == HEED_E_NOMEM)
		return r;
	if (r < 0 && !str_utf8(text))
		return set_base64(result, name, text);
	if (r < 0) {
		copy = arena_str(result->arena, text);
		if (copy.data == NULL)
			return HEED_E_NOMEM;
		value = json_str(copy);
	}
	json_set_cstr(result, name, value);
	return 0;
}
