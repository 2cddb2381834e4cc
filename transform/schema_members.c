/*
 * schema_members - keywords about the members of objects, by their names.
 */
#include <string.h>

#include "transform/schema_loading.h"

static bool
need_object(ph_schema_loading *l, const ph_node *node)
{
	if (node->kind != PH_NODE_OBJECT)
		return REFUSE(l, node, "PH3303 %s needs an object", node->name);
	if (node->count > PH_SCHEMA_MEMBERS)
		return REFUSE(l, node, "PH3303 %s has more than %d members", node->name,
		    PH_SCHEMA_MEMBERS);
	return true;
}

bool
ph_load_properties(
    ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	if (!need_object(l, node))
		return false;
	rule->properties = ph_loading_room(l, node->count, sizeof(*rule->properties));
	if (rule->properties == NULL)
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		uint32_t name = ph_loading_name(l, n->name);
		const ph_rule *inner = name == 0 ? NULL : l->rule(l, n);
		if (inner == NULL)
			return false;
		rule->properties[rule->property_count++] =
		    (ph_property){.name = name, .rule = inner};
	}
	return true;
}

bool
ph_load_patterned(
    ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	if (!need_object(l, node))
		return false;
	rule->patterned = ph_loading_room(l, node->count, sizeof(*rule->patterned));
	if (rule->patterned == NULL)
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		ph_patterned *p = &rule->patterned[rule->patterned_count];
		if (!ph_loading_pattern(l, n, n->name, &p->pattern))
			return false;
		rule->patterned_count++;
		p->rule = l->rule(l, n);
		if (p->rule == NULL)
			return false;
	}
	return true;
}

static ph_property *
property_named(const ph_rule *rule, uint32_t name)
{
	for (size_t i = 0; i < rule->property_count; i++)
		if (rule->properties[i].name == name)
			return &rule->properties[i];
	return NULL;
}

/* A list of different names, as numbers. */
static const uint32_t *
load_names(ph_schema_loading *l, const ph_node *node)
{
	if (node->kind != PH_NODE_LIST || node->count > PH_SCHEMA_MEMBERS) {
		(void) REFUSE(l, node, "PH3303 a list of names is needed");
		return NULL;
	}
	uint32_t *names = ph_loading_room(l, node->count, sizeof(*names));
	size_t count = 0;
	for (const ph_node *n = node->first; names != NULL && n != NULL; n = n->next) {
		if (n->kind != PH_NODE_STRING) {
			(void) REFUSE(l, n, "PH3303 a name is a text");
			return NULL;
		}
		names[count] = ph_loading_name(l, n->text);
		if (names[count++] == 0)
			return NULL;
	}
	return names;
}

bool
ph_loading_required(ph_schema_loading *l, ph_rule *rule, const ph_node *node)
{
	const uint32_t *names = load_names(l, node);
	uint32_t *missing =
	    names == NULL ? NULL : ph_loading_room(l, node->count, sizeof(*missing));
	if (missing == NULL)
		return false;
	rule->missing = missing;
	for (size_t i = 0; i < node->count; i++) {
		ph_property *property = property_named(rule, names[i]);
		if (property != NULL)
			property->required = true;
		else
			missing[rule->missing_count++] = names[i];
	}
	return true;
}

/* dependentSchemas and dependentRequired add to one list. */
static bool
load_dependents(ph_schema_loading *l, ph_rule *rule, const ph_node *node, bool schemas)
{
	if (!need_object(l, node))
		return false;
	ph_dependent *all =
	    ph_loading_room(l, rule->dependent_count + node->count, sizeof(*all));
	if (all == NULL)
		return false;
	if (rule->dependent_count > 0)
		memcpy(all, rule->dependents, rule->dependent_count * sizeof(*all));
	rule->dependents = all;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		ph_dependent *d = &all[rule->dependent_count++];
		d->name = ph_loading_name(l, n->name);
		if (schemas)
			d->rule = l->rule(l, n);
		else
			d->names = load_names(l, n);
		d->count = schemas ? 0 : n->count;
		if (d->name == 0 || (d->rule == NULL && d->names == NULL))
			return false;
	}
	return true;
}

bool
ph_load_dependent_schemas(
    ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	return load_dependents(l, rule, node, true);
}

bool
ph_load_dependent_required(
    ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	return load_dependents(l, rule, node, false);
}
