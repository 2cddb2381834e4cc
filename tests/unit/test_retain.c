/*
 * Retention: what nobody needs any more is given back, what somebody needs is not, and a start after
 * it knows everything that it knew before.
 */
#include "broker/retain.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

#define MIB (1024 * 1024)
#define KEPT_MIB                                                                       \
	12 /* more than is kept of settled messages, and less than what is written */
#define BIG  20000
#define MANY 1000

static ph_client *publisher;
static char big[BIG + 1];

static void
setup(void)
{
	memset(big, 'x', BIG);
	fixture_setup();
	fixture_write("packhorse.yaml",
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 1M, reserve-bytes: 1M, retain-bytes: 3M,\n"
	    "         checkpoint-after: 20ms}\n");
	fixture_write("routes/bench.yaml",
	    "routes:\n"
	    "  - {route: bench, when: {type: bench.*}, to: [bench]}\n"
	    "  - {route: other, when: {type: other.*}, to: [other]}\n");
	fixture_start();
	publisher = fixture_client("publisher");
}

static void
teardown(void)
{
	ph_client_destroy(&publisher);
	fixture_teardown();
}

/* Publish so many large messages and settle each. */
static void
pass_through(const char *run, int count)
{
	ph_client *client = fixture_client("consumer");
	ck_assert_int_eq(ph_client_subscribe(client, "bench", 10, NULL), PH_OK);
	for (int i = 0; i < count; i++) {
		char id[32];
		(void) snprintf(id, sizeof id, "%s-%d", run, i);
		ck_assert_int_eq(
		    fixture_publish(publisher, "bench.v1", id, NULL, big, NULL),
		    PH_ACCEPTED);
		const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
		ck_assert_int_eq(ph_client_settle(client, ph_event_delivery(event),
				     PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
		    PH_OK);
		(void) fixture_event(client, PH_EVENT_SETTLED);
	}
	ph_client_destroy(&client);
}

static void
await_small(void)
{
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	int more = 0;
	while (fixture_status("journal_bytes") > KEPT_MIB * MIB) {
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < deadline,
		    "%lld bytes are kept", (long long) fixture_status("journal_bytes"));
		char run[16]; /* checkpoints are taken when something changes */
		(void) snprintf(run, sizeof run, "more%d", more++);
		pass_through(run, 1);
	}
}

START_TEST(what_is_settled_goes)
{
	uint64_t acceptance = 0;
	ck_assert_int_eq(
	    fixture_publish(publisher, "other.v1", "first", "S-1", "y", &acceptance),
	    PH_ACCEPTED);
	ph_client *client = fixture_client("other");
	ck_assert_int_eq(ph_client_subscribe(client, "other", 1, NULL), PH_OK);
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	ck_assert_int_eq(ph_client_settle(client, ph_event_delivery(event),
			     PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
	    PH_OK);
	(void) fixture_event(client, PH_EVENT_SETTLED);
	ph_client_destroy(&client);
	pass_through("a", MANY);
	await_small();
	fixture_check_balance();
	ck_assert_ptr_nonnull(
	    strstr(fixture_ask("message.show", "{\"ids\":[\"1\"]}"), "PH5008"));
	fixture_kill();
	fixture_start();
	ck_assert_int_ge(fixture_status("delivered"), MANY + 1);
	fixture_check_balance();
	ck_assert_int_eq(fixture_publish(publisher, "bench.v1", "a-1", NULL, big, NULL),
	    PH_RESULT_DUPLICATE);
}
END_TEST

/* One that waits keeps its place, and all that came after it, until it is settled. */
START_TEST(what_is_pending_stays)
{
	ck_assert_int_eq(
	    fixture_publish(publisher, "other.v1", "waits", "S-1", "here", NULL),
	    PH_ACCEPTED);
	pass_through("b", MANY);
	pass_through("c", 20);
	ck_assert_int_gt(fixture_status("journal_bytes"), KEPT_MIB * MIB);
	fixture_kill();
	fixture_start();
	ph_client *client = fixture_client("other");
	ck_assert_int_eq(ph_client_subscribe(client, "other", 1, NULL), PH_OK);
	const ph_event *event = fixture_event(client, PH_EVENT_DELIVERY);
	size_t length = 0;
	ck_assert_mem_eq(ph_message_data(ph_event_message(event), &length), "here", 4);
	ck_assert_int_eq(ph_client_settle(client, ph_event_delivery(event),
			     PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
	    PH_OK);
	(void) fixture_event(client, PH_EVENT_SETTLED);
	ph_client_destroy(&client);
	await_small();
	fixture_check_balance();
}
END_TEST

static Suite *
retain_suite(void)
{
	Suite *suite = suite_create("retain");
	TCase *tests = tcase_create("retain");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, what_is_settled_goes);
	tcase_add_test(tests, what_is_pending_stays);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(retain_suite());
}
