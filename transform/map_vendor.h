/*
 * map_vendor - what the vendor's side has: the fields of its record description, or of its schema
 * (vendor.schema) in JSON Schema or XML Schema.
 *
 * Ways are names from the top of the document, as text; lists are passed through, so "rows" leads to
 * the items of a list of that name.
 *
 * Thread: pure.
 */
#ifndef PH_MAP_VENDOR_H
#define PH_MAP_VENDOR_H

#include "transform/map_inner.h"

#define PH_WAY_MAX 64

typedef struct ph_way {
	size_t count;
	const char *names[PH_WAY_MAX];
	const ph_step *steps[PH_WAY_MAX];
	bool inside; /* it leads into a text that is opened, and ends at that */
} ph_way;

/* The way of a vendor's path in that direction (root and each before it); false: out of the document,
 * or it ends in a pattern of names. */
bool ph_vendor_way(const ph_map *map, const ph_path *path, bool inward, ph_way *out);
/* "rows.name", for errors and comparisons; cut to the size. */
void ph_way_text(const ph_way *way, char *out, size_t size);

typedef enum ph_vendor_known {
	PH_VENDOR_UNKNOWN,
	PH_VENDOR_OPEN, /* nothing says that there is no such field */
	PH_VENDOR_NAMED
} ph_vendor_known;

typedef struct ph_vendor_field {
	unsigned types;		 /* PH_TYPE_* */
	const ph_rule *rule;	 /* of a JSON Schema */
	const ph_xsd_type *type; /* of an XML Schema */
	size_t longest;		 /* characters; 0: nothing is said */
	size_t value_count;	 /* of its enumeration */
	const char *const *values;
} ph_vendor_field;

/* Is anything known of the vendor's side? */
bool ph_vendor_described(const ph_map *map);
/* Where it is said, for errors. */
const char *ph_vendor_file(const ph_map *map);
ph_vendor_known ph_vendor_find(
    const ph_map *map, const ph_way *way, ph_vendor_field *out);
/* Every field that a record description or a JSON Schema names, as ph_way_text writes it. */
typedef bool ph_vendor_tell(void *self, const char *path, bool required);
void ph_vendor_each(const ph_map *map, ph_vendor_tell *tell, void *self);

/* A step's namespace by the map's names; NULL: none. */
const char *ph_vendor_space(const ph_map *map, const ph_step *step);
/* Follow a way through the XML Schema. *at: steps taken when it ended; *above: the type there,
 * NULL: the document. */
ph_vendor_known ph_vendor_follow(const ph_map *map, const ph_way *way,
    const ph_xsd_type **type, size_t *at, const ph_xsd_type **above);

#endif
