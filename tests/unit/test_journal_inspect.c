/*
 * Journals that are trimmed under the eyes of who looks into them, and disks that fail meanwhile: neither
 * is damage.
 */
#include "broker/journal_inspect.h"

#include <errno.h>
#include <sys/stat.h>

#include "tests/unit/journal_made.h"

/* --- while it is trimmed --- */

static ph_fs eager;
static unsigned trims;

/* The first time that records of the first file are read, it is trimmed away. */
static ssize_t
trim_then_read(void *self, int fd, void *bytes, size_t length, int64_t offset)
{
	(void) self;
	if (offset >= 4096 && trims++ == 0)
		OK(ph_store_trim(store, ph_store_durable(store), NULL));
	return ph_fs_system()->pread(ph_fs_system()->self, fd, bytes, length, offset);
}

START_TEST(what_is_trimmed_while_it_is_read_is_no_damage)
{
	ph_inspection *inspection = NULL;
	ph_inspected record;
	ph_error err = {0};
	size_t count = 99, walked = 0;
	for (unsigned i = 0; i < 9; i++)
		submit_large();
	eager = *ph_fs_system();
	eager.pread = trim_then_read;
	ph_status status =
	    ph_inspection_open(&eager, place.directory, NULL, &inspection, &err);
	ck_assert_msg(status == PH_OK, "%s %s", err.where, err.text);
	ck_assert_uint_gt(trims, 1);
	(void) ph_inspection_damage(inspection, &count);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_gt(ph_inspection_scan(inspection)->oldest, 1);
	ph_inspection_start(inspection, 0);
	while ((status = ph_inspection_next(inspection, &record, &err)) == PH_OK)
		walked++;
	ck_assert_int_eq(status, PH_ERR_AGAIN);
	ck_assert_uint_gt(walked, 0);
	ph_inspection_close(&inspection);
}
END_TEST

/* The same in a file that was not there before, so that no mark tells it, and the first file, which
 * is open, is zeroed to be used again. */
static ssize_t
move_on_then_read(void *self, int fd, void *bytes, size_t length, int64_t offset)
{
	static const char zeros[1u << 20];
	const ph_position second = {.offset = (uint64_t) 2 << 32 | 4096};
	char path[256];
	(void) self;
	if (offset >= 4096 && trims++ == 0) {
		for (unsigned i = 0; i < 5; i++)
			submit_large();
		first_path(path);
		FILE *first = fopen(path, "r+b");
		ck_assert_ptr_nonnull(first);
		OK(ph_store_trim(store, second, NULL));
		ck_assert_uint_eq(fwrite(zeros, 1, sizeof zeros, first), sizeof zeros);
		fclose(first);
	}
	return ph_fs_system()->pread(ph_fs_system()->self, fd, bytes, length, offset);
}

START_TEST(a_file_that_is_zeroed_while_it_is_read_is_no_damage)
{
	ph_inspection *inspection = NULL;
	size_t count = 99;
	for (unsigned i = 0; i < 5; i++)
		submit_large();
	eager = *ph_fs_system();
	eager.pread = move_on_then_read;
	OK(ph_inspection_open(&eager, place.directory, NULL, &inspection, NULL));
	(void) ph_inspection_damage(inspection, &count);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(ph_inspection_scan(inspection)->oldest, 2);
	ph_inspection_close(&inspection);
}
END_TEST

START_TEST(what_is_trimmed_after_the_look_is_passed_over)
{
	ph_inspection *inspection = NULL;
	ph_inspected record;
	ph_error err = {0};
	ph_status status;
	uint64_t first = 0;
	for (unsigned i = 0; i < 9; i++)
		submit_large();
	OK(ph_inspection_open(
	    ph_fs_system(), place.directory, NULL, &inspection, &err));
	ck_assert_uint_eq(ph_inspection_scan(inspection)->oldest, 1);
	OK(ph_store_trim(store, ph_store_durable(store), NULL));
	ph_inspection_start(inspection, 0);
	while ((status = ph_inspection_next(inspection, &record, &err)) == PH_OK)
		first = first == 0 ? record.frame.sequence : first;
	ck_assert_msg(status == PH_ERR_AGAIN, "%s", err.text);
	ck_assert_uint_gt(first, 1);
	ph_inspection_close(&inspection);
}
END_TEST

/* Whichever call fails, it is an error and no finding. */
static unsigned opens_left;

static int
failing_open(void *self, const char *path, int flags, mode_t mode)
{
	(void) self;
	if (opens_left == 0) {
		errno = EIO;
		return -1;
	}
	opens_left--;
	return ph_fs_system()->open(ph_fs_system()->self, path, flags, mode);
}

START_TEST(an_error_of_the_disk_is_no_damage)
{
	ph_inspection *inspection = NULL;
	ph_error err = {0};
	unsigned calls = 0;
	write_attempts(3, NULL);
	close_store();
	eager = *ph_fs_system();
	eager.open = failing_open;
	for (;; calls++) {
		opens_left = calls;
		ph_status status = ph_inspection_open(
		    &eager, place.directory, NULL, &inspection, &err);
		if (status == PH_OK)
			break;
		ck_assert_int_eq(status, PH_ERR_IO);
		ck_assert_int_eq(err.sys_errno, EIO);
		ck_assert_ptr_null(inspection);
	}
	ck_assert_uint_ge(calls, 2);
	ph_inspection_close(&inspection);
}
END_TEST

static Suite *
journal_inspect_suite(void)
{
	Suite *suite = suite_create("journal_inspect");
	TCase *tests = tcase_create("journal_inspect");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_trimmed_while_it_is_read_is_no_damage);
	tcase_add_test(tests, a_file_that_is_zeroed_while_it_is_read_is_no_damage);
	tcase_add_test(tests, what_is_trimmed_after_the_look_is_passed_over);
	tcase_add_test(tests, an_error_of_the_disk_is_no_damage);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(journal_inspect_suite());
}
