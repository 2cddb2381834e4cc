/*
 * map_vendor - record descriptions, JSON Schemas and XML Schemas behind one face.
 */
#include "transform/map_vendor.h"

#include <stdio.h>
#include <string.h>

#include "transform/schema_inner.h"

#define XSI_SPACE "http://www.w3.org/2001/XMLSchema-instance"

static bool
follow(const ph_map *map, const ph_path *path, ph_way *way)
{
	for (size_t i = 0; i < path->count; i++) {
		const ph_step *step = &path->steps[i];
		if ((step->flags & PH_STEP_PARENT) != 0) {
			if (way->count == 0)
				return false;
			way->count--;
			continue;
		}
		const char *name = ph_names_text(map->vendor_names, step->name);
		if ((step->flags & PH_STEP_WILD) != 0 || name == NULL ||
		    way->count == PH_WAY_MAX)
			return false;
		way->steps[way->count] = step;
		way->names[way->count++] = name;
	}
	return true;
}

static bool
leads_to(const ph_map *map, const ph_way *way, const ph_path *path)
{
	if (way->count < path->count)
		return false;
	for (size_t i = 0; i < path->count; i++)
		if (strcmp(way->names[i],
			ph_names_text(map->vendor_names, path->steps[i].name)) != 0)
			return false;
	return true;
}

/* A text that is opened: nobody describes what is in it. */
static void
stop_at_texts(const ph_map *map, ph_way *way)
{
	way->inside = false;
	for (size_t i = 0; i < map->open_count && !way->inside; i++) {
		const ph_path *path = &map->opens[i].path;
		way->inside = way->count > path->count && leads_to(map, way, path);
		if (way->inside)
			way->count = path->count;
	}
}

bool
ph_vendor_way(const ph_map *map, const ph_path *path, bool inward, ph_way *out)
{
	out->count = 0;
	if (!follow(map, inward ? &map->root_in : &map->root_out, out) ||
	    (map->has_each && !follow(map, &map->each, out)) || !follow(map, path, out))
		return false;
	stop_at_texts(map, out);
	return true;
}

void
ph_way_text(const ph_way *way, char *out, size_t size)
{
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < way->count && at < size; i++)
		at += (size_t) snprintf(
		    out + at, size - at, "%s%s", i > 0 ? "." : "", way->names[i]);
}

bool
ph_vendor_described(const ph_map *map)
{
	return map->records != NULL || map->vendor_schema != NULL ||
	       map->xsd_shape != NULL;
}

const char *
ph_vendor_file(const ph_map *map)
{
	const char *file = map->records != NULL ? ph_records_file(map->records)
			   : map->xsd_shape != NULL
			       ? ph_xsd_file(map->xsd)
			       : ph_schema_file(map->vendor_schema);
	const char *slash = strrchr(file, '/');
	return slash == NULL ? file : slash + 1;
}

/* May an object of this rule have members that it does not name? */
static bool
takes_more(const ph_rule *rule)
{
	return (ph_rule_types(rule) == PH_TYPE_ANY && rule->property_count == 0) ||
	       rule->patterned_count > 0 ||
	       (rule->additional != NULL && !rule->additional->never);
}

static ph_vendor_known
find_rule(const ph_schema *schema, const ph_way *way, const ph_rule **out)
{
	char path[512] = "";
	size_t at = 0;
	const ph_rule *rule = ph_schema_field(schema, "");
	for (size_t i = 0; rule != NULL && i < way->count; i++) {
		const char *name = way->names[i];
		if (strpbrk(name, ".[") != NULL || at + strlen(name) + 4 > sizeof(path))
			return PH_VENDOR_OPEN;
		size_t before = at;
		at += (size_t) snprintf(
		    path + at, sizeof(path) - at, "%s%s", at > 0 ? "." : "", name);
		const ph_rule *next = ph_schema_field(schema, path);
		if (next == NULL) {
			path[before] = 0;
			return takes_more(rule) ? PH_VENDOR_OPEN : PH_VENDOR_UNKNOWN;
		}
		rule = next;
		if ((ph_rule_types(rule) & PH_TYPE_ARRAY) == 0)
			continue;
		memcpy(path + at, "[]", 3);
		next = ph_schema_field(schema, path);
		if (next == NULL)
			path[at] = 0;
		else {
			at += 2;
			rule = next;
		}
	}
	*out = rule;
	return rule == NULL ? PH_VENDOR_OPEN : PH_VENDOR_NAMED;
}

/* ---- XML Schema ---- */

const char *
ph_vendor_space(const ph_map *map, const ph_step *step)
{
	return ph_names_text(map->vendor_names, step->space);
}

/* The type of what one step leads to from a type, or (NULL) from the document. */
static ph_vendor_known
follow_step(const ph_map *map, const ph_xsd_type *from, const ph_step *step,
    const char *name, const ph_xsd_type **type)
{
	const char *space = ph_vendor_space(map, step);
	const ph_xsd_part *content =
	    from == NULL ? ph_xsd_shape_roots(map->xsd_shape) : from->content;
	ph_xsd_child child;
	if (from != NULL && (step->flags & PH_STEP_ATTRIBUTE) != 0) {
		const ph_xsd_attribute *a = ph_xsd_find_attribute(from, space, name);
		*type = a == NULL ? NULL : a->type;
		bool own = space != NULL && strcmp(space, XSI_SPACE) == 0;
		return a != NULL ? PH_VENDOR_NAMED
		       : own || from->any_attribute || from->extended
			   ? PH_VENDOR_OPEN
			   : PH_VENDOR_UNKNOWN;
	}
	if (ph_xsd_find(content, space, name, &child)) {
		*type = child.element->type;
		return PH_VENDOR_NAMED;
	}
	bool open = from != NULL && (from->open || from->extended);
	return open || ph_xsd_takes(content, space) != NULL ? PH_VENDOR_OPEN
							    : PH_VENDOR_UNKNOWN;
}

ph_vendor_known
ph_vendor_follow(const ph_map *map, const ph_way *way, const ph_xsd_type **type,
    size_t *at, const ph_xsd_type **above)
{
	*type = *above = NULL;
	for (*at = 0; *at < way->count; (*at)++) {
		*above = *type;
		ph_vendor_known known =
		    follow_step(map, *above, way->steps[*at], way->names[*at], type);
		if (known != PH_VENDOR_NAMED)
			return known;
	}
	return *type == NULL ? PH_VENDOR_OPEN : PH_VENDOR_NAMED;
}

static ph_vendor_known
find_in_xsd(const ph_map *map, const ph_way *way, ph_vendor_field *out)
{
	const ph_xsd_type *type, *above;
	size_t at;
	ph_vendor_known known = ph_vendor_follow(map, way, &type, &at, &above);
	if (known != PH_VENDOR_NAMED)
		return known;
	bool fields = type->value == PH_XSD_NOTHING &&
		      (type->content != NULL || type->attributes != NULL);
	out->types = fields ? PH_TYPE_OBJECT : PH_TYPE_STRING;
	out->type = type;
	out->longest = type->longest;
	out->values = type->values;
	out->value_count = type->value_count;
	return known;
}

/* ---- a field ---- */

ph_vendor_known
ph_vendor_find(const ph_map *map, const ph_way *way, ph_vendor_field *out)
{
	*out = (ph_vendor_field){.types = PH_TYPE_STRING};
	if (way->inside)
		return PH_VENDOR_OPEN;
	if (map->records != NULL) {
		switch (ph_records_find(
		    map->records, way->names, way->count, &out->longest)) {
		case PH_RECORDS_UNKNOWN:
			return PH_VENDOR_UNKNOWN;
		case PH_RECORDS_OPEN:
			return PH_VENDOR_OPEN;
		case PH_RECORDS_NAMED:
			return PH_VENDOR_NAMED;
		}
	}
	if (map->xsd_shape != NULL)
		return find_in_xsd(map, way, out);
	const ph_rule *rule = NULL;
	ph_vendor_known known = find_rule(map->vendor_schema, way, &rule);
	if (known != PH_VENDOR_NAMED)
		return known;
	out->rule = rule;
	out->types = ph_rule_types(rule);
	out->value_count = ph_rule_values(rule, &out->values);
	if (rule->length.has_most)
		out->longest = rule->length.most;
	return PH_VENDOR_NAMED;
}

/* ---- each ---- */

typedef struct telling {
	ph_vendor_tell *tell;
	void *self;
} telling;

static bool
tell_record(void *self, const char *record, const char *field, size_t width)
{
	const telling *t = self;
	char path[600];
	(void) width;
	snprintf(path, sizeof(path), "%s.%s", record, field);
	for (char *p = path; *p != 0; p++)
		if (*p == '/')
			*p = '.';
	return t->tell(t->self, path, false);
}

/* "rows[].name" to "rows.name". */
static bool
tell_rule(void *self, const char *path, const ph_rule *rule, bool required)
{
	const telling *t = self;
	char plain[256];
	size_t at = 0;
	(void) rule;
	for (const char *p = path; *p != 0 && at < sizeof(plain) - 1; p++)
		if (*p != '[' && *p != ']')
			plain[at++] = *p;
	plain[at] = 0;
	return t->tell(t->self, plain, required);
}

void
ph_vendor_each(const ph_map *map, ph_vendor_tell *tell, void *self)
{
	telling t = {tell, self};
	if (map->records != NULL)
		ph_records_each(map->records, tell_record, &t);
	else if (map->vendor_schema != NULL)
		ph_schema_each(map->vendor_schema, tell_rule, &t);
}
