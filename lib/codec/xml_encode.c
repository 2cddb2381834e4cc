/*
 * xml_encode - a tree as XML text.
 *
 * Elements are written by recursion, at most 128 deep. Namespaces are declared on the
 * element that first needs them and are in force below it: `bound` is the stack of
 * declarations in force, cut back when their element ends. A prefix belongs to one
 * namespace for the whole text, so that what is read by eye stays readable; prefixes we
 * make are n1, n2, ... past those of the caller.
 */
#include "lib/codec/codec.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"

#define DEPTH_MAX	128u
#define NAMESPACES_MAX	64u
#define XML_SPACE	"http://www.w3.org/XML/1998/namespace"
#define SCHEMA_INSTANCE "http://www.w3.org/2001/XMLSchema-instance"

/* A namespace and the prefixes it goes by. */
typedef struct naming {
	const char *space;
	const char
	    *element; /* for elements; "" is the default namespace; NULL: none yet */
	const char *attribute; /* for attributes, never ""; NULL: none yet */
	char made[8];	       /* the one we made */
} naming;

/* A declaration in force: xmlns:prefix="space", or xmlns="space". */
typedef struct binding {
	const char *prefix;
	const char *space; /* "" takes the default namespace back */
} binding;

typedef struct writer {
	ph_buffer *out;
	ph_error *err;
	ph_charset charset;
	const ph_xml_prefix *prefixes; /* the caller's wishes */
	size_t prefix_count;
	naming namings[NAMESPACES_MAX];
	size_t naming_count;
	unsigned made; /* prefixes made */
	binding bound[2 * NAMESPACES_MAX + DEPTH_MAX];
	size_t bound_count;
	unsigned depth;
} writer;

static bool
refuse(const writer *w, ph_status status, const ph_node *node, const char *text)
{
	char path[160];
	ph_fail(
	    w->err, status, "%s (at %s)", text, ph_node_path(node, path, sizeof path));
	return false;
}

/* What stands for a byte: NULL itself, "" a character that needs a closer look. */
static const char *
escape_of(unsigned char c, bool attribute)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#13;";
	case '"':
		return attribute ? "&quot;" : NULL;
	case '\n':
		return attribute ? "&#10;" : NULL;
	case '\t':
		return attribute ? "&#9;" : NULL;
	default:
		if (c < 0x20)
			return "\xEF\xBF\xBD";
		return c >= 0x80 ? "" : NULL;
	}
}

/* Bytes of the character at `text` that XML can hold as they are; 0 if it cannot. */
static size_t
character_length(const char *text, size_t length)
{
	uint32_t code = 0;
	size_t size = ph_utf8_decode(text, length, &code);
	return code == 0xFFFE || code == 0xFFFF ? 0 : size;
}

/* How far to go past a character that was replaced: all of it, or one byte that is
 * none. */
static size_t
skip_length(const char *text, size_t length)
{
	uint32_t code = 0;
	size_t size = ph_utf8_decode(text, length, &code);
	return size == 0 ? 1 : size;
}

static void
write_text(ph_buffer *out, const char *text, size_t length, bool attribute)
{
	size_t run = 0;
	size_t i = 0;
	while (i < length) {
		const char *escape = escape_of((unsigned char) text[i], attribute);
		size_t step = 1;
		if (escape != NULL && escape[0] == '\0') {
			step = character_length(text + i, length - i);
			if (step == 0) {
				step = skip_length(text + i, length - i);
				escape = "\xEF\xBF\xBD";
			} else {
				escape = NULL;
			}
		}
		if (escape != NULL) {
			ph_buffer_append(out, text + run, i - run);
			ph_buffer_text(out, escape);
			run = i + step;
		}
		i += step;
	}
	ph_buffer_append(out, text + run, length - run);
}

/* Characters that may begin a name, and those that may only follow: XML 1.0, fifth
 * edition, section 2.3, without the colon. */
typedef struct range {
	uint32_t first;
	uint32_t last;
} range;

static const range name_starts[] = {{'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {0xC0, 0xD6},
    {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x200C, 0x200D},
    {0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF},
    {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF}};
static const range name_rests[] = {
    {'-', '.'}, {'0', '9'}, {0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}};

static bool
in_ranges(uint32_t code, const range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

static bool
is_name(const char *name)
{
	size_t left = name == NULL ? 0 : strlen(name);
	const char *at = name;
	while (left > 0) {
		uint32_t code = 0;
		size_t size = ph_utf8_decode(at, left, &code);
		bool good =
		    in_ranges(code, name_starts,
			sizeof name_starts / sizeof name_starts[0]) ||
		    (at != name && in_ranges(code, name_rests,
				       sizeof name_rests / sizeof name_rests[0]));
		if (size == 0 || !good)
			return false;
		at += size;
		left -= size;
	}
	return at != name;
}

/* A name, in characters that the charset has. */
static bool
is_written(const writer *w, const char *name)
{
	return is_name(name) && ph_charset_has(w->charset, name, strlen(name));
}

static bool
prefix_wished(const writer *w, const char *prefix)
{
	for (size_t i = 0; i < w->prefix_count; i++)
		if (strcmp(w->prefixes[i].prefix, prefix) == 0)
			return true;
	return false;
}

static void
make_prefix(writer *w, naming *n)
{
	do {
		snprintf(n->made, sizeof n->made, "n%u", ++w->made);
	} while (prefix_wished(w, n->made));
}

static naming *
new_naming(writer *w, const char *space)
{
	if (w->naming_count == NAMESPACES_MAX)
		return NULL;
	naming *n = &w->namings[w->naming_count++];
	*n = (naming){.space = space};
	if (strcmp(space, SCHEMA_INSTANCE) == 0 && !prefix_wished(w, "xsi"))
		n->element = n->attribute = "xsi";
	for (size_t i = 0; i < w->prefix_count; i++) {
		const ph_xml_prefix *wish = &w->prefixes[i];
		if (strcmp(wish->space, space) != 0)
			continue;
		n->element = wish->prefix;
		if (wish->prefix[0] != '\0')
			n->attribute = wish->prefix;
	}
	return n;
}

/* The prefix of a namespace, made if need be; NULL past the limit. */
static const char *
prefix_of(writer *w, const char *space, bool attribute)
{
	naming *n = NULL;
	if (strcmp(space, XML_SPACE) == 0)
		return "xml";
	for (size_t i = 0; i < w->naming_count && n == NULL; i++)
		if (strcmp(w->namings[i].space, space) == 0)
			n = &w->namings[i];
	if (n == NULL)
		n = new_naming(w, space);
	if (n == NULL)
		return NULL;
	const char **prefix = attribute ? &n->attribute : &n->element;
	if (*prefix == NULL) {
		if (n->made[0] == '\0')
			make_prefix(w, n);
		*prefix = n->made;
	}
	return *prefix;
}

/* What a prefix stands for here; "" for the default namespace when there is none, else
 * NULL. */
static const char *
space_bound(const writer *w, const char *prefix)
{
	for (size_t i = w->bound_count; i > 0; i--)
		if (strcmp(w->bound[i - 1].prefix, prefix) == 0)
			return w->bound[i - 1].space;
	return prefix[0] == '\0' ? "" : NULL;
}

/* Declare a namespace in the tag being written, unless it is in force already. */
static bool
declare(writer *w, const ph_node *node, const char *prefix, const char *space)
{
	const char *bound = space_bound(w, prefix);
	if (strcmp(prefix, "xml") == 0 || (bound != NULL && strcmp(bound, space) == 0))
		return true;
	if (w->bound_count == sizeof w->bound / sizeof w->bound[0])
		return refuse(w, PH_ERR_TOO_LARGE, node, "PH3073 too many namespaces");
	w->bound[w->bound_count++] = (binding){.prefix = prefix, .space = space};
	ph_buffer_text(w->out, prefix[0] == '\0' ? " xmlns" : " xmlns:");
	ph_buffer_text(w->out, prefix);
	ph_buffer_text(w->out, "=\"");
	write_text(w->out, space, strlen(space), true);
	ph_buffer_u8(w->out, '"');
	return true;
}

static void
write_name(const writer *w, const char *prefix, const char *name)
{
	if (prefix[0] != '\0') {
		ph_buffer_text(w->out, prefix);
		ph_buffer_u8(w->out, ':');
	}
	ph_buffer_text(w->out, name);
}

/* xsi:type="p:name": the value is a name too, whose prefix means nothing undeclared. */
static bool
declare_type(writer *w, const ph_node *node)
{
	const char *colon = memchr(node->text, ':', node->length);
	if (colon == NULL || node->space == NULL || strcmp(node->name, "type") != 0 ||
	    strcmp(node->space, SCHEMA_INSTANCE) != 0)
		return true;
	size_t length = (size_t) (colon - node->text);
	for (size_t i = 0; i < w->prefix_count; i++) {
		const ph_xml_prefix *wish = &w->prefixes[i];
		if (length > 0 && strlen(wish->prefix) == length &&
		    memcmp(wish->prefix, node->text, length) == 0)
			return declare(w, node, wish->prefix, wish->space);
	}
	return true;
}

static bool
write_attribute(writer *w, const ph_node *node)
{
	const char *prefix = "";
	if (node->kind == PH_NODE_NULL)
		return true;
	if (!ph_node_is_scalar(node))
		return refuse(w, PH_ERR_INVALID, node,
		    "PH3071 a list or object cannot be an XML attribute");
	if (!is_written(w, node->name))
		return refuse(w, PH_ERR_INVALID, node, "PH3070 not a name in XML");
	if (node->space != NULL) {
		prefix = prefix_of(w, node->space, true);
		if (prefix == NULL)
			return refuse(
			    w, PH_ERR_TOO_LARGE, node, "PH3073 too many namespaces");
		if (!declare(w, node, prefix, node->space) || !declare_type(w, node))
			return false;
	}
	ph_buffer_u8(w->out, ' ');
	write_name(w, prefix, node->name);
	ph_buffer_text(w->out, "=\"");
	write_text(w->out, node->text, node->length, true);
	ph_buffer_u8(w->out, '"');
	return true;
}

static bool
write_nil(writer *w, const ph_node *node)
{
	const char *prefix = prefix_of(w, SCHEMA_INSTANCE, true);
	if (prefix == NULL)
		return refuse(w, PH_ERR_TOO_LARGE, node, "PH3073 too many namespaces");
	if (!declare(w, node, prefix, SCHEMA_INSTANCE))
		return false;
	ph_buffer_u8(w->out, ' ');
	write_name(w, prefix, "nil");
	ph_buffer_text(w->out, "=\"true\"");
	return true;
}

static bool
is_attribute(const ph_node *node)
{
	return (node->flags & PH_NODE_ATTRIBUTE) != 0;
}

static bool write_element(
    writer *w, const ph_node *node, const char *name, const char *space);

/* A member: one element, or as many as a list has items. */
static bool
write_member(writer *w, const ph_node *node)
{
	if (node->kind != PH_NODE_LIST)
		return write_element(w, node, node->name, node->space);
	for (const ph_node *item = node->first; item != NULL; item = item->next) {
		if (item->kind == PH_NODE_LIST)
			return refuse(w, PH_ERR_INVALID, item,
			    "PH3072 a list in a list has no name in XML");
		if (!write_element(w, item, node->name, node->space))
			return false;
	}
	return true;
}

static bool
write_content(writer *w, const ph_node *node)
{
	if (node->text != NULL && node->kind != PH_NODE_NULL)
		write_text(w->out, node->text, node->length, false);
	if (node->kind != PH_NODE_OBJECT)
		return true;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (!is_attribute(n) && !write_member(w, n))
			return false;
	return true;
}

static bool
write_attributes(writer *w, const ph_node *node)
{
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (is_attribute(n) && !write_attribute(w, n))
			return false;
	return node->kind != PH_NODE_NULL || write_nil(w, node);
}

static bool
has_content(const ph_node *node)
{
	if (node->kind == PH_NODE_NULL)
		return false;
	if (node->length > 0)
		return true;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (!is_attribute(n))
			return true;
	return false;
}

static bool
write_tag(writer *w, const ph_node *node, const char *prefix, const char *name,
    const char *space)
{
	ph_buffer_u8(w->out, '<');
	write_name(w, prefix, name);
	if (!declare(w, node, prefix, space == NULL ? "" : space) ||
	    !write_attributes(w, node))
		return false;
	if (!has_content(node)) {
		ph_buffer_text(w->out, "/>");
		return true;
	}
	ph_buffer_u8(w->out, '>');
	if (!write_content(w, node))
		return false;
	ph_buffer_text(w->out, "</");
	write_name(w, prefix, name);
	ph_buffer_u8(w->out, '>');
	return true;
}

static bool
write_element(writer *w, const ph_node *node, const char *name, const char *space)
{
	const char *prefix = space == NULL ? "" : prefix_of(w, space, false);
	if (!is_written(w, name))
		return refuse(w, PH_ERR_INVALID, node, "PH3070 not a name in XML");
	if (prefix == NULL)
		return refuse(w, PH_ERR_TOO_LARGE, node, "PH3073 too many namespaces");
	if (w->depth == DEPTH_MAX)
		return refuse(
		    w, PH_ERR_TOO_LARGE, node, "PH3074 nested more than 128 deep");
	size_t outer = w->bound_count;
	w->depth++;
	if (!write_tag(w, node, prefix, name, space))
		return false;
	w->depth--;
	w->bound_count = outer;
	return true;
}

static bool
write_root(writer *w, const ph_node *node)
{
	if (node->kind == PH_NODE_LIST)
		return refuse(
		    w, PH_ERR_INVALID, node, "PH3072 a list has no name in XML");
	return write_element(w, node, node->name, node->space);
}

/* Each a name or "", none of XML's own, and each for one namespace. */
static bool
check_prefixes(const writer *w)
{
	for (size_t i = 0; i < w->prefix_count; i++) {
		const char *prefix = w->prefixes[i].prefix;
		bool good = prefix[0] == '\0' ||
			    (is_written(w, prefix) && strncmp(prefix, "xml", 3) != 0);
		for (size_t j = 0; j < i && good; j++)
			good = strcmp(w->prefixes[j].prefix, prefix) != 0;
		if (!good) {
			ph_fail(w->err, PH_ERR_INVALID,
			    "PH3075 the prefix \"%s\" is given twice or is none in XML",
			    prefix);
			return false;
		}
	}
	return true;
}

static ph_status
write(const ph_node *node, const ph_xml_prefix *prefixes, size_t count,
    ph_charset charset, ph_buffer *out, ph_error *err)
{
	static const char *const names[] = {"UTF-8", "windows-1252", "ISO-8859-1"};
	ph_error local;
	writer w;
	w.out = out;
	w.err = err == NULL ? &local : err;
	w.charset = charset;
	w.prefixes = prefixes;
	w.prefix_count = count;
	w.naming_count = w.bound_count = 0;
	w.made = w.depth = 0;
	ph_buffer_text(out, "<?xml version=\"1.0\" encoding=\"");
	ph_buffer_text(out, names[charset]);
	ph_buffer_text(out, "\"?>\n");
	if (!check_prefixes(&w) || !write_root(&w, node))
		return w.err->status;
	if (out->failed)
		return ph_fail(err, out->limit > 0 ? PH_ERR_TOO_LARGE : PH_ERR_NOMEM,
		    "no room for the XML text");
	return PH_OK;
}

ph_status
ph_xml_encode(const ph_node *node, const ph_xml_prefix *prefixes, size_t count,
    ph_buffer *out, ph_error *err)
{
	PH_ASSERT(node != NULL && out != NULL && (prefixes != NULL || count == 0));
	return write(node, prefixes, count, PH_CHARSET_UTF_8, out, err);
}

/* The XML in another charset. Names are in it: what is not stands in text and values,
 * where a reference may stand. */
static void
turn(ph_charset charset, const char *text, size_t length, ph_buffer *out)
{
	for (size_t at = 0; at < length;) {
		uint32_t code = 0;
		size_t run = at;
		while (run < length && (unsigned char) text[run] < 0x80)
			run++;
		ph_buffer_append(out, text + at, run - at);
		at = run;
		if (at == length)
			return;
		size_t size = ph_utf8_decode(text + at, length - at, &code);
		if (!ph_charset_encode(charset, text + at, size, NULL, out))
			ph_buffer_printf(out, "&#%u;", (unsigned) code);
		at += size;
	}
}

ph_status
ph_xml_encode_in(const ph_node *node, const ph_xml_prefix *prefixes, size_t count,
    ph_charset charset, ph_buffer *out, ph_error *err)
{
	return ph_xml_encode_on(node, prefixes, count, charset, NULL, out, err);
}

ph_status
ph_xml_encode_on(const ph_node *node, const ph_xml_prefix *prefixes, size_t count,
    ph_charset charset, ph_arena *arena, ph_buffer *out, ph_error *err)
{
	PH_ASSERT(node != NULL && out != NULL && (prefixes != NULL || count == 0));
	if (charset == PH_CHARSET_UTF_8)
		return write(node, prefixes, count, charset, out, err);
	ph_buffer whole;
	ph_buffer_init_on(&whole, 0, arena);
	ph_status status = write(node, prefixes, count, charset, &whole, err);
	if (status == PH_OK)
		turn(charset, (const char *) whole.data, whole.length, out);
	ph_buffer_fini(&whole);
	if (status == PH_OK && out->failed)
		status = ph_fail(err, out->limit > 0 ? PH_ERR_TOO_LARGE : PH_ERR_NOMEM,
		    "no room for the XML text");
	return status;
}
