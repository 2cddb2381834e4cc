/* error: filled, cut at a character, kept to one line, wrapped in itself. */
#include <packhorse/error.h>

#include <errno.h>
#include <string.h>

#include "lib/base/text.h"
#include "tests/unit/check_main.h"

START_TEST(every_status_has_its_own_word)
{
	for (int i = PH_OK; i <= PH_ERR_NOMEM; i++) {
		const char *name = ph_status_name((ph_status) i);
		ck_assert_str_ne(name, "unknown");
		for (int j = PH_OK; j < i; j++)
			ck_assert_str_ne(name, ph_status_name((ph_status) j));
	}
	ck_assert_str_eq(ph_status_name((ph_status) 99), "unknown");
	ck_assert_str_eq(ph_status_name(PH_ERR_NOT_FOUND), "not-found");
}
END_TEST

START_TEST(a_failure_is_filled_and_returned)
{
	ph_error err;
	ck_assert_int_eq(
	    ph_fail(&err, PH_ERR_FULL, "queue %s holds %d", "waste", 9), PH_ERR_FULL);
	ck_assert_int_eq(err.status, PH_ERR_FULL);
	ck_assert_int_eq(err.sys_errno, 0);
	ck_assert_str_eq(err.where, "");
	ck_assert_str_eq(err.text, "queue waste holds 9");

	ck_assert_int_eq(ph_fail_at(&err, PH_ERR_INVALID, "a.yaml:3:1", "no such key"),
	    PH_ERR_INVALID);
	ck_assert_str_eq(err.where, "a.yaml:3:1");
	ck_assert_str_eq(err.text, "no such key");

	ck_assert_int_eq(
	    ph_fail_errno(&err, ENOENT, "cannot open %s", "a.yaml"), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, ENOENT);
	ck_assert_str_eq(err.where, "");
	ck_assert_str_eq(err.text, "cannot open a.yaml: No such file or directory");
}
END_TEST

START_TEST(nobody_needs_to_listen)
{
	ck_assert_int_eq(ph_fail(NULL, PH_ERR_AGAIN, "x"), PH_ERR_AGAIN);
	ck_assert_int_eq(ph_fail_at(NULL, PH_ERR_AGAIN, "x", "y"), PH_ERR_AGAIN);
	ck_assert_int_eq(ph_fail_errno(NULL, EIO, "x"), PH_ERR_IO);
}
END_TEST

START_TEST(an_error_may_wrap_itself)
{
	ph_error err;
	ph_fail_at(&err, PH_ERR_INVALID, "line 3", "bad date");
	ph_fail_at(&err, err.status, err.where, "in map highways: %s", err.text);
	ck_assert_str_eq(err.where, "line 3");
	ck_assert_str_eq(err.text, "in map highways: bad date");
	ph_fail(&err, PH_ERR_DENIED, "%s", err.text);
	ck_assert_str_eq(err.text, "in map highways: bad date");
}
END_TEST

START_TEST(control_characters_become_spaces)
{
	ph_error err;
	ph_fail_at(&err, PH_ERR_INVALID, "a\nb", "one\r\ntwo\tthree\x7f");
	ck_assert_str_eq(err.where, "a b");
	ck_assert_str_eq(err.text, "one  two three ");
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
	/* for each phase of a character of `_i` bytes against the end of the text */
	static const char *const characters[] = {
	    "", "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xb4"};
	char text[2000];
	for (size_t shift = 0; shift < 4; shift++) {
		size_t length = 0;
		while (length < shift)
			text[length++] = '.';
		while (length + 4 < sizeof text) {
			memcpy(text + length, characters[_i], (size_t) _i);
			length += (size_t) _i;
		}
		text[length] = '\0';
		ph_error err;
		ph_fail_at(&err, PH_ERR_INVALID, text, "%s", text);
		ck_assert(ph_utf8_valid(err.text, strlen(err.text), NULL));
		ck_assert_uint_gt(strlen(err.text) + 4, PH_ERROR_TEXT - 1);
		ck_assert(ph_utf8_valid(err.where, strlen(err.where), NULL));
		ck_assert_uint_gt(strlen(err.where) + 4, PH_ERROR_WHERE - 1);
		ph_fail_errno(&err, EIO, "%s", text);
		ck_assert(ph_utf8_valid(err.text, strlen(err.text), NULL));
	}
}
END_TEST

static Suite *
error_suite(void)
{
	Suite *suite = suite_create("error");
	TCase *cases = tcase_create("error");
	tcase_add_test(cases, every_status_has_its_own_word);
	tcase_add_test(cases, a_failure_is_filled_and_returned);
	tcase_add_test(cases, nobody_needs_to_listen);
	tcase_add_test(cases, an_error_may_wrap_itself);
	tcase_add_test(cases, control_characters_become_spaces);
	tcase_add_loop_test(cases, long_texts_are_cut_between_characters, 1, 5);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(error_suite());
}
