/*
 * schema - a schema file read, and its annotations.
 */
#include "transform/schema.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/codec/codec.h"
#include "lib/config/config.h"
#include "transform/schema_inner.h"

#define FILE_MAX ((size_t) 1 << 20)
#define MEMORY	 ((size_t) 32 << 20)

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
