/*
 * arena.h - memory that is freed all at once.
 *
 * Ask who outlives whom, then allocate on the arena of that lifetime: process, instance,
 * run, or scratch. An arena grows by blocks and gives nothing back before arena_done or
 * arena_reset. It is used by one thread at a time.
 */
#ifndef HEED_BASE_ARENA_H
#define HEED_BASE_ARENA_H

#include <stddef.h>

#include "heed.h"

struct arena_block;

/* In the open so that it can be embedded; touch it through the functions only. */
struct arena {
	struct arena_block *head; /* the block in use; the others hang off it */
	char *next;               /* first free byte of it */
	char *end;
	size_t block_size; /* of the next block; doubles up to a bound */
	size_t used;       /* bytes of all blocks */
};

/* Prepare `arena`; allocates nothing. `first_block` is a hint in bytes, 0 for the
 * default. */
void arena_init(struct arena *arena, size_t first_block);
/* Free everything. The arena may be used again. */
void arena_done(struct arena *arena);
/* Forget everything but keep the newest block, for a scratch arena in a loop. */
void arena_reset(struct arena *arena);

/* `size` bytes aligned for any type, not zeroed; NULL when there is no memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same, zeroed. */
void *arena_zero(struct arena *arena, size_t size);
/* A copy, NUL-terminated after its end. {NULL, 0} when there is no memory. */
struct heed_str arena_str(struct arena *arena, struct heed_str text);
/* The same as a C string; NULL when there is no memory. */
char *arena_cstr(struct arena *arena, struct heed_str text);
/* printf into the arena; {NULL, 0} when there is no memory. */
struct heed_str arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A new zeroed `type` on the arena, or NULL. */
#define ARENA_NEW(arena, type) ((type *)arena_zero((arena), sizeof(type)))
/* `n` zeroed elements of `type`, or NULL. */
#define ARENA_ARRAY(arena, type, n) ((type *)arena_zero_array((arena), (n), sizeof(type)))

/* `n` times `size` zeroed bytes; NULL also when the product overflows. */
void *arena_zero_array(struct arena *arena, size_t n, size_t size);

#endif
