/* Tokens and the site's key: once, in time, for one role; back with the same name and instance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/token.h"
#include "lib/wire/frame.h"
#include "tests/unit/check_main.h"

static ph_sitekey key;
static int64_t now_ms;
static ph_tokens *tokens;

static int64_t
scripted(void *self)
{
	(void) self;
	return now_ms;
}

static const ph_clock script = {scripted, scripted, NULL};

static void
setup(void)
{
	static const uint8_t secret[PH_SITEKEY_BYTES] = {9};
	now_ms = 1000;
	ph_sitekey_derive(secret, &key);
	ck_assert_int_eq(ph_tokens_new(&key, &script, 60000, &tokens, NULL), PH_OK);
}

static void
teardown(void)
{
	ph_tokens_destroy(&tokens);
}

START_TEST(once_and_for_its_holder)
{
	char token[PH_TOKEN_TEXT];
	ck_assert_int_eq(
	    ph_tokens_grant(tokens, PH_ROLE_HOST, "waste", token, NULL), PH_OK);
	ck_assert_uint_eq(strlen(token), PH_TOKEN_TEXT - 1);
	ck_assert(!ph_tokens_use(tokens, PH_ROLE_CLIENT, "waste", token));
	ck_assert(!ph_tokens_use(tokens, PH_ROLE_HOST, "highways", token));
	ck_assert(!ph_tokens_use(tokens, PH_ROLE_HOST, "waste", ""));
	ck_assert(ph_tokens_use(tokens, PH_ROLE_HOST, "waste", token));
	ck_assert(!ph_tokens_use(tokens, PH_ROLE_HOST, "waste", token));
}
END_TEST

START_TEST(a_clients_name_is_its_own_affair)
{
	char token[PH_TOKEN_TEXT];
	ck_assert_int_eq(
	    ph_tokens_grant(tokens, PH_ROLE_CLIENT, "bench", token, NULL), PH_OK);
	ck_assert(ph_tokens_use(tokens, PH_ROLE_CLIENT, "other", token));
}
END_TEST

START_TEST(not_for_ever)
{
	char token[PH_TOKEN_TEXT];
	ck_assert_int_eq(
	    ph_tokens_grant(tokens, PH_ROLE_CLIENT, "x", token, NULL), PH_OK);
	now_ms += 60000;
	ck_assert(!ph_tokens_use(tokens, PH_ROLE_CLIENT, "x", token));
}
END_TEST

START_TEST(only_so_many)
{
	char token[PH_TOKEN_TEXT];
	for (int i = 0; i < PH_TOKENS_MAX; i++)
		ck_assert_int_eq(
		    ph_tokens_grant(tokens, PH_ROLE_CLIENT, "x", token, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_tokens_grant(tokens, PH_ROLE_CLIENT, "x", token, NULL), PH_ERR_FULL);
	ck_assert(ph_tokens_use(tokens, PH_ROLE_CLIENT, "x", token));
	ck_assert_int_eq(
	    ph_tokens_grant(tokens, PH_ROLE_CLIENT, "x", token, NULL), PH_OK);
}
END_TEST

START_TEST(resume_tokens_outlive_the_broker)
{
	char token[PH_TOKEN_TEXT];
	ph_tokens_resume(tokens, PH_ROLE_HOST, "waste", "i1", token);
	ph_tokens_destroy(&tokens);
	ck_assert_int_eq(ph_tokens_new(&key, &script, 60000, &tokens, NULL), PH_OK);
	ck_assert(ph_tokens_resumes(tokens, PH_ROLE_HOST, "waste", "i1", token));
	ck_assert(!ph_tokens_resumes(tokens, PH_ROLE_HOST, "waste", "i2", token));
	ck_assert(!ph_tokens_resumes(tokens, PH_ROLE_HOST, "wastei", "1", token));
	ck_assert(!ph_tokens_resumes(tokens, PH_ROLE_CLIENT, "waste", "i1", token));
	token[3] = token[3] == 'a' ? 'b' : 'a';
	ck_assert(!ph_tokens_resumes(tokens, PH_ROLE_HOST, "waste", "i1", token));
}
END_TEST

START_TEST(the_key_is_made_once)
{
	char directory[] = "/tmp/ph-key.XXXXXX";
	char path[64];
	ph_sitekey one, two;
	struct stat about;
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(ph_sitekey_load(ph_fs_system(), directory, &one, NULL), PH_OK);
	ck_assert_int_eq(ph_sitekey_load(ph_fs_system(), directory, &two, NULL), PH_OK);
	ck_assert_mem_eq(&one, &two, sizeof one);
	ck_assert_mem_ne(one.token, one.mint, PH_SITEKEY_BYTES);
	(void) snprintf(path, sizeof path, "%s/site.key", directory);
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_uint_eq(about.st_mode & 0777, 0600);
	ck_assert_int_eq(truncate(path, 31), 0);
	ck_assert_int_eq(
	    ph_sitekey_load(ph_fs_system(), directory, &two, NULL), PH_ERR_DAMAGED);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(minted_ids)
{
	char one[32], two[32], small[8];
	ck_assert(ph_sitekey_mint(&key, "SR", "waste", "W-1", one, sizeof one));
	ck_assert(ph_sitekey_mint(&key, "SR", "waste", "W-1", two, sizeof two));
	ck_assert_str_eq(one, two);
	ck_assert_uint_eq(strlen(one), 3 + PH_MINT_DIGITS);
	ck_assert_int_eq(strncmp(one, "SR-", 3), 0);
	ck_assert_uint_eq(
	    strspn(one + 3, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), PH_MINT_DIGITS);
	ck_assert(ph_sitekey_mint(&key, "SR", "wasteW", "-1", two, sizeof two));
	ck_assert_str_ne(one, two);
	ck_assert(!ph_sitekey_mint(&key, "SR", "waste", "W-1", small, sizeof small));
}
END_TEST

/* Where the two parts meet must not matter to the sum, but must show in the fingerprint. */
START_TEST(fingerprints_tell_parts_apart)
{
	static const char text[600] = "abc";
	uint8_t one[PH_FINGERPRINT], two[PH_FINGERPRINT];
	static const size_t cuts[] = {0, 1, 2, 255, 256, 257, 599, 600};
	for (size_t i = 0; i + 1 < sizeof cuts / sizeof cuts[0]; i++) {
		ph_sitekey_print(&key, 'i', text, cuts[i], text + cuts[i],
		    sizeof text - cuts[i], one);
		ph_sitekey_print(&key, 'i', text, cuts[i + 1], text + cuts[i + 1],
		    sizeof text - cuts[i + 1], two);
		ck_assert_mem_ne(one, two, PH_FINGERPRINT);
	}
	ph_sitekey_print(&key, 'f', text, 3, "", 0, one);
	ph_sitekey_print(&key, 'i', text, 3, "", 0, two);
	ck_assert_mem_ne(one, two, PH_FINGERPRINT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("token");
	TCase *tests = tcase_create("tokens");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, once_and_for_its_holder);
	tcase_add_test(tests, a_clients_name_is_its_own_affair);
	tcase_add_test(tests, not_for_ever);
	tcase_add_test(tests, only_so_many);
	tcase_add_test(tests, resume_tokens_outlive_the_broker);
	tcase_add_test(tests, the_key_is_made_once);
	tcase_add_test(tests, minted_ids);
	tcase_add_test(tests, fingerprints_tell_parts_apart);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
