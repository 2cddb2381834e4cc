#include "adapters/host/reduce.h"

#include <string.h>
#include "lib/codec/codec.h"

enum { MEMORY = 32 << 20 };

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *colon = strrchr(name, ':');
	return colon ? colon + 1 : name;
}

static size_t
remove_named(ph_node *node, const char *name)
{
	size_t removed = 0;
	for (ph_node *at = node->first, *next = NULL; at; at = next) {
		next = at->next;
		if (at->name && !strcmp(at->name, name)) {
			ph_node_remove(at);
			removed++;
		} else {
			removed += remove_named(at, name);
		}
	}
	return removed;
}

static ph_status
decode(ph_document *document, ph_map_format format, const void *bytes, size_t length,
    ph_error *err)
{
	switch (format) {
	case PH_MAP_XML:
	case PH_MAP_SOAP:
		return ph_xml_decode(document, bytes, length, err);
	case PH_MAP_JSON:
		return ph_json_decode(document, bytes, length, err);
	case PH_MAP_FORM:
		return ph_form_decode(document, bytes, length, err);
	case PH_MAP_CSV:
	case PH_MAP_RECORD_CSV:
	case PH_MAP_FIXED:
	case PH_MAP_HL7:
	case PH_MAP_MULTIPART:
		break;
	}
	return ph_fail(err, PH_ERR_NOT_FOUND,
	    "PH4058 records in this format are not sent again without a field");
}

static ph_status
encode(const ph_node *root, ph_map_format format, ph_charset charset, ph_buffer *out,
    ph_error *err)
{
	switch (format) {
	case PH_MAP_XML:
	case PH_MAP_SOAP:
		return ph_xml_encode_in(root, NULL, 0, charset, out, err);
	case PH_MAP_JSON:
		return ph_json_encode(root, 0, out, err);
	case PH_MAP_FORM:
		return ph_form_encode(root, out, err);
	case PH_MAP_CSV:
	case PH_MAP_RECORD_CSV:
	case PH_MAP_FIXED:
	case PH_MAP_HL7:
	case PH_MAP_MULTIPART:
		break;
	}
	return PH_ERR_INVALID;
}

/* What our own XML says it is in. */
static ph_charset
charset_of(const char *bytes, size_t length)
{
	static const char *const marks[] = {"",
	    "<?xml version=\"1.0\" encoding=\"windows-1252\"",
	    "<?xml version=\"1.0\" encoding=\"ISO-8859-1\""};
	for (unsigned i = 1; i < 3; i++)
		if (length > strlen(marks[i]) &&
		    !memcmp(bytes, marks[i], strlen(marks[i])))
			return (ph_charset) i;
	return PH_CHARSET_UTF_8;
}

ph_status
ph_reduce(ph_map_format format, const void *bytes, size_t length, const char *path,
    ph_buffer *out, ph_error *err)
{
	ph_document *document = NULL;
	ph_status status = ph_document_new("request", MEMORY, &document, err);
	if (!status)
		status = decode(document, format, bytes, length, err);
	if (!status && !remove_named(ph_document_root(document), last_part(path)))
		status = ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH4058 there is no such field to leave out");
	if (!status)
		status = encode(ph_document_root(document), format,
		    charset_of(bytes, length), out, err);
	ph_document_destroy(&document);
	return status;
}
