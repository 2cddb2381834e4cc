/*
 * xml_decode - libxml2's SAX2 events straight into the document; no tree of its own is
 * built.
 *
 * The parser and what is switched off in it: xml_parser.h. It calls back when a tag is
 * complete: a tag holds no '<', so the one before it is its beginning.
 *
 * libxml2 leaves three things to its caller. It hands attribute values and namespaces
 * over with every '&' still written as "&#38;". It only reports an undeclared prefix
 * and goes on. And it calls a document well-formed that we told it to stop reading. So
 * every complaint above a warning, and every refusal of ours, is kept in `failed`,
 * which alone decides.
 *
 * Text is collected in one buffer used as a stack: an element's text so far lies below
 * that of its open child, and continues when the child has been cut off again. The
 * pieces between two tags ("runs") are dropped if they are white space beside child
 * elements.
 */
#include "lib/codec/codec.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/xmlerror.h>

#include "lib/base/assert.h"
#include "lib/codec/source.h"
#include "lib/codec/xml_input.h"
#include "lib/codec/xml_parser.h"
#include "lib/codec/xsd_checker.h"
#include "lib/document/place.h"

#define DEPTH_MAX	128u
#define NAME_MAX_BYTES	256u
#define NAMESPACES_MAX	128u /* in force at a time: the parser searches them all */
#define CACHED_NAMES	64u  /* a power of two */
#define TEXT_KEPT	65536u
#define SCHEMA_INSTANCE "http://www.w3.org/2001/XMLSchema-instance"

/* One open element. */
typedef struct frame {
	ph_node *node;
	size_t text;	   /* where its text begins in the buffer */
	size_t run;	   /* where the text since the last tag begins */
	unsigned spaces;   /* namespace declarations on it */
	bool nil;	   /* xsi:nil="true" */
	bool has_elements; /* it has child elements */
} frame;

/* libxml2 keeps one pointer per name in its dictionary; so do we in ours. */
typedef struct cached_name {
	const xmlChar *theirs;
	const char *ours;
} cached_name;

struct ph_xml_reader {
	ph_source source;
	ph_document *document;
	ph_error *err;
	xmlParserCtxtPtr parser;
	ph_xsd_checker *held; /* told every event; NULL */
	ph_place place;	      /* counts lines */
	size_t last;	 /* position of the last event, for complaints without one */
	ph_buffer text;	 /* of the open elements */
	unsigned depth;	 /* open elements */
	unsigned spaces; /* namespace declarations in force */
	bool failed;	 /* *err says why */
	frame frames[DEPTH_MAX];
	cached_name names[CACHED_NAMES];
};

typedef ph_xml_reader decoder;

/* Where the parser reads, in our copy. */
static size_t
position(const decoder *d)
{
	return ph_xml_parser_position(d->parser, &d->source, d->last);
}

static void
stop(decoder *d)
{
	d->failed = true;
	xmlStopParser(d->parser);
}

#define REFUSE(d, status, offset, ...)                                                 \
	(ph_source_fail(&(d)->source, status, offset, (d)->err, __VA_ARGS__), stop(d))

static void
no_room(decoder *d)
{
	ph_source_no_room(&d->source, d->err);
	stop(d);
}

static size_t
tag_start(decoder *d)
{
	size_t at = position(d);
	while (at > 0 && d->source.bytes[at] != '<')
		at--;
	d->last = at;
	return at;
}

/* Make "&#38;" the "&" it stands for, in place; returns the new length. */
static size_t
unescape(char *text, size_t length)
{
	if (memchr(text, '&', length) == NULL)
		return length;
	char *write = text;
	for (const char *read = text; *read != '\0'; read++) {
		*write++ = *read;
		if (strncmp(read, "&#38;", 5) == 0)
			read += 4;
	}
	*write = '\0';
	return (size_t) (write - text);
}

/* A name of libxml2's dictionary, or a namespace, as one of the document's; NULL when
 * refused. */
static const char *
name_of(decoder *d, const xmlChar *theirs)
{
	size_t slot = ((uintptr_t) theirs >> 3) % CACHED_NAMES;
	cached_name *cached = &d->names[slot];
	if (cached->theirs == theirs)
		return cached->ours;
	char text[NAME_MAX_BYTES + 1];
	size_t length = strlen((const char *) theirs);
	if (length > NAME_MAX_BYTES) {
		REFUSE(d, PH_ERR_TOO_LARGE, d->last,
		    "PH3023 a name or namespace of more than %u bytes", NAME_MAX_BYTES);
		return NULL;
	}
	memcpy(text, theirs, length + 1);
	length = unescape(text, length);
	const char *ours = ph_document_intern(d->document, text, length);
	if (ours == NULL)
		no_room(d);
	else
		*cached = (cached_name){.theirs = theirs, .ours = ours};
	return ours;
}

/* Name and namespace of a new node. An undeclared prefix was complained of before. */
static bool
set_name(decoder *d, ph_node *node, const xmlChar *local, const xmlChar *space)
{
	node->name = name_of(d, local);
	if (node->name != NULL && space != NULL)
		node->space = name_of(d, space);
	return !d->failed;
}

static ph_node *
attribute_node(decoder *d, const char *value, size_t length)
{
	char *text = ph_arena_dup(ph_document_arena(d->document), value, length);
	if (text == NULL)
		return NULL;
	return ph_node_wrap(d->document, PH_NODE_STRING, text, unescape(text, length));
}

/* xsi:nil is meaning and not data: it is taken away. */
static bool
take_nil(frame *top, const xmlChar *const *attribute)
{
	const char *value = (const char *) attribute[3];
	size_t length = (size_t) (attribute[4] - attribute[3]);
	if (attribute[2] == NULL || strcmp((const char *) attribute[0], "nil") != 0 ||
	    strcmp((const char *) attribute[2], SCHEMA_INSTANCE) != 0)
		return false;
	bool yes = (length == 4 && memcmp(value, "true", 4) == 0) ||
		   (length == 1 && value[0] == '1');
	bool no = (length == 5 && memcmp(value, "false", 5) == 0) ||
		  (length == 1 && value[0] == '0');
	top->nil = top->nil || yes;
	return yes || no;
}

static bool
declares_namespace(const char *name)
{
	return strncmp(name, "xmlns", 5) == 0 && strcspn(name, ":= \t\r\n") == 5;
}

/* From one attribute of a well-formed tag to the next; xmlns ones are passed over. `at`
 * is behind the element's name or the last value. */
static const char *
next_attribute(const char *at)
{
	for (;;) {
		at += strspn(at, " \t\r\n");
		if (*at == '\0' || *at == '>' || *at == '/' || !declares_namespace(at))
			return at;
		at += strcspn(at, "\"'>");
		const char *close = *at == '\0' ? NULL : strchr(at + 1, *at);
		if (close == NULL)
			return at;
		at = close + 1;
	}
}

static const char *
behind_value(const char *at)
{
	at += strcspn(at, "\"'>");
	const char *close = *at == '\0' || *at == '>' ? NULL : strchr(at + 1, *at);
	return close == NULL ? at : close + 1;
}

static bool
add_attribute(decoder *d, frame *top, const xmlChar *const *attribute, size_t offset)
{
	ph_node *node = attribute_node(
	    d, (const char *) attribute[3], (size_t) (attribute[4] - attribute[3]));
	if (node == NULL) {
		no_room(d);
		return false;
	}
	if (!set_name(d, node, attribute[0], attribute[2]))
		return false;
	node->flags = PH_NODE_ATTRIBUTE;
	ph_place_at(&d->place, offset, &node->line, &node->column);
	top->node->kind = PH_NODE_OBJECT;
	ph_node_link(top->node, NULL, node);
	return true;
}

/* `attributes` has five pointers for each: name, prefix, namespace, value, end of
 * value. */
static void
add_attributes(
    decoder *d, frame *top, const xmlChar **attributes, size_t count, size_t tag)
{
	const char *at = d->source.bytes + tag;
	at += strcspn(at, " \t\r\n/>");
	for (size_t i = 0; i < count; i++) {
		const xmlChar *const *attribute = attributes + 5 * i;
		at = next_attribute(at);
		if (!take_nil(top, attribute) &&
		    !add_attribute(d, top, attribute, (size_t) (at - d->source.bytes)))
			return;
		at = behind_value(at);
	}
}

static bool
only_space(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != ' ' && text[i] != '\n' && text[i] != '\t' &&
		    text[i] != '\r')
			return false;
	return true;
}

/* A tag ends the run of text before it. */
static void
end_run(decoder *d, frame *top)
{
	if (d->text.length > top->run &&
	    only_space(d->text.data + top->run, d->text.length - top->run))
		d->text.length = top->run;
	top->run = d->text.length;
}

/* Put the element in its parent, or make it the root. */
static void
attach(decoder *d, ph_node *node)
{
	if (d->depth == 0) {
		ph_document_set_root(d->document, node);
		return;
	}
	frame *parent = &d->frames[d->depth - 1];
	end_run(d, parent);
	parent->has_elements = true;
	parent->node->kind = PH_NODE_OBJECT;
	ph_node_link(parent->node, NULL, node);
}

static frame *
push(decoder *d, ph_node *node, unsigned spaces)
{
	frame *top = &d->frames[d->depth++];
	*top = (frame){.node = node,
	    .text = d->text.length,
	    .run = d->text.length,
	    .spaces = spaces};
	d->spaces += spaces;
	return top;
}

static bool
within_limits(decoder *d, unsigned spaces, size_t tag)
{
	if (d->depth == DEPTH_MAX)
		REFUSE(d, PH_ERR_TOO_LARGE, tag, "PH3025 nested more than %u deep",
		    DEPTH_MAX);
	else if (d->spaces + spaces > NAMESPACES_MAX)
		REFUSE(d, PH_ERR_TOO_LARGE, tag,
		    "PH3022 more than %u namespace declarations in force",
		    NAMESPACES_MAX);
	else if (ph_source_overgrown(&d->source))
		no_room(d);
	return !d->failed;
}

static void
on_start(void *context, const xmlChar *local, const xmlChar *prefix,
    const xmlChar *space, int space_count, const xmlChar **spaces, int count,
    int defaulted, const xmlChar **attributes)
{
	decoder *d = context;
	if (d->failed)
		return;
	if (d->held != NULL)
		ph_xsd_event_start(d->held, local, prefix, space, space_count, spaces,
		    count, defaulted, attributes);
	size_t tag = tag_start(d);
	if (!within_limits(d, (unsigned) space_count, tag))
		return;
	ph_node *node = ph_node_wrap(d->document, PH_NODE_STRING, NULL, 0);
	if (node == NULL) {
		no_room(d);
		return;
	}
	if (!set_name(d, node, local, space))
		return;
	ph_place_at(&d->place, tag, &node->line, &node->column);
	attach(d, node);
	frame *top = push(d, node, (unsigned) space_count);
	if (count > 0)
		add_attributes(d, top, attributes, (size_t) count, tag);
}

static bool
set_text(decoder *d, frame *top)
{
	size_t length = d->text.length - top->text;
	if (top->has_elements && length == 0)
		return true;
	const void *bytes = length == 0 ? (const void *) "" : d->text.data + top->text;
	top->node->text = ph_arena_dup(ph_document_arena(d->document), bytes, length);
	top->node->length = length;
	return top->node->text != NULL;
}

static void
on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *space)
{
	decoder *d = context;
	if (d->failed)
		return;
	if (d->held != NULL)
		ph_xsd_event_end(d->held, local, prefix, space);
	frame *top = &d->frames[d->depth - 1];
	if (top->has_elements)
		end_run(d, top);
	bool empty = !top->has_elements && d->text.length == top->text;
	if (top->nil && !empty) {
		REFUSE(d, PH_ERR_INVALID, tag_start(d),
		    "PH3026 an element with xsi:nil=\"true\" and something in it");
		return;
	}
	if (top->nil) {
		top->node->kind = PH_NODE_NULL;
	} else if (!set_text(d, top)) {
		no_room(d);
		return;
	}
	d->text.length = top->text;
	d->spaces -= top->spaces;
	d->depth--;
	if (d->depth > 0)
		d->frames[d->depth - 1].run = d->text.length;
}

static void
on_text(void *context, const xmlChar *text, int length)
{
	decoder *d = context;
	if (d->failed || d->depth == 0)
		return;
	if (d->held != NULL)
		ph_xsd_event_text(d->held, text, length);
	ph_buffer_append(&d->text, text, (size_t) length);
	if (d->text.failed)
		no_room(d);
}

/* xml_input has refused it before; this is the second lock on the same door. */
static void
on_doctype(void *context, const xmlChar *name, const xmlChar *public_id,
    const xmlChar *system_id)
{
	decoder *d = context;
	(void) name;
	(void) public_id;
	(void) system_id;
	if (!d->failed)
		REFUSE(d, PH_ERR_INVALID, position(d),
		    "PH3021 a document type declaration");
}

/* The parser's complaints in our words: its own may quote the document. */
static const char *
complaint(int code)
{
	static const struct {
		int code;
		const char *text;
	} known[] = {
	    {XML_ERR_DOCUMENT_EMPTY, "there is no XML here"},
	    {XML_ERR_DOCUMENT_END, "more text after the end of the root element"},
	    {XML_ERR_TAG_NAME_MISMATCH,
		"an end tag that is not of the element open here"},
	    {XML_ERR_TAG_NOT_FINISHED,
		"the document ends early: elements are still open"},
	    {XML_ERR_GT_REQUIRED, "a tag that is not closed with >"},
	    {XML_ERR_LTSLASH_REQUIRED, "an end tag is missing"},
	    {XML_ERR_LT_IN_ATTRIBUTE, "a < in an attribute: write &lt;"},
	    {XML_ERR_ATTRIBUTE_REDEFINED, "an attribute given twice"},
	    {XML_NS_ERR_ATTRIBUTE_REDEFINED, "an attribute given twice"},
	    {XML_ERR_ATTRIBUTE_NOT_STARTED, "an attribute's value must be in quotes"},
	    {XML_ERR_ATTRIBUTE_NOT_FINISHED, "an attribute's closing quote is missing"},
	    {XML_ERR_ATTRIBUTE_WITHOUT_VALUE, "an attribute without a value"},
	    {XML_ERR_SPACE_REQUIRED, "a space is missing between attributes"},
	    {XML_ERR_INVALID_CHAR, "a character that XML cannot hold"},
	    {XML_ERR_INVALID_CHARREF, "a character reference that XML does not allow"},
	    {XML_ERR_INVALID_DEC_CHARREF, "a character reference that is no number"},
	    {XML_ERR_INVALID_HEX_CHARREF, "a character reference that is no number"},
	    {XML_ERR_UNDECLARED_ENTITY, "an entity that XML does not have: only &amp; "
					"&lt; &gt; &quot; &apos; and numeric ones"},
	    {XML_WAR_UNDECLARED_ENTITY, "an entity that XML does not have: only &amp; "
					"&lt; &gt; &quot; &apos; and numeric ones"},
	    {XML_ERR_ENTITYREF_SEMICOL_MISSING,
		"an & that begins no entity: write &amp;"},
	    {XML_ERR_NAME_REQUIRED,
		"a name is missing (a lone < or & in text is written &lt; or &amp;)"},
	    {XML_ERR_MISPLACED_CDATA_END, "]]> in text: write ]]&gt;"},
	    {XML_ERR_CDATA_NOT_FINISHED, "a CDATA section that is not closed"},
	    {XML_ERR_COMMENT_NOT_FINISHED, "a comment that is not closed"},
	    {XML_ERR_HYPHEN_IN_COMMENT, "-- inside a comment"},
	    {XML_ERR_PI_NOT_FINISHED, "a processing instruction that is not closed"},
	    {XML_ERR_NAME_TOO_LONG, "a name that is far too long"},
	    {XML_ERR_RESERVED_XML_NAME,
		"an XML declaration that is not at the very beginning"},
	    {XML_ERR_XMLDECL_NOT_STARTED,
		"an XML declaration that is not at the very beginning"},
	    {XML_ERR_UNKNOWN_VERSION, "an XML version that is not read: send 1.0"},
	    {XML_NS_ERR_QNAME, "a name with a colon in the wrong place"},
	    {XML_NS_ERR_COLON, "a name with a colon in the wrong place"},
	    {XML_NS_ERR_XML_NAMESPACE, "a prefix declared without a namespace, or one "
				       "that XML keeps for itself"},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].code == code)
			return known[i].text;
	return "not well-formed XML";
}

#if LIBXML_VERSION >= 21200
static void
on_complaint(void *context, const xmlError *error)
#else
static void
on_complaint(void *context, xmlErrorPtr error)
#endif
{
	decoder *d = context;
	if (d->failed || error == NULL || error->level < XML_ERR_ERROR ||
	    error->code == XML_WAR_NS_URI) /* a namespace is a name, URI or not */
		return;
	if (error->code == XML_ERR_NO_MEMORY) {
		ph_fail(d->err, PH_ERR_NOMEM, "no memory to read XML");
		stop(d);
		return;
	}
	if (error->code == XML_NS_ERR_UNDEFINED_NAMESPACE)
		REFUSE(d, PH_ERR_INVALID, position(d),
		    "PH3024 a prefix that no xmlns declares: declare it or leave it "
		    "out");
	else
		REFUSE(d, PH_ERR_INVALID, position(d), "PH3027 %s (libxml2 error %d)",
		    complaint(error->code), error->code);
}

static bool
open_parser(decoder *d)
{
	static const xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
	    .startElementNs = on_start,
	    .endElementNs = on_end,
	    .characters = on_text,
	    .ignorableWhitespace = on_text,
	    .cdataBlock = on_text,
	    .internalSubset = on_doctype,
	    .serror = on_complaint};
	return ph_xml_parser_open(&d->parser, &handler, d, &d->source);
}

static void
parse(decoder *d, unsigned flags)
{
	if (!open_parser(d)) {
		d->failed = true;
		ph_fail(d->err, PH_ERR_NOMEM, "no memory to read XML");
		return;
	}
	if (d->held != NULL)
		ph_xsd_begin(d->held, &d->source, d->parser, flags);
	xmlParseDocument(d->parser);
	if (d->held != NULL)
		ph_xsd_finish(d->held);
	bool good = d->parser->wellFormed && d->depth == 0 &&
		    ph_document_root(d->document) != NULL;
	if (!good && !d->failed)
		REFUSE(d, PH_ERR_INVALID, d->last, "PH3027 not well-formed XML");
}

ph_status
ph_xml_reader_new(ph_xml_reader **out, ph_error *err)
{
	ph_xml_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to read XML");
	ph_buffer_init(&reader->text, 0);
	*out = reader;
	return PH_OK;
}

void
ph_xml_reader_destroy(ph_xml_reader **reader_p)
{
	ph_xml_reader *reader = *reader_p;
	if (reader == NULL)
		return;
	xmlFreeParserCtxt(reader->parser);
	ph_buffer_fini(&reader->text);
	free(reader);
	*reader_p = NULL;
}

/* Ready for the next document. A buffer that a stranger has made long is not used again. */
static void
clear_reader(decoder *d)
{
	ph_xml_parser_rest(&d->parser, d->failed);
	if (d->text.capacity > TEXT_KEPT)
		ph_buffer_fini(&d->text);
	ph_buffer_clear(&d->text);
	memset(d->names, 0, sizeof d->names);
	d->last = d->depth = d->spaces = 0;
	d->failed = false;
}

ph_status
ph_xml_decode_held(ph_xml_reader *d, ph_document *document, const void *bytes,
    size_t length, ph_xsd_checker *checker, unsigned flags, ph_error *err)
{
	PH_ASSERT(document != NULL && ph_document_root(document) == NULL);
	ph_error local;
	clear_reader(d);
	d->document = document;
	d->held = checker;
	d->err = err == NULL ? &local : err;
	ph_status status = ph_source_open(&d->source, document, bytes, length, d->err);
	if (status == PH_OK)
		status = ph_xml_input(&d->source, d->err);
	if (status != PH_OK)
		return status;
	ph_place_init(&d->place, d->source.bytes, d->source.length);
	parse(d, flags);
	if (!d->failed)
		return PH_OK;
	ph_document_set_root(document, NULL);
	return d->err->status;
}

ph_status
ph_xml_decode_with(ph_xml_reader *reader, ph_document *document, const void *bytes,
    size_t length, ph_error *err)
{
	return ph_xml_decode_held(reader, document, bytes, length, NULL, 0, err);
}

ph_status
ph_xml_decode_kept(ph_xml_reader **reader, ph_document *document, const void *bytes,
    size_t length, ph_error *err)
{
	ph_status status = *reader != NULL ? PH_OK : ph_xml_reader_new(reader, err);
	return status != PH_OK
		   ? status
		   : ph_xml_decode_with(*reader, document, bytes, length, err);
}

ph_status
ph_xml_decode(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	ph_xml_reader *reader = NULL;
	ph_status status = ph_xml_decode_kept(&reader, document, bytes, length, err);
	ph_xml_reader_destroy(&reader);
	return status;
}
