/*
 * file.h - whole files, bounded.
 */
#ifndef HEED_BASE_FILE_H
#define HEED_BASE_FILE_H

#include "base/arena.h"
#include "base/str.h"
#include "heed.h"

/* Append what `path` holds ("-": standard input) to `buf`, at most as much as `buf`
 * takes. HEED_E_NOTFOUND, HEED_E_IO, HEED_E_LIMIT, HEED_E_NOMEM, each with words. */
int file_read(const char *path, struct heed_buf *buf, struct heed_error *error);

/* Write `text` to `path` whole or not at all: beside it, then renamed over it. HEED_E_IO.
 */
int file_write(const char *path, struct heed_str text, struct heed_error *error);

/* `path` from `folder` on, unless it is absolute; an empty one is the folder itself, and
 * an empty folder the current one. NUL-terminated on `arena`; NULL without memory. */
const char *file_path(struct arena *arena, struct heed_str folder, struct heed_str path);

#endif
