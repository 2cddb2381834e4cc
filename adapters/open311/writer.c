#include "adapters/open311/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/open311/target.h"

/* ---- text that grows ---- */

typedef struct text {
	char *at;
	size_t length, capacity;
	bool failed;
} text;

static void
append(text *out, const char *bytes, size_t length)
{
	if (out->length + length + 1 > out->capacity) {
		size_t capacity = (out->length + length + 1) * 2;
		char *grown = out->failed ? NULL : realloc(out->at, capacity);
		if (!grown) {
			out->failed = true;
			return;
		}
		out->at = grown;
		out->capacity = capacity;
	}
	memcpy(out->at + out->length, bytes, length);
	out->length += length;
	out->at[out->length] = '\0';
}

static void
append_text(text *out, const char *word)
{
	append(out, word, strlen(word));
}

/* What XML has to write otherwise, or cannot hold at all. */
static const char *
entity_of(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#13;";
	case '\t':
	case '\n':
		return NULL;
	default:
		return c < 0x20 ? "\xef\xbf\xbd" : NULL;
	}
}

static void
append_escaped(text *out, const char *bytes, size_t length)
{
	size_t from = 0;
	for (size_t i = 0; i < length; i++) {
		const char *entity = entity_of((unsigned char) bytes[i]);
		/* U+FFFE and U+FFFF are EF BF BE and EF BF BF */
		bool none = !entity && i + 2 < length &&
			    !memcmp(bytes + i, "\xef\xbf", 2) &&
			    (unsigned char) bytes[i + 2] >= 0xbe;
		if (!entity && !none)
			continue;
		append(out, bytes + from, i - from);
		append_text(out, none ? "\xef\xbf\xbd" : entity);
		i += none ? 2 : 0;
		from = i + 1;
	}
	append(out, bytes + from, length - from);
}

/* ---- XML ---- */

/* The element for one item of a list of this name; NULL: repeat the name itself. */
static const char *
singular(const char *name)
{
	static const char *const words[][2] = {{"services", "service"},
	    {"service_requests", "request"},
	    {"service_request_updates", "request_update"}, {"errors", "error"},
	    {"attributes", "attribute"}, {"values", "value"}, {"endpoints", "endpoint"},
	    {"formats", "format"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(words[i][0], name))
			return words[i][1];
	return NULL;
}

static bool
is_name(const char *name)
{
	static const char first[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-.";
	return *name && strchr(first, *name) && strspn(name, rest) == strlen(name);
}

static void write_element(text *out, const char *name, const json_t *value);

static void
write_members(text *out, const json_t *object)
{
	for (void *at = json_object_iter((json_t *) (uintptr_t) object); at;
	     at = json_object_iter_next((json_t *) (uintptr_t) object, at))
		write_element(
		    out, json_object_iter_key(at), json_object_iter_value(at));
}

static void
write_list(text *out, const char *name, const json_t *list)
{
	const char *item_name = singular(name);
	size_t index = 0;
	json_t *item = NULL;
	if (item_name) {
		append_text(out, "<");
		append_text(out, name);
		append_text(out, ">");
	}
	json_array_foreach(list, index, item)
	{
		write_element(out, item_name ? item_name : name, item);
	}
	if (item_name) {
		append_text(out, "</");
		append_text(out, name);
		append_text(out, ">");
	}
}

static void
write_element(text *out, const char *name, const json_t *value)
{
	if (!is_name(name))
		return;
	if (json_is_array(value)) {
		write_list(out, name, value);
		return;
	}
	append_text(out, "<");
	append_text(out, name);
	if (json_is_string(value) && !json_string_length(value)) {
		append_text(out, "/>");
		return;
	}
	append_text(out, ">");
	if (json_is_object(value))
		write_members(out, value);
	else if (json_is_string(value))
		append_escaped(
		    out, json_string_value(value), json_string_length(value));
	else if (json_is_integer(value)) {
		char digits[32];
		snprintf(digits, sizeof digits, "%lld",
		    (long long) json_integer_value(value));
		append_text(out, digits);
	}
	append_text(out, "</");
	append_text(out, name);
	append_text(out, ">");
}

const char *
ph_writer_type(ph_writer_format format)
{
	return format == PH_WRITER_JSON ? "application/json; charset=utf-8"
					: "text/xml; charset=utf-8";
}

char *
ph_writer_write(ph_writer_format format, const char *root, const json_t *tree)
{
	if (!tree)
		return NULL;
	if (format == PH_WRITER_JSON)
		return json_dumps(tree, JSON_COMPACT);
	text out = {.at = NULL};
	append_text(&out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
	write_element(&out, root, tree);
	append_text(&out, "\n");
	if (!out.failed)
		return out.at;
	free(out.at);
	return NULL;
}

/* ---- trees ---- */

static void
put(json_t *object, const char *name, const char *value)
{
	json_object_set_new(object, name, json_string(value ? value : ""));
}

static void
put_truth(json_t *object, const char *name, bool value)
{
	put(object, name, value ? "true" : "false");
}

/* A text that may not be UTF-8 would make no node: it is left out then. */
static json_t *
node_of(ph_adapter_text value)
{
	return json_stringn(value.length ? value.data : "", value.length);
}

json_t *
ph_writer_error(unsigned status, const char *message)
{
	json_t *list = json_array(), *error = json_object();
	json_object_set_new(error, "code", json_integer((json_int_t) status));
	put(error, "description", message);
	json_array_append_new(list, error);
	return list;
}

static bool
has_attributes(const ph_open311_settings *settings, const json_t *service)
{
	size_t index = 0;
	json_t *definition = NULL;
	json_array_foreach(settings->attributes, index, definition)
	{
		if (ph_open311_applies(definition, service))
			return true;
	}
	return false;
}

json_t *
ph_writer_services(const ph_open311_settings *settings)
{
	json_t *list = json_array();
	size_t index = 0;
	json_t *row = NULL;
	json_array_foreach(settings->services, index, row)
	{
		json_t *service = json_object();
		const char *code = ph_plug_string(row, "service_code", "");
		const char *name = ph_plug_string(row, "service_name", code);
		put(service, "service_code", code);
		put(service, "service_name", name);
		put(service, "description", ph_plug_string(row, "description", name));
		put_truth(service, "metadata", has_attributes(settings, row));
		put(service, "type", "realtime");
		put(service, "keywords", ph_plug_string(row, "keywords", ""));
		put(service, "group", ph_plug_string(row, "group", ""));
		json_array_append_new(list, service);
	}
	return list;
}

static json_t *
attribute_of(const json_t *definition, size_t position)
{
	json_t *out = json_object();
	const json_t *order = json_object_get(definition, "order");
	const json_t *values = json_object_get(definition, "values");
	const char *code = ph_plug_string(definition, "code", "");
	put_truth(out, "variable", ph_plug_boolean(definition, "variable", true));
	put(out, "code", code);
	put(out, "datatype", ph_plug_string(definition, "datatype", "string"));
	put_truth(out, "required", ph_plug_boolean(definition, "required", false));
	put(out, "datatype_description",
	    ph_plug_string(definition, "datatype_description", ""));
	json_object_set_new(out, "order",
	    json_integer(order ? json_integer_value(order) : (json_int_t) position));
	put(out, "description", ph_plug_string(definition, "description", code));
	const char *automated = ph_plug_string(definition, "automated", NULL);
	if (automated)
		put(out, "automated", automated);
	if (values)
		json_object_set_new(out, "values", json_deep_copy(values));
	return out;
}

json_t *
ph_writer_definition(const ph_open311_settings *settings, const json_t *service)
{
	json_t *out = json_object(), *list = json_array();
	size_t index = 0;
	json_t *definition = NULL;
	put(out, "service_code", ph_plug_string(service, "service_code", ""));
	json_array_foreach(settings->attributes, index, definition)
	{
		if (ph_open311_applies(definition, service))
			json_array_append_new(
			    list, attribute_of(definition, json_array_size(list) + 1));
	}
	json_object_set_new(out, "attributes", list);
	return out;
}

json_t *
ph_writer_discovery(const ph_open311_settings *settings)
{
	const json_t *about = settings->discovery;
	const char *changeset = ph_plug_string(about, "changeset", "");
	json_t *out = json_object(), *endpoints = json_array();
	put(out, "changeset", changeset);
	put(out, "contact", ph_plug_string(about, "contact", ""));
	put(out, "key_service", ph_plug_string(about, "key_service", ""));
	json_t *endpoint = json_object();
	put(endpoint, "specification", "http://wiki.open311.org/GeoReport_v2");
	put(endpoint, "url", ph_plug_string(about, "url", ""));
	put(endpoint, "changeset", changeset);
	put(endpoint, "type", ph_plug_string(about, "type", "production"));
	json_object_set_new(
	    endpoint, "formats", json_pack("[s,s]", "text/xml", "application/json"));
	json_array_append_new(endpoints, endpoint);
	json_object_set_new(out, "endpoints", endpoints);
	return out;
}

/* A pair into the object; a name that comes again makes a list. */
static void
put_pair(json_t *object, const char *name, json_t *value)
{
	json_t *there = json_object_get(object, name);
	if (!there || (json_is_string(there) && !json_string_length(there))) {
		json_object_set_new(object, name, value);
	} else if (json_is_array(there)) {
		json_array_append_new(there, value);
	} else {
		json_t *list = json_array();
		json_array_append(list, there);
		json_array_append_new(list, value);
		json_object_set_new(object, name, list);
	}
}

/* GeoReport's times are in whole seconds: "2026-11-23T04:19:00.123Z" loses its fraction. */
static json_t *
value_of(const char *name, ph_adapter_text value)
{
	static const char ending[] = "_datetime";
	enum { SECONDS = 19 };
	size_t length = strlen(name);
	char whole[64];
	bool time = length >= sizeof ending &&
		    !strcmp(name + length - (sizeof ending - 1), ending);
	if (!time || value.length <= SECONDS || value.length >= sizeof whole ||
	    value.data[SECONDS] != '.')
		return node_of(value);
	uint64_t rest = SECONDS + 1;
	while (
	    rest < value.length && value.data[rest] >= '0' && value.data[rest] <= '9')
		rest++;
	memcpy(whole, value.data, SECONDS);
	memcpy(whole + SECONDS, value.data + rest, value.length - rest);
	return json_stringn(whole, SECONDS + (value.length - rest));
}

/* The standard's own fields first, all of them; then what else the map wrote. */
static json_t *
record_tree(const ph_adapter_record *record, const char *const *standard)
{
	json_t *out = json_object();
	for (; *standard; standard++)
		put(out, *standard, "");
	for (uint64_t i = 0; i < record->pair_count; i++) {
		char *name = ph_plug_dup(record->pairs[i].name);
		json_t *value = name ? value_of(name, record->pairs[i].value) : NULL;
		if (name && value && is_name(name))
			put_pair(out, name, value);
		else
			json_decref(value);
		free(name);
	}
	return out;
}

static void
put_if_empty(json_t *object, const char *name, const char *value)
{
	if (!*ph_plug_string(object, name, ""))
		put(object, name, value);
}

json_t *
ph_writer_requests(
    const ph_open311_settings *settings, const ph_adapter_records *records)
{
	static const char *const standard[] = {"service_request_id", "status",
	    "status_notes", "service_name", "service_code", "description",
	    "agency_responsible", "service_notice", "requested_datetime",
	    "updated_datetime", "expected_datetime", "address", "address_id", "zipcode",
	    "lat", "long", "media_url", NULL};
	json_t *list = json_array();
	for (uint64_t i = 0; i < records->count; i++) {
		json_t *request = record_tree(records->records[i], standard);
		const char *code = ph_plug_string(request, "service_code", "");
		const json_t *service =
		    ph_open311_service(settings, code, strlen(code));
		char when[24];
		put_if_empty(request, "service_name",
		    service ? ph_plug_string(service, "service_name", code) : code);
		ph_target_time_write(records->records[i]->accepted, when);
		put_if_empty(request, "updated_datetime", when);
		json_array_append_new(list, request);
	}
	return list;
}

json_t *
ph_writer_updates(const ph_adapter_records *records)
{
	static const char *const standard[] = {"update_id", "service_request_id",
	    "status", "updated_datetime", "description", "media_url", NULL};
	json_t *list = json_array();
	for (uint64_t i = 0; i < records->count; i++) {
		json_t *update = record_tree(records->records[i], standard);
		char when[24];
		ph_target_time_write(records->records[i]->accepted, when);
		put_if_empty(update, "updated_datetime", when);
		json_array_append_new(list, update);
	}
	return list;
}

json_t *
ph_writer_posted_request(ph_adapter_text reference)
{
	json_t *list = json_array(), *request = json_object();
	json_object_set_new(request, "service_request_id", node_of(reference));
	put(request, "service_notice", "");
	put(request, "account_id", "");
	json_array_append_new(list, request);
	return list;
}

json_t *
ph_writer_posted_update(ph_adapter_text id)
{
	json_t *list = json_array(), *update = json_object();
	json_object_set_new(update, "update_id", node_of(id));
	json_array_append_new(list, update);
	return list;
}
