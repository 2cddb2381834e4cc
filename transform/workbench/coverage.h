/*
 * coverage - which links and which rows of code tables have been exercised by the calls of a map.
 *
 * A link counts once for each of its directions: it is covered when it has written a value that was
 * used. A row of a table counts once for each direction in which the link goes and the row has its
 * star; it is covered when a code was translated by it.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_COVERAGE_H
#define PH_COVERAGE_H

#include "transform/trace.h"

typedef struct ph_coverage ph_coverage;

/* For calls of this map, which it borrows. */
ph_status ph_coverage_new(const ph_map *map, ph_coverage **out, ph_error *err);
void ph_coverage_destroy(ph_coverage **coverage_p);
/* Give it to the calls. */
const ph_trace *ph_coverage_trace(const ph_coverage *coverage);

/* One thing to be covered. */
typedef struct ph_covered {
	const ph_link *link;
	bool inward;
	const struct ph_codes *table; /* NULL: the link itself */
	size_t row;
	bool hit;
} ph_covered;

/* All of them, in the order of the links. */
size_t ph_coverage_count(const ph_coverage *coverage);
ph_covered ph_coverage_at(const ph_coverage *coverage, size_t index);

#endif
