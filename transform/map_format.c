/*
 * map_format - the vendor's bytes: their format, charset and schema.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/multipart.h"
#include "transform/map_inner.h"

static bool
ends_in(const ph_node *node, const char *ending)
{
	size_t length = strlen(ending);
	return node->kind == PH_NODE_STRING && node->length > length &&
	       strcmp(node->text + node->length - length, ending) == 0;
}

static bool
parse_schema(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "schema");
	ph_error why;
	if (node == NULL)
		return true;
	if (!ph_vendor_is_xml(map) && !ends_in(node, ".xsd"))
		return true;
	if (!ph_vendor_is_xml(map) || !ends_in(node, ".xsd"))
		return ph_load_fail(load, node, 0,
		    "PH2084 an XML schema in schemas/ (NAME.xsd) is for the formats "
		    "xml "
		    "and soap, and they have no other");
	const char *path = ph_load_find(load, "schemas", node->text);
	if (path == NULL)
		return ph_load_fail(load, node, 0,
		    "PH2084 there is no schema %s in any folder schemas/", node->text);
	if (ph_xsd_load(path, &map->xsd, &why) == PH_OK &&
	    ph_xsd_shape_new(map->xsd, &map->xsd_shape, &why) == PH_OK)
		return true;
	return why.status == PH_ERR_NOMEM ? ph_load_no_memory(load)
					  : ph_load_fail_at(load, why.where, why.text);
}

static bool
parse_charset(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "charset");
	if (node == NULL || (ph_vendor_is_xml(map) && node->kind == PH_NODE_STRING &&
				ph_charset_named(node->text, &map->charset)))
		return true;
	return ph_load_fail(load, node, 0,
	    "PH2085 vendor.charset is utf-8, windows-1252 or iso-8859-1, for the "
	    "formats "
	    "xml and soap; a record description has its own");
}

static bool
parse_repair(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "repair");
	map->repair = node != NULL && node->kind == PH_NODE_STRING &&
		      strcmp(node->text, "double-utf8") == 0;
	return node == NULL || map->repair ||
	       ph_load_fail(load, node, 0, "PH2086 vendor.repair is double-utf8");
}

static bool
parse_multipart(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "multipart");
	bool text = node != NULL && node->kind == PH_NODE_STRING;
	map->related = text && strcmp(node->text, "related") == 0;
	if (node == NULL ||
	    (map->format == PH_MAP_MULTIPART &&
		(map->related || (text && strcmp(node->text, "form-data") == 0))))
		return true;
	return ph_load_fail(load, node, 0,
	    "PH2087 vendor.multipart is form-data or related, for the format "
	    "multipart");
}

bool
ph_vendor_parse(ph_map *map, ph_load *load, const ph_node *vendor)
{
	return parse_charset(map, load, vendor) && parse_repair(map, load, vendor) &&
	       parse_multipart(map, load, vendor) && parse_schema(map, load, vendor);
}

/* The checker of documents in, or out; it is kept. */
static ph_status
need_checker(
    const ph_map *map, const char *name, ph_xsd_checker **checker, ph_error *err)
{
	return *checker != NULL ? PH_OK
				: ph_xsd_checker_new(map->xsd, name, checker, err);
}

static unsigned
xsd_flags(const ph_map *map)
{
	return map->format == PH_MAP_SOAP ? PH_XSD_SOAP : 0;
}

static ph_status
decode_xml(const ph_map *map, ph_document *document, ph_xml_reader **reader,
    ph_xsd_checker **checker, const void *bytes, size_t length, ph_error *err)
{
	bool held = checker != NULL && map->xsd != NULL;
	ph_status status = *reader != NULL ? PH_OK : ph_xml_reader_new(reader, err);
	if (status == PH_OK && held)
		status = need_checker(map, "vendor", checker, err);
	if (status != PH_OK)
		return status;
	return ph_xml_decode_held(*reader, document, bytes, length,
	    held ? *checker : NULL, xsd_flags(map), err);
}

static ph_status
decode(const ph_map *map, ph_document *document, ph_xml_reader **reader,
    ph_xsd_checker **checker, const void *bytes, size_t length, ph_error *err)
{
	switch (map->format) {
	case PH_MAP_XML:
	case PH_MAP_SOAP:
		return decode_xml(map, document, reader, checker, bytes, length, err);
	case PH_MAP_JSON:
		return ph_json_decode(document, bytes, length, err);
	case PH_MAP_FORM:
		return ph_form_decode(document, bytes, length, err);
	case PH_MAP_CSV:
	case PH_MAP_RECORD_CSV:
	case PH_MAP_FIXED:
	case PH_MAP_HL7:
		return ph_records_decode(map->records, document, bytes, length, err);
	case PH_MAP_MULTIPART:
		return ph_multipart_decode_with(reader, document, bytes, length, err);
	}
	PH_UNREACHABLE("format");
}

ph_status
ph_vendor_decode_held(const ph_map *map, ph_document *document, ph_xml_reader **reader,
    ph_xsd_checker **checker, const void *bytes, size_t length, ph_error *err)
{
	ph_status status = decode(map, document, reader, checker, bytes, length, err);
	if (status == PH_OK && map->repair)
		status = ph_text_repair(document, err);
	return status == PH_OK ? ph_vendor_open(map, document, reader, err) : status;
}

ph_status
ph_vendor_decode(const ph_map *map, ph_document *document, ph_xml_reader **reader,
    const void *bytes, size_t length, ph_error *err)
{
	return ph_vendor_decode_held(map, document, reader, NULL, bytes, length, err);
}

ph_status
ph_vendor_decode_piece(const ph_map *map, ph_document *document, ph_xml_reader **reader,
    const ph_piece *piece, ph_records_state *state, ph_error *err)
{
	if (map->records == NULL)
		return ph_vendor_decode(
		    map, document, reader, piece->bytes, piece->length, err);
	ph_status status =
	    ph_records_decode_piece(map->records, state, piece, document, err);
	if (status == PH_OK && map->repair)
		status = ph_text_repair(document, err);
	return status;
}

/* The media type of the first part that was written from `start` on. */
static const char *
root_type(ph_buffer *out, size_t start, size_t *length)
{
	static const char mark[] = "\r\nContent-Type: ";
	const char *text = ph_buffer_cstr(out);
	const char *at = text == NULL ? NULL : strstr(text + start, mark);
	if (at == NULL)
		return "";
	at += sizeof(mark) - 1;
	*length = strcspn(at, "; \r");
	return at;
}

static ph_status
encode_parts(const ph_map *map, const ph_node *root, ph_buffer *out, ph_arena *arena,
    const char **media, ph_error *err)
{
	char boundary[PH_MULTIPART_BOUNDARY];
	size_t start = out->length, length = 0;
	ph_status status =
	    ph_multipart_encode_on(root, map->related ? PH_MULTIPART_RELATED : 0, NULL,
		NULL, boundary, arena, out, err);
	if (status != PH_OK || media == NULL)
		return status;
	const char *type = root_type(out, start, &length);
	*media = map->related ? ph_arena_printf(arena, "%s; type=\"%.*s\"; boundary=%s",
				    ph_vendor_media(map), (int) length, type, boundary)
			      : ph_arena_printf(arena, "%s; boundary=%s",
				    ph_vendor_media(map), boundary);
	return *media != NULL ? PH_OK : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

ph_status
ph_vendor_encode(const ph_map *map, const ph_node *root, unsigned json_flags,
    ph_buffer *out, ph_arena *arena, const char **media, ph_error *err)
{
	switch (map->format) {
	case PH_MAP_XML:
	case PH_MAP_SOAP:
		return ph_xml_encode_on(root, map->xml_prefixes, map->xml_prefix_count,
		    map->charset, arena, out, err);
	case PH_MAP_JSON:
		return ph_json_encode(root, json_flags, out, err);
	case PH_MAP_FORM:
		return ph_form_encode(root, out, err);
	case PH_MAP_CSV:
	case PH_MAP_RECORD_CSV:
	case PH_MAP_FIXED:
	case PH_MAP_HL7:
		return ph_records_encode_on(map->records, root, arena, out, err);
	case PH_MAP_MULTIPART:
		return encode_parts(map, root, out, arena, media, err);
	}
	PH_UNREACHABLE("format");
}

ph_status
ph_vendor_check(const ph_map *map, ph_xsd_checker **checker, const void *bytes,
    size_t length, char path[PH_XSD_PATH], ph_error *err)
{
	if (map->xsd == NULL)
		return PH_OK;
	ph_status status = need_checker(map, "output", checker, err);
	return status != PH_OK ? status
			       : ph_xsd_checker_run(*checker, bytes, length,
				     xsd_flags(map), path, err);
}

const char *
ph_vendor_media(const ph_map *map)
{
	static const char *const xml[] = {"text/xml; charset=utf-8",
	    "text/xml; charset=windows-1252", "text/xml; charset=iso-8859-1"};
	switch (map->format) {
	case PH_MAP_XML:
	case PH_MAP_SOAP:
		return xml[map->charset];
	case PH_MAP_JSON:
		return "application/json";
	case PH_MAP_FORM:
		return "application/x-www-form-urlencoded";
	case PH_MAP_CSV:
	case PH_MAP_RECORD_CSV:
	case PH_MAP_FIXED:
	case PH_MAP_HL7:
		return ph_records_media(map->records);
	case PH_MAP_MULTIPART:
		return map->related ? "multipart/related" : "multipart/form-data";
	}
	PH_UNREACHABLE("format");
}
