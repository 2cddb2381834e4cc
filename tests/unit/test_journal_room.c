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
#include "tests/unit/journal_steps.h"

#define BYTES ((5u << 20) + 4096) /* more than one sync, and a rest */

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

START_TEST(batches_are_whole_pages)
{
	ph_store *store;
	ph_position position;

	here.overlap = _i == 1;
	OK(fixture_open(&here, &watched, &store, NULL, NULL));
	parts = 0;
	for (uint64_t id = 1; id < 300; id++) { /* 1 MiB files: over the end of some */
		OK(fixture_submit(store, id, PH_STORE_NEW, &position, NULL));
		if (id % 7 == 0) {
			OK(ph_store_start(store, NULL));
			OK(ph_store_poll(store, true, NULL, NULL));
		}
		ck_assert_uint_le(most, 1u << 20);
	}
	OK(ph_store_flush(store, NULL, NULL));
	ck_assert_uint_eq(parts, 0);
	ck_assert_uint_gt(position.offset, (uint64_t) 2 << 32);
	expect(store, 1, 299);
	OK(ph_store_close(&store, NULL));
	ph_journal_report report;
	OK(fixture_open(&here, NULL, &store, &report, NULL));
	ck_assert(report.clean); /* zeros behind the last batch */
	expect(store, 1, 299);
	OK(ph_store_close(&store, NULL));
}
END_TEST

static Suite *
room_suite(void)
{
	Suite *suite = suite_create("journal-room");
	TCase *tests = tcase_create("journal-room");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, zeros_go_past_the_cache);
	tcase_add_test(tests, or_through_it_if_the_file_does_not_want_that);
	tcase_add_test(tests, or_through_it_from_the_first_refusal_on);
	tcase_add_test(tests, or_through_it_after_a_short_write);
	tcase_add_test(tests, other_errors_are_errors);
	tcase_add_loop_test(tests, batches_are_whole_pages, 0, 2);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(room_suite());
}
