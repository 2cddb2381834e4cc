/*
 * pieces - the window over the file, and what is made of the records that a scanner finds.
 *
 * A scanner reads on from where it was and says where the next record begins. If the piece
 * in hand is large enough it ends there. Only what is of no use any more leaves the window,
 * when more is read.
 */
#include "lib/codec/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/pieces_inner.h"
#include "lib/document/place.h"

#define READ_SIZE ((size_t) 64 << 10)

static ph_cut (*const scanners[])(ph_pieces *p) = {
    [PH_PIECES_ROWS] = ph_pieces_scan_rows,
    [PH_PIECES_XML] = ph_pieces_scan_xml,
    [PH_PIECES_JSON] = ph_pieces_scan_json,
};

ph_status
ph_pieces_new(const ph_pieces_plan *plan, ph_pieces_read *read, void *self,
    const char *name, ph_pieces **out, ph_error *err)
{
	PH_ASSERT(plan->depth <= PH_PIECES_DEPTH);
	PH_ASSERT((plan->format == PH_PIECES_ROWS) == (plan->records != NULL));
	ph_pieces *p = calloc(1, sizeof *p);
	if (p == NULL || (p->name = strdup(name)) == NULL) {
		free(p);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	p->plan = *plan;
	if (plan->depth > 0)
		memcpy(p->way, plan->way, plan->depth * sizeof *p->way);
	p->plan.way = p->way;
	if (p->plan.target == 0)
		p->plan.target = PH_PIECE_TARGET;
	if (p->plan.longest == 0)
		p->plan.longest = PH_PIECE_LONGEST;
	p->read = read;
	p->self = self;
	p->line = p->column = 1;
	p->scan = scanners[plan->format];
	char separator = plan->records == NULL ? ',' : plan->records->separator;
	ph_delimited_init(&p->field, "", 0, separator);
	*out = p;
	return PH_OK;
}

void
ph_pieces_destroy(ph_pieces **pieces_p)
{
	ph_pieces *p = *pieces_p;
	if (p == NULL)
		return;
	for (size_t i = 0; i < sizeof p->levels / sizeof *p->levels; i++)
		ph_buffer_fini(&p->levels[i].head);
	ph_buffer_fini(&p->window);
	ph_buffer_fini(&p->head);
	ph_buffer_fini(&p->piece);
	ph_buffer_fini(&p->names);
	ph_buffer_fini(&p->key);
	ph_buffer_fini(&p->other);
	ph_delimited_fini(&p->field);
	free(p->name);
	free(p);
	*pieces_p = NULL;
}

size_t
ph_pieces_memory(const ph_pieces *p)
{
	return p->memory;
}

/* ---- making pieces ---- */

/* After a comma nothing may end. */
static void
blank_comma(ph_buffer *piece)
{
	for (size_t i = piece->length; i > 0; i--) {
		if (strchr(" \t\r\n", (char) piece->data[i - 1]) != NULL &&
		    piece->data[i - 1] != 0)
			continue;
		if (piece->data[i - 1] == ',')
			piece->data[i - 1] = ' ';
		return;
	}
}

static void
close_levels(ph_pieces *p)
{
	if (p->plan.format == PH_PIECES_XML)
		ph_pieces_close_xml(p, &p->piece);
	if (p->plan.format != PH_PIECES_JSON)
		return;
	blank_comma(&p->piece);
	ph_pieces_close_json(p, &p->piece);
}

/* What the next piece begins with. Rows: it stays. */
static void
next_head(ph_pieces *p)
{
	if (p->plan.format == PH_PIECES_ROWS)
		return;
	ph_buffer_clear(&p->head);
	for (size_t i = 0; i < p->depth; i++)
		ph_buffer_append(
		    &p->head, p->levels[i].head.data, p->levels[i].head.length);
}

static void
note_memory(ph_pieces *p)
{
	size_t held = p->window.capacity + p->head.capacity + p->piece.capacity;
	for (size_t i = 0; i < p->depth; i++)
		held += p->levels[i].head.capacity;
	if (held > p->memory)
		p->memory = held;
}

/* The piece in hand ends at `end`. */
static ph_status
emit(ph_pieces *p, size_t end, ph_piece *out, ph_error *err)
{
	ph_place place;
	uint32_t line = 0, column = 0;
	bool last = p->finished;
	ph_buffer_clear(&p->piece);
	*out = (ph_piece){.first = !p->begun,
	    .last = last,
	    .head = p->begun ? p->head.length : 0,
	    .line = p->line,
	    .column = p->column};
	if (p->begun)
		ph_buffer_append(&p->piece, p->head.data, p->head.length);
	if (end > p->start)
		ph_buffer_append(
		    &p->piece, ph_pieces_bytes(p, p->start), end - p->start);
	ph_pieces_place(p, end, &line, &column);
	p->line = line;
	p->column = column;
	p->start = end;
	if (!last)
		close_levels(p);
	next_head(p);
	note_memory(p);
	if (ph_buffer_cstr(&p->piece) == NULL || p->head.failed)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	p->begun = true;
	out->bytes = (const char *) p->piece.data;
	out->length = p->piece.length;
	ph_place_init(&place, out->bytes, out->length);
	ph_place_at(&place, out->head, &out->head_line, &out->head_column);
	return PH_OK;
}

/* ---- reading ---- */

static ph_status
read_more(ph_pieces *p, ph_error *err)
{
	size_t got = 0, used = p->start - p->base;
	if (used > 0 && used >= p->window.length / 2) {
		p->window.length -= used;
		memmove(p->window.data, p->window.data + used, p->window.length);
		p->base = p->start;
	}
	if (!ph_buffer_reserve(&p->window, READ_SIZE))
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	ph_status status =
	    p->read(p->self, p->window.data + p->window.length, READ_SIZE, &got, err);
	if (status != PH_OK)
		return status;
	PH_ASSERT(got <= READ_SIZE);
	p->window.length += got;
	p->ended = got == 0;
	return PH_OK;
}

/* Is what is there of the record in hand too much, up to `end`? Of a row that has not come to its
 * end nobody knows whether it is part of that. */
static bool
too_long(ph_pieces *p, size_t end)
{
	size_t from = p->record;
	if (p->at - from <= p->plan.longest)
		from = p->at;
	if (end - from <= p->plan.longest && p->at - p->record <= p->plan.longest &&
	    p->head.length <= p->plan.longest)
		return false;
	(void) ph_pieces_refuse(p, PH_ERR_TOO_LARGE, from,
	    "PH3130 a record, with what stands around it, of more than %zu bytes: is "
	    "this the right description, and is every quote closed?",
	    p->plan.longest);
	return true;
}

/* Does the record that begins at `at` begin a piece? Behind a long head it is as long as that, so
 * that not much more is read than there is. */
static bool
begins_piece(ph_pieces *p)
{
	size_t least = p->head.length > PH_PIECE_TARGET ? p->head.length : 0;
	least = least > p->plan.target ? least : p->plan.target;
	bool begins = p->count > 0 && p->at - p->start >= least;
	p->record = p->at;
	p->count = begins ? 1 : p->count + 1;
	return begins;
}

static ph_status
make_piece(ph_pieces *p, ph_piece *out, ph_error *err)
{
	for (;;) {
		ph_cut cut = p->window.length == 0 ? PH_CUT_MORE : p->scan(p);
		size_t so_far = cut == PH_CUT_BEFORE ? p->at : ph_pieces_end(p);
		if (cut == PH_CUT_REFUSED || too_long(p, so_far))
			return err->status;
		if (cut == PH_CUT_BEFORE) {
			if (begins_piece(p))
				return emit(p, p->at, out, err);
			continue;
		}
		if (p->ended) {
			p->finished = true;
			return emit(p, ph_pieces_end(p), out, err);
		}
		ph_status status = read_more(p, err);
		if (status != PH_OK)
			return status;
	}
}

ph_status
ph_pieces_next(ph_pieces *p, ph_piece *out, ph_error *err)
{
	ph_error local;
	err = err == NULL ? &local : err;
	if (p->finished)
		return PH_ERR_NOT_FOUND;
	p->err = err;
	ph_status status = make_piece(p, out, err);
	p->err = NULL;
	if (status != PH_OK)
		p->finished = true;
	return status;
}
