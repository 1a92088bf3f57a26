/*
 * file_place.c - see file_place.h.
 */
#include "source/file_place.h"

#include "base/error.h"
#include "base/id.h"

#define DIGEST_BYTES 8

static int
read_place(struct arena *arena, struct heed_json item, struct file_place *ret_place)
{
	*ret_place = (struct file_place){
		.name = arena_str(arena, json_get_text(item, "name")),
		.inode = json_get_int(item, "inode", -1),
		.offset = json_get_int(item, "offset", -1),
		.line = json_get_int(item, "line", 0),
		.tail = arena_str(arena, json_get_text(item, "tail")),
		.skipping = json_get_bool(item, "skipping", false),
		.seen_size = -1,
	};
	if (ret_place->name.len == 0 || ret_place->inode < 0 || ret_place->offset < 0)
		return HEED_E_CORRUPT;
	return ret_place->tail.data == NULL ? HEED_E_NOMEM : 0;
}

int
file_places_read(struct arena *arena, struct heed_str text,
                 struct file_places *ret_places, struct heed_error *error)
{
	struct heed_json root;
	const struct heed_json *files;
	uint32_t i;
	int r;

	*ret_places = (struct file_places){NULL, 0};
	if (text.len == 0)
		return 0;
	r = json_parse(arena, text, &root, error);
	if (r == HEED_E_NOMEM)
		return r;
	files = r == 0 ? json_get(root, "files") : NULL;
	if (files == NULL || files->kind != HEED_ARRAY)
		return error_set(error, HEED_E_CORRUPT,
		                 "its position in the store is not readable");
	ret_places->items = ARENA_ARRAY(arena, struct file_place, files->len + 1);
	if (ret_places->items == NULL)
		return error_nomem(error);
	for (i = 0; i < files->len; i++) {
		r = read_place(arena, files->items[i], &ret_places->items[i]);
		if (r < 0)
			return error_set(error, r,
			                 "its position in the store is not readable "
			                 "(file %u)",
			                 i + 1);
	}
	ret_places->n = files->len;
	return 0;
}

static struct heed_json
place_json(struct arena *arena, const struct file_place *place, int *ret_error)
{
	struct json_build build;
	struct heed_json value = json_null();

	json_object(&build, arena);
	json_set_cstr(&build, "name", json_str(place->name));
	json_set_cstr(&build, "inode", json_int(place->inode));
	json_set_cstr(&build, "offset", json_int(place->offset));
	json_set_cstr(&build, "line", json_int(place->line));
	json_set_cstr(&build, "tail", json_str(place->tail));
	if (place->skipping)
		json_set_cstr(&build, "skipping", json_bool(true));
	*ret_error |= json_build_end(&build, &value);
	return value;
}

struct heed_str
file_places_write(struct arena *arena, const struct file_places *places)
{
	struct json_build list;
	struct json_build build;
	struct heed_json root;
	int bad = 0;
	size_t i;

	json_array(&list, arena);
	for (i = 0; i < places->n; i++)
		json_push(&list, place_json(arena, &places->items[i], &bad));
	if (bad != 0 || json_build_end(&list, &root) < 0)
		return (struct heed_str){NULL, 0};
	json_object(&build, arena);
	json_set_cstr(&build, "files", root);
	if (json_build_end(&build, &root) < 0)
		return (struct heed_str){NULL, 0};
	return json_text_of(arena, root);
}

struct heed_str
file_tail(struct arena *arena, struct heed_str before)
{
	unsigned char digest[ID_DIGEST_SIZE];
	struct heed_str text = {"", 0};
	struct heed_buf buf;

	if (before.len == 0)
		return text;
	if (before.len > FILE_TAIL_MAX)
		before = str_from(before, before.len - FILE_TAIL_MAX);
	id_sha256(before, digest);
	buf_init(&buf, 0);
	buf_add_hex(&buf, digest, DIGEST_BYTES);
	text = buf_error(&buf) == 0 ? arena_str(arena, buf_str(&buf))
	                            : (struct heed_str){NULL, 0};
	buf_done(&buf);
	return text;
}

struct file_place *
file_places_by_inode(const struct file_places *places, int64_t inode)
{
	size_t i;

	for (i = 0; i < places->n; i++)
		if (places->items[i].inode == inode)
			return &places->items[i];
	return NULL;
}

struct file_place *
file_places_by_name(const struct file_places *places, struct heed_str name)
{
	size_t i;

	for (i = 0; i < places->n; i++)
		if (str_eq(places->items[i].name, name))
			return &places->items[i];
	return NULL;
}
