/* How many a minute, by a clock that the test moves. */
#include "broker/rate.h"

#include "lib/base/clock.h"
#include "tests/unit/check_main.h"

#define SECOND INT64_C(1000)
#define START  (INT64_C(123456) * SECOND)

static int64_t now_ms;

static int64_t
scripted(void *self)
{
	(void) self;
	return now_ms;
}

static const ph_clock script = {scripted, scripted, NULL};
static ph_rate rate;

static void
setup(void)
{
	now_ms = START;
	ph_rate_init(&rate, ph_clock_mono(&script));
}

/* So many, one each `every_ms`. */
static void
happen(unsigned count, int64_t every_ms)
{
	for (unsigned i = 0; i < count; i++) {
		ph_rate_count(&rate, ph_clock_mono(&script));
		now_ms += every_ms;
	}
}

static uint64_t
a_minute(void)
{
	return ph_rate_minute(&rate, ph_clock_mono(&script));
}

START_TEST(nothing_is_nothing)
{
	ck_assert_uint_eq(a_minute(), 0);
	now_ms += 3600 * SECOND;
	ck_assert_uint_eq(a_minute(), 0);
}
END_TEST

START_TEST(the_first_minute_is_taken_as_one)
{
	happen(41, 100);
	ck_assert_uint_eq(a_minute(), 41);
	now_ms = START + 55 * SECOND;
	ck_assert_uint_eq(a_minute(), 41);
}
END_TEST

START_TEST(a_steady_flow_is_told_from_the_second_minute_on)
{
	happen(120, SECOND); /* two minutes of one each second */
	ck_assert_uint_ge(a_minute(), 55);
	ck_assert_uint_le(a_minute(), 60);
	happen(3600, SECOND);
	ck_assert_uint_ge(a_minute(), 59);
	ck_assert_uint_le(a_minute(), 62);
}
END_TEST

START_TEST(what_is_old_is_forgotten)
{
	happen(1000, 1);
	now_ms = START + 4 * 60 * SECOND;
	ck_assert_uint_ge(a_minute(), 240);
	ck_assert_uint_le(a_minute(), 250);
	now_ms = START + 6 * 60 * SECOND;
	ck_assert_uint_eq(a_minute(), 0);
	/* also when the ring's places come around again */
	happen(1, 0);
	ck_assert_uint_eq(a_minute(), 1);
	now_ms += 100 * 60 * SECOND;
	happen(5, 0);
	ck_assert_uint_eq(a_minute(), 1);
	now_ms += PH_RATE_SLOTS * PH_RATE_SLOT_MS;
	happen(10, 0);
	ck_assert_uint_eq(a_minute(), 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rate");
	TCase *tests = tcase_create("rate");
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, nothing_is_nothing);
	tcase_add_test(tests, the_first_minute_is_taken_as_one);
	tcase_add_test(tests, a_steady_flow_is_told_from_the_second_minute_on);
	tcase_add_test(tests, what_is_old_is_forgotten);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
