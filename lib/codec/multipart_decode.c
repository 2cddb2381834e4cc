/*
 * multipart_decode - parts to members.
 *
 * A part that is a document is read by its own decoder into the same document: each sets
 * the root, which is then taken and linked as a member.
 */
#include "lib/codec/multipart_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "lib/codec/codec.h"
#include "lib/document/place.h"

typedef struct reader {
	ph_source source;
	ph_document *document;
	ph_error *err;
	ph_place place;
	ph_node *root;
	ph_xml_reader **xml; /* for parts that are XML */
	unsigned number;     /* of the part */
} reader;

/* What is done with a part. */
typedef enum manner { AS_TEXT, AS_JSON, AS_XML, AS_REFERENCE } manner;

static bool
refuse(reader *r, const ph_part *part, const char *text)
{
	ph_source_fail(&r->source, PH_ERR_INVALID,
	    (size_t) (part->heads.at - r->source.bytes), r->err, "%s", text);
	return false;
}

static bool
no_room(reader *r)
{
	ph_source_no_room(&r->source, r->err);
	return false;
}

/* "application/vnd.x+json; ..." ends in "+json"? */
static bool
has_suffix(ph_piece type, const char *suffix)
{
	size_t length = 0;
	while (length < type.length && strchr("; \t\r\n", type.at[length]) == NULL)
		length++;
	size_t size = strlen(suffix);
	return length > size && strncasecmp(type.at + length - size, suffix, size) == 0;
}

static manner
manner_of(const ph_part *part, ph_piece disposition)
{
	char name[PH_PART_NAME_MAX + 1];
	ph_piece type = ph_part_header(part, "content-type");
	if (ph_header_parameter(disposition, "filename", name) ||
	    ph_header_parameter(disposition, "filename*", name) ||
	    ph_header_is(disposition, "attachment"))
		return AS_REFERENCE;
	if (type.length == 0 || ph_header_is(type, "text/plain"))
		return AS_TEXT;
	if (ph_header_is(type, "application/json") || has_suffix(type, "+json"))
		return AS_JSON;
	if (ph_header_is(type, "text/xml") || ph_header_is(type, "application/xml") ||
	    has_suffix(type, "+xml"))
		return has_suffix(type, "svg+xml") ? AS_REFERENCE : AS_XML;
	return AS_REFERENCE;
}

/* A text of a header as a name of the document; NULL when refused. */
static bool
valid_name(reader *r, const ph_part *part, const char *text)
{
	return ph_utf8_valid(text, strlen(text), NULL) ||
	       refuse(r, part, "PH3004 a name that is not valid UTF-8");
}

static bool
content_id(const ph_part *part, char out[PH_PART_NAME_MAX + 1])
{
	ph_piece id = ph_part_header(part, "content-id");
	if (id.length > 1 && id.at[0] == '<' && id.at[id.length - 1] == '>')
		id = (ph_piece){id.at + 1, id.length - 2};
	if (id.length == 0 || id.length > PH_PART_NAME_MAX)
		return false;
	memcpy(out, id.at, id.length);
	out[id.length] = '\0';
	return true;
}

static const char *
name_of(reader *r, const ph_part *part, ph_piece disposition)
{
	char name[PH_PART_NAME_MAX + 1];
	bool form = ph_header_is(disposition, "form-data");
	if (form && !ph_header_parameter(disposition, "name", name)) {
		refuse(r, part,
		    "PH3505 a part of a form without a name, or with one of "
		    "more than 1,024 bytes");
		return NULL;
	}
	if (!form && !content_id(part, name))
		strcpy(name, "part");
	if (!valid_name(r, part, name))
		return NULL;
	const char *interned = ph_document_intern(r->document, name, strlen(name));
	if (interned == NULL)
		no_room(r);
	return interned;
}

static bool
link_part(reader *r, const ph_part *part, const char *name, ph_node *node)
{
	if (node == NULL || ph_source_overgrown(&r->source))
		return no_room(r);
	ph_place_at(&r->place, (size_t) (part->body.at - r->source.bytes), &node->line,
	    &node->column);
	ph_node_link(r->root, name, node);
	return true;
}

/* ---- text ---- */

static bool
charset_of(ph_piece type, ph_charset *out)
{
	char name[PH_PART_NAME_MAX + 1];
	*out = PH_CHARSET_UTF_8;
	if (!ph_header_parameter(type, "charset", name) ||
	    strcasecmp(name, "us-ascii") == 0)
		return true;
	for (char *at = name; *at != '\0'; at++)
		*at = (char) (*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
	return ph_charset_named(name, out);
}

/* Is a part's body a text of its charset, without zero bytes? Else *bad is where not. */
static bool
is_text(ph_charset charset, const ph_part *part, size_t *bad)
{
	const char *zero = memchr(part->body.at, 0, part->body.length);
	if (!ph_charset_valid(charset, part->body.at, part->body.length, bad))
		return false;
	if (zero != NULL)
		*bad = (size_t) (zero - part->body.at);
	return zero == NULL;
}

static bool
read_text(reader *r, const ph_part *part, const char *name)
{
	ph_charset charset;
	ph_buffer text;
	size_t bad = 0;
	if (!charset_of(ph_part_header(part, "content-type"), &charset))
		return refuse(
		    r, part, "PH3506 a text in a charset that is not read: send UTF-8");
	if (!is_text(charset, part, &bad)) {
		ph_source_fail(&r->source, PH_ERR_INVALID,
		    (size_t) (part->body.at - r->source.bytes) + bad, r->err,
		    "PH3004 a text that is not valid in its charset");
		return false;
	}
	ph_buffer_init_on(&text, 0, ph_document_arena(r->document));
	ph_charset_decode(charset, part->body.at, part->body.length, &text);
	ph_node *node =
	    text.failed ? NULL
			: ph_node_new(r->document, PH_NODE_STRING,
			      text.data == NULL ? "" : (char *) text.data, text.length);
	ph_buffer_fini(&text);
	return link_part(r, part, name, node);
}

/* ---- documents ---- */

/* "vendor:1:5" in the part becomes "vendor, part 3:1:5". */
static bool
pass_on(reader *r)
{
	const char *name = ph_document_name(r->document);
	size_t length = strlen(name);
	char where[PH_ERROR_WHERE];
	if (strncmp(r->err->where, name, length) != 0)
		return false;
	snprintf(where, sizeof where, "%.100s, part %u%.100s", name, r->number,
	    r->err->where + length);
	memcpy(r->err->where, where, sizeof where);
	return false;
}

static bool
read_document(reader *r, const ph_part *part, const char *name, manner how)
{
	const ph_piece *body = &part->body;
	ph_status status =
	    how == AS_JSON ? ph_json_decode(r->document, body->at, body->length, r->err)
			   : ph_xml_decode_kept(
				 r->xml, r->document, body->at, body->length, r->err);
	if (status != PH_OK)
		return pass_on(r);
	ph_node *root = ph_document_root(r->document);
	ph_document_set_root(r->document, NULL);
	if (how == AS_XML) {
		ph_node *outer = ph_node_new(r->document, PH_NODE_OBJECT, NULL, 0);
		if (outer == NULL)
			return no_room(r);
		ph_node_link(outer, NULL, root);
		root = outer;
	}
	return link_part(r, part, name, root);
}

/* ---- references ---- */

static bool
add(reader *r, ph_node *object, const char *name, const char *text)
{
	return ph_node_add_text(r->document, object, name, text, strlen(text)) !=
		   NULL ||
	       no_room(r);
}

/* A file name without folders, whichever system it came from. */
static const char *
base_name(const char *path)
{
	const char *base = path;
	for (; *path != '\0'; path++)
		if (*path == '/' || *path == '\\')
			base = path + 1;
	return base;
}

/* UTF-8''na%C3%AFve.txt (RFC 5987), in place. */
static bool
percent_decode(char *text)
{
	if (strncasecmp(text, "utf-8'", 6) != 0 || strchr(text + 6, '\'') == NULL)
		return false;
	const char *read = strchr(text + 6, '\'') + 1;
	char *write = text;
	while (*read != '\0') {
		uint8_t byte = 0;
		if (*read == '%' && strlen(read) >= 3 &&
		    ph_hex_decode(read + 1, 2, &byte) && byte != 0) {
			*write++ = (char) byte;
			read += 3;
		} else {
			*write++ = *read++;
		}
	}
	*write = '\0';
	return true;
}

static bool
add_names(reader *r, const ph_part *part, ph_piece disposition, ph_node *object)
{
	char text[PH_PART_NAME_MAX + 1];
	bool named =
	    ph_header_parameter(disposition, "filename*", text) && percent_decode(text);
	if (!named)
		named = ph_header_parameter(disposition, "filename", text);
	if (named && (!valid_name(r, part, text) ||
			 !add(r, object, "filename", base_name(text))))
		return false;
	ph_piece type = ph_part_header(part, "content-type");
	if (type.length > 0 && type.length <= PH_PART_NAME_MAX) {
		memcpy(text, type.at, type.length);
		text[type.length] = '\0';
		if (!valid_name(r, part, text) || !add(r, object, "type", text))
			return false;
	}
	return !content_id(part, text) ||
	       (valid_name(r, part, text) && add(r, object, "id", text));
}

static bool
read_reference(reader *r, const ph_part *part, const char *name, ph_piece disposition)
{
	char text[PH_PART_NAME_MAX + 1];
	ph_node *object = ph_node_new(r->document, PH_NODE_OBJECT, NULL, 0);
	ph_piece encoding = ph_part_header(part, "content-transfer-encoding");
	if (object == NULL)
		return no_room(r);
	if (!add_names(r, part, disposition, object))
		return false;
	if (encoding.length > 0 && encoding.length < 32) {
		memcpy(text, encoding.at, encoding.length);
		text[encoding.length] = '\0';
		if (!valid_name(r, part, text) || !add(r, object, "encoding", text))
			return false;
	}
	snprintf(text, sizeof text, "%zu", part->body.length);
	if (!add(r, object, "size", text))
		return false;
	snprintf(text, sizeof text, PH_PART_REFERENCE "%u", r->number);
	return add(r, object, "part", text) && link_part(r, part, name, object);
}

static bool
is_plain(ph_piece encoding)
{
	return encoding.length == 0 || ph_header_is(encoding, "7bit") ||
	       ph_header_is(encoding, "8bit") || ph_header_is(encoding, "binary");
}

static bool
read_part(reader *r, const ph_part *part)
{
	ph_piece disposition = ph_part_header(part, "content-disposition");
	manner how = manner_of(part, disposition);
	const char *name = name_of(r, part, disposition);
	if (name == NULL)
		return false;
	if (how == AS_REFERENCE)
		return read_reference(r, part, name, disposition);
	if (!is_plain(ph_part_header(part, "content-transfer-encoding")))
		return refuse(r, part,
		    "PH3507 a text or document in base64 or quoted-printable: send it "
		    "as it is");
	return how == AS_TEXT ? read_text(r, part, name)
			      : read_document(r, part, name, how);
}

/* Bytes of files may be zero: what ph_source_open refuses in text is looked for part by
 * part. */
static ph_status
open_source(ph_source *source, ph_document *document, const void *bytes, size_t length,
    ph_error *err)
{
	ph_status status = ph_source_open(source, document, "", 0, err);
	if (status != PH_OK)
		return status;
	source->bytes = bytes == NULL ? "" : bytes;
	source->length = length;
	source->budget += length * PH_MEMORY_FACTOR;
	if (length <= ph_document_input(document))
		return PH_OK;
	source->length = 0;
	return ph_source_fail(source, PH_ERR_TOO_LARGE, 0, err,
	    "PH3001 %zu bytes; at most %zu are read: send large attachments apart",
	    length, ph_document_input(document));
}

ph_status
ph_multipart_decode(
    ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	ph_xml_reader *xml = NULL;
	ph_status status = ph_multipart_decode_with(&xml, document, bytes, length, err);
	ph_xml_reader_destroy(&xml);
	return status;
}

ph_status
ph_multipart_decode_with(ph_xml_reader **xml, ph_document *document, const void *bytes,
    size_t length, ph_error *err)
{
	PH_ASSERT(document != NULL && ph_document_root(document) == NULL);
	ph_error local;
	ph_parts parts;
	ph_part part;
	bool failed = false;
	reader r = {
	    .document = document, .err = err == NULL ? &local : err, .xml = xml};
	ph_status status = open_source(&r.source, document, bytes, length, r.err);
	if (status != PH_OK)
		return status;
	ph_place_init(&r.place, r.source.bytes, r.source.length);
	r.root = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	if (r.root == NULL)
		return ph_source_no_room(&r.source, r.err);
	r.root->line = r.root->column = 1;
	if (!ph_parts_begin(&parts, &r.source, r.err))
		return r.err->status;
	while (ph_parts_next(&parts, &part, &failed)) {
		r.number = parts.count;
		if (!read_part(&r, &part)) {
			ph_document_set_root(document, NULL);
			return r.err->status;
		}
	}
	if (failed)
		return r.err->status;
	ph_document_set_root(document, r.root);
	return PH_OK;
}

ph_status
ph_multipart_part(const void *bytes, size_t length, const char *reference,
    const void **part, size_t *part_length, ph_error *err)
{
	ph_document *document = NULL;
	ph_source source;
	ph_parts parts;
	ph_part found;
	bool failed = false;
	size_t mark = strlen(PH_PART_REFERENCE);
	char *end = NULL;
	unsigned long wanted = strncmp(reference, PH_PART_REFERENCE, mark) == 0
				   ? strtoul(reference + mark, &end, 10)
				   : 0;
	if (wanted == 0 || *end != '\0' || reference[mark] < '1')
		return ph_fail(
		    err, PH_ERR_NOT_FOUND, "PH3508 this names no part of what came");
	ph_error local;
	err = err == NULL ? &local : err;
	ph_status status = ph_document_new("parts", PH_MEMORY_FLOOR, &document, err);
	if (status != PH_OK)
		return status;
	status = open_source(&source, document, bytes, length, err);
	failed = status != PH_OK || !ph_parts_begin(&parts, &source, err);
	bool good = !failed;
	while (good && (good = ph_parts_next(&parts, &found, &failed)))
		if (parts.count == wanted)
			break;
	ph_document_destroy(&document);
	if (failed)
		return err->status;
	if (!good)
		return ph_fail(
		    err, PH_ERR_NOT_FOUND, "PH3508 this names no part of what came");
	*part = found.body.at;
	*part_length = found.body.length;
	return PH_OK;
}
