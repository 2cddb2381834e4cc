/*
 * holder - keeps the bytes that messages lie in, until the last of them has gone.
 *
 * A frame that was received holds many messages; each that was read where it lies
 * (ph_message_decode_in) counts as one user of the frame's holder, and has what it knows of itself there
 * too (ph_holder_take). The bytes never change.
 *
 * Thread: any (the count is atomic), but for what is said of one thread. Errors: none; NULL without
 * memory.
 */
#ifndef PH_WIRE_HOLDER_H
#define PH_WIRE_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ph_holder ph_holder;

/* A holder with one user and `size` bytes of its own at *room, aligned for anything. `release` (NULL:
 * nothing to do) is called with them when the last user has gone, on that user's thread. */
ph_holder *ph_holder_new(size_t size, void (*release)(void *room), void **room);
/* All its users are on one thread: counting them is cheaper. To be said before there is a second. */
void ph_holder_one_thread(ph_holder *holder);
/* One more user, by one who is a user; returns its argument. */
ph_holder *ph_holder_ref(ph_holder *holder);
/* One user less; NULLs the pointer, NULL allowed. */
void ph_holder_unref(ph_holder **holder_p);
/* Has it no user but the caller? Nobody can become one then but by the caller. */
bool ph_holder_alone(const ph_holder *holder);

/* Memory that lasts as long as the holder, aligned for anything; one thread at a time may take. */
void *ph_holder_take(ph_holder *holder, size_t size);
/* All that was taken is given back. The caller is alone. */
void ph_holder_empty(ph_holder *holder);

#endif
