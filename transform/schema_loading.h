/*
 * schema_loading - a schema on its way to rules, as the loaders of its keywords see it.
 *
 * Files: schema_rules.c (rules, and which keyword is loaded by what: schema_keywords.def),
 * schema_values.c (what a value may be), schema_members.c (members of objects),
 * schema_references.c ($ref and $dynamicRef), schema_loading.c (what all of these use).
 *
 * Private to transform/schema_*.c. Thread: owner. Errors: false or NULL, and a complaint in `err`.
 */
#ifndef PH_SCHEMA_LOADING_H
#define PH_SCHEMA_LOADING_H

#include "lib/config/config.h"
#include "transform/schema_inner.h"

#define PH_SCHEMA_DEPTH	  200 /* of schemas in schemas, and of $ref to $ref */
#define PH_SCHEMA_MEMBERS 4096

typedef struct ph_schema_loading ph_schema_loading;
struct ph_schema_loading {
	ph_schema *schema;
	/* The rule of a schema within, made when it is first asked for; NULL and a complaint. */
	const ph_rule *(*rule)(ph_schema_loading *loading, const ph_node *node);
	ph_error *err;
	unsigned depth;
};

/* Complain at a node; false. */
#define REFUSE(l, node, ...)                                                           \
	(ph_config_fail(                                                               \
	     (l)->err, ph_loading_document((l), (node)), (node), __VA_ARGS__),         \
	    false)

/* schema_loading.c */
const ph_document *ph_loading_document(
    const ph_schema_loading *loading, const ph_node *node);
bool ph_loading_no_memory(ph_schema_loading *loading);
/* Zeroed, for `count` and one more. */
void *ph_loading_room(ph_schema_loading *loading, size_t count, size_t size);
/* A name as its number; 0: no memory. */
uint32_t ph_loading_name(ph_schema_loading *loading, const char *text);

/* What the value of a keyword says; it goes into the field of the rule at that offset, for the
 * keywords that have one of their own. */
typedef bool ph_schema_loader(
    ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field);
static inline void *
ph_loading_field(ph_rule *rule, size_t field)
{
	return (char *) rule + field;
}

/* schema_rules.c: one schema; a list of them. */
ph_schema_loader ph_load_schema, ph_load_list;
/* schema_values.c */
ph_schema_loader ph_load_type, ph_load_enum, ph_load_const, ph_load_multiple,
    ph_load_bound, ph_load_least, ph_load_most, ph_load_flag, ph_load_pattern,
    ph_load_format, ph_load_label, ph_load_attribute;
bool ph_loading_pattern(
    ph_schema_loading *l, const ph_node *at, const char *text, ph_pattern **out);
/* schema_members.c */
ph_schema_loader ph_load_properties, ph_load_patterned, ph_load_dependent_schemas,
    ph_load_dependent_required;
/* After the properties. */
bool ph_loading_required(ph_schema_loading *l, ph_rule *rule, const ph_node *node);
/* schema_references.c */
ph_schema_loader ph_load_ref, ph_load_dynamic;
/* The node that a reference leads to; NULL and a complaint. */
const ph_node *ph_loading_referred(
    ph_schema_loading *l, const ph_node *ref, const char **anchor);
/* When all rules are there: those that a $dynamicRef may lead to. */
bool ph_loading_dynamics(ph_schema_loading *l);

#endif
