/*
 * xsd_scan - a schema's files looked over before libxml2 reads them.
 *
 * Every file that can be reached is read with our own decoder, and the names of what is
 * defined go into a table. Then the size of each definition is added up as if all that
 * it refers to were written out in its place, which is what libxml2 does with groups,
 * attribute groups, bases and unions: "twice the group before" written thirty times
 * over is a small file and a thousand million particles. Prefixes are not looked at:
 * definitions of one name count together, which can only be too much.
 */
#include "lib/codec/xsd_inner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/table.h"
#include "lib/codec/codec.h"

#define FILES_MAX      64u
#define FILE_BYTES_MAX ((size_t) 1 << 20)
#define MEMORY_FACTOR  (PH_MEMORY_FACTOR + 4)
#define DEFINITION_MAX 10000u
#define ALL_MAX	       200000u
#define DEPTH_MAX      200u
#define WORK_MAX       200000000u
#define NEST_MAX       20u
#define NAME_BYTES_MAX 255u
#define PLAIN_NAME     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

typedef enum progress { FRESH, OPEN, DONE } progress;

/* What a definition comes to. */
typedef struct measure {
	size_t size;	  /* everything in it */
	size_t particles; /* elements of its content */
	unsigned nest;	  /* groups that repeat, one in the other */
} measure;

/* Something with a name that others refer to; more of the same name follow. */
typedef struct definition {
	const ph_node *node;
	const ph_document *document;
	measure own;
	progress progress;
	struct definition *next;
} definition;

typedef struct scan {
	ph_error *err;
	size_t folder; /* bytes of the folder's name, with its slash */
	char *path;    /* of the file at hand: the folder, and room for a name */
	ph_document *documents[FILES_MAX];
	size_t count;	 /* files known */
	ph_arena *arena; /* names and definitions */
	const char *names[FILES_MAX];
	ph_table *definitions; /* "kind name" to definition */
	size_t substitutes;    /* elements that can stand for another */
	size_t all;	       /* sizes added up */
	size_t work;	       /* cubes of particles added up */
	unsigned depth;
	bool keyed;
} scan;

static bool
refuse(scan *s, const ph_document *document, const ph_node *node, ph_status status,
    const char *text)
{
	char where[PH_ERROR_WHERE];
	ph_fail_at(s->err, status, ph_node_where(document, node, where, sizeof where),
	    "%s", text);
	return false;
}

static bool
no_memory(scan *s)
{
	ph_fail(s->err, PH_ERR_NOMEM, "out of memory");
	return false;
}

static bool
is_schema(const ph_node *node)
{
	return node->space != NULL && strcmp(node->space, PH_XSD_SPACE) == 0;
}

static bool
is_named(const ph_node *node, const char *name)
{
	return is_schema(node) && strcmp(node->name, name) == 0;
}

/* ---- files ---- */

/* A file of the folder that will be read in its turn. */
static bool
add_file(scan *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->names[i], name) == 0)
			return true;
	if (s->count == FILES_MAX) {
		ph_fail_at(s->err, PH_ERR_TOO_LARGE, s->path,
		    "PH3355 a schema of more than %u files", FILES_MAX);
		return false;
	}
	s->names[s->count] = ph_arena_strdup(s->arena, name);
	return s->names[s->count++] != NULL || no_memory(s);
}

static bool
take_location(scan *s, const ph_document *document, const ph_node *node)
{
	const char *location = ph_node_text(node, "schemaLocation");
	if (location == NULL && is_named(node, "import"))
		return true;
	size_t length = location == NULL ? 0 : strlen(location);
	if (length == 0 || length > NAME_BYTES_MAX || location[0] == '.' ||
	    strspn(location, PLAIN_NAME) != length)
		return refuse(s, document, node, PH_ERR_INVALID,
		    "PH3352 a schemaLocation that is not the plain name of a file in "
		    "the "
		    "same folder: nothing is fetched; put the file beside this one");
	return add_file(s, location);
}

static ph_status
read_file(scan *s, size_t index)
{
	char *bytes = NULL;
	size_t length = 0;
	strcpy(s->path + s->folder, s->names[index]);
	ph_status status = ph_fs_slurp(s->path, FILE_BYTES_MAX, &bytes, &length, NULL);
	if (status == PH_ERR_NOT_FOUND)
		return ph_fail_at(s->err, status, s->path,
		    "PH3353 there is no such file of the schema");
	if (status == PH_ERR_TOO_LARGE)
		return ph_fail_at(
		    s->err, status, s->path, "PH3355 a schema file of more than 1 MiB");
	if (status != PH_OK)
		return ph_fail_at(
		    s->err, status, s->path, "PH3353 the file cannot be read");
	status = ph_document_new(s->path, 2 * PH_MEMORY_FLOOR + MEMORY_FACTOR * length,
	    &s->documents[index], s->err);
	if (status == PH_OK)
		status = ph_xml_decode(s->documents[index], bytes, length, s->err);
	free(bytes);
	return status;
}

/* ---- definitions ---- */

static definition *
find(const scan *s, const char *kind, const char *name, size_t length)
{
	char key[NAME_BYTES_MAX + 32];
	int size = snprintf(key, sizeof key, "%s %.*s", kind, (int) length, name);
	return size < 0 || (size_t) size >= sizeof key
		   ? NULL
		   : ph_table_get(s->definitions, key, (size_t) size);
}

static bool
define(scan *s, const ph_document *document, const ph_node *node, const char *kind)
{
	const char *name = ph_node_text(node, "name");
	if (name == NULL)
		return true;
	char key[NAME_BYTES_MAX + 32];
	int size = snprintf(key, sizeof key, "%s %s", kind, name);
	if (size < 0 || (size_t) size >= sizeof key)
		return refuse(s, document, node, PH_ERR_TOO_LARGE,
		    "PH3355 a name of more than 255 bytes");
	definition *d = ph_arena_zalloc(s->arena, sizeof *d);
	if (d == NULL)
		return no_memory(s);
	*d = (definition){.node = node,
	    .document = document,
	    .next = ph_table_get(s->definitions, key, (size_t) size)};
	return ph_table_put(s->definitions, key, (size_t) size, d, s->err) == PH_OK;
}

/* What a node of the top level defines; NULL: nothing that is written out elsewhere. */
static const char *
kind_of(const ph_node *node)
{
	static const char *const kinds[][2] = {{"group", "group"},
	    {"attributeGroup", "attributes"}, {"simpleType", "type"},
	    {"complexType", "type"}};
	for (size_t i = 0; i < 4; i++)
		if (is_named(node, kinds[i][0]))
			return kinds[i][1];
	return NULL;
}

/* Everything in a file once: what it counts, refuses and names. */
static bool
look(scan *s, const ph_document *document, const ph_node *node)
{
	if (is_schema(node)) {
		if (is_named(node, "redefine"))
			return refuse(s, document, node, PH_ERR_INVALID,
			    "PH3354 xs:redefine is not taken: write the changed "
			    "definition into a file of its own");
		if ((is_named(node, "include") || is_named(node, "import")) &&
		    !take_location(s, document, node))
			return false;
		s->keyed |= is_named(node, "key") || is_named(node, "unique") ||
			    is_named(node, "keyref");
		s->substitutes +=
		    ph_node_get(node, "substitutionGroup") == NULL ? 0 : 1;
	}
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if ((n->flags & PH_NODE_ATTRIBUTE) == 0 && !look(s, document, n))
			return false;
	return true;
}

static bool
look_over(scan *s, const ph_document *document)
{
	const ph_node *root = ph_document_root(document);
	if (!is_named(root, "schema"))
		return refuse(s, document, root, PH_ERR_INVALID,
		    "PH3351 this is not an XML schema: its root is to be xs:schema");
	for (const ph_node *n = root->first; n != NULL; n = n->next) {
		const char *kind = kind_of(n);
		if (kind != NULL && !define(s, document, n, kind))
			return false;
	}
	return look(s, document, root);
}

/* ---- sizes ---- */

static bool weigh(scan *s, definition *d);

static bool
too_many(scan *s, const definition *d, const char *text)
{
	return refuse(s, d->document, d->node, PH_ERR_TOO_LARGE, text);
}

/* Add what the definitions that `names` (QNames between spaces) name come to. */
static bool
add_named(scan *s, const char *kind, const char *names, unsigned nest, measure *m)
{
	while (names != NULL && *(names += strspn(names, " \t\r\n")) != '\0') {
		size_t length = strcspn(names, " \t\r\n");
		const char *colon = memchr(names, ':', length);
		const char *local = colon == NULL ? names : colon + 1;
		definition *d = find(s, kind, local, length - (size_t) (local - names));
		for (; d != NULL; d = d->next) {
			if (d->progress == FRESH && !weigh(s, d))
				return false;
			if (d->progress != DONE)
				continue;
			m->size += d->own.size;
			m->particles += d->own.particles;
			if (d->own.nest + nest > m->nest)
				m->nest = d->own.nest + nest;
		}
		names += length;
	}
	return true;
}

/* What one node refers to, and the node itself. */
static bool
add_own(scan *s, const ph_node *node, unsigned nest, measure *m)
{
	m->size++;
	if (nest > m->nest)
		m->nest = nest;
	if (is_named(node, "group"))
		return add_named(s, "group", ph_node_text(node, "ref"), nest, m);
	if (is_named(node, "attributeGroup"))
		return add_named(s, "attributes", ph_node_text(node, "ref"), 0, m);
	if (is_named(node, "element") || is_named(node, "any")) {
		size_t more = ph_node_get(node, "ref") == NULL ? 0 : s->substitutes;
		m->size += more;
		m->particles += 1 + more;
	}
	return add_named(s, "type", ph_node_text(node, "base"), 0, m) &&
	       add_named(s, "type", ph_node_text(node, "memberTypes"), 0, m) &&
	       add_named(s, "type", ph_node_text(node, "itemType"), 0, m);
}

/* Is it a group that may be there any number of times? */
static bool
is_repeated(const ph_node *node)
{
	static const char *const groups[] = {"sequence", "choice", "all", "group"};
	static const char *const counts[] = {"minOccurs", "maxOccurs"};
	bool group = false;
	for (size_t i = 0; i < 4; i++)
		group |= is_named(node, groups[i]);
	for (size_t i = 0; i < 2 && group; i++) {
		const char *text = ph_node_text(node, counts[i]);
		if (text != NULL && strcmp(text, "1") != 0)
			return true;
	}
	return false;
}

/* libxml2 makes an automaton of a type's content, in time that goes with the cube of its
 * particles, and faster than that with repetitions in repetitions. */
static bool
add_work(scan *s, const definition *d, const measure *m)
{
	s->work += m->particles * m->particles * m->particles;
	if (m->nest > NEST_MAX)
		return too_many(s, d,
		    "PH3355 groups that repeat, one in the other, more than 20 deep");
	if (s->work > WORK_MAX)
		return too_many(s, d,
		    "PH3355 the content of the types is too much to compile: the cubes "
		    "of their elements come to more than 200,000,000; split the type");
	return true;
}

static bool
add_below(scan *s, const definition *d, const ph_node *node, unsigned nest, measure *m)
{
	measure inner = {0, 0, 0};
	measure *own = is_named(node, "complexType") ? &inner : m;
	nest = own == m ? nest + (is_repeated(node) ? 1 : 0) : 0;
	if (is_schema(node) && !add_own(s, node, nest, own))
		return false;
	if (own->size > DEFINITION_MAX)
		return too_many(s, d,
		    "PH3355 this comes to more than 10,000 particles and types once "
		    "its groups, bases and unions are written out");
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if ((n->flags & PH_NODE_ATTRIBUTE) == 0 &&
		    !add_below(s, d, n, nest, own))
			return false;
	if (own == m)
		return true;
	m->size += inner.size;
	if (node == d->node) { /* what extends it has its content too */
		m->particles = inner.particles;
		m->nest = inner.nest;
	}
	return add_work(s, d, &inner);
}

static bool
weigh(scan *s, definition *d)
{
	if (s->depth == DEPTH_MAX)
		return too_many(
		    s, d, "PH3355 definitions that refer to others more than 200 deep");
	measure own = {0, 0, 0};
	d->progress = OPEN; /* a circle counts nothing: libxml2 refuses it */
	s->depth++;
	if (!add_below(s, d, d->node, 0, &own))
		return false;
	s->depth--;
	d->own = own;
	d->progress = DONE;
	s->all += own.size;
	if (s->all > ALL_MAX)
		return too_many(s, d,
		    "PH3355 the schema comes to more than 200,000 particles and types "
		    "once its groups, bases and unions are written out");
	return true;
}

/* Elements of the top level hold types without a name: those count for themselves. */
static bool
weigh_file(scan *s, const ph_document *document)
{
	for (const ph_node *n = ph_document_root(document)->first; n != NULL;
	     n = n->next) {
		definition alone = {.node = n, .document = document};
		if ((n->flags & PH_NODE_ATTRIBUTE) == 0 && kind_of(n) == NULL &&
		    !weigh(s, &alone))
			return false;
	}
	return true;
}

static bool
weigh_all(scan *s)
{
	size_t cursor = 0;
	definition *d;
	while ((d = ph_table_next(s->definitions, &cursor, NULL, NULL)) != NULL)
		for (; d != NULL; d = d->next)
			if (d->progress == FRESH && !weigh(s, d))
				return false;
	for (size_t i = 0; i < s->count; i++)
		if (!weigh_file(s, s->documents[i]))
			return false;
	return true;
}

static bool
run(scan *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	s->folder = (size_t) (name - path);
	size_t room = strlen(path) + NAME_BYTES_MAX + 1;
	if (ph_arena_new(FILES_MAX * 4 * FILE_BYTES_MAX, &s->arena, s->err) != PH_OK ||
	    ph_table_new(&s->definitions, s->err) != PH_OK)
		return false;
	s->path = ph_arena_zalloc(s->arena, room);
	if (s->path == NULL)
		return no_memory(s);
	strcpy(s->path, path);
	if (!add_file(s, name))
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (read_file(s, i) != PH_OK || !look_over(s, s->documents[i]))
			return false;
	return weigh_all(s);
}

ph_status
ph_xsd_scan(const char *path, bool *keyed, ph_error *err)
{
	ph_error local;
	scan *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	s->err = err == NULL ? &local : err;
	bool good = run(s, path);
	*keyed = s->keyed;
	for (size_t i = 0; i < s->count; i++)
		ph_document_destroy(&s->documents[i]);
	ph_table_destroy(&s->definitions, NULL);
	ph_arena_destroy(&s->arena);
	ph_status status = good ? PH_OK : s->err->status;
	free(s);
	return status;
}
