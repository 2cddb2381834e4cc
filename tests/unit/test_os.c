/* os: processes with the descriptors they are given, locks, sockets. */
#include "lib/base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check_main.h"

static char folder[64];

static void
make_folder(void)
{
	/* sockets need a short path */
	snprintf(folder, sizeof folder, "/tmp/packhorse-os-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_folder(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *
in(const char *name)
{
	static char paths[2][256];
	static unsigned next;
	char *path = paths[next++ % 2];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

/* Run a shell script with descriptors; what it wrote to descriptor 3. */
static void
run(const char *script, const int *extra, size_t count, char *output, size_t size)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	int keep[8] = {ends[1]};
	for (size_t i = 0; i < count; i++)
		keep[i + 1] = extra[i];
	char shell[] = "sh";
	char option[] = "-c";
	char text[512];
	snprintf(text, sizeof text, "%s", script);
	char *argv[] = {shell, option, text, NULL};
	pid_t pid = 0;
	ph_error err;
	ck_assert_msg(
	    ph_os_spawn("/bin/sh", argv, keep, count + 1, &pid, &err) == PH_OK, "%s",
	    err.text);
	close(ends[1]);
	size_t used = 0;
	for (;;) {
		ssize_t got = read(ends[0], output + used, size - 1 - used);
		if (got <= 0)
			break;
		used += (size_t) got;
	}
	output[used] = '\0';
	close(ends[0]);
	int state = 0;
	ck_assert_int_eq(waitpid(pid, &state, 0), pid);
	ck_assert(WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

START_TEST(random_bytes_differ)
{
	unsigned char one[32] = {0};
	unsigned char two[32] = {0};
	ck_assert_int_eq(ph_os_random(one, sizeof one, NULL), PH_OK);
	ck_assert_int_eq(ph_os_random(two, sizeof two, NULL), PH_OK);
	ck_assert_mem_ne(one, two, sizeof one);
}
END_TEST

START_TEST(a_child_gets_its_descriptors_and_no_other)
{
	/* two files whose numbers are just where the child wants others */
	int a = open(in("a"), O_RDWR | O_CREAT, 0600);
	int b = open(in("b"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(write(a, "one", 3), 3);
	ck_assert_int_eq(write(b, "two", 3), 3);
	ck_assert_int_ge(open("/dev/null", O_RDONLY), 0);
	lseek(a, 0, SEEK_SET);
	lseek(b, 0, SEEK_SET);
	int extra[] = {b, a};
	char output[256];
	run("cat <&4 >&3; cat <&5 >&3; for f in 0 1 2 3 4 5 6 7 8 9; do "
	    "test -e /proc/$$/fd/$f && printf ' %s' $f >&3; done; readlink "
	    "/proc/$$/fd/0 >&3",
	    extra, 2, output, sizeof output);
	ck_assert_str_eq(output, "twoone 0 1 2 3 4 5/dev/null\n");
}
END_TEST

START_TEST(a_child_starts_with_plain_signals_in_its_own_session)
{
	signal(SIGPIPE, SIG_IGN);
	sigset_t some;
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigprocmask(SIG_BLOCK, &some, NULL);
	char output[512];
	run("awk '/^Sig(Blk|Ign)/ {print $2}' /proc/self/status >&3", NULL, 0, output,
	    sizeof output);
	uint64_t blocked = 1;
	uint64_t ignored = 1;
	ck_assert_int_eq(sscanf(output, "%" SCNx64 " %" SCNx64, &blocked, &ignored), 2);
	ck_assert_uint_eq(blocked, 0);
	/* the C library keeps signals 32 and 33 to itself, as they were */
	ck_assert_uint_eq(ignored & ~(UINT64_C(3) << 31), 0);
	run("cut -d' ' -f1,6 < /proc/$$/stat >&3", NULL, 0, output, sizeof output);
	int pid = 0;
	int session = 1;
	ck_assert_int_eq(sscanf(output, "%d %d", &pid, &session), 2);
	ck_assert_int_eq(pid, session);
	/* ours is as it was */
	sigset_t now;
	sigprocmask(SIG_SETMASK, NULL, &now);
	ck_assert_int_eq(sigismember(&now, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&now, SIGCHLD), 0);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_an_error)
{
	/* the way back for the error survives descriptors that want its number */
	int keep[12];
	for (size_t i = 0; i < 12; i++) {
		keep[i] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 50);
		ck_assert_int_ge(keep[i], 50);
	}
	char name[] = "nothing";
	char *argv[] = {name, NULL};
	pid_t pid = 77;
	ph_error err;
	ck_assert_int_eq(
	    ph_os_spawn("/nonexistent/nothing", argv, keep, 12, &pid, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, ENOENT);
	ck_assert_int_eq(pid, 77);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(a_pidfd_tells_of_the_end)
{
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	int fd = -1;
	ck_assert_int_eq(ph_os_pidfd(pid, &fd, NULL), PH_OK);
	struct pollfd watch = {.fd = fd, .events = POLLIN};
	ck_assert_int_eq(poll(&watch, 1, 0), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(poll(&watch, 1, 10000), 1);
	waitpid(pid, NULL, 0);
	close(fd);
	ph_error err;
	ck_assert_int_eq(ph_os_pidfd(pid, &fd, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, ESRCH);
}
END_TEST

START_TEST(a_lock_is_held_until_its_last_copy_is_closed)
{
	int fd = -1;
	int other = -1;
	pid_t holder = 0;
	ck_assert_int_eq(ph_os_lock(in("lock"), 0600, &fd, NULL, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_os_lock(in("lock"), 0600, &other, &holder, NULL), PH_ERR_AGAIN);
	ck_assert_int_eq(holder, getpid());

	/* handed on to another process: it outlives our copy */
	ck_assert_int_eq(ph_os_lock_note(fd, 7, NULL), PH_OK);
	int hold[2];
	ck_assert_int_eq(pipe(hold), 0);
	int keep[] = {fd, hold[0]};
	char shell[] = "sh";
	char option[] = "-c";
	char script[] = "read x <&4";
	char *argv[] = {shell, option, script, NULL};
	pid_t pid = 0;
	ck_assert_int_eq(ph_os_spawn("/bin/sh", argv, keep, 2, &pid, NULL), PH_OK);
	close(fd);
	ck_assert_int_eq(
	    ph_os_lock(in("lock"), 0600, &other, &holder, NULL), PH_ERR_AGAIN);
	ck_assert_int_eq(holder, 7);
	close(hold[1]);
	close(hold[0]);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(ph_os_lock(in("lock"), 0600, &other, &holder, NULL), PH_OK);
	close(other);
	ck_assert_int_eq(
	    ph_os_lock(in("no/lock"), 0600, &other, NULL, NULL), PH_ERR_IO);
}
END_TEST

START_TEST(a_socket_connects_and_knows_its_peer)
{
	umask(077);
	int listener = -1;
	int here = -1;
	int there = -1;
	ck_assert_int_eq(ph_os_listen(in("s"), 0660, &listener, NULL), PH_OK);
	struct stat about;
	ck_assert_int_eq(stat(in("s"), &about), 0);
	ck_assert_int_eq(about.st_mode & 0777, 0660);
	ck_assert_int_eq(ph_os_accept(listener, &there, NULL), PH_ERR_AGAIN);
	ck_assert_int_eq(ph_os_connect(in("s"), &here, NULL), PH_OK);
	ck_assert_int_eq(ph_os_accept(listener, &there, NULL), PH_OK);
	ck_assert_int_ne(fcntl(there, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(there, F_GETFD) & FD_CLOEXEC, 0);
	uid_t uid = 12345;
	pid_t pid = 0;
	ck_assert_int_eq(ph_os_peer(there, &uid, &pid, NULL), PH_OK);
	ck_assert_uint_eq(uid, getuid());
	ck_assert_int_eq(pid, getpid());
	close(here);
	close(there);
	close(listener);
}
END_TEST

START_TEST(only_a_stale_socket_is_replaced)
{
	int first = -1;
	int second = -1;
	ph_error err;
	ck_assert_int_eq(ph_os_listen(in("s"), 0600, &first, NULL), PH_OK);
	ck_assert_int_eq(ph_os_listen(in("s"), 0600, &second, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, EADDRINUSE);
	close(first);
	ck_assert_int_eq(ph_os_listen(in("s"), 0600, &second, NULL), PH_OK);
	close(second);
	int file = open(in("f"), O_WRONLY | O_CREAT, 0600);
	close(file);
	ck_assert_int_eq(ph_os_listen(in("f"), 0600, &second, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, EEXIST);
	ck_assert_int_eq(ph_os_connect(in("none"), &second, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, ENOENT);
}
END_TEST

START_TEST(socket_paths_have_a_limit)
{
	char path[200];
	int fd = -1;
	ph_error err;
	snprintf(path, sizeof path, "%s/", folder);
	size_t length = strlen(path);
	memset(path + length, 'x', 107 - length);
	path[107] = '\0';
	ck_assert_int_eq(ph_os_listen(path, 0600, &fd, NULL), PH_OK);
	close(fd);
	path[107] = 'x';
	path[108] = '\0';
	ck_assert_int_eq(ph_os_listen(path, 0600, &fd, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, ENAMETOOLONG);
	ck_assert_int_eq(ph_os_connect(path, &fd, &err), PH_ERR_IO);
	ck_assert_int_eq(err.sys_errno, ENAMETOOLONG);
}
END_TEST

START_TEST(a_process_has_some_memory)
{
	ph_os_harden();
	ck_assert_uint_gt(ph_os_resident(), 100000);
}
END_TEST

/* Zeroed, and for whole huge pages on the border of one. */
START_TEST(pages_are_zeroed_and_aligned)
{
	static const size_t sizes[] = {128u << 10, 2u << 20, 6u << 20};
	size_t bytes = sizes[_i];
	uint8_t *pages = ph_os_pages(bytes);
	ck_assert_ptr_nonnull(pages);
	if (bytes % (2u << 20) == 0)
		ck_assert_uint_eq((uintptr_t) pages % (2u << 20), 0);
	for (size_t at = 0; at < bytes; at += 4095)
		ck_assert_uint_eq(pages[at], 0);
	memset(pages, 0xff, bytes);
	ph_os_pages_free(pages, bytes);
	ph_os_pages_free(NULL, bytes);
}
END_TEST

static Suite *
os_suite(void)
{
	Suite *suite = suite_create("os");
	TCase *cases = tcase_create("os");
	tcase_add_checked_fixture(cases, make_folder, remove_folder);
	tcase_add_test(cases, random_bytes_differ);
	tcase_add_test(cases, a_child_gets_its_descriptors_and_no_other);
	tcase_add_test(cases, a_child_starts_with_plain_signals_in_its_own_session);
	tcase_add_test(cases, a_program_that_is_not_there_is_an_error);
	tcase_add_test(cases, a_pidfd_tells_of_the_end);
	tcase_add_test(cases, a_lock_is_held_until_its_last_copy_is_closed);
	tcase_add_test(cases, a_socket_connects_and_knows_its_peer);
	tcase_add_test(cases, only_a_stale_socket_is_replaced);
	tcase_add_test(cases, socket_paths_have_a_limit);
	tcase_add_test(cases, a_process_has_some_memory);
	tcase_add_loop_test(cases, pages_are_zeroed_and_aligned, 0, 3);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(os_suite());
}
