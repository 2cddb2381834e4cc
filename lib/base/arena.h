/*
 * arena - memory of one document or one request: taken piece by piece, freed whole.
 *
 * An arena has a hard limit in bytes; past it (or out of memory) an allocation returns NULL and
 * the arena remembers it (ph_arena_failed), so a builder may check once at its end.
 *
 * Thread: owner. Errors: NULL results only; the caller says PH_ERR_NOMEM or PH_ERR_TOO_LARGE.
 */
#ifndef PH_BASE_ARENA_H
#define PH_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void) (address), (void) (size))
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void) (address), (void) (size))
#endif

typedef struct ph_arena ph_arena;

/* For ph_arena_alloc alone to see: what is left of the newest block, within the limit. */
struct ph_arena {
	uint8_t *at;  /* next byte */
	size_t room;  /* bytes from there that may be handed out */
	size_t used;  /* bytes handed out, rounded */
	size_t limit; /* most bytes handed out */
	size_t next;  /* size of the next block */
	void *newest; /* the blocks */
	bool failed;  /* an allocation was refused */
};
#define PH_ARENA_ALIGNMENT _Alignof(max_align_t)

/* An arena that hands out at most `limit` bytes. */
ph_status ph_arena_new(size_t limit, ph_arena **out, ph_error *err);
void ph_arena_destroy(ph_arena **arena_p);
/* Forget everything, keep one block for the next document; if this one took several, the next
 * gets one that holds as much. Under a sanitizer what was handed out is closed to use. */
void ph_arena_reset(ph_arena *arena);
/* Another limit, for an arena that has handed out no more than that. */
void ph_arena_limit(ph_arena *arena, size_t limit);
/* `size` bytes aligned for any type, not cleared; NULL past the limit. */
static inline void *ph_arena_alloc(ph_arena *arena, size_t size);
/* ph_arena_alloc where the newest block has not enough room. */
void *ph_arena_more(ph_arena *arena, size_t size);
/* The same, zeroed. */
void *ph_arena_zalloc(ph_arena *arena, size_t size);
/* A zero-terminated copy of `length` bytes. */
char *ph_arena_dup(ph_arena *arena, const void *bytes, size_t length);
char *ph_arena_strdup(ph_arena *arena, const char *text);
char *ph_arena_printf(ph_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool ph_arena_failed(const ph_arena *arena);
size_t ph_arena_used(const ph_arena *arena);

/* Inline: every node, name and text of every document comes from here. */
static inline void *
ph_arena_alloc(ph_arena *arena, size_t size)
{
	size_t rounded = (size + PH_ARENA_ALIGNMENT - 1) & ~(PH_ARENA_ALIGNMENT - 1);
	if (rounded > arena->room || rounded < size)
		return ph_arena_more(arena, size);
	void *piece = arena->at;
	arena->at += rounded;
	arena->room -= rounded;
	arena->used += rounded;
	ASAN_UNPOISON_MEMORY_REGION(piece, size);
	return piece;
}

#endif
