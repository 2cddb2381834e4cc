/*
 * records - a description from its file, and files read and written by the format it names.
 */
#include "lib/codec/records.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/pieces.h"
#include "lib/codec/records_inner.h"
#include "lib/config/config.h"

void
ph_records_destroy(ph_records **records_p)
{
	ph_records *records = *records_p;
	if (records == NULL)
		return;
	ph_document_destroy(&records->document);
	free(records);
	*records_p = NULL;
}

ph_status
ph_records_new(ph_document **document_p, ph_records **out, ph_error *err)
{
	PH_ASSERT(document_p != NULL && *document_p != NULL && out != NULL);
	ph_records *records = calloc(1, sizeof *records);
	if (records == NULL) {
		ph_document_destroy(document_p);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	records->document = *document_p;
	*document_p = NULL;
	ph_status status = ph_records_parse(records, err);
	if (status == PH_OK)
		*out = records;
	else
		ph_records_destroy(&records);
	return status;
}

ph_status
ph_records_load(const char *path, ph_records **out, ph_error *err)
{
	ph_document *document = NULL;
	ph_status status = ph_yaml_load(path, 0, &document, err);
	return status == PH_OK ? ph_records_new(&document, out, err) : status;
}

typedef ph_status decode_function(const ph_records *records, ph_source *source,
    size_t start, ph_records_part *part, ph_node *root, ph_error *err);
typedef ph_status encode_function(const ph_records *records, const ph_node *root,
    ph_arena *arena, ph_buffer *out, ph_error *err);

/* By ph_records_format. */
static const struct {
	decode_function *decode;
	encode_function *encode;
} codecs[] = {{ph_csv_records_decode, ph_csv_records_encode},
    {ph_csv_records_decode, ph_csv_records_encode}, {ph_fixed_decode, ph_fixed_encode},
    {ph_hl7_decode, ph_hl7_encode}};

ph_status
ph_records_decode(const ph_records *records, ph_document *document, const void *bytes,
    size_t length, ph_error *err)
{
	ph_records_part whole = {
	    .sequence = {.records = records}, .first = true, .last = true};
	return ph_records_decode_part(records, &whole, document, bytes, length, err);
}

ph_status
ph_records_decode_piece(const ph_records *records, ph_records_state *state,
    const ph_piece *piece, ph_document *document, ph_error *err)
{
	ph_records_part part = {.sequence = {.records = records,
				    .seen = state->seen,
				    .counted = state->counted,
				    .before = state->before},
	    .head = piece->head,
	    .first = piece->first,
	    .last = piece->last};
	ph_status status = ph_records_decode_part(
	    records, &part, document, piece->bytes, piece->length, err);
	state->seen = part.sequence.seen;
	state->counted = part.sequence.counted;
	state->before = part.sequence.before;
	return status;
}

ph_status
ph_records_decode_part(const ph_records *records, ph_records_part *part,
    ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	PH_ASSERT(records != NULL && document != NULL);
	PH_ASSERT(ph_document_root(document) == NULL);
	ph_source source;
	ph_records said = *records;
	size_t start = 0;
	ph_status status =
	    said.format == PH_RECORDS_HL7
		? ph_hl7_open(&said, &source, document, bytes, length, &start, err)
		: ph_records_open(
		      &said, &source, part, document, bytes, length, &start, err);
	if (status != PH_OK)
		return status;
	ph_node *root = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	if (root == NULL)
		return ph_source_no_room(&source, err);
	root->line = root->column = 1;
	status = codecs[said.format].decode(&said, &source, start, part, root, err);
	if (status == PH_OK)
		ph_document_set_root(document, root);
	return status;
}

/* A text that begins with U+FEFF would be read without it, as a byte order mark is. */
static ph_status
keep_mark(const ph_records *records, const ph_buffer *out, size_t start, ph_error *err)
{
	static const char mark[] = "\xEF\xBB\xBF";
	if (out->failed || records->charset != PH_CHARSET_UTF_8 ||
	    out->length - start < 3 || memcmp(out->data + start, mark, 3) != 0)
		return PH_OK;
	return ph_fail(err, PH_ERR_INVALID,
	    "PH3156 the first text begins with a byte order mark: replace it");
}

ph_status
ph_records_encode(
    const ph_records *records, const ph_node *root, ph_buffer *out, ph_error *err)
{
	return ph_records_encode_on(records, root, NULL, out, err);
}

ph_status
ph_records_encode_on(const ph_records *records, const ph_node *root, ph_arena *arena,
    ph_buffer *out, ph_error *err)
{
	PH_ASSERT(records != NULL && root != NULL && out != NULL);
	if (root->kind != PH_NODE_OBJECT)
		return ph_fail(err, PH_ERR_INVALID,
		    "PH3151 records are made from an object that holds them");
	size_t start = out->length;
	ph_status status =
	    codecs[records->format].encode(records, root, arena, out, err);
	if (status == PH_OK)
		status = keep_mark(records, out, start, err);
	if (status == PH_OK && out->failed)
		status = ph_fail(err, out->limit > 0 ? PH_ERR_TOO_LARGE : PH_ERR_NOMEM,
		    "no room for the records");
	return status;
}
