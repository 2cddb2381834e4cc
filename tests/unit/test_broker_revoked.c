/*
 * A broker whose store gives its partition to another: it says nothing more that it cannot keep, ends
 * with a plain error, and whoever has the partition next knows all that was confirmed. The store is
 * the one in memory of tests/conform; the broker runs in a thread of the test.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "broker/lifecycle.h"
#include "lib/base/clock.h"
#include "tests/conform/memory_store.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

#define MANY 300 /* messages on their way */

static memory_disk *disk;
static pthread_t thread;
static const ph_clock *clock_for_broker;
static ph_status ended; /* how the broker's thread did, and what it said */
static ph_error said;
static ph_client *publisher, *taker;

/* ---- the broker's thread ---- */

static void *
live(void *unused)
{
	ph_site *site = NULL;
	ph_broker *broker = NULL;
	ph_broker_seams seams = {.clock = clock_for_broker};
	(void) unused;
	said = (ph_error){.status = PH_OK};
	ended = memory_store_open(disk, &seams.store, &said);
	if (ended == PH_OK)
		ended = ph_site_load(fixture_directory(), &site, &said);
	if (ended == PH_OK)
		ended = ph_broker_new(&site, &seams, &broker, &said);
	if (ended == PH_OK)
		ended = ph_broker_run(broker, &said);
	ph_broker_destroy(&broker);
	return NULL;
}

static void
start(void)
{
	ck_assert_int_eq(pthread_create(&thread, NULL, live, NULL), 0);
}

static void
await_ready(void)
{
	fixture_await("status", "{}", "\"balance\"");
}

/* The partition is taken away: the broker ends, and says why. */
static void
await_end(void)
{
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_msg(ended == PH_ERR_CLOSED && strstr(said.text, "PH5375") != NULL,
	    "it ended with %d: %s", (int) ended, said.text);
}

static void
revoke(void)
{
	memory_disk_want(disk);
	await_end();
}

static void
setup(void)
{
	fixture_setup();
	clock_for_broker = NULL;
	disk = memory_disk_new();
	start();
	await_ready();
	publisher = fixture_client("publisher");
	taker = fixture_client("taker");
}

static void
teardown(void)
{
	ph_client_destroy(&publisher);
	ph_client_destroy(&taker);
	fixture_teardown();
	memory_disk_destroy(&disk);
}

/* ---- messages ---- */

static uint64_t
send_off(unsigned number)
{
	char id[16], subject[16];
	uint64_t ticket = 0;
	ph_message *message = NULL;
	(void) snprintf(id, sizeof id, "M%u", number);
	(void) snprintf(subject, sizeof subject, "K%u", number % 7);
	const ph_attribute attributes[] = {{"id", id, strlen(id)},
	    {"source", "urn:test", 8}, {"type", "bench.v1", 8},
	    {"subject", subject, strlen(subject)}};
	ck_assert_int_eq(
	    ph_message_new(attributes, 4, "data", 4, &message, NULL), PH_OK);
	ck_assert_int_eq(ph_client_publish(publisher, message, &ticket, NULL), PH_OK);
	ph_message_unref(&message);
	ck_assert_int_eq(ph_client_flush(publisher, NULL), PH_OK);
	return ticket;
}

static unsigned
number_of(const ph_event *delivery)
{
	unsigned number = 0;
	const char *id = ph_message_get(ph_event_message(delivery), "id", NULL);
	ck_assert_int_eq(sscanf(id, "M%u", &number), 1);
	return number;
}

static void
settle(uint64_t delivery)
{
	ck_assert_int_eq(
	    ph_client_settle(taker, delivery, PH_DELIVERED, NULL, "", "", 0, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_client_flush(taker, NULL), PH_OK);
}

/* What came while something else was waited for. */
static struct {
	unsigned number;
	uint64_t delivery;
} kept[MANY];
static size_t kept_count;

static void
await_settled(void)
{
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	const ph_event *event = NULL;
	while (ph_client_unsettled(taker) > 0) {
		ck_assert(ph_clock_mono(ph_clock_system()) < end);
		if (ph_client_next(taker, 20, &event, NULL) != PH_OK ||
		    ph_event_kind_of(event) != PH_EVENT_DELIVERY)
			continue;
		kept[kept_count].number = number_of(event);
		kept[kept_count++].delivery = ph_event_delivery(event);
	}
}

/* Take and settle until `count` different messages were taken; how often each, in `times`. */
static void
take(unsigned *times, unsigned count)
{
	for (unsigned different = 0; different < count;) {
		if (kept_count > 0) {
			kept_count--;
			different += times[kept[kept_count].number]++ == 0;
			settle(kept[kept_count].delivery);
			continue;
		}
		const ph_event *event = fixture_event(taker, PH_EVENT_DELIVERY);
		different += times[number_of(event)]++ == 0;
		settle(ph_event_delivery(event));
	}
	await_settled();
}

static void
finish(void)
{
	ck_assert_int_eq(fixture_status("pending"), 0);
	fixture_check_balance();
	revoke();
}

static ph_result
next_result(void)
{
	return ph_event_result(fixture_event(publisher, PH_EVENT_RESULT));
}

/* ---- the tests ---- */

START_TEST(clients_go_on_with_the_next_one)
{
	unsigned times[6] = {0};
	uint64_t acceptance = 0;
	for (unsigned i = 1; i <= 3; i++)
		(void) send_off(i);
	for (unsigned i = 1; i <= 3; i++)
		ck_assert_int_eq(next_result(), PH_ACCEPTED);
	ck_assert_int_eq(ph_client_subscribe(taker, "bench", 2, NULL), PH_OK);
	const ph_event *first = fixture_event(taker, PH_EVENT_DELIVERY);
	ck_assert_uint_eq(number_of(first), 1);
	settle(ph_event_delivery(first));
	await_settled();
	revoke();
	const ph_event *why = fixture_event(publisher, PH_EVENT_DISCONNECTED);
	ck_assert_ptr_nonnull(strstr(ph_event_text(why), "another broker"));

	/* nobody is there: it is neither accepted nor refused */
	(void) send_off(4);
	ck_assert(fixture_quiet(publisher, PH_EVENT_RESULT, 100));
	start();
	await_ready();
	const ph_event *late = fixture_event(publisher, PH_EVENT_RESULT);
	ck_assert_int_eq(ph_event_result(late), PH_ACCEPTED);
	ck_assert_uint_eq(ph_event_acceptance(late), 4);
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "M1", "K1", "data", &acceptance),
	    PH_RESULT_DUPLICATE);
	ck_assert_uint_eq(acceptance, 1);
	take(times, 3);
	ck_assert_uint_eq(times[1], 0);
	finish();
}
END_TEST

/* Taken away in the middle of it all: what was not acknowledged is sent again, and is there once. */
START_TEST(what_is_on_its_way_arrives_once)
{
	unsigned times[MANY + 1] = {0}, results = 0;
	ck_assert_int_eq(ph_client_subscribe(taker, "bench", 5, NULL), PH_OK);
	for (unsigned i = 1; i <= MANY; i++) {
		(void) send_off(i);
		if (i != MANY / 2)
			continue;
		while (results < MANY / 4)
			results += next_result() == PH_ACCEPTED;
		memory_disk_want(disk);
	}
	await_end();
	start();
	await_ready();
	for (; results < MANY; results++) {
		ph_result result = next_result();
		ck_assert(result == PH_ACCEPTED || result == PH_RESULT_DUPLICATE);
	}
	ck_assert_int_eq(fixture_status("messages"), MANY);
	take(times, MANY);
	finish();
}
END_TEST

/* Taken away from under a batch: who was waiting for it hears nothing, and sends it again. */
START_TEST(what_is_lost_under_way_is_not_acknowledged)
{
	unsigned times[MANY + 1] = {0}, sent = 0, results = 0;
	bool gone = false;
	ck_assert_int_eq(ph_client_subscribe(taker, "bench", 5, NULL), PH_OK);
	memory_disk_want_late(disk);
	while (!gone && sent < MANY) {
		(void) send_off(++sent);
		while (!gone && results < sent) {
			const ph_event *event = NULL;
			if (ph_client_next(publisher, PATIENCE_MS, &event, NULL) !=
			    PH_OK)
				ck_abort_msg("neither a result nor a good-bye");
			gone = ph_event_kind_of(event) == PH_EVENT_DISCONNECTED;
			results += ph_event_kind_of(event) == PH_EVENT_RESULT;
		}
	}
	ck_assert(gone);
	await_end();
	start();
	await_ready();
	for (; results < sent; results++)
		(void) next_result();
	ck_assert_int_eq(fixture_status("messages"), (int64_t) sent);
	take(times, sent);
	finish();
}
END_TEST

START_TEST(an_idle_one_is_told_too)
{
	/* long enough for all that an idle broker still does */
	ck_assert(fixture_quiet(publisher, PH_EVENT_RESULT, 500));
	/* far more often than sessions, which are looked at every few seconds, would have it */
	unsigned polls = memory_disk_polls(disk) + 100;
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (memory_disk_polls(disk) < polls)
		ck_assert(
		    ph_clock_mono(ph_clock_system()) < end && poll(NULL, 0, 5) == 0);
	revoke();
}
END_TEST

START_TEST(one_waits_until_it_is_given_the_partition)
{
	revoke();
	memory_disk_withhold(disk, true);
	start();
	int64_t end = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (memory_disk_asked(disk) < 3)
		ck_assert(
		    ph_clock_mono(ph_clock_system()) < end && poll(NULL, 0, 5) == 0);
	memory_disk_withhold(disk, false);
	await_ready();
	ck_assert_int_eq(
	    fixture_publish(publisher, "bench.v1", "M1", "K1", "data", NULL),
	    PH_ACCEPTED);
	revoke();
}
END_TEST

static int64_t
hasty_mono(void *self)
{
	static int64_t now_ms;
	(void) self;
	return now_ms += 500;
}

START_TEST(one_that_is_given_nothing_does_not_start)
{
	ph_clock hasty = *ph_clock_system();
	revoke();
	memory_disk_withhold(disk, true);
	hasty.mono_ms = hasty_mono;
	clock_for_broker = &hasty;
	start();
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(ended, PH_ERR_CLOSED);
	ck_assert_ptr_nonnull(strstr(said.text, "PH5374"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker_revoked");
	TCase *tests = tcase_create("broker_revoked");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, clients_go_on_with_the_next_one);
	tcase_add_test(tests, what_is_on_its_way_arrives_once);
	tcase_add_test(tests, what_is_lost_under_way_is_not_acknowledged);
	tcase_add_test(tests, an_idle_one_is_told_too);
	tcase_add_test(tests, one_waits_until_it_is_given_the_partition);
	tcase_add_test(tests, one_that_is_given_nothing_does_not_start);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
