/*
 * xsd_parse - a document is parsed for nothing but being held to a schema.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/xml_input.h"
#include "lib/codec/xsd_checker.h"

/* A complaint of the parser's, or a breach: there is no need to go on. */
static void
stop_at_breach(ph_xsd_checker *c)
{
	if (c->failed)
		xmlStopParser(c->parser);
}

static void
on_complaint(void *context, ph_xml_complaint complaint)
{
	ph_xsd_checker *c = context;
	if (c->failed || complaint == NULL || complaint->level < XML_ERR_ERROR ||
	    complaint->code == XML_WAR_NS_URI)
		return;
	size_t at = ph_xml_parser_position(c->parser, c->source, c->last);
	ph_source_fail(c->source, PH_ERR_INVALID, at, &c->why,
	    "PH3027 not well-formed XML (libxml2 error %d)", complaint->code);
	c->failed = true;
	stop_at_breach(c);
}

static void
on_start(void *context, const xmlChar *local, const xmlChar *prefix,
    const xmlChar *space, int space_count, const xmlChar **spaces, int count,
    int defaulted, const xmlChar **attributes)
{
	ph_xsd_event_start(context, local, prefix, space, space_count, spaces, count,
	    defaulted, attributes);
	stop_at_breach(context);
}

static void
on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *space)
{
	ph_xsd_event_end(context, local, prefix, space);
	stop_at_breach(context);
}

static void
on_text(void *context, const xmlChar *text, int length)
{
	ph_xsd_event_text(context, text, length);
}

static void
parse(ph_xsd_checker *c, unsigned flags)
{
	static const xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
	    .startElementNs = on_start,
	    .endElementNs = on_end,
	    .characters = on_text,
	    .ignorableWhitespace = on_text,
	    .cdataBlock = on_text,
	    .serror = on_complaint};
	if (!ph_xml_parser_open(&c->own_parser, &handler, c, &c->own_source)) {
		c->failed = true;
		ph_fail(&c->why, PH_ERR_NOMEM, "out of memory");
		return;
	}
	ph_xsd_begin(c, &c->own_source, c->own_parser, flags);
	if (!c->failed)
		xmlParseDocument(c->own_parser);
	ph_xsd_finish(c);
	ph_xml_parser_rest(&c->own_parser, c->failed);
}

ph_status
ph_xsd_checker_run(ph_xsd_checker *c, const void *bytes, size_t length, unsigned flags,
    char path[PH_XSD_PATH], ph_error *err)
{
	ph_document_reset(c->document, PH_MEMORY_FLOOR + PH_MEMORY_FACTOR * length);
	ph_status status =
	    ph_source_open(&c->own_source, c->document, bytes, length, err);
	if (status == PH_OK)
		status = ph_xml_input(&c->own_source, err);
	if (path != NULL)
		strcpy(path, "");
	if (status != PH_OK)
		return status;
	c->failed = false;
	parse(c, flags);
	return ph_xsd_checker_result(c, path, err);
}

ph_status
ph_xsd_check(const ph_xsd *schema, const char *name, const void *bytes, size_t length,
    unsigned flags, char path[PH_XSD_PATH], ph_error *err)
{
	ph_xsd_checker *checker = NULL;
	if (path != NULL)
		strcpy(path, "");
	ph_status status = ph_xsd_checker_new(schema, name, &checker, err);
	if (status == PH_OK)
		status = ph_xsd_checker_run(checker, bytes, length, flags, path, err);
	ph_xsd_checker_destroy(&checker);
	return status;
}
