/*
 * xsd_inner - a loaded schema, as its loader and the checker see it.
 *
 * Private to lib/codec. Thread: as xsd.h says. Errors: as xsd.h says.
 */
#ifndef PH_CODEC_XSD_INNER_H
#define PH_CODEC_XSD_INNER_H

#include <libxml/xmlerror.h>
#include <libxml/xmlschemas.h>

#include "lib/codec/xsd.h"
#include "lib/codec/source.h"

#define PH_XSD_SPACE "http://www.w3.org/2001/XMLSchema"

struct ph_xsd {
	char *file;
	xmlSchemaPtr schema;
	bool keyed; /* it has xs:key, xs:unique or xs:keyref */
};

#if LIBXML_VERSION >= 21200
typedef const xmlError *ph_xml_complaint;
#else
typedef xmlErrorPtr ph_xml_complaint;
#endif

/* xsd_scan.c: read `path` and what it names, and refuse what libxml2 is not to see. */
ph_status ph_xsd_scan(const char *path, bool *keyed, ph_error *err);

/* xsd_words.c: a breach in our words ("PH3401 ...") on one line. */
void ph_xsd_words(ph_xml_complaint complaint, char out[PH_ERROR_TEXT]);

#endif
