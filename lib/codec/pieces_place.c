/*
 * pieces_place - where things stand in the file and in its pieces, and refusals that say so.
 *
 * The cutter knows line and column of where the piece in hand begins, and counts on from there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/pieces_inner.h"
#include "lib/document/place.h"

void
ph_pieces_place(const ph_pieces *p, size_t offset, uint32_t *line, uint32_t *column)
{
	ph_place place;
	uint32_t down = 0, along = 0;
	size_t length = ph_pieces_end(p) - p->start;
	ph_place_init(&place, length == 0 ? "" : ph_pieces_bytes(p, p->start), length);
	ph_place_at(&place, offset - p->start, &down, &along);
	*column = down == 1 ? p->column + along - 1 : along;
	*line = p->line + down - 1;
}

ph_cut
ph_pieces_refuse(ph_pieces *p, ph_status status, size_t offset, const char *format, ...)
{
	char where[PH_ERROR_WHERE], text[PH_ERROR_TEXT];
	uint32_t line = 0, column = 0;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	ph_pieces_place(p, offset < p->start ? p->start : offset, &line, &column);
	snprintf(where, sizeof where, "%s:%" PRIu32 ":%" PRIu32, p->name, line, column);
	ph_fail_at(p->err, status, where, "%s", text);
	return PH_CUT_REFUSED;
}

ph_cut
ph_pieces_no_memory(ph_pieces *p)
{
	ph_fail(p->err, PH_ERR_NOMEM, "out of memory");
	return PH_CUT_REFUSED;
}

void
ph_piece_place(const ph_piece *piece, uint32_t *line, uint32_t *column)
{
	if (*line < piece->head_line ||
	    (*line == piece->head_line && *column < piece->head_column))
		return; /* in what is repeated, which begins as the file does */
	if (*line == piece->head_line)
		*column = *column - piece->head_column + piece->column;
	*line = *line - piece->head_line + piece->line;
}

void
ph_piece_where(const ph_piece *piece, char where[PH_ERROR_WHERE])
{
	char *last = strrchr(where, ':'), *first = NULL;
	if (last == NULL)
		return;
	for (first = last; first > where && first[-1] != ':'; first--)
		;
	char *end = NULL;
	uint32_t line = (uint32_t) strtoul(first, &end, 10);
	uint32_t column = (uint32_t) strtoul(last + 1, NULL, 10);
	if (first == where || end != last || line == 0 || column == 0)
		return;
	ph_piece_place(piece, &line, &column);
	snprintf(first, PH_ERROR_WHERE - (size_t) (first - where),
	    "%" PRIu32 ":%" PRIu32, line, column);
}
