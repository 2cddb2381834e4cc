/*
 * eight - eight bytes of text looked at in one go, and sixteen where the processor is known to.
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
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* Up to eight bytes without a loop, from both ends, overlapping in the middle; what is left of the
 * word is bytes that stand for themselves in a JSON string. */
static inline uint64_t
ph_eight_short(const char *text, size_t length)
{
	uint64_t word = PH_EIGHT('.');
	if (length == 8)
		return ph_eight(text);
	if (length >= 4) {
		uint32_t low, high;
		memcpy(&low, text, sizeof low);
		memcpy(&high, text + length - sizeof high, sizeof high);
		return (uint64_t) high << 32 | low;
	}
	if (length > 0) {
		uint64_t few = (uint64_t) (unsigned char) text[0] |
			       (uint64_t) (unsigned char) text[length / 2] << 8 |
			       (uint64_t) (unsigned char) text[length - 1] << 16;
		word = (word & ~UINT64_C(0xFFFFFF)) | few;
	}
	return word;
}

#ifdef __SSE2__
typedef __m128i ph_sixteen;

static inline ph_sixteen
ph_sixteen_at(const char *at)
{
	return _mm_loadu_si128((const __m128i *) (const void *) at);
}

static inline void
ph_sixteen_put(char *at, ph_sixteen bytes)
{
	_mm_storeu_si128((__m128i *) (void *) at, bytes);
}

/* A bit for each byte that ends a run of a JSON string, the first the lowest. */
static inline unsigned
ph_sixteen_json(ph_sixteen bytes)
{
	__m128i control =
	    _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	return (unsigned) _mm_movemask_epi8(
	    _mm_or_si128(control, _mm_or_si128(quote, slash)));
}

/* Not 0 where a byte is not ASCII. */
static inline unsigned
ph_sixteen_high(ph_sixteen bytes)
{
	return (unsigned) _mm_movemask_epi8(bytes);
}
#endif

#endif
