/*
 * place - a cursor that counts the line ends it passes, forwards and backwards.
 */
#include "lib/document/place.h"

#include <string.h>

void
ph_place_init(ph_place *place, const char *text, size_t length)
{
	*place = (ph_place){.text = text, .length = length, .line = 1};
}

static void
forward(ph_place *place, size_t offset)
{
	const char *at = place->text + place->at;
	const char *end = place->text + offset;
	while (at < end && (at = memchr(at, '\n', (size_t) (end - at))) != NULL) {
		at++;
		place->line++;
		place->line_start = (size_t) (at - place->text);
	}
}

static void
backward(ph_place *place, size_t offset)
{
	while (place->line_start > offset) {
		size_t at = place->line_start - 1; /* the LF before this line */
		while (at > 0 && place->text[at - 1] != '\n')
			at--;
		place->line_start = at;
		place->line--;
	}
}

void
ph_place_at(ph_place *place, size_t offset, uint32_t *line, uint32_t *column)
{
	if (offset > place->length)
		offset = place->length;
	if (offset > place->at)
		forward(place, offset);
	else
		backward(place, offset);
	place->at = offset;
	*line = place->line;
	*column = (uint32_t) (offset - place->line_start + 1);
}
