/*
 * How it works: what is published is written into a frame at once, and the frame is kept until all
 * its tickets have results; so a message is copied once and its memory is the caller's again. A
 * frame goes to the socket without a copy: both use the holder in whose room it is.
 *
 * Tickets count up from 1 and a ticket's place in the ring is its lowest bits, so a look-up is
 * arithmetic. Results come nearly in order; `first` moves over those that are answered.
 * After a loss a frame is sent again as it is, unless results for some of it have come: what lies
 * between those is then copied into frames of its own.
 */
#include "lib/client/inner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

/* A frame with more is not begun: it may hold one large message, or many small ones. */
#define FRAME_BYTES (1u << 20)
#define SPARE_BYTES (1u << 20) /* most that is kept for the frames to come */
#define ITEM_HEAD   6u	       /* u32 length, u16 length of the options */

/* Most bytes that are sent and have no result: what one publisher of large messages can make the
 * broker hold unread. A single message may always fly. */
#define FLIGHT_BYTES (16u << 20)

static ph_pending_item *
at(ph_pending *pending, uint64_t ticket)
{
	return &pending->ring[ticket & (pending->places - 1)];
}

ph_status
ph_pending_init(ph_pending *pending, size_t window, ph_error *err)
{
	size_t places = 1;
	while (places < window)
		places *= 2;
	*pending = (struct ph_pending){.places = places,
	    .window = window,
	    .first = 1,
	    .sent = 1,
	    .fresh = 1,
	    .next = 1};
	pending->ring = calloc(places, sizeof *pending->ring);
	if (pending->ring == NULL)
		return ph_fail(
		    err, PH_ERR_NOMEM, "no memory for a window of %zu", window);
	return PH_OK;
}

/* ---- frames ---- */

static void
free_frame(void *room)
{
	ph_batch *batch = room;
	ph_buffer_fini(&batch->frame);
}

/* An empty frame that was of use before, if there is one. */
static ph_batch *
take_spare(ph_pending *pending)
{
	ph_batch *batch = pending->spare;
	if (batch == NULL)
		return NULL;
	pending->spare = batch->next;
	pending->spared -= batch->frame.capacity;
	ph_buffer_clear(&batch->frame);
	return batch;
}

static ph_batch *
fresh_batch(void)
{
	void *room;
	ph_holder *holder = ph_holder_new(sizeof(ph_batch), free_frame, &room);
	if (holder == NULL)
		return NULL;
	ph_batch *batch = room;
	*batch = (ph_batch){.holder = holder};
	ph_buffer_init(&batch->frame, PH_FRAME_MAX);
	return batch;
}

static void
let_go(ph_batch *batch)
{
	ph_holder *holder = batch->holder;
	ph_holder_unref(&holder);
}

static ph_batch *
new_batch(ph_pending *pending, ph_frame_type type, uint64_t first, size_t bytes)
{
	ph_batch *batch = take_spare(pending);
	if (batch == NULL && (batch = fresh_batch()) == NULL)
		return NULL;
	if (!ph_buffer_reserve(&batch->frame, PH_FRAME_HEADER + bytes)) {
		let_go(batch);
		return NULL;
	}
	batch->first = first;
	batch->count = batch->waiting = 0;
	ph_frame_begin(&batch->frame, type, first);
	return batch;
}

/* Nothing in the frame is waited for. The socket may still be sending it. */
static void
drop_batch(ph_pending *pending, ph_batch *batch)
{
	size_t bytes = pending->spared + batch->frame.capacity;
	if (bytes > SPARE_BYTES || !ph_holder_alone(batch->holder)) {
		let_go(batch);
		return;
	}
	batch->next = pending->spare;
	pending->spare = batch;
	pending->spared = bytes;
}

/* One more ticket is in the frame. */
static void
count_in(ph_pending *pending, ph_batch *batch, size_t size)
{
	*at(pending, batch->first + batch->count) =
	    (ph_pending_item){.batch = batch, .size = (uint32_t) size};
	batch->count++;
	batch->waiting++;
}

/* One less waits. */
static void
count_out(ph_pending *pending, uint64_t ticket)
{
	ph_pending_item *item = at(pending, ticket);
	item->size = 0;
	if (--item->batch->waiting == 0)
		drop_batch(pending, item->batch);
}

/* The open frame is complete. What it did not need is given back. */
static void
close_open(ph_pending *pending)
{
	ph_buffer *frame = &pending->open->frame;
	ph_frame_count(frame, pending->open->count);
	pending->open = NULL;
	pending->usual = frame->length < pending->last ? frame->length : pending->last;
	pending->last = frame->length;
	if (frame->capacity / 2 > frame->length) {
		uint8_t *less = realloc(frame->data, frame->length);
		if (less != NULL) {
			frame->data = less;
			frame->capacity = frame->length;
		}
	}
}

void
ph_pending_fini(ph_pending *pending)
{
	if (pending->open != NULL)
		close_open(pending);
	for (uint64_t ticket = pending->first; ticket < pending->next; ticket++) {
		if (at(pending, ticket)->size > 0)
			count_out(pending, ticket);
	}
	ph_batch *batch;
	while ((batch = take_spare(pending)) != NULL)
		let_go(batch);
	free(pending->ring);
	pending->ring = NULL;
}

/* ---- publishing ---- */

/* A frame in which there is room; NULL without memory. */
static ph_batch *
open_for(ph_pending *pending, size_t size, size_t most)
{
	ph_batch *open = pending->open;
	if (open != NULL &&
	    (open->count >= most || open->frame.length + size > FRAME_BYTES)) {
		close_open(pending);
		open = NULL;
	}
	if (open == NULL) {
		size_t bytes =
		    most > 1 && pending->usual > size ? pending->usual : size;
		pending->open =
		    new_batch(pending, PH_FRAME_PUBLISH, pending->next, bytes);
		return pending->open;
	}
	if (ph_buffer_reserve(&open->frame, size))
		return open;
	open->frame.failed = false; /* what it holds is whole */
	return NULL;
}

static bool
add_message(ph_pending *pending, const ph_published *item, size_t most)
{
	size_t length = 0;
	const void *bytes = ph_message_bytes(item->message, &length);
	size_t size = ITEM_HEAD + item->options_length + length;
	ph_batch *batch = open_for(pending, size, most);
	if (batch == NULL)
		return false;
	ph_buffer *frame = &batch->frame;
	ph_buffer_u32(frame, (uint32_t) (size - 4));
	ph_buffer_u16(frame, (uint16_t) item->options_length);
	ph_buffer_append(frame, item->options, item->options_length);
	ph_buffer_append(frame, bytes, length);
	count_in(pending, batch, size);
	return true;
}

/* A cursor has a frame of its own. */
static bool
add_cursor(ph_pending *pending, const ph_published *item)
{
	PH_ASSERT(item->options_length > 0);
	if (pending->open != NULL)
		close_open(pending);
	ph_batch *batch =
	    new_batch(pending, PH_FRAME_CURSOR, pending->next, item->options_length);
	if (batch == NULL)
		return false;
	ph_buffer_append(&batch->frame, item->options, item->options_length);
	count_in(pending, batch, item->options_length);
	return true;
}

ph_status
ph_pending_add(ph_pending *pending, const ph_published *item, size_t most,
    uint64_t *ticket, ph_error *err)
{
	if (pending->next - pending->first >= pending->window)
		return ph_fail(err, PH_ERR_FULL,
		    "PH6401 %zu messages wait for their results: read events first",
		    pending->window);
	if (item->message != NULL ? !add_message(pending, item, most)
				  : !add_cursor(pending, item))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for what is published");
	if (ticket != NULL)
		*ticket = pending->next;
	pending->next++;
	pending->waiting++;
	return PH_OK;
}

/* ---- results ---- */

bool
ph_pending_answered(ph_pending *pending, uint64_t ticket)
{
	if (ticket < pending->first || ticket >= pending->fresh ||
	    at(pending, ticket)->size == 0)
		return false;
	if (ticket < pending->sent)
		pending->flying -= at(pending, ticket)->size;
	count_out(pending, ticket);
	pending->waiting--;
	while (pending->first < pending->next && at(pending, pending->first)->size == 0)
		pending->first++;
	if (pending->sent < pending->first)
		pending->sent = pending->first;
	return true;
}

void
ph_pending_rewind(ph_pending *pending)
{
	pending->sent = pending->first;
	pending->flying = 0;
}

/* ---- sending ---- */

/* Where in its frame the item of a ticket begins. */
static size_t
offset_of(const ph_batch *batch, uint64_t ticket)
{
	size_t offset = PH_FRAME_HEADER;
	for (uint64_t t = batch->first; t < ticket; t++)
		offset += 4 + (size_t) ph_get_number(batch->frame.data + offset, 4);
	return offset;
}

/* Tickets of one frame follow on from its first: `count` of them, of `size` bytes, out of an old
 * frame into a new one. */
static ph_batch *
cut(ph_pending *pending, uint64_t ticket, uint32_t count, size_t size)
{
	ph_batch *old = at(pending, ticket)->batch;
	ph_batch *batch = new_batch(pending, PH_FRAME_PUBLISH, ticket, size);
	if (batch == NULL)
		return NULL;
	ph_buffer_append(&batch->frame, old->frame.data + offset_of(old, ticket), size);
	ph_frame_count(&batch->frame, count);
	for (uint32_t i = 0; i < count; i++)
		count_in(pending, batch, at(pending, ticket + i)->size);
	old->waiting -= count;
	if (old->waiting == 0)
		drop_batch(pending, old);
	return batch;
}

ph_batch *
ph_pending_frame(ph_pending *pending)
{
	uint64_t ticket = pending->sent;
	while (ticket < pending->next && at(pending, ticket)->size == 0)
		ticket++;
	if (ticket >= pending->next)
		return NULL;
	ph_batch *batch = at(pending, ticket)->batch;
	bool whole = batch->first == ticket && batch->waiting == batch->count;
	uint32_t count = 0;
	size_t size = whole ? batch->frame.length - PH_FRAME_HEADER : 0;
	for (uint64_t t = ticket;
	     !whole && t < batch->first + batch->count && at(pending, t)->size > 0;
	     t++, count++)
		size += at(pending, t)->size;
	if (pending->flying > 0 && pending->flying + size > FLIGHT_BYTES)
		return NULL;
	if (batch == pending->open)
		close_open(pending);
	return whole ? batch : cut(pending, ticket, count, size);
}

void
ph_pending_sent(ph_pending *pending, const ph_batch *batch)
{
	pending->flying += batch->frame.length - PH_FRAME_HEADER;
	pending->sent = batch->first + batch->count;
	if (pending->fresh < pending->sent)
		pending->fresh = pending->sent;
}
