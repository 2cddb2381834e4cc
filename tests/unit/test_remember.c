/*
 * The window of duplicates made again from the journal: all that is there of acceptances, in their
 * order, however the carries stand and however few of them are sorted at a time.
 */
#include "broker/remember.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/carry.h"
#include "broker/record.h"
#include "broker/window_move.h"
#include "tests/conform/memory_store.h"
#include "tests/unit/check_main.h"

static char directory[64];
static memory_disk *disk;
static ph_site site;
static ph_broker *broker;
static ph_fs fs; /* the system's, but fallocate may have no room */
static bool disk_full;

static int
full_fallocate(void *self, int fd, int64_t length)
{
	const ph_fs *system_fs = ph_fs_system();
	(void) self;
	if (!disk_full)
		return system_fs->fallocate(system_fs->self, fd, length);
	errno = ENOSPC;
	return -1;
}

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
	ph_options_init(&site.options);
	fs = *ph_fs_system();
	fs.fallocate = full_fallocate;
	disk_full = false;
	disk = memory_disk_new();
	broker = calloc(1, sizeof *broker);
	ck_assert_ptr_nonnull(broker);
	broker->site = &site;
	broker->fs = &fs;
	ck_assert_int_eq(ph_backlog_new(0, &broker->backlog, NULL), PH_OK);
	ck_assert_int_eq(memory_store_open(disk, &broker->store, NULL), PH_OK);
	ph_store_own(broker->store, &owner);
	ck_assert_int_eq(ph_carry_new(&broker->carry, NULL), PH_OK);
}

static void
end(void)
{
	char path[100];
	ph_backlog_destroy(&broker->backlog);
	ph_duplicates_destroy(&broker->duplicates);
	ph_carry_destroy(&broker->carry);
	ck_assert_int_eq(ph_store_close(&broker->store, NULL), PH_OK);
	free(broker);
	memory_disk_destroy(&disk);
	(void) snprintf(path, sizeof path, "%s/duplicates.ring", directory);
	(void) unlink(path);
	(void) snprintf(path, sizeof path, "%s/duplicates.ring.new", directory);
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

/* The window has everything from `first` to `last`, in order. */
static void
check_window(uint64_t first, uint64_t last)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT], wanted[PH_FINGERPRINT];
	uint8_t ignored[PH_FINGERPRINT];
	uint64_t acceptance = 0, nth = 0;
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

/* A window of `window` after `most` at a time. */
static void
expect(size_t window, size_t most, uint64_t until, uint64_t first, uint64_t last)
{
	ph_duplicates_destroy(&broker->duplicates);
	site.options.values[PH_OPTION_DUPLICATES] = (int64_t) window;
	ck_assert_int_eq(ph_duplicates_new(window, &broker->duplicates, NULL), PH_OK);
	ck_assert_int_eq(ph_remember(broker, until, most, NULL), PH_OK);
	check_window(first, last);
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

/* ---- no file for it ---- */

static void
fill_disk(void)
{
	disk_full = true;
}

static void
empty_disk(void)
{
	disk_full = false;
}

/* What is in the way of the file. */
static void
block(void)
{
	char path[100];
	(void) snprintf(path, sizeof path, "%s/duplicates.ring.new", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
unblock(void)
{
	char path[100];
	(void) snprintf(path, sizeof path, "%s/duplicates.ring.new", directory);
	ck_assert_int_eq(rmdir(path), 0);
}

static const struct {
	void (*begins)(void), (*ends)(void);
} troubles[] = {{fill_disk, empty_disk}, {block, unblock}};

/* It is in memory, as large as may be there, and goes into a file with what it has. */
START_TEST(without_a_file_it_is_in_memory_for_a_while)
{
	uint64_t last = write_all();
	carried_up_to(60);
	site.options.values[PH_OPTION_DUPLICATES_MEMORY] = 25;
	troubles[_i].begins();
	expect(1000, 3, last, 36, 60);
	expect(20, 3, last, 41, 60); /* never larger than it would be in a file */
	expect(1000, 3, last, 36, 60);
	ph_window_move_now(broker);
	ck_assert_int_lt(ph_duplicates_fd(broker->duplicates), 0);
	check_window(36, 60);
	troubles[_i].ends();
	site.options.values[PH_OPTION_DUPLICATES] = 30;
	ph_window_move_now(broker);
	ck_assert_int_ge(ph_duplicates_fd(broker->duplicates), 0);
	check_window(36, 60);
	for (uint64_t n = 61; n <= 70; n++) {
		uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
		prints_of(n, id, content);
		ph_duplicates_add(broker->duplicates, id, content, n);
	}
	check_window(41, 70);
}
END_TEST

START_TEST(what_has_a_file_keeps_it)
{
	expect(100, 2, 0, 1, 0);
	int fd = ph_duplicates_fd(broker->duplicates);
	const ph_duplicates *window = broker->duplicates;
	ph_window_move_now(broker);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ph_duplicates_fd(broker->duplicates), fd);
	ck_assert_ptr_eq(broker->duplicates, window);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("remember");
	TCase *tests = tcase_create("remember");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_loop_test(
	    tests, all_are_there_in_order, 0, sizeof mosts / sizeof *mosts);
	tcase_add_test(tests, a_small_window_has_the_youngest);
	tcase_add_test(tests, what_comes_later_is_left_to_others);
	tcase_add_test(tests, nothing_but_carries);
	tcase_add_test(tests, nothing_carried);
	tcase_add_loop_test(tests, without_a_file_it_is_in_memory_for_a_while, 0, 2);
	tcase_add_test(tests, what_has_a_file_keeps_it);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
