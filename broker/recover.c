#include "broker/recover.h"

#include "broker/accept.h"
#include "broker/carry.h"
#include "broker/checkpoint.h"
#include "broker/cursor.h"
#include "broker/dispatch.h"
#include "broker/progress.h"
#include "broker/refill.h"
#include "broker/remember.h"
#include "broker/settle.h"
#include "lib/base/assert.h"

static ph_status
recover_queue(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_queue queue;
	ph_destination *to = NULL;
	char name[PH_SITE_NAME_MAX + 1];
	ph_status status =
	    ph_record_queue_decode(record->body, record->length, &queue, err);
	if (status != PH_OK)
		return status;
	if (queue.number == 0 ||
	    !ph_slice_copy(
		(ph_slice){queue.name.data, queue.name.length}, name, sizeof name))
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5306 the journal names a queue that cannot be");
	status =
	    ph_destinations_add(broker->destinations, queue.number, name, &to, err);
	if (status == PH_OK)
		to->adapter = ph_site_adapter_of_queue(broker->site, name);
	return status;
}

static ph_status
recover_accept(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_accept accept;
	ph_message *message = NULL;
	ph_status status =
	    ph_record_accept_decode(record->body, record->length, &accept, err);
	if (status == PH_OK)
		status = ph_message_decode(
		    accept.message.data, accept.message.length, &message, err);
	if (status == PH_OK)
		status = ph_damage_accept(broker, &accept, err);
	if (status == PH_OK)
		status = ph_accept_apply(
		    broker, &accept, &message, record->position.offset, err);
	ph_message_unref(&message);
	broker->counts.messages += status == PH_OK;
	return status;
}

static ph_status
recover_outcome(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_outcome outcome;
	ph_status status =
	    ph_record_outcome_decode(record->body, record->length, &outcome, err);
	return status == PH_OK
		   ? ph_settle_apply(broker, &outcome, record->position.offset, err)
		   : status;
}

static ph_status
recover_attempt(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_attempt attempt;
	ph_status status =
	    ph_record_attempt_decode(record->body, record->length, &attempt, err);
	if (status == PH_OK)
		ph_dispatch_apply_attempt(broker, &attempt);
	return status;
}

static ph_status
recover_progress(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_progress progress;
	ph_status status =
	    ph_record_progress_decode(record->body, record->length, &progress, err);
	return status == PH_OK ? ph_progress_apply(broker, &progress, err) : status;
}

static ph_status
recover_verdict(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_verdict verdict;
	ph_status status =
	    record->type == PH_RECORD_REPLAY
		? ph_record_replay_decode(record->body, record->length, &verdict, err)
		: ph_record_discard_decode(record->body, record->length, &verdict, err);
	return status == PH_OK ? ph_settle_apply_verdict(broker,
				     (ph_record_type) record->type, &verdict, err)
			       : status;
}

static ph_status
recover_cursor(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_cursor cursor;
	ph_status status =
	    ph_record_cursor_decode(record->body, record->length, &cursor, err);
	return status == PH_OK ? ph_cursor_apply(broker, cursor.name, cursor.bytes, err)
			       : status;
}

static ph_status
recover_bind(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_bindings bindings;
	ph_status status =
	    ph_record_bind_decode(record->body, record->length, &bindings, err);
	if (status == PH_OK)
		ph_accept_bind(broker, &bindings, record->position.offset);
	return status;
}

static ph_status
recover_one(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_status status = ph_record_type_check(record->type, err);
	if (status != PH_OK)
		return status;
	switch ((ph_record_type) record->type) {
	case PH_RECORD_MARK:
		return PH_OK;
	case PH_RECORD_QUEUE:
		return recover_queue(broker, record, err);
	case PH_RECORD_ACCEPT:
		return recover_accept(broker, record, err);
	case PH_RECORD_OUTCOME:
		return recover_outcome(broker, record, err);
	case PH_RECORD_ATTEMPT:
		return recover_attempt(broker, record, err);
	case PH_RECORD_PROGRESS:
		return recover_progress(broker, record, err);
	case PH_RECORD_REPLAY:
	case PH_RECORD_DISCARD:
		return recover_verdict(broker, record, err);
	case PH_RECORD_CURSOR:
		return recover_cursor(broker, record, err);
	case PH_RECORD_BIND:
		return recover_bind(broker, record, err);
	case PH_RECORD_CARRY:
		return ph_carry_apply(broker, record, err);
	}
	PH_UNREACHABLE("a type that was checked");
}

/* ---- bindings that the ledger has not applied ---- */

#define NEAR_BYTES                                                                     \
	(64u << 20) /* of journal between ledger and checkpoint: read at the start */

/* The bindings of any record that has some. */
static ph_status
bind_one(ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_accept accept;
	ph_record_outcome outcome;
	ph_status status = PH_OK;
	switch (record->type) {
	case PH_RECORD_ACCEPT:
		status =
		    ph_record_accept_decode(record->body, record->length, &accept, err);
		if (status == PH_OK)
			ph_accept_bind(
			    broker, &accept.bindings, record->position.offset);
		return status;
	case PH_RECORD_OUTCOME:
		status = ph_record_outcome_decode(
		    record->body, record->length, &outcome, err);
		if (status == PH_OK)
			ph_accept_bind(
			    broker, &outcome.bindings, record->position.offset);
		return status;
	case PH_RECORD_BIND:
		return recover_bind(broker, record, err);
	default:
		return PH_OK;
	}
}

/* About how many bytes of journal lie between two positions. */
static uint64_t
distance(const ph_broker *broker, ph_position from, ph_position to)
{
	uint64_t bytes =
	    (uint64_t) ph_options_get(&broker->site->options, PH_OPTION_SEGMENT_BYTES);
	uint64_t files = (to.offset >> 32) - (from.offset >> 32);
	return files * bytes + (to.offset & UINT32_MAX) - (from.offset & UINT32_MAX);
}

static ph_status
bind_between(ph_broker *broker, ph_position from, uint64_t last, ph_error *err)
{
	ph_store_reader *reader = NULL;
	ph_store_record record = {.sequence = 0};
	ph_status status = ph_store_reader_new(broker->store, from, 0, &reader, err);
	while (status == PH_OK && record.sequence < last) {
		status = ph_store_reader_next(reader, &record, err);
		if (status == PH_OK && record.sequence <= last)
			status = bind_one(broker, &record, err);
	}
	ph_store_reader_destroy(&reader);
	return status == PH_ERR_AGAIN ? PH_OK : status;
}

/* What is in the checkpoint, whose last record is `last`, and not in the ledger. */
static ph_status
recover_bindings(ph_broker *broker, uint64_t last, ph_error *err)
{
	ph_ledger_state ledger;
	ph_position to = broker->last_position;
	if (broker->ledger == NULL)
		return PH_OK;
	ph_ledger_look(broker->ledger, &ledger);
	if (ledger.applied.offset >= to.offset)
		return PH_OK;
	if (ledger.applied.offset > 0 &&
	    distance(broker, ledger.applied, to) <= NEAR_BYTES)
		return bind_between(broker, ledger.applied, last, err);
	broker->known = (ph_position){to.partition, to.offset + 1};
	return PH_OK;
}

/* ---- all of it ---- */

/* A journal that was never trimmed begins with the name of the first queue. */
static ph_status
check_first(const ph_broker *broker, const ph_store_record *record, ph_error *err)
{
	ph_record_queue queue;
	if (ph_damage_has_first(broker))
		return PH_OK;
	if (record->type == PH_RECORD_QUEUE &&
	    ph_record_queue_decode(record->body, record->length, &queue, NULL) ==
		PH_OK &&
	    queue.number == PH_QUEUE_INBOUND)
		return PH_OK;
	return ph_fail(err, PH_ERR_DAMAGED,
	    "PH5344 no checkpoint can be used, and the journal, which begins with "
	    "record %llu, has been trimmed",
	    (unsigned long long) record->sequence);
}

/* Enter the records behind `after`. */
static ph_status
recover_records(ph_broker *broker, uint64_t after, ph_recovery *out, ph_error *err)
{
	ph_store_reader *reader = NULL;
	ph_store_record record;
	ph_status status = ph_store_reader_new(
	    broker->store, broker->last_position, after, &reader, err);
	ph_damage_begin(broker, after);
	while (status == PH_OK) {
		status = ph_store_reader_next(reader, &record, err);
		if (status == PH_OK && out->checkpoint == 0 && out->records == 0)
			status = check_first(broker, &record, err);
		if (status == PH_OK)
			ph_damage_before(broker, record.sequence);
		if (status == PH_OK)
			status = recover_one(broker, &record, err);
		if (status == PH_OK && broker->failed)
			status = ph_fail(err, PH_ERR_IO, "a shelf has failed");
		if (status == PH_OK) {
			broker->last_position = record.position;
			out->records++;
		}
	}
	ph_store_reader_destroy(&reader);
	return status == PH_ERR_AGAIN ? PH_OK : status;
}

ph_status
ph_recover(ph_broker *broker, ph_recovery *out, ph_error *err)
{
	uint64_t after = 0;
	*out = (ph_recovery){.records = 0};
	ph_status status = ph_checkpoint_recall(broker, &out->checkpoint, &after, err);
	if (status == PH_OK && ph_duplicates_fd(broker->duplicates) < 0)
		status = ph_remember(broker, after, PH_REMEMBER_MOST, err);
	if (status == PH_OK)
		status = ph_refill_begin(broker, err);
	if (status == PH_OK && out->checkpoint > 0)
		status = recover_bindings(broker, after, err);
	if (status == PH_OK)
		status = recover_records(broker, after, out, err);
	if (status != PH_OK)
		return status;
	ph_damage_end(broker);
	ph_dispatch_recovered(broker);
	ph_refill_recovered(broker);
	unsigned cursor = 0;
	const ph_destination *to;
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		out->pending += ph_queue_pending(to->queue);
		out->away += to->away.count;
	}
	return PH_OK;
}
