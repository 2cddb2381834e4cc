/*
 * map_check_find - what an operand or a name stands for: in the vendor's XML Schema, in the canonical
 * one; and what was meant where it stands for nothing.
 */
#include <stdio.h>
#include <string.h>

#include "transform/map_check_xsd.h"

#define NAMES_MAX 512
#define PATH	  512

bool
ph_check_is_path(const ph_operand *operand)
{
	return operand->kind == PH_OPERAND_PATH || operand->kind == PH_OPERAND_KEYS ||
	       operand->kind == PH_OPERAND_VALUES;
}

const ph_rule *
ph_check_canonical(const ph_map *map, const ph_operand *operand)
{
	char path[PATH] = "";
	size_t at = 0;
	if (operand->kind != PH_OPERAND_PATH || map->schema == NULL)
		return NULL;
	for (size_t i = 0; i < operand->path.count && at < PATH; i++) {
		const ph_step *step = &operand->path.steps[i];
		at += (size_t) snprintf(path + at, PATH - at, "%s%s%s",
		    i > 0 ? "." : "", ph_names_text(map->canonical_names, step->name),
		    (step->flags & (PH_STEP_MANY | PH_STEP_CHOSEN)) != 0 ? "[]" : "");
	}
	return ph_schema_field(map->schema, path);
}

const ph_xsd_part *
ph_check_element(const ph_xsd_part *part, const char *name)
{
	const ph_xsd_part *found = NULL;
	if (part->kind == PH_XSD_ELEMENT && strcmp(part->name, name) == 0)
		return part;
	for (const ph_xsd_part *p = part->first; p != NULL && found == NULL;
	     p = p->next)
		found = ph_check_element(p, name);
	return found;
}

const ph_xsd_attribute *
ph_check_attribute(const ph_xsd_type *type, const char *name)
{
	const ph_xsd_attribute *a = type == NULL ? NULL : type->attributes;
	while (a != NULL && strcmp(a->name, name) != 0)
		a = a->next;
	return a;
}

/* The elements of a content by their local names; attributes with an @. */
static size_t
note_elements(const ph_xsd_part *part, const char **names, size_t count)
{
	if (part->kind == PH_XSD_ELEMENT && count < NAMES_MAX)
		names[count++] = part->name;
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		count = note_elements(p, names, count);
	return count;
}

void
ph_check_hint(const ph_map *map, const ph_xsd_type *above, const char *name,
    bool attribute, char out[PH_HINT_MAX])
{
	const char *names[NAMES_MAX + 1];
	size_t count = 0;
	const ph_xsd_part *content =
	    above == NULL ? ph_xsd_shape_roots(map->xsd_shape) : above->content;
	const ph_xsd_part *element =
	    content == NULL ? NULL : ph_check_element(content, name);
	const ph_xsd_attribute *other = ph_check_attribute(above, name);
	out[0] = 0;
	if (attribute ? element != NULL : element == NULL && other != NULL) {
		snprintf(out, PH_HINT_MAX, ": it is an %s there, %s%s",
		    attribute ? "element" : "attribute", attribute ? "" : "@", name);
		return;
	}
	if (attribute ? other != NULL : element != NULL) {
		const char *space = attribute ? other->space : element->space;
		snprintf(out, PH_HINT_MAX, " of that namespace: there it is in %s%s",
		    space == NULL ? "none" : "", space == NULL ? "" : space);
		return;
	}
	if (content != NULL && !attribute)
		count = note_elements(content, names, 0);
	for (const ph_xsd_attribute *a =
		 above == NULL || !attribute ? NULL : above->attributes;
	     a != NULL && count < NAMES_MAX; a = a->next)
		names[count++] = a->name;
	names[count] = NULL;
	const char *near = ph_nearest(name, names);
	if (near != NULL)
		snprintf(out, PH_HINT_MAX, "; did you mean %s%s?", attribute ? "@" : "",
		    near);
}
