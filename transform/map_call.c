/*
 * map_call - one document on its way through a map: decoded, split into records, given its values
 * and references, run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "transform/map_inner.h"

#define TARGET_FLOOR  ((size_t) 4 << 20)
#define TARGET_FACTOR 64u
#define SOURCE_FLOOR  ((size_t) 2 << 20)
#define SOURCE_FACTOR 24u

void
ph_map_call_destroy(ph_map_call **call_p)
{
	if (*call_p != NULL)
		ph_map_call_leave(*call_p);
	*call_p = NULL;
}

/* Is what comes in held to the vendor's schema? */
static bool
is_held(const ph_map_call *call)
{
	return call->map->xsd != NULL &&
	       (call->flags & ((unsigned) PH_MAP_ALONE | PH_MAP_LOOSE)) == 0;
}

static ph_status
decode(ph_map_call *call, const void *bytes, size_t length, ph_error *err)
{
	if (call->direction == PH_FLOWS_OUT)
		return ph_json_decode(call->source, bytes, length, err);
	if (call->piece != NULL)
		return ph_vendor_decode_piece(call->map, call->source, &call->reader,
		    call->piece, call->state, err);
	return ph_vendor_decode_held(call->map, call->source, &call->reader,
	    is_held(call) ? &call->checker : NULL, bytes, length, err);
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
	char place[PH_ERROR_WHERE];
	snprintf(place, sizeof(place), "%s", where);
	if (call->piece != NULL)
		ph_piece_where(call->piece, place);
	ph_record_fail(call, &call->records[0], PH_MAP_HELD, stage, reason, path, place,
	    "%s", text);
}

typedef struct collector {
	ph_map_call *call;
	size_t room;
	size_t roots;
} collector;

/* A text in it was to be a document and is none. */
static void
fail_broken(ph_map_call *call, ph_record *record, const ph_node *node)
{
	const ph_node *broken = ph_vendor_broken(node);
	char path[256], where[PH_ERROR_WHERE];
	if (broken == NULL)
		return;
	ph_node_path(broken, path, sizeof path);
	ph_record_fail(call, record, PH_MAP_HELD, "decode", "malformed", path,
	    ph_node_where(call->source, broken, where, sizeof where),
	    "PH2410 the text of %s is not the document that vendor.open says", path);
}

static bool
add_one(void *self, const ph_node *node, const ph_node *whole)
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
	call->records[call->count] = (ph_record){.node = node, .whole = whole};
	if (call->direction == PH_FLOWS_IN)
		fail_broken(call, &call->records[call->count], node);
	call->count++;
	return true;
}

/* Was it in an earlier piece of the file already? */
static bool
is_repeated(const ph_map_call *call, const ph_node *node)
{
	const ph_piece *piece = call->piece;
	return piece != NULL && piece->head > 0 &&
	       (node->line < piece->head_line ||
		   (node->line == piece->head_line &&
		       node->column < piece->head_column));
}

static bool
add_record(void *self, const ph_node *node)
{
	collector *c = self;
	if (is_repeated(c->call, node))
		return true;
	return c->call->map->split == NULL || c->call->direction == PH_FLOWS_OUT
		   ? add_one(self, node, NULL)
		   : ph_split(c->call, node, add_one, self);
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
	if (map->split != NULL && ph_arena_failed(ph_document_arena(call->source))) {
		call->no_memory = false;
		fail_whole(call, "decode", "too-large", map->split_field.text,
		    map->file, "PH2407 the text has too many items");
		return;
	}
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

/* A stranger's document was held to the vendor's schema while it was decoded. */
static bool
keeps_schema(ph_map_call *call)
{
	ph_error why;
	char path[PH_XSD_PATH];
	ph_status status =
	    is_held(call) ? ph_xsd_checker_result(call->checker, path, &why) : PH_OK;
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
	if (out)
		open_out(call);
	else if (keeps_schema(call))
		open_in(call);
}

/* A call that takes `largest` bytes, with room for what `length` of them become. */
static ph_status
take_call(const ph_map *map, ph_map_direction direction, size_t length, size_t largest,
    ph_map_call **out, ph_error *err)
{
	size_t most = length > largest ? largest : length;
	ph_status status =
	    ph_map_call_take(map, direction == PH_MAP_IN ? PH_FLOWS_IN : PH_FLOWS_OUT,
		SOURCE_FLOOR + SOURCE_FACTOR * most,
		TARGET_FLOOR + TARGET_FACTOR * most, out, err);
	if (status == PH_OK)
		ph_document_take_input((*out)->source, largest);
	return status;
}

static ph_status
open_call(ph_map_call *call, const void *bytes, size_t length, ph_map_call **out,
    ph_error *err)
{
	open_document(call, bytes, length);
	if (call->no_memory) {
		ph_map_call_destroy(&call);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	*out = call;
	return PH_OK;
}

ph_status
ph_map_call_new(const ph_map *map, ph_map_direction direction, unsigned flags,
    const void *bytes, size_t length, ph_map_call **out, ph_error *err)
{
	PH_ASSERT(map != NULL && out != NULL);
	if (!ph_map_goes(map, direction))
		return ph_fail(err, PH_ERR_USAGE, "PH2054 the map %s does not go %s",
		    map->name, direction == PH_MAP_IN ? "in" : "out");
	ph_map_call *call;
	ph_status status = take_call(map, direction, length, map->largest, &call, err);
	if (status != PH_OK)
		return status;
	call->flags = flags;
	return open_call(call, bytes, length, out, err);
}

ph_status
ph_call_new_piece(const ph_map *map, const ph_piece *piece, ph_records_state *state,
    ph_map_call **out, ph_error *err)
{
	ph_map_call *call;
	ph_status status =
	    take_call(map, PH_MAP_IN, piece->length, piece->length, &call, err);
	if (status != PH_OK)
		return status;
	call->piece = piece;
	call->state = state;
	return open_call(call, piece->bytes, piece->length, out, err);
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
	if (!ph_utf8_valid(value, length, NULL)) /* patterns take it for granted */
		return ph_fail(err, PH_ERR_INVALID,
		    "PH3060 the value of $%s is not valid UTF-8", name);
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
