/*
 * multipart_encode - members to parts.
 *
 * All bodies are written to one buffer first, behind headers that do not have the
 * boundary in them, and the boundary is a digest of that: nobody who fills a part can
 * choose one with it. It is looked for all the same, and another taken if it is there.
 */
#define _GNU_SOURCE /* memmem */
#include "lib/codec/multipart_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/table.h"
#include "lib/base/text.h"
#include "lib/codec/codec.h"

#define TRIES_MAX 8u

typedef struct writer {
	ph_error *err;
	unsigned flags;
	ph_multipart_find *find;
	void *self;
	ph_buffer parts;		 /* headers and bodies, one after the other */
	size_t starts[PH_PARTS_MAX + 1]; /* where each begins in it */
	unsigned count;
} writer;

static bool
refuse(writer *w, const ph_node *node, ph_status status, const char *text)
{
	char path[160];
	ph_fail(
	    w->err, status, "%s (at %s)", text, ph_node_path(node, path, sizeof path));
	return false;
}

/* Bytes that a text has in a header, as its reader counts them. */
static size_t
quoted_length(const char *text)
{
	size_t length = 0;
	for (; *text != '\0'; text++)
		length += (unsigned char) *text < 0x20 || *text == 0x7F ? 3 : 1;
	return length;
}

/* A text in a header: without what would end it. Browsers write it so too. */
static bool
write_quoted(writer *w, const ph_node *node, const char *text)
{
	size_t length = strlen(text);
	if (quoted_length(text) > PH_PART_NAME_MAX)
		return refuse(w, node, PH_ERR_TOO_LARGE,
		    "PH3510 a name or file name of more than 1,024 bytes");
	ph_buffer_u8(&w->parts, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char) text[i];
		if (c == '"' || c == '\\')
			ph_buffer_u8(&w->parts, '\\');
		if (c < 0x20 || c == 0x7F)
			ph_buffer_printf(&w->parts, "%%%02X", c);
		else
			ph_buffer_u8(&w->parts, c);
	}
	ph_buffer_u8(&w->parts, '"');
	return true;
}

/* A media type is printable ASCII, or it would be more headers. */
static bool
is_type(const char *type)
{
	size_t length = strlen(type);
	for (size_t i = 0; i < length; i++)
		if (type[i] < 0x20 || type[i] > 0x7E)
			return false;
	return length > 0 && length <= PH_PART_NAME_MAX && strchr(type, '/') != NULL;
}

static bool
is_id(const char *name)
{
	for (const char *at = name; *at != '\0'; at++)
		if (*at <= 0x20 || *at > 0x7E || *at == '<' || *at == '>')
			return false;
	return *name != '\0' && strlen(name) <= PH_PART_NAME_MAX;
}

static bool
write_heads(writer *w, const ph_node *node, const char *name, const char *filename,
    const char *type)
{
	if (w->count == PH_PARTS_MAX)
		return refuse(
		    w, node, PH_ERR_TOO_LARGE, "PH3510 more than 1,000 parts");
	w->starts[w->count++] = w->parts.length;
	if (!is_type(type))
		return refuse(w, node, PH_ERR_INVALID,
		    "PH3511 a type of a part is like image/jpeg, in ASCII");
	if ((w->flags & PH_MULTIPART_RELATED) != 0) {
		if (!is_id(name))
			return refuse(w, node, PH_ERR_INVALID,
			    "PH3511 the name of a related part is an id: ASCII without "
			    "blanks and angle brackets");
		ph_buffer_printf(&w->parts, "Content-ID: <%s>\r\n", name);
		if (filename != NULL)
			ph_buffer_text(&w->parts, "Content-Disposition: attachment");
	} else {
		ph_buffer_text(&w->parts, "Content-Disposition: form-data; name=");
		if (!write_quoted(w, node, name))
			return false;
	}
	if (filename != NULL) {
		ph_buffer_text(&w->parts, "; filename=");
		if (!write_quoted(w, node, filename))
			return false;
	}
	if (filename != NULL || (w->flags & PH_MULTIPART_RELATED) == 0)
		ph_buffer_text(&w->parts, "\r\n");
	ph_buffer_printf(&w->parts, "Content-Type: %s\r\n\r\n", type);
	return true;
}

static bool
write_file(writer *w, const ph_node *node, const char *name)
{
	const char *reference = ph_node_text(node, "part");
	const char *filename = ph_node_text(node, "filename");
	const char *type = ph_node_text(node, "type");
	const ph_node *content = ph_node_get(node, "content");
	const void *bytes = content == NULL ? NULL : content->text;
	size_t length = content == NULL ? 0 : content->length;
	if (reference != NULL &&
	    (w->find == NULL || !w->find(w->self, reference, &bytes, &length)))
		return refuse(w, node, PH_ERR_INVALID,
		    "PH3512 a part by reference, and its bytes are not at hand");
	if (bytes == NULL)
		return refuse(
		    w, node, PH_ERR_INVALID, "PH3512 the content of a part is no text");
	if (type == NULL)
		type = reference != NULL ? "application/octet-stream"
					 : "text/plain; charset=utf-8";
	if (!write_heads(w, node, name, filename, type))
		return false;
	ph_buffer_append(&w->parts, bytes, length);
	return true;
}

static bool
write_json(writer *w, const ph_node *node, const char *name)
{
	return write_heads(w, node, name, NULL, "application/json") &&
	       ph_json_encode(node, 0, &w->parts, w->err) == PH_OK;
}

static bool
write_part(writer *w, const ph_node *node, const char *name)
{
	if (node->kind == PH_NODE_NULL)
		return true;
	if (node->kind == PH_NODE_OBJECT)
		return ph_node_get(node, "part") != NULL ||
			       ph_node_get(node, "content") != NULL
			   ? write_file(w, node, name)
			   : write_json(w, node, name);
	if (node->kind == PH_NODE_LIST)
		return refuse(w, node, PH_ERR_INVALID,
		    "PH3513 a list in a list has no name as a part");
	if (!write_heads(w, node, name, NULL, "text/plain; charset=utf-8"))
		return false;
	ph_buffer_append(&w->parts, node->text, node->length);
	return true;
}

static bool
write_member(writer *w, const ph_node *member)
{
	if (member->kind != PH_NODE_LIST)
		return write_part(w, member, member->name);
	for (const ph_node *n = member->first; n != NULL; n = n->next)
		if (!write_part(w, n, member->name))
			return false;
	return true;
}

static bool
choose_boundary(const writer *w, char out[PH_MULTIPART_BOUNDARY])
{
	for (uint8_t attempt = 0; attempt < TRIES_MAX; attempt++) {
		uint8_t key[16] = {'p', 'a', 'r', 't', 's', attempt};
		uint64_t first = ph_siphash(key, w->parts.data, w->parts.length);
		key[15] = 1;
		uint64_t second = ph_siphash(key, w->parts.data, w->parts.length);
		snprintf(out, PH_MULTIPART_BOUNDARY, "part-%016" PRIx64 "%016" PRIx64,
		    first, second);
		if (memmem(w->parts.data, w->parts.length, out, strlen(out)) == NULL)
			return true;
	}
	return false;
}

static ph_status
put_together(writer *w, const char *boundary, ph_buffer *out)
{
	w->starts[w->count] = w->parts.length;
	for (unsigned i = 0; i < w->count; i++) {
		ph_buffer_printf(out, "--%s\r\n", boundary);
		ph_buffer_append(
		    out, w->parts.data + w->starts[i], w->starts[i + 1] - w->starts[i]);
		ph_buffer_text(out, "\r\n");
	}
	ph_buffer_printf(out, "--%s--\r\n", boundary);
	if (out->failed)
		return ph_fail(w->err, out->limit > 0 ? PH_ERR_TOO_LARGE : PH_ERR_NOMEM,
		    "no room for the parts");
	return PH_OK;
}

static ph_status
write_all(writer *w, const ph_node *object, char *boundary, ph_buffer *out)
{
	if (object->kind != PH_NODE_OBJECT)
		return ph_fail(w->err, PH_ERR_INVALID,
		    "PH3513 parts are made from the members of an object");
	for (const ph_node *n = object->first; n != NULL; n = n->next)
		if (!write_member(w, n))
			return w->err->status;
	if (w->count == 0)
		return ph_fail(w->err, PH_ERR_INVALID,
		    "PH3513 there is no part to write: every field is absent");
	if (w->parts.failed || !choose_boundary(w, boundary))
		return ph_fail(w->err, PH_ERR_NOMEM, "no room for the parts");
	return put_together(w, boundary, out);
}

ph_status
ph_multipart_encode(const ph_node *object, unsigned flags, ph_multipart_find *find,
    void *self, char boundary[PH_MULTIPART_BOUNDARY], ph_buffer *out, ph_error *err)
{
	return ph_multipart_encode_on(
	    object, flags, find, self, boundary, NULL, out, err);
}

ph_status
ph_multipart_encode_on(const ph_node *object, unsigned flags, ph_multipart_find *find,
    void *self, char boundary[PH_MULTIPART_BOUNDARY], ph_arena *arena, ph_buffer *out,
    ph_error *err)
{
	PH_ASSERT(object != NULL && boundary != NULL && out != NULL);
	ph_error local;
	writer *w =
	    arena == NULL ? malloc(sizeof *w) : ph_arena_alloc(arena, sizeof *w);
	boundary[0] = '\0';
	if (w == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no room for the parts");
	w->err = err == NULL ? &local : err;
	w->flags = flags;
	w->find = find;
	w->self = self;
	w->count = 0;
	ph_buffer_init_on(&w->parts, 0, arena);
	ph_status status = write_all(w, object, boundary, out);
	ph_buffer_fini(&w->parts);
	if (arena == NULL)
		free(w);
	return status;
}
