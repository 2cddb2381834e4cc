/*
 * xsd_shape - what a vendor's XML Schema allows, for whoever asks before there is a document.
 *
 * Made from a schema that is loaded, and so known to be good (lib/codec/xsd.h). Each type is read
 * once: bases, groups, attribute groups and substitution groups are written out, and elements
 * lead to their types, in a circle where the schema is recursive. xs:key and the values that a
 * pattern takes are not looked at.
 *
 * Thread: pure after it is made. Errors: PH_ERR_TOO_LARGE, PH_ERR_NOT_FOUND, PH_ERR_NOMEM.
 */
#ifndef PH_CODEC_XSD_SHAPE_H
#define PH_CODEC_XSD_SHAPE_H

#include <stdbool.h>

#include "lib/codec/xsd.h"

typedef struct ph_xsd_shape ph_xsd_shape;
typedef struct ph_xsd_type ph_xsd_type;
typedef struct ph_xsd_part ph_xsd_part;
typedef struct ph_xsd_attribute ph_xsd_attribute;

typedef enum ph_xsd_kind {
	PH_XSD_ELEMENT,
	PH_XSD_SEQUENCE,
	PH_XSD_CHOICE,
	PH_XSD_ALL,
	PH_XSD_ANY
} ph_xsd_kind;

/* What an element's or attribute's text is. */
typedef enum ph_xsd_value {
	PH_XSD_NOTHING, /* an element without text */
	PH_XSD_TEXT,
	PH_XSD_NUMBER,
	PH_XSD_INTEGER,
	PH_XSD_BOOLEAN,
	PH_XSD_INSTANT, /* xs:dateTime */
	PH_XSD_DATE,
	PH_XSD_TIME
} ph_xsd_value;

struct ph_xsd_type {
	ph_xsd_value value;
	bool open;	    /* anything may be in it */
	bool any_attribute; /* other attributes too */
	bool
	    extended; /* another type adds to it, which xsi:type may put in its place */
	bool patterned; /* a pattern, a least length or a bound says more of its text */
	bool uncounted; /* a list, or bytes: lengths are not those of its text */
	size_t longest; /* characters; 0: nothing is said */
	size_t value_count; /* of its enumeration */
	const char *const *values;
	const char *fixed; /* the only text that it may have; NULL: nothing is said */
	ph_xsd_attribute *attributes;
	ph_xsd_part *content; /* one particle; NULL: no elements */
};

/* A particle: an element, a group of particles, or a wildcard. */
struct ph_xsd_part {
	ph_xsd_kind kind;
	unsigned least;		 /* how often */
	bool many;		 /* more than once */
	const char *name;	 /* ELEMENT */
	const char *space;	 /* ELEMENT: its namespace; NULL: none */
	const ph_xsd_type *type; /* ELEMENT */
	const char *others;	 /* ANY: the namespaces it takes; NULL: all */
	const char *target;	 /* ANY: what ##targetNamespace means; NULL */
	ph_xsd_part *first;	 /* of a group */
	ph_xsd_part *next;	 /* in its group */
};

struct ph_xsd_attribute {
	const char *name, *space;
	bool required;
	const ph_xsd_type *type;
	ph_xsd_attribute *next;
};

/* *out is yours, and needs the schema no longer. */
ph_status ph_xsd_shape_new(const ph_xsd *schema, ph_xsd_shape **out, ph_error *err);
void ph_xsd_shape_destroy(ph_xsd_shape **shape_p);
/* A choice of the elements that a document's root may be. */
const ph_xsd_part *ph_xsd_shape_roots(const ph_xsd_shape *shape);

typedef struct ph_xsd_child {
	const ph_xsd_part *element;
	bool many;  /* it may be there more than once */
	bool twice; /* the content has it in several places */
} ph_xsd_child;

/* The element of that name in a content (NULL: there is none). */
bool ph_xsd_find(
    const ph_xsd_part *content, const char *space, const char *name, ph_xsd_child *out);
const ph_xsd_attribute *ph_xsd_find_attribute(
    const ph_xsd_type *type, const char *space, const char *name);
/* The first wildcard of the content that takes an element of that namespace; NULL. */
const ph_xsd_part *ph_xsd_takes(const ph_xsd_part *content, const char *space);
/* May the content be empty? */
bool ph_xsd_may_be_empty(const ph_xsd_part *content);
/* Has `first` to stand before `second`, both particles of the content? */
bool ph_xsd_is_before(
    const ph_xsd_part *content, const ph_xsd_part *first, const ph_xsd_part *second);

#endif
