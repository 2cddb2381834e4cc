/*
 * power - a page keeps its versions since the last sync, newest last; a file its sizes; and what
 * was done to names stands in one list, from which what is synced goes into the names that hold.
 *
 * A state is a choice for each of the units: the names, and of each file that may have a name its
 * size and its pages. A state's number has the units' choices as its digits.
 */
#include "tests/crash/power.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/assert.h"
#include "tests/unit/fake_disk.h"

#define PAGE   4096u
#define SECTOR 512u

/* versions[0] is the synced one; NULL: zeros. */
typedef struct page {
	uint8_t **versions;
	size_t count; /* 0: never written */
} page;

typedef struct file {
	page *pages;
	size_t page_count;
	uint64_t *sizes; /* sizes[0] is the synced one */
	size_t size_count;
	bool wanted; /* it may have a name */
} file;

typedef struct name {
	char *path;
	unsigned file;
} name;

struct power {
	file *files; /* by number */
	size_t file_count;
	name *names; /* that hold for sure */
	size_t name_count;
	trace_op *pending; /* done to names and not synced; the paths are lent */
	size_t pending_count;
};

/* How a state is chosen: by the digits of a number, or by chance. */
typedef struct choice {
	uint64_t number;
	uint64_t *random; /* NULL: by the number */
} choice;

static void *
grown(void *array, size_t count, size_t size)
{
	void *more = realloc(array, count * size);

	PH_ASSERT(more != NULL);
	return more;
}

power *
power_new(void)
{
	power *self = calloc(1, sizeof *self);

	PH_ASSERT(self != NULL);
	return self;
}

static void
forget_versions(page *at, size_t keep)
{
	while (at->count > keep)
		free(at->versions[--at->count]);
}

void
power_destroy(power **self_p)
{
	power *self = *self_p;

	for (size_t i = 0; i < self->file_count; i++) {
		for (size_t k = 0; k < self->files[i].page_count; k++) {
			forget_versions(&self->files[i].pages[k], 0);
			free(self->files[i].pages[k].versions);
		}
		free(self->files[i].pages);
		free(self->files[i].sizes);
	}
	for (size_t i = 0; i < self->name_count; i++)
		free(self->names[i].path);
	free(self->files);
	free(self->names);
	free(self->pending);
	free(self);
	*self_p = NULL;
}

/* --- applying --------------------------------------------------------------------------- */

static file *
file_of(power *self, unsigned number)
{
	while (self->file_count <= number) {
		self->files = grown(self->files, ++self->file_count, sizeof(file));
		file *at = &self->files[self->file_count - 1];

		*at = (file){.size_count = 1};
		at->sizes = calloc(1, sizeof *at->sizes);
		PH_ASSERT(at->sizes != NULL);
	}
	return &self->files[number];
}

/* A new version of a page, equal to the newest. */
static uint8_t *
new_version(file *at, size_t number)
{
	uint8_t *fresh = calloc(1, PAGE);

	PH_ASSERT(fresh != NULL);
	if (at->page_count <= number) {
		at->pages = grown(at->pages, number + 1, sizeof(page));
		memset(at->pages + at->page_count, 0,
		    (number + 1 - at->page_count) * sizeof(page));
		at->page_count = number + 1;
	}
	page *which = &at->pages[number];
	size_t most = which->count == 0 ? 2 : which->count + 1;
	which->versions = grown(which->versions, most, sizeof *which->versions);
	if (which->count == 0)
		which->versions[which->count++] = NULL;
	const uint8_t *newest = which->versions[which->count - 1];
	if (newest != NULL)
		memcpy(fresh, newest, PAGE);
	which->versions[which->count++] = fresh;
	return fresh;
}

/* A size that is as before is none. */
static void
new_size(file *at, uint64_t size)
{
	if (at->sizes[at->size_count - 1] == size)
		return;
	at->sizes = grown(at->sizes, at->size_count + 1, sizeof *at->sizes);
	at->sizes[at->size_count++] = size;
}

static void
apply_write(file *at, const trace_op *op)
{
	uint64_t end = op->offset + op->length;

	for (uint64_t done = 0; done < op->length;) {
		uint64_t place = op->offset + done;
		uint64_t part = PAGE - place % PAGE;

		if (part > op->length - done)
			part = op->length - done;
		uint8_t *bytes = new_version(at, (size_t) (place / PAGE));
		memcpy(bytes + place % PAGE, op->bytes + done, part);
		done += part;
	}
	if (end > at->sizes[at->size_count - 1])
		new_size(at, end);
}

/* What is cut off reads as zeros if it ever comes again. */
static void
apply_size(file *at, uint64_t size)
{
	for (size_t i = (size_t) (size / PAGE); i < at->page_count; i++) {
		size_t from = i == size / PAGE ? (size_t) (size % PAGE) : 0;

		if (at->pages[i].count > 0)
			memset(new_version(at, i) + from, 0, PAGE - from);
	}
	new_size(at, size);
}

static void
apply_sync(file *at)
{
	for (size_t i = 0; i < at->page_count; i++) {
		page *which = &at->pages[i];

		if (which->count < 2)
			continue;
		uint8_t *newest = which->versions[which->count - 1];
		which->versions[which->count - 1] = which->versions[0];
		which->versions[0] = newest;
		forget_versions(which, 1);
	}
	at->sizes[0] = at->sizes[at->size_count - 1];
	at->size_count = 1;
}

static void
drop_name(name *names, size_t *count, const char *path)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(names[i].path, path) == 0) {
			free(names[i].path);
			names[i] = names[--*count];
			return;
		}
	}
}

/* Do to names (an array with room for one more) what an operation does. */
static void
change_names(name *names, size_t *count, const trace_op *op)
{
	if (op->kind == TRACE_RENAME)
		drop_name(names, count, op->from);
	drop_name(names, count, op->to);
	if (op->kind == TRACE_UNLINK)
		return;
	names[*count].path = strdup(op->to);
	PH_ASSERT(names[*count].path != NULL);
	names[(*count)++].file = op->file;
}

static bool
is_in(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (length == 0)
		return strchr(path, '/') == NULL;
	return strncmp(path, directory, length) == 0 && path[length] == '/' &&
	       strchr(path + length + 1, '/') == NULL;
}

static void
sync_names(power *self, const char *directory)
{
	size_t left = 0;

	for (size_t i = 0; i < self->pending_count; i++) {
		if (!is_in(self->pending[i].to, directory)) {
			self->pending[left++] = self->pending[i];
			continue;
		}
		self->names = grown(self->names, self->name_count + 1, sizeof(name));
		change_names(self->names, &self->name_count, &self->pending[i]);
	}
	self->pending_count = left;
}

void
power_apply(power *self, const trace_op *op)
{
	switch (op->kind) {
	case TRACE_WRITE:
		apply_write(file_of(self, op->file), op);
		break;
	case TRACE_SIZE:
		apply_size(file_of(self, op->file), op->offset);
		break;
	case TRACE_SYNC:
		apply_sync(file_of(self, op->file));
		break;
	case TRACE_SYNC_NAMES:
		sync_names(self, op->to);
		break;
	case TRACE_CREATE:
	case TRACE_RENAME:
	case TRACE_UNLINK:
		(void) file_of(self, op->file);
		self->pending = grown(
		    self->pending, self->pending_count + 1, sizeof *self->pending);
		self->pending[self->pending_count++] = *op;
		break;
	case TRACE_NOTE:
		break;
	}
}

/* --- counting ---------------------------------------------------------------------------- */

/* Which files may have a name after a cut? */
static void
find_wanted(power *self)
{
	for (size_t i = 0; i < self->file_count; i++)
		self->files[i].wanted = false;
	for (size_t i = 0; i < self->name_count; i++)
		self->files[self->names[i].file].wanted = true;
	for (size_t i = 0; i < self->pending_count; i++)
		self->files[self->pending[i].file].wanted = true;
}

static uint64_t
times(uint64_t product, uint64_t factor, uint64_t most)
{
	return product > most / factor ? UINT64_MAX : product * factor;
}

uint64_t
power_states(power *self, uint64_t most)
{
	uint64_t product = times(1, self->pending_count + 1, most);

	find_wanted(self);
	for (size_t i = 0; i < self->file_count && product <= most; i++) {
		const file *at = &self->files[i];

		if (!at->wanted)
			continue;
		product = times(product, at->size_count, most);
		for (size_t k = 0; k < at->page_count && product <= most; k++) {
			if (at->pages[k].count > 1)
				product = times(product, at->pages[k].count, most);
		}
	}
	return product;
}

/* --- making ------------------------------------------------------------------------------ */

static size_t
choose(choice *by, size_t options)
{
	if (options < 2)
		return 0;
	if (by->random != NULL) /* the first and the last are worth more */
		switch (fake_random(by->random, 4)) {
		case 0:
			return 0;
		case 1:
			return options - 1;
		default:
			return (size_t) fake_random(by->random, options);
		}
	size_t digit = (size_t) (by->number % options);
	by->number /= options;
	return digit;
}

static int
remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
	(void) about;
	(void) type;
	return where->level == 0 ? 0 : remove(path);
}

static int
make_file(const char *root, const char *path)
{
	char whole[TRACE_PATH * 3];

	snprintf(whole, sizeof whole, "%s/%s", root, path);
	for (char *slash = whole + strlen(root) + 1;
	     (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
		*slash = '\0';
		(void) mkdir(whole, 0700);
	}
	int fd = open(whole, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	PH_ASSERT(fd >= 0);
	return fd;
}

/* A page as it is after the cut; NULL: zeros. `torn` is memory for it. */
static const uint8_t *
chosen_page(choice *by, const page *which, uint8_t torn[PAGE])
{
	if (which->count == 0)
		return NULL;
	if (by->random == NULL || which->count < 2 || fake_random(by->random, 3) > 0)
		return which->versions[choose(by, which->count)];
	for (size_t at = 0; at < PAGE; at += SECTOR) {
		const uint8_t *from = which->versions[choose(by, which->count)];

		if (from == NULL)
			memset(torn + at, 0, SECTOR);
		else
			memcpy(torn + at, from + at, SECTOR);
	}
	return torn;
}

static void
fill_file(choice *by, const file *at, int fd)
{
	uint8_t torn[PAGE];
	uint64_t size = at->sizes[choose(by, at->size_count)];
	uint8_t *whole = calloc(at->page_count + 1, PAGE);
	uint64_t used = 0;

	PH_ASSERT(whole != NULL);
	for (size_t i = 0; i < at->page_count; i++) {
		const uint8_t *bytes = chosen_page(by, &at->pages[i], torn);

		if (bytes == NULL)
			continue;
		memcpy(whole + i * PAGE, bytes, PAGE);
		used = (i + 1) * (uint64_t) PAGE;
	}
	if (used > size)
		used = size;
	if (fd >= 0) {
		PH_ASSERT(ftruncate(fd, (off_t) size) == 0);
		PH_ASSERT(pwrite(fd, whole, used, 0) == (ssize_t) used);
	}
	free(whole);
}

static void
make(power *self, choice *by, const char *root)
{
	size_t count = 0;
	name *names = calloc(self->name_count + self->pending_count + 1, sizeof *names);

	PH_ASSERT(names != NULL);
	for (; count < self->name_count; count++) {
		names[count].file = self->names[count].file;
		names[count].path = strdup(self->names[count].path);
		PH_ASSERT(names[count].path != NULL);
	}
	size_t done = choose(by, self->pending_count + 1);
	for (size_t i = 0; i < done; i++)
		change_names(names, &count, &self->pending[i]);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	find_wanted(self);
	for (size_t i = 0; i < self->file_count; i++) {
		int fd = -1;

		if (!self->files[i].wanted)
			continue;
		for (size_t k = 0; k < count && fd < 0; k++) {
			if (names[k].file == i)
				fd = make_file(root, names[k].path);
		}
		fill_file(by, &self->files[i], fd); /* the digits count in any case */
		if (fd >= 0)
			close(fd);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i].path);
	free(names);
}

void
power_make(power *self, uint64_t number, const char *root)
{
	make(self, &(choice){.number = number}, root);
}

void
power_sample(power *self, uint64_t *random, const char *root)
{
	make(self, &(choice){.random = random}, root);
}
