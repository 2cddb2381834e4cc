/*
 * decimal - JSON numbers compared and divided as they are written, never through a double.
 *
 * Texts are JSON numbers (ph_number_valid). Exponents count up to ten digits; what is beyond is
 * the largest or the smallest there is.
 *
 * Thread: pure. Errors: none.
 */
#ifndef PH_DECIMAL_H
#define PH_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Compare two JSON numbers by their text: -1, 0, 1. */
int ph_number_compare(const char *a, const char *b);
/* Is it a JSON number as written? */
bool ph_number_valid(const char *text, size_t length);
/* Has it no fraction? 1.0 and 1e2 have none. */
bool ph_number_whole(const char *text);
/* Can ph_number_multiple divide by it? More than 0, at most 18 digits that count. */
bool ph_number_divisor(const char *text);
bool ph_number_multiple(const char *text, const char *divisor);
/* Equal numbers have equal hashes: 1, 1.0 and 10e-1. */
uint64_t ph_number_hash(const char *text);

#endif
