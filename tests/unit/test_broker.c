/*
 * The broker with plain clients: what is accepted is kept, in order, through kills; what is repeated
 * is recognised; what fails is tried again and then kept for an operator; and the books balance.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/wire/frame.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

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

static ph_client *
consumer(const char *queue, uint32_t credit)
{
	ph_client *client = fixture_client("consumer");
	ck_assert_int_eq(ph_client_subscribe(client, queue, credit, NULL), PH_OK);
	return client;
}

static void
settle(ph_client *client, const ph_event *event, ph_outcome outcome)
{
	ck_assert_int_eq(ph_client_settle(client, ph_event_delivery(event), outcome,
			     NULL, "because", "a test says so", 0, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_client_flush(client, NULL), PH_OK);
}

static const char *
id_of(const ph_event *event)
{
	return ph_message_get(ph_event_message(event), "id", NULL);
}

START_TEST(there_and_settled)
{
	uint64_t acceptance = 0;
	ph_client *client = consumer("bench", 10);
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "A", "S-1", "hello", &acceptance),
	    PH_ACCEPTED);
	ck_assert_uint_eq(acceptance, 1);
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	size_t length = 0;
	ck_assert_str_eq(id_of(event), "A");
	ck_assert_str_eq(ph_event_queue(event), "bench");
	ck_assert_uint_eq(ph_event_attempt(event), 1);
	ck_assert(!ph_event_redelivered(event));
	ck_assert_mem_eq(ph_message_data(ph_event_message(event), &length), "hello", 5);
	settle(client, event, PH_DELIVERED);
	(void) fixture_event(client, PH_EVENT_SETTLED);
	ck_assert_int_eq(fixture_status("delivered"), 1);
	ck_assert_int_eq(fixture_status("pending"), 0);
	fixture_check_balance();
	ph_client_destroy(&client);
	ck_assert_int_eq(fixture_stop(), 0);
}
END_TEST

START_TEST(repeats_and_conflicts)
{
	uint64_t first = 0, again = 0;
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "A", "S-1", "x", &first),
	    PH_ACCEPTED);
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "A", "S-1", "x", &again),
	    PH_RESULT_DUPLICATE);
	ck_assert_uint_eq(again, first);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
		    fixture_publish(publisher, "bench.v1", "A", "S-1", "y", NULL),
		    PH_RESULT_CONFLICT);
	fixture_kill();
	fixture_start();
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "A", "S-1", "x", &again),
	    PH_RESULT_DUPLICATE);
	ck_assert_uint_eq(again, first);
	/* Kept once, as a dead letter of `inbound`. */
	const char *letters = fixture_ask("dead.ls", "{\"queue\":\"inbound\"}");
	ck_assert_ptr_nonnull(strstr(letters, "\"reason\":\"conflict\""));
	ck_assert_ptr_null(strstr(letters, "inbound/3"));
	fixture_check_balance();
}
END_TEST

START_TEST(unrouted)
{
	ck_assert_int_eq(
	    fixture_publish(publisher, "nobody.v1", "A", NULL, "x", NULL), PH_ACCEPTED);
	ck_assert_ptr_nonnull(strstr(fixture_ask("dead.ls", "{\"queue\":\"unrouted\"}"),
	    "\"reason\":\"unrouted\""));
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("dead.replay", "{\"ids\":[\"unrouted/1\"]}"), "PH4501"));
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("dead.discard", "{\"ids\":[\"unrouted/1\"]}"),
		"\"discarded\":true"));
	ck_assert_int_eq(fixture_status("dead"), 0);
	ck_assert_int_eq(fixture_status("discarded"), 1);
	fixture_check_balance();
}
END_TEST

START_TEST(one_message_in_two_queues)
{
	ph_client *bench = consumer("bench", 10);
	ph_client *other = consumer("other", 10);
	ck_assert_int_eq(
	    fixture_publish(publisher, "both.v1", "A", "S", "x", NULL), PH_ACCEPTED);
	settle(bench, fixture_event(bench, PH_EVENT_DELIVERY), PH_DELIVERED);
	(void) fixture_event(bench, PH_EVENT_SETTLED);
	ck_assert_ptr_nonnull(strstr(fixture_ask("message.show", "{\"ids\":[\"1\"]}"),
	    "\"queue\":\"bench\",\"state\":\"settled\""));
	settle(other, fixture_event(other, PH_EVENT_DELIVERY), PH_DUPLICATE);
	(void) fixture_event(other, PH_EVENT_SETTLED);
	ck_assert_int_eq(fixture_status("accepted"), 2);
	ck_assert_int_eq(fixture_status("messages"), 1);
	ck_assert_int_eq(fixture_status("duplicate"), 1);
	fixture_check_balance();
	ph_client_destroy(&bench);
	ph_client_destroy(&other);
}
END_TEST

/* Settled long ago, and without a subject: still found by its number, its source and id. */
START_TEST(shown_by_its_number)
{
	ph_client *client = consumer("bench", 10);
	for (int i = 1; i <= 5; i++) {
		char id[16];
		(void) snprintf(id, sizeof id, "N%d", i);
		(void) fixture_publish(publisher, "bench.v1", id, NULL, "x", NULL);
		settle(client, fixture_event(client, PH_EVENT_DELIVERY), PH_DELIVERED);
		(void) fixture_event(client, PH_EVENT_SETTLED);
	}
	ck_assert_ptr_nonnull(strstr(
	    fixture_ask("message.show", "{\"ids\":[\"4\"]}"), "\"message_id\":\"N4\""));
	ck_assert_ptr_nonnull(strstr(
	    fixture_ask("message.show", "{\"source\":\"urn:test\",\"id\":\"N2\"}"),
	    "\"acceptance\":2"));
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("message.show", "{\"ids\":[\"6\"]}"), "not-found"));
	ph_client_destroy(&client);
}
END_TEST

START_TEST(order_per_key)
{
	ph_client *client = consumer("bench", 10);
	(void) fixture_publish(publisher, "bench.v1", "A1", "A", "x", NULL);
	(void) fixture_publish(publisher, "bench.v1", "A2", "A", "x", NULL);
	(void) fixture_publish(publisher, "bench.v1", "B1", "B", "x", NULL);
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_str_eq(id_of(event), "A1");
	uint64_t first = ph_event_delivery(event);
	event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_str_eq(id_of(event), "B1");
	settle(client, event, PH_DELIVERED);
	ck_assert(fixture_quiet(client, PH_EVENT_DELIVERY, 100));
	/* A retry keeps the key waiting. */
	ck_assert_int_eq(
	    ph_client_settle(client, first, PH_RETRY, NULL, NULL, NULL, 0, NULL),
	    PH_OK);
	event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_str_eq(id_of(event), "A1");
	ck_assert_uint_eq(ph_event_attempt(event), 2);
	ck_assert(ph_event_redelivered(event));
	settle(client, event, PH_DELIVERED);
	event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_str_eq(id_of(event), "A2");
	ph_client_destroy(&client);
}
END_TEST

START_TEST(tries_end_in_a_dead_letter)
{
	ph_client *client = consumer("bench", 10);
	(void) fixture_publish(publisher, "bench.v1", "A", "A", "x", NULL);
	for (int i = 0; i < 3; i++)
		settle(client, fixture_event(client, PH_EVENT_DELIVERY), PH_RETRY);
	fixture_await("dead.ls", "{}", "\"reason\":\"tries-exhausted\"");
	const char *shown = fixture_ask("dead.show", "{\"ids\":[\"bench/1\"]}");
	ck_assert_ptr_nonnull(strstr(shown, "\"attempts\":3"));
	ck_assert_ptr_nonnull(strstr(shown, "because a test says so"));
	fixture_kill();
	fixture_start();
	shown = fixture_ask("dead.show", "{\"ids\":[\"bench/1\"]}");
	ck_assert_ptr_nonnull(strstr(shown, "because a test says so"));
	ck_assert_ptr_nonnull(strstr(
	    fixture_ask("dead.replay", "{\"ids\":[\"bench/1\"],\"dry_run\":true}"),
	    "\"replayed\":false"));
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("dead.replay", "{\"all\":true}"), "\"replayed\":true"));
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_uint_eq(ph_event_attempt(event), 1);
	settle(client, event, PH_DELIVERED);
	(void) fixture_event(client, PH_EVENT_SETTLED);
	ck_assert_int_eq(fixture_status("replayed"), 1);
	ck_assert_int_eq(fixture_status("dead"), 1);
	ck_assert_int_eq(fixture_status("letters"), 0);
	fixture_check_balance();
	ph_client_destroy(&client);
}
END_TEST

START_TEST(rejected_lets_the_key_go_on)
{
	ph_client *client = consumer("bench", 10);
	(void) fixture_publish(publisher, "bench.v1", "A1", "A", "x", NULL);
	(void) fixture_publish(publisher, "bench.v1", "A2", "A", "x", NULL);
	settle(client, fixture_event(client, PH_EVENT_DELIVERY), PH_REJECTED);
	ck_assert_str_eq(id_of(fixture_event(client, PH_EVENT_DELIVERY)), "A2");
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("dead.ls", "{}"), "\"reason\":\"because\""));
	ph_client_destroy(&client);
}
END_TEST

START_TEST(a_consumer_that_goes_away)
{
	ph_client *client = consumer("bench", 10);
	(void) fixture_publish(publisher, "bench.v1", "A", "A", "here", NULL);
	(void) fixture_event(client, PH_EVENT_DELIVERY);
	ph_client_destroy(&client);
	client = consumer("bench", 10);
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	size_t length = 0;
	ck_assert_uint_eq(ph_event_attempt(event), 2);
	ck_assert(ph_event_redelivered(event));
	/* from the journal: in memory it was forgotten when it was handed out first */
	ck_assert_mem_eq(ph_message_data(ph_event_message(event), &length), "here", 4);
	ck_assert_uint_eq(length, 4);
	ph_client_destroy(&client);
	fixture_check_balance();
}
END_TEST

#define LONG	  150000
#define LONG_ONES 40

static void
publish_long(unsigned number)
{
	char id[16];
	static char data[LONG];
	memset(data, 'a' + (int) (number % 26), sizeof data);
	(void) snprintf(id, sizeof id, "L%u", number);
	const ph_attribute attributes[] = {{"id", id, strlen(id)},
	    {"source", "urn:test", 8}, {"type", "bench.v1", 8}, {"subject", "A", 1}};
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, 4, data, sizeof data, &message, NULL), PH_OK);
	ck_assert_int_eq(ph_client_publish(publisher, message, NULL, NULL), PH_OK);
	ph_message_unref(&message);
}

/* So much that one batch is away while the next gathers. */
START_TEST(long_ones_without_a_pause)
{
	ph_client *client = consumer("bench", 3);
	for (unsigned i = 0; i < LONG_ONES; i++)
		publish_long(i);
	ck_assert_int_eq(ph_client_flush(publisher, NULL), PH_OK);
	for (unsigned i = 0; i < LONG_ONES; i++) {
		const ph_event *event = fixture_event(publisher, PH_EVENT_RESULT);
		ck_assert_int_eq(ph_event_result(event), PH_ACCEPTED);
		ck_assert_uint_eq(ph_event_acceptance(event), i + 1);
	}
	for (unsigned i = 0; i < LONG_ONES; i++) {
		char id[16];
		size_t length = 0;
		const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
		(void) snprintf(id, sizeof id, "L%u", i);
		ck_assert_str_eq(id_of(event), id);
		const char *data = ph_message_data(ph_event_message(event), &length);
		ck_assert_uint_eq(length, LONG);
		ck_assert_int_eq(data[0], 'a' + (int) (i % 26));
		ck_assert_int_eq(data[LONG - 1], 'a' + (int) (i % 26));
		settle(client, event, PH_DELIVERED);
	}
	while (ph_client_unsettled(client) > 0)
		(void) fixture_event(client, PH_EVENT_SETTLED);
	ck_assert_int_eq(fixture_status("delivered"), LONG_ONES);
	fixture_check_balance();
	ph_client_destroy(&client);
	fixture_kill();
	fixture_start();
	ck_assert_int_eq(fixture_status("delivered"), LONG_ONES);
	ck_assert_int_eq(fixture_status("pending"), 0);
}
END_TEST

/* A message of `length` bytes, all that it is encoded in. */
static void
publish_sized(const char *id, size_t length)
{
	static char data[PH_MESSAGE_MAX];
	const ph_attribute attributes[] = {
	    {"id", id, strlen(id)}, {"source", "urn:test", 8}, {"type", "bench.v1", 8}};
	ph_message *message = NULL;
	size_t bare = 0;
	ck_assert_int_eq(ph_message_new(attributes, 3, data, 0, &message, NULL), PH_OK);
	(void) ph_message_bytes(message, &bare);
	ph_message_unref(&message);
	ck_assert_int_eq(
	    ph_message_new(attributes, 3, data, length - bare, &message, NULL), PH_OK);
	ck_assert_int_eq(ph_client_publish(publisher, message, NULL, NULL), PH_OK);
	ph_message_unref(&message);
}

/* Messages of nearly 1 MiB, and one of just that: four of them are more than a frame holds. */
START_TEST(the_longest_do_not_fill_a_frame_too_far)
{
	static const size_t lengths[] = {
	    1048541, 1048541, 1048541, PH_MESSAGE_MAX, PH_MESSAGE_MAX};
	for (unsigned i = 0; i < 5; i++) {
		const char id[] = {(char) ('A' + i), 0};
		publish_sized(id, lengths[i]);
		(void) fixture_event(publisher, PH_EVENT_RESULT);
	}
	ph_client *client = consumer("bench", 10);
	for (unsigned i = 0; i < 5; i++) {
		const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
		size_t length = 0;
		(void) ph_message_bytes(ph_event_message(event), &length);
		ck_assert_uint_eq(length, lengths[i]);
		ck_assert_uint_eq(ph_event_attempt(event), 1);
		settle(client, event, PH_DELIVERED);
	}
	while (ph_client_unsettled(client) > 0)
		(void) fixture_event(client, PH_EVENT_SETTLED);
	fixture_check_balance();
	ph_client_destroy(&client);
}
END_TEST

/* Each item is read before the one in front of it is entered: they count one after the other. */
START_TEST(items_of_one_frame_follow_on)
{
	ph_result results[5];
	uint64_t acceptances[5];
	publish_sized("A", 400);
	publish_sized("A", 400);
	publish_sized("A", 401);
	publish_sized("B", 400);
	for (unsigned i = 0; i < 4; i++) {
		const ph_event *event = fixture_event(publisher, PH_EVENT_RESULT);
		uint64_t ticket = ph_event_ticket(event);
		ck_assert(ticket >= 1 && ticket <= 4);
		results[ticket] = ph_event_result(event);
		acceptances[ticket] = ph_event_acceptance(event);
	}
	ck_assert_int_eq(results[1], PH_ACCEPTED);
	ck_assert_int_eq(results[2], PH_RESULT_DUPLICATE);
	ck_assert_uint_eq(acceptances[2], acceptances[1]);
	ck_assert_int_eq(results[3], PH_RESULT_CONFLICT);
	ck_assert_int_eq(results[4], PH_ACCEPTED);
	ck_assert_uint_gt(acceptances[4], acceptances[3]);
	ph_client *client = consumer("bench", 10);
	ck_assert_str_eq(id_of(fixture_event(client, PH_EVENT_DELIVERY)), "A");
	ck_assert_str_eq(id_of(fixture_event(client, PH_EVENT_DELIVERY)), "B");
	fixture_check_balance();
	ph_client_destroy(&client);
}
END_TEST

/* Killed with deliveries in hand: the session comes back, keeps what it holds, and settles it. */
START_TEST(killed_in_the_middle)
{
	ph_client *client = consumer("bench", 2);
	char id[16];
	for (int i = 0; i < 5; i++) {
		(void) snprintf(id, sizeof id, "M%d", i);
		(void) fixture_publish(publisher, "bench.v1", id, NULL, "x", NULL);
	}
	uint64_t held[2];
	for (int i = 0; i < 2; i++)
		held[i] = ph_event_delivery(fixture_event(client, PH_EVENT_DELIVERY));
	fixture_kill();
	fixture_start();
	ck_assert(fixture_quiet(client, PH_EVENT_DELIVERY, 300));
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ph_client_settle(client, held[i], PH_DELIVERED, NULL,
				     NULL, NULL, 0, NULL),
		    PH_OK);
	for (int i = 2; i < 5; i++) {
		const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
		(void) snprintf(id, sizeof id, "M%d", i);
		ck_assert_str_eq(id_of(event), id);
		settle(client, event, PH_DELIVERED);
	}
	while (ph_client_unsettled(client) > 0)
		(void) fixture_event(client, PH_EVENT_SETTLED);
	ck_assert_int_eq(fixture_status("delivered"), 5);
	ck_assert_int_eq(fixture_status("pending"), 0);
	fixture_check_balance();
	fixture_kill();
	fixture_start();
	ck_assert_int_eq(fixture_status("delivered"), 5);
	fixture_check_balance();
	ck_assert(fixture_quiet(client, PH_EVENT_DELIVERY, 300));
	ph_client_destroy(&client);
}
END_TEST

START_TEST(refused_subscriptions)
{
	static const char *const queues[] = {"nowhere", "inbound"};
	for (size_t i = 0; i < 2; i++) {
		ph_client *client = fixture_client("consumer");
		const ph_event *event = NULL;
		ph_error err = {.status = PH_OK};
		ph_status status = ph_client_subscribe(client, queues[i], 1, &err);
		for (int k = 0;
		     k < 1200 && (status == PH_OK || status == PH_ERR_TIMEOUT); k++)
			status = ph_client_next(client, 50, &event, &err);
		ck_assert_msg(strncmp(err.text, "PH653", 5) == 0, "%s", err.text);
		ph_client_destroy(&client);
	}
}
END_TEST

START_TEST(refused_messages)
{
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "A", "S", "x", NULL), PH_ACCEPTED);
	fixture_kill();
	fixture_start();
	ck_assert_ptr_nonnull(strstr(fixture_ask("queue.peek", "{\"queue\":\"bench\"}"),
	    "\"message_id\":\"A\""));
	ck_assert_ptr_nonnull(strstr(
	    fixture_ask("message.show", "{\"source\":\"urn:test\",\"id\":\"A\"}"),
	    "\"acceptance\":1"));
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("queue.show", "{\"queue\":\"none\"}"), "PH7104"));
	ck_assert_ptr_nonnull(strstr(
	    fixture_ask("route.explain", "{\"attributes\":{\"type\":\"both.v1\"}}"),
	    "\"queues\":[\"bench\",\"other\"]"));
}
END_TEST

START_TEST(a_full_queue_refuses)
{
	ph_client_destroy(&publisher);
	ck_assert_int_eq(fixture_stop(), 0);
	fixture_write("packhorse.yaml",
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {queue-messages: 2, segment-bytes: 2M, reserve-bytes: 1M,"
	    " heartbeat: 20s, session-silence: 60s}\n");
	fixture_start();
	publisher = fixture_client("publisher");
	(void) fixture_publish(publisher, "bench.v1", "A", NULL, "x", NULL);
	(void) fixture_publish(publisher, "bench.v1", "B", NULL, "x", NULL);
	ck_assert_int_eq(fixture_publish(publisher, "both.v1", "C", NULL, "x", NULL),
	    PH_RESULT_REFUSED);
	/* Refused whole: nothing of it in the other queue, and the same id may come again. */
	ck_assert_int_eq(fixture_status("accepted"), 2);
	ph_client *client = consumer("bench", 1);
	settle(client, fixture_event(client, PH_EVENT_DELIVERY), PH_DELIVERED);
	(void) fixture_event(client, PH_EVENT_SETTLED);
	ck_assert_int_eq(
	    fixture_publish(publisher, "both.v1", "C", NULL, "x", NULL), PH_ACCEPTED);
	fixture_check_balance();
	ph_client_destroy(&client);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker");
	TCase *tests = tcase_create("clients");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, there_and_settled);
	tcase_add_test(tests, repeats_and_conflicts);
	tcase_add_test(tests, unrouted);
	tcase_add_test(tests, one_message_in_two_queues);
	tcase_add_test(tests, shown_by_its_number);
	tcase_add_test(tests, order_per_key);
	tcase_add_test(tests, tries_end_in_a_dead_letter);
	tcase_add_test(tests, rejected_lets_the_key_go_on);
	tcase_add_test(tests, a_consumer_that_goes_away);
	tcase_add_test(tests, long_ones_without_a_pause);
	tcase_add_test(tests, the_longest_do_not_fill_a_frame_too_far);
	tcase_add_test(tests, items_of_one_frame_follow_on);
	tcase_add_test(tests, killed_in_the_middle);
	tcase_add_test(tests, refused_subscriptions);
	tcase_add_test(tests, refused_messages);
	tcase_add_test(tests, a_full_queue_refuses);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
