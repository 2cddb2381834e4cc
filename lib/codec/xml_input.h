/*
 * xml_input - bytes of an XML entity to UTF-8 text that is safe to hand to the parser.
 *
 * Private to lib/codec. Thread: pure. Errors: PH_ERR_INVALID with place,
 * PH_ERR_TOO_LARGE.
 */
#ifndef PH_CODEC_XML_INPUT_H
#define PH_CODEC_XML_INPUT_H

#include "lib/codec/source.h"

#define PH_XML_ATTRIBUTES_MAX 256u /* in one element, namespace declarations included */

/* Makes source->bytes a zero-terminated UTF-8 copy on the document's arena, without
 * byte order mark; places count in it from then on. A document type declaration and an
 * element with too many attributes are refused here, before the parser sees them. */
ph_status ph_xml_input(ph_source *source, ph_error *err);

#endif
