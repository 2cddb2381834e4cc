/*
 * arena - a list of blocks, newest first; an allocation is cut from the newest.
 *
 * Blocks double from 8 KiB to 1 MiB, so a small document costs one block and a large one few
 * calls. A piece larger than the next block gets a block of its own size. The limit counts
 * the bytes handed out after rounding, so it bounds what a stranger can make us hold.
 */
#include "lib/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define ALIGNMENT   _Alignof(max_align_t)
#define FIRST_BLOCK ((size_t) 8 * 1024)
#define LAST_BLOCK  ((size_t) 1024 * 1024)

typedef struct block {
	struct block *older; /* NULL: the first block, which a reset keeps */
	size_t size;	     /* bytes in it */
	size_t used;	     /* bytes handed out from its start */
	_Alignas(max_align_t) uint8_t bytes[]; /* what is handed out */
} block;

struct ph_arena {
	block *newest; /* NULL until the first allocation */
	size_t limit;  /* most bytes handed out */
	size_t used;   /* bytes handed out */
	size_t next;   /* size of the next block */
	bool failed;   /* an allocation was refused */
};

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

/* Free all blocks but the first; returns it. */
static block *
free_to_first(block *newest)
{
	while (newest != NULL && newest->older != NULL) {
		block *older = newest->older;
		free(newest);
		newest = older;
	}
	return newest;
}

void
ph_arena_destroy(ph_arena **arena_p)
{
	if (arena_p == NULL || *arena_p == NULL)
		return;
	free(free_to_first((*arena_p)->newest));
	free(*arena_p);
	*arena_p = NULL;
}

void
ph_arena_reset(ph_arena *arena)
{
	arena->newest = free_to_first(arena->newest);
	if (arena->newest != NULL)
		arena->newest->used = 0;
	arena->used = 0;
	arena->failed = false;
	arena->next = FIRST_BLOCK;
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
	fresh->used = 0;
	arena->newest = fresh;
	if (arena->next < LAST_BLOCK)
		arena->next *= 2;
	return fresh;
}

/* Cut a piece from the newest block, or from a new one; NULL past the limit. */
static void *
cut(ph_arena *arena, size_t size)
{
	if (size > arena->limit || arena->limit - size < arena->used)
		return NULL;
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (rounded < size || rounded > SIZE_MAX - sizeof(block))
		return NULL;
	block *from = arena->newest;
	if (from == NULL || from->size - from->used < rounded) {
		from = add_block(arena, rounded);
		if (from == NULL)
			return NULL;
	}
	void *piece = from->bytes + from->used;
	from->used += rounded;
	arena->used += rounded;
	return piece;
}

void *
ph_arena_alloc(ph_arena *arena, size_t size)
{
	PH_ASSERT(arena != NULL);
	void *piece = cut(arena, size);
	if (piece == NULL)
		arena->failed = true;
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
