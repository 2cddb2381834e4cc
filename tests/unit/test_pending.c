/*
 * What a client has published and has no result for: after any order of publishing, sending, results
 * and losing the connection, as many bytes count as under way as are, so that what waits can go.
 */
#include "lib/client/inner.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"

#define WINDOW	   64
#define FLIGHT	   (16u << 20)
#define CURSORS	   (WINDOW * 100) /* they are small, and go in any case */
#define ITEM_EXTRA 6 /* bytes of a frame for each item, as in doc/protocol.md */

static ph_pending pending;
static ph_message *sizes[4];
static uint64_t state = 88172645463325252u;

static uint64_t
dice(uint64_t bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % bound;
}

static void
begin(void)
{
	static const size_t lengths[] = {0, 1000, 400000, 1000000};
	static char data[1000000];
	const ph_attribute attributes[] = {
	    {"id", "x", 1}, {"source", "test", 4}, {"type", "t", 1}};
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(
		    ph_message_new(attributes, 3, data, lengths[i], &sizes[i], NULL),
		    PH_OK);
	ck_assert_int_eq(ph_pending_init(&pending, WINDOW, NULL), PH_OK);
}

static void
end(void)
{
	ph_pending_fini(&pending);
	for (size_t i = 0; i < 4; i++)
		ph_message_unref(&sizes[i]);
}

/* ---- a list of our own ---- */

typedef struct item {
	size_t bytes;
	bool cursor, sent, answered;
	bool ever; /* sent, perhaps on a connection that was lost */
} item;

static item list[40000];
static uint64_t given; /* tickets 1 to this */

static size_t
under_way(void)
{
	size_t bytes = 0;
	for (uint64_t t = 1; t <= given; t++)
		bytes += list[t].sent && !list[t].answered ? list[t].bytes : 0;
	return bytes;
}

static uint64_t
unanswered(bool ever)
{
	uint64_t from = given > 0 ? 1 + dice(given) : 1;
	for (uint64_t i = 0; i < given; i++) {
		uint64_t t = 1 + (from + i) % given;
		if (!list[t].answered && list[t].ever == ever)
			return t;
	}
	return 0;
}

static bool
some_unsent(void)
{
	for (uint64_t t = 1; t <= given; t++) {
		if (!list[t].answered && !list[t].sent)
			return true;
	}
	return false;
}

static void
add(void)
{
	static const char options[71];
	uint64_t ticket = 0;
	size_t length = 0;
	size_t kind = (size_t) dice(5);
	ph_published made = {.message = kind == 4 ? NULL : sizes[kind]};
	if (kind < 4)
		(void) ph_message_bytes(made.message, &length);
	if (kind == 4 || dice(3) == 0) {
		made.options = options;
		made.options_length = 1 + (size_t) dice(70);
	}
	if (ph_pending_add(&pending, &made, 1 + (size_t) dice(64), &ticket, NULL) !=
	    PH_OK)
		return;
	ck_assert_uint_eq(ticket, ++given);
	list[ticket] = (item){.cursor = kind == 4,
	    .bytes = length + made.options_length + (kind == 4 ? 0 : ITEM_EXTRA)};
}

/* A frame holds what its tickets say, and nothing that is answered. */
static void
check_frame(const ph_batch *batch)
{
	ph_frame frame;
	ck_assert(!batch->frame.failed);
	ck_assert_int_eq(
	    ph_frame_open(batch->frame.data, batch->frame.length, &frame, NULL), PH_OK);
	ck_assert_uint_eq(frame.number, batch->first);
	if (list[batch->first].cursor) {
		ck_assert_int_eq(frame.type, PH_FRAME_CURSOR);
		ck_assert_uint_eq(batch->count, 1);
		ck_assert_uint_eq(
		    ph_reader_left(&frame.body), list[batch->first].bytes);
		return;
	}
	ck_assert_int_eq(frame.type, PH_FRAME_PUBLISH);
	ck_assert_uint_eq(frame.count, batch->count);
	for (uint64_t t = batch->first; t < batch->first + batch->count; t++) {
		ph_publish_view view;
		ph_message *message = NULL;
		size_t before = frame.body.at;
		ck_assert_int_eq(ph_publish_read(&frame, &view, NULL), PH_OK);
		ck_assert_uint_eq(frame.body.at - before, list[t].bytes);
		ck_assert(!list[t].answered && !list[t].sent);
		ck_assert_int_eq(ph_message_decode(
				     view.message, view.message_length, &message, NULL),
		    PH_OK);
		ph_message_unref(&message);
	}
	ck_assert_uint_eq(ph_reader_left(&frame.body), 0);
}

/* One frame, if there may be one: it holds what follows, and what is under way stays within bounds. */
static bool
send_one(void)
{
	size_t before = under_way();
	const ph_batch *batch = ph_pending_frame(&pending);
	ck_assert_msg(batch != NULL || before > 0 || !some_unsent(),
	    "something waits, and nothing is under way");
	if (batch == NULL)
		return false;
	check_frame(batch);
	if (dice(10) == 0) /* the socket did not take it */
		return false;
	for (uint64_t t = batch->first; t < batch->first + batch->count; t++)
		list[t].sent = list[t].ever = true;
	ph_pending_sent(&pending, batch);
	ck_assert_uint_le(under_way(), FLIGHT + CURSORS);
	return true;
}

/* Also what was sent before a loss may have its result before it is sent again. */
static void
answer(void)
{
	uint64_t ticket = unanswered(true);
	if (ticket == 0)
		return;
	ck_assert(ph_pending_answered(&pending, ticket));
	ck_assert(!ph_pending_answered(&pending, ticket));
	list[ticket].answered = true;
}

static void
lose(void)
{
	ph_pending_rewind(&pending);
	for (uint64_t t = 1; t <= given; t++)
		list[t].sent = list[t].sent && list[t].answered;
}

START_TEST(as_much_counts_as_is_under_way)
{
	for (unsigned step = 0; step < 3000; step++) {
		uint64_t what = dice(100);
		if (what < 45)
			add();
		else if (what < 70)
			(void) send_one();
		else if (what < 98)
			answer();
		else
			lose();
		ck_assert_uint_eq(pending.flying, under_way());
	}
	while (pending.waiting > 0) {
		(void) send_one();
		answer();
		ck_assert_uint_eq(pending.flying, under_way());
	}
	ck_assert_uint_eq(pending.flying, 0);
}
END_TEST

static void
publish_one(ph_message *message, size_t most)
{
	const ph_published made = {.message = message};
	ck_assert_int_eq(ph_pending_add(&pending, &made, most, NULL, NULL), PH_OK);
}

/* Send the next frame: `count` tickets from `first`. */
static void
sends(uint64_t first, uint32_t count)
{
	const ph_batch *batch = ph_pending_frame(&pending);
	ck_assert_ptr_nonnull(batch);
	ck_assert_uint_eq(batch->first, first);
	ck_assert_uint_eq(batch->count, count);
	ph_pending_sent(&pending, batch);
}

/* Results that nobody can owe change nothing. */
START_TEST(a_result_for_what_was_not_sent_changes_nothing)
{
	for (unsigned i = 0; i < 20; i++)
		publish_one(sizes[1], 20);
	ck_assert(!ph_pending_answered(&pending, 2));
	ck_assert(!ph_pending_answered(&pending, 21));
	ck_assert_uint_eq(pending.flying, 0);
	sends(1, 20);
	ck_assert(!ph_pending_answered(&pending, 21));
	for (uint64_t t = 1; t <= 20; t++)
		ck_assert(ph_pending_answered(&pending, t));
	ck_assert_uint_eq(pending.flying, 0);
}
END_TEST

/* Tickets of a frame follow on: what is sent again leaves out what has its result. */
START_TEST(a_frame_is_cut_where_results_have_come)
{
	for (unsigned i = 0; i < 10; i++)
		publish_one(sizes[i % 2], 10);
	sends(1, 10);
	ck_assert(ph_pending_answered(&pending, 1));
	ck_assert(ph_pending_answered(&pending, 4));
	ck_assert(ph_pending_answered(&pending, 5));
	ph_pending_rewind(&pending);
	ck_assert(ph_pending_answered(&pending, 9));
	sends(2, 2);
	sends(6, 3);
	sends(10, 1);
	ck_assert_ptr_null(ph_pending_frame(&pending));
	for (uint64_t t = 2; t <= 10; t++)
		ck_assert_int_eq(ph_pending_answered(&pending, t),
		    t == 4 || t == 5 || t == 9 ? 0 : 1);
	ck_assert_uint_eq(pending.flying, 0);
	ck_assert_uint_eq(pending.first, 11);
}
END_TEST

/* A frame has as many as it may have, and is not kept waiting for them. */
START_TEST(a_frame_is_closed_when_it_is_full_or_sent)
{
	for (unsigned i = 0; i < 5; i++)
		publish_one(sizes[0], 4);
	sends(1, 4);
	publish_one(sizes[0], 4);
	sends(5, 2);
	publish_one(sizes[0], 4);
	sends(7, 1);
	publish_one(sizes[3], 4);
	publish_one(sizes[3], 4);
	sends(8, 1);
	sends(9, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pending");
	TCase *tests = tcase_create("pending");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, as_much_counts_as_is_under_way);
	tcase_add_test(tests, a_result_for_what_was_not_sent_changes_nothing);
	tcase_add_test(tests, a_frame_is_cut_where_results_have_come);
	tcase_add_test(tests, a_frame_is_closed_when_it_is_full_or_sent);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
