/*
 * How it works: four sums at once, so that one multiplication does not wait for the other.
 */
#include "broker/digest.h"

#include <sodium.h>
#include <string.h>

#include "lib/base/assert.h"

#define LANE 64 /* bytes that go into the four sums together */

__extension__ typedef unsigned __int128 wide;

static uint64_t
word(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	return value;
}

static wide
product(const uint8_t *at, const uint64_t *key)
{
	return (wide) (word(at) + key[0]) * (word(at + 8) + key[1]);
}

/* Of at most a block; whole 16 bytes. */
static wide
sum(const uint64_t *key, const uint8_t *at, size_t length)
{
	wide sums[4] = {0};
	for (; length >= LANE; length -= LANE, at += LANE, key += LANE / 8) {
		for (size_t i = 0; i < 4; i++)
			sums[i] += product(at + 16 * i, key + 2 * i);
	}
	for (; length > 0; length -= 16, at += 16, key += 2)
		sums[0] += product(at, key);
	return sums[0] + sums[1] + sums[2] + sums[3];
}

static void
nh(const ph_digest_key *key, const uint8_t *bytes, size_t length,
    uint8_t out[PH_DIGEST])
{
	size_t whole = length / 16 * 16;
	wide total = sum(key->words, bytes, whole);
	if (length > whole) {
		uint8_t last[16] = {0};
		memcpy(last, bytes + whole, length - whole);
		total += product(last, key->words + whole / 8);
	}
	for (size_t i = 0; i < PH_DIGEST; i++)
		out[i] = (uint8_t) (total >> 8 * i);
}

void
ph_digest_derive(const uint8_t secret[PH_DIGEST_SECRET], ph_digest_key *out)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t stream[PH_DIGEST_BLOCK + PH_DIGEST_SECRET];
	_Static_assert(crypto_stream_chacha20_ietf_KEYBYTES == PH_DIGEST_SECRET &&
			   crypto_onetimeauth_poly1305_KEYBYTES == PH_DIGEST_SECRET &&
			   crypto_onetimeauth_poly1305_BYTES == PH_DIGEST,
	    "size");
	int failed = crypto_stream_chacha20_ietf(stream, sizeof stream, nonce, secret);
	PH_ASSERT(failed == 0);
	for (size_t i = 0; i < PH_DIGEST_BLOCK / 8; i++)
		out->words[i] = word(stream + 8 * i);
	memcpy(out->poly, stream + PH_DIGEST_BLOCK, sizeof out->poly);
	sodium_memzero(stream, sizeof stream);
}

void
ph_digest(
    const ph_digest_key *key, const void *bytes, size_t length, uint8_t out[PH_DIGEST])
{
	const uint8_t *at = bytes;
	if (length <= PH_DIGEST_BLOCK) {
		nh(key, at, length, out);
		return;
	}
	crypto_onetimeauth_poly1305_state state;
	(void) crypto_onetimeauth_poly1305_init(&state, key->poly);
	while (length > 0) {
		size_t some = length < PH_DIGEST_BLOCK ? length : PH_DIGEST_BLOCK;
		nh(key, at, some, out);
		(void) crypto_onetimeauth_poly1305_update(&state, out, PH_DIGEST);
		at += some;
		length -= some;
	}
	(void) crypto_onetimeauth_poly1305_final(&state, out);
}
