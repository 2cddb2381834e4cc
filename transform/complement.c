/*
 * complement - the vendor's previous record fills what a map did not write.
 *
 * A partial update says only what changed, and many systems take only whole records. What the
 * links wrote stands; every other field of the previous record is copied beside it, objects member by
 * member, anything that repeats as a whole. Fields come in the previous record's order, new ones
 * behind.
 */
#include <string.h>

#include "transform/map_inner.h"

enum { PREVIOUS_FLOOR = 1 << 16, PREVIOUS_FACTOR = 64, DEPTH_MAX = 256 };
#define COMPARISONS_MAX ((size_t) 16 << 20) /* members times members */

static ph_status
decode(const ph_map *map, ph_document *document, const void *bytes, size_t length,
    ph_error *err)
{
	ph_xml_reader *reader = NULL;
	if (map->format > PH_MAP_FORM)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH2080 a file of records or parts has no previous record to be "
		    "completed from");
	ph_status status = ph_vendor_decode(map, document, &reader, bytes, length, err);
	if (status == PH_OK)
		status = ph_vendor_open_previous(map, document, &reader, err);
	ph_xml_reader_destroy(&reader);
	return status;
}

typedef struct found {
	ph_node *node;
	size_t count;
} found;

static bool
note(void *self, const ph_node *node)
{
	found *f = self;
	f->node = (ph_node *) (uintptr_t) node;
	f->count++;
	return true;
}

typedef struct leaving {
	const char *const *names;
	const ph_step *field;
} leaving;

/* Take the members of that name out of one object, in one pass. */
static bool
strip(void *self, const ph_node *visited)
{
	const leaving *l = self;
	ph_node *node = (ph_node *) (uintptr_t) visited, *kept = NULL, **end = &kept;
	for (ph_node *n = node; n != NULL; n = n->parent)
		if ((n->flags & (PH_NODE_JSON | PH_NODE_XML)) != 0)
			n->text = NULL; /* what is in it is less than its text */
	while (node->first != NULL) {
		ph_node *n = node->first;
		bool gone = ph_step_matches(l->names, l->field, n);
		ph_node_remove(n);
		if (gone)
			continue;
		*end = n;
		end = &n->next;
	}
	while (kept != NULL) {
		ph_node *n = kept;
		kept = n->next;
		n->next = NULL;
		ph_node_link(node, n->name, n);
	}
	return true;
}

/* What the map does not want taken over: keys the vendor gives itself, links, histories. */
static void
leave_out(const ph_map *map, const char *const *names, const ph_node *record)
{
	for (size_t i = 0; i < map->previous_without_count; i++) {
		ph_path above = map->previous_without[i];
		above.count--;
		leaving l = {names, &above.steps[above.count]};
		ph_path_walk(names, &above, record, false, strip, &l);
	}
}

/* The one record of the previous document; NULL after an error. */
static const ph_node *
record_of(const ph_map *map, ph_document *document, ph_error *err)
{
	const char *const *names = ph_names_bind(map->vendor_names, document);
	ph_node *root = ph_document_root(document), *header;
	if (names == NULL) {
		ph_fail(err, PH_ERR_NOMEM, "out of memory");
		return NULL;
	}
	if (map->format == PH_MAP_SOAP &&
	    ph_soap_unwrap(document, &header, &root, err) != PH_OK)
		return NULL;
	found roots = {0}, records = {0};
	bool own = map->has_previous_root;
	ph_path_walk(names, own ? &map->previous_root : &map->root_in, root,
	    ph_vendor_is_xml(map), note, &roots);
	if (!own && map->has_each && roots.count == 1)
		ph_path_walk(names, &map->each, roots.node, false, note, &records);
	else if (own || !map->has_each)
		records = roots;
	const ph_node *broken =
	    records.count == 1 ? ph_vendor_broken(records.node) : NULL;
	if (broken != NULL) {
		ph_fail_at(err, PH_ERR_INVALID, map->file,
		    "PH2410 a text of the previous record, %s, is no document",
		    broken->name);
		return NULL;
	}
	if (records.count == 1) {
		leave_out(map, names, records.node);
		return records.node;
	}
	ph_fail_at(err, PH_ERR_INVALID, map->file,
	    "PH2081 the previous document holds %zu records of this map, not one",
	    records.count);
	return NULL;
}

ph_status
ph_map_call_previous(ph_map_call *call, const void *bytes, size_t length, ph_error *err)
{
	ph_document *document = NULL;
	if (call->direction != PH_FLOWS_OUT || call->ran || call->previous != NULL)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH2082 a previous record goes with the way out, once, before the "
		    "run");
	ph_status status = ph_document_new(
	    "previous", PREVIOUS_FLOOR + PREVIOUS_FACTOR * length, &document, err);
	if (status == PH_OK)
		status = decode(call->map, document, bytes, length, err);
	if (status == PH_OK) {
		ph_error why = {.status = PH_OK};
		call->previous_record = record_of(call->map, document, &why);
		if (call->previous_record == NULL) {
			status = why.status;
			if (err != NULL)
				*err = why;
		}
	}
	if (status != PH_OK)
		ph_document_destroy(&document);
	else
		call->previous = document;
	return status;
}

/* ---- merging ---- */

static bool
is_same(const ph_node *a, const ph_node *b)
{
	const char *x = a->space == NULL ? "" : a->space;
	const char *y = b->space == NULL ? "" : b->space;
	return (a->flags & PH_NODE_ATTRIBUTE) == (b->flags & PH_NODE_ATTRIBUTE) &&
	       strcmp(a->name, b->name) == 0 && strcmp(x, y) == 0;
}

/* How many of `nodes` have the name of `wanted`; *first is the first of them. */
static size_t
count_same(ph_node *const *nodes, size_t count, const ph_node *wanted, ph_node **first)
{
	size_t same = 0;
	for (size_t i = 0; i < count; i++)
		if (is_same(nodes[i], wanted)) {
			*first = same++ == 0 ? nodes[i] : *first;
		}
	return same;
}

static ph_node **
members(ph_arena *arena, const ph_node *node)
{
	ph_node **nodes = ph_arena_alloc(arena, (node->count + 1) * sizeof(*nodes));
	size_t i = 0;
	for (ph_node *n = node->first; nodes != NULL && n != NULL; n = n->next)
		nodes[i++] = n;
	return nodes;
}

static ph_node *
copy(ph_document *into, const ph_node *node, size_t depth)
{
	ph_node *fresh = depth > DEPTH_MAX
			     ? NULL
			     : ph_node_new(into, (ph_node_kind) node->kind, node->text,
				   node->length);
	if (fresh == NULL)
		return NULL;
	fresh->flags = node->flags & (PH_NODE_ATTRIBUTE | PH_NODE_JSON | PH_NODE_XML);
	if (node->space != NULL)
		fresh->space =
		    ph_document_intern(into, node->space, strlen(node->space));
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (ph_node_add(into, fresh, n->name, copy(into, n, depth + 1)) == NULL)
			return NULL;
	return fresh;
}

typedef struct merging {
	ph_document *into;
	ph_node *node; /* being put together */
	ph_node **ours, **theirs;
	size_t our_count, their_count, depth;
} merging;

static bool merge(
    ph_document *into, ph_node *node, const ph_node *previous, size_t depth);

/* What was written under this name of the previous record, at its first place. */
static bool
place_ours(merging *m, const ph_node *theirs, ph_node *first, size_t count)
{
	ph_node *earliest = NULL;
	size_t before = count_same(m->theirs, m->their_count, theirs, &earliest);
	if (earliest != theirs)
		return true;
	if (count == 1 && before == 1 && first->kind == PH_NODE_OBJECT &&
	    theirs->kind == PH_NODE_OBJECT && theirs->first != NULL &&
	    !merge(m->into, first, theirs, m->depth + 1))
		return false;
	for (size_t i = 0; i < m->our_count; i++)
		if (is_same(m->ours[i], theirs))
			ph_node_link(m->node, m->ours[i]->name, m->ours[i]);
	return true;
}

/* Attributes, or everything else. */
static bool
merge_kind(merging *m, unsigned attribute)
{
	for (size_t i = 0; i < m->their_count; i++) {
		const ph_node *theirs = m->theirs[i];
		ph_node *first = NULL;
		if ((theirs->flags & PH_NODE_ATTRIBUTE) != attribute)
			continue;
		size_t count = count_same(m->ours, m->our_count, theirs, &first);
		if (count == 0 ? ph_node_add(m->into, m->node, theirs->name,
				     copy(m->into, theirs, m->depth + 1)) == NULL
			       : !place_ours(m, theirs, first, count))
			return false;
	}
	for (size_t i = 0; i < m->our_count; i++) {
		ph_node *first = NULL, *own = m->ours[i];
		if ((own->flags & PH_NODE_ATTRIBUTE) == attribute &&
		    count_same(m->theirs, m->their_count, own, &first) == 0)
			ph_node_link(m->node, own->name, own);
	}
	return true;
}

static bool
merge(ph_document *into, ph_node *node, const ph_node *previous, size_t depth)
{
	ph_arena *arena = ph_document_arena(into);
	merging m = {.into = into,
	    .node = node,
	    .ours = members(arena, node),
	    .theirs = members(arena, previous),
	    .our_count = node->count,
	    .their_count = previous->count,
	    .depth = depth};
	if (m.ours == NULL || m.theirs == NULL || depth > DEPTH_MAX ||
	    m.their_count * (m.their_count + m.our_count) > COMPARISONS_MAX)
		return false;
	for (size_t i = 0; i < m.our_count; i++)
		ph_node_remove(m.ours[i]);
	return merge_kind(&m, PH_NODE_ATTRIBUTE) && merge_kind(&m, 0);
}

bool
ph_complement(ph_map_call *call, ph_node *root)
{
	const ph_map *map = call->map;
	found records = {0};
	bool xml = ph_vendor_is_xml(map);
	const ph_node *top = xml ? root->first : root;
	if (top != NULL)
		ph_path_walk(
		    call->target_names, &map->root_out, top, xml, note, &records);
	return records.count != 1 || records.node->kind != PH_NODE_OBJECT ||
	       merge(call->target, records.node, call->previous_record, 0);
}
