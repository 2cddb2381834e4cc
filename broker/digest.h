/*
 * digest - a keyed universal hash of long bytes: 16 bytes that stand for them where nobody sees them.
 *
 * NH and then Poly1305, as in Adiantum (Crowley and Biggers, "Adiantum: length-preserving encryption
 * for entry-level processors", 2018, section 5, NHPoly1305), with NH on 64-bit words as in VMAC
 * (Krovetz, "Message authentication on 64-bit architectures", 2006). NH of a block of up to 1,024
 * bytes is the sum of (m[2i] + k[2i]) * (m[2i+1] + k[2i+1]), words little-endian, sums of words
 * modulo 2^64, the whole modulo 2^128: one multiplication for 16 bytes. The last block is filled up
 * with zeros to 16 bytes. What is longer than a block is the Poly1305 (RFC 8439) of its blocks' NH.
 *
 * Two different contents of the same length share a digest with a chance of 2^-64, whoever chose
 * them, as long as the key is secret and so are the digests: hash them again under another key,
 * together with the length, before they are shown or stored.
 *
 * Thread: pure.
 */
#ifndef PH_BROKER_DIGEST_H
#define PH_BROKER_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define PH_DIGEST	 16
#define PH_DIGEST_BLOCK	 1024 /* bytes that NH takes at a time */
#define PH_DIGEST_SECRET 32

typedef struct ph_digest_key {
	uint64_t words[PH_DIGEST_BLOCK / 8];
	uint8_t poly[PH_DIGEST_SECRET];
} ph_digest_key;

/* Both keys are the stream of ChaCha20 under the secret. */
void ph_digest_derive(const uint8_t secret[PH_DIGEST_SECRET], ph_digest_key *out);
void ph_digest(
    const ph_digest_key *key, const void *bytes, size_t length, uint8_t out[PH_DIGEST]);

#endif
