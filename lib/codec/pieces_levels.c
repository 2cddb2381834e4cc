/*
 * pieces_levels - the elements or containers on the way to the records that are open.
 */
#include "lib/base/assert.h"
#include "lib/codec/pieces_inner.h"

ph_pieces_level *
ph_pieces_push(ph_pieces *p, size_t start)
{
	if (p->depth == sizeof p->levels / sizeof *p->levels) {
		ph_pieces_refuse(p, PH_ERR_TOO_LARGE, start,
		    "PH3132 the way to the records is nested too deep");
		return NULL;
	}
	ph_pieces_level *level = &p->levels[p->depth++];
	ph_buffer head = level->head;
	ph_buffer_clear(&head);
	/* what stands before the root belongs to it; a second one is refused when it is read */
	*level = (ph_pieces_level){.head = head, .start = p->rooted ? start : 0};
	p->rooted = true;
	return level;
}

void
ph_pieces_pop(ph_pieces *p)
{
	PH_ASSERT(p->depth > 0);
	p->depth--;
}

bool
ph_pieces_child(ph_pieces *p, size_t at)
{
	ph_pieces_level *level = &p->levels[p->depth - 1];
	if (level->has_child)
		return true;
	level->has_child = true;
	ph_buffer_append(
	    &level->head, ph_pieces_bytes(p, level->start), at - level->start);
	return !level->head.failed;
}
