/*
 * How it works: entries are written in the order of their numbers, items queue by queue in the
 * order in which each queue would hand them out. A queue's order is: in flight (by number), ready,
 * waiting, unknown, dead; behind each that is the head of a key come those that stand behind it. So
 * putting them back in the order of the file gives every key its chain and every list its order.
 */
#include "broker/checkpoint_state.h"

#include <stdlib.h>
#include <string.h>

#include "broker/carry.h"
#include "broker/cursor.h"
#include "broker/progress.h"
#include "broker/refill.h"
#include "lib/base/assert.h"
#include "lib/base/crc32c.h"

#define ENTRY_BYTES 40 /* about: of an entry and of an item, to reserve room at once */
#define ITEM_BYTES  16

/* ---- saving ---- */

static ph_status
save_place(
    ph_broker *broker, ph_buffer *image, ph_checkpoint_place *place, ph_error *err)
{
	ph_store_record record;
	PH_ASSERT(!broker->dirty && !broker->away && broker->last_position.offset > 0);
	ph_status status =
	    ph_store_read(broker->store, broker->last_position, &record, err);
	if (status != PH_OK)
		return status;
	*place = (ph_checkpoint_place){.position = record.position,
	    .sequence = record.sequence,
	    .length = (uint32_t) record.length,
	    .crc = ph_crc32c(0, record.body, record.length)};
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_PLACE, false);
	ph_buffer_u32(image, place->position.partition);
	ph_buffer_u64(image, place->position.offset);
	ph_buffer_u64(image, place->sequence);
	ph_buffer_u32(image, place->length);
	ph_buffer_u32(image, place->crc);
	ph_buffer_u64(image, broker->last_acceptance);
	ph_buffer_u64(image, broker->counts.messages);
	ph_checkpoint_section_end(image, at);
	return PH_OK;
}

static void
save_queue(const ph_destination *to, ph_buffer *image)
{
	const ph_books *books = ph_queue_books(to->queue);
	ph_buffer_u16(image, ph_queue_number(to->queue));
	ph_buffer_string(image, ph_queue_name(to->queue));
#define X(field) ph_buffer_u64(image, books->field);
	PH_BOOKS_IN(X)
	PH_BOOKS_OUT(X)
#undef X
	ph_buffer_string(image, to->last_error);
}

static void
save_queues(ph_broker *broker, ph_buffer *image)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_QUEUES, false);
	unsigned cursor = 0;
	const ph_destination *to;
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL)
		save_queue(to, image);
	ph_checkpoint_section_end(image, at);
}

static void
save_entry(const ph_entry *entry, ph_buffer *image)
{
	ph_buffer_u64(image, entry->number);
	ph_buffer_u64(image, entry->offset);
	ph_buffer_u64(image, entry->key);
	ph_buffer_u64(image, (uint64_t) entry->accepted_ms);
	ph_buffer_u8(image, entry->live);
	for (unsigned i = 0; i < entry->count; i++) {
		if (entry->items[i].state != PH_DELIVERY_GONE)
			ph_buffer_u16(image, entry->items[i].queue);
	}
}

static void
save_entries(ph_broker *broker, ph_buffer *image)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_ENTRIES, false);
	for (const ph_entry *entry = ph_backlog_next(broker->backlog, 0); entry != NULL;
	     entry = ph_backlog_next(broker->backlog, entry->number)) {
		for (const ph_entry *one = entry; one != NULL; one = one->also)
			save_entry(one, image);
	}
	ph_checkpoint_section_end(image, at);
}

static void
save_adapters(const ph_broker *broker, ph_buffer *image)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_ADAPTERS, false);
	for (size_t i = 0; i < broker->site->adapter_count; i++)
		ph_buffer_string(image, broker->site->adapters[i].name);
	ph_checkpoint_section_end(image, at);
}

/* Items of one queue on their way into the image. */
typedef struct saving {
	ph_buffer *image;
	uint64_t count;
	int64_t to_wall_ms; /* wall time less monotonic time */
} saving;

static uint8_t
stored_state(const ph_item *item)
{
	switch ((ph_delivery_state) item->state) {
	case PH_DELIVERY_READY:
	case PH_DELIVERY_IN_FLIGHT:
		return PH_CHECKPOINT_READY;
	case PH_DELIVERY_WAITING:
		return PH_CHECKPOINT_WAITING;
	case PH_DELIVERY_UNKNOWN:
		return PH_CHECKPOINT_UNKNOWN;
	case PH_DELIVERY_DEAD:
		return PH_CHECKPOINT_DEAD;
	case PH_DELIVERY_NONE:
	case PH_DELIVERY_GONE:
	case PH_DELIVERY_STATES:
		break;
	}
	PH_UNREACHABLE("an item that is nowhere");
}

static void
save_letter(const ph_letter *letter, ph_buffer *image)
{
	ph_buffer_u64(image, (uint64_t) letter->dead_ms);
	ph_buffer_u64(image, letter->offset);
	ph_buffer_u8(image, letter->record);
	ph_buffer_string(image, letter->stage);
	ph_buffer_string(image, letter->reason);
}

static void
save_item(saving *to, ph_item *item)
{
	ph_buffer_u64(to->image, ph_item_entry(item)->number);
	ph_buffer_u8(to->image, stored_state(item));
	ph_buffer_u8(to->image, item->flags & PH_CHECKPOINT_FLAGS);
	ph_buffer_u16(to->image, item->attempts);
	ph_buffer_u8(to->image, item->only);
	if (item->state == PH_DELIVERY_WAITING)
		ph_buffer_u64(to->image, (uint64_t) (item->as.due_ms + to->to_wall_ms));
	if (item->state == PH_DELIVERY_DEAD)
		save_letter(item->as.letter, to->image);
	to->count++;
}

/* The head of a key, or one without a key, and those behind it. */
static void
save_chain(saving *to, ph_item *head)
{
	save_item(to, head);
	for (ph_item *item = head->key_next; item != NULL; item = item->key_next)
		save_item(to, item);
}

static int
by_number(const void *a, const void *b)
{
	uint64_t left = ph_item_entry(*(ph_item *const *) a)->number;
	uint64_t right = ph_item_entry(*(ph_item *const *) b)->number;
	return (left > right) - (left < right);
}

static size_t
gather(const ph_holding *holder, ph_item **out)
{
	size_t count = 0;
	for (ph_item *item = holder->first; item != NULL; item = item->next)
		out[count++] = item;
	return count;
}

/* Those that are with somebody: in front, as they were before they were handed out. */
static ph_status
save_in_flight(saving *to, const ph_destination *from, ph_error *err)
{
	size_t count = (size_t) ph_queue_count(from->queue)->in_flight;
	const ph_subscription *at = from->first;
	if (count == 0)
		return PH_OK;
	ph_item **items = malloc(count * sizeof *items);
	if (items == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a checkpoint");
	size_t have = gather(&from->away, items);
	if (at != NULL) {
		do {
			have += gather(&at->holder, items + have);
			at = at->next;
		} while (at != from->first);
	}
	PH_ASSERT(have == count);
	qsort(items, count, sizeof *items, by_number);
	for (size_t i = 0; i < count; i++)
		save_chain(to, items[i]);
	free(items);
	return PH_OK;
}

static ph_status
save_items_of(saving *to, const ph_destination *from, ph_error *err)
{
	ph_item *item;
	size_t at = to->image->length;
	ph_buffer_u16(to->image, ph_queue_number(from->queue));
	ph_buffer_u32(to->image, 0);
	to->count = 0;
	ph_status status = save_in_flight(to, from, err);
	if (status != PH_OK)
		return status;
	for (item = ph_queue_first(from->queue); item != NULL; item = item->next)
		save_chain(to, item);
	for (size_t i = 0; (item = ph_queue_waiting(from->queue, i)) != NULL; i++)
		save_chain(to, item);
	for (item = ph_queue_unknown(from->queue); item != NULL; item = item->next)
		save_chain(to, item);
	for (item = ph_queue_dead(from->queue); item != NULL; item = item->next)
		save_item(to, item);
	PH_ASSERT(
	    to->count + ph_queue_count(from->queue)->shelved ==
		ph_queue_pending(from->queue) + ph_queue_count(from->queue)->dead &&
	    to->count <= UINT32_MAX);
	if (!to->image->failed)
		ph_buffer_set_u32(to->image, at + 2, (uint32_t) to->count);
	return PH_OK;
}

static ph_status
save_items(ph_broker *broker, ph_buffer *image, ph_error *err)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_ITEMS, false);
	unsigned cursor = 0;
	const ph_destination *from;
	ph_status status = PH_OK;
	saving to = {.image = image,
	    .to_wall_ms = ph_broker_now(broker) - ph_clock_mono(broker->clock)};
	while (status == PH_OK &&
	       (from = ph_destinations_next(broker->destinations, &cursor)) != NULL)
		status = save_items_of(&to, from, err);
	ph_checkpoint_section_end(image, at);
	return status;
}

static void
save_bytes(ph_buffer *image, const void *bytes, size_t length)
{
	PH_ASSERT(length <= UINT32_MAX);
	ph_buffer_u32(image, (uint32_t) length);
	ph_buffer_append(image, bytes, length);
}

static void
save_progress(ph_broker *broker, ph_buffer *image)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_PROGRESS, false);
	size_t cursor = 0, length = 0;
	const void *key = NULL;
	const ph_progress *progress;
	while ((progress = ph_table_next(broker->progress, &cursor, &key, &length)) !=
	       NULL) {
		uint64_t number;
		PH_ASSERT(length == sizeof number);
		memcpy(&number, key, sizeof number);
		ph_buffer_u64(image, number);
		ph_buffer_string(image, progress->reference);
		save_bytes(image, progress->resume, progress->resume_length);
	}
	ph_checkpoint_section_end(image, at);
}

static void
save_cursors(ph_broker *broker, ph_buffer *image)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_CURSORS, false);
	size_t cursor = 0, length = 0;
	const void *name = NULL;
	const ph_cursor *one;
	while (
	    (one = ph_table_next(broker->cursors, &cursor, &name, &length)) != NULL) {
		ph_buffer_blob16(image, name, length);
		save_bytes(image, one->bytes, one->length);
	}
	ph_checkpoint_section_end(image, at);
}

static void
save_duplicates(ph_broker *broker, ph_buffer *image)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_DUPLICATES, false);
	ph_duplicates_save(broker->duplicates, image);
	ph_checkpoint_section_end(image, at);
}

static void
save_carried(const ph_broker *broker, ph_buffer *image)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_CARRIED, false);
	ph_carry_save(broker, image);
	ph_checkpoint_section_end(image, at);
}

static ph_status
save_shelves(ph_broker *broker, ph_buffer *image, ph_buffer *paths, ph_error *err)
{
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_SHELVES, false);
	unsigned cursor = 0;
	ph_destination *from;
	ph_status status = PH_OK;
	while (status == PH_OK &&
	       (from = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		if (from->shelf == NULL)
			continue;
		ph_buffer_u16(image, ph_queue_number(from->queue));
		status = ph_refill_save(from, image, paths, err);
	}
	ph_checkpoint_section_end(image, at);
	return status;
}

void
ph_checkpoint_state_saved(ph_broker *broker)
{
	unsigned cursor = 0;
	ph_destination *from;
	while ((from = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		if (from->shelf != NULL && ph_shelf_saving(from->shelf))
			ph_shelf_saved(from->shelf);
	}
}

ph_status
ph_checkpoint_state_save(ph_broker *broker, ph_buffer *image, ph_buffer *paths,
    ph_checkpoint_place *place, ph_error *err)
{
	size_t wanted = ph_backlog_count(broker->backlog) * (ENTRY_BYTES + ITEM_BYTES);
	(void) ph_buffer_reserve(image, wanted);
	ph_status status = save_place(broker, image, place, err);
	if (status != PH_OK)
		return status;
	save_queues(broker, image);
	save_adapters(broker, image);
	save_entries(broker, image);
	status = save_items(broker, image, err);
	save_progress(broker, image);
	save_cursors(broker, image);
	save_duplicates(broker, image);
	save_carried(broker, image);
	if (status == PH_OK)
		status = save_shelves(broker, image, paths, err);
	if (status == PH_OK && image->failed)
		status =
		    ph_fail(err, PH_ERR_NOMEM, "no memory for a checkpoint this large");
	return status;
}
