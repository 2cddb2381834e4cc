/*
 * The host's ways in and out, with a site of its own, real maps, a real plug-in, and a broker that
 * is the test: what is said to it, when, and what is not said before it has answered.
 */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/host/inbound.h"
#include "adapters/host/outbound.h"
#include "adapters/host/poll.h"
#include "adapters/host/query.h"
#include "adapters/host/replay.h"
#include "adapters/host/run.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_client.h"
#include "transform/map_inner.h"

#define SR1 "SR-0000000000001"
#define SR2 "SR-0000000000002"

static int64_t
read_clock(void *self)
{
	return *(int64_t *) self;
}

typedef struct rig {
	ph_host *host;
	ph_client *client;
	int64_t now;
	ph_clock clock;
	/* how the last inbound item ended */
	unsigned ended;
	ph_inbound_end end;
	char reference[64], path[256], reason[64], stage[32];
} rig;

static void
set_up(rig *r, const char *plugins, const char *transport)
{
	const char *build = getenv("PACKHORSE_BUILD"),
		   *source = getenv("PACKHORSE_SOURCE");
	char site[4096], path[4096];
	ck_assert_msg(
	    build && source, "PACKHORSE_BUILD and PACKHORSE_SOURCE are needed");
	snprintf(path, sizeof path, "%s/%s", build, plugins);
	snprintf(site, sizeof site, "%s/tests/unit/parks", source);
	setenv("PACKHORSE_PLUGINS", path, 1);
	setenv("PACKHORSE_TRANSPORT", transport, 1);
	ck_assert_int_ge(sodium_init(), 0);
	memset(r, 0, sizeof *r);
	ph_error err = {.status = PH_OK};
	ph_status status = ph_host_prepare(site, "parks", &r->host, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
	r->now = 1795407540000;
	r->clock =
	    (ph_clock){.wall_ms = read_clock, .mono_ms = read_clock, .self = &r->now};
	r->host->clock = &r->clock;
	r->client = r->host->client = fake_client_new();
}

static void
set_up_template(rig *r)
{
	set_up(r, "adapters/template/.libs", "template");
}

static void
tear_down(rig *r)
{
	ph_inbound_abandon(r->host);
	ph_host_destroy(&r->host);
}

static void
pass_time(rig *r, int64_t ms)
{
	r->now += ms;
	ph_alarms_ring(&r->host->alarms, r->now);
}

/* ---- inbound ---- */

static void
ended(void *self, const ph_inbound_end *end)
{
	rig *r = self;
	r->ended++;
	r->end = *end;
	snprintf(r->reference, sizeof r->reference, "%s", end->reference);
	snprintf(r->path, sizeof r->path, "%s", end->path);
	snprintf(r->reason, sizeof r->reason, "%s", end->reason);
	snprintf(r->stage, sizeof r->stage, "%s", end->stage);
}

static void
hand_in(rig *r, const char *entry, const char *bytes, bool waits, const char *cursor)
{
	const ph_entry *found =
	    ph_entries_named(&r->host->entries.receive, entry, strlen(entry));
	ck_assert_ptr_nonnull(found);
	ph_inbound_task task = {.map = found->map,
	    .entry = entry,
	    .bytes = bytes,
	    .length = strlen(bytes),
	    .content_type = "application/json",
	    .caller_waits = waits,
	    .deadline = r->now + 20000,
	    .patience = 15000,
	    .cursor_name = cursor ? "poll:changes" : NULL,
	    .cursor = cursor,
	    .cursor_length = cursor ? strlen(cursor) : 0,
	    .done = ended,
	    .self = r};
	ph_error err = {.status = PH_OK};
	ck_assert_int_eq(ph_inbound_start(r->host, &task, &err), PH_OK);
}

static const char *
attribute(const rig *r, size_t at, const char *name)
{
	return ph_message_get(r->client->published[at].message, name, NULL);
}

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

START_TEST(what_fails_and_cannot_be_told_is_kept_once)
{
	rig r;
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
	tear_down(&r);
}
END_TEST

/* Where a word is in bytes that have no zero at their end; NULL. */
static const char *
memmem_of(const char *bytes, size_t length, const char *word)
{
	for (size_t i = 0; i + strlen(word) <= length; i++)
		if (!memcmp(bytes + i, word, strlen(word)))
			return bytes + i;
	return NULL;
}

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

/* What is larger than a whole document may be; a record in each piece. */
static void
hand_in_file(rig *r, const char *bytes)
{
	const ph_entry *found =
	    ph_entries_named(&r->host->entries.receive, "change", strlen("change"));
	ck_assert_ptr_nonnull(found);
	ph_map *map = (ph_map *) (uintptr_t) found->map;
	map->largest = 10;
	map->piece_size = 1;
	hand_in(r, "change", bytes, false, "T9");
}

#define CHANGE(no, state)                                                              \
	"{\"no\":\"" no "\",\"ref\":\"7\",\"state\":\"" state "\",\"at\":"             \
	"\"2026-11-01T00:00:00Z\"}"
#define CHANGES                                                                        \
	"{\"changes\":[" CHANGE("1", "NEW") "," CHANGE("2", "ODD") "," CHANGE(         \
	    "3", "DONE") "]}"

/* The next piece comes when the one before is durable, the cursor when all are. */
START_TEST(a_large_file_is_taken_piece_by_piece)
{
	rig r;
	size_t length = 0;
	set_up_template(&r);
	hand_in_file(&r, CHANGES);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(r.client->resolve_count, i + 1);
		fake_resolved(r.host, r.client->resolved[i].number, SR1);
		pass_time(&r, 100);
		ck_assert_uint_eq(r.client->publish_count, i + 1);
		ck_assert_uint_eq(r.client->resolve_count, i + 1);
		ck_assert(!r.client->published[i].has_cursor);
		ck_assert(r.client->published[i].has_failed == (i == 1));
		fake_result(r.host, r.client->published[i].ticket, PH_ACCEPTED);
		pass_time(&r, 1);
	}
	ck_assert_str_eq(attribute(&r, 2, "id"), "3");
	const char *kept = ph_message_data(r.client->published[1].message, &length);
	ck_assert_ptr_nonnull(memmem_of(kept, length, "ODD"));
	ck_assert_ptr_null(memmem_of(kept, length, "DONE"));
	ck_assert_ptr_null(memmem_of(kept, length, "NEW"));
	ck_assert_uint_eq(r.client->cursor_count, 1);
	ck_assert_str_eq(r.client->cursors[0].value, "T9");
	ck_assert_uint_eq(r.ended, 0);
	fake_result(r.host, r.client->cursors[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert(r.end.cursor);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_ACCEPTED);
	ck_assert_uint_eq(r.end.count, 3);
	ck_assert_uint_eq(ph_inbound_count(r.host), 0);
	tear_down(&r);
}
END_TEST

/* A host that died in the middle reads it again: the same ids and the same contents. */
START_TEST(a_large_file_that_comes_again_is_a_repeat)
{
	rig r;
	set_up_template(&r);
	for (size_t i = 0; i < 2; i++) {
		hand_in_file(&r, CHANGES);
		fake_resolved(r.host, r.client->resolved[i].number, SR1);
		pass_time(&r, 5000); /* the first one's result never comes */
	}
	ck_assert_uint_eq(r.client->publish_count, 2);
	ck_assert_str_eq(attribute(&r, 0, "id"), attribute(&r, 1, "id"));
	ck_assert_mem_eq(
	    r.client->published[0].fingerprint, r.client->published[1].fingerprint, 32);
	tear_down(&r);
}
END_TEST

/* A reference that may turn up soon is asked for again, and the piece is the same. */
START_TEST(a_piece_waits_for_a_reference)
{
	rig r;
	set_up_template(&r);
	hand_in_file(&r, CHANGES);
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	pass_time(&r, 1);
	ck_assert_uint_eq(r.client->resolve_count, 2);
	fake_resolved(r.host, r.client->resolved[1].number, NULL);
	ck_assert_uint_eq(r.client->publish_count, 1);
	pass_time(&r, 200);
	ck_assert_uint_eq(r.client->resolve_count, 3);
	ck_assert_str_eq(r.client->resolved[2].key, r.client->resolved[1].key);
	fake_resolved(r.host, r.client->resolved[2].number, SR1);
	ck_assert_uint_eq(r.client->publish_count, 2);
	ck_assert(r.client->published[1].has_failed); /* ODD, the second */
	tear_down(&r);
}
END_TEST

START_TEST(of_a_broken_file_nothing_is_taken)
{
	rig r;
	set_up_template(&r);
	hand_in_file(&r, "{\"changes\":[" CHANGE("1", "NEW") ",\n{]}");
	ck_assert_uint_eq(r.client->resolve_count, 0);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_LATER);
	ck_assert(!r.end.cursor);
	ck_assert_uint_eq(ph_inbound_count(r.host), 0);
	tear_down(&r);
}
END_TEST

/* What is not durable stops the file, and the cursor stays. */
START_TEST(a_refused_piece_stops_the_file)
{
	rig r;
	set_up_template(&r);
	hand_in_file(&r, CHANGES);
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	fake_result(r.host, r.client->published[0].ticket, PH_RESULT_REFUSED);
	pass_time(&r, 1);
	ck_assert_uint_eq(r.client->resolve_count, 1);
	ck_assert_uint_eq(r.client->cursor_count, 0);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_LATER);
	ck_assert(!r.end.cursor);
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

static const char one_change[] = "{\"changes\":[{\"no\":\"1\",\"ref\":\"8\",\"state\":"
				 "\"NEW\",\"at\":\"2026-11-01T00:00:00Z\"}]}";

START_TEST(a_reference_that_is_late_is_waited_for)
{
	rig r;
	set_up_template(&r);
	hand_in(&r, "change", one_change, true, NULL);
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
	hand_in(&r, "change", one_change, true, NULL);
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
	ph_message *good = kept("poll:changes", one_change);
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
flow_suite(void)
{
	Suite *suite = suite_create("host_flow");
	TCase *tcase = tcase_create("host_flow");
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_report_is_answered_only_when_durable);
	tcase_add_test(tcase, a_repeat_has_the_same_fingerprint);
	tcase_add_test(tcase, who_can_be_told_is_told_and_nothing_is_kept);
	tcase_add_test(tcase, what_fails_and_cannot_be_told_is_kept_once);
	tcase_add_test(tcase, a_cursor_waits_for_everything_before_it);
	tcase_add_test(tcase, a_broken_text_does_not_hold_the_cursor);
	tcase_add_test(tcase, a_cursor_whose_message_was_known_is_put_by_itself);
	tcase_add_test(tcase, a_large_file_is_taken_piece_by_piece);
	tcase_add_test(tcase, a_large_file_that_comes_again_is_a_repeat);
	tcase_add_test(tcase, a_piece_waits_for_a_reference);
	tcase_add_test(tcase, of_a_broken_file_nothing_is_taken);
	tcase_add_test(tcase, a_refused_piece_stops_the_file);
	tcase_add_test(tcase, a_refused_message_keeps_the_cursor_where_it_is);
	tcase_add_test(tcase, an_unreadable_answer_does_not_move_the_cursor);
	tcase_add_test(tcase, a_reference_that_is_late_is_waited_for);
	tcase_add_test(tcase, a_reference_that_never_comes_is_held);
	tcase_add_test(tcase, the_deadline_answers_and_the_work_goes_on);
	tcase_add_test(tcase, a_full_window_is_waited_for);
	tcase_add_test(tcase, a_contradiction_is_told);
	tcase_add_test(tcase, a_delivery_is_settled_by_the_reply_rules);
	tcase_add_test(tcase, what_cannot_be_mapped_is_rejected_with_its_place);
	tcase_add_test(tcase, what_may_have_been_sent_is_not_sent);
	tcase_add_test(tcase, a_plugin_that_says_nothing_makes_it_unknown);
	tcase_add_test(tcase, a_second_answer_is_ignored);
	tcase_add_test(tcase, a_replay_goes_through_todays_map);
	tcase_add_test(tcase, a_reference_is_folded_and_rendered);
	tcase_add_test(tcase, the_table_refuses_what_it_must);
	tcase_add_test(tcase, windows_overlap_and_do_not_stand_still);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(flow_suite());
}
