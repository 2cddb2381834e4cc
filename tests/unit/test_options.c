/* options: the table is sane, values stay inside it. */
#include "lib/base/options.h"

#include <string.h>

#include "tests/unit/check_main.h"

START_TEST(every_limit_is_well_described)
{
	for (size_t i = 0; i < PH_OPTION_COUNT; i++) {
		const ph_option_about *about = ph_option_describe((ph_option) i);
		ck_assert_msg(
		    about->least <= about->fallback && about->fallback <= about->most,
		    "%s: its default is outside its limits", about->name);
		ck_assert_uint_gt(strlen(about->meaning), 10);
		ck_assert_uint_eq(strspn(about->name, "abcdefghijklmnopqrstuvwxyz-"),
		    strlen(about->name));
		ck_assert_msg(strcmp(about->unit, "bytes") == 0 ||
				  strcmp(about->unit, "ms") == 0 ||
				  strcmp(about->unit, "s") == 0 ||
				  strcmp(about->unit, "count") == 0,
		    "%s: unit %s", about->name, about->unit);
		ph_option found;
		ck_assert_int_eq(ph_option_find(about->name, &found, NULL), PH_OK);
		ck_assert_msg((size_t) found == i, "%s is there twice", about->name);
	}
}
END_TEST

START_TEST(values_start_at_their_defaults_and_stay_in_range)
{
	ph_options options;
	ph_options_init(&options);
	ck_assert_int_eq(ph_options_get(&options, PH_OPTION_TRIES), 12);
	ck_assert_int_eq(ph_options_set(&options, PH_OPTION_TRIES, 1, NULL), PH_OK);
	ck_assert_int_eq(ph_options_get(&options, PH_OPTION_TRIES), 1);
	ph_error err;
	ck_assert_int_eq(
	    ph_options_set(&options, PH_OPTION_TRIES, 0, &err), PH_ERR_INVALID);
	ck_assert_str_eq(err.text, "tries must be between 1 and 1000 (count)");
	ck_assert_int_eq(
	    ph_options_set(&options, PH_OPTION_TRIES, 1001, &err), PH_ERR_INVALID);
	ck_assert_int_eq(ph_options_get(&options, PH_OPTION_TRIES), 1);
}
END_TEST

START_TEST(unknown_names_are_not_found)
{
	ph_option option = PH_OPTION_TRIES;
	ck_assert_int_eq(ph_option_find("trys", &option, NULL), PH_ERR_NOT_FOUND);
	ck_assert_int_eq(ph_option_find("", &option, NULL), PH_ERR_NOT_FOUND);
	ck_assert_int_eq(option, PH_OPTION_TRIES);
}
END_TEST

static Suite *
options_suite(void)
{
	Suite *suite = suite_create("options");
	TCase *cases = tcase_create("options");
	tcase_add_test(cases, every_limit_is_well_described);
	tcase_add_test(cases, values_start_at_their_defaults_and_stay_in_range);
	tcase_add_test(cases, unknown_names_are_not_found);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(options_suite());
}
