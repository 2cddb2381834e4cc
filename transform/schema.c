/*
 * schema - a schema file read, its annotations, and the ways to its fields.
 *
 * What a rule says of a field may stand in the rule itself, behind its $ref or in its allOf; the
 * first that says something is taken.
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

#define FILE_MAX ((size_t) 1 << 20)
#define MEMORY	 ((size_t) 32 << 20)
#define DEPTH	 32
#define PARTS	 4 /* $ref and allOf behind each other, when fields are looked for */

static const char *
text_or(const ph_node *object, const char *name, const char *fallback)
{
	const char *text = ph_node_text(object, name);
	return text == NULL ? fallback : text;
}

static ph_status
check_path(const ph_schema *s, const char *name, ph_error *err)
{
	const ph_node *node = ph_node_get(s->top, name);
	if (node == NULL ||
	    (node->kind == PH_NODE_STRING && ph_schema_field(s, node->text) != NULL))
		return PH_OK;
	return ph_config_fail(
	    err, s->document, node, "PH3309 %s names a field that is not here", name);
}

static ph_status
load_top(ph_schema *s, ph_error *err)
{
	const ph_node *top = s->top;
	s->id = text_or(top, "$id", "");
	s->entity = text_or(top, "x-entity", "");
	s->id_prefix = text_or(top, "x-id-prefix", "");
	s->subject = text_or(top, "x-subject", "");
	s->event_id = text_or(top, "x-event-id", "");
	s->event_time = text_or(top, "x-event-time", "");
	s->projection = ph_node_get(top, "x-status-projection");
	size_t version = 0;
	const ph_node *node = ph_node_get(top, "x-version");
	if (node != NULL && !ph_schema_count(node, &version))
		return ph_config_fail(
		    err, s->document, node, "PH3303 a whole number is needed");
	s->version = (unsigned) version;
	static const char *const paths[] = {"x-subject", "x-event-id", "x-event-time"};
	ph_status status = PH_OK;
	for (size_t i = 0; i < 3 && status == PH_OK; i++)
		status = check_path(s, paths[i], err);
	return status;
}

/* Taken: `own` becomes the schema's, or is destroyed. */
static ph_status
compile(ph_document **own, const ph_document *document, const ph_node *node,
    const char *uri, const ph_schema_set *set, unsigned flags, ph_schema **out,
    ph_error *err)
{
	ph_schema *schema = calloc(1, sizeof(*schema));
	if (schema == NULL) {
		ph_document_destroy(own);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	*schema =
	    (ph_schema){.own = *own, .document = document, .top = node, .flags = flags};
	*own = NULL;
	ph_status status = ph_names_new(&schema->names, err);
	if (status == PH_OK)
		status = ph_arena_new(MEMORY, &schema->arena, err);
	if (status == PH_OK)
		status = ph_table_new(&schema->by_node, err);
	if (status == PH_OK)
		status = ph_schema_set_new(set, &schema->set, err);
	if (status == PH_OK)
		status = ph_schema_set_enter(schema->set, uri, document, node, err);
	if (status == PH_OK)
		status = ph_schema_compile_rules(schema, err);
	if (status == PH_OK)
		status = load_top(schema, err);
	if (status != PH_OK)
		ph_schema_destroy(&schema);
	else
		*out = schema;
	return status;
}

ph_status
ph_schema_compile(const ph_document *document, const ph_node *node, const char *uri,
    const ph_schema_set *set, unsigned flags, ph_schema **out, ph_error *err)
{
	ph_error local;
	ph_document *none = NULL;
	return compile(&none, document, node, uri, set, flags, out, err ? err : &local);
}

ph_status
ph_schema_parse_with(const char *name, const void *bytes, size_t length,
    const ph_schema_set *set, unsigned flags, ph_schema **out, ph_error *err)
{
	ph_error local;
	ph_document *document;
	err = err != NULL ? err : &local;
	ph_status status = ph_document_new(name, MEMORY, &document, err);
	if (status != PH_OK)
		return status;
	status = ph_json_decode(document, bytes, length, err);
	if (status != PH_OK) {
		ph_document_destroy(&document);
		return status;
	}
	const ph_document *read = document;
	return compile(
	    &document, read, ph_document_root(read), "", set, flags, out, err);
}

ph_status
ph_schema_parse(
    const char *name, const void *bytes, size_t length, ph_schema **out, ph_error *err)
{
	return ph_schema_parse_with(name, bytes, length, NULL, 0, out, err);
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
	for (ph_rule *r = schema->rules; r != NULL; r = r->next) {
		ph_pattern_destroy(&r->pattern);
		for (size_t i = 0; i < r->patterned_count; i++)
			ph_pattern_destroy(&r->patterned[i].pattern);
	}
	ph_names_destroy(&schema->names);
	ph_table_destroy(&schema->by_node, NULL);
	ph_schema_set_destroy(&schema->set);
	ph_arena_destroy(&schema->arena);
	ph_document_destroy(&schema->own);
	free(schema);
	*schema_p = NULL;
}

ph_names *
ph_schema_names(const ph_schema *schema)
{
	return schema->names;
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

/* Go through a rule and what it stands for: 0 itself, 1 its $ref, then its allOf; NULL: no more. */
static const ph_rule *
part_of(const ph_rule *rule, size_t number)
{
	if (number == 0)
		return rule;
	if (rule->ref != NULL && --number == 0)
		return rule->ref;
	return number > 0 && number <= rule->all.count ? rule->all.at[number - 1]
						       : NULL;
}

static const ph_property *
find_property(const ph_rule *rule, uint32_t name, unsigned depth)
{
	for (size_t i = 0; i < rule->property_count; i++)
		if (rule->properties[i].name == name)
			return &rule->properties[i];
	const ph_property *found = NULL;
	const ph_rule *part;
	for (size_t i = 1;
	     depth > 0 && found == NULL && (part = part_of(rule, i)) != NULL; i++)
		found = find_property(part, name, depth - 1);
	return found;
}

const ph_property *
ph_rule_property(const ph_rule *rule, uint32_t name)
{
	return find_property(rule, name, PARTS);
}

static const ph_rule *
find_items(const ph_rule *rule, unsigned depth)
{
	const ph_rule *found = rule->items, *part;
	for (size_t i = 1;
	     depth > 0 && found == NULL && (part = part_of(rule, i)) != NULL; i++)
		found = find_items(part, depth - 1);
	return found;
}

const ph_rule *
ph_schema_field(const ph_schema *schema, const char *path)
{
	const ph_rule *rule = schema->root;
	while (rule != NULL && *path != 0) {
		size_t length = strcspn(path, ".[");
		uint32_t name = ph_names_find(schema->names, path, length);
		const ph_property *property =
		    name == 0 ? NULL : ph_rule_property(rule, name);
		rule = property == NULL ? NULL : property->rule;
		path += length;
		if (strncmp(path, "[]", 2) == 0) {
			rule = rule == NULL ? NULL : find_items(rule, PARTS);
			path += 2;
		}
		if (*path == '.')
			path++;
	}
	return rule;
}

static unsigned
find_types(const ph_rule *rule, unsigned depth)
{
	unsigned types = rule->types;
	const ph_rule *part;
	for (size_t i = 1; depth > 0 && (part = part_of(rule, i)) != NULL; i++)
		types &= find_types(part, depth - 1);
	return types;
}

unsigned
ph_rule_types(const ph_rule *rule)
{
	return find_types(rule, PARTS);
}

const char *
ph_rule_label(const ph_rule *rule)
{
	for (unsigned i = 0; i < PARTS && rule->label[0] == 0 && rule->ref != NULL; i++)
		rule = rule->ref;
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
	for (unsigned i = 0; i < PARTS && rule->value_count == 0 && rule->ref != NULL;
	     i++)
		rule = rule->ref;
	*values = rule->values;
	return rule->value_count;
}

/* Is the name required by the rule or a part of it? */
static bool requires(const ph_rule *rule, uint32_t name, unsigned depth)
{
	for (size_t i = 0; i < rule->property_count; i++)
		if (rule->properties[i].name == name && rule->properties[i].required)
			return true;
	for (size_t i = 0; i < rule->missing_count; i++)
		if (rule->missing[i] == name)
			return true;
	const ph_rule *part;
	for (size_t i = 1; depth > 0 && (part = part_of(rule, i)) != NULL; i++)
		if (requires(part, name, depth - 1))
			return true;
	return false;
}

typedef struct walk {
	const ph_schema *schema;
	ph_schema_tell *tell;
	void *self;
	char path[256];
	unsigned depth;
	bool found; /* a property, in the rule or a part of it */
} walk;

static bool walk_rule(walk *w, const ph_rule *rule, size_t length, bool required);

/* The properties in one part of `whole`; a name that an earlier part has is passed over. */
static bool
walk_part(walk *w, const ph_rule *whole, const ph_rule *part, size_t length,
    bool required, unsigned depth)
{
	for (size_t i = 0; i < part->property_count; i++) {
		const ph_property *p = &part->properties[i];
		w->found = true;
		if (ph_rule_property(whole, p->name) != p)
			continue;
		int wrote = snprintf(w->path + length, sizeof(w->path) - length, "%s%s",
		    length > 0 ? "." : "", ph_names_text(w->schema->names, p->name));
		PH_ASSERT(wrote > 0);
		size_t inner = length + (size_t) wrote;
		if (inner < sizeof(w->path) - 3 &&
		    !walk_rule(
			w, p->rule, inner, required && requires(whole, p->name, PARTS)))
			return false;
	}
	const ph_rule *more;
	for (size_t i = 1; depth > 0 && (more = part_of(part, i)) != NULL; i++)
		if (!walk_part(w, whole, more, length, required, depth - 1))
			return false;
	return true;
}

static bool
walk_rule(walk *w, const ph_rule *rule, size_t length, bool required)
{
	if (w->depth == DEPTH)
		return true;
	w->depth++;
	w->found = false;
	bool more = walk_part(w, rule, rule, length, required, PARTS);
	const ph_rule *items = find_items(rule, PARTS);
	if (!w->found && items != NULL) {
		memcpy(w->path + length, "[]", 3);
		more = walk_rule(w, items, length + 2, false);
	} else if (!w->found) {
		w->path[length] = 0;
		more = w->tell(w->self, w->path, rule, required);
	}
	w->found = true;
	w->depth--;
	return more;
}

void
ph_schema_each(const ph_schema *schema, ph_schema_tell *tell, void *self)
{
	walk w = {.schema = schema, .tell = tell, .self = self};
	walk_rule(&w, schema->root, 0, true);
}
