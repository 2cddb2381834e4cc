/* fs: whole files, lists and directories; every failing call leaves the old file. */
#include "lib/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check_main.h"

static char folder[PATH_MAX];

static void
make_folder(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/packhorse-fs-XXXXXX",
	    base == NULL ? "/tmp" : base);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void) umask(022); /* who runs the tests may be stricter */
}

static void
remove_folder(void)
{
	char command[PATH_MAX + 16];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

/* A path in the folder; good until the next but three. */
static const char *
in(const char *name)
{
	static char paths[4][PATH_MAX + 64];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static void
expect_content(const char *path, const char *content)
{
	char *bytes = NULL;
	size_t length = 0;
	ph_error err;
	ck_assert_msg(
	    ph_fs_slurp(path, 4096, &bytes, &length, &err) == PH_OK, "%s", err.text);
	ck_assert_str_eq(bytes, content);
	ck_assert_uint_eq(length, strlen(content));
	free(bytes);
}

START_TEST(a_file_is_replaced_whole)
{
	const ph_fs *fs = ph_fs_system();
	ck_assert_int_eq(ph_fs_replace(fs, in("a"), "old", 3, 0600, NULL), PH_OK);
	expect_content(in("a"), "old");
	ck_assert_int_eq(ph_fs_replace(fs, in("a"), "newer", 5, 0640, NULL), PH_OK);
	expect_content(in("a"), "newer");
	struct stat about;
	ck_assert_int_eq(stat(in("a"), &about), 0);
	ck_assert_int_eq(about.st_mode & 0777, 0640);
	ck_assert_int_ne(access(in("a.new"), F_OK), 0);
	ck_assert_int_eq(ph_fs_replace(fs, in("a"), NULL, 0, 0600, NULL), PH_OK);
	expect_content(in("a"), "");
}
END_TEST

START_TEST(what_an_earlier_crash_left_is_no_obstacle)
{
	const ph_fs *fs = ph_fs_system();
	ck_assert_int_eq(ph_fs_replace(fs, in("a.new"), "half", 4, 0400, NULL), PH_OK);
	ck_assert_int_eq(ph_fs_replace(fs, in("a"), "whole", 5, 0600, NULL), PH_OK);
	expect_content(in("a"), "whole");
}
END_TEST

START_TEST(slurping_says_what_is_wrong)
{
	char *bytes = NULL;
	size_t length = 0;
	ph_error err;
	ck_assert_int_eq(
	    ph_fs_slurp(in("none"), 10, &bytes, &length, &err), PH_ERR_NOT_FOUND);
	ck_assert_int_eq(err.status, PH_ERR_NOT_FOUND);
	ck_assert_int_eq(err.sys_errno, ENOENT);
	ck_assert_int_eq(ph_fs_slurp(folder, 10, &bytes, &length, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, EISDIR);
	ck_assert_int_eq(
	    ph_fs_replace(ph_fs_system(), in("a"), "0123456789", 10, 0600, NULL),
	    PH_OK);
	ck_assert_int_eq(
	    ph_fs_slurp(in("a"), 9, &bytes, &length, &err), PH_ERR_TOO_LARGE);
	ck_assert_ptr_null(bytes);
	ck_assert_int_eq(ph_fs_slurp(in("a"), 10, &bytes, &length, &err), PH_OK);
	ck_assert_uint_eq(length, 10);
	free(bytes);
}
END_TEST

START_TEST(slurping_a_file_of_many_pages)
{
	size_t size = 100000;
	char *large = malloc(size);
	ck_assert_ptr_nonnull(large);
	for (size_t i = 0; i < size; i++)
		large[i] = (char) ('a' + i % 26);
	ck_assert_int_eq(
	    ph_fs_replace(ph_fs_system(), in("large"), large, size, 0600, NULL), PH_OK);
	char *bytes = NULL;
	size_t length = 0;
	ck_assert_int_eq(ph_fs_slurp(in("large"), size, &bytes, &length, NULL), PH_OK);
	ck_assert_uint_eq(length, size);
	ck_assert_mem_eq(bytes, large, size);
	free(bytes);
	free(large);
}
END_TEST

/* A file system that fails one call: the `fail`th of the kind named. */
typedef struct failing {
	const char *kind;
	int fail; /* counts down; the call at 1 fails */
} failing;

static bool
fails(void *self, const char *kind)
{
	failing *f = self;
	if (strcmp(f->kind, kind) != 0 || --f->fail != 0)
		return false;
	errno = EIO;
	return true;
}

static int
failing_open(void *self, const char *path, int flags, mode_t mode)
{
	return fails(self, "open") ? -1 : ph_fs_system()->open(NULL, path, flags, mode);
}

static ssize_t
failing_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	if (fails(self, "pwrite"))
		return -1;
	/* one byte at a time: short writes are to be carried on */
	return ph_fs_system()->pwrite(NULL, fd, bytes, length > 1 ? 1 : length, offset);
}

static int
failing_fsync(void *self, int fd)
{
	return fails(self, "fsync") ? -1 : ph_fs_system()->fsync(NULL, fd);
}

static int
failing_rename(void *self, const char *from, const char *to)
{
	return fails(self, "rename") ? -1 : ph_fs_system()->rename(NULL, from, to);
}

static int
failing_close(void *self, int fd)
{
	int closed = ph_fs_system()->close(NULL, fd);
	return fails(self, "close") ? -1 : closed;
}

static const struct {
	const char *kind;
	int nth;
	const char *content; /* what the file holds afterwards */
} failures[] = {
    {"open", 1, "old"}, {"pwrite", 1, "old"}, {"pwrite", 3, "old"}, {"fsync", 1, "old"},
    {"close", 1, "old"}, {"rename", 1, "old"},
    {"open", 2, "fresh"},  /* the directory: replaced, but not proven durable */
    {"fsync", 2, "fresh"}, /* the same */
};

START_TEST(a_failing_call_is_reported_and_harms_nothing)
{
	ck_assert_int_eq(
	    ph_fs_replace(ph_fs_system(), in("a"), "old", 3, 0600, NULL), PH_OK);
	failing plan = {failures[_i].kind, failures[_i].nth};
	ph_fs fs = *ph_fs_system();
	fs.open = failing_open;
	fs.pwrite = failing_pwrite;
	fs.fsync = failing_fsync;
	fs.rename = failing_rename;
	fs.close = failing_close;
	fs.self = &plan;
	ph_error err;
	ck_assert_int_eq(
	    ph_fs_replace(&fs, in("a"), "fresh", 5, 0600, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, EIO);
	expect_content(in("a"), failures[_i].content);
	ck_assert_int_ne(access(in("a.new"), F_OK), 0);
}
END_TEST

START_TEST(names_are_listed_in_order)
{
	static const char *const files[] = {
	    "b.yaml", "a.yaml", "c.csv", ".yaml", "d.yam"};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		ck_assert_int_eq(
		    ph_fs_replace(ph_fs_system(), in(files[i]), "", 0, 0600, NULL),
		    PH_OK);
	char **names = NULL;
	size_t count = 0;
	ck_assert_int_eq(ph_fs_list(folder, ".yaml", &names, &count, NULL), PH_OK);
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(names[0], ".yaml");
	ck_assert_str_eq(names[1], "a.yaml");
	ck_assert_str_eq(names[2], "b.yaml");
	ck_assert_ptr_null(names[3]);
	free(names);
	ck_assert_int_eq(ph_fs_list(folder, "", &names, &count, NULL), PH_OK);
	ck_assert_uint_eq(count, 5);
	free(names);
	ck_assert_int_eq(ph_fs_list(in("none"), "", &names, &count, NULL), PH_OK);
	ck_assert_uint_eq(count, 0);
	ck_assert_ptr_null(names[0]);
	free(names);
	ck_assert_int_eq(ph_fs_list(in("a.yaml"), "", &names, &count, NULL), PH_ERR_IO);
}
END_TEST

START_TEST(directories_are_made_with_their_parents)
{
	struct stat about;
	ck_assert_int_eq(ph_fs_make_dirs(in("x/y/z"), 0700, NULL), PH_OK);
	ck_assert_int_eq(stat(in("x/y/z"), &about), 0);
	ck_assert_int_eq(about.st_mode & 0777, 0700);
	ck_assert_int_eq(ph_fs_make_dirs(in("x/y/z"), 0700, NULL), PH_OK);
	ck_assert_int_eq(ph_fs_make_dirs(in("x/y/q/"), 0700, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_fs_replace(ph_fs_system(), in("f"), "", 0, 0600, NULL), PH_OK);
	ph_error err;
	ck_assert_int_eq(ph_fs_make_dirs(in("f/g"), 0700, &err), PH_ERR_IO);
	ck_assert_int_eq(ph_fs_make_dirs("", 0700, &err), PH_ERR_IO);
}
END_TEST

START_TEST(the_seam_passes_calls_on)
{
	const ph_fs *fs = ph_fs_system();
	int fd = fs->open(fs->self, in("s"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(fs->fallocate(fs->self, fd, 8192), 0);
	ck_assert_int_eq(fs->size(fs->self, fd), 8192);
	ck_assert_int_eq(fs->pwrite(fs->self, fd, "abc", 3, 8190), 3);
	ck_assert_int_eq(fs->size(fs->self, fd), 8193);
	ck_assert_int_eq(fs->fdatasync(fs->self, fd), 0);
	char bytes[8];
	ck_assert_int_eq(fs->pread(fs->self, fd, bytes, 8, 8190), 3);
	ck_assert_mem_eq(bytes, "abc", 3);
	ck_assert_int_eq(fs->ftruncate(fs->self, fd, 5), 0);
	ck_assert_int_eq(fs->size(fs->self, fd), 5);
	/* past the cache, where the file system does that: whole pages, and then any bytes again */
	static _Alignas(4096) const char page[4096];
	if (fs->direct(fs->self, fd, true) == 0) {
		ck_assert_int_eq(fs->pwrite(fs->self, fd, page, 4096, 4096), 4096);
		ck_assert_int_eq(fs->direct(fs->self, fd, false), 0);
	}
	ck_assert_int_eq(fs->pwrite(fs->self, fd, "abc", 3, 5), 3);
	ck_assert_int_eq(fs->close(fs->self, fd), 0);
	ck_assert_int_eq(fs->direct(fs->self, fd, true), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(fs->fallocate(fs->self, fd, 8192), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_gt(fs->space(fs->self, folder), 0);
	ck_assert_int_eq(fs->space(fs->self, in("none")), -1);
	ck_assert_int_eq(fs->mkdir(fs->self, in("d"), 0700), 0);
	ck_assert_int_eq(fs->rename(fs->self, in("s"), in("t")), 0);
	ck_assert_int_eq(fs->unlink(fs->self, in("t")), 0);
	ck_assert_int_eq(fs->unlink(fs->self, in("t")), -1);
}
END_TEST

static Suite *
fs_suite(void)
{
	Suite *suite = suite_create("fs");
	TCase *cases = tcase_create("fs");
	tcase_add_checked_fixture(cases, make_folder, remove_folder);
	tcase_add_test(cases, a_file_is_replaced_whole);
	tcase_add_test(cases, what_an_earlier_crash_left_is_no_obstacle);
	tcase_add_test(cases, slurping_says_what_is_wrong);
	tcase_add_test(cases, slurping_a_file_of_many_pages);
	tcase_add_loop_test(cases, a_failing_call_is_reported_and_harms_nothing, 0,
	    sizeof failures / sizeof failures[0]);
	tcase_add_test(cases, names_are_listed_in_order);
	tcase_add_test(cases, directories_are_made_with_their_parents);
	tcase_add_test(cases, the_seam_passes_calls_on);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(fs_suite());
}
