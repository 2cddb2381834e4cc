/*
 * xsd_sample - a document made up from an XML Schema, where there is no sample of the vendor's.
 *
 * What the schema allows is there once, every branch of a choice among it, in the schema's order; what
 * may repeat has an empty second. A text says what kind it is and no more. What a recursive type holds
 * of itself is left out, and so is what wildcards take.
 *
 * Thread: owner. Errors: PH_ERR_INVALID where it is not said with which element to begin,
 * PH_ERR_NOT_FOUND, PH_ERR_TOO_LARGE, PH_ERR_NOMEM.
 */
#ifndef PH_XSD_SAMPLE_H
#define PH_XSD_SAMPLE_H

#include "lib/codec/xsd_shape.h"
#include "lib/document/document.h"

/* One branch of a choice of which a record has one; what is around it decides more. */
typedef struct ph_xsd_branch {
	const void *choice;
	const void *taken; /* the branch */
	const struct ph_xsd_branch *outer;
} ph_xsd_branch;

/* What the schema says of a text in it. */
typedef struct ph_xsd_fact {
	const ph_node *node;
	const ph_xsd_branch *branch; /* innermost; NULL: it stands in no choice */
	bool required;		     /* in a record, with all that is around it */
	size_t longest;		     /* characters; 0: nothing is said */
} ph_xsd_fact;

typedef struct ph_xsd_sample {
	ph_document *document;
	const ph_node *record; /* that the way led to; NULL: none was given */
	ph_xsd_fact *facts;    /* on the document's arena */
	size_t fact_count;
} ph_xsd_sample;

/* `way` to the record, "Request/Jobs/Job", of names without namespaces; NULL: the schema
 * has one element that a document may begin with. */
ph_status ph_xsd_sample_init(ph_xsd_sample *sample, const ph_xsd_shape *shape,
    const char *file, const char *way, ph_error *err);
void ph_xsd_sample_fini(ph_xsd_sample *sample);
/* NULL: it is no text of the sample. */
const ph_xsd_fact *ph_xsd_sample_fact(const ph_xsd_sample *sample, const ph_node *node);

/* Of two texts: may a record not have both? */
bool ph_xsd_sample_excludes(const ph_xsd_fact *one, const ph_xsd_fact *other);

#endif
