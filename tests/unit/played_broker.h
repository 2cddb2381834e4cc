/*
 * A broker for tests of the client, played on the same thread: it greets, takes what is published and
 * settled, hands out, and can be deaf, mute or gone.
 */
#ifndef PH_TESTS_PLAYED_BROKER_H
#define PH_TESTS_PLAYED_BROKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/client/host.h"
#include "lib/wire/socket.h"
#include "tests/unit/check_main.h"

/* On a machine that has much else to do a greeting alone takes seconds. So that the client does not give
 * up meanwhile, it waits as long as the test does, and the broker promises no sign of life before. */
#define DEADLINE_MS   60000
#define DEADLINE_TEXT "60000"
#define HEARTBEAT_MS  60000

typedef struct broker {
	ph_socket *socket;
	ph_peer peer; /* who spoke last */
	char directory[32];
	char endpoint[64];
	char hello_token[128]; /* of the last HELLO */
	uint8_t hello_flags;
	uint64_t published[64]; /* tickets, in order of arrival */
	size_t publishes;
	uint64_t settled[64];
	size_t settles;
	uint64_t reattached[64];
	size_t reattaches;
	size_t subscribes;
	bool mute; /* receive, but say nothing beyond WELCOME */
	size_t hellos;
	size_t deaf;	    /* so many HELLOs are not answered */
	uint32_t heartbeat; /* that WELCOME names; 0: HEARTBEAT_MS */
} broker;

static inline void
broker_up(broker *at)
{
	ck_assert_int_eq(ph_router_new(0, &at->socket, NULL), PH_OK);
	ck_assert_int_eq(ph_router_bind(at->socket, at->endpoint, NULL, NULL), PH_OK);
}

static inline void
start(broker *at, ph_client **client)
{
	*at = (broker){.socket = NULL};
	(void) snprintf(at->directory, sizeof at->directory, "/tmp/ph-client.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(at->directory));
	(void) snprintf(
	    at->endpoint, sizeof at->endpoint, "ipc://%s/bus", at->directory);
	broker_up(at);
	ck_assert_int_eq(
	    ph_client_new_host(at->endpoint, "once", "test", client, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_client_set(*client, "connect-timeout", DEADLINE_TEXT, NULL), PH_OK);
}

static inline void
stop(broker *at, ph_client **client)
{
	ph_client_destroy(client);
	ph_socket_destroy(&at->socket);
	(void) unlink(at->endpoint + strlen("ipc://"));
	(void) rmdir(at->directory);
}

static inline void
say(broker *at, ph_buffer *frame)
{
	ph_status status = ph_socket_send_buffer(at->socket, &at->peer, frame, NULL);
	/* whoever spoke last may have left since */
	ck_assert(status == PH_OK || status == PH_ERR_CLOSED);
	ph_buffer_fini(frame);
}

static inline void
welcome(broker *at)
{
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_WELCOME, 1);
	ph_buffer_u16(&frame, 1);
	ph_buffer_u16(&frame, 0);
	ph_buffer_u32(&frame, at->heartbeat > 0 ? at->heartbeat : HEARTBEAT_MS);
	ph_buffer_u32(&frame, PH_FRAME_MAX);
	ph_buffer_u32(&frame, 1000);
	ph_buffer_string(&frame, "again");
	ph_buffer_string(&frame, "broker");
	say(at, &frame);
}

static inline void
accept_all(broker *at, const ph_frame *got)
{
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_ACCEPTED, got->number);
	ph_buffer_u64(&frame, 100 + got->number);
	ph_frame_count(&frame, got->count);
	say(at, &frame);
}

static inline void
accept_one(broker *at, uint64_t ticket)
{
	ph_frame one = {.number = ticket, .count = 1};
	accept_all(at, &one);
}

static inline void
answer_settles(broker *at, ph_frame *got)
{
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_SETTLED, 0);
	ph_frame_count(&frame, got->count);
	for (uint32_t i = 0; i < got->count; i++) {
		ph_settle_view item;
		ck_assert_int_eq(ph_settle_read(got, &item, NULL), PH_OK);
		at->settled[at->settles++] = item.delivery;
		ph_buffer_u64(&frame, item.delivery);
	}
	if (at->mute)
		ph_buffer_fini(&frame);
	else
		say(at, &frame);
}

static inline void
serve(broker *at, ph_frame *got)
{
	ph_hello_view hello;
	if (got->type == PH_FRAME_HELLO) {
		ck_assert_int_eq(ph_hello_read(got, &hello, NULL), PH_OK);
		ck_assert(ph_slice_copy(
		    hello.token, at->hello_token, sizeof at->hello_token));
		at->hello_flags = hello.flags;
		if (++at->hellos > at->deaf)
			welcome(at);
	} else if (got->type == PH_FRAME_PUBLISH) {
		for (uint32_t i = 0; i < got->count; i++)
			at->published[at->publishes++] = got->number + i;
		if (!at->mute)
			accept_all(at, got);
	} else if (got->type == PH_FRAME_SETTLE) {
		answer_settles(at, got);
	} else if (got->type == PH_FRAME_SUBSCRIBE) {
		at->subscribes++;
	} else if (got->type == PH_FRAME_REATTACH) {
		for (uint32_t i = 0; i < got->count; i++)
			at->reattached[at->reattaches++] = ph_reader_u64(&got->body);
	}
}

static inline void
pump(broker *at)
{
	ph_received received;
	while (at->socket != NULL &&
	       ph_socket_receive(at->socket, &received, NULL) == PH_OK) {
		ph_frame frame;
		at->peer = received.peer;
		ck_assert_int_eq(
		    ph_frame_open(received.bytes, received.length, &frame, NULL),
		    PH_OK);
		serve(at, &frame);
	}
}

/* Turn both until the client has an event of this kind. */
static inline const ph_event *
until(broker *at, ph_client *client, ph_event_kind kind)
{
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	char lost[PH_ERROR_TEXT] = "never";
	while (ph_clock_mono(ph_clock_system()) < deadline) {
		const ph_event *event = NULL;
		pump(at);
		if (ph_client_next(client, 5, &event, NULL) != PH_OK)
			continue;
		if (ph_event_kind_of(event) == PH_EVENT_DISCONNECTED)
			(void) snprintf(lost, sizeof lost, "%s", ph_event_text(event));
		if (ph_event_kind_of(event) == kind)
			return event;
	}
	ck_abort_msg("no event of kind %d came; %zu were greeted; last lost: %s",
	    (int) kind, at->hellos, lost);
	return NULL;
}

static inline ph_message *
message(const char *id)
{
	ph_attribute attributes[] = {
	    {"id", id, strlen(id)}, {"source", "test", 4}, {"type", "t", 1}};
	ph_message *made = NULL;
	ck_assert_int_eq(ph_message_new(attributes, 3, "{}", 2, &made, NULL), PH_OK);
	return made;
}

static inline void
publish(ph_client *client, const char *id)
{
	ph_message *made = message(id);
	ck_assert_int_eq(ph_client_publish(client, made, NULL, NULL), PH_OK);
	ph_message_unref(&made);
}

/* So many, from this one on, in one frame. */
static inline void
deliver_some(broker *at, uint64_t delivery, uint32_t count)
{
	ph_message *made = message("d");
	size_t length;
	const void *bytes = ph_message_bytes(made, &length);
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_DELIVER, 1);
	for (uint32_t i = 0; i < count; i++)
		ph_deliver_write(&frame, &(ph_deliver_view){.delivery = delivery + i,
					     .attempt = 1,
					     .reference = {"", 0},
					     .resume = {"", 0},
					     .message = bytes,
					     .message_length = length});
	ph_frame_count(&frame, count);
	say(at, &frame);
	ph_message_unref(&made);
}

static inline void
deliver(broker *at, uint64_t delivery)
{
	deliver_some(at, delivery, 1);
}

#endif
