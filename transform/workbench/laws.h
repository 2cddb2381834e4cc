/*
 * laws - there and back: what a map writes, it reads again.
 *
 * Documents are made up: canonical ones from the schema, steered towards what the links can say (codes
 * that the tables have, places in Britain); the vendor's from what the map writes, with codes
 * of the tables, and values that the vendor's schema or record description allows, put in. Then:
 *
 *   out and back    a field whose link is `iso` is the same afterwards
 *   in and back     the same from the vendor's side
 *   a second time   what any two-way link wrote once is the same after a second trip: what it loses
 *                   is lost once
 *
 * A field that several links write is held to the third only. Required fields and `require` are
 * not asked for on the way in; references are known both ways; every $setting says yes. An empty
 * list counts as absent, and an item with nothing in it as none; a centimetre of
 * osgb36 counts as nothing. A document that the map refuses is counted, not held against it.
 *
 * Thread: pure. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_LAWS_H
#define PH_LAWS_H

#include <stdint.h>
#include "transform/map_inner.h"

typedef struct ph_laws {
	size_t links;	/* that go both ways; 0: there is nothing to hold the map to */
	size_t held;	/* trips made */
	size_t refused; /* documents that did not get through */
	bool broken;
	/* if it is: */
	size_t number;	 /* of the case, from 1 */
	const char *law; /* as above */
	char where[PH_ERROR_WHERE];
	char text[512];
	bool canonical; /* the document is */
	char *document; /* a small one that shows it */
	size_t length;
	char refusal[PH_ERROR_TEXT]; /* the first, if any was refused */
} ph_laws;

/* The same seed and number of cases: the same documents. */
ph_status ph_laws_check(
    const ph_map *map, uint64_t seed, size_t cases, ph_laws *out, ph_error *err);
void ph_laws_fini(ph_laws *laws);

#endif
