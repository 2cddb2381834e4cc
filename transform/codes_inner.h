/*
 * codes_inner - a code table as its loader and its look-up see it.
 *
 * Rows of all layers stand in one array. Two hash tables lead from a whole key to the row of the
 * uppermost layer that has it; rows with an open cell ("4*") or a regular expression stand in a list
 * of their own, the uppermost layer first, within it the narrowest first, and last those with a
 * regular expression in the file's order.
 *
 * Thread: pure after loading.
 */
#ifndef PH_CODES_INNER_H
#define PH_CODES_INNER_H

#include "lib/base/table.h"
#include "lib/config/config.h"
#include "transform/codes.h"
#include "transform/pattern.h"

#define PH_CODES_SEPARATOR '\x1f' /* between the cells of a key; no cell holds it */
#define PH_CODES_KEY_MAX   1024

typedef struct ph_code_cell {
	const ph_node *node;
	const char *text;
	size_t length;
	bool open;	     /* every text that begins so */
	ph_pattern *regular; /* every text that it fits; NULL */
} ph_code_cell;

typedef enum ph_code_word {
	PH_CODE_KEY,
	PH_CODE_IGNORE, /* "(ignore)": leave the message out */
	PH_CODE_NONE	/* "(none)": the layers below have no row for the other side */
} ph_code_word;

typedef struct ph_code_row {
	size_t layer; /* 0 is the lowest */
	const ph_node *node;
	ph_code_cell canonical[PH_TUPLE_MAX], vendor[PH_TUPLE_MAX];
	ph_code_word canonical_word, vendor_word;
	bool in, out; /* starred */
	bool open;    /* some vendor cell is open, or has a regular expression ... */
	bool regular; /* ... that one has */
} ph_code_row;

struct ph_codes {
	ph_document *layers[PH_CODES_LAYERS];
	size_t layer_count;
	char *path; /* of the uppermost */
	size_t canonical_count, vendor_count;
	ph_code_row *rows;
	size_t count;
	ph_code_row **open; /* of these, those with an open cell */
	size_t open_count;
	const ph_code_row **live; /* of these, those that no layer above replaces */
	size_t live_count;
	bool in, out, lossy; /* does it go that way? */
	ph_table *to_canonical, *to_vendor;
};

/* Join cells; false if they do not fit or hold the separator. */
bool ph_codes_join(const ph_code_cell *cells, size_t count, char key[PH_CODES_KEY_MAX],
    size_t *length);
/* The row that decides about a vendor's key, given as its cells and as one; NULL. */
const ph_code_row *ph_codes_inward(
    const ph_codes *codes, const ph_code_cell *cells, const char *key, size_t length);
/* Is every key of `narrow` one of `wide`? Can one key be of both? */
bool ph_codes_covers(const ph_code_row *wide, const ph_code_row *narrow, size_t count);
bool ph_codes_meet(const ph_code_row *a, const ph_code_row *b, size_t count);

#endif
