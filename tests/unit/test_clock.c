/* clock: RFC 3339 both ways, leap days, the edges of what can be shown. */
#include "lib/base/clock.h"

#include <string.h>

#include "tests/unit/check_main.h"

static const struct {
	const char *text;
	int64_t ms;
} good[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:00.001Z", 1},
    {"1969-12-31T23:59:59.999Z", -1},
    {"2026-11-23T04:19:00.123Z", 1795407540123},
    {"2026-11-23t04:19:00.123z", 1795407540123},
    {"2026-11-23T04:19:00Z", 1795407540000},
    {"2026-11-23T04:19:00.1Z", 1795407540100},
    {"2026-11-23T04:19:00.12Z", 1795407540120},
    {"2026-11-23T04:19:00.1234Z", 1795407540123},
    {"2026-11-23T04:19:00.12345Z", 1795407540123},
    {"2026-11-23T04:19:00.123456Z", 1795407540123},
    {"2026-11-23T04:19:00.1234567Z", 1795407540123},
    {"2026-11-23T04:19:00.12345678Z", 1795407540123},
    {"2026-11-23T04:19:00.999999999Z", 1795407540999},
    {"2026-11-23T05:19:00+01:00", 1795407540000},
    {"2026-11-22T22:49:00-05:30", 1795407540000},
    {"2026-11-23T04:19:00+00:00", 1795407540000},
    {"2026-11-23T04:19:00-00:00", 1795407540000},
    {"2024-02-29T12:00:00Z", 1709208000000},
    {"2000-02-29T00:00:00Z", 951782400000},
    {"2000-03-01T00:00:00Z", 951868800000},
    {"1900-03-01T00:00:00Z", -2203891200000},
    {"2016-12-31T23:59:60Z", 1483228800000},
    {"2016-12-31T23:59:60.500Z", 1483228800000},
    {"0000-01-01T00:00:00Z", -62167219200000},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
};

START_TEST(times_that_are_read)
{
	int64_t ms = 0;
	ph_error err;
	ph_status status =
	    ph_time_parse(good[_i].text, strlen(good[_i].text), &ms, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", good[_i].text, err.text);
	ck_assert_msg(ms == good[_i].ms, "%s gave %lld", good[_i].text, (long long) ms);
}
END_TEST

static const char *const bad[] = {
    "",
    "2026",
    "2026-11-23",
    "2026-11-23T04:19:00",
    "2026-11-23 04:19:00Z",
    "2026-11-23T04:19Z",
    "2026-11-23T04:19:00.Z",
    "2026-11-23T04:19:00.1234567890Z",
    "2026-11-23T04:19:00,5Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T23:60:00Z",
    "2026-11-23T23:59:61Z",
    "2026-11-23T04:19:00+0100",
    "2026-11-23T04:19:00+01",
    "2026-11-23T04:19:00+24:00",
    "2026-11-23T04:19:00+01:60",
    "2026-11-23T04:19:00ZZ",
    "2026-11-23T04:19:00Z ",
    " 2026-11-23T04:19:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-11-00T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "26-11-23T04:19:00Z",
    "2026-1-23T04:19:00Z",
    "+026-11-23T04:19:00Z",
    "2026-11-23T-4:19:00Z",
};

START_TEST(times_that_are_refused)
{
	int64_t ms = 77;
	ph_error err;
	ck_assert_msg(
	    ph_time_parse(bad[_i], strlen(bad[_i]), &ms, &err) == PH_ERR_INVALID,
	    "\"%s\" was read", bad[_i]);
	ck_assert_int_eq(ms, 77);
	ck_assert_int_eq(err.status, PH_ERR_INVALID);
}
END_TEST

START_TEST(only_the_given_length_is_read)
{
	int64_t ms = 0;
	ck_assert_int_eq(
	    ph_time_parse("1970-01-01T00:00:00Zgarbage", 20, &ms, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_time_parse("1970-01-01T00:00:00Z", 19, &ms, NULL), PH_ERR_INVALID);
}
END_TEST

START_TEST(shown_and_read_back)
{
	/* a step without a common divisor with the day, over four centuries */
	for (int64_t ms = INT64_C(-11676096000000); ms < INT64_C(4102444800000);
	     ms += INT64_C(86399987) * 97) {
		char text[PH_TIME_TEXT];
		ph_time_format(ms, text);
		ck_assert_uint_eq(strlen(text), 24);
		int64_t back = 0;
		ck_assert_int_eq(ph_time_parse(text, strlen(text), &back, NULL), PH_OK);
		ck_assert_msg(back == ms, "%s", text);
	}
}
END_TEST

START_TEST(shown_as_the_standard_says)
{
	char text[PH_TIME_TEXT];
	ph_time_format(1795407540123, text);
	ck_assert_str_eq(text, "2026-11-23T04:19:00.123Z");
	ph_time_format(-1, text);
	ck_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
	ph_time_format(1709251199999, text);
	ck_assert_str_eq(text, "2024-02-29T23:59:59.999Z");
	ph_time_format(INT64_MAX, text);
	ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
	ph_time_format(INT64_MIN, text);
	ck_assert_str_eq(text, "0000-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(the_system_clock_runs)
{
	const ph_clock *clock = ph_clock_system();
	int64_t before = ph_clock_mono(clock);
	ck_assert_int_ge(ph_clock_mono(clock), before);
	/* after this test was written, before the year 3000 */
	ck_assert_int_gt(ph_clock_wall(clock), INT64_C(1700000000000));
	ck_assert_int_lt(ph_clock_wall(clock), INT64_C(32503680000000));
}
END_TEST

static Suite *
clock_suite(void)
{
	Suite *suite = suite_create("clock");
	TCase *cases = tcase_create("clock");
	tcase_add_loop_test(
	    cases, times_that_are_read, 0, sizeof good / sizeof good[0]);
	tcase_add_loop_test(
	    cases, times_that_are_refused, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(cases, only_the_given_length_is_read);
	tcase_add_test(cases, shown_and_read_back);
	tcase_add_test(cases, shown_as_the_standard_says);
	tcase_add_test(cases, the_system_clock_runs);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(clock_suite());
}
