/*
 * form - application/x-www-form-urlencoded, by the WHATWG URL standard, section 5.
 *
 * Stricter than the standard where it would guess: a percent sign without two
 * hexadecimal digits and bytes that are no UTF-8 are refused and not passed on.
 */
#include "lib/codec/codec.h"

#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "lib/codec/source.h"

typedef struct scanner {
	ph_source source;
	ph_document *document;
	ph_error *err;
	char *scratch; /* as long as the input: one name or value at a time */
	ph_node *root;
} scanner;

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "%XX" at `at` stands for; -1 if it is none. */
static int
percent_byte(const char *at, const char *end)
{
	if (end - at < 3)
		return -1;
	int high = hex_digit(at[1]);
	int low = hex_digit(at[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool
refuse(const scanner *s, const char *at, const char *text)
{
	ph_source_fail(&s->source, PH_ERR_INVALID, (size_t) (at - s->source.bytes),
	    s->err, "%s", text);
	return false;
}

/* Decode [at, end) into the scratch. */
static bool
decode(const scanner *s, const char *at, const char *end, size_t *length)
{
	const char *start = at;
	char *write = s->scratch;
	while (at < end) {
		char c = *at++;
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int byte = percent_byte(at - 1, end);
			if (byte < 0)
				return refuse(s, at - 1,
				    "PH3050 a % without two hexadecimal digits: write "
				    "% as %25");
			if (byte == 0)
				return refuse(s, at - 1, "PH3003 a zero byte (%00)");
			c = (char) byte;
			at += 2;
		}
		*write++ = c;
	}
	*length = (size_t) (write - s->scratch);
	if (!ph_utf8_valid(s->scratch, *length, NULL))
		return refuse(s, start,
		    "PH3004 not valid UTF-8 once the % sequences are decoded");
	return true;
}

static bool
no_room(const scanner *s)
{
	ph_source_no_room(&s->source, s->err);
	return false;
}

static bool
read_pair(const scanner *s, const char *at, const char *end)
{
	size_t length = 0;
	const char *equals = memchr(at, '=', (size_t) (end - at));
	const char *value = equals == NULL ? end : equals + 1;
	if (!decode(s, at, equals == NULL ? end : equals, &length))
		return false;
	const char *name = ph_document_intern(s->document, s->scratch, length);
	if (name == NULL || ph_source_overgrown(&s->source))
		return no_room(s);
	if (!decode(s, value, end, &length))
		return false;
	ph_node *node = ph_node_new(s->document, PH_NODE_STRING, s->scratch, length);
	if (node == NULL)
		return no_room(s);
	node->line = 1;
	node->column = (uint32_t) (value - s->source.bytes + 1);
	ph_node_link(s->root, name, node);
	return true;
}

static bool
read_pairs(const scanner *s)
{
	const char *at = s->source.bytes;
	const char *end = at + s->source.length;
	while (at < end) {
		const char *next = memchr(at, '&', (size_t) (end - at));
		if (next == NULL)
			next = end;
		if (next > at && !read_pair(s, at, next))
			return false;
		at = next + 1;
	}
	return true;
}

ph_status
ph_form_decode(ph_document *document, const void *bytes, size_t length, ph_error *err)
{
	PH_ASSERT(document != NULL && ph_document_root(document) == NULL);
	ph_error local;
	scanner s = {.document = document, .err = err == NULL ? &local : err};
	ph_status status = ph_source_open(&s.source, document, bytes, length, s.err);
	if (status != PH_OK)
		return status;
	s.scratch = ph_arena_alloc(ph_document_arena(document), length + 1);
	s.root = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	if (s.scratch == NULL || s.root == NULL)
		return ph_source_no_room(&s.source, s.err);
	s.root->line = s.root->column = 1;
	if (length > 0 && !read_pairs(&s))
		return s.err->status;
	ph_document_set_root(document, s.root);
	return PH_OK;
}

static bool
stays(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '*' || c == '-' || c == '.' || c == '_';
}

static void
encode(ph_buffer *out, const char *text, size_t length)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char) text[i];
		char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
		if (c == ' ')
			ph_buffer_u8(out, '+');
		else if (stays(c))
			ph_buffer_u8(out, c);
		else
			ph_buffer_append(out, escape, sizeof escape);
	}
}

typedef struct writer {
	ph_buffer *out;
	ph_error *err;
	bool any; /* a pair was written */
} writer;

static ph_status
write_pair(writer *w, const char *name, const ph_node *value)
{
	char path[160];
	if (value->kind == PH_NODE_NULL)
		return PH_OK;
	if (!ph_node_is_scalar(value))
		return ph_fail(w->err, PH_ERR_INVALID,
		    "PH3080 a form holds names and texts only, not an object or a list "
		    "of lists (at %s)",
		    ph_node_path(value, path, sizeof path));
	if (w->any)
		ph_buffer_u8(w->out, '&');
	w->any = true;
	encode(w->out, name, strlen(name));
	ph_buffer_u8(w->out, '=');
	encode(w->out, value->text, value->length);
	return PH_OK;
}

static ph_status
write_member(writer *w, const ph_node *member)
{
	if (member->kind != PH_NODE_LIST)
		return write_pair(w, member->name, member);
	ph_status status = PH_OK;
	for (const ph_node *n = member->first; n != NULL && status == PH_OK;
	     n = n->next)
		status = write_pair(w, member->name, n);
	return status;
}

ph_status
ph_form_encode(const ph_node *object, ph_buffer *out, ph_error *err)
{
	PH_ASSERT(object != NULL && out != NULL);
	writer w = {.out = out, .err = err};
	ph_status status = PH_OK;
	if (object->kind != PH_NODE_OBJECT)
		status = ph_fail(
		    err, PH_ERR_INVALID, "PH3081 a form is made from an object");
	for (const ph_node *n = object->first; n != NULL && status == PH_OK;
	     n = n->next)
		status = write_member(&w, n);
	if (status == PH_OK && out->failed)
		status = ph_fail(err, out->limit > 0 ? PH_ERR_TOO_LARGE : PH_ERR_NOMEM,
		    "no room for the form");
	return status;
}
