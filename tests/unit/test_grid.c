/* British National Grid against points that the Ordnance Survey publishes with OSTN15. */
#include <math.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "transform/grid.h"

#define METRES 5.0

static const struct point {
	double latitude, longitude, easting, northing;
} points[] = {
    {49.92226393730, -6.29977752014, 91492.146, 11318.804},   /* Scilly */
    {52.65797861, 1.71605194, 651409.804, 313177.450},	      /* Caister */
    {53.80021519630, -1.66379168242, 422242.186, 433818.701}, /* near Leeds */
    {59.53470794490, -1.62516966058, 421300.525, 1072147.239} /* Fair Isle */
};

START_TEST(there)
{
	const struct point *p = &points[_i];
	ph_grid *grid;
	double easting, northing;
	ck_assert_int_eq(ph_grid_new(&grid, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_grid_forward(grid, p->latitude, p->longitude, &easting, &northing, NULL),
	    PH_OK);
	double off = hypot(easting - p->easting, northing - p->northing);
	ck_assert_msg(off < (ph_grid_is_exact(grid) ? 0.1 : METRES), "%.2f m off", off);
	ph_grid_destroy(&grid);
	ck_assert_ptr_null(grid);
}
END_TEST

START_TEST(and_back)
{
	const struct point *p = &points[_i];
	ph_grid *grid;
	double latitude, longitude, easting, northing;
	ck_assert_int_eq(ph_grid_new(&grid, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_grid_back(grid, p->easting, p->northing, &latitude, &longitude, NULL),
	    PH_OK);
	ck_assert_double_eq_tol(latitude, p->latitude, 0.00005);
	ck_assert_double_eq_tol(longitude, p->longitude, 0.0001);
	ck_assert_int_eq(
	    ph_grid_forward(grid, latitude, longitude, &easting, &northing, NULL),
	    PH_OK);
	ck_assert_double_lt(hypot(easting - p->easting, northing - p->northing), 0.01);
	ph_grid_destroy(&grid);
}
END_TEST

START_TEST(never_outside)
{
	static const double places[][2] = {{48.99, 0}, {61.6, 0}, {54, -9.1}, {54, 2.2},
	    {0, 0}, {(double) NAN, 0}, {-53.7, 1.8}};
	ph_grid *grid;
	double x, y;
	ck_assert_int_eq(ph_grid_new(&grid, NULL), PH_OK);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		ck_assert_int_eq(
		    ph_grid_forward(grid, places[i][0], places[i][1], &x, &y, NULL),
		    PH_ERR_INVALID);
	ck_assert_int_eq(ph_grid_back(grid, 1e9, 1e9, &x, &y, NULL), PH_ERR_INVALID);
	ck_assert_int_eq(ph_grid_back(grid, -500000, 0, &x, &y, NULL), PH_ERR_INVALID);
	ph_grid_destroy(&grid);
}
END_TEST

START_TEST(coordinates_as_text)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {{"53.7226", 53.7226}, {"-1.8636", -1.8636}, {"0", 0}, {"0.00", 0},
	    {"409098.09", 409098.09}, {"53.72260000000000000000001", 53.7226},
	    {"0.0000001", 0.0000001}, {"-0.5", -0.5}};
	static const char *const bad[] = {"", "+1", "1e3", "1,5", ".5", "5.", "00.5",
	    "x", "12345678901234567890", "--1"};
	double value;
	char text[32];
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert(
		    ph_coordinate_read(good[i].text, strlen(good[i].text), &value));
		ck_assert_double_eq(value, good[i].value);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(
		    !ph_coordinate_read(bad[i], strlen(bad[i]), &value), "%s", bad[i]);
	ph_coordinate_write(409098.094999, 2, false, text);
	ck_assert_str_eq(text, "409098.09");
	ph_coordinate_write(-1.8636, 7, true, text);
	ck_assert_str_eq(text, "-1.8636");
	ph_coordinate_write(-0.00000001, 7, true, text);
	ck_assert_str_eq(text, "0");
	ph_coordinate_write(12.6, 0, true, text);
	ck_assert_str_eq(text, "13");
}
END_TEST

static Suite *
grid_suite(void)
{
	Suite *suite = suite_create("grid");
	TCase *tests = tcase_create("osgb36");
	int count = (int) (sizeof points / sizeof points[0]);
	tcase_add_loop_test(tests, there, 0, count);
	tcase_add_loop_test(tests, and_back, 0, count);
	tcase_add_test(tests, never_outside);
	tcase_add_test(tests, coordinates_as_text);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(grid_suite());
}
