/*
 * fold - the state of an entity from its messages, by the canonical schema's status projection:
 *
 *   "x-status-projection": {
 *     "keep": ["reference", "status", ...],          fields taken from the entity's own messages
 *     "from": {"SCHEMA-ID": {"status": "status"}}    field here: field of another entity's message
 *   }
 *
 * What a message does not say stays as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "transform/map_inner.h"

#define MEMORY ((size_t) 32 << 20)

/* The node at a dotted path, or NULL. */
static const ph_node *
at_path(const ph_node *root, const char *path)
{
	const ph_node *node = root;
	while (node != NULL && *path != 0) {
		char name[128];
		size_t length = strcspn(path, ".");
		if (length >= sizeof(name) || node->kind != PH_NODE_OBJECT)
			return NULL;
		memcpy(name, path, length);
		name[length] = 0;
		node = ph_node_get(node, name);
		path += length + (path[length] == '.' ? 1 : 0);
	}
	return node;
}

static ph_node *
copy_of(ph_document *document, const ph_node *node)
{
	ph_node *copy =
	    ph_node_new(document, (ph_node_kind) node->kind, node->text, node->length);
	for (const ph_node *n = node->first; copy != NULL && n != NULL; n = n->next)
		if (ph_node_add(document, copy, n->name, copy_of(document, n)) == NULL)
			return NULL;
	return copy;
}

/* Put a copy of `value` at a dotted path, making parents, replacing what is there. */
static bool
put(ph_document *document, ph_node *root, const char *path, const ph_node *value)
{
	ph_node *node = root;
	for (;;) {
		char name[128];
		size_t length = strcspn(path, ".");
		if (length >= sizeof(name))
			return true;
		memcpy(name, path, length);
		name[length] = 0;
		ph_node *child = ph_node_get(node, name);
		if (path[length] == 0) {
			ph_node *copy = copy_of(document, value);
			if (copy == NULL)
				return false;
			if (child == NULL || child->kind == PH_NODE_OBJECT) {
				if (child != NULL)
					ph_node_remove(child);
				return ph_node_add(document, node, name, copy) != NULL;
			}
			child->kind = copy->kind;
			child->text = copy->text;
			child->length = copy->length;
			return true;
		}
		if (child == NULL || child->kind != PH_NODE_OBJECT) {
			if (child != NULL)
				ph_node_remove(child);
			child = ph_node_add(document, node, name,
			    ph_node_new(document, PH_NODE_OBJECT, NULL, 0));
		}
		if (child == NULL)
			return false;
		node = child;
		path += length + 1;
	}
}

/* Take the fields of the projection from an event. */
static bool
apply(const ph_map *map, const char *dataschema, ph_document *document, ph_node *state,
    const ph_node *event)
{
	const ph_node *projection = ph_schema_projection(map->schema);
	const ph_node *keep = ph_node_get(projection, "keep");
	const ph_node *from = ph_node_get(projection, "from");
	if (strcmp(dataschema, ph_schema_id(map->schema)) == 0) {
		for (const ph_node *n = keep == NULL ? NULL : keep->first; n != NULL;
		     n = n->next) {
			const ph_node *value = at_path(event, n->text);
			if (value != NULL && !put(document, state, n->text, value))
				return false;
		}
		return true;
	}
	const ph_node *fields = from == NULL ? NULL : ph_node_get(from, dataschema);
	for (const ph_node *n = fields == NULL ? NULL : fields->first; n != NULL;
	     n = n->next) {
		const ph_node *value = at_path(event, n->text);
		if (value != NULL && !put(document, state, n->name, value))
			return false;
	}
	return true;
}

static ph_status
fold(const ph_map *map, const char *dataschema, ph_document *document,
    ph_document *event, char **out, size_t *length, ph_error *err)
{
	ph_node *state = ph_document_root(document);
	ph_buffer text;
	if (!apply(map, dataschema, document, state, ph_document_root(event)))
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	ph_buffer_init(&text, 0);
	ph_status status = ph_json_encode(state, 0, &text, err);
	if (status == PH_OK && ph_buffer_cstr(&text) == NULL)
		status = ph_fail(err, PH_ERR_NOMEM, "out of memory");
	if (status == PH_OK) {
		*length = text.length;
		*out = (char *) text.data;
		text.data = NULL;
	}
	ph_buffer_fini(&text);
	return status;
}

ph_status
ph_map_fold(const ph_map *map, const char *dataschema, const void *state,
    size_t state_length, const void *event, size_t event_length, char **out,
    size_t *length, ph_error *err)
{
	ph_document *document = NULL, *read = NULL;
	if (map->schema == NULL || ph_schema_projection(map->schema) == NULL)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH2055 the schema of the map has no projection");
	ph_status status = ph_document_new("state", MEMORY, &document, err);
	if (status == PH_OK)
		status = ph_document_new("event", MEMORY, &read, err);
	if (status == PH_OK)
		status = ph_json_decode(read, event, event_length, err);
	if (status == PH_OK && state != NULL)
		status = ph_json_decode(document, state, state_length, err);
	else if (status == PH_OK)
		ph_document_set_root(
		    document, ph_node_new(document, PH_NODE_OBJECT, NULL, 0));
	if (status == PH_OK)
		status = fold(map, dataschema, document, read, out, length, err);
	ph_document_destroy(&document);
	ph_document_destroy(&read);
	return status;
}
