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
#include <packhorse/error.h>

typedef struct ph_arena ph_arena;

/* An arena that hands out at most `limit` bytes. */
ph_status ph_arena_new(size_t limit, ph_arena **out, ph_error *err);
void ph_arena_destroy(ph_arena **arena_p);
/* Forget everything, keep the first block for the next document. */
void ph_arena_reset(ph_arena *arena);
/* `size` bytes aligned for any type, not cleared; NULL past the limit. */
void *ph_arena_alloc(ph_arena *arena, size_t size);
/* The same, zeroed. */
void *ph_arena_zalloc(ph_arena *arena, size_t size);
/* A zero-terminated copy of `length` bytes. */
char *ph_arena_dup(ph_arena *arena, const void *bytes, size_t length);
char *ph_arena_strdup(ph_arena *arena, const char *text);
char *ph_arena_printf(ph_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool ph_arena_failed(const ph_arena *arena);
size_t ph_arena_used(const ph_arena *arena);

#endif
