/*
 * fs - every file call of the store, through a seam: tests fail the nth of each.
 *
 * Members behave like the system calls they are named after and return -1 with errno.
 *
 * Thread: any (the system's); a failing one belongs to its test.
 */
#ifndef PH_BASE_FS_H
#define PH_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <packhorse/error.h>

typedef struct ph_fs {
	int (*open)(void *self, const char *path, int flags, mode_t mode);
	ssize_t (*pread)(
	    void *self, int fd, void *bytes, size_t length, int64_t offset);
	ssize_t (*pwrite)(
	    void *self, int fd, const void *bytes, size_t length, int64_t offset);
	int (*fdatasync)(void *self, int fd);
	int (*fsync)(void *self, int fd);
	int (*ftruncate)(void *self, int fd, int64_t length);
	int (*fallocate)(
	    void *self, int fd, int64_t length); /* posix_fallocate from 0; errno set */
	int (*rename)(void *self, const char *from, const char *to);
	int (*unlink)(void *self, const char *path);
	int (*mkdir)(void *self, const char *path, mode_t mode);
	int (*close)(void *self, int fd);
	int64_t (*size)(void *self, int fd); /* bytes in the file */
	int64_t (*space)(
	    void *self, const char *path); /* bytes free on its file system */
	int (*direct)(
	    void *self, int fd, bool on); /* writes go past the page cache: whole
						     * pages, from memory that begins at one,
						     * or they fail with EINVAL */
	void *self;
} ph_fs;

const ph_fs *ph_fs_system(void);

/* Sync a directory, so that names made in it survive a power cut. */
ph_status ph_fs_sync_dir(const ph_fs *fs, const char *path, ph_error *err);
/* A whole file of at most `limit` bytes into fresh memory (free with free), zero-terminated.
 * PH_ERR_NOT_FOUND: no such file; PH_ERR_TOO_LARGE. */
ph_status ph_fs_slurp(
    const char *path, size_t limit, char **out, size_t *length, ph_error *err);
/* Replace a small file whole: temporary ("<path>.new"), sync, rename, sync of the directory.
 * One writer at a time. */
ph_status ph_fs_replace(const ph_fs *fs, const char *path, const void *bytes,
    size_t length, mode_t mode, ph_error *err);
/* Names (not "." or "..") in a directory that end in `suffix`, sorted; NULL-terminated, one block
 * to free with free. A missing directory is an empty list. */
ph_status ph_fs_list(
    const char *path, const char *suffix, char ***out, size_t *count, ph_error *err);
/* mkdir -p with this mode for what it makes. */
ph_status ph_fs_make_dirs(const char *path, mode_t mode, ph_error *err);

#endif
