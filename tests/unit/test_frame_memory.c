/*
 * Frames of messages, with the nth allocation failing, for every n: what a client has published is sent
 * whole and once on each connection; what lies in a received frame is read and kept, or refused.
 */
#include <string.h>

#include "broker/backlog.h"
#include "lib/client/inner.h"
#include "tests/unit/check_main.h"
#include "tests/unit/scarce_memory.h"

#define MESSAGES 24
#define MOST	 5 /* in a frame */

static ph_message *one;
static size_t one_length;
static bool refused; /* something was, for want of memory */

/* Checking takes memory of its own. */
#define COUNTED(did)                                                                   \
	do {                                                                           \
		counting = true;                                                       \
		did;                                                                   \
		counting = false;                                                      \
	} while (0)

/* Twice at most: one allocation fails, and no other. */
#define INSIST(status, call)                                                           \
	do {                                                                           \
		COUNTED(status = call);                                                \
		if (status == PH_ERR_NOMEM) {                                          \
			refused = true;                                                \
			COUNTED(status = call);                                        \
		}                                                                      \
		ck_assert_msg(status == PH_OK, "allocation %lu: status %d", fail_at,   \
		    (int) status);                                                     \
	} while (0)

static void
begin(void)
{
	static char data[700];
	const ph_attribute attributes[] = {
	    {"id", "x", 1}, {"source", "test", 4}, {"type", "t", 1}};
	ck_assert_int_eq(
	    ph_message_new(attributes, 3, data, sizeof data, &one, NULL), PH_OK);
	(void) ph_message_bytes(one, &one_length);
}

static void
end(void)
{
	ph_message_unref(&one);
}

/* ---- what a client has published ---- */

/* A message, or now and then a cursor; as often as it takes. */
static void
publish(ph_pending *pending, uint64_t number)
{
	static const char cursor[] = "a cursor";
	ph_published made = {.message = number % 7 == 0 ? NULL : one};
	if (made.message == NULL) {
		made.options = cursor;
		made.options_length = sizeof cursor;
	}
	uint64_t ticket = 0;
	ph_status status;
	INSIST(status, ph_pending_add(pending, &made, MOST, &ticket, NULL));
	ck_assert_uint_eq(ticket, number);
}

static void
check_frame(const ph_batch *batch)
{
	ph_frame frame;
	ck_assert_int_eq(
	    ph_frame_open(batch->frame.data, batch->frame.length, &frame, NULL), PH_OK);
	ck_assert_uint_eq(frame.number, batch->first);
	ck_assert_int_eq(
	    frame.type, batch->first % 7 == 0 ? PH_FRAME_CURSOR : PH_FRAME_PUBLISH);
	for (uint32_t i = 0; frame.type == PH_FRAME_PUBLISH && i < batch->count; i++) {
		ph_publish_view view;
		size_t length;
		ck_assert_int_eq(ph_publish_read(&frame, &view, NULL), PH_OK);
		ck_assert_uint_eq(view.message_length, one_length);
		ck_assert_mem_eq(
		    view.message, ph_message_bytes(one, &length), one_length);
	}
}

/* All that waits, each ticket once. */
static void
send_all(ph_pending *pending, const bool *answered)
{
	uint64_t next = 1;
	for (unsigned idle = 0; idle < 2;) {
		const ph_batch *batch;
		COUNTED(batch = ph_pending_frame(pending));
		if (batch == NULL) { /* that was all, or memory is short */
			idle++;
			continue;
		}
		check_frame(batch);
		for (; next < batch->first; next++)
			ck_assert(answered[next]);
		for (; next < batch->first + batch->count; next++)
			ck_assert(!answered[next]);
		ph_pending_sent(pending, batch);
	}
	for (; next <= MESSAGES; next++)
		ck_assert(answered[next]);
}

static void
tell_pending(void)
{
	ph_pending pending;
	ph_status status;
	bool answered[MESSAGES + 1] = {true};
	INSIST(status, ph_pending_init(&pending, MESSAGES, NULL));
	for (uint64_t t = 1; t <= MESSAGES; t++)
		publish(&pending, t);
	send_all(&pending, answered);
	for (uint64_t loss = 3; loss > 0; loss--) {
		for (uint64_t t = loss; t <= MESSAGES; t += 3 + loss)
			answered[t] = ph_pending_answered(&pending, t) || answered[t];
		ph_pending_rewind(&pending);
		send_all(&pending, answered);
	}
	for (uint64_t t = 1; t <= MESSAGES; t++)
		ck_assert_int_eq(ph_pending_answered(&pending, t), !answered[t]);
	ck_assert_uint_eq(pending.flying, 0);
	ck_assert_uint_eq(pending.first, MESSAGES + 1);
	ph_pending_fini(&pending);
}

/* ---- what the broker was sent ---- */

static int released;

static void
release(void *room)
{
	(void) room;
	released++;
}

static void
add(ph_backlog *backlog, ph_holder *frame, const void *bytes, uint64_t number)
{
	static const uint16_t queues[] = {3};
	ph_message *in = NULL;
	ph_entry *entry = NULL;
	ph_status status;
	INSIST(status, ph_message_decode_in(frame, bytes, one_length, &in, NULL));
	for (unsigned i = 0; i < 2 && entry == NULL; i++) {
		ck_assert_ptr_nonnull(in);
		COUNTED(entry = ph_backlog_add(backlog, number, queues, 1, &in));
	}
	ck_assert_ptr_nonnull(entry);
	ck_assert_ptr_null(in);
}

/* Its message is there, or the journal has it alone. */
static void
take(ph_backlog *backlog, uint64_t number)
{
	size_t length = 0;
	ph_entry *entry = ph_backlog_find(backlog, number);
	if (entry->message == NULL) {
		refused = true;
	} else {
		const void *bytes = ph_message_bytes(entry->message, &length);
		ck_assert_mem_eq(bytes, ph_message_bytes(one, &length), one_length);
	}
	entry->items[0].state = PH_DELIVERY_GONE;
	ph_backlog_release(backlog, &entry->items[0]);
}

static void
tell_backlog(void)
{
	ph_backlog *backlog = NULL;
	ph_holder *frame;
	void *room;
	size_t length;
	ph_status status;
	released = 0;
	INSIST(status, ph_backlog_new(1u << 20, &backlog, NULL));
	COUNTED(frame = ph_holder_new(one_length, release, &room));
	if (frame == NULL)
		COUNTED(frame = ph_holder_new(one_length, release, &room));
	memcpy(room, ph_message_bytes(one, &length), one_length);
	for (uint64_t n = 1; n <= MESSAGES; n++)
		add(backlog, frame, room, n);
	ph_holder_unref(&frame);
	take(backlog, 2);
	ck_assert_int_eq(released, 0);
	COUNTED(ph_backlog_own(backlog));
	ck_assert_int_eq(released, 1);
	for (uint64_t n = 3; n <= MESSAGES; n++)
		take(backlog, n);
	ck_assert_uint_le(ph_backlog_cached(backlog), one_length);
	take(backlog, 1);
	ck_assert_uint_eq(ph_backlog_cached(backlog), 0);
	ph_backlog_destroy(&backlog);
}

static void (*const stories[])(void) = {tell_pending, tell_backlog};

START_TEST(any_allocation_may_fail)
{
	bool reached = true;
	for (fail_at = 1; reached; fail_at++) {
		allocations = 0;
		stories[_i]();
		reached = allocations >= fail_at;
		ck_assert_msg(fail_at < 5000, "no end of allocations");
	}
	ck_assert_msg(refused && fail_at > 5, "the linker did not wrap the allocator");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("frame-memory");
	TCase *tests = tcase_create("frame-memory");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_loop_test(tests, any_allocation_may_fail, 0, 2);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
