/* table: against a plain model, in order, with the published hash. */
#include "lib/base/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"

static ph_table *
fresh(void)
{
	ph_table *table = NULL;
	ck_assert_int_eq(ph_table_new(&table, NULL), PH_OK);
	return table;
}

START_TEST(siphash_vectors)
{
	/* the first, second, eighth, ninth and sixteenth of the authors' test vectors */
	static const struct {
		size_t length;
		uint64_t hash;
	} vectors[] = {
	    {0, UINT64_C(0x726fdb47dd0e0e31)},
	    {1, UINT64_C(0x74f839c593dc67fd)},
	    {7, UINT64_C(0xab0200f58b01d137)},
	    {8, UINT64_C(0x93f5f5799a932462)},
	    {15, UINT64_C(0xa129ca6149be45e5)},
	};
	uint8_t key[16];
	uint8_t bytes[16];
	for (uint8_t i = 0; i < 16; i++)
		key[i] = bytes[i] = i;
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
		ck_assert_uint_eq(
		    ph_siphash(key, bytes, vectors[i].length), vectors[i].hash);
}
END_TEST

START_TEST(an_empty_table)
{
	ph_table *table = fresh();
	size_t cursor = 0;
	ck_assert_ptr_null(ph_table_gets(table, "x"));
	ck_assert_ptr_null(ph_table_remove(table, "x", 1));
	ck_assert_ptr_null(ph_table_next(table, &cursor, NULL, NULL));
	ck_assert_uint_eq(ph_table_count(table), 0);
	ph_table_destroy(&table, NULL);
	ck_assert_ptr_null(table);
	ph_table_destroy(&table, NULL);
}
END_TEST

START_TEST(keys_are_bytes_and_are_copied)
{
	ph_table *table = fresh();
	int one = 1;
	int two = 2;
	int three = 3;
	char key[] = "a\0b";
	ck_assert_int_eq(ph_table_put(table, key, 3, &one, NULL), PH_OK);
	ck_assert_int_eq(ph_table_put(table, key, 1, &two, NULL), PH_OK);
	ck_assert_int_eq(ph_table_put(table, NULL, 0, &three, NULL), PH_OK);
	memset(key, 'z', sizeof key);
	ck_assert_ptr_eq(ph_table_get(table, "a\0b", 3), &one);
	ck_assert_ptr_eq(ph_table_gets(table, "a"), &two);
	ck_assert_ptr_eq(ph_table_gets(table, ""), &three);
	ck_assert_ptr_null(ph_table_get(table, "a\0c", 3));
	ck_assert_int_eq(ph_table_puts(table, "a", &three, NULL), PH_OK);
	ck_assert_ptr_eq(ph_table_gets(table, "a"), &three);
	ck_assert_uint_eq(ph_table_count(table), 3);
	ph_table_destroy(&table, NULL);
}
END_TEST

START_TEST(as_a_plain_model_through_many_changes)
{
	enum { KEYS = 400, ROUNDS = 20000 };
	static int values[KEYS];
	static int present[KEYS];
	ph_table *table = fresh();
	uint32_t random = 12345;
	size_t count = 0;
	for (int round = 0; round < ROUNDS; round++) {
		random = random * 1664525 + 1013904223;
		size_t which = random >> 8 & 0xffff;
		which %= KEYS;
		char key[32];
		snprintf(key, sizeof key, "key-%zu", which);
		if ((random >> 28) < 7) {
			ck_assert_int_eq(
			    ph_table_puts(table, key, &values[which], NULL), PH_OK);
			count += present[which] == 0;
			present[which] = 1;
		} else {
			void *gone = ph_table_remove(table, key, strlen(key));
			ck_assert_ptr_eq(gone, present[which] ? &values[which] : NULL);
			count -= present[which] != 0;
			present[which] = 0;
		}
		ck_assert_uint_eq(ph_table_count(table), count);
	}
	for (size_t i = 0; i < KEYS; i++) {
		char key[32];
		snprintf(key, sizeof key, "key-%zu", i);
		ck_assert_ptr_eq(
		    ph_table_gets(table, key), present[i] ? &values[i] : NULL);
	}
	ph_table_destroy(&table, NULL);
}
END_TEST

START_TEST(iteration_is_in_order_also_while_removing)
{
	ph_table *table = fresh();
	static int values[1000];
	for (int i = 0; i < 1000; i++) {
		char key[16];
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(ph_table_puts(table, key, &values[i], NULL), PH_OK);
	}
	size_t cursor = 0;
	int at = 0;
	const void *key = NULL;
	size_t length = 0;
	for (int *value; (value = ph_table_next(table, &cursor, &key, &length)) != NULL;
	     at++) {
		ck_assert_ptr_eq(value, &values[at]);
		ck_assert_int_eq(atoi(key), at);
		if (at % 3 == 0)
			ck_assert_ptr_eq(ph_table_remove(table, key, length), value);
	}
	ck_assert_int_eq(at, 1000);
	cursor = 0;
	int left = 0;
	while (ph_table_next(table, &cursor, NULL, NULL) != NULL)
		left++;
	ck_assert_int_eq(left, 666);
	ck_assert_uint_eq(ph_table_count(table), 666);
	ph_table_destroy(&table, NULL);
}
END_TEST

START_TEST(values_are_destroyed_when_asked)
{
	ph_table *table = fresh();
	for (int i = 0; i < 20; i++) {
		char key[16];
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(ph_table_puts(table, key, malloc(8), NULL), PH_OK);
	}
	free(ph_table_remove(table, "7", 1));
	/* the leak checker looks on */
	ph_table_destroy(&table, free);
}
END_TEST

static Suite *
table_suite(void)
{
	Suite *suite = suite_create("table");
	TCase *cases = tcase_create("table");
	tcase_add_test(cases, siphash_vectors);
	tcase_add_test(cases, an_empty_table);
	tcase_add_test(cases, keys_are_bytes_and_are_copied);
	tcase_add_test(cases, as_a_plain_model_through_many_changes);
	tcase_add_test(cases, iteration_is_in_order_also_while_removing);
	tcase_add_test(cases, values_are_destroyed_when_asked);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(table_suite());
}
