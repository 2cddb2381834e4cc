/*
 * accept_apply - what an acceptance changes in memory, when it has just been submitted and again at
 * every start: the window of duplicates, the backlog, queues or their shelves, letters, cursors,
 * bindings. It follows from the record alone.
 */
#include "broker/accept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/cursor.h"
#include "broker/refill.h"
#include "lib/base/assert.h"
#include "lib/wire/message.h"

ph_letter *
ph_letter_new(
    const ph_record_failure *failure, int64_t dead_ms, uint64_t offset, uint8_t record)
{
	ph_letter *letter = calloc(1, sizeof *letter);
	if (letter == NULL)
		return NULL;
	letter->dead_ms = dead_ms;
	letter->offset = offset;
	letter->record = record;
	(void) snprintf(letter->stage, sizeof letter->stage, "%.*s",
	    (int) failure->stage.length, failure->stage.data);
	(void) snprintf(letter->reason, sizeof letter->reason, "%.*s",
	    (int) failure->reason.length, failure->reason.data);
	return letter;
}

uint8_t
ph_accept_adapter_of(const ph_broker *broker, const ph_message *message)
{
	const char *name = ph_message_get(message, "adapter", NULL);
	for (size_t i = 0; name != NULL && i < broker->site->adapter_count && i < 254;
	     i++) {
		if (strcmp(broker->site->adapters[i].name, name) == 0)
			return (uint8_t) (i + 1);
	}
	return 0;
}

/* Put it on the shelves of the queues whose memory is full; the others are left in `hot`. */
static unsigned
shelve_some(ph_broker *broker, const ph_record_accept *record,
    const ph_shelf_entry *shelved, uint16_t *hot)
{
	unsigned count = 0;
	for (size_t i = 0; i < record->queue_count; i++) {
		ph_destination *to =
		    ph_destinations_get(broker->destinations, record->queues[i]);
		PH_ASSERT(to != NULL);
		if (!record->has_failure && ph_refill_full(broker, to))
			ph_refill_shelve(to, shelved);
		else
			hot[count++] = record->queues[i];
	}
	return count;
}

static ph_status
enter_queues(ph_broker *broker, const ph_record_accept *record, ph_entry *entry,
    uint64_t offset, ph_error *err)
{
	for (size_t i = 0; i < entry->count; i++) {
		ph_item *item = &entry->items[i];
		ph_destination *to =
		    ph_destinations_get(broker->destinations, item->queue);
		PH_ASSERT(to != NULL);
		if (!record->has_failure) {
			ph_queue_add(to->queue, item);
			continue;
		}
		ph_letter *letter = ph_letter_new(
		    &record->failure, record->accepted_ms, offset, PH_RECORD_ACCEPT);
		if (letter == NULL)
			return ph_fail(err, PH_ERR_NOMEM, "no memory for a letter");
		item->only = item->queue == PH_QUEUE_INBOUND
				 ? ph_accept_adapter_of(broker, entry->message)
				 : 0;
		ph_queue_add_dead(to->queue, item, &letter);
	}
	return PH_OK;
}

static ph_status
enter_message(ph_broker *broker, const ph_record_accept *record, ph_message **message_p,
    uint64_t offset, ph_error *err)
{
	uint16_t hot[PH_RECORD_QUEUES_MAX];
	ph_shelf_entry place = {.number = record->acceptance,
	    .offset = offset,
	    .key = ph_accept_order(broker, *message_p),
	    .accepted_ms = record->accepted_ms};
	unsigned count = shelve_some(broker, record, &place, hot);
	if (count == 0)
		return PH_OK;
	ph_entry *entry =
	    ph_backlog_add(broker->backlog, place.number, hot, count, message_p);
	if (entry == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a message");
	entry->offset = offset;
	entry->accepted_ms = place.accepted_ms;
	entry->key = place.key;
	return enter_queues(broker, record, entry, offset, err);
}

static ph_status
check_queues(ph_broker *broker, const ph_record_accept *record, ph_error *err)
{
	for (size_t i = 0; i < record->queue_count; i++) {
		ph_destination *to =
		    ph_destinations_get(broker->destinations, record->queues[i]);
		if (to == NULL)
			return ph_fail(err, PH_ERR_DAMAGED,
			    "PH5304 acceptance %llu is for queue %u, which no record "
			    "names",
			    (unsigned long long) record->acceptance, record->queues[i]);
		ph_status status = ph_refill_reserve(broker, to, err);
		if (status != PH_OK)
			return status;
	}
	if (record->acceptance <= broker->last_acceptance)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5305 acceptance %llu comes after %llu in the journal",
		    (unsigned long long) record->acceptance,
		    (unsigned long long) broker->last_acceptance);
	return PH_OK;
}

ph_status
ph_accept_apply(ph_broker *broker, const ph_record_accept *record,
    ph_message **message_p, uint64_t offset, ph_error *err)
{
	ph_status status = check_queues(broker, record, err);
	if (status != PH_OK)
		return status;
	broker->last_acceptance = record->acceptance;
	ph_duplicates_add(
	    broker->duplicates, record->id, record->content, record->acceptance);
	if (record->queue_count > 0)
		status = enter_message(broker, record, message_p, offset, err);
	if (status == PH_OK && record->has_cursor)
		status =
		    ph_cursor_apply(broker, record->cursor_name, record->cursor, err);
	if (status == PH_OK)
		ph_accept_bind(broker, &record->bindings, offset);
	return status;
}

static bool
copy_view(ph_view from, char *out, size_t size)
{
	return ph_slice_copy((ph_slice){from.data, from.length}, out, size);
}

void
ph_accept_bind(ph_broker *broker, const ph_record_bindings *bindings, uint64_t offset)
{
	for (size_t i = 0; i < bindings->count; i++) {
		const ph_record_binding *from = &bindings->list[i];
		ph_reference at;
		/* What does not fit here was refused when it came: an older journal at most. */
		if (copy_view(from->entity, at.entity, sizeof at.entity) &&
		    copy_view(from->system, at.system, sizeof at.system) &&
		    copy_view(from->key, at.key, sizeof at.key) &&
		    copy_view(from->canonical, at.canonical, sizeof at.canonical))
			(void) ph_xref_bind(broker->xref, at.entity, at.system, at.key,
			    at.canonical, offset, NULL);
	}
}
