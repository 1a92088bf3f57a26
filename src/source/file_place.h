/*
 * file_place.h - how far each file of a file source is read: its position in the store.
 *
 * A file is known by its inode, and a place is right as long as the bytes before it are
 * what they were (`tail`). So a file that is renamed goes on, one that was truncated,
 * rewritten or whose inode another file has got begins anew, and a copy that replaced a
 * file goes on where the original was.
 */
#ifndef HEED_SOURCE_FILE_PLACE_H
#define HEED_SOURCE_FILE_PLACE_H

#include "base/arena.h"
#include "base/json.h"
#include "heed.h"

#define FILE_TAIL_MAX 256 /* bytes before the place that are compared */

struct file_place {
	struct heed_str name; /* in its folder */
	int64_t inode;
	int64_t offset;       /* bytes that are done */
	int64_t line;         /* lines among them */
	struct heed_str tail; /* digest of what is before; empty at the beginning */
	bool skipping;        /* within a line that was too long */
	/* As it was when last read to its end; not stored. */
	int64_t seen_size, seen_us;
};

struct file_places {
	struct file_place *items;
	size_t n;
};

/* From a position's text, empty for none. HEED_E_CORRUPT, HEED_E_NOMEM. */
int file_places_read(struct arena *arena, struct heed_str text,
                     struct file_places *ret_places, struct heed_error *error);
/* As a position; {NULL, 0} without memory. */
struct heed_str file_places_write(struct arena *arena, const struct file_places *places);
/* The digest of the bytes before a place; {NULL, 0} without memory. */
struct heed_str file_tail(struct arena *arena, struct heed_str before);

struct file_place *file_places_by_inode(const struct file_places *places, int64_t inode);
struct file_place *
file_places_by_name(const struct file_places *places, struct heed_str name);

#endif
