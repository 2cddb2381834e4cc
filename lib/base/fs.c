/*
 * fs - the system's file calls behind the seam, and small whole-file operations.
 *
 * A file is replaced by way of "<path>.new", synced before the rename, and the directory
 * after it: at any moment of a power cut the name shows the old bytes or the new ones.
 */
#include "lib/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"

static int
system_open(void *self, const char *path, int flags, mode_t mode)
{
	(void) self;
	return open(path, flags | O_CLOEXEC, mode);
}

static ssize_t
system_pread(void *self, int fd, void *bytes, size_t length, int64_t offset)
{
	(void) self;
	return pread(fd, bytes, length, offset);
}

static ssize_t
system_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	(void) self;
	return pwrite(fd, bytes, length, offset);
}

static int
system_fdatasync(void *self, int fd)
{
	(void) self;
	return fdatasync(fd);
}

static int
system_fsync(void *self, int fd)
{
	(void) self;
	return fsync(fd);
}

static int
system_ftruncate(void *self, int fd, int64_t length)
{
	(void) self;
	return ftruncate(fd, length);
}

static int
system_fallocate(void *self, int fd, int64_t length)
{
	(void) self;
	int failed = posix_fallocate(fd, 0, length);
	if (failed == 0)
		return 0;
	errno = failed;
	return -1;
}

static int
system_rename(void *self, const char *from, const char *to)
{
	(void) self;
	return rename(from, to);
}

static int
system_unlink(void *self, const char *path)
{
	(void) self;
	return unlink(path);
}

static int
system_mkdir(void *self, const char *path, mode_t mode)
{
	(void) self;
	return mkdir(path, mode);
}

static int
system_close(void *self, int fd)
{
	(void) self;
	return close(fd);
}

static int64_t
system_size(void *self, int fd)
{
	(void) self;
	struct stat about;
	return fstat(fd, &about) != 0 ? -1 : (int64_t) about.st_size;
}

static int64_t
system_space(void *self, const char *path)
{
	(void) self;
	struct statvfs about;
	if (statvfs(path, &about) != 0)
		return -1;
	uint64_t bytes = (uint64_t) about.f_bavail * about.f_frsize;
	return bytes > INT64_MAX ? INT64_MAX : (int64_t) bytes;
}

static int
system_direct(void *self, int fd, bool on)
{
	(void) self;
	return ph_os_direct(fd, on);
}

const ph_fs *
ph_fs_system(void)
{
	static const ph_fs fs = {
	    .open = system_open,
	    .pread = system_pread,
	    .pwrite = system_pwrite,
	    .fdatasync = system_fdatasync,
	    .fsync = system_fsync,
	    .ftruncate = system_ftruncate,
	    .fallocate = system_fallocate,
	    .rename = system_rename,
	    .unlink = system_unlink,
	    .mkdir = system_mkdir,
	    .close = system_close,
	    .size = system_size,
	    .space = system_space,
	    .direct = system_direct,
	};
	return &fs;
}

ph_status
ph_fs_sync_dir(const ph_fs *fs, const char *path, ph_error *err)
{
	int fd = fs->open(fs->self, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot open directory %s", path);
	}
	int failed = fs->fsync(fs->self, fd) != 0 ? errno : 0;
	fs->close(fs->self, fd);
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot sync directory %s", path);
	return PH_OK;
}

/* Read from fd until its end; *out grows and may be freed by the caller whatever happened. */
static ph_status
read_all(
    int fd, const char *path, size_t limit, char **out, size_t *length, ph_error *err)
{
	size_t capacity = 0;
	size_t used = 0;
	for (;;) {
		if (capacity - used < 2) {
			size_t larger = capacity == 0 ? 4096 : capacity * 2;
			char *grown = larger < capacity ? NULL : realloc(*out, larger);
			if (grown == NULL)
				return ph_fail(
				    err, PH_ERR_NOMEM, "no memory for %s", path);
			*out = grown;
			capacity = larger;
		}
		ssize_t got = read(fd, *out + used, capacity - used - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int failed = errno;
			return ph_fail_errno(err, failed, "cannot read %s", path);
		}
		if (got == 0)
			break;
		used += (size_t) got;
		if (used > limit)
			return ph_fail(err, PH_ERR_TOO_LARGE,
			    "%s is larger than %zu bytes", path, limit);
	}
	(*out)[used] = '\0';
	*length = used;
	return PH_OK;
}

ph_status
ph_fs_slurp(const char *path, size_t limit, char **out, size_t *length, ph_error *err)
{
	PH_ASSERT(path != NULL && out != NULL && length != NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		int failed = errno;
		ph_fail_errno(err, failed, "cannot open %s", path);
		if (failed != ENOENT)
			return PH_ERR_IO;
		if (err != NULL)
			err->status = PH_ERR_NOT_FOUND;
		return PH_ERR_NOT_FOUND;
	}
	char *bytes = NULL;
	size_t used = 0;
	ph_status status = read_all(fd, path, limit, &bytes, &used, err);
	close(fd);
	if (status != PH_OK) {
		free(bytes);
		return status;
	}
	*out = bytes;
	*length = used;
	return PH_OK;
}

/* The directory that holds `path`, as text for open. */
static void
parent_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		snprintf(out, size, ".");
	else if (slash == path)
		snprintf(out, size, "/");
	else
		snprintf(out, size, "%.*s", (int) (slash - path), path);
}

/* Write and sync a fresh file; 0 or errno. */
static int
write_fresh(
    const ph_fs *fs, const char *path, const void *bytes, size_t length, mode_t mode)
{
	int fd = fs->open(fs->self, path, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return errno;
	const char *at = bytes;
	int failed = 0;
	for (size_t done = 0; failed == 0 && done < length;) {
		ssize_t wrote =
		    fs->pwrite(fs->self, fd, at + done, length - done, (int64_t) done);
		if (wrote < 0 && errno != EINTR)
			failed = errno;
		else if (wrote > 0)
			done += (size_t) wrote;
	}
	if (failed == 0 && fs->fsync(fs->self, fd) != 0)
		failed = errno;
	if (fs->close(fs->self, fd) != 0 && failed == 0)
		failed = errno;
	return failed;
}

ph_status
ph_fs_replace(const ph_fs *fs, const char *path, const void *bytes, size_t length,
    mode_t mode, ph_error *err)
{
	PH_ASSERT(fs != NULL && path != NULL && (bytes != NULL || length == 0));
	char fresh[PATH_MAX];
	char parent[PATH_MAX];
	int needs = snprintf(fresh, sizeof fresh, "%s.new", path);
	if (needs < 0 || (size_t) needs >= sizeof fresh)
		return ph_fail_errno(err, ENAMETOOLONG, "cannot write %.100s", path);
	parent_of(path, parent, sizeof parent);

	if (fs->unlink(fs->self, fresh) != 0 && errno != ENOENT) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot remove %s", fresh);
	}
	int failed = write_fresh(fs, fresh, bytes, length, mode);
	if (failed == 0 && fs->rename(fs->self, fresh, path) != 0)
		failed = errno;
	if (failed != 0) {
		fs->unlink(fs->self, fresh);
		return ph_fail_errno(err, failed, "cannot write %s", path);
	}
	return ph_fs_sync_dir(fs, parent, err);
}

/* Names found so far. */
typedef struct names {
	char **items;
	size_t count;
	size_t capacity;
	size_t bytes; /* of all names, their zeros included */
} names;

static void
free_names(names *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

static bool
add_name(names *list, const char *name)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
		char **items = realloc(list->items, capacity * sizeof *items);
		if (items == NULL)
			return false;
		list->items = items;
		list->capacity = capacity;
	}
	char *copy = strdup(name);
	if (copy == NULL)
		return false;
	list->items[list->count++] = copy;
	list->bytes += strlen(name) + 1;
	return true;
}

static int
compare_names(const void *left, const void *right)
{
	const char *const *a = left;
	const char *const *b = right;
	return strcmp(*a, *b);
}

static bool
wanted(const char *name, const char *suffix)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	size_t length = strlen(name);
	size_t tail = strlen(suffix);
	return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

static ph_status
read_names(
    DIR *directory, const char *path, const char *suffix, names *list, ph_error *err)
{
	for (;;) {
		errno = 0;
		const struct dirent *found = readdir(directory);
		if (found == NULL) {
			int failed = errno;
			if (failed == 0)
				return PH_OK;
			return ph_fail_errno(
			    err, failed, "cannot read directory %s", path);
		}
		if (wanted(found->d_name, suffix) && !add_name(list, found->d_name))
			return ph_fail(
			    err, PH_ERR_NOMEM, "no memory for directory %s", path);
	}
}

/* One block: the pointers, a NULL, then the names they point at. */
static char **
pack_names(const names *list)
{
	size_t head = (list->count + 1) * sizeof(char *);
	char **block = malloc(head + list->bytes);
	if (block == NULL)
		return NULL;
	char *at = (char *) block + head;
	for (size_t i = 0; i < list->count; i++) {
		size_t size = strlen(list->items[i]) + 1;
		memcpy(at, list->items[i], size);
		block[i] = at;
		at += size;
	}
	block[list->count] = NULL;
	return block;
}

ph_status
ph_fs_list(
    const char *path, const char *suffix, char ***out, size_t *count, ph_error *err)
{
	PH_ASSERT(path != NULL && suffix != NULL && out != NULL);
	names list = {0};
	ph_status status = PH_OK;
	DIR *directory = opendir(path);
	if (directory == NULL && errno != ENOENT) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot open directory %s", path);
	}
	if (directory != NULL) {
		status = read_names(directory, path, suffix, &list, err);
		closedir(directory);
	}
	char **block = NULL;
	if (status == PH_OK) {
		if (list.count > 1)
			qsort(
			    list.items, list.count, sizeof *list.items, compare_names);
		block = pack_names(&list);
		if (block == NULL)
			status = ph_fail(
			    err, PH_ERR_NOMEM, "no memory for directory %s", path);
	}
	if (status == PH_OK) {
		*out = block;
		if (count != NULL)
			*count = list.count;
	}
	free_names(&list);
	return status;
}

ph_status
ph_fs_make_dirs(const char *path, mode_t mode, ph_error *err)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	if (length == 0 || length >= sizeof part)
		return ph_fail_errno(
		    err, ENAMETOOLONG, "cannot make directory %.100s", path);
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) == 0)
			continue;
		int failed = errno;
		struct stat about;
		if (stat(part, &about) == 0 && S_ISDIR(about.st_mode))
			continue;
		return ph_fail_errno(err, failed, "cannot make directory %s", part);
	}
	return PH_OK;
}
