/*
 * file.c - see file.h.
 */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define PIECE 16384

static int
cannot(const char *doing, const char *path, struct heed_error *error)
{
	int code = errno == ENOENT ? HEED_E_NOTFOUND : HEED_E_IO;

	return error_set(error, code, "cannot %s %s: %s", doing, path, strerror(errno));
}

static int
read_stream(FILE *file, const char *path, struct heed_buf *buf, struct heed_error *error)
{
	size_t got = 1;

	while (got > 0 && buf_error(buf) == 0) {
		char *to = buf_reserve(buf, PIECE);

		got = to != NULL ? fread(to, 1, PIECE, file) : 0;
		buf_commit(buf, got);
	}
	if (ferror(file))
		return cannot("read", path, error);
	if (buf_error(buf) == HEED_E_LIMIT)
		return error_set(error, HEED_E_LIMIT, "%s is larger than %zu bytes", path,
		                 buf->max);
	return buf_error(buf) != 0 ? error_nomem(error) : 0;
}

int
file_read(const char *path, struct heed_buf *buf, struct heed_error *error)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? stdin : fopen(path, "re");
	int r;

	if (file == NULL)
		return cannot("read", path, error);
	r = read_stream(file, standard ? "standard input" : path, buf, error);
	if (!standard)
		(void)fclose(file);
	return r;
}

int
file_write(const char *path, struct heed_str text, struct heed_error *error)
{
	char beside[4096];
	FILE *file;
	bool fine;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.new", path) >= sizeof(beside))
		return error_set(error, HEED_E_IO, "the path is too long: %s", path);
	file = fopen(beside, "we");
	if (file == NULL)
		return cannot("write", beside, error);
	fine = (text.len == 0 || fwrite(text.data, 1, text.len, file) == text.len) &&
	       fflush(file) == 0 && fsync(fileno(file)) == 0;
	fine = fclose(file) == 0 && fine && rename(beside, path) == 0;
	if (fine)
		return 0;
	(void)cannot("write", path, error);
	(void)unlink(beside);
	return HEED_E_IO;
}

const char *
file_path(struct arena *arena, struct heed_str folder, struct heed_str path)
{
	if (path.len == 0)
		return arena_cstr(arena, folder.len > 0 ? folder : HEED_STR("."));
	if (folder.len == 0 || str_starts(path, "/"))
		return arena_cstr(arena, path);
	return arena_printf(arena, "%.*s/%.*s", STR_ARG(folder), STR_ARG(path)).data;
}
