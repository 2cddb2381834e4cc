/*
 * What the journal leaves of the disk to others: new records are refused before it is gone, spares are
 * given back for it, and accepting goes on when there is more again. And what a refused publisher is told.
 */
#include "broker/journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/check_main.h"
#include "tests/unit/journal_fixture.h"

#define OK(call)   ck_assert_int_eq((call), PH_OK)
#define MIB	   (1 << 20)
#define MANY	   4000
#define DEADLINE_S 60

static fixture here;
static atomic_int_fast64_t left; /* bytes that are free */
static ph_position positions[MANY];
static uint64_t next;

static void
set_up(void)
{
	fixture_init(&here);
	atomic_store(&left, 64 * MIB);
	next = 1;
}

static void
tear_down(void)
{
	fixture_fini(&here);
}

static int64_t
space_left(void *self, const char *path)
{
	(void) self;
	(void) path;
	return atomic_load(&left);
}

/* What was removed is free. */
static int
remove_file(void *self, const char *path)
{
	(void) self;
	int code = unlink(path);
	if (code == 0 && strstr(path, ".spare") != NULL)
		atomic_fetch_add(&left, MIB);
	return code;
}

static ph_fs
scripted_fs(void)
{
	ph_fs fs = *fixture_quick_fs();
	fs.space = space_left;
	fs.unlink = remove_file;
	return fs;
}

static bool
is_there(const char *name)
{
	char path[256];
	fixture_path(&here, name, path);
	return access(path, F_OK) == 0;
}

static void
await_file(const char *name)
{
	const struct timespec little = {.tv_nsec = 2000000};
	time_t end = time(NULL) + DEADLINE_S;
	while (!is_there(name)) {
		ck_assert_int_lt(time(NULL), end);
		nanosleep(&little, NULL);
	}
}

static ph_status
submit(ph_store *store, ph_store_need need, ph_error *err)
{
	ck_assert_uint_lt(next, MANY);
	ph_status status = fixture_submit(store, next, need, &positions[next], err);
	next += status == PH_OK;
	return status;
}

static void
write_up_to(ph_store *store, uint32_t number, ph_store_need need)
{
	do
		OK(submit(store, need, NULL));
	while (positions[next - 1].offset >> 32 < number);
	OK(ph_store_flush(store, NULL, NULL));
}

static bool
accepting(ph_store *store)
{
	ph_store_space space;
	OK(ph_store_space_left(store, &space, NULL));
	ck_assert_int_eq(space.why[0] == '\0', space.accepting);
	ck_assert(space.accepting || space.open == 0);
	return space.accepting;
}

/* One code, and nothing of the broker's files. */
static void
refused(ph_store *store)
{
	ph_error err;
	ck_assert_int_eq(submit(store, PH_STORE_NEW, &err), PH_ERR_FULL);
	ck_assert_ptr_eq(strstr(err.text, "PH5004"), err.text);
	ck_assert_msg(
	    strchr(err.text, '/') == NULL && strstr(err.text + 1, "PH5") == NULL, "%s",
	    err.text);
}

START_TEST(what_is_left_to_others_is_not_taken)
{
	ph_fs fs = scripted_fs();
	ph_store *store;

	here.thread = _i == 1;
	OK(fixture_open(&here, &fs, &store, NULL, NULL));
	write_up_to(store, 2, PH_STORE_NEW);
	ph_store_keep(store, 64 * MIB);
	ck_assert(accepting(store));
	atomic_store(&left, 8 * MIB);
	ck_assert(accepting(store)); /* it is looked at when that is told */
	ph_store_keep(store, 16 * MIB);
	ck_assert(!accepting(store));
	refused(store);
	write_up_to(store, 3, PH_STORE_ESSENTIAL);
	refused(store);
	/* a little more than enough is asked for now */
	atomic_store(&left, 16 * MIB);
	ph_store_keep(store, 16 * MIB);
	refused(store);
	atomic_store(&left, 20 * MIB);
	ph_store_keep(store, 16 * MIB);
	OK(submit(store, PH_STORE_NEW, NULL));
	ck_assert(accepting(store));
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* Those that are not of the reserve, as many as are needed. */
START_TEST(spares_are_given_back_first)
{
	ph_fs fs = scripted_fs();
	ph_store *store;

	here.thread = true;
	OK(fixture_open(&here, &fs, &store, NULL, NULL));
	write_up_to(store, 2, PH_STORE_NEW);
	await_file("0000000003.spare");
	atomic_store(&left, 7 * MIB);
	ph_store_keep(store, 8 * MIB);
	ck_assert(!is_there("0000000003.spare"));
	ck_assert(is_there("0000000002.spare"));
	ck_assert(accepting(store));
	ph_store_keep(store, 16 * MIB);
	ck_assert(!is_there("0000000002.spare"));
	ck_assert(is_there("0000000001.spare"));
	ck_assert(!accepting(store));
	OK(ph_store_close(&store, NULL));
}
END_TEST

/* The reserve is used up: it is made again only of what is not left to others, also after a start. */
START_TEST(no_spare_is_made_of_it)
{
	ph_fs fs = scripted_fs();
	ph_store *store;
	ph_journal_config config = {.directory = here.directory,
	    .segment_bytes = MIB,
	    .keep_bytes = UINT64_MAX,
	    .thread = _i == 1,
	    .fs = &fs};

	OK(ph_journal_open(&config, &store, NULL, NULL));
	refused(store);
	ck_assert(!is_there("0000000001.spare"));
	atomic_store(&left, 8 * MIB);
	ph_store_keep(store, 8 * MIB);
	refused(store);
	ck_assert(!is_there("0000000001.spare"));
	ph_store_keep(store, 7 * MIB);
	OK(submit(store, PH_STORE_NEW, NULL));
	ck_assert(is_there("0000000001.spare"));
	OK(ph_store_close(&store, NULL));
}
END_TEST

static int
no_room(void *self, int fd, int64_t length)
{
	(void) self;
	(void) fd;
	(void) length;
	errno = ENOSPC;
	return -1;
}

/* A trim gives more than the reserve back: that is seen by whoever looks, with nothing submitted. */
START_TEST(more_spares_than_the_reserve_are_enough)
{
	ph_fs fs = scripted_fs();
	ph_store *store;

	OK(fixture_open(&here, &fs, &store, NULL, NULL));
	write_up_to(store, 4, PH_STORE_NEW);
	fs.fallocate = no_room;
	write_up_to(store, 5, PH_STORE_ESSENTIAL);
	refused(store);
	ck_assert(!accepting(store));
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
	ck_assert(is_there("0000000002.spare"));
	ck_assert(accepting(store));
	OK(ph_store_close(&store, NULL));
}
END_TEST

static Suite *
keep_suite(void)
{
	Suite *suite = suite_create("keep");
	TCase *tcase = tcase_create("keep");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, what_is_left_to_others_is_not_taken, 0, 2);
	tcase_add_test(tcase, spares_are_given_back_first);
	tcase_add_loop_test(tcase, no_spare_is_made_of_it, 0, 2);
	tcase_add_test(tcase, more_spares_than_the_reserve_are_enough);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(keep_suite());
}
