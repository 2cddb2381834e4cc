/*
 * journal, with a batch away while the next one gathers: nothing is durable before it is synced,
 * and nothing that was called durable is ever lost.
 *
 * The disk is the fake one under a lock, so that two threads may use it. It can be held, so that a
 * sync lasts until the test lets it go, and it can die at its nth changing call, on whichever
 * thread that comes.
 */
#include "broker/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define OK(call)                                                                       \
	do {                                                                           \
		ph_status got_ = (call);                                               \
		ck_assert_msg(got_ == PH_OK, "%s: %s", #call, ph_status_name(got_));   \
	} while (0)
#define FIRST	"0000000001.segment"
#define STORIES 60
#define STEPS	60
#define MANY	1024

/* A disk for two threads. */
typedef struct shared_disk {
	ph_fs fs;
	fake_disk disk;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool held;	 /* fdatasync does not return */
	unsigned inside; /* fdatasync calls that have not returned */
	unsigned die_in; /* changing calls until the disk is dead; 0: it lives */
} shared_disk;

static fixture here;
static shared_disk shared;

static shared_disk *
enter(void *self)
{
	shared_disk *disk = self;
	pthread_mutex_lock(&disk->lock);
	return disk;
}

static shared_disk *
change(void *self)
{
	shared_disk *disk = enter(self);
	if (disk->die_in > 0 && --disk->die_in == 0)
		disk->disk.dead = true;
	return disk;
}

static void
leave(shared_disk *disk)
{
	int kept = errno;
	pthread_mutex_unlock(&disk->lock);
	errno = kept;
}

static int
shared_open(void *self, const char *path, int flags, mode_t mode)
{
	shared_disk *at = enter(self);
	int fd = at->disk.fs.open(&at->disk, path, flags, mode);
	leave(at);
	return fd;
}

static ssize_t
shared_pread(void *self, int fd, void *bytes, size_t length, int64_t offset)
{
	shared_disk *at = enter(self);
	ssize_t got = at->disk.fs.pread(&at->disk, fd, bytes, length, offset);
	leave(at);
	return got;
}

static ssize_t
shared_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	shared_disk *at = change(self);
	ssize_t put = at->disk.fs.pwrite(&at->disk, fd, bytes, length, offset);
	leave(at);
	return put;
}

static int
shared_fdatasync(void *self, int fd)
{
	shared_disk *at = change(self);
	at->inside++;
	pthread_cond_broadcast(&at->moved);
	while (at->held)
		pthread_cond_wait(&at->moved, &at->lock);
	at->inside--;
	int result = at->disk.fs.fdatasync(&at->disk, fd);
	leave(at);
	return result;
}

static int
shared_fsync(void *self, int fd)
{
	shared_disk *at = change(self);
	int result = at->disk.fs.fsync(&at->disk, fd);
	leave(at);
	return result;
}

static int
shared_ftruncate(void *self, int fd, int64_t length)
{
	shared_disk *at = change(self);
	int result = at->disk.fs.ftruncate(&at->disk, fd, length);
	leave(at);
	return result;
}

static int
shared_fallocate(void *self, int fd, int64_t length)
{
	shared_disk *at = change(self);
	int result = at->disk.fs.fallocate(&at->disk, fd, length);
	leave(at);
	return result;
}

static int
shared_rename(void *self, const char *from, const char *to)
{
	shared_disk *at = change(self);
	int result = at->disk.fs.rename(&at->disk, from, to);
	leave(at);
	return result;
}

static int
shared_unlink(void *self, const char *path)
{
	shared_disk *at = change(self);
	int result = at->disk.fs.unlink(&at->disk, path);
	leave(at);
	return result;
}

static int
shared_mkdir(void *self, const char *path, mode_t mode)
{
	shared_disk *at = change(self);
	int result = at->disk.fs.mkdir(&at->disk, path, mode);
	leave(at);
	return result;
}

static int
shared_close(void *self, int fd)
{
	shared_disk *at = enter(self);
	int result = at->disk.fs.close(&at->disk, fd);
	leave(at);
	return result;
}

static int64_t
shared_size(void *self, int fd)
{
	shared_disk *at = enter(self);
	int64_t size = at->disk.fs.size(&at->disk, fd);
	leave(at);
	return size;
}

static int64_t
shared_space(void *self, const char *path)
{
	shared_disk *at = enter(self);
	int64_t space = at->disk.fs.space(&at->disk, path);
	leave(at);
	return space;
}

static int
shared_direct(void *self, int fd, bool on)
{
	shared_disk *at = enter(self);
	int result = at->disk.fs.direct(&at->disk, fd, on);
	leave(at);
	return result;
}

static void
start_over(uint64_t seed)
{
	fixture_init(&here);
	here.overlap = true;
	memset(&shared, 0, sizeof shared);
	fake_disk_init(&shared.disk, here.aside, seed);
	pthread_mutex_init(&shared.lock, NULL);
	pthread_cond_init(&shared.moved, NULL);
	shared.fs = (ph_fs){shared_open, shared_pread, shared_pwrite, shared_fdatasync,
	    shared_fsync, shared_ftruncate, shared_fallocate, shared_rename,
	    shared_unlink, shared_mkdir, shared_close, shared_size, shared_space,
	    shared_direct, &shared};
}

static void
set_up(void)
{
	start_over(1);
}

static void
tear_down(void)
{
	fake_disk_fini(&shared.disk);
	pthread_cond_destroy(&shared.moved);
	pthread_mutex_destroy(&shared.lock);
	fixture_fini(&here);
}

static ph_store *
open_it(void)
{
	ph_store *store = NULL;
	OK(fixture_open(&here, &shared.fs, &store, NULL, NULL));
	return store;
}

static void
hold(bool held)
{
	pthread_mutex_lock(&shared.lock);
	shared.held = held;
	pthread_cond_broadcast(&shared.moved);
	pthread_mutex_unlock(&shared.lock);
}

/* Until the thread has written the batch and waits for its sync. */
static void
await_sync(void)
{
	pthread_mutex_lock(&shared.lock);
	while (shared.inside == 0)
		pthread_cond_wait(&shared.moved, &shared.lock);
	pthread_mutex_unlock(&shared.lock);
}

static ph_position
submit(ph_store *store, uint64_t id)
{
	ph_position position;
	OK(fixture_submit(store, id, PH_STORE_NEW, &position, NULL));
	return position;
}

static uint64_t
poll_it(ph_store *store, bool wait)
{
	ph_position durable;
	OK(ph_store_poll(store, wait, &durable, NULL));
	ck_assert_uint_eq(durable.offset, ph_store_durable(store).offset);
	return durable.offset;
}

static void
expect(ph_store *store, uint64_t count)
{
	static uint64_t ids[MANY];
	ph_status status;
	size_t got = fixture_read_all(store, ids, MANY, &status);
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_uint_eq(got, count);
	for (size_t i = 0; i < got; i++)
		ck_assert_uint_eq(ids[i], i + 1);
}

START_TEST(the_next_batch_gathers_while_one_is_away)
{
	ph_store_record record;
	ph_store *store = open_it();
	uint64_t before = ph_store_durable(store).offset;
	uint64_t last = ph_store_last(store);
	hold(true);
	ph_position first = submit(store, 1);
	OK(ph_store_start(store, NULL));
	await_sync();
	ph_position second = submit(store, 2); /* does not wait */
	ck_assert_uint_gt(second.offset, first.offset);
	ck_assert_uint_eq(poll_it(store, false), before); /* written is not durable */
	ck_assert_uint_eq(ph_store_last(store), last);
	ck_assert_int_eq(ph_store_read(store, first, &record, NULL), PH_ERR_AGAIN);
	hold(false);
	ck_assert_uint_eq(poll_it(store, true), second.offset);
	ck_assert_uint_eq(ph_store_last(store), last + 1);
	OK(ph_store_read(store, first, &record, NULL));
	ck_assert_uint_eq(fixture_id(&record), 1);
	ck_assert_int_eq(ph_store_read(store, second, &record, NULL), PH_ERR_AGAIN);
	OK(ph_store_flush(store, NULL, NULL));
	OK(ph_store_read(store, second, &record, NULL));
	ck_assert_uint_eq(fixture_id(&record), 2);
	expect(store, 2);
	OK(ph_store_close(&store, NULL));
	store = open_it();
	expect(store, 2);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(starting_nothing_is_nothing)
{
	ph_store *store = open_it();
	unsigned writes = shared.disk.calls[FAKE_PWRITE];
	uint64_t before = ph_store_durable(store).offset;
	OK(ph_store_start(store, NULL));
	ck_assert_uint_eq(poll_it(store, true), before);
	ck_assert_uint_eq(shared.disk.calls[FAKE_PWRITE], writes);
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* Flush, idle, the next start, the next file and the end wait for what is away. */
START_TEST(whatever_waits_comes_behind)
{
	ph_position position = {.offset = 0};
	ph_store *store = open_it();
	uint64_t id = 0;
	for (unsigned round = 0; round < 40; round++) {
		submit(store, ++id);
		OK(ph_store_start(store, NULL));
		position = submit(store, ++id);
		switch (round % 4) {
		case 0:
			OK(ph_store_flush(store, NULL, NULL));
			break;
		case 1:
			OK(ph_store_idle(store, NULL));
			break;
		case 2:
			OK(ph_store_start(store, NULL));
			break;
		default: /* long ones: into the next file */
			for (unsigned i = 0; i < 40; i++)
				position = submit(store, ++id);
			OK(ph_store_start(store, NULL));
		}
		ck_assert_uint_gt(poll_it(store, true), position.offset);
		expect(store, id);
	}
	submit(store, ++id);
	OK(ph_store_start(store, NULL));
	submit(store, ++id);
	OK(ph_store_close(&store, NULL));
	store = open_it();
	expect(store, id);
	OK(ph_store_close(&store, NULL));
}
END_TEST

START_TEST(a_trim_waits_too)
{
	ph_store_record record;
	ph_store *store = open_it();
	uint64_t id = 0;
	ph_position first = submit(store, ++id);
	while (ph_store_extent(store, submit(store, ++id)).offset <
	       ph_store_extent(store, first).offset + (2ull << 32))
		;
	OK(ph_store_flush(store, NULL, NULL));
	ph_position away = submit(store, ++id);
	OK(ph_store_start(store, NULL));
	OK(ph_store_trim(
	    store, (ph_position){.offset = first.offset + (1ull << 32)}, NULL));
	ck_assert_uint_gt(ph_store_durable(store).offset, away.offset);
	ck_assert_int_eq(ph_store_read(store, first, &record, NULL), PH_ERR_NOT_FOUND);
	OK(ph_store_read(store, away, &record, NULL));
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* The successor of a batch that was away when it gathered proves that one as well as any. */
static ph_status
damage_what_was_proven(void)
{
	ph_journal_report report;
	ph_error err;
	char path[256];
	uint8_t *bytes = NULL;
	ph_store *store = open_it();
	hold(true);
	ph_position first = submit(store, 1);
	OK(ph_store_start(store, NULL));
	submit(store, 2);
	submit(store, 3);
	hold(false);
	(void) poll_it(store, true);
	OK(ph_store_start(store, NULL));
	(void) poll_it(store, true);
	fixture_path(&here, FIRST, path);
	size_t length = fixture_load(path, &bytes);
	bytes[(first.offset & UINT32_MAX) + 48] ^= 1;
	FILE *file = fopen(path, "r+b");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	fclose(file);
	free(bytes);
	/* no mark at its end: as if it was killed */
	shared.disk.dead = true;
	(void) ph_store_close(&store, NULL);
	shared.disk.dead = false;
	ph_status status = fixture_open(&here, &shared.fs, &store, &report, &err);
	if (status == PH_OK)
		(void) ph_store_close(&store, NULL);
	return status;
}

START_TEST(a_batch_that_was_away_is_proven_by_its_successor)
{
	ck_assert_int_eq(damage_what_was_proven(), PH_ERR_DAMAGED);
}
END_TEST

START_TEST(a_stale_lag_is_noticed)
{
	setenv("PACKHORSE_MUTANT", "stale-lag", 1);
	ck_assert_int_eq(damage_what_was_proven(), PH_OK);
	unsetenv("PACKHORSE_MUTANT");
}
END_TEST

/* The nth write or sync fails on the thread: polling says so, for good. */
static void
fail_nth(fake_call call, unsigned nth)
{
	ph_error err = {.status = PH_OK};
	ph_position durable = {.offset = 0};
	ph_store *store = open_it();
	uint64_t acknowledged = 0;
	ph_status status = PH_OK;
	shared.disk.fail_at[call] = shared.disk.calls[call] + nth;
	shared.disk.fail_errno = EIO;
	for (uint64_t id = 1; status == PH_OK && id <= 60; id++) {
		ph_position position;
		status = fixture_submit(store, id, PH_STORE_NEW, &position, &err);
		if (status == PH_OK && id % 3 == 0)
			status = ph_store_poll(store, true, &durable, &err);
		if (status == PH_OK && id % 3 == 0) {
			acknowledged = id - 3; /* what was started last */
			status = ph_store_start(store, &err);
		}
	}
	ck_assert_int_eq(status, PH_ERR_IO);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5005"));
	unsigned writes = shared.disk.calls[FAKE_PWRITE];
	unsigned syncs = shared.disk.calls[FAKE_FDATASYNC];
	ck_assert_int_eq(ph_store_start(store, NULL), PH_ERR_IO);
	ck_assert_int_eq(ph_store_poll(store, false, &durable, NULL), PH_ERR_IO);
	ck_assert_int_eq(ph_store_flush(store, NULL, NULL), PH_ERR_IO);
	ck_assert_int_eq(ph_store_idle(store, NULL), PH_ERR_IO);
	ck_assert_int_eq(ph_store_close(&store, NULL), PH_ERR_IO);
	ck_assert_uint_eq(shared.disk.calls[FAKE_PWRITE], writes);
	ck_assert_uint_eq(shared.disk.calls[FAKE_FDATASYNC], syncs);
	shared.disk.fail_at[call] = 0;
	fake_disk_close_all(&shared.disk);
	fake_disk_cut_power(&shared.disk);
	static uint64_t ids[MANY];
	store = open_it();
	size_t count = fixture_read_all(store, ids, MANY, &status);
	ck_assert_uint_ge(count, acknowledged);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(ids[i], i + 1);
	OK(ph_store_close(&store, NULL));
}

START_TEST(a_failed_batch_fails_the_store)
{
	for (unsigned nth = 1; nth <= 8; nth++) {
		tear_down();
		start_over(nth);
		fail_nth(_i == 0 ? FAKE_PWRITE : FAKE_FDATASYNC, nth);
	}
}
END_TEST

/* --- stories ---------------------------------------------------------------------------- */

typedef struct story {
	uint64_t random;
	uint64_t written;      /* ids 1 to this were submitted */
	uint64_t acknowledged; /* ids 1 to this were called durable */
	uint64_t offsets[MANY];
} story;

static void
acknowledge(story *self, const ph_store *store)
{
	uint64_t durable = ph_store_durable(store).offset;
	while (self->acknowledged < self->written &&
	       self->offsets[self->acknowledged] < durable)
		self->acknowledged++;
}

static ph_status
step(story *self, ph_store *store)
{
	ph_position position;
	ph_status status = PH_OK;
	switch (fake_random(&self->random, 7)) {
	case 0:
		return ph_store_start(store, NULL);
	case 1:
		return ph_store_poll(store, true, &position, NULL);
	case 2:
		return fake_random(&self->random, 3) > 0
			   ? ph_store_poll(store, false, &position, NULL)
			   : ph_store_flush(store, NULL, NULL);
	case 3:
		return fake_random(&self->random, 3) > 0 ? ph_store_start(store, NULL)
							 : ph_store_idle(store, NULL);
	default:
		for (uint64_t count = fake_random(&self->random, 6);
		     count > 0 && status == PH_OK && self->written < MANY; count--) {
			status = fixture_submit(store, self->written + 1,
			    PH_STORE_ESSENTIAL, &position, NULL);
			if (status == PH_OK)
				self->offsets[self->written++] = position.offset;
		}
		return status;
	}
}

/* Run until the disk dies; then read what is left of it. False: something acknowledged is lost, or
 * something is there that was not written. */
static bool
tell(uint64_t seed)
{
	static uint64_t ids[MANY];
	static story self;
	ph_status status = PH_OK;
	tear_down();
	start_over(seed);
	self = (story){.random = seed * 0x9e3779b97f4a7c15u + 1};
	ph_store *store = open_it();
	shared.die_in = 2 + (unsigned) fake_random(&self.random, 60);
	for (unsigned i = 0; i < STEPS && status == PH_OK; i++) {
		status = step(&self, store);
		acknowledge(&self, store);
	}
	pthread_mutex_lock(&shared.lock);
	shared.disk.dead = true;
	pthread_mutex_unlock(&shared.lock);
	(void) ph_store_close(&store, NULL);
	fake_disk_close_all(&shared.disk);
	fake_disk_cut_power(&shared.disk);
	shared.disk.dead = false;
	shared.die_in = 0;
	if (fixture_open(&here, &shared.fs, &store, NULL, NULL) != PH_OK)
		return false;
	size_t count = fixture_read_all(store, ids, MANY, &status);
	bool right = status == PH_ERR_AGAIN && count >= self.acknowledged &&
		     count <= self.written + 1; /* one may be in, and not be told */
	for (size_t i = 0; i < count; i++)
		right = right && ids[i] == i + 1;
	OK(ph_store_close(&store, NULL));
	return right;
}

START_TEST(nothing_acknowledged_is_lost)
{
	for (uint64_t seed = 1; seed <= STORIES; seed++)
		ck_assert_msg(tell(seed), "seed %llu", (unsigned long long) seed);
}
END_TEST

static const char *const mutants[] = {"no-sync", "early"};

START_TEST(mutants_are_caught)
{
	bool caught = false;
	setenv("PACKHORSE_MUTANT", mutants[_i], 1);
	for (uint64_t seed = 1; seed <= STORIES && !caught; seed++)
		caught = !tell(seed);
	ck_assert_msg(caught, "the mutant %s got through", mutants[_i]);
	unsetenv("PACKHORSE_MUTANT");
}
END_TEST

static Suite *
overlap_suite(void)
{
	Suite *suite = suite_create("journal with a batch away");
	TCase *tcase = tcase_create("overlap");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_next_batch_gathers_while_one_is_away);
	tcase_add_test(tcase, starting_nothing_is_nothing);
	tcase_add_test(tcase, whatever_waits_comes_behind);
	tcase_add_test(tcase, a_trim_waits_too);
	tcase_add_test(tcase, a_batch_that_was_away_is_proven_by_its_successor);
	tcase_add_test(tcase, a_stale_lag_is_noticed);
	tcase_add_loop_test(tcase, a_failed_batch_fails_the_store, 0, 2);
	tcase_add_test(tcase, nothing_acknowledged_is_lost);
	tcase_add_loop_test(
	    tcase, mutants_are_caught, 0, sizeof mutants / sizeof *mutants);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(overlap_suite());
}
