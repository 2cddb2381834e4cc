/*
 * decoders - every decoder by name, with descriptions for the formats that need one: for
 * the fuzz targets, and for the test of hostile input.
 *
 * Thread: one. Errors: as the decoders'.
 */
#ifndef PH_TESTS_DECODERS_H
#define PH_TESTS_DECODERS_H

#include "lib/base/buffer.h"
#include "lib/document/document.h"

typedef struct ph_test_decoder {
	const char *name;
	ph_status (*decode)(
	    ph_document *document, const void *bytes, size_t length, ph_error *err);
	/* NULL: nothing writes this format */
	ph_status (*encode)(ph_document *document, ph_buffer *out, ph_error *err);
	const char *head; /* a document that is taken: head, a text, tail */
	const char *tail;
	const char *not_utf8;  /* code of the refusal of bytes that are no UTF-8 */
	const char *too_large; /* code of the refusal of too many bytes */
	size_t most;	       /* bytes that are read */
} ph_test_decoder;

/* Ends with a name of NULL. */
extern const ph_test_decoder ph_test_decoders[];
/* NULL: there is none. */
const ph_test_decoder *ph_test_decoder_named(const char *name);
/* Give back the descriptions that were made. */
void ph_test_decoders_forget(void);

#endif
