/*
 * How it works: tickets count up from 1 and a ticket's place in the ring is ticket modulo the
 * window, so a look-up is arithmetic. Results come nearly in order; `first` moves over those that
 * are answered.
 */
#include "lib/client/inner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define FRAME_BYTES (PH_FRAME_MAX - 4096)

/* Most bytes that are sent and have no result: what one publisher of large messages can make the
 * broker hold unread. A single message may always fly. */
#define FLIGHT_BYTES (16u << 20)

static ph_pending_item *
at(ph_pending *pending, uint64_t ticket)
{
	return &pending->ring[ticket % pending->capacity];
}

ph_status
ph_pending_init(ph_pending *pending, size_t window, ph_error *err)
{
	*pending =
	    (struct ph_pending){.capacity = window, .first = 1, .sent = 1, .next = 1};
	pending->ring = calloc(window, sizeof *pending->ring);
	if (pending->ring == NULL)
		return ph_fail(
		    err, PH_ERR_NOMEM, "no memory for a window of %zu", window);
	return PH_OK;
}

static size_t
item_size(const ph_pending_item *item)
{
	size_t length = 0;
	if (item->message != NULL)
		(void) ph_message_bytes(item->message, &length);
	return length + item->options_length + 6;
}

static void
drop(ph_pending_item *item)
{
	ph_message_unref(&item->message);
	free(item->options);
	*item = (ph_pending_item){.answered = true};
}

void
ph_pending_fini(ph_pending *pending)
{
	for (uint64_t ticket = pending->first; ticket < pending->next; ticket++)
		drop(at(pending, ticket));
	free(pending->ring);
	pending->ring = NULL;
}

ph_status
ph_pending_add(
    ph_pending *pending, ph_pending_item item, uint64_t *ticket, ph_error *err)
{
	if (pending->next - pending->first >= pending->capacity)
		return ph_fail(err, PH_ERR_FULL,
		    "PH6401 %zu messages wait for their results: read events first",
		    pending->capacity);
	*at(pending, pending->next) = item;
	if (ticket != NULL)
		*ticket = pending->next;
	pending->next++;
	pending->waiting++;
	return PH_OK;
}

bool
ph_pending_answered(ph_pending *pending, uint64_t ticket)
{
	if (ticket < pending->first || ticket >= pending->next ||
	    at(pending, ticket)->answered)
		return false;
	if (ticket < pending->sent)
		pending->flying -= item_size(at(pending, ticket));
	drop(at(pending, ticket));
	pending->waiting--;
	while (pending->first < pending->next && at(pending, pending->first)->answered)
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

void
ph_pending_sent(ph_pending *pending, uint64_t after)
{
	for (; pending->sent < after; pending->sent++)
		if (!at(pending, pending->sent)->answered)
			pending->flying += item_size(at(pending, pending->sent));
}

/* May the item go out now, behind `before` bytes of the same frame? */
static bool
may_fly(const ph_pending *pending, const ph_pending_item *item, size_t before)
{
	size_t flying = pending->flying + before;
	return flying == 0 || flying + item_size(item) <= FLIGHT_BYTES;
}

static void
write_item(ph_buffer *frame, const ph_pending_item *item)
{
	size_t length = 0;
	const void *bytes = ph_message_bytes(item->message, &length);
	ph_buffer_u32(frame, (uint32_t) (2 + item->options_length + length));
	ph_buffer_u16(frame, (uint16_t) item->options_length);
	ph_buffer_append(frame, item->options, item->options_length);
	ph_buffer_append(frame, bytes, length);
}

static void
write_cursor(ph_pending *pending, uint64_t ticket, ph_buffer *frame)
{
	const ph_pending_item *item = at(pending, ticket);
	ph_frame_begin(frame, PH_FRAME_CURSOR, ticket);
	ph_buffer_append(frame, item->options, item->options_length);
}

/* Tickets of one frame follow on from its first, so an answered one in between ends the frame. */
bool
ph_pending_frame(ph_pending *pending, size_t batch, ph_buffer *frame, uint64_t *after)
{
	uint64_t ticket = pending->sent;
	while (ticket < pending->next && at(pending, ticket)->answered)
		ticket++;
	if (ticket >= pending->next)
		return false;
	if (at(pending, ticket)->cursor) {
		write_cursor(pending, ticket, frame);
		*after = ticket + 1;
		return true;
	}
	size_t size = 0;
	uint64_t end = ticket;
	while (end < pending->next && end - ticket < batch) {
		const ph_pending_item *item = at(pending, end);
		size_t more = item_size(item);
		if (item->answered || item->cursor || !may_fly(pending, item, size) ||
		    (end > ticket && size + more > FRAME_BYTES - PH_FRAME_HEADER))
			break;
		size += more;
		end++;
	}
	if (end == ticket)
		return false;
	/* The whole at once; a failure shows at the first write. */
	(void) ph_buffer_reserve(frame, PH_FRAME_HEADER + size);
	ph_frame_begin(frame, PH_FRAME_PUBLISH, ticket);
	for (uint64_t i = ticket; i < end; i++)
		write_item(frame, at(pending, i));
	ph_frame_count(frame, (uint32_t) (end - ticket));
	*after = end;
	return true;
}
