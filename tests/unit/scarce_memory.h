/*
 * scarce_memory - the nth allocation of a program fails.
 *
 * Included by one file of a program that is linked with --wrap=malloc, calloc and realloc: the linker
 * puts these functions before the allocator's. They count only while `counting` is set: not for the
 * test's own memory.
 */
#ifndef PH_TESTS_SCARCE_MEMORY_H
#define PH_TESTS_SCARCE_MEMORY_H

#include <stdbool.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool counting;
static unsigned long allocations; /* counted so far */
static unsigned long fail_at;	  /* the one that fails, from 1; 0: none */

static bool
fails(void)
{
	return counting && ++allocations == fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

#endif
