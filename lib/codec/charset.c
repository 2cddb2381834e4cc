/*
 * charset - one table of 32 characters: all else of windows-1252 is its own code point.
 */
#include "lib/codec/charset.h"

#include <string.h>

#include "lib/base/text.h"

/* windows-1252, 0x80 to 0x9F, by the WHATWG encoding standard; 0: undefined. */
static const uint16_t windows_1252[32] = {0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026,
    0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0, 0, 0x2018,
    0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
    0x0153, 0, 0x017E, 0x0178};

static const char *const names[] = {"utf-8", "windows-1252", "iso-8859-1"};

bool
ph_charset_named(const char *name, ph_charset *out)
{
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], name) == 0) {
			*out = (ph_charset) i;
			return true;
		}
	return false;
}

const char *
ph_charset_name(ph_charset charset)
{
	return names[charset];
}

uint32_t
ph_charset_code(unsigned char byte)
{
	return byte < 0x80 || byte > 0x9F ? byte : windows_1252[byte - 0x80];
}

bool
ph_charset_valid(ph_charset charset, const void *bytes, size_t length, size_t *bad)
{
	if (charset == PH_CHARSET_UTF_8)
		return ph_utf8_valid(bytes, length, bad);
	const unsigned char *at = bytes;
	for (size_t i = 0; i < length; i++)
		if (ph_charset_code(at[i]) == 0) {
			*bad = i;
			return false;
		}
	return true;
}

void
ph_charset_decode(ph_charset charset, const char *bytes, size_t length, ph_buffer *out)
{
	if (charset == PH_CHARSET_UTF_8) {
		ph_buffer_append(out, bytes, length);
		return;
	}
	for (size_t i = 0; i < length; i++) {
		char utf8[4];
		size_t size =
		    ph_utf8_encode(ph_charset_code((unsigned char) bytes[i]), utf8);
		ph_buffer_append(out, utf8, size);
	}
}

/* The byte of a character; -1 if there is none. */
static int
byte_of(ph_charset charset, uint32_t code)
{
	if (code < 0x80 || (code >= 0xA0 && code <= 0xFF))
		return (int) code;
	for (int i = 0; charset == PH_CHARSET_WINDOWS_1252 && i < 32; i++)
		if (windows_1252[i] == code)
			return 0x80 + i;
	return -1;
}

bool
ph_charset_has(ph_charset charset, const char *text, size_t length)
{
	size_t size = 1;
	for (size_t at = 0; at < length && charset != PH_CHARSET_UTF_8; at += size) {
		uint32_t code = 0;
		size = ph_utf8_decode(text + at, length - at, &code);
		if (size == 0 || byte_of(charset, code) < 0)
			return false;
	}
	return true;
}

bool
ph_charset_encode(ph_charset charset, const char *text, size_t length,
    const char *instead, ph_buffer *out)
{
	if (charset == PH_CHARSET_UTF_8) {
		ph_buffer_append(out, text, length);
		return true;
	}
	for (size_t at = 0; at < length;) {
		uint32_t code = 0;
		size_t size = ph_utf8_decode(text + at, length - at, &code);
		int byte = size == 0 ? -1 : byte_of(charset, code);
		if (byte < 0 && instead == NULL)
			return false;
		if (byte < 0)
			ph_buffer_text(out, instead);
		else
			ph_buffer_u8(out, (uint8_t) byte);
		at += size == 0 ? 1 : size;
	}
	return true;
}
