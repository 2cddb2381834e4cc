/*
 * shelf_files - what is done with the files of shelves by their names alone: syncing those that a
 * checkpoint is to name, and removing those that nobody wants.
 */
#include "broker/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096

ph_status
ph_shelf_sync(
    const ph_fs *fs, const char *directory, const ph_buffer *paths, ph_error *err)
{
	if (paths->length == 0)
		return PH_OK;
	const char *at = (const char *) paths->data;
	const char *end = at + paths->length;
	for (; at < end; at += strlen(at) + 1) {
		int fd = fs->open(fs->self, at, O_RDONLY, 0);
		/* One that was taken in the meantime is kept until `saved`. */
		if (fd < 0)
			return ph_fail_errno(err, errno, "cannot open %s", at);
		int failed = fs->fdatasync(fs->self, fd) == 0 ? 0 : errno;
		(void) fs->close(fs->self, fd);
		if (failed != 0)
			return ph_fail_errno(err, failed, "cannot sync %s", at);
	}
	return ph_fs_sync_dir(fs, directory, err);
}

static bool
read_name(const char *name, uint16_t *queue, uint64_t *serial)
{
	char *end = NULL;
	unsigned long number = strtoul(name, &end, 10);
	if (end == name || *end != '-' || number > UINT16_MAX)
		return false;
	*queue = (uint16_t) number;
	const char *second = end + 1;
	*serial = strtoull(second, &end, 10);
	return end != second && strcmp(end, PH_SHELF_SUFFIX) == 0;
}

ph_status
ph_shelf_sweep(const ph_fs *fs, const char *directory, ph_shelf_wanted *wanted,
    void *self, ph_error *err)
{
	char **names = NULL;
	char path[PATH_SIZE];
	size_t count = 0;
	ph_status status = ph_fs_list(directory, PH_SHELF_SUFFIX, &names, &count, err);
	for (size_t i = 0; status == PH_OK && i < count; i++) {
		uint16_t queue = 0;
		uint64_t serial = 0;
		if (!read_name(names[i], &queue, &serial) ||
		    wanted(self, queue, serial))
			continue;
		(void) snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		if (fs->unlink(fs->self, path) != 0)
			status = ph_fail_errno(err, errno, "cannot remove %s", path);
	}
	if (status == PH_OK || names != NULL)
		free(names);
	return status;
}
