/*
 * charset - the three charsets that vendors' records come in, and UTF-8.
 *
 * ISO-8859-1 is read as windows-1252, as XML is (lib/codec/codec.h), and written as
 * itself. The five bytes that windows-1252 leaves undefined are refused.
 *
 * Thread: pure. Errors: false, with the place.
 */
#ifndef PH_CODEC_CHARSET_H
#define PH_CODEC_CHARSET_H

#include "lib/base/buffer.h"

typedef enum ph_charset {
	PH_CHARSET_UTF_8,
	PH_CHARSET_WINDOWS_1252,
	PH_CHARSET_ISO_8859_1
} ph_charset;

/* "utf-8", "windows-1252" or "iso-8859-1", in small letters. */
bool ph_charset_named(const char *name, ph_charset *out);
const char *ph_charset_name(ph_charset charset);
/* What a byte of windows-1252 stands for; 0: nothing. */
uint32_t ph_charset_code(unsigned char byte);
/* Are all bytes text of this charset? *bad is the first that is not. */
bool ph_charset_valid(
    ph_charset charset, const void *bytes, size_t length, size_t *bad);
/* Append valid bytes of the charset to `out` as UTF-8. */
void ph_charset_decode(
    ph_charset charset, const char *bytes, size_t length, ph_buffer *out);
/* Has the charset every character of valid UTF-8? */
bool ph_charset_has(ph_charset charset, const char *text, size_t length);
/* Append valid UTF-8 to `out` in the charset. What it has not becomes `instead` (bytes
 * of the charset); NULL: false. */
bool ph_charset_encode(ph_charset charset, const char *text, size_t length,
    const char *instead, ph_buffer *out);

#endif
