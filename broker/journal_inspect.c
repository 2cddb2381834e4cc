/*
 * journal_inspect - a scan that keeps all ranges, and a walk that knows them.
 *
 * A broker that runs may trim while the files are read. It takes a file's name away before it
 * touches what is in it, so a file that still has its name when it has been read was read whole;
 * for one that has not, the scan is made again. It also writes: a record may be seen in part. But
 * one that its marks say was synced was in the file before the mark was, and what follows the last
 * such record does not count here.
 */
#include "broker/journal_inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"

#define CHUNK (256u << 10)
#define TRIES 5 /* scans, each of which a trim overtook */

struct ph_inspection {
	const ph_fs *fs;
	const ph_inspection_watch *watch; /* NULL: nobody asks */
	ph_journal_scan scan;
	bool held;    /* a process had it open before or after the scan */
	pid_t holder; /* which */
	ph_journal_range *damage;
	size_t damage_count, damage_room;
	bool no_memory; /* for a range */

	/* the walk */
	uint64_t from; /* records before this one are passed over */
	size_t file;   /* place of the file in the scan */
	int fd;	       /* of that file; -1: not opened yet */
	ph_cursor cursor;
	uint64_t before; /* bytes of the files before it */
	char directory[];
};

const char *
ph_journal_end_name(ph_journal_end end)
{
	switch (end) {
	case PH_END_OPEN:
		return "open";
	case PH_END_CLOSED:
		return "closed";
	case PH_END_IDLE:
		return "idle";
	case PH_END_UNCLEAN:
		return "unclean";
	case PH_END_TORN:
		return "torn";
	case PH_END_LOST:
		return "lost";
	}
	PH_UNREACHABLE("an end");
}

/* --- the scan --- */

static void
keep_range(void *self, const ph_journal_range *range)
{
	ph_inspection *inspection = self;

	if (inspection->damage_count == inspection->damage_room) {
		size_t room = 2 * inspection->damage_room + 16;
		ph_journal_range *larger =
		    realloc(inspection->damage, room * sizeof *larger);

		if (larger == NULL) {
			inspection->no_memory = true;
			return;
		}
		inspection->damage = larger;
		inspection->damage_room = room;
	}
	inspection->damage[inspection->damage_count++] = *range;
}

static void
tell_progress(void *self, uint64_t done, uint64_t bytes)
{
	const ph_inspection *inspection = self;

	if (inspection->watch != NULL)
		inspection->watch->progress(inspection->watch->self, done, bytes);
}

static int
by_place(const void *left, const void *right)
{
	const ph_journal_range *a = left, *b = right;

	if (a->segment != b->segment)
		return a->segment < b->segment ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* What is before the oldest file kept is not needed. */
static void
forget_trimmed(ph_inspection *self)
{
	size_t kept = 0;

	for (size_t i = 0; i < self->damage_count; i++) {
		if (self->damage[i].segment >= self->scan.oldest)
			self->damage[kept++] = self->damage[i];
	}
	self->damage_count = kept;
	if (kept > 1)
		qsort(self->damage, kept, sizeof *self->damage, by_place);
}

static void
ask_holder(ph_inspection *self)
{
	char path[PH_SEGMENT_PATH];
	int length = snprintf(path, sizeof path, "%s/lock", self->directory);

	if (length > 0 && length < (int) sizeof path)
		self->held |= ph_os_locked(path, &self->holder);
}

/* Does the file still have its name? */
static bool
named(const ph_inspection *self, uint32_t number)
{
	char path[PH_SEGMENT_PATH];

	if (ph_segment_path(self->directory, number, path, NULL) != PH_OK)
		return false;
	int fd = self->fs->open(self->fs->self, path, O_RDONLY, 0);
	if (fd < 0)
		return errno != ENOENT;
	self->fs->close(self->fs->self, fd);
	return true;
}

/* Has any file gone while the files were looked at? */
static bool
overtaken(const ph_inspection *self)
{
	for (size_t i = 0; i < self->scan.count; i++) {
		if (!named(self, self->scan.files[i].number))
			return true;
	}
	return false;
}

static ph_status
scan_once(ph_inspection *self, ph_error *err)
{
	const ph_scan_watch watch = {
	    .progress = tell_progress, .damage = keep_range, .self = self};

	self->damage_count = 0;
	ph_journal_scan_fini(&self->scan);
	ask_holder(self);
	ph_status status = ph_journal_scan_watched(
	    self->fs, self->directory, &watch, &self->scan, err);
	ask_holder(self);
	return status;
}

static ph_status
look(ph_inspection *self, ph_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		ph_error why = {0};
		ph_status status = scan_once(self, &why);

		if (status == PH_OK && self->no_memory)
			return ph_fail(
			    err, PH_ERR_NOMEM, "no memory for the damaged ranges");
		if (status == PH_OK && self->scan.count == 0)
			return ph_fail_at(err, PH_ERR_NOT_FOUND, self->directory,
			    "PH7041 there is no journal in this directory");
		bool again =
		    status == PH_OK ? self->damage_count > 0 : why.sys_errno == ENOENT;
		if (!again || !overtaken(self)) {
			if (status != PH_OK && err != NULL)
				*err = why;
			forget_trimmed(self);
			return status;
		}
	}
	return ph_fail_at(err, PH_ERR_CONFLICT, self->directory,
	    "PH7042 the journal was trimmed each time it was read");
}

ph_status
ph_inspection_open(const ph_fs *fs, const char *directory,
    const ph_inspection_watch *watch, ph_inspection **out, ph_error *err)
{
	size_t length = strlen(directory) + 1;
	ph_inspection *self = calloc(1, sizeof *self + length);

	if (self == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to look at the journal");
	self->fs = fs;
	self->watch = watch;
	self->fd = -1;
	memcpy(self->directory, directory, length);
	ph_cursor_init(&self->cursor, fs, CHUNK);
	ph_status status = look(self, err);
	if (status != PH_OK) {
		ph_inspection_close(&self);
		return status;
	}
	*out = self;
	return PH_OK;
}

static void
leave_file(ph_inspection *self)
{
	if (self->fd >= 0)
		self->fs->close(self->fs->self, self->fd);
	self->fd = -1;
}

void
ph_inspection_close(ph_inspection **inspection_p)
{
	ph_inspection *self = *inspection_p;

	*inspection_p = NULL;
	if (self == NULL)
		return;
	leave_file(self);
	ph_cursor_fini(&self->cursor);
	ph_journal_scan_fini(&self->scan);
	free(self->damage);
	free(self);
}

/* --- what was found --- */

const ph_journal_scan *
ph_inspection_scan(const ph_inspection *inspection)
{
	return &inspection->scan;
}

const ph_journal_range *
ph_inspection_damage(const ph_inspection *inspection, size_t *count)
{
	*count = inspection->damage_count;
	return inspection->damage;
}

ph_journal_end
ph_inspection_end(const ph_inspection *inspection)
{
	const ph_journal_scan *scan = &inspection->scan;
	ph_mark mark;

	if (inspection->held)
		return PH_END_OPEN;
	if (scan->lost_end)
		return PH_END_LOST;
	if (scan->used > scan->end)
		return PH_END_TORN;
	if (!scan->settled)
		return PH_END_UNCLEAN;
	if (ph_mark_decode(scan->mark_body, PH_MARK_BODY, &mark, NULL) == PH_OK &&
	    mark.kind == PH_MARK_CLOSE)
		return PH_END_CLOSED;
	return PH_END_IDLE;
}

uint64_t
ph_inspection_last(const ph_inspection *inspection)
{
	return inspection->held ? inspection->scan.proven
				: inspection->scan.report.last;
}

pid_t
ph_inspection_holder(const ph_inspection *inspection)
{
	return inspection->held ? inspection->holder : 0;
}

ph_journal_range
ph_inspection_torn(const ph_inspection *inspection)
{
	const ph_journal_scan *scan = &inspection->scan;

	PH_ASSERT(scan->count > 0);
	return (ph_journal_range){
	    .segment = scan->files[scan->count - 1].number,
	    .offset = scan->end,
	    .length = scan->used - scan->end,
	    .first = scan->next,
	};
}

/* --- the walk --- */

void
ph_inspection_start(ph_inspection *inspection, uint64_t sequence)
{
	const ph_journal_scan *scan = &inspection->scan;

	leave_file(inspection);
	inspection->from = sequence;
	inspection->file = 0;
	inspection->before = 0;
	while (inspection->file < scan->count) {
		uint64_t stop = ph_journal_scan_stop(scan, inspection->file);

		if (scan->files[inspection->file].number >= scan->oldest &&
		    (stop == 0 || stop > sequence))
			return;
		inspection->before += scan->files[inspection->file++].size;
	}
}

static void
next_file(ph_inspection *self)
{
	leave_file(self);
	self->before += self->scan.files[self->file].size;
	self->file++;
}

/* Open the file at hand; one that has gone meanwhile is passed over. */
static ph_status
enter_file(ph_inspection *self, ph_error *err)
{
	const ph_scan_file *file = &self->scan.files[self->file];
	char path[PH_SEGMENT_PATH];
	ph_status status = ph_segment_path(self->directory, file->number, path, err);

	if (status != PH_OK)
		return status;
	if (!file->readable) {
		next_file(self);
		return PH_OK;
	}
	self->fd = self->fs->open(self->fs->self, path, O_RDONLY, 0);
	int failed = errno;
	if (self->fd < 0 && failed == ENOENT && self->held) {
		next_file(self);
		return PH_OK;
	}
	if (self->fd < 0)
		return ph_fail_errno(err, failed, "cannot open %s", path);
	ph_cursor_set(&self->cursor, self->fd,
	    ph_segment_salt(file->head.id, file->number), file->size, PH_SEGMENT_HEAD,
	    file->head.first);
	return PH_OK;
}

static const ph_journal_range *
known_damage(const ph_inspection *self)
{
	uint32_t number = self->scan.files[self->file].number;

	for (size_t i = 0; i < self->damage_count; i++) {
		if (self->damage[i].segment == number &&
		    self->damage[i].offset == self->cursor.offset &&
		    self->damage[i].length > 0)
			return &self->damage[i];
	}
	return NULL;
}

/* Here is no record: what the scan has found, the end of the file, or somebody was at it. */
static ph_status
pass_gap(ph_inspection *self, uint64_t stop, ph_error *err)
{
	const ph_scan_file *file = &self->scan.files[self->file];
	const ph_journal_range *lost = known_damage(self);
	bool last = self->file + 1 == self->scan.count;
	bool open_end = stop == 0 || last || file[1].number != file->number + 1 ||
			!file[1].readable;

	if (lost != NULL) {
		self->cursor.offset += lost->length;
		if (lost->last != 0)
			self->cursor.sequence = lost->last + 1;
		return PH_OK;
	}
	if (open_end || !named(self, file->number)) {
		next_file(self);
		return PH_OK;
	}
	return ph_fail_at(err, PH_ERR_CONFLICT, self->directory,
	    "PH7042 the journal was changed while it was read, at segment %010u@%llu",
	    file->number, (unsigned long long) self->cursor.offset);
}

ph_status
ph_inspection_next(ph_inspection *inspection, ph_inspected *out, ph_error *err)
{
	ph_inspection *self = inspection;
	const ph_journal_scan *scan = &self->scan;
	ph_status status = PH_OK;

	while (status == PH_OK && self->file < scan->count) {
		uint64_t stop = ph_journal_scan_stop(scan, self->file);

		if (self->fd < 0) {
			status = enter_file(self, err);
			continue;
		}
		if (stop != 0 && self->cursor.sequence >= stop) {
			next_file(self);
			continue;
		}
		if (self->held && self->cursor.sequence > scan->proven)
			break;
		*out = (ph_inspected){.segment = scan->files[self->file].number,
		    .offset = self->cursor.offset};
		status = ph_cursor_next(&self->cursor, &out->frame, &out->body, err);
		if (status == PH_ERR_NOT_FOUND) {
			status = pass_gap(self, stop, err);
			continue;
		}
		if (status == PH_OK) {
			tell_progress(
			    self, self->before + self->cursor.offset, scan->bytes);
			if (out->frame.sequence >= self->from)
				return PH_OK;
		}
	}
	return status != PH_OK ? status
			       : ph_fail(err, PH_ERR_AGAIN, "no more in the journal");
}
