/*
 * library_value.c - JSON values for programs: see heed.h.
 */
#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "heed.h"

struct heed_document {
	struct arena arena;
};

const struct heed_json *
heed_get(const struct heed_json *value, const char *pointer)
{
	return value != NULL ? json_pointer(value, str_of(pointer)) : NULL;
}

struct heed_str
heed_text(const struct heed_json *value, const char *pointer)
{
	const struct heed_json *found = heed_get(value, pointer);

	return found != NULL ? json_text(*found) : (struct heed_str){NULL, 0};
}

char *
heed_write(struct heed_json value)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	json_write(&buf, value, JSON_COMPACT);
	return buf_take(&buf);
}

void
heed_free(char *text)
{
	mem_free(text);
}

int
heed_parse(const char *text, struct heed_document **ret_document,
           struct heed_json *ret_value, struct heed_error *error)
{
	struct heed_document *document = mem_new(sizeof(*document));
	int r;

	if (document == NULL)
		return error_nomem(error);
	arena_init(&document->arena, 0);
	r = json_parse(&document->arena, str_of(text), ret_value, error);
	if (r < 0) {
		heed_document_free(document);
		return r;
	}
	*ret_document = document;
	return 0;
}

void
heed_document_free(struct heed_document *document)
{
	if (document == NULL)
		return;
	arena_done(&document->arena);
	mem_free(document);
}
