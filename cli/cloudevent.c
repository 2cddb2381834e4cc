/*
 * The JSON is read into a document tree, where numbers are text; each member but the data is an
 * attribute. The data node is written out again as compact JSON, which gives back every number as
 * it was. The other way the payload is parsed and written once more, so that an event is one line
 * whatever the payload's layout was; what cannot be parsed goes as text or base64.
 */
#include "cli/cloudevent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/text.h"
#include "lib/codec/codec.h"

#define DOCUMENT_MOST (24u << 20) /* memory for one event's tree */
#define JSON_TYPE     "application/json"

/* --- base64 --- */

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
ph_base64_encode(const void *bytes, size_t length, ph_buffer *out)
{
	const uint8_t *from = bytes;
	for (size_t at = 0; at < length; at += 3) {
		size_t left = length - at;
		uint32_t word = (uint32_t) from[at] << 16;
		word |= left > 1 ? (uint32_t) from[at + 1] << 8 : 0;
		word |= left > 2 ? from[at + 2] : 0;
		ph_buffer_u8(out, (uint8_t) digits[word >> 18]);
		ph_buffer_u8(out, (uint8_t) digits[word >> 12 & 63]);
		ph_buffer_u8(out, left > 1 ? (uint8_t) digits[word >> 6 & 63] : '=');
		ph_buffer_u8(out, left > 2 ? (uint8_t) digits[word & 63] : '=');
	}
}

static int
digit_value(char digit)
{
	const char *found = digit != '\0' ? strchr(digits, digit) : NULL;
	return found != NULL ? (int) (found - digits) : -1;
}

bool
ph_base64_decode(const char *text, size_t length, ph_buffer *out)
{
	if (length % 4 != 0)
		return false;
	for (size_t at = 0; at < length; at += 4) {
		bool last = at + 4 == length;
		size_t padding =
		    last && text[at + 3] == '=' ? 1u + (text[at + 2] == '=') : 0;
		uint32_t word = 0;
		for (size_t i = 0; i < 4 - padding; i++) {
			int value = digit_value(text[at + i]);
			if (value < 0)
				return false;
			word |= (uint32_t) value << (18 - 6 * i);
		}
		ph_buffer_u8(out, (uint8_t) (word >> 16));
		if (padding < 2)
			ph_buffer_u8(out, (uint8_t) (word >> 8));
		if (padding < 1)
			ph_buffer_u8(out, (uint8_t) word);
	}
	return !out->failed;
}

/* --- which data are JSON --- */

/* "application/json", "text/json" and "...+json", with or without parameters. */
static bool
is_json_type(const char *type)
{
	size_t length = strcspn(type, "; \t");
	if (length > 5 && strncasecmp(type + length - 5, "+json", 5) == 0)
		return true;
	return (length == strlen(JSON_TYPE) &&
		   strncasecmp(type, JSON_TYPE, length) == 0) ||
	       (length == 9 && strncasecmp(type, "text/json", 9) == 0);
}

/* --- from JSON --- */

/* An event being read. */
typedef struct reading {
	const char *where;
	ph_document *document;
	ph_attribute attributes[PH_MESSAGE_ATTRIBUTES_MAX + 1];
	size_t count;
	const ph_node *data;   /* `data`, or NULL */
	const ph_node *base64; /* `data_base64`, or NULL */
	const char *type;      /* datacontenttype, or NULL */
	ph_buffer bytes;       /* the payload */
	ph_error *err;
} reading;

static ph_status
bad(const reading *r, const ph_node *node, const char *why)
{
	char place[PH_ERROR_WHERE];
	(void) snprintf(place, sizeof place, "%s:%u:%u", r->where,
	    node != NULL ? (unsigned) node->line : 1u,
	    node != NULL ? (unsigned) node->column : 1u);
	return ph_fail_at(r->err, PH_ERR_INVALID, place, "PH7021 %.40s%s%s",
	    node != NULL && node->name != NULL ? node->name : "event",
	    why[0] == ':' ? "" : " ", why);
}

static ph_status
add_attribute(reading *r, const ph_node *node)
{
	if (node->kind == PH_NODE_NULL)
		return PH_OK;
	if (!ph_node_is_scalar(node))
		return bad(r, node, "must be a text, a whole number or true or false");
	if (strcmp(node->name, "specversion") == 0)
		return ph_text_is(node->text, node->length, "1.0")
			   ? PH_OK
			   : bad(r, node, "must be \"1.0\"");
	if (r->count >= PH_MESSAGE_ATTRIBUTES_MAX)
		return bad(r, node, "is one attribute too many (64 at most)");
	if (strcmp(node->name, "datacontenttype") == 0)
		r->type = node->text;
	r->attributes[r->count++] = (ph_attribute){
	    .name = node->name,
	    .value = node->text,
	    .length = node->length,
	};
	return PH_OK;
}

static ph_status
read_members(reading *r, const ph_node *root)
{
	if (root->kind != PH_NODE_OBJECT)
		return bad(r, root, "must be one JSON object a line");
	static const char *const needed[] = {"specversion", "id", "source", "type"};
	static const char *const missing[] = {"has no `specversion`: \"1.0\"",
	    "has no `id`", "has no `source`", "has no `type`"};
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		const char *text = ph_node_text(root, needed[i]);
		if (text == NULL || text[0] == '\0')
			return bad(r, root, missing[i]);
	}
	for (const ph_node *node = root->first; node != NULL; node = node->next) {
		ph_status status = PH_OK;
		if (strcmp(node->name, "data") == 0)
			r->data = node;
		else if (strcmp(node->name, "data_base64") == 0)
			r->base64 = node->kind == PH_NODE_NULL ? NULL : node;
		else
			status = add_attribute(r, node);
		if (status != PH_OK)
			return status;
	}
	if (r->data != NULL && r->base64 != NULL)
		return bad(r, r->base64, "and `data` exclude each other");
	return PH_OK;
}

static ph_status
read_data(reading *r)
{
	if (r->base64 != NULL) {
		if (r->base64->kind != PH_NODE_STRING ||
		    !ph_base64_decode(r->base64->text, r->base64->length, &r->bytes))
			return bad(r, r->base64, "is not base64");
		return PH_OK;
	}
	if (r->data == NULL)
		return PH_OK;
	if (r->type == NULL || is_json_type(r->type)) {
		if (r->type == NULL)
			r->attributes[r->count++] = (ph_attribute){
			    .name = "datacontenttype",
			    .value = JSON_TYPE,
			    .length = strlen(JSON_TYPE),
			};
		return ph_json_encode(r->data, 0, &r->bytes, r->err);
	}
	if (r->data->kind != PH_NODE_STRING)
		return bad(
		    r, r->data, "must be a text where datacontenttype is not JSON");
	ph_buffer_append(&r->bytes, r->data->text, r->data->length);
	return PH_OK;
}

static ph_status
build(reading *r, ph_message **out)
{
	ph_status status = read_members(r, ph_document_root(r->document));
	if (status == PH_OK)
		status = read_data(r);
	if (status == PH_OK && r->bytes.failed)
		status = ph_fail(r->err, PH_ERR_NOMEM, "no memory for an event");
	if (status != PH_OK)
		return status;
	status = ph_message_new(
	    r->attributes, r->count, r->bytes.data, r->bytes.length, out, r->err);
	if (status != PH_OK && r->err != NULL)
		(void) snprintf(r->err->where, sizeof r->err->where, "%s", r->where);
	return status;
}

/* A copy of the event's id, also of an event that is no message. */
static char *
copy_id(const ph_document *document)
{
	const ph_node *root = document != NULL ? ph_document_root(document) : NULL;
	const char *id = root != NULL && root->kind == PH_NODE_OBJECT
			     ? ph_node_text(root, "id")
			     : NULL;
	return strdup(id != NULL ? id : "");
}

ph_status
ph_cloudevent_decode(const char *where, const void *json, size_t length,
    ph_message **out, char **id, ph_error *err)
{
	reading r = {.where = where, .err = err};
	ph_buffer_init(&r.bytes, 0);
	ph_status status = ph_document_new(where, DOCUMENT_MOST, &r.document, err);
	if (status == PH_OK)
		status = ph_json_decode(r.document, json, length, err);
	if (status == PH_OK)
		status = build(&r, out);
	if (id != NULL)
		*id = copy_id(r.document);
	ph_buffer_fini(&r.bytes);
	ph_document_destroy(&r.document);
	return status;
}

/* --- to JSON --- */

static void
quote(ph_buffer *out, const char *text, size_t length)
{
	ph_buffer_u8(out, '"');
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t) text[i];
		if (byte == '"' || byte == '\\')
			ph_buffer_printf(out, "\\%c", byte);
		else if (byte == '\n')
			ph_buffer_text(out, "\\n");
		else if (byte < 0x20 || byte == 0x7f)
			ph_buffer_printf(out, "\\u%04x", byte);
		else
			ph_buffer_u8(out, byte);
	}
	ph_buffer_u8(out, '"');
}

/* The payload as JSON again, if it is some; else nothing is appended. */
static bool
append_json(ph_buffer *out, const void *data, size_t length)
{
	ph_document *document = NULL;
	size_t before = out->length;
	ph_buffer_text(out, ",\"data\":");
	bool fine = ph_document_new("data", DOCUMENT_MOST, &document, NULL) == PH_OK &&
		    ph_json_decode(document, data, length, NULL) == PH_OK &&
		    ph_json_encode(ph_document_root(document), 0, out, NULL) == PH_OK;
	ph_document_destroy(&document);
	if (!fine)
		out->length = before;
	return fine;
}

static void
append_data(ph_buffer *out, const ph_message *message)
{
	size_t length = 0;
	const void *data = ph_message_data(message, &length);
	const char *type = ph_message_get(message, "datacontenttype", NULL);
	if (length == 0)
		return;
	if ((type == NULL || is_json_type(type)) && append_json(out, data, length))
		return;
	if (type != NULL && !is_json_type(type) && ph_utf8_valid(data, length, NULL) &&
	    memchr(data, '\0', length) == NULL) {
		ph_buffer_text(out, ",\"data\":");
		quote(out, data, length);
		return;
	}
	ph_buffer_text(out, ",\"data_base64\":\"");
	ph_base64_encode(data, length, out);
	ph_buffer_u8(out, '"');
}

ph_status
ph_cloudevent_encode(
    const ph_message *message, bool with_data, ph_buffer *out, ph_error *err)
{
	ph_buffer_text(out, "{\"specversion\":\"1.0\"");
	const char *name = NULL;
	for (size_t i = 0; i < ph_message_count(message); i++) {
		const char *value = ph_message_at(message, i, &name);
		ph_buffer_printf(out, ",\"%s\":", name);
		quote(out, value, strlen(value));
	}
	if (with_data)
		append_data(out, message);
	ph_buffer_u8(out, '}');
	if (out->failed)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for an event");
	return PH_OK;
}
