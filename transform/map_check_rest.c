/*
 * map_check_rest - what of a vendor's XML Schema a map neither links nor drops.
 *
 * The types of the records are walked, of both directions where they differ, and a recursive type once.
 * Paths are compared by their local names, below the record. drop.vendor takes a field with all below it.
 */
#include <stdio.h>
#include <string.h>

#include "transform/map_check_xsd.h"

#define PATH	   512
#define DEPTH_MAX  32
#define COMPLAINTS 200
/* Fields that are looked at: types that lead to each other have many ways. */
#define FIELDS_MAX 100000

typedef struct checker {
	const ph_map *map;
	ph_load *load;
	const char *
	    *linked; /* every linked path below a record, "A/B", ended by NULL */
	const char **dropped; /* what drop.vendor has, written so */
	bool wild;	      /* a pattern of names is linked */
	const char
	    *told[COMPLAINTS]; /* left-over fields, each once for both directions */
	size_t complaints;
} checker;

/* ---- what is spoken of ---- */

/* "c:A/'B'[]/@d" as "A/B/d". */
static const char *
plain_text(checker *c, const char *text)
{
	char *plain = ph_arena_strdup(c->load->arena, text), *at = plain,
	     *begin = plain;
	for (const char *p = plain; p != NULL && *p != 0; p++) {
		if (*p == ':')
			at = begin;
		else if (strchr("[]'@", *p) == NULL)
			*at++ = *p;
		if (*p == '/')
			begin = at;
	}
	if (plain != NULL)
		*at = 0;
	return plain == NULL ? "" : plain;
}

/* The names of a path below the record; NULL: it leads out of it. */
static const char *
below_record(checker *c, const ph_path *path)
{
	char text[PATH] = "";
	size_t starts[PH_WAY_MAX], depth = 0, at = 0;
	for (size_t i = 0; i < path->count; i++) {
		const ph_step *step = &path->steps[i];
		const char *name = ph_names_text(c->map->vendor_names, step->name);
		if ((step->flags & PH_STEP_PARENT) != 0) {
			if (depth == 0)
				return NULL;
			text[at = starts[--depth]] = 0;
			continue;
		}
		if (name == NULL || depth == PH_WAY_MAX || at + strlen(name) + 2 > PATH)
			return NULL;
		starts[depth++] = at;
		at += (size_t) snprintf(
		    text + at, PATH - at, "%s%s", at > 0 ? "/" : "", name);
	}
	return ph_arena_strdup(c->load->arena, text);
}

static bool
note_linked(checker *c)
{
	const ph_map *map = c->map;
	size_t count = 0, drops = 0;
	const ph_node *drop = map->drop_vendor;
	c->linked = ph_arena_zalloc(
	    c->load->arena, (map->link_count * PH_TUPLE_MAX + 1) * sizeof *c->linked);
	c->dropped = ph_arena_zalloc(c->load->arena,
	    ((drop == NULL ? 0 : drop->count) + 1) * sizeof *c->dropped);
	if (c->linked == NULL || c->dropped == NULL)
		return ph_load_no_memory(c->load);
	for (const ph_link *l = map->links; l != NULL; l = l->next)
		for (size_t i = 0; i < l->vendor.count; i++) {
			const ph_operand *o = &l->vendor.at[i];
			const char *text =
			    ph_check_is_path(o) ? below_record(c, &o->path) : NULL;
			c->wild |= ph_path_is_wild(&o->path);
			if (text != NULL)
				c->linked[count++] = text;
		}
	for (const ph_node *n = drop == NULL ? NULL : drop->first; n != NULL;
	     n = n->next)
		c->dropped[drops++] = plain_text(c, n->text);
	return true;
}

/* Itself, or what is in it if it may be a text that is opened. */
static bool
is_linked(const checker *c, const char *path)
{
	size_t length = strlen(path);
	for (size_t i = 0; c->linked[i] != NULL; i++)
		if (strncmp(c->linked[i], path, length) == 0 &&
		    (c->linked[i][length] == 0 ||
			(c->linked[i][length] == '/' && c->map->open_count > 0)))
			return true;
	return false;
}

static bool
is_dropped(const checker *c, const char *path)
{
	for (size_t i = 0; c->dropped[i] != NULL; i++) {
		size_t length = strlen(c->dropped[i]);
		if (strncmp(c->dropped[i], path, length) == 0 &&
		    (path[length] == 0 || path[length] == '/'))
			return true;
	}
	return false;
}

/* ---- what is left over ---- */

typedef struct walk {
	checker *checker;
	const ph_xsd_type *types[DEPTH_MAX]; /* open ones: none is entered twice */
	size_t depth, fields;
	char path[PATH];
} walk;

static void walk_type(walk *w, const ph_xsd_type *type);

/* Has it been complained of, or enough altogether? */
static bool
is_told(const checker *c, const char *path)
{
	for (size_t i = 0; i < c->complaints; i++)
		if (c->told[i] == NULL || strcmp(c->told[i], path) == 0)
			return true;
	return c->complaints == COMPLAINTS;
}

static void
left_over(walk *w, bool attribute)
{
	checker *c = w->checker;
	const char *name = strrchr(w->path, '/');
	size_t before = name == NULL ? 0 : (size_t) (name + 1 - w->path);
	if (is_linked(c, w->path) || is_told(c, w->path))
		return;
	c->told[c->complaints++] = ph_arena_strdup(c->load->arena, w->path);
	ph_load_fail(c->load, ph_node_get(ph_document_root(c->map->document), "links"),
	    0,
	    "PH2071 the vendor's field %.*s%s%s is neither linked nor listed "
	    "in drop.vendor",
	    (int) before, w->path, attribute ? "@" : "", w->path + before);
}

/* One element or attribute below; the path is as before afterwards. */
static void
walk_field(walk *w, const char *name, const ph_xsd_type *type, bool attribute)
{
	size_t length = strlen(w->path);
	if (length + strlen(name) + 2 > PATH || ++w->fields > FIELDS_MAX)
		return;
	snprintf(w->path + length, PATH - length, "%s%s", length > 0 ? "/" : "", name);
	if (!is_dropped(w->checker, w->path)) {
		bool fields = type->content != NULL || type->attributes != NULL;
		if (type->value != PH_XSD_NOTHING || !fields)
			left_over(w, attribute);
		walk_type(w, type);
	}
	w->path[length] = 0;
}

static void
walk_part(walk *w, const ph_xsd_part *part)
{
	if (part->kind == PH_XSD_ELEMENT)
		walk_field(w, part->name, part->type, false);
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		walk_part(w, p);
}

static void
walk_type(walk *w, const ph_xsd_type *type)
{
	for (size_t i = 0; i < w->depth; i++)
		if (w->types[i] == type)
			return;
	if (w->depth == DEPTH_MAX || w->checker->complaints >= COMPLAINTS)
		return;
	w->types[w->depth++] = type;
	for (const ph_xsd_attribute *a = type->attributes; a != NULL; a = a->next)
		walk_field(w, a->name, a->type, true);
	if (type->content != NULL)
		walk_part(w, type->content);
	w->depth--;
}

/* ---- drop.vendor ---- */

/* How far a plain path can be followed; *above is the type where it ends. */
static const char *
follow_plain(const ph_xsd_type *type, const char *path, const ph_xsd_type **above)
{
	while (*path != 0) {
		char name[PATH];
		size_t length = strcspn(path, "/");
		snprintf(name, sizeof name, "%.*s", (int) length, path);
		*above = type;
		if (type->open || type->extended)
			return "";
		const ph_xsd_part *element =
		    type->content == NULL ? NULL
					  : ph_check_element(type->content, name);
		const ph_xsd_attribute *a = ph_check_attribute(type, name);
		if (element == NULL && a == NULL)
			return ph_xsd_takes(type->content, NULL) != NULL ? "" : path;
		type = element != NULL ? element->type : a->type;
		path += length + (path[length] == '/' ? 1 : 0);
	}
	return path;
}

static void
check_drop(checker *c, const ph_xsd_type *const records[2])
{
	const ph_node *n = c->map->drop_vendor;
	size_t i = 0;
	for (n = n == NULL ? NULL : n->first; n != NULL; n = n->next, i++) {
		const ph_xsd_type *above[2] = {NULL, NULL};
		const char *rest = NULL;
		bool known = false;
		for (int k = 0; k < 2; k++) {
			const char *end =
			    records[k] == NULL
				? NULL
				: follow_plain(records[k], c->dropped[i], &above[k]);
			known |= end != NULL && *end == 0;
			rest = rest == NULL ? end : rest;
		}
		if (known || rest == NULL)
			continue;
		char more[PH_HINT_MAX], name[PATH];
		snprintf(name, sizeof name, "%.*s", (int) strcspn(rest, "/"), rest);
		ph_check_hint(
		    c->map, above[0] == NULL ? above[1] : above[0], name, false, more);
		ph_load_fail(c->load, n, 0, "PH2070 %s has no field %s%s",
		    ph_vendor_file(c->map), n->text, more);
	}
}

void
ph_map_examine_rest(
    const ph_map *map, ph_load *load, const ph_xsd_type *in, const ph_xsd_type *out)
{
	checker c = {.map = map, .load = load};
	const ph_xsd_type *records[2] = {in, out};
	if (!note_linked(&c))
		return;
	check_drop(&c, records);
	/* what no link writes is taken over from the record as it was */
	bool taken_over = map->completes && map->in.count == 0;
	for (int k = 0; k < 2 && !c.wild && !taken_over; k++) {
		walk w = {.checker = &c};
		if (records[k] != NULL && (k == 0 || out != in))
			walk_type(&w, records[k]);
	}
}
