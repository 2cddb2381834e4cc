/*
 * schema - loads a schema file into rules.
 *
 * A $ref is resolved when it is met; a rule is entered into the list before its parts are read,
 * so a schema that refers to itself closes the circle instead of running for ever.
 */
#include "transform/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/codec/codec.h"
#include "lib/config/config.h"
#include "transform/schema_inner.h"

#define FILE_MAX   ((size_t) 1 << 20)
#define MEMORY	   ((size_t) 32 << 20)
#define DEPTH	   32
#define PROPERTIES 64 /* as many as one word of the checker has bits */

typedef struct load {
	ph_schema *schema;
	ph_error *err;
	unsigned depth;
} load;

static const ph_rule *rule_of(load *l, const ph_node *node);

#define REFUSE(l, node, ...)                                                           \
	(ph_config_fail((l)->err, (l)->schema->document, (node), __VA_ARGS__), false)

static const char *
text_or(const ph_node *object, const char *name, const char *fallback)
{
	const char *text = ph_node_text(object, name);
	return text == NULL ? fallback : text;
}

static bool
no_memory(load *l)
{
	ph_fail(l->err, PH_ERR_NOMEM, "out of memory");
	return false;
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

static bool
load_count(load *l, const ph_node *node, size_t *out, bool *has)
{
	if (node->kind != PH_NODE_NUMBER || node->length > 9 ||
	    strspn(node->text, "0123456789") != node->length)
		return REFUSE(l, node, "PH3303 a whole number is needed");
	*out = (size_t) strtoul(node->text, NULL, 10);
	if (has != NULL)
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
load_values(load *l, ph_rule *rule, const ph_node *node, bool single)
{
	if (!single && (node->kind != PH_NODE_LIST || node->count == 0))
		return REFUSE(l, node, "PH3303 enum needs a list of values");
	size_t count = single ? 1 : node->count;
	rule->values = ph_arena_alloc(l->schema->arena, count * sizeof(*rule->values));
	if (rule->values == NULL)
		return no_memory(l);
	for (const ph_node *n = single ? node : node->first; n != NULL;
	     n = single ? NULL : n->next) {
		if (n->kind != PH_NODE_STRING)
			return REFUSE(
			    l, n, "PH3304 only texts are checked in enum and const");
		rule->values[rule->value_count++] = n->text;
	}
	return true;
}

static bool
load_pattern(load *l, ph_rule *rule, const ph_node *node)
{
	ph_error why;
	if (node->kind != PH_NODE_STRING)
		return REFUSE(l, node, "PH3303 a pattern is a text");
	if (ph_pattern_new(node->text, node->length, &rule->pattern, &why) != PH_OK)
		return REFUSE(l, node, "PH3305 pattern: %s", why.text);
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

static bool
load_properties(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_OBJECT)
		return REFUSE(l, node, "PH3303 properties needs an object");
	if (node->count > PROPERTIES)
		return REFUSE(
		    l, node, "PH3303 at most %d properties can be checked", PROPERTIES);
	rule->properties =
	    ph_arena_alloc(l->schema->arena, (node->count + 1) * sizeof(ph_property));
	if (rule->properties == NULL)
		return no_memory(l);
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		uint32_t name =
		    ph_names_add(l->schema->names, n->name, strlen(n->name));
		const ph_rule *inner = rule_of(l, n);
		if (inner == NULL)
			return false;
		if (name == 0)
			return no_memory(l);
		rule->properties[rule->property_count++] =
		    (ph_property){.name = name, .rule = inner};
	}
	return true;
}

static bool
load_required(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_LIST)
		return REFUSE(l, node, "PH3303 required needs a list");
	uint32_t *missing =
	    ph_arena_alloc(l->schema->arena, (node->count + 1) * sizeof(*missing));
	if (missing == NULL)
		return no_memory(l);
	rule->missing = missing;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		if (n->kind != PH_NODE_STRING)
			return REFUSE(l, n, "PH3303 required lists names");
		uint32_t name = ph_names_add(l->schema->names, n->text, n->length);
		if (name == 0)
			return no_memory(l);
		ph_property *property = property_named(rule, name);
		if (property != NULL)
			property->required = true;
		else
			missing[rule->missing_count++] = name;
	}
	return true;
}

static bool
load_additional(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_BOOLEAN)
		return REFUSE(l, node,
		    "PH3304 additionalProperties is checked as true or false only");
	rule->closed = strcmp(node->text, "false") == 0;
	return true;
}

static bool
load_format(load *l, ph_rule *rule, const ph_node *node)
{
	if (node->kind != PH_NODE_STRING || strcmp(node->text, "date-time") != 0)
		return REFUSE(l, node, "PH3304 the only format checked is date-time");
	rule->date_time = true;
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

/* Keywords that say nothing about validity, here or at the top. */
static bool
is_annotation(const char *name)
{
	static const char *const names[] = {"$schema", "$id", "$comment", "$defs",
	    "title", "description", "examples", "default", "deprecated", "x-entity",
	    "x-version", "x-id-prefix", "x-subject", "x-event-id", "x-event-time",
	    "x-status-projection", "required"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
load_keyword(load *l, ph_rule *rule, const ph_node *n)
{
	const char *name = n->name;
	if (strcmp(name, "type") == 0)
		return load_type(l, rule, n);
	if (strcmp(name, "properties") == 0)
		return load_properties(l, rule, n);
	if (strcmp(name, "additionalProperties") == 0)
		return load_additional(l, rule, n);
	if (strcmp(name, "items") == 0)
		return (rule->items = rule_of(l, n)) != NULL;
	if (strcmp(name, "enum") == 0 || strcmp(name, "const") == 0)
		return load_values(l, rule, n, name[0] == 'c');
	if (strcmp(name, "pattern") == 0)
		return load_pattern(l, rule, n);
	if (strcmp(name, "format") == 0)
		return load_format(l, rule, n);
	if (strcmp(name, "minLength") == 0 || strcmp(name, "minItems") == 0)
		return load_count(l, n, &rule->least, &rule->has_least);
	if (strcmp(name, "maxLength") == 0 || strcmp(name, "maxItems") == 0)
		return load_count(l, n, &rule->most, &rule->has_most);
	if (strcmp(name, "minimum") == 0)
		return load_bound(l, n, &rule->minimum);
	if (strcmp(name, "maximum") == 0)
		return load_bound(l, n, &rule->maximum);
	if (strcmp(name, "x-label") == 0)
		return load_label(l, rule, n);
	if (strcmp(name, "x-attribute") == 0)
		return load_attribute(l, rule, n);
	if (is_annotation(name))
		return true;
	return REFUSE(
	    l, n, "PH3304 the keyword %s is not checked, so it is refused", name);
}

/* "#/$defs/NAME" in this file. */
static const ph_node *
referred(load *l, const ph_node *ref)
{
	static const char start[] = "#/$defs/";
	const ph_node *defs =
	    ph_node_get(ph_document_root(l->schema->document), "$defs");
	if (ref->kind == PH_NODE_STRING &&
	    strncmp(ref->text, start, sizeof(start) - 1) == 0 && defs != NULL) {
		const ph_node *node = ph_node_get(defs, ref->text + sizeof(start) - 1);
		if (node != NULL)
			return node;
	}
	(void) REFUSE(
	    l, ref, "PH3307 $ref leads nowhere: write \"#/$defs/NAME\" of this file");
	return NULL;
}

static bool
fill_rule(load *l, ph_rule *rule, const ph_node *node)
{
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (!load_keyword(l, rule, n))
			return false;
	const ph_node *required = ph_node_get(node, "required");
	if (required != NULL && !load_required(l, rule, required))
		return false;
	if (rule->attribute != NULL && strcmp(rule->label, "public") != 0)
		return REFUSE(l, node,
		    "PH3308 only a field labelled public may be promoted to an "
		    "attribute");
	return true;
}

static const ph_rule *
rule_of(load *l, const ph_node *node)
{
	if (node->kind != PH_NODE_OBJECT) {
		(void) REFUSE(l, node, "PH3301 a schema is an object");
		return NULL;
	}
	const ph_node *ref = ph_node_get(node, "$ref");
	if (ref != NULL && (node = referred(l, ref)) == NULL)
		return NULL;
	for (const ph_rule *r = l->schema->rules; r != NULL; r = r->next)
		if (r->node == node)
			return r;
	if (++l->depth > DEPTH) {
		(void) REFUSE(l, node, "PH3301 the schema is nested too deeply");
		return NULL;
	}
	ph_rule *rule = ph_arena_zalloc(l->schema->arena, sizeof(*rule));
	if (rule == NULL) {
		no_memory(l);
		return NULL;
	}
	*rule = (ph_rule){
	    .types = PH_TYPE_ANY, .label = "", .node = node, .next = l->schema->rules};
	l->schema->rules = rule;
	if (!fill_rule(l, rule, node))
		return NULL;
	l->depth--;
	return rule;
}

static bool
check_path(load *l, const char *name)
{
	const ph_node *node = ph_node_get(ph_document_root(l->schema->document), name);
	if (node == NULL)
		return true;
	if (node->kind != PH_NODE_STRING ||
	    ph_schema_field(l->schema, node->text) == NULL)
		return REFUSE(
		    l, node, "PH3309 %s names a field that is not here", name);
	return true;
}

static bool
load_top(load *l)
{
	ph_schema *s = l->schema;
	const ph_node *root = ph_document_root(s->document);
	s->id = text_or(root, "$id", "");
	s->entity = text_or(root, "x-entity", "");
	s->id_prefix = text_or(root, "x-id-prefix", "");
	s->subject = text_or(root, "x-subject", "");
	s->event_id = text_or(root, "x-event-id", "");
	s->event_time = text_or(root, "x-event-time", "");
	s->projection = ph_node_get(root, "x-status-projection");
	size_t version = 0;
	const ph_node *node = ph_node_get(root, "x-version");
	if (node != NULL && !load_count(l, node, &version, NULL))
		return false;
	s->version = (unsigned) version;
	s->root = rule_of(l, root);
	return s->root != NULL && check_path(l, "x-subject") &&
	       check_path(l, "x-event-id") && check_path(l, "x-event-time");
}

static ph_status
read_text(ph_schema *schema, const char *name, const void *bytes, size_t length,
    ph_error *err)
{
	ph_status status = ph_document_new(name, MEMORY, &schema->document, err);
	if (status != PH_OK)
		return status;
	schema->arena = ph_document_arena(schema->document);
	return ph_json_decode(schema->document, bytes, length, err);
}

ph_status
ph_schema_parse(
    const char *name, const void *bytes, size_t length, ph_schema **out, ph_error *err)
{
	ph_error own;
	ph_schema *schema = calloc(1, sizeof(*schema));
	if (schema == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	load l = {.schema = schema, .err = err != NULL ? err : &own};
	ph_status status = ph_names_new(&schema->names, err);
	if (status == PH_OK)
		status = read_text(schema, name, bytes, length, l.err);
	if (status == PH_OK && !load_top(&l))
		status = l.err->status;
	if (status != PH_OK) {
		ph_schema_destroy(&schema);
		return status;
	}
	*out = schema;
	return PH_OK;
}

ph_status
ph_schema_load(const char *path, ph_schema **out, ph_error *err)
{
	char *bytes;
	size_t length;
	ph_status status = ph_fs_slurp(path, FILE_MAX, &bytes, &length, err);
	if (status != PH_OK)
		return status;
	status = ph_schema_parse(path, bytes, length, out, err);
	free(bytes);
	return status;
}

void
ph_schema_destroy(ph_schema **schema_p)
{
	ph_schema *schema = *schema_p;
	if (schema == NULL)
		return;
	for (ph_rule *r = schema->rules; r != NULL; r = r->next)
		ph_pattern_destroy(&r->pattern);
	ph_names_destroy(&schema->names);
	ph_document_destroy(&schema->document);
	free(schema);
	*schema_p = NULL;
}

const char *
ph_schema_file(const ph_schema *schema)
{
	return ph_document_name(schema->document);
}

const char *
ph_schema_id(const ph_schema *schema)
{
	return schema->id;
}

const char *
ph_schema_entity(const ph_schema *schema)
{
	return schema->entity;
}

unsigned
ph_schema_version(const ph_schema *schema)
{
	return schema->version;
}

const char *
ph_schema_id_prefix(const ph_schema *schema)
{
	return schema->id_prefix;
}

const char *
ph_schema_subject(const ph_schema *schema)
{
	return schema->subject;
}

const char *
ph_schema_event_id(const ph_schema *schema)
{
	return schema->event_id;
}

const char *
ph_schema_event_time(const ph_schema *schema)
{
	return schema->event_time;
}

const ph_node *
ph_schema_projection(const ph_schema *schema)
{
	return schema->projection;
}

const ph_rule *
ph_schema_field(const ph_schema *schema, const char *path)
{
	const ph_rule *rule = schema->root;
	while (rule != NULL && *path != 0) {
		size_t length = strcspn(path, ".[");
		uint32_t name = ph_names_find(schema->names, path, length);
		const ph_property *property =
		    name == 0 ? NULL : property_named(rule, name);
		rule = property == NULL ? NULL : property->rule;
		path += length;
		if (strncmp(path, "[]", 2) == 0) {
			rule = rule == NULL ? NULL : rule->items;
			path += 2;
		}
		if (*path == '.')
			path++;
	}
	return rule;
}

unsigned
ph_rule_types(const ph_rule *rule)
{
	return rule->types;
}

const char *
ph_rule_label(const ph_rule *rule)
{
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
	*values = rule->values;
	return rule->value_count;
}

typedef struct walk {
	const ph_schema *schema;
	ph_schema_tell *tell;
	void *self;
	char path[256];
	unsigned depth;
} walk;

static bool walk_rule(walk *w, const ph_rule *rule, size_t length, bool required);

static bool
walk_properties(walk *w, const ph_rule *rule, size_t length, bool required)
{
	for (size_t i = 0; i < rule->property_count; i++) {
		const ph_property *p = &rule->properties[i];
		int wrote = snprintf(w->path + length, sizeof(w->path) - length, "%s%s",
		    length > 0 ? "." : "", ph_names_text(w->schema->names, p->name));
		PH_ASSERT(wrote > 0);
		size_t inner = length + (size_t) wrote;
		if (inner < sizeof(w->path) - 3 &&
		    !walk_rule(w, p->rule, inner, required && p->required))
			return false;
	}
	return true;
}

static bool
walk_rule(walk *w, const ph_rule *rule, size_t length, bool required)
{
	if (w->depth == DEPTH)
		return true;
	w->depth++;
	bool more;
	if (rule->property_count > 0) {
		more = walk_properties(w, rule, length, required);
	} else if (rule->items != NULL) {
		memcpy(w->path + length, "[]", 3);
		more = walk_rule(w, rule->items, length + 2, false);
	} else {
		w->path[length] = 0;
		more = w->tell(w->self, w->path, rule, required);
	}
	w->depth--;
	return more;
}

void
ph_schema_each(const ph_schema *schema, ph_schema_tell *tell, void *self)
{
	walk w = {.schema = schema, .tell = tell, .self = self};
	walk_rule(&w, schema->root, 0, true);
}
