/*
 * sitekey - the secret of this installation, and the keys made from it.
 *
 * One file of 32 random bytes (`site.key`, 0600) in the state directory, made at the first start.
 * It lives and dies with the journal: fingerprints in the journal are keyed with it. Every use has a
 * key of its own, derived with BLAKE2b, so that what is shown of one says nothing of another.
 *
 * Thread: pure, but for the loading. Errors: PH_ERR_IO, PH_ERR_DAMAGED (not 32 bytes).
 */
#ifndef PH_BROKER_SITEKEY_H
#define PH_BROKER_SITEKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "broker/digest.h"
#include "lib/base/fs.h"

#define PH_SITEKEY_BYTES 32
#define PH_FINGERPRINT	 16
#define PH_MINT_DIGITS	 13
#define PH_SITEKEY_SHORT 256 /* bytes of a text that are not digested */

typedef struct ph_sitekey {
	uint8_t token[PH_SITEKEY_BYTES]; /* resume tokens */
	uint8_t mint[PH_SITEKEY_BYTES];	 /* canonical ids */
	uint8_t print[16];		 /* fingerprints of messages */
	uint8_t
	    digest[PH_SITEKEY_BYTES]; /* what is long in a fingerprint of two texts */
	ph_digest_key content;	      /* what is long in a fingerprint of a content */
	uint8_t order[16];	      /* hashes of ordering keys */
} ph_sitekey;

/* Read `<directory>/site.key`, or make it and sync it and its name. */
ph_status ph_sitekey_load(
    const ph_fs *fs, const char *directory, ph_sitekey *out, ph_error *err);
/* From 32 bytes: for tests, and for the loading. */
void ph_sitekey_derive(const uint8_t secret[PH_SITEKEY_BYTES], ph_sitekey *out);

/*
 * Fingerprint of two texts or byte strings, told apart whatever is in them; `kind` keeps prints of
 * different uses apart. SipHash-2-4 with 128 bits over both, where a long one is first digested
 * with Poly1305 (RFC 8439) under a secret key of its own: a universal hash, whose values nobody
 * sees. Two contents of n bytes share a digest with a chance below n / 2^103.
 */
void ph_sitekey_print(const ph_sitekey *key, uint8_t kind, const void *first,
    size_t first_length, const void *second, size_t second_length,
    uint8_t out[PH_FINGERPRINT]);
/* Fingerprint of one content: as above, but for the digest of a long one, which is digest.h's: a
 * sixth of the time. Up to PH_SITEKEY_SHORT bytes it is the print above, of it and nothing. */
void ph_sitekey_content(const ph_sitekey *key, uint8_t kind, const void *content,
    size_t length, uint8_t out[PH_FINGERPRINT]);
/* Hash of an ordering key; never 0. */
uint64_t ph_sitekey_order(const ph_sitekey *key, const void *text, size_t length);
/* The canonical id of a vendor's key: `<prefix>-` and 13 Crockford base32 digits. False: no room. */
bool ph_sitekey_mint(const ph_sitekey *key, const char *prefix, const char *system,
    const char *vendor_key, char *out, size_t size);

#endif
