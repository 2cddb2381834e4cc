/*
 * The record as it was: read before a delivery that changes it, completed, and guarded against those
 * who change it in between. The system is tests/unit/keeper_plugin.c.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/host/outbound.h"
#include "adapters/host/run.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_client.h"

#define SR1	  "SR-0000000000001"
#define COMPLETED "{\"owner\":\"Jo\",\"state\":\"fixed\"}"
#define ALONE	  "{\"state\":\"fixed\"}"

static ph_host *host;
static fake_settle ended;

static void
prepare(void)
{
	const char *build = getenv("PACKHORSE_BUILD"),
		   *source = getenv("PACKHORSE_SOURCE");
	char path[4096], site[4096];
	ck_assert_msg(
	    build && source, "PACKHORSE_BUILD and PACKHORSE_SOURCE are needed");
	snprintf(path, sizeof path, "%s/tests/unit/.libs", build);
	snprintf(site, sizeof site, "%s/tests/unit/parks", source);
	setenv("PACKHORSE_PLUGINS", path, 1);
	setenv("PACKHORSE_TRANSPORT", "keeper", 1);
	setenv("PACKHORSE_DOCUMENT", "64k", 1);
	ck_assert_int_ge(sodium_init(), 0);
	ph_error err = {.status = PH_OK};
	ck_assert_msg(ph_host_prepare(site, "keeper", &host, &err) == PH_OK, "%s: %s",
	    err.where, err.text);
	host->client = fake_client_new();
}

static void
teardown(void)
{
	ph_host_destroy(&host);
}

static ph_message *
change(const char *type, const char *mood)
{
	char data[512];
	snprintf(data, sizeof data,
	    "{\"id\":\"x1\",\"request_reference\":\"" SR1
	    "\",\"status\":\"fixed\",\"updated_at\":\"2026-11-01T00:00:00Z\",\"text\":"
	    "\"%s\"}",
	    mood);
	ph_attribute attributes[] = {{"id", "x1", 2},
	    {"source", "urn:council:calderdale:open311", 30},
	    {"type", type, strlen(type)}, {"subject", SR1, strlen(SR1)},
	    {"dataschema", "urn:packhorse:schema:service-request-update:1", 45}};
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, 5, data, strlen(data), &message, NULL), PH_OK);
	return message;
}

/* One attempt; `ended` is what became of it. */
static void
deliver_as(const char *type, const char *mood, uint8_t flags)
{
	size_t before = host->client->settle_count;
	ph_message *message = change(type, mood);
	ph_event event = {.kind = PH_EVENT_DELIVERY,
	    .delivery = 42 + before,
	    .accepted_ms = 1795407000000,
	    .attempt = 1,
	    .flags = flags,
	    .queue = "keeper",
	    .message = message,
	    .reference = {"", 0},
	    .resume = {"", 0}};
	ph_outbound_take(host, &event);
	for (int i = 0; i < 20 && host->client->settle_count == before; i++)
		ph_mailbox_open(host->mailbox); /* the system has answered already */
	ck_assert_uint_eq(host->client->settle_count, before + 1);
	ck_assert_uint_eq(ph_outbound_count(host), 0);
	ended = host->client->settled[before];
	ph_message_unref(&message);
}

static void
deliver(const char *mood, uint8_t flags)
{
	deliver_as("council.service-request.updated.v1", mood, flags);
}

START_TEST(a_change_is_completed_from_the_record)
{
	deliver("calm", 0);
	ck_assert_uint_eq(ended.outcome, PH_DELIVERED);
	ck_assert_str_eq(ended.reference, COMPLETED);
}
END_TEST

/* As with SOAP: the answer is found by a document. */
START_TEST(a_map_may_write_the_question)
{
	deliver_as("council.service-request.asked.v1", "gone", 0);
	ck_assert_uint_eq(ended.outcome, PH_DELIVERED);
	ck_assert_str_eq(
	    ended.reference, "{\"number\":\"" SR1 "\",\"state\":\"fixed\"}");
}
END_TEST

/* By its status, and by a rule that says `unknown`. */
START_TEST(without_a_record_the_change_goes_alone)
{
	static const char *const moods[] = {"gone", "shy"};
	for (size_t i = 0; i < 2; i++) {
		deliver(moods[i], 0);
		ck_assert_uint_eq(ended.outcome, PH_DELIVERED);
		ck_assert_str_eq(ended.reference, ALONE);
	}
}
END_TEST

/* Nothing was changed, so nothing is in doubt, whatever became of the question. */
START_TEST(what_cannot_be_read_is_tried_again)
{
	static const struct {
		const char *mood, *text;
		uint8_t outcome;
	} rows[] = {{"busy", "PH4059", PH_RETRY},
	    {"away", "PH4059 the record as it was could not be read: PH4103", PH_RETRY},
	    {"quiet", "PH4059 the record as it was could not be read: PH4105",
		PH_RETRY},
	    {"odd", "PH4059 the record as it was cannot be read: PH", PH_RETRY},
	    {"large",
		"PH4059 the record as it was could not be read: PH4045 it is "
		"more than 65536 bytes",
		PH_RETRY},
	    {"strict", "PH4059 the record as it was could not be read: PH4056",
		PH_REJECTED}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		deliver(rows[i].mood, 0);
		ck_assert_msg(ended.outcome == rows[i].outcome, "%s: %u %s",
		    rows[i].mood, ended.outcome, ended.text);
		ck_assert_msg(!strncmp(ended.text, rows[i].text, strlen(rows[i].text)),
		    "%s: %s", rows[i].mood, ended.text);
		ck_assert_str_eq(ended.reason, "no-previous");
		ck_assert_str_eq(ended.stage, "send");
	}
}
END_TEST

/* Without its version others' changes could be lost. */
START_TEST(a_version_that_does_not_fit_is_not_left_away)
{
	deliver("wordy", 0);
	ck_assert_uint_eq(ended.outcome, PH_RETRY);
	ck_assert_str_eq(ended.reason, "no-previous");
	ck_assert_str_eq(ended.reference, "");
	ck_assert_ptr_nonnull(strstr(ended.text, "is 1024 bytes long, at most 1023"));
}
END_TEST

START_TEST(a_record_that_moved_is_read_again)
{
	deliver("moved", 0);
	ck_assert_uint_eq(ended.outcome, PH_DELIVERED);
	ck_assert_str_eq(ended.reference, "{\"owner\":\"Ann\",\"state\":\"fixed\"}");
}
END_TEST

/* Three times, then the queue's patience. */
START_TEST(a_record_that_never_rests_is_tried_later)
{
	deliver("shared", 0);
	ck_assert_uint_eq(ended.outcome, PH_RETRY);
	ck_assert_str_eq(ended.text, "PH4124 it was changed");
	deliver("calm", 0);
	ck_assert_uint_eq(ended.outcome, PH_DELIVERED);
}
END_TEST

/* It is not read when the delivery is not to be sent. */
START_TEST(what_may_have_been_sent_is_not_read)
{
	deliver("calm", PH_DELIVER_SENT_BEFORE | PH_DELIVER_POSSIBLY_SENT);
	ck_assert_uint_eq(ended.outcome, PH_UNKNOWN);
	ck_assert_uint_eq(host->tokens, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("previous");
	TCase *tcase = tcase_create("previous");
	tcase_add_checked_fixture(tcase, prepare, teardown);
	tcase_add_test(tcase, a_change_is_completed_from_the_record);
	tcase_add_test(tcase, a_map_may_write_the_question);
	tcase_add_test(tcase, without_a_record_the_change_goes_alone);
	tcase_add_test(tcase, what_cannot_be_read_is_tried_again);
	tcase_add_test(tcase, a_version_that_does_not_fit_is_not_left_away);
	tcase_add_test(tcase, a_record_that_moved_is_read_again);
	tcase_add_test(tcase, a_record_that_never_rests_is_tried_later);
	tcase_add_test(tcase, what_may_have_been_sent_is_not_read);
	suite_add_tcase(suite, tcase);
	return ph_check_main(suite);
}
