/*
 * How it works: what is here needs no other part of the broker, only the store; what needs the
 * parts is in lifecycle.c (made and taken apart), state.c (what is folded from the journal) and
 * turn.c (what happens in between).
 */
#include "broker/broker.h"

#include "lib/base/assert.h"

int64_t
ph_broker_now(const ph_broker *broker)
{
	return ph_clock_wall(broker->clock);
}

/* ---- records ---- */

ph_status
ph_broker_submit(ph_broker *broker, ph_record_type type, ph_store_need need,
    const void *message, size_t message_length, uint64_t *offset, ph_error *err)
{
	ph_position position = {.offset = 0};
	PH_ASSERT(type > PH_RECORD_MARK && broker->record.length > 0);
	PH_ASSERT((message_length > 0) ==
		  (type == PH_RECORD_ACCEPT || type == PH_RECORD_CARRY));
	if (broker->failed)
		return ph_fail(err, PH_ERR_IO, "the store has failed");
	if (broker->record.failed)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH5307 a %s record would be over its limits",
		    ph_record_type_name((uint8_t) type));
	ph_store_part parts[] = {
	    {broker->record.data, broker->record.length}, {message, message_length}};
	ph_status status = ph_store_submit(broker->store, (uint8_t) type, need, parts,
	    message_length > 0 ? 2 : 1, &position, err);
	if (status == PH_ERR_IO)
		broker->failed = true;
	if (status == PH_OK) {
		broker->dirty = true;
		broker->last_position = position;
		broker->written += broker->record.length + message_length;
	}
	*offset = position.offset;
	return status;
}

ph_status
ph_broker_message(ph_broker *broker, ph_entry *entry, ph_message **out, ph_error *err)
{
	if (entry->message == NULL)
		return ph_broker_message_at(
		    broker, entry->number, entry->offset, out, err);
	*out = ph_message_ref(entry->message);
	return PH_OK;
}

ph_status
ph_broker_message_at(ph_broker *broker, uint64_t acceptance, uint64_t offset,
    ph_message **out, ph_error *err)
{
	ph_store_record record;
	ph_record_accept accept;
	ph_position position = {.offset = offset};
	ph_status status = ph_store_read(broker->store, position, &record, err);
	if (status == PH_OK)
		status = ph_record_accept_read(
		    record.type, record.body, record.length, &accept, err);
	if (status == PH_OK && accept.acceptance != acceptance)
		status = ph_fail(
		    err, PH_ERR_DAMAGED, "PH5308 another record is in its place");
	if (status == PH_OK)
		status = ph_message_decode(
		    accept.message.data, accept.message.length, out, err);
	return status;
}

/* ---- questions ---- */

void
ph_question_note(ph_broker *broker, ph_question *at, void (*abandon)(ph_question *at))
{
	at->abandon = abandon;
	at->next = broker->questions;
	at->back = &broker->questions;
	if (at->next != NULL)
		at->next->back = &at->next;
	broker->questions = at;
}

void
ph_question_strike(ph_question *at)
{
	PH_ASSERT(at->back != NULL && *at->back == at);
	*at->back = at->next;
	if (at->next != NULL)
		at->next->back = at->back;
	at->next = NULL;
	at->back = NULL;
}

void
ph_questions_abandon(ph_broker *broker)
{
	while (broker->questions != NULL) {
		ph_question *at = broker->questions;
		ph_question_strike(at);
		at->abandon(at);
	}
}
