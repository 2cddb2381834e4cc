/*
 * field_order - which of two fields of an object stands first in what a map writes.
 *
 * Where the vendor's XML schema says so, it decides; else the order in which the map first names
 * them, links or vendor.order. Fields that neither knows stand before and behind nothing.
 *
 * Thread: pure. Errors: none.
 */
#ifndef PH_FIELD_ORDER_H
#define PH_FIELD_ORDER_H

#include "transform/map_inner.h"

typedef struct ph_field_order {
	const ph_map *map;
	const char *const *names;   /* the map's, bound to the document */
	const ph_xsd_part *content; /* of the object; NULL: nobody says */
	uint32_t slot; /* of the map's shape; PH_SLOT_NONE: no link writes into it */
} ph_field_order;

/* Where a field stands, to be compared with others of its object. */
typedef struct ph_field_place {
	const ph_xsd_part
	    *part;     /* NULL: the schema does not know it, or in two places */
	uint32_t rank; /* among what the map names, from 1; 0: it is not there */
} ph_field_place;

/* Of an object in a document that goes out, up to which all parents are linked. */
ph_field_order ph_field_order_of(
    const ph_map *map, const char *const *names, const ph_node *object);
/* Of an object that is a field of that one. */
ph_field_order ph_field_order_below(const ph_field_order *order, const ph_node *field);
ph_field_place ph_field_order_place(const ph_field_order *order, const ph_node *field);
bool ph_field_order_before(
    const ph_field_order *order, ph_field_place first, ph_field_place second);

#endif
