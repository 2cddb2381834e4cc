/*
 * map_link - one line of `links`:
 *
 *   side arrow side [| conversion]...
 *
 *   side     (empty)  operand  (operand, operand, ...)
 *   operand  path  $name  const("text", with=path)  $url.name  $event.name  $header/path
 *   arrow    <->  both ways    ->  canonical to vendor    <-  vendor to canonical
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"

typedef struct parser {
	ph_map *map;
	ph_load *load;
	ph_scan scan;
	ph_link *link;
} parser;

static bool
add_operand(parser *p, ph_side *side, const ph_operand *operand)
{
	if (side->count == PH_TUPLE_MAX)
		return ph_scan_fail(&p->scan, operand->at,
		    "PH2020 at most %d fields may stand together", PH_TUPLE_MAX);
	side->at[side->count++] = *operand;
	return true;
}

static bool
add_path(parser *p, ph_side *side, bool canonical, ph_operand_kind kind,
    const char *text, size_t length)
{
	ph_path paths[2];
	size_t count;
	if (!ph_path_parse(
		canonical ? &p->map->canonical_syntax : &p->map->vendor_syntax,
		&p->scan, text, length, paths, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		ph_operand operand = {
		    .kind = kind, .at = paths[i].at, .path = paths[i]};
		if (ph_path_is_wild(&paths[i]))
			operand.kind = i == 0 ? PH_OPERAND_KEYS : PH_OPERAND_VALUES;
		if (!add_operand(p, side, &operand))
			return false;
	}
	return true;
}

/* $url.name and $event.name as targets are told from values by the arrow, later. */
static bool
add_context(parser *p, ph_side *side, size_t at)
{
	size_t length;
	const char *name = ph_scan_name(&p->scan, &length);
	ph_operand operand = {.kind = PH_OPERAND_CONTEXT, .at = at, .length = length};
	operand.text = ph_arena_dup(p->load->arena, name, length);
	if (operand.text == NULL)
		return ph_load_no_memory(p->load);
	if (length == 0)
		return ph_scan_fail(&p->scan, at, "PH2030 a name is missing after $");
	return add_operand(p, side, &operand);
}

static bool
add_const(parser *p, ph_side *side)
{
	ph_term term;
	size_t at = p->scan.at;
	if (!ph_scan_term(&p->scan, &term))
		return false;
	const ph_argument *a = ph_term_at(&term, 0);
	if (a == NULL || !a->string)
		return ph_scan_fail(
		    &p->scan, at, "PH2021 const needs its text: const(\"...\")");
	ph_operand operand = {
	    .kind = PH_OPERAND_CONST, .at = at, .text = a->text, .length = a->length};
	const ph_argument *with = ph_term_get(&term, "with");
	if (with != NULL) {
		ph_path paths[2];
		size_t count;
		const char *text = p->scan.text + with->at;
		if (!ph_path_parse(&p->map->vendor_syntax, &p->scan, text, with->length,
			paths, &count))
			return false;
		if (count != 1)
			return ph_scan_fail(
			    &p->scan, with->at, "PH2022 with= names one plain field");
		operand.has_with = true;
		operand.with = paths[0];
	}
	return ph_term_finish(&term, NULL) && add_operand(p, side, &operand);
}

static bool
parse_operand(parser *p, ph_side *side, bool canonical)
{
	ph_scan_space(&p->scan);
	size_t at = p->scan.at, length;
	if (!canonical && ph_scan_take(&p->scan, "$header/")) {
		if (p->map->format != PH_MAP_SOAP)
			return ph_scan_fail(
			    &p->scan, at, "PH2023 only the format soap has a $header");
		const char *path = ph_scan_path(&p->scan, &length);
		return add_path(p, side, false, PH_OPERAND_HEADER, path, length);
	}
	if (ph_scan_take(&p->scan, "$"))
		return add_context(p, side, at);
	if (ph_scan_sees(&p->scan, "const("))
		return add_const(p, side);
	const char *path = ph_scan_path(&p->scan, &length);
	if (length == 0)
		return ph_scan_fail(&p->scan, at,
		    "PH2024 a field is missing here (or $name, or const(\"...\"))");
	if (canonical && p->map->schema == NULL)
		return ph_scan_fail(&p->scan, at,
		    "PH2025 the map has no canonical side (canonical: none)");
	return add_path(p, side, canonical, PH_OPERAND_PATH, path, length);
}

static bool
parse_side(parser *p, ph_side *side, bool canonical)
{
	if (!ph_scan_take(&p->scan, "("))
		return parse_operand(p, side, canonical);
	for (;;) {
		if (!parse_operand(p, side, canonical))
			return false;
		if (ph_scan_take(&p->scan, ")"))
			return true;
		if (!ph_scan_take(&p->scan, ","))
			return ph_scan_fail(
			    &p->scan, p->scan.at, "PH2006 , or ) is missing here");
	}
}

static bool
parse_arrow(parser *p)
{
	if (ph_scan_take(&p->scan, "<->"))
		p->link->directions = PH_FLOWS_IN | PH_FLOWS_OUT;
	else if (ph_scan_take(&p->scan, "->"))
		p->link->directions = PH_FLOWS_OUT;
	else if (ph_scan_take(&p->scan, "<-"))
		p->link->directions = PH_FLOWS_IN;
	else
		return ph_scan_fail(
		    &p->scan, p->scan.at, "PH2002 <->, -> or <- is wanted here");
	return true;
}

static bool
resolve_url(parser *p, ph_operand *operand)
{
	ph_map *map = p->map;
	operand->kind = PH_OPERAND_URL;
	operand->text += strlen("url.");
	for (size_t i = 0; i < map->url_count; i++)
		if (strcmp(map->urls[i], operand->text) == 0) {
			operand->number = (int) i;
			return true;
		}
	if (map->url_count == PH_URLS_MAX)
		return ph_scan_fail(
		    &p->scan, operand->at, "PH2026 too many $url names");
	operand->number = (int) map->url_count;
	map->urls[map->url_count++] = operand->text;
	return true;
}

static bool
resolve_event(parser *p, ph_operand *operand)
{
	static const char *const fields[] = {"id", "time", "type"};
	const char *name = operand->text + strlen("event.");
	operand->kind = PH_OPERAND_EVENT;
	for (size_t i = 0; i < PH_FIELDS; i++)
		if (strcmp(fields[i], name) == 0) {
			operand->number = (int) i;
			return true;
		}
	return ph_scan_fail(&p->scan, operand->at,
	    "PH2027 a link may write $event.id, $event.time and $event.type");
}

/* Is the operand a value to read (`source`), or a place to write? Give it its meaning. */
static bool
resolve(parser *p, ph_operand *operand, bool source, bool canonical)
{
	const ph_scan *scan = &p->scan;
	if (operand->kind == PH_OPERAND_CONST)
		return source || ph_scan_fail(scan, operand->at,
				     "PH2028 const stands where the value comes from");
	if (operand->kind != PH_OPERAND_CONTEXT)
		return true;
	if (!source) {
		if (!canonical && strncmp(operand->text, "url.", 4) == 0)
			return resolve_url(p, operand);
		if (canonical && strncmp(operand->text, "event.", 6) == 0)
			return resolve_event(p, operand);
		return ph_scan_fail(scan, operand->at,
		    "PH2028 $%s cannot be written; targets are fields, $header/..., "
		    "$url.x "
		    "and $event.id",
		    operand->text);
	}
	operand->number = ph_context_add(
	    &p->map->context, p->load->arena, operand->text, operand->length);
	if (operand->number < 0)
		return ph_scan_fail(
		    scan, operand->at, "PH2030 unknown name $%s", operand->text);
	return true;
}

static bool
resolve_sides(parser *p)
{
	ph_link *link = p->link;
	bool both = link->directions == (PH_FLOWS_IN | PH_FLOWS_OUT);
	bool out = (link->directions & PH_FLOWS_OUT) != 0;
	for (int side = 0; side < 2; side++) {
		ph_side *s = side == 0 ? &link->canonical : &link->vendor;
		for (size_t i = 0; i < s->count; i++) {
			if (both && (s->at[i].kind == PH_OPERAND_CONTEXT ||
					s->at[i].kind == PH_OPERAND_CONST))
				return ph_scan_fail(&p->scan, s->at[i].at,
				    "PH2029 only fields can stand in a link that goes "
				    "both "
				    "ways");
			if (!both &&
			    !resolve(p, &s->at[i], (side == 0) == out, side == 0))
				return false;
		}
	}
	return true;
}

static bool
looks_at_fields(const ph_condition *condition)
{
	for (; condition != NULL; condition = condition->otherwise)
		for (const ph_test *t = condition->first; t != NULL; t = t->next)
			if (t->context < 0)
				return true;
	return false;
}

static bool
parse_when(parser *p, const ph_term *term)
{
	ph_link *link = p->link;
	bool both = link->directions == (PH_FLOWS_IN | PH_FLOWS_OUT);
	bool out = link->directions == PH_FLOWS_OUT;
	ph_condition_place place = {
	    .syntax = out ? &p->map->canonical_syntax : &p->map->vendor_syntax,
	    .context = ph_map_context,
	    .keep = ph_map_keep_pattern,
	    .self = p->map};
	if (link->has_when)
		return ph_term_fail(
		    term, "PH2225 a second when; join them with \"and\"");
	if (term->raw == NULL)
		return ph_term_fail(
		    term, "PH2225 when needs its condition: when($setting.x)");
	ph_scan inner = p->scan;
	inner.at = term->raw_at;
	inner.end = term->raw_at + term->raw_length;
	link->has_when = true;
	if (!ph_condition_parse(&place, &inner, &link->when))
		return false;
	if (both && looks_at_fields(&link->when))
		return ph_term_fail(term,
		    "PH2225 in a link that goes both ways a condition can only look at "
		    "$names");
	return true;
}

static void
columns(const ph_map *map, const ph_side *side, bool canonical,
    const char *out[PH_TUPLE_MAX])
{
	for (size_t i = 0; i < side->count; i++)
		out[i] =
		    side->at[i].path.count == 0
			? ""
			: ph_path_column(&side->at[i].path,
			      canonical ? map->canonical_names : map->vendor_names);
}

static bool
parse_chain(parser *p)
{
	ph_link *link = p->link;
	ph_build build = {.load = p->load,
	    .directions = link->directions,
	    .reversed = link->directions == PH_FLOWS_IN,
	    .canonical_count = link->canonical.count,
	    .vendor_count = link->vendor.count,
	    .entity = p->map->entity,
	    .shows_numbers = p->map->format == PH_MAP_JSON,
	    .empty_absent = p->map->empty_absent,
	    .context = &p->map->context,
	    .keep = ph_map_keep,
	    .self = p->map};
	build.arity = build.reversed ? build.vendor_count : build.canonical_count;
	columns(p->map, &link->canonical, true, build.canonical);
	columns(p->map, &link->vendor, false, build.vendor);
	while (ph_scan_take(&p->scan, "|")) {
		ph_term term;
		if (!ph_scan_term(&p->scan, &term))
			return false;
		if (strcmp(term.name, "when") == 0) {
			if (!parse_when(p, &term))
				return false;
			continue;
		}
		if (link->chain_count == PH_CHAIN_MAX)
			return ph_term_fail(&term, "PH2226 the chain is too long");
		ph_convert *convert = &link->chain[link->chain_count];
		if (!ph_convert_load(&build, &term, convert))
			return false;
		link->chain_count++;
		if (convert->references && link->references)
			return ph_term_fail(
			    &term, "PH2227 a link can ask for one reference only");
		link->references |= convert->references;
		p->map->mints |= strcmp(term.name, "mint") == 0;
	}
	if (!ph_scan_done(&p->scan))
		return ph_scan_fail(&p->scan, p->scan.at,
		    "PH2009 | or the end of the link is wanted here");
	size_t leaving = build.reversed ? build.canonical_count : build.vendor_count;
	if (build.arity != leaving)
		return ph_load_fail(p->load, link->node, 0,
		    "PH2228 %zu values arrive where %zu fields are: a conversion is "
		    "missing "
		    "(join, template, match, codes)",
		    build.arity, leaving);
	return true;
}

static bool
is_const(const ph_side *side)
{
	return side->count > 0 && (side->at[0].kind == PH_OPERAND_CONST ||
				      side->at[0].kind == PH_OPERAND_CONTEXT);
}

static bool
check_sides(parser *p)
{
	const ph_link *link = p->link;
	bool out = link->directions == PH_FLOWS_OUT;
	const ph_side *source = out ? &link->canonical : &link->vendor;
	if (source->count == 1 && source->at[0].has_with && !out)
		return ph_scan_fail(
		    &p->scan, source->at[0].at, "PH2022 with= is for -> links");
	if (link->references && is_const(source) && source->count == 1)
		return ph_load_fail(p->load, link->node, 0,
		    "PH2227 a reference needs a field, not a constant");
	return true;
}

bool
ph_link_parse(ph_map *map, ph_load *load, const ph_node *node, ph_link ***end)
{
	parser p = {.map = map, .load = load};
	ph_scan_init(&p.scan, load, node);
	p.link = ph_arena_zalloc(load->arena, sizeof(*p.link));
	if (p.link == NULL)
		return ph_load_no_memory(load);
	p.link->node = node;
	if (ph_scan_sees(&p.scan, "->") || ph_scan_sees(&p.scan, "<-"))
		return ph_scan_fail(&p.scan, p.scan.at,
		    "PH2024 nothing stands before the arrow; a constant is written "
		    "const(\"...\") -> field");
	if (!parse_side(&p, &p.link->canonical, true) || !parse_arrow(&p) ||
	    !parse_side(&p, &p.link->vendor, false) || !resolve_sides(&p) ||
	    !parse_chain(&p) || !check_sides(&p))
		return false;
	**end = p.link;
	*end = &p.link->next;
	return true;
}

bool
ph_require_parse(ph_map *map, ph_load *load, const ph_node *node, ph_require **out)
{
	static const char *const words[] = {
	    "deny", "reject", "ignore", "hold", "retry"};
	static const ph_policy policies[] = {PH_POLICY_DENY, PH_POLICY_REJECT,
	    PH_POLICY_IGNORE, PH_POLICY_HOLD, PH_POLICY_RETRY};
	ph_condition_place place = {.syntax = &map->vendor_syntax,
	    .context = ph_map_context,
	    .keep = ph_map_keep_pattern,
	    .self = map};
	ph_scan scan;
	ph_scan_init(&scan, load, node);
	ph_require *r = ph_arena_zalloc(load->arena, sizeof(*r));
	if (r == NULL)
		return ph_load_no_memory(load);
	r->node = node;
	r->policy = PH_POLICY_REJECT;
	if (!ph_condition_parse(&place, &scan, &r->condition))
		return false;
	if (ph_scan_take(&scan, "|")) {
		size_t at, length;
		ph_scan_space(&scan);
		at = scan.at;
		const char *word = ph_scan_name(&scan, &length);
		size_t i = 0;
		while (i < 5 && (strlen(words[i]) != length ||
				    memcmp(words[i], word, length) != 0))
			i++;
		if (i == 5 || !ph_scan_done(&scan))
			return ph_scan_fail(&scan, at,
			    "PH2037 after | stands deny, reject, ignore, hold or "
			    "retry");
		r->policy = policies[i];
	}
	*out = r;
	return true;
}
