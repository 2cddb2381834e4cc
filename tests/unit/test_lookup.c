/*
 * What is parked for a look-up is looked up, or its session ends: it never waits for an answer to what was
 * not asked.
 */
#include "broker/lookup.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/ledger_part.h"
#include "tests/unit/check_main.h"
#include "tests/unit/history.h"

static char home[64];
static ph_broker *broker;
static uint64_t number; /* of the session */
static unsigned tries;
static bool without; /* the ledger finds no memory for an answer */

ph_status __wrap_ph_ledger_answer_job(
    ph_ledger_file *file, ph_ledger_job *job, ph_error *err);
ph_status __real_ph_ledger_answer_job(
    ph_ledger_file *file, ph_ledger_job *job, ph_error *err);

ph_status
__wrap_ph_ledger_answer_job(ph_ledger_file *file, ph_ledger_job *job, ph_error *err)
{
	ph_status status = __real_ph_ledger_answer_job(file, job, err);
	if (without) {
		job->answer.status = PH_ERR_NOMEM;
		job->answer.count = 0;
	}
	return status;
}

static void
begin(void)
{
	ph_session *session = NULL;
	const ph_peer peer = {.length = 5, .bytes = {0, 1, 2, 3, 4}};
	(void) snprintf(home, sizeof home, "/tmp/ph-lookup.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	history_site(home, "");
	broker = history_broker(home);
	ck_assert_int_eq(
	    ph_sessions_add(broker->sessions, &peer, &session, NULL), PH_OK);
	session->role = PH_ROLE_CLIENT;
	session->heard_ms = session->said_ms = ph_clock_mono(broker->clock);
	number = session->number;
	tries = 0;
}

static void
end(void)
{
	ph_broker_destroy(&broker);
	history_shell("rm -r %s", home);
}

static ph_wants *
something(void)
{
	ph_wants *wants = ph_wants_new();
	ck_assert_ptr_nonnull(wants);
	ph_wants_add(wants, PH_XREF_CANONICAL, "service-request", "vendor", "ENQ 1");
	return wants;
}

/* Twice it wants to know more. The second time there is no memory to say what, if that is to be so. */
static bool
ask_twice(ph_broker *at, ph_session *of, const ph_parked *parked, bool last_chance)
{
	(void) parked;
	if (last_chance || ++tries == 3)
		return true;
	ph_wants *wants = tries == 2 && parked->count == 1 ? NULL : something();
	ph_park_ask(at, of, &wants);
	ck_assert_ptr_null(wants);
	return false;
}

static const ph_park_way way = {ask_twice, .ordered = true};

static bool
is_decided(ph_broker *at, uint64_t than)
{
	const ph_session *session = ph_sessions_numbered(at->sessions, number);
	(void) than;
	return session == NULL || !ph_park_blocks(session);
}

START_TEST(what_waits_is_asked_for_or_the_session_ends)
{
	ph_wants *wants = something();
	ph_session *session = ph_sessions_numbered(broker->sessions, number);
	ph_park(broker, session, &way, 1, _i == 0 ? 2 : 1, "x", 1, &wants);
	ck_assert(ph_park_blocks(session));
	ck_assert(history_turn_until(broker, is_decided, 0));
	ck_assert(
	    (ph_sessions_numbered(broker->sessions, number) == NULL) == (_i == 1));
	ck_assert_uint_eq(tries, _i == 0 ? 3 : 2);
}
END_TEST

START_TEST(without_an_answer_the_session_ends)
{
	ph_wants *wants = something();
	ph_session *session = ph_sessions_numbered(broker->sessions, number);
	without = true;
	ph_park(broker, session, &way, 1, 2, "x", 1, &wants);
	ck_assert(history_turn_until(broker, is_decided, 0));
	ck_assert_ptr_null(ph_sessions_numbered(broker->sessions, number));
	ck_assert_uint_eq(tries, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lookup");
	TCase *tests = tcase_create("lookup");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, what_waits_is_asked_for_or_the_session_ends, 0, 2);
	tcase_add_test(tests, without_an_answer_the_session_ends);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
