/* The window of duplicates: repeats, conflicts, forgetting the oldest first; the ring on a disk that
 * fails, is full or is damaged. */
#include <errno.h>

#include "lib/base/crc32c.h"
#include "tests/unit/duplicate_rig.h"

/* --- the window ------------------------------------------------------------------------- */

START_TEST(repeats_and_conflicts)
{
	ph_duplicates *window = _i == 0 ? fresh(100) : on_disk(100);
	uint8_t id[PH_FINGERPRINT], one[PH_FINGERPRINT], other[PH_FINGERPRINT];
	uint64_t acceptance = 99;
	print(1, id);
	print(2, one);
	print(3, other);
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, one, &acceptance), PH_REPEAT_NO);
	ck_assert_uint_eq(acceptance, 99);
	ph_duplicates_add(window, id, one, 42);
	for (int written = 0; written < 2; written++) {
		acceptance = 0;
		ck_assert_int_eq(
		    ph_duplicates_look(window, id, one, &acceptance), PH_REPEAT_SAME);
		ck_assert_uint_eq(acceptance, 42);
		ck_assert_int_eq(ph_duplicates_look(window, id, other, &acceptance),
		    PH_REPEAT_CONFLICT);
		ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	}
	ph_duplicates_destroy(&window);
}
END_TEST

/* In memory and on disk; in windows below and above what is written and read at a time. */
START_TEST(the_oldest_are_forgotten)
{
	static const size_t limits[] = {10, 1364, 1365, 1366, 5000};
	size_t limit = limits[_i / 2];
	ph_duplicates *window = _i % 2 == 0 ? fresh(limit) : on_disk(limit);
	uint64_t wrong = 0;
	for (uint64_t n = 1; n <= 12000; n++) {
		wrong += knows(window, n);
		add(window, n, n);
		if (n % 100 == 0)
			ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
		wrong += n > limit && knows(window, n - limit);
	}
	ck_assert_uint_eq(wrong, 0);
	check_knows(window, 12001 - limit, 12000, 12000);
	ph_duplicates_destroy(&window);
}
END_TEST

START_TEST(of_the_same_twice_the_younger_is_known)
{
	ph_duplicates *window = _i == 0 ? fresh(10) : on_disk(10);
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	print(1, id);
	ph_duplicates_add(window, id, id, 1);
	add(window, 2, 3);
	ck_assert(
	    !knows(window, 20)); /* that another is not there says nothing of it */
	ph_duplicates_add(window, id, id, 4);
	ck_assert_uint_eq(ph_duplicates_count(window), 3);
	add(window, 5, 11);
	ck_assert(knows(window, 2));
	/* The older is forgotten: that does not make the younger one forgotten. */
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, id, &acceptance), PH_REPEAT_SAME);
	ck_assert_uint_eq(acceptance, 4);
	add(window, 12, 13);
	ck_assert(!knows(window, 3));
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, id, &acceptance), PH_REPEAT_SAME);
	add(window, 14, 14);
	ck_assert_int_eq(ph_duplicates_look(window, id, id, &acceptance), PH_REPEAT_NO);
	ph_duplicates_destroy(&window);
}
END_TEST

/* That it was not there when it was looked for says nothing of what was added since. */
START_TEST(what_was_missed_is_known_once_added)
{
	ph_duplicates *window = _i == 0 ? fresh(10) : on_disk(10);
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	print(1, id);
	ck_assert(!knows(window, 1));
	ph_duplicates_add(window, id, id, 1);
	ph_duplicates_add(window, id, id, 2);
	ck_assert_uint_eq(ph_duplicates_count(window), 1);
	ck_assert_int_eq(
	    ph_duplicates_look(window, id, id, &acceptance), PH_REPEAT_SAME);
	ck_assert_uint_eq(acceptance, 2);
	ph_duplicates_destroy(&window);
}
END_TEST

/* Fingerprints made so that all of them have one home: one is no other. */
START_TEST(equal_tags_are_told_apart)
{
	ph_duplicates *window = on_disk(300);
	uint8_t id[PH_FINGERPRINT] = {7};
	uint64_t acceptance = 0;
	for (unsigned n = 1; n <= 500; n++) {
		memcpy(id + 8, &n, sizeof n);
		ck_assert_int_eq(
		    ph_duplicates_look(window, id, id, &acceptance), PH_REPEAT_NO);
		ph_duplicates_add(window, id, id, n);
		if (n == 250)
			ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	}
	for (unsigned n = 1; n <= 500; n++) {
		memcpy(id + 8, &n, sizeof n);
		ck_assert_int_eq(ph_duplicates_look(window, id, id, &acceptance),
		    n > 200 ? PH_REPEAT_SAME : PH_REPEAT_NO);
		ck_assert(n <= 200 || acceptance == n);
	}
	ph_duplicates_destroy(&window);
}
END_TEST

/* --- the file --------------------------------------------------------------------------- */

/* As doc/checkpoint.md says, byte by byte. */
START_TEST(bytes_of_the_ring)
{
	uint8_t saved[SAVED], head[PH_DUPLICATE_HEAD], entry[PH_DUPLICATE_ENTRY];
	uint8_t id[PH_FINGERPRINT], zeros[4096] = {0};
	uint32_t crc;
	ph_duplicates *window = on_disk(1000);
	add(window, 1, 3);
	save(window, saved);
	int fd = open_ring();
	ck_assert_int_eq(pread(fd, head, sizeof head, 0), sizeof head);
	ck_assert_mem_eq(head, "PHDUPL\r\n\x01\0\0\0\x30\0\0\0", 16);
	ck_assert_mem_eq(head + 16, saved, 16);
	ck_assert_mem_eq(head + 32, zeros, 4092 - 32);
	memcpy(&crc, head + 4092, 4);
	ck_assert_uint_eq(crc, ph_crc32c(0, head, 4092));
	ck_assert_int_eq(pread(fd, entry, sizeof entry, entry_at(2)), sizeof entry);
	print(3, id);
	ck_assert_mem_eq(entry, id, 16);
	ck_assert_mem_eq(entry + 16, id, 16);
	ck_assert_mem_eq(entry + 32, "\x03\0\0\0\0\0\0\0", 8);
	memcpy(&crc, entry + 40, 4);
	ck_assert_uint_eq(crc, ph_crc32c(ph_crc32c(0, saved, 16), entry, 40));
	ck_assert_mem_eq(entry + 44, zeros, 4);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), entry_at(1000));
	close(fd);
	ck_assert_mem_eq(saved + 16,
	    "\xe8\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0",
	    32);
	ph_duplicates_destroy(&window);
}
END_TEST

/* A full disk: the window stays as it is, which is reported once, and grows when there is room. */
START_TEST(a_full_disk_stops_the_growth_only)
{
	ph_error err = {.status = PH_OK};
	const uint64_t step = ((uint64_t) 8 << 20) / PH_DUPLICATE_ENTRY;
	ph_duplicates *window = on_disk(step + 1000);
	disk.fail_at[FAKE_FALLOCATE] = 2;
	disk.fail_errno = ENOSPC;
	add(window, 1, step);
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_OK);
	add(window, step + 1, step + 10);
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_ERR_FULL);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5371"));
	ck_assert_uint_eq(ph_duplicates_count(window), step);
	ck_assert(!knows(window, 10) && knows(window, 11) && knows(window, step + 10));
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_OK);
	/* Once round, and there is room again. */
	add(window, step + 11, 3 * step);
	ck_assert_uint_eq(ph_duplicates_count(window), step + 1000);
	ck_assert(!knows(window, 2 * step - 1000) && knows(window, 2 * step - 999));
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_OK);
	ph_duplicates_destroy(&window);
}
END_TEST

/* Not even a first step: it does not begin, and what is in memory serves. */
START_TEST(without_any_room_it_stays_in_memory)
{
	ph_error err = {.status = PH_OK};
	ph_duplicates *window = fresh(1000);
	disk.fail_at[FAKE_FALLOCATE] = 1;
	disk.fail_errno = ENOSPC;
	ck_assert_int_eq(
	    ph_duplicates_begin(window, &disk.fs, place.root, &err), PH_ERR_FULL);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5371"));
	ck_assert_int_lt(ph_duplicates_fd(window), 0);
	add(window, 1, 10);
	check_knows(window, 1, 10, 10);
	ph_duplicates_destroy(&window);
}
END_TEST

/* One that was saved before anything was in it. */
START_TEST(nothing_is_loaded_and_added_to)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_duplicates *window = on_disk(1000);
	save(window, saved);
	ph_duplicates_destroy(&window);
	window = load(1000, saved, &found);
	add(window, 11, 20);
	check_knows(window, 11, 20, 20);
	ph_duplicates_destroy(&window);
}
END_TEST

START_TEST(a_failed_write_is_done_again)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_error err = {.status = PH_OK};
	ph_duplicates *window = on_disk(1000);
	add(window, 1, 10);
	disk.fail_at[FAKE_PWRITE] = disk.calls[FAKE_PWRITE] + 1;
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_ERR_IO);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5372"));
	check_knows(window, 1, 10, 20);
	disk.short_writes = true;
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_OK);
	add(window, 11, 20);
	save(window, saved);
	ph_duplicates_destroy(&window);
	window = load(1000, saved, &found);
	ck_assert_uint_eq(found.entries, 20);
	check_knows(window, 1, 20, 30);
	ph_duplicates_destroy(&window);
}
END_TEST

/* A disk that takes nothing: what does not fit into the buffer is forgotten, in the index too. */
START_TEST(what_is_never_written_is_forgotten)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_error err = {.status = PH_OK};
	ph_duplicates *window = on_disk(5000);
	add(window, 1, 100);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	disk.fail_at[FAKE_PWRITE] = disk.calls[FAKE_PWRITE] + 1;
	disk.always = true;
	add(window, 101, 1465);
	ck_assert_uint_eq(ph_duplicates_count(window), 1465);
	add(window, 1466, 1500);
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_ERR_IO);
	ck_assert_uint_eq(ph_duplicates_count(window), 135);
	ck_assert(knows(window, 100) && !knows(window, 101) && !knows(window, 1465) &&
		  knows(window, 1466));
	disk.fail_at[FAKE_PWRITE] = 0;
	disk.always = false;
	add(window, 1501, 9000);
	check_knows(window, 4001, 9000, 9000);
	save(window, saved);
	ph_duplicates_destroy(&window);
	window = load(5000, saved, &found);
	check_knows(window, 4001, 9000, 9000);
	ph_duplicates_destroy(&window);
}
END_TEST

/* Where something could not be written, what was there a round before is not known again. */
START_TEST(a_gap_in_the_ring_is_passed_over)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_duplicates *window = on_disk(3000);
	add(window, 1, 3000);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	disk.fail_at[FAKE_PWRITE] = disk.calls[FAKE_PWRITE] + 1;
	disk.always = true;
	add(window, 3001, 4500);
	disk.fail_at[FAKE_PWRITE] = 0;
	disk.always = false;
	save(window, saved);
	ph_duplicates_destroy(&window);
	window = load(3000, saved, &found);
	ck_assert_uint_eq(found.entries, 3000 - 1365);
	for (uint64_t n = 1; n <= 5000; n++)
		ck_assert(knows(window, n) ==
			  ((n > 1500 && n <= 3000) || (n > 4365 && n <= 4500)));
	ph_duplicates_destroy(&window);
}
END_TEST

/* A damaged entry counts as not seen and is reported; its place is used again. */
START_TEST(a_damaged_entry_is_not_seen)
{
	ph_error err = {.status = PH_OK};
	ph_duplicates *window = on_disk(3000);
	add(window, 1, 3000);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	damage(entry_at(1500) + _i);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	ck_assert(!knows(window, 1501));
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_ERR_DAMAGED);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5373"));
	ck_assert(knows(window, 1500) && knows(window, 1502));
	add(window, 3001, 9000);
	for (uint64_t n = 1; n <= 9000; n++)
		ck_assert(knows(window, n) == (n > 6000));
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_OK);
	ph_duplicates_destroy(&window);
}
END_TEST

START_TEST(a_failed_read_is_not_seen)
{
	ph_error err = {.status = PH_OK};
	ph_duplicates *window = on_disk(100);
	add(window, 1, 10);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	disk.fail_at[FAKE_PREAD] = disk.calls[FAKE_PREAD] + 1;
	ck_assert(!knows(window, 5));
	ck_assert_int_eq(ph_duplicates_flush(window, &err), PH_ERR_IO);
	check_knows(window, 1, 10, 10);
	ph_duplicates_destroy(&window);
}
END_TEST

START_TEST(beginning_fails_with_the_disk)
{
	static const fake_call calls[] = {
	    FAKE_OPEN, FAKE_PWRITE, FAKE_FDATASYNC, FAKE_RENAME, FAKE_FSYNC};
	ph_duplicates *window = fresh(100);
	disk.fail_at[calls[_i]] = 1;
	ck_assert_int_eq(
	    ph_duplicates_begin(window, &disk.fs, place.root, NULL), PH_ERR_IO);
	ck_assert_int_lt(ph_duplicates_fd(window), 0);
	ck_assert_int_eq(
	    ph_duplicates_begin(window, &disk.fs, place.root, NULL), PH_OK);
	ph_duplicates_destroy(&window);
}
END_TEST

static TCase *
window_tests(void)
{
	TCase *tests = tcase_create("window");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, repeats_and_conflicts, 0, 2);
	tcase_add_loop_test(tests, the_oldest_are_forgotten, 0, 10);
	tcase_add_loop_test(tests, of_the_same_twice_the_younger_is_known, 0, 2);
	tcase_add_loop_test(tests, what_was_missed_is_known_once_added, 0, 2);
	tcase_add_test(tests, equal_tags_are_told_apart);
	return tests;
}

static TCase *
disk_tests(void)
{
	TCase *tests = tcase_create("disk");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, bytes_of_the_ring);
	tcase_add_test(tests, a_full_disk_stops_the_growth_only);
	tcase_add_test(tests, without_any_room_it_stays_in_memory);
	tcase_add_test(tests, nothing_is_loaded_and_added_to);
	tcase_add_test(tests, a_failed_write_is_done_again);
	tcase_add_test(tests, what_is_never_written_is_forgotten);
	tcase_add_test(tests, a_gap_in_the_ring_is_passed_over);
	tcase_add_loop_test(tests, a_damaged_entry_is_not_seen, 0, 48);
	tcase_add_test(tests, a_failed_read_is_not_seen);
	tcase_add_loop_test(tests, beginning_fails_with_the_disk, 0, 5);
	return tests;
}

int
main(void)
{
	Suite *suite = suite_create("duplicate");
	suite_add_tcase(suite, window_tests());
	suite_add_tcase(suite, disk_tests());
	return ph_check_main(suite);
}
