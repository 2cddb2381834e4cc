/*
 * text - small things about text: UTF-8, case, hex, base32, matching.
 *
 * Thread: pure.
 */
#ifndef PH_BASE_TEXT_H
#define PH_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole and shortest-form UTF-8 without surrogates (RFC 3629)? *bad is the first bad byte. */
bool ph_utf8_valid(const void *bytes, size_t length, size_t *bad);
/* Code points in valid UTF-8. */
size_t ph_utf8_length(const char *text, size_t length);
/* Bytes that the first `count` code points take. */
size_t ph_utf8_prefix(const char *text, size_t length, size_t count);
/* Decode one code point at `text`; returns its bytes (1..4), 0 if not valid. */
size_t ph_utf8_decode(const char *text, size_t length, uint32_t *code);
/* Encode; returns the bytes written to `out` (4 at most), 0 if not a scalar value. */
size_t ph_utf8_encode(uint32_t code, char *out);

/* Lower-case hex; `out` has 2 * length + 1 bytes. */
void ph_hex_encode(const void *bytes, size_t length, char *out);
bool ph_hex_decode(const char *text, size_t length, void *out);

/* Crockford base32 (crockford.com/base32.html), upper case, most significant bits first:
 * `digits` digits of the leading bits of `bytes`. `out` has digits + 1 bytes. */
void ph_base32_encode(const uint8_t *bytes, size_t digits, char *out);

/* Same bytes? */
bool ph_text_is(const char *text, size_t length, const char *word);

#endif
