/*
 * eight - eight bytes of text looked at in one go.
 *
 * The results have the high bit of each byte that was found set. A byte after one that was found
 * may be marked wrongly, so only the first counts.
 *
 * Thread: pure.
 */
#ifndef PH_CODEC_EIGHT_H
#define PH_CODEC_EIGHT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PH_EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t
ph_eight(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return word;
}

static inline uint64_t
ph_eight_zero(uint64_t word)
{
	return (word - PH_EIGHT(1)) & ~word & PH_EIGHT(0x80);
}

/* Quotes, backslashes and control characters: what ends a run of a JSON string. */
static inline uint64_t
ph_eight_json(uint64_t word)
{
	uint64_t control = (word - PH_EIGHT(0x20)) & ~word & PH_EIGHT(0x80);
	return control | ph_eight_zero(word ^ PH_EIGHT('"')) |
	       ph_eight_zero(word ^ PH_EIGHT('\\'));
}

/* How many bytes stand before the first that was found. `found` is not 0. */
static inline size_t
ph_eight_before(uint64_t found)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (size_t) __builtin_ctzll(found) / 8;
#else
	return 0; /* the caller looks byte by byte */
#endif
}

#endif
