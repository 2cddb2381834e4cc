/* The ledger's answers: references, cases, messages, dead letters, and when a question has to wait. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <packhorse/client.h>

#include "tests/unit/ledger_bench.h"

/* --- resolve --- */

START_TEST(references_resolve_both_ways)
{
	history();
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 6},
	    see_resolved);
}
END_TEST

/* --- cases --- */

START_TEST(a_case_is_told_by_any_reference)
{
	static const char *const keys[] = {
	    "SR-0000000000001", "ENQ 2002141", "calderdale/Roads/3087714", "3087714"};
	history();
	open_ledger();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		ask_now(
		    (ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = keys[i]}, see_case);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "ENQ 1"}, see_nothing);
}
END_TEST

static void
see_refused(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	const ph_ledger_event *e = answer->rows.events;
	ck_assert_str_eq(e[0].system, "inbound");
	ck_assert_str_eq(e[0].event, "receive");
	ck_assert_str_eq(e[0].outcome, "dead");
	ck_assert_str_eq(e[0].detail, "conflict: PH6518 other content");
}

START_TEST(what_was_never_let_in_is_not_told_as_accepted)
{
	accepted bad = created;
	bad.stage = "accept";
	bad.reason = "conflict";
	bad.text = "PH6518 other content";
	bad.queue = 1;
	bad.key = NULL;
	add_queue(b.store, 1, "inbound");
	add_accept(b.store, &bad);
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = created.subject},
	    see_refused);
}
END_TEST

static void
see_bindings(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 2);
	ck_assert_str_eq(answer->rows.bindings[0].system, "open311");
	ck_assert_str_eq(answer->rows.bindings[1].system, "highways");
	ck_assert_str_eq(answer->rows.bindings[1].key, "ENQ 2002141");
	ck_assert_str_eq(answer->rows.bindings[1].canonical, "SR-0000000000001");
	ck_assert_int_eq(answer->rows.bindings[1].at_ms, START_MS + 1184);
}

START_TEST(bindings_are_found_from_either_side)
{
	history();
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_XREFS, .key = "3087714"}, see_bindings);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_XREFS, .key = "SR-0000000000001"},
	    see_bindings);
}
END_TEST

/* --- messages --- */

static void
see_first_of_more(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert(answer->more);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 1);
}

static void
see_second(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 2);
}

START_TEST(messages_by_subject_and_by_window)
{
	const ph_ledger_ask subject = {
	    .kind = PH_LEDGER_SUBJECT, .key = "SR-0000000000001"};
	ph_ledger_ask type = {.kind = PH_LEDGER_TYPE, .key = updated.type};
	history();
	open_ledger();
	ask_now(subject, see_both);
	ph_ledger_ask one = subject;
	one.most = 1;
	ask_now(one, see_first_of_more);
	ask_now(type, see_second);
	type.from_ms = START_MS + 2000;
	type.to_ms = START_MS + 2001;
	ask_now(type, see_second);
	type.from_ms = START_MS + 1000;
	type.to_ms = START_MS + 2000; /* not included */
	ask_now(type, see_nothing);
	type.key = "council.never.seen.v1";
	ask_now(type, see_nothing);
}
END_TEST

static void
see_the_shorter(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_str_eq(answer->rows.messages[0].source, "/roads");
	ck_assert_str_eq(answer->rows.messages[0].type, "council.road");
}

/* What is kept once and has a number of its own: one word may begin another. */
START_TEST(a_source_that_begins_another_is_told_apart)
{
	const accepted longer = {.acceptance = 1,
	    .id = "a",
	    .source = "/roads/north",
	    .type = "council.road.closed",
	    .subject = "SR-0000000000001"};
	accepted shorter = longer;
	shorter.acceptance = 2;
	shorter.source = "/roads";
	shorter.type = "council.road";
	shorter.subject = "SR-0000000000002";
	add_accept(b.store, &longer);
	add_accept(b.store, &shorter);
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_SUBJECT, .key = shorter.subject},
	    see_the_shorter);
}
END_TEST

START_TEST(messages_are_found_by_what_is_known)
{
	ph_ledger_ask find = {.kind = PH_LEDGER_FIND};
	history();
	open_ledger();
	find.find = (ph_ledger_find){.id = "2002141_7"};
	ask_now(find, see_second);
	find.find = (ph_ledger_find){.attribute = "status", .value = "in_progress"};
	ask_now(find, see_second);
	find.find = (ph_ledger_find){.reference = "ENQ 2002141", .type = updated.type};
	ask_now(find, see_second);
	find.find =
	    (ph_ledger_find){.source = updated.source, .subject = updated.subject};
	ask_now(find, see_second);
	find.find = (ph_ledger_find){.attribute = "status", .value = "closed"};
	ask_now(find, see_nothing);
	find.find = (ph_ledger_find){.attribute = "status", .value = "x' or '1'='1"};
	ask_now(find, see_nothing);
}
END_TEST

static unsigned
count_rows(const char *table)
{
	char path[128], text[128];
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	snprintf(text, sizeof text, "select count(*) from %s", table);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
	unsigned count = (unsigned) sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return count;
}

static void
see_place(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 1024);
	ck_assert_uint_eq(answer->rows.messages[0].sequence, 1025);
}

static void
see_beginning(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_uint_eq(answer->rows.messages[0].position.offset, 0);
}

START_TEST(messages_without_a_subject_cost_no_rows)
{
	add_queue(b.store, CRM, "crm");
	for (uint64_t i = 1; i <= 1500; i++) {
		add_accept(b.store, &(accepted){.acceptance = i,
					.id = "m",
					.source = "/bench",
					.type = "x.y",
					.queue = CRM});
	}
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_MESSAGE, .acceptance = 1499}, see_place);
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_MESSAGE, .acceptance = 7}, see_beginning);
	ph_ledger_close(&b.ledger);
	ck_assert_uint_eq(count_rows("message"), 0);
	ck_assert_uint_eq(count_rows("event"), 0);
	ck_assert_uint_eq(count_rows("place"), 1);
}
END_TEST

/* --- tries --- */

#define OFFERED_MS (START_MS + 1500)

static void
see_times(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 4);
	const ph_ledger_event *e = answer->rows.events;
	/* Of a delivery under way it is told when it was handed out. */
	ck_assert_str_eq(e[1].reference, "half");
	ck_assert_int_eq(e[1].at_ms, OFFERED_MS);
	ck_assert_int_eq(e[2].took_ms, 200);
	/* No record says when it was handed out again: since its acceptance. */
	ck_assert_int_eq(e[3].took_ms, 1000);
}

static void
add_try(void)
{
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_record_attempt_encode(
	    &(ph_record_attempt){
		.acceptance = 1, .at_ms = OFFERED_MS, .queue = CRM, .attempt = 1},
	    &body);
	memory_add(b.store, PH_RECORD_ATTEMPT, &body);
	ph_record_progress_encode(&(ph_record_progress){.acceptance = 1,
				      .queue = CRM,
				      .reference = ph_view_of("half"),
				      .resume = ph_view_of("")},
	    &body);
	memory_add(b.store, PH_RECORD_PROGRESS, &body);
}

START_TEST(a_try_is_told_with_its_times)
{
	ended end = {.acceptance = 1,
	    .queue = CRM,
	    .attempt = 1,
	    .outcome = PH_RETRY,
	    .state = PH_RECORD_WAITING,
	    .at_ms = OFFERED_MS + 200,
	    .reference = ""};
	add_queue(b.store, CRM, "crm");
	add_accept(b.store, &created);
	add_try();
	add_outcome(b.store, &end);
	end.at_ms = START_MS + 2000;
	end.outcome = PH_DELIVERED;
	end.state = PH_RECORD_SETTLED;
	add_outcome(b.store, &end);
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = created.subject}, see_times);
	ph_ledger_close(&b.ledger);
	ck_assert_uint_eq(count_rows("attempt"), 0);
}
END_TEST

static void
see_no_time(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 2);
	ck_assert_int_eq(answer->rows.events[1].took_ms, 0);
}

/* The system's clock was set back in between. */
START_TEST(no_try_takes_less_than_no_time)
{
	add_queue(b.store, CRM, "crm");
	add_accept(b.store, &created);
	add_outcome(b.store, &(ended){.acceptance = 1,
				 .queue = CRM,
				 .attempt = 1,
				 .outcome = PH_DELIVERED,
				 .state = PH_RECORD_SETTLED,
				 .at_ms = START_MS,
				 .reference = ""});
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = created.subject},
	    see_no_time);
}
END_TEST

START_TEST(what_cannot_be_read_has_a_letter_and_no_event)
{
	add_queue(b.store, 1, "inbound");
	add_accept(b.store, &(accepted){.acceptance = 1,
				.id = "F1",
				.source = "/bench",
				.type = "x.y",
				.stage = "decode",
				.reason = "malformed",
				.text = "PH3000 not XML",
				.queue = 1});
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "nothing"}, see_nothing);
	ph_ledger_close(&b.ledger);
	ck_assert_uint_eq(count_rows("dead"), 1);
	ck_assert_uint_eq(count_rows("event"), 0);
}
END_TEST

/* --- dead letters --- */

static void
see_two_dead(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 2);
	const ph_ledger_dead *d = answer->rows.dead;
	ck_assert_str_eq(d[0].queue, "inbound");
	ck_assert_uint_eq(d[0].acceptance, 3);
	ck_assert_uint_eq(d[0].attempts, 0);
	ck_assert_str_eq(d[0].stage, "decode");
	ck_assert_str_eq(d[0].path, "somewhere");
	ck_assert_str_eq(d[0].id, "receipt-1");
	ck_assert_str_eq(d[0].subject, "");
	ck_assert_str_eq(d[1].queue, "crm");
	ck_assert_uint_eq(d[1].attempts, 3);
	ck_assert_str_eq(d[1].reason, "unknown-code");
	ck_assert_str_eq(d[1].subject, "SR-0000000000001");
	ck_assert_str_eq(d[1].state, "open");
}

static void
see_replayed(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_str_eq(answer->rows.dead[0].state, "replayed");
}

START_TEST(dead_letters_are_listed_until_somebody_acts)
{
	history();
	add_accept(b.store, &(accepted){.acceptance = 3,
				.id = "receipt-1",
				.source = "urn:council:calderdale:waste",
				.type = "council.inbound.v1",
				.stage = "decode",
				.reason = "malformed",
				.text = "PH3102 not well-formed",
				.queue = 1});
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_two_dead);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD, .key = "crm"}, see_crm_dead);
	add_verdict(b.store, PH_RECORD_REPLAY, 2, CRM);
	add_verdict(b.store, PH_RECORD_DISCARD, 3, 1);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_nothing);
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_DEAD_ONE, .key = "crm", .acceptance = 2},
	    see_replayed);
	/* and it may die again */
	add_outcome(b.store, &(ended){.acceptance = 2,
				 .queue = CRM,
				 .attempt = 4,
				 .outcome = 4,
				 .state = PH_RECORD_DEAD,
				 .at_ms = START_MS + 6000,
				 .stage = "map",
				 .reason = "unknown-code"});
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_crm_dead);
}
END_TEST

/* --- positions --- */

START_TEST(a_question_waits_until_its_position_is_applied)
{
	ph_ledger_ask question = {.kind = PH_LEDGER_SUBJECT, .key = "SR-0000000000001"};
	history();
	size_t all = b.store->count;
	b.store->visible = 4; /* the first message only */
	open_ledger();
	question.upto.offset = 701; /* behind the second */
	look = see_both;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, &question, on_answer, NULL, NULL), PH_OK);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(ph_loop_turn(b.loop, 20, NULL), PH_OK);
	ck_assert(!answered);
	b.store->visible = all;
	ph_ledger_durable(b.ledger, ph_store_durable(&b.store->base));
	wait_for(&answered);
	ck_assert_uint_ge(b.applied.offset, 701);
}
END_TEST

/* Nothing can be written behind the first pages of a file: neither can the log grow, nor can it be folded
 * into the file to be begun again. Or everything again. */
static void
fill_disk(bool full)
{
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	if (full) {
		limit.rlim_cur = 32768; /* less than the ledger has */
		signal(SIGXFSZ, SIG_IGN);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
see_trouble(const ph_ledger_answer *answer)
{
	ck_assert_int_ne(answer->status, PH_OK);
}

/* What was taken back with the failed batch is entered again, words too. */
static void
see_never_seen(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_str_eq(answer->rows.messages[0].source, "urn:never:seen");
}

START_TEST(what_it_has_is_answered_while_the_disk_is_full)
{
	const ph_ledger_ask resolve = {
	    .kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 6};
	accepted later = created;
	later.acceptance = 3;
	later.id = "calderdale/Roads/3087715";
	later.key = "calderdale/Roads/3087715";
	later.subject = "SR-0000000000002";
	later.source = "urn:never:seen";
	history();
	open_ledger();
	ask_now(resolve, see_resolved);
	fill_disk(true);
	add_accept(b.store, &later);
	ph_ledger_durable(b.ledger, ph_store_durable(&b.store->base));
	for (int i = 0; i < 3; i++)
		ask(&resolve, see_resolved);
	ck_assert_uint_eq(b.told[PH_LEDGER_FAILED], 1);
	/* what needs more is refused, or waits if it is patient */
	ask_now(resolve, see_trouble);
	ph_ledger_ask patient = resolve;
	patient.current = patient.patient = true;
	look = see_resolved;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, &patient, on_answer, NULL, NULL), PH_OK);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(ph_loop_turn(b.loop, 20, NULL), PH_OK);
	ck_assert(!answered);
	fill_disk(false);
	wait_for(&answered);
	while (b.applied.offset < ph_store_durable(&b.store->base).offset)
		ck_assert_int_eq(ph_loop_turn(b.loop, 100, NULL), PH_OK);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 0);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_SUBJECT, .key = later.subject},
	    see_never_seen);
}
END_TEST

START_TEST(the_loop_is_told_how_far_the_rows_are)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, NULL);
	ck_assert_uint_eq(b.applied.offset, ph_store_durable(&b.store->base).offset);
	ph_ledger_state state;
	ph_ledger_look(b.ledger, &state);
	ck_assert(!state.rebuilding);
	ck_assert_uint_gt(state.rows, 0);
	reopen();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ck_assert_uint_ge(b.applied.offset, 800);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 0);
}
END_TEST

static Suite *
ledger_suite(void)
{
	Suite *suite = suite_create("ledger");
	TCase *tests = tcase_create("ledger");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, references_resolve_both_ways);
	tcase_add_test(tests, a_case_is_told_by_any_reference);
	tcase_add_test(tests, a_try_is_told_with_its_times);
	tcase_add_test(tests, no_try_takes_less_than_no_time);
	tcase_add_test(tests, what_cannot_be_read_has_a_letter_and_no_event);
	tcase_add_test(tests, what_was_never_let_in_is_not_told_as_accepted);
	tcase_add_test(tests, bindings_are_found_from_either_side);
	tcase_add_test(tests, messages_by_subject_and_by_window);
	tcase_add_test(tests, a_source_that_begins_another_is_told_apart);
	tcase_add_test(tests, messages_are_found_by_what_is_known);
	tcase_add_test(tests, messages_without_a_subject_cost_no_rows);
	tcase_add_test(tests, dead_letters_are_listed_until_somebody_acts);
	tcase_add_test(tests, a_question_waits_until_its_position_is_applied);
	tcase_add_test(tests, what_it_has_is_answered_while_the_disk_is_full);
	tcase_add_test(tests, the_loop_is_told_how_far_the_rows_are);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(ledger_suite());
}
