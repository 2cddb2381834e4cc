/* The broker's end of the wire against a peer that is not ours: how far it is read ahead. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/wire/socket.h"
#include "tests/unit/check_main.h"

#define LARGE	(1u << 20)
#define STOPPED 500   /* ms in which nothing can be sent: the peer is stopped */
#define AWAIT	30000 /* ms for those that must get through */

static char directory[64], endpoint[100];
static ph_socket *router;
static void *context, *peer;

static void
setup(void)
{
	const int few = 1, forget = 0;
	(void) snprintf(directory, sizeof directory, "/tmp/ph-router.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void) snprintf(endpoint, sizeof endpoint, "ipc://%s/bus", directory);
	ck_assert_int_eq(ph_router_new(0, &router, NULL), PH_OK);
	context = zmq_ctx_new();
	peer = zmq_socket(context, ZMQ_DEALER);
	ck_assert_int_eq(zmq_setsockopt(peer, ZMQ_SNDHWM, &few, sizeof few), 0);
	ck_assert_int_eq(zmq_setsockopt(peer, ZMQ_LINGER, &forget, sizeof forget), 0);
}

static void
teardown(void)
{
	(void) zmq_close(peer);
	(void) zmq_ctx_term(context);
	ph_socket_destroy(&router);
	(void) unlink(endpoint + 6);
	(void) rmdir(directory);
}

/* How many of `most` can be sent until the peer is stopped, which is not to be before `least`. */
static unsigned
send_until_stopped(unsigned least, unsigned most, size_t length)
{
	char *bytes = calloc(1, length);
	unsigned sent = 0;
	zmq_pollitem_t item = {.socket = peer, .events = ZMQ_POLLOUT};
	while (sent < most && zmq_poll(&item, 1, sent < least ? AWAIT : STOPPED) == 1 &&
	       zmq_send(peer, bytes, length, ZMQ_DONTWAIT) == (int) length)
		sent++;
	free(bytes);
	return sent;
}

static const unsigned numbers[] = {4, 32};

/* Besides those ahead, some are on their way: in the peer, in the system, half read. */
START_TEST(a_peer_is_stopped_when_so_many_wait)
{
	const unsigned ahead = numbers[_i], under_way = 12;
	ck_assert_int_eq(ph_router_ahead(router, (int) ahead, NULL), PH_OK);
	ck_assert_int_eq(ph_router_bind(router, endpoint, NULL, NULL), PH_OK);
	ck_assert_int_eq(zmq_connect(peer, endpoint), 0);
	unsigned sent = send_until_stopped(ahead, 100, LARGE);
	ck_assert_msg(sent >= ahead && sent <= ahead + under_way, "%u were sent", sent);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("router");
	TCase *tests = tcase_create("router");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, a_peer_is_stopped_when_so_many_wait, 0, 2);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
