/*
 * map_open - fields whose text is a document itself (`vendor.open`): opened once the vendor's bytes
 * are read, so that links lead into them, and made a text again before bytes are written.
 *
 * JSON puts its members into the field; XML its root element, as parts of multipart do. Members of JSON
 * count as names without a prefix. A text that is no such document stays what it is and is marked, and
 * so are its parents: each record that has one in it fails by itself. If the way to the records
 * leads through it, or it stands beside them, nothing can be read.
 *
 * An opened field keeps its text beside what is in it, and a mark of what it is. What is to be written has
 * the mark from the shape, and no text. So a record that is written as it was read is the same to
 * the byte.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"

enum { WAY_MAX = 128 };

static const char *const kinds[] = {"JSON", "XML"};

/* ---- opening ---- */

typedef struct opening {
	const ph_map *map;
	const ph_open *open;
	ph_document *document;
	ph_xml_reader **reader;
	ph_error *err;
	ph_status status;
} opening;

/* JSON has no namespaces; what the map calls its members has that of unprefixed names. */
static void
set_space(ph_node *node, const char *space)
{
	for (ph_node *n = node->first; n != NULL; n = n->next) {
		n->space = space;
		set_space(n, space);
	}
}

/* What stands before the element: a text has been decoded already, whatever it says of itself. */
static size_t
skip_declaration(const char *text)
{
	size_t at = strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	at += strspn(text + at, " \t\r\n");
	const char *end =
	    strncmp(text + at, "<?xml ", 6) == 0 ? strstr(text + at, "?>") : NULL;
	return end == NULL ? at : (size_t) (end + 2 - text);
}

static ph_status
decode(opening *o, const char *text, size_t length, ph_error *why)
{
	if (!o->open->xml)
		return ph_json_decode(o->document, text, length, why);
	size_t skipped = skip_declaration(text);
	ph_status status =
	    *o->reader != NULL ? PH_OK : ph_xml_reader_new(o->reader, why);
	return status != PH_OK ? status
			       : ph_xml_decode_with(*o->reader, o->document,
				     text + skipped, length - skipped, why);
}

/* The fields of `inner` become those of the node. */
static void
fill(opening *o, ph_node *node, ph_node *inner)
{
	ph_node *next;
	node->flags |= o->open->xml ? PH_NODE_XML : PH_NODE_JSON;
	node->kind = inner->kind;
	if (o->open->xml) {
		node->kind = PH_NODE_OBJECT;
		ph_node_link(node, NULL, inner);
		return;
	}
	uint32_t space = o->map->vendor_syntax.space;
	if (space != 0) {
		const char *name = ph_names_text(o->map->vendor_names, space);
		set_space(inner, ph_document_intern(o->document, name, strlen(name)));
	}
	while ((next = inner->first) != NULL) {
		ph_node_remove(next);
		ph_node_link(node, next->name, next);
	}
}

static bool
refuse(opening *o, ph_node *node, const ph_error *why)
{
	char path[256], where[PH_ERROR_WHERE];
	for (ph_node *n = node; n != NULL; n = n->parent)
		n->flags |= PH_NODE_BROKEN;
	if (why->status == PH_ERR_INVALID && o->open->inside)
		return true;
	ph_node_path(node, path, sizeof path);
	o->status = ph_fail_at(o->err, why->status,
	    ph_node_where(o->document, node, where, sizeof where),
	    "PH2410 the text of %s is no %s: %s", path, kinds[o->open->xml], why->text);
	return false;
}

static bool
open_one(void *self, const ph_node *visited)
{
	opening *o = self;
	ph_node *node = (ph_node *) (uintptr_t) visited;
	ph_node *root = ph_document_root(o->document);
	ph_error why = {.status = PH_OK};
	/* null, an empty text and an element with attributes and a text stay what they are */
	if (node->text == NULL || node->length == 0 ||
	    (node->flags & (PH_NODE_JSON | PH_NODE_XML)) != 0 ||
	    (node->kind != PH_NODE_STRING && node->kind != PH_NODE_OBJECT))
		return true;
	ph_document_set_root(o->document, NULL);
	ph_status status = decode(o, node->text, node->length, &why);
	ph_node *inner = ph_document_root(o->document);
	ph_document_set_root(o->document, root);
	if (status == PH_OK && inner->kind < PH_NODE_LIST && !o->open->xml)
		status = ph_fail(&why, PH_ERR_INVALID, "it holds one value, no fields");
	if (status == PH_OK && inner->kind == PH_NODE_LIST && node->first != NULL)
		status = ph_fail(&why, PH_ERR_INVALID,
		    "it is a list, in an element that has attributes");
	if (status != PH_OK)
		return refuse(o, node, &why);
	fill(o, node, inner);
	return true;
}

/* Where the paths begin: the document, or what is in the envelope. NULL: a document without. */
static ph_node *
top_of(const ph_map *map, ph_document *document)
{
	ph_node *root = ph_document_root(document), *header;
	if (map->format == PH_MAP_SOAP &&
	    ph_soap_unwrap(document, &header, &root, NULL) != PH_OK)
		return NULL;
	return root;
}

static ph_status
open_all(const ph_map *map, ph_document *document, ph_xml_reader **reader,
    bool previous, ph_error *err)
{
	ph_node *top = map->open_count == 0 ? NULL : top_of(map, document);
	if (top == NULL)
		return PH_OK;
	const char *const *names = ph_document_bind(document, map->vendor_names);
	if (names == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	opening o = {.map = map, .document = document, .reader = reader, .err = err};
	for (size_t i = 0; i < map->open_count && o.status == PH_OK; i++) {
		o.open = &map->opens[i];
		const ph_path *path = previous ? &o.open->previous : &o.open->path;
		if (path->count > 0)
			(void) ph_path_walk(
			    names, path, top, ph_vendor_is_xml(map), open_one, &o);
	}
	return o.status;
}

ph_status
ph_vendor_open(
    const ph_map *map, ph_document *document, ph_xml_reader **reader, ph_error *err)
{
	return open_all(map, document, reader, false, err);
}

ph_status
ph_vendor_open_previous(
    const ph_map *map, ph_document *document, ph_xml_reader **reader, ph_error *err)
{
	return open_all(map, document, reader, true, err);
}

const ph_node *
ph_vendor_broken(const ph_node *record)
{
	const ph_node *at = record;
	if ((at->flags & PH_NODE_BROKEN) == 0)
		return NULL;
	while (at->kind >= PH_NODE_LIST && at->first != NULL) {
		const ph_node *n = at->first;
		while (n != NULL && (n->flags & PH_NODE_BROKEN) == 0)
			n = n->next;
		if (n == NULL)
			break;
		at = n;
	}
	return at;
}

/* ---- closing ---- */

typedef struct closing {
	const ph_map *map;
	ph_document *document;
	bool fresh; /* what was read may have been changed */
	ph_error *err;
} closing;

/* What is in the node goes to a node of its own; its attributes stay. */
static ph_node *
take_content(closing *c, ph_node *node)
{
	ph_node *inner = ph_node_new(c->document, (ph_node_kind) node->kind, NULL, 0);
	ph_node *kept =
	    inner == NULL ? NULL : ph_node_new(c->document, PH_NODE_OBJECT, NULL, 0);
	ph_node *n = NULL;
	while (kept != NULL && (n = node->first) != NULL) {
		bool attribute = (n->flags & PH_NODE_ATTRIBUTE) != 0;
		ph_node_remove(n);
		ph_node_link(attribute ? kept : inner, n->name, n);
	}
	while (kept != NULL && (n = kept->first) != NULL) {
		ph_node_remove(n);
		ph_node_link(node, n->name, n);
	}
	return kept == NULL ? NULL : inner;
}

static ph_status
encode(const closing *c, bool xml, const ph_node *inner, ph_buffer *out)
{
	if (!xml)
		return ph_json_encode(inner, 0, out, c->err);
	if (inner->count != 1 || inner->first->kind == PH_NODE_LIST)
		return ph_fail(c->err, PH_ERR_INVALID,
		    "PH2411 an XML document has one root element: link below one");
	return ph_xml_encode(
	    inner->first, c->map->xml_prefixes, c->map->xml_prefix_count, out, c->err);
}

static ph_status
write_text(closing *c, ph_node *node, const ph_node *inner)
{
	ph_buffer out;
	bool xml = (node->flags & PH_NODE_XML) != 0;
	ph_buffer_init(&out, 0);
	ph_status status = encode(c, xml, inner, &out);
	const char *text = status == PH_OK ? ph_buffer_cstr(&out) : NULL;
	size_t skipped = 0;
	if (text != NULL && xml) {
		skipped = skip_declaration(text);
		skipped += strspn(text + skipped, "\r\n");
	}
	if (text != NULL) {
		node->length = out.length - skipped;
		node->text = ph_arena_dup(
		    ph_document_arena(c->document), text + skipped, node->length);
	}
	if (status == PH_OK && (text == NULL || node->text == NULL))
		status = ph_fail(c->err, PH_ERR_TOO_LARGE, "no room for the text");
	ph_buffer_fini(&out);
	return status;
}

/* Those within it first. */
static ph_status
close_below(closing *c, ph_node *node)
{
	ph_status status = PH_OK;
	bool opened = (node->flags & (PH_NODE_JSON | PH_NODE_XML)) != 0;
	bool whole = opened && node->text != NULL && !c->fresh;
	for (ph_node *n = node->first; n != NULL && !whole && status == PH_OK;
	     n = n->next)
		status = close_below(c, n);
	if (status != PH_OK || !opened)
		return status;
	ph_node *inner = take_content(c, node);
	if (inner == NULL)
		return ph_fail(c->err, PH_ERR_TOO_LARGE, "no room for the text");
	if (!whole)
		status = write_text(c, node, inner);
	node->kind = node->first == NULL ? PH_NODE_STRING : PH_NODE_OBJECT;
	node->flags &= (uint8_t) ~(PH_NODE_JSON | PH_NODE_XML);
	return status;
}

ph_status
ph_vendor_close(
    const ph_map *map, ph_document *document, ph_node *node, bool fresh, ph_error *err)
{
	closing c = {.map = map, .document = document, .fresh = fresh, .err = err};
	return map->open_count == 0 || node == NULL ? PH_OK : close_below(&c, node);
}

/* ---- the declaration ---- */

/* The way to the records that are read, or written. */
static ph_path
way_of(const ph_map *map, const ph_path *root, ph_step steps[WAY_MAX])
{
	ph_path way = {.steps = steps};
	const ph_path *parts[] = {root, &map->each};
	for (size_t p = 0; p < (map->has_each ? 2u : 1u); p++)
		for (size_t i = 0; i < parts[p]->count && way.count < WAY_MAX; i++)
			steps[way.count++] = parts[p]->steps[i];
	return way;
}

/* Is a path that of something in a record? */
static bool
leads_into(const ph_path *path, const ph_path *record)
{
	if (path->count <= record->count)
		return false;
	for (size_t i = 0; i < record->count; i++)
		if (path->steps[i].name != record->steps[i].name ||
		    path->steps[i].space != record->steps[i].space)
			return false;
	return true;
}

/* The way of it in the previous record, which stands elsewhere. */
static bool
settle_previous(ph_map *map, ph_open *open)
{
	ph_step steps[WAY_MAX];
	const ph_path record = way_of(map, &map->root_out, steps);
	const ph_path *root = &map->previous_root;
	if (!map->has_previous_root || !leads_into(&open->path, &record))
		return true;
	size_t rest = open->path.count - record.count;
	ph_step *way = ph_arena_alloc(map->arena, (root->count + rest) * sizeof *way);
	if (way == NULL)
		return false;
	if (root->count > 0)
		memcpy(way, root->steps, root->count * sizeof *way);
	memcpy(way + root->count, open->path.steps + record.count, rest * sizeof *way);
	open->previous = (ph_path){.steps = way, .count = root->count + rest};
	return true;
}

bool
ph_open_settle(ph_map *map)
{
	ph_step steps[WAY_MAX];
	const ph_path record = way_of(map, &map->root_in, steps);
	for (size_t i = 0; i < map->open_count; i++) {
		ph_open *open = &map->opens[i];
		open->inside = leads_into(&open->path, &record);
		if (!settle_previous(map, open))
			return false;
		/* the outer ones first */
		for (size_t k = i;
		     k > 0 && map->opens[k - 1].path.count > map->opens[k].path.count;
		     k--) {
			ph_open other = map->opens[k];
			map->opens[k] = map->opens[k - 1];
			map->opens[k - 1] = other;
		}
	}
	return true;
}

void
ph_open_shape(const ph_map *map, ph_shape *shape)
{
	for (size_t i = 0; i < map->open_count; i++)
		ph_shape_inner(shape, map->opens[i].path.steps,
		    map->opens[i].path.count,
		    map->opens[i].xml ? PH_NODE_XML : PH_NODE_JSON);
}
