/*
 * xsd_sample - the way down to the record first, each element with nothing else in it; then all
 * that is in the record.
 */
#include "transform/workbench/xsd_sample.h"

#include <stdio.h>
#include <string.h>

#define MEMORY	  ((size_t) 16 << 20)
#define FACTS_MAX 2000
#define NODES_MAX 20000
#define DEPTH_MAX 32

typedef struct making {
	ph_xsd_sample *sample;
	const ph_xsd_type *around[DEPTH_MAX]; /* what is being made */
	const ph_xsd_branch *branch;	      /* of the choices around it */
	size_t depth, nodes;
	bool failed, too_large;
} making;

static const char *
example_of(const ph_xsd_type *type)
{
	if (type->fixed != NULL)
		return type->fixed;
	if (type->value_count > 0)
		return type->values[0];
	switch (type->value) {
	case PH_XSD_NOTHING:
		return "";
	case PH_XSD_TEXT:
		return "text";
	case PH_XSD_NUMBER:
		return "7.5";
	case PH_XSD_INTEGER:
		return "7";
	case PH_XSD_BOOLEAN:
		return "true";
	case PH_XSD_INSTANT:
		return "2000-12-31T12:00:00Z";
	case PH_XSD_DATE:
		return "2000-12-31";
	case PH_XSD_TIME:
		return "12:00:00";
	}
	return "";
}

static ph_node *
make_node(making *m, ph_node *parent, const char *name, const char *space,
    ph_node_kind kind, const char *text)
{
	ph_document *document = m->sample->document;
	m->too_large |= ++m->nodes > NODES_MAX; /* types of types without a text */
	ph_node *node =
	    ph_node_new(document, kind, text, text == NULL ? 0 : strlen(text));
	if (node != NULL && space != NULL)
		node->space = ph_document_intern(document, space, strlen(space));
	if (node == NULL || (space != NULL && node->space == NULL) ||
	    (parent != NULL && ph_node_add(document, parent, name, node) == NULL)) {
		m->failed = true;
		return NULL;
	}
	if (parent == NULL) {
		node->name = ph_document_intern(document, name, strlen(name));
		ph_document_set_root(document, node);
	}
	return node;
}

static void
note_fact(making *m, const ph_node *node, const ph_xsd_type *type, bool required)
{
	ph_xsd_sample *sample = m->sample;
	if (sample->fact_count == FACTS_MAX)
		m->too_large = true;
	else if (node != NULL)
		sample->facts[sample->fact_count++] = (ph_xsd_fact){
		    node, m->branch, required, type->uncounted ? 0 : type->longest};
}

static void
make_attributes(making *m, ph_node *node, const ph_xsd_type *type, bool required)
{
	for (const ph_xsd_attribute *a = type->attributes; a != NULL; a = a->next) {
		ph_node *made = make_node(
		    m, node, a->name, a->space, PH_NODE_STRING, example_of(a->type));
		if (made != NULL)
			made->flags |= PH_NODE_ATTRIBUTE;
		note_fact(m, made, a->type, required && a->required);
	}
}

static bool
is_around(const making *m, const ph_xsd_type *type)
{
	for (size_t i = 0; i < m->depth; i++)
		if (m->around[i] == type)
			return true;
	return m->depth == DEPTH_MAX;
}

static void make_content(
    making *m, ph_node *node, const ph_xsd_part *part, bool required, bool many);

static ph_node *
make_element(
    making *m, ph_node *parent, const ph_xsd_part *part, bool required, bool many)
{
	const ph_xsd_type *type = part->type;
	bool branch = type->content != NULL || type->attributes != NULL;
	bool text = type->content == NULL && type->value != PH_XSD_NOTHING;
	if (m->failed || m->too_large || (branch && is_around(m, type)))
		return NULL;
	ph_node *node = make_node(m, parent, part->name, part->space,
	    branch ? PH_NODE_OBJECT : PH_NODE_STRING,
	    branch && !text ? NULL : example_of(type));
	if (node != NULL && branch) {
		m->around[m->depth++] = type;
		make_attributes(m, node, type, required);
		if (type->content != NULL)
			make_content(m, node, type->content, required, false);
		m->depth--;
	}
	if (!branch || text)
		note_fact(m, node, type, required);
	if (many && parent != NULL)
		(void) make_node(m, parent, part->name, part->space,
		    branch ? PH_NODE_OBJECT : PH_NODE_STRING, branch ? NULL : "");
	return node;
}

/* Every branch is made, and what it makes knows in which it stands. */
static void
make_choice(
    making *m, ph_node *node, const ph_xsd_part *choice, bool required, bool many)
{
	const ph_xsd_branch *outer = m->branch;
	ph_arena *arena = ph_document_arena(m->sample->document);
	for (const ph_xsd_part *p = choice->first; p != NULL; p = p->next) {
		ph_xsd_branch *branch = ph_arena_alloc(arena, sizeof(*branch));
		m->failed |= branch == NULL;
		if (m->failed || m->too_large)
			break;
		*branch = (ph_xsd_branch){choice, p, outer};
		m->branch = branch;
		make_content(m, node, p, required, many);
	}
	m->branch = outer;
}

static void
make_content(
    making *m, ph_node *node, const ph_xsd_part *part, bool required, bool many)
{
	required &= part->least > 0;
	many |= part->many;
	if (part->kind == PH_XSD_ELEMENT)
		(void) make_element(m, node, part, required, many);
	/* of one, as a reference to an element is, there is nothing to choose */
	required &= part->kind != PH_XSD_CHOICE ||
		    (part->first != NULL && part->first->next == NULL);
	if (part->kind == PH_XSD_CHOICE && !many) {
		make_choice(m, node, part, required, many);
		return;
	}
	/* of a choice that may be made again a record has all */
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		make_content(m, node, p, required, many);
}

/* ---- the way to the record ---- */

static const ph_xsd_part *
find_part(const ph_xsd_part *part, const char *name, size_t length, bool *many)
{
	const ph_xsd_part *found = NULL;
	bool below = false;
	if (part->kind == PH_XSD_ELEMENT && strlen(part->name) == length &&
	    memcmp(part->name, name, length) == 0) {
		*many = part->many;
		return part;
	}
	for (const ph_xsd_part *p = part->first; p != NULL && found == NULL;
	     p = p->next)
		found = find_part(p, name, length, &below);
	*many = below || part->many;
	return found;
}

static void
list_elements(const ph_xsd_part *part, char *out, size_t size)
{
	size_t at = strlen(out);
	if (part->kind == PH_XSD_ELEMENT && at + 1 < size)
		snprintf(out + at, size - at, "%s%s", at == 0 ? "" : ", ", part->name);
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		list_elements(p, out, size);
}

static ph_status
not_there(const char *file, const char *name, size_t length, const ph_xsd_part *content,
    ph_error *err)
{
	char names[PH_ERROR_TEXT - 160] = "";
	if (content != NULL)
		list_elements(content, names, sizeof(names));
	return ph_fail_at(err, PH_ERR_NOT_FOUND, file,
	    "PH7312 there is no element %.*s there, but: %s", (int) length, name,
	    names[0] == 0 ? "none" : names);
}

static ph_status
follow(making *m, const ph_xsd_part *content, const char *file, const char *way,
    ph_error *err)
{
	ph_node *node = NULL;
	for (const char *name = way + (way[0] == '/' ? 1 : 0); *name != 0;) {
		bool many = false;
		size_t length = strcspn(name, "/");
		const char *next = name + length + (name[length] == '/' ? 1 : 0);
		const ph_xsd_part *part =
		    content == NULL ? NULL : find_part(content, name, length, &many);
		if (part == NULL)
			return not_there(file, name, length, content, err);
		content = part->type->content;
		if (*next == 0)
			m->sample->record = make_element(m, node, part, true, many);
		else
			node = make_node(
			    m, node, part->name, part->space, PH_NODE_OBJECT, NULL);
		if (m->failed || m->depth > 0)
			break;
		name = next;
	}
	return PH_OK;
}

static ph_status
make(making *m, const ph_xsd_shape *shape, const char *file, const char *way,
    ph_error *err)
{
	const ph_xsd_part *roots = ph_xsd_shape_roots(shape);
	const ph_xsd_part *first = roots == NULL ? NULL : roots->first;
	char names[PH_ERROR_TEXT - 160] = "";
	if (way != NULL && way[0] != 0)
		return follow(m, roots, file, way, err);
	if (first == NULL)
		return ph_fail_at(err, PH_ERR_INVALID, file,
		    "PH7313 the schema has no element that a document may begin with: "
		    "give the file that has");
	if (first->next == NULL && first->kind == PH_XSD_ELEMENT) {
		(void) make_element(m, NULL, first, true, false);
		return PH_OK;
	}
	list_elements(roots, names, sizeof(names));
	return ph_fail_at(err, PH_ERR_INVALID, file,
	    "PH7313 say with --root which element is the record: a document may begin "
	    "with %s",
	    names);
}

ph_status
ph_xsd_sample_init(ph_xsd_sample *sample, const ph_xsd_shape *shape, const char *file,
    const char *way, ph_error *err)
{
	*sample = (ph_xsd_sample){0};
	making m = {.sample = sample};
	ph_status status = ph_document_new(file, MEMORY, &sample->document, err);
	if (status != PH_OK)
		return status;
	sample->facts = ph_arena_alloc(
	    ph_document_arena(sample->document), FACTS_MAX * sizeof(*sample->facts));
	status = sample->facts == NULL ? ph_fail(err, PH_ERR_NOMEM, "out of memory")
				       : make(&m, shape, file, way, err);
	if (status == PH_OK && m.too_large)
		status = ph_fail_at(err, PH_ERR_TOO_LARGE, file,
		    "PH7314 more than %d fields: say with --root which element is the "
		    "record",
		    FACTS_MAX);
	if (status == PH_OK && m.failed)
		status = ph_fail(err, PH_ERR_NOMEM, "out of memory");
	return status;
}

void
ph_xsd_sample_fini(ph_xsd_sample *sample)
{
	ph_document_destroy(&sample->document);
	*sample = (ph_xsd_sample){0};
}

const ph_xsd_fact *
ph_xsd_sample_fact(const ph_xsd_sample *sample, const ph_node *node)
{
	for (size_t i = 0; i < sample->fact_count; i++)
		if (sample->facts[i].node == node)
			return &sample->facts[i];
	return NULL;
}

bool
ph_xsd_sample_excludes(const ph_xsd_fact *one, const ph_xsd_fact *other)
{
	for (const ph_xsd_branch *a = one->branch; a != NULL; a = a->outer)
		for (const ph_xsd_branch *b = other->branch; b != NULL; b = b->outer)
			if (a->choice == b->choice && a->taken != b->taken)
				return true;
	return false;
}
