/*
 * codes - a table from vendor codes to canonical ones and back, read from CSV.
 *
 * Named columns hold the keys of both sides; others are for people. `in` and `out` say with `*`
 * which row counts in which direction: each vendor key has exactly one row with `*` in `in`,
 * each canonical key exactly one with `*` in `out`. A table without the column `in` (or `out`) does
 * not go that way; one with neither goes both ways and names every key once. An empty cell is an
 * absent value. "(ignore)" instead of a key: the message is to be left out.
 *
 * A vendor's cell "4*" stands for every code that begins with 4, on the way in; a whole code comes
 * before it, a narrower pattern before a wider one. "\*" at the end is the character itself.
 *
 * A vendor's cell "/4[0-9]{2}/" stands for every code that the regular expression (PCRE2) fits as
 * a whole, on the way in. Rows with one come after all others of their layer, in the file's order.
 * A code on which one gives up (its limit of steps) has no row. "\/" at the beginning is the
 * character itself. At most PH_CODES_REGULAR_MAX such cells in a table.
 *
 * A table has layers, files of one name: for each key of each direction the uppermost layer that has a
 * starred row for it decides. "(none)" takes the row of the other side's key away, and a row of
 * nothing but "(none)" all layers below.
 *
 * Files: codes.c (look-up), codes_load.c (reading, layers, what is refused), codes_inner.h.
 *
 * Thread: pure after loading. Errors: PH_ERR_INVALID with file:line:column and PH21nn.
 */
#ifndef PH_CODES_H
#define PH_CODES_H

#include "transform/value.h"
#include "lib/base/arena.h"

#define PH_CODES_LAYERS	     4
#define PH_CODES_REGULAR_MAX 256

typedef struct ph_codes ph_codes;

/* The files, uppermost layer first, ended by NULL; which columns are the keys: `canonical_count` and
 * `vendor_count` names. */
ph_status ph_codes_load(const char *const *paths, const char *const *canonical,
    size_t canonical_count, const char *const *vendor, size_t vendor_count,
    ph_codes **out, ph_error *err);
void ph_codes_destroy(ph_codes **codes_p);
/* Its file's name, without folders. */
const char *ph_codes_file(const ph_codes *codes);
bool ph_codes_goes_in(const ph_codes *codes);
bool ph_codes_goes_out(const ph_codes *codes);
/* Do several keys of one side stand for the same key of the other, so that a way back differs? */
bool ph_codes_is_lossy(const ph_codes *codes);

typedef enum ph_codes_found {
	PH_CODES_UNKNOWN,
	PH_CODES_FOUND,
	PH_CODES_IGNORE
} ph_codes_found;

/* Look up the tuple and replace it by the other side's. `inward`: vendor to canonical. */
ph_codes_found ph_codes_translate(const ph_codes *codes, bool inward, ph_tuple *tuple);
/* Every value of one canonical column, by row of all layers that count; NULL past the end ("" for an
 * empty cell). */
const char *ph_codes_canonical(const ph_codes *codes, size_t row, size_t column);

/* How many rows; the row that translates the tuple (whatever it says), or one past the last. */
size_t ph_codes_count(const ph_codes *codes);
size_t ph_codes_row(const ph_codes *codes, bool inward, const ph_tuple *tuple);
/* Does the row count (*) in that direction? Its line in the file. */
bool ph_codes_counts(const ph_codes *codes, size_t row, bool inward);
unsigned ph_codes_line(const ph_codes *codes, size_t row);
/* Has it a pattern on the vendor's side? Is one of them a regular expression? */
bool ph_codes_is_open(const ph_codes *codes, size_t row);
bool ph_codes_is_regular(const ph_codes *codes, size_t row);
/* The key of that side as people read it, "HM POTH"; what does not fit is cut. */
void ph_codes_key(
    const ph_codes *codes, size_t row, bool vendor, char *out, size_t size);
/* The value of one vendor column, as ph_codes_canonical; of a pattern its beginning, of a
 * regular expression itself. */
const char *ph_codes_vendor(const ph_codes *codes, size_t row, size_t column);
size_t ph_codes_width(const ph_codes *codes, bool vendor);

#endif
