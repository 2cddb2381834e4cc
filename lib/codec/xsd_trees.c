/*
 * xsd_trees - the files of a schema, and what their top levels define.
 */
#include "lib/codec/xsd_shape_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "lib/base/fs.h"
#include "lib/codec/xsd_inner.h"

#define FILE_BYTES_MAX ((size_t) 1 << 20)
#define BLANK	       " \t\r\n"

bool
ph_xsd_is(xmlNodePtr node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && node->ns != NULL &&
	       strcmp((const char *) node->ns->href, PH_XSD_SPACE) == 0 &&
	       strcmp((const char *) node->name, name) == 0;
}

static xmlNodePtr
element_from(xmlNodePtr node)
{
	while (node != NULL &&
	       (node->type != XML_ELEMENT_NODE || ph_xsd_is(node, "annotation")))
		node = node->next;
	return node;
}

xmlNodePtr
ph_xsd_beside(xmlNodePtr node)
{
	return element_from(node->next);
}

xmlNodePtr
ph_xsd_inside(xmlNodePtr node, const char *name)
{
	xmlNodePtr n = element_from(node->children);
	while (n != NULL && name != NULL && !ph_xsd_is(n, name))
		n = ph_xsd_beside(n);
	return n;
}

const char *
ph_xsd_text(xmlNodePtr node, const char *name)
{
	xmlAttrPtr attribute = xmlHasNsProp(node, (const xmlChar *) name, NULL);
	if (attribute == NULL)
		return NULL;
	return attribute->children == NULL
		   ? ""
		   : (const char *) attribute->children->content;
}

const char *
ph_xsd_target(xmlNodePtr node)
{
	const ph_xsd_tree *tree = node->doc->_private;
	return tree->space;
}

bool
ph_xsd_name(const ph_xsd_trees *trees, xmlNodePtr node, const char *text, size_t length,
    const char **space, const char **name)
{
	const char *colon = memchr(text, ':', length);
	size_t before = colon == NULL ? 0 : (size_t) (colon - text);
	const char *prefix =
	    colon == NULL ? NULL : ph_arena_dup(trees->arena, text, before);
	size_t from = colon == NULL ? 0 : before + 1;
	*name = ph_arena_dup(trees->arena, text + from, length - from);
	if (*name == NULL || (colon != NULL && prefix == NULL))
		return false;
	xmlNsPtr found = xmlSearchNs(node->doc, node, (const xmlChar *) prefix);
	if (found == NULL || found->href == NULL || found->href[0] == '\0')
		*space = colon == NULL ? ph_xsd_target(node) : NULL;
	else
		*space = ph_arena_strdup(trees->arena, (const char *) found->href);
	return found == NULL || *space != NULL || found->href == NULL ||
	       found->href[0] == '\0';
}

/* ---- the index ---- */

static const char *
key_of(const ph_xsd_trees *trees, const char *kind, const char *space, const char *name)
{
	return ph_arena_printf(
	    trees->arena, "%s{%s}%s", kind, space == NULL ? "" : space, name);
}

xmlNodePtr
ph_xsd_global(
    const ph_xsd_trees *trees, const char *kind, const char *space, const char *name)
{
	const char *key = key_of(trees, kind, space, name);
	return key == NULL ? NULL : ph_table_gets(trees->globals, key);
}

const ph_xsd_substitute *
ph_xsd_substitutes(const ph_xsd_trees *trees, const char *space, const char *name)
{
	const char *key = key_of(trees, "", space, name);
	return key == NULL ? NULL : ph_table_gets(trees->substitutes, key);
}

static bool
add_substitute(ph_xsd_trees *t, xmlNodePtr element)
{
	const char *head = ph_xsd_text(element, "substitutionGroup"), *space, *name;
	if (head == NULL)
		return true;
	head += strspn(head, BLANK);
	ph_xsd_substitute *one = ph_arena_alloc(t->arena, sizeof *one);
	if (one == NULL ||
	    !ph_xsd_name(t, element, head, strcspn(head, BLANK), &space, &name))
		return false;
	const char *key = key_of(t, "", space, name);
	if (key == NULL)
		return false;
	*one = (ph_xsd_substitute){element, ph_table_gets(t->substitutes, key)};
	return ph_table_puts(t->substitutes, key, one, NULL) == PH_OK;
}

static bool
add_global(ph_xsd_trees *t, xmlNodePtr node)
{
	const char *name = ph_xsd_text(node, "name");
	bool type = ph_xsd_is(node, "simpleType") || ph_xsd_is(node, "complexType");
	if (name == NULL)
		return true;
	const char *key = key_of(
	    t, type ? "type" : (const char *) node->name, ph_xsd_target(node), name);
	if (key == NULL || ph_table_puts(t->globals, key, node, NULL) != PH_OK)
		return false;
	return !ph_xsd_is(node, "element") || add_substitute(t, node);
}

/* ---- files ---- */

static bool
add_file(ph_xsd_trees *t, const char *name, const char *space)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->trees[i].name, name) == 0 &&
		    (space == NULL || (t->trees[i].space != NULL &&
					  strcmp(t->trees[i].space, space) == 0)))
			return true;
	if (strchr(name, '/') != NULL) { /* the loader takes plain names only */
		ph_fail_at(t->err, PH_ERR_INVALID, t->path,
		    "PH3353 the files of the schema have changed while they were read");
		return false;
	}
	if (t->count == PH_XSD_TREES_MAX) {
		ph_fail_at(t->err, PH_ERR_TOO_LARGE, t->path,
		    "PH3355 a schema of more than %u files", PH_XSD_TREES_MAX);
		return false;
	}
	t->trees[t->count] =
	    (ph_xsd_tree){.name = ph_arena_strdup(t->arena, name), .space = space};
	return t->trees[t->count++].name != NULL;
}

static bool
take(ph_xsd_trees *t, ph_xsd_tree *tree)
{
	xmlNodePtr root = xmlDocGetRootElement(tree->document);
	const char *own = root == NULL ? NULL : ph_xsd_text(root, "targetNamespace");
	tree->document->_private = tree;
	if (own != NULL && (tree->space = ph_arena_strdup(t->arena, own)) == NULL)
		return false;
	for (xmlNodePtr n = root == NULL ? NULL : ph_xsd_inside(root, NULL); n != NULL;
	     n = ph_xsd_beside(n)) {
		bool include = ph_xsd_is(n, "include"), import = ph_xsd_is(n, "import");
		const char *location = ph_xsd_text(n, "schemaLocation");
		if ((include || import) && location != NULL
			? !add_file(t, location, include ? tree->space : NULL)
			: !add_global(t, n))
			return false;
	}
	return true;
}

static bool
read_file(ph_xsd_trees *t, ph_xsd_tree *tree)
{
	char *bytes = NULL;
	size_t length = 0;
	const char *path =
	    ph_arena_printf(t->arena, "%.*s%s", (int) t->folder, t->path, tree->name);
	if (path == NULL ||
	    ph_fs_slurp(path, FILE_BYTES_MAX, &bytes, &length, t->err) != PH_OK)
		return false;
	tree->document = xmlReadMemory(bytes, (int) length, path, NULL,
	    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	free(bytes);
	if (tree->document != NULL && tree->document->intSubset == NULL)
		return take(t, tree);
	ph_fail_at(t->err, PH_ERR_INVALID, path, "PH3353 the file cannot be read");
	return false;
}

bool
ph_xsd_trees_open(ph_xsd_trees *t, const char *path, ph_arena *arena, ph_error *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	*t = (ph_xsd_trees){
	    .err = err, .arena = arena, .path = path, .folder = (size_t) (name - path)};
	ph_fail(err, PH_ERR_NOMEM, "out of memory"); /* where nothing else is said */
	if (ph_table_new(&t->globals, err) != PH_OK ||
	    ph_table_new(&t->substitutes, err) != PH_OK || !add_file(t, name, NULL))
		return false;
	for (size_t i = 0; i < t->count; i++)
		if (!read_file(t, &t->trees[i]))
			return false;
	return true;
}

void
ph_xsd_trees_close(ph_xsd_trees *t)
{
	for (size_t i = 0; i < t->count; i++)
		xmlFreeDoc(t->trees[i].document);
	ph_table_destroy(&t->globals, NULL);
	ph_table_destroy(&t->substitutes, NULL);
}
