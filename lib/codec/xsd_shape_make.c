/*
 * xsd_shape_make - a schema's elements, types and attributes, each read once.
 *
 * A type's node keeps what is made of it in libxml2's _private. Types wait in a queue until they
 * are filled in, so an element may lead to one that is still empty: that is how recursion ends. A
 * base is filled in before what derives from it. How much it may come to was counted when the
 * schema was loaded (xsd_scan.c); the arena has a limit beside that.
 */
#include "lib/codec/xsd_shape_inner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/xsd_inner.h"

#define ARENA_MAX ((size_t) 64 << 20)
#define DEPTH_MAX 500u
#define BLANK	  " \t\r\n"

struct ph_xsd_shape {
	ph_arena *arena;
	ph_xsd_part roots;
};

typedef enum progress { WAITING, OPEN, FILLED } progress;

/* A type that is being made; the type is first, so that one pointer is both. */
typedef struct making {
	ph_xsd_type type;
	xmlNodePtr node;
	progress progress;
	struct making *next;
} making;

typedef struct maker {
	ph_xsd_trees trees;
	ph_arena *arena;
	making *first, **end; /* the queue */
	unsigned depth;
	bool failed; /* out of memory */
} maker;

static void *
room(maker *m, size_t size)
{
	void *block = ph_arena_zalloc(m->arena, size);
	m->failed |= block == NULL;
	return block;
}

static const char *
copy(maker *m, const char *text)
{
	const char *own = text == NULL ? NULL : ph_arena_strdup(m->arena, text);
	m->failed |= text != NULL && own == NULL;
	return own;
}

/* ---- names ---- */

/* A QName in an attribute; false: it is not there (NULL: in none). */
static bool
name_in(maker *m, xmlNodePtr node, const char *attribute, const char **space,
    const char **name)
{
	const char *text = attribute == NULL ? NULL : ph_xsd_text(node, attribute);
	if (text == NULL || m->failed)
		return false;
	text += strspn(text, BLANK);
	m->failed |=
	    !ph_xsd_name(&m->trees, node, text, strcspn(text, BLANK), space, name);
	return !m->failed;
}

/* What an attribute refers to; NULL. */
static xmlNodePtr
refers_to(maker *m, xmlNodePtr node, const char *attribute, const char *kind)
{
	const char *space, *name;
	return name_in(m, node, attribute, &space, &name)
		   ? ph_xsd_global(&m->trees, kind, space, name)
		   : NULL;
}

/* The namespace of an element or attribute declared inside a type. */
static const char *
local_space(xmlNodePtr node, const char *default_name)
{
	const char *form = ph_xsd_text(node, "form");
	if (form == NULL)
		form = ph_xsd_text(xmlDocGetRootElement(node->doc), default_name);
	return form != NULL && strcmp(form, "qualified") == 0 ? ph_xsd_target(node)
							      : NULL;
}

/* ---- types ---- */

static void fill(maker *m, making *type);

static making *
type_at(maker *m, xmlNodePtr node)
{
	if (node->_private != NULL)
		return node->_private;
	making *type = room(m, sizeof *type);
	if (type == NULL)
		return NULL;
	type->node = node;
	node->_private = type;
	*m->end = type;
	m->end = &type->next;
	return type;
}

/* The type that an attribute names, or that stands inside; `filled` if it is a base. NULL: none. */
static const ph_xsd_type *
type_of(maker *m, xmlNodePtr node, const char *attribute, bool filled)
{
	const char *space, *name;
	xmlNodePtr found = ph_xsd_inside(node, "simpleType");
	if (found == NULL)
		found = ph_xsd_inside(node, "complexType");
	if (name_in(m, node, attribute, &space, &name)) {
		if (space != NULL && strcmp(space, PH_XSD_SPACE) == 0)
			return ph_xsd_builtin(name);
		found = ph_xsd_global(&m->trees, "type", space, name);
	}
	making *type = found == NULL || m->failed ? NULL : type_at(m, found);
	if (type != NULL && filled)
		fill(m, type);
	return type == NULL ? NULL : &type->type;
}

static const ph_xsd_type *
type_of_element(maker *m, xmlNodePtr node)
{
	for (unsigned i = 0; node != NULL && i < DEPTH_MAX && !m->failed; i++) {
		const ph_xsd_type *type =
		    type_of(m, node, "type", ph_xsd_text(node, "fixed") != NULL);
		if (type != NULL)
			return type;
		node = refers_to(m, node, "substitutionGroup", "element");
	}
	return ph_xsd_builtin("anyType");
}

/* ---- attributes ---- */

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Put one in, in place of the base's of that name; the list is this type's own. */
static void
put_attribute(
    maker *m, ph_xsd_type *type, const ph_xsd_attribute *like, bool prohibited)
{
	ph_xsd_attribute **at = &type->attributes;
	while (*at != NULL &&
	       (!same((*at)->name, like->name) || !same((*at)->space, like->space)))
		at = &(*at)->next;
	ph_xsd_attribute *rest = *at == NULL ? NULL : (*at)->next;
	*at = rest;
	if (prohibited)
		return;
	ph_xsd_attribute *own = room(m, sizeof *own);
	if (own == NULL)
		return;
	*own = *like;
	own->next = rest;
	*at = own;
}

static void
inherit_attributes(maker *m, ph_xsd_type *type, const ph_xsd_type *base)
{
	type->attributes = NULL;
	type->any_attribute = base->any_attribute;
	for (const ph_xsd_attribute *a = base->attributes; a != NULL; a = a->next)
		put_attribute(m, type, a, false);
}

/* A declaration may say the one text of what it declares, whose type is filled. */
static const ph_xsd_type *
with_fixed(maker *m, xmlNodePtr node, const ph_xsd_type *type)
{
	const char *fixed = ph_xsd_text(node, "fixed");
	if (fixed == NULL || type == NULL || type->value == PH_XSD_NOTHING ||
	    type->content != NULL)
		return type;
	ph_xsd_type *own = room(m, sizeof *own);
	const char **values = room(m, sizeof *values);
	if (own == NULL || values == NULL)
		return type;
	*own = *type;
	own->fixed = values[0] = copy(m, fixed);
	if (type->value == PH_XSD_TEXT) { /* 1.0 is 1 */
		own->values = values;
		own->value_count = 1;
	}
	return own;
}

static void
add_attribute(maker *m, ph_xsd_type *type, xmlNodePtr node)
{
	const char *use = ph_xsd_text(node, "use");
	xmlNodePtr global = refers_to(m, node, "ref", "attribute");
	ph_xsd_attribute like = {
	    .required = use != NULL && strcmp(use, "required") == 0};
	xmlNodePtr said = global == NULL ? node : global;
	like.name = copy(m, ph_xsd_text(said, "name"));
	like.space =
	    copy(m, global != NULL ? ph_xsd_target(global)
				   : local_space(node, "attributeFormDefault"));
	xmlNodePtr fixed = ph_xsd_text(node, "fixed") != NULL ? node : said;
	like.type = type_of(m, said, "type", ph_xsd_text(fixed, "fixed") != NULL);
	if (like.type == NULL)
		like.type = ph_xsd_builtin("anySimpleType");
	like.type = with_fixed(m, fixed, like.type);
	if (like.name != NULL) /* xml:lang and its like are not asked for */
		put_attribute(
		    m, type, &like, use != NULL && strcmp(use, "prohibited") == 0);
}

static void
add_attributes(maker *m, ph_xsd_type *type, xmlNodePtr holder)
{
	if (++m->depth > DEPTH_MAX)
		m->failed = true;
	for (xmlNodePtr n = ph_xsd_inside(holder, NULL); n != NULL && !m->failed;
	     n = ph_xsd_beside(n)) {
		if (ph_xsd_is(n, "attribute"))
			add_attribute(m, type, n);
		else if (ph_xsd_is(n, "anyAttribute"))
			type->any_attribute = true;
		xmlNodePtr group = ph_xsd_is(n, "attributeGroup")
				       ? refers_to(m, n, "ref", "attributeGroup")
				       : NULL;
		if (group != NULL)
			add_attributes(m, type, group);
	}
	m->depth--;
}

/* ---- particles ---- */

static ph_xsd_part *particle(maker *m, xmlNodePtr node);

/* One of a kind, as often as its node says; NULL: never. */
static ph_xsd_part *
part_of(maker *m, xmlNodePtr node, ph_xsd_kind kind)
{
	const char *least = ph_xsd_text(node, "minOccurs");
	const char *most = ph_xsd_text(node, "maxOccurs");
	if (most != NULL && strtoul(most, NULL, 10) == 0 && strchr(most, '0') != NULL)
		return NULL;
	ph_xsd_part *part = room(m, sizeof *part);
	if (part == NULL)
		return NULL;
	part->kind = kind;
	part->least = least == NULL ? 1 : (unsigned) strtoul(least, NULL, 10);
	part->many = most != NULL && strtoul(most, NULL, 10) != 1;
	return part;
}

static void
name_element(maker *m, ph_xsd_part *part, xmlNodePtr node, bool global)
{
	part->name = copy(m, ph_xsd_text(node, "name"));
	part->space = copy(
	    m, global ? ph_xsd_target(node) : local_space(node, "elementFormDefault"));
	part->type = with_fixed(m, node, type_of_element(m, node));
	m->failed |= part->name == NULL;
}

static bool
is_abstract(xmlNodePtr node)
{
	const char *text = ph_xsd_text(node, "abstract");
	return text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

/* Add a global element and all that may stand for it to a choice. */
static ph_xsd_part **
add_alternatives(maker *m, ph_xsd_part **end, xmlNodePtr node)
{
	const char *name = ph_xsd_text(node, "name");
	if (++m->depth > DEPTH_MAX || name == NULL)
		m->failed = true;
	ph_xsd_part *part = is_abstract(node) ? NULL : part_of(m, node, PH_XSD_ELEMENT);
	if (part != NULL) {
		name_element(m, part, node, true);
		*end = part;
		end = &part->next;
	}
	const ph_xsd_substitute *s =
	    m->failed ? NULL : ph_xsd_substitutes(&m->trees, ph_xsd_target(node), name);
	for (; s != NULL && !m->failed; s = s->next)
		end = add_alternatives(m, end, s->element);
	m->depth--;
	return end;
}

static ph_xsd_part *
element(maker *m, xmlNodePtr node)
{
	xmlNodePtr global = refers_to(m, node, "ref", "element");
	ph_xsd_part *part =
	    part_of(m, node, global == NULL ? PH_XSD_ELEMENT : PH_XSD_CHOICE);
	if (part == NULL)
		return NULL;
	if (global != NULL)
		add_alternatives(m, &part->first, global);
	else
		name_element(m, part, node, false);
	return part;
}

static ph_xsd_part *
wildcard(maker *m, xmlNodePtr node)
{
	ph_xsd_part *part = part_of(m, node, PH_XSD_ANY);
	if (part != NULL) {
		part->others = copy(m, ph_xsd_text(node, "namespace"));
		part->target = copy(m, ph_xsd_target(node));
	}
	return part;
}

static ph_xsd_part *
group(maker *m, xmlNodePtr node, ph_xsd_kind kind, xmlNodePtr holder)
{
	ph_xsd_part *part = part_of(m, node, kind);
	ph_xsd_part **end = part == NULL ? NULL : &part->first;
	if (++m->depth > DEPTH_MAX)
		m->failed = true;
	for (xmlNodePtr n = part == NULL ? NULL : ph_xsd_inside(holder, NULL);
	     n != NULL && !m->failed; n = ph_xsd_beside(n)) {
		*end = particle(m, n);
		if (*end != NULL)
			end = &(*end)->next;
	}
	m->depth--;
	return part;
}

static ph_xsd_part *
particle(maker *m, xmlNodePtr node)
{
	if (ph_xsd_is(node, "element"))
		return element(m, node);
	if (ph_xsd_is(node, "any"))
		return wildcard(m, node);
	if (ph_xsd_is(node, "sequence"))
		return group(m, node, PH_XSD_SEQUENCE, node);
	if (ph_xsd_is(node, "choice"))
		return group(m, node, PH_XSD_CHOICE, node);
	if (ph_xsd_is(node, "all"))
		return group(m, node, PH_XSD_ALL, node);
	xmlNodePtr named =
	    ph_xsd_is(node, "group") ? refers_to(m, node, "ref", "group") : NULL;
	return named == NULL ? NULL : group(m, node, PH_XSD_SEQUENCE, named);
}

/* The particle of a complex type, or of what it adds to its base; NULL. */
static ph_xsd_part *
content_of(maker *m, xmlNodePtr holder)
{
	ph_xsd_part *part = NULL;
	for (xmlNodePtr n = ph_xsd_inside(holder, NULL);
	     n != NULL && part == NULL && !m->failed; n = ph_xsd_beside(n))
		part = particle(m, n);
	return part;
}

/* ---- types, filled in ---- */

/* What another type has and more behind it. The base's particle is not this type's own. */
static ph_xsd_part *
behind(maker *m, const ph_xsd_part *base, ph_xsd_part *more)
{
	ph_xsd_part *both = room(m, sizeof *both), *first = room(m, sizeof *first);
	if (both == NULL || first == NULL)
		return NULL;
	*first = *base;
	first->next = more;
	*both = (ph_xsd_part){.kind = PH_XSD_SEQUENCE, .least = 1, .first = first};
	return both;
}

/* A text with less in it than the base's: a type inside the restriction may say so. */
static void
derive_text(maker *m, ph_xsd_type *type, xmlNodePtr by)
{
	const ph_xsd_type *inner = type_of(m, by, NULL, true);
	if (inner != NULL) {
		type->value = inner->value;
		type->patterned = inner->patterned;
		type->uncounted = inner->uncounted;
		type->longest = inner->longest;
		type->values = inner->values;
		type->value_count = inner->value_count;
	}
	if (ph_xsd_is(by, "restriction"))
		m->failed |= !ph_xsd_facets(m->arena, by, type);
}

static void
derive_content(maker *m, ph_xsd_type *type, xmlNodePtr by, bool mixed)
{
	ph_xsd_part *own = content_of(m, by);
	if (ph_xsd_is(by, "restriction")) { /* also of anyType, which is open */
		type->open = type->any_attribute = false;
		type->value = PH_XSD_NOTHING;
		type->content = own;
	} else if (type->content == NULL) {
		type->content = own;
	} else if (own != NULL) {
		type->content = behind(m, type->content, own);
	}
	if (mixed)
		type->value = PH_XSD_TEXT;
}

static void
derive(maker *m, ph_xsd_type *type, xmlNodePtr content, bool mixed)
{
	xmlNodePtr by = ph_xsd_inside(content, NULL);
	const ph_xsd_type *base = by == NULL ? NULL : type_of(m, by, "base", true);
	bool extended = type->extended;
	if (base == NULL || m->failed)
		return;
	*type = *base;
	type->extended = extended;
	inherit_attributes(m, type, base);
	if (ph_xsd_is(content, "simpleContent"))
		derive_text(m, type, by);
	else
		derive_content(m, type, by, mixed);
	add_attributes(m, type, by);
}

static void
note_extended(maker *m, xmlNodePtr content)
{
	const char *space, *name;
	xmlNodePtr by = ph_xsd_inside(content, "extension");
	xmlNodePtr base = by != NULL && name_in(m, by, "base", &space, &name)
			      ? ph_xsd_global(&m->trees, "type", space, name)
			      : NULL;
	making *type = base == NULL ? NULL : type_at(m, base);
	if (type != NULL)
		type->type.extended = true;
}

static void
fill_complex(maker *m, ph_xsd_type *type, xmlNodePtr node)
{
	const char *mixed = ph_xsd_text(node, "mixed");
	xmlNodePtr content = ph_xsd_inside(node, "complexContent");
	if (content == NULL)
		content = ph_xsd_inside(node, "simpleContent");
	else if (mixed == NULL)
		mixed = ph_xsd_text(content, "mixed");
	bool text =
	    mixed != NULL && (strcmp(mixed, "true") == 0 || strcmp(mixed, "1") == 0);
	type->value = PH_XSD_NOTHING;
	if (content != NULL) {
		derive(m, type, content, text);
		return;
	}
	type->content = content_of(m, node);
	type->value = text ? PH_XSD_TEXT : PH_XSD_NOTHING;
	add_attributes(m, type, node);
}

/* A list or a union is a text of which nothing is said. */
static void
fill_simple(maker *m, ph_xsd_type *type, xmlNodePtr node)
{
	xmlNodePtr by = ph_xsd_inside(node, "restriction");
	const ph_xsd_type *base = by == NULL ? NULL : type_of(m, by, "base", true);
	type->value = PH_XSD_TEXT;
	type->patterned = true;
	type->uncounted = by == NULL;
	if (base == NULL || m->failed)
		return;
	*type = *base;
	m->failed |= !ph_xsd_facets(m->arena, by, type);
}

static void
fill(maker *m, making *type)
{
	if (type->progress != WAITING) /* libxml2 has refused circles of bases */
		return;
	type->progress = OPEN;
	if (++m->depth > DEPTH_MAX)
		m->failed = true;
	if (ph_xsd_is(type->node, "complexType"))
		fill_complex(m, &type->type, type->node);
	else
		fill_simple(m, &type->type, type->node);
	type->progress = FILLED;
	m->depth--;
}

/* ---- the whole ---- */

/* Every element of a top level, in the files' order; those of other files can be roots too. */
static void
add_roots(maker *m, ph_xsd_shape *shape)
{
	ph_xsd_part **end = &shape->roots.first;
	for (size_t i = 0; i < m->trees.count; i++) {
		xmlNodePtr root = xmlDocGetRootElement(m->trees.trees[i].document);
		for (xmlNodePtr n = ph_xsd_inside(root, NULL); n != NULL && !m->failed;
		     n = ph_xsd_beside(n)) {
			if (!ph_xsd_is(n, "element") || is_abstract(n))
				continue;
			ph_xsd_part *part = part_of(m, n, PH_XSD_ELEMENT);
			if (part == NULL)
				return;
			name_element(m, part, n, true);
			*end = part;
			end = &part->next;
		}
	}
}

/* A base says that it is one before anybody looks at it. */
static void
add_extended(maker *m)
{
	size_t cursor = 0;
	xmlNodePtr node;
	while (!m->failed &&
	       (node = ph_table_next(m->trees.globals, &cursor, NULL, NULL)) != NULL) {
		xmlNodePtr content = ph_xsd_is(node, "complexType")
					 ? ph_xsd_inside(node, "complexContent")
					 : NULL;
		if (content != NULL)
			note_extended(m, content);
	}
}

static ph_status
make(ph_xsd_shape *shape, const char *path, ph_error *err)
{
	maker m = {.arena = shape->arena, .end = &m.first};
	bool read = ph_xsd_trees_open(&m.trees, path, shape->arena, err);
	shape->roots = (ph_xsd_part){.kind = PH_XSD_CHOICE, .least = 1};
	if (read) {
		add_extended(&m);
		add_roots(&m, shape);
	}
	for (making *t = m.first; t != NULL && !m.failed; t = t->next)
		fill(&m, t);
	ph_xsd_trees_close(&m.trees);
	if (read && !m.failed)
		return PH_OK;
	return read ? ph_fail_at(err, PH_ERR_TOO_LARGE, path,
			  "PH3355 what the schema allows does not fit into 64 MiB")
		    : err->status;
}

ph_status
ph_xsd_shape_new(const ph_xsd *schema, ph_xsd_shape **out, ph_error *err)
{
	PH_ASSERT(schema != NULL && out != NULL);
	ph_error local;
	ph_xsd_shape *shape = calloc(1, sizeof *shape);
	if (shape == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	if (err == NULL)
		err = &local;
	ph_status status = ph_arena_new(ARENA_MAX, &shape->arena, err);
	if (status == PH_OK)
		status = make(shape, ph_xsd_file(schema), err);
	if (status != PH_OK)
		ph_xsd_shape_destroy(&shape);
	else
		*out = shape;
	return status;
}

void
ph_xsd_shape_destroy(ph_xsd_shape **shape_p)
{
	if (*shape_p == NULL)
		return;
	ph_arena_destroy(&(*shape_p)->arena);
	free(*shape_p);
	*shape_p = NULL;
}

const ph_xsd_part *
ph_xsd_shape_roots(const ph_xsd_shape *shape)
{
	return &shape->roots;
}
