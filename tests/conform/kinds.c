/* kinds - the journal on two disks, and the store in memory. */
#include "tests/conform/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "broker/journal.h"
#include "lib/base/assert.h"
#include "tests/conform/memory_store.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define SEGMENT	 (4u << 20) /* takes a record of the most bytes */
#define BRIEF_MS 1

static ph_status
open_journal(const fixture *where, const ph_fs *fs, bool thread, int64_t age_ms,
    ph_store **out, ph_error *err)
{
	const ph_journal_config config = {
	    .directory = where->directory,
	    .segment_bytes = SEGMENT,
	    .age_ms = age_ms,
	    .thread = thread,
	    .overlap = thread,
	    .fs = fs,
	};

	return ph_journal_open(&config, out, NULL, err);
}

/* --- the disk at hand, with a switch --------------------------------------------------- */

typedef struct real_place {
	fixture where;
	ph_fs fs;
	atomic_bool dead; /* nothing is changed any more */
	atomic_bool full; /* no file gets room */
} real_place;

static bool
refused(void *self)
{
	errno = EIO;
	return atomic_load(&((real_place *) self)->dead);
}

static int
real_open(void *self, const char *path, int flags, mode_t mode)
{
	if ((flags & O_CREAT) != 0 && refused(self))
		return -1;
	return ph_fs_system()->open(ph_fs_system()->self, path, flags, mode);
}

static ssize_t
real_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	const ph_fs *fs = ph_fs_system();

	return refused(self) ? -1 : fs->pwrite(fs->self, fd, bytes, length, offset);
}

static int
real_fdatasync(void *self, int fd)
{
	return refused(self) ? -1 : ph_fs_system()->fdatasync(ph_fs_system()->self, fd);
}

static int
real_fsync(void *self, int fd)
{
	return refused(self) ? -1 : ph_fs_system()->fsync(ph_fs_system()->self, fd);
}

static int
real_ftruncate(void *self, int fd, int64_t length)
{
	const ph_fs *fs = ph_fs_system();

	return refused(self) ? -1 : fs->ftruncate(fs->self, fd, length);
}

static int
real_fallocate(void *self, int fd, int64_t length)
{
	const ph_fs *fs = ph_fs_system();

	if (refused(self))
		return -1;
	errno = ENOSPC;
	if (atomic_load(&((real_place *) self)->full))
		return -1;
	return fs->fallocate(fs->self, fd, length);
}

static int
real_rename(void *self, const char *from, const char *to)
{
	const ph_fs *fs = ph_fs_system();

	return refused(self) ? -1 : fs->rename(fs->self, from, to);
}

static int
real_unlink(void *self, const char *path)
{
	return refused(self) ? -1 : ph_fs_system()->unlink(ph_fs_system()->self, path);
}

static void *
real_make(void)
{
	real_place *place = calloc(1, sizeof *place);

	PH_ASSERT(place != NULL);
	fixture_init(&place->where);
	place->fs = *ph_fs_system();
	place->fs.open = real_open;
	place->fs.pwrite = real_pwrite;
	place->fs.fdatasync = real_fdatasync;
	place->fs.fsync = real_fsync;
	place->fs.ftruncate = real_ftruncate;
	place->fs.fallocate = real_fallocate;
	place->fs.rename = real_rename;
	place->fs.unlink = real_unlink;
	place->fs.self = place;
	return place;
}

static ph_status
real_opens(void *self, ph_store **out, ph_error *err)
{
	real_place *place = self;

	return open_journal(&place->where, &place->fs, true, 0, out, err);
}

static void
real_die(void *self)
{
	atomic_store(&((real_place *) self)->dead, true);
}

static void
real_kill(void *self, ph_store **store)
{
	real_die(self);
	(void) ph_store_close(store, NULL);
	atomic_store(&((real_place *) self)->dead, false);
}

static void
real_fill(void *self, bool full)
{
	atomic_store(&((real_place *) self)->full, full);
}

static void
real_destroy(void **self_p)
{
	real_place *place = *self_p;

	fixture_fini(&place->where);
	free(place);
	*self_p = NULL;
}

const conform_kind conform_local = {
    .name = "local",
    .make = real_make,
    .open = real_opens,
    .die = real_die,
    .kill = real_kill,
    .fill = real_fill,
    .destroy = real_destroy,
};

/* --- a disk that forgets --------------------------------------------------------------- */

typedef struct cut_place {
	fixture where;
	fake_disk disk;
} cut_place;

static void *
cut_make(void)
{
	cut_place *place = calloc(1, sizeof *place);

	PH_ASSERT(place != NULL);
	fixture_init(&place->where);
	fake_disk_init(&place->disk, place->where.aside, 1);
	return place;
}

static ph_status
cut_opens(void *self, ph_store **out, ph_error *err)
{
	cut_place *place = self;

	return open_journal(&place->where, &place->disk.fs, false, 0, out, err);
}

/* Files end before they are full. */
static ph_status
brief_opens(void *self, ph_store **out, ph_error *err)
{
	cut_place *place = self;

	return open_journal(&place->where, &place->disk.fs, false, BRIEF_MS, out, err);
}

static void
cut_die(void *self)
{
	((cut_place *) self)->disk.dead = true;
}

static void
cut_kill(void *self, ph_store **store)
{
	cut_place *place = self;

	place->disk.dead = true;
	(void) ph_store_close(store, NULL);
	fake_disk_cut_power(&place->disk);
	place->disk.dead = false;
}

static void
cut_fill(void *self, bool full)
{
	fake_disk *disk = &((cut_place *) self)->disk;

	disk->fail_errno = ENOSPC;
	disk->always = true;
	disk->fail_at[FAKE_FALLOCATE] = full ? 1 : 0;
}

static void
cut_destroy(void **self_p)
{
	cut_place *place = *self_p;

	fake_disk_fini(&place->disk);
	fixture_fini(&place->where);
	free(place);
	*self_p = NULL;
}

const conform_kind conform_local_cut = {
    .name = "local, with power cuts",
    .make = cut_make,
    .open = cut_opens,
    .die = cut_die,
    .kill = cut_kill,
    .fill = cut_fill,
    .destroy = cut_destroy,
};

const conform_kind conform_local_brief = {
    .name = "local, with files that end young",
    .make = cut_make,
    .open = brief_opens,
    .die = cut_die,
    .kill = cut_kill,
    .fill = cut_fill,
    .destroy = cut_destroy,
};

/* --- memory ---------------------------------------------------------------------------- */

static void *
memory_make(void)
{
	return memory_disk_new();
}

static ph_status
memory_opens(void *self, ph_store **out, ph_error *err)
{
	return memory_store_open(self, out, err);
}

static void
memory_die(void *self)
{
	memory_disk_die(self);
}

static void
memory_kill(void *self, ph_store **store)
{
	memory_store_kill(self, store);
}

static void
memory_fill(void *self, bool full)
{
	memory_disk_fill(self, full);
}

static void
memory_revoke(void *self)
{
	memory_disk_want(self);
}

static void
memory_destroy(void **self_p)
{
	memory_disk *disk = *self_p;

	memory_disk_destroy(&disk);
	*self_p = NULL;
}

const conform_kind conform_memory = {
    .name = "memory",
    .make = memory_make,
    .open = memory_opens,
    .die = memory_die,
    .kill = memory_kill,
    .fill = memory_fill,
    .revoke = memory_revoke,
    .destroy = memory_destroy,
};
