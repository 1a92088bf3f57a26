/*
 * arena.c - see arena.h. Blocks double from the first size to BLOCK_MAX; a request larger
 * than a block gets one of its own size.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_DEFAULT 1024
#define BLOCK_MAX (256 * 1024)
#define ALIGN alignof(max_align_t)

struct arena_block {
	struct arena_block *prev;
	size_t size; /* of the payload */
	alignas(max_align_t) char data[];
};

void
arena_init(struct arena *arena, size_t first_block)
{
	*arena = (struct arena){.block_size =
	                                first_block > 0 ? first_block : BLOCK_DEFAULT};
}

static void
free_blocks(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *prev = block->prev;

		mem_free(block);
		block = prev;
	}
}

void
arena_done(struct arena *arena)
{
	free_blocks(arena->head);
	arena_init(arena, arena->block_size);
}

void
arena_reset(struct arena *arena)
{
	struct arena_block *head = arena->head;

	if (head == NULL)
		return;
	free_blocks(head->prev);
	head->prev = NULL;
	arena->next = head->data;
	arena->end = head->data + head->size;
	arena->used = head->size;
}

static int
add_block(struct arena *arena, size_t need)
{
	size_t size = arena->block_size > need ? arena->block_size : need;
	struct arena_block *block;

	if (need > SIZE_MAX / 2)
		return -1;
	block = mem_alloc(sizeof(*block) + size);
	if (block == NULL)
		return -1;
	block->prev = arena->head;
	block->size = size;
	arena->head = block;
	arena->next = block->data;
	arena->end = block->data + size;
	arena->used += size;
	if (arena->block_size < BLOCK_MAX)
		arena->block_size *= 2;
	return 0;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *result;

	if (size > SIZE_MAX - ALIGN)
		return NULL;
	size = size > 0 ? (size + ALIGN - 1) & ~(ALIGN - 1) : ALIGN;
	if ((size_t)(arena->end - arena->next) < size && add_block(arena, size) < 0)
		return NULL;
	result = arena->next;
	arena->next += size;
	return result;
}

void *
arena_zero(struct arena *arena, size_t size)
{
	void *result = arena_alloc(arena, size);

	return result == NULL ? NULL : memset(result, 0, size);
}

void *
arena_zero_array(struct arena *arena, size_t n, size_t size)
{
	return size > 0 && n > SIZE_MAX / size ? NULL : arena_zero(arena, n * size);
}

char *
arena_cstr(struct arena *arena, struct heed_str text)
{
	char *copy = text.len == SIZE_MAX ? NULL : arena_alloc(arena, text.len + 1);

	if (copy == NULL)
		return NULL;
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

struct heed_str
arena_str(struct arena *arena, struct heed_str text)
{
	char *copy = arena_cstr(arena, text);

	return copy == NULL ? (struct heed_str){0} : (struct heed_str){copy, text.len};
}

struct heed_str
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char text[256]; /* most fit, and are formatted once */
	int len;
	char *copy;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	copy = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
	if (copy != NULL && (size_t)len < sizeof(text))
		memcpy(copy, text, (size_t)len + 1);
	else if (copy != NULL)
		(void)vsnprintf(copy, (size_t)len + 1, format, again);
	va_end(again);
	return copy == NULL ? (struct heed_str){0} : (struct heed_str){copy, (size_t)len};
}
