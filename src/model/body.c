/*
 * body.c - putting requests together: addresses, names, `extra`, headers.
 */
#include "model/codec.h"

#include <assert.h>

struct heed_str
codec_endpoint(const struct model *model)
{
	struct heed_str base = model->endpoint;

	if (base.len == 0)
		base = str_of(model_kinds[model->provider]->endpoint);
	while (base.len > 0 && base.data[base.len - 1] == '/')
		base.len--;
	return base;
}

struct heed_str
codec_url(const struct model *model, struct arena *arena, const char *path)
{
	return arena_printf(arena, "%.*s%s", STR_ARG(codec_endpoint(model)), path);
}

struct heed_str
codec_name(struct arena *arena, struct heed_str name)
{
	struct heed_str copy;
	char *place;

	if (name.len == 0)
		return HEED_STR("answer");
	copy = arena_str(arena, str_head(name, 64));
	place = (char *)copy.data;
	for (size_t i = 0; i < copy.len; i++) {
		char c = place[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '_' || c == '-';

		if (!fine)
			place[i] = '_';
	}
	return copy;
}

/* Nesting is bounded by the reader of the configuration (JSON_DEPTH_MAX). */
int
codec_merge(struct arena *arena, struct heed_json target, struct heed_json patch,
            struct heed_json *ret_value)
{
	struct json_build build;

	if (patch.kind != HEED_OBJECT)
		return *ret_value = patch, 0;
	json_object(&build, arena);
	for (uint32_t i = 0; target.kind == HEED_OBJECT && i < target.len; i++)
		if (json_find(patch, target.members[i].name) == NULL)
			json_set(&build, target.members[i].name, target.members[i].value);
	for (uint32_t i = 0; i < patch.len; i++) {
		const struct heed_member *member = &patch.members[i];
		const struct heed_json *have = json_find(target, member->name);
		struct heed_json merged;

		if (member->value.kind == HEED_NULL)
			continue;
		HEED_TRY(codec_merge(arena, have != NULL ? *have : json_null(),
		                     member->value, &merged));
		json_set(&build, member->name, merged);
	}
	return json_build_end(&build, ret_value);
}

void
codec_header(struct model_request *request, const char *name, struct heed_str value)
{
	assert(request->n_headers <
	       sizeof(request->headers) / sizeof(request->headers[0]));
	request->headers[request->n_headers++] =
		(struct http_header){.name = str_of(name), .value = value};
}

int
codec_finish(const struct model *model, struct json_build *body, struct heed_str url,
             struct arena *arena, struct model_request *ret_request)
{
	struct heed_json value;

	HEED_TRY(json_build_end(body, &value));
	if (model->extra.kind == HEED_OBJECT)
		HEED_TRY(codec_merge(arena, value, model->extra, &value));
	ret_request->body = json_text_of(arena, value);
	ret_request->url = url;
	if (ret_request->body.data == NULL || url.data == NULL)
		return HEED_E_NOMEM;
	codec_header(ret_request, "Content-Type", HEED_STR("application/json"));
	return 0;
}
