/*
 * convert_number - number, boolean. Numbers keep their text: nothing passes through a double.
 */
#include "transform/convert.h"

#include <string.h>

static bool
load_number(ph_build *build, const ph_term *term, ph_convert *convert)
{
	(void) term;
	bool *shows = ph_arena_zalloc(build->load->arena, sizeof(*shows));
	if (shows == NULL)
		return ph_load_no_memory(build->load);
	*shows = build->shows_numbers;
	convert->state = shows;
	return true;
}

static ph_flow
check_number(ph_run *run, const ph_value *value)
{
	if (value->kind != PH_VALUE_BOOLEAN &&
	    ph_number_valid(value->text, value->length))
		return PH_FLOW_ON;
	return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
	    "PH2304 this is no number as 12, -3.5 or 6e4");
}

static ph_flow
number_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const bool *shows = convert->state;
	if (check_number(run, &tuple->at[0]) != PH_FLOW_ON)
		return PH_FLOW_FAIL;
	tuple->at[0].kind = *shows ? PH_VALUE_NUMBER : PH_VALUE_STRING;
	return PH_FLOW_ON;
}

static ph_flow
number_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	if (check_number(run, &tuple->at[0]) != PH_FLOW_ON)
		return PH_FLOW_FAIL;
	tuple->at[0].kind = PH_VALUE_NUMBER;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_number = {.name = "number",
    .help = "number",
    .each = true,
    .load = load_number,
    .out = number_out,
    .in = number_in};

typedef struct words {
	const char *yes, *no;
} words;

static bool
load_boolean(ph_build *build, const ph_term *term, ph_convert *convert)
{
	words *w = ph_arena_zalloc(build->load->arena, sizeof(*w));
	if (w == NULL)
		return ph_load_no_memory(build->load);
	const ph_argument *yes = ph_term_at(term, 0), *no = ph_term_at(term, 1);
	if ((yes == NULL) != (no == NULL))
		return ph_term_fail(
		    term, "PH2206 boolean needs both words: boolean(\"Y\", \"N\")");
	w->yes = yes == NULL ? "true" : yes->text;
	w->no = no == NULL ? "false" : no->text;
	convert->state = w;
	return true;
}

static ph_flow
boolean_as(ph_run *run, ph_value *value, const char *const from[2],
    const char *const to[2], ph_value_kind kind)
{
	for (size_t i = 0; i < 2; i++)
		if (ph_value_is(value, from[i])) {
			value->text = to[i];
			value->length = strlen(to[i]);
			value->kind = kind;
			return PH_FLOW_ON;
		}
	return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
	    "PH2305 this is none of the two words of boolean");
}

static ph_flow
boolean_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const words *w = convert->state;
	const char *const own[] = {"true", "false"}, *const theirs[] = {w->yes, w->no};
	ph_value_kind kind =
	    strcmp(w->yes, "true") == 0 ? PH_VALUE_BOOLEAN : PH_VALUE_STRING;
	return boolean_as(run, &tuple->at[0], own, theirs, kind);
}

static ph_flow
boolean_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const words *w = convert->state;
	const char *const own[] = {"true", "false"}, *const theirs[] = {w->yes, w->no};
	return boolean_as(run, &tuple->at[0], theirs, own, PH_VALUE_BOOLEAN);
}

const ph_convert_class ph_convert_boolean = {.name = "boolean",
    .help = "boolean(\"YES\", \"NO\")",
    .each = true,
    .load = load_boolean,
    .out = boolean_out,
    .in = boolean_in};
