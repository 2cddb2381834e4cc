/*
 * The broker with a peer that speaks frame by frame: one that comes back, one that is a stranger, and
 * how many deliveries are in a frame.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/wire/frame.h"
#include "lib/wire/socket.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

#define ALONE  256 /* deliveries in a frame for an only consumer */
#define SHARED 64  /* where there is another */

static ph_client *publisher;

static void
setup(void)
{
	fixture_setup();
	fixture_start();
	publisher = fixture_client("publisher");
}

static void
teardown(void)
{
	ph_client_destroy(&publisher);
	fixture_teardown();
}

/* ---- the peer ---- */

typedef struct raw_peer {
	ph_socket *socket;
	char endpoint[128], token[80];
	const char *instance; /* of the process it says it is */
	uint8_t flags;
} raw_peer;

static void
copy_member(const char *answer, const char *name, char *out, size_t size)
{
	const char *at = strstr(answer, name);
	ck_assert_ptr_nonnull(at);
	at += strlen(name);
	size_t length = strcspn(at, "\"");
	ck_assert_uint_lt(length, size);
	memcpy(out, at, length);
	out[length] = 0;
}

/* The next frame of that type, others passed over; false: none within the time. */
static bool
raw_next(raw_peer *peer, ph_frame_type type, int for_ms, ph_frame *out)
{
	ph_received received;
	int64_t end = ph_clock_mono(ph_clock_system()) + for_ms;
	while (ph_clock_mono(ph_clock_system()) < end) {
		if (ph_socket_receive(peer->socket, &received, NULL) != PH_OK) {
			(void) ph_socket_wait(peer->socket, -1, 10);
			continue;
		}
		ck_assert_int_eq(
		    ph_frame_open(received.bytes, received.length, out, NULL), PH_OK);
		if (out->type == type)
			return true;
	}
	return false;
}

static void
raw_send(raw_peer *peer, ph_buffer *frame)
{
	ck_assert_int_eq(ph_socket_send_buffer(peer->socket, NULL, frame, NULL), PH_OK);
	ph_buffer_fini(frame);
}

static void
raw_plain(raw_peer *peer, ph_frame_type type, uint64_t number)
{
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, type, number);
	raw_send(peer, &frame);
}

/* HELLO and WELCOME, which has the token for the next time. */
static void
raw_greet(raw_peer *peer)
{
	ph_buffer frame;
	ph_frame welcome;
	ck_assert_int_eq(
	    ph_dealer_new(peer->endpoint, NULL, &peer->socket, NULL), PH_OK);
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_HELLO, 0);
	ph_buffer_u16(&frame, 1);
	ph_buffer_u16(&frame, 1);
	ph_buffer_u8(&frame, PH_ROLE_CLIENT);
	ph_buffer_u8(&frame, peer->flags);
	ph_buffer_string(&frame, "raw");
	ph_buffer_string(&frame, peer->token);
	ph_buffer_string(&frame, peer->instance);
	raw_send(peer, &frame);
	ck_assert(raw_next(peer, PH_FRAME_WELCOME, PATIENCE_MS, &welcome));
	(void) ph_reader_bytes(&welcome.body, 16);
	ph_reader_copy(&welcome.body, peer->token, sizeof peer->token);
	ck_assert(!welcome.body.failed);
	peer->flags = PH_HELLO_RESUMING;
}

static void
raw_subscribe(raw_peer *peer, const char *queue, uint32_t credit)
{
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_SUBSCRIBE, 1);
	ph_buffer_string(&frame, queue);
	ph_buffer_u32(&frame, credit);
	ph_buffer_u8(&frame, 0);
	raw_send(peer, &frame);
}

static raw_peer
raw_open(const char *instance)
{
	raw_peer peer = {.instance = instance};
	const char *grant = fixture_ask("session.open", "{\"name\":\"raw\"}");
	copy_member(grant, "\"endpoint\":\"", peer.endpoint, sizeof peer.endpoint);
	copy_member(grant, "\"token\":\"", peer.token, sizeof peer.token);
	raw_greet(&peer);
	return peer;
}

/* ---- who it is ---- */

/* The number of the next delivery, which comes alone. */
static uint64_t
next_delivery(raw_peer *peer)
{
	ph_frame frame;
	ck_assert(raw_next(peer, PH_FRAME_DELIVER, PATIENCE_MS, &frame));
	ck_assert_uint_eq(frame.count, 1);
	(void) ph_reader_u32(&frame.body);
	return ph_reader_u64(&frame.body);
}

static void
raw_settle(raw_peer *peer, uint64_t delivery, uint8_t outcome)
{
	ph_settle_view said = {.outcome = outcome,
	    .delivery = delivery,
	    .reference = {"", 0},
	    .stage = {"", 0},
	    .reason = {"", 0},
	    .path = {"", 0},
	    .text = {"", 0}};
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_SETTLE, 0);
	ph_settle_write(&frame, &said, NULL, 0);
	ph_frame_count(&frame, 1);
	raw_send(peer, &frame);
}

/* What it holds and what it has settled, or has rejected, may still be on its way when it subscribes
 * again. */
START_TEST(a_session_that_comes_back_is_heard_first)
{
	static const uint8_t outcomes[] = {PH_DELIVERED, PH_REJECTED};
	ph_frame frame;
	raw_peer peer = raw_open("instance");
	raw_subscribe(&peer, "bench", 10);
	(void) fixture_publish(publisher, "bench.v1", "A", NULL, "x", NULL);
	uint64_t delivery = next_delivery(&peer);
	fixture_kill();
	ph_socket_destroy(&peer.socket);
	fixture_start();
	raw_greet(&peer);
	raw_subscribe(&peer, "bench", 10);
	ck_assert(raw_next(&peer, PH_FRAME_PING, PATIENCE_MS, &frame));
	uint64_t number = frame.number;
	ck_assert_uint_ne(number, 0);
	ck_assert(!raw_next(&peer, PH_FRAME_DELIVER, 300, &frame));
	raw_settle(&peer, delivery, outcomes[_i]);
	raw_plain(&peer, PH_FRAME_PONG, number);
	ck_assert(raw_next(&peer, PH_FRAME_SETTLED, PATIENCE_MS, &frame));
	(void) fixture_publish(publisher, "bench.v1", "B", NULL, "x", NULL);
	ck_assert_uint_eq(next_delivery(&peer), delivery + 1);
	ck_assert_int_eq(fixture_status(_i == 0 ? "delivered" : "dead"), 1);
	ph_socket_destroy(&peer.socket);
}
END_TEST

/* Who does not hold a delivery cannot reject it. That it was delivered is true whoever says it. */
START_TEST(what_another_holds_is_not_rejected)
{
	ph_frame frame;
	raw_peer peer = raw_open("instance"), other = raw_open("other");
	raw_subscribe(&peer, "bench", 1);
	(void) fixture_publish(publisher, "bench.v1", "A", NULL, "x", NULL);
	uint64_t delivery = next_delivery(&peer);
	raw_subscribe(&other, "bench", 1);
	raw_settle(&other, delivery, PH_REJECTED);
	ck_assert(raw_next(&other, PH_FRAME_SETTLED, PATIENCE_MS, &frame));
	ck_assert_int_eq(fixture_status("dead"), 0);
	raw_settle(&other, delivery, PH_DELIVERED);
	ck_assert(raw_next(&other, PH_FRAME_SETTLED, PATIENCE_MS, &frame));
	ck_assert_int_eq(fixture_status("delivered"), 1);
	fixture_check_balance();
	ph_socket_destroy(&peer.socket);
	ph_socket_destroy(&other.socket);
}
END_TEST

START_TEST(strangers_are_refused)
{
	ph_frame frame;
	raw_peer peer = raw_open("instance");
	ck_assert_int_eq(ph_socket_send(peer.socket, NULL, "nonsense", 8, NULL), PH_OK);
	ck_assert(raw_next(&peer, PH_FRAME_REFUSED, PATIENCE_MS, &frame));
	/* Its session is over; it may greet again. */
	raw_plain(&peer, PH_FRAME_PING, 7);
	ck_assert(raw_next(&peer, PH_FRAME_BYE, PATIENCE_MS, &frame));
	ph_socket_destroy(&peer.socket);
	raw_greet(&peer);
	ph_socket_destroy(&peer.socket);
	peer.token[0] = peer.token[0] == 'a' ? 'b' : 'a';
	ck_assert_int_eq(ph_dealer_new(peer.endpoint, NULL, &peer.socket, NULL), PH_OK);
	ph_buffer hello;
	ph_buffer_init(&hello, 0);
	ph_frame_begin(&hello, PH_FRAME_HELLO, 0);
	ph_buffer_u16(&hello, 1);
	ph_buffer_u16(&hello, 1);
	ph_buffer_u8(&hello, PH_ROLE_HOST);
	ph_buffer_u8(&hello, 0);
	ph_buffer_string(&hello, "bench");
	ph_buffer_string(&hello, peer.token);
	ph_buffer_string(&hello, "instance");
	raw_send(&peer, &hello);
	ck_assert(raw_next(&peer, PH_FRAME_REFUSED, PATIENCE_MS, &frame));
	ph_socket_destroy(&peer.socket);
	/* Others did not notice. */
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "A", NULL, "x", NULL), PH_ACCEPTED);
}
END_TEST

/* ---- how much it gets at a time ---- */

/* So many messages are in the queue. */
static void
fill(unsigned count)
{
	char id[16];
	for (unsigned i = 0; i < count; i++) {
		(void) snprintf(id, sizeof id, "M%u", i);
		const ph_attribute attributes[] = {{"id", id, strlen(id)},
		    {"source", "urn:test", 8}, {"type", "bench.v1", 8}};
		ph_message *message = NULL;
		ck_assert_int_eq(
		    ph_message_new(attributes, 3, "x", 1, &message, NULL), PH_OK);
		ck_assert_int_eq(
		    ph_client_publish(publisher, message, NULL, NULL), PH_OK);
		ph_message_unref(&message);
	}
	ck_assert_int_eq(ph_client_flush(publisher, NULL), PH_OK);
	for (unsigned i = 0; i < count; i++)
		(void) fixture_event(publisher, PH_EVENT_RESULT);
}

/* What the next DELIVER has in it. */
static uint32_t
next_count(raw_peer *peer)
{
	ph_frame frame;
	ck_assert(raw_next(peer, PH_FRAME_DELIVER, PATIENCE_MS, &frame));
	return frame.count;
}

START_TEST(an_only_consumer_gets_more_at_a_time)
{
	fill(2 * ALONE + 10);
	raw_peer peer = raw_open("instance");
	raw_subscribe(&peer, "bench", 2 * ALONE + 10);
	ck_assert_uint_eq(next_count(&peer), ALONE);
	ck_assert_uint_eq(next_count(&peer), ALONE);
	ck_assert_uint_eq(next_count(&peer), 10);
	ph_socket_destroy(&peer.socket);
}
END_TEST

/* One that can take no more counts all the same: it may settle what it has at any time. */
START_TEST(one_of_two_gets_less_at_a_time)
{
	raw_peer other = raw_open("other");
	raw_subscribe(&other, "bench", 1);
	fill(3 * SHARED + 1);
	ck_assert_uint_eq(next_count(&other), 1);
	raw_peer peer = raw_open("instance");
	raw_subscribe(&peer, "bench", 3 * SHARED);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(next_count(&peer), SHARED);
	ph_socket_destroy(&peer.socket);
	ph_socket_destroy(&other.socket);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker_frames");
	TCase *tests = tcase_create("peer");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, a_session_that_comes_back_is_heard_first, 0, 2);
	tcase_add_test(tests, what_another_holds_is_not_rejected);
	tcase_add_test(tests, strangers_are_refused);
	tcase_add_test(tests, an_only_consumer_gets_more_at_a_time);
	tcase_add_test(tests, one_of_two_gets_less_at_a_time);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
