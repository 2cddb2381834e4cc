/*
 * xsd_shape - questions about what a schema allows.
 */
#include "lib/codec/xsd_shape.h"

#include <string.h>

static bool
same_space(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
find(const ph_xsd_part *part, bool many, const char *space, const char *name,
    ph_xsd_child *out)
{
	many |= part->many;
	if (part->kind == PH_XSD_ELEMENT && strcmp(part->name, name) == 0 &&
	    same_space(part->space, space)) {
		out->twice = out->element != NULL;
		out->many |= many || out->twice;
		out->element = out->twice ? out->element : part;
	}
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		find(p, many, space, name, out);
}

bool
ph_xsd_find(
    const ph_xsd_part *content, const char *space, const char *name, ph_xsd_child *out)
{
	*out = (ph_xsd_child){0};
	if (content != NULL)
		find(content, false, space, name, out);
	return out->element != NULL;
}

const ph_xsd_attribute *
ph_xsd_find_attribute(const ph_xsd_type *type, const char *space, const char *name)
{
	const ph_xsd_attribute *a = type->attributes;
	while (
	    a != NULL && (strcmp(a->name, name) != 0 || !same_space(a->space, space)))
		a = a->next;
	return a;
}

/* "##any", "##other", or a list of namespaces. */
static bool
wildcard_takes(const ph_xsd_part *any, const char *space)
{
	if (any->others == NULL || strcmp(any->others, "##any") == 0)
		return true;
	if (strcmp(any->others, "##other") == 0)
		return space != NULL && !same_space(space, any->target);
	for (const char *p = any->others; *(p += strspn(p, " \t\r\n")) != '\0';) {
		size_t length = strcspn(p, " \t\r\n");
		bool local = length == 7 && memcmp(p, "##local", 7) == 0;
		bool own = length == 17 && memcmp(p, "##targetNamespace", 17) == 0;
		if (local ? space == NULL
		    : own ? same_space(space, any->target)
			  : space != NULL && strlen(space) == length &&
				memcmp(p, space, length) == 0)
			return true;
		p += length;
	}
	return false;
}

const ph_xsd_part *
ph_xsd_takes(const ph_xsd_part *content, const char *space)
{
	const ph_xsd_part *found = NULL;
	if (content == NULL)
		return NULL;
	if (content->kind == PH_XSD_ANY)
		return wildcard_takes(content, space) ? content : NULL;
	for (const ph_xsd_part *p = content->first; p != NULL && found == NULL;
	     p = p->next)
		found = ph_xsd_takes(p, space);
	return found;
}

bool
ph_xsd_may_be_empty(const ph_xsd_part *content)
{
	if (content == NULL || content->least == 0)
		return true;
	bool choice = content->kind == PH_XSD_CHOICE;
	if (content->kind == PH_XSD_ELEMENT || content->kind == PH_XSD_ANY)
		return false;
	for (const ph_xsd_part *p = content->first; p != NULL; p = p->next)
		if (ph_xsd_may_be_empty(p) == choice)
			return choice;
	return !choice || content->first == NULL;
}

static bool
holds(const ph_xsd_part *part, const ph_xsd_part *element)
{
	if (part == element)
		return true;
	for (const ph_xsd_part *p = part->first; p != NULL; p = p->next)
		if (holds(p, element))
			return true;
	return false;
}

bool
ph_xsd_is_before(
    const ph_xsd_part *content, const ph_xsd_part *first, const ph_xsd_part *second)
{
	if (content == NULL || content->many)
		return false;
	for (const ph_xsd_part *p = content->first; p != NULL; p = p->next) {
		bool one = holds(p, first), other = holds(p, second);
		if (one && other)
			return ph_xsd_is_before(p, first, second);
		if (one || other)
			return one && content->kind == PH_XSD_SEQUENCE;
	}
	return false;
}
