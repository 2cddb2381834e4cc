/*
 * xsd_shape_text - simple types: XML Schema's own, and what restrictions say of them.
 */
#include "lib/codec/xsd_shape_inner.h"

#include <stdlib.h>
#include <string.h>

static const ph_xsd_type anything = {
    .value = PH_XSD_TEXT, .open = true, .any_attribute = true};
static const ph_xsd_type text = {.value = PH_XSD_TEXT};
static const ph_xsd_type words = {.value = PH_XSD_TEXT, .patterned = true};
static const ph_xsd_type others = {
    .value = PH_XSD_TEXT, .patterned = true, .uncounted = true};
static const ph_xsd_type number = {.value = PH_XSD_NUMBER};
static const ph_xsd_type whole = {.value = PH_XSD_INTEGER};
static const ph_xsd_type boolean = {.value = PH_XSD_BOOLEAN};
static const ph_xsd_type instant = {.value = PH_XSD_INSTANT};
static const ph_xsd_type date = {.value = PH_XSD_DATE};
static const ph_xsd_type daytime = {.value = PH_XSD_TIME};

const ph_xsd_type *
ph_xsd_builtin(const char *name)
{
	static const struct {
		const char *name;
		const ph_xsd_type *type;
	} known[] = {{"string", &text}, {"normalizedString", &text}, {"token", &text},
	    {"boolean", &boolean}, {"decimal", &number}, {"float", &number},
	    {"double", &number}, {"integer", &whole}, {"int", &whole}, {"long", &whole},
	    {"short", &whole}, {"byte", &whole}, {"nonNegativeInteger", &whole},
	    {"positiveInteger", &whole}, {"nonPositiveInteger", &whole},
	    {"negativeInteger", &whole}, {"unsignedLong", &whole},
	    {"unsignedInt", &whole}, {"unsignedShort", &whole},
	    {"unsignedByte", &whole}, {"dateTime", &instant}, {"date", &date},
	    {"time", &daytime}, {"anyType", &anything}, {"anySimpleType", &text},
	    {"hexBinary", &others}, {"base64Binary", &others}, {"NMTOKENS", &others},
	    {"IDREFS", &others}, {"ENTITIES", &others}};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].type;
	return &words;
}

static bool
enumerate(ph_arena *arena, xmlNodePtr restriction, ph_xsd_type *type)
{
	size_t count = 0;
	for (xmlNodePtr n = ph_xsd_inside(restriction, "enumeration"); n != NULL;
	     n = ph_xsd_beside(n))
		count++;
	if (count == 0)
		return true;
	const char **values = ph_arena_alloc(arena, count * sizeof *values);
	if (values == NULL)
		return false;
	type->value_count = 0;
	type->values = values;
	for (xmlNodePtr n = ph_xsd_inside(restriction, "enumeration"); n != NULL;
	     n = ph_xsd_beside(n)) {
		const char *value = ph_xsd_text(n, "value");
		if (!ph_xsd_is(n, "enumeration") || value == NULL)
			continue;
		values[type->value_count] = ph_arena_strdup(arena, value);
		if (values[type->value_count++] == NULL)
			return false;
	}
	return true;
}

/* Does it take words away that kind and length alone allow? */
static bool
narrows(xmlNodePtr facet)
{
	static const char *const facets[] = {"pattern", "minLength", "minInclusive",
	    "minExclusive", "maxInclusive", "maxExclusive", "totalDigits",
	    "fractionDigits"};
	for (size_t i = 0; i < sizeof facets / sizeof facets[0]; i++)
		if (ph_xsd_is(facet, facets[i]))
			return true;
	return false;
}

bool
ph_xsd_facets(ph_arena *arena, xmlNodePtr restriction, ph_xsd_type *type)
{
	for (xmlNodePtr n = ph_xsd_inside(restriction, NULL); n != NULL;
	     n = ph_xsd_beside(n)) {
		const char *value = ph_xsd_text(n, "value");
		unsigned long size = value == NULL ? 0 : strtoul(value, NULL, 10);
		if (value == NULL)
			continue;
		if (ph_xsd_is(n, "maxLength") || ph_xsd_is(n, "length"))
			type->longest = type->uncounted ? 0 : size;
		else if (ph_xsd_is(n, "fractionDigits") && size == 0)
			type->value = PH_XSD_INTEGER;
		else
			type->patterned |= narrows(n);
	}
	return enumerate(arena, restriction, type);
}
