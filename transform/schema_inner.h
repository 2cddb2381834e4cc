/*
 * schema_inner - the compiled form of a schema, shared by its loader and its checker.
 *
 * Thread: pure after load.
 */
#ifndef PH_SCHEMA_INNER_H
#define PH_SCHEMA_INNER_H

#include "transform/names.h"
#include "transform/schema.h"

typedef struct ph_property {
	uint32_t name; /* number in the schema's names */
	bool required;
	const ph_rule *rule;
} ph_property;

struct ph_rule {
	unsigned types; /* PH_TYPE_* allowed */
	bool closed;	/* additionalProperties: false */
	bool date_time; /* format */
	bool has_least, has_most;
	size_t least, most; /* minLength and maxLength, or minItems and maxItems */
	const char *minimum, *maximum; /* number texts or NULL */
	ph_pattern *pattern;
	const char **values; /* enum or const */
	size_t value_count;
	ph_property *properties;
	size_t property_count;
	const uint32_t *missing; /* required names that are no properties */
	size_t missing_count;
	const ph_rule *items;
	const char *label;     /* "" if none */
	const char *attribute; /* NULL if none */
	const ph_node *node;   /* in the schema's file */
	ph_rule *next;	       /* all rules, for lookup by node and for the end */
};

struct ph_schema {
	ph_document *document; /* the file; texts are borrowed from it */
	ph_arena *arena;       /* the document's */
	ph_names *names;
	ph_rule *rules; /* all, newest first */
	const ph_rule *root;
	const char *id, *entity, *id_prefix, *subject, *event_id, *event_time;
	unsigned version;
	const ph_node *projection;
};

#endif
