/* Books and back-off: small sums that must come out right. */
#include <stdbool.h>

#include "broker/backoff.h"
#include "broker/books.h"
#include "tests/unit/check_main.h"

START_TEST(balance)
{
	ph_books books = {.accepted = 10, .replayed = 2};
	ck_assert_int_eq(ph_books_balance(&books, 12), 0);
	books = (ph_books){.accepted = 10,
	    .replayed = 2,
	    .moved_in = 5,
	    .delivered = 3,
	    .duplicate = 1,
	    .dead = 4,
	    .discarded = 1,
	    .expired = 1,
	    .erased = 1,
	    .moved_out = 2};
	ck_assert_int_eq(ph_books_balance(&books, 4), 0);
	ck_assert_int_eq(ph_books_balance(&books, 3), 1);
	ck_assert_int_eq(ph_books_balance(&books, 5), -1);
}
END_TEST

START_TEST(sums)
{
	ph_books sum = {.accepted = 1, .delivered = 1};
	ph_books more = {.accepted = 2, .dead = 2};
	ph_books_add(&sum, &more);
	ck_assert_uint_eq(sum.accepted, 3);
	ck_assert_uint_eq(sum.dead, 2);
	ck_assert_int_eq(ph_books_balance(&sum, 0), 0);
}
END_TEST

START_TEST(waits_grow_to_their_limit)
{
	static const int64_t expected[] = {1000, 1000, 1500, 2250, 3375, 5000, 5000};
	const ph_site_retry retry = {
	    .first_ms = 1000, .max_ms = 5000, .factor_percent = 150};
	for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
		ck_assert_int_eq(ph_backoff_plain(&retry, i), expected[i]);
	ck_assert_int_eq(ph_backoff_plain(&retry, 4000000), 5000);
}
END_TEST

START_TEST(chance_moves_them_a_fifth_at_most)
{
	const ph_site_retry retry = {
	    .first_ms = 1000, .max_ms = 1000, .factor_percent = 200};
	bool moved = false;
	for (int i = 0; i < 200; i++) {
		int64_t wait_ms = ph_backoff(&retry, 1);
		ck_assert(wait_ms >= 800 && wait_ms <= 1200);
		moved = moved || wait_ms != 1000;
	}
	ck_assert(moved);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("books");
	TCase *tests = tcase_create("books");
	tcase_add_test(tests, balance);
	tcase_add_test(tests, sums);
	tcase_add_test(tests, waits_grow_to_their_limit);
	tcase_add_test(tests, chance_moves_them_a_fifth_at_most);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
