/* The host's way in: receives and polled records, from bytes to a durable message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "tests/unit/host_rig.h"
#include "transform/map_inner.h"

START_TEST(a_report_is_answered_only_when_durable)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "request",
	    "{\"ref\":\"7\",\"kind\":\"TREE\",\"note\":\"It leans\"}", true, NULL);
	ck_assert_uint_eq(r.client->resolve_count, 1);
	ck_assert_uint_eq(r.client->resolved[0].kind, PH_RESOLVE_MINT);
	ck_assert_str_eq(r.client->resolved[0].entity, "service-request");
	ck_assert_str_eq(r.client->resolved[0].system, "parks");
	ck_assert_str_eq(r.client->resolved[0].key, "7");
	ck_assert_str_eq(r.client->resolved[0].prefix, "SR");
	ck_assert_uint_eq(r.client->publish_count, 0);
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	ck_assert_uint_eq(r.client->publish_count, 1);
	ck_assert_uint_eq(r.ended, 0); /* published, but not accepted yet */
	ck_assert_str_eq(attribute(&r, 0, "source"), "urn:council:calderdale:parks");
	ck_assert_str_eq(attribute(&r, 0, "id"), "7");
	ck_assert_str_eq(
	    attribute(&r, 0, "type"), "council.service-request.created.v1");
	ck_assert_str_eq(attribute(&r, 0, "subject"), SR1);
	ck_assert_str_eq(attribute(&r, 0, "correlationid"), SR1);
	ck_assert_str_eq(attribute(&r, 0, "service"), "tree");
	ck_assert(r.client->published[0].has_fingerprint);
	ck_assert_uint_eq(r.client->published[0].bindings, 1);
	ck_assert_str_eq(r.client->published[0].binding_key, "7");
	ck_assert_str_eq(r.client->published[0].binding_id, SR1);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_ACCEPTED);
	ck_assert_str_eq(r.reference, SR1);
	ck_assert_uint_eq(ph_inbound_count(r.host), 0);
	tear_down(&r);
}
END_TEST

/* A repeat at another time has another $accepted_at, and is the same all the same. */
START_TEST(a_repeat_has_the_same_fingerprint)
{
	rig r;
	set_up_template(&r);
	for (size_t i = 0; i < 3; i++) {
		hand_in(&r, "request",
		    i < 2 ? "{\"ref\":\"7\",\"kind\":\"TREE\",\"note\":\"It leans\"}"
			  : "{\"ref\":\"7\",\"kind\":\"TREE\",\"note\":\"It fell\"}",
		    true, NULL);
		fake_resolved(r.host, r.client->resolved[i].number, SR1);
		fake_result(r.host, r.client->published[i].ticket,
		    i ? PH_RESULT_DUPLICATE : PH_ACCEPTED);
		pass_time(&r, 1000);
	}
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_DUPLICATE);
	ck_assert_str_eq(r.reference, SR1);
	ck_assert_mem_eq(
	    r.client->published[0].fingerprint, r.client->published[1].fingerprint, 32);
	ck_assert_mem_ne(
	    r.client->published[0].fingerprint, r.client->published[2].fingerprint, 32);
	tear_down(&r);
}
END_TEST

START_TEST(who_can_be_told_is_told_and_nothing_is_kept)
{
	static const struct {
		const char *bytes, *stage, *reason;
	} cases[] = {{"{\"ref\":\"7\",\"kind\":\"SHRUB\",\"note\":\"x\"}", "map",
			 "unknown-code"},
	    {"{\"ref\":\"7\",\"kind\":\"TREE\"}", "validate", "invalid"},
	    {"{\"ref\":", "decode", "malformed"}};
	rig r;
	set_up_template(&r);
	for (unsigned i = 0; i < 3; i++) {
		hand_in(&r, "request", cases[i].bytes, true, NULL);
		if (r.client->resolve_count)
			fake_resolved(r.host,
			    r.client->resolved[r.client->resolve_count - 1].number,
			    SR1);
		ck_assert_uint_eq(r.ended, i + 1);
		ck_assert_uint_eq(r.end.result, PH_ADAPTER_MALFORMED);
		ck_assert_str_eq(r.stage, cases[i].stage);
		ck_assert_str_eq(r.reason, cases[i].reason);
	}
	ck_assert_uint_eq(r.client->publish_count, 0);
	tear_down(&r);
}
END_TEST

/* How often a word is in what was logged since. */
static unsigned
count_logged(FILE *log, const char *word)
{
	char line[4200];
	unsigned count = 0;
	rewind(log);
	while (fgets(line, sizeof line, log) != NULL)
		count += strstr(line, word) != NULL;
	return count;
}

/* The broker keeps and logs a contradiction once; a caller who waits is told each time. */
START_TEST(a_contradiction_that_a_poll_shows_again_is_not_logged_again)
{
	rig r;
	FILE *log = tmpfile();
	ck_assert_ptr_nonnull(log);
	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	set_up_template(&r);
	for (size_t i = 0; i < 3; i++) {
		hand_in(&r, "change", ONE_CHANGE, i == 2, NULL);
		fake_resolved(r.host, r.client->resolved[i].number, SR1);
		fake_result(r.host, r.client->published[i].ticket, PH_RESULT_CONFLICT);
		ck_assert_uint_eq(r.end.result, PH_ADAPTER_CONFLICT);
		ck_assert_uint_eq(count_logged(log, "inbound-refused"), i == 2);
	}
	fclose(log);
	tear_down(&r);
}
END_TEST

/* And said once: a poll may show it for as long as nobody mends it. */
START_TEST(what_fails_and_cannot_be_told_is_kept_once)
{
	rig r;
	FILE *log = tmpfile();
	ck_assert_ptr_nonnull(log);
	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	set_up_template(&r);
	for (size_t i = 0; i < 2; i++) {
		hand_in(&r, "request",
		    "{\"ref\":\"7\",\"kind\":\"SHRUB\",\"note\":\"x\"}", false, NULL);
		fake_resolved(r.host, r.client->resolved[i].number, SR1);
		ck_assert_uint_eq(r.client->publish_count, i + 1);
		ck_assert(r.client->published[i].has_failed);
		ck_assert_str_eq(r.client->published[i].stage, "map");
		ck_assert_str_eq(r.client->published[i].reason, "unknown-code");
		ck_assert_str_eq(attribute(&r, i, "adapter"), "parks");
		ck_assert_str_eq(attribute(&r, i, "entry"), "request");
		ck_assert_ptr_null(attribute(&r, i, "subject"));
		fake_result(r.host, r.client->published[i].ticket,
		    i ? PH_RESULT_DUPLICATE : PH_ACCEPTED);
		ck_assert_uint_eq(r.end.result, PH_ADAPTER_KEPT);
	}
	ck_assert_str_eq(attribute(&r, 0, "id"), attribute(&r, 1, "id"));
	ck_assert_uint_eq(count_logged(log, "inbound-held"), 1);
	ck_assert_uint_eq(count_logged(log, "reason=unknown-code"), 1);
	fclose(log);
	tear_down(&r);
}
END_TEST

static const char three_changes[] =
    "{\"changes\":[{\"no\":\"1\",\"ref\":\"7\",\"state\":\"NEW\",\"at\":\"2026-11-"
    "01T00:00:00Z\"},"
    "{\"no\":\"2\",\"ref\":\"7\",\"state\":\"ODD\",\"at\":\"2026-11-01T00:00:00Z\"},"
    "{\"no\":\"3\",\"ref\":\"7\",\"state\":\"DONE\",\"at\":\"2026-11-01T00:00:00Z\"}]}";

/* The cursor goes with the last, and the last waits for the others. */
START_TEST(a_cursor_waits_for_everything_before_it)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "change", three_changes, false, "T1");
	ck_assert_uint_eq(r.client->resolve_count, 1); /* one question for all three */
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	ck_assert_uint_eq(r.client->publish_count, 2);
	ck_assert(!r.client->published[0].has_cursor);
	ck_assert(!r.client->published[1].has_cursor);
	fake_result(r.host, r.client->published[1].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.client->publish_count, 2);
	fake_result(r.host, r.client->published[0].ticket, PH_RESULT_DUPLICATE);
	ck_assert_uint_eq(r.client->publish_count, 3);
	ck_assert(r.client->published[2].has_cursor);
	ck_assert_str_eq(r.client->published[2].cursor_name, "poll:changes");
	ck_assert_str_eq(r.client->published[2].cursor, "T1");
	/* messages first, then the one that failed, alone */
	ck_assert(r.client->published[2].has_failed);
	size_t length = 0;
	const char *kept = ph_message_data(r.client->published[2].message, &length);
	ck_assert_ptr_nonnull(memmem_of(kept, length, "ODD"));
	ck_assert_ptr_null(memmem_of(kept, length, "DONE"));
	ck_assert_uint_eq(r.ended, 0);
	fake_result(r.host, r.client->published[2].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert(r.end.cursor);
	ck_assert_uint_eq(r.client->cursor_count, 0);
	tear_down(&r);
}
END_TEST

/* A text in the only record of an answer that is no document: that record failed, the answer was read. */
START_TEST(a_broken_text_does_not_hold_the_cursor)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "note",
	    "{\"notes\":[{\"no\":\"1\",\"body\":\"{\",\"at\":\"2026-11-01T00:00:00Z\"}]"
	    "}",
	    false, "T4");
	ck_assert_uint_eq(r.client->publish_count, 1);
	ck_assert(r.client->published[0].has_failed);
	ck_assert(r.client->published[0].has_cursor);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert(r.end.cursor);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_KEPT);
	tear_down(&r);
}
END_TEST

START_TEST(a_cursor_whose_message_was_known_is_put_by_itself)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "change",
	    "{\"changes\":[{\"no\":\"1\",\"ref\":\"7\",\"state\":\"NEW\",\"at\":"
	    "\"2026-11-01T00:00:00Z\"}]}",
	    false, "T2");
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	fake_result(r.host, r.client->published[0].ticket, PH_RESULT_DUPLICATE);
	ck_assert_uint_eq(r.ended, 0);
	ck_assert_uint_eq(r.client->cursor_count, 1);
	ck_assert_str_eq(r.client->cursors[0].value, "T2");
	fake_result(r.host, r.client->cursors[0].ticket, PH_ACCEPTED);
	ck_assert(r.end.cursor);
	/* nothing new at all */
	hand_in(&r, "change", "{\"changes\":[]}", false, "T3");
	ck_assert_uint_eq(r.client->cursor_count, 2);
	fake_result(r.host, r.client->cursors[1].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 2);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_IGNORED);
	ck_assert(r.end.cursor);
	tear_down(&r);
}
END_TEST

START_TEST(a_refused_message_keeps_the_cursor_where_it_is)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "change", three_changes, false, "T1");
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	fake_result(r.host, r.client->published[0].ticket, PH_RESULT_REFUSED);
	fake_result(r.host, r.client->published[1].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.client->publish_count, 2);
	ck_assert_uint_eq(r.client->cursor_count, 0);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_LATER);
	ck_assert(!r.end.cursor);
	tear_down(&r);
}
END_TEST

/* An answer that cannot be read at all is kept to be looked at, and asked for again. */
START_TEST(an_unreadable_answer_does_not_move_the_cursor)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "change", "<html>", false, "T1");
	ck_assert_uint_eq(r.client->publish_count, 1);
	ck_assert(r.client->published[0].has_failed);
	ck_assert(!r.client->published[0].has_cursor);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_KEPT);
	ck_assert(!r.end.cursor);
	tear_down(&r);
}
END_TEST

START_TEST(a_reference_that_is_late_is_waited_for)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "change", ONE_CHANGE, true, NULL);
	fake_resolved(r.host, r.client->resolved[0].number, NULL);
	ck_assert_uint_eq(r.ended, 0);
	ck_assert_uint_eq(r.client->publish_count, 0);
	pass_time(&r, 300);
	ck_assert_uint_eq(r.client->resolve_count, 2);
	fake_resolved(r.host, r.client->resolved[1].number, SR2);
	ck_assert_uint_eq(r.client->publish_count, 1);
	ck_assert(!r.client->published[0].has_failed);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_ACCEPTED);
	tear_down(&r);
}
END_TEST

START_TEST(a_reference_that_never_comes_is_held)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "change", ONE_CHANGE, true, NULL);
	for (size_t i = 0; i < 40 && !r.client->publish_count; i++) {
		if (r.client->resolve_count > i)
			fake_resolved(r.host, r.client->resolved[i].number, NULL);
		pass_time(&r, 2000);
	}
	ck_assert_uint_eq(r.client->publish_count, 1);
	ck_assert_str_eq(r.client->published[0].reason, "unknown-reference");
	tear_down(&r);
}
END_TEST

START_TEST(the_deadline_answers_and_the_work_goes_on)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "request", "{\"ref\":\"7\",\"kind\":\"TREE\",\"note\":\"x\"}", true,
	    NULL);
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	pass_time(&r, 20001);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_LATER);
	ck_assert_uint_eq(ph_inbound_count(r.host), 1);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 1); /* not told twice */
	ck_assert_uint_eq(ph_inbound_count(r.host), 0);
	tear_down(&r);
}
END_TEST

START_TEST(a_full_window_is_waited_for)
{
	rig r;
	set_up_template(&r);
	r.client->room = 1;
	hand_in(&r, "change", three_changes, false, NULL);
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	ck_assert_uint_eq(r.client->publish_count, 1);
	r.client->room = 10;
	pass_time(&r, 100);
	ck_assert_uint_eq(r.client->publish_count, 3);
	for (size_t i = 0; i < 3; i++)
		fake_result(r.host, r.client->published[i].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 1);
	tear_down(&r);
}
END_TEST

START_TEST(a_contradiction_is_told)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "request", "{\"ref\":\"7\",\"kind\":\"TREE\",\"note\":\"x\"}", true,
	    NULL);
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	fake_result(r.host, r.client->published[0].ticket, PH_RESULT_CONFLICT);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_CONFLICT);
	tear_down(&r);
}
END_TEST

static Suite *
host_inbound_suite(void)
{
	Suite *suite = suite_create("host_inbound");
	TCase *tcase = tcase_create("host_inbound");
	tcase_add_test(tcase, a_report_is_answered_only_when_durable);
	tcase_add_test(tcase, a_repeat_has_the_same_fingerprint);
	tcase_add_test(tcase, who_can_be_told_is_told_and_nothing_is_kept);
	tcase_add_test(tcase, what_fails_and_cannot_be_told_is_kept_once);
	tcase_add_test(
	    tcase, a_contradiction_that_a_poll_shows_again_is_not_logged_again);
	tcase_add_test(tcase, a_cursor_waits_for_everything_before_it);
	tcase_add_test(tcase, a_broken_text_does_not_hold_the_cursor);
	tcase_add_test(tcase, a_cursor_whose_message_was_known_is_put_by_itself);
	tcase_add_test(tcase, a_refused_message_keeps_the_cursor_where_it_is);
	tcase_add_test(tcase, an_unreadable_answer_does_not_move_the_cursor);
	tcase_add_test(tcase, a_reference_that_is_late_is_waited_for);
	tcase_add_test(tcase, a_reference_that_never_comes_is_held);
	tcase_add_test(tcase, the_deadline_answers_and_the_work_goes_on);
	tcase_add_test(tcase, a_full_window_is_waited_for);
	tcase_add_test(tcase, a_contradiction_is_told);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(host_inbound_suite());
}
