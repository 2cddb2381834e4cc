/*
 * How it works: every turn looks at every queue that has both a ready head and a subscription with
 * credit, and fills one DELIVER after the other, taking the subscriptions in turn. The attempt
 * records of all of them are in the batch that the turn begins, behind which it sends.
 *
 * Messages that are not in memory any more are read from the journal, here on the loop: so many bytes
 * in a turn, and the next turn goes on with the queue after the one that had them.
 */
#include "broker/dispatch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "broker/progress.h"
#include "broker/refill.h"
#include "broker/settle.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define FRAME_ITEMS 64	/* of a DELIVER: the grain in which consumers take turns */
#define ALONE_ITEMS 256 /* where there is only one */
#define CREDIT_MAX  100000
#define READ_MOST   (1u << 20) /* bytes of a turn: 2 to 5 ms */
#define ITEM_HEAD   48	       /* about what stands before a message in a DELIVER */
/* A DELIVER is closed past this: one more message has room, with all that an adapter may say of it. */
#define FRAME_BREAK (PH_FRAME_MAX - PH_MESSAGE_MAX - 2u * UINT16_MAX - ITEM_HEAD)

/* ---- subscriptions ---- */

static void
ring_add(ph_destination *to, ph_subscription *at)
{
	if (to->first == NULL) {
		at->next = at->prev = at;
		to->first = at;
		return;
	}
	at->next = to->first;
	at->prev = to->first->prev;
	at->prev->next = at;
	to->first->prev = at;
}

static void
ring_remove(ph_destination *to, ph_subscription *at)
{
	PH_ASSERT(at->next != NULL && to->first != NULL);
	if (at->next == at)
		to->first = NULL;
	else if (to->first == at)
		to->first = at->next;
	at->prev->next = at->next;
	at->next->prev = at->prev;
	at->next = at->prev = NULL;
}

static void
answer_subscribe(
    ph_broker *broker, ph_session *session, uint64_t number, const ph_error *err)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_SUBSCRIBED, number);
	ph_buffer_u32(&frame, (uint32_t) err->status);
	ph_buffer_string(&frame, err->text);
	ph_session_frame(broker->sessions, session, &frame);
	ph_buffer_fini(&frame);
}

/* May this session take from this queue? */
static ph_status
check_rights(const ph_session *session, const ph_destination *to, ph_error *err)
{
	const char *queue = ph_queue_name(to->queue);
	bool inbound = ph_queue_number(to->queue) == PH_QUEUE_INBOUND;
	bool own = to->adapter != NULL && session->adapter == to->adapter;
	if (session->role == PH_ROLE_HOST && !own && !inbound)
		return ph_fail(err, PH_ERR_DENIED,
		    "PH6530 queue %s is not for adapter %s", queue, session->name);
	if (session->role == PH_ROLE_CLIENT &&
	    (inbound || (to->adapter != NULL && to->adapter->enabled)))
		return ph_fail(err, PH_ERR_DENIED,
		    "PH6531 queue %s is emptied by an adapter", queue);
	return PH_OK;
}

static ph_status
find_queue(ph_broker *broker, const ph_session *session, ph_slice name,
    ph_destination **out, ph_error *err)
{
	char queue[PH_SITE_NAME_MAX + 1];
	ph_destination *to = NULL;
	if (ph_slice_copy(name, queue, sizeof queue))
		to = ph_destinations_find(broker->destinations, queue);
	if (to == NULL || !to->declared)
		return ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH6532 there is no such queue: adapters have one each, others are "
		    "declared under `queues:` in packhorse.yaml");
	*out = to;
	return check_rights(session, to, err);
}

static void
start_barrier(ph_broker *broker, ph_session *session)
{
	session->barrier++;
	ph_session_plain(broker->sessions, session, PH_FRAME_PING,
	    session->number << 16 | session->barrier);
}

static void
open_subscription(ph_broker *broker, ph_subscription *at)
{
	at->open = true;
	if (at->session->adapter != NULL && at->to->adapter == at->session->adapter)
		ph_settle_unknown(broker, at->to, at->session->can_probe);
}

ph_status
ph_dispatch_subscribe(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	ph_error refused = {.status = PH_OK};
	ph_destination *to = NULL;
	ph_slice name = ph_slice_read(&frame->body);
	uint32_t credit = ph_reader_u32(&frame->body);
	(void) ph_reader_u8(&frame->body);
	if (frame->body.failed || credit < 1 || credit > CREDIT_MAX ||
	    ph_session_subscription(session, frame->number) != NULL)
		return ph_fail(err, PH_ERR_INVALID,
		    "PH6533 a subscription has a queue, a credit of 1 to %d, and a "
		    "number of its own",
		    CREDIT_MAX);
	ph_subscription *at = NULL;
	if (find_queue(broker, session, name, &to, &refused) == PH_OK) {
		at = calloc(1, sizeof *at);
		if (at == NULL)
			return ph_fail(err, PH_ERR_NOMEM, "no memory");
	}
	answer_subscribe(broker, session, frame->number, &refused);
	if (at == NULL)
		return PH_OK;
	*at = (ph_subscription){.session = session,
	    .to = to,
	    .number = frame->number,
	    .credit = credit,
	    .sibling = session->subscriptions};
	session->subscriptions = at;
	ring_add(to, at);
	if (session->resumed)
		start_barrier(broker, session);
	else
		open_subscription(broker, at);
	return PH_OK;
}

/* One delivery that the peer says it holds. */
static void
claim(ph_broker *broker, ph_subscription *at, uint64_t delivery)
{
	ph_item *item =
	    ph_delivery_queue(delivery) != ph_queue_number(at->to->queue)
		? NULL
		: ph_refill_item(broker, at->to, ph_delivery_acceptance(delivery));
	if (item == NULL || item->state == PH_DELIVERY_DEAD)
		return;
	bool free_to_claim =
	    item->state != PH_DELIVERY_IN_FLIGHT || item->as.holder == &at->to->away;
	if (!free_to_claim || !ph_queue_claim(at->to->queue, item, &at->holder))
		return;
	item->flags |= PH_ITEM_SENT;
	item->flags &= (uint8_t) ~PH_ITEM_RECOVERED;
	if (item->attempts == 0)
		item->attempts = 1;
}

ph_status
ph_dispatch_reattach(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	ph_subscription *at = ph_session_subscription(session, frame->number);
	for (uint32_t i = 0; i < frame->count; i++) {
		uint64_t delivery = ph_reader_u64(&frame->body);
		if (frame->body.failed)
			return ph_fail(
			    err, PH_ERR_INVALID, "PH6534 a REATTACH is cut short");
		if (at != NULL)
			claim(broker, at, delivery);
	}
	if (session->resumed)
		start_barrier(broker, session);
	return PH_OK;
}

/* The same process is back, and has told what it holds and what it settled: the rest never reached
 * it. What was settled may still be parked for a look-up: that did reach it. */
static void
release_rest(ph_destination *to)
{
	for (ph_item *item = to->away.last; item != NULL;) {
		ph_item *before = item->prev;
		if ((item->flags & PH_ITEM_PARKED) == 0) {
			item->flags &= (uint8_t) ~PH_ITEM_ATTEMPT;
			ph_queue_return(to->queue, item);
		}
		item = before;
	}
}

void
ph_dispatch_pong(ph_broker *broker, ph_session *session, uint64_t number)
{
	if (session->barrier == 0 ||
	    number != (session->number << 16 | session->barrier))
		return;
	for (ph_subscription *at = session->subscriptions; at != NULL;
	     at = at->sibling) {
		bool own =
		    session->adapter != NULL && session->adapter == at->to->adapter;
		if (own)
			release_rest(at->to);
		if (!at->open)
			open_subscription(broker, at);
	}
}

/* ---- handing out ---- */

/* Sent by somebody who is gone, to a destination where a second one does harm. */
static bool
may_not_send(const ph_session *session, const ph_destination *to, const ph_item *item)
{
	return (item->flags & PH_ITEM_POSSIBLY) != 0 &&
	       !ph_destination_repeatable(to) && !to->adapter->unknown_retry &&
	       !session->can_probe;
}

/* Record that it is about to be handed out. */
static ph_status
record_attempt(ph_broker *broker, ph_item *item, ph_error *err)
{
	ph_record_attempt record = {.acceptance = ph_item_entry(item)->number,
	    .at_ms = ph_broker_now(broker),
	    .queue = item->queue,
	    .attempt = (uint16_t) (item->attempts + 1)};
	uint64_t offset = 0;
	ph_buffer_clear(&broker->record);
	ph_record_attempt_encode(&record, &broker->record);
	ph_status status = ph_broker_submit(
	    broker, PH_RECORD_ATTEMPT, PH_STORE_ESSENTIAL, NULL, 0, &offset, err);
	if (status == PH_OK)
		item->flags |= PH_ITEM_ATTEMPT;
	return status;
}

static uint8_t
flags_of(const ph_item *item)
{
	unsigned flags = 0;
	if ((item->flags & (PH_ITEM_SENT | PH_ITEM_RECOVERED)) != 0)
		flags |= PH_DELIVER_SENT_BEFORE;
	if ((item->flags & PH_ITEM_POSSIBLY) != 0)
		flags |= PH_DELIVER_POSSIBLY_SENT;
	if ((item->flags & PH_ITEM_REPLAYED) != 0)
		flags |= PH_DELIVER_REPLAYED;
	return (uint8_t) flags;
}

static void
write_item(
    ph_broker *broker, ph_item *item, const ph_message *message, ph_buffer *frame)
{
	const ph_entry *entry = ph_item_entry(item);
	const ph_progress *progress =
	    (item->flags & PH_ITEM_PROGRESS) == 0
		? NULL
		: ph_progress_of(broker, item->queue, entry->number);
	ph_deliver_view view = {
	    .delivery = ph_delivery_number(item->queue, entry->number),
	    .attempt = item->attempts,
	    .flags = flags_of(item),
	    .accepted_ms = (uint64_t) entry->accepted_ms,
	    .reference = {"", 0},
	    .resume = {"", 0}};
	if (progress != NULL) {
		view.reference =
		    (ph_slice){progress->reference, strlen(progress->reference)};
		view.resume = (ph_slice){
		    (const char *) progress->resume, progress->resume_length};
	}
	view.message = ph_message_bytes(message, &view.message_length);
	ph_deliver_write(frame, &view);
}

/* A message that is not in memory, if this turn may still read. */
static ph_status
read_message(ph_broker *broker, ph_entry *entry, ph_message **out, ph_error *err)
{
	size_t length = 0;
	if (broker->read_left == 0)
		return PH_ERR_AGAIN;
	ph_status status = ph_broker_message(broker, entry, out, err);
	if (status == PH_OK)
		(void) ph_message_bytes(*out, &length);
	broker->read_left -= length < broker->read_left ? length : broker->read_left;
	return status;
}

/* Put one item into the frame. False: nothing more can be handed out in this turn. */
static bool
hand_out(ph_broker *broker, ph_subscription *at, ph_item *item, ph_buffer *frame,
    uint32_t *count)
{
	ph_error err;
	ph_error_clear(&err);
	ph_message *message = NULL; /* stays NULL if it is in memory */
	ph_destination *to = at->to;
	ph_entry *entry = ph_item_entry(item);
	PH_ASSERT(item->state == PH_DELIVERY_READY && at->open);
	ph_status status = entry->message != NULL
			       ? PH_OK
			       : read_message(broker, entry, &message, &err);
	if (status == PH_ERR_AGAIN || status == PH_ERR_NOMEM) {
		broker->starved = broker->starved || status == PH_ERR_AGAIN;
		return false;
	}
	if (status != PH_OK) {
		ph_settle_unreadable(broker, to, item, &err);
		return !broker->failed;
	}
	if (!ph_destination_repeatable(to))
		status = record_attempt(broker, item, &err);
	if (status == PH_OK) {
		if (item->attempts < UINT16_MAX)
			item->attempts++;
		ph_queue_take(to->queue, item, &at->holder);
		write_item(
		    broker, item, message == NULL ? entry->message : message, frame);
		if (at->session->role == PH_ROLE_CLIENT && entry->count == 1)
			ph_backlog_forget(broker->backlog, entry);
		item->flags |= PH_ITEM_SENT;
		item->flags &= (uint8_t) ~PH_ITEM_RECOVERED;
		++*count;
	}
	ph_message_unref(&message);
	return status == PH_OK && !frame->failed;
}

/* The next ready item that this subscription may have. */
static ph_item *
next_for(ph_broker *broker, const ph_subscription *at)
{
	ph_item *item = ph_queue_first(at->to->queue);
	if (ph_queue_number(at->to->queue) != PH_QUEUE_INBOUND)
		return item;
	const ph_site_adapter *adapters = broker->site->adapters;
	while (item != NULL &&
	       (item->only == 0 || &adapters[item->only - 1] != at->session->adapter))
		item = ph_queue_after(item);
	return item;
}

static bool
wants_more(const ph_subscription *at)
{
	return at->open && at->holder.count < at->credit &&
	       ph_session_hungry(at->session);
}

static uint32_t
items_for(const ph_subscription *at)
{
	return at->next == at ? ALONE_ITEMS : FRAME_ITEMS;
}

/* Room at once for as many as will go into the frame, if they are all about as long as the first:
 * a frame that grows step by step is copied at each. */
static void
make_room(ph_buffer *frame, const ph_subscription *at, ph_item *first)
{
	const ph_message *message = ph_item_entry(first)->message;
	uint64_t count = ph_queue_count(at->to->queue)->ready;
	size_t length = 0;
	if (message == NULL)
		return;
	(void) ph_message_bytes(message, &length);
	if (count > at->credit - at->holder.count)
		count = at->credit - at->holder.count;
	if (count > items_for(at))
		count = items_for(at);
	size_t room = PH_FRAME_HEADER + (size_t) count * (length + ITEM_HEAD);
	(void) ph_buffer_reserve(frame, room < FRAME_BREAK ? room : FRAME_BREAK);
}

/* One frame for one subscription. False: it could not get anything. */
static bool
fill_one(ph_broker *broker, ph_subscription *at)
{
	ph_buffer frame;
	uint32_t count = 0;
	bool going = wants_more(at);
	ph_item *item = going ? next_for(broker, at) : NULL;
	if (item == NULL)
		return false;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	make_room(&frame, at, item);
	ph_frame_begin(&frame, PH_FRAME_DELIVER, at->number);
	while (going && item != NULL && count < items_for(at) &&
	       at->holder.count < at->credit && frame.length < FRAME_BREAK) {
		if (may_not_send(at->session, at->to, item)) {
			ph_queue_lose(at->to->queue, item);
			ph_settle_unknown(broker, at->to, false);
			going = !broker->failed;
		} else {
			going = hand_out(broker, at, item, &frame, &count);
		}
		item = next_for(broker, at);
	}
	ph_frame_count(&frame, count);
	if (count > 0)
		ph_session_frame(broker->sessions, at->session, &frame);
	ph_buffer_fini(&frame);
	return going && count > 0;
}

static bool
anybody_wants_more(const ph_destination *to)
{
	const ph_subscription *at = to->first;
	do {
		if (wants_more(at))
			return true;
		at = at->next;
	} while (at != to->first);
	return false;
}

/* Is there something to hand out, in memory or, once it is there, from the shelf? */
static bool
any_ready(ph_broker *broker, ph_destination *to)
{
	if (ph_queue_count(to->queue)->shelved > 0 && anybody_wants_more(to))
		ph_refill(broker, to);
	return ph_queue_first(to->queue) != NULL;
}

static void
serve(ph_broker *broker, ph_destination *to)
{
	ph_subscription *last = NULL;
	while (to->first != NULL && any_ready(broker, to) && !broker->failed) {
		ph_subscription *at = to->first;
		to->first = at->next;
		if (fill_one(broker, at)) {
			last = NULL;
			continue;
		}
		if (at == last)
			return; /* once around, and nobody took anything */
		if (last == NULL)
			last = at;
	}
}

/* The queues numbered from `from` to before `until`. */
static void
serve_some(ph_broker *broker, unsigned from, unsigned until)
{
	ph_destination *to;
	while ((to = ph_destinations_next(broker->destinations, &from)) != NULL &&
	       from <= until) {
		size_t left = broker->read_left;
		serve(broker, to);
		if (left > 0 && broker->read_left == 0)
			broker->serve_from = from;
	}
}

void
ph_dispatch_all(ph_broker *broker)
{
	unsigned from = broker->serve_from;
	broker->read_left = READ_MOST;
	serve_some(broker, from, UINT_MAX);
	serve_some(broker, 0, from);
}

int64_t
ph_dispatch_due(ph_broker *broker)
{
	unsigned cursor = 0;
	ph_destination *to;
	int64_t soonest = INT64_MAX;
	int64_t now_ms = ph_clock_mono(broker->clock);
	while ((to = ph_destinations_next(broker->destinations, &cursor)) != NULL) {
		(void) ph_queue_due(to->queue, now_ms);
		int64_t due_ms = ph_queue_next_due(to->queue);
		if (due_ms < soonest)
			soonest = due_ms;
	}
	return soonest;
}

/* ---- leaving ---- */

static void
release_client(ph_destination *to, ph_subscription *at)
{
	while (at->holder.last != NULL) {
		at->holder.last->flags |= PH_ITEM_SENT;
		ph_queue_return(to->queue, at->holder.last);
	}
}

static void
release_host(ph_destination *to, ph_subscription *at)
{
	while (at->holder.first != NULL) {
		bool moved = ph_queue_claim(to->queue, at->holder.first, &to->away);
		PH_ASSERT(moved);
	}
}

void
ph_dispatch_leave(ph_broker *broker, ph_session *session)
{
	(void) broker;
	for (ph_subscription *at = session->subscriptions; at != NULL;
	     at = at->sibling) {
		bool own =
		    session->adapter != NULL && session->adapter == at->to->adapter;
		if (own)
			release_host(at->to, at);
		else
			release_client(at->to, at);
		PH_ASSERT(at->holder.count == 0 && at->holder.first == NULL);
		ring_remove(at->to, at);
	}
}

void
ph_dispatch_host_gone(ph_broker *broker, const ph_site_adapter *adapter)
{
	ph_destination *to = ph_destinations_find(broker->destinations, adapter->queue);
	if (to == NULL)
		return;
	while (to->away.last != NULL && !broker->failed)
		ph_settle_lost(broker, to, to->away.last);
}

/* ---- the state at start ---- */

void
ph_dispatch_apply_attempt(ph_broker *broker, const ph_record_attempt *record)
{
	ph_destination *to = ph_destinations_get(broker->destinations, record->queue);
	ph_item *item = ph_refill_item(broker, to, record->acceptance);
	if (item == NULL)
		return;
	if (item->state == PH_DELIVERY_WAITING)
		ph_queue_hurry(to->queue, item);
	else if (item->state == PH_DELIVERY_UNKNOWN)
		ph_queue_return(to->queue, item);
	item->attempts = record->attempt;
	item->flags |= PH_ITEM_ATTEMPT | PH_ITEM_SENT;
}

static void
recovered_entry(ph_broker *broker, ph_entry *entry)
{
	for (unsigned i = 0; i < entry->count; i++) {
		ph_item *item = &entry->items[i];
		ph_destination *to =
		    ph_destinations_get(broker->destinations, item->queue);
		if (item->state != PH_DELIVERY_READY &&
		    item->state != PH_DELIVERY_WAITING)
			continue;
		if (ph_destination_repeatable(to))
			item->flags |= PH_ITEM_RECOVERED;
		else if (item->state == PH_DELIVERY_READY &&
			 (item->flags & PH_ITEM_ATTEMPT) != 0)
			(void) ph_queue_claim(to->queue, item, &to->away);
	}
}

void
ph_dispatch_recovered(ph_broker *broker)
{
	ph_entry *entry = NULL;
	uint64_t number = 0;
	while ((entry = ph_backlog_next(broker->backlog, number)) != NULL) {
		number = entry->number;
		for (; entry != NULL; entry = entry->also)
			recovered_entry(broker, entry);
	}
}
