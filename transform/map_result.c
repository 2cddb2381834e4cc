/*
 * map_result - what became of the records of a call.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"

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
