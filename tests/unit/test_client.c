/*
 * The client against a broker played by the test on the same thread: what is promised survives a
 * broker that goes away.
 */
#include <zmq.h>

#include "tests/unit/played_broker.h"

START_TEST(results_come_in_order_with_tickets)
{
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	(void) until(&at, client, PH_EVENT_CONNECTED);
	ck_assert_str_eq(at.hello_token, "once");
	for (int i = 0; i < 3; i++)
		publish(client, "x");
	ck_assert_uint_eq(ph_client_pending(client), 3);
	for (uint64_t ticket = 1; ticket <= 3; ticket++) {
		const ph_event *event = until(&at, client, PH_EVENT_RESULT);
		ck_assert_uint_eq(ph_event_ticket(event), ticket);
		ck_assert_uint_eq(ph_event_acceptance(event), 100 + 1 + ticket - 1);
		ck_assert_int_eq(ph_event_result(event), PH_ACCEPTED);
	}
	ck_assert_uint_eq(ph_client_pending(client), 0);
	stop(&at, &client);
}
END_TEST

START_TEST(a_full_window_refuses)
{
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	ck_assert_int_eq(ph_client_set(client, "window", "2", NULL), PH_OK);
	publish(client, "a");
	publish(client, "b");
	ph_message *made = message("c");
	ck_assert_int_eq(ph_client_publish(client, made, NULL, NULL), PH_ERR_FULL);
	ph_message_unref(&made);
	stop(&at, &client);
}
END_TEST

/* Until the broker hears something that was said after all that was sent before. */
static void
pump_until_heard(broker *at, ph_client *client)
{
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	size_t subscribes = at->subscribes;
	ck_assert_int_eq(ph_client_subscribe(client, "q", 1, NULL), PH_OK);
	while (at->subscribes == subscribes) {
		const ph_event *event = NULL;
		ck_assert_int_lt(ph_clock_mono(ph_clock_system()), deadline);
		pump(at);
		(void) ph_client_next(client, 5, &event, NULL);
	}
}

static ph_message *
large_message(void)
{
	enum { LARGE = 1000000 };
	char *data = calloc(1, LARGE);
	ph_attribute attributes[] = {
	    {"id", "x", 1}, {"source", "test", 4}, {"type", "t", 1}};
	ph_message *made = NULL;
	ck_assert_ptr_nonnull(data);
	ck_assert_int_eq(
	    ph_message_new(attributes, 3, data, LARGE, &made, NULL), PH_OK);
	free(data);
	return made;
}

/* Large messages to a broker that answers none: so many as may be under way have come there. */
static void
publish_large(broker *at, ph_client *client, int count)
{
	ph_message *made = large_message();
	(void) until(at, client, PH_EVENT_CONNECTED);
	at->mute = true;
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(ph_client_publish(client, made, NULL, NULL), PH_OK);
	ck_assert_int_eq(ph_client_flush(client, NULL), PH_OK);
	pump_until_heard(at, client); /* what comes after them has come */
	ck_assert_uint_eq(at->publishes, 16);
	ck_assert_uint_eq(ph_client_pending(client), (size_t) count);
	ph_message_unref(&made);
}

/* Of large messages only 16 MiB are under way; what waits goes out as results come. */
START_TEST(large_messages_fly_a_few_at_a_time)
{
	enum { COUNT = 40, AT_ONCE = 16 };
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	publish_large(&at, client, COUNT);
	at.mute = false;
	for (uint64_t ticket = 1; ticket <= AT_ONCE; ticket++)
		accept_one(&at, ticket);
	while (ph_client_pending(client) > 0)
		(void) until(&at, client, PH_EVENT_RESULT);
	ck_assert_uint_eq(at.publishes, COUNT);
	stop(&at, &client);
}
END_TEST

/* What was under way when the connection was lost is no more: all of it goes out to the next. */
START_TEST(large_messages_fly_again_after_a_loss)
{
	enum { COUNT = 40 };
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	publish_large(&at, client, COUNT);
	ph_socket_destroy(&at.socket);
	(void) until(&at, client, PH_EVENT_DISCONNECTED);
	broker_up(&at);
	at.publishes = 0;
	(void) until(&at, client, PH_EVENT_CONNECTED);
	pump_until_heard(&at, client); /* perhaps the old subscription alone */
	pump_until_heard(&at, client);
	ck_assert_uint_eq(at.publishes, 16);
	at.mute = false;
	for (uint64_t ticket = 16; ticket >= 1; ticket--)
		accept_one(&at, ticket);
	while (ph_client_pending(client) > 0)
		(void) until(&at, client, PH_EVENT_RESULT);
	ck_assert_uint_eq(at.publishes, COUNT);
	for (uint64_t i = 0; i < COUNT; i++)
		ck_assert_uint_eq(at.published[i], i + 1);
	stop(&at, &client);
}
END_TEST

/* Everything unconfirmed is repeated to a broker that comes back, and only that. */
START_TEST(promises_outlive_the_broker)
{
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	ck_assert_int_eq(ph_client_subscribe(client, "q", 10, NULL), PH_OK);
	(void) until(&at, client, PH_EVENT_CONNECTED);
	publish(client, "answered");
	(void) until(&at, client, PH_EVENT_RESULT);
	deliver(&at, 71);
	ck_assert_uint_eq(ph_event_delivery(until(&at, client, PH_EVENT_DELIVERY)), 71);
	deliver(&at, 72);
	ck_assert_uint_eq(ph_event_delivery(until(&at, client, PH_EVENT_DELIVERY)), 72);
	at.mute = true;
	publish(client, "lost");
	ck_assert_int_eq(
	    ph_client_settle(client, 71, PH_DELIVERED, "R", NULL, NULL, 0, NULL),
	    PH_OK);
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	while ((at.settles < 1 || at.publishes < 2) &&
	       ph_clock_mono(ph_clock_system()) < deadline) {
		const ph_event *event;
		(void) ph_client_next(client, 1, &event, NULL);
		pump(&at);
	}
	ck_assert_uint_eq(at.settles, 1);
	ph_socket_destroy(&at.socket);
	(void) until(&at, client, PH_EVENT_DISCONNECTED);
	broker_up(&at);
	at.mute = false;
	at.publishes = at.settles = at.subscribes = 0;
	(void) until(&at, client, PH_EVENT_CONNECTED);
	ck_assert_str_eq(at.hello_token, "again");
	ck_assert_uint_eq(at.hello_flags & PH_HELLO_RESUMING, PH_HELLO_RESUMING);
	const ph_event *event = until(&at, client, PH_EVENT_SETTLED);
	ck_assert_uint_eq(ph_event_delivery(event), 71);
	ck_assert_uint_eq(ph_event_ticket(until(&at, client, PH_EVENT_RESULT)), 2);
	ck_assert_uint_eq(at.publishes, 1);
	ck_assert_uint_eq(at.published[0], 2);
	ck_assert_uint_eq(at.subscribes, 1);
	ck_assert_uint_eq(at.reattaches, 1);
	ck_assert_uint_eq(at.reattached[0], 72);
	ck_assert_uint_eq(ph_client_unsettled(client), 0);
	stop(&at, &client);
}
END_TEST

/* A broker that is just starting, or starved: nothing that was handed over waits for ever. */
START_TEST(a_greeting_without_an_answer_is_said_again)
{
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	at.deaf = 2;
	ck_assert_int_eq(ph_client_set(client, "connect-timeout", "100", NULL), PH_OK);
	publish(client, "waits");
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	while (at.hellos < at.deaf && ph_clock_mono(ph_clock_system()) < deadline) {
		const ph_event *event;
		pump(&at);
		(void) ph_client_next(client, 5, &event, NULL);
	}
	/* the one that is answered may take longer, on a machine that is busy */
	ck_assert_int_eq(
	    ph_client_set(client, "connect-timeout", DEADLINE_TEXT, NULL), PH_OK);
	ck_assert_uint_eq(ph_event_ticket(until(&at, client, PH_EVENT_RESULT)), 1);
	ck_assert_uint_ge(at.hellos, 3);
	ck_assert_uint_eq(at.publishes, 1);
	stop(&at, &client);
}
END_TEST

/* The connection stands, but nobody is behind it any more. */
START_TEST(a_silent_broker_is_left_and_everything_repeated)
{
	broker at;
	ph_client *client = NULL;
	const ph_event *event = NULL;
	start(&at, &client);
	at.heartbeat = 40;
	(void) until(&at, client, PH_EVENT_CONNECTED);
	publish(client, "unheard");
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	do /* without a turn of the broker's */
		(void) ph_client_next(client, 5, &event, NULL);
	while ((event == NULL || ph_event_kind_of(event) != PH_EVENT_DISCONNECTED) &&
	       ph_clock_mono(ph_clock_system()) < deadline);
	ck_assert_ptr_nonnull(event);
	ck_assert_int_eq(strncmp(ph_event_text(event), "PH6407", 6), 0);
	ck_assert_uint_eq(ph_client_pending(client), 1);
	at.heartbeat = 0;
	ck_assert_uint_eq(ph_event_ticket(until(&at, client, PH_EVENT_RESULT)), 1);
	ck_assert_uint_eq(ph_client_pending(client), 0);
	stop(&at, &client);
}
END_TEST

START_TEST(refusal_is_final_for_a_host)
{
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	ph_received received;
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	const ph_event *event;
	while (ph_socket_receive(at.socket, &received, NULL) != PH_OK &&
	       ph_clock_mono(ph_clock_system()) < deadline)
		(void) ph_client_next(client, 1, &event, NULL);
	at.peer = received.peer;
	ph_buffer frame;
	ph_buffer_init(&frame, 0);
	ph_frame_begin(&frame, PH_FRAME_REFUSED, 0);
	ph_buffer_u32(&frame, PH_ERR_DENIED);
	ph_buffer_string(&frame, "not you");
	say(&at, &frame);
	ph_error err = {.status = PH_OK};
	ck_assert_int_eq(ph_client_connect(client, DEADLINE_MS, &err), PH_ERR_DENIED);
	ck_assert_str_eq(err.text, "not you");
	stop(&at, &client);
}
END_TEST

START_TEST(no_broker_is_a_timeout_that_says_so)
{
	ph_client *client = NULL;
	ph_error err;
	ck_assert_int_eq(ph_client_new("/nonexistent/control", &client, NULL), PH_OK);
	ck_assert_int_eq(ph_client_connect(client, 50, &err), PH_ERR_TIMEOUT);
	ck_assert(strstr(err.text, "PH6416") != NULL);
	ph_client_destroy(&client);
}
END_TEST

START_TEST(tcp_without_keys_is_refused)
{
	ph_socket *socket = NULL;
	ck_assert_int_eq(ph_router_new(0, &socket, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_router_bind(socket, "tcp://127.0.0.1:*", NULL, NULL), PH_ERR_DENIED);
	ph_socket_destroy(&socket);
}
END_TEST

/* Keys of this test alone. */
#define SERVER_PUBLIC "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define SERVER_SECRET "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
#define CLIENT_PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define CLIENT_SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

static void
say_hello(const char *endpoint, const ph_curve *keys, ph_socket **dealer)
{
	ck_assert_int_eq(ph_dealer_new(endpoint, keys, dealer, NULL), PH_OK);
	ck_assert_int_eq(ph_socket_send(*dealer, NULL, "hello", 5, NULL), PH_OK);
}

/* Z85 keys of RFC 26's examples: a registered key comes in and is named, an unknown one does not. */
START_TEST(curve_lets_in_registered_keys_only)
{
	const char *const allowed[] = {_i == 0 ? CLIENT_PUBLIC : SERVER_PUBLIC, NULL};
	ph_curve ours = {.secret_key = SERVER_SECRET,
	    .public_key = SERVER_PUBLIC,
	    .allowed = allowed};
	ph_curve theirs = {.public_key = CLIENT_PUBLIC,
	    .secret_key = CLIENT_SECRET,
	    .server_key = SERVER_PUBLIC};
	ph_socket *router = NULL, *dealer = NULL;
	char endpoint[64];
	size_t size = sizeof endpoint;
	ck_assert_int_eq(ph_router_new(0, &router, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_router_bind(router, "tcp://127.0.0.1:*", &ours, NULL), PH_OK);
	ck_assert_int_eq(zmq_getsockopt(ph_socket_handle(router), ZMQ_LAST_ENDPOINT,
			     endpoint, &size),
	    0);
	say_hello(endpoint, &theirs, &dealer);
	ph_received received = {.user = NULL};
	int64_t deadline =
	    ph_clock_mono(ph_clock_system()) + (_i == 0 ? DEADLINE_MS : 500);
	ph_status status = PH_ERR_AGAIN;
	while (status == PH_ERR_AGAIN && ph_clock_mono(ph_clock_system()) < deadline) {
		(void) ph_socket_wait(router, -1, 10);
		status = ph_socket_receive(router, &received, NULL);
		/* a handshake that took too long, if the key is right */
		if (status == PH_ERR_AGAIN && ph_socket_lost(dealer)) {
			ph_socket_destroy(&dealer);
			say_hello(endpoint, &theirs, &dealer);
		}
	}
	ck_assert_int_eq(status, _i == 0 ? PH_OK : PH_ERR_AGAIN);
	if (_i == 0) {
		ck_assert_ptr_nonnull(received.user);
		ck_assert_str_eq(received.user, CLIENT_PUBLIC);
	}
	ph_socket_destroy(&dealer);
	ph_socket_destroy(&router);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("client");
	TCase *tests = tcase_create("client");
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, results_come_in_order_with_tickets);
	tcase_add_test(tests, a_full_window_refuses);
	tcase_add_test(tests, large_messages_fly_a_few_at_a_time);
	tcase_add_test(tests, large_messages_fly_again_after_a_loss);
	tcase_add_test(tests, promises_outlive_the_broker);
	tcase_add_test(tests, a_greeting_without_an_answer_is_said_again);
	tcase_add_test(tests, a_silent_broker_is_left_and_everything_repeated);
	tcase_add_test(tests, refusal_is_final_for_a_host);
	tcase_add_test(tests, no_broker_is_a_timeout_that_says_so);
	tcase_add_test(tests, tcp_without_keys_is_refused);
	tcase_add_loop_test(tests, curve_lets_in_registered_keys_only, 0, 2);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
