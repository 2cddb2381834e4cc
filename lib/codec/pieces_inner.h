/*
 * pieces_inner - what the formats' scanners share with the cutter.
 *
 * Private to lib/codec. Offsets are those of the file. Thread: see pieces.h.
 */
#ifndef PH_CODEC_PIECES_INNER_H
#define PH_CODEC_PIECES_INNER_H

#include "lib/base/buffer.h"
#include "lib/base/delimited.h"
#include "lib/codec/pieces.h"
#include "lib/codec/records_inner.h"

typedef enum ph_cut {
	PH_CUT_MORE,   /* everything that is there has been read */
	PH_CUT_BEFORE, /* a record begins at `at` */
	PH_CUT_REFUSED
} ph_cut;

/* An element or container on the way that is open. */
typedef struct ph_pieces_level {
	ph_buffer head;	  /* from its beginning to its first child on the way */
	size_t start;	  /* while that has not come: where it begins */
	size_t lead, tag; /* XML: the start tag, from `start`, and its length */
	size_t children;  /* XML: elements in it */
	bool has_child;	  /* on the way */
	char closes;	  /* JSON: } or ] */
	size_t steps;	  /* of the way that lead here */
} ph_pieces_level;

typedef enum ph_pieces_state {
	PH_AT_FIELD, /* rows: a field begins; XML, JSON: between tokens */
	PH_IN_PLAIN,
	PH_IN_QUOTED,
	PH_AT_QUOTE /* a quote in a quoted field */
} ph_pieces_state;

struct ph_pieces {
	ph_pieces_plan plan;
	ph_pieces_step way[PH_PIECES_DEPTH];
	ph_pieces_read *read;
	void *self;
	char *name;
	ph_buffer window; /* bytes that are not yet in a piece */
	size_t base;	  /* offset of its first byte */
	size_t start;	  /* of the piece in hand */
	size_t at;	  /* the scanner's */
	size_t record;	  /* the one in hand */
	size_t count;	  /* records in the piece in hand */
	size_t memory;	  /* most that was held */
	bool ended;	  /* there is no more to be read */
	bool finished;	  /* no piece comes any more */
	bool begun;	  /* a piece has been made */
	ph_buffer head;	  /* of the piece in hand */
	ph_buffer piece;
	uint32_t line, column; /* of `start` */
	ph_error *err;	       /* while a scanner runs */
	ph_cut (*scan)(ph_pieces *p);
	/* XML, JSON */
	ph_pieces_level levels[PH_PIECES_DEPTH + 64];
	size_t depth;	       /* of `levels` in use */
	size_t below;	       /* open elements or containers that are not on the way */
	bool rooted;	       /* there has been a level */
	bool fresh;	       /* the record at `at` has been told */
	bool matched;	       /* JSON: the member's name is the way's ... */
	bool value;	       /* ... and its colon has been read */
	ph_buffer names;       /* XML: the last start tag's name that was compared */
	bool names_match;      /* ... and what came of it */
	ph_pieces_state state; /* JSON: in a string; rows */
	/* rows */
	size_t next;		      /* read up to here */
	size_t mark;		      /* length of the byte order mark */
	bool started;		      /* it has been looked for */
	bool headed;		      /* the row that is repeated has been read */
	bool row_done;		      /* the row from `at` to `next` has been judged */
	size_t columns[PH_GATHER_BY]; /* of what rows are gathered by */
	ph_buffer key, other;
	const ph_record_rule *group;
	ph_delimited field;
};

static inline size_t
ph_pieces_end(const ph_pieces *p)
{
	return p->base + p->window.length;
}

static inline const char *
ph_pieces_bytes(const ph_pieces *p, size_t offset)
{
	return (const char *) p->window.data + (offset - p->base);
}

/* pieces_place.c: line and column of `offset`, which is not before `start`. */
void ph_pieces_place(
    const ph_pieces *p, size_t offset, uint32_t *line, uint32_t *column);
/* PH_CUT_REFUSED, with the place of `offset`. */
ph_cut ph_pieces_refuse(ph_pieces *p, ph_status status, size_t offset,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
ph_cut ph_pieces_no_memory(ph_pieces *p);

/* pieces_levels.c: a level begins at `start`; NULL after a complaint. */
ph_pieces_level *ph_pieces_push(ph_pieces *p, size_t start);
void ph_pieces_pop(ph_pieces *p);
/* Something on the way begins at `at` in the innermost level: what is before it is kept. */
bool ph_pieces_child(ph_pieces *p, size_t at);

/* A format each: read on to the next record. */
ph_cut ph_pieces_scan_rows(ph_pieces *p);
ph_cut ph_pieces_scan_xml(ph_pieces *p);
ph_cut ph_pieces_scan_json(ph_pieces *p);
/* Append what ends the levels that are open. */
void ph_pieces_close_xml(const ph_pieces *p, ph_buffer *out);
void ph_pieces_close_json(const ph_pieces *p, ph_buffer *out);

#endif
