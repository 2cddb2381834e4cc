/*
 * A shelf whose files are lost: whatever happened before, the start makes of the journal what was on it;
 * a disk that has no room for that is not taken for a checkpoint that is damaged. PH_HISTORIES sets how
 * many histories there are, PH_SEED the first one.
 */
#include <errno.h>

#include "broker/refill.h"
#include "broker/retain.h"
#include "tests/unit/checkpoint_rig.h"

#define FILE_ENTRIES 8

static ph_fs fs;
static int refused;	/* errno of whoever makes a file of a shelf; 0: it goes */
static unsigned deadly; /* making so many files is the end; 0: none is */

static int
open_somehow(void *self, const char *path, int flags, mode_t mode)
{
	const ph_fs *real = ph_fs_system();
	bool made = (flags & O_CREAT) != 0 && strstr(path, ".shelf") != NULL;
	(void) self;
	if (made && deadly > 0 && --deadly == 0)
		_exit(0);
	if (!made || refused == 0)
		return real->open(real->self, path, flags, mode);
	errno = refused;
	return -1;
}

static bool unreadable; /* the first file of the shelf, but for single entries */
static int first_file = -1;

static int
open_first(void *self, const char *path, int flags, mode_t mode)
{
	int fd = open_somehow(self, path, flags, mode);
	if (strstr(path, "-0000000001.shelf") != NULL)
		first_file = fd;
	else if (fd == first_file)
		first_file = -1;
	return fd;
}

static ssize_t
read_somehow(void *self, int fd, void *bytes, size_t length, int64_t offset)
{
	const ph_fs *real = ph_fs_system();
	(void) self;
	if (!unreadable || fd != first_file || length <= 32)
		return real->pread(real->self, fd, bytes, length, offset);
	errno = EIO;
	return -1;
}

static void
setup_shelves(void)
{
	setup_with(
	    "queue-memory: 4, retain: 0s, retain-bytes: 0, checkpoint-after: 10ms");
	fs = *ph_fs_system();
	fs.open = open_first;
	fs.pread = read_somehow;
	refused = 0;
	deadly = 0;
	unreadable = false;
	history_seams = (ph_broker_seams){.fs = &fs, .shelf_entries = FILE_ENTRIES};
}

/* ---- any history ---- */

static void
live_somehow(history *self)
{
	unsigned rounds = 1 + history_random(self, 3);
	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned steps = history_random(self, 150); steps > 0; steps--)
			history_step(self);
		if (history_random(self, 2) == 0)
			history_carry(self);
		history_ignored(self, 10); /* something has changed in any case */
		ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
		history_await_checkpoint(self->broker);
		ph_retain_now(self->broker);
	}
	for (unsigned steps = history_random(self, 40); steps > 0; steps--)
		history_step(self);
}

/* All files are lost, or some, or some are spoilt. */
static void
lose_files(const char *directory, uint64_t seed)
{
	static const char *const ways[] = {"rm -rf ../shelf",
	    "ls | awk 'NR % 2' | xargs rm -f",
	    "for f in *; do test ! -f $f || truncate -s 40 $f; done",
	    "for f in *; do test ! -f $f || printf spoilt | dd of=$f conv=notrunc "
	    "status=none; done"};
	history_shell("cd %s/state/shelf && %s", directory, ways[seed % 4]);
}

static void
just_start(history *self)
{
	(void) self;
}

/* Also if the broker dies in the middle, or behind it. */
START_TEST(what_was_on_it_is_made_again)
{
	ph_buffer is, should;
	uint64_t seed = first_seed() + (uint64_t) _i;
	for (uint64_t lives = 1 + seed % 3; lives > 0; lives--)
		in_a_life(live_somehow, seed * 16 + lives);
	history_shell("mkdir -p %s/state/shelf", site);
	uint64_t with = look_at(copy_site("whole"), &should);
	ck_assert(!logged("shelf-lost"));
	lose_files(site, seed);
	deadly = (unsigned) (seed % 7);
	in_a_life(just_start, seed);
	deadly = 0;
	in_a_life(just_start, seed);
	ck_assert_uint_eq(look_at(site, &is), with);
	ck_assert_uint_eq(files(site, ".damaged"), 0);
	compare(&is, &should, seed);
	ph_buffer_fini(&is);
	(void) look_at(site, &is);
	compare(&is, &should, seed);
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

/* ---- a disk that is full ---- */

static void
live_with_shelves(history *self)
{
	history_publish(self, 60);
	history_await_checkpoint(self->broker);
	history_publish(self, 60);
	history_await_checkpoint(self->broker);
}

static const int refusals[] = {ENOSPC, EIO, EACCES};

/* The checkpoints are good, and needed once there is room. */
START_TEST(a_disk_that_refuses_ends_the_start)
{
	ph_buffer is, should;
	ph_broker *broker = NULL;
	ph_error err = {.status = PH_OK};
	in_a_life(live_with_shelves, first_seed());
	const char *harmed = copy_site("harmed");
	uint64_t with = look_at(copy_site("whole"), &should);
	history_shell("rm -r %s/state/shelf", harmed);
	refused = refusals[_i];
	ck_assert_int_eq(history_start(harmed, &broker, &err),
	    refused == ENOSPC ? PH_ERR_FULL : PH_ERR_IO);
	ck_assert_msg(strstr(err.text, "shelf") != NULL, "%s", err.text);
	ck_assert_uint_eq(files(harmed, ".damaged"), 0);
	refused = 0;
	ck_assert_uint_eq(look_at(harmed, &is), with);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	/* nothing happened, but new files are there to be named: once is enough */
	ck_assert_uint_gt(look_at(harmed, &is), with);
	compare(&is, &should, first_seed());
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

/* Does a start on the site get at what is in the middle of the shelf? */
static bool
reaches_the_middle(void)
{
	ph_broker *broker = history_broker(site);
	ph_destination *to = ph_destinations_find(broker->destinations, "bench");
	const ph_item *item = ph_refill_item(broker, to, 40);
	ck_assert((item == NULL) == broker->failed);
	bool got = item != NULL;
	ph_broker_destroy(&broker);
	return got;
}

/* A place of the disk that cannot be read is not tried at each start again. */
START_TEST(a_file_that_cannot_be_read_is_made_again)
{
	in_a_life(live_with_shelves, first_seed());
	unreadable = true;
	ck_assert(!reaches_the_middle());
	ck_assert(logged("shelf-failed"));
	ck_assert(reaches_the_middle());
	ck_assert(logged("shelf-remade"));
}
END_TEST

static int
histories(void)
{
	const char *text = getenv("PH_HISTORIES");
	return text == NULL ? 8 : atoi(text);
}

int
main(void)
{
	Suite *suite = suite_create("reshelve");
	TCase *tests = tcase_create("start");
	tcase_add_checked_fixture(tests, setup_shelves, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, what_was_on_it_is_made_again, 0, histories());
	tcase_add_loop_test(tests, a_disk_that_refuses_ends_the_start, 0, 3);
	tcase_add_test(tests, a_file_that_cannot_be_read_is_made_again);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
