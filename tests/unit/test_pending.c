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
	bool sent, answered;
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
unanswered(bool sent)
{
	uint64_t from = given > 0 ? 1 + dice(given) : 1;
	for (uint64_t i = 0; i < given; i++) {
		uint64_t t = 1 + (from + i) % given;
		if (!list[t].answered && list[t].sent == sent)
			return t;
	}
	return 0;
}

static void
add(void)
{
	uint64_t ticket = 0;
	size_t length = 0;
	size_t kind = (size_t) dice(5);
	ph_pending_item made = {.cursor = kind == 4};
	if (kind < 4) {
		made.message = ph_message_ref(sizes[kind]);
		(void) ph_message_bytes(made.message, &length);
	}
	if (kind == 4 || dice(3) == 0) {
		made.options_length = 1 + (uint32_t) dice(70);
		made.options = calloc(1, made.options_length);
		ck_assert_ptr_nonnull(made.options);
	}
	if (ph_pending_add(&pending, made, &ticket, NULL) != PH_OK) {
		ph_message_unref(&made.message);
		free(made.options);
		return;
	}
	ck_assert_uint_eq(ticket, ++given);
	list[ticket] = (item){.bytes = length + made.options_length + ITEM_EXTRA};
}

/* One frame, if there may be one: it holds what follows, and what is under way stays within bounds. */
static bool
send_one(void)
{
	ph_buffer frame;
	uint64_t after = 0;
	size_t before = under_way();
	ph_buffer_init(&frame, PH_FRAME_MAX);
	bool some = ph_pending_frame(&pending, 1 + (size_t) dice(64), &frame, &after);
	ck_assert_msg(some || before > 0 || unanswered(false) == 0,
	    "something waits, and nothing is under way");
	if (some) {
		ck_assert(!frame.failed);
		bool lost = dice(10) == 0; /* the socket did not take it */
		if (!lost) {
			for (uint64_t t = pending.sent; t < after; t++)
				list[t].sent = true;
			ph_pending_sent(&pending, after);
		}
		ck_assert_uint_le(under_way(), FLIGHT + CURSORS);
		some = !lost;
	}
	ph_buffer_fini(&frame);
	return some;
}

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

/* Results that nobody can owe change nothing. */
START_TEST(a_result_for_what_was_not_sent_frees_nothing)
{
	uint64_t after = 0;
	ph_buffer frame;
	for (unsigned i = 0; i < 20; i++) {
		ph_pending_item made = {.message = ph_message_ref(sizes[3])};
		ck_assert_int_eq(ph_pending_add(&pending, made, NULL, NULL), PH_OK);
	}
	ck_assert(ph_pending_answered(&pending, 2));
	ck_assert_uint_eq(pending.flying, 0);
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ck_assert(ph_pending_frame(&pending, 64, &frame, &after));
	ck_assert_uint_eq(after, 2); /* tickets of a frame follow on */
	ph_pending_sent(&pending, after);
	ph_buffer_fini(&frame);
	ck_assert(!ph_pending_answered(&pending, 21));
	ck_assert(ph_pending_answered(&pending, 1));
	ck_assert_uint_eq(pending.flying, 0);
	ck_assert_uint_eq(pending.sent, 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pending");
	TCase *tests = tcase_create("pending");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, as_much_counts_as_is_under_way);
	tcase_add_test(tests, a_result_for_what_was_not_sent_frees_nothing);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
