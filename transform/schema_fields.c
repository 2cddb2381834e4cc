/*
 * schema_fields - the fields of a schema: ways to them, and what rules say of them.
 *
 * What a rule says of a field may stand in the rule itself, behind its $ref or in its allOf; the
 * first that says something is taken.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/schema_inner.h"

#define DEPTH 32
#define PARTS 4 /* $ref and allOf behind each other, when fields are looked for */

/* Go through a rule and what it stands for: 0 itself, 1 its $ref, then its allOf; NULL: no more. */
static const ph_rule *
part_of(const ph_rule *rule, size_t number)
{
	if (number == 0)
		return rule;
	if (rule->ref != NULL && --number == 0)
		return rule->ref;
	return number > 0 && number <= rule->all.count ? rule->all.at[number - 1]
						       : NULL;
}

static const ph_property *
find_property(const ph_rule *rule, uint32_t name, unsigned depth)
{
	for (size_t i = 0; i < rule->property_count; i++)
		if (rule->properties[i].name == name)
			return &rule->properties[i];
	const ph_property *found = NULL;
	const ph_rule *part;
	for (size_t i = 1;
	     depth > 0 && found == NULL && (part = part_of(rule, i)) != NULL; i++)
		found = find_property(part, name, depth - 1);
	return found;
}

const ph_property *
ph_rule_property(const ph_rule *rule, uint32_t name)
{
	return find_property(rule, name, PARTS);
}

static const ph_rule *
find_items(const ph_rule *rule, unsigned depth)
{
	const ph_rule *found = rule->items, *part;
	for (size_t i = 1;
	     depth > 0 && found == NULL && (part = part_of(rule, i)) != NULL; i++)
		found = find_items(part, depth - 1);
	return found;
}

const ph_rule *
ph_schema_field(const ph_schema *schema, const char *path)
{
	const ph_rule *rule = schema->root;
	while (rule != NULL && *path != 0) {
		size_t length = strcspn(path, ".[");
		uint32_t name = ph_names_find(schema->names, path, length);
		const ph_property *property =
		    name == 0 ? NULL : ph_rule_property(rule, name);
		rule = property == NULL ? NULL : property->rule;
		path += length;
		if (strncmp(path, "[]", 2) == 0) {
			rule = rule == NULL ? NULL : find_items(rule, PARTS);
			path += 2;
		}
		if (*path == '.')
			path++;
	}
	return rule;
}

static unsigned
find_types(const ph_rule *rule, unsigned depth)
{
	unsigned types = rule->types;
	const ph_rule *part;
	for (size_t i = 1; depth > 0 && (part = part_of(rule, i)) != NULL; i++)
		types &= find_types(part, depth - 1);
	return types;
}

unsigned
ph_rule_types(const ph_rule *rule)
{
	return find_types(rule, PARTS);
}

const char *
ph_rule_label(const ph_rule *rule)
{
	for (unsigned i = 0; i < PARTS && rule->label[0] == 0 && rule->ref != NULL; i++)
		rule = rule->ref;
	return rule->label;
}

const char *
ph_rule_attribute(const ph_rule *rule)
{
	return rule->attribute;
}

size_t
ph_rule_values(const ph_rule *rule, const char *const **values)
{
	for (unsigned i = 0; i < PARTS && rule->value_count == 0 && rule->ref != NULL;
	     i++)
		rule = rule->ref;
	*values = rule->values;
	return rule->value_count;
}

/* Is the name required by the rule or a part of it? */
static bool requires(const ph_rule *rule, uint32_t name, unsigned depth)
{
	for (size_t i = 0; i < rule->property_count; i++)
		if (rule->properties[i].name == name && rule->properties[i].required)
			return true;
	for (size_t i = 0; i < rule->missing_count; i++)
		if (rule->missing[i] == name)
			return true;
	const ph_rule *part;
	for (size_t i = 1; depth > 0 && (part = part_of(rule, i)) != NULL; i++)
		if (requires(part, name, depth - 1))
			return true;
	return false;
}

typedef struct walk {
	const ph_schema *schema;
	ph_schema_tell *tell;
	void *self;
	char path[256];
	unsigned depth;
	bool found; /* a property, in the rule or a part of it */
} walk;

static bool walk_rule(walk *w, const ph_rule *rule, size_t length, bool required);

/* The properties in one part of `whole`; a name that an earlier part has is passed over. */
static bool
walk_part(walk *w, const ph_rule *whole, const ph_rule *part, size_t length,
    bool required, unsigned depth)
{
	for (size_t i = 0; i < part->property_count; i++) {
		const ph_property *p = &part->properties[i];
		w->found = true;
		if (ph_rule_property(whole, p->name) != p)
			continue;
		int wrote = snprintf(w->path + length, sizeof(w->path) - length, "%s%s",
		    length > 0 ? "." : "", ph_names_text(w->schema->names, p->name));
		PH_ASSERT(wrote > 0);
		size_t inner = length + (size_t) wrote;
		if (inner < sizeof(w->path) - 3 &&
		    !walk_rule(
			w, p->rule, inner, required && requires(whole, p->name, PARTS)))
			return false;
	}
	const ph_rule *more;
	for (size_t i = 1; depth > 0 && (more = part_of(part, i)) != NULL; i++)
		if (!walk_part(w, whole, more, length, required, depth - 1))
			return false;
	return true;
}

static bool
walk_rule(walk *w, const ph_rule *rule, size_t length, bool required)
{
	if (w->depth == DEPTH)
		return true;
	w->depth++;
	w->found = false;
	bool more = walk_part(w, rule, rule, length, required, PARTS);
	const ph_rule *items = find_items(rule, PARTS);
	if (!w->found && items != NULL) {
		memcpy(w->path + length, "[]", 3);
		more = walk_rule(w, items, length + 2, false);
	} else if (!w->found) {
		w->path[length] = 0;
		more = w->tell(w->self, w->path, rule, required);
	}
	w->found = true;
	w->depth--;
	return more;
}

void
ph_schema_each(const ph_schema *schema, ph_schema_tell *tell, void *self)
{
	walk w = {.schema = schema, .tell = tell, .self = self};
	walk_rule(&w, schema->root, 0, true);
}
