/*
 * delimited - one field after another of comma-separated values (RFC 4180).
 *
 * Fields end at the separator or at the line's end (LF or CRLF). A quoted field may hold
 * both, and a quote written twice. What a fault means in words is for the caller to say.
 *
 * Thread: owner. Errors: ph_delimited_fault; memory: field.failed.
 */
#ifndef PH_BASE_DELIMITED_H
#define PH_BASE_DELIMITED_H

#include "lib/base/buffer.h"

typedef enum ph_delimited_fault {
	PH_DELIMITED_GOOD,
	PH_DELIMITED_OPEN,  /* a quote that is never closed */
	PH_DELIMITED_AFTER, /* text after the closing quote */
	PH_DELIMITED_QUOTE, /* a quote inside a field that is not quoted */
	PH_DELIMITED_RETURN /* a carriage return without a line feed */
} ph_delimited_fault;

typedef struct ph_delimited {
	const char *bytes; /* the whole input, borrowed */
	size_t length;	   /* its bytes */
	size_t at;	   /* next byte; after a fault, where it is */
	char separator;
	bool quoted;	 /* the field was quoted */
	ph_buffer field; /* what it says */
} ph_delimited;

void ph_delimited_init(
    ph_delimited *input, const char *bytes, size_t length, char separator);
void ph_delimited_fini(ph_delimited *input);
/* One field; `at` is then its separator, its line's end or the input's. */
ph_delimited_fault ph_delimited_read(ph_delimited *input);
/* What the field says; "" if nothing. Its bytes are field.length; no zero follows. */
const char *ph_delimited_text(const ph_delimited *input);
/* Is the byte at the cursor the separator? Passes it. */
bool ph_delimited_more(ph_delimited *input);
bool ph_delimited_at_end(const ph_delimited *input);
/* Pass the line's end. */
void ph_delimited_skip_end(ph_delimited *input);
/* Pass spaces and tabs if nothing else is in the line; false: the cursor stays. */
bool ph_delimited_skip_blank(ph_delimited *input);

#endif
