/* Cross-references in memory: never behind what was journalled, and no larger than they must be. */
#include <stdio.h>
#include <string.h>

#include "broker/xref.h"
#include "tests/unit/check_main.h"

static ph_xref *xref;

static void
setup(void)
{
	ck_assert_int_eq(ph_xref_new(8, &xref, NULL), PH_OK);
}

static void
teardown(void)
{
	ph_xref_destroy(&xref);
}

static ph_xref_answer
look(ph_xref_kind kind, const char *system, const char *key, const char **value)
{
	return ph_xref_look(xref, kind, "service-request", system, key, value);
}

START_TEST(bound_both_ways)
{
	const char *value = NULL;
	ck_assert_int_eq(look(PH_XREF_CANONICAL, "waste", "W-1", &value), PH_XREF_ASK);
	ck_assert_int_eq(
	    ph_xref_bind(xref, "service-request", "waste", "W-1", "SR-1", 100, NULL),
	    PH_OK);
	ck_assert_int_eq(
	    look(PH_XREF_CANONICAL, "waste", "W-1", &value), PH_XREF_FOUND);
	ck_assert_str_eq(value, "SR-1");
	ck_assert_int_eq(look(PH_XREF_KEY, "waste", "SR-1", &value), PH_XREF_FOUND);
	ck_assert_str_eq(value, "W-1");
	ck_assert_int_eq(look(PH_XREF_EXISTS, "crm", "SR-1", &value), PH_XREF_FOUND);
	ck_assert_int_eq(look(PH_XREF_CANONICAL, "crm", "W-1", &value), PH_XREF_ASK);
}
END_TEST

START_TEST(the_newest_key_of_an_id)
{
	const char *value = NULL;
	(void) ph_xref_bind(xref, "service-request", "waste", "W-1", "SR-1", 100, NULL);
	(void) ph_xref_bind(xref, "service-request", "waste", "W-2", "SR-1", 200, NULL);
	ck_assert_int_eq(look(PH_XREF_KEY, "waste", "SR-1", &value), PH_XREF_FOUND);
	ck_assert_str_eq(value, "W-2");
	ck_assert_int_eq(
	    look(PH_XREF_CANONICAL, "waste", "W-1", &value), PH_XREF_FOUND);
}
END_TEST

START_TEST(absence_ends_with_a_binding)
{
	const char *value = NULL;
	ph_xref_learn(xref, PH_XREF_CANONICAL, "service-request", "waste", "W-9", NULL);
	ck_assert_int_eq(
	    look(PH_XREF_CANONICAL, "waste", "W-9", &value), PH_XREF_ABSENT);
	(void) ph_xref_bind(xref, "service-request", "waste", "W-9", "SR-9", 100, NULL);
	ck_assert_int_eq(
	    look(PH_XREF_CANONICAL, "waste", "W-9", &value), PH_XREF_FOUND);
	/* A late answer of the ledger does not undo it. */
	ph_xref_learn(xref, PH_XREF_CANONICAL, "service-request", "waste", "W-9", NULL);
	ck_assert_int_eq(
	    look(PH_XREF_CANONICAL, "waste", "W-9", &value), PH_XREF_FOUND);
}
END_TEST

START_TEST(nothing_goes_before_the_ledger_has_it)
{
	const char *value = NULL;
	char key[32];
	for (unsigned i = 0; i < 1000; i++) {
		(void) snprintf(key, sizeof key, "W-%u", i);
		(void) ph_xref_bind(
		    xref, "service-request", "waste", key, "SR-1", i + 1, NULL);
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void) snprintf(key, sizeof key, "W-%u", i);
		ck_assert_int_eq(
		    look(PH_XREF_CANONICAL, "waste", key, &value), PH_XREF_FOUND);
	}
	ph_xref_applied(xref, 501);
	ck_assert_uint_eq(ph_xref_ahead(xref), 3 * 500);
	ck_assert_int_eq(look(PH_XREF_CANONICAL, "waste", "W-10", &value), PH_XREF_ASK);
	ck_assert_int_eq(
	    look(PH_XREF_CANONICAL, "waste", "W-500", &value), PH_XREF_FOUND);
	ph_xref_applied(xref, 400); /* never backwards */
	ph_xref_applied(xref, 1001);
	ck_assert_uint_eq(ph_xref_ahead(xref), 0);
}
END_TEST

START_TEST(parts_are_told_apart)
{
	const char *value = NULL;
	(void) ph_xref_bind(xref, "a", "bc", "d", "X-1", 1, NULL);
	ck_assert_int_eq(
	    ph_xref_look(xref, PH_XREF_CANONICAL, "ab", "c", "d", &value), PH_XREF_ASK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("xref");
	TCase *tests = tcase_create("xref");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, bound_both_ways);
	tcase_add_test(tests, the_newest_key_of_an_id);
	tcase_add_test(tests, absence_ends_with_a_binding);
	tcase_add_test(tests, nothing_goes_before_the_ledger_has_it);
	tcase_add_test(tests, parts_are_told_apart);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
