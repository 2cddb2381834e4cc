/*
 * convert_reference - xref, known, mint: ids of the same thing in different systems.
 *
 * They ask; whoever runs the map looks up. xref turns a vendor's key into a canonical id on the way in
 * and back on the way out; known checks a canonical id that a vendor handed in; mint gives the
 * canonical id of something new, the same one for the same key, and binds it.
 */
#include <string.h>

#include "transform/convert.h"

typedef struct referring {
	const char *entity;
	const char *system; /* "": the adapter's own */
	ph_policy policy;
} referring;

static bool
load_referring(ph_build *build, const ph_term *term, ph_convert *convert)
{
	static const char *const policies[] = {
	    "hold", "reject", "ignore", "retry", NULL};
	const char *unused = NULL;
	referring *r = ph_arena_zalloc(build->load->arena, sizeof(*r));
	if (r == NULL)
		return ph_load_no_memory(build->load);
	convert->state = r;
	convert->references = true;
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL || a->call || a->context || a->string)
		return ph_term_fail(term,
		    "PH2223 %s needs an entity: %s(service-request)", term->name,
		    term->name);
	r->entity = a->text;
	r->system = "";
	a = ph_term_get(term, "system");
	if (a != NULL)
		r->system = a->text;
	return ph_convert_policy(term, policies, PH_POLICY_HOLD, &r->policy, &unused);
}

/* ON with the answer in the value, which keeps its flags. */
static ph_flow
refer(const referring *r, ph_run *run, ph_map_reference kind, ph_value *value)
{
	const char *answer = NULL;
	if (value->length == 0)
		return ph_run_fail(run, r->policy, "unknown-reference",
		    "PH2319 the reference is empty");
	ph_flow flow =
	    ph_run_reference(run, kind, r->entity, r->system, value, &answer);
	if (flow != PH_FLOW_ON)
		return flow;
	if (answer == NULL)
		return ph_run_fail(run, r->policy, "unknown-reference",
		    "PH2320 no %s is known by this reference%s%s", r->entity,
		    r->system[0] == 0 ? "" : " of the system ", r->system);
	if (kind == PH_MAP_EXISTS)
		return PH_FLOW_ON;
	uint32_t flags = value->flags;
	*value = ph_value_text(answer, strlen(answer));
	value->flags = flags;
	return PH_FLOW_ON;
}

static ph_flow
xref_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return refer(convert->state, run, PH_MAP_VENDOR, &tuple->at[0]);
}

static ph_flow
xref_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return refer(convert->state, run, PH_MAP_CANONICAL, &tuple->at[0]);
}

const ph_convert_class ph_convert_xref = {.name = "xref",
    .help = "xref(ENTITY, system=NAME, unknown=hold|reject|ignore|retry)",
    .each = true,
    .load = load_referring,
    .out = xref_out,
    .in = xref_in};

static ph_flow
known_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return refer(convert->state, run, PH_MAP_EXISTS, &tuple->at[0]);
}

static ph_flow
known_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	(void) run;
	(void) tuple;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_known = {.name = "known",
    .help = "known(ENTITY, unknown=hold|reject|ignore|retry)",
    .each = true,
    .load = load_referring,
    .out = known_out,
    .in = known_in};

static bool
load_mint(ph_build *build, const ph_term *term, ph_convert *convert)
{
	if (build->arity != 1)
		return ph_term_fail(term, "PH2222 mint works on one value");
	if (!load_referring(build, term, convert))
		return false;
	const referring *r = convert->state;
	if (strcmp(r->entity, build->entity) != 0 || r->system[0] != 0)
		return ph_term_fail(
		    term, "PH2224 a map mints ids of its own canonical entity only");
	return true;
}

static ph_flow
mint_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const referring *r = convert->state;
	ph_value *value = &tuple->at[0];
	if (!ph_value_is_text(value))
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2321 there is no key to mint an id from");
	const char *key = value->text;
	ph_flow flow = refer(r, run, PH_MAP_MINT, value);
	if (flow != PH_FLOW_ON)
		return flow;
	return ph_run_bind(run, r->entity, key, value->text);
}

const ph_convert_class ph_convert_mint = {
    .name = "mint", .help = "mint(ENTITY)", .load = load_mint, .in = mint_in};
