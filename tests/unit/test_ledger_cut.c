/*
 * The ledger is a view of the journal: whatever is done to its files, cut off, zeroed, out of date,
 * missing, the next start gives the rows that the whole ones gave.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/checkpoint.h"
#include "tests/unit/check_main.h"
#include "tests/unit/history.h"

#define PAGE  4096
#define SPOTS 8 /* pages of one file that are zeroed, and places where it is cut off */

static char home[64], site[80], lost[80];
static ph_buffer whole; /* the rows as they should be */

/* ---- a life with a ledger ---- */

static void
live_on(history *self, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++)
		history_step(self);
	ck_assert_int_eq(ph_broker_flush(self->broker), PH_OK);
	history_await_ledger(self->broker);
}

/* Some rows are in the file, some in a snapshot, some in the log beside it; what it was before is in
 * `older`. */
static void
live(void)
{
	history self;
	history_begin(&self, history_broker(site), 7);
	history_publish(&self, 300);
	live_on(&self, 300);
	ph_broker_destroy(&self.broker);
	history_shell(
	    "mkdir %s/older && cp %s/state/ledger.sqlite %s/older", home, site, home);
	history_begin(&self, history_broker(site), 8);
	live_on(&self, 100);
	history_shell("cp %s/state/ledger.sqlite-wal %s/older", site, home);
	history_publish(&self, 1);
	history_await_checkpoint(self.broker);
	live_on(&self, 200);
	_exit(0); /* no good-bye */
}

static void
rows_of(const char *directory, ph_buffer *out)
{
	ph_broker *broker = history_broker(directory);
	history_await_ledger(broker);
	(void) ph_loop_turn(broker->loop, 0, NULL);
	ph_broker_destroy(&broker);
	ph_buffer_init(out, 0);
	history_dump_ledger(directory, out);
}

static void
setup(void)
{
	int status = 0;
	(void) snprintf(home, sizeof home, "/tmp/ph-ledger.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	(void) snprintf(site, sizeof site, "%s/site", home);
	(void) snprintf(lost, sizeof lost, "%s/lost", home);
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	close(fd);
	history_shell("mkdir %s", site);
	history_site(site, "checkpoint-after: 10ms");
	(void) fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		live();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	history_shell("cp -r %s %s", site, lost);
	rows_of(lost, &whole);
	ck_assert_uint_gt(whole.length, 10000);
}

static void
teardown(void)
{
	ph_buffer_fini(&whole);
	if (getenv("PH_KEEP") == NULL)
		history_shell("rm -r %s", home);
}

/* ---- harm ---- */

static const char *const files[] = {"ledger.sqlite", "ledger.sqlite-wal"};

static void
begin_anew(void)
{
	history_shell("rm -r %s && cp -r %s %s", lost, site, lost);
}

static void
check(const char *what, const char *file, int64_t place)
{
	ph_buffer rows;
	rows_of(lost, &rows);
	ck_assert_msg(rows.length == whole.length &&
			  memcmp(rows.data, whole.data, rows.length) == 0,
	    "%s of %s at %" PRId64 ": the rows are not what they were", what, file,
	    place);
	ph_buffer_fini(&rows);
}

static int
open_lost(const char *file, int64_t *size)
{
	char path[160];
	(void) snprintf(path, sizeof path, "%s/state/%s", lost, file);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	*size = (int64_t) lseek(fd, 0, SEEK_END);
	return fd;
}

/* Where, of a file of that size: some pages, and the first and last of them. */
static int64_t
spot(int64_t size, unsigned nth)
{
	int64_t pages = (size + PAGE - 1) / PAGE;
	return (pages - 1) * nth / (SPOTS - 1) * PAGE;
}

START_TEST(cut_off_anywhere)
{
	const char *file = files[_i];
	for (unsigned i = 0; i < 2 * SPOTS; i++) {
		int64_t size = 0;
		begin_anew();
		int fd = open_lost(file, &size);
		ck_assert_int_gt(size, 4 * PAGE);
		int64_t length = spot(size, i / 2) + (i % 2 == 0 ? 0 : 100);
		ck_assert_int_eq(ftruncate(fd, length), 0);
		close(fd);
		check("cutting", file, length);
	}
}
END_TEST

START_TEST(with_pages_of_zeros)
{
	static const uint8_t zeros[PAGE];
	const char *file = files[_i];
	for (unsigned i = 0; i < SPOTS; i++) {
		int64_t size = 0;
		begin_anew();
		int fd = open_lost(file, &size);
		int64_t at = spot(size, i);
		ck_assert_int_eq(pwrite(fd, zeros, PAGE, at), PAGE);
		close(fd);
		check("zeroing", file, at);
	}
}
END_TEST

static const char *const harms[] = {
    "rm $1/state/ledger.sqlite",
    "rm $1/state/ledger.sqlite-wal",
    "rm $1/state/ledger.sqlite*",
    "cp $2/ledger.sqlite* $1/state",
    "cp $2/ledger.sqlite $1/state",
    "cp $2/ledger.sqlite-wal $1/state",
    "head -c 40000 /dev/zero | tr '\\0' x > $1/state/ledger.sqlite-shm",
    "head -c 40000 /dev/urandom > $1/state/ledger.sqlite-wal",
    "rm $1/state/ledger.sqlite* && rm $1/state/checkpoint/ledger-*",
    "cp $2/ledger.sqlite $1/state && rm $1/state/ledger.sqlite-wal",
};

START_TEST(missing_or_out_of_date)
{
	begin_anew();
	history_shell("set -- %s %s/older; %s", lost, home, harms[_i]);
	check(harms[_i], "all", 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ledger_cut");
	TCase *tests = tcase_create("ledger_cut");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 300);
	tcase_add_loop_test(tests, cut_off_anywhere, 0, 2);
	tcase_add_loop_test(tests, with_pages_of_zeros, 0, 2);
	tcase_add_loop_test(
	    tests, missing_or_out_of_date, 0, sizeof harms / sizeof *harms);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
