/*
 * xml_parser - libxml2's SAX2 parser, set up in the one way in which it is used here.
 *
 * What is switched off is off by construction: the bytes have come through ph_xml_input, so
 * there is no document type declaration, and so no entity but the five and numeric ones;
 * no callback for entities, subsets or external resources is set; there is no network, and
 * no global of the library is changed. The encoding is UTF-8, whatever the declaration says.
 *
 * The parser reads the source's zero-terminated bytes in place, so a position is a
 * subtraction, and stopping it in the middle frees nothing that it still looks at.
 *
 * Private to lib/codec. Thread: owner. Errors: false when out of memory.
 */
#ifndef PH_CODEC_XML_PARSER_H
#define PH_CODEC_XML_PARSER_H

#include <libxml/parser.h>

#include "lib/codec/source.h"

/* Ready to read the source: *parser is made if it is NULL, and else used again; its names
 * stay in its dictionary. */
bool ph_xml_parser_open(xmlParserCtxtPtr *parser, const xmlSAXHandler *handler,
    void *self, const ph_source *source);
/* After a document. A parser that was stopped, or that a stranger has taught many names,
 * is not used again: *parser is then NULL. */
void ph_xml_parser_rest(xmlParserCtxtPtr *parser, bool failed);
/* Where it reads; `otherwise` when that is not in the source. */
size_t ph_xml_parser_position(
    xmlParserCtxtPtr parser, const ph_source *source, size_t otherwise);

#endif
