/*
 * xsd_check - a document's SAX2 events handed on to libxml2's validator.
 *
 * The validator is plugged onto nothing, so that its handler is ours to call: for all of
 * a document, or for one element inside a SOAP envelope. That element is then given the
 * namespaces that the envelope declares, for names in values (xsi:type="p:T").
 *
 * Text goes to the validator in one piece before the next tag: it would copy what it has
 * for every further piece. It keeps a list of open elements, and so do we, because its
 * errors carry no path.
 */
#include "lib/codec/xsd_inner.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parserInternals.h>

#include "lib/base/assert.h"
#include "lib/base/buffer.h"
#include "lib/codec/codec.h"
#include "lib/codec/xml_input.h"

#define DEPTH_MAX      128u
#define NAMESPACES_MAX 128u
#define KEYED_MAX      20000u
#define SOAP_DEPTH     2u /* of an element in Envelope/Body */

typedef struct checking {
	const ph_xsd *xsd;
	ph_source source;
	ph_error *err;
	char *path; /* NULL: not wanted */
	xmlParserCtxtPtr parser;
	xmlSchemaValidCtxtPtr validator;
	xmlSchemaSAXPlugPtr plug;
	xmlSAXHandlerPtr handler; /* the validator's */
	void *handler_data;
	ph_buffer text; /* since the last tag */
	unsigned depth; /* open elements */
	unsigned start; /* depth of the element that is checked */
	bool soap, in_body;
	bool open;	 /* that element is */
	bool done;	 /* it was */
	bool failed;	 /* *err says why */
	size_t elements; /* handed on */
	size_t last;	 /* position of the last tag */
	const xmlChar
	    *spaces[2 * NAMESPACES_MAX]; /* of the envelope, innermost first */
	size_t space_count;
	const xmlChar *names[DEPTH_MAX];
	const xmlChar *name_spaces[DEPTH_MAX];
} checking;

static size_t
position(const checking *c)
{
	const char *at =
	    c->parser->input == NULL ? NULL : (const char *) c->parser->input->cur;
	uintptr_t base = (uintptr_t) c->source.bytes;
	uintptr_t here = (uintptr_t) at;
	return here >= base && here <= base + c->source.length ? here - base : c->last;
}

static void
find_tag(checking *c)
{
	size_t at = position(c); /* behind an end tag, or in a start tag */
	do {
		at -= at > 0 ? 1 : 0;
	} while (at > 0 && c->source.bytes[at] != '<');
	c->last = at;
}

static void
stop(checking *c)
{
	c->failed = true;
	xmlStopParser(c->parser);
}

#define REFUSE(c, status, ...)                                                         \
	(ph_source_fail(&(c)->source, status, (c)->last, (c)->err, __VA_ARGS__),       \
	    stop(c))

/* The open elements below the checked one; what does not fit loses its beginning. */
static void
write_path(const checking *c)
{
	size_t at = PH_XSD_PATH - 1;
	char text[PH_XSD_PATH];
	text[at] = '\0';
	for (unsigned i = c->depth; i > c->start + 1; i--) {
		const char *name = (const char *) c->names[i - 1];
		size_t length = strlen(name);
		if (length + 1 > at)
			break;
		if (text[at] != '\0')
			text[--at] = '/';
		at -= length;
		memcpy(text + at, name, length);
	}
	if (c->path != NULL)
		strcpy(c->path, text[at] == '\0' ? "/" : text + at);
}

static void
on_breach(void *context, ph_xml_complaint complaint)
{
	checking *c = context;
	char words[PH_ERROR_TEXT];
	if (c->failed || complaint == NULL || complaint->level < XML_ERR_ERROR)
		return;
	if (complaint->code == XML_ERR_NO_MEMORY) {
		ph_fail(c->err, PH_ERR_NOMEM, "out of memory");
		stop(c);
		return;
	}
	ph_xsd_words(complaint, words);
	write_path(c);
	REFUSE(c, PH_ERR_INVALID, "%s", words);
}

static void
on_complaint(void *context, ph_xml_complaint complaint)
{
	checking *c = context;
	if (c->failed || complaint == NULL || complaint->level < XML_ERR_ERROR ||
	    complaint->code == XML_WAR_NS_URI)
		return;
	c->last = position(c);
	REFUSE(c, PH_ERR_INVALID, "PH3027 not well-formed XML (libxml2 error %d)",
	    complaint->code);
}

static bool
is_soap(const xmlChar *local, const xmlChar *space, const char *name)
{
	return space != NULL && strcmp((const char *) space, PH_SOAP_NAMESPACE) == 0 &&
	       strcmp((const char *) local, name) == 0;
}

/* The envelope's declarations are remembered, innermost first. */
static void
note_spaces(checking *c, size_t count, const xmlChar **spaces)
{
	memmove(c->spaces + 2 * count, c->spaces, 2 * c->space_count * sizeof *spaces);
	if (count > 0)
		memcpy(c->spaces, spaces, 2 * count * sizeof *spaces);
	c->space_count += count;
}

/* Does the checked element begin here? */
static bool
begins(checking *c, const xmlChar *local, const xmlChar *space)
{
	if (!c->soap)
		return c->depth == 0;
	if (c->depth == SOAP_DEPTH - 1)
		c->in_body = is_soap(local, space, "Body");
	if (c->depth != SOAP_DEPTH || !c->in_body)
		return false;
	c->done = is_soap(local, space, "Fault");
	return !c->done;
}

static void
hand_on_text(checking *c)
{
	if (c->text.failed) {
		ph_fail(c->err, PH_ERR_NOMEM, "out of memory");
		stop(c);
	} else if (c->text.length > 0 && c->open) {
		c->handler->characters(
		    c->handler_data, c->text.data, (int) c->text.length);
	}
	ph_buffer_clear(&c->text);
}

static bool
within_limits(checking *c, size_t spaces)
{
	if (c->depth == DEPTH_MAX)
		REFUSE(
		    c, PH_ERR_TOO_LARGE, "PH3025 nested more than %u deep", DEPTH_MAX);
	else if (c->space_count + spaces > NAMESPACES_MAX)
		REFUSE(c, PH_ERR_TOO_LARGE,
		    "PH3022 more than %u namespace declarations in force",
		    NAMESPACES_MAX);
	else if (c->xsd->keyed && c->elements == KEYED_MAX)
		REFUSE(c, PH_ERR_TOO_LARGE,
		    "PH3409 more than %u elements, and the schema has keys: send "
		    "fewer at a time",
		    KEYED_MAX);
	return !c->failed;
}

static void
on_start(void *context, const xmlChar *local, const xmlChar *prefix,
    const xmlChar *space, int space_count, const xmlChar **spaces, int count,
    int defaulted, const xmlChar **attributes)
{
	checking *c = context;
	size_t declared = (size_t) space_count;
	if (c->failed)
		return;
	find_tag(c);
	hand_on_text(c);
	if (c->failed || !within_limits(c, declared))
		return;
	bool first = !c->open && !c->done && begins(c, local, space);
	if (!c->open && !c->done && (first || c->depth < SOAP_DEPTH))
		note_spaces(c, declared, spaces);
	c->name_spaces[c->depth] = space;
	c->names[c->depth++] = local;
	if (first) {
		c->open = true;
		c->start = c->depth - 1;
		spaces = c->spaces;
		space_count = (int) c->space_count;
	}
	if (!c->open)
		return;
	c->elements++;
	c->handler->startElementNs(c->handler_data, local, prefix, space, space_count,
	    spaces, count, defaulted, attributes);
}

static void
on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *space)
{
	checking *c = context;
	if (c->failed)
		return;
	find_tag(c);
	hand_on_text(c);
	if (c->failed)
		return;
	if (c->open)
		c->handler->endElementNs(c->handler_data, local, prefix, space);
	c->depth--;
	if (c->open && c->depth == c->start) {
		c->open = false;
		c->done = true;
	}
}

static void
on_text(void *context, const xmlChar *text, int length)
{
	checking *c = context;
	if (!c->failed && c->open)
		ph_buffer_append(&c->text, text, (size_t) length);
}

static bool
open_parser(checking *c)
{
	static const xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
	    .startElementNs = on_start,
	    .endElementNs = on_end,
	    .characters = on_text,
	    .ignorableWhitespace = on_text,
	    .cdataBlock = on_text,
	    .serror = on_complaint};
	c->parser = xmlNewParserCtxt();
	if (c->parser == NULL)
		return false;
	xmlCtxtUseOptions(c->parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
	*c->parser->sax = handler;
	c->parser->userData = c;
	xmlParserInputPtr input =
	    xmlNewStringInputStream(c->parser, (const xmlChar *) c->source.bytes);
	if (input == NULL)
		return false;
	if (inputPush(c->parser, input) < 0) {
		xmlFreeInputStream(input);
		return false;
	}
	return true;
}

static bool
open_validator(checking *c)
{
	c->validator = xmlSchemaNewValidCtxt(c->xsd->schema);
	if (c->validator == NULL)
		return false;
	xmlSchemaSetValidStructuredErrors(c->validator, on_breach, c);
	c->plug = xmlSchemaSAXPlug(c->validator, &c->handler, &c->handler_data);
	return c->plug != NULL;
}

static void
run(checking *c)
{
	if (!open_parser(c) || !open_validator(c)) {
		c->failed = true;
		ph_fail(c->err, PH_ERR_NOMEM, "out of memory");
		return;
	}
	xmlParseDocument(c->parser);
	if (!c->failed && c->done && xmlSchemaIsValid(c->validator) == 0) {
		write_path(c);
		REFUSE(c, PH_ERR_INVALID, "PH3408 the schema does not allow this");
	}
}

/* The validator forgets what it holds for an element at its end only. */
static void
close_elements(checking *c)
{
	for (; c->open && c->depth > c->start; c->depth--)
		c->handler->endElementNs(c->handler_data, c->names[c->depth - 1], NULL,
		    c->name_spaces[c->depth - 1]);
}

static ph_status
check(checking *c, ph_document *document, const void *bytes, size_t length)
{
	ph_status status = ph_source_open(&c->source, document, bytes, length, c->err);
	if (status == PH_OK)
		status = ph_xml_input(&c->source, c->err);
	if (status != PH_OK)
		return status;
	run(c);
	if (c->plug != NULL) {
		close_elements(c);
		xmlSchemaSAXUnplug(c->plug);
	}
	xmlSchemaFreeValidCtxt(c->validator);
	xmlFreeParserCtxt(c->parser);
	return c->failed ? c->err->status : PH_OK;
}

ph_status
ph_xsd_check(const ph_xsd *schema, const char *name, const void *bytes, size_t length,
    unsigned flags, char path[PH_XSD_PATH], ph_error *err)
{
	PH_ASSERT(schema != NULL && name != NULL);
	ph_error local;
	ph_document *document = NULL;
	checking *c = calloc(1, sizeof *c);
	if (path != NULL)
		strcpy(path, "");
	if (c == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	c->xsd = schema;
	c->soap = (flags & PH_XSD_SOAP) != 0;
	c->err = err == NULL ? &local : err;
	c->path = path;
	ph_buffer_init(&c->text, 0);
	ph_status status = ph_document_new(
	    name, PH_MEMORY_FLOOR + PH_MEMORY_FACTOR * length, &document, c->err);
	if (status == PH_OK)
		status = check(c, document, bytes, length);
	ph_document_destroy(&document);
	ph_buffer_fini(&c->text);
	free(c);
	return status;
}
