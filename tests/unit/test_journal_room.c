/*
 * Zeros that are written ahead: past the page cache where that goes, through it where not, and
 * zeros in any case; and batches that are written by whole pages, so that nothing of the zeros has
 * to be read for them.
 */
#include "broker/journal_room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/record.h"
#include "tests/unit/journal_steps.h"

#define BYTES ((5u << 20) + 4096) /* more than one sync, and a rest */
#define LARGE 20000		  /* bytes that make a batch to be kept for a reader */

/* The fake disk, watched: how the zeros go to it, and how batches. */
static fake_disk disk;
static ph_fs watched;
static unsigned past;	 /* writes past the cache */
static unsigned through; /* writes through it */
static unsigned parts;	 /* writes that end within a page */
static uint64_t most;	 /* the farthest byte written */

static ssize_t
watched_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	ssize_t put = disk.fs.pwrite(&disk, fd, bytes, length, offset);

	(void) self;
	if (put < 0)
		return put;
	if (fd == disk.direct)
		past++;
	else
		through++;
	if ((offset + put) % 4096 != 0)
		parts++;
	if ((uint64_t) (offset + put) > most)
		most = (uint64_t) (offset + put);
	return put;
}

static void
begin(void)
{
	set_up();
	fake_disk_init(&disk, here.aside, 1);
	watched = disk.fs;
	watched.pwrite = watched_pwrite;
	past = through = parts = 0;
	most = 0;
}

static void
end(void)
{
	fake_disk_fini(&disk);
	tear_down();
}

static bool
spare_is_zeros(void)
{
	static const uint8_t zeros[BYTES];
	uint8_t *found = NULL;
	char path[256];

	fixture_path(&here, "0000000001.spare", path);
	size_t length = fixture_load(path, &found);
	bool same = length == BYTES && memcmp(found, zeros, BYTES) == 0;
	free(found);
	return same;
}

/* Give back a file full of other bytes. True: it is a spare full of zeros; false: it is gone. */
static bool
give_one_back(void)
{
	static uint8_t bytes[BYTES];
	ph_room room = {0};
	char path[256];

	(void) mkdir(here.directory, 0700);
	fixture_path(&here, FIRST, path);
	memset(bytes, 0xa5, sizeof bytes);
	fixture_save(path, bytes, sizeof bytes, sizeof bytes);
	OK(ph_room_init(&room, &watched, here.directory, BYTES, 1, false, NULL));
	OK(ph_room_give(&room, 1, 2, NULL));
	bool spare = room.count == 1;
	fixture_path(&here, "0000000001.spare", path);
	ck_assert_int_eq(access(path, F_OK), spare ? 0 : -1);
	ck_assert(!spare || spare_is_zeros());
	ph_room_fini(&room);
	return spare;
}

START_TEST(zeros_go_past_the_cache)
{
	ck_assert(give_one_back());
	ck_assert_uint_eq(past, 6);
	ck_assert_uint_eq(through, 0);
	ck_assert_uint_eq(most, BYTES);
	ck_assert_uint_eq(disk.calls[FAKE_FDATASYNC], 2);
	/* a power cut right behind takes nothing of it */
	fake_disk_cut_power(&disk);
	ck_assert(spare_is_zeros());
}
END_TEST

START_TEST(or_through_it_if_the_file_does_not_want_that)
{
	disk.fail_at[FAKE_DIRECT] = 1;
	disk.fail_errno = EINVAL;
	ck_assert(give_one_back());
	ck_assert_uint_eq(past, 0);
	ck_assert_uint_eq(through, 6);
}
END_TEST

START_TEST(or_through_it_from_the_first_refusal_on)
{
	disk.fail_at[FAKE_PWRITE] = 3;
	disk.fail_errno = EINVAL;
	ck_assert(give_one_back());
	ck_assert_uint_eq(past, 2);
	ck_assert_uint_eq(through, 4);
}
END_TEST

/* The rest of a short write is no whole number of pages. */
START_TEST(or_through_it_after_a_short_write)
{
	disk.short_writes = true;
	ck_assert(give_one_back());
	ck_assert_uint_gt(past, 0);
	ck_assert_uint_gt(through, 0);
}
END_TEST

START_TEST(other_errors_are_errors)
{
	disk.fail_at[FAKE_PWRITE] = 3;
	disk.fail_errno = EIO;
	ck_assert(!give_one_back());
	ck_assert_uint_eq(through, 0);
}
END_TEST

/* A journal on the watched disk. */
static ph_store *
open_it(void)
{
	ph_store *store;

	OK(fixture_open(&here, &watched, &store, NULL, NULL));
	past = through = parts = 0;
	return store;
}

/* A reader that has come to the end. */
static ph_store_reader *
follower(ph_store *store)
{
	ph_store_reader *reader;
	ph_store_record record;

	OK(ph_store_reader_new(
	    store, (ph_position){0}, ph_store_last(store), &reader, NULL));
	ck_assert_int_eq(ph_store_reader_next(reader, &record, NULL), PH_ERR_AGAIN);
	return reader;
}

static void
close_it(ph_store *store, uint64_t records)
{
	ph_journal_report report;

	expect(store, 1, records);
	OK(ph_store_close(&store, NULL));
	ck_assert_uint_eq(parts, 0);
	OK(fixture_open(&here, NULL, &store, &report, NULL));
	ck_assert(report.clean); /* zeros behind the last batch */
	expect(store, 1, records);
	OK(ph_store_close(&store, NULL));
}

START_TEST(batches_are_whole_pages)
{
	ph_position position;

	here.overlap = _i % 2 == 1;
	ph_store *store = open_it();
	ph_store_reader *reader = _i < 2 ? NULL : follower(store);
	for (uint64_t id = 1; id < 300; id++) { /* 1 MiB files: over the end of some */
		OK(fixture_submit(store, id, PH_STORE_NEW, &position, NULL));
		if (id % 7 == 0 || id % 40 == 39) {
			OK(ph_store_start(store, NULL));
			OK(ph_store_poll(store, true, NULL, NULL));
		}
		ck_assert_uint_le(most, 1u << 20);
	}
	OK(ph_store_flush(store, NULL, NULL));
	ck_assert_uint_gt(position.offset, (uint64_t) 2 << 32);
	/* with one that follows, what is large enough to be kept for it */
	ck_assert_int_eq(past == 0, reader == NULL);
	ck_assert_uint_gt(through, 0);
	ph_store_reader_destroy(&reader);
	close_it(store, 299);
}
END_TEST

/* A batch that is kept for a reader that follows, if there is one. */
static ph_position
put_large(ph_store *store, size_t length)
{
	static const uint8_t bytes[2 * LARGE] = {0xa5};
	const ph_store_part part = {bytes, length};
	ph_position position;

	OK(ph_store_submit(
	    store, PH_RECORD_ACCEPT, PH_STORE_NEW, &part, 1, &position, NULL));
	OK(ph_store_flush(store, NULL, NULL));
	return position;
}

/* All of the records can be read, before it is closed and afterwards. */
static void
close_counted(ph_store *store, unsigned records)
{
	for (int pass = 0; pass < 2; pass++) {
		ph_store_reader *reader;
		ph_store_record record;
		ph_status status;
		unsigned count = 0;

		OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
		while ((status = ph_store_reader_next(reader, &record, NULL)) == PH_OK)
			count++;
		ck_assert_int_eq(status, PH_ERR_AGAIN);
		ck_assert_uint_eq(count, records);
		ph_store_reader_destroy(&reader);
		OK(ph_store_close(&store, NULL));
		ck_assert_uint_eq(parts, 0);
		if (pass == 0)
			OK(fixture_open(&here, NULL, &store, NULL, NULL));
	}
}

/* How batches go while one follows, until it is destroyed; and what else decides about it. */
START_TEST(past_the_cache_while_a_reader_follows)
{
	ph_store_record record;
	ph_store *store = open_it();
	unsigned count = 6;

	ph_position position = put_large(store, LARGE);
	ck_assert(past == 0 && through == 1);
	ph_store_reader *reader = follower(store);
	put_large(store, LARGE);
	put_large(store, LARGE);
	ck_assert(past == 2 && through == 1);
	/* old records are read: for a while what is written is kept in the cache */
	OK(ph_store_read(store, position, &record, NULL));
	for (; past == 2 && count < 50; count++)
		put_large(store, LARGE);
	ck_assert(past == 3 && through > 10);
	/* what is to be written will be read */
	ph_store_expect_read(store);
	unsigned before = through;
	put_large(store, LARGE);
	ck_assert(past == 3 && through == before + 1);
	ph_store_reader_destroy(&reader);
	for (unsigned i = 0; i < 20; i++) /* more than one read makes up for */
		put_large(store, LARGE);
	ck_assert(past == 3 && through == before + 21);
	close_counted(store, count + 18);
}
END_TEST

/* It is not kept in memory for who follows, who would have to read it back from the disk. */
START_TEST(what_is_small_goes_through_the_cache)
{
	ph_store *store = open_it();
	ph_store_reader *reader = follower(store);

	put_large(store, 100);
	ck_assert(past == 0 && through == 1);
	put_large(store, LARGE);
	ck_assert(past == 1 && through == 1);
	put_large(store, 100);
	ck_assert(past == 1 && through == 2);
	ph_store_reader_destroy(&reader);
	close_counted(store, 3);
}
END_TEST

START_TEST(through_the_cache_where_they_are_refused)
{
	ph_store *store = open_it();
	ph_store_reader *reader = follower(store);

	put_large(store, LARGE);
	ck_assert(past == 1 && through == 0);
	disk.fail_at[FAKE_PWRITE] = disk.calls[FAKE_PWRITE] + 1;
	disk.fail_errno = EINVAL;
	put_large(store, LARGE);
	ck_assert(past == 1 && through == 1);
	put_large(store, LARGE);
	ph_store_reader_destroy(&reader);
	close_counted(store, 3);
}
END_TEST

/* A journal that is opened goes on in the middle of a page. */
START_TEST(what_stands_before_is_written_again)
{
	for (uint64_t first = 1; first < 60; first += 3) {
		ph_store *store = open_it();

		put(store, first, 3);
		expect(store, 1, first + 2);
		OK(ph_store_close(&store, NULL));
	}
}
END_TEST

START_TEST(also_past_the_cache)
{
	for (unsigned count = 1; count < 20; count++) {
		ph_store *store = open_it();
		ph_store_reader *reader = follower(store);

		put_large(store, LARGE + 40 * count);
		ck_assert_uint_eq(past, 1);
		ph_store_reader_destroy(&reader);
		close_counted(store, count);
	}
}
END_TEST

START_TEST(what_stands_before_cannot_be_read)
{
	ph_store *store = open_it();
	ph_status status = PH_OK;
	bool failed = false;

	put(store, 1, 3);
	OK(ph_store_close(&store, NULL));
	for (unsigned nth = 1; nth < 40; nth++) {
		disk.calls[FAKE_PREAD] = 0;
		disk.fail_at[FAKE_PREAD] = nth;
		status = fixture_open(&here, &watched, &store, NULL, NULL);
		bool reached = disk.calls[FAKE_PREAD] >= nth;
		disk.fail_at[FAKE_PREAD] = 0;
		failed = failed || status != PH_OK;
		if (status == PH_OK)
			OK(ph_store_close(&store, NULL));
		ck_assert(status != PH_OK || !reached);
		if (!reached)
			break;
	}
	ck_assert(failed);
	store = open_it();
	close_it(store, 3);
}
END_TEST

static Suite *
room_suite(void)
{
	Suite *suite = suite_create("journal-room");
	TCase *tests = tcase_create("journal-room");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, zeros_go_past_the_cache);
	tcase_add_test(tests, or_through_it_if_the_file_does_not_want_that);
	tcase_add_test(tests, or_through_it_from_the_first_refusal_on);
	tcase_add_test(tests, or_through_it_after_a_short_write);
	tcase_add_test(tests, other_errors_are_errors);
	tcase_add_loop_test(tests, batches_are_whole_pages, 0, 4);
	tcase_add_test(tests, past_the_cache_while_a_reader_follows);
	tcase_add_test(tests, what_is_small_goes_through_the_cache);
	tcase_add_test(tests, through_the_cache_where_they_are_refused);
	tcase_add_test(tests, what_stands_before_is_written_again);
	tcase_add_test(tests, also_past_the_cache);
	tcase_add_test(tests, what_stands_before_cannot_be_read);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(room_suite());
}
