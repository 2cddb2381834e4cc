/*
 * How it works: an outcome is turned into a record first (judge.h: which state follows, with what
 * delay, with what failure), submitted, and then applied by the function that recovery uses. So what
 * is in memory is always what a restart would read.
 */
#include "broker/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <packhorse/client.h>
#include "broker/carry.h"
#include "broker/accept.h"
#include "broker/crashpoint.h"
#include "broker/judge.h"
#include "broker/progress.h"
#include "broker/refill.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

/* Bindings and text stay what they were: zeros for all of them would be 20 KB. */
static void
begin(ph_ending *end, const ph_broker *broker, ph_session *session)
{
	end->to = NULL;
	end->item = NULL;
	end->session = session;
	end->said = NULL;
	end->wall_ms = ph_broker_now(broker);
	end->mono_ms = ph_clock_mono(broker->clock);
	end->binding_count = 0;
}

static void
tell(const ph_ending *end, const ph_record_outcome *record)
{
	const char *queue = ph_queue_name(end->to->queue);
	unsigned long long number = (unsigned long long) record->acceptance;
	if (record->state == PH_RECORD_WAITING)
		ph_log(PH_LOG_INFO, "delivery-retry",
		    "queue=%s message=%llu attempt=%u wait_ms=%lld reason=%.*s", queue,
		    number, record->attempt,
		    (long long) (record->not_before_ms - record->at_ms),
		    (int) record->failure.reason.length, record->failure.reason.data);
	else if (record->state == PH_RECORD_DEAD)
		ph_log(PH_LOG_WARN, "delivery-dead",
		    "queue=%s message=%llu attempts=%u stage=%.*s reason=%.*s", queue,
		    number, record->attempt, (int) record->failure.stage.length,
		    record->failure.stage.data, (int) record->failure.reason.length,
		    record->failure.reason.data);
}

static void
fill_bindings(const ph_ending *end, ph_record_bindings *out)
{
	out->count = PH_MUTANT("xref-in-memory") ? 0 : end->binding_count;
	for (size_t i = 0; i < out->count; i++) {
		const ph_reference *from = &end->bindings[i];
		out->list[i] = (ph_record_binding){.entity = ph_view_of(from->entity),
		    .system = ph_view_of(from->system),
		    .key = ph_view_of(from->key),
		    .canonical = ph_view_of(from->canonical)};
	}
}

/* Record and apply. */
static ph_status
commit(ph_broker *broker, ph_ending *end, ph_error *err)
{
	ph_record_outcome record;
	uint64_t offset = 0;
	record.acceptance = ph_item_entry(end->item)->number;
	record.at_ms = end->wall_ms;
	record.queue = end->item->queue;
	record.attempt = end->item->attempts;
	record.outcome = end->said->outcome;
	record.reference = ph_view_of_slice(end->said->reference);
	fill_bindings(end, &record.bindings);
	ph_judge(broker, end, &record);
	ph_buffer_clear(&broker->record);
	ph_record_outcome_encode(&record, &broker->record);
	ph_status status = ph_broker_submit(
	    broker, PH_RECORD_OUTCOME, PH_STORE_ESSENTIAL, NULL, 0, &offset, err);
	if (status != PH_OK)
		return status;
	tell(end, &record);
	status = ph_settle_apply(broker, &record, offset, err);
	if (status != PH_OK)
		broker->failed = true;
	if (record.state == PH_RECORD_SETTLED)
		ph_rate_count(&end->to->settled, end->mono_ms);
	for (size_t i = 0; PH_MUTANT("xref-in-memory") && i < end->binding_count; i++)
		(void) ph_xref_bind(broker->xref, end->bindings[i].entity,
		    end->bindings[i].system, end->bindings[i].key,
		    end->bindings[i].canonical, offset, NULL);
	return status;
}

/* ---- bindings ---- */

static ph_status
read_bindings(ph_broker *broker, ph_ending *end, ph_error *err)
{
	ph_reader rest = end->said->rest;
	const char *subject = NULL;
	end->binding_count = 0;
	if (end->said->bindings > PH_ENDING_BINDINGS)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6512 one outcome binds at most %d references",
		    PH_ENDING_BINDINGS);
	for (unsigned i = 0; i < end->said->bindings; i++) {
		ph_reference *at = &end->bindings[i];
		ph_status status = ph_reference_read(&rest, at, err);
		if (status != PH_OK)
			return status;
		if (at->canonical[0] == 0 && subject == NULL) {
			ph_message *message = NULL;
			status = ph_broker_message(
			    broker, ph_item_entry(end->item), &message, err);
			if (status != PH_OK)
				return status;
			subject = ph_message_get(message, "subject", NULL);
			(void) snprintf(at->canonical, sizeof at->canonical, "%s",
			    subject == NULL ? "" : subject);
			subject = NULL;
			ph_message_unref(&message);
		}
		end->binding_count += at->canonical[0] != 0;
	}
	return PH_OK;
}

static void
drop_binding(ph_ending *end, size_t place)
{
	end->binding_count--;
	memmove(&end->bindings[place], &end->bindings[place + 1],
	    (end->binding_count - place) * sizeof end->bindings[0]);
}

/* Take out what contradicts; false: the ledger must be asked. */
static bool
check_bindings(ph_broker *broker, ph_ending *end, ph_wants *wants)
{
	bool known = true;
	for (size_t i = 0; i < end->binding_count;) {
		const ph_reference *at = &end->bindings[i];
		const char *bound = NULL;
		ph_xref_answer answer = ph_xref_look(broker->xref, PH_XREF_CANONICAL,
		    at->entity, at->system, at->key, &bound);
		if (answer == PH_XREF_FOUND && strcmp(bound, at->canonical) != 0) {
			broker->counts.conflicts++;
			ph_log(PH_LOG_ERROR, "xref-conflict",
			    "queue=%s message=%llu system=%s bound=%s refused=%s",
			    ph_queue_name(end->to->queue),
			    (unsigned long long) ph_item_entry(end->item)->number,
			    at->system, bound, at->canonical);
			drop_binding(end, i);
			continue;
		}
		if (answer == PH_XREF_ASK) {
			known = false;
			ph_wants_add(
			    wants, PH_XREF_CANONICAL, at->entity, at->system, at->key);
		}
		i++;
	}
	return known;
}

/* ---- outcomes from sessions ---- */

static bool
holds(const ph_session *session, const ph_item *item, const ph_destination *to)
{
	const ph_holding *holder = item->as.holder;
	if (holder == &to->away)
		return session->role == PH_ROLE_HOST;
	return ((const ph_subscription *) (const void *) holder)->session == session;
}

/* May this outcome change anything? Else it is a repeat of one that was taken. */
static bool
counts(const ph_session *session, const ph_item *item, const ph_destination *to,
    uint8_t outcome)
{
	bool done = outcome == PH_DELIVERED || outcome == PH_DUPLICATE;
	switch ((ph_delivery_state) item->state) {
	case PH_DELIVERY_IN_FLIGHT:
		return done || holds(session, item, to);
	case PH_DELIVERY_UNKNOWN:
		return true;
	case PH_DELIVERY_READY:
		return done || (item->flags & PH_ITEM_RECOVERED) != 0;
	case PH_DELIVERY_WAITING:
		/* Handed out again before this start: a rejection is no repeat of a retry. */
		return done || (outcome == PH_REJECTED &&
				   (item->flags & PH_ITEM_RECOVERED) != 0);
	case PH_DELIVERY_DEAD:
	case PH_DELIVERY_GONE:
	case PH_DELIVERY_NONE:
	case PH_DELIVERY_STATES:
		break;
	}
	return false;
}

static const ph_subscription *
subscribed(const ph_session *session, const ph_destination *to)
{
	for (const ph_subscription *at = session->subscriptions; at != NULL;
	     at = at->sibling) {
		if (at->to == to)
			return at;
	}
	return NULL;
}

static ph_status
find_item(ph_broker *broker, ph_session *session, uint64_t delivery, ph_ending *end,
    ph_error *err)
{
	uint16_t number = ph_delivery_queue(delivery);
	end->to = ph_destinations_get(broker->destinations, number);
	if (end->to == NULL || subscribed(session, end->to) == NULL)
		return ph_fail(err, PH_ERR_DENIED,
		    "PH6520 an outcome for a queue that this session does not take");
	end->item = ph_refill_item(broker, end->to, ph_delivery_acceptance(delivery));
	return PH_OK;
}

/* False: it has to wait, `wants` says for what. */
static bool
settle_one(ph_broker *broker, ph_session *session, ph_ending *end, ph_wants *wants)
{
	ph_error err;
	ph_error_clear(&err);
	const ph_settle_view *said = end->said;
	if (end->item == NULL || !counts(session, end->item, end->to, said->outcome)) {
		ph_session_settled(broker->sessions, session, said->delivery);
		return true;
	}
	ph_status status = read_bindings(broker, end, &err);
	if (status == PH_OK && !check_bindings(broker, end, wants) && wants != NULL) {
		end->item->flags |= PH_ITEM_PARKED;
		return false;
	}
	end->item->flags &= (uint8_t) ~PH_ITEM_PARKED;
	if (status != PH_OK) {
		/* The delivery has ended, whatever its references are worth. */
		ph_log(PH_LOG_ERROR, "xref-unreadable", "session=%s text=%s",
		    session->name, err.text);
		end->binding_count = 0;
	}
	status = commit(broker, end, &err);
	if (status == PH_OK)
		ph_session_settled(broker->sessions, session, said->delivery);
	else {
		/* It will be said again when the peer has come back. */
		ph_log(PH_LOG_ERROR, "outcome-not-kept", "session=%s text=%s",
		    session->name, err.text);
		ph_session_give_up(broker->sessions, session);
	}
	return true;
}

/* A parked item of SETTLE, with its length. */
static bool
settle_again(
    ph_broker *broker, ph_session *session, const ph_parked *parked, bool last_chance)
{
	ph_frame frame = {.type = PH_FRAME_SETTLE, .count = 1};
	ph_settle_view said;
	ph_ending end;
	begin(&end, broker, session);
	end.said = &said;
	ph_reader_init(&frame.body, parked->bytes, parked->length);
	ph_status status = ph_settle_read(&frame, &said, NULL);
	PH_ASSERT(status == PH_OK);
	if (find_item(broker, session, said.delivery, &end, NULL) != PH_OK)
		return true;
	ph_wants *wants = last_chance ? NULL : ph_wants_new();
	bool done = settle_one(broker, session, &end, wants);
	if (!done)
		ph_park_ask(broker, session, &wants);
	ph_wants_destroy(&wants);
	return done;
}

static const ph_park_way settle_way = {settle_again, .ordered = false};

ph_status
ph_settle_frame(ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	ph_ending end;
	ph_settle_view said;
	begin(&end, broker, session);
	end.said = &said;
	for (uint32_t i = 0; i < frame->count; i++) {
		size_t start = frame->body.at;
		ph_status status = ph_settle_read(frame, &said, err);
		if (status == PH_OK &&
		    (said.outcome < PH_DELIVERED || said.outcome > PH_UNKNOWN))
			status = ph_fail(err, PH_ERR_INVALID,
			    "PH6521 outcome %u is not known here", said.outcome);
		if (status == PH_OK)
			status = find_item(broker, session, said.delivery, &end, err);
		if (status != PH_OK)
			return status;
		ph_wants *wants = said.bindings > 0 ? ph_wants_new() : NULL;
		if (settle_one(broker, session, &end, wants))
			ph_wants_destroy(&wants);
		else
			ph_park(broker, session, &settle_way, said.delivery, 1,
			    frame->body.data + start, frame->body.at - start, &wants);
	}
	return PH_OK;
}

/* ---- outcomes of our own ---- */

static void
settle_ourselves(ph_broker *broker, ph_destination *to, ph_item *item, uint8_t outcome,
    const char *stage, const char *reason, const char *text)
{
	ph_error err;
	ph_error_clear(&err);
	ph_settle_view said = {.outcome = outcome,
	    .reference = {"", 0},
	    .stage = {stage, strlen(stage)},
	    .reason = {reason, strlen(reason)},
	    .path = {"", 0},
	    .text = {text, strlen(text)}};
	ph_ending end;
	begin(&end, broker, NULL);
	end.said = &said;
	end.to = to;
	end.item = item;
	if (commit(broker, &end, &err) != PH_OK)
		ph_log(PH_LOG_ERROR, "outcome-not-kept", "queue=%s text=%s",
		    ph_queue_name(to->queue), err.text);
}

void
ph_settle_unreadable(
    ph_broker *broker, ph_destination *to, ph_item *item, const ph_error *why)
{
	settle_ourselves(broker, to, item, PH_REJECTED, "store", "damaged", why->text);
}

/* Whether something was sent is now unknown for good: recorded, so that a restart knows it too. */
static void
record_loss(ph_broker *broker, ph_destination *to, ph_item *item)
{
	ph_record_outcome record = {.acceptance = ph_item_entry(item)->number,
	    .at_ms = ph_broker_now(broker),
	    .queue = item->queue,
	    .attempt = item->attempts,
	    .outcome = PH_UNKNOWN,
	    .state = PH_RECORD_WAITING};
	uint64_t offset = 0;
	ph_error err;
	ph_error_clear(&err);
	ph_buffer_clear(&broker->record);
	ph_record_outcome_encode(&record, &broker->record);
	if (ph_broker_submit(broker, PH_RECORD_OUTCOME, PH_STORE_ESSENTIAL, NULL, 0,
		&offset, &err) != PH_OK)
		ph_log(PH_LOG_ERROR, "outcome-not-kept", "queue=%s text=%s",
		    ph_queue_name(to->queue), err.text);
}

void
ph_settle_lost(ph_broker *broker, ph_destination *to, ph_item *item)
{
	PH_ASSERT(item->state == PH_DELIVERY_IN_FLIGHT &&
		  item->queue == ph_queue_number(to->queue));
	item->flags |= PH_ITEM_SENT;
	if (ph_destination_repeatable(to)) {
		ph_queue_return(to->queue, item);
		return;
	}
	item->flags |= PH_ITEM_POSSIBLY;
	item->flags &= (uint8_t) ~PH_ITEM_ATTEMPT;
	record_loss(broker, to, item);
	if (to->adapter->unknown_retry)
		ph_queue_return(to->queue, item);
	else
		ph_queue_lose(to->queue, item);
	ph_log(PH_LOG_WARN, "delivery-unknown", "queue=%s message=%llu attempt=%u",
	    ph_queue_name(to->queue), (unsigned long long) ph_item_entry(item)->number,
	    item->attempts);
}

void
ph_settle_unknown(ph_broker *broker, ph_destination *to, bool can_probe)
{
	ph_item *item;
	bool again =
	    can_probe || ph_destination_repeatable(to) || to->adapter->unknown_retry;
	while ((item = ph_queue_unknown(to->queue)) != NULL && !broker->failed) {
		if (again)
			ph_queue_return(to->queue, item);
		else
			settle_ourselves(broker, to, item, PH_UNKNOWN, "send",
			    "outcome-unknown", "");
	}
}

/* ---- progress ---- */

ph_status
ph_settle_progress(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	ph_ending end;
	uint64_t offset = 0;
	begin(&end, broker, session);
	ph_slice reference = ph_slice_read(&frame->body);
	ph_slice resume = ph_slice_read(&frame->body);
	if (frame->body.failed)
		return ph_fail(err, PH_ERR_INVALID, "PH6522 progress is cut short");
	ph_status status = find_item(broker, session, frame->number, &end, err);
	if (status != PH_OK)
		return status;
	bool held = end.item != NULL && end.item->state == PH_DELIVERY_IN_FLIGHT &&
		    holds(session, end.item, end.to);
	if (held) {
		ph_record_progress record = {
		    .acceptance = ph_item_entry(end.item)->number,
		    .queue = end.item->queue,
		    .reference = ph_view_of_slice(reference),
		    .resume = ph_view_of_slice(resume)};
		ph_buffer_clear(&broker->record);
		ph_record_progress_encode(&record, &broker->record);
		status = ph_broker_submit(broker, PH_RECORD_PROGRESS,
		    PH_STORE_ESSENTIAL, NULL, 0, &offset, err);
		if (status == PH_OK)
			status = ph_progress_apply(broker, &record, err);
	}
	if (status == PH_OK)
		ph_session_plain(
		    broker->sessions, session, PH_FRAME_PROGRESSED, frame->number);
	return status;
}

/* ---- the state ---- */

static void
remember_error(ph_destination *to, const ph_record_outcome *record)
{
	to->last_error[0] = 0;
	if (!record->has_failure)
		return;
	(void) snprintf(to->last_error, sizeof to->last_error, "%.*s%s%.*s",
	    (int) record->failure.reason.length, record->failure.reason.data,
	    record->failure.text.length > 0 ? ": " : "",
	    (int) record->failure.text.length, record->failure.text.data);
}

static ph_status
apply_dead(ph_broker *broker, ph_destination *to, ph_item *item,
    const ph_record_outcome *record, uint64_t offset, ph_error *err)
{
	ph_letter *letter =
	    ph_letter_new(&record->failure, record->at_ms, offset, PH_RECORD_OUTCOME);
	if (letter == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a dead letter");
	ph_queue_fail(to->queue, item, &letter);
	return ph_carry_letter(broker, record->acceptance, offset, err);
}

static void
apply_waiting(ph_broker *broker, ph_destination *to, ph_item *item,
    const ph_record_outcome *record)
{
	int64_t wait_ms = record->not_before_ms - ph_broker_now(broker);
	item->flags |= PH_ITEM_SENT;
	if (record->outcome == PH_UNKNOWN)
		item->flags |= PH_ITEM_POSSIBLY;
	/* Unknown without a time is a loss: somebody who subscribes will decide it. */
	bool lost = record->outcome == PH_UNKNOWN && record->not_before_ms == 0 &&
		    !ph_destination_repeatable(to) && !to->adapter->unknown_retry;
	if (lost && item->state == PH_DELIVERY_UNKNOWN)
		return;
	if (lost)
		ph_queue_lose(to->queue, item);
	else
		ph_queue_retry(to->queue, item,
		    ph_clock_mono(broker->clock) + (wait_ms < 0 ? 0 : wait_ms));
}

ph_status
ph_settle_apply(
    ph_broker *broker, const ph_record_outcome *record, uint64_t offset, ph_error *err)
{
	ph_status status = PH_OK;
	ph_destination *to = ph_destinations_get(broker->destinations, record->queue);
	ph_item *item = ph_refill_item(broker, to, record->acceptance);
	ph_accept_bind(broker, &record->bindings, offset);
	if (item == NULL || item->state == PH_DELIVERY_DEAD)
		return PH_OK;
	/* What was handed out without a record of it was ready before, also when it waited last. */
	if (item->state == PH_DELIVERY_WAITING && record->state == PH_RECORD_WAITING)
		ph_queue_hurry(to->queue, item);
	item->attempts = record->attempt;
	item->flags &= (uint8_t) ~(PH_ITEM_ATTEMPT | PH_ITEM_POSSIBLY);
	remember_error(to, record);
	switch ((ph_record_state) record->state) {
	case PH_RECORD_SETTLED:
		ph_progress_forget(broker, item);
		ph_queue_done(to->queue, item, record->outcome == PH_DUPLICATE);
		ph_backlog_release(broker->backlog, item);
		break;
	case PH_RECORD_WAITING:
		apply_waiting(broker, to, item, record);
		break;
	case PH_RECORD_DEAD:
		status = apply_dead(broker, to, item, record, offset, err);
		break;
	}
	return status;
}

/* ---- operators' verdicts ---- */

static ph_status
submit_verdict(ph_broker *broker, ph_record_type type, ph_item *item, const char *by,
    ph_record_verdict *record, ph_error *err)
{
	uint64_t offset = 0;
	*record = (ph_record_verdict){.acceptance = ph_item_entry(item)->number,
	    .at_ms = ph_broker_now(broker),
	    .queue = item->queue,
	    .by = ph_view_of(by),
	    .reason = ph_view_of("")};
	ph_buffer_clear(&broker->record);
	if (type == PH_RECORD_REPLAY)
		ph_record_replay_encode(record, &broker->record);
	else
		ph_record_discard_encode(record, &broker->record);
	return ph_broker_submit(
	    broker, type, PH_STORE_ESSENTIAL, NULL, 0, &offset, err);
}

static ph_status
verdict(ph_broker *broker, ph_record_type type, ph_destination *to, ph_item *item,
    const char *by, ph_error *err)
{
	ph_record_verdict record;
	PH_ASSERT(item->state == PH_DELIVERY_DEAD);
	ph_status status = ph_queue_reserve(to->queue, err);
	if (status == PH_OK)
		status = submit_verdict(broker, type, item, by, &record, err);
	if (status == PH_OK)
		status = ph_settle_apply_verdict(broker, type, &record, err);
	return status;
}

ph_status
ph_settle_replay(
    ph_broker *broker, ph_destination *to, ph_item *item, const char *by, ph_error *err)
{
	if (item->queue == PH_QUEUE_UNROUTED)
		return ph_fail(err, PH_ERR_CONFLICT,
		    "PH4501 a letter of unrouted has nowhere to go: publish its "
		    "message "
		    "again once there is a route, and discard the letter");
	return verdict(broker, PH_RECORD_REPLAY, to, item, by, err);
}

ph_status
ph_settle_discard(
    ph_broker *broker, ph_destination *to, ph_item *item, const char *by, ph_error *err)
{
	return verdict(broker, PH_RECORD_DISCARD, to, item, by, err);
}

ph_status
ph_settle_apply_verdict(ph_broker *broker, ph_record_type type,
    const ph_record_verdict *record, ph_error *err)
{
	ph_destination *to = ph_destinations_get(broker->destinations, record->queue);
	ph_item *item = ph_refill_item(broker, to, record->acceptance);
	if (item == NULL || item->state != PH_DELIVERY_DEAD)
		return PH_OK;
	if (type == PH_RECORD_DISCARD) {
		ph_progress_forget(broker, item);
		ph_queue_discard(to->queue, item);
		ph_backlog_release(broker->backlog, item);
		return PH_OK;
	}
	item->attempts = 0;
	item->flags |= PH_ITEM_REPLAYED;
	if (!ph_queue_replay(to->queue, item))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a replay");
	return PH_OK;
}
