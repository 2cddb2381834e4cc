/*
 * multipart - multipart/form-data (RFC 7578) and multipart/related (RFC 2387).
 *
 * Read, it is an object with one member for each part, in their order. A member goes by
 * the part's name in the form, else by its Content-ID without the angle brackets, else
 * it is called "part". What it is:
 *   a text       a part of text/plain or without a type, and without a file name
 *   a document   JSON or XML, without a file name; XML is an object with its root element
 *   a reference  all else, a file above all: an object with `part` ("part:3", counted
 *                from 1), `size` in bytes, and `filename`, `type`, `id` and `encoding`
 *                where the sender gives them. Its bytes stay where they are:
 *                ph_multipart_part finds them. A file name loses its folders.
 *
 * The boundary is that of the first line that begins with "--"; what stands before it
 * and after the end is passed over. Lines end with CRLF, or all of them with LF.
 *
 * At most 8 MiB, 1,000 parts, 16 KiB of headers for a part, 70 bytes of boundary, 1,024
 * bytes of a name; parts in parts are references.
 *
 * Thread: pure. Errors: PH_ERR_INVALID with place, PH_ERR_TOO_LARGE, PH_ERR_NOMEM.
 */
#ifndef PH_CODEC_MULTIPART_H
#define PH_CODEC_MULTIPART_H

#include "lib/codec/codec.h"

#define PH_MULTIPART_BOUNDARY 71 /* bytes of a boundary, the zero included */

/* Sets the document's root. */
ph_status ph_multipart_decode(
    ph_document *document, const void *bytes, size_t length, ph_error *err);
/* The same with a reader for parts that are XML: see ph_xml_decode_kept. */
ph_status ph_multipart_decode_with(ph_xml_reader **xml, ph_document *document,
    const void *bytes, size_t length, ph_error *err);

/* The bytes that a reference ("part:3") of this input stands for. PH_ERR_NOT_FOUND. */
ph_status ph_multipart_part(const void *bytes, size_t length, const char *reference,
    const void **part, size_t *part_length, ph_error *err);

/* Where referenced bytes are when parts are written; false: not there. */
typedef bool ph_multipart_find(
    void *self, const char *reference, const void **bytes, size_t *length);

enum { PH_MULTIPART_RELATED = 1 };
/* Append an object's members as parts to `out`: texts and numbers as text, an object
 * with `part` or `content` (a text) as a file with its `filename` and `type`, another
 * object as JSON. Lists and repeated members are repeated parts; null is left out.
 * `boundary` is made from what is written, and occurs in none of it. `find` may be NULL:
 * a member with `part` is then refused. Without PH_MULTIPART_RELATED it is a form. */
ph_status ph_multipart_encode(const ph_node *object, unsigned flags,
    ph_multipart_find *find, void *self, char boundary[PH_MULTIPART_BOUNDARY],
    ph_buffer *out, ph_error *err);
/* The same with an arena for what is written in passing (NULL: the heap). */
ph_status ph_multipart_encode_on(const ph_node *object, unsigned flags,
    ph_multipart_find *find, void *self, char boundary[PH_MULTIPART_BOUNDARY],
    ph_arena *arena, ph_buffer *out, ph_error *err);

#endif
