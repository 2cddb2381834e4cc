/*
 * map_check_vendor - the vendor's side of a map against its record description or schema, and types of
 * both sides against each other and against the conversions between them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transform/codes.h"
#include "transform/link_text.h"
#include "transform/map_check_xsd.h"
#include "transform/schema_inner.h"

#define PATH	   512
#define FIELDS_MAX 1024
#define NUMBERS	   (PH_TYPE_NUMBER | PH_TYPE_INTEGER)

typedef struct checker {
	const ph_map *map;
	ph_load *load;
	const char *fields[FIELDS_MAX + 1]; /* the vendor's, for hints */
	size_t count;
	char record[PATH]; /* the way to the record, as text */
} checker;

static bool
note_field(void *self, const char *path, bool required)
{
	checker *c = self;
	(void) required;
	if (c->count < FIELDS_MAX)
		c->fields[c->count++] = ph_arena_strdup(c->load->arena, path);
	return c->count < FIELDS_MAX;
}

/* ---- paths ---- */

/* The part of a whole path that stands below the record. */
static const char *
below_record(const checker *c, const char *path)
{
	size_t length = strlen(c->record);
	if (length == 0)
		return path;
	bool below = strncmp(path, c->record, length) == 0 && path[length] == '.';
	return below ? path + length + 1 : NULL;
}

static void
unknown_field(checker *c, const ph_node *node, size_t at, const char *path)
{
	const char *near = ph_nearest(path, c->fields);
	const char *mine = below_record(c, path);
	const char *its = near == NULL ? NULL : below_record(c, near);
	if (its == NULL)
		its = near;
	ph_load_fail(c->load, node, at, "PH2070 %s has no field %s%s%s%s",
	    ph_vendor_file(c->map), mine == NULL ? path : mine,
	    its == NULL ? "" : "; did you mean ", its == NULL ? "" : its,
	    its == NULL ? "" : "?");
}

/* In either direction that the link goes. */
static ph_vendor_known
find(const checker *c, const ph_link *link, const ph_path *path, ph_vendor_field *field,
    char text[PATH])
{
	ph_vendor_known known = PH_VENDOR_OPEN;
	text[0] = 0;
	for (unsigned flow = PH_FLOWS_IN; flow <= PH_FLOWS_OUT; flow <<= 1) {
		ph_way way;
		if ((link->directions & flow) == 0 ||
		    !ph_vendor_way(c->map, path, flow == PH_FLOWS_IN, &way))
			continue;
		ph_way_text(&way, text, PATH);
		known = ph_vendor_find(c->map, &way, field);
		if (known == PH_VENDOR_NAMED)
			return known;
	}
	return known;
}

static void
check_path(checker *c, const ph_link *link, const ph_operand *operand)
{
	char text[PATH];
	ph_vendor_field field;
	if (operand->kind != PH_OPERAND_PATH)
		return;
	ph_vendor_known known = find(c, link, &operand->path, &field, text);
	if (known == PH_VENDOR_UNKNOWN)
		unknown_field(c, link->node, operand->at, text);
	else if (known == PH_VENDOR_NAMED && field.types != PH_TYPE_ANY &&
		 (field.types & (PH_TYPE_OBJECT | PH_TYPE_ARRAY)) != 0 &&
		 (field.types &
		     ~(unsigned) (PH_TYPE_OBJECT | PH_TYPE_ARRAY | PH_TYPE_NULL)) == 0)
		ph_load_fail(c->load, link->node, operand->at,
		    "PH2061 %s holds fields or items of its own: link those (a/b, "
		    "a[]/b, "
		    "a[key]/value)",
		    operand->path.text);
}

/* ---- what is left over ---- */

static bool
is_at(const char *path, const char *other)
{
	size_t length = strlen(other);
	return strncmp(path, other, length) == 0 &&
	       (path[length] == 0 || path[length] == '.');
}

static bool
is_dropped(const checker *c, const char *mine)
{
	const ph_node *n = c->map->drop_vendor;
	for (n = n == NULL ? NULL : n->first; n != NULL; n = n->next) {
		char path[PATH];
		size_t at = 0;
		for (const char *p = n->text; *p != 0 && at < PATH - 1; p++)
			if (strchr("[]'@", *p) == NULL)
				path[at++] = *p == '/' ? '.' : *p;
		path[at] = 0;
		if (is_at(mine, path))
			return true;
	}
	return false;
}

static bool
is_linked(const checker *c, const char *path, unsigned directions)
{
	for (const ph_link *l = c->map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->vendor.count; i++) {
			const ph_operand *o = &l->vendor.at[i];
			if ((l->directions & directions) == 0)
				continue;
			for (int inward = 0; inward < 2; inward++) {
				ph_way way;
				char text[PATH];
				if (o->path.count == 0 ||
				    !ph_vendor_way(c->map, &o->path, inward, &way))
					continue;
				ph_way_text(&way, text, PATH);
				if (strcmp(text, path) == 0 ||
				    (o->path.text != NULL && is_at(path, text)))
					return true;
			}
		}
	return false;
}

static bool
has_pattern(const ph_map *map)
{
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->vendor.count; i++)
			if (ph_path_is_wild(&l->vendor.at[i].path))
				return true;
	return false;
}

static bool
check_left_over(void *self, const char *path, bool required)
{
	checker *c = self;
	const ph_map *map = c->map;
	const char *mine = below_record(c, path);
	const ph_node *links = ph_node_get(ph_document_root(map->document), "links");
	/* what no link writes is taken over from the record as it was */
	bool taken_over = map->completes && map->in.count == 0;
	if (mine == NULL || taken_over)
		return true;
	if (required && map->out.count > 0 && !map->completes &&
	    !is_linked(c, path, PH_FLOWS_OUT))
		ph_load_fail(c->load, links, 0,
		    "PH2072 the vendor's required field %s is written by no link of "
		    "the "
		    "way out",
		    mine);
	else if (!is_linked(c, path, PH_FLOWS_IN | PH_FLOWS_OUT) &&
		 !is_dropped(c, mine) && !has_pattern(map))
		ph_load_fail(c->load, links, 0,
		    "PH2071 the vendor's field %s is neither linked nor listed in "
		    "drop.vendor",
		    mine);
	return true;
}

static void
check_drop(checker *c)
{
	const ph_node *n = c->map->drop_vendor;
	for (n = n == NULL ? NULL : n->first; n != NULL; n = n->next) {
		bool covers = false;
		for (size_t i = 0; i < c->count && !covers; i++) {
			const char *mine = below_record(c, c->fields[i]);
			size_t length = strcspn(n->text, "/[");
			covers = mine != NULL && strncmp(mine, n->text, length) == 0 &&
				 strchr(".", mine[length]) != NULL;
		}
		if (!covers)
			unknown_field(c, n, 0, n->text);
	}
}

/* ---- types ---- */

static const char *
type_words(unsigned types)
{
	if ((types & PH_TYPE_STRING) != 0)
		return "a text";
	if ((types & NUMBERS) != 0)
		return "a number";
	if ((types & PH_TYPE_BOOLEAN) != 0)
		return "true or false";
	return "something else";
}

/* What the canonical side of a conversion is. */
static unsigned
wanted_types(const ph_convert *convert)
{
	if (convert->class == &ph_convert_time)
		return PH_TYPE_STRING;
	if (convert->class == &ph_convert_boolean)
		return PH_TYPE_BOOLEAN;
	if (convert->class == &ph_convert_osgb36 || convert->class == &ph_convert_wgs84)
		return NUMBERS;
	return PH_TYPE_ANY;
}

/* The conversion next to the canonical side. */
static void
check_conversion(checker *c, const ph_link *link)
{
	if (link->chain_count == 0)
		return;
	bool in = link->directions == PH_FLOWS_IN;
	const ph_convert *convert = &link->chain[in ? link->chain_count - 1 : 0];
	unsigned wanted = wanted_types(convert);
	for (size_t i = 0; i < link->canonical.count; i++) {
		const ph_rule *rule =
		    ph_check_canonical(c->map, &link->canonical.at[i]);
		if (rule == NULL || (ph_rule_types(rule) & wanted) != 0)
			continue;
		ph_load_fail(c->load, link->node, convert->at,
		    "PH2073 %s stands for %s, but %s is %s", convert->class->name,
		    type_words(wanted), link->canonical.at[i].path.text,
		    type_words(ph_rule_types(rule)));
	}
}

/* A link without conversions: what leaves must be what the vendor takes. */
static void
check_plain(checker *c, const ph_link *link, const ph_operand *vendor)
{
	char text[PATH];
	ph_vendor_field field;
	const ph_rule *rule = link->canonical.count == 1
				  ? ph_check_canonical(c->map, &link->canonical.at[0])
				  : NULL;
	if (rule == NULL || link->chain_count > 0 || c->map->format != PH_MAP_JSON ||
	    (link->directions & PH_FLOWS_OUT) == 0 ||
	    find(c, link, &vendor->path, &field, text) != PH_VENDOR_NAMED)
		return;
	unsigned own = ph_rule_types(rule), its = field.types;
	if ((its & PH_TYPE_NUMBER) != 0)
		its |= PH_TYPE_INTEGER;
	if ((own & PH_TYPE_NUMBER) != 0 && (its & NUMBERS) != 0)
		its |= NUMBERS;
	if ((own & its) != 0)
		return;
	ph_load_fail(c->load, link->node, vendor->at,
	    "PH2074 %s is %s, but the vendor's %s is %s: a conversion is missing "
	    "(number, boolean, template)",
	    link->canonical.at[0].path.text, type_words(own), vendor->path.text,
	    type_words(its));
}

/* ---- loss that nobody declared ---- */

/* The length that a link's fit cuts to; 0: it has none. */
static size_t
fitted(const ph_link *link)
{
	for (size_t i = 0; i < link->chain_count; i++)
		if (link->chain[i].class == &ph_convert_fit) {
			ph_part term =
			    ph_link_term(link->node->text + link->chain[i].at);
			return (size_t) strtoul(term.text + 4, NULL, 10);
		}
	return 0;
}

static void
check_length(checker *c, const ph_link *link, const ph_operand *vendor)
{
	char text[PATH];
	ph_vendor_field field;
	const ph_rule *rule = link->canonical.count == 1
				  ? ph_check_canonical(c->map, &link->canonical.at[0])
				  : NULL;
	size_t cut = fitted(link);
	bool plain = link->chain_count == 0 || (cut > 0 && link->chain_count == 1);
	if (rule == NULL || !plain || (link->directions & PH_FLOWS_OUT) == 0 ||
	    (ph_rule_types(rule) & PH_TYPE_STRING) == 0 || rule->value_count > 0 ||
	    find(c, link, &vendor->path, &field, text) != PH_VENDOR_NAMED ||
	    field.longest == 0)
		return;
	size_t most = rule->length.has_most ? rule->length.most : 0;
	if (cut > 0 && (most == 0 || cut < most))
		most = cut;
	if (rule->pattern != NULL && !rule->length.has_most && cut == 0)
		return; /* the pattern may keep it short */
	char own[32] = "any length";
	if (most > 0)
		snprintf(own, sizeof(own), "%zu characters", most);
	if (most == 0 || most > field.longest)
		ph_load_warn(c->load, link->node, vendor->at,
		    "PH2075 undeclared loss: the vendor's %s holds %zu characters, %s "
		    "may "
		    "have %s: say | fit(%zu) to cut it, | text(1, %zu) to refuse it",
		    vendor->path.text, field.longest, link->canonical.at[0].path.text,
		    own, field.longest, field.longest);
}

/* ---- codes of the vendor's ---- */

static void
check_codes(checker *c, const ph_link *link, const ph_convert *convert)
{
	const ph_codes *table = ph_convert_table(convert);
	const char *cell;
	char text[PATH];
	ph_vendor_field field;
	if (table == NULL || link->vendor.count != 1 ||
	    link->vendor.at[0].kind != PH_OPERAND_PATH ||
	    find(c, link, &link->vendor.at[0].path, &field, text) != PH_VENDOR_NAMED)
		return;
	const char *const *values = field.values;
	size_t count = field.value_count;
	for (size_t row = 0;
	     count > 0 && (cell = ph_codes_vendor(table, row, 0)) != NULL; row++) {
		bool there = cell[0] == 0 || strcmp(cell, "(ignore)") == 0 ||
			     ph_codes_is_open(table, row);
		for (size_t i = 0; i < count && !there; i++)
			there = strcmp(values[i], cell) == 0;
		if (!there)
			ph_load_fail(c->load, link->node, convert->at,
			    "PH2076 %s has the vendor's value \"%s\" (line %u), which "
			    "%s "
			    "does not allow",
			    ph_codes_file(table), cell, ph_codes_line(table, row),
			    ph_vendor_file(c->map));
	}
	for (size_t i = 0; i < count && (link->directions & PH_FLOWS_IN) != 0; i++) {
		ph_tuple key = {
		    .count = 1, .at = {ph_value_text(values[i], strlen(values[i]))}};
		if (ph_codes_row(table, true, &key) == ph_codes_count(table))
			ph_load_warn(c->load, link->node, convert->at,
			    "PH2077 %s has no row for the vendor's value \"%s\" of %s",
			    ph_codes_file(table), values[i], ph_vendor_file(c->map));
	}
}

static void
check_link(checker *c, const ph_link *link)
{
	check_conversion(c, link);
	bool paths = ph_vendor_described(c->map) && c->map->xsd_shape == NULL;
	for (size_t i = 0; i < link->vendor.count && paths; i++)
		check_path(c, link, &link->vendor.at[i]);
	if (!ph_vendor_described(c->map))
		return;
	for (size_t i = 0; i < link->chain_count; i++)
		check_codes(c, link, &link->chain[i]);
	if (link->vendor.count != 1 || link->vendor.at[0].kind != PH_OPERAND_PATH)
		return;
	check_plain(c, link, &link->vendor.at[0]);
	check_length(c, link, &link->vendor.at[0]);
}

void
ph_map_examine_vendor(const ph_map *map, ph_load *load)
{
	checker *c = ph_arena_zalloc(load->arena, sizeof(*c));
	if (c == NULL) {
		ph_load_no_memory(load);
		return;
	}
	c->map = map;
	c->load = load;
	ph_way way;
	ph_path none = {0};
	if (ph_vendor_way(map, &none, map->in.count > 0, &way))
		ph_way_text(&way, c->record, sizeof(c->record));
	ph_vendor_each(map, note_field, c);
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		check_link(c, l);
	if (map->xsd_shape != NULL) {
		ph_map_examine_paths(map, load);
		ph_map_examine_content(map, load);
		return;
	}
	if (!ph_vendor_described(map))
		return;
	check_drop(c);
	ph_vendor_each(map, check_left_over, c);
}
