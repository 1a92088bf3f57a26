/*
 * mem.h - the process's memory, with a place for tests to make it fail.
 *
 * Every allocation of heed's own code comes through here, so that the torture tests can
 * fail the nth one. Memory of third-party libraries does not.
 */
#ifndef HEED_BASE_MEM_H
#define HEED_BASE_MEM_H

#include <stddef.h>

/* Like malloc, zeroed. NULL on failure. Free with mem_free. */
void *mem_new(size_t size);
/* Like malloc, not zeroed. */
void *mem_alloc(size_t size);
/* Like realloc: on failure the old block stays as it was. */
void *mem_resize(void *block, size_t size);
/* A NUL-terminated copy of `len` bytes. */
char *mem_copy(const char *data, size_t len);
/* Takes NULL. */
void mem_free(void *block);

/* Grow the array `*items` of `item_size` elements so that `need` fit; `*cap` is updated.
 * Zero or HEED_E_NOMEM; on failure nothing changed. */
int mem_grow(void **items, size_t *cap, size_t need, size_t item_size);

/* Tests: let the allocation after the next `n` fail, and all after it when `sticky` is
 * non-zero. A negative n switches it off. */
void mem_fail_after(long n, int sticky);
/* The same for a whole program, once, as HEED_FAIL_ALLOC in its environment says. */
void mem_fail_as_told(void);
/* Tests: allocations made since the start of the process. */
long mem_count(void);

#endif
