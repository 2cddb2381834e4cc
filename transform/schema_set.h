/*
 * schema_set - schemas that are loaded, found by their URI.
 *
 * A set holds JSON documents. Every schema resource in them ($id, or the URI under which the
 * document was added) and every $anchor and $dynamicAnchor is entered; a reference is resolved
 * among these and nothing is ever fetched. A set may lean on another, which is asked second and
 * must outlive it.
 *
 * Thread: owner while schemas are added; afterwards any. Errors: PH_ERR_INVALID with place
 * (PH3303, PH3310), PH_ERR_NOMEM.
 */
#ifndef PH_SCHEMA_SET_H
#define PH_SCHEMA_SET_H

#include "lib/document/document.h"

typedef struct ph_schema_set ph_schema_set;

/* One schema with a URI of its own. */
typedef struct ph_schema_resource {
	const char *uri; /* without fragment; "" for a document without */
	const ph_node *node;
	const ph_document *document;
	const ph_node *dialect; /* its $schema, or its document's; NULL */
} ph_schema_resource;

ph_status ph_schema_set_new(
    const ph_schema_set *leaning_on, ph_schema_set **out, ph_error *err);
void ph_schema_set_destroy(ph_schema_set **set_p);
/* Decode and enter a document under `uri` ("" for none). */
ph_status ph_schema_set_add(ph_schema_set *set, const char *uri, const char *name,
    const void *bytes, size_t length, ph_error *err);
/* Enter a schema of a document that outlives the set. */
ph_status ph_schema_set_enter(ph_schema_set *set, const char *uri,
    const ph_document *document, const ph_node *node, ph_error *err);

/* The resource that a node of an entered schema is in; NULL. */
const ph_schema_resource *ph_schema_set_resource(
    const ph_schema_set *set, const ph_node *node);
/* What `reference`, standing in resource `from`, leads to; NULL. *anchor is the plain name that
 * was its fragment, or NULL. */
const ph_node *ph_schema_set_find(const ph_schema_set *set,
    const ph_schema_resource *from, const char *reference, ph_arena *arena,
    const char **anchor);
/* The schema in `resource` with that $dynamicAnchor; NULL. */
const ph_node *ph_schema_set_dynamic(const ph_schema_set *set,
    const ph_schema_resource *resource, const char *anchor, ph_arena *arena);
/* The resource of that URI; NULL. */
const ph_schema_resource *ph_schema_set_at(const ph_schema_set *set, const char *uri);

#endif
