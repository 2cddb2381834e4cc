/* trace - see trace.h. */
#include "tests/crash/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/assert.h"
#include "tests/unit/fake_disk.h"

#define SECTOR 512 /* bytes that are written wholly, or not at all */

static trace *
trace_of(void *self)
{
	return self;
}

/* With the lock held: room for one more. */
static trace_op *
add(trace *self, trace_kind kind, unsigned file)
{
	if (self->count == self->size) {
		self->size = self->size == 0 ? 256 : self->size * 2;
		self->ops = realloc(self->ops, self->size * sizeof *self->ops);
		PH_ASSERT(self->ops != NULL);
	}
	trace_op *op = &self->ops[self->count++];
	*op = (trace_op){.kind = kind, .file = file};
	return op;
}

static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	PH_ASSERT(copy != NULL);
	return copy;
}

/* The path below the root; NULL: it is elsewhere. */
static const char *
below(const trace *self, const char *path)
{
	size_t length = strlen(self->root);

	if (strncmp(path, self->root, length) != 0)
		return NULL;
	return path[length] == '/' ? path + length + 1 : path + length;
}

static unsigned *
named(trace *self, const char *path)
{
	for (size_t i = 0; i < self->name_count; i++) {
		if (strcmp(self->names[i].path, path) == 0)
			return &self->names[i].file;
	}
	return NULL;
}

static void
set_name(trace *self, const char *path, unsigned file)
{
	unsigned *found = named(self, path);

	if (found == NULL) {
		PH_ASSERT(self->name_count < sizeof self->names / sizeof *self->names);
		snprintf(self->names[self->name_count].path, TRACE_PATH, "%s", path);
		found = &self->names[self->name_count++].file;
	}
	*found = file;
}

/* The number of the file that had the name, or 0. */
static unsigned
take_name(trace *self, const char *path)
{
	for (size_t i = 0; i < self->name_count; i++) {
		if (strcmp(self->names[i].path, path) == 0) {
			unsigned file = self->names[i].file;

			self->names[i] = self->names[--self->name_count];
			return file;
		}
	}
	return 0;
}

/*
 * A changing call begins: take the lock. False: it must not be done, and nothing is locked.
 * *last: the process dies in it.
 */
static bool
begin(trace *self, bool *last)
{
	if (self->hook != NULL && pthread_equal(self->owner, pthread_self()))
		self->hook(self->hook_arg);
	pthread_mutex_lock(&self->lock);
	*last = self->die_in > 0 && --self->die_in == 0;
	if (!self->dead)
		return true;
	pthread_mutex_unlock(&self->lock);
	errno = EIO;
	return false;
}

/* The call is over; what it gave. */
static int
end(trace *self, bool last, int result)
{
	int failed = errno;

	if (last) {
		self->dead = true;
		result = -1;
		failed = EIO;
	}
	pthread_mutex_unlock(&self->lock);
	errno = failed;
	return result;
}

/* --- the calls ------------------------------------------------------------------------- */

static void
note_open(trace *self, int fd, const char *path, int flags)
{
	const char *name = below(self, path);

	PH_ASSERT(fd < (int) (sizeof self->fds / sizeof *self->fds));
	self->fds[fd] = 0;
	if (name == NULL)
		return;
	unsigned *found = named(self, name);
	if (found != NULL)
		self->fds[fd] = *found;
	else if ((flags & O_CREAT) != 0) {
		self->fds[fd] = ++self->files;
		set_name(self, name, self->files);
		add(self, TRACE_CREATE, self->files)->to = copy_of(name);
	}
	if (found != NULL && (flags & O_TRUNC) != 0)
		add(self, TRACE_SIZE, *found);
}

static int
trace_open(void *arg, const char *path, int flags, mode_t mode)
{
	trace *self = trace_of(arg);
	bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
	bool last = false;

	if (changes && !begin(self, &last))
		return -1;
	if (!changes)
		pthread_mutex_lock(&self->lock);
	int fd = last ? -1 : open(path, flags | O_CLOEXEC, mode);
	if (fd >= 0)
		note_open(self, fd, path, flags);
	return end(self, last, fd);
}

static ssize_t
trace_pread(void *arg, int fd, void *bytes, size_t length, int64_t offset)
{
	(void) arg;
	return pread(fd, bytes, length, offset);
}

/* So much of a write is done when the process dies in it: what lies within a sector is whole, or not
 * there at all. */
static size_t
part_of(trace *self, uint64_t offset, size_t length)
{
	uint64_t end = offset + fake_random(&self->random, length + 1);

	if (end < offset + length)
		end -= end % SECTOR;
	return end > offset ? (size_t) (end - offset) : 0;
}

static ssize_t
trace_pwrite(void *arg, int fd, const void *bytes, size_t length, int64_t offset)
{
	trace *self = trace_of(arg);
	bool last = false;

	if (!begin(self, &last))
		return -1;
	if (last)
		length = part_of(self, (uint64_t) offset, length);
	ssize_t put = length == 0 ? 0 : pwrite(fd, bytes, length, offset);
	if (put > 0 && self->fds[fd] != 0) {
		trace_op *op = add(self, TRACE_WRITE, self->fds[fd]);

		op->offset = (uint64_t) offset;
		op->length = (size_t) put;
		op->bytes = malloc(op->length);
		PH_ASSERT(op->bytes != NULL);
		memcpy(op->bytes, bytes, op->length);
	}
	return end(self, last, 0) == 0 ? put : -1;
}

/* Names are known by directory; a descriptor of one leads to its path. */
static void
note_sync(trace *self, int fd)
{
	char link[64];
	char path[TRACE_PATH * 2];
	struct stat about;

	PH_ASSERT(fstat(fd, &about) == 0);
	if (!S_ISDIR(about.st_mode)) {
		if (self->fds[fd] != 0)
			add(self, TRACE_SYNC, self->fds[fd]);
		return;
	}
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	PH_ASSERT(length > 0);
	path[length] = '\0';
	const char *name = below(self, path);
	if (name != NULL)
		add(self, TRACE_SYNC_NAMES, 0)->to = copy_of(name);
}

/* The system is not asked: that it is done at once changes nothing that can be seen here. */
static int
trace_sync(void *arg, int fd)
{
	trace *self = trace_of(arg);
	bool last = false;

	if (!begin(self, &last))
		return -1;
	if (!last)
		note_sync(self, fd);
	return end(self, last, 0);
}

static int
resize(trace *self, int fd, int64_t length, bool grow_only)
{
	struct stat about;
	bool last = false;

	if (!begin(self, &last))
		return -1;
	PH_ASSERT(fstat(fd, &about) == 0);
	int result = 0;
	if (!last && (!grow_only || about.st_size < length)) {
		result = ftruncate(fd, length);
		if (result == 0 && self->fds[fd] != 0)
			add(self, TRACE_SIZE, self->fds[fd])->offset =
			    (uint64_t) length;
	}
	return end(self, last, result);
}

static int
trace_ftruncate(void *arg, int fd, int64_t length)
{
	return resize(trace_of(arg), fd, length, false);
}

static int
trace_fallocate(void *arg, int fd, int64_t length)
{
	return resize(trace_of(arg), fd, length, true);
}

static int
trace_rename(void *arg, const char *from, const char *to)
{
	trace *self = trace_of(arg);
	const char *from_name = below(self, from);
	const char *to_name = below(self, to);
	bool last = false;

	if (!begin(self, &last))
		return -1;
	int result = last ? -1 : rename(from, to);
	if (result == 0 && from_name != NULL && to_name != NULL) {
		unsigned file = take_name(self, from_name);
		trace_op *op = add(self, TRACE_RENAME, file);

		set_name(self, to_name, file);
		op->from = copy_of(from_name);
		op->to = copy_of(to_name);
	}
	return end(self, last, result);
}

static int
trace_unlink(void *arg, const char *path)
{
	trace *self = trace_of(arg);
	const char *name = below(self, path);
	bool last = false;

	if (!begin(self, &last))
		return -1;
	int result = last ? -1 : unlink(path);
	unsigned file = result == 0 && name != NULL ? take_name(self, name) : 0;
	if (file != 0)
		add(self, TRACE_UNLINK, file)->to = copy_of(name);
	return end(self, last, result);
}

static int
trace_mkdir(void *arg, const char *path, mode_t mode)
{
	(void) arg;
	return mkdir(path, mode);
}

static int
trace_close(void *arg, int fd)
{
	trace *self = trace_of(arg);

	pthread_mutex_lock(&self->lock);
	self->fds[fd] = 0;
	int result = close(fd);
	pthread_mutex_unlock(&self->lock);
	return result;
}

static int64_t
trace_size(void *arg, int fd)
{
	struct stat about;

	(void) arg;
	return fstat(fd, &about) == 0 ? (int64_t) about.st_size : -1;
}

static int64_t
trace_space(void *arg, const char *path)
{
	(void) arg;
	(void) path;
	return 1 << 30;
}

static int
trace_direct(void *arg, int fd, bool on)
{
	(void) arg;
	(void) fd;
	(void) on;
	return 0;
}

/* --------------------------------------------------------------------------------------- */

void
trace_init(trace *self, const char *root, uint64_t seed)
{
	*self = (trace){
	    .fs =
		{
		    .open = trace_open,
		    .pread = trace_pread,
		    .pwrite = trace_pwrite,
		    .fdatasync = trace_sync,
		    .fsync = trace_sync,
		    .ftruncate = trace_ftruncate,
		    .fallocate = trace_fallocate,
		    .rename = trace_rename,
		    .unlink = trace_unlink,
		    .mkdir = trace_mkdir,
		    .close = trace_close,
		    .size = trace_size,
		    .space = trace_space,
		    .direct = trace_direct,
		    .self = self,
		},
	    .random = seed * 2 + 1,
	};
	char *real = realpath(root, NULL);
	PH_ASSERT(real != NULL && strlen(real) < sizeof self->root);
	snprintf(self->root, sizeof self->root, "%s", real);
	free(real);
	PH_ASSERT(pthread_mutex_init(&self->lock, NULL) == 0);
	self->owner = pthread_self();
}

void
trace_fini(trace *self)
{
	for (size_t i = 0; i < self->count; i++) {
		free(self->ops[i].bytes);
		free(self->ops[i].from);
		free(self->ops[i].to);
	}
	free(self->ops);
	pthread_mutex_destroy(&self->lock);
}

void
trace_note_down(trace *self, uint32_t what, uint64_t first, uint64_t second)
{
	pthread_mutex_lock(&self->lock);
	add(self, TRACE_NOTE, 0)->note = (trace_note){what, first, second};
	pthread_mutex_unlock(&self->lock);
}

void
trace_die(trace *self)
{
	pthread_mutex_lock(&self->lock);
	self->dead = true;
	pthread_mutex_unlock(&self->lock);
}

bool
trace_dead(trace *self)
{
	pthread_mutex_lock(&self->lock);
	bool dead = self->dead;
	pthread_mutex_unlock(&self->lock);
	return dead;
}

void
trace_next_life(trace *self)
{
	self->dead = false;
	self->die_in = 0;
}
