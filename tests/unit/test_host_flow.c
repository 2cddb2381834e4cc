/* The host's way out, and what it does beside: deliveries, replays, questions, windows of polls. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/host/outbound.h"
#include "adapters/host/poll.h"
#include "adapters/host/query.h"
#include "adapters/host/replay.h"
#include "tests/unit/host_rig.h"

/* ---- outbound ---- */

static ph_message *
report(const char *type, const char *kind)
{
	char data[512];
	snprintf(data, sizeof data,
	    "{\"reference\":\"" SR1
	    "\",\"service\":{\"code\":\"%s\"},\"description\":\"It "
	    "leans\",\"status\":\"open\",\"requested_at\":\"2026-11-01T00:00:00Z\"}",
	    kind);
	ph_attribute attributes[] = {{"id", "x1", 2},
	    {"source", "urn:council:calderdale:open311", 30},
	    {"type", type, strlen(type)}, {"subject", SR1, strlen(SR1)},
	    {"dataschema", "urn:packhorse:schema:service-request:1", 38}};
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, 5, data, strlen(data), &message, NULL), PH_OK);
	return message;
}

static void
deliver(rig *r, ph_message *message, uint8_t flags, const char *queue)
{
	ph_event event = {.kind = PH_EVENT_DELIVERY,
	    .delivery = 42,
	    .accepted_ms = 1795407000000,
	    .attempt = 1,
	    .flags = flags,
	    .queue = queue,
	    .message = message,
	    .reference = {"", 0},
	    .resume = {"", 0}};
	if (strcmp(queue, "inbound") == 0)
		ph_replay_take(r->host, &event);
	else
		ph_outbound_take(r->host, &event);
}

/* Until something was settled, letters from the plug-in's thread are awaited. */
static void
wait_settled(rig *r)
{
	for (int i = 0; i < 100 && !r->client->settle_count; i++) {
		struct pollfd item = {
		    .fd = ph_mailbox_fd(r->host->mailbox), .events = POLLIN};
		(void) poll(&item, 1, 100);
		ph_mailbox_open(r->host->mailbox);
	}
	ck_assert_uint_eq(r->client->settle_count, 1);
}

static void
start_plugin(rig *r)
{
	ph_adapter_error error = {.size = sizeof error};
	ck_assert_uint_eq(
	    ph_plugin_ops(r->host->plugin)->start(r->host->instance, 0, &error), 0);
}

static void
stop_plugin(rig *r)
{
	ph_plugin_ops(r->host->plugin)->stop(r->host->instance, 0);
}

/* The template answers with what it was sent, where the rule finds the reference. */
START_TEST(a_delivery_is_settled_by_the_reply_rules)
{
	rig r;
	set_up_template(&r);
	start_plugin(&r);
	ph_message *message = report("council.service-request.created.v1", "tree");
	deliver(&r, message, 0, "parks");
	deliver(&r, message, 0, "parks"); /* handed out again while it is under way */
	ck_assert_uint_eq(ph_outbound_count(r.host), 1);
	wait_settled(&r);
	ck_assert_uint_eq(r.client->settled[0].delivery, 42);
	ck_assert_uint_eq(r.client->settled[0].outcome, PH_DELIVERED);
	ck_assert_str_eq(r.client->settled[0].reference, SR1);
	ck_assert_uint_eq(r.client->settled[0].bindings, 1);
	ck_assert_uint_eq(ph_outbound_count(r.host), 0);
	stop_plugin(&r);
	ph_message_unref(&message);
	tear_down(&r);
}
END_TEST

START_TEST(what_cannot_be_mapped_is_rejected_with_its_place)
{
	rig r;
	set_up_template(&r);
	ph_message *odd = report("council.service-request.created.v1", "lamp");
	deliver(&r, odd, 0, "parks");
	ck_assert_uint_eq(r.client->settled[0].outcome, PH_REJECTED);
	ck_assert_str_eq(r.client->settled[0].stage, "map");
	ck_assert_str_eq(r.client->settled[0].reason, "unknown-code");
	ck_assert_ptr_nonnull(strstr(r.client->settled[0].path, "service.code"));
	ph_message *other = report("council.other.v1", "tree");
	deliver(&r, other, 0, "parks");
	ck_assert_uint_eq(r.client->settled[1].outcome, PH_REJECTED);
	ck_assert_str_eq(r.client->settled[1].reason, "no-map");
	ph_message_unref(&odd);
	ph_message_unref(&other);
	tear_down(&r);
}
END_TEST

START_TEST(what_may_have_been_sent_is_not_sent)
{
	rig r;
	set_up_template(&r);
	ph_message *message = report("council.service-request.created.v1", "tree");
	deliver(
	    &r, message, PH_DELIVER_SENT_BEFORE | PH_DELIVER_POSSIBLY_SENT, "parks");
	ck_assert_ptr_null(r.host->calls);
	ck_assert_uint_eq(r.client->settled[0].outcome, PH_UNKNOWN);
	ck_assert_str_eq(r.client->settled[0].reason, "outcome-unknown");
	ph_message_unref(&message);
	tear_down(&r);
}
END_TEST

/* The plug-in was started by nobody, so it never answers. */
START_TEST(a_plugin_that_says_nothing_makes_it_unknown)
{
	rig r;
	set_up_template(&r);
	ph_message *message = report("council.service-request.created.v1", "tree");
	deliver(&r, message, 0, "parks");
	ck_assert_uint_eq(r.client->settle_count, 0);
	pass_time(&r, 6999);
	ck_assert_uint_eq(r.client->settle_count, 0);
	pass_time(&r, 2);
	ck_assert_uint_eq(r.client->settled[0].outcome, PH_UNKNOWN);
	start_plugin(&r); /* its answer comes too late, and changes nothing */
	for (int i = 0; i < 3; i++) {
		struct pollfd item = {
		    .fd = ph_mailbox_fd(r.host->mailbox), .events = POLLIN};
		(void) poll(&item, 1, i ? 0 : 5000);
		ph_mailbox_open(r.host->mailbox);
	}
	ck_assert_uint_eq(r.client->settle_count, 1);
	stop_plugin(&r);
	ph_message_unref(&message);
	tear_down(&r);
}
END_TEST

START_TEST(a_second_answer_is_ignored)
{
	rig r;
	set_up(&r, "tests/unit/.libs", "evil-twice");
	start_plugin(&r);
	ph_message *message = report("council.service-request.created.v1", "tree");
	deliver(&r, message, 0, "parks");
	wait_settled(&r);
	ph_mailbox_open(r.host->mailbox);
	ck_assert_uint_eq(r.client->settle_count, 1);
	ck_assert_uint_eq(r.client->settled[0].outcome, PH_DELIVERED);
	ck_assert_str_eq(r.client->settled[0].reference, "first");
	ph_message_unref(&message);
	tear_down(&r);
}
END_TEST

/* ---- replay ---- */

static ph_message *
kept(const char *entry, const char *bytes)
{
	ph_attribute attributes[] = {{"id", "failed-1", 8},
	    {"source", "urn:council:calderdale:parks", 28},
	    {"type", "packhorse.inbound.failed.v1", 27}, {"adapter", "parks", 5},
	    {"entry", entry, strlen(entry)}};
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, 5, bytes, strlen(bytes), &message, NULL), PH_OK);
	return message;
}

START_TEST(a_replay_goes_through_todays_map)
{
	rig r;
	set_up_template(&r);
	ph_message *good = kept("poll:changes", ONE_CHANGE);
	deliver(&r, good, PH_DELIVER_REPLAYED, "inbound");
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	ck_assert_uint_eq(r.client->publish_count, 1);
	ck_assert(r.client->published[0].has_replay);
	ck_assert_uint_eq(r.client->settle_count, 0);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.client->settled[0].outcome, PH_DELIVERED);
	ph_message *bad =
	    kept("request", "{\"ref\":\"7\",\"kind\":\"SHRUB\",\"note\":\"x\"}");
	deliver(&r, bad, PH_DELIVER_REPLAYED, "inbound");
	fake_resolved(r.host, r.client->resolved[1].number, SR1);
	ck_assert_uint_eq(r.client->publish_count, 1); /* it is there already */
	ck_assert_uint_eq(r.client->settled[1].outcome, PH_REJECTED);
	ck_assert_str_eq(r.client->settled[1].stage, "map");
	ck_assert_str_eq(r.client->settled[1].reason, "unknown-code");
	ph_message *gone = kept("nowhere", "{}");
	deliver(&r, gone, PH_DELIVER_REPLAYED, "inbound");
	ck_assert_str_eq(r.client->settled[2].reason, "no-map");
	ph_message_unref(&good);
	ph_message_unref(&bad);
	ph_message_unref(&gone);
	tear_down(&r);
}
END_TEST

/* A text that was cut off may read well and say something else. Where it stood is told again. */
#define PLACE "record 3 of the file, at 7:2"
START_TEST(a_beginning_is_not_replayed)
{
	rig r;
	ph_attribute attributes[] = {{"id", "failed-1", 8}, {"source", "urn:x", 5},
	    {"type", "packhorse.inbound.failed.v1", 27}, {"adapter", "parks", 5},
	    {"entry", "poll:changes", 12}, {"shortened", "yes", 3},
	    {"place", PLACE, strlen(PLACE)}, {"path", "note", 4}};
	ph_message *message = NULL;
	set_up_template(&r);
	ck_assert_int_eq(ph_message_new(attributes, 8, ONE_CHANGE, strlen(ONE_CHANGE),
			     &message, NULL),
	    PH_OK);
	deliver(&r, message, PH_DELIVER_REPLAYED, "inbound");
	ck_assert_uint_eq(r.client->resolve_count, 0);
	ck_assert_uint_eq(r.client->settle_count, 1);
	ck_assert_uint_eq(r.client->settled[0].outcome, PH_REJECTED);
	ck_assert_str_eq(r.client->settled[0].reason, "shortened");
	ck_assert_str_eq(r.client->settled[0].path, "note");
	ck_assert_ptr_nonnull(strstr(r.client->settled[0].text, " (" PLACE ")"));
	ph_message_unref(&message);
	tear_down(&r);
}
END_TEST

/* ---- queries, through the table that a plug-in has ---- */

typedef struct asked {
	unsigned calls;
	uint32_t code;
	uint64_t count;
	char text[512]; /* "name=value " of all records */
} asked;

static void
answered(void *context, const ph_adapter_records *records)
{
	asked *a = context;
	a->calls++;
	a->code = records->code;
	a->count = records->count;
	for (uint64_t i = 0; i < records->count; i++) {
		const ph_adapter_record *record = records->records[i];
		for (uint64_t j = 0; j < record->pair_count; j++) {
			size_t at = strlen(a->text);
			snprintf(a->text + at, sizeof a->text - at, "%.*s=%.*s ",
			    (int) record->pairs[j].name.length,
			    record->pairs[j].name.data,
			    (int) record->pairs[j].value.length,
			    record->pairs[j].value.data);
		}
	}
}

static void
ask(rig *r, asked *a, const char *reference)
{
	ph_adapter_text id = {reference, strlen(reference)};
	ph_adapter_query query = {.size = sizeof query,
	    .kind = PH_ADAPTER_BY_REFERENCE,
	    .entry = {"shown", 5},
	    .references = &id,
	    .reference_count = 1,
	    .context = a,
	    .done = answered};
	ph_adapter_error error = {.size = sizeof error};
	memset(a, 0, sizeof *a);
	ck_assert_uint_eq(r->host->table.query(r->host, &query, &error), 0);
	ph_mailbox_open(r->host->mailbox);
}

START_TEST(a_reference_is_folded_and_rendered)
{
	rig r;
	asked a;
	set_up_template(&r);
	static const char update[] =
	    "{\"id\":\"1\",\"request_reference\":\"" SR1
	    "\",\"status\":\"fixed\",\"updated_at\":\"2026-11-02T00:00:00Z\"}";
	ph_attribute attributes[] = {{"id", "1", 1}, {"source", "urn:x", 5},
	    {"type", "council.service-request.updated.v1", 34},
	    {"subject", SR1, strlen(SR1)},
	    {"dataschema", "urn:packhorse:schema:service-request-update:1", 45}};
	ph_message *messages[3] = {report("council.service-request.created.v1", "tree"),
	    NULL, report("council.service-request.created.v1", "grass-cutting")};
	ck_assert_int_eq(
	    ph_message_new(attributes, 5, update, strlen(update), &messages[1], NULL),
	    PH_OK);
	ask(&r, &a, SR1);
	ck_assert_uint_eq(r.client->query_count, 1);
	ck_assert_str_eq(r.client->queries[0].key, SR1);
	/* the third has the id of the first: a contradiction that was kept, not the truth */
	fake_answer(r.host, r.client->queries[0].number, messages, 3);
	ck_assert_uint_eq(a.calls, 1);
	ck_assert_uint_eq(a.count, 1);
	ck_assert_ptr_nonnull(strstr(a.text, "id=" SR1 " "));
	ck_assert_ptr_nonnull(strstr(a.text, "state=fixed "));
	ck_assert_ptr_nonnull(strstr(a.text, "seen=2026-11-23T04:19:01"));
	ask(&r, &a, SR2);
	fake_answer(r.host, r.client->queries[1].number, NULL, 0);
	ck_assert_uint_eq(a.calls, 1);
	ck_assert_uint_eq(a.code, PH_ADAPTER_OK);
	ck_assert_uint_eq(a.count, 0);
	ask(&r, &a, SR2);
	pass_time(&r, 20001);
	ck_assert_uint_eq(a.calls, 1);
	ck_assert_uint_eq(a.code, PH_ADAPTER_TIMEOUT);
	fake_answer(r.host, r.client->queries[2].number, NULL, 0);
	ck_assert_uint_eq(a.calls, 1);
	for (size_t i = 0; i < 3; i++)
		ph_message_unref(&messages[i]);
	tear_down(&r);
}
END_TEST

START_TEST(the_table_refuses_what_it_must)
{
	rig r;
	asked a = {.calls = 0};
	set_up_template(&r);
	const ph_adapter_host *table = &r.host->table;
	ph_adapter_error error = {.size = sizeof error};
	ph_adapter_query query = {.size = sizeof query,
	    .kind = PH_ADAPTER_BY_WINDOW,
	    .entry = {"nothing", 7},
	    .context = &a,
	    .done = answered};
	ck_assert_uint_eq(table->query(r.host, &query, &error), PH_ADAPTER_NOT_FOUND);
	query.entry = (ph_adapter_text){"shown", 5};
	query.kind = 77;
	ck_assert_uint_eq(table->query(r.host, &query, &error), PH_ADAPTER_UNSUPPORTED);
	ph_adapter_received received = {.size = sizeof received, .entry = {"shown", 5}};
	ck_assert_uint_eq(
	    table->receive(r.host, &received, &error), PH_ADAPTER_NOT_FOUND);
	received.entry = (ph_adapter_text){"request", 7};
	atomic_store(&r.host->closed, true);
	ck_assert_uint_eq(table->receive(r.host, &received, &error), PH_ADAPTER_CLOSED);
	query.kind = PH_ADAPTER_BY_WINDOW;
	ck_assert_uint_eq(table->query(r.host, &query, &error), PH_ADAPTER_CLOSED);
	ck_assert_uint_eq(atomic_load(&r.host->receiving), 0);
	atomic_store(&r.host->closed, false);
	char buffer[8];
	uint64_t length = 0;
	ph_adapter_text name = {"../packhorse.yaml", 17};
	ck_assert_uint_eq(table->secret(r.host, name, buffer, sizeof buffer, &length),
	    PH_ADAPTER_NOT_FOUND);
	tear_down(&r);
}
END_TEST

/* ---- polls ---- */

START_TEST(windows_overlap_and_do_not_stand_still)
{
	ph_entry entry = {
	    .every = 5000, .overlap = 60000, .first = 86400000, .longest = 172800000};
	int64_t from = 0, to = 0, now = 1795407540000;
	ph_poll_window(&entry, 0, now, &from, &to);
	ck_assert_int_eq(from, now - 86400000);
	ck_assert_int_eq(to, now);
	ph_poll_window(&entry, now - 5000, now, &from, &to);
	ck_assert_int_eq(from, now - 65000);
	ck_assert_int_eq(to, now);
	ph_poll_window(&entry, now - 864000000, now, &from, &to); /* ten days behind */
	ck_assert_int_eq(to - from, 172800000);
	ck_assert_int_gt(to, now - 864000000);
	ph_poll_window(
	    &entry, now + 3600000, now, &from, &to); /* the clock went back */
	ck_assert_int_ge(to, from);
	ck_assert_int_eq(ph_poll_pause(&entry, 0), 5000);
	ck_assert_int_eq(ph_poll_pause(&entry, 2), 20000);
	ck_assert_int_eq(ph_poll_pause(&entry, 60), 300000);
	entry.every = 3600000;
	ck_assert_int_eq(ph_poll_pause(&entry, 3), 3600000);
}
END_TEST

static Suite *
host_flow_suite(void)
{
	Suite *suite = suite_create("host_flow");
	TCase *tcase = tcase_create("host_flow");
	tcase_add_test(tcase, a_delivery_is_settled_by_the_reply_rules);
	tcase_add_test(tcase, what_cannot_be_mapped_is_rejected_with_its_place);
	tcase_add_test(tcase, what_may_have_been_sent_is_not_sent);
	tcase_add_test(tcase, a_plugin_that_says_nothing_makes_it_unknown);
	tcase_add_test(tcase, a_second_answer_is_ignored);
	tcase_add_test(tcase, a_replay_goes_through_todays_map);
	tcase_add_test(tcase, a_beginning_is_not_replayed);
	tcase_add_test(tcase, a_reference_is_folded_and_rendered);
	tcase_add_test(tcase, the_table_refuses_what_it_must);
	tcase_add_test(tcase, windows_overlap_and_do_not_stand_still);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(host_flow_suite());
}
