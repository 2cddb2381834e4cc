/*
 * map_check_xsd - the check of a map against what is known of its vendor's side, an XML Schema above
 * all, as its parts see each other.
 *
 * Private to transform/map_check_*.c. Thread: pure. Errors: complaints to the load.
 */
#ifndef PH_MAP_CHECK_XSD_H
#define PH_MAP_CHECK_XSD_H

#include "transform/map_vendor.h"

#define PH_HINT_MAX 512

/* map_check_find.c. By local names, of any namespace; NULL. */
const ph_xsd_part *ph_check_element(const ph_xsd_part *content, const char *name);
const ph_xsd_attribute *ph_check_attribute(const ph_xsd_type *type, const char *name);
/* What was meant instead of a name that is not there, for the end of a complaint; "" if nothing is
 * near. `above` is the type that lacks it; NULL: the document. */
void ph_check_hint(const ph_map *map, const ph_xsd_type *above, const char *name,
    bool attribute, char out[PH_HINT_MAX]);
/* Does an operand stand for something in the document? */
bool ph_check_is_path(const ph_operand *operand);
/* What the canonical schema says of an operand; NULL. */
const ph_rule *ph_check_canonical(const ph_map *map, const ph_operand *operand);

/* map_check_rest.c: what is neither linked nor dropped of the records of both directions; NULL:
 * nothing is known of that one. */
void ph_map_examine_rest(
    const ph_map *map, ph_load *load, const ph_xsd_type *in, const ph_xsd_type *out);

#endif
