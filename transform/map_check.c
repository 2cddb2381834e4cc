/*
 * map_check - what can be said about a map before it runs: unknown and uncovered fields, fields
 * written twice, codes the schema does not know, secrets that would leak; and each link's class.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/codes.h"
#include "transform/map_inner.h"

typedef struct checker {
	const ph_map *map;
	ph_load *load;
	const char *fields[256]; /* the canonical schema's, for hints */
	size_t field_count;
} checker;

/* A canonical path as the schema writes it: "attributes[].code". */
static void
canonical_text(const ph_map *map, const ph_path *path, char out[256])
{
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < path->count; i++) {
		const ph_step *step = &path->steps[i];
		const char *name = ph_names_text(map->canonical_names, step->name);
		int wrote = snprintf(out + at, 256 - at, "%s%s%s", i > 0 ? "." : "",
		    name,
		    (step->flags & (PH_STEP_MANY | PH_STEP_CHOSEN)) != 0 ? "[]" : "");
		if (wrote < 0 || (size_t) wrote >= 256 - at)
			return;
		at += (size_t) wrote;
	}
}

static bool
note_field(void *self, const char *path, const ph_rule *rule, bool required)
{
	checker *c = self;
	(void) rule;
	(void) required;
	if (c->field_count < 255)
		c->fields[c->field_count++] = ph_arena_strdup(c->load->arena, path);
	return true;
}

static void
unknown_field(checker *c, const ph_node *node, size_t at, const char *path)
{
	const char *near = ph_nearest(path, c->fields);
	ph_load_fail(c->load, node, at, "PH2060 the schema of %s has no field %s%s%s%s",
	    c->map->entity, path, near == NULL ? "" : "; did you mean ",
	    near == NULL ? "" : near, near == NULL ? "" : "?");
}

static void
check_canonical_paths(checker *c)
{
	for (const ph_link *l = c->map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->canonical.count; i++) {
			const ph_operand *o = &l->canonical.at[i];
			char path[256];
			if (o->kind != PH_OPERAND_PATH)
				continue;
			canonical_text(c->map, &o->path, path);
			const ph_rule *rule = ph_schema_field(c->map->schema, path);
			if (rule == NULL)
				unknown_field(c, l->node, o->at, path);
			else if ((ph_rule_types(rule) &
				     (PH_TYPE_OBJECT | PH_TYPE_ARRAY)) != 0 &&
				 ph_rule_types(rule) != PH_TYPE_ANY)
				ph_load_fail(c->load, l->node, o->at,
				    "PH2061 %s holds fields or items of its own: link "
				    "those "
				    "(name.field, name[].field, name[key])",
				    path);
		}
}

/* Is `path` the dropped field itself or below it? */
static bool
is_below(const char *path, const char *dropped)
{
	size_t length = strlen(dropped);
	return strncmp(path, dropped, length) == 0 &&
	       (path[length] == 0 || path[length] == '.' || path[length] == '[');
}

static bool
is_dropped(const ph_map *map, const char *path)
{
	const ph_node *n =
	    map->drop_canonical == NULL ? NULL : map->drop_canonical->first;
	for (; n != NULL; n = n->next)
		if (is_below(path, n->text))
			return true;
	return false;
}

static bool
is_linked(const ph_map *map, const char *path, unsigned directions)
{
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->canonical.count; i++) {
			char own[256];
			if (l->canonical.at[i].kind != PH_OPERAND_PATH ||
			    (l->directions & directions) == 0)
				continue;
			canonical_text(map, &l->canonical.at[i].path, own);
			if (strcmp(own, path) == 0)
				return true;
		}
	return false;
}

/* Where a field that is nowhere is complained of: the links, or drop. */
static const ph_node *
member(const ph_map *map, const char *name)
{
	const ph_node *root = ph_document_root(map->document);
	const ph_node *node = ph_node_get(root, name);
	return node == NULL ? ph_node_get(root, "links") : node;
}

static bool
check_field(void *self, const char *path, const ph_rule *rule, bool required)
{
	checker *c = self;
	const ph_map *map = c->map;
	(void) rule;
	if (required && map->in.count > 0 && !is_linked(map, path, PH_FLOWS_IN))
		ph_load_fail(c->load, member(map, "links"), 0,
		    "PH2062 the required field %s is written by no link of the way in",
		    path);
	else if (!is_linked(map, path, PH_FLOWS_IN | PH_FLOWS_OUT) &&
		 !is_dropped(map, path))
		ph_load_fail(c->load, member(map, "drop"), 0,
		    "PH2063 the field %s is neither linked nor listed in "
		    "drop.canonical",
		    path);
	return true;
}

static void
check_drop(checker *c)
{
	const ph_node *n =
	    c->map->drop_canonical == NULL ? NULL : c->map->drop_canonical->first;
	for (; n != NULL; n = n->next) {
		bool covers = false;
		for (size_t i = 0; i < c->field_count; i++)
			covers |= is_below(c->fields[i], n->text);
		if (!covers)
			unknown_field(c, n, 0, n->text);
	}
}

/* Two links that write the same field: the first with a value wins, so one needs a condition. */
static void
check_twice(checker *c, const ph_program *program)
{
	for (size_t i = 0; i < program->count; i++)
		for (size_t k = 0; k < i; k++) {
			const ph_op *a = &program->ops[k], *b = &program->ops[i];
			if (a->link->has_when || b->link->has_when)
				continue;
			for (size_t x = 0; x < a->to->count; x++)
				for (size_t y = 0; y < b->to->count; y++) {
					const ph_operand *t = &b->to->at[y];
					if (a->slots[x] == PH_SLOT_NONE ||
					    a->slots[x] != b->slots[y] ||
					    a->to->at[x].kind != t->kind)
						continue;
					ph_load_fail(c->load, b->link->node, t->at,
					    "PH2064 line %u writes this field too; "
					    "give that "
					    "link a when(...), or use default",
					    a->link->node->line);
				}
		}
}

/* Secrets go to vendors only. */
static void
check_secrets(checker *c)
{
	for (size_t i = 0; i < c->map->in.count; i++) {
		const ph_op *op = &c->map->in.ops[i];
		for (size_t k = 0; k < op->from->count; k++)
			if (op->from->at[k].kind == PH_OPERAND_CONTEXT &&
			    strncmp(op->from->at[k].text, "secret.", 7) == 0)
				ph_load_fail(c->load, op->link->node,
				    op->from->at[k].at,
				    "PH2065 a secret cannot become part of a message");
	}
}

static bool
in_values(const char *text, const char *const *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(values[i], text) == 0)
			return true;
	return false;
}

/* Does a row that counts in that direction have the canonical value? */
static bool
has_row(const ph_codes *table, const char *value, bool inward)
{
	const char *cell;
	for (size_t row = 0; (cell = ph_codes_canonical(table, row, 0)) != NULL; row++)
		if (strcmp(cell, value) == 0 && ph_codes_counts(table, row, inward))
			return true;
	return false;
}

/* The code table next to the canonical side of a link; NULL. */
static const ph_convert *
coding_of(const ph_link *link)
{
	bool in = link->directions == PH_FLOWS_IN;
	for (size_t i = 0; i < link->chain_count; i++) {
		const ph_convert *convert =
		    &link->chain[in ? link->chain_count - 1 - i : i];
		if (ph_convert_table(convert) != NULL)
			return convert;
		if (convert->class != &ph_convert_default)
			return NULL;
	}
	return NULL;
}

/* The vendor's words as they are, where the schema has a list of its own. */
static void
check_words(checker *c, const ph_link *link)
{
	char path[256];
	const char *const *values;
	if (link->chain_count > 0 || (link->directions & PH_FLOWS_IN) == 0 ||
	    link->canonical.count != 1 || link->vendor.count != 1 ||
	    link->canonical.at[0].kind != PH_OPERAND_PATH ||
	    link->vendor.at[0].kind != PH_OPERAND_PATH)
		return;
	canonical_text(c->map, &link->canonical.at[0].path, path);
	const ph_rule *rule = ph_schema_field(c->map->schema, path);
	size_t count = rule == NULL ? 0 : ph_rule_values(rule, &values);
	if (count > 1)
		ph_load_warn(c->load, link->node, link->vendor.at[0].at,
		    "PH2078 %s has a list of %zu values (\"%s\", \"%s\" ...), and "
		    "nothing makes the vendor's words into these: | codes(FILE.csv)",
		    path, count, values[0], values[1]);
}

/* A code table against the canonical field's list of values. */
static void
check_codes(checker *c, const ph_link *link)
{
	char path[256];
	const char *const *values;
	const ph_convert *coding = coding_of(link);
	if (coding == NULL || link->canonical.count != 1 ||
	    link->canonical.at[0].kind != PH_OPERAND_PATH)
		return;
	const ph_codes *table = ph_convert_table(coding);
	canonical_text(c->map, &link->canonical.at[0].path, path);
	const ph_rule *rule = ph_schema_field(c->map->schema, path);
	size_t count = rule == NULL ? 0 : ph_rule_values(rule, &values);
	if (count == 0)
		return;
	const char *cell;
	for (size_t row = 0; (cell = ph_codes_canonical(table, row, 0)) != NULL; row++)
		if (strcmp(cell, "(ignore)") != 0 && cell[0] != 0 &&
		    !in_values(cell, values, count))
			ph_load_fail(c->load, link->node, coding->at,
			    "PH2066 %s has the canonical value \"%s\" (line %u), which "
			    "the schema does not allow for %s",
			    ph_codes_file(table), cell, ph_codes_line(table, row),
			    path);
	for (size_t i = 0; i < count; i++) {
		if ((link->directions & PH_FLOWS_OUT) != 0 &&
		    !has_row(table, values[i], false))
			ph_load_warn(c->load, link->node, coding->at,
			    "PH2067 %s has no row for the canonical value \"%s\" of "
			    "%s: "
			    "such a message would be held",
			    ph_codes_file(table), values[i], path);
		if ((link->directions & PH_FLOWS_IN) != 0 &&
		    !has_row(table, values[i], true))
			ph_load_tell(c->load, "note", link->node,
			    "PH2069 no row of %s makes the canonical value \"%s\" of "
			    "%s "
			    "on the way in",
			    ph_codes_file(table), values[i], path);
	}
}

/* Does it read a text that `repair` may change? */
static bool
repaired(const ph_map *map, const ph_link *link)
{
	if (!map->repair || (link->directions & PH_FLOWS_IN) == 0)
		return false;
	for (size_t i = 0; i < link->vendor.count; i++)
		if (link->vendor.at[i].kind != PH_OPERAND_CONST &&
		    link->vendor.at[i].kind != PH_OPERAND_CONTEXT)
			return true;
	return false;
}

static const char *
class_of(const ph_map *map, const ph_link *link)
{
	if (link->directions == PH_FLOWS_IN)
		return "in-only";
	if (link->directions == PH_FLOWS_OUT)
		return "out-only";
	for (size_t i = 0; i < link->chain_count; i++)
		if (link->chain[i].lossy)
			return "lossy";
	return repaired(map, link) ? "lossy" : "iso";
}

static void
tell_link(checker *c, const ph_link *link)
{
	ph_op op = {.link = link};
	bool in = link->directions == PH_FLOWS_IN;
	op.from = in ? &link->vendor : &link->canonical;
	op.to = in ? &link->canonical : &link->vendor;
	const char *path = ph_op_path(c->load->arena, &op);
	const char *arrow = strstr(path, " -> ");
	if (link->directions == (PH_FLOWS_IN | PH_FLOWS_OUT) && arrow != NULL)
		ph_load_tell(c->load, "link", link->node, "%s: %.*s <-> %s",
		    class_of(c->map, link), (int) (arrow - path), path, arrow + 4);
	else
		ph_load_tell(c->load, "link", link->node, "%s: %s",
		    class_of(c->map, link), path);
	if (repaired(c->map, link))
		ph_load_tell(c->load, "note", link->node,
		    "vendor.repair changes a text that reads as UTF-8 made twice");
	for (size_t i = 0; i < link->chain_count; i++)
		if (link->chain[i].note != NULL)
			ph_load_tell(
			    c->load, "note", link->node, "%s", link->chain[i].note);
}

/* A file by reference is read, but nobody keeps its bytes to write them. */
static void
check_parts(checker *c, const ph_link *link)
{
	for (size_t i = 0; i < link->vendor.count; i++) {
		const ph_operand *o = &link->vendor.at[i];
		if (c->map->format == PH_MAP_MULTIPART &&
		    (link->directions & PH_FLOWS_OUT) != 0 &&
		    o->kind == PH_OPERAND_PATH && o->path.count == 2 &&
		    strcmp(ph_names_text(c->map->vendor_names, o->path.steps[1].name),
			"part") == 0)
			ph_load_warn(c->load, link->node, o->at,
			    "PH3512 %s cannot be written: the bus keeps no bytes of "
			    "files; read it with <-, or write a text to %.*s/content",
			    o->path.text, (int) strcspn(o->path.text, "[/"),
			    o->path.text);
	}
}

static void
check_type(checker *c)
{
	const ph_map *map = c->map;
	if (map->in.count > 0 && !ph_map_has_type(map))
		ph_load_tell(c->load, "note", ph_document_root(map->document),
		    "PH2068 the map goes in but has no type: it can be read with, not "
		    "received with");
}

bool
ph_map_examine(const ph_map *map, ph_load *load)
{
	checker c = {.map = map, .load = load};
	size_t before = load->errors;
	if (map->schema != NULL) {
		ph_schema_each(map->schema, note_field, &c);
		check_canonical_paths(&c);
		check_drop(&c);
		ph_schema_each(map->schema, check_field, &c);
		check_type(&c);
	}
	check_twice(&c, &map->in);
	check_twice(&c, &map->out);
	check_secrets(&c);
	ph_map_examine_vendor(map, load);
	for (const ph_link *l = map->links; l != NULL; l = l->next) {
		if (map->schema != NULL) {
			check_words(&c, l);
			check_codes(&c, l);
		}
		check_parts(&c, l);
		tell_link(&c, l);
	}
	return load->errors == before;
}
