/*
 * The cases of conform.h, held against every implementation of the store; and against stores with
 * mistakes, each of which has to be found by the case that is named for it.
 */
#include <string.h>

#include "tests/conform/kinds.h"
#include "tests/unit/check_main.h"

#define DEADLINE_MS  60000
#define IMPATIENT_MS 300 /* where waiting in vain is expected */

static const conform_kind *const kinds[] = {
    &conform_local, &conform_local_cut, &conform_local_brief, &conform_memory};

static const conform_case *
case_at(size_t index)
{
	return index < conform_case_count
		   ? &conform_cases[index]
		   : &conform_room_cases[index - conform_case_count];
}

static size_t
case_count(void)
{
	return conform_case_count + conform_room_case_count;
}

START_TEST(a_store_keeps_the_contract)
{
	const conform_kind *kind = kinds[(size_t) _i / case_count()];
	const conform_case *one = case_at((size_t) _i % case_count());
	char wrong[300];

	conform_run(kind, one, DEADLINE_MS, wrong);
	ck_assert_msg(wrong[0] == '\0', "%s: %s", one->name, wrong);
}
END_TEST

static const conform_case *
case_named(const char *name)
{
	for (size_t i = 0; i < case_count(); i++) {
		if (strcmp(case_at(i)->name, name) == 0)
			return case_at(i);
	}
	ck_abort_msg("no case is called %s", name);
	return NULL;
}

START_TEST(a_mistake_is_found)
{
	const conform_mutant *mutant = &conform_mutants[_i];
	char wrong[300];

	conform_run(conform_mutant_kind(mutant->mistake), case_named(mutant->caught_by),
	    IMPATIENT_MS, wrong);
	ck_assert_msg(
	    wrong[0] != '\0', "%s got through %s", mutant->mistake, mutant->caught_by);
}
END_TEST

static const char *const journal_mutants[] = {"no-sync", "early", "drop-when-full"};

/* The mistakes that the journal itself can be told to make. */
START_TEST(a_mistake_of_the_journal_is_found)
{
	static const char *const by[] = {"a_death_loses_nothing_durable",
	    "a_failure_is_for_good", "a_full_place_takes_outcomes_and_recovers"};
	char wrong[300];

	setenv("PACKHORSE_MUTANT", journal_mutants[_i], 1);
	conform_run(&conform_local_cut, case_named(by[_i]), IMPATIENT_MS, wrong);
	ck_assert_msg(
	    wrong[0] != '\0', "%s got through %s", journal_mutants[_i], by[_i]);
}
END_TEST

static Suite *
store_suite(void)
{
	Suite *suite = suite_create("store");
	TCase *tcase = tcase_create("store");

	tcase_add_loop_test(tcase, a_store_keeps_the_contract, 0,
	    (int) (case_count() * (sizeof kinds / sizeof *kinds)));
	tcase_add_loop_test(tcase, a_mistake_is_found, 0, (int) conform_mutant_count);
	tcase_add_loop_test(tcase, a_mistake_of_the_journal_is_found, 0,
	    (int) (sizeof journal_mutants / sizeof *journal_mutants));
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(store_suite());
}
