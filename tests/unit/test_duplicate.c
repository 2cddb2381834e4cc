/* The window of duplicates: repeats, conflicts, forgetting the oldest first; the ring on a disk that
 * fails, is full, loses power or is damaged; saving and loading. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/duplicate.h"
#include "broker/duplicate_ring.h"
#include "lib/base/crc32c.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define SAVED  48      /* bytes in a checkpoint */
#define OTHERS 1000000 /* numbers of messages that came in the place of lost ones */

static ph_sitekey key;
static fixture place;
static fake_disk disk;

static void
print(uint64_t number, uint8_t out[PH_FINGERPRINT])
{
	ph_sitekey_print(&key, 'i', &number, sizeof number, "", 0, out);
}

static void
setup(void)
{
	static const uint8_t secret[PH_SITEKEY_BYTES] = {1, 2, 3};
	ph_sitekey_derive(secret, &key);
	fixture_init(&place);
	fake_disk_init(&disk, place.aside, 1);
}

static void
teardown(void)
{
	fake_disk_fini(&disk);
	fixture_fini(&place);
}

/* --- tools ---------------------------------------------------------------------------- */

static ph_duplicates *
fresh(size_t limit)
{
	ph_duplicates *window = NULL;
	ck_assert_int_eq(ph_duplicates_new(limit, &window, NULL), PH_OK);
	return window;
}

static ph_duplicates *
on_disk(size_t limit)
{
	ph_duplicates *window = fresh(limit);
	ck_assert_int_eq(
	    ph_duplicates_begin(window, &disk.fs, place.root, NULL), PH_OK);
	return window;
}

static void
add(ph_duplicates *window, uint64_t from, uint64_t to)
{
	uint8_t id[PH_FINGERPRINT];
	for (uint64_t n = from; n <= to; n++) {
		print(n, id);
		ph_duplicates_add(window, id, id, n);
	}
}

/* Other messages that got those acceptances. */
static void
add_others(ph_duplicates *window, uint64_t from, uint64_t to)
{
	uint8_t id[PH_FINGERPRINT];
	for (uint64_t n = from; n <= to; n++) {
		print(n + OTHERS, id);
		ph_duplicates_add(window, id, id, n);
	}
}

static bool
knows(ph_duplicates *window, uint64_t number)
{
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	print(number, id);
	ph_repeat found = ph_duplicates_look(window, id, id, &acceptance);
	if (found == PH_REPEAT_NO)
		return false;
	ck_assert_int_eq(found, PH_REPEAT_SAME);
	ck_assert_uint_eq(acceptance, number);
	return true;
}

/* Of 1 to `most` it knows `from` to `to` and no other. */
static void
check_knows(ph_duplicates *window, uint64_t from, uint64_t to, uint64_t most)
{
	for (uint64_t n = 1; n <= most; n++)
		ck_assert_msg(knows(window, n) == (n >= from && n <= to), "%llu",
		    (unsigned long long) n);
	ck_assert_uint_eq(ph_duplicates_count(window), to + 1 - from);
}

static void
save(ph_duplicates *window, uint8_t out[SAVED])
{
	ph_buffer bytes;
	ph_buffer_init(&bytes, 0);
	ph_duplicates_save(window, &bytes);
	ck_assert_uint_eq(bytes.length, SAVED);
	memcpy(out, bytes.data, SAVED);
	ph_buffer_fini(&bytes);
	ck_assert_int_eq(
	    ph_duplicates_sync(&disk.fs, ph_duplicates_fd(window), NULL), PH_OK);
}

static ph_duplicates *
load(size_t limit, const uint8_t *saved, ph_duplicates_loaded *out)
{
	ph_duplicates *window = fresh(limit);
	ck_assert_int_eq(
	    ph_duplicates_load(window, &disk.fs, place.root, saved, SAVED, out, NULL),
	    PH_OK);
	return window;
}

static int
open_ring(void)
{
	char path[256];
	(void) snprintf(path, sizeof path, "%s/duplicates.ring", place.root);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Change a byte of the ring. */
static void
damage(off_t offset)
{
	uint8_t byte;
	int fd = open_ring();
	ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static off_t
entry_at(uint64_t at)
{
	return (off_t) (PH_DUPLICATE_HEAD + at * PH_DUPLICATE_ENTRY);
}

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
	for (uint64_t n = 1; n <= 12000; n++) {
		ck_assert(!knows(window, n));
		add(window, n, n);
		if (n % 100 == 0)
			ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
		ck_assert(n <= limit || !knows(window, n - limit));
	}
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

/* --- the checkpoint ----------------------------------------------------------------------- */

/* Saved at any moment, in windows that are filling, full, and round; loaded it goes on. */
START_TEST(loaded_as_it_was_saved)
{
	static const uint64_t moments[] = {0, 1, 1999, 2000, 2001, 3500, 4000, 7777};
	uint64_t moment = moments[_i];
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_duplicates *window = on_disk(2000);
	add(window, 1, moment);
	save(window, saved);
	ph_duplicates_destroy(&window);
	for (uint64_t more = 0; more <= 5000; more += 2500) {
		window = load(2000, saved, &found);
		uint64_t first = moment <= 2000 ? 1 : moment - 1999;
		ck_assert_uint_eq(found.damaged, 0);
		ck_assert_uint_eq(found.replaced, 0);
		ck_assert_uint_eq(found.entries, moment + 1 - first);
		check_knows(window, first, moment, 8000);
		add(window, moment + 1, moment + more);
		first = moment + more <= 2000 ? 1 : moment + more - 1999;
		check_knows(window, first, moment + more, moment + more);
		save(window, saved);
		ph_duplicates_destroy(&window);
		moment += more;
	}
}
END_TEST

/* After the checkpoint the window went on, over the oldest: the journal tells it again, and then it
 * is as it was. With a power cut any of that may be half there. */
START_TEST(what_came_after_the_checkpoint_comes_again)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	disk.random = (uint64_t) _i * 2 + 1;
	ph_duplicates *window = on_disk(500);
	add(window, 1, 720);
	save(window, saved);
	uint64_t more = fake_random(&disk.random, 700);
	add(window, 721, 720 + more);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	ph_duplicates_destroy(&window);
	if (_i % 2 == 1)
		fake_disk_cut_power(&disk);
	window = load(500, saved, &found);
	ck_assert_uint_eq(found.damaged, 0);
	ck_assert_uint_le(found.replaced, more);
	ck_assert(_i % 2 == 1 || found.replaced == (more < 500 ? more : 500));
	for (uint64_t n = 1; n <= 720; n++)
		ck_assert(knows(window, n) || n <= 220 + more);
	for (uint64_t n = 721; n <= 720 + more; n++)
		ck_assert(!knows(window, n));
	add(window, 721, 720 + more);
	check_knows(window, 221 + more, 720 + more, 720 + more);
	ph_duplicates_destroy(&window);
}
END_TEST

/* The file may have entries of a batch that never became durable. Nobody was told of those, and they
 * are not known again: neither before others have their acceptances and places, nor after. */
START_TEST(what_never_was_durable_is_not_known)
{
	uint8_t saved[SAVED], id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	ph_duplicates_loaded found;
	disk.random = (uint64_t) _i + 1;
	uint64_t durable = 720 + fake_random(&disk.random, 100);
	uint64_t lost = durable + 1 + fake_random(&disk.random, 600);
	uint64_t others = durable + fake_random(&disk.random, 600);
	ph_duplicates *window = on_disk(500);
	add(window, 1, 720);
	save(window, saved);
	add(window, 721, lost);
	ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
	ph_duplicates_destroy(&window);
	window = load(500, saved, &found);
	add(window, 721, durable);
	add_others(window, durable + 1, others);
	save(window, saved);
	for (unsigned life = 0; life < 2; life++) {
		uint64_t newest = lost > others ? lost : others;
		for (uint64_t n = newest - 499; n <= durable; n++)
			ck_assert(knows(window, n));
		for (uint64_t n = durable + 1; n <= lost; n++)
			ck_assert(!knows(window, n));
		for (uint64_t n = others; n > durable && n > newest - 500; n--) {
			print(n + OTHERS, id);
			ck_assert_int_eq(
			    ph_duplicates_look(window, id, id, &acceptance),
			    PH_REPEAT_SAME);
			ck_assert_uint_eq(acceptance, n);
		}
		ph_duplicates_destroy(&window);
		window = load(500, saved, &found);
		ck_assert_uint_eq(found.damaged, 0);
	}
	ph_duplicates_destroy(&window);
}
END_TEST

/* What is synced for a checkpoint outlives a power cut. */
START_TEST(a_synced_window_outlives_a_power_cut)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	disk.random = (uint64_t) _i * 2 + 1;
	ph_duplicates *window = on_disk(500);
	add(window, 1, 800);
	save(window, saved);
	fake_disk_cut_power(&disk);
	ph_duplicates_destroy(&window);
	window = load(500, saved, &found);
	ck_assert_uint_eq(found.entries, 500);
	check_knows(window, 301, 800, 800);
	ph_duplicates_destroy(&window);
}
END_TEST

/* The limit is changed between two lives, up and down, wherever the ring stands. */
START_TEST(another_limit)
{
	static const size_t limits[] = {100, 2000, 5000};
	size_t before = limits[_i / 3], after = limits[_i % 3];
	for (uint64_t count = 50; count < 9000; count += 1490) {
		uint8_t saved[SAVED];
		ph_duplicates_loaded found;
		ph_duplicates *window = on_disk(before);
		add(window, 1, count);
		save(window, saved);
		ph_duplicates_destroy(&window);
		window = load(after, saved, &found);
		uint64_t kept = before < after ? before : after;
		uint64_t first = count <= kept ? 1 : count - kept + 1;
		check_knows(window, first, count, count);
		/* It takes the new limit at the latest when it has gone round. */
		uint64_t more = count + before + after;
		for (uint64_t n = count + 1; n <= more; n += 50) {
			add(window, n, n + 49);
			ck_assert_int_eq(ph_duplicates_flush(window, NULL), PH_OK);
			ck_assert_uint_le(ph_duplicates_count(window), after);
		}
		more = count + (before + after + 49) / 50 * 50;
		check_knows(window, more < after ? 1 : more - after + 1, more, more);
		ph_duplicates_destroy(&window);
	}
}
END_TEST

START_TEST(damage_is_counted_when_loading)
{
	uint8_t saved[SAVED];
	ph_duplicates_loaded found;
	ph_duplicates *window = on_disk(3000);
	add(window, 1, 4000);
	save(window, saved);
	ph_duplicates_destroy(&window);
	/* The oldest may be half replaced by what came next: that is no damage. */
	damage(entry_at(1000));
	damage(entry_at(500));
	damage(entry_at(2000));
	int fd = open_ring();
	ck_assert_int_eq(ftruncate(fd, entry_at(2990)), 0);
	close(fd);
	window = load(3000, saved, &found);
	ck_assert_uint_eq(found.damaged, 12);
	ck_assert_uint_eq(found.entries, 2987);
	ck_assert(!knows(window, 3501) && !knows(window, 2001) && knows(window, 2002));
	add(window, 4001, 7000);
	check_knows(window, 4001, 7000, 7000);
	ph_duplicates_destroy(&window);
}
END_TEST

static void
check_refused(const uint8_t *saved, size_t length, ph_status expected)
{
	ph_duplicates *window = fresh(1000);
	ph_duplicates_loaded found;
	ph_error err = {.status = PH_OK};
	ck_assert_int_eq(ph_duplicates_load(
			     window, &disk.fs, place.root, saved, length, &found, &err),
	    expected);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5370"));
	ck_assert_uint_eq(ph_duplicates_count(window), 0);
	add(window, 1, 5);
	check_knows(window, 1, 5, 10);
	ph_duplicates_destroy(&window);
}

START_TEST(what_cannot_be_loaded_is_refused)
{
	uint8_t saved[SAVED], other[SAVED];
	ph_duplicates *window = on_disk(1000);
	add(window, 1, 100);
	save(window, saved);
	ph_duplicates_destroy(&window);
	check_refused(saved, 0, PH_ERR_NOT_FOUND);
	check_refused(saved, SAVED - 1, PH_ERR_DAMAGED);
	memcpy(other, saved, SAVED);
	other[0] ^= 1; /* another ring's id */
	check_refused(other, SAVED, PH_ERR_NOT_FOUND);
	memcpy(other, saved, SAVED);
	other[16 + 16 + 1] = 0xff; /* more entries than places */
	check_refused(other, SAVED, PH_ERR_DAMAGED);
	memcpy(other, saved, SAVED);
	other[16 + 8 + 1] = 0xff; /* the oldest is nowhere */
	check_refused(other, SAVED, PH_ERR_DAMAGED);
	damage(100);
	check_refused(saved, SAVED, PH_ERR_DAMAGED);
	damage(100);
	int fd = open_ring();
	ck_assert_int_eq(ftruncate(fd, 1000), 0);
	close(fd);
	check_refused(saved, SAVED, PH_ERR_DAMAGED);
	char path[256];
	(void) snprintf(path, sizeof path, "%s/duplicates.ring", place.root);
	ck_assert_int_eq(unlink(path), 0);
	check_refused(saved, SAVED, PH_ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_failed_sync_is_told)
{
	ph_error err = {.status = PH_OK};
	ph_duplicates *window = on_disk(100);
	disk.fail_at[FAKE_FDATASYNC] = disk.calls[FAKE_FDATASYNC] + 1;
	ck_assert_int_eq(
	    ph_duplicates_sync(&disk.fs, ph_duplicates_fd(window), &err), PH_ERR_IO);
	ck_assert_int_eq(ph_duplicates_sync(&disk.fs, -1, &err), PH_OK);
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
	tcase_add_test(tests, equal_tags_are_told_apart);
	return tests;
}

static TCase *
disk_tests(void)
{
	TCase *tests = tcase_create("disk");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
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

static TCase *
checkpoint_tests(void)
{
	TCase *tests = tcase_create("checkpoint");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, loaded_as_it_was_saved, 0, 8);
	tcase_add_loop_test(tests, what_came_after_the_checkpoint_comes_again, 0, 40);
	tcase_add_loop_test(tests, what_never_was_durable_is_not_known, 0, 40);
	tcase_add_loop_test(tests, a_synced_window_outlives_a_power_cut, 0, 10);
	tcase_add_loop_test(tests, another_limit, 0, 9);
	tcase_add_test(tests, damage_is_counted_when_loading);
	tcase_add_test(tests, what_cannot_be_loaded_is_refused);
	tcase_add_test(tests, a_failed_sync_is_told);
	return tests;
}

int
main(void)
{
	Suite *suite = suite_create("duplicate");
	suite_add_tcase(suite, window_tests());
	suite_add_tcase(suite, disk_tests());
	suite_add_tcase(suite, checkpoint_tests());
	return ph_check_main(suite);
}
