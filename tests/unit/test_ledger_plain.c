/* Which acceptances are known to have no row: never one that has. */
#include "broker/ledger_plain.h"

#include <stdlib.h>

#include "tests/unit/check_main.h"

static ph_ledger_plain *plain;

static void
begin(void)
{
	plain = calloc(1, sizeof *plain);
	ck_assert_ptr_nonnull(plain);
}

static void
end(void)
{
	free(plain);
}

START_TEST(only_what_was_noted_as_plain_is)
{
	for (uint64_t i = 1; i < 100; i++)
		ph_ledger_plain_note(plain, i, i % 3 == 0);
	for (uint64_t i = 1; i < 100; i++)
		ck_assert_int_eq(ph_ledger_is_plain(plain, i), i % 3 == 0);
	ck_assert(!ph_ledger_is_plain(plain, 0));
	ck_assert(!ph_ledger_is_plain(plain, 100));
	ck_assert(!ph_ledger_is_plain(plain, 3 + PH_LEDGER_PLAIN));
}
END_TEST

START_TEST(a_second_word_counts)
{
	ph_ledger_plain_note(plain, 5, true);
	ph_ledger_plain_note(plain, 5, false);
	ck_assert(!ph_ledger_is_plain(plain, 5));
	ph_ledger_plain_note(plain, 5, true);
	ck_assert(ph_ledger_is_plain(plain, 5));
}
END_TEST

START_TEST(the_oldest_are_forgotten)
{
	uint64_t last = 3 * (uint64_t) PH_LEDGER_PLAIN + 7;
	for (uint64_t i = 1; i <= last; i++)
		ph_ledger_plain_note(plain, i, true);
	ck_assert(ph_ledger_is_plain(plain, last));
	ck_assert(ph_ledger_is_plain(plain, last + 1 - PH_LEDGER_PLAIN));
	ck_assert(!ph_ledger_is_plain(plain, last - PH_LEDGER_PLAIN));
	/* and do not come back in the place of a new one */
	ph_ledger_plain_note(plain, last - PH_LEDGER_PLAIN, false);
	ck_assert(ph_ledger_is_plain(plain, last));
}
END_TEST

START_TEST(of_what_is_passed_over_nothing_is_known)
{
	for (uint64_t i = 1; i <= PH_LEDGER_PLAIN; i++)
		ph_ledger_plain_note(plain, i, true);
	ph_ledger_plain_note(plain, PH_LEDGER_PLAIN + 10, true);
	for (uint64_t i = 1; i < 10; i++)
		ck_assert(!ph_ledger_is_plain(plain, PH_LEDGER_PLAIN + i));
	ck_assert(ph_ledger_is_plain(plain, PH_LEDGER_PLAIN + 10));
	ck_assert(ph_ledger_is_plain(plain, PH_LEDGER_PLAIN));

	ph_ledger_plain_note(plain, 9 * (uint64_t) PH_LEDGER_PLAIN, true);
	ck_assert(!ph_ledger_is_plain(plain, 9 * (uint64_t) PH_LEDGER_PLAIN - 1));
	ck_assert(ph_ledger_is_plain(plain, 9 * (uint64_t) PH_LEDGER_PLAIN));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ledger_plain");
	TCase *tests = tcase_create("ledger_plain");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, only_what_was_noted_as_plain_is);
	tcase_add_test(tests, a_second_word_counts);
	tcase_add_test(tests, the_oldest_are_forgotten);
	tcase_add_test(tests, of_what_is_passed_over_nothing_is_known);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
