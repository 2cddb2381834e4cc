/*
 * map - loading a map and its calls, for those who use the library.
 */
#include "packhorse/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/config/config.h"
#include "transform/map_inner.h"

#define TARGET_FLOOR  ((size_t) 4 << 20)
#define TARGET_FACTOR 64u
#define SOURCE_FLOOR  ((size_t) 2 << 20)
#define SOURCE_FACTOR 24u

void
ph_map_destroy(ph_map **map_p)
{
	ph_map *map = *map_p;
	if (map == NULL)
		return;
	while (map->resources != NULL) {
		ph_resource *resource = map->resources;
		map->resources = resource->next;
		resource->release(resource->object);
		free(resource);
	}
	ph_schema_destroy(&map->schema);
	ph_schema_destroy(&map->vendor_schema);
	ph_records_destroy(&map->records);
	ph_xsd_destroy(&map->xsd);
	ph_names_destroy(&map->canonical_names);
	ph_names_destroy(&map->vendor_names);
	ph_document_destroy(&map->document);
	free(map);
	*map_p = NULL;
}

static ph_status
find_map(const char *name, const char *const *folders, char **out, ph_error *err)
{
	if (strchr(name, '/') != NULL) {
		*out = strdup(name);
		return *out != NULL ? PH_OK
				    : ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	size_t size = strlen(name) + sizeof(".yaml");
	char *file = malloc(size);
	if (file == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	memcpy(file, name, strlen(name) + 1);
	if (size < 12 || strcmp(name + strlen(name) - 5, ".yaml") != 0)
		strcat(file, ".yaml");
	ph_status status = ph_find_file(folders, "maps", file, out, NULL);
	if (status == PH_ERR_NOT_FOUND)
		ph_fail(err, status,
		    "PH2053 there is no map %s in the folders maps/ of the site and "
		    "its "
		    "connectors",
		    file);
	free(file);
	return status;
}

/* "service.code" to "service/code", as ph_node_find reads it. */
static const char *
way_of(ph_map *map, const char *path)
{
	char *way = ph_arena_strdup(map->arena, path);
	for (char *p = way; p != NULL && *p != 0; p++)
		if (*p == '.')
			*p = '/';
	return way == NULL ? "" : way;
}

static bool
note_promoted(void *self, const char *path, const ph_rule *rule, bool required)
{
	ph_map *map = self;
	(void) required;
	if (ph_rule_attribute(rule) == NULL || strchr(path, '[') != NULL)
		return true;
	ph_promoted *more =
	    ph_arena_alloc(map->arena, (map->promoted_count + 1) * sizeof(*more));
	if (more == NULL)
		return false;
	if (map->promoted_count > 0)
		memcpy(more, map->promoted, map->promoted_count * sizeof(*more));
	more[map->promoted_count++] =
	    (ph_promoted){ph_rule_attribute(rule), way_of(map, path)};
	map->promoted = more;
	return true;
}

static void
note_fields(ph_map *map)
{
	map->subject = map->event_id = map->event_time = "";
	if (map->schema == NULL)
		return;
	map->subject = way_of(map, ph_schema_subject(map->schema));
	map->event_id = way_of(map, ph_schema_event_id(map->schema));
	map->event_time = way_of(map, ph_schema_event_time(map->schema));
	ph_schema_each(map->schema, note_promoted, map);
}

static ph_status
read_map(const char *name, const char *const *folders, ph_map *map, ph_error *err)
{
	char *path;
	ph_status status = find_map(name, folders, &path, err);
	if (status != PH_OK)
		return status;
	status = ph_yaml_load(path, 0, &map->document, err);
	free(path);
	if (status != PH_OK)
		return status;
	map->arena = ph_document_arena(map->document);
	map->file = ph_document_name(map->document);
	status = ph_names_new(&map->canonical_names, err);
	return status == PH_OK ? ph_names_new(&map->vendor_names, err) : status;
}

static ph_status
load_map(const char *name, const char *const *folders, ph_map_tell *tell, void *self,
    ph_map **out, ph_error *err)
{
	ph_load load;
	ph_map *map = calloc(1, sizeof(*map));
	if (map == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	ph_error first;
	ph_status status = read_map(name, folders, map, &first);
	if (status != PH_OK) {
		if (tell != NULL)
			tell(self, "error", first.where, first.text);
		if (err != NULL)
			*err = first;
		ph_map_destroy(&map);
		return status;
	}
	ph_load_init(&load, map->document, folders, tell, self);
	if (ph_map_parse(map, &load) && ph_map_compile(map, &load)) {
		note_fields(map);
		ph_map_examine(map, &load);
	}
	status = ph_load_status(&load, err);
	if (status != PH_OK) {
		ph_map_destroy(&map);
		return status;
	}
	*out = map;
	return PH_OK;
}

ph_status
ph_map_load(const char *name, const char *const *folders, ph_map **out, ph_error *err)
{
	PH_ASSERT(name != NULL && out != NULL);
	return load_map(name, folders, NULL, NULL, out, err);
}

ph_status
ph_map_check(const char *name, const char *const *folders, ph_map_tell *tell,
    void *self, ph_error *err)
{
	ph_map *map;
	ph_status status = load_map(name, folders, tell, self, &map, err);
	if (status == PH_OK)
		ph_map_destroy(&map);
	return status;
}

const char *
ph_map_name(const ph_map *map)
{
	return map->name;
}

const char *
ph_map_file(const ph_map *map)
{
	return map->file;
}

ph_map_format
ph_map_format_of(const ph_map *map)
{
	return map->format;
}

const char *
ph_map_media(const ph_map *map)
{
	return ph_vendor_media(map);
}

const char *
ph_map_entity(const ph_map *map)
{
	return map->entity;
}

unsigned
ph_map_version(const ph_map *map)
{
	return map->version;
}

const char *
ph_map_dataschema(const ph_map *map)
{
	return map->schema == NULL ? "" : ph_schema_id(map->schema);
}

const char *
ph_map_type(const ph_map *map)
{
	return map->type;
}

const char *
ph_map_id_prefix(const ph_map *map)
{
	return map->schema == NULL ? "" : ph_schema_id_prefix(map->schema);
}

int
ph_map_goes(const ph_map *map, ph_map_direction direction)
{
	if (direction == PH_MAP_IN)
		return map->schema != NULL && map->in.count > 0;
	return map->out.count > 0;
}

int
ph_map_mints(const ph_map *map)
{
	return map->mints;
}

const char *
ph_map_wants(const ph_map *map, size_t index)
{
	return index < map->context.count ? map->context.names[index] : NULL;
}

/* ---- calls ---- */

void
ph_map_call_destroy(ph_map_call **call_p)
{
	ph_map_call *call = *call_p;
	if (call == NULL)
		return;
	ph_table_destroy(&call->wanted_index, NULL);
	ph_document_destroy(&call->source);
	ph_document_destroy(&call->previous);
	ph_document_destroy(&call->target);
	free(call);
	*call_p = NULL;
}

static ph_status
decode(ph_map_call *call, const void *bytes, size_t length, ph_error *err)
{
	if (call->direction == PH_FLOWS_OUT)
		return ph_json_decode(call->source, bytes, length, err);
	return ph_vendor_decode(call->map, call->source, bytes, length, err);
}

/* The call becomes one failed record. */
static void
fail_whole(ph_map_call *call, const char *stage, const char *reason, const char *path,
    const char *where, const char *text)
{
	ph_arena *arena = ph_document_arena(call->target);
	call->records = ph_arena_zalloc(arena, sizeof(*call->records));
	call->count = 1;
	if (call->records == NULL) {
		call->no_memory = true;
		call->count = 0;
		return;
	}
	ph_record_fail(call, &call->records[0], PH_MAP_HELD, stage, reason, path, where,
	    "%s", text);
}

typedef struct collector {
	ph_map_call *call;
	size_t room;
	size_t roots;
} collector;

static bool
add_record(void *self, const ph_node *node)
{
	collector *c = self;
	ph_map_call *call = c->call;
	if (call->count == c->room) {
		size_t room = c->room == 0 ? 4 : 2 * c->room;
		ph_record *more = ph_arena_alloc(
		    ph_document_arena(call->target), room * sizeof(*more));
		if (more == NULL) {
			call->no_memory = true;
			return false;
		}
		if (call->count > 0)
			memcpy(more, call->records, call->count * sizeof(*more));
		call->records = more;
		c->room = room;
	}
	call->records[call->count++] = (ph_record){.node = node};
	return true;
}

static bool
add_root(void *self, const ph_node *node)
{
	collector *c = self;
	const ph_map *map = c->call->map;
	c->roots++;
	if (!map->has_each)
		return add_record(self, node);
	return ph_path_walk(
	    c->call->source_names, &map->each, node, false, add_record, self);
}

/* Find the records of a vendor's document. */
static void
split(ph_map_call *call, const ph_node *root)
{
	const ph_map *map = call->map;
	collector c = {.call = call};
	ph_path_walk(call->source_names, &map->root_in, root, ph_vendor_is_xml(map),
	    add_root, &c);
	if (c.roots > 0 || call->no_memory)
		return;
	const ph_path *way = &map->root_in;
	fail_whole(call, "decode", "malformed", way->text == NULL ? "" : way->text,
	    map->file,
	    "PH2409 this is not what the map reads: its root is not in the document");
}

static bool
take_envelope(ph_map_call *call, const ph_node **root)
{
	ph_node *header, *body;
	ph_error why;
	ph_status status = ph_soap_unwrap(call->source, &header, &body, &why);
	if (status != PH_OK) {
		fail_whole(call, "decode", "malformed", "", why.where, why.text);
		return false;
	}
	call->header = header;
	*root = body;
	return true;
}

static void
open_in(ph_map_call *call)
{
	const ph_node *root = ph_document_root(call->source);
	if (call->map->format == PH_MAP_SOAP && !take_envelope(call, &root))
		return;
	split(call, root);
}

static void
open_out(ph_map_call *call)
{
	const ph_map *map = call->map;
	const ph_node *root = ph_document_root(call->source);
	collector c = {.call = call};
	ph_violation violation;
	ph_status status = PH_OK;
	if (map->schema != NULL)
		status = ph_schema_check(map->schema, call->source, root,
		    (call->flags & PH_MAP_PARTIAL) != 0 ? PH_SCHEMA_PARTIAL : 0,
		    &violation);
	if (status == PH_ERR_INVALID) {
		char text[2 * PH_ERROR_TEXT];
		snprintf(text, sizeof(text), "%.7s%s %s", violation.text,
		    violation.path, violation.text + 7);
		fail_whole(call, "validate", "invalid", violation.path,
		    ph_schema_file(map->schema), text);
		return;
	}
	if (status != PH_OK)
		call->no_memory = true;
	else
		add_record(&c, root);
}

/* A stranger's document is held to the vendor's schema before it is mapped. */
static bool
hold_to_schema(ph_map_call *call, const void *bytes, size_t length)
{
	ph_error why;
	char path[PH_XSD_PATH];
	ph_status status =
	    (call->flags & PH_MAP_ALONE) != 0
		? PH_OK
		: ph_vendor_check(call->map, "vendor", bytes, length, path, &why);
	if (status == PH_ERR_NOMEM)
		call->no_memory = true;
	else if (status != PH_OK)
		fail_whole(call, "validate",
		    status == PH_ERR_TOO_LARGE ? "too-large" : "invalid", path,
		    why.where, why.text);
	return status == PH_OK;
}

static void
open_document(ph_map_call *call, const void *bytes, size_t length)
{
	const ph_map *map = call->map;
	bool out = call->direction == PH_FLOWS_OUT;
	ph_error why;
	ph_status status = PH_OK;
	/* A map without canonical side writes from values alone. */
	if (out && map->schema == NULL)
		ph_document_set_root(
		    call->source, ph_node_new(call->source, PH_NODE_OBJECT, NULL, 0));
	else
		status = decode(call, bytes, length, &why);
	if (status == PH_ERR_NOMEM) {
		call->no_memory = true;
		return;
	}
	if (status != PH_OK) {
		fail_whole(call, "decode",
		    status == PH_ERR_TOO_LARGE ? "too-large" : "malformed", "",
		    why.where, why.text);
		return;
	}
	call->source_names =
	    ph_names_bind(out ? map->canonical_names : map->vendor_names, call->source);
	if (call->source_names == NULL)
		call->no_memory = true;
	else if (out)
		open_out(call);
	else if (hold_to_schema(call, bytes, length))
		open_in(call);
}

static ph_status
new_documents(ph_map_call *call, size_t length, ph_error *err)
{
	bool out = call->direction == PH_FLOWS_OUT;
	size_t most = length > ((size_t) 16 << 20) ? (size_t) 16 << 20 : length;
	ph_status status = ph_document_new(out ? "canonical" : "vendor",
	    SOURCE_FLOOR + SOURCE_FACTOR * most, &call->source, err);
	if (status == PH_OK)
		status = ph_document_new(
		    "output", TARGET_FLOOR + TARGET_FACTOR * most, &call->target, err);
	if (status == PH_OK)
		status = ph_table_new(&call->wanted_index, err);
	if (status != PH_OK)
		return status;
	call->target_names = ph_names_bind(
	    out ? call->map->vendor_names : call->map->canonical_names, call->target);
	return call->target_names != NULL ? PH_OK
					  : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

ph_status
ph_map_call_new(const ph_map *map, ph_map_direction direction, unsigned flags,
    const void *bytes, size_t length, ph_map_call **out, ph_error *err)
{
	PH_ASSERT(map != NULL && out != NULL);
	if (!ph_map_goes(map, direction))
		return ph_fail(err, PH_ERR_USAGE, "PH2054 the map %s does not go %s",
		    map->name, direction == PH_MAP_IN ? "in" : "out");
	ph_map_call *call = calloc(1, sizeof(*call));
	if (call == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	call->map = map;
	call->direction = direction == PH_MAP_IN ? PH_FLOWS_IN : PH_FLOWS_OUT;
	call->flags = flags;
	ph_status status = new_documents(call, length, err);
	if (status == PH_OK)
		open_document(call, bytes, length);
	if (status == PH_OK && call->no_memory)
		status = ph_fail(err, PH_ERR_NOMEM, "out of memory");
	if (status != PH_OK) {
		ph_map_call_destroy(&call);
		return status;
	}
	*out = call;
	return PH_OK;
}

static ph_status
set_one(ph_map_call *call, const char *name, const char *value, size_t length,
    ph_error *err)
{
	int number = ph_context_find(&call->map->context, name);
	if (number < 0)
		return PH_OK;
	call->context[number] = (ph_value){0};
	if (value == NULL)
		return PH_OK;
	const char *copy = ph_arena_dup(ph_document_arena(call->target), value, length);
	if (copy == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	call->context[number] = ph_value_text(copy, length);
	call->context[number].flags = ph_context_flags(name);
	return PH_OK;
}

ph_status
ph_map_call_set(ph_map_call *call, const char *name, const char *value, ph_error *err)
{
	PH_ASSERT(!call->collected && !call->ran);
	if (!ph_context_known(name))
		return ph_fail(err, PH_ERR_USAGE, "no value is called $%s", name);
	ph_status status =
	    set_one(call, name, value, value == NULL ? 0 : strlen(value), err);
	if (status != PH_OK || strcmp(name, "event.source") != 0 || value == NULL)
		return status;
	const char *colon = strrchr(value, ':');
	const char *origin = colon == NULL ? value : colon + 1;
	return set_one(call, "origin", origin, strlen(origin), err);
}

ph_status
ph_map_call_reference(ph_map_call *call, size_t index, ph_map_reference *kind,
    const char **entity, const char **system, const char **key)
{
	if (!call->collected)
		ph_call_collect(call);
	if (call->no_memory)
		return PH_ERR_NOMEM;
	if (index >= call->wanted_count)
		return PH_ERR_NOT_FOUND;
	const ph_wanted *wanted = call->wanted[index];
	if (kind != NULL)
		*kind = wanted->kind;
	if (entity != NULL)
		*entity = wanted->entity;
	if (system != NULL)
		*system = wanted->system;
	if (key != NULL)
		*key = wanted->key;
	return PH_OK;
}

ph_status
ph_map_call_answer(ph_map_call *call, size_t index, const char *value, ph_error *err)
{
	if (index >= call->wanted_count)
		return ph_fail(err, PH_ERR_USAGE, "no reference of that number");
	call->wanted[index]->answer = NULL;
	if (value == NULL)
		return PH_OK;
	call->wanted[index]->answer =
	    ph_arena_strdup(ph_document_arena(call->target), value);
	return call->wanted[index]->answer != NULL
		   ? PH_OK
		   : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

ph_status
ph_map_call_run(ph_map_call *call, ph_error *err)
{
	PH_ASSERT(!call->ran);
	ph_call_run(call);
	return call->no_memory ? ph_fail(err, PH_ERR_NOMEM, "out of memory") : PH_OK;
}

static const ph_record *
record_at(const ph_map_call *call, size_t record)
{
	PH_ASSERT(record < call->count);
	return &call->records[record];
}

size_t
ph_map_call_count(const ph_map_call *call)
{
	return call->count;
}

ph_map_result
ph_map_call_result(const ph_map_call *call, size_t record)
{
	const ph_record *r = record_at(call, record);
	PH_ASSERT(call->ran || r->failed);
	return r->result;
}

const void *
ph_map_call_data(const ph_map_call *call, size_t record, size_t *length)
{
	const ph_record *r = record_at(call, record);
	*length = r->length;
	return r->data;
}

const char *
ph_map_call_media(const ph_map_call *call, size_t record)
{
	const ph_record *r = record_at(call, record);
	return r->media != NULL ? r->media : ph_map_media(call->map);
}

int
ph_map_call_attribute(const ph_map_call *call, size_t record, size_t index,
    const char **name, const char **value)
{
	const ph_record *r = record_at(call, record);
	if (index >= r->attribute_count)
		return 0;
	*name = r->attributes[index].name;
	*value = r->attributes[index].value;
	return 1;
}

const char *
ph_map_call_get(const ph_map_call *call, size_t record, const char *name)
{
	const ph_record *r = record_at(call, record);
	for (size_t i = 0; i < r->attribute_count; i++)
		if (strcmp(r->attributes[i].name, name) == 0)
			return r->attributes[i].value;
	return NULL;
}

const void *
ph_map_call_digest(const ph_map_call *call, size_t record, size_t *length)
{
	const ph_record *r = record_at(call, record);
	*length = r->digest_length;
	return r->digest;
}

int
ph_map_call_binding(const ph_map_call *call, size_t record, size_t index,
    const char **entity, const char **system, const char **key, const char **id)
{
	const ph_binding *b = record_at(call, record)->bindings;
	while (b != NULL && index-- > 0)
		b = b->next;
	if (b == NULL)
		return 0;
	*entity = b->entity;
	*system = b->system;
	*key = b->key;
	*id = b->id;
	return 1;
}

int
ph_map_call_url(const ph_map_call *call, size_t record, size_t index, const char **name,
    const char **value)
{
	const ph_record *r = record_at(call, record);
	if (index >= call->map->url_count)
		return 0;
	*name = call->map->urls[index];
	*value = r->urls[index];
	return 1;
}

int
ph_map_call_pair(const ph_map_call *call, size_t record, size_t index,
    const char **name, const char **value, size_t *length)
{
	const ph_record *r = record_at(call, record);
	if (index >= r->pair_count)
		return 0;
	*name = r->pairs[index].name;
	*value = r->pairs[index].value;
	if (length != NULL)
		*length = r->pairs[index].length;
	return 1;
}

const char *
ph_map_call_stage(const ph_map_call *call, size_t record)
{
	const ph_record *r = record_at(call, record);
	return r->stage == NULL ? "" : r->stage;
}

const char *
ph_map_call_reason(const ph_map_call *call, size_t record)
{
	const ph_record *r = record_at(call, record);
	return r->reason == NULL ? "" : r->reason;
}

const char *
ph_map_call_path(const ph_map_call *call, size_t record)
{
	const ph_record *r = record_at(call, record);
	return r->path == NULL ? "" : r->path;
}

const ph_error *
ph_map_call_error(const ph_map_call *call, size_t record)
{
	static const ph_error none;
	const ph_record *r = record_at(call, record);
	return r->error == NULL ? &none : r->error;
}

const char *
ph_map_call_warning(const ph_map_call *call, size_t record, size_t index)
{
	const ph_warning *w = record_at(call, record)->warnings;
	while (w != NULL && index-- > 0)
		w = w->next;
	return w == NULL ? NULL : w->text;
}
