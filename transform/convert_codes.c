/*
 * convert_codes - codes (a table over the fields of a link), keys (a table over the names of a
 * name/value list) and values (lengths of its values).
 *
 * The table's columns are called like the vendor's fields (the last name of their path) and
 * `canonical`, or like the canonical fields where there are several.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/codes.h"
#include "transform/convert.h"

typedef struct coding {
	ph_codes *table;
	ph_policy policy;
	const char *stand_in; /* PH_POLICY_DEFAULT */
	size_t canonical_count, vendor_count;
} coding;

const ph_codes *
ph_convert_table(const ph_convert *convert)
{
	const coding *c = convert->state;
	return convert->class == &ph_convert_codes || convert->class == &ph_convert_keys
		   ? c->table
		   : NULL;
}

static void
release_codes(void *codes)
{
	ph_codes *c = codes;
	ph_codes_destroy(&c);
}

static bool
open_table(ph_build *build, const ph_term *term, const char *const *canonical,
    size_t canonical_count, const char *const *vendor, size_t vendor_count, coding *c)
{
	const ph_argument *a = ph_term_at(term, 0);
	ph_error why;
	if (a == NULL || a->call || a->context)
		return ph_term_fail(term, "PH2213 %s needs its table: %s(file.csv)",
		    term->name, term->name);
	const char *paths[PH_CODES_LAYERS + 1] = {NULL};
	if (ph_load_layers(build->load, "codes", a->text, paths, PH_CODES_LAYERS) == 0)
		return ph_scan_fail(term->scan, a->at,
		    "PH2214 there is no code table %s in codes/", a->text);
	ph_status status = ph_codes_load(
	    paths, canonical, canonical_count, vendor, vendor_count, &c->table, &why);
	if (status != PH_OK) {
		ph_load_fail_at(build->load, why.where, why.text);
		return false;
	}
	if (!build->keep(build->self, c->table, release_codes))
		return ph_load_no_memory(build->load);
	if ((build->directions & PH_FLOWS_IN) != 0 && !ph_codes_goes_in(c->table))
		return ph_scan_fail(term->scan, a->at,
		    "PH2215 the table has no column `in`: it does not go from vendor "
		    "to "
		    "canonical");
	if ((build->directions & PH_FLOWS_OUT) != 0 && !ph_codes_goes_out(c->table))
		return ph_scan_fail(term->scan, a->at,
		    "PH2215 the table has no column `out`: it does not go from "
		    "canonical to "
		    "vendor");
	return true;
}

static bool
load_codes(ph_build *build, const ph_term *term, ph_convert *convert)
{
	static const char *const policies[] = {
	    "hold", "reject", "ignore", "retry", "default", NULL};
	static const char *const one[] = {"canonical"};
	coding *c = ph_arena_zalloc(build->load->arena, sizeof(*c));
	if (c == NULL)
		return ph_load_no_memory(build->load);
	convert->state = c;
	c->canonical_count = build->canonical_count;
	c->vendor_count = build->vendor_count;
	size_t arriving = build->reversed ? c->vendor_count : c->canonical_count;
	if (build->arity != arriving)
		return ph_term_fail(term,
		    "PH2216 codes must come first in a chain that changes how many "
		    "values there are");
	if (!open_table(build, term, c->canonical_count == 1 ? one : build->canonical,
		c->canonical_count, build->vendor, c->vendor_count, c) ||
	    !ph_convert_policy(
		term, policies, PH_POLICY_HOLD, &c->policy, &c->stand_in))
		return false;
	if (c->policy == PH_POLICY_DEFAULT &&
	    (c->canonical_count != 1 || c->vendor_count != 1))
		return ph_term_fail(
		    term, "PH2217 a default needs one field on each side, not several");
	build->arity = build->reversed ? c->canonical_count : c->vendor_count;
	convert->lossy = ph_codes_is_lossy(c->table) || c->policy == PH_POLICY_DEFAULT;
	return true;
}

static ph_flow
unknown_code(const coding *c, ph_run *run)
{
	return ph_run_fail(run, c->policy, "unknown-code",
	    "PH2313 the code is not in the table %s", ph_codes_file(c->table));
}

static ph_flow
translate(const coding *c, ph_run *run, ph_tuple *tuple, bool inward)
{
	size_t leaving = inward ? c->canonical_count : c->vendor_count;
	bool null = tuple->count == 1 && tuple->at[0].kind == PH_VALUE_NULL;
	if (ph_tuple_absent(tuple) || null) {
		if (leaving != tuple->count)
			*tuple = (ph_tuple){.count = leaving};
		return PH_FLOW_ON;
	}
	uint32_t flags = ph_tuple_flags(tuple);
	switch (ph_codes_translate(c->table, inward, tuple)) {
	case PH_CODES_FOUND:
		return PH_FLOW_ON;
	case PH_CODES_IGNORE:
		return PH_FLOW_IGNORE;
	case PH_CODES_UNKNOWN:
		break;
	}
	if (ph_run_unmapped(run, ph_codes_file(c->table), tuple)) {
		*tuple = (ph_tuple){.count = leaving};
		return PH_FLOW_ON;
	}
	if (c->policy != PH_POLICY_DEFAULT)
		return unknown_code(c, run);
	ph_run_warn(run, "PH2313 a code is not in the table %s; the default stands in",
	    ph_codes_file(c->table));
	tuple->at[0] = ph_value_text(c->stand_in, strlen(c->stand_in));
	tuple->at[0].flags = flags;
	return PH_FLOW_ON;
}

/* A repeated field is translated item by item if it is the only one. */
static ph_flow
translate_each(const coding *c, ph_run *run, ph_tuple *tuple, bool inward)
{
	if (tuple->count != 1 || tuple->at[0].kind != PH_VALUE_MANY)
		return translate(c, run, tuple, inward);
	if ((inward ? c->canonical_count : c->vendor_count) != 1)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2314 a repeated field cannot be translated into several");
	ph_value *value = &tuple->at[0];
	ph_value *items =
	    ph_arena_alloc(ph_run_arena(run), value->count * sizeof(*items));
	if (items == NULL)
		return ph_run_no_memory(run);
	for (uint32_t i = 0; i < value->count; i++) {
		ph_tuple single = {.count = 1, .at = {value->items[i]}};
		ph_flow flow = translate(c, run, &single, inward);
		if (flow != PH_FLOW_ON)
			return flow;
		items[i] = single.at[0];
	}
	value->items = items;
	return PH_FLOW_ON;
}

static ph_flow
codes_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return translate_each(convert->state, run, tuple, false);
}

static ph_flow
codes_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return translate_each(convert->state, run, tuple, true);
}

const ph_convert_class ph_convert_codes = {.name = "codes",
    .help = "codes(FILE.csv, unknown=hold|reject|ignore|retry|default(\"...\"))",
    .load = load_codes,
    .out = codes_out,
    .in = codes_in};

static bool
load_keys(ph_build *build, const ph_term *term, ph_convert *convert)
{
	static const char *const policies[] = {
	    "hold", "reject", "ignore", "retry", "drop", "keep", NULL};
	static const char *const one[] = {"canonical"};
	const char *unused = NULL;
	coding *c = ph_arena_zalloc(build->load->arena, sizeof(*c));
	if (c == NULL)
		return ph_load_no_memory(build->load);
	convert->state = c;
	c->canonical_count = c->vendor_count = 1;
	if (build->arity != 2 || build->vendor_count != 2 ||
	    build->canonical_count != 2)
		return ph_term_fail(term, "PH2218 keys needs a name/value list on both "
					  "sides: attributes[code] "
					  "<-> list[name]/value");
	if (!open_table(build, term, one, 1, build->vendor, 1, c) ||
	    !ph_convert_policy(term, policies, PH_POLICY_HOLD, &c->policy, &unused))
		return false;
	convert->lossy = ph_codes_is_lossy(c->table) || c->policy == PH_POLICY_DROP;
	return true;
}

/* One name: ON, or STOP to leave the pair out. */
static ph_flow
translate_key(const coding *c, ph_run *run, ph_value *key, bool inward)
{
	ph_tuple one = {.count = 1, .at = {*key}};
	switch (ph_codes_translate(c->table, inward, &one)) {
	case PH_CODES_FOUND:
		*key = one.at[0];
		return PH_FLOW_ON;
	case PH_CODES_IGNORE:
		return PH_FLOW_STOP;
	case PH_CODES_UNKNOWN:
		break;
	}
	if (ph_run_unmapped(run, ph_codes_file(c->table), &one) ||
	    c->policy == PH_POLICY_DROP)
		return PH_FLOW_STOP;
	return c->policy == PH_POLICY_KEEP ? PH_FLOW_ON : unknown_code(c, run);
}

static void
as_many(ph_value *value)
{
	if (value->kind == PH_VALUE_MANY || value->kind == PH_VALUE_ABSENT)
		return;
	PH_UNREACHABLE("a name/value list that is no list");
}

static ph_flow
translate_keys(const ph_convert *convert, ph_run *run, ph_tuple *tuple, bool inward)
{
	const coding *c = convert->state;
	ph_value *keys = &tuple->at[0], *values = &tuple->at[1];
	if (keys->kind == PH_VALUE_ABSENT) {
		*values = (ph_value){0};
		return PH_FLOW_ON;
	}
	as_many(keys);
	as_many(values);
	uint32_t count = keys->count;
	ph_arena *arena = ph_run_arena(run);
	ph_value *names = ph_arena_alloc(arena, count * sizeof(*names));
	ph_value *texts = ph_arena_alloc(arena, count * sizeof(*texts));
	if (names == NULL || texts == NULL)
		return ph_run_no_memory(run);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < count; i++) {
		ph_value key = keys->items[i];
		if (!ph_value_is_text(&key))
			continue;
		ph_flow flow = translate_key(c, run, &key, inward);
		if (flow == PH_FLOW_STOP)
			continue;
		if (flow != PH_FLOW_ON)
			return flow;
		names[kept] = key;
		texts[kept++] = i < values->count ? values->items[i] : (ph_value){0};
	}
	*keys = (ph_value){.kind = kept > 0 ? PH_VALUE_MANY : PH_VALUE_ABSENT,
	    .count = kept,
	    .items = names};
	*values = (ph_value){.kind = keys->kind, .count = kept, .items = texts};
	return PH_FLOW_ON;
}

static ph_flow
keys_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return translate_keys(convert, run, tuple, false);
}

static ph_flow
keys_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return translate_keys(convert, run, tuple, true);
}

const ph_convert_class ph_convert_keys = {.name = "keys",
    .help = "keys(FILE.csv, unknown=hold|reject|ignore|retry|drop|keep)",
    .load = load_keys,
    .out = keys_out,
    .in = keys_in};

typedef struct limits {
	size_t most;
	bool drop_empty;
} limits;

static bool
load_values(ph_build *build, const ph_term *term, ph_convert *convert)
{
	limits *l = ph_arena_zalloc(build->load->arena, sizeof(*l));
	if (l == NULL)
		return ph_load_no_memory(build->load);
	convert->state = l;
	convert->lossy = true;
	l->drop_empty = build->empty_absent;
	if (build->arity != 2)
		return ph_term_fail(
		    term, "PH2218 values needs a name/value list on both sides");
	const ph_argument *a = ph_term_get(term, "fit");
	if (a == NULL)
		return ph_term_fail(
		    term, "PH2206 values needs a length: values(fit=250)");
	return ph_convert_whole(term, a, 1, 1000000, &l->most);
}

static ph_flow
values_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const limits *l = convert->state;
	ph_value *keys = &tuple->at[0], *values = &tuple->at[1];
	if (keys->kind != PH_VALUE_MANY || values->kind != PH_VALUE_MANY)
		return PH_FLOW_ON;
	ph_arena *arena = ph_run_arena(run);
	ph_value *names = ph_arena_alloc(arena, keys->count * sizeof(*names));
	ph_value *texts = ph_arena_alloc(arena, keys->count * sizeof(*texts));
	if (names == NULL || texts == NULL)
		return ph_run_no_memory(run);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < keys->count && i < values->count; i++) {
		ph_value value = values->items[i];
		if (!ph_value_is_text(&value) || (l->drop_empty && value.length == 0))
			continue;
		if (ph_convert_cut(run, l->most, &value) != PH_FLOW_ON)
			return PH_FLOW_FAIL;
		names[kept] = keys->items[i];
		texts[kept++] = value;
	}
	*keys = (ph_value){.kind = kept > 0 ? PH_VALUE_MANY : PH_VALUE_ABSENT,
	    .count = kept,
	    .items = names};
	*values = (ph_value){.kind = keys->kind, .count = kept, .items = texts};
	return PH_FLOW_ON;
}

static ph_flow
values_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	(void) run;
	(void) tuple;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_values = {.name = "values",
    .help = "values(fit=MOST)",
    .plain = true,
    .load = load_values,
    .out = values_out,
    .in = values_in};
