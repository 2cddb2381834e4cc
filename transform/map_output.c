/*
 * map_output - from filled shapes to bytes: in, the canonical document is made, validated and
 * encoded, and its attributes are taken out; out, the vendor's bytes are written.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"

static bool
fail(ph_run *run, const char *stage, const char *reason, const char *path,
    const char *text)
{
	ph_record_fail(run->call, run->record, PH_MAP_HELD, stage, reason, path,
	    run->call->map->file, "%s", text);
	return false;
}

static bool
too_large(ph_run *run)
{
	return fail(run, "map", "too-large", "",
	    "PH2407 the document grows too large while it is mapped");
}

/* Copy what the call's buffer holds to the arena, zero-terminated. */
static bool
keep(ph_run *run, const char **data, size_t *length)
{
	const ph_buffer *bytes = &run->call->bytes;
	if (bytes->failed)
		return too_large(run);
	*data = ph_arena_dup(ph_run_arena(run),
	    bytes->data == NULL ? (const uint8_t *) "" : bytes->data, bytes->length);
	*length = bytes->length;
	return *data != NULL || too_large(run);
}

/* What the JSON writer need not look for. */
static unsigned
json_flags(const ph_run *run)
{
	return ph_shape_is_distinct(run->body.shape) ? PH_JSON_DISTINCT : 0;
}

/* The call's buffer, empty. */
static ph_buffer *
fresh_buffer(ph_run *run)
{
	ph_buffer_clear(&run->call->bytes);
	return &run->call->bytes;
}

/* Does an operation write this canonical field, or one that it is part of? */
static bool
writes(const ph_op *op, const char *path)
{
	for (size_t i = 0; i < op->to->count; i++) {
		const char *text = op->to->at[i].path.text;
		size_t length = text == NULL ? 0 : strcspn(text, "[");
		if (length > 0 && strncmp(text, path, length) == 0 &&
		    strchr(".[", path[length]) != NULL)
			return true;
	}
	return false;
}

static bool
invalid(ph_run *run, const ph_violation *violation)
{
	const ph_program *program = &run->call->map->in;
	char where[PH_ERROR_WHERE];
	const char *path = violation->path;
	snprintf(where, sizeof(where), "%s", run->call->map->file);
	for (size_t i = 0; i < program->count; i++)
		if (writes(&program->ops[i], violation->path)) {
			ph_link_where(run->call->map, program->ops[i].link, where);
			path = ph_op_path(ph_run_arena(run), &program->ops[i]);
			break;
		}
	ph_record_fail(run->call, run->record, PH_MAP_HELD, "validate", "invalid", path,
	    where, "%.7s%s %s", violation->text, violation->path, violation->text + 7);
	return false;
}

static bool
validate(ph_run *run, ph_node *root)
{
	ph_violation violation;
	ph_status status = ph_schema_check(run->call->map->schema, run->call->target,
	    root, (run->call->flags & PH_MAP_LOOSE) != 0 ? PH_SCHEMA_PARTIAL : 0,
	    &violation);
	if (status == PH_ERR_INVALID)
		return invalid(run, &violation);
	return status == PH_OK || too_large(run);
}

static void
add_attribute(ph_record *record, const char *name, const char *value, size_t length)
{
	if (value != NULL && length > 0)
		record->attributes[record->attribute_count++] =
		    (ph_pair){name, value, length};
}

/* A field of the canonical document by its way; NULL. */
static const ph_node *
field(const ph_node *root, const char *way)
{
	const ph_node *node = way[0] == 0 ? NULL : ph_node_find(root, way);
	return node == NULL || node->text == NULL ? NULL : node;
}

static void
add_event(ph_run *run, const ph_node *root, ph_event_field which, const char *name,
    const char *way)
{
	const ph_value *own = &run->event[which];
	const ph_node *node = field(root, way);
	if (ph_value_is_text(own))
		add_attribute(run->record, name, own->text, own->length);
	else if (node != NULL)
		add_attribute(run->record, name, node->text, node->length);
}

static bool
add_attributes(ph_run *run, const ph_node *root)
{
	const ph_map *map = run->call->map;
	ph_record *record = run->record;
	record->attributes = ph_arena_alloc(
	    ph_run_arena(run), (map->promoted_count + 8) * sizeof(ph_pair));
	if (record->attributes == NULL)
		return too_large(run);
	const ph_node *subject = field(root, map->subject);
	add_event(run, root, PH_FIELD_ID, "id", map->event_id);
	if (ph_value_is_text(&run->event[PH_FIELD_TYPE]))
		add_event(run, root, PH_FIELD_TYPE, "type", "");
	else
		add_attribute(record, "type", map->type, strlen(map->type));
	if (subject != NULL)
		add_attribute(record, "subject", subject->text, subject->length);
	add_event(run, root, PH_FIELD_TIME, "time", map->event_time);
	const char *id = ph_schema_id(map->schema);
	add_attribute(record, "dataschema", id, strlen(id));
	add_attribute(
	    record, "datacontenttype", "application/json", strlen("application/json"));
	for (size_t i = 0; i < map->promoted_count; i++) {
		const ph_node *node = field(root, map->promoted[i].way);
		if (node != NULL)
			add_attribute(record, map->promoted[i].attribute, node->text,
			    node->length);
	}
	return true;
}

static bool
encode_as(
    ph_run *run, const ph_node *root, unsigned flags, const char **data, size_t *length)
{
	if (ph_json_encode(root, flags | json_flags(run), fresh_buffer(run), NULL) !=
	    PH_OK)
		return too_large(run);
	return keep(run, data, length);
}

static bool
encode_canonical(ph_run *run, const ph_node *root)
{
	ph_record *record = run->record;
	if (!encode_as(run, root, 0, &record->data, &record->length))
		return false;
	record->digest = record->data;
	record->digest_length = record->length;
	return !run->is_volatile || encode_as(run, root, PH_JSON_SKIP_VOLATILE,
					&record->digest, &record->digest_length);
}

static bool
output_in(ph_run *run)
{
	ph_node *root = ph_filling_make(&run->body);
	if (root == NULL)
		return too_large(run);
	return validate(run, root) && add_attributes(run, root) &&
	       encode_canonical(run, root);
}

static bool
count_pairs(ph_run *run, const ph_node *root)
{
	size_t room = 0;
	for (const ph_node *n = root->first; n != NULL; n = n->next)
		room += n->kind == PH_NODE_LIST ? n->count : 1;
	run->record->pairs =
	    ph_arena_alloc(ph_run_arena(run), (room + 1) * sizeof(ph_pair));
	if (run->record->pairs == NULL)
		return too_large(run);
	for (const ph_node *n = root->first; n != NULL; n = n->next) {
		if (n->text == NULL)
			return fail(run, "map", "invalid", n->name,
			    "PH2404 a form holds plain values only");
		run->record->pairs[run->record->pair_count++] =
		    (ph_pair){n->name, n->text, n->length};
	}
	return true;
}

/* What is below the filled root is the document, or goes into an envelope. */
static ph_status
take_element(ph_run *run, ph_node **root, ph_error *err)
{
	ph_node *element = (*root)->first;
	ph_node *header = ph_filling_make(&run->header);
	ph_status status = PH_OK;
	ph_node_remove(element);
	*root = element;
	if (run->call->map->format != PH_MAP_SOAP)
		return PH_OK;
	status = ph_soap_wrap(run->call->target,
	    header != NULL && header->first != NULL ? header : NULL, element, err);
	*root = ph_document_root(run->call->target);
	return status;
}

/* Does the way to an element ("Request/Operation/Name") end with a link's path, without
 * its parents, prefixes and quotes? */
static bool
ends_with(const char *way, const char *path)
{
	char plain[PH_XSD_PATH];
	size_t at = 0;
	while (strncmp(path, "../", 3) == 0)
		path += 3;
	for (; *path != 0 && at + 1 < sizeof(plain); path++) {
		if (*path == ':')
			while (at > 0 && plain[at - 1] != '/')
				at--;
		else if (*path == '[')
			path += strcspn(path, "]");
		else if (*path != '\'')
			plain[at++] = *path;
		if (*path == 0)
			break;
	}
	plain[at] = 0;
	size_t length = strlen(way);
	return at > 0 && at <= length && strcmp(way + length - at, plain) == 0 &&
	       (at == length || way[length - at - 1] == '/');
}

/* The link that writes an element, as far as its name tells; NULL. */
static const ph_op *
writer_of(const ph_map *map, const char *way)
{
	for (size_t i = 0; i < map->out.count; i++)
		for (size_t k = 0; k < map->out.ops[i].to->count; k++) {
			const char *path = map->out.ops[i].to->at[k].path.text;
			if (path != NULL && ends_with(way, path))
				return &map->out.ops[i];
		}
	return NULL;
}

/* What goes to a vendor is held to its schema before. */
static bool
hold_to_schema(ph_run *run)
{
	const ph_map *map = run->call->map;
	ph_error why;
	char way[PH_XSD_PATH], where[PH_ERROR_WHERE];
	if ((run->call->flags & PH_MAP_LOOSE) != 0)
		return true;
	ph_status status = ph_vendor_check(map, &run->call->checker, run->record->data,
	    run->record->length, way, &why);
	if (status == PH_OK)
		return true;
	if (status != PH_ERR_INVALID)
		return too_large(run);
	const ph_op *op = writer_of(map, way);
	snprintf(where, sizeof(where), "%s", map->file);
	if (op != NULL)
		ph_link_where(map, op->link, where);
	ph_record_fail(run->call, run->record, PH_MAP_HELD, "validate", "invalid",
	    op == NULL ? way : ph_op_path(ph_run_arena(run), op), where, "%s",
	    why.text);
	return false;
}

static bool
encode_vendor(ph_run *run, ph_node *root)
{
	const ph_map *map = run->call->map;
	ph_buffer *bytes = fresh_buffer(run);
	ph_error why;
	ph_status status = PH_OK;
	if (ph_vendor_is_xml(map))
		status = take_element(run, &root, &why);
	if (status == PH_OK)
		status = ph_vendor_encode(map, root, json_flags(run), bytes,
		    ph_run_arena(run), &run->record->media, &why);
	if (status != PH_OK)
		return status == PH_ERR_INVALID
			   ? fail(run, "map", "invalid", "", why.text)
			   : too_large(run);
	return keep(run, &run->record->data, &run->record->length) &&
	       hold_to_schema(run);
}

static bool
check_urls(ph_run *run)
{
	const ph_map *map = run->call->map;
	for (size_t i = 0; i < map->url_count; i++)
		if (run->record->urls[i] == NULL)
			return fail(run, "map", "invalid", map->urls[i],
			    "PH2406 a part of the address ($url) has no value");
	return true;
}

/* Fields that are documents become texts. */
static bool
close_texts(ph_run *run, ph_node *root)
{
	ph_error why;
	ph_status status =
	    ph_vendor_close(run->call->map, run->call->target, root, false, &why);
	if (status == PH_OK)
		return true;
	return status == PH_ERR_INVALID ? fail(run, "map", "invalid", "", why.text)
					: too_large(run);
}

static bool
output_out(ph_run *run)
{
	const ph_map *map = run->call->map;
	if ((run->call->flags & PH_MAP_ADDRESS) != 0)
		return check_urls(run);
	ph_node *root = ph_filling_make(&run->body);
	if (root == NULL ||
	    (run->call->previous != NULL && !ph_complement(run->call, root)))
		return too_large(run);
	if (root->first == NULL &&
	    (map->format == PH_MAP_XML || map->format == PH_MAP_SOAP))
		return fail(run, "map", "invalid", "",
		    "PH2405 there is nothing to write: every field is absent");
	if (map->split != NULL && ph_split_parts(map, run->call->target_names,
				      ph_vendor_is_xml(map) ? root->first : root))
		return fail(run, "map", "invalid", map->split_field.text,
		    "PH2330 an item of the list holds the separator itself");
	if (!close_texts(run, root))
		return false;
	if (map->format == PH_MAP_FORM && !count_pairs(run, root))
		return false;
	return check_urls(run) && encode_vendor(run, root);
}

bool
ph_run_output(ph_run *run)
{
	return run->call->direction == PH_FLOWS_IN ? output_in(run) : output_out(run);
}
