/*
 * place - line and column of a position in a text.
 *
 * Asked for positions in growing order it reads each byte once; going back costs the
 * way back. Lines end with LF; a column counts bytes from 1.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_PLACE_H
#define PH_PLACE_H

#include <stddef.h>
#include <stdint.h>

typedef struct ph_place {
	const char *text;  /* the whole source, borrowed */
	size_t length;	   /* its bytes */
	size_t at;	   /* asked for last */
	size_t line_start; /* where its line begins */
	uint32_t line;	   /* from 1 */
} ph_place;

void ph_place_init(ph_place *place, const char *text, size_t length);
/* Line and column of the byte at `offset` (one past the end is allowed). */
void ph_place_at(ph_place *place, size_t offset, uint32_t *line, uint32_t *column);

#endif
