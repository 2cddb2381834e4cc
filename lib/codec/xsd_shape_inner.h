/*
 * xsd_shape_inner - a schema's files as the maker of a shape reads them.
 *
 * The files are read as libxml2's trees, because names in values (type="p:T") need the namespaces
 * in force where they stand. Nothing is fetched and no entity is followed; a document type is
 * refused. A file without a namespace takes that of whoever includes it, so one file may be read
 * once for each.
 *
 * Private to lib/codec. Thread: owner. Errors: kept in `err`; functions return false or NULL.
 */
#ifndef PH_CODEC_XSD_SHAPE_INNER_H
#define PH_CODEC_XSD_SHAPE_INNER_H

#include <libxml/tree.h>

#include "lib/base/arena.h"
#include "lib/base/table.h"
#include "lib/codec/xsd_shape.h"

#define PH_XSD_TREES_MAX 128u

typedef struct ph_xsd_tree {
	const char *name;  /* of the file, in the folder */
	const char *space; /* its namespace, or of whoever includes it; NULL */
	xmlDocPtr document;
} ph_xsd_tree;

/* An element that may stand for another. */
typedef struct ph_xsd_substitute {
	xmlNodePtr element;
	struct ph_xsd_substitute *next;
} ph_xsd_substitute;

typedef struct ph_xsd_trees {
	ph_error *err;
	ph_arena *arena;
	const char *path; /* of the first */
	size_t folder;	  /* bytes of its folder, with the slash */
	ph_xsd_tree trees[PH_XSD_TREES_MAX];
	size_t count;
	ph_table *globals;     /* "kind{space}name" to node */
	ph_table *substitutes; /* "{space}name" of a head to its first */
} ph_xsd_trees;

/* Read the file and all that it names. Close it in any case. */
bool ph_xsd_trees_open(
    ph_xsd_trees *trees, const char *path, ph_arena *arena, ph_error *err);
void ph_xsd_trees_close(ph_xsd_trees *trees);

bool ph_xsd_is(xmlNodePtr node, const char *name);
/* The first child of the schema's that has that name, or (NULL) any but an annotation. */
xmlNodePtr ph_xsd_inside(xmlNodePtr node, const char *name);
xmlNodePtr ph_xsd_beside(xmlNodePtr node); /* the next element */
/* An attribute's text, the tree's; NULL. */
const char *ph_xsd_text(xmlNodePtr node, const char *name);
/* The namespace of what a file defines; NULL. */
const char *ph_xsd_target(xmlNodePtr node);
/* A QName of `length` bytes at a node, taken apart; both on the arena. */
bool ph_xsd_name(const ph_xsd_trees *trees, xmlNodePtr node, const char *text,
    size_t length, const char **space, const char **name);
/* What a definition of the top level is: its node; NULL. `kind` is an element's name. */
xmlNodePtr ph_xsd_global(
    const ph_xsd_trees *trees, const char *kind, const char *space, const char *name);
const ph_xsd_substitute *ph_xsd_substitutes(
    const ph_xsd_trees *trees, const char *space, const char *name);

/* xsd_shape_text.c: what a simple type, or the simple content of a complex one, says beside its
 * base, of which *type is a copy. False: no memory. */
bool ph_xsd_facets(ph_arena *arena, xmlNodePtr restriction, ph_xsd_type *type);
/* A type of XML Schema's own; anything unknown is open. */
const ph_xsd_type *ph_xsd_builtin(const char *name);

#endif
