/* Code tables: what is refused when they are loaded, with line and column. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"
#include "transform/codes.h"

static map_fixture fixture;
static char path[128];

static void
setup(void)
{
	map_fixture_init(&fixture);
	snprintf(path, sizeof path, "%s/codes/t.csv", fixture.folder);
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static ph_codes *
load(const char *text, ph_error *err)
{
	static const char *const canonical[] = {"canonical"}, *const vendor[] = {"x"};
	ph_codes *codes = NULL;
	map_fixture_file(&fixture, "codes/t.csv", text);
	memset(err, 0, sizeof *err);
	return ph_codes_load(path, canonical, 1, vendor, 1, &codes, err) == PH_OK
		   ? codes
		   : NULL;
}

START_TEST(refused)
{
	static const struct {
		const char *text, *place, *code;
	} rows[] = {
	    {"canonical,y,in,out\na,b,*,*\n", "t.csv:2:1", "PH2102"},
	    {"canonical,x,in,out\na,b,x,*\n", "t.csv:2:5", "PH2103"},
	    {"canonical,x,in,out\n(ignore),b,*,*\n", "t.csv:2:1", "PH2104"},
	    {"canonical,x,in,out\na,(ignore),*,*\n", "t.csv:2:1", "PH2104"},
	    {"canonical,x,in,out\na,b,*,*\nc,b,*,*\n", "t.csv:3:3", "PH2106"},
	    {"canonical,x,in,out\na,b,*,*\na,c,*,*\n", "t.csv:3:1", "PH2106"},
	    {"canonical,x,in,out\na,b,,*\n", "t.csv:2:3", "PH2107"},
	    {"canonical,x,in,out\na,b,*,\n", "t.csv:2:1", "PH2107"},
	    {"canonical,x\na,b\na,c\n", "t.csv:3:1", "PH2106"},
	    {"canonical,x,in,out\n", "t.csv", "PH2101"},
	};
	ph_error err;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_ptr_null(load(rows[i].text, &err));
		ck_assert_msg(
		    strncmp(err.text, rows[i].code, 6) == 0, "%zu: %s", i, err.text);
		const char *end = strstr(err.where, "t.csv");
		ck_assert_msg(end != NULL && strcmp(end, rows[i].place) == 0,
		    "%zu: %s: %s", i, err.where, err.text);
	}
}
END_TEST

START_TEST(one_way)
{
	ph_error err;
	ph_codes *codes = load("\xef\xbb\xbf"
			       "canonical,x,out\na,b,*\nc,b,*\n",
	    &err);
	ck_assert_msg(codes != NULL, "%s", err.text);
	ck_assert(!ph_codes_goes_in(codes));
	ck_assert(ph_codes_goes_out(codes));
	ph_codes_destroy(&codes);
	codes = load("canonical,x\na,b\nc,d\n", &err);
	ck_assert(ph_codes_goes_in(codes) && ph_codes_goes_out(codes));
	ck_assert(!ph_codes_is_lossy(codes));
	ph_codes_destroy(&codes);
}
END_TEST

START_TEST(hostile_keys)
{
	ph_error err;
	char big[2000];
	ph_codes *codes = load("canonical,x,in,out\na,b,*,*\n", &err);
	memset(big, 'x', sizeof big);
	ph_tuple tuple = {.count = 1, .at = {ph_value_text(big, sizeof big)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &tuple), PH_CODES_UNKNOWN);
	tuple = (ph_tuple){.count = 1, .at = {ph_value_text("b\x1f", 2)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &tuple), PH_CODES_UNKNOWN);
	tuple = (ph_tuple){.count = 1, .at = {ph_value_text("b", 1)}};
	ck_assert_int_eq(ph_codes_translate(codes, true, &tuple), PH_CODES_FOUND);
	ck_assert_str_eq(tuple.at[0].text, "a");
	ph_codes_destroy(&codes);
}
END_TEST

static Suite *
codes_suite(void)
{
	Suite *suite = suite_create("codes");
	TCase *tests = tcase_create("tables");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, refused);
	tcase_add_test(tests, one_way);
	tcase_add_test(tests, hostile_keys);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(codes_suite());
}
