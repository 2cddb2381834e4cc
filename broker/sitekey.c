#include "broker/sitekey.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/base/os.h"
#include "lib/base/table.h"
#include "lib/base/text.h"

#define FILE_MODE 0600

static void
derive(const uint8_t *secret, const char *use, uint8_t *out, size_t length)
{
	/* BLAKE2b wants at least 16 bytes of output, which all of ours have. */
	int failed = crypto_generichash(
	    out, length, (const uint8_t *) use, strlen(use), secret, PH_SITEKEY_BYTES);
	PH_ASSERT(failed == 0);
}

void
ph_sitekey_derive(const uint8_t secret[PH_SITEKEY_BYTES], ph_sitekey *out)
{
	derive(secret, "packhorse token", out->token, sizeof out->token);
	derive(secret, "packhorse mint", out->mint, sizeof out->mint);
	derive(secret, "packhorse print", out->print, sizeof out->print);
	derive(secret, "packhorse digest", out->digest, sizeof out->digest);
	derive(secret, "packhorse order", out->order, sizeof out->order);
	uint8_t content[PH_DIGEST_SECRET];
	derive(secret, "packhorse content", content, sizeof content);
	ph_digest_derive(content, &out->content);
	sodium_memzero(content, sizeof content);
}

ph_status
ph_sitekey_load(const ph_fs *fs, const char *directory, ph_sitekey *out, ph_error *err)
{
	char path[4096];
	if (snprintf(path, sizeof path, "%s/site.key", directory) >= (int) sizeof path)
		return ph_fail(
		    err, PH_ERR_TOO_LARGE, "the state directory's name is too long");
	char *bytes = NULL;
	size_t length = 0;
	uint8_t secret[PH_SITEKEY_BYTES];
	ph_status status = ph_fs_slurp(path, 4096, &bytes, &length, err);
	if (status == PH_ERR_NOT_FOUND) {
		status = ph_os_random(secret, sizeof secret, err);
		if (status == PH_OK)
			status = ph_fs_replace(
			    fs, path, secret, sizeof secret, FILE_MODE, err);
	} else if (status == PH_OK && length == sizeof secret) {
		memcpy(secret, bytes, sizeof secret);
	} else if (status == PH_OK) {
		status = ph_fail_at(err, PH_ERR_DAMAGED, path,
		    "PH5301 the site key has %zu bytes, not 32: restore it from a "
		    "backup of the state directory",
		    length);
	}
	if (bytes != NULL)
		sodium_memzero(bytes, length);
	free(bytes);
	if (status == PH_OK)
		ph_sitekey_derive(secret, out);
	sodium_memzero(secret, sizeof secret);
	return status;
}

/* What a fingerprint is of: texts behind a kind and their lengths, the long ones by their digest. */
typedef struct joined {
	uint8_t bytes[1 + 2 * sizeof(uint64_t) + 2 * PH_SITEKEY_SHORT];
	size_t length;
} joined;

static void
join_head(joined *to, uint8_t kind, uint64_t first_length, uint64_t second_length)
{
	uint64_t lengths[2] = {first_length, second_length};
	to->bytes[0] = kind;
	memcpy(to->bytes + 1, lengths, sizeof lengths);
	to->length = 1 + sizeof lengths;
}

/* False: it is long, and there is room for its digest. */
static bool
join_short(joined *to, const void *text, size_t length)
{
	if (length > PH_SITEKEY_SHORT)
		return false;
	if (length > 0)
		memcpy(to->bytes + to->length, text, length);
	to->length += length;
	return true;
}

static void
join(joined *to, const ph_sitekey *key, const void *text, size_t length)
{
	if (join_short(to, text, length))
		return;
	(void) crypto_onetimeauth_poly1305(
	    to->bytes + to->length, text, length, key->digest);
	to->length += PH_DIGEST;
}

static void
finish(const joined *from, const ph_sitekey *key, uint8_t out[PH_FINGERPRINT])
{
	_Static_assert(crypto_shorthash_siphashx24_BYTES == PH_FINGERPRINT, "size");
	(void) crypto_shorthash_siphashx24(out, from->bytes, from->length, key->print);
}

void
ph_sitekey_print(const ph_sitekey *key, uint8_t kind, const void *first,
    size_t first_length, const void *second, size_t second_length,
    uint8_t out[PH_FINGERPRINT])
{
	joined all;
	join_head(&all, kind, first_length, second_length);
	join(&all, key, first, first_length);
	join(&all, key, second, second_length);
	finish(&all, key, out);
}

void
ph_sitekey_content(const ph_sitekey *key, uint8_t kind, const void *content,
    size_t length, uint8_t out[PH_FINGERPRINT])
{
	joined all;
	join_head(&all, kind, length, 0);
	if (!join_short(&all, content, length)) {
		ph_digest(&key->content, content, length, all.bytes + all.length);
		all.length += PH_DIGEST;
	}
	finish(&all, key, out);
}

uint64_t
ph_sitekey_order(const ph_sitekey *key, const void *text, size_t length)
{
	uint64_t hash = ph_siphash(key->order, text, length);
	return hash == 0 ? 1 : hash;
}

bool
ph_sitekey_mint(const ph_sitekey *key, const char *prefix, const char *system,
    const char *vendor_key, char *out, size_t size)
{
	uint8_t mac[32];
	crypto_generichash_state state;
	(void) crypto_generichash_init(&state, key->mint, sizeof key->mint, sizeof mac);
	/* The zero byte ends the system's name: no two pairs give the same bytes. */
	(void) crypto_generichash_update(
	    &state, (const uint8_t *) system, strlen(system) + 1);
	(void) crypto_generichash_update(
	    &state, (const uint8_t *) vendor_key, strlen(vendor_key));
	(void) crypto_generichash_final(&state, mac, sizeof mac);
	char digits[PH_MINT_DIGITS + 1];
	ph_base32_encode(mac, PH_MINT_DIGITS, digits);
	return snprintf(out, size, "%s-%s", prefix, digits) < (int) size;
}
