/*
 * The window of duplicates made again from the journal: all that is there of acceptances, in their
 * order, however the carries stand and however few of them are sorted at a time.
 */
#include "broker/remember.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/carry.h"
#include "broker/record.h"
#include "tests/conform/memory_store.h"
#include "tests/unit/check_main.h"

static char directory[64];
static memory_disk *disk;
static ph_site site;
static ph_broker *broker;

/* ---- a broker that has only what is needed ---- */

static void
carried_up_to(uint64_t acceptance)
{
	ph_buffer section;
	ph_reader reader;
	ph_buffer_init(&section, 0);
	ph_buffer_u64(&section, acceptance);
	ph_buffer_u64(&section, acceptance);
	ph_reader_init(&reader, section.data, section.length);
	ck_assert_int_eq(ph_carry_load(broker, &reader, NULL), PH_OK);
	ph_buffer_fini(&section);
}

static void
note_assigned(void *self, uint32_t partition)
{
	(void) self;
	ck_assert_uint_eq(partition, 0);
}

static void
begin(void)
{
	static const ph_store_owner owner = {.assigned = note_assigned};
	(void) snprintf(directory, sizeof directory, "/tmp/ph-remember.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	site.state = directory;
	disk = memory_disk_new();
	broker = calloc(1, sizeof *broker);
	ck_assert_ptr_nonnull(broker);
	broker->site = &site;
	broker->fs = ph_fs_system();
	ck_assert_int_eq(memory_store_open(disk, &broker->store, NULL), PH_OK);
	ph_store_own(broker->store, &owner);
	ck_assert_int_eq(ph_carry_new(&broker->carry, NULL), PH_OK);
}

static void
end(void)
{
	char path[100];
	ph_duplicates_destroy(&broker->duplicates);
	ph_carry_destroy(&broker->carry);
	ck_assert_int_eq(ph_store_close(&broker->store, NULL), PH_OK);
	free(broker);
	memory_disk_destroy(&disk);
	(void) snprintf(path, sizeof path, "%s/duplicates.ring", directory);
	(void) unlink(path);
	(void) rmdir(directory);
}

/* ---- a journal ---- */

static void
prints_of(uint64_t acceptance, uint8_t id[PH_FINGERPRINT], uint8_t *content)
{
	memset(id, 0, PH_FINGERPRINT);
	memset(content, 7, PH_FINGERPRINT);
	for (unsigned i = 0; i < 8; i++)
		id[i] = content[i] =
		    (uint8_t) (acceptance * 0x9e3779b97f4a7c15u >> 8 * i);
}

static void
write_one(uint64_t acceptance, bool carried)
{
	ph_record_accept accept = {
	    .acceptance = acceptance, .queues = {1}, .queue_count = 1};
	ph_buffer out;
	ph_position at;
	ph_buffer_init(&out, 0);
	prints_of(acceptance, accept.id, accept.content);
	if (carried)
		ph_record_carry_encode(PH_RECORD_ACCEPT, &out);
	ph_record_accept_encode(&accept, &out);
	const ph_store_part part = {out.data, out.length};
	ck_assert_int_eq(
	    ph_store_submit(broker->store, carried ? PH_RECORD_CARRY : PH_RECORD_ACCEPT,
		PH_STORE_ESSENTIAL, &part, 1, &at, NULL),
	    PH_OK);
	ph_buffer_fini(&out);
}

/* The reason of a dead letter, carried. */
static void
write_reason(uint64_t acceptance)
{
	const ph_record_outcome outcome = {.acceptance = acceptance,
	    .queue = 1,
	    .outcome = 4,
	    .state = PH_RECORD_DEAD};
	ph_buffer out;
	ph_position at;
	ph_buffer_init(&out, 0);
	ph_record_carry_encode(PH_RECORD_OUTCOME, &out);
	ph_record_outcome_encode(&outcome, &out);
	const ph_store_part part = {out.data, out.length};
	ck_assert_int_eq(ph_store_submit(broker->store, PH_RECORD_CARRY,
			     PH_STORE_ESSENTIAL, &part, 1, &at, NULL),
	    PH_OK);
	ph_buffer_fini(&out);
}

/* Of a window of `window` after `most` at a time: everything from `first` to `last`, in order. */
static void
expect(size_t window, size_t most, uint64_t until, uint64_t first, uint64_t last)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT], wanted[PH_FINGERPRINT];
	uint8_t ignored[PH_FINGERPRINT];
	uint64_t acceptance = 0, nth = 0;
	ph_duplicates_destroy(&broker->duplicates);
	ck_assert_int_eq(ph_duplicates_new(window, &broker->duplicates, NULL), PH_OK);
	ck_assert_int_eq(ph_remember(broker, until, most, NULL), PH_OK);
	for (; ph_duplicates_entry(
		   broker->duplicates, nth, id, content, &acceptance, NULL) == PH_OK;
	     nth++) {
		ck_assert_uint_eq(acceptance, first + nth);
		prints_of(acceptance, wanted, ignored);
		ck_assert_mem_eq(id, wanted, PH_FINGERPRINT);
	}
	ck_assert_uint_eq(nth, last + 1 - first);
	for (uint64_t n = first; n <= last; n++) {
		prints_of(n, id, content);
		ck_assert_int_eq(
		    ph_duplicates_look(broker->duplicates, id, content, &acceptance),
		    PH_REPEAT_SAME);
		ck_assert_uint_eq(acceptance, n);
		content[PH_FINGERPRINT - 1] ^= 1;
		ck_assert_int_eq(
		    ph_duplicates_look(broker->duplicates, id, content, &acceptance),
		    PH_REPEAT_CONFLICT);
	}
}

static void
flush(void)
{
	ck_assert_int_eq(ph_store_flush(broker->store, NULL, NULL), PH_OK);
}

/* 1 to 40 were carried, in an order of their own, some of them again; 31 on are where they were. */
static uint64_t
write_all(void)
{
	for (uint64_t i = 0; i < 40; i++) {
		write_one(1 + i * 27 % 40, true);
		if (i % 5 == 0)
			write_one(1 + i * 13 % 40, true);
		if (i % 7 == 0)
			write_reason(1 + i);
	}
	for (uint64_t n = 31; n <= 60; n++)
		write_one(n, false);
	for (uint64_t n = 5; n <= 60; n += 5) /* once more, behind their own */
		write_one(n, true);
	flush();
	return ph_store_last(broker->store);
}

static const size_t mosts[] = {1, 2, 3, 7, 20, 30, 31, 1000};

START_TEST(all_are_there_in_order)
{
	uint64_t last = write_all();
	carried_up_to(60);
	expect(1000, mosts[_i], last, 1, 60);
}
END_TEST

START_TEST(a_small_window_has_the_youngest)
{
	uint64_t last = write_all();
	carried_up_to(60);
	for (size_t window = 1; window < 60; window += 7)
		expect(window, 3, last, 61 - window, 60);
}
END_TEST

START_TEST(what_comes_later_is_left_to_others)
{
	for (uint64_t n = 1; n <= 3; n++)
		write_one(n, true);
	write_one(4, false);
	flush();
	uint64_t last = ph_store_last(broker->store);
	write_one(5, false);
	write_one(2, true);
	flush();
	carried_up_to(3);
	expect(10, 1, last, 1, 4);
}
END_TEST

START_TEST(nothing_but_carries)
{
	for (uint64_t n = 9; n >= 1; n--)
		write_one(n, true);
	flush();
	carried_up_to(9);
	expect(100, 2, ph_store_last(broker->store), 1, 9);
}
END_TEST

START_TEST(nothing_carried)
{
	for (uint64_t n = 7; n <= 20; n++)
		write_one(n, false);
	flush();
	expect(100, 2, ph_store_last(broker->store), 7, 20);
	expect(100, 2, 0, 1, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("remember");
	TCase *tests = tcase_create("remember");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(
	    tests, all_are_there_in_order, 0, sizeof mosts / sizeof *mosts);
	tcase_add_test(tests, a_small_window_has_the_youngest);
	tcase_add_test(tests, what_comes_later_is_left_to_others);
	tcase_add_test(tests, nothing_but_carries);
	tcase_add_test(tests, nothing_carried);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
