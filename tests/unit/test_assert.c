/* assert: our own mistakes end the program. */
#include "lib/base/assert.h"

#include <signal.h>

#include "tests/unit/check_main.h"

#define WIDGET_MAGIC 0x57494447u

typedef struct widget {
	uint32_t magic;
	int value;
} widget;

START_TEST(a_true_assertion_is_silent)
{
	PH_ASSERT(1 + 1 == 2);
}
END_TEST

START_TEST(a_false_assertion_aborts)
{
	PH_ASSERT(1 + 1 == 3);
}
END_TEST

START_TEST(the_unreachable_aborts)
{
	PH_UNREACHABLE("the road ends here");
}
END_TEST

START_TEST(a_cast_gives_the_object_back)
{
	widget one = {.magic = WIDGET_MAGIC, .value = 7};
	void *opaque = &one;
	ck_assert_int_eq(PH_CAST(widget, opaque, WIDGET_MAGIC)->value, 7);
}
END_TEST

START_TEST(a_cast_of_another_type_aborts)
{
	widget one = {.magic = 1, .value = 7};
	void *opaque = &one;
	ck_assert_int_eq(PH_CAST(widget, opaque, WIDGET_MAGIC)->value, 7);
}
END_TEST

static Suite *
assert_suite(void)
{
	Suite *suite = suite_create("assert");
	TCase *cases = tcase_create("assert");
	tcase_add_test(cases, a_true_assertion_is_silent);
	tcase_add_test_raise_signal(cases, a_false_assertion_aborts, SIGABRT);
	tcase_add_test_raise_signal(cases, the_unreachable_aborts, SIGABRT);
	tcase_add_test(cases, a_cast_gives_the_object_back);
	tcase_add_test_raise_signal(cases, a_cast_of_another_type_aborts, SIGABRT);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(assert_suite());
}
