/* The host's way in for files that are larger than a document may be: taken piece by piece, each durable
 * before the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "tests/unit/host_rig.h"
#include "transform/map_inner.h"

/* What is larger than a whole document may be; a record in each piece. */
static void
hand_in_file_of(rig *r, const char *entry, const char *bytes)
{
	const ph_entry *found =
	    ph_entries_named(&r->host->entries.receive, entry, strlen(entry));
	ck_assert_ptr_nonnull(found);
	ph_map *map = (ph_map *) (uintptr_t) found->map;
	map->largest = 10;
	map->piece_size = 1;
	hand_in(r, entry, bytes, false, "T9");
	pass_time(r, 0); /* until it was looked through */
}

static void
hand_in_file(rig *r, const char *bytes)
{
	hand_in_file_of(r, "change", bytes);
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

/* The broker's answers to the one message that is on its way. */
static void
accept_next(rig *r, size_t *resolved)
{
	if (r->client->resolve_count > *resolved)
		fake_resolved(r->host, r->client->resolved[(*resolved)++].number, SR1);
	ck_assert_uint_gt(r->client->publish_count, 0);
	fake_result(r->host, r->client->published[r->client->publish_count - 1].ticket,
	    PH_ACCEPTED);
	pass_time(r, 1);
}

#define ROW(no, state) no ",7," state ",2026-11-01T00:00:00Z," no "\n"
#define NAMES_ROW      "no,ref,state,at,mark\n"

/* A row that says nothing cannot be written as a table: it is kept as it stands, and the file goes on. */
START_TEST(what_cannot_be_written_again_is_kept_as_it_stands)
{
	rig r;
	size_t length = 0, resolved = 0;
	set_up_template(&r);
	hand_in_file_of(&r, "row", NAMES_ROW ROW("1", "NEW") ",,,,\n" ROW("3", "DONE"));
	for (size_t i = 0; i < 3; i++) {
		accept_next(&r, &resolved);
		ck_assert(r.client->published[i].has_failed == (i == 1));
	}
	ck_assert_uint_eq(r.client->publish_count, 3);
	const char *kept = ph_message_data(r.client->published[1].message, &length);
	ck_assert_uint_eq(length, strlen(NAMES_ROW ",,,,\n"));
	ck_assert_mem_eq(kept, NAMES_ROW ",,,,\n", length);
	ck_assert_str_eq(attribute(&r, 1, "alone"), "yes");
	ck_assert_str_eq(r.client->published[1].stage, "validate");
	ck_assert_msg(
	    strstr(r.client->published[1].text, "PH") == r.client->published[1].text &&
		strstr(r.client->published[1].text, "(record 2 of the file, at 3:1)") !=
		    NULL,
	    "%s", r.client->published[1].text);
	ck_assert_str_eq(attribute(&r, 2, "id"), "3");
	fake_result(r.host, r.client->cursors[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 1);
	ck_assert(r.end.cursor);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_ACCEPTED);
	ck_assert_uint_eq(r.end.count, 3);
	ck_assert_str_eq(attribute(&r, 1, "place"), "record 2 of the file, at 3:1");
	tear_down(&r);
}
END_TEST

/* What a map makes may be more than a message holds: no attribute is that long. */
START_TEST(what_no_message_holds_is_kept_and_the_file_goes_on)
{
	rig r;
	char file[6000], mark[5001];
	size_t length = 0, resolved = 0;
	memset(mark, '7', 5000);
	mark[5000] = 0;
	snprintf(file, sizeof file, "%s1,7,NEW,2026-11-01T00:00:00Z,%s\n%s", NAMES_ROW,
	    mark, ROW("3", "DONE"));
	set_up_template(&r);
	hand_in_file_of(&r, "row", file);
	for (size_t i = 0; i < 2; i++)
		accept_next(&r, &resolved);
	ck_assert_uint_eq(r.client->publish_count, 2);
	ck_assert(r.client->published[0].has_failed);
	ck_assert_str_eq(r.client->published[0].stage, "map");
	ck_assert_str_eq(r.client->published[0].reason, "no-message");
	ck_assert_msg(strncmp(r.client->published[0].text, "PH6105", 6) == 0, "%s",
	    r.client->published[0].text);
	const char *kept = ph_message_data(r.client->published[0].message, &length);
	ck_assert_ptr_nonnull(memmem_of(kept, length, mark));
	ck_assert_ptr_null(memmem_of(kept, length, "DONE"));
	ck_assert(!r.client->published[1].has_failed);
	ck_assert_uint_eq(r.client->cursor_count, 1);
	tear_down(&r);
}
END_TEST

/* Who waits is told so, and not to try again. */
START_TEST(what_no_message_holds_is_refused_where_somebody_waits)
{
	char file[6000], mark[5001];
	rig r;
	memset(mark, '7', 5000);
	mark[5000] = 0;
	set_up_template(&r);
	ph_map *map =
	    (ph_map *) (uintptr_t) ph_entries_named(&r.host->entries.receive, "row", 3)
		->map;
	const char *type = map->type;
	for (size_t i = 0; i < 2; i++) {
		map->type = i ? type : ""; /* as where a link is to say it */
		snprintf(file, sizeof file, "%s1,7,NEW,2026-11-01T00:00:00Z,%s\n",
		    NAMES_ROW, i ? mark : "m");
		hand_in(&r, "row", file, true, NULL);
		fake_resolved(r.host, r.client->resolved[i].number, SR1);
		ck_assert_uint_eq(r.ended, i + 1);
		ck_assert_uint_eq(
		    r.end.result, i ? PH_ADAPTER_TOO_LARGE : PH_ADAPTER_MALFORMED);
		ck_assert_str_eq(r.reason, "no-message");
	}
	ck_assert_uint_eq(r.client->publish_count, 0);
	tear_down(&r);
}
END_TEST

/* Of what fails and is larger than a message the beginning is kept. */
START_TEST(of_too_much_the_beginning_is_kept)
{
	static const char head[] = "{\"ref\":\"7\",\"kind\":\"SHRUB\", \"note\":\"";
	const size_t most = PH_MESSAGE_MAX;
	rig r;
	size_t length = 0;
	char *bytes = malloc(most + sizeof head + 3);
	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, head, sizeof head - 1);
	for (size_t i = 0; i < most; i += 2)
		memcpy(bytes + sizeof head - 1 + i, "\xc3\xa9", 2);
	memcpy(bytes + sizeof head - 1 + most, "\"}", 3);
	set_up_template(&r);
	hand_in(&r, "request", bytes, false, "T1");
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	ck_assert_uint_eq(r.client->publish_count, 1);
	ck_assert(r.client->published[0].has_failed);
	ck_assert_str_eq(attribute(&r, 0, "shortened"), "yes");
	ck_assert_str_eq(attribute(&r, 0, "path"), r.client->published[0].path);
	ck_assert_str_ne(attribute(&r, 0, "path"), "");
	const char *kept = ph_message_data(r.client->published[0].message, &length);
	ck_assert_uint_gt(length, most - 8192);
	ck_assert_mem_eq(kept, bytes, length);
	ck_assert(ph_utf8_valid(kept, length, NULL)); /* no character is cut */
	ck_assert_msg(strstr(r.client->published[0].text, " bytes are not)") != NULL,
	    "%s", r.client->published[0].text);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.end.result, PH_ADAPTER_KEPT);
	ck_assert(r.end.cursor);
	tear_down(&r);
	free(bytes);
}
END_TEST

/* What came in later and is small does not wait for a large file to be looked through. */
START_TEST(a_large_file_leaves_room_for_other_work)
{
	enum { ROWS = 80000 };
	rig r;
	size_t turns = 0;
	ph_buffer file;
	ph_buffer_init(&file, 0);
	ph_buffer_text(&file, NAMES_ROW);
	for (size_t i = 0; i < ROWS; i++)
		ph_buffer_text(&file, ROW("1", "NEW"));
	ck_assert_uint_gt(file.length, (size_t) 2 << 20);
	set_up_template(&r);
	const ph_entry *found = ph_entries_named(&r.host->entries.receive, "row", 3);
	ph_map_limits((ph_map *) (uintptr_t) found->map, 1 << 20, 0);
	hand_in(&r, "row", ph_buffer_cstr(&file), false, "T9");
	ck_assert_uint_eq(r.client->resolve_count, 0);
	hand_in(&r, "change", ONE_CHANGE, true, NULL);
	ck_assert_uint_eq(r.client->resolve_count, 1); /* of the second */
	fake_resolved(r.host, r.client->resolved[0].number, SR1);
	fake_result(r.host, r.client->published[0].ticket, PH_ACCEPTED);
	ck_assert_uint_eq(r.ended, 1);
	for (; r.client->resolve_count < 2 && turns < 100; turns++)
		pass_time(&r, 0);
	ck_assert_uint_ge(turns, 4);
	ck_assert_uint_eq(r.client->resolve_count, 2);
	tear_down(&r);
	ph_buffer_fini(&file);
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

static Suite *
host_pieces_suite(void)
{
	Suite *suite = suite_create("host_pieces");
	TCase *tcase = tcase_create("host_pieces");
	tcase_add_test(tcase, a_large_file_is_taken_piece_by_piece);
	tcase_add_test(tcase, what_cannot_be_written_again_is_kept_as_it_stands);
	tcase_add_test(tcase, what_no_message_holds_is_kept_and_the_file_goes_on);
	tcase_add_test(tcase, what_no_message_holds_is_refused_where_somebody_waits);
	tcase_add_test(tcase, of_too_much_the_beginning_is_kept);
	tcase_add_test(tcase, a_large_file_leaves_room_for_other_work);
	tcase_add_test(tcase, a_large_file_that_comes_again_is_a_repeat);
	tcase_add_test(tcase, a_piece_waits_for_a_reference);
	tcase_add_test(tcase, of_a_broken_file_nothing_is_taken);
	tcase_add_test(tcase, a_refused_piece_stops_the_file);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(host_pieces_suite());
}
