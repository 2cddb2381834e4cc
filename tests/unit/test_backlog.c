/* The backlog: entries by number over sliding pages, and a cache that keeps the newest messages. */
#include <stdlib.h>
#include <string.h>

#include "broker/backlog.h"
#include "lib/wire/message.h"
#include "tests/unit/check_main.h"

static ph_message *
message(size_t size)
{
	static const ph_attribute attributes[] = {
	    {"id", "1", 1}, {"source", "s", 1}, {"type", "t", 1}};
	ph_message *made = NULL;
	char *data = calloc(1, size);
	ck_assert_int_eq(ph_message_new(attributes, 3, data, size, &made, NULL), PH_OK);
	free(data);
	return made;
}

static void
end_item(ph_backlog *backlog, ph_item *item)
{
	item->state = PH_DELIVERY_GONE;
	ph_backlog_release(backlog, item);
}

START_TEST(entries_come_and_go)
{
	ph_backlog *backlog = NULL;
	static const uint16_t queues[] = {3, 9};
	ck_assert_int_eq(ph_backlog_new(0, &backlog, NULL), PH_OK);
	for (uint64_t n = 1; n <= 10000; n++) {
		ph_entry *entry = ph_backlog_add(backlog, n * 3, queues, 2, NULL);
		ck_assert_ptr_nonnull(entry);
		ck_assert_ptr_eq(ph_item_entry(&entry->items[1]), entry);
	}
	ck_assert_uint_eq(ph_backlog_count(backlog), 10000);
	ck_assert_ptr_null(ph_backlog_find(backlog, 4));
	ck_assert_ptr_null(ph_backlog_find(backlog, 0));
	ck_assert_ptr_null(ph_backlog_find(backlog, 40000));
	ph_entry *entry = ph_backlog_find(backlog, 300);
	ck_assert_ptr_null(ph_entry_item(entry, 4));
	ph_item *item = ph_entry_item(entry, 9);
	ck_assert_uint_eq(item->index, 1);
	end_item(backlog, item);
	ck_assert_ptr_null(ph_entry_item(entry, 9));
	ck_assert_ptr_eq(ph_backlog_find(backlog, 300), entry);
	end_item(backlog, ph_entry_item(entry, 3));
	ck_assert_ptr_null(ph_backlog_find(backlog, 300));
	ck_assert_uint_eq(ph_backlog_next(backlog, 299)->number, 303);
	ph_backlog_destroy(&backlog);
}
END_TEST

/* One that stays for ever must not keep the others' memory, nor hide them. */
START_TEST(an_old_one_stays)
{
	ph_backlog *backlog = NULL;
	static const uint16_t queues[] = {3};
	ck_assert_int_eq(ph_backlog_new(0, &backlog, NULL), PH_OK);
	for (uint64_t n = 1; n <= 100000; n++) {
		(void) ph_backlog_add(backlog, n, queues, 1, NULL);
		if (n > 1 && n % 7 != 0)
			end_item(backlog, &ph_backlog_find(backlog, n)->items[0]);
	}
	ck_assert_uint_eq(ph_backlog_count(backlog), 1 + 100000 / 7);
	uint64_t number = 0, seen = 0;
	ph_entry *entry;
	while ((entry = ph_backlog_next(backlog, number)) != NULL) {
		ck_assert(entry->number == 1 || entry->number % 7 == 0);
		number = entry->number;
		seen++;
		end_item(backlog, &entry->items[0]);
	}
	ck_assert_uint_eq(seen, 1 + 100000 / 7);
	ck_assert_uint_eq(ph_backlog_count(backlog), 0);
	ck_assert_ptr_nonnull(ph_backlog_add(backlog, 200000, queues, 1, NULL));
	ck_assert_ptr_nonnull(ph_backlog_find(backlog, 200000));
	ph_backlog_destroy(&backlog);
}
END_TEST

START_TEST(the_newest_messages_are_cached)
{
	ph_backlog *backlog = NULL;
	static const uint16_t queues[] = {3};
	ck_assert_int_eq(ph_backlog_new(10000, &backlog, NULL), PH_OK);
	for (uint64_t n = 1; n <= 100; n++) {
		ph_message *one = message(1000);
		(void) ph_backlog_add(backlog, n, queues, 1, &one);
		ck_assert_ptr_null(one);
		ck_assert_uint_le(ph_backlog_cached(backlog), 10000);
	}
	ck_assert_ptr_null(ph_backlog_find(backlog, 1)->message);
	ck_assert_ptr_nonnull(ph_backlog_find(backlog, 100)->message);
	for (uint64_t n = 1; n <= 100; n++)
		end_item(backlog, &ph_backlog_find(backlog, n)->items[0]);
	ck_assert_uint_eq(ph_backlog_cached(backlog), 0);
	ph_backlog_destroy(&backlog);
}
END_TEST

START_TEST(a_forgotten_message_takes_no_room)
{
	ph_backlog *backlog = NULL;
	static const uint16_t queues[] = {3};
	ck_assert_int_eq(ph_backlog_new(10000, &backlog, NULL), PH_OK);
	ph_message *one = message(1000), *other = message(1000);
	ph_entry *first = ph_backlog_add(backlog, 1, queues, 1, &one);
	size_t both = ph_backlog_cached(backlog);
	ph_entry *second = ph_backlog_add(backlog, 2, queues, 1, &other);
	both += ph_backlog_cached(backlog);
	ph_backlog_forget(backlog, first);
	ck_assert_ptr_null(first->message);
	ck_assert_ptr_nonnull(second->message);
	ck_assert_uint_eq(ph_backlog_cached(backlog) * 3, both);
	ph_backlog_forget(backlog, first);
	ck_assert_uint_eq(ph_backlog_cached(backlog) * 3, both);
	end_item(backlog, &first->items[0]);
	end_item(backlog, &second->items[0]);
	ck_assert_uint_eq(ph_backlog_cached(backlog), 0);
	ph_backlog_destroy(&backlog);
}
END_TEST

static int frames; /* gone */

static void
gone(void *room)
{
	(void) room;
	frames++;
}

/* Eight messages in one frame: some are handed out at once, some stay. */
START_TEST(what_stays_leaves_its_frame)
{
	ph_backlog *backlog = NULL;
	static const uint16_t queues[] = {3};
	ph_message *one = message(1000);
	size_t length = 0;
	const void *bytes = ph_message_bytes(one, &length);
	void *room;
	ph_holder *frame = ph_holder_new(length, gone, &room);
	memcpy(room, bytes, length);
	frames = 0;
	ck_assert_int_eq(ph_backlog_new(100000, &backlog, NULL), PH_OK);
	for (uint64_t n = 1; n <= 8; n++) {
		ph_message *in = NULL;
		ck_assert_int_eq(
		    ph_message_decode_in(frame, room, length, &in, NULL), PH_OK);
		ck_assert_ptr_nonnull(ph_backlog_add(backlog, n, queues, 1, &in));
	}
	ph_holder_unref(&frame);
	for (uint64_t n = 2; n <= 8; n += 2)
		ph_backlog_forget(backlog, ph_backlog_find(backlog, n));
	ck_assert_int_eq(frames, 0);
	size_t cached = ph_backlog_cached(backlog);
	ph_backlog_own(backlog);
	ck_assert_int_eq(frames, 1);
	ck_assert_uint_eq(ph_backlog_cached(backlog), cached);
	for (uint64_t n = 1; n <= 8; n += 2) {
		size_t got = 0;
		const ph_entry *entry = ph_backlog_find(backlog, n);
		ck_assert_mem_eq(ph_message_bytes(entry->message, &got), bytes, length);
		ck_assert_str_eq(ph_message_get(entry->message, "id", NULL),
		    ph_message_get(one, "id", NULL));
	}
	const ph_message *kept = ph_backlog_find(backlog, 7)->message;
	ph_backlog_own(backlog); /* once is enough */
	ck_assert_ptr_eq(ph_backlog_find(backlog, 7)->message, kept);
	for (uint64_t n = 1; n <= 8; n++)
		end_item(backlog, &ph_backlog_find(backlog, n)->items[0]);
	ck_assert_uint_eq(ph_backlog_cached(backlog), 0);
	ph_message_unref(&one);
	ph_backlog_destroy(&backlog);
}
END_TEST

/* A queue takes a message from its shelf when others have it already, or long after. */
START_TEST(older_ones_come_back)
{
	ph_backlog *backlog = NULL;
	static const uint16_t two[] = {3, 4}, one[] = {9}, other[] = {5};
	ck_assert_int_eq(ph_backlog_new(10000, &backlog, NULL), PH_OK);
	ph_message *body = message(100);
	ph_entry *first = ph_backlog_add(backlog, 500000, two, 2, &body);
	ph_entry *second = ph_backlog_add(backlog, 500000, one, 1, NULL);
	ph_entry *third = ph_backlog_add(backlog, 500000, other, 1, NULL);
	ck_assert_ptr_eq(ph_backlog_find(backlog, 500000), first);
	ck_assert_ptr_eq(ph_entry_item(first, 9), &second->items[0]);
	ck_assert_ptr_eq(ph_entry_item(first, 5), &third->items[0]);
	/* the window is stretched back a long way, and goes on where it was */
	for (uint64_t n = 1000; n > 100; n -= 3)
		ck_assert_ptr_nonnull(ph_backlog_add(backlog, n, one, 1, NULL));
	ck_assert_uint_eq(ph_backlog_next(backlog, 0)->number, 103);
	ck_assert_uint_eq(ph_backlog_next(backlog, 1000)->number, 500000);
	end_item(backlog, &first->items[0]);
	end_item(backlog, &first->items[1]);
	ck_assert_uint_eq(ph_backlog_cached(backlog), 0);
	ck_assert_ptr_null(ph_entry_item(ph_backlog_find(backlog, 500000), 4));
	end_item(backlog, &second->items[0]);
	ck_assert_ptr_eq(ph_backlog_find(backlog, 500000), third);
	end_item(backlog, &third->items[0]);
	ck_assert_ptr_null(ph_backlog_find(backlog, 500000));
	for (uint64_t n = 1000; n > 100; n -= 3)
		end_item(backlog, &ph_backlog_find(backlog, n)->items[0]);
	ck_assert_uint_eq(ph_backlog_count(backlog), 0);
	ph_backlog_destroy(&backlog);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backlog");
	TCase *tests = tcase_create("backlog");
	tcase_add_test(tests, entries_come_and_go);
	tcase_add_test(tests, an_old_one_stays);
	tcase_add_test(tests, the_newest_messages_are_cached);
	tcase_add_test(tests, a_forgotten_message_takes_no_room);
	tcase_add_test(tests, what_stays_leaves_its_frame);
	tcase_add_test(tests, older_ones_come_back);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
