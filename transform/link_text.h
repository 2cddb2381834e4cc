/*
 * link_text - a link as it is written, cut into its parts, for tools that show or compare links.
 *
 * Nothing is checked: what cannot be read as a link is one left side. Parts are borrowed from the
 * text, without the white space around them; quotes and parentheses are kept together.
 *
 * Thread: pure.
 */
#ifndef PH_LINK_TEXT_H
#define PH_LINK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define PH_LINK_TERMS_MAX 16

typedef struct ph_part {
	const char *text;
	size_t length;
} ph_part;

typedef struct ph_link_text {
	ph_part canonical, arrow, vendor;
	size_t count;
	ph_part terms[PH_LINK_TERMS_MAX]; /* conversions and when(...) */
} ph_link_text;

void ph_link_split(const char *text, ph_link_text *out);
/* The term that begins at `text`, up to a '|' or the end. */
ph_part ph_link_term(const char *text);
/* Its name: what stands before '(' . */
ph_part ph_term_name(ph_part term);
/* The same but for white space outside quotes? */
bool ph_part_same(ph_part a, ph_part b);

#endif
