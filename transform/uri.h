/*
 * uri - references resolved against a base (RFC 3986 section 5), as far as schemas need it.
 *
 * Thread: pure. Errors: NULL when the arena is full.
 */
#ifndef PH_URI_H
#define PH_URI_H

#include <stdbool.h>
#include "lib/base/arena.h"

/* `reference` seen from `base` ("" for none), without its fragment; on the arena. */
const char *ph_uri_resolve(ph_arena *arena, const char *base, const char *reference);
/* The fragment behind '#', percent-decoded, on the arena; "" if there is none. */
const char *ph_uri_fragment(ph_arena *arena, const char *reference);

#endif
