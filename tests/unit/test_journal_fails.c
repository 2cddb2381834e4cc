/* journal on a disk that fails or is full: what was said to be durable is there, whatever call fails. */
#include "broker/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal_steps.h"

/* The nth call of a kind fails, for every n: what was said to be durable is there, or nothing. */
static void
fail_each(fake_call call, int number)
{
	for (unsigned nth = 1;; nth++) {
		fake_disk disk;
		ph_store *store = NULL;
		ph_status status;
		ph_error err = {0};
		uint64_t acknowledged = 0;
		uint64_t id = 1;

		fixture_fini(&here);
		fixture_init(&here);
		fake_disk_init(&disk, here.aside, nth);
		disk.fail_at[call] = nth;
		disk.fail_errno = number;
		status = fixture_open(&here, &disk.fs, &store, NULL, &err);
		for (; status == PH_OK && id <= 150; id++) {
			ph_position position;

			status =
			    fixture_submit(store, id, PH_STORE_NEW, &position, &err);
			if (status == PH_OK && id % 3 == 0)
				status = ph_store_flush(store, NULL, &err);
			if (status == PH_OK && id % 3 == 0)
				acknowledged = id;
		}
		if (store != NULL && status == PH_ERR_IO) {
			ph_position position;

			/* nothing is tried again */
			unsigned writes = disk.calls[FAKE_PWRITE];
			unsigned syncs = disk.calls[FAKE_FDATASYNC];
			ck_assert_int_eq(fixture_submit(store, 1, PH_STORE_ESSENTIAL,
					     &position, NULL),
			    PH_ERR_IO);
			ck_assert_int_eq(ph_store_flush(store, NULL, &err), PH_ERR_IO);
			ck_assert_ptr_nonnull(strstr(err.text, "PH5005"));
			ck_assert_int_eq(ph_store_idle(store, NULL), PH_ERR_IO);
			ck_assert_uint_eq(disk.calls[FAKE_PWRITE], writes);
			ck_assert_uint_eq(disk.calls[FAKE_FDATASYNC], syncs);
		}
		bool reached = disk.calls[call] >= nth;
		if (store != NULL)
			ph_store_close(&store, NULL);
		disk.fail_at[call] = 0;
		fake_disk_close_all(&disk);
		fake_disk_cut_power(&disk);

		static uint64_t ids[MANY];
		OK(fixture_open(&here, NULL, &store, NULL, &err));
		size_t count = fixture_read_all(store, ids, MANY, &status);
		ck_assert_msg(count >= acknowledged, "%u: %zu of %llu", nth, count,
		    (unsigned long long) acknowledged);
		ck_assert_uint_lt(count, id);
		for (size_t i = 0; i < count; i++)
			ck_assert_uint_eq(ids[i], i + 1);
		OK(ph_store_close(&store, NULL));
		fake_disk_fini(&disk);
		if (!reached)
			return;
	}
}

static const struct {
	fake_call call;
	int number;
} failures[] = {
    {FAKE_PWRITE, EIO},
    {FAKE_PWRITE, ENOSPC},
    {FAKE_FDATASYNC, EIO},
    {FAKE_FSYNC, EIO},
    {FAKE_OPEN, EIO},
    {FAKE_OPEN, EMFILE},
    {FAKE_RENAME, EIO},
    {FAKE_RENAME, ENOSPC},
    {FAKE_FALLOCATE, EIO},
    {FAKE_FALLOCATE, ENOSPC},
    {FAKE_UNLINK, EIO},
    {FAKE_PREAD, EIO},
};

START_TEST(any_call_may_fail)
{
	fail_each(failures[_i].call, failures[_i].number);
}
END_TEST

/* Any call may also fail when a killed journal is opened again. */
START_TEST(any_call_may_fail_at_an_unclean_start)
{
	for (unsigned nth = 1;; nth++) {
		fake_disk disk;
		ph_store *store = NULL;

		fixture_fini(&here);
		fixture_init(&here);
		fake_disk_init(&disk, here.aside, nth);
		write_and_die(&disk, 1, 5, false);
		memset(disk.calls, 0, sizeof disk.calls);
		disk.fail_at[failures[_i].call] = nth;
		disk.fail_errno = failures[_i].number;
		ph_status status = fixture_open(&here, &disk.fs, &store, NULL, NULL);
		bool reached = disk.calls[failures[_i].call] >= nth;
		if (status == PH_OK)
			ph_store_close(&store, NULL);
		disk.fail_at[failures[_i].call] = 0;
		fake_disk_close_all(&disk);
		fake_disk_cut_power(&disk);
		OK(fixture_open(&here, NULL, &store, NULL, NULL));
		expect(store, 1, 5);
		OK(ph_store_close(&store, NULL));
		fake_disk_fini(&disk);
		if (!reached)
			return;
		if (nth > 40)
			ck_abort_msg("no end of calls");
	}
}
END_TEST

START_TEST(short_writes_are_continued)
{
	fake_disk disk;
	ph_store *store;

	fake_disk_init(&disk, here.aside, 1);
	disk.short_writes = true;
	OK(fixture_open(&here, &disk.fs, &store, NULL, NULL));
	put(store, 1, 200);
	expect(store, 1, 200);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
}
END_TEST

static int64_t
scripted(void *self)
{
	return *(int64_t *) self;
}

#define FULL_MOST 8192 /* more than a full disk takes */

/* Brings new records until one is refused; the id of that one. */
static uint64_t
fill(ph_store *store, uint64_t id, ph_error *err)
{
	ph_position position;

	for (uint64_t end = id + FULL_MOST; id < end; id++) {
		ph_status status =
		    fixture_submit(store, id, PH_STORE_NEW, &position, err);
		if (status != PH_OK) {
			ck_assert_int_eq(status, PH_ERR_FULL);
			break;
		}
	}
	return id;
}

/* How many records a reader finds. */
static uint64_t
readable(ph_store *store)
{
	ph_store_reader *reader;
	ph_store_record record;
	uint64_t count = 0;

	OK(ph_store_flush(store, NULL, NULL));
	OK(ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL));
	while (ph_store_reader_next(reader, &record, NULL) == PH_OK)
		count++;
	ph_store_reader_destroy(&reader);
	return count;
}

/* Fills a disk; how many records were taken and are not there. */
static uint64_t
lost_when_full(void)
{
	fake_disk disk;
	ph_store *store;
	ph_error err = {0};
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .fs = &disk.fs,
	};

	fake_disk_init(&disk, here.aside, 1);
	OK(ph_journal_open(&config, &store, NULL, NULL));
	disk.fail_errno = ENOSPC;
	disk.fail_at[FAKE_FALLOCATE] = disk.calls[FAKE_FALLOCATE] + 1;
	disk.always = true;
	uint64_t taken = fill(store, 1, &err) - 1;
	uint64_t there = readable(store);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
	ck_assert_uint_gt(there, 0);
	return taken - there;
}

START_TEST(a_full_disk_drops_nothing_that_it_took)
{
	ck_assert_uint_eq(lost_when_full(), 0);
}
END_TEST

START_TEST(who_drops_on_a_full_disk_is_caught)
{
	setenv("PACKHORSE_MUTANT", "drop-when-full", 1);
	uint64_t lost = lost_when_full();
	unsetenv("PACKHORSE_MUTANT");
	ck_assert_uint_gt(lost, 0);
}
END_TEST

START_TEST(a_full_disk_takes_outcomes_and_recovers)
{
	fake_disk disk;
	ph_store *store;
	ph_store_space space;
	ph_error err;
	ph_position position;
	int64_t now = 1000;
	const ph_clock clock = {scripted, scripted, &now};
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .fs = &disk.fs,
	    .clock = &clock,
	};
	uint64_t id = 1;
	ph_status status = PH_OK;

	fake_disk_init(&disk, here.aside, 1);
	OK(ph_journal_open(&config, &store, NULL, NULL));
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(space.accepting);
	ck_assert_uint_eq(space.reserve, 1u << 20);
	disk.fail_errno = ENOSPC;
	disk.fail_at[FAKE_FALLOCATE] = disk.calls[FAKE_FALLOCATE] + 1;
	disk.always = true;
	while (status == PH_OK) {
		status = fixture_submit(store, id, PH_STORE_NEW, &position, &err);
		if (status == PH_OK)
			id++;
	}
	ck_assert_int_eq(status, PH_ERR_FULL);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5004"));
	OK(ph_store_flush(store, NULL, NULL));
	expect(store, 1, id - 1);
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(!space.accepting);
	ck_assert_uint_eq(space.open, 0);

	/* what is essential still goes, a good part of a file */
	uint64_t essential = 0;
	for (status = PH_OK; status == PH_OK;) {
		status = fixture_submit(store, id, PH_STORE_ESSENTIAL, &position, NULL);
		if (status == PH_OK) {
			essential += fixture_length(id);
			id++;
		}
		ck_assert_int_eq(
		    fixture_submit(store, id, PH_STORE_NEW, &position, NULL),
		    PH_ERR_FULL);
	}
	ck_assert_int_eq(status, PH_ERR_FULL);
	ck_assert_uint_gt(essential, 500000);
	OK(ph_store_flush(store, NULL, NULL));

	/* room again: found by itself, when it is time to look */
	disk.fail_at[FAKE_FALLOCATE] = 0;
	ck_assert_int_eq(
	    fixture_submit(store, id, PH_STORE_NEW, &position, NULL), PH_ERR_FULL);
	now += 2000;
	put(store, id, 20);
	expect(store, 1, id + 19);
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert(space.accepting);
	OK(ph_store_close(&store, NULL));
	OK(fixture_open(&here, NULL, &store, NULL, NULL));
	expect(store, 1, id + 19);
	OK(ph_store_close(&store, NULL));
	fake_disk_fini(&disk);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, any_call_may_fail, 0, sizeof failures / sizeof *failures);
	tcase_add_loop_test(tcase, any_call_may_fail_at_an_unclean_start, 0,
	    sizeof failures / sizeof *failures);
	tcase_add_test(tcase, short_writes_are_continued);
	tcase_add_test(tcase, a_full_disk_drops_nothing_that_it_took);
	tcase_add_test(tcase, who_drops_on_a_full_disk_is_caught);
	tcase_add_test(tcase, a_full_disk_takes_outcomes_and_recovers);
}

int
main(void)
{
	return run_journal_suite("journal_fails", add_tests);
}
