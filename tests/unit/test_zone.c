/* Time zones: offsets, the two odd hours, rules after the last transition, damaged files. */
#include <string.h>

#include "lib/base/fs.h"
#include "tests/unit/check_main.h"
#include "transform/zone.h"

static int64_t
at(int64_t year, unsigned month, unsigned day, int64_t hour, int64_t minute)
{
	return ph_days_of(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static ph_zone *
zone(const char *name)
{
	ph_zone *out = NULL;
	ph_error err;
	ck_assert_msg(
	    ph_zone_load(name, &out, &err) == PH_OK, "%s: %s", name, err.text);
	return out;
}

START_TEST(days)
{
	int64_t year;
	unsigned month, day;
	ck_assert_int_eq(ph_days_of(1970, 1, 1), 0);
	ck_assert_int_eq(ph_days_of(2000, 2, 29), 11016);
	ck_assert_int_eq(ph_days_of(1969, 12, 31), -1);
	for (int64_t n = -800000; n < 800000; n += 97) {
		ph_date_of(n, &year, &month, &day);
		ck_assert_int_eq(ph_days_of(year, month, day), n);
		ck_assert_uint_le(day, ph_days_in_month(year, month));
	}
	ck_assert_uint_eq(ph_days_in_month(1900, 2), 28);
	ck_assert_uint_eq(ph_days_in_month(2024, 2), 29);
}
END_TEST

START_TEST(offsets)
{
	ph_zone *london = zone("Europe/London"), *utc = zone("UTC"),
		*york = zone("America/New_York"), *sydney = zone("Australia/Sydney");
	ck_assert_int_eq(ph_zone_offset(utc, at(2024, 7, 1, 0, 0)), 0);
	ck_assert_int_eq(ph_zone_offset(london, at(2024, 1, 1, 0, 0)), 0);
	ck_assert_int_eq(ph_zone_offset(london, at(2024, 7, 1, 0, 0)), 3600);
	ck_assert_int_eq(ph_zone_offset(london, at(2024, 3, 31, 1, 0) - 1), 0);
	ck_assert_int_eq(ph_zone_offset(london, at(2024, 3, 31, 1, 0)), 3600);
	ck_assert_int_eq(ph_zone_offset(london, at(2024, 10, 27, 1, 0) - 1), 3600);
	ck_assert_int_eq(ph_zone_offset(london, at(2024, 10, 27, 1, 0)), 0);
	/* all year long, 1968 to 1971 */
	ck_assert_int_eq(ph_zone_offset(london, at(1969, 1, 1, 0, 0)), 3600);
	/* by the rule at the file's end */
	ck_assert_int_eq(ph_zone_offset(london, at(2199, 7, 1, 0, 0)), 3600);
	ck_assert_int_eq(ph_zone_offset(london, at(2199, 12, 1, 0, 0)), 0);
	ck_assert_int_eq(ph_zone_offset(york, at(2199, 7, 1, 0, 0)), -4 * 3600);
	ck_assert_int_eq(ph_zone_offset(sydney, at(2199, 1, 1, 0, 0)), 11 * 3600);
	ck_assert_int_eq(ph_zone_offset(sydney, at(2199, 7, 1, 0, 0)), 10 * 3600);
	ph_zone_destroy(&london);
	ph_zone_destroy(&utc);
	ph_zone_destroy(&york);
	ph_zone_destroy(&sydney);
}
END_TEST

START_TEST(odd_hours)
{
	ph_zone *london = zone("Europe/London");
	int64_t utc = 0, gap = at(2024, 3, 31, 1, 30), twice = at(2024, 10, 27, 1, 30);
#define INSTANT(local, g, o) ph_zone_instant(london, (local), (g), (o), &utc, NULL)
	ck_assert_int_eq(INSTANT(gap, PH_GAP_REFUSE, PH_OVERLAP_FIRST), PH_ERR_INVALID);
	ck_assert_int_eq(INSTANT(gap, PH_GAP_LATER, PH_OVERLAP_REFUSE), PH_OK);
	ck_assert_int_eq(utc, at(2024, 3, 31, 1, 30));
	ck_assert_int_eq(INSTANT(gap, PH_GAP_EARLIER, PH_OVERLAP_REFUSE), PH_OK);
	ck_assert_int_eq(utc, at(2024, 3, 31, 0, 30));
	ck_assert_int_eq(
	    INSTANT(twice, PH_GAP_LATER, PH_OVERLAP_REFUSE), PH_ERR_INVALID);
	ck_assert_int_eq(INSTANT(twice, PH_GAP_REFUSE, PH_OVERLAP_FIRST), PH_OK);
	ck_assert_int_eq(utc, at(2024, 10, 27, 0, 30));
	ck_assert_int_eq(INSTANT(twice, PH_GAP_REFUSE, PH_OVERLAP_SECOND), PH_OK);
	ck_assert_int_eq(utc, at(2024, 10, 27, 1, 30));
	/* every other hour of two years is a plain one */
	for (int64_t t = at(2023, 1, 1, 0, 0); t < at(2025, 1, 1, 0, 0); t += 1800) {
		int64_t local = t + ph_zone_offset(london, t);
		ph_status status = INSTANT(local, PH_GAP_REFUSE, PH_OVERLAP_REFUSE);
		if (status == PH_OK)
			ck_assert_int_eq(utc, t);
		else
			ck_assert_int_eq(local % 86400 / 3600, 1);
	}
	ph_zone_destroy(&london);
}
END_TEST

START_TEST(names)
{
	static const char *const bad[] = {"", "/etc/passwd", "../../../etc/passwd",
	    "Europe/Atlantis", "Europe", "a\nb", "Europe/London "};
	ph_zone *out = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(ph_zone_load(bad[i], &out, NULL) != PH_OK, "%s", bad[i]);
}
END_TEST

/* A damaged file is refused or read, never run over. */
START_TEST(damaged)
{
	char *bytes;
	size_t length;
	ph_zone *out = NULL;
	ck_assert_int_eq(ph_fs_slurp("/usr/share/zoneinfo/Europe/London", 1 << 20,
			     &bytes, &length, NULL),
	    PH_OK);
	for (size_t cut = 0; cut < length; cut += 7) {
		char *exact = malloc(cut + 1);
		memcpy(exact, bytes, cut);
		ck_assert_int_eq(
		    ph_zone_decode(exact, cut, &out, NULL), PH_ERR_INVALID);
		free(exact);
	}
	for (size_t i = 0; i < length; i++) {
		char was = bytes[i];
		bytes[i] = (char) 0xff;
		if (ph_zone_decode(bytes, length, &out, NULL) == PH_OK) {
			(void) ph_zone_offset(out, at(2050, 1, 1, 0, 0));
			(void) ph_zone_offset(out, 0);
			ph_zone_destroy(&out);
		}
		bytes[i] = was;
	}
	free(bytes);
}
END_TEST

static Suite *
zone_suite(void)
{
	Suite *suite = suite_create("zone");
	TCase *tests = tcase_create("zone");
	tcase_add_test(tests, days);
	tcase_add_test(tests, offsets);
	tcase_add_test(tests, odd_hours);
	tcase_add_test(tests, names);
	tcase_add_test(tests, damaged);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(zone_suite());
}
