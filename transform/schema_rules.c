/*
 * schema_rules - compiles a schema into rules.
 *
 * A rule is entered by its node before its parts are read, so a schema that refers to itself
 * closes the circle instead of running for ever. A schema that is only a $ref has no rule of its
 * own: it is what it refers to.
 *
 * $dynamicRef is resolved like $ref; if it leads to a $dynamicAnchor, the anchors of that name in
 * every resource that has a rule are compiled too, until there are no more, and the checker
 * chooses among them.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/config/config.h"
#include "transform/schema_inner.h"
#include "transform/uri.h"

#define DEPTH	   200
#define PROPERTIES 4096
#define WORK	   20000
#define DIALECT	   "https://json-schema.org/draft/2020-12/schema"
#define VALIDATION "https://json-schema.org/draft/2020-12/vocab/validation"

typedef struct load {
	ph_schema *schema;
	ph_error *err;
	unsigned depth;
} load;

static const ph_rule *rule_of(load *l, const ph_node *node);

static const ph_document *
document_of(const load *l, const ph_node *node)
{
	const ph_schema_resource *resource =
	    ph_schema_set_resource(l->schema->set, node);
	return resource == NULL ? l->schema->document : resource->document;
}

#define REFUSE(l, node, ...)                                                           \
	(ph_config_fail((l)->err, document_of((l), (node)), (node), __VA_ARGS__), false)

static bool
no_memory(load *l)
{
	ph_fail(l->err, PH_ERR_NOMEM, "out of memory");
	return false;
}

static void *
room(load *l, size_t count, size_t size)
{
	void *memory = ph_arena_zalloc(l->schema->arena, (count + 1) * size);
	if (memory == NULL)
		no_memory(l);
	return memory;
}

static unsigned
type_named(const char *word)
{
	static const struct {
		const char *word;
		unsigned type;
	} types[] = {{"null", PH_TYPE_NULL}, {"boolean", PH_TYPE_BOOLEAN},
	    {"number", PH_TYPE_NUMBER | PH_TYPE_INTEGER}, {"integer", PH_TYPE_INTEGER},
	    {"string", PH_TYPE_STRING}, {"array", PH_TYPE_ARRAY},
	    {"object", PH_TYPE_OBJECT}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].word, word) == 0)
			return types[i].type;
	return 0;
}

static bool
load_type(load *l, ph_rule *rule, const ph_node *node)
{
	rule->types = 0;
	if (node->kind == PH_NODE_STRING) {
		rule->types = type_named(node->text);
	} else if (node->kind == PH_NODE_LIST) {
		for (const ph_node *n = node->first; n != NULL; n = n->next) {
			unsigned type =
			    n->kind == PH_NODE_STRING ? type_named(n->text) : 0;
			if (type == 0)
				return REFUSE(l, n, "PH3302 no such type");
			rule->types |= type;
		}
	}
	if (rule->types == 0)
		return REFUSE(l, node, "PH3302 no such type");
	return true;
}

bool
ph_schema_count(const ph_node *node, size_t *out)
{
	if (node->kind != PH_NODE_NUMBER || !ph_number_whole(node->text) ||
	    ph_number_compare(node->text, "0") < 0 ||
	    ph_number_compare(node->text, "1000000000") >= 0)
		return false;
	size_t low = 0, high = 1000000000;
	while (low + 1 < high) {
		char middle[24];
		snprintf(middle, sizeof(middle), "%zu", (low + high) / 2);
		if (ph_number_compare(node->text, middle) < 0)
			high = (low + high) / 2;
		else
			low = (low + high) / 2;
	}
	*out = low;
	return true;
}

static bool
load_count(load *l, const ph_node *node, size_t *out, bool *has)
{
	if (!ph_schema_count(node, out))
		return REFUSE(l, node, "PH3303 a whole number is needed");
	*has = true;
	return true;
}

static bool
load_bound(load *l, const ph_node *node, const char **out)
{
	if (node->kind != PH_NODE_NUMBER)
		return REFUSE(l, node, "PH3303 a number is needed");
	*out = node->text;
	return true;
}

static bool
load_multiple(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_NUMBER || !ph_number_divisor(node->text))
		return REFUSE(l, node,
		    "PH3303 a number above 0 with at most 18 digits is needed");
	rule->multiple = node->text;
	return true;
}

/* Those of enum and const as texts, if they are texts all. */
static bool
load_texts(load *l, ph_rule *rule, const ph_node *first, size_t count)
{
	const ph_node *n = first;
	for (size_t i = 0; i < count; i++, n = n->next)
		if (n->kind != PH_NODE_STRING)
			return true;
	rule->values = room(l, count, sizeof(*rule->values));
	if (rule->values == NULL)
		return false;
	rule->value_count = 0;
	for (n = first; rule->value_count < count; n = n->next)
		rule->values[rule->value_count++] = n->text;
	return true;
}

static bool
load_enum(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_LIST || node->count == 0)
		return REFUSE(l, node, "PH3303 enum needs a list of values");
	rule->choices = node;
	return rule->value_count > 0 || load_texts(l, rule, node->first, node->count);
}

static bool
load_const(load *l, ph_rule *rule, const ph_node *node)
{
	rule->constant = node;
	return load_texts(l, rule, node, 1);
}

static bool
new_pattern(load *l, const ph_node *at, const char *text, ph_pattern **out)
{
	ph_error why;
	if (ph_pattern_new(text, strlen(text), out, &why) != PH_OK)
		return REFUSE(l, at, "PH3305 pattern: %s", why.text);
	return true;
}

static bool
load_pattern(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_STRING)
		return REFUSE(l, node, "PH3303 a pattern is a text");
	return new_pattern(l, node, node->text, &rule->pattern);
}

static bool
load_flag(load *l, const ph_node *node, bool *out)
{
	if (node->kind != PH_NODE_BOOLEAN)
		return REFUSE(l, node, "PH3303 true or false is needed");
	*out = node->text[0] == 't';
	return true;
}

static uint32_t
name_of(load *l, const char *text)
{
	uint32_t name = ph_names_add(l->schema->names, text, strlen(text));
	if (name == 0)
		no_memory(l);
	return name;
}

static bool
need_object(load *l, const ph_node *node)
{
	if (node->kind != PH_NODE_OBJECT)
		return REFUSE(l, node, "PH3303 %s needs an object", node->name);
	if (node->count > PROPERTIES)
		return REFUSE(l, node, "PH3303 %s has more than %d members", node->name,
		    PROPERTIES);
	return true;
}

static bool
load_properties(load *l, ph_rule *rule, const ph_node *node)
{
	if (!need_object(l, node))
		return false;
	rule->properties = room(l, node->count, sizeof(*rule->properties));
	if (rule->properties == NULL)
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		uint32_t name = name_of(l, n->name);
		const ph_rule *inner = name == 0 ? NULL : rule_of(l, n);
		if (inner == NULL)
			return false;
		rule->properties[rule->property_count++] =
		    (ph_property){.name = name, .rule = inner};
	}
	return true;
}

static bool
load_patterned(load *l, ph_rule *rule, const ph_node *node)
{
	if (!need_object(l, node))
		return false;
	rule->patterned = room(l, node->count, sizeof(*rule->patterned));
	if (rule->patterned == NULL)
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		ph_patterned *p = &rule->patterned[rule->patterned_count];
		if (!new_pattern(l, n, n->name, &p->pattern))
			return false;
		rule->patterned_count++;
		p->rule = rule_of(l, n);
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
load_names(load *l, const ph_node *node)
{
	if (node->kind != PH_NODE_LIST || node->count > PROPERTIES) {
		(void) REFUSE(l, node, "PH3303 a list of names is needed");
		return NULL;
	}
	uint32_t *names = room(l, node->count, sizeof(*names));
	size_t count = 0;
	for (const ph_node *n = node->first; names != NULL && n != NULL; n = n->next) {
		if (n->kind != PH_NODE_STRING) {
			(void) REFUSE(l, n, "PH3303 a name is a text");
			return NULL;
		}
		names[count] = name_of(l, n->text);
		if (names[count++] == 0)
			return NULL;
	}
	return names;
}

static bool
load_required(load *l, ph_rule *rule, const ph_node *node)
{
	const uint32_t *names = load_names(l, node);
	uint32_t *missing =
	    names == NULL ? NULL : room(l, node->count, sizeof(*missing));
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
load_dependents(load *l, ph_rule *rule, const ph_node *node, bool schemas)
{
	if (!need_object(l, node))
		return false;
	ph_dependent *all = room(l, rule->dependent_count + node->count, sizeof(*all));
	if (all == NULL)
		return false;
	if (rule->dependent_count > 0)
		memcpy(all, rule->dependents, rule->dependent_count * sizeof(*all));
	rule->dependents = all;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		ph_dependent *d = &all[rule->dependent_count++];
		d->name = name_of(l, n->name);
		if (schemas)
			d->rule = rule_of(l, n);
		else
			d->names = load_names(l, n);
		d->count = schemas ? 0 : n->count;
		if (d->name == 0 || (d->rule == NULL && d->names == NULL))
			return false;
	}
	return true;
}

static bool
load_dependent_schemas(load *l, ph_rule *rule, const ph_node *node)
{
	return load_dependents(l, rule, node, true);
}

static bool
load_dependent_required(load *l, ph_rule *rule, const ph_node *node)
{
	return load_dependents(l, rule, node, false);
}

static bool
load_format(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_STRING)
		return REFUSE(l, node, "PH3303 a format is a text");
	rule->date_time = (l->schema->flags & PH_SCHEMA_STANDARD) == 0 &&
			  strcmp(node->text, "date-time") == 0;
	return true;
}

static bool
load_label(load *l, ph_rule *rule, const ph_node *node)
{
	static const char *const labels[] = {"public", "personal", "special", "secret"};
	for (size_t i = 0; i < 4; i++)
		if (node->kind == PH_NODE_STRING && strcmp(node->text, labels[i]) == 0)
			rule->label = labels[i];
	if (rule->label[0] == 0)
		return REFUSE(
		    l, node, "PH3306 a label is public, personal, special or secret");
	return true;
}

static bool
load_attribute(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_STRING || node->length < 1 || node->length > 20 ||
	    strspn(node->text, "abcdefghijklmnopqrstuvwxyz0123456789") != node->length)
		return REFUSE(l, node,
		    "PH3306 an attribute's name has 1 to 20 characters of a-z0-9");
	rule->attribute = node->text;
	return true;
}

static bool
load_list(load *l, ph_rules *rules, const ph_node *node)
{
	if (node->kind != PH_NODE_LIST || node->count == 0)
		return REFUSE(l, node, "PH3303 %s needs a list of schemas", node->name);
	rules->at = room(l, node->count, sizeof(*rules->at));
	if (rules->at == NULL)
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		rules->at[rules->count] = rule_of(l, n);
		if (rules->at[rules->count++] == NULL)
			return false;
	}
	return true;
}

/* What a dead reference was meant for: another schema's URI, or the place in one that is here. */
static const char *
aim_of(load *l, const ph_schema_resource *from, const ph_node *ref)
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

/* The node that a reference leads to; NULL and a complaint. */
static const ph_node *
referred(load *l, const ph_node *ref, const char **anchor)
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

static bool
load_ref(load *l, ph_rule *rule, const ph_node *node)
{
	const char *anchor;
	const ph_node *target = referred(l, node, &anchor);
	return target != NULL && (rule->ref = rule_of(l, target)) != NULL;
}

static bool
load_dynamic(load *l, ph_rule *rule, const ph_node *node)
{
	const char *anchor;
	const ph_node *target = referred(l, node, &anchor);
	if (target == NULL)
		return false;
	const char *name = ph_node_text(target, "$dynamicAnchor");
	if (anchor != NULL && name != NULL && strcmp(name, anchor) == 0)
		rule->dynamic_name = name;
	return (rule->dynamic = rule_of(l, target)) != NULL;
}

typedef enum keyword {
	SKIP, /* said by another keyword, or to people */
#define KEYWORD(id, name, assertion) id,
#include "transform/schema_keywords.def"
#undef KEYWORD
	UNKNOWN
} keyword;

static keyword
keyword_of(const char *name, bool *assertion)
{
	static const struct {
		const char *name;
		keyword id;
		bool assertion; /* of the validation vocabulary */
	} all[] = {
#define KEYWORD(id, word, says) {word, id, says},
#include "transform/schema_keywords.def"
#undef KEYWORD
	    {"$schema", SKIP, false},
	    {"$id", SKIP, false},
	    {"$comment", SKIP, false},
	    {"$defs", SKIP, false},
	    {"$anchor", SKIP, false},
	    {"$dynamicAnchor", SKIP, false},
	    {"$vocabulary", SKIP, false},
	    {"title", SKIP, false},
	    {"description", SKIP, false},
	    {"examples", SKIP, false},
	    {"default", SKIP, false},
	    {"deprecated", SKIP, false},
	    {"readOnly", SKIP, false},
	    {"writeOnly", SKIP, false},
	    {"contentEncoding", SKIP, false},
	    {"contentMediaType", SKIP, false},
	    {"contentSchema", SKIP, false},
	    {"required", SKIP, true},
	    {"x-entity", SKIP, false},
	    {"x-version", SKIP, false},
	    {"x-id-prefix", SKIP, false},
	    {"x-subject", SKIP, false},
	    {"x-event-id", SKIP, false},
	    {"x-event-time", SKIP, false},
	    {"x-status-projection", SKIP, false},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0) {
			*assertion = all[i].assertion;
			return all[i].id;
		}
	*assertion = false;
	return UNKNOWN;
}

/* Keywords whose value is one schema. */
static const ph_rule **
schema_slot(ph_rule *rule, keyword id)
{
	if (id == ADDITIONAL)
		return &rule->additional;
	if (id == NAMES)
		return &rule->names;
	if (id == ITEMS)
		return &rule->items;
	if (id == CONTAINS)
		return &rule->contains;
	if (id == UNEVALUATED_ITEMS)
		return &rule->unevaluated_items;
	if (id == UNEVALUATED_PROPERTIES)
		return &rule->unevaluated_properties;
	if (id == NOT)
		return &rule->negated;
	if (id == IF)
		return &rule->condition;
	if (id == THEN)
		return &rule->then;
	return id == ELSE ? &rule->otherwise : NULL;
}

static ph_rules *
list_slot(ph_rule *rule, keyword id)
{
	if (id == ALL)
		return &rule->all;
	if (id == ANY)
		return &rule->any;
	if (id == ONE)
		return &rule->one;
	return id == PREFIX ? &rule->prefix : NULL;
}

static ph_range *
range_slot(ph_rule *rule, keyword id)
{
	if (id == MIN_LENGTH || id == MAX_LENGTH)
		return &rule->length;
	if (id == MIN_ITEMS || id == MAX_ITEMS)
		return &rule->items_count;
	if (id == MIN_PROPERTIES || id == MAX_PROPERTIES)
		return &rule->members;
	return id == MIN_CONTAINS || id == MAX_CONTAINS ? &rule->contained : NULL;
}

static const char **
bound_slot(ph_rule *rule, keyword id)
{
	if (id == MINIMUM)
		return &rule->minimum;
	if (id == MAXIMUM)
		return &rule->maximum;
	if (id == ABOVE)
		return &rule->above;
	return id == BELOW ? &rule->below : NULL;
}

typedef bool loader(load *l, ph_rule *rule, const ph_node *node);

static loader *
loader_of(keyword id)
{
	static const struct {
		keyword id;
		loader *run;
	} all[] = {{TYPE, load_type}, {ENUM, load_enum}, {CONST, load_const},
	    {MULTIPLE, load_multiple}, {PATTERN, load_pattern},
	    {PROPERTIES_, load_properties}, {PATTERNED, load_patterned},
	    {DEPENDENT_SCHEMAS, load_dependent_schemas},
	    {DEPENDENT_REQUIRED, load_dependent_required}, {FORMAT, load_format},
	    {LABEL, load_label}, {ATTRIBUTE, load_attribute}, {REF, load_ref},
	    {DYNAMIC_REF, load_dynamic}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].id == id)
			return all[i].run;
	return NULL;
}

static bool
load_keyword(load *l, ph_rule *rule, const ph_node *n, bool asserts)
{
	bool assertion;
	keyword id = keyword_of(n->name, &assertion);
	if (id == SKIP || (assertion && !asserts))
		return true;
	if (id == UNKNOWN)
		return (l->schema->flags & PH_SCHEMA_STANDARD) != 0 ||
		       REFUSE(l, n,
			   "PH3304 the keyword %s is not known, so it is refused",
			   n->name);
	const ph_rule **schema = schema_slot(rule, id);
	if (schema != NULL)
		return (*schema = rule_of(l, n)) != NULL;
	ph_rules *list = list_slot(rule, id);
	if (list != NULL)
		return load_list(l, list, n);
	ph_range *range = range_slot(rule, id);
	if (range != NULL && n->name[1] == 'i')
		return load_count(l, n, &range->least, &range->has_least);
	if (range != NULL)
		return load_count(l, n, &range->most, &range->has_most);
	const char **bound = bound_slot(rule, id);
	if (bound != NULL)
		return load_bound(l, n, bound);
	if (id == UNIQUE)
		return load_flag(l, n, &rule->unique);
	loader *run = loader_of(id);
	PH_ASSERT(run != NULL);
	return run(l, rule, n);
}

/* Does the schema's dialect have the validation vocabulary? */
static bool
read_dialect(load *l, const ph_schema_resource *resource, bool *asserts)
{
	const ph_node *dialect = resource->dialect;
	*asserts = true;
	if (dialect == NULL)
		return true;
	size_t length = dialect->kind == PH_NODE_STRING ? dialect->length : 0;
	if (length > 0 && dialect->text[length - 1] == '#')
		length--;
	if (length == strlen(DIALECT) && memcmp(dialect->text, DIALECT, length) == 0)
		return true;
	const ph_schema_resource *meta =
	    length == 0 ? NULL : ph_schema_set_at(l->schema->set, dialect->text);
	if (meta == NULL)
		return REFUSE(l, dialect,
		    "PH3311 $schema is not JSON Schema 2020-12, nor a dialect that is "
		    "loaded");
	const ph_node *words = ph_node_get(meta->node, "$vocabulary");
	*asserts = words == NULL || ph_node_get(words, VALIDATION) != NULL;
	return true;
}

/* What follows from several keywords together. */
static void
settle_rule(ph_rule *rule)
{
	rule->closed = rule->additional != NULL && rule->additional->never &&
		       rule->patterned_count == 0;
	rule->contains_default = !rule->contained.has_least;
	rule->applies = rule->ref != NULL || rule->dynamic != NULL ||
			rule->all.count > 0 || rule->any.count > 0 ||
			rule->one.count > 0 || rule->negated != NULL ||
			rule->condition != NULL || rule->dependent_count > 0;
}

static bool
fill_rule(load *l, ph_rule *rule, const ph_node *node)
{
	bool asserts;
	if (!read_dialect(l, rule->resource, &asserts))
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (!load_keyword(l, rule, n, asserts))
			return false;
	const ph_node *required = ph_node_get(node, "required");
	if (required != NULL && asserts && !load_required(l, rule, required))
		return false;
	if (rule->attribute != NULL && strcmp(ph_rule_label(rule), "public") != 0)
		return REFUSE(l, node,
		    "PH3308 only a field labelled public may be promoted to an "
		    "attribute");
	settle_rule(rule);
	return true;
}

/* Is the schema a $ref and nothing else that is a rule? */
static bool
only_refers(load *l, const ph_node *node)
{
	bool refers = false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		bool assertion, ref = strcmp(n->name, "$ref") == 0;
		refers |= ref;
		if (!ref && (keyword_of(n->name, &assertion) != SKIP || assertion ||
				n->name[0] == '$'))
			return false;
	}
	return refers && node != l->schema->top;
}

static ph_rule *
new_rule(load *l, const ph_node *node)
{
	ph_rule *rule = room(l, 0, sizeof(*rule));
	if (rule == NULL)
		return NULL;
	*rule = (ph_rule){.types = PH_TYPE_ANY,
	    .label = "",
	    .node = node,
	    .resource = ph_schema_set_resource(l->schema->set, node),
	    .next = l->schema->rules};
	l->schema->rules = rule;
	if (ph_table_put(l->schema->by_node, &node, sizeof(node), rule, l->err) !=
	    PH_OK)
		return NULL;
	return rule;
}

static const ph_rule *
rule_of(load *l, const ph_node *node)
{
	const char *anchor;
	for (unsigned steps = 0; node->kind == PH_NODE_OBJECT && only_refers(l, node);
	     steps++) {
		if (steps == DEPTH) {
			(void) REFUSE(l, node, "PH3307 $ref leads in a circle");
			return NULL;
		}
		node = referred(l, ph_node_get(node, "$ref"), &anchor);
		if (node == NULL)
			return NULL;
	}
	const ph_rule *known = ph_table_get(l->schema->by_node, &node, sizeof(node));
	if (known != NULL)
		return known;
	if (node->kind != PH_NODE_OBJECT && node->kind != PH_NODE_BOOLEAN) {
		(void) REFUSE(l, node, "PH3301 a schema is an object, true or false");
		return NULL;
	}
	if (++l->depth > DEPTH) {
		(void) REFUSE(l, node, "PH3301 the schema is nested too deeply");
		return NULL;
	}
	ph_rule *rule = new_rule(l, node);
	if (rule == NULL)
		return NULL;
	rule->never = node->kind == PH_NODE_BOOLEAN && node->text[0] == 'f';
	if (node->kind == PH_NODE_OBJECT && !fill_rule(l, rule, node))
		return NULL;
	l->depth--;
	return rule;
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
load_dynamic_anchor(load *l, const char *name, const ph_schema_resource *resource)
{
	if (dynamic_known(l->schema, name, resource) != NULL)
		return true;
	const ph_node *node =
	    ph_schema_set_dynamic(l->schema->set, resource, name, l->schema->arena);
	if (node == NULL)
		return true;
	ph_dynamic *d = room(l, 0, sizeof(*d));
	const ph_rule *rule = d == NULL ? NULL : rule_of(l, node);
	if (rule == NULL)
		return false;
	*d = (ph_dynamic){name, resource, rule, l->schema->dynamics};
	l->schema->dynamics = d;
	return true;
}

/* Each new anchor's rules may be in new resources: again, until there are no new ones. */
static bool
load_dynamics(load *l)
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

ph_status
ph_schema_compile_rules(ph_schema *schema, ph_error *err)
{
	load l = {.schema = schema, .err = err};
	schema->root = rule_of(&l, schema->top);
	return schema->root != NULL && load_dynamics(&l) ? PH_OK : err->status;
}
