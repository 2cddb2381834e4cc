/*
 * codec - bytes to a document and back, one file per format.
 *
 * Decoders take any bytes a stranger may send, and refuse in bounded time and memory:
 * 8 MiB of input (or what ph_document_take_input said), 20 times the input in memory (1
 * MiB for a small one). Every refusal names source, line and column, and never quotes a value.
 *
 * JSON: RFC 8259, 64 deep; numbers kept as written; a name twice in an object, a byte
 * order mark and U+0000 are refused.
 *
 * XML: 128 deep; names of 256 bytes, 256 attributes and declarations in an element, 128
 * namespace declarations in force; no DTD, no entity but the five and numeric ones, no
 * network, no catalogue, no recovery. UTF-8, windows-1252 and ISO-8859-1 only; the last
 * is read as windows-1252, which differs where ISO-8859-1 has only control characters,
 * and is what its senders mean. White space alone between child elements is dropped;
 * alone in an element without children it is its text. Text beside child elements is
 * kept, joined in its order, as the element's text. Comments and processing instructions
 * are passed over.
 *
 * Form: application/x-www-form-urlencoded (WHATWG URL standard, section 5); bad percent
 * sequences and bad UTF-8 are refused, repeated names kept.
 *
 * CSV, record-typed CSV, fixed columns, HL7 v2: lib/codec/records.h.
 *
 * Thread: pure (one document, one thread).
 * Errors: PH_ERR_INVALID with place, PH_ERR_TOO_LARGE, PH_ERR_NOMEM.
 */
#ifndef PH_CODEC_H
#define PH_CODEC_H

#include "lib/base/buffer.h"
#include "lib/codec/charset.h"
#include "lib/codec/xsd.h"
#include "lib/document/document.h"

/* Each sets the document's root. */
ph_status ph_json_decode(
    ph_document *document, const void *bytes, size_t length, ph_error *err);
/* The same; PH_JSON_NUL takes \u0000 in values (their length counts it), for tests of
 * schemas. No document that travels is read so. */
enum { PH_JSON_NUL = 4 };
ph_status ph_json_decode_with(ph_document *document, const void *bytes, size_t length,
    unsigned flags, ph_error *err);
ph_status ph_xml_decode(
    ph_document *document, const void *bytes, size_t length, ph_error *err);
/* The same for many documents, one after another: the parser and its names are kept. *out is yours.
 * Thread: owner. */
typedef struct ph_xml_reader ph_xml_reader;
ph_status ph_xml_reader_new(ph_xml_reader **out, ph_error *err);
void ph_xml_reader_destroy(ph_xml_reader **reader_p);
ph_status ph_xml_decode_with(ph_xml_reader *reader, ph_document *document,
    const void *bytes, size_t length, ph_error *err);
/* And held to a schema at the same time (flags: PH_XSD_SOAP). A document that breaches it is
 * decoded all the same: ask ph_xsd_checker_result. */
ph_status ph_xml_decode_held(ph_xml_reader *reader, ph_document *document,
    const void *bytes, size_t length, ph_xsd_checker *checker, unsigned flags,
    ph_error *err);
/* The same with a reader that is made when there is none; yours, whatever comes of it. */
ph_status ph_xml_decode_kept(ph_xml_reader **reader, ph_document *document,
    const void *bytes, size_t length, ph_error *err);
ph_status ph_form_decode(
    ph_document *document, const void *bytes, size_t length, ph_error *err);

/* Read each text that was made UTF-8 twice as made once; all others stay as they are. */
ph_status ph_text_repair(ph_document *document, ph_error *err);

enum {
	PH_JSON_PRETTY = 1,
	PH_JSON_SKIP_VOLATILE = 2,
	PH_JSON_DISTINCT = 8 /* the members of each object are known to differ */
};
/* Append `node` to `out`. Compact unless PH_JSON_PRETTY (two spaces). Repeated member
 * names: refused. What came from XML: an attribute's name is written with "@" before
 * it, the text of an element that has members as "#text". Deeper than 64, or a number
 * that is none: refused. */
ph_status ph_json_encode(
    const ph_node *node, unsigned flags, ph_buffer *out, ph_error *err);

/* One prefix the writer shall use for a namespace; others get "n1", "n2", ... */
typedef struct ph_xml_prefix {
	const char *prefix; /* "" makes it the default namespace */
	const char *space;
} ph_xml_prefix;
/* Append the element `node` (its name and space are the tag) as UTF-8 XML with a
 * declaration. Members in their order, attributes first; a list member is written as
 * repeated elements; null as xsi:nil="true", a null attribute not at all. CR as &#13;;
 * characters that XML 1.0 cannot hold are replaced with U+FFFD. A name that is none in
 * XML, a list in a list: refused. */
ph_status ph_xml_encode(const ph_node *node, const ph_xml_prefix *prefixes,
    size_t count, ph_buffer *out, ph_error *err);
/* The same in a charset, which the declaration names. A character that it has not is
 * written as a character reference; in a name it is refused. */
ph_status ph_xml_encode_in(const ph_node *node, const ph_xml_prefix *prefixes,
    size_t count, ph_charset charset, ph_buffer *out, ph_error *err);
/* The same with an arena for what is written in passing (NULL: the heap). */
ph_status ph_xml_encode_on(const ph_node *node, const ph_xml_prefix *prefixes,
    size_t count, ph_charset charset, ph_arena *arena, ph_buffer *out, ph_error *err);
/* name=value&...; lists and repeated members repeat the name; null is left out; nested
 * objects are refused. */
ph_status ph_form_encode(const ph_node *object, ph_buffer *out, ph_error *err);

/*
 * SOAP 1.1 (W3C Note, 8 May 2000). Unwrap: after ph_xml_decode, *body is the first
 * child of Body (a Fault too), *header the Header element or NULL. PH_ERR_INVALID if it
 * is no envelope, or has nothing in its Body.
 */
ph_status ph_soap_unwrap(
    ph_document *document, ph_node **header, ph_node **body, ph_error *err);
/* Put `body` (and `header`'s children, may be NULL) in an envelope and make that the
 * root. Both are taken out of where they were. */
ph_status ph_soap_wrap(
    ph_document *document, ph_node *header, ph_node *body, ph_error *err);
#define PH_SOAP_NAMESPACE "http://schemas.xmlsoap.org/soap/envelope/"

#endif
