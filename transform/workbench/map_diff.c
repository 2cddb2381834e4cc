/*
 * map_diff - links are matched in four rounds: the same in everything; the same fields on both sides;
 * the same canonical field; the same vendor field. What is left was added or removed.
 */
#include "transform/workbench/map_diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/config.h"
#include "transform/link_text.h"
#include "transform/load.h"

#define LINE 2048

typedef struct written {
	const ph_node *node;
	ph_link_text text;
	struct written *other; /* its match in the other version */
	size_t index;
} written;

typedef struct version {
	const ph_map_version_of *of;
	ph_document *document;
	const ph_node *root;
	written *links;
	size_t count;
} version;

typedef struct diff {
	version old, new;
	ph_diff_tell *tell;
	void *self;
} diff;

static void say(diff *d, const char *kind, const char *change, const version *v,
    const ph_node *node, const char *format, ...) __attribute__((format(printf, 6, 7)));

static void
say(diff *d, const char *kind, const char *change, const version *v,
    const ph_node *node, const char *format, ...)
{
	char where[PH_ERROR_WHERE], text[LINE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	ph_node_where(v->document, node, where, sizeof(where));
	d->tell(d->self, kind, change, where, text);
}

/* ---- settings ---- */

/* A scalar, or a list of them, as one text. */
static const char *
plain(const ph_node *node, char out[LINE])
{
	if (node->kind != PH_NODE_LIST)
		return node->text == NULL ? "" : node->text;
	size_t at = 0;
	out[0] = 0;
	for (const ph_node *n = node->first; n != NULL && at < LINE; n = n->next)
		at += (size_t) snprintf(out + at, LINE - at, "%s%s", at > 0 ? ", " : "",
		    n->text == NULL ? "" : n->text);
	return out;
}

static bool
is_setting(const char *name)
{
	return strcmp(name, "links") != 0 && strcmp(name, "drop") != 0 &&
	       strcmp(name, "require") != 0;
}

/* Members of `a` against those of `b`, which may be NULL. `back`: a is the new version, and only
 * what the old one does not have is told. */
static void
compare_settings(
    diff *d, const ph_node *a, const ph_node *b, const char *way, bool back)
{
	const version *v = back ? &d->new : &d->old;
	for (const ph_node *n = a->first; n != NULL; n = n->next) {
		char path[256], mine[LINE], its[LINE];
		const ph_node *other = b == NULL ? NULL : ph_node_get(b, n->name);
		if (way[0] == 0 && !is_setting(n->name))
			continue;
		snprintf(
		    path, sizeof(path), "%s%s%s", way, way[0] != 0 ? "." : "", n->name);
		if (n->kind == PH_NODE_OBJECT &&
		    (other == NULL || other->kind == PH_NODE_OBJECT)) {
			compare_settings(d, n, other, path, back);
			continue;
		}
		if (other == NULL)
			say(d, "setting", back ? "added" : "removed", v, n, "%s %s: %s",
			    path, back ? "is new" : "is gone", plain(n, mine));
		else if (!back && (n->kind != other->kind ||
				      strcmp(plain(n, mine), plain(other, its)) != 0))
			say(d, "setting", "changed", &d->new, other,
			    "%s was %s, is now %s", path, plain(n, mine),
			    plain(other, its));
	}
}

/* ---- lists ---- */

static bool
holds(const ph_node *list, const char *text)
{
	for (const ph_node *n = list == NULL ? NULL : list->first; n != NULL;
	     n = n->next)
		if (n->text != NULL && strcmp(n->text, text) == 0)
			return true;
	return false;
}

static void
compare_lists(diff *d, const char *path, const char *label)
{
	const ph_node *old = ph_node_find(d->old.root, path);
	const ph_node *new = ph_node_find(d->new.root, path);
	for (const ph_node *n = old == NULL ? NULL : old->first; n != NULL; n = n->next)
		if (n->text != NULL && !holds(new, n->text))
			say(d, "list", "removed", &d->old, n, "%s no longer has %s",
			    label, n->text);
	for (const ph_node *n = new == NULL ? NULL : new->first; n != NULL; n = n->next)
		if (n->text != NULL && !holds(old, n->text))
			say(d, "list", "added", &d->new, n, "%s has %s now", label,
			    n->text);
}

/* ---- links ---- */

static bool
same_terms(const ph_link_text *a, const ph_link_text *b)
{
	bool same = a->count == b->count;
	for (size_t i = 0; i < a->count && same; i++)
		same = ph_part_same(a->terms[i], b->terms[i]);
	return same;
}

static bool
fits(const ph_link_text *a, const ph_link_text *b, unsigned round)
{
	bool canonical = ph_part_same(a->canonical, b->canonical);
	bool vendor = ph_part_same(a->vendor, b->vendor);
	switch (round) {
	case 0:
		return canonical && vendor && ph_part_same(a->arrow, b->arrow) &&
		       same_terms(a, b);
	case 1:
		return canonical && vendor;
	case 2:
		return canonical;
	default:
		return vendor;
	}
}

static void
match_links(diff *d)
{
	for (unsigned round = 0; round < 4; round++)
		for (size_t i = 0; i < d->old.count; i++) {
			written *a = &d->old.links[i];
			for (size_t k = 0; k < d->new.count && a->other == NULL; k++) {
				written *b = &d->new.links[k];
				if (b->other != NULL ||
				    !fits(&a->text, &b->text, round))
					continue;
				a->other = b;
				b->other = a;
			}
		}
}

static const char *
way_word(ph_part arrow)
{
	if (arrow.length == 3)
		return "both ways";
	return arrow.length > 0 && arrow.text[0] == '-' ? "out only" : "in only";
}

#define PART(part) (int) (part).length, (part).text

/* The term of that name that has no twin in the other chain. */
static const ph_part *
changed_term(const ph_link_text *in, const ph_link_text *other, ph_part name)
{
	for (size_t i = 0; i < in->count; i++) {
		bool twin = false;
		for (size_t k = 0; k < other->count; k++)
			twin |= ph_part_same(in->terms[i], other->terms[k]);
		if (!twin && ph_part_same(ph_term_name(in->terms[i]), name))
			return &in->terms[i];
	}
	return NULL;
}

static void
compare_terms(diff *d, const written *a, const written *b, const char *label)
{
	const ph_link_text *old = &a->text, *new = &b->text;
	bool told = false;
	for (size_t i = 0; i < old->count; i++) {
		ph_part name = ph_term_name(old->terms[i]);
		const ph_part *mine = changed_term(old, new, name);
		if (mine != &old->terms[i])
			continue;
		const ph_part *its = changed_term(new, old, name);
		told = true;
		if (its != NULL)
			say(d, "link", "changed", &d->new, b->node,
			    "%s: %.*s is now %.*s", label, PART(*mine), PART(*its));
		else
			say(d, "link", "changed", &d->new, b->node,
			    "%s: no longer %.*s", label, PART(*mine));
	}
	for (size_t i = 0; i < new->count; i++) {
		ph_part name = ph_term_name(new->terms[i]);
		if (changed_term(new, old, name) != &new->terms[i] ||
		    changed_term(old, new, name) != NULL)
			continue;
		told = true;
		say(d, "link", "changed", &d->new, b->node, "%s: now %.*s", label,
		    PART(new->terms[i]));
	}
	if (!told && !same_terms(old, new))
		say(d, "link", "changed", &d->new, b->node,
		    "%s: its conversions stand in another order", label);
}

static void
compare_link(diff *d, const written *a, const written *b)
{
	char label[LINE];
	const ph_link_text *old = &a->text, *new = &b->text;
	snprintf(label, sizeof(label), "%.*s %.*s %.*s", PART(new->canonical),
	    PART(new->arrow), PART(new->vendor));
	if (!ph_part_same(old->canonical, new->canonical))
		say(d, "link", "changed", &d->new, b->node,
		    "%s: its canonical side was %.*s", label, PART(old->canonical));
	if (!ph_part_same(old->vendor, new->vendor))
		say(d, "link", "changed", &d->new, b->node,
		    "%s: its vendor side was %.*s", label, PART(old->vendor));
	if (!ph_part_same(old->arrow, new->arrow))
		say(d, "link", "changed", &d->new, b->node,
		    "%s: it went %s, it now goes %s", label, way_word(old->arrow),
		    way_word(new->arrow));
	compare_terms(d, a, b, label);
}

static void
compare_links(diff *d)
{
	size_t last = 0;
	const written *moved = NULL;
	for (size_t i = 0; i < d->old.count; i++) {
		const written *a = &d->old.links[i];
		if (a->other == NULL) {
			say(d, "link", "removed", &d->old, a->node,
			    "the link is gone: %s", a->node->text);
			continue;
		}
		compare_link(d, a, a->other);
		if (a->other->index < last && moved == NULL)
			moved = a->other;
		last = a->other->index;
	}
	for (size_t i = 0; i < d->new.count; i++)
		if (d->new.links[i].other == NULL)
			say(d, "link", "added", &d->new, d->new.links[i].node,
			    "a new link: %s", d->new.links[i].node->text);
	if (moved != NULL)
		say(d, "order", "changed", &d->new, moved->node,
		    "the links stand in another order: fields may be written in "
		    "another "
		    "order, and another link may win");
}

/* ---- code tables ---- */

/* The file of a codes or keys term; length 0: it is none. */
static ph_part
table_of(ph_part term)
{
	ph_part name = ph_term_name(term);
	ph_part file = {term.text, 0};
	bool table = (name.length == 5 && memcmp(name.text, "codes", 5) == 0) ||
		     (name.length == 4 && memcmp(name.text, "keys", 4) == 0);
	if (!table || name.length + 2 > term.length)
		return file;
	file.text = name.text + name.length + 1;
	while (*file.text == ' ' || *file.text == '"')
		file.text++;
	file.length = strcspn(file.text, ",)\" ");
	return file;
}

static bool
uses_table(const version *v, ph_part file, const written *before)
{
	for (size_t i = 0; i < v->count && &v->links[i] != before; i++)
		for (size_t k = 0; k < v->links[i].text.count; k++)
			if (ph_part_same(table_of(v->links[i].text.terms[k]), file))
				return true;
	return false;
}

static char *
find_table(const version *v, const char *name)
{
	char *path = NULL;
	return ph_find_file(v->of->folders, "codes", name, &path, NULL) == PH_OK ? path
										 : NULL;
}

static ph_status
compare_table(diff *d, const written *link, ph_part file, ph_error *err)
{
	char name[256];
	if (file.length >= sizeof(name))
		return PH_OK;
	memcpy(name, file.text, file.length);
	name[file.length] = 0;
	char *old = find_table(&d->old, name), *new = find_table(&d->new, name);
	ph_status status = PH_OK;
	if (old != NULL && new != NULL)
		status = ph_codes_diff(old, new, d->tell, d->self, err);
	else if (old != NULL || new != NULL)
		say(d, "table", new != NULL ? "added" : "removed", &d->new, link->node,
		    "the file codes/%s %s", name, new != NULL ? "is new" : "is gone");
	free(old);
	free(new);
	return status;
}

/* Tables that both use are compared; the links have told of the others. */
static ph_status
compare_tables(diff *d, ph_error *err)
{
	ph_status status = PH_OK;
	for (size_t i = 0; i < d->new.count; i++)
		for (size_t k = 0; k < d->new.links[i].text.count; k++) {
			const written *link = &d->new.links[i];
			ph_part file = table_of(link->text.terms[k]);
			if (file.length == 0 || uses_table(&d->new, file, link) ||
			    !uses_table(&d->old, file, NULL))
				continue;
			if (status == PH_OK)
				status = compare_table(d, link, file, err);
		}
	return status;
}

/* ---- the whole ---- */

static ph_status
open_version(version *v, const ph_map_version_of *of, ph_error *err)
{
	v->of = of;
	ph_status status = ph_yaml_load(of->file, 0, &v->document, err);
	if (status != PH_OK)
		return status;
	v->root = ph_document_root(v->document);
	if (v->root == NULL || v->root->kind != PH_NODE_OBJECT)
		return ph_fail_at(
		    err, PH_ERR_INVALID, of->file, "PH2040 a map file is a mapping");
	const ph_node *links = ph_node_get(v->root, "links");
	size_t room = links == NULL ? 1 : (size_t) links->count + 1;
	v->links = calloc(room, sizeof(*v->links));
	if (v->links == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	for (const ph_node *n = links == NULL ? NULL : links->first; n != NULL;
	     n = n->next) {
		if (n->text == NULL)
			continue;
		written *link = &v->links[v->count];
		link->node = n;
		link->index = v->count++;
		ph_link_split(n->text, &link->text);
	}
	return PH_OK;
}

static void
close_version(version *v)
{
	free(v->links);
	ph_document_destroy(&v->document);
}

ph_status
ph_map_diff(const ph_map_version_of *old, const ph_map_version_of *new,
    ph_diff_tell *tell, void *self, ph_error *err)
{
	diff d = {.tell = tell, .self = self};
	ph_status status = open_version(&d.old, old, err);
	if (status == PH_OK)
		status = open_version(&d.new, new, err);
	if (status == PH_OK) {
		compare_settings(&d, d.old.root, d.new.root, "", false);
		compare_settings(&d, d.new.root, d.old.root, "", true);
		compare_lists(&d, "require", "require");
		match_links(&d);
		compare_links(&d);
		compare_lists(&d, "drop/vendor", "drop.vendor");
		compare_lists(&d, "drop/canonical", "drop.canonical");
		status = compare_tables(&d, err);
	}
	close_version(&d.old);
	close_version(&d.new);
	return status;
}
