/*
 * document - nodes on an arena, and the names they share.
 *
 * Names are interned in a chained hash table whose entries live on the arena too. The
 * hash is a quick one that a stranger could predict; when a chain grows longer than
 * chance explains, the table is hashed again with SipHash under a random key, and
 * chosen names no longer collide. Each entry carries a stamp, so that repeated members
 * of an object are found in one pass over them without another table: the pass takes a
 * fresh number and stamps the names it meets.
 */
#include "lib/document/document.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"
#include "lib/base/table.h"
#include "lib/document/name.h"

#define FIRST_BUCKETS 64u
#define CROWDED	      24u /* steps in a chain after which the hash gets a key */

/* What a document knows of a name that it shares with others. */
typedef struct shared_name {
	uint32_t stamps[2]; /* the last pass that met it */
	uint32_t next;	    /* the shared name that came after it last time; 0: none */
} shared_name;

struct ph_document {
	ph_arena *arena;	/* nodes, texts and names */
	ph_node *root;		/* NULL until set */
	const ph_names *shared; /* names used before our own; NULL: none */
	shared_name *of_shared; /* of the shared names, by number */
	ph_name **buckets;	/* `first`, or on the arena */
	size_t mask;		/* buckets - 1 */
	size_t names;		/* interned, beside the shared ones */
	uint32_t pass;		/* last stamp given out */
	size_t input;		/* bytes that may be read into it */
	bool keyed;		/* hashing with SipHash */
	uint8_t key[16];	/* its key */
	ph_name *first[FIRST_BUCKETS];
	char name[]; /* shown in errors */
};

/* A node that also knows where its name stood (PH_NODE_KEYED). */
typedef struct keyed_node {
	ph_node node;	 /* first, so that a ph_node * is one of this too */
	uint32_t line;	 /* of the name */
	uint32_t column; /* of the name */
} keyed_node;

ph_status
ph_document_new(const char *source, size_t limit, ph_document **out, ph_error *err)
{
	PH_ASSERT(source != NULL && out != NULL);
	size_t size = strlen(source) + 1;
	if (size > limit)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "no room for a document of at most %zu bytes", limit);
	ph_document *document = calloc(1, sizeof *document + size);
	if (document == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a document");
	memcpy(document->name, source, size);
	document->buckets = document->first;
	document->mask = FIRST_BUCKETS - 1;
	document->input = PH_INPUT_MAX;
	ph_status status = ph_arena_new(limit, &document->arena, err);
	if (status == PH_OK)
		*out = document;
	else
		ph_document_destroy(&document);
	return status;
}

void
ph_document_destroy(ph_document **document_p)
{
	if (document_p == NULL || *document_p == NULL)
		return;
	ph_arena_destroy(&(*document_p)->arena);
	free((*document_p)->of_shared);
	free(*document_p);
	*document_p = NULL;
}

void
ph_document_reset(ph_document *document, size_t limit)
{
	ph_arena_reset(document->arena);
	ph_arena_limit(document->arena, limit);
	document->root = NULL;
	document->keyed = false;
	if (document->names > 0)
		memset(document->first, 0, sizeof document->first);
	document->buckets = document->first;
	document->mask = FIRST_BUCKETS - 1;
	document->names = 0;
}

ph_status
ph_document_use(ph_document *document, const ph_names *names, ph_error *err)
{
	PH_ASSERT(document->names == 0 && document->shared == NULL);
	document->of_shared =
	    calloc(ph_names_count(names) + 1, sizeof *document->of_shared);
	if (document->of_shared == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a document");
	document->shared = names;
	return PH_OK;
}

void
ph_document_take_input(ph_document *document, size_t most)
{
	document->input = most;
}

size_t
ph_document_input(const ph_document *document)
{
	return document->input;
}

const ph_names *
ph_document_names(const ph_document *document)
{
	return document->shared;
}

const char *
ph_document_name(const ph_document *document)
{
	return document->name;
}

ph_arena *
ph_document_arena(ph_document *document)
{
	return document->arena;
}

ph_node *
ph_document_root(const ph_document *document)
{
	return document->root;
}

void
ph_document_set_root(ph_document *document, ph_node *root)
{
	PH_ASSERT(root == NULL || root->parent == NULL);
	document->root = root;
}

static uint64_t
hash_name(const ph_document *document, const char *bytes, size_t length)
{
	if (document->keyed)
		return ph_siphash(document->key, bytes, length);
	return ph_name_hash(bytes, length);
}

/* Put every name in its place among `count` buckets; its hash is as stored. */
static void
spread(ph_document *document, ph_name **buckets, size_t count)
{
	ph_name *all = NULL;
	for (size_t i = 0; i <= document->mask; i++) {
		while (document->buckets[i] != NULL) {
			ph_name *entry = document->buckets[i];
			document->buckets[i] = entry->next;
			entry->next = all;
			all = entry;
		}
	}
	document->buckets = buckets;
	document->mask = count - 1;
	while (all != NULL) {
		ph_name *entry = all;
		all = entry->next;
		ph_name **bucket = &buckets[entry->hash & document->mask];
		entry->next = *bucket;
		*bucket = entry;
	}
}

/* More buckets, if the arena has room; without, chains are longer and nothing else. */
static void
grow(ph_document *document)
{
	size_t count = (document->mask + 1) * 4;
	ph_name **buckets = ph_arena_zalloc(document->arena, count * sizeof *buckets);
	if (buckets != NULL)
		spread(document, buckets, count);
}

/* Somebody chose names that collide: hash with a key that nobody knows. */
static void
hash_with_secret(ph_document *document)
{
	if (ph_os_random(document->key, sizeof document->key, NULL) != PH_OK)
		return;
	document->keyed = true;
	for (size_t i = 0; i <= document->mask; i++)
		for (ph_name *n = document->buckets[i]; n != NULL; n = n->next)
			n->hash = hash_name(document, n->text, n->length);
	spread(document, document->buckets, document->mask + 1);
}

static ph_name *
find_name(ph_document *document, uint64_t hash, const char *bytes, size_t length)
{
	unsigned steps = 0;
	ph_name *entry = ph_name_find(
	    document->buckets[hash & document->mask], hash, bytes, length, &steps);
	if (entry == NULL && steps > CROWDED && !document->keyed)
		hash_with_secret(document);
	return entry;
}

static const char *
enter_name(ph_document *document, const char *bytes, size_t length)
{
	if (length > UINT32_MAX)
		return NULL;
	ph_name *entry = ph_arena_alloc(document->arena, sizeof *entry + length + 1);
	if (entry == NULL)
		return NULL;
	if (document->names > document->mask)
		grow(document);
	uint64_t hash = hash_name(document, bytes, length);
	ph_name **bucket = &document->buckets[hash & document->mask];
	*entry = (ph_name){.next = *bucket, .hash = hash, .length = (uint32_t) length};
	if (length > 0)
		memcpy(entry->text, bytes, length);
	entry->text[length] = '\0';
	*bucket = entry;
	document->names++;
	return entry->text;
}

const char *
ph_document_intern(ph_document *document, const char *bytes, size_t length)
{
	uint64_t hash = ph_name_hash(bytes, length);
	if (document->shared != NULL) {
		const char *known =
		    ph_names_shared(document->shared, hash, bytes, length);
		if (known != NULL)
			return known;
	}
	if (document->keyed)
		hash = hash_name(document, bytes, length);
	const ph_name *entry = find_name(document, hash, bytes, length);
	return entry != NULL ? entry->text : enter_name(document, bytes, length);
}

const char *const *
ph_document_bind(ph_document *document, const ph_names *names)
{
	if (document->shared == names)
		return ph_names_texts(names);
	size_t count = ph_names_count(names) + 1;
	const char **bound = ph_arena_alloc(document->arena, count * sizeof *bound);
	if (bound == NULL)
		return NULL;
	bound[0] = NULL;
	for (size_t i = 1; i < count; i++) {
		const char *text = ph_names_text(names, (uint32_t) i);
		bound[i] = ph_document_intern(document, text, ph_name_of(text)->length);
		if (bound[i] == NULL)
			return NULL;
	}
	return bound;
}

/* The stamp of an interned name. */
static uint32_t *
stamp_of(ph_document *document, const char *interned, unsigned form)
{
	ph_name *entry = ph_name_of(interned);
	return entry->number == 0 ? &entry->stamps[form]
				  : &document->of_shared[entry->number].stamps[form];
}

const char *
ph_document_intern_after(
    ph_document *document, const char *before, const char *bytes, size_t length)
{
	uint32_t number = before == NULL ? 0 : ph_name_of(before)->number;
	if (document->shared == NULL || (before != NULL && number == 0))
		return ph_document_intern(document, bytes, length);
	shared_name *last = &document->of_shared[number];
	const char *guess = ph_names_text(document->shared, last->next);
	if (guess != NULL && ph_name_of(guess)->length == length &&
	    memcmp(guess, bytes, length) == 0)
		return guess;
	const char *interned = ph_document_intern(document, bytes, length);
	if (interned != NULL && ph_name_of(interned)->number != 0)
		last->next = ph_name_of(interned)->number;
	return interned;
}

static void
fill(ph_node *node, ph_node_kind kind, const char *text, size_t length)
{
	*node = (ph_node){.kind = (uint8_t) kind, .text = text, .length = length};
}

ph_node *
ph_node_wrap(ph_document *document, ph_node_kind kind, const char *text, size_t length)
{
	ph_node *node = ph_arena_alloc(document->arena, sizeof *node);
	if (node != NULL)
		fill(node, kind, text, length);
	return node;
}

ph_node *
ph_node_new(ph_document *document, ph_node_kind kind, const char *text, size_t length)
{
	if (text == NULL)
		return ph_node_wrap(document, kind, NULL, 0);
	const char *copy = ph_arena_dup(document->arena, text, length);
	return copy == NULL ? NULL : ph_node_wrap(document, kind, copy, length);
}

ph_node *
ph_node_new_keyed(
    ph_document *document, ph_node_kind kind, const char *text, size_t length)
{
	const char *copy = NULL;
	if (text != NULL &&
	    (copy = ph_arena_dup(document->arena, text, length)) == NULL)
		return NULL;
	keyed_node *keyed = ph_arena_zalloc(document->arena, sizeof *keyed);
	if (keyed == NULL)
		return NULL;
	fill(&keyed->node, kind, copy, copy == NULL ? 0 : length);
	keyed->node.flags = PH_NODE_KEYED;
	return &keyed->node;
}

void
ph_node_place_key(ph_node *node, uint32_t line, uint32_t column)
{
	PH_ASSERT((node->flags & PH_NODE_KEYED) != 0);
	keyed_node *keyed = (keyed_node *) (void *) node;
	keyed->line = line;
	keyed->column = column;
}

void
ph_node_key_place(const ph_node *node, uint32_t *line, uint32_t *column)
{
	const keyed_node *keyed = (const keyed_node *) (const void *) node;
	bool known = (node->flags & PH_NODE_KEYED) != 0 && keyed->line != 0;
	*line = known ? keyed->line : node->line;
	*column = known ? keyed->column : node->column;
}

ph_node *
ph_node_add(ph_document *document, ph_node *parent, const char *label, ph_node *child)
{
	PH_ASSERT(parent->kind == PH_NODE_LIST ? label == NULL : label != NULL);
	const char *interned = NULL;
	if (child == NULL)
		return NULL;
	if (label != NULL) {
		interned = ph_document_intern(document, label, strlen(label));
		if (interned == NULL)
			return NULL;
	}
	return ph_node_link(parent, interned, child);
}

ph_node *
ph_node_add_text(ph_document *document, ph_node *parent, const char *label,
    const char *text, size_t length)
{
	return ph_node_add(document, parent, label,
	    ph_node_new(document, PH_NODE_STRING, text, length));
}

void
ph_node_remove(ph_node *node)
{
	ph_node *parent = node->parent;
	if (parent == NULL)
		return;
	ph_node *before = NULL;
	for (ph_node *n = parent->first; n != node; n = n->next)
		before = n;
	if (before == NULL)
		parent->first = node->next;
	else
		before->next = node->next;
	if (parent->last == node)
		parent->last = before;
	parent->count--;
	node->parent = NULL;
	node->next = NULL;
}

ph_node *
ph_node_repeated(ph_document *document, const ph_node *object)
{
	if (object->count < 2)
		return NULL;
	uint32_t pass = ++document->pass;
	for (ph_node *n = object->first; n != NULL; n = n->next) {
		unsigned form = (n->flags & PH_NODE_ATTRIBUTE) != 0 ? 1 : 0;
		uint32_t *stamp = stamp_of(document, n->name, form);
		if (*stamp == pass)
			return n;
		*stamp = pass;
	}
	return NULL;
}
