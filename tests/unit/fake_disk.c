/* fake_disk - see fake_disk.h. */
#include "tests/unit/fake_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/assert.h"

#define PAGE   4096
#define SECTOR 512

typedef enum undo_kind {
	UNDO_DATA,
	UNDO_SIZE,
	UNDO_RENAME,
	UNDO_CREATE,
	UNDO_UNLINK
} undo_kind;

/* One step back. */
struct fake_undo {
	fake_undo *older;
	undo_kind kind;
	bool stuck;  /* a sync failed: only writing the page again saves it */
	ino_t inode; /* data, size: the file's; names: the directory's */
	int fd;	     /* data, size: ours, of the file */
	int64_t offset;
	size_t length; /* of bytes */
	int64_t size;  /* size: the old one */
	char from[512];
	char to[512];
	char kept[512]; /* the file that `to` was, put aside; or "" */
	uint8_t bytes[];
};

uint64_t
fake_random(uint64_t *state, uint64_t bound)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 2685821657736338717u >> 11) % bound;
}

static fake_disk *
disk_of(void *self)
{
	return self;
}

/* Count the call; true: it is to fail. */
static bool
counted(fake_disk *disk, fake_call call)
{
	if (disk->dead && call != FAKE_PREAD) {
		errno = EIO;
		return true;
	}
	unsigned now = ++disk->calls[call];
	unsigned at = disk->fail_at[call];

	if (at == 0 || now < at || (now > at && !disk->always))
		return false;
	errno = disk->fail_errno;
	return true;
}

/* A changing call begins: is it the one not to come back from? */
static bool
crash_now(fake_disk *disk)
{
	return disk->crash_in > 0 && --disk->crash_in == 0;
}

static void
crash(fake_disk *disk)
{
	if (disk->power)
		fake_disk_cut_power(disk);
	fake_disk_close_all(disk);
	longjmp(disk->out, 1);
}

static ino_t
inode_of(int fd)
{
	struct stat about;

	PH_ASSERT(fstat(fd, &about) == 0);
	return about.st_ino;
}

static ino_t
directory_inode(const char *path)
{
	char copy[512];
	struct stat about;

	snprintf(copy, sizeof copy, "%s", path);
	char *slash = strrchr(copy, '/');
	PH_ASSERT(slash != NULL);
	*slash = '\0';
	PH_ASSERT(stat(copy, &about) == 0);
	return about.st_ino;
}

static fake_undo *
remember(fake_disk *disk, undo_kind kind, ino_t inode, size_t length)
{
	fake_undo *undo = calloc(1, sizeof *undo + length);

	PH_ASSERT(undo != NULL);
	undo->kind = kind;
	undo->inode = inode;
	undo->fd = -1;
	undo->length = length;
	undo->older = disk->undo;
	disk->undo = undo;
	return undo;
}

static void
forget(fake_undo *undo)
{
	if (undo->kept[0] != '\0')
		unlink(undo->kept);
	free(undo);
}

/* A descriptor of ours for an open file, whatever it was opened for. */
static int
own_fd(fake_disk *disk, int fd)
{
	ino_t inode = inode_of(fd);
	char path[64];

	for (size_t i = 0; i < disk->file_count; i++) {
		if (disk->files[i].inode == inode)
			return disk->files[i].fd;
	}
	PH_ASSERT(disk->file_count < sizeof disk->files / sizeof *disk->files);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, O_RDWR | O_CLOEXEC);
	PH_ASSERT(own >= 0);
	disk->files[disk->file_count].inode = inode;
	disk->files[disk->file_count++].fd = own;
	return own;
}

/* Remember the bytes that are in a range now, page by page. */
static void
remember_data(fake_disk *disk, int fd, int64_t offset, size_t length)
{
	ino_t inode = inode_of(fd);

	while (length > 0) {
		size_t part = PAGE - (size_t) (offset % PAGE);

		if (part > length)
			part = length;
		for (fake_undo *old = disk->undo; old != NULL; old = old->older) {
			if (old->kind == UNDO_DATA && old->inode == inode &&
			    old->offset / PAGE == offset / PAGE)
				old->stuck = false;
		}
		fake_undo *undo = remember(disk, UNDO_DATA, inode, part);
		undo->fd = own_fd(disk, fd);
		undo->offset = offset;
		PH_ASSERT(pread(undo->fd, undo->bytes, part, offset) >= 0);
		offset += (int64_t) part;
		length -= part;
	}
}

static void
remember_size(fake_disk *disk, int fd, int64_t size)
{
	fake_undo *undo = remember(disk, UNDO_SIZE, inode_of(fd), 0);

	undo->fd = own_fd(disk, fd);
	undo->size = size;
}

static void
remember_name(fake_disk *disk, undo_kind kind, const char *from, const char *to)
{
	fake_undo *undo = remember(disk, kind, directory_inode(to), 0);

	snprintf(undo->from, sizeof undo->from, "%s", from);
	snprintf(undo->to, sizeof undo->to, "%s", to);
	if (kind == UNDO_CREATE || access(to, F_OK) != 0)
		return;
	snprintf(undo->kept, sizeof undo->kept, "%s/%u", disk->aside, disk->saved++);
	PH_ASSERT(link(to, undo->kept) == 0);
}

/* What a sync of this file or directory makes good. */
static void
settle(fake_disk *disk, ino_t inode, bool directory)
{
	fake_undo **at = &disk->undo;

	while (*at != NULL) {
		fake_undo *undo = *at;
		bool name = undo->kind >= UNDO_RENAME;

		if (undo->inode == inode && name == directory && !undo->stuck) {
			*at = undo->older;
			forget(undo);
		} else
			at = &undo->older;
	}
}

/* --- the calls ------------------------------------------------------------------------ */

static int
fake_open(void *self, const char *path, int flags, mode_t mode)
{
	fake_disk *disk = disk_of(self);

	if (counted(disk, FAKE_OPEN))
		return -1;
	bool fresh = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
	if ((flags & O_CREAT) != 0 && crash_now(disk))
		crash(disk);
	int fd = open(path, flags | O_CLOEXEC, mode);
	if (fd < 0)
		return -1;
	if (fresh)
		remember_name(disk, UNDO_CREATE, path, path);
	PH_ASSERT(disk->fd_count < sizeof disk->fds / sizeof *disk->fds);
	disk->fds[disk->fd_count++] = fd;
	return fd;
}

static ssize_t
fake_pread(void *self, int fd, void *bytes, size_t length, int64_t offset)
{
	if (counted(disk_of(self), FAKE_PREAD))
		return -1;
	return pread(fd, bytes, length, offset);
}

static ssize_t
fake_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	fake_disk *disk = disk_of(self);
	struct stat about;

	if (counted(disk, FAKE_PWRITE))
		return -1;
	if (fd == disk->direct &&
	    (((uintptr_t) bytes | length | (uint64_t) offset) & 4095) != 0) {
		errno = EINVAL;
		return -1;
	}
	if (disk->short_writes && length > 512) /* a sector is written wholly */
		length /= 2;
	bool last = crash_now(disk);
	if (last)
		length = (size_t) fake_random(&disk->random, length + 1);
	PH_ASSERT(fstat(fd, &about) == 0);
	if (offset + (int64_t) length > about.st_size)
		remember_size(disk, fd, about.st_size);
	remember_data(disk, fd, offset, length);
	ssize_t put = length == 0 ? 0 : pwrite(fd, bytes, length, offset);
	if (last)
		crash(disk);
	return put;
}

static int
fake_sync(fake_disk *disk, fake_call call, int fd)
{
	struct stat about;

	PH_ASSERT(fstat(fd, &about) == 0);
	if (counted(disk, call)) {
		for (fake_undo *undo = disk->undo; undo != NULL; undo = undo->older) {
			if (undo->kind == UNDO_DATA && undo->inode == about.st_ino)
				undo->stuck = true;
		}
		return -1;
	}
	if (crash_now(disk))
		crash(disk);
	settle(disk, about.st_ino, S_ISDIR(about.st_mode));
	return 0;
}

static int
fake_fdatasync(void *self, int fd)
{
	return fake_sync(disk_of(self), FAKE_FDATASYNC, fd);
}

static int
fake_fsync(void *self, int fd)
{
	return fake_sync(disk_of(self), FAKE_FSYNC, fd);
}

static int
fake_ftruncate(void *self, int fd, int64_t length)
{
	fake_disk *disk = disk_of(self);
	struct stat about;

	if (counted(disk, FAKE_FTRUNCATE))
		return -1;
	if (crash_now(disk))
		crash(disk);
	PH_ASSERT(fstat(fd, &about) == 0);
	/* Undoing goes from the newest: first the size, then the bytes. */
	if (length < about.st_size)
		remember_data(disk, fd, length, (size_t) (about.st_size - length));
	remember_size(disk, fd, about.st_size);
	return ftruncate(fd, length);
}

static int
fake_fallocate(void *self, int fd, int64_t length)
{
	fake_disk *disk = disk_of(self);
	struct stat about;

	if (counted(disk, FAKE_FALLOCATE))
		return -1;
	if (crash_now(disk))
		crash(disk);
	PH_ASSERT(fstat(fd, &about) == 0);
	if (length <= about.st_size)
		return 0;
	remember_size(disk, fd, about.st_size);
	return ftruncate(fd, length);
}

static int
fake_rename(void *self, const char *from, const char *to)
{
	fake_disk *disk = disk_of(self);

	if (counted(disk, FAKE_RENAME))
		return -1;
	if (crash_now(disk))
		crash(disk);
	remember_name(disk, UNDO_RENAME, from, to);
	return rename(from, to);
}

static int
fake_unlink(void *self, const char *path)
{
	fake_disk *disk = disk_of(self);

	if (counted(disk, FAKE_UNLINK))
		return -1;
	if (crash_now(disk))
		crash(disk);
	remember_name(disk, UNDO_UNLINK, path, path);
	return unlink(path);
}

static int
fake_mkdir(void *self, const char *path, mode_t mode)
{
	if (counted(disk_of(self), FAKE_MKDIR))
		return -1;
	return mkdir(path, mode);
}

static int
fake_close(void *self, int fd)
{
	fake_disk *disk = disk_of(self);

	for (size_t i = 0; i < disk->fd_count; i++) {
		if (disk->fds[i] == fd) {
			disk->fds[i] = disk->fds[--disk->fd_count];
			break;
		}
	}
	if (disk->direct == fd)
		disk->direct = 0;
	return close(fd);
}

static int64_t
fake_size(void *self, int fd)
{
	struct stat about;

	(void) self;
	return fstat(fd, &about) == 0 ? (int64_t) about.st_size : -1;
}

static int64_t
fake_space(void *self, const char *path)
{
	(void) self;
	(void) path;
	return 1 << 30;
}

static int
fake_direct(void *self, int fd, bool on)
{
	fake_disk *disk = disk_of(self);

	if (counted(disk, FAKE_DIRECT))
		return -1;
	disk->direct = on ? fd : 0;
	return 0;
}

void
fake_disk_init(fake_disk *disk, const char *aside, uint64_t seed)
{
	*disk = (fake_disk){
	    .fs =
		{
		    .open = fake_open,
		    .pread = fake_pread,
		    .pwrite = fake_pwrite,
		    .fdatasync = fake_fdatasync,
		    .fsync = fake_fsync,
		    .ftruncate = fake_ftruncate,
		    .fallocate = fake_fallocate,
		    .rename = fake_rename,
		    .unlink = fake_unlink,
		    .mkdir = fake_mkdir,
		    .close = fake_close,
		    .size = fake_size,
		    .space = fake_space,
		    .direct = fake_direct,
		    .self = disk,
		},
	    .random = seed * 2 + 1,
	    .fail_errno = EIO,
	};
	snprintf(disk->aside, sizeof disk->aside, "%s", aside);
}

void
fake_disk_fini(fake_disk *disk)
{
	while (disk->undo != NULL) {
		fake_undo *undo = disk->undo;

		disk->undo = undo->older;
		forget(undo);
	}
	while (disk->file_count > 0)
		close(disk->files[--disk->file_count].fd);
	fake_disk_close_all(disk);
}

void
fake_disk_close_all(fake_disk *disk)
{
	while (disk->fd_count > 0)
		close(disk->fds[--disk->fd_count]);
}

/* --- the power cut -------------------------------------------------------------------- */

/* Sectors whose newest unsynced bytes reached the disk: older ones do not matter there. */
typedef struct sectors {
	struct {
		ino_t inode;
		int64_t number;
		bool kept;
	} * list;
	size_t count;
	size_t size;
} sectors;

/* Did this write of the sector reach the disk? A sector that was kept once stays as it is. */
static bool
sector_kept(fake_disk *disk, sectors *known, ino_t inode, int64_t number)
{
	for (size_t i = 0; i < known->count; i++) {
		if (known->list[i].inode == inode && known->list[i].number == number)
			return true;
	}
	if (fake_random(&disk->random, 2) == 0)
		return false;
	if (known->count == known->size) {
		known->size = known->size == 0 ? 64 : known->size * 2;
		known->list = realloc(known->list, known->size * sizeof *known->list);
		PH_ASSERT(known->list != NULL);
	}
	known->list[known->count].inode = inode;
	known->list[known->count++].number = number;
	return true;
}

static void
undo_data(fake_disk *disk, sectors *known, const fake_undo *undo)
{
	for (size_t at = 0; at < undo->length;) {
		int64_t offset = undo->offset + (int64_t) at;
		size_t part = SECTOR - (size_t) (offset % SECTOR);

		if (part > undo->length - at)
			part = undo->length - at;
		struct stat about;
		PH_ASSERT(fstat(undo->fd, &about) == 0);
		if (offset < about.st_size &&
		    !sector_kept(disk, known, undo->inode, offset / SECTOR)) {
			if (offset + (int64_t) part > about.st_size)
				part = (size_t) (about.st_size - offset);
			PH_ASSERT(pwrite(undo->fd, undo->bytes + at, part, offset) ==
				  (ssize_t) part);
		}
		at += part;
	}
}

static void
undo_name(const fake_undo *undo)
{
	switch (undo->kind) {
	case UNDO_CREATE:
		PH_ASSERT(unlink(undo->to) == 0);
		break;
	case UNDO_RENAME:
		PH_ASSERT(rename(undo->to, undo->from) == 0);
		break;
	case UNDO_UNLINK:
	case UNDO_DATA:
	case UNDO_SIZE:
		break;
	}
	if (undo->kept[0] != '\0')
		PH_ASSERT(link(undo->kept, undo->to) == 0);
}

void
fake_disk_cut_power(fake_disk *disk)
{
	sectors known = {0};
	unsigned names = 0;

	for (fake_undo *undo = disk->undo; undo != NULL; undo = undo->older)
		names += undo->kind >= UNDO_RENAME;
	unsigned lost = (unsigned) fake_random(&disk->random, names + 1);
	while (disk->undo != NULL) {
		fake_undo *undo = disk->undo;

		disk->undo = undo->older;
		if (undo->kind == UNDO_DATA)
			undo_data(disk, &known, undo);
		else if (undo->kind == UNDO_SIZE) {
			if (fake_random(&disk->random, 2) == 0)
				PH_ASSERT(ftruncate(undo->fd, undo->size) == 0);
		} else if (lost > 0) {
			lost--;
			undo_name(undo);
		}
		forget(undo);
	}
	free(known.list);
}
