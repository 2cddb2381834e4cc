/*
 * journal_room - spares are named 0000000001.spare, 0000000002.spare, ... without gaps; the last
 * one is taken first. A spare gets its new name, and the directory is synced, before a byte is
 * written to it: so whatever bears a spare's name reads as zeros, also after a power cut.
 */
#include "broker/journal_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"
#include "lib/base/assert.h"

bool
ph_room_path(const char *directory, const char *name, char out[PH_ROOM_PATH])
{
	int length = snprintf(out, PH_ROOM_PATH, "%s/%s", directory, name);

	return length > 0 && length < PH_ROOM_PATH;
}

ph_status
ph_room_status(ph_status status, ph_error *err)
{
	switch (err->sys_errno) {
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE: {
		char text[PH_ERROR_TEXT];

		snprintf(text, sizeof text, "%s", err->text);
		return ph_fail(err, PH_ERR_FULL, "PH5004 no room: %.400s", text);
	}
	default:
		return status;
	}
}

static void
spare_name(unsigned number, char out[PH_ROOM_PATH])
{
	snprintf(out, PH_ROOM_PATH, "%010u.spare", number);
}

/* Make a file with all its blocks, synced; the name in the directory is not. */
static ph_status
make_file(
    const ph_room *room, const char *path, uint64_t bytes, int *out, ph_error *err)
{
	const ph_fs *fs = room->fs;
	int fd = fs->open(fs->self, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	int failed = errno;

	if (fd < 0)
		return ph_fail_errno(err, failed, "cannot make %s", path);
	if (fs->fallocate(fs->self, fd, (int64_t) bytes) != 0) {
		failed = errno;
		ph_fail_errno(err, failed, "cannot make room in %s", path);
		goto fail;
	}
	PH_CRASH_POINT("room-allocated");
	if (!PH_MUTANT("no-sync") && fs->fsync(fs->self, fd) != 0) {
		failed = errno;
		ph_fail_errno(err, failed, "cannot sync %s", path);
		goto fail;
	}
	*out = fd;
	return PH_OK;
fail:
	fs->close(fs->self, fd);
	fs->unlink(fs->self, path);
	return PH_ERR_IO;
}

static ph_status
make_spare(ph_room *room, ph_error *err)
{
	char name[PH_ROOM_PATH];
	char path[PH_ROOM_PATH];
	int fd = -1;

	spare_name(room->count + 1, name);
	if (!ph_room_path(room->directory, name, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	ph_status status = make_file(room, path, room->bytes, &fd, err);
	if (status != PH_OK)
		return status;
	room->fs->close(room->fs->self, fd);
	status = ph_fs_sync_dir(room->fs, room->directory, err);
	if (status == PH_OK)
		room->count++;
	PH_CRASH_POINT("room-spare");
	return status;
}

/* Remove files that a crash kept from getting their names. */
static ph_status
remove_unfinished(const ph_room *room, ph_error *err)
{
	char **names = NULL;
	size_t count = 0;
	ph_status status = ph_fs_list(room->directory, ".new", &names, &count, err);

	for (size_t i = 0; status == PH_OK && i < count; i++) {
		char path[PH_ROOM_PATH];

		if (!ph_room_path(room->directory, names[i], path) ||
		    room->fs->unlink(room->fs->self, path) == 0)
			continue;
		int failed = errno;
		status = ph_fail_errno(err, failed, "cannot remove %s", path);
	}
	free(names);
	return status;
}

/* Is this spare as it should be? Makes sure of its blocks. */
static bool
spare_usable(const ph_room *room, const char *path)
{
	const ph_fs *fs = room->fs;
	int fd = fs->open(fs->self, path, O_RDWR, 0);

	if (fd < 0)
		return false;
	bool usable = fs->size(fs->self, fd) == (int64_t) room->bytes &&
		      fs->fallocate(fs->self, fd, (int64_t) room->bytes) == 0 &&
		      fs->fsync(fs->self, fd) == 0;
	fs->close(fs->self, fd);
	return usable;
}

static ph_status
find_spares(ph_room *room, ph_error *err)
{
	char **names = NULL;
	size_t count = 0;
	ph_status status = ph_fs_list(room->directory, ".spare", &names, &count, err);

	for (size_t i = 0; status == PH_OK && i < count; i++) {
		char expected[PH_ROOM_PATH];
		char from[PH_ROOM_PATH];
		char to[PH_ROOM_PATH];

		spare_name(room->count + 1, expected);
		if (!ph_room_path(room->directory, names[i], from) ||
		    !ph_room_path(room->directory, expected, to))
			continue;
		int failed = 0;
		if (room->count >= room->wanted || !spare_usable(room, from))
			failed =
			    room->fs->unlink(room->fs->self, from) != 0 ? errno : 0;
		else if (strcmp(from, to) == 0 ||
			 room->fs->rename(room->fs->self, from, to) == 0)
			room->count++;
		else
			failed = errno;
		if (failed != 0)
			status = ph_fail_errno(err, failed, "cannot tidy %s", from);
	}
	free(names);
	return status;
}

ph_status
ph_room_init(ph_room *room, const ph_fs *fs, const char *directory, uint64_t bytes,
    unsigned wanted, ph_error *err)
{
	*room = (ph_room){
	    .fs = fs,
	    .directory = directory,
	    .bytes = bytes,
	    .wanted = wanted,
	};
	ph_status status = remove_unfinished(room, err);
	return status == PH_OK ? find_spares(room, err) : status;
}

ph_status
ph_room_fill(ph_room *room, ph_error *err)
{
	ph_error why = {0};

	while (room->count < room->wanted) {
		ph_status status = make_spare(room, &why);

		if (status != PH_OK) {
			status = ph_room_status(status, &why);
			return ph_fail_at(err, status, why.where, "%s", why.text);
		}
	}
	return PH_OK;
}

/* Give the last spare another name and open it. */
static ph_status
rename_spare(ph_room *room, const char *path, int *out, ph_error *err)
{
	const ph_fs *fs = room->fs;
	char name[PH_ROOM_PATH];
	char from[PH_ROOM_PATH];

	spare_name(room->count, name);
	if (!ph_room_path(room->directory, name, from))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	int fd = fs->open(fs->self, from, O_RDWR, 0);
	int failed = errno;
	if (fd < 0)
		return ph_fail_errno(err, failed, "cannot open %s", from);
	if (fs->rename(fs->self, from, path) != 0) {
		failed = errno;
		fs->close(fs->self, fd);
		return ph_fail_errno(err, failed, "cannot rename %s", from);
	}
	room->count--;
	*out = fd;
	return PH_OK;
}

ph_status
ph_room_take(ph_room *room, const char *name, uint64_t bytes, int *fd, ph_error *err)
{
	char path[PH_ROOM_PATH];
	ph_error why = {0};
	ph_status status = PH_ERR_USAGE;
	int taken = -1;

	if (!ph_room_path(room->directory, name, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	if (room->count > 0 && bytes == room->bytes)
		status = rename_spare(room, path, &taken, &why);
	else
		status = make_file(room, path, bytes, &taken, &why);
	if (status == PH_OK) {
		PH_CRASH_POINT("room-renamed");
		status = ph_fs_sync_dir(room->fs, room->directory, &why);
	}
	if (status != PH_OK) {
		if (taken >= 0)
			room->fs->close(room->fs->self, taken);
		status = ph_room_status(status, &why);
		return ph_fail_at(err, status, why.where, "%s", why.text);
	}
	PH_CRASH_POINT("room-taken");
	*fd = taken;
	return PH_OK;
}
