/*
 * mem.c - see mem.h. The counters are atomic: any thread allocates.
 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "heed.h"

static atomic_long count;
static atomic_long fail_at = -1;
static atomic_int fail_sticky;

static int
must_fail(void)
{
	long at = atomic_load_explicit(&fail_at, memory_order_relaxed);
	long n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);

	if (at < 0)
		return 0;
	return atomic_load(&fail_sticky) ? n >= at : n == at;
}

void
mem_fail_after(long n, int sticky)
{
	atomic_store(&fail_sticky, sticky);
	atomic_store(&fail_at, n < 0 ? -1 : atomic_load(&count) + n);
}

void
mem_fail_as_told(void)
{
	const char *n = getenv("HEED_FAIL_ALLOC");

	if (n != NULL)
		mem_fail_after(strtol(n, NULL, 10), 0);
}

long
mem_count(void)
{
	return atomic_load(&count);
}

void *
mem_new(size_t size)
{
	return must_fail() ? NULL : calloc(1, size > 0 ? size : 1);
}

void *
mem_alloc(size_t size)
{
	return must_fail() ? NULL : malloc(size > 0 ? size : 1);
}

void *
mem_resize(void *block, size_t size)
{
	return must_fail() ? NULL : realloc(block, size > 0 ? size : 1);
}

char *
mem_copy(const char *data, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : mem_alloc(len + 1);

	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

void
mem_free(void *block)
{
	free(block);
}

int
mem_grow(void **items, size_t *cap, size_t need, size_t item_size)
{
	size_t next = *cap > 0 ? *cap : 8;
	void *grown;

	if (need <= *cap)
		return 0;
	while (next < need) {
		if (next > SIZE_MAX / 2)
			return HEED_E_NOMEM;
		next *= 2;
	}
	if (next > SIZE_MAX / item_size)
		return HEED_E_NOMEM;
	grown = mem_resize(*items, next * item_size);
	if (grown == NULL)
		return HEED_E_NOMEM;
	*items = grown;
	*cap = next;
	return 0;
}
