#include "broker/carry_owners.h"

#include "broker/refill.h"

static bool
entry_at(const ph_broker *broker, uint64_t acceptance, uint64_t offset)
{
	const ph_entry *entry = ph_backlog_find(broker->backlog, acceptance);
	while (entry != NULL && entry->offset != offset)
		entry = entry->also;
	return entry != NULL;
}

bool
ph_carry_needs(ph_broker *broker, const ph_record_accept *accept, uint64_t offset)
{
	ph_shelf_entry shelved;
	if (entry_at(broker, accept->acceptance, offset))
		return true;
	for (size_t i = 0; i < accept->queue_count; i++) {
		const ph_destination *to =
		    ph_destinations_get(broker->destinations, accept->queues[i]);
		if (to != NULL &&
		    ph_refill_find(broker, to, accept->acceptance, &shelved) &&
		    shelved.offset == offset)
			return true;
	}
	return false;
}

ph_letter *
ph_carry_letter_of(const ph_broker *broker, uint16_t queue, uint64_t acceptance)
{
	ph_entry *entry = ph_backlog_find(broker->backlog, acceptance);
	ph_item *item = entry == NULL ? NULL : ph_entry_item(entry, queue);
	if (item == NULL || item->state != PH_DELIVERY_DEAD ||
	    item->as.letter->record != PH_RECORD_OUTCOME)
		return NULL;
	return item->as.letter;
}

void
ph_carry_move_message(
    ph_broker *broker, uint64_t acceptance, uint64_t from, uint64_t to)
{
	ph_entry *entry = ph_backlog_find(broker->backlog, acceptance);
	for (; entry != NULL; entry = entry->also) {
		if (from != 0 && entry->offset != from)
			continue;
		entry->offset = to;
		for (unsigned i = 0; i < entry->count; i++) {
			ph_item *item = &entry->items[i];
			if (item->state == PH_DELIVERY_DEAD &&
			    item->as.letter->record == PH_RECORD_ACCEPT)
				item->as.letter->offset = to;
		}
	}
	unsigned cursor = 0;
	const ph_destination *at;
	ph_shelf_entry shelved;
	while ((at = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		if (ph_refill_find(broker, at, acceptance, &shelved) &&
		    (from == 0 || shelved.offset == from))
			ph_refill_move(broker, at, acceptance, to);
	}
}

void
ph_carry_move_letter(const ph_broker *broker, uint16_t queue, uint64_t acceptance,
    uint64_t from, uint64_t to)
{
	ph_letter *letter = ph_carry_letter_of(broker, queue, acceptance);
	if (letter != NULL && (from == 0 || letter->offset == from))
		letter->offset = to;
}
