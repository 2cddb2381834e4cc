/*
 * text - see text.h.
 *
 * UTF-8 after RFC 3629, section 4: the second byte of a sequence carries the limits that keep
 * out long forms, surrogates and what lies past U+10FFFF; the others are any continuation.
 */
#include "lib/base/text.h"

#include <string.h>

/* Bytes of the sequence that starts with `first`, and the range of its second byte. */
static size_t
sequence(uint8_t first, uint8_t *least, uint8_t *most)
{
	*least = 0x80;
	*most = 0xbf;
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef) {
		if (first == 0xe0)
			*least = 0xa0;
		if (first == 0xed)
			*most = 0x9f;
		return 3;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		if (first == 0xf0)
			*least = 0x90;
		if (first == 0xf4)
			*most = 0x8f;
		return 4;
	}
	return 0;
}

size_t
ph_utf8_decode(const char *text, size_t length, uint32_t *code)
{
	if (length == 0)
		return 0;
	const uint8_t *bytes = (const uint8_t *) text;
	uint8_t least;
	uint8_t most;
	size_t count = sequence(bytes[0], &least, &most);
	if (count == 0 || count > length)
		return 0;
	static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t value = bytes[0] & masks[count];
	for (size_t i = 1; i < count; i++) {
		if (bytes[i] < least || bytes[i] > most)
			return 0;
		value = value << 6 | (bytes[i] & 0x3fu);
		least = 0x80;
		most = 0xbf;
	}
	*code = value;
	return count;
}

/* Bytes of pure ASCII at the start, 32 and eight at a time. */
static size_t
ascii_run(const uint8_t *bytes, size_t length)
{
	size_t at = 0;
	for (; length - at >= 32; at += 32) {
		uint64_t words[4];
		memcpy(words, bytes + at, sizeof words);
		if (((words[0] | words[1] | words[2] | words[3]) &
			UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	for (; length - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, bytes + at, sizeof word);
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	while (at < length && bytes[at] < 0x80)
		at++;
	return at;
}

bool
ph_utf8_valid(const void *bytes, size_t length, size_t *bad)
{
	const uint8_t *at = bytes;
	size_t done = 0;
	while (done < length) {
		done += ascii_run(at + done, length - done);
		if (done == length)
			break;
		uint32_t code;
		size_t count =
		    ph_utf8_decode((const char *) at + done, length - done, &code);
		if (count == 0) {
			if (bad != NULL)
				*bad = done;
			return false;
		}
		done += count;
	}
	return true;
}

/* A byte that is not the first of its code point. */
static bool
continues(char byte)
{
	return ((unsigned char) byte & 0xc0) == 0x80;
}

size_t
ph_utf8_length(const char *text, size_t length)
{
	size_t count = 0;
	for (size_t i = 0; i < length; i++)
		count += continues(text[i]) ? 0 : 1;
	return count;
}

size_t
ph_utf8_prefix(const char *text, size_t length, size_t count)
{
	size_t at = 0;
	while (at < length && count > 0) {
		at++;
		while (at < length && continues(text[at]))
			at++;
		count--;
	}
	return at;
}

size_t
ph_utf8_encode(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char) code;
		return 1;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = count; i-- > 1; code >>= 6)
		out[i] = (char) (0x80 | (code & 0x3f));
	out[0] = (char) (marks[count] | code);
	return count;
}

void
ph_hex_encode(const void *bytes, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = bytes;
	for (size_t i = 0; i < length; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 0x0f];
	}
	out[2 * length] = '\0';
}

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool
ph_hex_decode(const char *text, size_t length, void *out)
{
	if (length % 2 != 0)
		return false;
	uint8_t *bytes = out;
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_value(text[i]);
		int low = hex_value(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (uint8_t) (high << 4 | low);
	}
	return true;
}

void
ph_base32_encode(const uint8_t *bytes, size_t digits, char *out)
{
	/* no I, L, O or U: they are misread */
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint32_t held = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < digits; i++) {
		if (bits < 5) {
			held = held << 8 | *bytes++;
			bits += 8;
		}
		bits -= 5;
		out[i] = alphabet[held >> bits & 0x1f];
	}
	out[digits] = '\0';
}

bool
ph_text_is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length &&
	       (length == 0 || memcmp(text, word, length) == 0);
}
