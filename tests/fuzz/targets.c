/*
 * targets - the list, and the decoders: what they take is written, and what is written is
 * taken again and written the same.
 */
#include "tests/fuzz/targets.h"

#include <string.h>

#include "lib/base/assert.h"
#include "tests/fuzz/decoders.h"

#define LIMIT ((size_t) 64 << 20)
#define FLOOR ((size_t) 2 << 20)

/* The document of some bytes; NULL when they are refused, as they may be. */
static ph_document *
read_with(const ph_test_decoder *decoder, const void *bytes, size_t length)
{
	ph_document *document = NULL;
	ph_error err = {0};
	ph_status status = ph_document_new("input", LIMIT, &document, NULL);
	PH_ASSERT(status == PH_OK);
	status = decoder->decode(document, bytes, length, &err);
	PH_ASSERT(status == err.status);
	PH_ASSERT(ph_arena_used(ph_document_arena(document)) <= 24 * length + FLOOR);
	if (status != PH_OK) {
		PH_ASSERT(status == PH_ERR_INVALID || status == PH_ERR_TOO_LARGE);
		PH_ASSERT(strncmp(err.where, "input", 5) == 0);
		PH_ASSERT(strncmp(err.text, "PH", 2) == 0);
		PH_ASSERT(ph_document_root(document) == NULL);
		ph_document_destroy(&document);
		return NULL;
	}
	PH_ASSERT(ph_document_root(document) != NULL);
	return document;
}

static bool
write_with(const ph_test_decoder *decoder, ph_document *document, ph_buffer *out)
{
	ph_error err = {0};
	ph_buffer_init(out, 0);
	ph_status status = decoder->encode(document, out, &err);
	PH_ASSERT(status == PH_OK || err.text[0] != '\0');
	return status == PH_OK;
}

static void
there_and_back(const ph_test_decoder *decoder, ph_document *document)
{
	ph_buffer once;
	if (write_with(decoder, document, &once)) {
		ph_document *again = read_with(decoder, once.data, once.length);
		PH_ASSERT(again != NULL);
		ph_buffer twice;
		bool written = write_with(decoder, again, &twice);
		PH_ASSERT(written && twice.length == once.length);
		PH_ASSERT(once.length == 0 ||
			  memcmp(once.data, twice.data, once.length) == 0);
		ph_buffer_fini(&twice);
		ph_document_destroy(&again);
	}
	ph_buffer_fini(&once);
}

static void
run_decoder(const char *name, const uint8_t *bytes, size_t length)
{
	const ph_test_decoder *decoder = ph_test_decoder_named(name);
	PH_ASSERT(decoder != NULL);
	ph_document *document = read_with(decoder, bytes, length);
	if (document != NULL && decoder->encode != NULL)
		there_and_back(decoder, document);
	ph_document_destroy(&document);
}

#define DECODER(symbol, name)                                                          \
	static void run_##symbol(const uint8_t *bytes, size_t length)                  \
	{                                                                              \
		run_decoder(name, bytes, length);                                      \
	}
DECODER(xml, "xml")
DECODER(soap, "soap")
DECODER(json, "json")
DECODER(form, "form")
DECODER(csv, "csv")
DECODER(records_csv, "records-csv")
DECODER(record_csv, "record-csv")
DECODER(fixed, "fixed")
DECODER(hl7, "hl7")
DECODER(multipart, "multipart")

const ph_fuzz_target ph_targets[] = {
    {"xml", run_xml},
    {"soap", run_soap},
    {"json", run_json},
    {"form", run_form},
    {"csv", run_csv},
    {"records-csv", run_records_csv},
    {"record-csv", run_record_csv},
    {"fixed", run_fixed},
    {"hl7", run_hl7},
    {"multipart", run_multipart},
    {"yaml", ph_target_yaml},
    {"description", ph_target_description},
    {"schema", ph_target_schema},
    {"map", ph_target_map},
    {"xsd", ph_target_xsd},
    {"reply", ph_target_reply},
    {"stream", ph_target_stream},
    {"message", ph_target_message},
    {"frame", ph_target_frame},
    {"record", ph_target_record},
    {"site", ph_target_site},
    {"codes", ph_target_codes},
    {"event", ph_target_event},
    {"http", ph_target_http},
    {"answer", ph_target_answer},
    {"journal", ph_target_journal},
    {"shelf", ph_target_shelf},
    {"window", ph_target_window},
    {"session", ph_target_session},
    {"checkpoint", ph_target_checkpoint},
    {"control", ph_target_control},
    {NULL, NULL},
};

const ph_fuzz_target *
ph_target_named(const char *name)
{
	for (const ph_fuzz_target *t = ph_targets; t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

size_t
ph_target_split(const uint8_t *bytes, size_t length)
{
	const uint8_t *found = length == 0 ? NULL : memchr(bytes, 0x1E, length);
	return found == NULL ? length : (size_t) (found - bytes);
}
