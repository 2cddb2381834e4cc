/*
 * map_check_xsd - a map's vendor paths, and what they carry, against the vendor's XML Schema.
 *
 * Every path is followed from the document's root, in each direction that its link goes, to the
 * element or attribute it names. What the schema leaves open (xs:any, xs:anyType, a type that
 * others extend) is not judged. A recursive type is followed once.
 */
#include <stdio.h>
#include <string.h>

#include "transform/map_check_xsd.h"
#include "transform/schema_inner.h"

#define is_inward(f) ((f) == PH_FLOWS_IN)

typedef struct checker {
	const ph_map *map;
	ph_load *load;
	bool lost[PH_FLOWS_OUT + 1]; /* by direction: the record itself is not there */
} checker;

static void
unknown(checker *c, const ph_node *node, size_t offset, const ph_way *way, size_t at,
    const ph_xsd_type *above)
{
	char more[PH_HINT_MAX];
	bool attribute = (way->steps[at]->flags & PH_STEP_ATTRIBUTE) != 0;
	ph_check_hint(c->map, above, way->names[at], attribute, more);
	ph_load_fail(c->load, node, offset, "PH2070 %s has no %s %s%s%s%s",
	    ph_vendor_file(c->map), attribute ? "attribute" : "element", way->names[at],
	    at > 0 ? " in " : " as a root", at > 0 ? way->names[at - 1] : "", more);
}

/* ---- the record ---- */

static bool
has_links(const ph_map *map, unsigned flow)
{
	return is_inward(flow) ? map->in.count > 0 : map->out.count > 0;
}

static const ph_node *
root_node(const ph_map *map, size_t at, unsigned flow)
{
	const ph_node *vendor = ph_node_get(ph_document_root(map->document), "vendor");
	const ph_path *root = is_inward(flow) ? &map->root_in : &map->root_out;
	if (at >= root->count)
		return ph_node_get(vendor, "each");
	const ph_node *node = ph_node_get(vendor, "root");
	return node->kind == PH_NODE_OBJECT
		   ? ph_node_get(node, is_inward(flow) ? "in" : "out")
		   : node;
}

/* The record's type in a direction; NULL: nothing is known of it. */
static const ph_xsd_type *
record_type(checker *c, unsigned flow)
{
	ph_way way;
	ph_path none = {0};
	const ph_xsd_type *type, *above;
	size_t at;
	if (!has_links(c->map, flow) ||
	    !ph_vendor_way(c->map, &none, is_inward(flow), &way))
		return NULL;
	ph_vendor_known known = ph_vendor_follow(c->map, &way, &type, &at, &above);
	bool one = c->map->root_in.steps == c->map->root_out.steps;
	if (known == PH_VENDOR_UNKNOWN) {
		bool told = one && c->lost[PH_FLOWS_IN];
		c->lost[flow] = true;
		if (told)
			return NULL;
		unknown(c, root_node(c->map, at, flow), 0, &way, at, above);
	}
	bool judged = known == PH_VENDOR_NAMED && !type->open && !way.inside;
	return judged ? type : NULL;
}

/* ---- paths ---- */

/* Where a step of a link's path is written. */
static size_t
offset_of(const ph_operand *operand, const ph_step *step)
{
	const ph_path *path = &operand->path;
	const char *text = path->text, *at = text;
	if (operand->kind == PH_OPERAND_KEYS || text == NULL || step < path->steps ||
	    step >= path->steps + path->count)
		return operand->at;
	for (const ph_step *s = path->steps; s < step; s++) {
		for (; *at != 0 && *at != '/'; at++)
			if (*at == '\'' || *at == '[') {
				const char *end =
				    strchr(at + 1, *at == '[' ? ']' : '\'');
				at = end == NULL ? at : end;
			}
		at += *at == '/' ? 1 : 0;
	}
	return path->at + (size_t) (at - text);
}

/* A step that is taken once or many times, against how often the schema has it. */
static void
check_times(checker *c, const ph_link *link, const ph_operand *operand,
    const ph_step *step, const ph_xsd_child *child, unsigned flow)
{
	bool many = (step->flags & PH_STEP_MANY) != 0;
	bool chosen = (step->flags & PH_STEP_CHOSEN) != 0;
	size_t offset = offset_of(operand, step);
	if (many && !child->many)
		ph_load_fail(c->load, link->node, offset,
		    "PH2092 %s has %s once at most: write it without [ ]",
		    ph_vendor_file(c->map), child->element->name);
	else if (!many && !chosen && child->many && is_inward(flow))
		ph_load_warn(c->load, link->node, offset,
		    "PH2093 %s may have %s several times, and then the link fails: say "
		    "%s[], or %s[1] for the first",
		    ph_vendor_file(c->map), child->element->name, child->element->name,
		    child->element->name);
}

static void
check_steps(checker *c, const ph_link *link, const ph_operand *operand,
    const ph_way *way, unsigned flow)
{
	const ph_path *path = &operand->path;
	const ph_xsd_part *content = ph_xsd_shape_roots(c->map->xsd_shape);
	ph_xsd_child child;
	for (size_t i = 0; i < way->count; i++) {
		const ph_step *step = way->steps[i];
		if ((step->flags & PH_STEP_ATTRIBUTE) != 0 ||
		    !ph_xsd_find(
			content, ph_vendor_space(c->map, step), way->names[i], &child))
			return;
		content = child.element->type->content;
		if (step >= path->steps && step < path->steps + path->count)
			check_times(c, link, operand, step, &child, flow);
	}
}

/* One path in one direction; false after a complaint. */
static bool
check_way(checker *c, const ph_link *link, const ph_operand *operand, unsigned flow)
{
	ph_way way;
	const ph_xsd_type *type, *above;
	size_t at, before = c->load->errors;
	if (!has_links(c->map, flow) || c->lost[flow] ||
	    !ph_vendor_way(c->map, &operand->path, is_inward(flow), &way))
		return true;
	ph_vendor_known known = ph_vendor_follow(c->map, &way, &type, &at, &above);
	if (known == PH_VENDOR_UNKNOWN)
		unknown(
		    c, link->node, offset_of(operand, way.steps[at]), &way, at, above);
	else if (known == PH_VENDOR_NAMED && type->value == PH_XSD_NOTHING &&
		 (type->content != NULL || type->attributes != NULL))
		ph_load_fail(c->load, link->node, operand->at,
		    "PH2061 %s holds fields or items of its own: link those (a/b, "
		    "a[]/b, a[key]/value)",
		    operand->path.text);
	check_steps(c, link, operand, &way, flow);
	return c->load->errors == before;
}

static void
check_paths(checker *c, const ph_link *link)
{
	for (size_t i = 0; i < link->vendor.count; i++) {
		bool good = true;
		if (!ph_check_is_path(&link->vendor.at[i]))
			continue;
		for (unsigned f = PH_FLOWS_IN; f <= PH_FLOWS_OUT && good; f <<= 1)
			if ((link->directions & f) != 0)
				good = check_way(c, link, &link->vendor.at[i], f);
	}
}

/* ---- values ---- */

static const char *
value_words(ph_xsd_value value)
{
	static const char *const words[] = {"nothing", "a text", "a number",
	    "a whole number", "true or false", "a date with a time", "a date",
	    "a time of day"};
	return words[value];
}

/* What a canonical field is, as a vendor sees it. */
static ph_xsd_value
value_of(const ph_rule *rule)
{
	unsigned types = ph_rule_types(rule);
	if ((types & PH_TYPE_STRING) != 0)
		return rule->date_time ? PH_XSD_INSTANT : PH_XSD_TEXT;
	if ((types & PH_TYPE_NUMBER) != 0)
		return PH_XSD_NUMBER;
	return (types & PH_TYPE_INTEGER) != 0 ? PH_XSD_INTEGER : PH_XSD_BOOLEAN;
}

/* Can what one is be the other? Numbers are not told apart, and any text may be a word. */
static bool
agree(const ph_rule *rule, ph_xsd_value its)
{
	ph_xsd_value own = value_of(rule);
	bool told = rule->pattern != NULL || rule->value_count > 0;
	if (own == its || its == PH_XSD_TEXT || its == PH_XSD_NOTHING ||
	    (own == PH_XSD_TEXT && told))
		return true;
	return (own == PH_XSD_NUMBER || own == PH_XSD_INTEGER) &&
	       (its == PH_XSD_NUMBER || its == PH_XSD_INTEGER);
}

static bool
is_listed(const char *text, const char *const *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(values[i], text) == 0)
			return true;
	return count == 0;
}

/* A canonical field that goes out as it is. */
static void
check_field(checker *c, const ph_link *link, const ph_operand *vendor,
    const ph_vendor_field *field)
{
	const ph_operand *own = &link->canonical.at[0];
	const ph_rule *rule = ph_check_canonical(c->map, own);
	if (rule == NULL)
		return;
	if (!agree(rule, field->type->value) && value_of(rule) == PH_XSD_TEXT)
		ph_load_warn(c->load, link->node, vendor->at,
		    "PH2074 %s may be any text, but the vendor's %s is %s: whatever is "
		    "not is held when it is to be sent",
		    own->path.text, vendor->path.text, value_words(field->type->value));
	else if (!agree(rule, field->type->value))
		ph_load_fail(c->load, link->node, vendor->at,
		    "PH2074 %s is %s, but the vendor's %s is %s: a conversion is "
		    "missing (number, boolean, time, template)",
		    own->path.text, value_words(value_of(rule)), vendor->path.text,
		    value_words(field->type->value));
	for (size_t i = 0; i < rule->value_count; i++)
		if (!is_listed(rule->values[i], field->values, field->value_count)) {
			ph_load_warn(c->load, link->node, vendor->at,
			    "PH2079 the vendor's %s has a list of %zu values without "
			    "\"%s\", and nothing makes the canonical words into these: "
			    "| codes(FILE.csv)",
			    vendor->path.text, field->value_count, rule->values[i]);
			return;
		}
}

static bool
takes_text(const ph_vendor_field *field, const char *text, size_t length)
{
	static const char *const truths[] = {"true", "false", "1", "0"};
	size_t characters = 0;
	for (size_t i = 0; i < length; i++)
		characters += ((unsigned char) text[i] & 0xC0) != 0x80 ? 1 : 0;
	if (!is_listed(text, field->values, field->value_count) ||
	    (field->longest > 0 && characters > field->longest))
		return false;
	switch (field->type->value) {
	case PH_XSD_BOOLEAN:
		return is_listed(text, truths, 4);
	case PH_XSD_NUMBER:
	case PH_XSD_INTEGER:
		return strcspn(text, "0123456789") != length;
	case PH_XSD_NOTHING:
	case PH_XSD_TEXT:
	case PH_XSD_INSTANT:
	case PH_XSD_DATE:
	case PH_XSD_TIME:
		return true;
	}
	return true;
}

/* A link of one field without conversions, on the way out. */
static void
check_value(checker *c, const ph_link *link)
{
	const ph_operand *vendor = &link->vendor.at[0], *own = &link->canonical.at[0];
	ph_way way;
	ph_vendor_field field;
	if (link->chain_count > 0 || link->canonical.count != 1 ||
	    link->vendor.count != 1 || vendor->kind != PH_OPERAND_PATH ||
	    (link->directions & PH_FLOWS_OUT) == 0 ||
	    !ph_vendor_way(c->map, &vendor->path, false, &way) || way.inside ||
	    ph_vendor_find(c->map, &way, &field) != PH_VENDOR_NAMED || field.type->open)
		return;
	if (own->kind == PH_OPERAND_PATH)
		check_field(c, link, vendor, &field);
	else if (own->kind == PH_OPERAND_CONST &&
		 !takes_text(&field, own->text, own->length))
		ph_load_fail(c->load, link->node, own->at,
		    "PH2091 the vendor's %s does not take this constant: %s wants %s "
		    "of its own list, length and kind",
		    vendor->path.text, ph_vendor_file(c->map),
		    value_words(field.type->value));
}

void
ph_map_examine_paths(const ph_map *map, ph_load *load)
{
	checker c = {.map = map, .load = load};
	const ph_xsd_type *in = record_type(&c, PH_FLOWS_IN);
	const ph_xsd_type *out = record_type(&c, PH_FLOWS_OUT);
	for (const ph_link *l = map->links; l != NULL; l = l->next) {
		check_paths(&c, l);
		check_value(&c, l);
	}
	if (!c.lost[PH_FLOWS_IN] && !c.lost[PH_FLOWS_OUT])
		ph_map_examine_rest(map, load, in, out);
}
