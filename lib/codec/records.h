/*
 * records - formats that do not say what their fields are, described by a file.
 *
 * A description (doc/records.md) is a small YAML file that names the fields of CSV,
 * record-typed CSV, fixed-width lines or HL7 v2 segments. The document they are read
 * into is an object with one member for each record, in their order; a record is an
 * object with one text for each field that has something in it. What is not there is
 * absent; "" in CSV is empty, "" in HL7 is null. Numbers and dates stay text.
 *
 * Rows that together make one record are gathered where the description says so.
 *
 * 8 MiB of input and 20 times the input in memory, as for every format; 1024 fields in
 * a record, 10,000 rows in a gathered one, 64 types of record, 65,535 columns in a line. A place is
 * line and column in bytes; for HL7 the line is the segment.
 *
 * Thread: a description never changes; a document has one owner.
 * Errors: PH_ERR_INVALID with place, PH_ERR_TOO_LARGE, PH_ERR_NOMEM.
 */
#ifndef PH_CODEC_RECORDS_H
#define PH_CODEC_RECORDS_H

#include "lib/base/buffer.h"
#include "lib/document/document.h"

typedef struct ph_records ph_records;

typedef enum ph_records_format {
	PH_RECORDS_CSV,
	PH_RECORDS_TYPED, /* record-typed CSV */
	PH_RECORDS_FIXED,
	PH_RECORDS_HL7
} ph_records_format;

/* Read a description. Errors have the file's line and column. *out is yours. */
ph_status ph_records_load(const char *path, ph_records **out, ph_error *err);
/* The same from a document that holds it, which is taken. */
ph_status ph_records_new(ph_document **document_p, ph_records **out, ph_error *err);
void ph_records_destroy(ph_records **records_p);
/* The file it was read from. */
const char *ph_records_file(const ph_records *records);
ph_records_format ph_records_format_of(const ph_records *records);
/* "csv", "record-csv", "fixed", "hl7" */
const char *ph_records_format_name(ph_records_format format);
/* "text/csv; charset=utf-8" */
const char *ph_records_media(const ph_records *records);

/* Bytes to a document: sets its root. */
ph_status ph_records_decode(const ph_records *records, ph_document *document,
    const void *bytes, size_t length, ph_error *err);
/* The same for one piece of a file after another (pieces.h). `state` is what is known from the
 * pieces before; all zero at first. */
typedef struct ph_piece ph_piece;
typedef struct ph_records_state {
	size_t seen, counted; /* records */
	const void *before;   /* the rule of the latest */
} ph_records_state;
ph_status ph_records_decode_piece(const ph_records *records, ph_records_state *state,
    const ph_piece *piece, ph_document *document, ph_error *err);
/* What each piece begins with: the name of the record that comes first, or NULL. */
const char *ph_records_first(const ph_records *records);
/* Are others part of it, so that no piece has the whole of it? */
bool ph_records_first_gathers(const ph_records *records);
/* The name of the record that comes last, or NULL. */
const char *ph_records_last(const ph_records *records);
/* Append what `root` holds to `out`. Refused: a field that the description has not, an
 * object where a text is wanted, a character that the charset has not (unless the
 * description says what stands for it), a text too long for its columns. */
ph_status ph_records_encode(
    const ph_records *records, const ph_node *root, ph_buffer *out, ph_error *err);
/* The same with an arena for what is written in passing (NULL: the heap). */
ph_status ph_records_encode_on(const ph_records *records, const ph_node *root,
    ph_arena *arena, ph_buffer *out, ph_error *err);

/* What the description says of a field, given the names on the way from the document:
 * {"member", "Surname"}, {"PID", "name", "family"}. OPEN: nothing, but a file may have it (an
 * unnamed column, an HL7 field by its number). *width: the columns of a fixed field, 0 if it may be
 * of any length. */
typedef enum ph_records_known {
	PH_RECORDS_UNKNOWN,
	PH_RECORDS_OPEN,
	PH_RECORDS_NAMED
} ph_records_known;
ph_records_known ph_records_find(
    const ph_records *records, const char *const *way, size_t count, size_t *width);
/* Every field that is named, in the file's order: "Surname", "name/family". Stops when `tell`
 * returns false. */
typedef bool ph_records_tell(
    void *self, const char *record, const char *field, size_t width);
void ph_records_each(const ph_records *records, ph_records_tell *tell, void *self);

#endif
