/* The window of duplicates: repeats, conflicts, forgetting the oldest first. */
#include <string.h>

#include "broker/duplicate.h"
#include "tests/unit/check_main.h"

static ph_sitekey key;

static void
print(uint64_t number, uint8_t out[PH_FINGERPRINT])
{
	ph_sitekey_print(&key, 'i', &number, sizeof number, "", 0, out);
}

static void
setup(void)
{
	static const uint8_t secret[PH_SITEKEY_BYTES] = {1, 2, 3};
	ph_sitekey_derive(secret, &key);
}

START_TEST(repeats_and_conflicts)
{
	ph_duplicates *window = NULL;
	uint8_t id[PH_FINGERPRINT], one[PH_FINGERPRINT], other[PH_FINGERPRINT];
	uint64_t acceptance = 99;
	print(1, id);
	print(2, one);
	print(3, other);
	ck_assert_int_eq(ph_duplicates_new(100, &window, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, one, &acceptance), PH_REPEAT_NO);
	ck_assert_uint_eq(acceptance, 99);
	ph_duplicates_add(window, id, one, 42);
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, one, &acceptance), PH_REPEAT_SAME);
	ck_assert_uint_eq(acceptance, 42);
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, other, &acceptance), PH_REPEAT_CONFLICT);
	ph_duplicates_destroy(&window);
}
END_TEST

START_TEST(the_oldest_are_forgotten)
{
	ph_duplicates *window = NULL;
	const size_t capacity = 5000;
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	ck_assert_int_eq(ph_duplicates_new(capacity, &window, NULL), PH_OK);
	for (uint64_t n = 1; n <= 30000; n++) {
		print(n, id);
		ph_duplicates_add(window, id, id, n);
	}
	ck_assert_uint_eq(ph_duplicates_count(window), capacity);
	for (uint64_t n = 1; n <= 30000; n++) {
		print(n, id);
		bool kept = n > 30000 - capacity;
		ck_assert_int_eq(ph_duplicates_look(window, id, id, &acceptance),
		    kept ? PH_REPEAT_SAME : PH_REPEAT_NO);
		if (kept)
			ck_assert_uint_eq(acceptance, n);
	}
	ph_duplicates_destroy(&window);
}
END_TEST

START_TEST(the_same_again_takes_no_room)
{
	ph_duplicates *window = NULL;
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	print(1, id);
	ck_assert_int_eq(ph_duplicates_new(10, &window, NULL), PH_OK);
	ph_duplicates_add(window, id, id, 1);
	ph_duplicates_add(window, id, id, 2);
	ck_assert_uint_eq(ph_duplicates_count(window), 1);
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, id, &acceptance), PH_REPEAT_SAME);
	ck_assert_uint_eq(acceptance, 2);
	ph_duplicates_destroy(&window);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("duplicate");
	TCase *tests = tcase_create("window");
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, repeats_and_conflicts);
	tcase_add_test(tests, the_oldest_are_forgotten);
	tcase_add_test(tests, the_same_again_takes_no_room);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
