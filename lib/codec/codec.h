/*
 * codec - bytes to a document and back, one file per format.
 *
 * Limits (also in lib/base/options.def): 8 MiB of input, depth 64 for JSON and 128 for XML,
 * 20 times the input in memory. Every refusal names source, line and column.
 * Decoders take any bytes a stranger may send. XML: no DTD, no entity but the five and numeric
 * ones, no network, no catalogue, no recovery; JSON: RFC 8259, duplicate names refused, numbers
 * kept as written; form: application/x-www-form-urlencoded (WHATWG URL standard, section 5),
 * bad percent sequences and bad UTF-8 refused, repeated names kept.
 * All decoders refuse text that is not valid UTF-8 (XML: what its declaration says, turned into UTF-8;
 * UTF-8, windows-1252 and ISO-8859-1 only).
 *
 * Thread: pure (one document, one thread). Errors: PH_ERR_INVALID with place, PH_ERR_TOO_LARGE.
 */
#ifndef PH_CODEC_H
#define PH_CODEC_H

#include "lib/base/buffer.h"
#include "lib/document/document.h"

/* Each sets the document's root. */
ph_status ph_json_decode(ph_document *document, const void *bytes, size_t length, ph_error *err);
ph_status ph_xml_decode(ph_document *document, const void *bytes, size_t length, ph_error *err);
ph_status ph_form_decode(ph_document *document, const void *bytes, size_t length, ph_error *err);

enum { PH_JSON_PRETTY = 1, PH_JSON_SKIP_VOLATILE = 2 };
/* Append `node` to `out`. Compact unless PH_JSON_PRETTY (two spaces). Repeated member names: refused. */
ph_status ph_json_encode(const ph_node *node, unsigned flags, ph_buffer *out, ph_error *err);

/* One prefix the writer shall use for a namespace; others get "n1", "n2", ... */
typedef struct ph_xml_prefix {
	const char *prefix; /* "" makes it the default namespace */
	const char *space;
} ph_xml_prefix;
/* Append the element `node` (its name and space are the tag) as UTF-8 XML with a declaration.
 * Members in their order; a list member is written as repeated elements. CR as &#13;; characters
 * that XML 1.0 cannot hold are replaced with U+FFFD. */
ph_status ph_xml_encode(const ph_node *node, const ph_xml_prefix *prefixes, size_t count,
	ph_buffer *out, ph_error *err);
/* name=value&...; lists and repeated members repeat the name; nested objects are refused. */
ph_status ph_form_encode(const ph_node *object, ph_buffer *out, ph_error *err);

/*
 * SOAP 1.1 (W3C Note, 8 May 2000). Unwrap: after ph_xml_decode, *body is the first child of
 * Body (a Fault too), *header the Header element or NULL. PH_ERR_INVALID if it is no envelope.
 */
ph_status ph_soap_unwrap(ph_document *document, ph_node **header, ph_node **body, ph_error *err);
/* Put `body` (and `header`'s children, may be NULL) in an envelope and make that the root. */
ph_status ph_soap_wrap(ph_document *document, ph_node *header, ph_node *body, ph_error *err);
#define PH_SOAP_NAMESPACE "http://schemas.xmlsoap.org/soap/envelope/"

#endif
