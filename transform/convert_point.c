/*
 * convert_point - wkt: (latitude, longitude) <-> "POINT (longitude latitude)";
 * geojson: (latitude, longitude) <-> [longitude, latitude].
 *
 * Both forms write x before y. After osgb36 the pair is (easting, northing), which is x before y
 * already: then `xy` says so. A third number, a height, is read and left out.
 */
#include <ctype.h>
#include <string.h>

#include "transform/convert.h"
#include "transform/grid.h"

typedef struct point {
	bool xy;
} point;

static bool
load_point(ph_build *build, const ph_term *term, ph_convert *convert)
{
	point *p = ph_arena_zalloc(build->load->arena, sizeof(*p));
	if (p == NULL)
		return ph_load_no_memory(build->load);
	convert->state = p;
	p->xy = ph_term_flag(term, "xy");
	if (build->reversed ? build->arity != 1 : build->arity != 2)
		return ph_term_fail(term,
		    "PH2210 %s needs a pair on the canonical side and one field on the "
		    "vendor's: (lat, long) <-> field",
		    term->name);
	build->arity = build->reversed ? 2 : 1;
	return true;
}

/* Both there, as numbers; STOP if neither is. */
static ph_flow
check_pair(ph_run *run, const ph_tuple *tuple)
{
	size_t there = 0;
	for (size_t i = 0; i < 2; i++)
		there += tuple->at[i].kind != PH_VALUE_ABSENT &&
			 tuple->at[i].kind != PH_VALUE_NULL;
	if (there == 0)
		return PH_FLOW_STOP;
	if (there == 1)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2309 one half of the coordinates is missing");
	for (size_t i = 0; i < 2; i++) {
		double number;
		const ph_value *value = &tuple->at[i];
		if (!ph_value_is_text(value) ||
		    !ph_coordinate_read(value->text, value->length, &number))
			return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
			    "PH2310 a coordinate is no plain number");
	}
	return PH_FLOW_ON;
}

static void
swap(const point *p, ph_tuple *tuple)
{
	ph_value first = tuple->at[0];
	if (p->xy)
		return;
	tuple->at[0] = tuple->at[1];
	tuple->at[1] = first;
}

/* ---- wkt ---- */

static ph_flow
wkt_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	ph_flow flow = check_pair(run, tuple);
	if (flow != PH_FLOW_ON) {
		*tuple = (ph_tuple){.count = 1};
		return flow == PH_FLOW_STOP ? PH_FLOW_ON : flow;
	}
	swap(convert->state, tuple);
	uint32_t flags = ph_tuple_flags(tuple);
	const char *text = ph_arena_printf(ph_run_arena(run), "POINT (%.*s %.*s)",
	    (int) tuple->at[0].length, tuple->at[0].text, (int) tuple->at[1].length,
	    tuple->at[1].text);
	if (text == NULL)
		return ph_run_no_memory(run);
	*tuple = (ph_tuple){.count = 1, .at = {ph_value_text(text, strlen(text))}};
	tuple->at[0].flags = flags;
	return PH_FLOW_ON;
}

static const char *
space(const char *at)
{
	while (isspace((unsigned char) *at))
		at++;
	return at;
}

/* "POINT", "SRID=n;POINT", "POINT Z", in any case; up to behind the '('; NULL. */
static const char *
begin_point(const char *at)
{
	static const char word[] = "POINT";
	at = space(at);
	const char *semicolon = strchr(at, ';');
	if ((at[0] | 32) == 's' && semicolon != NULL)
		at = space(semicolon + 1);
	for (size_t i = 0; word[i] != 0; i++, at++)
		if (*at == 0 || (*at & ~32) != word[i])
			return NULL;
	at = space(at);
	if ((*at | 32) == 'z')
		at = space(at + 1);
	return *at == '(' ? at + 1 : NULL;
}

static ph_flow
wkt_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	ph_value whole = tuple->at[0];
	*tuple = (ph_tuple){.count = 2};
	if (whole.kind == PH_VALUE_ABSENT || whole.kind == PH_VALUE_NULL)
		return PH_FLOW_ON;
	const char *at = ph_value_is_text(&whole) ? begin_point(whole.text) : NULL;
	size_t count = 0;
	while (at != NULL && count < 3 && *(at = space(at)) != ')' && *at != 0) {
		size_t length = strcspn(at, " \t\r\n)");
		if (count < 2) {
			const char *copy = ph_arena_dup(ph_run_arena(run), at, length);
			if (copy == NULL)
				return ph_run_no_memory(run);
			tuple->at[count] = ph_value_text(copy, length);
			tuple->at[count].flags = whole.flags;
			tuple->at[count].kind = PH_VALUE_NUMBER;
		}
		at += length;
		count++;
	}
	if (at == NULL || count < 2 || *space(at) != ')' || *space(space(at) + 1) != 0)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2332 this is no point in WKT: POINT (x y)");
	if (check_pair(run, tuple) != PH_FLOW_ON)
		return PH_FLOW_FAIL;
	swap(convert->state, tuple);
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_wkt = {
    .name = "wkt", .help = "wkt(xy)", .load = load_point, .out = wkt_out, .in = wkt_in};

/* ---- geojson ---- */

static ph_flow
geojson_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	ph_flow flow = check_pair(run, tuple);
	if (flow != PH_FLOW_ON) {
		*tuple = (ph_tuple){.count = 1};
		return flow == PH_FLOW_STOP ? PH_FLOW_ON : flow;
	}
	swap(convert->state, tuple);
	for (size_t i = 0; i < 2; i++)
		tuple->at[i].kind = PH_VALUE_NUMBER;
	return ph_convert_pack(run, tuple);
}

static ph_flow
geojson_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	if (ph_convert_unpack(run, tuple, 3) != PH_FLOW_ON)
		return PH_FLOW_FAIL;
	tuple->count = 2;
	ph_flow flow = check_pair(run, tuple);
	if (flow != PH_FLOW_ON)
		return flow == PH_FLOW_STOP ? PH_FLOW_ON : flow;
	swap(convert->state, tuple);
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_geojson = {.name = "geojson",
    .help = "geojson(xy)",
    .load = load_point,
    .out = geojson_out,
    .in = geojson_in};
