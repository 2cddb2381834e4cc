/*
 * schema_check - holds a document against a schema's rules.
 *
 * The document's interned names are looked up once per check; after that a member finds its
 * rule by comparing pointers. The first broken rule ends it. A rule hands members, items or the same
 * value on to other rules. What a failed alternative has evaluated does not count: an alternative
 * marks on a copy, which is merged when it holds.
 *
 * A schema may make a check cost more than its document is worth: alternatives within
 * alternatives, a $ref to itself. Each rule costs a step, larger work more; past STEPS, and
 * some more for each node of the document, the check gives up, and a check that gave up is a
 * document that is not valid (PH3209).
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/schema_checking.h"

#define STEPS UINT64_C(1000000)
#define DEPTH 512

static bool check_rule(
    ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks);

/* ---- objects ---- */

static bool
has_member(const ph_node *object, const char *name)
{
	const ph_node *n = object->first;
	while (n != NULL && n->name != name)
		n = n->next;
	return n != NULL;
}

static bool
check_required(ph_checking *c, const ph_rule *rule, const ph_node *node, uint64_t seen)
{
	if ((c->flags & PH_SCHEMA_PARTIAL) != 0)
		return true;
	for (size_t i = 0; i < rule->property_count; i++) {
		const char *name = c->names[rule->properties[i].name];
		if (!rule->properties[i].required)
			continue;
		if (i < 64 ? (seen >> i & 1) == 0 : !has_member(node, name))
			return ph_check_missing(c, rule, node, "required", name);
	}
	if (!ph_check_pay(c, rule->missing_count * node->count / 16))
		return false;
	for (size_t i = 0; i < rule->missing_count; i++) {
		const char *name = c->names[rule->missing[i]];
		if (!has_member(node, name))
			return ph_check_missing(c, rule, node, "required", name);
	}
	return true;
}

/* propertyNames sees the name as a text that stands where the member stands. */
static bool
check_name(ph_checking *c, const ph_rule *rule, const ph_node *member)
{
	ph_node name = {.kind = PH_NODE_STRING,
	    .name = member->name,
	    .text = member->name,
	    .length = strlen(member->name),
	    .parent = member->parent};
	bool good = check_rule(c, rule->names, &name, NULL);
	if (!good && c->quiet == 0)
		c->out->node = member;
	return good;
}

/* One member that may fit patterns; *known when it fits one. */
static bool
check_patterned(ph_checking *c, const ph_rule *rule, const ph_node *member, bool *known)
{
	size_t length = strlen(member->name);
	for (size_t i = 0; i < rule->patterned_count; i++) {
		const ph_patterned *p = &rule->patterned[i];
		ph_match match = ph_check_match(c, p->pattern, member->name, length);
		if (match == PH_MATCH_GAVE_UP)
			return ph_check_broken(c, rule, member, "patternProperties",
			    "PH3204 has a name too complex to be checked");
		if (match == PH_MATCH_NO)
			continue;
		*known = true;
		if (!check_rule(c, p->rule, member, NULL))
			return false;
	}
	return true;
}

/* The place of a member among the properties, looked for from `guess` on; the count: none. */
static size_t
place_of(ph_checking *c, const ph_rule *rule, const ph_node *member, size_t guess)
{
	size_t count = rule->property_count;
	if (guess < count && c->names[rule->properties[guess].name] == member->name)
		return guess;
	size_t i = 0;
	while (i < count && c->names[rule->properties[i].name] != member->name)
		i++;
	(void) ph_check_pay(c, i / 16);
	return i;
}

static bool
check_member(ph_checking *c, const ph_rule *rule, const ph_node *n, size_t place,
    size_t at, ph_marks *marks)
{
	bool known = place < rule->property_count;
	if (known && !check_rule(c, rule->properties[place].rule, n, NULL))
		return false;
	if (rule->patterned_count > 0 && !check_patterned(c, rule, n, &known))
		return false;
	if (!known && rule->closed)
		return ph_check_broken(c, rule, n, "additionalProperties",
		    "PH3208 is not among the fields allowed here");
	if (!known && rule->additional != NULL &&
	    !check_rule(c, rule->additional, n, NULL))
		return false;
	if (known || rule->additional != NULL)
		ph_marks_set(marks, at);
	return rule->names == NULL || check_name(c, rule, n);
}

static bool
check_object(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	static const char *keywords[2] = {"minProperties", "maxProperties"};
	ph_range range = rule->members;
	if ((c->flags & PH_SCHEMA_PARTIAL) != 0)
		range.has_least = false;
	if (!ph_check_range(c, rule, node, node->count, &range, keywords, "fields"))
		return false;
	uint64_t seen = 0;
	size_t at = 0, guess = 0;
	for (const ph_node *n = node->first; n != NULL; n = n->next, at++) {
		size_t place = place_of(c, rule, n, guess);
		if (place < 64 && place < rule->property_count)
			seen |= UINT64_C(1) << place;
		if (place < rule->property_count)
			guess = place + 1;
		if (!check_member(c, rule, n, place, at, marks))
			return false;
	}
	return check_required(c, rule, node, seen);
}

/* ---- lists ---- */

static bool
check_contains(
    ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	static const char *keywords[2] = {"minContains", "maxContains"};
	ph_range range = rule->contained;
	size_t found = 0, at = 0;
	c->quiet++;
	for (const ph_node *n = node->first; n != NULL; n = n->next, at++)
		if (check_rule(c, rule->contains, n, NULL)) {
			found++;
			ph_marks_set(marks, at);
		}
	c->quiet--;
	if (rule->contains_default && found == 0)
		return ph_check_broken(c, rule, node, "contains",
		    "PH3210 has no item of the kind that one must be of");
	return ph_check_range(c, rule, node, found, &range, keywords,
	    "items of the kind that is counted");
}

static bool
check_list(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	static const char *keywords[2] = {"minItems", "maxItems"};
	if (!ph_check_range(
		c, rule, node, node->count, &rule->items_count, keywords, "items"))
		return false;
	size_t at = 0;
	for (const ph_node *n = node->first; n != NULL; n = n->next, at++) {
		const ph_rule *inner =
		    at < rule->prefix.count ? rule->prefix.at[at] : rule->items;
		if (inner == NULL)
			break;
		if (!check_rule(c, inner, n, NULL))
			return false;
		ph_marks_set(marks, at);
	}
	if (rule->contains != NULL && !check_contains(c, rule, node, marks))
		return false;
	/* paid here, where a large document is given steps for its size */
	if (rule->unique && !ph_check_pay(c, node->count))
		return false;
	const ph_node *twin =
	    rule->unique ? ph_node_twin(node, &c->steps, &c->no_memory) : NULL;
	if (twin != NULL)
		return ph_check_broken(
		    c, rule, twin, "uniqueItems", "PH3212 is in the list already");
	return !c->no_memory;
}

/* ---- rules in place ---- */

/* A rule whose failure is no failure: nothing is written, and its marks count if it holds. */
static bool
holds(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	ph_marks own;
	c->quiet++;
	bool good;
	if (marks == NULL) {
		good = check_rule(c, rule, node, NULL);
	} else {
		good = ph_marks_init(c, &own, node->count) &&
		       check_rule(c, rule, node, &own);
		if (good)
			ph_marks_merge(marks, &own);
		ph_marks_fini(&own);
	}
	c->quiet--;
	return good;
}

static bool
check_alternatives(
    ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	size_t any = 0, one = 0;
	for (size_t i = 0; i < rule->any.count && (any == 0 || marks != NULL); i++)
		any += holds(c, rule->any.at[i], node, marks);
	if (rule->any.count > 0 && any == 0)
		return ph_check_broken(c, rule, node, "anyOf",
		    "PH3210 fits none of the %zu alternatives", rule->any.count);
	for (size_t i = 0; i < rule->one.count && one < 2; i++)
		one += holds(c, rule->one.at[i], node, marks);
	if (rule->one.count > 0 && one == 0)
		return ph_check_broken(c, rule, node, "oneOf",
		    "PH3210 fits none of the %zu alternatives", rule->one.count);
	if (one > 1)
		return ph_check_broken(c, rule, node, "oneOf",
		    "PH3210 fits more than one of the %zu alternatives",
		    rule->one.count);
	return true;
}

/* The anchor of the outermost resource that has it; else what the reference leads to. */
static const ph_rule *
dynamic_target(ph_checking *c, const ph_rule *rule)
{
	const ph_rule *target = rule->dynamic;
	if (rule->dynamic_name == NULL)
		return target;
	for (const ph_scope *s = c->scope; s != NULL; s = s->up) {
		if (s->up != NULL && s->up->resource == s->resource)
			continue;
		for (const ph_dynamic *d = c->schema->dynamics; d != NULL; d = d->next)
			if (d->resource == s->resource &&
			    strcmp(d->name, rule->dynamic_name) == 0)
				target = d->rule;
		(void) ph_check_pay(c, 1);
	}
	return target;
}

static bool
check_dependents(
    ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	if (node->kind != PH_NODE_OBJECT)
		return true;
	for (size_t i = 0; i < rule->dependent_count; i++) {
		const ph_dependent *d = &rule->dependents[i];
		if (!ph_check_pay(c, (1 + d->count) * (1 + node->count / 16)))
			return false;
		if (!has_member(node, c->names[d->name]))
			continue;
		if (d->rule != NULL && !check_rule(c, d->rule, node, marks))
			return false;
		if ((c->flags & PH_SCHEMA_PARTIAL) != 0)
			continue;
		for (size_t k = 0; k < d->count; k++)
			if (!has_member(node, c->names[d->names[k]]))
				return ph_check_missing(c, rule, node,
				    "dependentRequired", c->names[d->names[k]]);
	}
	return true;
}

static bool
check_condition(
    ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	bool yes = holds(c, rule->condition, node, marks);
	const ph_rule *then = yes ? rule->then : rule->otherwise;
	return c->steps > 0 && (then == NULL || check_rule(c, then, node, marks));
}

static bool
check_applied(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	if (rule->ref != NULL && !check_rule(c, rule->ref, node, marks))
		return false;
	if (rule->dynamic != NULL &&
	    !check_rule(c, dynamic_target(c, rule), node, marks))
		return false;
	for (size_t i = 0; i < rule->all.count; i++)
		if (!check_rule(c, rule->all.at[i], node, marks))
			return false;
	if (!check_alternatives(c, rule, node, marks))
		return false;
	if (rule->negated != NULL && holds(c, rule->negated, node, NULL))
		return ph_check_broken(
		    c, rule, node, "not", "PH3210 is of a kind that is not allowed");
	if (rule->condition != NULL && !check_condition(c, rule, node, marks))
		return false;
	return check_dependents(c, rule, node, marks);
}

/* What no rule has evaluated. */
static bool
check_unevaluated(
    ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	const ph_rule *left = node->kind == PH_NODE_OBJECT
				  ? rule->unevaluated_properties
				  : rule->unevaluated_items;
	size_t at = 0;
	PH_ASSERT(left != NULL);
	for (const ph_node *n = node->first; n != NULL; n = n->next, at++) {
		if ((marks->bits[at / 64] >> (at % 64) & 1) != 0)
			continue;
		if (!check_rule(c, left, n, NULL))
			return false;
		ph_marks_set(marks, at);
	}
	return true;
}

/* ---- a rule ---- */

/* One of those wanted, where a value is of more than one: whole numbers are numbers too. */
static unsigned
type_of(const ph_node *node, unsigned wanted)
{
	switch ((ph_node_kind) node->kind) {
	case PH_NODE_NULL:
		return PH_TYPE_NULL;
	case PH_NODE_BOOLEAN:
		return PH_TYPE_BOOLEAN;
	case PH_NODE_NUMBER:
		return (wanted & PH_TYPE_NUMBER) == 0 && ph_number_whole(node->text)
			   ? PH_TYPE_INTEGER
			   : PH_TYPE_NUMBER;
	case PH_NODE_STRING:
		return PH_TYPE_STRING;
	case PH_NODE_LIST:
		return PH_TYPE_ARRAY;
	case PH_NODE_OBJECT:
		return PH_TYPE_OBJECT;
	}
	PH_UNREACHABLE("kind of node");
}

static const char *
type_word(unsigned types)
{
	static const char *const words[] = {
	    "null", "boolean", "number", "integer", "text", "list", "object"};
	if ((types & PH_TYPE_NUMBER) != 0)
		return "number";
	for (size_t i = 0; i < 7; i++)
		if ((types & (1u << i)) != 0)
			return words[i];
	return "nothing";
}

static bool
check_body(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	unsigned type = type_of(node, rule->types);
	if (rule->never)
		return ph_check_broken(c, rule, node, "", "PH3208 is not allowed here");
	if ((rule->types & type) == 0)
		return ph_check_broken(c, rule, node, "type",
		    "PH3201 is of type %s, %s is needed", type_word(type),
		    type_word(rule->types));
	if ((rule->choices != NULL || rule->constant != NULL) &&
	    !ph_check_values(c, rule, node))
		return false;
	bool good = true;
	if (type == PH_TYPE_STRING)
		good = ph_check_text(c, rule, node);
	else if (type == PH_TYPE_NUMBER || type == PH_TYPE_INTEGER)
		good = ph_check_number(c, rule, node);
	else if (type == PH_TYPE_OBJECT)
		good = check_object(c, rule, node, marks);
	else if (type == PH_TYPE_ARRAY)
		good = check_list(c, rule, node, marks);
	return good && (!rule->applies || check_applied(c, rule, node, marks));
}

/* With marks of its own, where the rule speaks of what is left over. */
static bool
check_marked(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	ph_marks own;
	bool good = ph_marks_init(c, &own, node->count) &&
		    check_body(c, rule, node, &own) &&
		    check_unevaluated(c, rule, node, &own);
	if (good && marks != NULL)
		ph_marks_merge(marks, &own);
	ph_marks_fini(&own);
	return good;
}

static bool
check_rule(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	if (!ph_check_pay(c, 1) || c->depth == DEPTH) {
		c->steps = 0;
		return false;
	}
	ph_scope scope = {.resource = rule->resource, .up = c->scope};
	c->scope = &scope;
	c->depth++;
	bool own = node->kind == PH_NODE_OBJECT ? rule->unevaluated_properties != NULL
		   : node->kind == PH_NODE_LIST ? rule->unevaluated_items != NULL
						: false;
	bool good =
	    own ? check_marked(c, rule, node, marks) : check_body(c, rule, node, marks);
	c->depth--;
	c->scope = scope.up;
	return good && c->steps > 0;
}

ph_status
ph_schema_check(const ph_schema *schema, ph_document *document, const ph_node *node,
    unsigned flags, ph_violation *out)
{
	ph_checking c = {
	    .schema = schema, .flags = flags, .steps = STEPS, .root = node, .out = out};
	out->path[0] = out->text[0] = out->schema_path[0] = 0;
	out->node = NULL;
	c.names = ph_document_bind(document, schema->names);
	if (c.names == NULL)
		return PH_ERR_NOMEM;
	bool good = check_rule(&c, schema->root, node, NULL);
	if (c.no_memory)
		return PH_ERR_NOMEM;
	c.quiet = 0;
	if (c.steps == 0 && strncmp(out->text, "PH3204", 6) != 0)
		ph_check_broken(&c, schema->root, node, "",
		    "PH3209 costs more to check than it may: the schema has too many "
		    "alternatives, or leads in a circle");
	return good ? PH_OK : PH_ERR_INVALID;
}
