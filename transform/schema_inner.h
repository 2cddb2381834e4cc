/*
 * schema_inner - the compiled form of a schema, shared by its loader and its checker.
 *
 * Thread: pure after load.
 */
#ifndef PH_SCHEMA_INNER_H
#define PH_SCHEMA_INNER_H

#include "lib/base/table.h"
#include "lib/document/names.h"
#include "transform/schema.h"

typedef struct ph_property {
	uint32_t name; /* number in the schema's names */
	bool required;
	const ph_rule *rule;
} ph_property;

/* A list of rules: allOf, anyOf, oneOf, prefixItems. */
typedef struct ph_rules {
	const ph_rule **at;
	size_t count;
} ph_rules;

/* A member of patternProperties. */
typedef struct ph_patterned {
	ph_pattern *pattern;
	const ph_rule *rule;
} ph_patterned;

/* A member of dependentRequired (names) or dependentSchemas (rule). */
typedef struct ph_dependent {
	uint32_t name;
	const uint32_t *names;
	size_t count;
	const ph_rule *rule; /* NULL in dependentRequired */
} ph_dependent;

/* minLength and maxLength, and their like. */
typedef struct ph_range {
	bool has_least, has_most;
	size_t least, most;
} ph_range;

struct ph_rule {
	unsigned types; /* PH_TYPE_* allowed */
	bool closed;	/* additionalProperties: false, and no patternProperties */
	bool never;	/* the schema `false` */
	bool applies;	/* some of the applicators in place, below, are there */
	bool date_time; /* format, in a canonical schema */
	bool unique;	/* uniqueItems */
	bool contains_default; /* no minContains: one is needed */
	ph_range length, items_count, members, contained;
	const char *minimum, *maximum; /* number texts or NULL */
	const char *above, *below;     /* exclusiveMinimum, exclusiveMaximum */
	const char *multiple;
	ph_pattern *pattern;
	const ph_node *choices; /* enum: its list */
	const ph_node *constant;
	const char **values; /* enum or const, if all are texts */
	size_t value_count;
	ph_property *properties;
	size_t property_count;
	const uint32_t *missing; /* required names that are no properties */
	size_t missing_count;
	ph_patterned *patterned;
	size_t patterned_count;
	const ph_rule *additional, *names, *items, *contains;
	const ph_rule *unevaluated_items, *unevaluated_properties;
	ph_rules prefix;
	/* applicators in place */
	const ph_rule *ref, *dynamic;
	const char *dynamic_name; /* NULL: `dynamic` is as static as a $ref */
	ph_rules all, any, one;
	const ph_rule *negated, *condition, *then, *otherwise;
	ph_dependent *dependents;
	size_t dependent_count;
	const char *label;     /* "" if none */
	const char *attribute; /* NULL if none */
	const ph_node *node;   /* in the schema's file */
	const ph_schema_resource *resource;
	ph_rule *next; /* all rules, for the end */
};

/* A $dynamicAnchor that some $dynamicRef may lead to. */
typedef struct ph_dynamic {
	const char *name;
	const ph_schema_resource *resource;
	const ph_rule *rule;
	struct ph_dynamic *next;
} ph_dynamic;

struct ph_schema {
	ph_document *own;	     /* the file, if it was read here */
	const ph_document *document; /* texts are borrowed from it */
	const ph_node *top;
	ph_schema_set *set;
	ph_arena *arena; /* rules and what they hold */
	ph_names *names;
	ph_table *by_node; /* node to rule */
	ph_rule *rules;	   /* all, newest first */
	ph_dynamic *dynamics;
	unsigned flags;
	const ph_rule *root;
	const char *id, *entity, *id_prefix, *subject, *event_id, *event_time;
	unsigned version;
	const ph_node *projection;
};

/* schema_rules.c: the rule of the top, and with it all others. */
ph_status ph_schema_compile_rules(ph_schema *schema, ph_error *err);
/* schema_fields.c: the property of that number, in the rule, what it refers to, or its allOf; NULL. */
const ph_property *ph_rule_property(const ph_rule *rule, uint32_t name);
/* schema_values.c: a whole number below 10^9 as an annotation or a keyword has it; false: none. */
bool ph_schema_count(const ph_node *node, size_t *out);

/* schema_equal.c: what an equality costs is taken from *steps; 0 left: the answer is false. */
bool ph_node_equal(const ph_node *a, const ph_node *b, uint64_t *steps);
/* The first item that is equal to an earlier one; NULL: all differ, or *steps is 0, or memory is
 * short (then *failed). */
const ph_node *ph_node_twin(const ph_node *list, uint64_t *steps, bool *failed);

#endif
