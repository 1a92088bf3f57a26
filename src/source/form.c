/*
 * form.c - see form.h.
 */
#include "source/form.h"

#include "base/error.h"
#include "base/str.h"

/* One name or value, decoded onto the arena with the help of `buf`. */
static int
decode(struct arena *arena, struct heed_buf *buf, struct heed_str text,
       struct heed_str *ret_text, struct heed_error *error)
{
	int r;

	buf_reset(buf);
	r = url_decode(buf, text, 1);
	if (r == HEED_E_INVALID || (r == 0 && !str_utf8(buf_str(buf))))
		return error_set(error, HEED_E_INVALID,
		                 "\"%.*s\" is not percent-encoded UTF-8",
		                 STR_ARG(str_head_utf8(text, 64)));
	*ret_text = arena_str(arena, buf_str(buf));
	return r < 0 || ret_text->data == NULL ? error_nomem(error) : 0;
}

static int
read_field(struct arena *arena, struct heed_buf *buf, struct heed_str field,
           const char *secret, struct json_build *build, struct heed_error *error)
{
	struct heed_str name = {NULL, 0};
	struct heed_str value = {NULL, 0};

	HEED_TRY(decode(arena, buf, str_cut(&field, '='), &name, error));
	if (name.len == 0 || (secret != NULL && str_is(name, secret)))
		return 0;
	HEED_TRY(decode(arena, buf, field, &value, error));
	json_set(build, name, json_str(value));
	return 0;
}

int
form_read(struct arena *arena, struct heed_str text, const char *secret,
          struct heed_json *ret_object, struct heed_error *error)
{
	struct json_build build;
	struct heed_buf buf;
	int n = 0;
	int r = 0;

	json_object(&build, arena);
	buf_init(&buf, text.len + 1);
	while (text.len > 0 && r == 0) {
		if (++n > FORM_FIELDS_MAX)
			r = error_set(error, HEED_E_LIMIT,
			              "there are more than %d fields", FORM_FIELDS_MAX);
		else
			r = read_field(arena, &buf, str_cut(&text, '&'), secret, &build,
			               error);
	}
	buf_done(&buf);
	if (r < 0)
		return r;
	return json_build_end(&build, ret_object) < 0 ? error_nomem(error) : 0;
}
