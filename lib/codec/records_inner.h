/*
 * records_inner - a description as the codecs see it, and what they share.
 *
 * Private to lib/codec. Thread: see records.h.
 */
#ifndef PH_CODEC_RECORDS_INNER_H
#define PH_CODEC_RECORDS_INNER_H

#include "lib/codec/charset.h"
#include "lib/codec/records.h"
#include "lib/codec/source.h"

#define PH_FIELDS_MAX	    1024u  /* in a record */
#define PH_RECORD_TYPES_MAX 64u	   /* in a description */
#define PH_COLUMNS_MAX	    65535  /* in a fixed line */
#define PH_GATHER_BY	    8u	   /* fields that rows are gathered by */
#define PH_GATHER_ROWS	    10000u /* that make one record */

typedef enum ph_quoting { PH_QUOTE_NEEDED, PH_QUOTE_TEXTS, PH_QUOTE_ALL } ph_quoting;

typedef struct ph_field_rule ph_field_rule;
struct ph_field_rule {
	const char *name;
	size_t number;	      /* HL7: from 1 */
	size_t first, width;  /* fixed: from column 0 */
	bool right;	      /* fixed: fill at the left */
	char pad;	      /* fixed: what fills */
	ph_field_rule *parts; /* HL7: components; NULL if none are named */
	size_t part_count;
};

typedef struct ph_record_rule {
	const char *type; /* what its first field says; "" if there is one type only */
	const char *name;
	ph_field_rule *fields;
	size_t field_count;
	size_t width;	/* fixed: columns of the line */
	bool uncounted; /* not in the trailer's count */
	uint64_t
	    gathers; /* a bit for each rule whose records behind it are part of it */
} ph_record_rule;

struct ph_records {
	ph_document *document; /* the file; its arena holds all below */
	ph_records_format format;
	ph_charset charset;
	bool charset_given;
	const char *instead; /* for what the charset has not; NULL: refuse */
	const char *line_end;
	char separator;
	bool header; /* CSV: the first line names the columns */
	bool bytes;  /* fixed: columns are bytes, not characters */
	ph_quoting quoting;
	size_t type_first, type_width; /* fixed: where the type stands; width 0: none */
	ph_record_rule *rules;
	size_t rule_count;
	const ph_record_rule *first, *last; /* NULL: any */
	const ph_field_rule *count;	    /* a field of `last`; NULL: none */
	bool gathers;			    /* some rule does, or all rows: */
	const char *group;		    /* name of what rows are gathered into */
	const char *by[PH_GATHER_BY]; /* fields that are the same in all of them ... */
	const ph_field_rule *by_rules[PH_GATHER_BY]; /* NULL: an open table's */
	size_t by_count;
	const char **with; /* ... and more of them, that belong to all */
	size_t with_count;
};

/* records_rules.c: what a description says. The rule of a record by its type, or by its name;
 * NULL. */
const ph_record_rule *ph_records_by_type(
    const ph_records *records, const char *type, size_t length);
const ph_record_rule *ph_records_by_name(const ph_records *records, const char *name);

/* Are records of `part` part of the record of `rule` before them? */
bool ph_records_gathers(
    const ph_records *records, const ph_record_rule *rule, const ph_record_rule *part);
/* Is it always part of another record? */
bool ph_records_part_of_any(const ph_records *records, const ph_record_rule *rule);
/* Is it a field of the gathered record, not of its rows? */
bool ph_records_shares(const ph_records *records, const char *field);
/* Is this member of a row one of the rows that were gathered into it? */
bool ph_records_is_part(const ph_records *records, const ph_node *member);

/* records_sequence.c: the order of records while a file is read or written: which may come where,
 * and how many were counted. */
typedef struct ph_sequence {
	const ph_records *records;
	size_t seen, counted;
	const ph_record_rule *before; /* the latest; NULL at first */
} ph_sequence;
/* Is this record allowed here? NULL, or what is wrong in words with their code. */
const char *ph_sequence_add(ph_sequence *sequence, const ph_record_rule *rule);
/* The same at the end. */
const char *ph_sequence_end(const ph_sequence *sequence);
/* Does the trailer that was read say what was counted? */
ph_status ph_sequence_check(const ph_sequence *sequence, const ph_source *source,
    const ph_node *trailer, ph_error *err);
/* The rule of a record that is to be written; refused if there is none, or not here. */
ph_status ph_sequence_write(ph_sequence *sequence, const char *name, const ph_node *row,
    const ph_record_rule **rule, ph_error *err);
/* A trailer that counts need not be in the document: is it to be written now? */
bool ph_sequence_closes(ph_sequence *sequence);

/* A piece of a file (pieces.h): what is known from those before. */
typedef struct ph_records_part {
	ph_sequence sequence;
	size_t head; /* bytes at the beginning that were in an earlier piece too */
	bool first, last;
} ph_records_part;
ph_status ph_records_decode_part(const ph_records *records, ph_records_part *part,
    ph_document *document, const void *bytes, size_t length, ph_error *err);

/* records_text.c: what the formats ask of their input: size, charset, control characters. A
 * byte order mark is passed over: *start is the first byte to read. */
ph_status ph_records_open(const ph_records *records, ph_source *source,
    const ph_records_part *part, ph_document *document, const void *bytes,
    size_t length, size_t *start, ph_error *err);

/* ... and of what is written: every member of a row that is a field has a column, once; */
ph_status ph_records_check_members(const ph_records *records,
    const char *const *columns, size_t count, const ph_node *row, ph_error *err);
/* a field's text in the charset: appended, or PH_ERR_INVALID with its path. */
ph_status ph_records_write_text(
    const ph_records *records, const ph_node *node, ph_buffer *out, ph_error *err);
/* PH_ERR_INVALID about a node that is to be written: "(at a/b)" is added. */
ph_status ph_records_refuse(const ph_node *node, ph_error *err, const char *text);

/* gather.c: rows into the records they make, while they are read ... */
typedef struct ph_gather {
	const ph_records *records;
	ph_source *source;
	ph_node *root;
	ph_node *group;		    /* the one in hand; NULL */
	const ph_record_rule *rule; /* what began it */
	size_t rows;
} ph_gather;
/* `row`, whose fields are there, gets its name and its place in the tree. */
ph_status ph_gather_add(ph_gather *gather, const ph_record_rule *rule, ph_node *row,
    size_t at, ph_error *err);
/* ... and back: each row that `node`, a member of the root, is written as. `group` has
 * the fields that are not in the row itself; NULL. */
typedef ph_status ph_gather_write(void *self, const char *name, const ph_node *row,
    const ph_node *group, ph_error *err);
ph_status ph_gather_rows(const ph_records *records, const ph_node *node,
    ph_gather_write *write, void *self, ph_error *err);
/* A field of a row, or of what it was gathered into (may be NULL); NULL. */
const ph_node *ph_records_field(
    const ph_node *row, const ph_node *group, const char *name);

/* One format each; `source` has been opened. `part` is what is known of a piece, and is
 * brought up to date. What is written in passing goes to the arena (NULL: to the heap). */
ph_status ph_csv_records_decode(const ph_records *records, ph_source *source,
    size_t start, ph_records_part *part, ph_node *root, ph_error *err);
ph_status ph_csv_records_encode(const ph_records *records, const ph_node *root,
    ph_arena *arena, ph_buffer *out, ph_error *err);

ph_status ph_fixed_decode(const ph_records *records, ph_source *source, size_t start,
    ph_records_part *part, ph_node *root, ph_error *err);
/* What a field of a line says, and the rule of a line; for those who cut files. */
const char *ph_fixed_text(const ph_records *records, const char *line, size_t length,
    const ph_field_rule *field, size_t *size);
const ph_record_rule *ph_fixed_rule(
    const ph_records *records, const char *line, size_t length);
ph_status ph_fixed_encode(const ph_records *records, const ph_node *root,
    ph_arena *arena, ph_buffer *out, ph_error *err);

/* Opens too: `records` is the caller's copy, and gets the charset that MSH-18 names if
 * the description names none. */
ph_status ph_hl7_open(ph_records *records, ph_source *source, ph_document *document,
    const void *bytes, size_t length, size_t *start, ph_error *err);
ph_status ph_hl7_decode(const ph_records *records, ph_source *source, size_t start,
    ph_records_part *part, ph_node *root, ph_error *err);
ph_status ph_hl7_encode(const ph_records *records, const ph_node *root, ph_arena *arena,
    ph_buffer *out, ph_error *err);

/* records_parse.c: fill in from the file. */
ph_status ph_records_parse(ph_records *records, ph_error *err);

#endif
