/*
 * propose - a first draft of a map from one sample of the vendor's and a canonical schema.
 *
 * Finds the record in the sample, pairs its fields with the canonical ones by name and by what they
 * hold, and writes a map file: links, those that are not sure with a comment, and the rest under
 * `drop`. No value of the sample is written. Of a made-up one it is known what the schema requires and
 * how long a text may be.
 *
 * Thread: owner. Errors: PH_ERR_INVALID for a sample in which no record is found, PH_ERR_NOMEM.
 */
#ifndef PH_PROPOSE_H
#define PH_PROPOSE_H

#include "lib/base/buffer.h"
#include "packhorse/map.h"
#include "transform/schema.h"
#include "transform/workbench/xsd_sample.h"

typedef struct ph_proposal {
	const char *name; /* of the map */
	ph_map_format format;
	const char *format_name; /* "soap" */
	const char *record;	 /* its record description, or NULL */
	const char *row;	 /* what the description calls a record, or NULL */
	const ph_schema *schema;
	ph_document *sample; /* decoded; for SOAP with its envelope */
	const ph_xsd_sample *
	    made; /* it is made up from the vendor's schema, without an envelope; NULL */
	const char *xsd; /* that schema's file below schemas/, or NULL */
} ph_proposal;

ph_status ph_propose(const ph_proposal *proposal, ph_buffer *out, ph_error *err);

#endif
