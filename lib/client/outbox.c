/*
 * How it works: outcomes stand in a growing ring in the order they were given; the broker confirms
 * them nearly in that order, so a confirmation is found near the ring's first place. A plain outcome
 * (most are) costs no memory beyond its place.
 */
#include "lib/client/inner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define FIRST_CAPACITY	256 /* a power of two, as all that follow it */
#define ITEMS_PER_FRAME 1024
#define FRAME_BYTES	(1u << 20)

static ph_outbox_item *
at(const ph_outbox *outbox, uint64_t position)
{
	return &outbox->ring[position & (outbox->capacity - 1)];
}

void
ph_outbox_fini(ph_outbox *outbox)
{
	for (uint64_t i = outbox->first; i < outbox->next; i++)
		free(at(outbox, i)->item);
	free(outbox->ring);
	*outbox = (struct ph_outbox){0};
}

static bool
grow(ph_outbox *outbox)
{
	size_t capacity = outbox->capacity == 0 ? FIRST_CAPACITY : outbox->capacity * 2;
	ph_outbox_item *ring = calloc(capacity, sizeof *ring);
	if (ring == NULL)
		return false;
	for (uint64_t i = outbox->first; i < outbox->next; i++)
		ring[i & (capacity - 1)] = *at(outbox, i);
	free(outbox->ring);
	outbox->ring = ring;
	outbox->capacity = capacity;
	return true;
}

/* An outcome with more to say than what it is, as it will stand in its frame. */
static ph_status
encode(ph_outbox_item *place, const ph_settle_view *item, const void *bindings,
    size_t bindings_length, ph_error *err)
{
	ph_buffer encoded;
	ph_buffer_init(&encoded, UINT16_MAX + 2u);
	ph_settle_write(&encoded, item, bindings, bindings_length);
	if (encoded.failed) {
		ph_buffer_fini(&encoded);
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6402 an outcome with over 64 KiB of text");
	}
	place->item = encoded.data;
	place->length = (uint32_t) encoded.length;
	return PH_OK;
}

ph_status
ph_outbox_add(ph_outbox *outbox, const ph_settle_view *item, const void *bindings,
    size_t bindings_length, ph_error *err)
{
	if (outbox->next - outbox->first == outbox->capacity && !grow(outbox))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for an outcome");
	ph_outbox_item *place = at(outbox, outbox->next);
	*place = (ph_outbox_item){.delivery = item->delivery, .plain = item->outcome};
	if (!ph_settle_plain(item, bindings_length)) {
		ph_status status = encode(place, item, bindings, bindings_length, err);
		if (status != PH_OK)
			return status;
	}
	outbox->next++;
	outbox->waiting++;
	return PH_OK;
}

bool
ph_outbox_confirmed(ph_outbox *outbox, uint64_t delivery)
{
	for (uint64_t i = outbox->first; i < outbox->sent; i++) {
		ph_outbox_item *place = at(outbox, i);
		if (place->delivery != delivery)
			continue;
		free(place->item);
		*place = (ph_outbox_item){0};
		outbox->waiting--;
		while (outbox->first < outbox->sent &&
		       at(outbox, outbox->first)->delivery == 0)
			outbox->first++;
		return true;
	}
	return false;
}

void
ph_outbox_rewind(ph_outbox *outbox)
{
	outbox->sent = outbox->first;
}

static void
write_item(ph_buffer *frame, const ph_outbox_item *place)
{
	if (place->item != NULL) {
		ph_buffer_append(frame, place->item, place->length);
		return;
	}
	ph_settle_write_plain(frame, place->delivery, place->plain);
}

bool
ph_outbox_frame(ph_outbox *outbox, ph_buffer *frame, uint64_t *after)
{
	uint64_t i = outbox->sent;
	uint32_t count = 0;
	uint64_t left = outbox->next - i;
	/* room for plain ones; a failure shows at the first write */
	(void) ph_buffer_reserve(
	    frame, PH_FRAME_HEADER +
		       11 * (size_t) (left < ITEMS_PER_FRAME ? left : ITEMS_PER_FRAME));
	for (;
	     i < outbox->next && count < ITEMS_PER_FRAME && frame->length < FRAME_BYTES;
	     i++) {
		if (at(outbox, i)->delivery == 0)
			continue;
		if (count++ == 0)
			ph_frame_begin(frame, PH_FRAME_SETTLE, 0);
		write_item(frame, at(outbox, i));
	}
	*after = i;
	if (count == 0)
		return false;
	ph_frame_count(frame, count);
	return true;
}
