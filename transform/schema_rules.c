/*
 * schema_rules - compiles a schema into rules.
 *
 * A rule is entered by its node before its parts are read, so a schema that refers to itself
 * closes the circle instead of running for ever. A schema that is only a $ref has no rule of its
 * own: it is what it refers to. The loaders of keywords get the function that makes rules with the
 * loading, for the schemas within their values.
 */
#include <stddef.h>
#include <string.h>

#include "transform/schema_loading.h"

#define DIALECT	   "https://json-schema.org/draft/2020-12/schema"
#define VALIDATION "https://json-schema.org/draft/2020-12/vocab/validation"

bool
ph_load_schema(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	const ph_rule **inner = ph_loading_field(rule, field);
	return (*inner = l->rule(l, node)) != NULL;
}

bool
ph_load_list(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	ph_rules *rules = ph_loading_field(rule, field);
	if (node->kind != PH_NODE_LIST || node->count == 0)
		return REFUSE(l, node, "PH3303 %s needs a list of schemas", node->name);
	rules->at = ph_loading_room(l, node->count, sizeof(*rules->at));
	if (rules->at == NULL)
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		rules->at[rules->count] = l->rule(l, n);
		if (rules->at[rules->count++] == NULL)
			return false;
	}
	return true;
}

/* ---- keywords ---- */

typedef struct keyword {
	const char *name;
	bool assertion;		/* of the validation vocabulary */
	ph_schema_loader *load; /* NULL: said by another keyword, or to people */
	size_t field;		/* for the loader */
} keyword;

/* NULL: nobody knows it. */
static const keyword *
keyword_of(const char *name)
{
	static const keyword all[] = {
#define FIELD(word, says, loader, field)                                               \
	{word, says, ph_load_##loader, offsetof(ph_rule, field)},
#define KEYWORD(word, says, loader) {word, says, ph_load_##loader, 0},
#define IGNORED(word, says)	    {word, says, NULL, 0},
#include "transform/schema_keywords.def"
#undef FIELD
#undef KEYWORD
#undef IGNORED
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

static bool
load_keyword(ph_schema_loading *l, ph_rule *rule, const ph_node *n, bool asserts)
{
	const keyword *k = keyword_of(n->name);
	if (k == NULL)
		return (l->schema->flags & PH_SCHEMA_STANDARD) != 0 ||
		       REFUSE(l, n,
			   "PH3304 the keyword %s is not known, so it is refused",
			   n->name);
	return k->load == NULL || (k->assertion && !asserts) ||
	       k->load(l, rule, n, k->field);
}

/* ---- rules ---- */

/* Does the schema's dialect have the validation vocabulary? */
static bool
read_dialect(ph_schema_loading *l, const ph_schema_resource *resource, bool *asserts)
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
fill_rule(ph_schema_loading *l, ph_rule *rule, const ph_node *node)
{
	bool asserts;
	if (!read_dialect(l, rule->resource, &asserts))
		return false;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (!load_keyword(l, rule, n, asserts))
			return false;
	const ph_node *required = ph_node_get(node, "required");
	if (required != NULL && asserts && !ph_loading_required(l, rule, required))
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
only_refers(ph_schema_loading *l, const ph_node *node)
{
	bool refers = false;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		const keyword *k = keyword_of(n->name);
		bool ref = strcmp(n->name, "$ref") == 0;
		refers |= ref;
		if (!ref &&
		    (k == NULL || k->load != NULL || k->assertion || n->name[0] == '$'))
			return false;
	}
	return refers && node != l->schema->top;
}

static ph_rule *
new_rule(ph_schema_loading *l, const ph_node *node)
{
	ph_rule *rule = ph_loading_room(l, 0, sizeof(*rule));
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
rule_of(ph_schema_loading *l, const ph_node *node)
{
	const char *anchor;
	for (unsigned steps = 0; node->kind == PH_NODE_OBJECT && only_refers(l, node);
	     steps++) {
		if (steps == PH_SCHEMA_DEPTH) {
			(void) REFUSE(l, node, "PH3307 $ref leads in a circle");
			return NULL;
		}
		node = ph_loading_referred(l, ph_node_get(node, "$ref"), &anchor);
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
	if (++l->depth > PH_SCHEMA_DEPTH) {
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

ph_status
ph_schema_compile_rules(ph_schema *schema, ph_error *err)
{
	ph_schema_loading l = {.schema = schema, .rule = rule_of, .err = err};
	schema->root = rule_of(&l, schema->top);
	return schema->root != NULL && ph_loading_dynamics(&l) ? PH_OK : err->status;
}
