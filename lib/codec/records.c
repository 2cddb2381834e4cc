/*
 * records - a description from its file, and what the formats share.
 */
#include "lib/codec/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
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

const char *
ph_records_file(const ph_records *records)
{
	return ph_document_name(records->document);
}

ph_records_format
ph_records_format_of(const ph_records *records)
{
	return records->format;
}

const char *
ph_records_format_name(ph_records_format format)
{
	static const char *const names[] = {"csv", "record-csv", "fixed", "hl7"};
	return names[format];
}

const char *
ph_records_media(const ph_records *records)
{
	static const char *const media[][3] = {
	    {"text/csv; charset=utf-8", "text/csv; charset=windows-1252",
		"text/csv; charset=iso-8859-1"},
	    {"text/plain; charset=utf-8", "text/plain; charset=windows-1252",
		"text/plain; charset=iso-8859-1"},
	    {"x-application/hl7-v2+er7; charset=utf-8",
		"x-application/hl7-v2+er7; charset=windows-1252",
		"x-application/hl7-v2+er7; charset=iso-8859-1"}};
	size_t kind = records->format == PH_RECORDS_HL7	    ? 2
		      : records->format == PH_RECORDS_FIXED ? 1
							    : 0;
	return media[kind][records->charset];
}

const char *
ph_records_first(const ph_records *records)
{
	return records->first == NULL ? NULL : records->first->name;
}

bool
ph_records_first_gathers(const ph_records *records)
{
	return records->first != NULL && records->first->gathers != 0;
}

const char *
ph_records_last(const ph_records *records)
{
	return records->last == NULL ? NULL : records->last->name;
}

const ph_record_rule *
ph_records_by_type(const ph_records *records, const char *type, size_t length)
{
	for (size_t i = 0; i < records->rule_count; i++)
		if (ph_text_is(type, length, records->rules[i].type))
			return &records->rules[i];
	return NULL;
}

const ph_record_rule *
ph_records_by_name(const ph_records *records, const char *name)
{
	for (size_t i = 0; i < records->rule_count; i++)
		if (name != NULL && strcmp(records->rules[i].name, name) == 0)
			return &records->rules[i];
	return NULL;
}

/* A byte order mark in what is said to be another charset is UTF-8 all the same. */
static ph_status
check_mark(
    const ph_records *records, const ph_source *source, size_t *start, ph_error *err)
{
	bool marked =
	    source->length >= 3 && memcmp(source->bytes, "\xEF\xBB\xBF", 3) == 0;
	*start = marked ? 3 : 0;
	if (!marked || records->charset == PH_CHARSET_UTF_8)
		return PH_OK;
	return ph_source_fail(source, PH_ERR_INVALID, 0, err,
	    "PH3100 this begins as UTF-8 does, and is said to be %s",
	    ph_charset_name(records->charset));
}

ph_status
ph_records_open(const ph_records *records, ph_source *source,
    const ph_records_part *part, ph_document *document, const void *bytes,
    size_t length, size_t *start, ph_error *err)
{
	size_t bad = 0;
	/* what a file cannot begin with can stand in its middle */
	bool begins = part->first || part->head > 0;
	ph_status status =
	    begins ? ph_source_open(source, document, bytes, length, err)
		   : ph_source_open_rest(source, document, bytes, length, err);
	*start = 0;
	if (status == PH_OK && begins)
		status = check_mark(records, source, start, err);
	if (status == PH_OK && records->charset == PH_CHARSET_UTF_8)
		status = ph_source_utf8(source, err);
	if (status != PH_OK)
		return status;
	if (!ph_charset_valid(records->charset, bytes, length, &bad))
		return ph_source_fail(source, PH_ERR_INVALID, bad, err,
		    "PH3100 a byte that %s does not have",
		    ph_charset_name(records->charset));
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char) source->bytes[i];
		if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F)
			return ph_source_fail(source, PH_ERR_INVALID, i, err,
			    "PH3101 a control character: this is not text, or a "
			    "transport's frame was left around it");
	}
	return PH_OK;
}

const char *
ph_sequence_add(ph_sequence *sequence, const ph_record_rule *rule)
{
	const ph_records *records = sequence->records;
	bool is_first = records->first == rule;
	if (records->first != NULL && is_first != (sequence->seen == 0))
		return is_first ? "PH3112 a first record that is not the first"
				: "PH3112 the record that is to come first is missing";
	if (records->last != NULL && sequence->before == records->last)
		return "PH3112 a record after the one that is to come last";
	sequence->seen++;
	sequence->counted += rule->uncounted ? 0 : 1;
	sequence->before = rule;
	return NULL;
}

const char *
ph_sequence_end(const ph_sequence *sequence)
{
	const ph_records *records = sequence->records;
	if (sequence->seen == 0)
		return "PH3110 there are no records";
	if (records->last != NULL && sequence->before != records->last)
		return "PH3112 the record that is to come last is missing: was the end "
		       "cut?";
	return NULL;
}

static bool
agrees(const ph_sequence *sequence, const char *text)
{
	char expected[32];
	if (text == NULL || *text == '\0' || strspn(text, "0123456789") != strlen(text))
		return false;
	while (text[0] == '0' && text[1] != '\0')
		text++;
	snprintf(expected, sizeof expected, "%zu", sequence->counted);
	return strcmp(text, expected) == 0;
}

ph_status
ph_sequence_check(const ph_sequence *sequence, const ph_source *source,
    const ph_node *trailer, ph_error *err)
{
	char where[PH_ERROR_WHERE];
	const ph_node *value = ph_node_get(trailer, sequence->records->count->name);
	if (agrees(sequence, value == NULL ? NULL : value->text))
		return PH_OK;
	return ph_fail_at(err, PH_ERR_INVALID,
	    ph_node_where(
		source->document, value == NULL ? trailer : value, where, sizeof where),
	    "PH3113 the last record's count is not that of the records, %zu: was the "
	    "file cut, or put together from two?",
	    sequence->counted);
}

ph_status
ph_sequence_write(ph_sequence *sequence, const char *name, const ph_node *row,
    const ph_record_rule **rule, ph_error *err)
{
	*rule = ph_records_by_name(sequence->records, name);
	if (*rule == NULL)
		return ph_records_refuse(
		    row, err, "PH3151 a record that the description does not have");
	if (row->kind != PH_NODE_OBJECT)
		return ph_records_refuse(
		    row, err, "PH3152 a record is an object with its fields");
	const char *complaint = ph_sequence_add(sequence, *rule);
	return complaint == NULL ? PH_OK : ph_records_refuse(row, err, complaint);
}

bool
ph_sequence_closes(ph_sequence *sequence)
{
	const ph_records *records = sequence->records;
	return records->count != NULL && sequence->seen > 0 &&
	       sequence->before != records->last &&
	       ph_sequence_add(sequence, records->last) == NULL;
}

ph_status
ph_records_check_members(const ph_records *records, const char *const *columns,
    size_t count, const ph_node *row, ph_error *err)
{
	size_t found = 0;
	for (const ph_node *n = row->first; n != NULL && records->gathers; n = n->next)
		found += ph_records_is_part(records, n) ? 1 : 0;
	for (size_t i = 0; i < count; i++)
		found += ph_node_get(row, columns[i]) != NULL ? 1 : 0;
	if (found == row->count)
		return PH_OK;
	for (const ph_node *n = row->first; n != NULL; n = n->next) {
		size_t i = 0;
		while (i < count && strcmp(columns[i], n->name) != 0)
			i++;
		if (i == count && !ph_records_is_part(records, n))
			return ph_records_refuse(n, err,
			    "PH3151 a field that the description does not have");
	}
	return ph_records_refuse(row, err, "PH3152 a field is there twice");
}

ph_status
ph_records_refuse(const ph_node *node, ph_error *err, const char *text)
{
	char path[160];
	return ph_fail(err, PH_ERR_INVALID, "%s (at %s)", text,
	    ph_node_path(node, path, sizeof path));
}

ph_status
ph_records_write_text(
    const ph_records *records, const ph_node *node, ph_buffer *out, ph_error *err)
{
	size_t bad = 0;
	if (!ph_utf8_valid(node->text, node->length, &bad))
		return ph_records_refuse(
		    node, err, "PH3060 a text that is not valid UTF-8");
	if (!ph_charset_encode(
		records->charset, node->text, node->length, records->instead, out))
		return ph_records_refuse(node, err,
		    "PH3150 a character that the charset does not have: replace it in "
		    "the map, or say what stands for it (replace)");
	return PH_OK;
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
