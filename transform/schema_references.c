/*
 * schema_references - $ref and $dynamicRef.
 *
 * $dynamicRef is resolved like $ref; if it leads to a $dynamicAnchor, the anchors of that name in
 * every resource that has a rule are compiled too, until there are no more, and the checker
 * chooses among them.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/schema_loading.h"
#include "transform/uri.h"

#define WORK 20000

/* What a dead reference was meant for: another schema's URI, or the place in one that is here. */
static const char *
aim_of(ph_schema_loading *l, const ph_schema_resource *from, const ph_node *ref)
{
	if (ref->kind != PH_NODE_STRING)
		return "no text";
	const char *uri = ph_uri_resolve(l->schema->arena, from->uri, ref->text);
	const char *fragment = strchr(ref->text, '#');
	if (uri == NULL || uri[0] == '\0')
		return ref->text;
	bool here = strcmp(uri, from->uri) == 0 ||
		    ph_schema_set_at(l->schema->set, uri) != NULL;
	return !here ? uri : fragment != NULL ? fragment : ref->text;
}

const ph_node *
ph_loading_referred(ph_schema_loading *l, const ph_node *ref, const char **anchor)
{
	const ph_schema_resource *from = ph_schema_set_resource(l->schema->set, ref);
	const ph_node *node = NULL;
	PH_ASSERT(from != NULL);
	if (ref->kind == PH_NODE_STRING)
		node = ph_schema_set_find(
		    l->schema->set, from, ref->text, l->schema->arena, anchor);
	if (node == NULL)
		(void) REFUSE(l, ref,
		    "PH3307 %s leads to no schema that is loaded (nothing is "
		    "fetched): %.120s",
		    ref->name, aim_of(l, from, ref));
	return node;
}

bool
ph_load_ref(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	const char *anchor;
	const ph_node *target = ph_loading_referred(l, node, &anchor);
	return target != NULL && (rule->ref = l->rule(l, target)) != NULL;
}

bool
ph_load_dynamic(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	const char *anchor;
	const ph_node *target = ph_loading_referred(l, node, &anchor);
	if (target == NULL)
		return false;
	const char *name = ph_node_text(target, "$dynamicAnchor");
	if (anchor != NULL && name != NULL && strcmp(name, anchor) == 0)
		rule->dynamic_name = name;
	return (rule->dynamic = l->rule(l, target)) != NULL;
}

static const ph_dynamic *
dynamic_known(
    const ph_schema *schema, const char *name, const ph_schema_resource *resource)
{
	const ph_dynamic *d = schema->dynamics;
	while (d != NULL && (d->resource != resource || strcmp(d->name, name) != 0))
		d = d->next;
	return d;
}

/* The anchor `name` of a resource, if it has one. */
static bool
load_dynamic_anchor(
    ph_schema_loading *l, const char *name, const ph_schema_resource *resource)
{
	if (dynamic_known(l->schema, name, resource) != NULL)
		return true;
	const ph_node *node =
	    ph_schema_set_dynamic(l->schema->set, resource, name, l->schema->arena);
	if (node == NULL)
		return true;
	ph_dynamic *d = ph_loading_room(l, 0, sizeof(*d));
	const ph_rule *rule = d == NULL ? NULL : l->rule(l, node);
	if (rule == NULL)
		return false;
	*d = (ph_dynamic){name, resource, rule, l->schema->dynamics};
	l->schema->dynamics = d;
	return true;
}

/* Each new anchor's rules may be in new resources: again, until there are no new ones. */
bool
ph_loading_dynamics(ph_schema_loading *l)
{
	const ph_rule *done = NULL;
	size_t work = 0;
	while (done != l->schema->rules) {
		done = l->schema->rules;
		for (const ph_rule *r = done; r != NULL; r = r->next) {
			const ph_schema_resource *last = NULL;
			for (const ph_rule *q = done;
			     r->dynamic_name != NULL && q != NULL; q = q->next) {
				if (q->resource == last)
					continue;
				last = q->resource;
				if (++work > WORK)
					return REFUSE(l, r->node,
					    "PH3310 too many schemas with $dynamicRef");
				if (!load_dynamic_anchor(l, r->dynamic_name, last))
					return false;
			}
		}
	}
	return true;
}
