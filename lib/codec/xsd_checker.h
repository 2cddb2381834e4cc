/*
 * xsd_checker - what holds one document after the other to a schema, as its parts see it.
 *
 * Private to lib/codec. Whoever parses calls ph_xsd_begin, then one function for each event, and
 * ph_xsd_finish in any case, while the parser's names are still there. The first breach is
 * kept; further events are then passed over.
 *
 * Thread: owner. Errors: kept for ph_xsd_checker_result.
 */
#ifndef PH_CODEC_XSD_CHECKER_H
#define PH_CODEC_XSD_CHECKER_H

#include "lib/base/buffer.h"
#include "lib/codec/xml_parser.h"
#include "lib/codec/xsd_inner.h"

#define PH_XSD_DEPTH_MAX  128u
#define PH_XSD_SPACES_MAX 128u

struct ph_xsd_checker {
	const ph_xsd *xsd;
	xmlSchemaValidCtxtPtr validator; /* NULL until it is needed */
	/* a document */
	const ph_source *source;
	xmlParserCtxtPtr parser;
	xmlSchemaSAXPlugPtr plug;
	xmlSAXHandlerPtr handler; /* the validator's */
	void *handler_data;
	ph_buffer text; /* since the last tag */
	unsigned depth; /* open elements */
	unsigned start; /* depth of the element that is checked */
	bool soap, in_body;
	bool open;	 /* that element is */
	bool done;	 /* it was */
	bool failed;	 /* `why` says why */
	size_t elements; /* handed on */
	size_t last;	 /* position of its end tag */
	ph_error why;
	char path[PH_XSD_PATH];
	const xmlChar
	    *spaces[2 * PH_XSD_SPACES_MAX]; /* the envelope's, innermost first */
	size_t space_count;
	const xmlChar *names[PH_XSD_DEPTH_MAX];
	const xmlChar *name_spaces[PH_XSD_DEPTH_MAX];
	/* xsd_parse.c: for a document that nobody else parses */
	ph_document *document;
	ph_source own_source;
	xmlParserCtxtPtr own_parser;
};

void ph_xsd_begin(ph_xsd_checker *checker, const ph_source *source,
    xmlParserCtxtPtr parser, unsigned flags);
/* The arguments are SAX2's. */
void ph_xsd_event_start(ph_xsd_checker *checker, const xmlChar *local,
    const xmlChar *prefix, const xmlChar *space, int space_count,
    const xmlChar **spaces, int count, int defaulted, const xmlChar **attributes);
void ph_xsd_event_end(ph_xsd_checker *checker, const xmlChar *local,
    const xmlChar *prefix, const xmlChar *space);
void ph_xsd_event_text(ph_xsd_checker *checker, const xmlChar *text, int length);
void ph_xsd_finish(ph_xsd_checker *checker);

#endif
