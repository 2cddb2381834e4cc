/*
 * os - what only the operating system can do: processes, sockets, randomness.
 *
 * Thread: any. Errors: PH_ERR_IO with errno.
 */
#ifndef PH_BASE_OS_H
#define PH_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <packhorse/error.h>

/* Unpredictable bytes (getrandom). */
ph_status ph_os_random(void *bytes, size_t length, ph_error *err);

/*
 * Start a program with standard input from /dev/null, output and errors as ours, and only the
 * descriptors in `keep` (count of them) besides, as numbers 3, 4, ... in that order. It lives
 * on when we die (its own session). *pid is its process id.
 */
ph_status ph_os_spawn(const char *path, char *const argv[], const int *keep,
    size_t count, pid_t *pid, ph_error *err);
/* A descriptor that becomes readable when process `pid` ends, ours or not (pidfd_open). */
ph_status ph_os_pidfd(pid_t pid, int *fd, ph_error *err);

/* Take the lock on a file (made with `mode` if missing) without waiting: the descriptor, whose
 * lock lives as long as any process holds a copy of it. PH_ERR_AGAIN: held by another; *holder
 * (may be NULL) is then the number written in the file, or 0. Ours is written on success. */
ph_status ph_os_lock(
    const char *path, mode_t mode, int *fd, pid_t *holder, ph_error *err);
/* Is the file locked by somebody? Asks without taking the lock for even a moment, so that nobody
 * who starts meanwhile is turned away. *holder (NULL allowed): who. */
bool ph_os_locked(const char *path, pid_t *holder);
/* Write another process' number in a lock we hold, before it inherits the lock. */
ph_status ph_os_lock_note(int fd, pid_t holder, ph_error *err);

/* A listening AF_UNIX stream socket at `path`, non-blocking, with this mode. A stale one is
 * replaced; one that answers is refused (EADDRINUSE). Paths are limited to 107 bytes. */
ph_status ph_os_listen(const char *path, mode_t mode, int *fd, ph_error *err);
/* The next that waits to be let in, non-blocking. PH_ERR_AGAIN: nobody does. */
ph_status ph_os_accept(int listener, int *fd, ph_error *err);
/* A connected AF_UNIX stream socket, blocking. */
ph_status ph_os_connect(const char *path, int *fd, ph_error *err);
/* User and process at the other end of an AF_UNIX socket. */
ph_status ph_os_peer(int fd, uid_t *uid, pid_t *pid, ph_error *err);

/* Have reads and writes of an open file go past the page cache, or not (O_DIRECT); -1 with errno: not
 * this file. */
int ph_os_direct(int fd, bool on);

/* No core dumps, no ptrace by others: for processes that hold secrets. (Under a sanitizer
 * ptrace stays possible: it is how leaks are looked for.) */
void ph_os_harden(void);
/* Keep freed memory for the next use instead of giving it back to the system each time: for a
 * daemon whose frames come and go a thousand times a second. Call once, at the start. */
void ph_os_keep_memory(void);
/* Zeroed memory for large tables that are read here and there: in huge pages where the system has
 * them. `bytes` is the same when it is given back. NULL: none. */
void *ph_os_pages(size_t bytes);
void ph_os_pages_free(void *pages, size_t bytes);
/* Resident memory of this process in bytes; 0 if unknown. */
size_t ph_os_resident(void);

#endif
