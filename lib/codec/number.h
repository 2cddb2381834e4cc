/*
 * number - the grammar of JSON numbers (RFC 8259 section 6). Private to lib/codec.
 *
 * Thread: pure. Errors: none.
 */
#ifndef PH_CODEC_NUMBER_H
#define PH_CODEC_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* One past the number that begins at `at`, which must end in a byte that is part of no
 * number (a zero will do); NULL where none begins. */
const char *ph_json_number_end(const char *at);
/* Is all of a zero-terminated text a number? */
bool ph_json_is_number(const char *text, size_t length);

#endif
