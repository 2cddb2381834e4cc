/*
 * convert - the table of conversions, and how one is loaded and run.
 */
#include "transform/convert.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

static const ph_convert_class *const classes[] = {&ph_convert_boolean, &ph_convert_case,
    &ph_convert_codes, &ph_convert_default, &ph_convert_first_line, &ph_convert_fit,
    &ph_convert_geojson, &ph_convert_hash, &ph_convert_join, &ph_convert_keys,
    &ph_convert_known, &ph_convert_list, &ph_convert_match, &ph_convert_mint,
    &ph_convert_number, &ph_convert_osgb36, &ph_convert_pad, &ph_convert_plain,
    &ph_convert_prefix, &ph_convert_replace, &ph_convert_split,
    &ph_convert_strip_control, &ph_convert_template, &ph_convert_text, &ph_convert_time,
    &ph_convert_trim, &ph_convert_values, &ph_convert_wgs84, &ph_convert_wkt,
    &ph_convert_xref};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static const char *const names[] = {"boolean", "case", "codes", "default", "first-line",
    "fit", "geojson", "hash", "join", "keys", "known", "list", "match", "mint",
    "number", "osgb36", "pad", "plain", "prefix", "replace", "split", "strip-control",
    "template", "text", "time", "trim", "values", "wgs84", "wkt", "xref", "when", NULL};

const ph_convert_class *
ph_convert_find(const char *name)
{
	for (size_t i = 0; i < CLASSES; i++)
		if (strcmp(classes[i]->name, name) == 0)
			return classes[i];
	return NULL;
}

const char *const *
ph_convert_names(void)
{
	return names;
}

static bool
check_direction(
    const ph_build *build, const ph_term *term, const ph_convert_class *class)
{
	if (class->plain) {
		bool both = build->directions == (PH_FLOWS_OUT | PH_FLOWS_IN);
		return !both || class->in != NULL ||
		       ph_term_fail(term,
			   "PH2202 what %s does has no way back: use it in a <- or -> "
			   "link",
			   class->name);
	}
	if ((build->directions & PH_FLOWS_OUT) != 0 && class->out == NULL)
		return ph_term_fail(term,
		    "PH2202 %s works from vendor to canonical only: use it in a <- "
		    "link",
		    class->name);
	if ((build->directions & PH_FLOWS_IN) != 0 && class->in == NULL)
		return ph_term_fail(term,
		    "PH2202 %s works from canonical to vendor only: use it in a -> "
		    "link",
		    class->name);
	return true;
}

bool
ph_convert_load(ph_build *build, const ph_term *term, ph_convert *out)
{
	const ph_convert_class *class = ph_convert_find(term->name);
	if (class == NULL) {
		const char *near = ph_nearest(term->name, names);
		return ph_term_fail(term, "PH2201 unknown conversion %s%s%s%s",
		    term->name, near == NULL ? "" : "; did you mean ",
		    near == NULL ? "" : near, near == NULL ? "" : "?");
	}
	*out = (ph_convert){
	    .class = class, .at = term->at, .swapped = class->plain && build->reversed};
	if (class->each && build->arity != 1)
		return ph_term_fail(term, "PH2222 %s works on one value, here are %zu",
		    class->name, build->arity);
	return check_direction(build, term, class) && class->load(build, term, out) &&
	       ph_term_finish(term, class->help);
}

static ph_flow
run_one(const ph_convert *convert, unsigned direction, ph_run *run, ph_tuple *tuple)
{
	ph_flow (*function)(const ph_convert *, ph_run *, ph_tuple *) =
	    (direction == PH_FLOWS_OUT) != convert->swapped ? convert->class->out
							    : convert->class->in;
	PH_ASSERT(function != NULL);
	return function(convert, run, tuple);
}

static bool
passes(const ph_value *value)
{
	return value->kind == PH_VALUE_ABSENT || value->kind == PH_VALUE_NULL;
}

/* Each item of a value of many by itself; the items are copied, as the document may be read
 * again by another link. */
static ph_flow
run_items(const ph_convert *convert, unsigned direction, ph_run *run, ph_value *value)
{
	ph_value *items =
	    ph_arena_alloc(ph_run_arena(run), value->count * sizeof(*items));
	if (items == NULL)
		return ph_run_no_memory(run);
	memcpy(items, value->items, value->count * sizeof(*items));
	value->items = items;
	ph_flow stopped = PH_FLOW_ON;
	for (uint32_t i = 0; i < value->count; i++) {
		if (passes(&items[i]))
			continue;
		ph_tuple one = {.count = 1, .at = {items[i]}};
		ph_flow flow = run_one(convert, direction, run, &one);
		if (flow == PH_FLOW_STOP)
			stopped = flow;
		else if (flow != PH_FLOW_ON)
			return flow;
		items[i] = one.at[0];
	}
	return stopped;
}

ph_flow
ph_convert_run(
    const ph_convert *convert, unsigned direction, ph_run *run, ph_tuple *tuple)
{
	if (!convert->class->each)
		return run_one(convert, direction, run, tuple);
	PH_ASSERT(tuple->count == 1);
	if (passes(&tuple->at[0]))
		return PH_FLOW_ON;
	if (tuple->at[0].kind == PH_VALUE_MANY)
		return run_items(convert, direction, run, &tuple->at[0]);
	return run_one(convert, direction, run, tuple);
}

static ph_policy
policy_of(const char *word)
{
	static const char *const words[] = {
	    "hold", "reject", "ignore", "retry", "deny", "default", "drop", "keep"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], word) == 0)
			return (ph_policy) i;
	PH_UNREACHABLE("a policy that is in no list");
}

bool
ph_convert_policy(const ph_term *term, const char *const *allowed, ph_policy fallback,
    ph_policy *out, const char **value)
{
	const ph_argument *a = ph_term_get(term, "unknown");
	*out = fallback;
	if (a == NULL)
		return true;
	for (size_t i = 0; allowed[i] != NULL; i++) {
		if (a->string || strcmp(allowed[i], a->text) != 0)
			continue;
		*out = policy_of(a->text);
		if ((*out == PH_POLICY_DEFAULT) != a->call)
			break;
		if (a->call)
			*value = a->inner;
		return true;
	}
	char list[160] = "";
	for (size_t i = 0; allowed[i] != NULL; i++) {
		strcat(list, i > 0 ? ", " : "");
		strcat(list, allowed[i]);
		strcat(list, strcmp(allowed[i], "default") == 0 ? "(\"...\")" : "");
	}
	return ph_scan_fail(term->scan, a->at, "PH2203 unknown= is one of %s", list);
}

bool
ph_convert_whole(const ph_term *term, const ph_argument *argument, size_t least,
    size_t most, size_t *out)
{
	if (argument == NULL || argument->string || argument->call ||
	    argument->length > 9 ||
	    strspn(argument->text, "0123456789") != argument->length)
		return ph_scan_fail(term->scan,
		    argument == NULL ? term->at : argument->at,
		    "PH2204 %s needs a whole number here", term->name);
	*out = (size_t) strtoul(argument->text, NULL, 10);
	if (*out < least || *out > most)
		return ph_scan_fail(term->scan, argument->at,
		    "PH2204 a number from %zu to %zu is wanted here", least, most);
	return true;
}
