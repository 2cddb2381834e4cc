/*
 * xml_parser - a context made once and reset for each document.
 */
#include "lib/codec/xml_parser.h"

#include <libxml/parserInternals.h>

#define NAMES_KEPT 500 /* of a parser that is used again */

static bool
make(xmlParserCtxtPtr *parser, const xmlSAXHandler *handler)
{
	*parser = xmlNewParserCtxt();
	if (*parser == NULL)
		return false;
	xmlCtxtUseOptions(*parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
	*(*parser)->sax = *handler;
	return true;
}

bool
ph_xml_parser_open(xmlParserCtxtPtr *parser, const xmlSAXHandler *handler, void *self,
    const ph_source *source)
{
	if (*parser != NULL)
		xmlCtxtReset(*parser);
	else if (!make(parser, handler))
		return false;
	(*parser)->userData = self;
	xmlParserInputPtr input =
	    xmlNewStringInputStream(*parser, (const xmlChar *) source->bytes);
	if (input == NULL)
		return false;
	if (inputPush(*parser, input) < 0) {
		xmlFreeInputStream(input);
		return false;
	}
	return true;
}

void
ph_xml_parser_rest(xmlParserCtxtPtr *parser, bool failed)
{
	if (*parser == NULL || (!failed && xmlDictSize((*parser)->dict) <= NAMES_KEPT))
		return;
	xmlFreeParserCtxt(*parser);
	*parser = NULL;
}

size_t
ph_xml_parser_position(
    xmlParserCtxtPtr parser, const ph_source *source, size_t otherwise)
{
	const char *at =
	    parser->input == NULL ? NULL : (const char *) parser->input->cur;
	uintptr_t base = (uintptr_t) source->bytes;
	uintptr_t here = (uintptr_t) at;
	return here >= base && here <= base + source->length ? here - base : otherwise;
}
