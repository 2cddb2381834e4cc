/*
 * The bytes of one record alone: the document is copied without what repeats beside the record and
 * beside each of its parents, and written again. What the record can see of its parents stays.
 * A record of a large file that cannot be written again is cut out of its piece instead.
 */
#include "transform/map_inner.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_FLOOR = 1 << 16, DEPTH_MAX = 256 };

typedef struct copying {
	ph_document *into;
	const ph_node *way[DEPTH_MAX]; /* from the root to the record */
	const ph_node *whole;	       /* what the record is an item of; NULL */
	size_t depth;
	bool failed;
} copying;

static bool
find_way(copying *c, const ph_node *node)
{
	for (const ph_node *at = node; at != NULL; at = at->parent) {
		if (c->depth == DEPTH_MAX)
			return false;
		c->way[c->depth++] = at;
	}
	for (size_t i = 0; i < c->depth / 2; i++) {
		const ph_node *other = c->way[c->depth - 1 - i];
		c->way[c->depth - 1 - i] = c->way[i];
		c->way[i] = other;
	}
	return true;
}

/* Does it repeat what the record is in? Names of a document are interned. */
static bool
repeats(const ph_node *node, const ph_node *on_the_way)
{
	return node != on_the_way && node->name == on_the_way->name &&
	       node->space == on_the_way->space &&
	       (node->flags & PH_NODE_ATTRIBUTE) == 0;
}

/* `level`: 1 + its place on the way; 0: it is not on it, or below the record. */
static ph_node *
copy(copying *c, const ph_node *node, size_t level)
{
	ph_node *made =
	    ph_node_new(c->into, (ph_node_kind) node->kind, node->text, node->length);
	if (made == NULL) {
		c->failed = true;
		return NULL;
	}
	made->flags = node->flags & (PH_NODE_ATTRIBUTE | PH_NODE_JSON | PH_NODE_XML);
	if (level > 0 && (made->flags & (PH_NODE_JSON | PH_NODE_XML)) != 0)
		made->text = NULL; /* it will not be the whole */
	if (node->space != NULL)
		made->space =
		    ph_document_intern(c->into, node->space, strlen(node->space));
	const ph_node *next = level > 0 && level < c->depth ? c->way[level] : NULL;
	for (const ph_node *at = node->first; at != NULL && !c->failed; at = at->next) {
		bool on_the_way = at == next || (next != NULL && at == c->whole);
		if (next != NULL && !on_the_way && repeats(at, next))
			continue;
		ph_node *child =
		    copy(c, on_the_way ? next : at, on_the_way ? level + 1 : 0);
		if (child == NULL ||
		    ph_node_add(c->into, made, at->name, child) == NULL)
			c->failed = true;
	}
	return made;
}

/* A piece that is not the file's last has no record that comes last, and a file has one. */
static void
add_last(copying *c, const ph_map_call *call, ph_node *root)
{
	const ph_records *records = call->map->records;
	const char *last = records == NULL ? NULL : ph_records_last(records);
	if (last == NULL || call->piece == NULL || call->piece->last)
		return;
	ph_node *node = ph_node_new(c->into, PH_NODE_OBJECT, NULL, 0);
	if (node == NULL || ph_node_add(c->into, root, last, node) == NULL)
		c->failed = true;
}

static ph_status
write_again(
    const ph_map_call *call, size_t record, char **out, size_t *length, ph_error *err)
{
	const ph_map *map = call->map;
	copying c = {.whole = call->records[record].whole};
	ph_buffer bytes;
	ph_buffer_init(&bytes, 0);
	size_t used = ph_arena_used(ph_document_arena(call->source));
	ph_status status =
	    ph_document_new("record", MEMORY_FLOOR + 2 * used, &c.into, err);
	if (status != PH_OK)
		return status;
	ph_node *root =
	    find_way(&c, call->records[record].node) ? copy(&c, c.way[0], 1) : NULL;
	if (root != NULL && c.way[0]->name != NULL)
		root->name =
		    ph_document_intern(c.into, c.way[0]->name, strlen(c.way[0]->name));
	if (root != NULL)
		add_last(&c, call, root);
	if (root == NULL || c.failed)
		status = ph_fail(err, PH_ERR_NOMEM, "out of memory");
	else
		status = ph_vendor_close(map, c.into, root, false, err);
	if (status == PH_OK)
		status = ph_vendor_encode(map, root, 0, &bytes, NULL, NULL, err);
	if (status == PH_OK && ph_buffer_cstr(&bytes) == NULL)
		status = ph_fail(err, PH_ERR_NOMEM, "out of memory");
	ph_document_destroy(&c.into);
	if (status != PH_OK) {
		ph_buffer_fini(&bytes);
		return status;
	}
	*out = (char *) bytes.data;
	*length = bytes.length;
	return PH_OK;
}

ph_status
ph_map_call_source(
    const ph_map_call *call, size_t record, char **out, size_t *length, ph_error *err)
{
	const ph_map *map = call->map;
	bool piece = call->piece != NULL, known = record < call->count;
	if (piece && known && call->records[record].node == NULL)
		return ph_call_cut(call, record, out, length, err);
	if (!known || call->records[record].node == NULL ||
	    call->direction == PH_FLOWS_OUT ||
	    (!map->has_each && !piece && call->records[record].whole == NULL) ||
	    map->format == PH_MAP_FORM || map->format == PH_MAP_MULTIPART)
		return ph_fail(
		    err, PH_ERR_NOT_FOUND, "the record is the whole document");
	ph_status status = write_again(call, record, out, length, err);
	/* what was read cannot always be written, a control character in a column say */
	return piece && status != PH_OK ? ph_call_cut(call, record, out, length, err)
					: status;
}
