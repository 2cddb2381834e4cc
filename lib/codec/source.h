/*
 * source - what every decoder asks of its input before it reads it, and how it
 * complains.
 *
 * Private to lib/codec. Line and column are counted only when something is wrong.
 *
 * Thread: pure. Errors: PH_ERR_INVALID with place, PH_ERR_TOO_LARGE.
 */
#ifndef PH_CODEC_SOURCE_H
#define PH_CODEC_SOURCE_H

#include "lib/document/document.h"

#define PH_MEMORY_FACTOR 20u		    /* times the input, for its tree */
#define PH_MEMORY_FLOOR	 ((size_t) 1 << 20) /* a small one may take this */

typedef struct ph_source {
	ph_document *document; /* filled; names the source in errors */
	const char *bytes;     /* the whole input, borrowed */
	size_t length;	       /* its bytes */
	size_t budget;	       /* the arena may be filled up to here */
} ph_source;

/* Refuses what is too large, empty, UTF-16, or has a zero byte. A decoder that takes
 * UTF-8 calls ph_source_utf8 too. */
ph_status ph_source_open(ph_source *source, ph_document *document, const void *bytes,
    size_t length, ph_error *err);
/* The same for what is not the beginning of a file. */
ph_status ph_source_open_rest(ph_source *source, ph_document *document,
    const void *bytes, size_t length, ph_error *err);
ph_status ph_source_utf8(const ph_source *source, ph_error *err);
/* Has the tree outgrown its input's budget, or its arena? */
bool ph_source_overgrown(const ph_source *source);
/* PH_ERR_TOO_LARGE for that. */
ph_status ph_source_no_room(const ph_source *source, ph_error *err);
/* `status` at the byte `offset`. The text starts with its code. */
ph_status ph_source_fail(const ph_source *source, ph_status status, size_t offset,
    ph_error *err, const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
