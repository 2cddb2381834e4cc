/*
 * schema - a canonical schema: what a document may be, and what its fields are for.
 *
 * JSON Schema 2020-12: the whole core, applicator, unevaluated and validation vocabularies, with
 * our own annotations. Numbers are compared as they are written; patterns are PCRE2's. A canonical
 * schema is strict: a keyword that nobody knows is refused (PH3304), so that no rule is silently
 * ignored, and format date-time is checked. With PH_SCHEMA_STANDARD unknown keywords are ignored
 * and every format is an annotation only, as the standard has it.
 *
 * A reference leads to schemas that are loaded, in the same file or in a set; nothing is fetched.
 *
 * Annotations, at the top: x-entity, x-version, x-id-prefix, x-subject, x-event-id, x-event-time
 * (paths of fields), x-status-projection; on a field: x-label (public, personal, special,
 * secret), x-attribute (the CloudEvents attribute it is promoted to; public fields only).
 *
 * Paths are names joined with dots; "[]" after a list: "attributes[].code".
 *
 * Thread: pure after load. Errors: PH_ERR_INVALID with file:line:column and PH33nn.
 */
#ifndef PH_SCHEMA_H
#define PH_SCHEMA_H

#include "lib/document/document.h"
#include "transform/decimal.h"
#include "transform/pattern.h"
#include "transform/schema_set.h"

typedef struct ph_schema ph_schema;
typedef struct ph_rule ph_rule;

enum {
	PH_TYPE_NULL = 1,
	PH_TYPE_BOOLEAN = 2,
	PH_TYPE_NUMBER = 4,
	PH_TYPE_INTEGER = 8,
	PH_TYPE_STRING = 16,
	PH_TYPE_ARRAY = 32,
	PH_TYPE_OBJECT = 64,
	PH_TYPE_ANY = 127
};

enum { PH_SCHEMA_STANDARD = 1 /* unknown keywords and formats are no rules */ };

ph_status ph_schema_load(const char *path, ph_schema **out, ph_error *err);
/* The same from memory; `name` stands for the file in errors. */
ph_status ph_schema_parse(
    const char *name, const void *bytes, size_t length, ph_schema **out, ph_error *err);
/* The same among the schemas of `set` (NULL: none; it must outlive the schema). */
ph_status ph_schema_parse_with(const char *name, const void *bytes, size_t length,
    const ph_schema_set *set, unsigned flags, ph_schema **out, ph_error *err);
/* The same from a node of a document that outlives the schema; `uri` is its base or "". */
ph_status ph_schema_compile(const ph_document *document, const ph_node *node,
    const char *uri, const ph_schema_set *set, unsigned flags, ph_schema **out,
    ph_error *err);
void ph_schema_destroy(ph_schema **schema_p);

/* The names it speaks of. A document that uses them (ph_document_use) is checked without looking
 * any up. More may be added until then. */
ph_names *ph_schema_names(const ph_schema *schema);
/* What the file says about the whole; "" or 0 if it does not. */
const char *ph_schema_file(const ph_schema *schema);
const char *ph_schema_id(const ph_schema *schema);
const char *ph_schema_entity(const ph_schema *schema);
unsigned ph_schema_version(const ph_schema *schema);
const char *ph_schema_id_prefix(const ph_schema *schema);
const char *ph_schema_subject(const ph_schema *schema);
const char *ph_schema_event_id(const ph_schema *schema);
const char *ph_schema_event_time(const ph_schema *schema);
/* The node of x-status-projection, or NULL. */
const ph_node *ph_schema_projection(const ph_schema *schema);

/* The rule of a field; NULL: the schema knows no such field. */
const ph_rule *ph_schema_field(const ph_schema *schema, const char *path);
/* Types it allows (PH_TYPE_*), its label, the attribute it is promoted to or NULL. */
unsigned ph_rule_types(const ph_rule *rule);
const char *ph_rule_label(const ph_rule *rule);
const char *ph_rule_attribute(const ph_rule *rule);
/* Its values if it has an enum or const; count 0 otherwise. */
size_t ph_rule_values(const ph_rule *rule, const char *const **values);
/* Every field that is no object or list of them, in the file's order, required (with all its
 * parents) or not. Stops when `tell` returns false. */
typedef bool ph_schema_tell(
    void *self, const char *path, const ph_rule *rule, bool required);
void ph_schema_each(const ph_schema *schema, ph_schema_tell *tell, void *self);

enum { PH_SCHEMA_PARTIAL = 1 /* do not ask for required fields */ };

/* What is wrong with a document: the first rule that it breaks. */
typedef struct ph_violation {
	const ph_node *node; /* where; the object when a member is missing */
	char
	    path[256]; /* of the field, as above with positions: "attributes[2].code" */
	char schema_path[256]; /* of the rule: "#/properties/code/pattern" */
	char text[256];	       /* "PH3204 ..." without the value */
} ph_violation;

/* PH_OK, PH_ERR_INVALID (then *out is filled) or PH_ERR_NOMEM. The node belongs to `document`. */
ph_status ph_schema_check(const ph_schema *schema, ph_document *document,
    const ph_node *node, unsigned flags, ph_violation *out);

/* RFC 3339 date-time? */
bool ph_instant_valid(const char *text, size_t length);

#endif
