/*
 * os - Linux, in the one file that may use what POSIX does not have.
 *
 * Starting a program: between fork and exec the child calls only what is safe there. The
 * descriptors to keep are first copied above every number they shall get, then down to 3, 4,
 * ...; a pipe that closes on exec carries the errno of a failed exec back. All signals are
 * blocked around the fork, so no handler of ours runs in the child.
 */
#define _GNU_SOURCE
#include "lib/base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/assert.h"

#define KEEP_FIRST 3
#define KEEP_MOST  16
#define BACKLOG	   128
#define KEEP_BLOCK (8 << 20)  /* blocks up to this are never mapped by themselves */
#define KEEP_FREE  (32 << 20) /* free memory at the top that is kept */
#define HUGE_PAGE  ((size_t) 2 << 20)

ph_status
ph_os_random(void *bytes, size_t length, ph_error *err)
{
	uint8_t *at = bytes;
	while (length > 0) {
		ssize_t got = getrandom(at, length, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int failed = errno;
			return ph_fail_errno(err, failed, "cannot read random bytes");
		}
		at += got;
		length -= (size_t) got;
	}
	return PH_OK;
}

/* What the child of a spawn needs; all of it prepared before the fork. */
typedef struct plan {
	const char *path;
	char *const *argv;
	const int *keep;
	size_t count;
	int report; /* write end of the pipe that carries errno back */
} plan;

static void
default_signals(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &plain, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Close what nobody asked to keep, when the program starts. */
static void
close_rest(int first)
{
	if (close_range((unsigned) first, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	long most = sysconf(_SC_OPEN_MAX);
	for (int fd = first; fd < most; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Put the descriptors in their places; false with errno. */
static bool
place_descriptors(plan *p)
{
	int above = KEEP_FIRST + KEEP_MOST;
	int moved[KEEP_MOST];
	int report = fcntl(p->report, F_DUPFD_CLOEXEC, above);
	if (report < 0)
		return false;
	p->report = report;
	for (size_t i = 0; i < p->count; i++) {
		moved[i] = fcntl(p->keep[i], F_DUPFD_CLOEXEC, above);
		if (moved[i] < 0)
			return false;
	}
	int nothing = open("/dev/null", O_RDONLY);
	if (nothing < 0 || (nothing != STDIN_FILENO && dup2(nothing, STDIN_FILENO) < 0))
		return false;
	for (size_t i = 0; i < p->count; i++) {
		if (dup2(moved[i], KEEP_FIRST + (int) i) < 0)
			return false;
	}
	close_rest(KEEP_FIRST + (int) p->count);
	return true;
}

static _Noreturn void
become(plan *p)
{
	setsid();
	if (place_descriptors(p)) {
		default_signals();
		execv(p->path, p->argv);
	}
	int failed = errno;
	ssize_t written = write(p->report, &failed, sizeof failed);
	(void) written;
	_exit(127);
}

/* Wait for the child's exec: 0, or the errno of what failed in it. */
static int
await_exec(int fd)
{
	int failed = 0;
	ssize_t got;
	do
		got = read(fd, &failed, sizeof failed);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t) sizeof failed ? failed : 0;
}

ph_status
ph_os_spawn(const char *path, char *const argv[], const int *keep, size_t count,
    pid_t *pid, ph_error *err)
{
	PH_ASSERT(path != NULL && argv != NULL && pid != NULL && count <= KEEP_MOST);
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		int failed = errno;
		return ph_fail_errno(
		    err, failed, "cannot make a pipe to start %s", path);
	}
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	plan p = {path, argv, keep, count, ends[1]};
	pid_t child = fork();
	int failed = child < 0 ? errno : 0;
	if (child == 0)
		become(&p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (child > 0) {
		failed = await_exec(ends[0]);
		if (failed != 0)
			waitpid(child, NULL, 0);
	}
	close(ends[0]);
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot start %s", path);
	*pid = child;
	return PH_OK;
}

ph_status
ph_os_pidfd(pid_t pid, int *fd, ph_error *err)
{
	int made = pidfd_open(pid, 0);
	if (made < 0) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot watch process %d", (int) pid);
	}
	*fd = made;
	return PH_OK;
}

/* The number written in a lock file, or 0. */
static pid_t
read_holder(int fd)
{
	char text[32];
	ssize_t got = pread(fd, text, sizeof text - 1, 0);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	long number = strtol(text, NULL, 10);
	return number > 0 && number <= INT32_MAX ? (pid_t) number : 0;
}

ph_status
ph_os_lock(const char *path, mode_t mode, int *fd, pid_t *holder, ph_error *err)
{
	PH_ASSERT(path != NULL && fd != NULL);
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
	if (file < 0) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot open lock %s", path);
	}
	if (flock(file, LOCK_EX | LOCK_NB) != 0) {
		int failed = errno;
		pid_t other = read_holder(file);
		close(file);
		if (failed != EWOULDBLOCK)
			return ph_fail_errno(err, failed, "cannot lock %s", path);
		if (holder != NULL)
			*holder = other;
		return ph_fail(
		    err, PH_ERR_AGAIN, "%s is locked by process %d", path, (int) other);
	}
	ph_status status = ph_os_lock_note(file, getpid(), err);
	if (status != PH_OK) {
		close(file);
		return status;
	}
	*fd = file;
	return PH_OK;
}

/* Is this line of the kernel's list a flock of the file? */
static bool
locks_file(const char *line, const struct stat *file, pid_t noted, pid_t *holder)
{
	unsigned major = 0, minor = 0;
	unsigned long long node = 0;
	int process = 0;
	if (sscanf(line, "%*u: FLOCK %*s WRITE %d %x:%x:%llu", &process, &major, &minor,
		&node) != 4 ||
	    node != file->st_ino)
		return false;
	/* some file systems show another device there than stat does */
	if (makedev(major, minor) != file->st_dev && process != noted)
		return false;
	*holder = noted > 0 ? noted : (pid_t) process;
	return true;
}

bool
ph_os_locked(const char *path, pid_t *holder)
{
	PH_ASSERT(path != NULL);
	char line[256];
	struct stat about;
	pid_t noted = 0, found = 0;
	bool locked = false;
	if (stat(path, &about) != 0)
		return false;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file >= 0) {
		noted = read_holder(file);
		close(file);
	}
	FILE *list = fopen("/proc/locks", "re");
	while (list != NULL && !locked && fgets(line, sizeof line, list) != NULL)
		locked = locks_file(line, &about, noted, &found);
	if (list != NULL)
		(void) fclose(list);
	if (locked && holder != NULL)
		*holder = found;
	return locked;
}

ph_status
ph_os_lock_note(int fd, pid_t holder, ph_error *err)
{
	char text[32];
	int length = snprintf(text, sizeof text, "%d\n", (int) holder);
	/* padded to one width, so that no write ever leaves digits of a longer number */
	while (length < 12)
		text[length++] = '\n';
	if (pwrite(fd, text, (size_t) length, 0) != length) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot write to a lock file");
	}
	return PH_OK;
}

/* The address of a path; refused when it does not fit. */
static ph_status
address_of(const char *path, struct sockaddr_un *out, ph_error *err)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	size_t length = strlen(path);
	if (length >= sizeof out->sun_path)
		return ph_fail_errno(err, ENAMETOOLONG,
		    "the socket path %s is longer than %zu bytes", path,
		    sizeof out->sun_path - 1);
	memcpy(out->sun_path, path, length + 1);
	return PH_OK;
}

/* Remove a socket nobody listens on; 0 or errno (EADDRINUSE: somebody does). */
static int
remove_stale(const char *path, const struct sockaddr_un *address)
{
	struct stat about;
	if (lstat(path, &about) != 0)
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(about.st_mode))
		return EEXIST;
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return errno;
	int answered =
	    connect(probe, (const struct sockaddr *) address, sizeof *address);
	int failed = answered == 0 ? 0 : errno;
	close(probe);
	if (failed != ECONNREFUSED)
		return failed == 0 || failed == EAGAIN ? EADDRINUSE : failed;
	return unlink(path) == 0 || errno == ENOENT ? 0 : errno;
}

ph_status
ph_os_listen(const char *path, mode_t mode, int *fd, ph_error *err)
{
	struct sockaddr_un address;
	ph_status status = address_of(path, &address, err);
	if (status != PH_OK)
		return status;
	int failed = remove_stale(path, &address);
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot replace socket %s", path);
	int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made < 0) {
		failed = errno;
		return ph_fail_errno(err, failed, "cannot make socket %s", path);
	}
	/* the mode of the descriptor becomes the mode of the name (less the umask), so there is
	 * no moment at which more may connect than shall */
	if (fchmod(made, mode) != 0 ||
	    bind(made, (const struct sockaddr *) &address, sizeof address) != 0 ||
	    chmod(path, mode) != 0 || listen(made, BACKLOG) != 0) {
		failed = errno;
		close(made);
		return ph_fail_errno(err, failed, "cannot listen on socket %s", path);
	}
	*fd = made;
	return PH_OK;
}

ph_status
ph_os_accept(int listener, int *fd, ph_error *err)
{
	int made;
	do
		made = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (made < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (made < 0) {
		int failed = errno;
		if (failed == EAGAIN)
			return ph_fail(
			    err, PH_ERR_AGAIN, "nobody is waiting to be accepted");
		return ph_fail_errno(err, failed, "cannot accept a connection");
	}
	*fd = made;
	return PH_OK;
}

ph_status
ph_os_connect(const char *path, int *fd, ph_error *err)
{
	struct sockaddr_un address;
	ph_status status = address_of(path, &address, err);
	if (status != PH_OK)
		return status;
	int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (made < 0) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot make a socket");
	}
	if (connect(made, (const struct sockaddr *) &address, sizeof address) != 0) {
		int failed = errno;
		close(made);
		return ph_fail_errno(err, failed, "cannot connect to %s", path);
	}
	*fd = made;
	return PH_OK;
}

ph_status
ph_os_peer(int fd, uid_t *uid, pid_t *pid, ph_error *err)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot tell who is connected");
	}
	if (uid != NULL)
		*uid = peer.uid;
	if (pid != NULL)
		*pid = peer.pid;
	return PH_OK;
}

int
ph_os_direct(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

void
ph_os_harden(void)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* the sanitizers trace their own process to look for leaks */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void
ph_os_keep_memory(void)
{
#if defined(__GLIBC__)
	(void) mallopt(M_MMAP_THRESHOLD, KEEP_BLOCK);
	(void) mallopt(M_TRIM_THRESHOLD, KEEP_FREE);
#endif
}

void *
ph_os_pages(size_t bytes)
{
	bool huge = bytes % HUGE_PAGE == 0;
	size_t whole = bytes + (huge ? HUGE_PAGE : 0);
	uint8_t *pages = mmap(
	    NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return NULL;
	if (!huge)
		return pages;
	/* Cut off what stands before and behind the aligned part. */
	size_t before = (HUGE_PAGE - (uintptr_t) pages % HUGE_PAGE) % HUGE_PAGE;
	if (before > 0)
		(void) munmap(pages, before);
	if (before < HUGE_PAGE)
		(void) munmap(pages + before + bytes, HUGE_PAGE - before);
	(void) madvise(pages + before, bytes, MADV_HUGEPAGE);
	return pages + before;
}

void
ph_os_pages_free(void *pages, size_t bytes)
{
	if (pages != NULL)
		(void) munmap(pages, bytes);
}

size_t
ph_os_resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	if (file == NULL)
		return 0;
	unsigned long pages = 0;
	int read = fscanf(file, "%*u %lu", &pages);
	fclose(file);
	return read == 1 ? pages * (size_t) sysconf(_SC_PAGESIZE) : 0;
}
