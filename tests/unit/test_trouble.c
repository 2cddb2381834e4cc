/* What comes again and again: told once, when it changes, now and then, and after it was over. */
#include "broker/trouble.h"

#include <errno.h>

#include "tests/unit/check_main.h"

#define MINUTE INT64_C(60000)

static bool
due(ph_trouble *trouble, int number, const char *file, int64_t now_ms)
{
	ph_error why;
	(void) ph_fail_errno(&why, number, "cannot write %s", file);
	return ph_trouble_due(trouble, &why, now_ms);
}

START_TEST(the_first_is_told_and_the_next_is_not)
{
	ph_trouble trouble = {.told_ms = 0};
	ck_assert(due(&trouble, ENOSPC, "1", 5));
	ck_assert(!due(&trouble, ENOSPC, "2", 205));
	ck_assert(!due(&trouble, ENOSPC, "3", 5 + MINUTE - 1));
	ck_assert(due(&trouble, ENOSPC, "4", 5 + MINUTE));
	ck_assert(!due(&trouble, ENOSPC, "5", 5 + MINUTE + 1));
}
END_TEST

START_TEST(another_reason_is_told)
{
	ph_trouble trouble = {.told_ms = 0};
	ph_error damaged;
	(void) ph_fail(&damaged, PH_ERR_DAMAGED, "PH5340");
	ck_assert(due(&trouble, ENOSPC, "1", 5));
	ck_assert(due(&trouble, EACCES, "1", 6));
	ck_assert(ph_trouble_due(&trouble, &damaged, 7));
	ck_assert(!ph_trouble_due(&trouble, &damaged, 8));
}
END_TEST

START_TEST(after_it_was_over_it_is_told)
{
	ph_trouble trouble = {.told_ms = 0};
	ck_assert(due(&trouble, ENOSPC, "1", 5));
	ph_trouble_over(&trouble);
	ck_assert(due(&trouble, ENOSPC, "1", 6));
}
END_TEST

static Suite *
trouble_suite(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tests = tcase_create("trouble");
	tcase_add_test(tests, the_first_is_told_and_the_next_is_not);
	tcase_add_test(tests, another_reason_is_told);
	tcase_add_test(tests, after_it_was_over_it_is_told);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(trouble_suite());
}
