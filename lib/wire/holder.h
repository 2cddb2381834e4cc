/*
 * holder - keeps the bytes that messages lie in, until the last of them has gone.
 *
 * A frame that was received holds many messages; each that was read where it lies
 * (ph_message_decode_in) counts as one user of the frame's holder. The bytes never change.
 *
 * Thread: any (the count is atomic). Errors: none; NULL without memory.
 */
#ifndef PH_WIRE_HOLDER_H
#define PH_WIRE_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ph_holder ph_holder;

/* A holder with one user and `size` bytes of its own at *room, aligned for anything. `release` (NULL:
 * nothing to do) is called with them when the last user has gone, on that user's thread. */
ph_holder *ph_holder_new(size_t size, void (*release)(void *room), void **room);
/* One more user; returns its argument. */
ph_holder *ph_holder_ref(ph_holder *holder);
/* One user less; NULLs the pointer, NULL allowed. */
void ph_holder_unref(ph_holder **holder_p);
/* Has it no user but the caller? Nobody can become one then but through the caller. */
bool ph_holder_alone(const ph_holder *holder);

#endif
