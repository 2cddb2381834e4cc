/*
 * The broker and its hosts' processes: one each, never two, adopted by the next broker; what a dead
 * host held is settled as its adapter's rules say; references, ids and cursors.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

static ph_client *publisher;

static void
start(const char *more, const char *words)
{
	fixture_adapter("roads", more);
	fixture_behave("roads", words);
	fixture_start();
	fixture_await("adapter.ls", "{}", "\"state\":\"up\"");
	publisher = fixture_client("publisher");
}

static void
teardown(void)
{
	ph_client_destroy(&publisher);
	fixture_teardown();
}

static pid_t
host_pid(void)
{
	const char *at = strstr(fixture_ask("adapter.ls", "{}"), "\"pid\":");
	ck_assert_ptr_nonnull(at);
	return (pid_t) atoi(at + 6);
}

static void
publish(const char *id, const char *subject)
{
	ck_assert_int_eq(fixture_publish(publisher, "roads.v1", id, subject, "x", NULL),
	    PH_ACCEPTED);
}

static void
kill_host(void)
{
	pid_t pid = host_pid();
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
}

START_TEST(delivered_and_bound)
{
	start("originates: [service-request]\n", "settle");
	publish("A", "SR-1");
	fixture_await("status", "{}", "\"delivered\":1,");
	fixture_await("xref.get",
	    "{\"entity\":\"service-request\",\"system\":\"roads\",\"key\":\"R-1\"}",
	    "\"canonical_id\":\"SR-1\"");
	fixture_check_balance();
	pid_t pid = host_pid();
	ck_assert_int_eq(fixture_stop(), 0);
	/* A clean stop ends the hosts too. */
	ck_assert_int_eq(kill(pid, 0), -1);
}
END_TEST

START_TEST(a_dead_host_leaves_the_outcome_unknown)
{
	start("", "hold");
	publish("A", "S");
	publish("B", "S");
	fixture_await_noted("roads", "deliver 1 ", 1);
	kill_host();
	fixture_behave("roads", "settle");
	fixture_await("dead.ls", "{}", "\"reason\":\"outcome-unknown\"");
	/* The key goes on with another host, and the first was never sent again. */
	fixture_await("status", "{}", "\"pending\":0");
	ck_assert_uint_eq(fixture_noted("roads", "started"), 2);
	ck_assert_uint_eq(fixture_noted("roads", "deliver 1 "), 1);
	ck_assert_uint_eq(fixture_noted("roads", "deliver 2 "), 1);
	ck_assert_int_eq(fixture_status("dead"), 1);
	fixture_check_balance();
	/* An operator may have it sent all the same. */
	(void) fixture_ask("dead.replay", "{\"ids\":[\"roads/1\"]}");
	fixture_await_noted("roads", "deliver 1 ", 2);
	fixture_await("status", "{}", "\"delivered\":2,");
	fixture_check_balance();
}
END_TEST

START_TEST(a_host_that_can_probe_gets_it_again)
{
	start("", "probe hold");
	publish("A", "S");
	fixture_await_noted("roads", "deliver 1 ", 1);
	kill_host();
	fixture_await_noted("roads", "deliver 1 ", 2);
	ck_assert_uint_eq(fixture_noted("roads", "attempt=2 flags=3"), 1);
	fixture_behave("roads", "probe settle");
	fixture_await("status", "{}", "\"delivered\":1,");
	fixture_check_balance();
}
END_TEST

START_TEST(an_idempotent_adapter_is_sent_to_again)
{
	start("idempotent: yes\n", "hold");
	publish("A", "S");
	fixture_await_noted("roads", "deliver 1 ", 1);
	kill_host();
	fixture_await_noted("roads", "deliver 1 ", 2);
	ck_assert_uint_eq(fixture_noted("roads", "attempt=2 flags=1"), 1);
	fixture_behave("roads", "settle");
	fixture_await("status", "{}", "\"delivered\":1,");
}
END_TEST

START_TEST(adopted_by_the_next_broker)
{
	start("", "hold");
	pid_t pid = host_pid();
	publish("A", "S");
	publish("B", "S");
	publish("C", "T");
	fixture_await_noted("roads", "deliver 1 ", 1);
	fixture_await_noted("roads", "deliver 3 ", 1);
	fixture_kill();
	ck_assert_int_eq(kill(pid, 0), 0);
	fixture_start();
	fixture_await("adapter.ls", "{}", "\"state\":\"up\"");
	ck_assert_int_eq(host_pid(), pid);
	ck_assert_int_eq(fixture_status("in_flight"), 2);
	fixture_behave("roads", "settle");
	fixture_await("status", "{}", "\"delivered\":3,");
	/* Nothing was handed out twice, and there was one host. */
	for (int i = 1; i <= 3; i++) {
		char text[32];
		(void) snprintf(text, sizeof text, "deliver %d ", i);
		ck_assert_uint_eq(fixture_noted("roads", text), 1);
	}
	ck_assert_uint_eq(fixture_noted("roads", "started"), 1);
	fixture_check_balance();
}
END_TEST

/* The broker is down while the host settles: the outcome is said again to the next one. */
START_TEST(an_outcome_waits_for_the_broker)
{
	start("", "hold");
	publish("A", "S");
	fixture_await_noted("roads", "deliver 1 ", 1);
	fixture_kill();
	fixture_behave("roads", "settle");
	fixture_await_noted("roads", "settle 1 outcome=1", 1);
	fixture_start();
	fixture_await("status", "{}", "\"delivered\":1,");
	ck_assert_uint_eq(fixture_noted("roads", "deliver 1 "), 1);
	fixture_check_balance();
}
END_TEST

/* Broker and host die together: what had been handed out is not sent again by itself. */
START_TEST(everything_is_killed)
{
	start("", "hold");
	publish("A", "S");
	publish("B", "T");
	publish("C", "T");
	fixture_await_noted("roads", "deliver 2 ", 1);
	pid_t pid = host_pid();
	fixture_kill();
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	fixture_behave("roads", "settle");
	fixture_start();
	fixture_await("status", "{}", "\"delivered\":1,");
	fixture_await("status", "{}", "\"dead\":2,");
	ck_assert_uint_eq(fixture_noted("roads", "deliver 1 "), 1);
	ck_assert_uint_eq(fixture_noted("roads", "deliver 2 "), 1);
	ck_assert_uint_eq(fixture_noted("roads", "deliver 3 "), 1);
	fixture_check_balance();
}
END_TEST

/* A host that hangs for ever after the broker's restart is killed and replaced. */
START_TEST(a_host_that_does_not_come_back)
{
	start("", "hold");
	publish("A", "S");
	fixture_await_noted("roads", "deliver 1 ", 1);
	pid_t pid = host_pid();
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	fixture_kill();
	fixture_reattach("1s");
	fixture_behave("roads", "settle");
	fixture_start();
	fixture_await("dead.ls", "{}", "\"reason\":\"outcome-unknown\"");
	fixture_await("adapter.ls", "{}", "\"state\":\"up\"");
	ck_assert_int_ne(host_pid(), pid);
	fixture_check_balance();
}
END_TEST

START_TEST(outcomes)
{
	start("", "reject");
	publish("A", "S");
	fixture_await("dead.ls", "{}", "\"reason\":\"unknown-code\"");
	const char *shown = fixture_ask("dead.show", "{\"ids\":[\"roads/1\"]}");
	ck_assert_ptr_nonnull(strstr(shown, "\"stage\":\"map\""));
	ck_assert_ptr_nonnull(strstr(shown, "\"path\":\"service\""));
	ck_assert_ptr_nonnull(strstr(shown, "PH2000"));
	fixture_behave("roads", "unknown");
	publish("B", "S");
	fixture_await("dead.ls", "{}", "\"reason\":\"outcome-unknown\"");
	ck_assert_uint_eq(fixture_noted("roads", "deliver 2 "), 1);
	fixture_behave("roads", "retry");
	publish("C", "S");
	fixture_await("dead.ls", "{}", "\"reason\":\"tries-exhausted\"");
	ck_assert_uint_eq(fixture_noted("roads", "deliver 3 "), 3);
	fixture_check_balance();
}
END_TEST

START_TEST(unknown_is_sent_again_where_that_is_wanted)
{
	start("unknown: retry\n"
	      "retry: {first: 20ms, factor: 2, max: 50ms, tries: 1000}\n",
	    "unknown");
	publish("A", "S");
	fixture_await_noted("roads", "deliver 1 ", 2);
	fixture_behave("roads", "settle");
	fixture_await("status", "{}", "\"delivered\":1,");
}
END_TEST

START_TEST(hosts_that_die_at_once_do_not_spin)
{
	start("idempotent: yes\n", "die");
	publish("A", "S");
	fixture_await_noted("roads", "deliver 1 ", 3);
	fixture_await("adapter.ls", "{}", "\"last_error\":\"PH451");
	fixture_behave("roads", "settle");
	fixture_await("status", "{}", "\"delivered\":1,");
}
END_TEST

/* What the ledger must be asked about holds up what comes behind it. */
static void
check_order_of_results(void)
{
	const char *notes = fixture_notes("roads");
	const char *third = strstr(notes, "result 4 0");
	const char *fourth = strstr(notes, "result 5 0");
	const char *failed = strstr(notes, "result 6 0");
	ck_assert(third != NULL && fourth != NULL && failed != NULL);
	ck_assert(third < fourth && fourth < failed);
}

START_TEST(inbound)
{
	start("originates: [service-request]\n", "inbound settle");
	fixture_await_noted("roads", "result 7 2 PH6513", 1);
	check_order_of_results();
	ck_assert_uint_eq(fixture_noted("roads", "cursor known=0"), 1);
	ck_assert_uint_eq(fixture_noted("roads", "resolved 0 status=2 value=SR-"), 1);
	ck_assert_uint_eq(fixture_noted("roads", "resolved 1 status=3"), 1);
	ck_assert_uint_eq(fixture_noted("roads", "resolved 2 status=1"), 1);
	ck_assert_uint_eq(fixture_noted("roads", "result 1 0"), 1);
	/* Another content is refused, and binds nothing. */
	ck_assert_uint_eq(fixture_noted("roads", "result 2 3 PH6518"), 1);
	ck_assert_ptr_null(
	    strstr(fixture_ask("xref.get", "{\"entity\":\"service-request\",\"system\":"
					   "\"roads\",\"key\":\"K2\"}"),
		"SR-ANOTHER"));
	/* Another canonical id for the same key is refused, and kept. */
	ck_assert_uint_eq(fixture_noted("roads", "result 3 3 PH6517"), 1);
	const char *letters = fixture_ask("dead.ls", "{\"queue\":\"inbound\"}");
	ck_assert_ptr_nonnull(strstr(letters, "\"reason\":\"conflict\""));
	ck_assert_ptr_nonnull(strstr(letters, "\"reason\":\"malformed\""));
	/* After everything was killed the same questions have the same answers. */
	pid_t pid = host_pid();
	fixture_kill();
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	fixture_start();
	fixture_await_noted("roads", "resolved 0 status=0 value=SR-", 1);
	fixture_await_noted("roads", "cursor known=1 value=I4", 1);
	fixture_await_noted("roads", "result 1 1", 1);
	/* A replay of what could not be read goes to the adapter it came from. */
	const char *at = strstr(
	    fixture_ask("dead.ls", "{\"reason\":\"malformed\"}"), "\"id\":\"inbound/");
	char args[64];
	ck_assert_ptr_nonnull(at);
	(void) snprintf(args, sizeof args, "{\"ids\":[\"inbound/%d\"]}", atoi(at + 14));
	(void) fixture_ask("dead.replay", args);
	fixture_await_noted("roads", "queue=inbound attempt=1 flags=4", 1);
	fixture_await("status", "{}", "\"delivered\":1,");
	fixture_check_balance();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hosts");
	TCase *tests = tcase_create("hosts");
	tcase_add_checked_fixture(tests, fixture_setup, teardown);
	tcase_add_test(tests, delivered_and_bound);
	tcase_add_test(tests, a_dead_host_leaves_the_outcome_unknown);
	tcase_add_test(tests, a_host_that_can_probe_gets_it_again);
	tcase_add_test(tests, an_idempotent_adapter_is_sent_to_again);
	tcase_add_test(tests, adopted_by_the_next_broker);
	tcase_add_test(tests, an_outcome_waits_for_the_broker);
	tcase_add_test(tests, everything_is_killed);
	tcase_add_test(tests, a_host_that_does_not_come_back);
	tcase_add_test(tests, outcomes);
	tcase_add_test(tests, unknown_is_sent_again_where_that_is_wanted);
	tcase_add_test(tests, hosts_that_die_at_once_do_not_spin);
	tcase_add_test(tests, inbound);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
