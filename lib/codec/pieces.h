/*
 * pieces - a file of any size, cut into documents that hold some of its records each.
 *
 * What is too large to be read whole is read from front to back. A *piece* is a document of
 * the file's own format: what stood before the first record (a header, the start tags and
 * the fields around), then as many whole records as make up `target` bytes, then what
 * closes it. So whatever reads documents reads pieces, and each byte of the file is read
 * in some piece: the file is accepted if, and only if, every piece is.
 *
 * Invariants: memory goes by `target` and `longest`, whatever the size of the file. Where
 * it is cut depends on its bytes, never on how they come. Records have the same fields as
 * in the whole document, and their parents what stood before them.
 *
 *   rows (CSV, record-typed CSV, fixed columns): cut between rows, or between gathered
 *       records (lib/codec/records.h). In each piece again: the row of names, or the record
 *       that comes first.
 *   XML: cut before an element on `way`. In each piece again: its parents' start tags, with
 *       what stood in them before the first such element.
 *   JSON: cut before an item of a list on `way`; the same.
 *
 * With `beside`, what stands in a parent behind its first record is refused, because records
 * of earlier pieces would not have seen it; without, nobody looks there.
 *
 * Thread: owner. Errors: PH_ERR_INVALID and PH_ERR_TOO_LARGE with the file's line and
 * column; PH_ERR_NOMEM; what `read` says.
 */
#ifndef PH_CODEC_PIECES_H
#define PH_CODEC_PIECES_H

#include "lib/codec/records.h"

#define PH_PIECE_TARGET	 ((size_t) 16 << 10)
#define PH_PIECE_LONGEST ((size_t) 1 << 20) /* a record, with what stands around it */
#define PH_PIECES_DEPTH	 64u		    /* steps of a way */

typedef struct ph_pieces ph_pieces;

/* At most `size` bytes; *got is 0 only at the end. */
typedef ph_status ph_pieces_read(
    void *self, void *into, size_t size, size_t *got, ph_error *err);

typedef struct ph_pieces_step {
	const char *name;  /* NULL: any */
	const char *space; /* XML: the namespace, or NULL */
	bool first;	   /* XML: only the first element in its parent */
} ph_pieces_step;

typedef enum ph_pieces_format {
	PH_PIECES_ROWS,
	PH_PIECES_XML,
	PH_PIECES_JSON
} ph_pieces_format;

typedef struct ph_pieces_plan {
	ph_pieces_format format;
	const ph_records *records; /* rows: outlives the pieces; not HL7 */
	const ph_pieces_step
	    *way; /* XML, JSON: to a record; copied, its texts are not */
	size_t depth;
	bool beside;
	size_t target, longest; /* 0: those above */
} ph_pieces_plan;

struct ph_piece {
	const char *bytes; /* until the next piece */
	size_t length;
	size_t head; /* of them repeated from earlier ones */
	bool first, last;
	uint32_t line, column;		 /* in the file, of the byte behind `head` */
	uint32_t head_line, head_column; /* of the same byte in the piece */
};

ph_status ph_pieces_new(const ph_pieces_plan *plan, ph_pieces_read *read, void *self,
    const char *name, ph_pieces **out, ph_error *err);
void ph_pieces_destroy(ph_pieces **pieces_p);
/* PH_ERR_NOT_FOUND after the last. After an error there is no other. */
ph_status ph_pieces_next(ph_pieces *pieces, ph_piece *out, ph_error *err);
/* The most memory it has held, in bytes. */
size_t ph_pieces_memory(const ph_pieces *pieces);

/* A place of the piece, in the file. */
void ph_piece_place(const ph_piece *piece, uint32_t *line, uint32_t *column);
/* The same for "name:line:column". */
void ph_piece_where(const ph_piece *piece, char where[PH_ERROR_WHERE]);

#endif
