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
 *
 * The validator is made once: unplugging it clears what it knows of a document. One that has
 * seen a breach was left in the middle, and is made anew.
 *
 * The events come from whoever parses: xml_decode.c while it makes a tree, or xsd_parse.c.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/codec.h"
#include "lib/codec/xsd_checker.h"

#define KEYED_MAX  20000u
#define TEXT_KEPT  65536u
#define SOAP_DEPTH 2u /* of an element in Envelope/Body */

typedef ph_xsd_checker checker;

/* The beginning of the tag that the parser has just read, or is in. */
static size_t
tag_start(const checker *c)
{
	size_t at = ph_xml_parser_position(c->parser, c->source, c->last);
	do {
		at -= at > 0 ? 1 : 0;
	} while (at > 0 && c->source->bytes[at] != '<');
	return at;
}

#define REFUSE(c, status, offset, ...)                                                 \
	(ph_source_fail((c)->source, status, offset, &(c)->why, __VA_ARGS__),          \
	    (c)->failed = true)

static void
no_memory(checker *c)
{
	c->failed = true;
	ph_fail(&c->why, PH_ERR_NOMEM, "out of memory");
}

/* The open elements below the checked one; what does not fit loses its beginning. */
static void
write_path(checker *c)
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
	strcpy(c->path, text[at] == '\0' ? "/" : text + at);
}

static void
on_breach(void *context, ph_xml_complaint complaint)
{
	checker *c = context;
	char words[PH_ERROR_TEXT];
	if (c->failed || complaint == NULL || complaint->level < XML_ERR_ERROR)
		return;
	if (complaint->code == XML_ERR_NO_MEMORY) {
		no_memory(c);
		return;
	}
	ph_xsd_words(complaint, words);
	write_path(c);
	REFUSE(c, PH_ERR_INVALID, tag_start(c), "%s", words);
}

static bool
is_soap(const xmlChar *local, const xmlChar *space, const char *name)
{
	return space != NULL && strcmp((const char *) space, PH_SOAP_NAMESPACE) == 0 &&
	       strcmp((const char *) local, name) == 0;
}

/* The envelope's declarations are remembered, innermost first. */
static void
note_spaces(checker *c, size_t count, const xmlChar **spaces)
{
	memmove(c->spaces + 2 * count, c->spaces, 2 * c->space_count * sizeof *spaces);
	if (count > 0)
		memcpy(c->spaces, spaces, 2 * count * sizeof *spaces);
	c->space_count += count;
}

/* Does the checked element begin here? */
static bool
begins(checker *c, const xmlChar *local, const xmlChar *space)
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
hand_on_text(checker *c)
{
	if (c->text.failed)
		no_memory(c);
	else if (c->text.length > 0 && c->open)
		c->handler->characters(
		    c->handler_data, c->text.data, (int) c->text.length);
	ph_buffer_clear(&c->text);
}

static bool
within_limits(checker *c, size_t spaces)
{
	if (c->depth == PH_XSD_DEPTH_MAX)
		REFUSE(c, PH_ERR_TOO_LARGE, tag_start(c),
		    "PH3025 nested more than %u deep", PH_XSD_DEPTH_MAX);
	else if (c->space_count + spaces > PH_XSD_SPACES_MAX)
		REFUSE(c, PH_ERR_TOO_LARGE, tag_start(c),
		    "PH3022 more than %u namespace declarations in force",
		    PH_XSD_SPACES_MAX);
	else if (c->xsd->keyed && c->elements == KEYED_MAX)
		REFUSE(c, PH_ERR_TOO_LARGE, tag_start(c),
		    "PH3409 more than %u elements, and the schema has keys: send "
		    "fewer at a time",
		    KEYED_MAX);
	return !c->failed;
}

void
ph_xsd_event_start(checker *c, const xmlChar *local, const xmlChar *prefix,
    const xmlChar *space, int space_count, const xmlChar **spaces, int count,
    int defaulted, const xmlChar **attributes)
{
	size_t declared = (size_t) space_count;
	if (c->failed)
		return;
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

void
ph_xsd_event_end(
    checker *c, const xmlChar *local, const xmlChar *prefix, const xmlChar *space)
{
	if (!c->failed)
		hand_on_text(c);
	if (c->failed)
		return;
	if (c->open)
		c->handler->endElementNs(c->handler_data, local, prefix, space);
	c->depth--;
	if (c->open && c->depth == c->start) {
		c->open = false;
		c->done = true;
		c->last = tag_start(c);
	}
}

void
ph_xsd_event_text(checker *c, const xmlChar *text, int length)
{
	if (!c->failed && c->open)
		ph_buffer_append(&c->text, text, (size_t) length);
}

/* ---- a document ---- */

static bool
open_validator(checker *c)
{
	if (c->validator == NULL)
		c->validator = xmlSchemaNewValidCtxt(c->xsd->schema);
	if (c->validator == NULL)
		return false;
	xmlSchemaSetValidStructuredErrors(c->validator, on_breach, c);
	c->plug = xmlSchemaSAXPlug(c->validator, &c->handler, &c->handler_data);
	return c->plug != NULL;
}

void
ph_xsd_begin(
    checker *c, const ph_source *source, xmlParserCtxtPtr parser, unsigned flags)
{
	PH_ASSERT(c->plug == NULL);
	c->source = source;
	c->parser = parser;
	c->soap = (flags & PH_XSD_SOAP) != 0;
	c->depth = c->start = 0;
	c->in_body = c->open = c->done = c->failed = false;
	c->elements = c->last = c->space_count = 0;
	c->handler = NULL;
	c->handler_data = NULL;
	strcpy(c->path, "");
	if (!open_validator(c))
		no_memory(c);
}

/* The validator forgets what it holds for an element at its end only. */
static void
close_elements(checker *c)
{
	for (; c->open && c->depth > c->start; c->depth--)
		c->handler->endElementNs(c->handler_data, c->names[c->depth - 1], NULL,
		    c->name_spaces[c->depth - 1]);
}

void
ph_xsd_finish(checker *c)
{
	if (!c->failed && c->done && xmlSchemaIsValid(c->validator) == 0) {
		write_path(c);
		REFUSE(c, PH_ERR_INVALID, c->last,
		    "PH3408 the schema does not allow this");
	}
	bool whole = !c->failed && !c->open;
	if (c->plug != NULL) {
		close_elements(c);
		xmlSchemaSAXUnplug(c->plug);
		c->plug = NULL;
	}
	if (!whole) {
		xmlSchemaFreeValidCtxt(c->validator);
		c->validator = NULL;
	}
	if (c->text.capacity > TEXT_KEPT)
		ph_buffer_fini(&c->text);
	ph_buffer_clear(&c->text);
}

ph_status
ph_xsd_checker_result(const checker *c, char path[PH_XSD_PATH], ph_error *err)
{
	if (path != NULL)
		strcpy(path, c->failed ? c->path : "");
	if (c->failed && err != NULL)
		*err = c->why;
	return c->failed ? c->why.status : PH_OK;
}

/* ---- the checker ---- */

ph_status
ph_xsd_checker_new(const ph_xsd *schema, const char *name, checker **out, ph_error *err)
{
	PH_ASSERT(schema != NULL && name != NULL);
	checker *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	c->xsd = schema;
	ph_buffer_init(&c->text, 0);
	ph_status status = ph_document_new(name, PH_MEMORY_FLOOR, &c->document, err);
	if (status != PH_OK)
		ph_xsd_checker_destroy(&c);
	else
		*out = c;
	return status;
}

void
ph_xsd_checker_destroy(checker **checker_p)
{
	checker *c = *checker_p;
	if (c == NULL)
		return;
	xmlSchemaFreeValidCtxt(c->validator);
	xmlFreeParserCtxt(c->own_parser);
	ph_document_destroy(&c->document);
	ph_buffer_fini(&c->text);
	free(c);
	*checker_p = NULL;
}
