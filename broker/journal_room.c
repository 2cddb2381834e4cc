/*
 * journal_room - spares are named 0000000001.spare, 0000000002.spare, ... without gaps; the last
 * one is taken first. A file is a spare by name only once it is zeros and synced; and a spare gets
 * its new name, and the directory is synced, before a byte is written to it: so whatever bears a
 * spare's name reads as zeros, also after a power cut.
 *
 * A segment that is given back loses its name, and the directory is synced, before a byte of it
 * is zeroed: so whatever bears a segment's name is whole. Its name while it is zeroed ends in
 * .new, so that the next start removes it if this one does not come to the end.
 */
#include "broker/journal_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/crashpoint.h"
#include "broker/segment.h"
#include "lib/base/assert.h"
#include "lib/base/os.h"
#include "lib/base/thread.h"

#define RETRY_S 1	   /* how often the thread asks a full disk again */
#define ZEROS	(1u << 20) /* bytes zeroed with one write */
#define SYNC_EVERY                                                                     \
	(4u << 20) /* zeroed bytes that wait for a sync at most, so that the
				   journal's own syncs do not stand behind many */
#define MAKING	 "spare.new"
#define RECYCLED 2 /* spares kept of what is given back, over those that are made */

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

static void
room_lock(ph_room *room)
{
	if (room->started)
		pthread_mutex_lock(&room->lock);
}

static void
room_unlock(ph_room *room)
{
	if (room->started)
		pthread_mutex_unlock(&room->lock);
}

/* A file that is all zeros and synced becomes the next spare; its old name goes in any case. */
static ph_status
add_spare(ph_room *room, const char *from, ph_error *err)
{
	const ph_fs *fs = room->fs;
	char name[PH_ROOM_PATH];
	char to[PH_ROOM_PATH];
	int failed = 0;

	room_lock(room);
	spare_name(room->count + 1, name);
	if (!ph_room_path(room->directory, name, to))
		failed = ENAMETOOLONG;
	else if (fs->rename(fs->self, from, to) != 0)
		failed = errno;
	else
		room->count++;
	room_unlock(room);
	if (failed != 0) {
		fs->unlink(fs->self, from);
		return ph_fail_errno(err, failed, "cannot name %s", from);
	}
	ph_status status = ph_fs_sync_dir(fs, room->directory, err);
	PH_CRASH_POINT("room-spare");
	return status;
}

/* Would there be less than is left to others, if so many bytes more were taken? */
static bool
too_little(ph_room *room, uint64_t bytes)
{
	room_lock(room);
	uint64_t keep = room->keep;
	room_unlock(room);
	if (keep == 0)
		return false;
	int64_t left = room->fs->space(room->fs->self, room->directory);
	return left >= 0 && ((uint64_t) left < bytes || (uint64_t) left - bytes < keep);
}

/* --- segments that are given back ------------------------------------------------------ */

static bool
old_path(const ph_room *room, uint32_t number, char out[PH_ROOM_PATH])
{
	char name[PH_ROOM_PATH];

	snprintf(name, sizeof name, "%010u.old.new", number);
	return ph_room_path(room->directory, name, out);
}

/* Write zeros over all of a file, synced. What is written there later is written by whole pages, so
 * nobody misses these in the cache: past it they cost far less. */
static ph_status
zero_file(const ph_room *room, int fd, ph_error *err)
{
	const ph_fs *fs = room->fs;
	ph_status status = PH_OK;
	uint8_t *zeros = ph_os_pages(ZEROS);

	if (zeros == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to zero a file");
	(void) fs->direct(fs->self, fd, true); /* or through the cache */

	for (uint64_t at = 0; status == PH_OK && at < room->bytes;) {
		uint64_t left = room->bytes - at;
		size_t length = left < ZEROS ? (size_t) left : ZEROS;

		status = ph_segment_write(fs, fd, zeros, length, at, err);
		at += length;
		if (status == PH_OK && !PH_MUTANT("no-sync") &&
		    (at % SYNC_EVERY == 0 || at == room->bytes) &&
		    fs->fdatasync(fs->self, fd) != 0) {
			int failed = errno;

			status =
			    ph_fail_errno(err, failed, "cannot sync a zeroed file");
		}
	}
	ph_os_pages_free(zeros, ZEROS);
	PH_CRASH_POINT("trim-zeroed");
	return status;
}

/* One segment without a name: to the spares if any are missing and its size will do. */
static ph_status
recycle(ph_room *room, const char *path, ph_error *err)
{
	const ph_fs *fs = room->fs;
	ph_status status = PH_ERR_USAGE;

	if (ph_room_count(room) < (too_little(room, 0) ? room->wanted : room->kept)) {
		int fd = fs->open(fs->self, path, O_RDWR, 0);

		if (fd >= 0 && fs->size(fs->self, fd) == (int64_t) room->bytes)
			status = zero_file(room, fd, err);
		if (fd >= 0)
			fs->close(fs->self, fd);
	}
	if (status == PH_OK)
		return add_spare(room, path, err);
	if (fs->unlink(fs->self, path) != 0 && errno != ENOENT)
		return ph_fail(err, PH_ERR_IO, "cannot remove %s", path);
	PH_CRASH_POINT("trim-removed");
	return PH_OK;
}

/* Take the names of segments away, the oldest first. */
static ph_status
unname(const ph_room *room, uint32_t from, uint32_t before, ph_error *err)
{
	const ph_fs *fs = room->fs;

	for (uint32_t number = from; number < before; number++) {
		char name[PH_SEGMENT_NAME];
		char path[PH_ROOM_PATH];
		char to[PH_ROOM_PATH];

		ph_segment_name(number, name);
		if (!ph_room_path(room->directory, name, path) ||
		    !old_path(room, number, to))
			return ph_fail(
			    err, PH_ERR_USAGE, "the directory's name is too long");
		if (fs->rename(fs->self, path, to) != 0 && errno != ENOENT) {
			int failed = errno;

			return ph_fail_errno(err, failed, "cannot take %s away", path);
		}
		PH_CRASH_POINT("trim-unnamed");
	}
	ph_status status = ph_fs_sync_dir(fs, room->directory, err);
	PH_CRASH_POINT("trim-gone");
	return status;
}

static ph_status
recycle_all(ph_room *room, uint32_t from, uint32_t before, ph_error *err)
{
	ph_status status = unname(room, from, before, err);

	for (uint32_t number = from; status == PH_OK && number < before; number++) {
		char path[PH_ROOM_PATH];

		if (old_path(room, number, path))
			status = recycle(room, path, err);
	}
	return status;
}

/* --- an earlier run's files ------------------------------------------------------------ */

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
		if (room->count >= room->kept || !spare_usable(room, from))
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
    unsigned wanted, bool thread, ph_error *err)
{
	*room = (ph_room){
	    .fs = fs,
	    .directory = directory,
	    .bytes = bytes,
	    .wanted = wanted,
	    .made = wanted + (thread ? 2 : 0),
	    .kept = wanted + (thread ? 1 : 0) + RECYCLED,
	};
	ph_status status = remove_unfinished(room, err);
	return status == PH_OK ? find_spares(room, err) : status;
}

unsigned
ph_room_count(ph_room *room)
{
	room_lock(room);
	unsigned count = room->count;
	room_unlock(room);
	return count;
}

/* Remove the last spare, unless it is of the reserve: a file of zeros is room that can be given. */
static bool
give_spare(ph_room *room)
{
	char name[PH_ROOM_PATH];
	char path[PH_ROOM_PATH];

	room_lock(room);
	spare_name(room->count, name);
	bool given = room->count > room->wanted &&
		     ph_room_path(room->directory, name, path) &&
		     room->fs->unlink(room->fs->self, path) == 0;
	if (given)
		room->count--;
	room_unlock(room);
	return given;
}

void
ph_room_keep(ph_room *room, uint64_t bytes, int64_t *left)
{
	room_lock(room);
	room->keep = bytes;
	room_unlock(room);
	do {
		*left = room->fs->space(room->fs->self, room->directory);
	} while (*left >= 0 && (uint64_t) *left < bytes && give_spare(room));
	if (*left < 0)
		*left = INT64_MAX;
	if ((uint64_t) *left < bytes || (uint64_t) *left - bytes < room->bytes)
		return;
	room_lock(room);
	room->failed = false; /* there is room for one more: try it */
	if (room->started)
		pthread_cond_signal(&room->work);
	room_unlock(room);
}

static ph_status
make_spare(ph_room *room, ph_error *err)
{
	char path[PH_ROOM_PATH];
	int fd = -1;
	bool more = ph_room_count(room) >= room->wanted;

	if (!ph_room_path(room->directory, MAKING, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	/* one more than the reserve not so that it would be given back at once */
	if (too_little(room, more ? 2 * room->bytes : room->bytes))
		return ph_fail_errno(err, ENOSPC,
		    "the rest of the disk is left to checkpoints and the ledger");
	ph_status status = make_file(room, path, room->bytes, &fd, err);
	if (status != PH_OK)
		return status;
	/* What is made ahead of need is written full of zeros: then the batches that come find its
	 * blocks written and its pages in memory, and need not wait for either. */
	if (room->started && more)
		status = zero_file(room, fd, err);
	room->fs->close(room->fs->self, fd);
	if (status != PH_OK) {
		room->fs->unlink(room->fs->self, path);
		return status;
	}
	return add_spare(room, path, err);
}

/* --- the thread ------------------------------------------------------------------------ */

/* With the lock held: sleep until there is something to do, or a full disk is to be asked again. */
static void
sleep_a_while(ph_room *room)
{
	struct timespec until;

	if (!room->failed || room->count >= room->made) {
		pthread_cond_wait(&room->work, &room->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	(void) pthread_cond_timedwait(&room->work, &room->lock, &until);
}

/* With the lock held, which is given away meanwhile: one piece of work. */
static void
work(ph_room *room)
{
	uint32_t from = room->given;
	uint32_t before = room->given_before;
	ph_error why = {0};
	ph_status status;

	room->given = before;
	pthread_mutex_unlock(&room->lock);
	if (from < before)
		status = recycle_all(room, from, before, &why);
	else
		status = make_spare(room, &why);
	pthread_mutex_lock(&room->lock);
	if (status == PH_OK)
		room->failed = false;
	else if (from == before) {
		room->failed = true;
		room->why = why;
	}
	pthread_cond_broadcast(&room->news);
}

static void *
run(void *argument)
{
	ph_room *room = argument;

	pthread_mutex_lock(&room->lock);
	while (!room->stop) {
		bool try = room->count < room->made;

		if (room->given == room->given_before && (!try || room->failed)) {
			sleep_a_while(room);
			try = room->count < room->made && !room->stop;
		}
		if (!room->stop && (room->given < room->given_before || try))
			work(room);
	}
	pthread_mutex_unlock(&room->lock);
	return NULL;
}

ph_status
ph_room_start(ph_room *room, ph_error *err)
{
	pthread_condattr_t attributes;

	PH_ASSERT(!room->started && room->fs != NULL);
	if (pthread_mutex_init(&room->lock, NULL) != 0 ||
	    pthread_condattr_init(&attributes) != 0 ||
	    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(&room->work, &attributes) != 0 ||
	    pthread_cond_init(&room->news, NULL) != 0)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the journal's thread");
	pthread_condattr_destroy(&attributes);
	room->started = true; /* the thread may look at it at once */
	int failed = ph_thread_start(&room->thread, "journal-room", run, room);
	if (failed == 0)
		return PH_OK;
	room->started = false;
	return ph_fail_errno(err, failed, "cannot start the journal's thread");
}

void
ph_room_fini(ph_room *room)
{
	if (!room->started)
		return;
	pthread_mutex_lock(&room->lock);
	room->stop = true;
	pthread_cond_broadcast(&room->work);
	pthread_mutex_unlock(&room->lock);
	pthread_join(room->thread, NULL);
	room->started = false;
	pthread_cond_destroy(&room->work);
	pthread_cond_destroy(&room->news);
	pthread_mutex_destroy(&room->lock);
}

/* --- what the owner asks for ----------------------------------------------------------- */

static ph_status
say_why(ph_status status, ph_error *why, ph_error *err)
{
	status = ph_room_status(status, why);
	return ph_fail_at(err, status, why->where, "%s", why->text);
}

/* The thread makes it; wait for what comes of it. */
static ph_status
wait_for_reserve(ph_room *room, ph_error *err)
{
	ph_error why = {0};

	pthread_mutex_lock(&room->lock);
	while (room->count < room->wanted && !room->failed)
		pthread_cond_wait(&room->news, &room->lock);
	bool whole = room->count >= room->wanted;
	why = room->why;
	pthread_mutex_unlock(&room->lock);
	return whole ? PH_OK : say_why(why.status, &why, err);
}

ph_status
ph_room_fill(ph_room *room, ph_error *err)
{
	ph_error why = {0};

	if (room->started)
		return wait_for_reserve(room, err);
	while (room->count < room->wanted) {
		ph_status status = make_spare(room, &why);

		if (status != PH_OK)
			return say_why(status, &why, err);
	}
	return PH_OK;
}

ph_status
ph_room_give(ph_room *room, uint32_t from, uint32_t before, ph_error *err)
{
	PH_ASSERT(from <= before);
	if (!room->started)
		return recycle_all(room, from, before, err);
	pthread_mutex_lock(&room->lock);
	if (room->given == room->given_before)
		room->given = from;
	room->given_before = before;
	pthread_cond_signal(&room->work);
	pthread_mutex_unlock(&room->lock);
	return PH_OK;
}

/* Give the last spare another name and open it; with the lock held. */
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

/* A spare, if there is one or the thread is about to have one; PH_ERR_NOT_FOUND: none. */
static ph_status
take_spare(ph_room *room, const char *path, int *out, ph_error *err)
{
	ph_status status = PH_ERR_NOT_FOUND;

	room_lock(room);
	while (room->started && room->count == 0 && !room->failed)
		pthread_cond_wait(&room->news, &room->lock);
	if (room->count > 0) {
		status = rename_spare(room, path, out, err);
		room->failed = false; /* ask the disk anew */
		if (room->started)
			pthread_cond_signal(&room->work);
	}
	room_unlock(room);
	return status;
}

ph_status
ph_room_take(ph_room *room, const char *name, uint64_t bytes, int *fd, ph_error *err)
{
	char path[PH_ROOM_PATH];
	ph_error why = {0};
	ph_status status = PH_ERR_NOT_FOUND;
	int taken = -1;

	if (!ph_room_path(room->directory, name, path))
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	if (bytes == room->bytes)
		status = take_spare(room, path, &taken, &why);
	if (status == PH_ERR_NOT_FOUND)
		status = make_file(room, path, bytes, &taken, &why);
	if (status == PH_OK) {
		PH_CRASH_POINT("room-renamed");
		status = ph_fs_sync_dir(room->fs, room->directory, &why);
	}
	if (status != PH_OK) {
		if (taken >= 0)
			room->fs->close(room->fs->self, taken);
		return say_why(status, &why, err);
	}
	PH_CRASH_POINT("room-taken");
	*fd = taken;
	return PH_OK;
}
