/* The digest of long contents: known answers, every bit counts, and fingerprints made with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sitekey.h"
#include "tests/unit/check_main.h"

#define LONGEST 3001u

/* Bytes 0, 7, 14, ... digested under the secret 00 01 02 ... 1f. Computed by an independent program
 * in Python (ChaCha20 and Poly1305 of RFC 8439, NH of the header's formula). */
static const struct known {
	size_t length;
	const char *digest;
} known[] = {
    {0, "00000000000000000000000000000000"},
    {1, "658dd8e16471b41aa55d70cf5860601e"},
    {15, "dd5b0e7b5dc9b86df0ddd70d516caf2c"},
    {16, "dd5b0e7b5dc9b8ceaba9d1c6dd465e6c"},
    {17, "b11b791d0cada8f8d70df3f772b410e1"},
    {63, "5072087a6e0ac5a6164125880ba85a23"},
    {64, "5072087a6e0ac5333c19a76f74a3e7a1"},
    {65, "5802a6af9fa844e3e42e206ae12818c2"},
    {257, "abf136cea1b37055d33c52439d0c9b4f"},
    {1023, "a4d2056f37e889bcc2f6ae487c469932"},
    {1024, "a4d2056f37e889e41de76590d2dec22e"},
    {1025, "2ed608c2e0d7c2c2c8d0cbf988a7dcec"},
    {2048, "930a160a87e1b0f375008350cc7d141b"},
    {3001, "6473d1ad6e5b4e13706c1a25f00b8f5c"},
};

static ph_digest_key key;
static uint8_t content[LONGEST];

static void
setup(void)
{
	uint8_t secret[PH_DIGEST_SECRET];
	for (size_t i = 0; i < sizeof secret; i++)
		secret[i] = (uint8_t) i;
	ph_digest_derive(secret, &key);
	for (size_t i = 0; i < LONGEST; i++)
		content[i] = (uint8_t) (i * 7 + i / 256);
}

START_TEST(known_answers)
{
	const struct known *expected = &known[_i];
	uint8_t out[PH_DIGEST];
	char text[2 * PH_DIGEST + 1];
	/* at the very end of a block, so that a byte read past it is noticed */
	uint8_t *exact = malloc(expected->length + 1);
	memcpy(exact + 1, content, expected->length);
	ph_digest(&key, exact + 1, expected->length, out);
	for (size_t i = 0; i < PH_DIGEST; i++)
		(void) snprintf(text + 2 * i, 3, "%02x", out[i]);
	ck_assert_str_eq(text, expected->digest);
	free(exact);
}
END_TEST

START_TEST(every_bit_counts)
{
	uint8_t whole[PH_DIGEST], changed[PH_DIGEST];
	size_t length = (size_t[]){257, 1024, 2100}[_i];
	ph_digest(&key, content, length, whole);
	for (size_t bit = 0; bit < 8 * length; bit++) {
		content[bit / 8] ^= (uint8_t) (1u << bit % 8);
		ph_digest(&key, content, length, changed);
		content[bit / 8] ^= (uint8_t) (1u << bit % 8);
		ck_assert_mem_ne(whole, changed, PH_DIGEST);
	}
}
END_TEST

START_TEST(fingerprints_of_contents)
{
	static const uint8_t secret[PH_SITEKEY_BYTES] = {9};
	static ph_sitekey site;
	uint8_t print[PH_FINGERPRINT], pair[PH_FINGERPRINT], other[PH_FINGERPRINT];
	ph_sitekey_derive(secret, &site);
	for (size_t length = 0; length < 600; length++) {
		ph_sitekey_content(&site, 'd', content, length, print);
		ph_sitekey_print(&site, 'd', content, length, NULL, 0, pair);
		/* short ones are not digested: as they were before there was a digest */
		ck_assert_int_eq(
		    memcmp(print, pair, sizeof print) == 0, length <= PH_SITEKEY_SHORT);
		ph_sitekey_content(&site, 'e', content, length, other);
		ck_assert_mem_ne(print, other, sizeof print);
	}
	/* what the zeros at a digest's end hide, the length tells */
	uint8_t zeros[400] = {1};
	ph_sitekey_content(&site, 'd', zeros, 300, print);
	ph_sitekey_content(&site, 'd', zeros, 301, other);
	ck_assert_mem_ne(print, other, sizeof print);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("digest");
	TCase *tests = tcase_create("digest");
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_loop_test(
	    tests, known_answers, 0, (int) (sizeof known / sizeof *known));
	tcase_add_loop_test(tests, every_bit_counts, 0, 3);
	tcase_add_test(tests, fingerprints_of_contents);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
