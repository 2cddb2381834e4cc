/*
 * Files of the journal that end for their age, by a clock of the test's own: what anybody said is not
 * kept in a file that never gets full, and a file that holds nothing of anybody goes on.
 */
#include "broker/journal.h"

#include <errno.h>

#include "broker/record.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define OK(call) ck_assert_int_eq((call), PH_OK)
#define AGE	 1000
#define BEGIN	 INT64_C(1767225600000)

static fixture here;
static ph_fs fs;
static bool no_space;
static int64_t wall;
static ph_store *store;
static uint64_t next;

static int64_t
tell(void *self)
{
	(void) self;
	return wall;
}

static const ph_clock own = {.wall_ms = tell, .mono_ms = tell};

static int64_t
space(void *self, const char *directory)
{
	return no_space ? 0 : ph_fs_system()->space(self, directory);
}

static ssize_t
dead(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	(void) self;
	(void) fd;
	(void) bytes;
	(void) length;
	(void) offset;
	errno = EIO;
	return -1;
}

static void
open_store(bool overlap)
{
	const ph_journal_config config = {
	    .directory = here.directory,
	    .segment_bytes = 1u << 20,
	    .age_ms = AGE,
	    .thread = overlap,
	    .overlap = overlap,
	    .fs = &fs,
	    .clock = &own,
	};
	OK(ph_journal_open(&config, &store, NULL, NULL));
}

static void
set_up(void)
{
	fixture_init(&here);
	fs = *fixture_quick_fs();
	fs.space = space;
	no_space = false;
	wall = BEGIN;
	next = 1;
	open_store(false);
}

static void
tear_down(void)
{
	(void) ph_store_close(&store, NULL);
	fixture_fini(&here);
}

/* The number of the file that a record is in. */
static uint32_t
submit(void)
{
	ph_position position;
	OK(fixture_submit(store, next++, PH_STORE_NEW, &position, NULL));
	OK(ph_store_start(store, NULL));
	OK(ph_store_poll(store, true, NULL, NULL));
	return (uint32_t) (position.offset >> 32);
}

/* The number of the file that is written. */
static uint32_t
file_now(void)
{
	return (uint32_t) (ph_store_durable(store).offset >> 32);
}

static uint32_t
idle_at(int64_t ms)
{
	wall = BEGIN + ms;
	OK(ph_store_idle(store, NULL));
	return file_now();
}

/* All that was submitted is there, in its order. */
static void
all_is_there(void)
{
	uint64_t ids[100];
	ph_status status;
	size_t count = fixture_read_all(store, ids, 100, &status);
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_uint_eq(count, next - 1);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(ids[i], i + 1);
}

static void
open_again(void)
{
	OK(ph_store_close(&store, NULL));
	open_store(false);
}

START_TEST(an_old_file_ends_while_nothing_happens)
{
	ph_store_span first;
	ck_assert_uint_eq(submit(), 1);
	ck_assert_uint_eq(idle_at(AGE - 1), 1);
	ck_assert_uint_eq(idle_at(AGE), 2);
	OK(ph_store_span_of(store, (ph_position){0}, &first, NULL));
	ck_assert_int_eq(first.until_ms, BEGIN + AGE);
	for (int64_t ages = 2; ages < 10; ages++)
		ck_assert_uint_eq(idle_at(ages * AGE), 2);
	all_is_there();
	open_again();
	ck_assert_uint_eq(idle_at(20 * AGE), 2);
	ck_assert_uint_eq(submit(), 2);
	all_is_there();
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
}
END_TEST

START_TEST(an_old_file_ends_before_what_comes)
{
	OK(ph_store_close(&store, NULL));
	open_store(_i == 1);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(submit(), 1 + i);
		ck_assert_uint_eq(submit(), 1 + i);
		wall += AGE - 1;
		ck_assert_uint_eq(submit(), 1 + i);
		wall += 1;
	}
	all_is_there();
}
END_TEST

START_TEST(what_is_submitted_together_stays_together)
{
	ph_position one, two;
	OK(fixture_submit(store, next++, PH_STORE_NEW, &one, NULL));
	wall += AGE;
	OK(fixture_submit(store, next++, PH_STORE_NEW, &two, NULL));
	OK(ph_store_flush(store, NULL, NULL));
	ck_assert_uint_eq(one.offset >> 32, two.offset >> 32);
	ck_assert_uint_eq(submit(), 2);
	all_is_there();
}
END_TEST

START_TEST(what_says_nothing_ends_no_file)
{
	static const uint8_t zeros[PH_STORE_NOTHING + 1];
	const ph_store_part nothing = {zeros, PH_STORE_NOTHING};
	const ph_store_part least = {zeros, PH_STORE_NOTHING + 1};
	ph_position at;
	OK(ph_store_submit(
	    store, PH_RECORD_BIND, PH_STORE_ESSENTIAL, &nothing, 1, &at, NULL));
	ck_assert_uint_eq(idle_at(2 * AGE), 1);
	open_again();
	ck_assert_uint_eq(idle_at(4 * AGE), 1);
	OK(ph_store_submit(
	    store, PH_RECORD_BIND, PH_STORE_ESSENTIAL, &least, 1, &at, NULL));
	ck_assert_uint_eq(idle_at(5 * AGE), 2);
}
END_TEST

/* The time of the record counts, not that of the start. */
START_TEST(a_start_does_not_make_it_young)
{
	submit();
	wall = BEGIN + AGE / 2;
	if (_i == 0) {
		open_again();
		ck_assert_uint_eq(file_now(), 1);
	} else {
		/* killed before it could say that all is durable: what is in doubt is copied */
		fs.pwrite = dead;
		ck_assert_int_eq(ph_store_close(&store, NULL), PH_ERR_IO);
		fs.pwrite = ph_fs_system()->pwrite;
		open_store(false);
		ck_assert_uint_eq(file_now(), 2);
	}
	uint32_t number = file_now();
	ck_assert_uint_eq(idle_at(AGE - 1), number);
	ck_assert_uint_eq(idle_at(AGE), number + 1);
	all_is_there();
}
END_TEST

/* Without room for another file, the one at hand is better than none. */
START_TEST(a_disk_without_room_ends_no_file)
{
	submit();
	no_space = true;
	ck_assert_uint_eq(idle_at(AGE), 1);
	ck_assert_uint_eq(submit(), 1);
	no_space = false;
	ck_assert_uint_eq(idle_at(AGE), 2);
	all_is_there();
}
END_TEST

START_TEST(a_clock_that_is_set_back_ends_a_file_once)
{
	submit();
	ck_assert_uint_eq(idle_at(-AGE + 1), 1);
	ck_assert_uint_eq(idle_at(-AGE), 2);
	ck_assert_uint_eq(idle_at(-2 * AGE), 2);
	submit();
	ck_assert_uint_eq(idle_at(-AGE - 1), 2);
	ck_assert_uint_eq(idle_at(-AGE), 3);
	all_is_there();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("journal_age");
	TCase *tests = tcase_create("journal_age");
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, an_old_file_ends_while_nothing_happens);
	tcase_add_loop_test(tests, an_old_file_ends_before_what_comes, 0, 2);
	tcase_add_test(tests, what_is_submitted_together_stays_together);
	tcase_add_test(tests, what_says_nothing_ends_no_file);
	tcase_add_loop_test(tests, a_start_does_not_make_it_young, 0, 2);
	tcase_add_test(tests, a_disk_without_room_ends_no_file);
	tcase_add_test(tests, a_clock_that_is_set_back_ends_a_file_once);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
