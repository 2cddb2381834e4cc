/*
 * A small disk that is filled at once: what comes is refused while there is room still for all that
 * gives room back; once it is settled it is given back, and messages are accepted again, by itself, also
 * after a kill and a start. The checkpoints are left to the disk: they would come after minutes only.
 */
/* for fallocate and MAP_ANONYMOUS */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/unit/broker_fixture.h"
#include "tests/unit/check_main.h"

#define MIB	  (1024 * 1024)
#define DISK	  (10 * MIB)
#define LARGE	  8000
#define ROUNDS	  2
#define DISK_MANY (DISK / LARGE) /* more than it takes */

/* Shared with the broker's process. */
typedef struct small_disk {
	atomic_int_fast64_t bytes; /* all of it; 0: as many as there are */
	atomic_int_fast64_t most;  /* that were in use */
} small_disk;

static small_disk *disk;
static ph_client *publisher;
static char large[LARGE + 1];

static int64_t
used_in(const char *directory)
{
	char path[8192];
	struct dirent *entry;
	struct stat look;
	int64_t sum = 0;
	DIR *names = opendir(directory);
	while (names != NULL && (entry = readdir(names)) != NULL) {
		(void) snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		if (strcmp(entry->d_name, "..") != 0 && stat(path, &look) == 0 &&
		    S_ISREG(look.st_mode))
			sum += look.st_size;
	}
	if (names != NULL)
		(void) closedir(names);
	return sum;
}

static int64_t
in_use(void)
{
	static const char *const parts[] = {
	    "state", "state/journal", "state/checkpoint", "state/shelf"};
	char path[4200];
	int64_t sum = 0;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		(void) snprintf(
		    path, sizeof path, "%s/%s", fixture_directory(), parts[i]);
		sum += used_in(path);
	}
	if (sum > atomic_load(&disk->most))
		atomic_store(&disk->most, sum);
	return sum;
}

static int64_t
left(void)
{
	int64_t bytes = disk == NULL ? 0 : atomic_load(&disk->bytes);
	if (bytes == 0)
		return INT64_C(1) << 36;
	int64_t used = in_use();
	return used < bytes ? bytes - used : 0;
}

int
posix_fallocate(int fd, off_t from, off_t length)
{
	if (left() < length)
		return ENOSPC;
	return fallocate(fd, 0, from, length) == 0 ? 0 : errno;
}

int
statvfs(const char *path, struct statvfs *out)
{
	*out = (struct statvfs){.f_frsize = 1, .f_bsize = 1};
	out->f_bavail = (fsblkcnt_t) left();
	return access(path, F_OK);
}

static void
setup(void)
{
	memset(large, 'x', LARGE);
	disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(disk, MAP_FAILED);
	atomic_store(&disk->bytes, DISK);
	fixture_setup();
	fixture_write("packhorse.yaml",
	    "state: state\nrun: run\nqueues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 1M, reserve-bytes: 1M, retain-bytes: 1G}\n");
	fixture_write("routes/bench.yaml",
	    "routes:\n"
	    "  - {route: bench, when: {type: bench.*}, to: [bench]}\n"
	    "  - {route: other, when: {type: other.*}, to: [other]}\n");
	fixture_start();
	publisher = fixture_client("publisher");
}

static void
teardown(void)
{
	ph_client_destroy(&publisher);
	fixture_teardown();
	(void) munmap(disk, sizeof *disk);
	disk = NULL;
}

static ph_result
publish(int round, int number)
{
	char id[32];
	(void) snprintf(id, sizeof id, "%d-%d", round, number);
	return fixture_publish(publisher, "bench.v1", id, NULL, large, NULL);
}

/* Until it is refused; how many were accepted. */
static int
fill(int round)
{
	int count = 0;
	while (publish(round, count) == PH_ACCEPTED)
		ck_assert_int_lt(++count, DISK_MANY);
	return count;
}

static void
settle_all(int count)
{
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	ph_client *client = fixture_client("consumer");
	ck_assert_int_eq(ph_client_subscribe(client, "bench", 10, NULL), PH_OK);
	for (int settled = 0; settled < count;) {
		const ph_event *event = NULL;
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < deadline,
		    "%d of %d are settled", settled, count);
		if (ph_client_next(client, 100, &event, NULL) != PH_OK)
			continue;
		if (ph_event_kind_of(event) == PH_EVENT_SETTLED)
			settled++;
		if (ph_event_kind_of(event) == PH_EVENT_DELIVERY)
			ck_assert_int_eq(
			    ph_client_settle(client, ph_event_delivery(event),
				PH_DELIVERED, NULL, NULL, NULL, 0, NULL),
			    PH_OK);
	}
	ph_client_destroy(&client);
}

static void
await_accepting(void)
{
	int64_t deadline = ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
	while (strstr(fixture_ask("status", "{}"), "\"accepting\":true") == NULL) {
		ck_assert_msg(ph_clock_mono(ph_clock_system()) < deadline,
		    "it stays full: %s", fixture_ask("status", "{}"));
		(void) poll(NULL, 0, 20);
	}
}

static void
start_again(void)
{
	ph_client_destroy(&publisher);
	fixture_kill();
	fixture_start();
	publisher = fixture_client("publisher");
}

/* `_i` & 1: killed when it is full; & 2: when all is settled. */
START_TEST(a_disk_that_filled_quickly_is_accepted_on_again)
{
	for (int round = 0; round < ROUNDS; round++) {
		int count = fill(round);
		ck_assert_int_gt(count, 50);
		if (_i & 1)
			start_again();
		settle_all(count);
		if (_i & 2)
			start_again();
		await_accepting();
		ck_assert_int_eq(publish(round, DISK_MANY), PH_ACCEPTED);
		settle_all(1);
		fixture_check_balance();
		ck_assert_msg(atomic_load(&disk->most) <= DISK, "%lld bytes were used",
		    (long long) atomic_load(&disk->most));
	}
}
END_TEST

static Suite *
full_suite(void)
{
	Suite *suite = suite_create("full");
	TCase *tests = tcase_create("full");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 240);
	tcase_add_loop_test(
	    tests, a_disk_that_filled_quickly_is_accepted_on_again, 0, 4);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(full_suite());
}
