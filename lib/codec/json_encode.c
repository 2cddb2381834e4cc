/*
 * json_encode - a tree as JSON text.
 *
 * Walks the tree by its own links, without recursion. Text is copied in runs between
 * the bytes that must be escaped.
 */
#include "lib/codec/codec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "lib/codec/eight.h"
#include "lib/codec/number.h"
#include "lib/document/name.h"

#define DEPTH_MAX   64
#define FEW_MEMBERS 32u /* compared each with each; more are sorted */

typedef struct writer {
	ph_buffer *out;
	ph_error *err;
	unsigned flags; /* PH_JSON_... */
	unsigned depth; /* open containers */
} writer;

static bool
refuse(const writer *w, ph_status status, const ph_node *node, const char *text)
{
	char path[160];
	ph_fail(
	    w->err, status, "%s (at %s)", text, ph_node_path(node, path, sizeof path));
	return false;
}

/* Does a byte stand for itself in a JSON string? */
static bool
stays(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void
write_escape(ph_buffer *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	size_t size = 2;
	switch (c) {
	case '\n':
		escape[1] = 'n';
		break;
	case '\r':
		escape[1] = 'r';
		break;
	case '\t':
		escape[1] = 't';
		break;
	case '"':
	case '\\':
		escape[1] = (char) c;
		break;
	default:
		size = sizeof escape;
	}
	ph_buffer_append(out, escape, size);
}

/* Bytes that stand for themselves, from `text` on; *all gathers the bits of those looked at. */
static size_t
plain_run(const char *text, size_t length, uint64_t *all)
{
	size_t i = 0;
#ifdef __SSE2__
	for (; length - i >= 16; i += 16) {
		ph_sixteen bytes = ph_sixteen_at(text + i);
		unsigned found = ph_sixteen_json(bytes);
		*all |= ph_sixteen_high(bytes) == 0 ? 0 : PH_EIGHT(0x80);
		if (found != 0)
			return i + (size_t) __builtin_ctz(found);
	}
#endif
	for (; length - i >= 8; i += 8) {
		uint64_t word = ph_eight(text + i);
		*all |= word;
		if (ph_eight_json(word) != 0)
			break;
	}
	uint64_t rest = length - i < 8 ? ph_eight_short(text + i, length - i) : 0;
	if (length - i < 8 && ph_eight_json(rest) == 0) {
		*all |= rest;
		return length;
	}
	for (; i < length && stays((unsigned char) text[i]); i++)
		*all |= (unsigned char) text[i];
	return i;
}

/* Copies in runs; most texts are one. *all gathers the bits of all bytes. */
static void
write_text(ph_buffer *out, const char *text, size_t length, uint64_t *all)
{
	for (size_t i = 0;;) {
		size_t run = plain_run(text + i, length - i, all);
		ph_buffer_append(out, text + i, run);
		i += run;
		if (i == length)
			return;
		write_escape(out, (unsigned char) text[i++]);
	}
}

/* Copy a text of up to 16 bytes that stand for themselves; false: one does not. */
static bool
copy_few(char *to, const char *text, size_t length, uint64_t *all)
{
	uint64_t first = ph_eight_short(text, length < 8 ? length : 8);
	uint64_t last = length > 8 ? ph_eight(text + length - 8) : first;
	*all |= first | last;
	if ((ph_eight_json(first) | ph_eight_json(last)) != 0)
		return false;
	if (length < 4) {
		for (size_t i = 0; i < length; i++)
			to[i] = text[i];
	} else if (length < 8) {
		memcpy(to, text, 4);
		memcpy(to + length - 4, text + length - 4, 4);
	} else {
		memcpy(to, &first, sizeof first);
		memcpy(to + length - 8, &last, sizeof last);
	}
	return true;
}

/* Copy as long as all bytes of a block stand for themselves: how many that are, from the start. */
static size_t
copy_plain(char *to, const char *text, size_t length, uint64_t *all)
{
	size_t i = 0;
	if (length <= 16)
		return copy_few(to, text, length, all) ? length : 0;
#ifdef __SSE2__
	unsigned found = 0, high = 0;
	while (i < length) {
		size_t at = length - i < 16 ? length - 16 : i;
		ph_sixteen bytes = ph_sixteen_at(text + at);
		found = ph_sixteen_json(bytes);
		if (found != 0)
			break;
		high |= ph_sixteen_high(bytes);
		ph_sixteen_put(to + at, bytes);
		i = at + 16;
	}
	*all |= high == 0 ? 0 : PH_EIGHT(0x80);
#else
	for (; length - i > 16; i += 8)
		if (!copy_few(to + i, text + i, 8, all))
			return i;
	if (copy_few(to + i, text + i, length - i, all))
		i = length;
#endif
	return i;
}

/* The opening quote and as much of the text as can be copied at once: how much. */
static size_t
write_quickly(
    ph_buffer *out, char prefix, const char *text, size_t length, uint64_t *all)
{
	size_t room = out->capacity - out->length, done = 0;
	if (out->failed || out->limit > 0 || room < 16 || room - 16 < length) {
		ph_buffer_u8(out, '"');
		if (prefix != '\0')
			ph_buffer_u8(out, (uint8_t) prefix);
		return 0;
	}
	char *at = (char *) out->data + out->length;
	*at++ = '"';
	*at = prefix;
	at += prefix != '\0';
	done = copy_plain(at, text, length, all);
	out->length = (size_t) (at - (char *) out->data) + done;
	return done;
}

/* `prefix` is one byte, or zero for none. */
static bool
write_string(
    const writer *w, const ph_node *node, char prefix, const char *text, size_t length)
{
	uint64_t all = 0;
	size_t done = write_quickly(w->out, prefix, text, length, &all);
	if (done < length)
		write_text(w->out, text + done, length - done, &all);
	ph_buffer_u8(w->out, '"');
	if ((all & PH_EIGHT(0x80)) != 0 && !ph_utf8_valid(text, length, NULL))
		return refuse(
		    w, PH_ERR_INVALID, node, "PH3060 text that is not valid UTF-8");
	return true;
}

static void
new_line(const writer *w)
{
	if ((w->flags & PH_JSON_PRETTY) == 0)
		return;
	ph_buffer_u8(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		ph_buffer_append(w->out, "  ", 2);
}

static bool
write_name(
    const writer *w, const ph_node *node, char prefix, const char *name, size_t length)
{
	if (!write_string(w, node, prefix, name, length))
		return false;
	ph_buffer_u8(w->out, ':');
	if ((w->flags & PH_JSON_PRETTY) != 0)
		ph_buffer_u8(w->out, ' ');
	return true;
}

static int
compare_members(const ph_node *a, const ph_node *b)
{
	int form = (a->flags & PH_NODE_ATTRIBUTE) - (b->flags & PH_NODE_ATTRIBUTE);
	if (form != 0)
		return form;
	return a->name == b->name ? 0 : strcmp(a->name, b->name);
}

static int
compare_pointers(const void *a, const void *b)
{
	return compare_members(
	    *(const ph_node *const *) a, *(const ph_node *const *) b);
}

static const ph_node *
repeated_of_few(const ph_node *object)
{
	for (const ph_node *a = object->first; a != NULL; a = a->next)
		for (const ph_node *b = object->first; b != a; b = b->next)
			if (a->name[0] == b->name[0] && compare_members(a, b) == 0)
				return a;
	return NULL;
}

/* Sorted, repeated names stand side by side. The tree may have been put together from
 * nodes of several documents, so here names are compared as text. */
static bool
names_differ(const writer *w, const ph_node *object)
{
	const ph_node *again = NULL;
	if (object->count <= FEW_MEMBERS) {
		again = repeated_of_few(object);
	} else {
		const ph_node **sorted = malloc(object->count * sizeof *sorted);
		if (sorted == NULL)
			return refuse(
			    w, PH_ERR_NOMEM, object, "no memory to compare names");
		size_t count = 0;
		for (const ph_node *n = object->first; n != NULL; n = n->next)
			sorted[count++] = n;
		qsort(sorted, count, sizeof *sorted, compare_pointers);
		for (size_t i = 1; i < count && again == NULL; i++)
			if (compare_members(sorted[i - 1], sorted[i]) == 0)
				again = sorted[i];
		free(sorted);
	}
	return again == NULL || refuse(w, PH_ERR_INVALID, again,
				    "PH3061 a JSON object has each name once");
}

static bool
write_scalar(const writer *w, const ph_node *node)
{
	switch ((ph_node_kind) node->kind) {
	case PH_NODE_NULL:
		ph_buffer_append(w->out, "null", 4);
		return true;
	case PH_NODE_NUMBER:
		if (!ph_json_is_number(node->text, node->length))
			return refuse(
			    w, PH_ERR_INVALID, node, "PH3062 not a JSON number");
		ph_buffer_append(w->out, node->text, node->length);
		return true;
	case PH_NODE_BOOLEAN:
		ph_buffer_append(w->out, node->text, node->length);
		return true;
	case PH_NODE_STRING:
		return write_string(w, node, '\0', node->text, node->length);
	case PH_NODE_LIST:
	case PH_NODE_OBJECT:
		break;
	}
	PH_UNREACHABLE("a container is no scalar");
}

/* What has a member or an item of its own: lists and objects. */
static bool
open_container(writer *w, const ph_node *node)
{
	bool object = node->kind == PH_NODE_OBJECT;
	if (w->depth == DEPTH_MAX)
		return refuse(
		    w, PH_ERR_TOO_LARGE, node, "PH3063 nested more than 64 deep");
	if (object && (w->flags & PH_JSON_DISTINCT) == 0 && !names_differ(w, node))
		return false;
	ph_buffer_u8(w->out, object ? '{' : '[');
	w->depth++;
	return true;
}

/* The next member or item to write, `n` or one after it. */
static const ph_node *
wanted(const writer *w, const ph_node *n)
{
	if ((w->flags & PH_JSON_SKIP_VOLATILE) != 0)
		while (n != NULL && (n->flags & PH_NODE_VOLATILE) != 0)
			n = n->next;
	return n;
}

/* "#text" comes last, so that nothing else needs to know about it. */
static bool
close_container(writer *w, const ph_node *node)
{
	bool object = node->kind == PH_NODE_OBJECT;
	bool empty = wanted(w, node->first) == NULL;
	if (object && node->text != NULL) {
		if (!empty)
			ph_buffer_u8(w->out, ',');
		new_line(w);
		if (!write_name(w, node, '#', "text", 4) ||
		    !write_string(w, node, '\0', node->text, node->length))
			return false;
		empty = false;
	}
	w->depth--;
	if (!empty)
		new_line(w);
	ph_buffer_u8(w->out, object ? '}' : ']');
	return true;
}

static bool
write_start(writer *w, const ph_node *node)
{
	return ph_node_is_scalar(node) ? write_scalar(w, node)
				       : open_container(w, node);
}

static bool
write_child(writer *w, const ph_node *child, bool first)
{
	if (!first)
		ph_buffer_u8(w->out, ',');
	new_line(w);
	if (child->parent->kind == PH_NODE_OBJECT) {
		char prefix = (child->flags & PH_NODE_ATTRIBUTE) != 0 ? '@' : '\0';
		if (!write_name(
			w, child, prefix, child->name, ph_name_of(child->name)->length))
			return false;
	}
	return write_start(w, child);
}

/* Visit every node below `root`: down to the first child, then along, then up. */
static bool
write_tree(writer *w, const ph_node *root)
{
	const ph_node *at = root;
	bool enter = true;
	if (!write_start(w, root))
		return false;
	while (!ph_node_is_scalar(root)) {
		const ph_node *container = enter ? at : at->parent;
		const ph_node *child = wanted(w, enter ? at->first : at->next);
		if (child == NULL) {
			if (!close_container(w, container))
				return false;
			if (container == root)
				return true;
			at = container;
			enter = false;
			continue;
		}
		if (!write_child(w, child, enter))
			return false;
		at = child;
		enter = !ph_node_is_scalar(child);
	}
	return true;
}

ph_status
ph_json_encode(const ph_node *node, unsigned flags, ph_buffer *out, ph_error *err)
{
	PH_ASSERT(node != NULL && out != NULL);
	ph_error local;
	writer w = {.out = out, .err = err == NULL ? &local : err, .flags = flags};
	if (!write_tree(&w, node))
		return w.err->status;
	if (out->failed)
		return ph_fail(err, out->limit > 0 ? PH_ERR_TOO_LARGE : PH_ERR_NOMEM,
		    "no room for the JSON text");
	return PH_OK;
}
