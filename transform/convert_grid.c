/*
 * convert_grid - osgb36: (latitude, longitude) <-> (easting, northing) in metres;
 * wgs84: (latitude, longitude) on both sides, checked.
 *
 * Both halves are there or none is. With zero=absent a pair of zeros means that there is none:
 * many systems write that.
 */
#include <string.h>

#include "transform/convert.h"
#include "transform/grid.h"

#define DEGREE_DECIMALS 7 /* about a centimetre */

typedef struct place {
	ph_grid *grid; /* NULL: wgs84 */
	unsigned decimals;
	bool zero_absent;
	bool shows_numbers;
} place;

static void
release_grid(void *grid)
{
	ph_grid *g = grid;
	ph_grid_destroy(&g);
}

static bool
load_common(ph_build *build, const ph_term *term, ph_convert *convert, place **out)
{
	place *p = ph_arena_zalloc(build->load->arena, sizeof(*p));
	if (p == NULL)
		return ph_load_no_memory(build->load);
	convert->state = p;
	p->shows_numbers = build->shows_numbers;
	if (build->arity != 2)
		return ph_term_fail(term,
		    "PH2210 %s needs a pair on both sides: (latitude, longitude)",
		    term->name);
	const ph_argument *a = ph_term_get(term, "zero");
	if (a != NULL && strcmp(a->text, "absent") != 0)
		return ph_scan_fail(
		    term->scan, a->at, "PH2211 the only choice is zero=absent");
	p->zero_absent = a != NULL;
	*out = p;
	return true;
}

static bool
load_osgb36(ph_build *build, const ph_term *term, ph_convert *convert)
{
	place *p;
	size_t decimals = 2;
	ph_error why;
	if (!load_common(build, term, convert, &p))
		return false;
	const ph_argument *a = ph_term_get(term, "decimals");
	if (a != NULL && !ph_convert_whole(term, a, 0, 3, &decimals))
		return false;
	p->decimals = (unsigned) decimals;
	if (ph_grid_new(&p->grid, &why) != PH_OK)
		return ph_term_fail(term, "PH2212 %s", why.text);
	convert->lossy = true;
	convert->note =
	    ph_grid_is_exact(p->grid)
		? "osgb36 uses the OSTN15 grid (within 0.1 m)"
		: "osgb36 uses the Helmert transformation (within 5 m): PROJ has "
		  "no OSTN15 grid here";
	return build->keep(build->self, p->grid, release_grid) ||
	       ph_load_no_memory(build->load);
}

static bool
load_wgs84(ph_build *build, const ph_term *term, ph_convert *convert)
{
	place *p;
	return load_common(build, term, convert, &p);
}

static bool
is_there(const ph_value *value)
{
	return value->kind != PH_VALUE_ABSENT && value->kind != PH_VALUE_NULL;
}

/* ON with both numbers read, STOP if there is nothing to convert. */
static ph_flow
read_pair(const place *p, ph_run *run, ph_tuple *tuple, double *a, double *b)
{
	const ph_value *x = &tuple->at[0], *y = &tuple->at[1];
	if (!is_there(x) && !is_there(y))
		return PH_FLOW_STOP;
	if (!is_there(x) || !is_there(y))
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2309 one half of the coordinates is missing");
	if (!ph_value_is_text(x) || !ph_value_is_text(y) ||
	    !ph_coordinate_read(x->text, x->length, a) ||
	    !ph_coordinate_read(y->text, y->length, b))
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2310 a coordinate is no plain number");
	if (p->zero_absent && *a == 0 && *b == 0) {
		*tuple = (ph_tuple){.count = 2};
		return PH_FLOW_STOP;
	}
	return PH_FLOW_ON;
}

static ph_flow
write_one(ph_run *run, ph_value *value, double number, unsigned decimals, bool trim,
    ph_value_kind kind)
{
	char text[32];
	ph_coordinate_write(number, decimals, trim, text);
	value->length = strlen(text);
	value->text = ph_arena_dup(ph_run_arena(run), text, value->length);
	value->kind = kind;
	return value->text == NULL ? ph_run_no_memory(run) : PH_FLOW_ON;
}

static ph_flow
osgb36_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const place *p = convert->state;
	double latitude, longitude, easting, northing;
	ph_flow flow = read_pair(p, run, tuple, &latitude, &longitude);
	if (flow != PH_FLOW_ON)
		return flow == PH_FLOW_STOP ? PH_FLOW_ON : flow;
	ph_error why;
	if (ph_grid_forward(p->grid, latitude, longitude, &easting, &northing, &why) !=
	    PH_OK)
		return ph_run_fail(
		    run, PH_POLICY_HOLD, "invalid", "PH2311 %s", why.text);
	ph_value_kind kind = p->shows_numbers ? PH_VALUE_NUMBER : PH_VALUE_STRING;
	if (write_one(run, &tuple->at[0], easting, p->decimals, false, kind) !=
	    PH_FLOW_ON)
		return PH_FLOW_FAIL;
	return write_one(run, &tuple->at[1], northing, p->decimals, false, kind);
}

static ph_flow
osgb36_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const place *p = convert->state;
	double latitude, longitude, easting, northing;
	ph_flow flow = read_pair(p, run, tuple, &easting, &northing);
	if (flow != PH_FLOW_ON)
		return flow == PH_FLOW_STOP ? PH_FLOW_ON : flow;
	ph_error why;
	if (ph_grid_back(p->grid, easting, northing, &latitude, &longitude, &why) !=
	    PH_OK)
		return ph_run_fail(
		    run, PH_POLICY_HOLD, "invalid", "PH2311 %s", why.text);
	if (write_one(run, &tuple->at[0], latitude, DEGREE_DECIMALS, true,
		PH_VALUE_NUMBER) != PH_FLOW_ON)
		return PH_FLOW_FAIL;
	return write_one(
	    run, &tuple->at[1], longitude, DEGREE_DECIMALS, true, PH_VALUE_NUMBER);
}

const ph_convert_class ph_convert_osgb36 = {.name = "osgb36",
    .help = "osgb36(decimals=DIGITS, zero=absent)",
    .load = load_osgb36,
    .out = osgb36_out,
    .in = osgb36_in};

static ph_flow
check_wgs84(const place *p, ph_run *run, ph_tuple *tuple, ph_value_kind kind)
{
	double latitude, longitude;
	ph_flow flow = read_pair(p, run, tuple, &latitude, &longitude);
	if (flow != PH_FLOW_ON)
		return flow == PH_FLOW_STOP ? PH_FLOW_ON : flow;
	if (latitude < -90 || latitude > 90 || longitude < -180 || longitude > 180)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2312 the coordinates are not on the globe (latitude first)");
	tuple->at[0].kind = tuple->at[1].kind = kind;
	return PH_FLOW_ON;
}

static ph_flow
wgs84_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const place *p = convert->state;
	return check_wgs84(
	    p, run, tuple, p->shows_numbers ? PH_VALUE_NUMBER : PH_VALUE_STRING);
}

static ph_flow
wgs84_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return check_wgs84(convert->state, run, tuple, PH_VALUE_NUMBER);
}

const ph_convert_class ph_convert_wgs84 = {.name = "wgs84",
    .help = "wgs84(zero=absent)",
    .load = load_wgs84,
    .out = wgs84_out,
    .in = wgs84_in};
