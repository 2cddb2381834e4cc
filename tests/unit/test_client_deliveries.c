/*
 * The client as a consumer, against a broker played on the same thread: subscriptions, deliveries and
 * the messages in them.
 */
#include <pthread.h>

#include "tests/unit/played_broker.h"
#include "tests/unit/scarce_memory.h"

/* More at once than the socket takes: none is forgotten, also not by the next connection. */
START_TEST(a_burst_of_subscriptions_arrives)
{
	enum { BURST = 4000 };
	broker at;
	ph_client *client = NULL;
	const ph_event *event;
	start(&at, &client);
	(void) until(&at, client, PH_EVENT_CONNECTED);
	for (int i = 0; i < BURST; i++)
		ck_assert_int_eq(ph_client_subscribe(client, "q", 1, NULL), PH_OK);
	for (int life = 1; life <= 2; life++) {
		int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
		while (at.subscribes < BURST &&
		       ph_clock_mono(ph_clock_system()) < deadline) {
			pump(&at);
			(void) ph_client_next(client, 1, &event, NULL);
		}
		ck_assert_uint_eq(at.subscribes, BURST);
		at.subscribes = 0;
		ph_socket_destroy(&at.socket);
		(void) until(&at, client, PH_EVENT_DISCONNECTED);
		broker_up(&at);
	}
	stop(&at, &client);
}
END_TEST

START_TEST(a_delivery_is_settled_once)
{
	broker at;
	ph_client *client = NULL;
	start(&at, &client);
	ck_assert_int_eq(ph_client_subscribe(client, "q", 10, NULL), PH_OK);
	(void) until(&at, client, PH_EVENT_CONNECTED);
	deliver(&at, 5);
	(void) until(&at, client, PH_EVENT_DELIVERY);
	ck_assert_int_eq(
	    ph_client_settle(client, 5, PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
	    PH_OK);
	ck_assert_int_eq(
	    ph_client_settle(client, 5, PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
	    PH_ERR_NOT_FOUND);
	(void) until(&at, client, PH_EVENT_SETTLED);
	ck_assert_uint_eq(at.settles, 1);
	stop(&at, &client);
}
END_TEST

static void *
read_and_let_go(void *argument)
{
	ph_message *kept = argument;
	bool whole = strcmp(ph_message_get(kept, "id", NULL), "d") == 0;
	ph_message_unref(&kept);
	return whole ? argument : NULL;
}

/* An application keeps messages while the client goes on to the next and the connection is lost, lets them go on
 * other threads (the thread sanitizer watches), and keeps one beyond the client's end. */
START_TEST(a_message_stays_as_long_as_it_is_kept)
{
	broker at;
	ph_client *client = NULL;
	pthread_t threads[12];
	ph_message *last = NULL;
	start(&at, &client);
	ck_assert_int_eq(ph_client_subscribe(client, "q", 100, NULL), PH_OK);
	(void) until(&at, client, PH_EVENT_CONNECTED);
	for (unsigned i = 0; i < 12; i++) {
		if (i == 6) {
			ph_socket_destroy(&at.socket);
			(void) until(&at, client, PH_EVENT_DISCONNECTED);
			broker_up(&at);
			(void) until(&at, client, PH_EVENT_CONNECTED);
		}
		if (i % 3 == 0)
			deliver_some(&at, 1 + i, 3);
		const ph_event *event = until(&at, client, PH_EVENT_DELIVERY);
		ck_assert_uint_eq(ph_event_delivery(event), 1 + i);
		ph_message *kept = ph_message_ref(ph_event_message(event));
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, read_and_let_go, kept), 0);
		if (i == 10)
			last = ph_message_ref(ph_event_message(event));
	}
	stop(&at, &client);
	for (unsigned i = 0; i < 12; i++) {
		void *whole;
		ck_assert_int_eq(pthread_join(threads[i], &whole), 0);
		ck_assert_ptr_nonnull(whole);
	}
	ck_assert_str_eq(ph_message_get(last, "source", NULL), "test");
	ph_message_unref(&last);
}
END_TEST

/* The nth allocation fails once the delivery is on its way. True: there was no nth. */
static bool
deliver_without_memory(unsigned long nth, size_t *losses)
{
	broker at;
	ph_client *client = NULL;
	const ph_event *event = NULL;
	start(&at, &client);
	ck_assert_int_eq(ph_client_subscribe(client, "q", 10, NULL), PH_OK);
	(void) until(&at, client, PH_EVENT_CONNECTED);
	int64_t deadline = ph_clock_mono(ph_clock_system()) + DEADLINE_MS;
	deliver(&at, 7);
	allocations = 0;
	fail_at = nth;
	while ((event == NULL || ph_event_kind_of(event) != PH_EVENT_DELIVERY) &&
	       at.hellos == 1) {
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < deadline,
		    "allocation %lu: neither the delivery nor a new connection", nth);
		pump(&at);
		counting = true;
		(void) ph_client_next(client, 5, &event, NULL);
		counting = false;
	}
	*losses += at.hellos > 1;
	stop(&at, &client);
	return allocations < nth;
}

/* What the client cannot hold is not lost without a word: it connects again, and gets it again. */
START_TEST(a_delivery_without_memory_comes_again)
{
	size_t losses = 0;
	unsigned long nth = 1;
	while (!deliver_without_memory(nth, &losses))
		ck_assert_uint_lt(++nth, 100);
	ck_assert_uint_gt(losses, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("client-deliveries");
	TCase *tests = tcase_create("client-deliveries");
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, a_burst_of_subscriptions_arrives);
	tcase_add_test(tests, a_delivery_is_settled_once);
	tcase_add_test(tests, a_message_stays_as_long_as_it_is_kept);
	tcase_add_test(tests, a_delivery_without_memory_comes_again);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
