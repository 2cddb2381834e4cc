/*
 * schema_set - one walk through each schema, only where the vocabularies say that schemas stand:
 * an $id inside an enum or an unknown keyword is a value like any other.
 */
#include "transform/schema_set.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/table.h"
#include "lib/codec/codec.h"
#include "lib/config/config.h"
#include "transform/uri.h"

#define MEMORY	  ((size_t) 32 << 20)
#define DOCUMENTS 1024
#define POINTER	  1024

struct ph_schema_set {
	const ph_schema_set *lean; /* asked second, or NULL */
	ph_arena *arena;
	ph_table *places;    /* "uri" or "uri#anchor" to node */
	ph_table *resources; /* node to resource */
	ph_document *documents[DOCUMENTS];
	size_t count;
};

typedef struct entering {
	ph_schema_set *set;
	const ph_document *document;
	ph_error *err;
} entering;

static ph_status enter_schema(entering *e, const ph_schema_resource *resource,
    const ph_node *node, const char *uri);

ph_status
ph_schema_set_new(const ph_schema_set *lean, ph_schema_set **out, ph_error *err)
{
	ph_schema_set *set = calloc(1, sizeof(*set));
	if (set == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	set->lean = lean;
	ph_status status = ph_arena_new(MEMORY, &set->arena, err);
	if (status == PH_OK)
		status = ph_table_new(&set->places, err);
	if (status == PH_OK)
		status = ph_table_new(&set->resources, err);
	if (status != PH_OK)
		ph_schema_set_destroy(&set);
	*out = set;
	return status;
}

void
ph_schema_set_destroy(ph_schema_set **set_p)
{
	ph_schema_set *set = *set_p;
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		ph_document_destroy(&set->documents[i]);
	ph_table_destroy(&set->places, NULL);
	ph_table_destroy(&set->resources, NULL);
	ph_arena_destroy(&set->arena);
	free(set);
	*set_p = NULL;
}

/* The first of a name stays: a schema cannot take another's. */
static ph_status
enter_place(entering *e, const char *uri, const char *anchor, const ph_node *node)
{
	const char *key =
	    anchor == NULL ? uri : ph_arena_printf(e->set->arena, "%s#%s", uri, anchor);
	if (key == NULL)
		return ph_fail(e->err, PH_ERR_NOMEM, "out of memory");
	if (ph_table_gets(e->set->places, key) != NULL)
		return ph_config_fail(e->err, e->document, node,
		    "PH3310 another schema has this $id or anchor");
	return ph_table_put(
	    e->set->places, key, strlen(key), (void *) (uintptr_t) node, e->err);
}

static ph_status
enter_resource(entering *e, const ph_schema_resource *around, const ph_node *node,
    const char *uri, const ph_schema_resource **out)
{
	ph_schema_resource *resource =
	    ph_arena_zalloc(e->set->arena, sizeof(*resource));
	const char *own = ph_arena_strdup(e->set->arena, uri);
	if (resource == NULL || own == NULL)
		return ph_fail(e->err, PH_ERR_NOMEM, "out of memory");
	const ph_node *dialect = ph_node_get(node, "$schema");
	*resource = (ph_schema_resource){.uri = own,
	    .node = node,
	    .document = e->document,
	    .dialect = dialect != NULL || around == NULL ? dialect : around->dialect};
	*out = resource;
	return ph_table_put(
	    e->set->resources, &node, sizeof(node), (void *) resource, e->err);
}

static ph_status
enter_anchors(entering *e, const ph_schema_resource *resource, const ph_node *node)
{
	static const char *const names[] = {"$anchor", "$dynamicAnchor"};
	const char *first = NULL;
	for (size_t i = 0; i < 2; i++) {
		const ph_node *anchor = ph_node_get(node, names[i]);
		if (anchor == NULL)
			continue;
		if (anchor->kind != PH_NODE_STRING || anchor->length == 0 ||
		    strpbrk(anchor->text, "/#%") != NULL)
			return ph_config_fail(e->err, e->document, anchor,
			    "PH3303 an anchor is a plain name");
		if (first != NULL && strcmp(first, anchor->text) == 0)
			continue;
		first = anchor->text;
		ph_status status = enter_place(e, resource->uri, anchor->text, node);
		if (status != PH_OK)
			return status;
	}
	return PH_OK;
}

/* Where schemas stand: 1 the value, 2 its items, 3 its members. */
static int
place_of_schemas(const char *name)
{
	static const char *const words[] = {"additionalProperties", "items", "contains",
	    "not", "if", "then", "else", "propertyNames", "unevaluatedItems",
	    "unevaluatedProperties", "contentSchema", NULL, "allOf", "anyOf", "oneOf",
	    "prefixItems", NULL, "properties", "patternProperties", "dependentSchemas",
	    "$defs", NULL};
	int kind = 1;
	for (size_t i = 0; kind < 4; i++)
		if (words[i] == NULL)
			kind++;
		else if (strcmp(words[i], name) == 0)
			return kind;
	return 0;
}

static ph_status
enter_inside(entering *e, const ph_schema_resource *resource, const ph_node *node)
{
	ph_status status = PH_OK;
	for (const ph_node *n = node->first; n != NULL && status == PH_OK;
	     n = n->next) {
		int kind = place_of_schemas(n->name);
		if (kind == 1)
			status = enter_schema(e, resource, n, NULL);
		bool fits = n->kind == (kind == 2 ? PH_NODE_LIST : PH_NODE_OBJECT);
		for (const ph_node *m = kind > 1 && fits ? n->first : NULL;
		     m != NULL && status == PH_OK; m = m->next)
			status = enter_schema(e, resource, m, NULL);
	}
	return status;
}

static ph_status
enter_schema(entering *e, const ph_schema_resource *resource, const ph_node *node,
    const char *uri)
{
	if (node->kind != PH_NODE_OBJECT && uri == NULL)
		return PH_OK;
	const ph_node *id =
	    node->kind == PH_NODE_OBJECT ? ph_node_get(node, "$id") : NULL;
	if (id != NULL &&
	    (id->kind != PH_NODE_STRING || id->text[strcspn(id->text, "#")] != '\0'))
		return ph_config_fail(
		    e->err, e->document, id, "PH3303 $id is a URI without a fragment");
	ph_status status = PH_OK;
	if (uri != NULL)
		status = enter_place(e, uri, NULL, node);
	const char *base = resource == NULL ? uri : resource->uri;
	const char *own =
	    id == NULL ? uri : ph_uri_resolve(e->set->arena, base, id->text);
	if (id != NULL && own == NULL)
		status = ph_fail(e->err, PH_ERR_NOMEM, "out of memory");
	if (status == PH_OK && own != NULL)
		status = enter_resource(e, resource, node, own, &resource);
	if (status == PH_OK && id != NULL && (uri == NULL || strcmp(own, uri) != 0))
		status = enter_place(e, own, NULL, node);
	if (status != PH_OK || node->kind != PH_NODE_OBJECT)
		return status;
	status = enter_anchors(e, resource, node);
	return status == PH_OK ? enter_inside(e, resource, node) : status;
}

ph_status
ph_schema_set_enter(ph_schema_set *set, const char *uri, const ph_document *document,
    const ph_node *node, ph_error *err)
{
	PH_ASSERT(uri != NULL && node != NULL);
	ph_error own;
	entering e = {.set = set, .document = document, .err = err ? err : &own};
	return enter_schema(&e, NULL, node, uri);
}

ph_status
ph_schema_set_add(ph_schema_set *set, const char *uri, const char *name,
    const void *bytes, size_t length, ph_error *err)
{
	if (set->count == DOCUMENTS)
		return ph_fail_at(err, PH_ERR_TOO_LARGE, name,
		    "PH3310 at most %d schemas can be loaded together", DOCUMENTS);
	ph_document *document;
	ph_status status = ph_document_new(name, MEMORY, &document, err);
	if (status != PH_OK)
		return status;
	set->documents[set->count++] = document;
	status = ph_json_decode(document, bytes, length, err);
	if (status == PH_OK)
		status = ph_schema_set_enter(
		    set, uri, document, ph_document_root(document), err);
	return status;
}

const ph_schema_resource *
ph_schema_set_resource(const ph_schema_set *set, const ph_node *node)
{
	for (; set != NULL; set = set->lean)
		for (const ph_node *n = node; n != NULL; n = n->parent) {
			const ph_schema_resource *found =
			    ph_table_get(set->resources, &n, sizeof(n));
			if (found != NULL)
				return found;
		}
	return NULL;
}

static const ph_node *
place(const ph_schema_set *set, const char *key)
{
	const ph_node *node = NULL;
	for (; set != NULL && node == NULL; set = set->lean)
		node = ph_table_gets(set->places, key);
	return node;
}

/* One step of a JSON pointer. */
static const ph_node *
step(const ph_node *node, const char *token, size_t length)
{
	char name[POINTER];
	size_t at = 0;
	if (length >= sizeof(name))
		return NULL;
	for (size_t i = 0; i < length; i++) {
		bool escape = token[i] == '~' && i + 1 < length;
		name[at++] = !escape ? token[i] : token[i + 1] == '1' ? '/' : '~';
		i += escape;
	}
	name[at] = '\0';
	if (node->kind == PH_NODE_OBJECT)
		return ph_node_get(node, name);
	if (node->kind != PH_NODE_LIST || at == 0 || at > 9 ||
	    strspn(name, "0123456789") != at)
		return NULL;
	unsigned long position = strtoul(name, NULL, 10);
	const ph_node *n = node->first;
	while (n != NULL && position-- > 0)
		n = n->next;
	return n;
}

const ph_node *
ph_schema_set_find(const ph_schema_set *set, const ph_schema_resource *from,
    const char *reference, ph_arena *arena, const char **anchor)
{
	const char *uri = ph_uri_resolve(arena, from->uri, reference);
	const char *fragment = ph_uri_fragment(arena, reference);
	*anchor = NULL;
	if (uri == NULL || fragment == NULL)
		return NULL;
	if (fragment[0] != '\0' && fragment[0] != '/') {
		*anchor = fragment;
		const char *key = ph_arena_printf(arena, "%s#%s", uri, fragment);
		return key == NULL ? NULL : place(set, key);
	}
	const ph_node *node =
	    strcmp(uri, from->uri) == 0 ? from->node : place(set, uri);
	while (node != NULL && *fragment == '/') {
		size_t length = strcspn(++fragment, "/");
		node = step(node, fragment, length);
		fragment += length;
	}
	return node;
}

const ph_node *
ph_schema_set_dynamic(const ph_schema_set *set, const ph_schema_resource *resource,
    const char *anchor, ph_arena *arena)
{
	const char *key = ph_arena_printf(arena, "%s#%s", resource->uri, anchor);
	const ph_node *node = key == NULL ? NULL : place(set, key);
	const char *text = node == NULL ? NULL : ph_node_text(node, "$dynamicAnchor");
	return text != NULL && strcmp(text, anchor) == 0 ? node : NULL;
}

const ph_schema_resource *
ph_schema_set_at(const ph_schema_set *set, const char *uri)
{
	const ph_node *node = place(set, uri);
	return node == NULL ? NULL : ph_schema_set_resource(set, node);
}
