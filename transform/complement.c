/*
 * complement - the vendor's previous record fills what a map did not write.
 *
 * A partial update says only what changed, and many systems take only whole records. What the
 * links wrote stands; every other field of the previous record is copied beside it, objects member by
 * member, anything that repeats as a whole. Fields come in the previous record's order; a new one
 * behind the last that has to stand before it (field_order.h), or before the first that has to
 * stand behind it.
 */
#include <string.h>

#include "transform/field_order.h"

enum { PREVIOUS_FLOOR = 1 << 16, PREVIOUS_FACTOR = 64, DEPTH_MAX = 256 };
#define COMPARISONS_MAX ((size_t) 16 << 20) /* members times members */
#define PLACINGS_MAX	((size_t) 64 << 10) /* new members times members */

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
	const char *const *names = ph_document_bind(document, map->vendor_names);
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

typedef struct placed {
	ph_node *node;
	ph_field_place place; /* of elements, if there are new ones among them */
} placed;

typedef struct merging {
	ph_document *into;
	ph_node *node; /* being put together */
	ph_node **ours, **theirs;
	size_t our_count, their_count, depth;
	ph_field_order order;
	placed *placed; /* what it will hold */
	size_t count;
} merging;

static bool merge(ph_document *into, ph_node *node, const ph_node *previous,
    ph_field_order order, size_t depth);

static void
put(merging *m, ph_node *node)
{
	m->placed[m->count++] = (placed){.node = node};
}

static bool
put_theirs(merging *m, const ph_node *theirs)
{
	ph_node *fresh = copy(m->into, theirs, m->depth + 1);
	if (fresh == NULL)
		return false;
	fresh->name = ph_document_intern(m->into, theirs->name, strlen(theirs->name));
	put(m, fresh);
	return fresh->name != NULL;
}

/* What was written under this name of the previous record, at its first place. */
static bool
put_ours(merging *m, const ph_node *theirs, ph_node *first, size_t count)
{
	ph_node *earliest = NULL;
	size_t before = count_same(m->theirs, m->their_count, theirs, &earliest);
	if (earliest != theirs)
		return true;
	if (count == 1 && before == 1 && first->kind == PH_NODE_OBJECT &&
	    theirs->kind == PH_NODE_OBJECT && theirs->first != NULL &&
	    !merge(m->into, first, theirs, ph_field_order_below(&m->order, first),
		m->depth + 1))
		return false;
	for (size_t i = 0; i < m->our_count; i++)
		if (is_same(m->ours[i], theirs))
			put(m, m->ours[i]);
	return true;
}

/* One of the same name, or of the same pattern of names, stays before what came after it. */
static bool
goes_behind(const merging *m, const placed *one, ph_field_place fresh)
{
	return (fresh.rank != 0 && one->place.rank == fresh.rank) ||
	       ph_field_order_before(&m->order, one->place, fresh);
}

/* A new one among those from `start` on. */
static void
insert(merging *m, size_t start, ph_node *own)
{
	placed fresh = {own, ph_field_order_place(&m->order, own)};
	size_t at = m->count;
	while (at > start && !goes_behind(m, &m->placed[at - 1], fresh.place))
		at--;
	if (at == start)
		while (at < m->count && !ph_field_order_before(&m->order, fresh.place,
					    m->placed[at].place))
			at++;
	memmove(
	    &m->placed[at + 1], &m->placed[at], (m->count++ - at) * sizeof(*m->placed));
	m->placed[at] = fresh;
}

/* Those that the previous record does not have. */
static void
put_new(merging *m, unsigned attribute, size_t start)
{
	bool known = false;
	for (size_t i = 0; i < m->our_count; i++) {
		ph_node *first = NULL, *own = m->ours[i];
		if ((own->flags & PH_NODE_ATTRIBUTE) != attribute ||
		    count_same(m->theirs, m->their_count, own, &first) > 0)
			continue;
		if (attribute != 0 || m->our_count * m->count > PLACINGS_MAX) {
			put(m, own);
			continue;
		}
		for (size_t k = start; k < m->count && !known; k++)
			m->placed[k].place =
			    ph_field_order_place(&m->order, m->placed[k].node);
		known = true;
		insert(m, start, own);
	}
}

/* Attributes, or everything else. */
static bool
merge_kind(merging *m, unsigned attribute)
{
	size_t start = m->count;
	for (size_t i = 0; i < m->their_count; i++) {
		const ph_node *theirs = m->theirs[i];
		ph_node *first = NULL;
		if ((theirs->flags & PH_NODE_ATTRIBUTE) != attribute)
			continue;
		size_t count = count_same(m->ours, m->our_count, theirs, &first);
		if (count == 0 ? !put_theirs(m, theirs)
			       : !put_ours(m, theirs, first, count))
			return false;
	}
	put_new(m, attribute, start);
	return true;
}

static bool
merge(ph_document *into, ph_node *node, const ph_node *previous, ph_field_order order,
    size_t depth)
{
	ph_arena *arena = ph_document_arena(into);
	merging m = {.into = into,
	    .node = node,
	    .ours = members(arena, node),
	    .theirs = members(arena, previous),
	    .our_count = node->count,
	    .their_count = previous->count,
	    .depth = depth,
	    .order = order,
	    .placed = ph_arena_alloc(
		arena, (node->count + previous->count + 1) * sizeof(placed))};
	if (m.ours == NULL || m.theirs == NULL || m.placed == NULL ||
	    depth > DEPTH_MAX ||
	    m.their_count * (m.their_count + m.our_count) > COMPARISONS_MAX)
		return false;
	for (size_t i = 0; i < m.our_count; i++)
		ph_node_remove(m.ours[i]);
	if (!merge_kind(&m, PH_NODE_ATTRIBUTE) || !merge_kind(&m, 0))
		return false;
	for (size_t i = 0; i < m.count; i++)
		if (ph_node_link(node, m.placed[i].node->name, m.placed[i].node) ==
		    NULL)
			return false;
	return true;
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
	if (records.count != 1 || records.node->kind != PH_NODE_OBJECT)
		return true;
	return merge(call->target, records.node, call->previous_record,
	    ph_field_order_of(map, call->target_names, records.node), 0);
}
