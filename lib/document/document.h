/*
 * document - the tree that every format is read into and written from.
 *
 * One model for XML, JSON, YAML, forms and the rest:
 *   object  named members in order. A name may repeat (XML elements, form fields).
 *   list    unnamed items in order (JSON arrays, YAML sequences).
 *   scalar  text as it was written, with the kind it was written as: string, number,
 *           boolean, null.
 * An XML element with children is an object; without, a string. XML attributes are
 * members with PH_NODE_ATTRIBUTE before the element's children; an element with
 * attributes and text is an object whose own `text` is set ("" if it is empty; NULL if
 * it has child elements and no text beside them). Repeated XML elements are repeated
 * members, never a list. An element with xsi:nil="true" is null; its other attributes
 * are kept as its members. Numbers keep their text; nothing here passes through a
 * double. Absent (no member), null (kind null, also xsi:nil) and empty (a string of
 * length 0) differ.
 *
 * Nodes live on the document's arena and are freed with it. Names are interned per
 * document: equal names of one document are equal pointers.
 *
 * Thread: owner. Errors: NULL or PH_ERR_TOO_LARGE / PH_ERR_NOMEM past the document's
 * limit.
 */
#ifndef PH_DOCUMENT_H
#define PH_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/arena.h"
#include "lib/base/assert.h"
#include "lib/document/names.h"

typedef enum ph_node_kind {
	PH_NODE_NULL,
	PH_NODE_BOOLEAN, /* text "true" or "false" */
	PH_NODE_NUMBER,	 /* text is a JSON number as written */
	PH_NODE_STRING,
	PH_NODE_LIST,
	PH_NODE_OBJECT
} ph_node_kind;

enum {
	PH_NODE_ATTRIBUTE = 1, /* an XML attribute */
	PH_NODE_CDATA = 2,     /* reserved */
	PH_NODE_VOLATILE = 4,  /* made from the clock or the bus: left out of digests */
	PH_NODE_QUOTED =
	    8, /* a YAML scalar or a cell that was quoted; a block scalar */
	PH_NODE_KEYED = 16, /* knows where its name stood: see ph_node_place_key */
	PH_NODE_BROKEN =
	    32, /* a text that was to be a document and is none, or above one */
	PH_NODE_JSON = 64, /* its text is a document, whose fields are below it ... */
	PH_NODE_XML = 128  /* ... in XML its root element */
};

typedef struct ph_node ph_node;
struct ph_node {
	uint8_t kind; /* ph_node_kind */
	uint8_t flags;
	uint32_t line;	   /* where it began in its source, from 1; 0: made by us */
	uint32_t column;   /* in bytes, from 1 */
	uint32_t count;	   /* children */
	const char *name;  /* interned; NULL for a root or a list's item */
	const char *space; /* XML namespace URI, interned; NULL for none */
	const char *text;  /* scalars (and mixed elements): zero-terminated */
	size_t length;	   /* bytes of text */
	ph_node *parent;
	ph_node *first;
	ph_node *last;
	ph_node *next; /* next sibling */
};

typedef struct ph_document ph_document;

/* An empty document that takes at most `limit` bytes; `name` (copied) is the file or
 * source shown in errors. */
ph_status ph_document_new(
    const char *name, size_t limit, ph_document **out, ph_error *err);
void ph_document_destroy(ph_document **document_p);
/* Forget the tree and its memory, keep one block of it and the names in use, for the next
 * document of this name. */
void ph_document_reset(ph_document *document, size_t limit);
/* Take the pointers of `names` (lib/document/names.h) for the names that are in it. They outlive
 * the document, and no more are added meanwhile. Before anything is interned. */
ph_status ph_document_use(ph_document *document, const ph_names *names, ph_error *err);
/* Bytes of input that a decoder may read into it: PH_INPUT_MAX, or what was said since. */
#define PH_INPUT_MAX ((size_t) 8 << 20)
void ph_document_take_input(ph_document *document, size_t most);
size_t ph_document_input(const ph_document *document);
/* Those in use; NULL for none. */
const ph_names *ph_document_names(const ph_document *document);
const char *ph_document_name(const ph_document *document);
ph_arena *ph_document_arena(ph_document *document);
/* NULL until set. */
ph_node *ph_document_root(const ph_document *document);
void ph_document_set_root(ph_document *document, ph_node *root);
/* One pointer per distinct name; NULL past the limit. */
const char *ph_document_intern(ph_document *document, const char *name, size_t length);
/* The same for the name that comes after an interned one (NULL: none): what came after it last time
 * is looked at first, since members mostly come in the same order. */
const char *ph_document_intern_after(
    ph_document *document, const char *before, const char *name, size_t length);
/* The document's pointers for `names`, by number: the names' own if they are in use, else interned
 * and listed on the arena; NULL past the limit. */
const char *const *ph_document_bind(ph_document *document, const ph_names *names);

/* A node not yet in the tree. `text` is copied; NULL for objects, lists and null. */
ph_node *ph_node_new(
    ph_document *document, ph_node_kind kind, const char *text, size_t length);
/* The same for text that lives as long as the document already: nothing is copied. It
 * is followed by a zero byte that is not counted. */
ph_node *ph_node_wrap(
    ph_document *document, ph_node_kind kind, const char *text, size_t length);
/* Append to an object (named) or a list (name NULL). Returns `child`; NULL if `child`
 * is NULL or past the limit, so calls can be nested and checked once. */
ph_node *ph_node_add(
    ph_document *document, ph_node *parent, const char *name, ph_node *child);
/* The same with a name that ph_document_intern of this document returned (or NULL). */
static inline ph_node *ph_node_link(
    ph_node *parent, const char *interned, ph_node *child);
/* Shorthand: a new string member. */
ph_node *ph_node_add_text(ph_document *document, ph_node *parent, const char *name,
    const char *text, size_t length);
/* Take out of its parent; the memory stays with the document. */
void ph_node_remove(ph_node *node);

/* Remember where the node's name stood, when that is not where its value began. The
 * node must come from ph_node_new_keyed. */
ph_node *ph_node_new_keyed(
    ph_document *document, ph_node_kind kind, const char *text, size_t length);
void ph_node_place_key(ph_node *node, uint32_t line, uint32_t column);
/* Where its name stood; where it began itself, if nobody said. */
void ph_node_key_place(const ph_node *node, uint32_t *line, uint32_t *column);

/* The first member whose name and kind (attribute or not) an earlier member has too;
 * NULL if all differ. Linear. */
ph_node *ph_node_repeated(ph_document *document, const ph_node *object);

/* First member of that name (any namespace); NULL. */
ph_node *ph_node_get(const ph_node *object, const char *name);
/* Next sibling with the same name and namespace; NULL. */
ph_node *ph_node_next_same(const ph_node *node);
/* Member's text: a scalar's, or that of an XML element that has attributes too; else
 * NULL. */
const char *ph_node_text(const ph_node *object, const char *name);
/* Down a path "a/b/0/c" of members and list positions (from 0); NULL. "b[2]" is the
 * second of the members named b, or the second item of the list b, as ph_node_path
 * writes them. */
ph_node *ph_node_find(const ph_node *node, const char *path);
static inline bool ph_node_is_scalar(const ph_node *node);
/* "a/b[2]/c" from the root, whose own name is left out: for errors. [n] counts from 1
 * and stands only where a name repeats or at a list's item; the root is "/". A path
 * that does not fit loses its beginning. Writes at most `size` bytes, returns `out`. */
char *ph_node_path(const ph_node *node, char *out, size_t size);
/* "name:line:column" for errors; only "name" for a node made by us. */
char *ph_node_where(
    const ph_document *document, const ph_node *node, char *out, size_t size);

/* ---- inline: every value of every document passes through these ---- */

static inline ph_node *
ph_node_link(ph_node *parent, const char *interned, ph_node *child)
{
	PH_ASSERT(child->parent == NULL && child->next == NULL);
	if (interned != NULL)
		child->name = interned;
	child->parent = parent;
	if (parent->last == NULL)
		parent->first = child;
	else
		parent->last->next = child;
	parent->last = child;
	parent->count++;
	return child;
}

static inline bool
ph_node_is_scalar(const ph_node *node)
{
	return node->kind < PH_NODE_LIST;
}

#endif
