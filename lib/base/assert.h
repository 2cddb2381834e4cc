/*
 * assert - for our own mistakes only, never for input, disk or network. Always on.
 *
 * Objects that pass through void * start with `uint32_t magic` and are read with PH_CAST.
 */
#ifndef PH_BASE_ASSERT_H
#define PH_BASE_ASSERT_H

#include <stddef.h>
#include <stdint.h>

#ifdef NDEBUG
#error "Packhorse is built with its asserts on"
#endif

_Noreturn void ph_assert_failed(const char *expression, const char *file, int line);

#define PH_ASSERT(expression)                                                          \
	((expression) ? (void) 0 : ph_assert_failed(#expression, __FILE__, __LINE__))
#define PH_UNREACHABLE(why) ph_assert_failed("unreachable: " why, __FILE__, __LINE__)
/* Read a void * as `type *`, whose struct starts with its magic number. */
#define PH_CAST(type, pointer, number)                                                 \
	(PH_ASSERT((pointer) != NULL && *(const uint32_t *) (pointer) == (number)),    \
	    (type *) (pointer))

#endif
