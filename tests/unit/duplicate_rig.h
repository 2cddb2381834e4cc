/*
 * duplicate_rig - a window of duplicates on a disk that can fail, and what is in it by number.
 */
#ifndef PH_TESTS_DUPLICATE_RIG_H
#define PH_TESTS_DUPLICATE_RIG_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/duplicate.h"
#include "broker/duplicate_ring.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define SAVED 48 /* bytes in a checkpoint */

static ph_sitekey key;
static fixture place;
static fake_disk disk;

static inline void
print(uint64_t number, uint8_t out[PH_FINGERPRINT])
{
	ph_sitekey_print(&key, 'i', &number, sizeof number, "", 0, out);
}

static inline void
setup(void)
{
	static const uint8_t secret[PH_SITEKEY_BYTES] = {1, 2, 3};
	ph_sitekey_derive(secret, &key);
	fixture_init(&place);
	fake_disk_init(&disk, place.aside, 1);
}

static inline void
teardown(void)
{
	fake_disk_fini(&disk);
	fixture_fini(&place);
}

static inline ph_duplicates *
fresh(size_t limit)
{
	ph_duplicates *window = NULL;
	ck_assert_int_eq(ph_duplicates_new(limit, &window, NULL), PH_OK);
	return window;
}

static inline ph_duplicates *
on_disk(size_t limit)
{
	ph_duplicates *window = fresh(limit);
	ck_assert_int_eq(
	    ph_duplicates_begin(window, &disk.fs, place.root, NULL), PH_OK);
	return window;
}

static inline void
add(ph_duplicates *window, uint64_t from, uint64_t to)
{
	uint8_t id[PH_FINGERPRINT];
	for (uint64_t n = from; n <= to; n++) {
		print(n, id);
		ph_duplicates_add(window, id, id, n);
	}
}

static inline bool
knows(ph_duplicates *window, uint64_t number)
{
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	print(number, id);
	ph_repeat found = ph_duplicates_look(window, id, id, &acceptance);
	if (found == PH_REPEAT_NO)
		return false;
	if (found != PH_REPEAT_SAME || acceptance != number)
		ck_abort_msg("%llu is taken for %llu", (unsigned long long) number,
		    (unsigned long long) acceptance);
	return true;
}

/* Of 1 to `most` it knows `from` to `to` and no other. (Each assertion is told to the process that
 * counts: one for all of them takes a fraction of the time.) */
static inline void
check_knows(ph_duplicates *window, uint64_t from, uint64_t to, uint64_t most)
{
	uint64_t n = 1;
	while (n <= most && knows(window, n) == (n >= from && n <= to))
		n++;
	ck_assert_msg(n > most, "%llu", (unsigned long long) n);
	ck_assert_uint_eq(ph_duplicates_count(window), to + 1 - from);
}

static inline void
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

static inline ph_duplicates *
load(size_t limit, const uint8_t *saved, ph_duplicates_loaded *out)
{
	ph_duplicates *window = fresh(limit);
	ck_assert_int_eq(
	    ph_duplicates_load(window, &disk.fs, place.root, saved, SAVED, out, NULL),
	    PH_OK);
	return window;
}

static inline int
open_ring(void)
{
	char path[256];
	(void) snprintf(path, sizeof path, "%s/duplicates.ring", place.root);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Change a byte of the ring. */
static inline void
damage(off_t offset)
{
	uint8_t byte;
	int fd = open_ring();
	ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static inline off_t
entry_at(uint64_t at)
{
	return (off_t) (PH_DUPLICATE_HEAD + at * PH_DUPLICATE_ENTRY);
}

#endif
