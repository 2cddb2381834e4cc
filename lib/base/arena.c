/*
 * arena - a list of blocks, newest first; an allocation is cut from the newest.
 *
 * Blocks double from 8 KiB to 1 MiB, so a small document costs one block and a large one few
 * calls; after a reset the first is as large as what was handed out before. A piece larger than the next block gets a block of its own size. The limit counts
 * the bytes handed out after rounding, so it bounds what a stranger can make us hold.
 */
#include "lib/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define FIRST_BLOCK ((size_t) 8 * 1024)
#define LAST_BLOCK  ((size_t) 1024 * 1024)
#define KEPT_BLOCK  ((size_t) 256 * 1024) /* a larger one is not kept over a reset */

typedef struct block {
	struct block *older;		       /* NULL: the first block */
	size_t size;			       /* bytes in it */
	_Alignas(max_align_t) uint8_t bytes[]; /* what is handed out */
} block;

ph_status
ph_arena_new(size_t limit, ph_arena **out, ph_error *err)
{
	PH_ASSERT(out != NULL);
	ph_arena *arena = malloc(sizeof *arena);
	if (arena == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for an arena");
	*arena = (ph_arena){.limit = limit, .next = FIRST_BLOCK};
	*out = arena;
	return PH_OK;
}

static void
free_blocks(block *newest)
{
	while (newest != NULL) {
		block *older = newest->older;
		ASAN_UNPOISON_MEMORY_REGION(newest->bytes, newest->size);
		free(newest);
		newest = older;
	}
}

void
ph_arena_destroy(ph_arena **arena_p)
{
	if (arena_p == NULL || *arena_p == NULL)
		return;
	free_blocks((*arena_p)->newest);
	free(*arena_p);
	*arena_p = NULL;
}

/* Hand out from the start of the newest block, if there is one, within the limit. */
static void
open_block(ph_arena *arena)
{
	block *newest = arena->newest;
	size_t left = arena->used < arena->limit ? arena->limit - arena->used : 0;
	size_t size = newest == NULL ? 0 : newest->size;
	arena->at = newest == NULL ? NULL : newest->bytes;
	arena->room = (size < left ? size : left) & ~(PH_ARENA_ALIGNMENT - 1);
	if (newest != NULL)
		ASAN_POISON_MEMORY_REGION(newest->bytes, newest->size);
}

void
ph_arena_reset(ph_arena *arena)
{
	block *newest = arena->newest;
	arena->failed = false;
	if (arena->used == 0)
		return;
	size_t wanted = FIRST_BLOCK;
	while (wanted < arena->used && wanted < KEPT_BLOCK)
		wanted *= 2;
	if (newest != NULL && (newest->older != NULL || newest->size > KEPT_BLOCK)) {
		free_blocks(newest);
		arena->newest = NULL;
	}
	arena->used = 0;
	arena->next = wanted;
	open_block(arena);
}

void
ph_arena_limit(ph_arena *arena, size_t limit)
{
	PH_ASSERT(arena->used == 0);
	arena->limit = limit;
	open_block(arena);
}

static block *
add_block(ph_arena *arena, size_t size)
{
	size_t bytes = arena->next > size ? arena->next : size;
	block *fresh = malloc(sizeof *fresh + bytes);
	if (fresh == NULL)
		return NULL;
	fresh->older = arena->newest;
	fresh->size = bytes;
	arena->newest = fresh;
	if (arena->next < LAST_BLOCK)
		arena->next *= 2;
	open_block(arena);
	return fresh;
}

/* The piece may end at the limit, though what it is rounded to lies past it. */
static bool
allowed(const ph_arena *arena, size_t size, size_t rounded)
{
	return arena->used <= arena->limit && size <= arena->limit - arena->used &&
	       rounded >= size && rounded <= SIZE_MAX - sizeof(block);
}

static size_t
left_in_block(const ph_arena *arena)
{
	const block *newest = arena->newest;
	return newest == NULL ? 0 : newest->size - (size_t) (arena->at - newest->bytes);
}

void *
ph_arena_more(ph_arena *arena, size_t size)
{
	size_t rounded = (size + PH_ARENA_ALIGNMENT - 1) & ~(PH_ARENA_ALIGNMENT - 1);
	if (!allowed(arena, size, rounded) ||
	    (rounded > left_in_block(arena) && add_block(arena, rounded) == NULL)) {
		arena->failed = true;
		return NULL;
	}
	void *piece = arena->at;
	arena->at += rounded;
	arena->room -= rounded < arena->room ? rounded : arena->room;
	arena->used += rounded;
	ASAN_UNPOISON_MEMORY_REGION(piece, size);
	return piece;
}

void *
ph_arena_zalloc(ph_arena *arena, size_t size)
{
	void *piece = ph_arena_alloc(arena, size);
	if (piece != NULL)
		memset(piece, 0, size);
	return piece;
}

char *
ph_arena_dup(ph_arena *arena, const void *bytes, size_t length)
{
	if (length == SIZE_MAX) {
		arena->failed = true;
		return NULL;
	}
	char *copy = ph_arena_alloc(arena, length + 1);
	if (copy == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

char *
ph_arena_strdup(ph_arena *arena, const char *text)
{
	return ph_arena_dup(arena, text, strlen(text));
}

char *
ph_arena_printf(ph_arena *arena, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	char *text = NULL;
	if (length < 0)
		arena->failed = true;
	else
		text = ph_arena_alloc(arena, (size_t) length + 1);
	if (text != NULL)
		vsnprintf(text, (size_t) length + 1, format, again);
	va_end(again);
	return text;
}

bool
ph_arena_failed(const ph_arena *arena)
{
	return arena->failed;
}

size_t
ph_arena_used(const ph_arena *arena)
{
	return arena->used;
}
