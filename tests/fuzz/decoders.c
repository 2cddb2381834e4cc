/*
 * decoders - one row for each; a description is made when it is first used.
 */
#include "tests/fuzz/decoders.h"

#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/codec.h"
#include "lib/codec/multipart.h"
#include "lib/codec/records.h"
#include "lib/codec/source.h"
#include "lib/config/config.h"

#define YAML_MAX ((size_t) 1 << 20)
#define ENVELOPE(s)                                                                    \
	"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>" s

typedef enum description { CSV, TYPED, FIXED, HL7, DESCRIPTIONS } description;

static const char *const texts[DESCRIPTIONS] = {
    "format: csv\n",
    "format: record-csv\n"
    "records:\n"
    "  \"10\": {name: header, fields: [custodian, made]}\n"
    "  \"11\": {name: street, fields: [change, usrn]}\n"
    "  \"99\": {name: trailer, fields: [volume, count]}\n"
    "first: header\nlast: trailer\n"
    "count: {field: count, except: [header, trailer]}\n",
    "format: fixed\n"
    "fields:\n"
    "  code: 1-3\n"
    "  name: {at: 5-10}\n"
    "  due: {at: 11-14, align: right, pad: \"0\"}\n",
    "format: hl7\n"
    "segments:\n"
    "  MSH: {9: {name: type, components: [code, event]}, 10: id}\n"
    "  PID: {3: {name: ids, components: {1: id, 5: kind}}, 7: born}\n",
};
static ph_records *made[DESCRIPTIONS];

static const ph_records *
described(description which)
{
	ph_document *document = NULL;
	if (made[which] != NULL)
		return made[which];
	const char *text = texts[which];
	ph_status status = ph_document_new("description", YAML_MAX, &document, NULL);
	PH_ASSERT(status == PH_OK);
	status = ph_yaml_decode(document, text, strlen(text), 0, NULL);
	PH_ASSERT(status == PH_OK);
	status = ph_records_new(&document, &made[which], NULL);
	PH_ASSERT(status == PH_OK);
	return made[which];
}

#define RECORDS(name, which)                                                           \
	static ph_status decode_##name(                                                \
	    ph_document *document, const void *bytes, size_t length, ph_error *err)    \
	{                                                                              \
		return ph_records_decode(                                              \
		    described(which), document, bytes, length, err);                   \
	}                                                                              \
	static ph_status encode_##name(                                                \
	    ph_document *document, ph_buffer *out, ph_error *err)                      \
	{                                                                              \
		return ph_records_encode(                                              \
		    described(which), ph_document_root(document), out, err);           \
	}
RECORDS(records, CSV)
RECORDS(typed, TYPED)
RECORDS(fixed, FIXED)
RECORDS(hl7, HL7)

static ph_status
decode_soap(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	ph_node *header;
	ph_node *body;
	ph_status status = ph_xml_decode(document, bytes, length, err);
	if (status != PH_OK)
		return status;
	status = ph_soap_unwrap(document, &header, &body, err);
	if (status != PH_OK)
		ph_document_set_root(document, NULL);
	return status;
}

static ph_status
encode_soap(ph_document *document, ph_buffer *out, ph_error *err)
{
	ph_node *header;
	ph_node *body;
	ph_status status = ph_soap_unwrap(document, &header, &body, err);
	PH_ASSERT(status == PH_OK);
	status = ph_soap_wrap(document, header, body, err);
	if (status != PH_OK)
		return status;
	return ph_xml_encode(ph_document_root(document), NULL, 0, out, err);
}

static ph_status
encode_xml(ph_document *document, ph_buffer *out, ph_error *err)
{
	return ph_xml_encode(ph_document_root(document), NULL, 0, out, err);
}

static ph_status
encode_json(ph_document *document, ph_buffer *out, ph_error *err)
{
	return ph_json_encode(ph_document_root(document), 0, out, err);
}

static ph_status
encode_form(ph_document *document, ph_buffer *out, ph_error *err)
{
	return ph_form_encode(ph_document_root(document), out, err);
}

static ph_status
encode_multipart(ph_document *document, ph_buffer *out, ph_error *err)
{
	char boundary[PH_MULTIPART_BOUNDARY];
	return ph_multipart_encode(
	    ph_document_root(document), 0, NULL, NULL, boundary, out, err);
}

static ph_status
decode_yaml(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	return ph_yaml_decode(document, bytes, length, 0, err);
}

const ph_test_decoder ph_test_decoders[] = {
    {"xml", ph_xml_decode, encode_xml, "<a><b>", "</b></a>", "PH3004", "PH3001",
	PH_INPUT_MAX},
    {"soap", decode_soap, encode_soap, ENVELOPE("<a>"), "</a></s:Body></s:Envelope>",
	"PH3004", "PH3001", PH_INPUT_MAX},
    {"json", ph_json_decode, encode_json, "{\"a\": \"", "\"}", "PH3004", "PH3001",
	PH_INPUT_MAX},
    {"form", ph_form_decode, encode_form, "a=", "&b=1", "PH3004", "PH3001",
	PH_INPUT_MAX},
    {"csv", ph_csv_decode, NULL, "a,b\n", ",1\n", "PH1103", "PH1101", PH_INPUT_MAX},
    {"records-csv", decode_records, encode_records, "a,b\n", ",1\n", "PH3004", "PH3001",
	PH_INPUT_MAX},
    {"record-csv", decode_typed, encode_typed, "10,a,b\n11,", ",1\n99,0,1\n", "PH3004",
	"PH3001", PH_INPUT_MAX},
    {"fixed", decode_fixed, encode_fixed, "abc ", "\n", "PH3004", "PH3001",
	PH_INPUT_MAX},
    {"hl7", decode_hl7, encode_hl7, "MSH|^~\\&|", "\rPID|1\r", "PH3004", "PH3001",
	PH_INPUT_MAX},
    {"multipart", ph_multipart_decode, encode_multipart,
	"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "\r\n--b--\r\n",
	"PH3004", "PH3001", PH_INPUT_MAX},
    {"yaml", decode_yaml, NULL, "a: '", "'\n", "PH1005", "PH1001", YAML_MAX},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
};

const ph_test_decoder *
ph_test_decoder_named(const char *name)
{
	for (const ph_test_decoder *d = ph_test_decoders; d->name != NULL; d++)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

void
ph_test_decoders_forget(void)
{
	for (int i = 0; i < DESCRIPTIONS; i++)
		ph_records_destroy(&made[i]);
}
