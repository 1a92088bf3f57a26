/*
 * schema_file.c - see schema_file.h.
 */
#include "cli/schema_file.h"

#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "config/conf.h"

#define FILE_MAX (256u << 20)

static int
parse_yaml(struct arena *arena, const char *path, struct heed_str text,
           struct heed_json *ret_value, struct heed_error *error)
{
	struct conf_problems problems;
	struct conf_node *root = NULL;
	int r;

	conf_problems_init(&problems, arena);
	r = conf_parse(arena, path, text, &problems, &root);
	if (r == 0)
		r = conf_json(arena, root, 1, ret_value);
	if (r == HEED_E_CONFIG && problems.n > 0) {
		const struct conf_problem *first = &problems.items[0];

		(void)error_set(error, HEED_E_INVALID, "%.*s", STR_ARG(first->text));
		error_where(error, "%s:%d:%d", path, first->line, first->column);
		return HEED_E_INVALID;
	}
	return r == 0 ? 0 : error_nomem(error);
}

static int
parse(struct arena *arena, const char *path, struct heed_str text,
      struct heed_json *ret_value, struct heed_error *error)
{
	struct heed_error inner = {0};
	int r;

	if (str_ends(str_of(path), ".yaml") || str_ends(str_of(path), ".yml"))
		return parse_yaml(arena, path, text, ret_value, error);
	r = json_parse(arena, text, ret_value, &inner);
	if (r < 0) {
		(void)error_set(error, r, "%s", inner.text);
		error_where(error, "%s:%s", path, inner.where);
	}
	return r;
}

int
schema_file_read(struct arena *arena, const char *name, struct heed_json *ret_value,
                 struct heed_error *error)
{
	struct heed_str rest = str_of(name);
	bool part = str_find(rest, '#') < rest.len;
	const char *path = arena_cstr(arena, str_cut(&rest, '#'));
	const struct heed_json *found;
	struct heed_json whole;
	struct heed_buf buf;
	int r;

	if (path == NULL)
		return error_nomem(error);
	buf_init(&buf, FILE_MAX);
	r = file_read(path, &buf, error);
	if (r == 0)
		r = parse(arena, path, buf_str(&buf), &whole, error);
	buf_done(&buf);
	HEED_TRY(r);
	found = json_pointer(&whole, part ? rest : HEED_STR(""));
	if (found == NULL)
		return error_set(error, HEED_E_NOTFOUND, "there is no %.*s in %s",
		                 STR_ARG(rest), path);
	*ret_value = *found;
	return 0;
}

/* ---- further documents ------------------------------------------------------------- */

static int
add_document(struct arena *arena, struct schema_library *library, struct heed_str uri,
             const char *path, struct heed_error *error)
{
	struct heed_json document = json_null();

	HEED_TRY(schema_file_read(arena, path, &document, error));
	if (uri.len == 0)
		uri = json_get_text(document, "$id");
	if (uri.len == 0)
		return error_set(error, HEED_E_INVALID,
		                 "%s has no $id: say --with URI=%s", path, path);
	return schema_library_add(library, uri, document, error);
}

static int
add_folder(struct arena *arena, struct schema_library *library, struct heed_str base,
           char *folder, struct heed_error *error)
{
	char *const folders[] = {folder, NULL};
	/* No order is wanted. */
	/* cppcheck-suppress nullPointer */
	FTS *walk = fts_open(folders, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t skip = strlen(folder);
	const FTSENT *at;
	int r = 0;

	if (walk == NULL)
		return error_set(error, HEED_E_IO, "cannot read %s", folder);
	while (r == 0 && (at = fts_read(walk)) != NULL) {
		struct heed_str path = str_of(at->fts_path);
		struct heed_str uri = {NULL, 0};

		if (at->fts_info != FTS_F || !str_ends(path, ".json"))
			continue;
		if (base.len > 0)
			uri = arena_printf(arena, "%.*s%s%s", STR_ARG(base),
			                   str_ends(base, "/") ? "" : "/",
			                   at->fts_path + skip + 1);
		r = add_document(arena, library, uri, at->fts_path, error);
	}
	(void)fts_close(walk);
	return r;
}

int
schema_file_add(struct arena *arena, struct schema_library *library, const char *with,
                struct heed_error *error)
{
	struct heed_str path = str_of(with), uri = {NULL, 0};
	struct stat info;
	char *name;

	if (str_find(path, '=') < path.len)
		uri = str_cut(&path, '=');
	while (path.len > 1 && str_ends(path, "/"))
		path.len--;
	name = arena_cstr(arena, path);
	if (name == NULL)
		return error_nomem(error);
	if (stat(name, &info) == 0 && S_ISDIR(info.st_mode))
		return add_folder(arena, library, uri, name, error);
	return add_document(arena, library, uri, name, error);
}
