/*
 * What a socket receives stays for as long as somebody uses its holder; what ends a wait; and what is
 * sent without memory for it. Linked with --wrap for the functions of libzmq that take memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/base/clock.h"
#include "lib/wire/socket.h"
#include "tests/unit/check_main.h"

#define DEADLINE_MS 30000
#define FRAMES	    4

int __real_zmq_msg_init_size(zmq_msg_t *message, size_t size);
int __real_zmq_msg_init_data(
    zmq_msg_t *message, void *bytes, size_t size, zmq_free_fn *done, void *hint);
int __wrap_zmq_msg_init_size(zmq_msg_t *message, size_t size);
int __wrap_zmq_msg_init_data(
    zmq_msg_t *message, void *bytes, size_t size, zmq_free_fn *done, void *hint);

static bool no_memory;
static unsigned refusals;

static bool
refused(void)
{
	if (!no_memory)
		return false;
	errno = ENOMEM;
	refusals++;
	return true;
}

int
__wrap_zmq_msg_init_size(zmq_msg_t *message, size_t size)
{
	return refused() ? -1 : __real_zmq_msg_init_size(message, size);
}

int
__wrap_zmq_msg_init_data(
    zmq_msg_t *message, void *bytes, size_t size, zmq_free_fn *done, void *hint)
{
	return refused() ? -1
			 : __real_zmq_msg_init_data(message, bytes, size, done, hint);
}

/* In the frame itself, in a buffer shared with others, in one of its own. */
static const size_t sizes[] = {5, 1000, 100000};

typedef struct pair {
	char directory[64], endpoint[96];
	ph_socket *router, *dealer;
	ph_peer peer;
} pair;

static ph_received
receive(ph_socket *socket)
{
	ph_received received;
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	ph_status status;
	while ((status = ph_socket_receive(socket, &received, NULL)) == PH_ERR_AGAIN &&
	       ph_clock_mono(ph_clock_system()) < deadline)
		(void) ph_socket_wait(socket, -1, DEADLINE_MS);
	ck_assert_int_eq(status, PH_OK);
	return received;
}

static void
start(pair *at)
{
	*at = (pair){.directory = "/tmp/test-socket-XXXXXX"};
	ck_assert_ptr_nonnull(mkdtemp(at->directory));
	(void) snprintf(
	    at->endpoint, sizeof at->endpoint, "ipc://%s/bus", at->directory);
	ck_assert_int_eq(ph_router_new(0, &at->router, NULL), PH_OK);
	ck_assert_int_eq(ph_router_bind(at->router, at->endpoint, NULL, NULL), PH_OK);
	ck_assert_int_eq(ph_dealer_new(at->endpoint, NULL, &at->dealer, NULL), PH_OK);
	ck_assert_int_eq(ph_socket_send(at->dealer, NULL, "hello", 5, NULL), PH_OK);
	at->peer = receive(at->router).peer;
}

static void
stop(pair *at)
{
	ph_socket_destroy(&at->dealer);
	ph_socket_destroy(&at->router);
	(void) unlink(at->endpoint + strlen("ipc://"));
	ck_assert_int_eq(rmdir(at->directory), 0);
}

static void
send_filled(ph_socket *socket, const ph_peer *peer, int fill, size_t size)
{
	char *bytes = malloc(size);
	memset(bytes, fill, size);
	ck_assert_int_eq(ph_socket_send(socket, peer, bytes, size, NULL), PH_OK);
	free(bytes);
}

static bool
is_filled(const void *bytes, int fill, size_t size)
{
	const char *at = bytes;
	for (size_t i = 0; i < size; i++) {
		if (at[i] != fill)
			return false;
	}
	return true;
}

/* Receive all, keep every second one, look at those when the socket has gone. */
static void
keep_some(ph_socket **socket, size_t size)
{
	ph_holder *kept[FRAMES] = {NULL};
	const void *bytes[FRAMES];
	for (int i = 0; i < FRAMES; i++) {
		ph_received received = receive(*socket);
		ck_assert_uint_eq(received.length, size);
		ck_assert(is_filled(received.bytes, 'a' + i, size));
		ck_assert(ph_holder_alone(received.holder));
		bytes[i] = received.bytes;
		if (i % 2 == 0)
			kept[i] = ph_holder_ref(received.holder);
	}
	ph_socket_destroy(socket);
	for (int i = 0; i < FRAMES; i += 2) {
		ck_assert(is_filled(bytes[i], 'a' + i, size));
		ck_assert(ph_holder_alone(kept[i]));
		ph_holder_unref(&kept[i]);
	}
}

START_TEST(a_client_keeps_frames)
{
	pair at;
	start(&at);
	for (int i = 0; i < FRAMES; i++)
		send_filled(at.router, &at.peer, 'a' + i, sizes[_i]);
	keep_some(&at.dealer, sizes[_i]);
	stop(&at);
}
END_TEST

START_TEST(a_broker_keeps_frames)
{
	pair at;
	start(&at);
	for (int i = 0; i < FRAMES; i++)
		send_filled(at.dealer, NULL, 'a' + i, sizes[_i]);
	keep_some(&at.router, sizes[_i]);
	stop(&at);
}
END_TEST

/* Where nobody keeps them, one holder serves for all. */
START_TEST(an_unused_holder_serves_again)
{
	pair at;
	start(&at);
	for (int i = 0; i < FRAMES; i++)
		send_filled(at.dealer, NULL, 'a' + i, 1000);
	const ph_holder *first = receive(at.router).holder;
	for (int i = 1; i < FRAMES; i++)
		ck_assert_ptr_eq(receive(at.router).holder, first);
	stop(&at);
}
END_TEST

/* ---- sending ---- */

static void
fill_buffer(ph_buffer *frame, int fill, size_t size)
{
	ph_buffer_init(frame, 0);
	for (size_t i = 0; i < size; i++)
		ph_buffer_u8(frame, (uint8_t) fill);
}

/* No memory for it, either way of sending: an error, and whatever is sent next comes whole. */
START_TEST(what_there_is_no_memory_for_is_not_begun)
{
	pair at;
	ph_buffer frame;
	char bytes[1000] = {0};
	start(&at);
	fill_buffer(&frame, 'b', sizes[_i]);
	no_memory = true;
	refusals = 0;
	ck_assert_int_ne(
	    ph_socket_send_buffer(at.router, &at.peer, &frame, NULL), PH_OK);
	ck_assert_int_ne(
	    ph_socket_send(at.router, &at.peer, bytes, sizeof bytes, NULL), PH_OK);
	ck_assert_uint_eq(refusals, 2);
	no_memory = false;
	send_filled(at.router, &at.peer, 'a', sizes[_i]);
	ck_assert_uint_eq(frame.length, sizes[_i]); /* still the caller's */
	ck_assert_int_eq(
	    ph_socket_send_buffer(at.router, &at.peer, &frame, NULL), PH_OK);
	ck_assert_ptr_null(frame.data);
	for (int fill = 'a'; fill <= 'b'; fill++) {
		ph_received received = receive(at.dealer);
		ck_assert_uint_eq(received.length, sizes[_i]);
		ck_assert(is_filled(received.bytes, fill, sizes[_i]));
	}
	stop(&at);
}
END_TEST

/* A frame for somebody who is gone stays the caller's, too. */
START_TEST(what_nobody_can_be_sent_is_the_callers)
{
	pair at;
	ph_buffer frame;
	const ph_peer nobody = {.length = 4, .bytes = {9, 9, 9, 9}};
	start(&at);
	fill_buffer(&frame, 'b', sizes[_i]);
	ck_assert_int_eq(
	    ph_socket_send_buffer(at.router, &nobody, &frame, NULL), PH_ERR_CLOSED);
	ck_assert_int_eq(
	    ph_socket_send(at.router, &nobody, frame.data, 5, NULL), PH_ERR_CLOSED);
	ck_assert(is_filled(frame.data, 'b', sizes[_i]));
	ck_assert_int_eq(
	    ph_socket_send_buffer(at.router, &at.peer, &frame, NULL), PH_OK);
	ck_assert(is_filled(receive(at.dealer).bytes, 'b', sizes[_i]));
	stop(&at);
}
END_TEST

static int64_t
now(void)
{
	return ph_clock_mono(ph_clock_system());
}

/* A wait ends with a frame, with the loss of the connection, or with something else to read. */
START_TEST(a_wait_ends_when_there_is_something)
{
	pair at;
	int pipe_ends[2];
	int64_t started = now();
	ph_received received;
	start(&at);
	ck_assert_int_eq(pipe(pipe_ends), 0);
	for (int i = 0; i < 3; i++) { /* also when something was sent since */
		ck_assert_int_eq(
		    ph_socket_receive(at.dealer, &received, NULL), PH_ERR_AGAIN);
		ck_assert(!ph_socket_lost(at.dealer));
		send_filled(at.dealer, NULL, 'q', 10);
		(void) receive(at.router);
		send_filled(at.router, &at.peer, 'a', 10);
		ck_assert_uint_eq(receive(at.dealer).length, 10);
	}
	ck_assert_int_eq(ph_socket_receive(at.dealer, &received, NULL), PH_ERR_AGAIN);
	ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
	ck_assert(ph_socket_wait(at.dealer, pipe_ends[0], DEADLINE_MS));
	ph_socket_destroy(&at.router);
	while (!ph_socket_lost(at.dealer) && now() - started < DEADLINE_MS)
		(void) ph_socket_wait(at.dealer, -1, DEADLINE_MS);
	ck_assert(ph_socket_lost(at.dealer));
	ck_assert_int_lt(now() - started, DEADLINE_MS);
	(void) close(pipe_ends[0]);
	(void) close(pipe_ends[1]);
	stop(&at);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tests = tcase_create("socket");
	tcase_add_loop_test(
	    tests, a_client_keeps_frames, 0, (int) (sizeof sizes / sizeof sizes[0]));
	tcase_add_loop_test(
	    tests, a_broker_keeps_frames, 0, (int) (sizeof sizes / sizeof sizes[0]));
	tcase_add_test(tests, an_unused_holder_serves_again);
	tcase_add_loop_test(tests, what_there_is_no_memory_for_is_not_begun, 0,
	    (int) (sizeof sizes / sizeof sizes[0]));
	tcase_add_loop_test(tests, what_nobody_can_be_sent_is_the_callers, 0,
	    (int) (sizeof sizes / sizeof sizes[0]));
	tcase_add_test(tests, a_wait_ends_when_there_is_something);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
