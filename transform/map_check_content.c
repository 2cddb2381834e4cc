/*
 * map_check_content - what a map writes, against the content that the vendor's XML Schema wants.
 *
 * The form of what is written (transform/shape.h) is walked beside the schema's types. An element
 * that some link writes has to have what its type requires, in the order in which the type has
 * it. Of a choice one branch is enough, and it has to be whole. Whether a link has a value at run
 * time is not known here: a field is taken for written when a link writes it.
 */
#include <stdio.h>
#include <string.h>

#include "transform/map_vendor.h"

#define PATH	     512
#define XSI_SPACE    "http://www.w3.org/2001/XMLSchema-instance"
#define ALTERNATIVES 4 /* that an error names */

/* An element that is written inside another. */
typedef struct child {
	uint32_t slot;
	const ph_xsd_part *part;
	bool ordered; /* the content has one place for it */
} member;

typedef struct checker {
	const ph_map *map;
	ph_load *load;
	const ph_link **writers; /* by slot; NULL: no link writes it itself */
	size_t depth;		 /* elements above the one at hand, with itself */
	char path[PATH];	 /* of the element at hand, below the record */
} checker;

/* The elements of one element that are written. */
typedef struct content {
	const ph_link *writer; /* of any of it: where complaints go */
	size_t count;
	member *children;
} content;

/* ---- links ---- */

static bool
note_writers(checker *c)
{
	const ph_program *out = &c->map->out;
	size_t slots = ph_shape_slots(out->body);
	c->writers = ph_arena_zalloc(c->load->arena, slots * sizeof *c->writers);
	if (c->writers == NULL)
		return ph_load_no_memory(c->load);
	for (size_t i = 0; i < out->count; i++)
		for (size_t k = 0; k < out->ops[i].to->count; k++) {
			const ph_operand *to = &out->ops[i].to->at[k];
			uint32_t slot = out->ops[i].slots[k];
			bool body = to->kind == PH_OPERAND_PATH ||
				    to->kind == PH_OPERAND_KEYS ||
				    to->kind == PH_OPERAND_VALUES;
			if (body && slot < slots && c->writers[slot] == NULL)
				c->writers[slot] = out->ops[i].link;
		}
	return true;
}

/* The first link that writes a slot or something below it; NULL. */
static const ph_link *
writer_of(const checker *c, uint32_t slot)
{
	const ph_shape *shape = c->map->out.body;
	const ph_link *first = c->writers[slot];
	for (uint32_t i = ph_shape_first(shape, slot); i != 0;
	     i = ph_shape_next(shape, i)) {
		const ph_link *link = writer_of(c, i);
		if (link != NULL &&
		    (first == NULL || link->node->line < first->node->line))
			first = link;
	}
	return first;
}

/* What a whole record lacks is said of the links together. */
static const ph_node *
place(const checker *c, const ph_link *link)
{
	const ph_map *map = c->map;
	size_t record = map->root_out.count + (map->has_each ? map->each.count : 0);
	return link == NULL || c->depth <= record
		   ? ph_node_get(ph_document_root(map->document), "links")
		   : link->node;
}

static const char *
file(const checker *c)
{
	return ph_vendor_file(c->map);
}

/* ---- what is required ---- */

static bool
is_written(const content *w, const ph_xsd_part *part)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->children[i].part == part)
			return true;
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		if (is_written(w, p))
			return true;
	return false;
}

static void
tell_missing(const checker *c, const content *w, const char *name, bool attribute)
{
	ph_load_fail(c->load, place(c, w->writer), 0,
	    "PH2072 the vendor's required field %s%s%s%s is written by no link of the "
	    "way out",
	    c->path, c->path[0] != 0 ? "/" : "", attribute ? "@" : "", name);
}

static void
name_alternatives(const ph_xsd_part *part, size_t *left, char out[PATH])
{
	size_t at = strlen(out);
	if (part->kind == PH_XSD_ELEMENT && (*left)-- > 0)
		snprintf(out + at, PATH - at, "%s%s", at > 0 ? ", " : "", part->name);
	for (const ph_xsd_part *p = part->first; p != NULL && *left > 0; p = p->next)
		name_alternatives(p, left, out);
}

static void
tell_absent(const checker *c, const content *w, const ph_xsd_part *part)
{
	char names[PATH] = "";
	size_t left = ALTERNATIVES;
	if (ph_xsd_may_be_empty(part) || part->kind == PH_XSD_ANY)
		return;
	if (part->kind == PH_XSD_ELEMENT) {
		tell_missing(c, w, part->name, false);
		return;
	}
	if (part->kind != PH_XSD_CHOICE || part->first->next == NULL) {
		for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
			tell_absent(c, w, p);
		return;
	}
	name_alternatives(part, &left, names);
	ph_load_fail(c->load, place(c, w->writer), 0,
	    "PH2072 one of the vendor's fields %s%s is required%s%s, and no link of "
	    "the way out writes any",
	    names, left == 0 ? " ..." : "", c->path[0] != 0 ? " in " : "", c->path);
}

static void
check_required(const checker *c, const content *w, const ph_xsd_part *part)
{
	if (!is_written(w, part)) {
		tell_absent(c, w, part);
		return;
	}
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		if (part->kind != PH_XSD_CHOICE || is_written(w, p))
			check_required(c, w, p);
}

/* ---- the order ---- */

/* Are two elements written in the other order than the content has them in? */
static bool
clash(const content *w, const ph_xsd_part *part, size_t i, size_t k)
{
	const member *a = &w->children[i < k ? i : k], *b = &w->children[i < k ? k : i];
	return a->ordered && b->ordered && a != b &&
	       ph_xsd_is_before(part, b->part, a->part);
}

/* Say it of an element, with the farthest one that it has to change places with. */
static void
tell_misplaced(const checker *c, const content *w, const ph_xsd_part *part,
    const bool *told, size_t at)
{
	size_t other = at;
	for (size_t i = 0; i < w->count; i++)
		if (!told[i] && clash(w, part, at, i) && (other <= at || i > at))
			other = other < at ? other : i;
	const member *mine = &w->children[at], *its = &w->children[other];
	ph_load_fail(c->load, writer_of(c, mine->slot)->node, 0,
	    "PH2090 %s wants %s %s %s, which is written %s: move this link %s, or list "
	    "the fields in vendor.order",
	    file(c), mine->part->name, other > at ? "behind" : "before",
	    its->part->name, other > at ? "later" : "first",
	    other > at ? "down" : "up");
}

/* What clashes with most others is misplaced, then what still clashes with most. */
static void
check_order(const checker *c, const content *w, const ph_xsd_part *part)
{
	size_t *clashes = ph_arena_zalloc(c->load->arena, w->count * sizeof *clashes);
	bool *told = ph_arena_zalloc(c->load->arena, w->count * sizeof *told);
	if (clashes == NULL || told == NULL) {
		ph_load_no_memory(c->load);
		return;
	}
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < i; k++)
			if (clash(w, part, i, k)) {
				clashes[i]++;
				clashes[k]++;
			}
	for (;;) {
		size_t worst = 0;
		for (size_t i = 0; i < w->count; i++)
			worst = clashes[i] >= clashes[worst] ? i : worst;
		if (clashes[worst] == 0)
			return;
		tell_misplaced(c, w, part, told, worst);
		for (size_t i = 0; i < w->count; i++)
			clashes[i] -= !told[i] && clash(w, part, worst, i) ? 1 : 0;
		told[worst] = true;
		clashes[worst] = 0;
	}
}

/* ---- the walk ---- */

static void walk(checker *c, uint32_t slot, const ph_xsd_type *type);

/* Is something written here that nothing can be said of: a pattern of names, xsi:nil, xsi:type? */
static bool
is_free(const checker *c, uint32_t slot)
{
	const ph_shape *shape = c->map->out.body;
	for (uint32_t i = ph_shape_first(shape, slot); i != 0;
	     i = ph_shape_next(shape, i)) {
		const ph_step *step = ph_shape_step(shape, i);
		const char *space = ph_vendor_space(c->map, step);
		if ((step->flags & PH_STEP_WILD) != 0)
			return true;
		if ((step->flags & PH_STEP_ATTRIBUTE) == 0 || space == NULL ||
		    strcmp(space, XSI_SPACE) != 0)
			continue;
		const char *name = ph_names_text(c->map->vendor_names, step->name);
		if (strcmp(name, "nil") == 0 || strcmp(name, "type") == 0)
			return true;
	}
	return false;
}

static void
check_attributes(
    const checker *c, const content *w, uint32_t slot, const ph_xsd_type *type)
{
	const ph_shape *shape = c->map->out.body;
	for (const ph_xsd_attribute *a = type->attributes; a != NULL; a = a->next) {
		bool there = !a->required;
		for (uint32_t i = ph_shape_first(shape, slot); i != 0 && !there;
		     i = ph_shape_next(shape, i)) {
			const ph_step *step = ph_shape_step(shape, i);
			there =
			    (step->flags & PH_STEP_ATTRIBUTE) != 0 &&
			    ph_xsd_find_attribute(type, ph_vendor_space(c->map, step),
				ph_names_text(c->map->vendor_names, step->name)) == a &&
			    writer_of(c, i) != NULL;
		}
		if (!there)
			tell_missing(c, w, a->name, true);
	}
}

/* The elements of a slot that links write and the schema knows. */
static void
find_children(const checker *c, uint32_t slot, const ph_xsd_part *part, content *w)
{
	const ph_shape *shape = c->map->out.body;
	for (uint32_t i = ph_shape_first(shape, slot); i != 0;
	     i = ph_shape_next(shape, i)) {
		const ph_step *step = ph_shape_step(shape, i);
		ph_xsd_child found;
		if ((step->flags & (PH_STEP_ATTRIBUTE | PH_STEP_WILD)) != 0 ||
		    writer_of(c, i) == NULL ||
		    !ph_xsd_find(part, ph_vendor_space(c->map, step),
			ph_names_text(c->map->vendor_names, step->name), &found))
			continue;
		w->children[w->count++] = (member){i, found.element, !found.twice};
	}
}

static content *
content_of(const checker *c, uint32_t slot, const ph_xsd_part *part)
{
	const ph_shape *shape = c->map->out.body;
	size_t room = 1;
	for (uint32_t i = ph_shape_first(shape, slot); i != 0;
	     i = ph_shape_next(shape, i))
		room++;
	content *w = ph_arena_zalloc(c->load->arena, sizeof *w);
	member *children = ph_arena_zalloc(c->load->arena, room * sizeof *children);
	if (w == NULL || children == NULL) {
		ph_load_no_memory(c->load);
		return NULL;
	}
	w->children = children;
	w->writer = writer_of(c, slot);
	find_children(c, slot, part, w);
	return w;
}

static void
enter(checker *c, const member *child)
{
	const ph_map *map = c->map;
	size_t length = strlen(c->path);
	size_t record = map->root_out.count + (map->has_each ? map->each.count : 0);
	if (c->depth >= record && length + strlen(child->part->name) + 2 < PATH)
		snprintf(c->path + length, PATH - length, "%s%s", length > 0 ? "/" : "",
		    child->part->name);
	c->depth++;
	walk(c, child->slot, child->part->type);
	c->depth--;
	c->path[length] = 0;
}

static void
walk(checker *c, uint32_t slot, const ph_xsd_type *type)
{
	content *w = content_of(c, slot, type->content);
	if (w == NULL)
		return;
	if (!type->open && !is_free(c, slot)) {
		/* what no link writes is taken over from the record as it was */
		if (!c->map->completes)
			check_attributes(c, w, slot, type);
		if (type->content != NULL) {
			if (!c->map->completes)
				check_required(c, w, type->content);
			if (w->count > 1)
				check_order(c, w, type->content);
		}
	}
	for (size_t i = 0; i < w->count; i++)
		enter(c, &w->children[i]);
}

void
ph_map_examine_content(const ph_map *map, ph_load *load)
{
	checker c = {.map = map, .load = load};
	if (map->out.count == 0 || !note_writers(&c))
		return;
	const content *w = content_of(&c, 0, ph_xsd_shape_roots(map->xsd_shape));
	for (size_t i = 0; w != NULL && i < w->count; i++)
		enter(&c, &w->children[i]);
}
