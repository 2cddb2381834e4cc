/*
 * How it works: a received frame is walked item by item, one event each, and its bytes stay in the
 * socket until the next frame is asked for; so most events cost no copy.
 */
#include "lib/client/inner.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"

#define CACHE_LINE 64
#define AHEAD_BYTES                                                                    \
	192 /* of a delivery: what says how long it is, and the attributes of most */

static void
begin(ph_event *event, ph_event_kind kind)
{
	event->kind = kind;
	event->result = PH_ACCEPTED;
	event->ticket = event->acceptance = event->delivery = event->accepted_ms = 0;
	event->attempt = 0;
	event->flags = 0;
	event->queue = "";
	event->reference = event->resume = (ph_slice){"", 0};
	event->text[0] = event->subject[0] = 0;
}

/* An event without a message. */
static void
reset(ph_event *event, ph_event_kind kind)
{
	ph_message_unref(&event->message);
	begin(event, kind);
}

static ph_subscription *
subscription_of(ph_client *client, uint64_t id)
{
	ph_subscription *at = client->subscriptions;
	while (at != NULL && at->id != id)
		at = at->next;
	return at;
}

/* ---- items of frames; each returns true when it made an event ---- */

static bool
take_accepted(ph_client *client)
{
	uint64_t first = 0;
	ph_reader body = client->frame.body;
	first = ph_reader_u64(&body);
	uint64_t ticket = client->frame.number + client->walked;
	if (!ph_pending_answered(&client->pending, ticket))
		return false;
	reset(&client->event, PH_EVENT_RESULT);
	client->event.ticket = ticket;
	client->event.acceptance = first + client->walked;
	return true;
}

static bool
take_result(ph_client *client)
{
	ph_reader *body = &client->frame.body;
	uint64_t ticket = ph_reader_u64(body);
	uint8_t result = ph_reader_u8(body);
	uint64_t acceptance = ph_reader_u64(body);
	ph_slice subject = ph_slice_read(body);
	ph_slice text = ph_slice_read(body);
	if (body->failed || result > PH_RESULT_CONFLICT ||
	    !ph_pending_answered(&client->pending, ticket))
		return false;
	reset(&client->event, PH_EVENT_RESULT);
	client->event.ticket = ticket;
	client->event.result = (ph_result) result;
	client->event.acceptance = acceptance;
	(void) ph_slice_copy(
	    subject, client->event.subject, sizeof client->event.subject);
	(void) ph_slice_copy(text, client->event.text, sizeof client->event.text);
	return true;
}

/* The next delivery's bytes are on their way while the application has this one. */
static void
fetch_ahead(const ph_reader *body)
{
	const uint8_t *next = body->data + body->at;
	size_t left = ph_reader_left(body);
	for (size_t line = 0; line < AHEAD_BYTES && line < left; line += CACHE_LINE)
		__builtin_prefetch(next + line);
}

static bool
take_delivery(ph_client *client)
{
	ph_deliver_view item;
	ph_subscription *at = subscription_of(client, client->frame.number);
	if (ph_deliver_read(&client->frame, &item, NULL) != PH_OK || at == NULL)
		return false;
	fetch_ahead(&client->frame.body);
	ph_event *event = &client->event;
	ph_error err;
	if (ph_message_decode_over(&event->message, client->holder, item.message,
		item.message_length, &err) != PH_OK) {
		ph_link_lose(client, err.text);
		return false;
	}
	if (ph_held_add(&at->held, item.delivery, &err) != PH_OK) {
		ph_link_lose(client, err.text); /* what is not held comes again */
		return false;
	}
	begin(event, PH_EVENT_DELIVERY);
	event->delivery = item.delivery;
	event->attempt = item.attempt;
	event->flags = item.flags;
	event->accepted_ms = item.accepted_ms;
	event->reference = item.reference;
	event->resume = item.resume;
	event->queue = at->queue;
	return true;
}

static bool
take_settled(ph_client *client)
{
	uint64_t delivery = ph_reader_u64(&client->frame.body);
	if (!ph_outbox_confirmed(&client->outbox, delivery))
		return false;
	reset(&client->event, PH_EVENT_SETTLED);
	client->event.delivery = delivery;
	return true;
}

static bool
refused_subscription(ph_client *client)
{
	uint32_t status = ph_reader_u32(&client->frame.body);
	if (status == PH_OK)
		return false;
	client->frame.body.at -= 4; /* the same layout as REFUSED */
	client->address[0] = 0;	    /* asking again would not help */
	ph_link_refused(client, &client->frame);
	return false;
}

/* One item of the frame being walked; the walk ends when all are taken. */
static bool
take_item(ph_client *client)
{
	bool made = false;
	if (client->walked >= client->frame.count) {
		client->walking = false;
		return false;
	}
	/* Only frames with items are walked; start_frame sees to it. */
	if (client->frame.type == PH_FRAME_ACCEPTED)
		made = take_accepted(client);
	else if (client->frame.type == PH_FRAME_RESULT)
		made = take_result(client);
	else if (client->frame.type == PH_FRAME_DELIVER)
		made = take_delivery(client);
	else
		made = take_settled(client);
	client->walked++;
	if (client->frame.body.failed)
		ph_link_lose(
		    client, "PH6422 the broker sent a frame that cannot be read");
	return made;
}

/* ---- frames ---- */

static bool
inner(ph_client *client, ph_inner_kind kind, ph_inner_event *out)
{
	*out = (ph_inner_event){
	    .kind = kind, .number = client->frame.number, .frame = client->frame};
	return true;
}

static bool
answer_is_last(const ph_frame *frame)
{
	ph_reader body = frame->body;
	return (ph_reader_u8(&body) & 1) != 0;
}

static void
pong(ph_client *client)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_PONG, client->frame.number);
	/* The broker waits for the answer to some of its pings: a lost one must not go unnoticed. */
	if (!ph_link_send(client, &frame))
		ph_link_lose(client, "PH6424 the broker does not read what it is sent");
}

static void
said_goodbye(ph_client *client)
{
	char text[PH_ERROR_TEXT - 64] = "";
	char why[PH_ERROR_TEXT];
	(void) ph_slice_copy(ph_slice_read(&client->frame.body), text, sizeof text);
	(void) snprintf(
	    why, sizeof why, "PH6423 the broker has said goodbye: %s", text);
	ph_link_lose(client, why);
}

/* True when the frame as a whole is an inner event. */
static bool
start_frame(ph_client *client, ph_inner_event *out)
{
	const ph_frame *frame = &client->frame;
	switch (frame->type) {
	case PH_FRAME_ACCEPTED:
	case PH_FRAME_RESULT:
	case PH_FRAME_DELIVER:
	case PH_FRAME_SETTLED:
		client->walking = true;
		client->walked = 0;
		return false;
	case PH_FRAME_WELCOME:
		ph_link_welcome(client, &client->frame);
		return false;
	case PH_FRAME_REFUSED:
		ph_link_refused(client, &client->frame);
		return false;
	case PH_FRAME_SUBSCRIBED:
		return refused_subscription(client);
	case PH_FRAME_PING:
		pong(client);
		return false;
	case PH_FRAME_BYE:
		said_goodbye(client);
		return false;
	case PH_FRAME_RESOLVED:
		return ph_request_answered(client, frame->type, frame->number) &&
		       inner(client, PH_INNER_RESOLVED, out);
	case PH_FRAME_ANSWER:
		if (answer_is_last(frame) &&
		    !ph_request_answered(client, frame->type, frame->number))
			return false;
		return inner(client, PH_INNER_ANSWER, out);
	case PH_FRAME_ANSWER_CURSOR:
		return ph_request_answered(client, frame->type, frame->number) &&
		       inner(client, PH_INNER_CURSOR, out);
	case PH_FRAME_PROGRESSED:
		return ph_request_answered(client, frame->type, frame->number) &&
		       inner(client, PH_INNER_PROGRESSED, out);
	case PH_FRAME_PONG:
	case PH_FRAME_HELLO:
	case PH_FRAME_PUBLISH:
	case PH_FRAME_SUBSCRIBE:
	case PH_FRAME_SETTLE:
	case PH_FRAME_PROGRESS:
	case PH_FRAME_RESOLVE:
	case PH_FRAME_QUERY:
	case PH_FRAME_REATTACH:
	case PH_FRAME_CURSOR:
	case PH_FRAME_CURSORS:
		return false;
	}
	return false;
}

typedef enum heard { NOTHING, HEARD, INNER } heard;

static heard
receive(ph_client *client, ph_inner_event *out)
{
	ph_received frame;
	if (client->socket == NULL ||
	    ph_socket_receive(client->socket, &frame, NULL) != PH_OK)
		return NOTHING;
	client->last_heard = ph_client_look(client);
	client->holder = frame.holder;
	ph_error err;
	if (ph_frame_open(frame.bytes, frame.length, &client->frame, &err) != PH_OK) {
		ph_link_lose(client, err.text);
		return HEARD;
	}
	return start_frame(client, out) ? INNER : HEARD;
}

/* The link came up or went down since the caller was last told. */
static bool
link_event(ph_client *client)
{
	bool up = client->state == LINK_UP;
	if (up == client->told_up)
		return false;
	client->told_up = up;
	reset(&client->event, up ? PH_EVENT_CONNECTED : PH_EVENT_DISCONNECTED);
	if (!up)
		memcpy(client->event.text, client->refused.text,
		    sizeof client->event.text);
	return true;
}

static bool
ready_now(ph_client *client, ph_inner_event *out)
{
	if (link_event(client))
		return true;
	while (client->walking) {
		if (take_item(client))
			return true;
	}
	for (;;) {
		heard got = receive(client, out);
		if (got == NOTHING)
			return link_event(client);
		if (got == INNER || link_event(client))
			return true;
		while (client->walking) {
			if (take_item(client))
				return true;
		}
	}
}

/* True: the extra descriptor is readable. */
static bool
sleep_until(ph_client *client, int extra_fd, int64_t wait)
{
	if (client->socket != NULL)
		return ph_socket_wait(client->socket, extra_fd, (int) wait);
	struct pollfd item = {.fd = extra_fd, .events = POLLIN};
	return poll(&item, 1, (int) wait) > 0 && extra_fd >= 0;
}

ph_status
ph_client_next_inner(
    ph_client *client, int extra_fd, int timeout_ms, ph_inner_event *out, ph_error *err)
{
	PH_ASSERT(client != NULL && client->magic == PH_CLIENT_MAGIC);
	int64_t deadline = timeout_ms < 0 ? INT64_MAX : -1;
	*out = (ph_inner_event){.kind = PH_INNER_NONE, .event = &client->event};
	for (;;) {
		if (ready_now(client, out))
			return PH_OK;
		/* The clock is asked only by those who have to wait. */
		if (deadline < 0)
			deadline = ph_client_now() + timeout_ms;
		if (client->state == LINK_REFUSED) {
			if (err != NULL)
				*err = client->refused;
			return client->refused.status;
		}
		int64_t wait;
		ph_link_step(client, &wait);
		if (client->state != LINK_UP && link_event(client))
			return PH_OK;
		int64_t left =
		    deadline == INT64_MAX ? wait : deadline - ph_client_now();
		if (left <= 0)
			return PH_ERR_TIMEOUT;
		if (sleep_until(client, extra_fd, left < wait ? left : wait))
			return PH_ERR_AGAIN;
	}
}

/* Inner events mean nothing to a plain client: it never asks for them. */
ph_status
ph_client_next(ph_client *client, int timeout_ms, const ph_event **out, ph_error *err)
{
	for (;;) {
		ph_inner_event event;
		ph_status status =
		    ph_client_next_inner(client, -1, timeout_ms, &event, err);
		if (status != PH_OK)
			return status;
		if (event.kind == PH_INNER_NONE) {
			*out = event.event;
			return PH_OK;
		}
	}
}

/* ---- reading an event ---- */

ph_event_kind
ph_event_kind_of(const ph_event *event)
{
	return event->kind;
}

uint64_t
ph_event_ticket(const ph_event *event)
{
	return event->ticket;
}

ph_result
ph_event_result(const ph_event *event)
{
	return event->result;
}

uint64_t
ph_event_acceptance(const ph_event *event)
{
	return event->acceptance;
}

const char *
ph_event_text(const ph_event *event)
{
	return event->text;
}

uint64_t
ph_event_delivery(const ph_event *event)
{
	return event->delivery;
}

ph_message *
ph_event_message(const ph_event *event)
{
	return event->message;
}

const char *
ph_event_queue(const ph_event *event)
{
	return event->queue;
}

unsigned
ph_event_attempt(const ph_event *event)
{
	return event->attempt;
}

int
ph_event_redelivered(const ph_event *event)
{
	return event->flags != 0;
}

uint8_t
ph_event_flags(const ph_event *event)
{
	return event->flags;
}

uint64_t
ph_event_accepted_ms(const ph_event *event)
{
	return event->accepted_ms;
}

ph_slice
ph_event_reference(const ph_event *event)
{
	return event->reference;
}

ph_slice
ph_event_resume(const ph_event *event)
{
	return event->resume;
}

const char *
ph_event_subject(const ph_event *event)
{
	return event->subject;
}
